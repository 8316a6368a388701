"""The engine wires its stages, keeps what has settled, and refuses samples out of order."""

from functools import cache

import numpy as np
import pytest

import loadsense as ls
from loadsense.engine import Engine
from loadsense.events import Activity, Landing, LiftSet, Status
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.placement import Placement
from loadsense.samples import Gap, Recording, SampleBlock, StreamInfo
from loadsense.simulate import BarbellSet, DropLanding, Rest, Run, Sensor, Stand, Walk, simulate_session

DROPS = [Stand(duration_s=4.0), *[DropLanding(height_m=0.2, pause_s=2.0)] * 6, Stand(duration_s=4.0)]


@cache
def drops():
    return simulate_session(DROPS, sensor=Sensor(placement=Placement.HIP, sampling_rate_hz=200.0), seed=5)


def engine(placement=Placement.HIP, rate_hz=200.0, **facts):
    return Engine(StreamInfo(sampling_rate_hz=rate_hz, placement=placement, **facts), engine_criteria())


def run(accel_g, **facts):
    running = engine(**facts)
    events = [*running.push(SampleBlock(0, accel_g)), *running.flush()]
    return events, running.result()


def test_every_drop_is_told_settled_and_measured():
    events, result = run(drops().accel_g, range_g=16.0, body_mass_kg=70.0)
    truth = drops().truth.landings
    assert len(result.landings) == len(truth) == 6
    for landing, true in zip(result.landings, truth, strict=True):
        assert abs(landing.candidate.peak_sample / 200.0 - true.peak_s) < 0.03
        assert landing.candidate.flight_s == pytest.approx(true.flight_s, abs=0.04)
        assert landing.force.model == "veras-2023-jumping-hip-resultant"
    told = [e.event_id for e in events if isinstance(e, Landing) and e.status is Status.PROVISIONAL]
    assert set(told) >= {landing.event_id for landing in result.landings}


def test_a_force_needs_a_body_mass_and_a_placement_with_equations():
    assert all(landing.force is None for landing in run(drops().accel_g)[1].landings)
    pocket = run(drops().accel_g, placement=Placement.POCKET, body_mass_kg=70.0)[1]
    assert all(landing.force is None for landing in pocket.landings)


def test_a_clipped_landing_is_marked():
    clipped = np.clip(drops().accel_g, -3.0, 3.0)
    result = run(clipped, range_g=3.0)[1]
    assert result.landings
    assert all(landing.clipped for landing in result.landings)
    assert result.quality.n_clipped > 0


def test_impacts_take_their_activity_and_a_declared_one_goes_before_it():
    made = simulate_session([Stand(), Run(duration_s=20.0), Stand()], sensor=Sensor(sampling_rate_hz=100.0), seed=3)
    classified = run(made.accel_g, rate_hz=100.0)[1]
    assert sum(i.activity is Activity.RUNNING for i in classified.impacts) > 0.7 * len(classified.impacts)
    declared = run(made.accel_g, rate_hz=100.0, activity="jumping")[1]
    assert {i.activity for i in declared.impacts} == {Activity.JUMPING}


def test_a_step_close_to_a_higher_one_is_an_impact_only_in_running():
    made = simulate_session([Stand(), Run(duration_s=20.0, step_rate_hz=3.0), Stand()], seed=4)
    impacts = run(made.accel_g, rate_hz=100.0)[1].impacts
    steps = [i for i in impacts if i.rule == "step"]
    assert steps
    assert {i.activity for i in steps} == {Activity.RUNNING}
    declared_walk = run(made.accel_g, rate_hz=100.0, activity="walking")[1].impacts
    assert not [i for i in declared_walk if i.rule == "step"]


def test_the_wrist_finds_a_set_and_the_hip_looks_for_none():
    script = [Walk(duration_s=10.0), Rest(duration_s=10.0), BarbellSet(exercise="back_squat"), Rest(duration_s=30.0)]
    wrist = simulate_session(script, sensor=Sensor(placement=Placement.WRIST, sampling_rate_hz=50.0), seed=2)
    events, result = run(wrist.accel_g, placement=Placement.WRIST, rate_hz=50.0)
    assert len(result.sets) == 1
    assert abs(len(result.sets[0].repetitions) - 5) <= 1
    assert any(isinstance(e, LiftSet) and e.status is Status.PROVISIONAL for e in events)
    assert run(wrist.accel_g, rate_hz=50.0)[1].sets == ()


