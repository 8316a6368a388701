"""The verdict of a session: reached, not reached, or cannot say.

Theory of operation. Every landing, and the recording as a whole, leaves things unknown: a peak within the sensor's
error of a level, a clipped peak, a rate that may not be graded, landings that a gap may have swallowed. One counting
function is evaluated twice, with every unknown at its best and with every unknown at its worst. If both say yes, the
target was REACHED; if both say no, it was NOT REACHED; if they differ, the answer is CANNOT SAY, with the one thing
that would settle it next time. No rule outside this one can turn a doubt into REACHED.

Two bases. *Prescribed*: a plan or a person sets the number, and her band says which landings count; more or harder is
never better. *Evidence*: without a prescription, landings over levels that were studied elsewhere. With a
prescription, those levels stand beside the verdict as a line of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadsense.criteria import GradingCriteria, LandingTarget, Profile
from loadsense.errors import OptionError
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import PrescriptionRow, Verdict, VerdictStatus
from loadsense.verdict.grading import (
    Case,
    Observation,
    Tally,
    count_landings,
    landings_in_gaps,
    landings_needed,
    rate_doubt,
    with_likely_range,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One thing that is unknown, and what would settle it."""

    reason: str
    to_do: str


def check_target(target: LandingTarget) -> None:
    """Refuse a target that no session could miss, and one that asks for landings above the ceiling.

    Raises
    ------
    OptionError
        Fewer than one landing is asked for, or the minimum of the band is above its ceiling.
    """
    if target.landings is not None and target.landings < 1:
        raise OptionError(
            f"{target.landings} landings are asked for; expected 1 or more: correct --target-landings, or leave it out"
        )
    low, ceiling = target.min_net_g, target.ceiling_net_g
    if low is not None and ceiling is not None and low > ceiling:
        raise OptionError(
            f"the band asks for at least {low:g} g net and its ceiling is {ceiling:g} g net; "
            "expected a minimum below the ceiling: lower the minimum, or raise the ceiling with the coach"
        )


def judge(
    seen: Observation,
    target: LandingTarget,
    *,
    profile: Profile,
    criteria: GradingCriteria,
    lifts: Sequence[PrescriptionRow] = (),
) -> Verdict:
    """The verdict on a session.

    Parameters
    ----------
    seen : Observation
        What the sensor of the landings saw.
    target : LandingTarget
        Prescribed, or by evidence.
    profile : Profile
        Levels of the evidence.
    criteria : GradingCriteria
        Tolerances.
    lifts : sequence of PrescriptionRow
        Lifting rows of the plan: judged where the plan has no landings, told beside an impact that cannot be judged.

    Raises
    ------
    OptionError
        The target asks for fewer than one landing, or for landings above the ceiling.
    """
    check_target(target)
    range_is_stated, seen = seen.range_g is not None, with_likely_range(seen, criteria)
    case = Case(seen, target, profile, criteria)
    if target.basis == "prescribed" and target.landings is None and lifts:
        return _lifting_verdict(case, lifts)
    tally = count_landings(seen, target, profile=profile, criteria=criteria)
    hidden = landings_in_gaps(seen, criteria)
    needed = landings_needed(target, criteria) or 0
    blind = _blindness(case)
    worst = blind is None and tally.worst >= needed
    doubts = [blind] if blind else _doubts(case, tally, hidden, needed)
    best = worst or bool(blind) or bool(_total(case)) or tally.best + hidden >= needed
    settled = best == worst
    return Verdict(
        status=_status(best=best, worst=worst),
        basis=target.basis,
        judged=_judged(case, tally, hidden, doubt=None if settled else doubts[0]) + _lifts_beside(blind, lifts),
        profile=profile.name,
        population=profile.population,
        criterion="count" if target.basis == "prescribed" else case.criterion or "none",
        at_least=blind is None and (tally.clipped > 0 or hidden > 0),
        borderline_n=tally.borderline,
        reached_if_best=best,
        reached_if_worst=worst,
        to_do=None if settled else doubts[0].to_do,
        reasons=_reasons(case, doubts) if range_is_stated else (*_reasons(case, doubts), _unstated(seen)),
        evidence_line=evidence_line(seen, target, profile=profile),
        target=_target_numbers(target, needed),
        achieved=_achieved(case, tally, hidden),
    )


