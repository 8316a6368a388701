"""GENEActiv `.bin`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from loadsense.readers.device import HEAD_BYTES, open_plain
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.wire.geneactiv import GeneactivDecoder, read_geneactiv_facts, starts_like_geneactiv

#: Bytes decoded at once: 200 pages.
_CHUNK_BYTES: Final = 768 << 10


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001 - every reader is asked alike
    """Whether the first bytes are those of this format."""
    return starts_like_geneactiv(head)


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from this format.

    Raises
    ------
    UserError
        The file is damaged beyond reading, or the options contradict it.
    """
    source = ByteSource(path)
    facts = read_geneactiv_facts(source.head(HEAD_BYTES), path.name)
    return open_plain(source, options, facts, lambda: GeneactivDecoder(facts), chunk_bytes=_CHUNK_BYTES)
