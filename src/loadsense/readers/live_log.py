"""The log of a live session, `.live.arrows`: what one sensor sent, and what it was decoded to, safe against a crash.

An Arrow IPC stream (a stream, because a cut-off *file* of that format cannot be read at all). Its schema's metadata
hold the facts of the stream as in our own recordings, and `loadsense.live` with who wears the sensor and how it was
set. Each batch carries its number and the CRC32 of its content; Arrow itself would read a zeroed body as good data.
A row is one of

packet   the bytes of a notification, when it arrived, and over which connection
samples  samples on the grid (float64, RAW g), and how many of them were filled in
gap      where samples are missing, how many, and why
link     JSON: a connection with its settings, its end, a note, a word of the coach (what is due, a set that is done or
         that was taken back; `number` is the sample from which it holds), or the end of the session

Reading takes every batch for itself: a batch that is damaged or cut off is left out, what follows is found by the
mark that begins each message, and the hole becomes a `Gap`. Packets can be decoded again with `decoded_again`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadsense.errors import FormatError, OptionError, WorldError
from loadsense.placement import Placement
from loadsense.readers.device import in_zone, later, refuse_other_rate, said_within, window_of
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.readers.sample_grids import Grid
from loadsense.readers.stream_json import Contents, Described, described, metadata_of
from loadsense.samples import ClockQuality, Declaration, Gap, Item, SampleBlock, SetDone, StreamInfo
from loadsense.wire.packet import Packet, StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX: Final = ".live.arrows"
VERSION: Final = "1"
DAMAGED: Final = "damaged part of the log"
_VERSION_KEY: Final = b"loadsense.live"
_HEADER_KEY: Final = b"loadsense.header"
_MARK: Final = b"\xff\xff\xff\xff"
#: Metadata of one message are some hundred bytes; more is damage.
_MOST_METADATA: Final = 1 << 20
_SAMPLE_BYTES: Final = 24


class Row(IntEnum):
    """Kinds of rows."""

    PACKET = 0
    SAMPLES = 1
    GAP = 2
    LINK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHeader:
    """Who and what a log is of.

    Attributes
    ----------
    person, sensor : str
        Pseudonym, and the sensor's name in the session (its placement).
    address, device, profile, decoder : str
        Where it was found, what it calls itself, the profile used, and its packet format.
    began : str
        Wall time of the session's start, ISO 8601 with offset; arrival times count from it.
    """

    person: str
    sensor: str
    address: str = ""
    device: str = ""
    profile: str = ""
    decoder: str = "loadsense"
    began: str = ""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row as written."""

    kind: Row
    at_s: float
    number: int
    count: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogContents:
    """What is left of a log.

    Attributes
    ----------
    info : StreamInfo
        Facts of the stream.
    header : LogHeader
    rows : tuple of LogRow
        Of every intact batch, in order.
    notes : tuple of str
        What is missing, in sentences; empty for a whole log.
    next_batch : int
        Number that the next batch would have.
    finished : bool
        The session was ended, not broken off.
    """

    info: StreamInfo
    header: LogHeader
    rows: tuple[LogRow, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    next_batch: int = 0
    finished: bool = False

    def items(self) -> Iterator[Item]:
        """Samples and gaps as they went to the engine, with a gap where the log is damaged."""
        return _items(self.rows)

    @property
    def links(self) -> tuple[dict[str, Any], ...]:
        """What happened to the connection, in order."""
        return tuple(json.loads(row.body) for row in self.rows if row.kind is Row.LINK)

    @property
    def quality(self) -> ClockQuality:
        """Clock of the session as it was summed up at its end, or what can be said without it."""
        ends = [link for link in self.links if link.get("event") == "finished"]
        filled = sum(row.count for row in self.rows if row.kind is Row.SAMPLES)
        made = ClockQuality(n_interpolated=filled)
        if ends:
            told = ends[-1].get("quality", {})
            made = replace(made, measured_rate_hz=told.get("measured_rate_hz"), notes=tuple(told.get("notes", ())))
        return replace(made, notes=(*made.notes, *self.notes))


def schema_of(info: StreamInfo, header: LogHeader) -> pa.Schema:
    """Schema of a new log."""
    import pyarrow as pa

    empty = Contents(n_samples=0, gaps=(), quality=ClockQuality(), largest_change_g=0.0)
    facts = metadata_of(Described(info=info, grid=Grid(kind="float64"), contents=empty))
    own = {_VERSION_KEY: VERSION.encode(), _HEADER_KEY: json.dumps(asdict(header)).encode()}
    fields = [
        pa.field("kind", pa.uint8()),
        pa.field("at_s", pa.float64()),
        pa.field("number", pa.int64()),
        pa.field("count", pa.int64()),
        pa.field("body", pa.binary()),
    ]
    return pa.schema(fields, metadata={**{k.encode(): v.encode() for k, v in facts.items()}, **own})


def crc_of(rows: list[LogRow]) -> str:
    """CRC32 of the content of a batch, whatever its layout in memory."""
    crc = 0
    for row in rows:
        head = np.array([row.kind, row.number, row.count, len(row.body)], "<i8").tobytes()
        crc = zlib.crc32(row.body, zlib.crc32(head + np.float64(row.at_s).tobytes(), crc))
    return f"{crc:08x}"


def read_log(path: Path) -> LogContents:
    """Every intact batch of a log.

    Raises
    ------
    FormatError
        The beginning of the log is damaged, so that nothing in it can be understood.
    WorldError
        The file cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OptionError(f"{path}: no such file; check the name and the folder") from None
    except OSError as fault:
        raise WorldError(f"{path}: cannot be read ({fault.strerror})") from None
    schema, first = _schema(data, path.name)
    metadata = dict(schema.metadata or {})
    stated = described({k: v for k, v in metadata.items() if k not in (_VERSION_KEY, _HEADER_KEY)}, path.name)
    try:
        header = LogHeader(**json.loads(metadata[_HEADER_KEY]))
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"{path.name}: the header of this live log is damaged; nothing can be recovered") from None
    rows, notes, next_batch = _intact(data, first, schema)
    ended = any(row.kind is Row.LINK and json.loads(row.body).get("event") == "finished" for row in rows)
    return LogContents(
        info=_with_sets_done(replace(stated.info, declared=_declared(rows), sets_done=()), rows),
        header=header,
        rows=tuple(rows),
        notes=tuple(notes),
        next_batch=next_batch,
        finished=ended,
    )


def decoded_again(contents: LogContents) -> Iterator[Item]:
    """Samples and gaps from the packets themselves: what a corrected decoder makes of them."""
    grid = PacketGrid(contents.info.sampling_rate_hz)
    decoder = make_decoder(contents.header.decoder, StreamSettings(sampling_rate_hz=contents.info.sampling_rate_hz))
    for row in contents.rows:
        if row.kind is Row.LINK:
            link = json.loads(row.body)
            if link.get("event") == "connected":
                decoder = make_decoder(contents.header.decoder, StreamSettings(**link["settings"]))
                grid.connected()
            elif link.get("event") == "resumed":
                last = grid.last if link.get("counts_on") else None
                grid.skip_to(row.number, link["last_arrival_s"], last)
        elif row.kind is Row.PACKET:
            for packet in decoder.decode(row.body):
                yield from grid.push(packet, row.at_s)


def last_packet(contents: LogContents) -> Packet | None:
    """The packet that was placed last; None where it cannot be decoded by itself, or its samples were cut off."""
    settings = [link["settings"] for link in contents.links if link.get("event") == "connected"]
    at = max((i for i, row in enumerate(contents.rows) if row.kind is Row.PACKET), default=None)
    if at is None or not settings:
        return None
    packets = make_decoder(contents.header.decoder, StreamSettings(**settings[-1])).decode(contents.rows[at].body)
    kept = [row for row in contents.rows[at + 1 :] if row.kind is Row.SAMPLES]
    n_kept = sum(len(row.body) // _SAMPLE_BYTES - row.count for row in kept)
    return packets[-1] if packets and n_kept == sum(map(len, packets)) else None


def sniff(head: bytes, path: Path) -> bool:
    """Whether this is the log of a live session."""
    del path
    return head.startswith(_MARK) and _VERSION_KEY in head[:65536] and _HEADER_KEY in head[:65536]


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A log as a recording; options that are given go before what it says of itself."""
    contents = read_log(path)
    info = contents.info
    refuse_other_rate(info.sampling_rate_hz, options)
    info = replace(
        info,
        placement=info.placement if options.placement is Placement.UNKNOWN else options.placement,
        range_g=options.range_g or info.range_g,
        body_mass_kg=info.body_mass_kg if options.body_mass_kg is None else options.body_mass_kg,
        activity=options.activity or info.activity,
        tz=options.tz or info.tz,
        start=in_zone(info.start, options.tz),
    )
    window = window_of(info.start, info.sampling_rate_hz, options)
    info = said_within(info, window)
    if info.start is not None:
        info = replace(info, start=later(info.start, window.first / info.sampling_rate_hz))
    return FileRecording(info, lambda: window.of(contents.items()), lambda: contents.quality, ByteSource(path))


# -- batches


def _schema(data: bytes, name: str) -> tuple[pa.Schema, int]:
    """The schema, and where the first batch begins."""
    import pyarrow as pa

    try:
        source = pa.BufferReader(data)
        schema = pa.ipc.read_schema(pa.ipc.read_message(source))
        if (schema.metadata or {}).get(_VERSION_KEY) != VERSION.encode():
            raise ValueError("version")
        return schema, source.tell()
    except (pa.ArrowException, OSError, ValueError, EOFError):
        raise FormatError(f"{name}: the beginning of this live log is damaged; nothing can be recovered") from None


def _intact(data: bytes, at: int, schema: pa.Schema) -> tuple[list[LogRow], list[str], int]:
    """Rows of the batches that are whole, what is missing, and the number of the next batch."""
    rows: list[LogRow] = []
    notes: list[str] = []
    head, expected, damaged = schema.serialize().to_pybytes(), 0, False
    while 0 <= at < len(data):
        found = _batch(data, at, head)
        if found is None:
            damaged = damaged or any(data[at : at + 8].strip(b"\xff\0")) or bool(any(data[at + 8 :]))
            at = _next_mark(data, at + 8)
            continue
        number, batch_rows, length = found
        if number > expected:
            notes.append(f"batches {expected + 1} to {number} of the log are damaged (about {number - expected} s)")
        if number >= expected:
            rows += batch_rows
            expected = number + 1
        at, damaged = at + length, False
    if damaged:
        notes.append("the last batch of the log was cut off (up to 1 s)")
    return rows, notes, expected


def _batch(data: bytes, at: int, head: bytes) -> tuple[int, list[LogRow], int] | None:
    """Number, rows and length of the batch that begins here; None where none does, or it is damaged."""
    import pyarrow as pa

    length = int.from_bytes(data[at + 4 : at + 8], "little", signed=True)
    if data[at : at + 4] != _MARK or not 0 < length < _MOST_METADATA:
        return None
    try:
        source = pa.BufferReader(memoryview(data)[at:])
        pa.ipc.read_message(source)
        size = source.tell()
        with pa.ipc.open_stream(pa.BufferReader(head + data[at : at + size])) as stream:
            batch, told = stream.read_next_batch_with_custom_metadata()
            batch.validate(full=True)
        rows = _rows(batch)
        if told is None or told[b"crc32"].decode() != crc_of(rows):
            return None
        return int(told[b"number"]), rows, size
    except (pa.ArrowException, OSError, ValueError, KeyError, StopIteration, EOFError, MemoryError, TypeError):
        return None  # whatever damage does to a message, it is no batch


def _rows(batch: pa.RecordBatch) -> list[LogRow]:
    columns = [column.to_pylist() for column in batch.columns]
    return [LogRow(Row(kind), at_s, n, count, body) for kind, at_s, n, count, body in zip(*columns, strict=True)]


def _next_mark(data: bytes, at: int) -> int:
    """Where the next message may begin (they lie on multiples of 8); the end of the data where none does."""
    while (found := data.find(_MARK, at)) >= 0:
        if found % 8 == 0:
            return found
        at = found + 1
    return len(data)


def _declared(rows: list[LogRow]) -> tuple[Declaration, ...]:
    """What the coach said while it was recorded."""
    told = ((row.number, json.loads(row.body)) for row in rows if row.kind is Row.LINK)
    return tuple(
        Declaration(first_sample=number, exercise=link["exercise"], landing_block=link["landing_block"])
        for number, link in told
        if link.get("event") == "declared"
    )


def _with_sets_done(info: StreamInfo, rows: list[LogRow]) -> StreamInfo:
    """The facts with what the coach called done, but for what was taken back."""
    for number, link in ((row.number, json.loads(row.body)) for row in rows if row.kind is Row.LINK):
        if link.get("event") == "set done":
            done = SetDone(at_sample=number, exercise=link["block"])
            info = replace(info, sets_done=(*info.sets_done, done))
        elif link.get("event") == "set undone":
            info = info.without_last_done(link["block"])
    return info


def _items(rows: tuple[LogRow, ...]) -> Iterator[Item]:
    """Blocks and gaps in order; neighbouring gaps are one."""
    at, missing, reasons = 0, 0, []
    held = False
    for row in rows:
        if row.kind not in (Row.SAMPLES, Row.GAP):
            continue
        if row.number > at + missing:
            missing, held = row.number - at, True
            reasons.append(DAMAGED)
        if row.kind is Row.GAP:
            missing, held = missing + row.count, True
            reasons.append(row.body.decode("utf-8", "replace"))
            continue
        if row.number < at + missing:
            continue  # was there before
        if held:
            yield Gap(at, missing, "; ".join(dict.fromkeys(reasons)))
        accel_g = np.frombuffer(row.body, "<f8").reshape(-1, 3)
        yield SampleBlock(row.number, accel_g.astype(np.float64))
        at, missing, reasons, held = row.number + len(accel_g), 0, [], False
