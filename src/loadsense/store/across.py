"""Flags that sessions raise together: brought in line whenever one of them is imported, corrected or judged anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import evidence
from loadsense.protocol.across import RULES_ACROSS, Trained, flags_across
from loadsense.results import Flag
from loadsense.store.flags import renew_flags
from loadsense.store.knowing import Known
from loadsense.store.opening import Writing
from loadsense.store.tables import AnalysisRow, SessionRow


def renew_across(tx: Writing, known: Known, changed: Sequence[SessionRow]) -> None:
    """Bring the flags of the changed sessions, and of every later one of the same people, in line.

    Parameters
    ----------
    tx : Writing
    known : Known
        Of their people.
    changed : sequence of SessionRow
        Whose current analysis is new.
    """
    tx.db.flush()
    first = {
        person_id: min(one.day for one in changed if one.person_id == person_id)
        for person_id in sorted({one.person_id for one in changed})
    }
    raised: dict[tuple[str, int], tuple[Flag, ...]] = {}
    for person_id, day in first.items():
        sessions = trained(tx.db, person_id, known)
        flags = flags_across(sessions, rules=evidence.rules(), tolerance=evidence.grading().target_tolerance)
        monday = day - timedelta(days=day.weekday())
        raised |= {(person_id, one.id): flags.get(one.id, ()) for one in sessions if one.day >= monday}
    renew_flags(tx, raised, rules=RULES_ACROSS)


def trained(db: Session, person_id: str, known: Known) -> tuple[Trained, ...]:
    """Every session of a person that has been analyzed, as the rules that look at several need it."""
    chosen = (
        select(
            SessionRow.id,
            SessionRow.day,
            SessionRow.start,
            AnalysisRow.plan,
            AnalysisRow.stage,
            AnalysisRow.is_high,
            AnalysisRow.landings_seen,
            AnalysisRow.landings_asked,
            AnalysisRow.lifted_kg,
            AnalysisRow.lasts_s,
        )
        .join(AnalysisRow, AnalysisRow.id == SessionRow.current_analysis_id)
        .where(SessionRow.person_id == person_id)
    )
    return tuple(
        Trained(
            id=row.id,
            day=row.day,
            start=row.start,
            lasts_s=row.lasts_s or 0.0,
            is_high=row.is_high,
            landings=row.landings_seen,
            landings_asked=row.landings_asked,
            lifted_kg=row.lifted_kg or {},
            drop_height_cm=_drop_height_cm(known, person_id, row.day),
            plan=row.plan,
            stage=_stage(known, row.plan, row.stage),
        )
        for row in db.execute(chosen)
    )


def _drop_height_cm(known: Known, person_id: str, day: date) -> float | None:
    asked = known.asked(person_id, day)
    return asked.drop_height_cm if asked else None


def _stage(known: Known, plan: str | None, stage: str | None) -> int | None:
    """Number of a stage in its plan as it is now; None without a plan, or for a stage that is not in it any more."""
    names = [one.name for one in known.plan(plan).stages] if plan else []
    return names.index(stage) if stage in names else None
