"""The session: did it count? With its trace at any zoom, and corrections in place."""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Form, HTTPException, Path, Query, Request
from starlette.responses import Response

from loadsense.errors import OptionError, WorldError
from loadsense.review.session import SensorTrace, SessionView, drawn_recording, event_of, session_view
from loadsense.store import Store, corrections, samples
from loadsense.store.corrections import Correction
from loadsense.web.context import Dashboard, dashboard, go_to, page, visitor
from loadsense.web.forms import CorrectionForm, SessionAsked, SessionForm, Stretch

router = APIRouter(include_in_schema=False)

SessionId = Annotated[int, Path(ge=1, le=2**31 - 1)]

#: Of a trace from end to end: no page of ours is wider, in CSS pixels.
_WHOLE_POINTS: Final = 1200

#: Of an event, what its mark on the trace needs.
_DRAWN: Final = ("event_id", "kind", "sensor", "at_s", "until_s", "clock", "what", "peak", "grade")


@router.get("/sessions/{session_id}", name="session")
def session(request: Request, session_id: SessionId, asked: Annotated[SessionAsked, Query()]) -> Response:
    """The page of a session, an older version of it, or two sessions side by side."""
    shown = dashboard(request)
    view = view_of(shown, session_id, version=asked.version)
    other = None
    if asked.compare is not None and any(one.id == asked.compare for one in view.others):
        other = view_of(shown, asked.compare)
    drawn = [{name: one[name] for name in _DRAWN} for one in (view.page or {}).get("events", ())]
    more: dict[str, Any] = {"other": other, "drawn": drawn, "asked": asked.correct, "old": asked.version is not None}
    return page(request, "session.html.j2", view=view, whole=_whole_traces(shown.store, view), **more)


def _whole_traces(store: Store, view: SessionView) -> dict[str, str]:
    """Each sensor's trace from end to end, so that the page need not ask for it; empty where it cannot be read."""
    packed = {}
    for one in view.sensors:
        try:
            packed[one.sensor] = b64encode(_packed(samples.trace(store, one.sha256, n_points=_WHOLE_POINTS))).decode()
        except WorldError:  # the page says everything else; its script asks again, and says that it cannot be drawn
            packed[one.sensor] = ""
    return packed


def view_of(shown: Dashboard, session_id: int, *, version: int | None = None) -> SessionView:
    """The page object; 404 where there is no such session."""
    with shown.store.reading() as db:
        view = session_view(db, session_id, analysis_id=version)
    if view is None:
        raise HTTPException(404)
    return view


@router.get("/sessions/{session_id}/traces/{sensor}", name="session_trace")
def session_trace(
    request: Request, session_id: SessionId, sensor: str, stretch: Annotated[Stretch, Query()]
) -> Response:
    """Smallest and largest |a| between two seconds of a recording, as numbers for the chart.

    Four float64 (start s, width of a bucket s, sampling rate Hz, buckets), then float32 lows and highs, little-endian.
    """
    return Response(_packed(trace_of(request, session_id, sensor, stretch)), media_type="application/octet-stream")


def _packed(trace: samples.Trace) -> bytes:
    head = struct.pack("<4d", trace.start_s, trace.step_s, trace.sampling_rate_hz, float(len(trace.low_g)))
    return head + np.asarray(trace.low_g, "<f4").tobytes() + np.asarray(trace.high_g, "<f4").tobytes()


def trace_of(request: Request, session_id: int, sensor: str, stretch: Stretch) -> samples.Trace:
    """From second to second of a sensor's recording, in so many buckets; 404 where the session has no such sensor."""
    store = dashboard(request).store
    with store.reading() as db:
        sha256 = drawn_recording(db, session_id, sensor)
    if sha256 is None:
        raise HTTPException(404)
    return samples.trace(store, sha256, t0_s=stretch.t0, t1_s=stretch.t1, n_points=stretch.n)


@router.post("/sessions/{session_id}/corrections", name="correct")
def correct(request: Request, session_id: SessionId, said: Annotated[CorrectionForm, Form()]) -> Response:
    """Say that the detector was wrong; the session is judged anew at once."""
    shown = dashboard(request)
    view = view_of(shown, session_id)
    corrections.add(
        shown.store,
        session_id,
        Correction(
            sensor=said.sensor,
            at_sample=_sample(shown, view, said),
            kind=said.kind,
            reason=said.reason,
            exercise=said.exercise if said.kind == "exercise" else None,
            load_kg=said.load_kg if said.kind == "load" else None,
        ),
        by_user=visitor(request).user_id,
    )
    return go_to(f"/sessions/{session_id}#corrections-heading")


def _sample(shown: Dashboard, view: SessionView, said: CorrectionForm) -> int:
    """Sample that is meant: that of the event, or of the second that was typed.

    Raises
    ------
    OptionError
        The sensor or the event is not there, or no second was typed.
    """
    sensor = next((one for one in view.sensors if one.sensor == said.sensor), None)
    if sensor is None:
        raise OptionError("the samples of that sensor were not kept, so nothing can be corrected on it")
    if said.event_id is None:
        return _at(sensor, said.at_s)
    with shown.store.reading() as db:
        event = event_of(db, view.session_id, said.sensor, said.event_id)
        if event is None:
            raise OptionError("that event is not there any more: somebody may have corrected it; reload the session")
        if event.peak_sample is not None:
            return event.peak_sample
        return _at(sensor, (event.start_s + (event.end_s or event.start_s)) / 2.0)


def _at(sensor: SensorTrace, at_s: float | None) -> int:
    if at_s is None:
        raise OptionError("say at which second the landing was: it is needed to add one")
    return round((at_s - sensor.offset_s) * sensor.sampling_rate_hz)


@router.post("/sessions/{session_id}/corrections/{correction_id}/undo", name="undo")
def undo(request: Request, session_id: SessionId, correction_id: SessionId) -> Response:
    """Take a correction back."""
    shown = dashboard(request)
    if all(one.id != correction_id for one in view_of(shown, session_id).corrections):
        raise HTTPException(404)
    corrections.undo(shown.store, correction_id, by_user=visitor(request).user_id)
    return go_to(f"/sessions/{session_id}#corrections-heading")


@router.post("/sessions/{session_id}", name="change_session")
def change_session(request: Request, session_id: SessionId, said: Annotated[SessionForm, Form()]) -> Response:
    """Enter loads, exertion and a note; whoever is late is shown what the other wrote."""
    shown = dashboard(request)
    corrections.change_session(
        shown.store, session_id, version=said.version, by_user=visitor(request).user_id, **said.changes()
    )
    return go_to(f"/sessions/{session_id}")
