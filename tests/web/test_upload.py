"""Recordings in: what is taken, what is refused and in which words, and that nothing is left behind."""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

import loadsense as ls
from loadsense.placement import Placement
from loadsense.readers.loadsense_format import write_recording
from loadsense.simulate import DropLanding, Sensor, Stand, simulate_session
from loadsense.store import accounts, open_store
from loadsense.store.tables import AuditRow, RecordingRow, SessionRow
from loadsense.web import jobs, uploading
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import COOKIE, Limits

SAMPLES = Path(__file__).parents[2] / "sample_recordings"
CLIPPED = SAMPLES / "simulated-hip-clipped.csv.gz"
STAGE_1 = SAMPLES / "simulated-stage-1-hip.csv.gz"
GAPS = SAMPLES / "simulated-hip-gaps.csv.gz"
SMALL = SAMPLES / "simulated-range-2g.csv.gz"
HIP = SAMPLES / "simulated-hip-session.csv.gz"
START = datetime(2026, 11, 19, 17, 30, tzinfo=UTC)
WITHIN_S = 60.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request):
    """The process that reads files opens the store by its address: on both."""
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Six drops, as a hip and a wrist sensor saw them."""
    script = [Stand(duration_s=4.0), *[DropLanding(height_m=0.2, pause_s=1.5)] * 6, Stand(duration_s=3.0)]
    made = []
    for placement, rate_hz in ((Placement.HIP, 100.0), (Placement.WRIST, 50.0)):
        seen = simulate_session(script, sensor=Sensor(placement=placement, sampling_rate_hz=rate_hz), seed=7)
        facts = {"placement": placement, "range_g": 16.0, "start": START, "tz": "Europe/Madrid"}
        recording = ls.Recording.from_arrays(seen.accel_g, sampling_rate_hz=rate_hz, **facts)
        path = tmp_path_factory.mktemp("pair") / f"{placement}.loadsense.parquet"
        made.append(Path(write_recording(recording, path).path).read_bytes())
    return made


@pytest.fixture(scope="module", autouse=True)
def ended(app):
    yield
    app.state.jobs.close()
    app.state.uploads.close()


def settled(browser):
    """The list of jobs once each has ended."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        text = browser.get("/upload/jobs").text
        if "hx-get" not in text:
            return re.findall(r'<li class="(\w+)">(.*?)</li>', text, re.S)
        time.sleep(0.02)
    raise AssertionError("the analysis did not end")


def newest(browser):
    state, told = settled(browser)[0]
    return state, re.sub(r"<[^>]+>|\s+", " ", told)


def sent(browser, *files, person="p017", **said):
    """The form as a browser without scripts sends it; files are (name, content, placement)."""
    placements = [placement for _, _, placement in files]
    parts = [("file", (name, content)) for name, content, _ in files]
    return browser.post("/upload", data={"person_id": person, "placement": placements, **said}, files=parts)


def left_behind(app):
    return [one for one in (app.state.dashboard.store.folder / "incoming").glob("*/*") if one.name != "in-use"]


