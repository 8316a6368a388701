"""The live floor over real channels: gateways tell, browsers look on, and whoever may not is told why."""

import json
import os
import threading
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from loadsense import read
from loadsense.cli import _code
from loadsense.live.floor import Shown
from loadsense.live.posting import posting_of
from loadsense.live.replaying import replayed
from loadsense.live.telling import WaveTap
from loadsense.samples import Gap, SampleBlock
from loadsense.session import judging
from loadsense.store import accounts
from loadsense.store.tables import SessionRecording, SessionRow
from loadsense.web.access import Role, Visitor
from loadsense.web.guard import COOKIE
from loadsense.web.live.floor import KEEP_SILENT_S, SLOW_S, Floor, Viewer, viewer_for
from loadsense.web.live.protocol import GATEWAY_CHARS, GatewayMessage, HelloFact, LiveRefusedError

ROOT = Path(__file__).parents[2]
WAIT_S = 90.0  # a busy machine takes its time


@pytest.fixture(scope="module")
def token(store):
    return new_token(store)[1]


def new_token(store, scopes=("live",), user_id=1):
    with store.writing(1) as tx:
        row, key = accounts.create_token(tx, user_id, "gateway in the gym", list(scopes))
        return row.id, key


def gateway(port, key):
    headers = {"Authorization": f"Bearer {key}"}
    return connect(f"ws://127.0.0.1:{port}/api/v1/live/ingest", additional_headers=headers, max_size=None)


def browser(port, client, role, *, origin=True):
    headers = {"Cookie": f"{COOKIE}={client(role).cookies[COOKIE]}"}
    address = f"http://127.0.0.1:{port}"
    return connect(
        f"ws://127.0.0.1:{port}/live/feed", additional_headers=headers, origin=address if origin is True else origin
    )


def say(channel, **told):
    channel.send(json.dumps(told))


def hear(channel):
    return json.loads(channel.recv(WAIT_S))


def until(channel, is_it):
    """Messages up to the first that is the one looked for."""
    heard = [hear(channel)]
    while not is_it(heard[-1]):
        heard.append(hear(channel))
    return heard


def hello(session, *people):
    return {"version": 1, "session": session * 32, "people": list(people)}


def state(person, **how):
    facts = {
        "person": person, "locked": None, "complete": False, "landings_in_band": 2, "landings": 3, "target": 5,
        "block": {"name": "landings", "done": 3, "asked": 5, "unit": "landings", "by_hand": False},
        "sets": 0, "sets_asked": None, "repetitions": 0, "age_s": 0.1, "lost_s": 0.0, "loss_observable": True,
        "battery_percent": 87, "clipped": False, "ended": False, "notes": [],
        "last": {"peak_net_g": 4.6, "loading_rate_g_per_s": 128.0, "band": "inside", "evidence": "> 3.9 g",
                 "settled": True, "clipped": False},
    }  # fmt: skip
    return facts | how


def landing(n, person, **how):
    facts = {"n": n, "at_s": 1.0 + n, "person": person, "sensor": "hip", "kind": "landing", "status": "settled"}
    return facts | {"event_id": f"L{n:04d}", "peak_s": 0.5 + n, "peak_net_g": 3.1} | how


def states_of(messages):
    return {fact["person"]: fact for told in messages for fact in told.get("states", [])}


def sees(person):
    return lambda told: any(fact["person"] == person for fact in told.get("states", []))


@contextmanager
def streaming(port, key, session, *people):
    """A gateway that has said hello."""
    with gateway(port, key) as channel:
        say(channel, hello=hello(session, *people))
        assert hear(channel)["welcome"] == 0
        yield channel


