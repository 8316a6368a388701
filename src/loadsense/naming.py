"""What the wearer was doing, and from it the activity and the force of every impact.

Impacts are found before the activity around them is known, so they wait here. A peak within 0.4 s of a higher one is an
impact only where the wearer runs (docs/decisions/0003-force-of-running-steps.md), so the others go once that is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from loadsense.criteria import ForceEquation
from loadsense.events import Activity, ActivityStretch, ForceEstimate, Impact
from loadsense.force import estimate_force
from loadsense.impact_table import ImpactTable, joined
from loadsense.placement import CAPABILITIES
from loadsense.samples import IntArray, StreamInfo
from loadsense.stretch_table import StretchTable


class ActivityLine:
    """Activities over time, in one piece as long as one goes on: a week has 300,000 stretches of two seconds."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._activities: list[Activity] = []

    @property
    def end_sample(self) -> int:
        """Sample up to which the activity is known."""
        return self._ends[-1] if self._ends else 0

    def extend(self, stretches: StretchTable) -> None:
        """Take the next stretches, in order of time."""
        starts, ends, activities = self._starts, self._ends, self._activities
        for start, end, activity in zip(stretches.starts, stretches.ends, stretches.activities, strict=True):
            if ends and activities[-1] is activity and ends[-1] == start:
                ends[-1] = end
            else:
                starts.append(start)
                ends.append(end)
                activities.append(activity)

    def at(self, samples: IntArray) -> list[Activity]:
        """What the wearer was doing at some samples; unknown between stretches and beyond them."""
        if not self._starts:
            return [Activity.UNKNOWN] * len(samples)
        first = max(0, bisect_right(self._starts, samples[0]) - 1) if len(samples) else 0
        which = np.searchsorted(np.array(self._starts[first:]), samples, side="right") - 1 + first
        is_known = (which >= first) & (samples < np.array(self._ends[first:])[which - first])
        pairs = zip(which.tolist(), is_known.tolist(), strict=True)
        return [self._activities[at] if known else Activity.UNKNOWN for at, known in pairs]

    def stretches(self) -> tuple[ActivityStretch, ...]:
        """The pieces, in order."""
        pieces = zip(self._starts, self._ends, self._activities, strict=True)
        return tuple(ActivityStretch(start_sample=start, end_sample=end, activity=a) for start, end, a in pieces)


class ImpactNaming:
    """Gives impacts their activity and force, and keeps them.

    Parameters
    ----------
    info : StreamInfo
        Placement, body mass, and the activity where it was declared: that goes before what is seen.
    equations : sequence of ForceEquation
        In order of preference.

    Attributes
    ----------
    seen : ActivityLine
        What the wearer was doing; told to it by the engine.
    named : ImpactTable
        The impacts that are complete.
    """

    def __init__(self, info: StreamInfo, equations: Sequence[ForceEquation]) -> None:
        self._equations = equations
        self._site = CAPABILITIES[info.placement].force_site
        self._body_mass_kg = info.body_mass_kg
        self._declared = Activity(info.activity) if info.activity else None
        self._waiting: list[ImpactTable] = []
        self._first_waiting: int | None = None
        self.seen = ActivityLine()
        self.named = ImpactTable()

    def add(self, impacts: ImpactTable) -> None:
        """Take the next impacts, in order of time."""
        if len(impacts):
            self._waiting.append(impacts)
            if self._first_waiting is None:
                self._first_waiting = int(impacts.samples()[0])

    @property
    def is_due(self) -> bool:
        """Whether the activity around the first impact that waits is known."""
        return self._first_waiting is not None and self._first_waiting < self.seen.end_sample

    def unnamed(self) -> ImpactTable:
        """The impacts that wait."""
        return ImpactTable.of(joined(self._waiting))

    def name(self, *, is_over: bool = False) -> range:
        """Complete the impacts around which the activity is known, or all; return where they stand in `named`."""
        first = len(self.named)
        if not self._waiting or not (is_over or self.is_due):
            return range(first, first)
        waiting = self.unnamed()
        samples = waiting.samples()
        n_known = len(waiting) if is_over else int(np.searchsorted(samples, self.seen.end_sample))
        self._waiting, self._first_waiting = [], None
        self.add(waiting.part(n_known, len(waiting)))
        self._complete(waiting.part(0, n_known), samples[:n_known])
        return range(first, len(self.named))

    def _complete(self, impacts: ImpactTable, samples: IntArray) -> None:
        """Keep impacts with their activity and force; a step only where the wearer runs."""
        activities = [self._declared] * len(impacts) if self._declared else self.seen.at(samples)
        is_step = impacts.is_step
        if is_step.any():
            kept = ~is_step | np.array([activity is Activity.RUNNING for activity in activities])
            impacts = impacts.chosen(kept)
            activities = [activity for activity, is_kept in zip(activities, kept.tolist(), strict=True) if is_kept]
        forces = None
        if self._body_mass_kg is not None:
            forces = [self._impact_force(*pair) for pair in zip(impacts, activities, strict=True)]
        self.named.extend(impacts, activities, forces)

    def _impact_force(self, impact: Impact, activity: Activity) -> ForceEstimate | None:
        return self._force(activity, impact.peak_g, impact.acceleration_rate_g_per_s, impact.slow_vertical_g)

    def landing_force(self, peak_20hz_g: float) -> ForceEstimate | None:
        """Force of a landing, from its peak after the 20 Hz low-pass."""
        return self._force(Activity.JUMPING, peak_20hz_g, None)

    def _force(
        self, activity: Activity, peak_g: float, rate_g_per_s: float | None, slow_vertical_g: float | None = None
    ) -> ForceEstimate | None:
        return estimate_force(
            self._equations,
            activity=activity,
            site=self._site,
            peak_g=peak_g,
            acceleration_rate_g_per_s=rate_g_per_s,
            body_mass_kg=self._body_mass_kg,
            slow_vertical_g=slow_vertical_g,
        )
