"""Workers on this machine: one process for each job, each with its own executor.

Theory of operation. A pool that shares its processes breaks as a whole when one of them dies, and does not say whose
file killed it. Here each slot is a pool of one process with one file at a time: when the process dies, that file is
tried once more in a new process, and the other slots do not notice. A process is replaced after some files, so that
nothing that a library keeps can grow, and it ends by itself when the coordinator is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from loadsense.cohort.facts import FileTask, Outcome, OutputError
from loadsense.cohort.failing import bug, lost_worker
from loadsense.cohort.work import analyze_file

#: Files after which a process is replaced.
FILES_PER_PROCESS: Final = 500

#: Times a file is given to a process that dies over it.
ATTEMPTS: Final = 2

#: Libraries that would start a thread for each core in every process.
_THREADS: Final = (
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class _Given:
    """A task, who has it, and for which time."""

    task: FileTask
    slot: _Slot
    attempt: int


class _Slot:
    """One process at a time, and one file at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._files = 0

    def give(self, task: FileTask) -> Future[Outcome]:
        if self._files >= FILES_PER_PROCESS:
            self.renew()
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin)
        self._files += 1
        return self._pool.submit(analyze_file, task)

    def renew(self) -> None:
        """Let the process go; the next file starts another."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool, self._files = None, 0


class LocalProcesses:
    """Analyze files in processes of this machine.

    Parameters
    ----------
    jobs : int
        How many at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    @property
    def words(self) -> str:
        """What they are, for the record."""
        return f"{self._jobs} local process{'es' if self._jobs > 1 else ''}"

    def run(self, tasks: Iterable[FileTask]) -> Iterator[tuple[FileTask, Outcome]]:
        """Outcomes in the order in which they come; at most one task for each job is taken ahead.

        Raises
        ------
        OutputError
            The results cannot be written.
        """
        waiting = iter(tasks)
        slots = [_Slot() for _ in range(self._jobs)]
        running: dict[Future[Outcome], _Given] = {}
        with _one_thread_each():
            try:
                for slot in slots:
                    _next(waiting, slot, running)
                while running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield from _settled(future, running, waiting)
            finally:
                for slot in slots:
                    slot.renew()


def _next(waiting: Iterator[FileTask], slot: _Slot, running: dict[Future[Outcome], _Given]) -> None:
    """Give a free slot the next task."""
    task = next(waiting, None)
    if task is not None:
        running[slot.give(task)] = _Given(task, slot, 1)


def _settled(
    future: Future[Outcome], running: dict[Future[Outcome], _Given], waiting: Iterator[FileTask]
) -> Iterator[tuple[FileTask, Outcome]]:
    """What one future came to: an outcome, or another attempt."""
    given = running.pop(future)
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        given.slot.renew()
        if given.attempt < ATTEMPTS:
            running[given.slot.give(given.task)] = _Given(given.task, given.slot, given.attempt + 1)
            return
    _next(waiting, given.slot, running)
    yield given.task, outcome_of(error) if error else future.result()


def outcome_of(error: BaseException, trace: str | None = None) -> Outcome:
    """The outcome of a file whose worker raised instead of returning.

    Raises
    ------
    OutputError
        The results cannot be written: no file can go on.
    """
    if isinstance(error, OutputError):
        raise error
    if isinstance(error, BrokenProcessPool):
        return Outcome(failure=lost_worker())
    return Outcome(failure=bug(error, trace or "".join(traceback.format_exception(error))))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started inside use one thread of each numeric library."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """First thing in a worker: end with the coordinator, and at once on Ctrl-C; one thread for Arrow."""
    import pyarrow as pa

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pa.set_cpu_count(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
