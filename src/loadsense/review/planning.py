"""The plan's page: what next, and why? The prescription with its ramp, and suggestions that explain themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, cast

from loadsense.prescriptions import PlanStage
from loadsense.protocol.weeks import ExerciseSession, Suggestion, suggest
from loadsense.results import Flag
from loadsense.review.facts import AskedFrom, DoneSession, FlagFacts, PersonFacts
from loadsense.review.person import lock_of
from loadsense.review.weeks import Limits, monday_of

LANDINGS = "landings"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """One step of the ramp; `is_current` is the one she is in."""

    stage: PlanStage
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPage:
    """Everything the page of a plan says.

    Attributes
    ----------
    person_id : str
        Pseudonym.
    asked : AskedFrom or None
        What is asked today; None without a plan.
    stages : tuple of StageLine
        The ramp.
    suggestions : tuple of Suggestion
        One for each lift of her stage, and for the landings.
    locked : str or None
        Why nothing is suggested.
    history : tuple of AskedFrom
        The newest first, with who decided and why.
    """

    person_id: str
    asked: AskedFrom | None
    stages: tuple[StageLine, ...]
    suggestions: tuple[Suggestion, ...]
    locked: str | None
    history: tuple[AskedFrom, ...]


def plan_page(person: PersonFacts, *, today: date, limits: Limits) -> PlanPage:
    """The plan of a person on a day."""
    asked = person.asked_on(today) or (person.asked[-1] if person.asked else None)
    locked = lock_of(person, today=today, limits=limits)
    stages = tuple(StageLine(stage=one, is_current=one == asked.stage) for one in asked.plan.stages) if asked else ()
    return PlanPage(
        person_id=person.id,
        asked=asked,
        stages=stages,
        suggestions=() if asked is None or locked else suggestions(person, asked, today=today, limits=limits),
        locked=locked,
        history=tuple(reversed(person.asked)),
    )


def suggestions(person: PersonFacts, asked: AskedFrom, *, today: date, limits: Limits) -> tuple[Suggestion, ...]:
    """What could come next for each lift and for the landings; one variable at a time (decision 13)."""
    raised = raised_this_week(person, today=today)
    exercises = [lift.exercise for lift in asked.stage.lifts] + ([LANDINGS] if asked.landings else [])
    return tuple(
        suggest(
            exercise,
            exercise_sessions(person, asked, exercise),
            max_rpe=dict(asked.plan.max_rpe),
            rules=limits.rules,
            raised_this_week=raised,
        )
        for exercise in exercises
    )


def raised_this_week(person: PersonFacts, *, today: date) -> str | None:
    """The variable ("load", "height" or "count") that the prescription has already raised this week."""
    monday = monday_of(today)
    before, after = person.asked_on(monday - timedelta(days=1)), person.asked_on(today)
    if before is None or after is None or before is after:
        return None
    if any(kg > before.loads_kg.get(exercise, kg) for exercise, kg in after.loads_kg.items()):
        return "load"
    if before.drop_height_cm and after.drop_height_cm and after.drop_height_cm > before.drop_height_cm:
        return "height"
    return "count" if before.landings and after.landings and after.landings > before.landings else None


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
