"""Sets of barbell lifts, as the wrist and the trunk feel them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.errors import unknown_name
from loadsense.events import Activity
from loadsense.samples import FloatArray
from loadsense.simulate.landings import stretch
from loadsense.simulate.motion import Canvas, Motion, Scene, Site, fine, ringing, shaking, taper, turn
from loadsense.simulate.truth import TrueSet
from loadsense.units import STANDARD_GRAVITY_M_PER_S2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """How a lift moves.

    Attributes
    ----------
    start_up, middle_up, end_up : tuple
        Where "up" lies in the axes of the wrist at the start, half way and at the end of the way out.
    lowers_first : bool
        The repetition starts with the way down (squat), not up (deadlift, press).
    wrist_m, trunk_m, trunk_tilt_rad : float
        Way of the wrist and of the trunk, and how far the trunk leans at the low end.
    knock_g : float
        Blow at the end of the repetition: plates touch the floor.
    """

    start_up: tuple[float, float, float]
    middle_up: tuple[float, float, float]
    end_up: tuple[float, float, float]
    lowers_first: bool
    wrist_m: float
    trunk_m: float
    trunk_tilt_rad: float
    knock_g: float = 0.0


#: The three lifts of LIFTMOR; postures as a watch on the outside of the left wrist shows them.
LIFTS: Final[dict[str, Lift]] = {
    "deadlift": Lift(
        start_up=(0.05, -0.95, 0.30),
        middle_up=(0.22, -0.97, 0.10),
        end_up=(0.35, -0.93, -0.10),
        lowers_first=False,
        wrist_m=0.55,
        trunk_m=0.30,
        trunk_tilt_rad=1.0,
        knock_g=0.6,
    ),
    "back_squat": Lift(
        start_up=(0.25, 0.62, 0.74),
        middle_up=(0.22, 0.74, 0.63),
        end_up=(0.15, 0.84, 0.52),
        lowers_first=True,
        wrist_m=0.50,
        trunk_m=0.45,
        trunk_tilt_rad=0.6,
    ),
    "overhead_press": Lift(
        start_up=(0.10, 0.93, -0.35),
        middle_up=(-0.12, 0.99, 0.05),
        end_up=(0.30, 0.95, -0.10),
        lowers_first=False,
        wrist_m=0.50,
        trunk_m=0.03,
        trunk_tilt_rad=0.08,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BarbellSet:
    """One set.

    Attributes
    ----------
    exercise : str
        One of `LIFTS`.
    repetitions : int
        Whole repetitions.
    out_s, hold_s, back_s : float
        Seconds of the way out, at its end, and of the way back.
    pause_s : float
        Seconds between repetitions, up to 10 for heavy deadlifts.
    lead_s : float
        Seconds at the bar before the first and after the last repetition: grip, brace, let go.
    """

    exercise: str
    repetitions: int = 5
    out_s: float = 1.3
    hold_s: float = 0.4
    back_s: float = 1.5
    pause_s: float = 0.8
    lead_s: float = 2.5

    def perform(self, scene: Scene) -> Motion:
        """Grip, lift, let go."""
        if self.exercise not in LIFTS:
            raise unknown_name("exercise", self.exercise, LIFTS)
        spans = self._spans(scene)
        canvas = Canvas(scene, spans[-1][1] + self.lead_s)
        share = np.zeros(len(canvas.vertical_g))
        for start_s, end_s in spans:
            way = self._way(end_s - start_s)
            share[fine(start_s) : fine(start_s) + len(way)] = way
        self._move(canvas, share, [end_s for _, end_s in spans])
        walls = tuple((canvas.wall_s(start_s), canvas.wall_s(end_s)) for start_s, end_s in spans)
        done = TrueSet(exercise=self.exercise, start_s=walls[0][0], end_s=walls[-1][1], repetitions_s=walls)
        canvas.events += [done, stretch(canvas, self.exercise, Activity.OTHER)]
        return canvas.motion()

    def _spans(self, scene: Scene) -> list[tuple[float, float]]:
        """Start and end of each repetition; the set slows down towards its end."""
        spans, at_s = [], self.lead_s
        for number in range(self.repetitions):
            slower = 1.0 + 0.04 * number + 0.05 * float(np.clip(scene.timing.normal(), -2.0, 2.0))
            end_s = at_s + round((self.out_s + self.hold_s + self.back_s) * slower, 3)
            spans.append((at_s, end_s))
            at_s = end_s + round(self.pause_s * float(scene.timing.uniform(0.8, 1.2)), 3)
        return spans

    def _way(self, duration_s: float) -> FloatArray:
        """Share of the way from start to end of the movement, out and back, as the smoothest motion goes."""
        total_s = self.out_s + self.hold_s + self.back_s
        n_out, n_back = (fine(duration_s * part / total_s) for part in (self.out_s, self.back_s))
        hold = np.ones(fine(duration_s) - n_out - n_back)
        return np.concatenate([_smoothest(n_out), hold, _smoothest(n_back)[::-1]])

    def _move(self, canvas: Canvas, share: FloatArray, ends_s: list[float]) -> None:
        lift = LIFTS[self.exercise]
        wrist = canvas.scene.site is Site.WRIST
        way_m = (-share if lift.lowers_first else share) * (lift.wrist_m if wrist else lift.trunk_m)
        canvas.vertical_g += np.gradient(np.gradient(way_m)) * 1e6 / STANDARD_GRAVITY_M_PER_S2
        if wrist:
            canvas.up = _postures(lift, share)
        else:
            lean = share if lift.lowers_first else 1.0 - share
            canvas.tilt(0.0, lift.trunk_tilt_rad * lean * taper(len(share), 1.2), (0.0, 1.0, 0.0))
        effort = shaking(canvas.scene.local, len(share), 0.012) * (share * (1.0 - share) * 4.0)[:, None]
        canvas.lateral_g += effort
        for end_s in ends_s if wrist and lift.knock_g else ():
            canvas.add_lateral(end_s, ringing(lift.knock_g, 25.0, 0.02), (0.2, 0.9, 0.3))


def _smoothest(n: int) -> FloatArray:
    """Minimum-jerk way from 0 to 1."""
    x = (np.arange(n) + 0.5) / n
    return x**3 * (10.0 - 15.0 * x + 6.0 * x**2)


def _postures(lift: Lift, share: FloatArray) -> FloatArray:
    """Direction of up along the way: start to middle to end."""
    start, middle, end = (np.array(v) / np.linalg.norm(v) for v in (lift.start_up, lift.middle_up, lift.end_up))
    early, late = np.clip(share * 2.0, 0.0, 1.0), np.clip(share * 2.0 - 1.0, 0.0, 1.0)
    return np.where((share < 0.5)[:, None], turn(start, middle, early), turn(middle, end, late))
