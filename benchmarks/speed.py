"""Time and peak memory of whole processes, side by side with the obvious program, as a table.

    python benchmarks/speed.py [--folder /tmp/loadsense-long] [--runs 3] [--without-week]

`loadsense analyze` does far more than `obvious.py` (landings, loads, verdict, report); the ratio says what that costs.
Both are measured in the same run on the same file, in turns, medians; peak memory is the child's largest resident set.
The week is run once, and the obvious program only where 9 GB are free for it. Needs a POSIX system for the memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from make_recordings import make

HERE = Path(__file__).parent
LOADSENSE = str(Path(sys.executable).with_name("loadsense"))
BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished process."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: list[str]) -> Run:
    """Run a command to its end; it must succeed."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
    wall_s = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {complaint[-2000:]}")
    return Run(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * BYTES_PER_MAXRSS / 1e6,
    )


def median(runs: list[Run]) -> Run:
    """Middle of each figure."""
    return Run(
        wall_s=statistics.median(r.wall_s for r in runs),
        cpu_s=statistics.median(r.cpu_s for r in runs),
        peak_mb=max(r.peak_mb for r in runs),
    )


def in_turns(commands: list[list[str]], n: int) -> list[Run]:
    """Each command n times, one after the other, so that a noisy machine is noisy for all."""
    rounds = [[run(command) for command in commands] for _ in range(n)]
    return [median(list(column)) for column in zip(*rounds, strict=True)]


def analyze(path: Path, output: str, *options: str) -> list[str]:
    return [LOADSENSE, "analyze", str(path), "--placement", "hip", "--range-g", "8", "-q", "-o", output, *options]


def row(name: str, ours: Run, other: Run | None, target: str) -> str:
    figures = f"{ours.wall_s:.2f} | {ours.cpu_s:.2f} | {ours.peak_mb:.0f}"
    ratio = f"{ours.wall_s / other.wall_s:.2f} | {ours.peak_mb / other.peak_mb:.2f}" if other else "- | -"
    obvious = f"{other.wall_s:.2f} | {other.peak_mb:.0f}" if other else "- | -"
    return f"| {name} | {figures} | {obvious} | {ratio} | {target} |"


def free_gb() -> float:
    """Memory that is free for another process."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "loadsense-long")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-week", action="store_true")
    wanted = parser.parse_args()
    print("| what | wall s | CPU s | peak MB | obvious wall s | MB | ratio wall | ratio MB | target |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    (start_up,) = in_turns([[LOADSENSE, "--help"]], max(5, wanted.runs))
    print(row("`loadsense --help`", start_up, None, "<= 0.15 s"), flush=True)
    lengths = {"hour": "<= 1.5 s", "day": "", "week": "<= 15 s, <= 400 MB"}
    with tempfile.TemporaryDirectory() as output:
        for length, target in lengths.items():
            if length == "week" and wanted.without_week:
                continue
            path = make(wanted.folder, length, "ag")
            commands = [analyze(path, output), [sys.executable, str(HERE / "obvious.py"), str(path)]]
            if length == "week" and free_gb() < 9.0:
                commands.pop()
            ours, *other = in_turns(commands, 1 if length == "week" else wanted.runs)
            print(row(f"one {length}, ActiGraph CSV", ours, other[0] if other else None, target), flush=True)


if __name__ == "__main__":
    main()
