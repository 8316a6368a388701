"""Flat tops are seen at any height and under any cut, and a true peak is none."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import loadsense as ls
from loadsense.conditioning.rails import RailWatch, largest_of_sides
from loadsense.simulate import DropLanding, LandingShape, Sensor, Stand, Walk, simulate_session


def rail_of(accel_g, cuts=()):
    watch = RailWatch()
    for start, end in itertools.pairwise(sorted({0, *cuts, len(accel_g)})):
        watch.push(accel_g[start:end])
    return watch.rail_g()


def session(n=25, peak_g=7.0):
    drops = [DropLanding(impact=LandingShape(peak_g=peak_g), pause_s=0.6)] * n
    sensor = Sensor(sampling_rate_hz=200.0, counts_per_g=2048.0)
    return simulate_session([Stand(), Walk(duration_s=5.0), *drops, Stand()], sensor=sensor, seed=6).accel_g


def test_an_unclipped_session_has_no_rail():
    assert rail_of(session(6)) is None


@pytest.mark.parametrize("rail_g", [2.0, 3.0, 4.1])
def test_a_clipped_one_has_it_where_it_was_cut(rail_g):
    assert rail_of(np.clip(session(6), -rail_g, rail_g)) == rail_g


def test_a_posture_that_repeats_its_counts_is_no_rail():
    assert rail_of(np.tile([0.0, 0.0, 1.004], (5000, 1))) is None


@given(cuts=st.lists(st.integers(0, 3000), max_size=20))
def test_the_rail_does_not_hang_on_the_cuts(cuts):
    rng = np.random.default_rng(3)
    accel_g = np.clip(rng.normal(0, 1.5, (3000, 3)).repeat(2, axis=0), -2.5, 2.5)
    assert rail_of(accel_g, cuts) == 2.5


@given(n=st.integers(1, 400))
def test_the_sides_are_those_of_the_plain_rule(n):
    accel_g = np.random.default_rng(n).normal(0, 2, (n, 3))
    assert np.array_equal(largest_of_sides(accel_g), np.concatenate((accel_g.max(axis=0), -accel_g.min(axis=0))))


def verdict_of(accel_g, **options):
    range_g = options.pop("range_g", None)
    recording = ls.Recording.from_arrays(accel_g, sampling_rate_hz=200.0, placement="hip", range_g=range_g)
    return ls.analyze(recording, **options)


@pytest.mark.parametrize("range_g", [None, 16.0])
def test_a_wrong_or_missing_range_never_makes_a_verdict_of_cut_peaks(range_g):
    report = verdict_of(np.clip(session(), -2.0, 2.0), range_g=range_g)
    assert report.verdict.status.value == "cannot_say"
    assert any("flat tops at +-2 g" in note for note in report.quality_notes)
    assert all(landing.clipped for landing in report.recordings[0].landings)


def test_landings_cut_below_a_ceiling_are_not_taken_for_gentle_ones(tmp_path):
    """Hard landings on a railed sensor must not look as if they lay inside a band that ends above the rail."""
    plan = tmp_path / "own.toml"
    plan.write_text(OWN_PLAN)
    report = verdict_of(np.clip(session(), -3.0, 3.0), range_g=16.0, plan=str(plan))
    assert report.verdict.status.value == "cannot_say"


OWN_PLAN = """
name = "own"
title = "Landings alone"
sessions_per_week = 2
supervised = true
needs_screening = false

[max_rpe]
borg = 16

[source]
citation = "the coach"
known = "convention"

[[stage]]
name = "only"
description = "landings"
landings = 25
min_net_g = 1.0
ceiling_net_g = 3.5
"""
