"""What lies around an impact: the impacts of its train, the turn of the body, the unrest after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from loadsense import kernels
from loadsense.detection.flights import FlightImpact, Trace
from loadsense.detection.history import GRID_HZ
from loadsense.samples import FloatArray


class Sides(NamedTuple):
    """Integrals of (|a| - 1)+ before a flight and after it, g s, and the angle between the mean accelerations there."""

    push_g_s: float
    impulse_g_s: float
    turn_deg: float


@dataclass(frozen=True, slots=True)
class Around:
    """An impact, the trace as it was known at a grid index, the impacts around, and both sides of its flight."""

    impact: FlightImpact
    trace: Trace
    until: int
    near: list[FlightImpact]
    sides: Sides

    def train(self) -> list[FlightImpact]:
        """Those up to this one whose flights are deep enough to be of one train with it."""
        return [c for c in self.near if c.peak <= self.impact.peak and c.flight.deficit_g_s > 0.05]

    def unrest_g(self) -> float:
        """Standard deviation of |a| from 0.3 to 0.8 s after the peak."""
        return _spread_g(self.trace.g(self.impact.peak + 30, min(self.until, self.impact.peak + 80)))


def sides_of(impact: FlightImpact, trace: Trace, until: int, begin: int) -> Sides:
    """Half a second before the flight, not before `begin`, 0.4 s after it, and the turn from one to the other."""
    start, end = impact.flight.start, impact.flight.end
    loops = kernels.compiled()
    if loops is not None:
        first, at = trace.start, (begin, start, end, impact.peak)
        push, impulse, cosine = loops.sides(trace.rows(first, until), trace.g(first, until), first, at)
        return Sides(push / GRID_HZ, impulse / GRID_HZ, _degrees(cosine))
    push_g_s = trace.surplus_g_s(max(begin, start - 50), start)
    impulse_g_s = trace.surplus_g_s(end, min(until, end + 40))
    return Sides(push_g_s, impulse_g_s, turned_deg(trace, start, impact.peak, until))


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
