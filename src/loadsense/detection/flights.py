"""Flights and the impacts that end them, found on the 100 Hz grid.

A flight is measured by its free-fall deficit D, the integral of (1 - |a|) over the dip in g s: the downward velocity
gained, divided by gravity (0.1 g s = 0.98 m/s). It hangs on no single threshold, needs no height of the peak, so that
clipping does not matter, and no axis. |a| goes through a running median first, which takes away strap and phone rattle
at take-off without smearing the push-off into the flight, as a low-pass would.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np

from loadsense import kernels
from loadsense.detection.history import GRID_HZ, History, magnitude
from loadsense.kernels.flights import NEVER, Limits
from loadsense.samples import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightCriteria:
    """What counts as a flight and as the impact after it.

    Attributes
    ----------
    below_g : float
        A flight is a run of the median-filtered |a| below this, RAW g.
    least_s : float
        Shortest flight.
    minimum_g : float
        The median-filtered |a| must fall to this, RAW g.
    join_s, join_surplus_g_s : float
        Two runs this close are one flight if the excursion between them holds no more than this integral of (|a| - 1)+.
    context_deficit_g_s : float
        Least deficit of a flight that counts as context.
    impact_within_s : float
        The peak is looked for this long after the flight.
    context_peak_g : float
        Least peak of an impact that counts as context, RAW g.
    """

    below_g: float
    least_s: float
    minimum_g: float
    join_s: float
    join_surplus_g_s: float
    context_deficit_g_s: float
    impact_within_s: float
    context_peak_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A run of low |a| on the grid, [start, end)."""

    start: int
    end: int
    deficit_g_s: float
    minimum_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightImpact:
    """A flight and the peak after it, in grid indices.

    Attributes
    ----------
    flight : Flight
        The flight.
    peak : int
        Largest |a| after the flight.
    peak_g : float
        |a| there, RAW g.
    interval_s : float
        Since the end of the flight before; large where there was none.
    recorded : bool
        No sample is missing from the start of the flight to the peak.
    """

    flight: Flight
    peak: int
    peak_g: float
    interval_s: float
    recorded: bool


#: Grid samples in a hop, at whose ends the trace is looked at.
HOP: Final = 20
#: Half a running median of seven samples.
MEDIAN_HALF = 3
#: Samples worked out at a time where the history holds them: ten hops cost little more than one.
_AHEAD: Final = 1000


#: Exchanges that bring the median of seven, and of nine, to the middle lane.
_SEVEN: Final = ((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4))
_NINE: Final = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)


def median_of_seven(values: FloatArray) -> FloatArray:
    """Running median of seven: one value for each whole window, so six fewer than came in."""
    return _median(values, 7, _SEVEN)


def median_of_nine(values: FloatArray) -> FloatArray:
    """Running median of nine: eight values fewer than came in."""
    return _median(values, 9, _NINE)


