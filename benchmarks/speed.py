"""Time and peak memory of whole processes, side by side with the obvious program, and what it costs inside, as tables.

    python benchmarks/speed.py [--folder FOLDER] [--runs 3] [--without-week] [--peers PEERS/bin/python]
        [--write docs/performance.md]

`loadsense analyze` does far more than `obvious.py` (landings, activities, loads, verdict, report); the ratio says what
that costs. Both are measured in the same run on the same file, in turns, medians; memory is that of a process and its
children together (proportional sets: what two of them share counts once), looked at four times a second. The obvious
program reads a week once, where 9 GB are free for it. On a machine that others use the wall clock says little: hold on
to CPU seconds and ratios, or run it as `chrt -f 20 python benchmarks/speed.py` (root), which takes the cores before
everybody else; the page says so. `--peers` names a Python that has the libraries of `peers.py`. Needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from impact_peaks import TARGETS as PEAKS_TARGETS
from impact_peaks import table as to_impact_peaks
from make_recordings import MINUTE, MINUTES, make

HERE = Path(__file__).parent
LOADSENSE = str(Path(sys.executable).with_name("loadsense"))


@dataclass(frozen=True, slots=True)
class Case:
    """A recording that is measured: its length, kind and form, and the wall ns per sample that it may take."""

    length: str
    kind: str
    form: str
    wall_ns: float | None = None

    @property
    def name(self) -> str:
        """As the tables call it."""
        form = {"ag": "ActiGraph CSV", "plain": "CSV with ISO stamps"}[self.form]
        return f"one {self.length}, {self.kind}, {form}, all outputs"

    @property
    def n_samples(self) -> int:
        """Samples in it."""
        return MINUTES[self.length] * MINUTE


CASES = (
    Case("hour", "ordinary", "ag"),
    Case("day", "ordinary", "ag"),
    Case("day", "ordinary", "plain"),
    Case("week", "ordinary", "ag", 110.0),
    Case("week", "running", "ag", 160.0),
)
#: A week may take so much memory, and so much of that of a day.
MOST_MB, MOST_MB_RATIO = 400.0, 1.2
#: Figures of `measured` that have a target: at most this.
TARGETS = {"live push, quiet": 20.0}
#: From a device's file to its impact peaks the programs around other libraries take at least so many times the wall.
PEERS_RATIO = 5.0
#: What the second core is worth at least on a long file, wall.
SECOND_CORE = 1.6
#: Wall seconds of the obvious program on the ordinary week where the targets were set: what a slower hour is told by.
OBVIOUS_WEEK_S = 19.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished process."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    resident_mb: float


class MemoryWatch:
    """Largest memory of a process and its children together, MB: proportional and resident sets."""

    def __init__(self, process_id: int) -> None:
        self.peak_mb = self.resident_mb = 0.0
        self._process_id = process_id
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            with contextlib.suppress(OSError, KeyError):
                children = Path(f"/proc/{self._process_id}/task/{self._process_id}/children").read_text().split()
                sets = [memory_mb(process_id) for process_id in (str(self._process_id), *children)]
                self.peak_mb = max(self.peak_mb, sum(one["Pss"] for one in sets))
                self.resident_mb = max(self.resident_mb, sum(one["Rss"] for one in sets))


def memory_mb(process_id: str) -> dict[str, float]:
    """What the kernel says of the memory of a process, MB: Rss, Pss and more."""
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size.split()[0]) * 1024 / 1e6 for name, size in (line.split(":") for line in lines)}


def run(command: list[str]) -> Run:
    """Run a command to its end; it must succeed."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        watch = MemoryWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        watch.end()
        process.returncode = os.waitstatus_to_exitcode(status)
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
    wall_s = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {complaint[-2000:]}")
    return Run(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=watch.peak_mb or usage.ru_maxrss * 1024 / 1e6,
        resident_mb=max(watch.resident_mb, usage.ru_maxrss * 1024 / 1e6),
    )


def median(runs: list[Run]) -> Run:
    """Middle of each figure."""
    return Run(
        wall_s=statistics.median(r.wall_s for r in runs),
        cpu_s=statistics.median(r.cpu_s for r in runs),
        peak_mb=max(r.peak_mb for r in runs),
        resident_mb=max(r.resident_mb for r in runs),
    )


def in_turns(commands: list[list[str]], n: int) -> list[Run]:
    """Each command n times, one after the other, so that a noisy machine is noisy for all."""
    rounds = [[run(command) for command in commands] for _ in range(n)]
    return [median(list(column)) for column in zip(*rounds, strict=True)]


