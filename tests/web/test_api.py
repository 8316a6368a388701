"""The API: what the pages show, for programs and for signed-in browsers."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from loadsense.results import Flag
from loadsense.store import accounts, flags
from loadsense.store.importing import SensorFile, import_session
from loadsense.store.tables import User
from loadsense.web.access import ACCESS
from loadsense.web.pages.person import person_of
from loadsense.web.pages.session import view_of

ADDRESS = "http://127.0.0.1"
SAMPLES = Path(__file__).parents[2] / "sample_recordings"


@pytest.fixture(scope="module")
def session_id(store):
    """A session of p017 with samples."""
    file = SensorFile(path=SAMPLES / "simulated-stage-1-hip.csv.gz", placement="hip", reading={"range_g": 16})
    return import_session(store, "p017", [file], by_user=1).session_id


@pytest.fixture(scope="module")
def token(store):
    """`token("read")` is a key of the coach."""

    def made(*scopes, login="coach"):
        with store.writing(1) as tx:
            user = tx.db.query(User).filter_by(login=login).one()
            return accounts.create_token(tx, user.id, "gateway", scopes)[1]

    return made


def program(app, key):
    return TestClient(app, base_url=ADDRESS, headers={"authorization": f"Bearer {key}"})


def test_the_answer_is_the_page_object(app, client, session_id):
    shown = app.state.dashboard
    answer = client("coach").get("/api/v1/people/p017").json()
    page = person_of(shown, "p017", 12)
    assert answer["attendance"] == {"attended": page.attendance.attended, "offered": page.attendance.offered}
    assert [bar["words"] for bar in answer["landings"]] == [bar.words for bar in page.landings]
    view = view_of(shown, session_id)
    answer = client("coach").get(f"/api/v1/sessions/{session_id}").json()
    assert answer["page"] == json.loads(json.dumps(view.page))
    assert answer["sensors"][0]["sha256"] == view.sensors[0].sha256


def test_a_trace_is_the_same_as_numbers_and_as_bytes(client, session_id):
    path = f"/api/v1/sessions/{session_id}/trace?sensor=hip&t0=10&t1=60&n=300"
    told = client("coach").get(path).json()
    body = client("coach").get(f"{path}&form=binary").content
    start_s, step_s, rate_hz, count = struct.unpack("<4d", body[:32])
    assert (start_s, step_s, rate_hz) == (told["start_s"], told["step_s"], told["sampling_rate_hz"])
    lows = np.frombuffer(body, "<f4", int(count), 32)
    assert len(told["low_g"]) == count <= 301
    assert lows == pytest.approx(told["low_g"], abs=1e-5)


def test_events_come_a_page_at_a_time_and_none_twice(client, session_id):
    whole = client("coach").get(f"/api/v1/sessions/{session_id}/events?limit=1000").json()
    assert whole["next"] is None
    found, after = [], 0
    while after is not None:
        answer = client("coach").get(f"/api/v1/sessions/{session_id}/events?limit=3&after={after}").json()
        found, after = found + answer["items"], answer["next"]
    assert found == whole["items"]
    assert len(found) > 6


def test_sessions_come_a_page_at_a_time(client, session_id):
    answer = client("coach").get("/api/v1/people/p017/sessions?limit=1").json()
    assert [one["id"] for one in answer["items"]] == [session_id]
    assert answer["next"] is None
    assert client("coach").get(f"/api/v1/people/p017/sessions?before={session_id}").json()["items"] == []


def test_a_browser_corrects_and_takes_it_back(client, session_id):
    events = client("coach").get(f"/api/v1/sessions/{session_id}/events?limit=1000").json()["items"]
    landing = next(one for one in events if one["kind"] == "landing")
    said = {
        "kind": "not a landing",
        "sensor": landing["sensor"],
        "event_id": landing["event_id"],
        "reason": "a tap on the sensor",
    }
    answer = client("coach").post(f"/api/v1/sessions/{session_id}/corrections", json=said)
    assert answer.status_code == 200, answer.text
    (made,) = answer.json()["corrections"]
    assert made["reason"] == "a tap on the sensor"
    undone = client("coach").post(f"/api/v1/sessions/{session_id}/corrections/{made['id']}/undo").json()
    assert undone["corrections"][0]["undone_by"] == "coach"


def test_somebody_elses_row_is_nobodys(client, store, session_id):
    """A flag of one person under the path of another, and a correction under another session."""
    with store.writing(1) as tx:
        (flag,) = flags.raise_flags(tx, "p021", [Flag(rule="x", severity="amber", sentence="y", source="z")])
    for act, body in (("acknowledge", {"version": 1}), ("clear", {"version": 1, "by": "A", "on": "2026-11-23"})):
        answer = client("coach").post(f"/api/v1/people/p017/flags/{flag.id}/{act}", json=body)
        assert answer.status_code == 404
    assert client("coach").get("/api/v1/people/p021/flags?open_only=true").json()["items"][0]["id"] == flag.id
    told = client("coach").post(f"/api/v1/people/p021/flags/{flag.id}/acknowledge", json={"version": 1, "note": "seen"})
    assert told.json()["flags"][0]["acknowledged_note"] == "seen"
    again = client("coach").post(f"/api/v1/people/p021/flags/{flag.id}/acknowledge", json={"version": 1})
    assert again.status_code == 409
    assert "coach" in again.json()["detail"]


def test_everything_about_somebody_is_one_archive(client, session_id):
    answer = client("coach").get("/api/v1/people/p017/export")
    assert 'filename="p017.zip"' in answer.headers["content-disposition"]
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert any(name.endswith("summary.json") for name in names)
    assert any(name.endswith(".loadsense.parquet") for name in names)


# -- tokens


def test_a_token_reads_and_changes_nothing(app, token, session_id):
    reading = program(app, token("read"))
    assert reading.get("/api/v1/people").status_code == 200
    assert reading.get(f"/api/v1/sessions/{session_id}").status_code == 200
    answer = reading.post(f"/api/v1/sessions/{session_id}/corrections/1/undo")
    assert answer.status_code == 403
    assert "this token may not do that" in answer.json()["detail"]
    assert reading.get("/roster").status_code == 403  # pages are for eyes


def test_a_token_for_recordings_reads_nothing(app, token):
    answer = program(app, token("record")).get("/api/v1/people")
    assert answer.status_code == 403


def test_an_athletes_token_sees_herself(app, token, session_id):
    hers = program(app, token("read", login="athlete"))
    assert hers.get("/api/v1/people/p017").status_code == 200
    assert hers.get(f"/api/v1/sessions/{session_id}").status_code == 200
    for path in ("/api/v1/people/p021", "/api/v1/people", "/api/v1/sessions/999999", "/api/v1/people/p021/export"):
        assert hers.get(path).status_code == 403, path


def test_a_revoked_token_is_out_at_once(app, store, token):
    key = token("read")
    reading = program(app, key)
    assert reading.get("/api/v1/people").status_code == 200
    with store.writing(1) as tx:
        accounts.revoke_token(tx, accounts.token_user(store, key).token_id)
    answer = reading.get("/api/v1/people")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_whatever_changes_something_in_the_api_is_for_a_persons_browser():
    """But for what gateways send, which has scopes of its own."""
    scoped = {name: access.scope for name, access in ACCESS.items() if access.scope not in (None, "read")}
    assert set(scoped.values()) <= {"record", "live"}
    for name in ("api_correct", "api_undo", "api_decide", "api_prescribe", "api_clear", "api_acknowledge"):
        assert ACCESS[name].scope is None


def test_the_page_about_the_api_is_current(monkeypatch):
    docs = Path(__file__).parents[2] / "docs"
    monkeypatch.syspath_prepend(docs)
    import api_page

    assert api_page.page() == (docs / "api.md").read_text("utf-8"), "run: python docs/api_page.py"


# -- what cannot be


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/sessions/99999999999999999999", 422),
        ("/api/v1/sessions/²", 422),
        ("/api/v1/sessions/-1", 422),
        ("/api/v1/people/P017", 422),
        ("/api/v1/people/%00", 422),
        ("/api/v1/people/p017%2F..%2Fp021", 404),
        ("/api/v1/nothing-here", 404),
        ("/api/v1/roster?week=9999-W99", 422),
        ("/api/v1/roster?week=0001-W01", 422),
        ("/api/v1/roster?week=9999-W52", 422),
        ("/api/v1/people/p017?weeks=1000000", 422),
        ("/api/v1/sessions/1/trace?sensor=hip&t0=nan", 422),
        ("/api/v1/sessions/1/trace?sensor=hip&t0=1e300", 422),
        ("/api/v1/sessions/1/trace?sensor=wrist", 404),
    ],
)
def test_what_cannot_be_is_one_sentence(client, session_id, path, status):
    answer = client("coach").get(path)
    assert answer.status_code == status
    assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"version": 1, "note": "\\ud800"}',
        b'{"version": 1, "note": "a\\u0000b"}',
        b'{"version": 1e400, "note": ""}',
        b'{"version": 1, "note": "\xff"}',
        b'{"version": NaN}',
        b"[]",
        b"{",
        b"null",
        b'{"version": 1, "unknown": 1}',
    ],
)
def test_a_body_that_cannot_be_changes_nothing(client, body):
    path = "/api/v1/people/p017/flags/1/acknowledge"
    answer = client("coach").post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404, 422)
    assert set(answer.json()) == {"detail"}


def test_what_is_huge_is_refused_by_both_databases_rooms(client):
    """A version beyond 64 bits never reaches a row."""
    said = {"version": 10**30, "note": ""}
    answer = client("coach").post("/api/v1/people/p017/flags/999/acknowledge", json=said)
    assert answer.status_code == 404
