"""Dates, numbers and plurals as pages and paper print them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from loadsense.render.words import clock as session_clock

DASH: Final = "–"


def day(value: date | None, tz: str | None = None) -> str:
    """Day as people say it, with its year; of an instant, the day that it was in a zone, if one is given.

    Examples
    --------
    >>> from datetime import UTC
    >>> day(date(2026, 11, 3)), day(None)
    ('Tue 3 Nov 2026', '–')
    >>> day(datetime(2026, 11, 23, 23, 48, tzinfo=UTC), "Europe/Madrid")
    'Tue 24 Nov 2026'
    """
    if isinstance(value, datetime) and tz is not None:
        value = value.astimezone(ZoneInfo(tz))
    return DASH if value is None else f"{value:%a} {value.day} {value:%b %Y}"


def ago(days: int | None) -> str:
    """Days since, short.

    Examples
    --------
    >>> ago(0), ago(6), ago(None)
    ('today', '6 d', '–')
    """
    return DASH if days is None else "today" if days == 0 else f"{days} d"


def clock(value: datetime | None, tz: str | None) -> str:
    """Local time of day.

    Examples
    --------
    >>> from datetime import UTC
    >>> clock(datetime(2026, 11, 23, 9, 5, tzinfo=UTC), "Europe/Madrid")
    '10:05'
    """
    return DASH if value is None else f"{value.astimezone(ZoneInfo(tz or 'UTC')):%H:%M}"


def position(seconds: float) -> str:
    """A moment of a session as minutes and seconds, with hours when there are any.

    Examples
    --------
    >>> position(899.7)
    '14:59.7'
    """
    return session_clock(seconds)


def number(value: float | None, digits: int = 1) -> str:
    """A number, or a dash.

    Examples
    --------
    >>> number(4.56), number(None), number(60.0, 0)
    ('4.6', '–', '60')
    """
    return DASH if value is None else f"{value:.{digits}f}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "session"), counted(2, "session")
    ('1 session', '2 sessions')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def plain(name: str) -> str:
    """A key as words.

    Examples
    --------
    >>> plain("back_squat")
    'back squat'
    """
    return name.replace("_", " ")


def iso_week(value: date) -> str:
    """ISO week of a day.

    Examples
    --------
    >>> iso_week(date(2026, 11, 16))
    '2026-W47'
    """
    return f"{value.isocalendar().year}-W{value.isocalendar().week:02d}"


def day_month(value: date) -> str:
    """Day without its year, for axes.

    Examples
    --------
    >>> day_month(date(2026, 11, 3))
    '3 Nov'
    """
    return f"{value.day} {value:%b}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "day": day,
    "ago": ago,
    "clock": clock,
    "number": number,
    "position": position,
    "counted": counted,
    "plain": plain,
    "iso_week": iso_week,
    "day_month": day_month,
}
