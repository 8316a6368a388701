"""The loop of a live session: sources in, sensors fed, logs on the disk every second, events told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadsense.errors import LoadSenseError
from loadsense.live.sensor import LiveSensor, Told
from loadsense.sources.link import Source

#: Time between two writes of the logs: with the write itself, less than a second.
KEEP_S: Final = 0.7
#: Time between two attempts for a sensor that was not there at the start.
AGAIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Feed:
    """A sensor of the session and where its packets come from."""

    sensor: LiveSensor
    source: Source


class LiveSession:
    """Runs until it is told to end, or until every source has.

    Parameters
    ----------
    feeds : sequence of Feed
    now : callable
        Seconds since the session began.
    told : callable
        Hears every event of every sensor, in the order in which they became known.
    """

    def __init__(self, feeds: Sequence[Feed], *, now: Callable[[], float], told: Told) -> None:
        self.feeds = tuple(feeds)
        self._now = now
        self._told = told
        self._stop = asyncio.Event()

    def end(self) -> None:
        """Ask the session to end."""
        self._stop.set()

    async def run(self) -> None:
        """Connect, stream, end, settle, close.

        A sensor that cannot be connected to is told in its notes and tried again; if none can, the first reason is
        raised.

        Raises
        ------
        LoadSenseError
            No sensor could be connected to.
        """
        started = await asyncio.gather(*(self._start(feed) for feed in self.feeds))
        faults = [fault for fault in started if fault is not None]
        if faults and len(faults) == len(self.feeds):
            raise faults[0]
        late = [feed for feed, fault in zip(self.feeds, started, strict=True) if fault is not None]
        readers = [asyncio.create_task(self._read(feed)) for feed in self.feeds]
        keeper = asyncio.create_task(_all([asyncio.create_task(self._keep()), *map(self._try_again, late)]))
        stopped = asyncio.create_task(_set(self._stop))
        everything = asyncio.create_task(_all(readers))
        try:
            await asyncio.wait((everything, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._wind_up(readers, keeper, stopped)
        if not self._stop.is_set():
            await everything  # a fault of our own is told, not swallowed

    async def _wind_up(
        self, readers: Sequence[asyncio.Task[None]], keeper: asyncio.Task[None], stopped: asyncio.Task[None]
    ) -> None:
        """Stop the sources, take what they still brought, settle and close."""
        await asyncio.gather(*(feed.source.stop() for feed in self.feeds), return_exceptions=True)
        for task in (*readers, keeper, stopped):
            task.cancel()
        await asyncio.gather(*readers, keeper, stopped, return_exceptions=True)
        for feed in self.feeds:
            while not feed.source.events.empty():
                self._tell(feed, feed.source.events.get_nowait)
            for event in feed.sensor.finish(self._now()):
                self._told(event)

    async def _start(self, feed: Feed) -> LoadSenseError | None:
        try:
            await feed.source.start()
        except LoadSenseError as fault:
            feed.sensor.state.note(str(fault))
            return fault
        return None

    def _try_again(self, feed: Feed) -> asyncio.Task[None]:
        """A sensor that was not there at the start may still come."""

        async def trying() -> None:
            while await self._start(feed) is not None:
                await asyncio.sleep(AGAIN_S)

        return asyncio.create_task(trying())

    async def _read(self, feed: Feed) -> None:
        """Everything that a source says, until it has said all."""
        while not feed.sensor.state.ended:
            event = await feed.source.events.get()
            for live in feed.sensor.take(event):
                self._told(live)

    def _tell(self, feed: Feed, get: Callable[[], object]) -> None:
        for live in feed.sensor.take(get()):  # type: ignore[arg-type]  # a queue of link events
            self._told(live)

    async def _keep(self) -> None:
        """Logs to the disk, beside the loop: a slow card must not stop the packets."""
        while True:
            await asyncio.sleep(KEEP_S)
            for feed in self.feeds:
                await asyncio.to_thread(feed.sensor.keep)


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)


async def _set(event: asyncio.Event) -> None:
    await event.wait()
