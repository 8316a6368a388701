"""Every text file of the device folder: read with its rate, count and start, or refused for the reason of its note."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import loadsense.readers as readers
from loadsense.errors import UserError
from loadsense.samples import SampleBlock

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "device_files"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the device files lie beside the project, not in it")

TEXT_FOLDERS = (
    "actigraph_csv",
    "axivity_csv",
    "xsens_dot_csv",
    "empatica_csv",
    "garmin_csv",
    "metamotion_csv",
    "movesense_csv",
    "phyphox_csv",
    "not_raw",
)

#: Words that name why a file is refused; every other file must be read.
REFUSED = {
    "test-data-epoch.csv": "ActiGraph 5 s epoch counts, not raw acceleration: export raw data",
    "ActiGraph13.csv": "ActiGraph 15 s epoch counts, not raw acceleration: export raw data",
    "test-data-no-header.csv": "the sampling rate is unknown; give it with --sampling-rate-hz",
    "Pelvis_": "free .linear. acceleration with gravity removed",
    "LFemur_": "free .linear. acceleration with gravity removed",
    "LTibia_": "free .linear. acceleration with gravity removed",
    "_Gyroscope_": "a gyroscope .angular rate., not acceleration",
    "Accelerometer_2025-10-16": "expected at least 12 Hz: far too slow to see an impact",
    "ukbiobank.csv": "UK Biobank summary: 5 s means of acceleration, not raw acceleration",
    "Actiwatch.AWD": "Actiwatch .AWD. file: activity counts per epoch, not raw acceleration",
    "Actiwatch.csv": "Actiwatch .Actiware. export: activity counts per epoch, not raw acceleration",
    "_Fitbit.json": "Fitbit JSON: values per minute",
    "PhilipsHealthBand.xlsx": "an Excel workbook, not a table of raw.*Philips Health Band list holds epochs",
}


def rows() -> list[dict[str, str]]:
    if not SHARED.exists():
        return []
    with (SHARED / "device_files.csv").open(newline="") as listed:
        return [row for row in csv.DictReader(listed) if row["file"].split("/")[0] in TEXT_FOLDERS]


def refusal(file: str) -> str | None:
    return next((words for part, words in REFUSED.items() if part in file), None)


READ = [row for row in rows() if refusal(row["file"]) is None]
NOT_READ = [row for row in rows() if refusal(row["file"]) is not None]


@pytest.mark.parametrize("row", READ, ids=lambda row: row["file"].split("/")[-1][:40])
def test_a_device_file_is_read_as_listed(row: dict[str, str]) -> None:
    recording = readers.read(SHARED / row["file"])
    info = recording.info
    rate = float(row["sampling_rate_hz"])
    n = sum(len(item) for item in recording.blocks() if isinstance(item, SampleBlock))

    assert info.sampling_rate_hz == pytest.approx(rate, rel=0.03)
    assert n - recording.clock_quality.n_interpolated == int(row["n_samples"])
    if not row["start_time"]:
        assert info.start is None
        return
    assert info.start is not None
    assert abs(info.start.replace(tzinfo=None) - datetime.fromisoformat(row["start_time"])).total_seconds() < 0.001
    zone = {"": None, "UTC": "+0000"}.get(row["tz"], row["tz"].replace(":", ""))
    assert (info.start.strftime("%z") or None) == zone


@pytest.mark.parametrize("row", NOT_READ, ids=lambda row: row["file"].split("/")[-1][:40])
def test_a_file_that_is_not_raw_is_refused_by_name(row: dict[str, str]) -> None:
    words = refusal(row["file"])
    assert words is not None
    with pytest.raises(UserError, match=words):
        readers.read(SHARED / row["file"])


def test_every_refusal_is_of_a_listed_file() -> None:
    assert len(NOT_READ) == len(REFUSED)


def test_an_actigraph_file_without_header_is_read_when_told_its_rate() -> None:
    info = readers.read(SHARED / "actigraph_csv/test-data-no-header.csv", sampling_rate_hz=100).info
    assert (info.sampling_rate_hz, info.start) == (100.0, None)
    assert any("ten header lines are missing" in note for note in info.origin.notes)


def test_an_actigraph_header_gives_device_serial_and_firmware() -> None:
    origin = readers.read(SHARED / "actigraph_csv/hip-raw.csv").info.origin
    assert (origin.device, origin.serial, origin.firmware) == ("ActiGraph GT3X+", "TAS1F25160319", "v1.7.2")


def test_phones_and_straps_know_their_unit_and_packets() -> None:
    movesense = readers.read(next((SHARED / "movesense_csv").glob("chest*")))
    list(movesense.blocks())
    notes = " ".join(movesense.clock_quality.notes)
    assert movesense.info.origin.unit_in == "m/s2"
    assert "samples came in packets" in notes
    assert "4 lines of the device's own among or below the rows: left out" in notes


def test_samples_are_those_of_a_slow_parser() -> None:
    path = SHARED / "axivity_csv/24_11_raw.csv"
    with path.open() as lines:
        slow = np.array([[float(text) for text in re.split(",", line)[1:]] for line in lines]) / 256.0
    blocks = [item.accel_g for item in readers.read(path, calibrate=False).blocks() if isinstance(item, SampleBlock)]
    assert np.concatenate(blocks).tobytes() == slow.tobytes()
