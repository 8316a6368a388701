"""Axivity `.wav` as OmGui exports it: RIFF, 16-bit channels x, y, z and one of flags, resampled to a fixed rate.

The LIST INFO chunk says in words what the samples are: time of the first ("ICMT", "Time: ..."), full scale in g of each
channel ("Scale-1: 8"), device and firmware ("IART"). The top bit of the fourth channel says that there are no data at
this instant.

Layout as published by the maker (Open Movement, "omconvert").
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from loadsense.errors import FormatError
from loadsense.samples import ClockQuality, Gap, Item, SampleBlock
from loadsense.wire.device_file import DeviceFacts

_UNAVAILABLE: Final = 0x8000
_CLIPPED: Final = 0x4000
_PCM: Final = (1, 0xFFFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFacts(DeviceFacts):
    """Facts of an Axivity WAV beside those of every device: where its samples lie, and what one count is."""

    data_at: int
    n_declared: int | None
    n_channels: int
    g_per_count: tuple[float, float, float]


def starts_like_wav(head: bytes) -> bool:
    """Whether the first bytes are those of a WAV file."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def read_wav_facts(head: bytes, name: str) -> WavFacts:
    """Facts from the chunks before the samples.

    Raises
    ------
    FormatError
        The file is a WAV without the words of OmGui, or not of 16-bit samples in three channels or more.
    """
    if not starts_like_wav(head):
        raise FormatError(f"{name}: not a WAV file; expected one exported by OmGui")
    fmt, words, data_at, n_bytes = _chunks(head)
    if fmt is None or data_at is None:
        raise FormatError(f"{name}: the WAV file has no format or no samples; export it again")
    kind, n_channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    scales = [_scale(words, axis) for axis in (1, 2, 3)]
    if kind not in _PCM or bits != 16 or n_channels < 3 or None in scales or not 6 <= rate_hz <= 10_000:
        raise FormatError(
            f"{name}: a WAV file of {n_channels} channels, {bits} bits, {rate_hz} Hz without scales in g; expected a "
            "recording exported by OmGui (three axes or more, 16 bits, Scale-1 to Scale-3 in its comment)"
        )
    range_g = tuple(scale or 0.0 for scale in scales)
    frame_bytes = 2 * n_channels
    return WavFacts(
        format="Axivity wav",
        sampling_rate_hz=float(rate_hz),
        nominal_rate_hz=float(rate_hz),
        range_g=min(range_g),
        start=_time(words.get("Time")),
        device=f"Axivity {words['Device']}" if "Device" in words else "Axivity",
        serial=words.get("Id"),
        firmware=words.get("Firmware"),
        loss_observable=n_channels > 3,
        notes=("resampled to a fixed rate when it was exported", *_set_up(words)),
        data_at=data_at,
        n_declared=None if n_bytes in (0, 0xFFFFFFFF) else n_bytes // frame_bytes,
        n_channels=n_channels,
        g_per_count=(range_g[0] / 32768.0, range_g[1] / 32768.0, range_g[2] / 32768.0),
    )


