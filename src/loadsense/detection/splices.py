"""Lost packets that left no trace in the clock: the signal is spliced at a constant spacing.

A device that numbers nothing and drops packets leaves a recording whose samples look regular, with a jump at every
packet border behind which time is missing. A step is measured against its neighbourhood and ranked; at a true packet
length the steps at one place of the packet are large again and again. The sum of -ln(1 - rank) over n packets follows a
gamma distribution when the place means nothing, so a chance is known, and it is charged for every length and place that
was tried.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from loadsense.samples import FloatArray, SampleBlock

#: Shortest and longest packet looked for.
_SHORTEST_S, _LONGEST_S = 1.0, 8.0
#: Fewest borders to judge by.
_PACKETS_MIN = 5
#: Chance, after all that was tried, under which a spacing is believed.
_CHANCE = 1e-2
#: Mean size of the steps at the borders, beside the steps around them, that speaks of lost samples.
_RATIO_MIN = 2.0
#: Samples on each side that a step is compared with.
_AROUND = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Splices:
    """Packet borders at which samples were lost.

    Attributes
    ----------
    spacing_samples : int
        Length of a packet.
    first_sample : int
        First sample after the first border, counted from the start of the stretch.
    step_ratio : float
        Mean size of the steps at the borders beside the steps around it.
    """

    spacing_samples: int
    first_sample: int
    step_ratio: float


def find_splices(
    accel_g: FloatArray, sampling_rate_hz: float, *, from_start: bool = False, to_end: bool = False
) -> Splices | None:
    """Splices of a stretch of samples; None where none are seen.

    Parameters
    ----------
    accel_g : ndarray, shape (n, 3)
        RAW g as recorded.
    sampling_rate_hz : float
        Samples per second.
    from_start : bool
        The stretch begins with the recording, and so with a packet: the first place is known.
    to_end : bool
        The stretch also ends with the recording, and so with a packet: only parts of its length come into question.
    """
    if len(accel_g) < 4 * _AROUND:
        return None
    ratio = _step_ratio(accel_g)
    order = np.argsort(np.argsort(ratio, kind="stable"), kind="stable")
    surprise = -np.log1p(-(order + 0.5) / len(ratio))
    spacings = _spacings(len(accel_g), sampling_rate_hz, from_start, from_start and to_end)
    tried = len(spacings) if from_start else sum(spacings)
    best = min((_border_chance(surprise, spacing, from_start) for spacing in spacings), default=(0.0, 0, 0))
    if best[1] == 0 or best[0] + math.log(tried) > math.log(_CHANCE):
        return None
    _, spacing, place = best
    at_borders = float(ratio[place::spacing].mean())
    if at_borders < _RATIO_MIN:
        return None
    return Splices(spacing_samples=spacing, first_sample=place + 1, step_ratio=at_borders)


def _spacings(n: int, sampling_rate_hz: float, from_start: bool, whole: bool) -> list[int]:
    """Packet lengths to try."""
    fewest = 3 if from_start else _PACKETS_MIN
    shortest = max(8, round(_SHORTEST_S * sampling_rate_hz))
    longest = min(round(_LONGEST_S * sampling_rate_hz), n // fewest)
    return [spacing for spacing in range(shortest, longest + 1) if not whole or n % spacing == 0]


def _border_chance(surprise: FloatArray, spacing: int, from_start: bool) -> tuple[float, int, int]:
    """Logarithm of the chance of the steps at the likeliest border of packets of one length; length; place."""
    if from_start:
        at = surprise[spacing - 1 :: spacing]
        return _log_gamma_tail(float(at.sum()), len(at)), spacing, spacing - 1
    packets = len(surprise) // spacing
    sums = surprise[: packets * spacing].reshape(packets, spacing).sum(axis=0)
    place = int(np.argmax(sums))
    return _log_gamma_tail(float(sums[place]), packets), spacing, place


def _step_ratio(accel_g: FloatArray) -> FloatArray:
    """Length of each step from one sample to the next, beside the median of the steps around it."""
    step = np.diff(accel_g, axis=0)
    size = np.sqrt((step * step).sum(axis=1))
    padded = np.pad(size, _AROUND, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    floor = max(float(np.median(size)), 1e-6)
    return np.asarray(size / (np.median(around, axis=1) + 0.25 * floor))


def _log_gamma_tail(total: float, n: int) -> float:
    """Logarithm of the chance that n unit exponentials sum to at least total."""
    term = peak = 0.0
    logs = [0.0]
    for k in range(1, n):
        term += math.log(total / k)
        logs.append(term)
        peak = max(peak, term)
    return -total + peak + math.log(sum(math.exp(value - peak) for value in logs))


class RawTail:
    """The last samples as they came, for a look at their steps once a set is known.

    Parameters
    ----------
    sampling_rate_hz : float
        Samples per second.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self._rate_hz = sampling_rate_hz
        self._blocks: deque[SampleBlock] = deque()

    @property
    def end(self) -> int:
        """Sample after the last one."""
        return self._blocks[-1].first_sample + len(self._blocks[-1]) if self._blocks else 0

    def push(self, block: SampleBlock) -> None:
        """Keep a block."""
        self._blocks.append(block)

    def drop_before(self, sample: int) -> None:
        """Forget blocks that end before a sample."""
        while self._blocks and self._blocks[0].first_sample + len(self._blocks[0]) <= sample:
            self._blocks.popleft()

    def clear(self) -> None:
        """Forget everything: samples behind a long hole are another stretch."""
        self._blocks.clear()

    def splices(self, start: int, end: int, *, to_end: bool) -> Splices | None:
        """Splices of the samples [start, end), which are all of the recording where they begin at 0 and run to its end.

        None where a hole lies among them: a device that reports holes does not hide them.
        """
        joined = self._joined(start, end)
        if joined is None:
            return None
        found = find_splices(joined, self._rate_hz, from_start=start == 0, to_end=to_end)
        return found and replace(found, first_sample=found.first_sample + start)

    def _joined(self, low: int, high: int) -> FloatArray | None:
        parts: list[FloatArray] = []
        expected = low
        for block in self._blocks:
            after = block.first_sample + len(block)
            if after <= low or block.first_sample >= high:
                continue
            if block.first_sample > expected:
                return None
            expected = after
            parts.append(block.accel_g[max(low - block.first_sample, 0) : high - block.first_sample])
        return np.concatenate(parts) if parts else None
