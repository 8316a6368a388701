"""What a session has to tell a floor and has not told yet: states, events with numbers, waveforms of the watched.

No loop, no clock and no channel in here: whoever carries it, over a network (`posting`) or within one program, asks
for what is new and says what has arrived. Events wait until they have; a state of a moment ago is replaced, and a
waveform that nobody fetches is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from loadsense.live.state import LiveEvent
from loadsense.live.telling import WaveTap, is_told, person_line, told_event
from loadsense.live.view import PersonBoard
from loadsense.samples import Item

if TYPE_CHECKING:
    from loadsense.live.sensor import LiveSensor

#: What is new is asked for so often; states come more rarely.
UPDATE_S: Final = 1.0 / 30.0
STATE_S: Final = 0.25
MOST_EVENTS: Final = 20_000
_EVENTS_AT_ONCE: Final = 100


class Outbox:
    """Everything of one session that waits to be told.

    Attributes
    ----------
    watched : frozenset of str
        People whose waveform somebody looks at.
    n_lost : int
        Events that waited for too long and were let go.
    """

    def __init__(self) -> None:
        self.watched: frozenset[str] = frozenset()
        self.n_lost = 0
        self._boards: Mapping[str, PersonBoard] = {}
        self._now: Callable[[], float] = lambda: 0.0
        self._taps: dict[str, WaveTap] = {}
        self._events: deque[dict[str, Any]] = deque()
        self._n_told = self._n_taken = 0
        self._states_s = -STATE_S

    @property
    def n_waiting(self) -> int:
        """Events that have not arrived yet."""
        return len(self._events)

    def begin(self, boards: Mapping[str, PersonBoard], now: Callable[[], float]) -> None:
        """Who is on the floor, and its clock; the samples of her landing sensor are listened to for the waveform."""
        self._boards, self._now = boards, now
        for board in boards.values():
            sensor = board.landing_sensor
            if sensor is not None:
                sensor.listener = self._listener(board.person, sensor)

    def _listener(self, person: str, sensor: LiveSensor) -> Callable[[Item], None]:
        def heard(item: Item) -> None:
            tap = self._taps.get(person)
            if tap is None:
                if sensor.info is None:
                    return
                tap = self._taps[person] = WaveTap(person, sensor.wearing.sensor, sensor.info.sampling_rate_hz)
            tap.is_on = person in self.watched
            tap.hear(item)

        return heard

    def hear(self, live: LiveEvent) -> None:
        """An event of the session."""
        if not is_told(live):
            return
        self._n_told += 1
        self._events.append(told_event(live, self._n_told))
        if len(self._events) > MOST_EVENTS:
            self._events.popleft()
            self.n_lost += 1

    def take(self, at_s: float, *, is_last: bool = False) -> dict[str, Any]:
        """What is new as one message, empty where nothing is.

        Parameters
        ----------
        at_s : float
            Steady seconds.
        is_last : bool
            The session has ended: states say so, and `end` comes with the last event.
        """
        told: dict[str, Any] = {}
        if is_last or at_s - self._states_s >= STATE_S:
            told["states"], self._states_s = self._states(is_last=is_last), at_s
        if events := self._next_events():
            told["events"] = events
        if waves := [wave for tap in self._taps.values() if (wave := tap.take()) is not None]:
            told["waves"] = waves
        if is_last and (not events or events[-1]["n"] == self._n_told):
            told["end"] = True
        return told

    def arrived(self, number: int) -> None:
        """Events up to this number are there: they need not be told again."""
        while self._events and self._events[0]["n"] <= number:
            self._events.popleft()

    def go_on_from(self, number: int) -> None:
        """A new channel: the event after this one is the next to be told."""
        self._n_taken = number
        self.arrived(number)

    def _states(self, *, is_last: bool) -> list[dict[str, Any]]:
        over = {"ended": True} if is_last else {}
        return [person_line(board.view(self._now())) | over for board in self._boards.values()]

    def _next_events(self) -> list[dict[str, Any]]:
        found = (
            [event for event in self._events if event["n"] > self._n_taken][:_EVENTS_AT_ONCE] if self._events else []
        )
        if found:
            self._n_taken = found[-1]["n"]
        return found
