"""What the session page says in words: each function answers one question about a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

from loadsense.events import Landing, LiftSet
from loadsense.frames import seconds_at, time_at
from loadsense.placement import CAPABILITIES
from loadsense.render.page import (
    DayRow,
    EventRow,
    Fact,
    FlagLine,
    Grade,
    PlanRow,
    PlanTable,
    SensorQuality,
    ThresholdRow,
    VerdictBox,
)
from loadsense.render.words import DASH, clock, counted, duration, listed, name, number, plain
from loadsense.results import (
    PrescriptionResult,
    RecordingResult,
    SessionReport,
    Verdict,
    VerdictStatus,
)
from loadsense.wear import DaySummary

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def title(report: SessionReport) -> str:
    """File names of the recordings, or "from memory"."""
    files = [PurePath(r.info.origin.file).name for r in report.recordings if r.info.origin.file]
    printable = ("".join(c if c.isprintable() else "?" for c in file) for file in files)
    return " + ".join(printable) or "Session from memory"


def when(report: SessionReport) -> str:
    """Date and time of the start in its zone, or why there is none."""
    info = report.recordings[0].info
    if info.start is None:
        return "no clock in the recording"
    if info.start.tzinfo is None:
        return f"{_date_and_time(info.start)} by the sensor's own clock (no time zone: give --tz)"
    local = info.start.astimezone(ZoneInfo(info.tz)) if info.tz else info.start
    return f"{_date_and_time(local)} ({info.tz or local.isoformat()[-6:]})"


def _date_and_time(moment: datetime) -> str:
    """In words that read the same everywhere, whatever the locale."""
    return f"{_WEEKDAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M}"


def length_s(recording: RecordingResult) -> float:
    """Seconds from the first sample to the last, gaps included."""
    n_missing = sum(gap.n_missing for gap in recording.quality.gaps)
    return (recording.quality.n_samples + n_missing) / recording.info.sampling_rate_hz


def session_length_s(report: SessionReport) -> float:
    """Seconds from the start of the session to the end of its last recording."""
    return max(r.offset_s + length_s(r) for r in report.recordings)


def facts(report: SessionReport) -> str:
    """Sensors, rate, range, length and gaps in one line."""
    parts = [
        " + ".join(
            r.sensor if r.sensor == r.info.placement else f"{r.sensor} ({name(r.info.placement)})"
            for r in report.recordings
        )
    ]
    parts.append(_each(f"{r.info.sampling_rate_hz:.4g}" for r in report.recordings) + " Hz")
    ranges = [r.info.range_g for r in report.recordings]
    parts.append(_each("range unknown" if g is None else f"±{plain(g)} g" for g in ranges))
    parts.append(duration(session_length_s(report)))
    parts.append(_gaps(report))
    return ", ".join(parts)


def _each(words: Iterable[str]) -> str:
    """One word when all are the same, else all of them in order."""
    return " / ".join(dict.fromkeys(words))


def _gaps(report: SessionReport) -> str:
    """How many gaps, and how long they are together."""
    gaps = [(gap, r.info.sampling_rate_hz) for r in report.recordings for gap in r.quality.gaps]
    missing_s = sum(gap.n_missing / rate_hz for gap, rate_hz in gaps)
    return counted(len(gaps), "gap") + (f" ({duration(missing_s)})" if gaps else "")


def verdict_box(verdict: Verdict) -> VerdictBox:
    """The answer with what was judged and what would change it."""
    doubt = None
    if verdict.reached_if_best != verdict.reached_if_worst:
        best = VerdictStatus.REACHED if verdict.reached_if_best else VerdictStatus.NOT_REACHED
        worst = VerdictStatus.REACHED if verdict.reached_if_worst else VerdictStatus.NOT_REACHED
        doubt = f"With every unknown at its best: {best.words.lower()}; at its worst: {worst.words.lower()}."
    return VerdictBox(
        status=verdict.status,
        basis=verdict.basis,
        word=verdict.status.words,
        judged=verdict.judged,
        reasons=tuple(reason for reason in verdict.reasons if reason not in verdict.judged),
        to_do=verdict.to_do,
        evidence=verdict.evidence_line,
        doubt=doubt,
    )


def numbers(report: SessionReport) -> tuple[Fact, ...]:
    """The session in a handful of lines; a line with nothing to say is left out."""
    lines = (
        Fact("landings", _landings(report), report.landing_summary.reason),
        _loading_rate(report),
        Fact("levels", _levels(report)),
        _force(report),
        Fact("lifts", "; ".join(filter(None, [_lifts(report), _called_done(report)]))),
        _index(report),
        Fact("not counted", ", ".join(f"{count} x {reason}" for reason, count in excluded_counts(report))),
    )
    return tuple(line for line in lines if line.text)


def _landings(report: SessionReport) -> str:
    """Count and peaks; a dash where nothing could see landings."""
    summary = report.landing_summary
    if summary.count is None:
        return f"{DASH} not observed"
    if summary.peak_net_g is None or summary.peak_g is None:
        return f"{summary.count or 'none'} found"
    net, raw = summary.peak_net_g, summary.peak_g
    cut = "at least " if any(one.clipped for each in report.recordings for one in each.landings) else ""
    return (
        f"{summary.count}, strongest {cut}{number(net.max)} g net ({number(raw.max)} g raw), "
        f"median {number(net.median)} g net"
    )


def _loading_rate(report: SessionReport) -> Fact:
    """Largest and median, never without definition and filter."""
    rate = report.landing_summary.loading_rate_g_per_s
    if rate is None:
        return Fact("loading rate", "")
    made = report.provenance
    return Fact(
        "loading rate",
        f"max {number(rate.max, 0)} g/s, median {number(rate.median, 0)} g/s",
        made.loading_rate_definition,
    )


def _levels(report: SessionReport) -> str:
    """Landings over the levels of the profile."""
    summary = report.landing_summary
    if not summary.count:
        return ""
    said = []
    for threshold in report.provenance.thresholds:
        count = {"landing_peak": summary.high_magnitude_count, "landing_rate": summary.high_rate_count}.get(
            threshold.quantity
        )
        if threshold.quantity in ("landing_peak", "landing_rate"):
            graded = "not graded" if count is None else f"{count or 'none'} of {summary.count}"
            said.append(f"over {level(threshold.value, threshold.unit, threshold.frame)}: {graded}")
    # Levels shown beside the profile's own share its quantity and would repeat its count.
    return ", ".join(dict.fromkeys(said[:2]))


def level(value: float, unit: str, frame: str | None) -> str:
    """A threshold as words: "3.9 g net"."""
    return f"{plain(value)} {unit}" + (f" {frame.lower()}" if frame else "")


def _force(report: SessionReport) -> Fact:
    """Predicted peak force where an equation applies."""
    force = report.landing_summary.peak_grf_bw
    if force is None:
        return Fact("force", "")
    used = [e for e in report.provenance.equations if e.predicts == "grf_n"]
    errors = [e.mape_percent for e in used if e.mape_percent is not None]
    error = f"error of the equation about {plain(max(errors))} %" if errors else ""
    return Fact("force", f"predicted peak max {number(force.max)} BW, median {number(force.median)} BW", error)


def _lifts(report: SessionReport) -> str:
    """Sets and repetitions by exercise, or nothing when no sensor sees lifts."""
    sets = [one for r in report.recordings for one in r.sets]
    if not any(CAPABILITIES[r.info.placement].sees_lifts for r in report.recordings):
        return ""
    if not sets:
        return "none found"
    by_exercise: dict[str, list[LiftSet]] = {}
    for one in sets:
        by_exercise.setdefault(one.exercise, []).append(one)
    total = sum(len(one.repetitions) for one in sets)
    listed_sets = "; ".join(f"{name(e)} {repetitions(group)}" for e, group in by_exercise.items())
    return f"{counted(len(sets), 'set')}, {counted(total, 'repetition')}: {listed_sets}"


def _called_done(report: SessionReport) -> str:
    """Sets by exercise as the coach called them, whether a sensor saw them or not."""
    called = Counter(one.exercise for one in report.called_done)
    listed_sets = ", ".join(f"{name(e)} {counted(n, 'set')}" for e, n in called.items())
    return f"called done by the coach: {listed_sets}" if called else ""


def repetitions(sets: list[LiftSet]) -> str:
    """Repetitions of each set: "5 x 5", or "5 + 5 + 4" when they differ; ">=" where a count is a lower bound."""
    counts = [f"{'>=' if one.repetitions_are_at_least else ''}{len(one.repetitions)}" for one in sets]
    if len(set(counts)) == 1 and len(counts) > 1:
        return f"{len(counts)} x {counts[0]}"
    return " + ".join(counts)


def _index(report: SessionReport) -> Fact:
    """The osteogenic index by its full name; reported, never graded."""
    index = report.indices.osteogenic_index
    if index.value is None:
        return Fact("index", "")
    cumulative = report.indices.cumulative_index
    extra = f"; cumulative {number(cumulative)} [convention]" if cumulative is not None else ""
    return Fact("index", f"{number(index.value)} {index.method}{extra}", "no validated cut-off, not graded")


def excluded_counts(report: SessionReport) -> list[tuple[str, int]]:
    """Reason and count of what is not a landing or a set, most frequent first."""
    return Counter(one.reason for r in report.recordings for one in r.excluded).most_common()


def plan_table(prescription: PrescriptionResult) -> PlanTable | None:
    """Prescribed against done; None without a plan, rows or lock."""
    if not prescription.rows and not prescription.locked:
        return None
    stage = f", stage {prescription.stage}" if prescription.stage else ""
    rows = tuple(
        PlanRow(
            exercise=name(row.exercise),
            prescribed=row.prescribed,
            done=DASH if row.done is None else row.done,
            met={True: "met", False: "not met", None: DASH}[row.met],
            source=row.source,
            reason=row.reason,
        )
        for row in prescription.rows
    )
    return PlanTable(title=f"{prescription.plan or 'own target'}{stage}", rows=rows, locked=prescription.locked)


def flag_lines(prescription: PrescriptionResult) -> tuple[FlagLine, ...]:
    """Flags, red first."""
    order = {"red": 0, "amber": 1, "note": 2}
    flags = sorted(prescription.flags, key=lambda flag: order[flag.severity])
    return tuple(FlagLine(severity=f.severity, sentence=f.sentence, source=f.source) for f in flags)


def grade_of(landing: Landing, verdict: Verdict) -> Grade:
    """What the landing was in the terms of the verdict's basis."""
    low, ceiling = verdict.target.get("min_net_g"), verdict.target.get("ceiling_net_g")
    if verdict.basis == "prescribed" and (low is not None or ceiling is not None):
        if landing.high_magnitude is None and landing.high_rate is None:
            return Grade.NOT_GRADED
        if ceiling is not None and landing.peak_net_g > ceiling:
            return Grade.ABOVE_CEILING
        return Grade.BELOW_BAND if low is not None and landing.peak_net_g < low else Grade.IN_BAND
    if landing.high_magnitude is None and landing.high_rate is None:
        return Grade.NOT_GRADED
    return Grade.HIGH if landing.high_magnitude or landing.high_rate else Grade.BELOW_LEVEL


