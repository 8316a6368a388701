"""The two channels of the live floor: gateways in, browsers out. Whoever is revoked is cut off within a second."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Final, cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect, WebSocketException
from sqlalchemy import select

from loadsense.store import Store
from loadsense.store.tables import PersonRow
from loadsense.web.access import Visitor
from loadsense.web.admit import NotAdmittedError, NotSignedInError, admit
from loadsense.web.guard import Pace
from loadsense.web.live.floor import Floor, Session, Viewer, viewer_for
from loadsense.web.live.protocol import (
    GATEWAY_BURST,
    GATEWAY_CHARS,
    GATEWAY_PER_S,
    VIEWER_CHARS,
    GatewayMessage,
    LiveRefusedError,
    ViewerMessage,
    parsed,
)

router = APIRouter()

#: Time between two looks at whether an account or a token still holds.
CHECK_S: Final = 1.0
#: A browser gets this many messages in a second at most: more cannot be seen.
_FRAME_S: Final = 1.0 / 60.0
_HELLO_WITHIN_S: Final = 10.0
_TOO_FAST: Final = "too many live messages: send thirty in a second at most, with everything that is new in one"
_OUT: Final = "this account or token does not hold any longer: sign in again, or make a new token under Settings"
_NO_PROGRAM: Final = "live events come from a program with a token of the scope live: make one under Settings"
_SLOW: Final = "this browser took too long to take what was sent; it connects again by itself"


def floor_of(websocket: WebSocket) -> Floor:
    """The floor of the dashboard that answers."""
    found: Floor = websocket.app.state.floor
    return found


# -- gateways


@router.websocket("/api/v1/live/ingest", name="live_ingest")
async def ingest(websocket: WebSocket) -> None:
    """What `loadsense stream --post` says of a session."""
    await websocket.accept()
    gateway = _Gateway(websocket)
    try:
        await gateway.run()
    except LiveRefusedError as error:
        await _hang_up(websocket, error)
    finally:
        gateway.leave()


class _Gateway:
    """One channel of a gateway, from hello to its end."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._floor = floor_of(websocket)
        self._pace = Pace(GATEWAY_PER_S, GATEWAY_BURST)
        self._visitor: Visitor = websocket.state.visitor
        self._session: Session | None = None

    async def run(self) -> None:
        """Hello, then everything else, until it hangs up or is hung up on."""
        if self._visitor.scopes is None:
            raise LiveRefusedError(_NO_PROGRAM, 4403)
        try:
            first = await asyncio.wait_for(self._message(), _HELLO_WITHIN_S)
        except TimeoutError:
            raise LiveRefusedError('no first message; expected {"hello": ...} at once') from None
        if first is None:
            return
        if first.hello is None:
            raise LiveRefusedError('the first live message must be {"hello": ...}: it says who is streamed')
        known = await asyncio.to_thread(_known, self._store, first.hello.people)
        user_id, channel = self._visitor.user_id, self._websocket
        session = self._floor.join(first.hello, user_id=user_id, known=known, channel=channel)
        self._session = session
        await self._send({"welcome": session.n_events, "watch": session.watched})
        await _first_of(self._read(session), self._tell_watched(session), _watch_over(self._websocket))

    def leave(self) -> None:
        """The channel is closed."""
        if self._session is not None:
            self._floor.leave(self._session, self._websocket)

    @property
    def _store(self) -> Store:
        return cast("Store", self._websocket.app.state.dashboard.store)

    async def _message(self) -> GatewayMessage | None:
        text = await _text(self._websocket)
        if text is None:
            return None
        if not self._pace.allows(""):
            raise LiveRefusedError(_TOO_FAST, 4429)
        return cast("GatewayMessage", parsed(GatewayMessage, text, GATEWAY_CHARS))

    async def _read(self, session: Session) -> None:
        while (message := await self._message()) is not None:
            if session.channel is not self._websocket:
                raise LiveRefusedError("this session goes on by another channel", 4409)
            self._floor.take(session, message)
            if message.events or message.end:
                await self._send({"got": session.n_events})

    async def _tell_watched(self, session: Session) -> None:
        while True:
            await session.changed.wait()
            session.changed.clear()
            await self._send({"watch": session.watched})

    async def _send(self, told: dict[str, Any]) -> None:
        await self._websocket.send_text(json.dumps(told))


