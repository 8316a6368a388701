"""Evidence files: every one is walked, the numbers that decide are held, and a faulty file names its file and key."""

import math
import tomllib
from datetime import date
from pathlib import Path

import pytest

from loadsense import evidence, protocol
from loadsense.criteria import Known
from loadsense.errors import ContentError, OptionError
from loadsense.evidence import fields, loader, prescribing
from loadsense.placement import CAPABILITIES, Placement

ALL_FILES = sorted(loader.FOLDER.rglob("*.toml"))
SOURCE_FILES = sorted((loader.FOLDER / "thresholds").glob("*.toml"))
PLAN_FILES = sorted((loader.FOLDER / "plans").glob("*.toml"))


def put(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- walking what is there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.name)
def test_every_file_parses_and_says_how_it_is_known(path):
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text)
    assert "known = " in text


@pytest.mark.parametrize("path", SOURCE_FILES, ids=lambda path: path.name)
def test_every_source_says_something_and_where_from(path):
    levels, bands, numbers = loader.read_source_file(path)
    assert levels or bands or numbers
    for entry in (*levels, *bands, *numbers):
        assert len(entry.source.citation) > 10
        assert entry.source.doi is None or entry.source.doi.startswith("10.")


@pytest.mark.parametrize("path", PLAN_FILES, ids=lambda path: path.name)
def test_every_plan_is_whole(path):
    plan = prescribing.read_plan(path)
    assert plan.name == path.stem
    assert plan.full.lifts
    for stage in plan.stages:
        if stage.ceiling_net_g is not None:
            assert stage.source.known is Known.CONVENTION


@pytest.mark.parametrize("name", list(evidence.profiles()))
def test_every_profile_can_be_used(name):
    profile = evidence.profile(name)
    assert profile.placements
    assert (profile.criterion is None) == (profile.target_landings is None)
    if profile.criterion:
        assert all(CAPABILITIES[placement].grades_landings for placement in profile.placements)
        assert profile.magnitude.quantity == "landing_peak"
        assert profile.magnitude.frame == "NET"


def test_no_threshold_of_an_epoch_is_ever_used_as_a_peak():
    for level in evidence.thresholds().values():
        assert (level.unit == "mg") == (level.quantity == "epoch_mean")
        if level.quantity == "epoch_mean":
            assert level.placements == (Placement.WRIST,)
        if level.quantity in ("force", "force_rate"):
            assert level.placements == ()


# --- the numbers that decide -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "unit", "frame", "known", "doi"),
    [
        ("hip-high-magnitude", 3.9, "g", "NET", "verified", "10.1007/s00198-005-0005-x"),
        ("lumbar-high-magnitude", 5.4, "g", "NET", "verified", "10.1007/s00198-005-0005-x"),
        ("hip-high-rate", 100.0, "g/s", None, "verified", "10.3389/fphys.2011.00073"),
        ("hip-slope-1000", 102.0, "g/s", None, "recalled", "10.1016/j.jbiomech.2007.02.003"),
        ("adolescent-high-magnitude", 4.2, "g", "NET", "verified", None),
        ("older-adult-higher-impact", 1.5, "g", "NET", "verified", "10.1007/s00198-016-3810-5"),
        ("raw-form-of-3.9", 4.9, "g", "RAW", "second-hand", "10.1007/s00198-023-06727-5"),
        ("high-osteogenic-index-cut", 5.2, "g", "RAW", "verified", None),
        ("wrist-premenopausal-epoch", 1000.0, "mg", "NET", "verified", "10.1093/ije/dyx080"),
        ("wrist-postmenopausal-epoch", 750.0, "mg", "NET", "verified", "10.1093/ije/dyx080"),
        ("force-magnitude", 3.0, "BW", None, "verified", "10.1016/j.clinbiomech.2019.12.025"),
        ("force-rate", 43.0, "BW/s", None, "verified", "10.1016/j.clinbiomech.2019.12.025"),
    ],
)
def test_levels_are_those_of_their_sources(name, value, unit, frame, known, doi):
    level = evidence.thresholds()[name]
    assert (level.value, level.unit, level.frame) == (value, unit, frame)
    assert (level.source.known.value, level.source.doi) == (known, doi)


