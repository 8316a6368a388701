"""What the wearer is doing: walking, running, jumping, stairs, still or other, for every two seconds.

Each stretch of 2 s, aligned to the start of the recording, is judged by the 4 s around it on |a| at 33 Hz: how much it
moves, how strongly it repeats at a step's and at a stride's lag, how long it is nearly in free fall, and whether every
impact comes through both legs alike. What is not clear is `unknown`: force equations are then left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.detection.history import GRID_HZ, History, magnitude
from loadsense.detection.rhythm import autocorrelations, likeness
from loadsense.events import Activity, ActivityStretch
from loadsense.placement import CAPABILITIES, Placement
from loadsense.samples import BoolArray, FloatArray, Gap, IntArray, SampleBlock
from loadsense.stretch_table import StretchTable

#: Grid samples in a stretch, and on either side of it in the window that it is judged by.
_HOP: Final = 200
_MARGIN: Final = 100
#: Rows taken into the history at a time.
_PIECE: Final = 16_384
#: Grid samples that are averaged before rhythms are looked for, and the lags in such averages: 0.24 to 1.6 s.
_SLOWER: Final = 3
_LAGS: Final[IntArray] = np.arange(8, 54)
#: Up to this lag a step, beyond it a stride: 0.7 s.
_LONGEST_STEP: Final = 70 // _SLOWER


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityCriteria:
    """Thresholds of the activities; see `evidence/detection/activity.toml`.

    Attributes
    ----------
    still_below_g, moving_from_g : float
        Standard deviation of |a|: below the first is still, from the second on it may be gait.
    vigorous_from_g, violent_from_g, flight_share : float
        Running or jumping: standard deviation of |a| from the first on with at least this share of time below 0.5 g, or
        from the second on.
    rhythm, walking_rhythm : float
        Least autocorrelation of |a| at a step's or a stride's lag.
    running_from_g, running_high_g : float
        Least standard deviation and least 95 % quantile of |a| in running.
    longest_running_step_s : float
        Longest step of running without flights in |a|, as an ankle or a wrist shows it.
    jumping_alike, jumping_rhythm, jumping_flight_share : float
        Continuous jumping: least correlation of all axes one step later, step rhythm, and share of time below 0.5 g.
    jumping_from, running_to : float
        Flight share + (alike - jumping_alike) / 2: jumping from the first on, running below the second, between them
        it is not clear.
    jump_peak_g, jump_calm_share : float
        Single jumps: least peak, RAW g, and least share of time within 0.15 g of 1 g.
    shortest_walking_step_s : float
        Least step time of walking.
    stairs_step_rhythm, stairs_from_g : float
        On the trunk a stride rhythm without this much step rhythm is stairs, from this standard deviation on.
    gap_kept_s : float
        A longer gap begins a new stretch.
    """

    still_below_g: float
    moving_from_g: float
    vigorous_from_g: float
    violent_from_g: float
    flight_share: float
    rhythm: float
    walking_rhythm: float
    running_from_g: float
    running_high_g: float
    longest_running_step_s: float
    jumping_alike: float
    jumping_rhythm: float
    jumping_flight_share: float
    jumping_from: float
    running_to: float
    jump_peak_g: float
    jump_calm_share: float
    shortest_walking_step_s: float
    stairs_step_rhythm: float
    stairs_from_g: float
    gap_kept_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What is known of four seconds.

    Attributes
    ----------
    deviation_g, high_g, peak_g : float
        Standard deviation, 95 % quantile and maximum of |a|.
    flight_share, calm_share : float
        Shares of time below 0.5 g, and within 0.15 g of 1 g.
    step_s, step_rhythm, stride_rhythm : float
        Dominant step time (0 where none), and the autocorrelation at it and at the dominant stride time.
    alike : float
        Correlation of the three axes one step later.
    """

    deviation_g: float
    high_g: float
    peak_g: float
    flight_share: float
    calm_share: float
    step_s: float
    step_rhythm: float
    stride_rhythm: float
    alike: float


