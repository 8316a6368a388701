"""What a live screen shows, as frozen facts: a row for each person, made from events and sensor states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal

from loadsense import protocol, summary, verdict
from loadsense.criteria import LandingTarget
from loadsense.events import Landing, LiftSet, Repetition, Status
from loadsense.live.sensor import LiveSensor
from loadsense.live.state import LiveEvent
from loadsense.live.walk import LANDINGS, PlanWalk
from loadsense.placement import CAPABILITIES, Placement, parse_placement
from loadsense.prescriptions import PlanStage
from loadsense.summary import Judging

#: A packet older than this is no longer live.
STALE_S: Final = 2.0

Band = Literal["below", "inside", "above", "no band"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLanding:
    """The landing that came last.

    Attributes
    ----------
    peak_net_g : float
    loading_rate_g_per_s : float or None
    band : {"below", "inside", "above", "no band"}
        Where it lies against her own band; more is never better.
    evidence : str
        What studies grade it, in words; empty where it is not graded.
    settled, clipped : bool
    """

    peak_net_g: float
    loading_rate_g_per_s: float | None
    band: Band
    evidence: str
    settled: bool
    clipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One part of the plan: a lift with its sets, or the landings; `by_hand` where only the coach saw it done."""

    name: str
    done: int
    asked: int | None
    unit: Literal["sets", "landings"]
    by_hand: bool = False

    @property
    def complete(self) -> bool:
        """Whether as many were done as asked."""
        return self.asked is not None and self.done >= self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """One row of the live screen.

    Attributes
    ----------
    person : str
    locked : str or None
        Why her plan may not be graded.
    blocks : tuple of Block
        Of the plan, in order, as far as her sensors or the coach can see them.
    declared : str or None
        The block that the coach declared; without one, `current` is the first that is not complete.
    landings_in_band, landings, target : int or None
        So far, provisional ones included; no target where they are not graded.
    landings_graded : bool
        Whether they are held against a plan: not where it is locked, nor where no sensor of hers can grade them.
    last : LastLanding or None
    repetitions, sets : int
        Repetitions of the set that goes on, or of the last; sets so far.
    age_s : float or None
        Since the last packet of the sensor that has been silent longest; None before the first.
    lost_s : float
        Seconds that never came from the sensor that lost most: the dose is a lower bound when this is not 0.
    loss_observable : bool
    battery_percent : int or None
        The lowest of her sensors.
    clipped : bool
    notes : tuple of str
        The newest sentence of each of her sensors.
    """

    person: str
    locked: str | None
    blocks: tuple[Block, ...]
    landings_in_band: int
    landings: int
    target: int | None
    last: LastLanding | None
    repetitions: int
    sets: int
    age_s: float | None
    lost_s: float
    loss_observable: bool
    battery_percent: int | None
    clipped: bool
    ended: bool
    notes: tuple[str, ...] = ()
    declared: str | None = None
    landings_graded: bool = True

    @property
    def current(self) -> Block | None:
        """The block she is in."""
        said = next((block for block in self.blocks if block.name == self.declared), None)
        return said or next((block for block in self.blocks if not block.complete), None)

    @property
    def stale(self) -> bool:
        """Whether what is shown is old."""
        return not self.ended and (self.age_s is None or self.age_s > STALE_S)


@dataclass(slots=True)
class _Seen:
    """Events of one person, the latest form of each."""

    landings: dict[str, Landing] = field(default_factory=dict)
    sets: dict[str, LiftSet] = field(default_factory=dict)
    repetitions: dict[str, list[Repetition]] = field(default_factory=dict)
    shown: dict[str, LastLanding] = field(default_factory=dict)

    @property
    def last(self) -> LastLanding | None:
        """The landing that was told last and not withdrawn."""
        return next(reversed(self.shown.values()), None)


