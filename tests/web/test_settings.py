"""Settings: one's own for everybody, the installation for owners; what is revoked is out at once."""

import re
import time
import zipfile
from io import BytesIO

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from loadsense.store import accounts, backup
from loadsense.store.accounts import NewUser
from loadsense.store.tables import User
from loadsense.web.guard import COOKIE

PASSWORD = "a long enough password"
ADDRESS = "http://127.0.0.1"


@pytest.fixture(scope="module", autouse=True)
def ended(app):
    yield
    app.state.jobs.close()


@pytest.fixture
def somebody(app, store, request):
    """A coach of this test alone, and her browser."""
    login = re.sub(r"\W", "-", request.node.name)[-50:]
    user_id = accounts.create_user(store, NewUser(login=login, password=PASSWORD, role="coach"), by_user=1)
    return user_id, login, signed_in(app, login)


def signed_in(app, login, password=PASSWORD):
    browser = TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS}, follow_redirects=False)
    answer = browser.post("/sign-in", data={"login": login, "password": password})
    browser.status = answer.status_code
    return browser


def version(store, user_id):
    with store.reading() as db:
        return db.get(User, user_id).version


def test_everybody_finds_her_own_and_only_an_owner_the_rest(client):
    for role in ("athlete", "viewer", "coach"):
        text = client(role).get("/settings").text
        assert "Your password" in text
        assert "Make a backup" not in text
        assert "loadsense.db" not in text
    text = client("owner").get("/settings").text
    assert "Make a backup" in text
    assert "How to restore one" in text


def test_a_password_is_changed_by_whoever_knows_the_one_before(app, somebody):
    _, login, browser = somebody
    other = signed_in(app, login)
    new = {"password": "another long password", "again": "another long password"}
    wrong = browser.post("/settings/password", data={"current": "not this one", **new})
    assert (wrong.status_code, "password is wrong" in wrong.text) == (422, True)
    unlike = browser.post("/settings/password", data={"current": PASSWORD, **new, "again": "something else"})
    assert "differ" in unlike.text
    assert browser.post("/settings/password", data={"current": PASSWORD, **new}).status_code == 303
    assert browser.get("/settings").status_code == 200  # this browser stays
    assert other.get("/settings").headers["location"].startswith("/sign-in")
    assert signed_in(app, login, "another long password").status == 303


def test_a_browser_is_signed_out_at_once_and_only_ones_own(app, client, somebody):
    _, login, browser = somebody
    other = signed_in(app, login)
    keys = re.findall(r"/settings/browsers/([0-9a-f]{64})/end", browser.get("/settings").text)
    assert len(keys) == 2
    for key in keys:
        assert client("owner").post(f"/settings/browsers/{key}/end").status_code == 422
    assert other.get("/settings").status_code == 200
    browser.post(f"/settings/browsers/{keys[0]}/end")  # the latest seen is the one that was signed in last
    browser.post("/settings/browsers/end-all", data={"sure": "yes"})
    for one in (browser, other):
        assert one.get("/settings").headers["location"].startswith("/sign-in")


