"""The loads of one landing, measured on a closed window of raw samples.

The window is a function of the candidate alone, and everything here is a function of the window: a live landing and the
same one from a file are measured on the same samples and come out the same to the last bit.

Filter: zero-phase Butterworth of order 4 at 85 Hz, or 0.4 of the sampling rate where that is lower: practically the
sensor's own bandwidth. A second pass at 20 Hz gives the value that the force equations ask for.

Peak: the highest filtered resultant within 50 ms of the detector's peak, not before initial contact. The detector works
on a smoothed copy of the signal; 50 ms is more than its smoothing moves a peak and less than what separates two.

Rise: from initial contact to the peak, or from the start of the last steady rise where that is earlier. Three loading
rates are named, and each of them scales with filter and sampling rate, so both travel with them:

maximum
    steepest central difference on the rise;
20 to 80 %
    mean slope between 20 and 80 % of the rise in height, crossings found by linear interpolation, the last of
    each before the peak;
onset to peak
    height of the rise over its duration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from loadsense import units
from loadsense.events import Landing, LandingCandidate, LoadingRates, Takeoff
from loadsense.lowpass import possible_cutoff_hz, zero_phase
from loadsense.samples import FloatArray
from loadsense.vectors import clipped_rows, gravity_direction, resultant_g

#: Low-pass of a landing; 0.4 of the sampling rate where that is lower.
LANDING_CUTOFF_HZ: Final = 85.0
#: Low-pass of the value that goes into force equations.
FORCE_CUTOFF_HZ: Final = 20.0
#: The window: so long before the flight and behind the peak (settled landings are due 1.0 s after it).
BEFORE_FLIGHT_S: Final = 1.0
AFTER_PEAK_S: Final = 0.9
#: The measured peak lies this close to the detected one; the 20 Hz peak within twice that.
PEAK_WITHIN_S: Final = 0.05


def landing_window(candidate: LandingCandidate, sampling_rate_hz: float) -> tuple[int, int]:
    """Samples [first, end) that a landing is measured on; a gap or an end of the recording may cut it.

    Parameters
    ----------
    candidate : LandingCandidate
        As detected.
    sampling_rate_hz : float
        Rate of the stream.
    """
    before = units.samples_from_seconds(BEFORE_FLIGHT_S, sampling_rate_hz)
    after = units.samples_from_seconds(AFTER_PEAK_S, sampling_rate_hz)
    return max(0, candidate.flight_start_sample - before), candidate.peak_sample + after


def measure_landing(
    window_g: FloatArray,
    window_first_sample: int,
    candidate: LandingCandidate,
    *,
    sampling_rate_hz: float,
    range_g: float | None,
) -> Landing:
    """Peak, loading rates and heights of a landing.

    Parameters
    ----------
    window_g : ndarray, shape (n, 3)
        Raw samples of `landing_window`, or what a gap left of it; RAW g. It holds the detected peak.
    window_first_sample : int
        Index of its first row.
    candidate : LandingCandidate
        As detected; marked truncated in the result where the window is cut short.
    sampling_rate_hz : float
        Rate of the stream.
    range_g : float or None
        Full scale of each axis; None leaves `clipped` False.

    Returns
    -------
    Landing
        `force`, `high_magnitude` and `high_rate` are left to those who know body mass and profile.

    Raises
    ------
    ValueError
        The detected peak lies outside the window.
    """
    peak_row = candidate.peak_sample - window_first_sample
    if not 0 <= peak_row < len(window_g):
        raise ValueError(
            f"peak sample {candidate.peak_sample} is outside the window "
            f"[{window_first_sample}, {window_first_sample + len(window_g)}); pass the samples of landing_window"
        )
    rows = _Rows.of(candidate, window_first_sample, len(window_g), sampling_rate_hz)
    axes_g = np.ascontiguousarray(window_g.T)
    filtered = _low_pass(axes_g, LANDING_CUTOFF_HZ, sampling_rate_hz)
    size_g = resultant_g(filtered)
    peak = rows.highest(size_g, rows.within)
    onset = min(rows.contact, _start_of_rise(size_g, peak))
    slow_g = resultant_g(_low_pass(axes_g, FORCE_CUTOFF_HZ, sampling_rate_hz))
    slow_peak = rows.highest(slow_g, 2 * rows.within)
    rates = _loading_rates(size_g, onset, peak, sampling_rate_hz)
    jump_m, drop_m = fall_heights_m(candidate.flight_s, candidate.takeoff)
    peak_g = float(size_g[peak])
    first, end = landing_window(candidate, sampling_rate_hz)
    cut = window_first_sample > first or window_first_sample + len(window_g) < end
    return Landing(
        candidate=replace(candidate, truncated=candidate.truncated or cut),
        peak_g=peak_g,
        peak_net_g=units.net_from_raw(units.RawG(peak_g)),
        peak_vertical_g=_vertical_g(axes_g, filtered[:, peak]),
        peak_20hz_g=float(slow_g[slow_peak]),
        loading_rates=replace(rates, maximum_20hz_g_per_s=_steepest_inside(slow_g, slow_peak, sampling_rate_hz)),
        time_to_peak_s=(peak - rows.contact) / sampling_rate_hz if peak > rows.contact else None,
        jump_height_m=jump_m,
        drop_height_m=drop_m,
        clipped=range_g is not None and bool(clipped_rows(window_g[rows.contact : rows.end], range_g).any()),
    )


def fall_heights_m(flight_s: float | None, takeoff: Takeoff) -> tuple[float | None, float | None]:
    """Jump height and drop height from the duration of a flight.

    With a push-off half of the flight is the fall; without one all of it is; when that is unknown there is neither.

    Examples
    --------
    >>> [round(h, 3) for h in fall_heights_m(0.404, Takeoff.PUSH) if h]
    [0.2]
    """
    if flight_s is None or takeoff is Takeoff.UNKNOWN:
        return None, None
    whole_m = units.STANDARD_GRAVITY_M_PER_S2 * flight_s * flight_s / 2.0
    return (whole_m / 4.0, None) if takeoff is Takeoff.PUSH else (None, whole_m)


class _Rows:
    """Rows of a candidate inside its window."""

    def __init__(self, contact: int, peak: int, end: int, within: int) -> None:
        self.contact = contact
        self.peak = peak
        self.end = end
        self.within = within

    @classmethod
    def of(cls, candidate: LandingCandidate, first_sample: int, n: int, sampling_rate_hz: float) -> _Rows:
        peak = candidate.peak_sample - first_sample
        contact = min(max(candidate.landing_sample - first_sample, 0), peak)
        end = min(max(candidate.end_sample - first_sample, peak + 1), n)
        return cls(contact, peak, end, max(1, units.samples_from_seconds(PEAK_WITHIN_S, sampling_rate_hz)))

    def highest(self, values_g: FloatArray, within: int) -> int:
        """Row of the highest value near the detected peak, not before contact; the first of equals."""
        low = max(self.contact, self.peak - within)
        return low + int(np.argmax(values_g[low : self.peak + within + 1]))


def _low_pass(axes_g: FloatArray, cutoff_hz: float, sampling_rate_hz: float) -> FloatArray:
    return zero_phase(
        axes_g, cutoff_hz=possible_cutoff_hz(cutoff_hz, sampling_rate_hz), sampling_rate_hz=sampling_rate_hz
    )


def _start_of_rise(values_g: FloatArray, peak: int) -> int:
    """First row of the steady rise that ends in the peak."""
    falls = np.flatnonzero(values_g[1 : peak + 1] <= values_g[:peak])
    return int(falls[-1]) + 1 if len(falls) else 0


def _vertical_g(axes_g: FloatArray, at_peak_g: FloatArray) -> float | None:
    """Part of the peak along gravity, the direction of the mean over the whole window."""
    towards = gravity_direction((axes_g.sum(axis=1) / axes_g.shape[1])[None])[0]
    vertical_g = float(towards[0] * at_peak_g[0] + towards[1] * at_peak_g[1] + towards[2] * at_peak_g[2])
    return None if np.isnan(vertical_g) else vertical_g


def _loading_rates(size_g: FloatArray, onset: int, peak: int, sampling_rate_hz: float) -> LoadingRates:
    if peak <= onset:
        return LoadingRates()
    rise_g = float(size_g[peak] - size_g[onset])
    return LoadingRates(
        maximum_g_per_s=_steepest(size_g, onset, peak) * sampling_rate_hz,
        slope_20_80_g_per_s=_slope_20_80(size_g[onset : peak + 1]) * sampling_rate_hz if rise_g > 0.0 else None,
        onset_g_per_s=rise_g / (peak - onset) * sampling_rate_hz if rise_g > 0.0 else None,
        cutoff_hz=possible_cutoff_hz(LANDING_CUTOFF_HZ, sampling_rate_hz),
        sampling_rate_hz=sampling_rate_hz,
    )


def _steepest(size_g: FloatArray, onset: int, peak: int) -> float:
    """Largest central difference from onset to peak, per sample; one-sided at the edge of the window."""
    low, high = max(onset, 1), min(peak, len(size_g) - 2)
    if low > high:
        return float(size_g[peak] - size_g[onset]) / (peak - onset)
    return float((size_g[low + 1 : high + 2] - size_g[low - 1 : high]).max() / 2.0)


def _steepest_inside(size_g: FloatArray, peak: int, sampling_rate_hz: float) -> float | None:
    """Largest central difference strictly inside the steady rise, as the force equations had it, g/s."""
    onset = _start_of_rise(size_g, peak)
    if peak - onset <= 1:
        return None
    return float((size_g[onset + 2 : peak + 1] - size_g[onset : peak - 1]).max() * sampling_rate_hz / 2.0)


def _slope_20_80(rise_g: FloatArray) -> float:
    """Mean slope between the last crossings of 20 and 80 % of a rise that ends at its highest value, per sample."""
    bottom, top = float(rise_g[0]), float(rise_g[-1])
    at_80 = _last_crossing(rise_g, bottom + 0.8 * (top - bottom))
    at_20 = _last_crossing(rise_g, bottom + 0.2 * (top - bottom))
    return 0.6 * (top - bottom) / (at_80 - at_20)


def _last_crossing(rise_g: FloatArray, level_g: float) -> float:
    """Place, in samples, where the rise last passes a level upwards."""
    below = int(np.flatnonzero(rise_g[:-1] <= level_g)[-1])
    return below + (level_g - float(rise_g[below])) / float(rise_g[below + 1] - rise_g[below])
