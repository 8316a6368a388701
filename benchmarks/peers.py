"""Device files side by side with the libraries that the field reads them with: whole processes, time and memory.

    python benchmarks/peers.py [--lengths day week] [--folder F] [--python PEERS/bin/python] [--runs 3]

`.gt3x` against pygt3x, `.cwa` against actipy (which runs Java). They are no dependency of anything here: make an
environment of their own (`python -m venv PEERS; PEERS/bin/pip install pygt3x actipy`) and name its Python; what is not
there is skipped, with the reason. Both read, and both go on to the impact peaks, where the peers' samples are left to
`obvious.py`; LoadSense once more with the whole analysis and all its outputs. All in turns on the same simulated file,
medians; the ratios are those of a peer to LoadSense doing the same, and of reading to the rest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from make_recordings import MINUTE, MINUTES, minutes
from speed import Run, analyze, in_turns

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from device_encoders import UNIX, cwa_header, cwa_sector, gt3x_info, gt3x_record, packed_12_bit

RATE_HZ = 100
PER_SECTOR = 120
COUNTS_PER_G = 256.0

OURS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import loadsense
from loadsense import kernels
kernels.prepare(10**9)
"""
READS = "print(sum(len(b) for b in loadsense.read(sys.argv[1]).blocks() if isinstance(b, loadsense.SampleBlock)))"
FINDS = "from impact_peaks import peaks; print(peaks(sys.argv[1]))"
#: What a form is read with, and the program that comes to a table of its samples.
PEERS = {
    "gt3x": (
        "pygt3x",
        "import sys; from pygt3x.reader import FileReader\n"
        "with FileReader(sys.argv[1]) as reader: samples = reader.to_pandas()[['X', 'Y', 'Z']]\n",
    ),
    "cwa": (
        "actipy",
        "import sys, actipy\nsamples = actipy.read_device(sys.argv[1], lowpass_hz=None, calibrate_gravity=False, "
        "detect_nonwear=False, resample_hz=None, verbose=False)[0][['x', 'y', 'z']]\n",
    ),
}
PEER_READS = "print(len(samples))"
PEER_FINDS = f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
from obvious import impacts
print(impacts(samples.to_numpy()))
"""


def counts_of(length: str) -> Iterator[np.ndarray]:
    """Whole counts, a minute at a time."""
    for accel_g in minutes(MINUTES[length], "ordinary"):
        yield np.clip(np.rint(accel_g * COUNTS_PER_G), -2047, 2047).astype(np.int64)


def write_gt3x(path: Path, length: str) -> None:
    """A second a record, 12 bits."""
    info = gt3x_info(rate=RATE_HZ)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("info.txt", info)
        with archive.open("log.bin", "w", force_zip64=True) as log:
            for minute, counts in enumerate(counts_of(length)):
                for second in range(60):
                    part = counts[second * RATE_HZ : (second + 1) * RATE_HZ, [1, 0, 2]]
                    log.write(gt3x_record(0, UNIX + 60 * minute + second, packed_12_bit(part.ravel())))


def write_cwa(path: Path, length: str) -> None:
    """AX3, packed: 120 samples a sector."""
    with path.open("wb") as file:
        file.write(cwa_header())
        for minute, counts in enumerate(counts_of(length)):
            for first in range(0, MINUTE, PER_SECTOR):
                at = minute * MINUTE + first
                part = counts[first : first + PER_SECTOR]
                file.write(cwa_sector(part, at / RATE_HZ, sequence=at // PER_SECTOR))


def make(folder: Path, length: str, form: str) -> Path:
    """The recording, made only where it is not there yet."""
    path = folder / f"{length}.{form}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        unfinished = path.with_suffix(".part")
        {"gt3x": write_gt3x, "cwa": write_cwa}[form](unfinished, length)
        unfinished.replace(path)
        print(f"made {path} in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return path


def missing(python: str, form: str) -> str | None:
    """Why a peer cannot be run; None where it can."""
    name, _ = PEERS[form]
    found = subprocess.run([python, "-c", f"import {name}"], capture_output=True, text=True, check=False)
    if found.returncode:
        return f"{name} is not installed for {Path(python).name}: {found.stderr.strip().splitlines()[-1]}"
    if name == "actipy":
        try:
            subprocess.run(["java", "-version"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return "actipy needs Java, and there is none"
    return None


def row(name: str, run: Run, n_samples: int, ours: Run) -> str:
    each = f"{run.cpu_s / n_samples * 1e9:.0f}"
    ratios = f"{run.wall_s / ours.wall_s:.1f} | {run.cpu_s / ours.cpu_s:.1f} | {run.peak_mb / ours.peak_mb:.1f}"
    return f"| {name} | {run.wall_s:.2f} | {run.cpu_s:.2f} | {each} | {run.peak_mb:.0f} | {ratios} |"


def rows(path: Path, length: str, python: str, runs: int, times: dict[str, float]) -> Iterator[str]:
    """What each program takes for one file, and how many times what LoadSense takes for the same; walls to `times`."""
    form = path.suffix[1:]
    name, samples = PEERS[form]
    reason, title = missing(python, form), f"one {length}, .{form}"
    with tempfile.TemporaryDirectory() as output:
        ours = [[sys.executable, "-c", OURS + does, str(path)] for does in (READS, FINDS)]
        theirs = [[python, "-c", samples + does, str(path)] for does in (PEER_READS, PEER_FINDS)]
        commands = [*ours, analyze(path, output), *(theirs if reason is None else [])]
        reads, finds, analyzes, *others = in_turns(commands, runs)
    pairs = [("loadsense reads", reads, reads), ("loadsense to impact peaks", finds, finds)]
    pairs += [("loadsense analyze, all outputs", analyzes, reads)]
    peers = (f"{name} reads", f"{name} and scipy to impact peaks")
    pairs += zip(peers, others, (reads, finds), strict=False)
    for what, run, like in pairs:
        times[f"{title}: {what}"] = run.wall_s / like.wall_s
        yield row(f"{title}: {what}", run, MINUTES[length] * MINUTE, like)
    if reason is not None:
        yield f"| {title}: {name} | skipped: {reason} |" + " |" * 6


def table(paths: dict[Path, str], python: str, runs: int, times: dict[str, float] | None = None) -> Iterator[str]:
    """The rows of some recordings, of the length beside each; how many times ours each took also into `times`."""
    yield "| what | wall s | CPU s | CPU ns/sample | peak MB | wall ratio | CPU ratio | memory ratio |"
    yield "|" + " --- |" * 8
    for path, length in paths.items():
        yield from rows(path, length, python, runs, {} if times is None else times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "loadsense-long")
    parser.add_argument("--lengths", nargs="+", choices=list(MINUTES), default=["day"])
    parser.add_argument("--forms", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--python", default=sys.executable, help="Python that has the peers")
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    paths = {make(wanted.folder, length, form): length for length in wanted.lengths for form in wanted.forms}
    for line in table(paths, wanted.python, wanted.runs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
