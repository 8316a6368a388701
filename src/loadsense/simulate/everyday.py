"""What is not a landing: standing, walking, running, sitting, falling, knocking on the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.events import Activity
from loadsense.samples import FloatArray
from loadsense.simulate.landings import stretch
from loadsense.simulate.motion import (
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
    slow_wander,
    taper,
)
from loadsense.simulate.truth import TrueMoment


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Stand still."""

    duration_s: float = 5.0

    def perform(self, scene: Scene) -> Motion:
        """Nothing but the sway of a standing person."""
        canvas = Canvas(scene, self.duration_s)
        canvas.events.append(stretch(canvas, "stand", Activity.STILL))
        return canvas.motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A pause between sets: standing about, the arm hangs, now and then a gesture."""

    duration_s: float = 45.0

    def perform(self, scene: Scene) -> Motion:
        """Sway, with slow gestures at the wrist."""
        canvas = Canvas(scene, self.duration_s)
        n = len(canvas.vertical_g)
        canvas.tilt(0.0, slow_wander(scene.local, n, np.radians(4.0)), (0.0, 1.0, 0.2))
        if scene.site is Site.WRIST:
            for at_s in np.arange(5.0, self.duration_s - 15.0, 16.0):
                self._gesture(canvas, float(at_s + scene.local.uniform(0.0, 4.0)))
        canvas.events.append(stretch(canvas, "rest", Activity.OTHER))
        return canvas.motion()

    def _gesture(self, canvas: Canvas, at_s: float) -> None:
        """Lift the hand, hold it, let it hang again."""
        local = canvas.scene.local
        angle = np.concatenate([rise(0.7), np.ones(fine(local.uniform(0.5, 3.0))), rise(0.8)[::-1]])
        canvas.tilt(at_s, local.uniform(0.6, 1.8) * angle, (1.0, local.uniform(-0.3, 0.3), 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Walk at `step_rate_hz`; on stairs the steps are harder."""

    duration_s: float = 20.0
    step_rate_hz: float = 1.85
    stairs: bool = False

    def perform(self, scene: Scene) -> Motion:
        """Steps without a flight."""
        canvas = Canvas(scene, self.duration_s)
        phase, envelope = _step_phase(scene, self.duration_s, self.step_rate_hz)
        swing = (0.30 if self.stairs else 0.22) * np.sin(phase) + 0.08 * np.sin(2.0 * phase + 0.6)
        canvas.vertical_g += envelope * swing
        canvas.lateral_g[:, 0] += envelope * 0.12 * np.sin(phase + 1.2)
        canvas.lateral_g[:, 1] += envelope * 0.10 * np.sin(phase / 2.0)
        for at_s, side in _steps(phase, envelope):
            _heel_strike(canvas, at_s, side, 0.6 if self.stairs else 0.4)
        _swing_limb(canvas, phase, envelope, 0.35)
        name, activity = ("stairs", Activity.STAIRS) if self.stairs else ("walk", Activity.WALKING)
        canvas.events.append(stretch(canvas, name, activity))
        return canvas.motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Jog or run: alternating legs, each step with a short flight; in the pocket one leg dominates."""

    duration_s: float = 20.0
    step_rate_hz: float = 2.7
    flight_share: float = 0.20
    strike_g: float = 2.4

    def perform(self, scene: Scene) -> Motion:
        """Steps with a flight; left and right mirror each other."""
        canvas = Canvas(scene, self.duration_s)
        phase, envelope = _step_phase(scene, self.duration_s, self.step_rate_hz)
        canvas.vertical_g += envelope * self._bounce(phase)
        side_wave = np.sin(phase / 2.0)
        canvas.lateral_g[:, 1] += envelope * 0.35 * side_wave
        canvas.lateral_g[:, 0] += envelope * 0.30 * np.sin(phase + 0.8)
        for at_s, side in _steps(phase, envelope):
            far = 0.35 if scene.site is Site.POCKET and side < 0 else 1.0
            _heel_strike(canvas, at_s, side, far * self.strike_g * float(scene.local.uniform(0.7, 1.3)), slow=1.6)
        _swing_limb(canvas, phase, envelope, 0.5)
        if scene.site is Site.POCKET:
            canvas.lateral_g[:, 0] += envelope * 0.7 * np.sin(phase / 2.0 + 0.4)
        canvas.events.append(stretch(canvas, "run", Activity.RUNNING))
        return canvas.motion()

    def _bounce(self, phase: FloatArray) -> FloatArray:
        """Vertical NET g of the steps: a half-sine of ground force, free fall between; its mean is 0."""
        share = (phase / (2.0 * np.pi)) % 1.0
        contact = 1.0 - self.flight_share
        inside = share < contact
        push = np.where(inside, np.sin(np.pi * np.clip(share / contact, 0.0, 1.0)), 0.0)
        return push * (np.pi / 2.0 / contact) - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SitDown:
    """Sit down, hard or gently, stay, and stand up again."""

    duration_s: float = 6.0
    hard: bool = False

    def perform(self, scene: Scene) -> Motion:
        """Down, a bump on the chair, up."""
        canvas = Canvas(scene, self.duration_s + 3.0)
        drop_g_s = 0.11 if self.hard else 0.05
        down_s = 0.35 if self.hard else 0.8
        canvas.add(0.8, bump(-drop_g_s, down_s))
        blow = peaked(drop_g_s / 0.08, 0.06, 0.10)
        canvas.add(0.8 + down_s, blow * (drop_g_s * 1000.0 / blow.sum()))
        leaning = np.concatenate([rise(1.0), np.ones(fine(self.duration_s)), rise(1.0)[::-1]])
        angle = {Site.TRUNK: -0.35, Site.POCKET: 1.35, Site.WRIST: 0.9}[scene.site]
        canvas.tilt(0.5, angle * leaning, (0.0, 1.0, 0.0) if scene.site is not Site.WRIST else (1.0, 0.0, 0.0))
        up_s = self.duration_s + 1.0
        canvas.add(up_s, bump(0.06, 0.5))
        canvas.add(up_s + 0.5, bump(-0.06, 0.5))
        if self.hard:
            canvas.events.append(TrueMoment(kind="sits down hard", at_s=canvas.wall_s(0.8 + down_s)))
        canvas.events.append(stretch(canvas, "sit", Activity.OTHER))
        return canvas.motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """Fall to the side, lie, and get up slowly."""

    peak_g: float = 4.5
    lie_s: float = 8.0

    def perform(self, scene: Scene) -> Motion:
        """Tip over, hit the floor twice, lie, get up."""
        canvas = Canvas(scene, self.lie_s + 7.0)
        canvas.add(1.0, bump(-0.22, 0.6))
        canvas.add(1.6, peaked(self.peak_g - 1.0, 0.04, 0.06))
        canvas.add(1.85, peaked(0.4 * self.peak_g, 0.03, 0.05))
        share, frequency_hz = RINGING[scene.site]
        canvas.add_lateral(1.6, ringing(2.0 * share * self.peak_g, frequency_hz), (0.5, 0.8, 0.2))
        tipped = np.concatenate([rise(0.8), np.ones(fine(self.lie_s)), rise(3.0)[::-1]])
        canvas.tilt(1.0, 1.45 * tipped, (1.0, 0.25, 0.0) if scene.site is not Site.WRIST else (0.3, 0.0, 1.0))
        canvas.events += [
            TrueMoment(kind="fall", at_s=canvas.wall_s(1.6)),
            stretch(canvas, "fall", Activity.OTHER),
        ]
        return canvas.motion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Something hits the sensor or its strap while the wearer stands."""

    peak_g: float = 5.0
    duration_s: float = 3.0

    def perform(self, scene: Scene) -> Motion:
        """One short burst without a flight."""
        canvas = Canvas(scene, self.duration_s)
        direction = scene.local.normal(size=3)
        at_s = self.duration_s / 2.0
        canvas.add_lateral(
            at_s, ringing(self.peak_g * 1.2, 55.0, 0.008), (direction / np.linalg.norm(direction)).tolist()
        )
        canvas.events += [
            TrueMoment(kind="knock", at_s=canvas.wall_s(at_s)),
            stretch(canvas, "knock", Activity.OTHER),
        ]
        return canvas.motion()


