"""What a session adds to the rules that look at several."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make it newer; of what was analyzed before, nothing is known until it is judged anew."""
    with op.batch_alter_table("analyses") as analyses:
        analyses.add_column(sa.Column("is_high", sa.Boolean(), nullable=False, server_default=sa.true()))
        analyses.add_column(sa.Column("landings_seen", sa.Integer()))
        analyses.add_column(sa.Column("landings_asked", sa.Integer()))
        analyses.add_column(sa.Column("lifted_kg", sa.JSON()))
        analyses.add_column(sa.Column("lasts_s", sa.Double()))
    with op.batch_alter_table("analyses") as analyses:
        analyses.alter_column("is_high", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)


def downgrade() -> None:
    """Make it older."""
    with op.batch_alter_table("analyses") as analyses:
        for name in ("lasts_s", "lifted_kg", "landings_asked", "landings_seen", "is_high"):
            analyses.drop_column(name)
