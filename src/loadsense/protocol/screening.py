"""Screening before anyone is loaded: what is missing, what has ended, and what stays locked (decision 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from loadsense.prescriptions import Person, Plan, Rule, Screening
from loadsense.results import Flag

#: Questions with yes, no or unknown, and how they are called in a sentence.
_QUESTIONS: Final = {
    "vertebral_fracture": "vertebral fracture",
    "current_back_pain": "current back pain",
    "joint_or_limb_injury": "joint or limb injury",
    "uncontrolled_heart_or_blood_pressure": "uncontrolled heart or blood pressure",
    "pregnancy": "pregnancy",
}

#: Entries that must be filled in, and how they are called in a sentence.
_ENTRIES: Final = {
    "low_trauma_fractures": "low-trauma fractures",
    "falls_12_months": "falls in 12 months",
    "balance": "balance",
    "cleared_by": "who cleared her",
    "screened_on": "date",
    "review_date": "review date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """Why a plan, or its landings, may not be graded; None where nothing is locked.

    Attributes
    ----------
    plan, landings : str or None
        The sentence.
    note : str
        What could not be checked ("the session has no date"); empty when all was.
    """

    plan: str | None = None
    landings: str | None = None
    note: str = ""


def screening_locks(screening: Screening | None, *, on: date | None, rules: Mapping[str, Rule]) -> Locks:
    """What the screening locks on a day.

    Parameters
    ----------
    screening : Screening or None
        None: never screened.
    on : date or None
        Local day of the session; None leaves the age of the screening unchecked, and says so.
    rules : mapping
        `screening`, `screening-valid` and `fracture-locks-landings` are read.
    """
    if not rules["screening"].on:
        return Locks(note=f"{rules['screening'].sentence}: not set")
    if screening is None:
        return Locks(plan="no screening is on file")
    landings = _fracture_lock(screening, rules["fracture-locks-landings"])
    unanswered = missing_answers(screening)
    if unanswered:
        return Locks(plan=f"screening is not complete (unknown: {', '.join(unanswered)})", landings=landings)
    if screening.ended_by:
        return Locks(plan=f"the screening ended with a {screening.ended_by}: screen again", landings=landings)
    if on is None:
        return Locks(landings=landings, note="the session has no date: the age of the screening was not checked")
    return Locks(plan=_expired(screening, on, rules["screening-valid"]), landings=landings)


def missing_answers(screening: Screening) -> tuple[str, ...]:
    """What nobody has answered; unknown is not no."""
    open_questions = [words for key, words in _QUESTIONS.items() if getattr(screening, key) == "unknown"]
    open_entries = [words for key, words in _ENTRIES.items() if getattr(screening, key) in (None, "")]
    undated = ["date of the last fracture"] if screening.low_trauma_fractures and not screening.last_fracture_on else []
    return (*open_questions, *open_entries, *undated)


def _expired(screening: Screening, on: date, rule: Rule) -> str | None:
    done, due = screening.screened_on, screening.review_date
    if done is not None and on < done:
        return f"the screening of {done.isoformat()} is later than the session: she was not screened before it"
    if due is not None and on > due:
        return f"the review of the screening was due on {due.isoformat()}"
    if rule.on and rule.value is not None and done is not None and on > months_later(done, round(rule.value)):
        return f"the screening of {done.isoformat()} is older than {rule.value:g} months"
    return None


def months_later(day: date, months: int) -> date:
    """The same day of the month some months later; the 28th where a month is too short.

    Examples
    --------
    >>> months_later(date(2024, 2, 29), 12)
    datetime.date(2025, 2, 28)
    """
    years, month = divmod(day.month - 1 + months, 12)
    try:
        return day.replace(year=day.year + years, month=month + 1)
    except ValueError:
        return day.replace(year=day.year + years, month=month + 1, day=28)


def _fracture_lock(screening: Screening, rule: Rule) -> str | None:
    several = (screening.low_trauma_fractures or 0) >= (rule.value or float("inf"))
    if not rule.on or not (screening.vertebral_fracture == "yes" or several):
        return None
    if screening.landings_unlocked_by and screening.landings_unlocked_on:
        return None
    what = "a vertebral fracture" if screening.vertebral_fracture == "yes" else "several low-trauma fractures"
    return f"landings are locked after {what}: a clinician may unlock them by name and date"


def plan_lock(plan: Plan | None, person: Person | None, *, on: date | None, rules: Mapping[str, Rule]) -> str | None:
    """Why the whole plan may not be graded, lifts and landings; None for a plan that needs no screening."""
    if plan is None or not plan.needs_screening:
        return None
    return screening_locks(person.screening if person else None, on=on, rules=rules).plan


def landing_lock(person: Person | None, *, on: date | None, rules: Mapping[str, Rule]) -> str | None:
    """Why landings may not be graded whatever the plan; None for a person without a screening on file."""
    if person is None or person.screening is None:
        return None
    return screening_locks(person.screening, on=on, rules=rules).landings


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedFlag:
    """A flag, and when it was raised."""

    flag: Flag
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Who cleared her for training again, and when; acknowledging a flag is not a clearance."""

    by: str
    at: datetime


def red_lock(raised: Sequence[RaisedFlag], clearances: Sequence[Clearance]) -> str | None:
    """Why the next session is locked: the first red flag that no named clearance has followed; None when all have.

    Parameters
    ----------
    raised : sequence of RaisedFlag
        In order of time; amber flags lock nothing.
    clearances : sequence of Clearance
        One without a name counts for nothing.
    """
    named = [clearance.at for clearance in clearances if clearance.by.strip()]
    last = max(named, default=None)
    for one in raised:
        if one.flag.severity == "red" and (last is None or last < one.at):
            return f"{one.flag.sentence} ({one.at.date().isoformat()}): locked until somebody clears her by name"
    return None
