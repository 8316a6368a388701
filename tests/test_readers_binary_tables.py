"""Our own recording format, Parquet and Arrow: what is written comes back, exactly, or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import device_encoders as enc
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import ContentError, FormatError, OptionError, UserError, WorldError
from loadsense.placement import Placement
from loadsense.readers import read
from loadsense.readers.loadsense_format import ROWS_PER_GROUP, SUFFIX, write_recording
from loadsense.samples import Calibration, ClockQuality, Gap, Item, Origin, Recording, SampleBlock, StreamInfo

FULL_INFO = StreamInfo(
    sampling_rate_hz=100.0,
    nominal_rate_hz=100.0,
    measured_rate_hz=97.52345678901234,
    placement=Placement.LOWER_BACK,
    range_g=8.0,
    start=datetime(2026, 10, 25, 2, 30, 0, 123457, tzinfo=ZoneInfo("Europe/Madrid"), fold=1),
    tz="Europe/Madrid",
    body_mass_kg=63.1,
    activity="jumping",
    calibration=Calibration(
        gain=(0.987, 1.01, 1.0), offset_g=(0.001, -0.02, 0.1), method="van Hees 2014", error_before_g=0.1 + 0.2
    ),
    loss_observable=True,
    origin=Origin(file="a/ñ.csv", sha256="00", format="x", columns=("t", "x"), unit_in="g", notes=("one", "two")),
)
QUALITY = ClockQuality(measured_rate_hz=1 / 3, jitter_p99_ms=0.1, n_interpolated=3, notes=("a note",))


def recording_of(items: list[Item], info: StreamInfo = FULL_INFO) -> Recording:
    return Recording(info, lambda: iter(items), lambda: QUALITY)


def contents(recording: Recording) -> tuple[np.ndarray, np.ndarray, list[Gap]]:
    """Indices and samples, and gaps."""
    at, accel_g, gaps = [], [], []
    for item in recording.blocks():
        if isinstance(item, Gap):
            gaps.append(item)
        else:
            at.append(item.first_sample + np.arange(len(item)))
            accel_g.append(item.accel_g)
    return np.concatenate(at), np.concatenate(accel_g), gaps


def calibrated(counts: np.ndarray, per_g: float, info: StreamInfo) -> np.ndarray:
    if info.calibration.method == "none":
        return counts / per_g
    return (counts / per_g + np.array(info.calibration.offset_g)) * np.array(info.calibration.gain)


# -- round trips -------------------------------------------------------------------------------------------------------
def test_everything_comes_back_exactly(tmp_path):
    accel_g = calibrated(enc.walk_counts(1000, per_g=341), 341.0, FULL_INFO)
    items: list[Item] = [
        Gap(0, 50, "damaged data skipped"),
        SampleBlock(50, accel_g[:400]),
        Gap(450, 0, "clock stepped back 0.5 s"),
        SampleBlock(450, accel_g[400:]),
        Gap(1050, 77, "no samples"),
    ]
    stored = write_recording(recording_of(items), tmp_path / f"a{SUFFIX}")
    assert (stored.n_samples, stored.largest_change_g, stored.grid.kind) == (1000, 0.0, "int16")
    assert (stored.grid.divisor, stored.grid.recorded) == (341.0, True)
    back = read(stored.path)
    assert back.info == FULL_INFO
    assert back.info.start.tzinfo == ZoneInfo("Europe/Madrid")
    assert back.info.start.utcoffset() == timedelta(hours=1)
    at, found, gaps = contents(back)
    assert gaps == [item for item in items if isinstance(item, Gap)]
    assert np.array_equal(found, accel_g)
    assert np.array_equal(at, np.r_[50:1050])
    assert back.clock_quality == QUALITY
    assert [path.name for path in tmp_path.iterdir()] == [f"a{SUFFIX}"]


@pytest.mark.parametrize(
    "start",
    [
        None,
        datetime(2026, 3, 1, 12, 0, 0, 1),
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_every_kind_of_start_comes_back(tmp_path, start):
    info = replace(FULL_INFO, start=start, calibration=Calibration(), range_g=None)
    path = write_recording(recording_of([SampleBlock(0, np.eye(3))], info), tmp_path / f"a{SUFFIX}").path
    assert read(path).info == info


def test_every_field_of_the_stream_is_written(tmp_path):
    path = write_recording(recording_of([SampleBlock(0, np.eye(3))]), tmp_path / f"a{SUFFIX}").path
    text = pq.read_metadata(path).metadata[b"loadsense.stream"].decode()
    assert all(f'"{field.name}":' in text for kind in (StreamInfo, Calibration, Origin) for field in fields(kind))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_samples_and_gaps_come_back(tmp_path_factory, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scale = data.draw(st.sampled_from([256.0, 341.0, 1000.0, 2048.0, 1e6, None]))
    items: list[Item] = []
    at = 0
    for n, missing in data.draw(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 5)), min_size=1, max_size=8)):
        g = rng.normal(0, 1.5, (n, 3))
        items.append(SampleBlock(at, g if scale is None else calibrated(np.rint(g * scale), scale, FULL_INFO)))
        at += n
        if missing != 5:
            items.append(Gap(at, missing, "no samples"))
            at += missing
    path = tmp_path_factory.mktemp("r") / f"a{SUFFIX}"
    stored = write_recording(recording_of(items), path)
    assert stored.largest_change_g == 0.0
    for found, expected in zip(contents(read(path)), contents(recording_of(items)), strict=True):
        assert np.array_equal(found, expected) if isinstance(found, np.ndarray) else found == expected


@pytest.mark.parametrize(
    ("accel_g", "kind", "divisor", "factor"),
    [
        (np.array([[0.004, -1.25, 15.999]]), "int16", 1000.0, 1.0),
        (np.array([[0.0000041, -1.25, 15.999999]]), "float64", 1.0, 1.0),
        (np.array([[0.000004, -1.25, 15.999999]]), "int32", 1e6, 1.0),
        (np.array([[40000.0 / 4096, 1.0, 12345 / 4096]]), "int32", 4096.0, 1.0),
        (np.array([[0.123456789, 1.0, 2.0]]).astype(np.float32).astype(np.float64), "float32", 1.0, 1.0),
        (np.array([[9.81, -3.2, 0.07]]) * (1.0 / 9.80665), "int16", 100.0, 1.0 / 9.80665),
        (np.array([[9, -1001, 18]]) * 0.001, "int16", 1.0, 0.001),
    ],
)
def test_the_smallest_grid_that_is_exact_is_found(tmp_path, accel_g, kind, divisor, factor):
    info = replace(FULL_INFO, calibration=Calibration(), range_g=7.0)
    stored = write_recording(recording_of([SampleBlock(0, accel_g)], info), tmp_path / f"a{SUFFIX}")
    assert stored.grid.kind == kind
    assert (stored.grid.divisor, stored.grid.factor) == (divisor, factor)
    assert np.array_equal(contents(read(stored.path))[1], accel_g)


def test_a_sample_off_the_grid_at_the_end_makes_it_begin_again(tmp_path):
    info = replace(FULL_INFO, calibration=Calibration())
    blocks: list[Item] = [SampleBlock(100 * i, enc.walk_counts(100, per_g=256) / 256.0) for i in range(20)]
    blocks.append(SampleBlock(2000, np.array([[1 / 3, 0.0, 1.0]])))
    stored = write_recording(recording_of(blocks, info), tmp_path / f"a{SUFFIX}")
    assert (stored.grid.kind, stored.largest_change_g) == ("float64", 0.0)
    assert np.array_equal(contents(read(stored.path))[1], contents(recording_of(blocks))[1])


def test_rounding_to_counts_or_to_32_bits_says_what_it_changed(tmp_path):
    rng = np.random.default_rng(2)
    accel_g = rng.normal(0, 1, (5000, 3))
    info = replace(FULL_INFO, calibration=Calibration())
    recording = recording_of([SampleBlock(0, accel_g)], info)
    counts = write_recording(recording, tmp_path / f"a{SUFFIX}", samples="counts")
    assert (counts.grid.kind, counts.grid.divisor) == ("int16", 4096.0)
    assert counts.largest_change_g == pytest.approx(0.5 / 4096, rel=0.01)
    found = contents(read(counts.path))[1]
    assert np.abs(found - accel_g).max() == counts.largest_change_g
    single = write_recording(recording, tmp_path / f"b{SUFFIX}", samples="float32")
    assert 0 < single.largest_change_g < 2e-7
    assert np.array_equal(contents(read(single.path))[1], accel_g.astype(np.float32))
    beyond = recording_of([SampleBlock(0, np.array([[9.0, 0, 0]]))], info)
    assert write_recording(beyond, tmp_path / f"c{SUFFIX}", samples="counts").grid.kind == "int32"
    with pytest.raises(OptionError, match="counts need a scale, and the recording has no range"):
        write_recording(recording_of([], replace(info, range_g=None)), tmp_path / f"d{SUFFIX}", samples="counts")
    huge = recording_of([SampleBlock(0, np.array([[1e9, 0, 0]]))], info)
    with pytest.raises(OptionError, match="do not fit its counts"):
        write_recording(huge, tmp_path / f"e{SUFFIX}", samples="counts")


def test_the_file_is_what_its_description_promises(tmp_path):
    n = 2 * ROWS_PER_GROUP + 7
    info = replace(FULL_INFO, calibration=Calibration())
    recording = recording_of([SampleBlock(0, enc.walk_counts(n, per_g=256) / 256.0)], info)
    path = write_recording(recording, tmp_path / f"a{SUFFIX}").path
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(i).num_rows for i in range(3)] == [ROWS_PER_GROUP, ROWS_PER_GROUP, 7]
    column = metadata.row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert pq.read_schema(path).types == [pa.int16()] * 3
    assert path.stat().st_size * 8 / (3 * n) < 9.0


def test_a_recording_of_a_device_is_analysed_alike_from_its_copy(tmp_path):
    for name, data in enc.samples_of_all_layouts(1500).items():
        original = tmp_path / name
        original.write_bytes(data)
        recording = read(original, placement="hip", tz="Europe/Madrid")
        stored = write_recording(recording, tmp_path / f"copy{SUFFIX}")
        back = read(stored.path)
        assert back.info == recording.info
        for found, expected in zip(contents(back), contents(recording), strict=True):
            assert np.array_equal(found, expected) if isinstance(found, np.ndarray) else found == expected
        assert back.clock_quality == recording.clock_quality


# -- options on reading ------------------------------------------------------------------------------------------------
def test_options_go_before_what_the_file_says(tmp_path):
    accel_g = calibrated(enc.walk_counts(1000, per_g=256), 256.0, FULL_INFO)
    recording = recording_of([SampleBlock(0, accel_g[:600]), Gap(600, 100), SampleBlock(700, accel_g[600:])])
    path = write_recording(recording, tmp_path / f"a{SUFFIX}").path
    told = read(path, placement="hip", range_g=16, body_mass_kg=80, tz="UTC", activity="walking", start=5, end=8).info
    assert (told.placement, told.range_g, told.body_mass_kg, told.activity) == (Placement.HIP, 16.0, 80.0, "walking")
    assert told.start == FULL_INFO.start.astimezone(UTC) + timedelta(seconds=5)
    _, found, gaps = contents(read(path, start=5, end=8))
    assert np.array_equal(found, np.concatenate([accel_g[500:600], accel_g[600:700]]))
    assert gaps == [Gap(100, 100)]
    raw = read(path, calibrate=False)
    assert raw.info.calibration == Calibration()
    assert np.array_equal(contents(raw)[1], enc.walk_counts(1000, per_g=256) / 256.0)
    with pytest.raises(OptionError, match="states 100 Hz and --sampling-rate-hz says 50 Hz"):
        read(path, sampling_rate_hz=50)


# -- damage and the disk -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "refusal"), [(f"a{SUFFIX}", FormatError), ("renamed.parquet", UserError)])
def test_a_flipped_bit_anywhere_is_never_read_silently_wrong(tmp_path, name, refusal):
    accel_g = enc.walk_counts(3000, per_g=256) / 256.0
    info = replace(FULL_INFO, calibration=Calibration())
    path = write_recording(recording_of([SampleBlock(0, accel_g)], info), tmp_path / name).path
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    rng = np.random.default_rng(4)
    n_found = 0
    # no checksum of Parquet covers its table of contents, so that is where most flips are tried
    for place in [*rng.integers(4, footer, size=150).tolist(), *rng.integers(footer, len(whole), size=600).tolist()]:
        octets = bytearray(whole)
        octets[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(octets))
        try:
            back = read(path)
            at, found, gaps = contents(back)
        except refusal:
            n_found += 1
            continue
        assert np.array_equal(found, accel_g)
        assert np.array_equal(at, np.arange(3000))
        assert (back.info, gaps) == (info, [])
    assert n_found > 500


def test_a_cut_or_foreign_or_later_file_is_refused(tmp_path):
    path = write_recording(recording_of([SampleBlock(0, np.eye(3))]), tmp_path / f"a{SUFFIX}").path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(FormatError, match="the Parquet file is damaged or cut off"):
        read(path)
    path.write_bytes(whole.replace(b"loadsense.version\x18\x011", b"loadsense.version\x18\x012"))
    with pytest.raises(FormatError, match="a LoadSense recording of version '2'; this program reads version 1"):
        read(path)
    path.write_bytes(whole.replace(b'"body_mass_kg":63.1', b'"body_mass_kg":64.1'))
    with pytest.raises(FormatError, match="description of this LoadSense recording is damaged"):
        read(path)


def test_rows_that_are_not_those_described_are_refused(tmp_path):
    path = write_recording(recording_of([SampleBlock(0, np.eye(3))]), tmp_path / f"a{SUFFIX}").path
    table = pq.read_table(path)
    described = {**pq.read_metadata(path).metadata}
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table.slice(0, 2))
        writer.add_key_value_metadata({k: v for k, v in described.items() if k.startswith(b"loadsense")})
    with pytest.raises(FormatError, match=r"2 rows of .* its description says 3 rows of x, y, z as"):
        read(path)


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    script = f"""
import resource, signal, sys
import numpy as np
from pathlib import Path
from loadsense.errors import WorldError
from loadsense.readers.loadsense_format import write_recording
from loadsense.samples import Recording
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
target = Path({str(tmp_path)!r}) / "a.loadsense.parquet"
rng = np.random.default_rng(1)
recording = Recording.from_arrays(rng.normal(0, 1, (300_000, 3)), sampling_rate_hz=100.0)
for limit in (100, 100_000, 3_000_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_recording(recording, target)
    except WorldError as error:
        print(error)
    else:
        sys.exit("written")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("cannot be written (") == 3
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_middle_keeps_the_old_file(tmp_path):
    path = write_recording(recording_of([SampleBlock(0, np.eye(3))]), tmp_path / f"a{SUFFIX}").path
    before = path.read_bytes()

    def broken() -> Iterator[Item]:
        yield SampleBlock(0, np.eye(3))
        raise ContentError("row 5: bad")

    with pytest.raises(ContentError, match="row 5: bad"):
        write_recording(Recording(FULL_INFO, broken), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(WorldError, match="cannot be written"):
        write_recording(recording_of([SampleBlock(0, np.eye(3))]), tmp_path / "no" / "folder" / "a")


# -- Parquet and Arrow by anybody --------------------------------------------------------------------------------------
def table_of(n: int = 3000, **columns) -> pa.Table:
    accel_g = enc.walk_counts(n, per_g=256) / 256.0
    return pa.table({**columns, "x": accel_g[:, 0], "y": accel_g[:, 1], "z": accel_g[:, 2]})


def write_table(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=700)
    elif path.suffix == ".arrow":
        pyarrow.feather.write_feather(table, str(path), chunksize=700)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=700)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows"])
@pytest.mark.parametrize("time", ["stamps", "zoned", "seconds", "text"])
def test_tables_with_times_are_read_like_text(tmp_path, name, time):
    n = 3000
    first = datetime(2026, 11, 20, 10, 0, 0)
    nanoseconds = np.arange(n) * 10_000_000 + enc.UNIX * 1_000_000_000
    times = {
        "stamps": pa.array(nanoseconds, pa.timestamp("ns")),
        "zoned": pa.array(nanoseconds // 1000, pa.timestamp("us", tz="Europe/Madrid")),
        "seconds": pa.array(np.arange(n) / 100.0),
        "text": pa.array([(first + timedelta(milliseconds=10 * i)).isoformat() for i in range(n)]),
    }
    table = table_of(n, label=pa.array(["a"] * n), time=times[time])
    recording = read(write_table(table, tmp_path / name), calibrate=False)
    at, accel_g, gaps = contents(recording)
    assert np.array_equal(accel_g, enc.walk_counts(n, per_g=256) / 256.0)
    assert np.array_equal(at, np.arange(n))
    assert gaps == []
    info = recording.info
    expected = {"stamps": first, "zoned": first.replace(tzinfo=UTC), "seconds": None, "text": first}[time]
    assert (info.sampling_rate_hz, info.start) == (100.0, expected)
    assert info.origin.columns == ("time", "x", "y", "z")
    assert info.origin.format == ("Parquet" if name.endswith("parquet") else "Arrow")


def test_a_hole_in_the_times_of_a_table_is_a_gap(tmp_path):
    times = np.arange(3000) / 100.0
    times[2000:] += 4.0
    recording = read(write_table(table_of(time=times), tmp_path / "a.parquet"))
    assert [(gap.first_sample, gap.n_missing) for gap in contents(recording)[2]] == [(2000, 400)]


def test_tables_without_times_need_a_rate(tmp_path):
    path = write_table(table_of(), tmp_path / "a.parquet")
    with pytest.raises(OptionError, match="give it with --sampling-rate-hz"):
        read(path)
    assert len(contents(read(path, sampling_rate_hz=100))[1]) == 3000


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows"])
def test_missing_values_times_and_odd_tables_are_refused(tmp_path, name):
    path = tmp_path / name
    z = [None if i == 2500 else 1.0 + i % 3 / 100 for i in range(3000)]
    holed = table_of().set_column(2, "z", pa.array(z))
    with pytest.raises(ContentError, match="row 2502: a value is missing or infinite"):
        list(read(write_table(holed, path), sampling_rate_hz=100).blocks())
    times = [None if i == 2600 else i / 100 for i in range(3000)]
    with pytest.raises(ContentError, match="a time is missing"):
        list(read(write_table(table_of(time=pa.array(times)), path)).blocks())
    gyro = table_of(time=np.arange(3000) / 100).rename_columns(["time", "gyro_x", "gyro_y", "gyro_z"])
    with pytest.raises(FormatError, match="are a gyroscope"):
        read(write_table(gyro, path))
    twice = table_of(time=np.arange(3000) / 100).rename_columns(["x", "x", "y", "z"])
    with pytest.raises(FormatError, match="two columns have the same name"):
        read(write_table(twice, path))
    whole = write_table(table_of(time=np.arange(3000) / 100), path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((FormatError, ContentError)):
        list(read(path).blocks())


@pytest.mark.parametrize(
    ("time_unit", "value", "words"),
    [(0.01, 1e200, "row 2602: a value is missing or infinite"), (np.inf, 1.0, "a time is infinite")],
)
def test_numbers_that_no_sensor_gives_are_refused(tmp_path, time_unit, value, words):
    times = np.arange(3000) / 100.0
    times[2600] += time_unit - 0.01
    x = enc.walk_counts(3000, per_g=256)[:, 0] / 256.0
    x[2600] = value
    table = table_of(time=times).set_column(1, "x", pa.array(x))
    with pytest.raises(ContentError, match=words):
        list(read(write_table(table, tmp_path / "a.parquet")).blocks())


def test_times_as_text_must_be_iso(tmp_path):
    texts = [f"{i // 360000:02d}:{i // 6000 % 60:02d}:{i // 100 % 60:02d}.{i % 100:02d}0" for i in range(3000)]
    with pytest.raises(ContentError, match="times are stored as text; store them as timestamps or seconds"):
        list(read(write_table(table_of(time=pa.array(texts)), tmp_path / "a.parquet")).blocks())
    iso = [f"2026-11-20T10:00:{i / 100:06.3f}" for i in range(3000)]
    iso[2900] = "later"
    with pytest.raises(ContentError, match="a time cannot be read"):
        list(read(write_table(table_of(time=pa.array(iso)), tmp_path / "b.parquet")).blocks())


def test_a_row_group_too_large_to_be_decoded_at_once_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("loadsense.readers.loadsense_format.MOST_GROUP_BYTES", 1000)
    path = write_table(table_of(time=np.arange(3000) / 100), tmp_path / "a.parquet")
    with pytest.raises(FormatError, match=r"row group 1 states 700 rows in .* bytes; expected at most 1000 bytes"):
        read(path)
