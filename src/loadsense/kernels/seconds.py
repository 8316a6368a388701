"""What each second looks like."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels import sums
from loadsense.kernels.family import Kernel
from loadsense.kernels.sums import sum_in_order
from loadsense.samples import FloatArray


def seconds(rows: FloatArray, per_second: int) -> FloatArray:
    """`conditioning.seconds.seconds_of`: mean, variance, smallest and largest value of each second and axis.

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        From the first sample of a second on.
    per_second : int
        At most `LONGEST_SUM`.

    Returns
    -------
    ndarray, shape (4, 3, seconds)
    """
    n = len(rows) // per_second
    out, values = np.empty((4, 3, n)), np.empty(per_second)
    for second in range(n):
        part = rows[second * per_second : (second + 1) * per_second]
        for axis in range(3):
            low = high = part[0, axis]
            for i in range(per_second):
                value = part[i, axis]
                values[i] = value
                low, high = min(low, value), max(high, value)
            mean = sum_in_order(values, per_second) / per_second
            for i in range(per_second):
                away = values[i] - mean
                values[i] = away * away
            out[0, axis, second], out[1, axis, second] = mean, sum_in_order(values, per_second) / per_second
            out[2, axis, second], out[3, axis, second] = low, high
    return out


INNER: Final[tuple[Kernel, ...]] = sums.INNER
OUTER: Final[dict[Kernel, str]] = {
    seconds: "float64[:, :, ::1](Array(float64, 2, 'C', readonly=True), int64)",
}
