"""The session page in at most fifteen lines of a terminal, the verdict last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from loadsense.render.page import Fact, PlanTable, SessionPage
from loadsense.render.words import DASH, counted
from loadsense.results import VerdictStatus

#: Lines at most, the verdict included.
MOST_LINES: Final = 15

_LABEL_WIDTH: Final = 13

_STYLES: Final = {
    VerdictStatus.REACHED: "bold green",
    VerdictStatus.NOT_REACHED: "bold yellow",
    VerdictStatus.CANNOT_SAY: "bold magenta",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and the style of its label and of the rest, in Rich's words."""

    label: str
    text: str
    label_style: str = "dim"
    style: str = ""

    @property
    def plain(self) -> str:
        """Without colour."""
        return f"{self.label:<{_LABEL_WIDTH}}{self.text}" if self.label else self.text


def lines(page: SessionPage, *, folder: str | None = None) -> tuple[Line, ...]:
    """The page as lines.

    Parameters
    ----------
    page : SessionPage
        What is shown.
    folder : str, optional
        Where the report was written.
    """
    facts = [Fact("recording", page.title), Fact("start", page.when), Fact("sensors", page.facts), *page.numbers]
    if page.plan is not None:
        facts.append(Fact("plan", _plan(page.plan)))
    body = [Line(fact.label, fact.line) for fact in facts]
    after = [*_flags(page), *_advice(page)]
    if folder is not None:
        after.append(Line("written", folder))
    after.append(Line("", page.footer, style="dim"))
    room = MOST_LINES - 1 - len(after)
    return (*body[:room], *after, _verdict(page))


def show(lines: Sequence[Line], stream: TextIO) -> None:
    """Print lines: with colour on a terminal that has it, plain in a pipe.

    Parameters
    ----------
    lines : sequence of Line
        From `lines`.
    stream : text stream
        Where to.
    """
    if not stream.isatty():
        stream.write("".join(f"{line.plain}\n" for line in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for line in lines:
        label = line.plain[: len(line.plain) - len(line.text)]
        console.print(Text.assemble((label, line.label_style), (line.text, line.style)))


def _plan(plan: PlanTable) -> str:
    """Prescribed against done in one line."""
    if plan.locked:
        return f"{plan.title}: {plan.locked}"
    said = []
    for met, words in (("met", "met"), ("not met", "not met"), (DASH, "not known")):
        names = [row.exercise for row in plan.rows if row.met == met]
        said += [f"{words} {', '.join(names)}"] if names else []
    return f"{plan.title}: {'; '.join(said)}"


def _flags(page: SessionPage) -> list[Line]:
    """The gravest flag, and how many more there are."""
    if not page.flags:
        return []
    first, more = page.flags[0], len(page.flags) - 1
    rest = f" (and {counted(more, 'more flag')} in the report)" if more else ""
    style = {"red": "bold red", "amber": "yellow"}.get(first.severity, "")
    return [Line(first.severity, first.sentence + rest, label_style=style)]


def _advice(page: SessionPage) -> list[Line]:
    """What stands beside the verdict: levels studied elsewhere, and the one thing to do."""
    said = []
    if page.verdict.evidence:
        said.append(Line("evidence", page.verdict.evidence))
    if page.verdict.to_do:
        said.append(Line("to do", page.verdict.to_do, label_style="bold"))
    return said


def _verdict(page: SessionPage) -> Line:
    """The last line."""
    return Line("", page.report.verdict.sentence, style=_STYLES[page.verdict.status])
