"""Rows of a text table, parsed in blocks.

A block of whole lines with nothing but plain numbers goes through a compiled loop where that is loaded; any other one
through pyarrow's C++ parser, which says the same of plain numbers. Only where that fails are the lines looked at one by
one: repeated headers and blank lines are left out, anything else is an error that names its row and column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadsense import kernels
from loadsense.errors import ContentError
from loadsense.readers.dialect import Dialect, TimeColumn
from loadsense.readers.opening import ByteSource
from loadsense.readers.stamps import first_stamp, stamp_seconds
from loadsense.samples import FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

#: Nanoseconds since 1970 that 64 bits do not hold: years before 1678 and after 2261, which the other parser refuses.
_MOST_NS: Final = 2**63
#: No line of a recording is longer.
_LONGEST_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive data rows.

    Attributes
    ----------
    first_line : int
        Line of the first row in the file, from 1.
    times_s : ndarray, shape (n,), or None
        Seconds from the first stamp of the file, as recorded.
    values : ndarray, shape (n, 3)
        Columns x, y, z as written, in the file's unit.
    """

    first_line: int
    times_s: FloatArray | None
    values: FloatArray

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int) -> RowBlock:
        """Rows start to stop."""
        times_s = None if self.times_s is None else self.times_s[start:stop]
        return RowBlock(self.first_line + start, times_s, self.values[start:stop])


class _UnparsableError(Exception):
    """The fast parser did not accept a block."""


@dataclass(slots=True)
class RowReader:
    """Rows of one file; each iteration reads it from its start.

    Attributes
    ----------
    source : ByteSource
    dialect : Dialect
    n_repeated_headers, n_not_rows : int
        Lines left out, of the last pass; blank ones are not counted.
    """

    source: ByteSource
    dialect: Dialect
    n_repeated_headers: int = 0
    n_not_rows: int = 0
    _wrapped_s: float = field(init=False, repr=False, default=0.0)
    _last_s: float = field(init=False, repr=False, default=0.0)
    _convert: Any = field(init=False, repr=False)
    _wanted: IntArray | None = field(init=False, repr=False)
    _base: float = field(init=False, repr=False)  # an int where stamps are nanoseconds

    def __post_init__(self) -> None:
        self._convert = _converter(self.dialect)
        self._wanted = _wanted(self.dialect)
        time = self.dialect.time
        self._base = 0.0 if time is None else first_stamp(time, self.dialect.first_row, self.dialect.decimal)
        if time is not None and time.kind != "number" and abs(self._base) >= _MOST_NS:
            self._wanted = None

    def __iter__(self) -> Iterator[RowBlock]:
        self.n_repeated_headers = self.n_not_rows = 0
        self._wrapped_s = self._last_s = 0.0
        to_skip, line = self.dialect.header.n_lines, 1
        for block in self.source.blocks():
            data, n_skipped = _without_first_lines(block, to_skip)
            to_skip, line = to_skip - n_skipped, line + n_skipped
            if data:
                parsed, n_lines = self._parsed(data, line)
                line += n_lines
                yield from parsed

    def _parsed(self, data: memoryview, first_line: int) -> tuple[list[RowBlock], int]:
        """Rows of a block of whole lines, and how many lines it has."""
        try:
            rows = self._fast(data, first_line)
        except _UnparsableError:
            lines = bytes(data)
            return list(self._parsed_in_pieces(lines, first_line)), lines.count(b"\n")
        return [rows], len(rows)

    def _parsed_in_pieces(self, data: bytes, first_line: int) -> Iterator[RowBlock]:
        for line, piece in self._pieces(data, first_line):
            try:
                yield self._fast(piece, line)
            except _UnparsableError as fault:
                raise _named_fault(self.dialect, piece, line, str(fault)) from None

    def _fast(self, data: bytes | memoryview, first_line: int) -> RowBlock:
        rows = self._plain(data, first_line)
        return self._parsed_by_arrow(data, first_line) if rows is None else rows

    def _plain(self, data: bytes | memoryview, first_line: int) -> RowBlock | None:
        """The rows, if all are plain numbers and times and the loops for them are loaded."""
        loops, time = kernels.compiled(), self.dialect.time
        if loops is None or self._wanted is None or data[-1:] != b"\n":
            return None
        bytes_ = np.frombuffer(data, dtype=np.uint8)
        words = kernels.text.words_of(bytes_)
        values, times, stamps = loops.table(bytes_, words, self._signs(data), self._wanted)
        if time is None or not len(values):
            return RowBlock(first_line, None, values) if len(values) else None
        if time.kind == "number":
            times_s = (times - self._base) * time.seconds_per_unit
        else:
            times_s = loops.moments(bytes_, words, stamps, time.kind == "iso_offset", int(self._base))
        return RowBlock(first_line, self._checked(times_s, time), values) if len(times_s) else None

    def _signs(self, data: bytes | memoryview) -> tuple[int, int, int]:
        """Bytes between columns, before decimals, and behind the last column of the first row."""
        before_end = bytes(data[:_LONGEST_LINE]).partition(b"\n")[0][-1:]
        return ord(self.dialect.separator), ord(self.dialect.decimal), ord("\r" if before_end == b"\r" else "\n")

    def _parsed_by_arrow(self, data: bytes | memoryview, first_line: int) -> RowBlock:
        import pyarrow as pa
        import pyarrow.csv

        read, parse, convert = self._convert
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(data), read_options=read, parse_options=parse, convert_options=convert
            )
        except pa.ArrowInvalid as fault:
            raise _UnparsableError(str(fault)) from None
        values = np.empty((len(table), 3))
        for axis, column in enumerate(self.dialect.axes):
            _copy(table[f"c{column}"], values[:, axis])
        if not np.isfinite(values).all():
            raise _UnparsableError("not finite")
        return RowBlock(first_line, self._times(table), values)

    def _times(self, table: pa.Table) -> FloatArray | None:
        time = self.dialect.time
        if time is None:
            return None
        column = table[f"c{time.index}"]
        times_s: FloatArray
        if time.kind == "number":
            numbers = np.empty(len(column))
            _copy(column, numbers)
            times_s = (numbers - self._base) * time.seconds_per_unit
        elif time.kind in ("iso", "iso_offset"):
            stamps = np.empty(len(column), dtype=np.int64)
            _copy(column, stamps)
            times_s = ((stamps - np.int64(self._base)) * 1e-9).astype(np.float64, copy=False)
        else:
            times_s = self._written_times(np.array(column.to_pylist(), dtype=object), time)
        return self._checked(times_s, time)

    def _checked(self, times_s: FloatArray, time: TimeColumn) -> FloatArray:
        if not np.isfinite(times_s).all():
            raise _UnparsableError("not finite")
        return times_s if time.wraps_s is None else self._unwrapped(times_s, time.wraps_s)

    def _written_times(self, texts: Any, time: TimeColumn) -> FloatArray:
        try:
            times_s: FloatArray = stamp_seconds(texts, time) - self._base
        except ValueError as fault:
            raise _UnparsableError(str(fault)) from None
        return times_s

    def _unwrapped(self, times_s: FloatArray, wraps_s: float) -> FloatArray:
        """Times of a counter that begins again: a clock without a date at midnight, 32 bits of microseconds."""
        if not len(times_s):
            return times_s
        times_s = times_s + self._wrapped_s
        begins_again = np.diff(times_s, prepend=self._last_s) < -wraps_s / 2.0
        turns = np.cumsum(begins_again, dtype=np.float64) * wraps_s
        self._wrapped_s, self._last_s = self._wrapped_s + float(turns[-1]), float(times_s[-1] + turns[-1])
        return times_s + turns

    def _pieces(self, data: bytes, first_line: int) -> Iterator[tuple[int, bytes]]:
        """Runs of lines that hold data, with the line each begins at; what is left out is counted."""
        name_line, not_rows = self.dialect.name_line, self.dialect.header.not_rows
        empty = b' \t\r"' + self.dialect.separator.encode()
        run: list[bytes] = []
        start = first_line
        for number, line in enumerate(data.split(b"\n"), first_line):
            stripped = line.strip()
            repeated = name_line is not None and stripped == name_line
            foreign = stripped.startswith(not_rows)
            if stripped.strip(empty) and not repeated and not foreign:
                if not run:
                    start = number
                run.append(line + b"\n")
                continue
            self.n_repeated_headers += repeated
            self.n_not_rows += foreign
            if run:
                yield start, b"".join(run)
                run = []
        if run:
            yield start, b"".join(run)


