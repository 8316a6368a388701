"""Which columns hold time and the three axes, by name or, without names, by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadsense.errors import FormatError, OptionError, unknown_name

_AXIS_WORDS: Final = frozenset(
    [
        "acc",
        "accel",
        "acceleration",
        "accelerometer",
        "accelerations",
        "a",
        "raw",
        "axis",
        "data",
        "value",
        "sensor",
        "imu",
        "calibrated",
        "cal",
    ]
)
_GYRO_WORDS: Final = frozenset(["gyro", "gyr", "gyroscope", "angular", "rotation", "rot", "omega"])
_FREE_WORDS: Final = frozenset(
    ["free", "linear", "lin", "user", "useracceleration", "linearacceleration", "freeacc", "linacc"]
)
_TIME_WORDS: Final = frozenset(
    [
        "time",
        "timestamp",
        "timestamps",
        "t",
        "datetime",
        "date",
        "epoch",
        "elapsed",
        "sampletimefine",
        "unix",
        "utc",
        "local",
        "zeit",
        "tiempo",
        "temps",
        "ts",
    ]
)
_TIME_UNITS: Final = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "micros": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanos": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
_UNITS: Final = {
    "g": "g", "gs": "g", "mg": "mg", "millig": "mg", "m/s2": "m/s2", "m/s^2": "m/s2", "m/s²": "m/s2", "m/s/s": "m/s2",
    "ms2": "m/s2", "ms-2": "m/s2", "ms^-2": "m/s2", "m/s**2": "m/s2", "mps2": "m/s2", "counts": "counts",
    "deg/s": "deg/s", "°/s": "deg/s", "dps": "deg/s", "rad/s": "deg/s",
}  # fmt: skip
_PARENTHESES: Final = re.compile(r"[(\[{](?P<inside>[^)\]}]*)[)\]}]")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Name:
    """A column name taken apart: its words, its axis, its unit."""

    index: int
    text: str
    words: frozenset[str]
    axis: str | None
    unit: str | None

    @property
    def is_gyroscope(self) -> bool:
        """Whether it names an angular rate."""
        return bool(self.words & _GYRO_WORDS) or self.unit == "deg/s"

    @property
    def is_free(self) -> bool:
        """Whether it names acceleration with gravity removed."""
        return bool(self.words & _FREE_WORDS)

    @property
    def is_acceleration(self) -> bool:
        """Whether it names an axis of raw acceleration."""
        return self.axis is not None and self.words <= _AXIS_WORDS and not self.is_gyroscope

    @property
    def is_time(self) -> bool:
        """Whether it names a time."""
        return self.axis is None and bool(self.words & _TIME_WORDS) and self.words <= _TIME_WORDS | _TIME_UNITS.keys()

    @property
    def seconds_per_unit(self) -> float | None:
        """For a time: its stated unit."""
        stated = [_TIME_UNITS[w] for w in sorted(self.words & _TIME_UNITS.keys())]
        if self.unit in _TIME_UNITS:
            return _TIME_UNITS[self.unit]
        return stated[0] if stated else None


def take_apart(index: int, text: str) -> Name:
    """Words, axis and unit of a column name.

    Examples
    --------
    >>> name = take_apart(1, "Acceleration x (m/s^2)")
    >>> name.axis, name.unit, name.is_acceleration
    ('x', 'm/s2', True)
    >>> take_apart(0, "FreeAcc_X").is_free, take_apart(0, "x-axis (deg/s)").is_gyroscope
    (True, True)
    """
    inside = [match["inside"].strip().lower() for match in _PARENTHESES.finditer(text)]
    bare = _CAMEL.sub(" ", _PARENTHESES.sub(" ", text))
    words = [word for word in re.split(r"[^a-z0-9µμ²/^°]+", bare.lower()) if word]
    unit = next((_UNITS.get(i.replace(" ", ""), i) for i in inside if i), None)
    words, unit = _unit_at_end(words, unit)
    axis = next((word for word in words if word in ("x", "y", "z")), None)
    if axis is None and words and re.fullmatch(r"(a|acc|accel|lin|gyro|gyr|w)[xyz]", words[0]):
        axis, words = words[0][-1], [*words[1:], words[0][:-1]]
    rest = [word for word in words if word not in ("x", "y", "z")]
    if "w" in rest and axis:
        rest = ["gyro" if word == "w" else word for word in rest]
    return Name(index, text, frozenset(rest), axis, unit)


def _unit_at_end(words: list[str], unit: str | None) -> tuple[list[str], str | None]:
    """A unit written as the last word or words: acc_x_mg, acc_x_m_s2."""
    if unit is None and len(words) > 2 and words[-2:] in (["m", "s2"], ["m", "s^2"]):
        return words[:-2], "m/s2"
    if unit is None and len(words) > 1 and words[-1] in _UNITS:
        return words[:-1], _UNITS[words[-1]]
    return words, unit


@dataclass(frozen=True, slots=True)
class Chosen:
    """Columns in use: the axes, their stated unit, and the time where there is one."""

    axes: tuple[int, int, int]
    unit: str | None
    time: int | None
    seconds_per_unit: float | None


def choose_by_name(texts: Sequence[str]) -> Chosen:
    """Columns of a table with names.

    Raises
    ------
    FormatError
        There is no raw acceleration among them: a gyroscope, free acceleration, or an axis missing.
    """
    names = [take_apart(i, text) for i, text in enumerate(texts)]
    found = {axis: _best(names, axis) for axis in "xyz"}
    missing = [axis for axis in "xyz" if found[axis] is None]
    if missing:
        raise _no_axes(names, missing)
    axes = tuple(name.index for axis in "xyz" if (name := found[axis]) is not None)
    units = {name.unit for name in found.values() if name is not None}
    unit = units.pop() if len(units) == 1 else None
    time = _best_time([name for name in names if name.is_time])
    return Chosen(
        (axes[0], axes[1], axes[2]),
        unit if unit in ("g", "mg", "m/s2", "counts") else None,
        None if time is None else time.index,
        None if time is None else time.seconds_per_unit,
    )


def _best(names: Sequence[Name], axis: str) -> Name | None:
    """The column of an axis; one that says acceleration before one that says only x."""
    fitting = [name for name in names if name.axis == axis and name.is_acceleration]
    return max(fitting, key=lambda name: (bool(name.words), -name.index), default=None)


def _best_time(times: Sequence[Name]) -> Name | None:
    """The time column; a clock before an elapsed time, and both before a date in a column of its own."""
    return min(times, key=lambda name: (name.words == {"date"}, "elapsed" in name.words, name.index), default=None)


def _no_axes(names: Sequence[Name], missing: Sequence[str]) -> FormatError:
    listed = ", ".join(name.text for name in names)
    if any(name.is_free and name.axis for name in names):
        return FormatError(
            f"the columns ({listed}) are free (linear) acceleration with gravity removed; landings and units need raw "
            "acceleration with gravity: choose it in the app and record or export again"
        )
    if len(missing) == 3 and any(name.is_gyroscope for name in names):
        return FormatError(
            f"the columns ({listed}) are a gyroscope (angular rate), not acceleration; give the accelerometer file"
        )
    if len(missing) == 3:
        return FormatError(
            f"no acceleration columns among: {listed}; expected time,x,y,z or acc_x,acc_y,acc_z: "
            "name them with --columns"
        )
    return FormatError(
        f"axis {' and '.join(missing)} missing among: {listed}; expected x, y and z: "
        "export all three, or name them with --columns"
    )


def choose_as_told(columns: Sequence[str], texts: Sequence[str], n_columns: int) -> Chosen:
    """Columns by the user's list, names or numbers from 1.

    Raises
    ------
    OptionError
        A name or number is not in the table.
    """
    lower = [text.lower() for text in texts]
    indices: list[int] = []
    for column in columns:
        if column.lower() in lower:
            indices.append(lower.index(column.lower()))
        elif column.isdigit() and 1 <= int(column) <= n_columns:
            indices.append(int(column) - 1)
        else:
            raise unknown_name("column", column, texts or [str(i + 1) for i in range(n_columns)])
    if len(set(indices)) != len(indices):
        raise OptionError(f"columns '{','.join(columns)}': the same column is named twice")
    time = indices[0] if len(indices) == 4 else None
    axes = indices[-3:]
    names = [take_apart(i, texts[i] if texts else "") for i in indices]
    units = {name.unit for name in names[-3:]}
    unit = units.pop() if len(units) == 1 else None
    return Chosen(
        (axes[0], axes[1], axes[2]),
        unit if unit in ("g", "mg", "m/s2", "counts") else None,
        time,
        names[0].seconds_per_unit if time is not None else None,
    )
