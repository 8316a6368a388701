"""Times written for people: recognised by shape, turned into seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from loadsense.readers.dialect import TimeColumn, TimeKind
from loadsense.samples import FloatArray

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?(?P<zone>Z|[+-]\d\d:?\d\d)?$")
_TIME_OF_DAY: Final = re.compile(r"\d{1,2}:\d\d:\d\d([.,]\d{1,9})?$")
_DATE_ALONE: Final = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}$")
_MINUTES: Final = re.compile(r"\d{1,3}:\d\d([.,]\d+)?$")
_DATE: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{2,4})[T ,]+"
    r"(?P<clock>\d{1,2}:\d\d:\d\d([.,]\d{1,6})?)(?P<half> ?[AaPp]\.?[Mm]\.?)?$"
)


def kind_of(text: str) -> TimeKind | None:
    """Kind of a stamp that is not a number, or None.

    Examples
    --------
    >>> kind_of("2026-11-20T10:00:00.5Z"), kind_of("10:00:00"), kind_of("hip")
    ('iso_offset', 'time_of_day', None)
    """
    stamp = text.strip()
    iso = _ISO.match(stamp)
    if iso:
        return "iso_offset" if iso["zone"] else "iso"
    if _TIME_OF_DAY.match(stamp):
        return "time_of_day"
    return "localized" if _DATE.match(stamp) else None


def is_moment(text: str) -> bool:
    """Whether a stamp in the shape of ISO 8601 is a day and a time that there are.

    Examples
    --------
    >>> is_moment("2026-11-20T10:00:00.5Z"), is_moment("2026-11-31T10:00:00")
    (True, False)
    """
    try:
        _iso(text)
    except ValueError:
        return False
    return True


def is_minutes_only(text: str) -> bool:
    """Whether a stamp is mm:ss.f, which a spreadsheet leaves of a date: it cannot be a clock."""
    return bool(_MINUTES.match(text.strip()))


def is_date(text: str) -> bool:
    """Whether a field is a date alone, its time in another column.

    Examples
    --------
    >>> is_date("2026-11-20"), is_date("20.11.26"), is_date("20")
    (True, True, False)
    """
    return bool(_DATE_ALONE.match(text.strip()))


def localized_pattern(texts: list[str]) -> str | None:
    """The strptime pattern of dates such as 20/11/2026 10:00:00 AM; None when day and month cannot be told apart.

    Examples
    --------
    >>> localized_pattern(["20/11/2026 10:00:00.5"])
    '%d/%m/%Y %H:%M:%S.%f'
    >>> localized_pattern(["05/06/2026 10:00:00"]) is None
    True
    """
    parts = [m for m in map(_DATE.match, (t.strip() for t in texts)) if m]
    if not parts:
        return None
    first, sep = parts[0], parts[0]["sep"]
    if len(first["a"]) == 4:
        date = f"%Y{sep}%m{sep}%d"
    else:
        year = "%Y" if len(first["c"]) == 4 else "%y"
        day_first = sep == "." or any(int(m["a"]) > 12 for m in parts)
        month_first = any(int(m["b"]) > 12 for m in parts)
        if day_first == month_first:
            return None
        date = f"%d{sep}%m{sep}{year}" if day_first else f"%m{sep}%d{sep}{year}"
    clock = "%I:%M:%S" if first["half"] else "%H:%M:%S"
    fraction = ".%f" if any("." in m["clock"] or "," in m["clock"] for m in parts) else ""
    return f"{date} {clock}{fraction}{' %p' if first['half'] else ''}"


def stamp_seconds(texts: npt.NDArray[Any], time: TimeColumn) -> FloatArray:
    """Seconds of stamps written for people: of the day, or since 1970 as if the clock were UTC.

    Raises
    ------
    ValueError
        A stamp is not of the column's kind.
    """
    if time.kind == "time_of_day":
        return np.array([_seconds_of_day(str(text)) for text in texts])
    import pandas as pd

    tidy = pd.Series(texts).str.strip().str.replace(",", ".", n=1, regex=False).str.replace(r"\s+", " ", regex=True)
    tidy = tidy.str.replace(r"(?i) ?([ap])\.?m\.?$", r" \1m", regex=True)
    if time.pattern and ".%f" in time.pattern:  # a whole second may be written without its zeros
        tidy = tidy.str.replace(r"(:\d\d:\d\d)(?![\d.])", r"\1.0", regex=True)
    moments = pd.to_datetime(tidy, format=time.pattern)
    return np.asarray(moments.to_numpy().astype("datetime64[ns]").view(np.int64), dtype=np.float64) * 1e-9


def _seconds_of_day(text: str) -> float:
    if not _TIME_OF_DAY.match(text.strip()):
        raise ValueError(text)
    hours, minutes, seconds = text.strip().replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def first_stamp(time: TimeColumn, row: tuple[str, ...], decimal: str) -> float:
    """First stamp in the column's own measure: ns since 1970 for ISO, the number itself, or seconds of day."""
    text = row[time.index]
    if time.kind == "number":
        return float(text.replace(decimal, "."))
    if time.kind in ("iso", "iso_offset"):
        return _iso_ns(text)
    return float(stamp_seconds(np.array([text], dtype=object), time)[0])


def first_moment(time: TimeColumn, row: tuple[str, ...], decimal: str) -> datetime | None:
    """First stamp as a date and time: aware where the file says the zone, None where it has no date."""
    base = first_stamp(time, row, decimal)
    if time.kind == "number":
        return _EPOCH + timedelta(seconds=base * time.seconds_per_unit) if time.is_unix else None
    if time.kind in ("iso", "iso_offset"):
        return _iso(row[time.index])
    if time.kind == "localized":
        return (_EPOCH + timedelta(seconds=base)).replace(tzinfo=None)
    return None


def _iso(text: str) -> datetime:
    """ISO 8601 of up to nanoseconds; Python keeps microseconds."""
    return datetime.fromisoformat(text.strip().strip('"').replace(",", "."))


def _iso_ns(text: str) -> int:
    moment = _iso(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1) * 1000
