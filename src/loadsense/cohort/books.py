"""`summary.csv`, `errors.csv` and `run.json`: what a batch came to, for people and spreadsheets."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from loadsense.cohort.facts import Cell, Failure, Outcome
from loadsense.cohort.tables import RECORDING_COLUMNS, output_error
from loadsense.frames import COUNT, TEXT, Column

SUMMARY_COLUMNS: Final[tuple[Column, ...]] = (
    Column("file", TEXT, "as it was given, or found in the folder that was given"),
    Column("participant", TEXT, "as the manifest says; empty without one"),
    Column("status", TEXT, "done, or error: then errors.csv has a row for it"),
    Column("recording_id", TEXT, "of the file's content and of everything it was analyzed with; joins with the tables"),
    Column("duplicate_of", TEXT, "an earlier file of this list with the same content; empty when there is none"),
    Column("sha256", TEXT, "of the file; empty where it could not be read"),
    *RECORDING_COLUMNS,
)
ERROR_COLUMNS: Final[tuple[Column, ...]] = (
    Column("file", TEXT, "as in summary.csv, or as the manifest names it"),
    Column("row", COUNT, "row of the file or of the manifest that is at fault; empty when no single row is"),
    Column("reason", TEXT, "what was found, and what was expected"),
    Column("what_to_do", TEXT, "in one sentence"),
    Column("fault", TEXT, "user, world, bug (ours) or lost worker; all but user are tried again by the next run"),
)

#: A cell that starts so would be run by a spreadsheet as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of this run's list, and what it came to."""

    file: str
    participant: str | None
    recording_id: str | None
    outcome: Outcome


class Summary:
    """Entries as the rows of `summary.csv`; counts what passes, so that no list of all files is kept.

    Attributes
    ----------
    verdicts, faults : Counter
        Files by verdict, and failures by whose fault they are.
    errors : list of dict
        Rows of `errors.csv`.
    """

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.errors: list[dict[str, Cell]] = []
        self._first: dict[str, str] = {}

    def rows(self, entries: Iterable[Entry]) -> Iterator[dict[str, Cell]]:
        """A row per file, in the order given."""
        for entry in entries:
            failure, content = entry.outcome.failure, entry.outcome.content
            summary = dict(entry.outcome.summary)
            if failure:
                self.faults[failure.fault] += 1
                self.errors.append(error_row(entry.file, failure))
            else:
                self.verdicts[str(summary["verdict"])] += 1
            yield {
                "file": entry.file,
                "participant": entry.participant,
                "status": "error" if failure else "done",
                "recording_id": None if failure else entry.recording_id,
                "duplicate_of": self._first.get(content) if content else None,
                "sha256": content,
                **summary,
            }
            if content:
                self._first.setdefault(content, entry.file)


def error_row(file: str, failure: Failure) -> dict[str, Cell]:
    """A failure under the names of its columns."""
    return {
        "file": file,
        "row": failure.row,
        "reason": failure.reason,
        "what_to_do": failure.what_to_do,
        "fault": failure.fault,
    }


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, Cell]]) -> None:
    """A table as CSV, whole or not at all: dots for decimals, empty for unknown, nothing that a spreadsheet would run.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    names = [column.name for column in columns]
    with _whole(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_harmless(row.get(name)) for name in names] for row in rows)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """A record as JSON, whole or not at all.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    with _whole(path) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A text file that is there whole or not at all: written beside its place and renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            yield file
        aside.replace(path)
    except OSError as fault:
        aside.unlink(missing_ok=True)
        raise output_error(str(path.parent), fault) from None


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
