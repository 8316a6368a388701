"""Likeness of a signal to itself, and what four seconds of movement look like."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from loadsense.kernels import sums
from loadsense.kernels.family import Kernel
from loadsense.kernels.sums import sum_in_order
from loadsense.samples import FloatArray, IntArray

#: Keeps a correlation of two still signals finite, g^2.
TINY: Final = 1e-9


def autocorrelations(signal: FloatArray, lags: IntArray) -> FloatArray:
    """`detection.rhythm.autocorrelations` of at most `LONGEST_SUM` values."""
    n = len(signal)
    mean = sum_in_order(signal, n) / n
    x, total, square = np.empty(n), np.empty(n + 1), np.empty(n + 1)
    total[0] = square[0] = 0.0
    for i in range(n):
        x[i] = signal[i] - mean
        total[i + 1] = total[i] + x[i]
        square[i + 1] = square[i] + x[i] * x[i]
    products, out = np.zeros(n), np.empty(len(lags))
    for j in range(len(lags)):
        lag = lags[j]
        for i in range(n - lag):
            products[i] = x[i + lag] * x[i]
        for i in range(n - lag, n):
            products[i] = 0.0
        early, late = total[n - lag], total[n] - total[lag]
        cross = sum_in_order(products, n) - early * late / (n - lag)
        first = square[n - lag] - early * early / (n - lag)
        second = square[n] - square[lag] - late * late / (n - lag)
        out[j] = cross / math.sqrt(max(first, 0.0) * max(second, 0.0) + TINY)
    return out


def likeness(rows: FloatArray, lag: int) -> float:
    """`detection.rhythm.likeness` of at most `LONGEST_SUM` / 3 rows."""
    n = len(rows) - lag
    early, late, product = np.empty(3 * n), np.empty(3 * n), np.empty(3 * n)
    for axis in range(3):
        sum_early = sum_late = 0.0
        for i in range(n):
            sum_early += rows[i, axis]
            sum_late += rows[i + lag, axis]
        for i in range(n):
            early[3 * i + axis] = rows[i, axis] - sum_early / n
            late[3 * i + axis] = rows[i + lag, axis] - sum_late / n
    for i in range(3 * n):
        product[i] = early[i] * early[i]
    power = sum_in_order(product, 3 * n)
    for i in range(3 * n):
        product[i] = late[i] * late[i]
    power *= sum_in_order(product, 3 * n)
    for i in range(3 * n):
        product[i] = early[i] * late[i]
    return sum_in_order(product, 3 * n) / math.sqrt(power + TINY)


def _deviation(values: FloatArray) -> float:
    """Standard deviation as `numpy.std` has it."""
    n = len(values)
    mean = sum_in_order(values, n) / n
    squares = np.empty(n)
    for i in range(n):
        away = values[i] - mean
        squares[i] = away * away
    return math.sqrt(sum_in_order(squares, n) / n)


def _highest(r: FloatArray, lags: IntArray, first_lag: int, last_lag: int) -> tuple[int, float]:
    """Lag and height of the highest local maximum with a lag of that range; 0 and 0 where there is none."""
    lag, height = 0, 0.0
    for i in range(1, len(r) - 1):
        is_peak = r[i] >= r[i - 1] and r[i] > r[i + 1] and first_lag <= lags[i] <= last_lag
        if is_peak and (lag == 0 or r[i] > height):
            lag, height = int(lags[i]), float(r[i])
    return lag, height


def _rhythms(rows: FloatArray, g: FloatArray, lags: IntArray, longest_step: int, measured: FloatArray) -> None:
    """Columns 5 to 8 of `movements` from means of three samples each."""
    n = len(g) // 3
    slow, axes = np.empty(n), np.empty((n, 3))
    for i in range(n):
        slow[i] = min((g[3 * i] + g[3 * i + 1] + g[3 * i + 2]) / 3, 4.0)
        for axis in range(3):
            mean = (rows[3 * i, axis] + rows[3 * i + 1, axis] + rows[3 * i + 2, axis]) / 3
            axes[i, axis] = min(max(mean, -4.0), 4.0)
    near = lags[: max(0, n - 20 - lags[0])]
    if len(near) > 2:
        r = autocorrelations(slow, near)
        lag, measured[6] = _highest(r, near, 0, longest_step)
        _, measured[7] = _highest(r, near, longest_step + 1, lags[-1])
        measured[5] = lag
        if lag:
            measured[8] = likeness(axes, lag)


def movements(rows: FloatArray, edges: IntArray, lags: IntArray, longest_step: int, still_below_g: float) -> FloatArray:
    """`detection.activity.movement` of many windows; zeros where it deviates by less than `still_below_g`.

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        RAW g at 100 Hz.
    edges : ndarray of int, shape (k, 2)
        First row of each window and the one behind its last.
    lags, longest_step
        In means of three samples.

    Returns
    -------
    ndarray, shape (k, 9)
        Standard deviation, 95 % quantile and maximum of |a|, shares below 0.5 g and within 0.15 g of 1 g, step lag
        (0 where none) and rhythm, stride rhythm, likeness one step later.
    """
    table, size_g = np.zeros((len(edges), 9)), np.empty(len(rows))
    for i in range(len(rows)):
        size_g[i] = math.sqrt(rows[i, 0] * rows[i, 0] + rows[i, 1] * rows[i, 1] + rows[i, 2] * rows[i, 2])
    for k in range(len(edges)):
        part, g = rows[edges[k, 0] : edges[k, 1]], size_g[edges[k, 0] : edges[k, 1]]
        n, low_g, high_g = len(part), g[0], g[0]
        for i in range(n):
            low_g, high_g = min(low_g, g[i]), max(high_g, g[i])
        if high_g - low_g < still_below_g:  # no values deviate by more than half their range
            continue
        table[k, 0] = _deviation(g)
        if table[k, 0] < still_below_g:
            table[k, 0] = 0.0
            continue
        n_free = n_calm = 0
        for i in range(n):
            n_free += g[i] < 0.5
            n_calm += abs(g[i] - 1.0) < 0.15
        at = int(0.95 * n)
        table[k, 1], table[k, 2] = np.partition(g, at)[at], g.max()
        table[k, 3], table[k, 4] = n_free / n, n_calm / n
        _rhythms(part, g, lags, longest_step, table[k])
    return table


INNER: Final[tuple[Kernel, ...]] = (*sums.INNER, autocorrelations, likeness, _deviation, _highest, _rhythms)
OUTER: Final[dict[Kernel, str]] = {
    autocorrelations: "float64[::1](float64[::1], int64[::1])",
    likeness: "float64(float64[:, ::1], int64)",
    movements: "float64[:, ::1](float64[:, ::1], int64[:, ::1], int64[::1], int64, float64)",
}
