"""The clinician letter: what happened to her first, then how often she came, what she lifted and landed; no verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session as Reading

from loadsense.errors import OptionError
from loadsense.prescriptions import Screening
from loadsense.review import reading
from loadsense.review.facts import AskedFrom, DoneSession, DxaFacts, FlagFacts, GroupFacts, PersonFacts
from loadsense.review.letter_facts import Happened, LandedFacts, LetterFacts, PainFacts, landed_facts, letter_facts
from loadsense.review.person import Bar, best_lifts, person_page
from loadsense.review.screened import ScreeningSummary
from loadsense.review.weeks import Attendance, Limits, monday_of
from loadsense.review.words import day as day_words

#: Weeks that a letter may tell of.
SPANS: Final = (8, 12)
_SCALES: Final = {"borg": "Borg 6-20", "0-10": "0-10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Something of a day, in a sentence without its full stop."""

    day: date
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PainLine:
    """What was said of one site: how often, the highest scores of 0 to 10 (None: nobody asked), and when last.

    `onsets` names what was not usual: "new", "sudden"; empty where all was.
    """

    site: str
    n_reports: int
    onsets: tuple[str, ...]
    before: float | None
    after: float | None
    after_24h: float | None
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftLine:
    """One exercise: first and last load, the heaviest, on how many days, and her one-repetition maximum beside it."""

    exercise: str
    n_days: int
    first_kg: float
    last_kg: float
    most_kg: float
    one_rm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedLine:
    """Landings of one placement and filter: peaks of two placements or filters are never put together.

    `low_net_g` and `high_net_g` hold four fifths of all peaks between them (10th and 90th percentile).
    """

    placement: str
    filter: str
    n_sessions: int
    n_landings: int
    low_net_g: float
    median_net_g: float
    high_net_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPage:
    """Everything the letter says; who it is about and from whom is typed when it is printed, and is not here.

    Attributes
    ----------
    person_id : str
        Pseudonym.
    n_weeks : int
        Shown.
    first, last : date
        Of these weeks.
    since : date
        First day of what happened: the day of the last letter, or the first of these weeks.
    is_since_letter : bool
        Whether a last letter was named.
    happened : tuple of Dated
        Falls and other adverse events, the newest first.
    pains : tuple of PainLine
        By site, the latest first.
    stopped : tuple of Dated
        Red flags: training of the plan stopped, and who cleared her.
    other_flags : str
        How often each amber rule fired; empty where none did.
    changes : tuple of Dated
        Of plan, screening, context and bone density results, the newest first.
    screening : ScreeningSummary
        Where it stands.
    history : tuple of str
        Fractures, falls and what else was answered with yes or is not known.
    attendance : Attendance
        Of whole weeks.
    landings, lifting : tuple of Bar
        Two doses by week, never added.
    in_band : str
        Landings in band in words.
    band : str
        What was asked of a landing.
    lifted : tuple of LiftLine
        Loads, as entered.
    exertion : tuple of str
        By scale.
    landed : tuple of LandedLine
        By placement and filter.
    unseen : tuple of str
        What these sensors did not see, in sentences.
    """

    person_id: str
    n_weeks: int
    first: date
    last: date
    since: date
    is_since_letter: bool
    happened: tuple[Dated, ...]
    pains: tuple[PainLine, ...]
    stopped: tuple[Dated, ...]
    other_flags: str
    changes: tuple[Dated, ...]
    screening: ScreeningSummary
    history: tuple[str, ...]
    attendance: Attendance
    landings: tuple[Bar, ...]
    lifting: tuple[Bar, ...]
    in_band: str
    band: str
    lifted: tuple[LiftLine, ...]
    exertion: tuple[str, ...]
    landed: tuple[LandedLine, ...]
    unseen: tuple[str, ...]


def letter_span(last_day: date | None, *, today: date, n_weeks: int) -> tuple[date, date]:
    """First and last day of a letter's weeks: up to today where somebody trained this week, else to last Sunday.

    Examples
    --------
    >>> [day.isoformat() for day in letter_span(date(2026, 11, 19), today=date(2026, 11, 23), n_weeks=12)]
    ['2026-08-31', '2026-11-22']
    """
    monday = monday_of(today)
    last = today if last_day is not None and last_day >= monday else monday - timedelta(days=1)
    return monday_of(last) - timedelta(weeks=n_weeks - 1), last


