"""Osteogenic index and its relatives: how much a dose of impacts might mean to bone, by published formulas.

Theory of operation. Bone answers to the size of a load and soon tires of its repetition: the osteogenic index of
Turner and Robling (2003) is peak force x ln(N + 1), and a later bout counts less the sooner it follows. The index needs
ground reaction force in body weights, which an accelerometer does not measure; where a published equation predicts it,
the published form is given with the equation's error, elsewhere the *accelerometer osteogenic index*, the same form on
NET peak g under its own name. The two never share an axis.

The mean in the published form falls when gentle landings are added, although nothing was lost. For trends there is
`cumulative_index`: the largest value that the k strongest landings reach, over all k, which no further landing can
lower. It is named as ours.

None of these has a validated cut-off: all are reported, none is graded, and all are blind to lifting.

Differences from the sources
----------------------------
1. Turner and Robling give no rule for bouts of different intensity: here every bout has its own mean.
2. The daily impact score counts impact peaks of the 20 Hz resultant; the open implementation (GGIR, after Ahola 2010)
   takes the maximum of each unbroken run of raw samples at or above 1.3 g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.bands import band_counts, impact_score_log
from loadsense.criteria import BandSet, IndexCriteria
from loadsense.events import Landing
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import IndexValue, Indices
from loadsense.samples import FloatArray

#: Names of the two forms, in every output.
PUBLISHED_FORM: Final = "osteogenic index (predicted force)"
ACCELEROMETER_FORM: Final = "accelerometer osteogenic index (NET g)"

#: What the daily impact score counts, in words.
IMPACTS_RULE: Final = "impact peaks of the 20 Hz resultant, at least 1.3 g and 0.4 s apart"

_SOURCE: Final = "Turner and Robling 2003, doi 10.1097/00003677-200301000-00009 [second-hand]; recovery [recalled]"


def session_index(intensity: float, n: float) -> float:
    """Index of one bout: intensity x ln(n + 1).

    Parameters
    ----------
    intensity : float
        Peak force in body weights, or NET peak g.
    n : float
        Loading cycles; a mean over persons need not be whole.

    Examples
    --------
    >>> round(session_index(1.40, 4194.1), 3)
    11.678
    """
    return float(intensity * np.log1p(n))


def recovery(hours: float, tau_h: float) -> float:
    """Share of a bout that counts, `hours` after the bout before: 1 - exp(-t / tau).

    Examples
    --------
    >>> round(recovery(8.0, 6.0), 4)
    0.7364
    """
    return float(-np.expm1(-hours / tau_h))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """Landings that follow each other within the bout gap: indices [start, end), and hours since the bout before.

    `hours_before` is None for a first bout.
    """

    start: int
    end: int
    hours_before: float | None


def bouts(times_s: Sequence[float], *, gap_s: float, hours_before_first: float | None = None) -> tuple[Bout, ...]:
    """Group landings into bouts.

    Parameters
    ----------
    times_s : sequence of float
        Landing times in order, seconds on one clock; midnight means nothing to it.
    gap_s : float
        Landings less than this apart are one bout.
    hours_before_first : float, optional
        From the last landing of an earlier session to the first one here; less than the gap continues that bout,
        which cannot be known here, so it counts as fresh and merely less.
    """
    if not len(times_s):
        return ()
    times = np.asarray(times_s, dtype=np.float64)
    cuts = np.flatnonzero(np.diff(times) >= gap_s) + 1
    starts = [0, *cuts.tolist()]
    ends = [*cuts.tolist(), len(times)]
    waits = [hours_before_first, *((times[cut] - times[cut - 1]) / 3600.0 for cut in cuts)]
    return tuple(
        Bout(start=start, end=end, hours_before=None if wait is None else float(wait))
        for start, end, wait in zip(starts, ends, waits, strict=True)
    )


def index_over_bouts(intensities: Sequence[float], groups: Sequence[Bout], *, tau_h: float) -> float:
    """Sum over bouts of mean intensity x ln(n + 1) x recovery since the bout before.

    Parameters
    ----------
    intensities : sequence of float
        One per landing, in order.
    groups : sequence of Bout
        From `bouts`.
    tau_h : float
        Time constant of recovery.
    """
    total = 0.0
    for bout in groups:
        mean = float(np.mean(intensities[bout.start : bout.end]))
        share = 1.0 if bout.hours_before is None else recovery(bout.hours_before, tau_h)
        total += session_index(mean, bout.end - bout.start) * share
    return total


def weekly_index(session_values: Sequence[float]) -> float:
    """Sum of the session indices of a week, for sessions at least a day apart."""
    return float(sum(session_values))


def cumulative_index(intensities: Sequence[float]) -> float | None:
    """Largest mean(k strongest) x ln(k + 1) over all k: never lower for one landing more [convention].

    Returns
    -------
    float or None
        None without landings.
    """
    if not len(intensities):
        return None
    strongest = np.sort(np.asarray(intensities, dtype=np.float64))[::-1]
    k = np.arange(1, len(strongest) + 1)
    return float(np.max(np.cumsum(strongest) / k * np.log1p(k)))


def daily_load_stimulus(forces_bw: Sequence[float], *, exponent: float) -> float | None:
    """(sum of force^m) ^ (1 / m), Carter and Whalen: one term for each loading cycle of the day.

    Examples
    --------
    >>> round(daily_load_stimulus([4.0] * 25 + [1.2] * 1000, exponent=4), 3)
    9.594
    """
    if not len(forces_bw):
        return None
    return float(np.sum(np.asarray(forces_bw, dtype=np.float64) ** exponent) ** (1.0 / exponent))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexInput:
    """What the indices of one session are made from.

    Attributes
    ----------
    landings : tuple of Landing
        Settled, in order of time.
    times_s : tuple of float
        Initial contact of each, seconds on one clock.
    placement : Placement
        Of the sensor that saw them.
    force_mape_percent : float or None
        Error of the force equation that the landings carry.
    score_peaks_g : ndarray or None
        RAW g peaks for the daily impact score, by `IMPACTS_RULE`; None where there are none to be had.
    forces_bw : tuple of float
        Predicted peak force of every loading cycle, for the daily load stimulus; empty where unknown.
    hours_since_last_bout : float or None
        From the last landing of an earlier session; None when there was none, or nobody knows.
    """

    landings: tuple[Landing, ...]
    times_s: tuple[float, ...]
    placement: Placement
    force_mape_percent: float | None = None
    score_peaks_g: FloatArray | None = None
    forces_bw: tuple[float, ...] = ()
    hours_since_last_bout: float | None = None


def tally_indices(seen: IndexInput, *, criteria: IndexCriteria, bands: Sequence[BandSet] = ()) -> Indices:
    """All indices of one session; where they cannot be known, None with the reason.

    Parameters
    ----------
    seen : IndexInput
        Landings and peaks.
    criteria : IndexCriteria
        Constants with their sources.
    bands : sequence of BandSet
        NET bands in which landings are counted.
    """
    if not CAPABILITIES[seen.placement].grades_landings:
        return _no_indices(f"no index from a sensor at the {seen.placement.value}: wear it at the hip or waist")
    peaks_net_g = [landing.peak_net_g for landing in seen.landings]
    scored = None if seen.score_peaks_g is None else impact_score_log(seen.score_peaks_g, criteria.score_bins)
    return Indices(
        osteogenic_index=osteogenic_index(seen, criteria=criteria),
        cumulative_index=cumulative_index(peaks_net_g),
        daily_impact_score_log=scored,
        daily_load_stimulus=daily_load_stimulus(seen.forces_bw, exponent=criteria.stimulus_exponent),
        threshold_counts=tuple(count for band_set in bands for count in band_counts(peaks_net_g, band_set)),
        reason="" if seen.landings else "no landings",
        daily_impact_score_rule="" if scored is None else IMPACTS_RULE,
    )


def osteogenic_index(seen: IndexInput, *, criteria: IndexCriteria) -> IndexValue:
    """Published form where every landing has a predicted force, else the accelerometer form on NET g."""
    forces = [landing.force.peak_grf_bw for landing in seen.landings if landing.force]
    known = [force for force in forces if force is not None]
    published = bool(known) and len(known) == len(seen.landings)
    intensities = known if published else [landing.peak_net_g for landing in seen.landings]
    groups = bouts(seen.times_s, gap_s=criteria.bout_gap_s, hours_before_first=seen.hours_since_last_bout)
    return IndexValue(
        value=index_over_bouts(intensities, groups, tau_h=criteria.recovery_tau_h) if intensities else None,
        intensity=float(np.mean(intensities)) if intensities else None,
        n=len(intensities),
        bouts=len(groups),
        method=PUBLISHED_FORM if published else ACCELEROMETER_FORM,
        mape_percent=seen.force_mape_percent if published else None,
        source=_SOURCE,
        reason="" if intensities else "no landings",
    )


def _no_indices(reason: str) -> Indices:
    nothing = IndexValue(
        value=None,
        intensity=None,
        n=0,
        bouts=0,
        method=ACCELEROMETER_FORM,
        mape_percent=None,
        source=_SOURCE,
        reason=reason,
    )
    return Indices(
        osteogenic_index=nothing,
        cumulative_index=None,
        daily_impact_score_log=None,
        daily_load_stimulus=None,
        reason=reason,
    )
