"""A thread that reads ahead of whoever works on the samples: parsing leaves Python alone, so two cores are busy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

Thing = TypeVar("Thing")

#: Blocks that lie ready; each is a megabyte or two.
BLOCKS_AHEAD: Final = 2


class _End:
    """Behind the last thing, with what went wrong."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


class _Reader(Thread, Generic[Thing]):
    """Puts things into a queue until there are no more, or nobody wants them."""

    def __init__(self, things: Iterable[Thing]) -> None:
        super().__init__(name="loadsense-read-ahead", daemon=True)
        self.ready: Queue[Thing | _End] = Queue(maxsize=BLOCKS_AHEAD)
        self._things = things
        self._unwanted = Event()

    def run(self) -> None:
        """Read; whatever goes wrong is raised where the things are taken."""
        end = _End()
        try:
            for thing in self._things:
                self.ready.put(thing)
                if self._unwanted.is_set():
                    return
        except BaseException as fault:  # raised again in the thread that takes
            end = _End(fault)
        self.ready.put(end)

    def stop(self) -> None:
        """Let the thread end, however full the queue is."""
        self._unwanted.set()
        while self.is_alive():
            try:
                self.ready.get(timeout=0.05)
            except Empty:
                continue


def read_ahead(things: Iterable[Thing]) -> Iterator[Thing]:
    """The same things in the same order, made in a thread of their own.

    An error comes where it would have come without the thread: behind the last thing before it. Whoever stops taking
    ends the thread by closing the iterator.

    Examples
    --------
    >>> list(read_ahead(range(5)))
    [0, 1, 2, 3, 4]
    """
    reader = _Reader(things)
    reader.start()
    try:
        while not isinstance(thing := reader.ready.get(), _End):
            yield thing
        if thing.fault is not None:
            raise thing.fault
    finally:
        reader.stop()
