"""org.bluez on a private D-Bus, served from the virtual radio: bleak's own BlueZ backend runs against it unmodified.

    D-Bus (a real daemon, a real client) <-> FakeBlueZ <-> bumble central <-> ATT over the virtual link <-> sensor

Two habits of the real daemon are modelled after bleak issue 2002: it tells every subscribed D-Bus client of each
notification, and after a reconnection it serves a subscriber again whose D-Bus connection is still open. That is what
doubles notifications when a client that lost its link is not disconnected.

Notifications reach a client in one of two ways, as with the real daemon: `StartNotify` tells it by `PropertiesChanged`
signals, `AcquireNotify` hands it a socket of its own, a packet for each notification.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakGATTProtocolError
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

OBJECTS, PROPERTIES = "org.freedesktop.DBus.ObjectManager", "org.freedesktop.DBus.Properties"
ADAPTER, DEVICE, SERVICE, CHARACTERISTIC, DESCRIPTOR = (
    f"org.bluez.{name}" for name in ("Adapter1", "Device1", "GattService1", "GattCharacteristic1", "GattDescriptor1")
)
HCI = "/org/bluez/hci0"
_CONFIGURATION = """<busconfig><type>session</type><listen>unix:path={folder}/socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>"""


class PrivateBus:
    """A dbus-daemon of our own; the system's bus is not touched."""

    def __enter__(self) -> PrivateBus:
        self.folder = tempfile.mkdtemp(prefix="bus-")
        configuration = Path(self.folder) / "bus.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder), encoding="utf-8")
        command = ["dbus-daemon", "--nofork", "--print-address", f"--config-file={configuration}"]
        self.daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.daemon.stdout is not None
        self.address = self.daemon.stdout.readline().strip()
        self.before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        return self

    def __exit__(self, *_: Any) -> None:
        os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
        if self.before is not None:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.before
        self.daemon.terminate()
        self.daemon.wait()
        assert self.daemon.stdout is not None
        self.daemon.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeBlueZ:
    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self.clients: dict[str, BleakClient] = {}
        self.devices: dict[str, Any] = {}
        self.subscribers: dict[str, set[str]] = {}
        self.served: set[str] = set()
        self.sockets: dict[str, socket.socket] = {}
        self.scanner: BleakScanner | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.before_connecting: Callable[[], Awaitable[None]] | None = None

    async def start(self, address: str) -> FakeBlueZ:
        self.bus = await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()
        self.objects[HCI] = {
            ADAPTER: {
                "Address": Variant("s", "00:00:00:00:00:01"),
                "Name": Variant("s", "fake"),
                "Alias": Variant("s", "fake"),
                "Powered": Variant("b", True),
                "Discovering": Variant("b", False),
                "UUIDs": Variant("as", []),
                "Roles": Variant("as", ["central"]),
            }
        }
        self.bus.add_message_handler(self._on)
        await self.bus.request_name("org.bluez")
        await self.bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=["type='signal',member='NameOwnerChanged'"],
            )
        )
        return self

    async def stop(self) -> None:
        for client in self.clients.values():
            await client.disconnect()
        if self.scanner:
            await self.scanner.stop()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for own in self.sockets.values():
            own.close()
        self.bus.disconnect()
        await self.bus.wait_for_disconnect()

    def _added(self, path: str, interfaces: dict[str, dict[str, Variant]]) -> None:
        self.objects[path] = interfaces
        self.bus.send(Message.new_signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces]))

    def _changed(self, path: str, interface: str, **values: Variant) -> None:
        self.objects[path][interface].update(values)
        signal = Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, values, []])
        self.bus.send(signal)

    def _on(self, m: Message) -> Any:
        if m.member == "NameOwnerChanged" and m.message_type == MessageType.SIGNAL and not m.body[2]:
            for subscribed in self.subscribers.values():
                subscribed.discard(m.body[0])  # a D-Bus client that left is no subscriber
            return None
        if m.message_type != MessageType.METHOD_CALL or not m.path:
            return None
        if m.path == "/" and m.member == "GetManagedObjects":
            return Message.new_method_return(m, "a{oa{sa{sv}}}", [self.objects])
        if m.interface and (m.interface.startswith("org.bluez.") or m.interface == PROPERTIES):
            task = asyncio.ensure_future(self._handle(m))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return True
        return None

    async def _handle(self, m: Message) -> None:
        name = f"_{m.interface.rsplit('.', 1)[1]}_{m.member}"
        try:
            if m.path not in self.objects:
                raise KeyError("org.freedesktop.DBus.Error.UnknownObject")
            does = getattr(self, name, None)
            answer = await does(m) if does else None
            self.bus.send(answer or Message.new_method_return(m))
        except BleakGATTProtocolError as fault:
            words = f"Operation failed with ATT error: 0x{int(fault.code):02x}"
            self.bus.send(Message.new_error(m, "org.bluez.Error.Failed", words))
        except Exception as fault:
            kind = fault.args[0] if isinstance(fault, KeyError) else "org.bluez.Error.Failed"
            self.bus.send(Message.new_error(m, kind, repr(fault)))

    async def _Adapter1_StartDiscovery(self, m: Message) -> None:
        self.scanner = BleakScanner(self._seen, backend=self.rig.Scanner)
        await self.scanner.start()
        self._changed(HCI, ADAPTER, Discovering=Variant("b", True))

    async def _Adapter1_StopDiscovery(self, m: Message) -> None:
        if self.scanner:
            await self.scanner.stop()
            self.scanner = None
        self._changed(HCI, ADAPTER, Discovering=Variant("b", False))

    def _seen(self, device: Any, told: Any) -> None:
        path = f"{HCI}/dev_{device.address.replace(':', '_')}"
        self.devices[path] = device
        if path in self.objects:
            self._changed(path, DEVICE, RSSI=Variant("n", -50))
            return
        facts = {
            "Address": Variant("s", device.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", device.name or device.address),
            "Name": Variant("s", device.name or ""),
            "Paired": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", told.service_uuids),
            "RSSI": Variant("n", -50),
            "Adapter": Variant("o", HCI),
        }
        self._added(path, {DEVICE: facts})

    async def _Device1_Connect(self, m: Message) -> None:
        path = m.path

        def gone(_: Any) -> None:
            for own in [own for own in self.sockets if own.startswith(path)]:
                self.sockets.pop(own).close()
            self._changed(path, DEVICE, ServicesResolved=Variant("b", False))
            self._changed(path, DEVICE, Connected=Variant("b", False))

        if self.before_connecting is not None:
            await self.before_connecting()
        client = BleakClient(self.devices[path], gone, timeout=2, backend=self.rig.Client)
        await client.connect()
        self.clients[path] = client
        self._changed(path, DEVICE, Connected=Variant("b", True))
        for service in client.services:
            self._add_service(path, service, client.mtu_size)
        self.served = {p for p in self.served if not p.startswith(path)}
        self._changed(path, DEVICE, UUIDs=Variant("as", [service.uuid for service in client.services]))
        self._changed(path, DEVICE, ServicesResolved=Variant("b", True))
        for p in [p for p, who in self.subscribers.items() if who and p.startswith(path)]:
            await self._serve(p)

    def _add_service(self, device: str, service: Any, mtu: int) -> None:
        path = f"{device}/service{service.handle:04x}"
        facts = {"UUID": Variant("s", service.uuid), "Device": Variant("o", device), "Primary": Variant("b", True)}
        self._added(path, {SERVICE: facts})
        for c in service.characteristics:
            own = f"{path}/char{c.handle - 1:04x}"
            facts = {
                "UUID": Variant("s", c.uuid),
                "Service": Variant("o", path),
                "Flags": Variant("as", c.properties),
                "Value": Variant("ay", b""),
                "Notifying": Variant("b", False),
                "MTU": Variant("q", mtu),
            }
            if "notify" in c.properties:
                facts["NotifyAcquired"] = Variant("b", False)
            self._added(own, {CHARACTERISTIC: facts})
            for d in c.descriptors:
                described = {"UUID": Variant("s", d.uuid), "Characteristic": Variant("o", own)}
                self._added(f"{own}/desc{d.handle:04x}", {DESCRIPTOR: described})

    async def _Device1_Disconnect(self, m: Message) -> None:
        await self.clients[m.path].disconnect()

    def _characteristic(self, path: str) -> tuple[BleakClient, Any]:
        found = re.match(r"(.*)/service", path)
        assert found is not None
        client = self.clients[found[1]]
        return client, client.services.get_characteristic(int(path[-4:], 16) + 1)

    async def _GattCharacteristic1_StartNotify(self, m: Message) -> None:
        self.subscribers.setdefault(m.path, set()).add(m.sender)
        await self._serve(m.path)

    async def _serve(self, path: str) -> None:
        if path in self.served:
            return
        self.served.add(path)
        client, characteristic = self._characteristic(path)

        def heard(_: Any, value: bytes) -> None:
            for _who in list(self.subscribers.get(path, ())):
                self._changed(path, CHARACTERISTIC, Value=Variant("ay", bytes(value)))

        await client.start_notify(characteristic, heard)

    async def _GattCharacteristic1_AcquireNotify(self, m: Message) -> Message:
        client, characteristic = self._characteristic(m.path)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.sockets[m.path] = ours
        await client.start_notify(characteristic, lambda _, value: ours.send(bytes(value)))
        self._changed(m.path, CHARACTERISTIC, NotifyAcquired=Variant("b", True))
        answer = Message.new_method_return(m, "hq", [0, client.mtu_size])
        answer.unix_fds = [theirs.detach()]
        return answer

    async def _GattCharacteristic1_StopNotify(self, m: Message) -> None:
        client, characteristic = self._characteristic(m.path)
        self.subscribers.get(m.path, set()).discard(m.sender)
        self.served.discard(m.path)
        await client.stop_notify(characteristic)

    async def _GattCharacteristic1_WriteValue(self, m: Message) -> None:
        client, characteristic = self._characteristic(m.path)
        kind = m.body[1].get("type")
        response = (kind.value if kind else "request") == "request"
        await client.write_gatt_char(characteristic, bytes(m.body[0]), response=response)

    async def _GattCharacteristic1_ReadValue(self, m: Message) -> Message:
        client, characteristic = self._characteristic(m.path)
        return Message.new_method_return(m, "ay", [bytes(await client.read_gatt_char(characteristic))])
