"""What the verbs about people share: options, the store, the clock, answers, and how things are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.review.facts import PersonFacts
    from loadsense.store import Reading, Store
    from loadsense.store.opening import Writing

StoreAt = Annotated[
    str | None,
    typer.Option("--store", metavar="PATH|URL", envvar="LOADSENSE_STORE", help="Database: a file, or postgresql://..."),
]
FolderAt = Annotated[
    str | None, typer.Option("--folder", metavar="DIR", help="Folder of the recordings; beside the database.")
]
Pseudonym = Annotated[str, typer.Argument(metavar="PERSON", help="Her pseudonym, such as p017.")]
GroupName = Annotated[str | None, typer.Option("--group", metavar="NAME", help="People who train together.")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; .html or .pdf says which form.")
]
Weeks = Annotated[int, typer.Option("--weeks", help="How many weeks, up to today.")]
Day = Annotated[str | None, typer.Option(metavar="DAY", help="Local day, such as 2026-11-23.")]


def made_app(words: str) -> typer.Typer:
    """A verb that has verbs of its own, all of which but `check` need the packages of the store."""
    made = typer.Typer(help=words, no_args_is_help=True, rich_markup_mode=None, add_completion=False)

    @made.callback()
    def _(context: typer.Context) -> None:
        if context.invoked_subcommand != "check":
            options.check_store_installed()

    return made


@contextmanager
def opened(store: str | None, folder: str | None, *, make: bool = False) -> Iterator[Store]:
    """The store that was named; only what adds somebody makes a new one."""
    from loadsense.store import open_store
    from loadsense.store.places import existing, places_of

    where, beside = places_of(store, folder) if make else existing(store, folder)
    found = open_store(where, beside)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def reading_of(store: str | None, folder: str | None) -> Iterator[Reading]:
    """One consistent look at the store that was named."""
    with opened(store, folder) as held, held.reading() as db:
        yield db


@contextmanager
def writing_to(store: str | None, folder: str | None, *, make: bool = False) -> Iterator[Writing]:
    """One transaction on the store that was named, in the name of the program."""
    with opened(store, folder, make=make) as held, held.writing() as tx:
        yield tx


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def local(tz: str) -> datetime:
    """The time now, in a zone."""
    from zoneinfo import ZoneInfo

    return now().astimezone(ZoneInfo(tz))


def person_of(db: Reading, person: str) -> PersonFacts:
    """Everything about somebody.

    Raises
    ------
    OptionError
        Nobody has this pseudonym.
    """
    from loadsense.review.reading import person_facts

    facts = person_facts(db, person, at=now())
    if facts is None:
        raise nobody(person)
    return facts


def nobody(person: str) -> OptionError:
    """The error for a pseudonym that nobody has."""
    return OptionError(f"nobody has the pseudonym '{person[:32]}'; loadsense athlete list shows who is there")


def check_group(group: str, names: Iterable[str]) -> None:
    """Refuse a group that is none of these.

    Raises
    ------
    OptionError
        There is no such group.
    """
    from loadsense.errors import unknown_name

    if group not in (known := list(names)):
        raise unknown_name("group", group, known or ["none yet: make one in the dashboard"])


def day_of(option: str, words: str | None) -> date | None:
    """A day as it was typed; None where none was.

    Raises
    ------
    OptionError
        It is no day.
    """
    try:
        return None if words is None else date.fromisoformat(words)
    except ValueError:
        raise OptionError(f"{option} '{words}': expected a day such as 2026-11-23") from None


def write_to(path: Path, content: bytes) -> None:
    """Write a file and say where.

    Raises
    ------
    WorldError
        It cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as fault:
        raise WorldError(f"{path}: cannot be written ({fault.strerror}); choose another place with -o") from None
    typer.echo(str(path))


def print_json(content: object) -> None:
    """Page objects for a program; unknown is null."""
    from pydantic_core import to_jsonable_python

    typer.echo(json.dumps(to_jsonable_python(content), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, nobody: str) -> None:
    """Rows below each other, or a sentence where there are none."""
    if not rows:
        typer.echo(nobody)
        return
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def answered(words: str, *, what_then: str) -> str:
    """What somebody typed; empty where she pressed Enter.

    Raises
    ------
    OptionError
        The input ended; `what_then` says what that means and what to do.
    """
    typer.echo(f"{words}: ", nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        typer.echo(err=True)
        raise OptionError(f"the input ended before the question was answered; {what_then}")
    return line.strip()
