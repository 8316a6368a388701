"""Parquet and Arrow tables of time, x, y, z by anybody: the rules of text tables, without the text.

The first rows are shown to the recogniser of text tables, so that names, units, times and refusals are the same for a
table however it is stored; its rows are then taken from the columns themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadsense.errors import ContentError, FormatError, WorldError
from loadsense.readers.columns import take_apart
from loadsense.readers.filed import FileRecording
from loadsense.readers.loadsense_format import check_groups, opened_parquet
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.readers.rows import RowBlock, RowReader
from loadsense.readers.sniffing import HEAD_BYTES, recognise
from loadsense.readers.text import TextFile

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET: Final = b"PAR1"
_ARROW_FILE: Final = b"ARROW1"
_ARROW_STREAM: Final = b"\xff\xff\xff\xff"
#: No sensor has more counts, and no clock more nanoseconds.
_MOST_UNITS: Final = 1e12
_MOST_TIME_UNITS: Final = 1e20
_HEAD_ROWS: Final = 2000
_BATCH_ROWS: Final = 65536


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001 - every reader is asked alike
    """Whether this is a Parquet file, an Arrow (Feather) file or an Arrow stream."""
    return head.startswith((_PARQUET, _ARROW_FILE)) or (head.startswith(_ARROW_STREAM) and len(head) > 8)


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from a table.

    Raises
    ------
    UserError
        The file is damaged, or holds no raw acceleration; see `loadsense.readers.text`.
    """
    dialect = recognise(path.name, _head(path), options)
    header = replace(dialect.header, format="Parquet" if _is_parquet(path) else "Arrow")
    return _Table(ByteSource(path), replace(dialect, header=header), options).recording()


class _Table(TextFile):
    """A text table whose rows come from columns."""

    def new_rows(self) -> RowReader:
        """The rows, from the first one."""
        return _TableRows(self.source, self.dialect)


class _TableRows(RowReader):
    """Rows of one table; each iteration reads it from its start."""

    def __iter__(self) -> Iterator[RowBlock]:
        row = self.dialect.header.n_lines + 1
        names = _plain_columns(self.source.path)
        time = self.dialect.time
        used = [names[index] for index in (*self.dialect.axes, *(() if time is None else (time.index,)))]
        for batch in _batches(self.source.path, used):
            if not batch.num_rows:
                continue
            values = np.empty((batch.num_rows, 3))
            for axis in range(3):
                values[:, axis] = _floats(batch.column(used[axis]))
            bad = np.flatnonzero(~(np.abs(values) < _MOST_UNITS).all(axis=1))
            if len(bad):
                raise ContentError(f"row {row + bad[0]}: a value is missing or infinite; leave such rows out")
            yield RowBlock(row, None if time is None else self._times_s(batch.column(used[3]), row), values)
            row += batch.num_rows

    def _times_s(self, column: pa.Array, row: int) -> np.ndarray:
        """Seconds from the first stamp."""
        import pyarrow as pa

        time = self.dialect.time
        if column.null_count or time is None:
            raise ContentError(f"rows {row} to {row + len(column) - 1}: a time is missing; leave such rows out")
        if time.kind == "number":
            stamps = _floats(column)
            if not (np.abs(stamps) < _MOST_TIME_UNITS).all():
                raise ContentError(f"rows {row} to {row + len(column) - 1}: a time is infinite; leave such rows out")
            return (stamps - self._base) * time.seconds_per_unit
        if time.kind not in ("iso", "iso_offset"):
            raise ContentError(f"row {row}: times are stored as text; store them as timestamps or seconds")
        try:
            moments = column.cast(pa.timestamp("ns", tz=getattr(column.type, "tz", None)))
        except pa.ArrowInvalid:
            raise ContentError(f"rows {row} to {row + len(column) - 1}: a time cannot be read") from None
        times_s: np.ndarray = (moments.cast(pa.int64()).to_numpy(zero_copy_only=False) - np.int64(self._base)) * 1e-9
        return times_s


def _head(path: Path) -> bytes:
    """The first rows as a text table."""
    names = _plain_columns(path)
    lines = [",".join(name.replace(",", " ").replace("\n", " ") for name in names)]
    for batch in _batches(path, names):
        columns = [column.to_pylist() for column in batch.slice(0, _HEAD_ROWS).columns]
        lines += [",".join(map(_written, row)) for row in zip(*columns, strict=True)]
        if len(lines) > _HEAD_ROWS:
            break
    text = "\n".join(lines[: _HEAD_ROWS + 1]) + "\n"
    return text.encode()[: HEAD_BYTES - 1]


def _written(value: Any) -> str:
    """A value as text tables write it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value).replace(",", " ").replace("\n", " ")


def _floats(column: pa.Array) -> np.ndarray:
    values: np.ndarray = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    return values


def _is_parquet(path: Path) -> bool:
    return ByteSource(path).head(4) == _PARQUET


def _plain_columns(path: Path) -> list[str]:
    """Names of the columns that are numbers or times, or texts called a time, in order.

    Raises
    ------
    FormatError
        Two columns have the same name.
    """
    import pyarrow as pa

    tests = (pa.types.is_floating, pa.types.is_integer, pa.types.is_timestamp)
    with _opened(path) as (schema, _):
        names = [
            field.name
            for field in schema
            if any(test(field.type) for test in tests)
            or (pa.types.is_string(field.type) and take_apart(0, field.name).is_time)
        ]
    if len(set(names)) < len(names):
        raise FormatError(f"{path.name}: two columns have the same name ({', '.join(names)}); rename one")
    return names


def _batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Rows of the named columns, some at a time."""
    with _opened(path) as (_, batches):
        for batch in batches:
            for first in range(0, batch.num_rows, _BATCH_ROWS):
                part = batch.select(names).slice(first, _BATCH_ROWS)
                part.validate(full=True)  # Arrow files carry no checksums, and texts may be no UTF-8
                yield part


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Schema, and the batches of all columns."""
    if _is_parquet(path):
        with opened_parquet(path) as file:
            check_groups(file, path.name)
            yield file.schema_arrow, file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
        return
    with _opened_arrow(path) as reader:
        if hasattr(reader, "num_record_batches"):
            yield reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            yield reader.schema, iter(reader)


@contextmanager
def _opened_arrow(path: Path) -> Iterator[Any]:
    """An Arrow file or stream; what pyarrow raises becomes our sentence."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as raw:
            is_file = ByteSource(path).head(6) == _ARROW_FILE
            yield pa.ipc.open_file(raw) if is_file else pa.ipc.open_stream(raw)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise WorldError(f"{path}: cannot be read ({fault.strerror})") from None
        first = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise FormatError(f"{path.name}: the Arrow file is damaged or cut off ({first}); copy it again") from None