@pytest.mark.parametrize(
    ("name", "edges", "frame"),
    [
        ("vainionpaa-2006", (0.3, 1.1, 2.5, 3.9, 5.4, math.inf), "NET"),
        ("deere-2012", (0.5, 1.1, 2.1, 3.1, 4.2, 5.1, math.inf), "NET"),
        ("vibe", (0.5, 1.0, 1.5, math.inf), "NET"),
        ("force-classes", (0.0, 2.0, 4.0, math.inf), None),
    ],
)
def test_bands_are_those_of_their_sources(name, edges, frame):
    assert (evidence.bands()[name].edges, evidence.bands()[name].frame) == (edges, frame)


def test_gradient_bins_are_those_of_ggir():
    edges = evidence.longwear_criteria().gradient_edges_mg
    assert (edges[:3], edges[-3:], len(edges)) == ((0.0, 25.0, 50.0), (3975.0, 4000.0, 8000.0), 162)


def test_criteria_carry_the_conventions():
    grading, index, wear = evidence.grading(), evidence.index_criteria(), evidence.longwear_criteria()
    assert (grading.target_tolerance, evidence.profile().target_landings) == (0.9, 25)
    assert (grading.rate_min_nominal_hz, grading.rate_min_measured_hz, grading.rate_min_cutoff_hz) == (200, 190, 75)
    assert (index.bout_gap_s, index.recovery_tau_h, index.stimulus_exponent) == (3600, 6, 4)
    assert {number.source.known for number in index.sources} == {Known.CONVENTION, Known.RECALLED}
    assert (wear.valid_week_days, wear.valid_week_weekdays, wear.valid_week_weekend_days) == (4, 3, 1)
    assert (wear.minutes_levels_mg, wear.mx_minutes) == ((750, 1000), (60, 30, 10, 5, 2, 1))


def test_profile_defaults_to_the_hip_and_unknown_ones_are_named():
    assert evidence.profile().name == "hip-high-rate"
    assert [level.name for level in evidence.profile("premenopausal-hip").also] == ["lumbar-high-magnitude"]
    with pytest.raises(OptionError, match="unknown profile 'adolescent': did you mean 'adolescent-hip'"):
        evidence.profile("adolescent")


def test_rules_say_when_they_are_off():
    rules = evidence.rules()
    assert (rules["hours-between-sessions"].value, rules["one-rm-age"].value) == (48, 28)
    assert rules["hours-between-sessions"].source.known is Known.VERIFIED_SECOND_HAND
    assert rules["new-back-pain"].on
    assert rules["new-back-pain"].severity == "red"


def test_a_rule_without_a_value_is_off(tmp_path):
    text = """
    [source]
    citation = "coach"
    known = "convention"
    [[rule]]
    name = "rest"
    unit = "s"
    severity = "amber"
    sentence = "rest"
    """
    (rule,) = loader.read_rules(put(tmp_path, text))
    assert (rule.value, rule.on) == (None, False)


def test_table_has_a_row_for_everything_and_marks_what_is_not_verified():
    rows = evidence.table()
    kinds = {row.kind for row in rows}
    assert kinds == {"threshold", "bands", "equation", "convention", "rule", "plan"}
    by_name = {row.name: row for row in rows}
    assert {*evidence.thresholds(), *evidence.bands(), *evidence.numbers(), *evidence.rules()} <= set(by_name)
    assert (by_name["recovery-tau"].mark, by_name["hip-high-magnitude"].mark) == ("recalled", "")
    assert by_name["target-landings"].mark == "second-hand"
    assert by_name["target-tolerance"].mark == "convention"
    assert by_name["hirit/stage-1"].value == "25 landings, 0.5 to 3"
    for row in rows:
        assert row.value
        assert row.quantity
        assert row.source.citation
        assert (row.mark == "") == (row.source.known is Known.VERIFIED)


# --- plans and persons -----------------------------------------------------------------------------------------------


def test_hirit_is_the_trial():
    plan = evidence.plan("hirit")
    assert (plan.sessions_per_week, plan.min_hours_between, plan.supervised, plan.needs_screening) == (
        2,
        48,
        True,
        True,
    )
    assert [(lift.exercise, lift.sets, lift.repetitions, lift.min_pct_1rm) for lift in plan.full.lifts] == [
        ("deadlift", 5, 5, 85),
        ("back_squat", 5, 5, 85),
        ("overhead_press", 5, 5, 85),
    ]
    assert (plan.full.landings, plan.full.source.known) == (25, Known.VERIFIED_SECOND_HAND)
    assert {lift.min_pct_1rm for lift in evidence.plan("hirit-80").full.lifts} == {80}
    assert [lift.min_pct_1rm for lift in plan.stages[0].lifts] == [None, None, None]
    assert plan.max_rpe == (("borg", 16), ("0-10", 7))


