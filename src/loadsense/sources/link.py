"""What a source of live packets tells a session: plain words between the radio and everything else."""

from __future__ import annotations

from dataclasses import dataclass, field

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


LinkEvent = Connected | Payload | Lost | Battery | Trouble
