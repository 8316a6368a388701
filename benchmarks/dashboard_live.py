"""The live floor with many browsers: are there gaps, how late is an update, how much of a core does the server take.

    python benchmarks/dashboard_live.py --viewers 40 --seconds 20

One gateway streams eight people at 30 updates a second, each with 33 samples of waveform (as from 1000 Hz), and their
states four times a second; each browser has one of them open. Server, gateway and browsers talk over real sockets; the
server is a process of its own, as `loadsense serve` runs it, and its processor time is what the kernel counted. A delay
is counted from the gateway's send to the browser's receive, with the reading of JSON in between. Gateway and browsers
share one process here, so on a busy machine delays are theirs as much as the server's; how busy it was is said.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from loadsense.store import accounts, open_store, people

UPDATE_S = 1 / 30
N_PEOPLE, N_SAMPLES = 8, 33
TARGET_CPU, TARGET_P95_S = 0.40, 0.020
PASSWORD = "a long enough password"


@dataclass
class Seen:
    """What one browser got: delays, and times between updates."""

    delays_s: list[float] = field(default_factory=list)
    between_s: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    at_s: float = 0.0


def made_store(folder: Path) -> tuple[str, str]:
    """A store with an owner; her browser's session and a gateway's key."""
    store = open_store(folder / "loadsense.db", folder)
    owner = accounts.create_owner(store, "owner", PASSWORD)
    with store.writing(owner) as tx:
        for n in range(N_PEOPLE):
            people.create(tx, f"p{n:03d}", body_mass_kg=60.0)
        _, key = accounts.create_token(tx, owner, "gateway", ["live"])
    cookie = accounts.sign_in(store, "owner", PASSWORD, address="127.0.0.1", browser="")
    store.close()
    return cookie, key


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """`loadsense serve` in a process of its own, ready."""
    command = [sys.executable, "-m", "loadsense", "serve", "--store", str(folder / "loadsense.db"), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1.0)
                return server
        time.sleep(0.1)
    raise SystemExit("the server did not begin to listen within a minute")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, by the kernel."""
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def busy_s() -> float:
    """Processor time of the whole machine so far."""
    parts = [int(part) for part in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]]
    return (sum(parts) - parts[3] - parts[4]) / os.sysconf("SC_CLK_TCK")


def state(person: str, n: int) -> dict[str, Any]:
    return {
        "person": person, "locked": None, "complete": False, "landings_in_band": n, "landings": n, "target": 25,
        "block": {"name": "landings", "done": n, "asked": 25, "unit": "landings", "by_hand": False},
        "sets": 0, "sets_asked": 15, "repetitions": 0, "age_s": 0.05, "lost_s": 0.0, "loss_observable": True,
        "battery_percent": 87, "clipped": False, "ended": False, "notes": [],
        "last": {"peak_net_g": 4.6, "loading_rate_g_per_s": 128.0, "band": "inside", "evidence": "> 3.9 g",
                 "settled": True, "clipped": False},
    }  # fmt: skip


async def gateway(place: str, key: str, n_updates: int) -> None:
    """Eight people at 30 updates a second; `at_s` of a waveform is the moment of sending."""
    names = [f"p{n:03d}" for n in range(N_PEOPLE)]
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(f"{place}/api/v1/live/ingest", additional_headers=headers, compression=None) as channel:
        await channel.send(json.dumps({"hello": {"version": 1, "session": "a" * 32, "people": names}}))
        listening = asyncio.create_task(drained(channel))
        began_s = time.monotonic()
        for n in range(n_updates):
            await asyncio.sleep(max(0.0, began_s + n * UPDATE_S - time.monotonic()))
            told: dict[str, Any] = {} if n % 8 else {"states": [state(name, n // 240) for name in names]}
            mg = [n, *([1000] * (N_SAMPLES - 1))]
            now_s = time.monotonic() % 1e6
            told["waves"] = [
                {"person": name, "sensor": "hip", "rate_hz": 1000.0, "at_s": now_s, "mg": mg} for name in names
            ]
            await channel.send(json.dumps(told))
        await asyncio.sleep(1.0)
        listening.cancel()


async def drained(channel: ClientConnection) -> None:
    async for _ in channel:
        pass


async def browser(place: str, cookie: str, person: str, seen: Seen, ready: asyncio.Semaphore) -> None:
    """Takes everything and notes when."""
    headers, origin = {"Cookie": f"loadsense_session={cookie}"}, place.replace("ws://", "http://")
    async with connect(f"{place}/live/feed", additional_headers=headers, origin=origin) as channel:
        await channel.send(json.dumps({"watch": person}))
        ready.release()
        async for text in channel:
            now_s = time.monotonic()
            for wave in json.loads(text).get("waves", []):
                seen.numbers.append(wave["mg"][0])
                seen.delays_s.append(now_s % 1e6 - wave["at_s"])
                if seen.at_s:
                    seen.between_s.append(now_s - seen.at_s)
                seen.at_s = now_s


async def run(
    port: int, cookie: str, key: str, viewers: int, seconds: float, pid: int
) -> tuple[list[Seen], float, float]:
    place, seen, ready = f"ws://127.0.0.1:{port}", [Seen() for _ in range(viewers)], asyncio.Semaphore(0)
    looking = [
        asyncio.create_task(browser(place, cookie, f"p{n % N_PEOPLE:03d}", one, ready)) for n, one in enumerate(seen)
    ]
    for _ in seen:
        await ready.acquire()
    await asyncio.sleep(0.5)
    cpu, busy, began_s = cpu_s(pid), busy_s(), time.monotonic()
    own = time.process_time()
    await gateway(place, key, round(seconds / UPDATE_S))
    took_s = time.monotonic() - began_s
    share = (cpu_s(pid) - cpu) / took_s
    others = (busy_s() - busy - (cpu_s(pid) - cpu) - (time.process_time() - own)) / took_s
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    return seen, share, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadsense-live-") as name:
        cookie, key = made_store(Path(name))
        port = free_port()
        server = started(Path(name), port)
        try:
            seen, share, others = asyncio.run(run(port, cookie, key, asked.viewers, asked.seconds, server.pid))
        finally:
            server.terminate()
            server.wait(20)
    told(seen, share, others, round(asked.seconds / UPDATE_S))


def told(seen: list[Seen], share: float, others: float, n_updates: int) -> None:
    delays = sorted(delay for one in seen for delay in one.delays_s)
    if not delays:
        raise SystemExit("no browser got anything")
    lost = sum(n_updates - len(one.numbers) for one in seen)
    in_order = all(one.numbers == sorted(set(one.numbers)) for one in seen)
    p95 = delays[int(0.95 * len(delays))]
    print(f"{len(seen)} browsers, {n_updates} updates each: {lost} lost, {'in order' if in_order else 'OUT OF ORDER'}")
    print(f"longest time between two updates {1000 * max(max(one.between_s) for one in seen):.0f} ms")
    median = statistics.median(delays)
    print(f"delay: median {1000 * median:.1f} ms, p95 {1000 * p95:.1f} ms, worst {1000 * delays[-1]:.0f} ms")
    print(f"server {100 * share:.0f} % of a core; other programs took {others:.1f} cores of {os.cpu_count()} meanwhile")
    met = lost == 0 and in_order and share <= TARGET_CPU and p95 <= TARGET_P95_S
    print(f"targets (no update lost, <= {TARGET_CPU:.0%} of a core, p95 <= 20 ms): {'met' if met else 'NOT MET'}")


if __name__ == "__main__":
    main()
