"""Simulated recordings: the physics holds, the truth is exact, the same seed gives the same bytes."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import OptionError, WorldError
from loadsense.events import Activity, Takeoff
from loadsense.placement import Placement
from loadsense.samples import Gap, SampleBlock
from loadsense.simulate import (
    SCENARIOS,
    BarbellSet,
    DropLanding,
    Fall,
    Hops,
    Jump,
    Knock,
    LandingShape,
    Rest,
    Run,
    Scene,
    Sensor,
    SitDown,
    Stand,
    Walk,
    perform,
    simulate_session,
    write,
    write_samples,
    write_scenario,
)
from loadsense.simulate.__main__ import main
from loadsense.simulate.landings import drop_flight_s, landing_pulse, push_off
from loadsense.simulate.motion import Site, join
from loadsense.simulate.scenarios import samples

SAMPLES = Path(__file__).parents[1] / "sample_recordings"

DOINGS = [
    Stand(),
    Walk(),
    Walk(stairs=True),
    Run(),
    Jump(),
    Hops(),
    DropLanding(),
    SitDown(),
    SitDown(hard=True),
    Knock(),
    Rest(),
    BarbellSet(exercise="deadlift"),
    BarbellSet(exercise="back_squat"),
    BarbellSet(exercise="overhead_press"),
]


def scene(site: Site, seed: int = 1) -> Scene:
    return Scene(site, 0.0, np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1]))


# physics


@pytest.mark.parametrize("site", list(Site))
@pytest.mark.parametrize("doing", DOINGS, ids=lambda d: type(d).__name__)
def test_a_person_who_starts_and_ends_at_rest_gains_no_velocity(doing, site):
    motion = doing.perform(scene(site))
    velocity_g_s = motion.vertical_g.sum() / 1000.0
    # walking and running start and stop within a step: a tenth of a m/s is left at most
    assert abs(velocity_g_s) < (0.02 if isinstance(doing, Walk | Run) else 2e-3)


@given(
    height_m=st.floats(0.03, 0.40),
    peak_g=st.floats(2.2, 5.0),
    rise_s=st.floats(0.02, 0.04),
    site=st.sampled_from(list(Site)),
)
@settings(max_examples=30, deadline=None)
def test_landing_and_push_off_balance_the_flight(height_m, peak_g, rise_s, site):
    shape = LandingShape(peak_g=peak_g, rise_s=rise_s, spread=0.0)
    motion = Jump(height_m=height_m, impact=shape).perform(scene(site))
    assert abs(motion.vertical_g.sum() / 1000.0) < 1e-9


def test_a_landing_has_the_peak_and_rise_it_was_asked_for():
    pulse = landing_pulse(0.2, LandingShape(peak_g=6.0, rise_s=0.03))
    assert pulse[0] == pytest.approx(-1.0, abs=0.02)
    assert pulse.max() == pytest.approx(5.0, abs=0.02)
    assert pulse.argmax() == pytest.approx(30, abs=1)
    assert pulse.sum() / 1000.0 == pytest.approx(0.2, abs=1e-9)


def test_a_push_off_gives_half_of_the_flight_as_velocity():
    assert push_off(0.30).sum() / 1000.0 == pytest.approx(0.15, abs=1e-9)


@pytest.mark.parametrize(("height_m", "flight_s"), [(0.05, 0.101), (0.08, 0.128), (0.10, 0.143), (0.20, 0.202)])
def test_a_drop_falls_as_long_as_gravity_says(height_m, flight_s):
    assert drop_flight_s(height_m) == pytest.approx(flight_s, abs=6e-4)


@pytest.mark.parametrize("site", list(Site))
def test_in_flight_next_to_nothing_is_felt_whatever_the_orientation(site):
    motion = DropLanding(height_m=0.3).perform(scene(site))
    (landing,) = (e for e in motion.events if type(e).__name__ == "TrueLanding")
    middle = slice(round(landing.flight_start_s * 1000) + 40, round(landing.landing_s * 1000) - 40)
    assert np.linalg.norm(motion.felt_g()[middle], axis=1).max() < 0.65
    assert np.linalg.norm(motion.felt_g()[middle], axis=1).mean() < 0.3


def test_hops_come_at_their_rate_and_every_flight_is_true():
    made = simulate_session([Hops(count=12, rate_hz=2.0, flight_share=0.4)], sensor=Sensor(placement="waist"))
    contacts_s = [landing.landing_s for landing in made.truth.landings]
    assert len(contacts_s) == 12
    assert np.mean(np.diff(contacts_s)) == pytest.approx(0.5, rel=0.03)
    for landing in made.truth.landings:
        assert landing.landing_s - landing.flight_start_s == pytest.approx(landing.flight_s, abs=1e-6)
        assert landing.takeoff is Takeoff.PUSH


def test_running_flies_between_steps_and_left_mirrors_right():
    motion = Run(duration_s=10.0, step_rate_hz=2.5).perform(scene(Site.TRUNK))
    felt = motion.felt_g()[2000:8000]
    assert 0.1 < np.mean(np.linalg.norm(felt, axis=1) < 0.6) < 0.3
    stride = 800
    sideways = felt[:, 1] - felt[:, 1].mean()
    one_step = np.dot(sideways[: -stride // 2], sideways[stride // 2 :]) / np.dot(sideways, sideways)
    assert one_step < -0.3
    assert not [e for e in motion.events if type(e).__name__ == "TrueLanding"]


def test_a_fall_turns_the_body_and_a_knock_does_not():
    for doing, turned in ((Fall(), True), (Knock(), False)):
        motion = doing.perform(scene(Site.TRUNK))
        angle = np.degrees(np.arccos(np.clip(motion.up @ motion.up[0], -1.0, 1.0))).max()
        assert bool(angle > 70.0) is turned


def test_the_three_lifts_hold_the_forearm_as_people_do():
    forearm = {
        name: BarbellSet(exercise=name).perform(scene(Site.WRIST)).up[3000:15000, 1].mean()
        for name in ("deadlift", "back_squat", "overhead_press")
    }
    assert forearm["deadlift"] < -0.9
    assert 0.5 < forearm["back_squat"] < 0.87
    assert forearm["overhead_press"] > 0.88


def test_every_repetition_moves_and_pauses_are_still():
    made = simulate_session(
        [BarbellSet(exercise="deadlift", pause_s=8.0)],
        sensor=Sensor(placement=Placement.WRIST, sampling_rate_hz=50.0, noise_g=0.0),
    )
    (done,) = made.truth.sets
    assert len(done.repetitions_s) == 5
    moving = np.linalg.norm(np.diff(made.accel_g, axis=0), axis=1)
    for (_, end_s), (next_s, _) in zip(done.repetitions_s, done.repetitions_s[1:], strict=False):
        assert 6.3 < next_s - end_s < 9.7
        pause = moving[round((end_s + 1.0) * 50) : round((next_s - 0.5) * 50)]
        rep = moving[round((next_s + 0.2) * 50) : round((next_s + 1.2) * 50)]
        assert pause.mean() < 0.5 * rep.mean()


def test_postures_turn_smoothly_between_activities():
    parts = [Stand(), BarbellSet(exercise="overhead_press"), Stand()]
    motion = join([part.perform(scene(Site.WRIST)) for part in parts])
    assert np.linalg.norm(motion.up, axis=1) == pytest.approx(1.0, abs=1e-9)
    assert np.linalg.norm(np.diff(motion.up, axis=0), axis=1).max() < 0.01


# sensor


def test_peak_and_contact_of_the_truth_are_those_of_the_samples():
    shape = LandingShape(peak_g=5.0, rise_s=0.04, spread=0.0)
    made = simulate_session([DropLanding(impact=shape)], sensor=Sensor(noise_g=0.0, counts_per_g=1e6))
    (landing,) = made.truth.landings
    norm_g = np.linalg.norm(made.accel_g, axis=1)
    peak = round(landing.peak_s * 100)
    assert norm_g[peak - 1 : peak + 2].max() == pytest.approx(landing.peak_g, rel=0.02)
    flight = norm_g[round(landing.flight_start_s * 100) + 3 : round(landing.landing_s * 100) - 2]
    assert flight.max() < 0.5


@pytest.mark.parametrize("range_g", [2.0, 4.0, 8.0])
def test_no_axis_passes_full_scale(range_g):
    made = simulate_session([Stand(), DropLanding(impact=LandingShape(peak_g=9.0))], sensor=Sensor(range_g=range_g))
    assert made.accel_g.max() == range_g - 1.0 / 256.0
    assert made.accel_g.min() >= -range_g


def test_a_still_sensor_reads_one_g_with_its_faults():
    worn = Sensor(offset_g=(0.1, 0.0, 0.0), gain=(1.0, 1.0, 1.05), noise_g=0.0, mounting_deg=(0.0, 0.0, 0.0))
    made = simulate_session([Stand()], sensor=worn)
    assert made.accel_g[:50].mean(axis=0) == pytest.approx([0.1, 0.0, 1.05], abs=0.03)
    exact = simulate_session([Stand()], sensor=Sensor(noise_g=0.0, mounting_deg=(30.0, 40.0, 50.0)))
    assert np.linalg.norm(exact.accel_g, axis=1) == pytest.approx(1.0, abs=0.006)


def test_values_are_whole_counts():
    made = simulate_session([Stand()], sensor=Sensor(counts_per_g=256.0))
    assert np.array_equal(made.accel_g * 256.0, np.round(made.accel_g * 256.0))


def test_gaps_are_left_out_and_their_events_are_marked():
    script = [Stand(), DropLanding(), DropLanding()]
    whole = simulate_session(script)
    lost_s = (whole.truth.landings[0].landing_s - 0.5, 1.0)
    made = simulate_session(script, sensor=Sensor(gaps_s=(lost_s,)))
    assert [landing.in_gap for landing in made.truth.landings] == [True, False]
    items = list(made.recording().blocks())
    assert [type(item) for item in items] == [SampleBlock, Gap, SampleBlock]
    assert items[1].n_missing == 100
    assert items[2].first_sample == items[1].first_sample + 100
    kept = np.concatenate([item.accel_g for item in items if isinstance(item, SampleBlock)])
    assert np.array_equal(kept, whole.accel_g[made.sample_numbers])


def test_a_recording_that_begins_with_a_loss_begins_with_a_gap():
    made = simulate_session([Stand()], sensor=Sensor(gaps_s=((0.0, 1.0),)))
    first, second = made.recording().blocks()
    assert (first.first_sample, first.n_missing, second.first_sample) == (0, 100, 100)


def test_packets_share_a_stamp_and_jitter_never_turns_the_clock_back():
    made = simulate_session([Stand()], sensor=Sensor(packet_samples=10, jitter_s=0.004))
    assert len(np.unique(made.stamps_s)) == len(made.stamps_s) // 10
    assert np.all(np.diff(made.stamps_s) >= 0.0)
    jittery = simulate_session([Stand()], sensor=Sensor(jitter_s=0.002))
    assert 0.001 < np.std(np.diff(jittery.stamps_s)) < 0.004


def test_two_sensors_of_one_session_agree_on_what_happened():
    hip, wrist = (perform(SCENARIOS[name]) for name in ("hirit-hip", "hirit-wrist"))
    assert hip.truth.sets == wrist.truth.sets
    assert [landing.landing_s for landing in hip.truth.landings] == [
        landing.landing_s for landing in wrist.truth.landings
    ]
    assert len(hip.truth.landings) == 25
    assert [len(s.repetitions_s) for s in hip.truth.sets] == [5] * 15
    assert SCENARIOS["hirit-hip"].start == SCENARIOS["hirit-wrist"].start


def test_a_seed_repeats_the_bits_and_another_seed_is_another_day():
    script = [Stand(), Walk(duration_s=5.0), DropLanding()]
    first, again, other = (simulate_session(script, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.accel_g, again.accel_g)
    assert first.truth == again.truth
    assert first.truth != other.truth


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_scenario_is_in_order_and_inside_its_time(name):
    made = perform(SCENARIOS[name])
    truth = made.truth
    assert made.sensor.placement is SCENARIOS[name].sensor.placement
    assert len(made.accel_g) == len(made.stamps_s) == len(made.sample_numbers)
    assert truth.duration_s == pytest.approx(truth.stretches[-1].end_s)
    assert [s.start_s for s in truth.stretches[1:]] == [s.end_s for s in truth.stretches[:-1]]
    contacts = [landing.landing_s for landing in truth.landings]
    assert contacts == sorted(contacts)
    for landing in truth.landings:
        assert landing.landing_s <= landing.peak_s <= landing.landing_s + 0.26
        assert landing.peak_g > 1.3


def test_the_everyday_scenario_has_no_landing_but_all_that_resembles_one():
    truth = perform(SCENARIOS["everyday"]).truth
    assert not truth.landings
    assert {m.kind for m in truth.moments} == {"knock", "fall", "sits down hard"}
    assert {Activity.WALKING, Activity.STAIRS, Activity.RUNNING} <= {s.activity for s in truth.stretches}


# errors


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: simulate_session([]), "the script is empty: give at least one thing to do"),
        (
            lambda: simulate_session([Stand()], sensor=Sensor(placement="ankle")),
            "placement 'ankle' cannot be simulated",
        ),
        (lambda: simulate_session([Stand()], sensor=Sensor(placement="hipp")), "did you mean 'hip'"),
        (lambda: simulate_session([Stand()], sensor=Sensor(sampling_rate_hz=800)), "ask for at most 500 Hz"),
        (lambda: simulate_session([Stand()], sensor=Sensor(sampling_rate_hz=5)), "expected at least 12 Hz"),
        (lambda: simulate_session([Stand()], sensor=Sensor(gaps_s=((0.0, 9.0),))), "the gaps leave no sample"),
        (lambda: simulate_session([BarbellSet(exercise="deadlifts")]), "did you mean 'deadlift'"),
        (lambda: write_scenario("hip-sesion", "nowhere"), "did you mean 'hip-session'"),
        (lambda: landing_pulse(0.05, LandingShape(peak_g=9.0, rise_s=0.06)), "cannot have a peak of 9 g after 60 ms"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(attempt, message):
    with pytest.raises(OptionError, match=message):
        attempt()


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WorldError, match=r"cannot write .*choose another folder"):
        write(tmp_path / "taken" / "x.csv", simulate_session([Stand()]), SCENARIOS["jumps"])


# files


def test_the_sample_recordings_are_made_again_byte_for_byte(tmp_path):
    made = write_samples(tmp_path)
    kept = {path.name for path in SAMPLES.glob("simulated-*")}
    assert {path.name for path in made} == kept
    for path in made:
        old = SAMPLES / path.name
        if path.suffix == ".gz":  # the text: another zlib may compress it to other bytes
            assert gzip.decompress(path.read_bytes()) == gzip.decompress(old.read_bytes()), path.name
        else:
            assert path.read_bytes() == old.read_bytes().replace(b"\r\n", b"\n"), path.name


def test_a_file_holds_the_samples_and_its_sidecar_the_truth(tmp_path):
    made = perform(SCENARIOS["jumps"])
    table, sidecar = write(tmp_path / "one.csv", made, SCENARIOS["jumps"])
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["time", "x", "y", "z"]
    values = np.array(rows[1:], dtype=float)
    assert values[:, 1:] == pytest.approx(made.accel_g, abs=5.1e-5)
    assert values[:, 0] == pytest.approx(made.stamps_s, abs=1e-9)
    content = json.loads(sidecar.read_text())
    assert content["origin"] == "simulated"
    assert content["placement"] == "lower_back"
    assert [e["landing_s"] for e in content["truth"]["landings"]] == [e.landing_s for e in made.truth.landings]
    assert content["n_samples"] == len(rows) - 1


def test_metres_per_second_squared_and_a_clock_with_an_offset(tmp_path):
    made = perform(SCENARIOS["hirit-wrist"])
    table, _ = write(tmp_path / "w.csv", made, SCENARIOS["hirit-wrist"])
    head = table.read_text().splitlines()[:2]
    assert head[0] == "time,acc_x,acc_y,acc_z"
    assert head[1].startswith("2026-11-20T17:30:00.000+01:00,")
    hip = perform(SCENARIOS["hip-session"])
    table, _ = write(tmp_path / "h.csv", hip, SCENARIOS["hip-session"])
    cells = table.read_text().splitlines()[1].split(",")
    assert cells[0].startswith("2026-11-20T17:30:00.")
    assert "+" not in cells[0]
    assert np.linalg.norm([float(c) for c in cells[1:]]) == pytest.approx(9.8, abs=0.2)


def test_samples_are_few_and_small():
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*")) < 2_500_000
    assert {s.name for s in samples()} == {p.name[10:-5] for p in SAMPLES.glob("simulated-*.json")}


def test_the_command_writes_what_it_names(tmp_path, capsys):
    assert main(["jumps", "--output", str(tmp_path), "--seed", "5"]) == 0
    printed = capsys.readouterr().out.split()
    assert [Path(p).name for p in printed] == ["simulated-jumps.csv.gz", "simulated-jumps.json"]
    assert main(["jump"]) == 2
    assert "did you mean 'jumps'" in capsys.readouterr().err
