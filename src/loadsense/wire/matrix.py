"""Parmay Matrix `.bin`: 512 empty bytes, a header "MDTC", then packets "MDTCPACK" of a minute or two, a CRC-32 each.

A packet states its first and last whole second (unix time), how many samples of acceleration and gyroscope (three
16-bit values each), temperature and heart rate (4 bytes each) it holds, and the CRC of all that follows the CRC itself.
The file does not state its rate: it is the nearest of the device's rates to what the packets show.
RAW g = count * range / 32768.

Layout as read by open tools of the field (GGIRread documents it) and checked against the CRC of recordings.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from loadsense.errors import ContentError, FormatError
from loadsense.samples import ClockQuality, Item
from loadsense.wire.device_file import DAMAGED, DeviceFacts, StampedGrid, counted

_MAGIC: Final = b"MDTC"
_PACKET_MAGIC: Final = b"MDTCPACK"
_HEADER_AT: Final = 512
_FIRST_PACKET_AT: Final = 524
_HEAD: Final = struct.Struct("<8s7I")
#: A packet seen holds up to 144 kB; a larger count is damage, and bounds what is held.
_MOST_PACKET_BYTES: Final = 4 << 20
_RATES_HZ: Final = (12.5, 25.0, 50.0, 100.0, 200.0, 400.0)
#: Stamps are whole seconds.
_STAMP_SLACK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixFacts(DeviceFacts):
    """Facts of a Matrix file beside those of every device; `start_s` is its first second, damaged or not."""

    g_per_count: float
    start_s: int


def starts_like_matrix(head: bytes) -> bool:
    """Whether the first bytes are those of a Matrix file."""
    return (
        head[_HEADER_AT : _HEADER_AT + 4] == _MAGIC and head[_FIRST_PACKET_AT : _FIRST_PACKET_AT + 8] == _PACKET_MAGIC
    )


def read_matrix_facts(head: bytes, name: str) -> MatrixFacts:
    """Facts from the header and the first whole packets.

    Parameters
    ----------
    head : bytes
        The first bytes: the header and some packets, or the whole file.
    name : str
        Of the file, for the sentences.

    Raises
    ------
    FormatError
        The header is missing, or its range is impossible.
    ContentError
        No whole packet was found.
    """
    if not starts_like_matrix(head):
        raise FormatError(f"{name}: no Matrix header at byte {_HEADER_AT}; expected a .bin file, copy it again")
    (range_g,) = struct.unpack_from("<H", head, 520)
    if not 1 <= range_g <= 200:
        raise FormatError(f"{name}: the header states a range of {range_g} g; expected 2 to 32 g, copy the file again")
    scan = _Scan()
    packets = [*scan.push(head), *scan.flush()]
    good = [packet for packet in packets if packet.body is not None]
    if not good:
        raise ContentError(f"{name}: no packet with a right CRC; the recording is empty or damaged")
    measured_hz = sum(packet.n_accel for packet in good) / sum(packet.duration_s for packet in good)
    nominal_hz = min(_RATES_HZ, key=lambda rate: abs(rate / measured_hz - 1.0))
    near = abs(nominal_hz / measured_hz - 1.0) < 0.06
    first = _first_believed(packets, measured_hz)
    return MatrixFacts(
        format="Parmay Matrix bin",
        sampling_rate_hz=nominal_hz if near else measured_hz,
        nominal_rate_hz=nominal_hz if near else None,
        measured_rate_hz=measured_hz,
        range_g=float(range_g),
        start=datetime.fromtimestamp(first.start_s, UTC),
        device="Parmay Matrix",
        notes=("the rate is the nearest of the device's rates to what the packets show",) if near else (),
        g_per_count=range_g / 32768.0,
        start_s=first.start_s,
    )


class MatrixDecoder:
    """Packets into samples and gaps.

    Parameters
    ----------
    facts : MatrixFacts
        Of this file.
    """

    def __init__(self, facts: MatrixFacts) -> None:
        self._facts = facts
        self._clock_hz = facts.measured_rate_hz or facts.sampling_rate_hz
        self._grid = StampedGrid(grid_rate_hz=facts.sampling_rate_hz, slack_s=_STAMP_SLACK_S)
        self._scan = _Scan()
        self._damaged: list[_Packet] = []
        self._lost: list[str] = []
        self._n_packets = 0
        self._n_timed = self._timed_s = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the packets completed by these bytes."""
        return self._decode(self._scan.push(data))

    def flush(self) -> list[Item]:
        """Samples of the last packet, or the gap it leaves."""
        items = self._decode(self._scan.flush())
        if self._damaged:
            items += self._gaps_of_damaged(None)
        return items

    def quality(self) -> ClockQuality:
        """Clock by whole-second stamps, and which packets were skipped."""
        measured = self._n_timed / self._timed_s if self._timed_s else None
        if not self._lost:
            return ClockQuality(measured_rate_hz=measured)
        lost = f"{counted(len(self._lost), 'packet')} of {self._n_packets} damaged and skipped"
        return ClockQuality(measured_rate_hz=measured, notes=(f"{lost}: {'; '.join(self._lost[:5])}",))

    def _decode(self, packets: list[_Packet]) -> list[Item]:
        items: list[Item] = []
        for packet in packets:
            self._n_packets += 1
            if packet.body is None:
                self._lost.append(f"packet {self._n_packets} of {packet.n_accel} samples fails its CRC")
                self._damaged.append(packet)
                continue
            if self._damaged:
                items += self._gaps_of_damaged(packet)
            items += self._place(packet)
        return items

    def _place(self, packet: _Packet) -> list[Item]:
        self._n_timed += packet.n_accel
        self._timed_s += packet.duration_s
        counts = np.frombuffer(packet.body or b"", "<i2", count=3 * packet.n_accel).reshape(-1, 3)
        start_s, end_s = np.array([[packet.start_s], [packet.start_s + packet.duration_s]], dtype=np.float64)
        return self._grid.place(start_s, end_s, np.array([packet.n_accel]), counts * self._facts.g_per_count)

    def _gaps_of_damaged(self, after: _Packet | None) -> list[Item]:
        """What damaged packets held: as many samples as they state, where that fits the time between neighbours."""
        damaged, self._damaged = self._damaged, []
        n_stated = sum(packet.n_accel for packet in damaged)
        begin_s = float(self._facts.start_s) if self._grid.end_s is None else self._grid.end_s
        end_s = begin_s + sum(packet.duration_s for packet in damaged) if after is None else float(after.start_s)
        expected = (end_s - begin_s) * self._clock_hz
        if abs(n_stated - expected) <= 0.05 * expected + _STAMP_SLACK_S * self._clock_hz:
            return [self._grid.missing(n_stated, DAMAGED, end_s)] if n_stated else []
        if after is None or end_s <= begin_s:
            return []
        return [self._grid.missing(round((end_s - begin_s) * self._facts.sampling_rate_hz), DAMAGED, end_s)]


