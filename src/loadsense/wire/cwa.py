"""Axivity AX3 and AX6 `.cwa`: a header of 1024 bytes, then sectors of 512 bytes with a checksum each.

A sector carries up to 120 samples: three axes of 10 bits with a common exponent in 32 bits, or 16-bit values of 3, 6
(gyroscope first) or 9 axes. Its stamp is a whole second and a fraction, valid for the sample of a stated index; the
sampling clock of the sensor strays from the nominal rate by up to 3 %, the clock of the stamps does not.

Layout as published by the maker (Open Movement, "CWA file format").
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.errors import ContentError, FormatError
from loadsense.samples import BoolArray, ClockQuality, FloatArray, IntArray, Item
from loadsense.wire.device_file import ByteArray, DeviceFacts, StampedGrid, clock_time, counted, first_rate_hz

HEADER_BYTES: Final = 1024
SECTOR_BYTES: Final = 512

_SECTOR: Final = np.dtype(
    [
        ("magic", "S2"),
        ("length", "<u2"),
        ("fraction", "<u2"),
        ("session", "<u4"),
        ("sequence", "<u4"),
        ("stamp", "<u4"),
        ("light_scale", "<u2"),
        ("temperature", "<u2"),
        ("events", "u1"),
        ("battery", "u1"),
        ("rate", "u1"),
        ("axes", "u1"),
        ("offset", "<i2"),
        ("n", "<u2"),
        ("data", "u1", 480),
        ("checksum", "<u2"),
    ]
)
_HARDWARE: Final = {0x00: "Axivity AX3", 0xFF: "Axivity AX3", 0x17: "Axivity AX3", 0x64: "Axivity AX6"}


def starts_like_cwa(head: bytes) -> bool:
    """Whether the first bytes are those of a CWA header."""
    return head[:2] == b"MD" and len(head) >= 4 and 500 <= struct.unpack_from("<H", head, 2)[0] <= 1020


def read_cwa_facts(head: bytes, name: str) -> DeviceFacts:
    """Facts from the header and the first sectors.

    Parameters
    ----------
    head : bytes
        The first bytes: the header and some hundred sectors, or the whole file.
    name : str
        Of the file, for the sentences.

    Raises
    ------
    FormatError
        The header is not that of a CWA file.
    ContentError
        No sector with samples was found.
    """
    if not starts_like_cwa(head) or len(head) < HEADER_BYTES:
        raise FormatError(f"{name}: no Axivity header of {HEADER_BYTES} bytes; expected a .cwa file, copy it again")
    whole = (len(head) - HEADER_BYTES) // SECTOR_BYTES * SECTOR_BYTES
    sectors = _sectors(head[HEADER_BYTES : HEADER_BYTES + whole])
    good = sectors[_valid(sectors)]
    if not len(good):
        raise ContentError(f"{name}: no sector with samples and a right checksum; the recording is empty or damaged")
    rate_hz = float(_rates_hz(good[:1])[0])
    good = good[good["rate"] == good["rate"][0]]
    start_s = _start_s(good)
    hardware, device_low, session, device_high = struct.unpack_from("<BHIH", head, 4)
    serial = device_low if device_high == 0xFFFF else device_low | device_high << 16
    return DeviceFacts(
        format="Axivity cwa",
        sampling_rate_hz=rate_hz,
        nominal_rate_hz=rate_hz,
        measured_rate_hz=first_rate_hz(start_s, good["n"].astype(np.int64), rate_hz),
        range_g=float(16 >> (int(good["rate"][0]) >> 6)),
        start=clock_time(float(start_s[0])),
        device=_HARDWARE.get(hardware, f"Axivity (hardware {hardware:#04x})"),
        serial=f"{serial:05d}",
        firmware=str(head[41]),
        notes=(f"session {session}", *_first_readings(good[0]), *_annotation(head)),
    )


class CwaDecoder:
    """Sectors into samples and gaps.

    Parameters
    ----------
    facts : DeviceFacts
        Of this file.
    """

    def __init__(self, facts: DeviceFacts) -> None:
        self._rate_hz = facts.sampling_rate_hz
        self._clock_hz = facts.measured_rate_hz or facts.sampling_rate_hz
        self._grid = StampedGrid(grid_rate_hz=self._rate_hz)
        self._held = b""
        self._header_left = HEADER_BYTES
        self._n_sectors = self._n_damaged = self._n_other_rate = 0
        self._n_damaged_at_last = 0
        self._n_tail = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the sectors completed by these bytes."""
        if self._header_left:
            skipped = min(self._header_left, len(data))
            self._header_left -= skipped
            data = data[skipped:]
        data = self._held + data if self._held else data
        whole = len(data) // SECTOR_BYTES * SECTOR_BYTES
        self._held = data[whole:]
        return self._decode(_sectors(data[:whole])) if whole else []

    def flush(self) -> list[Item]:
        """Nothing: an incomplete sector has no checksum and is only counted."""
        self._n_tail = len(self._held)
        self._held = b""
        return []

    def quality(self) -> ClockQuality:
        """Clock by the stamps of all sectors, and what was skipped."""
        notes = []
        if self._n_damaged:
            notes.append(
                f"{counted(self._n_damaged, 'sector')} of {self._n_sectors} damaged (checksum, time or count wrong) "
                "and skipped; the samples are missing"
            )
        if self._n_other_rate:
            notes.append(
                f"{counted(self._n_other_rate, 'sector')} at another rate than {self._rate_hz:g} Hz and left out"
            )
        if self._n_tail:
            notes.append(f"the file is cut short: its last {self._n_tail} bytes are no whole sector")
        return self._grid.quality(tuple(notes))

    def _decode(self, sectors: np.ndarray) -> list[Item]:
        used = ~_is_blank(sectors)
        self._n_sectors += int(used.sum())
        valid = _valid(sectors)
        other_rate = valid & (_rates_hz(sectors) != self._rate_hz)
        self._n_other_rate += int(other_rate.sum())
        kept = valid & ~other_rate
        n_damaged = self._n_damaged + np.cumsum(used & ~valid)
        self._n_damaged = int(n_damaged[-1])
        good, n_damaged = sectors if kept.all() else sectors[kept], n_damaged[kept]
        if not len(good):
            return []
        damaged = np.diff(n_damaged, prepend=self._n_damaged_at_last) > 0
        self._n_damaged_at_last = int(n_damaged[-1])
        n = good["n"].astype(np.int64)
        start_s = _start_s(good)
        return self._grid.place(start_s, start_s + n / self._clock_hz, n, _accel_g(good), damaged=damaged)