def test_ceilings_rise_with_the_stages():
    ceilings = [stage.ceiling_net_g for stage in evidence.plan("hirit").stages]
    assert ceilings == [3.0, 4.0, 6.0, None]


OWN_PLAN = """
name = "gentle"
title = "Heel drops at home"
sessions_per_week = 3
supervised = false
needs_screening = false
[source]
citation = "written by the coach"
known = "convention"
[[stage]]
name = "only"
description = "heel drops"
landings = 50
"""


def test_a_plan_of_ones_own_is_a_file(tmp_path):
    plan = evidence.plan(str(put(tmp_path, OWN_PLAN)))
    assert (plan.name, plan.full.landings, plan.full.lifts, plan.max_rpe) == ("gentle", 50, (), ())
    assert (plan.min_hours_between, plan.full.min_net_g) == (None, None)


def test_unknown_plans_are_named():
    with pytest.raises(OptionError, match=r"unknown plan 'hirrit': did you mean 'hirit'\? Known: hirit"):
        evidence.plan("hirrit")
    with pytest.raises(OptionError, match=r"nowhere\.toml: No such file or directory; expected a TOML file"):
        evidence.plan("nowhere.toml")


PERSON = """
id = "p017"
body_mass_kg = 63.1
plan = "hirit"
stage = "stage-1"
target_landings = 20
[band]
min_net_g = 0.5
ceiling_net_g = 2.5
[one_rm.deadlift]
kg = 70
date = 2026-11-01
method = "tested"
[one_rm.back_squat]
kg = 50.5
date = "2026-10-01"
method = "estimated from 5 of 44 kg"
[screening]
date = 2026-09-01
vertebral_fracture = "no"
low_trauma_fractures = 1
last_fracture_date = 2019-03-02
current_back_pain = "no"
falls_12_months = 0
"""


def test_person_file_is_read_whole(tmp_path):
    person = evidence.load_person(put(tmp_path, PERSON))
    assert (person.id, person.body_mass_kg, person.plan, person.stage) == ("p017", 63.1, "hirit", "stage-1")
    assert (person.target_landings, person.min_net_g, person.ceiling_net_g) == (20, 0.5, 2.5)
    assert [(rm.exercise, rm.kg, rm.measured_on) for rm in person.one_rms] == [
        ("deadlift", 70, date(2026, 11, 1)),
        ("back_squat", 50.5, date(2026, 10, 1)),
    ]
    screening = person.screening
    assert (screening.vertebral_fracture, screening.pregnancy, screening.low_trauma_fractures) == ("no", "unknown", 1)
    assert (screening.last_fracture_on, screening.review_date) == (date(2019, 3, 2), None)


def test_empty_person_file_knows_nothing(tmp_path):
    person = evidence.load_person(put(tmp_path, ""))
    assert (person.body_mass_kg, person.screening, person.one_rms) == (None, None, ())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("body_mass_kg = 63.1", "body_mass_kg = 6300", "key 'body_mass_kg' is 6300; expected a number from 20 to 300"),
        ("body_mass_kg = 63.1", "body_mass = 63.1", "key 'body_mass' is not known here; did you mean 'body_mass_kg'"),
        ("target_landings = 20", "target_landings = 2.5", "key 'target_landings' is 2.5; expected a whole number"),
        ("min_net_g = 0.5", "min_net_g = 3", r"\[band\]: key 'min_net_g' is 3.0; expected a minimum below the ceiling"),
        (
            "date = 2026-11-01",
            "",
            r"\[one_rm\] \[deadlift\]: key 'date' is missing; expected a date such as 2026-11-20",
        ),
        ('"2026-10-01"', '"1 October"', "key 'date' is '1 October'; expected a date"),
        ('vertebral_fracture = "no"', 'vertebral_fracture = "nein"', "is 'nein'; expected one of yes, no, unknown"),
        ('vertebral_fracture = "no"', 'vertebrae = "no"', "key 'vertebrae' is not known here"),
        ("kg = 70", 'kg = "70"', "key 'kg' is '70'; expected a number from 1 to 1000"),
        ("kg = 70", "kg = true", "key 'kg' is True; expected a number"),
        ("kg = 70", "kg = nan", "key 'kg' is nan; expected a number"),
        ('id = "p017"', "id = 17", "key 'id' is 17; expected a text"),
        ("[band]", "[[band]]", r"key 'band' is \[.*\]; expected a table"),
        ('stage = "stage-1"', "stage = ", r"mine\.toml: not valid TOML"),
    ],
)
def test_faulty_person_file_names_file_and_key(tmp_path, old, new, words):
    assert old in PERSON
    with pytest.raises(ContentError, match=words) as caught:
        evidence.load_person(put(tmp_path, PERSON.replace(old, new)))
    assert str(caught.value).startswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_person_file_that_is_not_there(tmp_path):
    with pytest.raises(OptionError, match="No such file or directory; expected a TOML file that can be read"):
        evidence.load_person(tmp_path / "p.toml")
    (tmp_path / "latin.toml").write_bytes(b'id = "\xe4"')
    with pytest.raises(ContentError, match=r"latin\.toml: not UTF-8 text"):
        evidence.load_person(tmp_path / "latin.toml")


