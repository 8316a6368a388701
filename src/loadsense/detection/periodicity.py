"""Is this stretch of wrist motion periodic, and with which period?

Pooling the three axes makes the answer blind to how the watch is turned, and settles the old trouble of two peaks per
repetition: the forearm's tilt repeats twice in a press, the acceleration along gravity once; only the true period
repeats both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodicity:
    """Period of a window and how well the window repeats after it.

    Attributes
    ----------
    period_s : float
        0 where the window has no period of a lift.
    similarity : float
        Pooled correlation of the window with itself one period later.
    """

    period_s: float
    similarity: float


NOT_PERIODIC = Periodicity(period_s=0.0, similarity=0.0)


def self_similarity(motion_g: FloatArray, first_lag: int, last_lag: int) -> FloatArray:
    """Correlation of a motion with itself after each lag, all axes pooled, each part centred on its own mean.

    Parameters
    ----------
    motion_g : ndarray, shape (n, axes)
        RAW g, low-passed.
    first_lag, last_lag : int
        Lags in samples, both included.

    Returns
    -------
    ndarray, shape (last_lag - first_lag + 1,)
    """
    n = len(motion_g)
    z = motion_g - motion_g.mean(axis=0)
    size = 1 << (n + last_lag - 1).bit_length()
    spectrum = np.fft.rfft(z, size, axis=0)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    lags = np.arange(first_lag, last_lag + 1)
    products = np.fft.irfft(power, size)[lags]
    sums = np.concatenate([np.zeros((1, z.shape[1])), np.cumsum(z, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((z * z).sum(axis=1))])
    kept = n - lags
    head, tail = sums[kept], sums[n] - sums[lags]
    shared = products - (head * tail).sum(axis=1) / kept
    head_ss = squares[kept] - (head * head).sum(axis=1) / kept
    tail_ss = squares[n] - squares[lags] - (tail * tail).sum(axis=1) / kept
    return np.asarray(shared / np.sqrt(np.maximum(head_ss * tail_ss, 1e-18)))


def find_period(
    motion_g: FloatArray, sampling_rate_hz: float, criteria: LiftCriteria, shortest_s: float | None = None
) -> Periodicity:
    """Period of a window: the shortest lag of a lift that repeats nearly as well as the best one.

    A lag too short for a lift that repeats as well as the best means walking or shaking: no period.
    """
    first = int(criteria.lag_min_s * sampling_rate_hz)
    longest = min(criteria.period_max_s * sampling_rate_hz, criteria.lag_share_of_window * len(motion_g))
    last = int(longest)
    if last < first + 4:
        return NOT_PERIODIC
    r = self_similarity(motion_g, first, last)
    peaks = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])) + 1
    is_lift = peaks + first >= (shortest_s or criteria.period_min_s) * sampling_rate_hz
    lifts, fast = peaks[is_lift], peaks[~is_lift]
    best = float(r[lifts].max()) if len(lifts) else 0.0
    if best <= 0 or (len(fast) and float(r[fast].max()) >= criteria.fast_share * best):
        return NOT_PERIODIC
    chosen = int(lifts[np.argmax(r[lifts] >= criteria.shorter_period_share * best)])
    return Periodicity(period_s=(chosen + first) / sampling_rate_hz, similarity=float(r[chosen]))
