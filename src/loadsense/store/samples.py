"""The sample files beside the database: one Parquet file a recording, and an outline of it for fast drawing.

`recordings/<first two of the hash>/<hash>.loadsense.parquet` holds the samples, `<hash>.envelope.npy` the smallest and
largest |a| (RAW g, float32) of every 128 samples of the grid, NaN where there are none. A trace of a long stretch is
drawn from the outline and a short one from the row groups that it needs; both keep every peak at its height. The
outline is made from the samples and can be made again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from loadsense.errors import OptionError, WorldError
from loadsense.readers.loadsense_format import ROWS_PER_GROUP, SUFFIX, opened_parquet, write_recording
from loadsense.readers.stream_json import Described, described
from loadsense.samples import FloatArray, Gap, Recording, SampleBlock
from loadsense.store.opening import Store
from loadsense.store.sweeping import RECORDINGS
from loadsense.store.tables import RecordingRow, SessionRecording

#: Samples in a bucket of the outline.
BUCKET_SAMPLES: Final = 128
ENVELOPE_SUFFIX: Final = ".envelope.npy"
_MOST_POINTS: Final = 20_000

FloatsToDraw = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A stretch of a recording for the eye.

    Attributes
    ----------
    start_s, step_s : float
        Seconds from sample 0 of the recording to the start of the first bucket, and its width.
    low_g, high_g : ndarray of float32, shape (n,)
        Smallest and largest |a| of each bucket, RAW g; NaN where no sample is.
    sampling_rate_hz : float
        Of the recording.
    bucket_samples : int
        Samples in a bucket; 1 where each sample is drawn.
    """

    start_s: float
    step_s: float
    low_g: FloatsToDraw
    high_g: FloatsToDraw
    sampling_rate_hz: float
    bucket_samples: int


def relative_path(sha256: str) -> str:
    """Where a recording's samples lie, below the folder of the store."""
    return f"{RECORDINGS}/{sha256[:2]}/{sha256}{SUFFIX}"


def recording_path(store: Store, sha256: str) -> Path:
    """File of a recording's samples.

    Raises
    ------
    OptionError
        There is no such recording, or only its results were kept.
    WorldError
        The file is not where it should be.
    """
    with store.reading() as db:
        row = db.get(RecordingRow, sha256)
    if row is None:
        raise OptionError(f"there is no recording {sha256[:12]}; expected one of a session")
    if row.path is None:
        raise OptionError(f"of recording {sha256[:12]} only the results were sent; its samples cannot be shown")
    path = store.folder / row.path
    if not path.exists():
        raise WorldError(f"the samples of recording {sha256[:12]} are missing at {path}: restore them from a backup")
    return path


def write_samples(recording: Recording, path: Path) -> int:
    """Write samples and outline, each whole or not at all; return how many samples there are.

    Raises
    ------
    UserError, WorldError
        The recording cannot be read, or the files cannot be written.
    """
    stored = write_recording(recording, path)
    write_envelope(path)
    return stored.n_samples