def test_a_key_is_shown_once_and_revoked_at_once(app, client, somebody):
    _, _, browser = somebody
    answer = browser.post("/settings/tokens", data={"name": "gateway", "scopes": ["read"]})
    (token,) = re.findall(r"ls_[\w-]{40,}", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert token not in browser.get("/settings").text
    program = TestClient(app, base_url=ADDRESS)
    auth = {"authorization": f"Bearer {token}"}
    assert program.get("/api/v1/people", headers=auth).status_code == 200
    (key,) = re.findall(r"/settings/tokens/(\d+)/revoke", browser.get("/settings").text)
    assert client("coach").post(f"/settings/tokens/{key}/revoke").status_code == 404  # somebody else's
    assert browser.post(f"/settings/tokens/{key}/revoke").status_code == 303
    assert program.get("/api/v1/people", headers=auth).status_code == 401


@pytest.mark.parametrize(("scopes", "words"), [([], "may do nothing"), (["write"], "Unknown scope")])
def test_a_key_without_a_known_scope_is_refused(client, scopes, words):
    answer = client("viewer").post("/settings/tokens", data={"name": "x", "scopes": scopes})
    assert answer.status_code == 422
    assert words in answer.text


def test_an_account_from_its_making_to_its_closing(app, client, store):
    owner = client("owner")
    made = owner.post("/settings/users", data={"login": "kim", "password": PASSWORD, "role": "viewer"})
    assert made.status_code == 303
    with store.reading() as db:
        user_id = db.scalars(select(User.id).where(User.login == "kim")).one()
    kim = signed_in(app, "kim")
    assert kim.get("/upload").status_code == 403
    changed = owner.post(
        f"/settings/users/{user_id}/role", data={"version": version(store, user_id), "role": "coach", "person_id": ""}
    )
    assert changed.status_code == 303
    assert kim.get("/upload").status_code == 200
    late = owner.post(f"/settings/users/{user_id}/role", data={"version": 1, "role": "viewer"})
    assert late.status_code == 409
    assert "nothing was overwritten" in late.text
    owner.post(f"/settings/users/{user_id}/disable", data={"version": version(store, user_id)})
    assert kim.get("/upload").headers["location"].startswith("/sign-in")
    assert signed_in(app, "kim").status == 401
    owner.post(f"/settings/users/{user_id}/enable", data={"version": version(store, user_id)})
    owner.post(f"/settings/users/{user_id}/password", data={"password": "given by the owner"})
    assert signed_in(app, "kim", "given by the owner").status == 303


def test_the_last_owner_stays_and_asks_for_her_own_password(client, store):
    owner = client("owner")
    closed = owner.post("/settings/users/1/disable", data={"version": version(store, 1)})
    assert "last owner" in closed.text
    given = owner.post("/settings/users/1/password", data={"password": "around the question"})
    assert "where the one before is asked" in given.text


def test_two_owners_choosing_at_once_lose_nothing(client, store):
    owner = client("owner")
    assert owner.post("/settings/zone", data={"name": "Europe/Lisbon", "version": 0}).status_code == 303
    late = owner.post("/settings/zone", data={"name": "Europe/Oslo", "version": 0})
    assert late.status_code == 409
    assert "owner on" in late.text
    assert "(Europe/Lisbon)" in late.text
    wrong = owner.post("/settings/zone", data={"name": "Europe/Osol", "version": 1})
    assert "Unknown time zone" in wrong.text
    assert owner.post("/settings/profile", data={"name": "no-such", "version": 0}).status_code == 422


def test_a_backup_is_made_listed_downloaded_and_restored(client, tmp_path):
    owner = client("owner")
    assert owner.post("/settings/backups", data={}).status_code == 422  # a stray request makes none
    owner.post("/settings/backups", data={"sure": "yes"})
    until = time.monotonic() + 60.0
    while not (found := re.findall(r'href="(/settings/backups/\d+)"', owner.get("/settings").text)):
        assert time.monotonic() < until
        time.sleep(0.05)
    answer = owner.get(found[0])
    assert answer.headers["content-type"] == "application/zip"
    assert "manifest.json" in zipfile.ZipFile(BytesIO(answer.content)).namelist()
    (tmp_path / "kept.zip").write_bytes(answer.content)
    again = backup.restore(tmp_path / "kept.zip", tmp_path / "again" / "loadsense.db", tmp_path / "again")
    assert accounts.any_user(again)
    again.close()
    assert owner.get("/settings/backups/99999").status_code == 404


def test_the_log_tells_who_did_what_page_by_page(client, store):
    with store.writing(1) as tx:
        for number in range(130):
            tx.audit("counted", f"sheep {number}")
    text = client("owner").get("/settings/audit").text
    assert "sheep 129" in text
    assert "sheep 10<" not in text
    (older,) = re.findall(r'href="(/settings/audit\?before=\d+)"', text)
    assert "sheep 10<" in client("owner").get(older).text
    assert COOKIE not in text
