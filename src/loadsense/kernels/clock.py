"""Times of a clock that runs steadily."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray, IntArray


def uneventful(times_s: FloatArray, before_s: float, step_s: float, gap_s: float, jitter: IntArray) -> FloatArray:
    """Intervals of times that advance with every row and nowhere by a gap.

    Parameters
    ----------
    times_s : ndarray, shape (n,)
    before_s : float
        Time of the row before the first.
    step_s, gap_s : float
        Sample interval, and the longest one that is no gap.
    jitter : ndarray of int, shape (classes + 1,)
        Histogram of |interval - whole steps| over two steps, added to where all is uneventful.

    Returns
    -------
    ndarray, shape (n,)
        Nothing where a row stands still or goes back, or samples are missing.
    """
    intervals, last = np.empty(len(times_s)), before_s
    for i in range(len(times_s)):
        intervals[i] = times_s[i] - last
        last = times_s[i]
        if not 0.0 < intervals[i] <= gap_s:
            return np.empty(0)
    n_classes = len(jitter) - 1
    per_s = n_classes / 2.0 / step_s
    for i in range(len(intervals)):
        off_s = abs(intervals[i] - max(np.rint(intervals[i] / step_s), 1.0) * step_s)
        jitter[int(min(off_s * per_s, n_classes))] += 1
    return intervals


INNER: Final[tuple[Kernel, ...]] = ()
OUTER: Final[dict[Kernel, str]] = {
    uneventful: "float64[::1](Array(float64, 1, 'C', readonly=True), float64, float64, float64, int64[::1])",
}
