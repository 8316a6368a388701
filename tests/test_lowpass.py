import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt

from loadsense.lowpass import ZeroPhaseLowPass, look_ahead_samples, possible_cutoff_hz, zero_phase
from loadsense.samples import Gap, SampleBlock


def noise(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) + np.array([0.0, -1.0, 0.2])


def run(accel_g, cuts, *, rate_hz=100.0, first_sample=0):
    low_pass = ZeroPhaseLowPass(sampling_rate_hz=rate_hz, cutoff_hz=20.0)
    blocks = []
    for start, end in zip([0, *cuts], [*cuts, len(accel_g)], strict=True):
        blocks += low_pass.push(SampleBlock(first_sample + start, accel_g[start:end]))
    blocks += low_pass.flush()
    at = first_sample
    for block in blocks:
        assert block.first_sample == at
        at += block.axes_g.shape[1]
    return np.concatenate([b.axes_g for b in blocks], axis=1)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 64.0, 100.0, 200.0, 400.0])
def test_away_from_the_edges_it_is_the_filter_of_the_whole_record(rate_hz):
    accel_g = noise(20_000)
    cutoff_hz = possible_cutoff_hz(20.0, rate_hz)
    whole = sosfiltfilt(butter(4, cutoff_hz, fs=rate_hz, output="sos"), accel_g, axis=0).T
    streamed = run(accel_g, [7000, 7001, 12_345], rate_hz=rate_hz)
    assert np.abs(streamed - whole)[:, 800:-800].max() < 1e-9


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 1500),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
    rate_hz=st.sampled_from([12.5, 50.0, 100.0, 95.3]),
    first=st.integers(0, 5000),
)
def test_no_cut_changes_a_bit(n, cuts, rate_hz, first):
    accel_g = noise(n)
    whole = run(accel_g, [], rate_hz=rate_hz, first_sample=first)
    assert whole.shape == (3, n)
    cut = run(accel_g, sorted(c for c in cuts if c <= n), rate_hz=rate_hz, first_sample=first)
    assert np.array_equal(whole, cut)


def test_sample_by_sample_is_the_same_and_so_is_a_push_longer_than_a_piece():
    accel_g = noise(40_000)
    whole = run(accel_g, [])
    assert np.array_equal(whole, run(accel_g, list(range(10, 40_000, 10))))
    assert np.array_equal(whole[:, :600], run(accel_g[:1500], list(range(1, 1500)))[:, :600])


def test_a_gap_begins_a_new_segment():
    before, after = noise(700, 1), noise(900, 2)
    low_pass = ZeroPhaseLowPass(sampling_rate_hz=100.0, cutoff_hz=20.0)
    blocks = low_pass.push(SampleBlock(0, before))
    blocks += low_pass.gap(Gap(700, 50))
    blocks += low_pass.push(SampleBlock(750, after))
    blocks += low_pass.flush()
    joined = np.concatenate([b.axes_g for b in blocks], axis=1)
    assert np.array_equal(joined[:, :700], run(before, []))
    assert np.array_equal(joined[:, 700:], run(after, [], first_sample=750))
    assert next(b.first_sample for b in blocks if b.first_sample >= 700) == 750


def test_a_constant_stays_what_it_is_to_the_very_ends():
    still = np.tile([0.1, -0.98, 0.2], (333, 1))
    assert np.abs(run(still, [100]) - still.T).max() < 1e-12


def test_an_empty_stream_gives_nothing():
    low_pass = ZeroPhaseLowPass(sampling_rate_hz=100.0, cutoff_hz=20.0)
    assert low_pass.push(SampleBlock(0, np.empty((0, 3)))) == []
    assert low_pass.flush() == []
    assert low_pass.gap(Gap(0, 5)) == []


def test_cut_off_and_look_ahead_follow_the_rate():
    fast = ZeroPhaseLowPass(sampling_rate_hz=200.0, cutoff_hz=20.0)
    slow = ZeroPhaseLowPass(sampling_rate_hz=25.0, cutoff_hz=20.0)
    assert (fast.cutoff_hz, fast.look_ahead_samples) == (20.0, 140)
    assert slow.cutoff_hz == 10.0
    assert slow.look_ahead_samples == look_ahead_samples(10.0, 25.0) == 111


def test_a_closed_window_and_a_segment_are_filtered_alike():
    accel_g = noise(150)
    window = zero_phase(accel_g.T, cutoff_hz=20.0, sampling_rate_hz=100.0)
    assert np.array_equal(window, run(accel_g, []))


def test_one_sample_is_its_own_low_pass():
    assert zero_phase(np.array([[3.5]]), cutoff_hz=20.0, sampling_rate_hz=100.0)[0, 0] == pytest.approx(3.5)
