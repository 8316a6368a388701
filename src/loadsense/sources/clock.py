"""The sampling clock of a live sensor, seen from the host: rate, drift and stalls from arrival times.

A packet can come late, never early. So of every half second only the earliest arrival counts (the lower envelope of
arrival minus sample time), and a line through these minima, its slope from the medians of two halves, is the sensor's
clock. It is causal and has bounded memory. In the simulations of `tests/test_sample_clock.py` (30 ms connection
interval, stalls up to 1.5 s, 1 % loss, -200 to +20,000 ppm) drift is found within 25 ppm and times have a standard
deviation below 6 ms where arrivals have some 100 ms; the mean latency itself cannot be seen from one side.

The grid of a session is the sensor's own count; this clock only measures it, and is never used to move a sample.

A sensor that neither counts nor times its packets shows loss in one way only: the host's time runs ahead of the samples
received (`estimated_missing_s`). Of every ten seconds the earliest arrival is compared with that of the ten before;
what it comes later by, beyond two hundredths for a stray clock, is time whose samples never came. That is an estimate
and no count: losses below 2 % look like a slow clock, and a clock slower than 2 % looks like loss.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

_BLOCK_S: Final = 0.5
#: Minima kept: five minutes.
_MOST_BLOCKS: Final = 600
#: Minima from which a slope is worth something.
_LEAST_BLOCKS: Final = 20
#: The offset is a low percentile of the latest minima.
_OFFSET_BLOCKS: Final = 120
_OFFSET_PERCENTILE: Final = 20.0
#: Blocks whose earliest arrival is compared with that of as many before (10 s).
_SPAN_BLOCKS: Final = 20
#: Share of the time by which a sensor's clock may stray without samples being missing.
_STRAY: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFit:
    """What the arrivals say about the sensor's clock.

    Attributes
    ----------
    measured_rate_hz : float or None
        None in the first ten seconds of a segment.
    drift_ppm : float or None
        Of the sensor's clock against the host's; positive when the sensor is fast.
    longest_stall_s : float
        Longest time between two packets of one connection.
    """

    measured_rate_hz: float | None = None
    drift_ppm: float | None = None
    longest_stall_s: float = 0.0


class SampleClock:
    """Follows one sensor.

    Parameters
    ----------
    sampling_rate_hz : float
        Nominal.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self._rate_hz = sampling_rate_hz
        self._longest_stall_s = 0.0
        self._missing_s = 0.0
        self.new_segment()

    def new_segment(self) -> None:
        """What follows has no known relation to what came before."""
        self._minima: deque[tuple[float, float]] = deque(maxlen=_MOST_BLOCKS)
        self._block: int | None = None
        self._lowest = (0.0, float("inf"))
        self._last_arrival_s: float | None = None
        self._slope = 0.0
        self._span: list[float] = []
        self._span_before_s: float | None = None

    def push(self, next_sample: int, arrival_s: float) -> None:
        """A packet that ends before `next_sample` arrived."""
        if self._last_arrival_s is not None:
            self._longest_stall_s = max(self._longest_stall_s, arrival_s - self._last_arrival_s)
        self._last_arrival_s = arrival_s
        sample_s = next_sample / self._rate_hz
        block = int(sample_s / _BLOCK_S)
        if self._block is not None and block != self._block:
            self._minima.append(self._lowest)
            self._compare(self._lowest[1])
            self._lowest = (0.0, float("inf"))
            self._fit()
        self._block = block
        if arrival_s - sample_s < self._lowest[1]:
            self._lowest = (sample_s, arrival_s - sample_s)

    def _fit(self) -> None:
        if len(self._minima) < _LEAST_BLOCKS:
            return
        at_s, offset_s = np.array(self._minima).T
        half = len(at_s) // 2
        run = np.median(at_s[half:]) - np.median(at_s[:half])
        self._slope = float((np.median(offset_s[half:]) - np.median(offset_s[:half])) / run) if run > 0 else 0.0

    def _compare(self, least_offset_s: float) -> None:
        """Ten seconds' earliest arrival against that of the ten before."""
        self._span.append(least_offset_s)
        if len(self._span) < _SPAN_BLOCKS:
            return
        least_s, before_s = min(self._span), self._span_before_s
        self._span, self._span_before_s = [], least_s
        if before_s is None:
            return
        allowed_s = _STRAY * _SPAN_BLOCKS * _BLOCK_S
        later_s = least_s - before_s
        beyond_s = later_s - min(max(later_s, -allowed_s), allowed_s)
        self._missing_s = max(0.0, self._missing_s + beyond_s)  # it goes down when a whole span was only late

    @property
    def estimated_missing_s(self) -> float:
        """Seconds whose samples never came, as far as arrivals show it; the last 10 to 20 s are not in it yet.

        Only of use for a sensor without number and time: for others the grid counts what is missing.
        """
        return self._missing_s

    def host_s(self, sample: int) -> float | None:
        """Host time of a sample, as early as its packet could have come; None in the first ten seconds."""
        if len(self._minima) < _LEAST_BLOCKS:
            return None
        at_s, offset_s = np.array(self._minima).T[:, -_OFFSET_BLOCKS:]
        sample_s = sample / self._rate_hz
        level = np.percentile(offset_s - self._slope * (at_s - sample_s), _OFFSET_PERCENTILE)
        return float(sample_s + level)

    @property
    def fit(self) -> ClockFit:
        """The sensor's clock as far as it is known."""
        if len(self._minima) < _LEAST_BLOCKS:
            return ClockFit(longest_stall_s=self._longest_stall_s)
        rate_hz = self._rate_hz / (1.0 + self._slope)
        return ClockFit(
            measured_rate_hz=rate_hz,
            drift_ppm=(rate_hz / self._rate_hz - 1.0) * 1e6,
            longest_stall_s=self._longest_stall_s,
        )
