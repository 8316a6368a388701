"""Calibration to 1 g: by still seconds for a session, by the sphere of van Hees for long wear.

A sensor that does not move feels exactly 1 g, whichever way it lies. A short session shows one or two postures, from
which one common gain follows and nothing more. A day or longer shows many, and then gain and offset of each axis follow
from the demand that all of them lie on a sphere of radius 1 g (van Hees et al. 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.conditioning.seconds import Seconds, seconds_of
from loadsense.samples import Calibration, FloatArray
from loadsense.vectors import resultant_g


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCriteria:
    """Numbers of both calibrations.

    Attributes
    ----------
    still_sd_g : float
        A second (or 10-s window) is still when the SD of every axis is below this (van Hees 2014 as in GGIR).
    smallest_error, largest_error : float
        A common gain is applied when |a| at rest is off by more than the first and at most the second share of 1 g.
        Below, it is noise; above, it is the wrong unit or range, not a gain [convention].
    fewest_still_seconds : int
        Still seconds needed before a gain is applied [convention].
    largest_mean_g : float
        10-s windows with a mean beyond this on an axis are left out (GGIR).
    sphere_g : float
        Each axis needs 10-s windows on both sides beyond this (GGIR's spherecrit).
    accepted_error_g : float
        The sphere is accepted when the error falls, and below this (van Hees 2014).
    shortest_s : float
        Recordings shorter than this are not calibrated by the sphere.
    """

    still_sd_g: float = 0.013
    smallest_error: float = 0.005
    largest_error: float = 0.10
    fewest_still_seconds: int = 3
    largest_mean_g: float = 2.0
    sphere_g: float = 0.3
    accepted_error_g: float = 0.01
    shortest_s: float = 86_400.0


CRITERIA: Final = CalibrationCriteria()
#: A still second outside this is no second at rest: a dead sensor, or another unit.
_PLAUSIBLE_G: Final = (0.5, 1.5)
_MOST_ITERATIONS: Final = 1000
_CONVERGED_G2: Final = 1e-10
_LARGEST_WEIGHT: Final = 100.0


def still_norms_g(seconds: Seconds, still_sd_g: float) -> FloatArray:
    """|mean acceleration| of the seconds at rest, RAW g."""
    still = (seconds.variance_g2 < still_sd_g * still_sd_g).all(axis=1)
    norms = resultant_g(np.ascontiguousarray(seconds.mean_g[still].T))
    return norms[(norms > _PLAUSIBLE_G[0]) & (norms < _PLAUSIBLE_G[1])]


def still_calibration(
    accel_g: FloatArray, sampling_rate_hz: float, criteria: CalibrationCriteria = CRITERIA
) -> Calibration:
    """One gain for all axes that brings the still seconds of a probe to 1 g.

    Parameters
    ----------
    accel_g : ndarray, shape (n, 3)
        The probe as recorded, RAW g, from its first sample.
    sampling_rate_hz : float
        Its rate.

    Returns
    -------
    Calibration
        Method "still seconds" where the median |a| at rest is off by 0.5 to 10 %; else "none", with the error found
        (None without a still second).
    """
    seconds = seconds_of(accel_g, samples_per_second=max(1, round(sampling_rate_hz)))
    norms = still_norms_g(seconds, criteria.still_sd_g)
    if not len(norms):
        return Calibration()
    rest_g = float(np.median(norms))
    before_g = float(np.abs(norms - 1.0).mean())
    wrong = criteria.smallest_error < abs(rest_g - 1.0) <= criteria.largest_error
    if len(norms) < criteria.fewest_still_seconds or not wrong:
        return Calibration(error_before_g=before_g, error_after_g=before_g)
    gain = 1.0 / rest_g
    return Calibration(
        gain=(gain, gain, gain),
        method="still seconds",
        error_before_g=before_g,
        error_after_g=float(np.abs(norms * gain - 1.0).mean()),
    )


def autocalibrate(windows_g: FloatArray, criteria: CalibrationCriteria = CRITERIA) -> Calibration:
    """Gain and offset of each axis that bring many still postures to the unit sphere.

    Each round scales and shifts every axis by a weighted line through the points and their nearest points on the
    sphere; points far from the sphere weigh less. The rounds end when the error stands still.

    Parameters
    ----------
    windows_g : ndarray, shape (k, 3)
        Mean acceleration of still 10-s windows, RAW g.

    Returns
    -------
    Calibration
        Method "van Hees 2014" where the postures reach beyond +-0.3 g on every axis and the error falls below 0.01 g;
        else "none" with the error before.
    """
    near = windows_g[(np.abs(windows_g) < criteria.largest_mean_g).all(axis=1)]
    if not len(near):
        return Calibration()
    before_g = _sphere_error_g(near)
    if not _surrounds(near, criteria.sphere_g):
        return Calibration(error_before_g=before_g, error_after_g=before_g)
    gain, offset_g = _fit_sphere(near)
    after_g = _sphere_error_g((near + offset_g) * gain)
    if not (after_g < before_g and after_g < criteria.accepted_error_g):
        return Calibration(error_before_g=before_g, error_after_g=before_g)
    return Calibration(
        gain=_three(gain),
        offset_g=_three(offset_g),
        method="van Hees 2014",
        error_before_g=before_g,
        error_after_g=after_g,
    )


def _three(values: FloatArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _sphere_error_g(points_g: FloatArray) -> float:
    return float(np.abs(np.linalg.norm(points_g, axis=1) - 1.0).mean())


def _surrounds(points_g: FloatArray, sphere_g: float) -> bool:
    return bool((points_g.min(axis=0) < -sphere_g).all() and (points_g.max(axis=0) > sphere_g).all())


def _fit_sphere(points_g: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gain and offset, each of shape (3,), so that (points + offset) * gain lies near the unit sphere."""
    gain, offset_g = np.ones(3), np.zeros(3)
    weights = np.ones(len(points_g))
    error_g2 = np.inf
    for _ in range(_MOST_ITERATIONS):
        now = (points_g + offset_g) * gain
        length = np.linalg.norm(now, axis=1)
        nearest = now / np.where(length > 0.0, length, 1.0)[:, None]
        share = weights / weights.sum()
        mean_now, mean_nearest = share @ now, share @ nearest
        slope = (share @ ((now - mean_now) * (nearest - mean_nearest))) / (share @ (now - mean_now) ** 2)
        shift = mean_nearest - slope * mean_now
        offset_g = offset_g + shift / (gain * slope)
        gain = gain * slope
        away = np.linalg.norm(slope * now + shift - nearest, axis=1)
        last, error_g2 = error_g2, float(share @ away**2)
        weights = np.minimum(1.0 / np.maximum(away, 1e-12), _LARGEST_WEIGHT)
        if abs(last - error_g2) < _CONVERGED_G2:
            break
    return gain, offset_g
