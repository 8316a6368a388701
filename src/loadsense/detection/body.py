"""Landings felt on the trunk or in a pocket: is this flight and impact a landing, and if not, what is it?

Running has flights too, but short ones. Where deficits overlap, rhythm decides: an isolated jump is not periodic at
step rate. Continuous jumping is periodic as well; there every impact comes through both legs alike, so that the three
axes repeat from one landing to the next, while running mirrors left and right, and a pocket feels one leg.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from loadsense.detection.around import Around, sides_of
from loadsense.detection.flights import FlightCriteria, FlightFinder, FlightImpact, Trace
from loadsense.detection.history import GRID_HZ
from loadsense.detection.rhythm import alike_and_even, dominant_lag, is_rhythmic, strongest_rhythm
from loadsense.events import Takeoff

#: Rhythms are looked for at lags that leave this many samples.
_LEAST_OVERLAP: Final = 80
#: Scores closer than this to a threshold are worked out to the last bit, points.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainScore:
    """Score of one landing among others in a train; every weight belongs to a feature of `Features`.

    Attributes
    ----------
    train_deficit, alike, train_alike, evenness : float
        Weights.
    bias : float
        Added to the weighted sum; 0 lies midway between landings and the rest.
    most_train_deficit_g_s : float
        A larger train deficit counts as this much.
    slow_below_hz, slow_deficit_g_s : float
        Below this sampling rate flights look deeper than they are, by this much.
    enter, stay : float
        Least score of the first landing of a train, and of one that lies one or two landing intervals after another.
    """

    train_deficit: float
    alike: float
    train_alike: float
    evenness: float
    bias: float
    most_train_deficit_g_s: float
    slow_below_hz: float
    slow_deficit_g_s: float
    enter: float
    stay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyCriteria:
    """Thresholds of one family of placements, trunk or pocket.

    Attributes
    ----------
    flight : FlightCriteria
        What a flight is.
    score : TrainScore
        Landings that follow one another.
    least_peak_g, most_peak_share_of_range : float
        Least peak of a landing, RAW g, but never more than this share of the sensor's range.
    least_deficit_g_s, least_impulse_g_s : float
        Least free-fall deficit, and least integral of (|a| - 1)+ after the flight.
    most_turn_deg, turned_means : float, str
        Largest turn of the mean acceleration from before to after, and the word for more: a fall on the trunk, while
        a pocket turns whenever its wearer sits down.
    rhythm, rhythm_longest_lag_s : float
        Autocorrelation of |a| from which a movement counts as rhythmic, and the longest lag looked at.
    least_duty : float
        Least share of a landing interval in free fall.
    sure_deficit_g_s : float
        From this deficit a flight inside a rhythm is a landing whatever its rhythm.
    least_lone_impulse_g_s : float
        Least impulse of an isolated landing, unless it clipped.
    push_g_s : float
        Integral of (|a| - 1)+ before the flight from which it counts as a push-off.
    jump_deficit_g_s, jump_minimum_g : float
        Isolated landing after a push-off: least deficit, and how low |a| must go.
    calm_g, unrest_deficit_s : float
        Standard deviation of |a| from 0.3 to 0.8 s after an isolated landing up to which it counts as calm, and how
        much more deficit is asked for each g above it: who goes on moving as before took a step.
    drop_deficit_g_s, drop_minimum_g, drop_turn_deg, drop_peak_g : float
        Isolated landing without a push-off.
    block_deficit_g_s : float
        The same inside a declared landing block.
    rebound_within_s, rebound_share : float
        A flight this soon after a landing and with less than this share of its deficit is its rebound.
    step_within_s : float
        An impact too small for a landing this soon after another is a step.
    interval_slack : float
        How far a landing interval may be off the train's, as a share of it.
    join_share : float
        An impact joins the train that begins after it with at least this share of its deficit.
    """

    flight: FlightCriteria
    score: TrainScore
    least_peak_g: float
    most_peak_share_of_range: float
    least_deficit_g_s: float
    least_impulse_g_s: float
    most_turn_deg: float
    turned_means: str
    rhythm: float
    rhythm_longest_lag_s: float
    least_duty: float
    sure_deficit_g_s: float
    least_lone_impulse_g_s: float
    push_g_s: float
    jump_deficit_g_s: float
    jump_minimum_g: float
    calm_g: float
    unrest_deficit_s: float
    drop_deficit_g_s: float
    drop_minimum_g: float
    drop_turn_deg: float
    drop_peak_g: float
    block_deficit_g_s: float
    rebound_within_s: float
    rebound_share: float
    step_within_s: float
    interval_slack: float
    join_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is known about a flight and its impact and the seconds around them.

    Attributes
    ----------
    push_g_s, impulse_g_s : float
        Integrals of (|a| - 1)+ before the flight and after it.
    turn_deg : float
        Angle between the mean accelerations before and after; 0 where a window is missing.
    unrest_g : float
        Standard deviation of |a| from 0.3 to 0.8 s after the peak.
    rhythm : float
        Strongest autocorrelation of |a|.
    interval_s : float
        To the landing before, or the dominant rhythm.
    alike, evenness : float
        Correlation of the axes with themselves one interval later; and that less the same two intervals later, which
        is below 0 where left and right differ.
    train_deficit_g_s, train_alike : float
        Medians over the landings around.
    is_rhythmic : bool
        Strong rhythm, or a stream that begins in the middle of a train.
    """

    push_g_s: float
    impulse_g_s: float
    turn_deg: float
    unrest_g: float
    rhythm: float
    interval_s: float
    alike: float
    evenness: float
    train_deficit_g_s: float
    train_alike: float
    is_rhythmic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an impact is.

    Attributes
    ----------
    reason : str
        Why it is no landing; empty where it is one.
    takeoff : Takeoff
        How its flight began.
    interval_s : float or None
        Landing interval of the train that it is part of.
    untested : bool
        A drop so low that no recording of people held one.
    may_join : bool
        No landing by itself, but it would be one of a train that begins after it.
    """

    reason: str = ""
    takeoff: Takeoff = Takeoff.UNKNOWN
    interval_s: float | None = None
    untested: bool = False
    may_join: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it is a landing."""
        return not self.reason


