"""Tables of a session, for people who work with pandas.

Every frame has its columns and types also when it is empty. Unknown is NaN in a number, <NA> in a text, a count or a
yes-or-no, and never 0. Seconds count from the start of the session; `time` is what the clock on the wall of the
recording's zone showed, and is made from UTC, so that a clock change does not move an event.

`COLUMNS` is the one list of what each table holds: the frames, the CSV files and the data dictionary are made from it.
The rows are made without pandas, which takes half a second to import and is asked for only by who wants a frame.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.events import Excluded, Landing, LiftSet, Status
from loadsense.impact_table import ImpactTable
from loadsense.results import RecordingResult, SessionReport

if TYPE_CHECKING:
    import pandas as pd

    from loadsense.samples import FloatArray, IntArray

Row = dict[str, str | float | None]

#: Impacts that are made into rows at once, so that a week of them takes no memory.
_ROWS_AT_A_TIME: Final = 4096

_NO_TIME: Final = timedelta()
_MICROSECOND: Final = timedelta(microseconds=1)

TEXT: Final = "string"
NUMBER: Final = "float64"
COUNT: Final = "Int64"
YES_NO: Final = "boolean"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name with the unit in it, its pandas dtype, and what it means in a sentence."""

    name: str
    dtype: str
    meaning: str


_SENSOR = Column("sensor", TEXT, "which sensor of the session: its name with `--together`, else its placement")
_STATUS = Column("status", TEXT, "provisional or settled; a finished recording holds settled events only")
_TIME = "ISO 8601 with offset, local time of "
_TIME_END = "; empty when the recording has no clock with a zone"

COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "landings": (
        Column("event_id", TEXT, "the same while the landing is provisional and when it has settled"),
        _SENSOR,
        _STATUS,
        Column("landing_s", NUMBER, "initial contact"),
        Column("peak_s", NUMBER, "impact peak"),
        Column("end_s", NUMBER, "end of the impact"),
        Column("time", TEXT, _TIME + "the initial contact" + _TIME_END),
        Column("peak_g", NUMBER, "peak of the resultant at the sensor, RAW g, landing filter"),
        Column("peak_net_g", NUMBER, "peak of the resultant minus gravity, NET g, landing filter"),
        Column("peak_vertical_g", NUMBER, "peak along gravity, RAW g, landing filter"),
        Column("peak_20hz_g", NUMBER, "peak of the resultant, RAW g, after a 20 Hz low-pass: for the force equations"),
        Column("loading_rate_g_per_s", NUMBER, "steepest central difference on the rise"),
        Column("loading_rate_20_80_g_per_s", NUMBER, "mean slope between 20 and 80 % of the rise"),
        Column("loading_rate_onset_g_per_s", NUMBER, "mean slope from initial contact to the peak"),
        Column("time_to_peak_s", NUMBER, "from initial contact to the peak"),
        Column("flight_s", NUMBER, "time in the air before the landing"),
        Column("takeoff", TEXT, "push (she jumped), none (she dropped) or unknown"),
        Column("jump_height_m", NUMBER, "g t² / 8 from the flight, after a push-off only"),
        Column("drop_height_m", NUMBER, "g t² / 2 from the flight, without a push-off only"),
        Column("peak_grf_bw", NUMBER, "peak ground reaction force in body weights, where an equation applies"),
        Column("clipped", YES_NO, "the sensor reached its range: the peak is a lower bound"),
        Column("truncated", YES_NO, "a gap or the end of the recording cuts the window of the landing"),
        Column("high_magnitude", YES_NO, "NET peak above the profile's level; empty = not graded"),
        Column("high_rate", YES_NO, "loading rate above the profile's level; empty = not graded"),
        Column("notes", TEXT, "limits of this landing in words; empty when there are none"),
    ),
    "excluded": (
        _SENSOR,
        Column("kind", TEXT, "what it was a candidate for: landing or set"),
        Column("peak_s", NUMBER, "where it was"),
        Column("time", TEXT, _TIME + "the peak" + _TIME_END),
        Column("peak_g", NUMBER, "RAW g of its peak, unfiltered"),
        Column("reason", TEXT, "running step, no flight, knock, fall, take-off peak, second bounce, ..."),
    ),
    "impacts": (
        _SENSOR,
        Column("peak_s", NUMBER, "impact peak"),
        Column("time", TEXT, _TIME + "the peak" + _TIME_END),
        Column("peak_g", NUMBER, "peak of the resultant, RAW g, after the 20 Hz low-pass; at least 1.3 g"),
        Column("peak_vertical_g", NUMBER, "along gravity at the same sample, RAW g, after the 20 Hz low-pass"),
        Column("activity", TEXT, "walking, running, jumping, stairs, still, other or unknown"),
        Column("acceleration_rate_g_per_s", NUMBER, "steepest central difference on the rise"),
        Column("peak_grf_n", NUMBER, "predicted peak ground reaction force in newton, inside the equation's domain"),
        Column("peak_grf_bw", NUMBER, "the same in body weights"),
        Column("loading_rate_n_per_s", NUMBER, "predicted loading rate of the smoothed force; shown, never graded"),
        Column("model", TEXT, "name of the force equation; empty where none applies"),
    ),
    "repetitions": (
        _SENSOR,
        Column("set_id", TEXT, "the set it belongs to"),
        Column("start_s", NUMBER, "start of the repetition"),
        Column("end_s", NUMBER, "end of the repetition"),
        Column("time", TEXT, _TIME + "the start" + _TIME_END),
        Column("exercise", TEXT, "name of the lift, or unknown"),
        Column("eccentric_s", NUMBER, "duration of the lowering phase, where the signal shows it"),
        Column("concentric_s", NUMBER, "duration of the lifting phase, where the signal shows it"),
    ),
    "sets": (
        Column("set_id", TEXT, "the same while the set is provisional and when it has settled"),
        _SENSOR,
        _STATUS,
        Column("exercise", TEXT, "deadlift, back_squat, overhead_press, bench_press, barbell_row, ..., unknown"),
        Column("exercise_confidence", NUMBER, "of the name of the exercise, 0 to 1"),
        Column("exercise_source", TEXT, "signal, plan, both or coach"),
        Column("start_s", NUMBER, "start of the first repetition"),
        Column("end_s", NUMBER, "end of the last repetition"),
        Column("time", TEXT, _TIME + "the start" + _TIME_END),
        Column("repetitions", COUNT, "repetitions counted"),
        Column("repetitions_are_at_least", YES_NO, "a hole or an edge lies in the set: the count is a lower bound"),
        Column("load_kg", NUMBER, "what was lifted, as declared"),
        Column("pct_1rm", NUMBER, "load as a percentage of the one-repetition maximum; empty = not graded"),
        Column("rest_before_s", NUMBER, "from the end of the set before"),
        Column("seconds_per_repetition", NUMBER, "median duration of a repetition"),
        Column("notes", TEXT, "limits of this set in words; empty when there are none"),
    ),
}


