"""Sets that the coach calls done: rows of the report, kept by log and recording, resumed and replayed sessions."""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.cli import _code
from loadsense.live.finish import recordings_of, write_report
from loadsense.live.floor import Coach
from loadsense.live.sensor import LiveSensor
from loadsense.live.session import Feed, LiveSession
from loadsense.live.state import Wearing
from loadsense.live.view import PersonBoard
from loadsense.protocol.dose import dose
from loadsense.readers.live_log import read_log
from loadsense.render.csv_page import events_csv
from loadsense.samples import Recording, SetDone
from loadsense.session import judging
from loadsense.sources.link import Connected, Payload
from loadsense.sources.replay import ReplaySource
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

PERSON = str(Path(__file__).parents[1] / "sample_recordings" / "people" / "p017.toml")
BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DAY = date(2026, 11, 20)
RATE_HZ, N = 200.0, 10
SETTINGS = StreamSettings(sampling_rate_hz=RATE_HZ, range_g=16.0)
STILL = np.tile(np.array([0, 0, 2048]), (N, 1))


def judged():
    return judging(plan="hirit", person=PERSON)


class Floor:
    """One person who stands still with some sensors, and a coach with her keys."""

    def __init__(self, folder: Path, *placements: str) -> None:
        self.wearings = [Wearing(person="p017", sensor=name, tz="UTC") for name in placements]
        self.sensors = [LiveSensor(one, judged(), began=BEGAN, folder=folder) for one in self.wearings]
        self.folder, self.k = folder, 0

    def connect(self, *, link: int = 1) -> Floor:
        for one in self.sensors:
            one.take(Connected(at_s=self.now(), link=link, settings=SETTINGS, device="LS-01", confirmed=True))
        self.board = PersonBoard("p017", self.sensors, judged(), on=DAY)
        self.coach = Coach([self.board], self.now)
        return self

    def now(self) -> float:
        return self.k * N / RATE_HZ

    def stand(self, n_packets: int = 20) -> Floor:
        for _ in range(n_packets):
            data = loadsense_packet.encode(self.k, self.k * 50_000, STILL)
            self.k += 1
            for one in self.sensors:
                one.take(Payload(self.now(), 1, data))
        return self

    def press(self, keys: str) -> Floor:
        for key in keys:
            self.coach.press(key)
        return self

    def end(self) -> Floor:
        for one in self.sensors:
            one.finish(self.now())
        return self

    def report(self):
        return write_report(recordings_of(self.folder, self.wearings), judged(), folder=self.folder, stem="p017")


def rows(report) -> dict[str, tuple]:
    return {row.exercise: (row.done, row.met, row.source) for row in report.prescription.rows}


def names(sets_done) -> Counter:
    return Counter(one.exercise for one in sets_done)


