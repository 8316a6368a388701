"""Stretches of activity in columns: a week has three hundred thousand of two seconds, most like the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from loadsense.events import Activity, ActivityStretch


class StretchTable(Sequence[ActivityStretch]):
    """Stretches in order of time, made into objects on access.

    Parameters
    ----------
    starts, ends : list of int
        Samples [start, end) of each.
    activities : list of Activity
        Of each.
    """

    __slots__ = ("activities", "ends", "starts")

    def __init__(self, starts: list[int], ends: list[int], activities: list[Activity]) -> None:
        self.starts = starts
        self.ends = ends
        self.activities = activities

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, at: int) -> ActivityStretch: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ActivityStretch, ...]: ...
    def __getitem__(self, at: int | slice) -> ActivityStretch | tuple[ActivityStretch, ...]:
        if isinstance(at, slice):
            return tuple(StretchTable(self.starts[at], self.ends[at], self.activities[at]))
        return ActivityStretch(start_sample=self.starts[at], end_sample=self.ends[at], activity=self.activities[at])

    def __iter__(self) -> Iterator[ActivityStretch]:
        for start, end, activity in zip(self.starts, self.ends, self.activities, strict=True):
            yield ActivityStretch(start_sample=start, end_sample=end, activity=activity)
