"""Tally a session: what its recordings came to, graded, judged and said with its provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import numpy as np

from loadsense import __version__, osteogenic, protocol, verdict
from loadsense.bands import band_counts
from loadsense.criteria import (
    ForceEquation,
    GradingCriteria,
    IndexCriteria,
    LandingTarget,
    LongWearCriteria,
    Profile,
)
from loadsense.impact_table import ImpactTable
from loadsense.loading import FORCE_CUTOFF_HZ, LANDING_CUTOFF_HZ
from loadsense.longwear import summarize_weeks
from loadsense.lowpass import possible_cutoff_hz
from loadsense.osteogenic import IndexInput
from loadsense.placement import CAPABILITIES, Placement
from loadsense.prescriptions import Person, Plan, Rule
from loadsense.protocol import DoneLifts, SessionFacts
from loadsense.protocol.session import NOT_OBSERVED
from loadsense.results import (
    CalledSet,
    Indices,
    LandingSummary,
    PrescriptionRow,
    Provenance,
    RecordingResult,
    SessionReport,
    Spread,
)
from loadsense.verdict import Observation

#: Below this rate the peaks of landings are worth little (METHODS: nothing was tried below 50 Hz that held).
SLOW_HZ: Final = 50.0
#: Recorded |a| at rest further from 1 g than this is worth a word, whatever calibration did about it.
UNCALIBRATED_G: Final = 0.03

#: Why a stretch was not taken for a set, where it may have been one all the same.
DOUBTFUL_SETS: Final = ("not alike", "irregular", "shaking")

_DIFFERENCES: Final = (
    "vertical is the direction of the mean acceleration around the peak, not an axis of the sensor",
    "the daily impact score counts impact peaks of the 20 Hz resultant, at least 0.4 s apart",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Everything a session is judged by.

    Attributes
    ----------
    profile : Profile
        Levels of the evidence.
    grading, index, longwear
        Tolerances and constants.
    rules : mapping of str to Rule
        Safety rules by name.
    equations : tuple of ForceEquation
        For the record of those that were used.
    plan : Plan or None
        What was prescribed.
    person : Person or None
        For whom.
    target_landings : int or None
        Overrides the number of person and plan.
    loads_kg : mapping of str to float
        What was lifted, by exercise.
    block_confirmed : bool
        Somebody confirmed that the landings took place with the sensor worn.
    on : date or None
        Local day of the session, where somebody says it; that of the clocks for None.
    """

    profile: Profile
    grading: GradingCriteria
    index: IndexCriteria
    longwear: LongWearCriteria
    rules: Mapping[str, Rule]
    equations: tuple[ForceEquation, ...] = ()
    plan: Plan | None = None
    person: Person | None = None
    target_landings: int | None = None
    loads_kg: Mapping[str, float] = field(default_factory=dict)
    block_confirmed: bool = False
    on: date | None = None


def observation(result: RecordingResult, judging: Judging) -> Observation:
    """What a sensor saw of the landings, and how well it could see."""
    info = result.info
    return Observation(
        landings=result.landings,
        placement=info.placement,
        sampling_rate_hz=info.sampling_rate_hz,
        nominal_rate_hz=info.nominal_rate_hz,
        measured_rate_hz=result.clock.measured_rate_hz or info.measured_rate_hz,
        cutoff_hz=possible_cutoff_hz(LANDING_CUTOFF_HZ, info.sampling_rate_hz),
        range_g=info.range_g,
        largest_axis_g=result.quality.largest_axis_g,
        rail_g=result.quality.rail_g,
        gaps=result.quality.gaps,
        block_confirmed=judging.block_confirmed,
    )


def graded(result: RecordingResult, judging: Judging) -> RecordingResult:
    """The result with each landing graded against the profile, or not graded."""
    seen = verdict.with_likely_range(observation(result, judging), judging.grading)
    landings = []
    for landing in seen.landings:
        magnitude, rate = verdict.grade_landing(landing, seen, profile=judging.profile, criteria=judging.grading)
        landings.append(replace(landing, high_magnitude=magnitude, high_rate=rate))
    return replace(result, landings=tuple(landings))


