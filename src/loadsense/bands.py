"""Counting peaks in published bands, and the score that is made of such counts.

The daily impact score of Ahola et al. (2010) is the sum over 32 bins of acceleration x ln(count + 1).

Differences from the sources
----------------------------
The score takes the lower edge of a bin as the bin's acceleration; the paper's own choice was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from loadsense.criteria import BandSet
from loadsense.results import BandCount
from loadsense.samples import FloatArray, IntArray


def bin_counts(peaks: Sequence[float] | FloatArray, edges: Sequence[float]) -> IntArray:
    """Count of peaks in each [edges[i], edges[i + 1]); what lies below the first edge is left out."""
    found = np.searchsorted(np.asarray(edges), np.asarray(peaks, dtype=np.float64), side="right") - 1
    inside = found[(found >= 0) & (found < len(edges) - 1)]
    return np.bincount(inside, minlength=len(edges) - 1).astype(np.int64)


def band_counts(peaks: Sequence[float] | FloatArray, bands: BandSet) -> tuple[BandCount, ...]:
    """Count of peaks in each published band; the peaks must be in the frame of the bands."""
    counts = bin_counts(peaks, bands.edges)
    return tuple(
        BandCount(name=bands.name, low=low, high=high, unit=bands.unit, frame=bands.frame or "", count=int(count))
        for (low, high), count in zip(pairwise(bands.edges), counts, strict=True)
    )


def impact_score_log(peaks_g: Sequence[float] | FloatArray, bins: BandSet) -> float:
    """Daily impact score: sum over bins of acceleration x ln(count + 1).

    Parameters
    ----------
    peaks_g : array_like
        RAW g, by one of the two rules named in `loadsense.osteogenic`; 0 peaks give 0.
    bins : BandSet
        The 32 bins.
    """
    lower = np.asarray(bins.edges[:-1])
    return float(np.sum(lower * np.log1p(bin_counts(peaks_g, bins.edges))))
