"""A live session in plain values, for somebody elsewhere who looks on: rows of the screen, events, the waveform.

What is told is what the screen of the session shows (`PersonView`) and what `--json` prints (`event_line`), so that a
browser and a terminal cannot disagree. A waveform is |a| in whole mg; above 200 samples a second it is told as the
least and the greatest of each hundredth of a second, so that a peak is never lost.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from loadsense.events import Landing, LiftSet, Repetition
from loadsense.live.lines import event_line
from loadsense.live.state import LiveEvent
from loadsense.live.view import PersonView
from loadsense.samples import Gap, Item

#: Points of a waveform in a second, at most; above it they come as least and greatest by turns.
MOST_POINTS_HZ: Final = 200.0
#: Seconds of waveform that wait to be fetched; older ones are dropped.
_KEPT_S: Final = 1.0
_NOTES: Final = 4
_LONGEST_NOTE: Final = 300


def person_line(view: PersonView) -> dict[str, Any]:
    """One row of the screen under stable keys; null is unknown, never 0."""
    block = view.current
    lifts = [one for one in view.blocks if one.unit == "sets"]
    return {
        "person": view.person,
        "locked": view.locked and view.locked[:_LONGEST_NOTE],
        "block": block and asdict(block),
        "complete": bool(view.blocks) and block is None,
        "landings_in_band": view.landings_in_band if view.landings_graded else None,
        "landings": view.landings,
        "target": view.target,
        "sets": sum(one.done for one in lifts) if lifts else view.sets,
        "sets_asked": sum(one.asked or 0 for one in lifts) if lifts else None,
        "repetitions": view.repetitions,
        "last": view.last and asdict(view.last),
        "age_s": None if view.age_s is None else round(view.age_s, 2),
        "lost_s": round(view.lost_s, 2),
        "loss_observable": view.loss_observable,
        "battery_percent": view.battery_percent,
        "clipped": view.clipped,
        "ended": view.ended,
        "notes": [note[:_LONGEST_NOTE] for note in view.notes[-_NOTES:]],
    }


def is_told(live: LiveEvent) -> bool:
    """Whether an event is one that a coach looks for: landings, repetitions and sets, in every form they take."""
    return isinstance(live.event, Landing | Repetition | LiftSet)


def told_event(live: LiveEvent, number: int) -> dict[str, Any]:
    """The line of an event with its number in the session, by which one that comes twice is known."""
    return {"n": number} | event_line(live)


class WaveTap:
    """Collects the newest waveform of one sensor, while somebody looks.

    Parameters
    ----------
    person, sensor : str
    sampling_rate_hz : float
    """

    def __init__(self, person: str, sensor: str, sampling_rate_hz: float) -> None:
        self._head = {"person": person, "sensor": sensor}
        self._step = 2 * max(1, round(sampling_rate_hz / MOST_POINTS_HZ)) if sampling_rate_hz > MOST_POINTS_HZ else 1
        self._rate_hz = sampling_rate_hz
        self._parts: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._first_sample = 0
        self._waiting = 0
        self.is_on = False

    def hear(self, item: Item) -> None:
        """Samples as the engine gets them; a gap begins a new stretch."""
        if not self.is_on:
            self._parts, self._waiting = [], 0
            return
        if isinstance(item, Gap) or item.first_sample != self._first_sample + self._waiting:
            self._parts, self._waiting = [], 0
        if isinstance(item, Gap):
            return
        if not self._parts:
            self._first_sample = item.first_sample
        self._parts.append(np.sqrt(np.einsum("ij,ij->i", item.accel_g, item.accel_g)))
        self._waiting += len(item)
        while self._waiting > _KEPT_S * self._rate_hz and len(self._parts) > 1:
            self._drop(len(self._parts[0]))

    def take(self) -> dict[str, Any] | None:
        """What came since the last time, or None."""
        n = self._waiting - self._waiting % self._step
        if not n:
            return None
        values = np.concatenate(self._parts)
        first = self._first_sample
        self._parts, self._waiting, self._first_sample = [values[n:]], len(values) - n, first + n
        taken = values[:n]
        if self._step > 1:
            buckets = taken.reshape(-1, self._step)
            taken = np.column_stack((buckets.min(axis=1), buckets.max(axis=1))).ravel()
        rate_hz = self._rate_hz * (2 / self._step if self._step > 1 else 1)
        mg = np.rint(taken * 1000.0).astype(int).tolist()
        return {**self._head, "rate_hz": rate_hz, "at_s": round(first / self._rate_hz, 4), "mg": mg}

    def _drop(self, n: int) -> None:
        del self._parts[0]
        self._waiting -= n
        self._first_sample += n
