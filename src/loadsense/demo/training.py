"""Twelve weeks of training that nobody did: the latest as recordings, those before as results."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from loadsense.events import Landing
from loadsense.placement import Placement
from loadsense.readers.loadsense_format import write_recording
from loadsense.results import RecordingResult
from loadsense.samples import Recording
from loadsense.session import Session, judging
from loadsense.simulate import (
    BarbellSet,
    DropLanding,
    LandingShape,
    Rest,
    Sensor,
    Simulated,
    Stand,
    Walk,
    simulate_session,
)
from loadsense.simulate.motion import Doing
from loadsense.store import Store, importing
from loadsense.store.analyzing import detected
from loadsense.store.importing import ImportOptions, SensorFile, SessionResults
from loadsense.store.tables import SessionRecording
from loadsense.summary import summarise

N_WEEKS: Final = 12
#: Tuesday and Thursday.
WEEKDAYS: Final = (1, 3)
#: When they begin: later on Thursday, so that the 48 h between are kept.
_HOURS: Final = {1: time(9, 30), 3: time(11, 0)}
_LIFTS: Final = ("deadlift", "back_squat", "overhead_press")
#: From this group day on nobody leaves a landing out.
_LATE: Final = 18
#: Share of the tested maximum that is on the bar, by stage.
_SHARE: Final = {"stage-1": 0.4, "stage-2": 0.55, "stage-3": 0.72, "full": 0.87}


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The group's days of the twelve weeks, in order, and their zone."""

    all: tuple[date, ...]
    tz: str
    weekdays: tuple[int, ...] = WEEKDAYS

    def start(self, number: int) -> datetime:
        """When the session of a group day began."""
        return datetime.combine(self.all[number], _HOURS[self.all[number].weekday()], ZoneInfo(self.tz))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How one of the group trains.

    Attributes
    ----------
    peaks_g : tuple of float
        RAW g of her landings, one for each of three four-week blocks.
    landings : int
        In a session.
    missed : tuple of int
        Group days on which she was not there, from the end: -1 is the last.
    recorded : tuple of int
        Group days whose recordings are there; the others came as results.
    range_g : float
        Of the sensor she was given in recorded sessions.
    lifts : bool
        With a wrist sensor.
    one_rms_kg : tuple of float
        What she can lift once, by lift.
    stages : tuple of str
        The stage she is in, by block: it says how much is on the bar.
    above : int
        Landings harder than they should be, in the latest sessions.
    """

    peaks_g: tuple[float, float, float]
    landings: int = 25
    missed: tuple[int, ...] = ()
    recorded: tuple[int, ...] = ()
    range_g: float = 16.0
    lifts: bool = False
    one_rms_kg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stages: tuple[str, str, str] = ("stage-1", "stage-1", "stage-1")
    above: int = 0


TRAINED: Final = {
    "p017": Trained(
        peaks_g=(3.6, 5.2, 6.4),
        landings=27,
        missed=(-14,),
        recorded=(-1,),
        lifts=True,
        one_rms_kg=(70.0, 60.0, 30.0),
        stages=("stage-2", "stage-3", "full"),
    ),
    "p021": Trained(
        peaks_g=(2.9, 3.1, 3.4),
        missed=(-1, -9, -16),
        lifts=True,
        one_rms_kg=(50.0, 42.5, 20.0),
        stages=("stage-1", "stage-2", "stage-2"),
    ),
    "p026": Trained(
        peaks_g=(3.8, 5.0, 5.6),
        missed=(-11,),
        lifts=True,
        one_rms_kg=(75.0, 62.5, 32.5),
        stages=("stage-2", "stage-3", "stage-3"),
        above=3,
    ),
    "p030": Trained(peaks_g=(3.2, 3.6, 4.4), recorded=(-2, -1), range_g=2.0),
    "p034": Trained(peaks_g=(3.0, 3.4, 4.2), missed=(-20,), recorded=(-4, -3, -2, -1)),
    "p041": Trained(peaks_g=(2.8, 3.0, 3.2), recorded=(-4, -3, -2, -1)),
    "p048": Trained(
        peaks_g=(2.6, 2.7, 2.8),
        missed=(-3, -10),
        lifts=True,
        one_rms_kg=(42.5, 37.5, 17.5),
        stages=("stage-1", "stage-1", "stage-1"),
    ),
    "p052": Trained(peaks_g=(3.0, 3.6, 4.4), missed=(-1, -2, -3, -4, -5, -6), recorded=(-7,)),
}


def group_days(last: date, tz: str) -> Days:
    """The group's days of the twelve weeks before today."""
    before = [last - timedelta(days=back) for back in range(N_WEEKS * 7, 0, -1)]
    return Days(all=tuple(day for day in before if day.weekday() in WEEKDAYS), tz=tz)


