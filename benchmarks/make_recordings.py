"""Make the long recordings the speed figures are measured on: an hour, a day, seven days at 100 Hz.

    python benchmarks/make_recordings.py /tmp/long hour day week

Each length is written twice: ``ag`` as ActiGraph's raw CSV (header, three columns, three decimals) and ``plain`` as
ISO time stamp and three columns with six decimals. Only ``week.ag.csv`` is about a gigabyte; ``week.plain.csv`` is
three. The same seed gives the same bytes. Written minute by minute, so memory stays small.

A minute is one of a library of simulated minutes (walking, running, hops, drops, sitting, lying) with fresh noise; most
minutes are quiet, as most of a week is, and quiet minutes lie in changing orientations.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from loadsense.samples import FloatArray
from loadsense.simulate import (
    DropLanding,
    Hops,
    Knock,
    LandingShape,
    Run,
    Sensor,
    SitDown,
    Stand,
    Walk,
    simulate_session,
)

RATE_HZ = 100
MINUTE = 60 * RATE_HZ
MINUTES = {"hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
START = datetime(2026, 11, 16)
NOISE_G = 0.008
RANGE_G = 8.0

AG_HEADER = """\
------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.4 Firmware v1.7.2 \
date format dd/MM/yyyy at 100 Hz  Filter Normal -----------
Serial Number: SIMULATED
Start Time 00:00:00
Start Date 16/11/2026
Epoch Period (hh:mm:ss) 00:00:00
Download Time 00:00:00
Download Date 23/11/2026
Current Memory Address: 0
Current Battery Voltage: 4.13     Mode = 12
--------------------------------------------------
Accelerometer X,Accelerometer Y,Accelerometer Z
"""

BytesArray = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


#: Share of each minute of the library among the lively minutes, in its order. Ordinary: 15 hours awake, a lot of
#: walking, a quarter of an hour of running and as much jumping and dropping in the week. Running: an hour and
#: a half a day.
SHARES = {
    "ordinary": (0.40, 0.45, 0.004, 0.004, 0.004, 0.004, 0.134),
    "running": (0.30, 0.35, 0.20, 0.05, 0.004, 0.004, 0.092),
}


def library() -> list[FloatArray]:
    """Minutes in which something happens, RAW g, each of shape (6000, 3)."""
    drops = [DropLanding(impact=LandingShape(peak_g=peak_g), pause_s=0.5) for peak_g in (3.0, 4.5, 6.0)]
    scripts = [
        [Walk(duration_s=64.0)],
        [Walk(duration_s=30.0), Stand(duration_s=12.0), Walk(duration_s=22.0, step_rate_hz=1.6)],
        [Run(duration_s=64.0)],
        [Walk(duration_s=20.0), Run(duration_s=30.0), Stand(duration_s=14.0)],
        [Stand(), *drops, *drops, *drops, *drops, *drops],
        [Stand(), Hops(count=30), Stand(duration_s=10.0), Hops(count=40, rate_hz=2.5), Stand(duration_s=30.0)],
        [Stand(), SitDown(duration_s=20.0), Knock(), SitDown(duration_s=20.0, hard=True), Walk(duration_s=20.0)],
    ]
    sensor = Sensor(placement="hip", noise_g=0.0, counts_per_g=1e6, range_g=RANGE_G)
    return [simulate_session(script, sensor=sensor, seed=n).accel_g[:MINUTE] for n, script in enumerate(scripts)]


def minutes(count: int, kind: str = "ordinary") -> Iterator[FloatArray]:
    """Minutes of a week of some kind, RAW g; the first minutes of a day are those of the hour."""
    rng = np.random.default_rng(20261116)
    lively = library()
    up = np.array([0.0, 0.0, 1.0])
    for _ in range(count):
        if rng.random() < 0.75:
            if rng.random() < 0.15:
                up = rng.normal(size=3)
                up /= np.linalg.norm(up)
            base = np.broadcast_to(up, (MINUTE, 3))
        else:
            base = lively[rng.choice(len(lively), p=SHARES[kind])]
        noise = rng.standard_normal((MINUTE, 3), dtype=np.float32) * np.float32(NOISE_G)
        yield np.clip(base + noise, -RANGE_G, RANGE_G)


def pack(cells: list[tuple[BytesArray, BytesArray]]) -> bytes:
    """Rows of text from cells: each a table of bytes (n, width) and how many of them count, the rest is padding."""
    text = np.concatenate([table for table, _ in cells], axis=1)
    counts = [np.arange(table.shape[1], dtype=np.uint8) < length[:, None] for table, length in cells]
    return text[np.concatenate(counts, axis=1)].tobytes()


class Milligrams:
    """Text of every whole mg within the range, shortest form, as ActiGraph writes it."""

    def __init__(self) -> None:
        self._most = round(RANGE_G * 1000)
        words = [f"{mg / 1000:.3f}".rstrip("0").rstrip(".") for mg in range(-self._most, self._most + 1)]
        self._length = np.array([len(w) + 1 for w in words], dtype=np.uint8)
        self._tables = {
            end: np.array([list(f"{w}{end}".ljust(7)) for w in words], dtype="S1").view(np.uint8) for end in ",\n"
        }

    def rows(self, accel_g: FloatArray) -> bytes:
        """Three columns, a line per sample."""
        which = np.rint(accel_g * 1000.0).astype(np.int64) + self._most
        cells = [(self._tables[end][which[:, axis]], self._length[which[:, axis]]) for axis, end in enumerate(",,\n")]
        return pack(cells)


def six_decimals(values_g: FloatArray, end: str) -> tuple[BytesArray, BytesArray]:
    """Cells such as -0.012345 and their separator; a value without a sign is moved left."""
    micro = np.rint(np.abs(values_g) * 1e6).astype(np.int64)
    digits = np.empty((len(micro), 10), dtype=np.uint8)
    digits[:, 0], digits[:, 2], digits[:, 9] = ord("-"), ord("."), ord(end)
    digits[:, 1] = ord("0") + micro // 1_000_000
    for place in range(6):
        digits[:, 3 + place] = ord("0") + micro // 10 ** (5 - place) % 10
    positive = (values_g >= 0.0) | (micro == 0)
    digits[positive, :-1] = digits[positive, 1:]
    return digits, np.where(positive, 9, 10).astype(np.uint8)


def stamps(minute: int) -> BytesArray:
    """ISO stamps of a minute's samples with milliseconds and a comma."""
    first = START + timedelta(minutes=minute)
    seconds = [(first + timedelta(seconds=s)).isoformat() for s in range(60)]
    words = [f"{second}.{10 * hundredth:03d}," for second in seconds for hundredth in range(RATE_HZ)]
    return np.frombuffer("".join(words).encode("ascii"), dtype=np.uint8).reshape(MINUTE, -1)


