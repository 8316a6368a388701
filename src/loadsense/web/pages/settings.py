"""Settings: one's own password, browsers and programs; for the owner accounts, installation, backups and the log."""

from __future__ import annotations

import secrets
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi import Form as Sent
from pydantic import Field
from starlette.responses import FileResponse, Response

from loadsense import evidence
from loadsense.errors import LoadSenseError, OptionError
from loadsense.store import accounts, administration, backup, settings
from loadsense.store.accounts import ROLES, SCOPES, NewUser
from loadsense.store.importing import PROFILE_SETTING
from loadsense.store.tables import ApiToken, BackupRow
from loadsense.store.times import now
from loadsense.web import jobs
from loadsense.web.access import Role
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import Form, Key, VersionForm
from loadsense.web.jobs import Outcome, Place
from loadsense.web.pages.upload import jobs_of
from loadsense.web.signin import signed_in

router = APIRouter(include_in_schema=False)

KIND: Final = "backup"
#: Folder of the backups, below that of the recordings.
BACKUPS: Final = "backups"
RowId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class PasswordForm(Form):
    """One's own password, with the one before."""

    current: str = Field(min_length=1, max_length=1000)
    password: str = Field(min_length=1, max_length=1000)
    again: str = Field(min_length=1, max_length=1000)


class NewPasswordForm(Form):
    """A password that the owner gives to somebody."""

    password: str = Field(min_length=1, max_length=1000)


class UserForm(Form):
    """A new account; `person_id` is that of an athlete."""

    login: str = Field(min_length=1, max_length=60)
    password: str = Field(min_length=1, max_length=1000)
    role: str = Field(max_length=20)
    person_id: Key = None


class RoleForm(VersionForm):
    """Another role."""

    role: str = Field(max_length=20)
    person_id: Key = None


class TokenForm(Form):
    """A key for a program."""

    name: str = Field(max_length=200)
    scopes: list[str] = Field(default_factory=list, max_length=10)


class SureForm(Form):
    """Something that a stray request must not do."""

    sure: Literal["yes"]


class ChoiceForm(VersionForm):
    """A choice for the whole installation."""

    name: str = Field(min_length=1, max_length=60)


# -- for everybody


@router.get("/settings", name="settings_page")
def settings_page(request: Request) -> Response:
    """What one may change here."""
    return _page(request)


@router.post("/settings/password", name="change_password")
def change_password(request: Request, said: Annotated[PasswordForm, Sent()]) -> Response:
    """Another password of one's own: the one before is asked, and other browsers are signed out."""
    asking, shown = visitor(request), dashboard(request)
    if said.password != said.again:
        raise OptionError("the two new passwords differ; type the same one twice")
    address = request.client.host if request.client else ""
    browser = request.headers.get("user-agent", "")[:200]
    accounts.sign_in(shown.store, asking.login, said.current, address=address, browser=browser)
    accounts.set_password(shown.store, asking.user_id or 0, said.password, by_user=asking.user_id)
    token = accounts.sign_in(shown.store, asking.login, said.password, address=address, browser=browser)
    return signed_in(request, token, "/settings#password")


@router.post("/settings/browsers/{key}/end", name="end_browser")
def end_browser(request: Request, key: Hash) -> Response:
    """Sign one of one's own browsers out."""
    asking = visitor(request)
    with dashboard(request).store.writing(by_user=asking.user_id) as tx:
        administration.end_browser(tx, asking.user_id or 0, key)
    return go_to("/settings#browsers")


@router.post("/settings/browsers/end-all", name="end_browsers")
def end_browsers(request: Request, said: Annotated[SureForm, Sent()]) -> Response:  # noqa: ARG001 - that it came
    """Sign out everywhere, here too."""
    asking = visitor(request)
    with dashboard(request).store.writing(by_user=asking.user_id) as tx:
        accounts.sign_out_everywhere(tx, asking.user_id or 0)
    return go_to("/sign-in")


@router.post("/settings/tokens", name="create_token")
def create_token(request: Request, said: Annotated[TokenForm, Sent()]) -> Response:
    """A key for a program; it is on this one answer and nowhere else."""
    asking = visitor(request)
    with dashboard(request).store.writing(by_user=asking.user_id) as tx:
        row, token = accounts.create_token(tx, asking.user_id or 0, said.name, said.scopes)
        name = row.name
    return _page(request, token=token, token_name=name)


@router.post("/settings/tokens/{token_id}/revoke", name="revoke_token")
def revoke_token(request: Request, token_id: RowId) -> Response:
    """Take a key away: one's own, or for an owner anybody's."""
    asking = visitor(request)
    with dashboard(request).store.writing(by_user=asking.user_id) as tx:
        row = tx.db.get(ApiToken, token_id)
        if row is None or (row.user_id != asking.user_id and asking.role is not Role.OWNER):
            raise HTTPException(404)
        accounts.revoke_token(tx, token_id)
    return go_to("/settings#programs")


# -- for owners


@router.post("/settings/users", name="create_user")
def create_user(request: Request, said: Annotated[UserForm, Sent()]) -> Response:
    """An account for somebody."""
    account = NewUser(login=said.login, password=said.password, role=said.role, person_id=said.person_id)
    accounts.create_user(dashboard(request).store, account, by_user=visitor(request).user_id)
    return go_to("/settings#accounts")