def train(store: Store, days: Days, *, by_user: int) -> None:
    """Everybody's sessions: recordings first, since the others are made from what was found in them."""
    with TemporaryDirectory(dir=store.folder, prefix="made-up-") as folder:
        for person_id, how in TRAINED.items():
            for back in how.recorded:
                _import(store, Path(folder), (person_id, how), (days, len(days.all) + back), by_user)
    wrist = _wrist_of(store)
    bases = {peak_g: _hip_base(peak_g) for peak_g in {one for how in TRAINED.values() for one in how.peaks_g}}
    importing.import_results(store, list(_older(days, bases, wrist)), by_user=by_user)


# -- recordings


def _import(store: Store, folder: Path, who: tuple[str, Trained], when: tuple[Days, int], by_user: int) -> None:
    (person_id, how), (days, number) = who, when
    start, seed = days.start(number), _seed(person_id, number)
    drops = _drops(how, number, len(days.all), seed)
    script = [*_lifting(), *drops] if how.lifts else drops
    seed = _LIFTING_SEED if how.lifts else seed
    made = {"hip": simulate_session(script, sensor=_hip(how), seed=seed)}
    if how.lifts:
        made["wrist"] = simulate_session(_lifting(), sensor=_WRIST, seed=seed)
    files = [SensorFile(path=_written(one, folder, start, days.tz), placement=name) for name, one in made.items()]
    importing.import_session(store, person_id, files, options=_options(how, number, len(days.all)), by_user=by_user)


_WRIST: Final = Sensor(
    placement=Placement.WRIST, sampling_rate_hz=50.0, noise_g=0.003, counts_per_g=128.0, mounting_deg=(3.0, 5.0, -4.0)
)


def _hip(how: Trained) -> Sensor:
    return Sensor(range_g=how.range_g, counts_per_g=1024.0 if how.range_g == 2.0 else 128.0)


def _written(made: Simulated, folder: Path, start: datetime, tz: str) -> Path:
    recording = Recording.from_arrays(
        made.accel_g,
        sampling_rate_hz=made.sensor.sampling_rate_hz,
        placement=str(made.sensor.placement),
        range_g=made.sensor.range_g,
        start=start,
        tz=tz,
    )
    name = f"{made.seed}-{made.sensor.placement}.loadsense.parquet"
    return Path(write_recording(recording, folder / name).path)


def _drops(how: Trained, number: int, n_days: int, seed: int) -> list[Doing]:
    """Series of five with rests, some of the latest too hard."""
    rng = np.random.default_rng(seed)
    peak_g = how.peaks_g[_block(number, n_days)]
    height_m = 0.2 if peak_g > 3.5 else 0.1
    steps: list[Doing] = [Stand(duration_s=5.0), Walk(duration_s=12.0), Stand(duration_s=3.0)]
    for one in range(how.landings):
        shape = LandingShape(peak_g=peak_g * float(rng.normal(1.0, 0.04)), rise_s=0.035, spread=0.03)
        steps.append(DropLanding(height_m=height_m, impact=shape, pause_s=0.8))
        if one % 5 == 4:
            steps.append(Rest(duration_s=6.0))
    return steps


def _lifting() -> list[Doing]:
    """Three lifts, five sets of five; with the seed below the detector finds all fifteen."""
    steps: list[Doing] = [Walk(duration_s=5.0), Stand(duration_s=4.0)]
    deadlift = BarbellSet(exercise="deadlift", lead_s=6.0, pause_s=1.5)
    squat = BarbellSet(exercise="back_squat", lead_s=6.0)
    press = BarbellSet(exercise="overhead_press", lead_s=6.0, out_s=1.1, back_s=1.3)
    for one in (deadlift, squat, press):
        steps += [one, Rest(duration_s=25.0)] * 5
    return steps


