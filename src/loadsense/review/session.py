"""The session's page: did it count? What its current analysis said, what was corrected, what to compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Reading

from loadsense.store.tables import (
    AnalysisRow,
    CorrectionRow,
    EventRow,
    RecordingRow,
    SessionRecording,
    SessionRow,
    User,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorTrace:
    """One sensor whose samples can be drawn.

    Attributes
    ----------
    sensor, sha256 : str
        Name in the session, and its recording.
    offset_s : float
        Seconds from the session's start to its first sample.
    length_s : float
        Of the recording.
    sampling_rate_hz : float
        Of the recording.
    """

    sensor: str
    sha256: str
    offset_s: float
    length_s: float
    sampling_rate_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What somebody said against the detector; `undone_by` is empty where it holds."""

    id: int
    kind: str
    words: str
    sensor: str
    at_s: float
    reason: str
    by: str
    at: datetime
    undone_by: str
    undone_at: datetime | None
    found_no_event: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One analysis of the session."""

    id: int
    made_at: datetime
    software_version: str
    because: str
    status: str
    judged: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSession:
    """A session of the same person to compare with."""

    id: int
    day: date
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """Everything the page of a session says.

    Attributes
    ----------
    session_id, version : int
        Of the row; the version for edits.
    person_id : str
        Pseudonym.
    day : date
        Local day.
    start : datetime or None
        With `tz`, the zone it was in.
    page : mapping
        What `render.page.SessionPage` said, by its names; None where the session has not been analyzed.
    sensors : tuple of SensorTrace
        To draw.
    corrections : tuple of Correction
        In order of time of saying.
    versions : tuple of Version
        The newest first.
    others : tuple of OtherSession
        The latest of the same person.
    rpe, rpe_scale, note, loads_kg, block_confirmed
        As entered.
    """

    session_id: int
    version: int
    person_id: str
    day: date
    start: datetime | None
    tz: str | None
    page: Mapping[str, Any] | None
    sensors: tuple[SensorTrace, ...]
    corrections: tuple[Correction, ...]
    versions: tuple[Version, ...]
    others: tuple[OtherSession, ...]
    rpe: float | None
    rpe_scale: str | None
    note: str
    loads_kg: Mapping[str, float]
    block_confirmed: bool


def session_view(db: Reading, session_id: int, *, analysis_id: int | None = None) -> SessionView | None:
    """The page of a session, by its current analysis or by an older one; None where there is no such session."""
    row = db.get(SessionRow, session_id)
    if row is None:
        return None
    analysis = db.get(AnalysisRow, analysis_id or row.current_analysis_id) if row.current_analysis_id else None
    if analysis is not None and analysis.session_id != session_id:
        return None
    sensors = _sensors(db, session_id)
    return SessionView(
        session_id=session_id,
        version=row.version,
        person_id=row.person_id,
        day=row.day,
        start=row.start,
        tz=row.tz,
        page=analysis.page if analysis else None,
        sensors=sensors,
        corrections=_corrections(db, session_id, sensors, analysis.unmatched if analysis else ()),
        versions=_versions(db, session_id, row.current_analysis_id),
        others=_others(db, row),
        rpe=row.rpe,
        rpe_scale=row.rpe_scale,
        note=row.note,
        loads_kg=dict(row.loads_kg),
        block_confirmed=row.block_confirmed,
    )


def _sensors(db: Reading, session_id: int) -> tuple[SensorTrace, ...]:
    chosen = (
        select(SessionRecording, RecordingRow)
        .join(RecordingRow, RecordingRow.sha256 == SessionRecording.sha256)
        .where(SessionRecording.session_id == session_id, RecordingRow.path.is_not(None))
        .order_by(SessionRecording.sensor)
    )
    return tuple(
        SensorTrace(
            sensor=link.sensor,
            sha256=link.sha256,
            offset_s=link.offset_s,
            length_s=recording.n_samples / recording.sampling_rate_hz,
            sampling_rate_hz=recording.sampling_rate_hz,
        )
        for link, recording in db.execute(chosen)
    )


def drawn_recording(db: Reading, session_id: int, sensor: str) -> str | None:
    """Recording of a session's sensor whose samples were kept; None where there is none."""
    chosen = (
        select(RecordingRow.sha256)
        .join(SessionRecording, RecordingRow.sha256 == SessionRecording.sha256)
        .where(SessionRecording.session_id == session_id, SessionRecording.sensor == sensor)
        .where(RecordingRow.path.is_not(None))
    )
    return db.scalars(chosen).first()


def _corrections(
    db: Reading, session_id: int, sensors: Sequence[SensorTrace], unmatched: Sequence[int]
) -> tuple[Correction, ...]:
    rates = {one.sensor: (one.sampling_rate_hz, one.offset_s) for one in sensors}
    logins = {one.id: one.login for one in db.execute(select(User.id, User.login))}
    found = []
    for row in db.scalars(
        select(CorrectionRow).where(CorrectionRow.session_id == session_id).order_by(CorrectionRow.id)
    ):
        rate_hz, offset_s = rates.get(row.sensor, (1.0, 0.0))
        found.append(
            Correction(
                id=row.id,
                kind=row.kind,
                words=", ".join(
                    f"{value:g} kg" if key == "load_kg" else str(value) for key, value in row.value.items()
                ),
                sensor=row.sensor,
                at_s=offset_s + row.at_sample / rate_hz,
                reason=row.reason,
                by=logins.get(row.by_user, "") if row.by_user else "",
                at=row.at,
                undone_by=(logins.get(row.undone_by, "somebody") if row.undone_by else "") if row.undone_at else "",
                undone_at=row.undone_at,
                found_no_event=row.id in unmatched,
            )
        )
    return tuple(found)


def _versions(db: Reading, session_id: int, current: int | None) -> tuple[Version, ...]:
    chosen = select(
        AnalysisRow.id,
        AnalysisRow.made_at,
        AnalysisRow.software_version,
        AnalysisRow.because,
        AnalysisRow.status,
        AnalysisRow.judged,
    ).where(AnalysisRow.session_id == session_id)
    return tuple(
        Version(**row._mapping, is_current=row.id == current)
        for row in db.execute(chosen.order_by(AnalysisRow.id.desc()))
    )


def _others(db: Reading, row: SessionRow, *, most: int = 30) -> tuple[OtherSession, ...]:
    chosen = (
        select(SessionRow.id, SessionRow.day, AnalysisRow.status)
        .join(AnalysisRow, AnalysisRow.id == SessionRow.current_analysis_id)
        .where(SessionRow.person_id == row.person_id, SessionRow.id != row.id)
        .order_by(SessionRow.day.desc(), SessionRow.id.desc())
        .limit(most)
    )
    return tuple(OtherSession(id=other, day=day, status=status) for other, day, status in db.execute(chosen))


def event_of(db: Reading, session_id: int, sensor: str, event_id: str) -> EventRow | None:
    """An event of the session's current analysis; None where there is none."""
    chosen = (
        select(EventRow)
        .join(SessionRow, SessionRow.current_analysis_id == EventRow.analysis_id)
        .where(SessionRow.id == session_id, EventRow.sensor == sensor, EventRow.event_id == event_id)
    )
    return db.scalars(chosen).first()
