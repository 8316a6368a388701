"""Work done in a copy of this process, on another core, while this one goes on.

Theory of operation. Threads of one Python take turns wherever they are in Python (docs/decisions/0011-two-cores.md);
two processes do not. The copy is a fork: it has everything that was loaded and opened before it, starts in some
milliseconds, and sends back one answer over a pipe. Where no answer comes, because the copy met an error or was killed
for its memory, the work is done here instead: the same result later, or the error itself in its own words.

A fork copies the calling thread alone, and a lock that another thread holds would stay locked in the copy for ever. So
a process of several threads (a server, a notebook) is not copied, nor one on a system whose libraries do not bear it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

Answer = TypeVar("Answer")


def can_work_beside() -> bool:
    """Whether this process may be copied: Linux, one thread, and itself no daemon that must have no children."""
    return sys.platform == "linux" and threading.active_count() == 1 and not multiprocessing.current_process().daemon


@contextmanager
def beside(work: Callable[[], Answer]) -> Iterator[Callable[[], Answer]]:
    """Begin the work in a copy of this process; yield what waits for its answer.

    Parameters
    ----------
    work : callable
        Called without arguments; what it returns is pickled on its way back. It must bear to be called twice.

    Yields
    ------
    callable
        Waits for the answer and returns it, or does the work here where none comes. Whoever leaves the context ends
        the copy.

    Examples
    --------
    >>> with beside(lambda: 6 * 7) as answer:
    ...     6 + 7, answer()
    (13, 42)
    """
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    copy = fork.Process(target=_work, args=(work, here, there), name="loadsense-beside", daemon=True)
    copy.start()
    there.close()
    try:
        yield lambda: _answer(here, work)
    finally:
        here.close()
        copy.terminate()
        copy.join()
        copy.close()


def _answer(here: Connection, work: Callable[[], Answer]) -> Answer:
    try:
        answer: Answer = here.recv()
    except EOFError:
        return work()
    return answer


def _work(work: Callable[[], object], here: Connection, there: Connection) -> None:
    """In the copy: answer, and be gone, in any case without a word and without what this process does when it ends."""
    try:
        here.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the original ends the copy
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=_end_with_original, daemon=True).start()
        there.send(work())
    finally:
        os._exit(0)


def _end_with_original() -> None:
    original = multiprocessing.parent_process()
    if original is not None:
        original.join()
        os._exit(1)
