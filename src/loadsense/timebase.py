"""Time stamps as recorded to samples on a regular grid, without inventing samples.

Theory of operation
-------------------
A sensor samples at a steady rate; the stamps beside its samples are written by something else (a phone, a radio packet, an
export) and are verified here, never trusted. `plan_clock` looks at the first stamps once and decides how the whole
recording is read:

counted
    The stamps agree with a steady rate (after packets are spread). Every sample passes untouched, bit for bit; the clock
    only finds gaps and short holes. Drift of the clock against the grid is measured and noted, never corrected.
interpolated
    The stamps themselves are irregular (phones): samples are interpolated linearly onto the grid, and that is noted.

`Timebase` then takes rows of any number and gives `SampleBlock` and `Gap`. It works in hops of a fixed number of rows,
counted from the first row, so that what comes out does not depend on how the rows were cut.

Rules (DESIGN.md, gaps): an interval longer than max(0.1 s, 3 sample intervals) is a `Gap`, its length by the clock; a
shorter hole is interpolated and counted. A step back of up to 2.5 s keeps every sample in order and opens a segment. A
larger one is an error; one of an hour is a clock change, accepted when the caller says that it can be.

Packets (METHODS-landings.md, step 0): when more than a tenth of the intervals are below 0.3 of the mean one, samples came in
packets. If spreading each packet from its stamp gives a steady clock, that is the repair; else the stamps are smoothed
against the row count (0.6 s median, then 0.6 s mean).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from loadsense.errors import ContentError
from loadsense.samples import BoolArray, ClockQuality, FloatArray, Gap, IntArray, Item, SampleBlock

#: Rows in one hop of work.
HOP_ROWS: Final = 65536
#: Longest step back of the clock that keeps its samples (recorded clocks were seen to step back 0.4 to 2.3 s).
MAX_STEP_BACK_S: Final = 2.5
_HOUR_S: Final = 3600.0
#: Shortest hole that is a Gap; longer where three sample intervals are longer.
_GAP_S: Final = 0.1
#: With smoothed packets only a longer silence is a gap: packets come late without a loss.
_PACKET_GAP_S: Final = 0.6
_SMOOTHING_S: Final = 0.6
#: Share of short intervals that makes a recording one of packets.
_PACKET_SHARE: Final = 0.10
#: An interval is regular within this part of the sample interval ...
_REGULAR_PART: Final = 0.25
#: ... and a clock is regular when this share of its intervals is.
_REGULAR_SHARE: Final = 0.98
#: Rates nearer than this to a round one are that one (crystals are good to some 100 ppm; stamps are rounded).
_SNAP_PART: Final = 2e-4
#: A stamp that is late is a hole only when the next ones, for this long, do not make up for it.
_CATCH_UP_S: Final = 0.5
_JITTER_BINS: Final = 4000

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
        Whether a row with time and values of the row before is one written twice; False where equal stamps with different
        values show that stamps repeat without a cause.
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
    if (off <= _REGULAR_PART * step_s + 1e-9).mean() >= _REGULAR_SHARE:
        return step_s, True
    return float(inside.mean()), False


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
    whole = (between >= 0) & (between <= max(_PACKET_GAP_S, 3.0 * float(np.median(between))))
    return float(between[whole].sum() / n[whole].sum()) if whole.any() else mean_s


def _wander_s(times_s: FloatArray, step_s: float) -> float:
    """How far the smoothed clock leaves the row count, in seconds: largest half range over the runs between silences."""
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
    half = max(1, round(_SMOOTHING_S / 2.0 / step_s))
    late = _moving(_moving(times_s - rows, half, np.median), half, np.mean)
    return np.maximum.accumulate(late + rows)


def _moving(values: FloatArray, half: int, of: Callable[..., FloatArray]) -> FloatArray:
    """A moving median or mean over 2 half + 1 values, the ends held."""
    padded = np.pad(values, half, mode="edge")
    return of(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=-1)


@dataclass(slots=True)
class _Tally:
    """What was seen of the clock, whatever the mode; only sums, so that memory is bounded."""

    n_intervals: int = 0
    spanned_s: float = 0.0
    n_interpolated: int = 0
    n_duplicates: int = 0
    n_equal: int = 0
    n_out_of_order: int = 0
    steps_back_s: list[float] = field(default_factory=list)
    n_steps_back: int = 0
    hours: list[str] = field(default_factory=list)
    n_gaps: int = 0
    missing_s: float = 0.0
    jitter: IntArray = field(default_factory=lambda: np.zeros(_JITTER_BINS + 1, dtype=np.int64))

    def see(self, intervals_s: FloatArray, step_s: float) -> None:
        """Count intervals inside a run."""
        if not len(intervals_s):
            return
        off = np.abs(intervals_s - np.maximum(np.round(intervals_s / step_s), 1.0) * step_s)
        self._see_jitter(off, step_s)
        self.n_intervals += len(intervals_s)
        self.spanned_s += float(intervals_s.sum())

    def see_filled(self, n_samples: int) -> None:
        """Count samples set into short holes."""
        self.n_interpolated += n_samples
        self.n_intervals += n_samples

    def see_packets(self, intervals_s: FloatArray, n_samples: IntArray, step_s: float) -> None:
        """Count intervals from packet to packet, each with the samples it covers."""
        self._see_jitter(np.abs(intervals_s - n_samples * step_s), step_s)
        self.n_intervals += int(n_samples.sum())
        self.spanned_s += float(intervals_s.sum())

    def _see_jitter(self, off_s: FloatArray, step_s: float) -> None:
        bins = np.minimum(off_s * (_JITTER_BINS / 2.0 / step_s), _JITTER_BINS).astype(np.int64)
        self.jitter += np.bincount(bins, minlength=_JITTER_BINS + 1)

    def jitter_p99_s(self, step_s: float) -> float | None:
        """99th percentile of |interval - step|, to 1/2000 of the step."""
        total = int(self.jitter.sum())
        if not total:
            return None
        at = int(np.searchsorted(np.cumsum(self.jitter), 0.99 * total))
        return at * 2.0 * step_s / _JITTER_BINS


class Timebase:
    """Rows with recorded times to samples on the grid.

    Parameters
    ----------
    plan : ClockPlan
        From `plan_clock`.
    is_clock_change : callable, optional
        Told two times in seconds (as recorded) about an hour apart, says whether clocks changed between them; None when no
        time zone is known: then an hour back is an error.
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
        self._is_clock_change = is_clock_change
        self._describe = describe
        self._hop_rows = hop_rows
        self._tally = _Tally()
        self._held: list[tuple[int, FloatArray | None, FloatArray]] = []
        self._n_held = 0
        self._last_raw_s: float | None = None
        self._shift_s = 0.0
        self._last_s = 0.0
        self._last_row: FloatArray | None = None
        self._packet_s = 0.0
        self._n_packet = 0
        self._run: _CountedRun | _InterpolatedRun = self._new_run(0)

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
        tally, plan = self._tally, self._plan
        if not tally.spanned_s:
            return ClockQuality(notes=tuple(self._notes(None)))
        measured = tally.n_intervals / tally.spanned_s
        jitter_s = tally.jitter_p99_s(plan.step_s)
        return ClockQuality(
            measured_rate_hz=measured,
            jitter_p99_ms=None if jitter_s is None else 1000.0 * jitter_s,
            n_interpolated=tally.n_interpolated,
            notes=tuple(self._notes(measured)),
        )

    # -- one hop -----------------------------------------------------------------------------------------------------
    def _hop(self) -> list[Item]:
        rows = self._held
        self._held, self._n_held = [], 0
        accel = np.concatenate([accel for _, _, accel in rows]) if len(rows) > 1 else rows[0][2]
        if rows[0][1] is None:
            return list(self._run.take(None, accel))
        raw = np.concatenate([times for _, times, _ in rows if times is not None])
        names = _RowNames([(first, len(part)) for first, _, part in rows])
        times, cuts = self._clean(raw, names)
        if self._plan.repair == "spread":
            times = self._spread(times, cuts)
        else:
            times, accel, cuts = self._without_duplicates(times, accel, cuts)
        return list(self._runs(times, accel, cuts))

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

    def _clean(self, raw: FloatArray, names: _RowNames) -> tuple[FloatArray, dict[int, Gap]]:
        """Times that never step back, and where they had to be cut: row in the hop -> what is missing there."""
        step_s = self._plan.step_s
        before = raw[0] - step_s if self._last_raw_s is None else self._last_raw_s
        intervals = np.diff(raw, prepend=before)
        odd = np.flatnonzero((intervals < -1e-9) | (np.abs(intervals - _HOUR_S) <= MAX_STEP_BACK_S))
        cuts: dict[int, Gap] = {}
        shift = np.zeros(len(raw))
        for i in odd:
            earlier = before if i == 0 else raw[i - 1]
            moved, cut = self._odd_interval(float(earlier), float(raw[i]), names.name(int(i)))
            shift[i] = moved
            if cut is not None:
                cuts[int(i)] = cut
        times = raw + (self._shift_s + np.cumsum(shift) if len(odd) else self._shift_s)
        if len(odd):
            self._shift_s += float(shift.sum())
            times = np.maximum.accumulate(times)
        self._last_raw_s = float(raw[-1])
        return times, cuts

    def _odd_interval(self, earlier_s: float, later_s: float, row: int) -> tuple[float, Gap | None]:
        """By how much the clock is moved after a step back or an hour, and the cut that marks it."""
        step_s, interval = self._plan.step_s, later_s - earlier_s
        is_hour = abs(abs(interval) - _HOUR_S) <= MAX_STEP_BACK_S
        if is_hour and self._is_clock_change is not None and self._is_clock_change(earlier_s, later_s):
            self._tally.hours.append(f"row {row}: clocks changed by an hour ({self._span(earlier_s, later_s)})")
            hour = _HOUR_S if interval < 0 else -_HOUR_S
            left = interval + hour
            return (hour, None) if left >= 0 else (hour - left + step_s, self._step_back(-left))
        if interval >= 0:
            return 0.0, None
        if -interval <= MAX_STEP_BACK_S:
            if -interval <= step_s:
                self._tally.n_out_of_order += 1
                return 0.0, None
            return -interval + step_s, self._step_back(-interval)
        raise ContentError(
            f"row {row}: time goes back {_seconds(-interval)} ({self._span(earlier_s, later_s)}); "
            "clock change? pass --tz" + ("" if is_hour or self._is_clock_change is None else _NO_HOUR)
        )

    def _step_back(self, size_s: float) -> Gap:
        self._tally.n_steps_back += 1
        self._tally.steps_back_s = [*self._tally.steps_back_s[:9], size_s]
        return Gap(0, 0, f"clock stepped back {size_s:.1f} s")

    def _span(self, earlier_s: float, later_s: float) -> str:
        return f"{self._describe(earlier_s)} -> {self._describe(later_s)}"

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
            self._tally.n_equal += int((equal & ~double).sum())
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
            if cut is None:
                self._tally.n_gaps += 1
                self._tally.missing_s += n_missing / self._plan.sampling_rate_hz
            yield Gap(at, n_missing, reason)
        self._run = self._new_run(at + n_missing)

    def _new_run(self, first_sample: int) -> _CountedRun | _InterpolatedRun:
        kind = _CountedRun if self._plan.mode == "counted" else _InterpolatedRun
        return kind(self._plan, self._tally, first_sample)

    def _notes(self, measured: float | None) -> list[str]:
        tally, plan = self._tally, self._plan
        notes = []
        if plan.mode == "interpolated":
            notes.append(f"irregular clock: samples were interpolated linearly onto {plan.sampling_rate_hz:.4g} Hz")
        if plan.repair != "none":
            how = "spread over each packet" if plan.repair == "spread" else "smoothed against the row count"
            notes.append(f"samples came in packets: their times were {how}")
        if tally.n_interpolated:
            notes.append(f"{tally.n_interpolated} samples interpolated over holes too short to be a gap")
        if tally.n_duplicates:
            notes.append(f"{tally.n_duplicates} rows repeated time and values of the row before: left out")
        if tally.n_equal:
            notes.append(f"{tally.n_equal} equal time stamps with different values: kept in order")
        if tally.n_out_of_order:
            notes.append(f"{tally.n_out_of_order} time stamps out of order by less than a sample: kept in order")
        if tally.n_steps_back:
            sizes = ", ".join(f"{size:.1f}" for size in tally.steps_back_s)
            notes.append(f"the clock stepped back {tally.n_steps_back} times ({sizes} s): every sample kept in order")
        notes += tally.hours[:5]
        drift = None if measured is None else 1e6 * (measured / plan.sampling_rate_hz - 1.0)
        if plan.mode == "counted" and drift is not None and abs(drift) > 1000.0:
            notes.append(
                f"the clock counts {measured:.2f} Hz where the grid has {plan.sampling_rate_hz:g} Hz "
                f"({drift / 1e4:+.1f} %): seconds are those of the grid"
            )
        return notes


