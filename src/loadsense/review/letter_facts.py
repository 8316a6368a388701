"""Ask the store for what a letter tells beyond a person's page: pains, events, and peaks by placement and filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Reading

from loadsense.placement import CAPABILITIES, Placement
from loadsense.review import reading
from loadsense.review.facts import PersonFacts
from loadsense.store.tables import (
    AdverseEventRow,
    AnalysisRow,
    EventRow,
    PainRow,
    RecordingRow,
    ScreeningRow,
    SessionRecording,
    SessionRow,
)
from loadsense.store.wellbeing import PainFacts

__all__ = ["Happened", "LandedFacts", "LetterFacts", "PainFacts", "landed_facts", "letter_facts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A fall or another adverse event."""

    day: date
    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedFacts:
    """Peaks of every landing that one placement saw through one filter, in how many sessions; never empty."""

    placement: str
    filter: str
    n_sessions: int
    peaks_net_g: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFacts:
    """What a letter is made from; rows in order of time.

    Attributes
    ----------
    person : PersonFacts
    since : date or None
        Of the last letter; None where none was named.
    happened : tuple of Happened
    pains : tuple of PainFacts
    screened_on : tuple of date
        Days of her screenings.
    landed : tuple of LandedFacts
        Of the weeks shown.
    """

    person: PersonFacts
    since: date | None
    happened: tuple[Happened, ...] = ()
    pains: tuple[PainFacts, ...] = ()
    screened_on: tuple[date, ...] = ()
    landed: tuple[LandedFacts, ...] = ()


def letter_facts(db: Reading, person_id: str, *, at: datetime, since: date | None) -> LetterFacts | None:
    """Everything but the peaks, which need the days: see `landed_facts`; None where nobody has this pseudonym."""
    person = reading.person_facts(db, person_id, at=at)
    if person is None:
        return None
    events = select(AdverseEventRow).where(AdverseEventRow.person_id == person_id)
    screened = select(ScreeningRow.screened_on).where(ScreeningRow.person_id == person_id)
    return LetterFacts(
        person=person,
        since=since,
        happened=tuple(
            Happened(day=one.day, kind=one.kind, words=one.words)
            for one in db.scalars(events.order_by(AdverseEventRow.day, AdverseEventRow.id))
        ),
        pains=tuple(_pains(db, person_id)),
        screened_on=tuple(db.scalars(screened.order_by(ScreeningRow.screened_on, ScreeningRow.id))),
    )


def _pains(db: Reading, person_id: str) -> Iterator[PainFacts]:
    chosen = select(PainRow).where(PainRow.person_id == person_id).order_by(PainRow.day, PainRow.id)
    for row in db.scalars(chosen):
        scores: dict[str, Any] = {"before": row.before, "after": row.after, "after_24h": row.after_24h}
        yield PainFacts(day=row.day, site=row.site, onset=row.onset, **scores)


def landed_facts(db: Reading, person_id: str, *, first: date, last: date) -> tuple[LandedFacts, ...]:
    """Peaks of landings in some days, apart by placement and filter; only placements whose landings are graded."""
    chosen = (
        select(
            SessionRow.id,
            EventRow.sensor,
            RecordingRow.placement,
            AnalysisRow.summary["provenance"]["filter"].as_string().label("filter"),
            EventRow.peak_net_g,
        )
        .join(AnalysisRow, AnalysisRow.id == SessionRow.current_analysis_id)
        .join(EventRow, EventRow.analysis_id == AnalysisRow.id)
        .join(
            SessionRecording,
            (SessionRecording.session_id == SessionRow.id) & (SessionRecording.sensor == EventRow.sensor),
        )
        .join(RecordingRow, RecordingRow.sha256 == SessionRecording.sha256)
        .where(SessionRow.person_id == person_id, SessionRow.day.between(first, last))
        .where(EventRow.kind == "landing", EventRow.peak_net_g.is_not(None))
    )
    peaks: dict[tuple[str, str], list[float]] = defaultdict(list)
    sessions: dict[tuple[str, str], set[int]] = defaultdict(set)
    for session_id, sensor, placement, filters, peak_net_g in db.execute(chosen):
        if CAPABILITIES[Placement(placement)].grades_landings:
            key = placement, filter_of(sensor, filters or "")
            peaks[key].append(peak_net_g)
            sessions[key].add(session_id)
    return tuple(
        LandedFacts(placement=key[0], filter=key[1], n_sessions=len(sessions[key]), peaks_net_g=tuple(peaks[key]))
        for key in sorted(peaks)
    )


def filter_of(sensor: str, filters: str) -> str:
    """What one sensor was filtered with; a session of several names each of them.

    Examples
    --------
    >>> filter_of("hip", "hip: landings 80 Hz, sampled at 200 Hz; wrist: landings 20 Hz, sampled at 50 Hz")
    'landings 80 Hz, sampled at 200 Hz'
    >>> filter_of("hip", "landings 40 Hz, sampled at 100 Hz")
    'landings 40 Hz, sampled at 100 Hz'
    """
    own = (part.removeprefix(f"{sensor}: ") for part in filters.split("; ") if part.startswith(f"{sensor}: "))
    return next(own, filters)
