"""Charts as positions for SVG, from the server: weekly doses, bone density under the same time axis, and small lines.

Across, positions are percent of the drawing, so that it fills any width and its text keeps its size; down, they are
units of one pixel. What is drawn at one week or day stands at the same place in every chart of a page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from loadsense.review.facts import DxaFacts, Marker
from loadsense.review.person import Bar

#: Of every chart, and how far a label line is from the next.
HEIGHT: Final = 120.0
LINE: Final = 15.0
#: A bar takes this share of its week.
_BAR_SHARE: Final = 0.64
#: Markers' labels are laid out for a drawing this wide, with characters this wide; longer words are cut.
_WIDTH_PX: Final = 640.0
_CHARACTER_PX: Final = 6.4
_MOST_CHARACTERS: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """Whole weeks from a Monday on."""

    first: date
    n_weeks: int

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> TimeAxis:
        """The weeks of bars."""
        return cls(first=date.fromisoformat(f"{bars[0].week}-1"), n_weeks=len(bars))

    def holds(self, day: date) -> bool:
        """Whether a day is shown."""
        return self.first <= day < self.first + timedelta(weeks=self.n_weeks)

    def x(self, day: date) -> float:
        """Percent from the left, the middle of the day."""
        return round(100.0 * ((day - self.first).days + 0.5) / (7.0 * self.n_weeks), 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBar:
    """One week: where, how high, its target line, and its words.

    Attributes
    ----------
    left, week_width : float
        Of the whole week, percent.
    x, width : float
        Of the bar, percent.
    y, height : float
        From the top.
    target_y : float or None
        Of its target.
    kind : {"done", "at_least", "missing", "none"}
        How it is drawn.
    label, words, week : str
        "W47", "2026-W47: 25 of 50 landings", "2026-W47".
    every : int
        1, 2 or 4: narrow drawings label only some weeks.
    running, has_sessions : bool
        Not over yet; there is something to open.
    """

    left: float
    week_width: float
    x: float
    width: float
    y: float
    height: float
    target_y: float | None
    kind: str
    label: str
    words: str
    week: str
    every: int
    running: bool
    has_sessions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMarker:
    """A thin labelled line; `lane` counts lines of labels upwards, `is_left` puts the words left of the line."""

    number: int
    day: date
    x: float
    short: str
    words: str
    lane: int
    is_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseChart:
    """A row of bars from 0 to `top`, which stands at the top of the chart; `running` is the week that is not over."""

    top: int
    target: int | None
    bars: tuple[DrawnBar, ...]
    markers: tuple[DrawnMarker, ...]
    running: DrawnBar | None
    height: float = HEIGHT

    @property
    def label_height(self) -> float:
        """Room for the labels of its markers."""
        return LINE * (max((one.lane for one in self.markers), default=-1) + 1)


def dose_chart(bars: Sequence[Bar], *, markers: Sequence[Marker] = ()) -> DoseChart:
    """Weeks of one dose; the axis begins at 0 and ends at a round number above every bar and target."""
    top = _round_up(max([bar.done or 0 for bar in bars] + [bar.target or 0 for bar in bars] + [1]))
    drawn = tuple(_drawn(i, bar, top, len(bars)) for i, bar in enumerate(bars))
    return DoseChart(
        top=top,
        target=next((bar.target for bar in reversed(bars) if bar.target is not None), None),
        bars=drawn,
        markers=drawn_markers(TimeAxis.of(bars), markers) if bars else (),
        running=next((one for one in drawn if one.running), None),
    )


def _drawn(i: int, bar: Bar, top: int, n: int) -> DrawnBar:
    kind = "missing" if bar.missing else "none" if bar.done is None else "at_least" if bar.at_least else "done"
    y = _y(bar.done or 0, top) if kind in ("done", "at_least") else 0.0
    week = 100.0 / n
    from_last = n - 1 - i
    return DrawnBar(
        left=round(i * week, 3),
        week_width=round(week, 3),
        x=round((i + (1.0 - _BAR_SHARE) / 2.0) * week, 3),
        width=round(_BAR_SHARE * week, 3),
        y=y,
        height=round(HEIGHT - y, 2),
        target_y=None if bar.target is None else _y(bar.target, top),
        kind=kind,
        label=bar.week[5:],
        words=f"{bar.week}: {bar.words}",
        week=bar.week,
        every=4 if from_last % 4 == 0 else 2 if from_last % 2 == 0 else 1,
        running=bar.running,
        has_sessions=bar.n_sessions > 0,
    )


def drawn_markers(axis: TimeAxis, markers: Sequence[Marker]) -> tuple[DrawnMarker, ...]:
    """Markers within the weeks shown, at their day, with labels that do not lie on each other."""
    inside = sorted((one for one in markers if axis.holds(one.day)), key=lambda one: one.day)
    starts: list[float] = []
    found: list[DrawnMarker] = []
    for number, one in reversed(list(enumerate(inside, start=1))):  # a line then crosses no label of an earlier one
        words = one.words if len(one.words) <= _MOST_CHARACTERS else f"{one.words[: _MOST_CHARACTERS - 1].rstrip()}…"
        width = _CHARACTER_PX * len(words) + 10.0
        at = axis.x(one.day) / 100.0 * _WIDTH_PX
        is_left = at + width > _WIDTH_PX
        left = at - width if is_left else at
        lane = next((i for i, start in enumerate(starts) if left + width <= start), len(starts))
        starts[lane : lane + 1] = [left]
        found.append(_marker(number, one, axis, (words, lane, is_left)))
    return tuple(reversed(found))


def _marker(number: int, one: Marker, axis: TimeAxis, label: tuple[str, int, bool]) -> DrawnMarker:
    short, lane, is_left = label
    return DrawnMarker(
        number=number, day=one.day, x=axis.x(one.day), short=short, words=one.words, lane=lane, is_left=is_left
    )


def _y(value: float, top: int) -> float:
    return round(HEIGHT * (1.0 - value / top), 2)


def _round_up(value: float) -> int:
    """The next of 1, 2, 5 times a power of ten, in fifths: a top with round steps."""
    step = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
    for share in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        if share * step >= value:
            return math.ceil(share * step)
    return math.ceil(value)


# -- bone density


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityPoint:
    """One result: where, and how far its least significant change reaches (None: not known)."""

    x: float
    y: float
    high_y: float | None
    low_y: float | None
    facts: DxaFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DensitySite:
    """The results of one site; `lines` join those of one machine only, `label_y` keeps its name off the others."""

    site: str
    shape: int
    points: tuple[DensityPoint, ...]
    lines: tuple[tuple[DensityPoint, DensityPoint], ...]
    label_y: float
    is_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityChart:
    """Bone density on an axis of its own from `low` to `high`, in g/cm2; `n_earlier` results lie before the weeks."""

    low: float
    high: float
    sites: tuple[DensitySite, ...]
    markers: tuple[DrawnMarker, ...]
    n_earlier: int
    height: float = HEIGHT


def density_chart(results: Sequence[DxaFacts], axis: TimeAxis, *, markers: Sequence[DrawnMarker] = ()) -> DensityChart:
    """Results within the weeks shown, each with its least significant change up and down."""
    inside = [one for one in results if axis.holds(one.measured_on)]
    reach = [one.least_significant_change_g_per_cm2 or 0.0 for one in inside]
    values = [one.bmd_g_per_cm2 for one in inside] or [0.0]
    low = math.floor(20.0 * (min(v - r for v, r in zip(values, reach or [0.0], strict=True)) - 0.01)) / 20.0
    high = math.ceil(20.0 * (max(v + r for v, r in zip(values, reach or [0.0], strict=True)) + 0.01)) / 20.0
    names = list(dict.fromkeys(one.site for one in inside))
    sites = [_site(name, i, inside, axis, (low, high)) for i, name in enumerate(names)]
    return DensityChart(
        low=low,
        high=high,
        sites=_labels_apart(sites),
        markers=tuple(markers),
        n_earlier=sum(one.measured_on < axis.first for one in results),
    )


def _site(name: str, shape: int, results: Sequence[DxaFacts], axis: TimeAxis, span: tuple[float, float]) -> DensitySite:
    points = [_point(one, axis, span) for one in results if one.site == name]
    joined = [
        (before, after)
        for before, after in pairwise(points)
        if (before.facts.machine, before.facts.centre) == (after.facts.machine, after.facts.centre)
    ]
    return DensitySite(
        site=name,
        shape=shape % 3,
        points=tuple(points),
        lines=tuple(joined),
        label_y=points[-1].y + 4.0,
        is_left=points[-1].x > 60.0,
    )


def _point(one: DxaFacts, axis: TimeAxis, span: tuple[float, float]) -> DensityPoint:
    low, high = span

    def y(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 2)

    reach = one.least_significant_change_g_per_cm2
    return DensityPoint(
        x=axis.x(one.measured_on),
        y=y(one.bmd_g_per_cm2),
        high_y=None if reach is None else y(one.bmd_g_per_cm2 + reach),
        low_y=None if reach is None else y(one.bmd_g_per_cm2 - reach),
        facts=one,
    )


def _labels_apart(sites: Sequence[DensitySite]) -> tuple[DensitySite, ...]:
    """Move labels down until each has a line of its own."""
    placed: list[DensitySite] = []
    for one in sorted(sites, key=lambda site: site.label_y):
        free = placed[-1].label_y + LINE if placed else 0.0
        placed.append(replace(one, label_y=max(one.label_y, free)))
    return tuple(placed)


# -- small lines


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Points by day on an axis from `low` to `high`; `points` are (x, y, day, value)."""

    width: float
    height: float
    low: float
    high: float
    path: str
    points: tuple[tuple[float, float, date, float], ...]


def line_chart(values: Sequence[tuple[date, float]], *, from_zero: bool = True, width: float = 240.0) -> LineChart:
    """A small line by date; a dose begins at 0, a measurement on its own axis does not."""
    if not values:
        return LineChart(width=width, height=HEIGHT, low=0.0, high=1.0, path="", points=())
    days, heights = [day for day, _ in values], [value for _, value in values]
    span = max((days[-1] - days[0]).days, 1)
    low = 0.0 if from_zero else min(heights) - 0.1 * (max(heights) - min(heights) or 1.0)
    high = max(heights) * 1.1 if from_zero else max(heights) + 0.1 * (max(heights) - min(heights) or 1.0)
    points = tuple(
        (
            round(6.0 + (width - 12.0) * (day - days[0]).days / span, 2),
            round(HEIGHT * (1.0 - (value - low) / (high - low)), 2),
            day,
            value,
        )
        for day, value in values
    )
    path = "M" + "L".join(f"{x} {y}" for x, y, _, _ in points)
    return LineChart(width=width, height=HEIGHT, low=low, high=high, path=path, points=points)