def test_everybody_sees_the_floor_and_only_who_chose_the_waveform(port, client, token):
    with (
        browser(port, client, "coach") as one,
        browser(port, client, "viewer") as other,
        streaming(port, token, "a", "p017", "p021") as source,
    ):
        say(source, states=[state("p017"), state("p021", locked="no screening is on file")])
        for looking in (one, other):
            facts = states_of(until(looking, sees("p021")))
            assert facts["p017"]["last"]["band"] == "inside"
            assert (facts["p017"]["connected"], facts["p017"]["known"]) == (True, True)
            assert facts["p021"]["locked"] == "no screening is on file"
        say(one, watch="p017")
        assert hear(source) == {"watch": ["p017"]}
        wave = {"person": "p017", "sensor": "hip", "rate_hz": 100.0, "at_s": 1.0, "mg": [1000, 2600, 990]}
        say(source, waves=[wave, wave | {"person": "p021"}])
        (*_, told) = until(one, lambda told: "waves" in told)
        assert told["waves"] == [wave]
        say(source, states=[state("p021", landings=4)])
        heard = until(other, lambda told: states_of([told]).get("p021", {}).get("landings") == 4)
        assert not any("waves" in told for told in heard)


def test_a_gateway_that_goes_leaves_lines_that_grow_old(port, client, token):
    with streaming(port, token, "b", "p017") as source:
        say(source, states=[state("p017", age_s=0.5)], events=[landing(1, "p017")])
        assert hear(source) == {"got": 1}
    with browser(port, client, "viewer") as late:
        said = until(late, lambda told: not states_of([told]).get("p017", {"connected": True})["connected"])
        assert said[0]["all"] is True
        assert states_of(said)["p017"]["age_s"] >= 0.5


def test_a_gateway_that_comes_back_doubles_nothing(port, client, token):
    with browser(port, client, "viewer") as looking:
        with streaming(port, token, "c", "p021") as source:
            say(source, states=[state("p021")], events=[landing(n, "p021") for n in (1, 2)])
            assert hear(source) == {"got": 2}
        with gateway(port, token) as again:
            say(again, hello=hello("c", "p021"))
            assert hear(again)["welcome"] == 2
            say(again, events=[landing(n, "p021") for n in (1, 2, 3)])
            assert hear(again) == {"got": 3}
            say(again, states=[state("p021", landings=9)])
            heard = until(looking, lambda told: states_of([told]).get("p021", {}).get("landings") == 9)
    assert [event["n"] for told in heard for event in told.get("events", [])] == [1, 2, 3]


def test_an_athlete_sees_herself_and_nobody_else(port, client, token):
    with browser(port, client, "athlete") as hers, streaming(port, token, "d", "p017", "p021") as source:
        assert hear(hers)["all"] is True
        say(hers, watch="p021")
        wave = {"person": "p021", "sensor": "hip", "rate_hz": 100.0, "at_s": 1.0, "mg": [1000]}
        say(source, states=[state("p021")], events=[landing(1, "p021")], waves=[wave])
        assert hear(source) == {"got": 1}
        say(source, states=[state("p017", landings=7)])
        heard = until(hers, lambda told: states_of([told]).get("p017", {}).get("landings") == 7)
    assert "p021" not in json.dumps(heard)


def test_a_revoked_token_is_cut_off(port, store):
    row_id, key = new_token(store)
    with streaming(port, key, "e", "p030") as source:
        with store.writing(1) as tx:
            accounts.revoke_token(tx, row_id)
        (*_, told) = until(source, lambda told: "error" in told)
        assert "does not hold any longer" in told["error"]
        with pytest.raises(ConnectionClosed) as closed:
            source.recv(WAIT_S)
    assert closed.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus), gateway(port, key):
        pass


def test_a_browser_that_is_signed_out_sees_no_more(app, port, client, store):
    leaving = accounts.sign_in(store, "viewer", "a long enough password", address="127.0.0.1", browser="")
    headers = {"Cookie": f"{COOKIE}={leaving}"}
    address = f"127.0.0.1:{port}"
    with connect(f"ws://{address}/live/feed", additional_headers=headers, origin=f"http://{address}") as looking:
        accounts.sign_out(store, leaving)
        (*_, told) = until(looking, lambda told: "error" in told)
        assert "sign in again" in told["error"]


