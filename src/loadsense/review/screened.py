"""Where somebody's screening stands, in a word and a sentence: for her page, her record and whoever plans for her."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Literal

from loadsense.prescriptions import Screening
from loadsense.protocol.screening import missing_answers, months_later, screening_locks
from loadsense.review.weeks import Limits

State = Literal["none", "incomplete", "ended", "not valid", "valid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningSummary:
    """What a screening allows on a day.

    Attributes
    ----------
    state : {"none", "incomplete", "ended", "not valid", "valid"}
        "valid" is the only one that locks nothing.
    sentence : str
        The state in words, with what to do.
    screened_on, valid_until : date or None
        When she was asked, and the last day on which it holds; None where it cannot be said.
    missing : tuple of str
        What nobody has answered: unknown is not no.
    said_yes : tuple of str
        Questions that were answered with yes; the clearance stands for them.
    cleared_by : str
        Who cleared her.
    landings : str or None
        Why landings are locked whatever the plan.
    unlocked_by, unlocked_on : str, date or None
        Clinician who unlocked landings.
    """

    state: State
    sentence: str
    screened_on: date | None = None
    valid_until: date | None = None
    missing: tuple[str, ...] = ()
    said_yes: tuple[str, ...] = ()
    cleared_by: str = ""
    landings: str | None = None
    unlocked_by: str = ""
    unlocked_on: date | None = None


def screening_summary(screening: Screening | None, *, on: date, limits: Limits) -> ScreeningSummary:
    """Where a screening stands on a local day; None: never screened."""
    if screening is None:
        return ScreeningSummary(state="none", sentence="no screening is on file")
    locks = screening_locks(screening, on=on, rules=limits.rules)
    until = _valid_until(screening, limits)
    missing = missing_answers(screening)
    state: State = (
        "incomplete" if missing else "ended" if screening.ended_by else "not valid" if locks.plan else "valid"
    )
    return ScreeningSummary(
        state=state,
        sentence=locks.plan or "complete",
        screened_on=screening.screened_on,
        valid_until=until,
        missing=missing,
        said_yes=tuple(
            one.name.replace("_", " ") for one in fields(Screening) if getattr(screening, one.name) == "yes"
        ),
        cleared_by=screening.cleared_by,
        landings=locks.landings,
        unlocked_by=screening.landings_unlocked_by,
        unlocked_on=screening.landings_unlocked_on,
    )


def _valid_until(screening: Screening, limits: Limits) -> date | None:
    """The earlier of the review and the age at which the rule ends it."""
    rule = limits.rules["screening-valid"]
    ends = [screening.review_date] if screening.review_date else []
    if rule.on and rule.value is not None and screening.screened_on is not None:
        ends.append(months_later(screening.screened_on, round(rule.value)))
    return min(ends, default=None)
