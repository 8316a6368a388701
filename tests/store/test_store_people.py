"""People: pseudonyms, what was said of them by day, prescriptions, flags, and two coaches at once."""

from datetime import date

import pytest
from sqlalchemy import select

from loadsense import evidence
from loadsense.errors import Conflict, ContentError, OptionError
from loadsense.prescriptions import OneRepMax, Screening
from loadsense.store import flags, people, prescribing, wellbeing
from loadsense.store.prescribing import Asked, Decision
from loadsense.store.tables import ContextNote, Group, PersonRow, PrescriptionRow
from loadsense.store.wellbeing import AdverseFacts, DxaFacts, PainFacts

DAY = date(2026, 11, 20)
PLAN = """
name = "own-drops"
title = "Drops of our own"
sessions_per_week = 2
supervised = true
needs_screening = false
max_rpe = { "0-10" = 7 }
[source]
citation = "the coach"
known = "convention"
[[stage]]
name = "one"
description = "six landings"
landings = 6
"""


def said(store, call, *args, **facts):
    with store.writing() as tx:
        return call(tx, *args, **facts)


def read(store, call, *args, **facts):
    with store.reading() as db:
        return call(db, *args, **facts)


def test_a_person_file_comes_in_as_the_command_line_reads_it(store):
    from pathlib import Path

    path = Path(__file__).parents[2] / "sample_recordings" / "people" / "p017.toml"
    assert read(store, people.person_at, "p017", DAY) == evidence.load_person(path)


def test_the_same_person_file_again_adds_nothing(store, tmp_path):
    path = tmp_path / "p021.toml"
    path.write_text('id = "p021"\nplan = "hirit"\nstage = "stage-1"\n[band]\nmin_net_g = 1.0\nceiling_net_g = 2.0\n')
    before = read(store, people.person_at, "p021", DAY)
    assert said(store, people.import_person, path) == "p021"
    with store.reading() as db:
        assert len(db.scalars(select(PrescriptionRow).where(PrescriptionRow.person_id == "p021")).all()) == 1
    assert read(store, people.person_at, "p021", DAY) == before
    path.write_text('id = "p021"\nbody_mass_kg = 59.0\n')
    said(store, people.import_person, path)
    assert read(store, people.person_at, "p021", DAY).body_mass_kg == 59.0


