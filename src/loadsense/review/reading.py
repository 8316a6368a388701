"""Ask the store for facts. A roster reads rows of one week and no documents; a person's page reads hers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reading

from loadsense import evidence
from loadsense.errors import OptionError
from loadsense.prescriptions import OneRepMax, Plan
from loadsense.review.facts import (
    AskedFrom,
    DoneSession,
    DxaFacts,
    FlagFacts,
    GroupFacts,
    Marker,
    PersonFacts,
    RowFacts,
)
from loadsense.review.roster import RosterPage, roster_page, shown_monday
from loadsense.review.weeks import Limits, monday_of
from loadsense.store import people as stored_people
from loadsense.store import prescribing
from loadsense.store.prescribing import Asked
from loadsense.store.tables import (
    AnalysisRow,
    ContextNote,
    DxaRow,
    FlagRow,
    Group,
    OneRepMaxRow,
    PersonRow,
    PrescriptionRow,
    RecordingRow,
    SessionRecording,
    SessionRow,
    User,
)

#: Columns of an analysis that a list of sessions needs; the documents beside them are large.
_DOSE: Final = (
    AnalysisRow.status,
    AnalysisRow.judged,
    AnalysisRow.cannot_say,
    AnalysisRow.landings_in_band,
    AnalysisRow.landings_at_least,
    AnalysisRow.lift_sets_met,
    AnalysisRow.lift_sets_at_least,
    AnalysisRow.median_peak_net_g,
)


def limits() -> Limits:
    """What weeks are judged by, from the evidence."""
    return Limits(tolerance=evidence.grading().target_tolerance, rules=evidence.rules())


def today_of(group: GroupFacts | None, at: datetime) -> date:
    """Local day of a group at an instant; UTC without a group."""
    return at.astimezone(ZoneInfo(group.tz)).date() if group else at.date()


def roster_facts(db: Reading, *, monday: date, sunday: date, group: str | None = None) -> tuple[PersonFacts, ...]:
    """Everybody who is not archived, with the sessions of one week only.

    Parameters
    ----------
    db : Reading
    monday, sunday : date
        First and last day of the week.
    group : str, optional
        Only this group.
    """
    groups = _groups(db)
    people = db.scalars(select(PersonRow).where(PersonRow.archived_at.is_(None)).order_by(PersonRow.id)).all()
    shown = [one for one in people if group is None or (one.group_id in groups and groups[one.group_id].name == group)]
    ids = [one.id for one in shown]
    asked = _asked(db, ids if group else None)
    sessions = _sessions(db, select_sessions(ids if group else None).where(SessionRow.day.between(monday, sunday)))
    flags = _flags(db, ids if group else None, only_open=True)
    latest = select(SessionRow.person_id, func.max(SessionRow.day).label("day")).group_by(SessionRow.person_id)
    last = {row.person_id: row.day for row in db.execute(latest)}
    return tuple(
        PersonFacts(
            id=one.id,
            group=groups.get(one.group_id) if one.group_id else None,
            asked=asked.get(one.id, ()),
            sessions=sessions.get(one.id, ()),
            flags=flags.get(one.id, ()),
            last_day=last.get(one.id),
        )
        for one in shown
    )


def roster_of_week(db: Reading, week: str | None, group: str | None, *, today: date, limits: Limits) -> RosterPage:
    """The roster of an ISO week ("2026-W47"), or of the one to open with.

    Raises
    ------
    OptionError
        The week is not one.
    """
    monday = monday_of(today) if week is None else monday_of_label(week)
    groups = tuple(one.name for one in group_facts(db))
    people = roster_facts(db, monday=monday, sunday=monday + timedelta(days=6), group=group)
    if week is None and (first := shown_monday(people, today=today)) != monday:
        monday = first
        people = roster_facts(db, monday=monday, sunday=monday + timedelta(days=6), group=group)
    return roster_page(people, monday=monday, today=today, limits=limits, groups=groups)


def monday_of_label(week: str) -> date:
    """Monday of "2026-W47".

    Raises
    ------
    OptionError
        Not an ISO week.

    Examples
    --------
    >>> monday_of_label("2026-W47").isoformat()
    '2026-11-16'
    """
    try:
        return date.fromisoformat(f"{week}-1")
    except ValueError:
        raise OptionError(f"'{week[:20]}' is not a week: write year and ISO week, for instance 2026-W47") from None


def person_facts(db: Reading, person_id: str, *, at: datetime) -> PersonFacts | None:
    """Everything about one person at an instant; None where nobody has this pseudonym."""
    row = db.get(PersonRow, person_id)
    if row is None:
        return None
    group = _groups(db).get(row.group_id) if row.group_id else None
    sessions = _sessions(db, select_sessions([person_id]), with_rows=True).get(person_id, ())
    return PersonFacts(
        id=person_id,
        group=group,
        asked=_asked(db, [person_id]).get(person_id, ()),
        sessions=sessions,
        flags=_flags(db, [person_id]).get(person_id, ()),
        screening=stored_people.screening_at(db, person_id, today_of(group, at)),
        one_rms=_one_rms(db, person_id),
        dxa=_dxa(db, person_id),
        markers=_markers(db, person_id),
        last_day=sessions[-1].day if sessions else None,
        is_archived=row.archived_at is not None,
    )


def select_sessions(person_ids: Sequence[str] | None) -> Any:
    """Sessions with the dose of their current analysis, in order of time."""
    chosen = (
        select(SessionRow, *_DOSE)
        .outerjoin(AnalysisRow, AnalysisRow.id == SessionRow.current_analysis_id)
        .order_by(SessionRow.person_id, SessionRow.day, SessionRow.start, SessionRow.id)
    )
    return chosen if person_ids is None else chosen.where(SessionRow.person_id.in_(person_ids))


def _sessions(db: Reading, chosen: Any, *, with_rows: bool = False) -> dict[str, tuple[DoneSession, ...]]:
    found = db.execute(chosen).all()
    ids = [row[0].id for row in found]
    flags = _flags_of_sessions(db, ids)
    rows = _rows(db, [row[0] for row in found]) if with_rows else {}
    placements = _placements(db, ids) if with_rows else {}
    by_person: dict[str, list[DoneSession]] = defaultdict(list)
    for session, *dose in found:
        facts = dict(zip((column.key for column in _DOSE), dose, strict=True))
        by_person[session.person_id].append(
            DoneSession(
                id=session.id,
                day=session.day,
                start=session.start,
                rpe=session.rpe,
                rpe_scale=session.rpe_scale,
                rows=rows.get(session.id, ()),
                placement=placements.get(session.id, ""),
                flags=tuple(flags.get(session.id, ())),
                **_judged(facts),
            )
        )
    return {person: tuple(sessions) for person, sessions in by_person.items()}


def _judged(dose: Mapping[str, Any]) -> dict[str, Any]:
    """The dose, or that of a session that has not been analyzed."""
    if dose["status"] is not None:
        return dict(dose)
    return {
        **dose,
        "status": "cannot_say",
        "judged": "not analyzed yet",
        "cannot_say": "not analyzed yet",
        "landings_at_least": False,
        "lift_sets_at_least": False,
    }


def _rows(db: Reading, sessions: Sequence[SessionRow]) -> dict[int, tuple[RowFacts, ...]]:
    """Prescribed against done, with the loads that were entered."""
    loads = {one.id: one.loads_kg for one in sessions}
    current = [one.current_analysis_id for one in sessions if one.current_analysis_id is not None]
    chosen = select(AnalysisRow.session_id, AnalysisRow.summary).where(AnalysisRow.id.in_(current))
    found = {}
    for session_id, summary in db.execute(chosen):
        lifted = _loads(summary) | loads.get(session_id, {})
        rows = (summary.get("prescription") or {}).get("rows") or ()
        found[session_id] = tuple(
            RowFacts(exercise=row["exercise"], met=row["met"], load_kg=lifted.get(row["exercise"])) for row in rows
        )
    return found


def _loads(summary: Mapping[str, Any]) -> dict[str, float]:
    loads: dict[str, float] = {}
    for one in (summary.get("lifts") or {}).get("sets") or ():
        if one.get("load_kg") is not None:
            loads[one["exercise"]] = max(one["load_kg"], loads.get(one["exercise"], 0.0))
    return loads


def _placements(db: Reading, session_ids: Sequence[int]) -> dict[int, str]:
    """Placements of a session's sensors: trends compare like with like."""
    chosen = (
        select(SessionRecording.session_id, RecordingRow.placement)
        .join(RecordingRow, RecordingRow.sha256 == SessionRecording.sha256)
        .where(SessionRecording.session_id.in_(session_ids))
        .order_by(SessionRecording.session_id, RecordingRow.placement)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for session_id, placement in db.execute(chosen):
        found[session_id].append(placement)
    return {session_id: "+".join(placements) for session_id, placements in found.items()}


def _groups(db: Reading) -> dict[int, GroupFacts]:
    return {
        one.id: GroupFacts(id=one.id, name=one.name, weekdays=tuple(one.weekdays), tz=one.tz)
        for one in db.scalars(select(Group).order_by(Group.name))
    }


def group_facts(db: Reading) -> tuple[GroupFacts, ...]:
    """Every group, by name."""
    return tuple(_groups(db).values())


def _asked(db: Reading, person_ids: Sequence[str] | None) -> dict[str, tuple[AskedFrom, ...]]:
    chosen = select(PrescriptionRow, User.login).outerjoin(User, User.id == PrescriptionRow.by_user)
    if person_ids is not None:
        chosen = chosen.where(PrescriptionRow.person_id.in_(person_ids))
    plans: dict[str, Plan] = {}
    found: dict[str, list[AskedFrom]] = defaultdict(list)
    for row, login in db.execute(chosen.order_by(PrescriptionRow.from_day, PrescriptionRow.id)):
        if row.plan not in plans:
            plans[row.plan] = prescribing.plan_named(db, row.plan)
        found[row.person_id].append(asked_from(row, plans[row.plan], **_told(row, login or "")))
    return {person: tuple(rows) for person, rows in found.items()}


def asked_from(asked: PrescriptionRow | Asked, plan: Plan, **told: Any) -> AskedFrom:
    """What is asked, with its plan and stage; `told` says who decided, when and why."""
    stage = next((one for one in plan.stages if one.name == asked.stage), plan.full)
    return AskedFrom(
        from_day=asked.from_day,
        plan=plan,
        stage=stage,
        sessions_per_week=asked.sessions_per_week or plan.sessions_per_week,
        landings=stage.landings if asked.target_landings is None else asked.target_landings,
        min_net_g=stage.min_net_g if asked.min_net_g is None else asked.min_net_g,
        ceiling_net_g=stage.ceiling_net_g if asked.ceiling_net_g is None else asked.ceiling_net_g,
        drop_height_cm=asked.drop_height_cm,
        loads_kg=dict(asked.loads_kg),
        **told,
    )


def _told(row: PrescriptionRow, login: str) -> dict[str, Any]:
    about = (row.suggestion or {}).get("exercise", "")
    return {"decision": row.decision, "reason": row.reason, "by": login, "at": row.at, "about": about}


def _flags(
    db: Reading, person_ids: Sequence[str] | None, *, only_open: bool = False
) -> dict[str, tuple[FlagFacts, ...]]:
    chosen = _standing_flags()
    if person_ids is not None:
        chosen = chosen.where(FlagRow.person_id.in_(person_ids))
    if only_open:
        chosen = chosen.where(
            FlagRow.cleared_on.is_(None), FlagRow.acknowledged_at.is_(None) | (FlagRow.severity == "red")
        )
    found: dict[str, list[FlagFacts]] = defaultdict(list)
    for row, login in db.execute(chosen.order_by(FlagRow.raised_at, FlagRow.id)):
        found[row.person_id].append(_flag_facts(row, login or ""))
    return {person: tuple(flags) for person, flags in found.items()}


def _standing_flags() -> Any:
    """Flags that no later analysis has withdrawn, with who acknowledged them."""
    chosen = select(FlagRow, User.login).outerjoin(User, User.id == FlagRow.acknowledged_by)
    return chosen.where(FlagRow.withdrawn_at.is_(None))


def _flags_of_sessions(db: Reading, session_ids: Iterable[int]) -> dict[int, list[FlagFacts]]:
    chosen = _standing_flags()
    found: dict[int, list[FlagFacts]] = defaultdict(list)
    for row, login in db.execute(chosen.where(FlagRow.session_id.in_(list(session_ids))).order_by(FlagRow.id)):
        if row.session_id is not None:
            found[row.session_id].append(_flag_facts(row, login or ""))
    return found


def _flag_facts(row: FlagRow, login: str) -> FlagFacts:
    return FlagFacts(
        id=row.id,
        version=row.version,
        session_id=row.session_id,
        rule=row.rule,
        severity=row.severity,
        sentence=row.sentence,
        source=row.source,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=login,
        acknowledged_note=row.acknowledged_note,
        cleared_by=row.cleared_by,
        cleared_on=row.cleared_on,
    )


def _one_rms(db: Reading, person_id: str) -> tuple[OneRepMax, ...]:
    chosen = select(OneRepMaxRow).where(OneRepMaxRow.person_id == person_id).order_by(OneRepMaxRow.measured_on)
    return tuple(
        OneRepMax(exercise=one.exercise, kg=one.kg, measured_on=one.measured_on, method=one.method)
        for one in db.scalars(chosen)
    )


def _dxa(db: Reading, person_id: str) -> tuple[DxaFacts, ...]:
    names = [one.name for one in fields(DxaFacts)]
    chosen = select(DxaRow).where(DxaRow.person_id == person_id).order_by(DxaRow.measured_on)
    return tuple(DxaFacts(**{name: getattr(one, name) for name in names}) for one in db.scalars(chosen))


def _markers(db: Reading, person_id: str) -> tuple[Marker, ...]:
    chosen = select(ContextNote).where(ContextNote.person_id == person_id).order_by(ContextNote.day)
    return tuple(Marker(day=one.day, words=one.words) for one in db.scalars(chosen))
