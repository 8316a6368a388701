"""Accounts: who may look, by password, by a browser's session or by a program's token. All of it can be revoked.

Passwords are kept as Argon2 hashes; one check takes about 0.2 s and 64 MiB, so two run at once and no more. Sessions
and tokens are random and only their SHA-256 is kept. Whoever guesses is slowed: after five failures in a row an account
or an address waits, twice as long after each further one. An account waits a minute at most, so that nobody can be
locked out by others for long.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from loadsense.errors import OptionError, WorldError, unknown_name
from loadsense.store.changing import change, found
from loadsense.store.opening import Store, Writing
from loadsense.store.people import the_person
from loadsense.store.tables import ApiToken, SignInFailure, User, WebSession
from loadsense.store.times import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pwdlib import PasswordHash

ROLES: Final = ("owner", "coach", "viewer", "athlete")
SCOPES: Final = ("read", "record", "live")
#: A browser stays signed in for this long without being used, and for this long at most.
IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=30)

_SHORTEST_PASSWORD: Final = 10
_LONGEST_PASSWORD: Final = 1000
_SEEN_EVERY: Final = timedelta(minutes=1)
_FREE_FAILURES: Final = 5
_LONGEST_WAIT_S: Final = {"login": 60.0, "address": 900.0}
_FORGET_FAILURES: Final = timedelta(hours=24)
_HASHING = BoundedSemaphore(2)
_HASHING_WAIT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """An account to be made; `role` is one of `ROLES`, and `person_id` that of an athlete."""

    login: str
    password: str = field(repr=False)
    role: str
    person_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Whose browser it is; `person_id` is that of an athlete."""

    user_id: int
    login: str
    role: str
    person_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUser:
    """Whose program it is, and what it may do."""

    token_id: int
    user_id: int
    login: str
    role: str
    person_id: str | None
    scopes: tuple[str, ...]


# -- users


def any_user(store: Store) -> bool:
    """Whether anybody has an account: without one, the first visitor makes the owner's."""
    with store.reading() as db:
        return db.scalar(select(func.count(User.id))) != 0


def create_owner(store: Store, login: str, password: str) -> int:
    """The first account, and only the first.

    Raises
    ------
    OptionError
        There is an account already, or the login or password cannot be.
    """
    hashed = hash_of(password)
    with store.writing() as tx:
        if tx.db.scalar(select(func.count(User.id))):
            raise OptionError("there is an owner already: sign in, or ask the owner for an account")
        return _insert(tx, login, hashed, "owner", None).id


def create_user(store: Store, account: NewUser, *, by_user: int | None = None) -> int:
    """An account; an athlete's is tied to her pseudonym.

    Returns
    -------
    int
        Id of the user.

    Raises
    ------
    OptionError
        The login is taken, or login, password, role or pseudonym cannot be.
    """
    hashed = hash_of(account.password)
    with store.writing(by_user) as tx:
        return _insert(tx, account.login, hashed, account.role, account.person_id).id


def _insert(tx: Writing, login: str, hashed: str, role: str, person_id: str | None) -> User:
    login = login.strip()
    if not 1 <= len(login) <= 60:
        raise OptionError(f"a login of {len(login)} characters; expected 1 to 60")
    if tx.db.scalar(select(User.id).where(func.lower(User.login) == login.lower())) is not None:
        raise OptionError(f"the login '{login}' is taken; choose another")
    _check_role(tx.db, role, person_id)
    row = User(login=login, password_hash=hashed, role=role, person_id=person_id, created_at=tx.at, version=1)
    tx.add(row)
    tx.audit("created", f"user {row.id}", person_id=person_id, version=1, role=role)
    return row


def _check_role(db: Session, role: str, person_id: str | None) -> None:
    if role not in ROLES:
        raise unknown_name("role", role, ROLES)
    if (role == "athlete") != (person_id is not None):
        raise OptionError("an athlete's account needs her pseudonym, and no other account has one")
    if person_id is not None:
        the_person(db, person_id)


def set_password(store: Store, user_id: int, password: str, *, by_user: int | None) -> None:
    """Give a user another password; all of her browsers are signed out.

    Raises
    ------
    OptionError
        No such user, or a password that is too short or too long.
    """
    hashed = hash_of(password)
    with store.writing(by_user) as tx:
        user = found(tx.db, User, user_id, "user")
        user.password_hash = hashed
        user.version += 1
        _end_sessions(tx.db, user_id)
        tx.audit("changed", f"user {user_id}", version=user.version, changed=["password"])


