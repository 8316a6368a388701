"""Text tables of raw acceleration: CSV and its dialects, streamed in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.errors import ContentError, FormatError, OptionError
from loadsense.readers.dialect import Dialect
from loadsense.readers.opening import ByteSource, file_sha256
from loadsense.readers.options import ReadOptions
from loadsense.readers.rows import RowBlock, RowReader, first_moment
from loadsense.readers.scale import Scale, find_scale
from loadsense.readers.sniffing import HEAD_BYTES, recognise
from loadsense.samples import (
    SLOWEST_RATE_HZ,
    ClockQuality,
    FloatArray,
    Gap,
    Item,
    Origin,
    Recording,
    SampleBlock,
    StreamInfo,
)
from loadsense.timebase import ClockPlan, Timebase, plan_clock

#: Rows read before the first block to decide clock and unit.
PROBE_ROWS: Final = 200_000
#: Files up to this size are hashed at once; a larger one is hashed while it is read.
_HASH_AT_ONCE_BYTES: Final = 16 << 20


def open_recording(path: Path, options: ReadOptions) -> Recording:
    """A recording from a text file.

    Raises
    ------
    UserError
        See `loadsense.errors`; each says what was found and what to do.
    """
    source = ByteSource(path)
    if not source.size():
        raise ContentError(f"{path.name}: the file is empty; expected rows of time,x,y,z: copy or export it again")
    dialect = recognise(path.name, source.head(HEAD_BYTES), options)
    return TextFile(source, dialect, options).recording()


@dataclass(frozen=True, slots=True)
class Probe:
    """The first rows of a recording, after the cut."""

    times_s: FloatArray | None
    values: FloatArray
    first_line: int
    is_whole: bool


class TextFile:
    """One text file: what its head decided, and how its rows become samples."""

    def __init__(self, source: ByteSource, dialect: Dialect, options: ReadOptions) -> None:
        self.source = source
        self.dialect = dialect
        self.options = options
        self.rows = RowReader(source, dialect)
        self.file_start = _file_start(dialect, options)
        self._quality = ClockQuality()

    def recording(self) -> Recording:
        """Probe the head, decide everything, and hand out the recording."""
        stated = self._stated_rate_hz()
        probe = self._probe(stated)
        self.plan = self._plan(probe, stated)
        self.scale = find_scale(self.dialect, self.options, probe.values, self.plan.sampling_rate_hz)
        self.range_g = self.options.range_g or self.dialect.header.range_g
        self.info = self._info(probe, stated)
        return Recording(self.info, self.items, lambda: self._quality)

    # -- deciding ----------------------------------------------------------------------------------------------------
    def _stated_rate_hz(self) -> float | None:
        stated = self.options.sampling_rate_hz or self.dialect.header.sampling_rate_hz
        if stated is not None and stated < SLOWEST_RATE_HZ:
            raise ContentError(_too_slow(stated))
        if stated is None and self.dialect.time is None:
            raise OptionError(
                f"{self.source.path.name}: there is no usable time column and no header that states a rate, so the "
                "sampling rate is unknown; give it with --sampling-rate-hz"
            )
        return stated

    def _probe(self, stated: float | None) -> Probe:
        blocks: list[RowBlock] = []
        n_rows, is_whole = 0, True
        for block in self._cut_rows(stated):
            blocks.append(block)
            n_rows += len(block)
            if n_rows >= PROBE_ROWS:
                is_whole = False
                break
        if not n_rows:
            raise ContentError(f"{self.source.path.name}: no rows left between start and end; check --start and --end")
        times = [block.times_s for block in blocks if block.times_s is not None]
        values = np.concatenate([block.values for block in blocks])
        return Probe(np.concatenate(times) if times else None, values, blocks[0].first_line, is_whole)

    def _plan(self, probe: Probe, stated: float | None) -> ClockPlan:
        if probe.times_s is None:
            assert stated is not None
            return ClockPlan(sampling_rate_hz=stated)
        plan = plan_clock(probe.times_s, stated_rate_hz=stated)
        measured = plan.measured_rate_hz
        if measured is not None and measured < SLOWEST_RATE_HZ * 0.97:
            raise ContentError(_too_slow(measured))
        if self.options.sampling_rate_hz and measured and abs(measured / self.options.sampling_rate_hz - 1.0) > 0.1:
            raise ContentError(
                f"the time column says {measured:.4g} Hz and --sampling-rate-hz {self.options.sampling_rate_hz:g} Hz; "
                "leave the option out, or correct it"
            )
        return plan

    def _info(self, probe: Probe, stated: float | None) -> StreamInfo:
        header, options, path = self.dialect.header, self.options, self.source.path
        small = self.source.size() <= _HASH_AT_ONCE_BYTES
        notes = (*header.notes, self.scale.said)
        return StreamInfo(
            sampling_rate_hz=self.plan.sampling_rate_hz,
            nominal_rate_hz=stated,
            measured_rate_hz=self.plan.measured_rate_hz,
            placement=options.placement,
            range_g=self.range_g,
            start=self._start(probe, stated),
            tz=options.tz,
            body_mass_kg=options.body_mass_kg,
            activity=options.activity,
            loss_observable=self.dialect.time is not None,
            origin=Origin(
                file=str(path),
                sha256=file_sha256(path) if small else None,
                format=header.format,
                columns=self.dialect.used_names,
                unit_in=self.scale.unit,
                device=header.device,
                serial=header.serial,
                firmware=header.firmware,
                notes=notes,
            ),
        )

    def _start(self, probe: Probe, stated: float | None) -> datetime | None:
        """Time of sample 0: the file's start and the seconds cut away."""
        if self.file_start is None:
            return None
        if probe.times_s is not None:
            return self.file_start + timedelta(seconds=float(probe.times_s[0]))
        rows_cut = probe.first_line - self.dialect.header.n_lines - 1
        return self.file_start + timedelta(seconds=rows_cut / (stated or 1.0))

    # -- reading -----------------------------------------------------------------------------------------------------
    def items(self) -> Iterator[Item]:
        """Samples and gaps from the start of the recording."""
        timebase = Timebase(self.plan, is_clock_change=self._clock_change(), describe=self._describe)
        for block in self._cut_rows(self.plan.sampling_rate_hz):
            accel_g = self._in_g(block)
            yield from timebase.push(block.times_s, accel_g, first_row=block.first_line)
        yield from timebase.flush()
        self._quality = timebase.quality()

    def _in_g(self, block: RowBlock) -> FloatArray:
        return block.values * self.scale.g_per_unit if self.scale.g_per_unit != 1.0 else block.values

    def _cut_rows(self, rate_hz: float | None) -> Iterator[RowBlock]:
        return self.rows.__iter__()

    def _clock_change(self) -> None:
        return None

    def _describe(self, time_s: float) -> str:
        """A recorded time in words, for errors."""
        if self.file_start is None:
            return f"{time_s:.3f} s"
        return (self.file_start + timedelta(seconds=time_s)).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _file_start(dialect: Dialect, options: ReadOptions) -> datetime | None:
    start = dialect.header.start
    if start is None and dialect.time is not None:
        start = first_moment(dialect.time, dialect.first_row, dialect.decimal)
    if start is None or options.tz is None:
        return start
    zone = ZoneInfo(options.tz)
    return start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)


def _too_slow(rate_hz: float) -> str:
    return (
        f"sampling rate {rate_hz:.3g} Hz; expected at least {SLOWEST_RATE_HZ:g} Hz: far too slow to see an impact, "
        "record at 100 Hz or faster"
    )


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001
    """Text is the last reader asked: it takes everything, and refuses by name what is not text."""
    return True
