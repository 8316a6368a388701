import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.events import LandingCandidate, Status, Takeoff
from loadsense.loading import fall_heights_m, landing_window, measure_landing

RATE_HZ = 400.0


def candidate(**changes):
    facts = {
        "event_id": "landing-1",
        "status": Status.SETTLED,
        "flight_start_sample": 1000,
        "landing_sample": 1120,
        "peak_sample": 1160,
        "end_sample": 1240,
        "flight_s": 0.3,
        "takeoff": Takeoff.PUSH,
    }
    return LandingCandidate(**facts | changes)


def vertical_of_a_landing(peak_g=4.0, n=2000):
    """Standing, 120 samples of flight, and a raised cosine of 200 ms to the peak and down."""
    vertical_g = np.ones(n)
    vertical_g[1000:1120] = 0.0
    vertical_g[1120:1200] = peak_g * (1.0 - np.cos(2 * np.pi * np.arange(80) / 80.0)) / 2.0
    return vertical_g


def along(vertical_g, towards=(0.0, -1.0, 0.0)):
    return vertical_g[:, None] * np.array(towards)


def measure(accel_g, found=None, *, rate_hz=RATE_HZ, range_g=16.0):
    found = found or candidate()
    first, end = landing_window(found, rate_hz)
    return measure_landing(accel_g[first:end], first, found, sampling_rate_hz=rate_hz, range_g=range_g)


def test_the_loads_of_a_hand_made_landing():
    landing = measure(along(vertical_of_a_landing()))
    assert landing.peak_g == pytest.approx(4.0, abs=0.01)
    assert landing.peak_net_g == landing.peak_g - 1.0
    assert landing.peak_vertical_g == pytest.approx(landing.peak_g, abs=1e-9)
    assert landing.peak_20hz_g == pytest.approx(3.97, abs=0.05)
    assert landing.time_to_peak_s == pytest.approx(0.1, abs=0.003)
    rates = landing.loading_rates
    # raised cosine, 4 g in 0.1 s: steepest pi/2 times the mean; 20 and 80 % are passed at acos(0.6) and acos(-0.6)
    assert rates.maximum_g_per_s == pytest.approx(np.pi / 2 * 40.0, rel=0.02)
    mean_slope = 0.6 * 4.0 / ((np.arccos(-0.6) - np.arccos(0.6)) / np.pi * 0.1)
    assert rates.slope_20_80_g_per_s == pytest.approx(mean_slope, rel=0.02)
    assert rates.onset_g_per_s == pytest.approx(40.0, rel=0.03)
    assert (rates.cutoff_hz, rates.sampling_rate_hz) == (85.0, 400.0)
    assert rates.maximum_20hz_g_per_s == pytest.approx(np.pi / 2 * 40.0, rel=0.1)
    assert (landing.jump_height_m, landing.drop_height_m) == (pytest.approx(9.80665 * 0.09 / 8), None)
    assert (landing.clipped, landing.candidate.truncated) == (False, False)
    assert (landing.force, landing.high_magnitude, landing.high_rate) == (None, None, None)


@settings(max_examples=30, deadline=None)
@given(
    peak_g=st.floats(1.5, 12.0),
    rate_hz=st.sampled_from([100.0, 200.0, 400.0]),
    noise_g=st.floats(0.0, 0.2),
    seed=st.integers(0, 99),
)
def test_the_three_rates_keep_their_order(peak_g, rate_hz, noise_g, seed):
    rng = np.random.default_rng(seed)
    accel_g = along(vertical_of_a_landing(peak_g)) + noise_g * rng.normal(size=(2000, 3))
    rates = measure(accel_g, rate_hz=rate_hz).loading_rates
    assert rates.maximum_g_per_s * 1.0001 >= rates.slope_20_80_g_per_s > 0
    assert rates.maximum_g_per_s * 1.0001 >= rates.onset_g_per_s > 0


def test_it_does_not_matter_how_the_sensor_hangs():
    upright = measure(along(vertical_of_a_landing()))
    tilted = measure(along(vertical_of_a_landing(), (0.48, 0.6, -0.64)))
    assert tilted.peak_g == pytest.approx(upright.peak_g, abs=1e-9)
    assert tilted.peak_vertical_g == pytest.approx(upright.peak_vertical_g, abs=1e-9)


def test_a_sideways_blow_is_in_the_resultant_and_not_in_the_vertical():
    accel_g = along(vertical_of_a_landing())
    accel_g[1130:1190, 0] = 2.0 * np.hanning(60)
    landing = measure(accel_g)
    assert landing.peak_g == pytest.approx(np.hypot(4.0, 2.0), abs=0.05)
    # the blow leaves a sideways speed, which tilts the mean of the window by 4 degrees
    assert landing.peak_vertical_g == pytest.approx(4.0, abs=0.15)


def test_the_peak_is_refined_within_fifty_milliseconds_and_no_further():
    accel_g = along(vertical_of_a_landing())
    assert measure(accel_g, candidate(peak_sample=1145)).peak_g == pytest.approx(4.0, abs=0.01)
    later = along(vertical_of_a_landing())
    later[1260:1300, 1] = -9.0
    assert measure(later).peak_g == pytest.approx(4.0, abs=0.01)


