"""What every decoder of a device's own file gives: facts first, then samples and gaps on one grid.

A decoder is fed bytes in order, cut anywhere, and owns no file::

    decoder.push(data)   samples and gaps that have become known
    decoder.flush()      no more bytes will come; what is left
    decoder.quality()    what the clock and the damage looked like

Device files come in stamped runs (a sector, a second, a page, a packet): a time and some samples. `StampedGrid` puts
the runs on the grid of the stream: runs that follow each other within the clock's tolerance are one stretch, a longer
hole is a `Gap`. Each hole is judged against the run before it, so a slow drift of the sampling clock against the
clock of the stamps is never mistaken for missing samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from loadsense.errors import ContentError
from loadsense.samples import BoolArray, ClockQuality, FloatArray, Gap, IntArray, Item, SampleBlock

ByteArray = npt.NDArray[np.uint8]
CountArray = npt.NDArray[np.int16]

#: Largest step back of a clock that keeps the samples in order (DESIGN: gaps).
MOST_STEP_BACK_S: Final = 2.5
#: A clock that jumps further ahead than this was set, not stopped.
MOST_GAP_S: Final = 400 * 86400.0
#: Reason of a gap that damaged data left.
DAMAGED: Final = "damaged data skipped"
#: Sampling clocks of these devices stray from their nominal rate by up to 3 %.
_CLOCK_STRAY: Final = 0.03
#: Coarse stamps measure a rate only over so many times their coarseness.
_SLACKS_TIMED: Final = 100.0
#: Stray from which times of the grid are told to be off.
_NOTED_STRAY: Final = 0.001
#: Largest deviation kept apart when the jitter is tallied, and the width of a class.
_JITTER_CLASSES: Final = 10_000
_JITTER_CLASS_S: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What a device's file says about itself before its first sample.

    Attributes
    ----------
    format : str
        Name of the format, for the record.
    sampling_rate_hz : float
        Rate of the sample grid: nominal where the file states one.
    nominal_rate_hz, measured_rate_hz : float or None
        Stated, and by the first time stamps.
    range_g : float or None
        Full scale in RAW g.
    start : datetime or None
        Time of sample 0; aware where the file states its offset from UTC, else the device's own clock.
    device, serial, firmware : str or None
    body_mass_kg : float or None
        As entered when the device was set up.
    loss_observable : bool
        Whether the file would show a lost sample.
    notes : tuple of str
        Sentences on what else the file says: limb, battery, temperature, what was assumed.
    """

    format: str
    sampling_rate_hz: float
    nominal_rate_hz: float | None = None
    measured_rate_hz: float | None = None
    range_g: float | None = None
    start: datetime | None = None
    device: str | None = None
    serial: str | None = None
    firmware: str | None = None
    body_mass_kg: float | None = None
    loss_observable: bool = True
    notes: tuple[str, ...] = ()


class DeviceDecoder(Protocol):
    """Bytes in, samples and gaps out; cut anywhere, the samples are the same."""

    def push(self, data: bytes) -> list[Item]:
        """Take the next bytes; return what has become known."""
        ...

    def flush(self) -> list[Item]:
        """No more bytes will come; return what is left."""
        ...

    def quality(self) -> ClockQuality:
        """What the clock and the damage looked like so far."""
        ...


def no_reason(_before_s: float, _after_s: float) -> str:
    """Reason of a gap about which nothing is known."""
    return "no samples"


