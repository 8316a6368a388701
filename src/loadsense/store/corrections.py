"""The coach's corrections: said with a reason, applied at once, undone by another word, and never lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from sqlalchemy import select

from loadsense.errors import OptionError, unknown_name
from loadsense.protocol.corrections import KINDS
from loadsense.store.analyzing import Choice, analyzed, keep
from loadsense.store.changing import change, found
from loadsense.store.importing import RPE_SCALES
from loadsense.store.measuring import StoredLandings
from loadsense.store.opening import Store, Writing
from loadsense.store.tables import AnalysisRow, CorrectionRow, SessionRecording, SessionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the detector got wrong, in the coach's words.

    Attributes
    ----------
    sensor : str
        Name of the sensor in the session.
    at_sample : int
        Sample of that sensor's recording: the peak of a landing, or any sample of a set.
    kind : {"not a landing", "landing", "not a set", "exercise", "load"}
        A "landing" is one that was missed.
    reason : str
        Why.
    exercise : str or None
        What a set was ("exercise").
    load_kg : float or None
        What was lifted in it ("load").
    """

    sensor: str
    at_sample: int
    kind: str
    reason: str
    exercise: str | None = None
    load_kg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What a correction led to.

    Attributes
    ----------
    correction_id, analysis_id : int
    status, judged : str
        The verdict now.
    unmatched : tuple of int
        Corrections of the session that find no event any more.
    """

    correction_id: int
    analysis_id: int
    status: str
    judged: str
    unmatched: tuple[int, ...]


class SessionChanges(TypedDict, total=False):
    """What may be changed of a session."""

    loads_kg: Mapping[str, float]
    block_confirmed: bool
    rpe: float | None
    rpe_scale: str | None
    note: str


def add(store: Store, session_id: int, correction: Correction, *, by_user: int | None = None) -> Corrected:
    """Correct a session; it is judged anew at once.

    Raises
    ------
    OptionError
        No such session or sensor, an unknown kind, no reason, nothing at that sample, or a landing that cannot be
        measured because its samples were not kept.
    """
    _check(correction)
    with store.writing(by_user) as tx:
        session = found(tx.db, SessionRow, session_id, "session")
        _check_sensor(tx, session_id, correction.sensor)
        row = CorrectionRow(
            session_id=session_id,
            sensor=correction.sensor,
            at_sample=correction.at_sample,
            kind=correction.kind,
            value=_value(correction),
            reason=correction.reason.strip(),
            at=tx.at,
            by_user=by_user,
        )
        tx.add(row)
        tx.audit("corrected", f"session {session_id}", person_id=session.person_id, correction=row.id, kind=row.kind)
        analysis = judge_again(store, tx, session, because="correction")
        if row.id in analysis.unmatched:
            raise OptionError(_nothing_there(correction))
        return _corrected(row.id, analysis)


def undo(store: Store, correction_id: int, *, by_user: int | None = None) -> Corrected:
    """Take a correction back; the session is judged anew at once.

    Raises
    ------
    OptionError
        No such correction, or it has been taken back already.
    """
    with store.writing(by_user) as tx:
        row = found(tx.db, CorrectionRow, correction_id, "correction")
        if row.undone_at is not None:
            raise OptionError(f"correction {correction_id} was taken back on {row.undone_at:%Y-%m-%d} already")
        session = found(tx.db, SessionRow, row.session_id, "session")
        row.undone_at, row.undone_by = tx.at, by_user
        tx.audit("correction undone", f"session {session.id}", person_id=session.person_id, correction=row.id)
        return _corrected(row.id, judge_again(store, tx, session, because="correction undone"))


def change_session(
    store: Store, session_id: int, *, version: int, by_user: int | None = None, **changes: Unpack[SessionChanges]
) -> SessionRow:
    """Change what was said of a session; it is judged anew where that matters.

    Raises
    ------
    OptionError
        No such session, a load or an RPE that cannot be.
    Conflict
        Somebody else changed it in the meantime.
    """
    with store.writing(by_user) as tx:
        session = found(tx.db, SessionRow, session_id, "session")
        values = dict(changes)
        _check_changes(session, values)
        changed = change(tx, session, version=version, subject=f"session {session_id}", values=values)
        if {"loads_kg", "block_confirmed"} & set(changed):
            judge_again(store, tx, session, because="session changed")
    return session


def judge_again(store: Store, tx: Writing, session: SessionRow, *, because: str) -> AnalysisRow:
    """A new version of a session's analysis, by the profile of the one before."""
    tx.db.flush()
    before = tx.db.get(AnalysisRow, session.current_analysis_id) if session.current_analysis_id else None
    choice = Choice(profile=before.profile if before else None)
    landings = StoredLandings(tx.db, store.folder, session.id)
    return keep(tx, session, analyzed(tx.db, session, choice, landings=landings), because=because)


def _corrected(correction_id: int, analysis: AnalysisRow) -> Corrected:
    return Corrected(
        correction_id=correction_id,
        analysis_id=analysis.id,
        status=analysis.status,
        judged=analysis.judged,
        unmatched=tuple(analysis.unmatched),
    )


def _value(correction: Correction) -> dict[str, Any]:
    value = {"exercise": correction.exercise, "load_kg": correction.load_kg}
    return {name: one for name, one in value.items() if one is not None}


def _check(correction: Correction) -> None:
    if correction.kind not in KINDS:
        raise unknown_name("kind of correction", correction.kind, KINDS)
    if not correction.reason.strip():
        raise OptionError("a correction without a reason; expected why, in a few words: others will read it")
    if correction.kind == "exercise" and not (correction.exercise or "").strip():
        raise OptionError("no exercise is named; expected what the set was, such as back_squat")
    if correction.kind == "load" and not 0 < (correction.load_kg or 0) <= 1000:
        raise OptionError(f"a load of {correction.load_kg} kg; expected more than 0 and up to 1000 kg")


def _check_sensor(tx: Writing, session_id: int, sensor: str) -> None:
    chosen = select(SessionRecording.sensor).where(SessionRecording.session_id == session_id)
    sensors = list(tx.db.scalars(chosen.order_by(SessionRecording.sensor)))
    if sensor not in sensors:
        raise unknown_name("sensor", sensor, sensors)


def _nothing_there(correction: Correction) -> str:
    if correction.kind == "landing":
        return "the missed landing cannot be measured: no samples are there; expected a moment of the recording"
    what = "landing" if correction.kind == "not a landing" else "set"
    return (
        f"there is no {what} within 0.25 s of sample {correction.at_sample} of {correction.sensor}; "
        "nothing was changed: choose the event on the trace"
    )


def _check_changes(session: SessionRow, values: dict[str, Any]) -> None:
    for exercise, load in values.get("loads_kg", {}).items():
        if not 0 < load <= 1000:
            raise OptionError(f"{exercise} at {load:g} kg; expected more than 0 and up to 1000 kg")
    if "loads_kg" in values:
        values["loads_kg"] = dict(values["loads_kg"])
    rpe, scale = values.get("rpe", session.rpe), values.get("rpe_scale", session.rpe_scale)
    low, high = RPE_SCALES.get(scale or "", (1.0, 0.0))
    if rpe is not None and not low <= rpe <= high:
        raise OptionError(f"RPE {rpe:g} on scale '{scale}'; expected borg 6 to 20, or 0-10")
