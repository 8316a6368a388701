"""Bytes of a file: gzip seen through, hashed while read, foreign exceptions translated."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, cast

from loadsense.errors import FormatError, OptionError, WorldError

#: Bytes read at once: a parser that reads ahead in its own thread keeps a few of them, small against the memory limit.
BLOCK_BYTES: Final = 2 << 20

#: Files up to this size are hashed at once; a larger one is hashed while it is read.
_HASH_AT_ONCE_BYTES: Final = 16 << 20
_BOM: Final = b"\xef\xbb\xbf"
_GZIP_MAGIC: Final = b"\x1f\x8b"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Exceptions of the system and of gzip as our sentences."""
    try:
        yield
    except EOFError:
        raise FormatError(
            f"{path.name}: the gzip file is cut off in the middle; copy or download it again (nothing was read from it)"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise FormatError(f"{path.name}: the gzip file is damaged ({fault}); copy or download it again") from None
    except FileNotFoundError:
        raise OptionError(f"{path}: no such file; check the name and the folder") from None
    except IsADirectoryError:
        raise OptionError(f"{path}: this is a folder; give a file, or use `loadsense batch` for a folder") from None
    except OSError as fault:
        raise WorldError(f"{path}: cannot be read ({fault.strerror or fault})") from None


class _Hashed:
    """A raw file that hashes and counts what is read from it, in the order it is read."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()
        self.n_read = 0

    def read(self, n: int = -1) -> bytes:
        data = self._raw.read(n)
        self.digest.update(data)
        self.n_read += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        n_bytes = self._raw.readinto(buffer)
        self.digest.update(buffer[:n_bytes])
        self.n_read += n_bytes
        return n_bytes


class ByteSource:
    """The bytes of one file, uncompressed, readable again and again.

    Attributes
    ----------
    path : Path
    sha256 : str or None
        Hash of the file as it lies on disk (compressed where it is), known after one complete pass of `blocks`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sha256: str | None = None
        self._passing: _Hashed | None = None

    @property
    def n_read(self) -> int:
        """Bytes on disk that the latest pass has read so far."""
        return self._passing.n_read if self._passing else 0

    def size(self) -> int:
        """Bytes on disk."""
        with _translated(self.path):
            if self.path.is_dir():
                raise IsADirectoryError
            return self.path.stat().st_size

    def is_gzip(self) -> bool:
        """Whether the file is gzip, by its first bytes."""
        with _translated(self.path), self.path.open("rb") as raw:
            return raw.read(2) == _GZIP_MAGIC

    def head(self, n_bytes: int) -> bytes:
        """First uncompressed bytes."""
        with _translated(self.path), self.path.open("rb") as raw:
            if self.is_gzip():
                return _read_up_to(gzip.open(raw), n_bytes)
            return raw.read(n_bytes)

    def blocks(self) -> Iterator[memoryview]:
        """Uncompressed bytes in order, in blocks that end at a line end (the last excepted).

        Each is a view of one buffer that the next block overwrites: take what you need before asking for more.
        """
        held, n_held, is_first = bytearray(2 * BLOCK_BYTES), 0, True
        with self._opened() as stream:
            while n_read := stream.readinto(memoryview(held)[n_held : n_held + BLOCK_BYTES]):
                n_all = n_held + n_read
                cut = held.rfind(b"\n", n_held, n_all) + 1
                if cut:
                    yield _without_bom(memoryview(held)[:cut]) if is_first else memoryview(held)[:cut]
                    is_first = False
                n_held = n_all - cut
                if n_held + BLOCK_BYTES > len(held):  # a line longer than a block
                    held = held[cut:n_all] + bytearray(n_held + BLOCK_BYTES)
                else:
                    held[:n_held] = held[cut:n_all]
        if n_held:
            last = memoryview(held)[:n_held]
            yield _without_bom(last) if is_first else last

    def chunks(self, n_bytes: int) -> Iterator[bytes]:
        """Uncompressed bytes in order, n at a time: for binary formats."""
        with self._opened() as stream:
            while block := stream.read(n_bytes):
                yield block

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        """The uncompressed bytes from the first one; once all are read, the file has been hashed."""
        with _translated(self.path), self.path.open("rb") as raw:
            hashed = self._passing = _Hashed(raw)
            stream = cast("BufferedReader", hashed)
            if self.is_gzip():
                # gzip reads its file in small pieces; a reader of its own keeps hashing cheap
                stream = cast("BufferedReader", gzip.GzipFile(fileobj=cast("IO[bytes]", hashed)))
            yield stream
            self.sha256 = hashed.digest.hexdigest()

    def sha256_if_small(self) -> str | None:
        """Hash of a file so small that reading it twice does not matter; None for a larger one."""
        if self.sha256 is None and self.size() <= _HASH_AT_ONCE_BYTES:
            self.sha256 = file_sha256(self.path)
        return self.sha256

    def sha256_now(self) -> str:
        """Hash of the file, read for it unless a complete pass has hashed it."""
        if self.sha256 is None:
            self.sha256 = file_sha256(self.path)
        return self.sha256


def _without_bom(view: memoryview) -> memoryview:
    return view[len(_BOM) :] if bytes(view[: len(_BOM)]) == _BOM else view


def _read_up_to(stream: gzip.GzipFile, n_bytes: int) -> bytes:
    """First bytes of a gzip stream, fewer where it is cut: the complete pass reports that."""
    pieces: list[bytes] = []
    n_read = 0
    while n_read < n_bytes:
        try:
            piece = stream.read1(n_bytes - n_read)
        except EOFError:
            break
        if not piece:
            break
        pieces.append(piece)
        n_read += len(piece)
    return b"".join(pieces)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file as it lies on disk, read once in blocks.

    Raises
    ------
    OptionError
        There is no such file.
    WorldError
        It cannot be read.
    """
    source = Path(path)
    with _translated(source), source.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()