def test_dates_with_a_time_are_dates(tmp_path):
    text = PERSON.replace("date = 2026-11-01", "date = 2026-11-01T09:00:00")
    assert evidence.load_person(put(tmp_path, text)).one_rms[0].measured_on == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("landings = 50", "landings = 0", r"\[\[stage\]\] only: key 'landings' is 0; expected a number from 1 to 1000"),
        ("landings = 50", "landing = 50", "key 'landing' is not known here; did you mean 'landings'"),
        ("landings = 50", "min_net_g = 3\nceiling_net_g = 2", "expected a minimum below the ceiling of 2 g net"),
        ("supervised = false", 'supervised = "no"', "key 'supervised' is 'no'; expected true or false"),
        ("sessions_per_week = 3", "", "key 'sessions_per_week' is missing"),
        ('known = "convention"', 'known = "sure"', r"\[source\]: key 'known' is 'sure'; expected one of verified"),
        ('known = "convention"', 'known = "convention"\nyear = 2020', "key 'year' is not known here"),
        ("[[stage]]", "[max_rpe]\nborgg = 16\n[[stage]]", "key 'borgg' is not known here; did you mean 'borg'"),
        ("[[stage]]", "[stage]", r"expected an array of tables, \[\[stage\]\]"),
    ],
)
def test_faulty_plan_names_file_and_key(tmp_path, old, new, words):
    assert old in OWN_PLAN
    with pytest.raises(ContentError, match=words):
        evidence.plan(str(put(tmp_path, OWN_PLAN.replace(old, new))))


def test_plan_needs_a_stage_and_names_it_once(tmp_path):
    nothing, again = OWN_PLAN.split("[[stage]]")
    with pytest.raises(ContentError, match=r"expected at least one \[\[stage\]\]"):
        evidence.plan(str(put(tmp_path, nothing)))
    with pytest.raises(ContentError, match="stage names that are used only once"):
        evidence.plan(str(put(tmp_path, f"{OWN_PLAN}[[stage]]{again}")))


LEVEL = """
[source]
citation = "somebody 2020"
known = "verified"
[[threshold]]
name = "x"
quantity = "landing_peak"
value = 3.9
unit = "g"
frame = "NET"
vector = "resultant"
filter = "none"
population = "women"
placements = ["hip"]
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('frame = "NET"', "", "key 'frame' is None; expected RAW or NET for g and mg"),
        ('frame = "NET"', 'frame = "net"', "key 'frame' is 'net'; expected one of RAW, NET"),
        ('unit = "g"', 'unit = "g/s"', "key 'frame' is 'NET'; expected RAW or NET for g and mg, and nothing"),
        ('["hip"]', '["hipp"]', "key 'placements': unknown placement 'hipp': did you mean 'hip'"),
        ('["hip"]', '"hip"', "key 'placements' is 'hip'; expected a list of texts"),
        ('filter = "none"', 'filter = ""', "key 'filter' is ''; expected a text"),
        ("value = 3.9", "value = -1", "key 'value' is -1; expected a number from 0"),
    ],
)
def test_faulty_threshold_names_file_and_key(tmp_path, old, new, words):
    assert old in LEVEL
    with pytest.raises(ContentError, match=words):
        loader.read_source_file(put(tmp_path, LEVEL.replace(old, new)))


@pytest.mark.parametrize("edges", ["[1.0]", "[1.0, 1.0]", "[2.0, 1.0]", '["a"]', "[]"])
def test_band_edges_must_rise(tmp_path, edges):
    text = LEVEL.replace("[[threshold]]", "[[bands]]").replace("value = 3.9", f"edges = {edges}")
    with pytest.raises(ContentError, match="key 'edges' is"):
        loader.read_source_file(put(tmp_path, text))


def test_edge_stretches_have_three_numbers(tmp_path):
    text = LEVEL.replace("[[threshold]]", "[[bands]]").replace("value = 3.9", "edges_from = [[0, 1]]")
    with pytest.raises(ContentError, match=r"key 'edges_from' is .*; expected rows of 3 numbers"):
        loader.read_source_file(put(tmp_path, text))


PROFILE = """
[[profile]]
name = "mine"
description = "mine"
population = "women"
criterion = "magnitude"
magnitude = "hip-high-magnitude"
placements = ["hip"]
sets_target = true
known = "convention"
citation = "mine alone"
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"hip-high-magnitude"', '"hip-high"', "key 'magnitude' is 'hip-high'; expected one of "),
        (
            'criterion = "magnitude"',
            'criterion = "both"',
            "key 'criterion' is 'both'; expected a profile with the key 'rate'",
        ),
        ('criterion = "magnitude"', "", "key 'sets_target' is True; expected false for a profile without a criterion"),
        ('placements = ["hip"]', 'placements = ["hip"]\nbands = ["vib"]', "key 'bands' is 'vib'; expected one of "),
    ],
)
def test_faulty_profile_names_file_and_key(tmp_path, old, new, words):
    assert old in PROFILE
    assert loader.read_profiles(put(tmp_path, PROFILE))[0].target_landings == 25
    with pytest.raises(ContentError, match=words):
        loader.read_profiles(put(tmp_path, PROFILE.replace(old, new)))