def test_a_file_of_the_form_becomes_a_session(app, client, store):
    answer = sent(
        client("coach"), ("Maria hip.csv.gz", CLIPPED.read_bytes(), "hip"), range_g="8", rpe="14", day="2026-11-20"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/upload#sent")
    state, told = newest(client("coach"))
    assert state == "done"
    assert "Maria hip.csv.gz" in told  # told to whoever sent it
    with store.reading() as db:
        row = db.scalars(select(SessionRow).where(SessionRow.person_id == "p017")).first()
        assert (row.rpe, row.rpe_scale, row.tz) == (14.0, "borg", "Europe/Madrid")
        everything = " ".join(f"{one.detail} {one.subject}" for one in db.scalars(select(AuditRow)))
    assert "Maria" not in everything
    assert not [one for one in store.folder.rglob("*") if "Maria" in one.name]
    assert left_behind(app) == []
    assert "Maria" not in client("owner").get("/upload").text


def test_a_file_that_is_here_already_leads_to_its_session(client):
    for _ in range(2):
        sent(client("coach"), ("x", STAGE_1.read_bytes(), "hip"), person="p021", range_g="16")
    state, told = newest(client("coach"))
    assert state == "done"
    assert "Already here" in told
    assert "nothing was changed" in told


def test_a_file_of_somebody_else_is_refused(client, store):
    sent(client("coach"), ("x", GAPS.read_bytes(), "hip"), person="p017", range_g="16")
    sent(client("coach"), ("x", GAPS.read_bytes(), "hip"), person="p021", range_g="16")
    state, told = newest(client("coach"))
    assert state == "refused"
    assert "belongs to somebody else already" in told
    with store.reading() as db:
        assert db.scalar(select(func.count(RecordingRow.sha256)).where(RecordingRow.person_id == "p021")) <= 1


WRONG = {
    "a picture by another name": (b"\xff\xd8\xff\xe0" + bytes(3000), "hip.csv", "hip.csv: a picture"),
    "cut off": (HIP.read_bytes()[:80_000], "h.csv.gz", "h.csv.gz: the gzip file is cut off in the middle"),
    "words": (b"dear diary, today I trained\n" * 40, "diary.csv", "diary.csv"),
    "a bomb": (gzip.compress(bytes(60_000_000)), "small.csv.gz", "small.csv.gz"),
}


@pytest.mark.parametrize(("content", "name", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_recording_is_told_by_the_name_it_was_sent_under(app, client, content, name, words):
    assert sent(client("coach"), (name, content, "hip")).status_code == 303
    state, told = newest(client("coach"))
    assert state == "refused"
    assert words in told
    assert str(app.state.dashboard.store.folder) not in told
    assert left_behind(app) == []


def test_two_sensors_become_one_session(client, store, pair):
    hip, wrist = pair
    answer = sent(
        client("coach"), ("a", hip, "hip"), ("b", wrist, "wrist"), range_g="16", together="true", person="p021"
    )
    assert answer.status_code == 303
    state, _ = newest(client("coach"))
    assert state == "done"
    with store.reading() as db:
        found = db.scalars(select(RecordingRow.placement).where(RecordingRow.person_id == "p021")).all()
    assert set(found) >= {"hip", "wrist"}


REFUSED = {
    "nobody": ({"person": ""}, "a file without a person"),
    "a stranger": ({"person": "p999"}, "p999"),
    "no such placement": ({"placement": "hipp"}, "did you mean 'hip'"),
    "no such zone": ({"tz": "Europe/Madird"}, "unknown time zone 'Europe/Madird'"),
    "a field of its own": ({"colour": "red"}, "colour: extra inputs are not permitted"),
    "a range of words": ({"range_g": "wide"}, "range_g: input should be a valid number"),
}


@pytest.mark.parametrize(("said", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_kept(app, client, said, words):
    said = dict(said)
    answer = sent(client("coach"), ("x", b"x", said.pop("placement", "hip")), person=said.pop("person", "p017"), **said)
    assert answer.status_code == 422
    assert words.lower() in answer.text.replace("&#39;", "'").lower()
    assert left_behind(app) == []


def test_a_form_without_a_file_says_so(client):
    answer = client("coach").post("/upload", data={"person_id": "p017", "placement": "hip"}, files={"file": ("", b"")})
    assert answer.status_code == 422
    assert "No file was chosen" in answer.text


def test_loads_belong_to_one_session(client):
    two = [(name, b"x", "hip") for name in "ab"]
    answer = sent(client("coach"), *two, deadlift_kg="60")
    assert answer.status_code == 422
    assert "enter them on each session" in answer.text


def put(browser, content, name="x", **more):
    return browser.put(f"/upload/files?name={name}", content=content, headers={"accept": "application/json"}, **more)


def test_a_file_that_waits_is_for_its_sender_alone(client):
    key = put(client("coach"), b"1234").json()["staged"]
    answer = client("owner").post("/upload", data={"person_id": "p017", "placement": "hip", "staged": key})
    assert answer.status_code == 422
    assert "not here any more" in answer.text
    assert (
        client("coach").post("/upload", data={"person_id": "p017", "placement": "hip", "staged": key}).status_code
        == 303
    )
    assert newest(client("coach"))[0] == "refused"


def test_an_empty_file_is_told_at_once(app, client):
    answer = put(client("coach"), b"")
    assert (answer.status_code, answer.json()["detail"]) == (422, uploading.EMPTY)
    assert left_behind(app) == []


def test_what_is_larger_than_the_limit_is_refused_and_leaves_nothing(store):
    made = create_app(Dashboard(store=store, limits=Limits(upload_bytes=2 << 20, requests_per_s=1e4, burst=1e4)))
    from starlette.testclient import TestClient

    browser = TestClient(made, base_url="http://127.0.0.1", headers={"origin": "http://127.0.0.1"})
    browser.post("/sign-in", data={"login": "coach", "password": "a long enough password"})
    told = "larger than the 2 MiB"
    assert told in put(browser, bytes(3 << 20)).json()["detail"]
    undeclared = put(browser, iter([bytes(1 << 20)] * 3))  # chunked: the length is not told beforehand
    assert (undeclared.status_code, told in undeclared.json()["detail"]) == (413, True)
    assert left_behind(made) == []


def test_a_gateway_sends_a_recording_and_asks_what_became_of_it(app, client, store):
    with store.writing(1) as tx:
        _, may_record = accounts.create_token(tx, 2, "gateway", ["record"])
        _, may_read = accounts.create_token(tx, 2, "table", ["read"])
    gateway = client(None)
    path = "/api/v1/recordings?person=p017&placement=hip&range_g=2&day=2026-11-20"
    auth = {"authorization": f"Bearer {may_record}"}
    assert gateway.put(path, content=b"x", headers={"authorization": f"Bearer {may_read}"}).status_code == 403
    answer = gateway.put(path, content=SMALL.read_bytes(), headers=auth)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    until = time.monotonic() + WITHIN_S
    while (told := gateway.get(f"/api/v1/recordings/jobs/{job}", headers=auth).json())["state"] in (
        "waiting",
        "working",
    ):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert told["state"] == "done"
    assert told["is_new"]
    assert client("coach").get(f"/sessions/{told['session_id']}").status_code == 200
    assert client("owner").get(f"/api/v1/recordings/jobs/{job}").status_code == 404  # somebody else's
    unknown = gateway.put(path.replace("hip", "hipp"), content=b"x", headers=auth)
    assert unknown.status_code == 422
    assert gateway.put(path.replace("p017", "p999"), content=b"x", headers=auth).status_code == 422


@pytest.mark.parametrize("field", ["person", "tz"])
def test_what_no_text_can_hold_is_refused_by_a_sentence(client, store, field):
    with store.writing(1) as tx:
        _, token = accounts.create_token(tx, 2, "gateway", ["record"])
    said = {"person": "p017", "placement": "hip", "tz": "UTC"} | {field: "p\0"}
    answer = client(None).put("/api/v1/recordings", params=said, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, "a NUL character".lower() in answer.text.lower()) == (422, True)


KILLED = """
import sys, os
from datetime import date
from pathlib import Path
from loadsense.web.jobs import Place
from loadsense.web import uploading
from loadsense.store import importing
from loadsense.store.opening import Writing
def killed(*words, **more): os.kill(os.getpid(), 9)
Writing.audit = killed  # near the end of the transaction that writes every row
part = uploading.Part(path=Path(sys.argv[3]), name="x", placement="hip", range_g=8.0)
options = importing.ImportOptions(tz="Europe/Madrid", day=date(2026, 11, 20))
wanted = uploading.Wanted(person_id="p017", parts=(part,), options=options, by_user=None)
print(uploading.take_in(Place(url=sys.argv[1], folder=sys.argv[2]), wanted))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_an_import_that_is_killed_leaves_nothing(tmp_path):
    from loadsense.store import people

    url = f"sqlite:///{tmp_path / 'x.db'}"
    store = open_store(url, tmp_path)
    with store.writing() as tx:
        people.create(tx, "p017")
    store.close()
    command = [sys.executable, "-c", KILLED, url, str(tmp_path), str(CLIPPED)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stdout + ran.stderr
    assert list((tmp_path / "incoming").iterdir()) != []  # what it was working on
    again = open_store(url, tmp_path)
    with again.reading() as db:
        assert db.scalar(select(func.count(SessionRow.id))) == 0
    assert list((tmp_path / "incoming").iterdir()) == []
    again.close()


def test_a_process_that_dies_is_told_and_the_next_job_gets_another(app, client, store, monkeypatch):
    found = app.state.jobs
    job = found.start(os._exit, 9, about=jobs.about("import", "one that dies", 2))
    until = time.monotonic() + WITHIN_S
    while found.get(job.number, 2).is_open:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert found.get(job.number, 2).outcome.sentence == jobs.DIED
    sent(client("coach"), ("x", b"words\n" * 100, "hip"))
    assert newest(client("coach"))[0] == "refused"


CUT_OFF = """
import os, signal, sys, time
from pathlib import Path
from functools import partial
from loadsense.web.jobs import Jobs, Outcome, about
if __name__ == "__main__":
    found = Jobs(Path(sys.argv[1]))
    ends = partial(Outcome, is_done=True, sentence="it is here")
    found.start(ends, about=about("import", "one that ends", 2, what="1 file"))
    while any(one.is_open for one in found.of(2, kind="import")):
        time.sleep(0.02)
    found.start(time.sleep, 3600, about=about("import", "p017: Maria.csv (hip)", 2, what="2 files"))
    found.start(time.sleep, 3600, about=about("re-analysis", "profile x", 2, what="profile x"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_jobs_that_a_killed_server_did_not_end_are_told_by_the_next(store, client, tmp_path, monkeypatch):
    script, journal = tmp_path / "server.py", tmp_path / "jobs.json"
    script.write_text(CUT_OFF)
    ran = subprocess.run([sys.executable, script, journal], check=False, capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stdout + ran.stderr
    assert "Maria" not in journal.read_text()
    again = create_app(Dashboard(store=store))
    again.state.jobs = jobs.Jobs(journal)
    cookies = {COOKIE: client("coach").cookies[COOKIE]}
    page = TestClient(again, base_url="http://127.0.0.1", cookies=cookies)
    text = page.get("/upload").text
    assert "Broken off" in text
    assert "2 files, asked for on 20" in text
    assert "the dashboard ended before this was done; a session is kept whole or not at all" in text
    assert "each session has its new version or the one before" in page.get("/reanalyze").text
    assert [one.number for kind in ("import", "re-analysis") for one in again.state.jobs.of(2, kind=kind)] == [2, 3]
    ends = partial(jobs.Outcome, is_done=True, sentence="it is here")
    job = again.state.jobs.start(ends, about=jobs.about("import", "the next", 2))
    assert job.number == 4  # a gateway that asks for 2 is not told of another
    again.state.jobs.close()
    assert [one.number for one in jobs.Jobs(journal).of(2, kind="import")][-1] == 2  # and the one after tells it too
    monkeypatch.setattr(jobs, "_TOLD_FOR", timedelta(0))
    assert jobs.Jobs(journal).of(2, kind="import") == ()


def test_a_journal_that_cannot_be_read_stops_no_server(tmp_path):
    for words in ("", "[]", '{"last": 3, "jobs": [{}]}', '{"last": "x", "jobs": []}'):
        (tmp_path / "jobs.json").write_text(words)
        assert jobs.Jobs(tmp_path / "jobs.json").of(2, kind="import") == ()
