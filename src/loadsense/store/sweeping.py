"""Files that no row knows of: what a killed import left behind, and what an erased person left when the power went.

An import works in a folder of its own below `incoming/`, which it holds a lock on while it lives; the finished files
move to `recordings/` inside the transaction that writes their rows. So whoever holds the writers' lock may remove each
file there that has no row, and each incoming folder that nobody holds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense.store.tables import RecordingRow

try:
    import fcntl
except ImportError:  # Windows has no such locks: there an old folder is a dead one
    fcntl = None  # type: ignore[assignment]

INCOMING: Final = "incoming"
RECORDINGS: Final = "recordings"
_LOCK: Final = "in-use"
_DEAD_AFTER_S: Final = 86_400.0


@contextmanager
def incoming(folder: Path) -> Iterator[Path]:
    """A new folder to work in; it goes when the block ends, or at the next opening after a kill."""
    above = folder / INCOMING
    above.mkdir(exist_ok=True)
    own = Path(mkdtemp(dir=above))
    with (own / _LOCK).open("wb") as held:
        _lock(held)
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def sweep(db: Session, folder: Path) -> int:
    """Remove what no row knows of; return how many files and folders went. The caller holds the writers' lock."""
    known = set(db.scalars(select(RecordingRow.sha256)))
    lost = [path for path in (folder / RECORDINGS).glob("??/*") if path.name.split(".")[0] not in known]
    for path in lost:
        path.unlink()
    dead = [own for own in (folder / INCOMING).glob("*") if _is_dead(own)]
    for own in dead:
        shutil.rmtree(own, ignore_errors=True)
    return len(lost) + len(dead)


def _lock(held: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_dead(own: Path) -> bool:
    if fcntl is None or not (own / _LOCK).exists():
        return own.exists() and time.time() - own.stat().st_mtime > _DEAD_AFTER_S
    try:
        with (own / _LOCK).open("rb") as held:
            _lock(held)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # its import ended this moment
        return False
    return True