def _status(*, best: bool, worst: bool) -> VerdictStatus:
    if worst:
        return VerdictStatus.REACHED
    return VerdictStatus.CANNOT_SAY if best else VerdictStatus.NOT_REACHED


def _blindness(case: Case) -> Doubt | None:
    """What keeps this session from being judged at all, whatever its landings."""
    seen, target, profile = case.seen, case.target, case.profile
    if target.locked:
        return Doubt(
            reason=f"{_n(len(seen.landings), 'landing')} seen and not graded, as {target.locked}",
            to_do=_unlock(target.locked),
        )
    if not CAPABILITIES[seen.placement].grades_landings:
        return _ungraded_placement(seen)
    if seen.sampling_rate_hz < case.criteria.landing_min_rate_hz:
        return Doubt(
            reason=f"{seen.sampling_rate_hz:.4g} Hz is too slow for landings (50 Hz at least)",
            to_do="record at 100 Hz or faster",
        )
    if target.basis == "evidence" and profile.criterion is None:
        return Doubt(
            reason=f"profile {profile.name} reports and judges no session",
            to_do="name a plan, or another profile with --thresholds",
        )
    if target.landings is None:
        return Doubt(reason="nobody set a number of landings", to_do="name a plan, or give --target-landings")
    if target.basis == "evidence" and _above_ceiling(target, profile):
        return Doubt(
            reason=f"her ceiling is {target.ceiling_net_g:g} g net: the levels of {profile.name} are no target for her",
            to_do="name her plan, or her own target",
        )
    return None


def _unlock(locked: str) -> str:
    """What opens a lock: the lock of a fracture says it itself, an old screening is done again."""
    if "unlock" in locked:
        return "ask the clinician"
    if "review" in locked or "older than" in locked:
        return "screen again"
    return "complete the screening, or have it cleared by name"


def _above_ceiling(target: LandingTarget, profile: Profile) -> bool:
    ceiling = target.ceiling_net_g
    return ceiling is not None and profile.magnitude is not None and profile.magnitude.value >= ceiling


def _ungraded_placement(seen: Observation) -> Doubt:
    place = seen.placement.value.replace("_", " ")
    if seen.placement is Placement.UNKNOWN:
        where, to_do = "nobody said where the sensor was worn", "say so with --placement"
    else:
        where, to_do = f"landings are not graded at the {place}", "wear a sensor at the hip or waist"
    if CAPABILITIES[seen.placement].landing_method is None:
        return Doubt(reason=where, to_do=to_do)
    return Doubt(reason=f"about {len(seen.landings)} jumps, experimental; {where}", to_do=to_do)


def _total(case: Case) -> list[Doubt]:
    """Doubts that leave the whole count open: a range too small for the level, and a block that was never seen."""
    seen, lowest_g = case.seen, case.lowest_g
    found = []
    if lowest_g is not None and seen.range_g is not None and seen.range_g <= lowest_g + 1.0:
        found.append(
            Doubt(
                reason=f"recorded at +-{seen.range_g:g} g, too little to see {lowest_g:g} g net",
                to_do=f"set the range to +-{case.criteria.rate_full_range_g:g} g",
            )
        )
    if not seen.landings and not seen.block_confirmed:
        found.append(
            Doubt(
                reason="no landing was seen, and nobody confirmed that there were any",
                to_do="confirm that the landing block took place with the sensor worn",
            )
        )
    return found


