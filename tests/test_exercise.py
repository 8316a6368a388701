"""Names of lifts: posture, plan, and the way of wearing."""

import numpy as np
import pytest

from loadsense.detection.exercise import ASSUMED_AXIS, DEFAULT_FOREARM, ForearmAxis, HangingArm, name_set
from loadsense.evidence.detection_criteria import lift_criteria

CRITERIA = lift_criteria()
KNOWN = ForearmAxis(along=1, along_sign=1, out=2)


def held(x, y, z, n=200):
    sway = 0.03 * np.sin(np.arange(n) / 8)
    return np.array([x, y, z]) * (1 + sway[:, None])


LIFTS = [
    ("deadlift", held(0.1, -1.0, 0.1)),
    ("overhead_press", held(0.2, 0.96, -0.15)),
    ("back_squat", held(0.2, 0.67, 0.68)),
]


@pytest.mark.parametrize(("exercise", "accel_g"), LIFTS)
def test_the_posture_names_the_lift(exercise, accel_g):
    name = name_set(accel_g, 3.0, KNOWN, None, CRITERIA)
    assert (name.exercise, name.source, name.notes) == (exercise, "signal", ())
    assert name.confidence > 0.5


def test_an_assumed_way_of_wearing_lowers_the_confidence_and_says_so():
    name = name_set(LIFTS[0][1], 3.0, DEFAULT_FOREARM, None, CRITERIA)
    assert name.confidence <= 0.5
    assert name.notes == (ASSUMED_AXIS,)


def test_another_posture_is_unknown_never_a_guess():
    name = name_set(held(0.9, 0.1, -0.4), 3.0, KNOWN, None, CRITERIA)
    assert (name.exercise, name.confidence, name.source) == ("unknown", None, "")


@pytest.mark.parametrize(
    ("declared", "accel_g", "source", "note"),
    [
        ("deadlift", LIFTS[0][1], "both", ()),
        ("deadlift", LIFTS[1][1], "plan", ("does not look like deadlift",)),
        ("deadlift", held(0.9, 0.1, -0.4), "plan", ()),
        ("biceps_curl", LIFTS[0][1], "plan", ()),
    ],
)
def test_the_plan_is_a_prior_and_a_clear_conflict_is_told(declared, accel_g, source, note):
    name = name_set(accel_g, 3.0, KNOWN, declared, CRITERIA)
    assert (name.exercise, name.source, name.notes) == (declared, source, note)


def test_the_forearm_is_learned_from_walking_and_only_from_walking():
    rng = np.random.default_rng(0)
    t = np.arange(228) / 25
    step = 0.3 * np.sin(2 * np.pi * 1.8 * t)
    walk = np.column_stack([0.98 + step, 0.05 * np.sin(2 * np.pi * 0.9 * t), 0 * t]) + rng.normal(0, 0.02, (228, 3))
    arm = HangingArm(CRITERIA)
    for k in range(3):
        assert arm.is_due(300 * k)
        arm.see(np.column_stack([held(0, 1, 0, 228), np.ones(228)]), 300 * k)
    assert arm.axis is None
    for k in range(3, 6):
        arm.see(np.column_stack([walk, np.ones(228)]), 300 * k)
    assert arm.axis == ForearmAxis(along=0, along_sign=-1, known="hanging arm")
    assert not arm.is_due(300 * 5 + 10)
