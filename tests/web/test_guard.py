"""Between the network and the pages: host, origin, pace and headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import FOREIGN, NO_HOST, POLICY, TOO_FAST, Limits, Pace

ADDRESS = "http://127.0.0.1"


def test_every_answer_carries_the_policy(client):
    for path in ("/sign-in", "/static/dashboard.css", "/no-such-page"):
        answer = client().get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


def test_pages_are_not_kept_by_anybody(client):
    assert client("coach").get("/roster").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_is_not_ours_is_refused(client, host):
    answer = client().get("/sign-in", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["detail"] == NO_HOST


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": ADDRESS, "sec-fetch-site": "cross-site"},
        {"origin": ADDRESS, "sec-fetch-site": "same-site"},
    ],
)
def test_another_site_changes_nothing(client, headers):
    answer = client("coach").post("/sign-out", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"] == FOREIGN
    assert client("coach").get("/roster").status_code == 200


def test_a_form_without_any_origin_changes_nothing(app, client):
    bare = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    assert bare.post("/sign-in", data={"login": "coach", "password": "x"}).status_code == 403
    assert bare.get("/sign-in").status_code == 200


def test_a_foreign_form_with_basic_credentials_is_still_foreign(client):
    """`http://user:password@...` in a form makes some browsers send `Authorization`; the cookie goes with it."""
    answer = client("coach").post(
        "/sign-out", headers={"origin": "https://evil.example", "authorization": "Basic eDp5"}
    )
    assert answer.status_code == 403
    assert client("coach").get("/roster").status_code == 200


def test_somebody_in_a_hurry_is_asked_to_wait(store):
    app = create_app(Dashboard(store=store, limits=Limits(requests_per_s=0.001, burst=3.0)))
    hasty = TestClient(app, base_url=ADDRESS)
    assert [hasty.get("/sign-in").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert hasty.get("/sign-in").json()["detail"] == TOO_FAST


@given(steps=st.lists(st.floats(0, 5, allow_nan=False), max_size=60))
def test_no_pace_beats_the_bucket(steps):
    pace, at, allowed = Pace(2.0, 5.0), 0.0, 0
    for step in steps:
        at += step
        allowed += pace.allows("one", at=at)
    assert allowed <= 5.0 + 2.0 * at + 1e-6


def test_clients_do_not_share_a_bucket_and_old_ones_are_forgotten():
    pace = Pace(0.0, 1.0)
    assert [pace.allows("a", at=0.0), pace.allows("b", at=0.0), pace.allows("a", at=0.0)] == [True, True, False]
    for n in range(5000):
        pace.allows(str(n), at=0.0)
    assert pace.allows("a", at=0.0)
