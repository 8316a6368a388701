"""The plan's page: what next, and why? The prescription with its ramp, and suggestions that explain themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Final, Literal, cast

from loadsense.prescriptions import PlanStage
from loadsense.protocol.weeks import (
    ExerciseSession,
    Suggestion,
    WeekPrescription,
    history_flags,
    suggest,
    suggested_step_kg,
)
from loadsense.results import Flag
from loadsense.review.facts import AskedFrom, DoneSession, FlagFacts, PersonFacts
from loadsense.review.person import lock_of
from loadsense.review.weeks import Limits, monday_of

LANDINGS: Final = "landings"
#: Rules of a break, which move her along the ramp.
_BREAKS: Final = ("break-one-stage-back", "break-ramp-again")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """One step of the ramp; `is_current` is the one she is in."""

    stage: PlanStage
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A suggestion with the numbers to fill in.

    Attributes
    ----------
    suggestion : Suggestion
    now_kg, new_kg : float or None
        Load that was lifted or else is asked, and that of the step; None where there is no step, or no load.
    now_cm : float or None
        Drop height that is asked.
    answered : AskedFrom or None
        What was decided on it since her last session; it waits for no answer then.
    """

    suggestion: Suggestion
    now_kg: float | None
    new_kg: float | None
    now_cm: float | None
    answered: AskedFrom | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One thing that speaks against a change.

    Attributes
    ----------
    rule : str
        Its key, for programs.
    sentence : str
    flag : Flag or None
        The amber one that stays if the change is made all the same.
    """

    rule: str
    sentence: str
    flag: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RampMove:
    """One stage that she could go to.

    Attributes
    ----------
    stage : PlanStage
        Where to.
    way : {"on", "back"}
        Towards the full prescription, or away from it.
    rule : Flag or None
        The rule that asks for it: after a break.
    against : tuple of str
        What speaks against it; then it needs a reason.
    """

    stage: PlanStage
    way: Literal["on", "back"]
    rule: Flag | None
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPage:
    """Everything the page of a plan says.

    Attributes
    ----------
    person_id, tz : str
        Pseudonym, and the zone of her days.
    asked : AskedFrom or None
        What is asked today; None without a plan.
    week : WeekPrescription or None
        What a whole week asks for.
    stages : tuple of StageLine
        The ramp.
    suggestions : tuple of Suggestion
        One for each lift of her stage, and for the landings.
    cards : tuple of Card
        The same with their numbers.
    moves : tuple of RampMove
        Stages that she could go to.
    raised : str or None
        What went up this week: everything else holds.
    locked : str or None
        Why nothing is suggested.
    history : tuple of AskedFrom
        The newest first, with who decided and why.
    changed : tuple of str
        What each of them changed, in words; empty where nothing.
    """

    person_id: str
    tz: str
    asked: AskedFrom | None
    week: WeekPrescription | None
    stages: tuple[StageLine, ...]
    suggestions: tuple[Suggestion, ...]
    cards: tuple[Card, ...]
    moves: tuple[RampMove, ...]
    raised: str | None
    locked: str | None
    history: tuple[AskedFrom, ...]
    changed: tuple[str, ...]


def plan_page(person: PersonFacts, *, today: date, limits: Limits) -> PlanPage:
    """The plan of a person on a day."""
    asked = person.asked_on(today) or (person.asked[-1] if person.asked else None)
    locked = lock_of(person, today=today, limits=limits)
    stages = tuple(StageLine(stage=one, is_current=one == asked.stage) for one in asked.plan.stages) if asked else ()
    suggested = () if asked is None or locked else suggestions(person, asked, today=today, limits=limits)
    return PlanPage(
        person_id=person.id,
        tz=person.tz,
        asked=asked,
        week=asked.week if asked else None,
        stages=stages,
        suggestions=suggested,
        cards=tuple(_card(one, person, asked, limits) for one in suggested) if asked else (),
        moves=ramp_moves(person, asked, today=today, limits=limits) if asked else (),
        raised=raised_this_week(person, today=today),
        locked=locked,
        history=tuple(reversed(person.asked)),
        changed=tuple(
            changed(before, after) for before, after in reversed(list(pairwise((None, *person.asked)))) if after
        ),
    )


def changed(before: AskedFrom | None, after: AskedFrom) -> str:
    """What a decision changed against the one before it: "back squat 40 to 42 kg"."""
    if before is None:
        return f"{after.plan.name}, {after.stage.name}"
    told = []
    for name, old, new in (("plan", before.plan.name, after.plan.name), ("stage", before.stage.name, after.stage.name)):
        if old != new:
            told.append(f"{name} {old} to {new}")
    numbers = [
        ("landings", before.landings, after.landings, ""),
        ("sessions a week", before.sessions_per_week, after.sessions_per_week, ""),
        ("at least", before.min_net_g, after.min_net_g, " g net"),
        ("ceiling", before.ceiling_net_g, after.ceiling_net_g, " g net"),
        ("drop height", before.drop_height_cm, after.drop_height_cm, " cm"),
    ]
    numbers += [
        (exercise.replace("_", " "), before.loads_kg.get(exercise), after.loads_kg.get(exercise), " kg")
        for exercise in dict.fromkeys([*before.loads_kg, *after.loads_kg])
    ]
    told += [f"{name} {_number(old)} to {_number(new)}{unit}" for name, old, new, unit in numbers if old != new]
    return ", ".join(told)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


# -- suggestions


def suggestions(person: PersonFacts, asked: AskedFrom, *, today: date, limits: Limits) -> tuple[Suggestion, ...]:
    """What could come next for each lift and for the landings; one variable at a time (decision 13)."""
    raised = raised_this_week(person, today=today)
    exercises = [lift.exercise for lift in asked.stage.lifts] + ([LANDINGS] if asked.landings else [])
    found = []
    for exercise in exercises:
        sessions = exercise_sessions(person, asked, exercise)
        one = suggest(exercise, sessions, max_rpe=dict(asked.plan.max_rpe), rules=limits.rules, raised_this_week=raised)
        found.append(_unless_asked(one, asked, sessions, limits))
    return tuple(found)


def _unless_asked(
    one: Suggestion, asked: AskedFrom, sessions: tuple[ExerciseSession, ...], limits: Limits
) -> Suggestion:
    """Hold a step that is asked for already and was not done yet."""
    if one.action != "step up":
        return one
    new_kg = next_load_kg(sessions, limits)
    waits = ""
    if one.exercise == LANDINGS:
        done_cm = sessions[-1].drop_height_cm
        if asked.drop_height_cm and done_cm and asked.drop_height_cm > done_cm:
            waits = f"{asked.drop_height_cm:g} cm are asked and not done yet"
    elif new_kg is not None and asked.loads_kg.get(one.exercise, 0.0) >= new_kg - 1e-9:
        waits = f"{asked.loads_kg[one.exercise]:g} kg are asked and not lifted yet"
    return replace(one, action="hold", change="", data=(waits,)) if waits else one


def next_load_kg(sessions: tuple[ExerciseSession, ...], limits: Limits) -> float | None:
    """The last load and one step of it; None where no load is known."""
    load_kg = sessions[-1].load_kg if sessions else None
    if load_kg is None:
        return None
    return load_kg + suggested_step_kg(load_kg, rules=limits.rules)


def _card(one: Suggestion, person: PersonFacts, asked: AskedFrom, limits: Limits) -> Card:
    sessions = exercise_sessions(person, asked, one.exercise)
    is_lift = one.exercise != LANDINGS
    lifted = sessions[-1].load_kg if sessions and is_lift else None
    steps = one.action == "step up" and is_lift
    return Card(
        suggestion=one,
        now_kg=(lifted or asked.loads_kg.get(one.exercise)) if is_lift else None,
        new_kg=next_load_kg(sessions, limits) if steps else None,
        now_cm=None if is_lift else asked.drop_height_cm,
        answered=_answer(person, one.exercise),
    )


def _answer(person: PersonFacts, exercise: str) -> AskedFrom | None:
    """The latest decision on an exercise, where no session has come since."""
    last = next((one for one in reversed(person.asked) if one.about == exercise), None)
    return last if last is not None and (person.last_day is None or last.from_day >= person.last_day) else None


def raised_this_week(person: PersonFacts, *, today: date) -> str | None:
    """What the prescription has already raised this week: "load", "height", "count" or "stage"."""
    monday = monday_of(today)
    before, after = person.asked_on(monday - timedelta(days=1)), person.asked_on(today)
    if before is None or after is None or before is after:
        return None
    known = lifted_before(person, monday) | dict(before.loads_kg)
    if any(kg > known.get(exercise, kg) for exercise, kg in after.loads_kg.items()):
        return "load"
    if before.drop_height_cm and after.drop_height_cm and after.drop_height_cm > before.drop_height_cm:
        return "height"
    if before.landings and after.landings and after.landings > before.landings:
        return "count"
    same = before.plan.name == after.plan.name
    return "stage" if same and stage_index(after) > stage_index(before) else None


def lifted_before(person: PersonFacts, day: date) -> dict[str, float]:
    """Latest load of each lift before a day, kg."""
    return {
        row.exercise: row.load_kg
        for one in person.sessions
        if one.day < day
        for row in one.rows
        if row.load_kg is not None
    }


def stage_index(asked: AskedFrom) -> int:
    """How far along the ramp a prescription is."""
    return [one.name for one in asked.plan.stages].index(asked.stage.name)


def exercise_sessions(person: PersonFacts, asked: AskedFrom, exercise: str) -> tuple[ExerciseSession, ...]:
    """Her sessions under this prescription's stage, for one exercise, in order of time."""
    under = [one for one in person.sessions if (then := person.asked_on(one.day)) and then.stage == asked.stage]
    return tuple(_exercise_session(one, person, exercise) for one in under)


