"""Espruino (Bangle.js, Puck.js) over the Nordic UART: text lines `A,x,y,z` in milli-g, split over notifications.

The board prints what its own script tells it to, so there is neither time nor counter, and stock rates are far below
what landings need: a sensor to practise with. Source: EspruinoDocs (read).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.wire.packet import Packet, Reply, StreamSettings

_LINE: Final = re.compile(rb"A,(-?\d{1,6}),(-?\d{1,6}),(-?\d{1,6})")
#: The console echoes what it is sent; a longer line than this is none of ours.
_LONGEST_LINE: Final = 512
_G_PER_MILLI: Final = 1e-3


class EspruinoDecoder:
    """A text stream, cut into notifications anywhere."""

    def __init__(self, settings: StreamSettings) -> None:
        del settings  # lines are in milli-g whatever the settings
        self._held = b""
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """One packet of the samples whose lines are complete; the console's own words are passed over."""
        *lines, self._held = (self._held + payload).split(b"\n")
        if len(self._held) > _LONGEST_LINE:
            self._held = b""
            self.faults += 1
        rows = [row for line in lines if (row := self._row(line)) is not None]
        return (Packet(accel_g=np.array(rows, dtype=np.float64) * _G_PER_MILLI),) if rows else ()

    def _row(self, line: bytes) -> list[int] | None:
        text = line.strip(b"\r> \x1b[J")
        found = _LINE.fullmatch(text)
        if found is None:
            self.faults += text.startswith(b"A,")
            return None
        return [int(value) for value in found.groups()]


def parse_reply(payload: bytes) -> Reply | None:
    """Nothing: the console tells no settings."""
    del payload
    return None