def _doubts(case: Case, tally: Tally, hidden: int, needed: int) -> list[Doubt]:
    """Everything that could still lift the count, the most telling first; none once the count is sure."""
    if tally.worst >= needed:
        return []
    full = f"set the range to +-{case.criteria.rate_full_range_g:g} g"
    found = _total(case)
    if tally.clipped:
        at = "at an unknown range" if case.seen.range_g is None else f"at +-{case.seen.range_g:g} g"
        found.append(Doubt(reason=f"{_n(tally.clipped, 'landing')} clipped {at}", to_do=full))
    if tally.rate_unknown:
        why = rate_doubt(case.seen, case.criteria) or "loading rate of a landing is unknown"
        found.append(Doubt(reason=why, to_do=f"record at {case.criteria.rate_min_nominal_hz:g} Hz"))
    if hidden:
        reason = f"gaps could hide up to {_n(hidden, 'landing')}"
        found.append(Doubt(reason=reason, to_do="keep the sensor in reach, or count the landings by hand"))
    if tally.borderline:
        reason = f"{_n(tally.borderline, 'landing')} within the error of a level"
        found.append(Doubt(reason=reason, to_do="look at those landings with the coach"))
    return found


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _where(seen: Observation) -> str:
    rate_hz = seen.nominal_rate_hz or seen.sampling_rate_hz
    return f"{seen.placement.value.replace('_', ' ')}, {rate_hz:.4g} Hz"


def _judged(case: Case, tally: Tally, hidden: int, *, doubt: Doubt | None) -> str:
    """The sentence after the word."""
    if doubt is None:
        return f"{_counted(case, tally, hidden)}; {_where(case.seen)}"
    if _blindness(case) or doubt in _total(case):
        return _why(doubt)
    return f"{_counted(case, tally, hidden)}; {_why(doubt)}"


def _why(doubt: Doubt) -> str:
    return f"{doubt.reason}: {doubt.to_do}"


def _counted(case: Case, tally: Tally, hidden: int) -> str:
    asked = case.target.landings or 0
    least = "at least " if tally.clipped or hidden else ""
    if case.target.basis == "prescribed":
        extra = f" (+{tally.nominal - asked} extra)" if tally.nominal > asked else ""
        return f"{least}{min(tally.nominal, asked)} of {asked} landings as planned{extra}{_too_hard(case)}"
    return f"{least}{tally.nominal} of {asked} landings over {_levels(case)}, studied in {case.profile.population}"


def _too_hard(case: Case) -> str:
    """The landings above her ceiling: a count that fell short by them alone reads as if she had landed too softly."""
    ceiling = case.target.ceiling_net_g
    above = sum(ceiling is not None and landing.peak_net_g > ceiling for landing in case.seen.landings)
    return f", {above} above her ceiling of {ceiling:g} g net" if above else ""


def _levels(case: Case) -> str:
    magnitude, rate = case.profile.magnitude, case.profile.rate
    of_magnitude = f"{magnitude.value:g} g net" if magnitude else ""
    of_rate = f"{rate.value:g} g/s" if rate else ""
    words = {
        "magnitude": of_magnitude,
        "rate": of_rate,
        "either": f"{of_magnitude} or {of_rate}",
        "both": f"{of_magnitude} and {of_rate}",
    }
    return words.get(case.criterion or "", "no level")


def _lifts_beside(blind: Doubt | None, lifts: Sequence[PrescriptionRow]) -> str:
    if blind is None or not lifts:
        return ""
    known = [row for row in lifts if row.met is not None]
    return f"; lifting: {sum(row.met is True for row in known)} of {len(lifts)} rows met" if known else ""