FACTS = state("p017")
WAVE = {"person": "p017", "sensor": "hip", "rate_hz": 100.0, "at_s": 1.0, "mg": [1000]}
BAD = {
    "no JSON": ("{", "a live message cannot be used"),
    "a list": ("[]", "a live message cannot be used"),
    "unknown field": ('{"secret": 1}', "extra inputs are not permitted"),
    "somebody else": (json.dumps({"states": [state("p021")]}), "whom the first message did not name"),
    "a name": (json.dumps({"states": [state("Anna Müller")]}), "states.0.person"),
    "not a number": (json.dumps({"states": [state("p017", lost_s=float("nan"))]}), "a live message cannot be used"),
    "a wrong band": (json.dumps({"states": [FACTS | {"last": FACTS["last"] | {"band": "great"}}]}), "band"),
    "too many events": (json.dumps({"events": [landing(n, "p017") for n in range(1, 202)]}), "events"),
    "a huge waveform": (json.dumps({"waves": [WAVE | {"mg": [1] * 5000}]}), "waves.0.mg"),
    "too long": ("x" * (GATEWAY_CHARS + 1), "send less at once"),
    "bytes": (b"\x00\x01", "in bytes; expected text"),
}


@pytest.mark.parametrize(("sent", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_answered_by_one_sentence(port, client, token, sent, words):
    with streaming(port, token, "f", "p017") as source:
        source.send(sent)
        error = hear(source)["error"]
        assert words in error
        assert len(error.splitlines()) == 1
        with pytest.raises(ConnectionClosed):
            source.recv(WAIT_S)
    with browser(port, client, "viewer") as looking:
        assert hear(looking)["all"] is True  # the floor goes on


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ({"states": []}, 'the first live message must be {"hello": ...}'),
        ({"hello": hello("0", *[f"p{n}" for n in range(30)])}, "hello.people"),
        ({"hello": hello("0", "Anna")}, "hello.people.0"),
        ({"hello": hello("0", "p017") | {"version": 2}}, "hello.version"),
    ],
)
def test_a_gateway_begins_by_saying_whom_it_streams(port, token, first, words):
    with gateway(port, token) as source:
        say(source, **first)
        assert words in hear(source)["error"]


def test_who_may_tell_and_who_may_look(port, client, store, token):
    for scopes, user_id in ((("read",), 1), (("live",), 3)):  # no scope for it; a viewer's key
        _, key = new_token(store, scopes, user_id)
        with pytest.raises(InvalidStatus), gateway(port, key):
            pass
    for origin in ("http://evil.example", None):
        with pytest.raises(InvalidStatus), browser(port, client, "coach", origin=origin):
            pass
    address = f"127.0.0.1:{port}"
    headers = {"Cookie": f"{COOKIE}={client('coach').cookies[COOKIE]}"}
    place = f"ws://{address}/api/v1/live/ingest"
    with connect(place, additional_headers=headers, origin=f"http://{address}") as by_cookie:
        assert "a program with a token of the scope live" in hear(by_cookie)["error"]
    _, reader = new_token(store, ("read",))
    headers = {"Authorization": f"Bearer {reader}"}
    with connect(f"ws://{address}/live/feed", additional_headers=headers) as program:
        assert hear(program)["all"] is True


def test_one_person_has_one_gateway(port, token, store):
    with streaming(port, token, "1", "p040"), gateway(port, token) as other:
        say(other, hello=hello("2", "p040"))
        assert "p040 is streamed by another gateway already" in hear(other)["error"]
    _, coach = new_token(store, user_id=2)
    with gateway(port, coach) as thief:
        say(thief, hello=hello("1", "p040"))
        assert "belongs to another account" in hear(thief)["error"]


def test_a_gateway_in_a_hurry_is_hung_up_on(port, token):
    with streaming(port, token, "3", "p041") as source:
        with suppress(ConnectionClosed):
            for _ in range(400):
                source.send("{}")
        assert "too many live messages" in hear(source)["error"]


# -- the floor without a network


