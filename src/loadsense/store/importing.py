"""Files in: samples kept, session detected, corrected and judged, and all of it stored at once or not at all.

What takes long happens first, in a folder of its own that nobody else looks at: hash, samples, engine. Then one
transaction moves the finished files, judges the session as she is known at that instant, and writes every row. Whoever
is killed before its end leaves a folder that the next opening removes, and no row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from loadsense import evidence, together
from loadsense.errors import OptionError, WorldError
from loadsense.protocol.corrections import Corrected
from loadsense.readers import read
from loadsense.readers.loadsense_format import SUFFIX
from loadsense.results import RecordingResult, SessionReport
from loadsense.samples import Recording
from loadsense.session import Session as Measured
from loadsense.store.analyzing import Choice, detection_values, judged, keep, local_day
from loadsense.store.opening import Store, Writing
from loadsense.store.packing import pack_result
from loadsense.store.people import the_person
from loadsense.store.samples import envelope_path, relative_path, write_samples
from loadsense.store.sweeping import incoming
from loadsense.store.tables import (
    AnalysisRow,
    DetectionRow,
    Group,
    PersonRow,
    RecordingRow,
    SessionRecording,
    SessionRow,
    Setting,
)

#: Key of the profile that sessions without a choice are judged by.
PROFILE_SETTING: Final = "profile"
#: Sessions that are written in one transaction.
_AT_ONCE: Final = 20
RPE_SCALES: Final = {"borg": (6.0, 20.0), "0-10": (0.0, 10.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFile:
    """One file of a session, and what it does not say itself.

    Attributes
    ----------
    path : Path
    placement : str
        Where the sensor was worn.
    sensor : str or None
        Name in the session; the placement for None.
    offset_s : float or None
        Seconds from the start of the session to its first sample; its clock says it for None.
    reading : dict
        More options of `loadsense.read`: unit, range_g, sampling_rate_hz, columns.
    """

    path: Path
    placement: str = "unknown"
    sensor: str | None = None
    offset_s: float | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What is known of a session beside its files.

    Attributes
    ----------
    tz : str or None
        IANA zone; that of her group for None.
    day : date or None
        Local day, for files without a clock.
    activity : str or None
        As in `loadsense.read`.
    profile : str or None
        Levels of the evidence; the one that was set for the installation for None.
    loads_kg : mapping of str to float
        What was lifted, by exercise.
    block_confirmed : bool
        The landings took place with the sensor worn.
    rpe, rpe_scale : float, str or None
        Exertion with its scale, "borg" or "0-10".
    note : str
    """

    tz: str | None = None
    day: date | None = None
    activity: str | None = None
    profile: str | None = None
    loads_kg: Mapping[str, float] = field(default_factory=dict)
    block_confirmed: bool = False
    rpe: float | None = None
    rpe_scale: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the files.

    Attributes
    ----------
    session_id : int
    is_new : bool
        False where the session was there already.
    sentence : str
        What happened, for a person.
    """

    session_id: int
    is_new: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResults:
    """A session that was analyzed elsewhere: live, by a gateway or in a batch."""

    person_id: str
    report: SessionReport
    options: ImportOptions = field(default_factory=ImportOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One recording of a session, ready to be kept; `file` is None where only results came."""

    sha256: str
    result: RecordingResult
    file: Path | None
    file_bytes: int


def import_session(
    store: Store,
    person_id: str,
    files: Sequence[SensorFile],
    *,
    options: ImportOptions | None = None,
    by_user: int | None = None,
) -> Imported:
    """Take in the files of one session.

    Parameters
    ----------
    store : Store
    person_id : str
    files : sequence of SensorFile
        One of each sensor.
    options : ImportOptions, optional
    by_user : int, optional

    Returns
    -------
    Imported
        The same files again give the session that holds them.

    Raises
    ------
    UserError
        A file cannot be read (in the reader's words), belongs to somebody else or to another session, or an option
        cannot be.
    WorldError
        The disk is full, or the database busy.
    """
    chosen = options or ImportOptions()
    _check(files, chosen)
    hashes = [_sha256_of(file.path) for file in files]
    with store.reading() as db:
        person = the_person(db, person_id)
        known = _known(db, person_id, hashes)
        tz = chosen.tz or _tz_of(db, person)
        mass_kg, profile = person.body_mass_kg, chosen.profile or default_profile(db)
    if known is not None:
        return known
    with incoming(store.folder) as own:
        parts = _measured(own, files, hashes, {"tz": tz, "body_mass_kg": mass_kg, "activity": chosen.activity})
        _check_day(parts, chosen)
        with store.writing(by_user) as tx:
            known = _known(tx.db, person_id, hashes)
            return known or _keep(store, tx, person_id, parts, replace(chosen, tz=tz, profile=profile))


