"""Impact peaks of a stream: every peak of the low-passed resultant of at least 1.3 g, no two within 0.4 s.

The peaks are those of `scipy.signal.find_peaks(height=..., distance=...)` on the whole record: a peak is a sample, or
the middle of a flat top, higher than both its neighbours; of two peaks too close to each other the higher one wins, and
of equal heights the later.

Who wins within 0.4 s hangs on who wins within the next 0.4 s, and so on: in running the chain has no end. It is cut by
this: a peak that is higher than every open peak within 0.4 s wins, whatever comes later; its neighbours then lose, and
what is left of it is closed, because nothing to its right can reach it any more. So only a chain in which every peak is
higher than the one before it stays open, and it is closed by the first that is not.

Differences from the original (impactr, Veras): scipy's peaks instead of pracma's, that is flat tops count and of equal
heights the later wins; the acceleration rate is taken over the rise itself, where impactr looks one sample late and
never clears its work vector; the low-pass begins and ends in a steady state instead of at rest. `detection/impactr.py`
holds the form as published.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.criteria import Source
from loadsense.detection.gravity import TrailingGravity
from loadsense.detection.slow_vertical import SlowVertical
from loadsense.events import Impact
from loadsense.impact_table import ImpactTable, joined
from loadsense.kernels.impacts import OPEN, WON, decide
from loadsense.lowpass import FilteredBlock, ZeroPhaseLowPass
from loadsense.samples import FloatArray, Gap, IntArray, SampleBlock
from loadsense.vectors import SHORTEST_MEAN_G, resultant_g


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactCriteria:
    """What counts as an impact.

    Attributes
    ----------
    cutoff_hz : float
        Low-pass before anything else (Butterworth order 4, zero phase); lowered to 0.4 of a slower sampling rate.
    min_peak_g : float
        Lowest peak of the resultant, RAW g.
    min_distance_s : float
        Two impacts are at least this far apart; the higher one wins.
    min_step_s : float
        The same for the steps of a run, which follow each other faster.
    gravity_s : float
        Gravity is the mean acceleration over about this long before and around the peak.
    slow_cutoff_hz : float
        Low-pass of the slow vertical of a step.
    slow_before_s, slow_after_s : float
        Where the slow vertical has its peak, before and after that of the impact.
    source : Source
        Of height, distance and filter.
    """

    cutoff_hz: float
    min_peak_g: float
    min_distance_s: float
    min_step_s: float
    gravity_s: float
    slow_cutoff_hz: float
    slow_before_s: float
    slow_after_s: float
    source: Source


@dataclass(frozen=True, slots=True)
class _Peaks:
    """Local maxima that are high enough, in order of time.

    Attributes
    ----------
    whole : ndarray of int, shape (2, n)
        Sample of each peak and of its onset.
    parts : ndarray, shape (3, n)
        Height in g, steepest slope in g/s (NaN where the rise is one sample), and part along gravity in g.
    """

    whole: IntArray
    parts: FloatArray


_NO_PEAKS: Final = _Peaks(np.empty((2, 0), dtype=np.int64), np.empty((3, 0)))


class ImpactDetector:
    """Stage that finds impacts.

    An impact comes out when its hop is filtered (at most 2.0 s and the look-ahead of the low-pass, which is 0.7 s from
    100 Hz upwards) and no open peak can change it.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    criteria : ImpactCriteria
        What counts as an impact.
    steps : bool
        Also give the peaks that lost to a higher one within `min_distance_s` and yet won within `min_step_s`, with the
        rule "step": in running every step loads, and steps follow each other in less than 0.4 s. They are impacts only
        where the wearer runs; the caller knows that and drops the others.
    slow_vertical : bool
        Also measure `slow_vertical_g` of every impact, at the cost of a second filter.

    Attributes
    ----------
    cutoff_hz : float
        The low-pass in use.
    """

    def __init__(
        self,
        *,
        sampling_rate_hz: float,
        criteria: ImpactCriteria,
        steps: bool = False,
        slow_vertical: bool = False,
    ) -> None:
        self._low_pass = ZeroPhaseLowPass(
            sampling_rate_hz=sampling_rate_hz, cutoff_hz=criteria.cutoff_hz, lasting=False
        )
        self.cutoff_hz = self._low_pass.cutoff_hz
        n_hops = max(1, round(criteria.gravity_s * sampling_rate_hz / self._low_pass.hop_samples))
        self._hop_samples = self._low_pass.hop_samples
        self._gravity = TrailingGravity(hop_samples=self._hop_samples, n_hops=n_hops)
        self._tops = LocalMaxima(sampling_rate_hz=sampling_rate_hz, min_peak_g=criteria.min_peak_g)
        distances_s = (criteria.min_distance_s, criteria.min_step_s) if steps else (criteria.min_distance_s,)
        self._rules = Spacing(*(math.ceil(distance_s * sampling_rate_hz) for distance_s in distances_s))
        self._slow = None
        if slow_vertical:
            self._slow = SlowVertical(
                sampling_rate_hz=sampling_rate_hz,
                cutoff_hz=criteria.slow_cutoff_hz,
                n_hops=n_hops,
                around_s=(criteria.slow_before_s, criteria.slow_after_s),
            )

    def push(self, block: SampleBlock) -> Sequence[Impact]:
        """Take the next samples; return the impacts that are final."""
        impacts = self._find(self._low_pass.each(block))
        if self._slow is None:
            return impacts
        open_from = self._rules.settled_before(self._tops.next_possible_sample)
        return _as_table(self._slow.push(block, list(impacts), open_from=open_from))

    def gap(self, gap: Gap) -> Sequence[Impact]:
        """Close the segment: no impact spans a gap, and peaks on either side of it do not compete."""
        return self._close(self._low_pass.gap(gap))

    def flush(self) -> Sequence[Impact]:
        """Return the impacts that were still open."""
        return self._close(self._low_pass.flush())

    def _find(self, blocks: Iterable[FilteredBlock]) -> Sequence[Impact]:
        found = [self._rules.push(self._peaks(block), self._tops.next_possible_sample) for block in blocks]
        return joined([part for part in found if part])

    def _peaks(self, block: FilteredBlock) -> _Peaks:
        loops = kernels.compiled()
        if loops is None or self._hop_samples > kernels.LONGEST_SUM:
            vertical_g, _, _ = self._gravity.split(block.axes_g)
            return self._tops.push(block.first_sample, resultant_g(block.axes_g), vertical_g)
        gravity, tops = self._gravity, self._tops
        stream = (block.first_sample, self._hop_samples, *tops.criteria, SHORTEST_MEAN_G)
        work = tops.room(block.axes_g.shape[1])
        whole, parts, gravity.before, *rise = loops.peaks(block.axes_g, stream, gravity.before, tops.rise, work)
        tops.rise = (rise[0], rise[1], rise[2])
        return _Peaks(whole, parts)

    def _close(self, blocks: Iterable[FilteredBlock]) -> Sequence[Impact]:
        found = [self._find(blocks), self._rules.flush()]
        impacts = joined([part for part in found if part])
        self._tops.restart()
        self._gravity.restart()
        return impacts if self._slow is None else _as_table(self._slow.close(list(impacts)))


def _as_table(impacts: list[Impact]) -> Sequence[Impact]:
    return ImpactTable(impacts) if impacts else ()


#: Behind every sample: no more peaks will come.
_NEVER: Final = 2**62


class Spacing:
    """The rule of impacts and, where asked for, the rule of steps: which peaks win, in order of time.

    Parameters
    ----------
    distances : tuple of int
        Peaks closer than this compete; of equal heights the later wins. The first distance is that of impacts, the
        second, if any, that of steps.
    """

    def __init__(self, *distances: int) -> None:
        self._distances = distances
        self._open = _NO_PEAKS
        self._marks = np.empty((len(distances), 0), dtype=np.int8)

    def push(self, peaks: _Peaks, next_possible_sample: int) -> Sequence[Impact]:
        """Take the next peaks, all before `next_possible_sample`; return the impacts that are final."""
        n_new = peaks.whole.shape[1]
        if not n_new and not self._marks.shape[1]:
            return ()
        whole = np.concatenate((self._open.whole, peaks.whole), axis=1)
        parts = np.concatenate((self._open.parts, peaks.parts), axis=1)
        marks = np.concatenate((self._marks, np.full((len(self._marks), n_new), OPEN, np.int8)), axis=1)
        firsts = [
            _decided(whole[0], parts[0], row, distance, next_possible_sample)
            for row, distance in zip(marks, self._distances, strict=True)
        ]
        first = min(firsts)
        self._open = _Peaks(whole[:, first:], parts[:, first:])
        self._marks = marks[:, first:]
        return _impacts(_Peaks(whole[:, :first], parts[:, :first]), marks[:, :first])

    def settled_before(self, next_possible_sample: int) -> int:
        """No impact that is still to come lies before this sample."""
        samples = self._open.whole[0]
        return int(samples[0]) if len(samples) else next_possible_sample

    def flush(self) -> Sequence[Impact]:
        """No more peaks will come: return the rest."""
        return self.push(_NO_PEAKS, _NEVER)


def _decided(
    samples: IntArray, heights_g: FloatArray, marks: np.ndarray, distance: int, next_possible_sample: int
) -> int:
    """`kernels.impacts.decide`, compiled where it is loaded; on lists where not, which Python is quicker at."""
    loops = kernels.compiled()
    if loops is not None:
        return int(loops.decide(samples, heights_g, marks, distance, next_possible_sample))
    marked = marks.tolist()
    first = decide(samples.tolist(), heights_g.tolist(), marked, distance, next_possible_sample)
    marks[:] = marked
    return first


def _impacts(peaks: _Peaks, marks: np.ndarray) -> Sequence[Impact]:
    """Those that have won by any rule; a step is what won by the second alone."""
    won = np.flatnonzero((marks == WON).any(axis=0))
    if not len(won):
        return ()
    samples, onsets = peaks.whole[:, won]
    heights_g, rates, vertical_g = peaks.parts[:, won]
    return ImpactTable.of_columns(
        {"onset_sample": onsets, "peak_sample": samples},
        {"peak_g": heights_g, "peak_vertical_g": vertical_g, "acceleration_rate_g_per_s": rates},
        marks[0, won] != WON,
    )


#: Runs of equal values at the end of a push in which the last fall is looked for first.
_SHORT_RISE: Final = 256


#: Samples at which runs of equal values start, the values, and their parts along gravity.
_Rise = tuple[IntArray, FloatArray, FloatArray]


class LocalMaxima:
    """Local maxima of a stream, with the rise that leads to each.

    Equal neighbours are one run; a maximum is a run above both its neighbours, and stands in the middle of its run. Its
    rise begins behind the last minimum or flat run. Between pushes only the runs since the last fall are kept.
    """

    def __init__(self, *, sampling_rate_hz: float, min_peak_g: float) -> None:
        self.criteria = (min_peak_g, sampling_rate_hz / 2.0)
        self._room = (np.empty(0, dtype=np.int64), np.empty(0))
        self.restart()

    def restart(self) -> None:
        """Forget the rise: another segment begins."""
        self.rise: _Rise = (np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))

    @property
    def next_possible_sample(self) -> int:
        """No maximum that is still to come lies before this sample."""
        starts = self.rise[0]
        return int(starts[-1]) if len(starts) else 0

    def room(self, n: int) -> tuple[IntArray, FloatArray]:
        """Room for the starts and values of the runs that are kept and of n more."""
        n += len(self.rise[0])
        if len(self._room[0]) < n:
            self._room = (np.empty(n, dtype=np.int64), np.empty(n))
        return self._room

    def push(self, first_sample: int, values_g: FloatArray, vertical_g: FloatArray) -> _Peaks:
        """Take the next values; return the maxima that are complete."""
        self._append(first_sample, values_g, vertical_g)
        peaks = self._complete() if self.rise[1].max() >= self.criteria[0] else _NO_PEAKS
        self._forget()
        return peaks

    def _complete(self) -> _Peaks:
        starts, values, _ = self.rise
        up = values[1:] > values[:-1]
        tops = np.flatnonzero(up[:-1] & ~up[1:] & (values[1:-1] >= self.criteria[0])) + 1
        flat = np.diff(starts)[1:] > 1
        lows = np.flatnonzero(up[1:] & (flat | ~up[:-1])) + 1
        return self._describe(tops, lows) if len(tops) else _NO_PEAKS

    def _append(self, first_sample: int, values_g: FloatArray, vertical_g: FloatArray) -> None:
        new = (np.arange(first_sample, first_sample + len(values_g)), values_g, vertical_g)
        starts, values, vertical = (np.concatenate(pair) for pair in zip(self.rise, new, strict=True))
        differs = values[1:] != values[:-1]
        if not differs.all():
            runs = np.concatenate(([0], np.flatnonzero(differs) + 1))
            starts, values, vertical = starts[runs], values[runs], vertical[runs]
        self.rise = starts, values, vertical

    def _describe(self, tops: IntArray, lows: IntArray) -> _Peaks:
        starts, values, vertical = self.rise
        before = np.searchsorted(lows, tops) - 1
        bottoms = np.where(before >= 0, lows[before], 0) if len(lows) else np.zeros_like(tops)
        samples = (starts[tops] + starts[tops + 1] - 1) // 2
        onsets = starts[bottoms + 1] - 1
        rates = self._steepest(bottoms, tops)
        return _Peaks(np.stack((samples, onsets)), np.stack((values[tops], rates, vertical[tops])))

    def _steepest(self, bottoms: IntArray, tops: IntArray) -> FloatArray:
        """Largest central difference strictly inside each rise, g/s; NaN where nothing lies between."""
        values = self.rise[1]
        slopes = (values[2:] - values[:-2]) * self.criteria[1]
        inside = tops - bottoms > 1
        rates = np.full(len(tops), np.nan)
        # slope j belongs to run j + 1: the runs bottom + 1 .. top - 1 are the slopes bottom .. top - 2
        edges = np.stack((bottoms[inside], tops[inside] - 1), axis=1).ravel()
        if len(edges):
            rates[inside] = np.maximum.reduceat(slopes, edges)[::2]
        return rates

    def _forget(self) -> None:
        """Keep the rise that is going on, or the last run alone; most rises are short: the end is looked at first."""
        starts, values, vertical = self.rise
        n = len(values)
        for size in (min(n, _SHORT_RISE), n):
            tail = values[n - size :]
            falls = np.flatnonzero(tail[1:] < tail[:-1])
            if len(falls):
                break
        keep = n - size + (int(falls[-1]) + 1 if len(falls) else 0)
        self.rise = starts[keep:].copy(), values[keep:].copy(), vertical[keep:].copy()