def set_role(tx: Writing, user_id: int, role: str, *, version: int, person_id: str | None = None) -> User:
    """Give a user another role; it holds from her next request on.

    Raises
    ------
    OptionError
        No such user or role, or she is the last owner.
    Conflict
        Somebody else changed her account in the meantime.
    """
    user = found(tx.db, User, user_id, "user")
    _check_role(tx.db, role, person_id)
    if role != "owner":
        _refuse_last_owner(tx.db, user)
    change(tx, user, version=version, subject=f"user {user_id}", values={"role": role, "person_id": person_id})
    return user


def disable(tx: Writing, user_id: int, *, version: int) -> User:
    """Close an account: her browsers and programs are out at once."""
    user = found(tx.db, User, user_id, "user")
    _refuse_last_owner(tx.db, user)
    change(tx, user, version=version, subject=f"user {user_id}", values={"disabled_at": tx.at})
    _end_sessions(tx.db, user_id)
    return user


def enable(tx: Writing, user_id: int, *, version: int) -> User:
    """Open a closed account again."""
    user = found(tx.db, User, user_id, "user")
    change(tx, user, version=version, subject=f"user {user_id}", values={"disabled_at": None})
    return user


def _refuse_last_owner(db: Session, user: User) -> None:
    others = select(func.count(User.id)).where(User.role == "owner", User.disabled_at.is_(None), User.id != user.id)
    if user.role == "owner" and not db.scalar(others):
        raise OptionError("this is the last owner; expected one to remain: make somebody else an owner first")


# -- browsers


def sign_in(store: Store, login: str, password: str, *, address: str, browser: str) -> str:
    """Check a password and open a session.

    Returns
    -------
    str
        The token for the cookie; only its hash is kept.

    Raises
    ------
    OptionError
        A wrong login or password, the same sentence for both; or too many of them, with the seconds to wait.
    WorldError
        Too many people sign in at once.
    """
    whom = {"login": f"login {login.strip().lower()[:60]}", "address": f"address {address[:60]}"}
    with store.reading() as db:
        _refuse_guessing(db, whom)
        user = db.scalars(select(User).where(func.lower(User.login) == login.strip().lower())).first()
    is_right = _verified(password, user.password_hash if user else _nobody_hash())
    with store.writing(user.id if user and is_right else None) as tx:
        if user is None or not is_right or user.disabled_at is not None:
            _count_failure(tx, whom)
        else:
            return _open_session(tx, user, whom, browser)
    raise OptionError("login or password is wrong; try again, or ask the owner for a new password")


def _open_session(tx: Writing, user: User, whom: dict[str, str], browser: str) -> str:
    tx.db.execute(delete(SignInFailure).where(SignInFailure.whom.in_(whom.values())))
    tx.db.execute(delete(WebSession).where(WebSession.expires_at < tx.at))
    token = secrets.token_urlsafe(32)
    tx.add(
        WebSession(
            token_sha256=_sha256(token),
            user_id=user.id,
            created_at=tx.at,
            last_seen_at=tx.at,
            expires_at=tx.at + IDLE,
            browser=browser[:200],
        )
    )
    tx.audit("signed in", f"user {user.id}")
    return token


def session_user(store: Store, token: str) -> SignedIn | None:
    """Whose browser holds this token; None for a session that is unknown, ended, too old, or of a closed account."""
    at = now()
    chosen = select(WebSession, User).join(User, User.id == WebSession.user_id)
    with store.reading() as db:
        row = db.execute(chosen.where(WebSession.token_sha256 == _sha256(token))).first()
    if row is None:
        return None
    session, user = row
    if user.disabled_at is not None or session.expires_at <= at or session.created_at + LONGEST <= at:
        return None
    if at - session.last_seen_at >= _SEEN_EVERY:
        _see_browser(store, session.token_sha256)
    return SignedIn(user_id=user.id, login=user.login, role=user.role, person_id=user.person_id)


def _see_browser(store: Store, token_sha256: str) -> None:
    with store.writing() as tx:
        session = tx.db.get(WebSession, token_sha256)
        if session is not None:
            session.last_seen_at, session.expires_at = tx.at, tx.at + IDLE
        tx.says_nothing()


def sign_out(store: Store, token: str) -> None:
    """End one browser's session; an unknown one has ended already."""
    with store.writing() as tx:
        session = tx.db.get(WebSession, _sha256(token))
        if session is not None:
            tx.db.delete(session)
            tx.by_user = session.user_id
            tx.audit("signed out", f"user {session.user_id}")


def sign_out_everywhere(tx: Writing, user_id: int) -> None:
    """End all of a user's sessions, at once."""
    _end_sessions(tx.db, user_id)
    tx.audit("signed out everywhere", f"user {user_id}")


def _end_sessions(db: Session, user_id: int) -> None:
    db.execute(delete(WebSession).where(WebSession.user_id == user_id))


# -- programs