def test_a_declared_lift_names_the_set_and_leaves_its_count():
    script = [Walk(duration_s=10.0), Rest(duration_s=10.0), BarbellSet(exercise="back_squat"), Rest(duration_s=30.0)]
    wrist = simulate_session(script, sensor=Sensor(placement=Placement.WRIST, sampling_rate_hz=50.0), seed=2)
    counts, sources = set(), []
    for declared in (None, "back_squat"):
        running = engine(Placement.WRIST, rate_hz=50.0)
        running.declare(declared)
        running.push(SampleBlock(0, wrist.accel_g))
        running.flush()
        (found,) = running.result().sets
        counts.add(len(found.repetitions))
        sources.append(found.exercise_source)
    assert len(counts) == 1
    assert sources[1] in ("plan", "both")


def test_a_lift_declared_at_the_hip_is_nothing():
    running = engine()
    running.declare("deadlift")
    running.push(SampleBlock(0, drops().accel_g[:400]))
    assert running.flush() is not None
    assert running.result().sets == ()


def test_the_ankle_and_slow_recordings_look_for_no_landing():
    assert run(drops().accel_g, placement=Placement.ANKLE)[1].landings == ()
    assert run(drops().accel_g[::16].copy(), rate_hz=12.5)[1].landings == ()


def test_a_gap_between_flight_and_peak_leaves_no_landing_there():
    accel_g = drops().accel_g
    hit = round(drops().truth.landings[2].peak_s * 200.0)
    running = engine()
    running.push(SampleBlock(0, accel_g[: hit - 10]))
    running.push(Gap(hit - 10, 100))
    running.push(SampleBlock(hit + 90, accel_g[hit + 90 :]))
    running.flush()
    result = running.result()
    assert len(result.landings) == 5
    assert result.quality.gaps == (Gap(hit - 10, 100),)
    assert result.n_grid_samples == len(accel_g)


def test_the_settled_so_far_can_be_asked_for_before_the_end():
    running = engine()
    running.push(SampleBlock(0, drops().accel_g[: 200 * 12]))
    before = len(running.result().landings)
    assert 0 < before < 6


def test_samples_after_the_flush_are_refused():
    running = engine()
    running.push(SampleBlock(0, drops().accel_g[:100]))
    running.flush()
    with pytest.raises(ValueError, match="the engine has been flushed; make a new one for more samples"):
        running.push(SampleBlock(100, drops().accel_g[100:200]))


def test_half_a_day_is_summed_up_by_local_day():
    """Thirteen hours over midnight, all still: two days, no impact, no guess about landings."""
    from datetime import UTC, datetime

    rate_hz = 12.5
    n = round(13 * 3600 * rate_hz)
    rng = np.random.default_rng(0)
    still = np.array([0.0, 0.0, 1.0]) + rng.normal(0, 0.02, (n, 3))
    running = engine(Placement.WRIST, rate_hz=rate_hz, start=datetime(2026, 11, 20, 17, tzinfo=UTC), tz="Europe/Madrid")
    running.push(SampleBlock(0, still))
    running.flush()
    days = running.result().days
    assert [(day.day.isoformat(), day.iso_week) for day in days] == [
        ("2026-11-20", "2026-W47"),
        ("2026-11-21", "2026-W47"),
    ]
    assert [day.recorded_s for day in days] == [pytest.approx(6 * 3600), pytest.approx(7 * 3600)]
    assert all(day.impacts == 0 and day.minutes_above_750_mg == 0 for day in days)


def test_the_public_engine_reports():
    made = drops()
    recording = Recording.from_arrays(made.accel_g, sampling_rate_hz=200.0, placement="hip", range_g=16.0)
    running = ls.Engine(recording.info)
    for block in recording.blocks(n=20):
        running.push(block)
    running.flush()
    report = running.report()
    assert len(report.landings) == 6
    assert report.verdict.status.value == "not_reached"
