"""Indices: the published vectors, bouts over midnight, bins, and the properties that make them trustworthy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.events import ForceEstimate, Landing, LandingCandidate, LoadingRates, Status, Takeoff
from loadsense.osteogenic import (
    ACCELEROMETER_FORM,
    PUBLISHED_FORM,
    IndexInput,
    bouts,
    cumulative_index,
    daily_load_stimulus,
    index_over_bouts,
    recovery,
    session_index,
    tally_indices,
    weekly_index,
)
from loadsense.placement import CAPABILITIES, Placement

CRITERIA = evidence.index_criteria()


@pytest.mark.parametrize(("n", "expected"), [(5, 1.7918), (25, 3.2581), (60, 4.1109), (100, 4.6151)])
def test_logarithm_of_cycles(n, expected):
    assert session_index(1.0, n) == pytest.approx(expected, abs=5e-5)


def test_published_anchors():
    assert session_index(1.40, 4194.1) == pytest.approx(11.678, abs=5e-4)
    assert weekly_index([session_index(4.387, 10)] * 5) == pytest.approx(52.6, abs=0.05)


@pytest.mark.parametrize(
    ("hours", "share"), [(0.5, 0.0800), (1, 0.1535), (2, 0.2835), (4, 0.4866), (8, 0.7364), (24, 0.9817)]
)
def test_recovery_between_bouts(hours, share):
    assert recovery(hours, CRITERIA.recovery_tau_h) == pytest.approx(share, abs=5e-5)


def test_two_bouts_eight_hours_apart_gain_half():
    once = index_over_bouts([1.0] * 120, bouts(range(120), gap_s=3600.0), tau_h=6.0)
    times = [*range(60), *(59 + 8 * 3600 + second for second in range(60))]
    twice = index_over_bouts([1.0] * 120, bouts(times, gap_s=3600.0), tau_h=6.0)
    assert once == pytest.approx(4.796, abs=1e-3)
    assert twice == pytest.approx(7.138, abs=1e-3)


def test_bouts_are_cut_at_an_hour():
    groups = bouts([0.0, 3599.0, 7199.0, 7200.0], gap_s=3600.0)
    assert [(bout.start, bout.end, bout.hours_before) for bout in groups] == [(0, 2, None), (2, 4, 1.0)]
    assert bouts([], gap_s=3600.0) == ()


def test_an_earlier_session_weakens_the_first_bout():
    (bout,) = bouts([10.0], gap_s=3600.0, hours_before_first=6.0)
    assert index_over_bouts([2.0], [bout], tau_h=6.0) == pytest.approx(2.0 * math.log(2) * (1 - math.exp(-1)))


def test_each_bout_has_its_own_intensity():
    groups = bouts([0.0, 7200.0], gap_s=3600.0)
    expected = 4.0 * math.log(2) + 1.0 * math.log(2) * (1 - math.exp(-2 / 6))
    assert index_over_bouts([4.0, 1.0], groups, tau_h=6.0) == pytest.approx(expected)


def test_daily_load_stimulus_of_a_mixed_day():
    assert daily_load_stimulus([4.0] * 25 + [1.2] * 1000, exponent=4) == pytest.approx(9.594, abs=5e-4)
    assert daily_load_stimulus([], exponent=4) is None


# --- cumulative index --------------------------------------------------------------------------------------------

intensities = st.lists(st.floats(0.0, 12.0), max_size=60)


def test_cumulative_index_by_hand():
    assert cumulative_index([]) is None
    assert cumulative_index([3.0]) == pytest.approx(3.0 * math.log(2))
    assert cumulative_index([1.0, 4.0]) == pytest.approx(max(4.0 * math.log(2), 2.5 * math.log(3)))


@given(found=intensities, extra=st.floats(0.0, 12.0), at=st.integers(0, 60))
def test_cumulative_index_never_falls_when_a_landing_is_added(found, extra, at):
    more = [*found[:at], extra, *found[at:]]
    assert cumulative_index(more) >= (cumulative_index(found) or 0.0) - 1e-12


@given(found=intensities.filter(bool))
def test_cumulative_index_is_at_least_the_published_form(found):
    assert cumulative_index(found) >= session_index(float(np.mean(found)), len(found)) - 1e-9


@given(found=intensities.filter(bool), order=st.randoms())
def test_cumulative_index_does_not_hang_on_the_order(found, order):
    mixed = list(found)
    order.shuffle(mixed)
    assert cumulative_index(mixed) == cumulative_index(found)


@given(times=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30).map(sorted))
def test_bouts_cover_every_landing_once(times):
    groups = bouts(times, gap_s=3600.0)
    assert [bout.start for bout in groups[1:]] == [bout.end for bout in groups[:-1]]
    assert (groups[0].start, groups[-1].end) == (0, len(times))
    assert all(bout.hours_before is None or bout.hours_before >= 1.0 for bout in groups)


# --- a whole session -----------------------------------------------------------------------------------------------


def landing(peak_net_g, *, force_bw=None):
    candidate = LandingCandidate(
        event_id="L1",
        status=Status.SETTLED,
        landing_sample=0,
        peak_sample=5,
        end_sample=20,
        flight_start_sample=0,
        flight_s=None,
        takeoff=Takeoff.UNKNOWN,
    )
    return Landing(
        candidate=candidate,
        peak_g=peak_net_g + 1,
        peak_net_g=peak_net_g,
        peak_vertical_g=None,
        peak_20hz_g=peak_net_g,
        loading_rates=LoadingRates(),
        time_to_peak_s=None,
        force=None if force_bw is None else ForceEstimate(model="m", peak_grf_bw=force_bw),
    )


def session(found, **more):
    times = tuple(10.0 * i for i in range(len(found)))
    return IndexInput(landings=tuple(found), times_s=times, placement=Placement.HIP, **more)


def test_published_form_needs_a_force_for_every_landing():
    known = session([landing(3.0, force_bw=2.0), landing(3.0, force_bw=4.0)], force_mape_percent=13.0)
    index = tally_indices(known, criteria=CRITERIA).osteogenic_index
    assert (index.method, index.mape_percent, index.n, index.bouts) == (PUBLISHED_FORM, 13.0, 2, 1)
    assert index.value == pytest.approx(3.0 * math.log(3))
    partly = session([landing(3.0, force_bw=2.0), landing(5.0)], force_mape_percent=13.0)
    index = tally_indices(partly, criteria=CRITERIA).osteogenic_index
    assert (index.method, index.mape_percent, index.intensity) == (ACCELEROMETER_FORM, None, 4.0)
    assert "[second-hand]" in index.source
    assert "[recalled]" in index.source


def test_session_without_landings_has_no_index():
    indices = tally_indices(session([], score_peaks_g=np.array([])), criteria=CRITERIA)
    assert (indices.osteogenic_index.value, indices.cumulative_index) == (None, None)
    assert (indices.osteogenic_index.reason, indices.daily_impact_score_log) == ("no landings", 0.0)
    assert tally_indices(session([]), criteria=CRITERIA).daily_impact_score_log is None


@pytest.mark.parametrize("placement", [p for p in Placement if not CAPABILITIES[p].grades_landings])
def test_no_index_away_from_the_trunk(placement):
    seen = IndexInput(landings=(landing(4.0),), times_s=(1.0,), placement=placement)
    indices = tally_indices(seen, criteria=CRITERIA, bands=[evidence.bands()["vainionpaa-2006"]])
    assert indices.osteogenic_index.value is None
    assert indices.threshold_counts == ()
    assert indices.reason.startswith(f"no index from a sensor at the {placement.value}")


def test_session_reports_bands_score_and_stimulus():
    seen = session([landing(4.0), landing(1.5)], score_peaks_g=np.array([5.0, 2.5]), forces_bw=(2.0, 2.0))
    indices = tally_indices(seen, criteria=CRITERIA, bands=evidence.profile().bands)
    assert [band.count for band in indices.threshold_counts] == [0, 1, 0, 1, 0]
    assert indices.daily_load_stimulus == pytest.approx((2 * 16) ** 0.25)
    assert indices.daily_impact_score_log == pytest.approx((4.9 + 2.5) * math.log(2))
    assert indices.daily_impact_score_rule.startswith("impact peaks of the 20 Hz resultant")
