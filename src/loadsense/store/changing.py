"""Rows that two people may edit: whoever saves second is told what the first one changed, and overwrites nothing."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense.errors import Conflict, OptionError
from loadsense.store.opening import Writing
from loadsense.store.tables import AuditRow, PersonRow, Table, User


class Versioned(Protocol):
    """A row with a version that counts its changes."""

    version: int


Row = TypeVar("Row", bound=Table)


def change(tx: Writing, row: Table, *, version: int, subject: str, values: dict[str, Any]) -> tuple[str, ...]:
    """Change a row that the user saw at a version; return the names of what is different now.

    Parameters
    ----------
    tx : Writing
    row : Table
        One with `version`.
    version : int
        At which the user saw it.
    subject : str
        Under which its changes are told: "person p017", "group 3".
    values : dict
        New values by column; those that are the same already are left out.

    Raises
    ------
    Conflict
        Somebody has changed it since; the sentence says who, what and when.
    """
    seen = cast(Versioned, row)
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if seen.version != version:
        raise conflict(tx.db, subject, version)
    if not changed:
        return ()
    for name, value in changed.items():
        setattr(row, name, value)
    seen.version += 1
    names = tuple(sorted(changed))
    person_id = row.id if isinstance(row, PersonRow) else getattr(row, "person_id", None)
    tx.audit("changed", subject, person_id=person_id, version=seen.version, changed=list(names))
    return names


def conflict(db: Session, subject: str, version: int) -> Conflict:
    """What happened to a subject after a version."""
    chosen = select(AuditRow, User.login).outerjoin(User, User.id == AuditRow.by_user)
    later = [
        (row, login or "loadsense")
        for row, login in db.execute(chosen.where(AuditRow.subject == subject).order_by(AuditRow.id))
        if row.detail.get("version", 0) > version
    ]
    told = "; ".join(f"{login} on {row.at:%Y-%m-%d %H:%M} UTC ({_what(row)})" for row, login in later)
    return Conflict(
        f"{subject} was changed after you opened it: {told or 'by somebody'}; nothing was overwritten and nothing is "
        "lost: look at it again, then repeat your change"
    )


def _what(row: AuditRow) -> str:
    return ", ".join(name.replace("_", " ") for name in row.detail.get("changed", ())) or row.action


def found(db: Session, kind: type[Row], key: object, name: str) -> Row:
    """A row by its key.

    Raises
    ------
    OptionError
        There is none.
    """
    row = db.get(kind, key)
    if row is None:
        raise OptionError(f"there is no {name} {key}; expected one that exists: go back and choose it from the list")
    return row
