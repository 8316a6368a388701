"""A live session without a radio: one engine live, replayed and after; faults; crash and resume; the screen's facts."""

from __future__ import annotations

import asyncio
import json
import resource
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.errors import ContentError, OptionError, WorldError
from loadsense.events import Landing, LiftSet, Repetition, Status
from loadsense.live.finish import (
    Plan,
    Said,
    checked_said,
    log_of,
    read_plan,
    recordings_of,
    write_plan,
    write_report,
)
from loadsense.live.sensor import LiveSensor, Wearing
from loadsense.live.session import Feed, LiveSession
from loadsense.live.state import LiveEvent
from loadsense.live.telling import person_line
from loadsense.live.view import PersonBoard, blocks_of
from loadsense.readers.live_log import decoded_again, read_log
from loadsense.samples import Gap, Recording, SampleBlock
from loadsense.session import Engine, judging
from loadsense.simulate import BarbellSet, DropLanding, Jump, Rest, Sensor, Stand, Walk, simulate_session
from loadsense.sources.link import Battery, Connected, Lost, Payload, Trouble
from loadsense.sources.replay import ReplaySource, SimulatedSource
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
RATE_HZ, N = 200.0, 10
SETTINGS = StreamSettings(sampling_rate_hz=RATE_HZ, range_g=16.0)
HIP = Wearing(person="p017", sensor="hip", body_mass_kg=63.1, tz="Europe/Madrid")
PERSON = Path(__file__).parents[1] / "sample_recordings" / "people" / "p017.toml"


@cache
def judged(**how):
    return judging(**how)


@cache
def hip_recording() -> Recording:
    """Forty seconds with twelve landings, on the counts of a sensor of +-16 g."""
    script = [Stand(duration_s=3.0), Walk(duration_s=4.0)]
    for _ in range(4):
        script += [Jump(), Stand(duration_s=1.5), DropLanding(), Stand(duration_s=1.5)]
    sensor = Sensor(placement="hip", sampling_rate_hz=RATE_HZ, range_g=16.0, counts_per_g=2048.0)
    made = simulate_session([*script, Stand(duration_s=3.0)], sensor=sensor, seed=4)
    return Recording.from_arrays(made.accel_g, sampling_rate_hz=RATE_HZ, placement="hip", range_g=16.0)


@cache
def wrist_recording() -> Recording:
    script = [
        Stand(duration_s=4.0),
        BarbellSet(exercise="deadlift"),
        Rest(duration_s=20.0),
        BarbellSet(exercise="deadlift"),
    ]
    sensor = Sensor(placement="wrist", sampling_rate_hz=RATE_HZ, range_g=16.0, counts_per_g=2048.0)
    made = simulate_session([*script, Stand(duration_s=6.0)], sensor=sensor, seed=6)
    return Recording.from_arrays(made.accel_g, sampling_rate_hz=RATE_HZ, placement="wrist", range_g=16.0)


def samples_of(recording: Recording) -> np.ndarray:
    return np.concatenate([block.accel_g for block in recording.blocks() if isinstance(block, SampleBlock)])


