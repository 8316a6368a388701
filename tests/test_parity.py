"""One engine: whole, in small blocks, at random cuts, by the reader's own blocks: the same events and the same result.

Everything is compared with ==, so that a difference in the last bit fails.
"""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense import kernels, session
from loadsense.beside import beside, can_work_beside
from loadsense.errors import ContentError
from loadsense.events import Landing, Status
from loadsense.placement import Placement
from loadsense.samples import ClockQuality, Gap, Recording, SampleBlock, StreamInfo

ROOT = Path(__file__).parents[1]
SAMPLES = sorted((ROOT / "sample_recordings").glob("*.csv.gz"))
SHARED = ROOT.parent / "shared" / "data"
PLACEMENT = {"wrist": "wrist", "hirit-wrist": "wrist"}


def placement_of(path: Path) -> str:
    return "wrist" if "wrist" in path.name else "hip"


def run(recording: Recording, n: int | None = None):
    """Events as they came, and the result, of one pass in blocks of n."""
    engine = ls.Engine(recording.info)
    events = [event for item in recording.blocks(n) for event in engine.push(item)]
    events += engine.flush()
    return events, engine.result()


def run_cut(info: StreamInfo, items: list, cuts: list[int]):
    """The same with every block cut at the given absolute samples."""
    engine = ls.Engine(info)
    events = []
    for item in items:
        if isinstance(item, Gap):
            events += engine.push(item)
            continue
        inside = [c - item.first_sample for c in cuts if 0 < c - item.first_sample < len(item)]
        for start, end in itertools.pairwise([0, *inside, len(item)]):
            events += engine.push(SampleBlock(item.first_sample + start, item.accel_g[start:end]))
    events += engine.flush()
    return events, engine.result()


def key(event) -> str:
    return repr(event)


def assert_same(one, other):
    (events_a, result_a), (events_b, result_b) = one, other
    assert result_a == result_b
    assert sorted(map(key, events_a)) == sorted(map(key, events_b))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_recording_is_the_same_in_any_blocks(path):
    recording = ls.read(path, placement=placement_of(path))
    whole = run(recording)
    assert whole[1].impacts, "a recording without an impact proves little"
    assert_same(whole, run(recording, 4096))
    assert_same(whole, run(recording, 20))


@pytest.fixture
def without_compiler(monkeypatch):
    """Switches the compiled loops off, whether they had been loaded or not."""
    monkeypatch.setattr(kernels._choice, "kernels", None)
    monkeypatch.setattr(kernels._choice, "is_settled", True)


@pytest.fixture(scope="module")
def compiled_whole():
    """Every sample recording whole, with compiled loops where the extra is installed."""
    kernels.prepare(kernels.WORTH_COMPILING_SAMPLES + 1)
    return {path: run(ls.read(path, placement=placement_of(path))) for path in SAMPLES}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_recording_is_the_same_without_the_compiler(path, compiled_whole, without_compiler):
    recording = ls.read(path, placement=placement_of(path))
    assert kernels.compiled() is None
    assert_same(compiled_whole[path], run(recording, 700))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_feeding_comes_to_the_same_result_as_pushing(path, compiled_whole):
    recording = ls.read(path, placement=placement_of(path))
    engine = ls.Engine(recording.info)
    for n, item in enumerate(recording.blocks(700)):
        engine.push(item) if n % 3 == 1 else engine.feed(item)
    engine.flush()
    assert engine.result() == compiled_whole[path][1]


