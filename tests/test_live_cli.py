"""The live verbs: what they print, what they refuse, what they leave behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadsense.cli import _code
from loadsense.live import listing
from loadsense.live.screen import bells, cells, last_landing, table
from loadsense.live.view import Block, LastLanding, PersonView

ROOT = Path(__file__).parents[1]
SAMPLE = str(ROOT / "sample_recordings" / "simulated-hip-session.csv.gz")
PERSON = str(ROOT / "sample_recordings" / "people" / "p017.toml")
HIP = ["--placement", "hip", "--range-g", "16"]


def run(capsys, *arguments):
    code = _code(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_replay_gives_the_verdict_of_analyze(capsys, tmp_path):
    code, replayed, _ = run(capsys, "replay", SAMPLE, *HIP, "--speed", "max", "--person", PERSON)
    assert code == 0
    _, analyzed, _ = run(capsys, "analyze", SAMPLE, *HIP, "--person", PERSON, "-o", str(tmp_path))
    assert replayed.splitlines()[-1] == analyzed.splitlines()[-1]
    assert "VERDICT" in replayed


def test_replay_prints_events_as_lines_for_programs(capsys):
    code, out, _ = run(capsys, "replay", SAMPLE, *HIP, "--speed", "max", "--json")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    settled = {e["event_id"] for e in events if e["kind"] == "landing" and e["status"] == "settled"}
    provisional = {e["event_id"] for e in events if e["kind"] == "landing" and e["status"] == "provisional"}
    assert len(settled) == 25
    assert settled <= provisional
    assert {"activity", "excluded", "impact"} <= {e["kind"] for e in events}
    assert all(e["person"] == "simulated-hip-session.csv.gz" for e in events)


def test_replay_of_a_wrist_prints_repetitions_and_sets(capsys):
    wrist = str(ROOT / "sample_recordings" / "simulated-hirit-wrist.csv.gz")
    words = ["--placement", "wrist", "--range-g", "16", "--end", "150", "--speed", "max", "--json"]
    code, out, _ = run(capsys, "replay", wrist, *words)
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    (one, *_) = [e for e in events if e["kind"] == "set" and e["status"] == "settled"]
    live = [e for e in events if e["kind"] == "repetition" and e["set_id"] == one["set_id"]]
    assert one["repetitions"] >= 3
    assert live
    assert all(one["start_s"] - 2 <= e["start_s"] < e["end_s"] for e in live)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", SAMPLE, "--speed", "fast"], "--speed 'fast': expected a number above 0"),
        (["replay", SAMPLE, "--speed", "-1"], "--speed '-1': expected a number above 0"),
        (["replay", SAMPLE, "--load", "deadlift"], "expected a name, an equals sign and a number"),
        (["replay", "none.csv"], "no such file"),
        (["stream"], "give a sensor: --sensor p017:hip=ADDRESS"),
        (["stream", "--sensor", "p017=AA"], "expected PERSON:PLACEMENT=ADDRESS"),
        (["stream", "--sensor", "p017:hipp=AA"], "unknown placement 'hipp': did you mean 'hip'"),
        (["stream", "--sensor", "../x:hip=AA"], "a person's name becomes a file's"),
        (["stream", "--sensor", "p:hip=AA", "--sensor", "p:hip=BB"], "p wears two sensors at the hip"),
        (["stream", "--sensor", "p:hip=AA", "--sensor", "q:hip=AA"], "the sensor at AA is worn twice"),
        (["stream", "--sensor", "p:hip=AA", "--plan", "hirt"], "unknown plan 'hirt'"),
        (["stream", "--sensor", "p:hip=virtual:none"], "unknown scenario 'none'"),
        (["stream", "--resume", "nowhere"], "no live session in it"),
        (["devices", "check"], "check and the path of a profile"),
        (["devices", "list"], "check and the path of a profile"),
        (["devices", "check", "none.toml"], "none.toml"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not out
    assert not list(tmp_path.iterdir())


def test_devices_lists_every_profile_with_what_is_not_verified(capsys):
    code, out, _ = run(capsys, "devices")
    assert code == 0
    assert "polar-verity-sense  [A]" in out
    assert "not verified: " in out
    _, text, _ = run(capsys, "devices", "--json")
    assert {one["name"] for one in json.loads(text)} >= {"loadsense-nrf52", "movesense"}
    code, out, _ = run(capsys, "devices", "check", str(ROOT / "firmware_config" / "polar-h10.toml"))
    assert (code, "a good profile of Polar H10" in out) == (0, True)


def test_a_session_with_a_virtual_sensor_leaves_log_recording_and_report(capsys, tmp_path):
    arguments = ["stream", "--sensor", "p017:hip=virtual:hip-session", "--seconds", "3", "-o", str(tmp_path), "--yes"]
    code, out, err = run(capsys, *arguments, "--person", PERSON, "--plan", "hirit")
    assert code == 0, err
    (folder,) = tmp_path.glob("live-*")
    assert {p.name for p in folder.iterdir()} == {
        "session.json", "p017-hip.live.arrows", "p017-hip.loadsense.parquet", "p017",
    }  # fmt: skip
    assert out.splitlines()[-1].startswith("VERDICT ")
    code, again, _ = run(
        capsys,
        "analyze",
        str(folder / "p017-hip.live.arrows"),
        "-o",
        str(tmp_path),
        "--person",
        PERSON,
        "--plan",
        "hirit",
    )
    assert code == 0
    assert again.splitlines()[-1] == out.splitlines()[-1]


def test_a_locked_plan_says_so_before_the_start(capsys, tmp_path):
    arguments = [
        "stream",
        "--sensor",
        "p021:hip=virtual",
        "--seconds",
        "0.5",
        "-o",
        str(tmp_path),
        "--yes",
        "--plan",
        "hirit",
    ]
    _, _, err = run(capsys, *arguments)
    assert "p021: LOCKED - " in err


def test_a_killed_session_goes_on_with_resume(tmp_path):
    base = [sys.executable, "-m", "loadsense", "stream", "--json", "-o", str(tmp_path)]
    command = [*base, "--sensor", "p017:hip=virtual:hip-session"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        end = time.monotonic() + 30
        while not any(p.stat().st_size > 40_000 for p in tmp_path.glob("live-*/*.live.arrows")):
            assert time.monotonic() < end, child.stderr
            assert child.poll() is None
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
    (folder,) = tmp_path.glob("live-*")
    resumed = subprocess.run(
        [*base[:-2], "--resume", str(folder), "--seconds", "2"], capture_output=True, text=True, check=False, timeout=60
    )
    assert resumed.returncode == 0, resumed.stderr
    from loadsense.readers.live_log import read_log
    from loadsense.samples import Gap

    contents = read_log(folder / "p017-hip.live.arrows")
    assert contents.finished
    assert [link["event"] for link in contents.links].count("resumed") == 1
    assert any(isinstance(item, Gap) for item in contents.items())
    assert (folder / "p017" / "summary.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a POSIX system")
def test_ctrl_c_ends_a_session_with_its_outputs(tmp_path):
    command = [
        sys.executable,
        "-m",
        "loadsense",
        "stream",
        "--json",
        "-o",
        str(tmp_path),
        "--sensor",
        "p017:hip=virtual",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        end = time.monotonic() + 30
        while not any(p.stat().st_size > 20_000 for p in tmp_path.glob("live-*/*.live.arrows")):
            assert time.monotonic() < end
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    (folder,) = tmp_path.glob("live-*")
    assert (folder / "p017" / "summary.json").exists()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_after_a_session_she_is_asked_for_pain_and_exertion(capsys, tmp_path, monkeypatch):
    answers = ["sore", "3", "lower back", "yesterday", "new", "25", "15"]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    code, out, _ = run(capsys, "stream", "--sensor", "p017:hip=virtual", "--seconds", "1", "-o", str(tmp_path))
    assert code == 0
    assert "'sore': expected a whole number from 0 (none) to 10" in out  # asked again
    assert "'yesterday': expected new or known" in out
    assert "'25': expected a number from 0 to 10, or from 6 to 20 on Borg's scale" in out
    (folder,) = tmp_path.glob("live-*")
    said = json.loads((folder / "session.json").read_text("utf-8"))["said"]["p017"]
    assert said == {"pain": 3, "pain_site": "lower back", "pain_onset": "new", "rpe": 15.0, "rpe_scale": "borg"}
    flags = json.loads((folder / "p017" / "summary.json").read_text("utf-8"))["prescription"]["flags"]
    assert any(flag["severity"] == "red" for flag in flags)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["0", "7", "0-10"], {"pain": 0, "rpe": 7.0, "rpe_scale": "0-10"}),
        (["2", "lumbar", "n", "y", "4,5"], {"pain": 2, "pain_site": "lumbar, back", "pain_onset": "new", "rpe": 4.5}),
        (["2", "knee", "k", ""], {"pain": 2, "pain_site": "knee", "pain_onset": "known", "rpe": None}),
        (["5"], {"pain": 5, "pain_site": "", "rpe": None}),  # and nobody answers any more
        (["", "8", ""], {"pain": None, "rpe": None, "rpe_scale": None}),  # a number without its scale means nothing
    ],
)
def test_answers_are_kept_as_far_as_they_were_given(capsys, tmp_path, monkeypatch, answers, said):
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    code, out, _ = run(capsys, "stream", "--sensor", "p017:hip=virtual", "--seconds", "0.5", "-o", str(tmp_path))
    assert code == 0
    assert "VERDICT" in out  # whatever became of the questions
    (folder,) = tmp_path.glob("live-*")
    kept = json.loads((folder / "session.json").read_text("utf-8"))["said"]["p017"]
    assert kept | said == kept


def test_a_locked_plan_that_nobody_answers_for_starts_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal(""))
    words = ["--sensor", "p021:hip=virtual", "--plan", "hirit", "--seconds", "1", "-o", str(tmp_path)]
    code, _, err = run(capsys, "stream", *words)
    assert code == 130
    assert err.endswith("stopped\n")
    assert not list(tmp_path.glob("live-*/*.arrows"))


def test_a_locked_plan_asks_whether_to_start_and_no_leaves(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    words = ["--sensor", "p021:hip=virtual", "--plan", "hirit", "--seconds", "1", "-o", str(tmp_path)]
    code, _, err = run(capsys, "stream", *words)
    assert code == 2
    assert "p021: LOCKED" in err
    assert "not started: complete the screening" in err


def test_the_screen_is_drawn_and_the_bell_rings_on_a_terminal(capsys, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    code = _code(["replay", SAMPLE, *HIP, "--speed", "300", "--bell", "--person", PERSON])
    assert code == 0
    drawn = screen.getvalue()
    assert "Last landing" in drawn
    assert "g net" in drawn
    assert "\a" in capsys.readouterr().err


def test_practice_without_hardware_is_one_command(tmp_path, capsys):
    started = time.monotonic()
    command = [sys.executable, "-m", "loadsense", "simulate", "hip-session", "--sensor", "-o", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        while not any(p.stat().st_size > 20_000 for p in tmp_path.glob("live-*/practice-hip.live.arrows")):
            assert time.monotonic() < started + 30
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert "VERDICT" in out


# -- the screen in words ------------------------------------------------------


def landing(**how):
    facts = {"peak_net_g": 4.6, "loading_rate_g_per_s": 128.0, "band": "inside", "evidence": "> 3.9 g", "settled": True}
    return LastLanding(**{**facts, "clipped": False, **how})


def person(**how):
    facts = {
        "person": "p017", "locked": None, "blocks": (Block(name="landings", done=3, asked=5, unit="landings"),),
        "landings_in_band": 3, "landings": 4, "target": 5, "last": landing(), "repetitions": 5, "sets": 2,
        "age_s": 0.1, "lost_s": 0.0, "loss_observable": True, "battery_percent": 87, "clipped": False, "ended": False,
    }  # fmt: skip
    return PersonView(**{**facts, **how})


def test_a_row_says_what_a_coach_needs():
    row = cells(person())
    assert row == (
        "p017", "landings 3 of 5", "3 of 5 (1 out of band)",
        "+ 4.6 g net / 128 g/s, in band, studied: > 3.9 g", "2 sets, 5 repetitions", "live", "87 %",
    )  # fmt: skip


def test_a_row_says_what_is_wrong():
    row = cells(person(age_s=6.2, lost_s=41.0, clipped=True, battery_percent=None, locked="screening"))
    assert row[1] == "LOCKED"
    assert row[2].startswith(">= 3")
    assert row[5] == "no data 6 s, lost 41 s: lower bound, CLIPPED"
    assert row[6] == "-"
    assert cells(person(age_s=None))[5] == "no data yet"
    assert cells(person(loss_observable=False, ended=True))[5] == "ended, loss cannot be seen"
    assert cells(person(blocks=(), last=None, sets=0, repetitions=0))[1:5:2] == ("-", "-")
    assert cells(person(landings_graded=False, landings=0))[2] == "-"  # never 0 of what nothing could see
    assert cells(person(landings_graded=False, target=None))[2] == "4 seen, not graded"


def test_a_landing_above_the_ceiling_is_never_praised():
    assert last_landing(landing(band="above", settled=False, clipped=True)).startswith(
        "! 4.6 g net / 128 g/s at least (clipped)"
    )
    assert last_landing(landing(band="above", settled=False)).endswith("...")
    assert [bells(landing(band=band)) for band in ("below", "inside", "above", "no band")] == [0, 1, 2, 0]


def test_the_table_draws():
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table([person(age_s=6.0, notes=("link lost",)), person(battery_percent=5)], title="LoadSense"))
    text = console.export_text()
    assert "no data 6 s" in text
    assert "p017: link lost" in text


def test_sensors_in_reach_are_aligned_lines():
    from loadsense.devices import profile
    from loadsense.sources.ble import Found

    found = [
        Found(address="AA", name="LS-01", rssi_dbm=-50, profile=profile("loadsense-nrf52"), battery_percent=80),
        Found(address="BB", name="", rssi_dbm=None, profile=None),
    ]
    lines = listing.found_lines(found)
    assert lines[1].split() == [
        "LS-01",
        "AA",
        "-50",
        "dBm",
        "80",
        "%",
        "loadsense-nrf52",
        "100/104/200/208/400/416",
        "Hz,",
        "+-2/4/8/16",
        "g",
    ]
    assert lines[2].split() == ["-", "BB", "-", "-", "-", "-"]
    assert listing.found_json(found[1])["profile"] is None
