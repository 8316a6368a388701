"""The slow vertical acceleration of running steps: what the body as a whole feels.

A sensor at the sacrum feels the strike of the foot and the swing of the trunk. Below 10 Hz the strike is gone and what
is left follows the body: force = body mass x acceleration (Gurchiek 2017, second-hand).

The mean over whole strides is set to 1 g. Over steady strides the ground carries exactly the body's weight, so the mean
of the true vertical acceleration is 1 g; what is above or below is an offset of the sensor or of its seat, and it is
subtracted. Where the mean is off by more than half a g there is no such stretch, and no value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from loadsense import units
from loadsense.detection.gravity import TrailingGravity
from loadsense.events import Impact
from loadsense.lowpass import FilteredBlock, ZeroPhaseLowPass
from loadsense.samples import FloatArray, SampleBlock

#: A mean further than this from 1 g is no steady stretch.
FURTHEST_MEAN_G: Final = 0.5


class SlowVertical:
    """Adds the slow vertical peak to impacts; holds an impact back until the samples behind it are filtered.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    cutoff_hz : float
        Low-pass, zero phase.
    n_hops : int
        Hops in the mean that is set to 1 g.
    around_s : tuple of float
        Seconds before and after the peak of the impact in which the slow peak is looked for.
    """

    def __init__(
        self, *, sampling_rate_hz: float, cutoff_hz: float, n_hops: int, around_s: tuple[float, float]
    ) -> None:
        self._low_pass = ZeroPhaseLowPass(sampling_rate_hz=sampling_rate_hz, cutoff_hz=cutoff_hz, lasting=False)
        self._gravity = TrailingGravity(hop_samples=self._low_pass.hop_samples, n_hops=n_hops)
        self._before, self._after = (units.samples_from_seconds(s, sampling_rate_hz) for s in around_s)
        self._waiting: list[Impact] = []
        self._restart()

    def _restart(self) -> None:
        self._first: int | None = None
        self._slow_g: FloatArray = np.empty(0)

    def push(self, block: SampleBlock, impacts: list[Impact], *, open_from: float) -> list[Impact]:
        """Take the next samples and impacts; return the impacts whose slow peak is known.

        Impacts that are still to come lie at `open_from` or later: what they cannot need is forgotten.
        """
        self._take(self._low_pass.each(block))
        self._waiting += impacts
        end = (self._first or 0) + len(self._slow_g)
        n_ready = 0
        while n_ready < len(self._waiting) and self._waiting[n_ready].peak_sample + self._after < end:
            n_ready += 1
        ready = self._give(n_ready)
        self._forget(min([open_from, *(impact.peak_sample for impact in self._waiting[:1])]))
        return ready

    def close(self, impacts: list[Impact]) -> list[Impact]:
        """End the segment: return all that waited, measured on what is there."""
        self._take(self._low_pass.flush())
        self._waiting += impacts
        ready = self._give(len(self._waiting))
        self._gravity.restart()
        self._restart()
        return ready

    def _take(self, blocks: Iterable[FilteredBlock]) -> None:
        taken = [self._slow_g]
        for block in blocks:
            vertical_g, mean_g, n_samples = self._gravity.split(block.axes_g)
            off_g = mean_g - 1.0
            off_g[np.abs(off_g) > FURTHEST_MEAN_G] = np.nan
            if self._first is None:
                self._first = block.first_sample
            vertical_g -= np.repeat(off_g, n_samples)
            taken.append(vertical_g)
        if len(taken) > 1:
            self._slow_g = np.concatenate(taken)

    def _forget(self, needed_from: float) -> None:
        if self._first is None:
            return
        n_old = min(int(needed_from) - self._before - self._first, len(self._slow_g))
        if n_old > 0:
            self._slow_g = self._slow_g[n_old:]
            self._first += n_old

    def _give(self, n_ready: int) -> list[Impact]:
        ready = self._waiting[:n_ready]
        del self._waiting[:n_ready]
        return [_with_slow(*pair) for pair in zip(ready, self._highest(ready), strict=True)]

    def _highest(self, impacts: list[Impact]) -> list[float]:
        """Highest value around each peak; NaN where one of them is unknown."""
        if not impacts:
            return []
        at = np.array([impact.peak_sample for impact in impacts]) - (self._first or 0)
        edges = np.stack((np.maximum(at - self._before, 0), at + self._after + 1), axis=1)
        # one value more, so that an edge may lie behind the last one; what lies between two windows is not looked at
        padded = np.append(self._slow_g, np.nan)
        highest_g: list[float] = np.maximum.reduceat(padded, np.minimum(edges, len(padded) - 1).ravel())[::2].tolist()
        return highest_g


def _with_slow(impact: Impact, slow_g: float) -> Impact:
    """The same impact (`dataclasses.replace` costs three times as much)."""
    return Impact(
        onset_sample=impact.onset_sample,
        peak_sample=impact.peak_sample,
        peak_g=impact.peak_g,
        peak_vertical_g=impact.peak_vertical_g,
        acceleration_rate_g_per_s=impact.acceleration_rate_g_per_s,
        activity=impact.activity,
        force=impact.force,
        rule=impact.rule,
        slow_vertical_g=None if math.isnan(slow_g) else slow_g,
    )
