"""Sensors that this server hears itself: a look around, and sessions that run beside the pages.

Theory of operation
-------------------
Adapters want one loop, and engines at work must not make pages wait; so the radio has a thread and a loop of its own,
begun with the first look around. The floor belongs to the server's loop: what a session tells crosses over as the
same messages that a gateway posts, checked in the same way. Each person has a session of her own, because people do not
end together; sensors take turns on the one radio.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from loadsense.errors import Conflict, LoadSenseError, OptionError
from loadsense.live import beginning, finish
from loadsense.live.beginning import VIRTUAL
from loadsense.live.listening import sensors_in_reach
from loadsense.readers.live_log import SUFFIX as LOG_SUFFIX
from loadsense.store import unsaved
from loadsense.store.unsaved import Unsaved
from loadsense.web.live.floor import Floor, Session
from loadsense.web.live.own_session import OwnSession, SessionFacts, Starting, Tell
from loadsense.web.live.protocol import GatewayMessage, HelloFact

if TYPE_CHECKING:
    from loadsense.sources.ble import Found, Radio

SCAN_S: Final = 6.0
#: Sessions wind up in this time: leave is taken of each sensor.
_END_WITHIN_S: Final = 20.0
_LAST_TURNS_S: Final = 0.05
NO_BLEAK: Final = "to hear sensors, this computer needs one more package: pip install bleak, then start serve again"
OUR_FAULT: Final = "looking around broke off by a fault of LoadSense: look again"

_LOG: Final = logging.getLogger("loadsense.web")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found around.

    Attributes
    ----------
    is_running : bool
        Somebody looks around just now.
    at : datetime or None
        When it ended; None where nobody has looked yet.
    found : tuple of Found
    fault : str
        Why nothing could be heard; empty where it could.
    """

    is_running: bool = False
    at: datetime | None = None
    found: tuple[Found, ...] = ()
    fault: str = ""


