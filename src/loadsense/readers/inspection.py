"""What a file is, by a full pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from loadsense.placement import CAPABILITIES, Placement
from loadsense.samples import Gap, Recording, StreamInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What `inspect` found.

    Attributes
    ----------
    file, format : str or None
    columns : tuple of str
        Columns in use: time first where there is one, then x, y, z.
    unit : str or None
        Unit and how it was decided, such as "m/s2 (median norm 9.79 in quiet seconds)".
    sampling_rate_hz : float
        Rate of the grid.
    nominal_rate_hz, measured_rate_hz : float or None
        Stated, and by the stamps of the whole file.
    jitter_p99_ms : float or None
    range_g : float or None
        Full scale where stated.
    largest_g : float
        Largest value of any axis, in RAW g, calibrated.
    n_samples, n_interpolated, n_missing : int
        Samples recorded, those set into short holes, those missing in gaps.
    gaps : tuple of Gap
        The first 1000; `n_gaps` counts all.
    n_gaps : int
    start : datetime or None
    tz : str or None
    duration_s : float
        Gaps included.
    notes : tuple of str
        What was decided and repaired.
    cannot_tell : tuple of str
        What the file does not say, and what to give instead.
    """

    file: str | None
    format: str | None
    columns: tuple[str, ...]
    unit: str | None
    sampling_rate_hz: float
    nominal_rate_hz: float | None
    measured_rate_hz: float | None
    jitter_p99_ms: float | None
    range_g: float | None
    largest_g: float
    n_samples: int
    n_interpolated: int
    n_missing: int
    gaps: tuple[Gap, ...]
    n_gaps: int
    start: datetime | None
    tz: str | None
    duration_s: float
    notes: tuple[str, ...]
    cannot_tell: tuple[str, ...]


_MOST_GAPS = 1000


def inspect_recording(recording: Recording) -> Inspection:
    """Read a recording wholly and say what it is.

    Raises
    ------
    UserError
        A row, a value or the clock is wrong; the same errors as an analysis.
    """
    info = recording.info
    n_samples = n_missing = n_gaps = 0
    largest_g = 0.0
    gaps: list[Gap] = []
    for item in recording.blocks():
        if isinstance(item, Gap):
            n_gaps += 1
            n_missing += item.n_missing
            if len(gaps) < _MOST_GAPS:
                gaps.append(item)
            continue
        n_samples += len(item)
        largest_g = max(largest_g, float(item.accel_g.max()), -float(item.accel_g.min()))
    quality = recording.clock_quality
    unit = next((note.removeprefix("unit ") for note in info.origin.notes if note.startswith("unit ")), None)
    return Inspection(
        file=info.origin.file,
        format=info.origin.format,
        columns=info.origin.columns,
        unit=unit or info.origin.unit_in,
        sampling_rate_hz=info.sampling_rate_hz,
        nominal_rate_hz=info.nominal_rate_hz,
        measured_rate_hz=quality.measured_rate_hz,
        jitter_p99_ms=quality.jitter_p99_ms,
        range_g=info.range_g,
        largest_g=largest_g,
        n_samples=n_samples - quality.n_interpolated,
        n_interpolated=quality.n_interpolated,
        n_missing=n_missing,
        gaps=tuple(gaps),
        n_gaps=n_gaps,
        start=info.start,
        tz=info.tz,
        duration_s=(n_samples + n_missing) / info.sampling_rate_hz,
        notes=(*(note for note in info.origin.notes if not note.startswith("unit ")), *quality.notes),
        cannot_tell=tuple(_cannot_tell(info)),
    )


def _cannot_tell(info: StreamInfo) -> list[str]:
    """What the file does not say and the analysis would need."""
    unknown = []
    if info.start is None:
        unknown.append("no date or time of day: events have seconds from the start only")
    elif info.tz is None and info.start.tzinfo is None:
        unknown.append("no time zone: give --tz")
    elif info.tz is None:
        unknown.append("an offset but no time zone: give --tz to count local days across a clock change")
    if info.range_g is None:
        unknown.append("full scale not stated, so clipping cannot be told: give --range-g")
    if not info.loss_observable:
        unknown.append("no time stamps: lost samples cannot be seen, the rate is the stated one")
    if info.placement is Placement.UNKNOWN:
        unknown.append("where the sensor was worn: give --placement")
    elif not CAPABILITIES[info.placement].grades_landings:
        unknown.append(f"landings at the {info.placement.value} are not graded: wear the sensor at the hip or waist")
    return unknown
