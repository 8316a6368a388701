"""How fast and how steadily `loadsense batch` goes: one process, two, Dask; many small files; one long one.

    python benchmarks/cohort.py /tmp/cohort-bench --files 24 --minutes 60 --small 1000

Every figure comes from whole runs of the command line. Speeds are medians of rounds in which each kind of worker has
its turn, so that a busy machine slows all of them alike. Memory is the resident memory of coordinator and largest
worker, sampled while the batch runs: the first and the last third are compared, because what leaks shows in the last.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from make_recordings import MINUTE, minutes

from loadsense.samples import FloatArray

#: An assumption: what a core of a rented machine costs in an hour, without traffic and storage.
EURO_PER_CORE_HOUR = 0.04


def write_recording(path: Path, accel_g: FloatArray, number: int) -> None:
    """A recording at 100 Hz in ActiGraph's plain form of three columns; the number makes its first row its own."""
    rows = "\n".join(f"{x:.3f},{y:.3f},{z:.3f}" for x, y, z in accel_g.tolist())
    path.write_text(f"x,y,z\n0.0,0.0,{1 + number / 1e6:.6f}\n{rows}\n", encoding="ascii")


def make(folder: Path, files: int, length: int) -> Path:
    """So many files of so many minutes, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    source = minutes(10_000)
    accel_g = np.concatenate([next(source) for _ in range(length)])
    for number in range(files):
        path = folder / f"p{number:05}.csv"
        if not path.exists():
            write_recording(path, np.roll(accel_g, number * MINUTE // 4, axis=0), number)
    return folder


def batch(data: Path, output: Path, *words: str) -> list[str]:
    shutil.rmtree(output, ignore_errors=True)
    given = ["--placement", "hip", "--sampling-rate-hz", "100", "--range-g", "8", "-q", "-o", str(output)]
    return [sys.executable, "-m", "loadsense", "batch", str(data), *given, *words]


def seconds(data: Path, output: Path, *words: str) -> float:
    """Wall time of a whole run, start-up included."""
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
        time.sleep(5)
        yield json.loads(told.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def memory(data: Path, output: Path, *words: str) -> tuple[float, list[float], list[float]]:
    """Seconds, and MiB over time of the coordinator and of the largest worker."""
    start = time.perf_counter()
    running = subprocess.Popen(batch(data, output, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole, coordinator, worker = psutil.Process(running.pid), [], []
    while running.poll() is None:
        try:
            coordinator.append(whole.memory_info().rss / 2**20)
            worker.append(max((c.memory_info().rss / 2**20 for c in whole.children(recursive=True)), default=0.0))
        except psutil.NoSuchProcess:
            pass  # it ended between two looks
        time.sleep(0.2)
    return time.perf_counter() - start, coordinator, worker


def thirds(values: list[float]) -> str:
    """Median of the first third, of the last third, and the largest."""
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[third // 4 : third]), statistics.median(values[-third:-1])
    return f"{first:.0f} MiB in the first third, {last:.0f} in the last, {max(values):.0f} at most"


def speeds(folder: Path, files: int, length: int, rounds: int) -> None:
    """Files a second with one process, two, and Dask."""
    data = make(folder / f"data-{length}", files, length)
    samples = files * length * MINUTE
    size = sum(path.stat().st_size for path in data.iterdir())
    times: dict[str, list[float]] = {"1 process": [], "2 processes": [], "Dask, 2 workers": []}
    with cluster(folder / "dask") as address:
        for _ in range(rounds):
            times["1 process"].append(seconds(data, folder / "out1", "--jobs", "1"))
            times["2 processes"].append(seconds(data, folder / "out2", "--jobs", "2"))
            times["Dask, 2 workers"].append(seconds(data, folder / "outd", "--scheduler", address))
    print(f"{files} files of {length} min at 100 Hz, {size / 2**20:.0f} MiB of text, {rounds} rounds")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"  {name:16} {middle:7.1f} s  {files / middle:6.2f} files/s  {middle / samples * 1e9:6.0f} ns/sample")
    pairs = zip(times["1 process"], times["2 processes"], times["Dask, 2 workers"], strict=True)
    ratios = [(one / two, dask / two) for one, two, dask in pairs]
    print(f"  2 processes against 1: {statistics.median(r for r, _ in ratios):.2f} x")
    print(f"  Dask against 2 processes: {statistics.median(r for _, r in ratios):.2f} x the time")
    print(f"  results: {stored(folder / 'out2') / files / 1024:.1f} KiB a file")


def stored(output: Path) -> int:
    """Bytes of everything in an output folder."""
    return sum(path.stat().st_size for path in output.rglob("*") if path.is_file())


def flatness(folder: Path, files: int) -> None:
    """Memory over many small files, and how long a second start takes."""
    data = make(folder / "data-small", files, 1)
    taken, coordinator, worker = memory(data, folder / "many", "--jobs", "2")
    print(f"{files} files of 1 min, 2 processes: {taken:.0f} s, {files / taken:.1f} files/s")
    print(f"  coordinator: {thirds(coordinator)}")
    print(f"  largest worker: {thirds(worker)}")
    start = time.perf_counter()
    words = batch(data, folder / "nowhere", "--jobs", "2")
    subprocess.run([w.replace("nowhere", "many") for w in words], check=True, capture_output=True)
    print(f"  started again: {time.perf_counter() - start:.1f} s, every file hashed and skipped")


def long_recording(folder: Path, length: int) -> None:
    """One long recording on one core, and what 100,000 weeks of it would take."""
    data = make(folder / f"data-long-{length}", 1, length)
    (path,) = data.iterdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken, _, worker = memory(data, folder / "long", "--jobs", "1")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    samples, days = length * MINUTE, length / 1440
    results = stored(folder / "long")
    print(f"one file of {length} min, {samples:,} samples: {taken:.0f} s, {cpu_s:.0f} s of CPU, start-up included")
    print(f"  {cpu_s / samples * 1e9:.0f} ns of CPU a sample, worker at most {max(worker):.0f} MiB")
    print(
        f"  {path.stat().st_size / 2**20 / days:.0f} MiB of text and {results / 2**20 / days:.2f} MiB of results a day"
    )
    people, week, given_mb, made_mb = 100_000, 7 / days, path.stat().st_size / 1e6, results / 1e6
    hours = people * week * cpu_s / 3600
    print(f"{people:,} people x 7 days at this rate: {hours:,.0f} core-hours, {hours / 1000:,.1f} h on 1,000 cores")
    print(f"  {people * week * given_mb / 1e6:,.0f} TB of text in, {people * week * made_mb / 1e6:.2f} TB out")
    print(f"  {week * cpu_s * EURO_PER_CORE_HOUR / 3600:.5f} EUR a recording at {EURO_PER_CORE_HOUR} EUR a core-hour")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--long", type=int, default=1440, metavar="MINUTES", help="length of the one long recording")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.files:
        speeds(given.folder, given.files, given.minutes, given.rounds)
    if given.small:
        flatness(given.folder, given.small)
    if given.long:
        long_recording(given.folder, given.long)


if __name__ == "__main__":
    main()
