"""Peaks of a low-passed resultant with the rise that leads to each, and which of them are far enough apart."""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence
from typing import Final

import numpy as np

from loadsense.kernels import sums
from loadsense.kernels.family import Kernel
from loadsense.kernels.sums import sum_in_order
from loadsense.samples import FloatArray, IntArray

#: Resultants at once: few enough for the nearest cache.
_AT_ONCE: Final = 256

#: In place of a unit vector that nobody has asked for.
_UNASKED: Final = 2.0

#: What `decide` writes for a peak.
OPEN: Final = 0
WON: Final = 1
LOST: Final = 2

#: Samples at which values change, the values, and their parts along gravity.
_Rise = tuple[IntArray, FloatArray, FloatArray]
#: Sums and samples of the hops before and of these (0 samples until asked for), unit vectors, shortest mean in g.
_Gravity = tuple[FloatArray, FloatArray, float]


def _sums_of(axes_g: FloatArray, hop: int, k: int, row: FloatArray) -> None:
    """Sums of the axes over hop k, the last one perhaps shorter, and its samples."""
    first, end = k * hop, min((k + 1) * hop, axes_g.shape[1])
    for axis in range(3):
        row[axis] = sum_in_order(axes_g[axis, first:end], end - first)
    row[3] = end - first


def _point(axes_g: FloatArray, hop: int, k: int, gravity: _Gravity) -> None:
    """Unit vector of the mean acceleration of hop k and the hops before it; NaN where the mean is too short."""
    table, towards, shortest_mean_g = gravity
    n_before = len(table) - len(towards)
    for j in range(max(k, n_before), k + n_before + 1):
        if table[j, 3] == 0.0:
            _sums_of(axes_g, hop, j - n_before, table[j])
    x, y, z, count = table[k, 0], table[k, 1], table[k, 2], table[k, 3]
    for j in range(k + 1, k + n_before + 1):
        x += table[j, 0]
        y += table[j, 1]
        z += table[j, 2]
        count += table[j, 3]
    x, y, z = x / count, y / count, z / count
    length = math.sqrt(x * x + y * y + z * z)
    if not length > shortest_mean_g:
        length = math.nan
    towards[k, 0], towards[k, 1], towards[k, 2] = x / length, y / length, z / length


def _vertical(axes_g: FloatArray, hop: int, at: int, gravity: _Gravity) -> float:
    """Part along gravity of one sample; most hops have no peak, so gravity is pointed to where it is asked for."""
    k, towards = at // hop, gravity[1]
    if towards[k, 0] == _UNASKED:
        _point(axes_g, hop, k, gravity)
    along: float = axes_g[0, at] * towards[k, 0] + axes_g[1, at] * towards[k, 1] + axes_g[2, at] * towards[k, 2]
    return along


def _between_falls(size_g: FloatArray) -> tuple[int, int]:
    """Values that no peak needs if all are too low for one: behind the first fall, and before the last one."""
    n, first = len(size_g), 1
    while first < n and size_g[first] >= size_g[first - 1]:
        first += 1
    last = n - 1
    while last > first and size_g[last] >= size_g[last - 1]:
        last -= 1
    return first + 1, max(first + 1, last - 1)


def _runs(axes_g: FloatArray, first_sample: int, min_peak_g: float, work: tuple[IntArray, FloatArray], n: int) -> int:
    """Append the resultant to n runs, equal values as one, without what no peak needs; return the number of runs."""
    starts, values_g = work
    x, y, z, room = axes_g[0], axes_g[1], axes_g[2], np.empty(_AT_ONCE)
    last = values_g[n - 1] if n else math.nan
    for start in range(0, len(x), _AT_ONCE):
        size_g, n_high = room[: min(_AT_ONCE, len(x) - start)], 0
        for i in range(len(size_g)):
            j = start + i
            size_g[i] = math.sqrt(x[j] * x[j] + y[j] * y[j] + z[j] * z[j])
        for i in range(len(size_g)):
            n_high += size_g[i] >= min_peak_g
        left_out, taken_up = _between_falls(size_g) if n_high == 0 else (len(size_g), len(size_g))
        for part in (range(min(left_out, len(size_g))), range(taken_up, len(size_g))):
            for i in part:
                if size_g[i] != last:
                    last = size_g[i]
                    starts[n], values_g[n] = first_sample + start + i, last
                    n += 1
    return n


