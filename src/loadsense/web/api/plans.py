"""The plan: what is asked, what is suggested and by which rule, and what was decided."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from loadsense.errors import Conflict
from loadsense.review.planning import PlanPage
from loadsense.web.api.answers import PREFIX, PersonId, problems
from loadsense.web.context import dashboard
from loadsense.web.forms import DecisionForm, PlanForm, StageForm
from loadsense.web.pages import plan as pages
from loadsense.web.pages.plan import plan_of

router = APIRouter(prefix=PREFIX, tags=["plan"], responses=problems())

_SEE_OTHER: Final = 303
OBJECTED: Final = (
    "something speaks against this, so nothing was changed: look at the plan's page, then send it again with "
    '"confirmed": true and a reason'
)


@router.get("/people/{person_id}/plan", name="api_plan")
def plan(request: Request, person_id: PersonId) -> PlanPage:
    """Prescription, ramp, suggestions with the rule and the data that fired it, and the history of decisions."""
    return plan_of(dashboard(request), person_id)


@router.post("/people/{person_id}/plan", name="api_prescribe", responses=problems(writes=True))
def prescribe(request: Request, person_id: PersonId, said: Annotated[PlanForm, Body()]) -> PlanPage:
    """Ask something else of her from a day on."""
    return _decided(request, person_id, pages.prescribe(request, person_id, said))


@router.post("/people/{person_id}/plan/decisions", name="api_decide", responses=problems(writes=True))
def decide(request: Request, person_id: PersonId, said: Annotated[DecisionForm, Body()]) -> PlanPage:
    """Accept a suggestion with the new load or height, or keep what is asked, with a reason."""
    return _decided(request, person_id, pages.decide(request, person_id, said))


@router.post("/people/{person_id}/plan/stage", name="api_stage", responses=problems(writes=True))
def stage(request: Request, person_id: PersonId, said: Annotated[StageForm, Body()]) -> PlanPage:
    """Another stage of the ramp."""
    return _decided(request, person_id, pages.move_stage(request, person_id, said))


def _decided(request: Request, person_id: str, answer: Response) -> PlanPage:
    """The plan as it is now; a page instead of a way back means that something speaks against the change.

    Raises
    ------
    Conflict
        It does, and nobody has confirmed it.
    """
    if answer.status_code != _SEE_OTHER:
        raise Conflict(OBJECTED)
    return plan_of(dashboard(request), person_id)
