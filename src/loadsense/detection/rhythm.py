"""How alike a movement is to itself a little later: the step rhythm, the stride rhythm, and both legs alike."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.samples import FloatArray, IntArray

#: Peaks are cut at this before anything is correlated, RAW g: one hard landing must not outweigh the others.
PEAKS_CUT_G: Final = 4.0


def autocorrelations(signal: FloatArray, lags: IntArray) -> FloatArray:
    """Correlation of a signal with itself at each lag, the mean of each overlapping part removed.

    Parameters
    ----------
    signal : ndarray, shape (n,)
        Usually |a|, its peaks clipped.
    lags : ndarray of int
        In samples, ascending, each smaller than n - 1.
    """
    loops = kernels.compiled()
    if loops is not None and len(signal) <= kernels.LONGEST_SIGNAL:
        return np.asarray(loops.autocorrelations(signal, lags))
    n, x = len(signal), signal - signal.mean()
    total, square = np.concatenate(([0.0], np.cumsum(x))), np.concatenate(([0.0], np.cumsum(x * x)))
    overlap, early, late = n - lags, total[n - lags], total[n] - total[lags]
    cross = _products(x, lags) - early * late / overlap
    first, second = square[n - lags] - early * early / overlap, square[n] - square[lags] - late * late / overlap
    power = np.maximum(first, 0.0) * np.maximum(second, 0.0)
    result: FloatArray = cross / np.sqrt(power + kernels.TINY)
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


def is_rhythmic(magnitude_g: FloatArray, lags: IntArray, least_overlap: int, *, level: float, near: int = 0) -> bool:
    """Whether the strongest rhythm of |a|, its peaks cut at 4 g, reaches a level above 0.

    Parameters
    ----------
    magnitude_g : ndarray, shape (n,)
        |a|, RAW g.
    lags : ndarray of int
        In samples, ascending.
    least_overlap : int
        Lags that leave fewer samples are not looked at.
    level : float
        Least autocorrelation.
    near : int
        Where to look first; changes nothing but the time it takes.
    """
    loops = kernels.compiled()
    if loops is not None and len(magnitude_g) <= kernels.LONGEST_SIGNAL:
        return bool(loops.is_rhythmic(magnitude_g, lags, least_overlap, near, level))
    return strongest_rhythm(np.minimum(magnitude_g, PEAKS_CUT_G), lags, least_overlap) >= level


def dominant_lag(magnitude_g: FloatArray, shortest: int, longest: int) -> int:
    """Lag of the highest local maximum of the autocorrelation, in samples; 0 where there is none."""
    n = len(magnitude_g)
    if n < 120:
        return 0
    lags = np.arange(shortest, min(longest, n // 2))
    r = autocorrelations(magnitude_g, lags)
    peaks = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])) + 1
    return int(lags[peaks[np.argmax(r[peaks])]]) if len(peaks) else 0


def likeness(accel_g: FloatArray, lag: int) -> float:
    """Correlation of the three axes together, shape (n, 3), with themselves one lag later."""
    loops = kernels.compiled()
    if loops is not None and accel_g.size <= kernels.LONGEST_SUM:
        return float(loops.likeness(accel_g, lag))
    early, late = accel_g[:-lag], accel_g[lag:]
    early, late = early - early.mean(axis=0), late - late.mean(axis=0)
    power = float((early * early).sum()) * float((late * late).sum())
    return float((early * late).sum()) / float(np.sqrt(power + kernels.TINY))


def alike_and_even(accel_g: FloatArray, magnitude_g: FloatArray, interval: int) -> tuple[float, float]:
    """How alike the three axes are to themselves one landing interval later, and how much more so than two later.

    The first is near 1 where every impact comes through both legs alike; it is lower in running, where left and right
    steps mirror the horizontal axes, and in a pocket, which feels one leg. The second is below 0 in running, which
    repeats after a stride, not after a step, and 0 otherwise: that likeness wanes with time says nothing. Both lags are
    moved to where |a| fits best; 0 where there is no room. Rows and |a| are cut at 4 g.
    """
    loops = kernels.compiled()
    if loops is not None and len(accel_g) <= kernels.LONGEST_SIGNAL:
        alike, even = loops.alike_and_even(accel_g, magnitude_g, interval)
        return alike, even
    accel_g, magnitude_g = np.clip(accel_g, -PEAKS_CUT_G, PEAKS_CUT_G), np.minimum(magnitude_g, PEAKS_CUT_G)
    room = len(accel_g) - 60
    if interval < 24 or interval + 3 > room:
        return 0.0, 0.0
    one = _best_lag(magnitude_g, interval, 3)
    alike = likeness(accel_g, one)
    if 2 * one + 4 > room:
        return alike, 0.0
    two = _best_lag(magnitude_g, 2 * one, 4)
    return alike, min(0.0, alike - likeness(accel_g, two))


def _best_lag(magnitude_g: FloatArray, lag: int, slack: int) -> int:
    near = np.arange(lag - slack, lag + slack + 1)
    return int(near[np.argmax(autocorrelations(magnitude_g, near))])
