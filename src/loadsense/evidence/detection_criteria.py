"""The criteria of the detectors, from `detection/*.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from loadsense.detection.activity import ActivityCriteria
from loadsense.detection.body import BodyCriteria, TrainScore
from loadsense.detection.flights import FlightCriteria
from loadsense.detection.landings import LandingCriteria
from loadsense.detection.lift_criteria import LiftCriteria, PostureCriteria
from loadsense.detection.peaks import PeakCriteria
from loadsense.detection.wrist import WristCriteria


@cache
def landing_criteria() -> LandingCriteria:
    """Thresholds and weights of the landing detector.

    Examples
    --------
    >>> landing_criteria().trunk.least_peak_g
    2.2
    """
    table = _table("landings")
    return LandingCriteria(
        trunk=_body(table, "trunk"),
        pocket=_body(table, "pocket"),
        wrist_train=_body(table, "wrist_train"),
        peaks=PeakCriteria(**table["peaks"]),
        wrist=WristCriteria(**table["wrist"]),
        **table["timing"],
    )


@cache
def lift_criteria() -> LiftCriteria:
    """Constants of the lift detector and the postures of the lifts it names.

    Examples
    --------
    >>> lift_criteria().set_end_s
    12.0
    """
    table = _table("lifts")
    values = {name: entry["value"] for name, entry in table["constants"].items()}
    values["scales"] = tuple(values["scales"])
    return LiftCriteria(**values, postures=tuple(PostureCriteria(**posture) for posture in table["postures"]))


@cache
def activity_criteria() -> ActivityCriteria:
    """Thresholds of the activities.

    Examples
    --------
    >>> activity_criteria().still_below_g
    0.05
    """
    return ActivityCriteria(**_table("activity")["activity"])


def _body(table: dict[str, Any], family: str) -> BodyCriteria:
    """Criteria of one family: what the families share, with its own numbers in their place."""
    shared, own = table["body"], table[family]
    flight = FlightCriteria(**shared["flight"] | own.get("flight", {}))
    score = TrainScore(**shared["score"] | own.get("score", {}))
    return BodyCriteria(**shared | own | {"flight": flight, "score": score})


def _table(name: str) -> dict[str, Any]:
    text = files("loadsense.evidence").joinpath(f"detection/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
