"""What a session comes to: frozen results that every output is made from.

Unknown is None and stands beside a reason; it is never 0. Samples inside, seconds only where a name ends in `_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from loadsense.criteria import ForceEquation, Threshold
from loadsense.events import ActivityStretch, Excluded, Impact, Landing, LiftSet
from loadsense.samples import ClockQuality, Gap, StreamInfo
from loadsense.wear import DaySummary, WeekSummary

if TYPE_CHECKING:
    import pandas as pd


class VerdictStatus(StrEnum):
    """Three answers; each has its own word, icon and colour."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    CANNOT_SAY = "cannot_say"

    @property
    def words(self) -> str:
        """As printed.

        Examples
        --------
        >>> VerdictStatus.NOT_REACHED.words
        'NOT REACHED'
        """
        return self.value.replace("_", " ").upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, what was judged, and what would change it.

    Attributes
    ----------
    status : VerdictStatus
        The answer.
    basis : {"prescribed", "evidence"}
        A plan or person set the target, or the profile's thresholds did.
    judged : str
        The sentence after the word: "25 of 25 landings as planned; hip, 100 Hz".
    profile, population, criterion : str
        Profile name, who was studied, and "magnitude", "rate", "either", "both" or "count";
        "none" for a profile that reports and judges nothing.
    at_least : bool
        The count is a lower bound (clipping, gaps).
    borderline_n : int
        Landings within the measurement error of a threshold.
    reached_if_best, reached_if_worst : bool
        The answer with every unknown at its best and at its worst.
    to_do : str or None
        The one thing that would turn CANNOT SAY into an answer.
    reasons : tuple of str
        Why, in sentences.
    evidence_line : str or None
        With a plan: what the session did against levels studied elsewhere. Never an invitation to land harder.
    target, achieved : dict
        Plain numbers for `summary.json`.
    """

    status: VerdictStatus
    basis: Literal["prescribed", "evidence"]
    judged: str
    profile: str
    population: str
    criterion: str
    at_least: bool
    borderline_n: int
    reached_if_best: bool
    reached_if_worst: bool
    to_do: str | None = None
    reasons: tuple[str, ...] = ()
    evidence_line: str | None = None
    target: dict[str, float | int | None] = field(default_factory=dict)
    achieved: dict[str, float | int | None] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The last line in the terminal."""
        return f"VERDICT {self.status.words} - {self.judged}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Largest, middle and 90th percentile of one quantity."""

    max: float
    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCount:
    """How many events fell in [low, high) of one published band.

    Attributes
    ----------
    name : str
        Key of the band set in the evidence table.
    low, high : float
        Limits; high is infinite for the last band.
    unit, frame : str
        "g", and "NET" or "RAW".
    count : int
        Events.
    """

    name: str
    low: float
    high: float
    unit: str
    frame: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingSummary:
    """The landings of a session in numbers.

    `count` is None where no sensor could see landings; a None beside a count means "not graded" or "no landings".
    """

    count: int | None
    high_rate_count: int | None = None
    high_magnitude_count: int | None = None
    peak_g: Spread | None = None
    peak_net_g: Spread | None = None
    loading_rate_g_per_s: Spread | None = None
    peak_grf_bw: Spread | None = None
    bands: tuple[BandCount, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexValue:
    """The osteogenic index in one of its forms.

    Attributes
    ----------
    value : float or None
        Mean intensity x ln(n + 1), bouts weighted by recovery; None with a reason.
    intensity : float or None
        Mean predicted peak force in BW (published form) or mean NET peak g (accelerometer form).
    n, bouts : int
        Landings, and groups of landings less than an hour apart.
    method : str
        "osteogenic index (predicted force)" or "accelerometer osteogenic index (NET g)".
    mape_percent : float or None
        Of the force equation.
    source : str
        Citation and mark.
    """

    value: float | None
    intensity: float | None
    n: int
    bouts: int
    method: str
    mape_percent: float | None
    source: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indices:
    """All indices of a session; none of them is graded.

    `daily_impact_score_rule` says in words which peaks the score was made from.
    """

    osteogenic_index: IndexValue
    cumulative_index: float | None
    daily_impact_score_log: float | None
    daily_load_stimulus: float | None
    threshold_counts: tuple[BandCount, ...] = ()
    reason: str = ""
    daily_impact_score_rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalQuality:
    """What the samples themselves said about their worth; made by the engine while they passed.

    Attributes
    ----------
    n_samples, n_clipped : int
        Samples seen; samples with an axis at >= 0.98 of the range (0 when the range is unknown).
    rail_g : float or None
        RAW g at which an axis has flat tops, whatever range was stated; None where none has.
    largest_axis_g : float or None
        Largest absolute value of any axis, RAW g: where nobody stated the range, it tells whether a usual one was hit.
    gaps : tuple of Gap
        In order.
    still_s : float
        Seconds in which the sensor lay or was worn perfectly still.
    still_error_g : float or None
        Mean of |a| over the still seconds, minus 1 g; None without still seconds.
    non_wear : tuple of (int, int)
        Sample ranges not worn, for recordings long enough to tell.
    non_wear_known : bool
        Whether the recording was long enough to tell.
    """

    n_samples: int
    n_clipped: int = 0
    gaps: tuple[Gap, ...] = ()
    still_s: float = 0.0
    still_error_g: float | None = None
    non_wear: tuple[tuple[int, int], ...] = ()
    non_wear_known: bool = False
    largest_axis_g: float | None = None
    rail_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The whole recording for the eye: smallest and largest resultant in each bucket of samples, so no peak is lost.

    Attributes
    ----------
    bucket_samples : int
        Samples in a bucket; bucket k covers [k, k + 1) times this, counted from sample 0.
    low_g, high_g : tuple of float or None
        Unfiltered resultant, RAW g; None where a bucket holds no sample.
    """

    bucket_samples: int
    low_g: tuple[float | None, ...]
    high_g: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """Everything one sensor's recording came to.

    Attributes
    ----------
    info : StreamInfo
        The facts of the stream.
    sensor : str
        Name of the sensor in a session of several ("hip", "wrist").
    offset_s : float
        Seconds from the session's start to sample 0.
    quality : SignalQuality
        From the samples.
    clock : ClockQuality
        From the reader.
    landings, excluded, sets, activities : tuple
        Settled events in order of time.
    impacts : ImpactTable, or tuple of Impact
        The same, in columns where an engine found them: a week has hundreds of thousands.
    days : tuple of DaySummary
        Local days, for recordings of long wear.
    weeks : tuple of WeekSummary
        ISO weeks of these days.
    envelope : Envelope or None
        The trace as drawn in the report.
    """

    info: StreamInfo
    sensor: str
    quality: SignalQuality
    clock: ClockQuality = field(default_factory=ClockQuality)
    offset_s: float = 0.0
    landings: tuple[Landing, ...] = ()
    impacts: Sequence[Impact] = ()
    excluded: tuple[Excluded, ...] = ()
    sets: tuple[LiftSet, ...] = ()
    activities: tuple[ActivityStretch, ...] = ()
    days: tuple[DaySummary, ...] = ()
    weeks: tuple[WeekSummary, ...] = ()
    envelope: Envelope | None = None

    @property
    def n_grid_samples(self) -> int:
        """Length of the recording on the sample grid: samples that are there, and those that a gap misses."""
        return self.quality.n_samples + sum(gap.n_missing for gap in self.quality.gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One safety rule that fired.

    Attributes
    ----------
    rule : str
        Key of the rule in the evidence table.
    severity : {"red", "amber", "note"}
        Red locks the next session until a named clearance; amber is acknowledged.
    sentence : str
        Plain words with the numbers.
    source : str
        Source and mark.
    """

    rule: str
    severity: Literal["red", "amber", "note"]
    sentence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledSet:
    """A set that the coach called done while it was recorded; how many repetitions it had, nobody said.

    Attributes
    ----------
    sensor : str
        Whose recording kept the word.
    at_sample : int
        When it was said, on the sample grid of that recording.
    exercise : str
    load_kg, pct_1rm : float or None
        As for `LiftSet`.
    """

    sensor: str
    at_sample: int
    exercise: str
    load_kg: float | None = None
    pct_1rm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrescriptionRow:
    """One line of prescribed against done.

    Attributes
    ----------
    exercise : str
        "deadlift", ..., "landings".
    prescribed : str
        "5 x 5 at >= 85 %", "25 landings, 1.0 to 2.0 g net".
    done : str or None
        In the same form; None where nothing could see it.
    met : bool or None
        None: not observed or not graded, with the reason.
    source : str
        "hip sensor", "wrist sensor", "coach", "not observed".
    reason : str
        Why not met, or why unknown.
    """

    exercise: str
    prescribed: str
    done: str | None
    met: bool | None
    source: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrescriptionResult:
    """Prescribed against done for one session.

    `locked` holds the sentence when the plan may not be graded (screening incomplete, red flag), else None.
    """

    plan: str | None
    rows: tuple[PrescriptionRow, ...] = ()
    flags: tuple[Flag, ...] = ()
    locked: str | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the numbers were made with: no rate or peak may be printed without it."""

    version: str
    filter: str
    loading_rate_definition: str
    thresholds: tuple[Threshold, ...] = ()
    equations: tuple[ForceEquation, ...] = ()
    differences_from_source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """One session of one person: events, loads, index, verdict, quality and provenance.

    The tables are made on demand by `loadsense.frames`; seconds count from the start of the session. `called_done` are
    the sets that the coach called done, in order, whether a sensor saw them or not.
    """

    recordings: tuple[RecordingResult, ...]
    landing_summary: LandingSummary
    indices: Indices
    verdict: Verdict
    prescription: PrescriptionResult
    provenance: Provenance
    quality_notes: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    called_done: tuple[CalledSet, ...] = ()

    @property
    def landings(self) -> pd.DataFrame:
        """One row per landing (`docs/data-dictionary.md`)."""
        from loadsense import frames

        return frames.landings(self)

    @property
    def impacts(self) -> pd.DataFrame:
        """One row per impact peak."""
        from loadsense import frames

        return frames.impacts(self)

    @property
    def excluded(self) -> pd.DataFrame:
        """One row per candidate that is not a landing or a set, with the reason."""
        from loadsense import frames

        return frames.excluded(self)

    @property
    def repetitions(self) -> pd.DataFrame:
        """One row per repetition."""
        from loadsense import frames

        return frames.repetitions(self)

    @property
    def sets(self) -> pd.DataFrame:
        """One row per set."""
        from loadsense import frames

        return frames.sets(self)

    def to_dict(self) -> dict[str, object]:
        """What `summary.json` holds."""
        from loadsense.render import json_page

        return json_page.summary(self)

    def write(self, folder: str, *, stem: str | None = None) -> str:
        """Write `summary.json`, `events.csv`, `impacts.csv` and `report.html` to folder/stem; return that path.

        Raises
        ------
        OptionError
            The folder cannot be written to.
        WorldError
            The disk is full; nothing half-written stays behind.
        """
        from loadsense.render import write_outputs

        return write_outputs(self, folder, stem=stem)
