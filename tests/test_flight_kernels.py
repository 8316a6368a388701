"""Hops, impacts, blocks and buckets: measured by compiled loops, by plain ones and by numpy, the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense import kernels
from loadsense.conditioning.rails import largest_of_sides
from loadsense.detection import around, landings, rhythm, wrist
from loadsense.detection.flights import HOP, MEDIAN_HALF, FlightFinder, Trace
from loadsense.detection.history import History, magnitude
from loadsense.detection.landings import LandingDetector
from loadsense.detection.peaks import PeakFinder
from loadsense.envelope import EnvelopeStage
from loadsense.events import Excluded, Status
from loadsense.evidence.detection_criteria import landing_criteria
from loadsense.kernels import flights, seconds
from loadsense.placement import Placement
from loadsense.samples import SampleBlock

SEEDS = st.integers(0, 2**32 - 1)
CRITERIA = landing_criteria()


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    """Without loops unless a test asks for them."""
    monkeypatch.setattr(kernels._choice, "kernels", None)
    monkeypatch.setattr(kernels._choice, "is_settled", True)


def each_way(loops, ask, *, plain=flights):
    """What is said without loops, by those of a module before they are compiled, and by the compiled ones."""
    said = []
    for choice in (None, plain, loops):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels._choice, "kernels", choice)
            said.append(ask())
    return said


def all_alike(loops, ask):
    """The one thing that all three say."""
    expected, plain, compiled = each_way(loops, ask)
    assert plain == expected
    assert compiled == expected
    return expected


def steps(n, seed):
    """Steps with short flights between them, some rattle, and rest; RAW g in steps of 0.05 g, so that values tie."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 100.0
    beat = np.sin(2 * np.pi * t * rng.uniform(1.5, 3.0))
    size = rng.choice([0.0, 1.0, 2.5], size=n // 100 + 1).repeat(100)[:n]
    up = 1.0 + size * beat * np.abs(beat) + rng.normal(size=n) * rng.choice([0.01, 0.2])
    side = 0.3 * size * np.sin(np.pi * t * rng.uniform(1.5, 3.0))
    return (np.stack((side, up, 0.2 * up), axis=1) / 0.05).round() * 0.05


def trace_of(rows):
    history, trace = History(100.0, 20.0), Trace(640)
    history.append(SampleBlock(0, rows), cut=False)
    trace.extend(history, len(rows))
    return trace


@settings(max_examples=25, deadline=None)
@given(n=st.integers(8, 500), seed=SEEDS, closing=st.booleans())
def test_flights_and_bursts_are_found_alike(loops, n, seed, closing):
    trace = trace_of(steps(n, seed))
    family, peaks = CRITERIA.trunk.flight, CRITERIA.peaks
    all_alike(loops, lambda: FlightFinder(family).find(trace, closing=closing))
    all_alike(loops, lambda: PeakFinder(peaks, 1.8).find(trace, closing=closing))


def test_flights_are_found_at_all(loops):
    trace = trace_of(steps(500, 5))
    assert len(all_alike(loops, lambda: FlightFinder(CRITERIA.trunk.flight).find(trace))) > 3
    assert len(all_alike(loops, lambda: PeakFinder(CRITERIA.peaks, 1.8).find(trace))) > 1


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 300), seed=SEEDS)
def test_surpluses_are_those_of_numpy(loops, n, seed):
    trace = trace_of(steps(300, seed))
    assert all_alike(loops, lambda: trace.surplus_g_s(300 - n, 300)) >= 0.0


@settings(max_examples=50, deadline=None)
@given(n=st.integers(16, 120), seed=SEEDS)
def test_smoothed_values_are_those_of_numpy(loops, n, seed):
    g = magnitude(steps(n, seed))
    assert len(all_alike(loops, lambda: wrist.smoothed(g).tolist())) == n - 16


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 60), seed=SEEDS)
def test_highest_samples_are_those_of_numpy(loops, n, seed):
    history = History(100.0, 2.0)
    history.append(SampleBlock(0, steps(100, seed)), cut=False)
    at, highest_g = all_alike(loops, lambda: history.highest(20, 20 + n))
    assert (history.raw_magnitude(20, 20 + n).max(), highest_g) == (highest_g, history.raw_magnitude(at, at + 1)[0])