class PersonBoard:
    """Follows one person over all her sensors.

    Parameters
    ----------
    person : str
    sensors : sequence of LiveSensor
    judging : Judging
    on : date
        Local day, for the screening.
    """

    def __init__(self, person: str, sensors: Sequence[LiveSensor], judging: Judging, *, on: date) -> None:
        self.person = person
        self.sensors = tuple(sensors)
        self._judging = judging
        self._seen = _Seen()
        self.target = landing_target(judging, on)
        self._landing_sensor = _landing_sensor(sensor.wearing.sensor for sensor in sensors)
        worn = [parse_placement(sensor.wearing.sensor) for sensor in sensors]
        self._sees_landings = any(CAPABILITIES[placement].grades_landings for placement in worn)
        self.walk = PlanWalk([block.name for block in self._every_block()])
        self._n_recalled = 0

    @property
    def landing_sensor(self) -> LiveSensor | None:
        """The sensor whose landings count, or would."""
        return next((one for one in self.sensors if one.wearing.sensor == self._landing_sensor), None)

    def hear(self, live: LiveEvent) -> LastLanding | None:
        """Take an event; returns the landing when it is one that has just become known or settled."""
        match live.event:
            case Landing() if live.sensor == self._landing_sensor:
                return self._landing(live.event, live)
            case LiftSet():
                self._set(live.event)
            case Repetition():
                self._repetition(live.event)
        return None

    def view(self, now_s: float) -> PersonView:
        """The row at this moment."""
        self._recall()
        states = [sensor.state for sensor in self.sensors]
        ages = [None if state.last_s is None else max(0.0, now_s - state.last_s) for state in states if not state.ended]
        batteries = [state.battery_percent for state in states if state.battery_percent is not None]
        landings = list(self._seen.landings.values())
        latest = max(self._seen.repetitions.values(), key=_last_sample, default=[])
        return PersonView(
            person=self.person,
            locked=self.target.locked,
            blocks=self._blocks(),
            landings_in_band=sum(self._band(landing) in ("inside", "no band") for landing in landings),
            landings=len(landings),
            target=None if self.target.landings is None or not self._is_graded else round(self.target.landings),
            last=self._seen.last,
            repetitions=len(latest),
            sets=len(self._settled_sets()),
            age_s=None if not ages or None in ages else max(age for age in ages if age is not None),
            lost_s=max((state.lost_s for state in states), default=0.0),
            loss_observable=all(state.loss_observable for state in states),
            battery_percent=min(batteries, default=None),
            clipped=any(state.n_clipped for state in states),
            ended=all(state.ended for state in states),
            landings_graded=self._is_graded,
            notes=tuple(self._newest_notes()),
            declared=self.walk.block,
        )

    def _newest_notes(self) -> Iterator[str]:
        """The newest sentence of each sensor; one that is worn beside others is named, what all say is said once."""
        told = {sensor.wearing.sensor: sensor.state.notes[-1] for sensor in self.sensors if sensor.state.notes}
        for note in dict.fromkeys(told.values()):
            names = [name for name, one in told.items() if one == note]
            yield note if len(names) == len(self.sensors) else f"{' and '.join(names)}: {note}"

    def move(self, steps: int, now_s: float) -> None:
        """The coach goes to the next or a previous block of the plan: her sensors are told what is due."""
        self._recall()
        if self.walk.move(steps):
            exercise, landing_block = self.walk.word
            for sensor in self.sensors:
                sensor.declare(exercise, landing_block=landing_block, at_s=now_s)

    def set_done(self, now_s: float) -> None:
        """The coach says that a set is done; after the last one of a block the next block begins."""
        current = self.view(now_s).current
        name = self.walk.tick(current.name if current else None)
        if name is None:
            return
        for sensor in self.sensors:
            sensor.tick(name, now_s)
        block = next(block for block in self._blocks() if block.name == name)
        if block.complete and self.walk.block == name:
            self.move(1, now_s)

    def take_back(self, now_s: float) -> None:
        """The coach takes back the set that she called done last; where that had ended a block, it goes on."""
        self._recall()
        name = self.walk.untick()
        if name is None:
            return
        for sensor in self.sensors:
            sensor.untick(name, now_s)
        block = next((block for block in self._blocks() if block.name == name), None)
        if block is not None and not block.complete and self.walk.at == self.walk.names.index(name) + 1:
            self.move(-1, now_s)

    def _recall(self) -> None:
        """Follow what the coach said in a session that goes on or is replayed; every sensor has kept her words."""
        fullest = max((sensor.recalled for sensor in self.sensors), key=len, default=[])
        self.walk.recall(fullest[self._n_recalled :])
        self._n_recalled = max(self._n_recalled, len(fullest))

    def _landing(self, landing: Landing, live: LiveEvent) -> LastLanding | None:
        known = landing.event_id in self._seen.landings
        if landing.status is Status.WITHDRAWN:
            self._seen.landings.pop(landing.event_id, None)
            self._seen.shown.pop(landing.event_id, None)
            return None
        self._seen.landings[landing.event_id] = landing
        self._seen.shown[landing.event_id] = last = LastLanding(
            peak_net_g=landing.peak_net_g,
            loading_rate_g_per_s=landing.loading_rates.maximum_g_per_s,
            band=self._band(landing),
            evidence=self._evidence(landing, live) if self._is_graded else "",
            settled=landing.status is Status.SETTLED,
            clipped=landing.clipped,
        )
        return None if known else last

    @property
    def _is_graded(self) -> bool:
        """Whether her landings are held against a plan: not where it is locked, or her sensor cannot tell."""
        return self._sees_landings and not self.target.locked

    def _band(self, landing: Landing) -> Band:
        """Where it lies against her band; of a locked plan the ceiling alone holds."""
        band = band_of(landing, self.target) if self._sees_landings else "no band"
        return band if self._is_graded or band == "above" else "no band"

    def _evidence(self, landing: Landing, live: LiveEvent) -> str:
        """How the levels of studies grade a landing, beside her own band."""
        sensor = next(sensor for sensor in self.sensors if sensor.wearing.sensor == live.sensor)
        if sensor.engine is None:
            return ""
        seen = summary.observation(sensor.engine.result(), self._judging)
        profile = self._judging.profile
        magnitude, rate = verdict.grade_landing(landing, seen, profile=profile, criteria=self._judging.grading)
        words = []
        if magnitude is not None and profile.magnitude is not None:
            words.append(f"{'>' if magnitude else '<='} {profile.magnitude.value:g} g")
        if rate is not None and profile.rate is not None:
            words.append(f"{'>' if rate else '<='} {profile.rate.value:g} g/s")
        return ", ".join(words)

    def _repetition(self, one: Repetition) -> None:
        """The newest form of a repetition takes the place of those it overlaps: its borders may still move."""
        before = self._seen.repetitions.get(one.set_id, [])
        kept = [other for other in before if not _same_repetition(one, other)]
        if one.status is not Status.WITHDRAWN:
            kept.append(one)
        self._seen.repetitions[one.set_id] = kept

    def _set(self, one: LiftSet) -> None:
        if one.status is Status.WITHDRAWN:
            self._seen.sets.pop(one.set_id, None)
            self._seen.repetitions.pop(one.set_id, None)
            return
        self._seen.sets[one.set_id] = one
        if one.status is Status.SETTLED:
            self._seen.repetitions[one.set_id] = list(one.repetitions)

    def _settled_sets(self) -> list[LiftSet]:
        return [one for one in self._seen.sets.values() if one.status is Status.SETTLED]

    def _every_block(self) -> tuple[Block, ...]:
        judging = self._judging
        if judging.plan is None:
            return ()
        stage = protocol.chosen_stage(judging.plan, judging.person)
        return blocks_of(stage, self._settled_sets(), len(self._seen.landings), self.target)

    def _blocks(self) -> tuple[Block, ...]:
        """Blocks that a sensor sees, or that the coach spoke of."""
        done = self.walk.done
        return tuple(
            _ticked(block, done[block.name], observed=self._observed(block))
            for block in self._every_block()
            if self._observed(block) or block.name in done or block.name == self.walk.block
        )

    def _observed(self, block: Block) -> bool:
        """Whether any of her sensors can see this block; what nobody sees is never shown as not done."""
        seen = [CAPABILITIES[parse_placement(sensor.wearing.sensor)] for sensor in self.sensors]
        if block.unit == "sets":
            return any(one.sees_lifts for one in seen)
        return any(one.grades_landings for one in seen)


