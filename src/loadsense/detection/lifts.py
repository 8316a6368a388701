"""Sets and repetitions of lifts at the wrist, as they happen and as they were.

Theory of operation
-------------------
Every decision falls at a hop: the end of every 12th sample of a 25 Hz grid anchored at the recording's start. What is
known at a hop is the motion up to it, so the result cannot depend on how samples arrived.

1. *Idle.* The last nine seconds are searched for a period (`periodicity`). Periodic windows form a run.
2. *Attempt.* While a run is clearly periodic, its repetitions are matched (`template`) and judged (`lift_gate`).
3. *Open.* Repetitions come out as they end, provisionally. A pause of a few seconds gives the set's provisional end; a
   repetition after the pause takes the set up again.
4. *Settled.* After 12 s without a repetition the whole set is matched once more from its own best repetition; its
   count replaces the provisional one, or the set is withdrawn with the reason.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from loadsense.detection.exercise import DEFAULT_FOREARM, ForearmAxis, Name, name_set
from loadsense.detection.lift_criteria import LiftCriteria, PostureCriteria
from loadsense.detection.lift_gate import refusal, texture
from loadsense.detection.lift_grid import GRID_HZ, HOP, GridRows, WristGrid, gaussian_taps, smoothed_inside
from loadsense.detection.periodicity import NOT_PERIODIC, Periodicity, find_period
from loadsense.detection.template import Matches, Stretch, find_repetitions, no_matches, pick_peaks
from loadsense.events import Excluded, LiftSet, Repetition, Status
from loadsense.samples import Gap, SampleBlock

__all__ = ["DEFAULT_FOREARM", "ForearmAxis", "LiftCriteria", "LiftDetector", "LiftEvent", "PostureCriteria"]

LiftEvent = Repetition | LiftSet | Excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    start: int
    end: int
    period_s: float
    similarity: float


@dataclass(slots=True, kw_only=True)
class _Open:
    """A set that goes on. Grid indices."""

    set_id: str
    start: int
    period: int
    template_g: np.ndarray
    centres: list[int] = field(default_factory=list)
    refit_at: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Repetitions matched over a stretch; grid indices."""

    period: int
    matches: Matches
    start: int
    end: int
    reason: str