class BodyJudge:
    """Finds flights with impacts, keeps those around as context, and judges each.

    Parameters
    ----------
    criteria : BodyCriteria
        Of the family of the placement.
    range_g : float or None
        Full scale of each axis.
    sampling_rate_hz : float
        Rate of the stream.
    landing_block : bool
        The wearer is known to do landings now: drops of 5 to 8 cm count.
    """

    def __init__(
        self, criteria: BodyCriteria, *, range_g: float | None, sampling_rate_hz: float, landing_block: bool
    ) -> None:
        self._criteria = criteria
        self._range_g = range_g
        self._blocks: list[tuple[int, bool]] = [(0, landing_block)]
        is_slow = sampling_rate_hz < criteria.score.slow_below_hz
        self._excess_g_s = criteria.score.slow_deficit_g_s if is_slow else 0.0
        self._rhythm_lags = np.arange(28, round(criteria.rhythm_longest_lag_s * GRID_HZ), 2)
        self._finder = FlightFinder(criteria.flight)
        share = criteria.most_peak_share_of_range
        self.least_peak_g = min(criteria.least_peak_g, share * range_g) if range_g else criteria.least_peak_g
        self.restart(0, begins=True)

    def declare(self, landing_block: bool, *, first: int) -> None:
        """From a grid index on the wearer is, or is no longer, known to do landings."""
        self._blocks.append((first, landing_block))

    def _in_block(self, impact: FlightImpact) -> bool:
        return next(block for first, block in reversed(self._blocks) if first <= impact.peak)

    def restart(self, first: int, *, begins: bool) -> None:
        """Start at a grid index, without context; `begins` where the stream itself starts there."""
        self._finder.restart(first)
        self._around: deque[FlightImpact] = deque()
        self._alike: dict[int, tuple[float, float]] = {}
        if begins:
            self._begin = first
            self._last: FlightImpact | None = None

    def find(self, trace: Trace, *, closing: bool = False) -> list[FlightImpact]:
        """Flights with impacts that can no longer change; those with a high enough peak are to be judged."""
        found = self._finder.find(trace, closing=closing)
        self._around.extend(found)
        while self._around and self._around[0].peak < trace.end - 600:
            self._alike.pop(self._around.popleft().peak, None)
        return [impact for impact in found if impact.peak_g >= self.least_peak_g]

    def judge(self, impact: FlightImpact, trace: Trace, until: int) -> Verdict:
        """Is it a landing, by the samples before grid index `until`?

        Only what the verdict hangs on is worked out: of a running step rarely more than its rhythm and its own train.
        """
        criteria, seen = self._criteria, self.around(impact, trace, until)
        reason = self.gate(seen)
        if reason:
            return Verdict(reason=reason)
        if seen.sides.turn_deg > criteria.most_turn_deg:
            return Verdict(reason=criteria.turned_means)
        has_push = seen.sides.push_g_s >= criteria.push_g_s
        interval_s = None
        if self._is_rhythmic(seen):
            reason = self._in_train(seen)
            interval_s = None if reason else self._interval(impact, trace, until) / GRID_HZ
        else:
            reason = self._alone(seen, has_push=has_push)
        return Verdict(
            reason=reason,
            takeoff=Takeoff.PUSH if has_push else Takeoff.NONE,
            interval_s=interval_s,
            untested=not has_push and impact.flight.deficit_g_s < criteria.drop_deficit_g_s,
            may_join=bool(reason),
        )

    def around(self, impact: FlightImpact, trace: Trace, until: int) -> Around:
        """What the samples before a grid index hold around an impact."""
        first, last_end = impact.peak - 260, min(until, impact.peak + 48)
        near = [c for c in self._around if first < c.peak and c.flight.end <= last_end]
        return Around(impact, trace, until, near, sides_of(impact, trace, until, self._begin))

    def gate(self, seen: Around) -> str:
        """Return the reason why an impact needs no closer look; empty where it does."""
        impact = seen.impact
        if not impact.recorded:
            return "samples missing in the flight"
        if impact.flight.deficit_g_s < self._least_deficit(impact):
            return "running step" if impact.interval_s < self._criteria.step_within_s else "no flight"
        return "no landing impulse" if seen.sides.impulse_g_s < self._criteria.least_impulse_g_s else ""

    def joins(self, impact: FlightImpact, landing: FlightImpact, interval_s: float) -> bool:
        """Whether an earlier impact belongs to the train of a landing: on its beat, with a flight like it."""
        beats = (landing.peak - impact.peak) / max(interval_s * GRID_HZ, 1.0)
        is_like = impact.flight.deficit_g_s >= self._criteria.join_share * landing.flight.deficit_g_s
        return is_like and self._is_beat(beats)

    def _is_beat(self, intervals: float) -> bool:
        """One or two landing intervals."""
        return min(abs(intervals - 1.0), abs(intervals - 2.0) / 2.0) <= self._criteria.interval_slack

    def accept(self, impact: FlightImpact, _trace: Trace) -> None:
        """Remember a landing: the rebound and the next ones of its train are judged by it."""
        self._last = impact

    def _least_deficit(self, impact: FlightImpact) -> float:
        criteria = self._criteria
        return min(criteria.least_deficit_g_s, criteria.block_deficit_g_s if self._in_block(impact) else 9.0)

    def features(self, seen: Around) -> Features:
        """Everything a verdict may hang on."""
        impact, trace, until = seen.impact, seen.trace, seen.until
        clipped = np.minimum(trace.g(impact.peak - 200, until), 4.0)
        alike, evenness = self._likeness(seen)
        return Features(
            push_g_s=seen.sides.push_g_s,
            impulse_g_s=seen.sides.impulse_g_s,
            turn_deg=seen.sides.turn_deg,
            unrest_g=seen.unrest_g(),
            rhythm=strongest_rhythm(clipped, self._rhythm_lags, _LEAST_OVERLAP),
            interval_s=self._interval(impact, trace, until) / GRID_HZ,
            alike=alike,
            evenness=evenness,
            train_deficit_g_s=median([c.flight.deficit_g_s for c in seen.near]),
            train_alike=self._train_alike(seen),
            is_rhythmic=self._is_rhythmic(seen),
        )

    def _is_rhythmic(self, seen: Around) -> bool:
        """Strong rhythm, or a stream that begins in the middle of a train."""
        impact = seen.impact
        if impact.peak - self._begin < 130:
            ends = [c.flight.end - impact.flight.end for c in seen.near]
            if sum(0 < end < 100 for end in ends) >= 2:
                return True
        g, near = seen.trace.g(impact.peak - 200, seen.until), round(impact.interval_s * GRID_HZ)
        return is_rhythmic(g, self._rhythm_lags, _LEAST_OVERLAP, level=self._criteria.rhythm, near=near)

    def _likeness(self, seen: Around) -> tuple[float, float]:
        """Alikeness of the last impact of the train so far, and evenness of this one: nearly always the same one."""
        train, value = seen.train(), self._alike_of(seen.impact, seen.trace, seen.until)
        if not train:
            return 0.0, value[1]
        last = value if train[-1] is seen.impact else self._alike_of(train[-1], seen.trace, seen.until)
        return last[0], value[1]

    def _train_alike(self, seen: Around) -> float:
        train = seen.train()
        return median([self._alike_of(c, seen.trace, seen.until)[0] for c in train]) if train else 0.0

    def _interval(self, impact: FlightImpact, trace: Trace, until: int) -> int:
        if impact.interval_s < 0.85:
            return round(impact.interval_s * GRID_HZ)
        window = np.minimum(trace.g(impact.peak - 170, min(until, impact.peak + 80)), 4.0)
        return dominant_lag(window, 25, 75)

    def _alike_of(self, impact: FlightImpact, trace: Trace, until: int) -> tuple[float, float]:
        """Alikeness and evenness around an impact; remembered once the whole window was there."""
        end = impact.peak + 80
        if end <= until and impact.peak in self._alike:
            return self._alike[impact.peak]
        first, last = impact.peak - 240, min(until, end)
        rows, g = trace.rows(first, last), trace.g(first, last)
        value = alike_and_even(rows, g, self._interval(impact, trace, until))
        if end <= until:
            self._alike[impact.peak] = value
        return value

    def _in_train(self, seen: Around) -> str:
        """Return the reason why one of several rhythmic impacts is no landing; empty where it is one.

        Where no likeness could make it a landing nobody asks how alike it is: most running steps, half of the time.
        """
        impact, score, deficit = seen.impact, self._criteria.score, seen.impact.flight.deficit_g_s
        if deficit >= self._criteria.sure_deficit_g_s:
            return ""
        interval_s = self._interval(impact, seen.trace, seen.until) / GRID_HZ
        if deficit / max(interval_s, 0.3) < self._criteria.least_duty:
            return "running step"
        least = score.stay if self._follows(impact, interval_s) else score.enter
        depth = min(median([c.flight.deficit_g_s for c in seen.near]) - self._excess_g_s, score.most_train_deficit_g_s)
        if self._is_hopeless(seen, depth, least - _ROUNDING):
            return "running step"
        alike, evenness = self._likeness(seen)
        points = (
            score.train_deficit * depth
            + score.alike * alike
            + score.train_alike * self._train_alike(seen)
            + score.evenness * evenness
            + score.bias
        )
        return "" if points >= least else "running step"

    def _is_hopeless(self, seen: Around, depth: float, least: float) -> bool:
        """Whether no likeness makes so many points: first of any train, then with what is known of this one's."""
        score = self._criteria.score
        most = score.train_deficit * depth + abs(score.alike) + max(0.0, -2.0 * score.evenness) + score.bias
        if most + max(0.0, score.train_alike) < least:
            return True
        best = math.copysign(1.0, score.train_alike)
        known = [self._alike.get(c.peak, (best,))[0] if c.peak + 80 <= seen.until else best for c in seen.train()]
        return most + (score.train_alike * median(known) if known else 0.0) < least

    def _follows(self, impact: FlightImpact, interval_s: float) -> bool:
        """One or two landing intervals after an accepted landing."""
        if self._last is None:
            return False
        return self._is_beat((impact.peak - self._last.peak) / max(interval_s * GRID_HZ, 1.0))

    def _alone(self, seen: Around, *, has_push: bool) -> str:
        """Return the reason why a lone impact is no landing; empty where it is one."""
        criteria, impact, flight, last = self._criteria, seen.impact, seen.impact.flight, self._last
        if seen.sides.impulse_g_s < criteria.least_lone_impulse_g_s and not self._clipped(impact, seen.trace):
            return "no landing impulse"
        if last is not None and self._is_rebound(impact, last):
            return "second bounce"
        if has_push:
            least = criteria.jump_deficit_g_s + criteria.unrest_deficit_s * max(0.0, seen.unrest_g() - criteria.calm_g)
            enough = flight.deficit_g_s >= least and flight.minimum_g <= criteria.jump_minimum_g
            return "" if enough else "flight too short"
        least = criteria.block_deficit_g_s if self._in_block(impact) else criteria.drop_deficit_g_s
        is_drop = flight.deficit_g_s >= least and flight.minimum_g <= criteria.drop_minimum_g
        is_upright = seen.sides.turn_deg <= criteria.drop_turn_deg
        if is_drop and is_upright and impact.peak_g >= criteria.drop_peak_g:
            return ""
        return "landing or seat, cut off" if is_upright and self._clipped(impact, seen.trace) else "sat down"

    def _is_rebound(self, impact: FlightImpact, landing: FlightImpact) -> bool:
        soon = impact.peak - landing.peak < self._criteria.rebound_within_s * GRID_HZ
        return soon and impact.flight.deficit_g_s < self._criteria.rebound_share * landing.flight.deficit_g_s

    def _clipped(self, impact: FlightImpact, trace: Trace) -> bool:
        if not self._range_g:
            return False
        rows = trace.rows(impact.peak - 3, impact.peak + 25)
        return bool(np.abs(rows).max() >= 0.95 * self._range_g)
