"""`loadsense athlete, plan, report, export PERSON, forget`: on a real store, through the whole command line."""

import csv
import io
import json
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the dashboard is not installed (pip install 'loadsense[dashboard]')")

from loadsense import cli, evidence
from loadsense.people_cli import asking
from loadsense.store import open_store, people, wellbeing
from loadsense.store.backup import backup
from loadsense.store.importing import SensorFile, import_session
from loadsense.store.tables import SessionRow
from loadsense.store.wellbeing import AdverseFacts

PEOPLE = Path(__file__).parents[1] / "sample_recordings" / "people"
HIP = PEOPLE.parent / "simulated-stage-1-hip.csv.gz"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday, in week 48


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A store with p017 and p021 of a group, p017 with a fall, and a backup that holds both."""
    folder = tmp_path_factory.mktemp("gym")
    opened = open_store(folder / "loadsense.db", folder)
    with opened.writing() as tx:
        group = people.create_group(tx, "Tue/Thu", weekdays=[1, 3], tz="Europe/Madrid")
        tx.db.flush()
        for name in ("p017", "p021"):
            people.import_person(tx, PEOPLE / f"{name}.toml")
            people.change(tx, name, version=people.the_person(tx.db, name).version, group_id=group.id)
        fall = AdverseFacts(kind="fall", day=date(2026, 11, 12), words="slipped on the stairs")
        wellbeing.report_adverse(tx, "p017", fall)
    opened.close()
    return folder


@pytest.fixture
def run(made_once, tmp_path, monkeypatch, capsys):
    """`run("athlete list")` -> exit code, standard output and standard error."""
    shutil.copytree(made_once, tmp_path / "gym")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOADSENSE_STORE", str(tmp_path / "gym" / "loadsense.db"))
    monkeypatch.setattr(asking, "now", lambda: NOW)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    def ran(line, *more, typed=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = cli._code([*line.split(), *more])
        out = capsys.readouterr()
        return code, out.out, out.err

    return ran


def told(ran):
    """Standard output of what went well."""
    code, out, err = ran
    assert (code, err) == (0, "")
    return out


def refused(ran):
    """The one sentence of what did not."""
    code, out, err = ran
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


# -- athlete


def test_the_list_has_everybody_with_group_mass_and_last_session(run):
    assert told(run("athlete list")).splitlines() == [
        "person  group    body mass  last session",
        "p017    Tue/Thu  63.1 kg    -",
        "p021    Tue/Thu  58.4 kg    -",
    ]
    [first, _] = json.loads(told(run("athlete list --group Tue/Thu --json")))
    assert (first["person_id"], first["body_mass_kg"], first["last_day"]) == ("p017", 63.1, None)


def test_somebody_is_added_shown_archived_and_brought_back(run):
    assert told(run("athlete add p099 --group Tue/Thu --body-mass-kg 60")).startswith("added p099")
    assert "p099" in told(run("athlete list"))
    assert told(run("athlete show p099")).startswith("p099  no plan yet\n")
    assert told(run("athlete archive p099")) == "p099 is off the roster; everything about her stays\n"
    assert "p099" not in told(run("athlete list"))
    assert "p099" in told(run("athlete list --archived"))
    assert told(run("athlete archive p099 --back")) == "p099 is on the roster; everything about her stays\n"
    assert "p099" in told(run("athlete list"))


def test_show_has_two_doses_a_week_and_open_flags(run):
    lines = told(run("athlete show p017 --weeks 8")).splitlines()
    assert lines[0] == "p017  hirit, full"
    assert "LOCKED: locked since" in "".join(lines)
    assert "red: a fall was reported" in lines
    assert len([line for line in lines if line.startswith("2026-W")]) == 8
    page = json.loads(told(run("athlete show p017 --json")))
    assert (page["person_id"], len(page["landings"])) == ("p017", 12)


def test_a_file_is_taken_in_again_without_doubling_anything(run):
    assert told(run("athlete import", str(PEOPLE / "p021.toml"))) == "p021 is as p021.toml says\n"
    page = json.loads(told(run("plan show p021 --json")))
    assert len(page["history"]) == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("athlete show p099", "nobody has the pseudonym 'p099'; loadsense athlete list shows who is there"),
        ("athlete show p017 --weeks 99", "--weeks 99: expected 4 to 52"),
        ("athlete add Maria", "'Maria' cannot be a pseudonym"),
        ("athlete add p017", "p017 exists already"),
        ("athlete add p098 --group Wed", "unknown group 'Wed'"),
        ("athlete import nothing.toml", "nothing.toml"),
        ("athlete archive p099", "nobody has the pseudonym 'p099'"),
        ("plan show p099", "nobody has the pseudonym 'p099'"),
        ("plan set p099 --plan hirit", "nobody has the pseudonym 'p099'"),
        ("plan set p021 --plan hirt --reason x", "unknown plan 'hirt': did you mean 'hirit'?"),
        ("plan set p021 --stage stage-9 --reason x", "unknown stage of plan hirit 'stage-9'"),
        ("plan set p021 --from soon", "--from 'soon': expected a day such as 2026-11-23"),
        ("plan set p021 --load deadlift", "--load 'deadlift': expected a name, an equals sign and a number"),
        ("plan check nothing.toml", "nothing.toml"),
        ("report week --week soon", "'soon' is not a week"),
        ("report week --group Wed", "unknown group 'Wed'"),
        ("report week -o week.doc", "week.doc: expected a file name that ends with .html or .pdf"),
        ("report letter p017 --weeks 9", "--weeks 9: a letter tells of 8 or 12 weeks"),
        ("report letter p099", "nobody has the pseudonym 'p099'"),
        ("report letter p017 --since 2027-01-01", "which lies in the future"),
        ("forget p099 --yes", "nobody has the pseudonym 'p099'"),
        ("export p099", "nobody has the pseudonym 'p099'"),
        ("export hip.csv", "hip.csv is no pseudonym; for a BIDS dataset of recordings give --bids"),
        ("athlete list --store nowhere/loadsense.db", "nowhere is no folder"),
        ("athlete list --store gym", "gym is a folder; expected the path of a database in it"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, line, sentence):
    assert sentence in refused(run(line))


def test_a_wrong_path_makes_no_empty_store(run, tmp_path):
    assert "there is no store at" in refused(run("athlete list --store", str(tmp_path / "other.db")))
    assert not (tmp_path / "other.db").exists()


def test_the_first_person_makes_the_store(run, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    assert told(run("athlete add p001 --store", str(folder / "loadsense.db"))).startswith("added p001")
    assert "p001" in told(run("athlete list --store", str(folder / "loadsense.db")))


def test_without_the_packages_of_the_store_a_sentence_says_what_to_install(run, monkeypatch):
    from loadsense import cli_options

    monkeypatch.setattr(cli_options, "find_spec", lambda name: None)
    for line in ("athlete list", "plan show", "report week", "forget p017", "export p017"):
        assert "pip install 'loadsense[dashboard]'" in refused(run(line))


# -- plan


def test_plans_are_listed_and_what_is_asked_is_shown_with_why_nothing_is_suggested(run):
    assert "hirit" in told(run("plan show")).splitlines()
    lines = told(run("plan show p017")).splitlines()
    assert lines[0] == "p017  hirit, full, 2 sessions a week, 25 landings"
    assert lines[1].startswith("  locked: locked since")


def test_what_is_not_given_stays_as_it_is_asked(run):
    assert run("plan set p021 --target-landings 20 --load deadlift=40 --reason slower")[0] == 0
    assert run("plan set p021 --load back_squat=30 --reason slower")[0] == 0
    asked = json.loads(told(run("plan show p021 --json")))["asked"]
    assert (asked["landings"], asked["min_net_g"], asked["ceiling_net_g"]) == (20, 1.0, 2.0)
    assert asked["loads_kg"] == {"deadlift": 40.0, "back_squat": 30.0}
    assert asked["stage"]["name"] == "stage-1"


def test_another_stage_brings_its_own_band(run):
    assert run("plan set p021 --stage stage-2 --reason because")[0] == 0
    asked = json.loads(told(run("plan show p021 --json")))["asked"]
    assert asked["stage"]["name"] == "stage-2"
    assert (asked["min_net_g"], asked["ceiling_net_g"]) != (1.0, 2.0)


def test_what_speaks_against_a_change_is_said_and_needs_a_reason(run):
    code, out, err = run("plan set p021 --stage full")
    assert (code, out) == (2, "")
    assert "note: the ramp goes through stage-2, stage-3 first\n" in err
    assert "nothing was changed: give --reason to make it" in err
    assert len(json.loads(told(run("plan show p021 --json")))["history"]) == 1


def test_a_plan_file_is_checked_without_a_store(run, tmp_path, monkeypatch):
    monkeypatch.setenv("LOADSENSE_STORE", str(tmp_path / "nowhere.db"))
    path = Path(evidence.__file__).parent / "plans" / "hirit.toml"
    assert f"{path}: a good plan, hirit: 2 sessions a week" in told(run("plan check", str(path)))


# -- report


def test_the_week_is_written_in_the_form_of_its_suffix(run, tmp_path):
    out = told(run("report week --week 2026-W47 --group Tue/Thu -o week.html"))
    assert out.splitlines()[0] == "week.html"
    page = (tmp_path / "week.html").read_text("utf-8")
    assert "Week 2026-W47, from Mon 16 Nov 2026. Group: Tue/Thu. Printed Mon 23 Nov 2026, 10:00." in page
    assert json.loads(told(run("report week --week 2026-W47 --json")))["week"] == "2026-W47"


def test_a_letter_asks_for_names_and_keeps_them_on_the_page_alone(run, tmp_path):
    answers = "Ana Example\n\n\nDr Example\nC. Example\n\n\nMay she jump?\n"
    code, out, err = run("report letter p017 --ask -o letter.html", typed=answers)
    assert (code, out) == (0, "letter.html\n")
    assert "Ana Example" not in err
    page = (tmp_path / "letter.html").read_text("utf-8")
    for words in ("Ana Example", "C. Example", "Question: May she jump?", "slipped on the stairs"):
        assert words in page
    kept = b"".join(path.read_bytes() for path in (tmp_path / "gym").rglob("*") if path.is_file())
    assert b"Ana Example" not in kept


def test_a_letter_that_asks_nobody_leaves_lines_to_write_on(run, tmp_path):
    assert told(run("report letter p017 -o letter.html")) == "letter.html\n"
    assert '<dd class="blank"></dd>' in (tmp_path / "letter.html").read_text("utf-8")
    letter = json.loads(told(run("report letter p017 --json")))
    assert [one["words"] for one in letter["happened"]] == ["fall: slipped on the stairs"]


def test_answers_that_end_too_early_write_nothing(run, tmp_path):
    code, _, err = run("report letter p017 --ask -o letter.html", typed="Ana Example\n")
    assert code == 2
    assert "the input ended before the question was answered" in err
    assert not (tmp_path / "letter.html").exists()


def test_a_pdf_is_written_by_default(run, tmp_path):
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed (pip install 'loadsense[dashboard]')")
    assert told(run("report letter p017")) == "letter-p017.pdf\n"
    assert (tmp_path / "letter-p017.pdf").read_bytes().startswith(b"%PDF-")


def test_without_weasyprint_the_world_is_to_blame_and_html_is_offered(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    code, _, err = run("report letter p017")
    assert code == 1
    assert "a PDF needs WeasyPrint with Pango" in err


def test_a_place_that_cannot_be_written_is_the_worlds(run):
    code, _, err = run("report letter p017 -o nowhere/letter.html")
    assert code == 1
    assert "cannot be written" in err


# -- out, and gone


def test_everything_about_one_person_is_written_and_nothing_of_another(run, tmp_path):
    assert told(run("export p017 -o out")) == "out/p017\n"
    rows = [json.loads(line) for line in (tmp_path / "out/p017/tables/adverse_events.jsonl").read_text().splitlines()]
    assert [one["words"] for one in rows] == ["slipped on the stairs"]
    assert not [path for path in (tmp_path / "out").rglob("*.*l") if "p021" in path.read_text("utf-8")]
    assert "exists; expected a new folder" in refused(run("export p017 -o out"))
    assert json.loads(told(run("export p021 -o out --json"))) == [{"person": "p021", "folder": "out/p021"}]


def test_forgetting_says_what_goes_and_asks_for_her_pseudonym(run):
    code, out, err = run("forget p017", typed="p021\n")
    assert (code, out) == (2, "")
    assert "This removes p017: 0 sessions, 0 recordings, 0 files of samples. It cannot be undone." in err
    assert "what was typed is not p017; nothing was removed" in err
    assert "nothing was removed" in run("forget p017", typed="")[2]
    assert "p017" in told(run("athlete list"))
    code, out, _ = run("forget p017", typed="p017\n")
    assert (code, out) == (0, "removed p017: 0 sessions, 0 recordings, 0 files of samples\n")
    assert "p017" not in told(run("athlete list"))
    assert "p021" in told(run("athlete list"))


def test_forgetting_names_the_backups_that_still_hold_her(run, tmp_path):
    opened = open_store(tmp_path / "gym" / "loadsense.db", tmp_path / "gym")
    backup(opened, tmp_path / "monday.zip")
    opened.close()
    code, out, err = run("forget p017 --yes --json")
    assert code == 0
    assert json.loads(out)["backups"] == [str(tmp_path / "monday.zip")]
    code, _, err = run("forget p021 --yes")
    assert err == f"note: p021 is still in the backup {tmp_path / 'monday.zip'}: remove it by hand\n"


# -- sessions of a group and of some days


@pytest.fixture
def trained(run, tmp_path):
    """A session of p021 in a group whose name a spreadsheet would run; returns its day."""
    opened = open_store(tmp_path / "gym" / "loadsense.db", tmp_path / "gym")
    with opened.writing() as tx:
        group = people.create_group(tx, "=HYPERLINK(A1)", weekdays=[1], tz="Europe/Madrid")
        tx.db.flush()
        people.change(tx, "p021", version=people.the_person(tx.db, "p021").version, group_id=group.id)
    file = SensorFile(path=HIP, placement="hip", reading={"range_g": 16})
    made = import_session(opened, "p021", [file])
    with opened.reading() as db:
        day = db.get(SessionRow, made.session_id).day
    opened.close()
    return day


def test_sessions_of_a_group_and_of_some_days_come_out_as_a_table(run, trained, tmp_path):
    day, before = trained.isoformat(), (trained - timedelta(days=1)).isoformat()
    (row,) = csv.DictReader(io.StringIO(told(run("export --group =HYPERLINK(A1)"))))
    assert (row["person_id"], row["day"], row["group"]) == ("p021", day, "'=HYPERLINK(A1)")
    for words in (f"--since {day}", f"--until {day}", f"p021 --since {before} --until {day}"):
        assert [one["session_id"] for one in csv.DictReader(io.StringIO(told(run(f"export {words}"))))] == ["1"]
    (told_row,) = json.loads(told(run(f"export --since {day} --json")))["sessions"]
    assert (told_row["group"], told_row["landings_asked"]) == ("=HYPERLINK(A1)", 25)
    assert told(run(f"export --until {day} -o sessions.csv")) == "sessions.csv\n"
    assert "'=HYPERLINK(A1)" in (tmp_path / "sessions.csv").read_text()
    assert told(run(f"export --until {day} -o sessions.json")) == "sessions.json\n"
    assert json.loads((tmp_path / "sessions.json").read_text())["sessions"] == [told_row]


def test_sessions_of_a_group_come_out_as_a_bids_dataset(run, trained, tmp_path):
    assert told(run("export --group =HYPERLINK(A1) --bids -o out")) == "EXPORTED 1 recording to out\n"
    assert len(list((tmp_path / "out").rglob("sub-p021_*_motion.tsv"))) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--until 2020-01-01", "there is no session of these people in these days"),
        ("--until 2020-01-01 --bids -o none", "there is no session with samples of these people in these days"),
        ("--group Mon", "unknown group 'Mon'"),
        ("--since tomorrow", "--since 'tomorrow': expected a day such as 2026-11-23"),
        ("--since 2026-11-24 --until 2026-11-23", "lies after the last"),
        ("p021 --group Tue/Thu", "p021 and a group were named; expected people or a group"),
        ("p099 --since 2026-11-24", "nobody has the pseudonym 'p099'"),
        ("--since 2026-01-01 -o sessions.xlsx", "expected a file name that ends with .csv or .json"),
        ("", "nothing was named; give a pseudonym"),
        ("--bids", "nothing was named; give a pseudonym"),
    ],
)
def test_what_cannot_be_taken_out_is_said(run, trained, words, sentence):
    assert sentence in refused(run(f"export {words}"))


# -- backup, restore


def test_a_backup_is_written_and_comes_back_elsewhere(run, tmp_path):
    line = told(run("backup -o all.zip"))
    assert line.startswith("wrote all.zip: 2 people, 0 recordings, of 20")
    code, _, err = run("backup -o all.zip")
    assert (code, "all.zip exists; expected a new name" in err) == (2, True)
    out = told(run("restore all.zip --folder again", "--store", str(tmp_path / "again.db")))
    assert out.startswith("restored to again: 2 people, 0 recordings, of 20")
    assert "open it: loadsense serve --folder again --store sqlite:///" in out
    listed = json.loads(told(run("athlete list --json --store again.db --folder again")))
    assert {one["person_id"] for one in listed} == {"p017", "p021"}
    again = json.loads(told(run("restore all.zip --json --store third.db --folder third")))
    assert (again["people"], again["files"]) == (["p017", "p021"], 0)


def test_a_restore_changes_nothing_that_is_there(run, tmp_path):
    told(run("backup -o all.zip"))
    before = (tmp_path / "gym" / "loadsense.db").read_bytes()
    code, out, err = run("restore all.zip")  # the store of the environment, which is in use
    assert (code, out) == (2, "")
    assert "the database holds tables already; expected an empty one: nothing was changed" in err
    assert (tmp_path / "gym" / "loadsense.db").read_bytes() == before
    (tmp_path / "cut.zip").write_bytes((tmp_path / "all.zip").read_bytes()[:-40])
    for file, words in (("cut.zip", "not a backup of LoadSense, or cut off"), ("none.zip", "no such file")):
        code, _, err = run(f"restore {file} --folder new --store new.db")
        assert (code, words in err, len(err.strip().splitlines())) == (2, True, 1)
        assert not (tmp_path / "new.db").exists()
