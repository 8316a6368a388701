"""One page, four outputs: what they say, what they must not say, and that nothing half-written stays behind."""

import csv
import io
import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from builders import (
    gap,
    info,
    landing,
    lift_set,
    prescription,
    recording,
    report,
    verdict,
)

from loadsense.criteria import ForceEquation, Known, Source
from loadsense.errors import OptionError, WorldError
from loadsense.evidence import longwear_criteria
from loadsense.longwear import summarize_weeks
from loadsense.render import _translated, check_writable, file_stem, html, json_page, terminal, write_outputs
from loadsense.render.csv_page import EVENT_COLUMNS, events_csv, impacts_csv
from loadsense.render.page import Grade, session_page
from loadsense.render.schema import summary_schema
from loadsense.render.words import FOOTER, axis_steps
from loadsense.results import (
    Envelope,
    Flag,
    IndexValue,
    LandingSummary,
    PrescriptionResult,
    SignalQuality,
    Spread,
    VerdictStatus,
)
from loadsense.wear import DaySummary

CANNOT_SAY = verdict(
    "cannot_say",
    basis="evidence",
    judged="recorded at +-2 g, so 4.9 g cannot be seen; hip, 100 Hz",
    to_do="set the range to +-16 g",
    reached_if_worst=False,
    evidence_line=None,
    reasons=("25 landings are clipped below the level",),
    target={"landings": 25},
    achieved={"landings": None},
)


def strict(schema):
    """The schema with no room for a key it does not name."""
    if isinstance(schema, dict):
        closed = {key: strict(value) for key, value in schema.items()}
        if "properties" in closed:
            closed["additionalProperties"] = False
        return closed
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


def terminal_text(session, **options):
    return [line.plain for line in terminal.lines(session_page(session), **options)]


def long_wear():
    day = DaySummary(
        day=date(2026, 11, 20),
        iso_week="2026-W47",
        recorded_s=86400.0,
        wear_s=52200.0,
        valid=True,
        impacts=812,
        daily_impact_score_log=61.3,
        minutes_above_750_mg=3.2,
        minutes_above_1000_mg=1.1,
        intensity_gradient=-2.4,
        mx_mg=(("M5", 912.0),),
    )
    short = replace(day, day=date(2026, 11, 21), wear_s=3600.0, valid=False, minutes_above_1000_mg=None)
    unworn = replace(day, day=date(2026, 11, 22), wear_s=None, valid=None, landings=3)
    quality = SignalQuality(n_samples=6_048_000, non_wear=((0, 720_000),), non_wear_known=True)
    days = (day, short, unworn)
    weeks = summarize_weeks(days, criteria=longwear_criteria())
    return report([replace(recording("wrist"), quality=quality, days=days, weeks=weeks, envelope=None)])


def clipped_with_gaps():
    one = recording(landings=[landing(clipped=True, truncated=True, notes=("experimental",), high_rate=None)])
    quality = replace(one.quality, gaps=(gap(),), n_clipped=31, still_error_g=None)
    return report([replace(one, quality=quality)], verdict=CANNOT_SAY)


def from_memory():
    bare = replace(
        info("unknown", range_g=None, start=None, tz=None, loss_observable=False),
        origin=replace(info().origin, file=None, notes=("unit g (median norm 0.998)",)),
    )
    nothing = replace(recording("unknown"), info=bare, envelope=None)
    return report([nothing], prescription=PrescriptionResult(plan=None), verdict=CANNOT_SAY)


SESSIONS = {
    "hirit": report,
    "cannot say": lambda: report(verdict=CANNOT_SAY, prescription=PrescriptionResult(plan=None)),
    "clipped": clipped_with_gaps,
    "from memory": from_memory,
    "long wear": long_wear,
    "lifts alone": lambda: report([recording("wrist", sets=[lift_set()])]),
    "locked": lambda: report(prescription=prescription(locked="screening is incomplete: complete it first")),
}


@pytest.fixture(params=SESSIONS, ids=str)
def session(request):
    return SESSIONS[request.param]()


# -- every output of every kind of session
def test_the_summary_keeps_its_schema(session):
    schema = summary_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json_page.text(session)), strict(schema))


def test_the_terminal_has_at_most_fifteen_lines_and_the_verdict_last(session):
    lines = terminal_text(session, folder="outputs/x")
    assert len(lines) <= 15
    assert lines[-1] == session.verdict.sentence
    assert lines[-2] == FOOTER
    assert all("\n" not in line for line in lines)


