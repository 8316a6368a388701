"""Judge sessions anew: first which verdicts would change, then, when somebody says so, as new versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from loadsense import __version__, evidence
from loadsense.errors import OptionError
from loadsense.protocol.corrections import corrected
from loadsense.protocol.dose import Dose, dose
from loadsense.readers import read
from loadsense.results import RecordingResult
from loadsense.session import Session as Measured
from loadsense.store.analyzing import (
    Analyzed,
    Choice,
    corrections_of,
    detected,
    engine_sha256,
    judged,
    keep,
    said_of,
    stage_of,
)
from loadsense.store.importing import PROFILE_SETTING
from loadsense.store.knowing import Known
from loadsense.store.measuring import StoredLandings
from loadsense.store.opening import Store
from loadsense.store.packing import pack_result
from loadsense.store.prescribing import plan_named
from loadsense.store.tables import AnalysisRow, DetectionRow, RecordingRow, SessionRecording, SessionRow, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different this time; nothing of it: the same by today's facts.

    Attributes
    ----------
    profile : str or None
        Another profile of evidence levels; applied to all sessions, it becomes that of new ones too.
    plan : str or None
        Every session against this plan, for looking only: a plan is changed by prescribing it.
    engine : bool
        Detect again from the samples, where they were detected by another version or other criteria.
    """

    profile: str | None = None
    plan: str | None = None
    engine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """One session whose verdict or dose comes out otherwise."""

    session_id: int
    person_id: str
    day: date
    before: str
    before_judged: str
    before_dose: Dose
    after: str
    after_judged: str
    after_dose: Dose

    @property
    def verdict_changes(self) -> bool:
        """Whether the word itself changes."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Reanalysis:
    """What judging anew comes to.

    Attributes
    ----------
    n_sessions : int
        That were looked at.
    changes : tuple of VerdictChange
        Whose verdict, sentence or dose is different.
    without_samples : tuple of int
        Sessions that were to be detected again and whose samples were not kept: they were judged from what was
        detected then.
    failed : tuple of (int, str)
        Sessions that cannot be judged so, and why; they stay as they are.
    applied : bool
        Whether new versions were stored.
    """

    n_sessions: int
    changes: tuple[VerdictChange, ...]
    without_samples: tuple[int, ...]
    failed: tuple[tuple[int, str], ...]
    applied: bool


def reanalyze(
    store: Store,
    change: Change,
    *,
    session_ids: Sequence[int] | None = None,
    dry_run: bool = True,
    by_user: int | None = None,
) -> Reanalysis:
    """Judge sessions anew.

    Parameters
    ----------
    store : Store
    change : Change
    session_ids : sequence of int, optional
        All for None.
    dry_run : bool
        Only look; else store a new version of each session.
    by_user : int, optional

    Raises
    ------
    OptionError
        An unknown profile or plan, or a plan that would be applied.
    """
    evidence.profile(change.profile)
    if change.plan is not None and not dry_run:
        raise OptionError("a plan is not applied by judging anew; prescribe it to her from a day on")
    with store.reading() as db:
        if change.plan is not None:
            plan_named(db, change.plan)
        ids = _chosen(db, session_ids)
    work = _Work(store, change, by_user)
    found = [work.done(session_id, dry_run) for session_id in ids]
    if not dry_run and change.profile is not None and session_ids is None:
        _set_profile(store, change.profile, by_user)
    return Reanalysis(
        n_sessions=len(ids),
        changes=tuple(one for one in found if one is not None),
        without_samples=tuple(work.without_samples),
        failed=tuple(work.failed),
        applied=not dry_run,
    )


def _chosen(db: Session, session_ids: Sequence[int] | None) -> list[int]:
    chosen = select(SessionRow.id).order_by(SessionRow.day, SessionRow.id)
    return list(db.scalars(chosen if session_ids is None else chosen.where(SessionRow.id.in_(list(session_ids)))))


def _set_profile(store: Store, name: str, by_user: int | None) -> None:
    with store.writing(by_user) as tx:
        row = tx.db.get(Setting, PROFILE_SETTING)
        if row is None:
            tx.db.add(Setting(key=PROFILE_SETTING, value={"name": name}, version=1))
        else:
            row.value, row.version = {"name": name}, row.version + 1
        tx.audit("changed", f"setting {PROFILE_SETTING}", version=1 if row is None else row.version, profile=name)


class _Work:
    """One pass over sessions, each in a transaction of its own."""

    def __init__(self, store: Store, change: Change, by_user: int | None) -> None:
        self._store = store
        self._change = change
        self._by_user = by_user
        self.without_samples: list[int] = []
        self.failed: list[tuple[int, str]] = []

    def done(self, session_id: int, dry_run: bool) -> VerdictChange | None:
        """Look at one session, or store its new version; None where nothing is different."""
        results = self._detected_again(session_id) if self._change.engine else None
        try:
            if dry_run:
                with self._store.reading() as db:
                    return self._looked_at(db, session_id, results)
            return self._stored(session_id, results)
        except OptionError as error:  # her stage is not one of the plan: told, and left as it is
            self.failed.append((session_id, str(error)))
            return None

    def _looked_at(
        self, db: Session, session_id: int, results: tuple[RecordingResult, ...] | None
    ) -> VerdictChange | None:
        session = db.get(SessionRow, session_id)
        if session is None:  # erased since the list was made
            return None
        return _difference(session, _current(db, session), self._analyzed(db, session, results))

    def _stored(self, session_id: int, results: tuple[RecordingResult, ...] | None) -> VerdictChange | None:
        with self._store.writing(self._by_user) as tx:
            session = tx.db.get(SessionRow, session_id)
            if session is None:
                return None
            before = _current(tx.db, session)
            now = self._analyzed(tx.db, session, results)
            if results is not None:
                _replace_detections(tx.db, session_id, results)
            keep(tx, session, now, because="re-analysis")
            tx.audit("re-analyzed", f"session {session_id}", person_id=session.person_id)
            return _difference(session, before, now)

    def _analyzed(self, db: Session, session: SessionRow, results: tuple[RecordingResult, ...] | None) -> Analyzed:
        before = _current(db, session)
        choice = Choice(profile=self._change.profile or (before.profile if before else None), plan=self._change.plan)
        found = results or detected(db, session.id)
        said = said_of(db, session.id)
        landings = StoredLandings(db, self._store.folder, session.id)
        now = corrected(found, corrections_of(said, found, landings))
        return judged(Known(db, [session.person_id]), session, (found, now, said), choice)

    def _detected_again(self, session_id: int) -> tuple[RecordingResult, ...] | None:
        """What the engine of today finds; None where that is known already, or the samples are not."""
        with self._store.reading() as db:
            chosen = (
                select(SessionRecording, RecordingRow.path, DetectionRow.criteria_sha256)
                .join(RecordingRow, RecordingRow.sha256 == SessionRecording.sha256)
                .join(DetectionRow, DetectionRow.sha256 == SessionRecording.sha256)
                .where(SessionRecording.session_id == session_id)
                .order_by(SessionRecording.sensor)
            )
            rows = db.execute(chosen).all()
        if not rows or all(made_with == engine_sha256() for _, _, made_with in rows):
            return None
        if any(path is None for _, path, _ in rows):
            self.without_samples.append(session_id)
            return None
        recordings = {row.sensor: read(self._store.folder / str(path)) for row, path, _ in rows}
        measured = Measured(recordings, offsets_s={row.sensor: row.offset_s for row, _, _ in rows})
        return measured.placed(measured.detected())


def _replace_detections(db: Session, session_id: int, results: Sequence[RecordingResult]) -> None:
    by_sensor = {result.sensor: result for result in results}
    chosen = (
        select(SessionRecording.sensor, DetectionRow)
        .join(DetectionRow, DetectionRow.sha256 == SessionRecording.sha256)
        .where(SessionRecording.session_id == session_id)
    )
    for sensor, row in db.execute(chosen):
        row.packed = pack_result(by_sensor[sensor])
        row.software_version, row.criteria_sha256 = __version__, engine_sha256()


def _current(db: Session, session: SessionRow) -> AnalysisRow | None:
    """The current analysis without its documents, which are large."""
    chosen = select(AnalysisRow).where(AnalysisRow.id == session.current_analysis_id)
    return db.scalars(chosen.options(defer(AnalysisRow.summary), defer(AnalysisRow.page))).first()


def _difference(session: SessionRow, before: AnalysisRow | None, now: Analyzed) -> VerdictChange | None:
    verdict = now.report.verdict
    after_dose = dose(now.report, stage=stage_of(now.judged_by))
    before_dose = _dose_of(before)
    same = before is not None and (before.status, before.judged) == (verdict.status.value, verdict.judged)
    if same and before_dose == after_dose:
        return None
    return VerdictChange(
        session_id=session.id,
        person_id=session.person_id,
        day=session.day,
        before=before.status if before else "",
        before_judged=before.judged if before else "not analyzed yet",
        before_dose=before_dose,
        after=verdict.status.value,
        after_judged=verdict.judged,
        after_dose=after_dose,
    )


def _dose_of(row: AnalysisRow | None) -> Dose:
    return Dose(
        landings_in_band=row.landings_in_band if row else None,
        landings_at_least=row.landings_at_least if row else False,
        lift_sets_met=row.lift_sets_met if row else None,
        lift_sets_at_least=row.lift_sets_at_least if row else False,
        cannot_say=row.cannot_say if row else "",
    )


def stale_sessions(db: Session) -> Iterator[int]:
    """Sessions that were detected by another version or other criteria than those of today."""
    chosen = (
        select(SessionRecording.session_id)
        .join(DetectionRow, DetectionRow.sha256 == SessionRecording.sha256)
        .where(DetectionRow.criteria_sha256 != engine_sha256())
        .distinct()
    )
    return iter(db.scalars(chosen.order_by(SessionRecording.session_id)).all())
