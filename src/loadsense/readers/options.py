"""What a user may say about a file beside its path; checked before the file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from loadsense.errors import OptionError, unknown_name
from loadsense.placement import Placement, parse_placement
from loadsense.samples import checked_body_mass_kg, checked_rate_hz

#: Names of units a user may type.
UNITS: Final = ("g", "mg", "m/s2", "counts")

#: Tables of recordings write 0 for a mass nobody took; the command line refuses it, a program reads on without forces.
_NO_MASS: Final = "body mass 0 kg was taken as unknown: no forces"

#: Other spellings of the same units.
_SPELLINGS: Final = {"m/s^2": "m/s2", "m/s²": "m/s2", "ms2": "m/s2", "m s-2": "m/s2", "mg": "mg", "milli-g": "mg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options of `read`, checked.

    Attributes
    ----------
    placement : Placement
    unit : {"g", "mg", "m/s2", "counts"} or None
        Declared unit of the acceleration columns.
    sampling_rate_hz, range_g, body_mass_kg : float or None
        Declared rate in Hz, full scale in RAW g, mass in kg.
    columns : tuple of str
        Names (or numbers from 1) of the columns time, x, y, z or x, y, z; empty when not given.
    start, end : datetime, float or None
        Cut: a time of day, or seconds from the first sample.
    tz : str or None
        IANA zone.
    activity : str or None
    calibrate : bool
        Whether samples are scaled so that still seconds read 1 g.
    notes : tuple of str
        What was made of the options, for the record.
    """

    placement: Placement = Placement.UNKNOWN
    unit: str | None = None
    sampling_rate_hz: float | None = None
    columns: tuple[str, ...] = ()
    start: datetime | float | None = None
    end: datetime | float | None = None
    range_g: float | None = None
    body_mass_kg: float | None = None
    tz: str | None = None
    activity: str | None = None
    calibrate: bool = True
    notes: tuple[str, ...] = ()


def checked_unit(unit: str | None) -> str | None:
    """Return the unit in our spelling, or raise an `OptionError`.

    Examples
    --------
    >>> checked_unit("m/s^2")
    'm/s2'
    """
    if unit is None:
        return None
    name = _SPELLINGS.get(unit.strip().lower(), unit.strip().lower())
    if name not in UNITS:
        raise unknown_name("unit", unit, UNITS)
    return name


def checked_range_g(range_g: float | None) -> float | None:
    """Return the full scale, or raise an `OptionError` outside 1 to 1000 g."""
    if range_g is not None and not 1.0 <= range_g <= 1000.0:
        raise OptionError(f"range {range_g:g} g; expected the full scale of the sensor, 1 to 1000 g (16 means +-16 g)")
    return None if range_g is None else float(range_g)


def checked_tz(tz: str | None) -> str | None:
    """Return the zone's name, or raise an `OptionError`."""
    if tz is None:
        return None
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise unknown_zone(tz) from None
    return tz


def unknown_zone(tz: str) -> OptionError:
    """Error for a zone nobody knows, with the nearest names only: the full list has 600."""
    from difflib import get_close_matches

    near = get_close_matches(tz, sorted(available_timezones()), n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return OptionError(f"unknown time zone '{tz}': {hint}expected an IANA name such as Europe/Madrid")


def checked_columns(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the three or four column names, or raise an `OptionError`."""
    if not columns:
        return ()
    names = columns.split(",") if isinstance(columns, str) else columns
    stripped = tuple(str(name).strip() for name in names)
    if len(stripped) not in (3, 4) or not all(stripped):
        raise OptionError(f"columns '{','.join(stripped)}': expected time,x,y,z or x,y,z (names or numbers from 1)")
    return stripped


def checked_instant(name: str, value: str | float | datetime | None) -> datetime | float | None:
    """Return a cut as time of day or seconds, or raise an `OptionError`."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise OptionError(
            f"{name} '{value}': expected ISO 8601 such as 2026-11-20T10:00:00, or seconds from the first sample"
        ) from None


def checked_options(
    *,
    placement: str,
    unit: str | None,
    sampling_rate_hz: float | None,
    columns: str | Sequence[str] | None,
    start: str | float | datetime | None,
    end: str | float | datetime | None,
    range_g: float | None,
    body_mass_kg: float | None,
    tz: str | None,
    activity: str | None,
    calibrate: bool,
) -> ReadOptions:
    """Every option checked; the first wrong one raises an `OptionError`."""
    return ReadOptions(
        placement=parse_placement(placement),
        unit=checked_unit(unit),
        sampling_rate_hz=None if sampling_rate_hz is None else checked_rate_hz(sampling_rate_hz),
        columns=checked_columns(columns),
        start=checked_instant("start", start),
        end=checked_instant("end", end),
        range_g=checked_range_g(range_g),
        body_mass_kg=checked_body_mass_kg(body_mass_kg or None),
        tz=checked_tz(tz),
        activity=activity,
        calibrate=calibrate,
        notes=(_NO_MASS,) if body_mass_kg == 0 else (),
    )