def blocks_of(stage: PlanStage, sets: Sequence[LiftSet], n_landings: int, target: LandingTarget) -> tuple[Block, ...]:
    """The blocks of a stage with what was done: sets by exercise, those that nobody could name where one is due."""
    left = [one for one in sets if one.exercise not in {lift.exercise for lift in stage.lifts}]
    blocks = []
    for lift in stage.lifts:
        named = sum(one.exercise == lift.exercise for one in sets)
        taken = min(len(left), max(0, lift.sets - named))
        left = left[taken:]
        blocks.append(Block(name=lift.exercise, done=named + taken, asked=lift.sets, unit="sets"))
    if target.landings:
        blocks.append(Block(name=LANDINGS, done=n_landings, asked=round(target.landings), unit="landings"))
    return tuple(blocks)


def _ticked(block: Block, n: int, *, observed: bool) -> Block:
    """The block with what the coach called done, where that is more than what was seen."""
    return replace(block, done=max(block.done, n), by_hand=n > block.done or not observed)


def band_of(landing: Landing, target: LandingTarget) -> Band:
    """Where a landing lies against the band that was prescribed."""
    if target.min_net_g is None and target.ceiling_net_g is None:
        return "no band"
    if target.ceiling_net_g is not None and landing.peak_net_g > target.ceiling_net_g:
        return "above"
    if target.min_net_g is not None and landing.peak_net_g < target.min_net_g:
        return "below"
    return "inside"


def landing_target(judging: Judging, on: date) -> LandingTarget:
    """What the landings of this person are judged against today."""
    return protocol.landing_target(
        plan=judging.plan,
        person=judging.person,
        profile=judging.profile,
        rules=judging.rules,
        target_landings=judging.target_landings,
        on=on,
    )


def _landing_sensor(names: Iterable[str]) -> str:
    """The sensor whose landings count: a graded placement before any other."""
    placements = [parse_placement(name) for name in names]

    def rank(placement: Placement) -> tuple[bool, bool]:
        capability = CAPABILITIES[placement]
        return not capability.grades_landings, capability.landing_method is None

    return min(placements, key=rank).value if placements else ""


def _same_repetition(one: Repetition, other: Repetition) -> bool:
    """Whether two are forms of one repetition: they share more than half of the shorter."""
    shared = min(one.end_sample, other.end_sample) - max(one.start_sample, other.start_sample)
    shorter = min(one.end_sample - one.start_sample, other.end_sample - other.start_sample)
    return 2 * shared > shorter


def _last_sample(repetitions: Sequence[Repetition]) -> int:
    return max((one.end_sample for one in repetitions), default=0)