@dataclass(frozen=True, slots=True)
class _Packet:
    """One packet; the body is None where the CRC is wrong, and then the rest is only probable."""

    start_s: int
    duration_s: int
    n_accel: int
    body: bytes | None


class _Scan:
    """Bytes into packets: by the stated sizes, and by the next magic where those are wrong."""

    def __init__(self) -> None:
        self._held = b""
        self._skip = _FIRST_PACKET_AT
        self._searching = False

    def push(self, data: bytes) -> list[_Packet]:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._held += data
        return self._packets(at_end=False)

    def flush(self) -> list[_Packet]:
        packets = self._packets(at_end=True)
        self._held = b""
        return packets

    def _packets(self, *, at_end: bool) -> list[_Packet]:
        packets: list[_Packet] = []
        here = 0
        while True:
            if self._searching:
                found = self._held.find(_PACKET_MAGIC, here)
                here = max(here, len(self._held) - len(_PACKET_MAGIC) + 1) if found < 0 else found
                self._searching = found < 0
            if self._searching or len(self._held) - here < _HEAD.size:
                break
            packet, size = _read_packet(self._held, here)
            if packet is None and here + size > len(self._held) and not at_end:
                break  # not complete yet
            packets.append(packet or _damaged_packet(self._held, here))
            self._searching = packet is None
            here += 1 if packet is None else size
        self._held = self._held[here:]
        return packets


def _read_packet(data: bytes, at: int) -> tuple[_Packet | None, int]:
    """Packet and its bytes; None where it is damaged, or not complete."""
    magic, crc, start_s, end_s, n_accel, n_gyro, n_temperature, n_heart = _HEAD.unpack_from(data, at)
    size = _HEAD.size + 6 * (n_accel + n_gyro) + 4 * (n_temperature + n_heart)
    if magic != _PACKET_MAGIC or size > _MOST_PACKET_BYTES:
        return None, 0
    body = data[at + 12 : at + size]
    if len(body) != size - 12 or zlib.crc32(body) != crc or not 0 < end_s - start_s < 86400:
        return None, size
    return _Packet(start_s, end_s - start_s, n_accel, body[24 : 24 + 6 * n_accel]), size


def _damaged_packet(data: bytes, at: int) -> _Packet:
    magic, _, start_s, end_s, n_accel, *_ = _HEAD.unpack_from(data, at)
    if magic != _PACKET_MAGIC:
        return _Packet(0, 0, 0, None)
    return _Packet(start_s, end_s - start_s, n_accel if 6 * n_accel < _MOST_PACKET_BYTES else 0, None)


def _first_believed(packets: list[_Packet], rate_hz: float) -> _Packet:
    """The first packet, damaged or not, whose times fit those of the first good one; else the first good one."""
    good = next(packet for packet in packets if packet.body is not None)
    first = packets[0]
    fits_count = abs(first.duration_s * rate_hz - first.n_accel) <= 0.05 * first.n_accel + rate_hz
    fits_next = (
        0
        <= good.start_s - first.start_s - first.duration_s
        <= sum(packet.duration_s for packet in packets[1 : packets.index(good)] if 0 < packet.duration_s < 86400)
    )
    return first if fits_count and fits_next else good
