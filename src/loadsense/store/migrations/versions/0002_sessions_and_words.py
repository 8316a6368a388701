"""Sessions, what was measured, and what was said of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = (
    "sessions",
    "recordings",
    "session_recordings",
    "detections",
    "analyses",
    "events",
    "corrections",
    "pains",
    "adverse_events",
    "flags",
)


def upgrade() -> None:
    """Make it newer."""
    _make_sessions()
    _make_recordings()
    _make_session_recordings()
    _make_detections()
    _make_analyses()
    _make_events()
    _make_corrections()
    _make_pains()
    _make_adverse_events()
    _make_flags()
    with op.batch_alter_table("sessions") as sessions:
        sessions.create_foreign_key(
            "fk_sessions_current_analysis_id", "analyses", ["current_analysis_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    """Make it older."""
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_constraint("fk_sessions_current_analysis_id", type_="foreignkey")
    for name in reversed(_TABLES):
        op.drop_table(name)


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("start", sa.DateTime()),
        sa.Column("tz", sa.String(length=60)),
        sa.Column("rpe", sa.Double()),
        sa.Column("rpe_scale", sa.String(length=10)),
        sa.Column("loads_kg", sa.JSON(), nullable=False),
        sa.Column("block_confirmed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("current_analysis_id", sa.Integer()),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sessions_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_current_analysis_id", "sessions", ["current_analysis_id"], unique=False)
    op.create_index("ix_sessions_day", "sessions", ["day"], unique=False)
    op.create_index("ix_sessions_person_day", "sessions", ["person_id", "day"], unique=False)


def _make_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=200)),
        sa.Column("format", sa.String(length=40), nullable=False),
        sa.Column("placement", sa.String(length=20), nullable=False),
        sa.Column("sampling_rate_hz", sa.Double(), nullable=False),
        sa.Column("range_g", sa.Double()),
        sa.Column("start", sa.DateTime()),
        sa.Column("n_samples", sa.Integer(), nullable=False),
        sa.Column("file_bytes", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_recordings_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_recordings_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_recordings"),
    )
    op.create_index("ix_recordings_person_id", "recordings", ["person_id"], unique=False)


def _make_session_recordings() -> None:
    op.create_table(
        "session_recordings",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("sensor", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_session_recordings_session_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sha256"], ["recordings.sha256"], name="fk_session_recordings_sha256", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "sensor", name="pk_session_recordings"),
        sa.UniqueConstraint("sha256", name="uq_session_recordings_sha256"),
    )


def _make_detections() -> None:
    op.create_table(
        "detections",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("software_version", sa.String(length=40), nullable=False),
        sa.Column("criteria_sha256", sa.String(length=64), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["recordings.sha256"], name="fk_detections_sha256", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_detections"),
    )


def _make_analyses() -> None:
    op.create_table(
        "analyses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("software_version", sa.String(length=40), nullable=False),
        sa.Column("criteria_sha256", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("plan", sa.String(length=60)),
        sa.Column("stage", sa.String(length=60)),
        sa.Column("corrections_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("judged", sa.Text(), nullable=False),
        sa.Column("cannot_say", sa.Text(), nullable=False),
        sa.Column("landings_in_band", sa.Integer()),
        sa.Column("landings_at_least", sa.Boolean(), nullable=False),
        sa.Column("lift_sets_met", sa.Integer()),
        sa.Column("lift_sets_at_least", sa.Boolean(), nullable=False),
        sa.Column("median_peak_net_g", sa.Double()),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("page", sa.JSON(), nullable=False),
        sa.Column("because", sa.String(length=60), nullable=False),
        sa.Column("unmatched", sa.JSON(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.CheckConstraint("status in ('reached', 'not_reached', 'cannot_say')", name="ck_analyses_status"),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_analyses_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_analyses_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_analyses"),
    )
    op.create_index("ix_analyses_session_id", "analyses", ["session_id"], unique=False)


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("analysis_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("sensor", sa.String(length=40), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("peak_s", sa.Double()),
        sa.Column("end_s", sa.Double()),
        sa.Column("peak_sample", sa.Integer()),
        sa.Column("peak_net_g", sa.Double()),
        sa.Column("loading_rate_g_per_s", sa.Double()),
        sa.Column("grade", sa.String(length=20), nullable=False),
        sa.Column("exercise", sa.String(length=40)),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["analysis_id"], ["analyses.id"], name="fk_events_analysis_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("analysis_id", "sensor", "event_id", name="uq_events_analysis_id_sensor_event_id"),
    )


def _make_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("sensor", sa.String(length=40), nullable=False),
        sa.Column("at_sample", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.Column("undone_at", sa.DateTime()),
        sa.Column("undone_by", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_corrections_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_corrections_session_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["undone_by"], ["users.id"], name="fk_corrections_undone_by", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_session_id", "corrections", ["session_id"], unique=False)


def _make_pains() -> None:
    op.create_table(
        "pains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.Integer()),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("onset", sa.String(length=10), nullable=False),
        sa.Column("before", sa.Double()),
        sa.Column("after", sa.Double()),
        sa.Column("after_24h", sa.Double()),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_pains_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_pains_person_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_pains_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_pains"),
    )
    op.create_index("ix_pains_person_id", "pains", ["person_id"], unique=False)
    op.create_index("ix_pains_session_id", "pains", ["session_id"], unique=False)


def _make_adverse_events() -> None:
    op.create_table(
        "adverse_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.Integer()),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_adverse_events_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_adverse_events_person_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_adverse_events_session_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_adverse_events"),
    )
    op.create_index("ix_adverse_events_person_id", "adverse_events", ["person_id"], unique=False)
    op.create_index("ix_adverse_events_session_id", "adverse_events", ["session_id"], unique=False)


def _make_flags() -> None:
    op.create_table(
        "flags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.Integer()),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime()),
        sa.Column("acknowledged_at", sa.DateTime()),
        sa.Column("acknowledged_by", sa.Integer()),
        sa.Column("acknowledged_note", sa.Text(), nullable=False),
        sa.Column("cleared_by", sa.String(length=200), nullable=False),
        sa.Column("cleared_on", sa.Date()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["users.id"], name="fk_flags_acknowledged_by", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_flags_person_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_flags_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_flags"),
    )
    op.create_index("ix_flags_person_id", "flags", ["person_id"], unique=False)
    op.create_index("ix_flags_session_id", "flags", ["session_id"], unique=False)
