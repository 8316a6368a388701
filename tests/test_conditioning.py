import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.conditioning import CalibrationCriteria, QualityStage, autocalibrate, still_calibration
from loadsense.conditioning.seconds import SecondCutter, seconds_of
from loadsense.samples import Gap, SampleBlock

HOUR_S = 3600


def quality(accel_g, cuts=(), *, rate_hz=100.0, range_g=None, first_sample=0):
    stage = QualityStage(sampling_rate_hz=rate_hz, range_g=range_g)
    for start, end in zip([0, *cuts], [*cuts, len(accel_g)], strict=True):
        stage.push(SampleBlock(first_sample + start, accel_g[start:end]))
    stage.flush()
    return stage


def standing(n, *, scale=1.0, sd_g=0.002, seed=0):
    rng = np.random.default_rng(seed)
    return scale * np.array([0.0, -1.0, 0.0]) + rng.normal(scale=sd_g, size=(n, 3))


def moving(n, seed=0):
    return standing(n, sd_g=0.3, seed=seed)


# -- calibration by still seconds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.93, 0.97, 1.02, 1.09])
def test_a_gain_brings_still_seconds_to_one_g(scale):
    found = still_calibration(standing(2000, scale=scale), 100.0)
    assert found.method == "still seconds"
    assert found.gain == pytest.approx((1 / scale,) * 3, abs=1e-3)
    assert found.offset_g == (0.0, 0.0, 0.0)
    assert found.error_before_g == pytest.approx(abs(scale - 1), abs=1e-3)
    assert found.error_after_g < 1e-3


@pytest.mark.parametrize("scale", [0.996, 1.0, 1.004, 0.85, 1.2])
def test_noise_is_left_alone_and_a_wrong_unit_is_not_called_a_gain(scale):
    found = still_calibration(standing(2000, scale=scale), 100.0)
    assert (found.method, found.gain) == ("none", (1.0, 1.0, 1.0))
    assert found.error_before_g == found.error_after_g == pytest.approx(abs(scale - 1), abs=1e-3)


def test_without_a_still_second_the_error_is_unknown():
    assert still_calibration(moving(2000), 100.0).error_before_g is None
    assert still_calibration(standing(99), 100.0).error_before_g is None
    assert still_calibration(np.zeros((1000, 3)), 100.0).error_before_g is None


def test_two_still_seconds_are_reported_and_not_acted_on():
    probe = np.concatenate((moving(500), standing(200, scale=1.05), moving(500)))
    found = still_calibration(probe, 100.0)
    assert found.method == "none"
    assert found.error_before_g == pytest.approx(0.05, abs=1e-3)


def test_one_still_second_in_another_posture_does_not_move_the_median():
    probe = np.concatenate((standing(1000, scale=1.03), standing(100, scale=1.4)))
    assert still_calibration(probe, 100.0).gain[0] == pytest.approx(1 / 1.03, abs=1e-3)


# -- calibration by the sphere ---------------------------------------------------------------------------------------


def postures(k, seed=0):
    u = np.random.default_rng(seed).normal(size=(k, 3))
    return u / np.linalg.norm(u, axis=1)[:, None]


def test_the_sphere_gives_back_the_gain_and_offset_that_were_put_in():
    gain, offset_g = np.array([1.03, 0.97, 1.01]), np.array([0.02, -0.03, 0.01])
    recorded = postures(400) / gain - offset_g
    found = autocalibrate(recorded)
    assert found.method == "van Hees 2014"
    assert found.gain == pytest.approx(tuple(gain), abs=1e-4)
    assert found.offset_g == pytest.approx(tuple(offset_g), abs=1e-4)
    assert found.error_after_g < 1e-4 < 0.01 < found.error_before_g


def test_postures_on_one_side_of_an_axis_are_not_enough():
    recorded = np.abs(postures(400)) * 1.05
    found = autocalibrate(recorded)
    assert (found.method, found.gain) == ("none", (1.0, 1.0, 1.0))
    assert found.error_before_g == pytest.approx(0.05, abs=1e-3)


def test_a_cloud_that_is_no_sphere_is_refused():
    rng = np.random.default_rng(1)
    recorded = postures(400) * rng.uniform(0.7, 1.3, size=(400, 1))
    assert autocalibrate(recorded).method == "none"


def test_no_window_no_calibration():
    assert autocalibrate(np.empty((0, 3))).error_before_g is None
    assert autocalibrate(np.full((5, 3), 3.0)).error_before_g is None


def test_a_day_of_postures_is_reported_and_a_shorter_recording_is_not():
    rate_hz = 4.0
    turned = np.repeat(postures(8640), 40, axis=0) * 1.02
    day = quality(turned, rate_hz=rate_hz)
    found = day.autocalibration()
    assert found is not None
    assert found.method == "van Hees 2014"
    assert found.gain == pytest.approx((1 / 1.02,) * 3, abs=1e-6)
    assert quality(turned[:-4], rate_hz=rate_hz).autocalibration() is None


def test_a_day_without_a_still_window_is_not_calibrated():
    assert quality(moving(86_400 * 2), rate_hz=2.0).autocalibration() is None


# -- what is counted -------------------------------------------------------------------------------------------------


