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
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from loadsense.criteria import Source
from loadsense.detection.gravity import TrailingGravity
from loadsense.detection.slow_vertical import SlowVertical
from loadsense.events import Impact
from loadsense.lowpass import FilteredBlock, ZeroPhaseLowPass
from loadsense.samples import FloatArray, Gap, IntArray, SampleBlock
from loadsense.vectors import resultant_g


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


class _Peak(NamedTuple):
    """A local maximum that is high enough."""

    sample: int
    height_g: float
    onset_sample: int
    rate_g_per_s: float
    vertical_g: float


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
        self._low_pass = ZeroPhaseLowPass(sampling_rate_hz=sampling_rate_hz, cutoff_hz=criteria.cutoff_hz)
        self.cutoff_hz = self._low_pass.cutoff_hz
        n_hops = max(1, round(criteria.gravity_s * sampling_rate_hz / self._low_pass.hop_samples))
        self._gravity = TrailingGravity(hop_samples=self._low_pass.hop_samples, n_hops=n_hops)
        self._tops = _LocalMaxima(sampling_rate_hz=sampling_rate_hz, min_peak_g=criteria.min_peak_g)
        self._rules = _Rules(
            math.ceil(criteria.min_distance_s * sampling_rate_hz),
            math.ceil(criteria.min_step_s * sampling_rate_hz) if steps else None,
        )
        self._slow = None
        if slow_vertical:
            self._slow = SlowVertical(
                sampling_rate_hz=sampling_rate_hz,
                cutoff_hz=criteria.slow_cutoff_hz,
                n_hops=n_hops,
                around_s=(criteria.slow_before_s, criteria.slow_after_s),
            )

    def push(self, block: SampleBlock) -> list[Impact]:
        """Take the next samples; return the impacts that are final."""
        impacts = self._find(self._low_pass.push(block))
        if self._slow is None:
            return impacts
        return self._slow.push(block, impacts, open_from=self._rules.settled_before(self._tops.next_possible_sample))

    def gap(self, gap: Gap) -> list[Impact]:
        """Close the segment: no impact spans a gap, and peaks on either side of it do not compete."""
        return self._close(self._low_pass.gap(gap))

    def flush(self) -> list[Impact]:
        """Return the impacts that were still open."""
        return self._close(self._low_pass.flush())

    def _find(self, blocks: Iterable[FilteredBlock]) -> list[Impact]:
        impacts: list[Impact] = []
        for block in blocks:
            vertical_g, _, _ = self._gravity.split(block.axes_g)
            peaks = self._tops.push(block.first_sample, resultant_g(block.axes_g), vertical_g)
            impacts += self._rules.push(peaks, self._tops.next_possible_sample)
        return impacts

    def _close(self, blocks: Iterable[FilteredBlock]) -> list[Impact]:
        impacts = self._find(blocks)
        impacts += self._rules.flush()
        self._tops.restart()
        self._gravity.restart()
        return impacts if self._slow is None else self._slow.close(impacts)


def _impact(peak: _Peak, rule: Literal["impact", "step"]) -> Impact:
    return Impact(
        onset_sample=peak.onset_sample,
        peak_sample=peak.sample,
        peak_g=peak.height_g,
        peak_vertical_g=None if math.isnan(peak.vertical_g) else peak.vertical_g,
        acceleration_rate_g_per_s=None if math.isnan(peak.rate_g_per_s) else peak.rate_g_per_s,
        rule=rule,
    )


