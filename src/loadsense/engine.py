"""Samples in, events out, a report at the end: condition, detect, measure, tally.

There is one engine. A file is `for item in recording.blocks(): engine.push(item)` and then `engine.flush()`; a live
sensor pushes ten samples at a time; a replay pushes what was recorded. The facts that come out depend on the samples
alone, because

- samples reach the stages in beats of a tenth of a second, cut at absolute sample indices;
- every stage is itself independent of where its input was cut (`stage.py`);
- the loads of a landing are measured on a closed window of raw samples, and only once the window is complete.

A provisional landing is measured on the shorter window that is there half a second after its peak; the settled one on
the whole window, and only the settled ones are tallied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Final

import numpy as np

from loadsense import units
from loadsense.buffers import Beats, RawHistory
from loadsense.conditioning import QualityStage
from loadsense.criteria import BandSet, ForceEquation, LongWearCriteria
from loadsense.detection.activity import ActivityClassifier, ActivityCriteria
from loadsense.detection.impacts import ImpactCriteria, ImpactDetector
from loadsense.detection.landings import LandingCriteria, LandingDetector
from loadsense.detection.lifts import LiftCriteria, LiftDetector
from loadsense.envelope import EnvelopeStage
from loadsense.events import (
    Event,
    Excluded,
    Landing,
    LandingCandidate,
    LiftSet,
    Status,
)
from loadsense.impact_table import ImpactTable
from loadsense.loading import landing_window, measure_landing
from loadsense.longwear import EpochMeans, EpochStage, LongWearInput, summarize_days
from loadsense.naming import ImpactNaming
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import Envelope, RecordingResult, SignalQuality
from loadsense.samples import ClockQuality, Declaration, Gap, IntArray, Item, SampleBlock, SetDone, StreamInfo
from loadsense.stage import Stage
from loadsense.stretch_table import StretchTable
from loadsense.wear import DaySummary

#: Stages see samples in beats of this length, so that a live push of ten samples costs an append and little else.
BEAT_S: Final = 0.1

#: Raw samples kept behind the newest one: the longest window of a landing, and hops that are added late.
HISTORY_S: Final = 8.0

#: A provisional landing is measured on what is there this long after its peak.
PROVISIONAL_WINDOW_S: Final = 0.3

#: Slowest rate at which landings are looked for at all.
SLOWEST_LANDING_RATE_HZ: Final = 20.0

#: Recordings at least this long are summed up by local day.
LONG_WEAR_S: Final = 12 * 3600.0

#: What stages find.
_Fact = Event | LandingCandidate | Envelope | EpochMeans


class Lane(Flag):
    """Stages that need nothing of the other lane, so that two engines can share the work on one recording.

    `SIGNAL` judges and draws the samples; `EVENTS` finds everything else, and is the one that gives a result.
    """

    SIGNAL = auto()
    EVENTS = auto()
    BOTH = SIGNAL | EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFound:
    """What the lane of the signal found."""

    quality: SignalQuality
    envelope: Envelope | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCriteria:
    """Everything the stages are told: one frozen criteria object each, and the force equations."""

    impacts: ImpactCriteria
    landings: LandingCriteria
    lifts: LiftCriteria
    activity: ActivityCriteria
    equations: tuple[ForceEquation, ...]
    longwear: LongWearCriteria
    impact_bands: tuple[BandSet, ...]
    score_bins: BandSet


class Engine:
    """Push samples and gaps, get events; flush, and get the result of the recording.

    Parameters
    ----------
    info : StreamInfo
        Facts of the stream, complete; what was declared while it was recorded holds from the same samples again.
    criteria : EngineCriteria
        Criteria of the stages.
    landing_block : bool
        The wearer said that these are landings: drops of 5 to 8 cm are looked for too, marked as untested.
    lane : Lane
        The stages that run. An engine of the lane of events takes what one of the lane of the signal found by `join`,
        and then has the result of both.
    """

    def __init__(
        self,
        info: StreamInfo,
        criteria: EngineCriteria,
        *,
        landing_block: bool = False,
        lane: Lane = Lane.BOTH,
    ) -> None:
        self.info = info
        self._joined: SignalFound | None = None
        self._criteria = criteria
        rate_hz = info.sampling_rate_hz
        self._beats = Beats(max(1, units.samples_from_seconds(BEAT_S, rate_hz)))
        self._history = RawHistory(units.samples_from_seconds(HISTORY_S, rate_hz))
        self._quality = QualityStage(sampling_rate_hz=rate_hz, range_g=info.range_g)
        self._envelope = EnvelopeStage()
        self._impacts = _impact_detector(info, criteria.impacts)
        self._epochs = _epoch_stage(info, criteria.longwear)
        self._activity = ActivityClassifier(
            sampling_rate_hz=rate_hz, placement=info.placement, criteria=criteria.activity
        )
        self._landings = _landing_detector(info, criteria.landings, landing_block=landing_block)
        self._lifts = _lift_detector(info, criteria.lifts)
        self._stages = self._those_that_are_on(lane)
        self._unmeasured: list[tuple[int, LandingCandidate]] = []
        self._naming = ImpactNaming(info, criteria.equations)
        self._grades_landings = CAPABILITIES[info.placement].grades_landings
        self._found = _Found()
        self._epoch_means: list[EpochMeans] = []
        self._due = deque(info.declared)
        self._finished = False
        self._tells = True

    def push(self, item: Item) -> list[Event]:
        """Take the next samples or a gap; return the events that have become known.

        Parameters
        ----------
        item : SampleBlock or Gap
            Must start where the last one ended.

        Raises
        ------
        ValueError
            The item does not follow the one before, or the engine has been flushed.
        """
        self._tell(True)
        return self._accept(item)

    def feed(self, item: Item) -> None:
        """Take the next item as `push` does, for who asks for the result alone: what is only told live is not made.

        Parameters
        ----------
        item : SampleBlock or Gap
            Must start where the last one ended.

        Raises
        ------
        ValueError
            The item does not follow the one before, or the engine has been flushed.
        """
        self._tell(False)
        self._accept(item)

    @property
    def next_sample(self) -> int:
        """Sample that is expected next."""
        return self._beats.end

    def declare(self, exercise: str | None = None, *, landing_block: bool = False) -> Declaration:
        """The coach says what is due from the next sample on.

        Parameters
        ----------
        exercise : str or None
            The lift: a prior for the name of a set, never for its count.
        landing_block : bool
            Landings: drops of 5 to 8 cm are looked for too.

        Returns
        -------
        Declaration
            With the sample from which it holds: a stream whose facts hold it gives the same events again.
        """
        first = max([self.next_sample, *(one.first_sample for one in self.info.declared[-1:])])
        made = Declaration(first_sample=first, exercise=exercise, landing_block=landing_block)
        self.info = replace(self.info, declared=(*self.info.declared, made))
        if self._due:  # what a damaged log declares of samples that are still to come
            self._due.append(made)
        else:
            self._heed(made)
        return made

    def set_done(self, exercise: str) -> SetDone:
        """The coach calls a set done: kept in the facts of the stream, no detector hears of it."""
        made = SetDone(at_sample=self.next_sample, exercise=exercise)
        self.info = replace(self.info, sets_done=(*self.info.sets_done, made))
        return made

    def set_undone(self, exercise: str) -> None:
        """The coach takes back the last set of this exercise that was called done, if there is one."""
        self.info = self.info.without_last_done(exercise)

    def flush(self) -> list[Event]:
        """No more samples will come: return the events that were still open."""
        self._tell(True)
        events = self._pass_rest()
        for stage in self._stages:
            events += self._sort(stage.flush())
        self._finished = True
        return events + self._measure(None) + self._name_impacts(is_over=True)

    def signal(self) -> SignalFound:
        """What the lane of the signal has found so far."""
        return self._joined or SignalFound(quality=self._quality.result(), envelope=self._envelope.result())

    def join(self, found: SignalFound) -> None:
        """Take what the lane of the signal found of the same samples elsewhere; call it after `flush`."""
        self._joined = found

    def result(self, clock: ClockQuality | None = None, *, sensor: str | None = None) -> RecordingResult:
        """What the recording came to; call it after `flush`, or before for the settled events so far.

        Parameters
        ----------
        clock : ClockQuality, optional
            What the reader learned about the clock.
        sensor : str, optional
            Name in a session of several sensors; the placement by default.
        """
        signal = self.signal()
        return RecordingResult(
            info=self.info,
            sensor=sensor or self.info.placement.value,
            quality=signal.quality,
            clock=clock or ClockQuality(),
            envelope=signal.envelope,
            landings=tuple(sorted(self._found.landings, key=lambda e: e.candidate.peak_sample)),
            impacts=self._naming.named.part(0, len(self._naming.named)),
            excluded=tuple(sorted(self._found.excluded, key=lambda e: e.peak_sample)),
            sets=tuple(sorted(self._found.sets, key=lambda e: e.start_sample)),
            activities=self._naming.seen.stretches(),
            days=self._days(signal.quality),
        )

    def _days(self, quality: SignalQuality) -> tuple[DaySummary, ...]:
        """Local days of a recording of long wear; none for a session."""
        n_grid = self._history.end
        if n_grid < LONG_WEAR_S * self.info.sampling_rate_hz:
            return ()
        impacts = self._naming.named
        by_rule = ~impacts.is_step
        seen = LongWearInput(
            start=self.info.start,
            tz=self.info.tz,
            sampling_rate_hz=self.info.sampling_rate_hz,
            placement=self.info.placement,
            n_samples=n_grid,
            gaps=quality.gaps,
            non_wear=quality.non_wear if quality.non_wear_known else None,
            impact_samples=impacts.samples()[by_rule],
            impact_peaks_g=impacts.numbers("peak_g")[by_rule],
            impact_vertical_g=impacts.numbers("peak_vertical_g")[by_rule],
            landing_samples=self._landing_samples(),
            score_samples=impacts.samples()[by_rule],
            score_peaks_g=impacts.numbers("peak_g")[by_rule],
            epochs=tuple(self._epoch_means),
        )
        criteria = self._criteria
        return summarize_days(
            seen, criteria=criteria.longwear, bands=criteria.impact_bands, score_bins=criteria.score_bins
        )

    def _landing_samples(self) -> IntArray | None:
        if self._landings is None:
            return None
        return np.array([landing.candidate.landing_sample for landing in self._found.landings], dtype=np.int64)

    # -- the way of a block

    def _tell(self, tells: bool) -> None:
        """Whether what is only told live is made from here on."""
        self._tells = tells
        if self._landings is not None:
            self._landings.tells = tells

    def _accept(self, item: Item) -> list[Event]:
        if self._finished:
            raise ValueError("the engine has been flushed; make a new one for more samples")
        if self._due:
            return [event for part in self._declared_parts(item) for event in self._take(part)]
        return self._take(item)

    def _take(self, item: Item) -> list[Event]:
        if isinstance(item, Gap):
            return self._pass_gap(item)
        block = self._beats.push(item)
        return self._pass(block) if block is not None else []

    def _declared_parts(self, item: Item) -> Iterable[Item]:
        """The item in pieces, each declaration heeded before the piece that begins with it."""
        while self._due:
            at = self._due[0].first_sample - item.first_sample
            if at > 0 and (isinstance(item, Gap) or at >= len(item)):
                break
            if at > 0 and isinstance(item, SampleBlock):
                yield SampleBlock(item.first_sample, item.accel_g[:at])
                item = SampleBlock(item.first_sample + at, item.accel_g[at:])
            self._heed(self._due.popleft())
        yield item

    def _heed(self, said: Declaration) -> None:
        if self._lifts is not None:
            self._lifts.declare(said.exercise, first_sample=said.first_sample)
        if self._landings is not None:
            self._landings.declare(said.landing_block, first_sample=said.first_sample)

    def _those_that_are_on(self, lane: Lane) -> Sequence[Stage[_Fact]]:
        """The stages for this lane, placement and rate, in the order in which they are asked."""
        stages: list[Stage[_Fact] | None] = []
        if Lane.SIGNAL in lane:
            stages += [self._quality, self._envelope]
        if Lane.EVENTS in lane:
            stages += [self._impacts, self._activity, self._landings, self._lifts, self._epochs]
        return [stage for stage in stages if stage is not None]

    def _pass(self, block: SampleBlock) -> list[Event]:
        """One block of whole beats (or the rest before a gap) through every stage."""
        self._history.append(block)
        events: list[Event] = []
        for stage in self._stages:
            if found := stage.push(block):
                events += self._sort(found)
        if self._unmeasured:
            events += self._measure(self._history.end)
        self._history.forget()
        return events + self._name_impacts() if self._naming.is_due else events

    def _pass_rest(self) -> list[Event]:
        rest = self._beats.flush()
        return self._pass(rest) if rest is not None else []

    def _pass_gap(self, gap: Gap) -> list[Event]:
        events = self._pass_rest()
        self._beats.skip(gap)
        for stage in self._stages:
            events += self._sort(stage.gap(gap))
        events += self._measure(None)
        self._history.cut(gap)
        return events

    def _sort(self, found: Sequence[_Fact]) -> list[Event]:
        """Keep what a stage found: landings and impacts wait to be completed, the rest is an event at once."""
        if isinstance(found, ImpactTable):
            self._naming.add(found)
            return []
        if isinstance(found, StretchTable):
            self._naming.seen.extend(found)
            return list(found) if self._tells else []
        events: list[Event] = []
        for fact in found:
            match fact:
                case LandingCandidate():
                    if self._tells or fact.status is Status.SETTLED:
                        self._unmeasured.append((self._window_end(fact), fact))
                case EpochMeans():
                    self._epoch_means.append(fact)
                case Envelope():
                    pass
                case _:
                    self._found.keep(fact)
                    events.append(fact)
        return events

    # -- loads of landings

    def _window_end(self, candidate: LandingCandidate) -> int:
        """Sample up to which the candidate is measured."""
        if candidate.status is Status.SETTLED:
            return landing_window(candidate, self.info.sampling_rate_hz)[1]
        return candidate.peak_sample + units.samples_from_seconds(PROVISIONAL_WINDOW_S, self.info.sampling_rate_hz)

    def _measure(self, known_to: int | None) -> list[Event]:
        """Measure the candidates whose window is complete; all of them where no more samples follow (None)."""
        due = [c for end, c in self._unmeasured if known_to is None or end <= known_to]
        self._unmeasured = [(end, c) for end, c in self._unmeasured if known_to is not None and end > known_to]
        events: list[Event] = []
        for landing in map(self._landing, due):
            events.append(landing)
            if landing.status is Status.SETTLED:
                self._found.landings.append(landing)
        return events

    def _landing(self, candidate: LandingCandidate) -> Landing:
        first, _ = landing_window(candidate, self.info.sampling_rate_hz)
        window = self._history.window(first, self._window_end(candidate), around=candidate.peak_sample)
        landing = measure_landing(
            window.accel_g,
            window.first_sample,
            candidate,
            sampling_rate_hz=self.info.sampling_rate_hz,
            range_g=self.info.range_g,
        )
        force = self._naming.landing_force(landing.peak_20hz_g) if self._grades_landings else None
        if candidate.status is not Status.SETTLED:  # its window is short by design, nothing cut it
            return replace(landing, candidate=candidate, force=force)
        return landing if force is None else replace(landing, force=force)

    # -- impacts

    def _name_impacts(self, *, is_over: bool = False) -> list[Event]:
        """The impacts around which the activity has become known, or all."""
        where = self._naming.name(is_over=is_over)
        return list(self._naming.named.part(where.start, where.stop)) if where and self._tells else []


def _impact_detector(info: StreamInfo, criteria: ImpactCriteria) -> ImpactDetector:
    """Every step of a run where forces are predicted; the slow vertical where an equation asks for it."""
    site = CAPABILITIES[info.placement].force_site
    return ImpactDetector(
        sampling_rate_hz=info.sampling_rate_hz,
        criteria=criteria,
        steps=site is not None,
        slow_vertical=site == "back" and info.body_mass_kg is not None,
    )


def _epoch_stage(info: StreamInfo, criteria: LongWearCriteria) -> EpochStage | None:
    """Epoch means belong to the wrist alone."""
    if info.placement is not Placement.WRIST:
        return None
    return EpochStage(info.sampling_rate_hz, criteria.epoch_s)


def _landing_detector(info: StreamInfo, criteria: LandingCriteria, *, landing_block: bool) -> LandingDetector | None:
    """None where no landing can be seen: a placement without a method, or a rate that is far too low."""
    if CAPABILITIES[info.placement].landing_method is None or info.sampling_rate_hz < SLOWEST_LANDING_RATE_HZ:
        return None
    return LandingDetector(
        sampling_rate_hz=info.sampling_rate_hz,
        placement=info.placement,
        range_g=info.range_g,
        criteria=criteria,
        landing_block=landing_block,
    )


def _lift_detector(info: StreamInfo, criteria: LiftCriteria) -> LiftDetector | None:
    """None where lifts are not looked for."""
    if not CAPABILITIES[info.placement].sees_lifts:
        return None
    return LiftDetector(sampling_rate_hz=info.sampling_rate_hz, criteria=criteria)


@dataclass(slots=True)
class _Found:
    """The settled events so far."""

    landings: list[Landing] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    sets: list[LiftSet] = field(default_factory=list)

    def keep(self, event: Event) -> None:
        """Tally what counts: settled sets and exclusions; the rest is only passed on."""
        match event:
            case Excluded():
                self.excluded.append(event)
            case LiftSet(status=Status.SETTLED):
                self.sets.append(event)
