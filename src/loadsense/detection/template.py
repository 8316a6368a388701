"""Repetitions by a matched template that the set itself provides.

The seed is the stretch, one period long, that looks most like the rest; it is averaged with what it matches and matched
again. Matching is a centred correlation over the three axes and over the samples that are there, at a few speeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadsense.detection.lift_criteria import LiftCriteria
from loadsense.detection.lift_grid import GRID_HZ
from loadsense.samples import FloatArray, IntArray

#: Share of the template's energy from which a repetition counts as wholly seen.
WHOLE = 0.98


@dataclass(frozen=True, slots=True)
class Matches:
    """Repetitions found in a stretch.

    Attributes
    ----------
    centres : ndarray, shape (n,)
        Samples of the stretch at the middle of each repetition.
    similarity, scale : ndarray, shape (n,)
        Correlation with the template, and the speed at which it matched best (1.25: slower).
    template_g : ndarray, shape (m, 3)
        Mean repetition, centred on zero.
    """

    centres: IntArray
    similarity: FloatArray
    scale: FloatArray
    template_g: FloatArray


@dataclass(frozen=True, slots=True)
class _Trace:
    """Correlation, gain and best scale of a template centred at each sample."""

    similarity: FloatArray
    gain: FloatArray
    scale: FloatArray
    share: FloatArray


def no_matches() -> Matches:
    """Nothing repeats."""
    empty = np.zeros(0)
    return Matches(np.zeros(0, np.int64), empty, empty, np.zeros((0, 3)))


class Stretch:
    """A motion with its mask, padded by nothing on both sides so that a repetition cut by an edge can match.

    Parameters
    ----------
    motion_g : ndarray, shape (n, 3)
        RAW g, low-passed.
    present : ndarray, shape (n,)
        1 where the sample is there, 0 in a hole.
    period : int
        Samples in a repetition.
    """

    def __init__(self, motion_g: FloatArray, present: FloatArray, period: int) -> None:
        self.pad = int(0.7 * period)
        self.n = len(motion_g)
        self.period = period
        self.y = np.pad(motion_g, ((self.pad, self.pad), (0, 0)))
        self.w = np.pad(present, self.pad)
        self.yw = self.y * self.w[:, None]
        self.sum_w = _running(self.w)
        self.sum_yw = np.stack([_running(self.yw[:, k]) for k in range(3)], axis=1)
        self.sum_yy = _running((self.yw * self.y).sum(axis=1))
        self.whole = bool(self.w[self.pad : self.pad + self.n].all())

    def correlate(self, template_g: FloatArray, criteria: LiftCriteria) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Correlation and gain with the template starting at each sample, over what is there."""
        m = len(template_g)
        t = template_g - template_g.mean(axis=0)
        energy = float((t * t).sum())
        count = np.maximum(self.sum_w[m:] - self.sum_w[:-m], 1e-6)
        sums = self.sum_yw[m:] - self.sum_yw[:-m]
        overlap = np.stack([np.correlate(self.w, t[:, k], "valid") for k in range(3)], axis=1)
        cross = sum(np.correlate(self.yw[:, k], t[:, k], "valid") for k in range(3)) - (sums * overlap).sum(1) / count
        own = self.sum_yy[m:] - self.sum_yy[:-m] - (sums * sums).sum(axis=1) / count
        weight = np.correlate(self.w, (t * t).sum(axis=1), "valid") - (overlap * overlap).sum(axis=1) / count
        similarity = cross / np.sqrt(np.maximum(own, 1e-9) * np.maximum(weight, 1e-9))
        seen = (weight >= criteria.edge_energy * energy) & (count >= criteria.edge_cover * m)
        return np.where(seen, similarity, -1.0), cross / np.maximum(weight, 1e-9), weight / max(energy, 1e-9)

    def trace(self, template_g: FloatArray, scales: tuple[float, ...], criteria: LiftCriteria) -> _Trace:
        """Best correlation over the scales, of the template centred at each sample."""
        size = len(self.y)
        best = _Trace(np.full(size, -1.0), np.zeros(size), np.ones(size), np.zeros(size))
        for scale in scales:
            warped = _stretched(template_g, scale)
            m = len(warped)
            if m >= size:
                continue
            similarity, gain, share = self.correlate(warped, criteria)
            at = slice(m // 2, m // 2 + len(similarity))
            better = similarity > best.similarity[at]
            best.similarity[at] = np.where(better, similarity, best.similarity[at])
            best.gain[at] = np.where(better, gain, best.gain[at])
            best.scale[at] = np.where(better, scale, best.scale[at])
            best.share[at] = np.where(better, share, best.share[at])
        return best

    def average(self, centres: IntArray, m: int) -> FloatArray | None:
        """Mean of the whole stretches of length m around the centres, each centred; None where none is whole."""
        starts = centres - m // 2
        starts = starts[(starts >= 0) & (starts + m <= len(self.y))]
        starts = starts[self.sum_w[starts + m] - self.sum_w[starts] >= m - 0.5]
        if not len(starts):
            return None
        parts = self.y[starts[:, None] + np.arange(m)]
        return np.asarray((parts - parts.mean(axis=1, keepdims=True)).mean(axis=0))


def _running(values: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(values)])


