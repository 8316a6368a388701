"""A session with sensors that this server hears itself: look around, say who wears what, start, end, ask, keep."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi import Form as Sent
from pydantic import Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from loadsense.errors import OptionError, UserError, unknown_name
from loadsense.live.beginning import VIRTUAL
from loadsense.live.state import Wearing
from loadsense.review import reading
from loadsense.review.person import lock_of
from loadsense.review.record import PAIN
from loadsense.session import judging
from loadsense.store import unsaved, wellbeing
from loadsense.store.importing import ImportOptions, default_profile
from loadsense.store.knowing import Known
from loadsense.store.tables import FlagRow, PersonRow
from loadsense.store.unsaved import KEY, Unsaved
from loadsense.store.wellbeing import PainFacts
from loadsense.web import jobs
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import Form, Key, Number, Score
from loadsense.web.jobs import Place
from loadsense.web.live.keeping import Kept, keep
from loadsense.web.live.own_sensors import OwnSensors
from loadsense.web.live.own_session import Starting
from loadsense.web.pages.record import PAIN_SITES
from loadsense.web.pages.upload import KIND, PLACEMENTS, jobs_of

router = APIRouter(include_in_schema=False)

PAGE: Final = "/live/sensors"
#: Sensors of one form; a radio connects to fewer.
MOST_SENSORS: Final = 20
#: Site of a pain of 0 that was asked for nowhere in particular.
ANYWHERE: Final = "anywhere"
#: Says that pain was told already, where a recording could not be taken in at once.
_SAID: Final = "said"
#: For practice in the demonstration, where nobody has a sensor.
_PRACTICE: Final = ((f"{VIRTUAL}:hip-session", "simulated, hip"), (f"{VIRTUAL}:hirit-wrist", "simulated, wrist"))

SessionKey = Annotated[str, Path(pattern=f"^{KEY}$")]
_Field = Annotated[str, Field(max_length=60)]


class StartForm(Form):
    """Who wears which sensor where, line by line; a line without a person is left out."""

    address: list[_Field] = Field(default_factory=list, max_length=MOST_SENSORS)
    person_id: list[_Field] = Field(default_factory=list, max_length=MOST_SENSORS)
    placement: list[_Field] = Field(default_factory=list, max_length=MOST_SENSORS)

    def by_person(self) -> dict[str, list[tuple[str, str]]]:
        """Address and placement of every sensor of everybody.

        Raises
        ------
        OptionError
            Nobody was chosen, a placement is none, or two sensors cannot be worn at once.
        """
        if not len(self.address) == len(self.person_id) == len(self.placement):
            raise OptionError("each sensor needs a person and a placement; look around again, then choose")
        found: dict[str, list[tuple[str, str]]] = {}
        for address, person, placement in zip(self.address, self.person_id, self.placement, strict=True):
            if person:
                found.setdefault(person, []).append((address, placement))
        _check_worn(found)
        return found


class SayForm(Form):
    """Where she is in her plan."""

    word: Literal["next", "back", "done"]


class EndForm(Form):
    """What she says after a session; an empty field was not asked."""

    pain: Score = None
    site: Key = None
    onset: Literal["usual", "new", "sudden"] = "usual"
    rpe: Number = None
    rpe_scale: Literal["borg", "0-10"] = "borg"
    deadlift_kg: Number = None
    back_squat_kg: Number = None
    overhead_press_kg: Number = None
    note: str = Field(default="", max_length=2000)

    def options(self) -> ImportOptions:
        """For the store."""
        typed = {
            "deadlift": self.deadlift_kg,
            "back_squat": self.back_squat_kg,
            "overhead_press": self.overhead_press_kg,
        }
        return ImportOptions(
            rpe=self.rpe,
            rpe_scale=self.rpe_scale if self.rpe is not None else None,
            loads_kg={exercise: kg for exercise, kg in typed.items() if kg is not None},
            note=self.note,
        )

    def pain_facts(self, day: date) -> PainFacts | None:
        """Her pain, where she was asked; none at all is an answer too.

        Raises
        ------
        OptionError
            Pain without a site.
        """
        if self.pain is None:
            return None
        if self.pain > 0 and self.site is None:
            raise OptionError("pain without a site; say where it hurts: new pain in the back locks her plan")
        if self.site is not None and self.site not in PAIN_SITES:
            raise unknown_name("site", self.site, PAIN_SITES)
        return PainFacts(day=day, site=self.site or ANYWHERE, onset=self.onset, after=self.pain)


class ThrowForm(Form):
    """That a recording is thrown away must not happen by a stray request."""

    sure: Literal["yes"]


# -- the page


@router.get(PAGE, name="sensors_page")
def sensors_page(request: Request) -> Response:
    """What goes on, what waits, and the sensors around."""
    with dashboard(request).store.reading() as db:
        known = tuple(db.scalars(select(PersonRow.id).where(PersonRow.archived_at.is_(None)).order_by(PersonRow.id)))
    return page(
        request,
        "sensors.html.j2",
        **_now(request),
        **_seen(request),
        people=known,
        placements=PLACEMENTS,
        jobs=jobs_of(request).of(visitor(request).user_id, kind=KIND),
    )


@router.get(f"{PAGE}/now", name="sensors_now")
def sensors_now(request: Request) -> Response:
    """The sessions alone, which the page asks for while one goes on."""
    return page(request, "sensors_now.html.j2", **_now(request))


@router.get(f"{PAGE}/looking", name="sensors_looking")
def sensors_looking(request: Request) -> Response:
    """Asked for while somebody looks around; then the page is opened anew, with what was found."""
    own = own_of(request)
    answer = page(request, "sensors_looking.html.j2", seen=own.seen)
    if not own.seen.is_running:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post(f"{PAGE}/look", name="look_around")
def look_around(request: Request) -> Response:
    """Look around for sensors; the page shows what came of it."""
    own_of(request).look()
    return go_to(f"{PAGE}#around")


@router.post(PAGE, name="start_live")
async def start_live(request: Request, said: Annotated[StartForm, Sent()]) -> Response:
    """A session for everybody who was given a sensor."""
    chosen = said.by_person()
    shown, own = dashboard(request), own_of(request)
    every = await run_in_threadpool(_starting, shown, chosen)
    loop = asyncio.get_running_loop()
    for started, one in enumerate(every):
        try:
            own.start(one, user_id=visitor(request).user_id, loop=loop)
        except UserError as error:
            begun = ", ".join(before.person_id for before in every[:started])
            raise type(error)(f"{error}{f'; begun were: {begun}' if begun else ''}") from None
    return go_to(f"{PAGE}#now")


@router.post(f"{PAGE}/{{key}}/say", name="say_live")
def say_live(request: Request, key: SessionKey, said: Annotated[SayForm, Sent()]) -> Response:
    """The next block of her plan, the one before, or a set that is done."""
    own_of(request).say(key, said.word)
    return go_to(f"{PAGE}#now")


@router.get(f"{PAGE}/{{key}}", name="ask_after")
def ask_after(request: Request, key: SessionKey) -> Response:
    """What she is asked at the end of a session."""
    own, place = own_of(request), _place(request, key)
    facts = own.get(key)
    return page(
        request,
        "sensors_end.html.j2",
        place=place,
        is_open=facts is not None and facts.is_open,
        began=_began(place),
        is_said=(place.folder / _SAID).exists(),
        pain_sites=PAIN_SITES,
    )


@router.post(f"{PAGE}/{{key}}/end", name="end_live")
async def end_live(request: Request, key: SessionKey, said: Annotated[EndForm, Sent()]) -> Response:
    """End it where it goes on, keep what she says, and take the recording in."""
    shown, own = dashboard(request), own_of(request)
    place, options = _place(request, key), said.options()
    pain = said.pain_facts(_began(place).date())
    _check_rpe(said)
    own.begin_saving(key)
    with ExitStack() as on_failure:
        on_failure.callback(own.end_saving, key)
        await own.end(key)
        if not place.folder.exists():
            raise OptionError(f"no sensor of {place.person_id} sent a sample, so there is nothing to keep")
        told = await run_in_threadpool(_keep_said, shown, place, pain, visitor(request).user_id)
        _begin_keeping(request, Kept(place=place, options=options, by_user=visitor(request).user_id))
        on_failure.pop_all()
    return go_to(told or f"{PAGE}#sent")


@router.post(f"{PAGE}/{{key}}/throw", name="throw_live")
def throw_live(request: Request, key: SessionKey, said: Annotated[ThrowForm, Sent()]) -> Response:  # noqa: ARG001 - that it came
    """Remove a recording that nobody wants; one that goes on has to be ended first."""
    own, place = own_of(request), _place(request, key)
    if not any(one.key == key for one in own.waiting()):
        raise OptionError("this session goes on, or is being taken in; end it first, then throw it away")
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        tx.audit("recording thrown away", f"person {place.person_id}", person_id=place.person_id, key=key)
    unsaved.throw_away(place)
    own.let_go(key)
    return go_to(f"{PAGE}#now")


# -- what a page shows


def own_of(request: Request) -> OwnSensors:
    """The radio of the server that answers."""
    found: OwnSensors = request.app.state.own_sensors
    return found


def _now(request: Request) -> dict[str, Any]:
    own = own_of(request)
    going = own.facts()
    return {"going": going, "waiting": [(one, _began(one)) for one in own.waiting()]}


def _seen(request: Request) -> dict[str, Any]:
    own, shown = own_of(request), dashboard(request)
    at = own.seen.at.astimezone(ZoneInfo(shown.tz)) if own.seen.at else None
    worn = {sensor.address for one in own.facts() if one.is_open for sensor in one.sensors}
    return {
        "lacks": own.lacks,
        "seen": own.seen,
        "seen_at": at,
        "free": [one for one in own.seen.found if one.address not in worn],
        "practice": _PRACTICE if shown.is_demo else (),
    }


def _place(request: Request, key: str) -> Unsaved:
    found = own_of(request).find(key)
    if found is None:
        raise HTTPException(404)
    return found


def _began(place: Unsaved) -> datetime:
    """Local time, as its folder is named."""
    return datetime.strptime(place.key[:15], "%Y%m%d-%H%M%S")


# -- starting


def _check_worn(found: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    if not found:
        raise OptionError("nobody was chosen; say of at least one sensor who wears it")
    addresses = [address for worn in found.values() for address, _ in worn]
    if len(set(addresses)) < len(addresses):
        raise OptionError("a sensor was given to two people; expected each to be worn once")
    for person, worn in found.items():
        placements = [placement for _, placement in worn]
        for placement in placements:
            if placement not in PLACEMENTS:
                raise unknown_name("placement", placement, PLACEMENTS)
        if len(set(placements)) < len(placements):
            raise OptionError(f"{person} wears two sensors at the same place; expected different ones: change one")


def _starting(shown: Dashboard, chosen: Mapping[str, Sequence[tuple[str, str]]]) -> list[Starting]:
    """Everybody as she is known now; a plan that may not be trained is streamed and not graded."""
    made = []
    at = datetime.now(UTC)
    with shown.store.reading() as db:
        known, profile = Known(db, chosen), default_profile(db)
        for person_id, worn in chosen.items():
            row = known.row(person_id)
            if row.archived_at is not None:
                raise OptionError(f"{person_id} is archived; bring her back under People first")
            facts = reading.person_facts(db, person_id, at=at)
            tz = facts.group.tz if facts and facts.group else shown.tz
            began = at.astimezone(ZoneInfo(tz))
            person = known.person(person_id, began.date())
            by = judging(plan=known.plan(person.plan) if person.plan else None, person=person, profile=profile)
            wearings = tuple(
                Wearing(person=person_id, sensor=placement, address=address, body_mass_kg=row.body_mass_kg, tz=tz)
                for address, placement in worn
            )
            locked = lock_of(facts, today=began.date(), limits=shown.week_limits) if facts else None
            made.append(Starting(wearings=wearings, judging=replace(by, on=began.date()), locked=locked, began=began))
    return made


# -- ending


def _check_rpe(said: EndForm) -> None:
    low, high = (6, 20) if said.rpe_scale == "borg" else (0, 10)
    if said.rpe is not None and not low <= said.rpe <= high:
        raise OptionError(f"exertion {said.rpe:g} on the scale {said.rpe_scale}; expected {low} to {high}")


def _keep_said(shown: Dashboard, place: Unsaved, pain: PainFacts | None, by_user: int | None) -> str:
    """Her pain, kept at once and once only; where it raised a flag, the page that says so."""
    marker = place.folder / _SAID
    if pain is None or marker.exists():
        return ""
    with shown.store.writing(by_user=by_user) as tx:
        row = wellbeing.report_pain(tx, place.person_id, pain)
        raised = select(FlagRow.id).where(FlagRow.person_id == place.person_id, FlagRow.raised_at == tx.at)
        said, is_flagged = f"{PAIN}-{row.id}", tx.db.scalar(raised) is not None
    marker.touch()
    return f"/people/{place.person_id}/record?said={said}#said" if is_flagged else ""


def _begin_keeping(request: Request, wanted: Kept) -> None:
    own, place = own_of(request), wanted.place
    title = f"{place.person_id}: live session of {_began(place):%Y-%m-%d %H:%M}"
    jobs_of(request).start(
        keep,
        Place.of(dashboard(request).store),
        wanted,
        about=jobs.about(KIND, title, wanted.by_user, what="a live session"),
        at_end=lambda: own.end_saving(place.key),
    )
