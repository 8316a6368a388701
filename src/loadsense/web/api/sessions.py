"""Sessions: what was found, the trace at any zoom, and corrections."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Body, HTTPException, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from loadsense.review.lists import EventList, event_list
from loadsense.review.session import SessionView
from loadsense.store.samples import FloatsToDraw
from loadsense.web.api.answers import PREFIX, After, Key, Limit, problems
from loadsense.web.context import dashboard
from loadsense.web.forms import CorrectionForm, SessionForm, Stretch
from loadsense.web.pages import session as pages
from loadsense.web.pages.session import trace_of, view_of

router = APIRouter(prefix=PREFIX, tags=["sessions"], responses=problems())


class Asked(Stretch):
    """What to draw, of which sensor (its name in the session), and in which form."""

    sensor: Annotated[str, Field(max_length=40)]
    form: Literal["json", "binary"] = "json"


class TraceAnswer(BaseModel):
    """Smallest and largest |a| (RAW g) of each bucket; null where no sample is.

    `start_s` is the start of the first bucket in seconds from the recording's first sample, `step_s` their width.
    """

    start_s: float
    step_s: float
    sampling_rate_hz: float
    bucket_samples: int
    low_g: list[float | None]
    high_g: list[float | None]


@router.get("/sessions/{session_id}", name="api_session")
def session(
    request: Request, session_id: Key, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> SessionView:
    """What its current analysis said, or an older version of it; corrections, and what to compare it with."""
    return view_of(dashboard(request), session_id, version=version)


@router.get("/sessions/{session_id}/events", name="api_events")
def events(request: Request, session_id: Key, after: After = 0, limit: Limit = 200) -> EventList:
    """Landings, repetitions, sets and what was excluded, of the current analysis."""
    with dashboard(request).store.reading() as db:
        found = event_list(db, session_id, after=after, limit=limit)
    if found is None:
        raise HTTPException(404)
    return found


@router.get(
    "/sessions/{session_id}/trace",
    name="api_trace",
    response_model=TraceAnswer,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def trace(request: Request, session_id: Key, asked: Annotated[Asked, Query()]) -> TraceAnswer | Response:
    """A stretch of a sensor's recording in `n` buckets at most that keep every peak at its height.

    As binary: four float64 (start s, width of a bucket s, sampling rate Hz, number of buckets), then so many float32
    lows and so many highs, little-endian; NaN where no sample is.
    """
    if asked.form == "binary":
        return pages.session_trace(request, session_id, asked.sensor, asked)
    found = trace_of(request, session_id, asked.sensor, asked)
    return TraceAnswer(
        start_s=found.start_s,
        step_s=found.step_s,
        sampling_rate_hz=found.sampling_rate_hz,
        bucket_samples=found.bucket_samples,
        low_g=_known(found.low_g),
        high_g=_known(found.high_g),
    )


def _known(values_g: FloatsToDraw) -> list[float | None]:
    """NaN is no JSON."""
    return [None if math.isnan(one) else one for one in np.round(values_g.astype(np.float64), 6).tolist()]


@router.post("/sessions/{session_id}/corrections", name="api_correct", responses=problems(writes=True))
def correct(request: Request, session_id: Key, said: Annotated[CorrectionForm, Body()]) -> SessionView:
    """Say that the detector was wrong; the session is judged anew at once."""
    pages.correct(request, session_id, said)
    return view_of(dashboard(request), session_id)


@router.post(
    "/sessions/{session_id}/corrections/{correction_id}/undo", name="api_undo", responses=problems(writes=True)
)
def undo(request: Request, session_id: Key, correction_id: Key) -> SessionView:
    """Take a correction back; it stays on record with who and when."""
    pages.undo(request, session_id, correction_id)
    return view_of(dashboard(request), session_id)


@router.post("/sessions/{session_id}", name="api_change_session", responses=problems(writes=True))
def change_session(request: Request, session_id: Key, said: Annotated[SessionForm, Body()]) -> SessionView:
    """Enter loads, exertion and a note; whoever is late is shown what the other wrote."""
    pages.change_session(request, session_id, said)
    return view_of(dashboard(request), session_id)
