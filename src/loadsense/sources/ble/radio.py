"""The radio: what is in reach, how bleak's clients are made, and its errors in our words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bleak import BleakAdapter, BleakClient, BleakScanner
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
from loadsense.devices import DeviceProfile
from loadsense.errors import WorldError

BATTERY_LEVEL: Final = "00002a19-0000-1000-8000-00805f9b34fb"
#: What bleak and the system below it may raise.
FAULTS: Final = (BleakError, TimeoutError, OSError, EOFError)


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

    def client_of(self, device: BLEDevice, gone: Callable[[BleakClient], None] | None = None) -> BleakClient:
        """A client for one connection; `gone` is called when that is lost."""
        return BleakClient(device, disconnected_callback=gone, timeout=self.connect_s, **_backend(self.client))

    async def find(self, address: str, scan_s: float) -> BLEDevice:
        """The sensor with this address, once it advertises itself, or connected as a broken-off session left it.

        Raises
        ------
        WorldError
            It does not within `scan_s`, or Bluetooth fails.
        """
        held = await self._held(address)
        if held is not None:
            return held
        try:
            device = await BleakScanner.find_device_by_address(address, scan_s, **_backend(self.scanner))
        except FAULTS as fault:
            raise translated(fault, f"sensor at {address}") from fault
        if device is None:
            raise WorldError(
                f"no sensor at {address} within {scan_s:g} s: is it on, charged, in reach and free of other apps?"
            )
        return device

    async def _held(self, address: str) -> BLEDevice | None:
        """A sensor that this computer is still connected to: BlueZ keeps the link of a program that died."""
        if self.scanner is not None:
            return None  # a virtual radio has only what advertises itself
        try:
            adapter = await BleakAdapter.get()
            devices_held = await adapter.get_connected_devices()
        except (*FAULTS, NotImplementedError):
            return None  # the search will say what is wrong
        return next((device for device in devices_held if device.address.upper() == address.upper()), None)


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
    except FAULTS as fault:
        raise translated(fault, "scan") from fault
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
        async with radio.client_of(await radio.find(found.address, radio.scan_s)) as client:
            return replace(found, battery_percent=await battery(client))
    except (*FAULTS, WorldError):
        return found


async def battery(client: BleakClient) -> int | None:
    """Percent by the standard Battery Service; None where there is none."""
    characteristic = client.services.get_characteristic(BATTERY_LEVEL)
    if characteristic is None:
        return None
    value = await client.read_gatt_char(characteristic)
    return int(value[0]) if len(value) == 1 and value[0] <= 100 else None


def _backend(kind: type[Any] | None) -> dict[str, Any]:
    return {} if kind is None else {"backend": kind}


def translated(fault: BaseException, what: str) -> WorldError:
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