def test_a_person_file_without_a_pseudonym_is_refused(store, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("body_mass_kg = 60.0\n")
    with pytest.raises(OptionError, match=r"x.toml: key 'id' is missing; expected her pseudonym"):
        said(store, people.import_person, path)


@pytest.mark.parametrize("name", ["", "Maria", "p 1", "-p1", "p" * 33, "../etc"])
def test_a_name_is_no_pseudonym(store, name):
    with pytest.raises(OptionError, match="cannot be a pseudonym; expected up to 32 of a-z, 0-9 and -"):
        said(store, people.create, name)


def test_what_cannot_be_of_a_person_is_refused(store):
    for call, words in (
        (lambda tx: people.create(tx, "p021"), "p021 exists already"),
        (lambda tx: people.create(tx, "p030", body_mass_kg=6.0), "body mass 6 kg; expected 20 to 300 kg"),
        (lambda tx: people.create(tx, "p030", group_id=9), "there is no group 9"),
        (lambda tx: people.change(tx, "p999", version=1), "nobody has the pseudonym 'p999'"),
        (lambda tx: people.create_group(tx, "A", weekdays=[7], tz="UTC"), "weekdays .7.; expected some of 0"),
        (lambda tx: people.create_group(tx, "A", weekdays=[1], tz="Mars/Base"), "unknown time zone 'Mars/Base'"),
        (lambda tx: people.create_group(tx, " ", weekdays=[1], tz="UTC"), "a group cannot be called ''"),
        (lambda tx: people.screen(tx, "p021", Screening()), "the screening has no date"),
        (lambda tx: people.add_one_rm(tx, "p021", one_rm(DAY, kg=0.5)), "a maximum of 0.5 kg"),
    ):
        with pytest.raises(OptionError, match=words):
            said(store, call)


def one_rm(day, kg=80.0):
    return OneRepMax(exercise="deadlift", kg=kg, measured_on=day, method="tested")


def test_two_coaches_at_once_lose_nothing(store):
    """Both opened version 1; the second is told what the first changed and can repeat hers."""
    group = said(store, people.create_group, "Tue", weekdays=[1], tz="Europe/Madrid")
    said(store, people.change, "p021", version=1, body_mass_kg=58.0)
    with pytest.raises(
        Conflict, match=r"person p021 was changed after you opened it: loadsense on .* \(body mass kg\);"
    ):
        said(store, people.change, "p021", version=1, group_id=group.id)
    said(store, people.change, "p021", version=2, group_id=group.id)
    row = read(store, lambda db: db.get(PersonRow, "p021"))
    assert (row.body_mass_kg, row.group_id, row.version) == (58.0, group.id, 3)


def test_saving_what_is_there_already_changes_no_version(store):
    with store.writing() as tx:
        people.change(tx, "p021", version=1, body_mass_kg=58.4)
    assert read(store, lambda db: db.get(PersonRow, "p021").version) == 1


def test_groups_change_and_people_are_archived_and_come_back(store):
    group = said(store, people.create_group, "Tue", weekdays=[3, 1, 1], tz="Europe/Madrid")
    assert group.weekdays == [1, 3]
    said(store, people.change_group, group.id, version=1, name="Tue/Thu")
    with pytest.raises(Conflict, match="group 1 was changed after you opened it"):
        said(store, people.change_group, group.id, version=1, tz="UTC")
    assert read(store, lambda db: db.get(Group, group.id).name) == "Tue/Thu"
    assert said(store, people.archive, "p021", version=1).archived_at is not None
    assert said(store, people.bring_back, "p021", version=2).archived_at is None


def test_she_is_judged_as_she_was_known_on_the_day(store):
    said(store, people.add_one_rm, "p021", one_rm(date(2026, 11, 10), kg=60.0))
    said(store, people.add_one_rm, "p021", one_rm(date(2026, 12, 1), kg=70.0))
    said(store, prescribing.prescribe, "p021", Asked(from_day=date(2026, 12, 1), plan="hirit", stage="stage-2"))
    early, late = (read(store, people.person_at, "p021", day) for day in (DAY, date(2026, 12, 24)))
    assert [(p.stage, max(one.kg for one in p.one_rms)) for p in (early, late)] == [
        ("stage-1", 60.0),
        ("stage-2", 70.0),
    ]


@pytest.mark.parametrize(
    ("happened", "ended_by"),
    [
        (AdverseFacts(kind="fall", day=date(2026, 11, 10), words="on the stairs"), "fall"),
        (AdverseFacts(kind="suspected fracture", day=date(2026, 11, 10), words=""), "fracture"),
        (AdverseFacts(kind="other", day=date(2026, 11, 10), words=""), ""),
        (AdverseFacts(kind="fall", day=date(2026, 11, 1), words="before she was screened"), ""),
        (AdverseFacts(kind="fall", day=DAY, words="in this very session"), ""),
        (PainFacts(day=date(2026, 11, 10), site="lower back", onset="new", after=1), "new back pain"),
        (PainFacts(day=date(2026, 11, 10), site="knee", onset="new", after=1), ""),
        (PainFacts(day=date(2026, 11, 10), site="back", onset="usual", after=1), ""),
    ],
)
def test_a_screening_ends_at_a_fall_a_fracture_or_new_back_pain(store, happened, ended_by):
    report = wellbeing.report_adverse if isinstance(happened, AdverseFacts) else wellbeing.report_pain
    said(store, report, "p021", happened)
    assert read(store, people.person_at, "p021", DAY).screening.ended_by == ended_by


def test_a_new_screening_counts_again(store):
    said(store, wellbeing.report_adverse, "p021", AdverseFacts(kind="fall", day=date(2026, 11, 10), words="x"))
    known = read(store, people.person_at, "p021", DAY).screening
    again = Screening(**{**_fields(known), "screened_on": date(2026, 11, 12), "ended_by": ""})
    said(store, people.screen, "p021", again)
    assert read(store, people.person_at, "p021", DAY).screening == again
    assert read(store, people.person_at, "p021", date(2026, 11, 11)).screening.ended_by == "fall"


def _fields(screening):
    return {name: getattr(screening, name) for name in Screening.__dataclass_fields__}


def test_a_screening_of_a_later_day_is_handed_on_and_unlocks_nothing(store):
    person = read(store, people.person_at, "p021", date(2026, 10, 1))
    assert person.screening.screened_on == date(2026, 11, 2)


# -- prescriptions


def test_a_decision_keeps_the_suggestion_the_reason_and_who(store):
    shown = {"exercise": "back_squat", "action": "step up", "change": "+2.5 kg"}
    with pytest.raises(OptionError, match="kept without a reason"):
        said(store, prescribing.decide, "p021", Decision(suggestion=shown, decision="kept", reason=" ", from_day=DAY))
    kept = said(
        store, prescribing.decide, "p021", Decision(suggestion=shown, decision="kept", reason="knee sore", from_day=DAY)
    )
    assert (kept.stage, kept.decision, kept.reason, kept.suggestion) == ("stage-1", "kept", "knee sore", shown)
    asked = Asked(from_day=DAY, plan="hirit", stage="stage-1", loads_kg={"back_squat": 42.5})
    row = said(
        store,
        prescribing.decide,
        "p021",
        Decision(suggestion=shown, decision="accepted", reason="", from_day=date(2026, 11, 24)),
        asked=asked,
    )
    assert (row.from_day, row.loads_kg) == (date(2026, 11, 24), {"back_squat": 42.5})
    assert read(store, prescribing.prescription_at, "p021", DAY).id == kept.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plan": "hirits"}, "unknown plan 'hirits': did you mean 'hirit'"),
        ({"stage": "stage-9"}, "unknown stage of plan hirit"),
        ({"min_net_g": 5.0, "ceiling_net_g": 2.0}, "expected a minimum below the ceiling"),
        ({"target_landings": 0}, "0 landings; expected 1 to 1000"),
        ({"loads_kg": {"deadlift": 0.0}}, "deadlift at 0 kg"),
    ],
)
def test_a_prescription_that_cannot_be_is_refused(store, change, words):
    with pytest.raises(OptionError, match=words):
        said(store, prescribing.prescribe, "p021", Asked(**{"from_day": DAY, "plan": "hirit", **change}))


