"""Who is on the floor and who looks on: one place in the server's memory, touched by its loop alone.

Theory of operation
-------------------
Gateways speak of people, browsers look. Each browser has what it has not been sent yet: the latest state of everybody,
the events, and the waveform of the one it chose. A state replaces the one before it and waveforms are few, so that a
slow browser costs little; one that does not even take its events is hung up on, and comes back by itself. Nothing of
this is stored: the recording is with the gateway, and comes as a file.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import Final

from loadsense.web.access import Role, Visitor
from loadsense.web.live.protocol import (
    EventFact,
    GatewayMessage,
    HelloFact,
    LiveRefusedError,
    PersonFact,
)

#: Lines of a session stay after its end, and after its gateway went without one.
KEEP_ENDED_S: Final = 1800.0
KEEP_SILENT_S: Final = 900.0
MOST_ON_FLOOR: Final = 64
MOST_VIEWERS: Final = 200
#: A browser that has not taken what was sent to it for this long is hung up on.
SLOW_S: Final = 10.0
_MOST_WAVES: Final = 30
_MOST_EVENTS: Final = 500
_EVENTS_KEPT: Final = 30


class ShownFact(PersonFact):
    """A line as browsers get it: with what the server itself knows of it."""

    connected: bool
    known: bool


@dataclass(slots=True)
class Line:
    """One person on the floor."""

    person: str
    session: Session
    known: bool
    fact: PersonFact | None = None
    heard_s: float = 0.0
    events: deque[str] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))

    def json(self, now_s: float) -> str | None:
        """The line at this moment; packets have become older since it was told."""
        if self.fact is None:
            return None
        age_s = self.fact.age_s
        older_s = None if age_s is None or self.fact.ended else round(age_s + now_s - self.heard_s, 2)
        told = self.fact.model_dump() | {"age_s": older_s}
        return ShownFact(**told, connected=self.session.is_open, known=self.known).model_dump_json()


@dataclass(slots=True, eq=False)
class Session:
    """What one gateway streams, or this server itself; it outlives the channel, so that the gateway can come back."""

    id: str
    user_id: int | None
    people: tuple[str, ...]
    n_events: int = 0
    is_open: bool = True
    ended: bool = False
    left_s: float = 0.0
    watched: tuple[str, ...] = ()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    channel: object = None
    is_own: bool = False

    def is_over(self, now_s: float) -> bool:
        """Whether its lines may go."""
        return not self.is_open and now_s - self.left_s > (KEEP_ENDED_S if self.ended else KEEP_SILENT_S)


class Viewer:
    """One browser: what it may see, what it chose, and what waits for it.

    Parameters
    ----------
    only : str or None
        Pseudonym of the one person that it may see; None sees everybody.
    """

    def __init__(self, only: str | None = None, *, sees_everybody: bool = True) -> None:
        self.chosen: str | None = None
        self.is_slow = False
        self.sending_since_s: float | None = None
        self.wake = asyncio.Event()
        self._only, self._sees_everybody = only, sees_everybody
        self._states: dict[str, str] = {}
        self._events: list[str] = []
        self._waves: deque[str] = deque(maxlen=_MOST_WAVES)
        self._gone: list[str] = []
        self._is_new = True
        self.wake.set()

    def may_see(self, person: str) -> bool:
        """Whether this person is any of this browser's business."""
        return self._sees_everybody or person == self._only

    def tell(
        self, person: str, *, state: str | None = None, events: Iterable[str] = (), wave: str | None = None
    ) -> None:
        """Put aside what is new of a person, for the next message."""
        if not self.may_see(person):
            return
        if state is not None:
            self._states[person] = state
        if wave is not None and person == self.chosen:
            self._waves.append(wave)
        self._events.extend(events)
        if len(self._events) > _MOST_EVENTS:
            self.is_slow = True
        if self._states or self._events or self._waves:
            self.wake.set()

    def forget(self, person: str) -> None:
        """A person has left the floor."""
        if self.may_see(person):
            self._states.pop(person, None)
            self._gone.append(person)
            self.wake.set()

    def choose(self, person: str | None) -> None:
        """Whose waveform it wants; nobody's where it may not see her."""
        self.chosen = person if person is not None and self.may_see(person) else None
        self._waves.clear()

    def take(self) -> str | None:
        """Everything that waits as one message, or None; the first says that it is all there is."""
        self.wake.clear()
        parts = ['"all":true'] if self._is_new else []
        self._is_new = False
        if self._states:
            parts.append(f'"states":[{",".join(self._states.values())}]')
        if self._events:
            parts.append(f'"events":[{",".join(self._events)}]')
        if self._waves:
            parts.append(f'"waves":[{",".join(self._waves)}]')
        if self._gone:
            parts.append('"gone":["' + '","'.join(self._gone) + '"]')
        self._states, self._events, self._gone = {}, [], []
        self._waves.clear()
        return "{" + ",".join(parts) + "}" if parts else None

    def has_hung(self, now_s: float) -> bool:
        """Whether it takes nothing any longer."""
        return self.is_slow or (self.sending_since_s is not None and now_s - self.sending_since_s > SLOW_S)


def viewer_for(visitor: Visitor) -> Viewer:
    """The eyes of a visitor: an athlete has some for herself only."""
    return Viewer(visitor.person_id, sees_everybody=visitor.role >= Role.VIEWER)


