"""A radio without an adapter: bleak's client and scanner over bumble's virtual controllers, with real ATT between them.

rig = await Rig().open()
sensor = await VirtualSensor(rig, "LS-01", samples).start()
Radio(client=rig.Client, scanner=rig.Scanner)
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bleak.uuids import normalize_uuid_str
from bumble import hci
from bumble.att import ATT_Error
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Device, DeviceConfiguration, Peer
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.link import LocalLink

from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

SERVICE = "a3c70001-8b1f-4f2a-9d3e-0c1b2d3e4f50"
DATA = "a3c70002-8b1f-4f2a-9d3e-0c1b2d3e4f50"
CONTROL = "a3c70003-8b1f-4f2a-9d3e-0c1b2d3e4f50"
INFO = "a3c70004-8b1f-4f2a-9d3e-0c1b2d3e4f50"


class RigLink(LocalLink):
    """A link that both ends can lose at once, as when a wearer walks out of reach."""

    def lose(self) -> None:
        for controller in list(self.controllers):
            for connection in list(controller.le_connections.values()):
                controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)


class RigScanner(BaseBleakScanner):
    central: Device

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: Any, **how: Any) -> None:
        super().__init__(detection_callback, service_uuids)

    def _heard(self, advertisement: Any) -> None:
        data = advertisement.data
        kind = AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
        uuids = [normalize_uuid_str(str(u)) for listed in data.get_all(kind) for u in listed]
        name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
        told = AdvertisementData(name, {}, {}, uuids, None, advertisement.rssi, (advertisement,))
        address = advertisement.address.to_string(False)
        device = self.create_or_update_device(address, address, name, advertisement.address, told)
        self.call_detection_callbacks(device, told)

    async def start(self) -> None:
        self.seen_devices.clear()
        self.central.on("advertisement", self._heard)
        await self.central.start_scanning(filter_duplicates=False)

    async def stop(self) -> None:
        self.central.remove_listener("advertisement", self._heard)
        await self.central.stop_scanning()


class RigClient(BaseBleakClient):
    central: Device
    controller: Controller
    mtu = 247
    n_alive = 0

    def __init__(self, address_or_ble_device: Any, *, services: Any = None, **how: Any) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=how.pop("disconnected_callback", None),
            timeout=how.pop("timeout", 10),
        )
        self._device = address_or_ble_device
        self._connection: Any = None
        self._peer: Any = None
        self._listeners: dict[int, Any] = {}

    @property
    def name(self) -> str:
        return getattr(self._device, "name", None) or self.address

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **how: Any) -> None:
        target = getattr(self._device, "details", None) or Address(self.address)
        try:
            # bumble's own time-out waits for an event that the virtual controller never sends
            self._connection = await asyncio.wait_for(self.central.connect(target, timeout=None), self._timeout)
        except TimeoutError:
            self.controller.pending_le_connection = None
            raise
        except Exception as fault:
            raise BleakDeviceNotFoundError(self.address, str(fault)) from fault
        self._connection.on("disconnection", self._lost)
        self._peer = Peer(self._connection)
        await self._peer.request_mtu(self.mtu)
        await self._discover()

    async def _discover(self) -> None:
        found = BleakGATTServiceCollection()
        for s in await self._peer.discover_services():
            service = BleakGATTService(s, s.handle, normalize_uuid_str(str(s.uuid.to_hex_str("-"))))
            found.add_service(service)
            for c in await s.discover_characteristics():
                kinds = list(gatt_char_props_to_strs(int(c.properties)))
                uuid = normalize_uuid_str(c.uuid.to_hex_str("-"))
                characteristic = BleakGATTCharacteristic(c, c.handle, uuid, kinds, lambda: self.mtu_size - 3, service)
                found.add_characteristic(characteristic)
                for d in await c.discover_descriptors():
                    kind = normalize_uuid_str(d.type.to_hex_str("-"))
                    found.add_descriptor(BleakGATTDescriptor(d, d.handle, kind, characteristic))
        self.services = found

    def _lost(self, _reason: Any) -> None:
        self._connection = self._peer = None
        self._listeners.clear()
        if self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        if self._connection:
            await self._connection.disconnect()

    async def pair(self, *a: Any, **k: Any) -> None: ...

    async def unpair(self) -> None: ...

    async def _att(self, asked: Any) -> Any:
        try:
            return await asked
        except ATT_Error as fault:
            raise BleakGATTProtocolError(fault.error_code) from fault
        except asyncio.CancelledError:
            if self._connection is None:  # bumble cancels what is pending when the link drops
                raise BleakError("disconnected") from None
            raise

    def _there(self) -> Any:
        if self._peer is None:
            raise BleakError("Not connected")
        return self._peer

    async def read_gatt_char(self, characteristic: Any, **how: Any) -> bytearray:
        return bytearray(await self._att(self._there().read_value(characteristic.obj)))

    async def read_gatt_descriptor(self, descriptor: Any, **how: Any) -> bytearray:
        return bytearray(await self._att(self._there().read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        await self._att(self._there().write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        await self._att(self._there().write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(self, characteristic: Any, callback: Any, **how: Any) -> None:
        def heard(value: bytes) -> None:
            callback(bytearray(value))

        self._listeners[characteristic.handle] = heard
        await self._att(self._there().subscribe(characteristic.obj, heard))

    async def stop_notify(self, characteristic: Any) -> None:
        heard = self._listeners.pop(characteristic.handle, None)
        await self._att(self._there().unsubscribe(characteristic.obj, heard))


class Rig:
    """One virtual radio room."""

    def __init__(self) -> None:
        self.link = RigLink()
        self.n_sensors = 0

    async def open(self) -> Rig:
        controller = Controller("central", link=self.link)
        configuration = DeviceConfiguration(name="central", address=Address("F0:F1:F2:F3:F4:00"))
        self.central = Device.from_config_with_hci(configuration, controller, controller)
        await self.central.power_on()
        self.Client = type("Client", (RigClient,), {"central": self.central, "controller": controller})
        self.Scanner = type("Scanner", (RigScanner,), {"central": self.central})
        return self

    def device(self, name: str) -> Device:
        self.n_sensors += 1
        controller = Controller(name, link=self.link)
        configuration = DeviceConfiguration(
            name=name,
            address=Address(f"F0:F1:F2:F3:F4:{self.n_sensors:02X}"),
            advertising_interval_min=20,
            advertising_interval_max=20,
        )
        return Device.from_config_with_hci(configuration, controller, controller)


class VirtualSensor:
    """A sensor of our own format: samples from an array, over and over, in real time or `speed` times faster.

    It goes on counting while nobody is connected, as the reference firmware does.
    """

    def __init__(self, rig: Rig, name: str, samples_g: np.ndarray, *, rate_hz: float = 200.0, **faults: Any) -> None:
        self.rig, self.rate_hz = rig, rate_hz
        self.samples_g = samples_g
        self.device = rig.device(name)
        self.address = str(self.device.random_address).split("/")[0]
        self.range_g = faults.pop("range_g", None)  # what it insists on
        self.says_rate_hz = faults.pop("says_rate_hz", None)
        self.battery = faults.pop("battery", 87)
        self.drop = set(faults.pop("drop", ()))
        self.twice = set(faults.pop("twice", ()))
        self.late = set(faults.pop("late", ()))  # sent after the packet that follows
        self.n_most = faults.pop("most_samples", 20)
        self.speed = faults.pop("speed", 1.0)
        self.n = 10
        self.used_range_g = 16
        self.sequence = self.sample = 0
        self.sent: list[int] = []
        self.sent_at: dict[int, float] = {}
        self.commands: list[bytes] = []
        self.streaming = False
        self.connection: Any = None
        self._task: asyncio.Task[None] | None = None
        self._build()

    def _build(self) -> None:
        kinds = Characteristic.Properties
        self.data = Characteristic(DATA, kinds.NOTIFY, Characteristic.Permissions(0), b"")
        control = Characteristic(
            CONTROL, kinds.WRITE, Characteristic.WRITEABLE, CharacteristicValue(write=self._command)
        )
        info = Characteristic(INFO, kinds.READ, Characteristic.READABLE, CharacteristicValue(read=self._info))
        level = Characteristic(
            "2A19", kinds.READ, Characteristic.READABLE, CharacteristicValue(read=lambda _: bytes([self.battery]))
        )
        self.device.add_service(Service(SERVICE, [self.data, control, info]))
        self.device.add_service(Service("180F", [level]))
        self.device.on("connection", self._connected)

    async def start(self) -> VirtualSensor:
        self.device.advertising_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.FLAGS, bytes([6])),
                    (AdvertisingData.COMPLETE_LOCAL_NAME, self.device.name.encode()),
                    (
                        AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                        bytes.fromhex(SERVICE.replace("-", ""))[::-1],
                    ),
                ]
            )
        )
        await self.device.power_on()
        await self.device.start_advertising(auto_restart=True)
        self._task = asyncio.get_running_loop().create_task(self._measure())
        return self

    async def silence(self, *, advertise: bool = False) -> None:
        """Out of reach, or its battery is flat."""
        self.rig.link.lose()
        if not advertise:
            await self.device.stop_advertising()

    async def back(self) -> None:
        await self.device.start_advertising(auto_restart=True)

    def reboot(self) -> None:
        self.sequence = self.sample = 0
        self.streaming = False

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    def _connected(self, connection: Any) -> None:
        self.connection = connection
        connection.on("disconnection", lambda _: setattr(self, "connection", None))

    def _command(self, _connection: Any, value: bytes) -> None:
        self.commands.append(bytes(value))
        if value[:1] == b"\x02":
            self.n = min(value[4], self.n_most)
            self.used_range_g = self.range_g or value[3]
        self.streaming = value[:1] == b"\x01" or (self.streaming and value[:1] != b"\x00")

    def _info(self, _connection: Any) -> bytes:
        settings = StreamSettings(sampling_rate_hz=self.says_rate_hz or self.rate_hz, range_g=self.used_range_g)
        return loadsense_packet.encode_info(settings, samples_per_packet=self.n, battery_percent=self.battery)

    def packet(self) -> bytes:
        rows = self.samples_g[np.arange(self.sample, self.sample + self.n) % len(self.samples_g)]
        counts = np.clip(np.round(rows * 32768 / self.used_range_g), -32768, 32767)
        return loadsense_packet.encode(self.sequence, int(self.sample * 1e6 / self.rate_hz), counts)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        held: list[tuple[int, bytes]] = []
        while True:
            packet, number = self.packet(), self.sequence
            if number in self.late:
                held.append((number, packet))
            elif number not in self.drop:
                for _ in range(2 if number in self.twice else 1):
                    await self._send(number, packet)
                for one in held:
                    await self._send(*one)
                held.clear()
            self.sequence += 1
            self.sample += self.n
            due += self.n / self.rate_hz / self.speed
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _send(self, number: int, packet: bytes) -> None:
        connection = self.connection
        if connection is None or not self.streaming:
            return
        self.sent.append(number)
        self.sent_at[number] = asyncio.get_running_loop().time()
        await self.device.notify_subscriber(connection, self.data, packet)


class ScriptedSensor:
    """A sensor of any profile: its commands are answered by a function, its frames made by another."""

    def __init__(self, rig: Rig, name: str, profile: Any, answers: Any, frame: Any) -> None:
        self.device = rig.device(name)
        self.address = str(self.device.random_address).split("/")[0]
        self.commands: list[bytes] = []
        self._answers, self._frame = answers, frame
        self._connection: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._service = profile.service
        kinds = Characteristic.Properties
        own = {}
        for uuid in dict.fromkeys((*profile.notify, profile.command)):
            how = kinds(0)
            if uuid in profile.notify:
                how |= kinds.NOTIFY
            if uuid == profile.command:
                how |= kinds.WRITE | kinds.WRITE_WITHOUT_RESPONSE
            own[uuid] = Characteristic(uuid, how, Characteristic.WRITEABLE, CharacteristicValue(write=self._command))
        self._control, self._data = own[profile.notify[0]], own[profile.notify[-1]]
        self.device.add_service(Service(profile.service, list(own.values())))
        self.device.on("connection", lambda connection: setattr(self, "_connection", connection))

    async def start(self) -> ScriptedSensor:
        name = self.device.name.encode()
        facts = [(AdvertisingData.FLAGS, bytes([6])), (AdvertisingData.COMPLETE_LOCAL_NAME, name)]
        self.device.advertising_data = bytes(AdvertisingData(facts))
        await self.device.power_on()
        await self.device.start_advertising(auto_restart=True)
        self._spawn(self._stream())
        return self

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, connection: Any, value: bytes) -> None:
        self.commands.append(bytes(value))
        for answer in self._answers(bytes(value)):
            self._spawn(self.device.notify_subscriber(connection, self._control, answer))

    async def _stream(self) -> None:
        k = 0
        while True:
            if self._connection is not None and self.commands:
                await self.device.notify_subscriber(self._connection, self._data, self._frame(k))
                k += 1
            await asyncio.sleep(0.02)
