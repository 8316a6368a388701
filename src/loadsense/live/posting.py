"""A live session told to a dashboard elsewhere, while it runs: `loadsense stream --post`.

Theory of operation
-------------------
The session and its recording come first. What is told waits in memory and goes out from a task of its own; a dashboard
that is away, slow or gone costs the session nothing. Events have numbers and wait until the dashboard says that it has
them, so that none is lost or told twice over a break; a waveform that cannot go out at once is dropped, and so is the
state of a moment ago. A dashboard that refuses (a token that does not hold, a name that is no pseudonym) is asked again
only after a while, and said once.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from loadsense.errors import OptionError
from loadsense.live.outbox import MOST_EVENTS, UPDATE_S, Outbox
from loadsense.live.state import LiveEvent
from loadsense.live.view import PersonBoard

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

#: Where the key may stand instead of on the command line, which others on the machine can read.
TOKEN_VARIABLE: Final = "LOADSENSE_TOKEN"  # noqa: S105 - the name of a variable
_PATH: Final = "/api/v1/live/ingest"
_PSEUDONYM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_AGAIN_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
_REFUSED_AGAIN_S: Final = 30.0
_ANSWER_S: Final = 10.0
_END_S: Final = 3.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
#: Codes with which a dashboard says that asking again at once is of no use.
_REFUSALS: Final = range(4400, 4500)


def place_of(url: str) -> str:
    """Where to post to, from the address at which a browser opens the dashboard.

    Raises
    ------
    OptionError
        It is no such address.

    Examples
    --------
    >>> place_of("http://127.0.0.1:8000"), place_of("https://gym.example/")
    ('ws://127.0.0.1:8000/api/v1/live/ingest', 'wss://gym.example/api/v1/live/ingest')
    """
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path not in ("", "/")
        or "@" in parts.netloc
    ):
        raise OptionError(f"--post '{url}': expected the address of a dashboard, such as http://127.0.0.1:8000")
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{_PATH}"


def key_of(token: str | None) -> str:
    """The key of a gateway, as it was typed or from the environment.

    Raises
    ------
    OptionError
        There is none.
    """
    found = token or os.environ.get(TOKEN_VARIABLE)
    if not found:
        raise OptionError(
            f"--post needs the key of a gateway: --token or {TOKEN_VARIABLE}; make one of the scope live under Settings"
        )
    return found


def posting_of(url: str, token: str | None, people: tuple[str, ...], say: Callable[[str], None]) -> Posting:
    """A posting that has been checked as far as it can be without the dashboard.

    Raises
    ------
    OptionError
        No address, no token, a name that is no pseudonym, or a package that is missing.
    """
    place, token = place_of(url), key_of(token)
    for person in people:
        if not _PSEUDONYM.fullmatch(person):
            raise OptionError(
                f"'{person}' is not posted: a dashboard knows people by pseudonyms of small letters, digits and hyphens"
            )
    if find_spec("websockets") is None:
        raise OptionError("--post needs one more package: pip install 'loadsense[dashboard]'")
    if place.startswith("ws:") and urlsplit(place).hostname not in _LOOPBACK:
        say("the key and the session cross the network unencrypted: give the dashboard an https address")
    return Posting(place, token, people, say)


class Posting:
    """Tells one session to one dashboard.

    Parameters
    ----------
    place : str
        Address of the channel.
    token : str
        With the scope `live`.
    people : tuple of str
        Pseudonyms of everybody in the session.
    say : callable
        Hears the few sentences that a person should read.
    """

    def __init__(self, place: str, token: str, people: tuple[str, ...], say: Callable[[str], None]) -> None:
        self._place, self._token, self._say = place, token, say
        self._hello = {"version": 1, "session": uuid.uuid4().hex, "people": list(people)}
        self._outbox = Outbox()
        self._said = ""
        self._ending = asyncio.Event()
        self._ended = False

    @property
    def left_behind(self) -> str:
        """What the dashboard missed, to be said when the session has ended; empty where it has everything."""
        n = self._outbox.n_waiting + self._outbox.n_lost
        return f"{n} events did not reach the dashboard; the recording has them" if n else ""

    @property
    def trouble(self) -> str:
        """Why the dashboard is not told just now; empty while it is."""
        return self._said

    def begin(self, boards: Mapping[str, PersonBoard], now: Callable[[], float]) -> None:
        """Who is on the floor, and its clock."""
        self._outbox.begin(boards, now)

    def hear(self, live: LiveEvent) -> None:
        """An event of the session: it waits until the dashboard has it."""
        n_lost = self._outbox.n_lost
        self._outbox.hear(live)
        if n_lost == 0 < self._outbox.n_lost:
            self._say(f"more than {MOST_EVENTS} events wait for the dashboard: it misses the oldest, the recording not")

    async def run(self) -> None:
        """Connect, tell, and connect again, until `end`."""
        tries = 0
        while not self._ended:
            began_s = asyncio.get_running_loop().time()
            wait_s = await self._connected() or _AGAIN_S[min(tries, len(_AGAIN_S) - 1)]
            if self._ended or self._ending.is_set():
                return
            tries = 0 if asyncio.get_running_loop().time() - began_s > _ANSWER_S else tries + 1
            try:
                await asyncio.wait_for(self._ending.wait(), wait_s)
            except TimeoutError:
                continue

    async def end(self, running: asyncio.Task[None]) -> None:
        """Tell the end and what still waits, within three seconds, and let go."""
        self._ending.set()
        await asyncio.wait({running}, timeout=_END_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    # -- one connection

    async def _connected(self) -> float | None:
        """Tell as long as the channel holds; returns the seconds to wait where asking again soon is of no use."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with connect(
                self._place, additional_headers=headers, open_timeout=_ANSWER_S, close_timeout=1.0, compression=None
            ) as channel:
                return await self._told(channel)
        except InvalidStatus as error:
            if error.response.status_code not in (401, 403):
                self._say_once(f"the dashboard is not there (it answers {error.response.status_code}); trying again")
                return None
            self._say_once(
                "the dashboard refuses the key: it may be revoked, or lack the scope live; the session goes on"
            )
            return _REFUSED_AGAIN_S
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else None
            self._say_once("the dashboard has hung up; trying again")
            return _REFUSED_AGAIN_S if code in _REFUSALS else None
        except (OSError, TimeoutError, InvalidHandshake):
            self._say_once("the dashboard cannot be reached; the session goes on and is recorded, trying again")
        return None

    async def _told(self, channel: ClientConnection) -> float | None:
        """Hello, then everything new thirty times a second."""
        await channel.send(json.dumps({"hello": self._hello}))
        async with asyncio.timeout(_ANSWER_S):
            welcome = json.loads(await channel.recv())
        self._answered(welcome)
        if "welcome" not in welcome:
            return _REFUSED_AGAIN_S
        if self._said:
            self._say("the dashboard is there again")
            self._said = ""
        listening = asyncio.create_task(self._listen(channel))
        telling = asyncio.create_task(self._tell(channel))
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, telling):
                task.cancel()
            results = await asyncio.gather(listening, telling, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return None

    async def _listen(self, channel: ClientConnection) -> None:
        async for text in channel:
            self._answered(json.loads(text))

    def _answered(self, said: dict[str, Any]) -> None:
        if "error" in said:
            self._say_once(f"the dashboard says: {said['error']}")
        if "watch" in said:
            self._outbox.watched = frozenset(said["watch"])
        if "welcome" in said:
            self._outbox.go_on_from(said["welcome"])
        if "got" in said:
            self._outbox.arrived(said["got"])

    async def _tell(self, channel: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at_s = loop.time()
            told = self._outbox.take(at_s, is_last=self._ending.is_set())
            if told:
                await channel.send(json.dumps(told, allow_nan=False))
            if "end" in told:
                await self._until_had()
                self._ended = True
                return
            await asyncio.sleep(max(0.0, UPDATE_S - (loop.time() - at_s)))

    async def _until_had(self) -> None:
        while self._outbox.n_waiting:
            await asyncio.sleep(0.01)

    def _say_once(self, sentence: str) -> None:
        if sentence != self._said and not self._said:
            self._say(sentence)
        self._said = self._said or sentence
