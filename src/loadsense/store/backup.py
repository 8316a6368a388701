"""A whole store in one file, consistent although others go on writing, and back into an empty one of either database.

The file is a ZIP: `manifest.json` says what is in it with every hash, `tables/<name>.jsonl` holds the rows of one
instant, `recordings/` the sample files as they are. Nobody's sign-in is in it; password hashes are.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from loadsense import __version__
from loadsense.errors import FormatError, OptionError, WorldError
from loadsense.store import migrating
from loadsense.store.dumping import lines_of, table_names, write_rows
from loadsense.store.opening import Store, connected, open_store, url_of
from loadsense.store.sweeping import RECORDINGS, incoming
from loadsense.store.tables import BackupRow, PersonRow, RecordingRow
from loadsense.store.times import now

_FORMAT: Final = "loadsense-backup"
_VERSION: Final = 1
_MANIFEST: Final = "manifest.json"
_CHUNK: Final = 1 << 20
_SAFE_NAME: Final = re.compile(rf"{RECORDINGS}/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.loadsense\.parquet")
_TABLE_NAME: Final = re.compile(r"[a-z_]+")
#: What a damaged ZIP file may raise while it is read, by the byte that is wrong.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    Attributes
    ----------
    revision, loadsense_version : str
        Form of the database, and the program that wrote it.
    made_at : str
        UTC.
    tables : dict of str to str
        Name of each table and the hash of its rows, in the order in which they are written.
    files : dict of str to str
        Sample files with their hashes.
    people : tuple of str
        Pseudonyms.
    """

    revision: str
    loadsense_version: str
    made_at: str
    tables: dict[str, str]
    files: dict[str, str]
    people: tuple[str, ...]

    def text(self) -> str:
        """As written."""
        return json.dumps({"format": _FORMAT, "version": _VERSION, **asdict(self)}, indent=1)


def backup(store: Store, path: str | Path, *, by_user: int | None = None) -> Manifest:
    """Write everything into one file, whole or not at all, and keep word of it.

    Parameters
    ----------
    store : Store
    path : str or Path
        Of the ZIP file; an older one of the same name is refused.
    by_user : int, optional

    Raises
    ------
    OptionError
        The file exists.
    WorldError
        It cannot be written, or samples are missing.
    """
    target = Path(path)
    if target.exists():
        raise OptionError(f"{target} exists; expected a new name, so that no backup is lost")
    part = target.with_name(f".{target.name}.part")
    try:
        with store.reading() as db, zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            manifest = _write(db, store.folder, file)
        part.replace(target)
    except OSError as fault:
        raise WorldError(f"{target}: cannot be written ({fault.strerror or fault}); choose another folder") from None
    finally:
        part.unlink(missing_ok=True)
    with store.writing(by_user) as tx:
        tx.add(
            BackupRow(
                path=str(target.resolve()),
                sha256=_sha256(manifest.text().encode()),
                made_at=datetime.fromisoformat(manifest.made_at),
                people=list(manifest.people),
                by_user=by_user,
            )
        )
        tx.audit("backup", "store", people=len(manifest.people))
    return manifest


def _write(db: Session, folder: Path, file: zipfile.ZipFile) -> Manifest:
    tables = {name: _write_lines(file, name, lines_of(db, name)) for name in table_names()}
    kept = db.scalars(select(RecordingRow.path).where(RecordingRow.path.is_not(None)).order_by(RecordingRow.sha256))
    files = {str(path): _write_file(file, folder, str(path)) for path in kept}
    manifest = Manifest(
        revision=migrating.newest(),
        loadsense_version=__version__,
        made_at=now().isoformat(),
        tables=tables,
        files=files,
        people=tuple(db.scalars(select(PersonRow.id).order_by(PersonRow.id))),
    )
    file.writestr(_MANIFEST, manifest.text())
    return manifest


def _write_lines(file: zipfile.ZipFile, name: str, lines: Iterable[str]) -> str:
    made = hashlib.sha256()
    with file.open(f"tables/{name}.jsonl", "w", force_zip64=True) as out:
        for line in lines:
            row = line.encode()
            made.update(row)
            out.write(row)
    return made.hexdigest()


def _write_file(file: zipfile.ZipFile, folder: Path, name: str) -> str:
    """Samples are compressed already."""
    made = hashlib.sha256()
    about = zipfile.ZipInfo(name, now().timetuple()[:6])
    try:
        source = (folder / name).open("rb")
    except FileNotFoundError:
        raise WorldError(
            f"{folder / name} is missing; restore it, or erase its session, then make the backup"
        ) from None
    with source, file.open(about, "w", force_zip64=True) as out:
        while chunk := source.read(_CHUNK):
            made.update(chunk)
            out.write(chunk)
    return made.hexdigest()


# -- back


def read_manifest(path: str | Path) -> Manifest:
    """What a backup says it holds.

    Raises
    ------
    OptionError
        There is no such file.
    FormatError
        It is no backup, or one of a later LoadSense.
    """
    with _opened(Path(path)) as file:
        return _manifest(file, Path(path).name)