def test_a_set_that_was_called_done_is_a_row_of_every_output(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("ndd").stand().press("d").stand().end()
    report, where = floor.report()
    assert rows(report)["deadlift"] == ("3 sets", None, "coach")
    assert rows(report)["back_squat"] == (None, None, "not observed")
    told = json.loads((Path(where) / "summary.json").read_text("utf-8"))
    assert told["lifts"]["called_done"] == [
        {"exercise": "deadlift", "at_s": at, "time": f"2026-11-20T09:30:0{at:.3f}+00:00", "load_kg": None,
         "pct_1rm": None}
        for at in (1.0, 1.0, 2.0)
    ]  # fmt: skip
    (row,) = [row for row in told["prescription"]["rows"] if row["exercise"] == "deadlift"]
    assert row["reason"] == "the coach called 3 of 5 sets done, and no sensor saw the lifts; no load was entered"
    events = list(csv.DictReader((Path(where) / "events.csv").read_text("utf-8").splitlines()))
    called = [row for row in events if row["kind"] == "set done"]
    assert [(row["event_id"], row["start_s"], row["exercise"], row["exercise_source"]) for row in called] == [
        ("D0001", "1.0", "deadlift", "coach"), ("D0002", "1.0", "deadlift", "coach"),
        ("D0003", "2.0", "deadlift", "coach"),
    ]  # fmt: skip
    assert {row["repetitions"] for row in called} == {""}  # nobody counted them
    assert "coach" in (Path(where) / "report.html").read_text("utf-8")


def test_two_sensors_keep_one_word_and_it_counts_once(tmp_path):
    floor = Floor(tmp_path, "hip", "wrist").connect().stand().press("nddddd").stand().end()
    report, _ = floor.report()
    assert rows(report)["deadlift"] == ("5 sets", None, "coach")  # the wrist saw none of them, and no load was entered
    assert len(report.called_done) == 5
    assert floor.board.view(0.0).declared == "back_squat"


def test_what_a_late_sensor_did_not_hear_is_known_from_the_other(tmp_path):
    floor = Floor(tmp_path, "hip", "wrist")
    hip, wrist = floor.sensors
    floor.sensors = [hip]
    floor.connect().stand()
    floor.board.sensors = (hip, wrist)
    floor.press("nd")
    floor.sensors = [hip, wrist]
    wrist.take(Connected(at_s=1.0, link=1, settings=SETTINGS, device="LS-02", confirmed=True))
    floor.stand().press("d").stand().end()
    report, _ = floor.report()
    assert [names(r.info.sets_done) for r in report.recordings] == [{"deadlift": 2}, {"deadlift": 2}]
    assert len(report.called_done) == 2


@pytest.mark.parametrize(("loads_kg", "met"), [({}, 3), ({"deadlift": 62.0}, 3), ({"deadlift": 30.0}, 0)])
def test_sets_that_were_called_done_are_in_the_dose_unless_they_were_too_light(tmp_path, loads_kg, met):
    floor = Floor(tmp_path, "hip").connect().stand().press("nddd").stand().end()
    asked = replace(judged(), loads_kg=loads_kg)
    report = ls.analyze(ls.read(floor.sensors[0].log_path), judged_by=asked)
    given = dose(report, stage=asked.plan.full)
    assert (given.lift_sets_met, given.lift_sets_at_least) == (met, False)


def test_what_is_taken_back_was_never_done(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("ndd").stand().press("u").stand().end()
    assert floor.board.view(0.0).current.done == 1
    assert read_log(floor.sensors[0].log_path).info.sets_done == (SetDone(at_sample=200, exercise="deadlift"),)
    assert rows(floor.report()[0])["deadlift"][0] == "1 set"
    assert floor.sensors[0].engine.info.sets_done == read_log(floor.sensors[0].log_path).info.sets_done


def test_taking_back_the_last_set_of_a_block_goes_back_to_it(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("nddddd")
    assert floor.board.view(0.0).declared == "back_squat"
    floor.press("u")
    view = floor.board.view(0.0)
    assert (view.declared, view.current.done) == ("deadlift", 4)
    floor.press("uuuuuuu")  # more than there are
    assert floor.board.view(0.0).current.done == 0
    assert not floor.sensors[0].engine.info.sets_done


def test_a_word_before_the_first_sample_is_kept_and_can_be_taken_back(tmp_path):
    floor = Floor(tmp_path, "hip").connect().press("nddu").stand().end()
    assert read_log(floor.sensors[0].log_path).info.sets_done == (SetDone(at_sample=0, exercise="deadlift"),)


def test_the_recording_holds_what_the_log_holds(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("nd").stand().press("d").stand().end()
    (recording,) = recordings_of(tmp_path, floor.wearings).values()
    log = floor.sensors[0].log_path
    assert recording.info == ls.read(log).info == floor.sensors[0].engine.info
    live, _ = floor.report()
    for again in (ls.read(log), recording):
        report = ls.analyze(again, judged_by=judged())
        assert report.called_done == live.called_done
        assert report.prescription == live.prescription
        assert events_csv(report) == events_csv(live)


@pytest.mark.parametrize(
    ("window", "left"),
    [({"start": 1.5}, [100]), ({"end": 1.0}, [200]), ({"end": 0.9}, []), ({"start": 1.0, "end": 2.0}, [0, 200])],
)
def test_a_part_holds_what_was_called_done_in_it(tmp_path, window, left):
    floor = Floor(tmp_path, "hip").connect().stand().press("nd").stand().press("d").stand().end()
    recordings_of(tmp_path, floor.wearings)
    for path in (floor.sensors[0].log_path, tmp_path / "p017-hip.loadsense.parquet"):
        assert [one.at_sample for one in ls.read(path, **window).info.sets_done] == left


def test_a_session_that_broke_off_goes_on_with_what_was_called_done(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("nddd").stand()
    floor.sensors[0].keep()
    floor.press("d")  # not on the disk when it broke off
    floor.sensors[0].log._rows.clear()
    floor.sensors[0].abandon()
    again = Floor(tmp_path, "hip")
    again.k = floor.k
    again.sensors[0].resume(again.sensors[0].log_path, again.now())
    again.connect(link=2)
    view = again.board.view(0.0)
    assert (view.declared, view.current.done) == ("deadlift", 3)
    again.stand().press("dd").stand().end()
    assert again.board.view(0.0).declared == "back_squat"
    report, _ = again.report()
    assert names(report.called_done) == {"deadlift": 5}
    assert names(read_log(again.sensors[0].log_path).info.sets_done) == {"deadlift": 5}


def seen_in_replay(log: Path) -> list[tuple[float, str | None, int]]:
    """(second, declared block, sets of it done) at every change, as the board of a replay shows them."""
    sensor = LiveSensor(Wearing(person="p017", sensor="hip"), judged(), began=BEGAN, folder=None)
    board = PersonBoard("p017", [sensor], judged(), on=DAY)
    seen: list[tuple[float, str | None, int]] = []

    class Watched(ReplaySource):
        def now(self) -> float:
            return super().now()

    async def whole() -> None:
        source = Watched(ls.read(log), speed=None)
        await source.start()
        while not sensor.state.ended:
            event = await source.events.get()
            sensor.take(event)
            view = board.view(event.at_s)
            row = (view.declared, view.current.done if view.current and view.declared else 0)
            if not seen or seen[-1][1:] != row:
                seen.append((event.at_s, *row))

    asyncio.run(whole())
    return seen


def test_a_replay_of_the_log_walks_through_the_plan_as_the_coach_did(tmp_path):
    floor = Floor(tmp_path, "hip").connect().stand().press("n").stand().press("dd").stand().press("ddd").stand()
    floor.press("nn").stand().press("n").stand().end()
    assert seen_in_replay(floor.sensors[0].log_path) == [
        (0.05, None, 0),
        (1.0, "deadlift", 0),
        (2.0, "deadlift", 2),
        (3.0, "back_squat", 0),
        (4.0, "landings", 0),
        (5.0, None, 0),
    ]


def test_replay_and_analyze_of_a_log_tell_what_was_called_done(tmp_path, capsys):
    floor = Floor(tmp_path, "hip").connect().stand().press("ndd").stand().end()
    log = str(floor.sensors[0].log_path)
    words = ["--plan", "hirit", "--person", PERSON]
    told = {}
    for verb in (["replay", "--speed", "max"], ["analyze"]):
        assert _code([verb[0], log, *verb[1:], *words, "-o", str(tmp_path / verb[0])]) == 0
        (path,) = (tmp_path / verb[0]).glob("*/summary.json")
        told[verb[0]] = json.loads(path.read_text("utf-8"))
        out = capsys.readouterr().out
        assert "lifts        called done by the coach: deadlift 2 sets" in out
    for key in ("lifts", "prescription", "verdict"):
        assert told["replay"][key] == told["analyze"][key]
    assert len(told["replay"]["lifts"]["called_done"]) == 2


def test_a_session_of_two_sensors_and_its_replay_agree(tmp_path):
    floor = Floor(tmp_path, "hip", "wrist").connect().stand().press("nd").stand().press("ddn").stand().end()
    both = [LiveSensor(one, judged(), began=BEGAN, folder=None) for one in floor.wearings]
    board = PersonBoard("p017", both, judged(), on=DAY)
    logs = [ls.read(one.log_path) for one in floor.sensors]

    async def whole() -> None:
        feeds = [Feed(sensor, ReplaySource(log, speed=None)) for sensor, log in zip(both, logs, strict=True)]
        await LiveSession(feeds, now=lambda: 0.0, told=board.hear).run()

    asyncio.run(whole())
    assert replace(board.view(0.0), age_s=None, ended=False) == replace(
        floor.board.view(0.0), age_s=None, ended=False, battery_percent=None
    )
    assert board.walk == floor.board.walk


def test_a_recording_of_an_earlier_version_has_no_words(tmp_path):
    recording = Recording.from_arrays(STILL / 2048.0, sampling_rate_hz=RATE_HZ, placement="hip")
    assert recording.info.sets_done == ()
