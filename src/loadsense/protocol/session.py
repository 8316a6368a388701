"""One session against its prescription: what is asked, what was done, what saw it, and which rules fired.

What no sensor could see is None, never "not met"; what a hole may hide is a lower bound, "at least". A set that
the coach called done counts as it was prescribed, unless a sensor counted fewer repetitions in it. A share of the
one-repetition maximum is graded only against a maximum from another day, not older than the rule allows: one that was
estimated from the day's own sets of five always says 85.7 or 88.9 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from loadsense.criteria import LandingTarget, Profile
from loadsense.errors import unknown_name
from loadsense.events import Landing, LiftSet
from loadsense.prescriptions import LiftPrescription, OneRepMax, Person, Plan, PlanStage, Rule
from loadsense.protocol.screening import landing_lock, plan_lock
from loadsense.results import CalledSet, Flag, PrescriptionResult, PrescriptionRow, Verdict, VerdictStatus

#: Source of a row that nothing and nobody saw, and of one that rests on the coach's word.
NOT_OBSERVED = "not observed"
COACH = "coach"

_Set = TypeVar("_Set", LiftSet, CalledSet)


def chosen_stage(plan: Plan, person: Person | None) -> PlanStage:
    """The stage she is in: that of her own file, else the whole prescription.

    Raises
    ------
    OptionError
        Her file names a stage that the plan does not have.
    """
    name = person.stage if person else None
    if name is None:
        return plan.full
    for stage in plan.stages:
        if stage.name == name:
            return stage
    raise unknown_name(f"stage of plan {plan.name}", name, [stage.name for stage in plan.stages])


def landing_target(
    *,
    plan: Plan | None,
    person: Person | None,
    profile: Profile,
    rules: Mapping[str, Rule],
    target_landings: int | None = None,
    on: date | None = None,
) -> LandingTarget:
    """What the landings are judged against: a plan or a person's own target, else the profile's levels.

    Parameters
    ----------
    plan, person : Plan, Person or None
        As named by the user.
    profile : Profile
        Levels of the evidence, for sessions without a prescription.
    rules : mapping
        For the locks of the screening.
    target_landings : int, optional
        A number given for this session alone; it replaces that of the person, the plan or the profile.
    on : date, optional
        Local day of the session.
    """
    locked = plan_lock(plan, person, on=on, rules=rules) or landing_lock(person, on=on, rules=rules)
    own = person or Person()
    stage = chosen_stage(plan, person) if plan else None
    if plan is None and own.target_landings is None and own.min_net_g is None and own.ceiling_net_g is None:
        number = profile.target_landings if target_landings is None else target_landings
        return LandingTarget(basis="evidence", landings=number, locked=locked)
    asked = _first(target_landings, own.target_landings, stage.landings if stage else None)
    return LandingTarget(
        basis="prescribed",
        landings=None if asked is None else round(asked),
        min_net_g=_first(own.min_net_g, stage.min_net_g if stage else None),
        ceiling_net_g=_first(own.ceiling_net_g, stage.ceiling_net_g if stage else None),
        plan=plan.name if plan else None,
        stage=stage.name if stage else None,
        locked=locked,
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneLifts:
    """What was lifted, and who saw it.

    Attributes
    ----------
    sets : tuple of LiftSet
        As detected or entered, in order.
    source : str
        What saw them: "wrist sensor", or "not observed".
    called : tuple of CalledSet
        What the coach called done, whether a sensor saw it or not.
    loads_kg : mapping of str to float
        Load of each exercise as declared; a set's own load goes before it.
    one_rms : tuple of OneRepMax
        Of the person.
    on : date or None
        Local day of the session.
    n_doubtful : int
        Stretches of repeated movement that the sensor did not take for a set and that may have been one.
    """

    sets: tuple[LiftSet, ...] = ()
    source: str = NOT_OBSERVED
    called: tuple[CalledSet, ...] = ()
    loads_kg: Mapping[str, float]
    one_rms: tuple[OneRepMax, ...] = ()
    on: date | None = None
    n_doubtful: int = 0


def lift_rows(
    stage: PlanStage, done: DoneLifts, *, rules: Mapping[str, Rule], locked: str | None = None
) -> tuple[PrescriptionRow, ...]:
    """One row for each lift of the stage.

    Parameters
    ----------
    stage : PlanStage
        From `chosen_stage`.
    done : DoneLifts
        Sets, loads and maxima.
    rules : mapping
        `one-rm-age` is read.
    locked : str, optional
        From `plan_lock`: rows say what was done and are not graded.
    """
    rows = tuple(_lift_row(lift, done, rules["one-rm-age"]) for lift in stage.lifts)
    if locked:
        return tuple(replace(row, met=None, reason=f"not graded: {locked}") for row in rows)
    return rows


def _lift_row(lift: LiftPrescription, done: DoneLifts, rule: Rule) -> PrescriptionRow:
    at = "" if lift.min_pct_1rm is None else f" at >= {lift.min_pct_1rm:g} %"
    prescribed = f"{lift.sets} x {lift.repetitions}{at}"
    n_called, n_whole = _n_called(lift, done), _n_whole(lift, done)
    if done.source == NOT_OBSERVED and not n_called:
        return PrescriptionRow(
            exercise=lift.exercise,
            prescribed=prescribed,
            done=None,
            met=None,
            source=NOT_OBSERVED,
            reason="no sensor saw the lifts, and nobody entered them",
        )
    counted, count_reason = _sets_met(lift, done)
    words, loaded, load_reason = _load_met(lift, done, rule)
    met = False if counted is False or loaded is False else None if counted is None or loaded is None else True
    reasons = [reason for reason in (count_reason, load_reason) if reason]
    is_her_word = _n_credited(lift, done) > n_whole
    seen = _called_in_words(lift, done) if is_her_word else _sets_in_words(lift, done.sets)
    return PrescriptionRow(
        exercise=lift.exercise,
        prescribed=prescribed,
        done=None if seen is None else seen + words,
        met=met,
        source=COACH if is_her_word else done.source,
        reason="; ".join(reasons),
    )


def _named(exercise: str, sets: Sequence[LiftSet]) -> list[LiftSet]:
    return [one for one in sets if one.exercise == exercise]


def _n_called(lift: LiftPrescription, done: DoneLifts) -> int:
    return sum(one.exercise == lift.exercise for one in done.called)


def _n_whole(lift: LiftPrescription, done: DoneLifts) -> int:
    """Sets in which a sensor counted all repetitions."""
    return sum(len(one.repetitions) >= lift.repetitions for one in _named(lift.exercise, done.sets))


def _n_short(lift: LiftPrescription, done: DoneLifts) -> int:
    """Sets that a sensor saw whole and with fewer repetitions."""
    fewer = [one for one in _named(lift.exercise, done.sets) if len(one.repetitions) < lift.repetitions]
    return sum(not one.repetitions_are_at_least for one in fewer)


def _n_credited(lift: LiftPrescription, done: DoneLifts) -> int:
    """Whole sets as a sensor or the coach saw them; one that was seen to be short is not mended by a word."""
    return max(_n_whole(lift, done), _n_called(lift, done) - _n_short(lift, done))


def _sets_met(lift: LiftPrescription, done: DoneLifts) -> tuple[bool | None, str]:
    """Whether enough whole sets were done: yes, no, or None where something or somebody leaves it open."""
    whole, called, short = _n_credited(lift, done), _n_called(lift, done), _n_short(lift, done)
    if whole >= lift.sets:
        return True, ""
    if called >= lift.sets:
        what = f"{done.source} counted fewer than {lift.repetitions} repetitions in {short} of them"
        return None, f"the coach called {called} sets done, the {what}: ask her"
    if done.source == NOT_OBSERVED:
        return None, f"the coach called {called} of {lift.sets} sets done, and no sensor saw the lifts"
    return _sets_seen_met(lift, done, whole)


def _sets_seen_met(lift: LiftPrescription, done: DoneLifts, whole: int) -> tuple[bool | None, str]:
    """The same from what a sensor saw, of which so many sets were whole."""
    named = _named(lift.exercise, done.sets)
    holed = sum(one.repetitions_are_at_least and len(one.repetitions) < lift.repetitions for one in named)
    unnamed = len(_named("unknown", done.sets))
    possible = max(whole, _n_whole(lift, done) + holed + unnamed)
    if possible >= lift.sets:
        what = f"{unnamed} sets have no name" if unnamed else "holes in the signal: repetitions are a lower bound"
        return None, what
    if possible + done.n_doubtful >= lift.sets:
        return None, f"{whole} of {lift.sets} sets seen, {done.n_doubtful} more stretches may have been sets: ask her"
    return False, f"{whole} of {lift.sets} sets with {lift.repetitions} repetitions"


def _sets_in_words(lift: LiftPrescription, sets: Sequence[LiftSet]) -> str | None:
    named = _named(lift.exercise, sets)
    if not named:
        return None if _named("unknown", sets) else "no set"
    counts = [len(one.repetitions) for one in named]
    least = "at least " if any(one.repetitions_are_at_least for one in named) else ""
    if len(set(counts)) == 1:
        return f"{least}{len(counts)} x {counts[0]}"
    return f"{least}{len(counts)} sets of {', '.join(map(str, counts))}"


def _called_in_words(lift: LiftPrescription, done: DoneLifts) -> str:
    called = f"{_n_called(lift, done)} sets" if _n_called(lift, done) != 1 else "1 set"
    seen = _sets_in_words(lift, done.sets)
    return called if seen in (None, "no set") else f"{called}, {seen} of them seen"


def _load_met(lift: LiftPrescription, done: DoneLifts, rule: Rule) -> tuple[str, bool | None, str]:
    """Load in words, whether it was heavy enough, and why not known."""
    load_kg = _lightest_kg(lift.exercise, done)
    if lift.min_pct_1rm is None:
        return "" if load_kg is None else f" at {load_kg:g} kg", True, ""
    if load_kg is None:
        return "", None, "no load was entered"
    best = one_rm_of(lift.exercise, done.one_rms)
    if best is None:
        return f" at {load_kg:g} kg", None, "load not graded: no one-repetition maximum on file"
    stale = ungraded_one_rm(best, on=done.on, rule=rule)
    pct = 100.0 * load_kg / best.kg
    words = f" at {load_kg:g} kg = {pct:.0f} %"
    if stale:
        return words, None, f"load not graded: {stale}"
    if pct < lift.min_pct_1rm - 1e-9:
        return words, False, f"{pct:.1f} % of the maximum, {lift.min_pct_1rm:g} % asked"
    return words, True, ""


def _lightest_kg(exercise: str, done: DoneLifts) -> float | None:
    declared = done.loads_kg.get(exercise)
    loads = [declared if one.load_kg is None else one.load_kg for one in _named(exercise, done.sets)] or [declared]
    known = [load for load in loads if load is not None]
    return min(known) if len(known) == len(loads) else None


def one_rm_of(exercise: str, one_rms: Sequence[OneRepMax]) -> OneRepMax | None:
    """The latest maximum of one exercise."""
    own = [one for one in one_rms if one.exercise == exercise]
    return max(own, key=lambda one: one.measured_on) if own else None


def ungraded_one_rm(best: OneRepMax, *, on: date | None, rule: Rule) -> str | None:
    """Why a maximum grades no load on a day; None when it does (decision 10)."""
    if on is None:
        return "the session has no date, so the age of the maximum is unknown"
    age_days = (on - best.measured_on).days
    if age_days < 0:
        return f"the maximum is of a later day, {best.measured_on.isoformat()}"
    if age_days == 0 and not best.method.lower().startswith("tested"):
        return "the maximum was estimated from the same session's sets (it would always say 86 or 89 %)"
    if rule.on and rule.value is not None and age_days > rule.value:
        return f"the maximum is {age_days} days old ({rule.value:g} at most)"
    return None


def loaded_sets(done: DoneLifts, *, rules: Mapping[str, Rule]) -> tuple[LiftSet, ...]:
    """The sets with their declared load, and its share of the maximum where that may be graded."""
    return tuple(_loaded(one, done, rules["one-rm-age"]) for one in done.sets)


def loaded_calls(done: DoneLifts, *, rules: Mapping[str, Rule]) -> tuple[CalledSet, ...]:
    """The sets that the coach called done with their declared load, and its share of the maximum as above."""
    return tuple(_loaded(one, done, rules["one-rm-age"]) for one in done.called)


def _loaded(one: _Set, done: DoneLifts, rule: Rule) -> _Set:
    load_kg = done.loads_kg.get(one.exercise) if one.load_kg is None else one.load_kg
    best = one_rm_of(one.exercise, done.one_rms)
    graded = load_kg is not None and best is not None and ungraded_one_rm(best, on=done.on, rule=rule) is None
    return replace(one, load_kg=load_kg, pct_1rm=100.0 * load_kg / best.kg if graded and load_kg and best else None)


def landing_row(target: LandingTarget, verdict: Verdict, *, source: str) -> PrescriptionRow | None:
    """The row of the landings; None where none are prescribed.

    Parameters
    ----------
    target : LandingTarget
        What was asked.
    verdict : Verdict
        What they came to.
    source : str
        "hip sensor", or "not observed" where no sensor could see landings.
    """
    if target.basis != "prescribed" or target.landings is None:
        return None
    counted = verdict.achieved.get("counted")
    seen = counted is not None and source != NOT_OBSERVED and verdict.achieved.get("landings") != 0
    settled = verdict.status is not VerdictStatus.CANNOT_SAY
    least = "at least " if verdict.at_least else ""
    return PrescriptionRow(
        exercise="landings",
        prescribed=f"{target.landings} landings{_band_in_words(target)}",
        done=f"{least}{counted} landings" if seen or (settled and counted is not None) else None,
        met=verdict.status is VerdictStatus.REACHED if settled else None,
        source=source if counted is not None else NOT_OBSERVED,
        reason="" if verdict.status is VerdictStatus.REACHED else "; ".join(verdict.reasons),
    )


def _band_in_words(target: LandingTarget) -> str:
    low, ceiling = target.min_net_g, target.ceiling_net_g
    if low is None and ceiling is None:
        return ""
    if ceiling is None:
        return f", at least {low:.1f} g net"
    return f", up to {ceiling:.1f} g net" if low is None else f", {low:.1f} to {ceiling:.1f} g net"


def prescribed_vs_done(
    target: LandingTarget,
    *,
    lifts: Sequence[PrescriptionRow],
    landings: PrescriptionRow | None,
    flags: Sequence[Flag] = (),
) -> PrescriptionResult:
    """All rows of a session with the flags it raised."""
    return PrescriptionResult(
        plan=target.plan,
        rows=(*lifts, *([landings] if landings else [])),
        flags=tuple(flags),
        locked=target.locked,
        stage=target.stage,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What a single session can raise a flag with.

    Attributes
    ----------
    landings : tuple of Landing
        Of the sensor whose landings are graded; empty elsewhere.
    target : LandingTarget
        With her ceiling.
    fall_times_s : tuple of float
        Movements that looked like a fall, seconds from the start.
    screening_note : str
        What `screening_locks` could not check.
    """

    landings: tuple[Landing, ...]
    target: LandingTarget
    fall_times_s: tuple[float, ...] = ()
    screening_note: str = ""


