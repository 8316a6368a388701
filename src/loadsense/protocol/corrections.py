"""The coach's word against the detector's, applied to what was detected before anything is judged.

A correction names a sensor and a sample, never an event: a later analysis may number its events otherwise, and the
correction finds the event nearest to its sample again, within a quarter of a second. One that finds none is returned,
so that somebody is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from loadsense.events import Excluded, Landing, LiftSet
from loadsense.protocol.session import COACH
from loadsense.results import RecordingResult

CorrectionKind = Literal["not a landing", "landing", "not a set", "exercise", "load"]
KINDS: Final[tuple[CorrectionKind, ...]] = get_args(CorrectionKind)

#: An event this close to the sample of a correction is the one that is meant.
WITHIN_S: Final = 0.25
#: Reason of a candidate that the coach excluded.
SAID_BY_COACH: Final = "coach: not one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One thing that the detector got wrong.

    Attributes
    ----------
    id : int
        In the order in which they were said; the last word on an event counts.
    sensor : str
        Name of the sensor in the session.
    at_sample : int
        Peak of a landing, or any sample of a set.
    kind : {"not a landing", "landing", "not a set", "exercise", "load"}
    exercise : str or None
        Of a set.
    load_kg : float or None
        Of a set.
    landing : Landing or None
        A missed landing as measured on the samples; None where they could not be measured.
    """

    id: int
    sensor: str
    at_sample: int
    kind: CorrectionKind
    exercise: str | None = None
    load_kg: float | None = None
    landing: Landing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What was detected, as corrected, and the corrections that met no event."""

    results: tuple[RecordingResult, ...]
    unmatched: tuple[Correction, ...]


def corrected(results: Sequence[RecordingResult], corrections: Sequence[Correction]) -> Corrected:
    """Apply corrections to what was detected.

    Parameters
    ----------
    results : sequence of RecordingResult
        As the engine found them.
    corrections : sequence of Correction
        In any order; they are applied in that of their ids.
    """
    by_sensor = {result.sensor: _Events(result) for result in results}
    unmatched = []
    for one in sorted(corrections, key=lambda correction: correction.id):
        events = by_sensor.get(one.sensor)
        if events is None or not events.apply(one):
            unmatched.append(one)
    return Corrected(results=tuple(events.result() for events in by_sensor.values()), unmatched=tuple(unmatched))


class _Events:
    """The events of one recording while they are corrected."""

    def __init__(self, result: RecordingResult) -> None:
        self._before = result
        self._landings = list(result.landings)
        self._sets = list(result.sets)
        self._excluded = list(result.excluded)
        self._taken_out: list[Landing] = []
        self._within = round(WITHIN_S * result.info.sampling_rate_hz)

    def apply(self, one: Correction) -> bool:
        """Whether the correction met an event."""
        match one.kind:
            case "not a landing":
                return self._take_landing_out(one)
            case "landing":
                return self._put_landing_in(one)
            case "not a set":
                return self._take_set_out(one)
            case "exercise":
                return self._rename_set(one)
            case "load":
                return self._load_set(one)

    def result(self) -> RecordingResult:
        """The recording as corrected."""
        return replace(
            self._before,
            landings=tuple(sorted(self._landings, key=_peak)),
            sets=tuple(self._sets),
            excluded=tuple(sorted(self._excluded, key=lambda event: event.peak_sample)),
        )

    def _nearest(self, landings: Sequence[Landing], sample: int) -> Landing | None:
        near = [landing for landing in landings if abs(_peak(landing) - sample) <= self._within]
        return min(near, key=lambda landing: abs(_peak(landing) - sample), default=None)

    def _take_landing_out(self, one: Correction) -> bool:
        landing = self._nearest(self._landings, one.at_sample)
        if landing is None:
            return False
        self._landings.remove(landing)
        self._taken_out.append(landing)
        self._excluded.append(Excluded(kind="landing", peak_sample=_peak(landing), reason=SAID_BY_COACH))
        return True

    def _put_landing_in(self, one: Correction) -> bool:
        """A landing that is there already is met; one that was taken out comes back as it was detected."""
        if self._nearest(self._landings, one.at_sample) is not None:
            return True
        landing = self._nearest(self._taken_out, one.at_sample) or one.landing
        if landing is None:
            return False
        self._landings.append(landing)
        self._excluded = [event for event in self._excluded if not self._is_candidate(event, _peak(landing))]
        return True

    def _is_candidate(self, event: Excluded, sample: int) -> bool:
        return event.kind == "landing" and abs(event.peak_sample - sample) <= self._within

    def _set_at(self, sample: int) -> int | None:
        """Index of the set that the sample lies in, or that begins or ends nearest to it."""
        distances = [max(one.start_sample - sample, sample - one.end_sample, 0) for one in self._sets]
        nearest = min(range(len(distances)), key=distances.__getitem__, default=None)
        return nearest if nearest is not None and distances[nearest] <= self._within else None

    def _take_set_out(self, one: Correction) -> bool:
        index = self._set_at(one.at_sample)
        if index is None:
            return False
        gone = self._sets.pop(index)
        self._excluded.append(Excluded(kind="set", peak_sample=gone.start_sample, reason=SAID_BY_COACH))
        return True

    def _rename_set(self, one: Correction) -> bool:
        index = self._set_at(one.at_sample)
        if index is None or one.exercise is None:
            return False
        self._sets[index] = _named(self._sets[index], one.exercise)
        return True

    def _load_set(self, one: Correction) -> bool:
        index = self._set_at(one.at_sample)
        if index is None or one.load_kg is None:
            return False
        self._sets[index] = replace(self._sets[index], load_kg=one.load_kg)
        return True


def _peak(landing: Landing) -> int:
    return landing.candidate.peak_sample


def _named(one: LiftSet, exercise: str) -> LiftSet:
    repetitions = tuple(replace(repetition, exercise=exercise) for repetition in one.repetitions)
    return replace(one, exercise=exercise, exercise_confidence=1.0, exercise_source=COACH, repetitions=repetitions)
