"""A look around for sensors: what advertises itself, and how full its battery is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadsense.sources.ble import Found, Radio


async def sensors_in_reach(
    seconds: float, radio: Radio, *, every: bool = False, battery: bool = True
) -> tuple[Found, ...]:
    """Sensors in reach, the nearest first, with their batteries; everything that advertises itself with `every`.

    The radio is taken for one thing at a time, so that a session that goes on can come back to a sensor meanwhile.

    Raises
    ------
    WorldError
        Bluetooth is off or absent.
    """
    from loadsense.sources import ble

    async with radio.busy:
        found = [one for one in await ble.scan(seconds, radio) if every or one.profile is not None]
    told = []
    for one in found:
        async with radio.busy:
            told.append(await ble.read_battery(one, radio) if battery and one.profile else one)
    return tuple(told)
