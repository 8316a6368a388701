"""Paper: the clinician letter and the weekly report say what they must, nothing they must not, and fit."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

pytest.importorskip("sqlalchemy", reason="the dashboard is not installed (pip install 'loadsense[dashboard]')")

from loadsense import evidence
from loadsense.errors import OptionError, WorldError
from loadsense.letters import Typed, letter_html, letter_pdf, paper, week_html, week_pdf
from loadsense.prescriptions import OneRepMax, Screening
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
from loadsense.review.letter import letter_page, letter_span
from loadsense.review.letter_facts import Happened, LandedFacts, LetterFacts, PainFacts
from loadsense.review.roster import roster_page
from loadsense.review.weeks import Limits

MONDAY = date(2026, 8, 31)  # of the first of twelve weeks
TODAY = date(2026, 11, 23)  # the Monday after the last
MADE_AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
GROUP = GroupFacts(id=1, name="Tue/Thu", weekdays=(1, 3), tz="Europe/Madrid")
LIMITS = Limits(tolerance=evidence.grading().target_tolerance, rules=evidence.rules())
FILTER = "landings 40 Hz, impacts and forces 20 Hz (Butterworth order 4, zero phase), sampled at 100 Hz"
TYPED = Typed(
    patient="Ana Example",
    born="3 May 1958",
    patient_number="12-345",
    to="Dr B. Example, Bone Clinic",
    sender="C. Example",
    sender_role="exercise physiologist",
    contact="c@example.org",
)
#: A letter describes; these words judge, or belong to a number that has no cut-off.
FORBIDDEN = ("reached", "cannot say", "verdict", "index", "osteogenic", "score_log", "good", "bad", "better", "worse")

pdf_tools = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="poppler-utils is not installed (apt-get install poppler-utils)"
)


def needs_weasyprint():
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed (pip install 'loadsense[dashboard]')")


def asked(day, stage, loads=None):
    plan = evidence.plan("hirit")
    chosen = next(one for one in plan.stages if one.name == stage)
    return AskedFrom(
        from_day=day,
        plan=plan,
        stage=chosen,
        sessions_per_week=2,
        landings=chosen.landings,
        min_net_g=2.0 if chosen.landings else None,
        ceiling_net_g=4.5 if chosen.landings else None,
        loads_kg=loads or {},
    )


def session(day, n, **changes):
    made = DoneSession(
        id=n + 1,
        day=day,
        start=datetime(day.year, day.month, day.day, 16, tzinfo=UTC),
        status="reached",
        judged="25 of 25 landings as planned",
        cannot_say="",
        landings_in_band=22 + n % 4,
        landings_at_least=n == 9,
        lift_sets_met=15 - n % 3,
        lift_sets_at_least=False,
        median_peak_net_g=3.1,
        placement="hip",
        rpe=13 + n % 4,
        rpe_scale="borg",
        rows=(
            RowFacts(exercise="deadlift", met=True, load_kg=40.0 + 2.5 * (n // 4)),
            RowFacts(exercise="back_squat", met=True, load_kg=30.0 + 2.5 * (n // 5)),
            RowFacts(exercise="overhead_press", met=False, load_kg=15.0 + n // 8),
            RowFacts(exercise="drop_landing", met=True),
        ),
    )
    return replace(made, **changes)


def flag(n, day, severity, rule, sentence, **changes):
    made = FlagFacts(
        id=n,
        version=1,
        session_id=None,
        rule=rule,
        severity=severity,
        sentence=sentence,
        source="convention [C]",
        raised_at=datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
    )
    return replace(made, **changes)


def somebody(**changes):
    days = [MONDAY + timedelta(days=7 * week + day) for week in range(12) for day in (1, 3)]
    days = [day for n, day in enumerate(days) if n not in (10, 11, 17)]
    made = PersonFacts(
        id="p017",
        group=GROUP,
        asked=(asked(date(2026, 8, 3), "stage-2"), asked(date(2026, 10, 12), "full", {"deadlift": 50.0})),
        sessions=tuple(session(day, n) for n, day in enumerate(days)),
        flags=(
            flag(1, date(2026, 10, 6), "red", "fall-like-event", "a fall was reported",
                 cleared_by="Dr B. Example", cleared_on=date(2026, 10, 15)),
            *(flag(n, date(2026, 11, n), "amber", "above-ceiling", "3 landings above her ceiling") for n in (3, 5)),
        ),
        screening=Screening(
            screened_on=date(2026, 10, 15),
            review_date=date(2027, 10, 15),
            vertebral_fracture="no",
            low_trauma_fractures=1,
            last_fracture_on=date(2021, 2, 3),
            current_back_pain="no",
            joint_or_limb_injury="no",
            falls_12_months=1,
            balance="one leg 15 s",
            uncontrolled_heart_or_blood_pressure="no",
            pregnancy="no",
            cleared_by="Dr B. Example",
        ),
        one_rms=(OneRepMax(exercise="deadlift", kg=62.5, measured_on=date(2026, 10, 10),
                           method="estimated from 5 of 55 kg"),),
        dxa=(
            DxaFacts(measured_on=date(2026, 9, 2), site="lumbar spine", bmd_g_per_cm2=0.812, t_score=-2.4,
                     machine="Hologic", centre="Clinic", least_significant_change_g_per_cm2=0.022),
        ),
        markers=(Marker(day=date(2026, 9, 20), words="denosumab begun"),),
        last_day=days[-1],
    )  # fmt: skip
    return replace(made, **changes)


def facts(**changes):
    pains = [
        PainFacts(day=MONDAY + timedelta(days=7 * n + 1), site=site, onset=onset, before=1, after=3, after_24h=late)
        for n, (site, onset, late) in enumerate(
            [("knee", "usual", 1), ("knee", "usual", None), ("lower back", "new", 2), ("knee", "usual", 0)]
        )
    ]
    made = LetterFacts(
        person=somebody(),
        since=None,
        happened=(Happened(day=date(2026, 10, 6), kind="fall", words="slipped on a wet step at home, no injury"),),
        pains=tuple(pains),
        screened_on=(date(2026, 7, 1), date(2026, 10, 15)),
        landed=(LandedFacts(placement="hip", filter=FILTER, n_sessions=21,
                            peaks_net_g=tuple(2.0 + n / 100 for n in range(201))),),
    )  # fmt: skip
    return replace(made, **changes)


def letter(n_weeks=12, **changes):
    return letter_page(facts(**changes), today=TODAY, n_weeks=n_weeks, limits=LIMITS)


def crowded():
    """Everything that can be said, ten times over, in the longest words that fields take."""
    long = "a very long story " * 11
    days = [MONDAY + timedelta(days=n) for n in range(80)]
    person = somebody(
        markers=tuple(Marker(day=day, words=long) for day in days),
        flags=tuple(flag(n, day, "red", "new-back-pain", long) for n, day in enumerate(days)),
        sessions=tuple(
            replace(one, rows=tuple(RowFacts(exercise=f"exercise_{n}", met=True, load_kg=10.0) for n in range(20)))
            for one in somebody().sessions
        ),
        one_rms=tuple(OneRepMax(exercise=f"exercise_{n}", kg=60.0, measured_on=MONDAY, method=long) for n in range(20)),
    )
    person = replace(person, screening=replace(person.screening, cleared_by=long))
    return facts(
        person=person,
        happened=tuple(Happened(day=day, kind="other", words=long * 5) for day in days),
        pains=tuple(PainFacts(day=day, site=f"site {n}", onset="new", after=5) for n, day in enumerate(days)),
        landed=tuple(
            LandedFacts(placement=place, filter=f"{FILTER} {n}", n_sessions=3, peaks_net_g=(1.0, 2.0))
            for place in ("hip", "waist", "sacrum")
            for n in range(4)
        ),
    )


def text_of(pdf, tmp_path):
    path = tmp_path / "made.pdf"
    path.write_bytes(pdf)
    told = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True).stdout
    info = subprocess.run(["pdfinfo", path], check=True, capture_output=True, text=True).stdout
    return re.sub(r"\s+", " ", told), dict(re.findall(r"^([^:]+):\s*(.*)$", info, re.M))


def words_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S))


def html(**changes):
    return letter_html(letter(**changes), TYPED, made_at=MADE_AT)


# -- what the letter says


def test_what_happened_stands_before_everything_else():
    told = words_of(html())
    order = ["fall: slipped on a wet step", "Training of the plan was stopped", "Pain", "Changes", "denosumab begun",
             "Screening and fractures", "Attendance", "Lifted", "Landed", "Limits", "For information"]  # fmt: skip
    found = [told.index(words) for words in order]
    assert found == sorted(found)


def test_a_red_flag_names_who_cleared_her_or_that_nobody_has():
    assert "a fall was reported; cleared by Dr B. Example on Thu 15 Oct 2026" in words_of(html())
    locked = somebody(flags=(flag(1, date(2026, 11, 17), "red", "new-back-pain", "new back pain"),))
    assert "new back pain; no clearance by name yet: the plan is locked" in words_of(html(person=locked))


def test_amber_flags_are_counted_by_rule():
    assert letter().other_flags == "above ceiling 2 times"


def test_pain_is_told_by_site_with_its_highest_scores():
    knee, back = sorted(letter().pains, key=lambda one: one.site)
    assert (knee.site, knee.n_reports, knee.onsets, knee.before, knee.after, knee.after_24h) == ("knee", 3, (), 1, 3, 1)
    assert (back.n_reports, back.onsets) == (1, ("new",))


def test_a_score_that_nobody_asked_for_is_a_dash_and_not_zero():
    pain = PainFacts(day=date(2026, 11, 3), site="hip", onset="usual", after=2)
    [line] = letter(pains=(pain,)).pains
    assert (line.before, line.after, line.after_24h) == (None, 2, None)
    assert re.search(r"hip 1 – 2 –", words_of(html(pains=(pain,))))


def test_what_happened_is_told_since_the_last_letter_where_one_is_named():
    assert [one.words for one in letter().happened] == ["fall: slipped on a wet step at home, no injury"]
    later = letter(since=date(2026, 10, 20))
    assert (later.happened, later.stopped, later.pains, later.changes) == ((), (), (), ())
    assert later.other_flags == "above ceiling 2 times"
    told = words_of(letter_html(later, TYPED, made_at=MADE_AT))
    assert "Adverse events and falls since the last letter, Tue 20 Oct 2026 None was reported." in told


def test_changes_are_of_plan_screening_context_and_bone_density_and_loads_have_their_own_table():
    assert [(one.day.isoformat(), one.words) for one in letter().changes] == [
        ("2026-10-15", "screened again"),
        ("2026-10-12", "plan: hirit, full, 2 sessions a week, 25 landings of 2 to 4.5 g net"),
        ("2026-09-20", "denosumab begun"),
        ("2026-09-02", "bone density result: lumbar spine 0.812 g/cm², T-score -2.4 (Hologic)"),
    ]
    heavier = somebody(asked=(asked(MONDAY, "full"), asked(MONDAY + timedelta(days=7), "full", {"deadlift": 50.0})))
    plans = [one for one in letter(person=heavier).changes if one.words.startswith("plan")]
    assert [one.day for one in plans] == [MONDAY]


def test_screening_says_fractures_as_answered_and_unknown_where_nobody_answered():
    told = words_of(html())
    assert "Vertebral fracture: no. Low-trauma fractures: 1, the last on Wed 3 Feb 2021." in told
    unknown = somebody(screening=Screening(screened_on=date(2026, 10, 15)))
    told = words_of(html(person=unknown))
    assert "Vertebral fracture: unknown. Low-trauma fractures: unknown." in told
    assert "no screening is on file" in words_of(html(person=somebody(screening=None)))


def test_attendance_counts_whole_weeks():
    assert "21 of 24 sessions of whole weeks (88 %)" in words_of(html())


def test_lifts_are_told_in_kilograms_and_exertion_with_its_scale():
    deadlift = next(one for one in letter().lifted if one.exercise == "deadlift")
    assert (deadlift.first_kg, deadlift.last_kg, deadlift.most_kg, deadlift.n_days) == (40.0, 52.5, 52.5, 21)
    assert deadlift.one_rm == "62.5 kg, estimated from 5 of 55 kg, Sat 10 Oct 2026"
    assert letter().exertion == ("13 to 16 (Borg 6-20), said in 21 of 21 sessions",)


def test_two_scales_of_exertion_are_never_put_together():
    days = somebody().sessions
    mixed = (replace(days[-1], rpe=7.0, rpe_scale="0-10"), replace(days[-2], rpe=None, rpe_scale=None))
    found = letter(person=somebody(sessions=(*days[:2], *mixed))).exertion
    assert found == ("13 to 14 (Borg 6-20), said in 2 of 4 sessions", "7 (0-10), said in 1 of 4 sessions")


def test_peaks_say_their_placement_and_filter_and_are_told_apart_by_them():
    two = tuple(
        LandedFacts(placement=place, filter=FILTER, n_sessions=2, peaks_net_g=(low, low + 1.0, low + 2.0))
        for place, low in (("hip", 2.0), ("lower_back", 1.0))
    )
    hip, back = letter(landed=two).landed
    assert (hip.placement, hip.low_net_g, hip.median_net_g, hip.high_net_g) == ("hip", 2.2, 3.0, 3.8)
    assert (back.placement, back.median_net_g) == ("lower back", 2.0)
    told = words_of(html(landed=two))
    assert "2.2 to 3.8 g net" in told
    assert told.count(FILTER) == 2


def test_counts_that_are_lower_bounds_or_missing_say_so():
    sessions = somebody().sessions
    person = somebody(sessions=(*sessions[:5], replace(sessions[5], landings_in_band=None)))
    assert letter().in_band == "at least 492 in 21 of 21 sessions"
    assert letter(person=person).in_band == "116 in 5 of 6 sessions"
    assert "In 1 of 6 sessions the landings were not counted." in words_of(html(person=person))
    blind = somebody(sessions=tuple(replace(one, landings_in_band=None) for one in sessions))
    assert "No landings were counted." in words_of(html(person=blind, landed=()))


def test_lifts_that_nobody_asked_for_are_not_missing():
    """Somebody who lands only: no chart of question marks, and no set that was "not counted"."""
    sessions = tuple(replace(one, lift_sets_met=None, rows=()) for one in somebody().sessions)
    person = somebody(
        sessions=sessions, asked=tuple(replace(one, stage=replace(one.stage, lifts=())) for one in somebody().asked)
    )
    told = words_of(html(person=person))
    assert "No lifts were asked of her." in told
    assert "Lifting sets" not in told
    assert "the lifting sets were not counted" not in told
    asked = words_of(html(person=somebody(sessions=sessions)))
    assert "No lifts were asked" not in asked
    assert "In 21 of 21 sessions the lifting sets were not counted." in asked


def test_a_letter_ends_with_last_week_until_somebody_trains_in_this_one():
    assert letter_span(date(2026, 11, 19), today=TODAY, n_weeks=8) == (date(2026, 9, 28), date(2026, 11, 22))
    assert letter_span(TODAY, today=TODAY, n_weeks=8) == (date(2026, 10, 5), TODAY)
    assert [bar.week for bar in letter(n_weeks=8).landings] == [f"2026-W{n}" for n in range(40, 48)]
    assert not any(bar.running for bar in letter().landings)


def test_a_letter_about_somebody_new_is_a_letter():
    new = PersonFacts(id="p099", group=None)
    page = letter_page(LetterFacts(person=new, since=None), today=TODAY, n_weeks=12, limits=LIMITS)
    told = words_of(letter_html(page, Typed(), made_at=MADE_AT))
    for sentence in ("None was reported.", "No whole week with a plan.", "No loads were entered.", "was not asked"):
        assert sentence in told


@pytest.mark.parametrize("made", [facts, crowded], ids=["usual", "crowded"])
def test_no_word_judges_and_no_index_is_told(made):
    page = letter_page(made(), today=TODAY, n_weeks=12, limits=LIMITS)
    told = words_of(letter_html(page, TYPED, made_at=MADE_AT)).lower()
    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", told)] == []


def test_limits_are_told():
    told = words_of(html())
    assert "A measuring aid, not a medical device." in told
    assert "no sensor here is a fall detector" in told
    assert "hold for their placement and filter only" in told


# -- who it is about


def test_who_it_is_about_is_on_the_letter_and_in_no_repr():
    told = words_of(html())
    for words in (
        "Ana Example",
        "3 May 1958",
        "12-345",
        "Dr B. Example, Bone Clinic",
        "C. Example, exercise physiologist",
    ):
        assert words in told
    assert repr(TYPED) == "Typed()"


def test_what_was_not_typed_is_a_line_to_write_on():
    page = letter_html(letter(), Typed(), made_at=MADE_AT)
    assert page.count('<dd class="blank"></dd>') == 3
    assert "For information, no action requested." in page


def test_a_question_stands_where_no_action_would_be_asked_for():
    told = words_of(letter_html(letter(), replace(TYPED, question="May she land from 20 cm?"), made_at=MADE_AT))
    assert "Question: May she land from 20 cm?" in told
    assert "no action requested" not in told


def test_what_is_too_long_for_a_letter_is_refused_without_repeating_it():
    with pytest.raises(OptionError, match=r"^patient: 121 characters; a letter has room for 120$"):
        Typed(patient="x" * 121)
    with pytest.raises(OptionError, match=r"^question: 401 characters"):
        Typed(question="x" * 401)


def test_what_is_typed_is_text_and_never_markup():
    page = letter_html(letter(), Typed(patient="<script>x</script>"), made_at=MADE_AT)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_lists_that_are_shortened_say_by_how_much():
    page = letter_page(crowded(), today=TODAY, n_weeks=12, limits=LIMITS)
    told = words_of(letter_html(page, TYPED, made_at=MADE_AT))
    assert "and 64 more events, on her record" in told
    assert "and 12 more exercises, on her record" in told


# -- the week


def line_facts(name, **changes):
    last = somebody()
    return replace(last, id=name, flags=(), sessions=last.sessions[-2:], **changes)


def week(*people):
    return roster_page(people, monday=MONDAY + timedelta(weeks=11), today=TODAY, limits=LIMITS, groups=("Tue/Thu",))


def test_the_weekly_report_has_everybody_and_says_why_somebody_needs_attention():
    missed = replace(line_facts("p021"), sessions=line_facts("p021").sessions[:1], last_day=date(2026, 11, 17))
    told = words_of(week_html(week(line_facts("p004"), missed), made_at=MADE_AT, group="Tue/Thu"))
    assert "1 of 2 needs you: p021." in told
    assert "Group: Tue/Thu" in told
    assert told.index("missed Thursday") < told.index("As planned or above") < told.index("p004")


def test_the_weekly_report_holds_no_bone_density_no_therapy_and_no_index():
    told = words_of(week_html(week(somebody()), made_at=MADE_AT)).lower()
    assert "p017" in told
    for word in ("denosumab", "bone density", "t-score", "lumbar", "0.812", "index ", "vertebral"):
        assert word not in told


def test_the_weekly_report_of_nobody_says_so():
    assert "Nobody is on the roster yet." in words_of(week_html(week(), made_at=MADE_AT))


# -- paper


@pdf_tools
def test_twelve_weeks_fit_on_one_tagged_page_with_everything_the_page_said(tmp_path):
    needs_weasyprint()
    told, info = text_of(letter_pdf(letter(), TYPED, made_at=MADE_AT), tmp_path)
    assert (info["Pages"], info["Tagged"]) == ("1", "yes")
    assert info["Page size"].startswith("595.276 x 841.89")
    assert info["Title"] == "Training letter, Mon 31 Aug 2026 to Sun 22 Nov 2026"
    for words in ("Ana Example", "slipped on a wet step", "denosumab begun", "21 of 24 sessions", "52.5 kg", "g net",
                  "Borg 6-20", "not a medical device", "For information, no action requested."):  # fmt: skip
        assert words in told
    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", told.lower())] == []


@pdf_tools
def test_what_is_too_long_for_a_page_is_shortened_and_the_letter_says_so(tmp_path):
    needs_weasyprint()
    page = letter_page(crowded(), today=TODAY, n_weeks=12, limits=LIMITS)
    longest = Typed(
        question="why " * 100, **{name: "Long Name " * 12 for name in TYPED.__slots__ if name != "question"}
    )
    told, info = text_of(letter_pdf(page, longest, made_at=MADE_AT), tmp_path)
    assert info["Pages"] == "1"
    shown = told.count("other: a very long story")
    assert 0 < shown < 80
    assert f"and {80 - shown} more events, on her record" in told


def test_the_same_letter_at_the_same_time_is_the_same_file():
    needs_weasyprint()
    assert letter_pdf(letter(), TYPED, made_at=MADE_AT) == letter_pdf(letter(), TYPED, made_at=MADE_AT)


def test_charts_have_words_for_who_does_not_see_them():
    assert "2026-W41: no session; 2026-W42: " in html()


@pdf_tools
def test_a_report_of_many_people_takes_several_tagged_pages(tmp_path):
    needs_weasyprint()
    told, info = text_of(week_pdf(week(*(line_facts(f"p{n:03d}") for n in range(80))), made_at=MADE_AT), tmp_path)
    assert int(info["Pages"]) > 1
    assert info["Tagged"] == "yes"
    assert all(f"p{n:03d}" in told for n in range(80))


def test_paper_fetches_nothing(tmp_path, caplog):
    needs_weasyprint()
    secret = tmp_path / "secret.css"
    secret.write_text("@page { size: 50mm 50mm }")
    page = f'<html lang="en"><head><title>t</title><link rel="stylesheet" href="{secret.as_uri()}"></head><body><h1>x'
    assert paper.laid_out(page).pages[0].width > 500
    assert "disallowed protocol" in caplog.text


def test_without_weasyprint_one_sentence_says_what_to_do_and_html_still_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(WorldError, match=r"a PDF needs WeasyPrint with Pango.*; the page itself prints from a browser"):
        letter_pdf(letter(), TYPED, made_at=MADE_AT)
    assert "Ana Example" in html()
