"""Binary files of devices, opened by content: facts, options, damage, bombs, and every real file at hand."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
import zipfile
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import device_encoders as enc
import numpy as np
import pytest

from loadsense.errors import ContentError, FormatError, OptionError, UserError
from loadsense.placement import Placement
from loadsense.readers import read, sha256_of
from loadsense.samples import Gap, Recording

ROOT = Path(__file__).parents[1]
DEVICE_FILES = ROOT.parent / "shared" / "data" / "device_files"
BINARY = ("gt3x", "cwa", "wav", "bin")


def samples_and_gaps(recording: Recording) -> tuple[np.ndarray, list[Gap]]:
    """All samples in order, and the gaps; blocks and gaps must lie on the grid without holes."""
    blocks, gaps, at = [], [], 0
    for item in recording.blocks():
        assert item.first_sample == at
        at += item.n_missing if isinstance(item, Gap) else len(item)
        gaps.append(item) if isinstance(item, Gap) else blocks.append(item.accel_g)
    return np.concatenate(blocks), gaps


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


# -- real files --------------------------------------------------------------------------------------------------------
def real_files() -> list[dict[str, str]]:
    if not DEVICE_FILES.is_dir():
        return []
    with (DEVICE_FILES / "device_files.csv").open() as table:
        return [row for row in csv.DictReader(table) if row["file"].split("/")[0].rpartition("_")[2] in BINARY]


@pytest.mark.skipif(not DEVICE_FILES.is_dir(), reason="the shared device files are not here")
@pytest.mark.parametrize("row", real_files(), ids=lambda row: row["file"])
def test_rate_count_start_and_range_of_real_files(row):
    recording = read(DEVICE_FILES / row["file"], calibrate=False)
    accel_g, gaps = samples_and_gaps(recording)
    info = recording.info
    rate_hz = float(row["sampling_rate_hz"])
    assert info.sampling_rate_hz == rate_hz
    measured = recording.clock_quality.measured_rate_hz
    assert measured is None or measured == pytest.approx(rate_hz, rel=0.03)
    if row["range_g"]:
        assert info.range_g == float(row["range_g"])
    if row["n_samples"]:
        is_damaged = "corrupted" in row["file"]
        n_missing = sum(gap.n_missing for gap in gaps) if is_damaged else 0
        assert len(accel_g) + n_missing == int(row["n_samples"])
        assert is_damaged == any("damaged" in note for note in recording.clock_quality.notes)
    stated = datetime.fromisoformat(row["start_time"] + (row["tz"] if row["tz"] not in ("", "UTC") else ""))
    stated = stated.replace(tzinfo=UTC) if row["tz"] == "UTC" else stated
    assert info.start is not None
    assert abs(info.start.replace(tzinfo=None) - stated.replace(tzinfo=None)) < timedelta(seconds=0.6)
    if stated.tzinfo:
        assert info.start.utcoffset() == stated.utcoffset()
    assert 0.9 < np.median(np.linalg.norm(accel_g, axis=1)) < 1.1 or "ax6" in row["file"]


@pytest.mark.skipif(not DEVICE_FILES.is_dir(), reason="the shared device files are not here")
def test_neo_gt3x_reads_as_the_vendors_csv_to_its_last_decimal():
    binary, _ = samples_and_gaps(read(DEVICE_FILES / "actigraph_gt3x/neo.gt3x", calibrate=False))
    text, _ = samples_and_gaps(read(DEVICE_FILES / "actigraph_csv/neo.csv", calibrate=False))
    assert np.array_equal(np.round(binary, 3), text)


@pytest.mark.skipif(not DEVICE_FILES.is_dir(), reason="the shared device files are not here")
def test_the_corrupt_matrix_file_agrees_with_the_whole_one_where_it_is_whole():
    whole, _ = samples_and_gaps(read(DEVICE_FILES / "matrix_bin/mtx_100Hz_acc_HR_temp.BIN", calibrate=False))
    recording = read(DEVICE_FILES / "matrix_bin/mtx_corrupted.bin", calibrate=False)
    rest, gaps = samples_and_gaps(recording)
    assert gaps == [Gap(0, 6144, "damaged data skipped")]
    assert np.array_equal(rest, whole[6144:])
    assert any("packet 1 of 6144 samples fails its CRC" in note for note in recording.clock_quality.notes)


# -- by content, with options ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", enc.samples_of_all_layouts(700))
def test_every_layout_is_known_by_content_and_read_twice_alike(tmp_path, name):
    path = written(tmp_path, "recording", enc.samples_of_all_layouts(700)[name])
    recording = read(path, placement="hip")
    first, gaps = samples_and_gaps(recording)
    again, gaps_again = samples_and_gaps(recording)
    assert np.array_equal(first, again)
    assert gaps == gaps_again
    assert recording.info.placement is Placement.HIP
    assert recording.info.origin.format.split()[0] in ("Axivity", "ActiGraph", "GENEActiv", "GENEA", "Parmay")
    assert sha256_of(recording) == recording.info.origin.sha256


def test_blocks_are_about_64k_samples_and_of_any_size_asked_for(tmp_path):
    recording = read(written(tmp_path, "a.cwa", enc.cwa_file(enc.walk_counts(150_000, per_g=256))))
    sizes = [len(block) for block in recording.blocks()]
    assert max(sizes) <= 65536
    assert min(sizes[:-1]) > 32768
    assert {len(block) for block in recording.blocks(n=1000)} == {1000}


def test_still_seconds_calibrate_unless_told_not_to(tmp_path):
    rng = np.random.default_rng(5)
    counts = np.rint((rng.normal(0, 0.005, (6000, 3)) + np.array([0, 0, 1.04])) * 256).astype(int)
    path = written(tmp_path, "a.cwa", enc.cwa_file(counts))
    raw, _ = samples_and_gaps(read(path, calibrate=False))
    recording = read(path)
    gain = recording.info.calibration.gain[0]
    assert gain == pytest.approx(1 / 1.04, abs=0.003)
    assert np.array_equal(samples_and_gaps(recording)[0], (raw + 0.0) * gain)
    assert "all samples were multiplied by" in recording.info.origin.notes[-1]


def test_body_mass_range_and_zone_of_the_user_go_first(tmp_path):
    path = written(tmp_path, "a.gt3x", enc.gt3x_file(enc.gt3x_log(enc.walk_counts(900, per_g=256))))
    plain = read(path).info
    assert (plain.body_mass_kg, plain.range_g) == (61.0, 8.0)
    assert "body mass 61 kg as entered when the device was set up" in plain.origin.notes
    told = read(path, body_mass_kg=70, range_g=16, tz="America/New_York", unit="counts").info
    assert (told.body_mass_kg, told.range_g, told.tz) == (70.0, 16.0, "America/New_York")
    assert told.start == plain.start == datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=2)))
    assert told.start.tzinfo == ZoneInfo("America/New_York")
    assert "unit and columns were not used: the format says both" in told.origin.notes


def test_a_local_clock_takes_the_users_zone(tmp_path):
    path = written(tmp_path, "a.cwa", enc.cwa_file(enc.walk_counts(480, per_g=256)))
    assert read(path).info.start == enc.START
    assert read(path, tz="Europe/Madrid").info.start == enc.START.replace(tzinfo=ZoneInfo("Europe/Madrid"))


def test_start_and_end_cut_samples_and_gaps(tmp_path):
    counts = enc.walk_counts(3000, per_g=256)
    path = written(tmp_path, "a.gt3x", enc.gt3x_file(enc.gt3x_log(counts, asleep=range(30, 50))))
    recording = read(path, start=20, end=60.5, calibrate=False)
    accel_g, gaps = samples_and_gaps(recording)
    assert gaps == [Gap(300, 600, "idle sleep mode")]
    assert np.array_equal(accel_g, np.concatenate([counts[600:900], counts[1500:1815]]) / 256.0)
    assert recording.info.start == datetime(2026, 11, 20, 10, 0, 20, tzinfo=timezone(timedelta(hours=2)))
    inside = samples_and_gaps(read(path, start="2026-11-20T10:00:40", end=55.0))[1]
    assert inside == [Gap(0, 300, "idle sleep mode")]
    with pytest.raises(OptionError, match="no samples between start and end"):
        read(path, start=35, end=40)


def test_a_contradicted_rate_or_range_and_a_too_slow_file_are_refused(tmp_path):
    path = written(tmp_path, "a.cwa", enc.cwa_file(enc.walk_counts(480, per_g=256)))
    with pytest.raises(OptionError, match="states 100 Hz and --sampling-rate-hz says 50 Hz"):
        read(path, sampling_rate_hz=50)
    assert read(path, sampling_rate_hz=100.5).info.sampling_rate_hz == 100.0
    with pytest.raises(ContentError, match=r"beyond the declared range of \+-2 g"):
        list(read(path, range_g=2).blocks())
    slow = enc.cwa_header() + enc.cwa_sector(enc.walk_counts(120, per_g=256), 0.0, rate_code=0x46)
    with pytest.raises(ContentError, match=r"sampling rate 6\.25 Hz; expected at least 12 Hz"):
        read(written(tmp_path, "slow.cwa", slow))


def test_a_file_without_samples_or_of_equal_samples_is_refused(tmp_path):
    asleep = enc.gt3x_file(enc.gt3x_record(3, enc.UNIX, b"\x08") + enc.gt3x_record(2, enc.UNIX, b"\xc5\x0f"))
    with pytest.raises(ContentError, match="holds no activity; the device slept all the time"):
        read(written(tmp_path, "a.gt3x", asleep))
    empty = enc.gt3x_file(b"", enc.gt3x_info(serial="NEO1", more=""), member="activity.bin")
    with pytest.raises(ContentError, match="the file holds no samples"):
        read(written(tmp_path, "b.gt3x", empty))
    with pytest.raises(ContentError, match="all samples are equal"):
        read(written(tmp_path, "c.cwa", enc.cwa_file(np.full((480, 3), 100))))


def test_nothing_of_a_second_reader_is_needed_for_gzip(tmp_path):
    data = enc.cwa_file(enc.walk_counts(4800, per_g=256))
    plain, _ = samples_and_gaps(read(written(tmp_path, "a.cwa", data)))
    packed, _ = samples_and_gaps(read(written(tmp_path, "a.cwa.gz", gzip.compress(data))))
    assert np.array_equal(plain, packed)
    with pytest.raises(FormatError, match="gzip file is cut off in the middle"):
        list(read(written(tmp_path, "b.cwa.gz", gzip.compress(data)[:-4000])).blocks())


# -- archives ----------------------------------------------------------------------------------------------------------
def test_archives_that_are_no_gt3x_or_damaged_are_refused(tmp_path):
    whole = enc.gt3x_file(enc.gt3x_log(enc.walk_counts(900, per_g=256)))
    with pytest.raises(FormatError, match=r"a\.gt3x: the archive is damaged or cut off"):
        read(written(tmp_path, "a.gt3x", whole[:-30]))
    damaged = bytearray(whole)
    damaged[400:410] = bytes(10)
    with pytest.raises(UserError):
        list(read(written(tmp_path, "b.gt3x", bytes(damaged))).blocks())
    with pytest.raises(FormatError, match=r"a zip archive without info\.txt and log\.bin"):
        read(written(tmp_path, "c.gt3x", enc.gt3x_file(b"x", member="other.bin")))
    with pytest.raises(FormatError, match=r"info\.txt is larger than"):
        read(written(tmp_path, "d.gt3x", enc.gt3x_file(b"x", "\r\n".join(f"a{i}: {i}" for i in range(9000)))))
    other = enc.gt3x_file(b"x", member="other.bin")
    for data in (other, other[:-30]):
        with pytest.raises(FormatError, match="zip archive"):
            read(written(tmp_path, "e.zip", data))


def test_a_member_packed_by_another_method_is_refused(tmp_path):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("log.bin", b"x" * 100)
        archive.writestr("info.txt", enc.gt3x_info())
    with pytest.raises(FormatError, match=r"log\.bin is packed by an unknown method|info\.txt is packed by an unknown"):
        read(written(tmp_path, "a.gt3x", raw.getvalue()))


def test_zip_and_gzip_bombs_are_refused(tmp_path):
    bomb = enc.gt3x_file(bytes(80 << 20))
    assert len(bomb) < 1 << 20
    with pytest.raises(FormatError, match="over 250 times"):
        read(written(tmp_path, "a.gt3x", bomb))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(enc.cwa_file(enc.walk_counts(480, per_g=256))) + packer.compress(bytes(100 << 20))
    path = written(tmp_path, "b.cwa.gz", data + packer.flush())
    with pytest.raises(FormatError, match="over 250 times"):
        list(read(path).blocks())


def test_a_log_of_garbage_is_not_slow(tmp_path):
    garbage = np.random.default_rng(1).integers(0, 256, 1 << 20).astype(np.uint8)
    garbage[::9] = 0x1E
    log = enc.gt3x_log(enc.walk_counts(900, per_g=256)) + garbage.tobytes()
    recording = read(written(tmp_path, "a.gt3x", enc.gt3x_file(log)))
    accel_g, _ = samples_and_gaps(recording)
    assert len(accel_g) >= 900
    assert any("no records and were skipped" in note for note in recording.clock_quality.notes)


# -- many damaged files ------------------------------------------------------------------------------------------------
def fuzz(count: int) -> subprocess.CompletedProcess[str]:
    script = ROOT / "benchmarks" / "fuzz_readers.py"
    return subprocess.run([sys.executable, str(script), "--count", str(count)], capture_output=True, text=True)


def test_damaged_files_raise_only_our_errors():
    done = fuzz(40)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


@pytest.mark.soak
def test_very_many_damaged_files_raise_only_our_errors():
    done = fuzz(20_000)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