class Floor:
    """Everybody who is streamed now, or was a moment ago.

    Parameters
    ----------
    clock : callable
        Steady seconds; tests have their own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._lines: dict[str, Line] = {}
        self.viewers: set[Viewer] = set()

    # -- gateways

    def join(self, hello: HelloFact, *, user_id: int | None, known: frozenset[str], channel: object) -> Session:
        """A gateway says whom it streams, for the first time or again.

        Raises
        ------
        LiveRefusedError
            The session is somebody else's, a person is streamed by another gateway, or the floor is full.
        """
        self.sweep()
        session = self._sessions.get(hello.session)
        if session is not None and (session.user_id != user_id or session.people != hello.people):
            raise LiveRefusedError(
                "this live session belongs to another account or to other people: start a new one", 4403
            )
        self._refuse_taken(hello)
        if session is None:
            session = Session(id=hello.session, user_id=user_id, people=hello.people)
            self._sessions[session.id] = session
        for person in hello.people:
            line = self._lines.get(person)
            if line is None or line.session is not session:
                self._lines[person] = Line(person, session, person in known)
        session.is_open, session.ended, session.channel = True, False, channel
        self._publish(session)
        self._tell_watched()
        return session

    def _refuse_taken(self, hello: HelloFact) -> None:
        for person in hello.people:
            line = self._lines.get(person)
            if (
                line is not None
                and line.session.id != hello.session
                and line.session.is_open
                and not line.session.ended
            ):
                by = "" if line.session.is_own else "by another gateway "
                raise LiveRefusedError(f"{person} is streamed {by}already: end that session first", 4409)
        others = {name for name, line in self._lines.items() if line.session.id != hello.session}
        if len(others | set(hello.people)) > MOST_ON_FLOOR:
            raise LiveRefusedError(
                f"more than {MOST_ON_FLOOR} people on the floor: end a session before another begins", 4413
            )

    def take(self, session: Session, message: GatewayMessage) -> None:
        """What a gateway told, to everybody who may see it.

        Raises
        ------
        LiveRefusedError
            It speaks of somebody whom it did not announce.
        """
        spoken = {one.person for facts in (message.states, message.events, message.waves) for one in facts}
        if not spoken <= set(session.people):
            raise LiveRefusedError(
                "a live message about somebody whom the first message did not name; name all in hello"
            )
        now_s = self._clock()
        for fact in message.states:
            line = self._line(fact.person, session)
            if line is not None:
                line.fact, line.heard_s = fact, now_s
                self._tell(line, state=line.json(now_s))
        for event in message.events:
            self._event(session, event)
        for wave in message.waves:
            line = self._line(wave.person, session)
            if line is not None:
                text = wave.model_dump_json()
                self._tell(line, wave=text)
        if message.end:
            session.ended = True

    def _event(self, session: Session, event: EventFact) -> None:
        if event.n <= session.n_events:
            return  # sent again after a break: it is here already
        session.n_events = event.n
        line = self._line(event.person, session)
        if line is not None:
            text = event.model_dump_json(exclude_unset=True)
            line.events.append(text)
            self._tell(line, events=(text,))

    def leave(self, session: Session, channel: object) -> None:
        """The channel of a gateway closed; it may come back."""
        if session.channel is not channel:
            return  # it has come back by another one
        session.is_open, session.left_s = False, self._clock()
        self._publish(session)

    def dismiss(self, session: Session) -> None:
        """A session that never began: its lines go at once."""
        session.is_open = False
        self._let_go({session.id})

    # -- browsers

    def open(self, viewer: Viewer) -> None:
        """Somebody looks: everything that is known, first.

        Raises
        ------
        LiveRefusedError
            Too many look already.
        """
        if len(self.viewers) >= MOST_VIEWERS:
            raise LiveRefusedError(f"{MOST_VIEWERS} browsers look already: close one that nobody needs", 4413)
        self.sweep()
        self.viewers.add(viewer)
        now_s = self._clock()
        for line in self._lines.values():
            viewer.tell(line.person, state=line.json(now_s))

    def close(self, viewer: Viewer) -> None:
        """Somebody looks away."""
        self.viewers.discard(viewer)
        self._tell_watched()

    def choose(self, viewer: Viewer, person: str | None) -> None:
        """Somebody wants to see the waveform of a person: her last events too, to be drawn on it."""
        viewer.choose(person)
        line = self._lines.get(viewer.chosen or "")
        if line is not None:
            viewer.tell(line.person, events=tuple(line.events))
        self._tell_watched()

    def sweep(self) -> None:
        """Let go of what has been over for long."""
        now_s = self._clock()
        self._let_go({one.id for one in self._sessions.values() if one.is_over(now_s)})

    # -- inside

    def _let_go(self, over: Set[str]) -> None:
        for line in [line for line in self._lines.values() if line.session.id in over]:
            del self._lines[line.person]
            for viewer in self.viewers:
                viewer.forget(line.person)
        self._sessions = {key: one for key, one in self._sessions.items() if key not in over}

    def _line(self, person: str, session: Session) -> Line | None:
        line = self._lines.get(person)
        return line if line is not None and line.session is session else None

    def _publish(self, session: Session) -> None:
        now_s = self._clock()
        for line in self._lines.values():
            if line.session is session:
                self._tell(line, state=line.json(now_s))

    def _tell(
        self, line: Line, *, state: str | None = None, events: tuple[str, ...] = (), wave: str | None = None
    ) -> None:
        for viewer in self.viewers:
            viewer.tell(line.person, state=state, events=events, wave=wave)

    def _tell_watched(self) -> None:
        """Gateways send the waveforms that somebody looks at, and no others."""
        chosen = {viewer.chosen for viewer in self.viewers}
        for session in self._sessions.values():
            watched = tuple(one for one in session.people if one in chosen)
            if watched != session.watched:
                session.watched = watched
                session.changed.set()