def landing_sensor(results: Sequence[RecordingResult]) -> RecordingResult:
    """The recording that landings are read from: a graded placement, else one that sees any, else the first."""
    ranks = [(not CAPABILITIES[r.info.placement].grades_landings, r.info.sampling_rate_hz < SLOW_HZ) for r in results]
    return results[min(range(len(results)), key=lambda i: ranks[i])]


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(max=max(known), median=float(np.median(known)), p90=float(np.percentile(known, 90)))


def landing_summary(result: RecordingResult, judging: Judging) -> LandingSummary:
    """Landings in numbers; None with a reason where the placement cannot see them."""
    capability = CAPABILITIES[result.info.placement]
    if capability.landing_method is None:
        return LandingSummary(count=None, reason=f"landings are not looked for at the {result.info.placement.value}")
    landings = result.landings
    bands = judging.profile.bands if capability.grades_landings else ()
    peaks_net_g = [landing.peak_net_g for landing in landings]
    return LandingSummary(
        count=len(landings),
        high_rate_count=_count([landing.high_rate for landing in landings]),
        high_magnitude_count=_count([landing.high_magnitude for landing in landings]),
        peak_g=_spread([landing.peak_g for landing in landings]),
        peak_net_g=_spread(peaks_net_g),
        loading_rate_g_per_s=_spread([landing.loading_rates.maximum_g_per_s for landing in landings]),
        peak_grf_bw=_spread([landing.force.peak_grf_bw if landing.force else None for landing in landings]),
        bands=tuple(count for bands_of in bands for count in band_counts(peaks_net_g, bands_of)),
        reason=_why_not_graded(result),
    )


def _why_not_graded(result: RecordingResult) -> str:
    capability = CAPABILITIES[result.info.placement]
    if capability.grades_landings:
        return ""
    word = "experimental, " if capability.experimental else ""
    return f"{word}not graded at the {result.info.placement.value.replace('_', ' ')}"


def _count(grades: Sequence[bool | None]) -> int | None:
    """How many are true; None where none was graded."""
    return None if all(grade is None for grade in grades) else sum(grade is True for grade in grades)


def summarise(
    results: Sequence[RecordingResult],
    judging: Judging,
    *,
    notes: Sequence[str] = (),
    arguments: Sequence[tuple[str, str]] = (),
) -> SessionReport:
    """Grade, judge and sum up the recordings of one session.

    Parameters
    ----------
    results : sequence of RecordingResult
        One for each sensor, already placed in time.
    judging : Judging
        Profile, plan, person and tolerances.
    notes : sequence of str
        Sentences about the session as a whole (clocks that disagree).
    arguments : sequence of (str, str)
        What the user asked for, for the record.

    Raises
    ------
    OptionError
        The plan's target cannot be (above the ceiling), or the person's stage is not one of the plan.
    """
    lifted = _done_lifts(results, judging)
    finished = [_with_weeks(_with_loads(graded(result, judging), lifted, judging), judging) for result in results]
    seen = landing_sensor(finished)
    day = _day(finished, judging)
    target = protocol.landing_target(
        plan=judging.plan,
        person=judging.person,
        profile=judging.profile,
        rules=judging.rules,
        target_landings=judging.target_landings,
        on=day,
    )
    lifts = _lift_rows(lifted, day, judging)
    answer = verdict.judge(
        observation(seen, judging), target, profile=judging.profile, criteria=judging.grading, lifts=lifts
    )
    return SessionReport(
        recordings=tuple(finished),
        landing_summary=landing_summary(seen, judging),
        indices=_indices(seen, judging),
        verdict=answer,
        prescription=protocol.prescribed_vs_done(
            target,
            lifts=lifts,
            landings=protocol.landing_row(target, answer, source=_landing_source(seen)),
            flags=protocol.session_flags(_facts(seen, target, _screening_note(day, judging)), rules=judging.rules),
        ),
        provenance=provenance(finished, seen, judging),
        quality_notes=(*notes, *(note for result in finished for note in quality_notes(result, len(finished)))),
        arguments=tuple(arguments),
        called_done=protocol.loaded_calls(lifted, rules=judging.rules),
    )


def _with_weeks(result: RecordingResult, judging: Judging) -> RecordingResult:
    return replace(result, weeks=summarize_weeks(result.days, criteria=judging.longwear)) if result.days else result


