"""Prescribed against done, screening, flags, weeks and progression: the rules, each with the number it reads."""

import math
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense import evidence, protocol
from loadsense.criteria import LandingTarget
from loadsense.errors import OptionError
from loadsense.events import Landing, LandingCandidate, LiftSet, LoadingRates, Repetition, Status, Takeoff
from loadsense.placement import Placement
from loadsense.prescriptions import OneRepMax, Person, Screening
from loadsense.protocol import (
    DoneLifts,
    ExerciseSession,
    SessionDose,
    SessionFacts,
    Standing,
    Step,
    WeekPrescription,
    Wellbeing,
)
from loadsense.results import CalledSet, Flag, VerdictStatus
from loadsense.verdict import Observation, judge

RULES = evidence.rules()
HIRIT = evidence.plan("hirit")
PROFILE = evidence.profile()
TODAY = date(2026, 11, 20)

WHOLE = Screening(
    screened_on=date(2026, 6, 1),
    review_date=date(2027, 6, 1),
    vertebral_fracture="no",
    low_trauma_fractures=0,
    current_back_pain="no",
    joint_or_limb_injury="no",
    falls_12_months=0,
    balance="steady",
    uncontrolled_heart_or_blood_pressure="no",
    pregnancy="no",
    cleared_by="clinician 3",
)
P017 = Path(__file__).parents[1] / "sample_recordings" / "people" / "p017.toml"


def person(**more):
    return Person(id="p017", **{"screening": WHOLE, **more})


def target(plan=HIRIT, who=None, on=TODAY, **more):
    return protocol.landing_target(plan=plan, person=who, profile=PROFILE, rules=RULES, on=on, **more)


def without(name, **change):
    return {**RULES, name: replace(RULES[name], **(change or {"on": False}))}


def landing(peak_net_g, at=1000):
    candidate = LandingCandidate(
        event_id=f"L{at}",
        status=Status.SETTLED,
        landing_sample=at,
        peak_sample=at + 5,
        end_sample=at + 20,
        flight_start_sample=at - 30,
        flight_s=0.3,
        takeoff=Takeoff.PUSH,
    )
    return Landing(
        candidate=candidate,
        peak_g=peak_net_g + 1,
        peak_net_g=peak_net_g,
        peak_vertical_g=None,
        peak_20hz_g=peak_net_g,
        loading_rates=LoadingRates(),
        time_to_peak_s=None,
    )


def landings(*peaks):
    return tuple(landing(peak, 1000 + 300 * i) for i, peak in enumerate(peaks))


def one_set(exercise, n, *, at_least=False, load_kg=None, at=0):
    repetitions = tuple(Repetition(set_id="S", start_sample=at + i, end_sample=at + i + 1) for i in range(n))
    return LiftSet(
        set_id=f"S{at}",
        status=Status.SETTLED,
        start_sample=at,
        end_sample=at + n,
        repetitions=repetitions,
        exercise=exercise,
        repetitions_are_at_least=at_least,
        load_kg=load_kg,
    )


# --- targets and stages ----------------------------------------------------------------------------------------------


def test_without_a_prescription_the_evidence_sets_the_target():
    assert target(plan=None) == LandingTarget(basis="evidence", landings=25)
    assert target(plan=None, target_landings=10).landings == 10
    assert target(plan=None, who=Person(body_mass_kg=63.1)).basis == "evidence"


def test_a_stage_brings_its_band_and_the_person_changes_it():
    first = target(who=person(stage="stage-1"))
    assert (first.basis, first.landings, first.min_net_g, first.ceiling_net_g) == ("prescribed", 25, 0.5, 3.0)
    assert (first.plan, first.stage, first.locked) == ("hirit", "stage-1", None)
    own = target(who=person(stage="stage-1", ceiling_net_g=2.0, target_landings=10))
    assert (own.landings, own.min_net_g, own.ceiling_net_g) == (10, 0.5, 2.0)
    assert target(who=person(stage="stage-1", target_landings=10), target_landings=15).landings == 15


def test_without_a_stage_the_whole_prescription_holds():
    full = target(who=person())
    assert (full.stage, full.landings, full.min_net_g, full.ceiling_net_g) == ("full", 25, None, None)


def test_a_person_alone_can_set_a_target():
    own = target(plan=None, who=Person(target_landings=12, ceiling_net_g=2.0))
    assert (own.basis, own.landings, own.plan, own.locked) == ("prescribed", 12, None, None)
    assert target(plan=None, who=Person(ceiling_net_g=2.0)).landings is None


def test_unknown_stage_is_named():
    with pytest.raises(OptionError, match="unknown stage of plan hirit 'stage1': did you mean 'stage-1'"):
        target(who=person(stage="stage1"))