_LIFTING_SEED: Final = 5


# -- results


def _wrist_of(store: Store) -> RecordingResult:
    """What was found in the one wrist recording."""
    with store.reading() as db:
        session_id = db.scalars(select(SessionRecording.session_id).where(SessionRecording.sensor == "wrist")).one()
        return next(one for one in detected(db, session_id) if one.sensor == "wrist")


def _hip_base(peak_g: float) -> RecordingResult:
    """What the engine finds in landings of one strength."""
    how = Trained(peaks_g=(peak_g, peak_g, peak_g), landings=27)
    made = simulate_session(_drops(how, 0, 1, round(peak_g * 10)), sensor=_hip(how), seed=round(peak_g * 10))
    recording = Recording.from_arrays(made.accel_g, sampling_rate_hz=100.0, placement="hip", range_g=16.0)
    return Session({"hip": recording}).detected()[0]


def _older(days: Days, bases: dict[float, RecordingResult], wrist: RecordingResult) -> Iterator[SessionResults]:
    n_days = len(days.all)
    for person_id, how in TRAINED.items():
        left_out = {n_days + back for back in (*how.missed, *how.recorded)}
        for number in range(n_days):
            if number in left_out:
                continue
            results = [_varied(bases[how.peaks_g[_block(number, n_days)]], how, number, _seed(person_id, number))]
            if how.lifts:
                results.append(replace(wrist, offset_s=0.0))
            dated = [_dated(one, days, number, person_id) for one in results]
            yield SessionResults(
                person_id=person_id,
                report=summarise(dated, judging()),
                options=_options(how, number, n_days),
            )


def _varied(base: RecordingResult, how: Trained, number: int, seed: int) -> RecordingResult:
    """Her landings of that day: some fewer, none the same."""
    rng = np.random.default_rng(seed)
    is_late = number >= _LATE
    n_done = how.landings if is_late or rng.random() < 0.75 else how.landings - int(rng.integers(1, 6))
    scaled = [_scaled(one, float(rng.normal(1.0, 0.04))) for one in base.landings[:n_done]]
    hard = [_scaled(one, 1.45) for one in scaled[: how.above if is_late else 0]]
    return replace(base, landings=(*hard, *scaled[len(hard) :]))


def _scaled(landing: Landing, factor: float) -> Landing:
    net_g = landing.peak_net_g * factor
    rates = landing.loading_rates
    faster = None if rates.maximum_g_per_s is None else rates.maximum_g_per_s * factor
    return replace(
        landing,
        peak_net_g=net_g,
        peak_g=net_g + 1.0,
        loading_rates=replace(rates, maximum_g_per_s=faster),
    )


def _dated(result: RecordingResult, days: Days, number: int, person_id: str) -> RecordingResult:
    key = hashlib.sha256(f"made up {person_id} {days.all[number]} {result.sensor}".encode()).hexdigest()
    origin = replace(result.info.origin, sha256=key, file=key[:12], format="made up")
    return replace(
        result, envelope=None, info=replace(result.info, start=days.start(number), tz=days.tz, origin=origin)
    )


# -- both


def _options(how: Trained, number: int, n_days: int) -> ImportOptions:
    """Loads as her stage asks, and how hard it felt."""
    block = _block(number, n_days)
    share = _SHARE[how.stages[block]]
    on_the_bar = [math.ceil(kg * share / 2.5) * 2.5 for kg in how.one_rms_kg]
    loads_kg = dict(zip(_LIFTS, on_the_bar, strict=True)) if how.lifts else {}
    return ImportOptions(loads_kg=loads_kg, rpe=float(14 + (number % 3)), rpe_scale="borg", block_confirmed=True)


def _block(number: int, n_days: int) -> int:
    """Which third of the weeks a group day is in."""
    return min(2, number * 3 // n_days)


def _seed(person_id: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{person_id} {number}".encode()).digest()[:4], "big")
