"""From what was detected to a stored analysis: corrected, judged as she was known on the day, and kept as a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Final, Protocol, cast
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from loadsense import __version__, evidence, frames, protocol, together
from loadsense.events import Landing, LiftSet
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.placement import CAPABILITIES
from loadsense.prescriptions import PlanStage
from loadsense.protocol.corrections import Corrected, Correction, corrected
from loadsense.protocol.dose import dose
from loadsense.render.page import session_page
from loadsense.results import RecordingResult, SessionReport, VerdictStatus
from loadsense.session import judging
from loadsense.store.across import renew_across
from loadsense.store.flags import renew_flags
from loadsense.store.knowing import Known
from loadsense.store.opening import Writing
from loadsense.store.packing import pack_result, plain, unpack_result
from loadsense.store.tables import (
    AnalysisRow,
    CorrectionRow,
    DetectionRow,
    EventRow,
    SessionRecording,
    SessionRow,
)
from loadsense.summary import Judging, landing_sensor, summarise

#: Safety rules that a session itself can fire; `protocol.across` has those that several fire together.
SESSION_RULES: Final = ("fall-like-event", "above-ceiling", "above-target")
_SAID: Final = {"exercise", "load_kg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a session is judged by, where it is not what her day and her prescription say; None leaves it so."""

    profile: str | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzed:
    """A session as judged, and all that is stored of it beside the report.

    Attributes
    ----------
    report : SessionReport
    judged_by : Judging
    unmatched : tuple of int
        Corrections that found no event.
    corrections_sha256 : str
        Of those that were applied; empty without any.
    """

    report: SessionReport
    judged_by: Judging
    unmatched: tuple[int, ...]
    corrections_sha256: str


# -- judging


def analyzed(db: Session, session: SessionRow, choice: Choice, *, landings: Landings | None = None) -> Analyzed:
    """Judge a session from what was detected in it.

    Parameters
    ----------
    db : Session
    session : SessionRow
    choice : Choice
    landings : callable, optional
        Measures a landing that the coach added, on the samples; without it such a landing finds no event.
    """
    results = detected(db, session.id)
    said = said_of(db, session.id)
    now = corrected(results, corrections_of(said, results, landings))
    return judged(Known(db, [session.person_id]), session, (results, now, said), choice)


def judged(
    known: Known,
    session: SessionRow,
    found: tuple[Sequence[RecordingResult], Corrected, Sequence[CorrectionRow]],
    choice: Choice,
) -> Analyzed:
    """Judge what was detected and corrected."""
    results, now, said = found
    by = judging_of(known, session, choice)
    notes = (*together.clock_notes(now.results), *(_unmatched_note(one, results) for one in now.unmatched))
    return Analyzed(
        report=summarise(now.results, by, notes=notes),
        judged_by=by,
        unmatched=tuple(one.id for one in now.unmatched),
        corrections_sha256=_hash_of_said(said),
    )


def judging_of(known: Known, session: SessionRow, choice: Choice) -> Judging:
    """Everything a session is judged by: as she was known on its day."""
    person = known.person(session.person_id, session.day)
    name = choice.plan or person.plan
    if choice.plan and choice.plan != person.plan:
        person = replace(person, stage=None)
    by = judging(
        plan=known.plan(name) if name else None,
        person=person,
        profile=choice.profile,
        loads_kg=session.loads_kg,
    )
    return replace(by, block_confirmed=session.block_confirmed, on=session.day)


def detected(db: Session, session_id: int) -> tuple[RecordingResult, ...]:
    """What the engine found in each recording of a session, before corrections, by name of the sensor."""
    chosen = (
        select(DetectionRow.packed)
        .join(SessionRecording, SessionRecording.sha256 == DetectionRow.sha256)
        .where(SessionRecording.session_id == session_id)
        .order_by(SessionRecording.sensor)
    )
    return tuple(unpack_result(packed) for packed in db.scalars(chosen))


def said_of(db: Session, session_id: int) -> tuple[CorrectionRow, ...]:
    """Corrections of a session that were not undone, in the order in which they were said."""
    chosen = select(CorrectionRow).where(CorrectionRow.session_id == session_id, CorrectionRow.undone_at.is_(None))
    return tuple(db.scalars(chosen.order_by(CorrectionRow.id)))


class Landings(Protocol):
    """Measures landings on the samples; the edge of what is otherwise pure."""

    def measured(self, result: RecordingResult, sample: int, event_id: str) -> Landing | None:
        """The landing at a sample, or None where its samples were not kept."""


def corrections_of(
    said: Sequence[CorrectionRow], results: Sequence[RecordingResult], landings: Landings | None
) -> list[Correction]:
    """What was said, as it is applied: missed landings measured on the samples."""
    return [_correction(row, results, landings) for row in said]


