"""What a text table of acceleration looks like: the facts that turn its bytes into rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: How a time column is written.
TimeKind = Literal["iso", "iso_offset", "number", "time_of_day", "localized"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeColumn:
    """One column of times.

    Attributes
    ----------
    index : int
        Column, from 0.
    kind : {"iso", "iso_offset", "number", "time_of_day", "localized"}
        How it is written.
    seconds_per_unit : float
        For numbers: 1 for seconds, 1e-3 for milliseconds, ...
    is_unix : bool
        For numbers: counted from 1970 UTC, else from a start of the device's own.
    pattern : str or None
        For localized times: the strptime pattern.
    wraps_s : float or None
        After how many seconds the clock begins again at 0: a day without its date, a counter of 32 bits.
    """

    index: int
    kind: TimeKind
    seconds_per_unit: float = 1.0
    is_unix: bool = False
    pattern: str | None = None
    wraps_s: float | None = None

    @property
    def knows_date(self) -> bool:
        """Whether the first stamp is a date and time."""
        return self.is_unix or self.kind in ("iso", "iso_offset", "localized")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the lines above the table (or the format itself) say.

    Attributes
    ----------
    format : str
        Name of the format, for people.
    n_lines : int
        Lines above the first data row, the line of column names included.
    unit, counts_per_g : str or None, float or None
        Stated unit; for counts, how many make 1 g where the format fixes it.
    sampling_rate_hz, range_g : float or None
        Stated.
    start : datetime or None
        Stated time of the first sample.
    uses_times : bool
        False where a time column is known to be useless and the stated rate rules.
    counter_wraps_s : float or None
        Where the time column is a counter of microseconds: the seconds after which it begins again.
    not_rows : tuple of bytes
        Beginnings of lines that this format puts among or below its rows.
    """

    format: str = "csv"
    n_lines: int = 0
    unit: str | None = None
    counts_per_g: float | None = None
    sampling_rate_hz: float | None = None
    range_g: float | None = None
    start: datetime | None = None
    uses_times: bool = True
    counter_wraps_s: float | None = None
    not_rows: tuple[bytes, ...] = ()
    device: str | None = None
    serial: str | None = None
    firmware: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Everything needed to read the rows of one text file.

    Attributes
    ----------
    header : Header
    separator, decimal : str
        One character each.
    n_columns : int
        Fields in each row.
    names : tuple of str
        Column names as written; empty when the file has none.
    name_line : bytes or None
        The line of column names, which some programs repeat inside.
    axes : tuple of int
        Columns of x, y, z.
    time : TimeColumn or None
    """

    header: Header
    separator: str
    decimal: str
    n_columns: int
    names: tuple[str, ...]
    name_line: bytes | None
    axes: tuple[int, int, int]
    time: TimeColumn | None = None
    first_row: tuple[str, ...] = ()

    @property
    def used_names(self) -> tuple[str, ...]:
        """Names of the columns in use: time first, then x, y, z."""
        used = ([] if self.time is None else [self.time.index]) + list(self.axes)
        return tuple(self.names[i] if self.names else f"column {i + 1}" for i in used)
