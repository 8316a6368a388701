"""Which hops deserve a look: enough motion, kept up long enough. Everything else costs next to nothing."""

from __future__ import annotations

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_grid import GRID_HZ, HOP, GridRows
from loadsense.samples import BoolArray, FloatArray


class HopActivity:
    """Motion per hop of 12 grid samples, and over the window that ends with it.

    Parameters
    ----------
    first_hop : int
        Index of the first whole hop of the context; hop h holds the grid samples [12 h, 12 h + 12).
    criteria : LiftCriteria
        Constants.
    """

    def __init__(self, first_hop: int, criteria: LiftCriteria) -> None:
        self._criteria = criteria
        self._window = round(criteria.window_s * GRID_HZ) // HOP
        self._least = round(criteria.window_min_s * GRID_HZ) // HOP
        self._hops = GridRows(first_hop - self._window, 6)
        self._hops.append(np.zeros((self._window, 6)))
        self._last_mean: FloatArray | None = None

    @property
    def end(self) -> int:
        """Hop index after the last one known."""
        return self._hops.end

    def push(self, motion_g: FloatArray) -> BoolArray:
        """Take whole hops of motion, shape (12 n, 3); return for each whether its window deserves a look."""
        parts = [motion_g[k::HOP] for k in range(HOP)]
        mean = _total(parts) / HOP
        spread = _total([((part - mean) ** 2).sum(axis=1) for part in parts])
        before = self._last_mean if self._last_mean is not None else mean[0]
        step = np.diff(np.concatenate([before[None], mean]), axis=0)
        self._last_mean = mean[-1]
        size = np.sqrt(spread / HOP) + 0.5 * np.sqrt((step * step).sum(axis=1))
        start = self._hops.end
        moving = size >= self._criteria.moving_g
        self._hops.append(np.column_stack([mean, spread, moving, np.ones(len(mean))]))
        looks = self._looks(start, self._hops.end)
        self._hops.drop_before(start - 2 * self._window)
        return looks

    def is_moving(self, hop: int) -> bool:
        """Whether the wrist moved in a hop."""
        return bool(self._hops.between(hop, hop + 1)[0, 4])

    def moving(self, start: int, end: int) -> BoolArray:
        """Whether the wrist moved, hop by hop."""
        return np.asarray(self._hops.between(start, end)[:, 4] > 0)

    def _looks(self, start: int, end: int) -> BoolArray:
        rows = self._hops.between(start - self._window + 1, end)
        n = end - start
        rows = np.column_stack([rows, (rows[:, :3] ** 2).sum(axis=1)])
        total = _total([rows[k : k + n] for k in range(self._window)])
        count = np.maximum(total[:, 5], 1.0)
        centre = total[:, :3] / count[:, None]
        variance = (total[:, 3] / HOP + total[:, 6]) / count - (centre * centre).sum(axis=1)
        lively = total[:, 4] >= self._criteria.moving_share * count
        strong = variance >= self._criteria.window_rms_g**2
        return np.asarray(lively & strong & (count >= self._least))


def _total(parts: list[FloatArray]) -> FloatArray:
    """Sum in a fixed order, element by element."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
