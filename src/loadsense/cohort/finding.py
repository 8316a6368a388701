"""From folders, globs and object-store URLs to files, in one fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from loadsense.cohort.facts import Source
from loadsense.errors import OptionError, WorldError

#: What is taken from a folder; a file that is named, or that a glob names, is always taken.
RECORDING_ENDINGS: Final = frozenset(
    {".arrow", ".bin", ".csv", ".cwa", ".dat", ".feather", ".gt3x", ".parquet", ".tsv", ".txt", ".wav"}
)

_MAGIC: Final = "*?["


def find(paths: Sequence[str], *, leave_out: Iterable[str] = ()) -> tuple[Source, ...]:
    """Every file once, sorted by its absolute path or URL.

    Parameters
    ----------
    paths : sequence of str
        Folders (searched to the bottom, for files with the ending of a recording), globs, files and URLs.
    leave_out : iterable of str
        Files and folders that are no recordings: the manifest, the output folder.

    Raises
    ------
    OptionError
        A path that is not there, a folder or glob without a recording, a URL nobody here can open.
    WorldError
        The object store does not answer.
    """
    barred = [str(Path(path).resolve()) for path in leave_out]
    found: dict[str, Source] = {}
    for path in paths:
        sources = _remote(path) if is_url(path) else _local(path)
        kept = [source for source in sources if not _within(source.key, barred)]
        if not kept:
            raise OptionError(f"{path}: no recordings found there; expected files such as .csv, .gt3x, .cwa, .parquet")
        for source in kept:
            found.setdefault(source.key, source)
    return tuple(found[key] for key in sorted(found))


def is_url(path: str) -> bool:
    """Whether a path belongs to fsspec.

    Examples
    --------
    >>> is_url("s3://bucket/data/"), is_url("data/")
    (True, False)
    """
    return "://" in path


def looks_like_a_recording(name: str) -> bool:
    """Whether the ending is that of a recording, gzip seen through, and the file is not hidden.

    Examples
    --------
    >>> [looks_like_a_recording(n) for n in ("p1.CSV.gz", "p1.json", ".p1.csv", "p1.cwa")]
    [True, False, False, True]
    """
    path = Path(name.lower().removesuffix(".gz"))
    return path.suffix in RECORDING_ENDINGS and not path.name.startswith(".")


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Raises
    ------
    OptionError
        fsspec, or its package for this kind of URL, is not installed; or the kind is unknown.
    """
    kind = url.partition("://")[0]
    try:
        opened, path = import_module("fsspec.core").url_to_fs(url)
    except ImportError as missing:
        raise OptionError(
            f"{url}: {kind}:// needs a package that is not installed ({missing}); pip install 'loadsense[cloud]'"
        ) from None
    except ValueError as fault:
        raise OptionError(f"{url}: {fault}; expected a URL such as s3://bucket/folder/") from None
    return opened, path


def _within(key: str, barred: Sequence[str]) -> bool:
    return any(key == path or key.startswith(path + os.sep) for path in barred)


def _local(path: str) -> Iterator[Source]:
    if any(sign in path for sign in _MAGIC) and not Path(path).exists():
        named = [n for n in glob.glob(path, recursive=True) if Path(n).is_file()]  # noqa: PTH207  takes whole paths
    elif Path(path).is_dir():
        inside = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
        named = [str(name) for name in inside if looks_like_a_recording(name.name)]
    elif Path(path).exists():
        named = [path]
    else:
        raise OptionError(f"{path}: no such file or folder; check the name")
    return (Source(key=str(Path(name).resolve()), name=Path(name).as_posix()) for name in named)


def _remote(url: str) -> Iterator[Source]:
    try:
        store, path = file_system(url)
        if any(sign in path for sign in _MAGIC):
            named = store.glob(path)
        elif store.isdir(path):
            named = [name for name in store.find(path) if looks_like_a_recording(name.rsplit("/", 1)[-1])]
        elif store.exists(path):
            named = [path]
        else:
            raise OptionError(f"{url}: no such object or folder; check the name")
    except OSError as fault:
        raise WorldError(f"{url}: cannot be listed ({fault}); check the address, the network and the keys") from None
    urls = (store.unstrip_protocol(name) for name in named)
    return (Source(key=one, name=one) for one in urls)
