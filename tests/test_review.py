"""Facts into pages: local weeks against what was asked, who needs me, is it working, what next, and why."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense import evidence
from loadsense.protocol.dxa import density_changes
from loadsense.protocol.weeks import Standing
from loadsense.review import words
from loadsense.review.facts import (
    AskedFrom,
    DoneSession,
    DxaFacts,
    FlagFacts,
    GroupFacts,
    Marker,
    PersonFacts,
    RowFacts,
)
from loadsense.review.person import landing_trend, lock_of, person_page
from loadsense.review.planning import plan_page, raised_this_week
from loadsense.review.roster import roster_page, shown_monday
from loadsense.review.weeks import Limits, attendance, monday_of, next_session, week_of, weeks_of

MONDAY = date(2026, 11, 16)  # of week 47
TODAY = date(2026, 11, 23)  # the Monday after
GROUP = GroupFacts(id=1, name="Tue/Thu", weekdays=(1, 3), tz="Europe/Madrid")
LIMITS = Limits(tolerance=evidence.grading().target_tolerance, rules=evidence.rules())


def asked(stage="stage-2", from_day=date(2026, 9, 1), **changes):
    plan = evidence.plan("hirit")
    chosen = next(one for one in plan.stages if one.name == stage)
    made = AskedFrom(
        from_day=from_day,
        plan=plan,
        stage=chosen,
        sessions_per_week=2,
        landings=25,
        min_net_g=chosen.min_net_g,
        ceiling_net_g=chosen.ceiling_net_g,
    )
    return replace(made, **changes)


def session(day, *, landings=25, sets=15, flags=(), **changes):
    made = DoneSession(
        id=day.toordinal(),
        day=day,
        start=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        status="reached",
        judged="25 of 25 landings as planned",
        cannot_say="",
        landings_in_band=landings,
        landings_at_least=False,
        lift_sets_met=sets,
        lift_sets_at_least=False,
        placement="hip",
        flags=flags,
    )
    return replace(made, **changes)


def flag(severity="amber", *, day=MONDAY, **changes):
    made = FlagFacts(
        id=1,
        version=1,
        session_id=None,
        rule="new-back-pain" if severity == "red" else "above-ceiling",
        severity=severity,
        sentence="new back pain" if severity == "red" else "3 of 25 landings above the ceiling",
        source="convention [C]",
        raised_at=datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
    )
    return replace(made, **changes)


def person(name="p017", sessions=(), **changes):
    made = PersonFacts(id=name, group=GROUP, asked=(asked(),), sessions=tuple(sessions))
    last = max((one.day for one in sessions), default=None)
    return replace(made, last_day=last, **changes)


TUESDAY, THURSDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=3)


def roster(*people, monday=MONDAY, today=TODAY):
    return roster_page(people, monday=monday, today=today, limits=LIMITS)


# -- weeks


def test_a_week_as_planned():
    week = week_of(person(sessions=[session(TUESDAY), session(THURSDAY)]), MONDAY, today=TODAY, limits=LIMITS)
    assert week.label == "2026-W47"
    assert week.missed == ()
    assert week.status.standing is Standing.AS_PLANNED
    assert (week.status.landings.done, week.status.landings.prescribed) == (50, 50)
    assert (week.status.lifting.done, week.status.lifting.prescribed) == (30, 30)


def test_a_training_day_without_session_is_named_and_only_once_it_has_passed():
    trained = person(sessions=[session(TUESDAY)])
    assert week_of(trained, MONDAY, today=TODAY, limits=LIMITS).missed == ("Thursday",)
    assert week_of(trained, MONDAY, today=THURSDAY, limits=LIMITS).missed == ()


def test_a_session_on_another_day_stands_in_for_the_missed_one():
    saturday = MONDAY + timedelta(days=5)
    week = week_of(person(sessions=[session(TUESDAY), session(saturday)]), MONDAY, today=TODAY, limits=LIMITS)
    assert week.missed == ()
    assert week.status.sessions_done == 2


def test_nothing_is_missing_before_the_first_prescription():
    new = person(asked=(asked(from_day=TODAY),))
    week = week_of(new, MONDAY, today=TODAY, limits=LIMITS)
    assert week.status is None
    assert week.missed == ()


def test_the_prescription_of_monday_holds_for_the_week():
    changed = person(asked=(asked(), asked(from_day=THURSDAY, landings=40)), sessions=[session(THURSDAY)])
    assert week_of(changed, MONDAY, today=TODAY, limits=LIMITS).status.landings.prescribed == 50
    after = week_of(changed, TODAY, today=TODAY + timedelta(days=9), limits=LIMITS)
    assert after.status.landings.prescribed == 80


@given(days=st.lists(st.integers(0, 83), max_size=30), today=st.integers(0, 90))
def test_every_session_is_in_one_week_and_attendance_is_a_share(days, today):
    first = date(2026, 9, 7)
    sessions = [session(first + timedelta(days=day)) for day in sorted(days)]
    weeks = weeks_of(
        person(sessions=sessions),
        first=first,
        last=first + timedelta(days=83),
        today=first + timedelta(days=today),
        limits=LIMITS,
    )
    assert [one for week in weeks for one in week.sessions] == sessions
    found = attendance(weeks)
    assert 0 <= found.attended <= found.offered
    assert found.percent is None or 0.0 <= found.percent <= 100.0


def test_extra_sessions_of_one_week_do_not_make_up_for_another():
    busy = [session(MONDAY + timedelta(days=day)) for day in (0, 1, 3, 5)]
    weeks = weeks_of(person(sessions=busy), first=MONDAY - timedelta(days=7), last=MONDAY, today=TODAY, limits=LIMITS)
    assert (attendance(weeks).attended, attendance(weeks).offered) == (2, 4)


def test_the_next_session_keeps_the_hours_between():
    monday_session = person(sessions=[session(TODAY)])
    assert next_session(monday_session, asked(), today=TODAY) == TODAY + timedelta(days=3)  # Tuesday is too soon
    rested = person(sessions=[session(THURSDAY)])
    assert next_session(rested, asked(), today=TODAY) == TODAY + timedelta(days=1)
    assert next_session(replace(rested, group=None), asked(), today=TODAY) is None
    any_time = asked(plan=replace(evidence.plan("hirit"), min_hours_between=None))
    today_trained = person(sessions=[session(TUESDAY)])
    assert next_session(today_trained, any_time, today=TUESDAY) == THURSDAY  # she has trained on Tuesday


# -- roster


def test_the_story_of_the_weekly_review():
    """PRODUCT: Monday, three people, who needs me first."""
    p017 = person("p017", [session(TUESDAY, landings=27), session(THURSDAY, landings=27)])
    p021 = person("p021", [session(TUESDAY, sets=6)])
    small = session(
        TUESDAY, status="cannot_say", landings=None, cannot_say="recorded at +-2 g: set the range to +-16 g"
    )
    p030 = person("p030", [small, replace(small, id=2, day=THURSDAY)])
    page = roster(p017, p021, p030)
    assert [line.person_id for line in page.lines] == ["p021", "p030", "p017"]
    missed, unknown, fine = page.lines
    assert missed.sessions == "1 of 2"
    assert missed.landings.words == "25/50"
    assert missed.landings.percent == 50.0
    assert missed.lifting.words == "6/30"
    assert missed.reason.startswith("missed Thursday; last session 6 days ago")
    assert "1 of 2 sessions missed" not in missed.reason
    assert (unknown.word, unknown.landings.words) == ("cannot say", "–")
    assert unknown.reason.count("+-16 g") == 1
    assert (fine.landings.words, fine.reason, fine.word) == ("50/50 +4", "", "as planned")
    assert page.answer == "2 of 3 need you: p021, p030."


def test_an_open_red_flag_comes_first_whatever_the_week():
    hurt = person("p040", [session(TUESDAY), session(THURSDAY)], flags=(flag("red", day=date(2026, 10, 1)),))
    page = roster(person("p021", [session(TUESDAY)]), hurt)
    assert page.lines[0].person_id == "p040"
    assert page.lines[0].reason == "new back pain"
    cleared = replace(hurt, flags=(flag("red", cleared_by="a clinician", cleared_on=MONDAY),))
    assert roster(cleared).lines[0].standing is Standing.AS_PLANNED


def test_a_lower_bound_is_said_to_be_one():
    lossy = person(sessions=[session(TUESDAY, landings=20, landings_at_least=True), session(THURSDAY)])
    assert roster(lossy).lines[0].landings.words == "at least 45/50"


def test_people_without_a_plan_are_told_what_to_do_and_not_blamed():
    line = roster(person(asked=())).lines[0]
    assert (line.word, line.reason) == ("no plan", "no plan yet: write one on her plan page")
    assert line.landings.words == "–"
    assert line.last_days is None


def test_a_week_is_spoken_of_in_its_tense():
    """Nothing is "yet" in a week that is over, and what came after it is not told in it."""
    nobody = person()
    assert roster(nobody).lines[0].landings.reason == "no session"
    assert roster(nobody, monday=TODAY, today=TODAY).lines[0].landings.reason == "no session yet"
    unasked = person(asked=(asked(landings=None),))
    assert roster(unasked).lines[0].landings.reason == "no landings were asked of her"
    assert roster(unasked, monday=TODAY).lines[0].landings.reason == "no landings are asked of her"
    later = person(sessions=[session(TUESDAY), session(TODAY)])
    assert roster(later).lines[0].reason == "missed Thursday; landings in band: 25 of 50; lifting sets: 15 of 30"
    back = person(sessions=[session(TODAY + timedelta(days=3))])
    assert roster(back, monday=TODAY, today=TODAY + timedelta(days=3)).lines[0].reason == (
        "missed Tuesday; last session today"
    )


def test_a_plan_of_another_week_is_not_asked_for_again():
    begins = person(asked=(asked(from_day=TODAY + timedelta(days=2)),))
    assert roster(begins, monday=TODAY).lines[0].reason == (
        "her plan holds from Wed 25 Nov 2026; weeks are judged from the first whole one"
    )
    assert roster(begins).lines[0].reason == "no plan held in that week"


def test_the_answer_of_the_roster_says_no_more_than_its_lines():
    fine, missing = [session(TUESDAY), session(THURSDAY)], person("p021")
    over = person("p030", [session(TUESDAY, landings=40), session(THURSDAY, landings=40)])
    early = replace(fine[1], flags=(flag(sentence="24 h since the last high session began, 48 h asked"),))
    flagged = person("p040", [fine[0], early])
    before = MONDAY - timedelta(days=7)
    assert roster(person(sessions=fine), person("p021", fine)).answer == "Everybody was as planned."
    assert roster(person(), monday=TODAY).answer == "p017 is as planned so far."
    assert roster(person(sessions=fine), person("p050", asked=())).answer == "Nobody was behind; p050 had no plan."
    assert roster(over, flagged).answer == "Nobody was behind; look at p030, p040."
    assert [line.word for line in roster(over, flagged).lines] == ["above plan", "amber flag"]
    assert roster(missing).answer == "1 of 1 needs you: p021."
    assert roster(missing, monday=before).answer == "1 of 1 needed you: p021."


def test_landings_and_lifting_are_never_added():
    line = roster(person(sessions=[session(TUESDAY, sets=0), session(THURSDAY, sets=0)])).lines[0]
    assert line.landings.percent == 100.0
    assert line.lifting.percent == 0.0
    assert line.standing is Standing.UNDER


def test_the_roster_opens_with_the_week_that_can_be_judged():
    assert shown_monday([person()], today=TODAY) == MONDAY  # nobody was due this Monday
    assert shown_monday([person()], today=TODAY + timedelta(days=2)) == TODAY
    assert shown_monday([person(sessions=[session(TODAY)])], today=TODAY) == TODAY


# -- person


def test_a_week_without_session_is_missing_and_not_zero():
    page = person_page(person(sessions=[session(TUESDAY)]), today=TODAY, n_weeks=12, limits=LIMITS)
    assert len(page.landings) == len(page.lifting) == 12
    before, last, running = page.landings[9], page.landings[10], page.landings[11]
    assert (before.missing, before.done, before.words) == (True, None, "no session")
    assert (last.missing, last.done, last.target) == (False, 25, 50)
    assert (running.missing, running.words) == (False, "no session yet")


def test_best_lifts_stand_beside_the_latest_maximum():
    from loadsense.prescriptions import OneRepMax

    rows = (RowFacts(exercise="deadlift", met=True, load_kg=60.0), RowFacts(exercise="landings", met=True))
    maxima = tuple(
        OneRepMax(exercise="deadlift", kg=kg, measured_on=day, method="tested")
        for kg, day in ((70.0, date(2026, 11, 6)), (75.0, date(2026, 8, 1)))
    )
    shown = person_page(
        person(sessions=[session(TUESDAY, rows=rows)], one_rms=maxima), today=TODAY, n_weeks=12, limits=LIMITS
    )
    (lift,) = shown.lifts
    assert (lift.exercise, lift.points, lift.one_rm_kg) == ("deadlift", ((TUESDAY, 60.0),), 70.0)


def test_a_red_flag_locks_and_so_does_a_missing_screening():
    page = person_page(person(flags=(flag("red"),)), today=TODAY, n_weeks=12, limits=LIMITS)
    assert page.locked.startswith("locked since 2026-11-16 until a named clearance: new back pain")
    unscreened = person_page(person(), today=TODAY, n_weeks=12, limits=LIMITS)
    assert "screening" in unscreened.locked


def peaks(*values, placement="hip"):
    return [
        session(MONDAY + timedelta(days=i), median_peak_net_g=value, placement=placement)
        for i, value in enumerate(values)
    ]


def test_up_and_down_only_beyond_the_minimum_detectable_change():
    assert landing_trend(peaks(2.0, 2.2, 1.8, 2.1), limits=LIMITS).words == "–"
    assert landing_trend(peaks(2.0, 2.2, 1.8, 2.1, 1.9), limits=LIMITS).words == "no change beyond noise"
    steady = (2.0, 2.01, 1.99, 2.0, 2.01, 1.99, 2.0, 2.01, 1.99, 2.0, 2.0, 2.2)
    assert landing_trend(peaks(*steady), limits=LIMITS).words == "up"


def test_placements_are_never_mixed_in_a_trend():
    mixed = peaks(2.0, 2.0, 2.0, 2.0) + peaks(9.0, placement="ankle")
    assert landing_trend(mixed, limits=LIMITS).words == "–"


# -- bone density


def density(day, bmd, *, machine="A", least=0.02, site="femoral neck"):
    return DxaFacts(
        measured_on=day,
        site=site,
        bmd_g_per_cm2=bmd,
        t_score=None,
        machine=machine,
        centre="clinic",
        least_significant_change_g_per_cm2=least,
    )


@pytest.mark.parametrize(
    ("after", "words", "reason"),
    [
        (density(date(2026, 11, 1), 0.731), "up by 0.031 g/cm2", ""),
        (density(date(2026, 11, 1), 0.660), "down by 0.040 g/cm2", ""),
        (density(date(2026, 11, 1), 0.715), "no measurable change", "within the least significant change of 0.020"),
        (density(date(2026, 11, 1), 0.800, machine="B"), "no measurable change", "measured on different machines"),
        (density(date(2026, 2, 1), 0.800), "no measurable change", "12 weeks cannot show in a DXA"),
    ],
)
def test_a_change_of_bone_density_is_said_only_where_it_can_be(after, words, reason):
    (change,) = density_changes([after, density(date(2025, 11, 15), 0.700)], rules=evidence.rules())
    if "12 weeks" in reason:
        (change,) = density_changes([after, density(date(2025, 12, 1), 0.700)], rules=evidence.rules())
    assert change.words == words
    assert reason in change.reason


def test_without_a_least_significant_change_nothing_is_said():
    results = [density(date(2025, 1, 1), 0.7, least=None), density(date(2026, 1, 1), 0.9, least=None)]
    (change,) = density_changes(results, rules=evidence.rules())
    assert change.reason == "the least significant change of the machine is not known"


# -- plan


def at_target(day, *, rpe=15.0, flags=(), load_kg=40.0):
    rows = (RowFacts(exercise="back_squat", met=True, load_kg=load_kg), RowFacts(exercise="landings", met=True))
    return session(day, rpe=rpe, rpe_scale="borg", rows=rows, flags=flags)


def screened():
    from loadsense.evidence import load_person

    return load_person("sample_recordings/people/p017.toml").screening


def planned(**changes):
    sessions = changes.pop("sessions", [at_target(TUESDAY), at_target(THURSDAY, rpe=16.0)])
    return plan_page(person(sessions=sessions, screening=screened(), **changes), today=TODAY, limits=LIMITS)


def test_a_flag_of_the_night_stands_at_her_day():
    """23:48 UTC is the next day in Madrid: on the page, in the sentence of the lock, and on the letter."""
    red = flag("red", raised_at=datetime(2026, 11, 23, 23, 48, tzinfo=UTC))
    page = person_page(person(flags=(red,)), today=TODAY + timedelta(days=1), n_weeks=12, limits=LIMITS)
    assert page.locked.startswith("locked since 2026-11-24 until")
    assert words.day(page.flags[0].raised_at, page.tz) == "Tue 24 Nov 2026"
    alone = person(flags=(red,), group=None)
    assert lock_of(alone, today=TODAY, limits=LIMITS).startswith("locked since 2026-11-23 until")


def test_the_story_of_progression():
    """PRODUCT: squat 40 kg at Borg 15 to 16 suggests +2 kg (5 %); landings above the ceiling: hold."""
    suggestions = {one.exercise: one for one in planned().suggestions}
    assert suggestions["back_squat"].change == "+2 kg (5 %)"
    assert suggestions["back_squat"].rule == "progress-sessions"
    hot = planned(sessions=[at_target(TUESDAY), at_target(THURSDAY, flags=(flag(),))])
    landings = next(one for one in hot.suggestions if one.exercise == "landings")
    assert (landings.action, landings.data[0]) == ("hold", "3 of 25 landings above the ceiling")


def test_one_variable_at_a_time():
    raised = (asked(loads_kg={"back_squat": 40.0}), asked(from_day=TODAY, loads_kg={"back_squat": 42.0}))
    assert raised_this_week(person(asked=raised), today=TODAY) == "load"
    page = planned(asked=raised)
    landings = next(one for one in page.suggestions if one.exercise == "landings")
    assert landings.action == "hold"
    assert "load goes up this week: one at a time" in landings.data


def test_a_first_load_on_the_plan_goes_up_from_what_was_lifted():
    """A load that was never prescribed and was entered with sessions is raised by accepting a step of it."""
    raised = (asked(), asked(from_day=TODAY, loads_kg={"back_squat": 42.0}))
    page = planned(asked=raised)
    assert page.raised == "load"
    same = (asked(), asked(from_day=TODAY, loads_kg={"back_squat": 40.0}))
    assert planned(asked=same).raised is None


def test_a_locked_plan_suggests_nothing():
    page = planned(flags=(flag("red"),))
    assert page.suggestions == ()
    assert page.locked is not None


def test_the_ramp_shows_where_she_is():
    page = planned()
    assert [line.stage.name for line in page.stages if line.is_current] == ["stage-2"]
    assert planned(asked=()).stages == ()


def test_markers_are_kept_off_the_group_view():
    """Decision 16: a therapy is on her own page and nowhere else."""
    treated = person(sessions=[session(TUESDAY)], markers=(Marker(day=TUESDAY, words="therapy started"),))
    assert "therapy" not in repr(roster(treated))
    assert person_page(treated, today=TODAY, n_weeks=12, limits=LIMITS).markers == treated.markers


def test_monday_of_every_day_is_a_monday_within_a_week():
    for ahead in range(30):
        day = MONDAY + timedelta(days=ahead)
        assert monday_of(day).weekday() == 0
        assert 0 <= (day - monday_of(day)).days < 7
