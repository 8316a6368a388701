"""`kill -9` of the whole live session at random moments: the real command, its real radio code, a virtual sensor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bumble", reason="bumble (the virtual link) is not installed")

from test_live_virtual import ADDRESS, free_place, landings_of, loadsense, sensors

from loadsense.live.beginning import motion_of
from loadsense.live.finish import read_plan
from loadsense.readers.live_log import LogContents, Row, read_log
from loadsense.samples import Gap
from loadsense.wire.loadsense_packet import HEADER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX systems")

RATE_HZ = 200.0
#: What a crash may cost, in seconds; what the machine itself held us up by is added.
MOST_LOST_S = 1.0


class Machine:
    """Notices how late this process is woken: on a busy machine a session is late as well, through no fault of its."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Machine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before_s = time.monotonic()
        while not self._over.wait(0.01):
            now_s = time.monotonic()
            self.worst_s, before_s = max(self.worst_s, now_s - before_s - 0.01), now_s


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(loadsense(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def wait_for(met, child: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not met():
        assert child.poll() is None, child.stderr.read() if child.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.02)


def session_s(folder: Path) -> float:
    """Seconds of the session now, by the clock on the wall, as the session itself counts."""
    return (datetime.now().astimezone() - read_plan(folder).began).total_seconds()


def check_log(contents: LogContents, truth_g: np.ndarray) -> None:
    """Every recorded sample is what the sensor sent at that moment, once, but for those that were filled in."""
    first_us = next(HEADER.unpack_from(row.body)[1] for row in contents.rows if row.kind is Row.PACKET)
    offset, expected, differ = round(first_us * RATE_HZ / 1e6), 0, 0
    for item in contents.items():
        assert item.first_sample == expected
        if isinstance(item, Gap):
            expected += item.n_missing
            continue
        at = (offset + item.first_sample + np.arange(len(item))) % len(truth_g)
        differ += int((np.abs(item.accel_g - truth_g[at]) > 1e-9).any(axis=1).sum())
        expected += len(item)
    assert differ <= contents.quality.n_interpolated
    numbers = [HEADER.unpack_from(row.body)[0] for row in contents.rows if row.kind is Row.PACKET]
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)


def grown(log: Path, least: int) -> bool:
    return log.exists() and log.stat().st_size > least


def killed_again_and_again(folder: Path, moments: list[tuple[bool, float]]) -> tuple[float, float]:
    """Kill a session at each moment and resume it; returns seconds lost at most, and what the machine held us up.

    A moment counts from the first packet that a run has written, or, where its first part is False, from its start:
    while it reads the log, copies it, looks for the sensor.
    """
    scale = 32768.0 / 16
    truth_g = np.clip(np.round(motion_of("hip-session")(RATE_HZ) * scale), -32768, 32767) / scale
    words, place = ["stream", "--json", "-o", str(folder)], free_place()
    words += ["--sensor", f"p017:hip={ADDRESS}", "--radio", f"tcp:{place}"]
    most_lost_s, known = 0.0, set[str]()
    with Machine() as machine, sensors("hip-session", place):
        with running(*words) as child:
            wait_for(lambda: any(grown(p, 20_000) for p in folder.glob("live-*/*.live.arrows")), child)
            os.kill(child.pid, signal.SIGKILL)
        (own,) = folder.glob("live-*")
        log = own / "p017-hip.live.arrows"
        for is_streaming, wait_s in moments:
            size = log.stat().st_size
            with running("stream", "--json", "--resume", str(own)) as child:
                if is_streaming:
                    wait_for(lambda before=size: grown(log, before + 5_000), child)
                time.sleep(wait_s)
                killed_s = session_s(own)
                os.kill(child.pid, signal.SIGKILL)
                told = [json.loads(line) for line in child.stdout.read().splitlines() if line.endswith("}")]
            contents = read_log(log)
            check_log(contents, truth_g)
            if is_streaming:
                last_s = max(row.at_s for row in contents.rows if row.kind is Row.PACKET)
                most_lost_s = max(most_lost_s, killed_s - last_s)
                earlier = {e["event_id"] for e in told if e["kind"] == "landing" and e["earlier"] and is_settled(e)}
                assert known <= earlier  # what a run was told on resuming is never forgotten
                known |= earlier
        with running("stream", "--json", "--yes", "--resume", str(own)) as child:
            size = log.stat().st_size
            wait_for(lambda: grown(log, size + 40_000), child)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
    check_end(own, [json.loads(line) for line in out.splitlines()], n_kills=len(moments) + 1, truth_g=truth_g)
    return most_lost_s, machine.worst_s


def is_settled(event: dict[str, object]) -> bool:
    return event["status"] == "settled"


def check_end(own: Path, told: list[dict], *, n_kills: int, truth_g: np.ndarray) -> None:
    """What the last run told, from the beginning of the session, is what the file holds: once each."""
    log = own / "p017-hip.live.arrows"
    settled = [e["event_id"] for e in told if e["kind"] == "landing" and is_settled(e)]
    assert len(set(settled)) == len(settled)
    assert set(settled) == landings_of(log) == landings_of(own / "p017-hip.loadsense.parquet")
    contents = read_log(log)
    assert contents.finished
    check_log(contents, truth_g)
    events = [link["event"] for link in contents.links]
    assert 1 <= events.count("resumed") <= n_kills  # a run that was killed before it wrote has left nothing
    gaps = [item for item in contents.items() if isinstance(item, Gap)]
    assert 1 <= len(gaps) <= n_kills  # each hole is the time between a kill and the next run, and is told
    summary = json.loads((own / "p017" / "summary.json").read_text("utf-8"))
    assert summary["quality"]["n_missing"] == sum(gap.n_missing for gap in gaps)


def moments_of(n: int, seed: int) -> list[tuple[bool, float]]:
    """Two of three while it streams, one while it starts."""
    rng = np.random.default_rng(seed)
    return [(k % 3 != 1, float(rng.uniform(0.0, 2.0))) for k in range(n)]


def check(folder: Path, n: int, seed: int) -> None:
    lost_s, late_s = killed_again_and_again(folder, moments_of(n, seed))
    print(f"{n} kills: at most {lost_s:.2f} s lost, this machine woke us up to {late_s:.2f} s late")
    assert lost_s <= MOST_LOST_S + late_s


def test_killed_at_random_moments_a_session_loses_a_second_and_invents_nothing(tmp_path):
    check(tmp_path, 2, seed=7)


@pytest.mark.soak
def test_a_session_killed_at_fifty_random_moments(tmp_path):
    check(tmp_path, 50, seed=8)