def letter_of(
    db: Reading, person_id: str, *, at: datetime, n_weeks: int, since: date | None = None
) -> tuple[LetterPage, GroupFacts | None] | None:
    """The letter of a person at an instant, and her group; None where nobody has this pseudonym.

    Parameters
    ----------
    db : Reading
    person_id : str
    at : datetime
        The instant.
    n_weeks : int
        8 or 12.
    since : date, optional
        Of the last letter.

    Raises
    ------
    OptionError
        The last letter lies in the future.
    """
    facts = letter_facts(db, person_id, at=at, since=since)
    if facts is None:
        return None
    today = reading.today_of(facts.person.group, at)
    if since is not None and since > today:
        raise OptionError(
            f"the last letter is of {since.isoformat()}, which lies in the future; "
            f"expected {today.isoformat()} or an earlier day"
        )
    first, last = letter_span(facts.person.last_day, today=today, n_weeks=n_weeks)
    facts = replace(facts, landed=landed_facts(db, person_id, first=first, last=last))
    return letter_page(facts, today=today, n_weeks=n_weeks, limits=reading.limits()), facts.person.group


def letter_page(facts: LetterFacts, *, today: date, n_weeks: int, limits: Limits) -> LetterPage:
    """The letter of a person over whole weeks.

    Parameters
    ----------
    facts : LetterFacts
        With everything since `facts.since`.
    today : date
        Local day.
    n_weeks : int
        8 or 12.
    limits : Limits
    """
    person = facts.person
    first, last = letter_span(person.last_day, today=today, n_weeks=n_weeks)
    begun = last < monday_of(today)  # a week without a session yet, which the letter leaves out
    page = person_page(person, today=today, n_weeks=n_weeks + begun, limits=limits)
    sessions = [one for one in person.sessions if first <= one.day <= last]
    since = facts.since or first
    return LetterPage(
        person_id=person.id,
        n_weeks=n_weeks,
        first=first,
        last=last,
        since=since,
        is_since_letter=facts.since is not None,
        happened=tuple(_dated(one) for one in reversed(facts.happened) if one.day >= since),
        pains=_pains([one for one in facts.pains if one.day >= since]),
        stopped=tuple(_stopped(person, one) for one in reversed(_flags(person, since, "red"))),
        other_flags=_counted_flags(_flags(person, since, "amber")),
        changes=_changes(facts, since, today),
        screening=page.screening,
        history=tuple(_history(person.screening)),
        attendance=page.attendance,
        landings=page.landings[:n_weeks],
        lifting=page.lifting[:n_weeks],
        in_band=_in_band(sessions),
        band=_band(person.asked_on(last)),
        lifted=_lifted(facts, first, last),
        exertion=tuple(_exertion(sessions)),
        landed=tuple(_landed(one) for one in facts.landed),
        unseen=tuple(_unseen(person, sessions)),
    )


# -- what happened


def _dated(one: Happened) -> Dated:
    return Dated(day=one.day, words=one.kind + (f": {one.words}" if one.words else ""))


def _pains(pains: Sequence[PainFacts]) -> tuple[PainLine, ...]:
    sites = dict.fromkeys(one.site for one in reversed(pains))
    return tuple(_pain_line(site, [one for one in pains if one.site == site]) for site in sites)


def _pain_line(site: str, said: Sequence[PainFacts]) -> PainLine:
    return PainLine(
        site=site,
        n_reports=len(said),
        onsets=tuple(onset for onset in ("new", "sudden") if any(one.onset == onset for one in said)),
        before=_most([one.before for one in said]),
        after=_most([one.after for one in said]),
        after_24h=_most([one.after_24h for one in said]),
        last=max(one.day for one in said),
    )


def _most(scores: Sequence[float | None]) -> float | None:
    return max((one for one in scores if one is not None), default=None)


def _flags(person: PersonFacts, since: date, severity: str) -> list[FlagFacts]:
    return [one for one in person.flags if one.severity == severity and person.day_of(one.raised_at) >= since]


def _stopped(person: PersonFacts, flag: FlagFacts) -> Dated:
    if flag.cleared_by and flag.cleared_on:
        ended = f"cleared by {flag.cleared_by} on {day_words(flag.cleared_on)}"
    else:
        ended = "no clearance by name yet: the plan is locked"
    return Dated(day=person.day_of(flag.raised_at), words=f"{flag.sentence}; {ended}")


def _counted_flags(flags: Sequence[FlagFacts]) -> str:
    counts = Counter(one.rule.replace("-", " ") for one in flags)
    return ", ".join(f"{name} {n} {'time' if n == 1 else 'times'}" for name, n in counts.most_common())


def _changes(facts: LetterFacts, since: date, today: date) -> tuple[Dated, ...]:
    found = [*_plan_changes(facts.person.asked), *(_dxa(one) for one in facts.person.dxa)]
    found += [Dated(day=one.day, words=one.words) for one in facts.person.markers]
    found += [Dated(day=day, words="screened again") for day in facts.screened_on[1:]]
    return tuple(sorted((one for one in found if since <= one.day <= today), key=lambda one: one.day, reverse=True))


def _plan_changes(asked: Sequence[AskedFrom]) -> Iterator[Dated]:
    """What changed in the plan, its loads aside: those stand in their own table."""
    for before, after in zip((None, *asked), asked, strict=False):
        words = _asked_words(after)
        if before is None or words != _asked_words(before):
            yield Dated(day=after.from_day, words=f"plan: {words}")


