"""Sessions in the store: import whole or not at all, correct, undo, judge anew; nothing that was said is lost."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

import loadsense as ls
from loadsense.errors import Conflict, ContentError, FormatError, OptionError
from loadsense.prescriptions import OneRepMax
from loadsense.store import corrections, importing, open_store, people, prescribing, reanalysis, samples
from loadsense.store.corrections import Correction
from loadsense.store.importing import ImportOptions, SensorFile, SessionResults, import_results, import_session
from loadsense.store.reanalysis import Change, reanalyze
from loadsense.store.sweeping import incoming
from loadsense.store.tables import (
    AnalysisRow,
    CorrectionRow,
    EventRow,
    FlagRow,
    RecordingRow,
    SessionRow,
    Setting,
)

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


def bring(store, path, person="p021", **options):
    return import_session(store, person, [SensorFile(path=path, placement="hip")], options=ImportOptions(**options))


def current(store, session_id):
    with store.reading() as db:
        session = db.get(SessionRow, session_id)
        return db.get(AnalysisRow, session.current_analysis_id)


def landings(store, session_id):
    with store.reading() as db:
        session = db.get(SessionRow, session_id)
        chosen = select(EventRow).where(EventRow.analysis_id == session.current_analysis_id, EventRow.kind == "landing")
        return db.scalars(chosen.order_by(EventRow.start_s)).all()


def files_of(store):
    return sorted(p.relative_to(store.folder).as_posix() for p in store.folder.rglob("*") if p.is_file())


@pytest.fixture
def own_plan(store):
    """p021 is asked for six landings, without a band, by a plan of the coach's own."""
    with store.writing() as tx:
        prescribing.save_plan(tx, PLAN)
        prescribing.prescribe(tx, "p021", prescribing.Asked(from_day=date(2026, 11, 1), plan="own-drops"))
    return store


def test_a_session_is_stored_as_the_command_line_would_judge_it(own_plan, hip_file):
    made = bring(own_plan, hip_file)
    row = current(own_plan, made.session_id)
    assert made.is_new
    assert made.sentence == "session 1 of 2026-11-20: REACHED - 6 of 6 landings as planned; hip, 200 Hz"
    assert (row.status, row.judged) == ("reached", "6 of 6 landings as planned; hip, 200 Hz")
    assert (row.landings_in_band, row.landings_at_least, row.lift_sets_met) == (6, False, None)
    with own_plan.reading() as db:
        person, plan = people.person_at(db, "p021", DAY), prescribing.plan_named(db, "own-drops")
    alone = ls.analyze(ls.read(hip_file, body_mass_kg=58.4), plan, person=person)
    ours, theirs = dict(row.summary), alone.to_dict()
    for document in (ours, theirs):  # the file has lost its name on the way, and keeps its hash
        document["recording"] = {**document["recording"], "file": None, "sha256": None}
        del document["recordings"]
    assert ours == theirs
    assert row.median_peak_net_g == alone.landing_summary.peak_net_g.median
    assert [one["at_s"] for one in row.page["events"]] == pytest.approx(
        [e.peak_s for e in landings(own_plan, 1)], abs=1
    )
    assert all(trace["outline"] == "" for trace in row.page["traces"])


def test_no_name_of_a_file_stays_in_the_store(own_plan, hip_file):
    bring(own_plan, hip_file)
    row = current(own_plan, 1)
    assert "Maria" not in str(row.summary) + str(row.page)
    assert not [name for name in files_of(own_plan) if "Maria" in name]
    with own_plan.reading() as db:
        sha = db.scalars(select(RecordingRow.sha256)).one()
    assert b"Maria" not in samples.recording_path(own_plan, sha).read_bytes()


def test_the_same_file_again_changes_nothing_and_says_so(own_plan, hip_file):
    first, before = bring(own_plan, hip_file), files_of(own_plan)
    again = bring(own_plan, hip_file)
    assert (again.session_id, again.is_new) == (first.session_id, False)
    assert again.sentence == "these files are session 1 of 2026-11-20 already: nothing was changed"
    assert files_of(own_plan) == before
    with own_plan.reading() as db:
        assert db.scalar(select(func.count(AnalysisRow.id))) == 1


