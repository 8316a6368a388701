"""A virtual sensor in one process, scan and stream in another: the client's real code over a virtual link."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("bumble", reason="bumble (the virtual link) is not installed")

import loadsense as ls
from loadsense.cli import _code
from loadsense.events import Landing, Status
from loadsense.readers.live_log import Row, read_log
from loadsense.session import Engine
from loadsense.wire.loadsense_packet import HEADER

ADDRESS = "F0:10:AD:5E:45:01"


def loadsense(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "loadsense", *arguments]


def free_place() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def sensors(scenarios: str, place: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Virtual sensors in a process of their own, once they can be found; and what they said."""
    command = loadsense("simulate", scenarios, "--sensor", "--listen", place)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        said = "".join(_until_ready(child))
        try:
            yield child, said
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
            try:
                child.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()  # or a failing test would wait for ever
                raise


def _until_ready(child: subprocess.Popen[str]) -> Iterator[str]:
    for line in iter(child.stdout.readline, ""):
        yield line
        if "--radio" in line:
            return


@pytest.fixture(scope="module")
def room() -> Iterator[tuple[str, str]]:
    place = free_place()
    with sensors("hip-session,hirit-wrist", place) as (_, said):
        yield f"tcp:{place}", said


def test_it_says_how_to_find_it(room):
    radio, said = room
    assert f"LS-01 at {ADDRESS} plays hip-session" in said
    assert "LS-02 at F0:10:AD:5E:45:02 plays hirit-wrist" in said
    assert f"--radio {radio}" in said


def test_scan_lists_it_with_profile_ranges_and_battery(room):
    done = subprocess.run(
        loadsense("scan", "--seconds", "1", "--radio", room[0], "--json"), capture_output=True, text=True, check=True
    )
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert set(found) == {"LS-01", "LS-02"}
    one = found["LS-01"]
    assert (one["address"], one["profile"], one["battery_percent"]) == (ADDRESS, "loadsense-nrf52", 87)
    assert one["ranges_g"] == [2, 4, 8, 16]


def landings_of(path: Path) -> set[str]:
    recording = ls.read(path)
    engine = Engine(recording.info)
    events = [event for item in recording.blocks() for event in engine.push(item)] + engine.flush()
    return {e.event_id for e in events if isinstance(e, Landing) and e.status is Status.SETTLED}


def test_stream_connects_configures_reads_back_and_records(room, tmp_path):
    words = ["--sensor", f"p017:hip={ADDRESS}", "--sensor", "p017:wrist=F0:10:AD:5E:45:02", "--seconds", "9"]
    asked = ["--sampling-rate-hz", "104", "--range-g", "8", "--radio", room[0], "--json", "-o", str(tmp_path)]
    done = subprocess.run(loadsense("stream", *words, *asked), capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("live-*")
    for sensor, device in (("hip", "LS-01"), ("wrist", "LS-02")):
        contents = read_log(folder / f"p017-{sensor}.live.arrows")
        assert (contents.header.device, contents.finished) == (device, True)
        (link,) = [link for link in contents.links if link["event"] == "connected"]
        assert link["settings"] == {"sampling_rate_hz": 100.0, "range_g": 8.0, "factor": 1.0}  # read back: no 104 Hz
        assert "asked for 104 Hz, the sensor uses 100 Hz" in contents.info.origin.notes
        numbers = [HEADER.unpack_from(row.body)[0] for row in contents.rows if row.kind is Row.PACKET]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) > 20
    events = [json.loads(line) for line in done.stdout.splitlines()]
    live = {
        e["event_id"] for e in events if e["kind"] == "landing" and e["status"] == "settled" and e["sensor"] == "hip"
    }
    assert live == landings_of(folder / "p017-hip.live.arrows")


def test_a_sensor_that_is_switched_off_and_on_is_found_again(tmp_path):
    place = free_place()
    command = loadsense("stream", "--sensor", f"p017:hip={ADDRESS}", "--radio", f"tcp:{place}", "--json")
    with sensors("hip-session", place) as (first, _):
        child = subprocess.Popen([*command, "-o", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(lambda: logged(tmp_path) > 20_000, child)
        first.kill()
    size = logged(tmp_path)
    try:
        with sensors("hip-session", place):
            wait_for(lambda: logged(tmp_path) > size + 20_000, child)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 0, said
    (folder,) = tmp_path.glob("live-*")
    links = [link["event"] for link in read_log(folder / "p017-hip.live.arrows").links]
    assert links.count("connected") == 2
    assert "lost" in links


def logged(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("live-*/*.live.arrows"))


def wait_for(met, child: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while not met():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["scan", "--radio", "tcp:127.0.0.1:1"], 1, "no virtual sensor at 127.0.0.1:1: start one with"),
        (["scan", "--radio", "usb:0"], 2, "--radio 'usb:0': expected tcp:HOST:PORT"),
        (["simulate", "hip-session", "--listen", "127.0.0.1:0"], 2, "--listen belongs to --sensor"),
        (["simulate", "hip-session", "--sensor", "--listen", "here"], 2, "--listen 'here': expected HOST:PORT"),
        (["simulate", "none", "--sensor", "--listen", "127.0.0.1:0"], 2, "unknown scenario 'none'"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, code, words):
    assert _code(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_a_place_that_is_taken_is_one_sentence(room, capsys):
    place = room[0].removeprefix("tcp:")
    assert _code(["simulate", "hip-session", "--sensor", "--listen", place]) == 2
    assert f"--listen {place}: cannot be listened at" in capsys.readouterr().err
