"""Text tables of raw acceleration: CSV and its dialects, streamed in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.errors import ContentError, OptionError
from loadsense.readers.checks import ALL_EQUAL, ValueCheck
from loadsense.readers.cut import cut_of
from loadsense.readers.dialect import Dialect
from loadsense.readers.filed import FileRecording
from loadsense.readers.opening import ByteSource
from loadsense.readers.options import ReadOptions
from loadsense.readers.rows import RowBlock, RowReader
from loadsense.readers.scale import Scale, calibrate, find_scale
from loadsense.readers.sniffing import HEAD_BYTES, recognise
from loadsense.readers.stamps import first_moment
from loadsense.samples import SLOWEST_RATE_HZ, Calibration, ClockQuality, FloatArray, Item, Origin, StreamInfo
from loadsense.timebase import ClockPlan, Timebase, plan_clock

#: Rows read before the first block to decide clock, unit and calibration: half an hour at 100 Hz.
PROBE_ROWS: Final = 200_000
#: Times further away than this are no dates.
_FOREVER_S: Final = 3e9
#: A measured rate may be this much below the slowest one: stamps are rounded.
_RATE_MARGIN: Final = 0.97
#: Stamps and a rate given by the user may differ by this part.
_RATE_CONTRADICTION: Final = 0.1


def sniff(head: bytes, path: Path) -> bool:  # noqa: ARG001 - every reader is asked alike
    """Text is the last reader asked: it takes everything, and refuses by name what is not text."""
    return True


def open_recording(path: Path, options: ReadOptions) -> FileRecording:
    """A recording from a text file.

    Raises
    ------
    UserError
        See `loadsense.errors`; each says what was found and what to do.
    """
    source = ByteSource(path)
    dialect = recognise(path.name, source.head(HEAD_BYTES), options)
    return TextFile(source, dialect, options).recording()


@dataclass(frozen=True, slots=True)
class Probe:
    """The first rows of a recording, after the cut."""

    times_s: FloatArray | None
    values: FloatArray
    first_line: int


class TextFile:
    """One text file: what its head decides, and how its rows become samples."""

    def __init__(self, source: ByteSource, dialect: Dialect, options: ReadOptions) -> None:
        self.source = source
        self.dialect = dialect
        self.options = options
        self.rows = self.new_rows()
        self.file_start = _file_start(dialect, options.tz)
        self.cut = cut_of(options, self.file_start)
        self.quality = ClockQuality()

    def new_rows(self) -> RowReader:
        """The rows, from the first one."""
        return RowReader(self.source, self.dialect)

    def recording(self) -> FileRecording:
        """Probe the head, decide everything, and hand out the recording."""
        stated = self._stated_rate_hz()
        probe = self._probe(stated)
        plan = self._plan(probe, stated)
        if len(probe.values) > 1 and (probe.values == probe.values[0]).all():
            raise ContentError(ALL_EQUAL)
        scale = find_scale(self.dialect, self.options, probe.values, plan.sampling_rate_hz)
        calibration = self._calibration(probe, scale, plan)
        info = self._info(probe, plan, scale, calibration)
        passes = Passes(self, plan, scale, calibration)
        return FileRecording(info, passes.items, lambda: passes.quality, self.source)

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
        n_rows = 0
        for block in self.cut.rows(self.rows, stated):
            blocks.append(block)
            n_rows += len(block)
            if n_rows >= PROBE_ROWS:
                break
        if not n_rows:
            raise OptionError(f"{self.source.path.name}: no rows between start and end; check --start and --end")
        times = [block.times_s for block in blocks if block.times_s is not None]
        values = np.concatenate([block.values for block in blocks])
        return Probe(np.concatenate(times) if times else None, values, blocks[0].first_line)

    def _plan(self, probe: Probe, stated: float | None) -> ClockPlan:
        if probe.times_s is None:
            assert stated is not None  # noqa: S101 - refused before
            return ClockPlan(sampling_rate_hz=stated)
        plan = plan_clock(probe.times_s, values=probe.values, stated_rate_hz=stated)
        measured, given = plan.measured_rate_hz, self.options.sampling_rate_hz
        if measured is not None and measured < SLOWEST_RATE_HZ * _RATE_MARGIN:
            raise ContentError(_too_slow(measured))
        if given and measured and abs(measured / given - 1.0) > _RATE_CONTRADICTION:
            raise ContentError(
                f"the time column says {measured:.4g} Hz and --sampling-rate-hz {given:g} Hz; "
                "leave the option out, or correct it"
            )
        return plan

    def _calibration(self, probe: Probe, scale: Scale, plan: ClockPlan) -> Calibration:
        if not self.options.calibrate:
            return Calibration()
        from loadsense.conditioning import still_calibration

        return still_calibration(probe.values * scale.g_per_unit, plan.sampling_rate_hz)

    def _info(self, probe: Probe, plan: ClockPlan, scale: Scale, calibration: Calibration) -> StreamInfo:
        header, options = self.dialect.header, self.options
        notes = [*options.notes, *header.notes, f"unit {scale.said}"]
        if calibration.method != "none":
            notes.append(
                f"still seconds read {1.0 / calibration.gain[0]:.3f} g: all samples were multiplied by "
                f"{calibration.gain[0]:.4f}"
            )
        return StreamInfo(
            sampling_rate_hz=plan.sampling_rate_hz,
            nominal_rate_hz=options.sampling_rate_hz or header.sampling_rate_hz,
            measured_rate_hz=plan.measured_rate_hz,
            placement=options.placement,
            range_g=options.range_g or header.range_g,
            start=self._start(probe, plan.sampling_rate_hz),
            tz=options.tz,
            body_mass_kg=options.body_mass_kg,
            activity=options.activity,
            calibration=calibration,
            loss_observable=self.dialect.time is not None,
            origin=Origin(
                file=str(self.source.path),
                sha256=self.source.sha256_if_small(),
                format=header.format,
                columns=self.dialect.used_names,
                unit_in=scale.unit,
                device=header.device,
                serial=header.serial,
                firmware=header.firmware,
                notes=tuple(notes),
            ),
        )

    def _start(self, probe: Probe, rate_hz: float) -> datetime | None:
        """Time of sample 0: the file's start and the seconds cut away."""
        if self.file_start is None:
            return None
        n_cut = probe.first_line - self.dialect.header.n_lines - 1
        cut_s = n_cut / rate_hz if probe.times_s is None else float(probe.times_s[0])
        return _later(self.file_start, cut_s)

    # -- words and clocks --------------------------------------------------------------------------------------------
    def describe(self, time_s: float) -> str:
        """A recorded time in words, for errors."""
        if self.file_start is None or abs(time_s) > _FOREVER_S:
            return f"{time_s:.3f} s"
        return (self.file_start.replace(tzinfo=None) + timedelta(seconds=time_s)).isoformat(timespec="milliseconds")

    def clock_change(self) -> Callable[[float, float], bool] | None:
        """Whether the clocks of the zone changed between two recorded times; None without a zone."""
        if self.options.tz is None:
            return None
        zone, start = ZoneInfo(self.options.tz), self.file_start
        is_wall_clock = self.dialect.time is not None and self.dialect.time.kind in ("iso", "localized")

        def changed(earlier_s: float, later_s: float) -> bool:
            if later_s < earlier_s:
                return True
            if start is None or not is_wall_clock:
                return False
            wall = start.replace(tzinfo=None)
            before, after = (wall + timedelta(seconds=s) for s in (earlier_s, later_s))
            return before.replace(tzinfo=zone).utcoffset() != after.replace(tzinfo=zone).utcoffset()

        return changed