_NO_HOUR: Final = " only helps with a step of exactly one hour: split the file there, or delete the rows before"


def _seconds(duration_s: float) -> str:
    """Short words for a duration.

    Examples
    --------
    >>> _seconds(3.2), _seconds(3600.0)
    ('3.2 s', '3600 s')
    """
    return f"{duration_s:.1f} s" if duration_s < 100.0 else f"{duration_s:.0f} s"


class _RowNames:
    """What rows of a hop are called in the file."""

    def __init__(self, parts: list[tuple[int, int]]) -> None:
        self._parts = parts

    def name(self, row: int) -> int:
        for first, n in self._parts:
            if row < n:
                return first + row
            row -= n
        return row


class _CountedRun:
    """Consecutive samples of a steady clock: untouched, short holes filled.

    Some rows are held back until half a second more is known: a late stamp that later ones make up for is no hole.
    """

    def __init__(self, plan: ClockPlan, tally: _Tally, first_sample: int) -> None:
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
        self.end_s = float(times[-1])
        self._rows = np.concatenate([self._rows, accel])
        self._intervals = np.concatenate([self._intervals, new])
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
        """Samples missing before each row: what half a second before and after agree on. `late` is set right in place."""
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


class _InterpolatedRun:
    """Consecutive samples of an irregular clock, interpolated linearly onto the grid that begins at the first of them."""

    def __init__(self, plan: ClockPlan, tally: _Tally, first_sample: int) -> None:
        self._plan = plan
        self._tally = tally
        self._first_sample = first_sample
        self.next_sample = first_sample
        self.end_s: float | None = None
        self._start_s = 0.0
        self._times: FloatArray = np.empty(0)
        self._rows: FloatArray = np.empty((0, 3))
        self._context = 2 * max(1, round(_SMOOTHING_S / 2.0 / plan.step_s)) if plan.repair == "smooth" else 0
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
        n_covered = int(np.floor((times[-1] - self._start_s) / step_s + 1e-6)) + 1
        if n_covered <= done:
            return
        grid = self._start_s + np.arange(done, n_covered) * step_s
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
