"""From a file to its impact peaks and to nothing else, steady: one thread reads ahead, one finds.

    python benchmarks/impact_peaks.py [--folder /tmp/loadsense-long] [--length week] [--runs 3]

What the floor of ../shared/PERFORMANCE.md measures: text, or 16-bit counts in LoadSense's own format, to peaks of the
low-passed resultant. Everything is loaded and the file is in the page cache before the clock starts; each form runs in
a process of its own, median of the runs. Nanoseconds of the clock on the wall say little on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from make_recordings import RANGE_G, make

import loadsense as ls
from loadsense import kernels
from loadsense.ahead import read_ahead
from loadsense.detection.impacts import ImpactDetector
from loadsense.evidence.impacts import impact_criteria
from loadsense.readers.loadsense_format import write_recording

BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024
#: Target of each form, ns of the wall clock a sample, on two cores.
TARGETS = {"ActiGraph CSV": 68, "CSV with ISO stamps": 110, "int16 in LoadSense's format": 20}


def peaks(path: str) -> tuple[int, int]:
    """Samples of a recording and its impact peaks."""
    recording = ls.read(path, placement="hip", range_g=RANGE_G, calibrate=False)
    detector = ImpactDetector(sampling_rate_hz=recording.info.sampling_rate_hz, criteria=impact_criteria())
    n_samples = n_peaks = 0
    for item in read_ahead(recording.blocks()):
        is_block = isinstance(item, ls.SampleBlock)
        n_samples += len(item) if is_block else 0
        n_peaks += len(detector.push(item) if is_block else detector.gap(item))
    return n_samples, n_peaks + len(detector.flush())


def measured(path: str, runs: int) -> dict[str, float]:
    """Nanoseconds a sample and peak memory, after one run that loads everything."""
    kernels.prepare(10**9)
    n_samples, n_peaks = peaks(path)
    wall_ns, cpu_ns = [], []
    for _ in range(runs):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        peaks(path)
        wall_ns.append((time.perf_counter() - wall_s) / n_samples * 1e9)
        cpu_ns.append((time.process_time() - cpu_s) / n_samples * 1e9)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_MAXRSS / 1e6
    figures = {"wall": statistics.median(wall_ns), "cpu": statistics.median(cpu_ns)}
    return figures | {"peak_mb": peak_mb, "peaks": n_peaks}


def table(folder: Path, length: str, runs: int, figures_of: dict[str, float] | None = None) -> Iterator[str]:
    """A row for each form of one recording; its wall ns a sample also into `figures_of`."""
    text, stamped = make(folder, length, "ag"), make(folder, length, "plain")
    counts = folder / f"{length}.loadsense.parquet"
    if not counts.exists():
        recording = ls.read(text, placement="hip", range_g=RANGE_G, calibrate=False)
        write_recording(recording, counts, samples="counts")
    yield f"| one {length} to impact peaks | peaks | wall ns/sample | CPU ns/sample | peak MB | target, wall |"
    yield "|" + " --- |" * 6
    for (form, target), path in zip(TARGETS.items(), (text, stamped, counts), strict=True):
        command = [sys.executable, __file__, "--inside", str(path), "--runs", str(runs)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        figures = f"{found['peaks']:.0f} | {found['wall']:.1f} | {found['cpu']:.1f} | {found['peak_mb']:.0f}"
        if figures_of is not None:
            figures_of[form] = found["wall"]
        yield f"| {form} | {figures} | <= {target} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "loadsense-long")
    parser.add_argument("--length", default="week")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        print(json.dumps(measured(wanted.inside, wanted.runs)))
        return
    for line in table(wanted.folder, wanted.length, wanted.runs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
