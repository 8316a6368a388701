"""Sessions with the server's own sensors, over a virtual radio: looked for, started, seen, ended, asked, kept."""

import asyncio
import http.client
import json
import re
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

pytest.importorskip("bumble", reason="bumble (the virtual radio) is not installed")
from sqlalchemy import select
from starlette.testclient import TestClient
from test_live_browser import DESK, PHONE, violations
from test_live_floor import WAIT_S, browser, hear, new_token, say, states_of, streaming, until

from loadsense.live import beginning
from loadsense.simulate import DropLanding, Jump, Sensor, Stand, simulate_session
from loadsense.store import people
from loadsense.store.erasure import erase_person, what_goes
from loadsense.store.tables import FlagRow, PainRow, PersonRow, SessionRecording, SessionRow
from loadsense.store.unsaved import new_folder
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import COOKIE, Limits
from loadsense.web.live import own_sensors, own_session
from loadsense.web.live.floor import Floor
from loadsense.web.live.own_sensors import OwnSensors

PAGE = "/live/sensors"


def motion(rate_hz):
    script = [Stand(duration_s=1.5)]
    for _ in range(3):
        script += [Jump(), Stand(duration_s=0.8), DropLanding(), Stand(duration_s=0.8)]
    sensor = Sensor(placement="hip", sampling_rate_hz=rate_hz, range_g=16.0, counts_per_g=2048.0)
    return simulate_session(script, sensor=sensor, seed=4).accel_g


@pytest.fixture(scope="module")
def room():
    """Three sensors in a thread of their own, by their place and addresses."""
    made, loop, ready = {}, asyncio.new_event_loop(), threading.Event()

    def told(place, sensors):
        made.update(place=f"tcp:{place}", addresses=[one.address for one in sensors])
        ready.set()

    async def serve():
        made["task"] = asyncio.current_task()
        await beginning.practice_room("virtual_sensor").serve("127.0.0.1:0", [motion] * 4, ready=told)

    def run():
        asyncio.set_event_loop(loop)
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serve())
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(WAIT_S)
    yield made
    loop.call_soon_threadsafe(made["task"].cancel)
    thread.join(WAIT_S)


@pytest.fixture(scope="module")
def app(store, room):
    with store.writing(1) as tx:
        for person in ("p030", "p031", "p032"):
            people.create(tx, person)
    limits = Limits(requests_per_s=10_000.0, burst=10_000.0)
    made = create_app(Dashboard(store=store, tz="Europe/Madrid", limits=limits, radio=room["place"]))
    made.state.own_sensors._scan_s = 1.0
    yield made
    made.state.own_sensors.close()
    made.state.jobs.close()


