"""Clocks as recorded, to samples on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import ContentError
from loadsense.samples import FloatArray, Gap, Item, SampleBlock
from loadsense.timebase import ClockPlan, Timebase, plan_clock, smoothed_times, snapped_rate_hz, spread_packets


def rows(n: int) -> FloatArray:
    """Rows that all differ, so that a lost, doubled or swapped one shows."""
    return np.column_stack([np.arange(n, dtype=float), np.sin(np.arange(n)), np.ones(n)])


def run(times: FloatArray, accel: FloatArray, timebase: Timebase, cuts: list[int] | None = None) -> list[Item]:
    items: list[Item] = []
    for start, stop in zip([0, *(cuts or [])], [*(cuts or []), len(times)], strict=True):
        items += timebase.push(times[start:stop], accel[start:stop], first_row=2 + start)
    return items + timebase.flush()


def samples_of(items: list[Item]) -> FloatArray:
    return np.concatenate([item.accel_g for item in items if isinstance(item, SampleBlock)])


def gaps_of(items: list[Item]) -> list[Gap]:
    return [item for item in items if isinstance(item, Gap)]


def assert_contiguous(items: list[Item]) -> None:
    """Each item begins where the one before ended, a gap's missing samples counted."""
    at = 0
    for item in items:
        assert item.first_sample == at
        at += item.n_missing if isinstance(item, Gap) else len(item)


def assert_same(items: list[Item], others: list[Item]) -> None:
    assert gaps_of(items) == gaps_of(others)
    assert samples_of(items).tobytes() == samples_of(others).tobytes()


# -- the plan --
@pytest.mark.parametrize("rate", [12.5, 25.0, 50.0, 100.0, 200.0, 421.0, 500.0])
def test_a_regular_clock_is_counted_at_its_rate(rate: float) -> None:
    plan = plan_clock(np.round(np.arange(2000) / rate, 4))
    assert (plan.mode, plan.repair, plan.sampling_rate_hz) == ("counted", "none", rate)


def test_stamps_rounded_to_milliseconds_do_not_move_the_rate() -> None:
    plan = plan_clock(np.round(np.arange(5000) / 102.4, 3))
    assert plan.mode == "counted"
    assert plan.sampling_rate_hz == pytest.approx(102.4, rel=1e-4)


def test_a_stated_rate_is_the_grid_and_the_measured_one_is_kept() -> None:
    plan = plan_clock(np.arange(3000) / 97.6, stated_rate_hz=100.0)
    assert plan.sampling_rate_hz == 100.0
    assert plan.measured_rate_hz == pytest.approx(97.6)


def test_equal_stamps_of_packets_are_packets() -> None:
    stamps = np.repeat(np.arange(300) * 0.08, 4)
    plan = plan_clock(stamps)
    assert (plan.mode, plan.repair) == ("counted", "spread")
    assert plan.sampling_rate_hz == pytest.approx(50.0)


def test_stamps_in_whole_seconds_still_give_the_rate() -> None:
    plan = plan_clock(np.floor(np.arange(6000) / 100.0))
    assert plan.mode == "counted"
    assert plan.sampling_rate_hz == pytest.approx(100.0, rel=0.002)


def test_a_clock_as_irregular_as_a_phones_is_interpolated() -> None:
    intervals = np.random.default_rng(5).uniform(0.004, 0.018, 4000)
    assert plan_clock(np.cumsum(intervals)).mode == "interpolated"


def test_a_clock_whose_every_interval_is_a_little_off_is_interpolated() -> None:
    intervals = np.random.default_rng(5).normal(0.0104, 0.0012, 4000)  # 98 % within a quarter, and yet it walks away
    assert plan_clock(np.cumsum(intervals)).mode == "interpolated"
    stamps_off = np.arange(4000) * 0.0104 + np.random.default_rng(5).normal(0.0, 0.0008, 4000)
    assert plan_clock(stamps_off).mode == "counted"


