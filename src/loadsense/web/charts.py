"""Charts as positions for SVG: weekly doses with their targets, and small lines. The same SVG goes on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from loadsense.review.facts import Marker
from loadsense.review.person import Bar

#: Units of the drawing: one week is this wide, and a chart this high; SVG scales them to the page.
WEEK: Final = 40.0
HEIGHT: Final = 120.0
_BAR: Final = 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBar:
    """One week: where, how high, its target line, and its words; `kind` is "done", "at_least", "missing" or "none"."""

    x: float
    width: float
    y: float
    height: float
    target_y: float | None
    kind: str
    label: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMarker:
    """A thin labelled line."""

    x: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseChart:
    """A row of bars from 0 to `top`, which stands at the top of the chart."""

    width: float
    height: float
    top: int
    target: int | None
    target_y: float | None
    bars: tuple[DrawnBar, ...]
    markers: tuple[DrawnMarker, ...]


def dose_chart(bars: Sequence[Bar], *, markers: Sequence[Marker] = ()) -> DoseChart:
    """Weeks of one dose; the axis begins at 0 and ends at a round number above every bar and target."""
    top = _round_up(max([bar.done or 0 for bar in bars] + [bar.target or 0 for bar in bars] + [1]))
    last_target = next((bar.target for bar in reversed(bars) if bar.target is not None), None)
    return DoseChart(
        width=WEEK * len(bars),
        height=HEIGHT,
        top=top,
        target=last_target,
        target_y=None if last_target is None else _y(last_target, top),
        bars=tuple(_drawn(i, bar, top) for i, bar in enumerate(bars)),
        markers=_drawn_markers(bars, markers),
    )


def _drawn(i: int, bar: Bar, top: int) -> DrawnBar:
    kind = "missing" if bar.missing else "none" if bar.done is None else "at_least" if bar.at_least else "done"
    y = _y(bar.done or 0, top) if kind in ("done", "at_least") else 0.0
    return DrawnBar(
        x=round(i * WEEK + (WEEK - _BAR) / 2, 2),
        width=_BAR,
        y=y,
        height=round(HEIGHT - y, 2),
        target_y=None if bar.target is None else _y(bar.target, top),
        kind=kind,
        label=bar.week[5:],
        words=f"{bar.week}: {bar.words}",
    )


def _drawn_markers(bars: Sequence[Bar], markers: Sequence[Marker]) -> tuple[DrawnMarker, ...]:
    """Markers within the weeks shown, at their day."""
    if not bars:
        return ()
    first = date.fromisoformat(f"{bars[0].week}-1")
    last = first + timedelta(weeks=len(bars))
    inside = [one for one in markers if first <= one.day < last]
    return tuple(DrawnMarker(x=round((one.day - first).days / 7.0 * WEEK, 2), words=one.words) for one in inside)


def _y(value: float, top: int) -> float:
    return round(HEIGHT * (1.0 - value / top), 2)


def _round_up(value: float) -> int:
    """The next of 1, 2, 5 times a power of ten, in fifths: a top with round steps."""
    step = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
    for share in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        if share * step >= value:
            return math.ceil(share * step)
    return math.ceil(value)


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
