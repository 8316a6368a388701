"""Simulated recordings as files: a CSV and a sidecar that says what truly happened."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from loadsense.errors import WorldError
from loadsense.samples import FloatArray
from loadsense.simulate.scenarios import Dialect, Scenario, perform, samples, scenario
from loadsense.simulate.sensor import Simulated
from loadsense.units import G_PER_UNIT

SIDECAR_VERSION = 1


def write_scenario(name: str, folder: str | Path, *, seed: int | None = None) -> list[Path]:
    """Simulate a named scenario into `simulated-<name>.csv.gz` and its sidecar `simulated-<name>.json`.

    Returns
    -------
    list of Path
        The recording, then the sidecar.

    Raises
    ------
    OptionError
        No such scenario.
    WorldError
        The folder cannot be written.
    """
    chosen = scenario(name)
    return write(Path(folder) / f"simulated-{name}.csv.gz", perform(chosen, seed=seed), chosen)


def write_samples(folder: str | Path) -> list[Path]:
    """Make every sample recording again, byte for byte."""
    return [path for chosen in samples() for path in write_scenario(chosen.name, folder)]


def write(path: str | Path, made: Simulated, described: Scenario) -> list[Path]:
    """Write a recording and its sidecar; a name that ends in .gz is compressed.

    Parameters
    ----------
    path : path
        The CSV file; the sidecar has the same stem and ends in .json.
    made : Simulated
        The recording.
    described : Scenario
        Its name, dialect and start.

    Raises
    ------
    WorldError
        The folder cannot be written.
    """
    target = Path(path)
    text = csv_text(made, described.dialect, described.start).encode("ascii")
    sidecar = target.with_name(target.name.removesuffix(".gz").removesuffix(".csv") + ".json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_compressed(text) if target.suffix == ".gz" else text)
        sidecar.write_bytes(sidecar_text(target.name, made, described).encode("utf-8"))
    except OSError as error:
        raise WorldError(f"cannot write {target}: {error.strerror}; choose another folder") from error
    return [target, sidecar]


def _compressed(text: bytes) -> bytes:
    """The text as gzip without a name and a time, so that the same recording is the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text)
    return buffer.getvalue()


def csv_text(made: Simulated, dialect: Dialect, start: datetime) -> str:
    """The recording as text, one header and a row per sample."""
    values = made.accel_g / G_PER_UNIT[dialect.unit]
    decimals = 4 if dialect.unit == "g" else 3
    rows = zip(_times(made.stamps_s, dialect, start), (values + 0.0).tolist(), strict=True)
    lines = [f"{time},{x:.{decimals}f},{y:.{decimals}f},{z:.{decimals}f}" for time, (x, y, z) in rows]
    return "\n".join([",".join(dialect.columns), *lines, ""])


def _times(stamps_s: FloatArray, dialect: Dialect, start: datetime) -> list[str]:
    if dialect.clock == "seconds":
        return [f"{t:.4f}" for t in stamps_s.tolist()]
    first = start.replace(tzinfo=None) if dialect.clock == "naive" else start
    # the zone's minutes stand after the milliseconds, as isoformat writes them
    return [
        (first + timedelta(microseconds=us)).isoformat(timespec="microseconds" if us % 1000 else "milliseconds")
        for us in np.round(stamps_s * 1e6).astype(np.int64).tolist()
    ]


def sidecar_text(file: str, made: Simulated, described: Scenario) -> str:
    """The sidecar: origin, sensor, clock and what truly happened, as JSON."""
    sensor = asdict(made.sensor)
    content = {
        "sidecar_version": SIDECAR_VERSION,
        "file": file,
        "origin": "simulated",
        "about": described.about,
        "scenario": described.name,
        "seed": made.seed,
        "start_time": described.start.isoformat(),
        "placement": sensor.pop("placement"),
        "sampling_rate_hz": sensor.pop("sampling_rate_hz"),
        "range_g": sensor.pop("range_g"),
        "unit": described.dialect.unit,
        "columns": described.dialect.columns,
        "n_samples": len(made.accel_g),
        "sensor": sensor,
        "truth": asdict(made.truth),
    }
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"
