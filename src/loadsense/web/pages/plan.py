"""The plan: what next, and why? The coach decides, and her decision is kept with its reason.

What speaks against a change is shown before anything is saved; saving it all the same takes a reason, and the amber
flags that fired are kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy.orm import Session as Reading
from starlette.responses import Response

from loadsense.errors import Conflict, OptionError, unknown_name
from loadsense.prescriptions import Plan
from loadsense.protocol.weeks import Suggestion
from loadsense.review import reading
from loadsense.review.facts import PersonFacts
from loadsense.review.objections import objections
from loadsense.review.planning import LANDINGS, Objection, PlanPage, plan_page
from loadsense.store import flags, prescribing
from loadsense.store.opening import Writing
from loadsense.store.prescribing import Asked, Decision
from loadsense.store.tables import FlagRow
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import ClearForm, DecisionForm, PlanForm, StageForm
from loadsense.web.pages.people import not_in_the_future
from loadsense.web.pages.person import PersonId

router = APIRouter(include_in_schema=False)

#: What is offered to somebody without a plan.
_FIRST: Final = "hirit"

Reason = Annotated[str, Form(max_length=500)]


@router.get("/people/{person_id}/plan", name="plan")
def plan(request: Request, person_id: PersonId, plan: str | None = None) -> Response:
    """Prescription, ramp, suggestions and what was decided; `plan` is another one to choose a stage of."""
    shown = dashboard(request)
    with shown.store.reading() as db:
        facts, today = _facts(db, shown, person_id)
        found = plan_page(facts, today=today, limits=shown.week_limits)
        row = prescribing.prescription_at(db, person_id, today)
        chosen = prescribing.plan_named(db, plan or (found.asked.plan.name if found.asked else _FIRST))
        return page(
            request,
            "plan.html.j2",
            plan=found,
            today=today,
            own=Asked.of(row) if row else None,
            seen=prescribing.latest_id(db, person_id),
            names=prescribing.plan_names(db),
            chosen=chosen,
            exercises=_exercises(chosen, found),
        )


def _exercises(chosen: Plan, found: PlanPage) -> tuple[str, ...]:
    """Lifts of a plan, and whatever a load is asked of."""
    lifts = [lift.exercise for stage in chosen.stages for lift in stage.lifts]
    return tuple(dict.fromkeys([*lifts, *(found.asked.loads_kg if found.asked else ())]))


def plan_of(shown: Dashboard, person_id: str) -> PlanPage:
    """The page object; 404 where nobody has this pseudonym."""
    with shown.store.reading() as db:
        facts, today = _facts(db, shown, person_id)
    return plan_page(facts, today=today, limits=shown.week_limits)


def _facts(db: Reading, shown: Dashboard, person_id: str) -> tuple[PersonFacts, date]:
    facts = reading.person_facts(db, person_id, at=shown.now())
    if facts is None:
        raise HTTPException(404)
    return facts, reading.today_of(facts.group, shown.now())


# -- changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that somebody wants: what would be asked, the answer it gives, and the form that it came with."""

    asked: Asked
    form: PlanForm | DecisionForm | StageForm
    action: str
    answer: Decision | None = None


class ObjectedError(Conflict):
    """Something speaks against a change, and nobody has confirmed it with a reason; nothing was changed.

    Parameters
    ----------
    change : Change
    against : tuple of Objection
    """

    def __init__(self, change: Change, against: tuple[Objection, ...]) -> None:
        super().__init__(
            "something speaks against this, so nothing was changed: look at the objections, then send it again with "
            '"confirmed": true and a reason'
        )
        self.change, self.against = change, against


@router.post("/people/{person_id}/plan", name="prescribe")
def prescribe(request: Request, person_id: PersonId, said: Annotated[PlanForm, Form()]) -> Response:
    """Ask something else of her from a day on."""
    return _shown_or_made(request, person_id, lambda: make_prescription(request, person_id, said))


@router.post("/people/{person_id}/plan/decisions", name="decide")
def decide(request: Request, person_id: PersonId, said: Annotated[DecisionForm, Form()]) -> Response:
    """Accept a suggestion, with the load or height that the coach typed, or keep what is asked, with a reason."""
    return _shown_or_made(request, person_id, lambda: make_decision(request, person_id, said))


