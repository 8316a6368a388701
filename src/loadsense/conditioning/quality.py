"""What the samples said about their worth: how many, clipped, still, not worn.

Non-wear is that of van Hees et al. 2013 with GGIR's numbers: a block of 15 minutes is not worn when in the hour around
it two axes have an SD below 0.013 g and a range below 0.050 g; short stretches of wear between long ones of non-wear
are then taken as non-wear as well (the sensor was carried).

Everything is kept in units of 450 s (half a block) at absolute sample indices: the hour around a block is then exactly
eight units, and a sum over a unit is the same whatever pieces the samples came in.

Differences from the original: blocks count from the start of the recording and the last incomplete one stays
unlabelled (worn); where a gap leaves an hour without a sample it counts as worn; the hour is judged from whole seconds.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.conditioning.calibration import CRITERIA, CalibrationCriteria, autocalibrate, still_norms_g
from loadsense.conditioning.rails import RailWatch
from loadsense.conditioning.seconds import SecondCutter, Seconds
from loadsense.results import SignalQuality
from loadsense.samples import Calibration, FloatArray, Gap, SampleBlock
from loadsense.vectors import CLIPPED_SHARE, clipped_rows

_UNIT_S: Final = 450
_UNITS_PER_BLOCK: Final = 2
_WINDOW_S: Final = 10
#: Still 10-s windows kept for the sphere: a week of them.
_MOST_WINDOWS: Final = 7 * 8640


@dataclass(frozen=True, slots=True, kw_only=True)
class NonWearCriteria:
    """Non-wear of van Hees 2013 (doi 10.1371/journal.pone.0061691), numbers as in GGIR.

    Attributes
    ----------
    sd_g, range_g : float
        An axis is quiet over an hour when SD and range are below these.
    fewest_axes : int
        Quiet axes that make the block non-wear.
    around_units : int
        Units of 450 s in the hour around a block.
    carried : tuple of (float, float)
        Wear of at most so many hours and less than this share of the non-wear on both sides is non-wear too.
    rounds : int
        Times that the rule of carried stretches is applied.
    """

    sd_g: float = 0.013
    range_g: float = 0.050
    fewest_axes: int = 2
    around_units: int = 8
    carried: tuple[tuple[float, float], ...] = ((6.0, 0.3), (3.0, 0.8))
    rounds: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """Up to 450 whole seconds."""

    index: int
    n_seconds: int
    mean_g: FloatArray
    variance_g2: FloatArray
    low_g: FloatArray
    high_g: FloatArray
    n_still: int
    still_sum_g: float


class QualityStage:
    """Stage that counts what limits a recording; ask it by `result`, at any time.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    range_g : float or None
        Full scale of each axis; None where unknown, and then nothing counts as clipped.
    calibration, non_wear
        Numbers of the rules.
    """

    def __init__(
        self,
        *,
        sampling_rate_hz: float,
        range_g: float | None,
        calibration: CalibrationCriteria = CRITERIA,
        non_wear: NonWearCriteria | None = None,
    ) -> None:
        self._per_second = max(1, round(sampling_rate_hz))
        self._range_g = range_g
        self._calibration = calibration
        self._non_wear = non_wear or NonWearCriteria()
        self._cutter = SecondCutter(self._per_second)
        self._n_samples = self._n_clipped = 0
        self._largest_axis_g = 0.0
        self._rails = RailWatch()
        self._unchecked: list[FloatArray] = []
        self._n_unchecked = 0
        self._gaps: list[Gap] = []
        self._open: list[Seconds] = []
        self._units: list[_Unit] = []
        self._windows: list[FloatArray] = []
        self._n_windows = 0

    def push(self, block: SampleBlock) -> tuple[()]:
        """Take the next samples."""
        self._n_samples += len(block)
        self._unchecked.append(block.accel_g)
        self._n_unchecked += len(block)
        if self._n_unchecked >= self._per_second:
            self._check_clipping()
        seconds = self._cutter.push(block)
        if seconds is not None:
            self._open.append(seconds)
            self._close_units((int(seconds.index[-1]) + 1) // _UNIT_S)
        return ()

    def gap(self, gap: Gap) -> tuple[()]:
        """Samples are missing: the second that has begun is left out."""
        self._gaps.append(gap)
        self._cutter.restart()
        return ()

    def flush(self) -> tuple[()]:
        """No more samples will come."""
        self._cutter.restart()
        return ()

    def result(self) -> SignalQuality:
        """What is known so far."""
        self._check_clipping()
        units = [*self._units, *self._open_units()]
        n_still = sum(unit.n_still for unit in units)
        still_g = sum(unit.still_sum_g for unit in units)
        blocks = _worn_blocks(self._units, self._non_wear)
        size = _UNIT_S * _UNITS_PER_BLOCK * self._per_second
        return SignalQuality(
            n_samples=self._n_samples,
            n_clipped=self._n_clipped,
            largest_axis_g=self._largest_axis_g if self._n_samples else None,
            rail_g=self._rails.rail_g(),
            gaps=tuple(self._gaps),
            still_s=float(n_still),
            still_error_g=still_g / n_still - 1.0 if n_still else None,
            non_wear=tuple((a * size, b * size) for a, b in _runs(blocks, worn=False)),
            non_wear_known=len(blocks) > 0,
        )

    def autocalibration(self) -> Calibration | None:
        """What the sphere says of the samples so far: a report, never applied to them; None before a whole day."""
        if self._n_samples < self._calibration.shortest_s * self._per_second or not self._n_windows:
            return None
        return autocalibrate(np.concatenate(self._windows)[:_MOST_WINDOWS], self._calibration)

    def _check_clipping(self) -> None:
        """Count clipped samples among those that came since the last time."""
        range_g = self._range_g
        if self._n_unchecked:
            accel_g = self._unchecked[0] if len(self._unchecked) == 1 else np.concatenate(self._unchecked)
            largest_g = self._rails.push(accel_g)
            self._largest_axis_g = max(self._largest_axis_g, largest_g)
            if range_g is not None and largest_g >= CLIPPED_SHARE * range_g:
                self._n_clipped += int(clipped_rows(accel_g, range_g).sum())
        self._unchecked, self._n_unchecked = [], 0

    def _close_units(self, first_open: int) -> None:
        """Summarize every unit before the one in which the next second falls."""
        if int(self._open[0].index[0]) // _UNIT_S == first_open:
            return
        parts = _split(self._open)
        self._open = [part for part in parts if int(part.index[0]) // _UNIT_S >= first_open]
        for seconds in parts[: len(parts) - len(self._open)]:
            self._units.append(_unit(seconds, self._calibration.still_sd_g))
            if self._n_windows < _MOST_WINDOWS:
                windows = _still_windows(seconds, self._calibration.still_sd_g)
                self._windows.append(windows)
                self._n_windows += len(windows)

    def _open_units(self) -> list[_Unit]:
        return [_unit(seconds, self._calibration.still_sd_g) for seconds in _split(self._open)]


def _split(parts: list[Seconds]) -> list[Seconds]:
    """Seconds by the unit they belong to, in order."""
    if not parts:
        return []
    seconds = Seconds.joined(parts)
    edges = [0, *(np.flatnonzero(np.diff(seconds.index // _UNIT_S)) + 1).tolist(), len(seconds)]
    return [seconds.part(slice(a, b)) for a, b in itertools.pairwise(edges)]


def _unit(seconds: Seconds, still_sd_g: float) -> _Unit:
    norms = still_norms_g(seconds, still_sd_g)
    mean_g = seconds.mean_g.mean(axis=0)
    return _Unit(
        index=int(seconds.index[0]) // _UNIT_S,
        n_seconds=len(seconds),
        mean_g=mean_g,
        variance_g2=seconds.variance_g2.mean(axis=0) + ((seconds.mean_g - mean_g) ** 2).mean(axis=0),
        low_g=seconds.low_g.min(axis=0),
        high_g=seconds.high_g.max(axis=0),
        n_still=len(norms),
        still_sum_g=float(norms.sum()),
    )


def _still_windows(seconds: Seconds, still_sd_g: float) -> FloatArray:
    """Mean acceleration of the complete 10-s windows at rest, shape (k, 3)."""
    window = seconds.index // _WINDOW_S
    firsts = np.flatnonzero(np.diff(window, prepend=window[0] - 1))
    whole = firsts[np.diff(firsts, append=len(window)) == _WINDOW_S]
    rows = whole[:, None] + np.arange(_WINDOW_S)
    means = seconds.mean_g[rows]
    mean_g = means.mean(axis=1)
    variance = seconds.variance_g2[rows].mean(axis=1) + ((means - mean_g[:, None]) ** 2).mean(axis=1)
    return np.asarray(mean_g[(variance < still_sd_g * still_sd_g).all(axis=1)])


def _worn_blocks(units: list[_Unit], criteria: NonWearCriteria) -> list[bool]:
    """Whether each whole block of 15 minutes was worn; empty for recordings shorter than the hour around a block."""
    n_units = units[-1].index + 1 if units else 0
    if n_units < criteria.around_units:
        return []
    present = {unit.index: unit for unit in units}
    worn = []
    for block in range(n_units // _UNITS_PER_BLOCK):
        centre = block * _UNITS_PER_BLOCK + _UNITS_PER_BLOCK // 2
        first = min(max(centre - criteria.around_units // 2, 0), n_units - criteria.around_units)
        around = [present[i] for i in range(first, first + criteria.around_units) if i in present]
        worn.append(not _is_quiet(around, criteria))
    for _ in range(criteria.rounds):
        worn = _without_carried(worn, criteria)
    return worn


def _is_quiet(units: list[_Unit], criteria: NonWearCriteria) -> bool:
    if not units:
        return False
    share = np.array([unit.n_seconds for unit in units], dtype=np.float64)
    share /= share.sum()
    means = np.array([unit.mean_g for unit in units])
    variance = share @ np.array([unit.variance_g2 for unit in units]) + share @ (means - share @ means) ** 2
    low = np.array([unit.low_g for unit in units]).min(axis=0)
    high = np.array([unit.high_g for unit in units]).max(axis=0)
    quiet = (variance < criteria.sd_g**2) & (high - low < criteria.range_g)
    return int(quiet.sum()) >= criteria.fewest_axes


def _runs(worn_blocks: list[bool], *, worn: bool) -> list[tuple[int, int]]:
    """Stretches [start, end) of blocks that were worn, or that were not."""
    state = np.array([False, *(b is worn for b in worn_blocks), False])
    edges = np.flatnonzero(state[1:] != state[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _without_carried(worn_blocks: list[bool], criteria: NonWearCriteria) -> list[bool]:
    """Take short wear between long non-wear as non-wear: the sensor was carried, not worn."""
    off = _runs(worn_blocks, worn=False)
    after = list(worn_blocks)
    hours_per_block = _UNIT_S * _UNITS_PER_BLOCK / 3600.0
    for (a, b), (c, d) in itertools.pairwise(off):
        wear_h, around_h = (c - b) * hours_per_block, (b - a + d - c) * hours_per_block
        if any(wear_h < longest and wear_h < share * around_h for longest, share in criteria.carried):
            after[b:c] = [False] * (c - b)
    return after
