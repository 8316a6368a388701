"""What speaks against a change of a plan: said before it is saved, and kept with the reason it was saved for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from loadsense.protocol.weeks import Step, step_flags
from loadsense.results import Flag
from loadsense.review.facts import AskedFrom, PersonFacts
from loadsense.review.planning import (
    LANDINGS,
    Objection,
    against_next_stage,
    changed,
    lifted_before,
    stage_index,
    suggestions,
)
from loadsense.review.weeks import Limits, monday_of

_ORDER: Final = "order-of-the-ramp"


def objections(person: PersonFacts, after: AskedFrom, *, today: date, limits: Limits) -> tuple[Objection, ...]:
    """What speaks against asking something of a person.

    Parameters
    ----------
    person : PersonFacts
        With what is asked of her now.
    after : AskedFrom
        What would be asked.
    today : date
        Local day.
    limits : Limits
        `one-step-a-week` and the rules of progression are read.
    """
    before = person.asked_on(today) or (person.asked[-1] if person.asked else None)
    if before is not None and not changed(before, after):
        return ()
    found = [*_against_stage(person, before, after, today=today, limits=limits), *_against_ceiling(before, after)]
    if before is not None and before.stage == after.stage:
        found += _against_holds(person, before, after, today=today, limits=limits)
    flags = _steps(person, after, limits)
    return (*(Objection(rule=flag.rule, sentence=flag.sentence, flag=flag) for flag in flags), *found)


def _steps(person: PersonFacts, after: AskedFrom, limits: Limits) -> tuple[Flag, ...]:
    """Against what was asked, or lifted, before the week of the change."""
    monday = monday_of(after.from_day)
    before = person.asked_on(monday - timedelta(days=1))
    if before is None:
        return ()
    known = dict(before.loads_kg) | lifted_before(person, monday)
    return step_flags(_step(before, known), _step(after, after.loads_kg), rules=limits.rules)


def _step(asked: AskedFrom, loads_kg: Mapping[str, float]) -> Step:
    return Step(loads_kg=loads_kg, drop_height_cm=asked.drop_height_cm, landings=asked.landings)


def _against_stage(
    person: PersonFacts, before: AskedFrom | None, after: AskedFrom, *, today: date, limits: Limits
) -> list[Objection]:
    first, to = after.plan.stages[0].name, stage_index(after)
    if before is None or before.plan.name != after.plan.name:
        same_name = before is not None and before.stage.name == after.stage.name
        told = f"the ramp of {after.plan.name} begins with {first}, not with {after.stage.name}"
        return [Objection(rule=_ORDER, sentence=told)] if to > 0 and not same_name else []
    here = stage_index(before)
    if to <= here:
        return []
    skipped = [one.name for one in after.plan.stages[here + 1 : to]]
    first_through = f"the ramp goes through {', '.join(skipped)} first"
    order = [Objection(rule=_ORDER, sentence=first_through)] if skipped else []
    return [*order, *against_next_stage(person, before, today=today, limits=limits)]


def _against_holds(
    person: PersonFacts, before: AskedFrom, after: AskedFrom, *, today: date, limits: Limits
) -> list[Objection]:
    """A step up of what the rule holds is an override."""
    risen = {name for name, kg in after.loads_kg.items() if kg > before.loads_kg.get(name, kg)}
    if (after.drop_height_cm or 0) > (before.drop_height_cm or after.drop_height_cm or 0):
        risen.add(LANDINGS)
    if (after.landings or 0) > (before.landings or after.landings or 0):
        risen.add(LANDINGS)
    return [
        Objection(rule=one.rule, sentence=one.sentence.replace("_", " "))
        for one in suggestions(person, before, today=today, limits=limits)
        if one.exercise in risen and one.action != "step up"
    ]


def _against_ceiling(before: AskedFrom | None, after: AskedFrom) -> list[Objection]:
    """A ceiling is a limit: one above the stage's own is a decision with a reason."""
    own, limit = after.ceiling_net_g, after.stage.ceiling_net_g
    if own is None or limit is None or own <= limit:
        return []
    if before is not None and before.stage == after.stage and before.ceiling_net_g == own:
        return []
    told = f"a ceiling of {own:g} g net is above the {limit:g} g of {after.stage.name}"
    return [Objection(rule="ceiling-of-the-stage", sentence=told)]
