"""The trace of a whole recording in a few thousand buckets, however long it is.

Theory of operation: the recording is cut into buckets of `w` samples on absolute sample indices, and each bucket keeps
the smallest and the largest squared resultant. When a sample falls beyond the last bucket that may be kept, neighbours
are merged in pairs and `w` doubles. Minimum and maximum do not depend on the order in which they are taken, and the
final `w` follows from the last sample index alone, so the result is the same however the samples were cut. A min-max
envelope keeps every peak at its height; a trace thinned by any other rule loses some (LTTB up to 3.6 g of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.results import Envelope
from loadsense.samples import FloatArray, Gap, IntArray, SampleBlock

#: Buckets kept at most; a recording longer than this in samples is drawn with more than half as many.
MOST_BUCKETS: Final = 4000
#: Samples that are taken in at once, at least.
_FEWEST_SAMPLES: Final = 256


class EnvelopeStage:
    """Stage that yields one `Envelope` at the end.

    Parameters
    ----------
    most_buckets : int
        Upper limit on the number of buckets, an even number.
    """

    def __init__(self, *, most_buckets: int = MOST_BUCKETS) -> None:
        self._width = 1
        self._low = np.full(most_buckets, np.nan)
        self._high = np.full(most_buckets, np.nan)
        self._n_buckets = 0
        self._held: list[FloatArray] = []
        self._n_held = self._first = 0

    def push(self, block: SampleBlock) -> Sequence[Envelope]:
        """Take the next samples; the envelope itself comes with `flush`."""
        if len(block):
            if block.first_sample != self._first + self._n_held:
                self._merge_held()
            if not self._held:
                self._first = block.first_sample
            self._held.append(block.accel_g)
            self._n_held += len(block)
        if self._n_held >= _FEWEST_SAMPLES:
            self._merge_held()
        return ()

    def gap(self, gap: Gap) -> Sequence[Envelope]:  # noqa: ARG002  the contract of a stage names it
        """Buckets lie on absolute indices, so those inside the gap stay empty."""
        self._merge_held()
        return ()

    def flush(self) -> Sequence[Envelope]:
        """The envelope of everything that was pushed; none when that was nothing."""
        envelope = self.result()
        return () if envelope is None else (envelope,)

    def result(self) -> Envelope | None:
        """The envelope of what was pushed so far; None when that was nothing."""
        self._merge_held()
        if not self._n_buckets:
            return None
        return Envelope(
            bucket_samples=self._width,
            low_g=_roots(self._low[: self._n_buckets]),
            high_g=_roots(self._high[: self._n_buckets]),
        )

    def _merge_held(self) -> None:
        """Take the samples that wait into their buckets: ten by ten the calls would cost more than the samples."""
        if self._held:
            accel_g = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
            self._held, self._n_held = [], 0
            self._reach(self._first + len(accel_g) - 1)
            self._merge_in(self._first, accel_g)

    def _reach(self, last_sample: int) -> None:
        """Double the bucket width until the last sample has a bucket."""
        while last_sample // self._width >= len(self._low):
            self._width *= 2
            self._low = _halved(self._low, np.fmin)
            self._high = _halved(self._high, np.fmax)
        self._n_buckets = last_sample // self._width + 1

    def _merge_in(self, first_sample: int, accel_g: FloatArray) -> None:
        """Take the extremes of the block into its buckets."""
        first = first_sample // self._width
        last = (first_sample + len(accel_g) - 1) // self._width
        starts = np.arange(first, last + 1) * self._width - first_sample
        starts[0] = 0
        low, high = _extremes(accel_g, starts)
        buckets = slice(first, last + 1)
        self._low[buckets] = np.fmin(self._low[buckets], low)
        self._high[buckets] = np.fmax(self._high[buckets], high)


def _extremes(accel_g: FloatArray, starts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest squared resultant of each bucket, given by its first row."""
    loops = kernels.compiled()
    if loops is not None:
        low, high = loops.extremes(np.ascontiguousarray(accel_g), starts)
        return low, high
    x, y, z = accel_g[:, 0], accel_g[:, 1], accel_g[:, 2]
    squared = x * x + y * y + z * z
    return np.minimum.reduceat(squared, starts), np.maximum.reduceat(squared, starts)


def _halved(extremes: FloatArray, merge: np.ufunc) -> FloatArray:
    """Pairs merged into the first half; the second half empty."""
    halved = np.full(len(extremes), np.nan)
    halved[: len(extremes) // 2] = merge(extremes[0::2], extremes[1::2])
    return halved


def _roots(squared: FloatArray) -> tuple[float | None, ...]:
    """Square roots, with None for an empty bucket."""
    return tuple(None if np.isnan(value) else float(value) for value in np.sqrt(squared))
