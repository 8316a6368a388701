"""Impacts in columns are the same impacts, and take their activity from the line of activities."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense.events import Activity, ActivityStretch, ForceEstimate, Impact
from loadsense.evidence.equations import force_equations
from loadsense.impact_table import ImpactTable
from loadsense.naming import ActivityLine, ImpactNaming
from loadsense.placement import Placement
from loadsense.samples import StreamInfo
from loadsense.stretch_table import StretchTable

finite = st.floats(-50.0, 50.0)
maybe = st.none() | finite
forces = st.none() | st.builds(
    ForceEstimate,
    model=st.sampled_from(["", "veras"]),
    reason=st.sampled_from(["", "too light"]),
    peak_grf_n=maybe,
    peak_grf_bw=maybe,
    loading_rate_n_per_s=maybe,
    loading_rate_bw_per_s=maybe,
)
impacts = st.builds(
    Impact,
    onset_sample=st.integers(0, 2**40),
    peak_sample=st.integers(0, 2**40),
    peak_g=finite,
    peak_vertical_g=maybe,
    acceleration_rate_g_per_s=maybe,
    slow_vertical_g=maybe,
    activity=st.sampled_from(Activity),
    rule=st.sampled_from(["impact", "step"]),
    force=forces,
)


@given(given_impacts=st.lists(impacts, max_size=12), cut=st.integers(0, 12))
def test_a_table_holds_its_impacts_whatever_pieces_they_came_in(given_impacts, cut):
    table = ImpactTable(given_impacts[:cut])
    later = given_impacts[cut:]
    table.extend(later, [one.activity for one in later], [one.force for one in later])
    assert list(table) == given_impacts
    assert table == tuple(given_impacts)
    assert hash(table) == hash(tuple(given_impacts))
    assert [table[at] for at in range(-len(table), 0)] == given_impacts
    assert table[1:5] == tuple(given_impacts[1:5])
    assert list(table.part(2, 7)) == given_impacts[2:7]
    assert pickle.loads(pickle.dumps(table)) == table
    assert table.is_step.tolist() == [one.rule == "step" for one in given_impacts]
    assert [None if one.force is None else one.force.model for one in given_impacts] == table.models


def test_a_table_differs_from_another_length_value_and_from_a_list():
    one = Impact(onset_sample=1, peak_sample=2, peak_g=1.5)
    assert ImpactTable([one]) != ImpactTable([one, one])
    assert ImpactTable([one]) != ImpactTable([Impact(onset_sample=1, peak_sample=2, peak_g=1.6)])
    assert ImpactTable([one]) != [one]
    assert repr(ImpactTable([one])) == f"ImpactTable([{one!r}])"
    assert repr(ImpactTable([one] * 9)) == "<ImpactTable of 9 impacts>"
    with pytest.raises(IndexError):
        ImpactTable([one])[1]


def test_unknown_is_nan_in_a_column():
    table = ImpactTable([Impact(onset_sample=1, peak_sample=2, peak_g=1.5)])
    assert np.isnan(table.numbers("peak_vertical_g")).all()
    assert np.isnan(table.forces("peak_grf_bw")).all()


def stretches(*rows):
    starts, ends, activities = zip(*rows, strict=True)
    return StretchTable(list(starts), list(ends), [Activity(activity) for activity in activities])


def test_stretches_in_columns_are_read_like_a_tuple_of_them():
    table = stretches((0, 10, "walking"), (10, 20, "still"), (25, 30, "walking"))
    first, second, third = table
    assert first == ActivityStretch(start_sample=0, end_sample=10, activity=Activity.WALKING)
    assert (table[1], table[-1], len(table)) == (second, third, 3)
    assert table[:2] == (first, second)


def test_a_line_joins_what_goes_on_and_knows_no_gap():
    line = ActivityLine()
    assert line.at(np.array([5])) == [Activity.UNKNOWN]
    line.extend(stretches((0, 10, "walking")))
    line.extend(stretches((10, 20, "walking"), (25, 30, "walking"), (30, 40, "still")))
    assert [(s.start_sample, s.end_sample) for s in line.stretches()] == [(0, 20), (25, 30), (30, 40)]
    assert line.at(np.array([], dtype=np.int64)) == []
    assert [activity.value for activity in line.at(np.array([0, 19, 20, 25, 30, 40]))] == [
        "walking",
        "walking",
        "unknown",
        "walking",
        "still",
        "unknown",
    ]
    assert line.end_sample == 40


def test_an_impact_waits_until_the_activity_around_it_is_known():
    naming = ImpactNaming(StreamInfo(sampling_rate_hz=100.0, placement=Placement.HIP), force_equations())
    for sample, rule in [(5, "impact"), (8, "step"), (12, "step"), (15, "impact")]:
        naming.add(ImpactTable([Impact(onset_sample=sample - 1, peak_sample=sample, peak_g=2.0, rule=rule)]))
    assert len(naming.name()) == 0
    naming.seen.extend(stretches((0, 10, "walking")))
    assert naming.name() == range(1)
    naming.seen.extend(stretches((10, 14, "running")))
    assert naming.name() == range(1, 2)
    assert naming.name(is_over=True) == range(2, 3)
    assert [(i.peak_sample, i.activity.value) for i in naming.named] == [
        (5, "walking"),
        (12, "running"),
        (15, "unknown"),
    ]