def _exercise_session(session: DoneSession, person: PersonFacts, exercise: str) -> ExerciseSession:
    row = next((one for one in session.rows if one.exercise == exercise), None)
    asked = person.asked_on(session.day)
    load_kg = row.load_kg if row and row.load_kg is not None else (asked.loads_kg.get(exercise) if asked else None)
    return ExerciseSession(
        day=session.day,
        met=row.met if row else None,
        load_kg=None if exercise == LANDINGS else load_kg,
        drop_height_cm=asked.drop_height_cm if asked and exercise == LANDINGS else None,
        rpe=session.rpe,
        rpe_scale=cast(Literal["borg", "0-10"] | None, session.rpe_scale),
        flags=tuple(_flag(flag) for flag in session.flags),
    )


def _flag(flag: FlagFacts) -> Flag:
    severity = cast(Literal["red", "amber", "note"], flag.severity)
    return Flag(rule=flag.rule, severity=severity, sentence=flag.sentence, source=flag.source)


# -- the ramp


def ramp_moves(person: PersonFacts, asked: AskedFrom, *, today: date, limits: Limits) -> tuple[RampMove, ...]:
    """The next stage, one back, and the one that a break asks for."""
    here, stages = stage_index(asked), asked.plan.stages
    after_break = break_rule(person, asked, today=today, limits=limits)
    moves = []
    if after_break is not None:
        target = 0 if after_break.rule == "break-ramp-again" else here - 1
        moves.append(RampMove(stage=stages[target], way="back", rule=after_break, against=()))
    elif here > 0:
        moves.append(RampMove(stage=stages[here - 1], way="back", rule=None, against=()))
    if here + 1 < len(stages):
        against = against_next_stage(person, asked, today=today, limits=limits)
        told = tuple(one.sentence for one in against)
        moves.append(RampMove(stage=stages[here + 1], way="on", rule=None, against=told))
    return tuple(moves)


