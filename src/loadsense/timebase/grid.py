"""Rows with recorded times to samples and gaps on the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.samples import BoolArray, ClockQuality, FloatArray, Gap, Item
from loadsense.timebase.plan import ClockPlan
from loadsense.timebase.runs import CountedRun, InterpolatedRun
from loadsense.timebase.steps import RowNames, StepCleaner
from loadsense.timebase.tally import ClockTally

#: Rows in one hop of work.
HOP_ROWS: Final = 65536


class Timebase:
    """Rows with recorded times to samples on the grid.

    Parameters
    ----------
    plan : ClockPlan
        From `plan_clock`.
    is_clock_change : callable, optional
        Told two times in seconds (as recorded) about an hour apart, says whether clocks changed between them; None when
        no time zone is known: then an hour back is an error.
    describe : callable, optional
        Words for a recorded time, for errors.
    hop_rows : int
        Rows worked on at once.

    Notes
    -----
    What `push` returns depends on where hops end; all that `push` and `flush` return together does not.
    """

    def __init__(
        self,
        plan: ClockPlan,
        *,
        is_clock_change: Callable[[float, float], bool] | None = None,
        describe: Callable[[float], str] = "{:.3f} s".format,
        hop_rows: int = HOP_ROWS,
    ) -> None:
        self._plan = plan
        self._hop_rows = hop_rows
        self._tally = ClockTally()
        self._cleaner = StepCleaner(plan.step_s, self._tally, is_clock_change, describe)
        self._held: list[tuple[int, FloatArray | None, FloatArray]] = []
        self._n_held = 0
        self._last_s = 0.0
        self._last_row: FloatArray | None = None
        self._packet_s = 0.0
        self._n_packet = 0
        self._run: CountedRun | InterpolatedRun = self._new_run(0)

    # -- rows in -----------------------------------------------------------------------------------------------------
    def push(self, times_s: FloatArray | None, accel_g: FloatArray, *, first_row: int = 1) -> list[Item]:
        """Take rows.

        Parameters
        ----------
        times_s : ndarray, shape (n,), or None
            As recorded; None when there is no clock: each row is the next sample.
        accel_g : ndarray, shape (n, 3)
        first_row : int
            What the first row is called in errors (its line in the file).

        Raises
        ------
        ContentError
            The clock goes back by more than 2.5 s.
        """
        out: list[Item] = []
        start = 0
        while start < len(accel_g):
            stop = min(len(accel_g), start + self._hop_rows - self._n_held)
            times = None if times_s is None else times_s[start:stop]
            self._held.append((first_row + start, times, accel_g[start:stop]))
            self._n_held += stop - start
            start = stop
            if self._n_held == self._hop_rows:
                out += self._hop()
        return out

    def flush(self) -> list[Item]:
        """No more rows will come; return what is left."""
        out = self._hop() if self._n_held else []
        return out + list(self._run.finish())

    def quality(self) -> ClockQuality:
        """What was learned about the clock so far."""
        return self._tally.quality(self._plan)

    # -- one hop -----------------------------------------------------------------------------------------------------
    def _hop(self) -> list[Item]:
        rows = self._held
        self._held, self._n_held = [], 0
        accel = np.concatenate([accel for _, _, accel in rows]) if len(rows) > 1 else rows[0][2]
        if rows[0][1] is None:
            return list(self._run.take(None, accel))
        raw = np.concatenate([times for _, times, _ in rows if times is not None]) if len(rows) > 1 else rows[0][1]
        straight = self._straight(raw, accel)
        if straight is not None:
            return straight
        names = RowNames([(first, len(part)) for first, _, part in rows])
        times, cuts = self._cleaner.clean(raw, names)
        if self._plan.repair == "spread":
            times = self._spread(times, cuts)
        else:
            times, accel, cuts = self._without_duplicates(times, accel, cuts)
        return list(self._runs(times, accel, cuts))

    def _straight(self, raw: FloatArray, accel: FloatArray) -> list[Item] | None:
        """Samples of a hop that asks for nothing but counting, as most do; None for any other."""
        loops, plan, run = kernels.compiled(), self._plan, self._run
        if loops is None or plan.repair != "none" or not isinstance(run, CountedRun) or run.end_s is None:
            return None
        if run.end_s != self._last_s or not self._cleaner.is_straight_at(run.end_s):
            return None
        intervals = loops.uneventful(raw, run.end_s, plan.step_s, plan.gap_s + 1e-9, self._tally.jitter)
        if not len(intervals):
            return None
        end_s = float(raw[-1])
        self._cleaner.go_on_to(end_s)
        self._last_s, self._last_row = end_s, accel[-1].copy()
        return list(run.go_on(intervals, accel, end_s))

    def _spread(self, times: FloatArray, cuts: dict[int, Gap]) -> FloatArray:
        """As `spread_packets`, with the packet that the last hop ended in."""
        step_s = self._plan.step_s
        begins = np.diff(times, prepend=self._last_s) >= 0.3 * step_s
        begins[list(cuts)] = True
        begins[0] |= self._n_packet == 0
        index = np.arange(len(times))
        first = np.maximum.accumulate(np.where(begins, index, -1))
        fresh = first >= 0
        stamp = np.where(fresh, times[first], self._packet_s)
        nth = np.where(fresh, index - first, self._n_packet + index)
        self._last_s, self._packet_s, self._n_packet = float(times[-1]), float(stamp[-1]), int(nth[-1]) + 1
        spread: FloatArray = stamp + nth * step_s
        return spread

    def _without_duplicates(
        self, times: FloatArray, accel: FloatArray, cuts: dict[int, Gap]
    ) -> tuple[FloatArray, FloatArray, dict[int, Gap]]:
        """Rows less those that repeat stamp and values of the row before, where stamps are otherwise single."""
        before = times[0] - 1.0 if self._last_row is None else self._last_s
        equal = np.diff(times, prepend=before) == 0.0
        if self._plan.repair == "none" and self._plan.drops_repeats and equal.any():
            above = np.vstack([accel[:1] if self._last_row is None else self._last_row[None], accel[:-1]])
            double = equal & (above == accel).all(axis=1)
            double[list(cuts)] = False
            self._tally.n_duplicates += int(double.sum())
            keep = ~double
            moved = {int(np.count_nonzero(keep[:i])): cut for i, cut in cuts.items()}
            self._last_s, self._last_row = float(times[-1]), accel[-1].copy()
            return times[keep], accel[keep], moved
        self._last_s, self._last_row = float(times[-1]), accel[-1].copy()
        return times, accel, cuts

    def _runs(self, times: FloatArray, accel: FloatArray, cuts: dict[int, Gap]) -> Iterator[Item]:
        """Samples of each run, and what is missing between runs."""
        if not len(times):
            return
        gaps = self._gaps(times)
        start = 0
        for row in sorted({*cuts, *np.flatnonzero(gaps).tolist()}):
            yield from self._run.take(times[start:row], accel[start:row])
            yield from self._cut(cuts.get(row), float(times[row]))
            start = row
        yield from self._run.take(times[start:], accel[start:])

    def _gaps(self, times: FloatArray) -> BoolArray:
        """Rows before which samples are missing."""
        end = self._run.end_s
        silence = np.diff(times, prepend=times[0] if end is None else end)
        gaps: BoolArray = silence > self._plan.gap_s + 1e-9
        return gaps

    def _cut(self, cut: Gap | None, time_s: float) -> Iterator[Item]:
        """Close the run and say what is missing before the next one."""
        yield from self._run.finish()
        at = self._run.next_sample
        n_missing = 0 if cut is not None else self._run.n_missing_until(time_s)
        if self._run.end_s is not None:
            reason = cut.reason if cut is not None else "no samples"
            yield Gap(at, n_missing, reason)
        self._run = self._new_run(at + n_missing)

    def _new_run(self, first_sample: int) -> CountedRun | InterpolatedRun:
        kind = CountedRun if self._plan.mode == "counted" else InterpolatedRun
        return kind(self._plan, self._tally, first_sample)
