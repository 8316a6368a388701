"""How a clock is read, decided once from its first stamps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from loadsense.errors import ContentError
from loadsense.samples import FloatArray

#: Shortest hole that is a Gap; longer where three sample intervals are longer.
_GAP_S: Final = 0.1
#: With smoothed packets only a longer silence is a gap: packets come late without a loss.
_PACKET_GAP_S: Final = 0.6
#: Width of the moving median and of the moving mean over the stamps of packets.
SMOOTHING_S: Final = 0.6
#: Share of short intervals that makes a recording one of packets.
_PACKET_SHARE: Final = 0.10
#: An interval is regular within this part of the sample interval ...
_REGULAR_PART: Final = 0.25
#: ... and a clock is regular when this share of its intervals is.
_REGULAR_SHARE: Final = 0.98
#: ... unless the clock wanders off the count in more than this share of the seconds: 0 to 0.06 of those of loggers,
#: 0.25 and more of those of phones.
_WANDERING_SHARE: Final = 0.2
_FEWEST_SECONDS: Final = 4
#: Rates nearer than this to a round one are that one (crystals are good to some 100 ppm; stamps are rounded).
_SNAP_PART: Final = 2e-4

Mode = Literal["counted", "interpolated"]
Repair = Literal["none", "spread", "smooth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPlan:
    """How the clock of one recording is read, decided from its first stamps.

    Attributes
    ----------
    sampling_rate_hz : float
        Rate of the grid.
    measured_rate_hz : float or None
        Samples per second by the stamps looked at, gaps left out.
    mode : {"counted", "interpolated"}
    repair : {"none", "spread", "smooth"}
        What is done to packets.
    gap_s : float
        Interval above which samples are missing, in seconds.
    drops_repeats : bool
        Whether a row with time and values of the row before is one written twice; False where equal stamps with
        different values show that stamps repeat without a cause.
    """

    sampling_rate_hz: float
    measured_rate_hz: float | None = None
    mode: Mode = "counted"
    repair: Repair = "none"
    gap_s: float = _GAP_S
    drops_repeats: bool = True

    @property
    def step_s(self) -> float:
        """Sample interval by the recorded clock."""
        return 1.0 / (self.measured_rate_hz or self.sampling_rate_hz)


def plan_clock(
    times_s: FloatArray, *, values: FloatArray | None = None, stated_rate_hz: float | None = None
) -> ClockPlan:
    """Decide how a clock is read.

    Parameters
    ----------
    times_s : ndarray, shape (n,)
        First stamps, as recorded, in seconds.
    values : ndarray, shape (n, 3), optional
        The samples beside them: tell rows written twice from stamps that repeat.
    stated_rate_hz : float, optional
        Nominal rate of the file or the user; the grid runs at it.

    Raises
    ------
    ContentError
        No rate can be found: fewer than two different stamps and no stated rate.

    Examples
    --------
    >>> plan_clock(np.arange(500) * 0.01).sampling_rate_hz
    100.0
    """
    intervals = np.diff(times_s)
    forward = intervals[intervals >= 0]
    if not (forward > 0).any():
        if stated_rate_hz is None:
            raise ContentError(
                "the time column does not advance, so the sampling rate is unknown; give it with --sampling-rate-hz"
            )
        return ClockPlan(sampling_rate_hz=stated_rate_hz)
    mean_s = _mean_interval(forward)
    if (forward < 0.3 * mean_s).mean() > _PACKET_SHARE:
        return _packet_plan(times_s, mean_s, stated_rate_hz)
    step_s, regular = _steady_step(forward)
    plan = _plan(step_s, "counted" if regular else "interpolated", "none", stated_rate_hz, len(times_s))
    if values is None:
        return plan
    equal = np.flatnonzero(intervals == 0.0)
    return replace(plan, drops_repeats=bool((values[equal] == values[equal + 1]).all()))


def _plan(step_s: float, mode: Mode, repair: Repair, stated_rate_hz: float | None, n_rows: int) -> ClockPlan:
    measured = 1.0 / step_s
    gap_s = max(_GAP_S, 3.0 * step_s)
    if repair == "smooth":
        gap_s = max(_PACKET_GAP_S, gap_s)
    rate = stated_rate_hz if stated_rate_hz is not None else snapped_rate_hz(measured, n_rows)
    return ClockPlan(sampling_rate_hz=rate, measured_rate_hz=measured, mode=mode, repair=repair, gap_s=gap_s)


def snapped_rate_hz(measured_rate_hz: float, n_samples: int) -> float:
    """The round rate (whole, or a multiple of 6.25 Hz) that a measured one means, or the measured one.

    Examples
    --------
    >>> snapped_rate_hz(100.0004, 60_000), snapped_rate_hz(12.4999, 200), snapped_rate_hz(99.58, 6_000)
    (100.0, 12.5, 99.58)
    """
    for near in (float(round(measured_rate_hz)), 6.25 * round(measured_rate_hz / 6.25)):
        off = abs(measured_rate_hz / near - 1.0) if near > 0 else np.inf
        if off <= _SNAP_PART or (off <= 10.0 * _SNAP_PART and off * n_samples <= 0.5):
            return near
    return measured_rate_hz


def _mean_interval(forward: FloatArray) -> float:
    """Mean interval, silences left out: longer than 0.3 s, or three typical stamps apart where stamps are rare."""
    longest = max(0.3, 3.0 * float(np.median(forward[forward > 0])))
    return float(forward[forward <= longest].mean())


def _steady_step(forward: FloatArray) -> tuple[float, bool]:
    """Sample interval, and whether the stamps keep to whole multiples of it."""
    typical = float(np.median(forward[forward > 0]))
    inside = forward[forward <= max(_GAP_S, 3.0 * typical)]
    step_s = typical
    for _ in range(3):  # the median of rounded stamps is off by up to half their resolution
        # equal stamps count as none: they make up for holes that were none (Garmin)
        step_s = float(inside.sum() / np.round(inside / step_s).sum())
    off = np.abs(inside - np.round(inside / step_s) * step_s)
    is_near = (off <= _REGULAR_PART * step_s + 1e-9).mean() >= _REGULAR_SHARE
    if is_near and _wandering_share(inside, step_s) <= _WANDERING_SHARE:
        return step_s, True
    return float(inside.mean()), False


def _wandering_share(intervals: FloatArray, step_s: float) -> float:
    """Share of the seconds in which the clock moves against the count by more than half a sample.

    Stamps that are late now and then come back to the count; intervals that are irregular themselves walk away from it.
    """
    late = np.cumsum(intervals - np.round(intervals / step_s) * step_s)
    n = max(1, round(1.0 / step_s))
    n_seconds = len(late) // n
    if n_seconds < _FEWEST_SECONDS:
        return 0.0
    moved = np.diff(np.median(late[: n_seconds * n].reshape(n_seconds, n), axis=1))
    return float((np.abs(moved - np.median(moved)) > 0.5 * step_s).mean())


def _packet_plan(times_s: FloatArray, mean_s: float, stated_rate_hz: float | None) -> ClockPlan:
    mean_s = _packet_step(times_s, mean_s)
    step_s = mean_s
    intervals = np.diff(times_s)
    for _ in range(3):
        spread = spread_packets(times_s, step_s)
        after = np.diff(spread)
        quiet = after[(after >= -step_s) & (intervals >= 0)]
        multiples = np.round(quiet / step_s)
        step_s *= 1.0 + float((quiet - multiples * step_s).mean()) / step_s
    off = np.abs(quiet - np.maximum(multiples, 1.0) * step_s)
    if (off <= _REGULAR_PART * step_s).mean() >= _REGULAR_SHARE:
        return _plan(step_s, "counted", "spread", stated_rate_hz, len(times_s))
    wander = _wander_s(times_s, mean_s)
    mode: Mode = "counted" if wander <= 2.0 * mean_s else "interpolated"
    return _plan(mean_s, mode, "smooth", stated_rate_hz, len(times_s))


def _packet_step(times_s: FloatArray, mean_s: float) -> float:
    """Sample interval from the first stamp of a packet to that of the next: the last packet's own rows are no time."""
    begins = np.flatnonzero(np.diff(times_s, prepend=times_s[0] - mean_s) >= 0.3 * mean_s)
    between, n = np.diff(times_s[begins]), np.diff(begins)
    if not len(n):
        return mean_s
    whole = (between >= 0) & (between <= max(0.3, 3.0 * float(np.median(between))))
    return float(between[whole].sum() / n[whole].sum()) if whole.any() else mean_s


