"""Recordings of this server's own live sessions, before they are sessions of the store.

Each session has a folder below `live/`, below that of its person, so that erasing her finds it. It stays until what is
in it was taken in, or thrown away by somebody; neither a crash nor a restart removes it, and no backup holds it.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from loadsense.errors import WorldError

LIVE: Final = "live"
#: What the folder of a session is called: when it began, and eight digits of its own.
KEY: Final = r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}"
_PERSON: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """A live session that is no session of the store yet.

    Attributes
    ----------
    key : str
        Name of its folder.
    person_id : str
    folder : Path
    """

    key: str
    person_id: str
    folder: Path


def new_folder(store_folder: Path, person_id: str, began: datetime, number: str) -> Unsaved:
    """A folder for a session that begins.

    Parameters
    ----------
    store_folder : Path
    person_id : str
    began : datetime
    number : str
        Eight hexadecimal digits.

    Raises
    ------
    WorldError
        It cannot be made.
    """
    key = f"{began:%Y%m%d-%H%M%S}-{number}"
    folder = store_folder / LIVE / person_id / key
    try:
        folder.mkdir(parents=True)
    except OSError as fault:
        raise WorldError(f"{folder}: cannot be made ({fault.strerror}); make room, then start again") from None
    return Unsaved(key=key, person_id=person_id, folder=folder)


def unsaved(store_folder: Path) -> tuple[Unsaved, ...]:
    """Every live session that waits, the newest first; also those that go on just now."""
    found = [
        Unsaved(key=folder.name, person_id=folder.parent.name, folder=folder)
        for folder in (store_folder / LIVE).glob("*/*")
        if re.fullmatch(KEY, folder.name) and _PERSON.fullmatch(folder.parent.name)
    ]
    return tuple(sorted(found, key=lambda one: one.key, reverse=True))


def files_of(store_folder: Path, person_id: str) -> int:
    """How many files of hers wait there."""
    return sum(path.is_file() for path in _of(store_folder, person_id).rglob("*"))


def throw_away(one: Unsaved) -> None:
    """Remove a session that nobody wants, or that was taken in.

    Raises
    ------
    WorldError
        A file cannot be removed.
    """
    _remove(one.folder)


def forget(store_folder: Path, person_id: str) -> int:
    """Remove everything of a person's; returns how many files that were. Errors as for `throw_away`."""
    n = files_of(store_folder, person_id)
    if _of(store_folder, person_id).exists():
        _remove(_of(store_folder, person_id))
    return n


def _of(store_folder: Path, person_id: str) -> Path:
    return store_folder / LIVE / person_id


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as fault:
        raise WorldError(f"{folder}: cannot be removed ({fault.strerror}); close what uses it, try again") from None
