"""What every member of a registry must keep: stages, readers, evidence files, sample recordings.

The registries are walked, so that a new stage, reader or file is tested the day it arrives.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loadsense
from loadsense import evidence
from loadsense.conditioning import QualityStage
from loadsense.detection.activity import ActivityClassifier
from loadsense.detection.impacts import ImpactDetector
from loadsense.detection.landings import LandingDetector
from loadsense.detection.lifts import LiftDetector
from loadsense.envelope import EnvelopeStage
from loadsense.evidence import equations, loader, prescribing
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.longwear import EpochMeans, EpochStage
from loadsense.lowpass import FilteredBlock, ZeroPhaseLowPass
from loadsense.placement import Placement
from loadsense.readers import READERS
from loadsense.samples import Gap, Item, SampleBlock
from loadsense.simulate import (
    BarbellSet,
    DropLanding,
    Fall,
    Hops,
    Jump,
    Knock,
    Run,
    Sensor,
    SitDown,
    Stand,
    Walk,
    simulate_session,
)
from loadsense.stage import Stage

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_recordings"
EVIDENCE = Path(evidence.__file__).parent

# -- stages ------------------------------------------------------------

RATE_HZ = 100.0
WRIST_RATE_HZ = 50.0


def landings_at(placement: Placement) -> Callable[[], Stage[Any]]:
    return lambda: LandingDetector(
        sampling_rate_hz=RATE_HZ, placement=placement, range_g=8.0, criteria=engine_criteria().landings
    )


#: One or more ways to make each stage; the walk below fails for a stage that is not here.
STAGES: dict[type, list[Callable[[], Stage[Any]]]] = {
    ActivityClassifier: [
        lambda: ActivityClassifier(
            sampling_rate_hz=RATE_HZ, placement=Placement.HIP, criteria=engine_criteria().activity
        )
    ],
    EnvelopeStage: [EnvelopeStage, lambda: EnvelopeStage(most_buckets=50)],
    EpochStage: [lambda: EpochStage(RATE_HZ, 1.0), lambda: EpochStage(31.25, 5.0)],
    ImpactDetector: [lambda: ImpactDetector(sampling_rate_hz=RATE_HZ, criteria=engine_criteria().impacts)],
    LandingDetector: [landings_at(p) for p in (Placement.WAIST, Placement.POCKET, Placement.WRIST)],
    LiftDetector: [lambda: LiftDetector(sampling_rate_hz=RATE_HZ, criteria=engine_criteria().lifts)],
    QualityStage: [lambda: QualityStage(sampling_rate_hz=RATE_HZ, range_g=8.0)],
    ZeroPhaseLowPass: [lambda: ZeroPhaseLowPass(sampling_rate_hz=RATE_HZ, cutoff_hz=20.0)],
}

MADE = [pytest.param(make, id=f"{kind.__name__}-{n}") for kind, ways in STAGES.items() for n, make in enumerate(ways)]


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(loadsense.__path__, "loadsense."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_every_stage_of_the_house_is_under_contract():
    found = {
        thing
        for module in modules()
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and thing.__module__ == module.__name__
        and all(callable(getattr(thing, verb, None)) for verb in ("push", "gap", "flush"))
    }
    assert found - {Stage} == set(STAGES)


def lively() -> list[Item]:
    """A minute and a half of everything, with a hole and a cut of the clock."""
    script = [Stand(), Walk(duration_s=8.0), Run(duration_s=8.0), Jump(), DropLanding(), Hops(count=8), Knock()]
    script += [SitDown(duration_s=2.0), BarbellSet(exercise="deadlift"), DropLanding(), Fall(lie_s=2.0), Stand()]
    sensor = Sensor(placement="hip", range_g=8.0, gaps_s=((34.0, 1.3),), sampling_rate_hz=RATE_HZ)
    items = list(simulate_session(script, sensor=sensor, seed=11).recording().blocks())
    last = items[-1]
    assert isinstance(last, SampleBlock)
    half = len(last) // 2
    cut = last.first_sample + half
    first_half = SampleBlock(last.first_sample, last.accel_g[:half])
    return [*items[:-1], first_half, Gap(cut, 0, "clock stepped back"), SampleBlock(cut, last.accel_g[half:])]


LIVELY = lively()


def cut_into(items: Sequence[Item], lengths: Iterator[int]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Gap):
            yield item
            continue
        start = 0
        while start < len(item):
            n = next(lengths)
            yield SampleBlock(item.first_sample + start, item.accel_g[start : start + n].copy())
            start += n


def repeat(n: int) -> Iterator[int]:
    while True:
        yield n


def plain(fact: Any) -> Any:
    """A fact as something that can be compared to the last bit."""
    if isinstance(fact, np.ndarray):
        return (fact.shape, fact.dtype.str, fact.tobytes())
    if is_dataclass(fact) and not isinstance(fact, type):
        return (type(fact).__name__, *(plain(getattr(fact, f.name)) for f in fields(fact)))
    if isinstance(fact, tuple | list):
        return tuple(plain(f) for f in fact)
    return repr(fact) if isinstance(fact, float) else fact


def facts(stage: Stage[Any], items: Iterator[Item] | Sequence[Item]) -> Any:
    """Everything a stage said over its life, and what it comes to."""
    said: list[Any] = []
    for item in items:
        said += stage.gap(item) if isinstance(item, Gap) else stage.push(item)
    said += stage.flush()
    joined = [plain(fact) for fact in merged(said)]
    for name in ("result", "criteria", "envelope"):
        value = getattr(stage, name, None)
        if callable(value) and not inspect.signature(value).parameters:
            joined.append(plain(value()))
    return joined


def merged(said: list[Any]) -> list[Any]:
    """Facts that come in batches, joined: filtered blocks and epochs that follow each other."""
    whole: list[Any] = []
    for fact in said:
        before = whole[-1] if whole else None
        if isinstance(fact, FilteredBlock) and isinstance(before, FilteredBlock):
            if before.first_sample + before.axes_g.shape[1] == fact.first_sample:
                fact = FilteredBlock(before.first_sample, np.concatenate([before.axes_g, fact.axes_g], axis=1))
                whole.pop()
        elif (
            isinstance(fact, EpochMeans)
            and isinstance(before, EpochMeans)
            and fact.first_epoch == before.first_epoch + len(before.enmo_mg)
        ):
            fact = EpochMeans(before.first_epoch, np.concatenate([before.enmo_mg, fact.enmo_mg]))
            whole.pop()
        whole.append(fact)
    return whole


WHOLE: dict[Any, Any] = {}


def whole_facts(make: Callable[[], Stage[Any]]) -> Any:
    if make not in WHOLE:
        WHOLE[make] = facts(make(), LIVELY)
    return WHOLE[make]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("n", [1, 7, 10, 64, 1000])
def test_a_stage_says_the_same_whatever_the_block_size(make, n):
    assert facts(make(), cut_into(LIVELY, repeat(n))) == whole_facts(make)


@pytest.mark.parametrize("make", MADE)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([3, 40, 700]))
@settings(max_examples=5, deadline=None)
def test_a_stage_says_the_same_under_random_cuts(make, seed, most):
    rng = np.random.default_rng(seed)
    lengths = iter(lambda: int(rng.integers(1, most + 1)), 0)
    assert facts(make(), cut_into(LIVELY, lengths)) == whole_facts(make)


@pytest.mark.parametrize("make", MADE)
def test_a_stage_does_not_change_the_samples_it_is_given(make):
    block = LIVELY[0]
    assert isinstance(block, SampleBlock)
    frozen = block.accel_g.copy()
    frozen.flags.writeable = False  # a stage that writes raises
    stage = make()
    stage.push(SampleBlock(0, frozen))
    stage.flush()
    assert np.array_equal(frozen, block.accel_g)


def held_bytes(thing: Any, seen: set[int]) -> int:
    """Bytes of numbers and references that an object keeps, roughly."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        base = thing.base if isinstance(thing.base, np.ndarray) else thing
        return thing.nbytes if base is thing else held_bytes(base, seen)
    if isinstance(thing, dict):
        return sum(held_bytes(v, seen) + 8 for v in thing.values())
    if isinstance(thing, str | bytes | int | float | type | type(None)):
        return 8
    if isinstance(thing, list | tuple | set) or (hasattr(thing, "__iter__") and hasattr(thing, "__len__")):
        return sum(held_bytes(v, seen) + 8 for v in thing)
    names = [n for kind in type(thing).__mro__ for n in getattr(kind, "__slots__", ())]
    return sum(held_bytes(getattr(thing, n, None), seen) for n in names) + held_bytes(
        getattr(thing, "__dict__", {}), seen
    )


