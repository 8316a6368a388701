"""The form of the database, by revision: made, brought up to date, or refused when it is of a later LoadSense."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from loadsense.errors import OptionError

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def bring_up_to_date(connection: Connection) -> None:
    """Make every table in an empty database, or change an older one to the newest form.

    Raises
    ------
    OptionError
        The database is of a later LoadSense, or of another program.
    """
    name, here = str(connection.engine.url.database), revision(connection)
    if here is None and inspect(connection).get_table_names():
        raise OptionError(f"{name}: a database of another program; expected an empty one, or one of LoadSense")
    _refuse_later(here, name)
    if here != newest():
        command.upgrade(_config(connection), "head")


def migrate(connection: Connection, to: str) -> None:
    """Change the database to one revision, up or down; "base" is the empty one."""
    here = revision(connection)
    order = [script.revision for script in reversed(list(_scripts().walk_revisions()))]
    down = here is not None and (to == "base" or order.index(to) < order.index(here))
    (command.downgrade if down else command.upgrade)(_config(connection), to)


def revision(connection: Connection) -> str | None:
    """Of the database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this program writes."""
    return str(_scripts().get_current_head())


def known_revisions() -> tuple[str, ...]:
    """From the newest to the first."""
    return tuple(script.revision for script in _scripts().walk_revisions())


def _refuse_later(here: str | None, name: str) -> None:
    if here is not None and here not in known_revisions():
        raise OptionError(
            f"{name}: the database has revision {here}; this program knows revisions up to {newest()}: update LoadSense"
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