def landings(report: SessionReport) -> pd.DataFrame:
    """One row per landing, in order of time."""
    return _frame("landings", landing_rows(report))


def excluded(report: SessionReport) -> pd.DataFrame:
    """One row per candidate that is not a landing or a set, with the reason."""
    return _frame("excluded", excluded_rows(report))


def impacts(report: SessionReport) -> pd.DataFrame:
    """One row per impact peak, in order of time."""
    return _frame("impacts", impact_rows(report))


def repetitions(report: SessionReport) -> pd.DataFrame:
    """One row per repetition, in order of time."""
    return _frame("repetitions", repetition_rows(report))


def sets(report: SessionReport) -> pd.DataFrame:
    """One row per set, in order of time."""
    return _frame("sets", set_rows(report))


def landing_rows(report: SessionReport) -> list[Row]:
    """Rows of `landings`."""
    return _in_order((_landing_row(r, landing) for r in report.recordings for landing in r.landings), "peak_s")


def excluded_rows(report: SessionReport) -> list[Row]:
    """Rows of `excluded`."""
    return _in_order((_excluded_row(r, one) for r in report.recordings for one in r.excluded), "peak_s")


def impact_rows(report: SessionReport) -> list[Row]:
    """Rows of `impacts`."""
    return list(each_impact(report))


def each_impact(report: SessionReport) -> Iterator[Row]:
    """Rows of `impacts` one after the other: a week has hundreds of thousands."""
    names = [column.name for column in COLUMNS["impacts"]]
    return (dict(zip(names, cells, strict=True)) for cells in each_impact_cells(report))


def each_impact_cells(report: SessionReport) -> Iterator[tuple[str | float | None, ...]]:
    """Rows of `impacts` as cells in the order of its columns, made from the columns of the table of impacts."""
    return heapq.merge(*(_impact_cells(recording) for recording in report.recordings), key=itemgetter(1))


