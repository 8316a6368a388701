"""Reports, letters and exports: what they hold, whose they are, and that typed names stay on paper."""

import csv
import io
import json
import logging
import re
import zipfile
from datetime import UTC, date, datetime
from html import unescape

import pytest
from sqlalchemy import select

import loadsense as ls
from loadsense.readers.loadsense_format import write_recording
from loadsense.simulate import DropLanding, Sensor, Stand, simulate_session
from loadsense.store import people, wellbeing
from loadsense.store.importing import ImportOptions, SensorFile, import_session
from loadsense.store.tables import AuditRow, Group, SessionRow, Table
from loadsense.store.wellbeing import AdverseFacts, PainFacts

START = datetime(2026, 11, 17, 16, tzinfo=UTC)  # a Tuesday of week 47
SECRETS = {
    "patient": "Ana Example",
    "born": "3 May 1958",
    "patient_number": "12-345-678",
    "to": "Dr Example, Bone Clinic",
    "sender": "Carla Example",
    "sender_role": "physiologist",
    "contact": "carla@example.org",
    "question": "May she land from 20 cm?",
}


@pytest.fixture(scope="module", autouse=True)
def session_id(store, tmp_path_factory):
    """One session of p017 with six landings at the hip, a fall and a pain; nothing of p021."""
    script = [Stand(duration_s=4.0), *[DropLanding(height_m=0.2, pause_s=1.5)] * 6, Stand(duration_s=3.0)]
    made = simulate_session(script, sensor=Sensor(sampling_rate_hz=200.0), seed=7)
    facts = {"placement": "hip", "range_g": 16.0, "start": START, "tz": "Europe/Madrid"}
    recording = ls.Recording.from_arrays(made.accel_g, sampling_rate_hz=200.0, **facts)
    path = write_recording(recording, tmp_path_factory.mktemp("hip") / "hip.loadsense.parquet").path
    options = ImportOptions(loads_kg={"deadlift": 42.5}, rpe=14, rpe_scale="borg", note="=cmd|' /C calc'!A0")
    found = import_session(store, "p017", [SensorFile(path=path, placement="hip")], options=options, by_user=1)
    with store.writing(1) as tx:
        fall = AdverseFacts(kind="fall", day=date(2026, 11, 12), words="slipped on the stairs")
        wellbeing.report_adverse(tx, "p017", fall)
        wellbeing.report_pain(tx, "p017", PainFacts(day=date(2026, 11, 17), site="knee", onset="usual", after=2))
        people.create_group(tx, "=1+1", weekdays=[0], tz="UTC")
    return found.session_id


def told(answer):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def letter(client, **form):
    return client("coach").post("/people/p017/letter", data=form)


# -- the letter


def test_the_letter_tells_what_the_store_knows(client):
    words = told(letter(client, **SECRETS))
    for expected in ("fall: slipped on the stairs", "knee 1 – 2 –", "deadlift 42.5 kg", "14 (Borg 6-20)", "g net"):
        assert expected in words
    assert re.search(r"hip 1 6 [\d.]+ to [\d.]+ g net", words)
    assert "sampled at 200 Hz" in words
    assert words.index("slipped on the stairs") < words.index("Screening") < words.index("deadlift")


def test_what_was_typed_is_on_the_letter_and_nowhere_else(client, store, caplog, tmp_path):
    with caplog.at_level(logging.DEBUG):
        answer = letter(client, **SECRETS)
    assert answer.headers["cache-control"] == "no-store"
    assert all(secret in told(answer) for secret in SECRETS.values())
    with store.reading() as db:
        rows = " ".join(str(row) for table in Table.metadata.sorted_tables for row in db.execute(select(table)))
    for secret in SECRETS.values():
        assert secret not in caplog.text
        assert secret not in rows
        assert secret not in str(answer.request.url)


def test_a_pdf_comes_in_the_answer_and_is_not_kept_on_the_way(client):
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed (pip install 'loadsense[dashboard]')")
    answer = letter(client, make="pdf", **SECRETS)
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'inline; filename="letter-p017-2026-11-23.pdf"'


def test_without_weasyprint_the_page_is_still_there_and_says_what_to_do(client, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    answer = letter(client, make="pdf")
    assert answer.status_code == 503
    assert "PDF needs WeasyPrint with Pango" in told(answer)
    assert letter(client).status_code == 200


def test_what_was_typed_can_be_changed_before_printing(client):
    page = letter(client, weeks="8", **SECRETS).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert {name: unescape(value) for name, value in fields.items()} == {"weeks": "8", **SECRETS}
    again = client("coach").post("/people/p017/letter", data={**fields, "make": "form"})
    assert 'name="patient" maxlength="120" value="Ana Example"' in again.text
    assert "<option selected>8</option>" in again.text


def test_a_letter_needs_no_script_and_no_style_of_its_own(client):
    page = letter(client).text
    assert "<style" not in page
    assert "<script" not in page
    assert " style=" not in page
    assert '<link rel="stylesheet" href="/static/paper.css">' in page
    assert "@page" in client("coach").get("/static/paper.css").text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"weeks": "9"}, "weeks"),
        ({"since": "2027-01-01"}, "which lies in the future; expected 2026-11-23 or an earlier day"),
        ({"patient": "x" * 121}, "at most 120 characters"),
        ({"question": "x" * 401}, "at most 400 characters"),
        ({"role": "owner"}, "extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_is_told_without_repeating_what_was_typed(client, form, sentence):
    answer = letter(client, born="3 May 1958", **form)
    assert answer.status_code == 422
    assert sentence in told(answer)
    assert "3 May 1958" not in answer.text
    assert "xxx" not in answer.text


def test_the_last_letter_leaves_out_what_was_told_in_it(client):
    words = told(letter(client, since="2026-11-15"))
    assert "slipped on the stairs" not in words
    assert "knee 1 – 2 –" in words


@pytest.mark.parametrize("path", ["/people/p099/letter", "/people/p099/export"])
def test_nobody_has_no_letter_and_no_export(client, path):
    assert client("coach").get(path).status_code == 404
    if path.endswith("letter"):
        assert client("coach").post(path, data={}).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "athlete"])
