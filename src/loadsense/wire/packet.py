"""What every packet decoder gives, and how it is made: bytes in, packets of samples out, no clock and no socket.

A decoder lives as long as one connection. It never raises on what a sensor sends: a payload that cannot be is counted
and left out, because the next one is usually whole. Where a packet lies on the sample grid is decided afterwards, by
`packet_grid.PacketGrid`, in the same way for every sensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What the sensor really uses, fixed before its first packet.

    Attributes
    ----------
    sampling_rate_hz : float
        Samples per second.
    range_g : float or None
        Full scale of each axis in RAW g; None where nobody can say.
    factor : float
        What stored values are multiplied by, for sensors that say so when a stream starts.
    """

    sampling_rate_hz: float
    range_g: float | None = None
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """Consecutive samples with the sensor's own idea of where they belong.

    Attributes
    ----------
    accel_g : ndarray, shape (n, 3)
        RAW g, axes x, y, z; n > 0.
    sequence : int or None
        Number of the packet, modulo `sequence_period`; None where the sensor does not count.
    device_ns : int or None
        Time of the first sample by the sensor's clock, modulo `device_period_ns` where that is not None.
    """

    accel_g: FloatArray = field(repr=False)
    sequence: int | None = None
    sequence_period: int = 65536
    device_ns: int | None = None
    device_period_ns: int | None = None

    def __len__(self) -> int:
        return len(self.accel_g)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a sensor answered while it was set up; None where the answer says nothing about it.

    Attributes
    ----------
    sampling_rate_hz, range_g, factor : float or None
        As the sensor uses them now.
    chip : int or None
        Which accelerometer is inside, by the vendor's number.
    battery_percent : int or None
    refused : str
        Why the sensor did not do what it was asked, in words; empty when it did.
    to_start : bool
        This answers the command to start.
    """

    sampling_rate_hz: float | None = None
    range_g: float | None = None
    factor: float | None = None
    chip: int | None = None
    battery_percent: int | None = None
    refused: str = ""
    to_start: bool = False


class PacketDecoder(Protocol):
    """Payloads of one connection in, packets out.

    Attributes
    ----------
    faults : int
        Payloads, or stretches of bytes, that could not be what they should be.
    """

    faults: int

    def decode(self, payload: bytes) -> Sequence[Packet]:
        """Packets that are complete with this payload, in order; none for a reply or a fault."""
        ...


def finite(accel_g: FloatArray) -> bool:
    """Whether every sample is a number below any accelerometer's reach (1000 g)."""
    return bool(np.isfinite(accel_g).all() and (np.abs(accel_g) < 1000.0).all())
