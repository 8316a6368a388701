"""Who trains, and what was said of her: appended with who and when, never overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import evidence
from loadsense.errors import OptionError
from loadsense.prescriptions import OneRepMax, Person, Screening
from loadsense.samples import checked_body_mass_kg
from loadsense.store.changing import change as change_row
from loadsense.store.changing import found
from loadsense.store.knowing import Known, nobody
from loadsense.store.opening import Writing
from loadsense.store.packing import plain
from loadsense.store.prescribing import Asked, prescribe, prescription_at
from loadsense.store.tables import Group, OneRepMaxRow, PersonRow, ScreeningRow

_PSEUDONYM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class PersonChanges(TypedDict, total=False):
    """What may be changed of a person."""

    group_id: int | None
    body_mass_kg: float | None


class GroupChanges(TypedDict, total=False):
    """What may be changed of a group."""

    name: str
    weekdays: Sequence[int]
    tz: str


def create(tx: Writing, person_id: str, *, group_id: int | None = None, body_mass_kg: float | None = None) -> PersonRow:
    """Somebody new, under a pseudonym.

    Raises
    ------
    OptionError
        The pseudonym cannot be or is taken, the group does not exist, or a body mass outside 20 to 300 kg.
    """
    if not _PSEUDONYM.fullmatch(person_id):
        raise OptionError(
            f"'{person_id}' cannot be a pseudonym; expected up to 32 of a-z, 0-9 and -, such as p017, and no name"
        )
    if tx.db.get(PersonRow, person_id) is not None:
        raise OptionError(f"{person_id} exists already; expected a new pseudonym: choose another, or open {person_id}")
    if group_id is not None:
        found(tx.db, Group, group_id, "group")
    row = PersonRow(
        id=person_id, group_id=group_id, body_mass_kg=checked_body_mass_kg(body_mass_kg), created_at=tx.at, version=1
    )
    tx.add(row)
    tx.audit("created", f"person {person_id}", person_id=person_id, version=1)
    return row


def change(tx: Writing, person_id: str, *, version: int, **changes: Unpack[PersonChanges]) -> PersonRow:
    """Change her group or body mass.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, no such group, or a body mass that cannot be.
    Conflict
        Somebody else changed her in the meantime.
    """
    row = the_person(tx.db, person_id)
    checked_body_mass_kg(changes.get("body_mass_kg"))
    if changes.get("group_id") is not None:
        found(tx.db, Group, changes["group_id"], "group")
    _change_person(tx, row, version, dict(changes))
    return row


def archive(tx: Writing, person_id: str, *, version: int) -> PersonRow:
    """Take her off the roster; everything stays."""
    row = the_person(tx.db, person_id)
    _change_person(tx, row, version, {"archived_at": tx.at})
    return row


def bring_back(tx: Writing, person_id: str, *, version: int) -> PersonRow:
    """Put her on the roster again."""
    row = the_person(tx.db, person_id)
    _change_person(tx, row, version, {"archived_at": None})
    return row


def _change_person(tx: Writing, row: PersonRow, version: int, values: dict[str, Any]) -> None:
    change_row(tx, row, version=version, subject=f"person {row.id}", values=values)


def the_person(db: Session, person_id: str) -> PersonRow:
    """Her row.

    Raises
    ------
    OptionError
        Nobody has this pseudonym.
    """
    row = db.get(PersonRow, person_id)
    if row is None:
        raise nobody(person_id)
    return row


# -- groups


def create_group(tx: Writing, name: str, *, weekdays: Sequence[int], tz: str) -> Group:
    """People who train together, on weekdays counted from 0 for Monday.

    Raises
    ------
    OptionError
        The name is taken or empty, a weekday is none, or the time zone is unknown.
    """
    row = Group(**_checked_group(tx.db, None, {"name": name, "weekdays": weekdays, "tz": tz}), version=1)
    tx.add(row)
    tx.audit("created", f"group {row.id}", version=1)
    return row


def change_group(tx: Writing, group_id: int, *, version: int, **changes: Unpack[GroupChanges]) -> Group:
    """Change a group's name, days or zone; errors as for `create_group`, and `Conflict`."""
    row = found(tx.db, Group, group_id, "group")
    values = _checked_group(tx.db, group_id, changes)
    change_row(tx, row, version=version, subject=f"group {group_id}", values=values)
    return row


