"""`summary.json`: every number of a session under stable keys, to every digit; unknown is null, never 0.

`summary.schema.json` beside this file is the published contract; a key is only ever added, and a change of meaning
raises `SCHEMA_VERSION`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Final

from loadsense.criteria import ForceEquation, Source, Threshold
from loadsense.frames import called_rows, seconds_at, time_at
from loadsense.placement import CAPABILITIES
from loadsense.render.sentences import excluded_counts, length_s, notes
from loadsense.render.words import FOOTER
from loadsense.results import (
    BandCount,
    Indices,
    LandingSummary,
    PrescriptionResult,
    RecordingResult,
    SessionReport,
    Spread,
    Verdict,
)
from loadsense.samples import Gap
from loadsense.wear import DayMeans, DaySummary, WeekSummary

Json = dict[str, object]

SCHEMA_VERSION: Final = "1.0"

_CALLED: Final = ("exercise", "at_s", "time", "load_kg", "pct_1rm")


def summary(report: SessionReport) -> Json:
    """What `summary.json` holds.

    Parameters
    ----------
    report : SessionReport
        What the session came to.
    """
    first = primary(report)
    return {
        "schema_version": SCHEMA_VERSION,
        "loadsense_version": report.provenance.version,
        "arguments": dict(report.arguments),
        "recording": _recording(first),
        "quality": _quality(first, notes(report)),
        "recordings": [
            {
                "sensor": r.sensor,
                "offset_s": r.offset_s,
                "recording": _recording(r),
                "quality": _quality(r, (*r.info.origin.notes, *r.clock.notes)),
            }
            for r in report.recordings
        ],
        "landings": _landings(report.landing_summary),
        "lifts": _lifts(report),
        "index": _index(report.indices, report),
        "verdict": _verdict(report.verdict),
        "prescription": _prescription(report.prescription),
        "excluded": dict(excluded_counts(report)),
        "days": [_day(day) for r in report.recordings for day in r.days],
        "weeks": [_week(week) for r in report.recordings for week in r.weeks],
        "provenance": _provenance(report),
    }


def text(report: SessionReport) -> str:
    """`summary.json` as text; NaN and infinity cannot be in it."""
    return json.dumps(summary(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def primary(report: SessionReport) -> RecordingResult:
    """The recording whose facts stand under `recording`: the first that grades landings, else the first."""
    graded = (r for r in report.recordings if CAPABILITIES[r.info.placement].grades_landings)
    return next(graded, report.recordings[0])


def _recording(recording: RecordingResult) -> Json:
    """The facts of one sensor's recording."""
    info = recording.info
    return {
        "file": info.origin.file,
        "sha256": info.origin.sha256,
        "format": info.origin.format,
        "placement": info.placement.value,
        "device": info.origin.device,
        "start_time": time_at(recording, 0),
        "duration_s": length_s(recording),
        "sampling_rate_hz": info.sampling_rate_hz,
        "sampling_rate_measured_hz": recording.clock.measured_rate_hz or info.measured_rate_hz,
        "range_g": info.range_g,
        "unit_in": info.origin.unit_in,
        "body_mass_kg": info.body_mass_kg,
        "activity": info.activity,
        "tz": info.tz,
    }


def _quality(recording: RecordingResult, said: tuple[str, ...]) -> Json:
    """Whether the samples of one sensor can be trusted."""
    info, seen, heard = recording.info, recording.quality, recording.clock
    not_worn = sum(end - start for start, end in seen.non_wear) / info.sampling_rate_hz
    return {
        "n_samples": seen.n_samples,
        "n_missing": sum(gap.n_missing for gap in seen.gaps),
        "n_interpolated": heard.n_interpolated,
        "gaps": [_gap(recording, gap) for gap in seen.gaps],
        "n_clipped": None if info.range_g is None else seen.n_clipped,
        "jitter_p99_ms": heard.jitter_p99_ms,
        "loss_observable": info.loss_observable,
        "non_wear_s": not_worn if seen.non_wear_known else None,
        "calibration_method": info.calibration.method,
        "calibration_error_g": seen.still_error_g,
        "notes": list(said),
    }


def _gap(recording: RecordingResult, gap: Gap) -> Json:
    return {
        "start_s": seconds_at(recording, gap.first_sample),
        "duration_s": gap.n_missing / recording.info.sampling_rate_hz,
        "n_missing": gap.n_missing,
        "reason": gap.reason,
    }


def _landings(found: LandingSummary) -> Json:
    """The landings in numbers."""
    return {
        "count": found.count,
        "high_rate_count": found.high_rate_count,
        "high_magnitude_count": found.high_magnitude_count,
        "peak_g": _spread(found.peak_g),
        "peak_net_g": _spread(found.peak_net_g),
        "loading_rate_g_per_s": _spread(found.loading_rate_g_per_s),
        "peak_grf_bw": _spread(found.peak_grf_bw),
        "bands": [_band(band) for band in found.bands],
        "reason": found.reason or None,
    }


def _spread(spread: Spread | None) -> Json | None:
    return None if spread is None else {"max": spread.max, "median": spread.median, "p90": spread.p90}


def _band(band: BandCount) -> Json:
    """One band; the open end of the last is null."""
    return {
        "name": band.name,
        "low": band.low,
        "high": None if math.isinf(band.high) else band.high,
        "unit": band.unit,
        "frame": band.frame,
        "count": band.count,
    }