@cache
def payloads() -> tuple[bytes, ...]:
    counts = np.round(samples_of(hip_recording()) * 2048).astype(int)
    return tuple(loadsense_packet.encode(k, k * N * 5000, counts[k * N : (k + 1) * N]) for k in range(len(counts) // N))


def connected(at_s: float = 0.0, link: int = 1, **how) -> Connected:
    how.setdefault("settings", SETTINGS)
    return Connected(at_s=at_s, link=link, device="LS-01", profile="loadsense-nrf52", confirmed=True, **how)


def at(k: int) -> float:
    return (k + 1) * N / RATE_HZ


def told(*links):
    """Events of a source: for each link, the packets that came over it, with their numbers."""
    for number, ks in enumerate(links, 1):
        yield connected(at(ks[0]) - 0.06, number)
        yield from (Payload(at(k), number, payloads()[k]) for k in ks)
        yield Lost(at(ks[-1]) + 0.01, number, "link lost")


def live(events, folder=None, wearing=HIP):
    sensor = LiveSensor(wearing, judged(), began=BEGAN, folder=folder)
    found, last = [], 0.0
    for event in events:
        found += sensor.take(event)
        last = event.at_s
        if folder is not None:
            sensor.keep()
    found += sensor.finish(last)
    return sensor, found


def settled(found, kind=Landing):
    events = [one.event for one in found if isinstance(one.event, kind)]
    return [event for event in events if event.status is Status.SETTLED]


def of_file(recording, kind=Landing):
    engine = Engine(recording.info, judged_by=judged())
    events = [event for item in recording.blocks() for event in engine.push(item)] + engine.flush()
    return [event for event in events if isinstance(event, kind) and event.status is Status.SETTLED]


def contacts(landings):
    return [landing.candidate.landing_sample for landing in landings]


def every(n=None):
    return list(range(n or len(payloads())))


# -- live, replay and after are one -------------------------------------


def test_live_replay_and_analysis_of_the_recording_are_the_same(tmp_path):
    keep = [k for k in every() if not 300 <= k < 340 and k % 97]  # a long hole, and short ones
    sensor, found = live(told(keep[:400], keep[430:]), tmp_path)
    assert len(settled(found)) >= 6
    contents = read_log(sensor.log_path)
    assert contents.finished
    pairs = list(zip(decoded_again(contents), contents.items(), strict=True))
    assert all(a == b if isinstance(a, Gap) else np.array_equal(a.accel_g, b.accel_g) for a, b in pairs)
    replayed = of_file(ls.read(sensor.log_path))
    assert replayed == settled(found)
    (recording,) = recordings_of(tmp_path, [HIP]).values()
    assert recording.info == ls.read(sensor.log_path).info
    assert of_file(recording) == settled(found)
    assert recording.clock_quality.n_interpolated == sensor._grid.counts.n_filled > 0
    assert "never came" in recording.clock_quality.notes[0]


@pytest.mark.parametrize("which", [hip_recording, wrist_recording])
def test_a_session_and_a_replay_at_full_speed_find_what_the_file_has(which, tmp_path):
    recording = which()
    wearing = replace(HIP, sensor=recording.info.placement.value)

    async def whole(source, folder):
        heard = []
        sensor = LiveSensor(wearing, judged(), began=BEGAN, folder=folder)
        session = LiveSession([Feed(sensor, source)], now=source.now, told=heard.append)
        await asyncio.wait_for(session.run(), 60)
        return sensor, heard

    _, replayed = asyncio.run(whole(ReplaySource(recording, speed=None), None))
    n = len(samples_of(recording)) // N * N
    cut = Recording.from_arrays(
        samples_of(recording)[:n], sampling_rate_hz=RATE_HZ, placement=recording.info.placement.value, range_g=16.0
    )
    sensor, simulated = asyncio.run(whole(SimulatedSource(recording, speed=None), tmp_path))
    kinds = (Landing, Repetition, LiftSet)
    for kind in kinds:
        assert settled(replayed, kind) == of_file(recording, kind)
        assert [replace_mass(e) for e in settled(simulated, kind)] == [replace_mass(e) for e in of_file(cut, kind)]
    assert [settled(simulated, kind) for kind in kinds] == [of_file(ls.read(sensor.log_path), kind) for kind in kinds]
    assert any(settled(replayed, kind) for kind in kinds)


def replace_mass(event):
    """Forces need a body mass, which the bare recording lacks."""
    return replace(event, force=None) if isinstance(event, Landing) else event


def test_a_replay_keeps_time():
    async def whole():
        recording = Recording.from_arrays(samples_of(hip_recording())[:200], sampling_rate_hz=RATE_HZ, placement="hip")
        source = ReplaySource(recording, speed=2.0)
        began = asyncio.get_running_loop().time()
        sensor = LiveSensor(HIP, judged(), began=BEGAN, folder=None)
        await LiveSession([Feed(sensor, source)], now=source.now, told=lambda _: None).run()
        return asyncio.get_running_loop().time() - began, source.now()

    took_s, played_s = asyncio.run(whole())
    assert 0.45 <= took_s <= 1.5
    assert played_s == 1.0


# -- faults ----------------------------------------------------------------


@cache
def whole_landings():
    return settled(live(told(every()))[1])


def check_faulty(found, *, hole=None, shift=0):
    """Nothing twice, nothing invented: landings outside the hole are those of the uninterrupted session."""
    got, want = contacts(settled(found)), contacts(whole_landings())
    assert len(set(got)) == len(got)
    first, last = hole or (10**9, 10**9)
    assert [c for c in got if c < first - 300] == [c for c in want if c < first - 300]
    assert [c - shift for c in got if c - shift > last + 400] == [c for c in want if c > last + 400]
    assert len(got) <= len(want)


def test_the_story_has_landings():
    assert len(whole_landings()) >= 7


def test_a_link_lost_in_the_middle_of_a_landing():
    middle = contacts(whole_landings())[3] // N
    sensor, found = live(told(every()[: middle + 1], every()[middle + 100 :]))
    check_faulty(found, hole=(middle * N, (middle + 100) * N))
    assert sensor.state.lost_s == pytest.approx(99 * N / RATE_HZ)
    assert any("the dose is a lower bound" in note for note in sensor.state.notes)
    middle_ids = [c for c in contacts(settled(found)) if middle * N - 60 <= c <= (middle + 100) * N]
    assert len(middle_ids) <= 1


def test_lost_for_41_seconds_and_back():
    late = [k + 820 for k in every()[200:]]
    events = [*told(every()[:200])]
    events.append(connected(at(late[0]) - 0.05, 2))
    counts = [loadsense_packet.HEADER.unpack_from(payloads()[k - 820])[1] for k in late]
    for k, us in zip(late, counts, strict=True):
        body = payloads()[k - 820][loadsense_packet.HEADER.size :]
        head = loadsense_packet.HEADER.pack(k % 65536, (us + 820 * N * 5000) % 2**32, N)
        events.append(Payload(at(k), 2, head + body))
    sensor, found = live(events)
    check_faulty(found, hole=(2000, 2000), shift=8200)
    assert sensor.state.lost_s == pytest.approx(41.0)
    assert "link lost 41 s: 41.0 s missing, the dose is a lower bound" in sensor.state.notes


def test_a_sensor_that_starts_anew():
    ks = every()[400:]
    events = [*told(every()[:400]), connected(at(400) + 4.9, 2)]
    for i, k in enumerate(ks):
        body = payloads()[k][loadsense_packet.HEADER.size :]
        events.append(Payload(at(k) + 5.0, 2, loadsense_packet.HEADER.pack(i, i * N * 5000, N) + body))
    sensor, found = live(events)
    check_faulty(found, hole=(4000, 4000), shift=1000)
    assert sensor._grid.counts.n_restarts == 1
    assert any("sensor started anew" in note for note in sensor.state.notes)


def test_every_notification_twice_changes_nothing():
    events = [event for event in told(every()) for _ in range(2 if isinstance(event, Payload) else 1)]
    sensor, found = live(events)
    assert settled(found) == whole_landings()
    assert sensor._grid.counts.n_duplicates == len(payloads())
    assert "came twice or too late" in sensor.quality_notes()[0]


def test_packets_out_of_order_and_missing():
    ks = every()
    for k in range(50, len(ks) - 1, 150):
        ks[k], ks[k + 1] = ks[k + 1], ks[k]
    ks = [k for k in ks if k % 211]
    _, found = live([connected(), *(Payload(at(i), 1, payloads()[k]) for i, k in enumerate(ks, 1))])
    got, want = contacts(settled(found)), contacts(whole_landings())
    assert len(set(got)) == len(got) <= len(want)
    assert sum(any(abs(g - w) <= 10 for w in want) for g in got) == len(got)


def test_a_range_of_2_g_is_said_and_clips():
    small = StreamSettings(sampling_rate_hz=RATE_HZ, range_g=2.0)
    counts = np.clip(np.round(samples_of(hip_recording()) * 16384), -32768, 32767).astype(int)
    warning = "asked for +-16 g, the sensor uses +-2 g: higher peaks are cut off"
    events = [connected(settings=small, warnings=(warning,))]
    for k in range(len(counts) // N):
        events.append(Payload(at(k), 1, loadsense_packet.encode(k, k * 50000, counts[k * N : (k + 1) * N])))
    sensor, found = live(events)
    assert warning in sensor.state.notes
    assert sensor.state.n_clipped > 10
    assert sensor.info.range_g == 2.0
    assert warning in sensor.info.origin.notes
    report = sensor.engine.report()
    assert report.verdict.status == "cannot_say"
    assert any(landing.clipped for landing in settled(found))


def test_a_sensor_that_comes_back_with_another_range_is_left_out():
    events = [*told(every()[:100]), connected(6.0, 2, settings=replace(SETTINGS, range_g=2.0))]
    events += [Payload(at(k), 2, payloads()[k]) for k in every()[120:200]]
    sensor, _ = live(events)
    assert sensor._grid.next_sample == 1000
    assert "came back with 200 Hz, +-2 g" in sensor.state.notes[-1]


def test_packets_that_cannot_be_read_are_said():
    sensor, found = live([connected(), *(Payload(0.05 * k, 1, payloads()[k][:20]) for k in range(30))])
    assert not found
    assert sensor.engine is None
    assert (
        "20 packets came and none could be read" in sensor.state.notes[0]
        or "none could be read" in sensor.state.notes[-1]
    )


def test_battery_and_trouble_are_told():
    sensor, _ = live([connected(), Battery(1.0, 4), Trouble(2.0, "no sensor at 00:11")])
    assert sensor.state.battery_percent == 4
    assert sensor.state.notes == ["no sensor at 00:11"]


def test_a_full_disk_ends_the_recording_and_not_the_session(tmp_path):
    sensor = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    found, limit = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for event in told(every()):
            found += sensor.take(event)
            sensor.keep()
            if sensor.log is not None and sensor.log.n_bytes > 60_000:
                resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, limit[1]))
        found += sensor.finish(60.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert settled(found) == whole_landings()  # the live view went on
    assert "make room and start again with --resume" in sensor.state.log_stopped
    kept = read_log(sensor.log_path)
    n = sum(len(i) for i in kept.items())
    assert 500 < n < len(payloads()) * N
    early = [c for c in contacts(whole_landings()) if c < n - 400]
    assert contacts(of_file(ls.read(sensor.log_path)))[: len(early)] == early


def test_a_log_that_cannot_be_made_is_said_and_the_session_goes_on(tmp_path):
    sensor, found = live(told(every()), tmp_path / "nowhere")
    assert settled(found) == whole_landings()
    assert "cannot be recorded" in sensor.state.log_stopped


# -- crash and resume --------------------------------------------------------


@pytest.mark.parametrize("crash", [130, 333, 610])
def test_a_session_that_broke_off_goes_on_with_its_earlier_events(tmp_path, crash):
    first = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    before = []
    for i, event in enumerate(told(every()[:crash])):
        before += first.take(event)
        if i % 20 == 0:
            first.keep()
    first.log._rows.clear()  # what was not on the disk is gone
    first.abandon()
    second = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    path = log_of(tmp_path, HIP)
    earlier = second.resume(path, at(crash + 60))
    known = contacts(settled(earlier))
    assert known == contacts(settled(before))[: len(known)]
    assert all(one.earlier for one in earlier)
    found = list(earlier)
    for event in list(told(every()[crash + 60 :])):
        found += second.take(replace(event, link=2) if isinstance(event, Connected) else event)
        second.keep()
    found += second.finish(at(len(payloads())))
    check_faulty(found, hole=(crash * N - 250, (crash + 60) * N))
    assert second.state.lost_s > 2.9
    assert contacts(of_file(ls.read(path))) == contacts(settled(found))
    contents = read_log(path)
    assert contents.finished
    again = [i for i in decoded_again(contents) if isinstance(i, Gap)]
    assert [(g.first_sample, g.n_missing) for g in again] == [
        (g.first_sample, g.n_missing) for g in contents.items() if isinstance(g, Gap)
    ]


@pytest.mark.parametrize("late_s", [0.0, 0.2])
def test_how_long_a_broken_off_session_was_away_is_known_from_the_sensor_s_own_count(tmp_path, late_s):
    first = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    for event in told(every()[:200]):
        first.take(event)
    first.keep()
    first.abandon()
    second = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    second.resume(log_of(tmp_path, HIP), at(300))
    for event in told(every()[300:400]):
        moved = replace(event, at_s=event.at_s + late_s)  # a busy machine hears of it late
        second.take(replace(moved, link=2) if isinstance(event, Connected) else moved)
    second.finish(at(400))
    contents = read_log(log_of(tmp_path, HIP))
    (gap,) = (item for item in contents.items() if isinstance(item, Gap))
    assert (gap.first_sample, gap.n_missing) == (2000, 1000)
    assert second.state.lost_s == 5.0
    (again,) = (item for item in decoded_again(contents) if isinstance(item, Gap))
    assert again == gap


def test_ctrl_c_settles_and_closes(tmp_path):
    async def whole():
        source = SimulatedSource(hip_recording(), speed=4.0)
        sensor = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
        heard = []
        session = LiveSession([Feed(sensor, source)], now=source.now, told=heard.append)
        asyncio.get_running_loop().call_later(2.5, session.end)
        await session.run()
        return sensor, heard

    sensor, heard = asyncio.run(whole())
    contents = read_log(sensor.log_path)
    assert contents.finished
    assert 100 < sum(len(i) for i in contents.items()) < 2600
    assert of_file(ls.read(sensor.log_path)) == settled(heard)


def test_a_session_none_of_whose_sensors_is_there_raises_the_reason(tmp_path):
    class Nothing(ReplaySource):
        async def start(self):
            raise WorldError("no sensor at 00:11 within 10 s")

    source = Nothing(hip_recording())
    sensor = LiveSensor(HIP, judged(), began=BEGAN, folder=tmp_path)
    with pytest.raises(WorldError, match="no sensor at 00:11"):
        asyncio.run(LiveSession([Feed(sensor, source)], now=source.now, told=print).run())
    assert sensor.state.notes == ["no sensor at 00:11 within 10 s"]


def test_a_sensor_that_is_not_there_at_the_start_is_tried_again(monkeypatch):
    monkeypatch.setattr("loadsense.live.session.AGAIN_S", 0.05)

    class Late(ReplaySource):
        tries = 0

        async def start(self):
            self.tries += 1
            if self.tries < 3:
                raise WorldError("no sensor at 00:11 within 10 s")
            await super().start()

    async def whole():
        there, late = ReplaySource(hip_recording(), speed=40.0), Late(hip_recording(), speed=None)
        sensors = [LiveSensor(replace(HIP, person=name), judged(), began=BEGAN, folder=None) for name in ("p1", "p2")]
        heard = []
        feeds = [Feed(sensors[0], there), Feed(sensors[1], late)]
        await asyncio.wait_for(LiveSession(feeds, now=there.now, told=heard.append).run(), 60)
        return heard

    heard = asyncio.run(whole())
    by_person = [contacts(settled([one for one in heard if one.person == name])) for name in ("p1", "p2")]
    assert by_person[0] == by_person[1] == contacts(of_file(hip_recording()))


# -- the screen -------------------------------------------------------------------


def test_a_board_counts_landings_in_her_band_and_says_what_studies_say():
    asked = judged(plan="hirit", person=str(PERSON))
    sensor = LiveSensor(HIP, asked, began=BEGAN, folder=None)
    board = PersonBoard("p017", [sensor], asked, on=date(2026, 11, 20))
    new = []
    assert board.view(0.0).stale
    for event in told(every()):
        for one in sensor.take(event):
            last = board.hear(one)
            if last is not None:
                new.append(last)
    sensor.take(Battery(40.0, 55))
    now = at(len(payloads()))
    view = board.view(now + 0.5)
    assert len(whole_landings()) - 1 <= view.landings <= len(whole_landings())
    assert len(new) >= view.landings
    assert 0 <= view.landings_in_band <= view.landings
    assert view.last.band in ("below", "inside", "above")
    assert "g" in view.last.evidence
    assert (view.battery_percent, view.lost_s, view.stale, view.locked) == (55, 0.0, False, None)
    assert board.view(now + 6.0).stale
    assert [block.name for block in view.blocks] == ["landings"]  # a hip sensor sees no lifts
    assert view.current.name == "landings"


def test_a_landing_that_is_withdrawn_is_shown_no_longer():
    asked = judged(plan="hirit", person=str(PERSON))
    sensor = LiveSensor(HIP, asked, began=BEGAN, folder=None)
    board = PersonBoard("p017", [sensor], asked, on=date(2026, 11, 20))
    first, second = whole_landings()[:2]

    def hear(landing, status):
        candidate = replace(landing.candidate, status=status)
        board.hear(
            LiveEvent(
                at_s=0.0,
                person="p017",
                sensor="hip",
                event=replace(landing, candidate=candidate),
                sampling_rate_hz=200.0,
            )
        )

    hear(first, Status.SETTLED)
    kept = board.view(0.0).last
    hear(second, Status.PROVISIONAL)
    assert board.view(0.0).last.peak_net_g == second.peak_net_g
    hear(second, Status.WITHDRAWN)
    assert board.view(0.0).last == kept
    assert board.view(0.0).landings == 1


def test_a_wrist_sensor_walks_through_the_lifts():
    asked = judged(plan="hirit", person=str(PERSON))
    wearing = replace(HIP, sensor="wrist")
    sensor = LiveSensor(wearing, asked, began=BEGAN, folder=None)
    board = PersonBoard("p017", [sensor], asked, on=date(2026, 11, 20))

    async def whole():
        source = ReplaySource(wrist_recording(), speed=None)
        session = LiveSession([Feed(sensor, source)], now=source.now, told=board.hear)
        await session.run()

    asyncio.run(whole())
    view = board.view(0.0)
    sets = of_file(wrist_recording(), LiftSet)
    assert view.sets == len(sets)
    if sets:
        assert view.repetitions == len(sets[-1].repetitions)
    assert [block.name for block in view.blocks] == [lift.exercise for lift in asked.plan.full.lifts]
    assert view.ended
    assert not view.stale


def test_a_plan_that_is_locked_says_so_before_the_start():
    asked = judged(plan="hirit")
    board = PersonBoard("p021", [], asked, on=date(2026, 11, 20))
    assert board.target.locked


def heard_by(asked, sensor):
    """What a board shows of the landings of the story, worn here, judged so."""
    worn = LiveSensor(replace(HIP, sensor=sensor), asked, began=BEGAN, folder=None)
    board = PersonBoard("p017", [worn], asked, on=date(2026, 11, 20))
    shown = []
    for landing in whole_landings():
        one = LiveEvent(at_s=0.0, person="p017", sensor=sensor, event=landing, sampling_rate_hz=RATE_HZ)
        shown.append(board.hear(one))
    return board.view(0.0), shown


def test_a_locked_plan_grades_nothing_and_still_minds_her_ceiling():
    ceiling_g = float(np.median([landing.peak_net_g for landing in whole_landings()]))
    person = replace(judged(person=str(PERSON)).person, screening=None, min_net_g=None, ceiling_net_g=ceiling_g)
    view, shown = heard_by(judging(plan="hirit", person=person), "hip")
    assert view.locked
    assert (view.landings, view.target, view.landings_graded) == (len(whole_landings()), None, False)
    assert person_line(view)["landings_in_band"] is None
    assert {one.evidence for one in shown} == {""}
    bands = ["above" if landing.peak_net_g > ceiling_g else "no band" for landing in whole_landings()]
    assert [one.band for one in shown] == bands
    assert "above" in bands


def test_landings_where_they_are_not_graded_have_no_band_and_no_target():
    view, shown = heard_by(judged(plan="hirit", person=str(PERSON)), "wrist")
    assert (view.landings_graded, view.target) == (False, None)
    assert person_line(view)["landings_in_band"] is None  # 0 in band would be said of what nobody held against one
    assert {(one.band, one.evidence) for one in shown} == {("no band", "")}


def test_two_sensors_of_one_person_are_lost_for_as_long_as_the_one_that_lost_most():
    asked = judged(plan="hirit", person=str(PERSON))
    sensors = [LiveSensor(replace(HIP, sensor=name), asked, began=BEGAN, folder=None) for name in ("hip", "wrist")]
    board = PersonBoard("p017", sensors, asked, on=date(2026, 11, 20))
    for sensor, lost_s in zip(sensors, (41.0, 12.0), strict=True):
        sensor.state.lost_s = lost_s
        sensor.state.note("link lost")
    assert (board.view(0.0).lost_s, board.view(0.0).notes) == (41.0, ("link lost",))
    sensors[1].state.note("clipped")
    assert board.view(0.0).notes == ("hip: link lost", "wrist: clipped")


def test_blocks_take_unnamed_sets_where_one_is_due():
    asked = judged(plan="hirit", person=str(PERSON))
    board = PersonBoard("p017", [], asked, on=date(2026, 11, 20))
    stage = asked.plan.full

    def one(k, exercise):
        return LiftSet(
            set_id=str(k), status=Status.SETTLED, start_sample=k, end_sample=k + 1, repetitions=(), exercise=exercise
        )

    blocks = blocks_of(stage, [one(0, stage.lifts[0].exercise), one(1, "unknown")], 3, board.target)
    assert [block.done for block in blocks][:2] == [2, 0]
    assert blocks[-1].done == 3
    assert not blocks[0].complete


# -- the end ---------------------------------------------------------------------


def test_outputs_are_those_of_analyze_and_hold_what_she_said(tmp_path):
    live(told(every()), tmp_path)
    asked = judged(person=str(PERSON))
    said = checked_said(Said(pain=3, pain_site="lower back", pain_onset="new", rpe=15, rpe_scale="borg"))
    recordings = recordings_of(tmp_path, [HIP, replace(HIP, sensor="wrist")])
    assert list(recordings) == ["hip"]
    report, folder = write_report(recordings, asked, folder=tmp_path, stem="p017", said=said)
    assert {p.name for p in Path(folder).iterdir()} >= {"summary.json", "events.csv", "impacts.csv", "report.html"}
    told_again = ls.analyze(ls.read(tmp_path / "p017-hip.loadsense.parquet"), judged_by=asked)
    assert list(report.landings["peak_g"]) == list(told_again.landings["peak_g"])
    assert any(flag.severity == "red" for flag in report.prescription.flags)
    kept = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))["arguments"]
    assert kept["pain"] == "3 of 10, lower back, new"
    assert kept["rpe"] == "15 on the scale borg"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(pain=11), "pain 11; expected 0"),
        (Said(rpe=15), "an exertion needs its scale"),
        (Said(rpe=3, rpe_scale="borg"), "expected 6 to 20"),
        (Said(rpe=15, rpe_scale="0-10"), "expected 0 to 10"),
    ],
)
def test_answers_off_their_scale_are_refused(said, words):
    with pytest.raises(OptionError, match=words):
        checked_said(said)


def test_a_session_folder_remembers_who_wears_what(tmp_path):
    plan = Plan(began=BEGAN, wearings=(HIP,), plan="hirit", people={"p017": "p017.toml"}, profiles={})
    write_plan(tmp_path, plan, {"p017": Said(pain=0)})
    assert read_plan(tmp_path) == plan
    with pytest.raises(OptionError, match="no live session in it"):
        read_plan(tmp_path / "none")
    with pytest.raises(WorldError, match="cannot be written"):
        write_plan(tmp_path / "none", plan)
    (tmp_path / "session.json").write_text("{}")
    with pytest.raises(ContentError, match="damaged"):
        read_plan(tmp_path)