class _Rules:
    """The rule of impacts and, where asked for, the rule of steps, merged in order of time."""

    def __init__(self, impact_distance: int, step_distance: int | None) -> None:
        self._impacts = Spacing(impact_distance)
        self._steps = None if step_distance is None else Spacing(step_distance)
        self._won: dict[int, tuple[_Peak, Literal["impact", "step"]]] = {}

    def push(self, peaks: Sequence[_Peak], next_possible_sample: float) -> list[Impact]:
        """Take the next peaks, all before `next_possible_sample`; return the impacts that are final, in order."""
        won = self._impacts.push(peaks, next_possible_sample)
        if self._steps is None:
            return [_impact(peak, "impact") for peak in won]
        for peak in self._steps.push(peaks, next_possible_sample):
            self._won.setdefault(peak.sample, (peak, "step"))
        self._won |= {peak.sample: (peak, "impact") for peak in won}
        settled = self.settled_before(next_possible_sample)
        ready = sorted(sample for sample in self._won if sample < settled)
        return [_impact(*self._won.pop(sample)) for sample in ready]

    def settled_before(self, next_possible_sample: float) -> float:
        """No impact that is still to come lies before this sample."""
        settled = self._impacts.settled_before(next_possible_sample)
        return settled if self._steps is None else min(settled, self._steps.settled_before(next_possible_sample))

    def flush(self) -> list[Impact]:
        """No more peaks will come: return the rest."""
        return self.push((), math.inf)


#: Runs of equal values at the end of a push in which the last fall is looked for first.
_SHORT_RISE: Final = 256