def _lifts(report: SessionReport) -> Json:
    """Sets in order, null where no sensor of the session sees lifts; and what the coach called done."""
    called = [{name: row[name] for name in _CALLED} for row in called_rows(report)]
    if not any(CAPABILITIES[r.info.placement].sees_lifts for r in report.recordings):
        return {"sets": None, "repetitions": None, "called_done": called}
    rows = [
        {
            "set_id": one.set_id,
            "exercise": one.exercise,
            "exercise_confidence": one.exercise_confidence,
            "exercise_source": one.exercise_source or None,
            "start_s": seconds_at(recording, one.start_sample),
            "end_s": seconds_at(recording, one.end_sample),
            "repetitions": len(one.repetitions),
            "repetitions_are_at_least": one.repetitions_are_at_least,
            "load_kg": one.load_kg,
            "pct_1rm": one.pct_1rm,
            "rest_before_s": one.rest_before_s,
            "tempo": one.seconds_per_repetition,
            "notes": list(one.notes),
        }
        for recording in report.recordings
        for one in recording.sets
    ]
    n_repetitions = sum(len(one.repetitions) for r in report.recordings for one in r.sets)
    return {"sets": rows, "repetitions": n_repetitions, "called_done": called}


def _index(indices: Indices, report: SessionReport) -> Json:
    """Every index, none of them graded."""
    one = indices.osteogenic_index
    days = [day for r in report.recordings for day in r.days if day.minutes_above_1000_mg is not None]
    return {
        "osteogenic_index": {
            "value": one.value,
            "intensity": one.intensity,
            "n": one.n,
            "bouts": one.bouts,
            "method": one.method,
            "mape": one.mape_percent,
            "source": one.source,
            "reason": one.reason or None,
        },
        "cumulative_index": indices.cumulative_index,
        "daily_impact_score_log": indices.daily_impact_score_log,
        "daily_load_stimulus": indices.daily_load_stimulus,
        "threshold_counts": [_band(band) for band in indices.threshold_counts],
        "stiles_minutes": [
            {
                "day": day.day.isoformat(),
                "above_750_mg": day.minutes_above_750_mg,
                "above_1000_mg": day.minutes_above_1000_mg,
            }
            for day in days
        ]
        or None,
        "reason": indices.reason or None,
    }


def _verdict(verdict: Verdict) -> Json:
    """The answer and what would change it."""
    return {
        "status": verdict.status.value,
        "sentence": verdict.sentence,
        "basis": verdict.basis,
        "profile": verdict.profile,
        "population": verdict.population,
        "criterion": verdict.criterion,
        "at_least": verdict.at_least,
        "borderline_n": verdict.borderline_n,
        "reached_if_best": verdict.reached_if_best,
        "reached_if_worst": verdict.reached_if_worst,
        "to_do": verdict.to_do,
        "reasons": list(verdict.reasons),
        "evidence": verdict.evidence_line,
        "target": dict(verdict.target),
        "achieved": dict(verdict.achieved),
    }


def _prescription(done: PrescriptionResult) -> Json:
    """Prescribed against done, row by row."""
    return {
        "plan": done.plan,
        "stage": done.stage,
        "locked": done.locked,
        "rows": [{**asdict(row), "reason": row.reason or None} for row in done.rows],
        "flags": [asdict(flag) for flag in done.flags],
    }


def _day(day: DaySummary) -> Json:
    """One local day of long wear."""
    return {
        "day": day.day.isoformat(),
        "iso_week": day.iso_week,
        "recorded_s": day.recorded_s,
        "wear_s": day.wear_s,
        "valid": day.valid,
        "impacts": day.impacts,
        "impact_bands": [_band(band) for band in day.impact_bands],
        "landings": day.landings,
        "daily_impact_score_log": day.daily_impact_score_log,
        "minutes_above_750_mg": day.minutes_above_750_mg,
        "minutes_above_1000_mg": day.minutes_above_1000_mg,
        "intensity_gradient": day.intensity_gradient,
        "intensity_intercept": day.intensity_intercept,
        "intensity_r2": day.intensity_r2,
        "mx_mg": dict(day.mx_mg),
    }


def _week(week: WeekSummary) -> Json:
    """One local ISO week of long wear."""
    all_days, weekdays, weekend = (_means(means) for means in week.means)
    return {
        "iso_week": week.iso_week,
        "days": week.days,
        "recorded_s": week.recorded_s,
        "wear_s": week.wear_s,
        "per_valid_day": all_days,
        "per_valid_weekday": weekdays,
        "per_valid_weekend_day": weekend,
    }


def _means(means: DayMeans) -> Json:
    told = {name: value for name, value in asdict(means).items() if name != "kind"}
    return {**told, "reason": means.reason or None}


def _provenance(report: SessionReport) -> Json:
    """What the numbers were made with."""
    made = report.provenance
    return {
        "filter": made.filter,
        "loading_rate_definition": made.loading_rate_definition,
        "thresholds": [_threshold(threshold) for threshold in made.thresholds],
        "equations": [_equation(equation) for equation in made.equations],
        "differences_from_source": list(made.differences_from_source),
        "footer": FOOTER,
    }


def _threshold(threshold: Threshold) -> Json:
    """A level with all that it must be compared with."""
    return {
        "name": threshold.name,
        "quantity": threshold.quantity,
        "value": threshold.value,
        "unit": threshold.unit,
        "frame": threshold.frame,
        "vector": threshold.vector,
        "filter": threshold.filter,
        "population": threshold.population,
        "placements": [placement.value for placement in threshold.placements],
        **_source(threshold.source),
    }


def _equation(equation: ForceEquation) -> Json:
    """A force equation with its error and its domain."""
    return {
        "name": equation.name,
        "activity": list(equation.activity),
        "site": equation.site,
        "vector": equation.vector,
        "predicts": equation.predicts,
        "mape_percent": equation.mape_percent,
        "min_body_mass_kg": equation.min_body_mass_kg,
        **_source(equation.source),
    }


def _source(source: Source) -> Json:
    return {"source": source.citation, "doi": source.doi, "known": source.known.value}