def write_envelope(path: Path) -> Path:
    """Make the outline of a recording from its samples."""
    target = envelope_path(path)
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            np.save(file, np.stack(_outline(path)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as fault:
        raise WorldError(f"{target.name}: cannot be written ({fault.strerror}); make room on the disk") from None
    finally:
        part.unlink(missing_ok=True)
    return target


def envelope_path(path: Path) -> Path:
    """Where the outline of a recording lies."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ENVELOPE_SUFFIX)


def _outline(path: Path) -> tuple[FloatsToDraw, FloatsToDraw]:
    stretch = _Stretches(path)
    low = np.full(-(-stretch.n_grid // BUCKET_SAMPLES), np.nan, dtype=np.float32)
    high = low.copy()
    for block in stretch.blocks(0, stretch.n_grid):
        _merge(block, (low, high), first_bucket=0, width=BUCKET_SAMPLES)
    return low, high


def _merge(block: SampleBlock, into: tuple[FloatsToDraw, FloatsToDraw], *, first_bucket: int, width: int) -> None:
    """Take the extremes of a block into buckets that lie on absolute sample indices."""
    size_g = _resultant_g(block.accel_g)
    first, last = block.first_sample // width, (block.first_sample + len(size_g) - 1) // width
    starts = np.arange(first, last + 1) * width - block.first_sample
    starts[0] = 0
    buckets = slice(first - first_bucket, last + 1 - first_bucket)
    low, high = into
    low[buckets] = np.fmin(low[buckets], np.minimum.reduceat(size_g, starts))
    high[buckets] = np.fmax(high[buckets], np.maximum.reduceat(size_g, starts))


def _resultant_g(accel_g: FloatArray) -> FloatsToDraw:
    x, y, z = accel_g[:, 0], accel_g[:, 1], accel_g[:, 2]
    size_g: FloatsToDraw = np.sqrt(x * x + y * y + z * z).astype(np.float32)
    return size_g


def trace(store: Store, sha256: str, *, t0_s: float = 0.0, t1_s: float | None = None, n_points: int = 2000) -> Trace:
    """A stretch of a recording in about so many buckets.

    Parameters
    ----------
    store : Store
    sha256 : str
        Of the recording.
    t0_s, t1_s : float
        Seconds from its sample 0; to its end for None.
    n_points : int
        Buckets at most.

    Raises
    ------
    OptionError
        There is no such recording or stretch, or a number of points that cannot be.
    WorldError
        The samples are missing or damaged.
    """
    if not 1 <= n_points <= _MOST_POINTS:
        raise OptionError(f"{n_points} points; expected 1 to {_MOST_POINTS}")
    stretch = _Stretches(recording_path(store, sha256))
    found = _trace(stretch, t0_s, t1_s, n_points)
    if found is None:
        raise OptionError(
            f"nothing lies between {t0_s:g} s and {'the end' if t1_s is None else f'{t1_s:g} s'}; "
            f"the recording has {stretch.n_grid / stretch.stated.info.sampling_rate_hz:.0f} s"
        )
    return found


def _trace(stretch: _Stretches, t0_s: float, t1_s: float | None, n_points: int) -> Trace | None:
    rate_hz = stretch.stated.info.sampling_rate_hz
    first = max(0, math.floor(_sample(t0_s, rate_hz)))
    end = stretch.n_grid if t1_s is None else min(stretch.n_grid, math.ceil(_sample(t1_s, rate_hz)))
    if first >= end:
        return None
    width = -(-(end - first) // n_points)
    if width >= BUCKET_SAMPLES:
        low, high, first, width = _from_outline(stretch.path, first, end, -(-width // BUCKET_SAMPLES))
    else:
        low, high, first = _from_samples(stretch, first, end, width)
    return Trace(
        start_s=first / rate_hz,
        step_s=width / rate_hz,
        low_g=low,
        high_g=high,
        sampling_rate_hz=rate_hz,
        bucket_samples=width,
    )


def _sample(time_s: float, rate_hz: float) -> float:
    """A moment in samples; 146.77 s at 100 Hz is sample 14677, and not one of 14677.000000000002."""
    return round(time_s * rate_hz, 6)


def session_traces(
    store: Store, session_id: int, *, t0_s: float = 0.0, t1_s: float | None = None, n_points: int = 2000
) -> dict[str, Trace]:
    """The same stretch of every sensor of a session, by name; seconds count from the start of the session.

    A sensor whose samples were not kept, or that has nothing there, is left out.
    """
    chosen = select(SessionRecording, RecordingRow.path).join(
        RecordingRow, RecordingRow.sha256 == SessionRecording.sha256
    )
    with store.reading() as db:
        rows = db.execute(chosen.where(SessionRecording.session_id == session_id)).all()
    traces = {}
    for row, path in rows:
        start_s, end_s = t0_s - row.offset_s, None if t1_s is None else t1_s - row.offset_s
        if path is None:
            continue
        found = _trace(_Stretches(recording_path(store, row.sha256)), start_s, end_s, n_points)
        if found is not None:
            traces[row.sensor] = replace(found, start_s=found.start_s + row.offset_s)
    return traces


def _from_outline(path: Path, first: int, end: int, per_point: int) -> tuple[FloatsToDraw, FloatsToDraw, int, int]:
    target = envelope_path(path)
    if not target.exists():
        write_envelope(path)
    low, high = np.load(target, mmap_mode="r", allow_pickle=False)
    width = per_point * BUCKET_SAMPLES
    first_bucket = first // width * per_point
    buckets = slice(first_bucket, -(-end // BUCKET_SAMPLES))
    starts = np.arange(0, len(low[buckets]), per_point)
    return (
        np.fmin.reduceat(low[buckets], starts),
        np.fmax.reduceat(high[buckets], starts),
        first_bucket * BUCKET_SAMPLES,
        width,
    )


def _from_samples(stretch: _Stretches, first: int, end: int, width: int) -> tuple[FloatsToDraw, FloatsToDraw, int]:
    first_bucket = first // width
    low = np.full(-(-end // width) - first_bucket, np.nan, dtype=np.float32)
    high = low.copy()
    for block in stretch.blocks(first_bucket * width, end):
        _merge(block, (low, high), first_bucket=first_bucket, width=width)
    return low, high, first_bucket * width


def samples_between(path: Path, first: int, end: int) -> Iterator[SampleBlock]:
    """The samples of [first, end) on the grid of a stored recording, in blocks between its gaps."""
    return _Stretches(path).blocks(first, end)


def rebuild_envelopes(store: Store) -> int:
    """Make every outline that is missing; return how many were."""
    lost = [path for path in (store.folder / RECORDINGS).glob(f"??/*{SUFFIX}") if not envelope_path(path).exists()]
    for path in lost:
        write_envelope(path)
    return len(lost)


class _Stretches:
    """A stored recording, read in part: which rows hold which samples of its grid."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened_parquet(path) as file:
            self.stated: Described = described(dict(file.metadata.metadata or {}), path.name)
        gaps: tuple[Gap, ...] = self.stated.contents.gaps
        self.n_grid = self.stated.contents.n_samples + sum(gap.n_missing for gap in gaps)
        starts = [0, *(gap.first_sample + gap.n_missing for gap in gaps)]
        ends = [*(gap.first_sample for gap in gaps), self.n_grid]
        self._stretches = [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]

    def blocks(self, first: int, end: int) -> Iterator[SampleBlock]:
        """Samples of [first, end), a block for each row group and stretch between gaps."""
        row = 0
        with opened_parquet(self.path) as file:
            for start, stop in self._stretches:
                low, high = max(first, start), min(end, stop)
                if low < high:
                    for at, accel_g in self._rows(file, row + low - start, row + high - start):
                        yield SampleBlock(at - row + start, accel_g)
                row += stop - start

    def _rows(self, file: object, first_row: int, end_row: int) -> Iterator[tuple[int, FloatArray]]:
        for number in range(first_row // ROWS_PER_GROUP, -(-end_row // ROWS_PER_GROUP)):
            group_first = number * ROWS_PER_GROUP
            table = file.read_row_group(number, columns=["x", "y", "z"], use_threads=False)  # type: ignore[attr-defined]
            low = max(0, first_row - group_first)
            table = table.slice(low, min(end_row - group_first, ROWS_PER_GROUP) - low)
            stored = np.empty((table.num_rows, 3))
            for axis, name in enumerate(("x", "y", "z")):
                stored[:, axis] = table.column(name).to_numpy()
            yield group_first + low, self.stated.grid.restored(stored, self.stated.info.calibration)
