"""What the body does to a sensor worn on it, before the sensor records it.

Theory of operation
-------------------
A motion is sampled at 1000 Hz and has three parts. `vertical_g` is the acceleration along the world's vertical without
gravity: 0 at rest and exactly -1 in free fall. `up` says in which direction of the wearer's axes "up" lies. `lateral_g`
is everything else (braking, sway, arm swing, ringing of strap and soft tissue), in the wearer's axes. The sensor feels

    up * (1 + vertical_g) + lateral_g

so a flight feels 0 g whatever the orientation, and turning the body only turns gravity.

Wearer's axes: trunk and pocket x forward, y left, z up when standing; wrist x across the watch, y along the forearm
(+1 g when the hand is up), z out of its face.

Velocity is kept honest: whatever a flight of t seconds takes from the body (g t / 2 up at take-off, g t / 2 down at
contact after a jump; g t after a drop) is given and taken by the push-off and the landing, to the millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np

from loadsense.placement import Placement
from loadsense.samples import FloatArray
from loadsense.simulate.truth import TrueEvent

FINE_RATE_HZ: Final = 1000.0

#: Seconds over which the posture turns from one activity to the next, on each side of the joint.
TURN_S: Final = 0.4


class Site(StrEnum):
    """Three kinds of place that move differently."""

    TRUNK = "trunk"
    POCKET = "pocket"
    WRIST = "wrist"


SITES: Final[dict[Placement, Site]] = {
    Placement.WAIST: Site.TRUNK,
    Placement.HIP: Site.TRUNK,
    Placement.LOWER_BACK: Site.TRUNK,
    Placement.SACRUM: Site.TRUNK,
    Placement.CHEST: Site.TRUNK,
    Placement.POCKET: Site.POCKET,
    Placement.WRIST: Site.WRIST,
}

#: Direction of "up" in the wearer's axes of a person who stands with hanging arms; not yet of length 1.
STANDING_UP: Final[dict[Site, tuple[float, float, float]]] = {
    Site.TRUNK: (0.0, 0.0, 1.0),
    Site.POCKET: (0.1, 0.0, 0.995),
    Site.WRIST: (0.2, -0.97, 0.12),
}

#: Ringing of strap and soft tissue after an impact, as a share of its peak, and its frequency.
RINGING: Final[dict[Site, tuple[float, float]]] = {
    Site.TRUNK: (0.15, 16.0),
    Site.POCKET: (0.25, 13.0),
    Site.WRIST: (0.20, 20.0),
}

#: Unrest of a sensor in free fall, g: strap, rotation, cloth.
FLIGHT_UNREST_G: Final[dict[Site, float]] = {Site.TRUNK: 0.05, Site.POCKET: 0.10, Site.WRIST: 0.15}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when an activity is performed.

    Attributes
    ----------
    site : Site
        Kind of place.
    start_s : float
        Seconds from the start of the recording.
    timing : Generator
        For what the body does: the same for every sensor of the same session.
    local : Generator
        For what this place adds.
    """

    site: Site
    start_s: float
    timing: np.random.Generator
    local: np.random.Generator


@dataclass(frozen=True, slots=True)
class Motion:
    """Acceleration felt by a place on the body at 1000 Hz, with what truly happened.

    Attributes
    ----------
    vertical_g : ndarray, shape (n,)
        Along the world's vertical, NET g.
    lateral_g, up : ndarray, shape (n, 3)
        The rest in g, and the unit vector of "up", in the wearer's axes.
    events : tuple
        Truth in seconds from the start of the recording.
    """

    vertical_g: FloatArray
    lateral_g: FloatArray
    up: FloatArray
    events: tuple[TrueEvent, ...] = ()

    def __len__(self) -> int:
        return len(self.vertical_g)

    def felt_g(self) -> FloatArray:
        """What an ideal sensor in the wearer's axes reads, RAW g, shape (n, 3)."""
        return self.up * (1.0 + self.vertical_g)[:, None] + self.lateral_g


class Doing(Protocol):
    """Something a person does for a while."""

    def perform(self, scene: Scene) -> Motion:
        """Motion of one place on the body, beginning and ending at rest."""
        ...


class Canvas:
    """Empty motion of a given length to which pulses are added; times are seconds from its start."""

    def __init__(self, scene: Scene, duration_s: float) -> None:
        n = fine(duration_s)
        self.scene = scene
        self.vertical_g: FloatArray = np.zeros(n)
        self.lateral_g: FloatArray = np.zeros((n, 3))
        upright = np.array(STANDING_UP[scene.site])
        self.up: FloatArray = np.tile(upright / np.linalg.norm(upright), (n, 1))
        self.events: list[TrueEvent] = []

    @property
    def duration_s(self) -> float:
        """Length."""
        return len(self.vertical_g) / FINE_RATE_HZ

    def add(self, at_s: float, pulse_g: FloatArray) -> None:
        """Add a vertical pulse that starts at `at_s`; what lies outside is cut."""
        first = fine(at_s)
        n = min(len(pulse_g), len(self.vertical_g) - first)
        self.vertical_g[first : first + n] += pulse_g[:n]

    def add_lateral(self, at_s: float, pulse_g: FloatArray, direction: Sequence[float]) -> None:
        """Add a pulse along a direction of the wearer's axes."""
        first = fine(at_s)
        n = min(len(pulse_g), len(self.lateral_g) - first)
        self.lateral_g[first : first + n] += pulse_g[:n, None] * np.asarray(direction)

    def tilt(self, at_s: float, angle_rad: FloatArray, axis: Sequence[float]) -> None:
        """Turn "up" about an axis of the wearer by an angle that changes in time."""
        first = fine(at_s)
        n = min(len(angle_rad), len(self.up) - first)
        self.up[first : first + n] = rotate(self.up[first : first + n], angle_rad[:n], axis)

    def wall_s(self, at_s: float) -> float:
        """Seconds from the start of the recording."""
        return round(self.scene.start_s + fine(at_s) / FINE_RATE_HZ, 6)

    def motion(self) -> Motion:
        """The finished motion, with the small unrest of a living body."""
        sway = np.radians(1.5 if self.scene.site is not Site.WRIST else 4.0)
        n = len(self.vertical_g)
        self.up = rotate(self.up, slow_wander(self.scene.local, n, sway), (1.0, 0.0, 0.0))
        self.up = rotate(self.up, slow_wander(self.scene.local, n, sway), (0.0, 0.0, 1.0))
        return Motion(self.vertical_g, self.lateral_g, self.up, tuple(self.events))


