"""Sets and repetitions of lifts at the wrist, as they happen and as they were.

Theory of operation
-------------------
Every decision falls at a hop: the end of every 12th sample of a 25 Hz grid anchored at the recording's start. What is
known at a hop is the motion up to it, so the result cannot depend on how samples arrived.

1. *Idle.* Hops with enough sustained motion have their last nine seconds searched for a period (`periodicity`);
   periodic windows form a run. Heavy repetitions with pauses have no period: three like bouts of motion stand for it.
2. *Attempt.* The repetitions of a clear run are matched (`template`) and judged (`lift_gate`).
3. *Open.* Repetitions come out as they end, provisionally. A pause of a few seconds gives the set's provisional end; a
   repetition after the pause takes the set up again.
4. *Settled.* After 12 s without a repetition the whole set is matched once more from its own best repetition; its
   count replaces the provisional one, or the set is withdrawn with the reason.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from loadsense.detection.exercise import DEFAULT_FOREARM, ForearmAxis, HangingArm, Name, name_set
from loadsense.detection.lift_context import Context, Window, median_period
from loadsense.detection.lift_criteria import LiftCriteria, PostureCriteria
from loadsense.detection.lift_fit import Fit, fit_set
from loadsense.detection.lift_gate import texture
from loadsense.detection.lift_grid import GRID_HZ, HOP, WristGrid
from loadsense.detection.periodicity import NOT_PERIODIC, Periodicity, find_period
from loadsense.detection.splices import RawTail, Splices
from loadsense.detection.template import Stretch, no_matches, pick_peaks
from loadsense.events import Excluded, LiftSet, Repetition, Status
from loadsense.samples import FloatArray, Gap, SampleBlock

__all__ = ["DEFAULT_FOREARM", "ForearmAxis", "LiftCriteria", "LiftDetector", "LiftEvent", "PostureCriteria"]

#: Hops taken together while the wrist rests.
_CALM_HOPS = 4
#: Hops between two attempts at a run that is no set yet, at most: a repetition should be told within 3 s of its end.
_LONGEST_WAIT_HOPS = 4

LiftEvent = Repetition | LiftSet | Excluded


@dataclass(slots=True, kw_only=True)
class _Open:
    """A set that goes on. Grid indices."""

    set_id: str
    start: int
    period: int
    template_g: FloatArray
    exercise: str
    centres: list[int] = field(default_factory=list)
    refit_count: int = 5
    refit_at: int = 0
    ended: bool = False


class LiftDetector:
    """Stage that finds lifts at the wrist.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the sample grid.
    criteria : LiftCriteria
        From `loadsense.evidence.detection_criteria.lift_criteria()`.
    forearm : ForearmAxis, optional
        How the sensor sits, where that was declared; else it is learned from the hanging arm, else assumed.
    """

    def __init__(self, *, sampling_rate_hz: float, criteria: LiftCriteria, forearm: ForearmAxis | None = None) -> None:
        self._criteria = criteria
        self._window_rows = round(criteria.window_s * GRID_HZ)
        self._window_min_rows = round(criteria.window_min_s * GRID_HZ)
        self._memory_rows = round(criteria.memory_s * GRID_HZ)
        self._forearm = forearm
        self._hanging = HangingArm(criteria)
        self._declared: list[tuple[int, str | None]] = []
        self._grid = WristGrid(sampling_rate_hz)
        self._raw = RawTail(sampling_rate_hz)
        self._holes: deque[tuple[int, int]] = deque(maxlen=64)
        self._last_set_end: int | None = None
        self._waiting: list[FloatArray] = []
        self._needed = 0
        self._now = 0
        self._open: _Open | None = None
        self._context: Context | None = None

    def declare(self, exercise: str | None, *, first_sample: int = 0) -> None:
        """Take the coach's word for what is lifted from a sample on: a prior for the name, never for the count."""
        self._declared.append((first_sample, exercise))

    def _declared_for(self, fit: Fit) -> str | None:
        """What was declared in the middle of a set: the word for the next one may come before this one settles."""
        middle = self._grid.sample_of((fit.first + fit.last) // 2)
        return next((exercise for first, exercise in reversed(self._declared) if first <= middle), None)

    @property
    def forearm(self) -> ForearmAxis:
        """How the sensor is taken to sit: declared, learned from the hanging arm, or assumed."""
        return self._forearm or self._hanging.axis or DEFAULT_FOREARM

    def push(self, block: SampleBlock) -> list[LiftEvent]:
        """Take the next samples; return what has become known."""
        if not len(block):
            return []
        context = self._context or Context(self._grid.row_of(block.first_sample), self._criteria)
        self._context = context
        self._raw.push(block)
        self._waiting.append(block.accel_g)
        if block.first_sample + len(block) < self._needed:
            return []
        self._take_waiting(context)
        events = self._advance(context)
        calm = self._open is None and not context.run
        hops = _CALM_HOPS if calm and not context.hops.is_moving(context.hops.end - 1) else 1
        self._needed = self._grid.samples_needed((context.hops.end + hops) * HOP + context.ahead)
        return events

    def gap(self, gap: Gap) -> list[LiftEvent]:
        """Samples are missing: bridge and mask a short hole, end the context at a long one or at a cut."""
        context = self._context
        if context is None:
            return []
        self._take_waiting(context)
        context.take(self._grid.close())
        events = self._advance(context)
        if 0 < gap.n_missing <= self._criteria.hole_max_s * self._grid.rate_hz:
            self._holes.append((gap.first_sample, gap.n_missing))
            return events
        events += self._end(context, to_end=False)
        self._grid.restart()
        self._raw.clear()
        return events

    def flush(self) -> list[LiftEvent]:
        """No more samples will come; return what is left."""
        context = self._context
        if context is None:
            return []
        self._take_waiting(context)
        context.take(self._grid.close())
        return self._advance(context) + self._end(context, to_end=True)

    def _take_waiting(self, context: Context) -> None:
        """Samples that came since the last hop: one look at them costs less than one at every block."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            context.take(self._grid.push(SampleBlock(self._raw.end - len(joined), joined)))
        self._needed = 0

    def _advance(self, context: Context) -> list[LiftEvent]:
        events: list[LiftEvent] = []
        while context.looks:
            first, looks = context.looks.popleft()
            busy = context.bouts.busy(looks, context.hops, first)
            for hop in range(first, first + len(looks)):
                if busy[hop - first] or context.run or self._open is not None:
                    self._now = (hop + 1) * HOP
                    events += self._hop(context, hop, look=bool(looks[hop - first]))
        keep = context.drop_before(context.hops.end * HOP - self._memory_rows)
        self._raw.drop_before(self._grid.sample_of(keep) - HOP)
        return events

    def _oldest(self, context: Context) -> int:
        """Oldest grid index that is sure to be remembered now, however the samples came."""
        return max(context.first, self._now - self._memory_rows + HOP)

    def _end(self, context: Context, *, to_end: bool) -> list[LiftEvent]:
        """What is left when no more samples continue the context."""
        context.finish()
        events = self._advance(context)
        end = self._now = context.motion.end
        context.closing = True
        if self._open is None and not context.run and 4 * GRID_HZ <= end - context.first < self._window_min_rows:
            events += self._extend_run(context, self._window(context, context.first, end))
        if self._open is None and context.run:
            events += self._try_run(context, final=True)
        while self._open is not None:
            events += self._settle(context, self._open)
        if not context.n_sets and to_end:
            events += self._damage(context)
        self._context = None
        return events

    def _hop(self, context: Context, hop: int, *, look: bool) -> list[LiftEvent]:
        events: list[LiftEvent] = []
        if self._open is not None:
            events += self._follow(context, self._open)
        if self._open is not None:
            return events
        start = max(self._now - self._window_rows, context.search_from)
        if (look or context.run) and self._now - start >= self._window_min_rows:
            events += self._extend_run(context, self._window(context, start, self._now))
        bouts = context.bouts.step(context.hops, hop)
        if bouts and self._open is None and not context.run:
            events += self._try_bouts(context, bouts)
        return events

    def _window(self, context: Context, start: int, end: int) -> Window:
        criteria = self._criteria
        motion = context.motion.between(start, end)
        centred = motion - motion.mean(axis=0)
        found: Periodicity = NOT_PERIODIC
        if float(np.sqrt((centred * centred).sum(axis=1).mean())) >= criteria.window_rms_g:
            shortest = criteria.period_min_s
            if context.run:
                shortest = min(shortest, criteria.running_period_share * median_period(context.run) / GRID_HZ)
            found = find_period(motion, GRID_HZ, criteria, shortest)
            if self._hanging.is_due(end):
                self._hanging.see(context.rows.between(start, end), end)
        return Window(start=start, end=end, period_s=found.period_s, similarity=found.similarity)

    def _extend_run(self, context: Context, window: Window) -> list[LiftEvent]:
        criteria = self._criteria
        if window.period_s > 0 and window.similarity >= criteria.periodic:
            context.run.append(window)
            return self._try_run(context, final=False) if window.end >= context.attempt_at else []
        if context.run and window.end - context.run[-1].end >= criteria.hole_max_s * GRID_HZ:
            return self._try_run(context, final=True)
        return []

    # -- opening ---------------------------------------------------------------------------------------------------

    def _try_run(self, context: Context, *, final: bool) -> list[LiftEvent]:
        """Match the run; open a set where it is one. A run that has ended without a set is excluded."""
        run, criteria = context.run, self._criteria
        long = len(run) >= criteria.run_windows_min or context.closing
        if not long or max(window.similarity for window in run) < criteria.clearly_periodic:
            context.run = [] if final else run
            return []
        period = median_period(run)
        start = max(context.search_from, self._oldest(context), run[0].start - int(criteria.margin_periods * period))
        if (reason := self._plainly_not(context, run[-1])) and not final:
            fit = Fit(period=period, matches=no_matches(), reason=reason)
        else:
            fit = self._fit(context, start, period, final=final)
        if self._opens(fit):
            return self._open_set(context, fit, start)
        wait = 2 if fit.reason == "too few repetitions" else min(2 ** (context.attempts + 1), _LONGEST_WAIT_HOPS)
        context.attempts += 1
        context.attempt_at = self._now + wait * HOP
        if not final:
            return []
        context.run, context.attempts = [], 0
        return self._exclude(fit)

    def _plainly_not(self, context: Context, newest: Window) -> str:
        """Why the newest window is plainly no lift, or nothing; the steps to the bar before it do not speak."""
        feel, criteria = texture(context.rows.between(newest.start, self._now)[:, :3]), self._criteria
        if feel.shake_to_motion > criteria.plainly * criteria.shake_to_motion:
            return "shaking"
        return "steps" if feel.step_rhythm > criteria.plainly * criteria.step_rhythm else ""

    def _try_bouts(self, context: Context, bouts: tuple[int, int]) -> list[LiftEvent]:
        """Like bouts between pauses: open a set on them."""
        start, period = max(bouts[0], context.search_from, self._oldest(context)), bouts[1]
        if not self._is_alike(context, start, period):
            return []
        fit = self._fit(context, start, period)
        typical = float(fit.matches.similarity.mean()) if len(fit.matches.centres) >= 3 else 0.0
        if typical < self._criteria.paused_match or not self._opens(fit):
            return []
        return self._open_set(context, fit, start)

    def _is_alike(self, context: Context, start: int, period: int) -> bool:
        """Whether the last bout looks like two others before it: cheap, and mostly not."""
        criteria = self._criteria
        rows, motion = context.rows.between(start, self._now), context.motion.between(start, self._now)
        stretch = Stretch(motion, rows[:, 3], period)
        if len(motion) < 3 * period:
            return False
        trace = stretch.trace(motion[-period - HOP : -HOP], (1.0,), criteria)
        peaks = pick_peaks(trace.similarity, criteria.spacing_periods * period, criteria.pause_match)
        return len(peaks) >= 3

    def _opens(self, fit: Fit) -> bool:
        """Whether a fit is enough to go live: a set, or three very like repetitions that may become one."""
        few = fit.reason == "too few repetitions" and len(fit.matches.centres) >= 3
        return not fit.reason or (few and float(fit.matches.similarity.mean()) >= self._criteria.live_match)

    def _open_set(self, context: Context, fit: Fit, start: int) -> list[LiftEvent]:
        sample = self._grid.sample_of(max(fit.first, context.first))
        opened = _Open(
            set_id=f"set-{sample}",
            start=start,
            period=fit.period,
            template_g=fit.matches.template_g,
            exercise=self._declared_for(fit) or "unknown",
        )
        self._open = opened
        context.run, context.attempts = [], 0
        whole = fit.matches.centres[fit.matches.centres + fit.period // 2 <= self._now]
        return self._announce(context, opened, whole.tolist())

    def _fit(self, context: Context, start: int, period: int, *, final: bool = False) -> Fit:
        """Match what is known from a grid index on and judge it."""
        rows = context.rows.between(start, self._now)
        motion = context.motion.between(start, self._now)
        fit = fit_set(rows, motion, (start, period), self._criteria)
        spoilt = final and fit.reason in ("not alike", "irregular") and len(fit.matches.centres) >= 3
        if spoilt and self._splices(context, fit):
            return replace(fit, reason="")
        return fit

    # -- following -------------------------------------------------------------------------------------------------

    def _follow(self, context: Context, opened: _Open) -> list[LiftEvent]:
        """A set is open: new repetitions, its provisional end, its settling."""
        criteria = self._criteria
        events = self._announce(context, opened, self._matched(context, opened))
        if len(opened.centres) >= opened.refit_count:
            opened.refit_count = round(1.5 * opened.refit_count)
            events += self._refit(context, opened)
        still_s = (self._now - opened.centres[-1] - opened.period / 2) / GRID_HZ
        too_long = self._now - opened.start >= self._memory_rows - 30 * GRID_HZ
        if too_long or (still_s >= criteria.set_end_s and not self._is_under_way(context, opened, still_s)):
            return events + self._settle(context, opened)
        if not opened.ended and still_s >= criteria.provisional_end_s:
            opened.ended = True
            before = len(opened.centres)
            events += self._refit(context, opened)
            if len(opened.centres) == before:
                fit = self._fit(context, opened.start, opened.period)
                events += [] if fit.reason else [self._lift_set(context, opened, fit, Status.PROVISIONAL)]
        return events

    def _is_under_way(self, context: Context, opened: _Open, still_s: float) -> bool:
        """Whether a movement that began in time may yet become a repetition."""
        hop = self._now // HOP
        latest_s = self._criteria.set_end_s + 1.25 * opened.period / GRID_HZ
        return still_s < latest_s and bool(context.hops.moving(hop - 3, hop).any())

    def _matched(self, context: Context, opened: _Open) -> list[int]:
        """Repetitions after the last known one that have ended by now."""
        criteria, period = self._criteria, opened.period
        start = max(opened.centres[-1] - period, opened.start)
        rows, motion = context.rows.between(start, self._now), context.motion.between(start, self._now)
        stretch = Stretch(motion, rows[:, 3], period)
        similarity = stretch.trace(opened.template_g, criteria.scales, criteria).similarity
        peaks = pick_peaks(similarity, criteria.spacing_periods * period, criteria.match)
        known, found = opened.centres[-1], []
        for peak in peaks.tolist():
            centre = peak - stretch.pad + start
            least = criteria.pause_match if centre - known > criteria.chain_periods * period else criteria.match
            if centre + 0.625 * period + 1 <= self._now and similarity[peak] >= least:
                found.append(centre)
        return found

    def _refit(self, context: Context, opened: _Open) -> list[LiftEvent]:
        """Take the template and the repetitions from all that is known of the set."""
        fit = self._fit(context, opened.start, opened.period)
        if fit.reason or not len(fit.matches.centres):
            return []
        opened.template_g = fit.matches.template_g
        whole = fit.matches.centres[fit.matches.centres + fit.period // 2 <= self._now]
        return self._announce(context, opened, whole.tolist())

    def _announce(self, context: Context, opened: _Open, centres: list[int]) -> list[LiftEvent]:
        """Provisional repetitions that were not announced yet."""
        known, room = opened.centres, self._criteria.spacing_periods * opened.period
        fresh = [centre for centre in centres if not known or centre > known[-1] + room]
        opened.centres = known + fresh
        if fresh:
            opened.ended = False
        name, period = opened.exercise, opened.period
        return [
            self._repetition(context, (opened.set_id, name), (centre, period), Status.PROVISIONAL) for centre in fresh
        ]

    # -- settling --------------------------------------------------------------------------------------------------

    def _settle(self, context: Context, opened: _Open) -> list[LiftEvent]:
        """The set as it was, or its withdrawal; the search goes on behind it."""
        fit = self._fit(context, opened.start, opened.period, final=True)
        events: list[LiftEvent]
        if fit.reason:
            events = [self._withdrawn(opened, fit.reason), *self._exclude(fit)]
            behind = opened.centres[-1] + opened.period // 2
        else:
            lift_set = self._lift_set(context, opened, fit, Status.SETTLED)
            events, behind = [lift_set], fit.last
            self._last_set_end = lift_set.end_sample
            context.n_sets += 1
        self._open = None
        context.search_from = context.attempt_at = max(behind, self._oldest(context))
        context.bouts.restart(context.search_from)
        return events + self._search_again(context)

    def _search_again(self, context: Context) -> list[LiftEvent]:
        """Go once more over the hops behind a set, which were only followed, never searched."""
        now, events = self._now, list[LiftEvent]()
        first = context.search_from // HOP + self._window_min_rows // HOP
        for hop in range(first, now // HOP):
            if self._open is not None:
                break
            self._now = (hop + 1) * HOP
            start = max(self._now - self._window_rows, context.search_from)
            if self._now - start >= self._window_min_rows:
                events += self._extend_run(context, self._window(context, start, self._now))
        self._now = now
        return events

    def _withdrawn(self, opened: _Open, reason: str) -> LiftSet:
        sample_of, half = self._grid.sample_of, opened.period // 2
        return LiftSet(
            set_id=opened.set_id,
            status=Status.WITHDRAWN,
            start_sample=max(sample_of(opened.centres[0] - half), 0),
            end_sample=sample_of(opened.centres[-1] + half),
            repetitions=(),
            notes=(reason,),
        )

    def _exclude(self, fit: Fit) -> list[LiftEvent]:
        centres = fit.matches.centres
        if len(centres) < self._criteria.repetitions_min:
            return []
        middle = self._grid.sample_of(int(centres[len(centres) // 2]))
        return [Excluded(kind="set", peak_sample=middle, reason=fit.reason)]

    def _damage(self, context: Context) -> list[LiftEvent]:
        """A whole recording without a set that is spliced: say why nothing could be counted."""
        if self._grid.sample_of(context.first) or context.motion.end > self._memory_rows:
            return []
        found = self._raw.splices(0, self._raw.end, to_end=True)
        if found is None:
            return []
        reason = f"packets lost: spliced every {found.spacing_samples} samples"
        return [Excluded(kind="set", peak_sample=found.first_sample, reason=reason)]

    def _splices(self, context: Context, fit: Fit) -> Splices | None:
        """Packet borders with lost samples: in the recording so far while it is short, else in the fit."""
        low, high = self._grid.sample_of(max(fit.first, self._oldest(context))), self._grid.sample_of(self._now)
        if context.first == 0 and self._now <= self._memory_rows:
            low = 0
        return self._raw.splices(low, self._raw.end if context.closing else high, to_end=context.closing)

    def _repetition(
        self, context: Context, names: tuple[str, str], place: tuple[int, int], status: Status
    ) -> Repetition:
        centre, period = place
        start = max(centre - period // 2, context.first)
        end = min(centre + period - period // 2, max(self._now, start + 1))
        sample_of = self._grid.sample_of
        return Repetition(
            set_id=names[0],
            start_sample=sample_of(start),
            end_sample=sample_of(end),
            exercise=names[1],
            status=status,
        )

    def _lift_set(self, context: Context, opened: _Open, fit: Fit, status: Status) -> LiftSet:
        name = self._name(context, fit)
        opened.exercise = name.exercise
        centres = fit.matches.centres.tolist()
        repetitions = tuple(
            self._repetition(context, (opened.set_id, name.exercise), (c, fit.period), status) for c in centres
        )
        first, last = repetitions[0].start_sample, repetitions[-1].end_sample
        limits = self._limits(context, fit, (first, last))
        return LiftSet(
            set_id=opened.set_id,
            status=status,
            start_sample=first,
            end_sample=last,
            repetitions=repetitions,
            exercise=name.exercise,
            exercise_confidence=name.confidence,
            exercise_source=name.source,
            repetitions_are_at_least=bool(limits),
            rest_before_s=None if self._last_set_end is None else (first - self._last_set_end) / self._grid.rate_hz,
            seconds_per_repetition=fit.seconds_per_repetition,
            slowing_percent=fit.slowing_percent,
            notes=(*name.notes, *limits),
        )

    def _limits(self, context: Context, fit: Fit, place: tuple[int, int]) -> tuple[str, ...]:
        """Why the count is a lower bound: holes, splices, an edge of the data."""
        holes = [n for at, n in self._holes if at + n > place[0] and at < place[1]]
        found = [f"hole of {n / self._grid.rate_hz:.1f} s" for n in holes]
        if (splices := self._splices(context, fit)) is not None:
            found.append(f"packets lost: spliced every {splices.spacing_samples} samples")
        edge = fit.period // 4
        if fit.first - context.first < edge:
            found.append("begins before the data")
        if context.closing and context.motion.end - fit.last < edge:
            found.append("goes on after the data")
        return tuple(found)

    def _name(self, context: Context, fit: Fit) -> Name:
        rows = context.rows.between(max(fit.first, self._oldest(context)), min(fit.last, self._now))
        seen = rows[rows[:, 3] > 0, :3]
        return name_set(seen, fit.period / GRID_HZ, self.forearm, self._declared_for(fit), self._criteria)
