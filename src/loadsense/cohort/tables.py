"""The tables of a cohort: those of a session, days, and what each row of `summary.csv` and `errors.csv` holds.

Each recording is one Parquet file in each table, `<table>/shard=<2 hex digits>/<recording_id>.parquet`, written whole
or not at all. A table without rows has no file. The bytes depend on the recording, the options and the versions only:
not on the time, the machine or the number of workers. Shards keep folders small (256 of them) however many people
there are; columns `recording_id` and `participant` say whose a row is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loadsense import frames
from loadsense.cohort.facts import Cell, OutputError
from loadsense.frames import COUNT, NUMBER, TEXT, YES_NO, Column
from loadsense.placement import CAPABILITIES
from loadsense.results import SessionReport
from loadsense.wear import DaySummary

if TYPE_CHECKING:
    import pyarrow as pa

#: Raised when a column changes its meaning: results of another version are made again.
SCHEMA_VERSION: Final = 2

_WHOSE: Final = (
    Column(
        "recording_id", TEXT, "of the file's content and of everything it was analyzed with; joins with summary.csv"
    ),
    Column("participant", TEXT, "as the manifest says; empty without one"),
)
_DAY: Final = Column("day", TEXT, "local calendar day, ISO 8601")

DAY_COLUMNS: Final[tuple[Column, ...]] = (
    _DAY,
    Column("iso_week", TEXT, "ISO week of the day"),
    Column("recorded_s", NUMBER, "recorded on this day, gaps left out"),
    Column("wear_s", NUMBER, "of that, worn; empty where it could not be told"),
    Column("valid", YES_NO, "worn long enough to stand for the day; empty where wear is unknown"),
    Column("impacts", COUNT, "impact peaks while worn"),
    Column("landings", COUNT, "landings while worn; empty where the placement shows none"),
    Column("daily_impact_score_log", NUMBER, "daily impact score, natural logarithm"),
    Column("minutes_above_750_mg", NUMBER, "wrist: minutes with a mean ENMO of 750 mg or more"),
    Column("minutes_above_1000_mg", NUMBER, "wrist: minutes with a mean ENMO of 1000 mg or more"),
    Column("intensity_gradient", NUMBER, "wrist: slope of ln minutes on ln mg"),
    Column("intensity_intercept", NUMBER, "wrist: its intercept"),
    Column("intensity_r2", NUMBER, "wrist: its fit"),
)
BAND_COLUMNS: Final[tuple[Column, ...]] = (
    _DAY,
    Column("bands", TEXT, "name of the published bands"),
    Column("low", NUMBER, "lower limit, included"),
    Column("high", NUMBER, "upper limit; infinite for the highest band"),
    Column("unit", TEXT, "of the limits"),
    Column("frame", TEXT, "RAW or NET"),
    Column("count", COUNT, "impact peaks of the day in the band"),
)
MX_COLUMNS: Final[tuple[Column, ...]] = (
    _DAY,
    Column("metric", TEXT, "M60: the most active 60 minutes of the day; wrist only"),
    Column("above_mg", NUMBER, "acceleration above which they lie"),
)

WEEK_COLUMNS: Final[tuple[Column, ...]] = (
    Column("iso_week", TEXT, "ISO week, Monday to Sunday in local time"),
    Column("kind", TEXT, "all, weekday (Monday to Friday) or weekend: the valid days that the means of the row are of"),
    Column("days", COUNT, "local days with data in the week, valid or not, of any kind"),
    Column("valid_days", COUNT, "days of this kind that were worn long enough; empty where wear is unknown"),
    Column("wear_s", NUMBER, "mean of a valid day"),
    Column("impacts", NUMBER, "mean of a valid day, while worn"),
    Column("landings", NUMBER, "mean of a valid day, while worn; empty where the placement shows none"),
    Column("daily_impact_score_log", NUMBER, "mean of a valid day"),
    Column("minutes_above_750_mg", NUMBER, "wrist: mean of a valid day"),
    Column("minutes_above_1000_mg", NUMBER, "wrist: mean of a valid day"),
    Column("intensity_gradient", NUMBER, "wrist: mean of a valid day"),
    Column("intensity_intercept", NUMBER, "wrist: mean of a valid day"),
    Column("reason", TEXT, "why the row has no means, such as too few valid days; empty when it has"),
)

#: Table -> its columns.
TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "landings": _WHOSE + frames.COLUMNS["landings"],
    "impacts": _WHOSE + frames.COLUMNS["impacts"],
    "sets": _WHOSE + frames.COLUMNS["sets"],
    "repetitions": _WHOSE + frames.COLUMNS["repetitions"],
    "days": _WHOSE + DAY_COLUMNS,
    "day_bands": _WHOSE + BAND_COLUMNS,
    "day_mx": _WHOSE + MX_COLUMNS,
    "weeks": _WHOSE + WEEK_COLUMNS,
}

#: Columns of `summary.csv` that depend on the recording alone; `books` puts the file in front.
RECORDING_COLUMNS: Final[tuple[Column, ...]] = (
    Column("placement", TEXT, "where the sensor was worn"),
    Column("device", TEXT, "make and model, where the file says"),
    Column("start_time", TEXT, "ISO 8601; with an offset where the zone is known"),
    Column("duration_s", NUMBER, "from the first sample to the last, gaps included"),
    Column("sampling_rate_hz", NUMBER, "of the sample grid"),
    Column("range_g", NUMBER, "full scale of each axis; empty when nobody stated it"),
    Column("body_mass_kg", NUMBER, "as given"),
    Column("n_samples", COUNT, "samples that are there"),
    Column("n_missing", COUNT, "samples missing in gaps"),
    Column("n_clipped", COUNT, "samples at the sensor's range"),
    Column("verdict", TEXT, "reached, not_reached or cannot_say"),
    Column("judged", TEXT, "what was judged, and why"),
    Column("landings", COUNT, "landings; empty where the placement shows none"),
    Column("high_magnitude_landings", COUNT, "over the profile's level of magnitude; empty = not graded"),
    Column("high_rate_landings", COUNT, "over the profile's level of rate; empty = not graded"),
    Column("landing_peak_net_g_max", NUMBER, "strongest landing, NET g"),
    Column("landing_peak_net_g_median", NUMBER, "middle landing, NET g"),
    Column("loading_rate_g_per_s_max", NUMBER, "steepest landing"),
    Column("impacts", COUNT, "impact peaks"),
    Column("sets", COUNT, "sets of lifts; empty where the placement shows none"),
    Column("repetitions", COUNT, "repetitions of lifts; empty where the placement shows none"),
    Column("days", COUNT, "local days with data, in recordings of long wear"),
    Column("valid_days", COUNT, "of them, worn long enough; empty where wear is unknown"),
    Column("osteogenic_index", NUMBER, "a convention without a validated cut-off; never graded"),
    Column("daily_impact_score_log", NUMBER, "of the whole recording"),
    Column("notes", TEXT, "limits of the recording in words"),
)

_Row = dict[str, Any]

#: Rows that are turned into a row group at a time.
GROUP_ROWS: Final = 1 << 14


def write_tables(report: SessionReport, whose: Mapping[str, Cell], folder: str) -> tuple[str, ...]:
    """Write every table of a recording; return the paths below the folder.

    Parameters
    ----------
    report : SessionReport
        Of one recording.
    whose : mapping
        `recording_id` and `participant`.
    folder : str
        Of the dataset.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    makers: dict[str, Callable[[SessionReport], Iterable[_Row]]] = {
        "landings": frames.landing_rows,
        "impacts": frames.each_impact,
        "sets": frames.set_rows,
        "repetitions": frames.repetition_rows,
        "days": _day_rows,
        "day_bands": _band_rows,
        "day_mx": _mx_rows,
        "weeks": _week_rows,
    }
    parts = []
    for name, rows_of in makers.items():
        tables = arrow_tables(name, rows_of(report), whose)
        first = next(tables, None)
        if first is not None:
            part = part_path(name, str(whose["recording_id"]))
            _write(chain([first], tables), first.schema, Path(folder) / part)
            parts.append(part)
    return tuple(parts)