def _correction(row: CorrectionRow, results: Sequence[RecordingResult], landings: Landings | None) -> Correction:
    landing = None
    if row.kind == "landing" and landings is not None:
        result = next((one for one in results if one.sensor == row.sensor), None)
        landing = landings.measured(result, row.at_sample, f"C{row.id:04d}") if result else None
    said = {name: row.value.get(name) for name in _SAID}
    return Correction(
        id=row.id,
        sensor=row.sensor,
        at_sample=row.at_sample,
        kind=row.kind,  # type: ignore[arg-type]  # checked when it was said
        landing=landing,
        **said,
    )


def _unmatched_note(one: Correction, results: Sequence[RecordingResult]) -> str:
    result = next((result for result in results if result.sensor == one.sensor), None)
    when = "" if result is None else f" at {frames.seconds_at(result, one.at_sample):.1f} s"
    return f"correction {one.id} ({one.kind}{when}, {one.sensor}) found no event and changed nothing: look at it again"


def _hash_of_said(said: Sequence[CorrectionRow]) -> str:
    if not said:
        return ""
    words = [[row.id, row.sensor, row.at_sample, row.kind, row.value] for row in said]
    return _sha256(json.dumps(words, sort_keys=True))


# -- keeping


def detection_values(sha256: str, result: RecordingResult) -> dict[str, Any]:
    """What was detected, as the values of a `DetectionRow`."""
    return {
        "sha256": sha256,
        "software_version": __version__,
        "criteria_sha256": engine_sha256(),
        "packed": pack_result(result),
    }


def keep(tx: Writing, session: SessionRow, now: Analyzed, *, because: str) -> AnalysisRow:
    """Store an analysis as the current version of its session, with its events and flags."""
    return keep_all(tx, [(session, now)], Known(tx.db, [session.person_id]), because=because)[0]


def keep_all(
    tx: Writing, analyzed: Sequence[tuple[SessionRow, Analyzed]], known: Known, *, because: str
) -> tuple[AnalysisRow, ...]:
    """Store analyses as the current versions of their sessions, with events and flags; flags of later sessions too."""
    pages = [page_of(now.report) for _, now in analyzed]
    about = {"made_at": tx.at, "by_user": tx.by_user, "because": because}
    rows = tuple(
        AnalysisRow(session_id=session.id, **about, **_facts(now, page), **_facts_for_several(now))
        for (session, now), page in zip(analyzed, pages, strict=True)
    )
    tx.db.add_all(rows)
    tx.db.flush()
    events = []
    for row, (session, now), page in zip(rows, analyzed, pages, strict=True):
        events += [{**one, "analysis_id": row.id} for one in event_rows(now.report, page)]
        session.current_analysis_id = row.id
    if events:
        tx.db.execute(insert(EventRow), events)
    raised = {(session.person_id, session.id): now.report.prescription.flags for session, now in analyzed}
    renew_flags(tx, raised, rules=SESSION_RULES)
    renew_across(tx, known, [session for session, _ in analyzed])
    return rows


def page_of(report: SessionReport) -> dict[str, Any]:
    """The words and numbers of the session's page, without the report itself and the outlines of its traces."""
    page = session_page(replace(report, recordings=tuple(_without_outline(one) for one in report.recordings)))
    whole = replace(page, traces=tuple(replace(one, outline="") for one in page.traces))
    return {one.name: plain(getattr(whole, one.name)) for one in fields(whole) if one.name != "report"}


def _without_outline(recording: RecordingResult) -> RecordingResult:
    """The recording with an outline of one bucket: the page asks how high it is, and drawing all of it takes long."""
    seen = recording.envelope
    if seen is None:
        return recording
    low = min(_known(set(seen.low_g)), default=None)
    high = max(_known(set(seen.high_g)), default=None)
    return replace(recording, envelope=replace(seen, low_g=(low,), high_g=(high,)))


def _known(values: set[float | None]) -> set[float]:
    values.discard(None)
    return cast(set[float], values)


def _facts(now: Analyzed, page: dict[str, Any]) -> dict[str, Any]:
    report, by = now.report, now.judged_by
    given = dose(report, stage=stage_of(by))
    return {
        "software_version": __version__,
        "criteria_sha256": judging_sha256(by),
        "profile": report.verdict.profile,
        "plan": report.prescription.plan,
        "stage": report.prescription.stage,
        "status": report.verdict.status.value,
        "judged": report.verdict.judged,
        "cannot_say": given.cannot_say,
        "landings_in_band": given.landings_in_band,
        "landings_at_least": given.landings_at_least,
        "lift_sets_met": given.lift_sets_met,
        "lift_sets_at_least": given.lift_sets_at_least,
        "median_peak_net_g": _median_peak_net_g(report),
        "unmatched": list(now.unmatched),
        "corrections_sha256": now.corrections_sha256,
        "summary": report.to_dict(),
        "page": page,
    }


