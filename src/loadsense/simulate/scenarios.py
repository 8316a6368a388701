"""Named recordings: a script, a sensor and a way of writing it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, Literal

from loadsense.errors import unknown_name
from loadsense.placement import Placement
from loadsense.simulate.everyday import Fall, Knock, Rest, Run, SitDown, Stand, Walk
from loadsense.simulate.landings import DropLanding, Hops, Jump, LandingShape
from loadsense.simulate.lifts import BarbellSet
from loadsense.simulate.motion import Doing
from loadsense.simulate.sensor import Sensor, Simulated
from loadsense.simulate.session import simulate_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a recording is written as text.

    Attributes
    ----------
    unit : {"g", "m/s2"}
        Unit of the columns.
    columns : tuple of str
        Header: time and the three axes.
    clock : {"seconds", "naive", "offset"}
        Seconds from the start, ISO 8601 without a zone, or with its offset.
    """

    unit: Literal["g", "m/s2"] = "g"
    columns: tuple[str, str, str, str] = ("time", "x", "y", "z")
    clock: Literal["seconds", "naive", "offset"] = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named recording.

    Attributes
    ----------
    name, about : str
        Key, and one sentence for people.
    script : tuple of Doing
        What the person does.
    sensor : Sensor
        What records it.
    seed : int
        Scenarios of one session share it.
    dialect : Dialect
        How it is written.
    start : datetime
        Time of sample 0.
    sample : bool
        Kept in `sample_recordings/`.
    """

    name: str
    about: str
    script: tuple[Doing, ...] = field(repr=False)
    sensor: Sensor
    seed: int
    dialect: Dialect = Dialect()
    start: datetime = datetime(2026, 11, 20, 17, 30, tzinfo=timezone(timedelta(hours=1)))
    sample: bool = False


#: Landings of LIFTMOR's kind: a drop from 20 cm landed hard, well above 3.9 g NET.
HARD: Final = LandingShape(peak_g=6.4, rise_s=0.035, spread=0.05)

#: Harder than a range of 8 g.
HARDEST: Final = LandingShape(peak_g=10.0, rise_s=0.025)

#: Landings of a beginner on stage 1: low and soft, about 1.6 g NET.
GENTLE: Final = LandingShape(peak_g=2.6, rise_s=0.05, spread=0.04)

_ACCELERATION = ("time", "acc_x", "acc_y", "acc_z")


def _five_by_five(landing: Doing, rest_s: float) -> list[Doing]:
    """Five series of five landings with a rest between the series."""
    steps: list[Doing] = []
    for series in range(5):
        steps += [landing] * 5
        steps += [Rest(duration_s=rest_s)] if series < 4 else []
    return steps


def _sets(exercise: str, rest_s: float, **timing: float) -> list[Doing]:
    steps: list[Doing] = []
    for _ in range(5):
        steps += [BarbellSet(exercise=exercise, lead_s=6.0, **timing), Rest(duration_s=rest_s)]  # type: ignore[arg-type]
    return steps


def _warm_up() -> list[Doing]:
    return [Stand(duration_s=6.0), Walk(duration_s=18.0), Run(duration_s=14.0), Stand(duration_s=4.0)]


def _hip_session() -> list[Doing]:
    around: list[Doing] = [Walk(duration_s=10.0), Knock(), SitDown(), Stand(duration_s=5.0)]
    return [*_warm_up(), *_five_by_five(DropLanding(impact=HARD, pause_s=1.0), 10.0), *around]


def _hirit() -> list[Doing]:
    lifts: list[Doing] = [*_sets("deadlift", 30.0, pause_s=1.5), *_sets("back_squat", 30.0)]
    lifts += _sets("overhead_press", 30.0, out_s=1.1, back_s=1.3)
    landings = _five_by_five(DropLanding(impact=HARD, pause_s=0.6), 10.0)
    return [
        Stand(duration_s=6.0),
        Walk(duration_s=15.0),
        Stand(duration_s=4.0),
        *lifts,
        *landings,
        Rest(duration_s=8.0),
    ]


def _stage_1() -> list[Doing]:
    warm_up: list[Doing] = [Stand(duration_s=6.0), Walk(duration_s=12.0), Stand(duration_s=4.0)]
    return [*warm_up, *_five_by_five(Jump(height_m=0.05, impact=GENTLE, pause_s=0.8), 8.0)]


def _hop_series() -> list[Doing]:
    steps: list[Doing] = [Stand(duration_s=6.0)]
    for rate_hz, share in ((1.2, 0.42), (1.6, 0.42), (2.0, 0.40), (2.3, 0.38), (2.6, 0.34), (3.0, 0.32)):
        steps += [Hops(count=15, rate_hz=rate_hz, flight_share=share), Stand(duration_s=6.0)]
    return [*steps, Run(duration_s=20.0), Stand(duration_s=4.0)]


def _drops() -> list[Doing]:
    steps: list[Doing] = [Stand(duration_s=6.0)]
    for height_m in (0.05, 0.08, 0.10, 0.15, 0.20, 0.30, 0.40):
        peak_g = 2.4 + 10.0 * height_m
        steps += [DropLanding(height_m=height_m, impact=LandingShape(peak_g=peak_g, rise_s=0.035))] * 4
    return [*steps, SitDown(hard=True), Stand(duration_s=4.0)]


def _heavy_sets() -> list[Doing]:
    steps: list[Doing] = [Stand(duration_s=6.0), Walk(duration_s=12.0)]
    for pause_s in (1.0, 3.0, 6.0, 10.0):
        steps += [BarbellSet(exercise="deadlift", pause_s=pause_s), Rest(duration_s=40.0)]
    steps += [BarbellSet(exercise="back_squat", out_s=1.8, back_s=1.8, pause_s=3.0), Rest(duration_s=40.0)]
    return [*steps, BarbellSet(exercise="overhead_press", pause_s=3.0), Rest(duration_s=20.0)]


def _everyday() -> list[Doing]:
    walking: list[Doing] = [Walk(duration_s=40.0), Walk(duration_s=20.0, step_rate_hz=1.7, stairs=True)]
    sitting: list[Doing] = [SitDown(), SitDown(hard=True), Knock(), Knock(peak_g=8.0)]
    return [Stand(duration_s=8.0), *walking, *sitting, Run(duration_s=40.0), Stand(), Fall(), Stand(duration_s=6.0)]


def _jumps() -> list[Doing]:
    heights_m = (0.03, 0.05, 0.08, 0.10, 0.15, 0.20, 0.30)
    jumps = [Jump(height_m=h, impact=LandingShape(peak_g=2.5 + 9.0 * h)) for h in heights_m for _ in range(3)]
    return [Stand(duration_s=6.0), *jumps]


_LOST_S = ((86.0, 14.0), (130.0, 17.0))

SCENARIOS: Final[dict[str, Scenario]] = {
    s.name: s
    for s in (
        Scenario(
            name="hip-session",
            about="25 drop landings from 20 cm, landed hard, between a warm-up and walking about",
            script=tuple(_hip_session()),
            sensor=Sensor(jitter_s=0.0005),
            seed=17,
            dialect=Dialect(unit="m/s2", columns=_ACCELERATION, clock="naive"),
            sample=True,
        ),
        Scenario(
            name="hip-clipped",
            about="25 landings harder than the +-8 g range of the sensor, at 200 Hz",
            script=(
                Stand(duration_s=5.0),
                *_five_by_five(DropLanding(height_m=0.30, impact=HARDEST, pause_s=0.4), 5.0),
            ),
            sensor=Sensor(sampling_rate_hz=200.0, range_g=8.0),
            seed=18,
            sample=True,
        ),
        Scenario(
            name="hip-gaps",
            about="25 landings of which some fall into two stretches without samples",
            script=tuple(_hip_session()),
            sensor=Sensor(gaps_s=_LOST_S, jitter_s=0.0005),
            seed=19,
            dialect=Dialect(clock="offset"),
            sample=True,
        ),
        Scenario(
            name="range-2g",
            about="25 landings recorded at +-2 g: nothing can be said about 4.9 g",
            script=(*_warm_up(), *_five_by_five(DropLanding(impact=HARD, pause_s=0.6), 6.0)),
            sensor=Sensor(range_g=2.0, counts_per_g=1024.0),
            seed=20,
            sample=True,
        ),
        Scenario(
            name="hirit-hip",
            about="A HiRIT session at the hip: three lifts 5 x 5, then 25 drop landings, with shortened rests",
            script=tuple(_hirit()),
            sensor=Sensor(noise_g=0.003, counts_per_g=128.0),
            seed=21,
            dialect=Dialect(clock="offset"),
            sample=True,
        ),
        Scenario(
            name="hirit-wrist",
            about="The same HiRIT session at the wrist",
            script=tuple(_hirit()),
            sensor=Sensor(
                placement=Placement.WRIST,
                sampling_rate_hz=50.0,
                noise_g=0.003,
                counts_per_g=128.0,
                mounting_deg=(3.0, 5.0, -4.0),
            ),
            seed=21,
            dialect=Dialect(columns=_ACCELERATION, clock="offset"),
            sample=True,
        ),
        Scenario(
            name="stage-1-hip",
            about="25 gentle jumps of 5 cm by a beginner on stage 1",
            script=tuple(_stage_1()),
            sensor=Sensor(),
            seed=22,
            dialect=Dialect(clock="offset"),
            sample=True,
        ),
        Scenario(
            name="hop-series-waist",
            about="Series of 15 hops at 1.2 to 3 Hz, then 20 s of running, at the waist",
            script=tuple(_hop_series()),
            sensor=Sensor(placement=Placement.WAIST),
            seed=23,
        ),
        Scenario(
            name="hop-series-pocket",
            about="The same series of hops in the pocket",
            script=tuple(_hop_series()),
            sensor=Sensor(placement=Placement.POCKET, mounting_deg=(80.0, 5.0, 20.0)),
            seed=23,
        ),
        Scenario(
            name="drop-landings",
            about="Drops of 5 to 40 cm, four of each, then sitting down hard",
            script=tuple(_drops()),
            sensor=Sensor(placement=Placement.WAIST, sampling_rate_hz=200.0),
            seed=24,
        ),
        Scenario(
            name="jumps",
            about="Jumps of 3 to 30 cm with a push-off, three of each",
            script=tuple(_jumps()),
            sensor=Sensor(placement=Placement.LOWER_BACK),
            seed=25,
        ),
        Scenario(
            name="heavy-sets",
            about="Deadlifts with pauses of 1 to 10 s between repetitions, a slow squat and a press, at the wrist",
            script=tuple(_heavy_sets()),
            sensor=Sensor(placement=Placement.WRIST, sampling_rate_hz=50.0, range_g=8.0),
            seed=26,
        ),
        Scenario(
            name="everyday",
            about="Walking, stairs, sitting down, knocks on the sensor, running and a fall: not one landing",
            script=tuple(_everyday()),
            sensor=Sensor(),
            seed=27,
        ),
    )
}


def scenario(name: str) -> Scenario:
    """Scenario by name.

    Raises
    ------
    OptionError
        No such scenario; the nearest is suggested.
    """
    if name not in SCENARIOS:
        raise unknown_name("scenario", name, SCENARIOS)
    return SCENARIOS[name]


def perform(chosen: Scenario, *, seed: int | None = None) -> Simulated:
    """Simulate a scenario, with its own seed or another."""
    return simulate_session(chosen.script, sensor=chosen.sensor, seed=chosen.seed if seed is None else seed)


def samples() -> Sequence[Scenario]:
    """The scenarios kept in `sample_recordings/`."""
    return [s for s in SCENARIOS.values() if s.sample]
