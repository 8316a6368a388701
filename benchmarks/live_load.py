"""Many sensors at once over the virtual radio: what is lost, how much of a core, how much memory, how late.

    python benchmarks/live_load.py --sensors 8 --seconds 600

Real bleak clients, real ATT, decoders, engines and logs, all in one process with the virtual sensors themselves, whose
share of the time cannot be taken off. Sensors repeat a simulated session of landings at the hip.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ble"))

from virtual_radio import Rig, VirtualSensor

from loadsense import devices
from loadsense.live.sensor import LiveSensor, Wearing
from loadsense.live.session import Feed, LiveSession
from loadsense.session import judging
from loadsense.simulate import DropLanding, Jump, Sensor, Stand, Walk, simulate_session
from loadsense.sources.ble import BleSensor, Radio

SCRIPT = [Stand(duration_s=2.0), Walk(duration_s=10.0), *[Jump(), Stand(), DropLanding(), Stand()] * 4]


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


async def run(n_sensors: int, seconds: float, rate_hz: float, folder: Path) -> None:
    made = simulate_session(SCRIPT, sensor=Sensor(sampling_rate_hz=rate_hz, counts_per_g=2048.0), seed=4).accel_g
    rig, loop = await Rig().open(), asyncio.get_running_loop()
    began = loop.time()
    radio = Radio(client=rig.Client, scanner=rig.Scanner)
    feeds, virtuals = [], []
    for i in range(n_sensors):
        virtual = await VirtualSensor(rig, f"LS-{i}", made, rate_hz=rate_hz).start()
        source = BleSensor(
            virtual.address,
            now=lambda: loop.time() - began,
            profile=devices.profile("loadsense-nrf52"),
            asked=(rate_hz, None),
            radio=radio,
        )
        wearing = Wearing(person=f"p{i:03d}", sensor="hip", tz="UTC")
        feeds.append(Feed(LiveSensor(wearing, judging(), began=datetime.now(UTC), folder=folder), source))
        virtuals.append(virtual)
    heard = []
    session = LiveSession(feeds, now=lambda: loop.time() - began, told=heard.append)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(min(30.0, seconds / 4))
    memory, cpu, wall = [resident_mb()], time.process_time(), time.perf_counter()
    while time.perf_counter() - wall < seconds:
        await asyncio.sleep(min(10.0, seconds))
        memory.append(resident_mb())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    session.end()
    await running
    report(feeds, virtuals, heard, (cpu / wall, memory))


def report(feeds: list[Feed], virtuals: list[VirtualSensor], heard: list, used: tuple[float, list[float]]) -> None:
    counts = [feed.sensor._grid.counts for feed in feeds]
    sent, received = sum(len(v.sent) for v in virtuals), sum(c.n_packets for c in counts)
    stalls = [feed.sensor._clock.fit.longest_stall_s for feed in feeds]
    rates = [feed.sensor._clock.fit.measured_rate_hz or np.nan for feed in feeds]
    cpu, memory = used
    print(f"packets sent {sent}, received {received}, samples missing {sum(c.n_missing for c in counts)}")
    print(f"events {len(heard)}, CPU {100 * cpu:.0f} % of one core (virtual radio and sensors included)")
    print(f"memory {memory[0]:.0f} MB after the start, {max(memory):.0f} MB at most, {memory[-1]:.0f} MB at the end")
    print(f"longest stall {max(stalls):.2f} s; measured rates {min(rates):.3f} to {max(rates):.3f} Hz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate-hz", type=float, default=200.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given.sensors, given.seconds, given.rate_hz, Path(folder)))


if __name__ == "__main__":
    main()
