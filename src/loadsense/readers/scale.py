"""The unit of the acceleration columns: as declared, checked against quiet seconds, or found from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.errors import ContentError
from loadsense.readers.dialect import Dialect
from loadsense.readers.options import ReadOptions
from loadsense.samples import Calibration, FloatArray
from loadsense.units import G_PER_UNIT

#: A second is quiet when its variation is below this part of its mean (about 0.03 g at rest), whatever the unit.
_QUIET_PART: Final = 0.03
#: A median norm means a unit when it lies within this factor of 1 g in it.
_FACTOR: Final = 1.35
#: Counts per g of the sensors in use are powers of two; a quiet norm this near to one means it. 1024 is not told from
#: 1000 mg unless counts are declared: still seconds make up for the difference.
_COUNT_FACTOR: Final = 1.2
_COUNTS_PER_G: Final = tuple(float(2**k) for k in (5, 6, 7, 8, 9, 11, 12, 13, 14))
#: A declared unit is contradicted when quiet seconds are off by more than this factor: no sensor is so wrong.
_CONTRADICTION: Final = 2.5
#: Median norm below which gravity has been taken away.
_NO_GRAVITY_G: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What one unit of the file is in g, and how that was decided.

    Attributes
    ----------
    unit : str
        "g", "mg", "m/s2" or "counts".
    g_per_unit : float
    said : str
        For people, such as "m/s2 (median norm 9.79 in quiet seconds)".
    median_norm : float
        In the file's unit.
    n_quiet_s : int
        Quiet seconds seen.
    """

    unit: str
    g_per_unit: float
    said: str
    median_norm: float
    n_quiet_s: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Median norm of the first rows, in quiet seconds where there are any."""

    norm: float
    n_quiet_s: int

    @property
    def where(self) -> str:
        """Words for what the norm was taken over."""
        return "in quiet seconds" if self.n_quiet_s else "over all samples, none quiet"


def rest_of(values: FloatArray, sampling_rate_hz: float) -> Rest:
    """Median norm in quiet seconds, or over everything where no second is quiet."""
    n = max(2, round(sampling_rate_hz))
    n_seconds = len(values) // n
    if n_seconds:
        seconds = values[: n_seconds * n].reshape(n_seconds, n, 3)
        mean = np.linalg.norm(seconds.mean(axis=1), axis=1)
        spread = np.linalg.norm(seconds.std(axis=1), axis=1)
        # seconds of equal rows are a program that fills up, not a sensor at rest
        quiet = (spread < _QUIET_PART * mean) & (spread > 0)
        if quiet.any():
            return Rest(float(np.median(mean[quiet])), int(quiet.sum()))
    norms = np.linalg.norm(values, axis=1)
    return Rest(float(np.median(norms[norms > 0])) if norms.any() else 0.0, 0)


def calibrate(accel_g: FloatArray, calibration: Calibration) -> None:
    """Apply a calibration to samples in place; one number for all axes is applied ten times sooner than three."""
    whole = len(set(calibration.offset_g)) == len(set(calibration.gain)) == 1
    for part, axis in [(accel_g, 0)] if whole else [(accel_g[:, axis], axis) for axis in range(3)]:
        part += calibration.offset_g[axis]
        part *= calibration.gain[axis]


def find_scale(dialect: Dialect, options: ReadOptions, values: FloatArray, sampling_rate_hz: float) -> Scale:
    """Unit of the file.

    Raises
    ------
    ContentError
        Quiet seconds contradict the declared unit, or no unit fits them, or gravity has been removed.
    """
    rest = rest_of(values, sampling_rate_hz)
    unit = options.unit or dialect.header.unit
    if unit is None:
        return _found(rest, values)
    whose = "--unit" if options.unit else "the file"
    if unit == "counts":
        return _counts(rest, None if options.unit else dialect.header.counts_per_g)
    g_per_unit = G_PER_UNIT[unit]
    _check(unit, rest, g_per_unit, whose)
    said = f"{unit} (said by {whose}; median norm {rest.norm:.4g} {rest.where})"
    return Scale(unit=unit, g_per_unit=g_per_unit, said=said, median_norm=rest.norm, n_quiet_s=rest.n_quiet_s)


def _check(unit: str, rest: Rest, g_per_unit: float, whose: str) -> None:
    """A declared unit is believed unless quiet seconds contradict it."""
    norm_g = rest.norm * g_per_unit
    if rest.n_quiet_s and not 1.0 / _CONTRADICTION <= norm_g <= _CONTRADICTION:
        better = next((u for u, g in G_PER_UNIT.items() if 1 / _FACTOR <= rest.norm * g <= _FACTOR), None)
        hint = f"they fit {better}: use --unit {better}" if better else "leave --unit out, or check the export"
        raise ContentError(
            f"unit {unit} (said by {whose}) is contradicted by quiet seconds: they read {norm_g:.3g} g "
            f"where gravity makes 1 g; {hint}"
        )
    if norm_g < _NO_GRAVITY_G / 3.0:
        raise ContentError(
            f"the median of |a| is {norm_g:.2g} g: gravity has been removed (linear acceleration) "
            "or the unit is wrong; export raw acceleration with gravity"
        )


def _found(rest: Rest, values: FloatArray) -> Scale:
    """The unit that makes the rest 1 g."""
    for unit, g_per_unit in G_PER_UNIT.items():
        if 1.0 / _FACTOR <= rest.norm * g_per_unit <= _FACTOR:
            said = f"{unit} (median norm {rest.norm:.4g} {rest.where})"
            return Scale(unit=unit, g_per_unit=g_per_unit, said=said, median_norm=rest.norm, n_quiet_s=rest.n_quiet_s)
    near = _power_of_two(rest.norm, _COUNTS_PER_G) if rest.n_quiet_s else None
    if near is not None and _all_whole(values):
        return _counts_scale(rest, near)
    raise ContentError(
        f"the unit is ambiguous: the median norm is {rest.norm:.3g} ({rest.where}), which is neither 1 g, 9.81 m/s2 "
        "nor 1000 mg; say it with --unit g, mg, m/s2 or counts"
    )


def _counts(rest: Rest, counts_per_g: float | None) -> Scale:
    """Counts: by the format's own scale, else by the rest, which is 1 g."""
    if counts_per_g is not None:
        return _counts_scale(rest, counts_per_g)
    if not rest.n_quiet_s:
        raise ContentError(
            f"counts have no fixed scale, and no second is quiet to find it from (median norm {rest.norm:.4g}); "
            "convert to g, or include some seconds of standing still"
        )
    return _counts_scale(rest, _power_of_two(rest.norm, (*_COUNTS_PER_G, 1024.0)) or rest.norm)


def _counts_scale(rest: Rest, counts_per_g: float) -> Scale:
    said = f"counts of 1/{counts_per_g:g} g (median norm {rest.norm:.4g} {rest.where})"
    return Scale(
        unit="counts", g_per_unit=1.0 / counts_per_g, said=said, median_norm=rest.norm, n_quiet_s=rest.n_quiet_s
    )


def _power_of_two(norm: float, candidates: tuple[float, ...]) -> float | None:
    return next((c for c in candidates if 1 / _COUNT_FACTOR <= norm / c <= _COUNT_FACTOR), None)


def _all_whole(values: FloatArray) -> bool:
    return bool((values == np.round(values)).all())
