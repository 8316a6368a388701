"""GENEA `.bin` (the 2009 device, before GENEActiv): a header of text, then flash pages of 2048 bytes.

A page is 341 records of 6 bytes and 2 bytes of padding. A record is a CRC-8 (polynomial 85, from 0) over the five bytes
after it, a type of 4 bits and 36 bits: type 0 is x, y, z of 12 bits, type 2 the unix time of the next second on the
device's own clock, type 4 the readings of other sensors. 80 samples lie between two times.
RAW g = (count - offset) * gain / 8192 / (2048 / 6) by the header's calibration.

The layout was worked out from a recording: every record of it passes the CRC, and still seconds read 1.00 g.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.errors import ContentError, FormatError
from loadsense.samples import BoolArray, ClockQuality, FloatArray, IntArray, Item
from loadsense.wire.device_file import ByteArray, DeviceFacts, StampedGrid, clock_time, counted

PAGE_BYTES: Final = 2048
_RECORDS_PER_PAGE: Final = 341
_RANGE_G: Final = 6.0
_COUNTS_PER_G: Final = 2048.0 / _RANGE_G
_GAIN_OF_1: Final = 8192.0
_SAMPLES: Final = 0
_TIME: Final = 2
#: Samples held without a time before they are placed anyway.
_MOST_OPEN: Final = 8192
_CRC_POLYNOMIAL: Final = 0x85


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneaFacts(DeviceFacts):
    """Facts of a GENEA file beside those of every device, and where its first page begins."""

    gain: tuple[float, ...]
    offset: tuple[float, ...]
    data_at: int
    start_s: float


def starts_like_genea(head: bytes) -> bool:
    """Whether the first bytes are those of a GENEA file of 2009."""
    return head.startswith(b"GENEA/")


def read_genea_facts(head: bytes, name: str) -> GeneaFacts:
    """Facts from the header and the first pages.

    Raises
    ------
    FormatError
        The header, its calibration or its rate is missing.
    ContentError
        No time was found among the first records.
    """
    end = re.search(rb"\r?\n\r?\n", head[:16384])
    if not starts_like_genea(head) or end is None:
        raise FormatError(f"{name}: no GENEA header; expected a .bin file of the 2009 device, copy it again")
    lines = head[: end.start()].decode("latin-1").splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    rate = re.match(r"(\d{1,4}) ?Hz", fields.get("Sample-Rate", ""))
    gain, offset = _three(fields.get("Accel-Gains", "")), _three(fields.get("Accel-Offsets", ""))
    if rate is None or not 6 <= int(rate[1]) <= 1000 or gain is None or offset is None or 0.0 in gain:
        raise FormatError(f"{name}: the header states no Sample-Rate, Accel-Gains or Accel-Offsets; upload it again")
    rate_hz = float(rate[1])
    records = _records(head[end.end() : end.end() + (len(head) - end.end()) // PAGE_BYTES * PAGE_BYTES])
    kind = records[:, 1] >> 4
    times = np.flatnonzero(_crc_right(records) & (kind == _TIME))
    if not len(times):
        raise ContentError(f"{name}: no time among the first {len(records)} records; the recording is damaged")
    n_before = int((kind[: times[0]] == _SAMPLES).sum())
    start_s = float(_times_s(records[times[:1]])[0]) - n_before / rate_hz
    return GeneaFacts(
        format="GENEA bin",
        sampling_rate_hz=rate_hz,
        nominal_rate_hz=rate_hz,
        range_g=_RANGE_G,
        start=clock_time(start_s),
        device="GENEA",
        serial=fields.get("Serial-Number") or None,
        firmware=fields.get("Firmware-Version") or None,
        notes=(f"set up for: {fields['Body-Location']}",) if fields.get("Body-Location") else (),
        gain=gain,
        offset=offset,
        data_at=end.end(),
        start_s=start_s,
    )


class GeneaDecoder:
    """Pages into samples and gaps.

    Parameters
    ----------
    facts : GeneaFacts
        Of this file.
    """

    def __init__(self, facts: GeneaFacts) -> None:
        self._gain, self._offset = np.array(facts.gain), np.array(facts.offset)
        self._rate_hz = facts.sampling_rate_hz
        self._grid = StampedGrid(grid_rate_hz=self._rate_hz)
        self._held = b""
        self._header_left = facts.data_at
        self._open: list[FloatArray] = []
        self._n_open = 0
        self._open_s = facts.start_s
        self._n_records = self._n_damaged = self._n_tail = 0
        self._n_damaged_at_last = self._n_damaged_before = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the seconds completed by these bytes."""
        if self._header_left:
            skipped = min(self._header_left, len(data))
            self._header_left -= skipped
            data = data[skipped:]
        data = self._held + data if self._held else data
        whole = len(data) // PAGE_BYTES * PAGE_BYTES
        self._held = data[whole:]
        return self._decode(_records(data[:whole])) if whole else []

    def flush(self) -> list[Item]:
        """Samples of the last second, and of a page cut short."""
        whole = len(self._held) // 6 * 6
        records = np.frombuffer(self._held[:whole], np.uint8).reshape(-1, 6)[:_RECORDS_PER_PAGE]
        self._n_tail, self._held = len(self._held), b""
        return [*self._decode(records), *self._close(self._n_damaged)]

    def quality(self) -> ClockQuality:
        """Clock by whole-second stamps, and what was skipped."""
        notes = []
        if self._n_damaged:
            notes.append(f"{counted(self._n_damaged, 'record')} of {self._n_records} with a wrong CRC and skipped")
        if self._n_tail:
            notes.append("the file is cut short: its last page is not whole")
        return self._grid.quality(tuple(notes), exact_stamps=False)

    def _decode(self, records: ByteArray) -> list[Item]:
        records = records[(records != 0xFF).any(axis=1)]  # flash that was never written
        right, kind = _crc_right(records), records[:, 1] >> 4
        self._n_records += len(records)
        n_damaged = self._n_damaged + np.cumsum(~right)
        self._n_damaged += int((~right).sum())
        records, kind, n_damaged = records[right], kind[right], n_damaged[right]
        times = np.flatnonzero(kind == _TIME)
        items: list[Item] = []
        done = 0
        for at, second in zip(times.tolist(), _times_s(records[times]).tolist(), strict=True):
            self._hold(records[done:at][kind[done:at] == _SAMPLES])
            items += self._close(int(n_damaged[at]))
            self._open_s, done = float(second), at + 1
        self._hold(records[done:][kind[done:] == _SAMPLES])
        return [*items, *self._close(self._n_damaged)] if self._n_open > _MOST_OPEN else items

    def _hold(self, records: ByteArray) -> None:
        """Samples of the second that is open."""
        wide = records.astype(np.int16)
        accel_g = np.empty((len(wide), 3))
        accel_g[:, 0] = ((wide[:, 1] << 12) | (wide[:, 2] << 4)) >> 4
        accel_g[:, 1] = ((wide[:, 3] << 8) | wide[:, 4]) >> 4
        accel_g[:, 2] = ((wide[:, 4] << 12) | (wide[:, 5] << 4)) >> 4
        self._open.append((accel_g - self._offset) * self._gain / (_GAIN_OF_1 * _COUNTS_PER_G))
        self._n_open += len(accel_g)

    def _close(self, n_damaged: int) -> list[Item]:
        """Place the second that is open; the clock goes on from its end.

        Records damaged in a second shorten it, so the hole they leave comes before the next one.
        """
        if not self._n_open:
            return []
        n, start_s = self._n_open, self._open_s
        accel_g = np.concatenate(self._open)
        self._open, self._n_open, self._open_s = [], 0, start_s + n / self._rate_hz
        damaged = np.array([n_damaged > self._n_damaged_before])
        self._n_damaged_before, self._n_damaged_at_last = self._n_damaged_at_last, n_damaged
        return self._grid.place(np.array([start_s]), np.array([self._open_s]), np.array([n]), accel_g, damaged=damaged)


