"""Sessions into the database, as many as are ready, in the transaction of whoever brings them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from loadsense.errors import WorldError
from loadsense.protocol.corrections import Corrected
from loadsense.results import RecordingResult
from loadsense.store.analyzing import Choice, detection_values, judged, keep_all, local_day
from loadsense.store.knowing import Known
from loadsense.store.opening import Store, Writing
from loadsense.store.samples import envelope_path, relative_path
from loadsense.store.tables import AnalysisRow, DetectionRow, RecordingRow, SessionRecording, SessionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One recording of a session, ready to be kept; `file` is None where only results came."""

    sha256: str
    result: RecordingResult
    file: Path | None
    file_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A session that is ready to be kept: its recordings, and what was said of it (`importing.ImportOptions`)."""

    person_id: str
    parts: tuple[Part, ...]
    said: dict[str, Any]
    day: date | None
    tz: str | None
    profile: str | None


def keep_sessions(store: Store, tx: Writing, ready: Sequence[Ready]) -> tuple[tuple[SessionRow, AnalysisRow], ...]:
    """Keep sessions with their recordings, judge them and move their files; each recording is in one of them only."""
    sessions = [_session_row(tx, one) for one in ready]
    tx.db.add_all(sessions)
    tx.db.flush()
    parts = [(session, part) for session, one in zip(sessions, ready, strict=True) for part in one.parts]
    keep_parts(tx, parts)
    known = Known(tx.db, {one.person_id for one in ready})
    analyzed = []
    for session, one in zip(sessions, ready, strict=True):
        results = tuple(part.result for part in one.parts)
        untouched = Corrected(results=results, unmatched=())
        analyzed.append((session, judged(known, session, (results, untouched, ()), Choice(profile=one.profile))))
    analyses = keep_all(tx, analyzed, known, because="import")
    for session, one in zip(sessions, ready, strict=True):
        tx.audit("imported", f"session {session.id}", person_id=one.person_id, version=1, recordings=len(one.parts))
    for _, part in parts:
        move(store, part)
    return tuple(zip(sessions, analyses, strict=True))


def keep_parts(tx: Writing, parts: Sequence[tuple[SessionRow, Part]]) -> None:
    """Rows of recordings and of what was detected in them."""
    tx.db.execute(insert(RecordingRow), [_recording_values(tx, session.person_id, part) for session, part in parts])
    tx.db.execute(insert(DetectionRow), [detection_values(part.sha256, part.result) for _, part in parts])
    tx.db.execute(insert(SessionRecording), [_part_values(session.id, part) for session, part in parts])


def _session_row(tx: Writing, one: Ready) -> SessionRow:
    results = [part.result for part in one.parts]
    zones = [result.info.tz for result in results if result.info.tz]
    return SessionRow(
        person_id=one.person_id,
        day=one.day or local_day(results),
        start=first_instant(results),
        tz=zones[0] if zones else one.tz,
        imported_at=tx.at,
        version=1,
        **one.said,
    )


def first_instant(results: Sequence[RecordingResult]) -> datetime | None:
    """Start of a session; None where no recording has a clock with a zone."""
    starts = [_instant(result.info.start) for result in results]
    return min((start for start in starts if start is not None), default=None)


def _instant(start: datetime | None) -> datetime | None:
    """A start with its zone; a device's own clock without one is no instant."""
    return start.astimezone(UTC) if start is not None and start.tzinfo is not None else None


def _part_values(session_id: int, part: Part) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "sensor": part.result.sensor,
        "sha256": part.sha256,
        "offset_s": part.result.offset_s,
    }


def _recording_values(tx: Writing, person_id: str, part: Part) -> dict[str, Any]:
    info = part.result.info
    return {
        "sha256": part.sha256,
        "person_id": person_id,
        "path": None if part.file is None else relative_path(part.sha256),
        "format": info.origin.format or "live",
        "placement": info.placement.value,
        "sampling_rate_hz": info.sampling_rate_hz,
        "range_g": info.range_g,
        "start": _instant(info.start),
        "n_samples": part.result.quality.n_samples,
        "file_bytes": part.file_bytes,
        "imported_at": tx.at,
        "by_user": tx.by_user,
    }


def move(store: Store, part: Part) -> None:
    """Give finished files their place; they go again at the next opening if the transaction does not commit."""
    if part.file is None:
        return
    target = store.folder / relative_path(part.sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.file.replace(target)
        envelope_path(part.file).replace(envelope_path(target))
    except OSError as fault:
        raise WorldError(f"{target}: cannot be written ({fault.strerror}); nothing was kept, make room") from None
