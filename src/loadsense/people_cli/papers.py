"""The verb `report`: the week of a group and the letter to a clinician."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError
from loadsense.people_cli import asking
from loadsense.people_cli.asking import (
    FolderAt,
    GroupName,
    Output,
    Pseudonym,
    StoreAt,
    Weeks,
    answered,
    check_group,
    day_of,
    made_app,
    nobody,
    print_json,
    reading_of,
    write_to,
)

if TYPE_CHECKING:
    from loadsense.letters import Typed
    from loadsense.review.letter import LetterPage
    from loadsense.store import Reading


report = made_app("Paper: the week of a group, or a letter to a clinician.")


@report.command("week", epilog="Example: loadsense report week --week 2026-W47 --group 'Tue/Thu' -o week.pdf")
def report_week(
    week: Annotated[
        str | None, typer.Option(metavar="WEEK", help="ISO week, such as 2026-W47; else the latest.")
    ] = None,
    group: GroupName = None,
    output: Output = None,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the week of a group: each person's line, those who need attention first, with reasons."""
    from loadsense import letters
    from loadsense.review import reading

    with reading_of(store, folder) as db:
        groups = reading.group_facts(db)
        if group is not None:
            check_group(group, [one.name for one in groups])
        chosen = next((one for one in groups if one.name == group), None)
        today = reading.today_of(chosen, asking.now())
        page = reading.roster_of_week(db, week, group, today=today, limits=reading.limits())
    if as_json:
        print_json(page)
        return
    path, made_at = _target(output, f"week-{page.week}.pdf"), asking.local(chosen.tz if chosen else "UTC")
    if path.suffix == ".html":
        write_to(path, letters.week_html(page, made_at=made_at, group=group or "").encode("utf-8"))
    else:
        write_to(path, letters.week_pdf(page, made_at=made_at, group=group or ""))
    typer.echo(page.answer)


@report.command("letter", epilog="Example: loadsense report letter p017 --weeks 12 --since 2026-08-24 -o letter.pdf")
def report_letter(
    person: Pseudonym,
    weeks: Weeks = 12,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Day of the last letter, if there was one.")] = None,
    ask: Annotated[
        bool | None, typer.Option("--ask/--no-ask", help="Ask for names; by default on a terminal. They are not kept.")
    ] = None,
    output: Output = None,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Write one page for a clinician; names are asked for, go onto the page and are not kept."""
    from loadsense import letters
    from loadsense.review.letter import SPANS

    if weeks not in SPANS:
        raise OptionError(f"--weeks {weeks}: a letter tells of {' or '.join(str(n) for n in SPANS)} weeks")
    with reading_of(store, folder) as db:
        page, tz = _letter(db, person, weeks, day_of("--since", since))
    if as_json:
        print_json(page)
        return
    path, made_at = _target(output, f"letter-{person}.pdf"), asking.local(tz)
    typed = _typed() if (sys.stdin.isatty() if ask is None else ask) else letters.Typed()
    if path.suffix == ".html":
        write_to(path, letters.letter_html(page, typed, made_at=made_at).encode("utf-8"))
    else:
        write_to(path, letters.letter_pdf(page, typed, made_at=made_at))


def _letter(db: Reading, person: str, weeks: int, since: date | None) -> tuple[LetterPage, str]:
    from loadsense.review.letter import letter_of

    found = letter_of(db, person, at=asking.now(), n_weeks=weeks, since=since)
    if found is None:
        raise nobody(person)
    page, group = found
    return page, group.tz if group else "UTC"


def _typed() -> Typed:
    """Names, typed now; an empty answer leaves a line to write on."""
    from loadsense.letters import Typed

    asked = {
        "patient": "Patient's name",
        "born": "Born",
        "patient_number": "Patient number",
        "to": "To",
        "sender": "From (your name)",
        "sender_role": "Your role",
        "contact": "How to reach you",
        "question": "Question (empty: for information, no action requested)",
    }
    then = "answer each, or leave all of them to be written by hand with --no-ask"
    return Typed(**{name: answered(words, what_then=then) for name, words in asked.items()})


def _target(output: str | None, name: str) -> Path:
    """Where a page goes; its suffix says which form."""
    path = Path(output or name)
    if path.suffix not in (".html", ".pdf"):
        raise OptionError(f"{path}: expected a file name that ends with .html or .pdf")
    return path
