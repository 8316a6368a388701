import gzip
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, find_peaks, sosfiltfilt

from loadsense import kernels
from loadsense.detection.gravity import TrailingGravity
from loadsense.detection.impacts import ImpactDetector, LocalMaxima, Spacing, _Peaks
from loadsense.evidence.impacts import impact_criteria
from loadsense.kernels import impacts as impact_loops
from loadsense.lowpass import ZeroPhaseLowPass
from loadsense.samples import Gap, SampleBlock

DATA = Path(__file__).parents[1].parent / "shared" / "data"
CRITERIA = impact_criteria()


@pytest.fixture(scope="module")
def both_ways():
    """Without the compiled loops, and with them where the extra `fast` is installed."""
    try:
        return [None, kernels.Kernels()]
    except ImportError:
        return [None]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Whatever a test forces ends with it."""
    monkeypatch.setattr(kernels._choice, "kernels", kernels._choice.kernels)
    monkeypatch.setattr(kernels._choice, "is_settled", kernels._choice.is_settled)


def detect(accel_g, cuts=(), *, rate_hz=100.0, first_sample=0, **options):
    detector = ImpactDetector(sampling_rate_hz=rate_hz, criteria=CRITERIA, **options)
    impacts = []
    for start, end in zip([0, *cuts], [*cuts, len(accel_g)], strict=True):
        impacts += detector.push(SampleBlock(first_sample + start, accel_g[start:end]))
    return [*impacts, *detector.flush()]


def upright(vertical_g):
    return np.column_stack([np.zeros_like(vertical_g), -vertical_g, np.zeros_like(vertical_g)])


def bumps(n, seed):
    """A walk with random impacts of 1 to 5 g."""
    rng = np.random.default_rng(seed)
    vertical_g = np.ones(n) + 0.02 * rng.normal(size=n)
    for at in rng.integers(20, max(21, n - 20), size=n // 30):
        vertical_g[at - 5 : at + 5] += rng.uniform(0.5, 5.0) * np.hanning(10)[: len(vertical_g[at - 5 : at + 5])]
    return np.column_stack([0.3 * rng.normal(size=n), -vertical_g, 0.1 * rng.normal(size=n)])


def whole_record_peaks(accel_g, rate_hz):
    cutoff_hz = min(20.0, 0.4 * rate_hz)
    filtered = sosfiltfilt(butter(4, cutoff_hz, fs=rate_hz, output="sos"), accel_g, axis=0)
    size_g = np.sqrt((filtered**2).sum(axis=1))
    return find_peaks(size_g, height=1.3, distance=math.ceil(0.4 * rate_hz))[0], size_g


# -- against scipy on the whole record -------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
@pytest.mark.parametrize("seed", range(4))
def test_impacts_are_the_peaks_of_the_whole_filtered_record(rate_hz, seed):
    accel_g = bumps(6000, seed)
    expected, size_g = whole_record_peaks(accel_g, rate_hz)
    inside = (400, 5600)
    found = {i.peak_sample: i.peak_g for i in detect(accel_g, [1000, 1003, 4444], rate_hz=rate_hz)}
    found = {k: v for k, v in found.items() if inside[0] <= k < inside[1]}
    assert list(found) == [p for p in expected if inside[0] <= p < inside[1]]
    assert max(abs(found[p] - size_g[p]) for p in found) < 1e-9


REAL = [
    ("sisfall_waist", 3),
    ("mobifall_pocket", 1),
    ("adept_walk_run", 1),
    ("ipol_gait_lowback", 1),
    ("alcantara_sacral_running", 2),
]


@pytest.mark.skipif(not DATA.exists(), reason=f"no recordings at {DATA}")
@pytest.mark.parametrize(("folder", "n_files"), REAL)
def test_impacts_of_real_recordings_are_those_of_scipy(folder, n_files):
    for path in sorted((DATA / folder).glob("*.csv.gz"))[:n_files]:
        with gzip.open(path, "rt") as file:
            table = np.genfromtxt(file, delimiter=",", skip_header=1, max_rows=20_000)
        accel_g = np.ascontiguousarray(table[np.isfinite(table).all(axis=1)][:, 1:4])
        rate_hz = 500.0 if "alcantara" in folder else 100.0
        expected, _ = whole_record_peaks(accel_g, rate_hz)
        margin = int(2 * rate_hz)
        inside = [p for p in expected if margin <= p < len(accel_g) - margin]
        found = [i.peak_sample for i in detect(accel_g, [len(accel_g) // 3], rate_hz=rate_hz)]
        assert [p for p in found if margin <= p < len(accel_g) - margin] == inside


def peaks_at(samples, heights_g):
    """Peaks of which only place and height matter."""
    parts = np.zeros((3, len(samples)))
    parts[0] = heights_g
    return _Peaks(np.array([samples, samples], dtype=np.int64), parts)


def kept(samples, heights_g, distance):
    """The rule on the whole record: highest first, of equals the later, each unless one is too close."""
    taken = []
    for height, sample in sorted(zip(heights_g, samples, strict=True), reverse=True):
        del height
        if all(abs(sample - t) >= distance for t in taken):
            taken.append(sample)
    return sorted(taken)


@settings(max_examples=200, deadline=None)
@given(
    heights=st.lists(st.integers(0, 6), min_size=1, max_size=60),
    distance=st.integers(1, 9),
    step=st.integers(1, 9),
    cuts=st.lists(st.integers(1, 60), max_size=6),
)
def test_spacing_keeps_the_highest_and_of_equals_the_later(both_ways, heights, distance, step, cuts):
    peaks = [(2 * i, h) for i, h in enumerate(heights) if h]
    samples, heights_g = [p[0] for p in peaks], [p[1] for p in peaks]
    expected, steps = kept(samples, heights_g, distance), kept(samples, heights_g, step)
    edges = sorted({0, *(2 * c for c in cuts if 2 * c < 2 * len(heights)), 2 * len(heights)})
    for loops in both_ways:
        kernels.force(loops)
        alone, both, found, found_both = Spacing(distance), Spacing(distance, step), [], []
        for start, end in itertools.pairwise(edges):
            new = (
                peaks_at(*zip(*[p for p in peaks if start <= p[0] < end], strict=True))
                if any(start <= p[0] < end for p in peaks)
                else peaks_at([], [])
            )
            found += alone.push(new, end)
            found_both += both.push(new, end)
            assert all(i.peak_sample < both.settled_before(end) for i in found_both)
        found += alone.flush()
        found_both += both.flush()
        assert [i.peak_sample for i in found] == expected
        assert [i.peak_sample for i in found_both] == sorted({*expected, *steps})
        assert [i.peak_sample for i in found_both if i.rule == "impact"] == expected


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.integers(0, 4), min_size=3, max_size=80),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
def test_local_maxima_with_flat_tops_are_those_of_scipy(values, cuts):
    x = np.array(values, dtype=float)
    tops = LocalMaxima(sampling_rate_hz=1.0, min_peak_g=2.0)
    edges = sorted({0, *(c for c in cuts if c < len(x)), len(x)})
    found = []
    for start, end in itertools.pairwise(edges):
        peaks = tops.push(start, x[start:end], x[start:end])
        found += zip(*peaks.whole.tolist(), *peaks.parts.tolist(), strict=True)
    expected, _ = find_peaks(x, height=2.0)
    assert [sample for sample, *_ in found] == expected.tolist()
    for sample, onset_sample, height_g, rate_g_per_s, _ in found:
        left = sample
        while x[left - 1] == height_g:
            left -= 1
        onset = left
        while onset > 0 and x[onset - 1] < x[onset]:
            onset -= 1
        assert onset_sample == onset
        inside = [(x[j + 1] - x[j - 1]) / 2.0 for j in range(onset + 1, left)]
        assert rate_g_per_s == max(inside) if inside else math.isnan(rate_g_per_s)


def test_a_rise_longer_than_any_push_is_still_one_rise():
    x = np.concatenate((np.linspace(1.0, 3.0, 2001), np.linspace(2.9, 1.0, 20)))
    tops = LocalMaxima(sampling_rate_hz=100.0, min_peak_g=1.3)
    found = []
    for start in range(0, len(x), 7):
        peaks = tops.push(start, x[start : start + 7], x[start : start + 7])
        found += zip(*peaks.whole.tolist(), *peaks.parts.tolist(), strict=True)
    ((sample, onset_sample, _, rate_g_per_s, _),) = found
    assert (onset_sample, sample) == (0, 2000)
    assert rate_g_per_s == pytest.approx(0.1)


# -- compiled, and in numpy -------------------------------------------------------------------------------------------

HOP = 8


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0, 1.5, 1.5, 2.0, 3.0]), min_size=1, max_size=90),
    wobble=st.booleans(),
    cuts=st.lists(st.integers(0, 11), max_size=8),
    n_hops=st.integers(1, 4),
)
def test_peaks_in_compiled_loops_are_those_of_numpy(both_ways, values, wobble, cuts, n_hops):
    """Flat tops and flat rises, free fall where gravity points nowhere, whole hops and a shorter last one."""
    rng = np.random.default_rng(len(values))
    axes_g = np.stack((0.3 * np.array(values), np.array(values), np.zeros(len(values))))
    axes_g += wobble * rng.normal(size=axes_g.shape)
    gravity, tops = TrailingGravity(hop_samples=HOP, n_hops=n_hops), LocalMaxima(sampling_rate_hz=50.0, min_peak_g=1.3)
    before, rise = gravity.before, tops.rise
    edges = sorted({0, *(HOP * c for c in cuts if HOP * c < len(values)), len(values)})
    for start, end in itertools.pairwise(edges):
        part = np.ascontiguousarray(axes_g[:, start:end])
        size_g = np.sqrt((part[0] * part[0] + part[1] * part[1]) + part[2] * part[2])
        expected = tops.push(start, size_g, gravity.split(part)[0])
        state = (gravity.before, *tops.rise)
        for peaks in (impact_loops.peaks, *(loops.peaks for loops in both_ways if loops)):
            work = (np.empty(200, dtype=np.int64), np.empty(200))
            whole, parts, *after = peaks(part, (start, HOP, 1.3, 25.0, 0.3), before, rise, work)
            assert whole.tolist() == expected.whole.tolist()
            assert parts.tobytes() == expected.parts.tobytes() or np.array_equal(parts, expected.parts, equal_nan=True)
            assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(after, state, strict=True))
        before, rise = gravity.before, tops.rise


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(61, 3000),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
    options=st.sampled_from([{}, {"steps": True}, {"steps": True, "slow_vertical": True}]),
    rate_hz=st.sampled_from([25.0, 100.0, 1000.0]),
)
def test_impacts_in_compiled_loops_are_those_of_numpy(both_ways, seed, n, cuts, options, rate_hz):
    accel_g = bumps(n, seed)
    cuts = sorted(c for c in cuts if c <= n)
    found = []
    for loops in both_ways:
        kernels.force(loops)
        found.append(detect(accel_g, cuts, rate_hz=rate_hz, **options))
    assert all(one == found[0] for one in found)


def test_the_compiler_may_take_over_and_leave_at_any_moment(both_ways):
    accel_g = bumps(6000, 3)
    options = {"steps": True, "slow_vertical": True}
    kernels.force(None)
    expected = detect(accel_g, **options)
    detector, found = ImpactDetector(sampling_rate_hz=100.0, criteria=CRITERIA, **options), []
    for k, start in enumerate(range(0, len(accel_g), 370)):
        kernels.force(both_ways[k // 2 % len(both_ways)])
        found += detector.push(SampleBlock(start, accel_g[start : start + 370]))
    assert [*found, *detector.flush()] == expected


# -- what was found --------------------------------------------------------------------------------------------------


def test_a_hand_made_impact():
    """A slow raised cosine passes the low-pass: height, onset and slope are those of the curve."""
    n = np.arange(200)
    vertical_g = np.ones(1000)
    vertical_g[400:600] += 1.0 - np.cos(2 * np.pi * n / 200)
    (impact,) = detect(upright(vertical_g))
    assert impact.peak_sample == 500
    assert impact.peak_g == pytest.approx(3.0, abs=1e-3)
    assert impact.peak_vertical_g == pytest.approx(impact.peak_g, abs=1e-12)
    assert abs(impact.onset_sample - 400) <= 25  # the filter rings a little before the curve begins
    assert impact.acceleration_rate_g_per_s == pytest.approx(np.pi, rel=0.01)
    assert (impact.rule, impact.force, impact.slow_vertical_g) == ("impact", None, None)


def test_two_peaks_within_the_distance_are_one_impact_and_beyond_are_two():
    def pair(apart):
        vertical_g = np.ones(1000)
        for at, height in ((400, 2.0), (400 + apart, 3.0)):
            vertical_g[at - 10 : at + 11] += height * np.hanning(21)
        return [i.peak_sample for i in detect(upright(vertical_g))]

    assert pair(39) == [439]
    assert pair(40) == [400, 440]


def test_steps_fill_in_what_the_impact_rule_leaves_out():
    """Running at 300 ms a step: by the rule of impacts every other step is lost."""
    vertical_g = 1.0 + 1.2 * np.sin(2 * np.pi * np.arange(3000) / 30.0)
    vertical_g += 0.1 * np.sin(2 * np.pi * np.arange(3000) / 60.0)
    alone = detect(upright(vertical_g))
    both = detect(upright(vertical_g), steps=True)
    assert [i for i in both if i.rule == "impact"] == alone
    at = [i.peak_sample for i in both]
    assert at == sorted(at)
    assert set(np.diff(at).tolist()) <= {29, 30, 31}
    assert 49 <= len(alone) <= 51


def test_the_vertical_lies_along_gravity_however_the_sensor_hangs():
    vertical_g = np.ones(1500)
    vertical_g[900:920] += 3.0 * np.hanning(20)
    tilt = np.array([0.6, 0.0, -0.8])
    sideways = np.zeros(1500)
    sideways[900:920] = np.hanning(20)
    accel_g = vertical_g[:, None] * tilt + sideways[:, None] * np.array([0.8, 0.0, 0.6])
    (impact,) = detect(accel_g)
    assert impact.peak_vertical_g < impact.peak_g
    assert impact.peak_vertical_g == pytest.approx(3.95, abs=0.1)


def test_no_gravity_no_vertical():
    accel_g = np.zeros((1000, 3))
    accel_g[500:520, 0] = 2.0 * np.hanning(20)
    (impact,) = detect(accel_g)
    assert impact.peak_vertical_g is None


def test_the_slow_vertical_has_a_mean_of_one_g_whatever_the_offset():
    phase = 2 * np.pi * np.arange(4000) / 35.0
    true = upright(1.0 + 1.3 * np.sin(phase))
    found = detect(true, steps=True, slow_vertical=True)
    offset = detect(true * 1.0 + np.array([0.0, -0.18, 0.0]), steps=True, slow_vertical=True)
    middle = [(a.slow_vertical_g, b.slow_vertical_g) for a, b in zip(found, offset, strict=True)][10:-10]
    assert max(abs(a - b) for a, b in middle) < 1e-6
    assert all(2.2 < a < 2.35 for a, _ in middle)


def test_the_slow_vertical_is_the_highest_value_around_the_peak():
    """Also where the window ends before the recording does, and where windows overlap."""
    accel_g = bumps(1000, 8)
    accel_g[-8:, 1] -= 2.0 * np.hanning(8)
    low_pass, gravity = (
        ZeroPhaseLowPass(sampling_rate_hz=100.0, cutoff_hz=10.0),
        TrailingGravity(hop_samples=200, n_hops=2),
    )
    vertical_g, means_g, lengths = gravity.split(
        np.concatenate([b.axes_g for b in (*low_pass.push(SampleBlock(0, accel_g)), *low_pass.flush())], axis=1)
    )
    off_g = np.where(np.abs(means_g - 1.0) > 0.5, np.nan, means_g - 1.0)
    vertical_g -= np.repeat(off_g, lengths)
    before, after = round(100 * CRITERIA.slow_before_s), round(100 * CRITERIA.slow_after_s)
    found = detect(accel_g, steps=True, slow_vertical=True)
    assert found[-1].peak_sample + after >= 1000
    assert {impact.slow_vertical_g is None for impact in found} == {True, False}
    for impact in found:
        around = vertical_g[max(0, impact.peak_sample - before) : impact.peak_sample + after + 1]
        assert impact.slow_vertical_g == (None if np.isnan(around).any() else around.max())


def test_a_mean_far_from_one_g_gives_no_slow_vertical():
    accel_g = upright(1.8 + 1.3 * np.sin(2 * np.pi * np.arange(2000) / 35.0))
    assert {i.slow_vertical_g for i in detect(accel_g, slow_vertical=True)} == {None}


# -- streams ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 2500),
    cuts=st.lists(st.integers(0, 2500), max_size=10),
    options=st.sampled_from([{}, {"steps": True}, {"steps": True, "slow_vertical": True}]),
)
def test_no_cut_changes_an_impact(seed, n, cuts, options):
    accel_g = bumps(n, seed) if n > 60 else np.random.default_rng(seed).normal(size=(n, 3))
    cuts = sorted(c for c in cuts if c <= n)
    assert detect(accel_g, **options) == detect(accel_g, cuts, **options)


@pytest.mark.parametrize("options", [{}, {"steps": True, "slow_vertical": True}])
def test_sample_by_sample(options):
    accel_g = bumps(1200, 5)
    assert detect(accel_g, **options) == detect(accel_g, list(range(1, 1200)), **options)


@pytest.mark.parametrize("options", [{}, {"steps": True, "slow_vertical": True}])
def test_a_gap_separates_two_recordings(options):
    before, after = bumps(900, 1), bumps(1100, 2)
    detector = ImpactDetector(sampling_rate_hz=100.0, criteria=CRITERIA, **options)
    impacts = list(detector.push(SampleBlock(0, before)))
    impacts += detector.gap(Gap(900, 30))
    impacts += detector.push(SampleBlock(930, after))
    impacts += detector.flush()
    assert impacts == detect(before, **options) + detect(after, first_sample=930, **options)


def test_slow_rates_lower_the_cut_off():
    assert ImpactDetector(sampling_rate_hz=25.0, criteria=CRITERIA).cutoff_hz == 10.0
    assert ImpactDetector(sampling_rate_hz=100.0, criteria=CRITERIA).cutoff_hz == 20.0


def test_a_chain_that_rises_for_a_minute_is_resolved_as_a_whole(both_ways):
    for loops in both_ways:
        kernels.force(loops)
        spacing, found = Spacing(40), []
        for i in range(200):
            found += spacing.push(peaks_at([30 * i], [1.5 + 0.01 * i]), 30 * i + 1)
        assert found == []
        assert [i.peak_sample for i in spacing.flush()] == [30 * i for i in range(1, 200, 2)]


def test_nothing_comes_of_nothing():
    detector = ImpactDetector(sampling_rate_hz=100.0, criteria=CRITERIA, steps=True, slow_vertical=True)
    assert len(detector.push(SampleBlock(0, np.empty((0, 3))))) == 0
    assert len(detector.gap(Gap(0, 10))) == 0
    assert len(detector.flush()) == 0