@settings(max_examples=25, deadline=None)
@given(n=st.integers(200, 500), seed=SEEDS)
def test_turns_are_those_of_numpy(loops, n, seed):
    rows = steps(n, seed) + np.where(np.arange(n) < n // 2, 0.0, 0.7)[:, None]
    trace = trace_of(rows)
    assert all_alike(loops, lambda: around.turned_deg(trace, n // 2, n // 2, n)) >= 0.0


@settings(max_examples=25, deadline=None)
@given(n=st.integers(90, 320), seed=SEEDS, near=st.integers(0, 200), longest=st.sampled_from([62, 130]))
def test_rhythms_reach_a_level_alike(loops, n, seed, near, longest):
    g = magnitude(steps(n, seed))
    lags = np.arange(28, longest, 2)
    strongest = rhythm.strongest_rhythm(np.minimum(g, 4.0), lags, 80)
    for level in (0.6, max(strongest, 1e-12), np.nextafter(max(strongest, 1e-12), 2.0)):
        found = all_alike(loops, lambda level=level: rhythm.is_rhythmic(g, lags, 80, level=level, near=near))
        assert found == (strongest >= level)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(60, 330), seed=SEEDS, interval=st.integers(0, 140))
def test_likeness_after_intervals_is_that_of_numpy(loops, n, seed, interval):
    rows = 2.0 * steps(n, seed)
    all_alike(loops, lambda: rhythm.alike_and_even(rows, magnitude(rows), interval))


@settings(max_examples=15, deadline=None)
@given(rate_hz=st.sampled_from([25.0, 50.0, 100.0, 104.2, 400.0]), seed=SEEDS)
def test_landings_are_told_alike(loops, rate_hz, seed):
    rows = steps(1500, seed)

    def said():
        stage = LandingDetector(
            sampling_rate_hz=rate_hz, placement=Placement.HIP, range_g=8.0, criteria=CRITERIA, landing_block=True
        )
        return [*stage.push(SampleBlock(0, rows)), *stage.flush()]

    all_alike(loops, said)


@settings(max_examples=15, deadline=None)
@given(placement=st.sampled_from([Placement.HIP, Placement.POCKET, Placement.WRIST]), seed=SEEDS)
def test_what_is_settled_does_not_hang_on_what_is_told_before(loops, placement, seed):
    rows = steps(1500, seed)

    def settled(*, tells):
        stage = LandingDetector(sampling_rate_hz=100.0, placement=placement, range_g=8.0, criteria=CRITERIA)
        stage.tells = tells
        found = [*stage.push(SampleBlock(0, rows)), *stage.flush()]
        return [fact for fact in found if isinstance(fact, Excluded) or fact.status is Status.SETTLED]

    assert all_alike(loops, lambda: settled(tells=False)) == settled(tells=True)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(40, 700), seed=SEEDS, every=st.sampled_from([1, 1, 2, 5]))
def test_hops_looked_at_ahead_give_what_each_gives_when_it_is_due(loops, n, seed, every):
    """However many hops the history holds; where some are passed over, the next one begins behind the last."""
    rows = steps(n, seed)

    def found(*, at_once):
        history, trace, finder, peaks = (
            History(100.0, 20.0),
            Trace(200),
            FlightFinder(CRITERIA.trunk.flight),
            PeakFinder(CRITERIA.peaks, 1.8),
        )
        said = []
        for end in range(HOP * every, n + 1, HOP * every):
            held = history.end
            if held < (n if at_once else end):
                history.append(SampleBlock(held, rows[held : n if at_once else end]), cut=False)
            if trace.extend(history, end):
                finder.restart(trace.start)
                peaks.restart(trace.start, begins=False)
            said.append((finder.find(trace), peaks.find(trace)))
        return said

    expected = found(at_once=False)
    assert all_alike(loops, lambda: found(at_once=True)) == expected
    assert all_alike(loops, lambda: found(at_once=False)) == expected


@settings(max_examples=25, deadline=None)
@given(
    rate_hz=st.sampled_from([50.0, 100.0, 104.2]),
    size=st.sampled_from([3, 10, 17]),
    seed=SEEDS,
    rest=st.integers(0, 900),
)
def test_quiet_hops_that_wait_keep_nothing_back(rate_hz, size, seed, rest):
    """Whatever is told comes with the same samples as where every hop is looked at when it is whole."""
    rows = np.concatenate((np.tile([0.0, 1.0, 0.0], (rest, 1)), steps(700, seed), np.tile([0.0, 1.0, 0.0], (500, 1))))

    def told():
        stage = LandingDetector(sampling_rate_hz=rate_hz, placement=Placement.HIP, range_g=8.0, criteria=CRITERIA)
        starts = range(0, len(rows), size)
        return [(first, stage.push(SampleBlock(first, rows[first : first + size]))) for first in starts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landings, "_MOST_ASLEEP", 1)
        expected = told()
    assert told() == expected


# -- the trace


@settings(max_examples=15, deadline=None)
@given(hops=st.lists(st.integers(1, 90), min_size=1, max_size=60), at_once=st.booleans(), seed=SEEDS)
def test_a_trace_shows_nothing_beyond_its_end(hops, at_once, seed):
    """However much the history holds already, a trace at some index is what it would be had nothing come behind it."""
    rows = steps(sum(20 * hop for hop in hops), seed)
    history, trace, end = History(100.0, 60.0), Trace(640), 0
    if at_once:
        history.append(SampleBlock(0, rows), cut=False)
    for hop in hops:
        if not at_once:
            history.append(SampleBlock(end, rows[end : end + 20 * hop]), cut=False)
        end += 20 * hop
        trace.extend(history, end)
        start = trace.start
        g = magnitude(rows[start:end])
        assert (trace.rows(0, end + 50) == rows[start:end]).all()
        assert (trace.g(0, end + 50) == g).all()
        windows = np.lib.stride_tricks.sliding_window_view(g, 2 * MEDIAN_HALF + 1)
        assert trace.median_end == end - MEDIAN_HALF
        assert (trace.median_g(start + MEDIAN_HALF, end) == np.median(windows, axis=1)).all()


# -- extremes of blocks and buckets


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 400), seed=SEEDS)
def test_largest_values_of_sides_are_those_of_numpy(loops, n, seed):
    rows = steps(n, seed)
    rows.setflags(write=False)
    ways = each_way(loops, lambda: largest_of_sides(rows).tolist(), plain=seconds)
    assert ways == [[*rows.max(axis=0).tolist(), *(-rows.min(axis=0)).tolist()]] * 3


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5), seed=SEEDS)
def test_envelopes_are_those_of_numpy(loops, sizes, seed):
    rows = steps(sum(sizes), seed)

    def envelope():
        stage, first = EnvelopeStage(most_buckets=40), 0
        for size in sizes:
            stage.push(SampleBlock(first, rows[first : first + size]))
            first += size
        return stage.flush()

    expected, plain, compiled = each_way(loops, envelope, plain=seconds)
    assert expected == plain == compiled
    assert (
        max(high for high in expected[0].high_g if high is not None)
        == (rows[:, 0] ** 2 + rows[:, 1] ** 2 + rows[:, 2] ** 2).max() ** 0.5
    )