def event_rows(report: SessionReport) -> tuple[EventRow, ...]:
    """Landings and sets of all sensors in order of time."""
    rows = (row for recording in report.recordings for row in _event_rows(recording, report.verdict))
    return tuple(sorted(rows, key=lambda row: row.at_s))


def _event_rows(recording: RecordingResult, verdict: Verdict) -> Iterator[EventRow]:
    for landing in recording.landings:
        yield _landing_event(recording, landing, grade_of(landing, verdict))
    for one_set in recording.sets:
        yield _set_event(recording, one_set)


def _landing_event(recording: RecordingResult, landing: Landing, grade: Grade) -> EventRow:
    candidate = landing.candidate
    rate = landing.loading_rates.maximum_g_per_s
    limits = [*candidate.notes, *(["clipped: at least this"] if landing.clipped else [])]
    limits += ["cut by a gap or the end"] if candidate.truncated else []
    at_s = seconds_at(recording, candidate.landing_sample)
    return EventRow(
        event_id=landing.event_id,
        kind="landing",
        sensor=recording.sensor,
        at_s=at_s,
        until_s=seconds_at(recording, candidate.end_sample),
        clock=clock(at_s),
        time=_time_of_day(recording, candidate.landing_sample),
        what=grade.words,
        peak=f"{'≥ ' if landing.clipped else ''}{number(landing.peak_net_g)}",
        rate=number(rate, 0),
        peak_net_g=landing.peak_net_g,
        rate_g_per_s=rate,
        note="; ".join(limits),
        grade=grade,
    )


