"""At the door of every route: who asks, about whom, and may they."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from fastapi import WebSocketException
from starlette.requests import HTTPConnection

from loadsense.errors import UserError
from loadsense.store import Store, accounts
from loadsense.store.tables import RecordingRow, SessionRow
from loadsense.web.access import ACCESS, NOBODY, Role, Visitor, refused
from loadsense.web.guard import COOKIE

#: What can be the key of a row; anything else is nobody's, and is not asked for.
_ROW_ID: Final = re.compile(r"[0-9]{1,9}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class NotSignedInError(UserError):
    """A page was asked for without an account; the browser is sent to sign in and back."""

    def __init__(self, path: str) -> None:
        super().__init__("sign in first, then this page opens")
        self.path = path


class NotAdmittedError(UserError):
    """The account may not do this; the sentence is the same whether the thing exists or not."""


def admit(connection: HTTPConnection) -> None:
    """Find out who asks and refuse who may not; every route depends on it, channels too."""
    if connection.scope["type"] == "http":
        _admit(connection)
        return
    try:
        _admit(connection)
    except NotSignedInError as error:
        raise WebSocketException(4401, str(error)) from None
    except NotAdmittedError as error:
        raise WebSocketException(4403, str(error)) from None


def _admit(connection: HTTPConnection) -> None:
    store: Store = connection.app.state.dashboard.store
    access = ACCESS[connection.scope["route"].name]
    asking = _visitor(store, connection)
    connection.state.visitor = asking
    if access.least is Role.NOBODY:
        return
    if asking is NOBODY:
        raise NotSignedInError(_path(connection))
    if refused(access, asking, subject=_subject(store, connection)):
        raise NotAdmittedError(_sentence(asking))


def _sentence(asking: Visitor) -> str:
    if asking.scopes is not None:
        return "this token may not do that: make one with the right scope under Settings"
    if asking.role is Role.ATHLETE:
        return "you can see your own pages only; ask your coach for anything else"
    return f"your account ({asking.role.name.lower()}) may not do this: ask the owner of the dashboard"


def _visitor(store: Store, connection: HTTPConnection) -> Visitor:
    """By token where one is sent, else by cookie."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = accounts.token_user(store, token.strip())
        if found is None:
            return NOBODY
        return Visitor(
            user_id=found.user_id,
            login=found.login,
            role=Role[found.role.upper()],
            person_id=found.person_id,
            scopes=frozenset(found.scopes),
        )
    cookie = connection.cookies.get(COOKIE)
    signed_in = accounts.session_user(store, cookie) if cookie else None
    if signed_in is None:
        return NOBODY
    return Visitor(
        user_id=signed_in.user_id,
        login=signed_in.login,
        role=Role[signed_in.role.upper()],
        person_id=signed_in.person_id,
    )


def _subject(store: Store, connection: HTTPConnection) -> str | None:
    """Pseudonym of whom the path is about."""
    named = connection.path_params
    if "person_id" in named:
        return str(named["person_id"])
    with store.reading() as db:
        if "session_id" in named:
            session_id = str(named["session_id"])
            session = db.get(SessionRow, int(session_id)) if _ROW_ID.fullmatch(session_id) else None
            return session.person_id if session else None
        if "sha256" in named:
            sha256 = str(named["sha256"])
            recording = db.get(RecordingRow, sha256) if _SHA256.fullmatch(sha256) else None
            return recording.person_id if recording else None
    return None


def _path(connection: HTTPConnection) -> str:
    query = connection.url.query
    return quote(connection.url.path + (f"?{query}" if query else ""), safe="/")
