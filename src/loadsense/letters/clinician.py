"""The clinician letter on one page of paper; what makes it too long is shortened, and the letter says by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from loadsense.errors import OptionError
from loadsense.letters import paper
from loadsense.review.charts import dose_chart
from loadsense.review.letter import LetterPage

#: Lines of each list, loosest first: the first that fits on one page is taken. The last always fits.
ROOM: Final = (8, 5, 3, 2, 1)
#: Characters of a line that is somebody's own words, by the same steps.
_LENGTH: Final = (300, 160, 110, 90, 70)
#: From this step on the print is smaller too.
_TIGHT_FROM: Final = 3
#: Characters of a question and of each typed line: a letter has one page.
MOST_QUESTION: Final = 400
MOST_TYPED: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Who the letter is about and from, typed when it is printed.

    It goes onto paper and nowhere else: no row, no log; and not into an error either, so nothing of it is in `repr`.

    Attributes
    ----------
    patient, born, patient_number : str
        As the clinician knows her; an empty name leaves a line to write on.
    to : str
        Addressee.
    sender, sender_role, contact : str
        From whom.
    question : str
        What is asked; empty: for information, no action requested.

    Raises
    ------
    OptionError
        One of them is too long for a letter.
    """

    patient: str = field(default="", repr=False)
    born: str = field(default="", repr=False)
    patient_number: str = field(default="", repr=False)
    to: str = field(default="", repr=False)
    sender: str = field(default="", repr=False)
    sender_role: str = field(default="", repr=False)
    contact: str = field(default="", repr=False)
    question: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for one in fields(self):
            n, most = len(getattr(self, one.name)), MOST_QUESTION if one.name == "question" else MOST_TYPED
            if n > most:
                raise OptionError(f"{one.name.replace('_', ' ')}: {n} characters; a letter has room for {most}")


@dataclass(frozen=True, slots=True)
class Shortened:
    """The first of a list, and how many are left out."""

    shown: tuple[Any, ...]
    n_more: int


def letter_html(letter: LetterPage, typed: Typed, *, made_at: datetime, css_href: str = "", bar: str = "") -> str:
    """The letter as a page of HTML, with the longest lists that paper may have.

    Parameters
    ----------
    letter : LetterPage
    typed : Typed
        Goes into the page and nowhere else.
    made_at : datetime
        Local time.
    css_href, bar : str
        As in `paper.html`.
    """
    return _html(letter, typed, 0, made_at=made_at, css_href=css_href, bar=bar)


def letter_pdf(letter: LetterPage, typed: Typed, *, made_at: datetime) -> bytes:
    """The letter as one tagged A4 page.

    Raises
    ------
    WorldError
        WeasyPrint is missing, or busy for too long.
    """
    for step in range(len(ROOM)):
        document = paper.laid_out(_html(letter, typed, step, made_at=made_at))
        if len(document.pages) == 1:
            break
    return paper.written(document)


def _html(letter: LetterPage, typed: Typed, step: int, **how: Any) -> str:
    def first(rows: Sequence[Any], most: int = ROOM[step]) -> Shortened:
        """As many as there is room for; one left out is never dearer than the line that says so."""
        return Shortened(tuple(rows[:most]), max(0, len(rows) - most))

    def short(words: str, most: int = _LENGTH[step]) -> str:
        return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"

    return paper.html(
        "letter.html.j2",
        letter=letter,
        typed=typed,
        first=first,
        short=short,
        room=ROOM[step],
        is_tight=step >= _TIGHT_FROM,
        charts=((dose_chart(letter.landings), "impact"), (dose_chart(letter.lifting), "lift")),
        **how,
    )
