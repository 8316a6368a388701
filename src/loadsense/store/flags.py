"""Safety flags: raised by rules, acknowledged by a coach, cleared by a clinician's name and date. Only that unlocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense.errors import OptionError
from loadsense.results import Flag
from loadsense.store.changing import change, found
from loadsense.store.opening import Writing
from loadsense.store.tables import FlagRow

#: A day that is not before an instant in this zone is before it in none.
_WESTERNMOST: Final = timedelta(hours=12)


def raise_flags(
    tx: Writing, person_id: str, flags: Iterable[Flag], *, session_id: int | None = None
) -> tuple[FlagRow, ...]:
    """Keep the red and amber flags that fired; notes explain and are not kept."""
    return _raised(tx, [_row(tx, person_id, flag, session_id) for flag in flags if flag.severity != "note"])


def _raised(tx: Writing, rows: Sequence[FlagRow]) -> tuple[FlagRow, ...]:
    tx.db.add_all(rows)
    tx.db.flush()
    for row in rows:
        tx.audit("flag raised", f"flag {row.id}", person_id=row.person_id, rule=row.rule, severity=row.severity)
    return tuple(rows)


def _row(tx: Writing, person_id: str, flag: Flag, session_id: int | None) -> FlagRow:
    return FlagRow(
        person_id=person_id,
        session_id=session_id,
        rule=flag.rule,
        severity=flag.severity,
        sentence=flag.sentence,
        source=flag.source,
        raised_at=tx.at,
        version=1,
    )


def renew_flags(tx: Writing, raised: Mapping[tuple[str, int], Sequence[Flag]], *, rules: Iterable[str]) -> None:
    """Bring the flags of sessions in line with their latest analysis, and keep what was said of them.

    Parameters
    ----------
    tx : Writing
    raised : mapping of (str, int) to sequence of Flag
        What is raised now, by pseudonym and session; at most one flag of a rule.
    rules : iterable of str
        Rules that can be raised so at all; flags of others stay as they are.
    """
    ids = [session_id for _, session_id in raised]
    chosen = select(FlagRow).where(FlagRow.session_id.in_(ids), FlagRow.rule.in_(list(rules)))
    known = {(row.session_id, row.rule): row for row in tx.db.scalars(chosen)}
    new = []
    for (person_id, session_id), flags in raised.items():
        for flag in flags:
            row = known.pop((session_id, flag.rule), None)
            if row is not None and flag.severity != "note":
                _renew(tx, row, flag)
            elif flag.severity != "note":
                new.append(_row(tx, person_id, flag, session_id))
    for row in known.values():
        _renew(tx, row, None)
    _raised(tx, new)


def _renew(tx: Writing, row: FlagRow, flag: Flag | None) -> None:
    if flag is None and row.withdrawn_at is None:
        row.withdrawn_at = tx.at
        tx.audit("flag withdrawn", f"flag {row.id}", person_id=row.person_id, rule=row.rule)
    elif flag is not None:
        if row.withdrawn_at is not None:
            tx.audit("flag raised", f"flag {row.id}", person_id=row.person_id, rule=row.rule, severity=row.severity)
        row.withdrawn_at = None
        row.sentence = flag.sentence


def acknowledge(tx: Writing, flag_id: int, note: str, *, version: int) -> FlagRow:
    """Say that a flag was seen. It does not unlock anything.

    Raises
    ------
    OptionError
        No such flag.
    Conflict
        Somebody has acknowledged or cleared it in the meantime.
    """
    row = found(tx.db, FlagRow, flag_id, "flag")
    values = {"acknowledged_at": tx.at, "acknowledged_by": tx.by_user, "acknowledged_note": note.strip()}
    change(tx, row, version=version, subject=f"flag {flag_id}", values=values)
    return row


def clear(tx: Writing, flag_id: int, *, by: str, on: date, version: int) -> FlagRow:
    """Unlock after a red flag, by the name of who cleared her and the day.

    Raises
    ------
    OptionError
        No such flag, no name, or a day before the flag was raised.
    Conflict
        Somebody has acknowledged or cleared it in the meantime.
    """
    row = found(tx.db, FlagRow, flag_id, "flag")
    if not by.strip():
        raise OptionError("nobody is named; expected who cleared her for training: a clearance needs a name and a day")
    if on < (row.raised_at - _WESTERNMOST).date():
        raise OptionError(
            f"cleared on {on.isoformat()}, before the flag of {row.raised_at:%Y-%m-%d}; expected a day after it"
        )
    values = {"cleared_by": by.strip(), "cleared_on": on}
    change(tx, row, version=version, subject=f"flag {flag_id}", values=values)
    return row


def open_flags(db: Session, person_id: str) -> tuple[FlagRow, ...]:
    """Red flags that nobody has cleared, and amber ones that nobody has acknowledged, the oldest first."""
    chosen = select(FlagRow).where(FlagRow.person_id == person_id, FlagRow.withdrawn_at.is_(None))
    rows = db.scalars(chosen.order_by(FlagRow.raised_at, FlagRow.id))
    return tuple(row for row in rows if _is_open(row))


def _is_open(row: FlagRow) -> bool:
    if row.severity == "red":
        return row.cleared_on is None
    return row.acknowledged_at is None and row.cleared_on is None