def import_results(
    store: Store, sessions: Sequence[SessionResults], *, by_user: int | None = None
) -> tuple[Imported, ...]:
    """Take in sessions that were analyzed elsewhere, without their samples.

    They are judged anew, as each person is known here on her day. Twenty are written at once, so that nobody waits long
    for the writers' lock; after an error those before stay, and giving all of them again adds the rest.

    Raises
    ------
    OptionError
        Nobody has a pseudonym, a recording belongs to somebody else, or a session has no day.
    """
    made: list[Imported] = []
    for first in range(0, len(sessions), _AT_ONCE):
        batch = sessions[first : first + _AT_ONCE]
        with store.writing(by_user) as tx:
            profile = default_profile(tx.db)
            known = [the_person(tx.db, one.person_id) for one in batch]  # held, so that each is asked for once
            made += [_with_results(store, tx, one, profile) for one in batch]
            del known
    return tuple(made)


def _with_results(store: Store, tx: Writing, one: SessionResults, profile: str | None) -> Imported:
    _check((), one.options)
    parts = [_part_of(result) for result in one.report.recordings]
    _check_day(parts, one.options)
    known = _known(tx.db, one.person_id, [part.sha256 for part in parts])
    chosen = replace(one.options, profile=one.options.profile or profile)
    return known or _keep(store, tx, one.person_id, parts, chosen)


def _part_of(result: RecordingResult) -> _Part:
    plain = _without_names(result)
    sha256 = result.info.origin.sha256 or hashlib.sha256(pack_result(plain)).hexdigest()
    return _Part(sha256=sha256, result=plain, file=None, file_bytes=0)


def default_profile(db: Session) -> str | None:
    """The profile that was set for the installation; None for that of the evidence."""
    row = db.get(Setting, PROFILE_SETTING)
    return None if row is None else str(row.value["name"])


# -- before the transaction


def _check(files: Sequence[SensorFile], options: ImportOptions) -> None:
    evidence.profile(options.profile)
    if options.rpe is not None:
        low, high = RPE_SCALES.get(options.rpe_scale or "", (1.0, 0.0))
        if not low <= options.rpe <= high:
            raise OptionError(f"RPE {options.rpe:g} on scale '{options.rpe_scale}'; expected borg 6 to 20, or 0-10")
    for exercise, load in options.loads_kg.items():
        if not 0 < load <= 1000:
            raise OptionError(f"{exercise} at {load:g} kg; expected more than 0 and up to 1000 kg")
    names = [file.sensor or file.placement for file in files]
    if len(set(names)) < len(names):
        raise OptionError(f"sensors {', '.join(names)}; expected each name once: say which sensor each file is of")


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise OptionError(f"{path.name}: no such file; check the name and the folder") from None
    except OSError as fault:
        raise WorldError(f"{path.name}: cannot be read ({fault.strerror})") from None


def _known(db: Session, person_id: str, hashes: Sequence[str]) -> Imported | None:
    """The session that holds these recordings already; None where none is known."""
    chosen = (
        select(RecordingRow.person_id, SessionRow.id, SessionRow.day)
        .join(SessionRecording, SessionRecording.sha256 == RecordingRow.sha256)
        .join(SessionRow, SessionRow.id == SessionRecording.session_id)
        .where(RecordingRow.sha256.in_(list(hashes)))
    )
    rows = db.execute(chosen).all()
    if not rows:
        return None
    if any(owner != person_id for owner, _, _ in rows):
        raise OptionError(
            "this recording belongs to somebody else already; expected one that is hers: check whose file it is"
        )
    sessions = {session_id: day for _, session_id, day in rows}
    session_id, day = next(iter(sessions.items()))
    if len(sessions) > 1 or len(rows) < len(hashes):
        raise OptionError(
            f"one of the files is in session {session_id} of {day.isoformat()} already, and another is not; "
            "expected new files, or all of one session: leave out what is there"
        )
    sentence = f"these files are session {session_id} of {day.isoformat()} already: nothing was changed"
    return Imported(session_id=session_id, is_new=False, sentence=sentence)


def _tz_of(db: Session, person: PersonRow) -> str | None:
    group = db.get(Group, person.group_id) if person.group_id is not None else None
    return group.tz if group else None


