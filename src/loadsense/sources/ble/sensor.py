"""One sensor, kept connected: a lost or silent link is noticed, and connected again until the session ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bleak import BleakClient
from bleak.backends.device import BLEDevice

from loadsense import devices
from loadsense.devices import DeviceProfile
from loadsense.errors import OptionError, WorldError
from loadsense.sources.ble.radio import FAULTS, Radio, battery, translated
from loadsense.sources.ble.setting_up import Agreed, Conversation
from loadsense.sources.link import Battery, Connected, LinkEvent, Lost, Payload, Trouble

#: First wait before a new attempt; it doubles up to the last.
_FIRST_WAIT_S: Final = 0.5
_LAST_WAIT_S: Final = 8.0
#: A connection without packets for so long is none.
_SILENT_S: Final = 5.0
_BATTERY_EVERY_S: Final = 60.0
_FARE_WELL_S: Final = 5.0
#: Search for a sensor that was lost; others that share the radio wait meanwhile.
_SEARCH_AGAIN_S: Final = 3.0


class BleSensor:
    """One sensor, kept connected.

    Parameters
    ----------
    address : str
        Where it is; on macOS the system's own identifier.
    now : callable
        Seconds since the session began, by a clock that never goes back.
    profile : DeviceProfile or None
        From the advertisement when None.
    asked : tuple of float or None
        Rate and range to ask for; the profile's where None.
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
        self._talk: Conversation | None = None
        self._link = 0
        self._set_up_once = False
        self._gone = asyncio.Event()
        #: What comes while a connection is set up; None while it streams.
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
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Tell the sensor to stop, and take leave of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._client is not None and self._client.is_connected and self._talk is not None:
            with suppress(*FAULTS, WorldError):  # it will notice that nobody listens
                await asyncio.wait_for(self._talk.end(), _FARE_WELL_S)
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

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for the task: were it to end by a fault of ours, the sensor would just stay silent."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            words = f"connecting again to {self.address} broke off ({fault!r}): end the session and go on with --resume"
            self.events.put_nowait(Trouble(self._now(), words))

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
        client, self._client, self._talk = self._client, None, None
        if client is None:
            return
        with suppress(*FAULTS):  # it may be gone already
            await asyncio.wait_for(client.disconnect(), _FARE_WELL_S)

    # -- one connection

    async def _connect(self) -> None:
        """From a search to a stream; packets that came meanwhile follow the news of the connection."""
        async with self._radio.busy:
            device = await self._radio.find(self.address, self._search_s())
            if self._profile is None:
                self._profile = _profile_of(device)
            client = await self._linked(device)
        what = _named(device, self.address)
        early: list[Payload] = []
        self._early = early
        self._talk = Conversation(
            client=client,
            name=device.name or self.address,
            profile=self._profile,
            asked=self._asked,
            heard=early,
            anew=not self._set_up_once,
        )
        try:
            agreed = await self._talk.begin(self._listener())
        except FAULTS as fault:
            raise translated(fault, what) from fault
        self._profile, self._set_up_once, self._last_s = agreed.profile, True, self._now()
        self.events.put_nowait(self._news(agreed, device))
        self._early = None
        for payload in early:
            self.events.put_nowait(payload)
        await self._tell_battery()

    def _search_s(self) -> float:
        longest_s = self._radio.scan_s
        return min(longest_s, _SEARCH_AGAIN_S) if self._link else longest_s

    async def _linked(self, device: BLEDevice) -> BleakClient:
        """A new client for a new connection, which knows when that is lost."""
        self._gone = gone = asyncio.Event()
        self._client = client = self._radio.client_of(device, lambda _: gone.set())
        self._link += 1
        try:
            await asyncio.wait_for(client.connect(), self._radio.connect_s + 1.0)
        except FAULTS as fault:
            raise translated(fault, _named(device, self.address)) from fault
        return client

    def _news(self, agreed: Agreed, device: BLEDevice) -> Connected:
        return Connected(
            at_s=self._last_s,
            link=self._link,
            settings=agreed.settings,
            device=device.name or self.address,
            profile=agreed.profile.name,
            decoder=agreed.profile.decoder,
            loss_observable=agreed.profile.loss_seen_by != "nothing",
            mtu=agreed.mtu,
            confirmed=agreed.confirmed,
            warnings=agreed.warnings,
        )

    def _listener(self) -> Callable[[Any, bytearray], None]:
        """The callback of this connection: the time and the bytes, in a queue, and nothing else."""
        link = self._link

        def heard(_: Any, data: bytearray) -> None:
            if link != self._link:
                return  # of a connection that is no more
            payload = Payload(self._now(), link, bytes(data))
            if self._early is not None:
                self._early.append(payload)
            else:
                self._last_s = payload.at_s
                self.events.put_nowait(payload)

        return heard

    async def _tell_battery(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            percent = await battery(client)
        except FAULTS:
            return  # a link that broke tells so itself
        if percent is not None:
            self.events.put_nowait(Battery(self._now(), percent))


def _named(device: BLEDevice, address: str) -> str:
    return f"{device.name or 'sensor'} at {address}"


def _profile_of(device: BLEDevice) -> DeviceProfile:
    profile = devices.profile_of(device.name)
    if profile is None:
        known = ", ".join(devices.profiles())
        raise OptionError(
            f"'{device.name or device.address}' is no sensor that is known; give --profile, one of {known}"
        )
    return profile
