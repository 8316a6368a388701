"""People, what is asked of them, and who may look."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TABLES = (
    "groups",
    "people",
    "users",
    "one_rep_maxima",
    "screenings",
    "plans",
    "prescriptions",
    "dxa_results",
    "context_notes",
    "web_sessions",
    "api_tokens",
    "audit",
    "sign_in_failures",
    "backups",
    "settings",
)


def upgrade() -> None:
    """Make it newer."""
    _make_groups()
    _make_people()
    _make_users()
    _make_one_rep_maxima()
    _make_screenings()
    _make_plans()
    _make_prescriptions()
    _make_dxa_results()
    _make_context_notes()
    _make_web_sessions()
    _make_api_tokens()
    _make_audit()
    _make_sign_in_failures()
    _make_backups()
    _make_settings()


def downgrade() -> None:
    """Make it older."""
    for name in reversed(_TABLES):
        op.drop_table(name)


def _make_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("weekdays", sa.JSON(), nullable=False),
        sa.Column("tz", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("name", name="uq_groups_name"),
    )


def _make_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("group_id", sa.Integer()),
        sa.Column("body_mass_kg", sa.Double()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("archived_at", sa.DateTime()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_people_group_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_index("ix_people_group_id", "people", ["group_id"], unique=False)


def _make_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("person_id", sa.String(length=32)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("disabled_at", sa.DateTime()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("role in ('owner', 'coach', 'viewer', 'athlete')", name="ck_users_role"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_users_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
    )


def _make_one_rep_maxima() -> None:
    op.create_table(
        "one_rep_maxima",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("exercise", sa.String(length=40), nullable=False),
        sa.Column("kg", sa.Double(), nullable=False),
        sa.Column("measured_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_one_rep_maxima_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_one_rep_maxima_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_one_rep_maxima"),
    )
    op.create_index("ix_one_rep_maxima_person_id", "one_rep_maxima", ["person_id"], unique=False)


def _make_screenings() -> None:
    op.create_table(
        "screenings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("screened_on", sa.Date(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_screenings_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_screenings_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_screenings"),
    )
    op.create_index("ix_screenings_person_id", "screenings", ["person_id"], unique=False)


def _make_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_plans_by_user", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("name", "version", name="uq_plans_name_version"),
    )


def _make_prescriptions() -> None:
    op.create_table(
        "prescriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("plan", sa.String(length=60), nullable=False),
        sa.Column("stage", sa.String(length=60)),
        sa.Column("sessions_per_week", sa.Integer()),
        sa.Column("target_landings", sa.Integer()),
        sa.Column("min_net_g", sa.Double()),
        sa.Column("ceiling_net_g", sa.Double()),
        sa.Column("drop_height_cm", sa.Double()),
        sa.Column("loads_kg", sa.JSON(), nullable=False),
        sa.Column("suggestion", sa.JSON()),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_prescriptions_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_prescriptions_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_prescriptions"),
    )
    op.create_index("ix_prescriptions_person_day", "prescriptions", ["person_id", "from_day"], unique=False)


def _make_dxa_results() -> None:
    op.create_table(
        "dxa_results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("measured_on", sa.Date(), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("bmd_g_per_cm2", sa.Double(), nullable=False),
        sa.Column("t_score", sa.Double()),
        sa.Column("machine", sa.String(length=200), nullable=False),
        sa.Column("centre", sa.String(length=200), nullable=False),
        sa.Column("least_significant_change_g_per_cm2", sa.Double()),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_dxa_results_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_dxa_results_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_dxa_results"),
    )
    op.create_index("ix_dxa_results_person_id", "dxa_results", ["person_id"], unique=False)


def _make_context_notes() -> None:
    op.create_table(
        "context_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_context_notes_by_user", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_context_notes_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_context_notes"),
    )
    op.create_index("ix_context_notes_person_id", "context_notes", ["person_id"], unique=False)


def _make_web_sessions() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_web_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_web_sessions"),
    )
    op.create_index("ix_web_sessions_user_id", "web_sessions", ["user_id"], unique=False)


def _make_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime()),
        sa.Column("revoked_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_sha256", name="uq_api_tokens_token_sha256"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("person_id", sa.String(length=32)),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_audit_by_user", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_person_id", "audit", ["person_id"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject"], unique=False)


def _make_sign_in_failures() -> None:
    op.create_table(
        "sign_in_failures",
        sa.Column("whom", sa.String(length=120), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("whom", name="pk_sign_in_failures"),
    )


def _make_backups() -> None:
    op.create_table(
        "backups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("by_user", sa.Integer()),
        sa.ForeignKeyConstraint(["by_user"], ["users.id"], name="fk_backups_by_user", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
    )


def _make_settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