class ActivityClassifier:
    """Stage: samples in, a stretch of activity for every two seconds out.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    placement : Placement
        Where the sensor is worn: stairs are told on the trunk alone, single jumps not at the wrist.
    criteria : ActivityCriteria
        Thresholds.
    """

    def __init__(self, *, sampling_rate_hz: float, placement: Placement, criteria: ActivityCriteria) -> None:
        self._criteria = criteria
        self._placement = placement
        self._history = History(sampling_rate_hz, (_HOP + 2 * _MARGIN) / GRID_HZ + 0.5)
        self._gap_kept = math.floor(criteria.gap_kept_s * sampling_rate_hz)
        self._held: list[SampleBlock] = []
        self._held_end = self._due = 0
        self._restart(0)

    def push(self, block: SampleBlock) -> Sequence[ActivityStretch]:
        """Take the next samples; return the stretches that have become known, a second after their end."""
        if not len(block):
            return ()
        out = StretchTable([], [], [])
        if self._held and block.first_sample != self._held_end:
            self._take(out)
        history = self._history
        if not self._held and (block.first_sample - history.end > self._gap_kept or history.end == history.start):
            self._end(out)
            self._restart(block.first_sample)
        self._held.append(block)
        self._held_end = block.first_sample + len(block)
        if self._held_end >= self._due:
            self._take(out)
        return out

    def _take(self, out: StretchTable) -> None:
        """Take the samples that wait into the history: ten by ten the calls would cost more than the samples."""
        held, self._held = self._held, []
        if not held:
            return
        accel_g = held[0].accel_g if len(held) == 1 else np.concatenate([block.accel_g for block in held])
        for first in range(0, len(accel_g), _PIECE):
            piece = SampleBlock(held[0].first_sample + first, accel_g[first : first + _PIECE])
            self._history.append(piece, cut=False)
            self._complete(out)
        self._due = math.floor(((self._hop + 1) * _HOP + _MARGIN - 1) * self._history.ratio)

    def gap(self, gap: Gap) -> Sequence[ActivityStretch]:
        """Samples are missing: a long gap ends the stretch."""
        return self.flush() if gap.n_missing > self._gap_kept else ()

    def flush(self) -> Sequence[ActivityStretch]:
        """No more samples: the last stretches, by what is there."""
        out = StretchTable([], [], [])
        self._end(out)
        return out

    def _end(self, out: StretchTable) -> None:
        self._take(out)
        while self._history.grid_end > max(self._hop * _HOP, self._history.grid_start):
            self._stretch(min((self._hop + 1) * _HOP, self._history.grid_end), out)
        self._restart(self._history.end)

    def _restart(self, first_sample: int) -> None:
        self._history.restart(first_sample)
        self._hop = self._history.grid_start // _HOP
        self._held = []
        self._held_end = self._due = first_sample

    def _complete(self, out: StretchTable) -> None:
        """Judge the hops whose windows are complete, all at once."""
        history, first_hop = self._history, self._hop
        end_hop = (history.grid_complete - _MARGIN) // _HOP
        if end_hop <= first_hop:
            return
        starts = np.arange(first_hop, end_hop) * _HOP
        low = max(history.grid_start, first_hop * _HOP - _MARGIN)
        rows, recorded = history.grid(low, end_hop * _HOP + _MARGIN)
        edges = np.stack((np.maximum(starts - _MARGIN, low), starts + (_HOP + _MARGIN)), axis=1) - low
        self._hop = end_hop
        natives = history.first_natives(np.arange(first_hop, end_hop + 1) * _HOP)
        if starts[0] <= history.grid_start:
            natives[0] = history.start
        out.starts += natives[:-1]
        out.ends += natives[1:]
        out.activities += self._activities(rows, recorded, edges)

    def _stretch(self, end: int, out: StretchTable) -> None:
        """Judge the stretch of the current hop that ends at a grid index."""
        history = self._history
        first = max(self._hop * _HOP, history.grid_start)
        low = max(history.grid_start, self._hop * _HOP - _MARGIN)
        rows, recorded = history.grid(low, min(history.grid_end, (self._hop + 1) * _HOP + _MARGIN))
        self._hop += 1
        is_first, is_last = first == history.grid_start, end == history.grid_end
        out.starts.append(history.start if is_first else history.first_native(first))
        out.ends.append(history.end if is_last else history.first_native(end))
        out.activities += self._activities(rows, recorded, np.array([[0, len(rows)]]))

    def _activities(self, rows: FloatArray, recorded: BoolArray, edges: IntArray) -> list[Activity]:
        """Name what happens in windows given by their edges (k, 2); unknown where too little was recorded."""
        if not recorded.all():
            counts = np.concatenate(([0], np.cumsum(recorded)))[edges]
            known = 2 * (counts[:, 1] - counts[:, 0]) > _HOP
        else:
            known = 2 * (edges[:, 1] - edges[:, 0]) > _HOP
        found = iter(self._named(rows, edges[known]))
        return [next(found) if is_known else Activity.UNKNOWN for is_known in known.tolist()]

    def _named(self, rows: FloatArray, edges: IntArray) -> list[Activity]:
        criteria, placement = self._criteria, self._placement
        found = movements(rows, edges, criteria.still_below_g)
        return [Activity.STILL if one is None else classify(one, criteria, placement) for one in found]


