"""A radio without an adapter: bleak's client and scanner over bumble, and over a socket to a virtual link.

The link, with its sensors, lives in another process (`loadsense.sources.virtual_sensor`), which gives each program
that connects a Bluetooth controller of its own. So everything above the controller is real: bleak's client, GATT, ATT,
L2CAP, HCI. A socket is open as long as somebody scans or is connected, and no longer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError, BleakGATTProtocolError
from bleak.uuids import normalize_uuid_str
from bumble.att import ATT_Error
from bumble.core import AdvertisingData
from bumble.core import BaseBumbleError as BumbleError
from bumble.device import Device, DeviceConfiguration, Peer
from bumble.hci import Address
from bumble.transport import open_transport
from bumble.transport.common import Transport

from loadsense.errors import WorldError
from loadsense.sources.ble import Radio

_MTU: Final = 247
_OPENS_WITHIN_S: Final = 5.0
_ANSWERS_WITHIN_S: Final = 5.0

_T = TypeVar("_T")


class Central:
    """A Bluetooth host of this process on a virtual link, open while somebody needs it.

    Parameters
    ----------
    place : str
        Where the link is served, HOST:PORT.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._device: Device | None = None
        self._transport: Transport | None = None
        self._users = 0
        self._busy = asyncio.Lock()

    async def take(self) -> Device:
        """The host, opened for the first who needs it.

        Raises
        ------
        WorldError
            Nobody serves a virtual link there.
        """
        async with self._busy:
            if self._device is None or self._transport is None or self._transport.source.terminated.done():
                self._transport, self._device = await self._opened()
            self._users += 1
            return self._device

    async def leave(self) -> None:
        """Needed no longer; the last one closes the socket."""
        async with self._busy:
            self._users = max(0, self._users - 1)
            if self._users or self._transport is None:
                return
            transport, self._transport, self._device = self._transport, None, None
            await transport.close()

    async def _opened(self) -> tuple[Transport, Device]:
        try:
            transport = await asyncio.wait_for(open_transport(f"tcp-client:{self._place}"), _OPENS_WITHIN_S)
        except (OSError, TimeoutError):
            raise WorldError(
                f"no virtual sensor at {self._place}: start one with loadsense simulate --sensor --listen {self._place}"
            ) from None
        address = Address("F0:" + ":".join(f"{byte:02X}" for byte in secrets.token_bytes(5)))
        configuration = DeviceConfiguration(name="LoadSense", address=address)
        device = Device.from_config_with_hci(configuration, transport.source, transport.sink)
        async with AsyncExitStack() as on_failure:  # also when whoever waits is cancelled
            on_failure.push_async_callback(transport.close)
            try:
                await asyncio.wait_for(device.power_on(), _OPENS_WITHIN_S)
            except (BumbleError, TimeoutError):
                raise WorldError(f"what listens at {self._place} is no virtual sensor of loadsense") from None
            on_failure.pop_all()
        return transport, device


async def _answered(asked: Coroutine[Any, Any, _T], *, within_s: float = _ANSWERS_WITHIN_S) -> _T:
    """What the sensor or its controller answers; what bumble raises, or cancels when a link drops, as bleak's error."""
    try:
        return await asyncio.wait_for(asked, within_s)
    except ATT_Error as fault:
        raise BleakGATTProtocolError(fault.error_code) from fault
    except BumbleError as fault:
        raise BleakError(str(fault)) from fault
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():  # nobody cancelled us
            raise BleakError("disconnected") from None
        raise


def virtual_radio(place: str) -> Radio:
    """Radio whose scanner and clients go to the virtual link that is served at HOST:PORT."""
    own = {"central": Central(place)}
    return Radio(client=type("Client", (VirtualClient,), own), scanner=type("Scanner", (VirtualScanner,), own))


