"""The coach's word against the detector's, and what a session adds to the doses of a week."""

from dataclasses import replace

import pytest
from builders import landing, lift_set, report
from hypothesis import given
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.events import Excluded
from loadsense.prescriptions import LiftPrescription, PlanStage
from loadsense.protocol.corrections import Correction, corrected
from loadsense.protocol.dose import dose
from loadsense.results import VerdictStatus

RATE_HZ = 200
PLAN = evidence.plan("hirit")


def hip(*seconds):
    """A hip recording with landings at these seconds."""
    made = report().recordings[0]
    events = tuple(landing(n, at_s=at_s) for n, at_s in enumerate(seconds, 1))
    return replace(made, sensor="hip", landings=events, excluded=(), sets=())


def wrist(*sets):
    made = report().recordings[0]
    return replace(made, sensor="wrist", landings=(), excluded=(), sets=tuple(sets))


def say(kind, at_s, number=1, sensor="hip", **facts):
    return Correction(id=number, sensor=sensor, at_sample=round(at_s * RATE_HZ), kind=kind, **facts)


def peaks_s(result):
    return [one.candidate.peak_sample / RATE_HZ for one in result.landings]


def test_the_nearest_landing_within_a_quarter_of_a_second_is_meant():
    found = corrected([hip(10.0, 10.4, 20.0)], [say("not a landing", 10.22)])
    assert peaks_s(found.results[0]) == [10.0, 20.0]
    assert found.results[0].excluded == (Excluded(kind="landing", peak_sample=2080, reason="coach: not one"),)
    assert found.unmatched == ()


@pytest.mark.parametrize(("at_s", "met"), [(10.25, True), (9.75, True), (10.26, False), (9.74, False)])
def test_a_quarter_of_a_second_and_no_more(at_s, met):
    said = say("not a landing", at_s)
    found = corrected([hip(10.0)], [said])
    assert (found.unmatched == ()) == met
    assert (found.results[0].landings == ()) == met


def test_a_missed_landing_takes_its_place_in_time_and_its_candidate_goes():
    missed = landing(99, at_s=15.0)
    before = replace(hip(10.0, 20.0), excluded=(Excluded(kind="landing", peak_sample=3010, reason="no flight"),))
    found = corrected([before], [say("landing", 15.05, landing=missed)])
    assert peaks_s(found.results[0]) == [10.0, 15.0, 20.0]
    assert found.results[0].excluded == ()


def test_a_missed_landing_without_samples_is_reported_and_one_that_is_there_is_met():
    assert corrected([hip(10.0)], [say("landing", 15.0)]).unmatched == (say("landing", 15.0),)
    there = corrected([hip(10.0)], [say("landing", 10.1)])
    assert (there.unmatched, peaks_s(there.results[0])) == ((), [10.0])


def test_the_last_word_on_an_event_counts():
    words = [say("not a landing", 10.0, 1), say("landing", 10.0, 2), say("not a landing", 10.0, 3)]
    assert peaks_s(corrected([hip(10.0)], words[:2]).results[0]) == [10.0]
    assert peaks_s(corrected([hip(10.0)], words).results[0]) == []


def test_sets_are_renamed_loaded_and_taken_out_by_any_of_their_samples():
    one = lift_set(1, start_s=300.0, exercise="unknown")
    said = [
        say("exercise", 301.0, 1, sensor="wrist", exercise="deadlift"),
        say("load", 319.9, 2, sensor="wrist", load_kg=70.0),
    ]
    [now] = corrected([wrist(one)], said).results[0].sets
    assert (now.exercise, now.exercise_source, now.load_kg) == ("deadlift", "coach", 70.0)
    assert {repetition.exercise for repetition in now.repetitions} == {"deadlift"}
    gone = corrected([wrist(one)], [say("not a set", 300.5, sensor="wrist")]).results[0]
    assert (gone.sets, [event.kind for event in gone.excluded]) == ((), ["set"])


@pytest.mark.parametrize("kind", ["not a set", "exercise", "load"])
def test_a_word_on_a_set_that_is_not_there_is_reported(kind):
    said = say(kind, 100.0, sensor="wrist", exercise="deadlift", load_kg=1.0)
    assert corrected([wrist(lift_set(1, start_s=300.0))], [said]).unmatched == (said,)


def test_a_word_on_a_sensor_that_is_not_there_is_reported():
    said = say("not a landing", 10.0, sensor="ankle")
    assert corrected([hip(10.0)], [said]).unmatched == (said,)


