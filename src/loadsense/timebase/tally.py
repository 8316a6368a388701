"""What is learned about a clock while it is read: sums only, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from loadsense.samples import ClockQuality, FloatArray, IntArray
from loadsense.timebase.plan import ClockPlan

#: Bins of the jitter histogram, over two sample intervals.
_JITTER_BINS: Final = 4000
#: Drift of the clock against the grid worth a sentence.
_DRIFT_SAID: Final = 1e-3


@dataclass(slots=True)
class ClockTally:
    """What was seen of the clock, whatever the mode; only sums, so that memory is bounded."""

    n_intervals: int = 0
    spanned_s: float = 0.0
    n_interpolated: int = 0
    n_duplicates: int = 0
    n_out_of_order: int = 0
    steps_back_s: list[float] = field(default_factory=list)
    n_steps_back: int = 0
    hours: list[str] = field(default_factory=list)
    jitter: IntArray = field(default_factory=lambda: np.zeros(_JITTER_BINS + 1, dtype=np.int64))

    def see(self, intervals_s: FloatArray, step_s: float) -> None:
        """Count intervals inside a run."""
        if not len(intervals_s):
            return
        off = np.abs(intervals_s - np.maximum(np.round(intervals_s / step_s), 1.0) * step_s)
        self._see_jitter(off, step_s)
        self.see_span(intervals_s)

    def see_span(self, intervals_s: FloatArray) -> None:
        """Count intervals inside a run whose jitter was counted."""
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

    def quality(self, plan: ClockPlan) -> ClockQuality:
        """What was learned about the clock so far."""
        if not self.spanned_s:
            return ClockQuality(notes=tuple(self._notes(plan, None)))
        measured = self.n_intervals / self.spanned_s
        jitter_s = self.jitter_p99_s(plan.step_s)
        return ClockQuality(
            measured_rate_hz=measured,
            jitter_p99_ms=None if jitter_s is None else 1000.0 * jitter_s,
            n_interpolated=self.n_interpolated,
            notes=tuple(self._notes(plan, measured)),
        )

    def _notes(self, plan: ClockPlan, measured: float | None) -> Iterator[str]:
        if plan.mode == "interpolated":
            yield f"irregular clock: samples were interpolated linearly onto {plan.sampling_rate_hz:.4g} Hz"
        if plan.repair != "none":
            how = "spread from its stamp" if plan.repair == "spread" else "placed by counting, stamps smoothed"
            yield f"samples came in packets: the samples of each were {how}"
        if self.n_interpolated:
            yield f"{self.n_interpolated} samples interpolated over holes too short to be a gap"
        if self.n_duplicates:
            yield f"{self.n_duplicates} rows repeated time and values of the row before: left out"
        if self.n_out_of_order:
            yield f"{self.n_out_of_order} time stamps out of order by less than a sample: kept in order"
        if self.n_steps_back:
            sizes = ", ".join(f"{size:.1f}" for size in self.steps_back_s)
            yield f"the clock stepped back {self.n_steps_back} times ({sizes} s): every sample kept in order"
        yield from self.hours
        drift = 0.0 if measured is None else measured / plan.sampling_rate_hz - 1.0
        if plan.mode == "counted" and abs(drift) > _DRIFT_SAID:
            yield (
                f"the clock counts {measured:.2f} Hz where the grid has {plan.sampling_rate_hz:g} Hz "
                f"({100.0 * drift:+.1f} %): seconds are those of the grid"
            )