def joined(floor, session="4", *people):
    told = HelloFact.model_validate(hello(session, *people))
    return floor.join(told, user_id=1, known=frozenset(people), channel="here")


def test_a_browser_that_takes_nothing_costs_little_and_is_dropped():
    now = [0.0]
    floor, viewer = Floor(lambda: now[0]), Viewer()
    session = joined(floor, "4", "p017")
    floor.open(viewer)
    viewer.choose("p017")
    for n in range(1, 400):
        facts = {"states": [state("p017")], "waves": [WAVE], "events": [landing(n, "p017")]}
        floor.take(session, GatewayMessage.model_validate(facts))
    assert not viewer.has_hung(0.0)
    told = json.loads(viewer.take())
    assert (len(told["states"]), len(told["waves"]), len(told["events"])) == (1, 30, 399)
    for n in range(400, 1000):
        floor.take(session, GatewayMessage.model_validate({"events": [landing(n, "p017")]}))
    assert viewer.has_hung(0.0)
    other = Viewer()
    other.sending_since_s = 1.0
    assert (other.has_hung(1.0 + SLOW_S), other.has_hung(1.1 + SLOW_S)) == (False, True)


def test_lines_of_a_gateway_that_never_comes_back_go():
    now = [0.0]
    floor, viewer = Floor(lambda: now[0]), viewer_for(Visitor(role=Role.VIEWER))
    session = joined(floor, "5", "p017")
    floor.take(session, GatewayMessage.model_validate({"states": [state("p017")]}))
    floor.open(viewer)
    floor.leave(session, "here")
    viewer.take()
    now[0] = KEEP_SILENT_S + 1.0
    floor.sweep()
    assert json.loads(viewer.take()) == {"gone": ["p017"]}
    joined(floor, "6", "p017")  # and she may be streamed by another


def test_the_floor_is_not_endless():
    floor = Floor()
    for n in range(3):
        joined(floor, str(n), *[f"p{n}-{k}" for k in range(20)])
    with pytest.raises(LiveRefusedError, match="more than 64 people"):
        joined(floor, "9", *[f"q{k}" for k in range(20)])


# -- what a session tells


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    rate_hz=st.sampled_from([50.0, 104.0, 200.0, 400.0, 1000.0]),
    takes=st.sets(st.integers(0, 20)),
)
def test_a_waveform_loses_no_peak_however_it_is_cut(sizes, rate_hz, takes):
    tap, taken, first = WaveTap("p017", "hip", rate_hz), [], 0
    tap.is_on = True
    g = np.random.default_rng(1).uniform(0.0, 8.0, sum(sizes))
    for i, size in enumerate(sizes):
        accel = np.zeros((size, 3))
        accel[:, 2] = g[first : first + size]
        tap.hear(SampleBlock(first, accel))
        first += size
        if i in takes or first % 40 > 20:
            taken.append(tap.take())
    taken = [one for one in [*taken, tap.take()] if one is not None]
    for one in taken:
        begin = round(one["at_s"] * rate_hz)
        n = round(len(one["mg"]) * rate_hz / one["rate_hz"])
        stretch = np.rint(g[begin : begin + n] * 1000.0)
        assert (min(one["mg"]), max(one["mg"])) == (stretch.min(), stretch.max())
        assert one["rate_hz"] <= 200.0 or one["rate_hz"] == rate_hz
    if rate_hz <= 200.0 and sum(sizes) <= rate_hz:
        assert list(chain.from_iterable(one["mg"] for one in taken)) == np.rint(g * 1000.0).astype(int).tolist()


def test_a_gap_begins_a_new_stretch_and_nobody_looking_costs_nothing():
    tap = WaveTap("p017", "hip", 100.0)
    block = np.tile([0.0, 0.0, 1.0], (10, 1))
    tap.hear(SampleBlock(0, block))
    assert tap.take() is None
    tap.is_on = True
    tap.hear(SampleBlock(10, block))
    tap.hear(Gap(first_sample=20, n_missing=30, reason="lost"))
    tap.hear(SampleBlock(50, block))
    assert tap.take() == {"person": "p017", "sensor": "hip", "rate_hz": 100.0, "at_s": 0.5, "mg": [1000] * 10}


