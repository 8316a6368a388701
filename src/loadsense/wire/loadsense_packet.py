"""LoadSense's own packet: `u16 sequence | u32 microseconds of the first sample | u8 n | n x (i16 x, y, z)`.

Little-endian; one count is range / 32768. The sequence number goes up with every packet that was made, sent or not, so
that a packet which the radio lost is seen; the microseconds say when a sensor started anew.

The sensor's information, read before the start: `u8 version | u16 rate Hz | u8 range g | u8 n | u8 battery %`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadsense.wire.packet import Packet, Reply, StreamSettings

HEADER: Final = struct.Struct("<HIB")
INFO: Final = struct.Struct("<BHBBB")
VERSION: Final = 1
BYTES_PER_SAMPLE: Final = 6
_MICROSECONDS_PERIOD_NS: Final = 2**32 * 1000
#: Bytes of a notification that are not its payload.
_ATT_HEADER: Final = 3


class LoadSenseDecoder:
    """One notification is one packet.

    Parameters
    ----------
    settings : StreamSettings
        With a range: counts mean nothing without it.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._g_per_count = (settings.range_g or 16.0) / 32768.0
        self.faults = 0

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """The packet, or nothing when its length is not what it says."""
        if len(payload) < HEADER.size:
            self.faults += 1
            return ()
        sequence, microseconds, n = HEADER.unpack_from(payload)
        if n == 0 or len(payload) != HEADER.size + n * BYTES_PER_SAMPLE:
            self.faults += 1
            return ()
        counts = np.frombuffer(payload, "<i2", offset=HEADER.size).reshape(n, 3)
        packet = Packet(
            accel_g=counts * self._g_per_count,
            sequence=sequence,
            device_ns=microseconds * 1000,
            device_period_ns=_MICROSECONDS_PERIOD_NS,
        )
        return (packet,)


def encode(sequence: int, microseconds: int, counts: np.ndarray) -> bytes:
    """One packet as a sensor sends it; `counts` are int16, shape (n, 3), n from 1 to 255."""
    head = HEADER.pack(sequence & 0xFFFF, microseconds & 0xFFFFFFFF, len(counts))
    return head + np.ascontiguousarray(counts, "<i2").tobytes()


def encode_info(settings: StreamSettings, *, samples_per_packet: int, battery_percent: int) -> bytes:
    """The information of a sensor as it is read."""
    rate, range_g = round(settings.sampling_rate_hz), round(settings.range_g or 0)
    return INFO.pack(VERSION, rate, range_g, samples_per_packet, battery_percent)


def parse_reply(payload: bytes) -> Reply | None:
    """The sensor's information; None when this is something else."""
    if len(payload) != INFO.size:
        return None
    version, rate_hz, range_g, _, battery = INFO.unpack(payload)
    if version != VERSION:
        return Reply(refused=f"speaks version {version} of the packet format, expected {VERSION}")
    return Reply(
        sampling_rate_hz=float(rate_hz) or None,
        range_g=float(range_g) or None,
        battery_percent=battery if battery <= 100 else None,
    )


def samples_that_fit(mtu: int, *, at_most: int) -> int:
    """Samples in a packet that a link carries whole.

    Examples
    --------
    >>> samples_that_fit(23, at_most=20), samples_that_fit(247, at_most=20)
    (2, 20)
    """
    return max(1, min(at_most, (mtu - _ATT_HEADER - HEADER.size) // BYTES_PER_SAMPLE))
