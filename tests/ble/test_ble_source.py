"""The real bleak client against a real GATT exchange over a virtual radio: streams, faults, and coming back."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bumble", reason="bumble (the virtual radio) is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from virtual_radio import Rig, ScriptedSensor, VirtualSensor

from loadsense import devices
from loadsense.errors import OptionError, WorldError
from loadsense.samples import Gap
from loadsense.sources.ble import BleSensor, Radio, read_battery, scan
from loadsense.sources.ble.radio import translated
from loadsense.sources.link import Battery, Connected, Lost, Payload, Trouble
from loadsense.wire.loadsense_packet import HEADER
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

NOISE = np.random.default_rng(1).normal(0.0, 1.0, (4000, 3))
PROFILE = devices.profile("loadsense-nrf52")


def played(story: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        rig = await Rig().open()
        await asyncio.wait_for(story(rig), 60)

    asyncio.run(whole())


def sensor_of(rig: Rig, virtual: VirtualSensor, **how: Any) -> BleSensor:
    radio = Radio(
        client=rig.Client, scanner=rig.Scanner, scan_s=how.pop("scan_s", 2.0), connect_s=how.pop("connect_s", 2.0)
    )
    how.setdefault("profile", PROFILE)
    return BleSensor(virtual.address, now=asyncio.get_running_loop().time, radio=radio, **how)


def heard(sensor: BleSensor) -> list[Any]:
    events = []
    while not sensor.events.empty():
        events.append(sensor.events.get_nowait())
    return events


def numbers(events: list[Any]) -> list[int]:
    return [HEADER.unpack_from(e.data)[0] for e in events if isinstance(e, Payload)]


async def until(condition: Callable[[], bool], most_s: float = 5.0) -> None:
    end = asyncio.get_running_loop().time() + most_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, "did not happen in time"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("rate_hz", "per_packet"), [(100, 1), (200, 10), (400, 1), (400, 20)])
def test_every_packet_sent_is_received_in_order(rate_hz, per_packet):
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE, rate_hz=rate_hz, most_samples=per_packet).start()
        sensor = sensor_of(rig, virtual, asked=(rate_hz, None))
        await sensor.start()
        await asyncio.sleep(1.0)
        await sensor.stop()
        events = heard(sensor)
        connected = events[0]
        assert isinstance(connected, Connected)
        assert (connected.settings.sampling_rate_hz, connected.settings.range_g) == (rate_hz, 16.0)
        assert (connected.mtu, connected.confirmed, connected.warnings) == (247, True, ())
        assert [e.percent for e in events if isinstance(e, Battery)] == [87]
        got = numbers(events)
        assert got == virtual.sent
        assert len(got) > 0.7 * rate_hz / virtual.n
        assert virtual.commands[-1] == b"\x00"  # told to stop
        values = [p.accel_g for e in events if isinstance(e, Payload)
                  for p in make_decoder("loadsense", connected.settings).decode(e.data)]  # fmt: skip
        payload = next(e.data for e in events if isinstance(e, Payload))
        first = round(HEADER.unpack_from(payload)[1] * rate_hz / 1e6)
        wanted = np.round(np.clip(NOISE, -16, 15.9) * 2048)[np.arange(first, first + len(values) * virtual.n) % 4000]
        assert (np.concatenate(values) * 2048 == wanted).all()

    played(story)


def test_a_scan_lists_what_is_in_reach_with_its_profile_and_battery():
    async def story(rig):
        one = await VirtualSensor(rig, "LS-01", NOISE, battery=42).start()
        await VirtualSensor(rig, "LS-01", NOISE).start()  # two of the same name
        radio = Radio(client=rig.Client, scanner=rig.Scanner)
        found = await scan(0.3, radio)
        assert [(f.name, f.profile.name) for f in found] == [("LS-01", "loadsense-nrf52")] * 2
        assert len({f.address for f in found}) == 2
        told = await read_battery(next(f for f in found if f.address == one.address), radio)
        assert told.battery_percent == 42

    played(story)


def test_two_sensors_with_the_same_name_are_told_apart_by_address():
    async def story(rig):
        a = await VirtualSensor(rig, "LS-01", NOISE).start()
        b = await VirtualSensor(rig, "LS-01", NOISE + 5.0).start()
        sensors = [sensor_of(rig, v) for v in (a, b)]
        for sensor in sensors:
            await sensor.start()
        await asyncio.sleep(0.3)
        for sensor, centre in zip(sensors, (0.0, 5.0), strict=True):
            await sensor.stop()
            events = heard(sensor)
            settings = events[0].settings
            values = [p.accel_g for e in events if isinstance(e, Payload)
                      for p in make_decoder("loadsense", settings).decode(e.data)]  # fmt: skip
            assert np.concatenate(values).mean() == pytest.approx(centre, abs=0.5)

    played(story)


def test_a_lost_link_comes_back_by_itself_and_nothing_comes_twice():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual)
        await sensor.start()
        await asyncio.sleep(0.4)
        rig.link.lose()
        await until(lambda: sensor._link == 2 and sensor._early is None)
        await asyncio.sleep(0.4)
        await sensor.stop()
        events = heard(sensor)
        assert [type(e).__name__ for e in events if not isinstance(e, Payload | Battery)] == [
            "Connected",
            "Lost",
            "Connected",
        ]
        got = numbers(events)
        assert len(set(got)) == len(got)
        grid, items, decoder = PacketGrid(200.0), [], None
        for e in events:
            if isinstance(e, Connected):
                decoder = make_decoder("loadsense", e.settings)
                grid.connected()
            elif isinstance(e, Payload):
                for packet in decoder.decode(e.data):
                    items += grid.push(packet, e.at_s)
        assert sum(isinstance(i, Gap) for i in items) <= 1
        assert grid.next_sample == (got[-1] - got[0] + 1) * 10

    played(story)


def test_a_sensor_out_of_reach_is_tried_again_with_a_sentence_each_time():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual, scan_s=0.2)
        await sensor.start()
        await asyncio.sleep(0.2)
        await virtual.silence()
        await asyncio.sleep(1.2)
        await virtual.back()
        await until(lambda: sensor._link >= 2 and sensor._early is None)
        await asyncio.sleep(0.2)
        await sensor.stop()
        events = heard(sensor)
        troubles = [e.sentence for e in events if isinstance(e, Trouble)]
        assert troubles
        assert "within 0.2 s: is it on, charged, in reach and free of other apps?" in troubles[0]
        assert isinstance(events[-1], Payload)

    played(story)


def test_a_fault_that_nobody_foresaw_is_told_and_not_silence():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual)
        await sensor.start()

        async def odd(*_a: Any, **_k: Any) -> None:
            raise KeyError("path")

        rig.Client.connect = odd
        rig.link.lose()
        await until(sensor._task.done)
        await sensor.stop()
        (trouble,) = (e.sentence for e in heard(sensor) if isinstance(e, Trouble))
        assert trouble == (
            f"connecting again to {virtual.address} broke off (KeyError('path')): "
            "end the session and go on with --resume"
        )

    played(story)


def test_a_sensor_that_is_not_there_is_one_sentence():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        await virtual.device.stop_advertising()
        with pytest.raises(WorldError, match=r"no sensor at F0.* within 0.2 s"):
            await sensor_of(rig, virtual, scan_s=0.2).start()

    played(story)


def test_a_connection_that_takes_too_long_is_one_sentence():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual, connect_s=0.3)

        async def gone(*_a: Any, **_k: Any) -> None:
            await asyncio.sleep(60)

        rig.central.connect = gone  # nobody answers
        with pytest.raises(WorldError, match=r"LS-01 at F0.* did not answer in time"):
            await sensor.start()

    played(story)


def test_the_smallest_mtu_gets_packets_that_fit():
    async def story(rig):
        rig.Client.mtu = 23
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual)
        await sensor.start()
        await asyncio.sleep(0.5)
        await sensor.stop()
        events = heard(sensor)
        assert events[0].mtu == 23
        assert {len(e.data) for e in events if isinstance(e, Payload)} == {19}
        assert numbers(events) == virtual.sent

    played(story)


def test_a_profile_that_needs_more_mtu_than_there_is_is_refused():
    async def story(rig):
        rig.Client.mtu = 23
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        from dataclasses import replace

        with pytest.raises(WorldError, match="need an MTU of 130, this link has 23"):
            await sensor_of(rig, virtual, profile=replace(PROFILE, min_mtu=130)).start()

    played(story)


def test_another_range_or_rate_than_asked_is_said():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE, range_g=2, says_rate_hz=208).start()
        sensor = sensor_of(rig, virtual)
        await sensor.start()
        await sensor.stop()
        connected = heard(sensor)[0]
        assert connected.settings.range_g == 2.0
        assert connected.warnings == (
            "asked for +-16 g, the sensor uses +-2 g: higher peaks are cut off",
            "asked for 200 Hz, the sensor uses 208 Hz",
        )

    played(story)


def test_what_comes_before_the_sensor_is_set_up_is_of_nobody_s_settings():
    async def story(rig):
        virtual = VirtualSensor(rig, "LS-01", NOISE, rate_hz=400, most_samples=1)
        virtual.n, virtual.used_range_g, virtual.streaming = 1, 2, True  # another program left it so
        await virtual.start()
        sensor = sensor_of(rig, virtual, asked=(400, None))
        await sensor.start()
        await asyncio.sleep(0.3)
        rig.link.lose()
        await until(lambda: sensor._link == 2 and sensor._early is None)
        await asyncio.sleep(0.2)
        await sensor.stop()
        events = heard(sensor)
        decoder = make_decoder("loadsense", events[0].settings)
        rows = np.concatenate([p.accel_g for e in events if isinstance(e, Payload) for p in decoder.decode(e.data)])
        assert rows.std() == pytest.approx(1.0, abs=0.1)  # counts of +-2 g taken for +-16 g would be eight times that
        got = numbers(events)
        assert len(virtual.sent) > len(got) == len(set(got))
        n_again = sum(e.link == 2 for e in events if isinstance(e, Payload))
        assert got[-n_again:] == virtual.sent[-n_again:]  # of the second connection nothing is forgotten

    played(story)


def test_a_sensor_of_another_make_is_refused_by_name():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        with pytest.raises(WorldError, match=r"it is no Polar H10; give --profile"):
            await sensor_of(rig, virtual, profile=devices.profile("polar-h10")).start()
        stranger = await VirtualSensor(rig, "Kettle", NOISE).start()
        with pytest.raises(OptionError, match="'Kettle' is no sensor that is known"):
            await sensor_of(rig, stranger, profile=None).start()

    played(story)


def test_a_sensor_that_connects_and_stays_silent_is_connected_again():
    async def story(rig):
        import loadsense.sources.ble.sensor as ble

        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        sensor = sensor_of(rig, virtual)
        normal, ble._SILENT_S = ble._SILENT_S, 0.5
        try:
            await sensor.start()
            await asyncio.sleep(0.2)
            virtual.streaming = False
            await until(lambda: sensor._link == 2, 6.0)
        finally:
            ble._SILENT_S = normal
        await sensor.stop()
        lost = [e for e in heard(sensor) if isinstance(e, Lost)]
        assert lost[0].reason.startswith("connected, but no packet")

    played(story)


# -- sensors of other makes, as their profiles say -----------------------


def polar(value: bytes) -> list[bytes]:
    """Answers of a Verity Sense: SDK mode, and a start with its factor."""
    if value[:2] == b"\x02\x02":
        return [b"\xf0\x02\x02\x00\x00\x05\x01\x00\x00\x80\x3f"]
    return [b"\xf0" + value[:2] + b"\x00\x00"]


def polar_frame(k: int) -> bytes:
    body = struct.pack("<6h", 0, 0, 1000, 100, 0, 1000)
    return struct.pack("<BQB", 2, 10**18 + round(2 * k / 208 * 1e9), 0x01) + body


def test_a_polar_in_sdk_mode_streams_once_its_start_is_confirmed():
    async def story(rig):
        profile = devices.profile("polar-verity-sense")
        virtual = await ScriptedSensor(rig, "Polar Se", profile, polar, polar_frame).start()
        sensor = sensor_of(rig, virtual, profile=profile)
        await sensor.start()
        await asyncio.sleep(0.3)
        await sensor.stop()
        events = heard(sensor)
        settings = events[0].settings
        assert (settings.sampling_rate_hz, settings.range_g, settings.factor) == (208.0, 16.0, 1.0)
        decoder = make_decoder("polar", settings)
        packets = [p for e in events if isinstance(e, Payload) for p in decoder.decode(e.data)]
        assert len(packets) > 5
        assert packets[0].accel_g.tolist() == pytest.approx(np.array([[0.0, 0.0, 1.0], [0.1, 0.0, 1.0]]))
        assert virtual.commands[:2] == [b"\x02\x09", bytes.fromhex("0202 0001d000 01011000 02011000 040103")]
        assert virtual.commands[-2:] == [b"\x03\x02", b"\x03\x09"]

    played(story)


def test_a_start_that_a_polar_refuses_is_one_sentence():
    async def story(rig):
        profile = devices.profile("polar-h10")

        def refuses(value: bytes) -> list[bytes]:
            return [b"\xf0" + value[:2] + b"\x08\x00"]

        virtual = await ScriptedSensor(rig, "Polar H1", profile, refuses, polar_frame).start()
        with pytest.raises(WorldError, match=r"Polar H10 at F0.* answered 'invalid sample rate'; switch it off"):
            await sensor_of(rig, virtual, profile=profile).start()

    played(story)


def test_a_polar_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr("loadsense.sources.ble.setting_up._ANSWER_S", 0.2)

    async def story(rig):
        profile = devices.profile("polar-h10")
        virtual = await ScriptedSensor(rig, "Polar H1", profile, lambda _: [], polar_frame).start()
        with pytest.raises(WorldError, match=r"did not answer the start within 0.2 s"):
            await sensor_of(rig, virtual, profile=profile).start()

    played(story)


def movesense_answers(status_of_start: int, configuration: bytes) -> Callable[[bytes], list[bytes]]:
    def answers(value: bytes) -> list[bytes]:
        if value[:2] == b"\x04\x61":
            return [b"\x01\x61" + configuration]
        return [b"\x01\x63" + status_of_start.to_bytes(2, "little")] if value[:1] == b"\x01" else []

    return answers


def movesense_frame(k: int) -> bytes:
    return b"\x02\x63" + struct.pack("<I3f", round(1000 * k / 208), 0.0, 0.0, 9.80665)


@pytest.mark.parametrize(
    ("configuration", "range_g", "confirmed", "warnings"),
    [
        (b"\xc8\x00\x10", 16.0, True, ("asked for +-8 g, the sensor uses +-16 g",)),
        (b"\xc8\x00\x04", 4.0, True, ("asked for +-8 g, the sensor uses +-4 g: higher peaks are cut off",)),
        (b"\x94\x01", 8.0, False, ()),  # 404: this firmware does not tell it
    ],
)
def test_a_movesense_says_its_range_or_streams_without(configuration, range_g, confirmed, warnings):
    async def story(rig):
        profile = devices.profile("movesense")
        answers = movesense_answers(200, configuration)
        virtual = await ScriptedSensor(rig, "Movesen", profile, answers, movesense_frame).start()
        sensor = sensor_of(rig, virtual, profile=profile)
        await sensor.start()
        await asyncio.sleep(0.2)
        await sensor.stop()
        connected, *events = heard(sensor)
        assert (connected.settings.range_g, connected.confirmed, connected.warnings) == (range_g, confirmed, warnings)
        decoder = make_decoder("movesense", connected.settings)
        packets = [p for e in events if isinstance(e, Payload) for p in decoder.decode(e.data)]
        assert packets[0].accel_g == pytest.approx(np.array([[0.0, 0.0, 1.0]]))
        assert virtual.commands[-1] == b"\x02\x63"

    played(story)


def test_a_movesense_without_a_free_slot_is_one_sentence():
    async def story(rig):
        profile = devices.profile("movesense")
        answers = movesense_answers(429, b"\xc8\x00\x08")
        virtual = await ScriptedSensor(rig, "Movesen", profile, answers, movesense_frame).start()
        with pytest.raises(WorldError, match=r"Movesense .* answered 429: it has no free request slot; switch it off"):
            await sensor_of(rig, virtual, profile=profile).start()

    played(story)


def test_a_metamotion_is_asked_which_chip_it_has_and_set_up_for_that():
    settings = {"code": b"\xa9\x03"}

    def bmi270(value: bytes) -> list[bytes]:
        if value == b"\x03\x80":
            return [b"\x03\x80\x04\x00"]
        if value[:2] == b"\x03\x03":
            settings["code"] = value[2:]
        return [b"\x03\x83" + settings["code"]] if value == b"\x03\x83" else []

    async def story(rig):
        profile = devices.profile("metamotion-r")
        frame = bytes.fromhex("0305") + struct.pack("<9h", *[0, 0, 2048] * 3)
        virtual = await ScriptedSensor(rig, "MetaWear", profile, bmi270, lambda _: frame).start()
        sensor = sensor_of(rig, virtual, profile=profile)
        await sensor.start()
        await asyncio.sleep(0.2)
        await sensor.stop()
        connected, *events = heard(sensor)
        assert (connected.profile, connected.loss_observable, connected.confirmed) == ("metamotion-s", False, True)
        assert connected.settings.sampling_rate_hz == 200.0
        assert b"\x03\x05\x01" in virtual.commands
        decoder = make_decoder("metamotion", connected.settings)
        packets = [p for e in events if isinstance(e, Payload) for p in decoder.decode(e.data)]
        assert packets[0].accel_g.tolist() == [[0.0, 0.0, 1.0]] * 3

    played(story)


def test_long_commands_are_written_in_pieces_that_fit():
    async def story(rig):
        rig.Client.mtu = 23
        profile = devices.profile("espruino-bangle")
        virtual = await ScriptedSensor(rig, "Bangle.j", profile, lambda _: [], lambda k: b"A,0,0,1000\n").start()
        sensor = sensor_of(rig, virtual, profile=profile)
        await sensor.start()
        await until(lambda: b"".join(virtual.commands).endswith(b'.join(",")))}\n'))
        assert max(map(len, virtual.commands)) == 20
        await sensor.stop()

    played(story)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF), "Bluetooth is off"),
        (TimeoutError(), "LS-01 did not answer in time: move closer"),
        (BleakDeviceNotFoundError("AA"), "LS-01 is not in reach any more"),
        (BleakCharacteristicNotFoundError("2a19"), "LS-01 lacks a characteristic"),
        (BleakGATTProtocolError(5), "LS-01 refused a command .*pair it"),
        (FileNotFoundError(2, "No such file"), "Bluetooth of this system cannot be reached"),
        (BleakError("odd"), r"LS-01: Bluetooth failed \(odd\); try again"),
    ],
)
def test_every_fault_of_the_radio_is_a_sentence(fault, words):
    with pytest.raises(WorldError, match=words):
        raise translated(fault, "LS-01")


def test_a_battery_that_cannot_be_read_is_unknown():
    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE).start()
        radio = Radio(client=rig.Client, scanner=rig.Scanner, scan_s=0.2)
        (found,) = await scan(0.3, radio)
        await virtual.device.stop_advertising()
        assert (await read_battery(found, radio)).battery_percent is None

    played(story)


def test_the_battery_is_read_again_and_again(monkeypatch):
    monkeypatch.setattr("loadsense.sources.ble.sensor._BATTERY_EVERY_S", 0.5)

    async def story(rig):
        virtual = await VirtualSensor(rig, "LS-01", NOISE, battery=50).start()
        sensor = sensor_of(rig, virtual)
        await sensor.start()
        virtual.battery = 9
        await until(lambda: any(isinstance(e, Battery) and e.percent == 9 for e in list(sensor.events._queue)))
        await sensor.stop()

    played(story)
