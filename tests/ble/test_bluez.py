"""bleak's own BlueZ backend, unmodified, over a private D-Bus: the source streams, and comes back without doubling."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bumble", reason="bumble (the virtual radio) is not installed")
pytest.importorskip("dbus_fast", reason="bleak's BlueZ backend needs Linux")
if shutil.which("dbus-daemon") is None:
    pytest.skip("dbus-daemon is not installed", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).parent))

from fake_bluez import FakeBlueZ, PrivateBus
from virtual_radio import DATA, Rig, VirtualSensor

from loadsense import devices
from loadsense.cli import _code
from loadsense.readers.live_log import Row, read_log
from loadsense.sources.ble import BleSensor, Radio, scan
from loadsense.sources.link import Connected, Lost, Payload
from loadsense.wire.loadsense_packet import HEADER

NOISE = np.random.default_rng(1).normal(0.0, 1.0, (4000, 3))
PROFILE = devices.profile("loadsense-nrf52")


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    with PrivateBus() as made:
        yield made


def played(bus: PrivateBus, story: Any, **faults: Any) -> None:
    async def whole() -> None:
        rig = await Rig().open()
        virtual = await VirtualSensor(rig, "LS-01", NOISE, **faults).start()
        bluez = await FakeBlueZ(rig).start(bus.address)
        sensor = BleSensor(
            virtual.address,
            now=asyncio.get_running_loop().time,
            profile=PROFILE,
            asked=(virtual.rate_hz, None),
            radio=Radio(scan_s=3.0, connect_s=5.0),
        )
        try:
            await asyncio.wait_for(story(rig, virtual, sensor, bluez), 40)
        finally:
            await bluez.stop()
            virtual.stop()

    asyncio.run(whole())


def heard(sensor: BleSensor) -> list[Any]:
    events = []
    while not sensor.events.empty():
        events.append(sensor.events.get_nowait())
    return events


def numbers(events: list[Any]) -> list[int]:
    return [HEADER.unpack_from(e.data)[0] for e in events if isinstance(e, Payload)]


@pytest.mark.parametrize(("rate_hz", "per_packet"), [(100, 1), (200, 10), (400, 1)])
def test_every_packet_sent_is_received_in_order(bus, rate_hz, per_packet):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await asyncio.sleep(0.8)
        await sensor.stop()
        events = heard(sensor)
        assert isinstance(events[0], Connected)
        assert events[0].mtu == 247
        assert numbers(events) == virtual.sent
        assert len(virtual.sent) > 0.5 * rate_hz / virtual.n

    played(bus, story, rate_hz=rate_hz, most_samples=per_packet)


def test_a_scan_finds_the_sensor(bus):
    async def story(rig, virtual, sensor, bluez):
        found = await scan(0.5)
        assert [(one.name, one.profile.name, one.rssi_dbm) for one in found] == [("LS-01", "loadsense-nrf52", -50)]

    played(bus, story)


async def lost_and_back(rig, sensor):
    await sensor.start()
    await asyncio.sleep(0.4)
    rig.link.lose()
    for _ in range(800):
        if sensor._link == 2 and sensor._early is None:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    await sensor.stop()
    return heard(sensor)


def test_a_lost_link_comes_back_without_doubling(bus):
    async def story(rig, virtual, sensor, bluez):
        events = await lost_and_back(rig, sensor)
        assert sum(isinstance(e, Lost) for e in events) == 1
        got = numbers(events)
        assert len(got) == len(set(got)) > 10
        assert max(len(who) for path, who in bluez.subscribers.items()) <= 1
        second = [e for e in events if isinstance(e, Payload) and e.link == 2]
        assert len(second) > 5

    played(bus, story)


def test_without_taking_leave_of_the_old_client_everything_would_come_twice(bus, monkeypatch):
    """The fault that the source avoids is really there: were it not, the test above would say nothing."""

    async def stay(self: BleSensor) -> None:
        self._kept = [*getattr(self, "_kept", []), self._client]
        self._client = None

    async def story(rig, virtual, sensor, bluez):
        leave = BleSensor._leave
        monkeypatch.setattr(BleSensor, "_leave", stay)
        events = await lost_and_back(rig, sensor)
        monkeypatch.setattr(BleSensor, "_leave", leave)
        for client in sensor._kept:
            if client is not None:
                await client.disconnect()
        second = numbers([e for e in events if isinstance(e, Payload) and e.link == 2])
        assert len(second) > 1.5 * len(set(second))

    played(bus, story)


def test_the_data_characteristic_is_there_by_its_uuid(bus):
    assert DATA in PROFILE.notify


# -- the command line, end to end ------------------------------------------


class Room:
    """A radio room in a thread of its own, so that a command can run in this one."""

    def __init__(self, bus: PrivateBus, **faults: Any) -> None:
        self._bus, self._faults = bus, faults
        self._ready, self._done = threading.Event(), None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    def __enter__(self) -> Room:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(20)

    async def _live(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        rig = await Rig().open()
        self.virtual = await VirtualSensor(rig, "LS-01", NOISE * 0.02 + [0.0, 0.0, 1.0], **self._faults).start()
        bluez = await FakeBlueZ(rig).start(self._bus.address)
        self._ready.set()
        await self._done.wait()
        await bluez.stop()
        self.virtual.stop()


def test_loadsense_scan_lists_the_sensor_with_its_battery(bus, capsys):
    with Room(bus, battery=42):
        assert _code(["scan", "--seconds", "1"]) == 0
        head, line = capsys.readouterr().out.splitlines()
        assert head.split() == ["NAME", "ADDRESS", "SIGNAL", "BATTERY", "PROFILE", "OFFERS"]
        assert line.split()[:6] == ["LS-01", "F0:F1:F2:F3:F4:01", "-50", "dBm", "42", "%"]
        assert _code(["scan", "--seconds", "1", "--no-battery", "--json"]) == 0
        (one,) = json.loads(capsys.readouterr().out)
        assert (one["profile"], one["battery_percent"], one["ranges_g"]) == ("loadsense-nrf52", None, [2, 4, 8, 16])


def test_loadsense_stream_records_a_real_gatt_exchange(bus, capsys, tmp_path):
    with Room(bus) as room:
        words = ["--sensor", "p017:hip=F0:F1:F2:F3:F4:01", "--seconds", "4", "-o", str(tmp_path), "--yes"]
        assert _code(["stream", *words]) == 0, capsys.readouterr()
        out = capsys.readouterr().out
        assert "VERDICT CANNOT SAY" in out
        (folder,) = tmp_path.glob("live-*")
        contents = read_log(folder / "p017-hip.live.arrows")
        assert contents.finished
        assert contents.header.device == "LS-01"
        got = [HEADER.unpack_from(row.body)[0] for row in contents.rows if row.kind is Row.PACKET]
        assert got == room.virtual.sent
        assert len(got) > 30


def test_loadsense_stream_says_that_a_sensor_is_not_there(bus, capsys, tmp_path, monkeypatch):
    from loadsense import live_cli

    monkeypatch.setattr(live_cli, "_RADIO", [Radio(scan_s=0.5)])
    with Room(bus):
        words = ["--sensor", "p017:hip=F0:F1:F2:F3:F4:77", "-o", str(tmp_path), "--yes"]
        assert _code(["stream", *words]) == 1
        assert "no sensor at F0:F1:F2:F3:F4:77 within 0.5 s: is it on" in capsys.readouterr().err
