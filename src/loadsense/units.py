"""Units of the field: g and its two frames, seconds and samples.

Two frames of acceleration in g are in use, and a threshold belongs to exactly one of them:

RAW g
    gravity included; quiet standing reads 1.0 g.
NET g
    gravity removed; quiet standing reads 0 g.

For the resultant, NET = RAW - 1 g is the field's shortcut: exact only for the vertical axis of an upright wearer.
"""

from __future__ import annotations

from typing import Final, NewType

RawG = NewType("RawG", float)
"""Acceleration in g with gravity included."""

NetG = NewType("NetG", float)
"""Acceleration in g with gravity removed."""

#: m/s2 in one g (exact by definition).
STANDARD_GRAVITY_M_PER_S2: Final = 9.80665

#: g in one unit of each input; counts have no fixed scale and are therefore missing.
G_PER_UNIT: Final[dict[str, float]] = {"g": 1.0, "mg": 1e-3, "m/s2": 1.0 / STANDARD_GRAVITY_M_PER_S2}


def net_from_raw(peak_g: RawG) -> NetG:
    """Resultant NET g from RAW g: minus one g.

    Examples
    --------
    >>> net_from_raw(RawG(4.9)) == 4.9 - 1.0
    True
    """
    return NetG(peak_g - 1.0)


def raw_from_net(peak_net_g: NetG) -> RawG:
    """Resultant RAW g from NET g: plus one g."""
    return RawG(peak_net_g + 1.0)


def samples_from_seconds(duration_s: float, sampling_rate_hz: float) -> int:
    """Nearest whole number of samples in a duration.

    Examples
    --------
    >>> samples_from_seconds(0.4, 100.0)
    40
    """
    return round(duration_s * sampling_rate_hz)
