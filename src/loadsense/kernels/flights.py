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


INNER: Final[tuple[Kernel, ...]] = (*movements.INNER, surplus, _depth, _mean_row)
_ROWS: Final = "float64[:, ::1]"
OUTER: Final[dict[Kernel, str]] = {
    loud_hops: "int64[::1](Array(float64, 2, 'C', readonly=True), int64[::1], float64)",
    highest: f"Tuple((int64, float64))({_ROWS})",
    surplus: "float64(float64[::1])",
    runs: f"{_ROWS}(float64[::1], float64[::1], float64, int64, float64)",
    bursts: f"{_ROWS}(float64[::1], float64, int64)",
    turn: f"float64({_ROWS}, {_ROWS})",
    is_rhythmic: "boolean(float64[::1], int64[::1], int64, int64, float64)",
    alike_and_even: f"UniTuple(float64, 2)({_ROWS}, float64[::1], int64)",
}