@pytest.fixture
def two_processes(monkeypatch):
    """Shares every recording in a file with a second process; counts how often one was begun."""
    if not can_work_beside():
        pytest.skip("this process cannot be copied: not Linux, or it has several threads")
    begun = []

    def counted(work):
        begun.append(work)
        return beside(work)

    monkeypatch.setattr(session, "BESIDE_FROM_BYTES", 0)
    monkeypatch.setattr(session, "beside", counted)
    return begun


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_two_processes_come_to_the_result_of_one(path, compiled_whole, two_processes):
    (found,) = ls.Session([ls.read(path, placement=placement_of(path))], cores=2).detected()
    assert len(two_processes) == 1
    assert replace(found, clock=ClockQuality()) == compiled_whole[path][1]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hip-session", {"body_mass_kg": 70.0, "range_g": 8.0}),
        ("hip-session", {"placement": "sacrum", "body_mass_kg": 70.0, "activity": "running", "start": "20"}),
        ("hip-session", {"placement": "ankle", "calibrate": False, "landing_block": True}),
        ("wrist", {"tz": "Europe/Madrid", "body_mass_kg": 55.0, "end": "60"}),
    ],
)
@pytest.mark.parametrize("cores", [2, 8])
def test_options_come_to_the_same_in_two_processes(name, options, cores, two_processes):
    path = next(p for p in SAMPLES if name in p.name)
    recording = ls.read(path, **{"placement": placement_of(path)} | options)
    one, two = ls.analyze(recording, cores=1), ls.analyze(recording, cores=cores)
    assert len(two_processes) == 1
    assert two == one
    assert two.recordings[0].impacts, "a recording without an impact proves little"


def test_a_recording_with_gaps_is_the_same_in_two_processes(tmp_path, two_processes):
    times_s = np.concatenate([np.arange(0, 40, 0.01), np.arange(43, 90, 0.01), np.arange(500, 560, 0.01)])
    rng = np.random.default_rng(4)
    steps = 1.0 + 1.5 * np.maximum(0.0, np.sin(2 * np.pi * 2.0 * times_s)) ** 4
    rows = np.column_stack([times_s, rng.normal(0, 0.02, len(times_s)), steps, rng.normal(0, 0.02, len(times_s))])
    path = tmp_path / "gaps.csv"
    np.savetxt(path, rows, fmt="%.5f", delimiter=",", header="time,x,y,z", comments="")
    recording = ls.read(path, placement="hip", unit="g", body_mass_kg=70.0)
    one, two = ls.analyze(recording, cores=1), ls.analyze(recording, cores=2)
    assert two == one
    assert len(two.recordings[0].quality.gaps) == 2
    assert len(two.recordings[0].impacts) > 100
    assert len(two_processes) == 1


def test_a_fault_late_in_a_file_is_told_the_same_by_two_processes(tmp_path, two_processes):
    path = tmp_path / "fault.csv"
    rows = [f"{i / 100:.2f},0.01,1.0,{i % 7 / 50}" for i in range(300_000)]
    rows[299_990] = "2999.90,0.01,oops,0.1"
    path.write_text("time,x,y,z\n" + "\n".join(rows) + "\n")
    recording = ls.read(path, placement="hip", unit="g")
    told = []
    for cores in (1, 2):
        with pytest.raises(ContentError) as caught:
            ls.analyze(recording, cores=cores)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "oops" in told[0]
    assert len(two_processes) == 1


