"""Axivity AX3 and AX6 `.cwa` and `.cwa.gz`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from loadsense.readers.device import HEAD_BYTES, open_plain
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.wire.cwa import CwaDecoder, read_cwa_facts, starts_like_cwa

#: Bytes decoded at once: 2048 sectors.
_CHUNK_BYTES: Final = 1 << 20


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001 - every reader is asked alike
    """Whether the first bytes are those of this format."""
    return starts_like_cwa(head)


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from this format.

    Raises
    ------
    UserError
        The file is damaged beyond reading, or the options contradict it.
    """
    source = ByteSource(path)
    facts = read_cwa_facts(source.head(HEAD_BYTES), path.name)
    return open_plain(source, options, facts, lambda: CwaDecoder(facts), chunk_bytes=_CHUNK_BYTES)
