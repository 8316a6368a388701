"""What the engine finds: frozen events, in samples counted from the start of the recording.

All sample ranges are half-open, [start, end). `peak_g` is RAW acceleration at the sensor; NET g carries `net` in its
name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """How final an event is: live events start provisional; those of a finished recording are settled or withdrawn."""

    PROVISIONAL = "provisional"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"


class Takeoff(StrEnum):
    """How a flight began."""

    PUSH = "push"
    NONE = "none"
    UNKNOWN = "unknown"


class Activity(StrEnum):
    """What the wearer was doing over a stretch of samples."""

    WALKING = "walking"
    RUNNING = "running"
    JUMPING = "jumping"
    STAIRS = "stairs"
    STILL = "still"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceEstimate:
    """Force and loading rate predicted by a published equation inside its domain.

    Attributes
    ----------
    model : str
        Name of the equation in the evidence table.
    peak_grf_n, peak_grf_bw : float or None
        Peak ground reaction force in newton and in body weights.
    loading_rate_n_per_s, loading_rate_bw_per_s : float or None
        Predicted loading rate (of a force smoothed at 20 Hz: never graded).
    reason : str
        Why a value is None, empty when none is.
    """

    model: str
    peak_grf_n: float | None = None
    peak_grf_bw: float | None = None
    loading_rate_n_per_s: float | None = None
    loading_rate_bw_per_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """One peak of the 20 Hz low-passed resultant, >= 1.3 g RAW and >= 0.4 s from a higher one.

    Attributes
    ----------
    onset_sample, peak_sample : int
        First sample of the rise, and the peak.
    peak_g : float
        Resultant, RAW g, 20 Hz low-pass.
    peak_vertical_g : float or None
        Along gravity at the same sample, RAW g, 20 Hz low-pass.
    acceleration_rate_g_per_s : float or None
        Steepest central difference of the rise; None where the rise is one sample.
    activity : Activity
        What the wearer was doing.
    force : ForceEstimate or None
        None where no equation applies.
    rule : {"impact", "step"}
        "step" for the step of a run that is nearer than 0.4 s to a higher one: an impact only where the wearer runs.
    slow_vertical_g : float or None
        Highest vertical acceleration of the step after a 10 Hz low-pass, its mean set to 1 g, for the force equation of
        running at the sacrum; None where it was not asked for.
    """

    onset_sample: int
    peak_sample: int
    peak_g: float
    peak_vertical_g: float | None = None
    acceleration_rate_g_per_s: float | None = None
    activity: Activity = Activity.UNKNOWN
    force: ForceEstimate | None = None
    rule: Literal["impact", "step"] = "impact"
    slow_vertical_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingCandidate:
    """A flight and an impact, as the detector reports it, before its load is measured.

    Attributes
    ----------
    event_id : str
        The same for the provisional, the settled and the withdrawn form.
    status : Status
        Provisional, settled, or withdrawn.
    reason : str
        Why it was withdrawn or excluded ("running step", "no flight", "fall", ...); empty for a landing.
    flight_start_sample, landing_sample, peak_sample, end_sample : int
        Take-off, initial contact, impact peak, and end of the impact.
    flight_s : float or None
        Duration of the flight.
    takeoff : Takeoff
        Whether a push-off was seen.
    truncated : bool
        The recording or a gap cut the window of the landing.
    notes : tuple of str
        Limits of this landing in words ("experimental", "untested on people").
    """

    event_id: str
    status: Status
    landing_sample: int
    peak_sample: int
    end_sample: int
    flight_start_sample: int
    flight_s: float | None
    takeoff: Takeoff
    reason: str = ""
    truncated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingRates:
    """Loading rate of one landing by each named definition, in g/s of the landing filter.

    Attributes
    ----------
    maximum_g_per_s : float or None
        Steepest central difference on the rise (SCIENCE.md 5.1).
    slope_20_80_g_per_s : float or None
        Mean slope between 20 and 80 % of the rise (5.2).
    onset_g_per_s : float or None
        From initial contact to the peak, over the time between (5.3).
    maximum_20hz_g_per_s : float or None
        Steepest central difference of the rise after the 20 Hz low-pass, for the force equations.
    cutoff_hz, sampling_rate_hz : float or None
        Low-pass and rate behind all three: a loading rate means nothing without them (the 20 Hz one aside).
    """

    maximum_g_per_s: float | None = None
    slope_20_80_g_per_s: float | None = None
    onset_g_per_s: float | None = None
    maximum_20hz_g_per_s: float | None = None
    cutoff_hz: float | None = None
    sampling_rate_hz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """One landing with its loads.

    Attributes
    ----------
    peak_g, peak_net_g, peak_vertical_g : float
        Resultant RAW, resultant NET and vertical RAW g after the landing filter (min(85 Hz, 0.4 x rate), zero phase).
    peak_20hz_g : float
        Resultant RAW g after the 20 Hz low-pass, for the force equations.
    clipped : bool
        An axis reached the range: the peak is a lower bound.
    high_magnitude, high_rate : bool or None
        Above the profile's thresholds; None where not graded.
    candidate : LandingCandidate
        Samples, flight and take-off, as detected.
    """

    candidate: LandingCandidate
    peak_g: float
    peak_net_g: float
    peak_vertical_g: float | None
    peak_20hz_g: float
    loading_rates: LoadingRates
    time_to_peak_s: float | None
    jump_height_m: float | None = None
    drop_height_m: float | None = None
    clipped: bool = False
    force: ForceEstimate | None = None
    high_magnitude: bool | None = None
    high_rate: bool | None = None

    @property
    def event_id(self) -> str:
        """Id of the landing, the same while it is provisional and when it has settled."""
        return self.candidate.event_id

    @property
    def status(self) -> Status:
        """Provisional, settled or withdrawn."""
        return self.candidate.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A candidate that was looked at and is not a landing or a set, with the reason.

    Attributes
    ----------
    kind : str
        "landing" or "set".
    peak_sample : int
        Where it was.
    peak_g : float or None
        RAW g of its peak, unfiltered.
    reason : str
        One of the words of the detector: "running step", "no flight", "knock", "fall", "take-off peak", ...
    """

    kind: str
    peak_sample: int
    reason: str
    peak_g: float | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as one call: a week of running excludes a hundred thousand, and is found in another process."""
        return _excluded, (self.kind, self.peak_sample, self.reason, self.peak_g)


def _excluded(kind: str, peak_sample: int, reason: str, peak_g: float | None) -> Excluded:
    return Excluded(kind=kind, peak_sample=peak_sample, reason=reason, peak_g=peak_g)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityStretch:
    """What the wearer was doing over [start_sample, end_sample)."""

    start_sample: int
    end_sample: int
    activity: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One repetition of a lift.

    Attributes
    ----------
    set_id : str
        The set it belongs to.
    start_sample, end_sample : int
        The repetition, on the sample grid of the recording.
    exercise : str
        Name of the lift, "unknown" until it is known.
    eccentric_s, concentric_s : float or None
        Durations of the phases; None where the signal does not show them.
    status : Status
        Provisional while the set goes on.
    """

    set_id: str
    start_sample: int
    end_sample: int
    exercise: str = "unknown"
    eccentric_s: float | None = None
    concentric_s: float | None = None
    status: Status = Status.SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftSet:
    """One set of repetitions.

    Attributes
    ----------
    set_id : str
        The same while provisional and when settled.
    repetitions : tuple of Repetition
        In order.
    exercise : str
        Name, or "unknown".
    exercise_confidence : float or None
        0 to 1; None when unknown.
    exercise_source : str
        "signal", "plan", "both" or "coach"; empty when unknown.
    repetitions_are_at_least : bool
        A hole, a splice or an edge lies in the set: the count is a lower bound.
    rest_before_s : float or None
        From the end of the set before; None for the first.
    seconds_per_repetition : float or None
        Median.
    slowing_percent : float or None
        How much longer the last two repetitions took than the first two; not a loss of velocity.
    load_kg, pct_1rm : float or None
        What was lifted, as declared, and that as a percentage of the wearer's 1RM; None when not known or not graded.
    notes : tuple of str
        "does not look like deadlift", "hole of 2.1 s", ...
    """

    set_id: str
    status: Status
    start_sample: int
    end_sample: int
    repetitions: tuple[Repetition, ...]
    exercise: str = "unknown"
    exercise_confidence: float | None = None
    exercise_source: str = ""
    repetitions_are_at_least: bool = False
    rest_before_s: float | None = None
    seconds_per_repetition: float | None = None
    slowing_percent: float | None = None
    load_kg: float | None = None
    pct_1rm: float | None = None
    notes: tuple[str, ...] = ()


Event = Impact | Landing | Excluded | ActivityStretch | Repetition | LiftSet
