"""All criteria of the engine, from the evidence files."""

from __future__ import annotations

from functools import cache

from loadsense.engine import EngineCriteria
from loadsense.evidence.detection_criteria import activity_criteria, landing_criteria, lift_criteria
from loadsense.evidence.equations import force_equations
from loadsense.evidence.impacts import impact_criteria
from loadsense.evidence.loader import bands, index_criteria, longwear_criteria


@cache
def engine_criteria() -> EngineCriteria:
    """One frozen criteria object for each stage, and the force equations."""
    return EngineCriteria(
        impacts=impact_criteria(),
        landings=landing_criteria(),
        lifts=lift_criteria(),
        activity=activity_criteria(),
        equations=force_equations(),
        longwear=longwear_criteria(),
        impact_bands=tuple(band for band in bands().values() if band.quantity == "impact_peak"),
        score_bins=index_criteria().score_bins,
    )
