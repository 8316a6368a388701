"""People and groups: added under pseudonyms, changed by two coaches without loss, archived and brought back."""

from datetime import date
from html import unescape

import pytest

from loadsense.store.backup import backup
from loadsense.store.tables import Group, OneRepMaxRow, PersonRow, PrescriptionRow, ScreeningRow
from loadsense.web.pages.people import MOST_FILE_BYTES

FILE = """
id = "p050"
body_mass_kg = 71.5
plan = "hirit"
stage = "stage-1"

[one_rm.deadlift]
kg = 60
date = 2026-11-02
method = "estimated from 5 of 50 kg"

[screening]
date = 2026-11-01
vertebral_fracture = "no"
"""


def told(answer):
    return unescape(answer.text).lower()


def rows(store, kind):
    with store.reading() as db:
        return {one.id: one for one in db.query(kind)}


def add(client, pseudonym, **form):
    return client("coach").post("/people", data={"pseudonym": pseudonym, **form})


def test_whoever_is_added_is_screened_next(client, store):
    answer = add(client, "p040", body_mass_kg="58.5", group_id="1")
    assert answer.headers["location"] == "/people/p040/record#screening"
    row = rows(store, PersonRow)["p040"]
    assert (row.body_mass_kg, row.group_id) == (58.5, 1)
    assert "p040" in client("coach").get("/people").text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"pseudonym": "Maria G."}, "cannot be a pseudonym; expected up to 32 of a-z, 0-9 and -, such as p017"),
        ({"pseudonym": "p017"}, "p017 exists already; expected a new pseudonym"),
        ({"pseudonym": "p041", "body_mass_kg": "631"}, "expected 20 to 300"),
        ({"pseudonym": "p041", "body_mass_kg": "nan"}, "something in the form cannot be used"),
        ({"pseudonym": "p041", "group_id": "99"}, "there is no group 99"),
        ({"pseudonym": "p041", "owner": "yes"}, "extra inputs are not permitted"),
        ({}, "field required"),
    ],
)
def test_what_cannot_be_is_told_and_nobody_is_added(client, store, form, sentence):
    before = rows(store, PersonRow)
    answer = client("coach").post("/people", data=form)
    assert answer.status_code == 422
    assert sentence.lower() in told(answer)
    assert rows(store, PersonRow).keys() == before.keys()


def test_the_second_of_two_tabs_is_told_what_the_first_changed(client, store):
    add(client, "p042", body_mass_kg="60")
    version = rows(store, PersonRow)["p042"].version
    first = client("coach").post("/people/p042/details", data={"version": version, "body_mass_kg": "61", "group_id": 1})
    assert first.headers["location"] == "/people#p042"
    headers = {"referer": "http://127.0.0.1/people"}
    late = client("owner").post(
        "/people/p042/details", data={"version": version, "body_mass_kg": "80"}, headers=headers
    )
    assert late.status_code == 409
    assert "person p042 was changed after you opened it: coach on" in told(late)
    assert "body mass kg" in late.text
    assert 'href="/people">Back to the page' in late.text
    row = rows(store, PersonRow)["p042"]
    assert (row.body_mass_kg, row.group_id) == (61.0, 1)


def test_a_way_back_leads_to_our_own_pages_only(client):
    headers = {"referer": "http://evil.example/people"}
    answer = client("coach").post("/people", data={"pseudonym": "No Name"}, headers=headers)
    assert "evil" not in answer.text
    assert "Back to the page" not in answer.text


def test_archived_is_off_the_roster_and_everything_stays(client, store):
    add(client, "p043")
    version = rows(store, PersonRow)["p043"].version
    client("coach").post("/people/p043/archive", data={"version": version})
    assert "p043" not in client("coach").get("/roster").text
    assert "Bring p043 back" in client("coach").get("/people").text
    assert "Archived: off the roster" in client("coach").get("/people/p043").text
    late = client("coach").post("/people/p043/bring-back", data={"version": version})
    assert late.status_code == 409
    client("coach").post("/people/p043/bring-back", data={"version": version + 1})
    assert rows(store, PersonRow)["p043"].archived_at is None
    assert "p043" in client("coach").get("/roster").text