def _copy(column: Any, out: FloatArray | IntArray) -> None:
    """Values of an Arrow column of 8-byte numbers; its own conversion would import pandas."""
    at = 0
    for chunk in column.chunks:
        if chunk.null_count:
            raise _UnparsableError("a value is missing")
        stop = chunk.offset + len(chunk)
        out[at : at + len(chunk)] = np.frombuffer(chunk.buffers()[1], dtype=out.dtype, count=stop)[chunk.offset :]
        at += len(chunk)


def _converter(dialect: Dialect) -> tuple[Any, Any, Any]:
    """Options of pyarrow's parser: only the columns in use are converted."""
    import pyarrow as pa
    import pyarrow.csv as pc

    types = {f"c{axis}": pa.float64() for axis in dialect.axes}
    if dialect.time is not None:
        kinds = {"number": pa.float64(), "iso": pa.timestamp("ns"), "iso_offset": pa.timestamp("ns", tz="UTC")}
        types[f"c{dialect.time.index}"] = kinds.get(dialect.time.kind, pa.string())
    names = [f"c{i}" for i in range(dialect.n_columns)]
    return (
        pc.ReadOptions(column_names=names, block_size=2 << 20),
        pc.ParseOptions(delimiter=dialect.separator, ignore_empty_lines=False),
        pc.ConvertOptions(column_types=types, include_columns=list(types), decimal_point=dialect.decimal),
    )


def _wanted(dialect: Dialect) -> IntArray | None:
    """What the compiled loop is to do with each column; None where it does not know such times."""
    wanted = np.full(dialect.n_columns, kernels.text.PASSED_OVER, dtype=np.int64)
    wanted[list(dialect.axes)] = np.arange(3)
    if dialect.time is not None:
        if dialect.time.kind not in ("number", "iso", "iso_offset"):
            return None
        wanted[dialect.time.index] = kernels.text.TIME if dialect.time.kind == "number" else kernels.text.STAMP
    return wanted


def _without_first_lines(block: memoryview, n_lines: int) -> tuple[memoryview, int]:
    """The block without its first lines, and how many it had of them."""
    if not n_lines:
        return block, 0
    head, position = bytes(block), 0
    for n_skipped in range(n_lines):
        cut = head.find(b"\n", position) + 1
        if not cut:
            return block[:0], n_skipped + (position < len(head))
        position = cut
    return block[position:], n_lines


def _named_fault(dialect: Dialect, data: bytes, first_line: int, reason: str) -> ContentError:
    """The first wrong row of a block that the parser refused, with its column."""
    from loadsense.readers.fields import row_fault, split_row

    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), first_line):
        fault = row_fault(dialect, split_row(line, dialect.separator))
        if fault:
            return ContentError(f"row {number}{fault}")
    return ContentError(f"row {first_line} and after: cannot be read as a table ({reason}); export the file again")
