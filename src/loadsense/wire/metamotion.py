"""MbientLab MetaMotion: `03 04` with one sample, `03 1C` (BMI160) or `03 05` (BMI270) with three.

g = raw x range / 32768. There is no time and no counter: loss cannot be seen. Source: MetaWear-SDK-Cpp,
`accelerometer_bosch.cpp` and its tests (read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.wire.packet import Packet, Reply, StreamSettings

_MODULE: Final = 0x03
_SAMPLES: Final = {0x04: 1, 0x1C: 3, 0x05: 3}
_INFO: Final = 0x80
_CONFIG: Final = 0x83
#: Which chip the module's information names, and its codes of rate and range.
CHIPS: Final = {1: "BMI160", 4: "BMI270"}
_RANGE_BMI160_G: Final = {0x03: 2.0, 0x05: 4.0, 0x08: 8.0, 0x0C: 16.0}
_RANGE_BMI270_G: Final = {0x00: 2.0, 0x01: 4.0, 0x02: 8.0, 0x03: 16.0}
#: Low four bits of the rate code: 100 Hz is 8, doubling with each step.
_RATE_HZ: Final = {n: 100.0 * 2.0 ** (n - 8) for n in range(1, 13)}


class MetaMotionDecoder:
    """One notification is one packet of one or three samples."""

    def __init__(self, settings: StreamSettings) -> None:
        self._g_per_count = (settings.range_g or 16.0) / 32768.0
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """The samples; answers to reads and other modules are left out."""
        if len(payload) >= 2 and (payload[0] != _MODULE or payload[1] & 0x80):
            return ()
        n = _SAMPLES.get(payload[1]) if len(payload) >= 2 else None
        if n is None or len(payload) != 2 + 6 * n:
            self.faults += 1
            return ()
        counts = np.frombuffer(payload, "<i2", offset=2).reshape(n, 3)
        return (Packet(accel_g=counts * self._g_per_count),)


def parse_reply(payload: bytes) -> Reply | None:
    """`03 80 <chip> ...` or `03 83 <rate> <range>`; None if neither."""
    if len(payload) >= 3 and payload[:2] == bytes((_MODULE, _INFO)):
        chip = payload[2]
        return Reply(chip=chip) if chip in CHIPS else Reply(refused=f"holds accelerometer {chip}, expected 1 or 4")
    if len(payload) == 4 and payload[:2] == bytes((_MODULE, _CONFIG)):
        ranges = _RANGE_BMI270_G if payload[2] & 0x80 else _RANGE_BMI160_G
        return Reply(sampling_rate_hz=_RATE_HZ.get(payload[2] & 0x0F), range_g=ranges.get(payload[3] & 0x0F))
    return None
