"""The manifest: who wore what, where and in which time zone, one row for each file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadsense.cohort.facts import Failure, Options, Source
from loadsense.cohort.failing import split_sentence
from loadsense.cohort.finding import is_url
from loadsense.errors import ContentError, LoadSenseError, OptionError, unknown_name

#: What must be there, and what may be.
_NEEDED: Final = ("participant", "file")
_NUMBERS: Final = ("body_mass_kg", "range_g", "sampling_rate_hz")
_TEXTS: Final = ("tz", "placement", "activity", "unit", "start", "end")
COLUMNS: Final = (*_NEEDED, *_TEXTS, *_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One row: `row` counts from 1, the header is row 1."""

    row: int
    participant: str
    file: str
    options: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a manifest says of the files that were found.

    Attributes
    ----------
    rows : mapping of str to ManifestRow
        By the key of the source.
    failures : mapping of str to Failure
        Files with no row, with two, or with one that cannot be used; and rows without a file, by the name they give.
    """

    rows: Mapping[str, ManifestRow]
    failures: Mapping[str, Failure]


def load(path: str) -> tuple[list[ManifestRow], dict[str, Failure]]:
    """Rows of a manifest, and the failures of those that cannot be used, by the file they name.

    Commas or semicolons; with semicolons a decimal comma is read as well, as spreadsheets write it.

    Raises
    ------
    OptionError
        No such file.
    ContentError
        The whole of it cannot be used: no header, an unknown or missing column, no rows.
    """
    table = _table(path)
    names = _checked_header(path, table)
    rows, failures = [], {}
    for number, cells in enumerate(table[1:], 2):
        values = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        if not any(values.values()):
            continue
        try:
            rows.append(_row(number, values))
        except LoadSenseError as error:
            failures[values.get("file", "")] = failure(path, number, str(error))
    if not rows and not failures:
        raise ContentError(f"{path}: a header and no rows; expected one row for each recording")
    return rows, failures


def match(path: str, sources: Sequence[Source]) -> Matched:
    """Give each file its row.

    A row names a file by its path from the manifest's folder, by its whole path or URL, or by as much of the end of
    its path as no other file shares.
    """
    rows, named_failures = load(path)
    ends = _Ends(sources, str(Path(path).resolve().parent))
    found: dict[str, ManifestRow] = {}
    failures = {ends.key_or_name(file): failed for file, failed in named_failures.items()}
    for row in rows:
        keys = ends.matching(row.file)
        if len(keys) != 1:
            failures.setdefault(row.file, _unmatched(path, row, len(keys)))
        elif keys[0] in found:
            failures[keys[0]] = _twice(path, found[keys[0]], row)
        else:
            found[keys[0]] = row
    for source in sources:
        if source.key not in found and source.key not in failures:
            failures[source.key] = _unknown_participant(path)
    return Matched(rows={k: r for k, r in found.items() if k not in failures}, failures=failures)


class _Ends:
    """Files by the end of their path."""

    def __init__(self, sources: Iterable[Source], folder: str) -> None:
        self._folder = folder
        self._keys = {source.key for source in sources}
        self._by_name: dict[str, list[str]] = {}
        for key in sorted(self._keys):
            self._by_name.setdefault(_posix(key).rsplit("/", 1)[-1], []).append(key)

    def matching(self, file: str) -> list[str]:
        whole = file if is_url(file) else str((Path(self._folder) / file).resolve())
        if whole in self._keys:
            return [whole]
        end = _posix(file).removeprefix("./")
        return [k for k in self._by_name.get(end.rsplit("/", 1)[-1], []) if _posix(k).endswith("/" + end)]

    def key_or_name(self, file: str) -> str:
        keys = self.matching(file)
        return keys[0] if len(keys) == 1 else file


def _posix(path: str) -> str:
    return path.replace("\\", "/")


def _table(path: str) -> list[list[str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise OptionError(f"manifest {path}: no such file; check the name") from None
    except UnicodeDecodeError:
        raise ContentError(f"manifest {path}: not UTF-8 text; save it as CSV UTF-8") from None
    except OSError as fault:
        raise OptionError(f"manifest {path}: cannot be read ({fault.strerror})") from None
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","
    return list(csv.reader(text.splitlines(), delimiter=separator))


def _checked_header(path: str, table: list[list[str]]) -> list[str]:
    names = [name.strip().lower() for name in table[0]] if table else []
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ContentError(
            f"manifest {path}: no column {' and no column '.join(missing)}; expected a first row such as "
            "participant,file,tz,placement,body_mass_kg"
        )
    for name in names:
        if name not in COLUMNS:
            raise unknown_name(f"column in {path}", name, COLUMNS)
        if names.count(name) > 1:
            raise ContentError(f"manifest {path}: column {name} is there twice; keep one")
    return names


def _row(number: int, values: Mapping[str, str]) -> ManifestRow:
    if not values.get("file"):
        raise ContentError("no file is named; write which one")
    if not values.get("participant"):
        raise ContentError("the participant is empty; write who wore the sensor")
    numbers = {name: _number(name, values[name]) for name in _NUMBERS if values.get(name)}
    texts: dict[str, object] = {name: values[name] for name in _TEXTS if values.get(name)}
    options = tuple(sorted((texts | numbers).items()))
    return ManifestRow(row=number, participant=values["participant"], file=values["file"], options=options)


def _number(name: str, cell: str) -> float:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        raise OptionError(f"{name} '{cell}' is not a number; write it like 63.1, or leave the cell empty") from None


def failure(path: str, number: int, sentence: str) -> Failure:
    """Why a row cannot be used, with its number."""
    reason, to_do = split_sentence(sentence)
    return Failure(reason=f"manifest {Path(path).name} row {number}: {reason}", what_to_do=to_do, row=number)


def _unmatched(path: str, row: ManifestRow, count: int) -> Failure:
    if count:
        told = f"'{row.file}' could be {count} of the files; write more of its path"
    else:
        told = f"'{row.file}' is none of the files that were given; check the name, or give its folder as well"
    return failure(path, row.row, told)


def _twice(path: str, first: ManifestRow, second: ManifestRow) -> Failure:
    return failure(
        path, second.row, f"the file has a row already, row {first.row}, so that nobody knows whose it is; keep one"
    )


def _unknown_participant(path: str) -> Failure:
    return Failure(
        reason=f"no row of {Path(path).name} names this file: its participant is unknown",
        what_to_do="add a row for it, or leave the file out",
    )
