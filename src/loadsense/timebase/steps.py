"""Clocks that step: back by a little, by too much, or by an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from loadsense.errors import ContentError
from loadsense.samples import FloatArray, Gap
from loadsense.timebase.tally import ClockTally

#: Longest step back of the clock that keeps its samples (recorded clocks were seen to step back 0.4 to 2.3 s).
MAX_STEP_BACK_S: Final = 2.5
#: A longer gap is a clock that was lost or not set (1970 -> 2026), not a recording.
_LONGEST_GAP_S: Final = 366 * 86_400.0
_HOUR_S: Final = 3600.0
_NO_HOUR: Final = ", which helps only with a step of one hour; else split the file there, or delete the rows before"


class RowNames:
    """What rows of a hop are called in the file."""

    def __init__(self, parts: list[tuple[int, int]]) -> None:
        self._parts = parts

    def name(self, row: int) -> int:
        """Line of a row of the hop, counted from 0."""
        for first, n in self._parts:
            if row < n:
                return first + row
            row -= n
        return row


class StepCleaner:
    """Makes times that never step back.

    Parameters
    ----------
    step_s : float
        Sample interval.
    tally : ClockTally
    is_clock_change, describe
        As for `Timebase`.
    """

    def __init__(
        self,
        step_s: float,
        tally: ClockTally,
        is_clock_change: Callable[[float, float], bool] | None,
        describe: Callable[[float], str],
    ) -> None:
        self._step_s = step_s
        self._tally = tally
        self._is_clock_change = is_clock_change
        self._describe = describe
        self._last_raw_s: float | None = None
        self._shift_s = 0.0

    def is_straight_at(self, time_s: float) -> bool:
        """Whether the last recorded time was this one, and the clock was never moved."""
        return self._last_raw_s == time_s and self._shift_s == 0.0

    def go_on_to(self, time_s: float) -> None:
        """Rows were found to need no cleaning; the last of them has this time."""
        self._last_raw_s = time_s

    def clean(self, raw: FloatArray, names: RowNames) -> tuple[FloatArray, dict[int, Gap]]:
        """Times that never step back, and where they had to be cut: row among these -> what is missing there."""
        step_s = self._step_s
        before = raw[0] - step_s if self._last_raw_s is None else self._last_raw_s
        intervals = np.diff(raw, prepend=before)
        is_hour = np.abs(intervals - _HOUR_S) <= MAX_STEP_BACK_S
        odd = np.flatnonzero((intervals < -1e-9) | is_hour | (intervals > _LONGEST_GAP_S))
        cuts: dict[int, Gap] = {}
        shift = np.zeros(len(raw))
        for i in odd:
            earlier = before if i == 0 else raw[i - 1]
            moved, cut = self._odd_interval(float(earlier), float(raw[i]), names.name(int(i)))
            shift[i] = moved
            if cut is not None:
                cuts[int(i)] = cut
        times = raw + (self._shift_s + np.cumsum(shift) if len(odd) else self._shift_s)
        if len(odd):
            self._shift_s += float(shift.sum())
            times = np.maximum.accumulate(times)
        self._last_raw_s = float(raw[-1])
        return times, cuts

    def _odd_interval(self, earlier_s: float, later_s: float, row: int) -> tuple[float, Gap | None]:
        """By how much the clock is moved after a step back or an hour, and the cut that marks it."""
        step_s, interval = self._step_s, later_s - earlier_s
        is_hour = abs(abs(interval) - _HOUR_S) <= MAX_STEP_BACK_S
        if is_hour and self._is_clock_change is not None and self._is_clock_change(earlier_s, later_s):
            self._tally.hours.append(f"row {row}: clocks changed by an hour ({self._span(earlier_s, later_s)})")
            hour = _HOUR_S if interval < 0 else -_HOUR_S
            left = interval + hour
            return (hour, None) if left >= 0 else (hour - left + step_s, self._step_back(-left))
        if interval > _LONGEST_GAP_S:
            raise ContentError(
                f"row {row}: time jumps {interval / 86_400.0:.0f} days ahead ({self._span(earlier_s, later_s)}); "
                "the clock is wrong there: correct or delete those rows"
            )
        if interval >= 0:
            return 0.0, None
        if -interval <= MAX_STEP_BACK_S:
            if -interval <= step_s:
                self._tally.n_out_of_order += 1
                return 0.0, None
            return -interval + step_s, self._step_back(-interval)
        raise ContentError(
            f"row {row}: time goes back {_seconds(-interval)} ({self._span(earlier_s, later_s)}); "
            "clock change? pass --tz" + ("" if is_hour or self._is_clock_change is None else _NO_HOUR)
        )

    def _step_back(self, size_s: float) -> Gap:
        self._tally.n_steps_back += 1
        self._tally.steps_back_s = [*self._tally.steps_back_s[:9], size_s]
        return Gap(0, 0, f"clock stepped back {size_s:.1f} s")

    def _span(self, earlier_s: float, later_s: float) -> str:
        return f"{self._describe(earlier_s)} -> {self._describe(later_s)}"


def _seconds(duration_s: float) -> str:
    """Short words for a duration.

    Examples
    --------
    >>> _seconds(3.2), _seconds(3600.0)
    ('3.2 s', '3600 s')
    """
    return f"{duration_s:.1f} s" if duration_s < 100.0 else f"{duration_s:.0f} s"