def test_own_plans_have_versions_and_the_newest_holds(store):
    said(store, prescribing.save_plan, PLAN)
    with pytest.raises(Conflict, match="a plan 'own-drops' exists already; nothing was overwritten"):
        said(store, prescribing.save_plan, PLAN)
    said(store, prescribing.save_plan, PLAN.replace("landings = 6", "landings = 8"), version=1)
    with pytest.raises(Conflict, match="plan own-drops was changed after you opened it"):
        said(store, prescribing.save_plan, PLAN, version=1)
    assert read(store, prescribing.plan_named, "own-drops").full.landings == 8
    assert read(store, prescribing.plan_names)[-1] == "own-drops"
    with pytest.raises(ContentError, match=r"plan.toml: key 'title' is missing"):
        said(store, prescribing.save_plan, PLAN.replace("title", "# title"))
    with pytest.raises(OptionError, match="'hirit' comes with loadsense"):
        said(store, prescribing.save_plan, PLAN.replace("own-drops", "hirit"))


# -- flags


def test_new_back_pain_is_red_and_only_a_named_clearance_closes_it(store):
    said(store, wellbeing.report_pain, "p021", PainFacts(day=DAY, site="back", onset="sudden", after=2))
    [flag] = read(store, flags.open_flags, "p021")
    assert (flag.rule, flag.severity) == ("new-back-pain", "red")
    said(store, flags.acknowledge, flag.id, "seen", version=1)
    assert [one.id for one in read(store, flags.open_flags, "p021")] == [flag.id]
    with pytest.raises(OptionError, match="nobody is named; expected who cleared her"):
        said(store, flags.clear, flag.id, by=" ", on=date(2030, 1, 1), version=2)
    with pytest.raises(OptionError, match="before the flag of"):
        said(store, flags.clear, flag.id, by="Dr. A", on=date(2020, 1, 1), version=2)
    with pytest.raises(Conflict, match=f"flag {flag.id} was changed after you opened it"):
        said(store, flags.clear, flag.id, by="Dr. A", on=date(2030, 1, 1), version=1)
    cleared = said(store, flags.clear, flag.id, by="Dr. A", on=date(2030, 1, 1), version=2)
    assert (cleared.cleared_by, cleared.cleared_on) == ("Dr. A", date(2030, 1, 1))
    assert read(store, flags.open_flags, "p021") == ()