def break_rule(person: PersonFacts, asked: AskedFrom, *, today: date, limits: Limits) -> Flag | None:
    """The rule that asks for an earlier stage after a break; None once she is there, or in the first one."""
    if person.last_day is None or stage_index(asked) == 0:
        return None
    since = history_flags(
        datetime.combine(today, time()), datetime.combine(person.last_day, time()), rules=limits.rules
    )
    fired = next((flag for flag in since if flag.rule in _BREAKS), None)
    then = person.asked_on(person.last_day)
    if fired is None or then is None or then.plan.name != asked.plan.name:
        return fired
    target = 0 if fired.rule == "break-ramp-again" else max(0, stage_index(then) - 1)
    return fired if stage_index(asked) > target else None


def against_next_stage(person: PersonFacts, asked: AskedFrom, *, today: date, limits: Limits) -> tuple[Objection, ...]:
    """What speaks against the next stage: a lock, a break, a row that is not at target, or another step this week."""
    found = []
    if locked := lock_of(person, today=today, limits=limits):
        found.append(Objection(rule="locked", sentence=locked))
    if after_break := break_rule(person, asked, today=today, limits=limits):
        found.append(Objection(rule=after_break.rule, sentence=after_break.sentence))
    if raised := raised_this_week(person, today=today):
        found.append(Objection(rule="one-step-a-week", sentence=f"{raised} goes up this week: one at a time"))
    held = [one for one in suggestions(person, asked, today=today, limits=limits) if one.action != "step up"]
    for (rule, data), same in groupby(held, key=lambda one: (one.rule, one.data)):
        exercises = ", ".join(one.exercise.replace("_", " ") for one in same)
        found.append(Objection(rule=rule, sentence=f"{exercises}: {', '.join(data)}"))
    return tuple({one.sentence: one for one in reversed(found)}.values())[::-1]
