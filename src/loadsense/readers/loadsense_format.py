"""LoadSense's own recording, `.loadsense.parquet`: counts on a grid, and everything else that is known, in one file.

Layout (version 1): a Parquet file of the columns x, y, z, one row per sample that exists, in row groups of 100,000,
BYTE_STREAM_SPLIT and zstd 3 (7 bits a sample and axis where measured, and the fastest to read), page checksums. The
file's key-value metadata hold JSON:

loadsense.version    "1"
loadsense.stream     the `StreamInfo`, exactly
loadsense.grid       how rows become RAW g (`sample_grids.Grid`): stored / divisor * factor, then the calibration of
                     the stream where the grid says that the recorded values are stored
loadsense.items      gaps, number of samples, clock quality, largest change made by storing
loadsense.crc32      of the three above, because Parquet's checksums cover pages only

The samples are stored as recorded, before calibration, so that they stay counts; reading calibrates them by the same
arithmetic as the reader of the original did, and writing verifies that the result is the same, bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from loadsense.errors import FormatError, LoadSenseError, OptionError, WorldError
from loadsense.placement import Placement
from loadsense.readers.device import in_zone, later, refuse_other_rate, said_within, window_of
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.readers.sample_grids import Grid, exact_grids, near_grids
from loadsense.readers.stream_json import Contents, Described, described, metadata_of
from loadsense.samples import Calibration, FloatArray, Gap, Item, Recording, SampleBlock, StreamInfo

if TYPE_CHECKING:
    import pyarrow.parquet as pq

SUFFIX: Final = ".loadsense.parquet"
ROWS_PER_GROUP: Final = 100_000
#: Row groups of a foreign writer may be larger; beyond this nothing is decoded at once.
MOST_GROUP_BYTES: Final = 512 << 20
#: Samples that rule out most grids.
_FIRST_LOOK: Final = 256
_AXES: Final = ("x", "y", "z")
_PARQUET: Final = b"PAR1"
_OUR_KEYS: Final = b"loadsense."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was written.

    Attributes
    ----------
    path : Path
    grid : Grid
        How samples are stored.
    n_samples : int
    largest_change_g : float
        Largest difference between a sample and its stored copy; 0 for an exact copy.
    """

    path: Path
    grid: Grid
    n_samples: int
    largest_change_g: float


def write_recording(
    recording: Recording,
    path: str | Path,
    *,
    samples: Literal["exact", "counts", "float32"] = "exact",
    counts_per_g: float | None = None,
) -> Stored:
    """Write a recording in LoadSense's own format, whole or not at all.

    Parameters
    ----------
    recording : Recording
        Read once, or again where its samples turn out not to lie on the first grid that fitted.
    path : str or Path
        Should end in `.loadsense.parquet`; replaced if it exists.
    samples : {"exact", "counts", "float32"}
        "exact" gives back every sample bit for bit: as counts where they lie on a grid, else in 32 or 64 bits.
        "counts" rounds to 16-bit counts of the range (or of `counts_per_g`), "float32" to 32 bits; the largest change
        is returned and kept in the file.
    counts_per_g : float, optional
        Scale of the sensor, where the caller knows it.

    Returns
    -------
    Stored

    Raises
    ------
    OptionError
        `samples="counts"` without a range or scale.
    WorldError
        The file cannot be written (disk full, no permission); nothing is left behind.
    """
    grids, exact = _grids(recording.info, samples, counts_per_g), samples == "exact"
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    first = next((item.accel_g for item in recording.blocks() if isinstance(item, SampleBlock)), None)
    odd = [] if first is None else [first]
    with _written(target, part):
        for grid in grids:
            if any(not _fits(grid, block, recording.info.calibration, exact=exact) for block in odd):
                continue
            written = _Writer(recording, part, grid, exact=exact).write()
            if isinstance(written, Stored):
                part.replace(target)
                _sync_folder(target.parent)
                return replace(written, path=target)
            odd.append(written)
    raise OptionError(
        f"{target.name}: samples beyond {_limit_g(recording.info, counts_per_g):g} g do not fit its counts"
    )


