"""Days of wear: local days, wear time, impacts a day, and what the wrist says of each day.

Theory of operation. A recording is a grid of samples; a local day is a range of it, from the sample at or after local
midnight to the next one, so that a clock change makes a day of 23 or 25 hours and moves no event. Everything a day
reports is counted over its range, without gaps and without the stretches in which the sensor was not worn.

Difference from the sources: impacts while the sensor is not worn are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.bands import band_counts, impact_score_log
from loadsense.criteria import BandSet, LongWearCriteria
from loadsense.longwear.epochs import EpochMeans, intensity_gradient, longer_epochs, mx_metrics
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import BandCount
from loadsense.samples import BoolArray, FloatArray, Gap, IntArray
from loadsense.wear import DaySummary


@dataclass(frozen=True, slots=True)
class DaySpan:
    """One local day as samples [start_sample, end_sample) of a recording."""

    day: date
    start_sample: int
    end_sample: int

    @property
    def iso_week(self) -> str:
        """ISO week of the day.

        Examples
        --------
        >>> DaySpan(date(2026, 11, 20), 0, 1).iso_week
        '2026-W47'
        """
        return iso_week(self.day)


def iso_week(day: date) -> str:
    """Year and week by ISO 8601; the first days of January may belong to the last week of the year before.

    Examples
    --------
    >>> iso_week(date(2027, 1, 1))
    '2026-W53'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def local_days(
    start: datetime | None, tz: str | None, *, n_samples: int, sampling_rate_hz: float
) -> tuple[DaySpan, ...]:
    """The local days of a recording.

    Parameters
    ----------
    start : datetime or None
        Time of sample 0; naive where only the device's own clock is known; None: there are no days.
    tz : str or None
        IANA zone in which days are counted; without it the offset of `start`, or the device's own clock.
    n_samples : int
        Length of the sample grid, gaps included.
    sampling_rate_hz : float
        Of the grid.

    Returns
    -------
    tuple of DaySpan
        In order; the first and the last may be parts of a day.
    """
    if start is None or n_samples <= 0:
        return ()
    zone = ZoneInfo(tz) if tz and start.tzinfo is not None else start.tzinfo
    local = start.astimezone(zone) if start.tzinfo is not None else start
    day, first, spans = local.date(), 0, []
    while first < n_samples:
        next_day = day + timedelta(days=1)
        midnight = datetime.combine(next_day, time(), tzinfo=zone)
        seconds = _elapsed_s(start, midnight)
        end = min(n_samples, math.ceil(seconds * sampling_rate_hz - 1e-6))
        spans.append(DaySpan(day, first, end))
        day, first = next_day, end
    return tuple(span for span in spans if span.end_sample > span.start_sample)


