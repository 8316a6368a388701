"""The last seconds of a stream by absolute index, and the same on a 100 Hz grid.

The detectors for landings and activity think at 100 Hz whatever the sensor's rate. Grid sample k stands at k / 100 s
after the start of the recording; its value is the line between the two native samples around it, each of them first
the mean of `round(rate / 100)` samples where the rate is above 160 Hz. Every value is a function of absolute indices,
so it does not matter how the stream was cut.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.samples import BoolArray, FloatArray, IntArray, SampleBlock

GRID_HZ: Final = 100.0
#: Rates above this are averaged before they are sampled at 100 Hz.
_AVERAGE_ABOVE_HZ: Final = 160.0


class History:
    """Rows of the stream since it began or since the last long gap; the older ones are forgotten.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    keep_s : float
        Seconds that stay readable behind the newest sample.
    """

    def __init__(self, sampling_rate_hz: float, keep_s: float) -> None:
        self.ratio = sampling_rate_hz / GRID_HZ
        self._same = self.ratio == 1.0
        self._width = round(self.ratio) if sampling_rate_hz > _AVERAGE_ABOVE_HZ else 1
        self._keep = math.ceil(keep_s * sampling_rate_hz) + self._width + 2
        self._rows: FloatArray = np.empty((4 * self._keep, 3))
        self._valid: BoolArray = np.empty(4 * self._keep, dtype=np.bool_)
        self.restart(0)

    def restart(self, first_sample: int) -> None:
        """Forget everything; the next row has this index."""
        self._n = 0
        self._offset = first_sample
        self.start = first_sample
        self.end = first_sample

    @property
    def grid_start(self) -> int:
        """First grid index that lies inside the stream."""
        return math.ceil(self.start / self.ratio)

    def append(self, block: SampleBlock, *, cut: bool) -> None:
        """Take rows; a hole before them is bridged by a line and marked, and so is a cut without a length."""
        n_missing = block.first_sample - self.end
        if n_missing > 0 and self.end > self.start:
            share = (np.arange(1, n_missing + 1) / (n_missing + 1.0))[:, None]
            bridge = self._rows[self._n - 1] * (1.0 - share) + block.accel_g[0] * share
            self._store(bridge, valid=False)
        elif n_missing > 0:
            self.restart(block.first_sample)
        self._store(block.accel_g, valid=True)
        if cut and self.end > len(block) + self.start:
            self._valid[self._n - len(block)] = False

    def _store(self, rows: FloatArray, *, valid: bool) -> None:
        n = len(rows)
        if self._n + n > len(self._rows):
            self._make_room(n)
        self._rows[self._n : self._n + n] = rows
        self._valid[self._n : self._n + n] = valid
        self._n += n
        self.end += n

    def _make_room(self, n: int) -> None:
        """Drop what is older than `keep`, and grow where a block is larger than the room that leaves."""
        kept = min(self._n, self._keep)
        old, size = self._n - kept, max(len(self._rows), kept + n)
        rows, valid = np.empty((size, 3)), np.empty(size, dtype=np.bool_)
        rows[:kept], valid[:kept] = self._rows[old : self._n], self._valid[old : self._n]
        self._rows, self._valid = rows, valid
        self._offset += old
        self._n = kept

    def raw(self, first: int, end: int) -> FloatArray:
        """Native rows [first, end), clipped to what is there; shape (n, 3), RAW g."""
        return self._rows[max(0, first - self._offset) : max(0, min(end, self.end) - self._offset)]

    def raw_magnitude(self, first: int, end: int) -> FloatArray:
        """|a| of native rows [first, end), RAW g."""
        return magnitude(self.raw(first, end))

    def highest(self, first: int, end: int) -> tuple[int, float]:
        """Sample of the largest |a| of native rows [first, end), the first of equals, and that |a|, RAW g."""
        rows, loops = self.raw(first, end), kernels.compiled()
        if loops is not None:
            at, highest_g = loops.highest(rows)
            return first + at, highest_g
        g = magnitude(rows)
        at = int(g.argmax())
        return first + at, float(g[at])

    def native(self, grid_index: int) -> int:
        """Native sample nearest to a grid index, inside the stream."""
        return min(max(round(grid_index * self.ratio), self.start), self.end - 1)

    @property
    def grid_end(self) -> int:
        """End of the grid indices that lie inside the stream."""
        return math.floor((self.end - 1) / self.ratio) + 1 if self.end > self.start else self.grid_start

    @property
    def grid_complete(self) -> int:
        """End of the grid values that no later sample can change."""
        if self._same:
            return self.end
        return max(self.grid_start, math.floor((self.end - 2 - self._width // 2) / self.ratio) + 1)

    def first_native(self, grid_index: int) -> int:
        """First native sample at or after a grid index, inside the stream."""
        return min(max(math.ceil(grid_index * self.ratio), self.start), self.end)

    def first_natives(self, grid_indices: IntArray) -> list[int]:
        """`first_native` of many."""
        native = np.ceil(grid_indices * self.ratio).astype(np.int64)
        natives: list[int] = np.minimum(np.maximum(native, self.start), self.end).tolist()
        return natives

    def grid(self, first: int, end: int) -> tuple[FloatArray, BoolArray]:
        """Grid rows [first, end), RAW g, and whether each stands on samples that were recorded.

        Rows near the edge of the stream repeat its last sample where they would reach beyond it. At 100 Hz they are
        the samples themselves, good until the next are appended.
        """
        if self._same:
            here = slice(first - self._offset, end - self._offset)
            return self._rows[here], self._valid[here]
        at = np.arange(first, end) * self.ratio
        below = np.floor(at).astype(np.int64)
        share = (at - below)[:, None]
        low = int(below[0]) - self._width // 2
        index = np.arange(low, int(below[-1]) + 2 + self._width)
        index = np.clip(index, max(self.start, self._offset), self.end - 1) - self._offset
        smooth = self._mean(self._rows[index])
        valid = self._valid[index]
        left = below - int(below[0])
        recorded = valid[left + self._width // 2] & valid[left + self._width // 2 + 1]
        return smooth[left] * (1.0 - share) + smooth[left + 1] * share, recorded

    def _mean(self, rows: FloatArray) -> FloatArray:
        """Mean over `width` rows, the window of row i beginning `width // 2` before it."""
        if self._width == 1:
            return rows
        n = len(rows) - self._width + 1
        total = rows[:n].copy()
        for shift in range(1, self._width):
            total += rows[shift : shift + n]
        total /= self._width
        return total


def magnitude(accel_g: FloatArray) -> FloatArray:
    """|a| of rows (n, 3); one row gives the same bits as many."""
    x, y, z = accel_g[:, 0], accel_g[:, 1], accel_g[:, 2]
    total: FloatArray = x * x
    total += y * y
    total += z * z
    return np.sqrt(total, out=total)