def sniff(head: bytes, path: Path) -> bool:
    """Whether this is a Parquet file of ours, by its name or by any of our metadata: one key may be damaged."""
    if not head.startswith(_PARQUET):
        return False
    if path.name.endswith(SUFFIX):
        return True
    try:
        with opened_parquet(path) as file:
            return any(key.startswith(_OUR_KEYS) for key in file.metadata.metadata or {})
    except LoadSenseError:
        return False


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording in our own format; options that are given go before what it says of itself.

    Raises
    ------
    FormatError
        The file is damaged, or of a later version.
    OptionError
        Nothing lies between start and end, or the rate is contradicted.
    """
    with opened_parquet(path) as file:
        stated = described(dict(file.metadata.metadata or {}), path.name)
        _check_columns(file, stated, path.name)
    if not options.calibrate and stated.grid.recorded:
        stated = replace(stated, info=replace(stated.info, calibration=Calibration()))
    info = _told(stated.info, options)
    window = window_of(info.start, info.sampling_rate_hz, options)
    info = said_within(info, window)
    if info.start is not None:
        info = replace(info, start=later(info.start, window.first / info.sampling_rate_hz))
    passes = _Rows(path, stated)
    return FileRecording(info, lambda: window.of(passes.items()), lambda: stated.contents.quality, ByteSource(path))


def _told(info: StreamInfo, options: ReadOptions) -> StreamInfo:
    """Facts of the file, with what the user says put in their place."""
    refuse_other_rate(info.sampling_rate_hz, options)
    return replace(
        info,
        placement=info.placement if options.placement is Placement.UNKNOWN else options.placement,
        range_g=options.range_g or info.range_g,
        body_mass_kg=info.body_mass_kg if options.body_mass_kg is None else options.body_mass_kg,
        activity=options.activity or info.activity,
        tz=options.tz or info.tz,
        start=in_zone(info.start, options.tz),
    )


@contextmanager
def opened_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file with its page checksums verified; what pyarrow raises becomes our sentence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # pages are decoded one after the other: nothing is read ahead
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            yield file
    except FileNotFoundError:
        raise OptionError(f"{path}: no such file; check the name and the folder") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise WorldError(f"{path}: cannot be read ({fault.strerror})") from None
        first = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise FormatError(f"{path.name}: the Parquet file is damaged or cut off ({first}); copy it again") from None


def check_groups(file: pq.ParquetFile, name: str) -> None:
    """Raise a `FormatError` when a row group is too large to be decoded at once."""
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        if group.total_byte_size > MOST_GROUP_BYTES or group.num_rows > MOST_GROUP_BYTES // 8:
            raise FormatError(
                f"{name}: row group {number + 1} states {group.num_rows} rows in {group.total_byte_size} bytes; "
                f"expected at most {MOST_GROUP_BYTES} bytes: write it again in smaller row groups"
            )


def _grids(info: StreamInfo, samples: str, counts_per_g: float | None) -> Iterator[Grid]:
    """Grids to be tried in order."""
    if samples == "float32":
        return iter((Grid(kind="float32"),))
    if samples == "exact":
        return exact_grids(info, counts_per_g)
    if counts_per_g is None and info.range_g is None:
        raise OptionError("counts need a scale, and the recording has no range; give range_g when reading it")
    return iter(near_grids(info, counts_per_g or 32768.0 / (info.range_g or 1.0)))


def _limit_g(info: StreamInfo, counts_per_g: float | None) -> float:
    return np.iinfo(np.int32).max / (counts_per_g or 32768.0 / (info.range_g or 1.0))


def _fits(grid: Grid, accel_g: FloatArray, calibration: Calibration, *, exact: bool) -> bool:
    """Whether a grid stores these samples: bit for bit, or within half a count."""
    if grid.kind == "float32" and not exact:
        return True
    if exact and len(accel_g) > _FIRST_LOOK and not _fits(grid, accel_g[:_FIRST_LOOK], calibration, exact=True):
        return False
    restored = grid.restored(grid.stored(accel_g, calibration), calibration)
    if exact:
        return bool((restored == accel_g).all())
    half_g = 0.5001 * grid.factor / grid.divisor * max(map(abs, calibration.gain))
    return bool((np.abs(restored - accel_g) <= half_g).all())


class _Writer:
    """One attempt to write a recording on one grid."""

    def __init__(self, recording: Recording, part: Path, grid: Grid, *, exact: bool) -> None:
        self._recording = recording
        self._part = part
        self._grid = grid
        self._exact = exact
        self._held: list[np.ndarray] = []
        self._n_held = self._n_samples = 0
        self._largest_change_g = 0.0
        self._gaps: list[Gap] = []

    def write(self) -> Stored | FloatArray:
        """What was written, or the first samples that do not lie on the grid."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(axis, pa.type_for_alias(self._grid.kind)) for axis in _AXES])
        with self._part.open("wb") as raw:
            writer = pq.ParquetWriter(
                raw,
                schema,
                compression="zstd",
                compression_level=3,
                use_dictionary=False,
                column_encoding=dict.fromkeys(_AXES, "BYTE_STREAM_SPLIT"),
                write_page_checksum=True,
                write_statistics=False,
            )
            try:
                odd = self._take_all(writer, schema)
                if odd is None:
                    writer.add_key_value_metadata(self._metadata())
                writer.close()
            finally:
                writer.is_open = False  # after a failure it must not write again when it is collected
            raw.flush()
            os.fsync(raw.fileno())
        if odd is not None:
            return odd
        return Stored(
            path=self._part,
            grid=self._grid,
            n_samples=self._n_samples,
            largest_change_g=self._largest_change_g,
        )

    def _take_all(self, writer: pq.ParquetWriter, schema: Any) -> FloatArray | None:
        calibration = self._recording.info.calibration
        for item in self._recording.blocks():
            if isinstance(item, Gap):
                self._gaps.append(item)
                continue
            if not _fits(self._grid, item.accel_g, calibration, exact=self._exact):
                return item.accel_g
            if not self._exact:
                self._largest_change_g = max(self._largest_change_g, self._grid.change_g(item.accel_g, calibration))
            self._held.append(self._grid.stored(item.accel_g, calibration))
            self._n_held += len(item)
            self._n_samples += len(item)
            self._write_groups(writer, schema, at_least=ROWS_PER_GROUP)
        self._write_groups(writer, schema, at_least=1)
        return None

    def _write_groups(self, writer: pq.ParquetWriter, schema: Any, *, at_least: int) -> None:
        """Write what is held, in whole row groups, and the rest too when any row will do."""
        import pyarrow as pa

        if self._n_held < at_least:
            return
        rows = np.concatenate(self._held)
        n = len(rows) if at_least == 1 else len(rows) // ROWS_PER_GROUP * ROWS_PER_GROUP
        for first in range(0, n, ROWS_PER_GROUP):
            group = rows[first : min(first + ROWS_PER_GROUP, n)]
            columns = [pa.array(np.ascontiguousarray(group[:, axis])) for axis in range(3)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS_PER_GROUP)
        self._held, self._n_held = [rows[n:]], len(rows) - n

    def _metadata(self) -> dict[str, str]:
        contents = Contents(
            n_samples=self._n_samples,
            gaps=tuple(self._gaps),
            quality=self._recording.clock_quality,
            largest_change_g=self._largest_change_g,
        )
        return metadata_of(Described(info=self._recording.info, grid=self._grid, contents=contents))


