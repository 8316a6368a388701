"""The roster: who needs me?"""

from __future__ import annotations

from datetime import date, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from loadsense.errors import OptionError
from loadsense.review import reading
from loadsense.review.roster import RosterPage, roster_page, shown_monday
from loadsense.review.weeks import monday_of
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
    today = shown.today()
    monday = monday_of(today) if week is None else monday_of_label(week)
    with shown.store.reading() as db:
        groups = tuple(one.name for one in reading.group_facts(db))
        people = reading.roster_facts(db, monday=monday, sunday=monday + timedelta(days=6), group=group)
        if week is None and (first := shown_monday(people, today=today)) != monday:
            monday = first
            people = reading.roster_facts(db, monday=monday, sunday=monday + timedelta(days=6), group=group)
    return roster_page(people, monday=monday, today=today, limits=shown.week_limits, groups=groups)


def monday_of_label(week: str) -> date:
    """Monday of "2026-W47".

    Raises
    ------
    OptionError
        Not an ISO week.

    Examples
    --------
    >>> monday_of_label("2026-W47").isoformat()
    '2026-11-16'
    """
    try:
        return date.fromisoformat(f"{week}-1")
    except ValueError:
        raise OptionError(f"'{week[:20]}' is not a week: write year and ISO week, for instance 2026-W47") from None