def test_a_clock_that_stands_still_needs_a_rate() -> None:
    with pytest.raises(ContentError, match=r"time column does not advance.*--sampling-rate-hz"):
        plan_clock(np.zeros(50))
    assert plan_clock(np.zeros(50), stated_rate_hz=50.0).sampling_rate_hz == 50.0


def test_rates_are_rounded_only_where_the_stamps_cannot_tell() -> None:
    assert snapped_rate_hz(100.004, 100) == 100.0
    assert snapped_rate_hz(101.0 * (1 + 1e-3), 100_000) == 101.0 * (1 + 1e-3)
    assert snapped_rate_hz(31.2501, 1000) == 31.25


def test_packets_are_spread_from_their_stamp() -> None:
    stamps = np.array([0.0, 0.0, 0.0, 0.3, 0.3, 0.3, 0.9])
    np.testing.assert_allclose(spread_packets(stamps, 0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9])


def test_smoothed_stamps_follow_a_steady_clock_and_never_go_back() -> None:
    late = np.random.default_rng(2).exponential(0.05, 800)
    stamps = np.maximum.accumulate(np.arange(800) * 0.02 + late)
    smooth = smoothed_times(stamps, 0.02)
    assert (np.diff(smooth) >= 0).all()
    assert np.abs(np.diff(smooth) - 0.02).mean() < 0.2 * np.abs(np.diff(stamps) - 0.02).mean()