def test_clipped_samples_are_those_with_any_axis_at_98_percent_of_the_range():
    accel_g = moving(1000)
    accel_g[[3, 500, 999], [0, 1, 2]] = [7.84, -8.0, 7.85]
    accel_g[700, 0] = 7.83
    accel_g[[3], 1] = -8.0
    assert quality(accel_g, range_g=8.0).result().n_clipped == 3
    assert quality(accel_g, range_g=None).result().n_clipped == 0
    stage = QualityStage(sampling_rate_hz=100.0, range_g=8.0)
    stage.push(SampleBlock(0, accel_g[:4]))
    assert stage.result().n_clipped == 1


def test_still_seconds_are_counted_on_the_absolute_grid():
    accel_g = np.concatenate((moving(150), standing(400, scale=1.02), moving(50)))
    found = quality(accel_g).result()
    assert found.still_s == 3.0
    assert found.still_error_g == pytest.approx(0.02, abs=1e-3)
    assert quality(moving(600)).result().still_error_g is None


def test_a_gap_cuts_its_second_and_is_kept():
    stage = QualityStage(sampling_rate_hz=100.0, range_g=None)
    still = standing(1000)
    stage.push(SampleBlock(0, still[:250]))
    stage.gap(Gap(250, 20, "no samples"))
    stage.push(SampleBlock(270, still[270:]))
    found = stage.result()
    assert found.still_s == 9.0
    assert found.gaps == (Gap(250, 20, "no samples"),)
    assert found.n_samples == 980


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    rate_hz=st.sampled_from([1.0, 12.5, 95.3, 100.0]),
    seed=st.integers(0, 100),
)
def test_no_cut_changes_a_figure(cuts, rate_hz, seed):
    rng = np.random.default_rng(seed)
    accel_g = standing(3000, seed=seed) + (rng.random((3000, 1)) < 0.002) * rng.normal(size=(3000, 3))
    whole = quality(accel_g, rate_hz=rate_hz, range_g=2.0).result()
    assert quality(accel_g, sorted(cuts), rate_hz=rate_hz, range_g=2.0).result() == whole


def test_sample_by_sample_over_units():
    accel_g = np.concatenate((standing(2000), moving(2000), standing(1000)))
    whole = quality(accel_g, rate_hz=1.0)
    single = quality(accel_g, list(range(1, 5000)), rate_hz=1.0)
    assert single.result() == whole.result()


def test_seconds_have_the_mean_and_variance_of_their_samples():
    accel_g = moving(1050)
    found = seconds_of(accel_g, samples_per_second=100, first_second=7)
    by_second = accel_g[:1000].reshape(10, 100, 3)
    assert found.index.tolist() == list(range(7, 17))
    np.testing.assert_allclose(found.mean_g, by_second.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(found.variance_g2, by_second.var(axis=1), atol=1e-12)
    assert np.array_equal(found.low_g, by_second.min(axis=1))
    assert np.array_equal(found.high_g, by_second.max(axis=1))


def test_a_block_inside_a_second_that_began_before_gives_nothing():
    cutter = SecondCutter(100)
    assert cutter.push(SampleBlock(30, moving(50))) is None
    seconds = cutter.push(SampleBlock(80, moving(130)))
    assert seconds is not None
    assert seconds.index.tolist() == [1]


# -- non-wear --------------------------------------------------------------------------------------------------------


def lying(hours, rate_hz=1.0):
    return np.tile([0.0, 0.0, 1.0], (round(hours * HOUR_S * rate_hz), 1))


def worn(hours, rate_hz=1.0):
    return moving(round(hours * HOUR_S * rate_hz))


def test_a_sensor_on_the_table_is_not_worn():
    found = quality(np.concatenate((worn(8), lying(6), worn(8))), rate_hz=1.0).result()
    assert found.non_wear_known
    ((start, end),) = found.non_wear
    # the hour around a block has to be quiet, so the first and last half hour on the table look worn
    assert abs(start - 8.5 * HOUR_S) <= 900
    assert abs(end - 13.5 * HOUR_S) <= 900


def test_carrying_it_between_two_long_rests_is_not_wear():
    carried = np.concatenate((lying(9), worn(1), lying(9), worn(4)))
    ((start, end),) = quality(carried, rate_hz=1.0).result().non_wear
    assert start == 0
    assert end > 18 * HOUR_S
    worn_longer = np.concatenate((lying(3), worn(7), lying(3)))
    assert len(quality(worn_longer, rate_hz=1.0).result().non_wear) == 2


def test_quiet_on_one_axis_alone_is_worn():
    accel_g = worn(3)
    accel_g[:, 0] = 0.1
    assert quality(accel_g, rate_hz=1.0).result().non_wear == ()
    accel_g[:, 1] = -0.9
    assert quality(accel_g, rate_hz=1.0).result().non_wear == ((0, 3 * HOUR_S),)


def test_below_an_hour_nobody_knows():
    found = quality(lying(0.99), rate_hz=1.0).result()
    assert (found.non_wear, found.non_wear_known) == ((), False)


def test_hours_in_a_gap_are_not_called_non_wear():
    stage = QualityStage(sampling_rate_hz=1.0, range_g=None)
    stage.push(SampleBlock(0, worn(2)))
    stage.gap(Gap(2 * HOUR_S, 5 * HOUR_S))
    stage.push(SampleBlock(7 * HOUR_S, worn(2)))
    found = stage.result()
    assert found.non_wear_known
    assert found.non_wear == ()


def test_other_numbers_can_be_given():
    strict = CalibrationCriteria(smallest_error=0.001)
    assert still_calibration(standing(2000, scale=1.004), 100.0, strict).method == "still seconds"
