"""Counting in bands: edges belong to the upper band, and the score is the sum of the published bins."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.bands import band_counts, bin_counts, impact_score_log

BINS = evidence.index_criteria().score_bins


def test_bins_are_the_thirty_two_of_the_score():
    assert len(BINS.edges) == 33
    assert (BINS.frame, BINS.edges[0], BINS.edges[-2], BINS.edges[-1]) == ("RAW", 1.3, 10.3, math.inf)
    steps = np.diff(BINS.edges[:-1])
    assert np.allclose(steps, [0.2] * 15 + [0.3] * 8 + [0.4] * 4 + [0.5] * 4)


def test_a_peak_on_an_edge_belongs_to_the_upper_bin():
    (index,) = np.flatnonzero(bin_counts([4.9], BINS.edges))
    assert (BINS.edges[index], BINS.edges[index + 1]) == (4.9, 5.2)


def test_score_by_hand():
    # 3 peaks in [1.3, 1.5), 1 in [4.9, 5.2), 1 beyond 10.3, one too small to count
    expected = 1.3 * math.log(4) + 4.9 * math.log(2) + 10.3 * math.log(2)
    assert impact_score_log([1.3, 1.4, 1.49, 4.9, 12.0, 1.2], BINS) == pytest.approx(expected)
    assert impact_score_log([], BINS) == 0.0


def test_band_counts_by_hand():
    bands = evidence.bands()["vainionpaa-2006"]
    counts = band_counts([0.2, 0.3, 1.0, 1.1, 2.6, 3.9, 5.4, 20.0], bands)
    assert [count.count for count in counts] == [2, 1, 1, 1, 2]
    assert (counts[3].low, counts[3].high, counts[3].unit, counts[3].frame) == (3.9, 5.4, "g", "NET")


@given(peaks=st.lists(st.floats(0.0, 20.0), max_size=50), edges=st.lists(st.floats(0.0, 15.0), min_size=2, unique=True))
def test_each_peak_is_counted_once_or_not_at_all(peaks, edges):
    rising = sorted(edges)
    counts = bin_counts(peaks, rising)
    assert counts.sum() == sum(rising[0] <= peak < rising[-1] for peak in peaks)
    assert all(
        count == sum(low <= p < high for p in peaks)
        for count, (low, high) in zip(counts, pairwise(rising), strict=True)
    )


@given(peaks=st.lists(st.floats(1.3, 12.0), max_size=30), extra=st.floats(1.3, 12.0))
def test_score_never_falls_with_a_peak_more(peaks, extra):
    assert impact_score_log([*peaks, extra], BINS) > impact_score_log(peaks, BINS)
