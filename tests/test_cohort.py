"""Many files: real processes, a real cluster, and everything that may go wrong in the middle."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import loadsense as ls
from loadsense import batch_cli, cli
from loadsense.cohort import ERROR_COLUMNS, SUMMARY_COLUMNS, TABLES, BatchOptions, finding, manifest, run_batch
from loadsense.cohort.cluster import DaskCluster
from loadsense.cohort.facts import Failure, FileTask, Outcome, Source
from loadsense.cohort.failing import split_sentence
from loadsense.cohort.journal import NAME, Journal
from loadsense.cohort.processes import LocalProcesses
from loadsense.cohort.tables import prepare
from loadsense.cohort.work import analyze_file
from loadsense.errors import ContentError, OptionError, WorldError
from loadsense.simulate import Dialect, DropLanding, Sensor, Stand, simulate_session
from loadsense.simulate.files import csv_text

READING = (("placement", "hip"), ("tz", "Europe/Madrid"))
HIP = BatchOptions(reading=READING)
DIALECT = Dialect(columns=("time", "x", "y", "z"), unit="g", clock="naive")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")


class InThisProcess:
    """Workers that are none: for what does not depend on processes."""

    words = "this process"

    def run(self, tasks):
        for task in tasks:
            yield task, analyze_file(task)


def batch(paths, output, options=HIP, **more):
    return run_batch([str(path) for path in paths], str(output), options, workers=InThisProcess(), **more)


@pytest.fixture(scope="session")
def texts():
    """Six short recordings as text, no two alike."""

    def text(n):
        script = [Stand(duration_s=3.0), *[DropLanding(pause_s=1.0)] * (1 + n % 3), Stand(duration_s=3.0)]
        made = simulate_session(script, sensor=Sensor(placement="hip", sampling_rate_hz=50.0, range_g=16.0), seed=n)
        return csv_text(made, DIALECT, datetime(2026, 11, 16 + n, 17, 30))

    return [text(n) for n in range(6)]


@pytest.fixture
def data(tmp_path, texts):
    folder = tmp_path / "data"
    (folder / "second").mkdir(parents=True)
    for n, text in enumerate(texts):
        (folder / ("second" if n > 3 else "") / f"p{n}.csv").write_text(text)
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def parts(output):
    """Every file of the dataset with its bytes."""
    found = [path for table in TABLES for path in (output / table).rglob("*") if path.is_file()]
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in found}


def record(output):
    return json.loads((output / "run.json").read_text("utf-8"))


# -- what comes out


def test_two_processes_make_the_tables_and_a_corrupt_file_stops_nothing(data, tmp_path):
    (data / "p1-broken.csv").write_text("time,x,y,z\n2026-11-16T10:00:00,0,0\nnonsense\n")
    output = tmp_path / "out"
    run = run_batch([str(data)], str(output), BatchOptions(jobs=2, reading=READING))
    assert (run.files, run.analyzed, run.skipped, run.errors) == (7, 6, 0, {"user": 1})

    summary = rows(output / "summary.csv")
    assert list(summary[0]) == [column.name for column in SUMMARY_COLUMNS]
    assert [row["file"] for row in summary] == sorted(row["file"] for row in summary)
    assert [row["status"] for row in summary] == ["done", "error", *["done"] * 5]
    (error,) = rows(output / "errors.csv")
    assert list(error) == [column.name for column in ERROR_COLUMNS]
    assert error["file"] == f"{data.as_posix()}/p1-broken.csv"
    assert error["fault"] == "user"
    assert error["reason"]
    assert error["what_to_do"]

    for row in summary:
        if row["status"] == "done":
            report = ls.analyze(ls.read(row["file"], **dict(READING)))
            assert row["landings"] == str(report.landing_summary.count)
            assert row["verdict"] == report.verdict.status.value
            assert float(row["landing_peak_net_g_max"]) == report.landing_summary.peak_net_g.max
    landings = pd.read_parquet(output / "landings")
    assert len(landings) == sum(int(row["landings"] or 0) for row in summary)
    assert set(landings["recording_id"]) <= {row["recording_id"] for row in summary}
    told = record(output)
    assert (told["files"], told["analyzed"], told["workers"]) == (7, 6, "2 local processes")
    assert told["arguments"]["placement"] == "hip"


def test_a_row_of_the_dataset_is_the_row_of_the_frame(data, tmp_path):
    batch([data / "p2.csv"], tmp_path / "out")
    stored = pd.read_parquet(tmp_path / "out" / "impacts").drop(columns=["recording_id", "participant", "shard"])
    frame = ls.analyze(ls.read(data / "p2.csv", **dict(READING))).impacts
    assert len(stored) > 0
    pd.testing.assert_frame_equal(stored, frame, check_dtype=False)


def test_a_worker_works_in_one_thread(data, tmp_path, monkeypatch):
    def starts(thread):
        raise AssertionError(f"{thread.name} was started")

    monkeypatch.setattr(threading.Thread, "start", starts)
    run = batch([data], tmp_path / "out")
    assert (run.analyzed, run.errors) == (6, {})


def test_many_rows_are_written_in_groups_and_are_the_same_rows(data, tmp_path, monkeypatch):
    batch([data / "p2.csv"], tmp_path / "whole")
    monkeypatch.setattr("loadsense.cohort.tables.GROUP_ROWS", 2)
    batch([data / "p2.csv"], tmp_path / "groups")
    for table in ("impacts", "landings"):
        (path,) = (tmp_path / "groups" / table).glob("shard=*/*.parquet")
        assert pq.ParquetFile(path).num_row_groups > 1
        one, other = (pd.read_parquet(tmp_path / name / table) for name in ("whole", "groups"))
        pd.testing.assert_frame_equal(one, other)


def test_the_bytes_do_not_depend_on_the_number_of_workers(data, tmp_path):
    for jobs in (1, 2):
        run_batch([str(data)], str(tmp_path / f"out{jobs}"), BatchOptions(jobs=jobs, reading=READING))
    assert parts(tmp_path / "out1") == parts(tmp_path / "out2")
    assert len(parts(tmp_path / "out1")) > 7
    for name in ("summary.csv", "errors.csv", NAME):
        one, two = ((tmp_path / f"out{jobs}" / name).read_text() for jobs in (1, 2))
        assert one.replace("out1", "out2") == two


def test_a_table_without_rows_can_be_read(data, tmp_path):
    batch([data / "p0.csv"], tmp_path / "out")
    assert pd.read_parquet(tmp_path / "out" / "sets").empty
    assert (tmp_path / "out" / "sets" / "_common_metadata").exists()


def test_the_same_content_twice_is_said_and_kept_once(data, tmp_path):
    shutil.copy(data / "p0.csv", data / "p9.csv")
    run = batch([data], tmp_path / "out")
    summary = {Path(row["file"]).name: row for row in rows(tmp_path / "out" / "summary.csv")}
    assert summary["p9.csv"]["duplicate_of"].endswith("/p0.csv")
    assert summary["p9.csv"]["recording_id"] == summary["p0.csv"]["recording_id"]
    assert summary["p0.csv"]["duplicate_of"] == ""
    assert run.files == 7
    assert pd.read_parquet(tmp_path / "out" / "impacts")["recording_id"].nunique() == 6


# -- again


def test_a_second_start_does_only_what_changed(data, tmp_path, texts):
    output = tmp_path / "out"
    (data / "bad.csv").write_text("nonsense\n")
    batch([data], output)
    before = parts(output)
    run = batch([data], output)
    assert (run.analyzed, run.skipped, run.errors) == (0, 7, {"user": 1})
    assert parts(output) == before
    assert len(rows(output / "errors.csv")) == 1

    (data / "p0.csv").write_text(texts[0] + texts[0].splitlines()[-1] + "\n")
    run = batch([data], output)
    assert (run.analyzed, run.skipped) == (1, 6)
    assert batch([data], output, BatchOptions(reading=READING, force=True)).analyzed == 6


def test_other_options_replace_the_results(data, tmp_path):
    output = tmp_path / "out"
    batch([data], output)
    before = parts(output)
    run = batch([data], output, BatchOptions(reading=(*READING, ("body_mass_kg", 60.0))))
    assert run.analyzed == 6
    assert set(parts(output)) & set(before) == {name for name in before if name.endswith("_common_metadata")}
    assert len(parts(output)) == len(before)


def test_a_lost_part_is_made_again(data, tmp_path):
    output = tmp_path / "out"
    batch([data], output)
    before = parts(output)
    next((output / "impacts").glob("shard=*/*.parquet")).unlink()
    assert batch([data], output).analyzed == 1
    assert parts(output) == before


def test_rubbish_of_a_kill_is_swept(data, tmp_path):
    output = tmp_path / "out"
    batch([data], output)
    before = parts(output)
    shard = next((output / "impacts").glob("shard=*"))
    (shard / ".half.parquet.123").write_bytes(b"PAR1")
    (shard / "0123456789abcdef.parquet").write_bytes(b"PAR1")
    batch([data], output)
    assert parts(output) == before


def test_a_journal_cut_anywhere_in_its_last_line_costs_that_file_only(data, tmp_path):
    output = tmp_path / "out"
    batch([data], output)
    whole = (output / NAME).read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start, len(whole), 97):
        (output / NAME).write_bytes(whole[:cut])
        with Journal(str(output)) as journal:
            keys = [json.loads(line)["source"] for line in whole.splitlines()]
            arguments = [json.loads(line)["arguments"] for line in whole.splitlines()]
            known = [journal.done(*pair)[0] is not None for pair in zip(keys, arguments, strict=True)]
        assert known == [True] * 5 + [False]
    assert batch([data], output).analyzed == 1
    assert (output / NAME).read_bytes() == whole


# -- in the middle


def command(*words):
    return [sys.executable, "-m", "loadsense", *map(str, words)]


def children(pid):
    """Processes whose parent is, or was before it died, this one: by their command line."""
    import psutil

    return [
        child for child in psutil.Process(pid).children(recursive=True) if "spawn_main" in " ".join(child.cmdline())
    ]


@POSIX
@pytest.mark.skipif(find_spec("psutil") is None, reason="psutil is not installed (extra dask)")
def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path, texts):
    data, output = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for n in range(60):
        (data / f"p{n:03}.csv").write_text(texts[n % 6].replace(".0", f".{n % 10}", 3 + n // 10))
    words = command("batch", data, "--placement", "hip", "--tz", "Europe/Madrid", "--jobs", 2, "-o", output)
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (output / NAME).exists() and (output / NAME).read_bytes().count(b"\n") >= 3, 60)
        workers = children(running.pid)
    finally:
        running.kill()
        running.wait()
    assert workers
    until(lambda: not any(worker.is_running() for worker in workers), 30)  # nobody works on for nobody
    done = (output / NAME).read_bytes().count(b"\n")
    assert 3 <= done < 60
    assert not (output / "summary.csv").exists()

    run = batch([data], output)
    assert run.skipped >= done
    assert (run.analyzed + run.skipped, run.errors) == (60, {})
    batch([data], tmp_path / "clean")
    assert parts(output) == parts(tmp_path / "clean")
    assert (output / "summary.csv").read_bytes() == (tmp_path / "clean" / "summary.csv").read_bytes()


def until(true, patience_s):
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def kill_reader(pipe, before_it_dies):
    """Kill the process that reads a pipe: it is there when the pipe opens for writing without waiting."""
    opened = None

    def ready():
        nonlocal opened
        try:
            opened = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        return True

    until(ready, 60)
    before_it_dies()
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    os.close(opened)


@POSIX
@pytest.mark.parametrize(("kills", "errors"), [(1, {"user": 1}), (2, {"lost worker": 1})])
def test_a_worker_that_dies_costs_its_file_one_attempt_and_no_other_file_anything(data, tmp_path, kills, errors):
    pipe = data / "p0-pipe.csv"
    os.mkfifo(pipe)

    def replace():
        pipe.unlink()
        pipe.write_text("nonsense")

    def killing():
        for _ in range(kills):
            kill_reader(pipe, replace if kills == 1 else lambda: None)

    killer = threading.Thread(target=killing, daemon=True)
    killer.start()
    run = run_batch([str(pipe), str(data / "p2.csv"), str(data / "p3.csv")], str(tmp_path / "out"), HIP)
    killer.join(60)
    assert (run.analyzed, run.errors) == (2, errors)
    (error,) = rows(tmp_path / "out" / "errors.csv")
    if kills == 2:
        assert error["reason"].startswith("the worker that analyzed this file died twice")
        assert error["what_to_do"].startswith("start the same command again")


def test_an_unexpected_exception_is_recorded_as_our_bug_and_the_next_file_is_done(data, tmp_path):
    prepare(str(tmp_path / "out"))

    def task(name, **reading):
        source = Source(key=str(data / name), name=name)
        return FileTask(
            source=source,
            participant=None,
            reading=tuple(reading.items()),
            judged=(),
            output=str(tmp_path / "out"),
            arguments="none",
        )

    tasks = [task("p0.csv", nonsense=1), task("p1.csv", placement="hip")]
    (_, first), (_, second) = LocalProcesses(1).run(tasks)
    assert first.failure.fault == "bug"
    assert first.failure.reason.startswith("unexpected TypeError at loadsense/cohort/work.py:")
    assert "nonsense" in first.failure.reason
    assert "report it" in first.failure.what_to_do
    assert second.failure is None


def test_results_that_cannot_be_written_stop_the_batch_in_one_sentence(data, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "landings").write_text("in the way")
    with pytest.raises(WorldError, match=r"results cannot be written to .*out .*what is done stays done"):
        batch([data], tmp_path / "out")
    (tmp_path / "out" / "landings").unlink()
    prepare(str(tmp_path / "out"))
    (tmp_path / "out" / "impacts" / "_common_metadata").unlink()
    (tmp_path / "out" / "impacts").rmdir()
    (tmp_path / "out" / "impacts").write_text("in the way")
    task = FileTask(
        source=Source(key=str(data / "p0.csv"), name="p0.csv"),
        participant=None,
        reading=READING,
        judged=(),
        output=str(tmp_path / "out"),
        arguments="none",
    )
    with pytest.raises(WorldError, match="make room or give another -o"):
        list(LocalProcesses(1).run([task]))


def test_a_file_that_goes_away_before_its_turn_is_a_row(data, tmp_path):
    class Late(InThisProcess):
        def run(self, tasks):
            for n, task in enumerate(tasks):
                if n == 0:
                    Path(task.source.key).unlink()
                yield task, analyze_file(task)

    run_batch([str(data)], str(tmp_path / "out"), HIP, workers=Late())
    (error,) = rows(tmp_path / "out" / "errors.csv")
    assert (error["reason"], error["what_to_do"]) == (
        f"{data}/p0.csv: the file has gone since the batch began",
        "check the folder",
    )


# -- the manifest


def people(folder, text):
    path = folder.parent / "people.csv"
    path.write_text(text, encoding="utf-8")
    return BatchOptions(manifest=str(path), reading=(("placement", "waist"),))


def test_a_manifest_says_whose_and_how(data, tmp_path):
    options = people(
        data,
        "\ufeffParticipant;File;tz;placement;body_mass_kg\n"
        "p017;data/p0.csv;Europe/Madrid;hip;63,1\np021;second/p4.csv;America/New_York;;\n",
    )
    batch([data / "p0.csv", data / "second"], tmp_path / "out", options)
    one, two, unknown = rows(tmp_path / "out" / "summary.csv")
    assert (one["participant"], one["placement"], one["body_mass_kg"]) == ("p017", "hip", "63.1")
    assert (two["participant"], two["placement"], two["body_mass_kg"]) == ("p021", "waist", "")
    assert (one["start_time"][-6:], two["start_time"][-6:]) == ("+01:00", "-05:00")
    assert (unknown["status"], Path(unknown["file"]).name) == ("error", "p5.csv")
    (error,) = rows(tmp_path / "out" / "errors.csv")
    assert error["reason"] == "no row of people.csv names this file: its participant is unknown"
    assert error["what_to_do"] == "add a row for it, or leave the file out"
    assert set(pd.read_parquet(tmp_path / "out" / "impacts")["participant"]) == {"p017", "p021"}


@pytest.mark.parametrize(
    ("line", "row", "reason", "to_do"),
    [
        (
            "p1,p1.csv,Europe/Madird,,",
            3,
            "unknown time zone 'Europe/Madird': did you mean 'Europe/Madrid'?",
            "expected",
        ),
        ("p1,p1.csv,,hipp,", 3, "unknown placement 'hipp'", "change the file or the option"),
        ("p1,p1.csv,,,heavy", 3, "body_mass_kg 'heavy' is not a number", "write it like 63.1"),
        (",p1.csv,,,", 3, "the participant is empty", "write who wore the sensor"),
        ("p1,,,,", 3, "no file is named", "write which one"),
        ("p1,p7.csv,,,", 3, "'p7.csv' is none of the files that were given", "check the name"),
        ("p1,data/p0.csv,,,", 3, "the file has a row already, row 2", "keep one"),
    ],
)
def test_a_wrong_row_is_an_error_with_its_number_and_stops_no_other(data, tmp_path, line, row, reason, to_do):
    options = people(data, f"participant,file,tz,placement,body_mass_kg\np0,p0.csv,,hip,\n{line}\np2,p2.csv,,hip,\n")
    batch([data / "p0.csv", data / "p1.csv", data / "p2.csv"], tmp_path / "out", options)
    errors = [error for error in rows(tmp_path / "out" / "errors.csv") if error["row"]]
    (error,) = errors
    assert error["row"] == str(row)
    assert error["reason"].startswith(f"manifest people.csv row 3: {reason}")
    assert to_do in error["what_to_do"]
    done = [Path(r["file"]).name for r in rows(tmp_path / "out" / "summary.csv") if r["status"] == "done"]
    assert done == (["p2.csv"] if "already" in reason else ["p0.csv", "p2.csv"])


def test_a_name_that_two_files_share_is_asked_about(data, tmp_path, texts):
    (data / "second" / "p0.csv").write_text(texts[1])
    options = people(data, "participant,file\np0,p0.csv\np1,second/p0.csv\n")
    (data / "manifest").mkdir()
    moved = shutil.move(options.manifest, data / "manifest" / "people.csv")
    matched = manifest.match(str(moved), finding.find([str(data)]))
    assert "'p0.csv' could be 2 of the files" in matched.failures["p0.csv"].reason
    assert matched.rows[str(data.resolve() / "second" / "p0.csv")].participant == "p1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column participant and no column file; expected a first row such as participant,file,tz"),
        ("participant,path\na,b\n", "no column file"),
        ("participant,file,placment\na,b,c\n", "unknown column in .*people.csv 'placment': did you mean 'placement'"),
        ("participant,file,file\na,b,c\n", "column file is there twice; keep one"),
        ("participant,file\n", "a header and no rows; expected one row for each recording"),
    ],
)
def test_a_manifest_that_cannot_be_used_at_all_stops_before_anything_is_written(data, tmp_path, text, words):
    with pytest.raises((ContentError, OptionError), match=words):
        batch([data], tmp_path / "out", people(data, text))
    assert not (tmp_path / "out").exists()


def test_a_manifest_that_is_not_text_or_not_there(data, tmp_path):
    (tmp_path / "people.csv").write_bytes("participant,file\nJosé,p0.csv\n".encode("latin-1"))
    with pytest.raises(ContentError, match="not UTF-8 text; save it as CSV UTF-8"):
        batch([data], tmp_path / "out", BatchOptions(manifest=str(tmp_path / "people.csv")))
    with pytest.raises(OptionError, match=r"nobody\.csv: no such file; check the name"):
        batch([data], tmp_path / "out", BatchOptions(manifest="nobody.csv"))
    with pytest.raises(OptionError, match=r"second: cannot be read"):
        batch([data], tmp_path / "out", BatchOptions(manifest=str(data / "second")))


# -- the files


def test_folders_globs_and_files_are_found_once_and_in_order(data, tmp_path):
    for name in ("readme.md", ".hidden.csv", "p0.json"):
        (data / name).write_text("not for us")
    (data / "out").mkdir()
    shutil.copy(data / "p0.csv", data / "out" / "p0.csv")
    (data / "odd.name").write_text("x")
    named = [str(data / "odd.name"), f"{data}/*.csv", f"{data}/**/p4.csv", str(data)]
    found = finding.find(named, leave_out=[str(data / "out"), str(data / "p3.csv")])
    assert [Path(source.key).name for source in found] == [
        *("odd.name", "p0.csv", "p1.csv", "p2.csv", "p4.csv", "p5.csv"),
    ]


def test_what_is_not_there_is_said(tmp_path, data):
    with pytest.raises(OptionError, match=r"nowhere: no such file or folder; check the name"):
        finding.find([str(tmp_path / "nowhere")])
    with pytest.raises(OptionError, match=r"\*\.gt3x: no recordings found there; expected files such as"):
        finding.find([f"{data}/*.gt3x"])
    with pytest.raises(OptionError, match="expected 1 or more processes"):
        run_batch([str(data)], str(tmp_path / "out"), BatchOptions(jobs=0))


needs_fsspec = pytest.mark.skipif(find_spec("fsspec") is None, reason="fsspec is not installed (extra cloud)")


@needs_fsspec
def test_urls_are_fetched_analyzed_and_skipped(data, tmp_path):
    url = f"file://{data.resolve().as_posix()}"
    assert len(finding.find([f"{url}/p*.csv"])) == 4
    assert [s.key for s in finding.find([f"{url}/p0.csv"])] == [f"{url}/p0.csv"]
    (data / "p3.csv").write_bytes(b"\x1f\x8b\x08cut")
    run = batch([url], tmp_path / "out")
    assert (run.analyzed, run.errors) == (5, {"user": 1})
    (error,) = rows(tmp_path / "out" / "errors.csv")
    assert error["file"] == f"{url}/p3.csv"
    batch([data], tmp_path / "local")
    assert parts(tmp_path / "out") == parts(tmp_path / "local")
    assert batch([url], tmp_path / "out").skipped == 6


@pytest.fixture
def memory_store():
    """A store in this process's memory, left as it was found."""
    store = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cloud)").filesystem("memory")
    yield store
    store.rm("/study", recursive=True)


