"""What all readers of a device's own binary file share: facts and options to a `StreamInfo`, bytes to blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.errors import ContentError, FormatError, OptionError
from loadsense.readers.checks import ALL_EQUAL, ValueCheck
from loadsense.readers.cut import cut_of
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.readers.scale import calibrate
from loadsense.samples import (
    SLOWEST_RATE_HZ,
    Calibration,
    ClockQuality,
    FloatArray,
    Gap,
    Item,
    Origin,
    SampleBlock,
    StreamInfo,
    declared_from,
    sets_done_within,
)
from loadsense.wire.device_file import DeviceDecoder, DeviceFacts

#: Samples looked at before the first block to find the calibration: half an hour at 100 Hz, as for text.
PROBE_SAMPLES: Final = 200_000
#: Samples in a block, about: blocks of a decoder are gathered up to this.
BLOCK_SAMPLES: Final = 65536
#: Bytes of a head: enough for facts and a first measured rate.
HEAD_BYTES: Final = 1 << 20
#: A rate given by the user may differ from the file's by this part.
_RATE_CONTRADICTION: Final = 0.03
#: A compressed file that grows by more than this factor, and to more than so many bytes, is no recording.
MOST_EXPANSION: Final = 250
FREE_EXPANSION_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFile:
    """A binary file, its facts, and how to read it again and again.

    Attributes
    ----------
    source : ByteSource
    options : ReadOptions
    facts : DeviceFacts
    decoder : callable
        A new decoder, at the beginning of the file.
    chunks : callable
        The bytes that the decoder takes, from the beginning.
    """

    source: ByteSource
    options: ReadOptions
    facts: DeviceFacts
    decoder: Callable[[], DeviceDecoder]
    chunks: Callable[[], Iterator[bytes]]

    def recording(self) -> FileRecording:
        """Decide everything that must be known before the first sample.

        Raises
        ------
        OptionError
            The options contradict the file, or nothing lies between start and end.
        ContentError
            No samples, all samples equal, or too slow.
        """
        rate_hz = self._rate_hz()
        window = window_of(self._file_start(), rate_hz, self.options)
        probe = self._probe(window)
        calibration = self._calibration(probe, rate_hz)
        info = self._info(window, calibration)
        passes = _Passes(self, window, calibration)
        return FileRecording(info, passes.items, lambda: passes.quality, self.source)

    def _rate_hz(self) -> float:
        rate_hz = self.facts.sampling_rate_hz
        if rate_hz < SLOWEST_RATE_HZ:
            raise ContentError(
                f"sampling rate {rate_hz:.3g} Hz; expected at least {SLOWEST_RATE_HZ:g} Hz: far too slow to see an "
                "impact, record at 100 Hz or faster"
            )
        refuse_other_rate(rate_hz, self.options)
        return rate_hz

    def _probe(self, window: Window) -> FloatArray:
        blocks: list[FloatArray] = []
        n = 0
        for item in window.of(decoded(self.decoder(), self.chunks())):
            if isinstance(item, SampleBlock):
                blocks.append(item.accel_g)
                n += len(item)
            if n >= PROBE_SAMPLES:
                break
        if not n:
            name = self.source.path.name
            if window == Window(0, None):
                raise ContentError(f"{name}: the file holds no samples; the device recorded nothing, or it is damaged")
            raise OptionError(f"{name}: no samples between start and end; check --start and --end")
        probe = np.concatenate(blocks)
        if len(probe) > 1 and (probe == probe[0]).all():
            raise ContentError(ALL_EQUAL)
        return probe

    def _calibration(self, probe: FloatArray, rate_hz: float) -> Calibration:
        if not self.options.calibrate:
            return Calibration()
        from loadsense.conditioning import still_calibration

        return still_calibration(probe, rate_hz)

    def _file_start(self) -> datetime | None:
        return in_zone(self.facts.start, self.options.tz)

    def _info(self, window: Window, calibration: Calibration) -> StreamInfo:
        facts, options = self.facts, self.options
        start = self._file_start()
        return StreamInfo(
            sampling_rate_hz=facts.sampling_rate_hz,
            nominal_rate_hz=facts.nominal_rate_hz,
            measured_rate_hz=facts.measured_rate_hz,
            placement=options.placement,
            range_g=options.range_g or facts.range_g,
            start=None if start is None else later(start, window.first / facts.sampling_rate_hz),
            tz=options.tz,
            body_mass_kg=facts.body_mass_kg if options.body_mass_kg is None else options.body_mass_kg,
            activity=options.activity,
            calibration=calibration,
            loss_observable=facts.loss_observable,
            origin=Origin(
                file=str(self.source.path),
                sha256=self.source.sha256_if_small(),
                format=facts.format,
                unit_in="counts",
                device=facts.device,
                serial=facts.serial,
                firmware=facts.firmware,
                notes=(*facts.notes, *self._option_notes(calibration)),
            ),
        )

    def _option_notes(self, calibration: Calibration) -> Iterator[str]:
        if self.options.unit not in (None, "g") or self.options.columns:
            yield "unit and columns were not used: the format says both"
        if self.options.body_mass_kg is None and self.facts.body_mass_kg is not None:
            yield f"body mass {self.facts.body_mass_kg:g} kg as entered when the device was set up"
        if calibration.method != "none":
            gain = calibration.gain[0]
            yield f"still seconds read {1.0 / gain:.3f} g: all samples were multiplied by {gain:.4f}"


@dataclass(frozen=True, slots=True)
class Window:
    """Grid samples from first up to last, None for all."""

    first: int
    last: int | None

    def of(self, items: Iterator[Item]) -> Iterator[Item]:
        """Items inside the window; sample 0 is its first instant."""
        if self.first == 0 and self.last is None:
            yield from items
            return
        for item in items:
            n = item.n_missing if isinstance(item, Gap) else len(item)
            start = max(item.first_sample, self.first)
            stop = item.first_sample + n if self.last is None else min(item.first_sample + n, self.last)
            if self.last is not None and item.first_sample >= self.last:
                return
            if isinstance(item, Gap):
                if stop > start or (n == 0 and item.first_sample > self.first):
                    yield Gap(start - self.first, max(stop - start, 0), item.reason)
            elif stop > start:
                rows = slice(start - item.first_sample, stop - item.first_sample)
                yield SampleBlock(start - self.first, item.accel_g[rows])


def window_of(start: datetime | None, rate_hz: float, options: ReadOptions) -> Window:
    """Samples that the user asked for.

    Raises
    ------
    OptionError
        A time of day for a recording without one, or an end that is not after the start.
    """
    cut = cut_of(options, start)
    first = 0 if cut.start_s is None else max(0, ceil(cut.start_s * rate_hz - 1e-6))
    return Window(first, None if cut.end_s is None else ceil(cut.end_s * rate_hz - 1e-6))


def said_within(info: StreamInfo, window: Window) -> StreamInfo:
    """The facts with what the coach said of this window, counted from its first sample."""
    return replace(
        info,
        declared=declared_from(info.declared, window.first),
        sets_done=sets_done_within(info.sets_done, window.first, window.last),
    )


def refuse_other_rate(rate_hz: float, options: ReadOptions) -> None:
    """Raise an `OptionError` when the user states another rate than the file."""
    given = options.sampling_rate_hz
    if given and abs(given / rate_hz - 1.0) > _RATE_CONTRADICTION:
        raise OptionError(
            f"the file states {rate_hz:g} Hz and --sampling-rate-hz says {given:g} Hz; leave the option out"
        )


def in_zone(start: datetime | None, tz: str | None) -> datetime | None:
    """A start in the user's zone: a device's own clock is taken to show its time, an instant is kept."""
    if start is None or tz is None:
        return start
    zone = ZoneInfo(tz)
    return start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)


class _Passes:
    """Complete readings of the file, each from its start."""

    def __init__(self, file: DeviceFile, window: Window, calibration: Calibration) -> None:
        self._file = file
        self._window = window
        self._calibration = calibration
        self.quality = ClockQuality()

    def items(self) -> Iterator[Item]:
        """Samples and gaps, in constant memory."""
        decoder = self._file.decoder()
        check = ValueCheck(self._file.options.range_g)
        for item in gathered(self._window.of(decoded(decoder, self._file.chunks()))):
            if isinstance(item, Gap):
                yield item
                continue
            check.see(item.accel_g, item.first_sample + 1)
            if self._calibration.method != "none":
                calibrate(item.accel_g, self._calibration)
            yield item
        check.finish()
        self.quality = decoder.quality()


def decoded(decoder: DeviceDecoder, chunks: Iterator[bytes]) -> Iterator[Item]:
    """All items of a decoder fed with all chunks."""
    for chunk in chunks:
        yield from decoder.push(chunk)
    yield from decoder.flush()


def gathered(items: Iterator[Item]) -> Iterator[Item]:
    """Items with neighbouring small blocks joined up to about `BLOCK_SAMPLES`, and large ones cut into equal parts."""
    held: list[SampleBlock] = []
    n_held = 0
    for item in items:
        if isinstance(item, SampleBlock) and n_held + len(item) <= BLOCK_SAMPLES:
            held.append(item)
            n_held += len(item)
            continue
        yield from _joined(held)
        held, n_held = [], 0
        if isinstance(item, Gap):
            yield item
        elif len(item) > BLOCK_SAMPLES:
            yield from _parts(item)
        else:
            held, n_held = [item], len(item)
    yield from _joined(held)


def _parts(block: SampleBlock) -> Iterator[SampleBlock]:
    n_each = ceil(len(block) / ceil(len(block) / BLOCK_SAMPLES))
    for first in range(0, len(block), n_each):
        yield SampleBlock(block.first_sample + first, block.accel_g[first : first + n_each])


def _joined(blocks: list[SampleBlock]) -> Iterator[SampleBlock]:
    if len(blocks) == 1:
        yield blocks[0]
    elif blocks:
        yield SampleBlock(blocks[0].first_sample, np.concatenate([block.accel_g for block in blocks]))


def bounded(chunks: Iterator[bytes], n_compressed: int, name: str) -> Iterator[bytes]:
    """Chunks as they come, refused when they grow beyond what any recording compresses to.

    Raises
    ------
    FormatError
        More than `FREE_EXPANSION_BYTES` and `MOST_EXPANSION` times the compressed size have come out.
    """
    n = 0
    for chunk in chunks:
        n += len(chunk)
        refuse_expansion(n, n_compressed, name)
        yield chunk


def refuse_expansion(n_bytes: int, n_compressed: int, name: str) -> None:
    """Raise a `FormatError` for a size no recording reaches from so few compressed bytes."""
    if n_bytes > FREE_EXPANSION_BYTES and n_bytes > MOST_EXPANSION * n_compressed:
        raise FormatError(
            f"{name}: {n_compressed} compressed bytes become more than {n_bytes // MOST_EXPANSION * MOST_EXPANSION} "
            f"(over {MOST_EXPANSION} times); no recording does that, the file is not read further"
        )


def open_plain(
    source: ByteSource,
    options: ReadOptions,
    facts: DeviceFacts,
    decoder: Callable[[], DeviceDecoder],
    *,
    chunk_bytes: int,
) -> FileRecording:
    """A recording from a file that is decoded from its first byte to its last, gzip seen through."""
    name, size = source.path.name, source.size()
    is_gzip = source.is_gzip()

    def chunks() -> Iterator[bytes]:
        plain = source.chunks(chunk_bytes)
        return bounded(plain, size, name) if is_gzip else plain

    return DeviceFile(source=source, options=options, facts=facts, decoder=decoder, chunks=chunks).recording()


def later(start: datetime, seconds: float) -> datetime:
    """So many seconds later by the physical clock, in the same zone."""
    if not seconds:
        return start
    if start.tzinfo is None:
        return start + timedelta(seconds=seconds)
    return (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(start.tzinfo)
