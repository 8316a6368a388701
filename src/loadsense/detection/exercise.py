"""The name of a lift, from the posture of the forearm, its pace and the shape of the motion; and from the coach's plan.

A wrist knows gravity, so it knows how the forearm stood: hanging in a deadlift, upright in a press, leaning in a squat
under the bar. That needs the axis of the sensor that lies along the forearm and its sign, which depend on the device
and on the way of wearing. A name that the posture does not bear out is "unknown", never a guess.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria, PostureCriteria
from loadsense.detection.lift_gate import texture
from loadsense.detection.lift_grid import GRID_HZ, gaussian_taps, smoothed
from loadsense.samples import FloatArray

_WAVE = gaussian_taps(3.0)

UNKNOWN = "unknown"
#: Note on a name that rests on an assumed way of wearing.
ASSUMED_AXIS = "way of wearing assumed, not known"
#: The most confidence such a name may have.
_ASSUMED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ForearmAxis:
    """How the sensor sits on the forearm.

    Attributes
    ----------
    along, along_sign : int
        Axis along the forearm (0, 1, 2 for x, y, z) and +1 where it reads +1 g with the hand up, else -1.
    out : int or None
        Axis out of the watch face; None where it is not known.
    out_sign : int
        +1 where that axis reads +1 g with the face up, else -1.
    known : {"declared", "hanging arm", "default"}
        Where it comes from.
    """

    along: int
    along_sign: int
    out: int | None = None
    out_sign: int = 1
    known: Literal["declared", "hanging arm", "default"] = "declared"


#: MetaMotion as worn in the barbell recordings the postures were taken from.
DEFAULT_FOREARM = ForearmAxis(along=1, along_sign=1, out=2, out_sign=1, known="default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Name of the lift of a set.

    Attributes
    ----------
    exercise : str
        "unknown" where nothing fits.
    confidence : float or None
        0 to 1; None when unknown.
    source : {"signal", "plan", "both", ""}
        What the name rests on.
    notes : tuple of str
        "does not look like deadlift".
    """

    exercise: str = UNKNOWN
    confidence: float | None = None
    source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Forearm and motion over a set.

    Attributes
    ----------
    along, out : float
        Mean direction of gravity along the forearm (+1: hand up) and out of the watch face.
    skew : float
        Skewness of the motion along the mean direction, below 3 Hz.
    """

    along: float
    out: float | None
    skew: float


def posture(accel_g: FloatArray, forearm: ForearmAxis) -> Posture:
    """Posture over the samples of a set on the 25 Hz grid, RAW g, shape (n, 3)."""
    mean = accel_g.mean(axis=0)
    up = mean / max(float(np.sqrt((mean * mean).sum())), 1e-9)
    wave = (smoothed(accel_g, _WAVE) * up).sum(axis=1)
    wave = wave - wave.mean()
    spread = max(float(wave.std()), 1e-9)
    return Posture(
        along=forearm.along_sign * float(up[forearm.along]),
        out=None if forearm.out is None else forearm.out_sign * float(up[forearm.out]),
        skew=float(((wave / spread) ** 3).mean()),
    )


def misfit(seen: Posture, period_s: float, lift: PostureCriteria) -> float:
    """Squared distance of a set from a lift, in spreads."""
    total = ((seen.along - lift.along) / lift.along_sd) ** 2
    if seen.out is not None and lift.out is not None and lift.out_sd is not None:
        total += ((seen.out - lift.out) / lift.out_sd) ** 2
    if lift.skew_sd is not None:
        if lift.max_skew is not None:
            total += (max(0.0, seen.skew - lift.max_skew) / lift.skew_sd) ** 2
        if lift.min_skew is not None:
            total += (max(0.0, lift.min_skew - seen.skew) / lift.skew_sd) ** 2
    if lift.min_period_s is not None and lift.period_sd_s is not None:
        total += (max(0.0, lift.min_period_s - period_s) / lift.period_sd_s) ** 2
    return total


def name_set(
    accel_g: FloatArray, period_s: float, forearm: ForearmAxis, declared: str | None, criteria: LiftCriteria
) -> Name:
    """Name of a set, with the coach's declared lift as a prior.

    The plan settles what the posture leaves open; where the posture clearly contradicts it, the plan's name stays and a
    note says so.
    """
    seen = posture(accel_g, forearm)
    costs = {lift.exercise: misfit(seen, period_s, lift) for lift in criteria.postures}
    by_signal = min(costs, key=lambda name: costs[name])
    fits = costs[by_signal] < criteria.posture_limit
    if declared is not None:
        if costs.get(declared, np.inf) < criteria.posture_limit:
            return Name(exercise=declared, confidence=0.95, source="both")
        if declared not in costs or not fits:
            return Name(exercise=declared, confidence=0.6, source="plan")
        return Name(exercise=declared, confidence=0.3, source="plan", notes=(f"does not look like {declared}",))
    if not fits:
        return Name()
    weights = {name: float(np.exp(-0.5 * cost)) for name, cost in costs.items()}
    unknown = float(np.exp(-0.5 * criteria.posture_limit))
    share = weights[by_signal] / (sum(weights.values()) + unknown)
    if forearm.known == "default":
        return Name(exercise=by_signal, confidence=min(share, _ASSUMED), source="signal", notes=(ASSUMED_AXIS,))
    return Name(exercise=by_signal, confidence=share, source="signal")


class HangingArm:
    """Learns from walking which axis lies along the forearm: the arm hangs, so gravity lies along it, hand down.

    Parameters
    ----------
    criteria : LiftCriteria
        Constants.
    """

    def __init__(self, criteria: LiftCriteria) -> None:
        self._criteria = criteria
        self._looked_at: int | None = None
        self._directions: deque[FloatArray] = deque(maxlen=12)
        self.axis: ForearmAxis | None = None

    def is_due(self, row: int) -> bool:
        """Whether enough new motion has come to look again."""
        return self._looked_at is None or row - self._looked_at >= self._criteria.window_s * GRID_HZ

    def see(self, rows: FloatArray, row: int) -> None:
        """Look at a window of grid rows that ends at a grid index: does somebody walk, and how does the arm hang?"""
        self._looked_at = row
        accel_g = rows[:, :3]
        feel = texture(accel_g)
        walking = feel.step_rhythm > self._criteria.step_rhythm and feel.shake_to_motion > self._criteria.hanging_shake
        if not walking:
            return
        mean = accel_g.mean(axis=0)
        self._directions.append(mean / max(float(np.sqrt((mean * mean).sum())), 1e-9))
        if len(self._directions) >= self._criteria.hanging_windows:
            self._learn(np.median(np.array(self._directions), axis=0))

    def _learn(self, down: FloatArray) -> None:
        along = int(np.argmax(np.abs(down)))
        if abs(float(down[along])) >= self._criteria.hanging_share:
            # An axis that reads +1 g while the hand points down reads -1 g with the hand up.
            self.axis = ForearmAxis(along=along, along_sign=-1 if down[along] > 0 else 1, known="hanging arm")
