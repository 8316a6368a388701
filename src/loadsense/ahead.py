"""A thread that reads ahead of whoever works on the samples: parsing leaves Python alone, so two cores are busy."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Thing = TypeVar("Thing")

#: Blocks that are made while one is worked on; each is a megabyte or two.
BLOCKS_AHEAD: Final = 4


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _End:
    """Behind the last thing."""


def read_ahead(things: Iterable[Thing]) -> Iterator[Thing]:
    """The same things in the same order, made in a thread of their own.

    An error comes where it would have come without the thread: behind the last thing before it. Whoever stops taking
    ends the thread by closing the iterator.

    Examples
    --------
    >>> list(read_ahead(range(5)))
    [0, 1, 2, 3, 4]
    """
    iterator, end = iter(things), _End()
    with ThreadPoolExecutor(1, "loadsense-read-ahead") as reader:
        coming = deque(reader.submit(next, iterator, end) for _ in range(BLOCKS_AHEAD))
        while not isinstance(thing := coming.popleft().result(), _End):
            coming.append(reader.submit(next, iterator, end))
            yield thing