def _asked_words(asked: AskedFrom) -> str:
    parts = [f"{asked.plan.name}, {asked.stage.name}, {asked.sessions_per_week} sessions a week"]
    parts += [f"{asked.landings} landings {_band(asked)}".rstrip()] if asked.landings else ["no landings"]
    return ", ".join(parts)


def _band(asked: AskedFrom | None) -> str:
    """The band of a landing in words; empty where nothing bounds it.

    Examples
    --------
    >>> _band(None)
    ''
    """
    if asked is None or (asked.min_net_g is None and asked.ceiling_net_g is None):
        return ""
    if asked.min_net_g is None:
        return f"up to {asked.ceiling_net_g:g} g net"
    if asked.ceiling_net_g is None:
        return f"from {asked.min_net_g:g} g net"
    return f"of {asked.min_net_g:g} to {asked.ceiling_net_g:g} g net"


def _dxa(one: DxaFacts) -> Dated:
    score = "" if one.t_score is None else f", T-score {one.t_score:.1f}"
    return Dated(
        day=one.measured_on,
        words=f"bone density result: {one.site} {one.bmd_g_per_cm2:.3f} g/cm²{score} ({one.machine})",
    )


# -- screening and fractures


def _history(screening: Screening | None) -> Iterator[str]:
    """Fractures and falls as answered; what nobody answered is said to be unknown."""
    if screening is None:
        return
    n = screening.low_trauma_fractures
    last = f", the last on {day_words(screening.last_fracture_on)}" if screening.last_fracture_on else ""
    yield f"vertebral fracture: {screening.vertebral_fracture}"
    yield f"low-trauma fractures: {'unknown' if n is None else n}{last}"
    falls = screening.falls_12_months
    yield f"falls in the 12 months before: {'unknown' if falls is None else falls}"


# -- attended, lifted, landed


def _in_band(sessions: Sequence[DoneSession]) -> str:
    seen = [one for one in sessions if one.landings_in_band is not None]
    if not seen:
        return ""
    least = "at least " if any(one.landings_at_least for one in seen) else ""
    n = sum(one.landings_in_band or 0 for one in seen)
    return f"{least}{n} in {len(seen)} of {len(sessions)} sessions"


def _lifted(facts: LetterFacts, first: date, last: date) -> tuple[LiftLine, ...]:
    found = []
    for lift in best_lifts(facts.person, since=first):
        points = [point for point in lift.points if point[0] <= last]
        one_rm = next((one for one in reversed(facts.person.one_rms) if one.exercise == lift.exercise), None)
        if points:
            found.append(
                LiftLine(
                    exercise=lift.exercise.replace("_", " "),
                    n_days=len(points),
                    first_kg=points[0][1],
                    last_kg=points[-1][1],
                    most_kg=max(kg for _, kg in points),
                    one_rm=f"{one_rm.kg:g} kg, {one_rm.method}, {day_words(one_rm.measured_on)}" if one_rm else "",
                )
            )
    return tuple(found)


def _exertion(sessions: Sequence[DoneSession]) -> Iterator[str]:
    for scale, name in _SCALES.items():
        said = [one.rpe for one in sessions if one.rpe is not None and one.rpe_scale == scale]
        if said:
            span = f"{min(said):g}" if min(said) == max(said) else f"{min(said):g} to {max(said):g}"
            yield f"{span} ({name}), said in {len(said)} of {len(sessions)} sessions"


def _landed(one: LandedFacts) -> LandedLine:
    peaks = sorted(one.peaks_net_g)
    return LandedLine(
        placement=one.placement.replace("_", " "),
        filter=one.filter,
        n_sessions=one.n_sessions,
        n_landings=len(peaks),
        low_net_g=_percentile(peaks, 10),
        median_net_g=_percentile(peaks, 50),
        high_net_g=_percentile(peaks, 90),
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    """Between the neighbours, as numpy has it; `values` in order and not empty.

    Examples
    --------
    >>> _percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.5
    """
    at = (len(values) - 1) * percent / 100.0
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def _unseen(person: PersonFacts, sessions: Sequence[DoneSession]) -> Iterator[str]:
    """What was not counted, of what was asked or may have been."""
    n, asked = len(sessions), [person.asked_on(one.day) for one in sessions]
    landings = [one.landings_in_band for one, then in zip(sessions, asked, strict=True) if not then or then.landings]
    sets = [one.lift_sets_met for one, then in zip(sessions, asked, strict=True) if not then or then.lift_sets]
    for what, counts in (("landings", landings), ("lifting sets", sets)):
        if unseen := sum(one is None for one in counts):
            yield f"In {unseen} of {n} {'session' if n == 1 else 'sessions'} the {what} were not counted."
    least = sum(one.landings_at_least or one.lift_sets_at_least for one in sessions)
    if least:
        yield f"In {least} of {n} sessions data are missing, so their counts are at least so many."
