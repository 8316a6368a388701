"""Work on samples in a copy of this process, on another core, while this one reads them.

Theory of operation. Threads of one Python take turns wherever they are in Python (docs/decisions/0011-two-cores.md);
two processes do not. The copy is a fork: it has everything that was loaded before it and starts in some milliseconds.
Samples reach it through memory that both see, in a few slots that go round: a slot is filled here, named over a pipe,
emptied there, and named free over another pipe. Whoever is ahead waits for the other; either end of a pipe that closes
says that the other process has gone, so that neither outlives the other.

A fork copies the calling thread alone, and a lock that another thread holds would stay locked in the copy for ever. So
a process of several threads (a server, a notebook) is not copied, nor one on a system whose libraries do not bear it.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, Generic, TypeVar

import numpy as np

from loadsense.samples import FloatArray, Gap, Item, SampleBlock

Answer = TypeVar("Answer")

#: Samples in a slot: a block of a reader, mostly.
SLOT_SAMPLES: Final = 1 << 17
#: Slots: what the faster process may be ahead; 3 MB each.
SLOTS: Final = 4
_SLOT_BYTES: Final = SLOT_SAMPLES * 3 * 8


class CopyLostError(Exception):
    """The copy has gone without an answer: it met an error, or was killed for its memory."""


def can_work_beside() -> bool:
    """Whether this process may be copied: Linux, one thread, and itself no daemon that must have no children."""
    return sys.platform == "linux" and threading.active_count() == 1 and not multiprocessing.current_process().daemon


class Given:
    """What the copy is given, in the copy.

    Parameters
    ----------
    slots : mmap
        Memory that both processes see.
    coming, going : Connection
        From the original and to it.
    """

    def __init__(self, slots: mmap.mmap, coming: Connection, going: Connection) -> None:
        self._slots = slots
        self._coming = coming
        self.going = going

    def items(self) -> Iterator[Item]:
        """Samples and gaps in order, to their end."""
        while (told := self._coming.recv()) is not None:
            if isinstance(told, Gap):
                yield told
                continue
            slot, first_sample, n = told
            accel_g = _rows(self._slots, slot, n).copy()
            self.going.send(slot)
            yield SampleBlock(first_sample, accel_g)

    def last_word(self) -> Any:
        """What the original says behind the last item."""
        return self._coming.recv()


class Copy(Generic[Answer]):
    """The copy as the original sees it: give it items, then say the last word and take its answer.

    Parameters
    ----------
    slots : mmap
        Memory that both processes see.
    coming, going : Connection
        From the copy and to it.
    """

    def __init__(self, slots: mmap.mmap, coming: Connection, going: Connection) -> None:
        self._slots = slots
        self._coming = coming
        self._going = going
        self._free = list(range(SLOTS))

    def give(self, item: Item) -> None:
        """Give the next item; wait while the copy is too far behind.

        Raises
        ------
        CopyLostError
            Nobody is there to take it.
        """
        with _or_lost():
            if isinstance(item, Gap):
                self._going.send(item)
                return
            for start in range(0, len(item), SLOT_SAMPLES):
                rows = item.accel_g[start : start + SLOT_SAMPLES]
                slot = self._free.pop() if self._free else self._coming.recv()
                _rows(self._slots, slot, len(rows))[:] = rows
                self._going.send((slot, item.first_sample + start, len(rows)))

    def answer(self, last_word: object) -> Answer:
        """Say that no item follows, and the last word; wait for the answer.

        Raises
        ------
        CopyLostError
            None comes.
        """
        with _or_lost():
            self._going.send(None)
            self._going.send(last_word)
            while isinstance(told := self._coming.recv(), int):
                self._free.append(told)
            answer: Answer = told
            return answer


@contextmanager
def beside(work: Callable[[Given], Answer]) -> Iterator[Copy[Answer]]:
    """Begin the work in a copy of this process, which ends with the context at the latest.

    Parameters
    ----------
    work : callable
        Called in the copy with what it is given; what it returns is pickled on its way back, and is no int.
    """
    fork = multiprocessing.get_context("fork")
    slots = mmap.mmap(-1, SLOTS * _SLOT_BYTES)
    from_original, to_copy = fork.Pipe(duplex=False)
    from_copy, to_original = fork.Pipe(duplex=False)
    copy = fork.Process(
        target=_work,
        args=(work, Given(slots, from_original, to_original), (to_copy, from_copy)),
        name="loadsense-beside",
        daemon=True,
    )
    copy.start()
    for end in (from_original, to_original):
        end.close()
    try:
        yield Copy(slots, from_copy, to_copy)
    finally:
        for end in (from_copy, to_copy):
            end.close()
        copy.terminate()
        copy.join()
        copy.close()


def _work(work: Callable[[Given], object], given: Given, others: tuple[Connection, Connection]) -> None:
    """In the copy: answer, and be gone, in any case without a word and without what this process does when it ends."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the original ends the copy
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for end in others:
            end.close()
        given.going.send(work(given))
    finally:
        os._exit(0)


@contextmanager
def _or_lost() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise CopyLostError from None


def _rows(slots: mmap.mmap, slot: int, n: int) -> FloatArray:
    """The first n samples of a slot, shape (n, 3)."""
    return np.frombuffer(slots, count=3 * n, offset=slot * _SLOT_BYTES).reshape(n, 3)