def _records(pages: bytes) -> ByteArray:
    """Records of whole pages, shape (n, 6)."""
    octets = np.frombuffer(pages, np.uint8).reshape(-1, PAGE_BYTES)
    return np.ascontiguousarray(octets[:, : _RECORDS_PER_PAGE * 6]).reshape(-1, 6)


def _crc_table() -> ByteArray:
    table = np.zeros(256, np.uint8)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc << 1) ^ _CRC_POLYNOMIAL if crc & 0x80 else crc << 1
            crc &= 0xFF
        table[value] = crc
    return table


_CRC_TABLE: Final = _crc_table()


def _crc_right(records: ByteArray) -> BoolArray:
    crc = np.zeros(len(records), np.uint8)
    for column in range(1, 6):
        crc = _CRC_TABLE[crc ^ records[:, column]]
    right: BoolArray = crc == records[:, 0]
    return right


def _times_s(records: ByteArray) -> IntArray:
    return np.ascontiguousarray(records[:, 2:]).view(">u4").ravel().astype(np.int64)


def _three(text: str) -> tuple[float, ...] | None:
    """Three numbers, or None."""
    parts = text.split()
    if len(parts) != 3 or not all(re.fullmatch(r"-?\d{1,6}", part) for part in parts):
        return None
    return tuple(float(part) for part in parts)