def movements(rows: FloatArray, edges: IntArray, still_below_g: float) -> list[Movement | None]:
    """Measure windows of rows (n, 3), RAW g at 100 Hz, given by their edges (k, 2); None for those that are still."""
    loops = kernels.compiled()
    if loops is not None:
        table = loops.movements(rows, edges, _LAGS, _LONGEST_STEP, still_below_g)
        moving = np.flatnonzero(table[:, 0] >= still_below_g)
        found: list[Movement | None] = [None] * len(table)
        for at, row in zip(moving.tolist(), table[moving].tolist(), strict=True):
            found[at] = _movement(row)
        return found
    windows = [rows[first:end] for first, end in edges.tolist()]
    sizes = [magnitude(window) for window in windows]
    return [
        movement(window, g) if float(g.std()) >= still_below_g else None
        for window, g in zip(windows, sizes, strict=True)
    ]


def _movement(row: Sequence[float]) -> Movement:
    """A row of `kernels.movements`."""
    deviation_g, high_g, peak_g, flight_share, calm_share, step, step_rhythm, stride_rhythm, alike = row
    return Movement(
        deviation_g=deviation_g,
        high_g=high_g,
        peak_g=peak_g,
        flight_share=flight_share,
        calm_share=calm_share,
        step_s=_SLOWER * int(step) / GRID_HZ,
        step_rhythm=step_rhythm,
        stride_rhythm=stride_rhythm,
        alike=alike,
    )


def movement(rows: FloatArray, g: FloatArray) -> Movement:
    """Measure four seconds (or less) of rows (n, 3), RAW g at 100 Hz, and their |a|."""
    slow = np.minimum(_slower(g), 4.0)
    lags = _LAGS[: max(0, len(slow) - 20 - int(_LAGS[0]))]
    r = autocorrelations(slow, lags) if len(lags) > 2 else np.zeros(len(lags))
    step, step_rhythm = _highest(r, lags, lags <= _LONGEST_STEP)
    _, stride_rhythm = _highest(r, lags, lags > _LONGEST_STEP)
    return Movement(
        deviation_g=float(g.std()),
        high_g=float(np.sort(g)[int(0.95 * len(g))]),
        peak_g=float(g.max()),
        flight_share=float((g < 0.5).sum()) / len(g),
        calm_share=float((np.abs(g - 1.0) < 0.15).sum()) / len(g),
        step_s=_SLOWER * step / GRID_HZ,
        step_rhythm=step_rhythm,
        stride_rhythm=stride_rhythm,
        alike=likeness(np.clip(_slower(rows), -4.0, 4.0), step) if step else 0.0,
    )


