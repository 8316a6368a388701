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
    ``log_linear`` (Neugebauer): ln y = b0 + b1 x + b2 BM + b3 L + b4 x L, L = 1 for running.

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
    form : {"linear", "quadratic", "log_linear"}
        Which of the three forms.
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
    form: Literal["linear", "quadratic", "log_linear"]
    coefficients: tuple[float, ...]
    mape_percent: float | None
    min_body_mass_kg: float | None
    source: Source
    refused: str = ""
