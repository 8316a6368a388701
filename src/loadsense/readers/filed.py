"""A recording that lies in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loadsense.readers.opening import ByteSource
from loadsense.samples import ClockQuality, Item, Recording, StreamInfo


class FileRecording(Recording):
    """A `Recording` that knows its file's hash.

    Parameters
    ----------
    info, open_items, clock_quality
        As in `Recording`.
    source : ByteSource
        The file.
    """

    def __init__(
        self,
        info: StreamInfo,
        open_items: Callable[[], Iterator[Item]],
        clock_quality: Callable[[], ClockQuality],
        source: ByteSource,
    ) -> None:
        super().__init__(info, open_items, clock_quality)
        self._source = source

    @property
    def n_bytes(self) -> int:
        """Bytes of the file."""
        return self._source.size()

    @property
    def n_bytes_read(self) -> int:
        """Bytes of the file that the latest pass over the blocks has read so far."""
        return self._source.n_read

    @property
    def sha256(self) -> str:
        """SHA-256 of the file on disk: from the last complete pass over the blocks, else read for it."""
        return self.info.origin.sha256 or self._source.sha256_now()