class Browser:
    """A coach's browser at the real server."""

    def __init__(self, port, client, role="coach"):
        self.port = port
        address = f"http://127.0.0.1:{port}"
        self.headers = {"Cookie": f"{COOKIE}={client(role).cookies[COOKIE]}", "Origin": address}

    def ask(self, method, path, said=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        connection.request(method, path, body=urlencode(said or {}, doseq=True), headers=self.headers | kind)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status == 200:
            return answer.status, "", text
        return answer.status, answer.getheader("location") or "", plain(text).lower()  # a problem page begins large

    def get(self, path=PAGE):
        return self.ask("GET", path)[2]

    def post(self, path, **said):
        return self.ask("POST", path, said)

    def until(self, words, path=PAGE):
        """The page once it says something."""
        end = time.monotonic() + WAIT_S
        while words not in (text := plain(self.get(path))):
            assert time.monotonic() < end, text
            time.sleep(0.05)
        return text


def plain(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


@pytest.fixture
def coach(port, client):
    return Browser(port, client)


def looked(coach):
    assert coach.post(f"{PAGE}/look")[:2] == (303, f"{PAGE}#around")
    coach.until("Looked at")


def start(coach, *worn):
    person, address, placement = zip(*worn, strict=True)
    return coach.post(PAGE, person_id=person, address=address, placement=placement)


def key_of(coach, person):
    page = coach.get()
    (found,) = re.findall(rf'href="{PAGE}/([0-9a-f-]+)">[^<]*<span class="sr">: the session of {person}<', page)
    return found


def kept(coach):
    """The number of the session that the newest job made."""
    end = time.monotonic() + WAIT_S
    while (job := newest_job(coach))[0] in ("waiting", "working"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert job[0] == "done", job
    return int(re.findall(r'href="/sessions/(\d+)"', job[1])[0])


def newest_job(coach):
    """State and words of the first of the list."""
    return re.findall(r'<li class="(\w+)">(.*?)</li>', coach.get().partition('id="sent"')[2], re.DOTALL)[0]


def landings_seen(looking, person, n):
    return until(looking, lambda told: states_of([told]).get(person, {}).get("landings", 0) >= n)


def test_what_is_around_is_listed(coach, room):
    assert "No session goes on here" in plain(coach.get())
    looked(coach)
    text = plain(coach.get())
    for number, address in enumerate(room["addresses"], 1):
        assert f"LS-{number:02d} {address}" in text
    assert "87 %" in text
    assert "dBm" in text
    assert "LoadSense" in text


def test_a_session_is_seen_ended_asked_and_kept(coach, room, store, port, client):
    looked(coach)
    with browser(port, client, "coach") as looking:
        hear(looking)
        say(looking, watch="p017")
        assert start(coach, ("p017", room["addresses"][0], "hip"), ("", room["addresses"][1], "hip"))[0] == 303
        heard = landings_seen(looking, "p017", 2)
        assert sum(len(wave["mg"]) for told in heard for wave in told.get("waves", [])) > 100
        assert {event["kind"] for told in heard for event in told.get("events", [])} >= {"landing"}
        facts = states_of(heard)["p017"]
        assert (facts["connected"], facts["known"], facts["battery_percent"]) == (True, True, 87)
        key = key_of(coach, "p017")
        page = plain(coach.get(f"{PAGE}/{key}"))
        assert "End the session of p017" in page
        assert "Pain now, 0 to 10" in page
        said = {"pain": 4, "site": "lower back", "onset": "new", "rpe": 14, "rpe_scale": "borg", "deadlift_kg": 60}
        status, where, text = coach.post(f"{PAGE}/{key}/end", **said, note="lively")
        assert (status, where.startswith("/people/p017/record?said=pain-")) == (303, True), text
        assert states_of(until(looking, lambda told: states_of([told]).get("p017", {}).get("ended")))["p017"]
    assert "Her plan is locked until a clinician clears her by name" in coach.get(where.partition("#")[0])
    session = kept(coach)
    with store.reading() as db:
        row = db.get(SessionRow, session)
        sensors = db.scalars(select(SessionRecording.sensor).where(SessionRecording.session_id == session)).all()
        (pain,) = db.scalars(select(PainRow).where(PainRow.person_id == "p017"))
        (flag,) = db.scalars(select(FlagRow).where(FlagRow.person_id == "p017", FlagRow.severity == "red"))
    assert (row.person_id, row.rpe, row.rpe_scale, row.note) == ("p017", 14.0, "borg", "lively")
    assert row.loads_kg == {"deadlift": 60.0}
    assert row.start is not None
    assert sensors == ["hip"]
    assert (pain.site, pain.onset, pain.after, pain.day) == ("lower back", "new", 4, row.day)
    assert flag.cleared_on is None
    assert coach.ask("GET", f"/sessions/{session}")[0] == 200
    assert not list((store.folder / "live").glob("*/*"))
    locked_again(coach, room)


def locked_again(coach, room):
    """A red flag is open now: she may be streamed, and nothing of it is graded."""
    assert start(coach, ("p017", room["addresses"][0], "hip"))[0] == 303
    text = coach.until("Nothing is graded: locked since")
    assert "Set done" not in text
    key = key_of(coach, "p017")
    coach.until("p017 streaming")
    assert coach.post(f"{PAGE}/{key}/end")[:2] == (303, f"{PAGE}#sent")
    kept(coach)


def test_two_sensors_of_one_person_are_one_session(coach, room, store, port, client):
    looked(coach)
    with browser(port, client, "coach") as looking:
        worn = [("p021", room["addresses"][0], "hip"), ("p021", room["addresses"][1], "wrist")]
        assert start(coach, *worn)[0] == 303
        landings_seen(looking, "p021", 1)
        key = key_of(coach, "p021")
        coach.until("p021 streaming")
        for word in ("next", "done", "back"):
            assert coach.post(f"{PAGE}/{key}/say", word=word)[0] == 303
        assert coach.post(f"{PAGE}/{key}/end", pain=0)[1] == f"{PAGE}#sent"
    session = kept(coach)
    with store.reading() as db:
        sensors = db.scalars(select(SessionRecording.sensor).where(SessionRecording.session_id == session)).all()
        (pain,) = db.scalars(select(PainRow).where(PainRow.person_id == "p021"))
    assert sorted(sensors) == ["hip", "wrist"]
    assert (pain.site, pain.after) == ("anywhere", 0)


def test_two_people_begin_at_once_and_end_apart(coach, room, port, client):
    looked(coach)
    with browser(port, client, "coach") as looking:
        assert start(coach, ("p030", room["addresses"][0], "hip"), ("p031", room["addresses"][1], "hip"))[0] == 303
        until(looking, lambda told: states_of([told]).get("p031", {}).get("landings", 0) > 0)
        taken = start(coach, ("p032", room["addresses"][0], "hip"))
        assert taken[0] == 409
        assert "is worn by p030 in a session that goes on: end that one first" in taken[2]
        again = start(coach, ("p030", room["addresses"][2], "hip"))
        assert "p030 is streamed already: end that session first" in again[2]
        assert coach.post(f"{PAGE}/{key_of(coach, 'p030')}/end")[0] == 303
        landings_seen(looking, "p031", 2)  # and she goes on
        assert "p031 streaming" in plain(coach.get())
        assert coach.post(f"{PAGE}/{key_of(coach, 'p031')}/end")[0] == 303
    kept(coach)


@pytest.mark.parametrize(
    ("worn", "sentence"),
    [
        ([("", "F0:10:AD:5E:45:01", "hip")], "nobody was chosen"),
        ([("p030", "AA:BB:CC:DD:EE:FF", "hip")], "no sensor at aa:bb:cc:dd:ee:ff was found around"),
        ([("p099", "F0:10:AD:5E:45:01", "hip")], "nobody has the pseudonym"),
        ([("p030", "F0:10:AD:5E:45:01", "hat")], "unknown placement"),
        ([("p030", "F0:10:AD:5E:45:01", "hip"), ("p031", "F0:10:AD:5E:45:01", "hip")], "given to two people"),
        ([("p030", "F0:10:AD:5E:45:01", "hip"), ("p030", "F0:10:AD:5E:45:02", "hip")], "two sensors at the same place"),
    ],
)
def test_what_cannot_be_started_is_said_and_leaves_nothing(coach, store, worn, sentence):
    status, _, text = start(coach, *worn)
    assert (status, sentence in text) == (422, True), text
    assert "No session goes on here" in plain(coach.get())
    assert not list((store.folder / "live").glob("*/*"))


def test_whoever_is_streamed_by_a_gateway_is_not_started(coach, room, port, store):
    looked(coach)
    with streaming(port, new_token(store)[1], "9", "p032"):
        assert (
            "p032 is streamed by another gateway already: end that session first"
            in start(coach, ("p032", room["addresses"][0], "hip"))[2]
        )
    assert not list((store.folder / "live").glob("*/*"))


def test_a_sensor_that_has_gone_is_said_on_the_page(coach, app, room, store, port, client):
    looked(coach)
    own = app.state.own_sensors
    gone = own.seen.found[0].__class__(address="F0:10:AD:5E:45:77", name="LS-77", rssi_dbm=-50, profile=None)
    own.seen = own_sensors.Seen(at=own.seen.at, found=(*own.seen.found, gone))
    own._the_radio()
    object.__setattr__(own._radio, "scan_s", 0.5)
    with browser(port, client, "coach") as looking:
        assert start(coach, ("p032", gone.address, "hip"))[0] == 303
        text = coach.until("p032 did not begin")
        assert (
            "No sensor at F0:10:AD:5E:45:77 within 0.5 s: is it on, charged, in reach and free of other apps?" in text
        )
        until(looking, lambda told: "p032" in told.get("gone", []))
    assert not list((store.folder / "live").glob("*/*"))
    object.__setattr__(own._radio, "scan_s", 10.0)
    assert start(coach, ("p032", room["addresses"][2], "hip"))[0] == 303
    assert "did not begin" not in coach.until("p032 streaming")
    assert coach.post(f"{PAGE}/{key_of(coach, 'p032')}/end")[0] == 303
    kept(coach)


def test_a_session_ended_before_its_sensor_came_leaves_nothing(coach, app, store):
    own = app.state.own_sensors
    gone = own.seen.found[0].__class__(address="F0:10:AD:5E:45:78", name="LS-78", rssi_dbm=-50, profile=None)
    own.seen = own_sensors.Seen(at=own.seen.at, found=(*own.seen.found, gone))
    assert start(coach, ("p032", gone.address, "hip"))[0] == 303
    status, _, text = coach.post(f"{PAGE}/{key_of(coach, 'p032')}/end", pain=3, site="knee")
    assert (status, "no sensor of p032 sent a sample, so there is nothing to keep" in text) == (422, True)
    assert not list((store.folder / "live").glob("*/*"))
    with store.reading() as db:
        assert db.scalars(select(PainRow).where(PainRow.person_id == "p032")).all() == []


def test_what_a_crash_left_is_kept_later_or_thrown_away(coach, app, room, store, client):
    """The radio goes without a word to the page, as when the server ends; another server finds the recordings."""
    looked(coach)
    assert start(coach, ("p030", room["addresses"][0], "hip"), ("p031", room["addresses"][1], "hip"))[0] == 303
    coach.until("p030 streaming")
    coach.until("p031 streaming")
    for person in ("p030", "p031"):
        log_of = next((store.folder / "live" / person).glob("*"))
        end = time.monotonic() + WAIT_S
        while not any(path.stat().st_size > 5000 for path in log_of.glob("p03*")):
            assert time.monotonic() < end
            time.sleep(0.05)
    app.state.own_sensors.close()
    app.state.own_sensors = OwnSensors(app.state.floor, store.folder, radio=room["place"], scan_s=1.0)
    text = plain(coach.get())
    assert "p030 not taken in yet" in text
    assert "p031 not taken in yet" in text
    thrown, saved = key_of(coach, "p031"), key_of(coach, "p030")
    assert coach.post(f"{PAGE}/{thrown}/throw")[0] == 422  # not by a stray request
    assert coach.post(f"{PAGE}/{thrown}/throw", sure="yes")[0] == 303
    assert "Keep the session of p030" in coach.get(f"{PAGE}/{saved}")
    assert coach.post(f"{PAGE}/{saved}/end", rpe=5, rpe_scale="0-10")[0] == 303
    session = kept(coach)
    with store.reading() as db:
        assert db.get(SessionRow, session).rpe == 5.0
    assert "not taken in yet" not in plain(coach.get())
    assert coach.ask("GET", f"{PAGE}/{thrown}")[0] == 404


def test_a_fault_of_ours_is_a_sentence_for_the_coach_and_a_trace_for_the_engineer(
    coach, room, app, monkeypatch, caplog
):
    def breaks(*_):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(own_session, "warm_up", breaks)
    looked(coach)
    assert start(coach, ("p031", room["addresses"][1], "hip"))[0] == 303
    coach.until("The session broke off by a fault of LoadSense")
    assert caplog.messages == ["a task of the radio broke off"]
    assert "a mistake" in caplog.text
    for failed in app.state.own_sensors.facts():
        app.state.own_sensors.let_go(failed.key)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"pain": 4}, "pain without a site"),
        ({"pain": 4, "site": "her left ear"}, "unknown site"),
        ({"rpe": 3}, "exertion 3 on the scale borg; expected 6 to 20"),
    ],
)
def test_an_answer_that_cannot_be_ends_nothing(coach, room, app, client, said, sentence):
    own = app.state.own_sensors
    if not own.facts():
        looked(coach)
        assert start(coach, ("p031", room["addresses"][3], "hip"))[0] == 303
        coach.until("p031 streaming")
    key = key_of(coach, "p031")
    status, _, text = coach.post(f"{PAGE}/{key}/end", **said)
    assert (status, sentence in text) == (422, True), text
    assert "p031 streaming" in plain(coach.get())
    refused = Browser(coach.port, client, "owner").post("/people/p031/erase", pseudonym="p031")
    assert (refused[0], "a session of p031 goes on; end it first" in refused[2]) == (422, True)
    if "rpe" in said:
        assert coach.post(f"{PAGE}/{key}/end")[0] == 303
        kept(coach)


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk light", "phone dark"])
def test_a_coach_does_all_of_it_in_a_browser(chromium, axe, room, coach, port, client, viewport, scheme):
    address, complaints, asked = f"http://127.0.0.1:{port}", [], []
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, base_url=address)
    context.add_cookies([{"name": COOKIE, "value": client("coach").cookies[COOKIE], "url": address}])
    page = context.new_page()
    page.set_default_timeout(1000 * WAIT_S)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/live")
    page.get_by_role("link", name="Sensors of this computer").click()
    page.get_by_role("button", name="Look around").click()
    page.get_by_text("Looked at").wait_for()  # the page asks until it is there
    assert violations(page, axe) == []
    page.get_by_label(f"Worn by, sensor {room['addresses'][3]}").select_option("p032")
    page.get_by_label(f"Worn at, sensor {room['addresses'][3]}").select_option("lower_back")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("p032 streaming").wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == "1 session goes on"
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.get_by_role("link", name="p032", exact=True).click()
    page.locator("#people tbody tr").filter(has_text="p032").get_by_text("live", exact=True).wait_for()
    page.goto(PAGE)
    page.get_by_role("link", name="End and ask").click()
    assert violations(page, axe) == []
    page.get_by_label("Exertion").fill("13")
    page.get_by_role("button", name="End and keep").click()
    page.get_by_text("Done").first.wait_for()
    kept(coach)
    assert complaints == []
    assert [url for url in asked if not url.startswith(f"{address}/")] == []
    context.close()


