"""From the recording of a live session to a session of the store, in the process beside the server."""

from __future__ import annotations

from dataclasses import dataclass

from loadsense.errors import LoadSenseError, OptionError
from loadsense.live import finish
from loadsense.readers.loadsense_format import SUFFIX
from loadsense.store import importing, unsaved
from loadsense.store.importing import ImportOptions, SensorFile
from loadsense.store.unsaved import Unsaved
from loadsense.web.jobs import Outcome, Place

NOTHING: str = "no sensor sent a sample, so there is nothing to keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A live session that has ended, and what was said of it."""

    place: Unsaved
    options: ImportOptions
    by_user: int | None


def keep(place: Place, wanted: Kept) -> Outcome:
    """Write the recordings of every sensor, take them in as one session, and let go of the folder.

    What is refused stays where it is, and can be tried again.
    """
    try:
        files = _files(wanted.place)
        store = place.open()
        try:
            made = importing.import_session(
                store, wanted.place.person_id, files, options=wanted.options, by_user=wanted.by_user
            )
        finally:
            store.close()
        unsaved.throw_away(wanted.place)
    except LoadSenseError as error:
        return Outcome(is_done=False, sentence=str(error).replace(f"{wanted.place.folder}/", ""))
    return Outcome(
        is_done=True,
        sentence=made.sentence,
        link=f"/sessions/{made.session_id}",
        found={"session_id": made.session_id, "is_new": made.is_new},
    )


def _files(place: Unsaved) -> list[SensorFile]:
    """A recording of each sensor that sent something.

    Raises
    ------
    OptionError
        None did.
    """
    plan = finish.read_plan(place.folder)
    sensors = finish.recordings_of(place.folder, plan.wearings)
    if not sensors:
        raise OptionError(NOTHING)
    return [
        SensorFile(path=place.folder / f"{place.person_id}-{sensor}{SUFFIX}", placement=sensor) for sensor in sensors
    ]
