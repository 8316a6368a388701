"""Impacts as published by impactr 0.4.1 (Veras), faults and all, to compare with; the product uses `detection.impacts`.

The steps, and where they depart from ours:

1. Low-pass: `signal::filtfilt` of R begins at rest and appends zeros, so the first and last samples are pulled to zero
   (0.3 g at the very ends, nothing from 50 samples inwards at 100 Hz).
2. Vertical is the recorded y axis turned over, whichever way the sensor hangs; the resultant is that of the axes.
3. Peaks: `pracma::findpeaks`, a rise directly followed by a fall. Flat tops are no peaks; of equal heights the earlier
   wins; a peak exactly at the minimum distance stays.
4. Acceleration rate: the largest central difference of the rise. Two faults of the original can be chosen: its window
   lies one sample late, so that it skips the first slope of the rise and looks past the top; and its work vector is
   filled with zeros and never cleared, so that from the second peak on no rate is below zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadsense.samples import FloatArray

CUTOFF_HZ: Final = 20.0
ORDER: Final = 4
MIN_PEAK_G: Final = 1.3
MIN_DISTANCE_S: Final = 0.4

_RISE_THEN_FALL: Final = re.compile(rb"\++-+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPeak:
    """One peak, indices counted from 0 in the signal it was found in.

    Attributes
    ----------
    start_index, peak_index, end_index : int
        First sample of the rise, the peak, and last sample of the fall.
    peak_g : float
        Height, RAW g.
    rate_g_per_s : float or None
        Largest central difference of the rise; None where the rise is one step.
    """

    start_index: int
    peak_index: int
    end_index: int
    peak_g: float
    rate_g_per_s: float | None


def filter_published(accel_g: FloatArray, *, sampling_rate_hz: float, cutoff_hz: float = CUTOFF_HZ) -> FloatArray:
    """Butterworth low-pass of order 4 forwards and backwards, begun at rest, with zeros behind the end.

    Parameters
    ----------
    accel_g : ndarray, shape (n,) or (n, 3)
        RAW g.
    """
    from scipy.signal import butter, lfilter

    b, a = butter(ORDER, cutoff_hz, fs=sampling_rate_hz)
    zeros = np.zeros((2 * max(len(b), len(a)), *accel_g.shape[1:]))
    forward = lfilter(b, a, np.concatenate((accel_g, zeros)), axis=0)
    return np.asarray(lfilter(b, a, forward[::-1], axis=0)[::-1][: len(accel_g)])


def find_published_peaks(
    signal_g: FloatArray,
    *,
    sampling_rate_hz: float,
    min_peak_g: float = MIN_PEAK_G,
    min_distance_s: float = MIN_DISTANCE_S,
    with_faults: bool = True,
) -> list[PublishedPeak]:
    """Peaks and acceleration rates in order of time.

    Parameters
    ----------
    signal_g : ndarray, shape (n,)
        Resultant or vertical, RAW g.
    with_faults : bool
        Rates as impactr returns them; False gives the rates of the rise itself.
    """
    found = _rises_and_falls(signal_g, min_peak_g)
    kept = sorted(_spaced(found, signal_g, min_distance_s * sampling_rate_hz))
    peaks: list[PublishedPeak] = []
    for start, peak, end in kept:
        rate = _rate(signal_g, start, peak, late=with_faults)
        if with_faults and peaks and rate is not None:
            rate = max(rate, 0.0)
        peaks.append(
            PublishedPeak(
                start_index=start,
                peak_index=peak,
                end_index=end,
                peak_g=float(signal_g[peak]),
                rate_g_per_s=None if rate is None else rate * sampling_rate_hz / 2.0,
            )
        )
    return peaks


def _rises_and_falls(signal_g: FloatArray, min_peak_g: float) -> list[tuple[int, int, int]]:
    """Start, peak and end of every rise that a fall follows at once, high enough."""
    step = np.sign(np.diff(signal_g)).astype(np.int8)
    signs = np.choose(step + 1, [ord("-"), ord("0"), ord("+")]).astype(np.uint8).tobytes()
    spans = [match.span() for match in _RISE_THEN_FALL.finditer(signs)]
    tops = [(start, start + int(np.argmax(signal_g[start : end + 1])), end) for start, end in spans]
    return [top for top in tops if signal_g[top[1]] >= min_peak_g]


def _spaced(
    found: list[tuple[int, int, int]], signal_g: FloatArray, min_distance_samples: float
) -> list[tuple[int, int, int]]:
    """Highest first, the earlier of equals; what lies closer than the distance to a kept one is dropped."""
    if not min_distance_samples > 1.0:
        return found
    order = sorted(found, key=lambda top: (-signal_g[top[1]], top[1]))
    at = np.array([top[1] for top in order])
    dropped = np.zeros(len(order), dtype=np.bool_)
    for i in range(len(order)):
        if not dropped[i]:
            away = np.abs(at - at[i])
            dropped |= (away > 0) & (away < min_distance_samples)
    return [top for top, gone in zip(order, dropped.tolist(), strict=True) if not gone]


def _rate(signal_g: FloatArray, start: int, peak: int, *, late: bool) -> float | None:
    """Largest difference over two samples strictly inside the rise, or one sample late; None for a rise of one step."""
    if peak - start <= 1:
        return None
    first, end = start + 1 + late, peak + late
    last = min(end + 1, len(signal_g))
    return float((signal_g[first + 1 : last] - signal_g[first - 1 : last - 2]).max())
