"""Sensors over Bluetooth Low Energy: find, connect, set up, stream, and come back after a lost link.

The only place that knows bleak. What it learnt the hard way:

- bleak never reconnects by itself, and on Linux a client that lost its link must be disconnected before a new one
  connects, or every notification comes twice (bleak issue 2002). So each connection has its own client, and the old
  one is always taken leave of first.
- The callback of a notification does one thing: put the time and the bytes in a queue.
- `mtu_size` is 23 on BlueZ until somebody asks; the size of a write without response, plus three, is the truth.
- Sensors are told apart by address and never by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bleak import BleakClient, BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakCharacteristicNotFoundError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from loadsense import devices
from loadsense.devices import Choice, Command, DeviceProfile, command_bytes
from loadsense.errors import OptionError, WorldError
from loadsense.sources.link import Battery, Connected, LinkEvent, Lost, Payload, Trouble
from loadsense.wire.loadsense_packet import samples_that_fit
from loadsense.wire.packet import Reply, StreamSettings
from loadsense.wire.packets import reply_parser

BATTERY_LEVEL: Final = "00002a19-0000-1000-8000-00805f9b34fb"
_ATT_HEADER: Final = 3
#: First wait before a new attempt; it doubles up to the last.
_FIRST_WAIT_S: Final = 0.5
_LAST_WAIT_S: Final = 8.0
#: A connection without packets for so long is none.
_SILENT_S: Final = 5.0
_BATTERY_EVERY_S: Final = 60.0
#: How long an answer to a start may take.
_ANSWER_S: Final = 3.0
_FARE_WELL_S: Final = 5.0
#: Search for a sensor that was lost; others that share the radio wait meanwhile.
_SEARCH_AGAIN_S: Final = 3.0
_FAULTS: Final = (BleakError, TimeoutError, OSError, EOFError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """Where bleak gets its radio from: the system's, unless a test brings a virtual one.

    Attributes
    ----------
    client, scanner : type or None
        Backends of bleak.
    scan_s, connect_s : float
        Longest search and longest attempt to connect.
    busy : asyncio.Lock
        Adapters look for one sensor and connect to one at a time: sensors that share a radio take turns.
    """

    client: type[BaseBleakClient] | None = None
    scanner: type[BaseBleakScanner] | None = None
    scan_s: float = 10.0
    connect_s: float = 15.0
    busy: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sensor in reach.

    Attributes
    ----------
    address, name : str
    rssi_dbm : int or None
        Signal strength.
    profile : DeviceProfile or None
        None for something that is no sensor of ours.
    battery_percent : int or None
        Read by `read_battery`; an advertisement does not say it.
    """

    address: str
    name: str
    rssi_dbm: int | None
    profile: DeviceProfile | None
    battery_percent: int | None = None


async def scan(seconds: float, radio: Radio | None = None) -> list[Found]:
    """Everything that advertises itself, the nearest first.

    Raises
    ------
    WorldError
        Bluetooth is off or absent.
    """
    radio = radio or Radio()
    try:
        seen = await BleakScanner.discover(timeout=seconds, return_adv=True, **_backend(radio.scanner))
    except _FAULTS as fault:
        raise _translated(fault, "scan") from fault
    found = [_found(device, told) for device, told in seen.values()]
    return sorted(found, key=lambda one: (one.profile is None, -(one.rssi_dbm or -999)))


def _found(device: BLEDevice, told: AdvertisementData) -> Found:
    name = told.local_name or device.name or ""
    return Found(
        address=device.address,
        name=name,
        rssi_dbm=told.rssi,
        profile=devices.profile_of(name, told.service_uuids),
    )


async def read_battery(found: Found, radio: Radio | None = None) -> Found:
    """The sensor with its battery, where it can be reached and says it."""
    radio = radio or Radio()
    try:
        device = await _device(found.address, radio, radio.scan_s)
        async with BleakClient(device, timeout=radio.connect_s, **_backend(radio.client)) as client:
            return replace(found, battery_percent=await _battery(client))
    except (*_FAULTS, WorldError):
        return found