# --- screening -------------------------------------------------------------------------------------------------------


def locks(screening, on=TODAY, rules=RULES):
    return protocol.screening_locks(screening, on=on, rules=rules)


def test_a_whole_screening_locks_nothing():
    assert locks(WHOLE) == protocol.Locks()


def test_nobody_screened_locks_the_plan():
    assert target(who=None).locked == "no screening is on file"
    assert target(who=Person(stage="stage-1")).locked == "no screening is on file"
    gentle = replace(HIRIT, needs_screening=False)
    assert target(plan=gentle, who=None).locked is None


def test_unknown_is_not_no():
    assert locks(replace(WHOLE, pregnancy="unknown", balance="")).plan == (
        "screening is not complete (unknown: pregnancy, balance)"
    )
    assert len(protocol.missing_answers(Screening())) == 11


@pytest.mark.parametrize(
    "field",
    [
        "vertebral_fracture",
        "current_back_pain",
        "joint_or_limb_injury",
        "uncontrolled_heart_or_blood_pressure",
        "pregnancy",
        "low_trauma_fractures",
        "falls_12_months",
        "balance",
        "cleared_by",
        "screened_on",
        "review_date",
    ],
)
def test_every_question_must_be_answered(field):
    assert locks(replace(WHOLE, **{field: getattr(Screening(), field)})).plan.startswith("screening is not complete (")


def test_a_fracture_needs_its_date():
    assert "date of the last fracture" in locks(replace(WHOLE, low_trauma_fractures=1)).plan
    assert locks(replace(WHOLE, low_trauma_fractures=1, last_fracture_on=date(2019, 1, 1))).plan is None


@pytest.mark.parametrize("event", ["fall", "fracture", "new back pain"])
def test_an_event_ends_the_screening(event):
    assert locks(replace(WHOLE, ended_by=event)).plan == f"the screening ended with a {event}: screen again"


def test_screening_holds_twelve_months_and_until_its_review():
    long_review = replace(WHOLE, review_date=date(2030, 1, 1))
    assert locks(long_review, on=date(2027, 6, 1)).plan is None
    assert locks(long_review, on=date(2027, 6, 2)).plan == "the screening of 2026-06-01 is older than 12 months"
    assert locks(WHOLE, on=date(2027, 6, 2)).plan == "the review of the screening was due on 2027-06-01"
    assert locks(long_review, on=date(2029, 1, 1), rules=without("screening-valid")).plan is None


def test_screening_of_a_leap_day():
    leap = replace(WHOLE, screened_on=date(2024, 2, 29), review_date=date(2030, 1, 1))
    assert locks(leap, on=date(2025, 2, 28)).plan is None
    assert locks(leap, on=date(2025, 3, 1)).plan is not None


def test_a_session_without_a_date_says_what_was_not_checked():
    found = locks(WHOLE, on=None)
    assert (found.plan, found.note) == (None, "the session has no date: the age of the screening was not checked")
    facts = SessionFacts(landings=(), target=target(), screening_note=found.note)
    (flag,) = protocol.session_flags(facts, rules=RULES)
    assert (flag.severity, flag.sentence) == ("note", found.note)


def test_the_rule_can_be_switched_off_and_says_so():
    assert locks(None, rules=without("screening")).note.endswith("not set")
    assert locks(None, rules=without("screening")).plan is None


FRACTURES = [
    replace(WHOLE, vertebral_fracture="yes"),
    replace(WHOLE, low_trauma_fractures=2, last_fracture_on=date(2020, 5, 5)),
]


def test_a_screening_after_the_session_unlocks_nothing():
    late = evidence.load_person(P017).screening
    day_before = late.screened_on - timedelta(days=1)
    locks = protocol.screening_locks(late, on=day_before, rules=RULES)
    assert locks.plan.endswith("is later than the session: she was not screened before it")
    assert protocol.screening_locks(late, on=late.screened_on, rules=RULES).plan is None


@pytest.mark.parametrize("screening", FRACTURES, ids=["vertebral", "several"])
def test_fractures_lock_landings_and_not_lifts(screening):
    who = person(screening=screening, stage="stage-1")
    assert "landings are locked after" in target(who=who).locked
    assert "landings are locked after" in target(plan=None, who=who).locked
    assert protocol.plan_lock(HIRIT, who, on=TODAY, rules=RULES) is None
    by_name = replace(screening, landings_unlocked_by="clinician 3")
    assert target(who=person(screening=by_name)).locked is not None
    unlocked = replace(by_name, landings_unlocked_on=date(2026, 7, 1))
    assert target(who=person(screening=unlocked)).locked is None
    assert locks(screening, rules=without("fracture-locks-landings")).landings is None