def test_what_comes_before_contact_is_not_the_peak():
    vertical_g = vertical_of_a_landing()
    vertical_g[1141:1144] = 20.0
    landing = measure(along(vertical_g), candidate(landing_sample=1150))
    assert landing.peak_g < 6.0


@pytest.mark.parametrize(
    ("value_g", "row", "clipped"), [(7.84, 1160, True), (7.83, 1160, False), (8.0, 1100, False), (-7.9, 1239, True)]
)
def test_clipped_is_said_of_contact_to_end_only(value_g, row, clipped):
    accel_g = along(vertical_of_a_landing())
    accel_g[row, 2] = value_g
    assert measure(accel_g, range_g=8.0).clipped is clipped


def test_without_a_range_nothing_is_clipped():
    assert measure(along(vertical_of_a_landing(30.0)), range_g=None).clipped is False


def test_heights_by_the_kind_of_take_off():
    def heights(**changes):
        landing = measure(along(vertical_of_a_landing()), candidate(**changes))
        return landing.jump_height_m, landing.drop_height_m

    assert heights(takeoff=Takeoff.NONE, flight_s=0.202) == (None, pytest.approx(0.2, abs=0.001))
    assert heights(takeoff=Takeoff.PUSH, flight_s=0.404) == (pytest.approx(0.2, abs=0.001), None)
    assert heights(takeoff=Takeoff.UNKNOWN) == (None, None)
    assert heights(flight_s=None) == (None, None)


@pytest.mark.parametrize(("drop_m", "flight_s"), [(0.05, 0.101), (0.08, 0.128), (0.10, 0.143), (0.20, 0.202)])
def test_published_falls(drop_m, flight_s):
    assert fall_heights_m(flight_s, Takeoff.NONE)[1] == pytest.approx(drop_m, abs=0.001)


def test_the_window_is_a_function_of_the_candidate():
    assert landing_window(candidate(), 400.0) == (600, 1520)
    assert landing_window(candidate(flight_start_sample=100), 400.0) == (0, 1520)


def test_a_window_cut_by_a_gap_or_an_end_is_measured_and_marked():
    accel_g = along(vertical_of_a_landing())
    found = candidate()
    behind = measure_landing(accel_g[600:1300], 600, found, sampling_rate_hz=RATE_HZ, range_g=16.0)
    before = measure_landing(accel_g[1080:1520], 1080, found, sampling_rate_hz=RATE_HZ, range_g=16.0)
    for landing in (behind, before):
        assert landing.candidate.truncated
        assert landing.peak_g == pytest.approx(4.0, abs=0.02)
    whole = measure_landing(accel_g[600:1520], 600, found, sampling_rate_hz=RATE_HZ, range_g=16.0)
    assert not whole.candidate.truncated


def test_a_window_that_ends_with_the_peak():
    accel_g = along(vertical_of_a_landing())[:1161]
    landing = measure_landing(accel_g[600:], 600, candidate(), sampling_rate_hz=RATE_HZ, range_g=16.0)
    assert landing.peak_g == pytest.approx(4.0, abs=0.05)
    assert landing.loading_rates.maximum_g_per_s == pytest.approx(63.0, rel=0.05)


def test_a_window_of_one_sample_has_a_peak_and_no_rate():
    landing = measure_landing(np.array([[0.0, -3.0, 0.0]]), 1160, candidate(), sampling_rate_hz=RATE_HZ, range_g=16.0)
    assert landing.peak_g == pytest.approx(3.0)
    assert landing.loading_rates.maximum_g_per_s is None
    assert landing.time_to_peak_s is None


def test_two_samples_give_the_only_slope_there_is():
    window = np.array([[0.0, -1.0, 0.0], [0.0, -3.0, 0.0]])
    landing = measure_landing(window, 1159, candidate(landing_sample=1159), sampling_rate_hz=RATE_HZ, range_g=None)
    assert landing.loading_rates.maximum_g_per_s > 0
    assert landing.loading_rates.onset_g_per_s == pytest.approx(landing.loading_rates.maximum_g_per_s)


def test_no_gravity_no_vertical():
    accel_g = np.zeros((2000, 3))
    accel_g[1150:1170, 0] = np.hanning(20)
    assert measure(accel_g).peak_vertical_g is None


def test_a_peak_outside_the_window_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match=r"peak sample 1160 is outside the window \[0, 500\); pass the samples of"):
        measure_landing(np.zeros((500, 3)), 0, candidate(), sampling_rate_hz=RATE_HZ, range_g=None)


def test_slow_rates_lower_the_cut_off_and_say_so():
    vertical_g = vertical_of_a_landing()
    assert measure(along(vertical_g), rate_hz=50.0).loading_rates.cutoff_hz == 20.0
    assert measure(along(vertical_g), rate_hz=100.0).loading_rates.cutoff_hz == 40.0
