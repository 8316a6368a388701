"""Files in: samples kept, session detected, corrected and judged, and all of it stored at once or not at all.

What takes long happens first, in a folder of its own that nobody else looks at: hash, samples, engine. Then one
transaction moves the finished files, judges the session as she is known at that instant, and writes every row. Whoever
is killed before its end leaves a folder that the next opening removes, and no row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import evidence
from loadsense.errors import OptionError
from loadsense.results import RecordingResult, SessionReport
from loadsense.store.analyzing import local_day
from loadsense.store.files import Progress, SensorFile, Telling, hash_of, measured, tell_nobody, without_names
from loadsense.store.keeping import Part, Ready, keep_sessions
from loadsense.store.knowing import nobody
from loadsense.store.opening import Store, Writing
from loadsense.store.packing import pack_result
from loadsense.store.people import the_person
from loadsense.store.sweeping import incoming
from loadsense.store.tables import AnalysisRow, Group, PersonRow, RecordingRow, SessionRecording, SessionRow, Setting

__all__ = ["ImportOptions", "Imported", "SensorFile", "SessionResults", "import_results", "import_session"]

#: Key of the profile that sessions without a choice are judged by.
PROFILE_SETTING: Final = "profile"
#: Sessions that are written in one transaction.
_AT_ONCE: Final = 20
RPE_SCALES: Final = {"borg": (6.0, 20.0), "0-10": (0.0, 10.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What is known of a session beside its files.

    Attributes
    ----------
    tz : str or None
        IANA zone, whatever the files say; for None theirs, or that of her group where they say none.
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
    progress : callable
        Told the step, "reading" or "analyzing", and which share of it is done, 0 to 1; in the calling thread.
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
    progress: Progress = tell_nobody


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
    hashes = [hash_of(file.path) for file in files]
    with store.reading() as db:
        person = the_person(db, person_id)
        known = known_session(db, person_id, hashes)
        tz = chosen.tz or _tz_of(db, person)  # for files that do not say where she was
        mass_kg, profile = person.body_mass_kg, chosen.profile or default_profile(db)
    if known is not None:
        return known
    with incoming(store.folder) as own:
        facts = {"tz": chosen.tz, "body_mass_kg": mass_kg, "activity": chosen.activity}
        parts = measured(own, files, hashes, Telling(facts=facts, tz=tz, progress=chosen.progress))
        _check_day(parts, chosen)
        with store.writing(by_user) as tx:
            known = known_session(tx.db, person_id, hashes)
            ready = _ready(person_id, parts, replace(chosen, tz=tz, profile=profile))
            return known or _kept(store, tx, [ready])[0]


def import_results(
    store: Store, sessions: Sequence[SessionResults], *, by_user: int | None = None
) -> tuple[Imported, ...]:
    """Take in sessions that were analyzed elsewhere, without their samples.

    They are judged anew, as each person is known here on her day. Twenty are written at once, person by person, so that
    nobody waits long for the writers' lock; after an error those that were written stay, and giving all of them again
    adds the rest.

    Parameters
    ----------
    store : Store
    sessions : sequence of SessionResults
        In any order.
    by_user : int, optional

    Returns
    -------
    tuple of Imported
        One for each session, in the order given; a session that is there already is named and stays as it is.

    Raises
    ------
    OptionError
        Nobody has a pseudonym, a recording belongs to somebody else, or a session has no day.
    """
    made: dict[int, Imported] = {}
    order = sorted(range(len(sessions)), key=lambda at: sessions[at].person_id)
    for batch in _batches((at, _received(sessions[at])) for at in order):
        with store.writing(by_user) as tx:
            made |= _kept_batch(store, tx, batch)
    return tuple(made[at] for at in range(len(sessions)))


def _received(one: SessionResults) -> Ready:
    _check((), one.options)
    parts = [_part_of(result) for result in one.report.recordings]
    _check_day(parts, one.options)
    return _ready(one.person_id, parts, one.options)


def _part_of(result: RecordingResult) -> Part:
    plain = without_names(result)
    sha256 = result.info.origin.sha256 or hashlib.sha256(pack_result(plain)).hexdigest()
    return Part(sha256=sha256, result=plain, file=None, file_bytes=0)


def _batches(sessions: Iterable[tuple[int, Ready]]) -> Iterator[list[tuple[int, Ready]]]:
    """As many as are written at once; a recording that comes twice is known when it comes again."""
    held: list[tuple[int, Ready]] = []
    hashes: set[str] = set()
    for at, one in sessions:
        own = {part.sha256 for part in one.parts}
        if len(held) == _AT_ONCE or own & hashes:
            yield held
            held, hashes = [], set()
        held.append((at, one))
        hashes |= own
    if held:
        yield held


def _kept_batch(store: Store, tx: Writing, batch: Sequence[tuple[int, Ready]]) -> dict[int, Imported]:
    profile = default_profile(tx.db)
    people = {
        row.id for row in tx.db.scalars(select(PersonRow).where(PersonRow.id.in_({r.person_id for _, r in batch})))
    }
    holders = _holders(tx.db, [part.sha256 for _, one in batch for part in one.parts])
    made: dict[int, Imported] = {}
    new: list[tuple[int, Ready]] = []
    for at, one in batch:
        if one.person_id not in people:
            raise nobody(one.person_id)
        known = _among(holders, one.person_id, [part.sha256 for part in one.parts])
        if known is None:
            new.append((at, replace(one, profile=one.profile or profile)))
        else:
            made[at] = known
    kept = _kept(store, tx, [one for _, one in new]) if new else []
    return made | {at: one for (at, _), one in zip(new, kept, strict=True)}


def _ready(person_id: str, parts: Sequence[Part], options: ImportOptions) -> Ready:
    said = {
        "rpe": options.rpe,
        "rpe_scale": options.rpe_scale,
        "loads_kg": dict(options.loads_kg),
        "block_confirmed": options.block_confirmed,
        "note": options.note.strip(),
    }
    return Ready(
        person_id=person_id,
        parts=tuple(sorted(parts, key=lambda part: part.result.sensor)),
        said=said,
        day=options.day,
        tz=options.tz,
        profile=options.profile,
    )


def _kept(store: Store, tx: Writing, ready: Sequence[Ready]) -> list[Imported]:
    return [
        Imported(session_id=session.id, is_new=True, sentence=sentence_of(session, analysis))
        for session, analysis in keep_sessions(store, tx, ready)
    ]


def sentence_of(session: SessionRow, analysis: AnalysisRow) -> str:
    """What a session came to, for a person."""
    word = analysis.status.replace("_", " ").upper()
    return f"session {session.id} of {session.day.isoformat()}: {word} - {analysis.judged}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    """Who and which session holds a recording."""

    person_id: str
    session_id: int
    day: date


def _holders(db: Session, hashes: Sequence[str]) -> dict[str, _Holder]:
    """Sessions that hold recordings already, by hash."""
    chosen = (
        select(RecordingRow.sha256, RecordingRow.person_id, SessionRow.id, SessionRow.day)
        .join(SessionRecording, SessionRecording.sha256 == RecordingRow.sha256)
        .join(SessionRow, SessionRow.id == SessionRecording.session_id)
        .where(RecordingRow.sha256.in_(list(hashes)))
    )
    return {
        sha256: _Holder(person_id=person_id, session_id=session_id, day=day)
        for sha256, person_id, session_id, day in db.execute(chosen)
    }


def known_session(db: Session, person_id: str, hashes: Sequence[str]) -> Imported | None:
    """The session that holds these recordings already; None where none is known."""
    return _among(_holders(db, hashes), person_id, hashes)


def _among(holders: Mapping[str, _Holder], person_id: str, hashes: Sequence[str]) -> Imported | None:
    found = [holders[sha256] for sha256 in hashes if sha256 in holders]
    if not found:
        return None
    if any(one.person_id != person_id for one in found):
        raise OptionError(
            "this recording belongs to somebody else already; expected one that is hers: check whose file it is"
        )
    first = min(found, key=lambda one: one.session_id)
    here = f"session {first.session_id} of {first.day.isoformat()}"
    if len(set(found)) > 1 or len(found) < len(hashes):
        raise OptionError(
            f"one of the files is in {here} already, and another is not; expected new files, or all of one session: "
            "leave out what is there, or add the new one to that session"
        )
    sentence = f"these files are {here} already: nothing was changed"
    return Imported(session_id=first.session_id, is_new=False, sentence=sentence)


def _tz_of(db: Session, person: PersonRow) -> str | None:
    group = db.get(Group, person.group_id) if person.group_id is not None else None
    return group.tz if group else None


def _check_day(parts: Sequence[Part], options: ImportOptions) -> None:
    if options.day is None and local_day([part.result for part in parts]) is None:
        raise OptionError("the recording has no clock, so its day is unknown; say on which day the session was")
