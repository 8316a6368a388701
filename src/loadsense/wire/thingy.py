"""Nordic Thingy:52, raw motion: nine i16 (acceleration, turn rate, field); acceleration is raw / 1024 g.

The chip is set to +-2 g by the stock firmware, so landings are cut: a sensor to practise with. There is no time and no
counter. Source: Nordic-Thingy52-FW `ble_tms.h`, `m_motion.c` (read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.wire.packet import Packet, Reply, StreamSettings

_PAYLOAD_BYTES: Final = 18
_CONFIG_BYTES: Final = 9
_G_PER_COUNT: Final = 1.0 / 1024.0
_RANGE_G: Final = 2.0


class ThingyDecoder:
    """One notification is one sample."""

    def __init__(self, settings: StreamSettings) -> None:
        del settings  # scale and layout are fixed
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """The sample, or nothing when the length cannot be."""
        if len(payload) != _PAYLOAD_BYTES:
            self.faults += 1
            return ()
        return (Packet(accel_g=np.frombuffer(payload, "<i2", count=3).reshape(1, 3) * _G_PER_COUNT),)


def parse_reply(payload: bytes) -> Reply | None:
    """The configuration: u16 step, temperature and compass intervals, u16 motion rate, u8 wake; None if none."""
    if len(payload) != _CONFIG_BYTES:
        return None
    rate_hz = int.from_bytes(payload[6:8], "little")
    return Reply(sampling_rate_hz=float(rate_hz) or None, range_g=_RANGE_G)
