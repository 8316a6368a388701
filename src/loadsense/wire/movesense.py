"""Movesense's GATT sensor data protocol (GSP): code, reference, payload; acceleration in m/s2 as 32-bit floats.

Data are `u32 milliseconds of the first sample | n x (f32 x, y, z)`, without a count. A payload that does not fit in one
notification goes on in one with code 3, cut anywhere. What is whole is decoded at once, so that latency does not wait
for a second part which may never come. Source: movesense-py `docs/movesense-api.md`, `protocol.py` (read); that the
time is the first sample's is third-party knowledge.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.units import STANDARD_GRAVITY_M_PER_S2
from loadsense.wire.packet import Packet, Reply, StreamSettings, finite

_REPLY, _DATA, _MORE_DATA = 1, 2, 3
_TIME: Final = struct.Struct("<I")
_SAMPLE_BYTES: Final = 12
_MILLISECONDS_PERIOD_NS: Final = 2**32 * 1_000_000
_OK: Final = range(200, 300)
#: Reference of our question for the configuration; not every firmware knows its path.
_ASKS_CONFIGURATION: Final = 0x61
_UNKNOWN_PATH: Final = 404
_WORDS: Final = {404: "does not know the path", 409: "is busy with another client", 429: "has no free request slot"}


class MovesenseDecoder:
    """Notifications with codes 2 and 3 are samples; replies are left to `parse_reply`."""

    def __init__(self, settings: StreamSettings) -> None:
        self._interval_ns = 1e9 / settings.sampling_rate_hz
        self._rest = b""
        self._next_ns: float | None = None
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """Samples that are whole with this notification."""
        if len(payload) < 2 or payload[0] not in (_REPLY, _DATA, _MORE_DATA):
            self.faults += 1
            return ()
        if payload[0] == _REPLY:
            return ()
        return self._begun(payload[2:]) if payload[0] == _DATA else self._continued(payload[2:])

    def _begun(self, body: bytes) -> Sequence[Packet]:
        if self._rest:  # the second part of the one before never came
            self.faults += 1
        self._rest, self._next_ns = b"", None
        if len(body) < _TIME.size:
            self.faults += 1
            return ()
        self._next_ns = _TIME.unpack_from(body)[0] * 1e6
        return self._samples(body[_TIME.size :])

    def _continued(self, body: bytes) -> Sequence[Packet]:
        if self._next_ns is None:
            self.faults += 1
            return ()
        packets = self._samples(self._rest + body)
        if self._rest:
            self.faults += 1
        self._rest, self._next_ns = b"", None
        return packets

    def _samples(self, body: bytes) -> Sequence[Packet]:
        n, first_ns = len(body) // _SAMPLE_BYTES, self._next_ns
        self._rest = body[n * _SAMPLE_BYTES :]
        if not n or first_ns is None:
            return ()
        self._next_ns = first_ns + n * self._interval_ns
        with np.errstate(invalid="ignore"):  # a signalling NaN is a fault like any other
            values = np.frombuffer(body, "<f4", count=3 * n).astype(np.float64).reshape(n, 3)
        accel_g = values / STANDARD_GRAVITY_M_PER_S2
        if not finite(accel_g):
            self.faults += 1
            return ()
        return (Packet(accel_g=accel_g, device_ns=round(first_ns), device_period_ns=_MILLISECONDS_PERIOD_NS),)


def parse_reply(payload: bytes) -> Reply | None:
    """Answer to a command, `01 <reference> <u16 HTTP status> ...`; of the configuration, its range; None if none."""
    if len(payload) < 4 or payload[0] != _REPLY:
        return None
    status = int.from_bytes(payload[2:4], "little")
    if status == _UNKNOWN_PATH and payload[1] == _ASKS_CONFIGURATION:
        return Reply()
    if status not in _OK:
        return Reply(refused=f"answered {status}: it {_WORDS.get(status, 'refuses')}")
    range_g = float(payload[4]) if len(payload) == 5 and payload[4] in (2, 4, 8, 16) else None
    return Reply(range_g=range_g)