def _sectors(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype=_SECTOR)


def _is_blank(sectors: np.ndarray) -> BoolArray:
    """Sectors never written: flash reads FF there, a fresh card 00."""
    blank: BoolArray = (sectors["magic"] == b"\xff\xff") | (sectors["magic"] == b"")
    return blank


def _valid(sectors: np.ndarray) -> BoolArray:
    """Whether each sector is samples with a right checksum, a possible time and a possible count."""
    n_axes, is_int16 = sectors["axes"] >> 4, (sectors["axes"] & 0x0F) == 2
    capacity = np.where(is_int16, 240 // np.maximum(n_axes, 1), 120)
    form = np.where(is_int16, (n_axes == 3) | (n_axes == 6) | (n_axes == 9), sectors["axes"] == 0x30)
    stamp = sectors["stamp"]
    month, day, hour = (stamp >> 22) & 15, (stamp >> 17) & 31, (stamp >> 12) & 31
    clock = (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & ((stamp >> 6) & 63 < 60) & (stamp & 63 < 60)
    counts = (sectors["n"] >= 1) & (sectors["n"] <= capacity) & (_rates_hz(sectors) >= 6.0)
    valid: BoolArray = (sectors["magic"] == b"AX") & (_sums(sectors) == 0) & form & clock & counts
    return valid


def _sums(sectors: np.ndarray) -> IntArray:
    """Lowest 16 bits of the sum of the words of each sector: 0 with a right checksum."""
    sums: IntArray
    loops = kernels.compiled()
    if loops is not None:
        sums = loops.sector_sums(_octets(sectors))
    else:
        words = sectors.view("<u2").reshape(len(sectors), SECTOR_BYTES // 2)
        sums = words.sum(axis=1, dtype=np.int64) & 0xFFFF
    return sums


def _octets(sectors: np.ndarray) -> ByteArray:
    return sectors.view(np.uint8).reshape(len(sectors), SECTOR_BYTES)


def _rates_hz(sectors: np.ndarray) -> FloatArray:
    return 3200.0 / (1 << (15 - (sectors["rate"] & 0x0F).astype(np.int64)))


def _start_s(sectors: np.ndarray) -> FloatArray:
    """Seconds since 1970 on the device's clock of the first sample of each sector.

    With the top bit of `fraction` set, the lower 15 bits are the fraction of the second, and the writer has already
    moved `offset` by it for readers that know whole seconds only; that is undone.
    """
    stamp = sectors["stamp"].astype(np.int64)
    months = ((stamp >> 26) + 30) * 12 + ((stamp >> 22) & 15) - 1
    days = months.astype("M8[M]").astype("M8[D]").astype(np.int64) + ((stamp >> 17) & 31) - 1
    whole_s = days * 86400 + ((stamp >> 12) & 31) * 3600 + ((stamp >> 6) & 63) * 60 + (stamp & 63)
    rate_hz = _rates_hz(sectors)
    has_fraction = sectors["fraction"] >> 15 != 0
    fraction = np.where(has_fraction, (sectors["fraction"] & 0x7FFF).astype(np.int64), 0)
    index = sectors["offset"].astype(np.int64) + ((fraction << 1) * rate_hz.astype(np.int64) >> 16)
    start_s: FloatArray = whole_s + fraction / 32768.0 - index / rate_hz
    return start_s


def _accel_g(sectors: np.ndarray) -> FloatArray:
    """Samples of all sectors in order, RAW g; sectors of one form and count are decoded together."""
    form = np.stack([sectors["axes"].astype(np.int64), sectors["n"], sectors["light_scale"] >> 13], axis=1)
    changes = np.flatnonzero((form[1:] != form[:-1]).any(axis=1)) + 1
    if not len(changes):
        return _accel_of_form_g(sectors)
    return np.concatenate([_accel_of_form_g(run) for run in np.split(sectors, changes)])


def _accel_of_form_g(sectors: np.ndarray) -> FloatArray:
    n, n_axes, is_int16 = int(sectors["n"][0]), int(sectors["axes"][0]) >> 4, int(sectors["axes"][0]) & 0x0F == 2
    first = 0 if n_axes == 3 else 3  # the gyroscope comes before the accelerometer
    g_per_count = 2.0 ** -(8 + (int(sectors["light_scale"][0]) >> 13 if is_int16 else 0))
    loops = kernels.compiled()
    if loops is not None:
        columns = (n_axes, first) if is_int16 else (0, 0)
        accel_g: FloatArray = loops.sector_samples(_octets(sectors), n, columns, g_per_count)
        return accel_g
    data = np.ascontiguousarray(sectors["data"])
    if is_int16:
        return data.view("<i2")[:, : n * n_axes].reshape(-1, n_axes)[:, first : first + 3] * g_per_count
    words = data.view("<u4")[:, :n].ravel()
    exponent = (words >> 30).astype(np.int32)
    accel_g = np.empty((len(words), 3))
    for axis, shift in enumerate((22, 12, 2)):
        accel_g[:, axis] = ((words << np.uint32(shift)).view(np.int32) >> 22) << exponent
    accel_g *= g_per_count
    return accel_g


def _first_readings(sector: np.void) -> tuple[str, ...]:
    """Temperature (MCP9700, 10 bits) and battery of the first sector."""
    celsius = (int(sector["temperature"] & 0x3FF) * 150.0 - 20500.0) / 1000.0
    volts = (int(sector["battery"]) + 512) * 6.0 / 1024.0
    return (f"at the start {celsius:.1f} degrees C, battery {volts:.2f} V",)


def _annotation(head: bytes) -> tuple[str, ...]:
    """What the study typed in at set-up, where it is text."""
    text = head[64:512].rstrip(b"\x00\xff ").decode("ascii", "ignore").strip()
    return (f"annotation: {text}",) if text.isprintable() and text else ()
