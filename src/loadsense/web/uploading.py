"""Recordings on their way in: streamed to disk as they come, held until they are analyzed, and gone again.

A file arrives in a folder of its own below the store's `incoming/`, which is locked while the server lives: whoever is
killed leaves a folder that the next opening removes. Its own name may be somebody's name, so it is told to whoever sent
it and stands in no path and no log.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from loadsense.errors import LoadSenseError, OptionError, WorldError
from loadsense.store import Store, importing, joining
from loadsense.store.importing import Imported, ImportOptions, SensorFile
from loadsense.store.sweeping import incoming
from loadsense.web.jobs import Outcome, Place

#: What arrived and was not asked for goes again after this long; and so many files of one user may wait.
FORGET_S: Final = 3600.0
MOST_WAITING: Final = 40
_BUFFER: Final = 1 << 20

CUT_OFF: Final = "the connection broke before the whole file had arrived; nothing was kept: send it again"
EMPTY: Final = "this file is empty; expected a recording: export it from the sensor again"
LOST: Final = "this file is not here any more; nothing was kept of it: choose it again and send it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file that is here; `name` is what the sender called it."""

    key: str
    name: str
    path: Path
    n_bytes: int
    by_user: int | None
    at_s: float
    folder: ExitStack = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a session, for the process that reads it."""

    path: Path
    name: str
    placement: str
    range_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A session to be taken in, or, with `session_id`, the file of another sensor for one that is there."""

    person_id: str
    parts: tuple[Part, ...]
    options: ImportOptions
    by_user: int | None
    session_id: int | None = None


class Uploads:
    """The files of one server that wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._here: dict[str, Arrived] = {}

    async def receive(self, body: AsyncIterator[bytes], *, name: str, by_user: int | None) -> Arrived:
        """Write a body to disk as it comes; memory stays that of a buffer.

        Raises
        ------
        OptionError
            It is empty or was cut off, or too many of this user's files wait.
        WorldError
            The disk is full.
        """
        self._refuse_many(by_user)
        with ExitStack() as on_failure:
            own = on_failure.enter_context(incoming(self._folder))
            path = own / secrets.token_hex(8)
            n_bytes = await _written(body, path)
            if not n_bytes:
                raise OptionError(EMPTY)
            arrived = Arrived(
                key=secrets.token_urlsafe(16),
                name=name[-200:],
                path=path,
                n_bytes=n_bytes,
                by_user=by_user,
                at_s=time.monotonic(),
                folder=on_failure.pop_all(),
            )
        with self._lock:
            self._here[arrived.key] = arrived
        return arrived

    def take(self, key: str, by_user: int | None) -> Arrived:
        """A file that its sender asks for; it is the caller's to let go from now on.

        Raises
        ------
        OptionError
            It is not here, or somebody else's.
        """
        with self._lock:
            found = self._here.get(key)
            if found is None or found.by_user != by_user:
                raise OptionError(LOST)
            return self._here.pop(key)

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            here, self._here = list(self._here.values()), {}
        let_go(here)

    def _refuse_many(self, by_user: int | None) -> None:
        before_s = time.monotonic() - FORGET_S
        with self._lock:
            old = [self._here.pop(one.key) for one in list(self._here.values()) if one.at_s < before_s]
            n_mine = sum(one.by_user == by_user for one in self._here.values())
        let_go(old)
        if n_mine >= MOST_WAITING:
            raise OptionError(f"{MOST_WAITING} files of yours wait already; have them analyzed first, then send more")


def let_go(files: list[Arrived]) -> None:
    """Remove files and their folders."""
    for one in files:
        one.folder.close()


async def _written(body: AsyncIterator[bytes], path: Path) -> int:
    n_bytes, waiting = 0, bytearray()
    try:
        with path.open("xb", buffering=0) as file:
            async for chunk in body:
                waiting += chunk
                n_bytes += len(chunk)
                if len(waiting) >= _BUFFER:
                    await run_in_threadpool(file.write, waiting)
                    waiting = bytearray()
            await run_in_threadpool(file.write, waiting)
    except ClientDisconnect:
        raise OptionError(CUT_OFF) from None
    except OSError as fault:
        raise WorldError(
            f"the file cannot be kept ({fault.strerror}): make room on the disk, then send it again"
        ) from None
    return n_bytes


# -- in the process beside the server


def take_in(place: Place, wanted: Wanted) -> Outcome:
    """Read, analyze and store one session; a refusal is an outcome too, in the reader's words."""
    files = [
        SensorFile(
            path=part.path,
            placement=part.placement,
            reading={} if part.range_g is None else {"range_g": part.range_g},
        )
        for part in wanted.parts
    ]
    try:
        store = place.open()
        try:
            made = _taken(store, wanted, files)
        finally:
            store.close()
    except LoadSenseError as error:
        return Outcome(is_done=False, sentence=_told(str(error), wanted.parts))
    return Outcome(
        is_done=True,
        sentence=made.sentence,
        link=f"/sessions/{made.session_id}",
        found={"session_id": made.session_id, "is_new": made.is_new},
    )


def _taken(store: Store, wanted: Wanted, files: list[SensorFile]) -> Imported:
    if wanted.session_id is None:
        return importing.import_session(store, wanted.person_id, files, options=wanted.options, by_user=wanted.by_user)
    (file,) = files
    return joining.add_file(store, wanted.session_id, file, by_user=wanted.by_user)


def _told(sentence: str, parts: tuple[Part, ...]) -> str:
    """The sentence with the names by which the sender knows the files."""
    for part in parts:
        sentence = sentence.replace(str(part.path), part.name).replace(part.path.name, part.name)
    return sentence