def fine(duration_s: float) -> int:
    """Number of 1000 Hz samples in a duration."""
    return round(duration_s * FINE_RATE_HZ)


def bump(area_g_s: float, duration_s: float) -> FloatArray:
    """Raised cosine that starts and ends at 0 and has exactly this area.

    Examples
    --------
    >>> round(float(bump(0.2, 0.5).sum()) / FINE_RATE_HZ, 12)
    0.2
    """
    n = fine(duration_s)
    shape = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    return np.asarray(shape * (area_g_s * FINE_RATE_HZ / shape.sum()))


def rise(duration_s: float) -> FloatArray:
    """Smooth step from 0 to 1."""
    n = fine(duration_s)
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)


def peaked(peak_g: float, rise_s: float, fall_s: float) -> FloatArray:
    """Pulse with a chosen peak, rise time and fall time; its area is peak (rise + fall) / 2."""
    return peak_g * np.concatenate([rise(rise_s), rise(fall_s)[::-1]])


def ringing(peak_g: float, frequency_hz: float, decay_s: float = 0.045) -> FloatArray:
    """Damped oscillation after a blow."""
    t = np.arange(fine(6.0 * decay_s)) / FINE_RATE_HZ
    return peak_g * np.exp(-t / decay_s) * np.sin(2.0 * np.pi * frequency_hz * t)


def slow_wander(rng: np.random.Generator, n: int, amplitude: float) -> FloatArray:
    """Smooth unrest between 0.1 and 0.6 Hz that starts and ends at 0."""
    t = np.arange(n) / FINE_RATE_HZ
    wave = np.zeros(n)
    for frequency_hz in rng.uniform(0.1, 0.6, 3):
        wave += np.sin(2.0 * np.pi * frequency_hz * t + rng.uniform(0.0, 2.0 * np.pi)) / 3.0
    return np.asarray(amplitude * wave * taper(n, 0.3))


def shaking(rng: np.random.Generator, n: int, amplitude_g: float) -> FloatArray:
    """Fast unrest between 10 and 30 Hz, shape (n, 3): rattle of cloth and strap."""
    t = np.arange(n)[:, None] / FINE_RATE_HZ
    frequency_hz = rng.uniform(10.0, 30.0, (4, 3))
    phase = rng.uniform(0.0, 2.0 * np.pi, (4, 3))
    waves = [np.sin(2.0 * np.pi * f * t + p) for f, p in zip(frequency_hz, phase, strict=True)]
    return np.asarray(amplitude_g * np.sum(waves, axis=0) / 2.0)


def taper(n: int, edge_s: float) -> FloatArray:
    """Ones with a smooth rise at the start and a smooth fall at the end."""
    window = np.ones(n)
    edge = rise(edge_s)[: n // 2]
    window[: len(edge)] = edge
    window[n - len(edge) :] = edge[::-1]
    return window


def rotate(vectors: FloatArray, angle_rad: FloatArray | float, axis: Sequence[float]) -> FloatArray:
    """Vectors of shape (n, 3), each turned by its angle about one axis (Rodrigues)."""
    k = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    angle = np.broadcast_to(np.asarray(angle_rad, dtype=np.float64), (len(vectors),))[:, None]
    along = (vectors @ k)[:, None] * k
    turned: FloatArray = along + np.cos(angle) * (vectors - along) + np.sin(angle) * np.cross(k, vectors)
    return turned


def turn(start: FloatArray, end: FloatArray, share: FloatArray) -> FloatArray:
    """Unit vectors on the great circle from one direction to another, shape (len(share), 3)."""
    angle = float(np.arccos(np.clip(start @ end, -1.0, 1.0)))
    if angle < 1e-6:
        return np.tile(start, (len(share), 1))
    weights: FloatArray = np.stack([np.sin((1.0 - share) * angle), np.sin(share * angle)], axis=1) / np.sin(angle)
    return np.asarray(weights @ np.stack([start, end]))


def join(motions: Sequence[Motion]) -> Motion:
    """One motion after the other; the posture turns smoothly over the last and first 0.4 s of neighbours."""
    up = np.concatenate([m.up for m in motions])
    edge = fine(TURN_S)
    for joint in np.cumsum([len(m) for m in motions])[:-1]:
        first, last = max(0, joint - edge), min(len(up) - 1, joint + edge)
        share = rise((last - first) / FINE_RATE_HZ)
        up[first:last] = turn(up[first].copy(), up[last].copy(), share)
    return Motion(
        np.concatenate([m.vertical_g for m in motions]),
        np.concatenate([m.lateral_g for m in motions]),
        up,
        tuple(event for m in motions for event in m.events),
    )
