"""Movella (Xsens) DOT, mode 20: `u32 microseconds | 3 f32 acceleration m/s2 | 3 f32 turn rate | 3 i16 field`.

Calibrated acceleration with gravity: the one mode whose values are loads at the sensor. One sample in each
notification. Source: third-party notes, not verified.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.units import STANDARD_GRAVITY_M_PER_S2
from loadsense.wire.packet import Packet, Reply, StreamSettings, finite

_PAYLOAD: Final = struct.Struct("<I3f3f3h")
_MICROSECONDS_PERIOD_NS: Final = 2**32 * 1000
_CONTROL_BYTES: Final = 32
_RATE_AT: Final = 24


class MovellaDecoder:
    """One notification is one sample."""

    def __init__(self, settings: StreamSettings) -> None:
        del settings  # values are m/s2 whatever the settings
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """The sample, or nothing when the length or a value cannot be."""
        if len(payload) != _PAYLOAD.size:
            self.faults += 1
            return ()
        microseconds, *values = _PAYLOAD.unpack(payload)
        accel_g = np.array([values[:3]], dtype=np.float64) / STANDARD_GRAVITY_M_PER_S2
        if not finite(accel_g):
            self.faults += 1
            return ()
        return (Packet(accel_g=accel_g, device_ns=microseconds * 1000, device_period_ns=_MICROSECONDS_PERIOD_NS),)


def parse_reply(payload: bytes) -> Reply | None:
    """The device control characteristic, 32 bytes with the rate at 24; None if something else."""
    if len(payload) != _CONTROL_BYTES:
        return None
    rate_hz = int.from_bytes(payload[_RATE_AT : _RATE_AT + 2], "little")
    return Reply(sampling_rate_hz=float(rate_hz) or None)