def red(at, severity="red"):
    flag = Flag(rule="new-back-pain", severity=severity, sentence="new or sudden back pain", source="")
    return protocol.RaisedFlag(flag=flag, at=at)


def test_a_red_flag_locks_until_somebody_clears_her_by_name():
    pain, later = datetime(2026, 11, 17, 10), datetime(2026, 11, 18, 9)
    assert protocol.red_lock([red(pain)], []) == (
        "new or sudden back pain (2026-11-17): locked until somebody clears her by name"
    )
    assert protocol.red_lock([red(pain)], [protocol.Clearance(by="clinician 3", at=later)]) is None
    assert protocol.red_lock([red(pain)], [protocol.Clearance(by=" ", at=later)]) is not None
    assert protocol.red_lock([red(later)], [protocol.Clearance(by="clinician 3", at=pain)]) is not None
    assert protocol.red_lock([red(pain, "amber")], []) is None


def test_adherence_before_any_session_is_unknown():
    assert (protocol.adherence_percent(0, 0), protocol.adherence_percent(0, 2)) == (None, 0.0)


# --- lifts -----------------------------------------------------------------------------------------------------------

TESTED = OneRepMax(exercise="deadlift", kg=70.0, measured_on=date(2026, 11, 1), method="tested")
FIVE_SETS = tuple(one_set("deadlift", 5, at=100 * i) for i in range(5))


def called(n):
    return tuple(CalledSet(sensor="hip", at_sample=100 * i, exercise="deadlift") for i in range(n))


def deadlift(
    sets=FIVE_SETS, *, load_kg=60.0, one_rm=TESTED, source="wrist sensor", on=TODAY, stage=None, locked=None, n_called=0
):
    done = DoneLifts(
        sets=tuple(sets),
        source=source,
        called=called(n_called),
        loads_kg={} if load_kg is None else {"deadlift": load_kg},
        one_rms=(one_rm,) if one_rm else (),
        on=on,
    )
    return protocol.lift_rows(stage or HIRIT.full, done, rules=RULES, locked=locked)[0]


def test_deadlift_as_on_the_page():
    row = deadlift()
    assert (row.prescribed, row.done, row.met) == ("5 x 5 at >= 85 %", "5 x 5 at 60 kg = 86 %", True)
    assert (row.source, row.reason) == ("wrist sensor", "")


def test_what_no_sensor_saw_is_never_zero_of_five():
    row = deadlift((), source="not observed")
    assert (row.done, row.met, row.source) == (None, None, "not observed")
    assert "0" not in row.reason


def test_one_set_short_is_not_met():
    row = deadlift(FIVE_SETS[:4])
    assert (row.done, row.met, row.reason) == ("4 x 5 at 60 kg = 86 %", False, "4 of 5 sets with 5 repetitions")


def test_repetitions_short_are_listed():
    row = deadlift((*FIVE_SETS[:4], one_set("deadlift", 4, at=900)))
    assert (row.done, row.met) == ("5 sets of 5, 5, 5, 5, 4 at 60 kg = 86 %", False)


def test_a_hole_makes_a_lower_bound_and_no_verdict():
    row = deadlift((*FIVE_SETS[:4], one_set("deadlift", 3, at_least=True, at=900)))
    assert row.done.startswith("at least 5 sets of 5, 5, 5, 5, 3")
    assert (row.met, row.reason) == (None, "holes in the signal: repetitions are a lower bound")


def test_unnamed_sets_leave_the_row_open():
    row = deadlift([one_set("unknown", 5, at=100 * i) for i in range(15)], load_kg=None)
    assert (row.done, row.met) == (None, None)
    assert row.reason.startswith("15 sets have no name")


def test_stretches_that_may_have_been_sets_leave_the_row_open():
    three = DoneLifts(sets=FIVE_SETS[:3], source="wrist sensor", loads_kg={}, n_doubtful=2)
    row = protocol.lift_rows(HIRIT.full, three, rules=RULES)[0]
    assert row.met is None
    assert "3 of 5 sets seen, 2 more stretches may have been sets: ask her" in row.reason
    fewer = protocol.lift_rows(HIRIT.full, replace(three, n_doubtful=1), rules=RULES)[0]
    assert fewer.met is False


def test_a_sensor_that_saw_other_lifts_saw_none_of_this():
    row = deadlift([one_set("back_squat", 5)], load_kg=None)
    assert (row.done, row.met) == ("no set", False)


