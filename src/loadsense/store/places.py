"""Where the database and the recordings lie, by what was typed or by what this system is used to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from loadsense.errors import OptionError

_DATABASE: Final = "loadsense.db"


def places_of(store: str | None, folder: str | None) -> tuple[str | Path, Path]:
    """The database and the folder of the recordings, by what was typed.

    Parameters
    ----------
    store : str or None
        Path of a database, or its URL.
    folder : str or None
        Of the recordings; beside the database for None.

    Raises
    ------
    OptionError
        The path is a folder, or lies in none.

    Examples
    --------
    >>> places_of("postgresql://gym.example/loadsense", "recordings")[1].name
    'recordings'
    """
    if store is None:
        own = Path(folder) if folder else data_folder()
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        return own / _DATABASE, own
    if "://" in store:
        return store, Path(folder) if folder else data_folder()
    path = Path(store)
    if path.is_dir():
        raise OptionError(f"{store} is a folder; expected the path of a database in it, such as {path / _DATABASE}")
    if not path.parent.is_dir():
        raise OptionError(f"{path.parent} is no folder; expected one for the database: make it, or correct --store")
    return path, Path(folder) if folder else path.parent


def existing(store: str | None, folder: str | None) -> tuple[str | Path, Path]:
    """The same, where a store must be there already: reading a wrong path must not make an empty one.

    Raises
    ------
    OptionError
        There is none.
    """
    where, beside = places_of(store, folder)
    if isinstance(where, Path) and not where.exists():
        raise OptionError(f"there is no store at {where}; expected one: add somebody first, or say where by --store")
    return where, beside


def data_folder() -> Path:
    """Where this system keeps what programs know for one user: the same from whichever folder one starts."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "LoadSense"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "LoadSense"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "loadsense"