def _set_event(recording: RecordingResult, one_set: LiftSet) -> EventRow:
    at_s = seconds_at(recording, one_set.start_sample)
    load = f" at {plain(one_set.load_kg)} kg" if one_set.load_kg is not None else ""
    return EventRow(
        event_id=one_set.set_id,
        kind="set",
        sensor=recording.sensor,
        at_s=at_s,
        until_s=seconds_at(recording, one_set.end_sample),
        clock=clock(at_s),
        time=_time_of_day(recording, one_set.start_sample),
        what=f"{name(one_set.exercise)}, {repetitions([one_set])} repetitions{load}",
        peak=DASH,
        rate=DASH,
        peak_net_g=None,
        rate_g_per_s=None,
        note="; ".join(one_set.notes),
        grade=None,
    )


def _time_of_day(recording: RecordingResult, sample: int) -> str:
    time = time_at(recording, sample)
    return DASH if time is None else time[11:19]


def day_rows(report: SessionReport) -> tuple[DayRow, ...]:
    """Local days of long wear."""
    return tuple(_day_row(day) for r in report.recordings for day in r.days)


def _day_row(day: DaySummary) -> DayRow:
    minutes = (day.minutes_above_750_mg, day.minutes_above_1000_mg)
    return DayRow(
        day=f"{_WEEKDAYS[day.day.weekday()][:3]} {day.day:%Y-%m-%d}",
        week=day.iso_week,
        wear=DASH if day.wear_s is None else duration(day.wear_s) + ("" if day.valid else " (too short)"),
        impacts=str(day.impacts),
        landings=DASH if day.landings is None else str(day.landings),
        score=number(day.daily_impact_score_log),
        minutes=DASH if None in minutes else " / ".join(number(m, 0) for m in minutes),
    )


