"""One file of a cohort, from its bytes to its tables: what runs in a worker."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loadsense.cohort.allocator import keep_freed_memory
from loadsense.cohort.facts import FileTask, Options, Outcome, OutputError, Source
from loadsense.cohort.failing import failure_of
from loadsense.cohort.finding import file_system, is_url
from loadsense.errors import LoadSenseError, OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.results import SessionReport
    from loadsense.summary import Judging

_BLOCK_BYTES: Final = 4 << 20


def analyze_file(task: FileTask) -> Outcome:
    """Read, analyze and write one file; a `LoadSenseError` becomes an outcome, anything else is raised.

    Raises
    ------
    OutputError
        The results cannot be written.
    """
    keep_freed_memory()
    content, version, told_as = None, None, None
    try:
        version = _version(task.source)
        if version is not None and version == task.done_version:
            return Outcome(skipped=True)
        with at_hand(task.source) as path:
            told_as = (str(path), task.source.name)
            content = content_hash(path)
            if content == task.done_content:
                return Outcome(content=content, version=version, skipped=True)
            return replace(_analyzed(task, path, content), version=version)
    except OutputError:
        raise
    except LoadSenseError as error:
        return Outcome(content=content, version=version, failure=failure_of(error, told_as=told_as))


def recording_id(content: str, arguments: str) -> str:
    """Name of a recording's rows: 16 hex digits of what is in the file and of what it was analyzed with."""
    return hashlib.sha256(f"{content} {arguments}".encode()).hexdigest()[:16]


def _analyzed(task: FileTask, path: Path, content: str) -> Outcome:
    from loadsense import readers, session
    from loadsense.cohort.tables import summary_row, write_tables

    options: dict[str, Any] = dict(task.reading)
    recording = readers.read(path, **options)
    report: SessionReport = session.analyze(recording, judged_by=judging(task.judged), cores=1)
    whose = {"recording_id": recording_id(content, task.arguments), "participant": task.participant}
    return Outcome(
        content=content,
        summary=summary_row(report),
        parts=write_tables(report, whose, task.output),
        n_samples=report.recordings[0].quality.n_samples,
    )


@lru_cache(maxsize=2)
def judging(judged: Options) -> Judging:
    """What sessions are judged by: read once in each process, not once for each file.

    Raises
    ------
    UserError
        A plan, person or profile that cannot be used.
    """
    from loadsense import session

    options: dict[str, Any] = dict(judged)
    options["loads_kg"] = dict(options.get("loads_kg") or ())
    return session.judging(**options)


def _version(source: Source) -> str | None:
    """What the object store calls the file's present version; None for a local file, which is always hashed."""
    if not is_url(source.key):
        return None
    try:
        store, place = file_system(source.key)
        return str(store.ukey(place))
    except OSError as fault:
        raise WorldError(f"{source.name}: cannot be found ({fault}); check the network and the keys") from None


def check_reading(reading: Options) -> None:
    """Refuse options that no file could be read with.

    Raises
    ------
    OptionError
        An impossible value.
    """
    from loadsense.readers.options import checked_options

    given = dict.fromkeys(("unit", "sampling_rate_hz", "columns", "start", "end", "range_g", "body_mass_kg", "tz"))
    everything: dict[str, Any] = {**given, "placement": "unknown", "activity": None, "calibrate": True, **dict(reading)}
    checked_options(**everything)


@contextmanager
def at_hand(source: Source) -> Iterator[Path]:
    """The file on a disk of this machine; what was fetched is thrown away after.

    Raises
    ------
    WorldError
        The object store does not give it.
    """
    if not is_url(source.key):
        yield Path(source.key)
        return
    with tempfile.TemporaryDirectory(prefix="loadsense-") as folder:
        path = Path(folder) / source.key.rsplit("/", 1)[-1]
        _fetch(source, path)
        yield path


def _fetch(source: Source, path: Path) -> None:
    try:
        store, place = file_system(source.key)
        with store.open(place, "rb") as remote, path.open("wb") as local:
            shutil.copyfileobj(remote, local, _BLOCK_BYTES)
    except OSError as fault:
        raise WorldError(f"{source.name}: cannot be fetched ({fault}); check the network and the keys") from None


def content_hash(path: Path) -> str:
    """SHA-256 of a file, as hex digits.

    Raises
    ------
    OptionError
        The file has gone.
    WorldError
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        raise OptionError(f"{path}: the file has gone since the batch began; check the folder") from None
    except OSError as fault:
        raise WorldError(f"{path}: cannot be read ({fault.strerror or fault}); check the disk") from None
    return digest.hexdigest()
