"""The person's page: is it working? Weeks in two rows, attendance, best lifts, bone density, screening and flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from loadsense.protocol.dxa import DensityChange, density_changes
from loadsense.protocol.screening import screening_locks
from loadsense.protocol.weeks import DoseRow, change_word, minimum_detectable_change
from loadsense.review.facts import DoneSession, DxaFacts, FlagFacts, Marker, PersonFacts
from loadsense.review.screened import ScreeningSummary, screening_summary
from loadsense.review.weeks import Attendance, Limits, Week, attendance, monday_of, next_session, weeks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One week of one dose.

    Attributes
    ----------
    week : str
        "2026-W47".
    done, target : int or None
        None: nothing was seen, or nothing was asked.
    at_least, missing : bool
        A lower bound; a week without a session in which one was asked.
    words : str
        "25 of 50 landings", for eyes and screen readers alike.
    running : bool
        The week is not over yet.
    n_sessions : int
        In it.
    """

    week: str
    done: int | None
    target: int | None
    at_least: bool
    missing: bool
    words: str
    running: bool = False
    n_sessions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BestLift:
    """Heaviest load of one exercise by session, where it was entered."""

    exercise: str
    points: tuple[tuple[date, float], ...]
    one_rm_kg: float | None
    one_rm_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How the strength of landings moved, said only beyond the minimum detectable change.

    `words` is "up", "down", "no change beyond noise" or a dash; `reason` says what was compared, or why nothing was.
    """

    words: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    """Everything the page of a person says.

    Attributes
    ----------
    person_id, group, tz : str
        Pseudonym, her group's name, and the zone of her days.
    attendance : Attendance
        Of the weeks shown.
    next_session : date or None
        Next training day.
    plan : str
        Plan and stage in words; empty without one.
    landings, lifting : tuple of Bar
        Two rows, one bar a week; never summed.
    weeks : tuple of Week
        The same weeks.
    lifts : tuple of BestLift
        Small multiples.
    dxa : tuple of DxaFacts
        On an axis of its own.
    dxa_changes : tuple of DensityChange
        Latest against the one before, by site.
    markers : tuple of Marker
        Context, off group views.
    locked : str or None
        Why her plan may not be trained now.
    flags : tuple of FlagFacts
        Open ones first, the newest first.
    sessions : tuple of DoneSession
        The newest first.
    trend : Trend
        Of the median NET peak.
    screening : ScreeningSummary
        Where it stands today.
    is_archived : bool
        Off the roster.
    """

    person_id: str
    group: str
    tz: str
    attendance: Attendance
    next_session: date | None
    plan: str
    landings: tuple[Bar, ...]
    lifting: tuple[Bar, ...]
    weeks: tuple[Week, ...]
    lifts: tuple[BestLift, ...]
    dxa: tuple[DxaFacts, ...]
    dxa_changes: tuple[DensityChange, ...]
    markers: tuple[Marker, ...]
    locked: str | None
    flags: tuple[FlagFacts, ...]
    sessions: tuple[DoneSession, ...]
    trend: Trend
    screening: ScreeningSummary
    is_archived: bool


def person_page(person: PersonFacts, *, today: date, n_weeks: int, limits: Limits) -> PersonPage:
    """The page of a person over her latest weeks.

    Parameters
    ----------
    person : PersonFacts
    today : date
        Local day.
    n_weeks : int
        12 to 26 are shown.
    limits : Limits
    """
    first = monday_of(today) - timedelta(weeks=n_weeks - 1)
    weeks = weeks_of(person, first=first, last=today, today=today, limits=limits)
    asked = person.asked_on(today)
    return PersonPage(
        person_id=person.id,
        group=person.group.name if person.group else "",
        tz=person.tz,
        attendance=attendance(weeks),
        next_session=next_session(person, asked, today=today),
        plan=f"{asked.plan.name}, {asked.stage.name}" if asked else "",
        landings=tuple(_bar(week, "landings") for week in weeks),
        lifting=tuple(_bar(week, "lifting sets") for week in weeks),
        weeks=weeks,
        lifts=best_lifts(person, since=first),
        dxa=person.dxa,
        dxa_changes=density_changes(person.dxa, rules=limits.rules),
        markers=person.markers,
        locked=lock_of(person, today=today, limits=limits),
        flags=tuple(sorted(person.flags, key=lambda flag: (not flag.is_open, -flag.raised_at.timestamp()))),
        sessions=tuple(reversed([one for one in person.sessions if one.day >= first])),
        trend=landing_trend(_like_the_last(person), limits=limits),
        screening=screening_summary(person.screening, on=today, limits=limits),
        is_archived=person.is_archived,
    )


def lock_of(person: PersonFacts, *, today: date, limits: Limits) -> str | None:
    """Why her plan may not be trained now: an open red flag, or her screening; None where it may."""
    red = next((flag for flag in reversed(person.flags) if flag.severity == "red" and flag.is_open), None)
    if red is not None:
        return f"locked since {person.day_of(red.raised_at).isoformat()} until a named clearance: {red.sentence}"
    asked = person.asked_on(today)
    if asked is None or not asked.plan.needs_screening:
        return None
    return screening_locks(person.screening, on=today, rules=limits.rules).plan


def _bar(week: Week, what: str) -> Bar:
    if week.status is None:
        return Bar(
            week=week.label,
            done=None,
            target=None,
            at_least=False,
            missing=False,
            words="no plan yet",
            running=not week.is_over,
            n_sessions=len(week.sessions),
        )
    row = week.status.landings if what == "landings" else week.status.lifting
    missing = not week.sessions and week.is_over
    return Bar(
        week=week.label,
        done=row.done,
        target=row.prescribed,
        at_least=row.at_least,
        missing=missing,
        words=_bar_words(row, what, week),
        running=not week.is_over,
        n_sessions=len(week.sessions),
    )


def _bar_words(row: DoseRow, what: str, week: Week) -> str:
    if not week.sessions:
        return "no session" if week.is_over else "no session yet"
    if row.done is None:
        return f"{what} not counted" if row.prescribed is not None else f"no {what} asked"
    of = "" if row.prescribed is None else f" of {row.prescribed}"
    return f"{'at least ' if row.at_least else ''}{row.done}{of} {what}{'' if week.is_over else ' so far'}"


def best_lifts(person: PersonFacts, *, since: date) -> tuple[BestLift, ...]:
    """Loads of each exercise by day, and the latest one-repetition maximum beside them."""
    loads = sorted(
        (row.exercise, one.day, row.load_kg)
        for one in person.sessions
        if one.day >= since
        for row in one.rows
        if row.load_kg is not None
    )
    found = []
    for exercise, rows in groupby(loads, key=lambda row: row[0]):
        of_day = {day: max(kg for _, _, kg in same) for day, same in groupby(list(rows), key=lambda row: row[1])}
        best = max(
            (one for one in person.one_rms if one.exercise == exercise), key=lambda one: one.measured_on, default=None
        )
        found.append(
            BestLift(
                exercise=exercise,
                points=tuple(sorted(of_day.items())),
                one_rm_kg=best.kg if best else None,
                one_rm_on=best.measured_on if best else None,
            )
        )
    return tuple(found)


def _like_the_last(person: PersonFacts) -> tuple[DoneSession, ...]:
    """Her sessions under the plan and stage of the latest one whose landings were measured (decision 14)."""
    measured = [one for one in person.sessions if one.median_peak_net_g is not None]
    last = person.asked_on(measured[-1].day) if measured else None
    if last is None:
        return tuple(measured)
    asked = [(one, person.asked_on(one.day)) for one in measured]
    return tuple(one for one, then in asked if then and (then.plan.name, then.stage) == (last.plan.name, last.stage))


def landing_trend(sessions: Sequence[DoneSession], *, limits: Limits) -> Trend:
    """The latest median NET peak against the one before, of one placement, beyond the minimum detectable change."""
    known = [one for one in sessions if one.median_peak_net_g is not None]
    if not known:
        return Trend(words="–", reason="no landings were measured")
    same = [one for one in known if one.placement == known[-1].placement]
    values = [one.median_peak_net_g for one in same if one.median_peak_net_g is not None]
    detectable = minimum_detectable_change(values, rules=limits.rules)
    if detectable is None:
        known_words = f"{len(values)} session{'' if len(values) == 1 else 's'} of one stage and placement"
        return Trend(words="–", reason=f"{known_words}: too few to tell a change from noise")
    word = change_word(values[-2], values[-1], detectable)
    compared = f"{values[-1]:.1f} g net against {values[-2]:.1f}; changes below {detectable:.1f} g are noise"
    return Trend(words=word or "no change beyond noise", reason=compared)
