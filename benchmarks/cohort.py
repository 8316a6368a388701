"""How fast and how steadily `loadsense batch` goes, and what a hundred thousand weeks would take.

    python benchmarks/cohort.py /tmp/cohort-bench --write docs/scale.md
    python benchmarks/cohort.py /tmp/cohort-bench --only workers --files 400 --minutes 1440

Four measurements, each of whole runs of the command line, start-up included (`--only` chooses some of them):

- **workers**: one process, two, and Dask with two workers, in turns, so that a busy machine slows all alike; ratios are
  medians of rounds. More files than `--distinct` are hard links of the first ones, so that the input fits into memory:
  each has its own participant, and is read, analyzed and written like any other.
- **many**: small files by the thousand, 50 Hz. Resident memory of coordinator and workers over time, and the run is
  killed in the middle and started again.
- **long**: one long recording, as text and in LoadSense's own format: processor time, memory, bytes in and out.
- **again**: a second start over the many files, in which everything is hashed and skipped.

What is found is kept in FOLDER/figures.json; `--write` puts it into the page, with what follows from it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cohort_page
import numpy as np
import psutil
from make_recordings import AG_HEADER, MINUTE, RATE_HZ, Milligrams, library, minutes

Figures = dict[str, Any]

#: Share of the many files' work after which the run is killed.
KILLED_AT = 0.4
#: Slices in which memory over time is told.
SLICES = 5


# -- the recordings


def encoded_minutes(count: int) -> list[bytes]:
    """Text of so many minutes of an ordinary week at 100 Hz."""
    text = Milligrams()
    return [text.rows(accel_g) for accel_g in minutes(count)]


def long_files(folder: Path, files: int, length: int, distinct: int) -> Path:
    """So many ActiGraph files of so many minutes; the first are all different, the others links to them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"p{number:05}.csv" for number in range(files)]
    chunks = [] if all(path.exists() for path in paths) else encoded_minutes(length)
    for number, path in enumerate(paths):
        if path.exists():
            continue
        if number >= distinct:
            path.hardlink_to(paths[number % distinct])
            continue
        turn = number * 7 % length
        with path.open("wb") as file:
            file.write(AG_HEADER.encode())
            file.writelines([*chunks[turn:], *chunks[:turn]])
    return folder


def manifest(folder: Path) -> Path:
    """A participant for each file, so that equal files are not the same recording."""
    path = folder.with_suffix(".people.csv")
    rows = [f"{file.stem},{folder.name}/{file.name}" for file in sorted(folder.glob("p*.csv"))]
    path.write_text("\n".join(["participant,file", *rows]) + "\n", encoding="utf-8")
    return path


def small_files(folder: Path, files: int) -> Path:
    """So many files of a minute at 50 Hz, no two alike: three quiet ones for each lively one."""
    folder.mkdir(parents=True, exist_ok=True)
    quiet, text = next(minutes(1)), Milligrams()
    kinds = [kind[::2] for lively in library() for kind in (lively, quiet, quiet, quiet)]
    header = AG_HEADER.replace(f"{RATE_HZ} Hz", f"{RATE_HZ // 2} Hz").encode()
    for number in range(files):
        path = folder / f"p{number:05}.csv"
        if not path.exists():
            rolled = np.roll(kinds[number % len(kinds)], number // len(kinds) + number % 17, axis=0)
            rolled[0] = (number % 8000 / 1000, number // 8000 / 1000, 1.0)
            path.write_bytes(header + text.rows(rolled))
    return folder


# -- runs of the command


def batch(data: Path, output: Path, *words: str) -> list[str]:
    given = ["--placement", "hip", "--range-g", "8", "--tz", "Europe/Madrid", "-q", "-o", str(output)]
    return [sys.executable, "-m", "loadsense", "batch", str(data), *given, *words]


def seconds(data: Path, output: Path, *words: str) -> float:
    """Wall time of a whole run into an empty folder."""
    shutil.rmtree(output, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(batch(data, output, *words), check=True, capture_output=True)
    return time.perf_counter() - start


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A scheduler and two workers of one thread on loopback; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "scheduler.json"
    told.unlink(missing_ok=True)
    common = ["--no-dashboard", "--scheduler-file", str(told)]
    words = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common]
    started = [subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)]
    try:
        while not (told.exists() and told.read_text().endswith("}")):
            time.sleep(0.1)
        worker = ["-m", "distributed.cli.dask_worker", "--nthreads", "1", "--local-directory", str(folder), *common]
        started += [subprocess.Popen([sys.executable, *worker], stderr=subprocess.DEVNULL) for _ in range(2)]
        address = json.loads(told.read_text())["address"]
        wait_for_workers(address, 2)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count)


