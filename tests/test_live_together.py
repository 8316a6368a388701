"""Replay of several sensors with the files of `analyze`, and the keys with which the coach walks through a plan."""

from __future__ import annotations

import csv
import json
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.cli import _code
from loadsense.live.floor import Coach
from loadsense.live.sensor import LiveSensor
from loadsense.live.state import Wearing
from loadsense.live.view import PersonBoard
from loadsense.live.walk import PlanWalk, Word, words_of
from loadsense.readers.live_log import read_log
from loadsense.samples import Declaration, SetDone, StreamInfo
from loadsense.session import judging
from loadsense.sources.link import Connected, Payload
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_recordings"
PERSON = str(SAMPLES / "people" / "p017.toml")
BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HIP_AND_WRIST = [f"hip={SAMPLES / 'simulated-hirit-hip.csv.gz'}", f"wrist={SAMPLES / 'simulated-hirit-wrist.csv.gz'}"]
TOGETHER = ["--together", *HIP_AND_WRIST, "--plan", "hirit", "--person", PERSON, "--range-g", "16", "--end", "240"]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with next(folder.glob(f"*/{name}")).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_replay_of_two_sensors_writes_what_analyze_writes(capsys, tmp_path):
    assert _code(["replay", *TOGETHER, "--speed", "max", "-o", str(tmp_path / "replay")]) == 0
    replayed = capsys.readouterr().out
    assert _code(["analyze", *TOGETHER, "-o", str(tmp_path / "analyze")]) == 0
    analyzed = capsys.readouterr().out
    assert replayed.splitlines()[-1] == analyzed.splitlines()[-1]
    assert rows(tmp_path / "replay", "events.csv") == rows(tmp_path / "analyze", "events.csv")
    assert rows(tmp_path / "replay", "impacts.csv") == rows(tmp_path / "analyze", "impacts.csv")
    one, other = (
        json.loads(next((tmp_path / w).glob("*/summary.json")).read_text("utf-8")) for w in ("replay", "analyze")
    )
    assert one == other
    assert next((tmp_path / "replay").glob("*/report.html")).stat().st_size > 10_000


