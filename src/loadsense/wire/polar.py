"""Polar's measurement data (PMD): Verity Sense, H10 and relatives; raw and delta frames of acceleration.

A frame is `u8 type | u64 nanoseconds of the LAST sample since 2000-01-01 | u8 frame type | payload`; bit 7 of the frame
type means delta compression, the lower bits the width of a value. Which of them a sensor sends is its own choice, so
the frame type decides and never the model. Source: polar-ble-sdk, `AccData.kt`, `PmdDataFrame.kt` (read).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.samples import FloatArray, IntArray
from loadsense.wire.packet import Packet, Reply, StreamSettings, finite

_HEADER: Final = struct.Struct("<BQB")
_ACCELERATION: Final = 2
_DELTA: Final = 0x80
_G_PER_MILLI: Final = 1e-3
#: Bytes of a value in raw frames, by frame type.
_RAW_WIDTH: Final = {0x00: 1, 0x01: 2, 0x02: 3}
#: What values of a delta frame are multiplied by, beside the sensor's factor, to be milli-g (`AccData.kt`).
_DELTA_SCALE: Final = {0x00: 1000.0, 0x01: 1.0}
_REFERENCE_BYTES: Final = 6
#: The widest delta that two 16-bit values can need, with room; more is not a frame.
_MOST_DELTA_BITS: Final = 32
#: More samples than fit in the longest notification at the smallest width: a damaged frame.
_MOST_SAMPLES: Final = 2048

_RESPONSE: Final = 0xF0
_START: Final = 2
_SETTING_FACTOR: Final = 5
_SETTING_RANGE: Final = 2
_SETTING_RATE: Final = 0
#: Bytes of a value by the type of the setting.
_SETTING_BYTES: Final = {0: 2, 1: 2, 2: 2, 3: 4, 4: 1, 5: 4}
_STATUS: Final = {
    1: "invalid op code", 2: "invalid measurement type", 3: "not supported", 4: "invalid length",
    5: "invalid parameter", 6: "already in state", 7: "invalid resolution", 8: "invalid sample rate",
    9: "invalid range", 10: "invalid MTU", 11: "invalid number of channels", 12: "invalid state",
    13: "device in charger",
}  # fmt: skip
_ALREADY: Final = 6


class PolarDecoder:
    """One notification of the data characteristic is one frame."""

    def __init__(self, settings: StreamSettings) -> None:
        self._factor = settings.factor
        self._rate_hz = settings.sampling_rate_hz
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """The frame's samples; frames of other measurements are left out without a fault."""
        if payload[:1] == bytes((_RESPONSE,)):
            return ()
        if len(payload) < _HEADER.size:
            self.faults += 1
            return ()
        kind, last_ns, frame_type = _HEADER.unpack_from(payload)
        if kind & 0x3F != _ACCELERATION:
            return ()
        accel_g = self._samples_g(payload[_HEADER.size :], frame_type)
        if accel_g is None or not len(accel_g) or not finite(accel_g):
            self.faults += 1
            return ()
        first_ns = last_ns - round((len(accel_g) - 1) / self._rate_hz * 1e9)
        return (Packet(accel_g=accel_g, device_ns=first_ns),)

    def _samples_g(self, body: bytes, frame_type: int) -> FloatArray | None:
        kind = frame_type & ~_DELTA
        if frame_type & _DELTA:
            values = delta_values(body)
            scale = _DELTA_SCALE.get(kind)
            if values is None or scale is None:
                return None
            return values.astype(np.float64) * (self._factor * scale * _G_PER_MILLI)
        width = _RAW_WIDTH.get(kind)
        if width is None or len(body) % (3 * width):
            return None
        return _little_endian(body, width).reshape(-1, 3).astype(np.float64) * _G_PER_MILLI


def delta_values(body: bytes) -> IntArray | None:
    """Values of a delta frame: a reference sample, then blocks of `u8 bits | u8 count | packed deltas`.

    Returns
    -------
    ndarray of int64, shape (n, 3), or None
        None when a block is longer than the frame, or the frame ends inside a block.
    """
    if len(body) < _REFERENCE_BYTES:
        return None
    steps = [np.frombuffer(body, "<i2", count=3).astype(np.int64)[np.newaxis]]
    at, n = _REFERENCE_BYTES, 1
    while at < len(body):
        if at + 2 > len(body):
            return None
        bits, count = body[at], body[at + 1]
        length = (bits * count * 3 + 7) // 8
        at += 2
        n += count
        if bits > _MOST_DELTA_BITS or n > _MOST_SAMPLES or at + length > len(body):
            return None
        steps.append(_unpacked(body[at : at + length], bits, count))
        at += length
    return np.asarray(np.cumsum(np.concatenate(steps), axis=0))


def _unpacked(packed: bytes, bits: int, count: int) -> IntArray:
    """Two's complement numbers of `bits` bits, least significant bit first."""
    if not bits or not count:
        return np.zeros((count, 3), dtype=np.int64)
    flags = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: bits * count * 3]
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]
    return np.asarray((flags.reshape(-1, bits) @ weights).reshape(count, 3))


def _little_endian(body: bytes, width: int) -> IntArray:
    """Signed little-endian numbers of 1, 2 or 3 bytes."""
    parts = np.frombuffer(body, np.uint8).reshape(-1, width).astype(np.int64)
    unsigned = parts @ (1 << (8 * np.arange(width, dtype=np.int64)))
    half = 1 << (8 * width - 1)
    return np.asarray((unsigned + half) % (2 * half) - half)


def parse_reply(payload: bytes) -> Reply | None:
    """Answer of the control point, `F0 <op> <measurement> <status> <more> {type, count, values}`; None if none."""
    if len(payload) < 4 or payload[0] != _RESPONSE:
        return None
    status, to_start = payload[3], payload[1] == _START
    if status not in (0, _ALREADY):
        return Reply(refused=f"answered '{_STATUS.get(status, f'error {status}')}'", to_start=to_start)
    if not to_start:
        return Reply()
    settings = _settings(payload[5:])
    factor = struct.unpack("<f", settings[_SETTING_FACTOR])[0] if _SETTING_FACTOR in settings else None
    return Reply(
        factor=factor if factor is not None and np.isfinite(factor) and factor > 0 else None,
        sampling_rate_hz=_whole(settings.get(_SETTING_RATE)),
        range_g=_whole(settings.get(_SETTING_RANGE)),
        to_start=True,
    )


def _settings(body: bytes) -> dict[int, bytes]:
    """First value of each setting in a list of type, count, values."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(body):
        kind, count = body[at], body[at + 1]
        width = _SETTING_BYTES.get(kind)
        if width is None or at + 2 + width * count > len(body):
            break
        if count:
            found[kind] = body[at + 2 : at + 2 + width]
        at += 2 + width * count
    return found


def _whole(value: bytes | None) -> float | None:
    return None if value is None else float(int.from_bytes(value, "little")) or None
