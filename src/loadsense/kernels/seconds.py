"""What each second looks like, and the extremes of blocks and buckets."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels import sums
from loadsense.kernels.family import Kernel
from loadsense.kernels.sums import sum_in_order
from loadsense.samples import FloatArray, IntArray


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
    out, values = np.empty((4, 3, n)), np.empty((3, per_second))
    for second in range(n):
        part = rows[second * per_second : (second + 1) * per_second]
        low_x, low_y, low_z = high_x, high_y, high_z = part[0, 0], part[0, 1], part[0, 2]
        for i in range(per_second):
            x, y, z = part[i, 0], part[i, 1], part[i, 2]
            values[0, i], values[1, i], values[2, i] = x, y, z
            low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
            high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
        out[2, 0, second], out[2, 1, second], out[2, 2, second] = low_x, low_y, low_z
        out[3, 0, second], out[3, 1, second], out[3, 2, second] = high_x, high_y, high_z
        for axis in range(3):
            along = values[axis]
            mean = sum_in_order(along, per_second) / per_second
            for i in range(per_second):
                away = along[i] - mean
                along[i] = away * away
            out[0, axis, second], out[1, axis, second] = mean, sum_in_order(along, per_second) / per_second
    return out


# -- extremes


def largest_of_sides(rows: FloatArray) -> FloatArray:
    """`conditioning.rails.largest_of_sides`."""
    low_x, low_y, low_z = high_x, high_y, high_z = rows[0, 0], rows[0, 1], rows[0, 2]
    for i in range(len(rows)):
        x, y, z = rows[i, 0], rows[i, 1], rows[i, 2]
        low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
        high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    return np.array([high_x, high_y, high_z, -low_x, -low_y, -low_z])


def extremes(rows: FloatArray, starts: IntArray) -> FloatArray:
    """Smallest and largest squared length of the rows of each bucket, shape (2, buckets).

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        RAW g.
    starts : ndarray of int
        First row of each bucket; the last one ends with the rows.
    """
    out, squared = np.empty((2, len(starts))), np.empty(len(rows))
    for i in range(len(rows)):
        squared[i] = rows[i, 0] * rows[i, 0] + rows[i, 1] * rows[i, 1] + rows[i, 2] * rows[i, 2]
    for bucket in range(len(starts)):
        end = starts[bucket + 1] if bucket + 1 < len(starts) else len(rows)
        part = squared[starts[bucket] : end]
        l0 = l1 = l2 = l3 = h0 = h1 = h2 = h3 = part[0]
        whole = len(part) - len(part) % 4
        for i in range(0, whole, 4):
            a, b, c, d = part[i], part[i + 1], part[i + 2], part[i + 3]
            l0, l1, l2, l3 = min(l0, a), min(l1, b), min(l2, c), min(l3, d)
            h0, h1, h2, h3 = max(h0, a), max(h1, b), max(h2, c), max(h3, d)
        for i in range(whole, len(part)):
            l0, h0 = min(l0, part[i]), max(h0, part[i])
        out[0, bucket], out[1, bucket] = min(min(l0, l1), min(l2, l3)), max(max(h0, h1), max(h2, h3))
    return out


INNER: Final[tuple[Kernel, ...]] = sums.INNER
_ROWS: Final = "Array(float64, 2, 'C', readonly=True)"
OUTER: Final[dict[Kernel, str]] = {
    seconds: f"float64[:, :, ::1]({_ROWS}, int64)",
    largest_of_sides: f"float64[::1]({_ROWS})",
    extremes: f"float64[:, ::1]({_ROWS}, int64[::1])",
}