def _tops(values_g: FloatArray, min_peak_g: float) -> IntArray:
    """Runs above both their neighbours."""
    n_tops, tops = 0, np.empty(len(values_g) // 2 + 1, dtype=np.int64)
    for i in range(1, len(values_g) - 1):
        if values_g[i] >= min_peak_g and values_g[i] > values_g[i - 1] and values_g[i] > values_g[i + 1]:
            tops[n_tops] = i
            n_tops += 1
    return tops[:n_tops]


def _bottom(starts: IntArray, values_g: FloatArray, top: int) -> int:
    """The last minimum or flat run before a top, or the first run."""
    at = top - 1
    while at > 0 and values_g[at - 1] < values_g[at] and starts[at + 1] - starts[at] == 1:
        at -= 1
    return at


def _steepest(values_g: FloatArray, bottom: int, top: int, half_rate_hz: float) -> float:
    """Largest central difference strictly inside a rise, g/s; NaN where nothing lies between."""
    steepest = math.nan
    for i in range(bottom + 1, top):
        slope = (values_g[i + 1] - values_g[i - 1]) * half_rate_hz
        if not steepest >= slope:
            steepest = slope
    return steepest


def peaks(
    axes_g: FloatArray,
    stream: tuple[int, int, float, float, float],
    before: FloatArray,
    rise: _Rise,
    work: tuple[IntArray, FloatArray],
) -> tuple[IntArray, FloatArray, FloatArray, IntArray, FloatArray, FloatArray]:
    """`detection.impacts._LocalMaxima` of the resultant, with `detection.gravity.TrailingGravity`.

    Parameters
    ----------
    axes_g : ndarray, shape (3, n)
        Low-passed, whole hops from the first sample on, the last one perhaps shorter.
    stream : tuple
        First sample, samples of a hop, lowest peak in g, half the sampling rate, shortest mean that points somewhere.
    before : ndarray, shape (hops, 4)
        Sums of the axes and number of samples of the hops before.
    rise : tuple of ndarray
        What is left of the samples before: where runs of equal values start, values, and vertical parts.
    work : tuple of ndarray
        Room for starts and values of the runs before and of n more.

    Returns
    -------
    whole : ndarray of int, shape (2, peaks)
        Sample of each peak and of its onset.
    parts : ndarray, shape (3, peaks)
        Height, steepest slope (NaN where the rise is one sample) and vertical part.
    before, starts, values, vertical : ndarray
        To be given with the next samples.
    """
    first_sample, hop, min_peak_g, half_rate_hz, shortest_mean_g = stream
    n_kept, n_before, n_hops = len(rise[0]), len(before), (axes_g.shape[1] + hop - 1) // hop
    table = np.zeros((n_before + n_hops, 4))
    table[:n_before] = before
    gravity = (table, np.full((n_hops, 3), _UNASKED), shortest_mean_g)
    starts, values_g = work
    starts[:n_kept], values_g[:n_kept] = rise[0], rise[1]
    n = _runs(axes_g, first_sample, min_peak_g, work, n_kept)
    starts, values_g = starts[:n], values_g[:n]
    tops = _tops(values_g, min_peak_g)
    whole, parts = np.empty((2, len(tops)), dtype=np.int64), np.empty((3, len(tops)))
    for k in range(len(tops)):
        top = tops[k]
        bottom = _bottom(starts, values_g, top)
        whole[0, k], whole[1, k] = (starts[top] + starts[top + 1] - 1) // 2, starts[bottom + 1] - 1
        parts[0, k], parts[1, k] = values_g[top], _steepest(values_g, bottom, top, half_rate_hz)
        at = starts[top] - first_sample
        parts[2, k] = rise[2][top] if top < n_kept else _vertical(axes_g, hop, at, gravity)
    keep = max(n - 1, 0)
    while keep > 0 and values_g[keep] > values_g[keep - 1]:
        keep -= 1
    vertical_g = np.empty(n - keep)
    for i in range(keep, n):
        vertical_g[i - keep] = rise[2][i] if i < n_kept else _vertical(axes_g, hop, starts[i] - first_sample, gravity)
    for k in range(max(0, n_hops - n_before), n_hops):
        _sums_of(axes_g, hop, k, table[n_before + k])
    return whole, parts, table[n_hops:].copy(), starts[keep:].copy(), values_g[keep:].copy(), vertical_g


def _is_highest(samples: Sequence[int], heights_g: Sequence[float], low: int, at: int, distance: int) -> bool:
    """Whether a peak is higher than all open ones within the distance; of equals the later is."""
    left = at - 1
    while left >= low and samples[left] > samples[at] - distance:
        if heights_g[left] > heights_g[at]:
            return False
        left -= 1
    right = at + 1
    while right < len(samples) and samples[right] < samples[at] + distance:
        if heights_g[right] >= heights_g[at]:
            return False
        right += 1
    return True


def _highest_first(
    samples: Sequence[int],
    heights_g: Sequence[float],
    marks: MutableSequence[int],
    closed: tuple[int, int],
    distance: int,
) -> None:
    """Decide peaks that nothing else can reach: the highest wins, its neighbours lose, and so on with the rest."""
    low, end = closed
    for _ in range(low, end):
        best = -1
        for i in range(low, end):
            if marks[i] == OPEN and (best < 0 or heights_g[i] >= heights_g[best]):
                best = i
        if best < 0:
            return
        for i in range(low, end):
            if abs(samples[i] - samples[best]) < distance:
                marks[i] = LOST
        marks[best] = WON


def decide(
    samples: Sequence[int],
    heights_g: Sequence[float],
    marks: MutableSequence[int],
    distance: int,
    next_possible_sample: int,
) -> int:
    """Decide which peaks win against those closer than a distance, as far as no later peak can change it.

    Parameters
    ----------
    samples, heights_g : sequence
        Peaks in order of time.
    marks : mutable sequence of int
        Of each peak: `OPEN`, `WON` or `LOST`; all that are open come last. Changed.
    distance : int
        Of two peaks closer than this the higher wins, of equal heights the later.
    next_possible_sample : int
        No peak that is still to come lies before it.

    Returns
    -------
    int
        Index of the first peak that is still open.
    """
    low = len(samples)
    while low > 0 and marks[low - 1] == OPEN:
        low -= 1
    at = low
    while at < len(samples) and samples[at] <= next_possible_sample - distance:
        if not _is_highest(samples, heights_g, low, at, distance):
            at += 1
            continue
        left = low
        while samples[left] <= samples[at] - distance:
            left += 1
        _highest_first(samples, heights_g, marks, (low, left), distance)
        low = at
        for i in range(left, at):
            marks[i] = LOST
        while low < len(samples) and samples[low] < samples[at] + distance:
            marks[low] = LOST
            low += 1
        marks[at] = WON
        at = low
    return low


INNER: Final[tuple[Kernel, ...]] = (
    *sums.INNER,
    *(_sums_of, _point, _vertical, _between_falls, _runs, _tops, _bottom, _steepest, _is_highest, _highest_first),
)
_RISE: Final = "Tuple((int64[::1], float64[::1], float64[::1]))"
_WORK: Final = "Tuple((int64[::1], float64[::1]))"
_STREAM: Final = "Tuple((int64, int64, float64, float64, float64))"
OUTER: Final[dict[Kernel, str]] = {
    peaks: f"(float64[:, ::1], {_STREAM}, float64[:, ::1], {_RISE}, {_WORK})",
    decide: "int64(int64[::1], float64[::1], int8[::1], int64, int64)",
}
