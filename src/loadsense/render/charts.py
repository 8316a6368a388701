"""What the charts show: positions, counts and lines, in the units of their axes and without any markup.

The trace is the min-max envelope, so that no peak is lost at any zoom. The grid and the bands are counts, and are drawn
as tables: a screen reader walks them, and they print.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from loadsense.criteria import Threshold
from loadsense.events import Landing, LiftSet
from loadsense.frames import seconds_at
from loadsense.render.page import Grade
from loadsense.render.sentences import grade_of, length_s, level, repetitions, session_length_s
from loadsense.render.words import axis_steps, axis_time, counted, duration, name, plain
from loadsense.results import BandCount, Envelope, RecordingResult, SessionReport, Verdict

#: Edges of the grid before a threshold takes the place of the nearest one; NET g and g/s.
_PEAK_EDGES_G: Final = (0.0, 1.0, 2.0, 3.0, 4.0, 5.5, 8.0)
_RATE_EDGES_G_PER_S: Final = (0.0, 25.0, 50.0, 100.0, 200.0, 400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A landing on the trace: where, how high, and what it was."""

    event_id: str
    at_s: float
    peak_g: float
    grade: Grade
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the trace: a set, or a gap."""

    start_s: float
    end_s: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line on the trace that the verdict was judged by, at RAW g, in the words of its own frame."""

    raw_g: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One sensor's recording on the time axis of the session.

    Attributes
    ----------
    sensor : str
        Whose trace.
    span_s : float
        Length of the time axis, the same for all sensors.
    top_g : int
        Top of the axis, RAW g; the axis starts at 0.
    offset_s, bucket_s : float
        Where the envelope starts, and the width of a bucket.
    outline : str
        Outline of the envelope as SVG path data; x in buckets, y in hundredths of g downwards from the top.
    ticks, sets, gaps, levels : tuple
        What is drawn over it.
    runs : tuple of Span
        Sets of one exercise in a row, with one label for all of them.
    key : tuple of (Grade, int)
        Grades that occur, and how often.
    words_left : bool
        Write the words of the levels on the left, where there are fewer landings.
    x_labels : tuple of (float, str)
        Percent of the width, and words.
    y_labels : tuple of (float, str)
        Percent of the height from the top, and words.
    summary : str
        The trace in a sentence, for who cannot see it.
    """

    sensor: str
    span_s: float
    top_g: int
    offset_s: float
    bucket_s: float
    outline: str
    ticks: tuple[Tick, ...]
    sets: tuple[Span, ...]
    gaps: tuple[Span, ...]
    levels: tuple[Level, ...]
    runs: tuple[Span, ...]
    key: tuple[tuple[Grade, int], ...]
    words_left: bool
    x_labels: tuple[tuple[float, str], ...]
    y_labels: tuple[tuple[float, str], ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One band of loading rate: its words, counts from the lowest peak to the highest, and whether it is above."""

    words: str
    counts: tuple[int, ...]
    above: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Landings by NET peak (columns) and loading rate (rows, highest first).

    Attributes
    ----------
    columns : tuple of str
        Words of the columns.
    first_above : int or None
        First column above the level of magnitude.
    rows : tuple of GridRow
        Rows above the level of rate come first.
    most : int
        Largest count, for the shading.
    peak_level, rate_level : str or None
        Words of the two threshold lines.
    without_rate : int
        Landings that have no loading rate and are not in the grid.
    """

    columns: tuple[str, ...]
    first_above: int | None
    rows: tuple[GridRow, ...]
    most: int
    peak_level: str | None
    rate_level: str | None
    without_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One band: its words, its count, and whether it lies above the profile's level."""

    words: str
    count: int
    above: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BandChart:
    """Counts of one published set of bands; clipped peaks lie in the band where they are counted or above it."""

    title: str
    bars: tuple[Bar, ...]
    most: int
    clipped: int


def traces(report: SessionReport) -> tuple[Trace, ...]:
    """One trace for each sensor that kept an envelope."""
    span_s = session_length_s(report)
    return tuple(
        _trace(recording, recording.envelope, report, span_s)
        for recording in report.recordings
        if recording.envelope is not None
    )


