"""GENEActiv `.bin`: a header of text, then pages of nine lines of text and one line of 3600 hexadecimal digits.

A page holds 300 samples of 12 digits (x, y, z of 12 bits each, then light, button and one bit unused), the time of its
first sample, a temperature and a battery voltage. RAW g = (count * 100 - offset) / gain by the header's calibration.

Layout as published by the maker ("GENEActiv .bin file format").
"""

from __future__ import annotations

import re
from binascii import unhexlify
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Final

import numpy as np

from loadsense.errors import FormatError
from loadsense.samples import ClockQuality, FloatArray, Item
from loadsense.wire.device_file import DeviceFacts, StampedGrid, counted, first_rate_hz

_PAGE_MARK: Final = b"Recorded Data"
_HEADER_MARK: Final = b"Device Identity"
#: A page is 3.8 kB; a page without end is damage.
_MOST_PAGE_BYTES: Final = 16384
_SAMPLE_DIGITS: Final = 12
#: Page times are seen to be off by half a second; a rate is measured over so long only.
_STAMP_SLACK_S: Final = 0.6
_FEWEST_TIMED_S: Final = 60.0

_PAGE: Final = re.compile(
    rb"\ARecorded Data\r?\n[^\0]*?Page Time:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3})\s*\r?\n"
    rb"[^\0]*?Measurement Frequency:\s*([\d.,]{1,12})\s*\r?\n([0-9A-Fa-f]+)\s*\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneactivFacts(DeviceFacts):
    """Facts of a GENEActiv file beside those of every device: RAW g = (count * 100 - offset) / gain, per axis."""

    gain: tuple[float, float, float]
    offset: tuple[float, float, float]


def starts_like_geneactiv(head: bytes) -> bool:
    """Whether the first bytes are those of a GENEActiv file."""
    return head.lstrip(b"\xef\xbb\xbf \r\n").startswith(_HEADER_MARK)


def read_geneactiv_facts(head: bytes, name: str) -> GeneactivFacts:
    """Facts from the header and the first pages.

    Parameters
    ----------
    head : bytes
        The first bytes: the header and some pages, or the whole file.
    name : str
        Of the file, for the sentences.

    Raises
    ------
    FormatError
        The header, the calibration, the rate or the first page is missing.
    """
    at = head.find(_PAGE_MARK)
    if not starts_like_geneactiv(head) or at < 0:
        raise FormatError(f"{name}: no GENEActiv header and first page; expected a .bin file, extract it again")
    fields = _fields(head[:at])
    rate_hz = _number(fields.get("Measurement Frequency", ""))
    gain = tuple(_number(fields.get(f"{axis} gain", "")) or 0.0 for axis in "xyz")
    offset = tuple(_number(fields.get(f"{axis} offset", "")) or 0.0 for axis in "xyz")
    if rate_hz is None or not 6.0 <= rate_hz <= 1000.0 or not all(gain):
        raise FormatError(f"{name}: the header states no Measurement Frequency or calibration; extract the file again")
    pages = [page for page in map(_read_page, _split(head[at:])[0]) if page is not None]
    if not pages:
        raise FormatError(f"{name}: no whole page of samples; the recording is empty or damaged, extract it again")
    start_s = np.array([page.start_s for page in pages])
    n = np.array([page.n for page in pages])
    mass_kg = _number(fields.get("Weight", ""))
    return GeneactivFacts(
        format="GENEActiv bin",
        sampling_rate_hz=rate_hz,
        nominal_rate_hz=rate_hz,
        measured_rate_hz=first_rate_hz(start_s, n, rate_hz) if start_s[-1] - start_s[0] > _FEWEST_TIMED_S else None,
        range_g=_range_g(fields.get("Accelerometer Range", "")),
        start=_in_zone(pages[0].start_s, fields.get("Time Zone", "")),
        device=" ".join(fields[key] for key in ("Device Type", "Device Model") if key in fields) or "GENEActiv",
        serial=fields.get("Device Unique Serial Code"),
        firmware=fields.get("Device Firmware Version"),
        body_mass_kg=mass_kg if mass_kg is not None and 20.0 <= mass_kg <= 300.0 else None,
        notes=_notes(fields, head[at : at + 400]),
        gain=(gain[0], gain[1], gain[2]),
        offset=(offset[0], offset[1], offset[2]),
    )


class GeneactivDecoder:
    """Pages into samples and gaps.

    Parameters
    ----------
    facts : GeneactivFacts
        Of this file.
    """

    def __init__(self, facts: GeneactivFacts) -> None:
        self._gain, self._offset = np.array(facts.gain), np.array(facts.offset)
        self._rate_hz = facts.sampling_rate_hz
        self._clock_hz = facts.measured_rate_hz or facts.sampling_rate_hz
        self._grid = StampedGrid(grid_rate_hz=self._rate_hz, slack_s=_STAMP_SLACK_S)
        self._held = b""
        self._in_header = True
        self._n_pages = self._n_damaged = self._n_damaged_at_last = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the pages completed by these bytes."""
        data = self._held + data
        if self._in_header:
            at = data.find(_PAGE_MARK)
            if at < 0:
                self._held = data[-len(_PAGE_MARK) :]
                return []
            self._in_header, data = False, data[at:]
        pages, self._held = _split(data)
        if len(self._held) > _MOST_PAGE_BYTES:
            pages, self._held = [*pages, b""], self._held[-len(_PAGE_MARK) :]
        return self._decode(pages)

    def flush(self) -> list[Item]:
        """Samples of the last page."""
        pages, self._held = [self._held] if self._held and not self._in_header else [], b""
        return self._decode(pages)

    def quality(self) -> ClockQuality:
        """Clock by the page times, and what was skipped."""
        if not self._n_damaged:
            return self._grid.quality(())
        damaged = f"{counted(self._n_damaged, 'page')} of {self._n_pages} damaged (no time, or digits missing)"
        return self._grid.quality((f"{damaged} and skipped; the samples are missing",))

    def _decode(self, raw_pages: list[bytes]) -> list[Item]:
        pages: list[_Page] = []
        damaged: list[bool] = []
        for raw in raw_pages:
            page = _read_page(raw)
            self._n_pages += 1
            if page is None or page.rate_hz != self._rate_hz:
                self._n_damaged += 1
                continue
            pages.append(page)
            damaged.append(self._n_damaged > self._n_damaged_at_last)
            self._n_damaged_at_last = self._n_damaged
        if not pages:
            return []
        n = np.array([page.n for page in pages])
        start_s = np.array([page.start_s for page in pages])
        accel_g = self._accel_g(b"".join(page.digits for page in pages))
        return self._grid.place(start_s, start_s + n / self._clock_hz, n, accel_g, damaged=np.array(damaged))

    def _accel_g(self, digits: bytes) -> FloatArray:
        octets = np.frombuffer(unhexlify(digits), np.uint8).reshape(-1, 6).astype(np.int16)
        accel_g = np.empty((len(octets), 3))
        accel_g[:, 0] = ((octets[:, 0] << 8) | octets[:, 1]) >> 4
        accel_g[:, 1] = ((octets[:, 1] << 12) | (octets[:, 2] << 4)) >> 4
        accel_g[:, 2] = ((octets[:, 3] << 8) | octets[:, 4]) >> 4
        accel_g *= 100.0
        accel_g -= self._offset
        accel_g /= self._gain
        return accel_g


@dataclass(frozen=True, slots=True)
class _Page:
    start_s: float
    rate_hz: float
    n: int
    digits: bytes


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole pages, and the last one, which may go on; `data` begins with a page."""
    starts = [match.start() for match in re.finditer(_PAGE_MARK, data)]
    if not starts:
        return [], data
    pages = [data[first:last] for first, last in pairwise(starts)]
    return pages, data[starts[-1] :]


def _read_page(raw: bytes) -> _Page | None:
    """Time, rate and digits of a page; None where one is damaged."""
    match = _PAGE.match(raw) if len(raw) <= _MOST_PAGE_BYTES else None
    if match is None or len(match[3]) % _SAMPLE_DIGITS:
        return None
    rate_hz = _number(match[2].decode())
    text = match[1].decode()
    try:
        time = datetime.fromisoformat(f"{text[:19]}.{text[20:]}").replace(tzinfo=UTC)
    except ValueError:
        return None
    if rate_hz is None or not match[3]:
        return None
    return _Page(time.timestamp(), rate_hz, len(match[3]) // _SAMPLE_DIGITS, match[3])


def _fields(header: bytes) -> dict[str, str]:
    """Lines "name:value" of the header; of repeated names the first that says something."""
    fields: dict[str, str] = {}
    for line in header.decode("utf-8", "replace").splitlines():
        key, found, value = line.partition(":")
        if found and value.strip():
            fields.setdefault(key.strip(), value.strip())
    return fields


def _number(text: str) -> float | None:
    """First number of a text such as "50 Hz" or "50,0"; None without one."""
    match = re.match(r"\s*([+-]?\d{1,9}(?:[.,]\d{1,9})?)", text)
    return float(match[1].replace(",", ".")) if match else None


def _range_g(text: str) -> float | None:
    """Full scale of "-8 to 8"."""
    top = _number(text.rpartition("to")[2])
    return top if top is not None and 1.0 <= top <= 1000.0 else None


def _in_zone(local_s: float, zone: str) -> datetime:
    """Time on the device's clock, aware where the header states "GMT +01:00"."""
    utc = datetime.fromtimestamp(local_s, UTC)
    match = re.match(r"GMT\s*([+-]?)(\d{1,2}):(\d\d)", zone)
    if match is None or int(match[2]) > 14:
        return utc.replace(tzinfo=None)
    east = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return utc.replace(tzinfo=timezone(-east if match[1] == "-" else east))


def _notes(fields: dict[str, str], first_page: bytes) -> tuple[str, ...]:
    """Where it was worn, and temperature and battery of the first page."""
    page = _fields(first_page)
    place = fields.get("Device Location Code")
    celsius, volts = page.get("Temperature"), page.get("Battery voltage")
    readings = [f"{celsius} degrees C"] * (celsius is not None) + [f"battery {volts} V"] * (volts is not None)
    return (
        *((f"set up for: {place}",) if place else ()),
        *((f"at the start {', '.join(readings)}",) if readings else ()),
    )
