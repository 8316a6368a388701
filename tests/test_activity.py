"""Activity of every two seconds: what is named, what is left unknown, and that cuts change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.detection.activity import ActivityClassifier, Movement, classify
from loadsense.events import Activity, ActivityStretch
from loadsense.evidence.detection_criteria import activity_criteria
from loadsense.placement import Placement
from loadsense.samples import FloatArray, Gap, Item, SampleBlock
from loadsense.simulate import Hops, Jump, Rest, Run, Sensor, Stand, Walk, simulate_session

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def stretches(items: Sequence[Item], placement: str = "hip", rate_hz: float = 100.0) -> list[ActivityStretch]:
    stage = ActivityClassifier(sampling_rate_hz=rate_hz, placement=Placement(placement), criteria=activity_criteria())
    found: list[ActivityStretch] = []
    for item in items:
        found += stage.gap(item) if isinstance(item, Gap) else stage.push(item)
    return [*found, *stage.flush()]


def performed(script: Sequence[object], placement: str = "hip", rate_hz: float = 100.0) -> FloatArray:
    sensor = Sensor(placement=Placement(placement), sampling_rate_hz=rate_hz)
    return simulate_session(script, sensor=sensor, seed=2).accel_g  # type: ignore[arg-type]


def most(found: Sequence[ActivityStretch]) -> Activity:
    return Counter(stretch.activity for stretch in found).most_common(1)[0][0]


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
@pytest.mark.parametrize(
    ("script", "activity"),
    [
        ([Walk(duration_s=20)], Activity.WALKING),
        ([Run(duration_s=20)], Activity.RUNNING),
        ([Hops(count=40, rate_hz=2.2)], Activity.JUMPING),
        ([Rest(duration_s=20)], Activity.STILL),
    ],
)
def test_plain_activities_are_named(script: list[object], activity: Activity, rate_hz: float) -> None:
    samples = performed(script, rate_hz=rate_hz)
    assert most(stretches([SampleBlock(0, samples)], rate_hz=rate_hz)) is activity


def test_a_single_jump_is_jumping_for_the_seconds_around_it() -> None:
    found = stretches([SampleBlock(0, performed([Stand(duration_s=6), Jump(), Stand(duration_s=6)]))])
    assert Activity.JUMPING in {stretch.activity for stretch in found}
    assert found[0].activity is Activity.STILL


def test_stretches_join_and_cover_the_recording() -> None:
    samples = performed([Walk(duration_s=11)], rate_hz=94.3)
    found = stretches([SampleBlock(0, samples)], rate_hz=94.3)
    assert found[0].start_sample == 0
    assert found[-1].end_sample == len(samples)
    assert all(a.end_sample == b.start_sample for a, b in pairwise(found))


def test_a_long_gap_parts_the_stretches_and_a_short_one_is_bridged() -> None:
    samples = performed([Walk(duration_s=20)])
    for n_missing, parts in ((50, 0), (400, 1)):
        rest = 730 + n_missing
        items = [SampleBlock(0, samples[:730]), Gap(730, n_missing), SampleBlock(rest, samples[rest:])]
        found = stretches(items)
        holes = [(a.end_sample, b.start_sample) for a, b in pairwise(found)]
        assert [hole for hole in holes if hole[0] != hole[1]] == [(730, rest)] * parts
        assert most(found) is Activity.WALKING


def test_two_seconds_of_which_most_are_missing_are_unknown() -> None:
    samples = performed([Walk(duration_s=8)])
    items: list[Item] = []
    for first in range(0, 800, 100):
        items += [SampleBlock(first, samples[first : first + 20]), Gap(first + 20, 80)]
    assert {stretch.activity for stretch in stretches(items)} == {Activity.UNKNOWN}


def moving(**change: float) -> Movement:
    """Running at the hip, with changes."""
    found: dict[str, float] = {
        "deviation_g": 0.9,
        "high_g": 2.8,
        "peak_g": 3.5,
        "flight_share": 0.18,
        "calm_share": 0.1,
        "step_s": 0.37,
        "step_rhythm": 0.9,
        "stride_rhythm": 0.9,
        "alike": 0.65,
    }
    return Movement(**found | change)


@pytest.mark.parametrize(
    ("change", "placement", "activity"),
    [
        ({}, "hip", Activity.RUNNING),
        ({"deviation_g": 0.01}, "hip", Activity.STILL),
        ({"flight_share": 0.42, "alike": 0.9}, "pocket", Activity.JUMPING),
        ({"flight_share": 0.32, "alike": 0.75}, "pocket", Activity.UNKNOWN),
        ({"deviation_g": 0.5}, "hip", Activity.UNKNOWN),
        ({"flight_share": 0.0}, "ankle", Activity.RUNNING),
        ({"flight_share": 0.0}, "hand", Activity.UNKNOWN),
        ({"flight_share": 0.0, "step_s": 0.6}, "wrist", Activity.UNKNOWN),
        ({"step_rhythm": 0.1, "stride_rhythm": 0.1}, "hip", Activity.OTHER),
        ({"step_rhythm": 0.1, "stride_rhythm": 0.1, "calm_share": 0.6}, "hip", Activity.JUMPING),
        ({"step_rhythm": 0.1, "stride_rhythm": 0.1, "calm_share": 0.6}, "wrist", Activity.OTHER),
        ({"deviation_g": 0.25, "step_s": 0.55}, "hip", Activity.WALKING),
        ({"deviation_g": 0.25, "step_rhythm": 0.0, "stride_rhythm": 0.8}, "hip", Activity.STAIRS),
        ({"deviation_g": 0.25, "step_rhythm": 0.0, "stride_rhythm": 0.8}, "pocket", Activity.WALKING),
        ({"deviation_g": 0.46, "flight_share": 0.0, "step_s": 0.5}, "hip", Activity.UNKNOWN),
        ({"deviation_g": 0.25, "step_rhythm": 0.2, "stride_rhythm": 0.2}, "hip", Activity.OTHER),
    ],
)
def test_each_rule_names_what_it_should(change: dict[str, float], placement: str, activity: Activity) -> None:
    assert classify(moving(**change), activity_criteria(), Placement(placement)) is activity


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5), rate_hz=st.sampled_from([94.3, 100.0, 200.0]))
def test_cuts_change_nothing(sizes: list[int], rate_hz: float) -> None:
    samples = performed([Walk(duration_s=6), Run(duration_s=5), Stand()], rate_hz=rate_hz)
    items: list[Item] = []
    at = turn = 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        items.append(SampleBlock(at, samples[at : at + size]))
        at, turn = at + size, turn + 1
    assert stretches(items, rate_hz=rate_hz) == stretches([SampleBlock(0, samples)], rate_hz=rate_hz)


def test_one_sample_at_a_time_changes_nothing() -> None:
    samples = performed([Walk(duration_s=7)])
    singly: list[Item] = [SampleBlock(at, samples[at : at + 1]) for at in range(len(samples))]
    assert stretches([*singly, SampleBlock(len(samples), np.empty((0, 3)))]) == stretches([SampleBlock(0, samples)])


@pytest.mark.parametrize(
    ("folder", "name", "placement", "activity"),
    [
        ("alcantara_sacral_running", "row_00", "sacrum", Activity.RUNNING),
        ("alcantara_sacral_running", "row_12", "sacrum", Activity.RUNNING),
        ("sisfall_waist", "D03_SA01_R01", "waist", Activity.RUNNING),
        ("sisfall_waist", "D01_SA02_R01", "waist", Activity.WALKING),
        ("mobifall_pocket", "sub5_JUM_1", "pocket", Activity.JUMPING),
    ],
)
def test_people_are_named(folder: str, name: str, placement: str, activity: Activity) -> None:
    path = DATA / folder / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip("needs the recordings in ../shared/data")
    import loadsense

    recording = loadsense.read(path, placement=placement, unit="g")
    rate_hz = recording.info.sampling_rate_hz
    found = stretches(list(recording.blocks()), placement, rate_hz)
    assert most(found) is activity
    if folder.startswith("alcantara"):
        assert {stretch.activity for stretch in found} == {activity}
