"""From recordings to one report: what is judged, what each sensor saw, and what cannot be one session."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.errors import OptionError
from loadsense.simulate import BarbellSet, DropLanding, Rest, Sensor, Stand, Walk, simulate_session

SAMPLES = Path(__file__).parents[1] / "sample_recordings"
P017, P021 = SAMPLES / "people" / "p017.toml", SAMPLES / "people" / "p021.toml"
START = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)


@cache
def hip(n=6, **facts):
    script = [Stand(duration_s=4.0), *[DropLanding(height_m=0.2, pause_s=1.5)] * n, Stand(duration_s=3.0)]
    made = simulate_session(script, sensor=Sensor(sampling_rate_hz=200.0), seed=7)
    given = {"placement": "hip", "range_g": 16.0, "start": START} | facts
    return ls.Recording.from_arrays(made.accel_g, sampling_rate_hz=200.0, **given)


@cache
def wrist(start=START, **facts):
    script = [Walk(duration_s=5.0), Rest(duration_s=5.0), BarbellSet(exercise="back_squat"), Rest(duration_s=20.0)]
    made = simulate_session(script, sensor=Sensor(placement="wrist", sampling_rate_hz=50.0), seed=8)
    return ls.Recording.from_arrays(made.accel_g, sampling_rate_hz=50.0, placement="wrist", start=start, **facts)


def test_without_a_plan_the_evidence_is_the_basis():
    report = ls.analyze(hip())
    assert report.verdict.basis == "evidence"
    assert report.verdict.sentence.startswith("VERDICT NOT REACHED - 6 of 25 landings over 3.9 g net or 100 g/s")
    assert report.landing_summary.count == 6
    assert report.landing_summary.high_magnitude_count == 0
    assert report.landing_summary.high_rate_count == 6
    assert report.landing_summary.peak_net_g.max == pytest.approx(report.landing_summary.peak_g.max - 1.0)


def test_a_number_without_a_plan_moves_the_target_of_the_evidence():
    report = ls.analyze(hip(), target_landings=6)
    assert report.verdict.basis == "evidence"
    assert report.verdict.sentence.startswith("VERDICT REACHED - 6 of 6 landings over 3.9 g net or 100 g/s")


def test_a_plan_counts_landings_in_her_band():
    report = ls.analyze(hip(n=25), "hirit", person=P017)
    assert report.verdict.basis == "prescribed"
    in_band = sum(3.0 <= landing.peak_net_g <= 8.0 for landing in report.recordings[0].landings)
    assert report.verdict.sentence == f"VERDICT NOT REACHED - {in_band} of 25 landings as planned; hip, 200 Hz"


@pytest.mark.parametrize("placement", ["wrist", "pocket", "bag", "hand", "ankle", "chest", "unknown"])
def test_placements_that_do_not_grade_never_reach_or_miss(placement):
    report = ls.analyze(hip(placement=placement))
    assert report.verdict.status.value == "cannot_say"
    assert report.landing_summary.high_magnitude_count is None
    assert report.indices.osteogenic_index.value is None
    assert report.indices.reason


def test_a_gentle_session_of_stage_one_is_told_what_it_was_and_not_what_it_was_not():
    report = ls.analyze(ls.read(SAMPLES / "simulated-stage-1-hip.csv.gz", placement="hip"), "hirit", person=P021)
    assert report.verdict.sentence == "VERDICT REACHED - 25 of 25 landings as planned; hip, 100 Hz"
    assert report.verdict.evidence_line == (
        "none passed 3.9 g, a level studied in women aged 35-40; at this stage that is expected. "
        "Do not land harder to change this number."
    )
    everything_said = " ".join([report.verdict.judged, *report.verdict.reasons, *report.quality_notes])
    assert "not reached" not in everything_said.lower()


def test_the_hip_alone_says_nothing_of_sets():
    report = ls.analyze(hip(n=25), "hirit", person=P017)
    lifts = [row for row in report.prescription.rows if row.exercise != "landings"]
    assert len(lifts) == 3
    assert all(row.done is None and row.met is None and row.source == "not observed" for row in lifts)


def test_the_wrist_alone_judges_lifting_rows_and_not_landings():
    report = ls.analyze(wrist(), "hirit", person=P017)
    landings = next(row for row in report.prescription.rows if row.exercise == "landings")
    assert landings.met is None
    assert landings.done is None
    squat = next(row for row in report.prescription.rows if row.exercise == "back_squat")
    assert squat.source == "wrist sensor"
    assert report.verdict.status.value == "cannot_say"


def test_a_plan_without_screening_is_analyzed_and_not_graded(tmp_path):
    person = tmp_path / "p099.toml"
    person.write_text('id = "p099"\nplan = "hirit"\n')
    report = ls.analyze(hip(n=25), person=person)
    assert len(report.landings) == 25
    assert report.verdict.status.value == "cannot_say"
    assert report.prescription.locked == "no screening is on file"
    assert all(row.met is None for row in report.prescription.rows)


def test_hip_and_wrist_make_one_report_and_each_row_names_its_sensor():
    report = ls.Session([hip(n=25), wrist()], plan="hirit", person=P017).report()
    assert [r.sensor for r in report.recordings] == ["hip", "wrist"]
    sources = {row.exercise: row.source for row in report.prescription.rows}
    assert sources["landings"] == "hip sensor"
    assert sources["back_squat"] == "wrist sensor"
    assert set(report.landings["sensor"]) >= {"hip"}
    assert set(report.sets["sensor"]) == {"wrist"}


def test_offsets_move_the_events_of_one_sensor():
    bare = {"start": None}
    both = {"hip": hip(**bare), "wrist": wrist(**bare)}
    near = ls.Session(both, offsets_s={"hip": 0.0, "wrist": 0.0}).report()
    late = ls.Session(both, offsets_s={"hip": 0.0, "wrist": 10.0}).report()
    assert np.allclose(late.sets["start_s"] - near.sets["start_s"], 10.0)
    assert late.landings["peak_s"].iloc[0] == near.landings["peak_s"].iloc[0]


def test_clocks_three_hours_apart_are_refused():
    late = wrist(start=START.replace(hour=20))
    with pytest.raises(OptionError, match="hip and wrist do not overlap: their clocks are 3 h 00 min apart"):
        ls.Session([hip(), late]).report()


def test_two_hips_are_refused():
    with pytest.raises(OptionError, match="hip-1 and hip-2 are both from the hip"):
        ls.Session([hip(), hip(n=7)])


def test_an_unknown_plan_profile_or_stage_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="unknown plan 'hirits': did you mean 'hirit'"):
        ls.analyze(hip(), "hirits")
    with pytest.raises(OptionError, match="unknown profile 'hip-high-rat': did you mean 'hip-high-rate'"):
        ls.analyze(hip(), profile="hip-high-rat")


def test_a_misspelt_option_is_not_swallowed():
    with pytest.raises(TypeError, match="target_landing"):
        ls.analyze(hip(), target_landing=5)


def test_progress_is_told_as_samples_pass():
    seen = []
    ls.analyze(hip(), progress=lambda name, n_samples: seen.append((name, n_samples)))
    assert seen[-1] == ("hip", sum(len(block) for block in hip().blocks()))


def test_limits_of_a_recording_are_said():
    weak = ls.Recording.from_arrays(next(hip().blocks()).accel_g[::5] * 1.05, sampling_rate_hz=40.0)
    notes = " | ".join(ls.analyze(weak).quality_notes)
    assert "placement was not declared: landings are a guess; pass --placement" in notes
    assert "40 Hz is too slow for landings (50 Hz at least): peaks are lower bounds" in notes
    assert "range is not known: clipping cannot be seen; pass --range-g" in notes
    assert "|a| at rest is 1.050 g, more than 3 % off" in notes
    assert "lost samples could not be noticed: the recording has no time stamps" in notes


def test_clipping_is_said_with_its_count():
    samples = np.clip(next(hip().blocks()).accel_g, -4.0, 4.0)
    report = ls.analyze(ls.Recording.from_arrays(samples, sampling_rate_hz=200.0, placement="hip", range_g=4.0))
    n = report.recordings[0].quality.n_clipped
    assert n > 0
    assert f"{n} samples reached the range of 4 g: their peaks are lower bounds" in report.quality_notes


def test_provenance_names_filter_levels_and_the_equations_that_were_used():
    report = ls.analyze(hip(body_mass_kg=70.0))
    assert report.provenance.filter == (
        "landings 80 Hz, impacts and forces 20 Hz (Butterworth order 4, zero phase), sampled at 200 Hz"
    )
    assert [level.value for level in report.provenance.thresholds][:2] == [3.9, 100.0]
    assert any(e.name == "veras-2023-jumping-hip-resultant" for e in report.provenance.equations)
    assert report.indices.osteogenic_index.mape_percent == 13.0


def test_public_names_are_listed_and_a_wrong_one_is_refused():
    assert set(ls.__all__) <= set(dir(ls))
    for name in ls.__all__:
        assert getattr(ls, name) is not None
    with pytest.raises(AttributeError, match="module 'loadsense' has no attribute 'analyse'"):
        _ = ls.analyse
