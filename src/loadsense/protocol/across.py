"""Rules that no session fires alone: too soon after the last one, after a break, and more than one step in a week.

They are a function of all sessions of one person, so that it does not matter in which order these came in. A flag
stands with the session at which its rule begins to hold, once a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from loadsense.prescriptions import Rule
from loadsense.protocol.weeks import Step, history_flags, step_flags
from loadsense.results import Flag

#: Rules that sessions fire together.
RULES_ACROSS: Final = ("hours-between-sessions", "break-one-stage-back", "break-ramp-again", "one-step-a-week")
_PAUSE: Final = "hours-between-sessions"
_RAMP: Final = "break-ramp-again"
_NO_CLOCK: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What one session adds to the rules of several.

    Attributes
    ----------
    id : int
    day : date
        Local day.
    start : datetime or None
        Instant; None without a clock.
    lasts_s : float
        From the start to the end of the last recording.
    is_high : bool
        It loaded: landings or lifts were seen, or nobody could see any.
    landings, landings_asked : int or None
        Of the whole session, whatever their height; None where they could not be counted for certain, or none were
        prescribed.
    lifted_kg : mapping of str to float
        Heaviest load of each exercise.
    drop_height_cm : float or None
        That was asked.
    plan, stage : str, int or None
        Plan and number of the stage, from 0; None without a plan.
    """

    id: int
    day: date
    start: datetime | None = None
    lasts_s: float = 0.0
    is_high: bool = True
    landings: int | None = None
    landings_asked: int | None = None
    lifted_kg: Mapping[str, float] = field(default_factory=dict)
    drop_height_cm: float | None = None
    plan: str | None = None
    stage: int | None = None

    @property
    def end(self) -> datetime | None:
        """Instant; None without a clock."""
        return None if self.start is None else self.start + timedelta(seconds=self.lasts_s)


def flags_across(
    sessions: Iterable[Trained], *, rules: Mapping[str, Rule], tolerance: float
) -> dict[int, tuple[Flag, ...]]:
    """Flags of each session that it raises because of those before it.

    Parameters
    ----------
    sessions : iterable of Trained
        All of one person, in any order.
    rules : mapping
        Those of `history_flags` and `step_flags` are read.
    tolerance : float
        Share of a target that counts as met: a count this close to what was asked is what was asked, so that an error
        of counting is no step.

    Returns
    -------
    dict of int to tuple of Flag
        By id; each rule at most once a session.
    """
    high = sorted((one for one in sessions if one.is_high), key=_order)
    found: dict[int, tuple[Flag, ...]] = {one.id: _since_last(one, high[:at], rules) for at, one in enumerate(high)}
    for session_id, flag in _steps(high, rules, tolerance):
        found[session_id] = (*found[session_id], flag)
    return found


def _order(one: Trained) -> tuple[object, ...]:
    """In time; two of a day without a clock by what they hold, and not by which came in first."""
    return one.day, one.start or _NO_CLOCK, one.landings or 0, sorted(one.lifted_kg.items()), one.lasts_s


# -- time since the last session


def _since_last(one: Trained, earlier: Sequence[Trained], rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    """Too soon is a matter of hours, where clocks say them; a break is one of local days."""
    last = _last_before(one, earlier)
    if last is None:
        return ()
    by_day = history_flags(_midnight(one.day), _midnight(last.day), rules=rules)
    breaks = [flag for flag in by_day if flag.rule != _PAUSE and _is_too_far(one, last, flag)]
    if one.start is not None and last.start is not None:
        soon = [flag for flag in history_flags(one.start, last.start, rules=rules) if flag.rule == _PAUSE]
    else:
        told = f"the last high session was on {last.day.isoformat()}, {rules[_PAUSE].value:g} h asked"
        soon = [replace(flag, sentence=told) for flag in by_day if flag.rule == _PAUSE]
    return (*soon, *breaks)


def _last_before(one: Trained, earlier: Sequence[Trained]) -> Trained | None:
    """The session that began last before this one; what overlaps it is part of the same training."""
    return next((other for other in reversed(earlier) if _is_over(other, one)), None)


def _is_over(other: Trained, one: Trained) -> bool:
    if other.end is None or one.start is None:
        return other.day < one.day
    return other.end <= one.start


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _is_too_far(one: Trained, last: Trained, flag: Flag) -> bool:
    """Whether she went on in a later stage than the break allows."""
    if one.stage is None or one.stage == 0:
        return False
    if flag.rule == _RAMP:
        return True
    return one.plan != last.plan or last.stage is None or one.stage > max(0, last.stage - 1)


# -- steps of a week


def _steps(high: Sequence[Trained], rules: Mapping[str, Rule], tolerance: float) -> list[tuple[int, Flag]]:
    """What rose in a week against what was last known before it, said once."""
    before, week, said = Step(loads_kg={}), Step(loads_kg={}), set[str]()
    monday, found = None, []
    for one in high:
        if _monday(one.day) != monday:
            before, week, said = _latest(before, week), Step(loads_kg={}), set()
            monday = _monday(one.day)
        week = _most(week, one, tolerance)
        flags = step_flags(before, week, rules=rules)
        new = [flag for flag in flags if flag.sentence not in said]
        said |= {flag.sentence for flag in new}
        if new:
            found.append((one.id, replace(new[0], sentence="; ".join(flag.sentence for flag in new))))
    return found


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _latest(before: Step, week: Step) -> Step:
    """What is known after a week: what it did not show is what it was."""
    return Step(
        loads_kg={**before.loads_kg, **week.loads_kg},
        drop_height_cm=before.drop_height_cm if week.drop_height_cm is None else week.drop_height_cm,
        landings=before.landings if week.landings is None else week.landings,
    )


def _most(week: Step, one: Trained, tolerance: float) -> Step:
    """The heaviest, highest and most of a week so far."""
    loads = {name: max(kg, week.loads_kg.get(name, kg)) for name, kg in one.lifted_kg.items()}
    heights = [cm for cm in (week.drop_height_cm, one.drop_height_cm) if cm is not None]
    counts = [n for n in (week.landings, _counted(one, tolerance)) if n is not None]
    return Step(
        loads_kg={**week.loads_kg, **loads},
        drop_height_cm=max(heights, default=None),
        landings=max(counts, default=None),
    )


def _counted(one: Trained, tolerance: float) -> int | None:
    """Landings of a session; what was asked where they are as many within the error of counting."""
    if one.landings is None or one.landings_asked is None:
        return None
    close = abs(one.landings - one.landings_asked) <= (1.0 - tolerance) * one.landings_asked + 1e-9
    return one.landings_asked if close else one.landings
