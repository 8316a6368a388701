"""Pain, falls, bone density and context: what she says or brings, and the flags that it raises at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from statistics import median
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import evidence, protocol
from loadsense.errors import OptionError, unknown_name
from loadsense.protocol import Wellbeing
from loadsense.results import Flag
from loadsense.store.changing import found
from loadsense.store.flags import raise_flags
from loadsense.store.knowing import is_new_back_pain
from loadsense.store.opening import Writing
from loadsense.store.people import the_person
from loadsense.store.tables import AdverseEventRow, ContextNote, DxaRow, FlagRow, PainRow

ONSETS: Final = ("usual", "new", "sudden")
ADVERSE_KINDS: Final = ("fall", "suspected fracture", "fracture", "chest pain or faintness", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class PainFacts:
    """Pain of 0 to 10 at a site; a score that nobody asked for is None.

    `onset` is "usual", "new" or "sudden".
    """

    day: date
    site: str
    onset: str
    before: int | None = None
    after: int | None = None
    after_24h: int | None = None
    session_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseFacts:
    """A fall, a fracture, chest pain or faintness, or anything else that must stand first in a letter."""

    kind: str
    day: date
    words: str
    session_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DxaFacts:
    """A bone density result."""

    measured_on: date
    site: str
    bmd_g_per_cm2: float
    t_score: float | None
    machine: str
    centre: str
    least_significant_change_g_per_cm2: float | None = None


def report_pain(tx: Writing, person_id: str, pain: PainFacts) -> PainRow:
    """Keep a pain and raise its flags.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, an unknown onset, or a score outside 0 to 10.
    """
    the_person(tx.db, person_id)
    if pain.onset not in ONSETS:
        raise unknown_name("onset", pain.onset, ONSETS)
    for score in (pain.before, pain.after, pain.after_24h):
        _check_score(score)
    baseline = pain_baseline(tx.db, person_id, pain.site)
    row = PainRow(person_id=person_id, at=tx.at, by_user=tx.by_user, **asdict(pain))
    tx.add(row)
    tx.audit("pain", f"person {person_id}", person_id=person_id, pain=row.id)
    _raise(tx, row, baseline)
    return row


def add_pain_after_24h(tx: Writing, pain_id: int, score: int) -> PainRow:
    """Fill in the score of the day after.

    Raises
    ------
    OptionError
        No such report, a score outside 0 to 10, or one that was given already.
    """
    row = found(tx.db, PainRow, pain_id, "report of pain")
    _check_score(score)
    if row.after_24h is not None:
        raise OptionError(f"the pain after 24 h was given already ({row.after_24h:g}); report a new pain instead")
    row.after_24h = score
    tx.audit("pain after 24 h", f"person {row.person_id}", person_id=row.person_id, pain=row.id)
    _raise(tx, row, pain_baseline(tx.db, row.person_id, row.site, before=row.id))
    return row


def pain_baseline(db: Session, person_id: str, site: str, *, before: int | None = None) -> int | None:
    """Her usual pain at a site before a session: the median of what she said; None where nobody asked."""
    chosen = select(PainRow.before).where(
        PainRow.person_id == person_id, PainRow.site == site, PainRow.onset == "usual", PainRow.before.is_not(None)
    )
    said = db.scalars(chosen if before is None else chosen.where(PainRow.id < before))
    scores = [score for score in said if score is not None]
    return round(median(scores)) if scores else None


def _check_score(score: int | None) -> None:
    if score is not None and not 0 <= score <= 10:
        raise OptionError(f"pain of {score}; expected 0 to 10")


def _raise(tx: Writing, row: PainRow, baseline: int | None) -> None:
    said = Wellbeing(
        pain_before=_whole(row.before),
        pain_after=_whole(row.after),
        pain_24h=_whole(row.after_24h),
        pain_baseline=baseline,
        new_back_pain=is_new_back_pain(row.site, row.onset),
    )
    known = set(_flags_of_pain(tx.db, row))
    flags = [flag for flag in protocol.wellbeing_flags(said, rules=evidence.rules()) if flag.rule not in known]
    raise_flags(tx, row.person_id, flags, session_id=row.session_id)


def _flags_of_pain(db: Session, row: PainRow) -> tuple[str, ...]:
    """Rules that the same report has raised already: before the score of the day after was known."""
    if row.after_24h is None or row.at is None:
        return ()
    chosen = select(FlagRow.rule).where(FlagRow.person_id == row.person_id, FlagRow.raised_at == row.at)
    return tuple(db.scalars(chosen))


def _whole(score: float | None) -> int | None:
    return None if score is None else round(score)


def report_adverse(tx: Writing, person_id: str, event: AdverseFacts) -> AdverseEventRow:
    """Keep an adverse event and raise its flag.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or an unknown kind.
    """
    the_person(tx.db, person_id)
    if event.kind not in ADVERSE_KINDS:
        raise unknown_name("kind of event", event.kind, ADVERSE_KINDS)
    row = AdverseEventRow(person_id=person_id, at=tx.at, by_user=tx.by_user, **asdict(event))
    tx.add(row)
    tx.audit("adverse event", f"person {person_id}", person_id=person_id, kind=event.kind, event=row.id)
    raise_flags(tx, person_id, _adverse_flags(event), session_id=event.session_id)
    return row


def _adverse_flags(event: AdverseFacts) -> tuple[Flag, ...]:
    rules = evidence.rules()
    if event.kind == "fall" and rules["fall-like-event"].on:
        rule = rules["fall-like-event"]
        source = rule.source.citation + rule.source.known.mark
        return (Flag(rule=rule.name, severity=rule.severity, sentence="a fall was reported", source=source),)
    said = Wellbeing(
        suspected_fracture=event.kind in ("suspected fracture", "fracture"),
        chest_pain_or_faintness=event.kind == "chest pain or faintness",
    )
    return protocol.wellbeing_flags(said, rules=rules)


def add_dxa(tx: Writing, person_id: str, dxa: DxaFacts) -> DxaRow:
    """Keep a bone density result.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or a density that cannot be.
    """
    the_person(tx.db, person_id)
    if not 0.1 <= dxa.bmd_g_per_cm2 <= 3.0:
        raise OptionError(
            f"a density of {dxa.bmd_g_per_cm2:g} g/cm2; expected 0.1 to 3: it is the BMD, not the T-score"
        )
    row = DxaRow(person_id=person_id, at=tx.at, by_user=tx.by_user, **asdict(dxa))
    tx.add(row)
    tx.audit("bone density", f"person {person_id}", person_id=person_id, dxa=row.id)
    return row


def add_note(tx: Writing, person_id: str, day: date, words: str) -> ContextNote:
    """Keep a marker: something that began or ended on a day.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, or no words or more than 200 characters of them.
    """
    the_person(tx.db, person_id)
    if not 0 < len(words.strip()) <= 200:
        raise OptionError(f"a note of {len(words.strip())} characters; expected 1 to 200")
    row = ContextNote(person_id=person_id, day=day, words=words.strip(), at=tx.at, by_user=tx.by_user)
    tx.add(row)
    tx.audit("note", f"person {person_id}", person_id=person_id, note=row.id)
    return row


def remove_note(tx: Writing, note_id: int) -> None:
    """Take a marker away; the audit log keeps that it was there.

    Raises
    ------
    OptionError
        No such note.
    """
    row = found(tx.db, ContextNote, note_id, "note")
    tx.db.delete(row)
    tx.audit("note removed", f"person {row.person_id}", person_id=row.person_id, note=note_id)
