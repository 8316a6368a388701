"""What the wearer was doing, and from it the activity and the force of every impact.

Impacts are found before the activity around them is known, so they wait here. A peak within 0.4 s of a higher one is an
impact only where the wearer runs (docs/decisions/0003-force-of-running-steps.md), so the others go once that is known.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

from loadsense.criteria import ForceEquation
from loadsense.events import Activity, ActivityStretch, ForceEstimate, Impact
from loadsense.force import estimate_force
from loadsense.impact_table import ImpactTable
from loadsense.placement import CAPABILITIES
from loadsense.samples import StreamInfo


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

    def keep(self, stretch: ActivityStretch) -> None:
        """Take the next stretch, in order of time."""
        if self._ends and self._activities[-1] is stretch.activity and self._ends[-1] == stretch.start_sample:
            self._ends[-1] = stretch.end_sample
        else:
            self._starts.append(stretch.start_sample)
            self._ends.append(stretch.end_sample)
            self._activities.append(stretch.activity)

    def at(self, sample: int) -> Activity:
        """What the wearer was doing at a sample; unknown between stretches and beyond them."""
        which = bisect_right(self._starts, sample) - 1
        return self._activities[which] if which >= 0 and sample < self._ends[which] else Activity.UNKNOWN

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
        self._waiting: list[Impact] = []
        self.seen = ActivityLine()
        self.named = ImpactTable()

    def add(self, impact: Impact) -> None:
        """Take the next impact, in order of time."""
        self._waiting.append(impact)

    @property
    def is_due(self) -> bool:
        """Whether the activity around the first impact that waits is known."""
        return bool(self._waiting) and self._waiting[0].peak_sample < self.seen.end_sample

    def name(self, *, is_over: bool = False) -> range:
        """Complete the impacts around which the activity is known, or all; return where they stand in `named`."""
        first, waiting = len(self.named), self._waiting
        if not waiting or not (is_over or self.is_due):
            return range(first, first)
        n_known = len(waiting)
        if not is_over:
            n_known = bisect_left(waiting, self.seen.end_sample, key=attrgetter("peak_sample"))
        known = [(impact, self._declared or self.seen.at(impact.peak_sample)) for impact in waiting[:n_known]]
        del waiting[:n_known]
        pairs = [pair for pair in known if pair[0].rule == "impact" or pair[1] is Activity.RUNNING]
        impacts, activities = [impact for impact, _ in pairs], [activity for _, activity in pairs]
        self.named.extend(impacts, activities, [self._impact_force(*pair) for pair in pairs])
        return range(first, len(self.named))

    def _impact_force(self, impact: Impact, activity: Activity) -> ForceEstimate | None:
        if self._body_mass_kg is None:
            return None
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