@pytest.mark.parametrize("path", ["/people/p017/letter", "/people/p017/export", "/exports/sessions"])
def test_only_a_coach_writes_letters_and_takes_data_out(client, role, path):
    assert client(role).get(path).status_code == 403


# -- the week


def test_the_weekly_report_is_the_roster_on_paper(client):
    words = told(client("viewer").get("/reports/week?week=2026-W47"))
    assert "Week 2026-W47, from Mon 16 Nov 2026" in words
    assert words.index("Needs attention") < words.rindex("p017")
    assert "missed Tuesday and Thursday" in words
    assert "knee" not in words


def test_the_weekly_report_of_a_group_as_pdf(client):
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed (pip install 'loadsense[dashboard]')")
    answer = client("viewer").get("/reports/week.pdf", params={"week": "2026-W47", "group": "Tue/Thu"})
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-disposition"] == 'inline; filename="week-2026-W47.pdf"'


def test_a_week_that_is_none_is_told(client):
    answer = client("viewer").get("/reports/week?week=soon")
    assert answer.status_code == 422
    assert "'soon' is not a week" in told(answer)


def test_reports_offer_a_viewer_the_week_alone(client):
    assert "/people/p017/letter" in client("coach").get("/reports").text
    page = client("viewer").get("/reports").text
    assert "/reports/week" in page
    assert "letter" not in page
    assert "/exports" not in page


# -- exports


def exported(client, **query):
    return client("coach").get("/exports/sessions", params=query)


def test_sessions_as_csv_have_a_row_each_with_empty_cells_for_the_unknown(client, session_id):
    answer = exported(client, person="p017")
    assert answer.headers["content-disposition"] == 'attachment; filename="sessions-p017-2026-11-23.csv"'
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["person_id"], row["session_id"], row["day"]) == ("p017", str(session_id), "2026-11-17")
    assert (row["week"], row["placement"], row["rpe"], row["rpe_scale"]) == ("2026-W47", "hip", "14.0", "borg")
    assert row["lift_sets_met"] == ""


def test_no_cell_of_text_begins_a_formula(client, store):
    with store.writing(1) as tx:
        evil = tx.db.scalars(select(Group).where(Group.name == "=1+1")).one()
        people.change(tx, "p017", version=tx.db.get(people.PersonRow, "p017").version, group_id=evil.id)
    try:
        [row] = csv.DictReader(io.StringIO(exported(client, person="p017").text))
        assert row["group"] == "'=1+1"
        assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in row.values())
    finally:
        with store.writing(1) as tx:
            group = tx.db.scalars(select(Group).where(Group.name == "Tue/Thu")).one()
            people.change(tx, "p017", version=tx.db.get(people.PersonRow, "p017").version, group_id=group.id)


def test_sessions_as_json_have_null_for_the_unknown(client):
    content = exported(client, group="Tue/Thu", form="json").json()
    assert content["made_at"] == "2026-11-23T09:00:00+00:00"
    [row] = content["sessions"]
    assert row["person_id"] == "p017"
    assert row["lift_sets_met"] is None
    assert row["loads_kg"] == {"deadlift": 42.5}


def test_recordings_as_bids_come_as_a_zip(client):
    answer = exported(client, group="Tue/Thu", form="bids")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as dataset:
        names = dataset.namelist()
        assert json.loads(dataset.read("dataset_description.json"))["BIDSVersion"]
    assert any(re.fullmatch(r"sub-p017/ses-\w+/motion/.*_motion\.tsv", name) for name in names)
    assert not any("p021" in name for name in names)


@pytest.mark.parametrize("form", ["csv", "bids"])
def test_days_without_a_session_give_a_sentence(client, form):
    answer = exported(client, last="2026-11-01", form=form)
    assert answer.status_code == 422
    assert "of these people in these days; expected at least one" in told(answer)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"person": "p099"}, "nobody has the pseudonym 'p099'"),
        ({"group": "Mon"}, "unknown group 'Mon'"),
        ({"first": "2026-11-20", "last": "2026-11-01"}, "the first day, 2026-11-20, lies after the last, 2026-11-01"),
        ({"form": "xlsx"}, "something in the form cannot be used"),
    ],
)
def test_a_choice_that_cannot_be_is_told(client, query, sentence):
    answer = exported(client, **query)
    assert answer.status_code == 422
    assert sentence.lower() in told(answer).lower()


def test_everything_about_one_person_is_hers_alone_and_is_audited(client, store, session_id):
    answer = client("coach").get("/people/p017/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        sessions = [json.loads(line) for line in made.read("p017/tables/sessions.jsonl").splitlines()]
        everything = b"".join(made.read(name) for name in made.namelist() if name.endswith("l"))
    assert [one["id"] for one in sessions] == [session_id]
    assert b"p021" not in everything
    with store.reading() as db:
        audited = db.scalars(select(AuditRow).where(AuditRow.action == "exported")).all()
        n = len(db.scalars(select(SessionRow)).all())
    assert [one.person_id for one in audited] == ["p017"]
    assert n == 1
