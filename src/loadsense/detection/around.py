"""What lies around an impact: the impacts of its train, the turn of the body, the unrest after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense import kernels
from loadsense.detection.flights import FlightImpact, Trace
from loadsense.samples import FloatArray


@dataclass(frozen=True, slots=True)
class Around:
    """An impact, the trace as it was known at a grid index, and the impacts around."""

    impact: FlightImpact
    trace: Trace
    until: int
    near: list[FlightImpact]

    def train(self) -> list[FlightImpact]:
        """Those up to this one whose flights are deep enough to be of one train with it."""
        return [c for c in self.near if c.peak <= self.impact.peak and c.flight.deficit_g_s > 0.05]

    def impulse_g_s(self) -> float:
        """Integral of (|a| - 1)+ after the flight."""
        end = self.impact.flight.end
        return self.trace.surplus_g_s(end, min(self.until, end + 40))

    def unrest_g(self) -> float:
        """Standard deviation of |a| from 0.3 to 0.8 s after the peak."""
        return _spread_g(self.trace.g(self.impact.peak + 30, min(self.until, self.impact.peak + 80)))

    def turn_deg(self) -> float:
        """Angle between the mean accelerations before and after."""
        return turned_deg(self.trace, self.impact.flight.start, self.impact.peak, self.until)


def turned_deg(trace: Trace, start: int, peak: int, until: int) -> float:
    """Angle between the mean acceleration before the flight and after the impact; 0 where one is not there."""
    before = trace.rows(start - 150, start - 60)
    after = trace.rows(peak + 50, min(until, peak + 100))
    if len(before) < 20 or len(after) < 20:
        return 0.0
    loops = kernels.compiled()
    if loops is not None:
        return _degrees(loops.turn(before, after))
    return angle_deg(before.mean(axis=0), after.mean(axis=0))


def _spread_g(values: FloatArray) -> float:
    """Standard deviation; 0 where there are too few values to say."""
    return float(values.std()) if len(values) >= 20 else 0.0


def angle_deg(first: FloatArray, second: FloatArray) -> float:
    """Angle between two vectors, degrees."""
    length = float(np.sqrt((first * first).sum() * (second * second).sum())) + 1e-9
    return _degrees(float((first * second).sum()) / length)


def _degrees(cosine: float) -> float:
    """Angle of a cosine that rounding may have taken beyond 1."""
    return float(np.degrees(np.arccos(min(max(cosine, -1.0), 1.0))))
