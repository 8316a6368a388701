"""The roster: who needs me? One line for each person, those who need attention first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from loadsense.protocol.weeks import DoseRow, Standing
from loadsense.review import words
from loadsense.review.facts import PersonFacts
from loadsense.review.weeks import Limits, Week, monday_of, week_of

_WORDS: Final = {
    Standing.AS_PLANNED: "as planned",
    Standing.OVER: "above plan",
    Standing.UNDER: "below plan",
    Standing.CANNOT_SAY: "cannot say",
    Standing.MISSED: "missed",
    Standing.RED: "red flag",
}
_NO_PLAN: Final = "no plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One dose of a week as shown; `percent` (at most 100) is None where nothing is asked or nothing was seen.

    Attributes
    ----------
    words : str
        "25/50", "at least 25/50", "50/50 +4", or a dash.
    reason : str
        Why there is a dash; empty otherwise.
    """

    percent: float | None
    words: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterLine:
    """One person's week.

    Attributes
    ----------
    person_id, group : str
        Pseudonym, and the group's name (empty: none).
    sessions : str
        "1 of 2".
    landings, lifting : Dose
        Two doses, never added.
    standing : Standing
        The worst of what was found; red flags that are still open count whatever their week.
    word, reason : str
        Its word, and why.
    last_days : int or None
        Days since her last session; None before any.
    """

    person_id: str
    group: str
    sessions: str
    landings: Dose
    lifting: Dose
    standing: Standing
    word: str
    reason: str
    last_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterPage:
    """A week of everybody.

    Attributes
    ----------
    week : str
        "2026-W47".
    monday, previous, following : date
        Of this week and its neighbours; `following` is None for the newest.
    lines : tuple of RosterLine
        Sorted by who needs attention.
    groups : tuple of str
        Names to filter by.
    answer : str
        The page in a sentence.
    """

    week: str
    monday: date
    previous: date
    following: date | None
    lines: tuple[RosterLine, ...]
    groups: tuple[str, ...]
    answer: str


def roster_page(
    people: Sequence[PersonFacts], *, monday: date, today: date, limits: Limits, groups: Sequence[str] = ()
) -> RosterPage:
    """The roster of a week.

    Parameters
    ----------
    people : sequence of PersonFacts
        With at least the sessions of that week.
    monday : date
        The week.
    today : date
        Local day of the group.
    limits : Limits
        Tolerance and rules.
    groups : sequence of str
        Names to filter by.
    """
    weeks = [week_of(one, monday, today=today, limits=limits) for one in people]
    lines = [roster_line(one, week, today=today) for one, week in zip(people, weeks, strict=True)]
    lines.sort(key=lambda line: (-line.standing, line.person_id))
    following = monday + timedelta(days=7)
    return RosterPage(
        week=f"{monday.isocalendar().year}-W{monday.isocalendar().week:02d}",
        monday=monday,
        previous=monday - timedelta(days=7),
        following=following if following <= today else None,
        lines=tuple(lines),
        groups=tuple(groups),
        answer=_answer(lines, monday=monday, today=today),
    )


def shown_monday(people: Sequence[PersonFacts], *, today: date) -> date:
    """The week to open with: this one once somebody has trained in it or should have, else the last."""
    monday = monday_of(today)
    trained = any(one.last_day is not None and one.last_day >= monday for one in people)
    due = any(monday + timedelta(days=day) < today for one in people if one.group for day in one.group.weekdays)
    return monday if trained or due else monday - timedelta(days=7)


def roster_line(person: PersonFacts, week: Week, *, today: date) -> RosterLine:
    """One person's line."""
    last_days = (today - person.last_day).days if person.last_day else None
    open_reds = [flag.sentence for flag in person.flags if flag.severity == "red" and flag.is_open]
    standing = Standing.RED if open_reds else _standing(week)
    status = week.status
    return RosterLine(
        person_id=person.id,
        group=person.group.name if person.group else "",
        sessions=f"{status.sessions_done} of {status.sessions_asked}" if status else f"{len(week.sessions)}",
        landings=_dose(status.landings if status else None, "landings", week),
        lifting=_dose(status.lifting if status else None, "lifts", week),
        standing=standing,
        word=_word(week, standing),
        reason=_reason(person, week, standing, today=today),
        last_days=last_days,
    )


