"""A stream second by second: mean, variance, smallest and largest value of each axis.

Second k covers the samples [k S, (k + 1) S) of the recording, S being the rounded sampling rate. A second that a gap or
the end has cut is left out. Each figure of a second comes from its own S contiguous values, so it has the same bits
whatever pieces the samples came in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense import kernels
from loadsense.samples import FloatArray, IntArray, SampleBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Whole seconds in order of time.

    Attributes
    ----------
    index : ndarray, shape (k,)
        Number of each second; missing numbers were cut by a gap.
    mean_g, variance_g2, low_g, high_g : ndarray, shape (k, 3)
        Of each axis, RAW g; the variance is that of the S values themselves (divided by S).
    """

    index: IntArray
    mean_g: FloatArray
    variance_g2: FloatArray
    low_g: FloatArray
    high_g: FloatArray

    def __len__(self) -> int:
        return len(self.index)

    def part(self, chosen: slice) -> Seconds:
        """Some of the seconds."""
        return Seconds(
            index=self.index[chosen],
            mean_g=self.mean_g[chosen],
            variance_g2=self.variance_g2[chosen],
            low_g=self.low_g[chosen],
            high_g=self.high_g[chosen],
        )

    @staticmethod
    def joined(parts: list[Seconds]) -> Seconds:
        """Seconds of several parts, one behind the other; at least one part."""
        return Seconds(
            index=np.concatenate([p.index for p in parts]),
            mean_g=np.concatenate([p.mean_g for p in parts]),
            variance_g2=np.concatenate([p.variance_g2 for p in parts]),
            low_g=np.concatenate([p.low_g for p in parts]),
            high_g=np.concatenate([p.high_g for p in parts]),
        )


def seconds_of(accel_g: FloatArray, *, samples_per_second: int, first_second: int = 0) -> Seconds:
    """Figures of the whole seconds of an array that begins on a full second; the rest of it is left out.

    Parameters
    ----------
    accel_g : ndarray, shape (n, 3)
        RAW g.
    """
    n = len(accel_g) // samples_per_second
    loops = kernels.compiled()
    if loops is not None and samples_per_second <= kernels.LONGEST_SUM:
        figures = loops.seconds(np.ascontiguousarray(accel_g), samples_per_second)
        mean_g, variance_g2, low_g, high_g = (figure.T for figure in figures)
        index = np.arange(first_second, first_second + n)
        return Seconds(index=index, mean_g=mean_g, variance_g2=variance_g2, low_g=low_g, high_g=high_g)
    used = accel_g[: n * samples_per_second]
    axes_g = np.ascontiguousarray(used.T).reshape(3, n, samples_per_second)
    mean_g = axes_g.sum(axis=2) / samples_per_second
    low_g, high_g = axes_g.min(axis=2, initial=np.inf), axes_g.max(axis=2, initial=-np.inf)
    away = axes_g - mean_g[:, :, None]
    away *= away
    return Seconds(
        index=np.arange(first_second, first_second + n),
        mean_g=np.asarray(mean_g.T),
        variance_g2=np.asarray(away.sum(axis=2).T / samples_per_second),
        low_g=np.asarray(low_g.T),
        high_g=np.asarray(high_g.T),
    )


class SecondCutter:
    """Cuts a stream into whole seconds.

    Parameters
    ----------
    samples_per_second : int
        The rounded sampling rate.
    """

    def __init__(self, samples_per_second: int) -> None:
        self._size = samples_per_second
        self.restart()

    def restart(self) -> None:
        """Drop the second that has begun: a gap cuts it, and the next samples may begin anywhere."""
        self._waiting: list[FloatArray] = []
        self._end = 0

    def push(self, block: SampleBlock) -> Seconds | None:
        """Take the next samples; return the seconds that are complete, None if there are none."""
        if not self._waiting:
            skipped = -block.first_sample % self._size
            if skipped >= len(block):
                return None
            self._first = block.first_sample + skipped
            self._waiting = [block.accel_g[skipped:]]
        else:
            self._waiting.append(block.accel_g)
        self._end = block.first_sample + len(block)
        if self._end - self._first < self._size:
            return None
        return self._cut()

    def _cut(self) -> Seconds:
        rows = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        seconds = seconds_of(rows, samples_per_second=self._size, first_second=self._first // self._size)
        self._first += len(seconds) * self._size
        left = rows[len(seconds) * self._size :]
        self._waiting = [left.copy()] if len(left) else []
        return seconds
