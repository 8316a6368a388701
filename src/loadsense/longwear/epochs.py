"""What the wrist says over long wear: epoch means, intensity gradient and the most active minutes.

The wrist carries no landing peaks, but its mean acceleration over seconds has been studied (Stiles 2017; Rowlands
2018, 2019): ENMO, the mean over an epoch of max(|a| - 1 g, 0), in mg.

Difference from the sources: epochs that a gap cuts are left out, where GGIR fills them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loadsense.bands import bin_counts
from loadsense.samples import FloatArray, Gap, IntArray, SampleBlock
from loadsense.vectors import resultant_g

#: Seconds of samples that are held before epochs are made of them: fewer, larger steps.
HOP_S = 60.0


@dataclass(frozen=True, slots=True)
class EpochMeans:
    """ENMO of consecutive epochs.

    Attributes
    ----------
    first_epoch : int
        Index of the first, counted from sample 0; epoch k starts at sample round(k x epoch x rate).
    enmo_mg : ndarray, shape (n,)
        Mean of max(|a| - 1 g, 0), mg.
    """

    first_epoch: int
    enmo_mg: FloatArray


class EpochStage:
    """Epoch means of ENMO; an epoch that a gap or the end cuts is left out.

    Every mean is taken over the closed epoch, so that no sum depends on where the input was cut.

    Parameters
    ----------
    sampling_rate_hz, epoch_s : float
        Of the grid, and of the epochs.
    """

    def __init__(self, sampling_rate_hz: float, epoch_s: float) -> None:
        self._samples_per_epoch = sampling_rate_hz * epoch_s
        self._hop = round(HOP_S * sampling_rate_hz)
        self._held: list[SampleBlock] = []
        self._next_hop = self._hop

    def push(self, block: SampleBlock) -> Sequence[EpochMeans]:
        """Take the next samples; return the epochs of the hops they complete."""
        self._held.append(block)
        end = block.first_sample + len(block)
        if end < self._next_hop:
            return ()
        self._next_hop = (end // self._hop + 1) * self._hop
        return self._epochs(keep_rest=True)

    def gap(self, gap: Gap) -> Sequence[EpochMeans]:  # noqa: ARG002  the contract of a stage names it
        """Samples are missing: the epoch that they cut is left out."""
        return self._epochs(keep_rest=False)

    def flush(self) -> Sequence[EpochMeans]:
        """Return the whole epochs that are left."""
        return self._epochs(keep_rest=False)

    def _edge(self, epoch: int) -> int:
        return round(epoch * self._samples_per_epoch)

    def _epoch_at_or_after(self, sample: int) -> int:
        epoch = int(sample / self._samples_per_epoch)
        while self._edge(epoch) < sample:
            epoch += 1
        return epoch

    def _epochs(self, *, keep_rest: bool) -> Sequence[EpochMeans]:
        if not self._held:
            return ()
        start = self._held[0].first_sample
        accel_g = np.concatenate([block.accel_g for block in self._held])
        end = start + len(accel_g)
        first = self._epoch_at_or_after(start)
        last = self._epoch_at_or_after(end)
        last -= self._edge(last) > end
        rest = self._edge(last) if last > first else start
        self._held = [SampleBlock(rest, accel_g[rest - start :])] if keep_rest and rest < end else []
        if last <= first:
            return ()
        edges = np.array([self._edge(epoch) - start for epoch in range(first, last + 1)])
        excess_g = np.maximum(resultant_g(accel_g[edges[0] : edges[-1]].T) - 1.0, 0.0)
        sums = np.add.reduceat(excess_g, edges[:-1] - edges[0])
        return (EpochMeans(first, sums / np.diff(edges) * 1000.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient:
    """Intensity gradient: slope, intercept and fit of ln minutes on ln mg."""

    slope: float
    intercept: float
    r2: float


def intensity_gradient(enmo_mg: FloatArray, *, edges_mg: Sequence[float], epoch_s: float) -> Gradient | None:
    """Straight line through ln minutes over ln middle of the bin, empty bins left out (Rowlands 2018).

    Parameters
    ----------
    enmo_mg : ndarray
        Epoch means of one day.
    edges_mg : sequence of float
        25 mg bins to 4000 mg, and one to 8000 mg.
    epoch_s : float
        Length of an epoch.

    Returns
    -------
    Gradient or None
        None with fewer than three bins in use: two always fit.
    """
    minutes = bin_counts(enmo_mg, edges_mg) * epoch_s / 60.0
    middle = np.array([(low + high) / 2.0 for low, high in pairwise(edges_mg)])
    used = minutes > 0
    if np.count_nonzero(used) < 3:
        return None
    x, y = np.log(middle[used]), np.log(minutes[used])
    slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))
    intercept = float(y.mean() - slope * x.mean())
    spread = float(np.sum((y - y.mean()) ** 2))
    residual = float(np.sum((y - intercept - slope * x) ** 2))
    return Gradient(slope=slope, intercept=intercept, r2=1.0 if spread == 0.0 else 1.0 - residual / spread)


def mx_metrics(enmo_mg: FloatArray, *, minutes: Sequence[float], epoch_s: float) -> tuple[tuple[str, float], ...]:
    """Acceleration above which the most active X minutes of a day lie, for each X that the day is long enough for.

    Examples
    --------
    >>> mx_metrics(np.arange(1.0, 121.0), minutes=[1.0, 10.0], epoch_s=1.0)
    (('M1', 61.0),)
    """
    strongest = np.sort(enmo_mg)[::-1]
    found = [(f"M{x:g}", round(x * 60.0 / epoch_s)) for x in minutes]
    return tuple((name, float(strongest[n - 1])) for name, n in found if n <= len(strongest))


def longer_epochs(enmo_mg: FloatArray, index: IntArray, *, n: int) -> FloatArray:
    """Mean of each n consecutive epochs that are all there; groups start at whole multiples of n.

    Parameters
    ----------
    enmo_mg : ndarray, shape (m,)
        Epoch means.
    index : ndarray of int, shape (m,)
        Their indices, ascending.
    n : int
        Epochs in a group.
    """
    groups, first, count = np.unique(index // n, return_index=True, return_counts=True)
    if not len(groups):
        return np.empty(0)
    sums = np.add.reduceat(enmo_mg, first)
    whole: FloatArray = (sums / n)[count == n]
    return whole
