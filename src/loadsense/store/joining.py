"""A second sensor's file for a session that is there: as if both had been brought together; corrections are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import together
from loadsense.errors import Conflict, OptionError
from loadsense.results import RecordingResult
from loadsense.store.analyzing import detected, local_day
from loadsense.store.changing import found
from loadsense.store.corrections import judge_again
from loadsense.store.files import Progress, SensorFile, Telling, hash_of, measured, tell_nobody
from loadsense.store.importing import Imported, known_session, sentence_of
from loadsense.store.keeping import Part, first_instant, keep_parts, move
from loadsense.store.opening import Store, Writing
from loadsense.store.packing import pack_result, unpack_result
from loadsense.store.sweeping import incoming
from loadsense.store.tables import DetectionRow, SessionRecording, SessionRow


def add_file(
    store: Store, session_id: int, file: SensorFile, *, progress: Progress = tell_nobody, by_user: int | None = None
) -> Imported:
    """Take the file of another sensor into a session; it is judged anew at once.

    Parameters
    ----------
    store : Store
    session_id : int
    file : SensorFile
        Its clock says where in the session it lies, or `offset_s` from the start of the session as it is.
    progress : callable, optional
        As in `importing.ImportOptions`.
    by_user : int, optional

    Returns
    -------
    Imported
        A file that is in the session already changes nothing.

    Raises
    ------
    UserError
        No such session, the file cannot be read, is somebody else's or in another session, is of a placement or name
        that the session has already, or shares no second with it.
    Conflict
        Somebody else added a file in the meantime.
    """
    sha256 = hash_of(file.path)
    with store.reading() as db:
        session = found(db, SessionRow, session_id, "session")
        known = known_session(db, session.person_id, [sha256])
        here = detected(db, session_id)
    if known is not None:
        return _in(known, session_id)
    _check_name(file, here)
    with incoming(store.folder) as own:
        facts = {"body_mass_kg": here[0].info.body_mass_kg, "activity": here[0].info.activity}
        offsets_s = _offsets_s(here, file)
        told = Telling(facts=facts, tz=session.tz, beside=here, offsets_s=offsets_s, progress=progress)
        parts = measured(own, [file], [sha256], told)
        with store.writing(by_user) as tx:
            return _joined(store, tx, session_id, parts)


def _in(known: Imported, session_id: int) -> Imported:
    if known.session_id != session_id:
        raise OptionError(
            f"the file is in session {known.session_id} already; expected one that is in none: open that session"
        )
    return known


def _check_name(file: SensorFile, here: Sequence[RecordingResult]) -> None:
    name = file.sensor or file.placement
    if name in {one.sensor for one in here}:
        raise OptionError(
            f"the session has a sensor '{name}' already; expected another one: say where this sensor was worn"
        )


def _offsets_s(here: Sequence[RecordingResult], file: SensorFile) -> Mapping[str, float]:
    """Where the sensors of the session stay: where their clocks say, or where somebody put them."""
    stay = {one.sensor: one.offset_s for one in here}
    if file.offset_s is not None:
        return stay
    infos = {one.sensor: one.info for one in here}
    clocks = all(one.info.start is not None for one in here)
    if not clocks or together.offsets_s(infos, {}) != stay:
        raise OptionError(
            "the sensors of this session were placed by hand; expected the seconds from its start to the first sample "
            "of this file: give its offset"
        )
    return {}


def _joined(store: Store, tx: Writing, session_id: int, parts: Sequence[Part]) -> Imported:
    [new, *others] = parts
    session = found(tx.db, SessionRow, session_id, "session")
    known = known_session(tx.db, session.person_id, [new.sha256])
    if known is not None:
        return _in(known, session_id)
    before = detected(tx.db, session_id)
    if {one.sensor for one in before} != {part.result.sensor for part in others}:
        raise Conflict(f"somebody else added a file to session {session_id}; nothing was changed: add this one again")
    day = local_day(before)
    keep_parts(tx, [(session, new)])
    _place(tx.db, session_id, {part.result.sensor: part.result.offset_s for part in others})
    results = [part.result for part in parts]
    session.start = first_instant(results)
    session.day = (local_day(results) or session.day) if session.day == day else session.day
    session.version += 1
    move(store, new)
    tx.audit("file added", f"session {session_id}", person_id=session.person_id, version=session.version)
    analysis = judge_again(store, tx, session, because="file added")
    return Imported(session_id=session_id, is_new=True, sentence=sentence_of(session, analysis))


def _place(db: Session, session_id: int, offsets_s: Mapping[str, float]) -> None:
    """Move what was there on the time axis of the session, which may begin earlier now."""
    chosen = (
        select(SessionRecording, DetectionRow)
        .join(DetectionRow, DetectionRow.sha256 == SessionRecording.sha256)
        .where(SessionRecording.session_id == session_id, SessionRecording.sensor.in_(list(offsets_s)))
    )
    for row, detection in db.execute(chosen):
        if row.offset_s != offsets_s[row.sensor]:
            row.offset_s = offsets_s[row.sensor]
            detection.packed = pack_result(replace(unpack_result(detection.packed), offset_s=row.offset_s))
