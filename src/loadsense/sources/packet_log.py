"""Writes the log of a live session: a batch at least once a second, on the disk before it counts.

The format, and how a broken log is read, is `loadsense.readers.live_log`. Bytes are made in memory and written in one
go, so that a full disk leaves either the whole batch or, after cutting back, none of it.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from loadsense.errors import WorldError
from loadsense.readers.live_log import LogContents, LogHeader, LogRow, Row, crc_of, read_log, schema_of
from loadsense.samples import Gap, Item, StreamInfo

#: Longest time between two batches.
BATCH_S: Final = 1.0


class PacketLog:
    """The log of one sensor.

    Parameters
    ----------
    path : Path
        Must not exist: a log is never written over.
    info : StreamInfo
    header : LogHeader

    Raises
    ------
    WorldError
        The file cannot be made.
    """

    def __init__(self, path: Path, info: StreamInfo, header: LogHeader) -> None:
        self.path = path
        self._rows: list[LogRow] = []
        self._schema = schema_of(info, header)
        self._memory = io.BytesIO()
        self._number = 0
        self._busy = threading.Lock()  # rows are added on the loop, written beside it
        self._good_bytes = 0
        self.stopped: WorldError | None = None
        try:
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as fault:
            raise self._failed(fault) from None
        self._writer = pa.ipc.new_stream(self._memory, self._schema)
        self._write_rows(())  # Arrow writes the schema with the first batch
        _sync_folder(path.parent)

    @property
    def n_bytes(self) -> int:
        """Bytes that are safe on the disk."""
        return self._good_bytes

    def packet(self, at_s: float, link: int, payload: bytes) -> None:
        """Keep the bytes of a notification, when it came, and over which connection."""
        self._rows.append(LogRow(Row.PACKET, at_s, link, 0, bytes(payload)))

    def item(self, at_s: float, item: Item, *, n_filled: int = 0) -> None:
        """Keep samples or a gap; `n_filled` of the samples were filled in."""
        if isinstance(item, Gap):
            row = LogRow(Row.GAP, at_s, item.first_sample, item.n_missing, item.reason.encode())
        else:
            body = np.ascontiguousarray(item.accel_g, "<f8").tobytes()
            row = LogRow(Row.SAMPLES, at_s, item.first_sample, n_filled, body)
        self._rows.append(row)

    def link(self, at_s: float, event: str, *, number: int = 0, **told: Any) -> None:
        """Keep what happened to the connection."""
        body = json.dumps({"event": event, **told}).encode()
        self._rows.append(LogRow(Row.LINK, at_s, number, 0, body))

    def write(self) -> None:
        """Put everything since the last call on the disk, as one batch; nothing to do is no batch.

        Raises
        ------
        WorldError
            The disk is full or gone. What was written before is whole; the log takes nothing more.
        """
        with self._busy:
            rows, self._rows = self._rows, []
            if rows and self.stopped is None:
                self._write_rows(rows)

    def close(self) -> None:
        """Write what is left and the end of the stream.

        Raises
        ------
        WorldError
            As `write`.
        """
        try:
            self.write()
            with self._busy:
                if self.stopped is None:
                    self._writer.close()
                    self._commit()
        finally:
            os.close(self._handle)

    @classmethod
    def resumed(cls, path: Path) -> tuple[PacketLog, LogContents]:
        """Go on with the log of a session that broke off.

        The intact batches are written to a new file which then takes the place of the old one; a damaged one is kept
        beside it, as `<name>.damaged`.

        Returns
        -------
        PacketLog, LogContents
            The log, and what it holds already.
        """
        contents = read_log(path)
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        log = cls(part, contents.info, contents.header)
        for first in range(0, len(contents.rows), 1000):
            log._write_rows(list(contents.rows[first : first + 1000]))
        if contents.notes:
            path.replace(path.with_name(f"{path.name}.damaged"))
        part.replace(path)
        log.path = path
        _sync_folder(path.parent)
        return log, contents

    def _write_rows(self, rows: Sequence[LogRow]) -> None:
        columns = [
            pa.array([int(row.kind) for row in rows], pa.uint8()),
            pa.array([row.at_s for row in rows], pa.float64()),
            pa.array([row.number for row in rows], pa.int64()),
            pa.array([row.count for row in rows], pa.int64()),
            pa.array([row.body for row in rows], pa.binary()),
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        told = {"number": str(self._number), "crc32": crc_of(list(rows))}
        self._writer.write_batch(batch, custom_metadata=told)
        self._commit()
        self._number += 1

    def _commit(self) -> None:
        """What is in memory goes to the disk; on failure the file is cut back to what was whole."""
        data = self._memory.getvalue()
        self._memory.seek(0)
        self._memory.truncate()
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError as fault:
            self._cut_back()
            self.stopped = self._failed(fault)
            raise self.stopped from None
        self._good_bytes += len(data)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._handle, self._good_bytes)
        except OSError:
            return  # a disk that is gone; the reader leaves the broken batch out
        os.lseek(self._handle, self._good_bytes, os.SEEK_SET)

    def _failed(self, fault: OSError) -> WorldError:
        reason = (fault.strerror or str(fault)).lower()
        return WorldError(
            f"{self.path.name}: cannot be recorded any longer ({reason}); what came before is safe in "
            f"{self.path.parent}: make room and start again with --resume"
        )


def _sync_folder(folder: Path) -> None:
    """Make a new name itself survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # a folder cannot be opened on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