def test_a_group_has_days_and_a_zone(client, store):
    form = {"name": "Mon/Fri", "weekdays": ["4", "0"], "tz": "America/New_York"}
    assert client("coach").post("/groups", data=form).headers["location"] == "/people#groups"
    (row,) = [one for one in rows(store, Group).values() if one.name == "Mon/Fri"]
    assert (row.weekdays, row.tz) == ([0, 4], "America/New_York")
    client("coach").post(f"/groups/{row.id}", data={**form, "name": "Mon and Fri", "version": row.version})
    late = client("coach").post(f"/groups/{row.id}", data={**form, "tz": "UTC", "version": row.version})
    assert late.status_code == 409
    changed = rows(store, Group)[row.id]
    assert (changed.name, changed.tz) == ("Mon and Fri", "America/New_York")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "Tue/Thu", "weekdays": "1", "tz": "UTC"}, "expected a name that no other group has"),
        ({"name": "New", "tz": "UTC"}, "expected some of 0 (Monday) to 6 (Sunday)"),
        ({"name": "New", "weekdays": "9", "tz": "UTC"}, "expected some of 0 (Monday) to 6 (Sunday)"),
        ({"name": "New", "weekdays": "1", "tz": "Mars/Olympus"}, "unknown time zone 'Mars/Olympus'"),
    ],
)
def test_a_group_that_cannot_be_is_told(client, store, form, sentence):
    before = rows(store, Group).keys()
    answer = client("coach").post("/groups", data=form)
    assert (answer.status_code, sentence.lower() in told(answer)) == (422, True)
    assert rows(store, Group).keys() == before


def bring(client, content, name="maria.toml"):
    return client("coach").post("/people/import", files={"file": (name, content, "text/plain")})


def test_a_file_brings_everything_that_it_says(client, store):
    assert bring(client, FILE).headers["location"] == "/people/p050/record"
    assert rows(store, PersonRow)["p050"].body_mass_kg == 71.5
    assert [one.kg for one in rows(store, OneRepMaxRow).values() if one.person_id == "p050"] == [60.0]
    assert [one.screened_on for one in rows(store, ScreeningRow).values() if one.person_id == "p050"] == [
        date(2026, 11, 1)
    ]
    assert [one.stage for one in rows(store, PrescriptionRow).values() if one.person_id == "p050"] == ["stage-1"]
    assert "since the beginning" in client("coach").get("/people/p050/plan").text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "no file was chosen, or it is empty"),
        ("id = ", "person.toml: not valid TOML"),
        ("body_mass_kg = 60", "key 'id' is missing; expected her pseudonym"),
        (FILE.replace("p050", "p051").replace("71.5", "7.15"), "body_mass_kg"),
        (FILE.replace("p050", "p051").replace("stage-1", "stage-9"), "stage-9"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        ("#" * (MOST_FILE_BYTES + 1), "larger than 64 KiB"),
    ],
)
def test_a_faulty_file_brings_nothing(client, store, content, sentence):
    before = rows(store, PersonRow).keys()
    answer = bring(client, content)
    assert (answer.status_code, sentence.lower() in told(answer)) == (422, True)
    assert "maria" not in answer.text
    assert rows(store, PersonRow).keys() == before


def test_a_viewer_reads_and_is_offered_no_change(client):
    text = client("viewer").get("/people").text
    assert "p017" in text
    assert '<form method="post" action="/people' not in text
    assert client("viewer").post("/people", data={"pseudonym": "p060"}).status_code == 403


# -- erased


def test_who_is_erased_is_named_by_hand_and_gone(client, store, tmp_path):
    add(client, "p070")
    held = tmp_path / "held.zip"
    backup(store, held)
    page = told(client("owner").get("/people/p070/erase"))
    assert "this removes 0 sessions, 0 recordings (0 files) and everything that was said of her" in page
    assert "1 backup still holds her" in page
    assert str(held).lower() in page
    for typed in ("", "p07", "P070"):
        answer = client("owner").post("/people/p070/erase", data={"pseudonym": typed})
        assert answer.status_code == 422
        assert "nothing was erased" in told(answer) or "pseudonym" in told(answer)
    assert "p070" in rows(store, PersonRow)
    answer = client("owner").post("/people/p070/erase", data={"pseudonym": "p070"})
    assert (answer.status_code, "p070 is erased" in told(answer)) == (200, True)
    assert str(held).lower() in told(answer)
    assert "p070" not in rows(store, PersonRow)
    assert "p070" not in client("owner").get("/people").text
    for again in (client("owner").get("/people/p070/erase"), client("owner").post("/people/p070/erase", data={})):
        assert again.status_code in (404, 422)
    log = told(client("owner").get("/settings/audit"))
    assert "erased" in log


def test_nobody_but_the_owner_is_offered_to_erase(client):
    add(client, "p071")
    assert "/people/p071/erase" in client("owner").get("/people").text
    assert "/people/p071/erase" not in client("coach").get("/people").text
    assert client("coach").post("/people/p071/erase", data={"pseudonym": "p071"}).status_code == 403
