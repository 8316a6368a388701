"""Simulated recordings with exact truth: landings against flight time and noise, hops, heavy sets, an ordinary day.

What is simulated is cleaner than people are (see `loadsense.simulate`): these curves show where the detector's own
limits lie, not what it will do on people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accuracy_tables import markdown

from loadsense.engine import Engine
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.placement import Placement
from loadsense.results import RecordingResult
from loadsense.simulate import (
    BarbellSet,
    Doing,
    DropLanding,
    Hops,
    Jump,
    LandingShape,
    Rest,
    Sensor,
    Simulated,
    Stand,
    Walk,
    scenario,
    simulate_session,
)
from loadsense.units import STANDARD_GRAVITY_M_PER_S2

#: A landing is found when a detected peak lies so near to the true one, as in the scorer.
TOLERANCE_S = 0.20
DROPS_CM = (5, 8, 10, 15, 20, 30, 40)
FLIGHTS_S = (0.08, 0.10, 0.12, 0.14, 0.16, 0.20, 0.25, 0.30)
NOISES_G = (0.004, 0.02, 0.05, 0.1)
HOPS_HZ = (1.2, 1.6, 2.0, 2.3, 2.6, 3.0)
PAUSES_S = (1.0, 3.0, 6.0, 8.0, 10.0)
LIFTS = ("deadlift", "back_squat", "overhead_press")
#: Share of a hop in the air, by its rate: faster hops are flatter.
AIR_SHARE = {1.2: 0.42, 1.6: 0.42, 2.0: 0.40, 2.3: 0.38, 2.6: 0.34, 3.0: 0.32}
CRITERIA = engine_criteria()


@dataclass(frozen=True, slots=True)
class Count:
    """Landings that truly were, that were found, and that were found without being."""

    true: int = 0
    hits: int = 0
    false: int = 0

    def __add__(self, other: Count) -> Count:
        """Both together."""
        return Count(self.true + other.true, self.hits + other.hits, self.false + other.false)

    @property
    def recall(self) -> float:
        """Share found."""
        return self.hits / self.true if self.true else 1.0

    def words(self) -> str:
        """`23 of 24`, and false ones where there are any."""
        return f"{self.hits} of {self.true}" + (f", {self.false} false" if self.false else "")


def heard(made: Simulated, *, landing_block: bool = False) -> RecordingResult:
    """Pass a simulated recording through the engine."""
    recording = made.recording()
    engine = Engine(recording.info, CRITERIA, landing_block=landing_block)
    for item in recording.blocks():
        engine.push(item)
    engine.flush()
    return engine.result()


def landings(script: Sequence[Doing], sensor: Sensor, *, seeds: int, landing_block: bool = False) -> Count:
    """Perform a script with several seeds and count its landings."""
    total = Count()
    for seed in range(1, seeds + 1):
        made = simulate_session(script, sensor=sensor, seed=seed)
        result = heard(made, landing_block=landing_block)
        found = [one.candidate.peak_sample / sensor.sampling_rate_hz for one in result.landings]
        true = [landing.peak_s for landing in made.truth.landings]
        hits = _matched(true, found)
        total += Count(len(true), hits, len(found) - hits)
    return total


def _matched(true_s: Sequence[float], found_s: Iterable[float]) -> int:
    """Truths with a detection of their own near them, in order of time."""
    left, hits = sorted(found_s), 0
    for true in sorted(true_s):
        near = [found for found in left if abs(found - true) <= TOLERANCE_S]
        if near:
            left.remove(min(near, key=lambda found: abs(found - true)))
            hits += 1
    return hits


def drop(height_cm: float) -> DropLanding:
    """A drop landed ordinarily for its height."""
    return DropLanding(height_m=height_cm / 100, impact=LandingShape(peak_g=2.4 + height_cm / 10), pause_s=1.0)


def drops(height_cm: float, sensor: Sensor, *, seeds: int = 4, landing_block: bool = False) -> Count:
    """Six drops from a height per seed."""
    return landings([Stand(), *[drop(height_cm)] * 6], sensor, seeds=seeds, landing_block=landing_block)


def hops(rate_hz: float, sensor: Sensor, *, seeds: int = 4) -> Count:
    """Two series of 15 hops per seed."""
    series = Hops(count=15, rate_hz=rate_hz, flight_share=AIR_SHARE[rate_hz])
    return landings([Stand(), series, Stand(duration_s=5.0), series, Stand()], sensor, seeds=seeds)


def flights(flight_s: float, sensor: Sensor, *, push: bool, seeds: int = 3) -> Count:
    """Six jumps or drops of one time in the air per seed."""
    fall_s = flight_s / 2 if push else flight_s
    height_m = STANDARD_GRAVITY_M_PER_S2 * fall_s**2 / 2
    impact = LandingShape(peak_g=2.5 + 9.0 * height_m)
    kind = Jump if push else DropLanding
    return landings([Stand(), *[kind(height_m=height_m, impact=impact, pause_s=0.8)] * 6], sensor, seeds=seeds)


@dataclass(frozen=True, slots=True)
class HeardSet:
    """What was said of one simulated set of five: repetitions, name, sets it was split into, false sets beside it."""

    repetitions: int
    name: str | None
    sets: int
    false_sets: int


def lifted(exercise: str, pause_s: float, *, seeds: int = 6) -> list[HeardSet]:
    """Five heavy repetitions with pauses, at the wrist, between walking and standing about; one set per seed."""
    sensor = Sensor(placement=Placement.WRIST, sampling_rate_hz=50.0, range_g=8.0)
    doing = BarbellSet(exercise=exercise, pause_s=pause_s, lead_s=6.0)
    script = [Stand(duration_s=4.0), Walk(duration_s=12.0), doing, Rest(duration_s=20.0)]
    said = []
    for seed in range(1, seeds + 1):
        made = simulate_session(script, sensor=sensor, seed=seed)
        (truth,), rate_hz = made.truth.sets, sensor.sampling_rate_hz
        sets = heard(made).sets
        own = [s for s in sets if s.start_sample / rate_hz < truth.end_s and s.end_sample / rate_hz > truth.start_s]
        name = max(own, key=lambda one: len(one.repetitions)).exercise if own else None
        said.append(HeardSet(sum(len(one.repetitions) for one in own), name, len(own), len(sets) - len(own)))
    return said


def everyday(placement: Placement, *, seeds: int) -> tuple[Count, float]:
    """Landings found in everyday movement without a landing, and hours of it."""
    sensor = Sensor(placement=placement)
    script = scenario("everyday").script
    hours = simulate_session(script, sensor=sensor, seed=1).truth.duration_s * seeds / 3600
    return landings(script, sensor, seeds=seeds), hours


# -- tables -----------------------------------------------------------------------------------------------------------
def drop_table(seeds: int) -> str:
    """Landings found by height of the drop."""
    rows = []
    for height_cm in DROPS_CM:
        waist = drops(height_cm, Sensor(placement=Placement.WAIST), seeds=seeds)
        block = drops(height_cm, Sensor(placement=Placement.WAIST), seeds=seeds, landing_block=True)
        pocket = drops(height_cm, Sensor(placement=Placement.POCKET), seeds=seeds)
        flight_s = (2 * height_cm / 100 / STANDARD_GRAVITY_M_PER_S2) ** 0.5
        rows.append((f"{height_cm} cm", f"{flight_s:.3f}", waist.words(), block.words(), pocket.words()))
    header = ("drop", "flight, s", "waist", "waist, inside a declared landing block", "pocket")
    return markdown(header, rows)


def hop_table(seeds: int) -> str:
    """Hops found by their rate."""
    cases = [(p, n) for p in (Placement.WAIST, Placement.POCKET) for n in (NOISES_G[0], NOISES_G[-1])]
    rows = []
    for rate_hz in HOPS_HZ:
        found = [hops(rate_hz, Sensor(placement=p, noise_g=n), seeds=seeds).words() for p, n in cases]
        rows.append((f"{rate_hz:g} Hz", f"{AIR_SHARE[rate_hz] / rate_hz:.3f}", *found))
    return markdown(("hops", "flight, s", *(f"{p.value}, noise {n:g} g" for p, n in cases)), rows)


def flight_curves(seeds: int) -> dict[tuple[str, float], list[Count]]:
    """Landings found against flight time, by take-off and noise, at the waist."""
    return {
        (takeoff, noise_g): [
            flights(flight_s, Sensor(placement=Placement.WAIST, noise_g=noise_g), push=takeoff == "jump", seeds=seeds)
            for flight_s in FLIGHTS_S
        ]
        for takeoff in ("jump", "drop")
        for noise_g in NOISES_G
    }


def flight_table(curves: dict[tuple[str, float], list[Count]]) -> str:
    """The curves as a table."""
    rows = [
        (f"{flight_s:.2f}", *(curve[number].words() for curve in curves.values()))
        for number, flight_s in enumerate(FLIGHTS_S)
    ]
    return markdown(("flight, s", *(f"{takeoff}, {noise_g:g} g" for takeoff, noise_g in curves)), rows)


def lift_table(seeds: int) -> str:
    """Sets of five by lift and pause."""
    rows = []
    for exercise in LIFTS:
        for pause_s in PAUSES_S:
            said = lifted(exercise, pause_s, seeds=seeds)
            counts = ", ".join(str(one.repetitions) for one in said)
            once = sum(one.sets == 1 for one in said)
            named = sum(one.name == exercise for one in said)
            false = sum(one.false_sets for one in said)
            rows.append((exercise, f"{pause_s:g} s", counts, f"{once} of {seeds}", f"{named} of {seeds}", false))
    header = ("lift", "pause", "repetitions found (true: 5 each)", "one set found", "named", "false sets beside it")
    return markdown(header, rows)


# -- figure -----------------------------------------------------------------------------------------------------------
WIDTH, HEIGHT, LEFT, TOP = 640, 300, 52, 24
COLOURS = ("#0b5394", "#38761d", "#b45f06", "#990000")


def figure(curves: dict[tuple[str, float], list[Count]]) -> str:
    """Recall against flight time as SVG: jumps solid, drops dashed, one colour per noise."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    parts += [f'<line x1="{LEFT}" x2="{WIDTH - 150}" y1="{_y(r)}" y2="{_y(r)}" stroke="#ccc"/>' for r in (0, 0.5, 1)]
    parts += [f'<text x="{LEFT - 8}" y="{_y(r) + 4}" text-anchor="end">{r:.0%}</text>' for r in (0, 0.5, 1)]
    parts += [f'<text x="{_x(f)}" y="{HEIGHT - 34}" text-anchor="middle">{f:g}</text>' for f in FLIGHTS_S]
    parts.append(f'<text x="{_x(0.19)}" y="{HEIGHT - 12}" text-anchor="middle">time in the air, s</text>')
    for number, ((takeoff, noise_g), curve) in enumerate(curves.items()):
        colour = COLOURS[NOISES_G.index(noise_g)]
        dash = ' stroke-dasharray="6 4"' if takeoff == "drop" else ""
        style = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
        points = " ".join(f"{_x(f)},{_y(c.recall)}" for f, c in zip(FLIGHTS_S, curve, strict=True))
        y = TOP + 10 + 22 * number
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(f'<line x1="{WIDTH - 138}" x2="{WIDTH - 108}" y1="{y}" y2="{y}" {style}/>')
        parts.append(f'<text x="{WIDTH - 102}" y="{y + 4}">{takeoff}, {noise_g:g} g</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(flight_s: float) -> float:
    return round(LEFT + (flight_s - FLIGHTS_S[0]) / (FLIGHTS_S[-1] - FLIGHTS_S[0]) * (WIDTH - 160 - LEFT), 1)


def _y(recall: float) -> float:
    return round(TOP + (1 - recall) * (HEIGHT - 80 - TOP), 1)
