"""Fields of one row of text, looked at one by one: the slow way, for heads and for faults."""

from __future__ import annotations

import csv
import math
import re
from typing import Final

from loadsense.readers.dialect import Dialect
from loadsense.readers.stamps import is_moment, kind_of

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def split_row(line: str, separator: str) -> tuple[str, ...]:
    """Fields of one line, quotes removed, blanks stripped.

    Examples
    --------
    >>> split_row('"Time (s)"; 1,5', ";")
    ('Time (s)', '1,5')
    """
    try:
        rows = list(csv.reader([line.replace("\r", " ")], delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a field of more than 128 kB: no row of a table
        return (line[:40],)
    return tuple(text.strip() for text in rows[0]) if rows else ()


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether a field is a finite number.

    Examples
    --------
    >>> is_number("9e-6"), is_number("0,5", ","), is_number("nan"), is_number("")
    (True, True, False, False)
    """
    return bool(_NUMBER.match(text.strip().replace(decimal, ".") if decimal != "." else text.strip()))


def row_fault(dialect: Dialect, row: tuple[str, ...]) -> str | None:
    """What is wrong with a row, worded to follow "row 7"; None when nothing is."""
    if not any(row):
        return None
    if len(row) != dialect.n_columns:
        return (
            f": {len(row)} columns where {dialect.n_columns} are expected; "
            "the line is damaged or the file cut off: export it again, or delete the row"
        )
    for axis in dialect.axes:
        fault = _number_fault(row[axis], dialect.decimal)
        if fault:
            name = dialect.names[axis] if dialect.names else str(axis + 1)
            return f", column {name}: {fault}"
    return _time_fault(dialect, row)


def _number_fault(text: str, decimal: str) -> str | None:
    if not text:
        return "no value; correct or delete the row, a deleted row becomes a gap"
    try:
        value = float(text.replace(decimal, "."))
    except ValueError:
        return f"'{text}' is not a number; correct or delete the row, a deleted row becomes a gap"
    if math.isfinite(value) and is_number(text, decimal):
        return None
    if math.isfinite(value):  # 1_000, which only Python reads
        return f"'{text}' is not a number; correct or delete the row, a deleted row becomes a gap"
    return f"the value is {'NaN' if math.isnan(value) else 'infinite'}; delete the row, a deleted row becomes a gap"


def _time_fault(dialect: Dialect, row: tuple[str, ...]) -> str | None:
    time = dialect.time
    if time is None:
        return None
    text = row[time.index]
    fits = is_number(text, dialect.decimal) if time.kind == "number" else kind_of(text) == time.kind
    if fits and (time.kind not in ("iso", "iso_offset") or is_moment(text)):
        return None
    name = dialect.names[time.index] if dialect.names else str(time.index + 1)
    return f", column {name}: '{text}' is not a time like '{dialect.first_row[time.index]}'; correct or delete the row"
