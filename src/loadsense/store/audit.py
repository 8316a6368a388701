"""Who did what to what, when."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense.store.tables import AuditRow


def history(
    db: Session, *, subject: str | None = None, person_id: str | None = None, limit: int = 200
) -> tuple[AuditRow, ...]:
    """The latest audit rows first: of everything, of one subject ("session 12"), or of one person."""
    chosen = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if subject is not None:
        chosen = chosen.where(AuditRow.subject == subject)
    if person_id is not None:
        chosen = chosen.where(AuditRow.person_id == person_id)
    return tuple(db.scalars(chosen))
