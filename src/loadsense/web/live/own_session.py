"""One person's session with sensors that this server hears itself: `LiveSession`, recorded, and told to the floor.

All of it happens on the radio's own loop; what pages show of it is read from there as it stands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from loadsense.errors import LoadSenseError
from loadsense.live import beginning, finish
from loadsense.live.outbox import UPDATE_S, Outbox
from loadsense.live.sensor import LiveSensor, warm_up
from loadsense.live.session import Feed, LiveSession
from loadsense.live.state import LiveEvent, Wearing
from loadsense.live.view import PersonBoard
from loadsense.store.unsaved import Unsaved
from loadsense.summary import Judging

if TYPE_CHECKING:
    from loadsense.sources.ble import Radio

State = Literal["connecting", "streaming", "ending", "ended", "failed"]
#: What a coach may say while she trains, as with the keys of `loadsense stream`.
WORDS: Final = ("next", "back", "done")
_MOVES: Final = {"next": 1, "back": -1}
BROKE_OFF: Final = "the session broke off by a fault of LoadSense; whatever was recorded is kept; start again"

#: Takes what is new of a session to the floor, and says whose waveform somebody looks at.
Tell = Callable[[dict[str, Any]], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """What is known when a session begins.

    Attributes
    ----------
    wearings : tuple of Wearing
        Of one person.
    judging : Judging
        As she is known in the store on her local day.
    locked : str or None
        Why her plan may not be trained now; nothing is graded then.
    began : datetime
        Aware.
    """

    wearings: tuple[Wearing, ...]
    judging: Judging
    locked: str | None
    began: datetime

    @property
    def person_id(self) -> str:
        """Whose it is."""
        return self.wearings[0].person


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFacts:
    """How a sensor of a session is; `note` is its newest sentence."""

    placement: str
    address: str
    connected: bool
    battery_percent: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session as a page shows it.

    Attributes
    ----------
    key, person_id : str
    state : str
    locked, fault : str or None
    sensors : tuple of SensorFacts
    block : str or None
        That the coach has declared, or the one she is in.
    has_plan : bool
        Whether there are blocks to go through.
    """

    key: str
    person_id: str
    state: State
    locked: str | None
    fault: str | None
    sensors: tuple[SensorFacts, ...]
    block: str | None
    has_plan: bool

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state in ("connecting", "streaming", "ending")


class OwnSession:
    """From the search for the sensors to the last settled event.

    Parameters
    ----------
    starting : Starting
    place : Unsaved
        Where it is recorded.
    radio : Radio
    tell : callable
    """

    def __init__(self, starting: Starting, place: Unsaved, *, radio: Radio, tell: Tell) -> None:
        self.starting, self.place = starting, place
        self.fault: str | None = None
        self._radio, self._tell = radio, tell
        self._outbox = Outbox()
        self._session: LiveSession | None = None
        self._state: State = "connecting"
        self._task: asyncio.Task[None] | None = None
        self._now = _clock()
        judging, began = starting.judging, starting.began
        self._sensors = [LiveSensor(one, judging, began=began, folder=place.folder) for one in starting.wearings]
        self._board = PersonBoard(starting.person_id, self._sensors, judging, on=judging.on or began.date())
        if starting.locked:
            self._board.target = replace(self._board.target, locked=starting.locked)
        self.facts = self._facts()  # pages read it from other threads, so it is renewed and never changed

    async def run(self) -> None:
        """Until it is ended, or no sensor could be connected to."""
        self._task = asyncio.current_task()
        self._outbox.begin({self.starting.person_id: self._board}, self._now)
        telling = asyncio.create_task(self._keep_telling())
        feeds: tuple[Feed, ...] = ()
        try:
            await asyncio.to_thread(warm_up, self.starting.wearings, self.starting.judging)
            feeds = await asyncio.to_thread(self._feeds)
            self._session = LiveSession(feeds, now=self._now, told=self._told)
            await self._session.run()
            self._state = "ended"
        except LoadSenseError as fault:
            self.fault, self._state = str(fault), "failed"
        except asyncio.CancelledError:
            self._state = "ended"  # before any sensor streamed: there is nothing to settle
        finally:
            await asyncio.gather(*(feed.source.stop() for feed in feeds), return_exceptions=True)
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self._close()

    def _close(self) -> None:
        if self._state not in ("ended", "failed"):
            self.fault, self._state = BROKE_OFF, "failed"
        while not self._tell_new(is_last=True):
            pass
        self.facts = self._facts()

    def _feeds(self) -> tuple[Feed, ...]:
        """Sources for the sensors; a simulated one is performed first, which takes a moment."""
        plan = finish.read_plan(self.place.folder)
        return tuple(
            Feed(one, beginning.source_of(one.wearing, plan, asked=(None, None), now=self._now, radio=self._radio))
            for one in self._sensors
        )

    def end(self) -> None:
        """Ask it to end: what streams is settled, what is still looked for is left."""
        if self._state in ("ended", "failed"):
            return
        streams, self._state = self._facts().state == "streaming", "ending"
        if streams and self._session is not None:
            self._session.end()
        elif self._task is not None:
            self._task.cancel()

    def say(self, word: str) -> None:
        """The coach says where she is in her plan: one of `WORDS`."""
        if word == "done":
            self._board.set_done(self._now())
        else:
            self._board.move(_MOVES[word], self._now())
        self.facts = self._facts()

    def _facts(self) -> SessionFacts:
        state, locked = self._state, self._board.target.locked
        if state == "connecting" and any(sensor.state.link for sensor in self._sensors):
            state = "streaming"
        view = self._board.view(self._now())
        return SessionFacts(
            key=self.place.key,
            person_id=self.starting.person_id,
            state=state,
            locked=locked,
            fault=self.fault,
            sensors=tuple(_sensor_facts(sensor) for sensor in self._sensors),
            block=view.current.name if view.current else None,
            has_plan=bool(self._board.walk.names) and not locked,
        )

    def _told(self, live: LiveEvent) -> None:
        self._board.hear(live)
        self._outbox.hear(live)

    async def _keep_telling(self) -> None:
        while True:
            self._tell_new(is_last=False)
            await asyncio.sleep(UPDATE_S)

    def _tell_new(self, *, is_last: bool) -> bool:
        """What is new, to the floor, where it arrives; returns whether there was an end in it."""
        told = self._outbox.take(time.monotonic(), is_last=is_last)
        if "states" in told:
            self.facts = self._facts()
        if told:
            self._outbox.watched = self._tell(told)
            self._outbox.arrived(max((event["n"] for event in told.get("events", ())), default=0))
        return "end" in told


def _clock() -> Callable[[], float]:
    """Seconds since now."""
    offset_s = time.monotonic()
    return lambda: time.monotonic() - offset_s


def _sensor_facts(sensor: LiveSensor) -> SensorFacts:
    state = sensor.state
    return SensorFacts(
        placement=sensor.wearing.sensor,
        address=sensor.wearing.address,
        connected=state.connected,
        battery_percent=state.battery_percent,
        note=state.notes[-1] if state.notes else "",
    )