def _trace(recording: RecordingResult, envelope: Envelope, report: SessionReport, span_s: float) -> Trace:
    """The trace of one sensor."""
    tallest_g = max((g for g in envelope.high_g if g is not None), default=0.0)
    levels = _levels(report) if recording.landings else ()
    top_g = max(3, math.ceil(max([tallest_g, *(line.raw_g for line in levels)]) + 0.2))
    ticks = tuple(_tick(recording, landing, report.verdict) for landing in recording.landings)
    return Trace(
        sensor=recording.sensor,
        span_s=span_s,
        top_g=top_g,
        offset_s=recording.offset_s,
        bucket_s=envelope.bucket_samples / recording.info.sampling_rate_hz,
        outline=_outline(envelope, top_g),
        ticks=ticks,
        sets=tuple(_set_span(recording, [one]) for one in recording.sets),
        gaps=_gap_spans(recording),
        levels=levels,
        runs=tuple(_set_span(recording, list(run)) for _, run in groupby(recording.sets, key=lambda one: one.exercise)),
        key=tuple(Counter(tick.grade for tick in ticks).most_common()),
        words_left=2 * sum(tick.at_s > span_s / 2 for tick in ticks) > len(ticks),
        x_labels=tuple((100 * at / span_s, axis_time(at)) for at in axis_steps(span_s)),
        y_labels=tuple((100 - 100 * g / top_g, str(g)) for g in _g_steps(top_g)),
        summary=(
            f"{recording.sensor}: resultant acceleration over {duration(length_s(recording))}, largest "
            f"{tallest_g:.1f} g raw, {counted(len(ticks), 'landing')}, {counted(len(recording.sets), 'set')}; "
            "the table of events lists them"
        ),
    )


def _set_span(recording: RecordingResult, sets: list[LiftSet]) -> Span:
    """Sets in a row as one stretch, labelled with the exercise and the repetitions of each."""
    return Span(
        start_s=seconds_at(recording, sets[0].start_sample),
        end_s=seconds_at(recording, sets[-1].end_sample),
        words=f"{name(sets[0].exercise)} {repetitions(sets)}",
    )


def _tick(recording: RecordingResult, landing: Landing, verdict: Verdict) -> Tick:
    grade = grade_of(landing, verdict)
    return Tick(
        event_id=landing.event_id,
        at_s=seconds_at(recording, landing.candidate.peak_sample),
        peak_g=landing.peak_g,
        grade=grade,
        words=f"{landing.peak_net_g:.1f} g net, {grade.words}",
    )


def _gap_spans(recording: RecordingResult) -> tuple[Span, ...]:
    """Where samples are missing."""
    return tuple(
        Span(
            start_s=seconds_at(recording, gap.first_sample),
            end_s=seconds_at(recording, gap.first_sample + gap.n_missing),
            words=f"no data: {gap.reason}",
        )
        for gap in recording.quality.gaps
    )


def _levels(report: SessionReport) -> tuple[Level, ...]:
    """What the landings were judged by: the band of the plan, else the profile's level; one g higher on a RAW axis.

    A studied level is not drawn over landings that were prescribed by a band: nobody shall land harder to reach it.
    """
    target = report.verdict.target
    band = [
        (value, f"{words} {plain(value)} g net")
        for value, words in ((target.get("min_net_g"), "band from"), (target.get("ceiling_net_g"), "ceiling"))
        if value is not None
    ]
    magnitude = magnitude_level(report)
    if not band and magnitude is not None and report.verdict.basis == "evidence":
        band = [(magnitude.value, f"studied level {level(magnitude.value, magnitude.unit, magnitude.frame)}")]
    return tuple(Level(raw_g=net_g + 1, words=words) for net_g, words in band)


def magnitude_level(report: SessionReport) -> Threshold | None:
    """The profile's level of magnitude in NET g, if it has one."""
    found = (t for t in report.provenance.thresholds if t.quantity == "landing_peak" and t.frame == "NET")
    return next(found, None)


def rate_level(report: SessionReport) -> Threshold | None:
    """The profile's level of rate, if it has one."""
    return next((t for t in report.provenance.thresholds if t.quantity == "landing_rate"), None)


def _g_steps(top_g: int) -> tuple[int, ...]:
    """Whole g on the axis, four or five of them."""
    step = max(1, math.ceil(top_g / 5))
    return tuple(range(0, top_g + 1, step))


