"""Bone density by date: a change is said only beyond the least significant change of one machine (decision 15).

Nothing here says why a value changed. Twelve weeks cannot show in a DXA, so results closer than that are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from loadsense.prescriptions import Rule

NO_CHANGE = "no measurable change"


class BoneDensity(Protocol):
    """What a result must say of itself: areal density in g/cm2, and where and on what it was measured."""

    @property
    def measured_on(self) -> date: ...  # noqa: D102
    @property
    def site(self) -> str: ...  # noqa: D102
    @property
    def bmd_g_per_cm2(self) -> float: ...  # noqa: D102
    @property
    def machine(self) -> str: ...  # noqa: D102
    @property
    def centre(self) -> str: ...  # noqa: D102
    @property
    def least_significant_change_g_per_cm2(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityChange:
    """Two results of one site, and what may be said of them.

    Attributes
    ----------
    site : str
        Where.
    before, after : date
        Of the two results.
    change_g_per_cm2 : float
        After minus before.
    words : str
        "up by 0.031 g/cm2", "down by ...", or "no measurable change".
    reason : str
        Why nothing more is said; empty for a change.
    """

    site: str
    before: date
    after: date
    change_g_per_cm2: float
    words: str
    reason: str


def density_changes(results: Sequence[BoneDensity], *, rules: Mapping[str, Rule]) -> tuple[DensityChange, ...]:
    """The latest result of each site against the one before it.

    Parameters
    ----------
    results : sequence of BoneDensity
        In any order.
    rules : mapping
        `dxa-weeks-apart` is read.
    """
    found = []
    for site in sorted({one.site for one in results}):
        of_site = sorted((one for one in results if one.site == site), key=lambda one: one.measured_on)
        if len(of_site) > 1:
            found.append(_change(of_site[-2], of_site[-1], rules["dxa-weeks-apart"]))
    return tuple(found)


def _change(before: BoneDensity, after: BoneDensity, rule: Rule) -> DensityChange:
    change = after.bmd_g_per_cm2 - before.bmd_g_per_cm2
    reason = _why_none(before, after, change, rule)
    return DensityChange(
        site=after.site,
        before=before.measured_on,
        after=after.measured_on,
        change_g_per_cm2=change,
        words=NO_CHANGE if reason else f"{'up' if change > 0 else 'down'} by {abs(change):.3f} g/cm2",
        reason=reason,
    )


def _why_none(before: BoneDensity, after: BoneDensity, change: float, rule: Rule) -> str:
    """Why the difference is not said to be a change; empty when it is one."""
    if (before.machine, before.centre) != (after.machine, after.centre):
        return "measured on different machines"
    weeks = (after.measured_on - before.measured_on).days / 7.0
    if rule.on and rule.value is not None and weeks <= rule.value:
        return f"{weeks:.0f} weeks apart: {rule.value:g} weeks cannot show in a DXA"
    least = [
        one.least_significant_change_g_per_cm2
        for one in (before, after)
        if one.least_significant_change_g_per_cm2 is not None
    ]
    if not least:
        return "the least significant change of the machine is not known"
    if abs(change) <= max(least):
        return f"within the least significant change of {max(least):.3f} g/cm2"
    return ""