@contextmanager
def _written(target: Path, part: Path) -> Iterator[None]:
    """Whatever happens, no part of a file stays behind; what the disk raises becomes our sentence."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        raise WorldError(
            f"{target}: cannot be written ({why}); nothing was kept, make room or choose another folder"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # a folder cannot be opened on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_columns(file: pq.ParquetFile, stated: Described, name: str) -> None:
    types = {field.name: str(field.type) for field in file.schema_arrow}
    kind = {"float32": "float", "float64": "double"}.get(stated.grid.kind, stated.grid.kind)
    if types != dict.fromkeys(_AXES, kind) or file.metadata.num_rows != stated.contents.n_samples:
        raise FormatError(
            f"{name}: {file.metadata.num_rows} rows of {types}; its description says {stated.contents.n_samples} "
            f"rows of x, y, z as {kind}: the file is damaged, copy it again"
        )
    _check_row_groups(file, name)
    check_groups(file, name)


def _check_row_groups(file: pq.ParquetFile, name: str) -> None:
    """Raise a `FormatError` unless every row is in a group; no checksum covers Parquet's own table of contents."""
    n_rows = sum(file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups))
    if n_rows != file.metadata.num_rows:
        raise FormatError(
            f"{name}: its row groups hold {n_rows} of {file.metadata.num_rows} rows; the file is damaged, copy it again"
        )


class _Rows:
    """The rows and gaps of one file, from its start."""

    def __init__(self, path: Path, stated: Described) -> None:
        self._path = path
        self._stated = stated

    def items(self) -> Iterator[Item]:
        gaps = iter(self._stated.contents.gaps)
        gap = next(gaps, None)
        here = 0
        with opened_parquet(self._path) as file:
            for number in range(file.metadata.num_row_groups):
                accel_g = self._group(file, number)
                done = 0
                while gap is not None and gap.first_sample <= here + len(accel_g) - done:
                    n = gap.first_sample - here
                    if n:
                        yield SampleBlock(here, accel_g[done : done + n])
                    yield gap
                    done, here = done + n, gap.first_sample + gap.n_missing
                    gap = next(gaps, None)
                if done < len(accel_g):
                    yield SampleBlock(here, accel_g[done:])
                    here += len(accel_g) - done
            if gap is not None:
                yield gap
                yield from gaps

    def _group(self, file: pq.ParquetFile, number: int) -> FloatArray:
        table = file.read_row_group(number, columns=list(_AXES), use_threads=False)  # another thread is detecting
        stored = [_values(table.column(name), self._stated.grid.kind, self._path.name) for name in _AXES]
        return self._stated.grid.of_columns(stored, self._stated.info.calibration)


def _values(column: Any, kind: str, name: str) -> np.ndarray:
    """Values of an Arrow column; its own conversion would import pandas."""
    if column.null_count:
        raise FormatError(f"{name}: a stored value is missing; the file is damaged, copy it again")
    parts = [
        np.frombuffer(chunk.buffers()[1], kind, count=chunk.offset + len(chunk))[chunk.offset :]
        for chunk in column.chunks
        if len(chunk)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, kind), *parts])


__all__ = ["SUFFIX", "Stored", "open_recording", "sniff", "write_recording"]
