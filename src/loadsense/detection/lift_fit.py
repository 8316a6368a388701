"""A stretch of motion as a set: matched with its own template, and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_gate import refusal, texture
from loadsense.detection.lift_grid import GRID_HZ
from loadsense.detection.template import Matches, find_repetitions, no_matches
from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Repetitions matched over a stretch.

    Attributes
    ----------
    period : int
        Samples of the grid in the template.
    matches : Matches
        Centres as absolute grid indices.
    reason : str
        Why it is not a set; empty when it is.
    """

    period: int
    matches: Matches
    reason: str

    @property
    def first(self) -> int:
        """Grid index at which the first repetition begins."""
        return int(self.matches.centres[0]) - self.period // 2

    @property
    def last(self) -> int:
        """Grid index at which the last repetition ends."""
        return int(self.matches.centres[-1]) + self.period - self.period // 2

    @property
    def seconds_per_repetition(self) -> float:
        """Median interval of the repetitions."""
        return float(np.median(np.diff(self.matches.centres))) / GRID_HZ

    @property
    def slowing_percent(self) -> float | None:
        """How much longer the last two intervals were than the first two; None for fewer than five repetitions."""
        steps = np.diff(self.matches.centres)
        if len(steps) < 4:
            return None
        return float(100.0 * (steps[-2:].mean() / steps[:2].mean() - 1.0))


def fit_set(rows: FloatArray, motion_g: FloatArray, place: tuple[int, int], criteria: LiftCriteria) -> Fit:
    """Match a stretch and judge it.

    Parameters
    ----------
    rows : ndarray, shape (n, 4)
        RAW g on the grid and whether the sample is there.
    motion_g : ndarray, shape (n, 3)
        The same, low-passed.
    place : tuple of int
        Absolute grid index of the first row, and the period in grid samples.
    criteria : LiftCriteria
        Constants.
    """
    first, period = place
    if len(rows) < 2 * period:
        return Fit(period=period, matches=no_matches(), reason="too few repetitions")
    found = find_repetitions(motion_g, rows[:, 3], period, criteria)
    if len(found.centres) < 3:
        reason = "too few repetitions"
    else:
        low = max(0, int(found.centres[0]) - period // 2)
        high = min(len(rows), int(found.centres[-1]) + period // 2 + 1)
        reason = refusal(found, period / GRID_HZ, texture(rows[low:high, :3]), criteria)
    matches = Matches(found.centres + first, found.similarity, found.scale, found.template_g)
    return Fit(period=period, matches=matches, reason=reason)