def _wander_s(times_s: FloatArray, step_s: float) -> float:
    """How far the smoothed clock leaves the row count, in seconds: half its range in the worst run."""
    cuts = np.flatnonzero((np.diff(times_s) > _PACKET_GAP_S) | (np.diff(times_s) < 0)) + 1
    wander = 0.0
    for run in np.split(times_s, cuts):
        if len(run) > 2:
            late = smoothed_times(run, step_s) - np.arange(len(run)) * step_s
            wander = max(wander, float(np.ptp(late)) / 2.0)
    return wander


def spread_packets(times_s: FloatArray, step_s: float) -> FloatArray:
    """Stamps of packets spread over their samples: the stamp is the first sample's, the others follow at `step_s`.

    Stamps nearer than 0.3 intervals belong to one packet.

    Examples
    --------
    >>> spread_packets(np.array([0.0, 0.0, 0.2, 0.2]), 0.1)
    array([0. , 0.1, 0.2, 0.3])
    """
    begins = np.concatenate([[True], np.abs(np.diff(times_s)) >= 0.3 * step_s])
    at = np.flatnonzero(begins)
    first = at[np.cumsum(begins) - 1]
    spread: FloatArray = times_s[first] + (np.arange(len(times_s)) - first) * step_s
    return spread


def smoothed_times(times_s: FloatArray, step_s: float) -> FloatArray:
    """Stamps smoothed against the row count: 0.6 s median, then 0.6 s mean of what they differ by."""
    rows = np.arange(len(times_s)) * step_s
    half = max(1, round(SMOOTHING_S / 2.0 / step_s))
    late = _moving(_moving(times_s - rows, half, np.median), half, np.mean)
    return np.maximum.accumulate(late + rows)


def _moving(values: FloatArray, half: int, of: Callable[..., FloatArray]) -> FloatArray:
    """A moving median or mean over 2 half + 1 values, the ends held."""
    padded = np.pad(values, half, mode="edge")
    return of(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=-1)