def _day(results: Sequence[RecordingResult], judging: Judging) -> date | None:
    if judging.on is not None:
        return judging.on
    starts = [result.info.start for result in results if result.info.start is not None]
    return starts[0].date() if starts else None


# -- lifting and the plan --------------------------------------------------------------------------------------------


def _done_lifts(results: Sequence[RecordingResult], judging: Judging) -> DoneLifts:
    """What was lifted: as the wrist saw it, and as the coach called it."""
    sensors = [result for result in results if CAPABILITIES[result.info.placement].sees_lifts]
    return DoneLifts(
        sets=tuple(one for result in sensors for one in result.sets),
        source=f"{sensors[0].sensor} sensor" if sensors else NOT_OBSERVED,
        called=_called_done(results),
        loads_kg=judging.loads_kg,
        one_rms=judging.person.one_rms if judging.person else (),
        on=_day(results, judging),
        n_doubtful=sum(
            event.kind == "set" and event.reason in DOUBTFUL_SETS for result in sensors for event in result.excluded
        ),
    )


def _called_done(results: Sequence[RecordingResult]) -> tuple[CalledSet, ...]:
    """What the coach called done, once: every recording keeps the words that fell while its sensor was there."""
    called: list[tuple[float, CalledSet]] = []
    for exercise in dict.fromkeys(one.exercise for result in results for one in result.info.sets_done):
        fullest = max(results, key=lambda result: sum(one.exercise == exercise for one in result.info.sets_done))
        for one in fullest.info.sets_done:
            if one.exercise == exercise:
                at_s = fullest.offset_s + one.at_sample / fullest.info.sampling_rate_hz
                made = CalledSet(sensor=fullest.sensor, at_sample=one.at_sample, exercise=exercise)
                called.append((at_s, made))
    return tuple(one for _, one in sorted(called, key=lambda pair: pair[0]))


def _with_loads(result: RecordingResult, lifted: DoneLifts, judging: Judging) -> RecordingResult:
    own = replace(lifted, sets=result.sets)
    return replace(result, sets=protocol.loaded_sets(own, rules=judging.rules)) if result.sets else result


def _lift_rows(lifted: DoneLifts, day: date | None, judging: Judging) -> tuple[PrescriptionRow, ...]:
    if judging.plan is None:
        return ()
    stage = protocol.chosen_stage(judging.plan, judging.person)
    locked = protocol.plan_lock(judging.plan, judging.person, on=day, rules=judging.rules)
    return protocol.lift_rows(stage, lifted, rules=judging.rules, locked=locked)


def _screening_note(day: date | None, judging: Judging) -> str:
    """What the screening could not be checked for; nothing where the plan asks for none."""
    if judging.plan is None or not judging.plan.needs_screening or judging.person is None:
        return ""
    return protocol.screening_locks(judging.person.screening, on=day, rules=judging.rules).note


def _landing_source(seen: RecordingResult) -> str:
    grades = CAPABILITIES[seen.info.placement].grades_landings
    return f"{seen.sensor} sensor" if grades else NOT_OBSERVED


def _facts(seen: RecordingResult, target: LandingTarget, screening_note: str) -> SessionFacts:
    """What this session can raise a flag with."""
    grades = CAPABILITIES[seen.info.placement].grades_landings
    falls = [event.peak_sample for event in seen.excluded if event.reason == "fall"]
    return SessionFacts(
        landings=seen.landings if grades else (),
        target=target,
        fall_times_s=tuple(seen.offset_s + sample / seen.info.sampling_rate_hz for sample in falls),
        screening_note=screening_note,
    )


# -- indices ---------------------------------------------------------------------------------------------------------


def _indices(seen: RecordingResult, judging: Judging) -> Indices:
    rate_hz = seen.info.sampling_rate_hz
    times_s = tuple(seen.offset_s + landing.candidate.landing_sample / rate_hz for landing in seen.landings)
    impacts = ImpactTable.of(seen.impacts)
    forces = impacts.forces("peak_grf_bw")
    return osteogenic.tally_indices(
        IndexInput(
            landings=seen.landings,
            times_s=times_s,
            placement=seen.info.placement,
            force_mape_percent=_mape_percent(seen, judging),
            score_peaks_g=impacts.numbers("peak_g")[~impacts.is_step],
            forces_bw=tuple(forces[~np.isnan(forces)].tolist()),
        ),
        criteria=judging.index,
        bands=judging.profile.bands,
    )


