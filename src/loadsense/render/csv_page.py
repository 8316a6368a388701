"""`events.csv` and `impacts.csv`: the tables of the session as text that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import heapq
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from loadsense import frames
from loadsense.frames import COLUMNS, COUNT, NUMBER, TEXT, Column, Row

if TYPE_CHECKING:
    from loadsense.results import RecordingResult, SessionReport
    from loadsense.samples import FloatArray

_LANDINGS = {column.name: column for column in COLUMNS["landings"]}
_SETS = {column.name: column for column in COLUMNS["sets"]}
_REPETITIONS = {column.name: column for column in COLUMNS["repetitions"]}

#: Columns of `events.csv`: a row per landing, repetition and set, and per set that the coach called done.
EVENT_COLUMNS: Final[tuple[Column, ...]] = (
    Column("event_id", TEXT, "landing id, set id, set id with the number of the repetition, or D with a number"),
    Column("kind", TEXT, "landing, repetition, set, or set done: as the coach called it, whether seen or not"),
    _LANDINGS["sensor"],
    _LANDINGS["status"],
    Column("start_s", NUMBER, "initial contact of a landing, start of a repetition or set, when a set was called done"),
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

#: A cell that stays as it is: nothing to quote, and nothing that a spreadsheet would run.
_PLAIN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:+-]*")

#: A cell that starts so would be run by a spreadsheet as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def events_csv(report: SessionReport) -> str:
    """Text of `events.csv`: landings, sets, repetitions and what was called done, in order of time."""
    rows = [*_landings(report), *_sets(report), *_repetitions(report), *_called_done(report)]
    rows.sort(key=lambda row: row["start_s"] or 0.0)
    names = [column.name for column in EVENT_COLUMNS]
    return _text(EVENT_COLUMNS, ([row.get(name) for name in names] for row in rows))


def impacts_csv(report: SessionReport) -> str:
    """Text of `impacts.csv`."""
    header = ",".join(column.name for column in COLUMNS["impacts"])
    lines = heapq.merge(*map(_impact_lines, report.recordings), key=itemgetter(0))
    return "\n".join([header, *(line for _, line in lines), ""])


def _impact_lines(recording: RecordingResult) -> Iterator[tuple[float, str]]:
    """Seconds and line of each impact: what `_text` would write, made from whole columns."""
    for columns in frames.impact_columns(recording):
        texts = [_word_cells(cells) if isinstance(cells, list) else _number_cells(cells) for cells in columns]
        yield from zip(columns[1], map(",".join, zip(*texts, strict=True)), strict=True)


def _number_cells(numbers: FloatArray) -> list[str]:
    """Numbers as Python writes them, NaN as nothing: Arrow writes those of everyday size alike, and much faster."""
    unknown = np.isnan(numbers)
    if unknown.all():
        return [""] * len(numbers)
    column = pa.Array.from_buffers(pa.float64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])
    cells: list[str] = column.cast(pa.string()).to_pylist()  # pa.array(numbers) would load pandas
    size = np.abs(numbers)
    is_alike = (size >= 1e-4) & (size < 1e10) & (numbers != np.rint(numbers))
    for at in np.flatnonzero(~is_alike).tolist():
        cells[at] = "" if unknown[at] else repr(float(numbers[at]))
    return cells


def _word_cells(words: list[str | None]) -> list[str]:
    """Words as cells; the few that differ are written once."""
    cells = {word: _cell(word) for word in set(words)}
    return [cells[word] for word in words]


def _cell(word: str | None) -> str:
    if word is None or _PLAIN.fullmatch(word):
        return word or ""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([*_harmless([word], [0]), ""])
    return text.getvalue()[: -len(",")]


def _landings(report: SessionReport) -> Iterator[Row]:
    for row in frames.landing_rows(report):
        yield {**row, "kind": "landing", "start_s": row["landing_s"]}


def _sets(report: SessionReport) -> Iterator[Row]:
    for row in frames.set_rows(report):
        yield {**row, "kind": "set", "event_id": row["set_id"]}


def _called_done(report: SessionReport) -> Iterator[Row]:
    """What the coach called done: its repetitions are not known, and a set that a sensor saw has a row of its own."""
    for number, row in enumerate(frames.called_rows(report), 1):
        yield {**row, "kind": "set done", "event_id": f"D{number:04d}", "start_s": row["at_s"], "end_s": row["at_s"]}


def _repetitions(report: SessionReport) -> Iterator[Row]:
    """Repetitions with an id of their own: that of the set, and which one of it."""
    seen: Counter[tuple[object, object]] = Counter()
    for row in frames.repetition_rows(report):
        key = (row["sensor"], row["set_id"])
        seen[key] += 1
        yield {**row, "kind": "repetition", "event_id": f"{row['set_id']}-r{seen[key]}"}


def _text(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header, dots for decimals, empty for unknown, and no cell that a spreadsheet would run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    words = [at for at, column in enumerate(columns) if column.dtype == TEXT]
    writer.writerows(_harmless(cells, words) for cells in rows)
    return text.getvalue()


def _harmless(cells: Sequence[object], words: Sequence[int]) -> Sequence[object]:
    """The cells of a row, with an apostrophe in front of a text that would be a formula."""
    for at in words:
        cell = cells[at]
        if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
            cells = [*cells[:at], f"'{cell}", *cells[at + 1 :]]
    return cells
