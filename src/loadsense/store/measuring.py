"""A landing that the coach saw and the detector did not, measured on the stored samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import units
from loadsense.events import Landing, LandingCandidate, Status, Takeoff
from loadsense.loading import landing_window, measure_landing
from loadsense.protocol.corrections import WITHIN_S
from loadsense.results import RecordingResult
from loadsense.samples import SampleBlock
from loadsense.store.samples import samples_between
from loadsense.store.tables import RecordingRow, SessionRecording

#: Nobody saw the contact of such a landing: it is taken to begin and end so far from its peak.
_BEFORE_PEAK_S = 0.1
_AFTER_PEAK_S = 0.15


class StoredLandings:
    """Measures landings of one session on its sample files.

    Parameters
    ----------
    db : Session
    folder : Path
        Of the store.
    session_id : int
    """

    def __init__(self, db: Session, folder: Path, session_id: int) -> None:
        chosen = select(SessionRecording.sensor, RecordingRow.path).join(
            RecordingRow, RecordingRow.sha256 == SessionRecording.sha256
        )
        rows = db.execute(chosen.where(SessionRecording.session_id == session_id))
        self._paths = {sensor: folder / path for sensor, path in rows if path is not None}

    def measured(self, result: RecordingResult, sample: int, event_id: str) -> Landing | None:
        """The landing whose peak is the highest |a| within a quarter of a second; None where no samples are."""
        path = self._paths.get(result.sensor)
        if path is None or not path.exists():
            return None
        rate_hz = result.info.sampling_rate_hz
        peak = _highest(path, sample, units.samples_from_seconds(WITHIN_S, rate_hz))
        if peak is None:
            return None
        candidate = _candidate(peak, event_id, rate_hz)
        window = _around(path, *landing_window(candidate, rate_hz), peak)
        return measure_landing(
            window.accel_g, window.first_sample, candidate, sampling_rate_hz=rate_hz, range_g=result.info.range_g
        )


def _candidate(peak: int, event_id: str, rate_hz: float) -> LandingCandidate:
    contact = max(0, peak - units.samples_from_seconds(_BEFORE_PEAK_S, rate_hz))
    return LandingCandidate(
        event_id=event_id,
        status=Status.SETTLED,
        landing_sample=contact,
        peak_sample=peak,
        end_sample=peak + units.samples_from_seconds(_AFTER_PEAK_S, rate_hz),
        flight_start_sample=contact,
        flight_s=None,
        takeoff=Takeoff.UNKNOWN,
        notes=("added by the coach",),
    )


def _highest(path: Path, sample: int, within: int) -> int | None:
    """Sample of the highest |a| near a sample."""
    best, at = -1.0, None
    for block in samples_between(path, max(0, sample - within), sample + within + 1):
        squared = (block.accel_g**2).sum(axis=1)
        highest = int(squared.argmax())
        if squared[highest] > best:
            best, at = float(squared[highest]), block.first_sample + highest
    return at


def _around(path: Path, first: int, end: int, peak: int) -> SampleBlock:
    """Samples of [first, end) without what lies behind a gap, seen from the peak."""
    held: list[SampleBlock] = []
    for block in samples_between(path, first, end):
        if held and block.first_sample != held[-1].first_sample + len(held[-1]):
            if block.first_sample > peak:
                break
            held = []
        held.append(block)
    return SampleBlock(held[0].first_sample, np.concatenate([block.accel_g for block in held]))
