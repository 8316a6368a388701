"""Criteria in frozen form: what a threshold or an equation is, whoever loaded it.

The pure rooms receive these; `loadsense.evidence` makes them from its data files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from loadsense.placement import Placement


class Known(StrEnum):
    """How a number is known; everything but VERIFIED is marked in every output that uses it."""

    VERIFIED = "verified"
    VERIFIED_SECOND_HAND = "second-hand"
    DERIVED = "derived"
    RECALLED = "recalled"
    CONVENTION = "convention"

    @property
    def mark(self) -> str:
        """Suffix in outputs: empty for verified, else the word in brackets.

        Examples
        --------
        >>> Known.RECALLED.mark
        ' [recalled]'
        """
        return "" if self is Known.VERIFIED else f" [{self.value}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a number comes from."""

    citation: str
    known: Known
    doi: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One published level, with everything it must be compared with.

    Attributes
    ----------
    name : str
        Key in outputs, for instance "hip-high-magnitude".
    quantity : str
        "landing_peak", "landing_rate", "impact_peak", "epoch_mean", "force", "force_rate".
    value, unit : float, str
        Level and its unit ("g", "g/s", "mg", "BW", "BW/s").
    frame : {"RAW", "NET"} or None
        Frame of an acceleration; None for slopes and forces.
    vector : {"resultant", "vertical"}
        What the level was stated for.
    filter : str
        Filter of the quantity, in words.
    population : str
        Who was studied.
    placements : tuple of Placement
        Where the level may be used.
    source : Source
        With its DOI and how the number is known.
    """

    name: str
    quantity: str
    value: float
    unit: str
    frame: Literal["RAW", "NET"] | None
    vector: Literal["resultant", "vertical"]
    filter: str
    population: str
    placements: tuple[Placement, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceEquation:
    """A published equation from acceleration to force or loading rate, with the domain it holds in.

    ``linear``: b0 + b1 x + b2 BM + b3 x BM; ``quadratic``: b0 + b1 x + b2 x^2 + b3 BM + b4 x BM;
    ``log_linear`` (Neugebauer): ln y = b0 + b1 x + b2 BM + b3 L + b4 x L, L = 1 for running;
    ``proportional`` (Newton): b0 BM x, where x is the slow vertical peak of the step, low-passed at 10 Hz.

    Attributes
    ----------
    name : str
        For instance "veras-2022-walking-running-hip-vertical".
    activity : tuple of str
        Activities the equation was made for ("walking", "running", "jumping").
    site : {"hip", "back", "ankle"}
        Placement of the rows.
    vector : {"resultant", "vertical"}
        Component that x is taken from.
    predicts : {"grf_n", "loading_rate_n_per_s"}
        What y is; x is the RAW peak in g for force and the peak acceleration rate in g/s for loading rate.
    form : {"linear", "quadratic", "log_linear", "proportional"}
        Which of the four forms.
    coefficients : tuple of float
        b0, b1, ...
    mape_percent : float or None
        Mean absolute percentage error as published.
    min_body_mass_kg : float or None
        Below it the slope has the wrong sign: no prediction.
    refused : str
        Why the row may not be used at all (a suspected copying error); empty when it may.
    source : Source
        With its DOI.
    """

    name: str
    activity: tuple[str, ...]
    site: Literal["hip", "back", "ankle"]
    vector: Literal["resultant", "vertical"]
    predicts: Literal["grf_n", "loading_rate_n_per_s"]
    form: Literal["linear", "quadratic", "log_linear", "proportional"]
    coefficients: tuple[float, ...]
    mape_percent: float | None
    min_body_mass_kg: float | None
    source: Source
    refused: str = ""


Frame = Literal["RAW", "NET"]
Criterion = Literal["magnitude", "rate", "either", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandSet:
    """Published bands of a quantity; band i is [edges[i], edges[i + 1]).

    Attributes
    ----------
    name : str
        Key in outputs, for instance "vainionpaa-2006".
    edges : tuple of float
        Ascending; the last may be infinite.
    quantity, unit, frame, vector, filter, population, placements, source
        As in `Threshold`.
    """

    name: str
    edges: tuple[float, ...]
    quantity: str
    unit: str
    frame: Frame | None
    vector: Literal["resultant", "vertical"]
    filter: str
    population: str
    placements: tuple[Placement, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """One number of ours, or of a model, that no threshold carries: value, unit, what it means, how it is known."""

    name: str
    value: float
    unit: str
    meaning: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Which levels a session is compared with, and whom they were studied in.

    Attributes
    ----------
    name, description, population : str
        Key, one sentence, and who was studied.
    criterion : {"magnitude", "rate", "either", "both"} or None
        What makes a landing count; None for a profile that reports and never judges.
    magnitude, rate : Threshold or None
        Levels of the criterion.
    also : tuple of Threshold
        Levels shown beside it, never graded.
    bands : tuple of BandSet
        Bands that counts are reported in.
    placements : tuple of Placement
        Where the profile may be used.
    target_landings : int or None
        Landings asked of a session without a prescription; None when the profile sets no target.
    """

    name: str
    description: str
    population: str
    criterion: Criterion | None
    magnitude: Threshold | None
    rate: Threshold | None
    also: tuple[Threshold, ...]
    bands: tuple[BandSet, ...]
    placements: tuple[Placement, ...]
    target_landings: int | None
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingCriteria:
    """When a landing may be compared with a level, and how sure a count must be.

    Attributes
    ----------
    target_tolerance : float
        Fraction of a target that counts as met: what the detector may miss.
    peak_error_g, rate_error_fraction : float
        A landing closer to a level than this is borderline; the rate's error is a fraction of the rate.
    landing_min_rate_hz : float
        Sampling rate below which landings are not judged at all.
    rate_min_nominal_hz, rate_min_measured_hz, rate_min_cutoff_hz, rate_full_range_g : float
        Below them a loading rate is shown and not graded; a clipped landing needs the full range.
    usual_ranges_g, range_share : tuple of float, float
        Where nobody stated the range and the largest sample lies within this share of one of these, it was that one.
    gap_margin_s, gap_landings_per_s : float
        A gap this close to a landing could hide landings, at most at this pace.
    extra_amber_fraction : float
        Above this fraction of a target the surplus is flagged.
    """

    target_tolerance: float
    peak_error_g: float
    rate_error_fraction: float
    landing_min_rate_hz: float
    rate_min_nominal_hz: float
    rate_min_measured_hz: float
    rate_min_cutoff_hz: float
    rate_full_range_g: float
    usual_ranges_g: tuple[float, ...]
    range_share: float
    gap_margin_s: float
    gap_landings_per_s: float
    extra_amber_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCriteria:
    """Constants of the indices.

    Attributes
    ----------
    bout_gap_s : float
        Landings closer than this are one bout.
    recovery_tau_h : float
        Time constant of recovery between bouts.
    stimulus_exponent : float
        m of the daily load stimulus.
    score_bins : BandSet
        The bins of the daily impact score, RAW g.
    sources : tuple of Convention
        Where the numbers above come from, for the footnotes.
    """

    bout_gap_s: float
    recovery_tau_h: float
    stimulus_exponent: float
    score_bins: BandSet
    sources: tuple[Convention, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LongWearCriteria:
    """Constants of days and weeks of wear.

    Attributes
    ----------
    epoch_s : float
        Epoch over which wrist acceleration is averaged.
    gradient_epochs : int
        Epochs that make one of the longer epochs of the gradient and the MX metrics.
    minutes_levels_mg : tuple of float
        Levels of the epoch mean above which minutes are counted.
    gradient_edges_mg : tuple of float
        Bin edges of the intensity gradient.
    mx_minutes : tuple of float
        Most active minutes of a day.
    valid_day_wear_h : float
        Wear below which a day is not valid.
    valid_week_days, valid_week_weekdays, valid_week_weekend_days : int
        Valid days of any kind, from Monday to Friday, and of the weekend, below which a week has no mean of that kind.
    """

    epoch_s: float
    gradient_epochs: int
    minutes_levels_mg: tuple[float, ...]
    gradient_edges_mg: tuple[float, ...]
    mx_minutes: tuple[float, ...]
    valid_day_wear_h: float
    valid_week_days: int
    valid_week_weekdays: int
    valid_week_weekend_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingTarget:
    """What the landings of a session are judged against.

    Attributes
    ----------
    basis : {"prescribed", "evidence"}
        A plan or a person set the target, or the profile's levels do.
    landings : int or None
        Landings asked for; None when nobody set a number.
    min_net_g, ceiling_net_g : float or None
        Her band; without it the count alone.
    plan, stage : str or None
        Where it comes from.
    locked : str or None
        Why it may not be graded (screening incomplete), in a sentence.
    """

    basis: Literal["prescribed", "evidence"]
    landings: int | None
    min_net_g: float | None = None
    ceiling_net_g: float | None = None
    plan: str | None = None
    stage: str | None = None
    locked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One line of `loadsense thresholds`: all of it in words, as printed."""

    kind: Literal["threshold", "bands", "equation", "convention", "rule", "plan"]
    name: str
    value: str
    unit: str
    frame: str
    quantity: str
    source: Source
    population: str = ""
    placement: str = ""
    filter: str = ""

    @property
    def mark(self) -> str:
        """How the number is known, in one word; empty for what was verified."""
        return "" if self.source.known is Known.VERIFIED else self.source.known.value
