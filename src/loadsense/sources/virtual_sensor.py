"""Sensors that exist nowhere: they advertise themselves on a virtual link and speak LoadSense's own packet format.

The link is served on a socket; each program that connects gets a Bluetooth controller of its own on it, so that
`loadsense scan` and `loadsense stream` find, connect to, configure and read a virtual sensor by their own real code.
The sensor behaves as the reference firmware: settings that it uses already change nothing, it goes on counting while
nobody is connected, and says what it really uses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from bumble import hci
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.link import LocalLink
from bumble.transport.common import StreamPacketSink, StreamPacketSource

from loadsense import devices
from loadsense.errors import OptionError
from loadsense.samples import FloatArray
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

#: Rates that a virtual sensor really has; asked for another, it takes the nearest and says so, as boards do.
RATES_HZ: Final = (100.0, 200.0, 400.0)
_RANGES_G: Final = (2, 4, 8, 16)
_MOST_SAMPLES: Final = 39  # a packet within the MTU of 247
_ADVERTISED_EVERY_MS: Final = 100
_BATTERY_PERCENT: Final = 87

#: Samples at a rate, shape (n, 3), RAW g.
Motion = Callable[[float], FloatArray]


class VirtualSensor:
    """One sensor on a link, playing a motion over and over in real time.

    Parameters
    ----------
    link : LocalLink
    name : str
        At most eight letters beside the service in one advertisement; begins with `LS-`.
    number : int
        Makes its address.
    motion : callable
        Samples at the rate that the sensor is set to.
    """

    def __init__(self, link: LocalLink, name: str, *, number: int, motion: Motion) -> None:
        self.name = name
        self.address = f"F0:10:AD:5E:45:{number:02X}"
        self._motion = motion
        self._rate_hz, self._range_g, self._n = 200.0, 16, 10
        self._samples_g = motion(self._rate_hz)
        self._sequence = self._sample = 0
        self._streaming = False
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None
        controller = Controller(name, link=link)
        self._device = Device.from_config_with_hci(
            DeviceConfiguration(
                name=name,
                address=Address(self.address),
                advertising_interval_min=_ADVERTISED_EVERY_MS,
                advertising_interval_max=_ADVERTISED_EVERY_MS,
            ),
            controller,
            controller,
        )
        self._data = self._offered(devices.profile("loadsense-nrf52"))

    def _offered(self, profile: devices.DeviceProfile) -> Characteristic[bytes]:
        """Services of the packet format and of the battery; returns the characteristic of the data."""
        kinds = Characteristic.Properties
        data = Characteristic(profile.notify[0], kinds.NOTIFY, Characteristic.Permissions(0), b"")
        control: Characteristic[bytes] = Characteristic(
            profile.command or "", kinds.WRITE, Characteristic.WRITEABLE, CharacteristicValue(write=self._told)
        )
        info: Characteristic[bytes] = Characteristic(
            profile.read or "", kinds.READ, Characteristic.READABLE, CharacteristicValue(read=self._info)
        )
        battery: Characteristic[bytes] = Characteristic(
            "2A19", kinds.READ, Characteristic.READABLE, bytes([_BATTERY_PERCENT])
        )
        self._device.add_service(Service(profile.service, [data, control, info]))
        self._device.add_service(Service("180F", [battery]))
        self._device.on("connection", self._connected)
        facts = [
            (AdvertisingData.FLAGS, bytes([6])),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode()),
            (
                AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                bytes.fromhex(profile.service.replace("-", ""))[::-1],
            ),
        ]
        self._device.advertising_data = bytes(AdvertisingData(facts))
        return data

    async def start(self) -> None:
        """Switch on: advertise and measure."""
        await self._device.power_on()
        await self._device.start_advertising(auto_restart=True)
        self._task = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        """Switch off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _connected(self, connection: Any) -> None:
        self._connection = connection
        connection.on("disconnection", self._left)

    def _left(self, _reason: Any) -> None:
        self._connection, self._streaming = None, False

    async def _told(self, _connection: Any, value: bytes) -> None:
        """A command: stop, start, configure."""
        if value[:1] == b"\x02" and len(value) == 5:
            await self._configure(int.from_bytes(value[1:3], "little"), value[3], value[4])
        elif value[:1] in (b"\x00", b"\x01"):
            self._streaming = value[:1] == b"\x01"

    async def _configure(self, rate_hz: int, range_g: int, n: int) -> None:
        rate = min(RATES_HZ, key=lambda one: abs(one - rate_hz))
        wanted = (rate, min(_RANGES_G, key=lambda one: abs(one - range_g)), max(1, min(n, _MOST_SAMPLES)))
        if wanted == (self._rate_hz, self._range_g, self._n):
            return  # a host that comes back must not restart the count
        samples_g = await asyncio.to_thread(self._motion, rate)
        self._rate_hz, self._range_g, self._n = wanted
        self._samples_g, self._sequence, self._sample = samples_g, 0, 0

    def _info(self, _connection: Any) -> bytes:
        settings = StreamSettings(sampling_rate_hz=self._rate_hz, range_g=float(self._range_g))
        return loadsense_packet.encode_info(settings, samples_per_packet=self._n, battery_percent=_BATTERY_PERCENT)

    def _packet(self) -> bytes:
        rows = self._samples_g[np.arange(self._sample, self._sample + self._n) % len(self._samples_g)]
        counts = np.clip(np.round(rows * 32768.0 / self._range_g), -32768, 32767)
        return loadsense_packet.encode(self._sequence, int(self._sample * 1e6 / self._rate_hz), counts)

    async def _measure(self) -> None:
        """A packet leaves when its last sample is there; whether anybody listens does not matter to the count."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += self._n / self._rate_hz
            await asyncio.sleep(due_s - loop.time())
            packet = self._packet()
            self._sequence += 1
            self._sample += self._n
            connection = self._connection
            if connection is not None and self._streaming:
                await self._device.notify_subscriber(connection, self._data, packet)


class _Host(StreamPacketSource):
    """A program that connected: a controller on the link, as long as the socket is open."""

    def __init__(self, link: LocalLink) -> None:
        super().__init__()
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what a stream server always gives
        self._transport = transport
        self._controller = Controller(
            "program", host_source=self, host_sink=StreamPacketSink(transport), link=self._link
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The program is gone, with or without a word: its sensors lose the link, as when a phone is switched off."""
        del exc
        own = {connection.self_address for connection in self._controller.le_connections.values()}
        self._link.remove_controller(self._controller)
        for other in list(self._link.controllers):
            for connection in list(other.le_connections.values()):
                if connection.peer_address in own:
                    other.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        self.on_transport_lost()


