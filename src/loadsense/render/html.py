"""`report.html`: the session page as one file that needs nothing else, on a screen and on paper."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

    from loadsense.render.page import SessionPage


def render(page: SessionPage) -> str:
    """The report as text.

    Parameters
    ----------
    page : SessionPage
        What it says.
    """
    return _environment().get_template("report.html.j2").render(page=page)


@cache
def _environment() -> Environment:
    """Templates of this package; an unknown name is an error, and every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("loadsense.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
