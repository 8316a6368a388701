"""The compiled loops of text, the same loops as plain Python, and float(text) and datetime: the same bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense import kernels
from loadsense.kernels import clock as plain_clock
from loadsense.kernels import text as plain
from loadsense.readers import opening
from loadsense.timebase import Timebase, plan_clock

EPOCH = datetime(1970, 1, 1)


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    """Without loops unless a test asks for them."""
    monkeypatch.setattr(kernels._choice, "kernels", None)
    monkeypatch.setattr(kernels._choice, "is_settled", True)


def use(loops, patch):
    patch.setattr(kernels._choice, "kernels", loops)


def fixed(places):
    return st.floats(-16.0, 16.0).map(f"{{:.{places}f}}".format)


#: What sensors and spreadsheets write.
TAME = st.one_of(
    *map(fixed, range(8)),
    fixed(3).map(lambda text: text.rstrip("0").rstrip(".") or "0"),
    st.integers(-(10**14), 10**14).map(str),
    st.integers(-(10**6), 10**6).map(lambda n: f"{n * 1e-9:.5g}"),
    st.builds("{}e{}{}".format, fixed(3), st.sampled_from(["", "-", "+"]), st.integers(0, 18)),
    st.sampled_from(["0", "-0", "-0.0", "007", "1e-5", "9E-06", "2E+3", "0.000000", "9007199254740992"]),
)
ODD = st.one_of(
    st.floats(-4.0, 4.0).map(repr),
    st.integers(-(10**19), 10**19).map(str),
    st.sampled_from(["+1", " 1", "1.", ".5", "-", "", '"1"', "inf", "nan", "1.2.3", "2 ", "1e", "1e-", "1e400", "1e-30",
                     "--1", "1-", "0x1", "1_0", "\u00b5", "1,5", "9007199254740993", "0.1\t"]),
)  # fmt: skip


def parsed(parse, text, columns, separator=","):
    """Values and times of a table of numbers; None where something is unusual."""
    data = np.frombuffer(text, dtype=np.uint8)
    ending = "\r" if b"\r\n" in text else "\n"
    signs = ord(separator), ord("," if separator == ";" else "."), ord(ending)
    values, times, _ = parse(data, plain.words_of(data), signs, np.array(columns))
    return None if not len(values) else np.column_stack([values, times]) if len(times) else values


def both(loops, text, columns, **more):
    """What the compiled loop says, after the plain one was heard to say the same."""
    one, other = parsed(loops.table, text, columns, **more), parsed(plain.table, text, columns, **more)
    assert (one is None) == (other is None)
    assert one is None or one.tobytes() == other.tobytes()
    return one


@settings(deadline=None)
@given(rows=st.lists(st.tuples(TAME, TAME, TAME, TAME), min_size=1), end=st.sampled_from(["\n", "\r\n"]))
def test_plain_numbers_are_those_of_float(loops, rows, end):
    text = "".join(",".join(row) + end for row in rows).encode()
    found = both(loops, text, [0, 1, 2, plain.TIME])
    assert found is not None
    assert found.tobytes() == np.array([[float(cell) for cell in row] for row in rows]).tobytes()
    passing = both(loops, text, [1, plain.PASSED_OVER, 0, 2])
    assert (passing == found[:, [2, 0, 3]]).all()


@settings(deadline=None)
@given(rows=st.lists(st.tuples(TAME, TAME, TAME), min_size=1))
def test_a_decimal_comma_changes_nothing(loops, rows):
    text = "".join(";".join(row).replace(".", ",") + "\n" for row in rows).encode()
    found = both(loops, text, [0, 1, 2], separator=";")
    assert found.tobytes() == np.array([[float(cell) for cell in row] for row in rows]).tobytes()


@settings(deadline=None)
@given(rows=st.lists(st.lists(st.one_of(TAME, ODD), min_size=2, max_size=4), min_size=1, max_size=6))
def test_whatever_is_not_refused_as_unusual_is_what_float_says(loops, rows):
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    found = both(loops, text, [0, 1, 2])
    if found is not None:
        cells = [line.split(",") for line in text.decode().splitlines()]
        assert found.tobytes() == np.array([[float(cell) for cell in row] for row in cells]).tobytes()


@pytest.mark.parametrize(
    "cell", ["+1", " 1", "1 ", "1.", ".5", "-", "", '"1"', "nan", "1.2.3", "1e", "1e400", "9007199254740993", "1\u00b5"]
)
@pytest.mark.parametrize("n_behind", [0, 40])
def test_what_is_unusual_is_left_to_the_other_parser(loops, cell, n_behind):
    text = (f"1,2,3\n4,{cell},6\n" + "0.001,-0.002,1.003\n" * n_behind).encode()
    assert both(loops, text, [0, 1, 2]) is None


@pytest.mark.parametrize("text", [b"1,2\n", b"1,2,3,4\n", b"\n", b"1;2;3\n", b'1,2,"3,4"\n', b"1,2,3\r4,5,6\n"])
def test_another_number_of_columns_is_unusual(loops, text):
    assert both(loops, text * 20, [0, 1, 2]) is None


# -- times

STAMPS = st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31))


def moments(loops, texts, *, has_offset=False, base_ns=0):
    """Seconds of a column of stamps by both loops; None where one is unusual."""
    table = "".join(f"{text},1,2,3\n" for text in texts).encode()
    data = np.frombuffer(table, dtype=np.uint8)
    words, wanted = plain.words_of(data), np.array([plain.STAMP, 0, 1, 2])
    found = []
    for table_of, moments_of in ((loops.table, loops.moments), (plain.table, plain.moments)):
        values, _, stamps = table_of(data, words, (ord(","), ord("."), ord("\n")), wanted)
        found.append(moments_of(data, words, stamps, has_offset, base_ns) if len(values) else np.empty(0))
    assert found[0].tobytes() == found[1].tobytes()
    return found[0] if len(found[0]) else None


def ns_of(moment):
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


@settings(deadline=None)
@given(start=STAMPS, step_us=st.integers(0, 2_000_000), n=st.integers(1, 60), between=st.sampled_from("T "))
def test_stamps_are_those_of_datetime(loops, start, step_us, n, between):
    times = [start + timedelta(microseconds=step_us * i) for i in range(n)]
    found = moments(loops, [t.isoformat(between, "microseconds") for t in times], base_ns=ns_of(start))
    expected = [np.int64(ns_of(t) - ns_of(start)) * 1e-9 for t in times]
    assert found.tolist() == expected
    shorter = [t.replace(microsecond=t.microsecond // 1000 * 1000) for t in times]
    found = moments(loops, [t.isoformat(between, "milliseconds") for t in shorter], base_ns=ns_of(start))
    assert found.tolist() == [np.int64(ns_of(t) - ns_of(start)) * 1e-9 for t in shorter]


@settings(deadline=None)
@given(start=STAMPS, zones=st.lists(st.sampled_from(["Z", "+01:00", "-05:30", "+14:00"]), min_size=1, max_size=20))
def test_offsets_are_taken_into_account(loops, start, zones):
    texts = [f"{start.isoformat(timespec='microseconds')}{zone}" for zone in zones]
    expected = [
        (datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)
        for text in texts
    ]
    found = moments(loops, texts, has_offset=True)
    assert found.tolist() == [np.int64(1000 * us) * 1e-9 for us in expected]


@pytest.mark.parametrize("digits", range(10))
def test_fractions_of_all_lengths_down_to_a_nanosecond(loops, digits):
    fractions = ["." + str(i * 7919 % 10**digits).zfill(digits) if digits else "" for i in range(50)]
    found = moments(loops, [f"2026-11-20T10:00:00{fraction}" for fraction in fractions])
    base_ns = ns_of(datetime(2026, 11, 20, 10))
    assert found.tolist() == [np.int64(base_ns + int((f[1:] or "0").ljust(9, "0"))) * 1e-9 for f in fractions]


ODD_STAMPS = [
    "2026-11-31T10:00:00.0", "2026-13-01T10:00:00.0", "2026-02-29T10:00:00.0", "2026-00-10T10:00:00.0",
    "2026-11-20T24:00:00.0", "2026-11-20T10:60:00.0", "2026-11-20T10:00:60.0", "2026-11-20T10:00:00,5",
    "2026-11-20T10:00:00.", "2026-11-20T10:00:00.1234567890", "2026-11-20T10:00", "2026-11-20", "20261120T100000",
    "2026-11-20T10:00:00.0Z", "2026-11-20T10:00:00.0+01:00", "2026-11-20T10:00:0a.0", "2026-11-20T10:00:00.0x",
    "2026/11/20T10:00:00.0", "202a-11-20T10:00:00.0", "1899-11-20T10:00:00.0", "2026-11-20_10:00:00.0", "", "1",
    "-2026-11-20T10:00:00", " 2026-11-20T10:00:00.0", "2026-11-20T10:00:00.0 ", "2026-11-20T10:00:00.\u00b5",
]  # fmt: skip


@pytest.mark.parametrize("stamp", ODD_STAMPS)
@pytest.mark.parametrize("n_around", [0, 3, 40])
def test_any_other_stamp_is_left_to_the_other_parser(loops, stamp, n_around):
    usual = ["2026-11-20T10:00:00.0"] * n_around
    assert moments(loops, [*usual, stamp, *usual]) is None


@pytest.mark.parametrize(
    "stamp", ["2026-11-20T10:00:00.0", "2026-11-20T10:00:00.0+1:00", "2026-11-20T10:00:00.0+25:00"]
)
def test_a_missing_offset_is_left_to_the_other_parser(loops, stamp):
    assert moments(loops, ["2026-11-20T10:00:00.0Z", stamp, "2026-11-20T10:00:00.1Z"], has_offset=True) is None


# -- whole files


def walk(n, seed):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 3)) * 0.05 + np.array([0.0, 0.02, 1.0])).tolist()


def table_text(form, time, seed, n=600):
    """A table and what is in it: times from the first and values, row by row."""
    start = datetime(2026, 11, 20, 10)
    lines, values = [], []
    for i, row in enumerate(walk(n, seed)):
        cells = [form.format(v) for v in row]
        moment = start + timedelta(milliseconds=10 * i)
        stamp = {
            "": [],
            "number": [f"{i / 100:.2f}"],
            "iso": [moment.isoformat(timespec="microseconds")],
            "utc": [moment.isoformat(" ", "milliseconds") + "Z"],
        }[time]
        lines.append(",".join([*stamp, *cells]))
        values.append([float(cell) for cell in cells])
    return (("time," if time else "") + "x,y,z"), lines, np.array(values)


def samples(path, **options):
    blocks = list(ls.read(path, placement="hip", calibrate=False, unit="g", **options).blocks())
    assert all(isinstance(block, ls.SampleBlock) for block in blocks)
    return np.concatenate([block.accel_g for block in blocks])


@settings(deadline=None, max_examples=25)
@given(
    form=st.sampled_from(["{:.3f}", "{:.6f}", "{:.4g}", "{:.2e}", "{!r}"]),
    time=st.sampled_from(["", "number", "iso", "utc"]),
    end=st.sampled_from(["\n", "\r\n"]),
    has_last_end=st.booleans(),
    block_bytes=st.integers(60, 3000),
    seed=st.integers(0, 2**16),
)
@example(form="{:.3f}", time="", end="\n", has_last_end=False, block_bytes=61, seed=0)
def test_a_file_is_what_float_says_wherever_it_is_cut(
    loops, tmp_path_factory, form, time, end, has_last_end, block_bytes, seed
):
    names, lines, values = table_text(form, time, seed)
    path = tmp_path_factory.mktemp("cut") / "walk.csv"
    path.write_bytes((names + end + end.join(lines) + (end if has_last_end else "")).encode())
    options = {} if time else {"sampling_rate_hz": 100.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "BLOCK_BYTES", block_bytes)
        assert samples(path, **options).tobytes() == values.tobytes()
        use(loops, patch)
        assert samples(path, **options).tobytes() == values.tobytes()


FAULTS = {
    "text": lambda cells: [*cells[:-1], "hip"],
    "no value": lambda cells: [*cells[:-1], ""],
    "NaN": lambda cells: [*cells[:-1], "nan"],
    "too many": lambda cells: [*cells, "1.0"],
    "too few": lambda cells: cells[:-1],
    "no such day": lambda cells: [cells[0].replace("11-20", "11-31"), *cells[1:]],
    "no time": lambda cells: ["later", *cells[1:]],
    "back": lambda cells: [cells[0].replace("T10", "T07"), *cells[1:]],
    "other letters": lambda cells: [*cells[:-1], "1.0\u00b5"],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("row", [1, 250, 599])
def test_a_wrong_row_is_refused_in_the_same_words(loops, tmp_path, monkeypatch, fault, row):
    names, lines, _ = table_text("{:.6f}", "iso", 7)
    lines[row] = ",".join(FAULTS[fault](lines[row].split(",")))
    path = tmp_path / "wrong.csv"
    path.write_text(names + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(opening, "BLOCK_BYTES", 5000)
    with pytest.raises(ls.UserError) as expected:
        samples(path)
    use(loops, monkeypatch)
    with pytest.raises(ls.UserError) as found:
        samples(path)
    assert str(found.value) == str(expected.value)
    assert f"row {row + 2}" in str(found.value)


def test_a_year_that_nobody_lives_in_is_refused_in_the_same_words(loops, tmp_path, monkeypatch):
    names, lines, _ = table_text("{:.3f}", "utc", 9)
    path = tmp_path / "far.csv"
    path.write_text(names + "\n" + "\n".join(line.replace("2026-", "9026-") for line in lines) + "\n")
    with pytest.raises(ls.UserError) as expected:
        samples(path)
    use(loops, monkeypatch)
    with pytest.raises(ls.UserError) as found:
        samples(path)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("left_out", ["time,x,y,z", "", ",,,"])
def test_what_is_left_out_is_left_out_alike(loops, tmp_path, monkeypatch, left_out):
    names, lines, values = table_text("{:.3f}", "iso", 8)
    lines[300:300] = [left_out]
    path = tmp_path / "twice.csv"
    path.write_text(names + "\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(opening, "BLOCK_BYTES", 5000)
    assert samples(path).tobytes() == values.tobytes()
    use(loops, monkeypatch)
    assert samples(path).tobytes() == values.tobytes()


def test_a_line_longer_than_a_block_is_read_whole(monkeypatch, tmp_path):
    path = tmp_path / "long.csv"
    path.write_bytes(b"x" * 5000 + b"\n1,2\n3,4")
    monkeypatch.setattr(opening, "BLOCK_BYTES", 64)
    blocks = [bytes(block) for block in opening.ByteSource(path).blocks()]
    assert b"".join(blocks) == path.read_bytes()
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize("n_bytes", range(1, 60))
def test_blocks_are_the_file_less_its_mark(monkeypatch, tmp_path, n_bytes):
    path = tmp_path / "marked.csv"
    path.write_bytes(b"\xef\xbb\xbfx,y,z\n1,2,3\n4,5,6")
    monkeypatch.setattr(opening, "BLOCK_BYTES", n_bytes)
    source = opening.ByteSource(path)
    assert b"".join(bytes(block) for block in source.blocks()) == b"x,y,z\n1,2,3\n4,5,6"
    assert source.sha256 == opening.file_sha256(path)


def test_powers_and_digits_reach_as_far_as_doubles_are_exact():
    assert plain._MOST_VALUE == 2**53
    assert plain._POWERS.tolist() == [float(10**n) for n in range(23)]
    assert all(int(power) == 10**n for n, power in enumerate(plain._POWERS))


# -- steady clocks


def heard(times, values, n_each):
    """What a `Timebase` makes of rows, some at a time."""
    timebase = Timebase(plan_clock(times, values=values), hop_rows=64)
    items = []
    for first in range(0, len(times), n_each):
        items += timebase.push(times[first : first + n_each], values[first : first + n_each], first_row=first + 1)
    items += timebase.flush()
    told = [i if isinstance(i, ls.Gap) else (i.first_sample, i.accel_g.tobytes()) for i in items]
    return told, timebase.quality()


EVENTS = st.tuples(st.integers(100, 900), st.sampled_from(["hole", "gap", "back", "repeat", "late", "jitter", "still"]))


@settings(deadline=None, max_examples=80)
@given(events=st.lists(EVENTS, max_size=4), n_each=st.integers(1, 300), seed=st.integers(0, 2**16))
def test_a_clock_is_read_the_same_whether_or_not_its_hops_are_uneventful(loops, events, n_each, seed):
    rng = np.random.default_rng(seed)
    steps = np.full(1000, 0.01)
    values = rng.normal(size=(1000, 3))
    for at, what in events:
        move = {"hole": 0.03, "gap": 0.7, "back": -0.5, "repeat": -0.01, "late": 0.004, "jitter": 0.0, "still": -0.01}
        steps[at] += move[what]
        if what == "repeat":
            values[at] = values[at - 1]
        if what == "late":
            steps[at + 1] -= 0.004
        if what == "jitter":
            steps[at : at + 50] += np.diff(rng.uniform(-0.002, 0.002, 51))[: len(steps[at : at + 50])]
    times = np.round(np.cumsum(steps), 6)
    expected = heard(times, values, n_each)
    with pytest.MonkeyPatch.context() as patch:
        use(loops, patch)
        assert heard(times, values, n_each) == expected


def test_most_hops_of_a_steady_clock_are_uneventful(loops):
    times, jitter = np.arange(1, 101) * 0.01, np.zeros(4001, dtype=np.int64)
    found = loops.uneventful(times, 0.0, 0.01, 0.1, jitter)
    assert found.tolist() == np.diff(times, prepend=0.0).tolist()
    plain_jitter = np.zeros(4001, dtype=np.int64)
    assert plain_clock.uneventful(times, 0.0, 0.01, 0.1, plain_jitter).tolist() == found.tolist()
    assert jitter.tolist() == plain_jitter.tolist()
    assert jitter.sum() == 100
    for odd in (0.0, -0.3, 0.5):
        times[50:] += odd - 0.01
        for which in (loops, plain_clock):
            assert len(which.uneventful(times, 0.0, 0.01, 0.1, jitter)) == 0
        times[50:] -= odd - 0.01
    assert jitter.sum() == 100
