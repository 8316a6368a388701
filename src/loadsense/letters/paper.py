"""Templates into HTML, and HTML into PDF: tagged, without a request to anywhere, one at a time."""

from __future__ import annotations

from functools import cache
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from loadsense import __version__
from loadsense.errors import WorldError
from loadsense.render.words import FOOTER
from loadsense.review import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from weasyprint import Document
    from weasyprint.urls import URLFetcher

#: WeasyPrint takes a core and some ten megabytes while it works.
_ONE_AT_A_TIME: Final = Lock()
_PATIENCE_S: Final = 60.0
MISSING: Final = (
    "a PDF needs WeasyPrint with Pango, which this installation lacks (pip install 'loadsense[dashboard]'; on Debian "
    "also apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0); the page itself prints from a browser"
)


@cache
def _environment() -> Environment:
    """Templates of this room; an unknown name is an error, and every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("loadsense.letters", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(version=__version__, footer=FOOTER)
    return made


def css() -> str:
    """The style of everything on paper."""
    return resources.files("loadsense.letters").joinpath("templates", "paper.css").read_text("utf-8")


def html(template: str, *, css_href: str = "", bar: str = "", **values: Any) -> str:
    """A page of paper as HTML.

    Parameters
    ----------
    template : str
        Its name.
    css_href : str
        Where the style is served; empty writes it into the page, which then needs nothing else.
    bar : str
        HTML above the paper, for the screen only; the caller has escaped it.
    **values
        What the template shows.
    """
    from markupsafe import Markup

    style = "" if css_href else css()
    shown = {"css_href": css_href, "css": Markup(style), "bar": Markup(bar), **values}  # noqa: S704 - our own style
    return _environment().get_template(template).render(shown)


def laid_out(page: str) -> Document:
    """HTML laid out on pages.

    Raises
    ------
    WorldError
        WeasyPrint or one of its libraries is missing, or others have been waiting too long.
    """
    try:
        import weasyprint
    except (ImportError, OSError):  # the second: Pango is no Python package
        raise WorldError(MISSING) from None
    if not _ONE_AT_A_TIME.acquire(timeout=_PATIENCE_S):
        raise WorldError("other letters and reports are being printed; try again in a minute")
    try:
        return weasyprint.HTML(string=page, url_fetcher=_refusing()).render(pdf_variant="pdf/ua-1")
    finally:
        _ONE_AT_A_TIME.release()


def written(document: Document) -> bytes:
    """Pages as a tagged PDF (PDF/UA-1)."""
    with _ONE_AT_A_TIME:
        made: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return made


@cache
def _refusing() -> URLFetcher:
    """Paper holds everything itself: nothing is fetched, from the network or from the disk."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=())
