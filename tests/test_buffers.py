"""The engine's buffers cut at absolute indices and never reach over a gap."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense.buffers import Beats, RawHistory
from loadsense.samples import Gap, SampleBlock


def block(first, n):
    return SampleBlock(first, np.arange(first, first + n, dtype=float)[:, None] * np.ones(3))


def test_beats_end_at_absolute_multiples():
    beats = Beats(10)
    assert beats.push(block(0, 7)) is None
    whole = beats.push(block(7, 16))
    assert (whole.first_sample, len(whole)) == (0, 20)
    rest = beats.flush()
    assert (rest.first_sample, len(rest)) == (20, 3)
    assert beats.flush() is None


def test_beats_go_on_behind_a_gap_at_the_same_multiples():
    beats = Beats(10)
    beats.push(block(0, 5))
    beats.flush()
    beats.skip(Gap(5, 18))
    whole = beats.push(block(23, 9))
    assert (whole.first_sample, len(whole)) == (23, 7)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_no_sample_is_lost_or_doubled_whatever_the_cuts(lengths):
    beats, seen = Beats(7), []
    starts = itertools.accumulate(lengths, initial=0)
    for first, n in zip(starts, lengths, strict=False):
        whole = beats.push(block(first, n))
        if whole is not None:
            assert (whole.first_sample + len(whole)) % 7 == 0
            seen.append(whole.accel_g[:, 0])
    rest = beats.flush()
    if rest is not None:
        seen.append(rest.accel_g[:, 0])
    assert np.array_equal(np.concatenate(seen), np.arange(sum(lengths)))


def test_samples_out_of_order_are_refused():
    beats = Beats(10)
    beats.push(block(0, 5))
    with pytest.raises(ValueError, match="block starts at sample 6, expected 5: push in order"):
        beats.push(block(6, 5))
    with pytest.raises(ValueError, match="gap starts at sample 9, expected 5: push in order"):
        beats.skip(Gap(9, 1))


def test_a_window_spans_blocks_and_stops_at_a_gap():
    history = RawHistory(100)
    history.append(block(0, 10))
    history.append(block(10, 10))
    history.cut(Gap(20, 5))
    history.append(block(25, 10))
    before = history.window(8, 30, around=15)
    assert (before.first_sample, len(before)) == (8, 12)
    behind = history.window(8, 30, around=26)
    assert (behind.first_sample, len(behind)) == (25, 5)
    assert np.array_equal(behind.accel_g[:, 0], np.arange(25.0, 30.0))


def test_what_is_too_old_is_forgotten_and_asking_for_it_says_so():
    history = RawHistory(10)
    for first in range(0, 50, 5):
        history.append(block(first, 5))
        history.forget()
    assert history.window(40, 50, around=45).first_sample == 40
    with pytest.raises(ValueError, match="sample 5 is not kept any more: 10 samples are"):
        history.window(5, 10, around=5)
