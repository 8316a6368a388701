"""What the landing detector asks of a hop and of each impact: loud hops, runs of low |a|, bursts, turns, trains."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from loadsense.kernels import movements
from loadsense.kernels.family import Kernel
from loadsense.kernels.movements import autocorrelations, likeness
from loadsense.kernels.sums import sum_in_order
from loadsense.samples import FloatArray, IntArray

# -- hops


def loud_hops(rows: FloatArray, edges: IntArray, least_g2: float) -> IntArray:
    """Numbers of the hops with a row of at least this squared length.

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        RAW g.
    edges : ndarray of int, shape (k,)
        First row of each hop; the last one ends with the rows.
    """
    found, n_found = np.empty(len(edges), dtype=np.int64), 0
    for k in range(len(edges)):
        end = edges[k + 1] if k + 1 < len(edges) else len(rows)
        hop = rows[edges[k] : max(end, edges[k] + 1)]
        n_loud = 0
        for i in range(len(hop)):
            n_loud += hop[i, 0] * hop[i, 0] + hop[i, 1] * hop[i, 1] + hop[i, 2] * hop[i, 2] >= least_g2
        if n_loud:
            found[n_found] = k
            n_found += 1
    return found[:n_found]


def highest(rows: FloatArray) -> tuple[int, float]:
    """Row of the largest |a|, the first of equals, and that |a|."""
    at, highest_g = 0, -1.0
    for i in range(len(rows)):
        g = math.sqrt(rows[i, 0] * rows[i, 0] + rows[i, 1] * rows[i, 1] + rows[i, 2] * rows[i, 2])
        if g > highest_g:
            at, highest_g = i, g
    return at, highest_g


# -- runs of |a|

#: What tells a flight: `below_g`, `join` and `join_surplus_g_s` of `runs`; its least length and how low the median must
#: go; how long after it the peak is looked for; least deficit and peak of what counts as context. Samples at 100 Hz.
Limits = tuple[float, int, float, int, float, int, float, float]
#: End of the flight before the first one.
NEVER: Final = -(1 << 40)


def surplus(g: FloatArray) -> float:
    """Sum of (|a| - 1)+ over at most `LONGEST_SUM` values."""
    over = np.empty(len(g))
    for i in range(len(g)):
        over[i] = max(g[i] - 1.0, 0.0)
    return sum_in_order(over, len(over))


def runs(median_g: FloatArray, g: FloatArray, below_g: float, join: int, join_surplus_g_s: float) -> FloatArray:
    """`detection.flights.FlightFinder` of one hop: runs of low median, joined over short rattle.

    Parameters
    ----------
    median_g, g : ndarray, shape (n,)
        Median-filtered |a| and |a| from the same sample on.
    join, join_surplus_g_s
        Runs this close are one where the integral of (|a| - 1)+ between them is smaller, at 100 Hz.

    Returns
    -------
    ndarray, shape (k, 4)
        Start, end, sum of (1 - median)+, and smallest median of each.
    """
    n, k, i = len(median_g), 0, 0
    edges = np.empty((n // 2 + 1, 2), dtype=np.int64)
    while i < n:
        start = i
        while i < n and median_g[i] < below_g:
            i += 1
        if i - start >= 2 or (i > start and i == n):
            is_near = k and start - edges[k - 1, 1] <= join
            if is_near and surplus(g[edges[k - 1, 1] : start]) / 100.0 < join_surplus_g_s:
                edges[k - 1, 1] = i
            else:
                edges[k, 0], edges[k, 1] = start, i
                k += 1
        i += 1
    table = np.empty((k, 4))
    for j in range(k):
        table[j, 0], table[j, 1] = edges[j, 0], edges[j, 1]
        table[j, 2], table[j, 3] = _depth(median_g[edges[j, 0] : edges[j, 1]])
    return table


def _depth(median_g: FloatArray) -> tuple[float, float]:
    """Sum of (1 - |a|)+ and smallest |a| of a run."""
    under, lowest_g = np.empty(len(median_g)), median_g[0]
    for i in range(len(median_g)):
        under[i] = max(1.0 - median_g[i], 0.0)
        lowest_g = min(lowest_g, median_g[i])
    return sum_in_order(under, len(under)), lowest_g


def flights(
    median_g: FloatArray, g: FloatArray, ends: IntArray, state: tuple[int, int, int], limits: Limits
) -> tuple[FloatArray, IntArray]:
    """`detection.flights.FlightFinder` at the ends of some hops that follow one another.

    Parameters
    ----------
    median_g, g : ndarray, shape (n,)
        Median-filtered |a| and |a| from the start of the trace on, from which all that follows is counted.
    ends : ndarray of int, shape (k,)
        Each hop knows |a| to its end, and the median to three samples before that.
    state : tuple of int
        Where to look from, where the flight before ended, and how many samples a trace keeps.
    limits : tuple
        What a flight is.

    Returns
    -------
    ndarray, shape (m, 7)
        Start, end, sum of (1 - median)+, smallest median, peak, |a| there, and seconds since the flight before.
    ndarray of int, shape (k, 3)
        Behind each hop: where to look from, where the last flight ended, and how many were found by then.
    """
    (at, last, keep), n = state, 0
    found, states = np.empty((len(median_g) // 2 + 1, 7)), np.empty((len(ends), 3), dtype=np.int64)
    for k in range(len(ends)):
        first, median_end = max(at, ends[k - 1] - keep) if k else at, max(ends[k] - 3, 0)
        table = runs(median_g[first:median_end], g[first:median_end], limits[0], limits[1], limits[2])
        table[:, :2] += first
        over = 0
        while over < len(table) and table[over, 1] + limits[5] + 3 <= median_end:
            over += 1
        for i in range(over):
            if _is_flight(table[i], limits):
                found[n, 6] = (int(table[i, 1]) - last) / 100.0 if last > NEVER else 9.0
                n += _impact(table[i:], g[: ends[k]], limits, found[n])
                last = int(table[i, 1])
        behind = max(int(table[over - 1, 1]) if over else first, median_end - 1)
        at = int(table[over, 0]) if over < len(table) else behind
        states[k, 0], states[k, 1], states[k, 2] = at, last, n
    return found[:n], states


def _is_flight(run: FloatArray, limits: Limits) -> bool:
    return bool(run[1] - run[0] >= limits[3] and run[3] <= limits[4])


def _impact(table: FloatArray, g: FloatArray, limits: Limits, row: FloatArray) -> bool:
    """Whether the first flight ends in a peak worth keeping, before the next one: the row of the two."""
    stop, following = int(table[0, 1]), len(g)
    for j in range(len(table) - 1, 0, -1):
        if _is_flight(table[j], limits):
            following = int(table[j, 0])
    window = g[stop - 1 : min(stop + limits[5], max(following, stop + 3))]
    if table[0, 2] / 100.0 < limits[6] or len(window) < 3:
        return False
    peak = stop - 1 + int(np.argmax(window))
    row[:4], row[4], row[5] = table[0], peak, g[peak]
    return bool(g[peak] >= limits[7])


def bursts(g: FloatArray, least_g: float, apart: int) -> FloatArray:
    """`detection.peaks.PeakFinder` of one hop: bursts of at least some height, that far apart.

    Returns
    -------
    ndarray, shape (k, 4)
        First value over the height, the one behind the last, the highest, and its height.
    """
    table, k = np.empty((len(g) // (apart + 1) + 1, 4)), 0
    for i in range(len(g)):
        if g[i] < least_g:
            continue
        if not k or i - (table[k - 1, 1] - 1) > apart:
            table[k, 0], table[k, 2], table[k, 3] = i, i, g[i]
            k += 1
        table[k - 1, 1] = i + 1
        if g[i] > table[k - 1, 3]:
            table[k - 1, 2], table[k - 1, 3] = i, g[i]
    return table[:k]


def smoothed(g: FloatArray) -> FloatArray:
    """`detection.wrist.smoothed`: median of nine, then mean of nine; the nine are kept in order as they move on."""
    medians, window = np.empty(max(len(g) - 8, 0)), np.sort(g[:9])
    for i in range(len(medians)):
        if i:
            _exchange(window, g[i - 1], g[i + 8])
        medians[i] = window[4]
    means = np.empty(max(len(medians) - 8, 0))
    for i in range(len(means)):
        total = medians[i]
        for j in range(i + 1, i + 9):
            total += medians[j]
        means[i] = total / 9.0
    return means


def _exchange(window: FloatArray, old: float, new: float) -> None:
    """Put a value in the place of another one, and in order."""
    at, last = 0, len(window) - 1
    while at < last and window[at] != old:
        at += 1
    while at < last and window[at + 1] < new:
        window[at] = window[at + 1]
        at += 1
    while at > 0 and window[at - 1] > new:
        window[at] = window[at - 1]
        at -= 1
    window[at] = new


# -- around an impact


def _mean_row(rows: FloatArray) -> tuple[float, float, float]:
    x = y = z = 0.0
    for i in range(len(rows)):
        x, y, z = x + rows[i, 0], y + rows[i, 1], z + rows[i, 2]
    return x / len(rows), y / len(rows), z / len(rows)


def turn(before: FloatArray, after: FloatArray) -> float:
    """Cosine of the angle between the mean rows of two stretches."""
    ax, ay, az = _mean_row(before)
    bx, by, bz = _mean_row(after)
    length = math.sqrt((ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz)) + 1e-9
    return (ax * bx + ay * by + az * bz) / length


def sides(rows: FloatArray, g: FloatArray, first: int, at: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """`detection.around.sides_of`: sums of (|a| - 1)+ before a flight and after it, and the cosine of the turn.

    Parameters
    ----------
    rows, g : ndarray
        Rows and |a| from `first` on.
    at : tuple of int
        Begin of the stream, start and end of the flight, peak.
    """
    begin, start, end, peak = at[0] - first, max(at[1] - first, 0), at[2] - first, at[3] - first
    before, after = rows[max(start - 150, 0) : max(start - 60, 0)], rows[peak + 50 : peak + 100]
    cosine = turn(before, after) if len(before) >= 20 and len(after) >= 20 else 1.0
    return surplus(g[max(begin, start - 50, 0) : start]), surplus(g[end : end + 40]), cosine


def is_rhythmic(g: FloatArray, lags: IntArray, least_overlap: int, near: int, level: float) -> bool:
    """`detection.rhythm.is_rhythmic` of at most `LONGEST_SIGNAL` values: the lags around `near` are tried first."""
    signal, lags = np.empty(len(g)), lags[: np.searchsorted(lags, len(g) - least_overlap)]
    for i in range(len(g)):
        signal[i] = min(g[i], 4.0)
    first, end = np.searchsorted(lags, near - 3), np.searchsorted(lags, near + 4)
    if end > first and autocorrelations(signal, lags[first:end]).max() >= level:
        return True
    return len(lags) > 0 and autocorrelations(signal, lags).max() >= level


def alike_and_even(rows: FloatArray, g: FloatArray, interval: int) -> tuple[float, float]:
    """`detection.rhythm.alike_and_even` of rows and |a| cut at 4 g, at most `LONGEST_SIGNAL` of them."""
    room = len(rows) - 60
    if interval < 24 or interval + 3 > room:
        return 0.0, 0.0
    axes, signal = np.empty(rows.shape), np.empty(len(g))
    for i in range(len(g)):
        signal[i] = min(g[i], 4.0)
        for axis in range(3):
            axes[i, axis] = min(max(rows[i, axis], -4.0), 4.0)
    one = interval - 3 + int(np.argmax(autocorrelations(signal, np.arange(interval - 3, interval + 4))))
    alike = likeness(axes, one)
    if 2 * one + 4 > room:
        return alike, 0.0
    two = 2 * one - 4 + int(np.argmax(autocorrelations(signal, np.arange(2 * one - 4, 2 * one + 5))))
    return alike, min(0.0, alike - likeness(axes, two))


INNER: Final[tuple[Kernel, ...]] = (
    *movements.INNER,
    surplus,
    _depth,
    runs,
    _is_flight,
    _impact,
    _exchange,
    _mean_row,
    turn,
)
_ROWS: Final = "float64[:, ::1]"
_LIMITS: Final = "Tuple((float64, int64, float64, int64, float64, int64, float64, float64))"
OUTER: Final[dict[Kernel, str]] = {
    loud_hops: "int64[::1](Array(float64, 2, 'C', readonly=True), int64[::1], float64)",
    highest: f"Tuple((int64, float64))({_ROWS})",
    surplus: "float64(float64[::1])",
    runs: f"{_ROWS}(float64[::1], float64[::1], float64, int64, float64)",
    flights: f"Tuple(({_ROWS}, int64[:, ::1]))(float64[::1], float64[::1], int64[::1], UniTuple(int64, 3), {_LIMITS})",
    bursts: f"{_ROWS}(float64[::1], float64, int64)",
    smoothed: "float64[::1](float64[::1])",
    turn: f"float64({_ROWS}, {_ROWS})",
    sides: f"UniTuple(float64, 3)({_ROWS}, float64[::1], int64, UniTuple(int64, 4))",
    is_rhythmic: "boolean(float64[::1], int64[::1], int64, int64, float64)",
    alike_and_even: f"UniTuple(float64, 2)({_ROWS}, float64[::1], int64)",
}
