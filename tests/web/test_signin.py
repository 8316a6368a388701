"""Sign in, sign out, the first run, and a session that is revoked."""

import pytest
from starlette.testclient import TestClient

from loadsense.store import accounts, open_store
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import COOKIE

ADDRESS, PASSWORD = "http://127.0.0.1", "a long enough password"


def browser(app):
    return TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS}, follow_redirects=False)


def sign_in(app, login="viewer", password=PASSWORD, **form):
    one = browser(app)
    return one, one.post("/sign-in", data={"login": login, "password": password, **form})


def test_the_way_back_leads_to_the_page_that_was_asked_for(app):
    asked = browser(app).get("/people/p017?weeks=26")
    assert asked.headers["location"] == "/sign-in?next=/people/p017%3Fweeks%3D26"
    one, answer = sign_in(app, next="/people/p017?weeks=26")
    assert answer.headers["location"] == "/people/p017?weeks=26"
    assert one.get("/people/p017?weeks=26").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_nobody_is_sent_elsewhere(app, elsewhere):
    assert sign_in(app, next=elsewhere)[1].headers["location"] == "/"


def test_the_cookie_cannot_be_read_or_sent_across(app):
    cookie = sign_in(app)[1].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    away = create_app(Dashboard(store=app.state.dashboard.store, is_plain_http=False))
    assert "Secure" in sign_in(away)[1].headers["set-cookie"]


def test_a_wrong_password_says_the_same_as_a_wrong_login(app):
    wrong = [sign_in(app, login, "not the password at all")[1] for login in ("viewer", "nobody")]
    assert [answer.status_code for answer in wrong] == [401, 401]
    for answer in wrong:
        assert "Login or password is wrong" in answer.text


def test_signing_out_ends_the_session_for_good(app):
    one, _ = sign_in(app)
    token = one.cookies[COOKIE]
    assert one.get("/roster").status_code == 200
    assert one.post("/sign-out").headers["location"] == "/sign-in"
    thief = browser(app)
    thief.cookies.set(COOKIE, token)
    assert thief.get("/roster").headers["location"].startswith("/sign-in")


def test_a_revoked_session_is_out_at_once(app, store):
    one, _ = sign_in(app, "coach")
    assert one.get("/roster").status_code == 200
    with store.reading() as db:
        user = next(u for u in db.query(accounts.User) if u.login == "coach")
    with store.writing(1) as tx:
        accounts.sign_out_everywhere(tx, user.id)
    assert one.get("/roster").status_code == 303


def test_the_first_run_makes_the_owner_and_only_once(tmp_path):
    store = open_store(tmp_path / "new.db", tmp_path)
    one = browser(create_app(Dashboard(store=store)))
    assert one.get("/sign-in").headers["location"] == "/first-run"
    form = {"login": "owner", "password": PASSWORD, "again": "something else"}
    assert "the two passwords differ" in one.post("/first-run", data=form).text.lower()
    assert one.post("/first-run", data={**form, "again": PASSWORD}).headers["location"] == "/"
    assert one.get("/roster").status_code == 200
    late = browser(one.app).post("/first-run", data={"login": "thief", "password": PASSWORD, "again": PASSWORD})
    assert late.status_code == 422
    assert browser(one.app).get("/first-run").headers["location"] == "/sign-in"
    store.close()


def test_an_empty_roster_says_what_to_do(tmp_path):
    store = open_store(tmp_path / "new.db", tmp_path)
    accounts.create_owner(store, "owner", PASSWORD)
    one, _ = sign_in(create_app(Dashboard(store=store)), "owner")
    assert "Nobody is on the roster yet." in one.get("/roster").text
    store.close()
