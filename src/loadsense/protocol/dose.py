"""What one session adds to the two doses of a week: landings in her band, and lifting sets as prescribed.

What could not be seen is None and not 0; what a doubt leaves open is the count at its worst, "at least".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadsense.events import LiftSet
from loadsense.prescriptions import LiftPrescription, PlanStage
from loadsense.results import CalledSet, SessionReport, VerdictStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """Landings in band and lifting sets met, each None where nothing could see them, and whether more are possible."""

    landings_in_band: int | None
    landings_at_least: bool
    lift_sets_met: int | None
    lift_sets_at_least: bool
    cannot_say: str


def dose(report: SessionReport, *, stage: PlanStage | None) -> Dose:
    """The dose of a session that has been judged.

    Parameters
    ----------
    report : SessionReport
        With its verdict and loads.
    stage : PlanStage or None
        What was prescribed; None without a plan, whose landings count without a band.
    """
    landings, landings_at_least = _landings(report)
    sets, sets_at_least = _lift_sets(report, stage)
    unsure = report.verdict.status is VerdictStatus.CANNOT_SAY
    return Dose(
        landings_in_band=landings,
        landings_at_least=landings_at_least,
        lift_sets_met=sets,
        lift_sets_at_least=sets_at_least,
        cannot_say=report.verdict.judged if unsure else "",
    )


def _landings(report: SessionReport) -> tuple[int | None, bool]:
    verdict, achieved = report.verdict, report.verdict.achieved
    counted = achieved.get("counted" if verdict.basis == "prescribed" else "landings")
    if counted is None or report.prescription.locked:
        return None, False
    if verdict.status is not VerdictStatus.CANNOT_SAY:
        return int(counted), verdict.at_least
    least = achieved.get("counted_at_worst")
    return (int(least), True) if least else (None, False)


def _lift_sets(report: SessionReport, stage: PlanStage | None) -> tuple[int | None, bool]:
    """Sets with their repetitions and a load that is not known to be too light; up to as many as were prescribed."""
    seen = any(row.exercise != "landings" and row.source != "not observed" for row in report.prescription.rows)
    if stage is None or not stage.lifts or not seen or report.prescription.locked:
        return None, False
    sets = [one for recording in report.recordings for one in recording.sets]
    met = sum(min(lift.sets, _met(lift, sets, report.called_done)) for lift in stage.lifts)
    doubtful = any(
        one.exercise == "unknown" or (one.repetitions_are_at_least and not _is_met(lift, one))
        for one in sets
        for lift in stage.lifts
        if one.exercise in ("unknown", lift.exercise)
    )
    return met, doubtful and met < sum(lift.sets for lift in stage.lifts)


def _met(lift: LiftPrescription, sets: Sequence[LiftSet], called: Sequence[CalledSet]) -> int:
    """Sets as a sensor saw them, or as the coach called them where no sensor saw that they were not met."""
    own = [one for one in sets if one.exercise == lift.exercise]
    hers = sum(one.exercise == lift.exercise and not _is_too_light(lift, one) for one in called)
    not_met = sum(not _is_met(lift, one) and not one.repetitions_are_at_least for one in own)
    return max(sum(_is_met(lift, one) for one in own), hers - not_met)


def _is_met(lift: LiftPrescription, one: LiftSet) -> bool:
    return len(one.repetitions) >= lift.repetitions and not _is_too_light(lift, one)


def _is_too_light(lift: LiftPrescription, one: LiftSet | CalledSet) -> bool:
    if lift.min_pct_1rm is None or one.pct_1rm is None:
        return False
    return one.pct_1rm < lift.min_pct_1rm - 1e-9
