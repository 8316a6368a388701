"""What takes longer than a request: one process beside the server, one job at a time, and what became of each.

Theory of operation. Reading a file and running the engine takes seconds and hundreds of megabytes; in the server it
would stop the live floor and stay in its memory. So it happens in a process of its own, which opens the store by its
address like any other writer and ends when the server ends. The list of jobs is in memory: what a job did is in the
store. Those that have not ended stand in a journal too, without a name of anybody or of a file, so that the next
server tells whoever asked which of them were cut off, under the same number. Nothing is begun again by itself: a
recording that was on its way is gone with its folder, and a session is kept whole or not at all.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from loadsense.errors import OptionError
from loadsense.store import Store, open_store

State = Literal["waiting", "working", "done", "refused", "failed"]

#: Name of the journal, in the store's folder.
JOURNAL: Final = "jobs.json"
#: Jobs that are remembered, and that may wait.
MOST_KEPT: Final = 200
MOST_WAITING: Final = 40

DIED: Final = "the analysis was cut off, perhaps for want of memory; nothing of it was kept: try once more, alone"
_ENDED: Final = "the dashboard ended before this was done"
#: What that means, by the kind of the job.
CUT_OFF: Final = {
    "import": f"{_ENDED}; a session is kept whole or not at all: look whether it is there, if not send the files again",
    "re-analysis": f"{_ENDED}; each session has its new version or the one before: apply it once more",
}
_NOTHING_CHANGED: Final = f"{_ENDED}; nothing was changed: begin it once more"
#: A job that was cut off is told of for so long.
_TOLD_FOR: Final = timedelta(days=7)
OUR_FAULT: Final = "LoadSense met a fault of its own with this; nothing of it was kept, and the log says where"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a job came to.

    Attributes
    ----------
    is_done : bool
        False where it was refused.
    sentence : str
    link : str
        Page of ours that shows it; empty for none.
    found : object
        More, for the page that asked.
    """

    is_done: bool
    sentence: str
    link: str = ""
    found: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The store as another process opens it; the address holds a password, so nothing prints it."""

    url: str = field(repr=False)
    folder: str

    @classmethod
    def of(cls, store: Store) -> Place:
        """Of an open one."""
        return cls(url=store.url.render_as_string(hide_password=False), folder=str(store.folder))

    def open(self) -> Store:
        """In this process."""
        return open_store(self.url, self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it stands.

    Attributes
    ----------
    number : int
        Of this server's life.
    kind : str
        "import" or "re-analysis".
    title : str
        For the person who asked, and for nobody else: it may hold the name of a file.
    by_user : int
    what : str
        The same without a name of anybody or of a file, for the journal.
    state : {"waiting", "working", "done", "refused", "failed"}
    outcome : Outcome or None
        Once it has ended.
    """

    number: int
    kind: str
    title: str
    by_user: int
    asked_at: datetime
    what: str = ""
    state: State = "waiting"
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for."""
        return self.outcome is None


class Jobs:
    """The jobs of one server.

    Parameters
    ----------
    journal : Path or None
        Where those that have not ended are written down; nowhere for None.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self._journal = journal
        self._is_closing = False
        self._lock = threading.Lock()
        next_number, cut_off = _read(journal)
        self._numbers = itertools.count(next_number)
        self._kept: OrderedDict[int, Job] = OrderedDict((one.number, one) for one in cut_off)
        self._cut_off = frozenset(self._kept)
        self._futures: dict[int, Future[Outcome]] = {}
        self._pool: ProcessPoolExecutor | None = None

    def start(
        self, work: Callable[..., Outcome], *given: object, about: Job, at_end: Callable[[], None] | None = None
    ) -> Job:
        """Have something done; `at_end` is called whatever became of it.

        Parameters
        ----------
        work : callable
            At the top of a module; it gets `given`, which must pickle.
        about : Job
            Its number is given here.

        Raises
        ------
        OptionError
            Too many wait already.
        """
        with self._lock:
            if sum(one.is_open for one in self._kept.values()) >= MOST_WAITING:
                raise OptionError(f"{MOST_WAITING} jobs wait already; wait until some have ended, then send this again")
            job = replace(about, number=next(self._numbers))
            self._kept[job.number] = job
            self._forget()
            self._write()
            future = self._submitted(work, given)
            self._futures[job.number] = future
        future.add_done_callback(lambda ended: self._ended(job.number, ended, at_end))
        return job

    def of(self, user_id: int | None, *, kind: str) -> tuple[Job, ...]:
        """Jobs of a user, the newest first."""
        with self._lock:
            mine = [self._now(one) for one in self._kept.values() if (one.by_user, one.kind) == (user_id, kind)]
        return tuple(reversed(mine))

    def get(self, number: int, user_id: int | None) -> Job | None:
        """One job, for the user who asked for it."""
        with self._lock:
            job = self._kept.get(number)
            return self._now(job) if job is not None and job.by_user == user_id else None

    def close(self) -> None:
        """Let go of the process; what waits is not begun."""
        with self._lock:
            self._is_closing = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _submitted(self, work: Callable[..., Outcome], given: tuple[object, ...]) -> Future[Outcome]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
        try:
            return self._pool.submit(work, *given)
        except BrokenProcessPool:  # it died over the job before; this one gets another
            self._pool = None
            return self._submitted(work, given)

    def _now(self, job: Job) -> Job:
        future = self._futures.get(job.number)
        return replace(job, state="working") if job.is_open and future is not None and future.running() else job

    def _ended(self, number: int, future: Future[Outcome], at_end: Callable[[], None] | None) -> None:
        state, outcome = _result_of(future)
        if at_end is not None:
            at_end()
        with self._lock:
            self._futures.pop(number, None)
            if number in self._kept:
                self._kept[number] = replace(self._kept[number], state=state, outcome=outcome)
            if not (self._is_closing and state == "failed"):  # it was cut off: the next server says so
                self._write()

    def _write(self) -> None:
        """The journal anew, whole or not at all; a disk that is full stops no job."""
        if self._journal is None:
            return
        told = [one for one in self._kept.values() if one.is_open or one.number in self._cut_off]
        last = next(reversed(self._kept), 0)
        part = self._journal.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps({"last": last, "jobs": [_as_json(one) for one in told]}), encoding="utf-8")
            part.replace(self._journal)

    def _forget(self) -> None:
        ended = [number for number, one in self._kept.items() if not one.is_open]
        for number in ended[: max(0, len(self._kept) - MOST_KEPT)]:
            del self._kept[number]