def test_a_name_may_be_used_only_once(tmp_path, monkeypatch):
    first, second = put(tmp_path, LEVEL, "a.toml"), put(tmp_path, LEVEL, "b.toml")
    monkeypatch.setattr(loader, "threshold_files", lambda: (first, second))
    with pytest.raises(ContentError, match=r"b\.toml: key 'name' is 'x'; expected a name used only once"):
        loader.thresholds.__wrapped__()


def test_a_value_of_a_rule_needs_its_unit(tmp_path):
    text = '[source]\ncitation = "coach"\nknown = "convention"\n[[rule]]\nname = "r"\nvalue = 3\n'
    with pytest.raises(ContentError, match="key 'unit' is ''; expected the unit of the value"):
        loader.read_rules(put(tmp_path, text + 'severity = "red"\nsentence = "s"\n'))


def test_fields_name_what_is_missing():
    with pytest.raises(ContentError, match="here: key 'a' is missing; expected one of x, y"):
        fields.Fields({}, "here").choice("a", ["x", "y"])
    with pytest.raises(ContentError, match="here: key 'a' is 3; expected a list of numbers"):
        fields.Fields({"a": 3}, "here").numbers("a")


# --- the method page -------------------------------------------------------------------------------------------------

METHOD = Path(__file__).parents[1] / "docs" / "method.md"


def example(kind):
    return METHOD.read_text(encoding="utf-8").split(f"```toml {kind}\n")[1].split("```")[0]


def test_examples_of_the_method_page_load(tmp_path):
    plan = evidence.plan(str(put(tmp_path, example("plan"))))
    assert [stage.name for stage in plan.stages] == ["soft", "firm"]
    who = evidence.load_person(put(tmp_path, example("person")))
    assert protocol.screening_locks(who.screening, on=date(2026, 11, 20), rules=evidence.rules()) == protocol.Locks()
    assert protocol.chosen_stage(evidence.plan(who.plan), who).name == "stage-1"
    ((level,), _, _) = loader.read_source_file(put(tmp_path, example("threshold")))
    assert level.frame == "NET"


def test_the_method_page_names_every_profile_and_the_numbers_that_decide():
    text = METHOD.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (*evidence.profiles(), *evidence.plans()))
    grading, rules = evidence.grading(), evidence.rules()
    said = [
        f"**{evidence.profile().magnitude.value:g} g**",
        f"**{evidence.profile().rate.value:g} g/s**",
        f"within {grading.peak_error_g:g} g, or a rate within {100 * grading.rate_error_fraction:g} %",
        f"from {100 * grading.target_tolerance:g} % on",
        f"within {grading.gap_margin_s:g} s of it",
        f"lies within {100 * grading.range_share:g} % of",
        f"at most {rules['one-rm-age'].value:g} days old",
        f"holds for {rules['screening-valid'].value:g} months",
        f"1 - exp(-t / {evidence.index_criteria().recovery_tau_h:g} h)",
        f"from {evidence.longwear_criteria().valid_day_wear_h:g} h of wear",
    ]
    assert [words for words in said if words not in " ".join(text.split())] == []