def test_who_is_erased_leaves_no_recording(store, tmp_path):
    with store.writing(1) as tx:
        people.create(tx, "p033")
    place = new_folder(store.folder, "p033", datetime.now(UTC), "0123abcd")
    (place.folder / "p033-hip.log").write_text("samples")
    assert what_goes(store, "p033").files == 1
    assert erase_person(store, "p033").files == 1
    assert not (store.folder / "live" / "p033").exists()
    with store.reading() as db:
        assert db.get(PersonRow, "p033") is None


def alone(store, tmp_path, client, **how):
    """A browser at an app with another radio."""
    made = create_app(Dashboard(store=store, tz="UTC", **how))
    cookie = {COOKIE: client("coach").cookies[COOKIE]}
    address = "http://127.0.0.1"
    return made, TestClient(made, base_url=address, headers={"origin": address}, cookies=cookie, follow_redirects=False)


def test_a_package_that_lacks_is_named(store, tmp_path, client, monkeypatch):
    monkeypatch.setattr(own_sensors, "find_spec", lambda name: None)
    _, seen = alone(store, tmp_path, client)
    assert "this computer needs one more package: pip install bleak" in seen.get(PAGE).text
    answer = seen.post(f"{PAGE}/look")
    assert (answer.status_code, "pip install bleak" in answer.text) == (422, True)


def test_a_radio_that_is_not_there_is_said(store, tmp_path, client):
    made, seen = alone(store, tmp_path, client, radio="tcp:127.0.0.1:9")
    assert seen.post(f"{PAGE}/look").status_code == 303
    end = time.monotonic() + WAIT_S
    while "Listening" in (text := seen.get(PAGE).text):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert "No virtual sensor at 127.0.0.1:9" in text
    assert seen.get(f"{PAGE}/looking").headers["hx-refresh"] == "true"
    made.state.own_sensors.close()


def test_a_simulated_sensor_is_offered_by_the_demonstration_alone(store, tmp_path, client):
    _, seen = alone(store, tmp_path, client, is_demo=True)
    assert "virtual:hip-session" in seen.get(PAGE).text
    _, other = alone(store, tmp_path, client)
    assert "virtual:" not in other.get(PAGE).text


def test_the_radio_ends_with_its_server(tmp_path):
    own = OwnSensors(Floor(), tmp_path, radio="tcp:127.0.0.1:9", scan_s=0.1)
    own.close()  # nothing was begun
    own.look()
    thread = own._thread
    own.close()
    assert not thread.is_alive()
    assert json.dumps(own.seen.is_running) == "false"