def test_where_the_second_process_dies_the_first_does_it_all(monkeypatch, two_processes):
    path = next(p for p in SAMPLES if "hip-session" in p.name)
    expected = ls.analyze(ls.read(path, placement="hip"), cores=1)
    monkeypatch.setattr(session, "_events", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert ls.analyze(ls.read(path, placement="hip"), cores=2) == expected
    assert len(two_processes) == 1


def test_sample_by_sample_is_the_same_as_whole():
    path = next(p for p in SAMPLES if "hip-session" in p.name)
    recording = ls.read(path, placement="hip", end="60")
    whole = run(recording)
    assert whole[1].landings
    assert_same(whole, run(recording, 1))


@st.composite
def bodies(draw):
    """A noisy body: steps, flights with landings, rests, gaps; at some rate and placement."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate_hz = draw(st.sampled_from([31.25, 50.0, 100.0, 104.0, 200.0]))
    parts = []
    for _ in range(draw(st.integers(2, 7))):
        parts.append(_part(rng, rate_hz, draw(st.sampled_from(["still", "steps", "flight", "lift"]))))
    accel_g = np.concatenate(parts)
    items, first, row = [], 0, 0
    for n_missing in draw(st.lists(st.integers(0, int(5 * rate_hz)), max_size=2)):
        end = row + int(rng.integers(1, len(accel_g) - row)) if len(accel_g) - row > 1 else row
        if end == row:
            break
        items.append(SampleBlock(first, accel_g[row:end]))
        items.append(Gap(first + end - row, n_missing))
        first, row = first + end - row + n_missing, end
    if row < len(accel_g):
        items.append(SampleBlock(first, accel_g[row:]))
    info = StreamInfo(
        sampling_rate_hz=rate_hz,
        placement=draw(st.sampled_from([Placement.HIP, Placement.POCKET, Placement.WRIST, Placement.ANKLE])),
        range_g=draw(st.sampled_from([None, 4.0, 16.0])),
        body_mass_kg=draw(st.sampled_from([None, 70.0])),
    )
    return info, items


def _part(rng, rate_hz, kind):
    t = np.arange(int(rng.uniform(1.0, 8.0) * rate_hz)) / rate_hz
    a = np.column_stack([np.zeros_like(t), np.ones_like(t), np.zeros_like(t)])
    if kind == "steps":
        a[:, 1] += 0.8 * np.maximum(0.0, np.sin(2 * np.pi * rng.uniform(1.6, 2.8) * t)) ** 4 * rng.uniform(0.5, 4.0)
    if kind == "lift":
        swing = np.sin(2 * np.pi * t / rng.uniform(1.6, 4.0))
        a[:, 0] += 0.5 * swing
        a[:, 2] += 0.3 * swing
    if kind == "flight":
        start, flight_s = rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.4)
        a[(t >= start) & (t < start + flight_s)] = 0.05
        landing = t >= start + flight_s
        a[landing, 1] += rng.uniform(1.0, 6.0) * np.exp(-(((t[landing] - start - flight_s - 0.03) / 0.03) ** 2))
    return a + rng.normal(0, 0.02, a.shape)


@given(body=bodies(), cuts=st.lists(st.integers(0, 12000), max_size=40).map(sorted))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_made_up_recordings_are_the_same_at_random_cuts(body, cuts):
    info, items = body
    assert_same(run_cut(info, items, []), run_cut(info, items, cuts))


def test_provisional_landings_come_soon_and_settled_ones_in_time():
    """Half a second after the peak a landing is told, a second after it is settled; counted in samples pushed."""
    path = next(p for p in SAMPLES if "hip-session" in p.name)
    recording = ls.read(path, placement="hip")
    engine, told, settled, pushed = ls.Engine(recording.info), {}, {}, 0
    for item in recording.blocks(10):
        for event in engine.push(item):
            if isinstance(event, Landing):
                seen = told if event.status is Status.PROVISIONAL else settled
                seen.setdefault(event.event_id, (pushed + 10 - event.candidate.peak_sample))
        pushed += len(item)
    rate_hz = recording.info.sampling_rate_hz
    assert len(settled) >= 20
    late = np.array(sorted(settled.values())) / rate_hz
    assert np.quantile(late, 0.9) <= 1.15
    assert late[-1] <= 2.65  # the first landings of a train may be added late
    assert np.median([told[event_id] for event_id in settled if event_id in told]) <= 0.5 * rate_hz


def shared_recordings():
    """A spread of real recordings: every placement, packets, gaps, clocks that step back, 12.5 to 500 Hz."""
    if not SHARED.exists():
        return []
    chosen = []
    for folder in sorted(p for p in SHARED.iterdir() if (p / "recordings.csv").exists()):
        rows = pd.read_csv(folder / "recordings.csv")
        short = rows[rows.duration_s < 120]
        chosen += [(folder, row) for row in short.iloc[:: max(1, len(short) // 4)].itertuples()]
    return chosen


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings of ../shared/data are not here")
@pytest.mark.parametrize(("folder", "row"), shared_recordings(), ids=lambda x: getattr(x, "recording_id", None))
def test_a_real_recording_is_the_same_in_any_blocks(folder, row):
    recording = ls.read(folder / row.file, placement=row.placement, unit="g")
    whole = run(recording)
    assert_same(whole, run(recording, 37))
