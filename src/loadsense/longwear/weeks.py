"""Weeks of wear: what the valid days of an ISO week come to in the mean.

Theory of operation. Nobody wears a sensor for exactly a week, so totals of a week say more of the wearing than of the
wearer. A day counts when it was worn long enough (`DaySummary.valid`), and a week is told by means over such days: over
all of them, and over weekdays and weekend days apart, because people move differently on each. With fewer valid days
than the criteria ask for there is no mean and a reason instead. A value that one of the valid days does not have has no
mean either: the rest would be of other days than its neighbours.

Source: the reviews of practice in `LongWearCriteria`. Difference from them: the mean over all days is plain, not
weighted 5 to 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from statistics import fmean
from typing import Final, Literal

from loadsense.criteria import LongWearCriteria
from loadsense.wear import DayMeans, DaySummary, WeekSummary

_Kind = Literal["all", "weekday", "weekend"]

#: Days of the week that are no weekdays: Saturday and Sunday.
_WEEKEND: Final = (5, 6)

_IS_OF: Final[dict[_Kind, Callable[[DaySummary], bool]]] = {
    "all": lambda _: True,
    "weekday": lambda day: day.day.weekday() not in _WEEKEND,
    "weekend": lambda day: day.day.weekday() in _WEEKEND,
}
_WORDS: Final[dict[_Kind, tuple[str, str]]] = {
    "all": ("valid day", "valid days"),
    "weekday": ("valid weekday", "valid weekdays"),
    "weekend": ("valid weekend day", "valid weekend days"),
}


def summarize_weeks(days: Sequence[DaySummary], *, criteria: LongWearCriteria) -> tuple[WeekSummary, ...]:
    """One summary for each ISO week with data.

    Parameters
    ----------
    days : sequence of DaySummary
        Local days of one recording, in order.
    criteria : LongWearCriteria
        Valid days that a mean needs.
    """
    weeks = groupby(days, key=lambda day: day.iso_week)
    return tuple(_week(name, list(of_week), criteria) for name, of_week in weeks)


def _week(name: str, days: Sequence[DaySummary], criteria: LongWearCriteria) -> WeekSummary:
    needed: dict[_Kind, int] = {
        "all": criteria.valid_week_days,
        "weekday": criteria.valid_week_weekdays,
        "weekend": criteria.valid_week_weekend_days,
    }
    return WeekSummary(
        iso_week=name,
        days=len(days),
        recorded_s=sum(day.recorded_s for day in days),
        wear_s=_over(sum, [day.wear_s for day in days]),
        means=tuple(_means(kind, days, least) for kind, least in needed.items()),
    )


def _means(kind: _Kind, days: Sequence[DaySummary], least: int) -> DayMeans:
    """Means over the valid days of one kind, or why there are none."""
    of_kind = [day for day in days if _IS_OF[kind](day)]
    if any(day.valid is None for day in days):
        return DayMeans(kind=kind, valid_days=None, reason="wear could not be told, so no day is known to be valid")
    valid = [day for day in of_kind if day.valid]
    if len(valid) < least:
        one, many = _WORDS[kind]
        reason = f"{len(valid)} {one if len(valid) == 1 else many}, {least} needed"
        return DayMeans(kind=kind, valid_days=len(valid), reason=reason)
    return DayMeans(
        kind=kind,
        valid_days=len(valid),
        wear_s=_over(fmean, [day.wear_s for day in valid]),
        impacts=_over(fmean, [day.impacts for day in valid]),
        landings=_over(fmean, [day.landings for day in valid]),
        daily_impact_score_log=_over(fmean, [day.daily_impact_score_log for day in valid]),
        minutes_above_750_mg=_over(fmean, [day.minutes_above_750_mg for day in valid]),
        minutes_above_1000_mg=_over(fmean, [day.minutes_above_1000_mg for day in valid]),
        intensity_gradient=_over(fmean, [day.intensity_gradient for day in valid]),
        intensity_intercept=_over(fmean, [day.intensity_intercept for day in valid]),
    )


def _over(combine: Callable[[Iterable[float]], float], values: Iterable[float | None]) -> float | None:
    """Sum or mean of values that are all known, else None."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    return combine(numbers) if len(numbers) == len(known) else None
