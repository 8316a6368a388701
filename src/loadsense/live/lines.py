"""Live events as plain values, one JSON object each: for other programs."""

from __future__ import annotations

from typing import Any

from loadsense.events import ActivityStretch, Event, Excluded, Impact, Landing, LiftSet, Repetition
from loadsense.live.state import LiveEvent


def event_line(live: LiveEvent) -> dict[str, Any]:
    """One event under stable keys; null is unknown, never 0. Seconds count from the sensor's first sample."""
    head = {
        "at_s": round(live.at_s, 3),
        "person": live.person,
        "sensor": live.sensor,
        "earlier": live.earlier,
    }
    return head | _facts(live.event, live.sampling_rate_hz)


def _facts(event: Event, rate_hz: float) -> dict[str, Any]:
    match event:
        case Landing():
            return _landing(event, rate_hz)
        case Repetition():
            return {
                "kind": "repetition",
                "status": event.status.value,
                "set_id": event.set_id,
                "exercise": event.exercise,
                "start_s": event.start_sample / rate_hz,
                "end_s": event.end_sample / rate_hz,
            }
        case LiftSet():
            return {
                "kind": "set",
                "status": event.status.value,
                "set_id": event.set_id,
                "exercise": event.exercise,
                "start_s": event.start_sample / rate_hz,
                "end_s": event.end_sample / rate_hz,
                "repetitions": len(event.repetitions),
                "repetitions_are_at_least": event.repetitions_are_at_least,
            }
        case Impact():
            return {"kind": "impact", "peak_s": event.peak_sample / rate_hz, "peak_g": event.peak_g}
        case Excluded():
            reason, peak_s = event.reason, event.peak_sample / rate_hz
            return {"kind": "excluded", "of": event.kind, "peak_s": peak_s, "reason": reason, "peak_g": event.peak_g}
        case ActivityStretch():
            return {
                "kind": "activity",
                "activity": event.activity.value,
                "start_s": event.start_sample / rate_hz,
                "end_s": event.end_sample / rate_hz,
            }


def _landing(event: Landing, rate_hz: float) -> dict[str, Any]:
    return {
        "kind": "landing",
        "status": event.status.value,
        "event_id": event.event_id,
        "reason": event.candidate.reason,
        "landing_s": event.candidate.landing_sample / rate_hz,
        "peak_s": event.candidate.peak_sample / rate_hz,
        "peak_g": event.peak_g,
        "peak_net_g": event.peak_net_g,
        "loading_rate_g_per_s": event.loading_rates.maximum_g_per_s,
        "flight_s": event.candidate.flight_s,
        "clipped": event.clipped,
        "truncated": event.candidate.truncated,
    }
