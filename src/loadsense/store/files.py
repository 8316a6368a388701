"""Files of sensors before any transaction: hashed, kept in our format without a name, passed through the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from loadsense import together
from loadsense.errors import OptionError, WorldError
from loadsense.readers import read
from loadsense.readers.filed import FileRecording
from loadsense.readers.loadsense_format import SUFFIX
from loadsense.results import RecordingResult
from loadsense.samples import Item, Recording
from loadsense.session import Session as Measured
from loadsense.store.keeping import Part
from loadsense.store.samples import write_samples

#: Told the step, "reading" or "analyzing", and which share of it is done, 0 to 1.
Progress = Callable[[str, float], None]
#: Share of a step that is worth telling.
_STEP: Final = 0.01


def tell_nobody(step: str, share: float) -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFile:
    """One file of a session, and what it does not say itself.

    Attributes
    ----------
    path : Path
    placement : str
        Where the sensor was worn.
    sensor : str or None
        Name in the session; the placement for None.
    offset_s : float or None
        Seconds from the start of the session to its first sample; its clock says it for None.
    reading : dict
        More options of `loadsense.read`: unit, range_g, sampling_rate_hz, columns.
    """

    path: Path
    placement: str = "unknown"
    sensor: str | None = None
    offset_s: float | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What files do not say, and who is told how far they are.

    Attributes
    ----------
    facts : mapping
        Options of `loadsense.read` for every file; a file's own go before them.
    tz : str or None
        Zone of files that do not say theirs.
    beside : tuple of RecordingResult
        Other recordings of the session, known already.
    offsets_s : mapping of str to float
        Seconds from the start of the session, by sensor, where the clocks are not to say it.
    progress : callable
    """

    facts: Mapping[str, Any]
    tz: str | None = None
    beside: tuple[RecordingResult, ...] = ()
    offsets_s: Mapping[str, float] = field(default_factory=dict)
    progress: Progress = tell_nobody


def hash_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises
    ------
    OptionError
        There is no such file.
    WorldError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise OptionError(f"{path.name}: no such file; check the name and the folder") from None
    except OSError as fault:
        raise WorldError(f"{path.name}: cannot be read ({fault.strerror})") from None


def measured(own: Path, files: Sequence[SensorFile], hashes: Sequence[str], told: Telling) -> list[Part]:
    """Samples in our own format, and what the engine finds in them; those beside them placed anew.

    Parameters
    ----------
    own : Path
        Folder to write into.
    files, hashes
        One of each sensor.
    told : Telling

    Returns
    -------
    list of Part
        Of the files, in order, then of the recordings beside them, without a file.
    """
    names = [file.sensor or file.placement for file in files]
    opened = {name: _opened(file, told) for name, file in zip(names, files, strict=True)}
    others = {one.sensor: _known_only(one) for one in told.beside}
    together.refuse_what_cannot_be({name: one.info for name, one in {**others, **opened}.items()})
    stored, n_samples = _stored(own, opened, hashes, told.progress)
    given = {name: file.offset_s for name, file in zip(names, files, strict=True) if file.offset_s is not None}
    found = _found(stored, n_samples, told.progress)
    whole = Measured({**stored, **others}, offsets_s={**told.offsets_s, **given})
    placed = whole.placed([*found, *told.beside])
    paths = [own / f"{sha256}{SUFFIX}" for sha256 in hashes]
    return [
        *(
            Part(sha256=sha256, result=result, file=path, file_bytes=file.path.stat().st_size)
            for file, sha256, result, path in zip(files, hashes, placed, paths, strict=False)
        ),
        *(Part(sha256="", result=result, file=None, file_bytes=0) for result in placed[len(files) :]),
    ]


def _opened(file: SensorFile, told: Telling) -> Recording:
    """The recording with what its file does not say; a zone that it says is where she was."""
    facts = {**told.facts, **file.reading}
    recording = read(file.path, placement=file.placement, **facts)
    if told.tz is None or recording.info.tz is not None or facts.get("tz") is not None:
        return recording
    return read(file.path, placement=file.placement, **{**facts, "tz": told.tz})


def _known_only(result: RecordingResult) -> Recording:
    """A recording that is not read again: its facts are enough to place the others."""
    return Recording(result.info, lambda: iter(()), lambda: result.clock)


def _stored(
    own: Path, opened: Mapping[str, Recording], hashes: Sequence[str], progress: Progress
) -> tuple[dict[str, Recording], dict[str, int]]:
    """The recordings as they are kept, and how many samples each has."""
    stored, n_samples, told = {}, {}, _Told("reading", sum(one.n_bytes for one in opened.values()), progress)
    for (name, recording), sha256 in zip(opened.items(), hashes, strict=True):
        path = own / f"{sha256}{SUFFIX}"
        n_samples[name] = write_samples(_anonymous(recording, sha256, told), path)
        told.finish(recording.n_bytes)
        stored[name] = read(path)
    return stored, n_samples


def _anonymous(recording: Recording, sha256: str, told: _Told) -> Recording:
    """The recording under its hash: the name of a file and of a device's participant may be a person's."""
    origin = replace(recording.info.origin, file=sha256[:12], sha256=sha256, participant=None)

    def blocks() -> Iterator[Item]:
        for item in recording.blocks():
            told.pass_by(recording.n_bytes_read if isinstance(recording, FileRecording) else 0)
            yield item

    return Recording(replace(recording.info, origin=origin), blocks, lambda: recording.clock_quality)


def _found(stored: Mapping[str, Recording], n_samples: Mapping[str, int], progress: Progress) -> list[RecordingResult]:
    """What the engine finds, each recording by itself."""
    found, told = [], _Told("analyzing", sum(n_samples.values()), progress)
    for name, recording in stored.items():
        found += Measured({name: recording}).detected(lambda _, n: told.pass_by(n))
        told.finish(n_samples[name])
    return found


def without_names(result: RecordingResult) -> RecordingResult:
    """The result under its recording's hash, as `measured` makes it."""
    origin = result.info.origin
    named = replace(origin, file=(origin.sha256 or "live")[:12], participant=None)
    return replace(result, info=replace(result.info, origin=named))


class _Told:
    """How far one step is, over all its files; it never goes back, whatever is read twice."""

    def __init__(self, step: str, n_all: int, progress: Progress) -> None:
        self._step = step
        self._n_all = max(1, n_all)
        self._progress = progress
        self._n_before = 0
        self._share = 0.0
        progress(step, 0.0)

    def pass_by(self, n: int) -> None:
        """So much of the file that is read now."""
        share = min(1.0, (self._n_before + n) / self._n_all)
        if share >= self._share + _STEP:
            self._share = share
            self._progress(self._step, share)

    def finish(self, n: int) -> None:
        """A file is done."""
        self._n_before += n
        self._share = min(1.0, self._n_before / self._n_all)
        self._progress(self._step, self._share)
