"""`events.csv` and `impacts.csv`: the tables of the session as text that a spreadsheet opens without harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from loadsense import frames
from loadsense.frames import COLUMNS, COUNT, NUMBER, TEXT, Column

if TYPE_CHECKING:
    from loadsense.results import SessionReport

_LANDINGS = {column.name: column for column in COLUMNS["landings"]}
_SETS = {column.name: column for column in COLUMNS["sets"]}
_REPETITIONS = {column.name: column for column in COLUMNS["repetitions"]}

#: Columns of `events.csv`: a row per landing, repetition and set.
EVENT_COLUMNS: Final[tuple[Column, ...]] = (
    Column("event_id", TEXT, "landing id, set id, or set id with the number of the repetition"),
    Column("kind", TEXT, "landing, repetition or set"),
    _LANDINGS["sensor"],
    _LANDINGS["status"],
    Column("start_s", NUMBER, "initial contact of a landing, start of a repetition or set"),
    Column("peak_s", NUMBER, "impact peak; landings only"),
    Column("end_s", NUMBER, "end of the event"),
    Column("time", TEXT, "ISO 8601 with offset, local time of start_s; empty without a clock with a zone"),
    *(
        column
        for key, column in _LANDINGS.items()
        if key not in ("event_id", "sensor", "status", "landing_s", "peak_s", "end_s", "time", "notes")
    ),
    Column("set_id", TEXT, "the set of a repetition, or the set itself"),
    _SETS["exercise"],
    _SETS["exercise_confidence"],
    _SETS["exercise_source"],
    Column("repetitions", COUNT, "repetitions counted in a set"),
    _SETS["repetitions_are_at_least"],
    _SETS["load_kg"],
    _SETS["pct_1rm"],
    _SETS["rest_before_s"],
    _SETS["seconds_per_repetition"],
    _REPETITIONS["eccentric_s"],
    _REPETITIONS["concentric_s"],
    Column("notes", TEXT, "limits of this event in words; empty when there are none"),
)

#: A cell that starts so would be run by a spreadsheet as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def events(report: SessionReport) -> pd.DataFrame:
    """Landings, repetitions and sets in one table, in order of time."""
    landings = frames.landings(report).rename(columns={"landing_s": "start_s"}).assign(kind="landing")
    sets = frames.sets(report).assign(kind="set")
    sets["event_id"] = sets["set_id"]
    repetitions = frames.repetitions(report).assign(kind="repetition")
    nth = repetitions.groupby(["sensor", "set_id"]).cumcount() + 1
    repetitions["event_id"] = repetitions["set_id"] + "-r" + nth.astype("string")
    types = {column.name: column.dtype for column in EVENT_COLUMNS}
    parts = [part.reindex(columns=list(types)).astype(types) for part in (landings, sets, repetitions)]
    return pd.concat(parts).sort_values("start_s", kind="stable", ignore_index=True)


def events_csv(report: SessionReport) -> str:
    """Text of `events.csv`."""
    return _text(events(report))


def impacts_csv(report: SessionReport) -> str:
    """Text of `impacts.csv`."""
    return _text(frames.impacts(report))


def _text(frame: pd.DataFrame) -> str:
    """CSV with a header, dots for decimals, empty for unknown, and no cell that a spreadsheet would run."""
    safe = frame.copy()
    for column in safe.columns[safe.dtypes == "string"]:
        safe[column] = safe[column].map(_harmless, na_action="ignore")
    return safe.to_csv(index=False, lineterminator="\n")


def _harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when it would be a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
