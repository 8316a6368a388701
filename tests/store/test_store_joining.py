"""A second sensor's file for a session that is there, files without a clock, and who is told how far an import is."""

import gzip
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

import loadsense as ls
from loadsense.errors import FormatError, OptionError
from loadsense.prescriptions import OneRepMax
from loadsense.readers.loadsense_format import write_recording
from loadsense.store import corrections, open_store, people
from loadsense.store.analyzing import detected
from loadsense.store.corrections import Correction
from loadsense.store.importing import ImportOptions, SensorFile, SessionResults, import_results, import_session
from loadsense.store.joining import add_file
from loadsense.store.tables import AnalysisRow, EventRow, SessionRecording, SessionRow

LOADS = ImportOptions(loads_kg={"back_squat": 55.0})


def hip(path):
    return SensorFile(path=path, placement="hip")


def wrist(path, **options):
    return SensorFile(path=path, placement="wrist", **options)


@pytest.fixture
def late_wrist_file(wrist_file, tmp_path):
    """The wrist began seven seconds before the hip, by its clock."""
    return _moved(wrist_file, tmp_path / "late.loadsense.parquet", "wrist", -7)


def _moved(path, target, placement, by_s):
    """The same samples with a start so many seconds later; None: without a clock."""
    recording = ls.read(path, placement=placement)
    accel_g = np.concatenate([item.accel_g for item in recording.blocks()])
    info = recording.info
    start = None if by_s is None else info.start + timedelta(seconds=by_s)
    facts = {"sampling_rate_hz": info.sampling_rate_hz, "placement": placement, "range_g": info.range_g, "start": start}
    made = ls.Recording.from_arrays(accel_g, **facts, tz=None if start is None else "Europe/Madrid")
    return write_recording(made, target).path


def stored(store, session_id):
    """Everything that a session came to, without ids and instants."""
    with store.reading() as db:
        session = db.get(SessionRow, session_id)
        analysis = db.get(AnalysisRow, session.current_analysis_id)
        leave = {"id", "session_id", "made_at", "because", "analysis_id", "corrections_sha256", "unmatched"}
        columns = [c.name for c in AnalysisRow.__table__.columns if c.name not in leave]
        of_event = [c.name for c in EventRow.__table__.columns if c.name not in leave]
        events = db.scalars(select(EventRow).where(EventRow.analysis_id == analysis.id).order_by(EventRow.id))
        recordings = db.scalars(
            select(SessionRecording).where(SessionRecording.session_id == session_id).order_by(SessionRecording.sensor)
        )
        return (
            (session.day, session.start, session.tz),
            {name: getattr(analysis, name) for name in columns},
            [{name: getattr(one, name) for name in of_event} for one in events],
            [(one.sensor, one.sha256, one.offset_s) for one in recordings],
            detected(db, session_id),
        )


@pytest.mark.parametrize("first", ["hip", "wrist"])
def test_one_after_the_other_is_as_both_together(store, hip_file, late_wrist_file, tmp_path, sqlite_template, first):
    shutil.copyfile(sqlite_template, tmp_path / "both.db")
    both = open_store(tmp_path / "both.db", tmp_path / "both")
    with both.writing() as tx:
        people.import_person(tx, Path(__file__).parents[2] / "sample_recordings/people/p017.toml")
    import_session(both, "p017", [hip(hip_file), wrist(late_wrist_file)], options=LOADS)
    one, other = (hip(hip_file), wrist(late_wrist_file))[:: 1 if first == "hip" else -1]
    made = import_session(store, "p017", [one], options=LOADS)
    added = add_file(store, made.session_id, other)
    assert (added.session_id, added.is_new) == (made.session_id, True)
    assert stored(store, made.session_id) == stored(both, 1)
    assert [one[2] for one in stored(store, 1)[3]] == [7.0, 0.0]
    again = add_file(store, made.session_id, other)
    assert (again.is_new, "nothing was changed" in again.sentence) == (False, True)
    both.close()


def test_corrections_are_kept_when_the_session_begins_earlier(store, hip_file, late_wrist_file):
    made = import_session(store, "p017", [hip(hip_file)], options=LOADS)
    event = next(one for one in stored(store, 1)[2] if one["kind"] == "landing")
    said = Correction(sensor="hip", at_sample=event["peak_sample"], kind="not a landing", reason="a knock")
    corrections.add(store, made.session_id, said)
    before = [one for one in stored(store, 1)[2] if one["kind"] == "landing"]
    add_file(store, made.session_id, wrist(late_wrist_file))
    after = [one for one in stored(store, 1)[2] if one["kind"] == "landing" and one["sensor"] == "hip"]
    assert [one["peak_sample"] for one in after] == [one["peak_sample"] for one in before]
    assert [one["start_s"] - 7.0 for one in after] == pytest.approx([one["start_s"] for one in before])
    assert (len(before), stored(store, 1)[1]["lift_sets_met"]) == (5, 1)


def test_a_file_is_added_to_results_that_came_without_samples(store, hip_file, late_wrist_file):
    report = ls.analyze(ls.read(hip_file, body_mass_kg=63.1))
    [made] = import_results(store, [SessionResults(person_id="p017", report=report, options=LOADS)])
    add_file(store, made.session_id, wrist(late_wrist_file))
    assert [one[0] for one in stored(store, 1)[3]] == ["hip", "wrist"]


