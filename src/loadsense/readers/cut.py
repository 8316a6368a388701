"""A part of a recording: rows from a start up to an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from loadsense.errors import OptionError
from loadsense.readers.options import ReadOptions
from loadsense.readers.rows import RowBlock


@dataclass(frozen=True, slots=True)
class Cut:
    """Bounds in seconds from the first row, [start, end)."""

    start_s: float | None = None
    end_s: float | None = None

    def rows(self, blocks: Iterable[RowBlock], rate_hz: float | None) -> Iterator[RowBlock]:
        """Rows inside the bounds: from the first one at or after the start to the first one at or after the end.

        Parameters
        ----------
        blocks : iterable of RowBlock
        rate_hz : float, optional
            Rate by which rows without times are counted.
        """
        if self.start_s is None and self.end_s is None:
            yield from blocks
            return
        n_before, begun = 0, self.start_s is None
        for block in blocks:
            times = block.times_s
            if times is None:
                times = (n_before + np.arange(len(block))) / (rate_hz or 1.0)
            n_before += len(block)
            start = 0 if begun else _first_at(times, self.start_s)
            begun = begun or start < len(block)
            stop = _first_at(times[start:], self.end_s) + start
            if stop > start:
                yield block.part(start, stop)
            if stop < len(block):
                return


def _first_at(times: np.ndarray, bound_s: float | None) -> int:
    """First row at or after a bound (to a microsecond), or their number."""
    if bound_s is None:
        return len(times)
    reached = times >= bound_s - 1e-6
    return int(reached.argmax()) if reached.any() else len(times)


def cut_of(options: ReadOptions, file_start: datetime | None) -> Cut:
    """Bounds that the user asked for.

    Raises
    ------
    OptionError
        A time of day for a file without one, or an end that is not after the start.
    """
    start_s = _seconds("start", options.start, file_start)
    end_s = _seconds("end", options.end, file_start)
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise OptionError(f"end {options.end} is not after start {options.start}; give a later end")
    return Cut(start_s, end_s)


def _seconds(name: str, bound: datetime | float | None, file_start: datetime | None) -> float | None:
    if bound is None or not isinstance(bound, datetime):
        return bound
    if file_start is None:
        raise OptionError(
            f"{name} {bound.isoformat()} is a time of day, and the file has none; "
            f"give --{name} in seconds from its first row"
        )
    if bound.tzinfo is None:
        bound = bound.replace(tzinfo=file_start.tzinfo)
    if (file_start.tzinfo is None) != (bound.tzinfo is None):
        raise OptionError(f"{name} {bound.isoformat()} has a time zone and the file has none; give --tz as well")
    return (bound - file_start).total_seconds()
