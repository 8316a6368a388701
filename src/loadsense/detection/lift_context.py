"""What the lift detector remembers since the last long hole."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from loadsense.detection.lift_bouts import Bouts
from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_grid import GRID_HZ, HOP, GridRows, gaussian_taps, smoothed_inside
from loadsense.detection.lift_hops import HopActivity
from loadsense.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window [start, end) of the grid and its period; 0 where it has none."""

    start: int
    end: int
    period_s: float
    similarity: float


class Context:
    """Grid rows, motion, hops and the run of periodic windows; nothing of it reaches across a long hole.

    Parameters
    ----------
    first : int
        Grid index of the first row.
    criteria : LiftCriteria
        Constants.

    Attributes
    ----------
    looks : deque of (int, ndarray)
        First hop of each batch not yet gone through, and which of its hops deserve a look.
    search_from : int
        Grid index before which everything is settled.
    attempt_at, attempts : int
        When a run is matched next, and how often it was in vain.
    closing : bool
        No more samples will come to this context.
    """

    def __init__(self, first: int, criteria: LiftCriteria) -> None:
        self.first = self.search_from = self.attempt_at = first
        self.rows = GridRows(first, 4)
        self.motion = GridRows(first, 3)
        self.hops = HopActivity(-(-first // HOP), criteria)
        self.bouts = Bouts(criteria)
        self.looks: deque[tuple[int, BoolArray]] = deque()
        self.run: list[Window] = []
        self.attempts = 0
        self.n_sets = 0
        self.closing = False
        self._taps = gaussian_taps(criteria.lowpass_hz)

    @property
    def ahead(self) -> int:
        """Rows after a row that its motion needs."""
        return len(self._taps) - 1

    def take(self, rows: FloatArray) -> None:
        """Add grid rows (x, y, z, present), shape (n, 4)."""
        if len(rows):
            self.rows.append(rows)
            self._smooth_to(self.rows.end - self.ahead)

    def finish(self) -> None:
        """Smooth up to the last row: no more will come."""
        self._smooth_to(self.rows.end)

    def drop_before(self, row: int) -> int:
        """Forget rows before a grid index."""
        self.rows.drop_before(row)
        self.motion.drop_before(row)
        return row

    def _smooth_to(self, end: int) -> None:
        """Motion up to a grid index, and the hops it completes; the edges of the context repeat their value."""
        start, half = self.motion.end, self.ahead
        if end <= start:
            return
        low, high = max(start - half, self.first), min(end + half, self.rows.end)
        rows = self.rows.between(low, high)[:, :3]
        left, right = half - (start - low), half - (high - end)
        if left or right:
            rows = np.concatenate([np.repeat(rows[:1], left, axis=0), rows, np.repeat(rows[-1:], right, axis=0)])
        self.motion.append(smoothed_inside(rows, self._taps))
        first, last = self.hops.end, self.motion.end // HOP
        if last > first:
            self.looks.append((first, self.hops.push(self.motion.between(first * HOP, last * HOP))))


def median_period(run: list[Window]) -> int:
    """Median period of the windows of a run, weighted by their similarity; grid samples."""
    periods = np.array([window.period_s for window in run])
    weights = np.array([window.similarity for window in run])
    order = np.argsort(periods, kind="stable")
    share = np.cumsum(weights[order])
    return round(float(periods[order][np.searchsorted(share, share[-1] / 2)]) * GRID_HZ)
