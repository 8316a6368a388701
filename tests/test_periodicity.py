"""Period of a window of wrist motion."""

import numpy as np
import pytest

from loadsense.detection.periodicity import NOT_PERIODIC, find_period, self_similarity
from loadsense.evidence.detection_criteria import lift_criteria

CRITERIA = lift_criteria()


def wave(period_s, duration_s=9.12, size=0.3):
    t = np.arange(round(duration_s * 25)) / 25
    x = np.sin(2 * np.pi * t / period_s)
    return size * np.column_stack([x, 0.5 * x**2, 0.2 * np.cos(2 * np.pi * t / period_s)])


def test_self_similarity_is_the_pooled_pearson_correlation():
    motion = np.random.default_rng(0).normal(size=(150, 3))
    for lag, value in zip(range(10, 15), self_similarity(motion, 10, 14), strict=True):
        u, v = motion[:-lag], motion[lag:]
        u, v = u - u.mean(axis=0), v - v.mean(axis=0)
        assert value == pytest.approx((u * v).sum() / np.sqrt((u * u).sum() * (v * v).sum()), abs=1e-12)


@pytest.mark.parametrize("period_s", [1.4, 2.0, 3.2, 4.4])
def test_the_period_is_found_and_not_its_double(period_s):
    assert find_period(wave(period_s), 25.0, CRITERIA).period_s == pytest.approx(period_s, abs=0.08)


def test_walking_pace_is_no_period_of_a_lift():
    assert find_period(wave(0.55), 25.0, CRITERIA) == NOT_PERIODIC


def test_a_run_under_way_may_quicken():
    assert find_period(wave(1.1), 25.0, CRITERIA).period_s != pytest.approx(1.1, abs=0.06)
    assert find_period(wave(1.1), 25.0, CRITERIA, 1.0).period_s == pytest.approx(1.1, abs=0.06)


def test_too_short_a_window_says_nothing():
    assert find_period(wave(2.0, duration_s=0.6), 25.0, CRITERIA) == NOT_PERIODIC
