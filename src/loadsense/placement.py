"""Where the sensor is worn, and what it can and cannot say from there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from loadsense.errors import unknown_name


class Placement(StrEnum):
    """Where on the body the sensor is worn."""

    WAIST = "waist"
    HIP = "hip"
    LOWER_BACK = "lower_back"
    SACRUM = "sacrum"
    CHEST = "chest"
    WRIST = "wrist"
    ANKLE = "ankle"
    POCKET = "pocket"
    HAND = "hand"
    BAG = "bag"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a placement can say.

    Attributes
    ----------
    landing_method : {"trunk", "pocket", "wrist"} or None
        Family of the landing detector; None where landings are not looked for.
    grades_landings : bool
        Whether a landing may be compared with a threshold (waist, hip, lower back, sacrum only).
    experimental : bool
        Whether found landings are a count "about N, experimental" and nothing more.
    sees_lifts : bool
        Whether repetitions and sets are looked for.
    force_site : {"hip", "back", "ankle"} or None
        Rows of the published force equations that apply; the sacrum uses the back rows.
    """

    landing_method: Literal["trunk", "pocket", "wrist"] | None
    grades_landings: bool = False
    experimental: bool = False
    sees_lifts: bool = False
    force_site: Literal["hip", "back", "ankle"] | None = None


CAPABILITIES: Final[dict[Placement, Capability]] = {
    Placement.WAIST: Capability(landing_method="trunk", grades_landings=True, force_site="hip"),
    Placement.HIP: Capability(landing_method="trunk", grades_landings=True, force_site="hip"),
    Placement.LOWER_BACK: Capability(landing_method="trunk", grades_landings=True, force_site="back"),
    Placement.SACRUM: Capability(landing_method="trunk", grades_landings=True, force_site="back"),
    Placement.CHEST: Capability(landing_method="trunk"),
    Placement.WRIST: Capability(landing_method="wrist", experimental=True, sees_lifts=True),
    Placement.ANKLE: Capability(landing_method=None, force_site="ankle"),
    Placement.POCKET: Capability(landing_method="pocket"),
    Placement.HAND: Capability(landing_method="pocket", experimental=True),
    Placement.BAG: Capability(landing_method="pocket", experimental=True),
    Placement.UNKNOWN: Capability(landing_method="pocket", experimental=True),
}


def parse_placement(name: str) -> Placement:
    """Placement by name.

    Parameters
    ----------
    name : str
        One of the names of `Placement`, without case; spaces and hyphens count as underscores.

    Raises
    ------
    OptionError
        The name is not a placement; the nearest one is suggested.

    Examples
    --------
    >>> parse_placement("Lower back").value
    'lower_back'
    """
    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    if key not in Placement.__members__.values():
        raise unknown_name("placement", name, [p.value for p in Placement])
    return Placement(key)
