"""How alike a movement is to itself a little later: the step rhythm, the stride rhythm, and both legs alike."""

from __future__ import annotations

import numpy as np

from loadsense.samples import FloatArray, IntArray

#: Keeps a correlation of two still signals finite, g^2.
_TINY = 1e-9


def autocorrelations(signal: FloatArray, lags: IntArray) -> FloatArray:
    """Correlation of a signal with itself at each lag, the mean of each overlapping part removed.

    Parameters
    ----------
    signal : ndarray, shape (n,) or (n, c)
        With c columns the columns are pooled: one correlation for all of them.
    lags : ndarray of int
        In samples, each smaller than n - 1.
    """
    columns = signal[:, None] if signal.ndim == 1 else signal
    n = len(columns)
    cross, first, second = np.zeros(len(lags)), np.zeros(len(lags)), np.zeros(len(lags))
    overlap = (n - lags).astype(np.float64)
    for column in columns.T:
        x = column - column.mean()
        total, square = np.concatenate(([0.0], np.cumsum(x))), np.concatenate(([0.0], np.cumsum(x * x)))
        early, late = total[n - lags], total[n] - total[lags]
        cross += _products(x, lags) - early * late / overlap
        first += square[n - lags] - early * early / overlap
        second += square[n] - square[lags] - late * late / overlap
    power = np.maximum(first, 0.0) * np.maximum(second, 0.0)
    result: FloatArray = cross / np.sqrt(power + _TINY)
    return result


def _products(x: FloatArray, lags: IntArray) -> FloatArray:
    """Sum of x[i] x[i + lag] for each lag; rows of a matrix, because calls cost more than products here."""
    padded = np.concatenate((x, np.zeros(int(lags.max()))))
    later = np.lib.stride_tricks.sliding_window_view(padded, len(x))[lags]
    products: FloatArray = np.multiply(later, x).sum(axis=1)
    return products


def strongest_rhythm(magnitude_g: FloatArray, lags: IntArray, least_overlap: int) -> float:
    """Largest autocorrelation over the lags that leave enough overlap; 0 where none does."""
    lags = lags[lags < len(magnitude_g) - least_overlap]
    return float(max(0.0, autocorrelations(magnitude_g, lags).max())) if len(lags) else 0.0


def dominant_lag(magnitude_g: FloatArray, shortest: int, longest: int) -> int:
    """Lag of the highest local maximum of the autocorrelation, in samples; 0 where there is none."""
    n = len(magnitude_g)
    if n < 120:
        return 0
    lags = np.arange(shortest, min(longest, n // 2))
    r = autocorrelations(magnitude_g, lags)
    peaks = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])) + 1
    return int(lags[peaks[np.argmax(r[peaks])]]) if len(peaks) else 0


def alike_and_even(accel_g: FloatArray, magnitude_g: FloatArray, interval: int) -> tuple[float, float]:
    """How alike the three axes are to themselves one landing interval later, and how much more so than two later.

    The first is near 1 where every impact comes through both legs alike; it is lower in running, where left and right
    steps mirror the horizontal axes, and in a pocket, which feels one leg. The second is below 0 in running, which
    repeats after a stride, not after a step. Both lags are moved to where |a| fits best; 0 where there is no room.
    """
    room = len(accel_g) - 60
    if interval < 24 or interval + 3 > room:
        return 0.0, 0.0
    one = _best_lag(magnitude_g, interval, 3)
    alike = float(autocorrelations(accel_g, np.array([one]))[0])
    if 2 * one + 4 > room:
        return alike, 0.0
    two = _best_lag(magnitude_g, 2 * one, 4)
    return alike, alike - float(autocorrelations(accel_g, np.array([two]))[0])


def _best_lag(magnitude_g: FloatArray, lag: int, slack: int) -> int:
    near = np.arange(lag - slack, lag + slack + 1)
    return int(near[np.argmax(autocorrelations(magnitude_g, near))])
