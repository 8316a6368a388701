"""Put the dashboard together: guard, door, pages, and a sentence for everything that goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from loadsense import __version__
from loadsense.errors import Conflict, LoadSenseError, WorldError
from loadsense.web import signin
from loadsense.web.access import NOBODY, unlisted
from loadsense.web.admit import NotAdmittedError, NotSignedInError, admit
from loadsense.web.api import description
from loadsense.web.api import people as api_people
from loadsense.web.api import plans as api_plans
from loadsense.web.api import sessions as api_sessions
from loadsense.web.context import Dashboard, go_to, page
from loadsense.web.guard import Guard
from loadsense.web.jobs import JOURNAL, Jobs
from loadsense.web.live import channels
from loadsense.web.live.floor import Floor
from loadsense.web.live.own_sensors import OwnSensors
from loadsense.web.pages import (
    live,
    own_plans,
    people,
    person,
    plan,
    reanalyze,
    record,
    reports,
    roster,
    sensors,
    session,
    settings,
    upload,
)
from loadsense.web.uploading import Uploads

_LOG: Final = logging.getLogger("loadsense.web")

_ROUTERS: Final = (
    signin.router,
    roster.router,
    people.router,
    person.router,
    record.router,
    plan.router,
    own_plans.router,
    session.router,
    live.router,
    sensors.router,
    channels.router,
    reports.router,
    upload.router,
    upload.api,
    reanalyze.router,
    settings.router,
    description.router,
    api_people.router,
    api_plans.router,
    api_sessions.router,
)

NOT_FOUND: Final = "there is no such page or row: it may have been removed, or the address is not complete"
#: For what Starlette and FastAPI refuse in words of theirs.
_SENTENCES: Final = {
    400: "what was sent cannot be read: expected UTF-8 in the form that its content type says; nothing was changed",
    404: NOT_FOUND,
    405: "this address exists, but not for this: open it from the dashboard's own pages, or see docs/api.md",
}
OUR_FAULT: Final = "the dashboard met a fault of its own; reload and look before you repeat a change; in the log it is"


def create_app(dashboard: Dashboard) -> FastAPI:
    """The dashboard as an ASGI application.

    Parameters
    ----------
    dashboard : Dashboard
        Store, clock and limits.

    Raises
    ------
    RuntimeError
        A route has no entry in the table of `access.py`.
    """
    app = FastAPI(
        title="LoadSense",
        version=__version__,
        dependencies=[Depends(admit)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.dashboard = dashboard
    app.state.jobs, app.state.uploads = Jobs(dashboard.store.folder / JOURNAL), Uploads(dashboard.store.folder)
    app.state.floor = Floor()
    app.state.own_sensors = OwnSensors(app.state.floor, dashboard.store.folder, radio=dashboard.radio)
    for router in _ROUTERS:
        app.include_router(router)
    app.add_api_route("/static/tokens.css", _tokens_css, name="tokens_css", include_in_schema=False)
    app.mount("/static", StaticFiles(packages=[("loadsense.web", "static")]), name="static")
    app.add_middleware(Guard, hosts=dashboard.hosts, limits=dashboard.limits, unforeseen=_unforeseen(app))
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    if missing := unlisted(app.routes):
        raise RuntimeError(f"routes without an entry in web/access.py: {', '.join(missing)}")
    return app


def _tokens_css() -> Response:
    """The colours that the report and the dashboard share."""
    css = resources.files("loadsense.render").joinpath("templates", "tokens.css").read_text("utf-8")
    return Response(css, media_type="text/css")


def _unforeseen(app: FastAPI) -> Callable[[Scope, str], ASGIApp]:
    """What the guard answers where we are at fault; nothing of the fault is in it."""

    def answer(scope: Scope, number: str) -> ASGIApp:
        request = Request({**scope, "app": app})
        return _problem(request, f"{OUR_FAULT} {number}", 500)

    return answer


def is_for_program(request: Request) -> bool:
    """Whether the answer goes to a program and not to eyes."""
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("accept", "")


def _problem(request: Request, sentence: str, status: int) -> Response:
    """One sentence that says what to do, as a page or as JSON."""
    if is_for_program(request):
        return JSONResponse({"detail": sentence}, status_code=status)
    if not hasattr(request.state, "visitor"):
        request.state.visitor = NOBODY
    return page(request, "problem.html.j2", status=status, sentence=sentence, code=status, back=_came_from(request))


def _came_from(request: Request) -> str:
    """Our own page that the browser came from; empty where it came from none."""
    found = urlsplit(request.headers.get("referer", ""))
    if found.netloc != request.url.netloc or not found.path.startswith("/") or found.path.startswith("//"):
        return ""
    return found.path + (f"?{found.query}" if found.query else "")


async def _not_signed_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedInError)  # noqa: S101 - the type it is registered for
    if is_for_program(request):
        return JSONResponse({"detail": str(error)}, status_code=401, headers={"WWW-Authenticate": "Bearer"})
    return go_to(f"/sign-in?next={error.path}")


async def _not_admitted(request: Request, error: Exception) -> Response:
    return _problem(request, str(error), 403)


async def _user_error(request: Request, error: Exception) -> Response:
    return _problem(request, str(error), 409 if isinstance(error, Conflict) else 422)


async def _world_error(request: Request, error: Exception) -> Response:
    _LOG.error("%s", error)
    return _problem(request, str(error), 503)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the type it is registered for
    sentence = _SENTENCES.get(error.status_code, str(error.detail))
    return _problem(request, sentence, error.status_code)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the type it is registered for
    found = error.errors()
    parts = [f"{'.'.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg'].lower()}" for one in found[:3]]
    return _problem(request, f"something in the form cannot be used: {'; '.join(parts)}; nothing was changed", 422)


Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
_HANDLERS: Final[dict[type[Exception], Handler]] = {
    NotSignedInError: _not_signed_in,
    NotAdmittedError: _not_admitted,
    WorldError: _world_error,
    LoadSenseError: _user_error,
    HTTPException: _http,
    RequestValidationError: _invalid,
}