# -- memory and processor time while a batch runs


@dataclass
class Watched:
    """What was seen of a run, look by look: MiB of the coordinator and of its largest worker, bytes of the journal."""

    taken_s: float = 0.0
    cpu_s: float = 0.0
    coordinator_cpu_s: list[float] = field(default_factory=list)
    coordinator_mib: list[float] = field(default_factory=list)
    worker_mib: list[float] = field(default_factory=list)
    journal: list[int] = field(default_factory=list)


def watch(command: list[str], output: Path, *, kill_at_bytes: int | None = None) -> Watched:
    """Run a batch and look at it every fifth of a second; kill it with its workers once its journal is so long."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole, seen, journal = psutil.Process(running.pid), Watched(), output / "journal.jsonl"
    while running.poll() is None:
        size = journal.stat().st_size if journal.exists() else 0
        look(whole, seen, size)
        if kill_at_bytes and size > kill_at_bytes:
            running.send_signal(signal.SIGKILL)
            running.wait()
        time.sleep(0.2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen.taken_s = time.perf_counter() - start
    seen.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seen


def look(whole: psutil.Process, seen: Watched, journal_bytes: int) -> None:
    """One look; a process that ends between two looks is not seen."""
    try:
        times = whole.cpu_times()
        workers = [child.memory_info().rss for child in whole.children(recursive=True)]
        own = whole.memory_info().rss
    except psutil.NoSuchProcess:
        return
    if own:
        seen.coordinator_cpu_s.append(times.user + times.system)
        seen.coordinator_mib.append(own / 2**20)
        seen.worker_mib.append(max(workers, default=0) / 2**20)
        seen.journal.append(journal_bytes)


def own_cpu_s(seen: Watched) -> float:
    """Processor time of the coordinator from the first file on: what starting up took is left out."""
    begun = next(n for n, size in enumerate(seen.journal) if size)
    return seen.coordinator_cpu_s[-1] - seen.coordinator_cpu_s[begun]


def slices(values: list[float]) -> list[float]:
    """Median of each fifth of a run, its first and last looks left out: processes that start or end are smaller."""
    inner = values[len(values) // 50 + 1 : -1] or values
    return [round(statistics.median(part), 1) for part in np.array_split(inner, SLICES) if len(part)]


# -- the measurements


def workers(folder: Path, given: argparse.Namespace) -> Figures:
    """One process, two, and Dask with two workers, in turns."""
    data = long_files(folder / f"days-{given.minutes}", given.files, given.minutes, given.distinct)
    words = ("--manifest", str(manifest(data)))
    times: dict[str, list[float]] = {"one": [], "two": [], "dask": []}
    warm_up(folder)
    with cluster(folder / "dask") as address:
        for _ in range(given.rounds):
            times["one"].append(seconds(data, folder / "out1", *words, "--jobs", "1"))
            times["two"].append(seconds(data, folder / "out2", *words, "--jobs", "2"))
            times["dask"].append(seconds(data, folder / "outd", *words, "--scheduler", address))
    return {
        "files": given.files,
        "distinct": min(given.files, given.distinct),
        "minutes": given.minutes,
        "rounds": given.rounds,
        "text_bytes": sum(path.stat().st_size for path in data.glob("p*.csv")),
        "seconds": times,
        "two_against_one": statistics.median(a / b for a, b in zip(times["one"], times["two"], strict=True)),
        "dask_against_two": statistics.median(d / b for d, b in zip(times["dask"], times["two"], strict=True)),
    }


def many(folder: Path, given: argparse.Namespace) -> Figures:
    """Small files by the thousand: memory over time, killed in the middle, started again."""
    data, output = small_files(folder / f"small-{given.small}", given.small), folder / "many"
    shutil.rmtree(output, ignore_errors=True)
    command = batch(data, output, "--jobs", "2")
    few = few_files(data, folder / "few", output)
    first = watch(command, output, kill_at_bytes=round(KILLED_AT * given.small * few["journal_bytes_per_file"]))
    done = (output / "journal.jsonl").read_bytes().count(b"\n")
    second = watch(command, output)
    told = json.loads((output / "run.json").read_text("utf-8"))
    return {
        "files": given.small,
        "few": few,
        "killed_after": done,
        "taken_s": first.taken_s + second.taken_s,
        "cpu_s": first.cpu_s + second.cpu_s,
        "coordinator_cpu_s_per_file": own_cpu_s(first) / done,
        "coordinator_mib": [slices(run.coordinator_mib) for run in (first, second)],
        "worker_mib": [slices(run.worker_mib) for run in (first, second)],
        "analyzed_after": told["analyzed"],
        "skipped_after": told["skipped"],
        "errors": told["errors"],
        "parts": sum(1 for _ in output.glob("*/shard=*/*.parquet")),
        "output_bytes": stored(output),
        "journal_bytes": (output / "journal.jsonl").stat().st_size,
        "input_bytes": sum(path.stat().st_size for path in data.glob("p*.csv")),
    }


def few_files(data: Path, few: Path, output: Path) -> Figures:
    """What a run over twenty files shows: bytes of the journal for each, and the coordinator's MiB without many."""
    few.mkdir(exist_ok=True)
    paths = sorted(data.glob("p*.csv"))[:20]
    for path in paths:
        shutil.copy(path, few)
    seen = watch(batch(few, output, "--jobs", "1"), output)
    size = (output / "journal.jsonl").stat().st_size / len(paths)
    shutil.rmtree(output)
    return {"journal_bytes_per_file": size, "coordinator_mib": max(seen.coordinator_mib)}


