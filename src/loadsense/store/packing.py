"""Frozen dataclasses as JSON and back, by their type hints; a recording's result as few bytes.

Every field is written, floats to their last digit, so that what was packed comes back equal. A field that a later
version has added takes its default, and one that it no longer has is left out.
"""

from __future__ import annotations

import base64
import json
import types
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import numpy as np

from loadsense.results import BandCount, RecordingResult

Made = TypeVar("Made")
_Read = Callable[[Any], Any]

#: Names in type hints that their own modules import for the type checker only.
_NAMED_ELSEWHERE: Final = {"BandCount": BandCount}
#: Compression that halves the time of the next level and loses a tenth of the size.
_LEVEL: Final = 1


def pack_result(result: RecordingResult) -> bytes:
    """What one recording came to, as compressed JSON."""
    return zlib.compress(json.dumps(plain(result, dense=True), separators=(",", ":")).encode("ascii"), _LEVEL)


def unpack_result(packed: bytes) -> RecordingResult:
    """The result that was packed."""
    return made(RecordingResult, json.loads(zlib.decompress(packed)))


def plain(value: Any, *, dense: bool = False) -> Any:
    """A dataclass, or a tree of them, as JSON values.

    Parameters
    ----------
    value : object
        Dataclasses, enums, dates, times, and what JSON knows.
    dense : bool
        Write the names of fields once for a sequence of one class: `made` reads both forms.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is tuple or kind is list:
        return _plain_sequence(value, dense)
    names = _names(cast(Hashable, kind))
    if names:
        return {name: plain(getattr(value, name), dense=dense) for name in names}
    if kind is dict:
        return {key: plain(one, dense=dense) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):  # a word may be an enum
        return _plain_sequence(list(value), dense)
    return _plain_word(value)


def _plain_sequence(values: list[Any] | tuple[Any, ...], dense: bool) -> Any:
    kinds = set(map(type, values))
    if dense and kinds == {float} and len(values) >= _MANY_FLOATS:
        return {_FLOATS: base64.b64encode(np.array(values, dtype="<f8").tobytes()).decode("ascii")}
    if kinds <= _AS_THEY_ARE:
        return list(values)
    if dense and len(kinds) == 1 and _names(cast(Hashable, kinds.pop())):
        return _columns(values)
    return [plain(one, dense=dense) for one in values]


def _plain_word(value: Any) -> Any:
    if isinstance(value, Enum):
        return _value_of(value)
    if isinstance(value, datetime):
        zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
        return [value.isoformat(), zone]
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be packed")


def made(kind: type[Made], values: Any) -> Made:
    """A dataclass from what `plain` made of it."""
    back: Made = _reader(cast(Hashable, kind))(values)
    return back


_AS_THEY_ARE: Final = frozenset((str, int, float, bool, type(None)))
_COLUMNS: Final = "__columns__"
_FLOATS: Final = "__floats__"
#: Numbers from which on they are written as bytes: printing each to its last digit takes longer than all the rest.
_MANY_FLOATS: Final = 64


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Fields of a dataclass; none for anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@cache
def _value_of(word: Enum) -> Any:
    return word.value


def _columns(values: Sequence[Any]) -> dict[str, Any]:
    """A sequence of one class: the names of its fields, and the values of each field."""
    names = _names(cast(Hashable, type(values[0])))
    columns = [_plain_sequence([getattr(one, name) for one in values], dense=True) for name in names]
    return {_COLUMNS: list(names), "columns": columns}


@cache
def _reader(hint: Any) -> _Read:
    """How a value of this type is read back."""
    if hint is Any or hint in _AS_THEY_ARE:
        return _float_of if hint is float else _same
    if is_dataclass(hint):
        return _dataclass_reader(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return _same
    if origin in (Union, types.UnionType):
        return _union_reader(get_args(hint))
    if origin in (tuple, list, Sequence):
        return _sequence_reader(list if origin is list else tuple, get_args(hint))
    if origin is dict:
        one = _reader(get_args(hint)[1])
        return lambda values: {key: one(value) for key, value in values.items()}
    return _word_reader(hint)


def _same(value: Any) -> Any:
    return value


def _float_of(value: Any) -> Any:
    return value if value is None else float(value)


def _word_reader(hint: Any) -> _Read:
    if issubclass(hint, datetime):
        return _instant
    if issubclass(hint, date):
        return date.fromisoformat
    if issubclass(hint, Enum):
        return cast(_Read, hint)
    raise TypeError(f"{hint} cannot be unpacked")


def _instant(value: Any) -> datetime:
    words, zone = value
    moment = datetime.fromisoformat(words)
    return moment if zone is None else moment.astimezone(ZoneInfo(zone))


def _union_reader(options: tuple[Any, ...]) -> _Read:
    """None, or the one type beside it; numbers and words are told apart by JSON itself."""
    others = [one for one in options if one is not type(None)]
    if len(others) > 1 and all(one in _AS_THEY_ARE for one in others):
        return _same
    if len(others) > 1:
        raise TypeError(f"{options}: which of them a value is, JSON does not say")
    one = _reader(others[0])
    return lambda value: None if value is None else one(value)


def _sequence_reader(kind: type, args: tuple[Any, ...]) -> _Read:
    if kind is tuple and len(args) > 1 and args[-1] is not Ellipsis:
        each = [_reader(one) for one in args]
        return lambda values: tuple(read(value) for read, value in zip(each, _rows(values), strict=True))
    one = _reader(args[0])
    return lambda values: kind(map(one, _rows(values)))


def _rows(values: Any) -> Any:
    """The values of a sequence, in whichever form it was written."""
    if not isinstance(values, dict):
        return values
    if _FLOATS in values:
        return np.frombuffer(base64.b64decode(values[_FLOATS]), dtype="<f8").tolist()
    names = values[_COLUMNS]
    columns = [_rows(column) for column in values["columns"]]
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _dataclass_reader(kind: Any) -> _Read:
    hints = get_type_hints(kind, localns=_NAMED_ELSEWHERE)
    readers = {name: _reader(hints[name]) for name in _names(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}

    def read(values: dict[str, Any]) -> Any:
        lost = needed - values.keys()
        if lost:
            raise TypeError(f"{kind.__name__} was packed without {', '.join(sorted(lost))}")
        return kind(**{name: readers[name](value) for name, value in values.items() if name in readers})

    return read
