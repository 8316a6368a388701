"""The record: what is said of a person is appended with who and when, and what it leads to is shown at once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.orm import Session as Reading
from starlette.responses import Response

from loadsense.errors import OptionError, unknown_name
from loadsense.review import reading, record
from loadsense.review.record import RecordPage, record_page
from loadsense.store import people, wellbeing
from loadsense.store.tables import ContextNote, Group, PainRow, PersonRow, SessionRow
from loadsense.store.wellbeing import ADVERSE_KINDS
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import (
    AdverseForm,
    DxaForm,
    LaterPainForm,
    MassForm,
    NoteForm,
    OneRepMaxForm,
    PainForm,
    ScreeningForm,
    UnlockForm,
)
from loadsense.web.pages.people import not_in_the_future
from loadsense.web.pages.person import PersonId

router = APIRouter(include_in_schema=False)

#: Where pain is asked for; the back by its own words, because new pain there locks.
PAIN_SITES: Final = (
    "lower back",
    "upper back",
    "neck",
    "hip",
    "groin",
    "knee",
    "ankle or foot",
    "shoulder",
    "wrist or hand",
    "chest",
    "other",
)
DXA_SITES: Final = ("lumbar spine", "femoral neck", "total hip", "distal radius")


@router.get("/people/{person_id}/record", name="record")
def record_(request: Request, person_id: PersonId, said: str = "") -> Response:
    """Forms for what is said of her, and all that was."""
    shown = record_of(dashboard(request), person_id, just_said=said)
    return page(
        request,
        "record.html.j2",
        record=shown,
        pain_sites=PAIN_SITES,
        adverse_kinds=ADVERSE_KINDS,
        dxa_sites=DXA_SITES,
    )


def record_of(shown: Dashboard, person_id: str, *, just_said: str = "") -> RecordPage:
    """The page object; 404 where nobody has this pseudonym."""
    with shown.store.reading() as db:
        found = record_page(db, person_id, at=shown.now(), limits=shown.week_limits, just_said=just_said)
    if found is None:
        raise HTTPException(404)
    return found


def _today(db: Reading, shown: Dashboard, person_id: str) -> date:
    """Her local day; 404 where nobody has this pseudonym."""
    row = db.get(PersonRow, person_id)
    if row is None:
        raise HTTPException(404)
    group = db.get(Group, row.group_id) if row.group_id is not None else None
    return shown.now().astimezone(ZoneInfo(group.tz if group else "UTC")).date()


def _told(person_id: str, kind: str, row_id: int) -> Response:
    """Back to the record, which shows what the word led to."""
    return go_to(f"/people/{person_id}/record?said={kind}-{row_id}#said")


def _check_session(db: Reading, person_id: str, session_id: int | None) -> None:
    """Refuse a session of somebody else.

    Raises
    ------
    OptionError
        It is not one of hers.
    """
    row = db.get(SessionRow, session_id) if session_id is not None else None
    if session_id is not None and (row is None or row.person_id != person_id):
        raise OptionError(f"session {session_id} is not one of {person_id}; expected one of her list, or none")


@router.post("/people/{person_id}/record/pain", name="report_pain")
def report_pain(request: Request, person_id: PersonId, said: Annotated[PainForm, Form()]) -> Response:
    """Keep a pain and raise its flags."""
    shown = dashboard(request)
    if said.site == "other" and not said.other_site:
        raise OptionError("the site of the pain is 'other' without a word; say where it hurts")
    if said.site not in PAIN_SITES:
        raise unknown_name("site", said.site, PAIN_SITES)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        not_in_the_future(said.day, _today(tx.db, shown, person_id))
        _check_session(tx.db, person_id, said.session_id)
        row = wellbeing.report_pain(tx, person_id, said.facts())
    return _told(person_id, record.PAIN, row.id)


@router.post("/people/{person_id}/record/pain/{pain_id}", name="add_pain_after_24h")
def add_pain_after_24h(
    request: Request, person_id: PersonId, pain_id: int, said: Annotated[LaterPainForm, Form()]
) -> Response:
    """Fill in the score of the day after."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db, PainRow, pain_id, person_id)
        wellbeing.add_pain_after_24h(tx, pain_id, said.score)
    return _told(person_id, record.LATER_PAIN, pain_id)


