"""Rows as lines of JSON and back, the same for both databases."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, MetaData, func, insert, select, text, update
from sqlalchemy import Table as CoreTable
from sqlalchemy.orm import Session
from sqlalchemy.types import JSON, Date, DateTime, LargeBinary

from loadsense.store.tables import Table

#: What no backup holds: who is signed in at this moment, and who mistyped a password.
PASSING: Final = ("web_sessions", "sign_in_failures")
_AT_ONCE: Final = 500
#: Each session names its current analysis and each analysis its session: the former is written last.
_LAST: Final = ("sessions", "current_analysis_id")


def table_names() -> tuple[str, ...]:
    """Tables in an order in which they can be written."""
    return tuple(table.name for table in Table.metadata.sorted_tables if table.name not in PASSING)


def lines_of(db: Session, name: str) -> Iterator[str]:
    """Every row of a table as one line of JSON."""
    table = Table.metadata.tables[name]
    chosen = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_AT_ONCE)
    for row in db.execute(chosen):
        yield line_of(dict(row._mapping)) + "\n"


def line_of(row: Mapping[str, Any]) -> str:
    """One row as JSON; bytes are base64, times ISO 8601 in UTC."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def write_rows(connection: Connection, tables: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write rows into empty tables of the revision that the database has; tables in an order that keys allow.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    tables : iterable of (str, iterable of str)
        Name of a table, and its lines.
    """
    known = MetaData()
    known.reflect(connection, resolve_fks=False)
    last: list[tuple[int, int]] = []
    for name, lines in tables:
        table = known.tables[name]
        readers = {column.name: _reader(column.type) for column in table.columns}
        for batch in _batches(lines):
            rows = [{key: readers[key](value) for key, value in row.items()} for row in batch]
            if name == _LAST[0]:
                last += [(row["id"], row.pop(_LAST[1])) for row in rows]
            connection.execute(insert(table), rows)
    _write_last(connection, known.tables[_LAST[0]], last)
    if connection.dialect.name == "postgresql":
        _continue_numbers(connection, known)


def _batches(lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    held: list[dict[str, Any]] = []
    for line in lines:
        held.append(json.loads(line))
        if len(held) == _AT_ONCE:
            yield held
            held = []
    if held:
        yield held


def _reader(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, JSON):
        return lambda value: value
    if isinstance(kind, DateTime):
        return lambda value: None if value is None else _naive(datetime.fromisoformat(value))
    if isinstance(kind, Date):
        return lambda value: None if value is None else date.fromisoformat(value)
    if isinstance(kind, LargeBinary):
        return lambda value: None if value is None else base64.b64decode(value)
    return lambda value: value


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _write_last(connection: Connection, sessions: CoreTable, last: Iterable[tuple[int, int]]) -> None:
    for session_id, analysis_id in last:
        named = update(sessions).where(sessions.c.id == session_id)
        connection.execute(named.values({_LAST[1]: analysis_id}))


def _continue_numbers(connection: Connection, known: MetaData) -> None:
    """Rows came with their numbers: new ones go on behind the highest."""
    for table in known.tables.values():
        if "id" in table.c and table.c.id.type.python_type is int:
            highest = connection.scalar(select(func.max(table.c.id)))
            sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
            if highest is not None and sequence is not None:
                connection.execute(
                    text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest}
                )
