"""The facts of a recording as the metadata of our own format: written and read back exactly."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from inspect import signature
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loadsense.errors import FormatError
from loadsense.placement import Placement
from loadsense.readers.sample_grids import Grid
from loadsense.samples import Calibration, ClockQuality, Declaration, Gap, Origin, SetDone, StreamInfo

VERSION: Final = "1"
_PREFIX: Final = "loadsense."
_PARTS: Final = ("stream", "grid", "items")

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the whole recording came to, known when its last sample was written."""

    n_samples: int
    gaps: tuple[Gap, ...]
    quality: ClockQuality
    largest_change_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Everything in a file of our own beside its samples."""

    info: StreamInfo
    grid: Grid
    contents: Contents


def metadata_of(described: Described) -> dict[str, str]:
    """Key-value metadata of a file."""
    contents = described.contents
    items = {
        "n_samples": contents.n_samples,
        "gaps": [[gap.first_sample, gap.n_missing, gap.reason] for gap in contents.gaps],
        "quality": asdict(contents.quality),
        "largest_change_g": contents.largest_change_g,
    }
    parts = (_stream(described.info), asdict(described.grid), items)
    texts = [json.dumps(part, ensure_ascii=True, separators=(",", ":")) for part in parts]
    named = {_PREFIX + name: text for name, text in zip(_PARTS, texts, strict=True)}
    return {_PREFIX + "version": VERSION, **named, _PREFIX + "crc32": _crc(texts)}


def described(metadata: dict[bytes, bytes], name: str) -> Described:
    """What the metadata of a file say.

    Raises
    ------
    FormatError
        The version is a later one, a part is missing, or the checksum is wrong.
    """
    version = metadata.get(f"{_PREFIX}version".encode(), b"").decode("ascii", "replace")
    if version != VERSION:
        raise FormatError(
            f"{name}: a LoadSense recording of version '{version}'; this program reads version {VERSION}: update it"
        )
    try:
        texts = [metadata[f"{_PREFIX}{part}".encode()].decode("ascii") for part in _PARTS]
        if metadata[f"{_PREFIX}crc32".encode()].decode("ascii") != _crc(texts):
            raise _damaged(name)
        stream, grid, items = (json.loads(text) for text in texts)
        return Described(info=_info(stream), grid=_made(Grid, grid), contents=_contents(items))
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
        raise _damaged(name) from None


def _damaged(name: str) -> FormatError:
    return FormatError(f"{name}: the description of this LoadSense recording is damaged; copy the file again")


def _crc(texts: list[str]) -> str:
    return f"{zlib.crc32(chr(10).join(texts).encode('ascii')):08x}"


def _stream(info: StreamInfo) -> dict[str, Any]:
    zone = info.start.tzinfo if info.start is not None else None
    return {
        **asdict(info),
        "placement": info.placement.value,
        "start": None if info.start is None else info.start.isoformat(),
        "start_zone": zone.key if isinstance(zone, ZoneInfo) else None,
    }


def _info(stream: dict[str, Any]) -> StreamInfo:
    known = {field.name for field in fields(StreamInfo)}
    plain = {key: value for key, value in stream.items() if key in known}
    start = None if stream["start"] is None else datetime.fromisoformat(stream["start"])
    if start is not None and stream.get("start_zone"):
        start = start.astimezone(ZoneInfo(stream["start_zone"]))
    return StreamInfo(
        **{
            **plain,
            "placement": Placement(stream["placement"]),
            "start": start,
            "declared": tuple(_made(Declaration, one) for one in stream.get("declared", ())),
            "sets_done": tuple(_made(SetDone, one) for one in stream.get("sets_done", ())),
            "calibration": _made(Calibration, stream["calibration"]),
            "origin": _made(Origin, stream["origin"]),
        }
    )


def _contents(items: dict[str, Any]) -> Contents:
    return Contents(
        n_samples=int(items["n_samples"]),
        gaps=tuple(Gap(int(first), int(n), str(reason)) for first, n, reason in items["gaps"]),
        quality=_made(ClockQuality, items["quality"]),
        largest_change_g=float(items["largest_change_g"]),
    )


def _made(kind: Callable[..., _Made], values: dict[str, Any]) -> _Made:
    """A dataclass from its JSON: lists are tuples again, names of later versions are left out."""
    known = signature(kind).parameters
    plain: dict[str, Any] = {key: value for key, value in values.items() if key in known}
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()})