def repetition_rows(report: SessionReport) -> list[Row]:
    """Rows of `repetitions`."""
    rows = (row for r in report.recordings for one_set in r.sets for row in _repetition_rows(r, one_set))
    return _in_order(rows, "start_s")


def set_rows(report: SessionReport) -> list[Row]:
    """Rows of `sets`."""
    return _in_order((_set_row(r, one_set) for r in report.recordings for one_set in r.sets), "start_s")


def called_rows(report: SessionReport) -> list[Row]:
    """What the coach called done, under the names of the columns of `sets`; `at_s` is when she said so."""
    by_sensor = {recording.sensor: recording for recording in report.recordings}
    return [
        {
            "sensor": one.sensor,
            "at_s": seconds_at(by_sensor[one.sensor], one.at_sample),
            "time": time_at(by_sensor[one.sensor], one.at_sample),
            "status": Status.SETTLED.value,
            "exercise": one.exercise,
            "exercise_source": "coach",
            "load_kg": one.load_kg,
            "pct_1rm": one.pct_1rm,
        }
        for one in report.called_done
    ]


def seconds_at(recording: RecordingResult, sample: int) -> float:
    """Seconds from the start of the session to a sample of one of its recordings."""
    return recording.offset_s + sample / recording.info.sampling_rate_hz


def time_at(recording: RecordingResult, sample: int) -> str | None:
    """Wall-clock time of a sample with its offset, or None when the recording has no clock with a zone."""
    start = recording.info.start
    if start is None or start.tzinfo is None:
        return None
    moment = start.astimezone(UTC) + timedelta(seconds=sample / recording.info.sampling_rate_hz)
    return moment.astimezone(_zone(recording, start)).isoformat(timespec="milliseconds")