class LiftDetector:
    """Stage that finds lifts at the wrist.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the sample grid.
    criteria : LiftCriteria
        From `loadsense.evidence.detection_criteria.lift_criteria()`.
    forearm : ForearmAxis, optional
        How the sensor sits, where that was declared; else learned from the hanging arm, else the default.
    """

    def __init__(self, *, sampling_rate_hz: float, criteria: LiftCriteria, forearm: ForearmAxis | None = None) -> None:
        self._criteria = criteria
        self._window_rows = round(criteria.window_s * GRID_HZ)
        self._window_min_rows = round(criteria.window_min_s * GRID_HZ)
        self._forearm = forearm
        self._declared: str | None = None
        self._grid = WristGrid(sampling_rate_hz)
        self._taps = gaussian_taps(criteria.lowpass_hz)
        self._last_set_end: int | None = None
        self._waiting = False
        self._now = 0
        self._closing = False
        self._begin_context(0)
        self._holes: deque[tuple[int, int]] = deque(maxlen=64)
        self._next_sample = 0

    def declare(self, exercise: str | None) -> None:
        """Take the coach's word for what is lifted from here on: a prior for the name, never for the count."""
        self._declared = exercise

    def push(self, block: SampleBlock) -> list[LiftEvent]:
        """Take the next samples; return what has become known."""
        if self._rows.end == self._context and not self._waiting:
            self._begin_context(self._grid.row_of(block.first_sample))
        self._waiting = True
        self._take(self._grid.push(block))
        self._next_sample = block.first_sample + len(block)
        return self._advance()

    def gap(self, gap: Gap) -> list[LiftEvent]:
        """Samples are missing: bridge and mask a short hole, end the context at a long one or at a cut."""
        limit = self._criteria.hole_max_s * GRID_HZ
        self._take(self._grid.close())
        events = self._advance()
        missing_rows = self._grid.row_of(gap.n_missing)
        if 0 < missing_rows <= limit:
            self._holes.append((self._grid.row_of(gap.first_sample), missing_rows))
            return events
        events += self._end_context()
        self._grid.restart()
        self._waiting = False
        return events

    def flush(self) -> list[LiftEvent]:
        """No more samples will come; return what is left."""
        self._take(self._grid.close())
        events = self._advance()
        return events + self._end_context()

    # -- buffers ---------------------------------------------------------------------------------------------------

    def _begin_context(self, row: int) -> None:
        self._context = row
        self._rows = GridRows(row, 4)
        self._motion = GridRows(row, 3)
        self._hop_end = (row // HOP + 1) * HOP
        self._run: list[_Window] = []
        self._open: _Open | None = None
        self._search_from = row
        self._attempt_at = row
        self._attempts = 0
        self._waiting = False
        self._closing = False

    def _take(self, rows: np.ndarray) -> None:
        if not len(rows):
            return
        self._rows.append(rows)
        half = len(self._taps) - 1
        self._smooth_to(self._rows.end - half)

    def _smooth_to(self, end: int) -> None:
        """Motion up to a grid index; edges of the context repeat their last value."""
        start, half = self._motion.end, len(self._taps) - 1
        if end <= start:
            return
        low, high = max(start - half, self._context), min(end + half, self._rows.end)
        rows = self._rows.between(low, high)[:, :3]
        left, right = half - (start - low), half - (high - end)
        if left or right:
            rows = np.concatenate([np.repeat(rows[:1], left, 0), rows, np.repeat(rows[-1:], right, 0)])
        self._motion.append(smoothed_inside(rows, self._taps))

    # -- hops ------------------------------------------------------------------------------------------------------

    def _advance(self) -> list[LiftEvent]:
        events: list[LiftEvent] = []
        while self._hop_end <= self._motion.end:
            end = self._hop_end
            self._hop_end += HOP
            events += self._hop(end)
            keep = end - int(self._criteria.memory_s * GRID_HZ)
            self._rows.drop_before(keep)
            self._motion.drop_before(keep)
        return events

    def _end_context(self) -> list[LiftEvent]:
        """What is left when no more samples continue the context."""
        self._smooth_to(self._rows.end)
        events = self._advance()
        end = self._now = self._motion.end
        self._closing = True
        if self._open is None and not self._run and 4 * GRID_HZ <= end - self._context < self._window_min_rows:
            self._extend_run(self._window(self._context, end), end)
        if self._open is None and self._run:
            events += self._try_open(end, final=True)
        if self._open is not None:
            events += self._settle(self._open, end)
        self._begin_context(end)
        return events

    def _hop(self, end: int) -> list[LiftEvent]:
        self._now = end
        start = max(end - self._window_rows, self._search_from)
        events: list[LiftEvent] = []
        if self._open is not None:
            events += self._follow(self._open, end)
        if self._open is None and end - start >= self._window_min_rows:
            events += self._extend_run(self._window(start, end), end)
        return events

    def _window(self, start: int, end: int) -> _Window:
        criteria = self._criteria
        motion = self._motion.between(start, end)
        centred = motion - motion.mean(axis=0)
        rms = float(np.sqrt((centred * centred).sum(axis=1).mean()))
        found: Periodicity = NOT_PERIODIC
        if rms >= criteria.window_rms_g:
            found = find_period(motion, GRID_HZ, criteria)
        return _Window(start=start, end=end, period_s=found.period_s, similarity=found.similarity)

    def _extend_run(self, window: _Window, end: int) -> list[LiftEvent]:
        criteria, events = self._criteria, []
        if window.period_s > 0 and window.similarity >= criteria.periodic:
            self._run.append(window)
            if end >= self._attempt_at and self._is_clear():
                events += self._try_open(end, final=False)
        elif self._run and end - self._run[-1].end >= criteria.hole_max_s * GRID_HZ:
            events += self._try_open(end, final=True)
        return events

    def _is_clear(self) -> bool:
        return max(window.similarity for window in self._run) >= self._criteria.clearly_periodic

    # -- sets ------------------------------------------------------------------------------------------------------

    def _try_open(self, end: int, *, final: bool) -> list[LiftEvent]:
        """Match the run; open a set where it is one."""
        if not self._is_clear():
            if final:
                self._forget_run()
            return []
        period = _median_period(self._run)
        start = max(
            self._search_from, self._rows.first, self._run[0].start - int(self._criteria.margin_periods * period)
        )
        fit = self._fit(start, end, period)
        if fit.reason:
            self._attempts += 1
            self._attempt_at = end + HOP * min(2**self._attempts, 16)
            if not final:
                return []
            self._forget_run()
            return self._exclude(fit)
        first = int(fit.matches.centres[0]) - period // 2
        sample = self._grid.sample_of(max(first, self._context))
        opened = self._open = _Open(
            set_id=f"set-{sample}",
            start=start,
            period=period,
            template_g=fit.matches.template_g,
            refit_at=end + 4 * HOP,
        )
        return self._announce(opened, fit.matches.centres.tolist())

    def _forget_run(self) -> None:
        self._run, self._attempts = [], 0

    def _exclude(self, fit: _Fit) -> list[LiftEvent]:
        if len(fit.matches.centres) < self._criteria.repetitions_min:
            return []
        middle = int(fit.matches.centres[len(fit.matches.centres) // 2])
        return [Excluded(kind="set", peak_sample=self._grid.sample_of(middle), reason=fit.reason)]

    def _fit(self, start: int, end: int, period: int) -> _Fit:
        """Match the stretch [start, end) and judge it; centres become grid indices."""
        rows = self._rows.between(start, end)
        motion = self._motion.between(start, end)
        if end - start < 2 * period:
            return _Fit(period=period, matches=no_matches(), start=start, end=end, reason="too few repetitions")
        found = find_repetitions(motion, rows[:, 3], period, self._criteria)
        matches = Matches(found.centres + start, found.similarity, found.scale, found.template_g)
        if len(found.centres) < 3:
            return _Fit(period=period, matches=matches, start=start, end=end, reason="too few repetitions")
        low = max(0, int(found.centres[0]) - period // 2)
        high = min(len(rows), int(found.centres[-1]) + period // 2 + 1)
        reason = refusal(found, period / GRID_HZ, texture(rows[low:high, :3]), self._criteria)
        return _Fit(period=period, matches=matches, start=start, end=end, reason=reason)

    def _announce(self, opened: _Open, centres: list[int]) -> list[LiftEvent]:
        """Provisional repetitions that were not announced yet."""
        fresh = [c for c in centres if not opened.centres or c > opened.centres[-1] + 0.6 * opened.period]
        opened.centres += fresh
        if fresh:
            opened.ended = False
        return [self._repetition(opened.set_id, c, opened.period, Status.PROVISIONAL) for c in fresh]

    def _repetition(
        self, set_id: str, centre: int, period: int, status: Status, exercise: str = "unknown"
    ) -> Repetition:
        start = max(centre - period // 2, self._context)
        end = min(start + period, max(self._now, start + 1))
        sample_of = self._grid.sample_of
        return Repetition(
            set_id=set_id, start_sample=sample_of(start), end_sample=sample_of(end), exercise=exercise, status=status
        )

    def _follow(self, opened: _Open, end: int) -> list[LiftEvent]:
        """A set is open: new repetitions, its provisional end, its settling."""
        criteria = self._criteria
        events: list[LiftEvent] = []
        reach = round(opened.period * 0.625) + 1
        start = max(opened.centres[-1] - opened.period, opened.start)
        stretch = Stretch(self._motion.between(start, end), self._rows.between(start, end)[:, 3], opened.period)
        trace = stretch.trace(opened.template_g, criteria.scales, criteria)
        peaks = pick_peaks(trace.similarity, criteria.spacing_periods * opened.period, criteria.match)
        centres = [int(p) - stretch.pad + start for p in peaks]
        events += self._announce(opened, [c for c in centres if c + reach <= end])
        still = (end - opened.centres[-1] - opened.period / 2) / GRID_HZ
        too_long = end - opened.start >= (criteria.memory_s - 30) * GRID_HZ
        if still >= criteria.set_end_s or too_long:
            events += self._settle(opened, end)
        elif not opened.ended and still >= criteria.provisional_end_s:
            opened.ended = True
            events += self._provisional_end(opened, end)
        return events

    def _provisional_end(self, opened: _Open, end: int) -> list[LiftEvent]:
        fit = self._fit(opened.start, end, opened.period)
        return [] if fit.reason else [self._lift_set(opened, fit, Status.PROVISIONAL, end)]

    def _settle(self, opened: _Open, end: int) -> list[LiftEvent]:
        fit = self._fit(opened.start, end, opened.period)
        events: list[LiftEvent] = []
        if fit.reason:
            first, last = opened.centres[0], opened.centres[-1]
            events.append(
                LiftSet(
                    set_id=opened.set_id,
                    status=Status.WITHDRAWN,
                    start_sample=self._grid.sample_of(first),
                    end_sample=self._grid.sample_of(last),
                    repetitions=(),
                    notes=(fit.reason,),
                )
            )
            events += self._exclude(fit)
            self._search_from = opened.centres[-1] + opened.period // 2
        else:
            lift_set = self._lift_set(opened, fit, Status.SETTLED, end)
            events.append(lift_set)
            self._last_set_end = lift_set.end_sample
            self._search_from = int(fit.matches.centres[-1]) + opened.period // 2
        self._open = None
        self._forget_run()
        self._attempt_at = self._search_from
        return events

    def _lift_set(self, opened: _Open, fit: _Fit, status: Status, end: int) -> LiftSet:
        centres = fit.matches.centres.tolist()
        name = self._name(fit)
        repetitions = tuple(self._repetition(opened.set_id, c, fit.period, status, name.exercise) for c in centres)
        first, last = repetitions[0].start_sample, repetitions[-1].end_sample
        notes = list(name.notes)
        low, high = centres[0] - fit.period // 2, centres[-1] + fit.period // 2
        holes = [n for at, n in self._holes if at + n > low and at < high]
        notes += [f"hole of {n / GRID_HZ:.1f} s" for n in holes]
        cut = low - self._context < fit.period // 4 or (self._closing and end - high < fit.period // 4)
        rest = None if self._last_set_end is None else (first - self._last_set_end) / self._grid.rate_hz
        return LiftSet(
            set_id=opened.set_id,
            status=status,
            start_sample=first,
            end_sample=last,
            repetitions=repetitions,
            exercise=name.exercise,
            exercise_confidence=name.confidence,
            exercise_source=name.source,
            repetitions_are_at_least=bool(holes) or cut,
            rest_before_s=rest,
            seconds_per_repetition=float(np.median(np.diff(centres))) / GRID_HZ,
            notes=tuple(notes),
        )

    def _name(self, fit: _Fit) -> Name:
        centres = fit.matches.centres
        low, high = int(centres[0]) - fit.period // 2, int(centres[-1]) + fit.period // 2 + 1
        rows = self._rows.between(max(low, self._rows.first), min(high, self._rows.end))
        rows = rows[rows[:, 3] > 0, :3]
        return name_set(rows, fit.period / GRID_HZ, self._forearm or DEFAULT_FOREARM, self._declared, self._criteria)


def _median_period(run: list[_Window]) -> int:
    """Median period of the windows of a run, weighted by their similarity; grid samples."""
    periods = np.array([window.period_s for window in run])
    weights = np.array([window.similarity for window in run])
    order = np.argsort(periods, kind="stable")
    share = np.cumsum(weights[order])
    return round(float(periods[order][np.searchsorted(share, share[-1] / 2)]) * GRID_HZ)