def test_a_replay_of_two_sensors_tells_events_of_both(capsys):
    assert _code(["replay", *TOGETHER, "--speed", "max", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["sensor"] for event in events} == {"hip", "wrist"}
    assert {event["person"] for event in events} == {"p017"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "a.csv", "b.csv"], "replay plays one session: one file, or --together"),
        (["replay", *TOGETHER, "--placement", "hip"], "--placement has no meaning with --together"),
        (["replay", "--together", "hip=a.csv"], "--together needs two or more sensors"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(capsys, arguments, words):
    assert _code(arguments) == 2
    assert words in capsys.readouterr().err


# -- the walk through a plan


def test_the_walk_goes_from_before_the_first_block_to_behind_the_last():
    walk = PlanWalk(["deadlift", "landings"])
    assert (walk.block, walk.word, walk.move(-1)) == (None, (None, False), False)
    assert walk.move(1)
    assert walk.word == ("deadlift", False)
    assert walk.tick(None) == "deadlift"
    walk.move(1)
    assert walk.word == (None, True)
    assert walk.tick("landings") is None
    walk.move(1)
    assert (walk.word, walk.move(1)) == ((None, False), False)


def test_the_walk_is_taken_up_where_it_broke_off():
    walk = PlanWalk(["deadlift", "back_squat", "landings"])
    info = StreamInfo(
        sampling_rate_hz=100.0,
        declared=(
            Declaration(first_sample=0, exercise="back_squat"),
            Declaration(first_sample=200, landing_block=True),
        ),
        sets_done=(SetDone(at_sample=100, exercise="back_squat"),),
    )
    walk.recall(words_of(info))
    assert (walk.block, walk.ticked) == ("landings", ["back_squat"])
    walk.recall([Word(at_sample=300, block=None)])
    assert (walk.at, walk.block) == (3, None)  # behind the last block
    walk.recall([Word(at_sample=400, block="deadlift"), Word(at_sample=500, block=None)])
    assert walk.at == -1  # before the first


def floor(folder: Path | None, *names: str) -> tuple[Coach, list[PersonBoard], list[LiveSensor]]:
    asked = judging(plan="hirit", person=PERSON)
    sensors = [
        LiveSensor(Wearing(person=name, sensor="hip", tz="UTC"), asked, began=BEGAN, folder=folder) for name in names
    ]
    boards = [PersonBoard(s.wearing.person, [s], asked, on=date(2026, 11, 20)) for s in sensors]
    return Coach(boards, lambda: 12.5), boards, sensors


def test_keys_move_one_person_or_everybody():
    coach, boards, _ = floor(None, "p017", "p021")
    coach.press("n")
    assert [board.view(0.0).declared for board in boards] == ["deadlift"] * 2
    coach.press("2")
    assert coach.help.endswith("now p021")
    coach.press("n")
    assert [board.view(0.0).declared for board in boards] == ["deadlift", "back_squat"]
    coach.press("b")
    coach.press("x")
    coach.press("0")
    assert [board.view(0.0).declared for board in boards] == ["deadlift"] * 2
    assert "everybody" in coach.help


def test_the_last_set_of_a_block_that_is_done_leads_to_the_next():
    coach, (board,), _ = floor(None, "p017")
    coach.press("n")
    asked = board.view(0.0).current.asked
    for n in range(asked):
        assert board.view(0.0).current.name == "deadlift"
        assert board.view(0.0).current.done == n
        coach.press("d")
    view = board.view(0.0)
    assert view.declared == "back_squat"
    assert view.blocks[0].complete
    assert view.blocks[0].by_hand


def test_what_the_coach_declares_is_in_the_log_and_in_the_engine(tmp_path):
    coach, (board,), (sensor,) = floor(tmp_path, "p017")
    for key in "nnn":  # before the first sample
        coach.press(key)
    settings = StreamSettings(sampling_rate_hz=200.0, range_g=16.0)
    counts = np.tile(np.array([0, 0, 2048]), (10, 1))
    sensor.take(Connected(at_s=0.0, link=1, settings=settings, device="LS-01", confirmed=True))
    for k in range(40):
        sensor.take(Payload(0.05 * (k + 1), 1, loadsense_packet.encode(k, k * 50_000, counts)))
        if k == 19:
            coach.press("n")
            coach.press("b")
            coach.press("d")
    block = board.view(0.0).declared
    sensor.finish(2.0)
    contents = read_log(sensor.log_path)
    said = [(one.first_sample, one.exercise, one.landing_block) for one in contents.info.declared]
    assert [one[0] for one in said] == [0, 200, 200]
    assert said[1] == (200, None, True)
    assert said[2] == (200, block, False)
    assert sensor.engine.info.declared == contents.info.declared == ls.read(sensor.log_path).info.declared
    again = PlanWalk(board.walk.names)
    again.recall(words_of(contents.info))
    assert (again.at, again.ticked) == (board.walk.at, [block])
    assert contents.info.sets_done == sensor.engine.info.sets_done == (SetDone(at_sample=200, exercise=block),)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of a POSIX system")
def test_keys_of_a_real_terminal_reach_the_log(tmp_path):
    import pty
    import signal
    import subprocess
    import termios
    import time

    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (40, 200))
    command = [sys.executable, "-m", "loadsense", "stream", "--plan", "hirit", "--yes", "--person", PERSON]
    command += ["--sensor", "p017:hip=virtual:hip-session", "-o", str(tmp_path)]
    wide = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    drawn, pressed, end = b"", False, time.monotonic() + 180
    with subprocess.Popen(command, env=wide, stdin=follower, stdout=follower, stderr=follower) as child:
        os.close(follower)
        os.set_blocking(leader, False)
        while child.poll() is None and time.monotonic() < end:
            try:
                drawn += os.read(leader, 65536)
            except (BlockingIOError, OSError):
                time.sleep(0.02)
            if not pressed and b"live" in drawn and b"d that set is done" in drawn:
                os.write(leader, b"nd")
                pressed = True
            if b"1 of 5 sets, by hand" in drawn and b"live  " in drawn:
                child.send_signal(signal.SIGINT)  # and again, to confirm
                time.sleep(0.5)
        child.kill()
        os.close(leader)
    assert b"Press Ctrl-C again to end the session" in drawn
    (log,) = tmp_path.glob("live-*/*.live.arrows")
    contents = read_log(log)
    assert [one.exercise for one in contents.info.declared] == ["deadlift"]
    assert {"set done", "finished"} <= {link["event"] for link in contents.links}
