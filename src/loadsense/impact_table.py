"""Impacts in columns: a week holds two hundred thousand, and an object for each of them would be sixty megabytes.

A table is read like a tuple of `Impact`: every access makes the object anew. Who needs one quantity of all of them
takes its column, which costs next to nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, overload

import numpy as np

from loadsense.events import Activity, ForceEstimate, Impact
from loadsense.samples import BoolArray, FloatArray, IntArray

Sample = Literal["onset_sample", "peak_sample"]
Rule = Literal["impact", "step"]
Number = Literal["peak_g", "peak_vertical_g", "acceleration_rate_g_per_s", "slow_vertical_g"]
ForceNumber = Literal["peak_grf_n", "peak_grf_bw", "loading_rate_n_per_s", "loading_rate_bw_per_s"]

_SAMPLES: Final[tuple[Sample, ...]] = ("onset_sample", "peak_sample")
_NUMBERS: Final[tuple[Number, ...]] = ("peak_g", "peak_vertical_g", "acceleration_rate_g_per_s", "slow_vertical_g")
_FORCES: Final[tuple[ForceNumber, ...]] = (
    "peak_grf_n",
    "peak_grf_bw",
    "loading_rate_n_per_s",
    "loading_rate_bw_per_s",
)
_ACTIVITIES: Final = tuple(Activity)
_CODE_OF_ACTIVITY: Final = {activity: code for code, activity in enumerate(_ACTIVITIES)}
_RULES: Final[tuple[Rule, ...]] = ("impact", "step")
_UNKNOWN: Final = float("nan")
#: In the place of a word's number: no force was estimated.
_NO_FORCE: Final = -1


def _known(number: float) -> float | None:
    """A cell as an attribute: NaN stands for unknown."""
    return None if number != number else number  # NaN alone differs from itself


class ImpactTable(Sequence[Impact]):
    """A growing or finished list of impacts in order of time.

    Unknown numbers are NaN in a column and None in an impact. Only `extend` changes a table; `part` is a copy.

    Parameters
    ----------
    impacts : iterable of Impact
        What it holds at first.
    """

    __slots__ = ("_activities", "_forces", "_models", "_numbers", "_reasons", "_rules", "_samples", "_words")

    def __init__(self, impacts: Iterable[Impact] = ()) -> None:
        self._samples = {name: array("q") for name in _SAMPLES}
        self._numbers = {name: array("d") for name in _NUMBERS}
        self._activities = array("b")
        self._rules = array("b")
        self._forces = {name: array("d") for name in _FORCES}
        self._models = array("i")
        self._reasons = array("i")
        self._words: dict[str, int] = {}
        given = list(impacts)
        self.extend(given, [impact.activity for impact in given], [impact.force for impact in given])

    @classmethod
    def of(cls, impacts: Sequence[Impact]) -> ImpactTable:
        """The same impacts as a table; a table is passed through."""
        return impacts if isinstance(impacts, ImpactTable) else cls(impacts)

    @classmethod
    def of_columns(
        cls,
        samples: Mapping[Sample, IntArray],
        numbers: Mapping[Number, FloatArray],
        is_step: BoolArray,
    ) -> ImpactTable:
        """Impacts without activity and force from columns of shape (n,), NaN where unknown.

        Parameters
        ----------
        samples : mapping of str to ndarray of int
            Both columns.
        numbers : mapping of str to ndarray
            Columns that are not given are unknown.
        is_step : ndarray of bool
            Which stand by the rule of steps alone.
        """
        made = cls()
        n = len(is_step)
        for name, column in made._samples.items():
            column.frombytes(np.ascontiguousarray(samples[name], dtype=np.int64).tobytes())
        for number, cells in made._numbers.items():
            given = numbers.get(number)
            cells.frombytes((np.full(n, _UNKNOWN) if given is None else np.ascontiguousarray(given)).tobytes())
        made._activities = array("b", [_CODE_OF_ACTIVITY[Activity.UNKNOWN]]) * n
        made._rules.frombytes(np.asarray(is_step, dtype=np.int8).tobytes())
        return made

    def extend(
        self, impacts: Sequence[Impact], activities: Iterable[Activity], forces: Sequence[ForceEstimate | None] | None
    ) -> None:
        """Add impacts in order of time, with the activity and the force of each in the place of what it says itself.

        Parameters
        ----------
        impacts : sequence of Impact
            What was found.
        activities : iterable of Activity
            Of each.
        forces : sequence of ForceEstimate or None, or None
            Of each; None where none has one.
        """
        n_before = len(self)
        if isinstance(impacts, ImpactTable):
            self._add_columns(impacts)
        else:
            self._add_objects(impacts)
        self._activities.extend([_CODE_OF_ACTIVITY[activity] for activity in activities])
        if (forces and any(force is not None for force in forces)) or self._models:
            self._add_forces(n_before, forces or [None] * len(impacts))

    def _add_columns(self, impacts: ImpactTable) -> None:
        """What is measured of impacts that are in columns already."""
        for name, samples in self._samples.items():
            samples.extend(impacts._samples[name])
        for number, column in self._numbers.items():
            column.extend(impacts._numbers[number])
        self._rules.extend(impacts._rules)

    def _add_objects(self, impacts: Sequence[Impact]) -> None:
        """What is measured of impacts, one by one."""
        for name, samples in self._samples.items():
            samples.extend([getattr(impact, name) for impact in impacts])
        for number, column in self._numbers.items():
            found = [getattr(impact, number) for impact in impacts]
            column.extend([_UNKNOWN if value is None else value for value in found])
        self._rules.extend([impact.rule == "step" for impact in impacts])

    def _add_forces(self, n_before: int, forces: Sequence[ForceEstimate | None]) -> None:
        """Columns of forces; they stay empty while no impact has one."""
        every = [*([None] * (n_before - len(self._models))), *forces]
        for name, column in self._forces.items():
            found = [None if force is None else getattr(force, name) for force in every]
            column.extend([_UNKNOWN if value is None else value for value in found])
        self._models.extend([_NO_FORCE if force is None else self._number_of(force.model) for force in every])
        self._reasons.extend([_NO_FORCE if force is None else self._number_of(force.reason) for force in every])

    def _number_of(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words))

    # -- columns

    def samples(self, name: Sample = "peak_sample") -> IntArray:
        """Sample indices, shape (n,), copied."""
        return np.array(self._samples[name], dtype=np.int64)

    def numbers(self, name: Number) -> FloatArray:
        """One quantity of all impacts, shape (n,), copied; NaN where unknown."""
        return np.array(self._numbers[name], dtype=np.float64)

    def forces(self, name: ForceNumber) -> FloatArray:
        """One quantity of the forces, shape (n,), copied; NaN where unknown."""
        if not self._models:
            return np.full(len(self), _UNKNOWN)
        return np.array(self._forces[name], dtype=np.float64)

    @property
    def is_step(self) -> BoolArray:
        """Which of them stand by the rule of steps alone, shape (n,)."""
        return np.array(self._rules, dtype=np.bool_)

    @property
    def activities(self) -> list[Activity]:
        """What the wearer was doing, of each."""
        return [_ACTIVITIES[code] for code in self._activities]

    @property
    def models(self) -> list[str | None]:
        """Name of the force equation, of each; None where there is no force."""
        if not self._models:
            return [None] * len(self)
        words = [*self._words, None]
        return [words[code] for code in self._models]

    # -- as a sequence

    def __len__(self) -> int:
        return len(self._rules)

    def chosen(self, wanted: BoolArray) -> ImpactTable:
        """A table of some of the impacts, without activity and force."""
        return ImpactTable.of_columns(
            {name: self.samples(name)[wanted] for name in _SAMPLES},
            {name: self.numbers(name)[wanted] for name in _NUMBERS},
            self.is_step[wanted],
        )

    def part(self, first: int, end: int) -> ImpactTable:
        """A table of the impacts [first, end)."""
        made = ImpactTable()
        made._samples = {name: column[first:end] for name, column in self._samples.items()}
        made._numbers = {name: column[first:end] for name, column in self._numbers.items()}
        made._activities, made._rules = self._activities[first:end], self._rules[first:end]
        if self._models:
            made._forces = {name: column[first:end] for name, column in self._forces.items()}
            made._models, made._reasons = self._models[first:end], self._reasons[first:end]
            made._words = dict(self._words)
        return made

    @overload
    def __getitem__(self, at: int) -> Impact: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Impact, ...]: ...
    def __getitem__(self, at: int | slice) -> Impact | tuple[Impact, ...]:
        places = range(len(self))[at]
        if isinstance(places, range):
            return tuple(self[place] for place in places)
        return next(iter(self.part(places, places + 1)))

    def __iter__(self) -> Iterator[Impact]:
        forces = self._each_force()
        columns = (*self._samples.values(), *self._numbers.values(), self._activities, self._rules)
        for (onset, peak, peak_g, vertical_g, rate, slow_g, activity, rule), force in zip(
            zip(*columns, strict=True), forces, strict=True
        ):
            yield Impact(
                onset_sample=onset,
                peak_sample=peak,
                peak_g=peak_g,
                peak_vertical_g=_known(vertical_g),
                acceleration_rate_g_per_s=_known(rate),
                slow_vertical_g=_known(slow_g),
                activity=_ACTIVITIES[activity],
                rule=_RULES[rule],
                force=force,
            )

    def _each_force(self) -> Iterable[ForceEstimate | None]:
        if not self._models:
            return [None] * len(self)
        words = [*self._words]
        columns = zip(self._models, self._reasons, *self._forces.values(), strict=True)
        return (
            None
            if model == _NO_FORCE
            else ForceEstimate(
                model=words[model],
                reason=words[reason],
                peak_grf_n=_known(grf_n),
                peak_grf_bw=_known(grf_bw),
                loading_rate_n_per_s=_known(rate_n),
                loading_rate_bw_per_s=_known(rate_bw),
            )
            for model, reason, grf_n, grf_bw, rate_n, rate_bw in columns
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (ImpactTable, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ImpactTable({list(self)!r})" if len(self) < 4 else f"<ImpactTable of {len(self)} impacts>"


def joined(parts: Sequence[Sequence[Impact]]) -> Sequence[Impact]:
    """Impacts without activity and force, found one part after the other."""
    if len(parts) < 2:
        return parts[0] if parts else ()
    whole = ImpactTable()
    for part in parts:
        whole.extend(part, [Activity.UNKNOWN] * len(part), None)
    return whole