def analyze(path: Path, output: str, *options: str) -> list[str]:
    return [LOADSENSE, "analyze", str(path), "--placement", "hip", "--range-g", "8", "-q", "-o", output, *options]


def row(name: str, n_samples: int, ours: Run, other: Run | None) -> str:
    each = f"{ours.wall_s / n_samples * 1e9:.0f} | {ours.cpu_s / n_samples * 1e9:.0f}" if n_samples else "- | -"
    figures = f"{ours.wall_s:.2f} | {ours.cpu_s:.2f} | {each} | {ours.peak_mb:.0f}"
    obvious = f"{other.wall_s:.2f} | {other.cpu_s:.2f} | {other.peak_mb:.0f}" if other else "- | - | -"
    ratio = f"{ours.cpu_s / other.cpu_s:.2f} | {ours.peak_mb / other.peak_mb:.2f}" if other else "- | -"
    return f"| {name} | {figures} | {obvious} | {ratio} |"


@dataclass(slots=True)
class Judged:
    """Rows of the table of targets: what is asked for, what was measured, and whether that is met."""

    rows: list[str]
    obvious_week_s: float | None = None

    def at_most(self, what: str, most: float, measured: float, unit: str, beside: str = "") -> None:
        """A figure that may not be above a target."""
        self._add(what, f"<= {most:g} {unit}", f"{measured:.3g} {unit}{beside}", is_met=measured <= most)

    def at_least(self, what: str, least: float, measured: float, unit: str) -> None:
        """A figure that may not be below a target."""
        self._add(what, f">= {least:g} {unit}", f"{measured:.3g} {unit}", is_met=measured >= least)

    def _add(self, what: str, target: str, measured: str, *, is_met: bool) -> None:
        self.rows.append(f"| {what} | {target} | {measured} | {'met' if is_met else 'missed'} |")

    def lines(self) -> Iterator[str]:
        """The table."""
        yield "| what | target | measured | |"
        yield "| --- | --- | --- | --- |"
        yield from self.rows

    def pace(self) -> str:
        """How this machine compared with the one of the targets; the figures are as measured, none is scaled."""
        if self.obvious_week_s is None:
            return "How fast this machine was beside that of the targets was not measured."
        return textwrap.fill(
            f"Where the targets were set the obvious program took {OBVIOUS_WEEK_S:.0f} s on the ordinary week; here it "
            f"took {self.obvious_week_s:.1f} s, {self.obvious_week_s / OBVIOUS_WEEK_S:.2f} times as long. Figures are "
            "as measured, none is scaled by that.",
            120,
        )


