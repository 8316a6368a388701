"""The slow grid on which lifts are looked for: 25 Hz, anchored at absolute k / 25 s of the recording.

Theory of operation
-------------------
A repetition lives below 2.5 Hz, so 25 Hz is plenty, and one grid makes every constant of the detector independent of
the sensor's rate. A grid value is the mean of the signal over one grid interval (an interpolation below 25 Hz), the
motion a short symmetric Gaussian of those values: both are sums in a fixed order over samples at fixed absolute places,
so they come out the same to the last bit however the samples arrive.

A hole of up to `hole_max_s` is bridged by a straight line whose samples are marked absent; a longer one, and a cut of
unknown length, ends the context, because nothing may be said to continue across it.
"""

from __future__ import annotations

import math

import numpy as np

from loadsense.samples import FloatArray, IntArray, SampleBlock

#: Rate of the grid.
GRID_HZ = 25.0
#: Grid samples in a hop of 0.48 s, the step of every decision.
HOP = 12


def gaussian_taps(cutoff_hz: float) -> FloatArray:
    """Half of a symmetric Gaussian of unit sum on the grid, from its middle outwards; -3 dB near the cutoff."""
    sigma = 0.1325 / cutoff_hz * GRID_HZ
    half = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(half + 1) / sigma) ** 2)
    return np.asarray(weights / (weights[0] + 2 * weights[1:].sum()))


def smoothed(values: FloatArray, taps: FloatArray) -> FloatArray:
    """Symmetric weighted mean of each row with its neighbours, edges repeated; elementwise, whatever the block."""
    half = len(taps) - 1
    padded = np.concatenate([np.repeat(values[:1], half, axis=0), values, np.repeat(values[-1:], half, axis=0)])
    return smoothed_inside(padded, taps)


def smoothed_inside(padded: FloatArray, taps: FloatArray) -> FloatArray:
    """As `smoothed`, only for the rows that have all neighbours."""
    half = len(taps) - 1
    n = len(padded) - 2 * half
    out: FloatArray = taps[0] * padded[half : half + n]
    for k in range(1, half + 1):
        out += taps[k] * (padded[half - k : half - k + n] + padded[half + k : half + k + n])
    return out


class GridRows:
    """Rows of the grid, of which the oldest may be dropped; indices are absolute.

    Attributes
    ----------
    first : int
        Grid index of the first row kept.
    """

    def __init__(self, first: int, width: int) -> None:
        self.first = first
        self._rows = np.empty((256, width))
        self._from = self._to = 0

    @property
    def end(self) -> int:
        """Grid index after the last row."""
        return self.first + self._to - self._from

    def append(self, rows: FloatArray) -> None:
        """Add rows at the end."""
        if self._to + len(rows) > len(self._rows):
            kept = self._rows[self._from : self._to]
            grown = np.empty((max(256, 2 * (len(kept) + len(rows))), kept.shape[1]))
            grown[: len(kept)] = kept
            self._rows, self._from, self._to = grown, 0, len(kept)
        self._rows[self._to : self._to + len(rows)] = rows
        self._to += len(rows)

    def between(self, start: int, end: int) -> FloatArray:
        """Copy of the rows [start, end)."""
        return self._rows[self._from + start - self.first : self._from + end - self.first].copy()

    def drop_before(self, start: int) -> None:
        """Forget the rows before a grid index."""
        n = min(max(start - self.first, 0), self._to - self._from)
        self._from += n
        self.first += n


class WristGrid:
    """Samples in, rows of the 25 Hz grid out.

    A row is (x, y, z, present): RAW g, and 1 where the sample is there, 0 in a bridged hole.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the samples.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self.rate_hz = sampling_rate_hz
        self._per_row = sampling_rate_hz / GRID_HZ
        self._width = max(1, round(self._per_row))
        self._raw = np.empty((0, 3))
        self._first = 0
        self._segment = 0
        self._next_row = 0
        self._hole_from: FloatArray | None = None

    def row_of(self, sample: int) -> int:
        """First grid index at or after a sample."""
        return math.ceil(sample / self._per_row - 1e-9)

    def sample_of(self, row: int) -> int:
        """Sample nearest to a grid index."""
        return round(row * self._per_row)

    def push(self, block: SampleBlock) -> FloatArray:
        """Rows that have become known, shape (n, 4)."""
        bridge = self._bridge(block)
        self._raw = np.concatenate([self._raw, block.accel_g]) if len(self._raw) else block.accel_g
        rows = self._rows_up_to(self._first + len(self._raw) - 1, final=False)
        return np.concatenate([bridge, rows]) if len(bridge) else rows

    def close(self) -> FloatArray:
        """Rows up to the last sample, with the edge repeated; the next sample begins anew or after a hole."""
        if not len(self._raw):
            return np.empty((0, 4))
        rows = self._rows_up_to(self._first + len(self._raw) - 1, final=True)
        self._hole_from, self._raw = self._raw[-1].copy(), np.empty((0, 3))
        return rows

    def restart(self) -> None:
        """Forget what lay before a hole, so that it is not bridged."""
        self._hole_from = None

    def _bridge(self, block: SampleBlock) -> FloatArray:
        if len(self._raw) or not len(block):
            return np.empty((0, 4))
        self._first = self._segment = block.first_sample
        start, self._next_row = self._next_row, self.row_of(block.first_sample)
        left, self._hole_from = self._hole_from, None
        n = self._next_row - start
        if left is None or n <= 0:
            return np.empty((0, 4))
        share = (np.arange(1, n + 1) / (n + 1))[:, None]
        line = left + share * (block.accel_g[0] - left)
        return np.column_stack([line, np.zeros(n)])

    def _rows_up_to(self, last_sample: int, *, final: bool) -> FloatArray:
        m, per_row = self._width, self._per_row
        reach = 0.0 if final else (m + 1) / 2 + 1e-9
        end = math.floor((last_sample - reach) / per_row + 1e-9) + 1
        if end <= self._next_row:
            return np.empty((0, 4))
        rows = np.arange(self._next_row, end)
        at = rows * per_row - (m - 1) / 2
        whole = np.floor(at).astype(np.int64)
        out = np.ones((len(rows), 4))
        out[:, :3] = self._means(whole, (at - whole)[:, None])
        self._next_row = end
        oldest = math.floor(end * per_row - (m - 1) / 2) - 1
        drop = min(max(oldest - self._first, 0), len(self._raw) - 1)
        self._raw, self._first = self._raw[drop:], self._first + drop
        return out

    def _means(self, whole: IntArray, share: FloatArray) -> FloatArray:
        """Mean over `_width` samples from a fractional start: parts of the first and last, the whole ones between."""
        m = self._width
        total: FloatArray = (1.0 - share) * self._take(whole, 0)
        for j in range(1, m):
            total += self._take(whole, j)
        total += share * self._take(whole, m)
        return np.asarray(total / m)

    def _take(self, whole: IntArray, ahead: int) -> FloatArray:
        """Samples some places ahead of the given ones; beyond the ends of the segment the end is repeated."""
        last = self._first + len(self._raw) - 1
        low, high = int(whole[0]) + ahead, int(whole[-1]) + ahead
        if self._per_row.is_integer() and low >= self._segment and high <= last:
            return self._raw[low - self._first : high - self._first + 1 : int(self._per_row)]
        clipped = np.minimum(np.maximum(whole + ahead, self._segment), last)
        return np.asarray(self._raw[clipped - self._first])

    def samples_needed(self, row: int) -> int:
        """End of the samples that must be there for a row to be known."""
        return math.ceil(row * self._per_row + (self._width + 1) / 2 + 1e-9) + 1
