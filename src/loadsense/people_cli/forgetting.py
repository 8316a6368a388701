"""The verb `forget`: everything about one person, gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError
from loadsense.people_cli.asking import (
    FolderAt,
    Pseudonym,
    StoreAt,
    answered,
    opened,
    print_json,
)

if TYPE_CHECKING:
    pass


def forget(
    person: Pseudonym,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Remove every row and file about one person; says first what goes and which backups still hold her."""
    options.check_store_installed()
    from loadsense.store.erasure import erase_person, what_goes

    with opened(store, folder) as held:
        goes = what_goes(held, person)
        if not yes:
            typer.echo(f"This removes {person}: {_counted(goes)}. It cannot be undone.", err=True)
            _say_backups(person, goes.backups)
            then = "nothing was removed: type it, or give --yes"
            if answered(f"Type {person} to remove her", what_then=then) != person:
                raise OptionError(f"what was typed is not {person}; nothing was removed")
        gone = erase_person(held, person)
    if as_json:
        print_json(gone)
        return
    typer.echo(f"removed {person}: {_counted(gone)}")
    if yes:
        _say_backups(person, gone.backups)


def _counted(erased: Any) -> str:
    from loadsense.review.words import counted

    files = counted(erased.files, "file of samples", "files of samples")
    return f"{counted(erased.sessions, 'session')}, {counted(erased.recordings, 'recording')}, {files}"


def _say_backups(person: str, backups: Sequence[str]) -> None:
    for path in backups:
        typer.echo(f"note: {person} is still in the backup {path}: remove it by hand", err=True)
