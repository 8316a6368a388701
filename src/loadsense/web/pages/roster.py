"""The roster: who needs me?"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from loadsense.review import reading
from loadsense.review.roster import RosterPage
from loadsense.web.context import Dashboard, dashboard, page

router = APIRouter(include_in_schema=False)


@router.get("/roster", name="roster")
def roster(request: Request, week: str | None = None, group: str | None = None) -> Response:
    """One line for each person."""
    return page(request, "roster.html.j2", roster=roster_of(dashboard(request), week, group), group=group or "")


def roster_of(shown: Dashboard, week: str | None, group: str | None) -> RosterPage:
    """The roster of an ISO week ("2026-W47"), or of the one to open with.

    Raises
    ------
    OptionError
        The week is not one.
    """
    with shown.store.reading() as db:
        return reading.roster_of_week(db, week, group, today=shown.today(), limits=shown.week_limits)