def free_gb() -> float:
    """Memory that is free for another process."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def whole_processes(folder: Path, runs: int, judged: Judged, *, with_week: bool) -> Iterator[str]:
    """The table of whole processes; what has a target is judged."""
    yield (
        "| what | wall s | CPU s | wall ns/sample | CPU ns/sample | peak MB | obvious wall s | CPU s | MB "
        "| CPU ratio | MB ratio |"
    )
    yield "|" + " --- |" * 11
    (start_up,) = in_turns([[LOADSENSE, "--help"]], max(5, runs))
    yield row("`loadsense --help`", 0, start_up, None)
    judged.at_most("`loadsense --help`", 0.15, start_up.wall_s, "s wall", f" ({start_up.cpu_s:.2f} s CPU)")
    seen: dict[Case, Run] = {}
    with tempfile.TemporaryDirectory() as output:
        for case in CASES:
            if case.length == "week" and not with_week:
                continue
            path = make(folder, case.length, case.form, case.kind)
            obvious = [sys.executable, str(HERE / "obvious.py"), str(path)]
            has_other = (case.kind, case.form) == ("ordinary", "ag") and (case.length != "week" or free_gb() >= 9.0)
            both = has_other and case.length != "week"
            seen[case], *other = in_turns([analyze(path, output), *([obvious] if both else [])], runs)
            if has_other and not both:
                other = in_turns([obvious], 1)
                judged.obvious_week_s = other[0].wall_s
            yield row(case.name, case.n_samples, seen[case], other[0] if other else None)
            judge_case(case, seen[case], other[0] if other else None, judged)
    peaks = {case.length: ours for case, ours in seen.items() if (case.kind, case.form) == ("ordinary", "ag")}
    if "week" in peaks:
        week, day = peaks["week"], peaks["day"]
        twice = f" ({week.resident_mb:.0f} if what both share is counted twice)"
        judged.at_most("memory of a week, both processes", MOST_MB, week.peak_mb, "MB", twice)
        judged.at_most("memory of a week against a day", MOST_MB_RATIO, week.peak_mb / day.peak_mb, "x")


def judge_case(case: Case, ours: Run, other: Run | None, judged: Judged) -> None:
    """Rows of targets of one recording."""
    if case.wall_ns is not None:
        cpu_ns = ours.cpu_s / case.n_samples * 1e9
        wall_ns = ours.wall_s / case.n_samples * 1e9
        judged.at_most(case.name, case.wall_ns, wall_ns, "ns/sample wall", f" ({cpu_ns:.0f} CPU)")
    if other is not None and case.length == "hour":
        judged.at_most(f"{case.name}, CPU against the obvious program", 1.0, ours.cpu_s / other.cpu_s, "x")
    if other is not None and (case.length, case.kind) == ("day", "ordinary"):
        judged.at_least(f"{case.name}, wall of the obvious program", 1.5, other.wall_s / ours.wall_s, "x")


# -- inside one process


def measured(path: str) -> dict[str, float]:
    """CPU ns per sample of reading and of each stage, and us of a live push, with everything loaded before."""
    import loadsense as ls
    from loadsense import kernels

    kernels.prepare(10**9)
    recording = ls.read(path, placement="hip", range_g=8.0)
    spent: dict[str, float] = defaultdict(float)
    engine = ls.Engine(recording.info)
    for stage in engine._stages:
        stage.push = timed(stage.push, type(stage).__name__, spent)  # type: ignore[method-assign]
    engine.push = timed(engine.push, "whole engine", spent)  # type: ignore[method-assign]
    items, n_samples = recording.blocks(), 0
    following = timed(lambda: next(items, None), "ActiGraph CSV to samples", spent)
    while (item := following()) is not None:
        engine.push(item)
        n_samples += len(item) if isinstance(item, ls.SampleBlock) else 0
    found = {name: seconds / n_samples * 1e9 for name, seconds in spent.items()}
    return found | live(recording)


def second_core(path: Path, runs: int, judged: Judged) -> Iterator[str]:
    """The table of file to result with one core and with all, each in a process of its own, in turns."""
    yield "| file to result | wall s | wall ns/sample |"
    yield "| --- | --- | --- |"
    seen: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(runs):
        for cores, walls in seen.items():
            command = [sys.executable, __file__, "--detect", str(path), "--cores", cores]
            walls.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    n_samples = next(MINUTES[length] for length in MINUTES if path.name.startswith(length)) * MINUTE
    middle = {cores: statistics.median(walls) for cores, walls in seen.items()}
    for cores, wall_s in middle.items():
        yield f"| cores={cores} | {wall_s:.2f} | {wall_s / n_samples * 1e9:.0f} |"
    judged.at_least("the second core, one long file", SECOND_CORE, middle["1"] / middle["2"], "x")


def detected(path: str, cores: int) -> float:
    """Wall seconds from an opened recording to its result."""
    import loadsense as ls
    from loadsense import kernels

    kernels.prepare(10**9)
    session = ls.Session([ls.read(path, placement="hip", range_g=8.0)], cores=cores)
    started = time.perf_counter()
    session.detected()
    return time.perf_counter() - started


def beside_peers(folder: Path, longest: str, python: str, runs: int, judged: Judged) -> Iterator[str]:
    """The table of device files read by the libraries of the field; what goes on to impact peaks is judged."""
    import peers

    times: dict[str, float] = {}
    paths = {peers.make(folder, longest, "cwa"): longest, peers.make(folder, "day", "gt3x"): "day"}
    yield from peers.table(paths, python, runs, times)
    for what, ratio in times.items():
        if "and scipy" in what:
            judged.at_least(f"{what}, wall of theirs to ours", PEERS_RATIO, ratio, "x")


def timed(work: Callable[..., object], name: str, spent: dict[str, float]) -> Callable[..., object]:
    """The same work, its CPU time (of all threads, for there is one) added up."""

    def timing(*given: object) -> object:
        started = time.process_time()
        result = work(*given)
        spent[name] += time.process_time() - started
        return result

    return timing


def live(recording: object) -> dict[str, float]:
    """Mean us of a push of ten samples through the whole engine: a quiet minute and the liveliest one of an hour."""
    import numpy as np

    import loadsense as ls

    rows = np.concatenate([b.accel_g for b in recording.blocks() if isinstance(b, ls.SampleBlock)][:8])
    minutes = [rows[i : i + MINUTE] for i in range(0, len(rows) - MINUTE, MINUTE)]
    minutes.sort(key=lambda minute: float(minute.std(axis=0).max()))
    figures = {}
    for name, minute in (("quiet", minutes[0]), ("lively", minutes[-1])):
        engine, rounds = ls.Engine(recording.info), np.tile(minute, (3, 1))
        blocks = [ls.SampleBlock(i, rounds[i : i + 10]) for i in range(0, len(rounds), 10)]
        for block in blocks[:600]:
            engine.push(block)
        started = time.process_time()
        for block in blocks[600:]:
            engine.push(block)
        figures[f"live push, {name}"] = (time.process_time() - started) / (len(blocks) - 600) * 1e6
    return figures


def unit_of(name: str) -> str:
    return "CPU us" if name.startswith("live") else "CPU ns/sample"


def inside(path: Path, n: int, judged: Judged) -> Iterator[str]:
    """The table of what each part costs, with compiled loops and without; what has a target is judged."""
    yield "| part | compiled | numpy and scipy | unit |"
    yield "| --- | --- | --- | --- |"
    columns = []
    for switch, times in (("1", n), ("0", 1)):
        command = [sys.executable, __file__, "--inside", str(path)]
        env = {**os.environ, "LOADSENSE_COMPILE": switch}
        texts = [subprocess.run(command, env=env, check=True, capture_output=True).stdout for _ in range(times)]
        found = [json.loads(text) for text in texts]
        columns.append({name: statistics.median(one[name] for one in found) for name in found[0]})
    for name, compiled in columns[0].items():
        yield f"| {name} | {compiled:.1f} | {columns[1][name]:.1f} | {unit_of(name)} |"
    for name, most in TARGETS.items():
        judged.at_most(name, most, sum(columns[0][part] for part in name.split(" + ")), unit_of(name))


PAGE = """\
# Performance