@router.post("/people/{person_id}/record/adverse", name="report_adverse")
def report_adverse(request: Request, person_id: PersonId, said: Annotated[AdverseForm, Form()]) -> Response:
    """Keep a fall or another adverse event and raise its flag."""
    shown = dashboard(request)
    if said.kind == "other" and not said.words:
        raise OptionError("the kind is 'other' without a word; say what happened")
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        not_in_the_future(said.day, _today(tx.db, shown, person_id))
        _check_session(tx.db, person_id, said.session_id)
        row = wellbeing.report_adverse(tx, person_id, said.facts())
    return _told(person_id, record.ADVERSE, row.id)


@router.post("/people/{person_id}/record/screening", name="screen")
def screen(request: Request, person_id: PersonId, said: Annotated[ScreeningForm, Form()]) -> Response:
    """Keep the answers of a screening, complete or not."""
    shown = dashboard(request)
    if said.review_date is not None and said.review_date <= said.screened_on:
        raise OptionError(
            f"the review on {said.review_date.isoformat()} is not after the screening of "
            f"{said.screened_on.isoformat()}; expected a later day"
        )
    if said.last_fracture_on is not None and not said.low_trauma_fractures:
        raise OptionError("a date of the last fracture without a number of fractures; say how many there were")
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        today = _today(tx.db, shown, person_id)
        for day in (said.screened_on, said.last_fracture_on or said.screened_on):
            not_in_the_future(day, today)
        row = people.screen(tx, person_id, said.screening())
    return _told(person_id, record.SCREENING, row.id)


@router.post("/people/{person_id}/record/unlock-landings", name="unlock_landings")
def unlock_landings(request: Request, person_id: PersonId, said: Annotated[UnlockForm, Form()]) -> Response:
    """A clinician's word that landings may be done after a fracture: the same answers again, with name and day."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        today = _today(tx.db, shown, person_id)
        not_in_the_future(said.on, today)
        latest = people.screening_at(tx.db, person_id, today + timedelta(days=1))  # what happened today counts too
        if latest is None or latest.ended_by:
            raise OptionError(
                "there is no screening that still holds; expected one to which the clinician's word belongs: screen her"
            )
        row = people.screen(tx, person_id, record.unlocked(latest, by=said.by, on=said.on))
    return _told(person_id, record.SCREENING, row.id)


@router.post("/people/{person_id}/record/one-rm", name="add_one_rm")
def add_one_rm(request: Request, person_id: PersonId, said: Annotated[OneRepMaxForm, Form()]) -> Response:
    """Keep a maximum with its date and method."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        not_in_the_future(said.measured_on, _today(tx.db, shown, person_id))
        facts = reading.person_facts(tx.db, person_id, at=shown.now())
        known = record.exercises_of(facts) if facts else ()
        if said.exercise not in known:
            raise unknown_name("exercise", said.exercise, known)
        row = people.add_one_rm(tx, person_id, said.one_rm())
    return _told(person_id, record.ONE_RM, row.id)


@router.post("/people/{person_id}/record/dxa", name="add_dxa")
def add_dxa(request: Request, person_id: PersonId, said: Annotated[DxaForm, Form()]) -> Response:
    """Keep a bone density result."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        not_in_the_future(said.measured_on, _today(tx.db, shown, person_id))
        row = wellbeing.add_dxa(tx, person_id, said.facts())
    return _told(person_id, record.DXA, row.id)


@router.post("/people/{person_id}/record/notes", name="add_note")
def add_note(request: Request, person_id: PersonId, said: Annotated[NoteForm, Form()]) -> Response:
    """Keep a marker of something that began or ended."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        row = wellbeing.add_note(tx, person_id, said.day, said.words)
    return _told(person_id, record.NOTE, row.id)


@router.post("/people/{person_id}/record/notes/{note_id}/remove", name="remove_note")
def remove_note(request: Request, person_id: PersonId, note_id: int) -> Response:
    """Take a marker away; the audit log keeps that it was there."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        _hers(tx.db, ContextNote, note_id, person_id)
        wellbeing.remove_note(tx, note_id)
    return go_to(f"/people/{person_id}/record#everything")


@router.post("/people/{person_id}/record/body-mass", name="weigh")
def weigh(request: Request, person_id: PersonId, said: Annotated[MassForm, Form()]) -> Response:
    """Another body mass; whoever is late is shown what the other changed."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        people.change(tx, person_id, version=said.version, body_mass_kg=said.body_mass_kg)
    return go_to(f"/people/{person_id}/record#body-mass")


def _hers(db: Reading, kind: type[PainRow] | type[ContextNote], row_id: int, person_id: str) -> None:
    """404 for a row of somebody else."""
    if db.scalar(select(kind.id).where(kind.id == row_id, kind.person_id == person_id)) is None:
        raise HTTPException(404)