def _models(result: RecordingResult) -> set[str]:
    """Force equations that gave at least one number."""
    impacts = ImpactTable.of(result.impacts)
    known = zip(impacts.models, ~np.isnan(impacts.forces("peak_grf_bw")), strict=True)
    forces = [landing.force for landing in result.landings]
    return {force.model for force in forces if force is not None and force.peak_grf_bw is not None} | {
        model for model, is_known in known if model is not None and is_known
    }


def _mape_percent(result: RecordingResult, judging: Judging) -> float | None:
    used = {landing.force.model for landing in result.landings if landing.force}
    errors = [e.mape_percent for e in judging.equations if e.name in used and e.predicts == "grf_n"]
    return max((error for error in errors if error is not None), default=None)


# -- what it is worth, and what it was made with -----------------------------------------------------------------------


def quality_notes(result: RecordingResult, n_sensors: int) -> list[str]:
    """Limits of a recording in sentences, the sensor's name before them in a session of several."""
    name = f"{result.sensor}: " if n_sensors > 1 else ""
    notes = [*result.info.origin.notes, *result.clock.notes, *_limits(result)]
    return [name + note for note in notes]


def _limits(result: RecordingResult) -> list[str]:
    info, quality, notes = result.info, result.quality, []
    if info.placement is Placement.UNKNOWN:
        notes.append("placement was not declared: landings are a guess; pass --placement")
    if CAPABILITIES[info.placement].landing_method and info.sampling_rate_hz < SLOW_HZ:
        notes.append(
            f"{info.sampling_rate_hz:.4g} Hz is too slow for landings (50 Hz at least): peaks are lower bounds"
        )
    if info.range_g is None:
        notes.append("range is not known: clipping cannot be seen; pass --range-g")
    if quality.rail_g is not None and (info.range_g is None or quality.rail_g < verdict.RAIL_SHARE * info.range_g):
        stated = "nobody stated the range" if info.range_g is None else f"+-{info.range_g:g} g was stated"
        notes.append(f"flat tops at +-{quality.rail_g:.3g} g ({stated}): the sensor ends there, higher peaks are cut")
    if quality.n_clipped:
        notes.append(
            f"{quality.n_clipped} samples reached the range of {info.range_g:g} g: their peaks are lower bounds"
        )
    error_g = quality.still_error_g
    if error_g is not None and abs(error_g) > UNCALIBRATED_G:
        notes.append(f"|a| at rest is {1.0 + error_g:.3f} g, more than 3 % off: peaks and flights are off by as much")
    if not info.loss_observable:
        notes.append("lost samples could not be noticed: the recording has no time stamps")
    return notes


def provenance(results: Sequence[RecordingResult], seen: RecordingResult, judging: Judging) -> Provenance:
    """Filters, levels and equations behind the numbers; the loading rate is that of the sensor of the landings."""
    rate_hz = seen.info.sampling_rate_hz
    cutoff_hz = possible_cutoff_hz(LANDING_CUTOFF_HZ, rate_hz)
    used = set().union(*(_models(result) for result in results))
    return Provenance(
        version=__version__,
        filter="; ".join(_filter(result, len(results)) for result in results),
        loading_rate_definition=(
            f"steepest central difference on the rise; low-pass {cutoff_hz:.3g} Hz, sampled at {rate_hz:.4g} Hz"
        ),
        thresholds=tuple(t for t in (judging.profile.magnitude, judging.profile.rate, *judging.profile.also) if t),
        equations=tuple(equation for equation in judging.equations if equation.name in used),
        differences_from_source=_DIFFERENCES,
    )


def _filter(result: RecordingResult, n_sensors: int) -> str:
    rate_hz = result.info.sampling_rate_hz
    name = f"{result.sensor}: " if n_sensors > 1 else ""
    landing_hz = possible_cutoff_hz(LANDING_CUTOFF_HZ, rate_hz)
    impact_hz = possible_cutoff_hz(FORCE_CUTOFF_HZ, rate_hz)
    return (
        f"{name}landings {landing_hz:.3g} Hz, impacts and forces {impact_hz:.3g} Hz (Butterworth order 4, zero phase), "
        f"sampled at {rate_hz:.4g} Hz"
    )
