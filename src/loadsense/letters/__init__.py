"""Paper: the weekly report of a group and the clinician letter, from the page objects of `review`, as HTML and PDF.

    typed = Typed(patient="...", sender="...")                who it is about and from: in memory only
    letter_html(letter, typed, made_at=...)                   -> str, one page of HTML that needs nothing else
    letter_pdf(letter, typed, made_at=...)                    -> bytes, one A4 page, tagged (PDF/UA-1)
    week_html(roster, made_at=...)   week_pdf(roster, made_at=...)

Both forms come from one template. WeasyPrint makes the PDF; without it the HTML still works and prints from a browser.
"""

from loadsense.letters.clinician import Typed, letter_html, letter_pdf
from loadsense.letters.week import week_html, week_pdf

__all__ = ["Typed", "letter_html", "letter_pdf", "week_html", "week_pdf"]