def _times_at(recording: RecordingResult, samples: IntArray) -> list[str | None]:
    """`time_at` of many samples: the offset of each minute is looked up once."""
    start = recording.info.start
    if start is None or start.tzinfo is None:
        return [None] * len(samples)
    zone, seconds = _zone(recording, start), samples / recording.info.sampling_rate_hz
    whole = np.floor(seconds)
    since_us = whole.astype(np.int64) * 1_000_000 + np.rint((seconds - whole) * 1e6).astype(np.int64)
    moments = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us") + since_us
    minutes, which = np.unique(moments.astype("datetime64[m]"), return_inverse=True)
    there = [minute.replace(tzinfo=UTC).astimezone(zone) for minute in minutes.tolist()]
    ahead_us = np.array([(minute.utcoffset() or _NO_TIME) // _MICROSECOND for minute in there], dtype=np.int64)
    offsets = [minute.isoformat()[len("2026-11-23T00:00:00") :] for minute in there]
    local: list[str] = np.datetime_as_string((moments + ahead_us[which]).astype("datetime64[ms]")).tolist()
    return [time + offsets[at] for time, at in zip(local, which.tolist(), strict=True)]


def _zone(recording: RecordingResult, start: datetime) -> tzinfo | None:
    """The declared zone, else the fixed offset that the start came with."""
    return ZoneInfo(recording.info.tz) if recording.info.tz else start.tzinfo


def _in_order(rows: Iterable[Row], key: str) -> list[Row]:
    """Rows of all sensors in order of time."""
    return sorted(rows, key=lambda row: row[key] or 0.0)


def _frame(name: str, rows: list[Row]) -> pd.DataFrame:
    """Rows as a table with the promised columns and types."""
    import pandas as pd

    columns = COLUMNS[name]
    table = pd.DataFrame(rows, columns=[c.name for c in columns], dtype=object)
    return table.astype({c.name: c.dtype for c in columns})


def _landing_row(recording: RecordingResult, landing: Landing) -> Row:
    """One landing under the names of its columns."""
    candidate, rates = landing.candidate, landing.loading_rates
    return {
        "event_id": landing.event_id,
        "sensor": recording.sensor,
        "status": landing.status.value,
        "landing_s": seconds_at(recording, candidate.landing_sample),
        "peak_s": seconds_at(recording, candidate.peak_sample),
        "end_s": seconds_at(recording, candidate.end_sample),
        "time": time_at(recording, candidate.landing_sample),
        "peak_g": landing.peak_g,
        "peak_net_g": landing.peak_net_g,
        "peak_vertical_g": landing.peak_vertical_g,
        "peak_20hz_g": landing.peak_20hz_g,
        "loading_rate_g_per_s": rates.maximum_g_per_s,
        "loading_rate_20_80_g_per_s": rates.slope_20_80_g_per_s,
        "loading_rate_onset_g_per_s": rates.onset_g_per_s,
        "time_to_peak_s": landing.time_to_peak_s,
        "flight_s": candidate.flight_s,
        "takeoff": candidate.takeoff.value,
        "jump_height_m": landing.jump_height_m,
        "drop_height_m": landing.drop_height_m,
        "peak_grf_bw": landing.force.peak_grf_bw if landing.force else None,
        "clipped": landing.clipped,
        "truncated": candidate.truncated,
        "high_magnitude": landing.high_magnitude,
        "high_rate": landing.high_rate,
        "notes": "; ".join(candidate.notes) or None,
    }


def _excluded_row(recording: RecordingResult, candidate: Excluded) -> Row:
    """A candidate that was looked at and is none, under the names of its columns."""
    return {
        "sensor": recording.sensor,
        "kind": candidate.kind,
        "peak_s": seconds_at(recording, candidate.peak_sample),
        "time": time_at(recording, candidate.peak_sample),
        "peak_g": candidate.peak_g,
        "reason": candidate.reason,
    }


def _impact_cells(recording: RecordingResult) -> Iterator[tuple[str | float | None, ...]]:
    """The impacts of a recording, some thousand at a time."""
    for columns in impact_columns(recording):
        cells = [_known(column) if isinstance(column, np.ndarray) else column for column in columns]
        yield from zip(*cells, strict=True)


def impact_columns(recording: RecordingResult) -> Iterator[tuple[FloatArray | list[str | None], ...]]:
    """The impacts of a recording as columns of `impacts`, some thousand at a time; unknown numbers are NaN."""
    impacts = ImpactTable.of(recording.impacts)
    for first in range(0, len(impacts), _ROWS_AT_A_TIME):
        part = impacts.part(first, first + _ROWS_AT_A_TIME)
        samples = part.samples()
        yield (
            [recording.sensor] * len(part),
            recording.offset_s + samples / recording.info.sampling_rate_hz,
            _times_at(recording, samples),
            part.numbers("peak_g"),
            part.numbers("peak_vertical_g"),
            [activity.value for activity in part.activities],
            part.numbers("acceleration_rate_g_per_s"),
            part.forces("peak_grf_n"),
            part.forces("peak_grf_bw"),
            part.forces("loading_rate_n_per_s"),
            [model or None for model in part.models],
        )


def _known(numbers: FloatArray) -> list[float | None]:
    """Numbers as cells: NaN stands for unknown."""
    return [number if number == number else None for number in numbers.tolist()]


def _repetition_rows(recording: RecordingResult, one_set: LiftSet) -> Iterator[Row]:
    """The repetitions of a set under the names of their columns."""
    for repetition in one_set.repetitions:
        yield {
            "sensor": recording.sensor,
            "set_id": repetition.set_id,
            "start_s": seconds_at(recording, repetition.start_sample),
            "end_s": seconds_at(recording, repetition.end_sample),
            "time": time_at(recording, repetition.start_sample),
            "exercise": repetition.exercise,
            "eccentric_s": repetition.eccentric_s,
            "concentric_s": repetition.concentric_s,
        }


def _set_row(recording: RecordingResult, one_set: LiftSet) -> Row:
    """One set under the names of its columns."""
    return {
        "set_id": one_set.set_id,
        "sensor": recording.sensor,
        "status": one_set.status.value,
        "exercise": one_set.exercise,
        "exercise_confidence": one_set.exercise_confidence,
        "exercise_source": one_set.exercise_source or None,
        "start_s": seconds_at(recording, one_set.start_sample),
        "end_s": seconds_at(recording, one_set.end_sample),
        "time": time_at(recording, one_set.start_sample),
        "repetitions": len(one_set.repetitions),
        "repetitions_are_at_least": one_set.repetitions_are_at_least,
        "load_kg": one_set.load_kg,
        "pct_1rm": one_set.pct_1rm,
        "rest_before_s": one_set.rest_before_s,
        "seconds_per_repetition": one_set.seconds_per_repetition,
        "notes": "; ".join(one_set.notes) or None,
    }