@contextmanager
def looked_at(port, client, person):
    """Everything that a browser hears of a person until her session has ended."""
    heard, ready = [], threading.Event()

    def look():
        with browser(port, client, "viewer") as looking:
            hear(looking)
            say(looking, watch=person)
            ready.set()
            heard.extend(until(looking, lambda told: states_of([told]).get(person, {}).get("ended")))

    watching = threading.Thread(target=look)
    watching.start()
    assert ready.wait(WAIT_S)
    yield heard
    watching.join(WAIT_S)


def test_a_session_is_told_as_it_is_printed(port, client, token, capsys):
    hip = read(ROOT / "sample_recordings" / "simulated-hip-session.csv.gz", placement="hip", range_g=16, end=150)
    judged = judging(person=str(ROOT / "sample_recordings" / "people" / "p017.toml"))
    said = []
    posting = posting_of(f"http://127.0.0.1:{port}", token, ("p017",), said.append)
    with looked_at(port, client, "p017") as heard:
        replayed({"hip": hip}, judged, Shown(as_json=True, posting=posting), speed=40.0, offsets_s={})
    assert said == []
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    printed = [event for event in printed if event["kind"] in ("landing", "repetition", "set")]
    told = [event for message in heard for event in message.get("events", [])]
    assert [event["n"] for event in told] == list(range(1, len(printed) + 1))
    assert [{key: value for key, value in event.items() if key != "n"} for event in told] == printed
    assert {event["status"] for event in told} >= {"provisional", "settled"}
    assert states_of(heard)["p017"]["landings"] > 0
    waves = [wave for message in heard for wave in message.get("waves", [])]
    assert max(mg for wave in waves for mg in wave["mg"]) > 3000


