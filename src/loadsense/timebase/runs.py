"""Runs of samples without a gap, in the two modes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from loadsense.samples import FloatArray, IntArray, Item, SampleBlock
from loadsense.timebase.plan import SMOOTHING_S, ClockPlan, smoothed_times
from loadsense.timebase.tally import ClockTally

#: A stamp that is late is a hole only when the next ones, for this long, do not make up for it.
_CATCH_UP_S: Final = 0.5


class CountedRun:
    """Consecutive samples of a steady clock: untouched, short holes filled.

    Some rows are held back until half a second more is known: a late stamp that later ones make up for is no hole.
    """

    def __init__(self, plan: ClockPlan, tally: ClockTally, first_sample: int) -> None:
        self._plan = plan
        self._tally = tally
        self.next_sample = first_sample
        self.end_s: float | None = None
        self._window = max(2, round(_CATCH_UP_S / plan.step_s))
        self._rows: FloatArray = np.empty((0, 3))
        self._intervals: FloatArray = np.empty(0)
        self._late: FloatArray = np.empty(0)
        self._before: FloatArray | None = None

    def n_missing_until(self, time_s: float) -> int:
        """Samples missing between the end of this run and a time."""
        return 0 if self.end_s is None else max(1, round((time_s - self.end_s) / self._plan.step_s) - 1)

    def take(self, times: FloatArray | None, accel: FloatArray) -> Iterator[Item]:
        """Next rows of the run."""
        if not len(accel):
            return
        if times is None or self._plan.repair == "smooth":
            if times is not None:
                self._see_packets(times)
                self.end_s = float(times[-1])
            yield self._block(accel)
            return
        new = np.diff(times, prepend=times[0] - self._plan.step_s if self.end_s is None else self.end_s)
        self._tally.see(new[1:] if self.end_s is None else new, self._plan.step_s)
        yield from self._append(new, accel, float(times[-1]))

    def go_on(self, intervals: FloatArray, accel: FloatArray, end_s: float) -> Iterator[Item]:
        """Next rows of the run, the jitter of whose intervals has been counted."""
        self._tally.see_span(intervals)
        yield from self._append(intervals, accel, end_s)

    def _append(self, intervals: FloatArray, accel: FloatArray, end_s: float) -> Iterator[Item]:
        self.end_s = end_s
        self._rows = np.concatenate([self._rows, accel])
        self._intervals = np.concatenate([self._intervals, intervals])
        yield from self._settle(len(self._rows) - self._window)

    def finish(self) -> Iterator[Item]:
        """The rows held back."""
        yield from self._settle(len(self._rows))

    def _settle(self, n_rows: int) -> Iterator[Item]:
        """The first rows held, short holes filled."""
        if n_rows <= 0:
            return
        late = np.concatenate([self._late, self._intervals - self._plan.step_s])
        missing = self._missing(late, n_rows)
        rows = self._rows[:n_rows]
        if missing.any():
            above = rows[:1] if self._before is None else self._before[None]
            rows = _set_in(np.vstack([above, rows]), missing)
            self._tally.see_filled(int(missing.sum()))
        self._before = self._rows[n_rows - 1].copy()
        n_settled = len(self._late) + n_rows
        self._late = late[max(0, n_settled - self._window) : n_settled].copy()
        self._rows, self._intervals = self._rows[n_rows:], self._intervals[n_rows:]
        yield self._block(rows)

    def _missing(self, late: FloatArray, n_rows: int) -> IntArray:
        """Samples missing before each row: what half a second before and after agree on; sets `late` right."""
        step_s, window, held = self._plan.step_s, self._window, len(self._late)
        missing = np.zeros(n_rows, dtype=np.int64)
        for row in np.flatnonzero(late[held : held + n_rows] > 0.5 * step_s):
            at = held + int(row)
            start = max(0, at - window)
            level = np.cumsum(late[start : at + window])
            before = max(0.0, float(level[: at - start].max())) if at > start else 0.0
            missing[row] = max(0, round((float(level[at - start :].min()) - before) / step_s))
            late[at] -= missing[row] * step_s
        return missing

    def _see_packets(self, times: FloatArray) -> None:
        """Count intervals from packet to packet."""
        step_s = self._plan.step_s
        begins = np.flatnonzero(np.diff(times, prepend=times[0] - 1.0) >= 0.3 * step_s)
        self._tally.see_packets(np.diff(times[begins]), np.diff(begins), step_s)

    def _block(self, accel: FloatArray) -> SampleBlock:
        block = SampleBlock(self.next_sample, np.ascontiguousarray(accel))
        self.next_sample += len(accel)
        return block


def _set_in(rows: FloatArray, missing: IntArray) -> FloatArray:
    """Rows 1 to n with `missing[i]` interpolated rows set in before row i + 1."""
    at = np.cumsum(missing + 1) - 1
    filled = np.empty((int(at[-1]) + 1, 3))
    filled[at] = rows[1:]
    for i in np.flatnonzero(missing):
        n = int(missing[i])
        part = np.arange(1, n + 1)[:, None] / (n + 1)
        filled[at[i] - n : at[i]] = rows[i] + part * (rows[i + 1] - rows[i])
    return filled


class InterpolatedRun:
    """Consecutive samples of an irregular clock, interpolated linearly onto a grid from the first of them."""

    def __init__(self, plan: ClockPlan, tally: ClockTally, first_sample: int) -> None:
        self._plan = plan
        self._tally = tally
        self._first_sample = first_sample
        self.next_sample = first_sample
        self.end_s: float | None = None
        self._start_s = 0.0
        self._times: FloatArray = np.empty(0)
        self._rows: FloatArray = np.empty((0, 3))
        self._context = 2 * max(1, round(SMOOTHING_S / 2.0 / plan.step_s)) if plan.repair == "smooth" else 0
        self._n_done = 0
        self._last: tuple[float, FloatArray] | None = None

    def n_missing_until(self, time_s: float) -> int:
        """Samples missing between the last grid point of this run and a time."""
        if self.end_s is None or self._last is None:
            return 0
        rate = self._plan.sampling_rate_hz
        last_s = self._start_s + (self.next_sample - 1 - self._first_sample) / rate
        return max(1, round((time_s - last_s) * rate) - 1)

    def take(self, times: FloatArray | None, accel: FloatArray) -> Iterator[Item]:
        """Next rows of the run."""
        if times is None or not len(times):
            return
        self.end_s = float(times[-1])
        self._times = np.concatenate([self._times, times])
        self._rows = np.concatenate([self._rows, accel])
        yield from self._work(final=False)

    def finish(self) -> Iterator[Item]:
        """The rows whose smoothing waited for more."""
        yield from self._work(final=True)

    def _work(self, *, final: bool) -> Iterator[Item]:
        """Emit rows whose time is settled; keep the context that later ones need."""
        stop = len(self._times) if final else len(self._times) - self._context
        if stop <= self._n_done:
            return
        times = self._times
        if self._context:
            times = smoothed_times(times, self._plan.step_s)
        yield from self._onto_grid(times[self._n_done : stop], self._rows[self._n_done : stop])
        drop = max(0, stop - self._context)
        self._times, self._rows, self._n_done = self._times[drop:], self._rows[drop:], stop - drop

    def _onto_grid(self, times: FloatArray, rows: FloatArray) -> Iterator[Item]:
        """Grid points covered by settled rows."""
        step_s = 1.0 / self._plan.sampling_rate_hz
        if self._last is None:
            self._start_s = float(times[0])
        else:
            times = np.maximum(np.concatenate([[self._last[0]], times]), self._last[0])
            rows = np.vstack([self._last[1][None], rows])
        single = np.concatenate([[True], np.diff(times) > 0])
        times, rows = times[single], rows[single]
        self._last = (float(times[-1]), rows[-1].copy())
        self._tally.see(np.diff(times), self._plan.step_s)
        done = self.next_sample - self._first_sample
        n_covered = int(np.floor((float(times[-1]) - self._start_s) / step_s + 1e-6)) + 1
        if n_covered <= done:
            return
        grid = self._start_s + np.arange(done, n_covered, dtype=np.float64) * step_s
        accel = np.column_stack([np.interp(grid, times, rows[:, axis]) for axis in range(3)])
        self._count_filled(grid, times)
        yield SampleBlock(self.next_sample, accel)
        self.next_sample += len(accel)

    def _count_filled(self, grid: FloatArray, times: FloatArray) -> None:
        """Count grid points in holes: two sample intervals or more without a row."""
        if len(times) < 2:
            return
        hole = np.diff(times) >= 2.0 * self._plan.step_s
        at = np.clip(np.searchsorted(times, grid, side="left") - 1, 0, len(hole) - 1)
        self._tally.n_interpolated += int(hole[at].sum())
