"""What a source of live packets tells a session: plain words between the radio and everything else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from loadsense.samples import Item, StreamInfo
from loadsense.wire.packet import StreamSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A connection stands, and the sensor is about to stream.

    Attributes
    ----------
    at_s : float
        Seconds since the session began, as everywhere here.
    link : int
        Number of the connection, from 1.
    settings : StreamSettings
        What the sensor really uses.
    device : str
        What it calls itself.
    profile, decoder : str
        Profile used, and its packet format.
    loss_observable : bool
        Whether a lost packet would be seen.
    mtu : int
    confirmed : bool
        The sensor itself said which rate and range it uses.
    warnings : tuple of str
        Sentences about settings that are not as asked.
    """

    at_s: float
    link: int
    settings: StreamSettings
    device: str = ""
    profile: str = ""
    decoder: str = "loadsense"
    loss_observable: bool = True
    mtu: int = 23
    confirmed: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """One notification, as it came."""

    at_s: float
    link: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; the source tries again by itself."""

    at_s: float
    link: int
    reason: str


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge of the sensor."""

    at_s: float
    percent: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should know: a failed attempt, a refused command."""

    at_s: float
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Samples and gaps that were decoded before: a replay.

    Attributes
    ----------
    info : StreamInfo
        Of the recording; the same each time.
    items : tuple of SampleBlock or Gap
    """

    at_s: float
    info: StreamInfo
    items: tuple[Item, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come."""

    at_s: float


LinkEvent = Connected | Payload | Lost | Battery | Trouble | Items | Ended


class Source(Protocol):
    """Whatever feeds a session: a sensor, a replay, a sensor that is simulated.

    Attributes
    ----------
    events : asyncio.Queue of LinkEvent
        Read by the session, in order.
    """

    events: asyncio.Queue[LinkEvent]

    async def start(self) -> None:
        """Begin; raises a `LoadSenseError` when that cannot be."""
        ...

    async def stop(self) -> None:
        """End, and put nothing more into the queue."""
        ...
