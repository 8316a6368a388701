"""Flat tops: where an axis cannot go on, whatever range was stated.

A sensor at the end of its range repeats one and the same value, sample after sample. A true peak does not: its
largest value stands alone. So the largest value of each side of each axis is watched, and how often two neighbours
both have it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.samples import FloatArray

#: Neighbours that both stand at the largest value before it is called a rail [convention].
LEAST_PAIRS: Final = 4
#: Lower extremes are posture and slow movement, where coarse counts repeat without a rail, RAW g [convention].
LEAST_RAIL_G: Final = 1.8


def largest_of_sides(accel_g: FloatArray) -> FloatArray:
    """Largest value of +x, +y, +z, -x, -y and -z over n > 0 samples.

    Rows are taken 64 at a time: numpy reduces long rows ten times as fast as rows of three.
    """
    loops = kernels.compiled()
    if loops is not None:
        return np.asarray(loops.largest_of_sides(np.ascontiguousarray(accel_g)))
    wide = accel_g[: len(accel_g) // 64 * 64].reshape(-1, 192)
    rest = accel_g[len(wide) * 64 :]
    if len(wide):
        high, low = wide.max(axis=0).reshape(64, 3), wide.min(axis=0).reshape(64, 3)
        return np.concatenate((np.vstack((high, rest)).max(axis=0), -np.vstack((low, rest)).min(axis=0)))
    return np.concatenate((rest.max(axis=0), -rest.min(axis=0)))


class RailWatch:
    """Largest value of each side of each axis, and the pairs of neighbours that stand at it.

    The counts do not depend on how the samples were cut: the last row of a block is the first neighbour of the next. A
    pair over a gap is counted too, which is one in the gap and harmless.
    """

    def __init__(self) -> None:
        self._extreme_g = np.full(6, -np.inf)
        self._n_pairs = np.zeros(6, dtype=np.int64)
        self._last: FloatArray = np.empty((0, 6))

    def push(self, accel_g: FloatArray) -> float:
        """Take the next samples, shape (n, 3) with n > 0, RAW g; return the largest of them in absolute value."""
        largest = largest_of_sides(accel_g)
        self._n_pairs[largest > self._extreme_g] = 0
        self._extreme_g = np.maximum(self._extreme_g, largest)
        for side in np.flatnonzero((largest == self._extreme_g) & (self._extreme_g >= LEAST_RAIL_G)):
            self._n_pairs[side] += self._pairs(accel_g, int(side))
        self._last = np.concatenate((accel_g[-1:], -accel_g[-1:]), axis=1)
        return float(largest.max())

    def _pairs(self, accel_g: FloatArray, side: int) -> int:
        sign = 1.0 if side < 3 else -1.0
        at = np.concatenate((self._last[:, side], sign * accel_g[:, side % 3])) == self._extreme_g[side]
        return int(np.count_nonzero(at[1:] & at[:-1]))

    def rail_g(self) -> float | None:
        """The lowest rail of any axis, RAW g; None where no axis has flat tops."""
        railed = self._extreme_g[self._n_pairs >= LEAST_PAIRS]
        return float(railed.min()) if len(railed) else None
