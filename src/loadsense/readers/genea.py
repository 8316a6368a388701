"""GENEA `.bin` of the 2009 device."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from loadsense.readers.device import HEAD_BYTES, open_plain
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.wire.genea import GeneaDecoder, read_genea_facts, starts_like_genea

#: Bytes decoded at once: 192 pages.
_CHUNK_BYTES: Final = 384 << 10


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001 - every reader is asked alike
    """Whether the first bytes are those of this format."""
    return starts_like_genea(head)


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from this format.

    Raises
    ------
    UserError
        The file is damaged beyond reading, or the options contradict it.
    """
    source = ByteSource(path)
    facts = read_genea_facts(source.head(HEAD_BYTES), path.name)
    return open_plain(source, options, facts, lambda: GeneaDecoder(facts), chunk_bytes=_CHUNK_BYTES)