Made by `python benchmarks/speed.py --write docs/performance.md`; run it again to make it again.

{machine}

{shared}

Medians of {runs} runs in turns, the obvious program on the week once. Files are simulated
(`benchmarks/make_recordings.py`) and come from the page cache; hip, 100 Hz. The package's bytecode and its compiled
loops are there, as after an installation and one long file. Load average at the start: {load:.1f} on {cores} cores.

## Whole processes

`loadsense analyze` with all outputs against the program anybody would write first (`benchmarks/obvious.py`: pandas
reads, scipy filters and finds the impact peaks, and nothing else).
MB is what a process and its second process take together at the most (proportional sets: shared pages count once).

{whole}

## Targets

{pace}

{targets}

## The second core

Everything loaded before, the start of the second process included.

{cores_table}

## Inside, one day

CPU time of one process with everything loaded before.

{inside}

## To impact peaks and no further

`benchmarks/impact_peaks.py`: two threads, one reading ahead, everything loaded before.

{peaks}

## Device files beside the libraries of the field

`benchmarks/peers.py`, whole processes: pygt3x and actipy (Java) read, and `benchmarks/obvious.py` goes on from their
samples to the impact peaks. Ratios are those to LoadSense doing the same; the whole analysis is compared with reading.

{peers}

## How it is done

- The inner loops (`loadsense/kernels/`) are plain Python loops that numba compiles where the extra `fast` is
  installed: text to numbers, the low-pass forwards and in hops backwards, correlations, seconds, movements, peaks.
  Each gives the same bits as its definition in numpy or scipy, so it does not matter which of the two runs:
  `tests/test_kernels.py`, `tests/test_parity.py` with the compiler on and off, and `benchmarks/parity_kernels.py` for
  as many files as one likes.
- `LOADSENSE_COMPILE=0` switches the compiler off. The first run of all compiles for some twenty seconds, and only for a
  stream of more than two million samples; what it compiled is kept.
- Neither the compiler nor `scipy.signal` nor pandas is loaded for `--help`. A file of less than 16 MB does without the
  compiler, which takes most of a second to load, and nothing needs all of `scipy.signal`, which takes as long: one loop
  of it is loaded from its own file (`docs/decisions/0015-what-is-loaded-when.md`).
- Flights and bursts are looked for in ten seconds of hops at once, by a loop that does for each hop what the detector
  does when it is due; provisional landings are judged where somebody is told of them, live.
- A long file (96 MB) is shared by two processes: one reads, hashes and judges the signal, its copy (a fork) finds the
  events; blocks pass through memory that both see (`docs/decisions/0011-two-cores.md`). The results are those of one
  process, bit for bit. Shorter files, and those of a process that cannot be copied (not Linux, a server, a notebook),
  are read ahead by a thread.
- Impacts and activities are kept in columns and become objects when they are asked for; `impacts.csv` is written from
  the columns. A week takes hardly more memory than a day.

