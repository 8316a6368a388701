"""The list of people: who is here, who was, and the groups they train in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reading

from loadsense.store.tables import Group, PersonRow, SessionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """One person as the list shows her; `version` is for edits, None is unknown."""

    person_id: str
    version: int
    group_id: int | None
    group: str
    body_mass_kg: float | None
    last_day: date | None
    is_archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """One group: its weekdays (0 is Monday), its zone, and how many are in it."""

    id: int
    version: int
    name: str
    weekdays: tuple[int, ...]
    tz: str
    n_people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """Everything the list of people says; `active` and `archived` by pseudonym, `groups` by name."""

    active: tuple[PersonLine, ...]
    archived: tuple[PersonLine, ...]
    groups: tuple[GroupLine, ...]


def people_page(db: Reading) -> PeoplePage:
    """Everybody, and every group."""
    groups = {one.id: one for one in db.scalars(select(Group).order_by(Group.name))}
    latest = select(SessionRow.person_id, func.max(SessionRow.day).label("day")).group_by(SessionRow.person_id)
    last = {row.person_id: row.day for row in db.execute(latest)}
    rows = db.scalars(select(PersonRow).order_by(PersonRow.id)).all()
    lines = [_line(row, groups, last.get(row.id)) for row in rows]
    return PeoplePage(
        active=tuple(one for one in lines if not one.is_archived),
        archived=tuple(one for one in lines if one.is_archived),
        groups=tuple(_group(one, rows) for one in groups.values()),
    )


def _line(row: PersonRow, groups: dict[int, Group], last_day: date | None) -> PersonLine:
    group = groups.get(row.group_id) if row.group_id is not None else None
    return PersonLine(
        person_id=row.id,
        version=row.version,
        group_id=row.group_id,
        group=group.name if group else "",
        body_mass_kg=row.body_mass_kg,
        last_day=last_day,
        is_archived=row.archived_at is not None,
    )


def _group(row: Group, people: Sequence[PersonRow]) -> GroupLine:
    n_people = sum(one.group_id == row.id and one.archived_at is None for one in people)
    return GroupLine(
        id=row.id, version=row.version, name=row.name, weekdays=tuple(row.weekdays), tz=row.tz, n_people=n_people
    )