def _standing(week: Week) -> Standing:
    """As the week has it; a training day that passed is missed even while the week goes on."""
    standing = week.status.standing if week.status else Standing.AS_PLANNED
    return max(standing, Standing.MISSED) if week.missed else standing


def _word(week: Week, standing: Standing) -> str:
    """Of the standing; an amber flag alone is not above plan."""
    if week.status is None:
        return _NO_PLAN if standing is not Standing.RED else _WORDS[standing]
    doses = (week.status.landings.standing, week.status.lifting.standing)
    return "amber flag" if standing is Standing.OVER and Standing.OVER not in doses else _WORDS[standing]


def _reason(person: PersonFacts, week: Week, standing: Standing, *, today: date) -> str:
    """Why she stands where she stands, the gravest first."""
    parts = [flag.sentence for flag in person.flags if flag.severity == "red" and flag.is_open]
    if week.status is None and not parts:
        return _without_plan(person, week)
    if week.missed:
        parts.append(f"missed {' and '.join(week.missed)}")
        if person.last_day is not None and person.last_day <= week.monday + timedelta(days=6):
            parts.append(_last_session((today - person.last_day).days))
    if week.status is not None and week.status.reason:
        counted = {
            f"{week.status.sessions_asked - week.status.sessions_done} of {week.status.sessions_asked} sessions missed"
        }
        drop = counted if week.missed else set()
        parts += [part for part in week.status.reason.split("; ") if part not in drop and part not in parts]
    return "; ".join(dict.fromkeys(parts)) if standing is not Standing.AS_PLANNED else ""


def _without_plan(person: PersonFacts, week: Week) -> str:
    if not person.asked:
        return "no plan yet: write one on her plan page"
    if week.is_over:
        return "no plan held in that week"
    first = min(one.from_day for one in person.asked)
    return f"her plan holds from {words.day(first)}; weeks are judged from the first whole one"


def _last_session(days: int) -> str:
    return "last session today" if days == 0 else f"last session {days} {'day' if days == 1 else 'days'} ago"


def _dose(row: DoseRow | None, what: str, week: Week) -> Dose:
    if row is None or (row.prescribed is None and row.done is None):
        return Dose(percent=None, words="–", reason=f"no {what} {'were' if week.is_over else 'are'} asked of her")
    if row.done is None:
        reason = "not counted: see why" if week.sessions else "no session" if week.is_over else "no session yet"
        return Dose(percent=None, words="–", reason=reason)
    if row.prescribed is None:
        return Dose(percent=None, words=f"{row.done}", reason="")
    least = "at least " if row.at_least else ""
    extra = f" +{row.extra}" if row.extra else ""
    shown = min(row.done, row.prescribed)
    return Dose(percent=row.percent, words=f"{least}{shown}/{row.prescribed}{extra}", reason="")


def _answer(lines: Sequence[RosterLine], *, monday: date, today: date) -> str:
    """Who needs me, in a sentence; of a week before the last one, who did."""
    if not lines:
        return "Nobody is on the roster yet."
    needing = [line.person_id for line in lines if line.standing > Standing.OVER]
    is_past = monday < monday_of(today) - timedelta(days=7)
    if needing:
        need = "needed" if is_past else "needs" if len(needing) == 1 else "need"
        return f"{len(needing)} of {len(lines)} {need} you: {_named(needing)}."
    over = [line.person_id for line in lines if line.standing is Standing.OVER]
    without = [line.person_id for line in lines if line.word == _NO_PLAN]
    was, has, have = ("was", "had", "had") if today >= monday + timedelta(days=7) else ("is", "has", "have")
    parts = [f"look at {_named(over)}"] if over else []
    parts += [f"{_named(without)} {has if len(without) == 1 else have} no plan"] if without else []
    if parts:
        return f"Nobody {was} behind; {'; '.join(parts)}."
    who = "Everybody" if len(lines) > 1 else lines[0].person_id
    return f"{who} {was} as planned{' so far' if today < monday + timedelta(days=7) else ''}."


def _named(people: Sequence[str]) -> str:
    return ", ".join(people[:5]) + (" and others" if len(people) > 5 else "")