def part_path(table: str, recording_id: str) -> str:
    """Where a recording's rows of a table lie.

    Examples
    --------
    >>> part_path("landings", "3fa1")
    'landings/shard=3f/3fa1.parquet'
    """
    return f"{table}/shard={recording_id[:2]}/{recording_id}.parquet"


def arrow_tables(name: str, rows: Iterable[_Row], whose: Mapping[str, Cell]) -> Iterator[pa.Table]:
    """Rows as Arrow tables with the promised columns and types, so many rows at a time that a week stays small."""
    import pyarrow as pa

    schema, waiting = arrow_schema(name), iter(rows)
    while some := list(islice(waiting, GROUP_ROWS)):
        cells = [
            pa.array([whose[f.name]] * len(some) if f.name in whose else [row[f.name] for row in some], type=f.type)
            for f in schema
        ]
        yield pa.table(cells, schema=schema)


def arrow_schema(name: str) -> pa.Schema:
    """Columns and types of a table."""
    import pyarrow as pa

    types = {TEXT: pa.string(), NUMBER: pa.float64(), COUNT: pa.int64(), YES_NO: pa.bool_()}
    return pa.schema([(column.name, types[column.dtype]) for column in TABLES[name]])


def prepare(folder: str) -> None:
    """Make the folder of each table, with a file that says its columns: a table may be read before it has rows.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    import pyarrow.parquet as pq

    try:
        for name in TABLES:
            place = Path(folder) / name
            place.mkdir(parents=True, exist_ok=True)
            pq.write_metadata(arrow_schema(name), place / "_common_metadata")
    except OSError as fault:
        raise output_error(folder, fault) from None


def output_error(folder: str, fault: OSError) -> OutputError:
    """The system's words as ours."""
    return OutputError(
        f"the results cannot be written to {folder} ({fault.strerror or fault}); make room or give another -o, and "
        "start again: what is done stays done"
    )


