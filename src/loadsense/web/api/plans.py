"""The plan: what is asked, what is suggested and by which rule, and what was decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from loadsense.review.planning import PlanPage
from loadsense.web.api.answers import PREFIX, PersonId, Problem, problems
from loadsense.web.context import dashboard
from loadsense.web.forms import DecisionForm, PlanForm, StageForm
from loadsense.web.pages import plan as pages
from loadsense.web.pages.plan import ObjectedError, plan_of

router = APIRouter(prefix=PREFIX, tags=["plan"], responses=problems())


class ObjectionAnswer(BaseModel):
    """One thing that speaks against a change: the key of its rule, and why; an amber one stays as a flag."""

    rule: str
    sentence: str
    is_amber: bool


class PlanProblem(Problem):
    """Why not; with `objections`, the same again with `confirmed` and a reason is taken."""

    objections: list[ObjectionAnswer] = Field(default_factory=list)


_WRITES: Final = problems(writes=True) | {
    409: {
        "model": PlanProblem,
        "description": "somebody decided in the meantime, or something speaks against it (`objections`)",
    }
}


@router.get("/people/{person_id}/plan", name="api_plan")
def plan(request: Request, person_id: PersonId) -> PlanPage:
    """Prescription, ramp, suggestions with the rule and the data that fired it, and the history of decisions."""
    return plan_of(dashboard(request), person_id)


@router.post("/people/{person_id}/plan", name="api_prescribe", responses=_WRITES, response_model=PlanPage)
def prescribe(request: Request, person_id: PersonId, said: Annotated[PlanForm, Body()]) -> PlanPage | Response:
    """Ask something else of her from a day on."""
    return _decided(request, person_id, lambda: pages.make_prescription(request, person_id, said))


@router.post("/people/{person_id}/plan/decisions", name="api_decide", responses=_WRITES, response_model=PlanPage)
def decide(request: Request, person_id: PersonId, said: Annotated[DecisionForm, Body()]) -> PlanPage | Response:
    """Accept a suggestion with the new load or height, or keep what is asked, with a reason."""
    return _decided(request, person_id, lambda: pages.make_decision(request, person_id, said))


@router.post("/people/{person_id}/plan/stage", name="api_stage", responses=_WRITES, response_model=PlanPage)
def stage(request: Request, person_id: PersonId, said: Annotated[StageForm, Body()]) -> PlanPage | Response:
    """Another stage of the ramp."""
    return _decided(request, person_id, lambda: pages.make_move(request, person_id, said))


def _decided(request: Request, person_id: str, make: Callable[[], None]) -> PlanPage | Response:
    """The plan as it is now; where something speaks against the change, what it is."""
    try:
        make()
    except ObjectedError as objected:
        against = [
            ObjectionAnswer(rule=one.rule, sentence=one.sentence, is_amber=one.flag is not None)
            for one in objected.against
        ]
        found = PlanProblem(detail=str(objected), objections=against)
        return JSONResponse(found.model_dump(), status_code=409)
    return plan_of(dashboard(request), person_id)
