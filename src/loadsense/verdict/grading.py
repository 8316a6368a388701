"""Which landings satisfy what is asked, with every unknown at its best and at its worst.

A landing may be compared with a level only where the sensor was worn at the trunk, and its loading rate only where the
sampling rate, the filter and the range let a rise be seen (decision 2). What the numbers leave open is kept as a span
from worst to best; nothing here decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from loadsense.criteria import Criterion, GradingCriteria, LandingTarget, Profile, Threshold
from loadsense.events import Landing
from loadsense.placement import CAPABILITIES, Placement
from loadsense.samples import Gap

#: A rail this far below the stated range goes before it; a peak this near a rail may be cut: the low-pass rounds flat
#: tops off [convention].
RAIL_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one sensor saw of the landings of a session, and how well it could see.

    Attributes
    ----------
    landings : tuple of Landing
        Settled, in order.
    placement : Placement
        Where the sensor was worn.
    sampling_rate_hz : float
        Of the sample grid.
    nominal_rate_hz, measured_rate_hz : float or None
        As stated, and as the time stamps say.
    cutoff_hz : float
        Of the landing filter.
    range_g : float or None
        Full scale; None where nobody stated it.
    rail_g : float or None
        RAW g at which an axis has flat tops; it goes before a larger range that was stated.
    largest_axis_g : float or None
        Largest absolute value of any axis in the recording, RAW g.
    gaps : tuple of Gap
        Missing samples.
    block_confirmed : bool
        Somebody confirmed that the landing block took place with the sensor worn.
    """

    landings: tuple[Landing, ...]
    placement: Placement
    sampling_rate_hz: float
    cutoff_hz: float
    nominal_rate_hz: float | None = None
    measured_rate_hz: float | None = None
    range_g: float | None = None
    largest_axis_g: float | None = None
    rail_g: float | None = None
    gaps: tuple[Gap, ...] = ()
    block_confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many landings satisfy what is asked.

    Attributes
    ----------
    worst, best : int
        With every unknown of the landings at its worst, and at its best.
    nominal : int
        By the numbers as measured; a clipped peak counts only for what it reached.
    clipped, borderline, rate_unknown : int
        Landings that count at best and not at worst, by reason.
    """

    worst: int
    best: int
    nominal: int
    clipped: int = 0
    borderline: int = 0
    rate_unknown: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged, and by what: the arguments that every question here has in common."""

    seen: Observation
    target: LandingTarget
    profile: Profile
    criteria: GradingCriteria

    @property
    def criterion(self) -> Criterion | None:
        """What makes a landing count here."""
        return applied_criterion(self.seen, self.profile, self.criteria)

    @property
    def lowest_g(self) -> float | None:
        """NET g that the sensor must be able to see; None when the count alone is asked for."""
        if self.target.basis == "prescribed":
            return self.target.min_net_g
        return self.profile.magnitude.value if self.profile.magnitude and self.criterion != "rate" else None


def likely_range_g(seen: Observation, criteria: GradingCriteria) -> float | None:
    """Range that the signal truly had: flat tops, else as stated, else a usual one that the largest sample lies at."""
    if seen.rail_g is not None and (seen.range_g is None or seen.rail_g < RAIL_SHARE * seen.range_g):
        return seen.rail_g
    if seen.range_g is not None or seen.largest_axis_g is None:
        return seen.range_g
    near = [r for r in criteria.usual_ranges_g if abs(seen.largest_axis_g - r) <= criteria.range_share * r]
    return near[0] if near else None


def with_likely_range(seen: Observation, criteria: GradingCriteria) -> Observation:
    """The observation with its likely range, and the landings that come near it taken as clipped."""
    range_g = likely_range_g(seen, criteria)
    if range_g is None or range_g == seen.range_g:
        return seen
    near_g = RAIL_SHARE * range_g
    landings = tuple(replace(one, clipped=one.clipped or one.peak_g >= near_g) for one in seen.landings)
    return replace(seen, range_g=range_g, landings=landings)


def rate_doubt(seen: Observation, criteria: GradingCriteria) -> str | None:
    """Why loading rates of this recording may not be graded; None when they may (decision 2)."""
    rate_hz = seen.nominal_rate_hz or seen.sampling_rate_hz
    measured_hz = seen.measured_rate_hz or seen.sampling_rate_hz
    if not CAPABILITIES[seen.placement].grades_landings:
        return f"loading rate is not graded at the {seen.placement.value}"
    if rate_hz < criteria.rate_min_nominal_hz and not (seen.nominal_rate_hz is None and _fast(measured_hz, criteria)):
        return f"loading rate not graded at {rate_hz:g} Hz (needs {criteria.rate_min_nominal_hz:g} Hz)"
    if not _fast(measured_hz, criteria):
        return f"loading rate not graded: measured {measured_hz:.1f} Hz (needs {criteria.rate_min_measured_hz:g} Hz)"
    if seen.cutoff_hz < criteria.rate_min_cutoff_hz:
        return f"loading rate not graded: low-pass at {seen.cutoff_hz:g} Hz (needs {criteria.rate_min_cutoff_hz:g} Hz)"
    return None


def _fast(measured_hz: float, criteria: GradingCriteria) -> bool:
    return measured_hz >= criteria.rate_min_measured_hz


def applied_criterion(seen: Observation, profile: Profile, criteria: GradingCriteria) -> Criterion | None:
    """The profile's criterion; `either` falls back on magnitude where the rate may not be graded."""
    if profile.criterion == "either" and rate_doubt(seen, criteria):
        return "magnitude"
    return profile.criterion