def session_flags(facts: SessionFacts, *, rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    """Flags of one session: a movement like a fall, landings above the ceiling, far more than prescribed."""
    fired = []
    if facts.fall_times_s:
        when = ", ".join(f"{time_s:.0f} s" for time_s in facts.fall_times_s)
        told = f"a movement like a fall at {when}: ask her; the next session is locked until a named clearance"
        fired.append(("fall-like-event", told))
    ceiling, asked, n = facts.target.ceiling_net_g, facts.target.landings, len(facts.landings)
    above = sum(landing.peak_net_g > ceiling for landing in facts.landings) if ceiling is not None else 0
    if above and ceiling is not None:
        told = f"{above} of {n} landings above her ceiling of {ceiling:g} g net: lower the step or soften"
        fired.append(("above-ceiling", told))
    limit = rules["above-target"].value
    if facts.target.basis == "prescribed" and asked and limit is not None and n > asked * limit / 100.0:
        fired.append(("above-target", f"{n} landings, {asked} prescribed: more than {limit:g} %"))
    note = facts.screening_note
    unchecked = Flag(rule="screening-valid", severity="note", sentence=note, source=rules["screening"].source.citation)
    return (*_flags(fired, rules), *([unchecked] if note else []))


def _flags(fired: Sequence[tuple[str, str]], rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    return tuple(
        Flag(
            rule=name,
            severity=rules[name].severity,
            sentence=sentence,
            source=rules[name].source.citation + rules[name].source.known.mark,
        )
        for name, sentence in fired
        if rules[name].on
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wellbeing:
    """What she said about a session; None where nobody asked. Pain runs from 0 to 10."""

    pain_before: int | None = None
    pain_after: int | None = None
    pain_24h: int | None = None
    pain_baseline: int | None = None
    new_back_pain: bool = False
    suspected_fracture: bool = False
    chest_pain_or_faintness: bool = False


def wellbeing_flags(said: Wellbeing, *, rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    """Flags from what she said; red ones lock the next session until a named clearance."""
    fired = []
    if said.new_back_pain:
        fired.append(("new-back-pain", "new or sudden back pain"))
    if said.suspected_fracture:
        fired.append(("suspected-fracture", "a fracture is suspected"))
    if said.chest_pain_or_faintness:
        fired.append(("chest-pain-or-faintness", "chest pain or faintness"))
    usual = said.pain_before if said.pain_baseline is None else said.pain_baseline
    if said.pain_24h is not None and usual is not None and said.pain_24h > usual:
        fired.append(("pain-after-24h", f"pain {said.pain_24h} of 10 after 24 h, {usual} before"))
    scores = [score for score in (said.pain_before, said.pain_after, said.pain_24h) if score is not None]
    worst = max(scores, default=None)
    limit, rise = rules["pain-score"].value, rules["pain-rise"].value
    if worst is not None and limit is not None and worst >= limit:
        fired.append(("pain-score", f"pain {worst} of 10"))
    if worst is not None and rise is not None and said.pain_baseline is not None and worst >= said.pain_baseline + rise:
        fired.append(("pain-rise", f"pain {worst} of 10, {worst - said.pain_baseline} above her baseline"))
    return _flags(fired, rules)
