"""The impact criteria, from `detection/impacts.toml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from loadsense.detection.impacts import ImpactCriteria
from loadsense.evidence.fields import read_fields


@cache
def impact_criteria() -> ImpactCriteria:
    """What counts as an impact: height, distance and filter, with their source.

    Examples
    --------
    >>> impact_criteria().min_peak_g
    1.3
    """
    fields = read_fields(Path(__file__).parent / "detection" / "impacts.toml")
    table, source = fields.table("impacts"), fields.table("source")
    criteria = ImpactCriteria(
        cutoff_hz=table.number("cutoff_hz", low=0.1),
        min_peak_g=table.number("min_peak_g", low=0.0),
        min_distance_s=table.number("min_distance_s", low=0.0),
        min_step_s=table.number("min_step_s", low=0.0),
        slow_cutoff_hz=table.number("slow_cutoff_hz", low=0.1),
        slow_before_s=table.number("slow_before_s", low=0.0),
        slow_after_s=table.number("slow_after_s", low=0.0),
        gravity_s=table.number("gravity_s", low=0.0),
        source=source.source(),
    )
    for part in (table, source, fields):
        part.done()
    return criteria