def create_token(tx: Writing, user_id: int, name: str, scopes: Sequence[str]) -> tuple[ApiToken, str]:
    """A key for a program; the second value is the key, which is shown once and not kept.

    Raises
    ------
    OptionError
        No such user, no name, or an unknown scope.
    """
    found(tx.db, User, user_id, "user")
    if not 0 < len(name.strip()) <= 200:
        raise OptionError("a token without a name; expected what uses it, such as 'gateway in the gym'")
    if not scopes:
        raise OptionError(f"a token that may do nothing; expected some of {', '.join(SCOPES)}")
    for scope in scopes:
        if scope not in SCOPES:
            raise unknown_name("scope", scope, SCOPES)
    token = f"ls_{secrets.token_urlsafe(32)}"
    row = ApiToken(
        token_sha256=_sha256(token),
        user_id=user_id,
        name=name.strip(),
        scopes=sorted(set(scopes)),
        created_at=tx.at,
    )
    tx.add(row)
    tx.audit("token created", f"token {row.id}", scopes=row.scopes)
    return row, token


def token_user(store: Store, token: str) -> TokenUser | None:
    """Whose program holds this token; None for one that is unknown, revoked, or of a closed account."""
    chosen = select(ApiToken, User).join(User, User.id == ApiToken.user_id)
    with store.reading() as db:
        row = db.execute(chosen.where(ApiToken.token_sha256 == _sha256(token))).first()
    if row is None or row[0].revoked_at is not None or row[1].disabled_at is not None:
        return None
    key, user = row
    if key.last_used_at is None or now() - key.last_used_at >= _SEEN_EVERY:
        with store.writing(user.id) as tx:
            found(tx.db, ApiToken, key.id, "token").last_used_at = tx.at
            tx.says_nothing()
    return TokenUser(
        token_id=key.id,
        user_id=user.id,
        login=user.login,
        role=user.role,
        person_id=user.person_id,
        scopes=tuple(key.scopes),
    )


def revoke_token(tx: Writing, token_id: int) -> ApiToken:
    """Take a program's key away, at once.

    Raises
    ------
    OptionError
        No such token.
    """
    row = found(tx.db, ApiToken, token_id, "token")
    row.revoked_at = row.revoked_at or tx.at
    tx.audit("token revoked", f"token {token_id}")
    return row


# -- guessing


def _refuse_guessing(db: Session, whom: dict[str, str]) -> None:
    at = now()
    for kind, name in whom.items():
        failed = db.get(SignInFailure, name)
        left_s = _wait_s(kind, failed, at) if failed else 0.0
        if left_s > 0:
            raise OptionError(f"too many wrong passwords; wait {left_s:.0f} s, then try again")


def _wait_s(kind: str, failed: SignInFailure, at: datetime) -> float:
    """Seconds that are left to wait.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> at = datetime(2026, 11, 20, tzinfo=UTC)
    >>> [_wait_s("login", SignInFailure(whom="x", count=n, last_at=at), at) for n in (4, 5, 6, 8, 20)]
    [0.0, 1.0, 2.0, 8.0, 60.0]
    """
    if failed.count < _FREE_FAILURES:
        return 0.0
    wait_s = min(2.0 ** min(failed.count - _FREE_FAILURES, 20), _LONGEST_WAIT_S[kind])
    return max(0.0, wait_s - (at - failed.last_at).total_seconds())


def _count_failure(tx: Writing, whom: dict[str, str]) -> None:
    for name in whom.values():
        row = tx.db.get(SignInFailure, name)
        if row is None:
            tx.db.add(SignInFailure(whom=name, count=1, last_at=tx.at))
        else:
            row.count = 1 if tx.at - row.last_at > _FORGET_FAILURES else row.count + 1
            row.last_at = tx.at
    tx.audit("sign-in failed", "sign-in")


# -- secrets


def hash_of(password: str) -> str:
    """Argon2 hash of a password.

    Raises
    ------
    OptionError
        It is shorter than 10 characters or longer than 1000.
    WorldError
        Too many are being checked at once.
    """
    if not _SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise OptionError(
            f"a password of {len(password)} characters; expected {_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD}: "
            "a short sentence is easy to remember"
        )
    with _one_of_two():
        return _hasher().hash(password)


def _verified(password: str, hashed: str) -> bool:
    if len(password) > _LONGEST_PASSWORD:
        return False
    with _one_of_two():
        return _hasher().verify(password, hashed)


@contextmanager
def _one_of_two() -> Iterator[None]:
    if not _HASHING.acquire(timeout=_HASHING_WAIT_S):
        raise WorldError("too many people sign in at once: try again in a few seconds")
    try:
        yield
    finally:
        _HASHING.release()


@cache
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody_hash() -> str:
    """Checked where there is no such login, so that the answer takes as long."""
    with _one_of_two():
        return _hasher().hash(secrets.token_urlsafe(32))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
