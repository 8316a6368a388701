"""A store, opened: the database at its newest form, the folder of the sample files, and one way in for every writer.

Theory of operation. SQLite refuses a second writer at once when a transaction that began by reading wants to write, so
every writing transaction begins as one (BEGIN IMMEDIATE); PostgreSQL takes one lock for the same purpose. Writers
therefore wait for each other, on both databases alike, and what a writer reads stays true until it commits. They hold
the lock for milliseconds: files are read and sessions analyzed before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from loadsense.errors import OptionError, WorldError
from loadsense.store import migrating, sweeping
from loadsense.store.tables import AuditRow, Table, User
from loadsense.store.times import now

#: What only reads gets an ORM session: one consistent snapshot.
Reading = Session

#: How long a writer waits for the one before it.
_WAIT_MS: Final = 15_000
#: Key of the lock that writers on PostgreSQL take: "loadsen" in ASCII.
_WRITERS: Final = 0x6C6F616473656E
#: Option of a connection whose transactions write.
WRITES: Final = "loadsense_writes"


@dataclass(slots=True)
class Writing:
    """One transaction of one user: everything in it happens at one instant, or not at all.

    Attributes
    ----------
    db : sqlalchemy.orm.Session
        To write with.
    by_user : int or None
        Who writes; None for the program itself.
    at : datetime
        The instant, UTC.
    """

    db: Reading
    by_user: int | None
    at: datetime
    _audited: bool = field(default=False, init=False)
    _changed: bool = field(default=False, init=False)

    def add(self, row: Table) -> None:
        """Add a row and give it its id at once."""
        self.db.add(row)
        self.db.flush()

    def audit(self, action: str, subject: str, *, person_id: str | None = None, **detail: Any) -> None:
        """Leave word of what was done; `detail` holds no names and no free text."""
        self.db.add(
            AuditRow(
                at=self.at,
                by_user=self.by_user,
                action=action,
                subject=subject,
                person_id=person_id,
                detail=detail,
            )
        )
        self._audited = True

    def says_nothing(self) -> None:
        """What changed is nobody's act: when a browser was last seen."""
        self._audited = True

    def finish(self) -> None:
        """Refuse to commit a change that nobody was told of."""
        self.db.flush()
        if self._changed and not self._audited:
            raise AssertionError("a transaction changed rows and left no audit row")

    def noticed(self) -> None:
        """Rows other than audit rows have changed."""
        self._changed = True


class Store:
    """The database and the folder of sample files.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        At the newest revision.
    folder : Path
        Where sample files lie.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self._writing = engine.execution_options(**{WRITES: True})

    def __repr__(self) -> str:
        return f"Store({self.engine.url.render_as_string(hide_password=True)}, {self.folder})"

    @property
    def url(self) -> URL:
        """Of the database."""
        return self.engine.url

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One consistent snapshot, for reading only."""
        with Reading(self.engine, expire_on_commit=False, autoflush=False) as db, _translated():
            yield db

    @contextmanager
    def writing(self, by_user: int | None = None) -> Iterator[Writing]:
        """One transaction; it commits at the end of the block, or leaves nothing behind.

        Raises
        ------
        WorldError
            The database is busy for longer than 15 s, full or gone.
        """
        with Reading(self._writing, expire_on_commit=False) as db, _translated(), db.begin():
            tx = Writing(db=db, by_user=by_user, at=now())
            event.listen(db, "after_flush", lambda session, _: _notice(session, tx))
            event.listen(db, "do_orm_execute", lambda state: _notice_bulk(state, tx))
            yield tx
            tx.finish()

    def login_of(self, db: Reading, user_id: int | None) -> str:
        """How a user signs in, for sentences such as "changed by ..."."""
        login = db.scalar(select(User.login).where(User.id == user_id)) if user_id is not None else None
        return login or "loadsense"

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def open_store(url_or_path: str | Path, folder: str | Path) -> Store:
    """Open a store, make it where there is none, and bring an older one up to date.

    Parameters
    ----------
    url_or_path : str or Path
        Path of a SQLite file, or a SQLAlchemy URL (`postgresql://...`).
    folder : str or Path
        Of the sample files; made where it is missing.

    Raises
    ------
    OptionError
        The URL cannot be used, or the database was written by a later LoadSense.
    WorldError
        The database or the folder cannot be opened.
    """
    url = url_of(url_or_path)
    with ExitStack() as on_failure:  # a store that is refused holds no connection
        engine = _engine(url)
        on_failure.callback(engine.dispose)
        store = Store(engine, _made(Path(folder)))
        with connected(url) as connection:
            migrating.bring_up_to_date(connection)
        with store.writing() as tx:
            sweeping.sweep(tx.db, store.folder)
        on_failure.pop_all()
    return store


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """A connection in one transaction, for changing the form of the database or filling an empty one.

    SQLite changes a table by making a new one and dropping the old; with foreign keys on that would drop the rows that
    refer to it. So they are off here.
    """
    engine = _engine(url, foreign_keys=False)
    try:
        with (
            _translated(),
            engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection
    finally:
        engine.dispose()


def url_of(url_or_path: str | Path) -> URL:
    """Of a database: a SQLAlchemy URL as it is, a path as that of a SQLite file."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(url_or_path))
    try:
        return make_url(url_or_path)
    except ArgumentError:
        raise OptionError(
            f"'{url_or_path}' is no database; expected the path of a file, or postgresql://user@host/name"
        ) from None


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise WorldError(f"{folder}: cannot be made ({fault.strerror}); choose another folder") from None
    return folder


def _engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise OptionError(f"a store in {url.get_backend_name()} is not possible; expected SQLite or PostgreSQL")
    try:
        engine = create_engine(url, hide_parameters=True)  # a fault in a log quotes nothing of anybody
    except (NoSuchModuleError, ModuleNotFoundError):
        raise OptionError(
            "PostgreSQL needs psycopg, which is not installed: pip install 'loadsense[postgres]', or use a file"
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, foreign_keys))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, foreign_keys: bool) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in (
        f"busy_timeout={_WAIT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        "secure_delete=ON",  # who is erased is gone from the file too
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        connection.execute(text(f"SET LOCAL lock_timeout = {_WAIT_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITERS})"))
    else:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def _notice(session: Reading, tx: Writing) -> None:
    rows = [*session.new, *session.dirty, *session.deleted]
    if any(not isinstance(row, AuditRow) for row in rows):
        tx.noticed()


def _notice_bulk(state: Any, tx: Writing) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        tx.noticed()


@contextmanager
def _translated() -> Iterator[None]:
    """What the machine does to the database becomes our sentence; a fault of ours stays what it is."""
    try:
        yield
    except OperationalError as fault:
        raise WorldError(f"the database cannot be used ({_first_line(fault)}): {_what_to_do(fault)}") from fault
    except (DataError, OverflowError):  # a number beyond 32 or 64 bits, or text that PostgreSQL cannot hold
        raise OptionError(
            "a number, a date or a text is beyond what can be kept; expected an ordinary one: nothing was changed"
        ) from None


def _first_line(fault: DBAPIError) -> str:
    return str(fault.orig).strip().splitlines()[0]


def _what_to_do(fault: DBAPIError) -> str:
    words = str(fault.orig).lower()
    if "locked" in words or "lock timeout" in words:
        return "somebody else has been writing for 15 s, try again"
    if "full" in words:
        return "make room on the disk, nothing was changed"
    return "check its path, its rights and whether its server runs"
