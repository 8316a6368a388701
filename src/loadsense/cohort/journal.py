"""What is done: a journal in the output folder that a kill -9 cannot spoil.

Theory of operation. One process, the coordinator, appends a line of JSON for each file when its results are in place.
A line that was cut off by a kill is not whole JSON and is passed over, and its file is done again; results are written
whole and under a name that depends on their content, so doing a file twice leaves the same bytes. In memory stays,
for each file, where its last line lies. At the end of a run the journal is written again with the last lines only, and
Parquet files that no line names, left by a kill or made with other options, are removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from loadsense.cohort.facts import Failure, FileTask, Outcome
from loadsense.cohort.tables import TABLES, output_error

NAME: Final = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file's last line lies, and what decides whether it is still good."""

    offset: int
    arguments: str
    content: str | None
    version: str | None


class Journal:
    """The lines of one output folder.

    Parameters
    ----------
    folder : str
        Exists and may be written to.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._path = self._folder / NAME
        self._places: dict[str, _Place] = {}
        self._file: IO[bytes] | None = None
        self._reader: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        self._places = {str(line["source"]): _place(offset, line) for offset, line in self._lines()}
        try:
            self._file = self._path.open("ab")
            if self._file.tell() and not self._ends_whole():
                self._file.write(b"\n")  # the next line must not join one that was cut off
        except OSError as fault:
            raise output_error(str(self._folder), fault) from None
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._file, self._reader):
            if file is not None:
                file.close()

    def done(self, key: str, arguments: str) -> tuple[str | None, str | None]:
        """Content and version for which the results of a file are there; None and None when it has to be done."""
        place = self._places.get(key)
        if place is None or place.arguments != arguments:
            return None, None
        outcome = self.outcome(key)
        if outcome.failure is not None and outcome.failure.fault != "user":
            return None, None
        if not all((self._folder / part).exists() for part in outcome.parts):
            return None, None
        return place.content, place.version

    def outcome(self, key: str) -> Outcome:
        """What a file came to, from its line."""
        if self._reader is None:
            self._reader = self._path.open("rb")
        self._reader.seek(self._places[key].offset)
        return _outcome(json.loads(self._reader.readline()))

    def write(self, task: FileTask, outcome: Outcome) -> None:
        """Append what a file came to; it is with the system when this returns."""
        assert self._file is not None  # noqa: S101  inside `with`
        line = {"source": task.source.key, "arguments": task.arguments} | asdict(outcome)
        try:
            offset = self._file.tell()
            self._file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
            self._file.flush()
        except OSError as fault:
            raise output_error(str(self._folder), fault) from None
        self._places[task.source.key] = _place(offset, line)

    def compact(self) -> None:
        """Keep the last line of each file, and of the dataset what the lines name."""
        assert self._file is not None  # noqa: S101  inside `with`
        self._file.close()
        named = set()
        aside = self._path.with_name(f".{NAME}.{os.getpid()}")
        try:
            with self._path.open("rb") as old, aside.open("wb") as new:
                for key in sorted(self._places):
                    old.seek(self._places[key].offset)
                    line = old.readline()
                    named.update(json.loads(line)["parts"])
                    new.write(line)
            aside.replace(self._path)
            self._sweep(named)
        except OSError as fault:
            raise output_error(str(self._folder), fault) from None

    def _sweep(self, named: set[str]) -> None:
        for table in TABLES:
            for path in (self._folder / table).glob("shard=*/*"):
                if path.relative_to(self._folder).as_posix() not in named:
                    path.unlink(missing_ok=True)

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _lines(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Whole lines with their offsets."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            offset = 0
            for raw in file:
                line = _parsed(raw)
                if line is not None:
                    yield offset, line
                offset += len(raw)


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    """A line, or None when it was cut off."""
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and raw.endswith(b"\n") and "source" in line else None


def _place(offset: int, line: Mapping[str, Any]) -> _Place:
    return _Place(offset, line["arguments"], line["content"], line["version"])


def _outcome(line: Mapping[str, Any]) -> Outcome:
    failure = line["failure"]
    return Outcome(
        content=line["content"],
        version=line["version"],
        summary=tuple((name, cell) for name, cell in line["summary"]),
        parts=tuple(line["parts"]),
        failure=Failure(**failure) if failure else None,
        n_samples=line["n_samples"],
    )