def test_the_file_of_somebody_else_is_refused(own_plan, hip_file):
    bring(own_plan, hip_file)
    with pytest.raises(
        OptionError, match=r"this recording belongs to somebody else already; .* check whose file it is"
    ):
        bring(own_plan, hip_file, person="p017")


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("empty.csv", b"", ContentError, "empty.csv: the file is empty"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), FormatError, "picture.png"),
        ("words.csv", b"dear coach\nshe trained well\n", (FormatError, ContentError), "words.csv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_words_of_the_reader(own_plan, tmp_path, name, content, error, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=words):
        bring(own_plan, path)
    assert files_of(own_plan) == []
    with own_plan.reading() as db:
        assert db.scalars(select(SessionRow)).all() == []


def test_a_file_that_is_cut_off_leaves_nothing(own_plan, hip_file, tmp_path):
    cut = tmp_path / "cut.loadsense.parquet"
    cut.write_bytes(hip_file.read_bytes()[:-200])
    with pytest.raises(FormatError, match="damaged or cut off"):
        bring(own_plan, cut)
    assert files_of(own_plan) == []


def test_options_that_cannot_be_are_refused_before_anything_is_read(own_plan, hip_file):
    for options, words in (
        ({"rpe": 30.0, "rpe_scale": "borg"}, "RPE 30 on scale 'borg'"),
        ({"loads_kg": {"deadlift": -1.0}}, "deadlift at -1 kg"),
        ({"profile": "hip-hihg-rate"}, "unknown profile"),
    ):
        with pytest.raises(OptionError, match=words):
            bring(own_plan, hip_file, **options)
    with pytest.raises(OptionError, match="nobody has the pseudonym 'p999'"):
        bring(own_plan, hip_file, person="p999")
    with pytest.raises(OptionError, match="no such file"):
        bring(own_plan, hip_file.with_name("gone.csv"))


def test_hip_and_wrist_make_one_session_with_both_doses(store, hip_file, wrist_file):
    with store.writing() as tx:
        people.add_one_rm(
            tx, "p017", OneRepMax(exercise="back_squat", kg=60.0, measured_on=date(2026, 11, 10), method="tested")
        )
    made = import_session(
        store,
        "p017",
        [SensorFile(path=wrist_file, placement="wrist"), SensorFile(path=hip_file, placement="hip")],
        options=ImportOptions(loads_kg={"back_squat": 55.0}, rpe=15, rpe_scale="borg"),
    )
    row = current(store, made.session_id)
    assert [one["sensor"] for one in row.summary["recordings"]] == ["hip", "wrist"]
    assert row.lift_sets_met == 1
    assert {e.kind for e in _events(store, row.id)} >= {"landing", "set", "repetition"}
    bring_two = [SensorFile(path=hip_file, placement="hip"), SensorFile(path=Path(__file__), placement="wrist")]
    with pytest.raises(OptionError, match="one of the files is in session 1 of 2026-11-20 already, and another is not"):
        import_session(store, "p017", bring_two)


def _events(store, analysis_id):
    with store.reading() as db:
        return db.scalars(select(EventRow).where(EventRow.analysis_id == analysis_id)).all()


def test_kill_9_during_an_import_leaves_no_half_session(own_plan, hip_file, tmp_path):
    """Killed while the rows are written and the files lie in their places: all of it is gone at the next opening."""
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from loadsense.store import importing, keeping, open_store

        moved = keeping.move
        def move_and_die(store, part):
            moved(store, part)
            os.kill(os.getpid(), signal.SIGKILL)
        keeping.move = move_and_die
        store = open_store({own_plan.url.render_as_string(hide_password=False)!r}, {str(own_plan.folder)!r})
        file = importing.SensorFile(path=Path({str(hip_file)!r}), placement="hip")
        importing.import_session(store, "p021", [file])
        """
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert any(name.startswith("recordings/") for name in files_of(own_plan))
    again = open_store(own_plan.url.render_as_string(hide_password=False), own_plan.folder)
    assert files_of(again) == []
    with again.reading() as db:
        assert db.scalars(select(SessionRow)).all() == []
        assert db.scalars(select(RecordingRow)).all() == []
    assert bring(again, hip_file).is_new
    again.close()


def test_an_import_that_goes_on_is_not_swept_away(own_plan, tmp_path):
    with incoming(own_plan.folder) as own:
        (own / "half").write_text("x")
        another = open_store(own_plan.url.render_as_string(hide_password=False), own_plan.folder)
        another.close()
        assert (own / "half").exists()
    assert not own.exists()


def test_a_correction_changes_verdict_rows_and_dose_and_is_undone(own_plan, hip_file):
    session_id = bring(own_plan, hip_file).session_id
    before = current(own_plan, session_id)
    first, second = landings(own_plan, session_id)[:2]
    said = [
        corrections.add(
            own_plan,
            session_id,
            Correction(sensor="hip", at_sample=event.peak_sample + 20, kind="not a landing", reason="a knock"),
        )
        for event in (first, second)
    ]
    row = current(own_plan, session_id)
    assert (row.status, row.landings_in_band) == ("not_reached", 4)
    assert row.summary["prescription"]["rows"][0]["done"] == "4 landings"
    assert row.summary["excluded"]["coach: not one"] == 2
    assert row.id == said[1].analysis_id
    corrections.undo(own_plan, said[0].correction_id)
    back = corrections.undo(own_plan, said[1].correction_id)
    row = current(own_plan, session_id)
    assert (back.status, row.summary, row.page) == ("reached", before.summary, before.page)
    with pytest.raises(OptionError, match=r"was taken back on .* already"):
        corrections.undo(own_plan, said[0].correction_id)
    with own_plan.reading() as db:
        assert db.scalar(select(func.count(AnalysisRow.id))) == 5


def test_a_missed_landing_is_measured_on_the_samples(own_plan, hip_file):
    session_id = bring(own_plan, hip_file).session_id
    known = landings(own_plan, session_id)[2]
    taken = Correction(sensor="hip", at_sample=known.peak_sample, kind="not a landing", reason="x")
    missed = Correction(sensor="hip", at_sample=150, kind="landing", reason="she stepped down hard")
    corrections.add(own_plan, session_id, taken)
    corrections.add(own_plan, session_id, missed)
    added = next(e for e in landings(own_plan, session_id) if e.event_id.startswith("C"))
    assert abs(added.peak_sample - 150) <= 50
    assert added.peak_net_g == pytest.approx(0.0, abs=0.3)  # she stands: what the samples say, not what was hoped
    assert added.facts["notes"] == "added by the coach"
    corrections.add(
        own_plan, session_id, Correction(sensor="hip", at_sample=known.peak_sample, kind="landing", reason="it was one")
    )
    again = next(e for e in landings(own_plan, session_id) if e.event_id == known.event_id)
    assert again.peak_net_g == known.peak_net_g


def test_sets_are_renamed_loaded_and_taken_out(store, wrist_file):
    made = import_session(store, "p017", [SensorFile(path=wrist_file, placement="wrist")])
    one = next(e for e in _events(store, current(store, made.session_id).id) if e.kind == "set")
    middle = round((one.start_s + one.end_s) / 2 * 50)
    at = {"sensor": "wrist", "at_sample": middle, "reason": "I was there"}
    corrections.add(store, made.session_id, Correction(kind="exercise", exercise="deadlift", **at))
    corrections.add(store, made.session_id, Correction(kind="load", load_kg=70.0, **at))
    now = next(e for e in _events(store, current(store, made.session_id).id) if e.kind == "set")
    assert (now.exercise, now.facts["load_kg"], now.facts["exercise_source"]) == ("deadlift", 70.0, "coach")
    corrections.add(store, made.session_id, Correction(kind="not a set", **at))
    assert [e for e in _events(store, current(store, made.session_id).id) if e.kind == "set"] == []


def test_corrections_that_cannot_be_are_refused(own_plan, hip_file):
    session_id = bring(own_plan, hip_file).session_id
    at = {"sensor": "hip", "at_sample": 10, "kind": "not a landing", "reason": "x"}
    for change, words in (
        ({}, "there is no landing within 0.25 s of sample 10 of hip; nothing was changed"),
        ({"sensor": "hipp"}, "unknown sensor 'hipp': did you mean 'hip'"),
        ({"kind": "not landing"}, "unknown kind of correction"),
        ({"reason": " "}, "a correction without a reason"),
        ({"kind": "exercise"}, "no exercise is named"),
        ({"kind": "load", "load_kg": -3.0}, "a load of -3.0 kg"),
        ({"kind": "landing", "at_sample": 10**9}, "cannot be measured: no samples are there"),
    ):
        with pytest.raises(OptionError, match=words):
            corrections.add(own_plan, session_id, Correction(**{**at, **change}))
    with pytest.raises(OptionError, match="there is no session 77"):
        corrections.add(own_plan, 77, Correction(**at))
    with own_plan.reading() as db:
        assert db.scalars(select(CorrectionRow)).all() == []
        assert db.scalar(select(func.count(AnalysisRow.id))) == 1


def test_a_correction_that_finds_nothing_any_more_is_reported(own_plan, hip_file):
    session_id = bring(own_plan, hip_file).session_id
    event = landings(own_plan, session_id)[0]
    at = {"sensor": "hip", "at_sample": event.peak_sample, "kind": "not a landing", "reason": "x"}
    first = corrections.add(own_plan, session_id, Correction(**at))
    with own_plan.writing() as tx:  # as if a later detector had not found it either
        tx.db.get(CorrectionRow, first.correction_id).at_sample = 5
        tx.audit("test", "x")
    found = reanalyze(own_plan, Change(), dry_run=False)
    row = current(own_plan, session_id)
    assert [one.session_id for one in found.changes] == [session_id]
    assert row.unmatched == [first.correction_id]
    assert any(
        f"correction {first.correction_id} (not a landing at 0.0 s, hip) found no event" in note
        for note in row.summary["quality"]["notes"]
    )


def test_a_change_is_looked_at_before_it_is_applied(own_plan, hip_file, other_hip_file):
    six, four = (bring(own_plan, path).session_id for path in (hip_file, other_hip_file))
    assert current(own_plan, four).status == "not_reached"
    with own_plan.writing() as tx:
        prescribing.save_plan(tx, PLAN.replace("landings = 6", "landings = 4"), version=1)
    looked = reanalyze(own_plan, Change())
    assert not looked.applied
    assert [(one.session_id, one.before, one.after, one.verdict_changes) for one in looked.changes] == [
        (six, "reached", "reached", False),
        (four, "not_reached", "reached", True),
    ]
    assert current(own_plan, four).status == "not_reached"
    applied = reanalyze(own_plan, Change(), dry_run=False)
    assert applied.changes == looked.changes
    assert current(own_plan, four).status == "reached"
    assert reanalyze(own_plan, Change()).changes == ()
    with own_plan.reading() as db:
        versions = db.scalars(select(AnalysisRow.status).where(AnalysisRow.session_id == four).order_by(AnalysisRow.id))
        assert list(versions) == ["not_reached", "reached"]


def test_another_profile_and_plan(store, hip_file):
    with store.writing() as tx:
        people.create(tx, "p100")
    session_id = bring(store, hip_file, person="p100").session_id
    before = current(store, session_id)
    assert before.profile == "hip-high-rate"
    found = reanalyze(store, Change(profile="adolescent-hip"))
    assert [one.session_id for one in found.changes] == [session_id]
    assert "4.2 g net" in found.changes[0].after_judged
    reanalyze(store, Change(profile="adolescent-hip"), dry_run=False)
    with store.reading() as db:
        assert db.get(Setting, "profile").value == {"name": "adolescent-hip"}
        assert importing.default_profile(db) == "adolescent-hip"
    [looked] = reanalyze(store, Change(plan="hirit")).changes
    assert looked.after_judged.startswith("6 landings seen and not graded, as no screening is on file")
    with pytest.raises(OptionError, match="prescribe it to her from a day on"):
        reanalyze(store, Change(plan="hirit"), dry_run=False)
    with pytest.raises(OptionError, match="unknown profile 'x'"):
        reanalyze(store, Change(profile="x"))


def test_the_engine_runs_again_only_where_it_was_another(own_plan, hip_file, monkeypatch):
    session_id = bring(own_plan, hip_file).session_id
    event = landings(own_plan, session_id)[0]
    at = {"sensor": "hip", "at_sample": event.peak_sample, "kind": "not a landing", "reason": "x"}
    corrections.add(own_plan, session_id, Correction(**at))
    before = current(own_plan, session_id)
    with own_plan.reading() as db:
        assert list(reanalysis.stale_sessions(db)) == []
    monkeypatch.setattr(reanalysis, "engine_sha256", lambda: "0" * 64)
    with own_plan.reading() as db:
        assert list(reanalysis.stale_sessions(db)) == [session_id]
    found = reanalyze(own_plan, Change(engine=True), dry_run=False)
    assert found.changes == ()
    assert current(own_plan, session_id).summary == before.summary
    with own_plan.reading() as db:
        assert list(reanalysis.stale_sessions(db)) == []


def test_results_of_elsewhere_come_without_samples_and_are_corrected_all_the_same(own_plan, hip_file):
    report = ls.analyze(ls.read(hip_file))
    [made] = import_results(own_plan, [SessionResults(person_id="p021", report=report)])
    [again] = import_results(own_plan, [SessionResults(person_id="p021", report=report)])
    assert (made.is_new, again.is_new, again.session_id) == (True, False, made.session_id)
    assert current(own_plan, made.session_id).status == "reached"
    at = {"sensor": "hip", "reason": "x"}
    event = landings(own_plan, made.session_id)[0]
    for kind in ("not a landing", "landing"):
        corrections.add(own_plan, made.session_id, Correction(at_sample=event.peak_sample, kind=kind, **at))
    assert current(own_plan, made.session_id).landings_in_band == 6
    with pytest.raises(OptionError, match="cannot be measured"):
        corrections.add(own_plan, made.session_id, Correction(at_sample=150, kind="landing", **at))
    with own_plan.reading() as db:
        sha = db.scalars(select(RecordingRow.sha256)).one()
    with pytest.raises(OptionError, match="only the results were sent; its samples cannot be shown"):
        samples.trace(own_plan, sha)


def test_what_was_said_of_a_session_is_changed_by_one_at_a_time(own_plan, hip_file):
    session_id = bring(own_plan, hip_file).session_id
    corrections.change_session(own_plan, session_id, version=1, rpe=14.0, rpe_scale="borg")
    with pytest.raises(
        Conflict, match=r"session 1 was changed after you opened it: loadsense on .* \(rpe, rpe scale\)"
    ):
        corrections.change_session(own_plan, session_id, version=1, note="mine")
    corrections.change_session(own_plan, session_id, version=2, note="mine", block_confirmed=True)
    with own_plan.reading() as db:
        row = db.get(SessionRow, session_id)
        assert (row.rpe, row.note, row.block_confirmed, row.version) == (14.0, "mine", True, 3)
    assert current(own_plan, session_id).because == "session changed"


def test_landings_above_the_ceiling_raise_a_flag_that_follows_the_corrections(store, hip_file):
    asked = prescribing.Asked(
        from_day=date(2026, 11, 1), plan="hirit", target_landings=6, min_net_g=0.5, ceiling_net_g=2.0
    )
    with store.writing() as tx:
        prescribing.prescribe(tx, "p021", asked)
    session_id = bring(store, hip_file).session_id
    flag = _flag(store, "above-ceiling")
    above = [e for e in landings(store, session_id) if e.peak_net_g > 2.0]
    assert flag.severity == "amber"
    assert flag.sentence.startswith(f"{len(above)} of 6 landings above her ceiling of 2 g net")
    said = [
        corrections.add(
            store, session_id, Correction(sensor="hip", at_sample=e.peak_sample, kind="not a landing", reason="x")
        )
        for e in above
    ]
    assert _flag(store, "above-ceiling").withdrawn_at is not None
    corrections.undo(store, said[0].correction_id)
    assert _flag(store, "above-ceiling").withdrawn_at is None


def _flag(store, rule):
    with store.reading() as db:
        return db.scalars(select(FlagRow).where(FlagRow.rule == rule)).one()


#: What may happen to a session after its import, in any order: take out or put back the n-th landing, undo the n-th
#: correction, judge anew, close and open.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["not a landing", "landing"]), st.integers(0, 5)),
        st.tuples(st.just("undo"), st.integers(0, 7)),
        st.tuples(st.sampled_from(["again", "reopen"]), st.just(0)),
    ),
    max_size=7,
)


@pytest.fixture(scope="module")
def imported_once(tmp_path_factory, hip_file, sqlite_template):
    """A store with one session, to be copied for each example."""
    folder = tmp_path_factory.mktemp("once")
    store = open_store(folder / "a.db", folder / "files")
    with store.writing() as tx:
        people.create(tx, "p021", body_mass_kg=58.4)
        prescribing.save_plan(tx, PLAN)
        prescribing.prescribe(tx, "p021", prescribing.Asked(from_day=date(2026, 11, 1), plan="own-drops"))
    bring(store, hip_file)
    store.close()
    return folder


@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_the_state_is_that_of_the_corrections_that_stand(imported_once, tmp_path, steps):
    """Replaying only the corrections that were not undone, at once, gives the same analysis as the whole history."""
    folder = tmp_path / os.urandom(6).hex()
    shutil.copytree(imported_once, folder)
    store = open_store(folder / "a.db", folder / "files")
    events, said = landings(store, 1), []
    for kind, n in steps:
        if kind == "again":
            reanalyze(store, Change(), dry_run=False)
        elif kind == "reopen":
            store.close()
            store = open_store(folder / "a.db", folder / "files")
        elif kind == "undo":
            if said:
                corrections.undo(store, said.pop(n % len(said))[0])
        else:
            at = Correction(sensor="hip", at_sample=events[n].peak_sample, kind=kind, reason="x")
            if kind == "landing" or _there(said)[n]:
                said.append((corrections.add(store, 1, at).correction_id, kind, n))
            else:
                with pytest.raises(OptionError, match="there is no landing within"):
                    corrections.add(store, 1, at)
    row = current(store, 1)
    store.close()
    n_there = sum(_there(said).values())
    assert row.landings_in_band == n_there
    assert (row.status == "reached") == (n_there == 6)


def _there(said):
    """Which of the six landings count, by the last word on each that stands."""
    there = dict.fromkeys(range(6), True)
    for _, kind, n in sorted(said):
        there[n] = kind == "landing"
    return there
