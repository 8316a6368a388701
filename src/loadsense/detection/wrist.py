"""Landings felt at the wrist: a count, experimental.

Arm swing hides the flight, so a jump is a pair of impulses, push-off and landing, on |a| smoothed by a 90 ms median
and a 90 ms mean: hits, claps and doors are bursts of 10 to 50 ms and vanish in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense import kernels
from loadsense.detection.around import turned_deg
from loadsense.detection.body import Verdict
from loadsense.detection.flights import Flight, FlightImpact, Trace, median_of_nine, runs_below
from loadsense.detection.history import GRID_HZ
from loadsense.detection.rhythm import is_rhythmic
from loadsense.events import Takeoff
from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WristCriteria:
    """Thresholds of the impulse pair.

    Attributes
    ----------
    below_g, least_deficit_g_s : float
        A dip of the smoothed |a| below this, RAW g, of at least this deficit.
    pair_g_s : float
        Least of push-off impulse and landing impulse, integrals of (|a| - 1)+.
    deep_from_g_s, deep_to_g_s : float
        Deficit over the first, up to the second, counts towards the pair: a deep dip is a flight.
    unturned_below_deg, unturned_pair_g_s : float
        An arm that turns less than this from before to after needs this larger pair: it may be a stumble.
    landing_share : float
        Least landing impulse as a share of the push-off's.
    least_peak_g : float
        Least smoothed |a| of the landing, RAW g.
    most_sharpness, broad_g_s : float
        Largest ratio of raw to smoothed peak, unless the landing impulse is this large: sharper is a knock.
    fallen_turn_deg, fallen_calm_g : float
        An arm that turns more than the first and then is calmer than the second (standard deviation of |a|) lies.
    most_unrest_g : float
        Larger standard deviation of |a| soon after the landing is going on running.
    most_rhythm, rhythm_longest_lag_s : float
        Stronger rhythm is running or hand work.
    refractory_s : float
        One landing in this time, the first.
    aftershock_s, aftershock_share : float
        A pair this soon after a landing and smaller than this share of its pair is its aftershock.
    """

    below_g: float
    least_deficit_g_s: float
    pair_g_s: float
    deep_from_g_s: float
    deep_to_g_s: float
    unturned_below_deg: float
    unturned_pair_g_s: float
    landing_share: float
    least_peak_g: float
    most_sharpness: float
    broad_g_s: float
    fallen_turn_deg: float
    fallen_calm_g: float
    most_unrest_g: float
    most_rhythm: float
    rhythm_longest_lag_s: float
    refractory_s: float
    aftershock_s: float
    aftershock_share: float


#: Median of nine, then mean of nine: values reach to eight samples before the end.
_HALF = 4


def smoothed(values: FloatArray) -> FloatArray:
    """Median of nine, then mean of nine: sixteen values fewer than came in."""
    loops = kernels.compiled()
    if loops is not None:
        return np.asarray(loops.smoothed(values))
    median = median_of_nine(values)
    n = len(median) - 8
    total = median[:n].copy()
    for shift in range(1, 9):
        total += median[shift : shift + n]
    total /= 9.0
    return total


class WristJudge:
    """Finds dips between two impulses and judges the pair."""

    def __init__(self, criteria: WristCriteria) -> None:
        self._criteria = criteria
        self.least_peak_g = criteria.least_peak_g
        self.restart(0, begins=True)

    def restart(self, first: int, *, begins: bool) -> None:
        """Start at a grid index; `begins` where the stream itself starts there."""
        self._from = first
        if begins:
            self._begin = first
            self._last: tuple[int, float] | None = None

    def find(self, trace: Trace, *, closing: bool = False) -> list[FlightImpact]:
        """Dips of the smoothed |a|, each with the largest raw peak in the 0.35 s after it."""
        first = max(self._from, trace.start)
        smooth = self._smooth(trace, first, trace.end)
        end = trace.end - 2 * _HALF
        starts, ends = runs_below(smooth[: max(0, end - first)], self._criteria.below_g)
        found: list[FlightImpact] = []
        for start, stop in zip((starts + first).tolist(), (ends + first).tolist(), strict=True):
            if not closing and stop + 35 > end:
                self._from = start
                return found
            impact = self._impact(trace, start, stop, smooth[start - first : stop - first])
            if impact is not None:
                found.append(impact)
        self._from = max(first, end)
        return found

    def _smooth(self, trace: Trace, first: int, end: int) -> FloatArray:
        """Smoothed |a| over [first, end), the edges repeated."""
        before, after = max(0, trace.start - first + 2 * _HALF), max(0, end + 2 * _HALF - trace.end)
        values = trace.g(first - 2 * _HALF, end + 2 * _HALF)
        if before or after:
            values = np.concatenate((np.full(before, values[0]), values, np.full(after, values[-1])))
        return smoothed(values)

    def _impact(self, trace: Trace, start: int, stop: int, dip: FloatArray) -> FlightImpact | None:
        deficit = float(np.maximum(1.0 - dip, 0.0).sum()) / GRID_HZ
        window = trace.g(stop, stop + 35)
        if deficit < self._criteria.least_deficit_g_s or not len(window) or window.max() < self.least_peak_g:
            return None
        peak = stop + int(window.argmax())
        flight = Flight(start=start, end=stop, deficit_g_s=deficit, minimum_g=float(dip.min()))
        recorded = trace.recorded(max(trace.start, start - 2), peak + 1)
        return FlightImpact(flight=flight, peak=peak, peak_g=float(window.max()), interval_s=9.0, recorded=recorded)

    def judge(self, impact: FlightImpact, trace: Trace, until: int) -> Verdict:
        """Is it a landing, by the samples before grid index `until`?"""
        if not impact.recorded:
            return Verdict(reason="samples missing in the flight")
        reason = self._not_a_pair(impact, trace, until) or self._not_a_jump(impact, trace, until)
        return Verdict(reason=reason, takeoff=Takeoff.PUSH)

    def _not_a_pair(self, impact: FlightImpact, trace: Trace, until: int) -> str:
        """Return why the two impulses are not a push-off and a landing; empty where they are."""
        criteria = self._criteria
        before, after, peak_g = self._impulses(impact, trace, until)
        least = criteria.pair_g_s - self._depth_g_s(impact)
        if after < least or peak_g < criteria.least_peak_g:
            return "no landing impulse"
        if before < least:
            return "no push-off"
        if after < criteria.landing_share * before:
            return "arm swing"
        if impact.peak_g / peak_g > criteria.most_sharpness and after < criteria.broad_g_s:
            return "knock"
        return "second bounce" if self._is_aftershock(impact, before) else ""

    def _depth_g_s(self, impact: FlightImpact) -> float:
        """What a deep dip counts towards the pair."""
        deficit = min(impact.flight.deficit_g_s, self._criteria.deep_to_g_s)
        return max(0.0, deficit - self._criteria.deep_from_g_s)

    def _is_aftershock(self, impact: FlightImpact, push_g_s: float) -> bool:
        if self._last is None:
            return False
        since_s = (impact.peak - self._last[0]) / GRID_HZ
        is_small = since_s < self._criteria.aftershock_s and push_g_s < self._criteria.aftershock_share * self._last[1]
        return since_s < self._criteria.refractory_s or is_small

    def _not_a_jump(self, impact: FlightImpact, trace: Trace, until: int) -> str:
        """Return why what is before and after the pair speaks against a jump; empty where nothing does."""
        criteria, peak = self._criteria, impact.peak
        turn_deg, after = turned_deg(trace, impact.flight.start, peak, until), trace.g(peak + 40, until)
        unrest_g = float(after.std()) if len(after) >= 20 else None
        if unrest_g is not None and unrest_g > criteria.most_unrest_g:
            return "running step"
        if unrest_g is not None and unrest_g < criteria.fallen_calm_g and turn_deg > criteria.fallen_turn_deg:
            return "arm came to rest turned"
        before, landing, _ = self._impulses(impact, trace, until)
        least = criteria.unturned_pair_g_s - self._depth_g_s(impact)
        if turn_deg < criteria.unturned_below_deg and min(before, landing) < least:
            return "stumble or arm swing"
        lags = np.arange(28, round(criteria.rhythm_longest_lag_s * GRID_HZ), 2)
        is_step = is_rhythmic(trace.g(peak - 200, until), lags, 80, level=criteria.most_rhythm)
        return "running step" if is_step else ""

    def _impulses(self, impact: FlightImpact, trace: Trace, until: int) -> tuple[float, float, float]:
        """Smoothed impulse before the dip and after it, g s, and the smoothed peak after it, RAW g."""
        start, stop = impact.flight.start, impact.flight.end
        before = self._smooth(trace, max(trace.start, start - 80), start)
        after = self._smooth(trace, stop, min(until, trace.end, stop + 60))
        pair = [float((np.clip(x, 1.0, 6.0) - 1.0).sum()) / GRID_HZ for x in (before, after)]
        return pair[0], pair[1], float(after.max()) if len(after) else 0.0

    def accept(self, impact: FlightImpact, trace: Trace) -> None:
        """Remember a landing: the next ones are judged by it."""
        before, after, _ = self._impulses(impact, trace, trace.end)
        self._last = (impact.peak, min(before, after))
