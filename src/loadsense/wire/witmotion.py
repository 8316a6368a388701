"""WitMotion BWT901BLE: frames of 20 bytes in a stream, `55 61` for data and `55 71` for a register.

Frames may share a notification or be split over two, and `55 61` may occur inside one. So frames follow each other in
steps of 20 bytes; where one, or what comes after it, does not start as it should, the next place is searched from which
two in a row do: a frame put together from two halves would be an impact that never was.
Acceleration is i16 / 32768 x 16 g. There is no time and no counter: loss cannot be seen. Source: WITMOTION's
`device_model.py` and `DeviceModel.java` (read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.wire.packet import Packet, Reply, StreamSettings

_FRAME_BYTES: Final = 20
_DATA: Final = b"\x55\x61"
_REGISTER: Final = b"\x55\x71"
_G_PER_COUNT: Final = 16.0 / 32768.0
_RANGE_G: Final = 16.0
_RATE_REGISTER: Final = 0x03
RATES_HZ: Final = {0x03: 1.0, 0x05: 5.0, 0x06: 10.0, 0x07: 20.0, 0x08: 50.0, 0x09: 100.0, 0x0B: 200.0}


class WitMotionDecoder:
    """A byte stream, cut into notifications anywhere."""

    def __init__(self, settings: StreamSettings) -> None:
        del settings  # scale and layout are fixed
        self._held = b""
        self._in_step = True
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """One packet of the samples whose frames are complete."""
        if self._held and _starts(payload) and len(payload) % _FRAME_BYTES == 0:
            self._held = b""  # whole frames after a piece of one: what belonged to the piece was lost
            self.faults += 1
        self._held += payload
        rows = []
        while (frame := self._next_frame()) is not None:
            if frame.startswith(_DATA):
                rows.append(np.frombuffer(frame, "<i2", offset=2, count=3))
        return (Packet(accel_g=np.stack(rows) * _G_PER_COUNT),) if rows else ()

    def _next_frame(self) -> bytes | None:
        """The next frame in step, or None until more bytes come."""
        if self._in_step and not (_may_start(self._held) and _may_start(self._held[_FRAME_BYTES:])):
            self._in_step = False
            self.faults += 1
        if not self._in_step and not self._found_step():
            return None
        if len(self._held) < _FRAME_BYTES:
            return None
        frame, self._held = self._held[:_FRAME_BYTES], self._held[_FRAME_BYTES:]
        return frame

    def _found_step(self) -> bool:
        """Drop bytes up to the first place from which two frames start; True once there is one."""
        for at in range(len(self._held) - _FRAME_BYTES - 1):
            if _starts(self._held[at:]) and _starts(self._held[at + _FRAME_BYTES :]):
                self._held = self._held[at:]
                self._in_step = True
                return True
        self._held = self._held[-(_FRAME_BYTES + 1) :]
        return False


def _starts(held: bytes) -> bool:
    return held.startswith((_DATA, _REGISTER))


def _may_start(held: bytes) -> bool:
    """Whether these bytes begin a frame, as far as they go."""
    return _starts(held) if len(held) >= 2 else held in (b"", _DATA[:1])


def parse_reply(payload: bytes) -> Reply | None:
    """A register, `55 71 <number> 00 <value> ...`; None if none."""
    if not payload.startswith(_REGISTER) or len(payload) < 5:
        return None
    if payload[2] != _RATE_REGISTER:
        return Reply()
    return Reply(sampling_rate_hz=RATES_HZ.get(payload[4]), range_g=_RANGE_G)