def _facts_for_several(now: Analyzed) -> dict[str, Any]:
    """What the rules that look at several sessions need of one; None where it is not certain."""
    report, by = now.report, now.judged_by
    seen = landing_sensor(report.recordings)
    count = report.landing_summary.count if CAPABILITIES[seen.info.placement].grades_landings else None
    certain = report.verdict.status is not VerdictStatus.CANNOT_SAY and not report.verdict.at_least
    sets = [one for recording in report.recordings for one in recording.sets]
    sees_lifts = any(CAPABILITIES[one.info.placement].sees_lifts for one in report.recordings)
    unseen = count is None and not sees_lifts
    target = protocol.landing_target(plan=by.plan, person=by.person, profile=by.profile, rules=by.rules, on=by.on)
    return {
        "is_high": bool(count or sets or report.called_done or unseen)
        and not any(one.days for one in report.recordings),
        "landings_seen": count if certain else None,
        "landings_asked": target.landings if target.basis == "prescribed" else None,
        "lifted_kg": _lifted_kg(sets, by.loads_kg),
        "lasts_s": max(one.offset_s + one.n_grid_samples / one.info.sampling_rate_hz for one in report.recordings),
    }


def _lifted_kg(sets: Sequence[LiftSet], declared: Mapping[str, float]) -> dict[str, float]:
    """Heaviest load of each exercise: of its sets, or as it was entered."""
    heaviest = dict(declared)
    for one in sets:
        if one.load_kg is not None:
            heaviest[one.exercise] = max(one.load_kg, heaviest.get(one.exercise, 0.0))
    return heaviest


def stage_of(by: Judging) -> PlanStage | None:
    """The stage that a session is judged by; None without a plan."""
    return protocol.chosen_stage(by.plan, by.person) if by.plan else None


def _median_peak_net_g(report: SessionReport) -> float | None:
    grades = CAPABILITIES[landing_sensor(report.recordings).info.placement].grades_landings
    peaks = report.landing_summary.peak_net_g
    return peaks.median if grades and peaks else None


def event_rows(report: SessionReport, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every landing, set, repetition and excluded candidate, as values of `EventRow`."""
    grades = _grades(page)
    placed = {one.sensor: one for one in report.recordings}
    for row in frames.landing_rows(report):
        event_id, sensor = str(row["event_id"]), str(row["sensor"])
        yield _event(
            row,
            placed[sensor],
            {
                "event_id": event_id,
                "kind": "landing",
                "start": "landing_s",
                "grade": grades.get((sensor, event_id), ""),
            },
        )
    for row in frames.set_rows(report):
        yield _event(row, placed[str(row["sensor"])], {"event_id": str(row["set_id"]), "kind": "set"})
    counts: dict[tuple[str, str], int] = {}
    for row in frames.repetition_rows(report):
        key = (str(row["sensor"]), str(row["set_id"]))
        counts[key] = counts.get(key, 0) + 1
        yield _event(row, placed[key[0]], {"event_id": f"{key[1]}-r{counts[key]}", "kind": "repetition"})
    for number, row in enumerate(frames.excluded_rows(report), 1):
        about = {"event_id": f"X{number:04d}", "kind": "excluded", "start": "peak_s"}
        yield _event(row, placed[str(row["sensor"])], about)


def _grades(page: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["sensor"], one["event_id"]): one["grade"] or "" for one in page["events"]}


def _event(row: frames.Row, recording: RecordingResult, about: dict[str, str]) -> dict[str, Any]:
    peak_s = row.get("peak_s")
    at_s = None if peak_s is None else float(peak_s) - recording.offset_s
    return {
        "event_id": about["event_id"],
        "kind": about["kind"],
        "sensor": recording.sensor,
        "start_s": row[about.get("start", "start_s")],
        "peak_s": peak_s,
        "end_s": row.get("end_s"),
        "peak_sample": None if at_s is None else round(at_s * recording.info.sampling_rate_hz),
        "peak_net_g": row.get("peak_net_g"),
        "loading_rate_g_per_s": row.get("loading_rate_g_per_s"),
        "grade": about.get("grade", ""),
        "exercise": row.get("exercise"),
        "facts": row,
    }


# -- what it was made with


@cache
def engine_sha256() -> str:
    """Of everything the detectors are told."""
    return _sha256(f"{__version__} {engine_criteria()!r}")


def judging_sha256(by: Judging) -> str:
    """Of everything a session is judged by, the person aside."""
    return _sha256(f"{engine_sha256()} {by.profile!r} {by.plan!r} {_conventions()}")


@cache
def _conventions() -> str:
    return repr((evidence.grading(), sorted(evidence.rules().items()), evidence.index_criteria()))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def local_day(results: Sequence[RecordingResult]) -> date | None:
    """Local day on which a session began, in the zone that each recording names; None where none has a clock."""
    starts = [_local(one.info.start, one.info.tz) for one in results if one.info.start is not None]
    return min(starts).date() if starts else None


def _local(start: datetime, tz: str | None) -> datetime:
    """A clock may run in UTC and still say where it is."""
    return start if tz is None or start.tzinfo is None else start.astimezone(ZoneInfo(tz))