# -- counted: nothing is changed --
@given(rate=st.sampled_from([12.5, 50.0, 100.0, 200.0]), jitter=st.floats(0.0, 0.2), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_samples_of_a_steady_clock_pass_bit_for_bit(rate: float, jitter: float, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 1500)
    times = (np.arange(1500) + jitter * noise) / rate
    accel = rows(1500)
    items = run(times, accel, Timebase(plan_clock(times)))
    assert samples_of(items).tobytes() == accel.tobytes()
    assert not gaps_of(items)


def test_without_a_clock_every_row_is_the_next_sample() -> None:
    timebase = Timebase(ClockPlan(sampling_rate_hz=30.0), hop_rows=100)
    items = [*timebase.push(None, rows(250)), *timebase.flush()]
    assert samples_of(items).tobytes() == rows(250).tobytes()
    assert timebase.quality().measured_rate_hz is None


def test_drift_is_said_and_not_corrected() -> None:
    times = np.arange(4000) / 97.0
    timebase = Timebase(plan_clock(times, stated_rate_hz=100.0))
    assert len(samples_of(run(times, rows(4000), timebase))) == 4000
    quality = timebase.quality()
    assert quality.measured_rate_hz == pytest.approx(97.0)
    assert any("counts 97.00 Hz where the grid has 100 Hz (-3.0 %)" in note for note in quality.notes)


def test_jitter_is_the_99th_percentile_of_what_intervals_are_off() -> None:
    times = np.arange(10_000) * 0.01
    times[50::100] += 0.0013  # 2 % of the intervals are off by 1.3 ms
    timebase = Timebase(plan_clock(times))
    run(times, rows(len(times)), timebase)
    assert timebase.quality().jitter_p99_ms == pytest.approx(1.3, abs=0.02)


# -- holes and gaps --
def test_a_short_hole_is_interpolated_and_counted() -> None:
    times = np.delete(np.arange(400) * 0.01, [200, 201])
    accel = np.delete(rows(400), [200, 201], axis=0)
    timebase = Timebase(plan_clock(times))
    items = run(times, accel, timebase)
    samples = samples_of(items)
    assert not gaps_of(items)
    assert len(samples) == 400
    assert timebase.quality().n_interpolated == 2
    np.testing.assert_allclose(samples[199:203, 0], [199, 200, 201, 202])


def test_a_late_stamp_that_is_made_up_for_is_no_hole() -> None:
    times = np.arange(400) * 0.04
    times[200:204] += 0.04  # four rows late by one interval; the fifth has the stamp of the fourth
    timebase = Timebase(plan_clock(times))
    assert samples_of(run(times, rows(400), timebase)).tobytes() == rows(400).tobytes()
    assert timebase.quality().n_interpolated == 0


@pytest.mark.parametrize(("rate", "longest"), [(100.0, 0.1), (12.5, 0.24)])
def test_a_gap_is_longer_than_a_tenth_of_a_second_and_three_intervals(rate: float, longest: float) -> None:
    n_hole = round(longest * rate)
    for n_missing, n_gaps in ((n_hole - 1, 0), (n_hole, 1)):
        kept = np.r_[0:300, 300 + n_missing : 600]
        times = kept / rate
        items = run(times, rows(600)[kept], Timebase(plan_clock(times)))
        assert [gap.n_missing for gap in gaps_of(items)] == [n_missing] * n_gaps
        assert_contiguous(items)
        assert items[-1].first_sample + len(samples_of(items[-1:])) == 600


def test_a_gap_of_550_s_takes_no_memory_and_keeps_the_clock() -> None:
    times = np.r_[np.arange(500), np.arange(500) + 55_500] * 0.01
    items = run(times, rows(1000), Timebase(plan_clock(times)))
    assert gaps_of(items) == [Gap(500, 55_000, "no samples")]
    assert samples_of(items).tobytes() == rows(1000).tobytes()


def test_a_lost_packet_is_filled_or_a_gap() -> None:
    stamps = np.repeat(np.arange(300) * 0.08, 4)
    keep = np.ones(len(stamps), dtype=bool)
    keep[400:404] = False
    keep[800:808] = False
    timebase = Timebase(plan_clock(stamps[keep]))
    items = run(stamps[keep], rows(1200)[keep], timebase)
    assert timebase.quality().n_interpolated == 4
    assert [(gap.first_sample, gap.n_missing) for gap in gaps_of(items)] == [(800, 8)]
    assert any("packets" in note for note in timebase.quality().notes)


# -- doubled rows and clocks that go back --
def test_a_row_written_twice_is_left_out() -> None:
    once = np.arange(300)
    twice = np.sort(np.r_[once, [100, 101, 250]])
    timebase = Timebase(plan_clock(twice * 0.01, values=rows(300)[twice]), hop_rows=101)
    assert samples_of(run(twice * 0.01, rows(300)[twice], timebase)).tobytes() == rows(300).tobytes()
    assert any("3 rows repeated time and values" in note for note in timebase.quality().notes)


def test_equal_stamps_with_different_values_are_samples() -> None:
    times = np.arange(300) * 0.01
    times[150] = times[149]
    plan = plan_clock(times, values=rows(300))
    assert not plan.drops_repeats
    assert len(samples_of(run(times, rows(300), Timebase(plan)))) == 300


def test_a_step_back_keeps_every_sample_and_opens_a_segment() -> None:
    times = np.arange(600) * 0.02
    times[300:] -= 1.2
    timebase = Timebase(plan_clock(times))
    items = run(times, rows(600), timebase)
    assert samples_of(items).tobytes() == rows(600).tobytes()
    assert [(gap.first_sample, gap.n_missing) for gap in gaps_of(items)] == [(300, 0)]
    assert gaps_of(items)[0].reason == "clock stepped back 1.2 s"
    assert any("stepped back 1 times (1.2 s)" in note for note in timebase.quality().notes)


def test_a_larger_step_back_is_an_error_that_names_row_and_size() -> None:
    times = np.arange(600) * 0.02
    times[300:] -= 3.2
    with pytest.raises(ContentError, match=r"row 302: time goes back 3\.2 s \(.*\); clock change\? pass --tz"):
        run(times, rows(600), Timebase(plan_clock(times)))
    zoned = Timebase(plan_clock(times), is_clock_change=lambda earlier, later: True)
    with pytest.raises(ContentError, match=r"pass --tz, which helps only with a step of one hour; else split the file"):
        run(times, rows(600), zoned)


def test_an_hour_back_needs_a_zone() -> None:
    times = np.arange(600) * 0.02
    times[300:] -= 3600.0
    with pytest.raises(ContentError, match=r"row 302: time goes back 3600 s .*pass --tz"):
        run(times, rows(600), Timebase(plan_clock(times)))
    timebase = Timebase(plan_clock(times), is_clock_change=lambda earlier, later: later < earlier)
    items = run(times, rows(600), timebase)
    assert samples_of(items).tobytes() == rows(600).tobytes()
    assert not gaps_of(items)
    assert any("clocks changed by an hour" in note for note in timebase.quality().notes)


def test_an_hour_forward_is_a_gap_unless_clocks_changed() -> None:
    times = np.arange(600) * 0.02
    times[300:] += 3600.0
    for changed, n_missing in ((False, [180_000]), (True, [])):
        timebase = Timebase(plan_clock(times[:100]), is_clock_change=lambda a, b, c=changed: c)
        assert [gap.n_missing for gap in gaps_of(run(times, rows(600), timebase))] == n_missing


def test_with_a_zone_a_step_of_no_hour_is_still_an_error() -> None:
    times = np.arange(600) * 0.02
    times[300:] -= 100.0
    with pytest.raises(ContentError, match="only with a step of one hour"):
        run(times, rows(600), Timebase(plan_clock(times), is_clock_change=lambda earlier, later: True))


def test_an_hour_back_with_a_step_of_its_own_is_cut() -> None:
    times = np.arange(600) * 0.02
    times[300:] -= 3601.0
    items = run(times, rows(600), Timebase(plan_clock(times), is_clock_change=lambda earlier, later: True))
    assert [(gap.first_sample, gap.n_missing) for gap in gaps_of(items)] == [(300, 0)]
    assert samples_of(items).tobytes() == rows(600).tobytes()


def test_a_clock_that_was_not_set_is_an_error_and_no_gap_of_50_years() -> None:
    times = np.arange(600) * 0.02
    times[300:] += 56 * 365 * 86_400.0
    with pytest.raises(ContentError, match=r"row 302: time jumps 20440 days ahead .*correct or delete those rows"):
        run(times, rows(600), Timebase(plan_clock(times[:300])))


def test_stamps_in_whole_seconds_are_counted_and_a_silence_is_still_a_gap() -> None:
    times = np.floor(np.arange(6000) / 100.0)
    times[3000:] += 5.0
    timebase = Timebase(plan_clock(times), hop_rows=999)
    items = run(times, rows(6000), timebase)
    assert samples_of(items).tobytes() == rows(6000).tobytes()
    assert [gap.first_sample for gap in gaps_of(items)] == [3000]
    assert gaps_of(items)[0].n_missing == 500
    assert timebase.quality().measured_rate_hz == pytest.approx(100.0, rel=0.01)


def test_packets_that_come_late_at_random_are_counted() -> None:
    delay = np.random.default_rng(8).exponential(0.02, 800).repeat(5)
    times = np.maximum.accumulate(np.repeat(np.arange(800) * 0.1, 5) + delay)
    times[2000:] += 3.0
    plan = plan_clock(times)
    assert (plan.mode, plan.repair) == ("counted", "smooth")
    timebase = Timebase(plan, hop_rows=701)
    items = run(times, rows(4000), timebase)
    assert samples_of(items).tobytes() == rows(4000).tobytes()
    (gap,) = gaps_of(items)
    assert (gap.first_sample, gap.n_missing) == (2000, pytest.approx(154, abs=10))  # the silence and a packet
    quality = timebase.quality()
    assert quality.measured_rate_hz == pytest.approx(50.0, rel=0.01)
    assert quality.jitter_p99_ms is not None
    assert quality.jitter_p99_ms > 5.0
    assert any("placed by counting" in note for note in quality.notes)


def test_small_steps_back_inside_a_packet_are_kept_in_order() -> None:
    times = np.arange(600) * 0.02
    times[300] -= 0.025
    timebase = Timebase(plan_clock(times))
    items = run(times, rows(600), timebase)
    assert samples_of(items).tobytes() == rows(600).tobytes()
    assert not gaps_of(items)
    assert any("1 time stamps out of order" in note for note in timebase.quality().notes)


# -- irregular clocks --
def irregular(n: int, seed: int) -> FloatArray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.004, 0.018, n))