def _slower(values: FloatArray) -> FloatArray:
    """Means of three samples each, what is left over dropped."""
    end = len(values) // _SLOWER * _SLOWER
    total: FloatArray = values[0:end:_SLOWER] + values[1:end:_SLOWER] + values[2:end:_SLOWER]
    return total / _SLOWER


def _highest(r: FloatArray, lags: IntArray, where: BoolArray) -> tuple[int, float]:
    """Lag and height of the highest local maximum among some lags; 0 and 0 where there is none."""
    is_peak = np.zeros(len(r), dtype=np.bool_)
    is_peak[1:-1] = (r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])
    peaks = np.flatnonzero(is_peak & where)
    if not len(peaks):
        return 0, 0.0
    best = peaks[np.argmax(r[peaks])]
    return int(lags[best]), float(r[best])


def classify(found: Movement, criteria: ActivityCriteria, placement: Placement) -> Activity:
    """Name the activity of a movement felt at a placement."""
    if found.deviation_g < criteria.still_below_g:
        return Activity.STILL
    is_flying = found.flight_share >= criteria.flight_share
    if found.deviation_g >= criteria.violent_from_g or (found.deviation_g >= criteria.vigorous_from_g and is_flying):
        if max(found.step_rhythm, found.stride_rhythm) < criteria.rhythm:
            return _single(found, criteria, placement)
        return _train(found, criteria) if is_flying else _swung(found, criteria, placement)
    return _gait(found, criteria, placement)


def _single(found: Movement, criteria: ActivityCriteria, placement: Placement) -> Activity:
    """A jump from standing, or anything else that is vigorous and has no rhythm."""
    is_jump = found.peak_g >= criteria.jump_peak_g and found.flight_share >= criteria.flight_share
    is_calm = found.calm_share >= criteria.jump_calm_share
    return Activity.JUMPING if is_jump and is_calm and placement is not Placement.WRIST else Activity.OTHER


def _train(found: Movement, criteria: ActivityCriteria) -> Activity:
    """Flights with a rhythm: running, jumping, or not clear."""
    is_alike = found.alike >= criteria.jumping_alike and found.step_rhythm >= criteria.jumping_rhythm
    if is_alike and found.flight_share >= criteria.jumping_flight_share:
        points = found.flight_share + (found.alike - criteria.jumping_alike) / 2.0
        if points >= criteria.running_to:
            return Activity.JUMPING if points >= criteria.jumping_from else Activity.UNKNOWN
    is_run = found.deviation_g >= criteria.running_from_g and found.high_g >= criteria.running_high_g
    return Activity.RUNNING if is_run else Activity.UNKNOWN


def _swung(found: Movement, criteria: ActivityCriteria, placement: Placement) -> Activity:
    """Violent and rhythmic without flights: a limb in running, or not clear."""
    is_loose = placement in (Placement.HAND, Placement.BAG, Placement.UNKNOWN)
    is_run = 0.0 < found.step_s <= criteria.longest_running_step_s
    return Activity.RUNNING if is_run and not is_loose else Activity.UNKNOWN


def _gait(found: Movement, criteria: ActivityCriteria, placement: Placement) -> Activity:
    """Walking, stairs, or anything else that is not vigorous."""
    is_step = found.step_rhythm >= criteria.walking_rhythm and found.step_s >= criteria.shortest_walking_step_s
    is_stride = found.stride_rhythm >= criteria.walking_rhythm
    if found.deviation_g < criteria.moving_from_g or not (is_step or is_stride):
        return Activity.OTHER
    if found.deviation_g >= criteria.vigorous_from_g:
        return Activity.UNKNOWN
    is_uneven = found.step_rhythm < criteria.stairs_step_rhythm and found.deviation_g >= criteria.stairs_from_g
    is_trunk = CAPABILITIES[placement].landing_method == "trunk"
    return Activity.STAIRS if is_trunk and is_uneven else Activity.WALKING