def test_files_that_cannot_be_added_change_nothing(store, hip_file, other_hip_file, wrist_file, tmp_path):
    made = import_session(store, "p017", [hip(hip_file)])
    before = stored(store, made.session_id)
    apart = _moved(wrist_file, tmp_path / "apart.loadsense.parquet", "wrist", 86_400)
    unclear = _moved(wrist_file, tmp_path / "unclear.loadsense.parquet", "wrist", None)
    words = tmp_path / "words.csv"
    words.write_text("dear coach\nshe trained well\n")
    for file, error, told in (
        (hip(other_hip_file), OptionError, "the session has a sensor 'hip' already"),
        (SensorFile(path=other_hip_file, placement="hip", sensor="two"), OptionError, "are both from the hip"),
        (wrist(apart), OptionError, "do not overlap: their clocks are"),
        (wrist(unclear), OptionError, "wrist: the recording has no start time; give --offset"),
        (wrist(tmp_path / "gone.csv"), OptionError, "no such file"),
        (wrist(words), (FormatError, ls.errors.ContentError), "words.csv"),
    ):
        with pytest.raises(error, match=told):
            add_file(store, made.session_id, file)
    with pytest.raises(OptionError, match="there is no session 77"):
        add_file(store, 77, wrist(wrist_file))
    another = import_session(store, "p017", [wrist(apart)])
    with pytest.raises(OptionError, match=f"the file is in session {another.session_id} already"):
        add_file(store, made.session_id, wrist(apart))
    assert stored(store, made.session_id)[:3] == before[:3]
    added = add_file(store, made.session_id, wrist(unclear, offset_s=3.0))
    assert added.is_new
    assert [one[2] for one in stored(store, made.session_id)[3]] == [0.0, 3.0]


# -- files without a clock


def test_without_a_clock_the_day_that_was_said_checks_screening_and_maximum(store, wrist_file, hip_file, tmp_path):
    """A maximum of 10 November grades until 8 December; a screening of 1 September 2026 holds for a year."""
    with store.writing() as tx:
        squat = OneRepMax(exercise="back_squat", kg=60.0, measured_on=date(2026, 11, 10), method="tested")
        people.add_one_rm(tx, "p017", squat)
    found = []
    for n, day in enumerate((date(2026, 12, 8), date(2026, 12, 9), date(2027, 9, 2))):
        path = _moved(wrist_file, tmp_path / f"{n}.loadsense.parquet", "wrist", None)
        path = _noisy(path, tmp_path / f"noisy{n}.loadsense.parquet", n)
        options = ImportOptions(loads_kg={"back_squat": 55.0}, day=day)
        made = import_session(store, "p017", [wrist(path)], options=options)
        with store.reading() as db:
            session = db.get(SessionRow, made.session_id)
            row = db.get(AnalysisRow, session.current_analysis_id)
        squats = next(one for one in row.summary["prescription"]["rows"] if one["exercise"] == "back_squat")
        found.append((squats["reason"], bool(row.summary["prescription"]["locked"])))
    assert "29 days old" not in found[0][0]
    assert "the maximum is 29 days old (28 at most)" in found[1][0]
    assert [locked for _, locked in found] == [False, False, True]
    with pytest.raises(OptionError, match="no clock, so its day is unknown; say on which day"):
        import_session(store, "p017", [hip(_moved(hip_file, tmp_path / "h.loadsense.parquet", "hip", None))])


def _noisy(path, target, n):
    """Another recording: its last sample is a little off."""
    recording = ls.read(path, placement="wrist")
    accel_g = np.concatenate([item.accel_g for item in recording.blocks()])
    accel_g[-1] += 0.01 * (n + 1)
    made = ls.Recording.from_arrays(accel_g, sampling_rate_hz=recording.info.sampling_rate_hz, placement="wrist")
    return write_recording(made, target).path


# -- how far it is


def _csv(hip_file, path, n=12):
    recording = ls.read(hip_file)
    accel_g = np.concatenate([item.accel_g for item in recording.blocks()])
    rows = "\n".join(f"{i / 200.0:.4f},{x:.4f},{y:.4f},{z:.4f}" for i, (x, y, z) in enumerate(np.tile(accel_g, (n, 1))))
    text = f"time,x,y,z\n{rows}\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_progress_goes_from_nothing_to_all_of_each_step(store, hip_file, tmp_path, name):
    told = []
    options = ImportOptions(day=date(2026, 11, 20), progress=lambda step, share: told.append((step, share)))
    file = SensorFile(path=_csv(hip_file, tmp_path / name), placement="hip", reading={"unit": "g", "range_g": 16.0})
    import_session(store, "p021", [file], options=options)
    steps = [step for step, _ in told]
    assert list(dict.fromkeys(steps)) == ["reading", "analyzing"]
    for step in ("reading", "analyzing"):
        shares = [share for one, share in told if one == step]
        assert (shares[0], shares[-1]) == (0.0, 1.0)
        assert shares == sorted(shares)
    assert steps == sorted(steps, reverse=True)


def _in_another_process(url, folder, path):
    store = open_store(url, folder)
    try:
        return import_session(store, "p021", [SensorFile(path=path, placement="hip")])
    finally:
        store.close()


def test_an_import_runs_in_another_process(store, hip_file, other_hip_file):
    url = store.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        far = pool.submit(_in_another_process, url, store.folder, hip_file)
        near = import_session(store, "p021", [hip(other_hip_file)])
        made = far.result(timeout=120)
    assert {made.session_id, near.session_id} == {1, 2}
    assert replace(made, session_id=0).is_new
