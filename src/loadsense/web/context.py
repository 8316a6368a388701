"""What every page needs: the store, the clock, the templates, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from loadsense import __version__
from loadsense.render.words import FOOTER
from loadsense.review import reading, words
from loadsense.review.weeks import Limits as WeekLimits
from loadsense.store import Store
from loadsense.web.access import ACCESS, Visitor
from loadsense.web.guard import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One running dashboard.

    Attributes
    ----------
    store : Store
        Opened.
    tz : str
        Zone of people without a group.
    hosts : tuple of str
        Names under which it is served.
    limits : Limits
        Sizes and pace.
    is_demo : bool
        People and sessions are made up; pages say so.
    is_plain_http : bool
        Cookies go without `Secure`: on loopback only.
    now : callable
        The clock; tests and pictures have their own.
    week_limits : Limits
        What weeks are judged by.
    radio : str or None
        A virtual radio for this server's own sensors, `tcp:HOST:PORT`; the system's when None.
    """

    store: Store
    tz: str = "UTC"
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    limits: Limits = field(default_factory=Limits)
    is_demo: bool = False
    is_plain_http: bool = True
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    week_limits: WeekLimits = field(default_factory=reading.limits)
    radio: str | None = None

    def today(self) -> date:
        """Local day of the installation."""
        return self.now().astimezone(ZoneInfo(self.tz)).date()


def dashboard(request: Request) -> Dashboard:
    """The dashboard that answers."""
    found: Dashboard = request.app.state.dashboard
    return found


def visitor(request: Request) -> Visitor:
    """Who asks, as `admit` found out."""
    found: Visitor = request.state.visitor
    return found


@cache
def templates() -> Environment:
    """Templates of the dashboard and, behind them, of the report; an unknown name is an error, all is escaped."""
    loaders = [PackageLoader("loadsense.web", "templates"), PackageLoader("loadsense.render", "templates")]
    made = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(words.FILTERS)
    made.globals.update(version=__version__, footer=FOOTER)
    return made


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a part of one."""
    asking = visitor(request)
    shown: Mapping[str, Any] = {
        "visitor": asking,
        "may": lambda name: name in ACCESS and asking.role >= ACCESS[name].least,
        "is_demo": dashboard(request).is_demo,
        "path": request.url.path,
        **values,
    }
    return HTMLResponse(templates().get_template(template).render(shown), status_code=status)


#: After a form, the browser asks for the page again, so that reloading sends nothing twice.
_SEE_OTHER: Final = 303


def go_to(path: str) -> Response:
    """Send the browser to another of our pages."""
    return RedirectResponse(path, status_code=_SEE_OTHER)
