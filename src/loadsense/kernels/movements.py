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
#: Longer signals are correlated with themselves by numpy.
LONGEST_SIGNAL: Final = 512


def _dots_128(x: FloatArray, first: int, n: int, shortest: int, out: FloatArray) -> None:
    """Sums of x[i] x[i + lag] over up to 128 samples from `first` on, for every lag from `shortest` on.

    All lags side by side: eight lanes of each, as a sum of one of them has, what is left over behind them.
    """
    n_lags, whole = len(out), n // 8
    lanes = np.zeros((8, n_lags))
    for i in range(8 * whole):
        value, lane = x[first + i], lanes[i % 8]
        later = x[first + i + shortest : first + i + shortest + n_lags]
        for j in range(n_lags):
            lane[j] += later[j] * value
    r0, r1, r2, r3, r4, r5, r6, r7 = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5], lanes[6], lanes[7]
    for j in range(n_lags):
        out[j] = ((r0[j] + r1[j]) + (r2[j] + r3[j])) + ((r4[j] + r5[j]) + (r6[j] + r7[j]))
    for i in range(first + 8 * whole, first + n):
        for j in range(n_lags):
            out[j] += x[i + shortest + j] * x[i]


def _dots_256(x: FloatArray, first: int, n: int, shortest: int, out: FloatArray) -> None:
    if n <= 128:
        _dots_128(x, first, n, shortest, out)
        return
    half, right = n // 2 - n // 2 % 8, np.empty(len(out))
    _dots_128(x, first, half, shortest, out)
    _dots_128(x, first + half, n - half, shortest, right)
    for j in range(len(out)):
        out[j] += right[j]


def _dots(x: FloatArray, n: int, shortest: int, out: FloatArray) -> None:
    """Sums of x[i] x[i + lag] over the first n samples, at most `LONGEST_SIGNAL`, as `sum_in_order` has them."""
    if n <= 128:
        _dots_128(x, 0, n, shortest, out)
        return
    half, right = n // 2 - n // 2 % 8, np.empty(len(out))
    _dots_256(x, 0, half, shortest, out)
    _dots_256(x, half, n - half, shortest, right)
    for j in range(len(out)):
        out[j] += right[j]


def autocorrelations(signal: FloatArray, lags: IntArray) -> FloatArray:
    """`detection.rhythm.autocorrelations` of at most `LONGEST_SIGNAL` values at ascending lags."""
    n, shortest, longest = len(signal), lags[0], lags[-1]
    mean = sum_in_order(signal, n) / n
    x, total, square = np.zeros(n + longest), np.empty(n + 1), np.empty(n + 1)
    sum_x = sum_square = total[0] = square[0] = 0.0
    for i in range(n):
        x[i] = signal[i] - mean
        sum_x += x[i]
        sum_square += x[i] * x[i]
        total[i + 1], square[i + 1] = sum_x, sum_square
    dots, out = np.empty(longest - shortest + 1), np.empty(len(lags))
    _dots(x, n, shortest, dots)
    for j in range(len(lags)):
        lag = lags[j]
        early, late = total[n - lag], total[n] - total[lag]
        cross = dots[lag - shortest] - early * late / (n - lag)
        first = square[n - lag] - early * early / (n - lag)
        second = square[n] - square[lag] - late * late / (n - lag)
        out[j] = cross / math.sqrt(max(first, 0.0) * max(second, 0.0) + TINY)
    return out


def likeness(rows: FloatArray, lag: int) -> float:
    """`detection.rhythm.likeness` of at most `LONGEST_SUM` / 3 rows."""
    n, flat = len(rows) - lag, rows.reshape(rows.size)
    early, late, product = flat[: 3 * n].copy(), flat[3 * lag :].copy(), np.empty(3 * n)
    for part in (early, late):
        x = y = z = 0.0
        for i in range(0, 3 * n, 3):
            x, y, z = x + part[i], y + part[i + 1], z + part[i + 2]
        x, y, z = x / n, y / n, z / n
        for i in range(0, 3 * n, 3):
            part[i], part[i + 1], part[i + 2] = part[i] - x, part[i + 1] - y, part[i + 2] - z
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


def _range(values: FloatArray) -> float:
    """Largest value less the smallest: four of each side by side."""
    l0 = l1 = l2 = l3 = h0 = h1 = h2 = h3 = values[0]
    whole = len(values) - len(values) % 4
    for i in range(0, whole, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        l0, l1, l2, l3 = min(l0, a), min(l1, b), min(l2, c), min(l3, d)
        h0, h1, h2, h3 = max(h0, a), max(h1, b), max(h2, c), max(h3, d)
    for i in range(whole, len(values)):
        l0, h0 = min(l0, values[i]), max(h0, values[i])
    return float(max(max(h0, h1), max(h2, h3)) - min(min(l0, l1), min(l2, l3)))


def _high_and_peak(values: FloatArray) -> tuple[float, float]:
    """The value with 95 % below it, and the largest one: only the highest twentieth is sorted."""
    n = len(values)
    top = np.full(n - int(0.95 * n), -np.inf)
    for i in range(n):
        value = values[i]
        if value > top[0]:
            at = 0
            while at + 1 < len(top) and top[at + 1] < value:
                top[at] = top[at + 1]
                at += 1
            top[at] = value
    return top[0], top[-1]


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
        n = len(part)
        if _range(g) < still_below_g:  # no values deviate by more than half their range
            continue
        table[k, 0] = _deviation(g)
        if table[k, 0] < still_below_g:
            table[k, 0] = 0.0
            continue
        n_free = n_calm = 0
        for i in range(n):
            n_free += g[i] < 0.5
            n_calm += abs(g[i] - 1.0) < 0.15
        table[k, 1], table[k, 2] = _high_and_peak(g)
        table[k, 3], table[k, 4] = n_free / n, n_calm / n
        _rhythms(part, g, lags, longest_step, table[k])
    return table


INNER: Final[tuple[Kernel, ...]] = (
    *sums.INNER,
    *(_dots_128, _dots_256, _dots, autocorrelations, likeness),
    *(_deviation, _highest, _rhythms, _range, _high_and_peak),
)
OUTER: Final[dict[Kernel, str]] = {
    autocorrelations: "float64[::1](float64[::1], int64[::1])",
    likeness: "float64(float64[:, ::1], int64)",
    movements: "float64[:, ::1](float64[:, ::1], int64[:, ::1], int64[::1], int64, float64)",
}