def _elapsed_s(start: datetime, end: datetime) -> float:
    """Seconds that truly pass; two aware times of one zone would subtract as if no clock had changed."""
    if start.tzinfo is None:
        return (end - start).total_seconds()
    return (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds()


def overlap_samples(ranges: Sequence[tuple[int, int]], start_sample: int, end_sample: int) -> int:
    """Samples of [start, end) that lie in any of some ranges, which do not overlap each other.

    Examples
    --------
    >>> overlap_samples([(0, 10), (90, 200)], 5, 100)
    15
    """
    return sum(max(0, min(high, end_sample) - max(low, start_sample)) for low, high in ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongWearInput:
    """What the days of one recording are made from; all samples on one grid, gaps included.

    Attributes
    ----------
    start, tz, sampling_rate_hz, placement
        As in StreamInfo.
    n_samples : int
        Length of the grid.
    gaps : tuple of Gap
        Missing samples.
    non_wear : tuple of (int, int), or None
        Sample ranges not worn; None where the recording was too short to tell.
    impact_samples, impact_peaks_g, impact_vertical_g : ndarray, shape (n,)
        Impact peaks, RAW g; NaN where the vertical is unknown.
    landing_samples : ndarray or None
        Initial contacts; None where landings are not looked for.
    score_samples, score_peaks_g : ndarray or None
        Peaks for the daily impact score, RAW g; None where there are none to be had.
    epochs : tuple of EpochMeans
        Of `EpochStage`; empty where the sensor was not at the wrist.
    """

    start: datetime | None
    tz: str | None
    sampling_rate_hz: float
    placement: Placement
    n_samples: int
    gaps: tuple[Gap, ...] = ()
    non_wear: tuple[tuple[int, int], ...] | None = None
    impact_samples: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    impact_peaks_g: FloatArray = field(default_factory=lambda: np.empty(0))
    impact_vertical_g: FloatArray = field(default_factory=lambda: np.empty(0))
    landing_samples: IntArray | None = None
    score_samples: IntArray | None = None
    score_peaks_g: FloatArray | None = None
    epochs: tuple[EpochMeans, ...] = ()


def summarize_days(
    seen: LongWearInput, *, criteria: LongWearCriteria, bands: Sequence[BandSet] = (), score_bins: BandSet | None = None
) -> tuple[DaySummary, ...]:
    """One summary for each local day; empty for a recording without a clock.

    Parameters
    ----------
    seen : LongWearInput
        Events and epochs of the whole recording.
    criteria : LongWearCriteria
        Levels, bins and lengths.
    bands : sequence of BandSet
        Bands for the impacts of a day; those that do not belong to the placement are left out.
    score_bins : BandSet, optional
        The bins of the daily impact score.
    """
    spans = local_days(seen.start, seen.tz, n_samples=seen.n_samples, sampling_rate_hz=seen.sampling_rate_hz)
    wrist = _WristEpochs.joined(seen, criteria) if seen.placement is Placement.WRIST and seen.epochs else None
    usable = [band_set for band_set in bands if seen.placement in band_set.placements]
    days = (_day(seen, span, criteria=criteria, bands=usable, score_bins=score_bins) for span in spans)
    return tuple(wrist.fill(day, span) if wrist else day for day, span in zip(days, spans, strict=True))


def _day(
    seen: LongWearInput,
    span: DaySpan,
    *,
    criteria: LongWearCriteria,
    bands: Sequence[BandSet],
    score_bins: BandSet | None,
) -> DaySummary:
    """Wear, impacts, landings and score of one day."""
    missing = [(gap.first_sample, gap.first_sample + gap.n_missing) for gap in seen.gaps]
    recorded = span.end_sample - span.start_sample - overlap_samples(missing, span.start_sample, span.end_sample)
    worn = None
    if seen.non_wear is not None:
        worn = recorded - overlap_samples(seen.non_wear, span.start_sample, span.end_sample)
    wear_s = None if worn is None else worn / seen.sampling_rate_hz
    of_day = _counts(seen, seen.impact_samples, span)
    landings = (
        None if seen.landing_samples is None else int(np.count_nonzero(_counts(seen, seen.landing_samples, span)))
    )
    return DaySummary(
        day=span.day,
        iso_week=span.iso_week,
        recorded_s=recorded / seen.sampling_rate_hz,
        wear_s=wear_s,
        valid=None if wear_s is None else wear_s >= criteria.valid_day_wear_h * 3600.0,
        impacts=int(np.count_nonzero(of_day)),
        impact_bands=_impact_bands(seen, of_day, bands),
        landings=landings,
        daily_impact_score_log=_score(seen, span, score_bins),
    )


def _counts(seen: LongWearInput, samples: IntArray, span: DaySpan) -> BoolArray:
    """Which samples lie in the day while the sensor was worn."""
    inside = (samples >= span.start_sample) & (samples < span.end_sample)
    for start, end in seen.non_wear or ():
        inside &= (samples < start) | (samples >= end)
    return inside


def _impact_bands(seen: LongWearInput, of_day: BoolArray, bands: Sequence[BandSet]) -> tuple[BandCount, ...]:
    counted: list[BandCount] = []
    for band_set in bands:
        peaks_g = seen.impact_vertical_g if band_set.vector == "vertical" else seen.impact_peaks_g
        in_frame = peaks_g[of_day] - (1.0 if band_set.frame == "NET" else 0.0)
        counted += band_counts(in_frame[np.isfinite(in_frame)], band_set)
    return tuple(counted)


def _score(seen: LongWearInput, span: DaySpan, bins: BandSet | None) -> float | None:
    """The daily impact score; None away from the trunk, and without peaks to make it from."""
    if bins is None or seen.score_samples is None or seen.score_peaks_g is None:
        return None
    if not CAPABILITIES[seen.placement].grades_landings:
        return None
    return impact_score_log(seen.score_peaks_g[_counts(seen, seen.score_samples, span)], bins)


@dataclass(frozen=True, slots=True)
class _WristEpochs:
    """The worn epochs of a whole recording, and what a day takes from them."""

    index: IntArray
    first_sample: IntArray
    enmo_mg: FloatArray
    criteria: LongWearCriteria

    @classmethod
    def joined(cls, seen: LongWearInput, criteria: LongWearCriteria) -> _WristEpochs:
        """Join what the stage gave, without the stretches in which the sensor was not worn."""
        index = np.concatenate([part.first_epoch + np.arange(len(part.enmo_mg)) for part in seen.epochs])
        enmo_mg = np.concatenate([part.enmo_mg for part in seen.epochs])
        first_sample = np.rint(index * (seen.sampling_rate_hz * criteria.epoch_s)).astype(np.int64)
        worn = np.ones(len(index), dtype=np.bool_)
        for start, end in seen.non_wear or ():
            worn &= (first_sample < start) | (first_sample >= end)
        return cls(index[worn], first_sample[worn], enmo_mg[worn], criteria)

    def fill(self, day: DaySummary, span: DaySpan) -> DaySummary:
        """The day with its minutes, gradient and MX metrics."""
        low, high = np.searchsorted(self.first_sample, [span.start_sample, span.end_sample])
        seconds, index = self.enmo_mg[low:high], self.index[low:high]
        if not len(seconds):
            return day
        epoch_s, criteria = self.criteria.epoch_s, self.criteria
        minutes = [float(np.count_nonzero(seconds >= level)) * epoch_s / 60.0 for level in criteria.minutes_levels_mg]
        longer, longer_s = longer_epochs(seconds, index, n=criteria.gradient_epochs), epoch_s * criteria.gradient_epochs
        gradient = intensity_gradient(longer, edges_mg=criteria.gradient_edges_mg, epoch_s=longer_s)
        return replace(
            day,
            minutes_above_750_mg=minutes[0],
            minutes_above_1000_mg=minutes[1],
            intensity_gradient=gradient.slope if gradient else None,
            intensity_intercept=gradient.intercept if gradient else None,
            intensity_r2=gradient.r2 if gradient else None,
            mx_mg=mx_metrics(longer, minutes=criteria.mx_minutes, epoch_s=longer_s),
        )
