"""A live session, its replay and `analyze` of its recording find the same landings and repetitions, event for event."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import loadsense as ls
from loadsense.events import Event, Landing, LiftSet, Repetition, Status
from loadsense.live.finish import recordings_of
from loadsense.live.sensor import LiveSensor
from loadsense.live.session import Feed, LiveSession
from loadsense.live.state import LiveEvent, Wearing
from loadsense.samples import Recording
from loadsense.session import judging
from loadsense.sources.link import Source
from loadsense.sources.replay import ReplaySource, SimulatedSource

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
SAMPLES = sorted((ROOT / "sample_recordings").glob("*.csv.gz"))
#: Where the landings of a long sample begin, seconds.
STARTS = {"simulated-hirit-hip.csv.gz": 960.0}
#: Folder of ../shared/data -> recordings taken from it, evenly over its list.
SPREAD = {
    "sisfall_waist": 3, "teva_jumps": 2, "phyphox_queens": 2, "projump_movesense": 2, "mobifall_pocket": 1,
    "ebbelaar_metamotion": 3, "muvr_pebble_wrist": 2,
}  # fmt: skip


def heard(recording: Recording, source: Source, folder: Path | None) -> tuple[list[Event], LiveSensor]:
    """What a session of this source tells."""
    sensor_at = recording.info.placement.value
    wearing = Wearing(person="p017", sensor=sensor_at, body_mass_kg=recording.info.body_mass_kg, tz="UTC")
    sensor = LiveSensor(wearing, judging(), began=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), folder=folder)
    found: list[LiveEvent] = []
    session = LiveSession([Feed(sensor, source)], now=source.now, told=found.append)
    asyncio.run(asyncio.wait_for(session.run(), 300))
    return [one.event for one in found], sensor


def settled(events: list[Event]) -> tuple[list[Landing], list[LiftSet]]:
    """Settled landings and sets, with the repetitions that they came to."""
    landings = [e for e in events if isinstance(e, Landing) and e.status is Status.SETTLED]
    return landings, [e for e in events if isinstance(e, LiftSet) and e.status is Status.SETTLED]


def ungraded(landing: Landing) -> Landing:
    """Without the levels of studies, by which the report grades and the engine does not."""
    return replace(landing, high_magnitude=None, high_rate=None)


def check(recording: Recording, folder: Path) -> int:
    live, sensor = heard(recording, SimulatedSource(recording, speed=None), folder)
    filed = recordings_of(folder, [sensor.wearing])[sensor.wearing.sensor]
    replayed, _ = heard(filed, ReplaySource(filed, speed=None), None)
    (result,) = ls.analyze(filed).recordings
    logged = ls.read(sensor.log_path)
    (of_log,) = ls.analyze(logged).recordings
    landings, sets = settled(live)
    assert settled(replayed) == (landings, sets)
    for one in (result, of_log):
        assert sorted(landings, key=lambda e: e.candidate.peak_sample) == [ungraded(e) for e in one.landings]
        assert sorted(sets, key=lambda e: e.start_sample) == list(one.sets)
    provisional = [e for e in live if isinstance(e, Repetition)]
    assert [e for e in replayed if isinstance(e, Repetition)] == provisional
    return len(landings) + len(sets)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name.removesuffix(".csv.gz"))
def test_samples_live_replayed_and_analyzed_are_one(path, tmp_path):
    placement = "wrist" if "wrist" in path.name else "hip"
    range_g = 2.0 if "2g" in path.name else 8.0 if "clipped" in path.name else 16.0
    start = STARTS.get(path.name, 0.0)
    recording = ls.read(path, placement=placement, range_g=range_g, calibrate=False, start=start, end=start + 100.0)
    assert check(recording, tmp_path) > 0 or "2g" in path.name or "wrist" in path.name


def spread() -> list[tuple[Path, dict[str, str]]]:
    """Recordings of people, evenly over the list of each folder."""
    chosen = []
    for folder, n in SPREAD.items():
        index = SHARED / folder / "recordings.csv"
        if not index.exists():
            continue
        with index.open(encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if float(row["duration_s"]) > 4.0]
        chosen += [(SHARED / folder, rows[i * len(rows) // n]) for i in range(min(n, len(rows)))]
    return chosen


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings of ../shared/data are not here")
@pytest.mark.parametrize(("folder", "row"), spread(), ids=lambda x: None if isinstance(x, Path) else x["file"])
def test_real_recordings_live_replayed_and_analyzed_are_one(folder, row, tmp_path):
    check(ls.read(folder / row["file"], placement=row["placement"], unit="g", calibrate=False, end=60.0), tmp_path)


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings of ../shared/data are not here")
def test_the_spread_holds_landings_and_lifts():
    assert {folder.name for folder, _ in spread()} == set(SPREAD)
