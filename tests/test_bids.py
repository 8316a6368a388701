"""BIDS export against the list of what Motion-BIDS requires, written out by hand from the specification."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.bids import BidsNames, export_bids
from loadsense.errors import OptionError, WorldError
from loadsense.simulate import BarbellSet, DropLanding, Sensor, Stand, simulate_session

#: Specification 1.10: "Motion", required fields and columns, and the names of files.
REQUIRED_IN_MOTION_JSON = {"TaskName", "SamplingFrequency", "TrackingSystemName"}
FIRST_CHANNEL_COLUMNS = ["name", "component", "type", "tracked_point", "units"]
CHANNEL_TYPES = {
    *("ACCEL", "ANGACCEL", "GYRO", "JNTANG", "LATENCY", "MAGN", "MISC", "ORNT", "POS", "VEL"),
}
COMPONENTS = {"x", "y", "z", "quat_x", "quat_y", "quat_z", "quat_w", "n/a"}
FILE_NAME = re.compile(
    r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?_task-[A-Za-z0-9]+_tracksys-[A-Za-z0-9]+(_acq-[A-Za-z0-9]+)?(_run-\d+)?"
    r"_(motion|channels|events)\.(tsv|json)"
)
NAMES = BidsNames(subject="p017", session="1", task="hirit", run="2")


def recorded(placement="hip", rate_hz=100.0):
    script = [Stand(), DropLanding(), DropLanding(), BarbellSet(exercise="deadlift"), Stand(duration_s=6.0)]
    sensor = Sensor(placement=placement, sampling_rate_hz=rate_hz, range_g=16.0, gaps_s=((1.0, 0.5),))
    return simulate_session(script, sensor=sensor, seed=3).recording()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("bids")
    recording = recorded()
    report = ls.analyze(recording)
    return root, recording, report, export_bids(recording, report, root, NAMES)


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_file_has_the_name_and_place_that_bids_wants(dataset):
    root, _, _, files = dataset
    assert [path.name.rsplit("_", 1)[1] for path in files] == [
        *("motion.tsv", "motion.json", "channels.tsv", "events.tsv", "events.json"),
    ]
    assert all(FILE_NAME.fullmatch(path.name) for path in files)
    assert {path.parent for path in files} == {root / "sub-p017" / "ses-1" / "motion"}
    assert not list(root.rglob(".*"))


def test_the_dataset_describes_itself(dataset):
    root, _, _, _ = dataset
    description = json.loads((root / "dataset_description.json").read_text("utf-8"))
    assert {"Name", "BIDSVersion"} <= set(description)
    assert (root / "README").stat().st_size > 0
    assert table(root / "participants.tsv") == [{"participant_id": "sub-p017"}]
    (scan,) = table(root / "sub-p017" / "ses-1" / "sub-p017_ses-1_scans.tsv")
    assert (root / "sub-p017" / "ses-1" / scan["filename"]).exists()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?|n/a", scan["acq_time"])


def test_the_samples_are_there_row_by_row_without_a_header(dataset):
    _, recording, report, (motion, sidecar, *_) = dataset
    rows = [line.split("\t") for line in motion.read_text("ascii").splitlines()]
    (result,) = report.recordings
    assert len(rows) == result.n_grid_samples
    (gap,) = result.quality.gaps
    assert [n for n, row in enumerate(rows) if row == ["n/a"] * 3] == list(
        range(gap.first_sample, gap.first_sample + gap.n_missing)
    )
    for block in recording.blocks():
        if isinstance(block, ls.SampleBlock):
            stored = np.array(rows[block.first_sample : block.first_sample + len(block)], dtype=float)
            np.testing.assert_allclose(stored / 9.80665, block.accel_g, atol=1e-6)
    told = json.loads(sidecar.read_text("utf-8"))
    assert set(told) >= REQUIRED_IN_MOTION_JSON
    assert (told["TaskName"], told["SamplingFrequency"], told["MissingValues"]) == ("hirit", 100.0, "n/a")
    assert told["ACCELChannelCount"] == told["MotionChannelCount"] == len(rows[0]) == 3
    assert told["RecordingDuration"] == pytest.approx(len(rows) / 100.0)


def test_a_channel_for_each_column(dataset):
    _, _, _, (_, _, channels, *_) = dataset
    header = channels.read_text("utf-8").splitlines()[0].split("\t")
    assert header[:5] == FIRST_CHANNEL_COLUMNS
    rows = table(channels)
    assert [row["component"] for row in rows] == ["x", "y", "z"]
    assert {row["type"] for row in rows} <= CHANNEL_TYPES
    assert {row["component"] for row in rows} <= COMPONENTS
    assert {(row["tracked_point"], row["units"]) for row in rows} == {("hip", "m/s^2")}
    assert len({row["name"] for row in rows}) == 3


def test_events_in_order_with_every_column_described(dataset):
    _, _, report, (_, _, _, events, described) = dataset
    header = events.read_text("utf-8").splitlines()[0].split("\t")
    assert header[:3] == ["onset", "duration", "trial_type"]
    assert set(json.loads(described.read_text("utf-8"))) == set(header)
    rows = table(events)
    landings = [row for row in rows if row["trial_type"] == "landing"]
    assert len(landings) == len(report.landings) == 2
    assert [float(row["onset"]) for row in landings] == pytest.approx(list(report.landings["landing_s"]))
    assert [float(row["peak_net_g"]) for row in landings] == pytest.approx(list(report.landings["peak_net_g"]))
    assert {row["clipped"] for row in landings} == {"false"}
    assert [float(r["onset"]) for r in rows] == sorted(float(r["onset"]) for r in rows)
    assert all(float(row["duration"]) >= 0 for row in rows)
    assert "" not in [cell for row in rows for cell in row.values()]


def test_lifts_are_events_of_the_wrist(tmp_path):
    recording = recorded("wrist")
    report = ls.analyze(recording)
    *_, events, _ = export_bids(recording, report, tmp_path, BidsNames(subject="p021", task="hirit"))
    kinds = [row["trial_type"] for row in table(events)]
    assert kinds.count("set") == len(report.sets) > 0
    assert kinds.count("repetition") == len(report.repetitions) > 0


def test_a_second_recording_joins_the_dataset_and_the_first_may_be_made_again(tmp_path):
    recording = recorded()
    report = ls.analyze(recording)
    for subject in ("p021", "p017", "p021"):
        export_bids(recording, report, tmp_path, BidsNames(subject=subject, task="hirit"))
    assert [row["participant_id"] for row in table(tmp_path / "participants.tsv")] == ["sub-p017", "sub-p021"]
    assert len(table(tmp_path / "sub-p021" / "sub-p021_scans.tsv")) == 1


def test_a_table_that_a_person_added_columns_to_keeps_them(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-p001\t61\n")
    recording = recorded()
    export_bids(recording, ls.analyze(recording), tmp_path, BidsNames(subject="p017", task="hirit"))
    assert table(tmp_path / "participants.tsv") == [
        {"participant_id": "sub-p001", "age": "61"},
        {"participant_id": "sub-p017", "age": "n/a"},
    ]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"subject": "p-017", "task": "hirit"}, "sub-p-017: expected letters and digits only"),
        ({"subject": "p017", "task": "drop landings"}, "task-drop landings: expected letters and digits only"),
        ({"subject": "p017", "task": "hirit", "session": ""}, "ses-: expected letters"),
        ({"subject": "p017", "task": "hirit", "run": "two"}, "run-two: expected a whole number"),
    ],
)
def test_labels_that_bids_does_not_allow(labels, words):
    with pytest.raises(OptionError, match=words):
        BidsNames(**labels)


def test_sessions_of_several_sensors_and_folders_that_cannot_be_written(tmp_path):
    recording = recorded()
    pair = {"hip": recording, "wrist": recorded("wrist")}
    two = ls.Session(pair, offsets_s={"hip": 0.0, "wrist": 0.0}).report()
    with pytest.raises(OptionError, match="2 sensors at once: export each of them on its own"):
        export_bids(recording, two, tmp_path, NAMES)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorldError, match="the BIDS dataset cannot be written to"):
        export_bids(recording, ls.analyze(recording), Path(tmp_path / "file"), NAMES)
