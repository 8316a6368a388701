"""Repetitions by a matched template: exact places on made motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.detection.template import Stretch, find_repetitions, no_matches, pick_peaks
from loadsense.evidence.detection_criteria import lift_criteria

CRITERIA = lift_criteria()


def bump(n, size=1.0):
    return size * np.column_stack(
        [np.hanning(n), 0.5 * np.sin(2 * np.pi * np.arange(n) / n) * np.hanning(n), np.zeros(n)]
    )


def train(centres, *, length, n, sizes=None):
    motion = np.random.default_rng(0).normal(0, 0.005, (n, 3))
    for k, centre in enumerate(centres):
        start = centre - length // 2
        motion[start : start + length] += bump(length, sizes[k] if sizes else 1.0)
    return motion


def found(motion, period, present=None):
    return find_repetitions(motion, np.ones(len(motion)) if present is None else present, period, CRITERIA)


def test_every_repetition_is_found_where_it_is():
    centres = [100, 175, 250, 325, 400]
    matches = found(train(centres, length=70, n=520), 75)
    assert len(matches.centres) == 5
    assert np.ptp(matches.centres - centres) <= 2
    assert matches.similarity.min() > 0.95


@settings(max_examples=15, deadline=None)
@given(turn=st.integers(0, 2), flip=st.sampled_from([-1.0, 1.0]), offset=st.floats(-1, 1))
def test_turning_the_watch_changes_nothing(turn, flip, offset):
    motion = train([100, 175, 250, 325, 400], length=70, n=520)
    turned = flip * np.roll(motion, turn, axis=1) + offset
    np.testing.assert_array_equal(found(turned, 75).centres, found(motion, 75).centres)


def test_a_repetition_behind_a_hole_still_counts():
    motion = train([100, 175, 250, 325, 400], length=70, n=520)
    present = np.ones(520)
    present[235:245] = 0
    assert len(found(motion, 75, present).centres) == 5


def test_a_small_movement_squeezed_between_two_is_none():
    motion = train([100, 175, 213, 250, 325, 400], length=60, n=520, sizes=[1, 1, 0.45, 1, 1, 1])
    assert len(found(motion, 75).centres) == 5


def test_a_weaker_repetition_in_a_missing_place_counts():
    motion = train([100, 175, 250, 325, 400], length=70, n=520, sizes=[1, 1, 0.3, 1, 1])
    assert len(found(motion, 75).centres) == 5


def test_a_pause_is_crossed_only_by_a_good_match():
    motion = train([100, 175, 250, 325, 500, 575], length=70, n=700)
    assert len(found(motion, 75).centres) == 6
    motion = train([100, 175, 250, 325, 700], length=70, n=800)
    assert len(found(motion, 75).centres) == 4  # 15 s later is another matter


def test_nothing_repeats_in_nothing():
    assert len(no_matches().centres) == 0
    assert len(found(np.zeros((120, 3)), 75).centres) == 0
    assert len(found(np.ones((300, 3)), 75, np.zeros(300)).centres) == 0


def test_peaks_keep_their_distance_and_the_higher_wins():
    values = np.array([0, 0.5, 0, 0.9, 0, 0, 0, 0.4, 0])
    np.testing.assert_array_equal(pick_peaks(values, 3, 0.3), [3, 7])
    np.testing.assert_array_equal(pick_peaks(values, 1, 0.45), [1, 3])


def test_correlation_is_that_of_numpy_on_whole_stretches():
    rng = np.random.default_rng(1)
    motion, template = rng.normal(size=(60, 3)), rng.normal(size=(20, 3))
    stretch = Stretch(motion, np.ones(60), 20)
    similarity, _, share = stretch.correlate(template, CRITERIA)
    start = 15
    part = motion[start : start + 20]
    a, b = part - part.mean(axis=0), template - template.mean(axis=0)
    expected = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
    assert similarity[start + stretch.pad] == pytest.approx(expected, abs=1e-9)
    assert share[start + stretch.pad] == pytest.approx(1.0)