def _measured(own: Path, files: Sequence[SensorFile], hashes: Sequence[str], facts: Mapping[str, Any]) -> list[_Part]:
    """Samples in our own format, and what the engine finds in them."""
    opened = {
        file.sensor or file.placement: read(file.path, placement=file.placement, **{**facts, **file.reading})
        for file in files
    }
    together.refuse_what_cannot_be({name: recording.info for name, recording in opened.items()})
    stored = {}
    for (name, recording), sha256 in zip(opened.items(), hashes, strict=True):
        path = own / f"{sha256}{SUFFIX}"
        write_samples(_anonymous(recording, sha256), path)
        stored[name] = read(path)
    offsets = {file.sensor or file.placement: file.offset_s for file in files if file.offset_s is not None}
    session = Measured(stored, offsets_s=offsets)
    results = session.placed(session.detected())
    return [
        _Part(
            sha256=sha256,
            result=result,
            file=own / f"{sha256}{SUFFIX}",
            file_bytes=file.path.stat().st_size,
        )
        for file, sha256, result in zip(files, hashes, results, strict=True)
    ]


def _anonymous(recording: Recording, sha256: str) -> Recording:
    """The recording under its hash: the name of a file and of a device's participant may be a person's."""
    origin = replace(recording.info.origin, file=sha256[:12], sha256=sha256, participant=None)
    return Recording(replace(recording.info, origin=origin), recording.blocks, lambda: recording.clock_quality)


def _without_names(result: RecordingResult) -> RecordingResult:
    origin = result.info.origin
    named = replace(origin, file=(origin.sha256 or "live")[:12], participant=None)
    return replace(result, info=replace(result.info, origin=named))


def _check_day(parts: Sequence[_Part], options: ImportOptions) -> None:
    if options.day is None and local_day([part.result for part in parts]) is None:
        raise OptionError("the recording has no clock, so its day is unknown; say on which day the session was")


# -- inside the transaction


def _keep(store: Store, tx: Writing, person_id: str, parts: Sequence[_Part], options: ImportOptions) -> Imported:
    parts = sorted(parts, key=lambda part: part.result.sensor)
    results = [part.result for part in parts]
    session = _session_row(tx, person_id, results, options)
    tx.add(session)
    tx.db.execute(insert(RecordingRow), [_recording_values(tx, person_id, part) for part in parts])
    tx.db.execute(insert(DetectionRow), [detection_values(part.sha256, part.result) for part in parts])
    tx.db.execute(insert(SessionRecording), [_part_values(session.id, part) for part in parts])
    untouched = Corrected(results=tuple(results), unmatched=())
    now = judged(tx.db, session, (results, untouched, ()), Choice(profile=options.profile))
    analysis = keep(tx, session, now, because="import")
    tx.audit("imported", f"session {session.id}", person_id=person_id, version=1, recordings=len(parts))
    for part in parts:
        _move(store, part)
    return Imported(session_id=session.id, is_new=True, sentence=_sentence(session, analysis))


def _sentence(session: SessionRow, analysis: AnalysisRow) -> str:
    word = analysis.status.replace("_", " ").upper()
    return f"session {session.id} of {session.day.isoformat()}: {word} - {analysis.judged}"


def _session_row(tx: Writing, person_id: str, results: Sequence[RecordingResult], options: ImportOptions) -> SessionRow:
    starts = [_instant(one.info.start) for one in results]
    known = [start for start in starts if start is not None]
    zones = [one.info.tz for one in results if one.info.tz]
    return SessionRow(
        person_id=person_id,
        day=options.day or local_day(results),
        start=min(known, default=None),
        tz=zones[0] if zones else options.tz,
        rpe=options.rpe,
        rpe_scale=options.rpe_scale,
        loads_kg=dict(options.loads_kg),
        block_confirmed=options.block_confirmed,
        note=options.note.strip(),
        imported_at=tx.at,
        version=1,
    )


def _instant(start: datetime | None) -> datetime | None:
    """A start with its zone; a device's own clock without one is no instant."""
    return start.astimezone(UTC) if start is not None and start.tzinfo is not None else None


def _part_values(session_id: int, part: _Part) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "sensor": part.result.sensor,
        "sha256": part.sha256,
        "offset_s": part.result.offset_s,
    }


def _recording_values(tx: Writing, person_id: str, part: _Part) -> dict[str, Any]:
    info = part.result.info
    return {
        "sha256": part.sha256,
        "person_id": person_id,
        "path": None if part.file is None else relative_path(part.sha256),
        "format": info.origin.format or "live",
        "placement": info.placement.value,
        "sampling_rate_hz": info.sampling_rate_hz,
        "range_g": info.range_g,
        "start": _instant(info.start),
        "n_samples": part.result.quality.n_samples,
        "file_bytes": part.file_bytes,
        "imported_at": tx.at,
        "by_user": tx.by_user,
    }


def _move(store: Store, part: _Part) -> None:
    """Give finished files their place; they go again at the next opening if the transaction does not commit."""
    if part.file is None:
        return
    target = store.folder / relative_path(part.sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.file.replace(target)
        envelope_path(part.file).replace(envelope_path(target))
    except OSError as fault:
        raise WorldError(f"{target}: cannot be written ({fault.strerror}); nothing was kept, make room") from None
