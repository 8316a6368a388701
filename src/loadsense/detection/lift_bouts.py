"""Bouts of motion between pauses: how heavy repetitions look when each is followed by a breath.

A deadlift reset on the floor for seven seconds has no period that a nine-second window could see. Three bouts of like
length, each followed by a pause, are reason enough to look whether they are the same movement.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_grid import GRID_HZ, HOP
from loadsense.detection.lift_hops import HopActivity
from loadsense.samples import BoolArray

#: Still hops that end a bout.
_STILL = 2


class Bouts:
    """Follows motion hop by hop and tells when three like bouts have come together.

    Parameters
    ----------
    criteria : LiftCriteria
        Constants.
    """

    def __init__(self, criteria: LiftCriteria) -> None:
        self._criteria = criteria
        self._shortest = max(1, round(criteria.period_min_s * GRID_HZ / HOP) - 1)
        self._longest = round(criteria.period_max_s * GRID_HZ / HOP)
        self._begun: int | None = None
        self._still = 0
        self._recent: deque[tuple[int, int]] = deque(maxlen=3)

    def restart(self, row: int) -> None:
        """Forget the bouts before a grid index."""
        self._recent = deque((bout for bout in self._recent if bout[0] * HOP >= row), maxlen=3)
        self._begun, self._still = None, 0

    def busy(self, looks: BoolArray, hops: HopActivity, first: int) -> BoolArray:
        """Hops that must be gone through one by one: a window to look at, motion, or the stillness that ends it."""
        moving = hops.moving(first - _STILL, first + len(looks))
        recent = moving[_STILL:].copy()
        for k in range(_STILL):
            recent |= moving[k : k + len(looks)]
        return np.asarray(looks | recent)

    def step(self, hops: HopActivity, hop: int) -> tuple[int, int] | None:
        """Go on by one hop; where the third like bout has just ended: grid index to match from, and its length."""
        if hops.is_moving(hop):
            self._begun = hop if self._begun is None else self._begun
            self._still = 0
            return None
        self._still += 1
        if self._begun is None or self._still < _STILL:
            return None
        bout, self._begun = (self._begun, hop - _STILL + 1), None
        return self._ended(bout)

    def _ended(self, bout: tuple[int, int]) -> tuple[int, int] | None:
        if not self._shortest <= bout[1] - bout[0] <= self._longest:
            self._recent.clear()
            return None
        longest_pause = self._criteria.pause_max_s * GRID_HZ / HOP
        if self._recent and bout[0] - self._recent[-1][1] > longest_pause + _STILL:
            self._recent.clear()
        self._recent.append(bout)
        lengths = [end - begin for begin, end in self._recent]
        if len(lengths) < 3 or max(lengths) > 1.5 * min(lengths) + 1:
            return None
        period = (sorted(lengths)[1] + 1) * HOP
        return self._recent[0][0] * HOP - period // 2, period
