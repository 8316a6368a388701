"""The weekly report of a group: the roster on paper. No bone density, no therapy, no index: others see it too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loadsense.letters import paper
from loadsense.protocol.weeks import Standing
from loadsense.review.roster import RosterPage


def week_html(roster: RosterPage, *, made_at: datetime, group: str = "", css_href: str = "", bar: str = "") -> str:
    """The report as a page of HTML.

    Parameters
    ----------
    roster : RosterPage
        One week.
    made_at : datetime
        Local time.
    group : str
        Whose; empty for everybody.
    css_href, bar : str
        As in `paper.html`.
    """
    return _html(roster, made_at=made_at, group=group, css_href=css_href, bar=bar)


def week_pdf(roster: RosterPage, *, made_at: datetime, group: str = "") -> bytes:
    """The report as a tagged PDF, of as many pages as it takes.

    Raises
    ------
    WorldError
        WeasyPrint is missing, or busy for too long.
    """
    return paper.written(paper.laid_out(_html(roster, made_at=made_at, group=group)))


def _html(roster: RosterPage, **how: Any) -> str:
    needing = [line for line in roster.lines if line.standing > Standing.OVER]
    others = [line for line in roster.lines if line.standing <= Standing.OVER]
    return paper.html("report_week.html.j2", roster=roster, needing=needing, others=others, **how)
