"""bleak's own BlueZ backend, unmodified, over a private D-Bus: the source streams, and comes back without doubling."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
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
from loadsense.errors import WorldError
from loadsense.readers.live_log import Row, read_log
from loadsense.samples import Gap
from loadsense.sources.ble import BleSensor, Radio, scan
from loadsense.sources.link import Battery, Connected, Lost, Payload
from loadsense.wire.loadsense_packet import HEADER
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

NOISE = np.random.default_rng(1).normal(0.0, 1.0, (4000, 3))
PROFILE = devices.profile("loadsense-nrf52")


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    with PrivateBus() as made:
        yield made


def played(
    bus: PrivateBus, story: Any, *, by_socket: bool = False, mtu: int = 247, connect_s: float = 5.0, **faults: Any
) -> None:
    async def whole() -> None:
        rig = await Rig().open()
        rig.Client.mtu = mtu
        virtual = await VirtualSensor(rig, "LS-01", NOISE, **faults).start()
        bluez = await FakeBlueZ(rig).start(bus.address)
        sensor = BleSensor(
            virtual.address,
            now=asyncio.get_running_loop().time,
            profile=replace(PROFILE, notify_socket=by_socket),
            asked=(virtual.rate_hz, None),
            radio=Radio(scan_s=3.0, connect_s=connect_s),
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


both_ways = pytest.mark.parametrize("by_socket", [False, True], ids=["StartNotify", "AcquireNotify"])


@both_ways
@pytest.mark.parametrize(("rate_hz", "per_packet"), [(100, 1), (200, 10), (400, 1)])
def test_every_packet_sent_is_received_in_order(bus, rate_hz, per_packet, by_socket):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        assert len(bluez.sockets) == by_socket  # the way that was asked for is the way it came
        await asyncio.sleep(0.8)
        await sensor.stop()
        events = heard(sensor)
        assert isinstance(events[0], Connected)
        assert events[0].mtu == 247
        assert numbers(events) == virtual.sent
        assert len(virtual.sent) > 0.5 * rate_hz / virtual.n

    played(bus, story, rate_hz=rate_hz, most_samples=per_packet, by_socket=by_socket)


def test_a_scan_finds_the_sensor(bus):
    async def story(rig, virtual, sensor, bluez):
        found = await scan(0.5)
        assert [(one.name, one.profile.name, one.rssi_dbm) for one in found] == [("LS-01", "loadsense-nrf52", -50)]

    played(bus, story)


async def until(condition: Any, most_s: float = 8.0) -> None:
    end = asyncio.get_running_loop().time() + most_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, "did not happen in time"
        await asyncio.sleep(0.01)


async def lost_and_back(rig, sensor):
    await sensor.start()
    await asyncio.sleep(0.4)
    rig.link.lose()
    await until(lambda: sensor._link == 2 and sensor._early is None)
    await asyncio.sleep(0.5)
    await sensor.stop()
    return heard(sensor)


@both_ways
def test_a_lost_link_comes_back_without_doubling(bus, by_socket):
    async def story(rig, virtual, sensor, bluez):
        events = await lost_and_back(rig, sensor)
        assert sum(isinstance(e, Lost) for e in events) == 1
        got = numbers(events)
        assert len(got) == len(set(got)) > 10
        assert all(len(who) <= 1 for who in bluez.subscribers.values())
        second = [e for e in events if isinstance(e, Payload) and e.link == 2]
        assert len(second) > 5

    played(bus, story, by_socket=by_socket)


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


def test_a_sensor_still_held_by_a_program_that_died_is_taken_over(bus):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await asyncio.sleep(0.3)
        sensor._task.cancel()
        sensor._client._backend._bus.disconnect()  # killed: no farewell, and BlueZ keeps the link
        await until(lambda: not any(bluez.subscribers.values()))
        assert [one.name for one in await scan(0.3) if one.name == "LS-01"] == []  # connected, it advertises no more
        again = BleSensor(sensor.address, now=asyncio.get_running_loop().time, profile=PROFILE, radio=Radio(scan_s=0.5))
        await again.start()
        await asyncio.sleep(0.4)
        await again.stop()
        got = numbers(heard(again))
        assert len(got) > 5
        assert got == virtual.sent[-len(got) :]

    played(bus, story)


@both_ways
def test_the_smallest_mtu_gets_packets_that_fit(bus, by_socket):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await asyncio.sleep(0.4)
        await sensor.stop()
        events = heard(sensor)
        assert events[0].mtu == 23
        assert {len(e.data) for e in events if isinstance(e, Payload)} == {19}
        assert numbers(events) == virtual.sent

    played(bus, story, mtu=23, by_socket=by_socket)


@both_ways
def test_packets_that_come_twice_or_late_are_placed_once(bus, by_socket):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await asyncio.sleep(0.8)
        await sensor.stop()
        events = heard(sensor)
        assert numbers(events) == virtual.sent  # as they were sent, faults and all
        decoder, grid = make_decoder("loadsense", events[0].settings), PacketGrid(200.0)
        payloads = [e for e in events if isinstance(e, Payload)]
        for event in payloads:
            for packet in decoder.decode(event.data):
                grid.push(packet, event.at_s)
        assert grid.counts.n_packets + grid.counts.n_duplicates == len(payloads)
        assert grid.counts.n_duplicates >= 4
        assert grid.counts.n_missing == 10 * len({8, 11} & set(range(max(numbers(events)))))

    played(bus, story, by_socket=by_socket, twice=range(0, 400, 3), drop={8}, late={11})


def test_another_range_than_asked_is_read_back_and_said(bus):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await sensor.stop()
        connected = heard(sensor)[0]
        assert (connected.settings.range_g, connected.confirmed) == (2.0, True)
        assert connected.warnings == ("asked for +-16 g, the sensor uses +-2 g: higher peaks are cut off",)

    played(bus, story, range_g=2)


def test_a_sensor_that_started_anew_while_its_link_was_lost_is_a_new_start(bus):
    async def story(rig, virtual, sensor, bluez):
        await asyncio.sleep(0.5)  # it has counted for a while before anybody listens
        await sensor.start()
        await asyncio.sleep(0.4)
        virtual.reboot()
        rig.link.lose()
        await until(lambda: sensor._link == 2 and sensor._early is None)
        await asyncio.sleep(0.4)
        await sensor.stop()
        decoder, grid, items = None, PacketGrid(200.0), []
        for event in heard(sensor):
            if isinstance(event, Connected):
                decoder = make_decoder("loadsense", event.settings)
                grid.connected()
            elif isinstance(event, Payload):
                for packet in decoder.decode(event.data):
                    items += grid.push(packet, event.at_s)
        (gap,) = (item for item in items if isinstance(item, Gap))
        assert gap.reason == "sensor started anew"
        assert grid.counts.n_restarts == 1
        assert grid.counts.n_duplicates == 0

    played(bus, story)


def test_a_sensor_whose_battery_is_flat_is_looked_for_and_told(bus):
    async def story(rig, virtual, sensor, bluez):
        await sensor.start()
        await asyncio.sleep(0.4)
        await virtual.silence()
        rig.link.lose()
        await until(lambda: any(isinstance(e, Lost) for e in sensor.events._queue))
        n = len(numbers(list(sensor.events._queue)))
        await asyncio.sleep(0.5)
        await sensor.stop()
        events = heard(sensor)
        assert [e.percent for e in events if isinstance(e, Battery)] == [4]
        assert len(numbers(events)) == n > 3
        assert 0 <= len(virtual.sent) - n <= 1  # one may have been on the air

    played(bus, story, battery=4)


def test_two_sensors_with_the_same_name_are_told_apart_by_address(bus):
    async def story(rig, virtual, sensor, bluez):
        other = await VirtualSensor(rig, "LS-01", NOISE + 5.0).start()
        radio = sensor._radio
        second = BleSensor(other.address, now=asyncio.get_running_loop().time, profile=PROFILE, radio=radio)
        await sensor.start()
        await second.start()
        await asyncio.sleep(0.4)
        for one, centre in ((sensor, 0.0), (second, 5.0)):
            await one.stop()
            events = heard(one)
            decoder = make_decoder("loadsense", events[0].settings)
            rows = [p.accel_g for e in events if isinstance(e, Payload) for p in decoder.decode(e.data)]
            assert np.concatenate(rows).mean() == pytest.approx(centre, abs=0.5)
        other.stop()

    played(bus, story)


def test_a_sensor_that_leaves_before_the_connection_stands_is_one_sentence_and_tried_again(bus):
    async def story(rig, virtual, sensor, bluez):
        bluez.before_connecting = virtual.device.stop_advertising  # found, and gone
        with pytest.raises(WorldError, match=r"LS-01 at F0:.* did not answer in time: move closer"):
            await sensor.start()
        bluez.before_connecting = None
        await asyncio.gather(*bluez.tasks)
        await virtual.back()
        await sensor.start()
        await asyncio.sleep(0.3)
        await sensor.stop()
        assert numbers(heard(sensor)) == virtual.sent

    played(bus, story, connect_s=0.5)


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
