"""Days across clock changes, wear, impacts a day, and the wrist's epochs: by hand, by properties, and under any cut."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.longwear import (
    EpochMeans,
    EpochStage,
    LongWearInput,
    intensity_gradient,
    iso_week,
    local_days,
    longer_epochs,
    mx_metrics,
    overlap_samples,
    summarize_days,
    summarize_weeks,
)
from loadsense.placement import Placement
from loadsense.samples import Gap, SampleBlock

CRITERIA = evidence.longwear_criteria()
MADRID = ZoneInfo("Europe/Madrid")
HOUR = 3600


def days(start, tz="Europe/Madrid", *, hours, rate_hz=1.0):
    return local_days(start, tz, n_samples=round(hours * HOUR * rate_hz), sampling_rate_hz=rate_hz)


# --- days and weeks --------------------------------------------------------------------------------------------------


def test_an_ordinary_evening_is_cut_at_local_midnight():
    found = days(datetime(2026, 11, 20, 22, 0, tzinfo=MADRID), hours=4)
    assert [(span.day, span.start_sample, span.end_sample) for span in found] == [
        (date(2026, 11, 20), 0, 2 * HOUR),
        (date(2026, 11, 21), 2 * HOUR, 4 * HOUR),
    ]
    assert found[0].iso_week == "2026-W47"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Madrid", date(2026, 3, 29), 23),
        ("Europe/Madrid", date(2026, 10, 25), 25),
        ("Europe/Madrid", date(2026, 11, 20), 24),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight itself does not exist
        ("America/Havana", date(2026, 11, 1), 25),  # midnight comes twice
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", date(2026, 4, 5), 24),
    ],
)
def test_a_clock_change_makes_a_short_or_a_long_day(zone, day, hours):
    start = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)) - timedelta(days=1)
    (span,) = [span for span in days(start, zone, hours=72) if span.day == day]
    assert (span.end_sample - span.start_sample) / HOUR == hours


def test_days_are_counted_in_the_zone_and_not_in_that_of_the_stamp():
    start = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert days(start, hours=0.1)[0].day == date(2026, 11, 21)
    assert days(start, "America/New_York", hours=0.1)[0].day == date(2026, 11, 20)
    assert days(start, None, hours=0.1)[0].day == date(2026, 11, 20)
    offset = start.astimezone(timezone(timedelta(hours=2)))
    assert days(offset, None, hours=0.1)[0].day == date(2026, 11, 21)


def test_a_naive_clock_has_days_of_24_hours_and_no_clock_has_none():
    found = days(datetime(2026, 3, 29, 0, 0), hours=48)
    assert [span.end_sample - span.start_sample for span in found] == [24 * HOUR, 24 * HOUR]
    assert days(None, hours=48) == ()
    assert days(datetime(2026, 3, 29), hours=0) == ()


def test_midnight_between_two_samples_belongs_to_the_new_day():
    start = datetime(2026, 11, 20, 23, 59, 59, 995_000, tzinfo=MADRID)
    (first, second) = local_days(start, "Europe/Madrid", n_samples=100, sampling_rate_hz=100.0)
    assert (first.end_sample, second.start_sample) == (1, 1)


@pytest.mark.parametrize(
    ("day", "week"),
    [(date(2026, 1, 1), "2026-W01"), (date(2025, 12, 29), "2026-W01"), (date(2027, 1, 3), "2026-W53")],
)
def test_iso_weeks_at_the_turn_of_the_year(day, week):
    assert iso_week(day) == week


@given(
    minutes=st.integers(0, 60 * 24 * 365),
    zone=st.sampled_from(["Europe/Madrid", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    hours=st.integers(1, 24 * 9),
)
@settings(deadline=None)
def test_days_cover_every_sample_once(minutes, zone, hours):
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = days(start, zone, hours=hours)
    assert (found[0].start_sample, found[-1].end_sample) == (0, hours * HOUR)
    for one, other in pairwise(found):
        assert one.end_sample == other.start_sample
        assert other.day - one.day == timedelta(days=1)
    for span in found:
        for sample in (span.start_sample, span.end_sample - 1):
            assert (start + timedelta(seconds=sample)).astimezone(ZoneInfo(zone)).date() == span.day


# --- epochs ----------------------------------------------------------------------------------------------------------


def epochs_of(items, rate_hz=10.0, epoch_s=1.0):
    stage = EpochStage(rate_hz, epoch_s)
    parts = []
    for item in items:
        parts += stage.gap(item) if isinstance(item, Gap) else stage.push(item)
    parts += stage.flush()
    return {part.first_epoch + i: value for part in parts for i, value in enumerate(part.enmo_mg)}


def flat(g, n):
    return np.column_stack([np.full(n, g), np.zeros(n), np.zeros(n)])


def test_enmo_by_hand():
    accel = np.vstack([flat(1.5, 10), flat(0.8, 10), flat(3.0, 5), flat(1.0, 5), flat(9.0, 7)])
    assert epochs_of([SampleBlock(0, accel)]) == pytest.approx({0: 500.0, 1: 0.0, 2: 1000.0})


def test_an_epoch_that_a_gap_cuts_is_left_out():
    items = [SampleBlock(0, flat(2.0, 15)), Gap(15, 9), SampleBlock(24, flat(2.0, 26))]
    assert list(epochs_of(items)) == [0, 3, 4]
    assert epochs_of([SampleBlock(0, flat(2.0, 9))]) == {}
    assert epochs_of([Gap(0, 3)]) == {}


def test_epochs_of_an_odd_rate_follow_the_clock():
    ends = [epochs_of([SampleBlock(0, flat(2.0, n))], rate_hz=31.25) for n in (311, 312)]
    assert [list(found) for found in ends] == [list(range(9)), list(range(10))]  # the tenth ends at sample 312


@given(
    seed=st.integers(0, 2**32 - 1),
    rate_hz=st.sampled_from([10.0, 12.5, 31.25]),
    cuts=st.lists(st.integers(1, 2999), max_size=6),
    hole=st.none() | st.tuples(st.integers(1, 2999), st.integers(0, 80)),
)
@settings(max_examples=25, deadline=None)
def test_epochs_do_not_hang_on_the_cuts(seed, rate_hz, cuts, hole):
    accel = np.random.default_rng(seed).normal(0.6, 0.5, (3000, 3))
    at, n_missing = hole or (3000, 0)

    def items(edges):
        first_part, second_part = accel[:at], accel[at:]
        for low, high in pairwise(sorted({0, at, *(edge for edge in edges if edge < at)})):
            yield SampleBlock(low, first_part[low:high])
        if len(second_part):
            yield Gap(at, n_missing)
            for low, high in pairwise(sorted({at, 3000, *(edge for edge in edges if edge > at)})):
                yield SampleBlock(low + n_missing, accel[low:high])

    whole = epochs_of(items([]), rate_hz)
    assert epochs_of(items(cuts), rate_hz) == whole
    assert epochs_of(items(range(0, 3000, 7)), rate_hz) == whole
    assert epochs_of(items(range(3000)), rate_hz) == whole
    for epoch, value in whole.items():
        low, high = round(epoch * rate_hz), round((epoch + 1) * rate_hz)
        shift = n_missing if low >= at else 0
        norm = np.linalg.norm(accel[low - shift : high - shift], axis=1)
        assert value == pytest.approx(1000 * np.maximum(norm - 1, 0).mean())


def test_longer_epochs_need_all_their_parts():
    index = np.array([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    found = longer_epochs(np.arange(14.0), index, n=5)
    assert found.tolist() == [2.0, 11.0]
    assert longer_epochs(np.empty(0), np.empty(0, dtype=np.int64), n=5).tolist() == []


# --- gradient and MX -------------------------------------------------------------------------------------------------


def test_gradient_of_a_power_law_is_its_exponent():
    edges = CRITERIA.gradient_edges_mg
    middle = np.array([(low + high) / 2 for low, high in pairwise(edges)])[:40]
    enmo = np.repeat(middle, np.round(1e8 * middle**-2.0).astype(int))
    gradient = intensity_gradient(enmo, edges_mg=edges, epoch_s=5.0)
    assert gradient.slope == pytest.approx(-2.0, abs=0.02)
    assert gradient.r2 > 0.999


def test_gradient_by_hand():
    # three bins with middles 12.5, 37.5 and 6000 mg, holding 12, 6 and 1 minutes
    enmo = np.array([10.0] * 144 + [30.0] * 72 + [5000.0] * 12)
    x, y = np.log([12.5, 37.5, 6000.0]), np.log([12.0, 6.0, 1.0])
    slope, intercept = np.polyfit(x, y, 1)
    gradient = intensity_gradient(enmo, edges_mg=CRITERIA.gradient_edges_mg, epoch_s=5.0)
    assert (gradient.slope, gradient.intercept) == pytest.approx((slope, intercept))
    assert gradient.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_two_bins_are_no_gradient_and_equal_bins_fit_wholly():
    assert intensity_gradient(np.array([10.0, 30.0]), edges_mg=CRITERIA.gradient_edges_mg, epoch_s=5.0) is None
    level = intensity_gradient(np.array([10.0, 30.0, 60.0]), edges_mg=CRITERIA.gradient_edges_mg, epoch_s=5.0)
    assert (level.slope, level.r2) == (0.0, 1.0)


def test_most_active_minutes():
    enmo = np.random.default_rng(1).permutation(np.arange(1.0, 1441.0))  # 2 hours of 5-s epochs
    found = dict(mx_metrics(enmo, minutes=CRITERIA.mx_minutes, epoch_s=5.0))
    assert found == {"M60": 721.0, "M30": 1081.0, "M10": 1321.0, "M5": 1381.0, "M2": 1417.0, "M1": 1429.0}
    assert mx_metrics(enmo[:11], minutes=CRITERIA.mx_minutes, epoch_s=5.0) == ()


# --- summaries -------------------------------------------------------------------------------------------------------

START = datetime(2026, 11, 20, 12, 0, tzinfo=MADRID)


def wear(*, hours=24, placement=Placement.HIP, **more):
    return LongWearInput(
        start=START,
        tz="Europe/Madrid",
        sampling_rate_hz=1.0,
        placement=placement,
        n_samples=hours * HOUR,
        **more,
    )


def test_wear_is_what_was_recorded_and_worn():
    gaps = (Gap(first_sample=HOUR, n_missing=HOUR),)
    first, second = summarize_days(wear(gaps=gaps, non_wear=((3 * HOUR, 5 * HOUR),)), criteria=CRITERIA)
    assert (first.recorded_s, first.wear_s, first.valid) == (11 * HOUR, 9 * HOUR, False)
    assert (second.recorded_s, second.wear_s, second.valid) == (12 * HOUR, 12 * HOUR, True)
    assert (first.day, second.day, first.iso_week) == (date(2026, 11, 20), date(2026, 11, 21), "2026-W47")


def test_wear_that_cannot_be_told_is_unknown():
    (day,) = summarize_days(wear(hours=2), criteria=CRITERIA)
    assert (day.recorded_s, day.wear_s, day.valid) == (2 * HOUR, None, None)
    assert (day.landings, day.daily_impact_score_log, day.minutes_above_750_mg, day.mx_mg) == (None, None, None, ())


def test_impacts_and_landings_belong_to_their_day_and_to_wear():
    seen = wear(
        non_wear=((100, 200),),
        impact_samples=np.array([10, 150, 20 * HOUR, 20 * HOUR + 60]),
        impact_peaks_g=np.array([1.6, 9.0, 2.2, 5.0]),
        impact_vertical_g=np.array([1.55, 9.0, 2.6, np.nan]),
        landing_samples=np.array([150, 20 * HOUR]),
    )
    bands = [evidence.bands()["deere-2012"], evidence.bands()["vibe"], evidence.bands()["intensity-gradient"]]
    first, second = summarize_days(seen, criteria=CRITERIA, bands=bands)
    assert (first.impacts, first.landings, second.impacts, second.landings) == (1, 0, 2, 1)

    def counted(day, name):
        return [band.count for band in day.impact_bands if band.name == name]

    assert counted(first, "deere-2012") == [1, 0, 0, 0, 0, 0]
    assert counted(second, "deere-2012") == [0, 1, 0, 1, 0, 0]
    assert counted(second, "vibe") == [0, 0, 1]  # vertical; the one without a vertical is not counted
    assert counted(second, "intensity-gradient") == []


def test_daily_impact_score_of_each_day():
    bins = evidence.index_criteria().score_bins
    peaks = {"score_samples": np.array([10, 20 * HOUR]), "score_peaks_g": np.array([1.3, 4.9])}
    first, second = summarize_days(wear(**peaks), criteria=CRITERIA, score_bins=bins)
    assert first.daily_impact_score_log == pytest.approx(1.3 * math.log(2))
    assert second.daily_impact_score_log == pytest.approx(4.9 * math.log(2))
    at_wrist = summarize_days(wear(placement=Placement.WRIST, **peaks), criteria=CRITERIA, score_bins=bins)
    assert at_wrist[0].daily_impact_score_log is None


def wrist_day(**more):
    enmo = np.full(24 * HOUR, 20.0)
    enmo[:120] = 800.0
    enmo[120:180] = 1200.0
    enmo[HOUR : 2 * HOUR] = 60.0
    parts = (EpochMeans(0, enmo[:1000]), EpochMeans(1000, enmo[1000:]))
    return summarize_days(wear(placement=Placement.WRIST, epochs=parts, **more), criteria=CRITERIA)


def test_minutes_at_the_wrist():
    first, second = wrist_day()
    assert (first.minutes_above_750_mg, first.minutes_above_1000_mg) == (3.0, 1.0)
    assert (second.minutes_above_750_mg, second.minutes_above_1000_mg) == (0.0, 0.0)
    assert dict(first.mx_mg)["M1"] == 1200.0
    assert dict(first.mx_mg)["M2"] == 800.0
    assert dict(first.mx_mg)["M60"] == 60.0
    assert first.intensity_gradient < 0
    assert second.intensity_gradient is None


def test_minutes_not_worn_do_not_count():
    first, _ = wrist_day(non_wear=((0, 150),))
    assert (first.minutes_above_750_mg, first.minutes_above_1000_mg) == (0.5, 0.5)
    (nothing, _) = wrist_day(non_wear=((0, 12 * HOUR),))
    assert nothing.minutes_above_750_mg is None


def test_epochs_say_nothing_away_from_the_wrist():
    parts = (EpochMeans(0, np.full(600, 2000.0)),)
    (day,) = summarize_days(wear(hours=1, epochs=parts), criteria=CRITERIA)
    assert day.minutes_above_750_mg is None


# --- weeks -----------------------------------------------------------------------------------------------------------


def week_of(start, hours, tz="Europe/Madrid", *, impacts_at_h=(), **more):
    """Weeks of a recording at one sample a second, with an impact of 2 g at each of some hours."""
    seen = LongWearInput(
        start=start,
        tz=tz,
        sampling_rate_hz=1.0,
        placement=Placement.HIP,
        n_samples=round(hours * HOUR),
        impact_samples=np.array([round(at * HOUR) for at in impacts_at_h], dtype=np.int64),
        impact_peaks_g=np.full(len(impacts_at_h), 2.0),
        impact_vertical_g=np.full(len(impacts_at_h), 1.5),
        **{"non_wear": (), **more},
    )
    return summarize_weeks(summarize_days(seen, criteria=CRITERIA), criteria=CRITERIA)


def kinds(week):
    return {means.kind: means for means in week.means}


def test_a_week_by_hand():
    # Monday to Sunday; the sensor lies on the table on Tuesday (all day) and from 9:00 on Saturday: five valid days
    off = ((24 * HOUR, 48 * HOUR), (129 * HOUR, 144 * HOUR))
    at = [1, 1.1, 25, 50, 100, 125, 150, 151, 152, 153]  # Mon 2, Tue 1 (not worn), Wed 1, Fri 1, Sat 1, Sun 4
    (week,) = week_of(datetime(2026, 11, 16, tzinfo=MADRID), 7 * 24, impacts_at_h=at, non_wear=off)
    assert (week.iso_week, week.days) == ("2026-W47", 7)
    assert (week.recorded_s, week.wear_s) == (168 * HOUR, (168 - 24 - 15) * HOUR)
    every, weekdays, weekend = kinds(week).values()
    assert [(m.kind, m.valid_days) for m in week.means] == [("all", 5), ("weekday", 4), ("weekend", 1)]
    assert (every.impacts, weekdays.impacts, weekend.impacts) == ((2 + 1 + 0 + 1 + 4) / 5, (2 + 1 + 0 + 1) / 4, 4)
    assert (every.wear_s, every.landings, every.minutes_above_750_mg, every.reason) == (24 * HOUR, None, None, "")


def test_too_few_valid_days_have_no_mean_and_a_reason():
    (week,) = week_of(datetime(2026, 11, 18, tzinfo=MADRID), 3 * 24 + 9, impacts_at_h=[1, 25, 49, 73])
    every, weekdays, weekend = kinds(week).values()
    assert (every.valid_days, every.impacts, every.wear_s) == (3, None, None)
    assert every.reason == "3 valid days, 4 needed"
    assert (weekdays.impacts, weekdays.reason) == (1.0, "")
    assert (weekend.valid_days, weekend.impacts, weekend.reason) == (0, None, "0 valid weekend days, 1 needed")


def test_wear_that_cannot_be_told_makes_no_mean():
    (week,) = week_of(datetime(2026, 11, 16, tzinfo=MADRID), 7 * 24, non_wear=None)
    assert week.wear_s is None
    assert {(m.valid_days, m.wear_s, m.impacts) for m in week.means} == {(None, None, None)}
    assert {m.reason for m in week.means} == {"wear could not be told, so no day is known to be valid"}


@pytest.mark.parametrize(
    ("monday", "hours", "name"),
    [((2026, 3, 23), 167, "2026-W13"), ((2026, 10, 19), 169, "2026-W43"), ((2026, 11, 16), 168, "2026-W47")],
)
def test_a_clock_change_makes_a_short_or_a_long_week(monday, hours, name):
    found = week_of(datetime(*monday, tzinfo=MADRID), 9 * 24, impacts_at_h=[hours - 0.5, hours + 0.5])
    first, second = found
    assert (first.iso_week, first.days, first.recorded_s) == (name, 7, hours * HOUR)
    assert (second.days, second.recorded_s) == (2 + (hours < 168), (9 * 24 - hours) * HOUR)
    sunday = kinds(first)["weekend"]
    assert (sunday.valid_days, sunday.impacts) == (2, 0.5)  # the last half hour of Sunday, by the local clock
    assert sunday.wear_s == (48 + hours - 168) * HOUR / 2


def test_a_recording_without_a_time_zone_has_weeks_of_its_own_clock():
    first, second = week_of(datetime(2026, 3, 28), 3 * 24, tz=None, impacts_at_h=[1, 25, 26])
    assert (first.iso_week, second.iso_week, first.days, second.days) == ("2026-W13", "2026-W14", 2, 1)
    assert first.recorded_s == 48 * HOUR  # its clock knows no summer time
    assert kinds(first)["weekend"].impacts == 1.5


def test_weeks_at_the_turn_of_the_year_are_whole():
    found = week_of(datetime(2026, 12, 28, tzinfo=MADRID), 7 * 24)
    assert [(week.iso_week, week.days) for week in found] == [("2026-W53", 7)]


def test_no_days_no_weeks():
    assert summarize_weeks((), criteria=CRITERIA) == ()


def test_a_recording_without_a_clock_has_no_days():
    seen = LongWearInput(start=None, tz=None, sampling_rate_hz=1.0, placement=Placement.HIP, n_samples=100)
    assert summarize_days(seen, criteria=CRITERIA) == ()


@given(
    ranges=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=4),
    window=st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted),
)
def test_overlap_counts_samples(ranges, window):
    apart, at = [], 0
    for skip, length in ranges:
        apart.append((at + skip, at + skip + length))
        at += skip + length
    held = {sample for low, high in apart for sample in range(low, high)}
    assert overlap_samples(apart, *window) == len(held & set(range(*window)))