def test_irregular_samples_are_interpolated_between_their_neighbours() -> None:
    times = irregular(3000, 1)
    accel = np.column_stack([times, 2 * times, np.ones(3000)])  # linear in time: interpolation is exact
    timebase = Timebase(plan_clock(times))
    samples = samples_of(run(times, accel, timebase))
    rate = plan_clock(times).sampling_rate_hz
    np.testing.assert_allclose(samples[:, 0], times[0] + np.arange(len(samples)) / rate, atol=1e-9)
    assert any("irregular clock: samples were interpolated linearly" in note for note in timebase.quality().notes)


def test_a_gap_in_an_irregular_clock_is_a_gap_by_the_clock() -> None:
    times = irregular(3000, 1)
    times[1500:] += 2.0
    accel = np.column_stack([times, times, times])
    plan = plan_clock(times)
    items = run(times, accel, Timebase(plan))
    (gap,) = gaps_of(items)
    assert_contiguous(items)
    assert gap.n_missing == pytest.approx(2.0 * plan.sampling_rate_hz, abs=2)
    last = samples_of(items)[-1, 0]
    assert last == pytest.approx(
        times[0] + (gap.n_missing + len(samples_of(items)) - 1) / plan.sampling_rate_hz, abs=0.02
    )


def wandering_packets(n: int, seed: int) -> FloatArray:
    """Packets of five whose delay wanders by more than two samples: smoothed, then interpolated."""
    rng = np.random.default_rng(seed)
    wander = 0.15 * np.sin(np.arange(n) / 400.0)
    arrival = np.repeat(np.arange(n // 5 + 1) * 0.1, 5)[:n]
    return np.maximum.accumulate(arrival + wander + rng.exponential(0.02, n // 5 + 1).repeat(5)[:n])


def test_packets_with_a_wandering_delay_are_smoothed_onto_the_grid() -> None:
    times = wandering_packets(4000, 3)
    plan = plan_clock(times)
    assert (plan.mode, plan.repair) == ("interpolated", "smooth")
    items = run(times, np.column_stack([np.arange(4000.0)] * 3), Timebase(plan))
    samples = samples_of(items)[:, 0]
    assert (np.diff(samples) >= 0).all()
    assert np.abs(np.diff(samples) - 1.0).max() < 0.5
    assert len(samples) == pytest.approx(4000, abs=20)


# -- how the rows were cut does not matter --
def messy(kind: str) -> FloatArray:
    if kind == "irregular":
        times = irregular(2000, 7)
    elif kind == "wandering":
        times = wandering_packets(2000, 7)
    elif kind == "packets":
        times = np.repeat(np.arange(500) * 0.08, 4)
    else:
        times = np.round(np.arange(2000) * 0.01, 3)
    keep = np.ones(2000, dtype=bool)
    keep[[300, 301, 700]] = False
    keep[900:960] = False
    times = times[keep]
    times[1200:] -= 0.9
    times[1600:] += 7.0
    return times


@pytest.mark.parametrize("kind", ["steady", "packets", "irregular", "wandering"])
@given(cuts=st.lists(st.integers(0, 1937), max_size=12), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_what_comes_out_does_not_depend_on_the_cuts(kind: str, cuts: list[int], seed: int) -> None:
    times = messy(kind)
    accel = np.random.default_rng(seed).standard_normal((len(times), 3))
    plan = plan_clock(times)
    whole = Timebase(plan, hop_rows=257)
    parts = Timebase(plan, hop_rows=257)
    items = run(times, accel, whole)
    assert_same(run(times, accel, parts, sorted(cuts)), items)
    assert parts.quality() == whole.quality()
    assert_contiguous(items)


@pytest.mark.parametrize("kind", ["steady", "packets"])
@given(hop_rows=st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_a_steady_clock_gives_the_same_samples_in_any_hop(kind: str, hop_rows: int) -> None:
    times = messy(kind)
    accel = rows(len(times))
    plan = plan_clock(times)
    items = run(times, accel, Timebase(plan, hop_rows=hop_rows))
    assert_same(items, run(times, accel, Timebase(plan)))
