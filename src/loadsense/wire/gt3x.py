"""ActiGraph `.gt3x` (a zip archive): `info.txt`, and `log.bin` of records or, before 2012, `activity.bin`.

`log.bin` is a chain of records: 1E, type, unix time of the device's local clock (4 bytes), payload size (2 bytes),
payload, and the complement of the XOR of all bytes before. Type 0 holds one second of 12-bit samples in the order
y, x, z, most significant bits first; type 26 one second of 16-bit samples x, y, z. In idle sleep mode nothing is
written; a record of type 3 says when it begins and ends.

`activity.bin` of the GT3X+ (serial numbers CLE and NEO) is the 12-bit samples alone, without stamps.

Layouts as published by the maker ("GT3X file format").
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise, repeat
from math import frexp
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.errors import ContentError, FormatError
from loadsense.samples import BoolArray, ClockQuality, FloatArray, IntArray, Item, SampleBlock
from loadsense.wire.device_file import ByteArray, CountArray, DeviceFacts, StampedGrid, clock_time, counted

_SEPARATOR: Final = 0x1E
_HEADER: Final = struct.Struct("<BBIH")
_HEADER_DTYPE: Final = np.dtype([("mark", "<u2"), ("stamp", "<u4"), ("size", "<u2")])
_ACTIVITY_12_BIT: Final = 0
_EVENT: Final = 3
_SENSOR_DATA: Final = 25
_ACTIVITY_16_BIT: Final = 26
_LAST_TYPE: Final = 26
#: Event that idle sleep mode begins.
_FALLS_ASLEEP: Final = 0x08
#: Payloads are seconds of data: none seen is longer; bounds the search after damage.
_MOST_PAYLOAD_BYTES: Final = 16384
#: Records looked ahead at once: enough to pay, few enough for logs that mix their types.
_MOST_ALIKE: Final = 128
#: Ticks of 100 ns between 0001-01-01 and 1970-01-01.
_TICKS_AT_1970: Final = 621_355_968_000_000_000
_TICKS_PER_S: Final = 10_000_000

#: Counts per g and full scale by the first letters of the serial number, where info.txt states none.
_FAMILIES: Final = {
    "CLE": (341.0, 6.0),
    "NEO": (341.0, 6.0),
    "MRA": (341.0, 6.0),
    "MOS": (256.0, 8.0),
    "TAS": (256.0, 8.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gt3xFacts(DeviceFacts):
    """Facts of a `.gt3x` beside those of every device.

    Attributes
    ----------
    counts_per_g : float
    last_s : float or None
        Seconds since 1970 on the device's clock at which recording stopped, asleep or not.
    """

    counts_per_g: float
    last_s: float | None = None


def read_gt3x_facts(info_txt: bytes, name: str) -> Gt3xFacts:
    """Facts from `info.txt`; `start` is the stated one until the first record is seen.

    Raises
    ------
    FormatError
        A rate or a start is missing, or the scale is unknown.
    """
    fields = _fields(info_txt)
    rate_hz = _number(fields, "Sample Rate", name)
    start_s = _ticks_s(fields.get("Start Date"))
    if rate_hz is None or not 12.0 <= rate_hz <= 1000.0 or start_s is None:
        raise FormatError(f"{name}: info.txt states no usable Sample Rate and Start Date; download the device again")
    serial = fields.get("Serial Number", "")
    counts_per_g, range_g, assumed = _scale(fields, serial, name)
    mass_kg = _number(fields, "Mass", name)
    return Gt3xFacts(
        format="ActiGraph gt3x",
        sampling_rate_hz=rate_hz,
        nominal_rate_hz=rate_hz,
        range_g=range_g,
        start=at_offset(start_s, fields.get("TimeZone")),
        device=f"ActiGraph {fields['Device Type']}" if "Device Type" in fields else "ActiGraph",
        serial=serial or None,
        firmware=fields.get("Firmware"),
        body_mass_kg=mass_kg if mass_kg is not None and 20.0 <= mass_kg <= 300.0 else None,
        notes=(*assumed, *_worn(fields)),
        counts_per_g=counts_per_g,
        last_s=_ticks_s(fields.get("Last Sample Time")),
    )


def at_offset(local_s: float, offset: str | None) -> datetime:
    """Local time of the device, aware where the file states its offset from UTC ("-05:00:00")."""
    local = clock_time(local_s)
    parts = (offset or "").strip().lstrip("+-").split(":")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        return local
    east = timedelta(hours=int(parts[0]), minutes=int(parts[1]))
    if east > timedelta(hours=15):
        return local
    west = (offset or "").strip().startswith("-")
    return local.replace(tzinfo=timezone(-east if west else east))


class LogDecoder:
    """Records of `log.bin` into samples and gaps.

    Parameters
    ----------
    facts : Gt3xFacts
        Of this archive.
    """

    def __init__(self, facts: Gt3xFacts) -> None:
        self._facts = facts
        self._grid = StampedGrid(grid_rate_hz=facts.sampling_rate_hz, reason=self._reason)
        self._held = b""
        self._asleep_s: list[int] = []
        self._n_bad = self._n_skipped = self._n_tail = self._n_imu = 0
        self._n_breaks = self._n_damage_at_last = 0
        self.first_s: int | None = None

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the records completed by these bytes."""
        data = self._held + data if self._held else data
        walk = _walk(data, at_end=False)
        self._held = data[walk.done :]
        return self._place(data, walk)

    def flush(self) -> list[Item]:
        """Samples of what is left, and the sleep at the end, if the device slept until it was stopped."""
        data, self._held = self._held, b""
        walk = _walk(data, at_end=True)
        self._n_tail = len(data) - walk.done
        return [*self._place(data, walk), *self._asleep_at_end()]

    def quality(self) -> ClockQuality:
        """Clock by whole-second stamps, and what was skipped."""
        notes = []
        if self._n_bad:
            notes.append(f"{counted(self._n_bad, 'record')} with a wrong checksum skipped; the samples are missing")
        if self._n_skipped:
            notes.append(f"{self._n_skipped} bytes of log.bin are no records and were skipped")
        if self._n_tail:
            notes.append(f"log.bin is cut short: its last {self._n_tail} bytes are no whole record")
        if self._n_imu:
            notes.append("the archive also holds an IMU stream, which is not read")
        return self._grid.quality(tuple(notes), exact_stamps=False)

    def _place(self, data: bytes, walk: _Walk) -> list[Item]:
        self._n_skipped += walk.n_skipped
        octets = np.frombuffer(data, np.uint8)
        self._note_events(octets, walk)
        is_activity = ((walk.kind == _ACTIVITY_12_BIT) | (walk.kind == _ACTIVITY_16_BIT)) & (walk.size > 1)
        n_breaks = self._n_breaks + np.cumsum(walk.after_break)
        self._n_breaks += int(walk.after_break.sum())
        columns = (walk.at, walk.kind, walk.size, walk.stamp, n_breaks)
        at, kind, size, stamp, n_breaks = (column[is_activity] for column in columns)
        form = kind << 32 | size
        changes = np.concatenate(([0], np.flatnonzero(form[1:] != form[:-1]) + 1, [len(form)]))
        items: list[Item] = []
        for first, last in pairwise(changes.tolist()):
            if first < last:
                accel_g, right = _activity(octets, at[first:last], int(kind[first]), self._facts.counts_per_g)
                items += self._place_run(accel_g, right, stamp[first:last], n_breaks[first:last])
        return items

    def _place_run(self, accel_g: FloatArray, right: BoolArray, stamp: IntArray, n_breaks: IntArray) -> list[Item]:
        """Records of one type and size, of which those with a right checksum gave samples."""
        n_damage = (self._n_bad + np.cumsum(~right) + n_breaks)[right]
        self._n_bad += int((~right).sum())
        if not right.any():
            return []
        n_each = len(accel_g) // len(n_damage)
        start_s = stamp[right].astype(np.float64)
        if self.first_s is None:
            self.first_s = int(start_s[0])
        damaged = np.diff(n_damage, prepend=self._n_damage_at_last) > 0
        self._n_damage_at_last = int(n_damage[-1])
        n = np.full(len(start_s), n_each, dtype=np.int64)
        end_s = start_s + n_each / self._facts.sampling_rate_hz
        return self._grid.place(start_s, end_s, n, accel_g, damaged=damaged)

    def _note_events(self, octets: ByteArray, walk: _Walk) -> None:
        self._n_imu += int((walk.kind == _SENSOR_DATA).sum())
        is_event = (walk.kind == _EVENT) & (walk.size == 1)
        falls = octets[walk.at[is_event] + _HEADER.size] == _FALLS_ASLEEP
        # a gap is named in the run that follows it, so only the last few sleeps can matter
        self._asleep_s = [*self._asleep_s, *walk.stamp[is_event][falls].tolist()][-4096:]

    def _reason(self, before_s: float, after_s: float) -> str:
        asleep = any(before_s - 15.0 <= stamp <= after_s for stamp in self._asleep_s)
        return "idle sleep mode" if asleep else "no samples"

    def _asleep_at_end(self) -> list[Item]:
        end_s, last_s = self._grid.end_s, self._facts.last_s
        if end_s is None or last_s is None or not 1.0 <= last_s - end_s <= 31 * 86400.0:
            return []
        n_missing = round((last_s - end_s) * self._facts.sampling_rate_hz)
        return [self._grid.missing(n_missing, self._reason(end_s, last_s), last_s)]