def test_too_light_is_not_met():
    row = deadlift(load_kg=55.0)
    assert (row.met, row.reason) == (False, "78.6 % of the maximum, 85 % asked")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"load_kg": None}, "no load was entered"),
        ({"one_rm": None}, "no one-repetition maximum on file"),
        ({"one_rm": replace(TESTED, measured_on=date(2026, 10, 22))}, "29 days old (28 at most)"),
        ({"one_rm": replace(TESTED, measured_on=date(2026, 11, 21))}, "of a later day, 2026-11-21"),
        ({"one_rm": replace(TESTED, measured_on=TODAY, method="estimated from 5 of 60 kg")}, "the same session's sets"),
        ({"on": None}, "the session has no date"),
    ],
)
def test_load_that_cannot_be_graded_is_not_graded(change, reason):
    row = deadlift(**change)
    assert row.met is None
    assert reason in row.reason


@pytest.mark.parametrize(
    "one_rm",
    [replace(TESTED, measured_on=date(2026, 10, 23)), replace(TESTED, measured_on=TODAY)],
    ids=["28 days", "tested today"],
)
def test_load_that_may_be_graded(one_rm):
    assert deadlift(one_rm=one_rm).met is True


def test_what_only_the_coach_saw_counts_as_it_was_prescribed():
    row = deadlift((), source="not observed", n_called=5)
    assert (row.done, row.met, row.source, row.reason) == ("5 sets at 60 kg = 86 %", True, "coach", "")
    row = deadlift((), source="not observed", n_called=5, load_kg=None)
    assert (row.done, row.met, row.reason) == ("5 sets", None, "no load was entered")
    assert deadlift((), source="not observed", n_called=5, load_kg=55.0).met is False


def test_sets_that_nobody_called_are_not_known_to_be_missing_where_no_sensor_sees_lifts():
    row = deadlift((), source="not observed", n_called=1)
    assert (row.done, row.met, row.source) == ("1 set at 60 kg = 86 %", None, "coach")
    assert row.reason == "the coach called 1 of 5 sets done, and no sensor saw the lifts"


def test_the_coach_fills_in_what_the_sensor_missed():
    row = deadlift(FIVE_SETS[:4], n_called=5)
    assert (row.done, row.met, row.source) == ("5 sets, 4 x 5 of them seen at 60 kg = 86 %", True, "coach")
    holed = (*FIVE_SETS[:4], one_set("deadlift", 3, at_least=True, at=900))
    assert deadlift(holed, n_called=5).met is True
    unnamed = [one_set("unknown", 5, at=100 * i) for i in range(5)]
    assert (deadlift(unnamed, n_called=5).met, deadlift(unnamed[:3], n_called=3).met) == (True, False)


def test_what_the_sensor_saw_whole_stays_its_own():
    for n_called in (0, 3, 5):
        row = deadlift(n_called=n_called)
        assert (row.done, row.met, row.source) == ("5 x 5 at 60 kg = 86 %", True, "wrist sensor")


def test_a_set_that_was_seen_to_be_short_is_not_mended_by_a_word():
    short = (*FIVE_SETS[:4], one_set("deadlift", 3, at=900))
    row = deadlift(short, n_called=5)
    assert (row.met, row.source) == (None, "wrist sensor")
    assert row.reason == (
        "the coach called 5 sets done, the wrist sensor counted fewer than 5 repetitions in 1 of them: ask her"
    )
    assert deadlift(short, n_called=4).met is False


def test_a_locked_plan_grades_no_word_either():
    row = deadlift((), source="not observed", n_called=5, locked="no screening is on file")
    assert (row.done, row.met, row.source) == ("5 sets at 60 kg = 86 %", None, "coach")


@given(n=st.integers(0, 8), extra=st.integers(0, 4), n_called=st.integers(0, 8))
def test_a_word_more_never_unmeets_a_row(n, extra, n_called):
    order = [False, None, True]
    sets = [one_set("deadlift", 5, at=100 * i) for i in range(n)]
    more = deadlift(sets, n_called=n_called + extra)
    assert order.index(more.met) >= order.index(deadlift(sets, n_called=n_called).met)


def test_a_heavy_day_cannot_heal_a_missing_set():
    assert deadlift(FIVE_SETS[:3], one_rm=None).met is False


def test_a_set_s_own_load_goes_before_the_declared_one():
    sets = (*FIVE_SETS[:4], one_set("deadlift", 5, load_kg=50.0, at=900))
    assert deadlift(sets).done == "5 x 5 at 50 kg = 71 %"
    assert deadlift(sets, load_kg=None).reason == "no load was entered"