def test_the_report_is_whole_and_asks_nobody_for_anything(session):
    page = html.render(session_page(session))
    reader = _Reader(page)
    assert reader.open_tags == []
    assert session.verdict.status.words in reader.headings["h1"]
    assert FOOTER in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//(?!doi\.org/)""", page)
    assert "default-src 'none'" in page
    assert not re.search(
        r"\b(?:nan|None|NaN)\b", re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.S)
    )


class _Reader(HTMLParser):
    """Collects headings, and tags that were left open or closed twice."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, page):
        super().__init__()
        self.open_tags, self.headings = [], {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        if self.open_tags and self.open_tags[-1] in ("h1", "h2"):
            self.headings.setdefault(self.open_tags[-1], []).append(data)


# -- words
def test_a_hirit_session_in_the_terminal():
    lines = terminal_text(report(), folder="outputs/2026-11-20_p017_hip")
    assert lines[1] == "start        Friday 2026-11-20 09:30 (Europe/Madrid)"
    assert lines[2] == "sensors      hip + wrist, 200 Hz, ±16 g, 10 min 00 s, no gaps"
    assert lines[3] == "landings     25, strongest 2.6 g net (3.6 g raw), median 2.0 g net"
    assert "lifts        9 sets, 45 repetitions: deadlift 5 x 5; back squat 4 x 5" in lines
    assert "not counted  12 x running step, 1 x knock" in lines
    assert (
        "plan         hirit, stage ramp-3: met deadlift, landings; not met back squat; not known overhead press"
        in lines
    )
    assert "written      outputs/2026-11-20_p017_hip" in lines


def test_a_loading_rate_is_never_shown_without_definition_and_filter():
    line = next(line for line in terminal_text(report()) if line.startswith("loading rate"))
    assert "steepest central difference on the rise; low-pass 80 Hz, sampled at 200 Hz" in line


def test_the_index_says_that_it_is_not_graded_and_which_one_it_is():
    line = next(line for line in terminal_text(report()) if line.startswith("index"))
    assert "accelerometer osteogenic index (NET g)" in line
    assert "no validated cut-off, not graded" in line


def test_what_no_sensor_saw_is_a_dash_and_never_zero():
    summary = LandingSummary(count=None, reason="no sensor of this session sees landings")
    lines = terminal_text(report([recording("wrist")], landing_summary=summary))
    assert "landings     – not observed (no sensor of this session sees landings)" in lines
    assert "lifts        none found" in lines


def test_a_hip_alone_says_nothing_of_lifts():
    assert not any(line.startswith("lifts") for line in terminal_text(report([recording(landings=[landing()])])))


def test_cannot_say_shows_the_way_out_before_the_verdict():
    lines = terminal_text(report(verdict=CANNOT_SAY))
    assert "to do        set the range to +-16 g" in lines
    assert lines[-1].startswith("VERDICT CANNOT SAY - recorded at +-2 g")
    box = session_page(report(verdict=CANNOT_SAY)).verdict
    assert box.doubt == "With every unknown at its best: reached; at its worst: not reached."


def test_the_gravest_flag_comes_first_and_the_others_are_counted():
    flags = (
        Flag(rule="extra", severity="note", sentence="n", source="s"),
        Flag(rule="ceiling", severity="amber", sentence="a", source="s"),
        Flag(rule="back-pain", severity="red", sentence="new back pain: locked until a named clearance", source="s"),
    )
    lines = terminal_text(report(prescription=prescription(flags=flags)))
    assert "red          new back pain: locked until a named clearance (and 2 more flags in the report)" in lines


def test_a_locked_plan_says_so_instead_of_results():
    lines = terminal_text(SESSIONS["locked"]())
    assert "plan         hirit, stage ramp-3: screening is incomplete: complete it first" in lines


def test_counts_that_are_lower_bounds_say_so():
    sets = [lift_set(1, repetitions=5), lift_set(2, repetitions=4, repetitions_are_at_least=True)]
    lines = terminal_text(report([recording("wrist", sets=sets)]))
    assert "lifts        2 sets, 9 repetitions: deadlift 5 + >=4" in lines


def test_a_naive_clock_is_named_and_no_clock_too():
    naive = replace(recording(), info=info(start=datetime(2026, 11, 20, 9, 30), tz=None))
    assert session_page(report([naive])).when.endswith("by the sensor's own clock (no time zone: give --tz)")
    assert session_page(from_memory()).when == "no clock in the recording"
    assert session_page(from_memory()).title == "Session from memory"
    offset = replace(recording(), info=info(tz=None))
    assert session_page(report([offset])).when == "Friday 2026-11-20 09:30 (+01:00)"


def test_gaps_are_counted_in_the_first_lines():
    page = session_page(clipped_with_gaps())
    assert page.facts == "hip, 200 Hz, ±16 g, 10 min 01 s, 1 gap (1.4 s)"
    assert page.quality[0].facts[1].text == "120000, 280 missing in 1 gap"
    assert page.quality[0].facts[2].text == "±16 g, 31 clipped samples"


def test_different_sensors_show_all_their_rates():
    other = replace(recording("wrist"), info=info("wrist", sampling_rate_hz=50.0, range_g=None), sensor="left")
    assert session_page(report([recording(), other])).facts.startswith(
        "hip + left (wrist), 200 / 50 Hz, ±16 g / range unknown, "
    )


def test_predicted_force_carries_the_error_of_its_equation():
    equation = ForceEquation(
        name="veras-2023-jumping-hip-vertical",
        activity=("jumping",),
        site="hip",
        vector="vertical",
        predicts="grf_n",
        form="linear",
        coefficients=(1.0,),
        mape_percent=13.0,
        min_body_mass_kg=None,
        source=Source(citation="Veras 2023", known=Known.VERIFIED),
    )
    summary = replace(report().landing_summary, peak_grf_bw=Spread(max=3.07, median=2.5, p90=3.0))
    provenance = replace(report().provenance, equations=(equation,))
    session = report(landing_summary=summary, provenance=provenance)
    assert any(
        "max 3.1 BW, median 2.5 BW (error of the equation about 13 %)" in line for line in terminal_text(session)
    )
    assert "veras-2023-jumping-hip-vertical (error 13 %)" in {fact.text for fact in session_page(session).method}
    assert session.to_dict()["provenance"]["equations"][0]["mape_percent"] == 13.0


def test_marks_of_what_was_not_verified_reach_the_page():
    rows = {row.name: row.mark for row in session_page(report()).thresholds}
    assert rows == {"hip-high-magnitude": "", "hip-high-rate": "[recalled]"}
    assert "[recalled]" in html.render(session_page(report()))


# -- grades and charts
@pytest.mark.parametrize(
    ("peak_net_g", "grade"),
    [(0.9, Grade.BELOW_BAND), (1.0, Grade.IN_BAND), (3.0, Grade.IN_BAND), (3.1, Grade.ABOVE_CEILING)],
)
def test_with_a_band_a_landing_is_inside_below_or_above(peak_net_g, grade):
    page = session_page(report([recording(landings=[landing(peak_net_g=peak_net_g)])]))
    assert page.events[0].grade is page.traces[0].ticks[0].grade is grade


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({"high_magnitude": True, "high_rate": None}, Grade.HIGH),
        ({"high_magnitude": False, "high_rate": True}, Grade.HIGH),
        ({"high_magnitude": False, "high_rate": False}, Grade.BELOW_LEVEL),
        ({"high_magnitude": None, "high_rate": None}, Grade.NOT_GRADED),
    ],
)
@pytest.mark.parametrize("basis", ["evidence", "prescribed"])
def test_without_a_band_a_landing_is_compared_with_the_levels(changes, grade, basis):
    judged = verdict(basis=basis, target={"landings": 25})
    page = session_page(report([recording(landings=[landing(**changes)])], verdict=judged))
    assert page.events[0].grade is grade


def test_a_wrist_landing_has_no_grade_even_with_a_band():
    one = landing(high_magnitude=None, high_rate=None)
    assert session_page(report([recording("wrist", landings=[one])])).events[0].what == "not graded"


def test_a_studied_level_is_not_drawn_over_prescribed_landings():
    assert [line.words for line in session_page(report()).traces[0].levels] == ["band from 1 g net", "ceiling 3 g net"]
    evidence = report(verdict=verdict(basis="evidence", target={"landings": 25}))
    assert [(line.raw_g, line.words) for line in session_page(evidence).traces[0].levels] == [
        (4.9, "studied level 3.9 g net")
    ]


def test_the_outline_gives_back_the_envelope():
    envelope = Envelope(bucket_samples=40, low_g=(0.9, 0.5, None, 1.0), high_g=(1.1, 2.5, None, 1.0))
    trace = session_page(report([replace(recording(), envelope=envelope)])).traces[0]
    assert trace.top_g == 3
    assert trace.bucket_s == 0.2
    assert [outline_points(path) for path in trace.outline.split("z")[:-1]] == [
        [(0, 190), (1, 190), (1, 50), (2, 50), (2, 250), (1, 250), (1, 210), (0, 210)],
        [(3, 200), (4, 200), (4, 200), (3, 200)],
    ]


def outline_points(path):
    """Absolute corners of an outline, from its relative moves."""
    points = []
    for kind, first, second in re.findall(r"([Mhv])(-?\d+)(?: (-?\d+))?", path):
        x, y = points[-1] if points else (0, 0)
        moved = {"M": (int(first), int(second or 0)), "h": (x + int(first), y), "v": (x, y + int(first))}
        points.append(moved[kind])
    return points


def test_no_peak_is_lost_between_samples_and_report():
    landings = [landing(i, at_s=3 + 2.9 * i, peak_net_g=1 + 0.1 * i) for i in range(1, 40)]
    trace = session_page(report([recording(landings=landings)])).traces[0]
    heights = {trace.top_g - y / 100 for _, y in outline_points(trace.outline)}
    assert {round(one.peak_g, 2) for one in landings} <= {round(g, 2) for g in heights}


def test_the_grid_counts_each_landing_once_and_its_lines_are_the_levels():
    landings = [
        landing(1, at_s=1, peak_net_g=3.9, rate_g_per_s=100.0),
        landing(2, at_s=5, peak_net_g=3.89, rate_g_per_s=99.9),
        landing(3, at_s=9, peak_net_g=12.0, rate_g_per_s=700.0),
        landing(4, at_s=13, peak_net_g=-0.1, rate_g_per_s=0.0),
        landing(5, at_s=17, loading_rates=replace(landing().loading_rates, maximum_g_per_s=None)),
    ]
    grid = session_page(report([recording(landings=landings)])).grid
    assert sum(itertools.chain(*(row.counts for row in grid.rows))) == 4
    assert grid.without_rate == 1
    assert grid.columns[grid.first_above] == "3.9–5.5"
    above = {row.words for row in grid.rows if row.above}
    assert above == {"≥ 400", "200–400", "100–200"}
    by_rate = {row.words: row.counts for row in grid.rows}
    assert by_rate["100–200"][4] == by_rate["50–100"][3] == by_rate["≥ 400"][6] == by_rate["0–25"][0] == 1


def test_without_levels_the_grid_has_no_lines():
    bare = replace(report().provenance, thresholds=())
    page = session_page(report([recording(landings=[landing()])], provenance=bare))
    assert (page.grid.first_above, page.grid.peak_level, page.grid.rate_level) == (None, None, None)
    assert not any(row.above for row in page.grid.rows)
    assert not any(bar.above for chart in page.bands for bar in chart.bars)


def test_bands_above_the_level_are_told_apart():
    (chart,) = session_page(report()).bands
    assert [(bar.words, bar.above) for bar in chart.bars] == [
        ("0.3–1.1", False),
        ("1.1–2.5", False),
        ("2.5–3.9", False),
        ("3.9–5.4", True),
        ("≥ 5.4", True),
    ]
    assert sum(bar.count for bar in chart.bars) == 25
    assert chart.clipped == 0
    assert session_page(clipped_with_gaps()).bands[0].clipped == 1


def test_words_of_a_level_stand_where_there_are_fewer_landings():
    early, late = ([landing(at_s=at_s)] for at_s in (50, 550))
    assert [session_page(report([recording(landings=one)])).traces[0].words_left for one in (early, late)] == [
        False,
        True,
    ]


def test_a_reason_is_not_said_twice():
    judged = verdict(
        judged="25 of 25 landings; hip, 100 Hz", reasons=("25 of 25 landings", "judged by magnitude alone")
    )
    assert session_page(report(verdict=judged)).verdict.reasons == ("judged by magnitude alone",)


def test_what_was_noticed_is_listed_once():
    noticed = report(quality_notes=("unit g (median norm 0.998)", "unit g (median norm 0.998)"))
    assert session_page(noticed).notes == ("unit g (median norm 0.998)",)
    assert noticed.to_dict()["quality"]["notes"] == ["unit g (median norm 0.998)"]


@pytest.mark.parametrize("span_s", [3, 41, 600, 1864, 7260, 86_400, 604_800, 6_048_000])
def test_time_axes_have_few_round_marks(span_s):
    steps = axis_steps(span_s)
    assert 3 <= len(steps) <= 7
    assert steps[0] == 0
    assert steps[-1] <= span_s


def test_three_statuses_have_three_shapes():
    def icon(status):
        page = html.render(session_page(report(verdict=verdict(status))))
        return re.search(r'<div class="answer [^>]*>\s*(<svg.*?</svg>)', page, re.S)[1]

    assert len({icon(status.value) for status in VerdictStatus}) == 3


def test_more_than_five_hundred_events_are_cut_with_a_word():
    sets = [lift_set(i, start_s=2 * i, repetitions=1) for i in range(1, 520)]
    page = html.render(session_page(report([recording("wrist", sets=sets, duration_s=1200)])))
    assert page.count("<td>set: deadlift") == 500
    assert "The first 500; events.csv holds all of them." in page


def test_text_from_files_cannot_become_markup():
    hostile = replace(info(), origin=replace(info().origin, file="<script>alert(1).csv"))
    page = html.render(session_page(report([replace(recording(), info=hostile)])))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_a_file_name_cannot_break_lines_or_encodings(tmp_path):
    odd = replace(info(), origin=replace(info().origin, file="a\n\x1b[31m\udcff.csv"))
    session = report([replace(recording(), info=odd)])
    assert terminal_text(session)[0] == "recording    a??[31m?.csv"
    assert (Path(session.write(str(tmp_path), stem="s")) / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("basis", "words"), [("evidence", "published levels alone"), ("prescribed", "asked for")])
def test_without_a_plan_the_report_says_what_was_judged(basis, words):
    page = html.render(session_page(report(prescription=PrescriptionResult(plan=None), verdict=verdict(basis=basis))))
    assert words in page


# -- CSV
def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_events_has_a_row_for_each_landing_repetition_and_set():
    rows = rows_of(events_csv(report()))
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"landing": 25, "set": 9, "repetition": 45}
    assert list(rows[0]) == [column.name for column in EVENT_COLUMNS]
    assert [float(row["start_s"]) for row in rows] == sorted(float(row["start_s"]) for row in rows)
    assert len({row["event_id"] for row in rows}) == len(rows)


def test_unknown_is_an_empty_cell():
    row = rows_of(events_csv(report([recording(landings=[landing(high_rate=None, drop_height_m=None)])])))[0]
    assert row["high_rate"] == row["drop_height_m"] == row["set_id"] == row["repetitions"] == ""
    assert row["high_magnitude"] == "False"


def test_empty_tables_keep_their_header():
    empty = report([recording("unknown")])
    assert events_csv(empty).count("\n") == impacts_csv(empty).count("\n") == 1
    assert impacts_csv(empty).startswith("sensor,peak_s,time,peak_g,")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(start):
    hostile = lift_set(exercise=f"{start}cmd|' /C calc'!A0")
    rows = rows_of(events_csv(report([recording("wrist", sets=[hostile])])))
    assert {row["exercise"] for row in rows} == {f"'{start}cmd|' /C calc'!A0"}


def test_negative_numbers_stay_numbers():
    row = rows_of(events_csv(report([recording(landings=[landing(peak_net_g=-0.2)])])))[0]
    assert float(row["peak_net_g"]) == -0.2


# -- JSON
def test_the_sensor_that_grades_landings_stands_first():
    summary = report([recording("wrist"), recording("hip")]).to_dict()
    assert summary["recording"]["placement"] == "hip"
    assert [one["sensor"] for one in summary["recordings"]] == ["wrist", "hip"]
    assert report([recording("wrist"), recording("chest")]).to_dict()["recording"]["placement"] == "wrist"


def test_null_is_unknown_and_zero_is_zero():
    hip = report([recording("hip")]).to_dict()
    assert hip["lifts"] == {"sets": None, "repetitions": None, "called_done": []}
    assert hip["quality"]["non_wear_s"] is None
    assert hip["landings"]["count"] == 0
    assert report([recording("wrist")]).to_dict()["lifts"] == {"sets": [], "repetitions": 0, "called_done": []}
    assert from_memory().to_dict()["quality"]["n_clipped"] is None
    assert from_memory().to_dict()["recording"]["start_time"] is None


def test_numbers_keep_every_digit():
    one = report([recording(landings=[landing(at_s=10.005)])])
    assert json.loads(json_page.text(one)) == json.loads(json.dumps(one.to_dict()))
    assert one.to_dict()["landings"]["peak_g"]["max"] == 3.6


def test_the_open_end_of_a_band_is_null():
    assert report().to_dict()["landings"]["bands"][-1]["high"] is None


def test_long_wear_gives_days_and_minutes():
    summary = long_wear().to_dict()
    assert [day["day"] for day in summary["days"]] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert [one["day"] for one in summary["index"]["stiles_minutes"]] == ["2026-11-20", "2026-11-22"]
    assert summary["quality"]["non_wear_s"] == 3600.0
    assert report().to_dict()["index"]["stiles_minutes"] is None
    rows = session_page(long_wear()).days
    assert [row.wear for row in rows] == ["14 h 30 min", "1 h 00 min (too short)", "–"]
    assert [row.minutes for row in rows] == ["3 / 1", "–", "3 / 1"]


def test_an_index_without_a_value_says_why_in_json_and_nothing_on_the_page():
    none = IndexValue(
        value=None, intensity=None, n=0, bouts=0, method="m", mape_percent=None, source="s", reason="no landings"
    )
    session = report(indices=replace(report().indices, osteogenic_index=none))
    assert session.to_dict()["index"]["osteogenic_index"]["reason"] == "no landings"
    assert not any(fact.label == "index" for fact in session_page(session).numbers)


# -- writing
FILES = ["events.csv", "impacts.csv", "report.html", "summary.json"]


def test_four_files_are_written_to_a_folder_of_the_recordings_name(tmp_path):
    folder = report().write(str(tmp_path / "new" / "outputs"))
    assert Path(folder) == tmp_path / "new" / "outputs" / "2026-11-20_p017_hip"
    assert sorted(path.name for path in Path(folder).iterdir()) == FILES
    assert json.loads((Path(folder) / "summary.json").read_text("utf-8")) == report().to_dict()


def test_writing_again_replaces_our_files_and_leaves_others_alone(tmp_path):
    folder = Path(report().write(str(tmp_path), stem="s"))
    (folder / "notes.txt").write_text("knee sore")
    (folder / "summary.json").write_text("old")
    assert report().write(str(tmp_path), stem="s") == str(folder)
    assert (folder / "notes.txt").read_text() == "knee sore"
    assert (folder / "summary.json").read_text("utf-8").startswith("{")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_the_same_report_is_the_same_bytes(tmp_path):
    one, other = (Path(report().write(str(tmp_path / name))) for name in "ab")
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in FILES)


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for attempt in (lambda folder: report().write(folder), check_writable):
        with pytest.raises(OptionError, match=r"give .*-o"):
            attempt(str(tmp_path / "file" / "outputs"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_place_of_the_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(OptionError, match="may not be written to"):
        report().write(str(tmp_path), stem="s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert (tmp_path / "s").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="no folder here that even root may not write")
def test_a_folder_that_may_not_be_written_is_named_before_any_work():
    with pytest.raises(OptionError, match="may not be written to"):
        check_writable("/proc/1/outputs")


def test_a_full_disk_is_the_worlds_fault_and_a_forbidden_folder_the_users():
    import errno

    full = _translated(OSError(errno.ENOSPC, "No space left on device"), Path("out/s"))
    assert isinstance(full, WorldError)
    assert str(full) == "disk full while writing out/s: nothing was written; make room or give another -o"
    forbidden = _translated(PermissionError(errno.EACCES, "Permission denied"), Path("out/s"))
    assert isinstance(forbidden, OptionError)
    assert str(forbidden) == "output folder out may not be written to (permission denied); give another one with -o"


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
def test_when_the_disk_fills_up_half_way_nothing_stays_behind(tmp_path):
    # A limit on the size of a file stops the write of report.html as a full disk does, after three files are written.
    script = (
        "import resource, signal, sys; sys.path.insert(0, 'tests'); from builders import report\n"
        "made = report()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        f"made.write({str(tmp_path)!r})\n"
    )
    root = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert "loadsense.errors.WorldError: disk full while writing" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "stem"),
    [("a/b.csv.gz", "b"), ("x.tar", "x.tar"), (".csv", ".csv"), ("week 1.CSV", "week 1"), (None, "session")],
)
def test_the_stem_is_the_name_without_its_endings(file, stem):
    assert file_stem(file) == stem


def test_write_outputs_returns_where_it_wrote(tmp_path):
    assert write_outputs(report(), str(tmp_path), stem="s") == str(tmp_path / "s")
