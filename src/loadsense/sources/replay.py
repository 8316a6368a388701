"""A recording as if it were live, and a sensor that is simulated: sources without a radio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from loadsense.samples import Gap, Item, Recording, SampleBlock
from loadsense.sources.link import Battery, Connected, Ended, Items, LinkEvent, Payload
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

#: Seconds of a recording that are handed on at once.
_BLOCK_S: Final = 0.05
#: Blocks that may wait, so that a replay at full speed does not fill the memory.
_MOST_WAITING: Final = 64


class ReplaySource:
    """Plays a recording into a session.

    Parameters
    ----------
    recording : Recording
    speed : float or None
        1 is the time it took, 10 ten times as fast; None is as fast as possible.
    start_s : float
        When its first sample was taken, in the session.
    """

    def __init__(self, recording: Recording, *, speed: float | None = 1.0, start_s: float = 0.0) -> None:
        self.events: asyncio.Queue[LinkEvent] = asyncio.Queue(_MOST_WAITING)
        self._recording = recording
        self._speed = speed
        self._start_s = start_s
        self._at_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Seconds of the session that have been played."""
        return self._at_s

    async def start(self) -> None:
        """Begin to play."""
        self._task = asyncio.create_task(self._play())

    async def stop(self) -> None:
        """Stop, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _play(self) -> None:
        info = self._recording.info
        n = max(1, round(_BLOCK_S * info.sampling_rate_hz))
        began_s = asyncio.get_running_loop().time()
        for item in self._recording.blocks(n):
            end = item.first_sample + (item.n_missing if isinstance(item, Gap) else len(item))
            at_s = self._start_s + end / info.sampling_rate_hz
            if self._speed is not None:
                await asyncio.sleep(began_s + at_s / self._speed - asyncio.get_running_loop().time())
            self._at_s = at_s
            await self.events.put(Items(at_s=at_s, info=info, items=(item,)))
        await self.events.put(Ended(self._at_s))


class SimulatedSource:
    """A sensor of our own packet format that plays a recording in real time: for practice without hardware.

    Parameters
    ----------
    recording : Recording
        Rate and range as the sensor has them; its gaps are packets that are never sent.
    samples_per_packet : int
    speed : float or None
        As for `ReplaySource`.
    now : callable, optional
        Seconds since the session began, when others share it; its own time by default.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        samples_per_packet: int = 10,
        speed: float | None = 1.0,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._session_s = now
        self.events: asyncio.Queue[LinkEvent] = asyncio.Queue(_MOST_WAITING if speed is None else 0)
        self._recording = recording
        self._n = samples_per_packet
        self._speed = speed
        self._at_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Seconds of the recording that have been sent."""
        return self._at_s

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Fall silent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send(self) -> None:
        info = self._recording.info
        settings = StreamSettings(sampling_rate_hz=info.sampling_rate_hz, range_g=info.range_g or 16.0)
        at_s = self._arrival_s(0.0)
        await self.events.put(
            Connected(
                at_s=at_s, link=1, settings=settings, device="simulated", profile="loadsense-nrf52", confirmed=True
            )
        )
        await self.events.put(Battery(at_s, 100))
        began_s = asyncio.get_running_loop().time()
        for at_s, data in self._packets(settings):
            if self._speed is not None:
                await asyncio.sleep(began_s + at_s / self._speed - asyncio.get_running_loop().time())
            self._at_s = at_s
            await self.events.put(Payload(self._arrival_s(at_s), 1, data))
        await self.events.put(Ended(self._arrival_s(self._at_s)))

    def _arrival_s(self, played_s: float) -> float:
        return played_s if self._session_s is None else self._session_s()

    def _packets(self, settings: StreamSettings) -> Iterator[tuple[float, bytes]]:
        """Time and bytes of each packet; a packet that a gap touches is never sent."""
        rate_hz, counts_per_g = settings.sampling_rate_hz, 32768.0 / (settings.range_g or 16.0)
        held: np.ndarray = np.zeros((0, 3))
        first = 0
        for item in self._recording.blocks():
            if isinstance(item, Gap):
                first = -(-(item.first_sample + item.n_missing) // self._n) * self._n
                held = np.zeros((0, 3))
                continue
            held = np.concatenate([held, _after(item, first + len(held))])
            while len(held) >= self._n:
                counts = np.clip(np.round(held[: self._n] * counts_per_g), -32768, 32767)
                data = loadsense_packet.encode(first // self._n, int(first * 1e6 / rate_hz), counts)
                first, held = first + self._n, held[self._n :]
                yield first / rate_hz, data


def _after(item: Item, first_sample: int) -> np.ndarray:
    """Samples of a block from a sample on."""
    if isinstance(item, SampleBlock):
        return item.accel_g[max(0, first_sample - item.first_sample) :]
    return np.zeros((0, 3))
