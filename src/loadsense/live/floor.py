"""The floor: a session beside its screen or its lines, from start to Ctrl-C, and a look around for sensors."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from loadsense.live.keys import keys
from loadsense.live.lines import event_line
from loadsense.live.listening import sensors_in_reach
from loadsense.live.screen import bells, table
from loadsense.live.sensor import warm_up
from loadsense.live.session import Feed, LiveSession
from loadsense.live.state import LiveEvent
from loadsense.live.view import LastLanding, PersonBoard
from loadsense.summary import Judging

if TYPE_CHECKING:
    from loadsense.live.posting import Posting
    from loadsense.sources.ble import Found, Radio

_REDRAWS_PER_S: Final = 4
#: Time for the second Ctrl-C that confirms the first.
_CONFIRM_S: Final = 5.0
_MOVES: Final = {"n": 1, "b": -1}
_ASKED: Final = "Press Ctrl-C again to end the session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a session is shown, by lines or a screen, with or without a bell; when it ends; which dashboard is told."""

    as_json: bool = False
    bell: bool = False
    seconds: float | None = None
    title: str = ""
    posting: Posting | None = None


class Coach:
    """What the coach says with single keys, to one person or to everybody.

    Parameters
    ----------
    boards : sequence of PersonBoard
    now : callable
        Seconds since the session began.
    """

    def __init__(self, boards: Sequence[PersonBoard], now: Callable[[], float]) -> None:
        self._boards = [board for board in boards if board.walk.names]
        self._now = now
        self._one: int | None = None

    def press(self, key: str) -> None:
        """A key: n next block, b back, d that set is done, u it was not, 1 to 9 a person, 0 everybody."""
        if key in "0123456789":
            self._one = int(key) - 1 if 0 < int(key) <= len(self._boards) else None
        for board in self._boards if self._one is None else [self._boards[self._one]]:
            if key in _MOVES:
                board.move(_MOVES[key], self._now())
            elif key == "d":
                board.set_done(self._now())
            elif key == "u":
                board.take_back(self._now())

    @property
    def help(self) -> str:
        """The keys in one line; empty where nobody has a plan to walk through."""
        if not self._boards:
            return ""
        who = "everybody" if self._one is None else self._boards[self._one].person
        whom = f"   1-{min(9, len(self._boards))} one person, 0 everybody: now {who}" if len(self._boards) > 1 else ""
        return f"n next block   b back   d that set is done   u it was not{whom}"


def in_reach(seconds: float, *, every: bool = False, battery: bool = True, radio: Radio | None = None) -> list[Found]:
    """Sensors in reach, with their batteries; everything that advertises itself with `every`.

    Raises
    ------
    WorldError
        Bluetooth is off or absent.
    """
    from loadsense.sources.ble import Radio

    return list(asyncio.run(sensors_in_reach(seconds, radio or Radio(), every=every, battery=battery)))


def run_floor(
    feeds: Sequence[Feed],
    now: Callable[[], float],
    judgings: Mapping[str, Judging],
    shown: Shown,
    *,
    earlier: Sequence[LiveEvent] = (),
) -> None:
    """One session with its screen, or its lines, until it ends.

    Parameters
    ----------
    feeds : sequence of Feed
    now : callable
        Seconds since the session began.
    judgings : mapping of str to Judging
        By person.
    shown : Shown
    earlier : sequence of LiveEvent
        Of the session before it broke off.

    Raises
    ------
    LoadSenseError
        No sensor could be connected to.
    """
    boards = _boards(feeds, judgings)

    def told(live: LiveEvent) -> None:
        last = boards[live.person].hear(live)
        if shown.posting is not None:
            shown.posting.hear(live)
        if shown.as_json:
            _print_line(live)
        elif last is not None and shown.bell and not live.earlier:
            _ring(last)

    if shown.posting is not None:
        shown.posting.begin(boards, now)
    for live in earlier:
        told(live)
    warm_up((feed.sensor.wearing for feed in feeds), next(iter(judgings.values())))
    session = LiveSession(feeds, now=now, told=told)
    asyncio.run(_run_until_told(session, list(boards.values()), now, shown))


def _boards(feeds: Sequence[Feed], judgings: Mapping[str, Judging]) -> dict[str, PersonBoard]:
    today = datetime.now().astimezone().date()
    return {
        name: PersonBoard(name, [f.sensor for f in feeds if f.sensor.wearing.person == name], judging, on=today)
        for name, judging in judgings.items()
    }


async def _run_until_told(
    session: LiveSession, boards: list[PersonBoard], now: Callable[[], float], shown: Shown
) -> None:
    """The session beside its screen; Ctrl-C ends it, on a terminal the second one within five seconds."""
    loop = asyncio.get_running_loop()
    pressed: list[float] = []

    def interrupted() -> None:
        pressed.append(loop.time())
        if shown.as_json or not sys.stdout.isatty() or (len(pressed) > 1 and pressed[-1] - pressed[-2] < _CONFIRM_S):
            session.end()

    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, interrupted)
    except NotImplementedError:
        pass  # Windows: Ctrl-C cancels the session, which winds up in the same way
    if shown.seconds is not None:
        loop.call_later(shown.seconds, session.end)
    running = asyncio.create_task(session.run())
    posted = None if shown.posting is None else asyncio.create_task(shown.posting.run())
    coach = Coach(boards, now)
    with keys(coach.press), _screen(shown) as screen:
        while not running.done():
            asked = bool(pressed) and loop.time() - pressed[-1] < _CONFIRM_S
            below = [_ASKED if asked else coach.help, *([shown.posting.trouble] if shown.posting is not None else [])]
            _draw(screen, boards, now(), shown, below="\n".join(filter(None, below)))
            await asyncio.wait({running}, timeout=1.0 / _REDRAWS_PER_S)
        _draw(screen, boards, now(), shown)
        if shown.posting is not None and posted is not None:
            await shown.posting.end(posted)
    await running


def _screen(shown: Shown) -> AbstractContextManager[Any]:
    """The live screen, where there is a terminal to draw on."""
    if shown.as_json or not sys.stdout.isatty():
        return nullcontext()
    from rich.live import Live

    return Live(auto_refresh=False, redirect_stderr=False)  # or the bell would be taken for text


def _draw(screen: Any, boards: list[PersonBoard], now_s: float, shown: Shown, *, below: str = "") -> None:
    if screen is None:
        return
    screen.update(table([board.view(now_s) for board in boards], title=shown.title, below=below), refresh=True)


def _ring(last: LastLanding) -> None:
    sys.stderr.write("\a" * bells(last))
    sys.stderr.flush()


def _print_line(live: LiveEvent) -> None:
    sys.stdout.write(json.dumps(event_line(live), allow_nan=False) + "\n")
    sys.stdout.flush()