def again(folder: Path, given: argparse.Namespace) -> Figures:
    """A second start over the many files: everything is there."""
    data, output = folder / f"small-{given.small}", folder / "many"
    seen = watch(batch(data, output, "--jobs", "2"), output)
    told = json.loads((output / "run.json").read_text("utf-8"))
    return {"files": given.small, "taken_s": seen.taken_s, "skipped": told["skipped"], "cpu_s": seen.cpu_s}


def long(folder: Path, given: argparse.Namespace) -> Figures:
    """One long recording on one core, as text and in LoadSense's own format."""
    data = long_files(folder / f"long-{given.long}", 1, given.long, 1)
    (text,) = data.glob("p*.csv")
    own = folder / f"long-{given.long}-own" / "p00000.loadsense.parquet"
    if not own.exists():
        own.parent.mkdir(exist_ok=True)
        keep(text, own)
    warm_up(folder)
    found: Figures = {"minutes": given.long, "samples": given.long * MINUTE}
    for name, path in (("text", text), ("own", own)):
        shutil.rmtree(folder / "long", ignore_errors=True)
        seen = watch(batch(path, folder / "long", "--jobs", "1"), folder / "long")
        found[name] = {
            "cpu_s": seen.cpu_s,
            "taken_s": seen.taken_s,
            "worker_mib": max(seen.worker_mib),
            "input_bytes": path.stat().st_size,
            "output_bytes": stored(folder / "long"),
        }
    return found


def warm_up(folder: Path) -> None:
    """One file of a day: loops that are compiled on first use are compiled then, and kept; short files need none."""
    seconds(long_files(folder / "day", 1, 1440, 1), folder / "warm", "--jobs", "1")


def keep(text: Path, own: Path) -> None:
    """A recording in LoadSense's own format."""
    from loadsense import readers
    from loadsense.readers.loadsense_format import write_recording

    write_recording(readers.read(text, placement="hip", range_g=8, tz="Europe/Madrid"), own, samples="counts")


def stored(output: Path) -> int:
    """Bytes of everything in an output folder."""
    return sum(path.stat().st_size for path in output.rglob("*") if path.is_file())


MEASUREMENTS = {"workers": workers, "many": many, "again": again, "long": long}


def main() -> None:
    """Parse, measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for recordings and results; gigabytes")
    parser.add_argument("--only", nargs="*", choices=MEASUREMENTS, default=list(MEASUREMENTS), help="none: write only")
    parser.add_argument("--files", type=int, default=24, help="files of `workers`")
    parser.add_argument("--minutes", type=int, default=1440, help="length of each")
    parser.add_argument("--distinct", type=int, default=24, help="of them, not links of others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=10_000, help="files of `many`")
    parser.add_argument("--long", type=int, default=7 * 1440, metavar="MINUTES", help="length of the long recording")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the figures into this page")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "figures.json"
    figures: Figures = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for name in given.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        busy_percent = psutil.cpu_percent(interval=2.0)  # before anything of ours runs
        figures[name] = {**MEASUREMENTS[name](given.folder, given), "busy_percent": busy_percent}
        kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        print("\n".join(cohort_page.SECTIONS[name](figures[name])), flush=True)
    if given.write:
        cohort_page.write(given.write, figures)


if __name__ == "__main__":
    main()
