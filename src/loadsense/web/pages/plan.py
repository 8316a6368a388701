"""The plan: what next, and why? The coach decides, and her decision is kept with its reason."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy.orm import Session as Reading
from starlette.responses import Response

from loadsense.errors import OptionError
from loadsense.protocol.weeks import Suggestion
from loadsense.review import reading
from loadsense.review.planning import LANDINGS, PlanPage, plan_page
from loadsense.store import flags, prescribing
from loadsense.store.prescribing import Asked, Decision
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import Number, PlanForm
from loadsense.web.pages.person import PersonId

router = APIRouter(include_in_schema=False)

Reason = Annotated[str, Form(max_length=500)]


@router.get("/people/{person_id}/plan", name="plan")
def plan(request: Request, person_id: PersonId) -> Response:
    """Prescription, ramp, suggestions and what was decided."""
    shown = dashboard(request)
    with shown.store.reading() as db:
        names = prescribing.plan_names(db)
        found, today = _plan_of(db, shown, person_id)
    return page(request, "plan.html.j2", plan=found, names=names, today=today)


def plan_of(shown: Dashboard, person_id: str) -> PlanPage:
    """The page object; 404 where nobody has this pseudonym."""
    with shown.store.reading() as db:
        return _plan_of(db, shown, person_id)[0]


def _plan_of(db: Reading, shown: Dashboard, person_id: str) -> tuple[PlanPage, date]:
    facts = reading.person_facts(db, person_id, at=shown.now())
    if facts is None:
        raise HTTPException(404)
    today = reading.today_of(facts.group, shown.now())
    return plan_page(facts, today=today, limits=shown.week_limits), today


@router.post("/people/{person_id}/plan", name="prescribe")
def prescribe(request: Request, person_id: PersonId, asked: Annotated[PlanForm, Form()]) -> Response:
    """Ask something else of her from a day on."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        now = prescribing.prescription_at(tx.db, person_id, asked.from_day)
        loads = dict(now.loads_kg) if now else {}
        prescribing.prescribe(tx, person_id, asked.asked(loads), reason=asked.reason)
    return go_to(f"/people/{person_id}/plan")


@router.post("/people/{person_id}/plan/decisions", name="decide")
def decide(
    request: Request,
    person_id: PersonId,
    exercise: Annotated[str, Form(max_length=40)],
    decision: Annotated[Literal["accepted", "kept"], Form()],
    reason: Reason = "",
    load_kg: Annotated[Number, Form()] = None,
    drop_height_cm: Annotated[Number, Form()] = None,
) -> Response:
    """Accept a suggestion, with the load or height that the coach typed, or keep what is asked, with a reason."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        found, today = _plan_of(tx.db, shown, person_id)
        suggestion = next((one for one in found.suggestions if one.exercise == exercise), None)
        if suggestion is None:
            raise OptionError(
                f"nothing is suggested for {exercise} any more: reload the plan, somebody may have decided"
            )
        answer = Decision(suggestion=_kept(suggestion), decision=decision, reason=reason, from_day=today)
        asked = None
        if decision == "accepted":
            asked = _changed(tx.db, person_id, suggestion, today, load_kg=load_kg, drop_height_cm=drop_height_cm)
        prescribing.decide(tx, person_id, answer, asked=asked)
    return go_to(f"/people/{person_id}/plan")


def _kept(suggestion: Suggestion) -> dict[str, object]:
    return {**asdict(suggestion), "data": list(suggestion.data)}


def _changed(
    db: Reading,
    person_id: str,
    suggestion: Suggestion,
    today: date,
    *,
    load_kg: float | None,
    drop_height_cm: float | None,
) -> Asked:
    """What is asked once the suggestion is followed.

    Raises
    ------
    OptionError
        A step up without the new load or height.
    """
    row = prescribing.prescription_at(db, person_id, today)
    if row is None:
        raise OptionError(f"nothing is prescribed for {person_id} yet: write a plan first")
    now = Asked.of(row)
    if suggestion.action != "step up":
        return now
    if suggestion.exercise == LANDINGS:
        if not drop_height_cm:
            raise OptionError("the new drop height is missing: type it in cm, one step higher than now")
        return replace(now, drop_height_cm=drop_height_cm)
    if not load_kg:
        raise OptionError(f"the new load of {suggestion.exercise} is missing: type it in kg")
    return replace(now, loads_kg={**now.loads_kg, suggestion.exercise: load_kg})


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
def clear(
    request: Request,
    person_id: PersonId,
    flag_id: int,
    version: Annotated[int, Form()],
    by: Annotated[str, Form(min_length=1, max_length=120)],
    on: Annotated[date, Form()],
) -> Response:
    """Unlock after a red flag, by the name of the clinician and the day."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db, flag_id, person_id)
        flags.clear(tx, flag_id, by=by, on=on, version=version)
    return go_to(f"/people/{person_id}")


def _hers(db: Reading, flag_id: int, person_id: str) -> None:
    """404 for a flag of somebody else."""
    from loadsense.store.tables import FlagRow

    row = db.get(FlagRow, flag_id)
    if row is None or row.person_id != person_id:
        raise HTTPException(404)