def test_pain_is_judged_by_the_rules_and_the_day_after_too(store):
    for _ in range(3):
        said(store, wellbeing.report_pain, "p021", PainFacts(day=DAY, site="knee", onset="usual", before=1, after=1))
    assert read(store, flags.open_flags, "p021") == ()
    row = said(store, wellbeing.report_pain, "p021", PainFacts(day=DAY, site="knee", onset="usual", before=1, after=3))
    assert [one.rule for one in read(store, flags.open_flags, "p021")] == ["pain-rise"]
    said(store, wellbeing.add_pain_after_24h, row.id, 2)
    assert [one.rule for one in read(store, flags.open_flags, "p021")] == ["pain-rise", "pain-after-24h"]
    with pytest.raises(OptionError, match="the pain after 24 h was given already"):
        said(store, wellbeing.add_pain_after_24h, row.id, 2)
    with pytest.raises(OptionError, match="pain of 11; expected 0 to 10"):
        said(store, wellbeing.report_pain, "p021", PainFacts(day=DAY, site="knee", onset="usual", before=11))
    with pytest.raises(OptionError, match="unknown onset"):
        said(store, wellbeing.report_pain, "p021", PainFacts(day=DAY, site="knee", onset="old"))


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("fall", "fall-like-event"),
        ("suspected fracture", "suspected-fracture"),
        ("chest pain or faintness", "chest-pain-or-faintness"),
    ],
)
def test_adverse_events_are_red(store, kind, rule):
    said(store, wellbeing.report_adverse, "p021", AdverseFacts(kind=kind, day=DAY, words="x"))
    [flag] = read(store, flags.open_flags, "p021")
    assert (flag.rule, flag.severity) == (rule, "red")


def test_other_events_raise_nothing_and_unknown_ones_are_refused(store):
    said(store, wellbeing.report_adverse, "p021", AdverseFacts(kind="other", day=DAY, words="x"))
    assert read(store, flags.open_flags, "p021") == ()
    with pytest.raises(OptionError, match="unknown kind of event 'falls': did you mean 'fall'"):
        said(store, wellbeing.report_adverse, "p021", AdverseFacts(kind="falls", day=DAY, words="x"))


def test_bone_density_and_notes(store):
    dxa = DxaFacts(measured_on=DAY, site="lumbar spine", bmd_g_per_cm2=0.91, t_score=-1.8, machine="A", centre="B")
    assert said(store, wellbeing.add_dxa, "p021", dxa).id == 1
    with pytest.raises(OptionError, match="it is the BMD, not the T-score"):
        said(store, wellbeing.add_dxa, "p021", DxaFacts(**{**_dxa(dxa), "bmd_g_per_cm2": -1.8}))
    note = said(store, wellbeing.add_note, "p021", DAY, " therapy began ")
    assert note.words == "therapy began"
    with pytest.raises(OptionError, match="a note of 0 characters"):
        said(store, wellbeing.add_note, "p021", DAY, " ")
    said(store, wellbeing.remove_note, note.id)
    assert read(store, lambda db: db.scalars(select(ContextNote)).all()) == []


def _dxa(dxa):
    return {name: getattr(dxa, name) for name in DxaFacts.__dataclass_fields__}