def _stretched(template_g: FloatArray, scale: float) -> FloatArray:
    if scale == 1.0:
        return template_g
    m = len(template_g)
    at = np.linspace(0, m - 1, round(m * scale))
    return np.column_stack([np.interp(at, np.arange(m), template_g[:, k]) for k in range(3)])


def pick_peaks(similarity: FloatArray, spacing: float, least: float) -> IntArray:
    """Local maxima of at least `least`, the higher first, none closer than `spacing` to a higher one."""
    inner = similarity[1:-1]
    peaks = np.flatnonzero((inner >= similarity[:-2]) & (inner > similarity[2:]) & (inner >= least)) + 1
    kept: list[int] = []
    for peak in peaks[np.argsort(-similarity[peaks], kind="stable")].tolist():
        if all(abs(peak - other) >= spacing for other in kept):
            kept.append(peak)
    return np.array(sorted(kept), dtype=np.int64)


def _seed(stretch: Stretch, criteria: LiftCriteria) -> FloatArray | None:
    """The stretch of one period that looks most like the rest."""
    m, y = stretch.period, stretch.y
    best_score, best = -np.inf, None
    expected = max(2, round(0.8 * stretch.n / m))
    for start in range(stretch.pad, stretch.pad + max(1, stretch.n - m), max(1, m // 8)):
        part = y[start : start + m]
        if stretch.sum_w[start + m] - stretch.sum_w[start] < m - 0.5:
            continue
        similarity = stretch.trace(part, (1.0,), criteria).similarity
        peaks = pick_peaks(similarity, criteria.spacing_periods * m, 0.0)
        if len(peaks) < 2:
            continue
        score = float(np.sort(similarity[peaks])[::-1][:expected].sum())
        if score > best_score:
            best_score, best = score, part
    return best


def _offset_of_excursion(template_g: FloatArray) -> int:
    """How far the excursion from the resting posture lies from the middle of the template, in samples."""
    m = len(template_g)
    energy = ((template_g - np.median(template_g, axis=0)) ** 2).sum(axis=1)
    angle = np.angle((energy * np.exp(2j * np.pi * (np.arange(m) - m // 2) / m)).sum())
    return round(float(angle) / (2 * np.pi) * m)


def find_repetitions(motion_g: FloatArray, present: FloatArray, period: int, criteria: LiftCriteria) -> Matches:
    """Repetitions of the motion's own template."""
    stretch = Stretch(motion_g, present, period)
    template = _seed(stretch, criteria)
    if template is None:
        return no_matches()
    m = period
    for turn in range(5):
        trace = stretch.trace(template, criteria.scales, criteria)
        peaks = pick_peaks(trace.similarity, criteria.spacing_periods * m, criteria.match)
        if len(peaks) < 2:
            break
        good = trace.similarity[peaks] >= np.median(trace.similarity[peaks])
        shift = _offset_of_excursion(template) if turn in (2, 3) else 0
        averaged = stretch.average(peaks[good] + shift, m)
        if averaged is None:
            break
        template = averaged
    return _final(stretch, template, criteria)


def _final(stretch: Stretch, template: FloatArray, criteria: LiftCriteria) -> Matches:
    m = stretch.period
    trace = stretch.trace(template, criteria.scales, criteria)
    strong = pick_peaks(trace.similarity, criteria.spacing_periods * m, criteria.match)
    cut = trace.share < WHOLE
    strong = _of_size(strong, strong, trace.gain, (criteria.gain_min, criteria.gain_max))
    peaks = _chain(strong, trace.similarity, m, criteria)
    if len(peaks) >= 3:
        weak = pick_peaks(trace.similarity, criteria.spacing_periods * m, criteria.weak_match)
        weak = _of_size(weak[~cut[weak]], peaks, trace.gain, (criteria.weak_gain_min, criteria.gain_max))
        peaks = _without_squeezed(peaks, trace.gain, criteria)
        peaks = _filled(peaks, weak, trace.similarity, criteria)
    return Matches(peaks - stretch.pad, trace.similarity[peaks], trace.scale[peaks], template)


def _chain(peaks: IntArray, similarity: FloatArray, period: int, criteria: LiftCriteria) -> IntArray:
    """The longest chain without a long pause, and what continues it across pauses with a good match."""
    if len(peaks) < 2:
        return peaks
    step = criteria.chain_periods * period
    parts = np.split(peaks, np.flatnonzero(np.diff(peaks) > step) + 1)
    core = max(range(len(parts)), key=lambda k: len(parts[k]))
    low = high = core
    pause = period + criteria.pause_max_s * GRID_HZ
    while low > 0 and _continues(parts[low - 1], parts[low][0] - parts[low - 1][-1], similarity, pause, criteria):
        low -= 1
    while high + 1 < len(parts) and _continues(
        parts[high + 1], parts[high + 1][0] - parts[high][-1], similarity, pause, criteria
    ):
        high += 1
    return np.concatenate(parts[low : high + 1])


def _continues(part: IntArray, step: int, similarity: FloatArray, longest: float, criteria: LiftCriteria) -> bool:
    """Whether repetitions beyond a pause belong to the set: near enough, and as good as its own."""
    return bool(step <= longest and similarity[part].mean() >= criteria.pause_match)


def _of_size(peaks: IntArray, like: IntArray, gain: FloatArray, limits: tuple[float, float]) -> IntArray:
    """Peaks whose size is within limits of the median size of those they should be like."""
    if not len(peaks):
        return peaks
    size = gain[peaks] / np.median(gain[like])
    return peaks[(size > limits[0]) & (size < limits[1])]


def _filled(peaks: IntArray, weak: IntArray, similarity: FloatArray, criteria: LiftCriteria) -> IntArray:
    """With weaker repetitions where one is missing: an interval from the rest, inside and one beyond each end."""
    interval = float(np.median(np.diff(peaks)))
    room, reach = criteria.weak_spacing * interval, criteria.chain_periods * interval
    kept = peaks.tolist()
    for peak in weak[np.argsort(-similarity[weak], kind="stable")].tolist():
        near = min(abs(peak - other) for other in kept)
        beyond = max(kept[0] - peak, peak - kept[-1])
        is_next = beyond <= 0 or (peaks[0] == kept[0] if peak < kept[0] else peaks[-1] == kept[-1])
        if is_next and room <= near <= reach:
            kept = sorted([*kept, peak])
    return np.array(kept, dtype=np.int64)


def _without_squeezed(peaks: IntArray, gain: FloatArray, criteria: LiftCriteria) -> IntArray:
    """Without small movements squeezed between two repetitions that are hardly further apart than usual."""
    room = criteria.squeezed_spacing * float(np.median(np.diff(peaks)))
    small = gain[peaks] < criteria.squeezed_gain * np.median(gain[peaks])
    squeezed = np.zeros(len(peaks), dtype=bool)
    squeezed[1:-1] = peaks[2:] - peaks[:-2] < room
    return peaks[~(small & squeezed)]