def restore(path: str | Path, url_or_path: str | Path, folder: str | Path) -> Store:
    """Make a store from a backup, in an empty database of either kind and an empty folder, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Of the backup.
    url_or_path, folder
        As for `open_store`.

    Raises
    ------
    OptionError
        The database or the folder is not empty.
    FormatError
        The file is no backup, is damaged, or comes from a later LoadSense.
    WorldError
        The disk is full or the database cannot be used.
    """
    into = Path(folder)
    with _opened(Path(path)) as file:
        manifest = _manifest(file, Path(path).name)
        _refuse_used(into, manifest)
        for name, sha256 in manifest.tables.items():
            _check_lines(file, name, sha256)
        try:
            _restore(file, manifest, url_or_path, into)
        except OSError as fault:
            raise WorldError(
                f"{into}: cannot be written ({fault.strerror or fault}); nothing was restored: make room, or choose "
                "another folder"
            ) from None
    return open_store(url_or_path, folder)


def _restore(file: zipfile.ZipFile, manifest: Manifest, url_or_path: str | Path, into: Path) -> None:
    """All of it, or nothing: rows are committed last, and the files of a restore that fails are taken back."""
    into.mkdir(parents=True, exist_ok=True)
    with incoming(into) as own, ExitStack() as on_failure:
        for name, sha256 in manifest.files.items():
            _read_file(file, name, own, sha256)
        with connected(url_of(url_or_path)) as connection:
            if inspect(connection).get_table_names():
                raise OptionError(
                    "the database holds tables already; expected an empty one: nothing was changed, choose another "
                    "place for what comes back"
                )
            migrating.migrate(connection, manifest.revision)
            write_rows(connection, ((name, _lines(file, name)) for name in manifest.tables))
            for name in manifest.files:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                on_failure.callback((into / name).unlink, missing_ok=True)
                (own / Path(name).name).replace(into / name)
        on_failure.pop_all()


def _refuse_used(into: Path, manifest: Manifest) -> None:
    """Refuse a folder with recordings of others; those of a restore that was killed are the same ones."""
    ours = {Path(name).name for name in manifest.files}
    if any(path.is_file() and path.name not in ours for path in (into / RECORDINGS).rglob("*")):
        raise OptionError(f"{into} holds recordings already; expected an empty folder: nothing was changed")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise OptionError(f"{path}: no such file; check the name and the folder") from None
    except _DAMAGE:
        raise FormatError(f"{path.name}: not a backup of LoadSense, or cut off; copy it again") from None


def _manifest(file: zipfile.ZipFile, name: str) -> Manifest:
    try:
        said: dict[str, Any] = dict(json.loads(file.read(_MANIFEST)))
    except (*_DAMAGE, TypeError):
        raise FormatError(f"{name}: a ZIP file without the manifest of a LoadSense backup; choose another") from None
    if said.pop("format", "") != _FORMAT or said.pop("version", 0) != _VERSION:
        raise FormatError(f"{name}: a backup of another form; expected version {_VERSION}: update LoadSense")
    try:
        manifest = Manifest(**{**said, "people": tuple(said["people"])})
    except (KeyError, TypeError):
        raise FormatError(f"{name}: the manifest of this backup is damaged; take another, or copy it again") from None
    if manifest.revision not in migrating.known_revisions():
        raise FormatError(
            f"{name}: made by LoadSense {manifest.loadsense_version}, with a database of revision "
            f"{manifest.revision}; this program knows up to {migrating.newest()}: update LoadSense"
        )
    odd = [one for one in manifest.files if not _SAFE_NAME.fullmatch(one)]
    odd += [one for one in manifest.tables if not _TABLE_NAME.fullmatch(one)]
    if odd:
        raise FormatError(f"{name}: holds '{odd[0]}', which no backup does; do not use this file")
    return manifest


def _read_file(file: zipfile.ZipFile, name: str, own: Path, sha256: str) -> None:
    made = hashlib.sha256()
    with (own / Path(name).name).open("wb") as out:
        for chunk in _chunks(file, name):
            made.update(chunk)
            out.write(chunk)
    if made.hexdigest() != sha256:
        raise _damaged(name)


def _check_lines(file: zipfile.ZipFile, name: str, sha256: str) -> None:
    """Rows are looked through before any is written: what is damaged may not even be rows."""
    made = hashlib.sha256()
    for chunk in _chunks(file, f"tables/{name}.jsonl"):
        made.update(chunk)
    if made.hexdigest() != sha256:
        raise _damaged(name)


def _lines(file: zipfile.ZipFile, name: str) -> Iterator[str]:
    with file.open(f"tables/{name}.jsonl") as source:
        for line in source:
            yield line.decode()


def _chunks(file: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with file.open(name) as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except _DAMAGE:
        raise _damaged(name) from None


def _damaged(name: str) -> FormatError:
    return FormatError(
        f"'{name}' of the backup is damaged; nothing was restored: take another backup, or copy it again"
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
