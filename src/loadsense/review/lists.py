"""Lists that grow, a page at a time: each answer says where the next one begins, and rows that come in move nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session as Reading

from loadsense.review.facts import DoneSession, FlagFacts
from loadsense.store.tables import EventRow, SessionRow

MOST_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One event of a session's current analysis, in seconds from the session's start.

    Attributes
    ----------
    id : int
        Of its row; `event_id` is its name within a sensor.
    kind : str
        "landing", "repetition", "set" or "excluded".
    peak_net_g, loading_rate_g_per_s : float or None
        Of an impact, NET g; None where it has none or it cannot be said.
    grade, exercise : str, str or None
        What it was judged as.
    """

    id: int
    event_id: str
    sensor: str
    kind: str
    start_s: float
    peak_s: float | None
    end_s: float | None
    peak_net_g: float | None
    loading_rate_g_per_s: float | None
    grade: str
    exercise: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    """Events in order; ask again with `after=next` for more, None is the end."""

    items: tuple[EventLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    """Sessions, the newest first; ask again with `before=next` for older ones, None is the end."""

    items: tuple[DoneSession, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagList:
    """Flags, the newest first; ask again with `before=next` for older ones, None is the end."""

    items: tuple[FlagFacts, ...]
    next: int | None


def event_list(db: Reading, session_id: int, *, after: int, limit: int) -> EventList | None:
    """Events of the current analysis behind a row; None where there is no such session."""
    session = db.get(SessionRow, session_id)
    if session is None:
        return None
    chosen = select(EventRow).where(EventRow.analysis_id == session.current_analysis_id, EventRow.id > after)
    rows = db.scalars(chosen.order_by(EventRow.id).limit(limit + 1)).all()
    names = EventLine.__slots__
    items = tuple(EventLine(**{name: getattr(row, name) for name in names}) for row in rows[:limit])
    return EventList(items=items, next=items[-1].id if len(rows) > limit else None)


def session_list(sessions: Sequence[DoneSession], *, before: int | None, limit: int) -> SessionList:
    """Of sessions in order of time, those older than one of them."""
    items, following = _older(sessions, before, limit)
    return SessionList(items=items, next=following)


def flag_list(flags: Sequence[FlagFacts], *, before: int | None, limit: int) -> FlagList:
    """Of flags in order of time, those older than one of them."""
    items, following = _older(flags, before, limit)
    return FlagList(items=items, next=following)


class _Row(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Row)


def _older(rows: Sequence[Row], before: int | None, limit: int) -> tuple[tuple[Row, ...], int | None]:
    newest_first = list(reversed(rows))
    if before is not None:
        at = next((n for n, one in enumerate(newest_first) if one.id == before), len(newest_first))
        newest_first = newest_first[at + 1 :]
    items = tuple(newest_first[:limit])
    return items, items[-1].id if len(newest_first) > limit else None
