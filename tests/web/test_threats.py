"""What the threat model promises: each of its sentences that a test can hold."""

import asyncio
import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from test_access import filled, routes

from loadsense.results import Flag
from loadsense.store import accounts, flags, opening
from loadsense.store.importing import SensorFile, import_session
from loadsense.store.tables import SessionRecording
from loadsense.store.times import now
from loadsense.web.app import OUR_FAULT, create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import POLICY, TOO_SLOW, Guard, Limits, refuse, too_large

ADDRESS, PASSWORD = "http://127.0.0.1", "a long enough password"
SAMPLES = Path(__file__).parents[2] / "sample_recordings"


@pytest.fixture(scope="module")
def hers(store):
    """What belongs to p021: a session with its recording, and a flag."""
    file = SensorFile(path=SAMPLES / "simulated-stage-1-hip.csv.gz", placement="hip", reading={"range_g": 16})
    session_id = import_session(store, "p021", [file], by_user=1).session_id
    with store.writing(1) as tx:
        sha256 = tx.db.query(SessionRecording.sha256).filter_by(session_id=session_id).scalar()
        (flag,) = flags.raise_flags(tx, "p021", [Flag(rule="x", severity="amber", sentence="y", source="z")])
    return {"person_id": "p021", "session_id": str(session_id), "sha256": sha256, "flag_id": str(flag.id)}


def at(path, known):
    return filled(re.sub(r"{(\w+)(?::\w+)?}", lambda part: known.get(part[1], part[0]), path))


# -- somebody else's id


def test_an_athlete_gets_nothing_of_somebody_else_by_any_id(app, client, hers):
    """Every route about a person, session, recording or flag; and not even whether there is such a thing."""
    nobody = {"person_id": "p999", "session_id": "987654", "sha256": "1" * 64}
    for name, method, path in routes(app):
        if not {"person_id", "session_id", "sha256", "flag_id"} & set(re.findall(r"{(\w+)", path)):
            continue
        answers = [client("athlete").request(method, at(path, known)) for known in (hers, nobody)]
        assert [one.status_code for one in answers] == [403, 403], (name, path)
        bodies = [one.text.replace(at(path, known), "") for one, known in zip(answers, (hers, nobody), strict=True)]
        assert bodies[0] == bodies[1], name


def test_a_flag_of_hers_is_not_answered_under_another_person(client, hers):
    for act, form in (("acknowledge", {"version": 1}), ("clear", {"version": 1, "by": "A", "on": "2026-11-23"})):
        answer = client("coach").post(f"/people/p017/flags/{hers['flag_id']}/{act}", data=form)
        assert answer.status_code == 404


# -- what every answer carries


def test_every_page_has_the_strict_policy_and_nothing_that_it_would_stop(app, client, hers):
    """All that can be asked for by GET, by the owner; also refusals."""
    for name, method, path in routes(app):
        if method != "GET":
            continue
        answer = client("owner").get(at(path, hers))
        assert answer.status_code < 500, (name, answer.text[:300])
        assert answer.headers["content-security-policy"] == POLICY, name
        if "text/html" in answer.headers.get("content-type", ""):
            assert answer.headers["cache-control"] == "no-store"
            assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", answer.text), (
                name
            )
            assert not re.search(r"(?:src|action)=[\"']?(?:https?:)?//", answer.text), name


@pytest.mark.parametrize(
    "path", ["/static/../access.py", "/static/%2e%2e/access.py", "/static//etc/passwd", "/..%2f..%2fetc/passwd"]
)
def test_no_file_but_ours_is_served(client, path):
    answer = client("owner").get(path)
    assert answer.status_code == 404
    assert "Role" not in answer.text


def test_an_answer_cannot_be_split(client):
    for path in ("/sign-in?next=/%0d%0aSet-Cookie:%20x=1", "/people/p017%0d%0aX-Evil:1", "/roster?week=%0d%0aX:1"):
        answer = client("coach").get(path)
        assert "set-cookie" not in answer.headers
        assert "x-evil" not in answer.headers
    sent = {"login": "coach", "password": PASSWORD, "next": "/\r\nSet-Cookie: stolen=1"}
    answer = client().post("/sign-in", data=sent)
    assert "stolen" not in answer.headers.get("set-cookie", "")
    assert "\n" not in answer.headers["location"]


# -- size and time


