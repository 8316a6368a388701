"""Lists for whoever runs the installation: accounts, browsers, programs, backups, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from loadsense.errors import OptionError
from loadsense.store.opening import Writing
from loadsense.store.tables import ApiToken, AuditRow, BackupRow, User, WebSession
from loadsense.store.times import now

#: Rows of the audit log on one page.
AUDIT_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser that is signed in; `key` is the hash of its token, which opens nothing."""

    key: str
    browser: str
    signed_in_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One row of the audit log; `by` is a login, or "loadsense" for the program itself."""

    id: int
    at: datetime
    by: str
    action: str
    subject: str
    person_id: str | None
    detail: dict[str, Any]


def users(db: Session) -> Sequence[User]:
    """Every account."""
    return db.scalars(select(User).order_by(User.disabled_at.is_not(None), User.login)).all()


def tokens(db: Session, user_id: int | None = None) -> Sequence[tuple[ApiToken, str]]:
    """Keys that are not revoked, with the login they act for: of everybody, or of one user."""
    chosen = select(ApiToken, User.login).join(User, User.id == ApiToken.user_id).where(ApiToken.revoked_at.is_(None))
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    return [(row, login) for row, login in db.execute(chosen.order_by(ApiToken.id))]


def browsers(db: Session, user_id: int) -> tuple[Browser, ...]:
    """Browsers of a user that are signed in, the latest first."""
    chosen = select(WebSession).where(WebSession.user_id == user_id, WebSession.expires_at > now())
    return tuple(
        Browser(
            key=one.token_sha256,
            browser=one.browser,
            signed_in_at=one.created_at,
            last_seen_at=one.last_seen_at,
        )
        for one in db.scalars(chosen.order_by(WebSession.last_seen_at.desc()))
    )


def end_browser(tx: Writing, user_id: int, key: str) -> None:
    """Sign one browser of a user out, at once.

    Raises
    ------
    OptionError
        It is not signed in, or somebody else's.
    """
    ended = tx.db.scalars(
        delete(WebSession)
        .where(WebSession.token_sha256 == key, WebSession.user_id == user_id)
        .returning(WebSession.user_id)
    ).all()
    if not ended:
        raise OptionError("that browser is not signed in any more; there is nothing to do")
    tx.audit("signed out", f"user {user_id}")


def backups(db: Session) -> tuple[tuple[BackupRow, bool], ...]:
    """Backups that were made, the newest first, and whether each file is still where it was."""
    rows = db.scalars(select(BackupRow).order_by(BackupRow.id.desc()))
    return tuple((row, Path(row.path).is_file()) for row in rows)


def deeds(db: Session, *, before: int | None = None) -> tuple[Deed, ...]:
    """A page of the audit log, the newest first: rows with an id below `before`."""
    chosen = select(AuditRow, User.login).outerjoin(User, User.id == AuditRow.by_user)
    if before is not None:
        chosen = chosen.where(AuditRow.id < before)
    return tuple(
        Deed(
            id=row.id,
            at=row.at,
            by=login or "loadsense",
            action=row.action,
            subject=row.subject,
            person_id=row.person_id,
            detail=row.detail,
        )
        for row, login in db.execute(chosen.order_by(AuditRow.id.desc()).limit(AUDIT_PAGE))
    )
