"""What the store holds of some people and days, for other programs: a row per session, or the recordings as BIDS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session as Reading

from loadsense.errors import OptionError, unknown_name
from loadsense.review import reading
from loadsense.review.facts import DoneSession, PersonFacts
from loadsense.review.words import iso_week
from loadsense.store import Store
from loadsense.store.erasure import csv_text, export_as_bids
from loadsense.store.people import the_person
from loadsense.store.tables import PersonRow, SessionRow

FORMS: Final = ("csv", "json", "bids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whose sessions, and of which local days.

    Attributes
    ----------
    person_id, group : str or None
        One person, or everybody of a group; None for both is everybody, whoever is archived too.
    first, last : date or None
        None leaves that side open.
    """

    person_id: str | None = None
    group: str | None = None
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise OptionError(
                f"the first day, {self.first.isoformat()}, lies after the last, {self.last.isoformat()}; "
                "expected the earlier one first"
            )

    def holds(self, day: date) -> bool:
        """Whether a day is chosen."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def chosen_people(db: Reading, choice: Choice) -> tuple[str, ...]:
    """Pseudonyms in order.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or there is no such group.
    """
    if choice.person_id is not None:
        return (the_person(db, choice.person_id).id,)
    groups = {one.name: one.id for one in reading.group_facts(db)}
    if choice.group is not None and choice.group not in groups:
        raise unknown_name("group", choice.group, groups)
    chosen = select(PersonRow.id).order_by(PersonRow.id)
    if choice.group is not None:
        chosen = chosen.where(PersonRow.group_id == groups[choice.group])
    return tuple(db.scalars(chosen))


def session_rows(db: Reading, choice: Choice, *, at: datetime) -> list[dict[str, Any]]:
    """A row for each session with its dose as it is judged now; None is unknown.

    Raises
    ------
    OptionError
        As `chosen_people`.
    """
    found = []
    for person_id in chosen_people(db, choice):
        person = reading.person_facts(db, person_id, at=at)
        if person is not None:
            found += [_row(person, one) for one in person.sessions if choice.holds(one.day)]
    return found


def _row(person: PersonFacts, one: DoneSession) -> dict[str, Any]:
    asked = person.asked_on(one.day)
    return {
        "person_id": person.id,
        "group": person.group.name if person.group else None,
        "session_id": one.id,
        "day": one.day.isoformat(),
        "week": iso_week(one.day),
        "start_time": one.start.isoformat() if one.start else None,
        "placement": one.placement or None,
        "plan": asked.plan.name if asked else None,
        "stage": asked.stage.name if asked else None,
        "landings_in_band": one.landings_in_band,
        "landings_asked": asked.landings if asked else None,
        "landings_at_least": one.landings_at_least,
        "median_peak_net_g": one.median_peak_net_g,
        "lift_sets_met": one.lift_sets_met,
        "lift_sets_asked": asked.lift_sets if asked else None,
        "lift_sets_at_least": one.lift_sets_at_least,
        "loads_kg": {row.exercise: row.load_kg for row in one.rows if row.load_kg is not None},
        "rpe": one.rpe,
        "rpe_scale": one.rpe_scale,
        "status": one.status,
        "judged": one.judged,
        "cannot_say": one.cannot_say or None,
    }


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows that a spreadsheet opens without running anything in them; unknown is an empty cell.

    Raises
    ------
    OptionError
        There is no row, so there is no table.
    """
    if not rows:
        raise _nothing()
    return csv_text([{**row, "loads_kg": _pairs(row["loads_kg"])} for row in rows])


def _pairs(loads_kg: dict[str, float]) -> str:
    return "; ".join(f"{exercise}={kg:g}" for exercise, kg in sorted(loads_kg.items()))


def as_json(rows: Sequence[dict[str, Any]], *, at: datetime) -> str:
    """The same rows with the instant at which they were so; unknown is null."""
    content = {"made_at": at.isoformat(), "sessions": list(rows)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_bids(store: Store, choice: Choice, root: Path) -> int:
    """Write the chosen sessions' recordings as a BIDS dataset into a folder; how many there were.

    Raises
    ------
    OptionError
        As `chosen_people`; or none of these sessions has samples.
    WorldError
        The folder cannot be written.
    """
    with store.reading() as db:
        ids = list(_session_ids(db, choice))
    n = export_as_bids(store, ids, root)
    if n == 0:
        raise _nothing("with samples ")
    return n


def _session_ids(db: Reading, choice: Choice) -> Iterator[int]:
    chosen = select(SessionRow.id, SessionRow.day).where(SessionRow.person_id.in_(chosen_people(db, choice)))
    return (row.id for row in db.execute(chosen.order_by(SessionRow.id)) if choice.holds(row.day))


def _nothing(what: str = "") -> OptionError:
    return OptionError(f"there is no session {what}of these people in these days; expected at least one: choose others")