def _lifting_verdict(case: Case, lifts: Sequence[PrescriptionRow]) -> Verdict:
    """Verdict of a plan without landings: its lifting rows."""
    target = case.target
    best = bool(target.locked) or all(row.met is not False for row in lifts)
    worst = not target.locked and all(row.met for row in lifts)
    met = sum(row.met is True for row in lifts)
    open_rows = [f"{row.exercise}: {row.reason or 'not observed'}" for row in lifts if row.met is None]
    reasons = [f"not graded: {target.locked}"] if target.locked else open_rows
    judged = f"{met} of {len(lifts)} lifting rows as planned"
    return Verdict(
        status=_status(best=best, worst=worst),
        basis="prescribed",
        judged=f"{judged}; {reasons[0]}" if reasons and best != worst else judged,
        profile=case.profile.name,
        population=case.profile.population,
        criterion="count",
        at_least=False,
        borderline_n=0,
        reached_if_best=best,
        reached_if_worst=worst,
        to_do=None if best == worst else "complete the screening" if target.locked else "enter what was not seen",
        reasons=tuple(reasons),
        target={"lifting_rows": len(lifts)},
        achieved={"lifting_rows": met},
    )


def _reasons(case: Case, doubts: Sequence[Doubt]) -> tuple[str, ...]:
    reasons = [doubt.reason for doubt in doubts] + _outside_band(case)
    if case.target.basis == "evidence" and case.profile.criterion == "either" and case.criterion == "magnitude":
        reasons.append(f"judged by magnitude alone: {rate_doubt(case.seen, case.criteria)}")
    return tuple(dict.fromkeys(reasons))


def _unstated(seen: Observation) -> str:
    if seen.range_g is None:
        return "nobody stated the range: a clipped peak could not be told for sure"
    return f"nobody stated the range: the largest sample lies at +-{seen.range_g:g} g, state it with --range-g"


def _outside_band(case: Case) -> list[str]:
    """How many landings lay below and above her band, as measured."""
    target, peaks = case.target, [landing.peak_net_g for landing in case.seen.landings]
    if target.basis == "evidence" or _blindness(case):
        return []
    low, ceiling = target.min_net_g, target.ceiling_net_g
    below = sum(peak < low for peak in peaks) if low is not None else 0
    above = sum(peak > ceiling for peak in peaks) if ceiling is not None else 0
    told = [f"{_n(below, 'landing')} below {low:g} g net"] if below else []
    return [*told, f"{_n(above, 'landing')} above her ceiling of {ceiling:g} g net"] if above else told


_OWN_TARGET: Final = "do not land harder to change this number. A plan sets her own target (--plan, --person)."


def evidence_line(seen: Observation, target: LandingTarget, *, profile: Profile) -> str | None:
    """What the landings did against a level studied elsewhere; never an invitation."""
    level = profile.magnitude
    if target.locked or level is None or not seen.landings or not CAPABILITIES[seen.placement].grades_landings:
        return None
    studied = f"a level studied in {level.population}"
    if target.basis == "evidence":
        return f"{level.value:g} g is {studied}, and nobody's goal: {_OWN_TARGET}"
    if seen.range_g is not None and seen.range_g <= level.value + 1.0:
        return f"recorded at +-{seen.range_g:g} g: whether any passed {level.value:g} g, {studied}, could not be seen."
    passed = sum(landing.peak_net_g > level.value for landing in seen.landings)
    never = "Do not land harder to change this number."
    if not passed:
        return f"none passed {level.value:g} g, {studied}; at this stage that is expected. {never}"
    of_all = f"{passed} of {len(seen.landings)} passed {level.value:g} g, {studied}"
    return f"{of_all}; her prescription does not ask for that. {never}"


def _target_numbers(target: LandingTarget, needed: int) -> dict[str, float | int | None]:
    return {
        "landings": target.landings,
        "landings_needed": needed if target.landings is not None else None,
        "min_net_g": target.min_net_g,
        "ceiling_net_g": target.ceiling_net_g,
    }


def _achieved(case: Case, tally: Tally, hidden: int) -> dict[str, float | int | None]:
    graded = CAPABILITIES[case.seen.placement].grades_landings
    return {
        "landings": len(case.seen.landings) if graded else None,
        "counted": tally.nominal if graded else None,
        "counted_at_worst": tally.worst if graded else None,
        "counted_at_best": tally.best if graded else None,
        "possible_in_gaps": hidden,
        "clipped_in_doubt": tally.clipped,
    }