@router.post("/people/{person_id}/plan/stage", name="move_stage")
def move_stage(request: Request, person_id: PersonId, said: Annotated[StageForm, Form()]) -> Response:
    """Go to the next stage, or back; the band of the new stage holds."""
    return _shown_or_made(request, person_id, lambda: make_move(request, person_id, said))


def _shown_or_made(request: Request, person_id: str, make: Callable[[], None]) -> Response:
    """Make a change and go back to the plan, or show what speaks against it."""
    try:
        make()
    except ObjectedError as objected:
        form = objected.change.form
        return page(
            request,
            "plan_confirm.html.j2",
            person_id=person_id,
            against=objected.against,
            action=objected.change.action,
            fields=_fields(form),
            reason=form.reason,
            missing=form.confirmed,
        )
    return go_to(f"/people/{person_id}/plan")


def make_prescription(request: Request, person_id: str, said: PlanForm) -> None:
    """Ask something else; raises as `make_decision` does."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        facts, today = _facts(tx.db, shown, person_id)
        now = prescribing.prescription_at(tx.db, person_id, said.from_day)
        loads = dict(now.loads_kg) if now else {}
        change = Change(asked=said.asked(loads), form=said, action=f"/people/{person_id}/plan")
        _make(tx, shown, facts, change, today)


def make_decision(request: Request, person_id: str, said: DecisionForm) -> None:
    """Follow or keep a suggestion.

    Raises
    ------
    ObjectedError
        Something speaks against it, and it was not confirmed with a reason.
    Conflict
        Somebody decided since the page was opened.
    OptionError
        Nothing is suggested, or the answer cannot be.
    """
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        facts, today = _facts(tx.db, shown, person_id)
        _check_seen(tx, facts, said.seen)
        found = plan_page(facts, today=today, limits=shown.week_limits)
        one = next((one for one in found.suggestions if one.exercise == said.exercise), None)
        if one is None:
            raise OptionError(
                f"nothing is suggested for {said.exercise} any more: reload the plan, somebody may have decided"
            )
        answer = Decision(suggestion=_kept(one), decision=said.decision, reason=said.reason, from_day=today)
        now = _asked_now(tx.db, person_id, today)
        asked = _followed(now, one, said) if said.decision == "accepted" else now
        action = f"/people/{person_id}/plan/decisions"
        _make(tx, shown, facts, Change(asked=asked, form=said, action=action, answer=answer), today)


def make_move(request: Request, person_id: str, said: StageForm) -> None:
    """Go to another stage; raises as `make_decision` does."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        facts, today = _facts(tx.db, shown, person_id)
        _check_seen(tx, facts, said.seen)
        moves = plan_page(facts, today=today, limits=shown.week_limits).moves
        move = next((one for one in moves if one.stage.name == said.stage), None)
        if move is None:
            raise unknown_name("stage to go to", said.stage, [one.stage.name for one in moves])
        now = _asked_now(tx.db, person_id, today)
        asked = replace(now, stage=said.stage, min_net_g=None, ceiling_net_g=None)
        answer = None
        if move.rule is not None:
            shown_rule = {"rule": move.rule.rule, "data": [move.rule.sentence]}
            answer = Decision(suggestion=shown_rule, decision="accepted", reason=said.reason, from_day=today)
        action = f"/people/{person_id}/plan/stage"
        _make(tx, shown, facts, Change(asked=asked, form=said, action=action, answer=answer), today)


def _check_seen(tx: Writing, facts: PersonFacts, seen: int | None) -> None:
    if seen is not None:
        prescribing.check_seen(tx.db, facts.id, seen)


