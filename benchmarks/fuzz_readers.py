"""Damage binary recordings at random and read them: only our own errors may come out, soon, and in bounded memory.

    python benchmarks/fuzz_readers.py [--count 20000] [--only cwa gt3x ...] [--seed 1] [--memory-mb 2048]

Every reader gets files of all its layouts, each with bits flipped, bytes set, pieces cut out, doubled, moved or spliced
in from another file, or its end cut off. A run ends with a table; the exit status is 1 when anything else came out.
Text is damaged as well. The compiled loops are used where numba is installed; LOADSENSE_COMPILE=0 does without them.
The address space of the process is limited, so that a file that asks for memory fails here and not on somebody's
machine. A crash or a hang names the damaged file, which is kept.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from device_encoders import crc8, samples_of_all_layouts, walk_counts

from loadsense import kernels
from loadsense.errors import LoadSenseError
from loadsense.readers import read
from loadsense.readers.loadsense_format import write_recording
from loadsense.samples import Recording, SampleBlock

#: A damaged file of some 100 kB must be read or refused within this.
MOST_SECONDS = 20.0
SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "device_files"
_SMALL_BYTES = 160_000


def seeds(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Undamaged files by reader: one of every layout, and the small ones of real devices where they are at hand."""
    files: dict[str, list[tuple[str, bytes]]] = {}
    for name, data in samples_of_all_layouts(1500).items():
        files.setdefault(_reader_of(name), []).append((name, data))
    for path in sorted(SHARED.glob("*_*/*")):
        if path.suffix.lower() in (".gt3x", ".cwa", ".bin", ".wav"):
            name = f"{path.parent.name}.{path.name}"
            data = path.read_bytes()
            if len(data) <= _SMALL_BYTES:
                files.setdefault(_reader_of(name), []).append((name, data))
    return {**files, **_tables(folder), "text": _texts()}


def _reader_of(name: str) -> str:
    keys = {"genea_": "genea", "genea.": "genea", "geneactiv": "geneactiv", "matrix": "matrix"}
    return next((reader for key, reader in keys.items() if name.startswith(key)), Path(name).suffix[1:].lower())


