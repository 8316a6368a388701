"""`loadsense export --bids`: many files, their names in the dataset, and what one bad file must not spoil."""

import csv
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from loadsense import cli
from loadsense.cohort.exporting import BidsOptions, export_files
from loadsense.errors import OptionError
from loadsense.simulate import Dialect, DropLanding, Sensor, Stand, simulate_session
from loadsense.simulate.files import csv_text

DIALECT = Dialect(columns=("time", "x", "y", "z"), unit="g", clock="naive")


@pytest.fixture(scope="session")
def texts():
    """Three short recordings of one afternoon, no two alike."""

    def text(n):
        script = [Stand(duration_s=3.0), *[DropLanding(pause_s=1.0)] * (1 + n), Stand(duration_s=3.0)]
        made = simulate_session(script, sensor=Sensor(placement="hip", sampling_rate_hz=50.0, range_g=16.0), seed=n)
        return csv_text(made, DIALECT, datetime(2026, 11, 20, 15 + n, 30))

    return [text(n) for n in range(3)]


@pytest.fixture
def data(tmp_path, texts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    for n, text in enumerate(texts):
        (folder / f"p{n}.csv").write_text(text)
    return folder


def people(text):
    Path("people.csv").write_text(text, encoding="utf-8")


def motions(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*_motion.tsv"))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_files_become_subjects_with_their_events(data, tmp_path, capsys):
    words = ["export", "--bids", "data", "--placement", "hip", "--tz", "Europe/Madrid", "--task", "hirit", "-o", "out"]
    assert cli._code(words) == 0
    said = capsys.readouterr().out.splitlines()
    names = [f"sub-p{n}/ses-20261120/motion/sub-p{n}_ses-20261120_task-hirit_tracksys-hip_motion.tsv" for n in range(3)]
    assert said == [*(f"out/{name}" for name in names), "EXPORTED 3 of 3 files to out"]
    assert motions(tmp_path / "out") == names
    for n, name in enumerate(names):
        stem = tmp_path / "out" / name.removesuffix("_motion.tsv")
        kinds = ("motion.tsv", "motion.json", "channels.tsv", "events.tsv", "events.json")
        assert all(stem.with_name(f"{stem.name}_{kind}").stat().st_size > 0 for kind in kinds)
        events = table(stem.with_name(f"{stem.name}_events.tsv"))
        assert [event["trial_type"] for event in events] == ["landing"] * (1 + n)
    subjects = [row["participant_id"] for row in table(tmp_path / "out" / "participants.tsv")]
    assert subjects == ["sub-p0", "sub-p1", "sub-p2"]


def test_a_bad_file_is_said_and_stops_no_other(data, tmp_path, capsys):
    (data / "p1.csv").write_text("nonsense\n")
    words = ["export", "--bids", "data", "missing.csv", "--placement", "hip", "-o", "out", "--quiet"]
    assert cli._code(words) == 2
    said = capsys.readouterr()
    assert said.out == "EXPORTED 2 of 4 files to out\n"
    missing, bad = said.err.splitlines()
    assert missing == "error: missing.csv: no such file or folder; check the name"
    assert re.match(r"error: .*p1\.csv", bad)
    assert len(motions(tmp_path / "out")) == 2


def test_the_manifest_says_whose_and_where(data, tmp_path, capsys):
    people("participant,file,tz,placement\np-017,p0.csv,Europe/Madrid,lower_back\np-021,p1.csv,,hip\n")
    assert cli._code(["export", "--bids", "data", "--manifest", "people.csv", "-o", "out", "--json"]) == 2
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert [one["motion"] and one["motion"].rsplit("/", 1)[1] for one in told] == [
        "sub-p017_ses-20261120_task-session_tracksys-lowerback_motion.tsv",
        "sub-p021_ses-20261120_task-session_tracksys-hip_motion.tsv",
        None,
    ]
    reason = "no row of people.csv names this file: its participant is unknown; add a row for it, or leave the file out"
    assert told[2]["error"] == reason
    assert said.err == f"error: data/p2.csv: {reason}\n"


def test_two_recordings_of_one_day_get_runs_and_keep_them(data, tmp_path):
    people("participant,file\n" + "".join(f"p017,p{n}.csv\n" for n in range(3)))
    options = BidsOptions(task="hirit", manifest="people.csv", reading=(("placement", "hip"),))

    def runs(*paths):
        return [one.motion.name.split("tracksys-hip")[1] for one in export_files(list(paths), "out", options)]

    assert runs("data") == ["_motion.tsv", "_run-2_motion.tsv", "_run-3_motion.tsv"]
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert runs("data") == ["_motion.tsv", "_run-2_motion.tsv", "_run-3_motion.tsv"]
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    part = BidsOptions(task="hirit", subject="p017", reading=(("placement", "hip"), ("start", "4")))
    (cut,) = export_files(["data/p2.csv"], "out", part)
    assert cut.motion.name.endswith("_run-4_motion.tsv")
    assert len(table(tmp_path / "out" / "sub-p017" / "ses-20261120" / "sub-p017_ses-20261120_scans.tsv")) == 4


def test_a_recording_without_a_clock_has_no_session_unless_one_is_given(data):
    rows = (data / "p0.csv").read_text().splitlines()
    (data / "p0.csv").write_text("\n".join(row.partition(",")[2] for row in rows) + "\n")
    reading = (("placement", "hip"), ("sampling_rate_hz", 50.0))
    (one,) = export_files(["data/p0.csv"], "out", BidsOptions(task="still", reading=reading))
    assert one.motion.as_posix().endswith("out/sub-p0/motion/sub-p0_task-still_tracksys-hip_motion.tsv")
    (named,) = export_files(["data/p0.csv"], "out", BidsOptions(task="still", session="pre", reading=reading))
    assert "/sub-p0/ses-pre/motion/" in named.motion.as_posix()


def test_what_is_wrong_for_every_file_is_said_once(data, capsys):
    assert cli._code(["export", "--bids", "data", "--task", "drop landings"]) == 2
    assert "task-drop landings: expected letters and digits only" in capsys.readouterr().err
    assert cli._code(["export", "--bids", "data", "--tz", "Mars"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert cli._code(["export", "data"]) == 2
    assert capsys.readouterr().err == ("error: data is no pseudonym; for a BIDS dataset of recordings give --bids\n")
    people("participant,path\n")
    assert cli._code(["export", "--bids", "data", "--manifest", "people.csv"]) == 2
    assert "no column file" in capsys.readouterr().err


def test_a_dataset_that_cannot_be_understood_is_left_alone(data, tmp_path):
    options = BidsOptions(task="hirit", subject="p017", reading=(("placement", "hip"),))
    (first,) = export_files(["data/p0.csv"], "out", options)
    sidecar = first.motion.with_suffix(".json")
    sidecar.write_text('{"TaskName": "of somebody else"}')
    (second,) = export_files(["data/p0.csv"], "out", options)
    assert second.motion.name.endswith("_run-2_motion.tsv")
    sidecar.write_text("{")
    (third,) = export_files(["data/p0.csv"], "out", options)
    assert re.search(r"_motion\.json: cannot be read .*; mend or remove it", str(third.error))


def test_a_name_without_letters_is_no_subject(data):
    (data / "p0.csv").rename(data / "---.csv")
    one, *_ = export_files(["data/---.csv"], "out", BidsOptions(task="hirit", reading=(("placement", "hip"),)))
    assert isinstance(one.error, OptionError)
    assert "give --subject" in str(one.error)
