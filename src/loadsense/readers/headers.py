"""What the lines above a table say, by device: rate, start, serial, unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from loadsense.errors import FormatError
from loadsense.readers.dialect import Header
from loadsense.readers.stamps import is_minutes_only

_ACTIGRAPH_RATE: Final = re.compile(r"at (\d+(?:[.,]\d+)?) ?Hz")
_DATE_ORDER: Final = re.compile(r"date format (\S+)")
_EPOCH: Final = re.compile(r"Epoch Period \(hh:mm:ss\)\s*(\d+):(\d+):(\d+)")
_RATE_IN_NAME: Final = re.compile(r"_(\d+(?:\.\d+)?)Hz[_.]")

#: SampleTimeFine is 32 bits of microseconds.
_XSENS_WRAP_S: Final = 2**32 * 1e-6

#: Empatica E4: full scale +-2 g in 8 bits (its documentation; also the range of the files seen).
_EMPATICA_COUNTS_PER_G: Final = 64.0


@dataclass(frozen=True, slots=True)
class Above:
    """The lines above the first data row.

    Attributes
    ----------
    file_name : str
    lines : tuple of str
        Without the line of names.
    names : tuple of str
        Column names; empty when there are none.
    rows : tuple of tuple of str
        First data rows.
    n_lines : int
        Lines above the first data row.
    """

    file_name: str
    lines: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_lines: int


def read_header(above: Above) -> Header:
    """Facts of the lines above the table, by the first device that knows them.

    Raises
    ------
    FormatError
        The lines say that the table is no raw acceleration.
    """
    for knows in (_actigraph, _empatica, _xsens, _metamotion, _phyphox, _movesense, _actigraph_without_header):
        try:
            header = knows(above)
        except (ValueError, OverflowError) as fault:
            raise FormatError(
                f"{above.file_name}: a line above the table cannot be read ({fault}); "
                "correct it, or delete the lines above the column names"
            ) from None
        if header is not None:
            return header
    return Header(n_lines=above.n_lines, format="csv")


def refuse_epochs(file_name: str, text: str) -> None:
    """Raise a `FormatError` when an ActiGraph header states an epoch: counts, not raw acceleration."""
    if "Created By ActiGraph" not in text[:400]:
        return
    match = _EPOCH.search(text)
    seconds = 0 if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
    if seconds:
        raise FormatError(
            f"{file_name}: ActiGraph {seconds} s epoch counts, not raw acceleration: export raw data (ActiLife: "
            "download options, create RAW file)"
        )


def _actigraph(above: Above) -> Header | None:
    text = "\n".join(above.lines)
    if "Created By ActiGraph" not in text:
        return None
    rate = _ACTIGRAPH_RATE.search(text)
    device = re.search(r"ActiGraph (.+?) ActiLife", text)
    firmware = re.search(r"Firmware (\S+)", text)
    serial = re.search(r"Serial Number:?[ ,]*(\S+?)[,\s]*$", text, re.MULTILINE)
    useless = bool(above.names) and is_minutes_only(above.rows[0][0])
    note = "the Timestamp column has no hours (mm:ss): rate and start are the header's"
    return Header(
        format="ActiGraph csv",
        n_lines=above.n_lines,
        unit="g",
        sampling_rate_hz=None if rate is None else float(rate[1].replace(",", ".")),
        start=_actigraph_start(text),
        uses_times=not useless,
        device=None if device is None else f"ActiGraph {device[1]}",
        serial=None if serial is None else serial[1],
        firmware=None if firmware is None else firmware[1],
        notes=(note,) if useless else (),
    )


def _actigraph_start(text: str) -> datetime | None:
    clock = re.search(r"Start Time[ ,]*(\d{1,2}):(\d\d):(\d\d)", text)
    date = re.search(r"Start Date[ ,]*(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})", text)
    order = _DATE_ORDER.search(text)
    if clock is None or date is None:
        return None
    letters = [part[0].lower() for part in re.split(r"[/.\-]", order[1] if order else "M/d/yyyy") if part]
    numbers = dict(zip(letters, map(int, date.groups()), strict=False))
    hour, minute, second = map(int, clock.groups())
    if sorted(numbers) != ["d", "m", "y"]:
        return None
    try:
        return datetime(numbers["y"], numbers["m"], numbers["d"], hour, minute, second)
    except ValueError:
        raise FormatError(
            f"start date {date[0].split()[-1]} does not fit the header's own date format {order[1] if order else ''}; "
            "correct the header"
        ) from None


def _actigraph_without_header(above: Above) -> Header | None:
    if not any(name.lower().startswith("accelerometer x") for name in above.names):
        return None
    useless = is_minutes_only(above.rows[0][0])
    note = "ActiGraph's ten header lines are missing: rate and start are not in the file"
    return Header(
        format="ActiGraph csv without header", n_lines=above.n_lines, unit="g", uses_times=not useless, notes=(note,)
    )


def _empatica(above: Above) -> Header | None:
    rows = above.rows
    if above.names or above.lines or len(rows) < 3 or len(rows[0]) != 3:
        return None
    alike = len(set(rows[0])) == 1 and len(set(rows[1])) == 1
    if not alike or not 1e9 < float(rows[0][0]) < 4e9:
        return None
    return Header(
        format="Empatica E4 csv",
        n_lines=2,
        unit="counts",
        counts_per_g=_EMPATICA_COUNTS_PER_G,
        sampling_rate_hz=float(rows[1][0]),
        range_g=2.0,
        start=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(rows[0][0])),
        device="Empatica E4",
    )


def _xsens(above: Above) -> Header | None:
    keys = dict(re.findall(r"^(\w[\w ]*):[ ,;\t]*(.*?)\s*$", "\n".join(above.lines), re.MULTILINE))
    if "DeviceTag" not in keys and "SampleTimeFine" not in above.names:
        return None
    rate = re.match(r"(\d+(?:\.\d+)?)", keys.get("OutputRate", ""))
    return Header(
        format="Xsens DOT csv",
        n_lines=above.n_lines,
        unit="m/s2",
        sampling_rate_hz=None if rate is None else float(rate[1]),
        start=_xsens_start(keys.get("StartTime", "")),
        counter_wraps_s=_XSENS_WRAP_S if "SampleTimeFine" in above.names else None,
        device="Xsens DOT",
        serial=keys.get("DeviceTag"),
        firmware=keys.get("FirmwareVersion"),
    )


def _xsens_start(text: str) -> datetime | None:
    match = re.match(r"(\d{4}-\d\d-\d\d)_(\d\d:\d\d:\d\d)_(\d{3})(?: GMT([+-]\d{1,2})(?::?(\d\d))?)?", text)
    if match is None:
        return None
    naive = datetime.fromisoformat(f"{match[1]}T{match[2]}.{match[3]}")
    if match[4] is None:
        return naive
    hours = int(match[4])
    minutes = int(match[5] or 0) * (1 if hours >= 0 else -1)
    return naive.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))


def _metamotion(above: Above) -> Header | None:
    if "epoch (ms)" not in [name.lower() for name in above.names]:
        return None
    rate = _RATE_IN_NAME.search(above.file_name)
    zone = next((m for m in (re.match(r"time \(([+-]?)(\d\d):(\d\d)\)", n) for n in above.names) if m), None)
    start = None
    if zone is not None:
        offset = timedelta(hours=int(zone[2]), minutes=int(zone[3])) * (-1 if zone[1] == "-" else 1)
        column = [name.lower() for name in above.names].index("epoch (ms)")
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=float(above.rows[0][column]))
        start = moment.astimezone(timezone(offset))
    return Header(
        format="MetaMotion csv",
        n_lines=above.n_lines,
        sampling_rate_hz=None if rate is None else float(rate[1]),
        start=start,
        device="MbientLab MetaMotion",
    )


def _phyphox(above: Above) -> Header | None:
    plain = [name.lower() for name in above.names]
    if "time (s)" not in plain or not any(name.startswith("acceleration x (m/s") for name in plain):
        return None
    return Header(format="phyphox csv", n_lines=above.n_lines, unit="m/s2", device="phone (phyphox)")


def _movesense(above: Above) -> Header | None:
    if [name.lower() for name in above.names[:4]] != ["timestamp", "accx", "accy", "accz"]:
        return None
    # Movesense calls its accelerometer "LinearAcceleration"; its values hold gravity
    return Header(
        format="Movesense csv",
        n_lines=above.n_lines,
        unit="m/s2",
        not_rows=(b"UTC Timestamp at", b"Relative Timestamp at"),
        device="Movesense",
    )
