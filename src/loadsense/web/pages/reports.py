"""Paper and files: the weekly report, the clinician letter, and exports. What is typed for a letter is not kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, Response

from loadsense.errors import LoadSenseError
from loadsense.letters import letter_html, letter_pdf, paper, week_html, week_pdf
from loadsense.letters.exporting import as_bids, as_csv, as_json, session_rows
from loadsense.review.letter import SPANS, LetterPage, letter_of
from loadsense.review.people import people_page
from loadsense.store.erasure import export_person as write_person
from loadsense.store.tables import PersonRow
from loadsense.web.context import Dashboard, dashboard, page, templates, visitor
from loadsense.web.forms import ExportForm, LetterForm
from loadsense.web.pages.person import PersonId
from loadsense.web.pages.roster import roster_of

router = APIRouter(include_in_schema=False)

CSS: Final = "/static/paper.css"


@router.get(CSS, name="paper_css")
def paper_css() -> Response:
    """The style of everything on paper."""
    return Response(paper.css(), media_type="text/css")


@router.get("/reports", name="reports")
def reports(request: Request) -> Response:
    """What can be printed or taken out."""
    shown = dashboard(request)
    with shown.store.reading() as db:
        people = people_page(db)
    return page(request, "reports.html.j2", people=people, roster=roster_of(shown, None, None))


# -- the week


@router.get("/reports/week", name="report_week")
def report_week(request: Request, week: str | None = None, group: str | None = None) -> Response:
    """The weekly report of a group, as a page."""
    shown = dashboard(request)
    roster = roster_of(shown, week or None, group or None)
    bar = templates().get_template("week_bar.html.j2").render(roster=roster, group=group or "")
    made_at = _local(shown, shown.tz)
    return HTMLResponse(week_html(roster, made_at=made_at, group=group or "", css_href=CSS, bar=bar))


@router.get("/reports/week.pdf", name="report_week_pdf")
def report_week_pdf(request: Request, week: str | None = None, group: str | None = None) -> Response:
    """The same as a PDF."""
    shown = dashboard(request)
    roster = roster_of(shown, week or None, group or None)
    return _pdf(week_pdf(roster, made_at=_local(shown, shown.tz), group=group or ""), f"week-{roster.week}.pdf")


# -- the letter


@router.get("/people/{person_id}/letter", name="letter_page")
def letter_page_(request: Request, person_id: PersonId) -> Response:
    """The form in which names are typed."""
    return _letter_form(request, person_id, LetterForm())


@router.post("/people/{person_id}/letter", name="letter")
def letter(request: Request, person_id: PersonId, said: Annotated[LetterForm, Form()]) -> Response:
    """The letter as a page or as a PDF, in the answer to the form; or the form again, to change what was typed."""
    shown = dashboard(request)
    made, made_at = _letter_of(shown, person_id, said)
    if said.make == "form":
        return _letter_form(request, person_id, said)
    if said.make == "pdf":
        name = f"letter-{person_id}-{made_at.date().isoformat()}.pdf"
        return _pdf(letter_pdf(made, said.typed(), made_at=made_at), name)
    bar = templates().get_template("letter_bar.html.j2").render(person_id=person_id, said=_fields(said))
    return HTMLResponse(letter_html(made, said.typed(), made_at=made_at, css_href=CSS, bar=bar))


def _letter_of(shown: Dashboard, person_id: str, said: LetterForm) -> tuple[LetterPage, datetime]:
    """The page object, and the local time at which it is so; 404 where nobody has this pseudonym."""
    with shown.store.reading() as db:
        found = letter_of(db, person_id, at=shown.now(), n_weeks=said.weeks, since=said.since)
    if found is None:
        raise HTTPException(404)
    made, group = found
    return made, _local(shown, group.tz if group else shown.tz)


def _letter_form(request: Request, person_id: str, said: LetterForm) -> Response:
    with dashboard(request).store.reading() as db:
        if db.get(PersonRow, person_id) is None:
            raise HTTPException(404)
    return page(request, "letter_form.html.j2", person_id=person_id, said=said, spans=SPANS)


def _fields(said: LetterForm) -> dict[str, str]:
    """What was typed, to be sent once more with the page."""
    values = said.model_dump(exclude={"make"}, exclude_none=True)
    return {name: str(value) for name, value in values.items()}


# -- exports


@router.get("/exports/sessions", name="export_sessions")
def export_sessions(request: Request, said: Annotated[ExportForm, Query()]) -> Response:
    """Sessions of a person or group and some days: a table, JSON, or a BIDS dataset as ZIP."""
    shown, choice = dashboard(request), said.choice()
    name = f"sessions-{choice.person_id or 'group'}-{shown.today().isoformat()}"
    if said.form == "bids":
        folder = Path(mkdtemp(prefix="loadsense-export-"))
        return _zipped(folder, f"{name}-bids.zip", lambda: as_bids(shown.store, choice, folder / "out"))
    with shown.store.reading() as db:
        rows = session_rows(db, choice, at=shown.now())
    if said.form == "json":
        return _file(as_json(rows, at=shown.now().astimezone(UTC)), f"{name}.json", "application/json")
    return _file(as_csv(rows), f"{name}.csv", "text/csv; charset=utf-8")


@router.get("/people/{person_id}/export", name="export_person")
def export_person(request: Request, person_id: PersonId) -> Response:
    """Everything about one person, as a ZIP; the audit log keeps that it was taken out."""
    shown = dashboard(request)
    with shown.store.writing(by_user=visitor(request).user_id) as tx:
        if tx.db.get(PersonRow, person_id) is None:
            raise HTTPException(404)
        tx.audit("exported", f"person {person_id}", person_id=person_id)
    folder = Path(mkdtemp(prefix="loadsense-export-"))
    return _zipped(folder, f"{person_id}.zip", lambda: write_person(shown.store, person_id, folder / "out"))


# -- answers


def _local(shown: Dashboard, tz: str) -> datetime:
    return shown.now().astimezone(ZoneInfo(tz))


def _pdf(content: bytes, name: str) -> Response:
    """Shown by the browser, and kept by nobody on the way."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


def _file(content: str, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _zipped(folder: Path, name: str, write: Callable[[], object]) -> Response:
    """What is written into `folder / "out"` as a ZIP; the folder goes when it has been sent, or at once on an error."""
    try:
        write()
        path = shutil.make_archive(str(folder / "sent"), "zip", folder / "out")
    except (LoadSenseError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, filename=name, media_type="application/zip", background=gone)