def test_a_store_without_files_is_read_by_folder_and_by_glob(memory_store, data, tmp_path):
    for path in [*data.glob("p*.csv"), data / "second" / "p4.csv"]:
        memory_store.pipe(f"/study/2026/{path.relative_to(data).as_posix()}", path.read_bytes())
    memory_store.pipe("/study/2026/bad.csv", b"nonsense\n")
    memory_store.pipe("/study/2026/notes.md", b"not for us\n")
    url = "memory://study/2026/"
    assert len(finding.find([url])) == 6
    assert len(finding.find([f"{url}p*.csv", f"{url}**/p4.csv"])) == 5
    run = batch([url], tmp_path / "out")
    assert (run.analyzed, run.errors) == (5, {"user": 1})
    (error,) = rows(tmp_path / "out" / "errors.csv")
    assert error["file"] == "memory:///study/2026/bad.csv"
    assert "bad.csv" in error["reason"]
    assert "/tmp" not in error["reason"]  # nobody knows the place where it lay while it was read
    batch([*data.glob("p*.csv"), data / "second" / "p4.csv"], tmp_path / "local")
    assert parts(tmp_path / "out") == parts(tmp_path / "local")


def test_an_object_that_changed_is_done_again_and_no_other_is_fetched(memory_store, data, tmp_path, monkeypatch):
    for n in range(3):
        memory_store.pipe(f"/study/p{n}.csv", (data / f"p{n}.csv").read_bytes())
    assert batch(["memory://study/"], tmp_path / "out").analyzed == 3
    fetched, opening = [], type(memory_store).open

    def noted(store, path, *words, **options):
        fetched.append(path)
        return opening(store, path, *words, **options)

    monkeypatch.setattr(type(memory_store), "open", noted)
    assert batch(["memory://study/"], tmp_path / "out").skipped == 3
    assert fetched == []
    memory_store.pipe("/study/p1.csv", (data / "p3.csv").read_bytes())
    fetched.clear()
    changed = batch(["memory://study/"], tmp_path / "out")
    assert (changed.analyzed, changed.skipped) == (1, 2)
    assert [path.rsplit("/", 1)[-1] for path in fetched] == ["p1.csv"]