def test_a_stream_is_posted_and_ends(port, client, token, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LOADSENSE_TOKEN", token)
    words = ["--sensor", "p050:hip=virtual:hip-session", "--seconds", "2", "--yes", "-o", str(tmp_path), "--json"]
    with looked_at(port, client, "p050") as heard:
        code = _code(["stream", *words, "--post", f"http://127.0.0.1:{port}"])
    assert (code, capsys.readouterr().err) == (0, "")
    assert states_of(heard)["p050"]["known"] is False
    assert sum(len(wave["mg"]) for message in heard for wave in message.get("waves", [])) > 50


def test_recordings_are_sent_at_the_end(port, store, client, capsys, tmp_path):
    _, key = new_token(store, ("live", "record"))
    words = ["--sensor", "p017:hip=virtual", "--sensor", "p099:hip=virtual", "--seconds", "2", "--yes", "--json"]
    place = ["--post", f"http://127.0.0.1:{port}", "--token", key, "--send"]
    code = _code(["stream", *words, *place, "-o", str(tmp_path)])
    known, unknown = capsys.readouterr().err.splitlines()
    assert code == 0
    assert known.startswith("p017 hip: sent, session ")
    session = int(known.split("session ")[1].split()[0])
    assert client("viewer").get(f"/sessions/{session}").status_code == 200
    assert unknown.startswith("p099 hip: not sent (")
    assert "upload it on the dashboard's page" in unknown


def test_two_sensors_of_one_person_become_one_session(port, store, client, capsys, tmp_path):
    _, key = new_token(store, ("live", "record"))
    words = ["--sensor", "p021:hip=virtual", "--sensor", "p021:wrist=virtual", "--sensor", "p017:hip=virtual"]
    place = ["--post", f"http://127.0.0.1:{port}", "--token", key, "--send"]
    code = _code(["stream", *words, "--seconds", "3", "--yes", "--json", *place, "-o", str(tmp_path)])
    hip, wrist, other = (line.split(": sent, session ") for line in capsys.readouterr().err.splitlines())
    assert code == 0
    assert (hip[0], wrist[0], other[0]) == ("p021 hip", "p021 wrist", "p017 hip")
    assert hip[1] == wrist[1] != other[1]
    session = int(hip[1].split()[0])
    with store.reading() as db:
        sensors = db.scalars(select(SessionRecording.sensor).where(SessionRecording.session_id == session)).all()
    assert sorted(sensors) == ["hip", "wrist"]


def test_a_file_is_added_to_her_own_session_alone(port, store, client):
    _, key = new_token(store, ("record",))
    with store.reading() as db:
        session = db.scalar(select(SessionRow.id).where(SessionRow.person_id == "p021"))
    for number in (session, 999_999):
        answer = client().put(
            f"/api/v1/recordings?person=p017&placement=wrist&session={number}",
            content=b"x", headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
        assert answer.status_code == 422
        assert answer.json()["detail"] == f"session {number} is not one of p017; expected one of hers, or none"


def test_a_dashboard_that_is_not_there_costs_the_session_nothing(capsys, tmp_path):
    words = ["--sensor", "p051:hip=virtual", "--seconds", "2.5", "--yes", "-o", str(tmp_path), "--json"]
    code = _code(["stream", *words, "--post", "http://127.0.0.1:9", "--token", "ls_x"])
    err = capsys.readouterr().err
    assert code == 0
    assert err.count("the dashboard cannot be reached; the session goes on and is recorded") == 1
    (folder,) = tmp_path.glob("live-*")
    assert (folder / "p051-hip.loadsense.parquet").exists()


def test_what_a_dashboard_missed_is_counted(capsys):
    hip = read(ROOT / "sample_recordings" / "simulated-hip-session.csv.gz", placement="hip", range_g=16, end=150)
    said = []
    posting = posting_of("http://127.0.0.1:9", "ls_x", ("p017",), said.append)
    judged = judging(person=str(ROOT / "sample_recordings" / "people" / "p017.toml"))
    replayed({"hip": hip}, judged, Shown(as_json=True, posting=posting), speed=None, offsets_s={})
    printed = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    n = sum(kind in ("landing", "repetition", "set") for kind in printed)
    assert n > 0
    assert posting.left_behind == f"{n} events did not reach the dashboard; the recording has them"
    assert len(said) == 1


def test_a_key_that_does_not_hold_is_said_once_and_the_session_goes_on(port, capsys, tmp_path):
    words = ["--sensor", "p052:hip=virtual", "--seconds", "2", "--yes", "-o", str(tmp_path), "--json"]
    code = _code(["stream", *words, "--post", f"http://127.0.0.1:{port}", "--token", "ls_wrong"])
    err = capsys.readouterr().err
    assert code == 0
    assert err.count("the dashboard refuses the key") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--post", "gym"], "--post 'gym': expected the address of a dashboard"),
        (["--post", "http://u:p@127.0.0.1"], "expected the address of a dashboard"),
        (["--post", "http://127.0.0.1:8000"], "--post needs the key of a gateway"),
        (["--post", "http://127.0.0.1:8000", "--token", "x", "--sensor", "Anna:hip=virtual"], "'Anna' is not posted"),
    ],
)
def test_what_cannot_be_posted_is_said_before_anything_is_made(capsys, tmp_path, monkeypatch, words, sentence):
    monkeypatch.delitem(os.environ, "LOADSENSE_TOKEN", raising=False)
    code = _code(["stream", "--sensor", "p017:hip=virtual", *words, "-o", str(tmp_path / "out")])
    err = capsys.readouterr().err
    assert (code, sentence in err, len(err.strip().splitlines())) == (2, True, 1)
    assert not (tmp_path / "out").exists()


def test_no_pseudonym_stands_in_the_log(port, client, token, caplog):
    with caplog.at_level("DEBUG"), streaming(port, token, "7", "p060") as source:
        say(source, states=[state("p060")], secret=1)
        hear(source)
    assert "p060" not in "".join(record.getMessage() for record in caplog.records if "loadsense" in record.name)