def _tables(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Our own format, Parquet and Arrow."""
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet as pq

    accel_g = walk_counts(1500, per_g=256) / 256.0
    own = folder / "seed.loadsense.parquet"
    write_recording(Recording.from_arrays(accel_g, sampling_rate_hz=100.0, range_g=8.0), own)
    columns = dict(zip("xyz", accel_g.T, strict=True))
    table = pa.table({"time": np.arange(1500) / 100.0, **columns})
    # uncompressed: damage then reaches the values and the encodings
    pq.write_table(table, folder / "seed.parquet", compression="none", use_dictionary=False)
    pyarrow.feather.write_feather(table, str(folder / "seed.arrow"), compression="uncompressed")
    stamps = pa.array(np.arange(1500) * 10_000_000 + 10**18, pa.timestamp("ns", tz="UTC"))
    stamped = table.set_column(0, "time", stamps)
    pq.write_table(stamped, folder / "stamped.parquet", compression="none", use_dictionary=False)
    texts = table.set_column(0, "time", pa.array([str(moment)[:23] for moment in stamps.to_numpy()]))
    pyarrow.feather.write_feather(texts, str(folder / "texts.arrow"), compression="uncompressed")
    names = {
        "loadsense": [own.name],
        "parquet": ["seed.parquet", "stamped.parquet"],
        "arrow": ["seed.arrow", "texts.arrow"],
    }
    return {reader: [(name, (folder / name).read_bytes()) for name in those] for reader, those in names.items()}


def _texts() -> list[tuple[str, bytes]]:
    """Tables of text: numbers alone, and with each kind of time."""
    rows = (walk_counts(1500, per_g=256) / 256.0).tolist()
    first = np.datetime64("2026-11-20T10:00:00.000000")
    times = [str(first + np.timedelta64(10_000 * i, "us")) for i in range(len(rows))]
    kinds = {"seconds": [f"{i / 100:.2f}" for i in range(len(rows))], "iso": times, "utc": [f"{t}Z" for t in times]}
    files = []
    for name, stamps in kinds.items():
        lines = [f"{stamp},{x:.3f},{y:.6f},{z:.4g}" for stamp, (x, y, z) in zip(stamps, rows, strict=True)]
        files.append((f"{name}.csv", "\n".join(["time,x,y,z", *lines, ""]).encode()))
    return files


def damaged(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """A copy with one to four kinds of damage."""
    octets = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if len(octets) < 16:
            break
        _damage(octets, rng, other)
    return bytes(octets)


def _damage(octets: bytearray, rng: np.random.Generator, other: bytes) -> None:
    # heads decide most, so half of all damage is done there
    at = int(rng.integers(0, min(len(octets), 2048) if rng.random() < 0.5 else len(octets)))
    n = int(rng.integers(1, 600))
    kind = rng.integers(0, 7)
    if kind == 0:
        for place in rng.integers(0, len(octets), size=int(rng.integers(1, 20))):
            octets[place] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        octets[at] = int(rng.choice([0, 1, 0x1E, 0x7F, 0x80, 0xFF, rng.integers(0, 256)]))
    elif kind == 2:
        octets[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
    elif kind == 3:
        del octets[at:]
    elif kind == 4:
        del octets[at : at + n]
    elif kind == 5:
        octets[at:at] = octets[at : at + n]
    else:
        begin = int(rng.integers(0, max(1, len(other) - n)))
        octets[at : at + n] = other[begin : begin + n]


def _damaged_inside_zip(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """A whole archive with a damaged member."""
    raw = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as copy:
        victim = "info.txt" if rng.random() < 0.2 else None
        for name in archive.namelist():
            content = archive.read(name)
            is_victim = name == victim or (victim is None and name in ("log.bin", "activity.bin"))
            copy.writestr(name, damaged(content, rng, other) if is_victim else content)
    return raw.getvalue()


def _damaged_cwa(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Damaged sectors whose checksums are right."""
    octets = bytearray(damaged(data, rng, other))
    for at in range(1024, len(octets) - 511, 512):
        words = np.frombuffer(bytes(octets[at : at + 510]), "<u2").sum(dtype=np.uint64)
        struct.pack_into("<H", octets, at + 510, -int(words) & 0xFFFF)
    return bytes(octets)


def _damaged_matrix(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Damaged packets whose CRC is right."""
    head, *packets = damaged(data, rng, other).split(b"MDTCPACK")
    mended = [struct.pack("<I", zlib.crc32(packet[4:])) + packet[4:] for packet in packets]
    return b"MDTCPACK".join([head, *mended])


def _damaged_genea(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Damaged records whose CRC is right."""
    octets = bytearray(damaged(data[:20_000], rng, other))
    begin = max(0, octets.find(b"\r\n\r\n") + 4)
    for page in range(begin, len(octets) - 2047, 2048):
        for at in range(page, page + 2046, 6):
            octets[at] = crc8(octets[at + 1 : at + 6])
    return bytes(octets)


#: Damage that gets past the first check of a format.
_MENDED = {"gt3x": _damaged_inside_zip, "cwa": _damaged_cwa, "matrix": _damaged_matrix, "genea": _damaged_genea}


def outcome(path: Path) -> str:
    """What reading a file came to: "read", or the name of our error; anything else is raised."""
    try:
        recording = read(path)
        next_sample = 0
        for item in recording.blocks():
            if item.first_sample != next_sample:
                raise AssertionError(f"sample {item.first_sample} where {next_sample} was expected")
            if isinstance(item, SampleBlock):
                if not np.isfinite(item.accel_g).all() or not len(item):
                    raise AssertionError("an empty block, or one that is not finite")
                next_sample += len(item)
            else:
                next_sample += item.n_missing
    except LoadSenseError as error:
        return type(error).__name__
    return "read"


def fuzz(reader: str, files: list[tuple[str, bytes]], count: int, seed: int, folder: Path) -> Iterator[str]:
    """Outcomes of so many damaged files; a foreign exception is reported with its file, which is kept."""
    rng = np.random.default_rng([seed, *reader.encode()])
    for number in range(count):
        name, data = files[number % len(files)]
        other = files[int(rng.integers(0, len(files)))][1]
        path = folder / f"{reader}-{number}-{name}"
        make = _MENDED.get(reader)
        if make is not None and number % 3:
            path.write_bytes(make(data, rng, other))
        else:
            path.write_bytes(damaged(data, rng, other))
        faulthandler.dump_traceback_later(3.0 * MOST_SECONDS, exit=True)
        begun = time.perf_counter()
        try:
            result = outcome(path)
        except Exception:  # anything at all: that is the point
            traceback.print_exc()
            result = "FAULT"
        if time.perf_counter() - begun > MOST_SECONDS:
            result = "FAULT: SLOW"
        faulthandler.cancel_dump_traceback_later()
        if result.startswith("FAULT"):
            print(f"{result}: {path}", file=sys.stderr)
        else:
            path.unlink()
        yield result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="damaged files per reader")
    parser.add_argument("--only", nargs="*", default=None, help="readers to be run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory-mb", type=int, default=2048, help="limit of the address space above the start")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    files = seeds(folder)
    kernels.prepare(10**9)
    for loop in ("table", "moments", "uneventful", "chain", "activity", "sector_sums", "sector_samples", "of_counts"):
        getattr(kernels.compiled(), loop, None)  # loading one takes memory of its own
    limit = _address_space_bytes() + (options.memory_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    n_faults = 0
    warnings.simplefilter("error")  # arithmetic on nonsense is a fault too
    for reader in options.only or files:
        begun = time.perf_counter()
        results = Counter(fuzz(reader, files[reader], options.count, options.seed, folder))
        n_faults += sum(n for result, n in results.items() if result.startswith("FAULT"))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        told = ", ".join(f"{n} {result}" for result, n in results.most_common())
        print(f"{reader:<10} {time.perf_counter() - begun:7.1f} s  peak {peak_mb} MB  {told}", flush=True)
    return 1 if n_faults else 0


def _address_space_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
