"""Everything about one person, out as files that others can read, or gone."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy import Table as CoreTable
from sqlalchemy.orm import Session

from loadsense.bids import BidsNames, export_bids
from loadsense.errors import OptionError, WorldError
from loadsense.readers import read
from loadsense.render.csv_page import events_csv, impacts_csv
from loadsense.store import unsaved
from loadsense.store.analyzing import Analyzed, Choice, analyzed
from loadsense.store.dumping import line_of
from loadsense.store.measuring import StoredLandings
from loadsense.store.opening import Store
from loadsense.store.people import the_person
from loadsense.store.samples import envelope_path
from loadsense.store.tables import (
    AnalysisRow,
    AuditRow,
    BackupRow,
    PersonRow,
    RecordingRow,
    SessionRecording,
    SessionRow,
    Table,
)

#: Rows that hang on her sessions, by the column that names the session.
_OF_SESSIONS: Final = {"analyses": "session_id", "corrections": "session_id", "session_recordings": "session_id"}
_LABEL: Final = re.compile(r"[^A-Za-z0-9]")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What is gone, and where she still is.

    Attributes
    ----------
    person_id : str
    sessions, recordings, files : int
        How many.
    backups : tuple of str
        Paths of backups that hold her: they must be removed by hand.
    """

    person_id: str
    sessions: int
    recordings: int
    files: int
    backups: tuple[str, ...]


def erase_person(store: Store, person_id: str, *, by_user: int | None = None) -> Erased:
    """Remove every row and file about one person; that she was erased is all that stays.

    Raises
    ------
    OptionError
        Nobody has this pseudonym.
    WorldError
        A file cannot be removed; it goes at the next opening.
    """
    with store.writing(by_user) as tx:
        the_person(tx.db, person_id)
        paths = list(tx.db.scalars(select(RecordingRow.path).where(RecordingRow.person_id == person_id)))
        n_sessions = _count(tx.db, select(SessionRow).where(SessionRow.person_id == person_id))
        backups = _backups_with(tx.db, person_id)
        tx.db.execute(delete(AuditRow).where(AuditRow.person_id == person_id))
        tx.db.execute(delete(PersonRow).where(PersonRow.id == person_id))
        tx.audit("erased", f"person {person_id}", sessions=n_sessions, recordings=len(paths), backups=len(backups))
    files = _unlink(store.folder / path for path in paths if path is not None)
    files += unsaved.forget(store.folder, person_id)
    _forget_log(store)
    return Erased(person_id=person_id, sessions=n_sessions, recordings=len(paths), files=files, backups=backups)


def what_goes(store: Store, person_id: str) -> Erased:
    """What `erase_person` would remove, and the backups that would still hold her; nothing is changed.

    Raises
    ------
    OptionError
        Nobody has this pseudonym.
    """
    with store.reading() as db:
        the_person(db, person_id)
        paths = list(db.scalars(select(RecordingRow.path).where(RecordingRow.person_id == person_id)))
        return Erased(
            person_id=person_id,
            sessions=_count(db, select(SessionRow).where(SessionRow.person_id == person_id)),
            recordings=len(paths),
            files=sum(path is not None for path in paths) + unsaved.files_of(store.folder, person_id),
            backups=_backups_with(db, person_id),
        )


def _backups_with(db: Session, person_id: str) -> tuple[str, ...]:
    kept = db.scalars(select(BackupRow).order_by(BackupRow.id)).all()
    return tuple(row.path for row in kept if person_id in row.people)


def _count(db: Session, chosen: Select[Any]) -> int:
    return db.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def _unlink(paths: Iterable[Path]) -> int:
    gone = 0
    for path in paths:
        for one in (path, envelope_path(path)):
            try:
                one.unlink()
            except FileNotFoundError:
                continue
            except OSError as fault:
                raise WorldError(
                    f"{one}: cannot be removed ({fault.strerror}); close it, then open the store"
                ) from None
            gone += 1
    return gone


def _forget_log(store: Store) -> None:
    """SQLite's write-ahead log still holds what was there: write it back and empty it."""
    if store.engine.dialect.name == "sqlite":
        connection = store.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            connection.close()


# -- out


def export_person(store: Store, person_id: str, folder: str | Path) -> Path:
    """Write everything about one person into a new folder named after her pseudonym.

    `tables/` holds every row as JSON lines and as CSV, `sessions/` the summary and tables of each session as it is
    judged now, `recordings/` the samples in LoadSense's own format, `bids/` the same as a BIDS dataset.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or the folder exists.
    WorldError
        The folder cannot be written.
    """
    root = Path(folder) / person_id
    if root.exists():
        raise OptionError(f"{root} exists; expected a new folder, so that nothing is mixed up")
    with store.reading() as db:
        the_person(db, person_id)
        try:
            (root / "tables").mkdir(parents=True)
            for table, chosen in _tables_of(person_id):
                _write_table(root / "tables", table.name, [dict(row._mapping) for row in db.execute(chosen)])
            for session in db.scalars(select(SessionRow).where(SessionRow.person_id == person_id)):
                _export_session(store, db, session, root)
        except OSError as fault:
            raise WorldError(f"{root}: cannot be written ({fault.strerror}); choose another folder") from None
    return root