class _LocalMaxima:
    """Local maxima of a stream, with the rise that leads to each.

    Equal neighbours are one run; a maximum is a run above both its neighbours, and stands in the middle of its run. Its
    rise begins behind the last minimum or flat run. Between pushes only the runs since the last fall are kept.
    """

    def __init__(self, *, sampling_rate_hz: float, min_peak_g: float) -> None:
        self._rate_hz = sampling_rate_hz
        self._min_peak_g = min_peak_g
        self.restart()

    def restart(self) -> None:
        """Forget the rise: another segment begins."""
        self._starts: IntArray = np.empty(0, dtype=np.int64)
        self._values_g: FloatArray = np.empty(0)
        self._vertical_g: FloatArray = np.empty(0)

    @property
    def next_possible_sample(self) -> int:
        """No maximum that is still to come lies before this sample."""
        return int(self._starts[-1]) if len(self._starts) else 0

    def push(self, first_sample: int, values_g: FloatArray, vertical_g: FloatArray) -> list[_Peak]:
        """Take the next values; return the maxima that are complete."""
        self._append(first_sample, values_g, vertical_g)
        peaks = self._complete() if self._values_g.max() >= self._min_peak_g else []
        self._forget()
        return peaks

    def _complete(self) -> list[_Peak]:
        values = self._values_g
        up = values[1:] > values[:-1]
        tops = np.flatnonzero(up[:-1] & ~up[1:] & (values[1:-1] >= self._min_peak_g)) + 1
        flat = np.diff(self._starts)[1:] > 1
        lows = np.flatnonzero(up[1:] & (flat | ~up[:-1])) + 1
        return self._describe(tops, lows) if len(tops) else []

    def _append(self, first_sample: int, values_g: FloatArray, vertical_g: FloatArray) -> None:
        starts = np.arange(first_sample, first_sample + len(values_g))
        self._starts = np.concatenate((self._starts, starts))
        self._values_g = np.concatenate((self._values_g, values_g))
        self._vertical_g = np.concatenate((self._vertical_g, vertical_g))
        differs = self._values_g[1:] != self._values_g[:-1]
        if differs.all():
            return
        runs = np.concatenate(([0], np.flatnonzero(differs) + 1))
        self._starts, self._values_g = self._starts[runs], self._values_g[runs]
        self._vertical_g = self._vertical_g[runs]

    def _describe(self, tops: IntArray, lows: IntArray) -> list[_Peak]:
        before = np.searchsorted(lows, tops) - 1
        bottoms = np.where(before >= 0, lows[before], 0) if len(lows) else np.zeros_like(tops)
        samples = (self._starts[tops] + self._starts[tops + 1] - 1) // 2
        onsets = self._starts[bottoms + 1] - 1
        rates = self._steepest(bottoms, tops)
        columns = (samples, self._values_g[tops], onsets, rates, self._vertical_g[tops])
        return [_Peak(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]

    def _steepest(self, bottoms: IntArray, tops: IntArray) -> FloatArray:
        """Largest central difference strictly inside each rise, g/s; NaN where nothing lies between."""
        slopes = (self._values_g[2:] - self._values_g[:-2]) * (self._rate_hz / 2.0)
        inside = tops - bottoms > 1
        rates = np.full(len(tops), np.nan)
        # slope j belongs to run j + 1: the runs bottom + 1 .. top - 1 are the slopes bottom .. top - 2
        edges = np.stack((bottoms[inside], tops[inside] - 1), axis=1).ravel()
        if len(edges):
            rates[inside] = np.maximum.reduceat(slopes, edges)[::2]
        return rates

    def _forget(self) -> None:
        """Keep the rise that is going on, or the last run alone; most rises are short: the end is looked at first."""
        n = len(self._values_g)
        for size in (min(n, _SHORT_RISE), n):
            tail = self._values_g[n - size :]
            falls = np.flatnonzero(tail[1:] < tail[:-1])
            if len(falls):
                break
        keep = n - size + (int(falls[-1]) + 1 if len(falls) else 0)
        self._starts, self._values_g = self._starts[keep:].copy(), self._values_g[keep:].copy()
        self._vertical_g = self._vertical_g[keep:].copy()


class Spacing:
    """Keeps the highest of peaks that are too close to each other, as they come.

    Parameters
    ----------
    min_distance_samples : int
        Peaks closer than this compete; of equal heights the later wins.
    """

    def __init__(self, min_distance_samples: int) -> None:
        self._distance = min_distance_samples
        self._open: list[_Peak] = []
        self._samples: list[int] = []
        self._heights_g: list[float] = []
        self._checked = 0

    def push(self, peaks: Sequence[_Peak], next_possible_sample: float) -> list[_Peak]:
        """Take the next peaks, all before `next_possible_sample`; return those that have won, in order."""
        self._open += peaks
        self._samples += [peak.sample for peak in peaks]
        self._heights_g += [peak.height_g for peak in peaks]
        won: list[_Peak] = []
        low, at, distance = 0, self._checked, self._distance
        n_decidable = bisect_right(self._samples, next_possible_sample - distance)
        while at < n_decidable:
            if not self._is_highest(at, low):
                at += 1
                continue
            sample = self._samples[at]
            if low < at and self._samples[low] <= sample - distance:
                left = bisect_right(self._samples, sample - distance, low, at)
                won += sorted(_greedy(self._open[low:left], distance))
            won.append(self._open[at])
            low = at = bisect_left(self._samples, sample + distance, at)
        del self._open[:low], self._samples[:low], self._heights_g[:low]
        self._checked = at - low
        return won

    def settled_before(self, next_possible_sample: float) -> float:
        """Every peak before this sample has won or lost."""
        return self._samples[0] if self._samples else next_possible_sample

    def _is_highest(self, at: int, low: int) -> bool:
        """Whether an open peak is higher than all open ones within the distance; of equals the later is."""
        samples, heights_g = self._samples, self._heights_g
        nearest, furthest, height_g = samples[at] - self._distance, samples[at] + self._distance, heights_g[at]
        left = at - 1
        while left >= low and samples[left] > nearest:
            if heights_g[left] > height_g:
                return False
            left -= 1
        right = at + 1
        while right < len(samples) and samples[right] < furthest:
            if heights_g[right] >= height_g:
                return False
            right += 1
        return True


def _greedy(peaks: Sequence[_Peak], distance: int) -> Iterator[_Peak]:
    """Highest first, each if no winner is within the distance; of equal heights the later first."""
    taken: list[int] = []
    for peak in sorted(peaks, key=lambda p: (p.height_g, p.sample), reverse=True):
        right = bisect_left(taken, peak.sample)
        if right < len(taken) and taken[right] - peak.sample < distance:
            continue
        if right and peak.sample - taken[right - 1] < distance:
            continue
        insort(taken, peak.sample)
        yield peak
