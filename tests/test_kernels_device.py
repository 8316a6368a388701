"""Compiled unpacking of device files, the same loops as plain Python, and the decoders without them: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from device_encoders import samples_of_all_layouts, walk_counts
from hypothesis import given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense import kernels
from loadsense.kernels import device as plain
from loadsense.readers.loadsense_format import write_recording
from loadsense.readers.sample_grids import Grid
from loadsense.readers.scale import calibrate
from loadsense.samples import Calibration, Gap
from loadsense.wire import cwa, gt3x

LAYOUTS = {
    name: data
    for name, data in samples_of_all_layouts(3000).items()
    if name.endswith((".cwa", ".gt3x")) or "cwa" in name or "gt3x" in name
}


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    """Without loops unless a test asks for them."""
    monkeypatch.setattr(kernels._choice, "kernels", None)
    monkeypatch.setattr(kernels._choice, "is_settled", True)


def use(loops, patch):
    patch.setattr(kernels._choice, "kernels", loops)


def said(path):
    """Samples as bytes, gaps and quality of a file, or the words with which it is refused."""
    try:
        recording = ls.read(path, placement="hip")
        items = [
            item if isinstance(item, Gap) else (item.first_sample, item.accel_g.tobytes())
            for item in recording.blocks()
        ]
    except ls.LoadSenseError as error:
        return str(error)
    return items, recording.clock_quality


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_reads_the_same_with_and_without(loops, monkeypatch, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(LAYOUTS[name])
    expected = said(path)
    assert not isinstance(expected, str)
    use(loops, monkeypatch)
    assert said(path) == expected


def decoded(decoder, data, n_bytes):
    """All items of a decoder fed some bytes at a time."""
    items = []
    for first in range(0, len(data), n_bytes):
        items += decoder.push(data[first : first + n_bytes])
    items += decoder.flush()
    told = [item if isinstance(item, Gap) else (item.first_sample, item.accel_g.tobytes()) for item in items]
    return told, decoder.quality()


def damaged(data, places):
    octets = bytearray(data)
    for place, value in places:
        octets[int(place * (len(octets) - 1))] = value
    return bytes(octets)


DAMAGE = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 255)), max_size=6)
GT3X_FACTS = gt3x.Gt3xFacts(format="gt3x", sampling_rate_hz=30.0, counts_per_g=256.0)


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from([0, 26]), damage=DAMAGE, n_bytes=st.integers(97, 5000), per_g=st.sampled_from([256.0, 341.0])
)
def test_damaged_logs_give_the_same_samples_and_gaps(loops, kind, damage, n_bytes, per_g):
    from dataclasses import replace

    from device_encoders import gt3x_log

    log = damaged(gt3x_log(walk_counts(900, per_g=256), kind=kind, asleep=range(8, 12)), damage)
    facts = replace(GT3X_FACTS, counts_per_g=per_g)

    def outcome():
        try:
            return decoded(gt3x.LogDecoder(facts), log, n_bytes)
        except ls.LoadSenseError as error:
            return str(error)

    expected = outcome()
    with pytest.MonkeyPatch.context() as patch:
        use(loops, patch)
        assert outcome() == expected


@settings(deadline=None, max_examples=30)
@given(damage=DAMAGE, n_bytes=st.integers(97, 5000), layout=st.sampled_from(["packed", "ax6"]))
def test_damaged_sectors_give_the_same_samples_and_gaps(loops, damage, n_bytes, layout):
    from device_encoders import ax6_file, cwa_file

    counts = walk_counts(900, per_g=256)
    whole = cwa_file(counts) if layout == "packed" else ax6_file(counts)
    facts = cwa.read_cwa_facts(whole, "walk.cwa")
    data = whole[:1024] + damaged(whole[1024:], damage)

    def outcome():
        try:
            return decoded(cwa.CwaDecoder(facts), data, n_bytes)
        except ls.LoadSenseError as error:
            return str(error)

    expected = outcome()
    with pytest.MonkeyPatch.context() as patch:
        use(loops, patch)
        assert outcome() == expected


def test_plain_loops_are_the_compiled_ones(loops):
    rng = np.random.default_rng(1)
    log = np.frombuffer(rng.integers(0, 256, 40, dtype=np.uint8).tobytes() * 20, np.uint8).copy()
    log[::40], log[6::40], log[7::40] = 0x1E, 31, 0
    rows = plain.chain(log, 0, 16384)
    assert len(rows) == 20
    assert (loops.chain(log, 0, 16384) == rows).all()
    assert loops.chain(log[:-1], 0, 16384).tolist() == rows[:-1].tolist()
    assert len(loops.chain(log, 0, 30)) == len(plain.chain(log, 0, 30)) == 0
    log[39::40] = 0
    log[39::40] = np.bitwise_xor.reduce(log.reshape(20, 40), axis=1) ^ 0xFF
    log[39] ^= 1
    for kind in (0, 26):
        found, expected = (which.activity(log, rows[:, 0], (kind, 31), (341.0, 0.0)) for which in (loops, plain))
        assert found[0].tobytes() == expected[0].tobytes()
        assert found[1].tolist() == expected[1].tolist() == [False] + [True] * 19
        assert len(found[0]) == 19 * (31 * 2 // 9 if kind == 0 else 31 // 6)
    sectors = rng.integers(0, 256, (3, 512), dtype=np.uint8)
    assert (loops.sector_sums(sectors) == plain.sector_sums(sectors)).all()
    for n_each, columns in ((120, (0, 0)), (80, (3, 0)), (40, (6, 3)), (26, (9, 3))):
        found, expected = (which.sector_samples(sectors, n_each, columns, 2.0**-11) for which in (loops, plain))
        assert found.tobytes() == expected.tobytes()


@given(
    counts=st.lists(st.tuples(*[st.integers(-32768, 32767)] * 3), max_size=50),
    divisor=st.sampled_from([256.0, 341.0, 1000.0, 4096.0, 1.0]),
    factor=st.sampled_from([1.0, 1.0 / 9.80665, 0.001]),
    recorded=st.booleans(),
)
def test_stored_counts_are_restored_alike(loops, counts, divisor, factor, recorded):
    stored = np.array(counts, np.int16).reshape(-1, 3)
    grid = Grid(kind="int16", divisor=divisor, factor=factor, recorded=recorded)
    calibration = Calibration(gain=(1.01, 0.99, 1.0), offset_g=(0.01, 0.0, -0.02), method="still seconds")
    columns = [np.ascontiguousarray(stored[:, axis]) for axis in range(3)]
    expected = grid.restored(stored, calibration)
    assert grid.of_columns(columns, calibration).tobytes() == expected.tobytes()
    with pytest.MonkeyPatch.context() as patch:
        use(loops, patch)
        assert grid.of_columns(columns, calibration).tobytes() == expected.tobytes()
    in_g = 1.0 / divisor if divisor in (256.0, 4096.0, 1.0) else 0.0
    by_hand = plain.of_counts(*columns, (divisor, in_g, factor))
    assert by_hand.tobytes() == grid.restored(stored, Calibration()).tobytes() or recorded


def test_own_recordings_read_the_same_with_and_without(loops, monkeypatch, tmp_path):
    accel_g = walk_counts(250_000, per_g=256) / 256.0
    path = tmp_path / "walk.loadsense.parquet"
    write_recording(ls.Recording.from_arrays(accel_g, sampling_rate_hz=100.0, range_g=8.0), path)
    expected = said(path)
    assert sum(len(item[1]) for item in expected[0]) == accel_g.nbytes
    use(loops, monkeypatch)
    assert said(path) == expected


def test_reading_own_recordings_needs_no_pandas(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "walk.loadsense.parquet"
    write_recording(ls.Recording.from_arrays(walk_counts(3000, per_g=256) / 256.0, sampling_rate_hz=100.0), path)
    code = "import sys, loadsense; [*loadsense.read(sys.argv[1]).blocks()]; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


@given(
    gain=st.tuples(*[st.sampled_from([1.0, 1.01, 0.97])] * 3), offset_g=st.tuples(*[st.sampled_from([0.0, 0.02])] * 3)
)
def test_a_calibration_in_place_is_that_of_its_definition(gain, offset_g):
    accel_g = np.vstack([walk_counts(300, per_g=256) / 256.0, [[-0.0, 0.0, -1e-300]]])
    expected = (accel_g + np.array(offset_g)) * np.array(gain)
    calibrate(accel_g, Calibration(gain=gain, offset_g=offset_g, method="still seconds"))
    assert accel_g.tobytes() == expected.tobytes()
