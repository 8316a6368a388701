"""The session: did it count? With its trace at any zoom, and corrections in place."""

from __future__ import annotations

import struct
from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from loadsense.review.session import SessionView, session_view
from loadsense.store import samples
from loadsense.web.context import Dashboard, dashboard, page

router = APIRouter(include_in_schema=False)

SessionId = Annotated[int, Path(ge=1, le=2**62)]
Points = Annotated[int, Query(ge=16, le=8000)]


@router.get("/sessions/{session_id}", name="session")
def session(
    request: Request, session_id: SessionId, version: int | None = None, compare: int | None = None
) -> Response:
    """The page of a session, an older version of it, or two sessions side by side."""
    shown = dashboard(request)
    view = view_of(shown, session_id, version=version)
    other = None
    if compare is not None and any(one.id == compare for one in view.others):
        other = view_of(shown, compare)
    return page(request, "session.html.j2", view=view, other=other, old=version is not None)


def view_of(shown: Dashboard, session_id: int, *, version: int | None = None) -> SessionView:
    """The page object; 404 where there is no such session."""
    with shown.store.reading() as db:
        view = session_view(db, session_id, analysis_id=version)
    if view is None:
        raise HTTPException(404)
    return view


@router.get("/sessions/{session_id}/traces/{sensor}", name="session_trace")
def session_trace(
    request: Request,
    session_id: SessionId,
    sensor: str,
    t0: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    t1: Annotated[float | None, Query(gt=0, allow_inf_nan=False)] = None,
    n: Points = 2000,
) -> Response:
    """Smallest and largest |a| between two seconds of a recording, as numbers for the chart.

    Four float64 (start s, width of a bucket s, sampling rate Hz, buckets), then float32 lows and highs, little-endian.
    """
    shown = dashboard(request)
    view = view_of(shown, session_id)
    found = next((one for one in view.sensors if one.sensor == sensor), None)
    if found is None:
        raise HTTPException(404)
    trace = samples.trace(shown.store, found.sha256, t0_s=t0, t1_s=t1, n_points=n)
    head = struct.pack("<4d", trace.start_s, trace.step_s, trace.sampling_rate_hz, float(len(trace.low_g)))
    body = head + np.asarray(trace.low_g, "<f4").tobytes() + np.asarray(trace.high_g, "<f4").tobytes()
    return Response(body, media_type="application/octet-stream")
