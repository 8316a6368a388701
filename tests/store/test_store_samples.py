"""Traces: every peak at its height, from the outline or from the row groups, with gaps where they are."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import FormatError, OptionError, WorldError
from loadsense.samples import Gap, Recording, SampleBlock, StreamInfo
from loadsense.store import samples
from loadsense.store.importing import SensorFile, import_session
from loadsense.store.samples import BUCKET_SAMPLES, _Stretches, _trace, write_samples
from loadsense.store.tables import RecordingRow, SessionRecording

N = 260_000


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """A recording over three row groups, with gaps: one inside a group, one over a border of buckets."""
    rng = np.random.default_rng(5)
    accel_g = np.round(rng.normal(0.0, 1.0, (N, 3)) * 1000) / 1000
    gaps = {40_000: 700, 150_000: 3, 200_100: 0}
    cuts = [0, *gaps, N]
    items, here = [], 0
    for first, end in pairwise(cuts):
        if first in gaps:
            items.append(Gap(here, gaps[first]))
            here += gaps[first]
        items.append(SampleBlock(here, accel_g[first:end]))
        here += end - first
    path = tmp_path_factory.mktemp("long") / f"{'ab' * 32}.loadsense.parquet"
    write_samples(Recording(StreamInfo(sampling_rate_hz=100.0), lambda: iter(items)), path)
    size_g = np.full(here, np.nan, dtype=np.float32)
    for item in items:
        if isinstance(item, SampleBlock):
            size_g[item.first_sample : item.first_sample + len(item)] = np.sqrt((item.accel_g**2).sum(axis=1))
    return path, size_g


@given(first=st.integers(0, N), length=st.integers(1, N), n_points=st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
def test_a_trace_holds_the_extremes_of_its_samples_and_no_others(long_file, first, length, n_points):
    path, size_g = long_file
    end = min(first + length, len(size_g))
    found = _trace(_Stretches(path), first / 100.0, end / 100.0, n_points)
    width = found.bucket_samples
    start = round(found.start_s * 100.0)
    assert start <= first
    assert start % width == 0
    assert len(found.low_g) <= n_points + 1
    assert start + len(found.low_g) * width >= end
    for k in {0, len(found.low_g) // 2, len(found.low_g) - 1}:
        bucket = size_g[start + k * width : start + (k + 1) * width]
        if width < BUCKET_SAMPLES:
            bucket = bucket[: max(0, end - (start + k * width))]
        else:  # the outline ends with its last bucket
            bucket = bucket[: -(-end // BUCKET_SAMPLES) * BUCKET_SAMPLES - (start + k * width)]
        known = bucket[np.isfinite(bucket)]
        if len(known):
            assert found.low_g[k] == pytest.approx(known.min(), rel=1e-6)
            assert found.high_g[k] == pytest.approx(known.max(), rel=1e-6)
        else:
            assert np.isnan(found.low_g[k])
            assert np.isnan(found.high_g[k])


def test_samples_come_back_exactly_between_any_two(long_file):
    path, size_g = long_file
    for first, end in ((0, 10), (39_990, 40_800), (99_990, 100_710), (0, len(size_g))):
        back = np.full(end - first, np.nan, dtype=np.float32)
        for block in samples.samples_between(path, first, end):
            at = block.first_sample - first
            back[at : at + len(block)] = np.sqrt((block.accel_g**2).sum(axis=1))
        assert np.array_equal(back, size_g[first:end], equal_nan=True)


@pytest.fixture
def brought(store, hip_file, wrist_file):
    files = [SensorFile(path=hip_file, placement="hip"), SensorFile(path=wrist_file, placement="wrist")]
    session_id = import_session(store, "p017", files).session_id
    with store.reading() as db:
        shas = {row.sensor: row.sha256 for row in db.query(SessionRecording)}
    return store, session_id, shas


def test_every_sensor_of_a_session_is_drawn_on_one_time_axis(brought):
    store, session_id, shas = brought
    drawn = samples.session_traces(store, session_id, t0_s=5.0, t1_s=6.0)
    assert set(drawn) == {"hip", "wrist"}
    assert {sensor: (trace.start_s, trace.bucket_samples) for sensor, trace in drawn.items()} == {
        "hip": (5.0, 1),
        "wrist": (5.0, 1),
    }
    end_s = samples.trace(store, shas["hip"]).step_s * 2000
    assert set(samples.session_traces(store, session_id, t0_s=end_s)) <= {"wrist"}


def test_a_lost_outline_is_made_again(brought):
    store, _, shas = brought
    path = samples.recording_path(store, shas["hip"])
    before = samples.envelope_path(path).read_bytes()
    samples.envelope_path(path).unlink()
    assert samples.trace(store, shas["hip"], n_points=1).high_g.max() > 1.0
    assert samples.envelope_path(path).read_bytes() == before
    samples.envelope_path(path).unlink()
    assert samples.rebuild_envelopes(store) == 1


def test_what_cannot_be_drawn_is_told(brought):
    store, _, shas = brought
    sha = shas["hip"]
    for facts, words in (
        ({"t0_s": 1e6}, "nothing lies between 1e.06 s and the end; the recording has"),
        ({"t0_s": 5.0, "t1_s": 4.0}, "nothing lies between 5 s and 4 s"),
        ({"n_points": 0}, "0 points; expected 1 to 20000"),
    ):
        with pytest.raises(OptionError, match=words):
            samples.trace(store, sha, **facts)
    with pytest.raises(OptionError, match="there is no recording"):
        samples.trace(store, "0" * 64)
    path = samples.recording_path(store, sha)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="damaged or cut off"):
        samples.trace(store, sha, t1_s=20.0, n_points=5000)
    path.unlink()
    with pytest.raises(WorldError, match=r"are missing at .*: restore them from a backup"):
        samples.trace(store, sha)
    with store.reading() as db:
        assert db.get(RecordingRow, sha) is not None