class StampedGrid:
    """Stamped runs of samples onto the grid of the stream.

    Parameters
    ----------
    grid_rate_hz : float
        Samples of the grid per second; counts what is missing.
    slack_s : float, optional
        Coarseness of the stamps, added to what a hole may measure before it counts as one.
    reason : callable, optional
        Names a gap by the times in s around it.
    """

    def __init__(
        self,
        *,
        grid_rate_hz: float,
        slack_s: float = 0.0,
        reason: Callable[[float, float], str] = no_reason,
    ) -> None:
        self.next_sample = 0
        self.end_s: float | None = None
        self.n_missing = 0
        self._rate_hz = grid_rate_hz
        self._slack_s = slack_s
        self._reason = reason
        self._last_start_s = 0.0
        self._last_n = 0
        self._n_timed = 0
        self._timed_s = 0.0
        self._jitter: IntArray = np.zeros(_JITTER_CLASSES + 1, dtype=np.int64)

    def place(
        self,
        start_s: FloatArray,
        end_s: FloatArray,
        n: IntArray,
        accel_g: FloatArray,
        *,
        damaged: BoolArray | None = None,
    ) -> list[Item]:
        """Samples and gaps of consecutive runs.

        Parameters
        ----------
        start_s, end_s : ndarray, shape (m,)
            Time of the first sample of each run, and of the sample that would follow its last.
        n : ndarray of int, shape (m,)
            Samples in each run.
        accel_g : ndarray, shape (sum of n, 3)
            Samples of all runs, in RAW g.
        damaged : ndarray of bool, shape (m,), optional
            Whether damaged data were skipped just before each run; names the gap, if there is one.

        Raises
        ------
        ContentError
            The clock goes back by more than `MOST_STEP_BACK_S`, or ahead by more than `MOST_GAP_S`.
        """
        if not len(n):
            return []
        edges = np.concatenate(([0], np.cumsum(n)))
        holes_s, allowed_s = self._holes(start_s, end_s)
        broken = np.abs(holes_s) > allowed_s
        self._tally(start_s, n, holes_s, broken)
        items: list[Item] = []
        done = 0
        for k in np.flatnonzero(broken):
            self._emit(items, accel_g[done : edges[k]])
            gap = self._hole(float(holes_s[k]), float(start_s[k]), float(allowed_s[k]))
            items.append(replace(gap, reason=DAMAGED) if damaged is not None and damaged[k] and gap.n_missing else gap)
            done = int(edges[k])
        self._emit(items, accel_g[done:])
        self.end_s, self._last_start_s, self._last_n = float(end_s[-1]), float(start_s[-1]), int(n[-1])
        return items

    def missing(self, n_missing: int, reason: str, end_s: float) -> Gap:
        """A gap whose length is known by other means than the next stamp; the clock goes on from `end_s`."""
        gap = Gap(self.next_sample, n_missing, reason)
        self.next_sample += n_missing
        self.n_missing += n_missing
        self.end_s, self._last_n = end_s, 0
        self._last_start_s = end_s
        return gap

    def quality(self, notes: tuple[str, ...], *, exact_stamps: bool = True) -> ClockQuality:
        """Clock of all runs so far; whole-second stamps say nothing about jitter."""
        is_long = self._timed_s > _SLACKS_TIMED * self._slack_s
        measured = self._n_timed / self._timed_s if is_long else None
        stray = 0.0 if measured is None else abs(measured / self._rate_hz - 1.0)
        if stray > _NOTED_STRAY:
            rates = f"the sensor sampled at {measured:.2f} Hz by the stamps, the grid counts {self._rate_hz:g} Hz"
            notes = (*notes, f"{rates}: times stray by {3600.0 * stray:.0f} s an hour")
        n = int(self._jitter.sum())
        jitter_ms = None
        if n and exact_stamps:
            jitter_ms = float(np.searchsorted(np.cumsum(self._jitter), 0.99 * n)) * _JITTER_CLASS_S * 1e3
        return ClockQuality(measured_rate_hz=measured, jitter_p99_ms=jitter_ms, notes=notes)

    def _holes(self, start_s: FloatArray, end_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Seconds between each run and the one before it, and what the clock may stray."""
        first_end = start_s[0] if self.end_s is None else self.end_s
        first_start = start_s[0] if self.end_s is None else self._last_start_s
        before_end = np.concatenate(([first_end], end_s[:-1]))
        before_start = np.concatenate(([first_start], start_s[:-1]))
        base = max(0.1, 3.0 / self._rate_hz) + self._slack_s
        return start_s - before_end, base + _CLOCK_STRAY * (before_end - before_start)

    def _tally(self, start_s: FloatArray, n: IntArray, holes_s: FloatArray, broken: BoolArray) -> None:
        """Rate and jitter over the runs that follow another without a hole."""
        n_before = np.concatenate(([self._last_n], n[:-1]))
        from_s = np.concatenate(([self._last_start_s], start_s[:-1]))
        timed = ~broken & (n_before > 0)
        if not timed.any():
            return
        self._n_timed += int(n_before[timed].sum())
        self._timed_s += float((start_s[timed] - from_s[timed]).sum())
        classes = np.minimum(np.abs(holes_s[timed]) / _JITTER_CLASS_S, _JITTER_CLASSES).astype(np.int64)
        self._jitter += np.bincount(classes, minlength=_JITTER_CLASSES + 1)

    def _emit(self, items: list[Item], accel_g: FloatArray) -> None:
        if len(accel_g):
            items.append(SampleBlock(self.next_sample, accel_g))
            self.next_sample += len(accel_g)

    def _hole(self, hole_s: float, at_s: float, allowed_s: float) -> Gap:
        if hole_s > MOST_GAP_S:
            raise ContentError(
                f"the clock jumps ahead {hole_s / 86400:.0f} days after sample {self.next_sample}; expected one "
                "recording: it was set in the middle, read the part you need with start and end, or export it apart"
            )
        if hole_s > 0:
            n_missing = round(hole_s * self._rate_hz)
            gap = Gap(self.next_sample, n_missing, self._reason(at_s - hole_s, at_s))
            self.next_sample += n_missing
            self.n_missing += n_missing
            return gap
        if -hole_s > MOST_STEP_BACK_S and abs(hole_s + 3600.0) > allowed_s:
            raise ContentError(
                f"the clock goes back {-hole_s:.1f} s after sample {self.next_sample}; expected at most "
                f"{MOST_STEP_BACK_S:g} s: the device's clock was set in the middle, or two recordings were joined"
            )
        return Gap(self.next_sample, 0, f"clock stepped back {-hole_s:.1f} s")


def first_rate_hz(start_s: FloatArray, n: IntArray, nominal_hz: float) -> float | None:
    """Rate by the first stamps: samples over time, runs that do not follow each other left out; None without any."""
    if len(n) < 2:
        return None
    span_s, expected_s = np.diff(start_s), n[:-1] / nominal_hz
    usual = np.abs(span_s - expected_s) <= 0.1 * expected_s
    if not usual.any():
        return None
    return float(n[:-1][usual].sum() / span_s[usual].sum())


def clock_time(seconds: float) -> datetime:
    """Naive time of a device's own clock that counts its seconds since 1970.

    Examples
    --------
    >>> clock_time(86400.5)
    datetime.datetime(1970, 1, 2, 0, 0, 0, 500000)
    """
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "block"), counted(2, "block")
    ('1 block', '2 blocks')
    """
    return f"{n} {one}" if n == 1 else f"{n} {many or one + 's'}"
