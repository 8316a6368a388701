"""Files that are not raw acceleration, known by their first lines, each refused by name."""

from __future__ import annotations

import re
from typing import Final

from loadsense.errors import FormatError

_RAW: Final = "export the raw acceleration (an x, y and z per instant, 12.5 Hz or faster) instead"

#: Pattern in the first lines, and the sentence that follows the file's name.
_KNOWN: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"\Aacceleration \(mg\) - .*sampleRate = (?P<seconds>[\d.]+) seconds"),
        "UK Biobank summary: {seconds} s means of acceleration, not raw acceleration; " + _RAW,
    ),
    (re.compile(r"Actiware"), "Actiwatch (Actiware) export: activity counts per epoch, not raw acceleration; " + _RAW),
    (
        re.compile(r"\A[^\n,;]*\r?\n\s*\d{1,2}-[A-Za-z]{3}-\d{4}\s*\r?\n\s*\d{1,2}:\d\d\s*\r?\n"),
        "Actiwatch (AWD) file: activity counts per epoch, not raw acceleration; " + _RAW,
    ),
    (
        re.compile(r"\A\s*[\[{]\s*[\[{]?\s*\"dateTime\""),
        "Fitbit JSON: values per minute (steps, heart rate), not raw acceleration; " + _RAW,
    ),
    (re.compile(r"\A\s*[\[{]"), "JSON, not a table of raw acceleration; export CSV with time,x,y,z"),
    (
        re.compile(r"\A\s*<(\?xml|!doctype|html)", re.IGNORECASE),
        "a web page or XML, not a table; download the data file",
    ),
)

#: First bytes of binary files, and what they are.
_BINARY: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a zip archive (or a workbook); unpack it, or export CSV with time,x,y,z"),
    (b"RIFF", "a sound file (WAV); export CSV with time,x,y,z"),
    (b"%PDF", "a PDF; give the data file itself"),
    (b"MD", "an Axivity recording, binary"),
    (b"\x89PNG", "a picture; give the data file itself"),
    (b"\xff\xd8\xff", "a picture; give the data file itself"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"SQLite format 3", "a database; export CSV with time,x,y,z"),
    (b"PAR1", "a Parquet file; export CSV with time,x,y,z"),
    (b"\x89HDF", "an HDF5 file; export CSV with time,x,y,z"),
)


def refuse_known_text(name: str, text: str) -> None:
    """Raise a `FormatError` when the first lines are those of a file without raw acceleration."""
    for pattern, sentence in _KNOWN:
        match = pattern.search(text)
        if match:
            raise FormatError(f"{name}: {sentence.format(**match.groupdict())}")


def refuse_binary(name: str, head: bytes) -> None:
    """Raise a `FormatError` when the bytes are not text, whatever the file is called."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{name}: the text is UTF-16; save or export it as UTF-8 (CSV UTF-8)")
    if b"xl/workbook" in head[:65536] or (head.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in head[:512]):
        hint = "; a Philips Health Band list holds epochs, not raw acceleration" if "philips" in name.lower() else ""
        raise FormatError(f"{name}: an Excel workbook, not a table of raw acceleration; save the raw data as CSV{hint}")
    if not is_binary(head):
        return
    what = next((what for magic, what in _BINARY if head.startswith(magic)), None)
    if what is None:
        raise FormatError(
            f"{name}: a binary file, not text, and of no format known here; "
            "export CSV with time,x,y,z from the device's software"
        )
    raise FormatError(f"{name}: {what}")


def is_binary(head: bytes) -> bool:
    """Whether the bytes cannot be a text table: NUL or many control characters."""
    sample = head[:65536]
    if b"\x00" in sample or sample.startswith(tuple(magic for magic, _ in _BINARY if magic != b"MD")):
        return True
    n_control = sum(sample.count(bytes([code])) for code in range(32) if code not in (9, 10, 13))
    return n_control > len(sample) // 100
