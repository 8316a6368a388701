"""ActiGraph `.gt3x`: a zip archive, streamed, never unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from loadsense.errors import ContentError, FormatError, WorldError
from loadsense.readers.device import DeviceFile, refuse_expansion
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.wire.device_file import DeviceDecoder, clock_time
from loadsense.wire.gt3x import ActivityDecoder, Gt3xFacts, LogDecoder, read_gt3x_facts

#: Bytes decoded at once: some 2000 seconds at 100 Hz.
_CHUNK_BYTES: Final = 1 << 20
#: info.txt has some 500 bytes.
_MOST_INFO_BYTES: Final = 64 << 10
_SAMPLES_IN: Final = ("log.bin", "activity.bin")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What `zipfile` raises on damaged archives; a password is a RuntimeError, an unknown method a NotImplementedError.
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, struct.error, OverflowError)


def sniff(head: bytes, path: Path) -> bool:
    """Whether this is a zip archive that is called or filled like a `.gt3x`."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    if path.suffix.lower() == ".gt3x" or any(name.encode() in head for name in _SAMPLES_IN):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (*_DAMAGE, OSError):
        return False
    return "info.txt" in names and any(name in names for name in _SAMPLES_IN)


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from a `.gt3x`.

    Raises
    ------
    UserError
        The archive is damaged, too large for what it is, or holds no samples; or the options contradict it.
    """
    source = ByteSource(path)
    source.size()  # says so when the file is not there
    member, facts = _contents(path)
    if member == "activity.bin":
        facts = replace(facts, loss_observable=False)
        make: Callable[[], DeviceDecoder] = lambda: ActivityDecoder(facts)  # noqa: E731
    else:
        facts = _begun_at_first_record(path, facts)
        make = lambda: LogDecoder(facts)  # noqa: E731
    return DeviceFile(
        source=source, options=options, facts=facts, decoder=make, chunks=lambda: _chunks(path, member)
    ).recording()


def _contents(path: Path) -> tuple[str, Gt3xFacts]:
    """Name of the member with the samples, and the facts of info.txt."""
    with _translated(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        member = next((name for name in _SAMPLES_IN if name in names), None)
        if "info.txt" not in names or member is None:
            raise FormatError(f"{path.name}: a zip archive without info.txt and log.bin; expected ActiGraph's .gt3x")
        for name in ("info.txt", member):
            _refuse_member(archive.getinfo(name), path.name)
        if archive.getinfo("info.txt").file_size > _MOST_INFO_BYTES:
            raise FormatError(
                f"{path.name}: info.txt is larger than {_MOST_INFO_BYTES} bytes; download the device again"
            )
        return member, read_gt3x_facts(archive.read("info.txt"), path.name)


def _refuse_member(info: zipfile.ZipInfo, name: str) -> None:
    if info.compress_type not in _METHODS:
        raise FormatError(f"{name}: {info.filename} is packed by an unknown method; download the device again")
    refuse_expansion(info.file_size, info.compress_size, name)


def _begun_at_first_record(path: Path, facts: Gt3xFacts) -> Gt3xFacts:
    """Facts with the time of the first record of activity."""
    decoder = LogDecoder(facts)
    for chunk in _chunks(path, "log.bin"):
        decoder.push(chunk)
        if decoder.first_s is not None:
            break
    else:
        decoder.flush()
    if decoder.first_s is None:
        raise ContentError(f"{path.name}: log.bin holds no activity; the device slept all the time, or it is damaged")
    tzinfo = facts.start.tzinfo if facts.start is not None else None
    return replace(facts, start=clock_time(decoder.first_s).replace(tzinfo=tzinfo))


def _chunks(path: Path, member: str) -> Iterator[bytes]:
    """Bytes of a member, in pieces, never more than it declares."""
    with _translated(path), zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What a damaged archive raises, as our sentence."""
    try:
        yield
    except _DAMAGE as fault:
        raise FormatError(
            f"{path.name}: the archive is damaged or cut off ({str(fault) or type(fault).__name__}); copy it again"
        ) from None
    except OSError as fault:
        if fault.errno == 22:  # a seek to where a damaged directory points
            raise FormatError(f"{path.name}: the archive is damaged; copy it again") from None
        raise WorldError(f"{path}: cannot be read ({fault.strerror or fault})") from None
