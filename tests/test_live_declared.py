"""What the coach declares: it holds from a sample on, and the file gives what the live session gave."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense.events import Event
from loadsense.samples import Declaration, Gap, SampleBlock, StreamInfo, declared_from
from loadsense.session import Engine
from loadsense.simulate import BarbellSet, DropLanding, Rest, Sensor, Simulated, Stand, simulate_session

RATE_HZ = 100.0
LOW_DROP_M = 0.05


@cache
def made(placement: str) -> Simulated:
    low_drops = [Stand(), *[DropLanding(height_m=LOW_DROP_M), Stand(duration_s=2.0)] * 6]
    lifts = [Stand(duration_s=4.0), BarbellSet(exercise="deadlift"), Rest(duration_s=30.0), Stand(duration_s=2.0)]
    script = low_drops if placement == "hip" else lifts
    return simulate_session(script, sensor=Sensor(placement=placement, sampling_rate_hz=RATE_HZ), seed=2)


def info_of(placement: str) -> StreamInfo:
    return made(placement).recording().info


def declared_live(placement: str, words: dict[int, tuple[str | None, bool]], n: int = 10):
    """Events of a session in pushes of n samples, and its facts afterwards; words follow the push."""
    engine, accel_g = Engine(info_of(placement)), made(placement).accel_g
    events: list[Event] = []
    for first in range(0, len(accel_g), n):
        events += engine.push(SampleBlock(first, accel_g[first : first + n]))
        for at in [at for at in words if first <= at < first + n]:
            exercise, landing_block = words[at]
            engine.declare(exercise, landing_block=landing_block)
    return [*events, *engine.flush()], engine


def from_file(info: StreamInfo, accel_g: np.ndarray, cuts: list[int]):
    engine, events = Engine(info), []
    edges = [0, *sorted({c for c in cuts if 0 < c < len(accel_g)}), len(accel_g)]
    for first, last in itertools.pairwise(edges):
        events += engine.push(SampleBlock(first, accel_g[first:last]))
    return [*events, *engine.flush()], engine


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 1900), max_size=6), st.integers(0, 900), st.integers(901, 1900))
def test_a_landing_block_declared_live_gives_the_events_of_the_file(cuts, begin, end):
    events, live = declared_live("hip", {begin: (None, True), end: (None, False)})
    again, filed = from_file(live.info, made("hip").accel_g, cuts)
    assert sorted(map(repr, again)) == sorted(map(repr, events))
    assert filed.result() == live.result()


def test_low_drops_count_inside_the_declared_block_only():
    half = len(made("hip").accel_g) // 2
    counts = []
    for words in ({}, {0: (None, True)}, {0: (None, True), half: (None, False)}):
        _, engine = declared_live("hip", words)
        counts.append(len(engine.result().landings))
        assert all(landing.candidate.landing_sample < half for landing in engine.result().landings) or len(words) != 2
    assert counts[0] == 0
    assert counts[1] == 6
    assert 0 < counts[2] < 6


def test_a_set_keeps_the_lift_that_was_due_while_it_was_lifted():
    (true,) = made("wrist").truth.sets
    after = round((true.end_s + 3.0) * RATE_HZ)  # the coach is quicker than the set's settling
    events, live = declared_live("wrist", {0: ("deadlift", False), after: ("overhead_press", False)})
    (found,) = live.result().sets
    assert (found.exercise, found.exercise_source) == ("deadlift", "both")
    again, filed = from_file(live.info, made("wrist").accel_g, [500, 1234])
    assert [e for e in again if e in events] == again
    assert filed.result().sets == live.result().sets


def test_a_declaration_during_a_gap_is_heeded_behind_it():
    accel_g, info = made("hip").accel_g, info_of("hip")
    info = replace(info, declared=(Declaration(first_sample=150, landing_block=True),))
    engine = Engine(info)
    engine.push(SampleBlock(0, accel_g[:100]))
    engine.push(Gap(100, 100))
    engine.push(SampleBlock(200, accel_g[200:]))
    engine.flush()
    assert engine.result().landings


def test_what_was_declared_counts_from_the_first_sample_that_is_kept():
    said = [Declaration(first_sample=n, exercise=name) for n, name in ((0, "a"), (100, "b"), (250, "c"))]
    kept = declared_from(said, 120)
    assert [(one.first_sample, one.exercise) for one in kept] == [(0, "b"), (130, "c")]
    assert declared_from([], 120) == ()


def test_our_own_format_keeps_what_was_declared(tmp_path):
    from loadsense.readers.loadsense_format import write_recording

    recording = made("hip").recording()
    recording.info = replace(recording.info, declared=(Declaration(first_sample=300, landing_block=True),))
    write_recording(recording, tmp_path / "a.loadsense.parquet")
    assert ls.read(tmp_path / "a.loadsense.parquet").info.declared == recording.info.declared
    cut = ls.read(tmp_path / "a.loadsense.parquet", start=2.0)
    assert cut.info.declared == (Declaration(first_sample=100, landing_block=True),)


@pytest.mark.parametrize(("said", "n"), [(False, 0), (True, 6)])
def test_a_file_may_be_read_as_a_landing_block(tmp_path, said, n):
    from loadsense.readers.loadsense_format import write_recording

    write_recording(made("hip").recording(), tmp_path / "a.loadsense.parquet")
    report = ls.analyze(ls.read(tmp_path / "a.loadsense.parquet", landing_block=said))
    assert len(report.landings) == n
