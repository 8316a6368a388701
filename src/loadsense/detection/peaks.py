"""Peaks high enough for a landing, whether or not a flight came before them: what a report lists as excluded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from loadsense import kernels
from loadsense.detection.around import turned_deg
from loadsense.detection.flights import Trace
from loadsense.detection.history import GRID_HZ
from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakCriteria:
    """How a peak without a flight is told apart.

    Attributes
    ----------
    apart_s : float
        |a| must stay below the least peak this long for the next peak to be another one.
    decide_after_s : float
        A peak is named this long after it: the landing that its push-off led to has settled by then.
    takeoff_within_s, bounce_within_s : float
        A landing this soon after the peak, or before it, explains it.
    knock_over_g, knock_longest_s : float
        A knock is over the first, RAW g, for no longer than the second in all.
    fall_turn_deg : float
        On the trunk a larger turn of the mean acceleration is a fall.
    step_within_s : float
        A peak this soon after another is a step of a run.
    """

    apart_s: float
    decide_after_s: float
    takeoff_within_s: float
    bounce_within_s: float
    knock_over_g: float
    knock_longest_s: float
    fall_turn_deg: float
    step_within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudPeak:
    """Grid index and height, RAW g, of the largest |a| of a burst, and seconds since the one before."""

    peak: int
    peak_g: float
    since_s: float


class _Burst(NamedTuple):
    """First value over the least peak, the one behind the last, the highest, in grid indices, and its height."""

    low: int
    high: int
    highest: int
    peak_g: float


class PeakFinder:
    """Bursts over the least peak, each once it is over."""

    def __init__(self, criteria: PeakCriteria, least_peak_g: float) -> None:
        self._criteria = criteria
        self._least_peak_g = least_peak_g
        self._apart = round(criteria.apart_s * GRID_HZ)
        self.restart(0, begins=True)

    def restart(self, first: int, *, begins: bool) -> None:
        """Start at a grid index; `begins` where the stream itself starts there."""
        self._from = self._seen = first
        self._ahead: deque[_Burst] = deque()
        if begins:
            self._last: int | None = None

    def find(self, trace: Trace, *, closing: bool = False) -> list[LoudPeak]:
        """Bursts that are over: those of all that the trace has worked out are looked for at once."""
        if trace.end > self._seen or (self._ahead and self._ahead[0].low < trace.start):
            self._look_ahead(trace)
        found: list[LoudPeak] = []
        while self._ahead and (closing or self._ahead[0].high + self._apart <= trace.end):
            burst = self._ahead.popleft()
            self._from = burst.high
            found.append(self._peak(burst.highest, burst.peak_g))
        return found

    def _look_ahead(self, trace: Trace) -> None:
        """Find the bursts that are not told yet, as far as the trace reaches back and has been worked out."""
        first, (_, g) = max(self._from, trace.start), trace.ahead()
        self._seen = trace.ahead_end
        self._ahead.clear()
        for low, high, at, peak_g in self._bursts(g[first - trace.start :]):
            self._ahead.append(_Burst(first + int(low), first + int(high), first + int(at), peak_g))

    def _bursts(self, g: FloatArray) -> list[list[float]]:
        """First value over the least peak, the one behind the last, the highest, and its height, of each burst."""
        loops = kernels.compiled()
        if loops is not None:
            table: list[list[float]] = loops.bursts(g, self._least_peak_g, self._apart).tolist()
            return table
        over = np.flatnonzero(g >= self._least_peak_g)
        parts = np.split(over, np.flatnonzero(np.diff(over) > self._apart) + 1) if len(over) else []
        edges = [(int(part[0]), int(part[-1]) + 1) for part in parts]
        return [[low, high, low + int(g[low:high].argmax()), float(g[low:high].max())] for low, high in edges]

    def _peak(self, peak: int, peak_g: float) -> LoudPeak:
        since_s = (peak - self._last) / GRID_HZ if self._last is not None else 9.0
        self._last = peak
        return LoudPeak(peak=peak, peak_g=peak_g, since_s=since_s)


def why_no_landing(loud: LoudPeak, landings: list[int], trace: Trace, *, criteria: PeakCriteria, on_trunk: bool) -> str:
    """Name a peak that no flight explains, by the landings (grid indices of their peaks) around it."""
    after = [(landing - loud.peak) / GRID_HZ for landing in landings]
    if any(0.0 < seconds <= criteria.takeoff_within_s for seconds in after):
        return "take-off peak"
    if any(-criteria.bounce_within_s <= seconds <= 0.0 for seconds in after):
        return "second bounce"
    if on_trunk and turned_deg(trace, loud.peak - 40, loud.peak, loud.peak + 100) > criteria.fall_turn_deg:
        return "fall"
    if loud.since_s < criteria.step_within_s:
        return "running step"
    burst = trace.g(loud.peak - 15, loud.peak + 15)
    if int((burst > criteria.knock_over_g).sum()) / GRID_HZ <= criteria.knock_longest_s:
        return "knock"
    return "no flight"