def about(kind: str, title: str, by_user: int | None, *, what: str = "") -> Job:
    """A job that is about to be started; a page that starts one has a user."""
    return Job(number=0, kind=kind, title=title, by_user=by_user or 0, asked_at=datetime.now(UTC), what=what or kind)


def _as_json(job: Job) -> dict[str, Any]:
    asked_at = job.asked_at.isoformat()
    return {"number": job.number, "kind": job.kind, "what": job.what, "by_user": job.by_user, "asked_at": asked_at}


def _read(journal: Path | None) -> tuple[int, list[Job]]:
    """The number of the next job, and those that a server before did not end; a journal that cannot be read is none."""
    try:
        told: dict[str, Any] = {"last": 0, "jobs": []}
        if journal is not None:
            told = json.loads(journal.read_text(encoding="utf-8"))
        jobs = [_cut_off(one) for one in told["jobs"]]
        return int(told["last"]) + 1, [one for one in jobs if datetime.now(UTC) - one.asked_at < _TOLD_FOR]
    except (OSError, ValueError, KeyError, TypeError):
        return 1, []


def _cut_off(told: dict[str, Any]) -> Job:
    asked_at = datetime.fromisoformat(told["asked_at"])
    return Job(
        number=int(told["number"]),
        kind=str(told["kind"]),
        title=f"{told['what']}, asked for on {asked_at:%Y-%m-%d at %H:%M} UTC",
        by_user=int(told["by_user"]),
        asked_at=asked_at,
        what=str(told["what"]),
        state="failed",
        outcome=Outcome(is_done=False, sentence=CUT_OFF.get(str(told["kind"]), _NOTHING_CHANGED)),
    )


def _result_of(future: Future[Outcome]) -> tuple[State, Outcome]:
    try:
        fault = future.exception()
    except CancelledError:
        return "failed", Outcome(is_done=False, sentence=DIED)
    if fault is None:
        outcome = future.result()
        return ("done" if outcome.is_done else "refused"), outcome
    if isinstance(fault, BrokenProcessPool):
        return "failed", Outcome(is_done=False, sentence=DIED)
    return "failed", Outcome(is_done=False, sentence=f"{OUR_FAULT}: {type(fault).__name__}")


def _begin() -> None:
    """First thing in the process: end with the server, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