def chunks(total, size=65_536):
    for _ in range(total // size):
        yield b"x" * size


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/groups", "application/x-www-form-urlencoded"),
        ("/people/import", "multipart/form-data; boundary=x"),
        ("/api/v1/people/p017/flags/1/acknowledge", "application/json"),
    ],
)
def test_a_body_without_a_length_is_counted(client, path, kind):
    answer = client("coach").post(path, content=chunks(3 << 20), headers={"content-type": kind})
    assert answer.status_code == 413, answer.text
    assert "larger than the 1 MiB" in answer.text


def test_a_declared_length_is_refused_before_it_is_read(client):
    answer = client("coach").post("/groups", content=b"x", headers={"content-length": str(5 << 20)})
    assert answer.status_code == 413
    assert answer.json()["detail"] == too_large(1 << 20)


def test_a_body_that_never_ends_is_hung_up_on():
    """Against the ASGI contract itself: a client that sends a byte and then nothing."""
    told = []

    async def drip():
        if not told:
            told.append("first")
            return {"type": "http.request", "body": b"x", "more_body": True}
        return await asyncio.Event().wait()

    async def read_all(scope, receive, send):
        while (await receive()).get("more_body"):
            pass

    sent = []

    async def keep(message):
        sent.append(message)

    guard = Guard(read_all, hosts=["127.0.0.1"], limits=Limits(form_s=0.05), unforeseen=lambda *_: refuse("x", 500))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(asyncio.wait_for(guard(scope, drip, keep), 5))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["detail"] == TOO_SLOW


# -- faults of ours


def test_a_fault_of_ours_says_one_sentence_and_the_log_has_the_rest(store, caplog):
    app = create_app(Dashboard(store=store, now=lambda: 1 / 0))
    one = TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS}, follow_redirects=False)
    one.post("/sign-in", data={"login": "coach", "password": PASSWORD})
    page, told = one.get("/roster?group=Maria"), one.get("/api/v1/roster?group=Maria")
    assert [page.status_code, told.status_code] == [500, 500]
    assert OUR_FAULT.split(";")[0] in page.text.replace("&#39;", "'").lower()
    for answer in (page.text, told.text):
        assert "Traceback" not in answer
        assert "ZeroDivision" not in answer
    assert page.headers["content-security-policy"] == POLICY
    number = told.json()["detail"].rsplit(" ", 1)[1]
    assert number in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "Maria" not in caplog.text


def test_no_name_comes_into_a_log_or_an_address(store, client, hers, caplog):
    """A story with names typed wherever they can be: none is logged, none is in a place that a browser remembers."""
    caplog.set_level(logging.DEBUG)
    name = "Magdalena Zweig"
    coach = client("coach")
    sent = [
        client().post("/sign-in", data={"login": name, "password": f"{name} {name}"}),
        coach.post("/people/p021/record/notes", data={"day": "2026-11-20", "words": f"therapy by {name}"}),
        coach.post(
            "/people/p021/record/pain", data={"day": "2026-11-20", "site": "knee", "onset": "usual", "after": 2}
        ),
        coach.post("/people", data={"pseudonym": name}),
        coach.post(f"/people/p021/flags/{hers['flag_id']}/acknowledge", data={"version": 1, "note": f"told {name}"}),
        coach.post(f"/sessions/{hers['session_id']}", data={"version": 99, "note": f"with {name}"}),
        coach.get("/people/p021/record"),
    ]
    assert [one.status_code for one in sent] == [401, 303, 303, 422, 303, 409, 200]
    for part in name.split():
        assert part not in caplog.text
        assert not [one for one in sent if part in str(one.url) or part in one.headers.get("location", "")]


# -- guessing


def test_whoever_guesses_waits_longer_each_time(store, client, monkeypatch):
    """With the clock in our hands: the right password does not help before the time is over, and then it does."""
    ahead = timedelta(0)
    for module in (accounts, opening):
        monkeypatch.setattr(module, "now", lambda: now() + ahead)
    browser, right = client(), {"login": "viewer", "password": PASSWORD}
    for _ in range(7):
        ahead += timedelta(seconds=70)
        assert "Login or password is wrong" in browser.post("/sign-in", data={**right, "password": "guessed"}).text
    early = browser.post("/sign-in", data=right)
    assert early.status_code == 401
    assert re.search(r"[Ww]ait \d+ s", early.text)
    ahead += timedelta(seconds=901)
    assert browser.post("/sign-in", data=right).status_code == 303