def grade_landing(
    landing: Landing, seen: Observation, *, profile: Profile, criteria: GradingCriteria
) -> tuple[bool | None, bool | None]:
    """Whether a landing passed the profile's magnitude and rate; None where it may not be graded.

    A clipped peak already above the level passed it; a clipped peak below is unknown.
    """
    if not CAPABILITIES[seen.placement].grades_landings or seen.placement not in profile.placements:
        return None, None
    magnitude = _passed(landing.peak_net_g, profile.magnitude, unknown_below=landing.clipped)
    rate = landing.loading_rates.maximum_g_per_s
    if rate is None or rate_doubt(seen, criteria) or _rate_hidden(landing, seen, criteria):
        return magnitude, None
    return magnitude, _passed(rate, profile.rate, unknown_below=landing.clipped)


def _passed(value: float, level: Threshold | None, *, unknown_below: bool) -> bool | None:
    if level is None:
        return None
    if value > level.value:
        return True
    return None if unknown_below else False


def _rate_hidden(landing: Landing, seen: Observation, criteria: GradingCriteria) -> bool:
    """A clipped landing keeps its rate only at the full range: elsewhere its rise is cut off early."""
    return landing.clipped and (seen.range_g or 0.0) < criteria.rate_full_range_g


def count_landings(seen: Observation, target: LandingTarget, *, profile: Profile, criteria: GradingCriteria) -> Tally:
    """Count what satisfies the target, with every unknown of a landing at its worst, at its best, and as measured."""
    case = Case(seen, target, profile, criteria)
    spans = [_outcomes(landing, case) for landing in seen.landings]
    doubtful = [landing for landing, (worst, best) in zip(seen.landings, spans, strict=True) if best and not worst]
    clipped = sum(landing.clipped for landing in doubtful)
    borderline = [landing for landing in doubtful if not landing.clipped]
    unknown_rate = sum(not _near_a_level(landing, case) for landing in borderline)
    exact = replace(criteria, peak_error_g=0.0, rate_error_fraction=0.0)
    as_measured = Case(seen, target, profile, exact)
    return Tally(
        worst=sum(worst for worst, _ in spans),
        best=sum(best for _, best in spans),
        nominal=sum(_outcomes(landing, as_measured)[0] for landing in seen.landings),
        clipped=clipped,
        borderline=len(borderline) - unknown_rate,
        rate_unknown=unknown_rate,
    )


def _outcomes(landing: Landing, case: Case) -> tuple[bool, bool]:
    """Whether one landing counts at worst, and at best."""
    low_g, high_g = _peak_span(landing, case.criteria)
    if case.target.basis == "prescribed":
        return _in_band(low_g, high_g, case.target)
    magnitude = _over(low_g, high_g, case.profile.magnitude)
    if case.criterion == "magnitude":
        return magnitude
    rate = _over(*_rate_span(landing, case), case.profile.rate)
    if case.criterion == "rate":
        return rate
    join = any if case.criterion == "either" else all
    return join((magnitude[0], rate[0])), join((magnitude[1], rate[1]))


def _peak_span(landing: Landing, criteria: GradingCriteria) -> tuple[float, float]:
    error_g = criteria.peak_error_g
    return landing.peak_net_g - error_g, math.inf if landing.clipped else landing.peak_net_g + error_g


def _rate_span(landing: Landing, case: Case) -> tuple[float, float]:
    rate = landing.loading_rates.maximum_g_per_s
    if rate is None or rate_doubt(case.seen, case.criteria) or _rate_hidden(landing, case.seen, case.criteria):
        return -math.inf, math.inf
    error = rate * case.criteria.rate_error_fraction
    return rate - error, math.inf if landing.clipped else rate + error


def _over(low: float, high: float, level: Threshold | None) -> tuple[bool, bool]:
    return (False, False) if level is None else (low > level.value, high > level.value)


def _in_band(low_g: float, high_g: float, target: LandingTarget) -> tuple[bool, bool]:
    least = -math.inf if target.min_net_g is None else target.min_net_g
    most = math.inf if target.ceiling_net_g is None else target.ceiling_net_g
    return low_g >= least and high_g <= most, high_g >= least and low_g <= most


def _near_a_level(landing: Landing, case: Case) -> bool:
    """Whether the doubt about a landing comes from a number close to a level, not from a rate that is not graded."""
    return (
        case.target.basis == "prescribed" or _rate_span(landing, case)[0] > -math.inf or case.criterion == "magnitude"
    )


def landings_in_gaps(seen: Observation, criteria: GradingCriteria) -> int:
    """Most landings that gaps in or next to the landing block could have swallowed [convention].

    The block reaches from the first landing to the last, and `gap_margin_s` beyond; without landings every gap counts.
    """
    margin = criteria.gap_margin_s * seen.sampling_rate_hz
    contacts = [landing.candidate.landing_sample for landing in seen.landings]
    first = min(contacts) - margin if contacts else -math.inf
    last = max(contacts) + margin if contacts else math.inf
    near = [gap for gap in seen.gaps if gap.first_sample <= last and gap.first_sample + gap.n_missing >= first]
    pace = criteria.gap_landings_per_s / seen.sampling_rate_hz
    return sum(math.ceil(gap.n_missing * pace) for gap in near)


def landings_needed(target: LandingTarget, criteria: GradingCriteria) -> int | None:
    """Landings from which the target counts as met: the tolerance is what a detector may miss."""
    if target.landings is None:
        return None
    return math.ceil(target.landings * criteria.target_tolerance - 1e-9)
