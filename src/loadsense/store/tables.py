"""The schema: people, sessions, what was measured, what was said about it, and who may look.

Nothing that was said is overwritten: rows of the second half are appended, with who (`by_user`) and when (`at`). Rows
that two people may edit carry `version`. Samples are not here; a recording's lie in a file under its hash.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from loadsense.store.times import UtcTime

#: Names of constraints, so that migrations can find them on both databases.
_NAMES: Final = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Json = dict[str, Any]


class Table(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcTime,
        date: Date,
        Json: JSON,
        list[int]: JSON,
        list[str]: JSON,
        str: String(200),
    }


def _of_person(*, index: bool = True) -> Mapped[str]:
    """Pseudonym of whom the row is about; the row goes when she is erased."""
    return mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=index)


def _by_user() -> Mapped[int | None]:
    """Who said it; None for the program itself."""
    return mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


# -- people and what is asked of them


class Group(Table):
    """People who train together, on the same days of the week (0 is Monday)."""

    __tablename__ = "groups"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    weekdays: Mapped[list[int]]
    tz: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)


class PersonRow(Table):
    """Somebody who trains: a pseudonym, never a name."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id", ondelete="SET NULL"), index=True)
    body_mass_kg: Mapped[float | None]
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class OneRepMaxRow(Table):
    """Most that was lifted once, or estimated so."""

    __tablename__ = "one_rep_maxima"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    exercise: Mapped[str] = mapped_column(String(40))
    kg: Mapped[float]
    measured_on: Mapped[date]
    method: Mapped[str]
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class ScreeningRow(Table):
    """Answers before anyone is loaded (decision 12); `answers` holds the fields of `prescriptions.Screening`."""

    __tablename__ = "screenings"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    screened_on: Mapped[date]
    answers: Mapped[Json]
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class PlanRow(Table):
    """One version of a plan of the coach's own, as the TOML it was written in; templates are in the evidence."""

    __tablename__ = "plans"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    toml: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class PrescriptionRow(Table):
    """What is asked of a person from a local day on, until the next row; None leaves it to plan and stage.

    `loads_kg` is by exercise. `suggestion` and `decision` ("accepted", "kept", "set") say how it came about.
    """

    __tablename__ = "prescriptions"
    __table_args__ = (Index("ix_prescriptions_person_day", "person_id", "from_day"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person(index=False)
    from_day: Mapped[date]
    plan: Mapped[str] = mapped_column(String(60))
    stage: Mapped[str | None] = mapped_column(String(60))
    sessions_per_week: Mapped[int | None]
    target_landings: Mapped[int | None]
    min_net_g: Mapped[float | None]
    ceiling_net_g: Mapped[float | None]
    drop_height_cm: Mapped[float | None]
    loads_kg: Mapped[Json]
    suggestion: Mapped[Json | None]
    decision: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


# -- sessions and what was measured


class RecordingRow(Table):
    """One file as it came, known by its hash; its samples lie in `path`, below the folder of the store.

    `path` is None where only the results came (a gateway, a batch).
    """

    __tablename__ = "recordings"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = _of_person()
    path: Mapped[str | None]
    format: Mapped[str] = mapped_column(String(40))
    placement: Mapped[str] = mapped_column(String(20))
    sampling_rate_hz: Mapped[float]
    range_g: Mapped[float | None]
    start: Mapped[datetime | None]
    n_samples: Mapped[int]
    file_bytes: Mapped[int]
    imported_at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class SessionRow(Table):
    """One session of one person: `day` is her local day, `tz` the zone it was in.

    `block_confirmed`: somebody confirmed that the landings took place with the sensor worn.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_person_day", "person_id", "day"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person(index=False)
    day: Mapped[date] = mapped_column(index=True)
    start: Mapped[datetime | None]
    tz: Mapped[str | None] = mapped_column(String(60))
    rpe: Mapped[float | None]
    rpe_scale: Mapped[str | None] = mapped_column(String(10))
    loads_kg: Mapped[Json]
    block_confirmed: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(Text, default="")
    current_analysis_id: Mapped[int | None] = mapped_column(
        ForeignKey("analyses.id", use_alter=True, ondelete="SET NULL"), index=True
    )
    imported_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class SessionRecording(Table):
    """Which recordings make a session, one of each sensor."""

    __tablename__ = "session_recordings"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    sensor: Mapped[str] = mapped_column(String(40), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("recordings.sha256", ondelete="CASCADE"), unique=True)
    offset_s: Mapped[float] = mapped_column(default=0.0)


class DetectionRow(Table):
    """What the engine found in one recording, before corrections and judgement: `store.packing` makes the bytes.

    With it a correction, another plan or another profile is judged anew without the samples.
    """

    __tablename__ = "detections"
    sha256: Mapped[str] = mapped_column(ForeignKey("recordings.sha256", ondelete="CASCADE"), primary_key=True)
    software_version: Mapped[str] = mapped_column(String(40))
    criteria_sha256: Mapped[str] = mapped_column(String(64))
    packed: Mapped[bytes]


class AnalysisRow(Table):
    """One version of what a session came to: by which software, thresholds and corrections, with its dose.

    `summary` is what `summary.json` holds, `page` the words and numbers of `render.page.SessionPage` (all of it but the
    report itself and the outlines of its traces), so that a page of an old version still says what it said. The dose is
    None where nothing could see it; `cannot_say` says why. `because` says what it was made for ("import",
    "correction", ...); `unmatched` are corrections that found no event. `is_high` to `lasts_s` are what the rules that
    look at several sessions need, with None where it is not certain.
    """

    __tablename__ = "analyses"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime]
    software_version: Mapped[str] = mapped_column(String(40))
    criteria_sha256: Mapped[str] = mapped_column(String(64))
    profile: Mapped[str] = mapped_column(String(60))
    plan: Mapped[str | None] = mapped_column(String(60))
    stage: Mapped[str | None] = mapped_column(String(60))
    corrections_sha256: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(12))
    judged: Mapped[str] = mapped_column(Text)
    cannot_say: Mapped[str] = mapped_column(Text, default="")
    landings_in_band: Mapped[int | None]
    landings_at_least: Mapped[bool] = mapped_column(default=False)
    lift_sets_met: Mapped[int | None]
    lift_sets_at_least: Mapped[bool] = mapped_column(default=False)
    median_peak_net_g: Mapped[float | None]
    is_high: Mapped[bool] = mapped_column(default=True)
    landings_seen: Mapped[int | None]
    landings_asked: Mapped[int | None]
    lifted_kg: Mapped[Json | None]
    lasts_s: Mapped[float | None]
    summary: Mapped[Json]
    page: Mapped[Json]
    because: Mapped[str] = mapped_column(String(60))
    unmatched: Mapped[list[int]]
    by_user: Mapped[int | None] = _by_user()
    __table_args__ = (CheckConstraint("status in ('reached', 'not_reached', 'cannot_say')", name="status"),)


class EventRow(Table):
    """A landing, repetition, set or excluded candidate of an analysis; samples count from the recording's first."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("analysis_id", "sensor", "event_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analyses.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(12))
    sensor: Mapped[str] = mapped_column(String(40))
    start_s: Mapped[float]
    peak_s: Mapped[float | None]
    end_s: Mapped[float | None]
    peak_sample: Mapped[int | None]
    peak_net_g: Mapped[float | None]
    loading_rate_g_per_s: Mapped[float | None]
    grade: Mapped[str] = mapped_column(String(20), default="")
    exercise: Mapped[str | None] = mapped_column(String(40))
    facts: Mapped[Json]


# -- what people said


class CorrectionRow(Table):
    """The coach's word against the detector's, by sensor and sample, so that it outlives a re-analysis.

    `kind` is "not a landing", "landing", "not a set", "exercise" or "load"; `value` holds what it became.
    """

    __tablename__ = "corrections"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    sensor: Mapped[str] = mapped_column(String(40))
    at_sample: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[Json]
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class PainRow(Table):
    """Pain of 0 to 10 at a site; `onset` is "usual", "new" or "sudden"; a score that was not asked is None."""

    __tablename__ = "pains"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    day: Mapped[date]
    site: Mapped[str] = mapped_column(String(40))
    onset: Mapped[str] = mapped_column(String(10))
    before: Mapped[float | None]
    after: Mapped[float | None]
    after_24h: Mapped[float | None]
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class AdverseEventRow(Table):
    """A fall, a suspected fracture, chest pain or faintness, or anything else that must stand first in a letter."""

    __tablename__ = "adverse_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    day: Mapped[date]
    words: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class FlagRow(Table):
    """A safety rule that fired; red ones lock until `cleared_by` (a clinician) and day, amber ones are acknowledged."""

    __tablename__ = "flags"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    rule: Mapped[str] = mapped_column(String(60))
    severity: Mapped[str] = mapped_column(String(10))
    sentence: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    acknowledged_note: Mapped[str] = mapped_column(Text, default="")
    cleared_by: Mapped[str] = mapped_column(default="")
    cleared_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)


class DxaRow(Table):
    """A bone density result by date; changes are only said beyond the least significant change of one machine."""

    __tablename__ = "dxa_results"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    measured_on: Mapped[date]
    site: Mapped[str] = mapped_column(String(40))
    bmd_g_per_cm2: Mapped[float]
    t_score: Mapped[float | None]
    machine: Mapped[str]
    centre: Mapped[str]
    least_significant_change_g_per_cm2: Mapped[float | None]
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


class ContextNote(Table):
    """Something that began or ended on a day, drawn as a marker and never interpreted."""

    __tablename__ = "context_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _of_person()
    day: Mapped[date]
    words: Mapped[str]
    at: Mapped[datetime]
    by_user: Mapped[int | None] = _by_user()


# -- who may look


class User(Table):
    """An account; an athlete's is tied to her pseudonym."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(10))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (CheckConstraint("role in ('owner', 'coach', 'viewer', 'athlete')", name="role"),)


class WebSession(Table):
    """A signed-in browser, by the hash of its token."""

    __tablename__ = "web_sessions"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    browser: Mapped[str]


class ApiToken(Table):
    """A key for a program, by its hash, with the scopes it has ("read", "record", "live")."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditRow(Table):
    """Who did what to what, when; `detail` holds no names and no free text.

    `person_id` is no foreign key: that she was erased must outlive her.
    """

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    by_user: Mapped[int | None] = _by_user()
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(120), index=True)
    person_id: Mapped[str | None] = mapped_column(String(32), index=True)
    detail: Mapped[Json]


class SignInFailure(Table):
    """A sign-in that failed, by login or by address (`whom`), so that guessing is slowed across restarts."""

    __tablename__ = "sign_in_failures"
    whom: Mapped[str] = mapped_column(String(120), primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class BackupRow(Table):
    """A backup that was made, and whom it holds: who is erased must be told where she still is."""

    __tablename__ = "backups"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    people: Mapped[list[str]]
    by_user: Mapped[int | None] = _by_user()


class Setting(Table):
    """A choice for the whole installation, by key."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Json]
    version: Mapped[int] = mapped_column(default=1)
