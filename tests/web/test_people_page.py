"""A person's page: weeks under one time axis, markers to read, bone density, flags, and plain words for her."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadsense.review.charts import (
    HEIGHT,
    LINE,
    TimeAxis,
    density_chart,
    dose_chart,
    drawn_markers,
)
from loadsense.review.facts import DxaFacts, Marker
from loadsense.review.person import Bar
from loadsense.store import people, prescribing, wellbeing
from loadsense.store.prescribing import Asked
from loadsense.store.tables import AnalysisRow, SessionRow
from loadsense.store.wellbeing import PainFacts

FIRST = date(2026, 9, 7)  # the Monday of week 37: twelve weeks with the one of NOW
AXIS = TimeAxis(first=FIRST, n_weeks=12)


def bar(i, **changes):
    year, week, _ = (FIRST + timedelta(weeks=i)).isocalendar()
    made = Bar(week=f"{year}-W{week:02d}", done=40, target=50, at_least=False, missing=False, words="40 of 50 landings")
    return replace(made, **changes)


def dxa(day, bmd, *, site="femoral neck", machine="A", least=0.02):
    return DxaFacts(
        measured_on=day,
        site=site,
        bmd_g_per_cm2=bmd,
        t_score=None,
        machine=machine,
        centre="north",
        least_significant_change_g_per_cm2=least,
    )


# -- positions


@given(st.lists(st.tuples(st.integers(0, 83), st.integers(1, 60)), max_size=12))
def test_no_label_of_a_marker_lies_on_another(found):
    drawn = drawn_markers(AXIS, [Marker(day=FIRST + timedelta(days=day), words="x" * n) for day, n in found])
    assert [one.day for one in drawn] == sorted(one.day for one in drawn)
    assert [one.number for one in drawn] == list(range(1, len(drawn) + 1))
    spans = []
    for one in drawn:
        width, at = 6.4 * len(one.short) + 10.0, one.x / 100.0 * 640.0
        spans.append((one.lane, at - width if one.is_left else at, at if one.is_left else at + width))
        assert spans[-1][2] <= 640.0
    for lane, start, end in spans:
        others = [span for span in spans if span[0] == lane and span != (lane, start, end)]
        assert all(other_end <= start + 1e-6 or other_start >= end - 1e-6 for _, other_start, other_end in others)


@given(st.integers(0, 83))
def test_a_day_stands_in_its_week_in_every_chart(day):
    week = dose_chart([bar(i) for i in range(12)]).bars[day // 7]
    x = AXIS.x(FIRST + timedelta(days=day))
    assert week.left < x < week.left + week.week_width
    chart = density_chart([dxa(FIRST + timedelta(days=day), 0.7)], AXIS)
    assert chart.sites[0].points[0].x == x


def test_markers_outside_the_weeks_are_not_drawn():
    days = (FIRST - timedelta(days=1), FIRST, FIRST + timedelta(days=84))
    assert [one.day for one in drawn_markers(AXIS, [Marker(day=day, words="x") for day in days])] == [FIRST]


def test_a_missing_week_has_no_bar_and_the_running_one_is_marked():
    chart = dose_chart([bar(0), bar(1, done=None, missing=True), bar(2, done=10, running=True)])
    assert [one.kind for one in chart.bars] == ["done", "missing", "done"]
    assert chart.running is chart.bars[2]
    assert chart.bars[0].y == 24.0  # of 120: 40 of 50


def test_densities_of_two_machines_are_not_joined():
    days = [FIRST + timedelta(days=day) for day in (0, 30, 60)]
    results = [dxa(days[0], 0.70), dxa(days[1], 0.71), dxa(days[2], 0.75, machine="B")]
    (site,) = density_chart(results, AXIS).sites
    assert [(one.facts.measured_on, other.facts.measured_on) for one, other in site.lines] == [(days[0], days[1])]


def test_whiskers_are_the_least_significant_change_and_absent_where_it_is_unknown():
    chart = density_chart([dxa(FIRST, 0.70), dxa(FIRST, 0.71, site="hip", least=None)], AXIS)
    per_px = (chart.high - chart.low) / HEIGHT
    known, unknown = (site.points[0] for site in sorted(chart.sites, key=lambda one: one.site))
    assert (known.low_y - known.high_y) * per_px == pytest.approx(0.04, abs=1e-3)
    assert (unknown.low_y, unknown.high_y) == (None, None)
    assert chart.low <= 0.68
    assert chart.high >= 0.72


@given(st.lists(st.floats(0.3, 1.5), min_size=2, max_size=4))
def test_names_of_sites_keep_apart(values):
    results = [dxa(FIRST, value, site=f"site {i}") for i, value in enumerate(values)]
    labels = sorted(one.label_y for one in density_chart(results, AXIS).sites)
    assert all(after - before >= LINE - 1e-9 for before, after in pairwise(labels))


def test_densities_before_the_weeks_are_counted_and_not_drawn():
    chart = density_chart([dxa(date(2025, 1, 1), 0.7)], AXIS)
    assert (chart.sites, chart.n_earlier) == ((), 1)


# -- the page


@pytest.fixture(scope="module")
def trained(store):
    """p017: two weeks of sessions, a scan, a therapy, an amber flag."""
    with store.writing(1) as tx:
        for day in (date(2026, 11, 10), date(2026, 11, 17), date(2026, 11, 19)):
            session = SessionRow(person_id="p017", day=day, loads_kg={}, imported_at=tx.at)
            tx.add(session)
            analysis = AnalysisRow(
                session_id=session.id,
                made_at=tx.at,
                software_version="1",
                criteria_sha256="0" * 64,
                profile="hip-high-rate",
                status="reached",
                judged="25 of 25 landings as planned",
                landings_in_band=25,
                lift_sets_met=15,
                summary={},
                page={},
                because="import",
                unmatched=[],
            )
            tx.add(analysis)
            session.current_analysis_id = analysis.id
        scan = dxa(date(2026, 10, 1), 0.712)
        wellbeing.add_dxa(tx, "p017", wellbeing.DxaFacts(**{name: getattr(scan, name) for name in scan.__slots__}))
        wellbeing.add_note(tx, "p017", date(2026, 10, 5), "Therapy started")
        wellbeing.report_pain(tx, "p017", PainFacts(day=date(2026, 11, 10), site="knee", onset="usual", before=5))
    return "p017"


def page_of(client, role="coach", query=""):
    return unescape(client(role).get(f"/people/p017{query}").text)


def test_bars_lead_to_the_sessions_of_their_week(client, trained):
    page = page_of(client)
    links = set(re.findall(r'<a href="#(week-[\dW-]+)"', page))
    assert links == {"week-2026-W46", "week-2026-W47"}
    assert {one for one in links if f'id="{one}"' in page} == links
    assert 'aria-label="2026-W47: 50 of 50 landings: to its sessions"' in page
    assert 'role="img" aria-label="2026-W45: no session"' in page


def test_missing_weeks_are_hatched_and_the_running_week_says_so(client, trained):
    page = page_of(client)
    assert page.count('<pattern id="hatch-impact"') == 1
    assert page.count('fill="url(#hatch-impact)"') == 9  # weeks 37 to 45
    assert "This week is still running." in page
    assert ">now</text>" in page
    assert "no session yet" in page


def test_the_two_doses_are_never_one_chart(client, trained):
    page = page_of(client)
    assert 'aria-label="Landings in band, by week"' in page
    assert 'aria-label="Lifting sets, by week"' in page
    assert "two doses and are never added" in page


def test_density_stands_under_the_weeks_without_a_cause(client, trained):
    page = page_of(client)
    assert 'aria-label="femoral neck, Thu 1 Oct 2026: 0.712 g/cm²"' in page
    assert "nothing here says why" in page
    assert "Mon 5 Oct 2026: Therapy started" in page
    for word in ("because", "due to", "thanks to", "caused", "improved"):
        assert word not in page[page.index("<main") : page.index("</main>")].lower()


def test_somebody_new_is_told_the_next_step_instead_of_empty_charts(client, store):
    with store.writing(1) as tx:
        people.create(tx, "brand-new")
    page = unescape(client("coach").get("/people/brand-new").text)
    assert "Nothing is asked yet" in page
    assert 'href="/people/brand-new/plan#write"' in page
    assert "by-week" not in page
    assert "write her plan" not in client("viewer").get("/people/brand-new").text


@pytest.mark.parametrize("weeks", [4, 26, 52])
def test_any_number_of_weeks_is_drawn(client, trained, weeks):
    page = page_of(client, query=f"?weeks={weeks}")
    assert len(re.findall(r'class="touch"', page)) == 2 * weeks


@pytest.mark.parametrize("weeks", ["3", "53", "many"])
def test_an_impossible_number_of_weeks_is_told(client, weeks):
    assert client("coach").get(f"/people/p017?weeks={weeks}").status_code == 422


def test_acknowledged_flags_stay_to_be_read(client, trained, store):
    page = page_of(client)
    flag_id = re.search(r"/people/p017/flags/(\d+)/acknowledge", page)[1]
    form = {"version": 1, "note": "after gardening"}
    client("coach").post(f"/people/p017/flags/{flag_id}/acknowledge", data=form)
    late = client("owner").post(f"/people/p017/flags/{flag_id}/acknowledge", data={**form, "note": "?"})
    assert late.status_code == 409
    assert "was changed after you opened it: coach on" in late.text
    page = page_of(client)
    assert "1 flag acknowledged or cleared" in page
    assert "by coach: after gardening" in page
    assert (
        client("coach")
        .post(f"/people/p021/flags/{flag_id}/clear", data={"version": 2, "by": "x", "on": "2026-11-23"})
        .status_code
        == 404
    )


def test_her_own_page_speaks_to_her(client, trained):
    page = page_of(client, "athlete")
    assert "Please talk to your coach before you train again" in page  # she was never screened
    assert "your name is nowhere" in page
    for word in ("Acknowledge", "/record", "/letter", "Cleared by", "Do not train the plan", "rule "):
        assert word not in page


def test_her_own_page_answers_first(client, store):
    from loadsense.evidence import load_person

    with store.writing(1) as tx:
        people.screen(tx, "p017", load_person("sample_recordings/people/p017.toml").screening)
    page = page_of(client, "athlete")
    assert re.search(r"<h1>You came to \d+ of \d+ sessions</h1>", page)
    assert "Your next session is Tue 24 Nov 2026." in page


def test_a_trend_compares_sessions_of_one_stage(client, store):
    with store.writing(1) as tx:
        people.create(tx, "trend", group_id=1)
        for day, stage in ((date(2026, 9, 1), "stage-1"), (date(2026, 11, 2), "stage-2")):
            prescribing.prescribe(tx, "trend", Asked(from_day=day, plan="hirit", stage=stage))
        for i, peak in enumerate([1.0, 1.1, 1.0, 1.1, 1.0, 4.0]):
            day = date(2026, 10, 1) + timedelta(days=7 * i)
            session = SessionRow(
                person_id="trend", day=day, start=datetime(2026, 10, 1, tzinfo=UTC), loads_kg={}, imported_at=tx.at
            )
            tx.add(session)
            analysis = AnalysisRow(
                session_id=session.id,
                made_at=tx.at,
                software_version="1",
                criteria_sha256="0" * 64,
                profile="hip-high-rate",
                status="reached",
                judged="",
                median_peak_net_g=peak,
                summary={},
                page={},
                because="import",
                unmatched=[],
            )
            tx.add(analysis)
            session.current_analysis_id = analysis.id
    page = unescape(client("coach").get("/people/trend").text)
    assert "1 session of one stage and placement: too few to tell a change from noise" in page
    assert "Stronger is not better" in page
