"""The verbs `backup` and `restore`: the whole store in one file, and back into an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadsense import cli_options as options
from loadsense.people_cli import asking
from loadsense.people_cli.asking import FolderAt, StoreAt, opened, print_json

if TYPE_CHECKING:
    from loadsense.store.backup import Manifest


def backup(
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="The ZIP file; named by the time by default.")
    ] = None,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Write people, sessions and recordings into one file, also while the dashboard is served."""
    options.check_store_installed()
    from loadsense.store import backup as stored

    path = Path(output or f"loadsense-{asking.now():%Y-%m-%d-%H%M%S}.zip")
    with opened(store, folder) as held:
        made = stored.backup(held, path)
    _say(made, path, "wrote", as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a store from a backup, in a place where there is none: every hash is checked, all of it comes or nothing."""
    options.check_store_installed()
    from loadsense.store import backup as stored
    from loadsense.store.places import places_of

    manifest = stored.read_manifest(file)
    where, beside = places_of(store, folder)
    restored = stored.restore(file, where, beside)
    try:
        with restored.writing() as tx:
            tx.audit("restored", "store", people=len(manifest.people), made_at=manifest.made_at)
    finally:
        restored.close()
    _say(manifest, restored.folder, "restored to", as_json=as_json)
    if not as_json:
        named = f" --store {restored.url.render_as_string(hide_password=True)}" if store else ""
        typer.echo(f"open it: loadsense serve --folder {restored.folder}{named}")


def _say(made: Manifest, where: Path, verb: str, *, as_json: bool) -> None:
    from loadsense.review.words import counted

    if as_json:
        print_json({"path": str(where), "made_at": made.made_at, "people": made.people, "files": len(made.files)})
        return
    recordings = counted(len(made.files), "recording")
    typer.echo(f"{verb} {where}: {counted(len(made.people), 'person', 'people')}, {recordings}, of {made.made_at}")