def _make(tx: Writing, shown: Dashboard, facts: PersonFacts, change: Change, today: date) -> None:
    """Write a change against which nothing speaks, or that was confirmed with a reason."""
    _check_seen(tx, facts, change.form.seen)
    against = _against(tx.db, shown, facts, change.asked, today)
    reason = change.form.reason
    if against and not (change.form.confirmed and reason):
        raise ObjectedError(change, against)
    if change.answer is None:
        prescribing.prescribe(tx, facts.id, change.asked, reason=reason)
    else:
        prescribing.decide(tx, facts.id, change.answer, asked=change.asked)
    for row in flags.raise_flags(tx, facts.id, [one.flag for one in against if one.flag is not None]):
        flags.acknowledge(tx, row.id, reason, version=row.version)


def _against(db: Reading, shown: Dashboard, facts: PersonFacts, asked: Asked, today: date) -> tuple[Objection, ...]:
    chosen = prescribing.plan_named(db, asked.plan)
    names = [stage.name for stage in chosen.stages]
    if asked.stage is not None and asked.stage not in names:
        raise unknown_name(f"stage of plan {chosen.name}", asked.stage, names)
    return objections(facts, reading.asked_from(asked, chosen), today=today, limits=shown.week_limits)


def _fields(form: PlanForm | DecisionForm | StageForm) -> list[tuple[str, str]]:
    """What was typed, to be sent again; an unknown number is an empty field."""
    typed: Mapping[str, Any] = form.model_dump(mode="json", exclude={"reason", "confirmed"})
    pairs = [(name, one) for name, value in typed.items() for one in (value if isinstance(value, list) else [value])]
    in_lists = {name for name, value in typed.items() if isinstance(value, list)}
    return [
        (name, "" if value is None else str(value)) for name, value in pairs if value is not None or name in in_lists
    ]


def _kept(suggestion: Suggestion) -> dict[str, object]:
    return {**asdict(suggestion), "data": list(suggestion.data)}


def _asked_now(db: Reading, person_id: str, today: date) -> Asked:
    row = prescribing.prescription_at(db, person_id, today)
    if row is None:
        raise OptionError(f"nothing is prescribed for {person_id} yet: write a plan first")
    return replace(Asked.of(row), from_day=today)


def _followed(now: Asked, suggestion: Suggestion, said: DecisionForm) -> Asked:
    """What is asked once the suggestion is followed.

    Raises
    ------
    OptionError
        A step up without the new load or height, or a step down for one.
    """
    if suggestion.action != "step up":
        return now
    if suggestion.exercise == LANDINGS:
        if not said.drop_height_cm:
            raise OptionError("the new drop height is missing: type it in cm, one step higher than now")
        if now.drop_height_cm and said.drop_height_cm <= now.drop_height_cm:
            raise OptionError(
                f"{said.drop_height_cm:g} cm is no step up from {now.drop_height_cm:g} cm: type the new height, or keep"
            )
        return replace(now, drop_height_cm=said.drop_height_cm)
    if not said.load_kg:
        raise OptionError(f"the new load of {suggestion.exercise} is missing: type it in kg")
    return replace(now, loads_kg={**now.loads_kg, suggestion.exercise: said.load_kg})


# -- flags


@router.post("/people/{person_id}/flags/{flag_id}/acknowledge", name="acknowledge")
def acknowledge(
    request: Request, person_id: PersonId, flag_id: int, version: Annotated[int, Form()], note: Reason = ""
) -> Response:
    """Say that an amber flag was seen."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db, flag_id, person_id)
        flags.acknowledge(tx, flag_id, note, version=version)
    return go_to(f"/people/{person_id}")


@router.post("/people/{person_id}/flags/{flag_id}/clear", name="clear")
def clear(request: Request, person_id: PersonId, flag_id: int, said: Annotated[ClearForm, Form()]) -> Response:
    """Unlock after a red flag, by the name of the clinician and the day."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db, flag_id, person_id)
        not_in_the_future(said.on, _facts(tx.db, dashboard(request), person_id)[1])
        flags.clear(tx, flag_id, by=said.by, on=said.on, version=said.version)
    return go_to(f"/people/{person_id}")


def _hers(db: Reading, flag_id: int, person_id: str) -> None:
    """404 for a flag of somebody else."""
    row = db.get(FlagRow, flag_id)
    if row is None or row.person_id != person_id:
        raise HTTPException(404)