class Passes:
    """Complete readings of a text file, each from its start."""

    def __init__(self, file: TextFile, plan: ClockPlan, scale: Scale, calibration: Calibration) -> None:
        self._file = file
        self._plan = plan
        self._g_per_unit = scale.g_per_unit
        self._calibration = calibration
        self.quality = ClockQuality()

    def items(self) -> Iterator[Item]:
        """Samples and gaps, in constant memory."""
        file = self._file
        timebase = Timebase(self._plan, is_clock_change=file.clock_change(), describe=file.describe)
        check = ValueCheck(file.options.range_g)
        rows = file.new_rows()
        for block in file.cut.rows(rows, self._plan.sampling_rate_hz):
            accel_g = block.values if self._g_per_unit == 1.0 else block.values * self._g_per_unit
            check.see(accel_g, block.first_line)
            if self._calibration.method != "none":
                calibrate(accel_g, self._calibration)
            yield from timebase.push(block.times_s, accel_g, first_row=block.first_line)
        yield from timebase.flush()
        check.finish()
        quality = timebase.quality()
        self.quality = ClockQuality(
            measured_rate_hz=quality.measured_rate_hz,
            jitter_p99_ms=quality.jitter_p99_ms,
            n_interpolated=quality.n_interpolated,
            notes=(*_row_notes(rows), *quality.notes),
        )


def _row_notes(rows: RowReader) -> Iterator[str]:
    if rows.n_repeated_headers:
        yield f"the line of column names came again {rows.n_repeated_headers} times inside: left out"
    if rows.n_not_rows:
        yield f"{rows.n_not_rows} lines of the device's own among or below the rows: left out"


def _file_start(dialect: Dialect, tz: str | None) -> datetime | None:
    """Time of the first row: by its stamp where that has a date, else by the header."""
    start = dialect.header.start
    if dialect.time is not None and dialect.time.knows_date:
        moment = first_moment(dialect.time, dialect.first_row, dialect.decimal)
        is_aware = moment is not None and moment.tzinfo is not None
        start = moment.astimezone(start.tzinfo) if moment and is_aware and start and start.tzinfo else moment
    if start is None or tz is None:
        return start
    zone = ZoneInfo(tz)
    return start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)


def _later(start: datetime, seconds: float) -> datetime:
    """So many seconds later by the physical clock, in the same zone."""
    if start.tzinfo is None:
        return start + timedelta(seconds=seconds)
    from datetime import UTC

    return (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(start.tzinfo)


def _too_slow(rate_hz: float) -> str:
    return (
        f"sampling rate {rate_hz:.3g} Hz; expected at least {SLOWEST_RATE_HZ:g} Hz: far too slow to see an impact, "
        "record at 100 Hz or faster"
    )