def _known(store: Store, people: Sequence[str]) -> frozenset[str]:
    with store.reading() as db:
        return frozenset(db.scalars(select(PersonRow.id).where(PersonRow.id.in_(people))))


# -- browsers


@router.websocket("/live/feed", name="live_feed")
async def feed(websocket: WebSocket) -> None:
    """What the page of the floor shows, as it changes."""
    await websocket.accept()
    floor, viewer = floor_of(websocket), viewer_for(websocket.state.visitor)
    try:
        floor.open(viewer)
        await _first_of(
            _read_viewer(websocket, floor, viewer), _show(websocket, viewer), _watch_over(websocket, viewer, floor)
        )
    except LiveRefusedError as error:
        await _hang_up(websocket, error)
    finally:
        floor.close(viewer)


async def _read_viewer(websocket: WebSocket, floor: Floor, viewer: Viewer) -> None:
    pace = Pace(5.0, 20.0)
    while (text := await _text(websocket)) is not None:
        if not pace.allows(""):
            raise LiveRefusedError(_TOO_FAST, 4429)
        asked = cast("ViewerMessage", parsed(ViewerMessage, text, VIEWER_CHARS))
        floor.choose(viewer, asked.watch)


async def _show(websocket: WebSocket, viewer: Viewer) -> None:
    """Send what is new; what comes while a message is on its way goes with the next."""
    while True:
        await viewer.wake.wait()
        text = viewer.take()
        if text is None:
            continue
        viewer.sending_since_s = time.monotonic()
        await websocket.send_text(text)
        viewer.sending_since_s = None
        await asyncio.sleep(_FRAME_S)


# -- both


async def _watch_over(websocket: WebSocket, viewer: Viewer | None = None, floor: Floor | None = None) -> None:
    """End the channel of whoever may not any longer, and of a browser that does not listen."""
    asking = websocket.state.visitor
    while True:
        await asyncio.sleep(CHECK_S)
        if viewer is not None and viewer.has_hung(time.monotonic()):
            raise LiveRefusedError(_SLOW, 1013)
        if floor is not None:
            floor.sweep()
        try:
            await asyncio.to_thread(admit, websocket)
        except (WebSocketException, NotSignedInError, NotAdmittedError):
            raise LiveRefusedError(_OUT, 4401) from None
        if websocket.state.visitor != asking:
            raise LiveRefusedError(_OUT, 4401)


async def _text(websocket: WebSocket) -> str | None:
    """The next message; None when the other side hung up."""
    try:
        received = await websocket.receive()
    except WebSocketDisconnect:
        return None
    if received["type"] == "websocket.disconnect":
        return None
    text = received.get("text")
    if text is None:
        raise LiveRefusedError("a live message in bytes; expected text that is JSON", 1003)
    return str(text)


async def _first_of(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run until the first of them ends, and end the others; its fault is raised."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(
            tasks
        )  # gather would take a task's cancellation for ours, and whoever cancels us would wonder
    faults = [fault for task in done if (fault := task.exception()) is not None]
    gone = [fault for fault in faults if not isinstance(fault, WebSocketDisconnect)]
    if gone:
        raise gone[0]


async def _hang_up(websocket: WebSocket, error: LiveRefusedError) -> None:
    """Say why in one sentence, and close; the other side may have gone already, or not listen."""
    try:
        async with asyncio.timeout(1.0):
            await websocket.send_text(json.dumps({"error": str(error)}))
            await websocket.close(error.code, str(error)[:120])
    except (RuntimeError, TimeoutError, WebSocketDisconnect):
        pass