def test_the_latest_maximum_counts():
    done = DoneLifts(
        sets=FIVE_SETS,
        source="wrist sensor",
        loads_kg={"deadlift": 60.0},
        one_rms=(replace(TESTED, kg=100.0, measured_on=date(2026, 11, 2)), TESTED),
        on=TODAY,
    )
    assert protocol.lift_rows(HIRIT.full, done, rules=RULES)[0].done == "5 x 5 at 60 kg = 60 %"


def test_body_weight_stage_asks_for_no_load():
    row = deadlift(stage=HIRIT.stages[0], load_kg=None, one_rm=None)
    assert (row.prescribed, row.done, row.met) == ("5 x 5", "5 x 5", True)
    assert deadlift(stage=HIRIT.stages[0], load_kg=10.0, one_rm=None).done == "5 x 5 at 10 kg"


def test_a_locked_plan_says_what_was_done_and_grades_nothing():
    row = deadlift(locked="no screening is on file")
    assert (row.done, row.met) == ("5 x 5 at 60 kg = 86 %", None)
    assert row.reason == "not graded: no screening is on file"


def test_sets_carry_load_and_graded_share():
    done = DoneLifts(
        sets=(*FIVE_SETS[:1], one_set("bench_press", 5)), loads_kg={"deadlift": 60.0}, one_rms=(TESTED,), on=TODAY
    )
    first, second = protocol.loaded_sets(done, rules=RULES)
    assert (first.load_kg, round(first.pct_1rm, 1)) == (60.0, 85.7)
    assert (second.load_kg, second.pct_1rm) == (None, None)
    undated = replace(done, on=None)
    assert protocol.loaded_sets(undated, rules=RULES)[0].pct_1rm is None


@given(n=st.integers(0, 8), extra=st.integers(0, 8), load=st.none() | st.floats(20.0, 90.0))
def test_one_more_whole_set_never_unmeets_a_row(n, extra, load):
    order = [False, None, True]
    sets = [one_set("deadlift", 5, at=100 * i) for i in range(n + extra)]
    assert order.index(deadlift(sets, load_kg=load).met) >= order.index(deadlift(sets[:n], load_kg=load).met)


# --- the whole table -------------------------------------------------------------------------------------------------


def verdict_of(asked, *peaks, placement=Placement.HIP, **more):
    seen = Observation(
        landings=landings(*peaks), placement=placement, sampling_rate_hz=100.0, cutoff_hz=40.0, range_g=16.0, **more
    )
    return judge(seen, asked, profile=PROFILE, criteria=evidence.grading())


def test_prescription_of_a_gentle_beginner():
    asked = target(who=person(stage="stage-1"))
    answer = verdict_of(asked, *[2.0] * 25)
    row = protocol.landing_row(asked, answer, source="hip sensor")
    assert (row.prescribed, row.done, row.met) == ("25 landings, 0.5 to 3.0 g net", "25 landings", True)
    result = protocol.prescribed_vs_done(asked, lifts=(deadlift((), source="not observed"),), landings=row)
    assert (result.plan, result.stage, result.locked) == ("hirit", "stage-1", None)
    assert [one.met for one in result.rows] == [None, True]


def test_landing_row_that_was_not_met_says_why():
    asked = target(who=person(stage="stage-1"))
    row = protocol.landing_row(asked, verdict_of(asked, *[2.0] * 10, *[3.5] * 15), source="hip sensor")
    assert (row.done, row.met, row.reason) == ("10 landings", False, "15 landings above her ceiling of 3 g net")


def test_landings_that_no_sensor_could_see_are_null():
    asked = target(who=person(stage="stage-1"))
    at_wrist = protocol.landing_row(asked, verdict_of(asked, *[3.0] * 9, placement=Placement.WRIST), source="wrist")
    assert (at_wrist.done, at_wrist.met, at_wrist.source) == (None, None, "not observed")
    none_seen = protocol.landing_row(asked, verdict_of(asked), source="hip sensor")
    assert (none_seen.done, none_seen.met) == (None, None)
    confirmed = protocol.landing_row(asked, verdict_of(asked, block_confirmed=True), source="hip sensor")
    assert (confirmed.done, confirmed.met) == ("0 landings", False)


def test_no_landing_row_without_prescribed_landings():
    by_evidence = target(plan=None)
    assert protocol.landing_row(by_evidence, verdict_of(by_evidence, 2.0), source="hip sensor") is None
    assert protocol.prescribed_vs_done(by_evidence, lifts=(), landings=None).rows == ()