def _outline(envelope: Envelope, top_g: int) -> str:
    """Path data: each unbroken stretch goes forward along its largest values and back along its smallest."""
    pairs = list(zip(envelope.high_g, envelope.low_g, strict=True))
    top = top_g * 100
    paths = []
    for known, stretch in groupby(enumerate(pairs), key=lambda item: item[1][0] is not None):
        if known:
            points = [(k, top - round(100 * (high or 0)), top - round(100 * (low or 0))) for k, (high, low) in stretch]
            paths.append(_closed(points))
    return "".join(paths)


def _closed(points: list[tuple[int, int, int]]) -> str:
    """One closed outline, a step for each bucket, in relative moves, which are short to write."""
    first, high, _ = points[0]
    forward = "".join(f"h1v{b[1] - a[1]}" for a, b in pairwise(points))
    back = "".join([f"v{a[2] - b[2]}h-1" for a, b in pairwise(points)][::-1])
    down = points[-1][2] - points[-1][1]
    return f"M{first} {high}{forward}h1v{down}h-1{back}z"


def grid(report: SessionReport) -> Grid | None:
    """Landings by peak and rate; None without a landing that has both."""
    landings = [landing for r in report.recordings for landing in r.landings]
    both = [(x.peak_net_g, x.loading_rates.maximum_g_per_s) for x in landings]
    points = [(peak, rate) for peak, rate in both if rate is not None]
    if not points:
        return None
    magnitude, rate = magnitude_level(report), rate_level(report)
    peaks = _edges(_PEAK_EDGES_G, magnitude.value if magnitude else None)
    rates = _edges(_RATE_EDGES_G_PER_S, rate.value if rate else None)
    counts = [[0] * len(peaks) for _ in rates]
    for peak_g, rate_g_per_s in points:
        counts[max(0, bisect_right(rates, rate_g_per_s) - 1)][max(0, bisect_right(peaks, peak_g) - 1)] += 1
    rows = tuple(
        GridRow(words=words, counts=tuple(row), above=rate is not None and low >= rate.value)
        for low, words, row in zip(rates, _edge_words(rates), counts, strict=True)
    )
    return Grid(
        columns=_edge_words(peaks),
        first_above=peaks.index(magnitude.value) if magnitude else None,
        rows=rows[::-1],
        most=max(max(row) for row in counts),
        peak_level=level(magnitude.value, magnitude.unit, magnitude.frame) if magnitude else None,
        rate_level=level(rate.value, rate.unit, rate.frame) if rate else None,
        without_rate=len(both) - len(points),
    )


def _edges(edges: tuple[float, ...], threshold: float | None) -> tuple[float, ...]:
    """The edges with the threshold in place of the nearest one, so that its line runs between cells."""
    if threshold is None:
        return edges
    nearest = min(edges[1:], key=lambda edge: abs(edge - threshold))
    return tuple(sorted({threshold if edge == nearest else edge for edge in edges}))


def _edge_words(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Each cell in words: "1-2", the last open."""
    return (*(f"{plain(low)}–{plain(high)}" for low, high in pairwise(edges)), f"≥ {plain(edges[-1])}")


def band_charts(report: SessionReport) -> tuple[BandChart, ...]:
    """One chart for each published set of bands with a landing in it."""
    level_g = magnitude_level(report)
    clipped = sum(landing.clipped for r in report.recordings for landing in r.landings)
    charts = []
    for key, counts in groupby(report.landing_summary.bands, key=lambda band: band.name):
        bands = list(counts)
        bars = tuple(_bar(band, level_g.value if level_g else None) for band in bands)
        most = max(bar.count for bar in bars)
        charts.append(BandChart(title=_band_title(key, bands[0]), bars=bars, most=most, clipped=clipped))
    return tuple(chart for chart in charts if chart.most)


def _band_title(key: str, band: BandCount) -> str:
    return f"{key}, {band.frame} {band.unit}"


def _bar(band: BandCount, threshold_g: float | None) -> Bar:
    words = f"≥ {plain(band.low)}" if math.isinf(band.high) else f"{plain(band.low)}–{plain(band.high)}"
    above = threshold_g is not None and band.frame == "NET" and band.low >= threshold_g
    return Bar(words=words, count=band.count, above=above)
