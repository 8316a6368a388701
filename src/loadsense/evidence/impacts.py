"""The impact criteria, from `detection/impacts.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from loadsense.criteria import Known, Source
from loadsense.detection.impacts import ImpactCriteria


@cache
def impact_criteria() -> ImpactCriteria:
    """What counts as an impact: height, distance and filter, with their source.

    Examples
    --------
    >>> impact_criteria().min_peak_g
    1.3
    """
    text = files("loadsense.evidence").joinpath("detection/impacts.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)["impacts"]
    source = table["source"]
    return ImpactCriteria(
        cutoff_hz=table["cutoff_hz"],
        min_peak_g=table["min_peak_g"],
        min_distance_s=table["min_distance_s"],
        gravity_s=table["gravity_s"],
        source=Source(
            citation=source["citation"], known=Known(source["known"]), doi=source["doi"], note=source["note"]
        ),
    )