def test_an_object_that_goes_away_is_the_worlds_fault_and_stops_no_other(memory_store, data, tmp_path):
    for n in range(2):
        memory_store.pipe(f"/study/p{n}.csv", (data / f"p{n}.csv").read_bytes())

    class Losing(InThisProcess):
        def run(self, tasks):
            found = list(tasks)
            memory_store.rm("/study/p0.csv")
            yield from super().run(found)

    run = run_batch(["memory://study/"], str(tmp_path / "out"), HIP, workers=Losing())
    assert (run.analyzed, run.errors) == (1, {"world": 1})
    (error,) = rows(tmp_path / "out" / "errors.csv")
    assert error["reason"].startswith("memory:///study/p0.csv: cannot be found")
    assert error["what_to_do"] == "check the network and the keys"


@pytest.fixture
def bucket(monkeypatch):
    """The address of an S3 server on loopback, with an empty bucket "study"."""
    server = pytest.importorskip("moto.server", reason="moto is not installed: no S3 server to test against")
    fsspec = pytest.importorskip("s3fs", reason="s3fs is not installed (extra cloud)")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": address}
    for name, value in {**keys, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    store = fsspec.S3FileSystem(endpoint_url=address, skip_instance_cache=True)
    store.mkdir("study")
    yield store
    running.stop()


@pytest.mark.filterwarnings("ignore")  # of the server's own packages
def test_an_object_store_is_read_and_its_versions_are_known(bucket, data, tmp_path):
    for path in data.glob("p*.csv"):
        bucket.pipe(f"study/2026/{path.name}", path.read_bytes())
    run = run_batch(["s3://study/2026/"], str(tmp_path / "out"), BatchOptions(reading=READING))
    assert (run.analyzed, run.errors) == (4, {})
    batch([*data.glob("p*.csv")], tmp_path / "local")
    assert parts(tmp_path / "out") == parts(tmp_path / "local")
    assert batch(["s3://study/2026/p*.csv"], tmp_path / "out").skipped == 4
    bucket.pipe("study/2026/p0.csv", (data / "p1.csv").read_bytes())
    bucket.invalidate_cache()
    changed = run_batch(["s3://study/2026/"], str(tmp_path / "out"), BatchOptions(reading=READING))
    assert (changed.analyzed, changed.skipped) == (1, 3)


@needs_fsspec
def test_urls_that_cannot_be_opened_say_why(data):
    with pytest.raises(OptionError, match="no such object or folder"):
        finding.find([f"file://{data}/nothing"])
    with pytest.raises(OptionError, match=r"expected a URL such as s3://bucket/folder/"):
        finding.find(["carrier-pigeon://bucket/folder"])
    gone = FileTask(
        source=Source(key=f"file://{data}/gone.csv", name="gone.csv"),
        participant=None,
        reading=(),
        judged=(),
        output="",
        arguments="",
    )
    outcome = analyze_file(gone)
    assert outcome.failure.fault == "world"
    assert outcome.failure.reason.startswith("gone.csv: cannot be found")


def test_a_sentence_is_taken_apart():
    assert split_sentence("a: what? do this") == ("a: what?", "do this")
    assert split_sentence("unknown x 'y': did you mean 'z'? Known: z, w")[0].endswith("Known: z, w")


# -- the command


def test_the_command_says_what_came_of_it(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (data / "bad.csv").write_text("nonsense\n")
    words = ["batch", "data", "--placement", "hip", "--load", "deadlift=60", "-o", "out"]
    assert cli._code(words) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "files        7: 6 analyzed, 0 done before, 1 error"
    assert lines[-2] == "errors       1 (1 user): out/errors.csv says what to do about each"
    assert lines[-1] == "BATCH 6 of 7 files in out"
    assert said.err == "7 of 7 files, 1 error\n"
    assert rows(tmp_path / "out" / "errors.csv")[0]["file"] == "data/bad.csv"
    assert cli._code([*words, "--json", "-q"]) == 0
    said = capsys.readouterr()
    assert (json.loads(said.out)["skipped"], said.err) == (7, "")


def test_a_batch_in_which_nothing_could_be_done_is_no_success(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("nonsense\n")
    assert cli._code(["batch", "bad.csv", "-o", "out"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: no file could be analyzed: see out/errors.csv for the reason of each\n"
    )
    assert cli._code(["batch", "bad.csv", "--plan", "nonsense"]) == 2
    assert cli._code(["batch", "bad.csv", "--tz", "Mars"]) == 2
    assert not Path("outputs").exists()


def test_progress_has_a_time_to_the_end_in_a_pipe_and_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(batch_cli, "LINE_EVERY_S", 0.0)
    with batch_cli.BatchProgress(quiet=False) as progress:
        progress(1, 4, 0)
        progress(4, 4, 1)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("1 of 4 files, no errors, ")
    assert first.endswith(" left")
    assert last == "4 of 4 files, 1 error"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with batch_cli.BatchProgress(quiet=False) as progress:
        progress(1, 4, 0)
        progress(2, 4, 2)
        assert progress._bar is not None
        assert progress._bar.tasks[0].completed == 2
        assert "2 errors" in progress._bar.tasks[0].description


# -- a cluster


@contextmanager
def cluster(folder):
    """A scheduler and two workers on loopback, each a process of its own; ends them all."""
    started = []

    def start(*words):
        log = (folder / f"{words[0]}-{len(started)}.log").open("w")
        process = subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]], stderr=log)
        started.append((process, log))
        return process

    scheduler_file = folder / "scheduler.json"
    try:
        quiet = ("--no-dashboard", "--scheduler-file", str(scheduler_file))
        start("scheduler", "--host", "127.0.0.1", "--port", "0", *quiet)
        until(lambda: scheduler_file.exists() and scheduler_file.read_text().endswith("}"), 60)
        single = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
        workers = [start("worker", *single, "--scheduler-file", str(scheduler_file)) for _ in range(2)]
        yield json.loads(scheduler_file.read_text())["address"], workers
    finally:
        for process, log in reversed(started):
            process.kill()
            process.wait()
            log.close()


@POSIX
@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed (extra dask)")
def test_a_dask_cluster_that_loses_a_worker_makes_the_same_bytes(data, tmp_path, texts):
    for n in range(40):
        (data / f"more{n:02}.csv").write_text(texts[n % 6].replace(".0", f".{n % 10}", 3 + n // 10))
    (data / "bad.csv").write_text("nonsense\n")
    (tmp_path / "dask").mkdir()
    settled = []
    with cluster(tmp_path / "dask") as (address, workers):

        def kill_one(done, files, errors):
            settled.append(done)
            if len(settled) == 8:
                workers[0].kill()

        options = BatchOptions(scheduler=address, reading=READING)
        run = run_batch([str(data)], str(tmp_path / "out"), options, progress=kill_one)
        assert workers[0].wait() == -signal.SIGKILL
        assert (run.files, run.analyzed, run.errors) == (47, 46, {"user": 1})

        prepare(str(tmp_path / "bug"))
        source = Source(key=str(data / "p0.csv"), name="p0.csv")
        task = FileTask(
            source=source,
            participant=None,
            reading=(("nonsense", 1),),
            judged=(),
            output=str(tmp_path / "bug"),
            arguments="",
        )
        ((_, outcome),) = DaskCluster(address).run([task])
        assert outcome.failure.fault == "bug"
        assert "at loadsense/cohort/work.py:" in outcome.failure.reason
    batch([data], tmp_path / "local")
    assert parts(tmp_path / "out") == parts(tmp_path / "local")
    assert record(tmp_path / "out")["workers"].startswith("Dask cluster at tcp://127.0.0.1:")


@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed (extra dask)")
def test_a_scheduler_that_is_not_there_is_said(data, tmp_path, monkeypatch):
    monkeypatch.setattr("loadsense.cohort.cluster.PATIENCE_S", 1)
    options = BatchOptions(scheduler="tcp://127.0.0.1:9", reading=READING)
    with pytest.raises(
        WorldError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 .*start one with `dask sched"
    ):
        run_batch([str(data)], str(tmp_path / "out"), options)


def test_a_failure_that_is_not_the_users_is_tried_again(data, tmp_path):
    class Unlucky(InThisProcess):
        def run(self, tasks):
            for task in tasks:
                yield task, Outcome(failure=Failure(reason="the disk hung", what_to_do="wait", fault="world"))

    assert run_batch([str(data)], str(tmp_path / "out"), HIP, workers=Unlucky()).errors == {"world": 6}
    run = batch([data], tmp_path / "out")
    assert (run.analyzed, run.errors) == (6, {})
