"""Strict reading of TOML: a wrong or misspelt key gives one sentence that names the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from loadsense.criteria import Known, Source
from loadsense.errors import ContentError, LoadSenseError, OptionError
from loadsense.placement import Placement, parse_placement

Choice = TypeVar("Choice", bound=str)


class Fields:
    """The keys of one TOML table; each is taken once, by type, and none may be left over.

    Parameters
    ----------
    table : dict
        As parsed.
    where : str
        File, and the entry in it, for messages.
    """

    def __init__(self, table: dict[str, object], where: str) -> None:
        self._table = dict(table)
        self._asked: list[str] = []
        self.where = where

    def fail(self, key: str, found: object, expected: str) -> ContentError:
        """Error for a key whose value cannot be."""
        return ContentError(f"{self.where}: key '{key}' is {found!r}; expected {expected}")

    def _take(self, key: str) -> object:
        self._asked.append(key)
        return self._table.pop(key, None)

    def _required(self, key: str, expected: str) -> object:
        value = self._take(key)
        if value is None:
            raise ContentError(f"{self.where}: key '{key}' is missing; expected {expected}")
        return value

    def text(self, key: str) -> str:
        """A text that must be there and not be empty."""
        value = self._required(key, "a text")
        if not isinstance(value, str) or not value.strip():
            raise self.fail(key, value, "a text")
        return value

    def optional_text(self, key: str, default: str = "") -> str:
        """A text, or the default where the key is absent."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fail(key, value, "a text")
        return value

    def choice(self, key: str, allowed: Sequence[Choice]) -> Choice:
        """One of a closed list of words."""
        value = self._required(key, f"one of {', '.join(allowed)}")
        for word in allowed:
            if value == word:
                return word
        raise self.fail(key, value, f"one of {', '.join(allowed)}")

    def optional_choice(self, key: str, allowed: Sequence[Choice]) -> Choice | None:
        """One of a closed list of words, or None where the key is absent."""
        if self._absent(key):
            return None
        return self.choice(key, allowed)

    def _absent(self, key: str) -> bool:
        self._asked.append(key)
        return key not in self._table

    def number(self, key: str, *, low: float = float("-inf"), high: float = float("inf")) -> float:
        """A finite number in [low, high]."""
        expected = "a number" if low == float("-inf") else f"a number from {low:g} to {high:g}"
        value = self._required(key, expected)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or value - value:
            raise self.fail(key, value, expected)
        return float(value)

    def optional_number(self, key: str, *, low: float = float("-inf"), high: float = float("inf")) -> float | None:
        """A finite number in [low, high], or None where the key is absent."""
        if self._absent(key):
            return None
        return self.number(key, low=low, high=high)

    def whole(self, key: str, *, low: int = 0, high: int = 1000) -> int:
        """A whole number in [low, high]."""
        value = self.number(key, low=low, high=high)
        if value != int(value):
            raise self.fail(key, value, "a whole number")
        return int(value)

    def optional_whole(self, key: str, *, low: int = 0, high: int = 1000) -> int | None:
        """A whole number in [low, high], or None where the key is absent."""
        if self._absent(key):
            return None
        return self.whole(key, low=low, high=high)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self.fail(key, value, "true or false")
        return value

    def optional_date(self, key: str) -> date | None:
        """A date such as 2026-11-20, as TOML date or as text; None where the key is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise self.fail(key, value, "a date such as 2026-11-20") from None

    def needed_date(self, key: str) -> date:
        """A date that must be there."""
        found = self.optional_date(key)
        if found is None:
            raise ContentError(f"{self.where}: key '{key}' is missing; expected a date such as 2026-11-20")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is absent."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(key, value, "a list of texts")
        return tuple(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of numbers; empty where the key is absent."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(x, int | float) for x in value):
            raise self.fail(key, value, "a list of numbers")
        return tuple(float(x) for x in value)

    def number_rows(self, key: str, width: int) -> list[tuple[float, ...]]:
        """A list of rows of numbers, each of one width; empty where the key is absent."""
        value = self._take(key)
        rows: list[object] = value if isinstance(value, list) else [] if value is None else [value]
        found = []
        for row in rows:
            if not isinstance(row, list) or len(row) != width or not all(isinstance(x, int | float) for x in row):
                raise self.fail(key, value, f"rows of {width} numbers")
            found.append(tuple(float(x) for x in row))
        return found

    def placements(self, key: str) -> tuple[Placement, ...]:
        """A list of placements; empty where the key is absent."""
        try:
            return tuple(parse_placement(name) for name in self.texts(key))
        except OptionError as error:
            raise ContentError(f"{self.where}: key '{key}': {error}") from None

    def table(self, key: str) -> Fields:
        """A table inside this one; empty where it is absent."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            raise self.fail(key, value, "a table")
        return Fields(value or {}, f"{self.where} [{key}]")

    def tables(self, key: str) -> list[Fields]:
        """An array of tables; empty where it is absent."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fail(key, value, f"an array of tables, [[{key}]]")
        return [Fields(item, f"{self.where} [[{key}]] {item.get('name', i + 1)}") for i, item in enumerate(value)]

    def names(self) -> tuple[str, ...]:
        """Keys that have not been taken yet."""
        return tuple(self._table)

    def expect(self, keys: Sequence[str]) -> None:
        """Name keys that may be here and were not asked for, for the hint of `done`."""
        self._asked += keys

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def source(self, shared: Source | None = None) -> Source:
        """Where an entry comes from; what it leaves out is taken from the source of its file."""
        if shared is None:
            known = self.choice("known", [k.value for k in Known])
            return Source(
                citation=self.text("citation"),
                known=Known(known),
                doi=self.optional_text("doi") or None,
                note=self.optional_text("note"),
            )
        known_here = self.optional_choice("known", [k.value for k in Known])
        citation = self.optional_text("citation")
        doi = self.optional_text("doi") or None
        return Source(
            citation=citation or shared.citation,
            known=Known(known_here) if known_here else shared.known,
            doi=doi if citation or doi else shared.doi,
            note="; ".join(part for part in (self.optional_text("note"), "" if citation else shared.note) if part),
        )

    def done(self) -> None:
        """Refuse what nobody asked for: a misspelt key would silently change nothing.

        Raises
        ------
        ContentError
            With the nearest key that is known here.
        """
        for key in self._table:
            near = get_close_matches(key, self._asked, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise ContentError(f"{self.where}: key '{key}' is not known here; {hint}Known: {', '.join(self._asked)}")


def read_fields(path: Path, *, error: type[LoadSenseError] = ContentError) -> Fields:
    """Parse one TOML file.

    Raises
    ------
    ContentError
        Not TOML (with the line), not UTF-8 text, or, by default, not readable at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ContentError(f"{path.name}: not UTF-8 text; expected a TOML file") from None
    except OSError as problem:
        reason = problem.strerror or "cannot be opened"
        raise error(f"{path}: {reason}; expected a TOML file that can be read") from None
    try:
        return Fields(tomllib.loads(text), path.name)
    except tomllib.TOMLDecodeError as problem:
        raise ContentError(f"{path.name}: not valid TOML: {problem}; correct the file") from None
