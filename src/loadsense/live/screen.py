"""The live screen on a terminal: the floor of a group, a row for each person, quiet until something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from loadsense.live.view import LastLanding, PersonView
from loadsense.render import words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BAND_WORDS: Final = {"below": "below her band", "inside": "in band", "above": "ABOVE CEILING", "no band": ""}
_BAND_SIGNS: Final = {"below": "o", "inside": "+", "above": "!", "no band": "."}
_BAND_STYLES: Final = {"below": "", "inside": "green", "above": "bold red", "no band": ""}
_LOW_BATTERY: Final = 15
#: Of columns whose words would be cut on a terminal of 80 columns.
_LEAST_WIDTHS: Final = {"Lifting": 11}
_COLUMNS: Final = ("Person", "Now", "Landings", "Last landing", "Lifting", "Data", "Battery")


def cells(view: PersonView) -> tuple[str, ...]:
    """The row of a person in words, the same on every terminal."""
    return (
        view.person,
        _now(view),
        _landings(view),
        last_landing(view.last),
        _lifting(view),
        data(view),
        "-" if view.battery_percent is None else f"{view.battery_percent} %",
    )


def _now(view: PersonView) -> str:
    if view.locked:
        return "LOCKED"
    block = view.current
    if block is None:
        return "done" if view.blocks else "-"
    asked = "" if block.asked is None else f" of {block.asked}"
    unit = "" if block.name == block.unit else f" {block.unit}"
    sign = "> " if block.name == view.declared else ""
    seen = ", by hand" if block.by_hand else ""
    return f"{sign}{words.name(block.name)} {block.done}{asked}{unit}{seen}"


def _landings(view: PersonView) -> str:
    if not view.landings_graded:
        return f"{view.landings} seen, not graded" if view.landings else "-"
    at_least = ">= " if view.lost_s else ""
    asked = "" if view.target is None else f" of {view.target}"
    out = view.landings - view.landings_in_band
    return f"{at_least}{view.landings_in_band}{asked}" + (f" ({out} out of band)" if out else "")


def last_landing(last: LastLanding | None) -> str:
    """Peak, rate, where it lies against her band, and what studies call it."""
    if last is None:
        return "-"
    rate = "" if last.loading_rate_g_per_s is None else f" / {last.loading_rate_g_per_s:.0f} g/s"
    clipped = " at least (clipped)" if last.clipped else ""
    parts = [f"{_BAND_SIGNS[last.band]} {last.peak_net_g:.1f} g net{rate}{clipped}", _BAND_WORDS[last.band]]
    if last.evidence:
        parts.append(f"studied: {last.evidence}")
    return ", ".join(part for part in parts if part) + ("" if last.settled else " ...")


def _lifting(view: PersonView) -> str:
    if not view.sets and not view.repetitions:
        return "-"
    return f"{words.counted(view.sets, 'set')}, {words.counted(view.repetitions, 'repetition')}"


def data(view: PersonView) -> str:
    """How fresh and how whole the data are."""
    if view.ended:
        fresh = "ended"
    elif view.age_s is None:
        fresh = "no data yet"
    else:
        fresh = f"no data {view.age_s:.0f} s" if view.stale else "live"
    lost = f", lost {view.lost_s:.0f} s: lower bound" if view.lost_s else ""
    unseen = "" if view.loss_observable else ", loss cannot be seen"
    return fresh + lost + unseen + (", CLIPPED" if view.clipped else "")


def table(views: Sequence[PersonView], *, title: str, below: str = "") -> Table:
    """The screen, with what the keys do below."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, box=box.SIMPLE_HEAD, expand=True, title_justify="left")
    for column in _COLUMNS:
        made.add_column(column, overflow="fold", min_width=_LEAST_WIDTHS.get(column))
    for view in views:
        texts = cells(view)
        dim = "dim" if view.stale else ""
        made.add_row(*(_styled(view, i, text) for i, text in enumerate(texts)), style=dim)
    notes = [f"{view.person}: {note}" for view in views for note in view.notes]
    lines = [*notes[-6:], *([below] if below else [])]
    if lines:
        made.caption = Text("\n".join(lines), justify="left")
    return made


def _styled(view: PersonView, column: int, text: str) -> Text:
    from rich.text import Text

    style = ""
    if column == 1 and view.locked:
        style = "bold red"
    if column == 3 and view.last is not None:
        style = _BAND_STYLES[view.last.band]
    if column == 5 and (view.stale or view.clipped):
        style = "bold yellow"
    if column == 6 and view.battery_percent is not None and view.battery_percent < _LOW_BATTERY:
        style = "bold red"
    return Text(text, style=style)


def bells(last: LastLanding) -> int:
    """Once for a landing inside her band, twice for one above the ceiling; higher is never rewarded."""
    return {"inside": 1, "above": 2}.get(last.band, 0)