def _write(tables: Iterable[pa.Table], schema: pa.Schema, target: Path) -> None:
    """The file whole in its place, or not at all: written beside it, a row group for each table, and renamed."""
    import pyarrow.parquet as pq

    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as fault:
        raise output_error(str(target.parent), fault) from None


def _days(report: SessionReport) -> Iterator[DaySummary]:
    return (day for recording in report.recordings for day in recording.days)


def _day_rows(report: SessionReport) -> Iterator[_Row]:
    for day in _days(report):
        row = {column.name: getattr(day, column.name) for column in DAY_COLUMNS}
        yield {**row, "day": day.day.isoformat()}


def _band_rows(report: SessionReport) -> Iterator[_Row]:
    for day in _days(report):
        for band in day.impact_bands:
            yield {
                "day": day.day.isoformat(),
                "bands": band.name,
                "low": band.low,
                "high": band.high,
                "unit": band.unit,
                "frame": band.frame,
                "count": band.count,
            }


def _mx_rows(report: SessionReport) -> Iterator[_Row]:
    for day in _days(report):
        for metric, above_mg in day.mx_mg:
            yield {"day": day.day.isoformat(), "metric": metric, "above_mg": above_mg}


def _week_rows(report: SessionReport) -> Iterator[_Row]:
    for week in (week for recording in report.recordings for week in recording.weeks):
        for means in week.means:
            row = {column.name: getattr(means, column.name) for column in WEEK_COLUMNS if hasattr(means, column.name)}
            yield {**row, "iso_week": week.iso_week, "days": week.days, "reason": means.reason or None}


def summary_row(report: SessionReport) -> tuple[tuple[str, Cell], ...]:
    """Cells of `RECORDING_COLUMNS` for a session of one recording."""
    (recording,) = report.recordings
    info, quality, landings = recording.info, recording.quality, report.landing_summary
    lifts = CAPABILITIES[info.placement].sees_lifts
    net, rate = landings.peak_net_g, landings.loading_rate_g_per_s
    known = [day.valid for day in recording.days if day.valid is not None]
    return (
        ("placement", info.placement.value),
        ("device", info.origin.device),
        ("start_time", info.start.isoformat(timespec="milliseconds") if info.start else None),
        ("duration_s", recording.n_grid_samples / info.sampling_rate_hz),
        ("sampling_rate_hz", info.sampling_rate_hz),
        ("range_g", info.range_g),
        ("body_mass_kg", info.body_mass_kg),
        ("n_samples", quality.n_samples),
        ("n_missing", sum(gap.n_missing for gap in quality.gaps)),
        ("n_clipped", quality.n_clipped if info.range_g else None),
        ("verdict", report.verdict.status.value),
        ("judged", report.verdict.judged),
        ("landings", landings.count),
        ("high_magnitude_landings", landings.high_magnitude_count),
        ("high_rate_landings", landings.high_rate_count),
        ("landing_peak_net_g_max", net.max if net else None),
        ("landing_peak_net_g_median", net.median if net else None),
        ("loading_rate_g_per_s_max", rate.max if rate else None),
        ("impacts", len(recording.impacts)),
        ("sets", len(recording.sets) if lifts else None),
        ("repetitions", sum(len(one.repetitions) for one in recording.sets) if lifts else None),
        ("days", len(recording.days)),
        ("valid_days", sum(known) if known else None),
        ("osteogenic_index", report.indices.osteogenic_index.value),
        ("daily_impact_score_log", report.indices.daily_impact_score_log),
        ("notes", "; ".join(report.quality_notes) or None),
    )