@pytest.mark.parametrize(
    ("low", "ceiling", "words"),
    [
        (None, None, "25 landings"),
        (1.0, None, "25 landings, at least 1.0 g net"),
        (None, 2.5, "25 landings, up to 2.5 g net"),
    ],
)
def test_bands_in_words(low, ceiling, words):
    asked = LandingTarget(basis="prescribed", landings=25, min_net_g=low, ceiling_net_g=ceiling)
    assert protocol.landing_row(asked, verdict_of(asked, 2.0), source="hip sensor").prescribed == words


def test_a_locked_session_is_never_graded():
    asked = target(who=None)
    answer = verdict_of(asked, *[2.0] * 25)
    row = protocol.landing_row(asked, answer, source="hip sensor")
    assert (answer.status, row.done, row.met) == (VerdictStatus.CANNOT_SAY, "25 landings", None)
    assert protocol.prescribed_vs_done(asked, lifts=(), landings=row).locked == "no screening is on file"


# --- flags -----------------------------------------------------------------------------------------------------------


def flags(*peaks, asked=None, **more):
    facts = SessionFacts(landings=landings(*peaks), target=asked or target(who=person(stage="stage-1")), **more)
    return protocol.session_flags(facts, rules=RULES)


def test_landings_above_her_ceiling_are_an_amber_flag():
    (flag,) = flags(*[2.0] * 22, *[3.4] * 3)
    assert (flag.rule, flag.severity) == ("above-ceiling", "amber")
    assert flag.sentence == "3 of 25 landings above her ceiling of 3 g net: lower the step or soften"
    assert flags(*[2.0] * 25) == ()
    assert flags(*[9.0] * 25, asked=target(who=person())) == ()


def test_a_movement_like_a_fall_is_red():
    (flag,) = flags(fall_times_s=(312.4, 400.0))
    assert (flag.rule, flag.severity) == ("fall-like-event", "red")
    assert flag.sentence.startswith("a movement like a fall at 312 s, 400 s: ask her")
    assert flag.source.endswith("[convention]")


def test_far_more_than_prescribed_is_amber():
    assert flags(*[2.0] * 30) == ()
    assert flags(*[2.0] * 31)[0].sentence == "31 landings, 25 prescribed: more than 120 %"
    assert flags(*[2.0] * 31, asked=target(plan=None)) == ()
    facts = SessionFacts(landings=landings(*[2.0] * 31), target=target(who=person()))
    assert protocol.session_flags(facts, rules=without("above-target")) == ()


@pytest.mark.parametrize(
    ("said", "rules_fired"),
    [
        (Wellbeing(), []),
        (Wellbeing(pain_after=3, pain_baseline=2), []),
        (Wellbeing(new_back_pain=True, pain_after=1), ["new-back-pain"]),
        (Wellbeing(suspected_fracture=True), ["suspected-fracture"]),
        (Wellbeing(chest_pain_or_faintness=True), ["chest-pain-or-faintness"]),
        (Wellbeing(pain_before=1, pain_24h=2), ["pain-after-24h"]),
        (Wellbeing(pain_before=2, pain_24h=2), []),
        (Wellbeing(pain_after=4), ["pain-score"]),
        (Wellbeing(pain_after=3, pain_baseline=1), ["pain-rise"]),
        (Wellbeing(pain_after=6, pain_baseline=1, pain_24h=1), ["pain-score", "pain-rise"]),
    ],
)
def test_what_she_says_raises_flags(said, rules_fired):
    assert [flag.rule for flag in protocol.wellbeing_flags(said, rules=RULES)] == rules_fired


# --- weeks -----------------------------------------------------------------------------------------------------------

ASKED = WeekPrescription(sessions=2, landings=50, lift_sets=30)
TUE, THU = date(2026, 11, 17), date(2026, 11, 19)


def week(*sessions, over=True, asked=ASKED):
    return protocol.week_status(sessions, asked, tolerance=0.9, rules=RULES, week_is_over=over)


def dose(day, landings_done=25, sets=15, **more):
    return SessionDose(day=day, landings_in_band=landings_done, lift_sets_met=sets, **more)


def test_week_as_planned_shows_the_surplus_apart():
    found = week(dose(TUE, 27), dose(THU, 27))
    assert (found.standing, found.reason) == (Standing.AS_PLANNED, "")
    assert (found.landings.done, found.landings.percent, found.landings.extra) == (54, 100.0, 4)
    assert (found.lifting.done, found.lifting.percent, found.lifting.extra) == (30, 100.0, 0)


def test_a_missed_session_is_missing_not_zero():
    found = week(dose(TUE, 25, 6))
    assert (found.sessions_done, found.standing) == (1, Standing.MISSED)
    assert found.reason == "1 of 2 sessions missed; landings in band: 25 of 50; lifting sets: 6 of 30"
    assert (found.landings.percent, found.lifting.percent) == (50.0, 20.0)
    assert week().landings.done is None


