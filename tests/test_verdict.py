"""The truth table of the verdict, its two cases, and what it may never do."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.criteria import LandingTarget
from loadsense.errors import OptionError
from loadsense.events import Landing, LandingCandidate, LoadingRates, Status, Takeoff
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import PrescriptionRow, VerdictStatus
from loadsense.samples import Gap
from loadsense.verdict import (
    Observation,
    applied_criterion,
    grade_landing,
    judge,
    landings_in_gaps,
    landings_needed,
    likely_range_g,
    rate_doubt,
)

CRITERIA = evidence.grading()
REACHED, NOT_REACHED, CANNOT_SAY = VerdictStatus.REACHED, VerdictStatus.NOT_REACHED, VerdictStatus.CANNOT_SAY
ORDER = [NOT_REACHED, CANNOT_SAY, REACHED]
GRADED = [p for p in Placement if CAPABILITIES[p].grades_landings]
UNGRADED = [p for p in Placement if not CAPABILITIES[p].grades_landings]


def landing(peak_net_g, *, rate=50.0, clipped=False, at=1000):
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
        peak_g=peak_net_g + 1.0,
        peak_net_g=peak_net_g,
        peak_vertical_g=None,
        peak_20hz_g=peak_net_g,
        loading_rates=LoadingRates(maximum_g_per_s=rate),
        time_to_peak_s=0.05,
        clipped=clipped,
    )


def landings(*peaks, **more):
    return tuple(landing(peak, at=1000 + 300 * i, **more) for i, peak in enumerate(peaks))


def seen(found=(), *, placement=Placement.HIP, rate_hz=100.0, range_g=16.0, **more):
    return Observation(
        landings=tuple(found),
        placement=placement,
        sampling_rate_hz=rate_hz,
        nominal_rate_hz=rate_hz,
        measured_rate_hz=rate_hz,
        cutoff_hz=min(85.0, 0.4 * rate_hz),
        range_g=range_g,
        **more,
    )


def by_evidence(n=25):
    return LandingTarget(basis="evidence", landings=n)


def prescribed(n=25, low=None, ceiling=None, **more):
    return LandingTarget(basis="prescribed", landings=n, min_net_g=low, ceiling_net_g=ceiling, **more)


def verdict(observation, target, profile="hip-high-rate", **more):
    return judge(observation, target, profile=evidence.profile(profile), criteria=CRITERIA, **more)


GAP = (Gap(first_sample=2000, n_missing=1000),)  # 10 s at 100 Hz: up to 20 landings

TRUTH_TABLE = [
    # what, landings (net g), clipped ones, gaps, range, target, status, at least
    ("h = T", [4.5] * 25, [], (), 16.0, 25, REACHED, False),
    ("h > T", [4.5] * 30, [], (), 16.0, 25, REACHED, False),
    ("24 of 25 is within counting error", [4.5] * 24, [], (), 16.0, 25, REACHED, False),
    ("23 of 25 is within counting error", [4.5] * 23, [], (), 16.0, 25, REACHED, False),
    ("22 of 25 is not", [4.5] * 22, [], (), 16.0, 25, NOT_REACHED, False),
    ("h = T with gaps", [4.5] * 25, [], GAP, 16.0, 25, REACHED, True),
    ("h = T with a clipped one below", [4.5] * 25, [3.0], (), 8.0, 25, REACHED, True),
    ("a clipped one above the level counts", [4.5] * 22, [6.0], (), 8.0, 25, REACHED, False),
    ("all gentle", [2.0] * 25, [], (), 16.0, 25, NOT_REACHED, False),
    ("h + c + m < T", [4.5] * 2, [3.0] * 3, (Gap(2000, 40),), 8.0, 25, NOT_REACHED, True),
    ("clipped ones could reach it", [4.5] * 15, [3.0] * 10, (), 4.95, 25, CANNOT_SAY, True),
    ("gaps could reach it", [4.5] * 15, [], GAP, 16.0, 25, CANNOT_SAY, True),
    ("borderline ones could reach it", [4.5] * 20, [], (), 16.0, 25, NOT_REACHED, False),
    ("a gap far away hides nothing", [4.5] * 15, [], (Gap(90_000, 1000),), 16.0, 25, NOT_REACHED, False),
    ("range at the level", [2.0] * 25, [], (), 4.9, 25, CANNOT_SAY, False),
    ("range below the level", [1.0] * 25, [], (), 2.0, 25, CANNOT_SAY, False),
    ("range too small, yet reached over two axes", [4.5] * 25, [], (), 4.0, 25, REACHED, False),
    ("no landing, nobody confirmed", [], [], (), 16.0, 25, CANNOT_SAY, False),
]


@pytest.mark.parametrize(
    ("peaks", "clipped", "gaps", "range_g", "n", "status", "at_least"),
    [row[1:] for row in TRUTH_TABLE],
    ids=[row[0] for row in TRUTH_TABLE],
)
@pytest.mark.parametrize("placement", GRADED)
def test_truth_table_of_the_evidence_basis(placement, peaks, clipped, gaps, range_g, n, status, at_least):
    found = [landing(p, at=1000 + 10 * i) for i, p in enumerate(peaks)]
    found += [landing(p, at=1900 + i, clipped=True) for i, p in enumerate(clipped)]
    answer = verdict(seen(found, placement=placement, gaps=gaps, range_g=range_g), by_evidence(n))
    assert answer.status is status
    assert answer.at_least is at_least
    assert (answer.to_do is not None) == (status is CANNOT_SAY)


def test_borderline_landings_turn_a_count_into_cannot_say():
    found = landings(*[4.5] * 18, *[3.85] * 7)
    answer = verdict(seen(found), by_evidence())
    assert answer.status is CANNOT_SAY
    assert (answer.borderline_n, answer.reached_if_best, answer.reached_if_worst) == (7, True, False)
    assert answer.reasons[0] == "7 landings within the error of a level"


def test_confirmed_block_without_landings_is_not_reached():
    assert verdict(seen(block_confirmed=True), by_evidence()).status is NOT_REACHED
    unconfirmed = verdict(seen(), by_evidence())
    assert unconfirmed.to_do == "confirm that the landing block took place with the sensor worn"
    assert unconfirmed.status is CANNOT_SAY


def test_small_range_says_what_to_set():
    answer = verdict(seen(landings(*[1.0] * 25), range_g=2.0), by_evidence())
    assert answer.to_do == "set the range to +-16 g"
    assert answer.judged == "recorded at +-2 g, too little to see 3.9 g net: set the range to +-16 g"


@pytest.mark.parametrize(
    ("largest", "range_g", "status"),
    [
        (2.0, 2.0, CANNOT_SAY),
        (1.97, 2.0, CANNOT_SAY),
        (4.05, 4.0, CANNOT_SAY),
        (2.5, None, NOT_REACHED),
        (None, None, NOT_REACHED),
    ],
)
def test_a_range_that_nobody_stated_is_told_from_the_largest_sample(largest, range_g, status):
    observation = seen(landings(*[1.5] * 25), range_g=None, largest_axis_g=largest)
    answer = verdict(observation, by_evidence())
    assert (answer.status, likely_range_g(observation, CRITERIA)) == (status, range_g)
    assert answer.reasons[-1].startswith("nobody stated the range: ")
    assert likely_range_g(seen(range_g=8.0, largest_axis_g=2.0), CRITERIA) == 8.0


def test_at_a_likely_range_only_landings_that_reach_it_are_clipped():
    observation = seen(landings(*[2.0] * 15, *[7.5] * 10), range_g=None, largest_axis_g=8.0)
    answer = verdict(observation, prescribed(25, 1.0, 9.0))
    assert (answer.status, answer.achieved["clipped_in_doubt"]) == (CANNOT_SAY, 10)
    assert "10 landings clipped at +-8 g" in answer.reasons


def test_lifts_that_nobody_saw_are_not_counted_beside():
    row = PrescriptionRow(exercise="deadlift", prescribed="5 x 5", done=None, met=None, source="not observed")
    answer = verdict(seen(landings(*[2.0] * 25)), prescribed(locked="no screening is on file"), lifts=[row] * 3)
    assert "lifting" not in answer.judged


@pytest.mark.parametrize("placement", UNGRADED)
@pytest.mark.parametrize("target", [by_evidence(), prescribed(), prescribed(low=0.5, ceiling=3.0)])
def test_other_placements_never_grade_a_landing(placement, target):
    observation = seen(landings(*[8.0] * 40, rate=400.0), placement=placement, rate_hz=400.0)
    answer = verdict(observation, target)
    assert answer.status is CANNOT_SAY
    assert answer.achieved["counted"] is None
    assert answer.evidence_line is None
    profile = evidence.profile()
    assert grade_landing(observation.landings[0], observation, profile=profile, criteria=CRITERIA) == (None, None)


def test_wrist_says_about_how_many_and_how_the_lifts_went():
    rows = [
        PrescriptionRow(exercise="deadlift", prescribed="5 x 5", done="5 x 5", met=True, source="wrist sensor"),
        PrescriptionRow(exercise="back_squat", prescribed="5 x 5", done="4 x 5", met=False, source="wrist sensor"),
    ]
    answer = verdict(seen(landings(*[3.0] * 12), placement=Placement.WRIST), prescribed(), lifts=rows)
    assert answer.judged == (
        "about 12 jumps, experimental; landings are not graded at the wrist: "
        "wear a sensor at the hip or waist; lifting: 1 of 2 rows met"
    )


def test_undeclared_placement_asks_for_it():
    answer = verdict(seen(landings(*[4.5] * 25), placement=Placement.UNKNOWN), by_evidence())
    assert answer.to_do == "say so with --placement"


def test_gentle_beginner_is_told_what_was_planned_and_not_to_land_harder():
    peaks = [1.0 + 0.06 * i for i in range(24)] + [2.6]
    answer = verdict(seen(landings(*peaks)), prescribed(25, 0.5, 3.0, plan="hirit", stage="stage-1"))
    assert answer.sentence == "VERDICT REACHED - 25 of 25 landings as planned; hip, 100 Hz"
    assert answer.evidence_line == (
        "none passed 3.9 g, a level studied in women aged 35-40; at this stage that is expected. "
        "Do not land harder to change this number."
    )
    told = " ".join([answer.judged, *answer.reasons, answer.evidence_line])
    assert "not reached" not in told.lower()


def test_prescribed_count_shows_the_surplus_apart():
    answer = verdict(seen(landings(*[2.0] * 29)), prescribed())
    assert answer.judged == "25 of 25 landings as planned (+4 extra); hip, 100 Hz"


def test_landings_above_the_ceiling_do_not_count():
    answer = verdict(seen(landings(*[2.0] * 20, *[5.0] * 10)), prescribed(25, 0.5, 3.0))
    assert answer.status is NOT_REACHED
    assert answer.reasons == ("10 landings above her ceiling of 3 g net",)
    assert answer.judged == "20 of 25 landings as planned, 10 above her ceiling of 3 g net; hip, 100 Hz"


@pytest.mark.parametrize("number", [0, -3])
@pytest.mark.parametrize("asked", [by_evidence, prescribed])
def test_a_target_that_no_session_could_miss_is_refused(asked, number):
    with pytest.raises(OptionError, match=f"^{number} landings are asked for; expected 1 or more: correct --target"):
        verdict(seen(landings(4.5)), asked(number))


def test_landings_below_her_band_do_not_count():
    answer = verdict(seen(landings(*[0.2] * 25)), prescribed(25, 0.5, 3.0))
    assert (answer.status, answer.reasons) == (NOT_REACHED, ("25 landings below 0.5 g net",))


def test_clipped_landing_may_lie_above_the_ceiling():
    answer = verdict(seen(landings(*[2.9] * 25, clipped=True), range_g=4.0), prescribed(25, 0.5, 3.2))
    assert answer.status is CANNOT_SAY
    assert answer.to_do == "set the range to +-16 g"


def test_strong_landings_beside_a_plan_are_told_without_praise():
    answer = verdict(seen(landings(*[4.5] * 25)), prescribed())
    assert answer.evidence_line.startswith("25 of 25 passed 3.9 g, a level studied in women aged 35-40")
    assert answer.evidence_line.endswith("Do not land harder to change this number.")


def test_evidence_beside_a_plan_knows_what_the_range_hides():
    answer = verdict(seen(landings(*[1.5] * 25), range_g=4.0), prescribed())
    assert (answer.status, "could not be seen" in answer.evidence_line) == (REACHED, True)


def test_target_above_the_ceiling_is_refused():
    with pytest.raises(OptionError, match=r"asks for at least 3.5 g net and its ceiling is 3 g net"):
        verdict(seen(), prescribed(25, 3.5, 3.0))


def test_evidence_levels_are_no_target_above_her_ceiling():
    target = LandingTarget(basis="evidence", landings=25, ceiling_net_g=3.0)
    answer = verdict(seen(landings(*[4.5] * 25)), target)
    assert (answer.status, answer.to_do) == (CANNOT_SAY, "name her plan, or her own target")


def test_locked_plan_is_analysed_and_not_graded():
    answer = verdict(seen(landings(*[2.0] * 25)), prescribed(locked="screening is not complete"))
    assert answer.status is CANNOT_SAY
    assert answer.judged == (
        "25 landings seen and not graded, as screening is not complete: "
        "complete the screening, or have it cleared by name"
    )


@pytest.mark.parametrize(("rate_hz", "judged"), [(25.0, False), (47.0, False), (49.5, True), (50.0, True)])
@pytest.mark.parametrize("target", [by_evidence(), prescribed()])
def test_slow_recordings_are_not_judged(rate_hz, judged, target):
    answer = verdict(seen(landings(*[4.5] * 25), rate_hz=rate_hz), target)
    assert answer.status is (REACHED if judged else CANNOT_SAY)
    assert answer.to_do == (None if judged else "record at 100 Hz or faster")


def test_no_number_set_asks_for_one():
    answer = verdict(seen(landings(2.0)), prescribed(None, ceiling=3.0))
    assert (answer.status, answer.to_do) == (CANNOT_SAY, "name a plan, or give --target-landings")


@pytest.mark.parametrize("name", ["older-adult-waist", "uk-biobank-wrist"])
def test_reporting_profiles_judge_nothing(name):
    answer = verdict(seen(landings(*[4.5] * 30)), by_evidence(), profile=name)
    assert answer.status is CANNOT_SAY
    assert f"profile {name} reports and judges no session" in answer.reasons


def test_adolescents_are_compared_with_their_own_level():
    found = landings(*[4.05] * 25)
    assert verdict(seen(found), by_evidence()).status is REACHED
    assert verdict(seen(found), by_evidence(), profile="adolescent-hip").status is NOT_REACHED


# --- loading rate -----------------------------------------------------------------------------------------------


def test_rate_alone_reaches_the_default_profile_at_200_hz_and_not_at_100():
    found = landings(*[2.0] * 25, rate=150.0)
    fast, slow = verdict(seen(found, rate_hz=200.0), by_evidence()), verdict(seen(found), by_evidence())
    assert (fast.status, fast.criterion) == (REACHED, "either")
    assert (slow.status, slow.criterion) == (NOT_REACHED, "magnitude")
    assert "judged by magnitude alone: loading rate not graded at 100 Hz (needs 200 Hz)" in slow.reasons


@pytest.mark.parametrize(
    ("nominal", "measured", "cutoff", "doubt"),
    [
        (200.0, 199.2, 80.0, None),
        (200.0, 190.0, 80.0, None),
        (200.0, 189.0, 80.0, "measured 189.0 Hz"),
        (199.0, 199.0, 80.0, "at 199 Hz"),
        (200.0, 200.0, 70.0, "low-pass at 70 Hz"),
        (None, 195.0, 78.0, None),
        (None, 180.0, 72.0, "not graded"),
    ],
)
def test_rate_is_graded_only_where_it_can_be_seen(nominal, measured, cutoff, doubt):
    observation = Observation(
        landings=(),
        placement=Placement.HIP,
        sampling_rate_hz=nominal or measured,
        nominal_rate_hz=nominal,
        measured_rate_hz=measured,
        cutoff_hz=cutoff,
    )
    found = rate_doubt(observation, CRITERIA)
    assert (found is None) if doubt is None else (doubt in found)


def test_clipped_landing_keeps_its_rate_only_at_full_range():
    profile = evidence.profile()
    hard = landing(5.0, rate=150.0, clipped=True)
    for range_g, graded in ((16.0, True), (8.0, None), (None, None)):
        observation = seen((hard,), rate_hz=200.0, range_g=range_g)
        assert grade_landing(hard, observation, profile=profile, criteria=CRITERIA) == (True, graded)


def test_grades_of_single_landings():
    profile, observation = evidence.profile(), seen(rate_hz=200.0)

    def grade(*args, **more):
        return grade_landing(landing(*args, **more), observation, profile=profile, criteria=CRITERIA)

    assert grade(4.0, rate=100.5) == (True, True)
    assert grade(3.9, rate=100.0) == (False, False)
    assert grade(3.0, rate=None) == (False, None)
    assert grade(3.0, rate=90.0, clipped=True) == (None, None)
    no_rate = evidence.profile("premenopausal-hip")
    assert grade_landing(landing(4.0), observation, profile=no_rate, criteria=CRITERIA) == (True, None)


@pytest.mark.parametrize(("criterion", "status"), [("rate", CANNOT_SAY), ("both", CANNOT_SAY)])
def test_rate_that_cannot_be_graded_leaves_the_answer_open(criterion, status):
    profile = replace(evidence.profile(), criterion=criterion)
    observation = seen(landings(*[4.5] * 25, rate=150.0))
    answer = judge(observation, by_evidence(), profile=profile, criteria=CRITERIA)
    assert (answer.status, answer.to_do) == (status, "record at 200 Hz")
    weak = judge(seen(landings(*[2.0] * 25)), by_evidence(), profile=profile, criteria=CRITERIA)
    assert weak.status is (CANNOT_SAY if criterion == "rate" else NOT_REACHED)
    assert applied_criterion(observation, profile, CRITERIA) == criterion


def test_both_wants_both():
    profile = replace(evidence.profile(), criterion="both")
    strong, soft = landings(*[4.5] * 25, rate=150.0), landings(*[4.5] * 25, rate=50.0)
    judged = [judge(seen(x, rate_hz=200.0), by_evidence(), profile=profile, criteria=CRITERIA) for x in (strong, soft)]
    assert [answer.status for answer in judged] == [REACHED, NOT_REACHED]
    assert "3.9 g net and 100 g/s" in judged[0].judged


# --- gaps, tolerance, lifting only --------------------------------------------------------------------------------


def test_without_a_plan_the_level_is_said_to_be_nobodys_goal():
    answer = verdict(seen(landings(*[1.5] * 25)), by_evidence())
    assert answer.evidence_line == (
        "3.9 g is a level studied in women aged 35-40, and nobody's goal: do not land harder to change this number. "
        "A plan sets her own target (--plan, --person)."
    )


@pytest.mark.parametrize(
    ("locked", "to_do"),
    [
        ("no screening is on file", "complete the screening, or have it cleared by name"),
        ("the review of the screening was due on 2026-01-02", "screen again"),
        ("the screening of 2024-01-02 is older than 12 months", "screen again"),
        ("landings are locked after a vertebral fracture: a clinician may unlock them", "ask the clinician"),
    ],
)
def test_a_lock_says_what_opens_it_and_nothing_of_levels(locked, to_do):
    answer = verdict(seen(landings(*[2.0] * 25)), replace(prescribed(), locked=locked))
    assert (answer.status, answer.to_do, answer.evidence_line) == (CANNOT_SAY, to_do, None)


def test_gaps_hide_landings_only_near_the_block():
    found = landings(2.0, 2.0)  # at 1000 and 1300: block from -5000 to 7300 at 100 Hz
    inside, outside = Gap(first_sample=7200, n_missing=140), Gap(first_sample=7400, n_missing=140)
    assert landings_in_gaps(seen(found, gaps=(inside, outside)), CRITERIA) == 3  # 1.4 s at 2 a second
    assert landings_in_gaps(seen((), gaps=(inside, outside)), CRITERIA) == 6
    assert landings_in_gaps(seen(found, gaps=(Gap(first_sample=1100, n_missing=0),)), CRITERIA) == 0


@pytest.mark.parametrize(("asked", "needed"), [(25, 23), (10, 9), (5, 5), (1, 1), (20, 18), (70, 63), (None, None)])
def test_tolerance_rounds_to_whole_landings(asked, needed):
    assert landings_needed(prescribed(asked), CRITERIA) == needed


def test_plan_without_landings_is_judged_by_its_lifts():
    def row(met, reason=""):
        return PrescriptionRow(
            exercise="deadlift", prescribed="5 x 5", done="5 x 5", met=met, source="coach", reason=reason
        )

    target = prescribed(None)
    met, missed = [row(True)] * 3, [row(True), row(False)]
    unknown = [row(True), row(None, "no load given")]
    answers = [verdict(seen(placement=Placement.WRIST), target, lifts=rows) for rows in (met, missed, unknown)]
    assert [answer.status for answer in answers] == [REACHED, NOT_REACHED, CANNOT_SAY]
    assert answers[0].judged == "3 of 3 lifting rows as planned"
    assert answers[2].reasons == ("deadlift: no load given",)
    locked = verdict(seen(), prescribed(None, locked="screening is not complete"), lifts=met)
    assert locked.status is CANNOT_SAY


# --- properties ----------------------------------------------------------------------------------------------------

peaks = st.floats(0.0, 12.0)
one_landing = st.builds(
    landing,
    peaks,
    rate=st.none() | st.floats(5.0, 400.0),
    clipped=st.booleans(),
    at=st.integers(1000, 50_000),
)
observations = st.builds(
    seen,
    st.lists(one_landing, max_size=12),
    placement=st.sampled_from(list(Placement)),
    rate_hz=st.sampled_from([25.0, 50.0, 100.0, 200.0, 400.0]),
    range_g=st.sampled_from([None, 2.0, 4.0, 8.0, 16.0]),
    gaps=st.lists(st.builds(Gap, st.integers(0, 60_000), st.integers(0, 500)), max_size=3).map(tuple),
    block_confirmed=st.booleans(),
)
bands = st.tuples(st.none() | st.floats(0.0, 3.0), st.none() | st.floats(3.0, 8.0))
targets = st.builds(by_evidence, st.integers(1, 12)) | st.builds(
    lambda n, band: prescribed(n, *band), st.integers(1, 12), bands
)


@given(observation=observations, target=targets)
@settings(max_examples=300, deadline=None)
def test_reached_is_never_said_in_doubt(observation, target):
    answer = verdict(observation, target)
    assert answer.reached_if_best or not answer.reached_if_worst
    assert (answer.status is REACHED) == answer.reached_if_worst
    assert (answer.status is NOT_REACHED) == (not answer.reached_if_best)
    if not CAPABILITIES[observation.placement].grades_landings:
        assert answer.status is CANNOT_SAY
    if answer.status is REACHED:
        assert answer.achieved["counted_at_worst"] >= math.ceil(0.9 * target.landings - 1e-9)
    assert (answer.to_do is None) == (answer.status is not CANNOT_SAY)


@given(observation=observations, target=targets, extra=st.integers(1000, 50_000))
@settings(max_examples=300, deadline=None)
def test_one_more_good_landing_never_makes_it_worse(observation, target, extra):
    before = verdict(observation, target)
    if not observation.landings:
        return  # a first landing shows that there was a block, and where: CANNOT SAY may become NOT REACHED
    low, high = target.min_net_g or 0.0, target.ceiling_net_g or 12.0
    good = landing(11.0 if target.basis == "evidence" else (low + high) / 2, at=extra)
    after = verdict(replace(observation, landings=(*observation.landings, good)), target)
    assert ORDER.index(after.status) >= ORDER.index(before.status)


@given(observation=observations, target=targets, low=st.floats(0.0, 0.5), high=st.floats(0.5, 2.0))
@settings(max_examples=200, deadline=None)
def test_knowing_less_never_decides_more(observation, target, low, high):
    profile = evidence.profile()
    sharp = judge(observation, target, profile=profile, criteria=replace(CRITERIA, peak_error_g=low))
    dull = judge(observation, target, profile=profile, criteria=replace(CRITERIA, peak_error_g=high))
    assert dull.status in (sharp.status, CANNOT_SAY)


@given(found=st.lists(peaks, min_size=1, max_size=30), n=st.integers(1, 30))
def test_harder_is_never_better_under_a_ceiling(found, n):
    target = prescribed(n, 0.0, 3.0)
    soft = verdict(seen(landings(*found)), target)
    hard = verdict(seen(landings(*[peak + 5.0 for peak in found])), target)
    assert ORDER.index(hard.status) <= ORDER.index(soft.status)
    assert hard.status is NOT_REACHED