class VirtualScanner(BaseBleakScanner):
    """Scanner backend of bleak over a bumble host."""

    central: Central

    def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **__: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self._device: Device | None = None

    async def start(self) -> None:
        """Listen to what advertises itself."""
        self.seen_devices.clear()
        self._device = await self.central.take()
        async with AsyncExitStack() as on_failure:  # bleak stops nothing that did not start
            on_failure.push_async_callback(self.stop)
            self._device.on("advertisement", self._heard)
            await _answered(self._device.start_scanning(filter_duplicates=False))
            on_failure.pop_all()

    async def stop(self) -> None:
        """Listen no longer."""
        device, self._device = self._device, None
        if device is None:
            return
        device.remove_listener("advertisement", self._heard)
        try:
            await _answered(device.stop_scanning())
        except BleakError:
            pass  # the link went away while we listened
        finally:
            await self.central.leave()

    def _heard(self, advertisement: Any) -> None:
        data = advertisement.data
        kind = AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
        uuids = [normalize_uuid_str(str(uuid)) for listed in data.get_all(kind) for uuid in listed]
        name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
        told = AdvertisementData(name, {}, {}, uuids, None, advertisement.rssi, (advertisement,))
        address = advertisement.address.to_string(False)
        self.call_detection_callbacks(
            self.create_or_update_device(address, address, name, advertisement.address, told), told
        )


class VirtualClient(BaseBleakClient):
    """Client backend of bleak over a bumble host."""

    central: Central

    def __init__(self, address_or_ble_device: Any, **how: Any) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=how.get("disconnected_callback"),
            timeout=how.get("timeout", 10.0),
        )
        self._found = address_or_ble_device
        self._connection: Any = None
        self._peer: Any = None
        self._listeners: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        """What the sensor calls itself."""
        return getattr(self._found, "name", None) or self.address

    @property
    def mtu_size(self) -> int:
        """MTU of the connection."""
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        """Whether the link stands."""
        return self._connection is not None

    async def connect(self, pair: bool, **_: Any) -> None:
        """Connect, agree on an MTU, discover services."""
        del pair
        device = await self.central.take()
        connection = None
        try:
            target = getattr(self._found, "details", None) or Address(self.address)
            # bumble's own time-out waits for an event that the virtual controller never sends
            connection = await _answered(device.connect(target, timeout=None), within_s=self._timeout)
        finally:
            if connection is None:
                await self.central.leave()
        self._connection = connection
        connection.on("disconnection", self._lost)
        device.once("flush", lambda: self._lost(None))  # the socket broke: no controller can say so
        self._peer = Peer(connection)
        await _answered(self._peer.request_mtu(_MTU))
        await _answered(self._discover())

    async def _discover(self) -> None:
        found = BleakGATTServiceCollection()
        for one in await self._peer.discover_services():
            service = BleakGATTService(one, one.handle, normalize_uuid_str(str(one.uuid.to_hex_str("-"))))
            found.add_service(service)
            for told in await one.discover_characteristics():
                kinds: Any = list(gatt_char_props_to_strs(int(told.properties)))
                uuid = normalize_uuid_str(told.uuid.to_hex_str("-"))
                made = BleakGATTCharacteristic(told, told.handle, uuid, kinds, lambda: self.mtu_size - 3, service)
                found.add_characteristic(made)
                for descriptor in await told.discover_descriptors():
                    kind = normalize_uuid_str(descriptor.type.to_hex_str("-"))
                    found.add_descriptor(BleakGATTDescriptor(descriptor, descriptor.handle, kind, made))
        self.services = found

    def _lost(self, _reason: Any) -> None:
        if self._connection is None:
            return
        self._connection = self._peer = None
        self._listeners.clear()
        asyncio.get_running_loop().create_task(self.central.leave())
        if self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """Take leave of the sensor; nothing when the link is gone."""
        if self._connection is not None:
            await _answered(self._connection.disconnect())

    async def pair(self, *_: Any, **__: Any) -> None:
        """Nothing: the virtual link knows no secrets."""

    async def unpair(self) -> None:
        """Nothing."""

    def _there(self) -> Any:
        if self._peer is None:
            raise BleakError("Not connected")
        return self._peer

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        """Read a characteristic."""
        return bytearray(await _answered(self._there().read_value(characteristic.obj)))

    async def read_gatt_descriptor(self, descriptor: Any, **_: Any) -> bytearray:
        """Read a descriptor."""
        return bytearray(await _answered(self._there().read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        """Write a characteristic."""
        await _answered(self._there().write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        """Write a descriptor."""
        await _answered(self._there().write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(self, characteristic: Any, callback: Any, **_: Any) -> None:
        """Subscribe."""

        def heard(value: bytes) -> None:
            callback(bytearray(value))

        self._listeners[characteristic.handle] = heard
        await _answered(self._there().subscribe(characteristic.obj, heard))

    async def stop_notify(self, characteristic: Any) -> None:
        """Unsubscribe."""
        heard = self._listeners.pop(characteristic.handle, None)
        await _answered(self._there().unsubscribe(characteristic.obj, heard))