def test_a_running_week_is_not_behind():
    assert week(dose(TUE), over=False).standing is Standing.AS_PLANNED


def test_the_two_doses_are_never_added():
    found = week(dose(TUE, 50, 0), dose(THU, 0, 0))
    assert (found.landings.standing, found.lifting.standing) == (Standing.AS_PLANNED, Standing.UNDER)
    assert found.standing is Standing.UNDER


def test_a_session_nobody_could_see_makes_a_lower_bound():
    found = week(dose(TUE), dose(THU, None))
    assert (found.landings.done, found.landings.at_least, found.landings.standing) == (25, True, Standing.CANNOT_SAY)
    assert "landings in band: at least 25 of 50" in found.reason
    blind = week(dose(TUE, None), dose(THU, None, cannot_say="recorded at +-2 g: set the range to +-16 g"))
    assert (blind.landings.done, blind.landings.percent) == (None, None)
    assert blind.reason == "recorded at +-2 g: set the range to +-16 g; landings in band: not counted"
    enough = week(dose(TUE, 50, landings_at_least=True), dose(THU, None))
    assert enough.landings.standing is Standing.AS_PLANNED


def test_far_too_much_is_amber_and_red_is_worst():
    assert week(dose(TUE, 40), dose(THU, 40)).standing is Standing.OVER
    pain = Flag(rule="new-back-pain", severity="red", sentence="new or sudden back pain", source="")
    above = Flag(rule="above-ceiling", severity="amber", sentence="3 of 25 above", source="")
    assert week(dose(TUE, flags=(above,)), dose(THU)).standing is Standing.OVER
    assert week(dose(TUE, flags=(pain,))).standing is Standing.RED
    assert week(dose(TUE, flags=(pain,))).reason.startswith("new or sudden back pain; 1 of 2 sessions missed")


def test_a_week_without_prescribed_landings_has_no_target():
    found = week(dose(TUE, None), dose(THU, None), asked=WeekPrescription(sessions=2, landings=None, lift_sets=30))
    assert (found.standing, found.landings.prescribed, found.landings.percent) == (Standing.AS_PLANNED, None, None)


NOW = datetime(2026, 11, 20, 10, 0)


@pytest.mark.parametrize(
    ("ago", "rule"),
    [
        (timedelta(hours=47), "hours-between-sessions"),
        (timedelta(hours=47, minutes=29), "hours-between-sessions"),
        (timedelta(hours=47, minutes=30), None),  # 48 whole hours, as the source counts
        (timedelta(hours=47, minutes=55), None),
        (timedelta(hours=48), None),
        (timedelta(days=13, hours=23), None),
        (timedelta(days=14), "break-one-stage-back"),
        (timedelta(days=28), "break-ramp-again"),
    ],
)
def test_time_since_the_last_session(ago, rule):
    found = protocol.history_flags(NOW, NOW - ago, rules=RULES)
    assert [flag.rule for flag in found] == ([rule] if rule else [])


def test_no_earlier_session_flags_nothing_and_rules_can_be_off():
    assert protocol.history_flags(NOW, None, rules=RULES) == ()
    soon = NOW - timedelta(hours=3)
    assert protocol.history_flags(NOW, soon, rules=without("hours-between-sessions", value=None, on=False)) == ()
    assert (
        "3 h since the last high session began, 48 h asked"
        in protocol.history_flags(NOW, soon, rules=RULES)[0].sentence
    )


@given(minutes=st.integers(0, 13 * 24 * 60), asked=st.sampled_from([24.0, 36.5, 48.0, 72.0]))
def test_what_is_too_soon_never_reads_as_what_was_asked(minutes, asked):
    found = protocol.history_flags(
        NOW, NOW - timedelta(minutes=minutes), rules=without("hours-between-sessions", value=asked, on=True)
    )
    for flag in found:
        told, wanted = re.findall(r"([\d.]+) h ", flag.sentence)
        assert float(told) < float(wanted)
    assert bool(found) == (math.floor(minutes / 60 + 0.5) < asked)


def step(load=40.0, height=10.0, count=25):
    return Step(loads_kg={"back_squat": load}, drop_height_cm=height, landings=count)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (step(), []),
        (step(load=42.0), []),
        (step(load=35.0), []),
        (step(load=42.5), ["back squat rose by 2.5 kg in a week, 2 kg at most"]),
        (step(height=15.0), []),
        (step(count=26), []),
        (step(count=30), ["landings rose from 25 to 30 in a week, 5 % at most"]),
        (step(load=42.0, height=15.0), ["load and height rose in one week: one at a time"]),
        (Step(loads_kg={"deadlift": 80.0}), []),
    ],
)
def test_one_step_a_week(after, words):
    assert [flag.sentence for flag in protocol.step_flags(step(), after, rules=RULES)] == words
    assert protocol.step_flags(step(), after, rules=without("one-step-a-week")) == ()


