"""The people and their groups: add, change, archive, bring back, erase; under pseudonyms, never under names."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from starlette.responses import Response

from loadsense.errors import OptionError
from loadsense.review.people import PeoplePage, people_page
from loadsense.review.weeks import DAY_NAMES
from loadsense.store import erasure
from loadsense.store import people as stored
from loadsense.store.erasure import Erased
from loadsense.store.tables import PersonRow
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import EraseForm, GroupForm, NewPersonForm, PersonForm, VersionForm
from loadsense.web.live.own_sensors import OwnSensors
from loadsense.web.pages.person import PersonId

router = APIRouter(include_in_schema=False)

#: A person's file is a page of text; anything longer is another file.
MOST_FILE_BYTES: Final = 64 * 1024


@router.get("/people", name="people")
def people(request: Request) -> Response:
    """Everybody, with what may be changed of her."""
    shown = dashboard(request)
    return page(request, "people.html.j2", people=people_of(shown), day_names=DAY_NAMES, zones=_zones(), tz=shown.tz)


def people_of(shown: Dashboard) -> PeoplePage:
    """The page object."""
    with shown.store.reading() as db:
        return people_page(db)


def _zones() -> list[str]:
    """Zones of regions; aliases without one and the military ones are left out of the list, not refused."""
    return ["UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))]


@router.post("/people", name="create_person")
def create_person(request: Request, said: Annotated[NewPersonForm, Form()]) -> Response:
    """Somebody new; her plan is the next thing to write."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.create(tx, said.pseudonym, group_id=said.group_id, body_mass_kg=said.body_mass_kg)
    return go_to(f"/people/{said.pseudonym}/record#screening")


@router.post("/people/import", name="import_person")
def import_person(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Take in the file that `--person` takes: create her, or add to what is known."""
    content = file.file.read(MOST_FILE_BYTES + 1)
    if not content:
        raise OptionError("no file was chosen, or it is empty; expected a person's TOML file")
    if len(content) > MOST_FILE_BYTES:
        raise OptionError(f"the file is larger than {MOST_FILE_BYTES // 1024} KiB; expected a person's TOML file")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "person.toml"  # its own name may be somebody's name
        path.write_bytes(content)
        with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
            person_id = stored.import_person(tx, path)
    return go_to(f"/people/{person_id}/record")


@router.post("/people/{person_id}/details", name="change_person")
def change_person(request: Request, person_id: PersonId, said: Annotated[PersonForm, Form()]) -> Response:
    """Another group or body mass."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.change(tx, person_id, version=said.version, group_id=said.group_id, body_mass_kg=said.body_mass_kg)
    return go_to(f"/people#{person_id}")


@router.post("/people/{person_id}/archive", name="archive_person")
def archive_person(request: Request, person_id: PersonId, said: Annotated[VersionForm, Form()]) -> Response:
    """Off the roster; everything stays."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.archive(tx, person_id, version=said.version)
    return go_to("/people#archived")


@router.post("/people/{person_id}/bring-back", name="bring_back_person")
def bring_back_person(request: Request, person_id: PersonId, said: Annotated[VersionForm, Form()]) -> Response:
    """On the roster again."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.bring_back(tx, person_id, version=said.version)
    return go_to(f"/people#{person_id}")


@router.get("/people/{person_id}/erase", name="erase_page")
def erase_page(request: Request, person_id: PersonId) -> Response:
    """What would go, and which backups would still hold her; nothing is changed."""
    goes = _what_goes(request, person_id)
    return page(request, "erase.html.j2", goes=goes, is_gone=False)


@router.post("/people/{person_id}/erase", name="erase_person")
def erase_person(request: Request, person_id: PersonId, said: Annotated[EraseForm, Form()]) -> Response:
    """Everything about one person, gone; her pseudonym has to be typed, so that a stray click erases nobody."""
    _what_goes(request, person_id)
    if said.pseudonym != person_id:
        raise OptionError(
            f"what was typed is not {person_id}; nothing was erased: type her pseudonym, then press Erase"
        )
    own: OwnSensors = request.app.state.own_sensors
    if own.is_streaming(person_id):
        raise OptionError(f"a session of {person_id} goes on; end it first, then erase her")
    gone = erasure.erase_person(dashboard(request).store, person_id, by_user=visitor(request).user_id)
    return page(request, "erase.html.j2", goes=gone, is_gone=True)


def _what_goes(request: Request, person_id: str) -> Erased:
    """404 where nobody has this pseudonym."""
    store = dashboard(request).store
    with store.reading() as db:
        if db.get(PersonRow, person_id) is None:
            raise HTTPException(404)
    return erasure.what_goes(store, person_id)


@router.post("/groups", name="create_group")
def create_group(request: Request, said: Annotated[GroupForm, Form()]) -> Response:
    """People who train together."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.create_group(tx, said.name, weekdays=said.weekdays, tz=said.tz)
    return go_to("/people#groups")


@router.post("/groups/{group_id}", name="change_group")
def change_group(request: Request, group_id: int, said: Annotated[GroupForm, Form()]) -> Response:
    """Another name, other days, another zone."""
    if said.version is None:
        raise OptionError("the version of the group is missing: reload the people page and change it there")
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        stored.change_group(tx, group_id, version=said.version, name=said.name, weekdays=said.weekdays, tz=said.tz)
    return go_to("/people#groups")


def not_in_the_future(day: date, today: date) -> None:
    """Refuse a day that has not been yet.

    Raises
    ------
    OptionError
        It lies after the person's local day.
    """
    if day > today:
        raise OptionError(f"{day.isoformat()} lies in the future; expected {today.isoformat()} or an earlier day")
