"""Sign in, sign out, and the first run: whoever opens a new dashboard makes the owner's account."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from loadsense.errors import OptionError
from loadsense.store import accounts
from loadsense.web.access import Role
from loadsense.web.context import dashboard, go_to, page, visitor
from loadsense.web.guard import COOKIE

router = APIRouter(include_in_schema=False)

Login = Annotated[str, Form(min_length=1, max_length=60)]
Password = Annotated[str, Form(min_length=1, max_length=1000)]

#: A signed-in browser stays so for this long without being used.
COOKIE_S: Final = 12 * 3600


@router.get("/", name="home")
def home(request: Request) -> Response:
    """Where each role begins."""
    asking = visitor(request)
    return go_to(f"/people/{asking.person_id}" if asking.role is Role.ATHLETE else "/roster")


@router.get("/sign-in", name="sign_in_page")
def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word in the address
    """The form, or the first run where nobody has an account."""
    if not accounts.any_user(dashboard(request).store):
        return go_to("/first-run")
    return page(request, "sign_in.html.j2", next=own_path(next), sentence="", login="")


@router.post("/sign-in", name="sign_in")
def sign_in(request: Request, login: Login, password: Password, next: Annotated[str, Form()] = "/") -> Response:  # noqa: A002
    """Check the password; a wrong one costs time."""
    shown = dashboard(request)
    try:
        token = accounts.sign_in(shown.store, login, password, address=_address(request), browser=_browser(request))
    except OptionError as error:
        return page(request, "sign_in.html.j2", status=401, next=own_path(next), sentence=str(error), login=login)
    return signed_in(request, token, own_path(next))


@router.post("/sign-out", name="sign_out")
def sign_out(request: Request) -> Response:
    """Forget this browser."""
    accounts.sign_out(dashboard(request).store, request.cookies.get(COOKIE, ""))
    answer = go_to("/sign-in")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/first-run", name="first_run_page")
def first_run_page(request: Request) -> Response:
    """Ask for the owner's account, once."""
    if accounts.any_user(dashboard(request).store):
        return go_to("/sign-in")
    return page(request, "first_run.html.j2", sentence="", login="")


@router.post("/first-run", name="first_run")
def first_run(request: Request, login: Login, password: Password, again: Password) -> Response:
    """Make the owner's account, if nobody was faster."""
    shown = dashboard(request)
    try:
        if password != again:
            raise OptionError("the two passwords differ: type the same one twice")
        accounts.create_owner(shown.store, login, password)
    except OptionError as error:
        return page(request, "first_run.html.j2", status=422, sentence=str(error), login=login)
    token = accounts.sign_in(shown.store, login, password, address=_address(request), browser=_browser(request))
    return signed_in(request, token, "/")


def own_path(path: str) -> str:
    """A path of ours, or the start page for anything that leads elsewhere.

    Examples
    --------
    >>> own_path("/people/p017?weeks=26"), own_path("https://example.org/"), own_path("//example.org")
    ('/people/p017?weeks=26', '/', '/')
    """
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return path if is_ours else "/"


def signed_in(request: Request, token: str, path: str) -> Response:
    """Give the browser its token and send it on."""
    answer = go_to(path)
    secure = not dashboard(request).is_plain_http
    answer.set_cookie(COOKIE, token, max_age=COOKIE_S, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")[:200]
