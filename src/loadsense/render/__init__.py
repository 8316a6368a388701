"""Reports for people and programs: terminal, JSON, CSV and HTML from one frozen page object.

`write_outputs` is the only thing here that touches a disk. Files are written to a hidden folder beside their place and
moved there when all of them are whole.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadsense.errors import LoadSenseError, OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.results import SessionReport

#: What a disk says when it is full, or a quota is.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

#: Endings that do not belong to the name of a recording.
_ENDINGS: Final = frozenset({".gz", ".csv", ".txt", ".tsv", ".json", ".bin", ".dat", ".xz", ".bz2", ".zip"})


def write_outputs(report: SessionReport, folder: str, *, stem: str | None = None) -> str:
    """Write `summary.json`, `events.csv`, `impacts.csv` and `report.html` to folder/stem; return that path.

    Parameters
    ----------
    report : SessionReport
        What the session came to.
    folder : str
        Made when it does not exist.
    stem : str, optional
        Name of the folder inside; by default the name of the first recording's file, or "session".

    Raises
    ------
    OptionError
        The folder cannot be written to.
    WorldError
        The disk is full; nothing half-written stays behind.
    """
    target = Path(folder) / (stem or stem_of(report))
    files = _contents(report)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(files, target)
    except OSError as error:
        raise _translated(error, target) from error
    return str(target)


def stem_of(report: SessionReport) -> str:
    """Name of the first recording's file without its endings, or "session"."""
    return file_stem(report.recordings[0].info.origin.file)


def file_stem(file: str | None) -> str:
    """Name of a file without the endings that say what it is.

    Examples
    --------
    >>> file_stem("data/2026-11-20_p017_hip.csv.gz"), file_stem(None), file_stem("p.017.csv")
    ('2026-11-20_p017_hip', 'session', 'p.017')
    """
    path = Path(file or "session")
    while path.suffix.lower() in _ENDINGS and path.stem:
        path = path.with_suffix("")
    return path.name


def check_writable(folder: str) -> None:
    """Raise an `OptionError` when nothing could be written to the folder, before any work is done."""
    nearest = Path(folder).absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OptionError(f"output folder {folder}: {nearest} is a file; give a folder with -o")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OptionError(f"output folder {folder}: may not be written to; give another one with -o")


def _contents(report: SessionReport) -> dict[str, str]:
    """Every file of the session, whole, before the first byte goes to the disk."""
    from loadsense.render import csv_page, html, json_page
    from loadsense.render.page import session_page

    return {
        "summary.json": json_page.text(report),
        "events.csv": csv_page.events_csv(report),
        "impacts.csv": csv_page.impacts_csv(report),
        "report.html": html.render(session_page(report)),
    }


def _write_whole(files: dict[str, str], target: Path) -> None:
    """All files to a hidden folder, then to their place; on any error nothing of them stays."""
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name, text in files.items():
            (aside / name).write_text(text, encoding="utf-8", errors="replace", newline="")
        _move(aside, target, list(files))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move(aside: Path, target: Path, names: list[str]) -> None:
    """Into place: the whole folder when it is new; file by file when it holds other things, which are left alone."""
    if not target.exists():
        aside.chmod(0o755 & ~_umask())
        aside.rename(target)
        return
    for name in names:
        (aside / name).replace(target / name)


def _umask() -> int:
    """What the user takes away from new files; a temporary folder is made without regard to it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _translated(error: OSError, target: Path) -> LoadSenseError:
    """The system's error in our words, and whose fault it is."""
    if error.errno in _FULL:
        return WorldError(f"disk full while writing {target}: nothing was written; make room or give another -o")
    reason = (error.strerror or str(error)).lower()
    return OptionError(f"output folder {target.parent} may not be written to ({reason}); give another one with -o")
