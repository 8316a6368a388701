"""A person's weeks: local, from Monday, each against what was asked of her in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from loadsense.prescriptions import Rule
from loadsense.protocol.weeks import SessionDose, WeekStatus, week_status
from loadsense.results import Flag
from loadsense.review.facts import AskedFrom, DoneSession, FlagFacts, PersonFacts

DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a week is judged by: the share of a target that counts as met, and the rules."""

    tolerance: float
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One ISO week of one person.

    Attributes
    ----------
    monday : date
        First day.
    status : WeekStatus or None
        None before her first prescription: nothing was asked, so nothing is missing.
    missed : tuple of str
        Training days that passed without a session, by name.
    is_over : bool
        Whether its last day has passed.
    sessions : tuple of DoneSession
        In order.
    """

    monday: date
    status: WeekStatus | None
    missed: tuple[str, ...]
    is_over: bool
    sessions: tuple[DoneSession, ...]

    @property
    def label(self) -> str:
        """ISO week with its year.

        Examples
        --------
        >>> Week(monday=date(2026, 11, 16), status=None, missed=(), is_over=True, sessions=()).label
        '2026-W47'
        """
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02d}"


def monday_of(day: date) -> date:
    """Monday of a day's ISO week.

    Examples
    --------
    >>> monday_of(date(2026, 11, 22)).isoformat()
    '2026-11-16'
    """
    return day - timedelta(days=day.weekday())


def weeks_of(person: PersonFacts, *, first: date, last: date, today: date, limits: Limits) -> tuple[Week, ...]:
    """Every week from the one of `first` to the one of `last`, in order."""
    monday, found = monday_of(first), []
    while monday <= last:
        found.append(week_of(person, monday, today=today, limits=limits))
        monday += timedelta(days=7)
    return tuple(found)


def week_of(person: PersonFacts, monday: date, *, today: date, limits: Limits) -> Week:
    """One week; a change of the prescription within it counts from the next."""
    sessions = tuple(one for one in person.sessions if monday <= one.day < monday + timedelta(days=7))
    asked = person.asked_on(monday) or (person.asked_on(monday + timedelta(days=6)) if sessions else None)
    is_over = today >= monday + timedelta(days=7)
    missed = _missed(person, sessions, monday, today) if asked else ()
    status = None
    if asked is not None:
        status = week_status(
            [_dose(one) for one in sessions],
            asked.week,
            tolerance=limits.tolerance,
            rules=limits.rules,
            week_is_over=is_over,
        )
    return Week(monday=monday, status=status, missed=missed, is_over=is_over, sessions=sessions)


def _dose(session: DoneSession) -> SessionDose:
    return SessionDose(
        day=session.day,
        landings_in_band=session.landings_in_band,
        lift_sets_met=session.lift_sets_met,
        landings_at_least=session.landings_at_least,
        lift_sets_at_least=session.lift_sets_at_least,
        cannot_say=session.cannot_say,
        flags=tuple(_flag(flag) for flag in session.flags if flag.is_open),
    )


def _flag(flag: FlagFacts) -> Flag:
    severity = "red" if flag.severity == "red" else "amber" if flag.severity == "amber" else "note"
    return Flag(rule=flag.rule, severity=severity, sentence=flag.sentence, source=flag.source)  # type: ignore[arg-type]


def _missed(person: PersonFacts, sessions: Sequence[DoneSession], monday: date, today: date) -> tuple[str, ...]:
    """Training days that passed without a session; a session on another day stands in for one of them."""
    if person.group is None:
        return ()
    trained = [one.day.weekday() for one in sessions]
    passed = [day for day in sorted(person.group.weekdays) if monday + timedelta(days=day) < today]
    without = [day for day in passed if day not in trained]
    elsewhere = sum(day not in person.group.weekdays for day in trained)
    return tuple(DAY_NAMES[day] for day in without[elsewhere:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Sessions attended out of those offered in weeks that are over; the percentage is None before any was."""

    attended: int
    offered: int

    @property
    def percent(self) -> float | None:
        """At most 100.

        Examples
        --------
        >>> Attendance(attended=21, offered=24).percent
        87.5
        """
        return min(100.0, 100.0 * self.attended / self.offered) if self.offered else None


def attendance(weeks: Sequence[Week]) -> Attendance:
    """Of weeks that are over and had a prescription; more sessions than offered make no week up for another."""
    asked = [week for week in weeks if week.is_over and week.status is not None]
    return Attendance(
        attended=sum(min(len(week.sessions), week.status.sessions_asked) for week in asked if week.status),
        offered=sum(week.status.sessions_asked for week in asked if week.status),
    )


def next_session(person: PersonFacts, asked: AskedFrom | None, *, today: date) -> date | None:
    """Next training day of her group, a day or what her plan asks behind her last one; None without either."""
    if person.group is None or asked is None or not person.group.weekdays:
        return None
    earliest = today
    if person.last_day is not None:
        earliest = max(today, person.last_day + timedelta(hours=max(asked.plan.min_hours_between or 0.0, 24.0)))
    days = (earliest + timedelta(days=ahead) for ahead in range(7))
    return next(day for day in days if day.weekday() in person.group.weekdays)
