"""From the first bytes of a text file to its dialect."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import numpy as np

from loadsense.errors import ContentError, FormatError
from loadsense.readers.columns import Chosen, choose_as_told, choose_by_name
from loadsense.readers.dialect import Dialect, Header, TimeColumn
from loadsense.readers.fields import is_number, split_row
from loadsense.readers.headers import Above, read_header, refuse_epochs
from loadsense.readers.options import ReadOptions
from loadsense.readers.refusals import refuse_binary, refuse_known_text
from loadsense.readers.stamps import first_stamp, is_date, is_minutes_only, kind_of, localized_pattern

#: Bytes looked at to recognise a dialect.
HEAD_BYTES: Final = 256 << 10

#: Lines above a table: no device seen has more than some 100.
_MOST_HEADER_LINES: Final = 500

#: Rows looked at one by one: enough to tell days from months and milliseconds from seconds.
_ROWS_LOOKED_AT: Final = 500
#: Unix seconds of the year 2100: a larger number is no time of day.
_LAST_UNIX_S: Final = 4.1e9
_DAY_S: Final = 86_400.0
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\s*$", re.IGNORECASE)
#: Slowest rate anybody would call raw: tells seconds from milliseconds where nothing else does.
_SLOWEST_RAW_HZ: Final = 3.0


def recognise(name: str, head: bytes, options: ReadOptions) -> Dialect:
    """The dialect of a text file.

    Parameters
    ----------
    name : str
        File name, for the sentences and for rates written into it.
    head : bytes
        First `HEAD_BYTES` bytes, or the whole file.
    options : ReadOptions

    Raises
    ------
    FormatError, ContentError, OptionError
        The file is empty, binary, no table, or not raw acceleration; a column is not there.
    """
    if not head.strip():
        raise ContentError(f"{name}: the file is empty; expected rows of time,x,y,z: copy or export it again")
    refuse_binary(name, head)
    text = head.removeprefix(_BOM).decode("utf-8", "replace")
    refuse_known_text(name, text)
    refuse_epochs(name, text)
    lines = text.split("\n")
    if len(head) >= HEAD_BYTES:
        lines.pop()  # cut in the middle
    return _table(name, lines, options)


def _table(name: str, lines: list[str], options: ReadOptions) -> Dialect:
    separator, decimal, first = _first_row(name, lines)
    rows = [split_row(line, separator) for line in lines[first : first + _ROWS_LOOKED_AT] if line.strip()]
    n_columns = len(rows[0])
    rows = [row for row in rows if len(row) == n_columns and is_data(row, decimal)]
    names, name_line, n_above = _names(lines, first, separator, n_columns)
    above = Above(name, tuple(lines[:n_above]), names, tuple(rows[:3]), first)
    header = read_header(above)
    rows = rows[max(0, header.n_lines - first) :]
    chosen = _chosen(names, rows, decimal, options)
    header = replace(header, unit=header.unit or chosen.unit)
    return Dialect(
        header=header,
        separator=separator,
        decimal=decimal,
        n_columns=n_columns,
        names=names,
        name_line=name_line,
        axes=chosen.axes,
        time=_time_column(chosen, rows, decimal, header),
        first_row=rows[0],
    )


def _first_row(name: str, lines: list[str]) -> tuple[str, str, int]:
    """Separator, decimal sign and line (from 0) of the first data row."""
    stated = _SEPARATOR_LINE.match(lines[0])
    for separator in (stated[1],) if stated else (";", "\t", ","):
        decimals = (".",) if separator == "," else (".", ",")
        for number, line in enumerate(lines[:_MOST_HEADER_LINES]):
            row = split_row(line, separator) if separator in line else ()
            for decimal in decimals:
                if is_data(row, decimal):
                    return separator, decimal, number
    raise _no_table(name, lines)


def is_data(row: tuple[str, ...], decimal: str) -> bool:
    """Whether a row begins with a number or time and holds three numbers.

    Examples
    --------
    >>> is_data(("2026-11-20T10:00:00", "1", "0", "0.5"), "."), is_data(("time", "x", "y", "z"), ".")
    (True, False)
    """
    if len(row) < 3:
        return False
    begins = is_number(row[0], decimal) or kind_of(row[0]) is not None or is_minutes_only(row[0]) or is_date(row[0])
    return begins and sum(is_number(text, decimal) for text in row) >= 3


def _no_table(name: str, lines: list[str]) -> FormatError | ContentError:
    """Why no data row was found: a header alone, an axis missing, or no numbers at all."""
    for line in lines[:_MOST_HEADER_LINES]:
        for separator in (";", "\t", ","):
            row = split_row(line, separator)
            if len(row) < 2:
                continue
            n_numbers = sum(is_number(text) or is_number(text, ",") for text in row)
            if len(row) >= 3 and n_numbers == 0 and _names_axes(row):
                rest = [text for text in lines[lines.index(line) + 1 :] if text.strip()]
                if not rest:
                    return ContentError(f"{name}: a header and no rows; expected rows of time,x,y,z: export it again")
            if len(row) == 2 and n_numbers >= 1 and len(lines) > 2:
                return FormatError(
                    f"{name}: two columns; expected x, y and z (an axis is missing): export all three axes"
                )
            if len(row) == 3 and kind_of(row[0]) is not None and n_numbers == 2:
                return FormatError(f"{name}: time and two axes; expected x, y and z: export all three axes")
    return FormatError(
        f"{name}: no numeric columns found; expected a table of time,x,y,z with a number in each: export it as CSV"
    )


def _names_axes(row: tuple[str, ...]) -> bool:
    try:
        choose_by_name(row)
    except FormatError:
        return False
    return True


def _names(lines: list[str], first: int, separator: str, n_columns: int) -> tuple[tuple[str, ...], bytes | None, int]:
    """Column names, their line as bytes, and how many lines lie above them."""
    at = first - 1
    while at >= 0 and not lines[at].strip():
        at -= 1
    if at < 0:
        return (), None, first
    row = split_row(lines[at], separator)
    while len(row) > n_columns and not row[-1]:
        row = row[:-1]
    if len(row) != n_columns or sum(bool(re.search(r"[A-Za-z]", text)) for text in row) < min(3, n_columns):
        return (), None, first
    return row, lines[at].strip().encode(), at


def _chosen(names: tuple[str, ...], rows: list[tuple[str, ...]], decimal: str, options: ReadOptions) -> Chosen:
    if options.columns:
        return choose_as_told(options.columns, names, len(rows[0]))
    if names:
        chosen = choose_by_name(names)
        unnamed_time = chosen.time is None and 0 not in chosen.axes and kind_of(rows[0][0]) is not None
        return replace(chosen, time=0) if unnamed_time else chosen
    if len(rows[0]) == 3:
        if kind_of(rows[0][0]) is not None or _counts_up(rows, decimal):
            raise FormatError("time and two axes; expected x, y and z: export all three axes")
        return Chosen((0, 1, 2), None, None, None)
    if not _is_time(rows, decimal):
        raise FormatError(
            f"{len(rows[0])} columns without names, the first is no time; say which they are with --columns "
            "(numbers from 1: time,x,y,z)"
        )
    return Chosen((1, 2, 3), None, 0, None)


def _is_time(rows: list[tuple[str, ...]], decimal: str) -> bool:
    return kind_of(rows[0][0]) is not None or is_minutes_only(rows[0][0]) or _counts_up(rows, decimal)


def _counts_up(rows: list[tuple[str, ...]], decimal: str) -> bool:
    """Whether the first column counts up like a clock: nearly no step back, and hardly a repeat without packets."""
    if len(rows) < 3:
        return len(rows) == 1 and float(rows[0][0].replace(decimal, ".")) > 1e8
    if not all(is_number(row[0], decimal) for row in rows):
        return False
    steps = np.diff([float(row[0].replace(decimal, ".")) for row in rows])
    return bool((steps >= 0).mean() >= 0.99 and (steps > 0).any() and np.median(steps) >= 0)


def _time_column(chosen: Chosen, rows: list[tuple[str, ...]], decimal: str, header: Header) -> TimeColumn | None:
    if chosen.time is None or not header.uses_times:
        return None
    texts = [row[chosen.time] for row in rows]
    if header.counter_wraps_s is not None:
        return TimeColumn(index=chosen.time, kind="number", seconds_per_unit=1e-6, wraps_s=header.counter_wraps_s)
    if is_number(texts[0], decimal):
        numbers = [float(text.replace(decimal, ".")) for text in texts if is_number(text, decimal)]
        return _number_column(chosen.time, chosen.seconds_per_unit, np.array(numbers))
    return None if is_minutes_only(texts[0]) else _written_column(chosen.time, texts, header)


def _written_column(index: int, texts: list[str], header: Header) -> TimeColumn:
    """A column of times that are not numbers."""
    row = header.n_lines + 1
    kind = kind_of(texts[0])
    pattern = localized_pattern(texts) if kind == "localized" else None
    if kind == "localized" and pattern is None:
        raise ContentError(
            f"row {row}: in '{texts[0]}' day and month cannot be told apart; "
            "export ISO 8601 times (2026-11-20T10:00:00)"
        )
    no_time = ContentError(
        f"row {row}, column {index + 1}: '{texts[0]}' is not a time; "
        "expected ISO 8601 such as 2026-11-20T10:00:00.000, unix time, or seconds"
    )
    if kind is None:
        raise no_time
    column = TimeColumn(index=index, kind=kind, pattern=pattern, wraps_s=_DAY_S if kind == "time_of_day" else None)
    try:
        first_stamp(column, ("",) * index + (texts[0],), ".")
    except ValueError:  # the shape of a date, and none: 31 February
        raise no_time from None
    return column


def _number_column(index: int, stated: float | None, values: np.ndarray) -> TimeColumn:
    """Unit and origin of a numeric time column, by its name, else by its size and its steps."""
    for scale, floor in ((1e-9, 1e17), (1e-6, 1e14), (1e-3, 1e11), (1.0, 1e8)):
        if floor < values[0] < _LAST_UNIX_S / scale:
            if stated is None or stated == scale:
                return TimeColumn(index=index, kind="number", seconds_per_unit=scale, is_unix=True)
            break
    scale = stated or _scale_by_steps(values)
    return TimeColumn(index=index, kind="number", seconds_per_unit=scale)


def _scale_by_steps(values: np.ndarray) -> float:
    """Seconds per unit such that the rows come at a plausible rate."""
    span = float(values.max() - values.min())
    per_unit = (len(values) - 1) / span if span > 0 else _SLOWEST_RAW_HZ
    for scale in (1.0, 1e-3, 1e-6, 1e-9):
        if per_unit / scale >= _SLOWEST_RAW_HZ:
            return scale
    return 1.0