@pytest.mark.parametrize("make", MADE)
def test_a_stage_keeps_bounded_memory(make):
    """An hour of everything keeps little more than ten minutes of it: nothing grows with the samples."""
    samples = np.concatenate([item.accel_g for item in LIVELY if isinstance(item, SampleBlock)])
    stage, at, kept = make(), 0, []
    for lap in range(40):
        for start in range(0, len(samples), 2000):
            piece = samples[start : start + 2000].copy()
            stage.push(SampleBlock(at, piece))
            at += len(piece)
        if lap in (9, 39):
            kept.append(held_bytes(stage, set()))
    # what may grow is a few bytes per second (a running median, a wear mask), never the samples: 2400 B/s
    assert kept[1] - kept[0] < 64 * (at / RATE_HZ) * 0.75 + 100_000


# -- readers ------------------------------------------------------------


@pytest.mark.parametrize("name", list(READERS))
def test_every_reader_can_tell_and_open_its_format(name):
    module = importlib.import_module(READERS[name])
    assert callable(module.sniff)
    assert callable(module.open_recording)
    assert module.__doc__


# -- evidence ------------------------------------------------------------

TOMLS = sorted(EVIDENCE.rglob("*.toml"))
KNOWN = {"verified", "second-hand", "derived", "recalled", "convention"}


