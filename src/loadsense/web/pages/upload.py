"""Upload: recordings in, by a browser or by a gateway; each is analyzed outside the request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import Field, ValidationError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from loadsense.errors import OptionError, unknown_name
from loadsense.placement import Placement
from loadsense.store import people
from loadsense.store.importing import ImportOptions
from loadsense.store.settings import check_zone
from loadsense.store.tables import PersonRow, SessionRow
from loadsense.web import jobs, uploading
from loadsense.web.api.answers import PREFIX, problems
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import Day, Form, Number
from loadsense.web.jobs import Job, Jobs
from loadsense.web.uploading import Arrived, Part, Uploads, Wanted

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix=PREFIX, tags=["recordings"], responses=problems())

KIND: Final = "import"
PLACEMENTS: Final = tuple(one.value for one in Placement)
RANGES_G: Final = (2, 4, 6, 8, 16, 32)
#: Files of one form.
MOST_FILES: Final = 40
_FILES: Final = ("file", "staged")
_LISTS: Final = (*_FILES, "placement", "of_person")

JobNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class UploadForm(Form):
    """What is said of the files beside themselves; placements and persons of single files are lists of their own."""

    person_id: str = Field(default="", max_length=40)
    together: bool = False
    tz: str = Field(default="", max_length=60)
    day: Day = None
    range_g: Number = None
    deadlift_kg: Number = None
    back_squat_kg: Number = None
    overhead_press_kg: Number = None
    rpe: Number = None
    rpe_scale: Literal["borg", "0-10"] = "borg"
    block_confirmed: bool = False
    note: str = Field(default="", max_length=2000)

    @property
    def is_of_one_session(self) -> bool:
        """Whether something was said that belongs to one session."""
        return bool(self.loads_kg or self.rpe is not None or self.note.strip())

    @property
    def loads_kg(self) -> dict[str, float]:
        """What was lifted, where it was typed."""
        typed = {
            "deadlift": self.deadlift_kg,
            "back_squat": self.back_squat_kg,
            "overhead_press": self.overhead_press_kg,
        }
        return {exercise: kg for exercise, kg in typed.items() if kg is not None}

    def options(self) -> ImportOptions:
        """For the store."""
        return ImportOptions(
            tz=self.tz or None,
            day=self.day,
            loads_kg=self.loads_kg,
            block_confirmed=self.block_confirmed,
            rpe=self.rpe,
            rpe_scale=self.rpe_scale if self.rpe is not None else None,
            note=self.note,
        )


class _Line(NamedTuple):
    """One file of a form, with what was said of it."""

    source: UploadFile | str
    placement: str
    person_id: str


# -- pages


@router.get("/upload", name="upload_page")
def upload_page(request: Request, person: str = "") -> Response:
    """The form, and what became of files that were sent."""
    shown = dashboard(request)
    with shown.store.reading() as db:
        known = list(db.scalars(select(PersonRow.id).where(PersonRow.archived_at.is_(None)).order_by(PersonRow.id)))
    return page(
        request,
        "upload.html.j2",
        people=known,
        person=person if person in known else "",
        placements=PLACEMENTS,
        ranges_g=RANGES_G,
        jobs=jobs_of(request).of(visitor(request).user_id, kind=KIND),
        most_bytes=shown.limits.upload_bytes,
    )


@router.get("/upload/jobs", name="upload_jobs")
def upload_jobs(request: Request) -> Response:
    """The list alone, which the page asks for until everything is done."""
    return page(request, "upload_jobs.html.j2", jobs=jobs_of(request).of(visitor(request).user_id, kind=KIND))


@router.put("/upload/files", name="stage_file")
async def stage_file(request: Request, name: Annotated[str, Query(max_length=255)] = "") -> Response:
    """One file as the body of the request; it waits until the form asks for it."""
    arrived = await uploads_of(request).receive(
        request.stream(), name=name or "the file", by_user=visitor(request).user_id
    )
    return JSONResponse({"staged": arrived.key, "bytes": arrived.n_bytes})


@router.post("/upload", name="upload")
async def upload(request: Request) -> Response:
    """Have files analyzed: those that wait already, or those that come with the form."""
    async with request.form(max_files=MOST_FILES, max_fields=8 * MOST_FILES) as sent:
        said = _said(sent)
        lines = _lines(sent, said)
        await run_in_threadpool(_check, dashboard(request), said, lines)
        arrived = [await _arrived(request, line) for line in lines]
    await run_in_threadpool(_begin_sessions, request, said, list(zip(lines, arrived, strict=True)))
    return go_to("/upload#sent")


# -- programs


class JobAnswer(Form):
    """How far a job is.

    `state` is "waiting", "working", "done", "refused" (then `detail` says what to do) or "failed". `is_new` is false
    where the recording was here already.
    """

    job: int
    state: Literal["waiting", "working", "done", "refused", "failed"]
    detail: str = ""
    session_id: int | None = None
    is_new: bool | None = None


_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class RecordingSent(Form):
    """What is said of a recording beside itself.

    `tz` is the zone of its clock, that of her group without it; `range_g` the full scale, where the file does not say;
    `day` the local day, for a file without a clock. `session` is one of hers in which this sensor was worn too: the
    file is added to it, where its clock says, and it is judged anew; without it the file becomes a session of its own.
    """

    person: Annotated[str, Field(max_length=40)]
    placement: Placement
    tz: Annotated[str, Field(max_length=60)] = ""
    range_g: Annotated[float | None, Field(gt=0, le=1000)] = None
    day: date | None = None
    session: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


@api.put("/recordings", name="api_record_file", status_code=202, openapi_extra=_BODY)
async def api_record_file(request: Request, told: Annotated[RecordingSent, Query()]) -> JobAnswer:
    """Send one recording as the body of the request; it is analyzed as a session of its own, or added to one.

    The answer is the job that analyzes it, to be asked for under `/recordings/jobs/{job}`.
    """
    said = UploadForm(person_id=told.person, tz=told.tz, range_g=told.range_g, day=told.day)
    line = _Line("", told.placement, told.person)
    await run_in_threadpool(_check, dashboard(request), said, [line])
    await run_in_threadpool(_check_session, dashboard(request), told)
    arrived = await uploads_of(request).receive(
        request.stream(), name="the recording", by_user=visitor(request).user_id
    )
    file = uploads_of(request).take(arrived.key, visitor(request).user_id)
    return _answer(await run_in_threadpool(_begin_session, request, said, [(line, file)], session_id=told.session))


@api.get("/recordings/jobs/{job}", name="api_record_job")
def api_record_job(request: Request, job: JobNumber) -> JobAnswer:
    """What became of a recording; jobs are remembered until the server ends."""
    found = jobs_of(request).get(job, visitor(request).user_id)
    if found is None or found.kind != KIND:
        raise HTTPException(404)
    return _answer(found)


def _answer(job: Job) -> JobAnswer:
    found = (job.outcome.found if job.outcome else None) or {}
    return JobAnswer(job=job.number, state=job.state, detail=job.outcome.sentence if job.outcome else "", **found)


# -- from a form to jobs


def jobs_of(request: Request) -> Jobs:
    """The jobs of the server that answers."""
    found: Jobs = request.app.state.jobs
    return found


def uploads_of(request: Request) -> Uploads:
    """The files that wait on the server that answers."""
    found: Uploads = request.app.state.uploads
    return found


def _said(sent: FormData) -> UploadForm:
    typed: dict[str, Any] = {name: value for name, value in sent.items() if name not in _LISTS}
    try:
        return UploadForm(**typed)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise OptionError(f"{field}: {first['msg'].lower()}; nothing was kept, correct it and send again") from None


def _lines(sent: FormData, said: UploadForm) -> list[_Line]:
    """Files of the form in their order; a row where no file was chosen is none."""
    sources = [value for name, value in sent.multi_items() if name in _FILES]
    placements = [str(one) for one in sent.getlist("placement")]
    of_person = [str(one) for one in sent.getlist("of_person")] or [said.person_id] * len(sources)
    if not len(sources) == len(placements) == len(of_person):
        raise OptionError("each file needs its placement; nothing was kept: reload the page and choose the files again")
    every = [_Line(*one) for one in zip(sources, placements, of_person, strict=True)]
    chosen = [one for one in every if one.source and (isinstance(one.source, str) or one.source.filename)]
    if not chosen:
        raise OptionError("no file was chosen; expected at least one recording")
    return chosen


def _check(shown: Dashboard, said: UploadForm, lines: Sequence[_Line]) -> None:
    """Refuse what can be refused before a file is read."""
    if said.tz:
        check_zone(said.tz)
    with shown.store.reading() as db:
        for line in lines:
            if not line.person_id:
                raise OptionError("a file without a person; choose whose it is")
            people.the_person(db, line.person_id)
            if line.placement not in PLACEMENTS:
                raise unknown_name("placement", line.placement, PLACEMENTS)
    if said.is_of_one_session and len(_groups(said, lines)) > 1:
        raise OptionError(
            "loads, exertion and a note belong to one session, and these files are several; leave them empty here and "
            "enter them on each session's page"
        )


def _check_session(shown: Dashboard, told: RecordingSent) -> None:
    """Refuse a session that is not hers; whether it is somebody else's is nobody's business."""
    if told.session is None:
        return
    with shown.store.reading() as db:
        row = db.get(SessionRow, told.session)
    if row is None or row.person_id != told.person:
        raise OptionError(f"session {told.session} is not one of {told.person}; expected one of hers, or none")


def _groups(said: UploadForm, lines: Sequence[_Line]) -> list[list[int]]:
    """Numbers of the lines that make one session each."""
    if not said.together:
        return [[number] for number in range(len(lines))]
    by_person: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        by_person.setdefault(line.person_id, []).append(number)
    return list(by_person.values())


async def _arrived(request: Request, line: _Line) -> Arrived:
    uploads, by_user = uploads_of(request), visitor(request).user_id
    if isinstance(line.source, str):
        return uploads.take(line.source, by_user)
    sent = line.source
    arrived = await uploads.receive(_chunks(sent), name=sent.filename or "the file", by_user=by_user)
    return uploads.take(arrived.key, by_user)


async def _chunks(sent: UploadFile) -> Any:
    while chunk := await sent.read(1 << 20):
        yield chunk


def _begin_sessions(request: Request, said: UploadForm, files: Sequence[tuple[_Line, Arrived]]) -> list[Job]:
    return [
        _begin_session(request, said, [files[number] for number in numbers])
        for numbers in _groups(said, [line for line, _ in files])
    ]


def _begin_session(
    request: Request, said: UploadForm, mine: Sequence[tuple[_Line, Arrived]], *, session_id: int | None = None
) -> Job:
    wanted = Wanted(
        person_id=mine[0][0].person_id,
        parts=tuple(
            Part(path=one.path, name=one.name, placement=line.placement, range_g=said.range_g) for line, one in mine
        ),
        options=said.options(),
        by_user=visitor(request).user_id,
        session_id=session_id,
    )
    return _begin(request, jobs.Place.of(dashboard(request).store), wanted, [one for _, one in mine])


def _begin(request: Request, place: jobs.Place, wanted: Wanted, files: list[Arrived]) -> Job:
    n = len(wanted.parts)
    title = f"{wanted.person_id}: {', '.join(f'{part.name} ({part.placement})' for part in wanted.parts)}"
    try:
        return jobs_of(request).start(
            uploading.take_in,
            place,
            wanted,
            about=jobs.about(KIND, title, wanted.by_user, what=f"{n} {'file' if n == 1 else 'files'}"),
            at_end=lambda: uploading.let_go(files),
        )
    except OptionError:
        uploading.let_go(files)
        raise
