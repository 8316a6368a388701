"""What long wear comes to: local days and ISO weeks. Unknown is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from loadsense.results import BandCount


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummary:
    """One local day of long wear (a clock change makes it 23 or 25 hours).

    Values that need the wrist, or a day long enough, are None elsewhere.
    """

    day: date
    iso_week: str
    recorded_s: float
    wear_s: float | None
    valid: bool | None
    impacts: int
    impact_bands: tuple[BandCount, ...] = ()
    landings: int | None = None
    daily_impact_score_log: float | None = None
    minutes_above_750_mg: float | None = None
    minutes_above_1000_mg: float | None = None
    intensity_gradient: float | None = None
    intensity_intercept: float | None = None
    intensity_r2: float | None = None
    mx_mg: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMeans:
    """Means over the valid days of one kind in a week; all None where there are too few, with the reason.

    Attributes
    ----------
    kind : {"all", "weekday", "weekend"}
        Every day, Monday to Friday, or Saturday and Sunday.
    valid_days : int or None
        Days worn long enough; None where wear is unknown.
    wear_s, impacts, landings, daily_impact_score_log, minutes_above_750_mg, minutes_above_1000_mg : float or None
        Mean of what `DaySummary` has under this name; None where a valid day has no value.
    intensity_gradient, intensity_intercept : float or None
        Means of the days' own.
    reason : str
        Why there are no means; empty where there are.
    """

    kind: Literal["all", "weekday", "weekend"]
    valid_days: int | None
    wear_s: float | None = None
    impacts: float | None = None
    landings: float | None = None
    daily_impact_score_log: float | None = None
    minutes_above_750_mg: float | None = None
    minutes_above_1000_mg: float | None = None
    intensity_gradient: float | None = None
    intensity_intercept: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSummary:
    """One local ISO week of long wear, Monday to Sunday (a clock change makes it 167 or 169 hours).

    Attributes
    ----------
    iso_week : str
        Such as 2026-W47.
    days : int
        Local days with data, valid or not.
    recorded_s : float
        On all of them.
    wear_s : float or None
        Of that, worn; None where it could not be told.
    means : tuple of DayMeans
        Per valid day, valid weekday and valid weekend day, in this order.
    """

    iso_week: str
    days: int
    recorded_s: float
    wear_s: float | None
    means: tuple[DayMeans, ...]
