"""What truly happened in a simulated recording: exact, in seconds from the first sample."""

from __future__ import annotations

from dataclasses import dataclass

from loadsense.events import Activity, Takeoff


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLanding:
    """One landing.

    Attributes
    ----------
    flight_start_s, landing_s : float
        The feet leave the ground; they touch it again (initial contact).
    peak_s, peak_g : float
        Largest resultant at the sensor within 0.26 s of contact, RAW g, within the sensor's bandwidth, before range
        and noise.
    flight_s : float
        Time in the air.
    takeoff : Takeoff
        Push, or none for a drop.
    height_m : float
        Height of the jump (g t^2 / 8) or of the drop (g t^2 / 2).
    in_gap : bool
        Samples between take-off and 0.26 s after contact are missing from the recording.
    """

    flight_start_s: float
    landing_s: float
    flight_s: float
    takeoff: Takeoff
    height_m: float
    peak_s: float = 0.0
    peak_g: float = 0.0
    in_gap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueSet:
    """One set of a lift: `repetitions_s` holds (start, end) of each repetition."""

    exercise: str
    start_s: float
    end_s: float
    repetitions_s: tuple[tuple[float, float], ...]
    in_gap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueStretch:
    """What the wearer did over [start_s, end_s), by the name of the activity in the script."""

    start_s: float
    end_s: float
    name: str
    activity: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMoment:
    """A fall (first contact with the floor), a knock on the sensor, or a person sitting down hard."""

    kind: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Everything that truly happened, in order of time."""

    duration_s: float
    landings: tuple[TrueLanding, ...] = ()
    sets: tuple[TrueSet, ...] = ()
    stretches: tuple[TrueStretch, ...] = ()
    moments: tuple[TrueMoment, ...] = ()


TrueEvent = TrueLanding | TrueSet | TrueStretch | TrueMoment