@given(said=st.lists(st.tuples(st.sampled_from(["not a landing", "landing"]), st.floats(0, 40)), max_size=12))
def test_nothing_is_lost_and_nothing_made_up(said):
    """Whatever is said: landings stay in order, each is one that was there, and every word is met or reported."""
    before = hip(5.0, 10.0, 10.3, 20.0, 30.0)
    words = [say(kind, at_s, number) for number, (kind, at_s) in enumerate(said, 1)]
    found = corrected([before], words)
    after = found.results[0]
    assert list(after.landings) == sorted(after.landings, key=lambda one: one.candidate.peak_sample)
    assert set(after.landings) <= set(before.landings)
    assert set(found.unmatched) <= set(words)
    assert corrected([before], list(reversed(words))) == found  # the order is that of the ids


# -- the dose of a session

STAGE = PlanStage(
    name="x",
    description="x",
    landings=25,
    min_net_g=None,
    ceiling_net_g=None,
    lifts=(LiftPrescription(exercise="deadlift", sets=5, repetitions=5, min_pct_1rm=85.0),),
    source=PLAN.source,
)


def lifted(*sets):
    made = report()
    row = replace(made.prescription.rows[0], exercise="deadlift", source="wrist sensor")
    return replace(
        made,
        recordings=(wrist(*sets),),
        prescription=replace(made.prescription, rows=(row,), locked=None),
    )


def judged(status, **achieved):
    made = report()
    verdict = replace(made.verdict, status=status, basis="prescribed", at_least=False, achieved=achieved)
    return replace(made, verdict=verdict, prescription=replace(made.prescription, locked=None))


def test_landings_in_band_are_those_that_were_counted():
    reached = judged(VerdictStatus.REACHED, landings=27, counted=25, counted_at_worst=25)
    assert dose(reached, stage=STAGE).landings_in_band == 25
    assert dose(reached, stage=STAGE).cannot_say == ""


def test_what_cannot_be_said_is_the_count_at_its_worst_or_nothing():
    unsure = judged(VerdictStatus.CANNOT_SAY, landings=27, counted=25, counted_at_worst=11)
    found = dose(unsure, stage=STAGE)
    assert (found.landings_in_band, found.landings_at_least) == (11, True)
    assert found.cannot_say == unsure.verdict.judged
    blind = judged(VerdictStatus.CANNOT_SAY, landings=None, counted=None, counted_at_worst=None)
    assert (dose(blind, stage=STAGE).landings_in_band, dose(blind, stage=STAGE).landings_at_least) == (None, False)
    none = judged(VerdictStatus.CANNOT_SAY, landings=0, counted=0, counted_at_worst=0)
    assert dose(none, stage=STAGE).landings_in_band is None  # nobody confirmed that there were any


def test_a_locked_session_adds_nothing():
    reached = judged(VerdictStatus.REACHED, landings=27, counted=25)
    locked = replace(reached, prescription=replace(reached.prescription, locked="no screening is on file"))
    found = dose(locked, stage=STAGE)
    assert (found.landings_in_band, found.lift_sets_met) == (None, None)


@pytest.mark.parametrize(
    ("sets", "met", "at_least"),
    [
        ([{}] * 5, 5, False),
        ([{}] * 7, 5, False),
        ([{}] * 3, 3, False),
        ([{}, {"repetitions": 4}], 1, False),
        ([{}, {"pct_1rm": 84.0}], 1, False),
        ([{}, {"pct_1rm": None}], 2, False),
        ([{}, {"exercise": "unknown"}], 1, True),
        ([{}, {"exercise": "back_squat"}], 1, False),
        ([{}, {"repetitions": 3, "repetitions_are_at_least": True}], 1, True),
        ([{}] * 5 + [{"exercise": "unknown"}], 5, False),
        ([], 0, False),
    ],
)
def test_sets_with_their_repetitions_and_no_load_known_to_be_too_light_are_met(sets, met, at_least):
    made = [lift_set(n, start_s=100.0 * n, **facts) for n, facts in enumerate(sets, 1)]
    found = dose(lifted(*made), stage=STAGE)
    assert (found.lift_sets_met, found.lift_sets_at_least) == (met, at_least)


def test_without_lifts_in_the_plan_or_a_sensor_for_them_sets_are_unknown():
    one = lift_set()
    assert dose(lifted(one), stage=None).lift_sets_met is None
    assert dose(lifted(one), stage=replace(STAGE, lifts=())).lift_sets_met is None
    unseen = lifted(one)
    rows = tuple(replace(row, source="not observed") for row in unseen.prescription.rows)
    unseen = replace(unseen, prescription=replace(unseen.prescription, rows=rows))
    assert dose(unseen, stage=STAGE).lift_sets_met is None
