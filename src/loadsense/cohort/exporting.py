"""Many files into one BIDS dataset: whose each is, what it is called there, and one bad file that stops no other.

Theory of operation. A name in BIDS says subject, session, task, tracking system and run. Here the subject is the
participant of the manifest, the session the local day of the recording, the tracking system where the sensor was worn.
Where another recording has that name already, in the list or in the dataset as it was found, the run tells them apart;
`_motion.json` keeps the hash of the file, so that the same file gets the same name when it is exported again, also with
options that were put right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadsense.bids import SOURCE, BidsNames, export_bids
from loadsense.cohort import finding
from loadsense.cohort import manifest as manifests
from loadsense.cohort.facts import Options, Source
from loadsense.cohort.work import at_hand, check_reading, content_hash
from loadsense.errors import LoadSenseError, OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.samples import StreamInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsOptions:
    """How recordings are named and read.

    Attributes
    ----------
    task : str
        Task label of all of them, such as hirit or freeliving.
    subject, session : str or None
        Labels of all of them; else the participant of the manifest or the file's name, and the local day.
    manifest : str or None
        CSV as `loadsense batch` takes it.
    reading : Options
        Parameters of `read` for every file; a row of the manifest goes before.
    """

    task: str
    subject: str | None = None
    session: str | None = None
    manifest: str | None = None
    reading: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What one file came to: where its samples lie in the dataset, or why it is not there."""

    file: str
    motion: Path | None = None
    error: LoadSenseError | None = None


def export_files(paths: Sequence[str], folder: str, options: BidsOptions) -> Iterator[Exported]:
    """Export files, folders, globs and URLs one after another.

    Parameters
    ----------
    paths : sequence of str
        As `loadsense batch` takes them.
    folder : str
        Root of the dataset; one that is there gains what is new.
    options : BidsOptions
        Names and reading.

    Yields
    ------
    Exported
        Of each file, in order; also of one that failed.

    Raises
    ------
    UserError
        A label that BIDS does not allow, an impossible option, or a manifest that cannot be used as a whole: wrong for
        every file.
    """
    check_reading(options.reading)
    BidsNames(subject=options.subject or "any", task=options.task, session=options.session)
    sources, missing = _found(paths, folder, options.manifest)
    yield from missing
    rows, failures = _rows(options.manifest, sources)
    yield from (failed for key, failed in failures.items() if key not in {source.key for source in sources})
    for source in sources:
        yield failures[source.key] if source.key in failures else _exported(source, folder, rows, options)


def _found(paths: Sequence[str], folder: str, manifest: str | None) -> tuple[list[Source], list[Exported]]:
    """Every file once, and the paths at which there is none."""
    found: dict[str, Source] = {}
    missing = []
    for path in paths:
        try:
            sources = finding.find([path], leave_out=[folder, *([manifest] if manifest else [])])
        except LoadSenseError as error:
            missing.append(Exported(file=path, error=error))
            continue
        found.update((source.key, source) for source in sources if source.key not in found)
    return [found[key] for key in sorted(found)], missing


def _rows(
    manifest: str | None, sources: Sequence[Source]
) -> tuple[Mapping[str, manifests.ManifestRow], dict[str, Exported]]:
    """Rows of the manifest by file, and the files and rows that have none of the other."""
    if manifest is None:
        return {}, {}
    matched = manifests.match(manifest, sources)
    names = {source.key: source.name for source in sources}
    failures = {
        key: Exported(file=names.get(key, key), error=OptionError(f"{failure.reason}; {failure.what_to_do}"))
        for key, failure in matched.failures.items()
    }
    return matched.rows, failures


def _exported(source: Source, folder: str, rows: Mapping[str, manifests.ManifestRow], options: BidsOptions) -> Exported:
    """One file: read, analyzed for its events, written."""
    from loadsense import readers, session

    row = rows.get(source.key)
    reading: dict[str, Any] = dict(options.reading) | dict(row.options if row else ())
    try:
        with at_hand(source) as path:
            recording = readers.read(path, **reading)
            names = _names(row.participant if row else None, source, recording.info, options)
            made_from = _made_from(path, reading)
            free = _free(names, Path(folder), made_from)
            motion, *_ = export_bids(recording, session.analyze(recording), folder, free, source=made_from)
    except LoadSenseError as error:
        return Exported(file=source.name, error=error)
    return Exported(file=source.name, motion=motion)


def _made_from(path: Path, reading: Mapping[str, Any]) -> str:
    """The file's content, and which part of it."""
    part = [f"{name}={reading[name]}" for name in ("start", "end") if reading.get(name) is not None]
    return " ".join([content_hash(path), *part])


def _names(participant: str | None, source: Source, info: StreamInfo, options: BidsOptions) -> BidsNames:
    """What a recording is called before others are looked at."""
    stem = source.key.rsplit("/", 1)[-1].partition(".")[0]
    subject = options.subject or label(participant or stem)
    if not subject:
        raise OptionError(f"{source.name}: its name holds no letter or digit for a BIDS subject; give --subject")
    day = f"{info.start:%Y%m%d}" if info.start else None
    return BidsNames(
        subject=subject, task=options.task, session=options.session or day, tracksys=label(info.placement.value)
    )


def label(words: str) -> str:
    """What BIDS allows of a name: its letters and digits.

    Examples
    --------
    >>> label("p-017"), label("lower_back")
    ('p017', 'lowerback')
    """
    return re.sub(r"[^A-Za-z0-9]", "", words)


def _free(names: BidsNames, root: Path, made_from: str) -> BidsNames:
    """The names, with the first run that no other recording has; that of the same file, when it is there."""
    runs = chain([None], map(str, count(2)))
    tries = (replace(names, run=run) for run in runs)
    return next(one for one in tries if _holder(root / one.folder / f"{one.stem}_motion.json") in (None, made_from))


def _holder(sidecar: Path) -> str | None:
    """What a recording of the dataset was made from; None where there is none, empty where it does not say."""
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise WorldError(f"{sidecar}: cannot be read ({fault}); mend or remove it") from None
    return str(told.get(SOURCE, "")) if isinstance(told, dict) else ""
