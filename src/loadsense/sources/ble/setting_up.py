"""The conversation of a new connection: subscribe, configure, ask what the sensor really uses, start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bleak import BleakClient
from bleak.args.bluez import BlueZNotifyArgs

from loadsense import devices
from loadsense.devices import Choice, Command, DeviceProfile, command_bytes
from loadsense.errors import WorldError
from loadsense.sources.link import Payload
from loadsense.wire.loadsense_packet import samples_that_fit
from loadsense.wire.packet import Reply, StreamSettings
from loadsense.wire.packets import reply_parser

_ATT_HEADER: Final = 3
#: How long an answer to a start may take.
_ANSWER_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What a conversation came to.

    Attributes
    ----------
    profile : DeviceProfile
        The one given, or that of the chip which the sensor really holds.
    settings : StreamSettings
        What the sensor uses.
    mtu : int
    confirmed : bool
        The sensor itself said so.
    warnings : tuple of str
        What is not as asked.
    """

    profile: DeviceProfile
    settings: StreamSettings
    mtu: int
    confirmed: bool
    warnings: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One sensor that has just been connected to.

    Attributes
    ----------
    client : BleakClient
    name : str
        Of the sensor, for sentences.
    profile : DeviceProfile
    asked : tuple of float or None
        Rate and range to ask for.
    heard : list of Payload
        What came since the connection; the listener goes on filling it.
    anew : bool
        The sensor may still be sending with other settings: what comes before the start is forgotten.
    """

    client: BleakClient
    name: str
    profile: DeviceProfile
    asked: tuple[float | None, float | None]
    heard: list[Payload] = field(repr=False)
    anew: bool

    async def begin(self, listener: Callable[[Any, bytearray], None]) -> Agreed:
        """All of it.

        Raises
        ------
        WorldError
            The sensor is another one than the profile says, or refuses.
        OptionError
            The profile does not offer what is asked.
        """
        mtu = self._checked_mtu()
        # on Linux notifications come as D-Bus signals or through a socket; other systems leave this alone
        bluez = BlueZNotifyArgs(use_start_notify=not self.profile.notify_socket)
        for characteristic in self.profile.notify:
            await self.client.start_notify(characteristic, listener, bluez=bluez)
        told, choice = await self._configured(mtu)
        settings, confirmed, warnings = used(self.profile, choice, told)
        return Agreed(profile=self.profile, settings=settings, mtu=mtu, confirmed=confirmed, warnings=warnings)

    async def end(self) -> None:
        """Tell the sensor to stop."""
        await self._write_all(self.profile.stop, self._choice())

    def _choice(self) -> Choice:
        return self.profile.chosen(*self.asked)

    def _checked_mtu(self) -> int:
        profile = self.profile
        data = self.client.services.get_characteristic(profile.notify[-1])
        if data is None:
            raise WorldError(
                f"{self.name} has no characteristic {profile.notify[-1]}: it is no {profile.title}; give --profile"
            )
        mtu = data.max_write_without_response_size + _ATT_HEADER
        if mtu < profile.min_mtu:
            raise WorldError(
                f"{self.name}: packets of {profile.title} need an MTU of {profile.min_mtu}, this link has {mtu}; "
                "use another adapter or a newer system"
            )
        return mtu

    async def _configured(self, mtu: int) -> tuple[Reply, Choice]:
        profile, choice = self.profile, self._choice()
        if profile.decoder == "loadsense":
            choice = replace(choice, samples_per_packet=samples_that_fit(mtu, at_most=choice.samples_per_packet))
        await self._write_all(profile.setup, choice)
        await self._write_all(profile.readback, choice)
        told = self._answers()
        other = _other_chip(profile, told)
        if other is not None:
            self.profile = other
            self.heard.clear()
            return await self._configured(mtu)
        if profile.read is not None:
            read = reply_parser(profile.decoder)(bytes(await self.client.read_gatt_char(profile.read)))
            told = joined(told, read)
        if self.anew:
            self.heard.clear()
        await self._write_all(profile.start, choice)
        told = joined(told, await self._start_answered() if profile.start_confirms else self._answers())
        if told.refused:
            raise WorldError(f"{self._who()} {told.refused}; switch it off and on and try again")
        return told, choice

    def _who(self) -> str:
        return f"{self.profile.title} at {self.client.address}"

    def _answers(self) -> Reply:
        """What the sensor has answered so far, in one."""
        parse = reply_parser(self.profile.decoder)
        told = Reply()
        for payload in self.heard:
            told = joined(told, parse(payload.data))
        return told

    async def _start_answered(self) -> Reply:
        """Wait for the answer to the start: only then are settings known."""
        parse = reply_parser(self.profile.decoder)
        for _ in range(round(_ANSWER_S / _LOOK_EVERY_S)):
            for payload in self.heard:
                reply = parse(payload.data)
                if reply is not None and reply.to_start:
                    return reply
            await asyncio.sleep(_LOOK_EVERY_S)
        raise WorldError(f"{self._who()} did not answer the start within {_ANSWER_S:g} s; try again")

    async def _write_all(self, commands: tuple[Command, ...], choice: Choice) -> None:
        for command in commands:
            target = command.to or self.profile.command or ""
            characteristic = self.client.services.get_characteristic(target)
            if characteristic is None:
                raise WorldError(f"{self._who()} has no characteristic {target}; give --profile")
            data = command_bytes(command, choice, self.profile.codes)
            size = max(20, characteristic.max_write_without_response_size)
            for first in range(0, len(data), size):
                await self.client.write_gatt_char(characteristic, data[first : first + size], response=command.response)
            if command.wait_s:
                await asyncio.sleep(command.wait_s)


def used(profile: DeviceProfile, choice: Choice, told: Reply) -> tuple[StreamSettings, bool, tuple[str, ...]]:
    """What the sensor uses, whether it said so itself, and what is not as asked."""
    rate_hz, range_g = told.sampling_rate_hz or choice.rate_hz, told.range_g or choice.range_g
    said = told.sampling_rate_hz is not None or told.range_g is not None or profile.start_confirms
    warnings = []
    if range_g != choice.range_g:
        cut = ": higher peaks are cut off" if range_g < choice.range_g else ""
        warnings.append(f"asked for +-{choice.range_g:g} g, the sensor uses +-{range_g:g} g{cut}")
    if rate_hz != choice.rate_hz:
        warnings.append(f"asked for {choice.rate_hz:g} Hz, the sensor uses {rate_hz:g} Hz")
    settings = StreamSettings(sampling_rate_hz=rate_hz, range_g=range_g, factor=told.factor or 1.0)
    return settings, said, tuple(warnings)


def joined(one: Reply, other: Reply | None) -> Reply:
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