def write_ag(path: Path, n_minutes: int, kind: str) -> None:
    """ActiGraph's raw CSV."""
    texts = Milligrams()
    with path.open("wb") as file:
        file.write(AG_HEADER.encode("ascii"))
        for accel_g in minutes(n_minutes, kind):
            file.write(texts.rows(accel_g))


def write_plain(path: Path, n_minutes: int, kind: str) -> None:
    """ISO stamp, x, y, z."""
    with path.open("wb") as file:
        file.write(b"time,x,y,z\n")
        for minute, accel_g in enumerate(minutes(n_minutes, kind)):
            stamp = stamps(minute)
            cells = [(stamp, np.full(MINUTE, stamp.shape[1], dtype=np.uint8))]
            cells += [six_decimals(accel_g[:, axis], end) for axis, end in enumerate(",,\n")]
            file.write(pack(cells))


WRITERS = {"ag": write_ag, "plain": write_plain}


def make(folder: Path, length: str, form: str, kind: str = "ordinary") -> Path:
    """The recording, made only where it is not there yet."""
    path = folder / f"{length}.{form}.csv" if kind == "ordinary" else folder / f"{length}.{kind}.{form}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        unfinished = path.with_suffix(".part")
        WRITERS[form](unfinished, MINUTES[length], kind)
        unfinished.replace(path)
        print(f"made {path} in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("lengths", nargs="+", choices=list(MINUTES))
    parser.add_argument("--form", choices=list(WRITERS), action="append")
    parser.add_argument("--kind", choices=list(SHARES), default="ordinary")
    wanted = parser.parse_args()
    for length in wanted.lengths:
        for form in wanted.form or list(WRITERS):
            print(make(wanted.folder, length, form, wanted.kind))


if __name__ == "__main__":
    main()
