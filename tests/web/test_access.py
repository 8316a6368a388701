"""Every route has a least role, and everybody gets what the table says."""

import re

import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from loadsense.web.access import ACCESS, Access, Role, Visitor, names_of, refused, unlisted

#: What stands for a parameter of a path: somebody else's, or nobody's.
SOMEBODY = {"person_id": "p021", "session_id": "1", "sha256": "0" * 64}


def app_routers():
    from loadsense.web import app as made

    return made._ROUTERS


def routes(app):
    """Every route of ours with its method: (name, method, path)."""
    for router in app_routers():
        for route in router.routes:
            for method in sorted(getattr(route, "methods", None) or ()):
                yield route.name, method, route.path


def filled(path):
    return re.sub(r"{(\w+)(?::\w+)?}", lambda part: SOMEBODY.get(part[1], "1"), path)


def test_the_table_and_the_routes_agree(app):
    assert unlisted(app.routes) == []
    assert set(ACCESS) == set(names_of(app.routes))


@pytest.mark.parametrize("role", [None, "athlete", "viewer", "coach", "owner"])
def test_every_route_for_every_role(app, client, role):
    """Nobody gets past the door with less than the table asks for, and whoever may is not turned away at it."""
    level = Role[role.upper()] if role else Role.NOBODY
    for name, method, path in routes(app):
        if name in ("sign_out", "static"):
            continue
        answer = client(role).request(method, filled(path))
        is_turned_away = answer.status_code in (401, 403) or answer.headers.get("location", "").startswith("/sign-in?")
        assert is_turned_away == (level < ACCESS[name].least), (name, method, path, answer.status_code)


@pytest.mark.parametrize("role", [None, "athlete", "viewer", "coach", "owner"])
def test_every_channel_for_every_role(app, client, role):
    """A channel is refused before it opens, by the same table."""
    level = Role[role.upper()] if role else Role.NOBODY
    channels = [one for router in app_routers() for one in router.routes if isinstance(one, WebSocketRoute)]
    assert {"live_feed", "live_ingest"} <= {one.name for one in channels}
    for channel in channels:
        turned_away_with = refusal_of(client(role), filled(channel.path))
        expected = None if level >= ACCESS[channel.name].least else 4401 if role is None else 4403
        assert turned_away_with == expected, (channel.name, role)


def refusal_of(browser, path):
    """Code with which a channel is refused; None where it opens."""
    try:
        with browser.websocket_connect(f"ws://127.0.0.1{path}"):
            return None
    except WebSocketDisconnect as refusal:
        return refusal.code


def test_an_athlete_sees_herself_and_nobody_else(client):
    assert client("athlete").get("/people/p017").status_code == 200
    for path in ("/people/p021", "/people/nobody-at-all", "/sessions/999999", "/roster"):
        answer = client("athlete").get(path)
        assert answer.status_code == 403, path
        assert "your own pages only" in answer.text


def test_the_start_page_is_the_right_one(client):
    assert client("coach").get("/").headers["location"] == "/roster"
    assert client("athlete").get("/").headers["location"] == "/people/p017"
    assert client().get("/").headers["location"] == "/sign-in?next=/"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("access", [Access(Role.NOBODY), Access(Role.VIEWER, own=True), Access(Role.COACH)])
def test_a_token_may_never_do_more_than_its_user(role, access):
    person = Visitor(user_id=1, login="x", role=role, person_id="p017")
    token = Visitor(user_id=1, login="x", role=role, person_id="p017", scopes=frozenset({"read"}))
    for subject in ("p017", "p021", None):
        if refused(access, person, subject=subject):
            assert refused(access, token, subject=subject)


def test_a_token_needs_the_scope():
    access = Access(Role.COACH, scope="record")
    coach = {"user_id": 1, "login": "x", "role": Role.COACH}
    assert refused(access, Visitor(**coach, scopes=frozenset({"read"})), subject=None)
    assert not refused(access, Visitor(**coach, scopes=frozenset({"record"})), subject=None)
    assert refused(Access(Role.COACH), Visitor(**coach, scopes=frozenset({"record"})), subject=None)