def quality(report: SessionReport) -> tuple[SensorQuality, ...]:
    """Whether the data can be trusted, sensor by sensor."""
    return tuple(SensorQuality(r.sensor, tuple(_quality(r))) for r in report.recordings)


def _quality(recording: RecordingResult) -> Iterator[Fact]:
    info, seen, heard = recording.info, recording.quality, recording.clock
    measured = heard.measured_rate_hz or info.measured_rate_hz
    jitter = f", jitter p99 {number(heard.jitter_p99_ms)} ms" if heard.jitter_p99_ms is not None else ""
    yield Fact("rate", f"{info.sampling_rate_hz:.4g} Hz, measured {number(measured, 2, 'Hz')}{jitter}")
    yield Fact("samples", _samples(recording))
    if info.range_g is None:
        yield Fact("range", "unknown, so clipped peaks cannot be told: give --range-g")
    else:
        yield Fact("range", f"±{plain(info.range_g)} g, {counted(seen.n_clipped, 'clipped sample')}")
    yield Fact("still", _still(recording))
    if seen.non_wear_known:
        not_worn_s = sum(end - start for start, end in seen.non_wear) / info.sampling_rate_hz
        yield Fact("not worn", duration(not_worn_s))


def _samples(recording: RecordingResult) -> str:
    """Samples seen, missing and filled in."""
    seen = recording.quality
    missing = sum(gap.n_missing for gap in seen.gaps)
    filled = (
        f", {counted(recording.clock.n_interpolated, 'sample')} filled in" if recording.clock.n_interpolated else ""
    )
    lost = f", {missing} missing in {counted(len(seen.gaps), 'gap')}" if seen.gaps else ", no gaps"
    blind = "" if recording.info.loss_observable else "; a lost sample could not be noticed"
    return f"{seen.n_samples}{lost}{filled}{blind}"


def _still(recording: RecordingResult) -> str:
    """How close to 1 g the sensor reads while it is still."""
    seen = recording.quality
    if seen.still_error_g is None:
        return "no still second: calibration not checked"
    return f"{duration(seen.still_s)} still, reads {1 + seen.still_error_g:.3f} g (1 g expected)"


def notes(report: SessionReport) -> tuple[str, ...]:
    """What was decided, repaired and noticed while reading, each once."""
    return tuple(dict.fromkeys(report.quality_notes))


def method(report: SessionReport) -> tuple[Fact, ...]:
    """What the numbers were made with."""
    made, verdict = report.provenance, report.verdict
    lines = [
        Fact("filter", made.filter),
        Fact("loading rate", made.loading_rate_definition),
        Fact("judged by", f"{verdict.criterion}, profile {verdict.profile} ({verdict.population})"),
    ]
    if made.equations:
        lines.append(Fact("force equations", listed(_equation(e.name, e.mape_percent) for e in made.equations)))
    if report.indices.osteogenic_index.value is not None:
        lines.append(Fact("index", report.indices.osteogenic_index.source))
    return tuple(lines)


def _equation(key: str, mape_percent: float | None) -> str:
    return f"{key} (error {plain(mape_percent)} %)" if mape_percent is not None else key


def threshold_rows(report: SessionReport) -> tuple[ThresholdRow, ...]:
    """Levels that were used or shown, with their marks."""
    return tuple(
        ThresholdRow(
            name=t.name,
            value=level(t.value, t.unit, t.frame),
            population=t.population,
            source=t.source.citation,
            doi=t.source.doi,
            mark=t.source.known.mark.strip(),
        )
        for t in report.provenance.thresholds
    )
