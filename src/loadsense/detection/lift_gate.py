"""Is a chain of matches a set of a lift, or walking, shaking, a few gestures?

Walking, running and clapping are regular too. What tells a lift is that its slow motion (the arm turning in gravity)
outweighs its shaking, and that no step rhythm rides on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_grid import GRID_HZ, gaussian_taps, smoothed
from loadsense.detection.periodicity import self_similarity
from loadsense.detection.template import Matches
from loadsense.samples import FloatArray

_SLOW = gaussian_taps(1.0)
_MIDDLE = gaussian_taps(6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """How a stretch of wrist motion feels.

    Attributes
    ----------
    shake_to_motion : float
        SD of |a| between 1 and 6 Hz over the rms of the motion below 1 Hz.
    step_rhythm : float
        Highest local maximum of the self-similarity of |a| (1 to 6 Hz) at the pace of steps; -1 where there is none.
    """

    shake_to_motion: float
    step_rhythm: float


def texture(accel_g: FloatArray) -> Texture:
    """Texture of a stretch on the 25 Hz grid, RAW g, shape (n, 3)."""
    slow = smoothed(accel_g, _SLOW)
    slow = slow - slow.mean(axis=0)
    motion = float(np.sqrt((slow * slow).sum(axis=1).mean()))
    norm = np.sqrt((accel_g * accel_g).sum(axis=1))[:, None]
    shake = smoothed(norm, _MIDDLE) - smoothed(norm, _SLOW)
    first, last = int(0.3 * GRID_HZ), int(0.9 * GRID_HZ) - 1
    rhythm = -1.0
    if len(shake) > 2 * last:
        r = self_similarity(shake, first, last)
        peaks = r[1:-1][(r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:])]
        rhythm = float(peaks.max()) if len(peaks) else -1.0
    return Texture(shake_to_motion=float(shake.std()) / max(motion, 1e-6), step_rhythm=rhythm)


def refusal(matches: Matches, period_s: float, feel: Texture, criteria: LiftCriteria) -> str:
    """Why the matches are not a set; empty when they are."""
    n = len(matches.centres)
    similarity = float(matches.similarity.mean()) if n else 0.0
    if n < 3 or (n < criteria.repetitions_min and similarity < criteria.three_repetitions_match):
        return "too few repetitions"
    intervals = np.diff(matches.centres)
    spread = float(intervals.std() / intervals.mean())
    if feel.shake_to_motion > criteria.shake_to_motion:
        return "shaking"
    if feel.step_rhythm > criteria.step_rhythm:
        return "steps"
    if spread > criteria.interval_spread and similarity < criteria.paused_match:
        return "irregular"
    is_few = n <= criteria.repetitions_min and spread > criteria.few_spread
    least = max(_least_similarity(n, period_s, spread, feel, criteria), criteria.few_match if is_few else 0.0)
    return "not alike" if similarity < least else ""


def _least_similarity(n: int, period_s: float, spread: float, feel: Texture, criteria: LiftCriteria) -> float:
    """How alike the repetitions must be: more where people walk at that pace, less in plainly slow motion."""
    fast = period_s < criteria.fast_period_s
    is_quiet = (
        feel.shake_to_motion <= criteria.quiet_shake
        and feel.step_rhythm <= criteria.quiet_rhythm
        and spread <= criteria.quiet_spread
        and n >= criteria.quiet_repetitions
    )
    if is_quiet:
        return criteria.quiet_fast_match if fast else criteria.quiet_slow_match
    if not fast:
        return criteria.slow_match
    walks = feel.shake_to_motion > criteria.fast_shake or feel.step_rhythm > criteria.fast_rhythm
    return criteria.walking_match if walks else criteria.fast_match
