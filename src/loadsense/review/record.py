"""Her record: everything that was said of her, by whom and when, and what each word of it led to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session as Reading

from loadsense.prescriptions import Screening
from loadsense.protocol.dxa import density_changes
from loadsense.review import reading
from loadsense.review.facts import FlagFacts, PersonFacts
from loadsense.review.person import lock_of
from loadsense.review.screened import ScreeningSummary, screening_summary
from loadsense.review.weeks import Limits
from loadsense.store.knowing import is_new_back_pain, screening_from
from loadsense.store.tables import (
    AdverseEventRow,
    AuditRow,
    ContextNote,
    DxaRow,
    OneRepMaxRow,
    PainRow,
    PersonRow,
    ScreeningRow,
    Table,
    User,
)

#: Lifts that a maximum can be entered for, beside those of her plan.
_LIFTS: Final = ("deadlift", "back_squat", "overhead_press")

PAIN, LATER_PAIN, ADVERSE, SCREENING = "pain", "pain-24h", "adverse-event", "screening"
ONE_RM, DXA, NOTE, BODY_MASS = "one-rm", "dxa", "note", "body-mass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that was said of her.

    Attributes
    ----------
    kind : str
        "pain", "pain-24h", "adverse-event", "screening", "one-rm", "dxa", "note" or "body-mass".
    id : int
        Of its row.
    day : date
        On which it was so.
    words : str
        What was said.
    by, at : str, datetime
        Who entered it, and when.
    flags : tuple of FlagFacts
        That it raised.
    """

    kind: str
    id: int
    day: date
    words: str
    by: str
    at: datetime
    flags: tuple[FlagFacts, ...] = ()

    @property
    def key(self) -> str:
        """In an address: "pain-12"."""
        return f"{self.kind}-{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPain:
    """A pain whose score after 24 h nobody has asked for yet."""

    id: int
    day: date
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Everything her record says.

    Attributes
    ----------
    person_id, group : str
        Pseudonym, and her group's name.
    version : int
        Of her row, for edits.
    today : date
        Her local day.
    tz : str
        Zone of its times.
    body_mass_kg : float or None
        Today's.
    is_archived : bool
        Off the roster.
    locked : str or None
        Why her plan may not be trained now.
    screening : ScreeningSummary
        Where it stands.
    answers : Screening or None
        The latest answers.
    open_pains : tuple of OpenPain
        Of the last days, without a score after 24 h.
    sessions : tuple of (int, date)
        The latest, to tie a word to.
    exercises : tuple of str
        That a maximum can be entered for.
    said : tuple of Said
        The newest first.
    just_said : Said or None
        What was entered a moment ago.
    led_to : tuple of str
        What that changed, in sentences.
    """

    person_id: str
    group: str
    version: int
    today: date
    tz: str
    body_mass_kg: float | None
    is_archived: bool
    locked: str | None
    screening: ScreeningSummary
    answers: Screening | None
    open_pains: tuple[OpenPain, ...]
    sessions: tuple[tuple[int, date], ...]
    exercises: tuple[str, ...]
    said: tuple[Said, ...]
    just_said: Said | None
    led_to: tuple[str, ...]


def record_page(db: Reading, person_id: str, *, at: datetime, limits: Limits, just_said: str = "") -> RecordPage | None:
    """Her record at an instant; None where nobody has this pseudonym.

    Parameters
    ----------
    db : Reading
    person_id : str
    at : datetime
        The instant.
    limits : Limits
    just_said : str
        Key of what was entered a moment ago; whatever it led to is told first.
    """
    row = db.get(PersonRow, person_id)
    facts = reading.person_facts(db, person_id, at=at)
    if row is None or facts is None:
        return None
    today = reading.today_of(facts.group, at)
    said = everything_said(db, facts)
    just = next((one for one in said if one.key == just_said), None)
    page = RecordPage(
        person_id=person_id,
        group=facts.group.name if facts.group else "",
        version=row.version,
        today=today,
        tz=facts.group.tz if facts.group else "UTC",
        body_mass_kg=row.body_mass_kg,
        is_archived=facts.is_archived,
        locked=lock_of(facts, today=today, limits=limits),
        screening=screening_summary(facts.screening, on=today, limits=limits),
        answers=facts.screening,
        open_pains=_open_pains(db, person_id, today),
        sessions=tuple((one.id, one.day) for one in reversed(facts.sessions[-12:])),
        exercises=exercises_of(facts),
        said=said,
        just_said=just,
        led_to=(),
    )
    return page if just is None else replace(page, led_to=_led_to(db, just, facts, page, limits))


def exercises_of(person: PersonFacts) -> tuple[str, ...]:
    """The lifts of her plan, those of LIFTMOR, and those she has a maximum of."""
    planned = [lift.exercise for asked in person.asked[-1:] for one in asked.plan.stages for lift in one.lifts]
    return tuple(dict.fromkeys([*planned, *_LIFTS, *(one.exercise for one in person.one_rms)]))


def _open_pains(db: Reading, person_id: str, today: date, *, days: int = 14) -> tuple[OpenPain, ...]:
    chosen = select(PainRow).where(
        PainRow.person_id == person_id, PainRow.after_24h.is_(None), PainRow.day >= today - timedelta(days=days)
    )
    rows = db.scalars(chosen.order_by(PainRow.day.desc(), PainRow.id.desc()))
    return tuple(OpenPain(id=one.id, day=one.day, site=one.site) for one in rows)


# -- everything that was said


def everything_said(db: Reading, person: PersonFacts) -> tuple[Said, ...]:
    """All of it, the newest first, each with the flags that it raised."""
    logins = {row.id: row.login for row in db.execute(select(User.id, User.login))}
    raised = _raised(person)
    found = [
        Said(
            kind=kind,
            id=row.id,
            day=day,
            words=words,
            by=_login(logins, row.by_user),
            at=row.at,
            flags=raised.get(row.at, ()),
        )
        for kind, row, day, words in _rows(db, person.id)
    ]
    found += _later_pains(db, person.id, logins, raised)
    found += _masses(db, person, logins)
    return tuple(sorted(found, key=lambda one: (one.at, one.id), reverse=True))


def _login(logins: dict[int, str], user_id: int | None) -> str:
    return "loadsense" if user_id is None else logins.get(user_id, "somebody")


Raised = Mapping[datetime, tuple[FlagFacts, ...]]


def _raised(person: PersonFacts) -> Raised:
    """Flags by the instant of the word that raised them: both are written in one transaction."""
    instants = {flag.raised_at for flag in person.flags}
    return {at: tuple(flag for flag in person.flags if flag.raised_at == at) for at in instants}


Row = PainRow | AdverseEventRow | ScreeningRow | OneRepMaxRow | DxaRow | ContextNote


def _rows(db: Reading, person_id: str) -> Iterator[tuple[str, Row, date, str]]:
    for pain in _all(db, PainRow, person_id):
        yield PAIN, pain, pain.day, _pain_words(pain)
    for event in _all(db, AdverseEventRow, person_id):
        yield ADVERSE, event, event.day, event.kind + (f": {event.words}" if event.words else "")
    for screening in _all(db, ScreeningRow, person_id):
        yield SCREENING, screening, screening.screened_on, _screening_words(screening)
    for best in _all(db, OneRepMaxRow, person_id):
        yield ONE_RM, best, best.measured_on, f"{best.exercise.replace('_', ' ')} {best.kg:g} kg, {best.method}"
    for dxa in _all(db, DxaRow, person_id):
        yield DXA, dxa, dxa.measured_on, _dxa_words(dxa)
    for note in _all(db, ContextNote, person_id):
        yield NOTE, note, note.day, note.words


Kind = TypeVar("Kind", bound=Table)


def _all(db: Reading, kind: type[Kind], person_id: str) -> Iterable[Kind]:
    return db.scalars(select(kind).where(kind.person_id == person_id))  # type: ignore[attr-defined]


def _pain_words(row: PainRow) -> str:
    scores = [
        f"{name} {score:g}" for name, score in (("before", row.before), ("after", row.after)) if score is not None
    ]
    scores += [] if row.after_24h is None else [f"after 24 h {row.after_24h:g}"]
    told = f"{', '.join(scores)} of 10" if scores else "no score was asked"
    return f"{row.site}, {row.onset}: {told}"


def _screening_words(row: ScreeningRow) -> str:
    answers = screening_from(row.answers)
    yes = [name.replace("_", " ") for name, value in row.answers.items() if value == "yes"]
    words = f"yes to {', '.join(yes)}" if yes else "no question answered with yes"
    if answers.landings_unlocked_by and answers.landings_unlocked_on:
        words += f"; landings unlocked by {answers.landings_unlocked_by} on {answers.landings_unlocked_on.isoformat()}"
    return f"{words}; cleared by {answers.cleared_by or 'nobody yet'}"


def _dxa_words(row: DxaRow) -> str:
    score = "" if row.t_score is None else f", T-score {row.t_score:.1f}"
    return f"{row.site} {row.bmd_g_per_cm2:.3f} g/cm²{score}, {row.machine}, {row.centre}"


def _later_pains(db: Reading, person_id: str, logins: dict[int, str], raised: Raised) -> list[Said]:
    """Scores after 24 h that were filled in later: by whom and when stands in the audit log."""
    pains = {row.id: row for row in _all(db, PainRow, person_id)}
    found = []
    for one in _audited(db, person_id, "pain after 24 h"):
        row = pains.get(one.detail.get("pain", 0))
        if row is not None and row.after_24h is not None:
            words = f"{row.site}: {row.after_24h:g} of 10, 24 h after"
            by = _login(logins, one.by_user)
            found.append(
                Said(
                    kind=LATER_PAIN, id=row.id, day=row.day, words=words, by=by, at=one.at, flags=raised.get(one.at, ())
                )
            )
    return found


def _masses(db: Reading, person: PersonFacts, logins: dict[int, str]) -> list[Said]:
    """That her body mass was changed; only the latest is kept, because sessions are judged with it."""
    return [
        Said(
            kind=BODY_MASS,
            id=one.id,
            day=person.day_of(one.at),
            words="body mass changed",
            by=_login(logins, one.by_user),
            at=one.at,
        )
        for one in _audited(db, person.id, "changed")
        if "body_mass_kg" in one.detail.get("changed", ())
    ]


def _audited(db: Reading, person_id: str, action: str) -> Sequence[AuditRow]:
    chosen = select(AuditRow).where(AuditRow.person_id == person_id, AuditRow.action == action)
    return db.scalars(chosen.order_by(AuditRow.id)).all()


# -- what it led to


def _led_to(db: Reading, said: Said, person: PersonFacts, page: RecordPage, limits: Limits) -> tuple[str, ...]:
    """What a word changed, in sentences, the gravest first."""
    told = [_flag_words(flag) for flag in sorted(said.flags, key=lambda flag: flag.severity != "red")]
    if said.kind in (PAIN, LATER_PAIN, ADVERSE) and not told:
        told = ["It raised no flag."]
    if said.kind in (PAIN, ADVERSE) and _ends_screening(db, said):
        told.append("It ends her screening: screen again before the plan goes on.")
    if said.kind == SCREENING:
        told.append(_screening_sentence(page.screening))
    if said.kind == ONE_RM and (days := limits.rules["one-rm-age"].value):
        told.append(f"It grades loads for {days:g} days from {said.day.isoformat()}.")
        if "estimated" in said.words and any(one.day == said.day for one in person.sessions):
            told.append("It does not grade the session of that day: an estimate from its own sets would be circular.")
    if said.kind == DXA:
        told += [
            f"{change.site}: {change.words}{f' ({change.reason})' if change.reason else ''}."
            for change in density_changes(person.dxa, rules=limits.rules)
            if change.after == said.day
        ]
    if said.kind == NOTE:
        told.append("A thin line marks the day on her page; nothing is made of it.")
    return tuple(told) if page.locked else (*told, "Her plan may be trained.")


def _flag_words(flag: FlagFacts) -> str:
    if flag.severity == "red":
        return f"It raised a red flag: {flag.sentence}. Her plan is locked until a clinician clears her by name."
    return f"It raised an amber flag: {flag.sentence}. Acknowledge it on her page."


def _screening_sentence(screening: ScreeningSummary) -> str:
    if screening.landings:
        return f"The screening is kept; {screening.landings}."
    return (
        "The screening is complete." if screening.state == "valid" else f"The screening is kept: {screening.sentence}."
    )


def _ends_screening(db: Reading, said: Said) -> bool:
    """Whether it ended a screening that had not ended by itself."""
    if said.kind == PAIN:
        row = db.get(PainRow, said.id)
        return row is not None and is_new_back_pain(row.site, row.onset)
    event = db.get(AdverseEventRow, said.id)
    return event is not None and event.kind in ("fall", "suspected fracture", "fracture")


# -- landings, unlocked


def unlocked(screening: Screening, *, by: str, on: date) -> Screening:
    """The same answers with a clinician's word that landings may be done."""
    return replace(screening, landings_unlocked_by=by, landings_unlocked_on=on)