@router.post("/settings/users/{user_id}/role", name="set_role")
def set_role(request: Request, user_id: RowId, said: Annotated[RoleForm, Sent()]) -> Response:
    """Another role, from the next request on."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        accounts.set_role(tx, user_id, said.role, version=said.version, person_id=said.person_id)
    return go_to("/settings#accounts")


@router.post("/settings/users/{user_id}/disable", name="disable_user")
def disable_user(request: Request, user_id: RowId, said: Annotated[VersionForm, Sent()]) -> Response:
    """Close an account at once."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        accounts.disable(tx, user_id, version=said.version)
    return go_to("/settings#accounts")


@router.post("/settings/users/{user_id}/enable", name="enable_user")
def enable_user(request: Request, user_id: RowId, said: Annotated[VersionForm, Sent()]) -> Response:
    """Open it again."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        accounts.enable(tx, user_id, version=said.version)
    return go_to("/settings#accounts")


@router.post("/settings/users/{user_id}/password", name="give_password")
def give_password(request: Request, user_id: RowId, said: Annotated[NewPasswordForm, Sent()]) -> Response:
    """A new password for whoever lost hers; her browsers are signed out."""
    asking = visitor(request)
    if user_id == asking.user_id:
        raise OptionError("this is your own account; change its password above, where the one before is asked")
    accounts.set_password(dashboard(request).store, user_id, said.password, by_user=asking.user_id)
    return go_to("/settings#accounts")


@router.post("/settings/zone", name="choose_zone")
def choose_zone(request: Request, said: Annotated[ChoiceForm, Sent()]) -> Response:
    """The zone of people without a group."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        settings.choose_zone(tx, said.name, version=said.version)
    return go_to("/settings#installation")


@router.post("/settings/profile", name="choose_profile")
def choose_profile(request: Request, said: Annotated[ChoiceForm, Sent()]) -> Response:
    """The levels that new sessions are judged by."""
    with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
        settings.choose_profile(tx, said.name, version=said.version)
    return go_to("/settings#installation")


@router.post("/settings/backups", name="make_backup")
def make_backup(request: Request, said: Annotated[SureForm, Sent()]) -> Response:  # noqa: ARG001 - that it came
    """Write everything into one file, while others go on working."""
    store, asking = dashboard(request).store, visitor(request)
    name = f"loadsense-{now():%Y-%m-%d-%H%M%S}-{secrets.token_hex(2)}.zip"
    path = store.folder / BACKUPS / name
    jobs_of(request).start(
        write_backup, Place.of(store), str(path), asking.user_id, about=jobs.about(KIND, name, asking.user_id)
    )
    return go_to("/settings#backups")


@router.get("/settings/backups/{backup_id}", name="download_backup")
def download_backup(request: Request, backup_id: RowId) -> Response:
    """One backup, to be kept elsewhere."""
    with dashboard(request).store.reading() as db:
        row = db.get(BackupRow, backup_id)
    if row is None:
        raise HTTPException(404)
    path = FilePath(row.path)
    if not path.is_file():
        raise OptionError("this backup is not where it was written any more; make a new one")
    return FileResponse(path, media_type="application/zip", filename=path.name)


@router.get("/settings/audit", name="audit_page")
def audit_page(request: Request, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None) -> Response:
    """Who did what, the newest first."""
    with dashboard(request).store.reading() as db:
        found = administration.deeds(db, before=before)
    older = found[-1].id if len(found) == administration.AUDIT_PAGE else None
    return page(request, "audit.html.j2", deeds=found, older=older, newest=before is None, tz=dashboard(request).tz)


def write_backup(place: Place, path: str, by_user: int | None) -> Outcome:
    """In the process beside the server."""
    FilePath(path).parent.mkdir(exist_ok=True)
    try:
        store = place.open()
        try:
            made = backup.backup(store, path, by_user=by_user)
        finally:
            store.close()
    except LoadSenseError as error:
        return Outcome(is_done=False, sentence=str(error))
    return Outcome(is_done=True, sentence=f"{len(made.people)} people and {len(made.files)} recordings are in it")


# -- the page


def _page(request: Request, *, token: str = "", token_name: str = "") -> Response:
    shown, asking = dashboard(request), visitor(request)
    with shown.store.reading() as db:
        mine = administration.tokens(db, None if asking.may_own else asking.user_id)
        values: dict[str, Any] = {
            "browsers": administration.browsers(db, asking.user_id or 0),
            "tokens": mine,
            "users": administration.users(db) if asking.may_own else (),
            "backups": administration.backups(db) if asking.may_own else (),
            "zone": settings.chosen(db, settings.TZ_SETTING),
            "profile": settings.chosen(db, PROFILE_SETTING),
        }
    return page(
        request,
        "settings.html.j2",
        token=token,
        token_name=token_name,
        scopes=_scopes(asking.role),
        roles=ROLES,
        profiles=list(evidence.profiles().values()),
        default_profile=evidence.profile().name,
        jobs=jobs_of(request).of(asking.user_id, kind=KIND),
        where=_where(shown),
        **values,
    )


def _scopes(role: Role) -> tuple[str, ...]:
    """What a token of hers could do at all."""
    return SCOPES if role >= Role.COACH else ("read",)


def _where(shown: Dashboard) -> tuple[str, str]:
    """The database without its password, and the folder."""
    return shown.store.url.render_as_string(hide_password=True), str(shown.store.folder)