def _checked_group(db: Session, group_id: int | None, values: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(values)
    if "name" in checked:
        checked["name"] = checked["name"].strip()
        taken = db.scalar(select(Group.id).where(Group.name == checked["name"], Group.id != (group_id or 0)))
        if not checked["name"] or taken is not None:
            raise OptionError(f"a group cannot be called '{checked['name']}'; expected a name that no other group has")
    if "weekdays" in checked:
        checked["weekdays"] = sorted(set(checked["weekdays"]))
        if not checked["weekdays"] or not all(0 <= day <= 6 for day in checked["weekdays"]):
            raise OptionError(f"weekdays {checked['weekdays']}; expected some of 0 (Monday) to 6 (Sunday)")
    if "tz" in checked:
        _check_zone(checked["tz"])
    return checked


def _check_zone(tz: str) -> None:
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OptionError(f"unknown time zone '{tz}'; expected an IANA name such as Europe/Madrid") from None


# -- what was said of her


def screen(tx: Writing, person_id: str, screening: Screening) -> ScreeningRow:
    """Keep the answers of a screening.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or the screening has no date.
    """
    the_person(tx.db, person_id)
    if screening.screened_on is None:
        raise OptionError("the screening has no date; expected the day on which she was asked")
    row = ScreeningRow(
        person_id=person_id,
        screened_on=screening.screened_on,
        answers=plain(screening),
        at=tx.at,
        by_user=tx.by_user,
    )
    tx.add(row)
    tx.audit("screened", f"person {person_id}", person_id=person_id, screening=row.id)
    return row


def add_one_rm(tx: Writing, person_id: str, one_rm: OneRepMax) -> OneRepMaxRow:
    """Keep a one-repetition maximum with its date and method.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or a weight outside 1 to 1000 kg.
    """
    the_person(tx.db, person_id)
    if not 1.0 <= one_rm.kg <= 1000.0:
        raise OptionError(f"a maximum of {one_rm.kg:g} kg; expected 1 to 1000 kg")
    row = OneRepMaxRow(
        person_id=person_id,
        exercise=one_rm.exercise,
        kg=one_rm.kg,
        measured_on=one_rm.measured_on,
        method=one_rm.method,
        at=tx.at,
        by_user=tx.by_user,
    )
    tx.add(row)
    tx.audit("one-repetition maximum", f"person {person_id}", person_id=person_id, one_rm=row.id)
    return row


def import_person(tx: Writing, path: str | Path) -> str:
    """Take in a person's TOML file (`--person`): create her, or add what the file says to what is known.

    Returns
    -------
    str
        Her pseudonym.

    Raises
    ------
    OptionError, ContentError
        The file cannot be read, or holds no pseudonym.
    """
    said = evidence.load_person(path)
    if said.id is None:
        raise OptionError(f"{Path(path).name}: key 'id' is missing; expected her pseudonym, such as p017")
    row = tx.db.get(PersonRow, said.id)
    if row is None:
        row = create(tx, said.id, body_mass_kg=said.body_mass_kg)
    elif said.body_mass_kg is not None:
        _change_person(tx, row, row.version, {"body_mass_kg": said.body_mass_kg})
    known = person_at(tx.db, said.id, date.max)
    if said.screening is not None and said.screening.screened_on is not None and said.screening != known.screening:
        screen(tx, said.id, said.screening)
    for one_rm in said.one_rms:
        if one_rm not in known.one_rms:
            add_one_rm(tx, said.id, one_rm)
    if said.plan is not None:
        _prescribe_as_said(tx, said)
    return said.id


def _prescribe_as_said(tx: Writing, said: Person) -> None:
    asked = Asked(
        from_day=tx.at.date(),
        plan=said.plan or "",
        stage=said.stage,
        target_landings=said.target_landings,
        min_net_g=said.min_net_g,
        ceiling_net_g=said.ceiling_net_g,
    )
    now = prescription_at(tx.db, said.id or "", date.max)
    if now is None or replace(asked, from_day=now.from_day) != Asked.of(now):
        first = date.min if now is None else asked.from_day  # a first file tells of the sessions before it too
        prescribe(tx, said.id or "", replace(asked, from_day=first), reason="from her file")


# -- as she was known on a day


def person_at(db: Session, person_id: str, day: date) -> Person:
    """As she was known on a local day: see `knowing.Known.person`.

    Raises
    ------
    OptionError
        Nobody has this pseudonym.
    """
    return Known(db, [person_id]).person(person_id, day)


def screening_at(db: Session, person_id: str, day: date) -> Screening | None:
    """The screening that holds on a day: see `knowing.Known.screening`."""
    return Known(db, [person_id]).screening(person_id, day)
