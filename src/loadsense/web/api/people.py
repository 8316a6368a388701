"""People, groups, weeks, flags and screening, as their pages have them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Query, Request
from starlette.responses import FileResponse, Response

from loadsense.review import reading
from loadsense.review.facts import PersonFacts
from loadsense.review.lists import FlagList, SessionList, flag_list, session_list
from loadsense.review.people import PeoplePage
from loadsense.review.person import PersonPage
from loadsense.review.record import RecordPage
from loadsense.review.roster import RosterPage
from loadsense.review.screened import ScreeningSummary
from loadsense.store import flags
from loadsense.store.tables import FlagRow
from loadsense.web.api.answers import PREFIX, Before, Key, Limit, PersonId, problems
from loadsense.web.context import Dashboard, dashboard, visitor
from loadsense.web.forms import AcknowledgeForm, ClearForm
from loadsense.web.pages.people import people_of
from loadsense.web.pages.person import Weeks, person_of
from loadsense.web.pages.record import record_of
from loadsense.web.pages.reports import export_person
from loadsense.web.pages.roster import roster_of

router = APIRouter(prefix=PREFIX, tags=["people"], responses=problems())

Week = Annotated[str | None, Query(max_length=10, description="ISO week, 2026-W47; the one to open with for none")]
GroupName = Annotated[str | None, Query(max_length=60, description="name of a group; everybody for none")]


@router.get("/people", name="api_people")
def people(request: Request) -> PeoplePage:
    """Everybody and every group."""
    return people_of(dashboard(request))


@router.get("/roster", name="api_roster")
def roster(request: Request, week: Week = None, group: GroupName = None) -> RosterPage:
    """One line for each person: her week against plan, with status and reason."""
    return roster_of(dashboard(request), week, group)


@router.get("/people/{person_id}", name="api_person")
def person(request: Request, person_id: PersonId, weeks: Weeks = 12) -> PersonPage:
    """Her latest weeks, lifts, bone density, screening, flags and sessions."""
    return person_of(dashboard(request), person_id, weeks)


@router.get("/people/{person_id}/record", name="api_record")
def record(request: Request, person_id: PersonId) -> RecordPage:
    """All that was said of her, by whom and when."""
    return record_of(dashboard(request), person_id, just_said="")


@router.get("/people/{person_id}/screening", name="api_screening")
def screening(request: Request, person_id: PersonId) -> ScreeningSummary:
    """Where her screening stands today, and what it locks."""
    return person_of(dashboard(request), person_id, 4).screening


@router.get("/people/{person_id}/sessions", name="api_sessions")
def sessions(request: Request, person_id: PersonId, before: Before = None, limit: Limit = 50) -> SessionList:
    """Her sessions with their doses, the newest first."""
    return session_list(_facts(dashboard(request), person_id).sessions, before=before, limit=limit)


@router.get("/people/{person_id}/flags", name="api_flags")
def her_flags(
    request: Request, person_id: PersonId, before: Before = None, limit: Limit = 50, open_only: bool = False
) -> FlagList:
    """Safety rules that fired, and what was done about them."""
    found = _facts(dashboard(request), person_id).flags
    shown = [one for one in found if one.is_open or not open_only]
    return flag_list(shown, before=before, limit=limit)


@router.post("/people/{person_id}/flags/{flag_id}/acknowledge", name="api_acknowledge", responses=problems(writes=True))
def acknowledge(
    request: Request, person_id: PersonId, flag_id: Key, said: Annotated[AcknowledgeForm, Body()]
) -> PersonPage:
    """Say that an amber flag was seen."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db.get(FlagRow, flag_id), person_id)
        flags.acknowledge(tx, flag_id, said.note, version=said.version)
    return person_of(shown, person_id, 12)


@router.post("/people/{person_id}/flags/{flag_id}/clear", name="api_clear", responses=problems(writes=True))
def clear(request: Request, person_id: PersonId, flag_id: Key, said: Annotated[ClearForm, Body()]) -> PersonPage:
    """Unlock after a red flag, by the name of the clinician and the day."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db.get(FlagRow, flag_id), person_id)
        flags.clear(tx, flag_id, by=said.by, on=said.on, version=said.version)
    return person_of(shown, person_id, 12)


@router.get(
    "/people/{person_id}/export",
    name="api_export",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "a ZIP archive"}},
)
def export(request: Request, person_id: PersonId) -> Response:
    """Everything about her: every row as JSON lines and CSV, summaries, samples and a BIDS dataset, in one archive."""
    _facts(dashboard(request), person_id)
    return export_person(request, person_id)


def _facts(shown: Dashboard, person_id: str) -> PersonFacts:
    with shown.store.reading() as db:
        found = reading.person_facts(db, person_id, at=shown.now())
    if found is None:
        raise HTTPException(404)
    return found


def _hers(row: FlagRow | None, person_id: str) -> None:
    """404 for a flag of somebody else."""
    if row is None or row.person_id != person_id:
        raise HTTPException(404)
