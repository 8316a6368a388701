"""What a live session says of its sensors: who wears them, how they are, and what they found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from loadsense.events import Event

_MOST_NOTES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearing:
    """Who wears which sensor where.

    Attributes
    ----------
    person : str
        Pseudonym.
    sensor : str
        Placement, which is also the sensor's name in the session.
    address : str
        Of the sensor; empty for a replay.
    body_mass_kg : float or None
    tz : str or None
        IANA zone in which days are counted.
    """

    person: str
    sensor: str
    address: str = ""
    body_mass_kg: float | None = None
    tz: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """An event of the engine, and when it became known.

    Attributes
    ----------
    at_s : float
        Seconds since the session began.
    person, sensor : str
    event : Event
    sampling_rate_hz : float
        Of the samples in which the event counts.
    earlier : bool
        From before the session broke off: known already, told again after `--resume`.
    """

    at_s: float
    person: str
    sensor: str
    event: Event
    sampling_rate_hz: float
    earlier: bool = False


@dataclass(slots=True, kw_only=True)
class SensorState:
    """What a screen may want to know of a sensor; changes with every packet.

    Attributes
    ----------
    connected : bool
    link : int
        Connections so far.
    last_s : float or None
        When the last packet came.
    battery_percent : int or None
    lost_s : float
        Seconds of samples that never came, while the sensor was worn in the session.
    loss_observable : bool
        Whether a lost packet would have been seen.
    n_clipped : int
        Samples at the end of the range so far.
    faults : int
        Payloads that could not be read.
    notes : list of str
        Sentences for people, newest last.
    log_stopped : str
        Why nothing is recorded any longer; empty while it is.
    ended : bool
        Nothing more will come.
    """

    connected: bool = False
    link: int = 0
    last_s: float | None = None
    battery_percent: int | None = None
    lost_s: float = 0.0
    loss_observable: bool = True
    n_clipped: int = 0
    faults: int = 0
    notes: list[str] = field(default_factory=list)
    log_stopped: str = ""
    ended: bool = False

    def note(self, sentence: str) -> None:
        """Keep a sentence once; the oldest are forgotten."""
        if sentence in self.notes:
            self.notes.remove(sentence)
        self.notes.append(sentence)
        del self.notes[:-_MOST_NOTES]