class ActivityDecoder:
    """Samples of the older `activity.bin`: 12 bits, no stamps, nothing that would show a loss.

    Parameters
    ----------
    facts : Gt3xFacts
        Of this archive.
    """

    def __init__(self, facts: Gt3xFacts) -> None:
        self._counts_per_g = facts.counts_per_g
        self._held = b""
        self._next_sample = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples completed by these bytes."""
        data = self._held + data if self._held else data
        whole = len(data) // 9 * 9  # two samples
        self._held = data[whole:]
        return self._block(np.frombuffer(data[:whole], np.uint8).reshape(1, -1))

    def flush(self) -> list[Item]:
        """The odd last sample, if there is one."""
        held, self._held = self._held, b""
        return self._block(np.frombuffer(held, np.uint8).reshape(1, -1))

    def quality(self) -> ClockQuality:
        """Nothing is known without stamps."""
        return ClockQuality()

    def _block(self, octets: ByteArray) -> list[Item]:
        counts, n = _samples_12_bit(octets)
        if not n:
            return []
        first, self._next_sample = self._next_sample, self._next_sample + n
        return [SampleBlock(first, counts / self._counts_per_g)]


@dataclass(frozen=True, slots=True)
class _Walk:
    """Records found in some bytes: where, what, when, how large; `done` bytes need not be seen again."""

    at: IntArray
    kind: IntArray
    size: IntArray
    stamp: IntArray
    after_break: IntArray
    done: int
    n_skipped: int


def _walk(data: bytes, *, at_end: bool) -> _Walk:
    """Follow the chain of records; where it breaks, search the next record with a right checksum."""
    runs: list[IntArray] = []
    here = n_skipped = broken = 0
    last = len(data) - _HEADER.size - 1
    while here <= last:
        run = _chain(data, here)
        if len(run):
            runs.append(np.column_stack((run, np.zeros(len(run), np.int64))))
            runs[-1][0, 4], broken = broken, 0
            here = int(run[-1, 0] + run[-1, 2]) + _HEADER.size + 1
            continue
        separator, _, _, size = _HEADER.unpack_from(data, here)
        is_record = separator == _SEPARATOR and size <= _MOST_PAYLOAD_BYTES
        if is_record and not at_end:
            break  # not complete yet
        found = _next_record(data, _resume_at(data, runs, here), at_end=at_end)
        if is_record and found > last:
            break  # the last record is cut
        n_skipped += max(found - here, 0)
        here, broken = found, 1
    at, kind, size_of, stamp, after_break = np.concatenate([np.empty((0, 5), np.int64), *runs]).T
    return _Walk(at, kind, size_of, stamp, after_break, here, n_skipped)


def _chain(data: bytes, here: int) -> IntArray:
    """Whole records that follow each other from `here` on: where, type, size of the payload, time."""
    loops = kernels.compiled()
    if loops is not None:
        found: IntArray = loops.chain(np.frombuffer(data, np.uint8), here, _MOST_PAYLOAD_BYTES)
        return found
    rows: list[tuple[int, int, int, int]] = []
    while here < len(data) - _HEADER.size:
        separator, kind, stamp, size = _HEADER.unpack_from(data, here)
        end = here + _HEADER.size + size + 1
        if separator != _SEPARATOR or size > _MOST_PAYLOAD_BYTES or end > len(data):
            break
        rows.append((here, kind, size, stamp))
        if len(rows) > 1 and rows[-2][1:3] == (kind, size):
            alike, step = _alike(data, end, end - here), end - here
            rows += zip(range(end, len(data), step), repeat(kind), repeat(size), alike, strict=False)
            end += len(alike) * step
        here = end
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _alike(data: bytes, start: int, n_bytes: int) -> list[int]:
    """Stamps of the whole records from `start` on that go on with the type and size of the one before it."""
    n = min((len(data) - start) // n_bytes, _MOST_ALIKE)
    if not n or data[start : start + 2] != data[start - n_bytes : start - n_bytes + 2]:
        return []
    octets = np.frombuffer(data, np.uint8, count=(n + 1) * n_bytes, offset=start - n_bytes).reshape(n + 1, n_bytes)
    heads = np.ascontiguousarray(octets[:, : _HEADER.size]).view(_HEADER_DTYPE).ravel()
    same = (heads["mark"] == heads["mark"][0]) & (heads["size"] == heads["size"][0])
    n_same = len(same) if same.all() else int(same.argmin())
    stamps: list[int] = heads["stamp"][1:n_same].tolist()
    return stamps


def _resume_at(data: bytes, runs: list[IntArray], here: int) -> int:
    """Where to search after a break: in the record before it, if its damaged size led astray."""
    if runs:
        at = int(runs[-1][-1, 0])
        if not _checksums_right(np.frombuffer(data[at:here], np.uint8)[None, :])[0]:
            runs[-1] = runs[-1][:-1]
            if not len(runs[-1]):
                runs.pop()
            return at + 1
    return here + 1


def _next_record(data: bytes, start: int, *, at_end: bool) -> int:
    """Where the next record with a right checksum begins, or where one might that is not complete yet."""
    here = data.find(_SEPARATOR, start)
    while here >= 0:
        if len(data) - here <= _HEADER.size:
            return len(data) if at_end else here
        _, kind, _, size = _HEADER.unpack_from(data, here)
        if kind <= _LAST_TYPE and size <= _MOST_PAYLOAD_BYTES:
            end = here + _HEADER.size + size + 1
            if end > len(data):
                if not at_end:
                    return here
            elif _checksums_right(np.frombuffer(data[here:end], np.uint8)[None, :])[0]:
                return here
        here = data.find(_SEPARATOR, here + 1)
    return len(data)


def _activity(octets: ByteArray, at: IntArray, kind: int, counts_per_g: float) -> tuple[FloatArray, BoolArray]:
    """Samples in RAW g of records of one type and size, and whether each checksum is right: a wrong one gives none."""
    size = int(octets[at[0] + 6]) | int(octets[at[0] + 7]) << 8
    loops = kernels.compiled()
    if loops is not None:
        inverse = 1.0 / counts_per_g if frexp(counts_per_g)[0] == 0.5 else 0.0
        found: tuple[FloatArray, BoolArray] = loops.activity(octets, at, (kind, size), (counts_per_g, inverse))
        return found
    records = np.lib.stride_tricks.sliding_window_view(octets, _HEADER.size + size + 1)[at]
    right = _checksums_right(records)
    unpack = _samples_12_bit if kind == _ACTIVITY_12_BIT else _samples_16_bit
    counts, _ = unpack(records[right, _HEADER.size : -1])
    return counts / counts_per_g, right


def _checksums_right(records: ByteArray) -> BoolArray:
    """Whether the last byte of each row is the complement of the XOR of the others, eight bytes at a time."""
    n_rows, n_bytes = records.shape
    padded = np.zeros((n_rows, -(-n_bytes // 8) * 8), np.uint8)
    padded[:, :n_bytes] = records
    folded = np.bitwise_xor.reduce(padded.view(np.uint64), axis=1)
    for shift in (32, 16, 8):
        folded ^= folded >> np.uint64(shift)
    right: BoolArray = (folded & np.uint64(0xFF)) == 0xFF
    return right


def _samples_12_bit(payloads: ByteArray) -> tuple[CountArray, int]:
    """Counts x, y, z of rows of packed y, x, z, and how many samples each row holds."""
    n_rows, n_bytes = payloads.shape
    n_each = n_bytes * 2 // 9
    padded = payloads if n_bytes % 3 == 0 else np.pad(payloads, ((0, 0), (0, 3 - n_bytes % 3)))
    triples = padded.reshape(n_rows, padded.shape[1] // 3, 3).astype(np.int16)
    values = np.empty((n_rows, triples.shape[1], 2), np.int16)
    values[:, :, 0] = ((triples[:, :, 0] << 8) | triples[:, :, 1]) >> 4
    values[:, :, 1] = ((triples[:, :, 1] << 12) | (triples[:, :, 2] << 4)) >> 4
    yxz = values.reshape(n_rows, 2 * triples.shape[1])[:, : 3 * n_each].reshape(-1, 3)
    xyz = np.empty_like(yxz)
    xyz[:, 0], xyz[:, 1], xyz[:, 2] = yxz[:, 1], yxz[:, 0], yxz[:, 2]
    return xyz, n_each


def _samples_16_bit(payloads: ByteArray) -> tuple[CountArray, int]:
    """Counts x, y, z of rows of 16-bit samples, and how many samples each row holds."""
    n_each = payloads.shape[1] // 6
    whole = np.ascontiguousarray(payloads[:, : 6 * n_each])
    return whole.view("<i2").reshape(-1, 3), n_each


def _fields(info_txt: bytes) -> dict[str, str]:
    """Lines "name: value" of info.txt."""
    lines = info_txt.decode("utf-8-sig", "replace").splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs if value.strip()}


def _number(fields: dict[str, str], key: str, name: str) -> float | None:
    """A number of info.txt, with a decimal point or comma; None where it is not stated."""
    text = fields.get(key)
    if text is None:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ContentError(f"{name}: info.txt, {key} '{text}' is no number; download the device again") from None
    return value if np.isfinite(value) else None


def _ticks_s(text: str | None) -> float | None:
    """Seconds since 1970 of a time in ticks of 100 ns since year 1; None where there is none."""
    if text is None or not text.isdecimal() or len(text) > 19:
        return None
    seconds = (int(text) - _TICKS_AT_1970) / _TICKS_PER_S
    return seconds if 0.0 < seconds < 4e9 else None


def _scale(fields: dict[str, str], serial: str, name: str) -> tuple[float, float | None, tuple[str, ...]]:
    """Counts per g, full scale in g, and a note where they rest on the serial number."""
    stated, most_g = _number(fields, "Acceleration Scale", name), _number(fields, "Acceleration Max", name)
    if stated is not None and 1.0 <= stated <= 65536.0:
        return stated, most_g if most_g is not None and 1.0 <= most_g <= 1000.0 else None, ()
    family = _FAMILIES.get(serial[:3].upper())
    if family is None:
        raise FormatError(
            f"{name}: info.txt states no Acceleration Scale and serial number '{serial}' is of no known family "
            f"({', '.join(_FAMILIES)}); export CSV from ActiLife instead"
        )
    counts_per_g, range_g = family
    return counts_per_g, range_g, (f"scale {counts_per_g:g} counts per g and range by the serial number {serial[:3]}",)


def _worn(fields: dict[str, str]) -> tuple[str, ...]:
    """Where the set-up says it was worn, and its battery."""
    limb = " ".join(fields[key] for key in ("Side", "Limb") if key in fields)
    battery = fields.get("Battery Voltage")
    return (
        *((f"set up for: {limb}",) if limb else ()),
        *((f"battery {battery.replace(',', '.')} V at download",) if battery else ()),
    )