async def serve(
    place: str, motions: Sequence[Motion], *, ready: Callable[[str, Sequence[VirtualSensor]], None]
) -> None:
    """Virtual sensors on a link that is served at HOST:PORT, until cancelled.

    Parameters
    ----------
    place : str
        Port 0 takes one that is free.
    motions : sequence of Motion
        One for each sensor.
    ready : callable
        Told the place and the sensors once they can be found.

    Raises
    ------
    OptionError
        No HOST:PORT, or the port is taken.
    """
    logging.getLogger("bumble").setLevel(logging.ERROR)  # it warns of what a virtual controller leaves out
    host, _, port = place.rpartition(":")
    link = LocalLink()  # type: ignore[no-untyped-call]
    if not host or not port.isdigit():
        raise OptionError(f"--listen '{place}': expected HOST:PORT such as 127.0.0.1:9555")
    try:
        server = await asyncio.get_running_loop().create_server(lambda: _Host(link), host, int(port))
    except OSError as fault:
        raise OptionError(f"--listen {place}: cannot be listened at ({fault.strerror}); give another port") from None
    sensors = [
        VirtualSensor(link, f"LS-{number:02d}", number=number, motion=motion)
        for number, motion in enumerate(motions, 1)
    ]
    async with server:
        try:
            for sensor in sensors:
                await sensor.start()
            ready(f"{host}:{server.sockets[0].getsockname()[1]}", sensors)
            await server.serve_forever()
        finally:
            await asyncio.gather(*(sensor.stop() for sensor in sensors))