## What misses its target, and why

{missed}
"""


def machine() -> str:
    names = ("numpy", "scipy", "pyarrow", "numba", "pandas")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    cpu = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0] if models else cpu
    return (
        f"Machine: {cpu}, {os.cpu_count()} cores, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}; loadsense {version('loadsense')}."
    )


#: Why a target may be missed, by the beginning of its row.
WHY = {
    "one week, running": "some 14 000 steps a day are each judged as a landing in Python, 40 us apiece and some 60 "
    "ns/sample, in the one of the two processes for which the other waits; the table of the impacts is written last",
    "one hour": "the interpreter, numpy, pyarrow, typer and the modules of the analysis: nearly all of it is start-up",
    "one week, ordinary": "the pace of the machine, see the line above the targets",
    "the second core": "what both share, the bandwidth of memory, does not double, least where others use it too",
    "one day": "start-up is half of it, half of that the compiled loops; and what pandas takes changes more from hour "
    "to hour than what this takes",
    "live push": "some ten Python calls for each of eight stages; nothing of it is computing",
    "int16": "unpacking (Arrow's zstd) and finding take as long as each other, and the two threads wait for each other "
    "in Python for some nanoseconds",
    "`loadsense --help`": "the interpreter and typer",
}


def missed(rows: list[str]) -> str:
    """A sentence for each target that was missed."""
    names = [row.split("|")[1].strip() for row in rows if row.endswith("| missed |")]
    said = [
        f"- {name}: {next((why for key, why in WHY.items() if name.startswith(key)), 'see above')}." for name in names
    ]
    return "\n".join(textwrap.fill(one, 120, subsequent_indent="  ") for one in said) or "None."


def shared() -> str:
    """How the machine was shared."""
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        return "CPU seconds and ratios hold, wall seconds are upper bounds where others used the machine."
    return (
        "The machine was shared; the runs had real-time priority (`chrt -f 20`), that is the cores before everybody\n"
        "else, 95 % of each second. Caches and memory bandwidth were shared all the same."
    )


def shown(lines: Iterator[str]) -> str:
    """The lines, each also printed as soon as it is known."""
    kept = []
    for line in lines:
        print(line, flush=True)
        kept.append(line)
    return "\n".join(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made_by = hashlib.sha256((HERE / "make_recordings.py").read_bytes()).hexdigest()[:8]
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / f"loadsense-long-{made_by}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-week", action="store_true")
    parser.add_argument("--peers", help="Python that has pygt3x and actipy")
    parser.add_argument("--write", type=Path, help="page to write")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--detect", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        print(json.dumps(measured(wanted.inside)))
    elif wanted.detect:
        print(detected(wanted.detect, wanted.cores))
    else:
        longest = "day" if wanted.without_week else "week"
        report(wanted.folder, wanted.runs, wanted.write, longest=longest, peers=wanted.peers)


def prepare() -> None:
    """Make what an installation and one long file leave behind; pip makes bytecode whatever the environment says."""
    (package,) = find_spec("loadsense").submodule_search_locations
    subprocess.run([sys.executable, "-m", "compileall", "-q", package], check=True)
    subprocess.run([sys.executable, "-c", "from loadsense import kernels; kernels.prepare(10**9)"], check=True)


def report(folder: Path, runs: int, page: Path | None, *, longest: str, peers: str | None) -> None:
    """Measure, show, and write the page."""
    prepare()
    load, judged, figures = os.getloadavg()[0], Judged([]), {}
    whole = shown(whole_processes(folder, runs, judged, with_week=longest == "week"))
    cores = shown(second_core(make(folder, longest, "ag"), runs, judged))
    parts = shown(inside(make(folder, "day", "ag"), max(1, runs // 2), judged))
    peaks = shown(to_impact_peaks(folder, longest, runs, figures))
    for form, most in PEAKS_TARGETS.items():
        judged.at_most(f"{form} to impact peaks, one {longest}", most, figures[form], "ns/sample wall")
    others = shown(beside_peers(folder, longest, peers, runs, judged)) if peers else "Not measured this time."
    targets = shown(judged.lines())
    if page:
        words = {"machine": machine(), "load": load, "cores": os.cpu_count(), "runs": runs, "shared": shared()}
        words["pace"] = judged.pace()
        tables = {
            "whole": whole,
            "inside": parts,
            "peaks": peaks,
            "targets": targets,
            "cores_table": cores,
            "peers": others,
        }
        page.write_text(PAGE.format(missed=missed(judged.rows), **words, **tables), encoding="utf-8")


if __name__ == "__main__":
    main()