class WavDecoder:
    """Frames into samples, and gaps where the flags say that there are no data.

    Parameters
    ----------
    facts : WavFacts
        Of this file.
    """

    def __init__(self, facts: WavFacts) -> None:
        self._facts = facts
        self._held = b""
        self._header_left = facts.data_at
        self._next_sample = self._n_missing = self._n_clipped = self._n_frames = 0

    def push(self, data: bytes) -> list[Item]:
        """Samples and gaps of the frames completed by these bytes."""
        if self._header_left:
            skipped = min(self._header_left, len(data))
            self._header_left -= skipped
            data = data[skipped:]
        data = self._held + data if self._held else data
        frame_bytes = 2 * self._facts.n_channels
        n_left = None if self._facts.n_declared is None else self._facts.n_declared - self._n_frames
        n = len(data) // frame_bytes if n_left is None else min(len(data) // frame_bytes, n_left)
        self._held = b"" if n == n_left else data[n * frame_bytes :]
        self._n_frames += n
        frames = np.frombuffer(data[: n * frame_bytes], "<i2").reshape(-1, self._facts.n_channels)
        return self._decode(frames) if n else []

    def flush(self) -> list[Item]:
        """Leave out part of a frame; return the gap at the end, if there is one."""
        self._held = b""
        return self._close_gap()

    def quality(self) -> ClockQuality:
        """What the flags said, and whether the file is cut short."""
        notes = []
        declared = self._facts.n_declared
        if declared is not None and self._n_frames < declared:
            notes.append(f"the file is cut short: {self._n_frames} of {declared} samples are there")
        if self._n_clipped:
            notes.append(f"{self._n_clipped} samples marked as clipped when it was exported")
        return ClockQuality(notes=tuple(notes))

    def _decode(self, frames: np.ndarray) -> list[Item]:
        accel_g = frames[:, :3] * np.array(self._facts.g_per_count)
        if self._facts.n_channels == 3:
            return [self._block(accel_g)]
        flags = frames[:, 3].view(np.uint16)
        self._n_clipped += int((flags & _CLIPPED != 0).sum())
        absent = flags & _UNAVAILABLE != 0
        edges = np.concatenate(([0], np.flatnonzero(absent[1:] != absent[:-1]) + 1, [len(frames)]))
        items: list[Item] = []
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if absent[first]:
                self._n_missing += last - first
                continue
            items += self._close_gap()
            items.append(self._block(accel_g[first:last]))
        return items

    def _block(self, accel_g: np.ndarray) -> SampleBlock:
        first, self._next_sample = self._next_sample, self._next_sample + len(accel_g)
        return SampleBlock(first, np.ascontiguousarray(accel_g))

    def _close_gap(self) -> list[Item]:
        if not self._n_missing:
            return []
        gap = Gap(self._next_sample, self._n_missing, "marked as no data when it was exported")
        self._next_sample, self._n_missing = self._next_sample + self._n_missing, 0
        return [gap]


def _chunks(head: bytes) -> tuple[bytes | None, dict[str, str], int | None, int]:
    """Format, words, and where the samples begin with their stated bytes."""
    fmt: bytes | None = None
    words: dict[str, str] = {}
    at = 12
    while at + 8 <= len(head):
        kind, size = struct.unpack_from("<4sI", head, at)
        body = head[at + 8 : at + 8 + size]
        if kind == b"data":
            return fmt, words, at + 8, size
        if kind == b"fmt " and len(body) >= 16:
            fmt = body
        if kind == b"LIST" and body[:4] == b"INFO":
            words |= _words(body)
        at += 8 + size + (size & 1)
    return fmt, words, None, 0


def _words(info: bytes) -> dict[str, str]:
    """Lines "name: value" of all texts of the chunk."""
    words: dict[str, str] = {}
    at = 4
    while at + 8 <= len(info):
        (size,) = struct.unpack_from("<I", info, at + 4)
        text = info[at + 8 : at + 8 + size].split(b"\0")[0].decode("utf-8", "replace")
        for line in text.splitlines():
            key, found, value = line.partition(":")
            if found and value.strip():
                words.setdefault(key.strip(), value.strip())
        at += 8 + size + (size & 1)
    return words


def _scale(words: dict[str, str], axis: int) -> float | None:
    """Full scale of a channel in g; None where it is not stated or impossible."""
    text = words.get(f"Scale-{axis}", "")
    if not re.fullmatch(r"\d{1,4}(\.\d{1,9})?", text):
        return None
    return float(text) if 1.0 <= float(text) <= 1000.0 else None


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _set_up(words: dict[str, str]) -> tuple[str, ...]:
    text = words.get("Metadata")
    return (f"annotation: {text}",) if text and text.isprintable() else ()