def _median(values: FloatArray, width: int, exchanges: tuple[tuple[int, int], ...]) -> FloatArray:
    """Running median by a network of exchanges: whole arrays at a time, no sorting."""
    n = len(values) - width + 1
    if n <= 0:
        return np.empty(0)
    lane = [values[shift : shift + n] for shift in range(width)]
    for low, high in exchanges:
        lane[low], lane[high] = np.minimum(lane[low], lane[high]), np.maximum(lane[low], lane[high])
    return lane[width // 2]


#: Start, end, deficit (g s) and smallest median of a run of low |a|.
Run = tuple[int, int, float, float]
Values = TypeVar("Values", FloatArray, BoolArray)


class Trace:
    """Seconds of the grid that were asked for: rows, |a| and its running median, from `start` to `end`.

    The median reaches to `median_end`, three samples less until the stream is closed. What the history holds beyond
    `end` may have been worked out already, many hops at once; `ahead` alone shows it before the trace gets there, to
    those who keep to the end of each hop themselves.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        size = 2 * keep + _AHEAD
        self._rows: FloatArray = np.empty((size, 3))
        self._g: FloatArray = np.empty(size)
        self._median_g: FloatArray = np.empty(size)
        self._recorded: BoolArray = np.empty(size, dtype=np.bool_)
        self.clear()

    def clear(self) -> None:
        """Hold nothing."""
        self.start = self.end = self.median_end = 0
        self._offset = self._filled = self._median_filled = 0
        self._last_missing = -1

    def extend(self, history: History, end: int) -> bool:
        """Bring the trace up to a grid index; True where it had to begin anew because too much lay between."""
        anew = self.end == 0 or end - self.end > self.keep
        if anew:
            self.clear()
            self.start = self.end = self.median_end = max(history.grid_start, end - self.keep)
            self._offset = self._filled = self._median_filled = self.start
        if end <= self.end:
            return anew
        self.start = max(self.start, self.end - self.keep)
        self.end = end
        if end > self._filled:
            self._fill(history, max(end, min(history.grid_complete, end + _AHEAD)))
        self.median_end = max(self.start, end - MEDIAN_HALF)
        return anew

    def close(self) -> None:
        """Take the median to the end, the last sample repeated."""
        if self.end > self.start:
            self._fill_median(closing=True)
            self.median_end = self.end

    def _fill(self, history: History, end: int) -> None:
        """Work out what the history holds up to a grid index."""
        first = self._filled
        if end - self._offset > len(self._g):
            self._make_room(end - self.start)
        rows, recorded = history.grid(first, end)
        new = slice(first - self._offset, end - self._offset)
        self._rows[new], self._g[new], self._recorded[new] = rows, magnitude(rows), recorded
        self._filled = end
        missing = np.flatnonzero(~recorded)
        if len(missing):
            self._last_missing = first + int(missing[-1])
        self._fill_median(closing=False)

    def _make_room(self, n: int) -> None:
        """Let the arrays begin at `start`, and grow where n samples need more room."""
        kept = slice(self.start - self._offset, self._filled - self._offset)
        size = max(n, len(self._g))
        self._rows = _moved(self._rows, kept, size)
        self._g, self._median_g = _moved(self._g, kept, size), _moved(self._median_g, kept, size)
        self._recorded = _moved(self._recorded, kept, size)
        self._offset = self.start

    def _fill_median(self, *, closing: bool) -> None:
        known = self._median_filled
        values = self._g[max(0, known - MEDIAN_HALF - self._offset) : self._filled - self._offset]
        if known == self.start:
            values = np.concatenate((np.full(MEDIAN_HALF, values[0]), values))
        if closing:
            values = np.concatenate((values, np.full(MEDIAN_HALF, values[-1])))
        median = median_of_seven(values)
        self._median_g[known - self._offset : known - self._offset + len(median)] = median
        self._median_filled = known + len(median)

    def _span(self, first: int, end: int, stop: int) -> slice:
        """Where [first, end) lies in the arrays, as far as it is held."""
        low = (first if first > self.start else self.start) - self._offset
        high = (end if end < stop else stop) - self._offset
        return slice(low, high if high > low else low)

    def rows(self, first: int, end: int) -> FloatArray:
        """Rows [first, end), as far as they are held; shape (n, 3), RAW g."""
        return self._rows[self._span(first, end, self.end)]

    def g(self, first: int, end: int) -> FloatArray:
        """|a| over [first, end), as far as it is held, RAW g."""
        return self._g[self._span(first, end, self.end)]

    def median_g(self, first: int, end: int) -> FloatArray:
        """Median-filtered |a| over [first, end), as far as it is held, RAW g."""
        return self._median_g[self._span(first, end, self.median_end)]

    @property
    def ahead_end(self) -> int:
        """End of what has been worked out."""
        return self._filled

    def ahead(self) -> tuple[FloatArray, FloatArray]:
        """Median-filtered |a| and |a| from `start` on, as far as each has been worked out, RAW g."""
        first = self.start - self._offset
        return self._median_g[first : self._median_filled - self._offset], self._g[first : self._filled - self._offset]

    def recorded(self, first: int, end: int) -> bool:
        """Whether every sample of [first, end) was recorded."""
        return first > self._last_missing or bool(self._recorded[self._span(first, end, self.end)].all())

    def surplus_g_s(self, first: int, end: int) -> float:
        """Integral of (|a| - 1)+ over [first, end), g s."""
        return _surplus(self.g(first, end)) / GRID_HZ


def _moved(values: Values, kept: slice, size: int) -> Values:
    """Those that are kept, at the beginning of a new array."""
    new = np.empty_like(values, shape=(size, *values.shape[1:]))
    new[: kept.stop - kept.start] = values[kept]
    return new


def _surplus(g: FloatArray) -> float:
    """Sum of (|a| - 1)+."""
    loops = kernels.compiled()
    if loops is not None and len(g) <= kernels.LONGEST_SUM:
        return float(loops.surplus(g))
    return float(np.maximum(g - 1.0, 0.0).sum())


def runs_below(values: FloatArray, level: float) -> tuple[IntArray, IntArray]:
    """Starts and ends of the runs below a level."""
    below = np.concatenate(([False], values < level, [False]))
    edges = np.flatnonzero(below[1:] != below[:-1])
    return edges[0::2], edges[1::2]


class FlightFinder:
    """Flights in the order in which nothing can change them any more, each with its impact."""

    def __init__(self, criteria: FlightCriteria) -> None:
        self._criteria = criteria
        self._join = round(criteria.join_s * GRID_HZ)
        self._within = round(criteria.impact_within_s * GRID_HZ)
        self._least = round(criteria.least_s * GRID_HZ)
        self._limits: Limits = (
            *(criteria.below_g, self._join, criteria.join_surplus_g_s, self._least, criteria.minimum_g),
            *(self._within, criteria.context_deficit_g_s, criteria.context_peak_g),
        )
        self.restart(0)

    def restart(self, first: int) -> None:
        """Begin at a grid index, knowing nothing before it."""
        self._from = first
        self._last_end: int | None = None
        self._ahead: deque[_Hop] = deque()

    def find(self, trace: Trace, *, closing: bool = False) -> list[FlightImpact]:
        """Flights whose impact has been seen whole (or, when the stream closes, as far as it goes)."""
        loops = kernels.compiled()
        if loops is not None and not closing:
            return self._found(trace, loops)
        self._from = max(self._from, trace.start)
        runs = self._runs(trace)
        found: list[FlightImpact] = []
        for number, run in enumerate(runs):
            start, end, deficit_g_s, lowest_g = run
            if not closing and end + self._within + MEDIAN_HALF > trace.median_end:
                self._from = start
                return found
            self._from = end
            if not self._is_flight(run):
                continue
            following = next((other[0] for other in runs[number + 1 :] if self._is_flight(other)), trace.end)
            flight = Flight(start=start, end=end, deficit_g_s=deficit_g_s, minimum_g=lowest_g)
            impact = self._impact(trace, flight, following)
            if impact is not None:
                found.append(impact)
            self._last_end = end
        self._from = max(self._from, trace.median_end - 1)
        return found

    def _found(self, trace: Trace, loops: kernels.Kernels) -> list[FlightImpact]:
        """What loops find at the end of a hop: they have looked at many hops at once, as if each of them were due."""
        if not self._ahead or self._ahead[0].end != trace.end:
            self._look_ahead(trace, loops)
        hop = self._ahead.popleft()
        self._from, self._last_end = hop.look_from, hop.last_end
        return [_impact_of(trace, hop.origin, row) for row in hop.found]

    def _look_ahead(self, trace: Trace, loops: kernels.Kernels) -> None:
        """Find what there is at the end of this hop, and of those behind it that the trace has worked out."""
        first, last = trace.start, self._last_end
        ends = np.arange(trace.end, trace.ahead_end + 1, HOP)
        state = max(self._from - first, 0), NEVER if last is None else last - first, trace.keep
        found, states = loops.flights(*trace.ahead(), ends - first, state, self._limits)
        rows, at = found.tolist(), 0
        self._ahead.clear()
        for end, (look_from, last_end, n) in zip(ends.tolist(), states.tolist(), strict=True):
            last = None if last_end == NEVER else first + last_end
            self._ahead.append(_Hop(end, first, first + look_from, last, rows[at:n]))
            at = n

    def _is_flight(self, run: Run) -> bool:
        return run[1] - run[0] >= self._least and run[3] <= self._criteria.minimum_g

    def _runs(self, trace: Trace) -> list[Run]:
        """Runs below the level, joined over short rattle."""
        criteria, first = self._criteria, self._from
        median_g = trace.median_g(first, trace.median_end)
        loops = kernels.compiled()
        if loops is not None and len(median_g) <= kernels.LONGEST_SUM:
            g = trace.g(first, trace.median_end)
            table = loops.runs(median_g, g, criteria.below_g, self._join, criteria.join_surplus_g_s).tolist()
            return [
                (first + int(start), first + int(end), deficit / GRID_HZ, lowest_g)
                for start, end, deficit, lowest_g in table
            ]
        return [self._run(trace, start, end) for start, end in self._joined(trace, median_g)]

    def _joined(self, trace: Trace, median_g: FloatArray) -> list[tuple[int, int]]:
        starts, ends = runs_below(median_g, self._criteria.below_g)
        joined: list[tuple[int, int]] = []
        for start, end in zip((starts + self._from).tolist(), (ends + self._from).tolist(), strict=True):
            if end - start < 2 and end < trace.median_end:
                continue
            if joined and self._is_rattle(trace, joined[-1][1], start):
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return joined

    def _is_rattle(self, trace: Trace, end: int, start: int) -> bool:
        return start - end <= self._join and trace.surplus_g_s(end, start) < self._criteria.join_surplus_g_s

    def _run(self, trace: Trace, start: int, end: int) -> Run:
        median = trace.median_g(start, end)
        deficit = float(np.maximum(1.0 - median, 0.0).sum()) / GRID_HZ
        return start, end, deficit, float(median.min())

    def _impact(self, trace: Trace, flight: Flight, following: int) -> FlightImpact | None:
        """Find the peak after a flight, before the next flight; None where there is none worth keeping as context."""
        end = min(trace.end, flight.end + self._within, max(following, flight.end + 3))
        window = trace.g(flight.end - 1, end)
        if flight.deficit_g_s < self._criteria.context_deficit_g_s or len(window) < 3:
            return None
        at = int(window.argmax())
        peak, peak_g = flight.end - 1 + at, float(window[at])
        if peak_g < self._criteria.context_peak_g:
            return None
        interval_s = (flight.end - self._last_end) / GRID_HZ if self._last_end is not None else 9.0
        return _flight_impact(trace, flight, peak, peak_g, interval_s)


class _Hop(NamedTuple):
    """What loops found at the end of a hop: rows of `kernels.flights.flights` counted from an origin, and its state."""

    end: int
    origin: int
    look_from: int
    last_end: int | None
    found: list[list[float]]


def _impact_of(trace: Trace, origin: int, row: list[float]) -> FlightImpact:
    start, end, deficit, lowest_g, peak, peak_g, interval_s = row
    flight = Flight(start=origin + int(start), end=origin + int(end), deficit_g_s=deficit / GRID_HZ, minimum_g=lowest_g)
    return _flight_impact(trace, flight, origin + int(peak), peak_g, interval_s)


def _flight_impact(trace: Trace, flight: Flight, peak: int, peak_g: float, interval_s: float) -> FlightImpact:
    recorded = trace.recorded(max(trace.start, flight.start - 2), peak + 1)
    return FlightImpact(flight=flight, peak=peak, peak_g=peak_g, interval_s=interval_s, recorded=recorded)