class BleSensor:
    """One sensor, kept connected.

    Parameters
    ----------
    address : str
        Where it is; on macOS the system's own identifier.
    profile : DeviceProfile or None
        From the advertisement when None.
    rate_hz, range_g : float or None
        To ask for; the profile's when None.
    now : callable
        Seconds since the session began, by a clock that never goes back.
    radio : Radio, optional
    """

    def __init__(
        self,
        address: str,
        *,
        now: Callable[[], float],
        profile: DeviceProfile | None = None,
        asked: tuple[float | None, float | None] = (None, None),
        radio: Radio | None = None,
    ) -> None:
        self.address = address
        self.events: asyncio.Queue[LinkEvent] = asyncio.Queue()
        self._now = now
        self._profile = profile
        self._asked = asked
        self._radio = radio or Radio()
        self._client: BleakClient | None = None
        self._link = 0
        self._gone = asyncio.Event()
        self._early: list[Payload] | None = None
        self._last_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect for the first time, and stay connected until `stop`.

        Raises
        ------
        WorldError
            The sensor cannot be found, connected to, or set up.
        OptionError
            It is none that is known, or does not offer what is asked.
        """
        connected = False
        try:
            await self._connect()
            connected = True
        finally:
            if not connected:  # also when cancelled: a half-open link would keep the sensor from the next one
                await self._leave()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Tell the sensor to stop, and take leave of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        client = self._client
        if client is not None and client.is_connected and self._profile is not None:
            with suppress(*_FAULTS, WorldError):  # it will notice that nobody listens
                await asyncio.wait_for(self._write_all(client, self._profile.stop, self._choice()), _FARE_WELL_S)
        await self._leave()

    # -- staying connected

    async def _keep(self) -> None:
        """Wait for the link to break, connect again, for ever."""
        while True:
            reason = await self._broken()
            self.events.put_nowait(Lost(self._now(), self._link, reason))
            wait_s = _FIRST_WAIT_S
            while not await self._again():
                await asyncio.sleep(wait_s)
                wait_s = min(2.0 * wait_s, _LAST_WAIT_S)

    async def _again(self) -> bool:
        """One attempt to come back."""
        await self._leave()
        try:
            await self._connect()
        except (WorldError, OptionError) as fault:
            self.events.put_nowait(Trouble(self._now(), str(fault)))
            return False
        return True

    async def _broken(self) -> str:
        """Wait until the link is lost or silent; read the battery meanwhile."""
        read_s = self._now()
        while not self._gone.is_set():
            try:
                await asyncio.wait_for(self._gone.wait(), 1.0)
            except TimeoutError:
                if self._now() - self._last_s > _SILENT_S:
                    return f"connected, but no packet for {_SILENT_S:g} s"
                if self._now() - read_s > _BATTERY_EVERY_S:
                    read_s = self._now()
                    await self._tell_battery()
        return "link lost"

    async def _leave(self) -> None:
        """Take leave of the client, whatever state it is in: an old one that lives doubles every notification."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(*_FAULTS):  # it may be gone already
            await asyncio.wait_for(client.disconnect(), _FARE_WELL_S)

    # -- one connection

    async def _connect(self) -> None:
        radio = self._radio
        self._gone = gone = asyncio.Event()
        async with radio.busy:
            device = await _device(
                self.address, radio, min(radio.scan_s, _SEARCH_AGAIN_S) if self._link else radio.scan_s
            )
            if self._profile is None:
                self._profile = _profile_of(device)
            what = f"{device.name or 'sensor'} at {self.address}"
            self._client = client = BleakClient(
                device, disconnected_callback=lambda _: gone.set(), timeout=radio.connect_s, **_backend(radio.client)
            )
            self._link += 1
            try:
                await asyncio.wait_for(client.connect(), radio.connect_s + 1.0)
            except _FAULTS as fault:
                raise _translated(fault, what) from fault
        try:
            connected = await self._set_up(client, device.name or self.address)
        except _FAULTS as fault:
            raise _translated(fault, what) from fault
        self._last_s = connected.at_s
        self.events.put_nowait(connected)
        early, self._early = self._early or [], None
        for payload in early:
            self.events.put_nowait(payload)
        await self._tell_battery()

    async def _set_up(self, client: BleakClient, name: str) -> Connected:
        """Subscribe, configure, ask what is really used, start."""
        self._early = []
        profile = self._known_profile()
        data = client.services.get_characteristic(profile.notify[-1])
        if data is None:
            raise WorldError(
                f"{name} has no characteristic {profile.notify[-1]}: it is no {profile.title}; give --profile"
            )
        mtu = data.max_write_without_response_size + _ATT_HEADER
        if mtu < profile.min_mtu:
            raise WorldError(
                f"{name}: packets of {profile.title} need an MTU of {profile.min_mtu}, this link has {mtu}; "
                "use another adapter or a newer system"
            )
        for characteristic in profile.notify:
            await client.start_notify(characteristic, self._listener())
        reply, choice = await self._configured(client, mtu)
        settings, confirmed, warnings = _used(self._known_profile(), choice, reply)
        return Connected(
            at_s=self._now(),
            link=self._link,
            settings=settings,
            device=name,
            profile=self._known_profile().name,
            decoder=self._known_profile().decoder,
            loss_observable=self._known_profile().loss_seen_by != "nothing",
            mtu=mtu,
            confirmed=confirmed,
            warnings=warnings,
        )

    def _listener(self) -> Callable[[Any, bytearray], None]:
        """The callback of this connection: the time and the bytes, in a queue, and nothing else."""
        link = self._link

        def heard(_: Any, data: bytearray) -> None:
            payload = Payload(self._now(), link, bytes(data))
            if self._early is not None:
                self._early.append(payload)
            elif link == self._link:
                self._last_s = payload.at_s
                self.events.put_nowait(payload)

        return heard

    async def _configured(self, client: BleakClient, mtu: int) -> tuple[Reply, Choice]:
        profile = self._known_profile()
        choice = self._choice()
        if profile.decoder == "loadsense":
            choice = replace(choice, samples_per_packet=samples_that_fit(mtu, at_most=choice.samples_per_packet))
        await self._write_all(client, profile.setup, choice)
        await self._write_all(client, profile.readback, choice)
        told = self._answers()
        other = _other_chip(profile, told)
        if other is not None:
            self._profile, self._early = other, []
            return await self._configured(client, mtu)
        if profile.read is not None:
            read = reply_parser(profile.decoder)(bytes(await client.read_gatt_char(profile.read)))
            told = _joined(told, read)
        await self._write_all(client, profile.start, choice)
        if profile.start_confirms:
            told = _joined(told, await self._start_answered(profile))
        if told.refused:
            raise WorldError(f"{profile.title} at {self.address} {told.refused}; switch it off and on and try again")
        return told, choice

    def _answers(self) -> Reply:
        """What the sensor has answered so far, in one."""
        parse = reply_parser(self._known_profile().decoder)
        told = Reply()
        for payload in self._early or ():
            told = _joined(told, parse(payload.data))
        return told

    async def _start_answered(self, profile: DeviceProfile) -> Reply:
        """Wait for the answer to the start: only then are settings known."""
        until_s = self._now() + _ANSWER_S
        parse = reply_parser(profile.decoder)
        seen = len(self._early or ())
        while self._now() < until_s:
            for payload in (self._early or [])[max(0, seen - 2) :]:
                reply = parse(payload.data)
                if reply is not None and payload.data[1:2] == b"\x02":
                    return reply
            await asyncio.sleep(0.01)
        raise WorldError(
            f"{profile.title} at {self.address} did not answer the start within {_ANSWER_S:g} s; try again"
        )

    async def _write_all(self, client: BleakClient, commands: tuple[Command, ...], choice: Choice) -> None:
        profile = self._known_profile()
        for command in commands:
            target = command.to or profile.command or ""
            characteristic = client.services.get_characteristic(target)
            if characteristic is None:
                raise WorldError(f"sensor at {self.address} has no characteristic {target}; give --profile")
            data = command_bytes(command, choice, profile.codes)
            size = max(20, characteristic.max_write_without_response_size)
            for first in range(0, len(data), size):
                await client.write_gatt_char(characteristic, data[first : first + size], response=command.response)
            if command.wait_s:
                await asyncio.sleep(command.wait_s)

    async def _tell_battery(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            percent = await _battery(client)
        except _FAULTS:
            return  # a link that broke tells so itself
        if percent is not None:
            self.events.put_nowait(Battery(self._now(), percent))

    def _known_profile(self) -> DeviceProfile:
        if self._profile is None:
            raise WorldError(f"sensor at {self.address} has no profile")
        return self._profile

    def _choice(self) -> Choice:
        return self._known_profile().chosen(*self._asked)


def _used(profile: DeviceProfile, choice: Choice, told: Reply) -> tuple[StreamSettings, bool, tuple[str, ...]]:
    """What the sensor uses, whether it said so itself, and what is not as asked."""
    rate_hz, range_g = told.sampling_rate_hz or choice.rate_hz, told.range_g or choice.range_g
    said = told.sampling_rate_hz is not None or told.range_g is not None or profile.start_confirms
    warnings = []
    if range_g != choice.range_g:
        warnings.append(f"asked for +-{choice.range_g:g} g, the sensor uses +-{range_g:g} g: higher peaks are cut off")
    if rate_hz != choice.rate_hz:
        warnings.append(f"asked for {choice.rate_hz:g} Hz, the sensor uses {rate_hz:g} Hz")
    settings = StreamSettings(sampling_rate_hz=rate_hz, range_g=range_g, factor=told.factor or 1.0)
    return settings, said, tuple(warnings)


def _joined(one: Reply, other: Reply | None) -> Reply:
    """Two answers in one; the later goes before the earlier."""
    if other is None:
        return one
    return Reply(
        sampling_rate_hz=other.sampling_rate_hz or one.sampling_rate_hz,
        range_g=other.range_g or one.range_g,
        factor=other.factor or one.factor,
        chip=one.chip if other.chip is None else other.chip,
        battery_percent=one.battery_percent if other.battery_percent is None else other.battery_percent,
        refused=one.refused or other.refused,
    )


def _other_chip(profile: DeviceProfile, told: Reply) -> DeviceProfile | None:
    """The profile for the chip that is really inside, where it is not the one of this profile."""
    if told.chip is None or profile.chip in (None, told.chip):
        return None
    same = (p for p in devices.profiles().values() if (p.decoder, p.chip) == (profile.decoder, told.chip))
    return next(same, None)


async def _device(address: str, radio: Radio, scan_s: float) -> BLEDevice:
    """The sensor with this address, once it advertises itself."""
    try:
        device = await BleakScanner.find_device_by_address(address, scan_s, **_backend(radio.scanner))
    except _FAULTS as fault:
        raise _translated(fault, f"sensor at {address}") from fault
    if device is None:
        raise WorldError(
            f"no sensor at {address} within {scan_s:g} s: is it on, charged, in reach and free of other apps?"
        )
    return device


def _profile_of(device: BLEDevice) -> DeviceProfile:
    profile = devices.profile_of(device.name)
    if profile is None:
        known = ", ".join(devices.profiles())
        raise OptionError(
            f"'{device.name or device.address}' is no sensor that is known; give --profile, one of {known}"
        )
    return profile


async def _battery(client: BleakClient) -> int | None:
    """Percent by the standard Battery Service; None where there is none."""
    characteristic = client.services.get_characteristic(BATTERY_LEVEL)
    if characteristic is None:
        return None
    value = await client.read_gatt_char(characteristic)
    return int(value[0]) if len(value) == 1 and value[0] <= 100 else None


def _backend(kind: type[Any] | None) -> dict[str, Any]:
    return {} if kind is None else {"backend": kind}


def _translated(fault: BaseException, what: str) -> WorldError:
    """Bleak's error in our words."""
    match fault:
        case BleakBluetoothNotAvailableError():
            return WorldError("Bluetooth is off or absent: switch it on, and check that this program may use it")
        case TimeoutError():
            return WorldError(f"{what} did not answer in time: move closer, or switch it off and on")
        case BleakDeviceNotFoundError():
            return WorldError(f"{what} is not in reach any more: is it on and charged?")
        case BleakCharacteristicNotFoundError():
            return WorldError(f"{what} lacks a characteristic of its profile: give another --profile")
        case BleakGATTProtocolError():
            return WorldError(
                f"{what} refused a command ({fault}): pair it with this computer, or switch it off and on"
            )
        case FileNotFoundError() | ConnectionError():
            return WorldError(f"Bluetooth of this system cannot be reached ({fault}): is its service running?")
        case _:
            return WorldError(f"{what}: Bluetooth failed ({str(fault) or type(fault).__name__}); try again")