@pytest.mark.parametrize("path", TOMLS, ids=lambda p: str(p.relative_to(EVIDENCE)))
def test_every_evidence_file_is_read_by_the_loader_and_says_how_it_is_known(path):
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    marks = [value for key, value in walk(content) if key == "known"]
    assert marks, "a file of evidence says how its numbers are known"
    assert set(marks) <= KNOWN
    readers = {
        "thresholds": loader.read_source_file,
        "equations": equations.read_equations,
        "plans": prescribing.read_plan,
    }
    if path.parent.name in readers:
        assert readers[path.parent.name](path)


def walk(table: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(table, dict):
        for key, value in table.items():
            yield key, value
            yield from walk(value)
    elif isinstance(table, list):
        for value in table:
            yield from walk(value)


def test_the_evidence_loads_whole_and_every_row_names_its_source():
    assert engine_criteria().equations
    assert evidence.profiles()
    assert evidence.rules()
    assert "hirit" in evidence.plans()
    for level in evidence.thresholds().values():
        assert level.source.citation
        assert (level.frame is not None) == (level.unit in ("g", "mg"))


def test_every_evidence_file_travels_in_the_wheel():
    """They lie inside the package, so the wheel takes them."""
    package = Path(loadsense.__file__).parent
    assert all(package in path.parents for path in TOMLS)
    assert len(TOMLS) > 20


# -- sample recordings ------------------------------------------------------------

SIDECARS = sorted(SAMPLES.glob("*.json"))


@pytest.mark.parametrize("sidecar", SIDECARS, ids=lambda p: p.stem)
def test_a_sample_recording_reads_as_its_sidecar_says(sidecar):
    said = json.loads(sidecar.read_text(encoding="utf-8"))
    assert said["origin"] == "simulated"
    assert sidecar.stem.startswith("simulated-")
    assert "simulated" in said["file"]
    recording = loadsense.read(
        SAMPLES / said["file"], placement=said["placement"], range_g=said["range_g"], unit=said["unit"]
    )
    items = list(recording.blocks())
    assert sum(len(item) for item in items if isinstance(item, SampleBlock)) == said["n_samples"]
    assert recording.info.sampling_rate_hz == pytest.approx(said["sampling_rate_hz"], rel=1e-3)
    gaps = [item for item in items if isinstance(item, Gap)]
    assert len(gaps) == len(said["sensor"]["gaps_s"])
    for gap, (start_s, length_s) in zip(gaps, said["sensor"]["gaps_s"], strict=True):
        assert gap.first_sample == pytest.approx(start_s * said["sampling_rate_hz"], abs=2)
        assert gap.n_missing == pytest.approx(length_s * said["sampling_rate_hz"], abs=2)


def check_sets(found: Any, true_sets: list[dict[str, Any]]) -> None:
    """Four sets of five are found and named, none is invented, and most are counted within one repetition."""
    off = []
    for start_s, end_s, exercise, n in zip(found.start_s, found.end_s, found.exercise, found.repetitions, strict=True):
        (true,) = [t for t in true_sets if t["start_s"] < end_s and start_s < t["end_s"]]
        assert exercise == true["exercise"]
        off.append(abs(n - len(true["repetitions_s"])))
    assert 0.8 * len(true_sets) <= len(off) <= len(true_sets)
    assert np.mean(off) <= 1.0


@pytest.mark.parametrize("sidecar", SIDECARS, ids=lambda p: p.stem)
def test_what_is_found_in_a_sample_recording_is_what_truly_happened(sidecar):
    said = json.loads(sidecar.read_text(encoding="utf-8"))
    recording = loadsense.read(
        SAMPLES / said["file"], placement=said["placement"], range_g=said["range_g"], unit=said["unit"]
    )
    report = loadsense.analyze(recording)
    if said["placement"] == "wrist":
        check_sets(report.sets, said["truth"]["sets"])
        return
    true_s = [true["landing_s"] for true in said["truth"]["landings"] if not true["in_gap"]]
    found_s = report.landings.landing_s.tolist()
    assert len(found_s) == len(true_s)
    # before a sensor reads it as one, a contact is smeared by its bandwidth and by the first millimetres of the shoe
    assert np.abs(np.array(found_s) - np.array(true_s)).max() < 0.06


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("people/*.toml")), ids=lambda p: p.stem)
def test_a_sample_person_loads_and_is_screened(path):
    person = evidence.load_person(path)
    assert person.id == path.stem
    assert person.plan in evidence.plans()
    assert person.stage in {stage.name for stage in evidence.plan(person.plan).stages}
    assert person.screening is not None
    assert person.screening.cleared_by
    assert person.screening.review_date > date(2026, 11, 20)