def test_heavy_loads_rise_by_one_plate_at_most():
    assert protocol.largest_step_kg(100.0, percent=5.0, plate_kg=2.5) == 2.5
    assert protocol.largest_step_kg(100.0, percent=5.0, plate_kg=None) == 5.0


# --- progression -----------------------------------------------------------------------------------------------------

MAX_RPE = dict(HIRIT.max_rpe)


def squat(day=TUE, *, met=True, load=40.0, rpe=15.0, scale="borg", **more):
    return ExerciseSession(day=day, met=met, load_kg=load, rpe=rpe, rpe_scale=scale, **more)


def suggested(*sessions, exercise="back_squat", **more):
    return protocol.suggest(exercise, sessions, max_rpe=MAX_RPE, rules=RULES, **more)


def test_two_good_sessions_suggest_one_step():
    found = suggested(squat(TUE, rpe=15.0), squat(THU, rpe=16.0))
    assert (found.action, found.change, found.rule) == ("step up", "+2 kg (5 %)", "progress-sessions")
    assert found.sentence == (
        "back_squat: STEP UP +2 kg (5 %) - 2 sessions at target, exertion 15, 16 (borg), no flag "
        "(rule progress-sessions)"
    )


ABOVE = Flag(rule="above-ceiling", severity="amber", sentence="3 of 25 landings above her ceiling", source="")
PAIN = Flag(rule="new-back-pain", severity="red", sentence="new or sudden back pain", source="")


@pytest.mark.parametrize(
    ("sessions", "action", "reason"),
    [
        ((squat(),), "hold", "1 of 2 sessions known"),
        ((squat(), squat(met=False)), "hold", "1 of the last 2 sessions not at target"),
        ((squat(), squat(met=None)), "hold", "1 of the last 2 sessions could not be judged"),
        ((squat(), squat(rpe=17.0)), "hold", "exertion 17 (borg), 16 at most"),
        ((squat(), squat(THU, rpe=None)), "hold", "no exertion on 2026-11-19"),
        ((squat(), squat(THU, scale=None)), "hold", "no exertion on 2026-11-19"),
        ((squat(), squat(rpe=8.0, scale="0-10")), "hold", "exertion 8 (0-10), 7 at most"),
        ((squat(), squat(flags=(ABOVE,))), "hold", "3 of 25 landings above her ceiling"),
        ((squat(), squat(flags=(PAIN,))), "back off", "new or sudden back pain"),
        ((squat(load=None), squat(load=None)), "hold", "no load was entered"),
        ((squat(met=False), squat(), squat()), "step up", "2 sessions at target"),
    ],
)
def test_what_speaks_for_and_against_a_step(sessions, action, reason):
    found = suggested(*sessions)
    assert (found.action, found.data[0]) == (action, reason)


def test_landings_go_up_by_one_height_and_one_variable_at_a_time():
    good = [squat(load=None), squat(load=None)]
    assert suggested(*good, exercise="landings").change == "+1 drop height"
    held = suggested(*good, exercise="landings", raised_this_week="load")
    assert (held.action, held.data) == ("hold", ("load goes up this week: one at a time",))
    assert suggested(squat(), squat(), raised_this_week="load").action == "step up"


def test_progression_that_is_off_says_not_set():
    found = protocol.suggest("x", [], max_rpe=MAX_RPE, rules=without("progress-sessions"))
    assert (found.action, found.data) == ("hold", ("not set",))


@given(flags=st.lists(st.sampled_from([ABOVE, PAIN]), min_size=1), rpe=st.floats(6, 20))
def test_a_flag_never_leads_upwards(flags, rpe):
    assert suggested(squat(), squat(rpe=rpe, flags=tuple(flags))).action != "step up"


def test_change_is_said_only_beyond_noise():
    values = [2.0, 2.2, 1.8, 2.1, 1.9]
    detectable = protocol.minimum_detectable_change(values, rules=RULES)
    assert detectable == pytest.approx(1.96 * 2**0.5 * 0.15811388)
    assert protocol.minimum_detectable_change(values[:4], rules=RULES) is None
    assert protocol.change_word(2.0, 2.4, detectable) is None
    assert protocol.change_word(2.0, 2.5, detectable) == "up"
    assert protocol.change_word(2.0, 1.5, detectable) == "down"
    assert protocol.change_word(2.0, 9.0, None) is None