def _step_phase(scene: Scene, duration_s: float, step_rate_hz: float) -> tuple[FloatArray, FloatArray]:
    """Phase of the steps (2 pi each) with a wandering cadence, and an envelope that starts and ends at rest."""
    n = fine(duration_s)
    rate_hz = step_rate_hz * (1.0 + slow_wander(scene.timing, n, 0.03))
    return 2.0 * np.pi * np.cumsum(rate_hz) / 1000.0, taper(n, 0.7)


def _steps(phase: FloatArray, envelope: FloatArray) -> list[tuple[float, float]]:
    """Second and side (+1, -1) of every foot contact at full strength."""
    number = np.floor(phase / (2.0 * np.pi))
    firsts = np.flatnonzero(np.diff(number) > 0) + 1
    return [(float(i) / 1000.0, 1.0 if number[i] % 2 else -1.0) for i in firsts if envelope[i] > 0.9]


def _heel_strike(canvas: Canvas, at_s: float, side: float, peak_g: float, *, slow: float = 1.0) -> None:
    """Impact transient of one step, with its rebound, so that no velocity is left over."""
    blow = peaked(peak_g, 0.018 * slow, 0.03 * slow)
    canvas.add(at_s, blow)
    canvas.add(at_s + 0.05 * slow, bump(-blow.sum() / 1000.0, 0.15))
    share, frequency_hz = RINGING[canvas.scene.site]
    canvas.add_lateral(at_s, ringing(1.5 * share * peak_g, frequency_hz), (0.5, 0.8 * side, 0.3))


def _swing_limb(canvas: Canvas, phase: FloatArray, envelope: FloatArray, angle_rad: float) -> None:
    """Arm or thigh swings once per stride."""
    if canvas.scene.site is Site.TRUNK:
        return
    axis = (1.0, 0.0, 0.0) if canvas.scene.site is Site.WRIST else (0.0, 1.0, 0.0)
    canvas.tilt(0.0, envelope * angle_rad * np.sin(phase / 2.0), axis)