def _tables_of(person_id: str) -> Iterator[tuple[CoreTable, Select[Any]]]:
    """Every table that holds rows about a person, and how hers are chosen."""
    hers = select(SessionRow.id).where(SessionRow.person_id == person_id)
    for table in Table.metadata.sorted_tables:
        if table.name == "people":
            yield table, select(table).where(table.c.id == person_id)
        elif table.name in ("users", "detections"):
            continue  # an account's secrets are not hers to carry, and detections are in the summaries
        elif "person_id" in table.c:
            yield table, select(table).where(table.c.person_id == person_id)
        elif table.name in _OF_SESSIONS:
            yield table, select(table).where(table.c[_OF_SESSIONS[table.name]].in_(hers))
        elif table.name == "events":
            own = select(AnalysisRow.id).where(AnalysisRow.session_id.in_(hers))
            yield table, select(table).where(table.c.analysis_id.in_(own))


def _write_table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(f"{line_of(row)}\n" for row in rows), encoding="utf-8")
    if rows:
        (folder / f"{name}.csv").write_text(csv_text(rows), encoding="utf-8")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one form as CSV that a spreadsheet opens without running anything in it; there must be a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _export_session(store: Store, db: Session, session: SessionRow, root: Path) -> None:
    now = _judged_now(store, db, session)
    if now is None:
        return
    own = root / "sessions" / f"{session.day.isoformat()}-{session.id}"
    own.mkdir(parents=True)
    summary = json.dumps(now.report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    (own / "summary.json").write_text(summary + "\n", encoding="utf-8")
    (own / "events.csv").write_text(events_csv(now.report), encoding="utf-8")
    (own / "impacts.csv").write_text(impacts_csv(now.report), encoding="utf-8")
    for sensor, path in _sample_files(db, session.id).items():
        _export_recording(store.folder / path, (now, sensor), session, root)


def _judged_now(store: Store, db: Session, session: SessionRow) -> Analyzed | None:
    row = db.get(AnalysisRow, session.current_analysis_id) if session.current_analysis_id else None
    if row is None:
        return None
    landings = StoredLandings(db, store.folder, session.id)
    return analyzed(db, session, Choice(profile=row.profile), landings=landings)


def _sample_files(db: Session, session_id: int) -> Mapping[str, str]:
    chosen = select(SessionRecording.sensor, RecordingRow.path).join(
        RecordingRow, RecordingRow.sha256 == SessionRecording.sha256
    )
    rows = db.execute(chosen.where(SessionRecording.session_id == session_id, RecordingRow.path.is_not(None)))
    return {sensor: str(path) for sensor, path in rows}


def _export_recording(path: Path, seen: tuple[Analyzed, str], session: SessionRow, root: Path) -> None:
    (root / "recordings").mkdir(exist_ok=True)
    shutil.copyfile(path, root / "recordings" / path.name)
    _export_bids(path, seen, session, root / "bids")


def export_as_bids(store: Store, session_ids: Iterable[int], root: Path) -> int:
    """Write sessions with samples, as they are judged now, into one BIDS dataset.

    Returns
    -------
    int
        How many recordings were written: sessions of which only results came have none.

    Raises
    ------
    WorldError
        The folder cannot be written.
    """
    n = 0
    with store.reading() as db:
        for session in db.scalars(select(SessionRow).where(SessionRow.id.in_(list(session_ids)))):
            files = _sample_files(db, session.id)
            now = _judged_now(store, db, session) if files else None
            if now is None:
                continue
            for sensor, path in files.items():
                _export_bids(store.folder / path, (now, sensor), session, root)
            n += len(files)
    return n


def _export_bids(path: Path, seen: tuple[Analyzed, str], session: SessionRow, root: Path) -> None:
    now, sensor = seen
    own = next(one for one in now.report.recordings if one.sensor == sensor)
    names = BidsNames(
        subject=session.person_id.replace("-", "X"),  # pseudonyms have no capitals: no two become one
        session=f"{session.day:%Y%m%d}x{session.id}",
        task=_LABEL.sub("", now.report.prescription.plan or "session"),
        tracksys=_LABEL.sub("", sensor),
    )
    export_bids(read(path), replace(now.report, recordings=(own,)), root, names)
