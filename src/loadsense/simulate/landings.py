"""Jumps, hops and drops: flights and the landings that end them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.errors import OptionError
from loadsense.events import Activity, Takeoff
from loadsense.samples import FloatArray
from loadsense.simulate.motion import (
    FLIGHT_UNREST_G,
    RINGING,
    Canvas,
    Motion,
    Scene,
    Site,
    bump,
    fine,
    peaked,
    ringing,
    rise,
    shaking,
    taper,
)
from loadsense.simulate.truth import TrueLanding, TrueStretch
from loadsense.units import STANDARD_GRAVITY_M_PER_S2

#: Seconds in which the body takes up the landing after its impact peak, and in which it straightens again.
ABSORB_S, STRAIGHTEN_S = 0.34, 0.5

#: Velocity, in g s, with which the body rises out of the crouch of a landing.
RISE_OUT_G_S = 0.07

#: Seconds of countermovement and of push before a jump; the velocity the countermovement goes down with, in g s.
DIP_S, PUSH_S, DIP_G_S = 0.36, 0.26, 0.09

#: Seconds in which the ground's force ends at take-off, or a foot leaves a step.
RELEASE_S = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingShape:
    """Shape of a landing: its peak in RAW g along the vertical, the seconds of its rise, how much landings differ."""

    peak_g: float = 4.0
    rise_s: float = 0.035
    spread: float = 0.08


def drop_flight_s(height_m: float) -> float:
    """Seconds of free fall from a height.

    Examples
    --------
    >>> round(drop_flight_s(0.20), 3)
    0.202
    """
    return float(np.sqrt(2.0 * height_m / STANDARD_GRAVITY_M_PER_S2))


def jump_flight_s(height_m: float) -> float:
    """Seconds of flight of a jump that rises by a height.

    Examples
    --------
    >>> round(jump_flight_s(0.10), 3)
    0.286
    """
    return 2.0 * drop_flight_s(height_m)


def landing_pulse(velocity_g_s: float, impact: LandingShape) -> FloatArray:
    """Vertical acceleration of a landing, NET g, that takes exactly this velocity.

    It begins at -1 (the last of the flight), reaches the peak after the rise, and ends at 0.

    Raises
    ------
    OptionError
        So much velocity does not last for such a peak.
    """
    support = rise(impact.rise_s) - 1.0
    total = velocity_g_s + RISE_OUT_G_S - support.sum() / 1000.0
    at_peak = bump(1.0, ABSORB_S)[fine(impact.rise_s)]
    for fall_s in np.arange(1.6, 0.55, -0.1) * impact.rise_s:
        area = (impact.rise_s + fall_s) / 2.0
        height = (impact.peak_g - 1.0 - total * at_peak) / (1.0 - area * at_peak)
        blow = peaked(height, impact.rise_s, fall_s)
        left = total - blow.sum() / 1000.0
        if left >= 0.0:
            return _sum((support, 0.0), (blow, 0.0), (bump(left, ABSORB_S), 0.0), _straighten())
    raise OptionError(
        f"a landing at {velocity_g_s * STANDARD_GRAVITY_M_PER_S2:.2f} m/s cannot have a peak of {impact.peak_g:g} g "
        f"after {impact.rise_s * 1000:g} ms: take a smaller peak, a shorter rise or a longer flight"
    )


def _straighten() -> tuple[FloatArray, float]:
    return bump(-RISE_OUT_G_S, STRAIGHTEN_S), 0.22


def _sum(*parts: tuple[FloatArray, float]) -> FloatArray:
    """Pulses on one line, each from its own start."""
    total = np.zeros(max(fine(at_s) + len(pulse) for pulse, at_s in parts))
    for pulse, at_s in parts:
        total[fine(at_s) : fine(at_s) + len(pulse)] += pulse
    return total


def push_off(flight_s: float) -> FloatArray:
    """Countermovement and push that give the velocity of a flight, ending at -1 NET g."""
    release = -rise(RELEASE_S)
    up_g_s = flight_s / 2.0 + DIP_G_S - release.sum() / 1000.0
    return np.concatenate([bump(-DIP_G_S, DIP_S), bump(up_g_s, PUSH_S), release])


def fly(canvas: Canvas, at_s: float, flight_s: float) -> None:
    """Free fall with the unrest of the strap."""
    canvas.add(at_s, np.full(fine(flight_s), -1.0))
    unrest = shaking(canvas.scene.local, fine(flight_s), FLIGHT_UNREST_G[canvas.scene.site])
    for axis in range(3):
        canvas.add_lateral(at_s, unrest[:, axis] * taper(len(unrest), 0.02), np.eye(3)[axis])


def land(canvas: Canvas, at_s: float, velocity_g_s: float, impact: LandingShape) -> None:
    """A landing at `at_s`, with braking and ringing."""
    canvas.add(at_s, landing_pulse(velocity_g_s, impact))
    share, frequency_hz = RINGING[canvas.scene.site]
    local = canvas.scene.local
    direction = (local.uniform(0.6, 1.0), local.uniform(-0.5, 0.5), 0.2)
    canvas.add_lateral(at_s, ringing(share * impact.peak_g, frequency_hz * local.uniform(0.9, 1.1)), direction)
    canvas.add_lateral(at_s, peaked(-0.12 * impact.peak_g, impact.rise_s, 0.12), (1.0, 0.1, 0.0))


def varied(impact: LandingShape, scene: Scene) -> LandingShape:
    """The same landing as nobody does twice."""
    peak_g = impact.peak_g * (1.0 + impact.spread * float(np.clip(scene.timing.normal(), -2.0, 2.0)))
    return LandingShape(peak_g=peak_g, rise_s=impact.rise_s, spread=impact.spread)


def swing_arms(canvas: Canvas, at_s: float, flight_s: float) -> None:
    """Arms swing forward at take-off and down at landing: only the wrist feels it."""
    if canvas.scene.site is not Site.WRIST:
        return
    swing = 0.8 * np.sin(2.0 * np.pi * np.linspace(0.0, 1.0, fine(PUSH_S + flight_s)))
    canvas.add_lateral(at_s - PUSH_S, swing * taper(len(swing), 0.05), (0.3, -0.9, 0.2))
    canvas.tilt(at_s - PUSH_S, 0.8 * np.sin(np.pi * np.linspace(0.0, 1.0, fine(PUSH_S + flight_s + 0.3))), (1, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """One jump from standing, with a countermovement and a push-off, landing at the height it began."""

    height_m: float = 0.10
    impact: LandingShape = LandingShape()
    pause_s: float = 2.0

    def perform(self, scene: Scene) -> Motion:
        """Stand, jump, land, stand."""
        impact = varied(self.impact, scene)
        flight_s = round(jump_flight_s(self.height_m) * (1.0 + 0.04 * float(np.clip(scene.timing.normal(), -2, 2))), 3)
        start_s = round(0.5 + DIP_S + PUSH_S + RELEASE_S, 3)
        contact_s = start_s + flight_s
        canvas = Canvas(scene, contact_s + 1.0 + self.pause_s)
        canvas.add(0.5, push_off(flight_s))
        fly(canvas, start_s, flight_s)
        land(canvas, contact_s, flight_s / 2.0, impact)
        swing_arms(canvas, start_s, flight_s)
        canvas.events += [_truth(canvas, start_s, flight_s, Takeoff.PUSH), stretch(canvas, "jump", Activity.JUMPING)]
        return canvas.motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropLanding:
    """One step off a box of `height_m`, without a push-off, after stepping up on it."""

    height_m: float = 0.20
    impact: LandingShape = LandingShape()
    pause_s: float = 2.0

    def perform(self, scene: Scene) -> Motion:
        """Step up, stand, step off, land, stand."""
        impact = varied(self.impact, scene)
        flight_s = round(drop_flight_s(self.height_m), 3)
        start_s = round(2.2 + 0.3 * float(scene.timing.random()), 3)
        contact_s = start_s + flight_s
        canvas = Canvas(scene, contact_s + 1.0 + self.pause_s)
        _step_up(canvas, 0.2, self.height_m)
        release = -rise(RELEASE_S)
        canvas.add(start_s - RELEASE_S, release)
        canvas.add_lateral(start_s - 0.4, bump(0.02, 0.4), (1.0, 0.0, 0.0))
        fly(canvas, start_s, flight_s)
        land(canvas, contact_s, flight_s - release.sum() / 1000.0, impact)
        canvas.events += [_truth(canvas, start_s, flight_s, Takeoff.NONE), stretch(canvas, "drop", Activity.JUMPING)]
        return canvas.motion()


def _step_up(canvas: Canvas, at_s: float, height_m: float) -> None:
    """Both feet onto the box, one after the other."""
    speed_g_s = height_m / 0.7 / STANDARD_GRAVITY_M_PER_S2
    for step_s in (at_s, at_s + 0.7):
        canvas.add(step_s, bump(speed_g_s, 0.35))
        canvas.add(step_s + 0.35, bump(-speed_g_s, 0.35))
        canvas.add_lateral(step_s, ringing(0.08, 12.0), (0.5, 0.7, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """A series of hops on both feet without a pause.

    Attributes
    ----------
    count : int
        Landings, the last one included.
    rate_hz : float
        Landings per second, 1.2 to 3.
    flight_share : float
        Share of each cycle in the air.
    strike_g : float
        Height of the impact transient on top of the push, g.
    """

    count: int = 10
    rate_hz: float = 2.2
    flight_share: float = 0.38
    strike_g: float = 1.9

    def perform(self, scene: Scene) -> Motion:
        """Stand, hop, land, stand."""
        cycle_s = 1.0 / self.rate_hz
        flights_s = [self._flight_s(scene, cycle_s) for _ in range(self.count)]
        canvas = Canvas(scene, 2.5 + self.count * cycle_s * 1.1)
        at_s = 0.4 + DIP_S + PUSH_S + RELEASE_S
        canvas.add(0.4, push_off(flights_s[0]))
        for number, flight_s in enumerate(flights_s):
            fly(canvas, at_s, flight_s)
            canvas.events.append(_truth(canvas, at_s, flight_s, Takeoff.PUSH))
            at_s += flight_s
            if number + 1 < self.count:
                at_s += self._bounce(canvas, at_s, flight_s, flights_s[number + 1])
        land(canvas, at_s, flights_s[-1] / 2.0, LandingShape(peak_g=max(2.2, 1.0 + 8.0 * flights_s[-1]), rise_s=0.04))
        canvas.events.append(stretch(canvas, "hops", Activity.JUMPING))
        return canvas.motion()

    def _flight_s(self, scene: Scene, cycle_s: float) -> float:
        return round(self.flight_share * cycle_s * (1.0 + 0.05 * float(np.clip(scene.timing.normal(), -2, 2))), 3)

    def _bounce(self, canvas: Canvas, at_s: float, flight_s: float, next_flight_s: float) -> float:
        """One contact: it turns the velocity of one flight into that of the next; its duration in seconds."""
        contact_s = round((1.0 - self.flight_share) / self.rate_hz, 3)
        n = fine(contact_s)
        blow = np.zeros(n)
        strike = peaked(self.strike_g, 0.02, 0.035)[:n]
        blow[: len(strike)] = strike
        push = np.sin(np.pi * (np.arange(n) + 0.5) / n)
        push *= (flight_s / 2.0 + next_flight_s / 2.0 + contact_s - blow.sum() / 1000.0) * 1000.0 / push.sum()
        canvas.add(at_s, blow + push - 1.0)
        share, frequency_hz = RINGING[canvas.scene.site]
        canvas.add_lateral(at_s, ringing(share * 2.5, frequency_hz), (0.8, 0.1, 0.1))
        canvas.add_lateral(at_s, 0.25 * np.sin(2.0 * np.pi * np.linspace(0.0, 1.0, n)), (1.0, 0.0, 0.0))
        return contact_s


def _truth(canvas: Canvas, start_s: float, flight_s: float, takeoff: Takeoff) -> TrueLanding:
    fall_s = flight_s if takeoff is Takeoff.NONE else flight_s / 2.0
    return TrueLanding(
        flight_start_s=canvas.wall_s(start_s),
        landing_s=canvas.wall_s(start_s + flight_s),
        flight_s=flight_s,
        takeoff=takeoff,
        height_m=round(STANDARD_GRAVITY_M_PER_S2 * fall_s**2 / 2.0, 4),
    )


def stretch(canvas: Canvas, name: str, activity: Activity) -> TrueStretch:
    """The whole canvas as a true stretch of an activity."""
    return TrueStretch(start_s=canvas.wall_s(0.0), end_s=canvas.wall_s(canvas.duration_s), name=name, activity=activity)
