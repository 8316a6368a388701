"""The envelope keeps every peak, in bounded memory, however the samples were cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense.envelope import EnvelopeStage
from loadsense.samples import Gap, SampleBlock


def along_x(values):
    return np.column_stack([values, np.zeros(len(values)), np.zeros(len(values))]).astype(float)


def envelope_of(values, cuts=(), most_buckets=8):
    stage = EnvelopeStage(most_buckets=most_buckets)
    edges = [0, *sorted(cuts), len(values)]
    for start, end in itertools.pairwise(edges):
        assert stage.push(SampleBlock(start, along_x(values[start:end]))) == ()
    (envelope,) = stage.flush()
    return envelope


def test_a_short_recording_keeps_every_sample():
    envelope = envelope_of([1.0, -3.0, 0.5])
    assert envelope.bucket_samples == 1
    assert envelope.low_g == envelope.high_g == (1.0, 3.0, 0.5)


def test_the_ninth_of_eight_buckets_doubles_the_width():
    envelope = envelope_of([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert envelope.bucket_samples == 2
    assert envelope.low_g == (1, 3, 5, 7, 9)
    assert envelope.high_g == (2, 4, 6, 8, 9)


def test_the_resultant_is_taken_over_three_axes():
    stage = EnvelopeStage()
    stage.push(SampleBlock(0, np.array([[2.0, 3.0, 6.0]])))
    assert stage.flush()[0].high_g == (7.0,)


def test_a_gap_leaves_empty_buckets():
    stage = EnvelopeStage(most_buckets=8)
    stage.push(SampleBlock(0, along_x([1, 1])))
    assert stage.gap(Gap(2, 3)) == ()
    stage.push(SampleBlock(5, along_x([2])))
    assert stage.flush()[0].high_g == (1, 1, None, None, None, 2)


def test_a_jump_far_ahead_merges_many_times():
    stage = EnvelopeStage(most_buckets=4)
    stage.push(SampleBlock(0, along_x([5])))
    stage.push(SampleBlock(1000, along_x([7])))
    envelope = stage.flush()[0]
    assert envelope.bucket_samples == 256
    assert envelope.high_g == (5, None, None, 7)


def test_nothing_in_nothing_out():
    stage = EnvelopeStage()
    stage.push(SampleBlock(0, np.empty((0, 3))))
    assert stage.flush() == ()
    assert stage.result() is None


@given(st.lists(st.floats(-16, 16), min_size=1, max_size=200), st.data())
def test_the_envelope_does_not_know_where_it_was_cut(values, data):
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=10))
    whole = envelope_of(values)
    assert envelope_of(values, cuts) == whole
    assert envelope_of(values, range(len(values))) == whole
    width = whole.bucket_samples
    heights = np.abs(np.array(values))
    assert len(whole.high_g) == -(-len(values) // width) <= 8
    for k, high in enumerate(whole.high_g):
        assert high == pytest.approx(heights[k * width : (k + 1) * width].max())
        assert whole.low_g[k] == pytest.approx(heights[k * width : (k + 1) * width].min())
