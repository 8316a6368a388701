"""The person: is it working?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from loadsense.review import reading
from loadsense.review.charts import TimeAxis, density_chart, dose_chart, line_chart
from loadsense.review.person import PersonPage, person_page
from loadsense.web.context import Dashboard, dashboard, page

router = APIRouter(include_in_schema=False)

PersonId = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]
Weeks = Annotated[int, Query(ge=4, le=52)]


@router.get("/people/{person_id}", name="person")
def person(request: Request, person_id: PersonId, weeks: Weeks = 12) -> Response:
    """Her weeks, lifts, bone density, flags and sessions."""
    shown = person_of(dashboard(request), person_id, weeks)
    landings = dose_chart(shown.landings, markers=shown.markers)
    return page(
        request,
        "person.html.j2",
        person=shown,
        n_weeks=weeks,
        landings=landings,
        lifting=dose_chart(shown.lifting, markers=shown.markers),
        density=density_chart(shown.dxa, TimeAxis.of(shown.landings), markers=landings.markers),
        lifts=[(one, line_chart(one.points)) for one in shown.lifts],
    )


def person_of(shown: Dashboard, person_id: str, n_weeks: int) -> PersonPage:
    """The page object; 404 where nobody has this pseudonym."""
    with shown.store.reading() as db:
        facts = reading.person_facts(db, person_id, at=shown.now())
    if facts is None:
        raise HTTPException(404)
    today = reading.today_of(facts.group, shown.now())
    return person_page(facts, today=today, n_weeks=n_weeks, limits=shown.week_limits)
