"""Text tables: dialects, units, clocks, and the sentence for each thing that can be wrong."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import loadsense.readers as readers
from loadsense.errors import ContentError, FormatError, OptionError, UserError
from loadsense.readers.opening import file_sha256
from loadsense.samples import FloatArray, Gap, Recording, SampleBlock

N = 600


def motion(n: int = N) -> FloatArray:
    """Standing still and then moving, in g, rounded as a file would be."""
    rng = np.random.default_rng(4)
    accel = np.column_stack([0.002 * rng.standard_normal(n), 0.002 * rng.standard_normal(n), np.ones(n)])
    accel[n // 2 :, 2] += np.sin(np.arange(n - n // 2) / 5.0)
    return np.round(accel, 6)


def samples_of(recording: Recording) -> FloatArray:
    return np.concatenate([item.accel_g for item in recording.blocks() if isinstance(item, SampleBlock)])


def gaps_of(recording: Recording) -> list[Gap]:
    return [item for item in recording.blocks() if isinstance(item, Gap)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "session.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def table(
    accel: FloatArray | None = None,
    *,
    header: str | None = "time,x,y,z",
    time: Callable[[int], str] | None = lambda i: f"{i / 100:.2f}",
    separator: str = ",",
    end: str = "\n",
    decimal: str = ".",
) -> str:
    values = motion() if accel is None else accel
    lines = [] if header is None else [header]
    for i, row in enumerate(values):
        fields = [f"{value:.6f}" for value in row]
        lines.append(separator.join(([] if time is None else [time(i)]) + fields).replace(".", decimal))
    return end.join(lines) + end


def iso(i: int) -> str:
    return (datetime(2026, 11, 20, 10) + timedelta(milliseconds=10 * i)).isoformat(timespec="milliseconds")


# -- dialects --
STAMPS = {
    "iso": (iso, datetime(2026, 11, 20, 10)),
    "iso with a blank": (lambda i: iso(i).replace("T", " "), datetime(2026, 11, 20, 10)),
    "iso in zulu": (lambda i: iso(i) + "Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
    "iso with offset": (lambda i: iso(i) + "+01:00", datetime(2026, 11, 20, 9, tzinfo=UTC)),
    "unix s": (lambda i: f"{1_790_000_000 + i / 100:.2f}", datetime.fromtimestamp(1_790_000_000, UTC)),
    "unix ms": (lambda i: str(1_790_000_000_000 + 10 * i), datetime.fromtimestamp(1_790_000_000, UTC)),
    "unix us": (lambda i: str(1_790_000_000_000_000 + 10_000 * i), datetime.fromtimestamp(1_790_000_000, UTC)),
    "unix ns": (lambda i: str(1_790_000_000_000_000_000 + 10_000_000 * i), datetime.fromtimestamp(1_790_000_000, UTC)),
    "seconds": (lambda i: f"{5 + i / 100:.2f}", None),
    "milliseconds": (lambda i: str(10 * i), None),
    "microseconds": (lambda i: str(10_000 * i), None),
    "time of day over midnight": (
        lambda i: (datetime(2026, 1, 1, 23, 59, 58) + timedelta(milliseconds=10 * i)).strftime("%H:%M:%S.%f"),
        None,
    ),
    "day first": (
        lambda i: (datetime(2026, 11, 20, 10) + timedelta(milliseconds=10 * i)).strftime("%d/%m/%Y %H:%M:%S.%f"),
        datetime(2026, 11, 20, 10),
    ),
    "month first, am and pm": (
        lambda i: (datetime(2026, 11, 20, 11, 59, 58) + timedelta(milliseconds=10 * i)).strftime(
            "%m/%d/%Y %I:%M:%S.%f %p"
        ),
        datetime(2026, 11, 20, 11, 59, 58),
    ),
    "german": (
        lambda i: (datetime(2026, 2, 3, 10) + timedelta(milliseconds=10 * i)).strftime("%d.%m.%Y %H:%M:%S.%f"),
        datetime(2026, 2, 3, 10),
    ),
}


@pytest.mark.parametrize("name", STAMPS)
def test_every_kind_of_time_gives_rate_and_start(name: str, write: Callable[..., Path]) -> None:
    time, start = STAMPS[name]
    recording = readers.read(write(table(time=time)))
    assert recording.info.sampling_rate_hz == pytest.approx(100.0, rel=1e-6)
    assert recording.info.start == start
    assert (recording.info.start is None) or (recording.info.start.tzinfo is None) == (start.tzinfo is None)
    assert samples_of(recording).tobytes() == motion().tobytes()
    assert not gaps_of(recording)
    assert recording.clock_quality.measured_rate_hz == pytest.approx(100.0, rel=1e-5)


@pytest.mark.parametrize(
    ("header", "unit", "scale"),
    [
        ("time,x,y,z", "g", 1.0),
        ("Timestamp,X,Y,Z", "g", 1.0),
        ("time_s,acc_x,acc_y,acc_z", "m/s2", 9.80665),
        ("Time (s),Acceleration x (m/s^2),Acceleration y (m/s^2),Acceleration z (m/s^2)", "m/s2", 9.80665),
        ("t,ax,ay,az", "mg", 1000.0),
        ("time,acc_x_mg,acc_y_mg,acc_z_mg", "mg", 1000.0),
        ("timestamp,accelX,accelY,accelZ", "g", 1.0),
        ("elapsed (s),x-axis (g),y-axis (g),z-axis (g)", "g", 1.0),
        ("Time,Accelerometer X,Accelerometer Y,Accelerometer Z", "g", 1.0),
    ],
)
def test_names_and_units(header: str, unit: str, scale: float, write: Callable[..., Path]) -> None:
    recording = readers.read(write(table(motion() * scale, header=header)))
    assert recording.info.origin.unit_in == unit
    assert recording.info.origin.columns == tuple(header.split(","))
    np.testing.assert_allclose(samples_of(recording), motion(), atol=2e-6)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("names", [True, False])
def test_separators_decimals_ends_and_marks(
    separator: str, decimal: str, end: str, bom: bytes, names: bool, write: Callable[..., Path]
) -> None:
    if separator == decimal:
        pytest.skip("a decimal comma needs another separator")
    header = separator.join(["time", "x", "y", "z"]) if names else None
    text = table(header=header, separator=separator, decimal=decimal, end=end)
    assert samples_of(readers.read(write(bom + text.encode()))).tobytes() == motion().tobytes()


def test_a_separator_line_quotes_and_other_columns_are_seen_through(write: Callable[..., Path]) -> None:
    rows = [f'"{iso(i)}";"7";"{x:.6f}";{y:.6f};{z:.6f};36,6' for i, (x, y, z) in enumerate(motion())]
    text = 'sep=;\n"Time";"Heart rate";"Acc X";"Acc Y";"Acc Z";"Temp"\n' + "\n".join(rows)
    assert samples_of(readers.read(write(text))).tobytes() == motion().tobytes()


def test_columns_are_read_as_told_by_name_and_by_number(write: Callable[..., Path]) -> None:
    rows = [f"{i / 100},{9 - i % 2},{z},{y},{x}" for i, (x, y, z) in enumerate(motion())]
    named = write("clock,other,c,b,a\n" + "\n".join(rows))
    assert samples_of(readers.read(named, columns="clock,a,b,c")).tobytes() == motion().tobytes()
    bare = write("\n".join(rows), "bare.csv")
    assert samples_of(readers.read(bare, columns=["1", "5", "4", "3"])).tobytes() == motion().tobytes()
    assert len(samples_of(readers.read(bare, columns="5,4,3", sampling_rate_hz=100))) == N


def test_a_date_in_a_column_of_its_own_leaves_the_time_of_day(write: Callable[..., Path]) -> None:
    path = write(table(header="Date,Time,X,Y,Z", time=lambda i: iso(i).replace("T", ",")))
    recording = readers.read(path)
    assert recording.info.origin.columns == ("Time", "X", "Y", "Z")
    assert recording.info.start is None
    assert samples_of(recording).tobytes() == motion().tobytes()


def test_exponents_are_numbers(write: Callable[..., Path]) -> None:
    text = "time,x,y,z\n" + "\n".join(f"{i / 100:.6E},{x:e},{y:e},{z:E}" for i, (x, y, z) in enumerate(motion()))
    np.testing.assert_allclose(samples_of(readers.read(write(text))), motion(), atol=1e-6)


def test_repeated_headers_and_blank_lines_are_left_out_and_rows_keep_their_numbers(write: Callable[..., Path]) -> None:
    lines = table().splitlines()
    lines[200:200] = ["time,x,y,z", "", ",,,"]
    recording = readers.read(write("\n".join(lines)))
    assert samples_of(recording).tobytes() == motion().tobytes()
    assert any("column names came again 1 times" in note for note in recording.clock_quality.notes)
    lines[400] = "3.97,0.1,abc,0.2"
    with pytest.raises(ContentError, match=r"row 401, column y: 'abc' is not a number; correct or delete the row"):
        samples_of(readers.read(write("\n".join(lines))))


def test_gzip_is_seen_through_whatever_it_is_called(write: Callable[..., Path]) -> None:
    recording = readers.read(write(gzip.compress(table().encode()), "session.csv"))
    assert samples_of(recording).tobytes() == motion().tobytes()


def test_a_recording_can_be_read_again_in_any_blocks(write: Callable[..., Path]) -> None:
    recording = readers.read(write(table(time=iso)))
    first = samples_of(recording)
    assert [len(block) for block in recording.blocks(n=250)] == [250, 250, 100]
    assert samples_of(recording).tobytes() == first.tobytes()


def test_blocks_of_bytes_cut_anywhere_give_the_same_samples(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(table(time=iso))
    for n_bytes in (1, 7, 1000):
        monkeypatch.setattr("loadsense.readers.opening.BLOCK_BYTES", n_bytes)
        assert samples_of(readers.read(path)).tobytes() == motion().tobytes()


def test_the_hash_is_that_of_the_file_on_disk(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(table().encode())
    path = write(data)
    expected = hashlib.sha256(data).hexdigest()
    assert readers.read(path).info.origin.sha256 == expected
    monkeypatch.setattr("loadsense.readers.opening._HASH_AT_ONCE_BYTES", 10)
    monkeypatch.setattr("loadsense.readers.text.PROBE_ROWS", 10)
    recording = readers.read(path)
    assert recording.info.origin.sha256 is None
    samples_of(recording)
    path.unlink()  # the pass has hashed it
    assert readers.sha256_of(recording) == expected


def test_the_hash_of_a_large_file_is_read_when_nothing_was(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadsense.readers.opening._HASH_AT_ONCE_BYTES", 10)
    path = write(table())
    assert readers.sha256_of(readers.read(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert readers.sha256_of(Recording.from_arrays(motion(), sampling_rate_hz=100.0)) is None


# -- units --
@pytest.mark.parametrize("counts", [64, 128, 256, 512, 2048, 4096, 16384])
def test_whole_counts_are_known_by_their_rest(counts: int, write: Callable[..., Path]) -> None:
    rest = np.round(motion() * counts + np.random.default_rng(1).integers(-1, 2, (N, 3)))
    lines = "\n".join(f"{iso(i)},{x:.0f},{y:.0f},{z:.0f}" for i, (x, y, z) in enumerate(rest))
    info = readers.read(write(lines), calibrate=False).info
    assert info.origin.unit_in == "counts"
    assert any(note.startswith(f"unit counts of 1/{counts} g (median norm") for note in info.origin.notes)


def test_how_the_unit_was_found_is_said(write: Callable[..., Path]) -> None:
    recording = readers.read(write(table(motion() * 9.79, header="time,acc_x,acc_y,acc_z")))
    assert any(note.startswith("unit m/s2 (median norm 9.79 in quiet seconds)") for note in recording.info.origin.notes)


def test_declared_counts_are_scaled_by_the_rest(write: Callable[..., Path]) -> None:
    np.testing.assert_allclose(
        samples_of(readers.read(write(table(motion() * 341)), unit="counts")), motion(), atol=2e-3
    )
    shaken = np.random.default_rng(0).normal(0, 341, (N, 3))
    with pytest.raises(ContentError, match="counts have no fixed scale, and no second is quiet"):
        readers.read(write(table(shaken)), unit="counts")
    assert (
        readers.read(write(table(motion() * 1030)), unit="counts")
        .info.origin.notes[0]
        .startswith("unit counts of 1/1024")
    )


@pytest.mark.parametrize(("scale", "unit", "better"), [(9.80665, "g", "m/s2"), (1000.0, "g", "mg"), (1.0, "m/s2", "g")])
def test_a_unit_that_quiet_seconds_contradict_is_refused(
    scale: float, unit: str, better: str, write: Callable[..., Path]
) -> None:
    with pytest.raises(
        ContentError, match=rf"unit {unit} .said by --unit. is contradicted by quiet seconds.*--unit {better}"
    ):
        readers.read(write(table(motion() * scale)), unit=unit)


def test_an_ambiguous_unit_is_refused_and_a_declared_one_is_believed(write: Callable[..., Path]) -> None:
    path = write(table(motion() * 3.1))
    with pytest.raises(ContentError, match=r"the unit is ambiguous: the median norm is 3.1 .*say it with --unit"):
        readers.read(path)
    moving = np.random.default_rng(0).normal(0, 1.2, (N, 3))
    assert readers.read(write(table(moving)), unit="g").info.origin.unit_in == "g"
    gentle = motion() * 1.2  # a sacral sensor that reads 1.2 g at rest
    assert readers.read(write(table(gentle)), unit="g").info.calibration.method == "none"


def test_acceleration_without_gravity_is_refused(write: Callable[..., Path]) -> None:
    free = np.random.default_rng(0).normal(0, 0.02, (N, 3))
    with pytest.raises(ContentError, match=r"gravity has been removed .linear acceleration. or the unit is wrong"):
        readers.read(write(table(free)), unit="g")


def test_still_seconds_are_calibrated_to_1_g_unless_told_not_to(write: Callable[..., Path]) -> None:
    path = write(table(motion(2000) * 1.04))
    recording = readers.read(path)
    assert recording.info.calibration.method == "still seconds"
    assert np.median(np.linalg.norm(samples_of(recording)[:800], axis=1)) == pytest.approx(1.0, abs=1e-3)
    assert any(
        "still seconds read 1.040 g: all samples were multiplied by 0.9615" in n for n in recording.info.origin.notes
    )
    assert np.median(samples_of(readers.read(path, calibrate=False))[:800, 2]) == pytest.approx(1.04, abs=1e-3)


# -- clocks --
def test_a_gap_keeps_the_time_of_what_follows(write: Callable[..., Path]) -> None:
    recording = readers.read(write(table(time=lambda i: iso(i + 140 * (i >= 300)))))
    assert gaps_of(recording) == [Gap(300, 140, "no samples")]


def test_a_clock_error_is_told_in_the_words_of_the_story(write: Callable[..., Path]) -> None:
    lines = table(time=iso).splitlines()
    late = [line.replace(iso(i), iso(i - 320)) if i >= 400 else line for i, line in enumerate(lines[1:])]
    expected = (
        r"row 402: time goes back 3\.2 s \(2026-11-20T10:00:03\.990 -> 2026-11-20T10:00:00\.800\); "
        r"clock change\? pass --tz$"
    )
    with pytest.raises(ContentError, match=expected):
        samples_of(readers.read(write("\n".join([lines[0], *late]))))


def test_clocks_put_back_an_hour_are_read_with_a_zone(write: Callable[..., Path]) -> None:
    wall = lambda i: (datetime(2026, 10, 25, 2, 59, 57) + timedelta(milliseconds=10 * i, hours=-(i >= 300))).isoformat()  # noqa: E731
    path = write(table(time=lambda i: wall(i) if "." in wall(i) else wall(i) + ".000"))
    with pytest.raises(ContentError, match=r"row 302: time goes back 3600 s .*pass --tz"):
        samples_of(readers.read(path))
    recording = readers.read(path, tz="Europe/Madrid")
    assert samples_of(recording).tobytes() == motion().tobytes()
    assert not gaps_of(recording)
    assert any("clocks changed by an hour" in note for note in recording.clock_quality.notes)


@pytest.mark.parametrize(("day", "n_missing"), [(29, []), (28, [360_000])])
def test_an_hour_forward_is_a_gap_except_in_the_night_of_the_change(
    day: int, n_missing: list[int], write: Callable[..., Path]
) -> None:
    wall = lambda i: datetime(2026, 3, day, 1, 59, 57) + timedelta(milliseconds=10 * i, hours=i >= 300)  # noqa: E731
    recording = readers.read(
        write(table(time=lambda i: wall(i).isoformat(timespec="milliseconds"))), tz="Europe/Madrid"
    )
    assert [gap.n_missing for gap in gaps_of(recording)] == n_missing


def test_a_zone_makes_a_naive_start_aware_and_moves_an_aware_one(write: Callable[..., Path]) -> None:
    naive = readers.read(write(table(time=iso)), tz="Europe/Madrid").info
    assert naive.start is not None
    assert naive.start.isoformat() == "2026-11-20T10:00:00+01:00"
    aware = readers.read(write(table(time=lambda i: iso(i) + "Z")), tz="Europe/Madrid").info
    assert aware.start is not None
    assert aware.start.isoformat() == "2026-11-20T11:00:00+01:00"
    assert naive.tz == aware.tz == "Europe/Madrid"


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        ("1.5", "3", (150, 300)),
        (1.5, None, (150, N)),
        (None, "2026-11-20T10:00:02", (0, 200)),
        ("2026-11-20T10:00:05", 5.5, (500, 550)),
    ],
)
def test_a_cut_keeps_the_rows_inside(
    start: str | float | None, end: str | float | None, rows: tuple[int, int], write: Callable[..., Path]
) -> None:
    recording = readers.read(write(table(time=iso)), start=start, end=end, unit="g")
    assert samples_of(recording).tobytes() == motion()[slice(*rows)].tobytes()
    assert recording.info.start == datetime(2026, 11, 20, 10) + timedelta(seconds=rows[0] / 100)


def test_a_cut_without_a_clock_counts_rows(write: Callable[..., Path]) -> None:
    path = write(table(header="x,y,z", time=None))
    recording = readers.read(path, sampling_rate_hz=100, start=2, end=4)
    assert samples_of(recording).tobytes() == motion()[200:400].tobytes()
    with pytest.raises(OptionError, match=r"start .* is a time of day, and the file has none; give --start in seconds"):
        readers.read(path, sampling_rate_hz=100, start="2026-11-20T10:00:00")
    with pytest.raises(OptionError, match="no rows between start and end"):
        readers.read(path, sampling_rate_hz=100, start=60)


def test_cuts_and_zones_must_fit(write: Callable[..., Path]) -> None:
    path = write(table(time=iso))
    with pytest.raises(OptionError, match="has a time zone and the file has none; give --tz"):
        readers.read(path, start="2026-11-20T10:00:01+01:00")
    with pytest.raises(OptionError, match=r"end 1.0 is not after start 2.0"):
        readers.read(path, start=2, end=1)
    kept = samples_of(readers.read(path, start="2026-11-20T09:00:01Z", tz="Europe/Madrid", unit="g"))
    assert kept.tobytes() == motion()[100:].tobytes()


# -- what is wrong, in a sentence --
WRONG_FILES: dict[str, tuple[str | bytes, type[UserError], str]] = {
    "empty": ("", ContentError, "the file is empty; expected rows of time,x,y,z"),
    "blank": ("\n\n  \n", ContentError, "the file is empty"),
    "header only": ("time,x,y,z\n", ContentError, "a header and no rows"),
    "no numbers": ("name,colour,size\na,red,big\nb,blue,small\n", FormatError, "no numeric columns found"),
    "prose": ("This is a letter.\nIt has no table.\n", FormatError, "no numeric columns found"),
    "time stamps and two axes": (
        "time,acc_x,acc_y\n2026-11-20T10:00:00.00,0.1,0.9\n2026-11-20T10:00:00.01,0.1,0.9\n",
        FormatError,
        "time and two axes; expected x, y and z: export all three axes",
    ),
    "two columns": ("time,x\n0.00,1\n0.01,1\n", FormatError, "two columns; expected x, y and z .an axis is missing."),
    "an axis missing by name": (
        table().replace("time,x,y,z", "time,x,y,temp"),
        FormatError,
        "axis z missing among: time, x, y, temp",
    ),
    "an axis missing without names": (
        table(motion()[:, :2], header=None),
        FormatError,
        "time and two axes; expected x, y and z",
    ),
    "gyroscope": (
        table(header="time,gyro_x,gyro_y,gyro_z"),
        FormatError,
        "are a gyroscope .angular rate., not acceleration",
    ),
    "linear acceleration": (
        table(
            header="Time (s),Linear Acceleration x (m/s^2),Linear Acceleration y (m/s^2),Linear Acceleration z (m/s^2)"
        ),
        FormatError,
        "free .linear. acceleration with gravity removed",
    ),
    "unnamed and untimed": (
        "\n".join(f"{i % 7},1,2,3,4" for i in range(50)),
        FormatError,
        "5 columns without names, the first is no time",
    ),
    "other names": (
        table(header="time,alpha,beta,gamma"),
        FormatError,
        "no acceleration columns among: time, alpha, beta, gamma",
    ),
    "binary": (bytes(range(256)) * 40, FormatError, "a binary file, not text, and of no format known here"),
    "a workbook": (
        b"PK\x03\x04" + b"\x00" * 26 + b"[Content_Types].xml" + b"\x00" * 400,
        FormatError,
        "an Excel workbook",
    ),
    "a zip": (b"PK\x03\x04" + b"\x00" * 400, FormatError, "a zip archive"),
    "utf-16": (table().encode("utf-16"), FormatError, "the text is UTF-16"),
    "json": ('{"a": 1}', FormatError, "JSON, not a table"),
    "a web page": ("<!DOCTYPE html><html></html>", FormatError, "a web page or XML"),
    "all equal": (
        table(np.ones((N, 3)) * 0.577),
        ContentError,
        "all samples are equal on all axes: the sensor did not record",
    ),
    "too slow": (table(time=lambda i: f"{i / 10:.1f}"), ContentError, "sampling rate 10 Hz; expected at least 12 Hz"),
    "no rate": (
        table(header="x,y,z", time=None),
        OptionError,
        "the sampling rate is unknown; give it with --sampling-rate-hz",
    ),
    "no known day": (
        table(time=lambda i: f"05/06/2026 10:00:{i // 100:02d}.{i % 100:02d}"),
        ContentError,
        "day and month cannot be told apart",
    ),
    "no such day": (
        table(time=lambda i: iso(i).replace("2026-11-20", "2026-02-31")),
        ContentError,
        "'2026-02-31T10:00:00.000' is not a time",
    ),
    "a word for a time": (table(time=lambda i: "now"), FormatError, "no numeric columns found"),
    "a named time that is none": (
        "x,y,z,time\n" + "0,0,1,now\n" * 50,
        ContentError,
        "row 2, column 4: 'now' is not a time; expected ISO",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_gets_its_sentence(name: str, write: Callable[..., Path]) -> None:
    content, kind, words = WRONG_FILES[name]
    with pytest.raises(kind, match=words):
        readers.read(write(content))


WRONG_ROWS = {
    "text": ("4.00,0.1,abc,0.2", "row 402, column y: 'abc' is not a number; correct or delete the row"),
    "nan": ("4.00,nan,0,1", "row 402, column x: the value is NaN; delete the row"),
    "inf": ("4.00,0,0,-inf", "row 402, column z: the value is infinite; delete the row"),
    "no value": ("4.00,0,,1", "row 402, column y: no value"),
    "too short": ("4.00,0,1", "row 402: 3 columns where 4 are expected; the line is damaged or the file cut off"),
    "too long": ("4.00,0,1,2,3", "row 402: 5 columns where 4 are expected"),
    "no time": ("later,0,0,1", "row 402, column time: 'later' is not a time like '0.00'"),
    "binary": ("4.00,\x00,0,1", "row 402, column x: '\x00' is not a number"),
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_wrong_row_is_named(name: str, write: Callable[..., Path]) -> None:
    line, words = WRONG_ROWS[name]
    lines = table().splitlines()
    lines[401] = line
    path = write("\n".join(lines))
    if name == "binary":
        words = "a binary file"
    with pytest.raises(UserError, match=words):
        samples_of(readers.read(path))


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (iso, "'10:00' is not a time like '2026-11-20T10:00:00.000'"),
        (STAMPS["day first"][0], "'10:00' is not a time like '20/11/2026"),
    ],
)
def test_a_wrong_stamp_is_named(time: Callable[[int], str], words: str, write: Callable[..., Path]) -> None:
    lines = table(time=time).splitlines()
    lines[401] = "10:00,0,0,1"
    with pytest.raises(ContentError, match="row 402, column time: " + words):
        samples_of(readers.read(write("\n".join(lines))))


def test_a_gzip_cut_in_the_middle_is_never_the_whole(write: Callable[..., Path]) -> None:
    data = gzip.compress(table(motion(60_000)).encode())
    for n in (len(data) // 2, len(data) - 4):
        with pytest.raises(FormatError, match="the gzip file is cut off in the middle; copy or download it again"):
            samples_of(readers.read(write(data[:n], "session.csv.gz")))
    hurt = bytearray(data)
    hurt[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(FormatError, match="the gzip file is damaged"):
        samples_of(readers.read(write(bytes(hurt), "session.csv.gz")))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("1" + "0" * 200_000, ": 1 columns"),
        ("1e999", ", column z: the value is infinite"),
        ("1_0", ", column z: '1_0' is not"),
    ],
)
def test_fields_that_are_almost_numbers_are_named(field: str, words: str, write: Callable[..., Path]) -> None:
    lines = table().splitlines()
    lines[301] = f"3.00,0,0,{field}"
    with pytest.raises(ContentError, match="row 302" + words):
        samples_of(readers.read(write("\n".join(lines))))


def test_a_missing_time_is_named(write: Callable[..., Path]) -> None:
    for time in (iso, STAMPS["time of day over midnight"][0], STAMPS["seconds"][0]):
        lines = table(time=time).splitlines()
        lines[301] = ",0,0,1"
        with pytest.raises(ContentError, match=r"row 302, column time: '' is not a time like"):
            samples_of(readers.read(write("\n".join(lines))))


def test_an_hour_forward_without_a_clock_on_the_wall_is_a_gap(write: Callable[..., Path]) -> None:
    path = write(table(time=lambda i: f"{i / 100 + 3600 * (i >= 300):.2f}"))
    assert [gap.n_missing for gap in gaps_of(readers.read(path, tz="Europe/Madrid"))] == [360_000]


def test_a_clock_error_without_a_date_is_told_in_seconds(write: Callable[..., Path]) -> None:
    path = write(table(time=lambda i: f"{i / 100 - 20 * (i >= 300) + 20:.2f}"))
    with pytest.raises(ContentError, match=r"row 302: time goes back 20\.0 s \(2\.990 s -> -17\.000 s\)"):
        samples_of(readers.read(path))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no such file; check the name and the folder"):
        readers.read(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="no such file"):
        file_sha256(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="this is a folder"):
        readers.read(tmp_path)


def test_data_beyond_the_declared_range(write: Callable[..., Path]) -> None:
    accel = motion()
    accel[450, 1] = -8.2
    path = write(table(accel))
    assert readers.read(path, range_g=16).info.range_g == 16.0
    with pytest.raises(
        ContentError, match=r"row 452: axis y reads -8\.20 g, beyond the declared range of \+-8 g; correct --range-g"
    ):
        samples_of(readers.read(path, range_g=8, calibrate=False))
    accel[450, 1] = -8.1  # offset and gain of a sensor
    assert len(samples_of(readers.read(write(table(accel)), range_g=8))) == N


WRONG_OPTIONS = [
    ({"placement": "hipp"}, "unknown placement 'hipp': did you mean 'hip'"),
    ({"unit": "gg"}, "unknown unit 'gg': did you mean 'g'"),
    ({"sampling_rate_hz": 5.0}, "sampling rate 5 Hz; expected at least 12 Hz"),
    ({"sampling_rate_hz": 50.0}, "the time column says 100 Hz and --sampling-rate-hz 50 Hz"),
    ({"columns": "time,x"}, "columns 'time,x': expected time,x,y,z or x,y,z"),
    ({"columns": "time,x,y,zz"}, "unknown column 'zz': did you mean 'z'"),
    ({"columns": "time,x,y,y"}, "the same column is named twice"),
    ({"range_g": 0.5}, "range 0.5 g; expected the full scale of the sensor"),
    ({"body_mass_kg": 5.0}, "body mass 5 kg; expected 20 to 300 kg"),
    ({"body_mass_kg": 6300.0}, "body mass 6300 kg; expected 20 to 300 kg"),
    ({"tz": "Europe/Madird"}, "unknown time zone 'Europe/Madird': did you mean 'Europe/Madrid'"),
    ({"start": "yesterday"}, "start 'yesterday': expected ISO 8601"),
]


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS)
def test_a_wrong_option_gets_its_sentence(options: dict[str, object], words: str, write: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=words):
        readers.read(write(table()), **options)  # type: ignore[arg-type]


def test_a_mass_of_0_is_one_that_nobody_took(write: Callable[..., Path]) -> None:
    info = readers.read(write(table()), body_mass_kg=0.0).info
    assert info.body_mass_kg is None
    assert "body mass 0 kg was taken as unknown: no forces" in info.origin.notes


# -- inspect --
def test_inspect_tells_the_first_story(write: Callable[..., Path]) -> None:
    text = table(
        motion() * 9.79, header="time,acc_x,acc_y,acc_z", time=lambda i: iso(i + 90 * (i >= 200) + 50 * (i >= 400))
    )
    found = readers.inspect(write(text), range_g=8)
    assert found.columns == ("time", "acc_x", "acc_y", "acc_z")
    assert (found.sampling_rate_hz, found.range_g, found.n_samples) == (100.0, 8.0, N)
    assert found.unit == "m/s2 (median norm 9.79 in quiet seconds)"
    assert [gap.n_missing / 100 for gap in found.gaps] == [0.9, 0.5]
    assert (found.n_gaps, found.n_missing, found.duration_s) == (2, 140, 7.4)
    assert found.start == datetime(2026, 11, 20, 10)
    assert "no time zone: give --tz" in found.cannot_tell
    assert any("--placement" in sentence for sentence in found.cannot_tell)


def test_inspect_counts_recorded_samples_and_filled_ones_apart(write: Callable[..., Path]) -> None:
    found = readers.inspect(write(table(time=lambda i: iso(i + 4 * (i >= 200)))), placement="hip")
    assert (found.n_samples, found.n_interpolated, found.n_missing) == (N, 4, 0)
    assert found.duration_s == (N + 4) / 100


def test_inspect_says_what_a_bare_table_cannot_tell(write: Callable[..., Path]) -> None:
    found = readers.inspect(write(table(header="x,y,z", time=None)), sampling_rate_hz=100, placement="wrist")
    said = " ".join(found.cannot_tell)
    for words in ("no date or time of day", "--range-g", "lost samples cannot be seen", "not graded"):
        assert words in said
    offset = readers.inspect(write(table(time=lambda i: iso(i) + "+01:00")), placement="hip", range_g=8)
    assert offset.cannot_tell == ("an offset but no time zone: give --tz to count local days across a clock change",)


def test_a_sensor_that_idles_first_and_records_later_is_read(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadsense.readers.opening.BLOCK_BYTES", 2000)
    path = write(table(np.vstack([motion()[:1].repeat(300, axis=0), motion()])))
    assert len(samples_of(readers.read(path))) == 300 + N


def xsens(n: int = N, first_us: int = 2**32 - 2_000_000) -> str:
    """An Xsens DOT export with raw acceleration whose counter of microseconds begins again after two seconds."""
    head = "sep=,\nDeviceTag:,zdt\nFirmwareVersion:,2.0.0\nOutputRate:,60Hz\n"
    head += (
        "StartTime: ,2021-08-20_20:21:13_829 GMT+8\n © Xsens\n\nPacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Status\n"
    )
    rows = (
        f"{i + 1},{(first_us + i * 16_667) % 2**32},{x * 9.80665:.6f},{y * 9.80665:.6f},{z * 9.80665:.6f},0"
        for i, (x, y, z) in enumerate(motion(n))
    )
    return head + "\n".join(rows)


def test_xsens_with_raw_acceleration_is_read_over_the_turn_of_its_counter(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadsense.readers.opening.BLOCK_BYTES", 3000)
    recording = readers.read(write(xsens()))
    info = recording.info
    assert (info.sampling_rate_hz, info.origin.format, info.origin.serial) == (60.0, "Xsens DOT csv", "zdt")
    assert info.start is not None
    assert info.start.isoformat() == "2021-08-20T20:21:13.829000+08:00"
    np.testing.assert_allclose(samples_of(recording), motion(), atol=1e-6)
    assert not gaps_of(recording)


def test_a_header_line_that_cannot_be_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(
        FormatError, match=r"a line above the table cannot be read .*delete the lines above the column names"
    ):
        readers.read(write(xsens().replace("GMT+8", "GMT+99")))


def test_an_empatica_file_is_known_by_its_first_two_rows(write: Callable[..., Path]) -> None:
    rows = "\n".join(",".join(f"{value:.0f}" for value in row) for row in motion() * 64)
    info = readers.read(write("1560279825.0, 1560279825.0, 1560279825.0\n32.0, 32.0, 32.0\n" + rows)).info
    assert (info.sampling_rate_hz, info.range_g, info.origin.unit_in) == (32.0, 2.0, "counts")
    assert info.start == datetime(2019, 6, 11, 19, 3, 45, tzinfo=UTC)


def actigraph(date: str = "21/11/2026", order: str = "dd/MM/yyyy", rate: str = "100", epoch: str = "00:00:00") -> str:
    return (
        f"------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.4 Firmware v1.7.2 date format {order} "
        f"at {rate} Hz  Filter Normal -----------\nSerial Number: TAS1\nStart Time 15:43:00\nStart Date {date}\n"
        f"Epoch Period (hh:mm:ss) {epoch}\nDownload Time 15:59:38\nDownload Date {date}\nCurrent Memory Address: 0\n"
        "Current Battery Voltage: 4.13     Mode = 12\n--------------------------------------------------\n"
        + table(header="Accelerometer X,Accelerometer Y,Accelerometer Z", time=None)
    )


@pytest.mark.parametrize(
    ("date", "order"),
    [
        ("21/11/2026", "dd/MM/yyyy"),
        ("11/21/2026", "M/d/yyyy"),
        ("2026-11-21", "yyyy-MM-dd"),
        ("21.11.2026", "dd.MM.yyyy"),
    ],
)
def test_an_actigraph_start_follows_the_headers_own_date_order(
    date: str, order: str, write: Callable[..., Path]
) -> None:
    info = readers.read(write(actigraph(date, order))).info
    assert info.start == datetime(2026, 11, 21, 15, 43)
    assert (info.nominal_rate_hz, info.measured_rate_hz, info.loss_observable) == (100.0, None, False)
    cut = readers.read(write(actigraph(date, order)), start=2.0).info
    assert cut.start == datetime(2026, 11, 21, 15, 43, 2)


def test_an_actigraph_header_that_cannot_be_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(FormatError, match="start date 11/21/2026 does not fit the header's own date format dd/MM/yyyy"):
        readers.read(write(actigraph("11/21/2026", "dd/MM/yyyy")))
    with pytest.raises(ContentError, match="sampling rate 10 Hz; expected at least 12 Hz"):
        readers.read(write(actigraph(rate="10")))
    with pytest.raises(FormatError, match="ActiGraph 60 s epoch counts, not raw acceleration: export raw data"):
        readers.read(write(actigraph(epoch="00:01:00")))


# -- nothing but our own sentences, whatever the bytes --


@given(position=st.integers(0, 20_000), junk=st.binary(max_size=30), drop=st.integers(0, 300))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused_and_never_crashes(
    position: int, junk: bytes, drop: int, tmp_path: Path
) -> None:
    for text in (table(time=iso), table(header=None), actigraph(), xsens(200)):
        data = text.encode()
        at = position % len(data)
        path = tmp_path / "damaged.csv"
        path.write_bytes(data[:at] + junk + data[at + drop :])
        with contextlib.suppress(UserError):
            samples_of(readers.read(path))


@given(text=st.text(alphabet="0123456789.,;:-+eE \n\tTZxyz\"'naif", max_size=400))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_is_refused_and_never_crashes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "nonsense.csv"
    path.write_text(text)
    with contextlib.suppress(UserError):
        samples_of(readers.read(path, unit="g", sampling_rate_hz=50.0))