class OwnSensors:
    """The radio of one server.

    Parameters
    ----------
    floor : Floor
    folder : Path
        Of the store's files.
    radio : str or None
        A virtual one at `tcp:HOST:PORT`; the system's when None.
    scan_s : float
    """

    def __init__(self, floor: Floor, folder: Path, *, radio: str | None = None, scan_s: float = SCAN_S) -> None:
        self._floor, self._folder = floor, folder
        self._place, self._scan_s = radio, scan_s
        self._radio: Radio | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._looking: Future[None] | None = None
        self._sessions: dict[str, tuple[OwnSession, Future[None]]] = {}
        self._saving: set[str] = set()
        self.seen = Seen()

    @property
    def lacks(self) -> str:
        """What must be installed before any sensor can be heard; empty where nothing must."""
        return "" if find_spec("bleak") is not None else NO_BLEAK

    # -- looking around

    def look(self) -> None:
        """Begin to look around, unless somebody does already; `seen` says what came of it.

        Raises
        ------
        OptionError
            A package is missing, or the place of the virtual radio is none.
        """
        if self.seen.is_running:
            return
        radio = self._the_radio()
        self.seen = replace(self.seen, is_running=True)
        self._looking = self._submit(self._look(radio))
        self._looking.add_done_callback(_log_fault)

    async def _look(self, radio: Radio) -> None:
        found: tuple[Found, ...] = ()
        fault = OUR_FAULT
        try:
            found, fault = await sensors_in_reach(self._scan_s, radio), ""
        except LoadSenseError as error:
            fault = str(error)
        finally:
            self.seen = Seen(at=datetime.now(UTC), found=found, fault=fault)

    # -- sessions

    def start(self, starting: Starting, *, user_id: int | None, loop: asyncio.AbstractEventLoop) -> str:
        """Begin a session of one person; called on the server's loop. Returns its key.

        Raises
        ------
        Conflict
            One of the sensors is worn in a session already.
        OptionError
            A sensor was not found around.
        LiveRefusedError
            She is streamed already, or the floor is full.
        WorldError
            There is no room for the recording.
        """
        radio = self._the_radio()
        self._check(starting)
        number = secrets.token_hex(16)
        hello = HelloFact(version=1, session=number, people=(starting.person_id,))
        told = self._floor.join(hello, user_id=user_id, known=frozenset(hello.people), channel=self)
        told.is_own = True
        try:
            place = unsaved.new_folder(self._folder, starting.person_id, starting.began, number[:8])
            self._write_plan(place, starting)
        except LoadSenseError:
            self._floor.dismiss(told)
            raise
        session = OwnSession(starting, place, radio=radio, tell=self._teller(told, loop))
        running = self._submit(session.run())
        self._forget_failed(starting.person_id)
        self._sessions[place.key] = (session, running)
        running.add_done_callback(_log_fault)
        running.add_done_callback(lambda _: _soon(loop, lambda: self._has_ended(session, told)))
        return place.key

    def _check(self, starting: Starting) -> None:
        worn = {
            one.address: session.starting.person_id
            for session, running in self._sessions.values()
            if not running.done()
            for one in session.starting.wearings
        }
        heard = {one.address for one in self.seen.found}
        for wearing in starting.wearings:
            if wearing.address.partition(":")[0] == VIRTUAL:
                continue
            if wearing.address in worn:
                raise Conflict(
                    f"the sensor at {wearing.address} is worn by {worn[wearing.address]} in a session that goes on: "
                    "end that one first, or choose another sensor"
                )
            if wearing.address not in heard:
                raise OptionError(f"no sensor at {wearing.address} was found around; look around again, then choose")

    def _write_plan(self, place: Unsaved, starting: Starting) -> None:
        profiles = {one.address: one.profile.name for one in self.seen.found if one.profile is not None}
        worn = {one.address: profiles[one.address] for one in starting.wearings if one.address in profiles}
        plan = starting.judging.plan.name if starting.judging.plan else None
        finish.write_plan(
            place.folder,
            finish.Plan(
                began=starting.began,
                wearings=starting.wearings,
                plan=plan,
                people={},
                profiles=worn,
                radio=self._place,
            ),
        )

    def _teller(self, told: Session, loop: asyncio.AbstractEventLoop) -> Tell:
        """From the radio's loop to the floor's."""

        def tell(content: dict[str, Any]) -> frozenset[str]:
            try:
                message = GatewayMessage.model_validate(content)
            except ValidationError:
                return frozenset(told.watched)  # beyond what a floor shows: the recording has it
            _soon(loop, lambda: self._floor.take(told, message))
            return frozenset(told.watched)

        return tell

    def _has_ended(self, session: OwnSession, told: Session) -> None:
        """On the server's loop: her line stays for a while; one of whom no sensor ever sent anything goes at once."""
        self._floor.leave(told, self)
        if not any(session.place.folder.glob(f"*{LOG_SUFFIX}")):
            self._floor.dismiss(told)
            unsaved.throw_away(session.place)

    async def end(self, key: str) -> None:
        """End a session and wait until its last event is settled and its recording closed; one that has is left."""
        found = self._sessions.get(key)
        if found is None:
            return
        session, running = found
        if self._loop is not None and not running.done():
            self._loop.call_soon_threadsafe(session.end)
            await asyncio.wait({asyncio.wrap_future(running)}, timeout=_END_WITHIN_S)
        self._sessions.pop(key, None)

    def say(self, key: str, word: str) -> None:
        """Pass on what the coach says; nobody listens once the session has ended."""
        found = self._sessions.get(key)
        if found is not None and self._loop is not None and not found[1].done():
            self._loop.call_soon_threadsafe(found[0].say, word)

    def facts(self) -> tuple[SessionFacts, ...]:
        """Every session that goes on or could not, the newest first."""
        return tuple(session.facts for session, _ in reversed(tuple(self._sessions.values())))

    def get(self, key: str) -> SessionFacts | None:
        """One that goes on, or could not."""
        return next((one for one in self.facts() if one.key == key), None)

    def is_streaming(self, person_id: str) -> bool:
        """Whether somebody's session goes on."""
        return any(one.is_open and one.person_id == person_id for one in self.facts())

    # -- what waits to be taken in

    def waiting(self) -> tuple[Unsaved, ...]:
        """Recordings of sessions that have ended, and are not taken in yet."""
        going = {one.key for one in self.facts() if one.is_open}
        return tuple(one for one in unsaved.unsaved(self._folder) if one.key not in going | self._saving)

    def find(self, key: str) -> Unsaved | None:
        """A session by its key, whether it goes on or waits."""
        return next((one for one in unsaved.unsaved(self._folder) if one.key == key), None)

    def begin_saving(self, key: str) -> None:
        """Somebody takes it in.

        Raises
        ------
        Conflict
            Somebody else does already.
        """
        if key in self._saving:
            raise Conflict("this session is being taken in already; wait a moment, then look at what became of it")
        self._saving.add(key)

    def end_saving(self, key: str) -> None:
        """It was taken in, or refused."""
        self._saving.discard(key)

    def let_go(self, key: str) -> None:
        """Show it no longer."""
        self._sessions.pop(key, None)

    def close(self) -> None:
        """End every session, so that each recording is whole, and let go of the radio."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with suppress(TimeoutError):  # their logs are on the disk all the same
            asyncio.run_coroutine_threadsafe(self._wind_up(), loop).result(_END_WITHIN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_END_WITHIN_S)
        loop.close()
        self._loop = self._thread = None

    async def _wind_up(self) -> None:
        going = [(session, running) for session, running in self._sessions.values() if not running.done()]
        for session, _ in going:
            session.end()
        open_ones: list[Future[None]] = [running for _, running in going]
        if self._looking is not None:
            self._looking.cancel()
            open_ones.append(self._looking)
        await asyncio.gather(*map(asyncio.wrap_future, open_ones), return_exceptions=True)
        await asyncio.sleep(_LAST_TURNS_S)  # what was closed is let go of by the loop's next turns

    # -- the radio and its loop

    def _the_radio(self) -> Radio:
        if self.lacks:
            raise OptionError(self.lacks)
        if self._radio is None:
            self._radio = beginning.radio_of(self._place)
        return self._radio

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="radio", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _forget_failed(self, person_id: str) -> None:
        """Whoever begins again needs no word of what went wrong before."""
        for key, (session, running) in tuple(self._sessions.items()):
            if running.done() and session.starting.person_id == person_id:
                del self._sessions[key]


def _log_fault(work: Future[None]) -> None:
    """A fault of ours leaves its trace for the engineer; the page has a sentence for the coach."""
    fault = None if work.cancelled() else work.exception()
    if fault is not None:
        _LOG.error("a task of the radio broke off", exc_info=fault)


def _soon(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """On the server's loop; it may be closed, and nobody looks at a floor then."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(work)
