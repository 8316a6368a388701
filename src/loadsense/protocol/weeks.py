"""Rules that need more than one session: weekly dose, breaks, progression, and change beyond noise.

Landings and lifting sets are two doses and are never added. A session that was missed is missing, not zero; a dose
that nobody could see is None. Suggestions come with the rule and the data that fired it, and the coach decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from statistics import stdev
from typing import Literal

from loadsense.prescriptions import Rule
from loadsense.results import Flag


class Standing(IntEnum):
    """How a week stands, the worst last; a week takes the worst of its parts."""

    AS_PLANNED = 0
    OVER = 1
    UNDER = 2
    CANNOT_SAY = 3
    MISSED = 4
    RED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekPrescription:
    """What a week asks for; None where the plan asks for none."""

    sessions: int
    landings: int | None
    lift_sets: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDose:
    """What one session gave.

    Attributes
    ----------
    day : date
        Local day.
    landings_in_band, lift_sets_met : int or None
        None where nothing could see them.
    landings_at_least, lift_sets_at_least : bool
        The count is a lower bound.
    cannot_say : str
        Why it could not be judged ("recorded at +-2 g: set the range to +-16 g"); empty when it could.
    flags : tuple of Flag
        That it raised.
    """

    day: date
    landings_in_band: int | None = None
    lift_sets_met: int | None = None
    landings_at_least: bool = False
    lift_sets_at_least: bool = False
    cannot_say: str = ""
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRow:
    """One dose of a week against its target.

    Attributes
    ----------
    done, prescribed : int or None
        None where nothing was seen, or nothing is asked.
    percent : float or None
        At most 100; what goes beyond is `extra`.
    extra : int
        Above the target.
    at_least : bool
        A lower bound.
    standing : Standing
        Of this dose alone.
    """

    done: int | None
    prescribed: int | None
    percent: float | None
    extra: int
    at_least: bool
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekStatus:
    """A week in one line: attendance, two doses, the worst of them and why."""

    sessions_done: int
    sessions_asked: int
    landings: DoseRow
    lifting: DoseRow
    standing: Standing
    reason: str


def week_status(
    sessions: Sequence[SessionDose],
    asked: WeekPrescription,
    *,
    tolerance: float,
    rules: Mapping[str, Rule],
    week_is_over: bool = True,
) -> WeekStatus:
    """Weekly dose against the prescription (decision 8).

    Parameters
    ----------
    sessions : sequence of SessionDose
        Of one local calendar week.
    asked : WeekPrescription
        Sessions, landings and lifting sets of that week.
    tolerance : float
        Share of a target that counts as met.
    rules : mapping
        `above-target` is read.
    week_is_over : bool
        A running week is not yet behind.
    """
    landings = _dose(
        [session.landings_in_band for session in sessions],
        asked.landings,
        at_least=any(session.landings_at_least for session in sessions),
        limits=(tolerance, rules["above-target"].value),
    )
    lifting = _dose(
        [session.lift_sets_met for session in sessions],
        asked.lift_sets,
        at_least=any(session.lift_sets_at_least for session in sessions),
        limits=(tolerance, rules["above-target"].value),
    )
    found = _findings(sessions, asked, landings, lifting)
    if not week_is_over:
        found = [one for one in found if one[0] not in (Standing.MISSED, Standing.UNDER)]
    standing = max((one[0] for one in found), default=Standing.AS_PLANNED)
    return WeekStatus(
        sessions_done=len(sessions),
        sessions_asked=asked.sessions,
        landings=landings,
        lifting=lifting,
        standing=standing,
        reason="; ".join(reason for level, reason in sorted(found, key=lambda one: -one[0]) if reason),
    )


def _dose(
    parts: Sequence[int | None], asked: int | None, *, at_least: bool, limits: tuple[float, float | None]
) -> DoseRow:
    seen = [part for part in parts if part is not None]
    done = sum(seen) if seen else None
    lower_bound = at_least or (done is not None and len(seen) < len(parts))
    if asked is None or done is None:
        unseen = asked is not None and len(parts) > 0
        standing = Standing.CANNOT_SAY if unseen else Standing.AS_PLANNED
        return DoseRow(done=done, prescribed=asked, percent=None, extra=0, at_least=lower_bound, standing=standing)
    return DoseRow(
        done=done,
        prescribed=asked,
        percent=min(100.0, 100.0 * done / asked),
        extra=max(0, done - asked),
        at_least=lower_bound,
        standing=_standing(done, asked, lower_bound, limits),
    )


def _standing(done: int, asked: int, lower_bound: bool, limits: tuple[float, float | None]) -> Standing:
    tolerance, most_percent = limits
    if most_percent is not None and done > asked * most_percent / 100.0:
        return Standing.OVER
    if done >= math.ceil(asked * tolerance - 1e-9):
        return Standing.AS_PLANNED
    return Standing.CANNOT_SAY if lower_bound else Standing.UNDER


def _findings(
    sessions: Sequence[SessionDose], asked: WeekPrescription, landings: DoseRow, lifting: DoseRow
) -> list[tuple[Standing, str]]:
    """Everything that is not as planned, with its reason."""
    found = [(Standing.RED, flag.sentence) for session in sessions for flag in session.flags if flag.severity == "red"]
    found += [(Standing.CANNOT_SAY, session.cannot_say) for session in sessions if session.cannot_say]
    missed = asked.sessions - len(sessions)
    if missed > 0:
        found.append((Standing.MISSED, f"{missed} of {asked.sessions} sessions missed"))
    for name, row in (("landings in band", landings), ("lifting sets", lifting)):
        if row.standing is not Standing.AS_PLANNED:
            count = "not counted" if row.done is None else f"{row.done} of {row.prescribed}"
            found.append((row.standing, f"{name}: {'at least ' if row.at_least and row.done else ''}{count}"))
    for session in sessions:
        found += [(Standing.OVER, flag.sentence) for flag in session.flags if flag.severity == "amber"]
    return found


def adherence_percent(attended: int, offered: int) -> float | None:
    """Sessions attended out of those offered; None before any was offered.

    Examples
    --------
    >>> adherence_percent(63, 70)
    90.0
    """
    return 100.0 * attended / offered if offered else None


def history_flags(start: datetime, last_high_start: datetime | None, *, rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    """Flags of the time since the last high session: too soon, or after a break.

    Hours count from start to start and are whole hours, as in their source: Tuesday and Thursday at six are 48 h apart
    however long Tuesday's session was, and five minutes do not make them less.

    Parameters
    ----------
    start, last_high_start : datetime
        Both aware, or both naive of one clock; None: no earlier session is known, and nothing is flagged.
    rules : mapping
        `hours-between-sessions`, `break-one-stage-back` and `break-ramp-again` are read.
    """
    if last_high_start is None:
        return ()
    hours = (start - last_high_start).total_seconds() / 3600.0
    pause, back, ramp = (rules[name] for name in ("hours-between-sessions", "break-one-stage-back", "break-ramp-again"))
    if _reached(hours / 24.0, ramp):
        return (_flag(ramp, f"{hours / 24.0:.0f} days since the last session: ramp again from the first stage"),)
    if _reached(hours / 24.0, back):
        return (_flag(back, f"{hours / 24.0:.0f} days since the last session: one stage back"),)
    whole_hours = math.floor(hours + 0.5)
    if pause.on and pause.value is not None and whole_hours < pause.value:
        return (_flag(pause, f"{whole_hours} h since the last high session began, {pause.value:g} h asked"),)
    return ()


def _reached(value: float, rule: Rule) -> bool:
    return rule.on and rule.value is not None and value >= rule.value


def _flag(rule: Rule, sentence: str) -> Flag:
    source = rule.source.citation + rule.source.known.mark
    return Flag(rule=rule.name, severity=rule.severity, sentence=sentence, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one week asked of her: loads, drop height and count, as done; None where unknown."""

    loads_kg: Mapping[str, float]
    drop_height_cm: float | None = None
    landings: int | None = None


def step_flags(before: Step, after: Step, *, rules: Mapping[str, Rule]) -> tuple[Flag, ...]:
    """Amber when more than one of load, height and count rose in a week, or load or count by too much.

    Height moves from one step to the next; how far apart steps are is the coach's matter, so its size is not judged.
    """
    rule, plate = rules["one-step-a-week"], rules["smallest-plate"].value
    if not rule.on or rule.value is None:
        return ()
    rises = {
        exercise: (before.loads_kg[exercise], load)
        for exercise, load in after.loads_kg.items()
        if load > before.loads_kg.get(exercise, load)
    }
    higher = _rose(before.drop_height_cm, after.drop_height_cm)
    more = _rose(before.landings, after.landings)
    risen = [word for word, rose in (("load", bool(rises)), ("height", higher), ("count", more)) if rose]
    found = [f"{' and '.join(risen)} rose in one week: one at a time"] if len(risen) > 1 else []
    for exercise, (old, new) in rises.items():
        limit = largest_step_kg(old, percent=rule.value, plate_kg=plate)
        if new - old > limit + 1e-9:
            found.append(f"{exercise.replace('_', ' ')} rose by {new - old:g} kg in a week, {limit:g} kg at most")
    if more and before.landings and after.landings and after.landings > before.landings * (1 + rule.value / 100.0):
        found.append(f"landings rose from {before.landings} to {after.landings} in a week, {rule.value:g} % at most")
    return tuple(_flag(rule, sentence) for sentence in found)


def _rose(old: float | None, new: float | None) -> bool:
    return old is not None and new is not None and new > old


def largest_step_kg(load_kg: float, *, percent: float, plate_kg: float | None) -> float:
    """The smaller of a share of the load and one smallest plate.

    Examples
    --------
    >>> largest_step_kg(40.0, percent=5.0, plate_kg=2.5)
    2.0
    """
    share = load_kg * percent / 100.0
    return share if plate_kg is None else min(share, plate_kg)


def suggested_step_kg(load_kg: float, *, rules: Mapping[str, Rule]) -> float:
    """The largest step, rounded down to what can be put on a bar; of a load too light for that, the step itself.

    Examples
    --------
    >>> from loadsense import evidence
    >>> [suggested_step_kg(load_kg, rules=evidence.rules()) for load_kg in (27.5, 40.0, 62.5, 8.0)]
    [1.0, 2.0, 2.5, 0.4]
    """
    percent, plate = rules["progress-step"].value or 0.0, rules["smallest-plate"].value
    step = largest_step_kg(load_kg, percent=percent, plate_kg=plate)
    precision = rules["load-precision"].value
    rounded = math.floor(step / precision + 1e-9) * precision if precision else step
    return rounded or step


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseSession:
    """One session of one exercise, for progression.

    Attributes
    ----------
    day : date
        Local day.
    met : bool or None
        As in its prescription row.
    load_kg, drop_height_cm : float or None
        What was lifted, or dropped from.
    rpe, rpe_scale : float, {"borg", "0-10"} or None
        Highest exertion, with its scale.
    flags : tuple of Flag
        That the session raised.
    """

    day: date
    met: bool | None
    load_kg: float | None = None
    drop_height_cm: float | None = None
    rpe: float | None = None
    rpe_scale: Literal["borg", "0-10"] | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What could come next; the coach decides.

    Attributes
    ----------
    exercise : str
        Lift, or "landings".
    action : {"step up", "hold", "back off"}
        What is suggested.
    change : str
        "+2 kg", "+1 drop height"; empty for a hold.
    rule, source : str
        Which rule, and where it comes from.
    data : tuple of str
        What fired it, in words.
    """

    exercise: str
    action: Literal["step up", "hold", "back off"]
    change: str
    rule: str
    source: str
    data: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """As shown on a card.

        Examples
        --------
        >>> Suggestion(exercise="deadlift", action="hold", change="", rule="r", source="s", data=("a", "b")).sentence
        'deadlift: HOLD - a, b (rule r)'
        """
        step = f" {self.change}" if self.change else ""
        return f"{self.exercise}: {self.action.upper()}{step} - {', '.join(self.data)} (rule {self.rule})"


def suggest(
    exercise: str,
    sessions: Sequence[ExerciseSession],
    *,
    max_rpe: Mapping[str, float],
    rules: Mapping[str, Rule],
    raised_this_week: str | None = None,
) -> Suggestion:
    """Suggest the next step of one exercise, from its latest sessions (decision 13).

    Parameters
    ----------
    exercise : str
        Lift, or "landings".
    sessions : sequence of ExerciseSession
        In order of time.
    max_rpe : mapping
        The plan's limit on each scale.
    rules : mapping
        `progress-sessions`, `progress-step`, `smallest-plate`, `load-precision` and `above-ceiling` are read.
    raised_this_week : str, optional
        Another variable (load, height, count) that has already gone up: then this one holds.
    """
    rule = rules["progress-sessions"]
    wanted = round(rule.value or 0)
    if not rule.on or not wanted:
        return _suggestion(exercise, "hold", rule, ("not set",))
    latest = list(sessions)[-wanted:]
    red = [flag.sentence for one in latest for flag in one.flags if flag.severity == "red"]
    if red:
        return _suggestion(exercise, "back off", rule, tuple(red))
    against = _against(latest, wanted, max_rpe)
    variable = "height" if exercise == "landings" else "load"
    if raised_this_week and raised_this_week != variable:
        against = (*against, f"{raised_this_week} goes up this week: one at a time")
    if against:
        return _suggestion(exercise, "hold", rule, against)
    reasons = (f"{wanted} sessions at target", _rpe_in_words(latest), "no flag")
    if exercise == "landings":
        return _suggestion(exercise, "step up", rule, reasons, change="+1 drop height")
    load_kg = latest[-1].load_kg
    if load_kg is None:
        return _suggestion(exercise, "hold", rule, ("no load was entered",))
    step = suggested_step_kg(load_kg, rules=rules)
    return _suggestion(exercise, "step up", rule, reasons, change=f"+{step:g} kg ({100 * step / load_kg:.3g} %)")


def _against(latest: Sequence[ExerciseSession], wanted: int, max_rpe: Mapping[str, float]) -> tuple[str, ...]:
    """What speaks against a step up."""
    found = [flag.sentence for one in latest for flag in one.flags if flag.severity == "amber"]
    if len(latest) < wanted:
        found.append(f"{len(latest)} of {wanted} sessions known")
    missed = sum(one.met is False for one in latest)
    unknown = sum(one.met is None for one in latest)
    if missed:
        found.append(f"{missed} of the last {len(latest)} sessions not at target")
    if unknown:
        found.append(f"{unknown} of the last {len(latest)} sessions could not be judged")
    for one in latest:
        limit = max_rpe.get(one.rpe_scale) if one.rpe_scale else None
        if one.rpe is None or limit is None:
            found.append(f"no exertion on {one.day.isoformat()}")
        elif one.rpe > limit:
            found.append(f"exertion {one.rpe:g} ({one.rpe_scale}), {limit:g} at most")
    return tuple(dict.fromkeys(found))


def _rpe_in_words(latest: Sequence[ExerciseSession]) -> str:
    return "exertion " + ", ".join(f"{one.rpe:g}" for one in latest) + f" ({latest[-1].rpe_scale})"


def _suggestion(
    exercise: str,
    action: Literal["step up", "hold", "back off"],
    rule: Rule,
    data: tuple[str, ...],
    *,
    change: str = "",
) -> Suggestion:
    source = rule.source.citation + rule.source.known.mark
    return Suggestion(exercise=exercise, action=action, change=change, rule=rule.name, source=source, data=data)


def minimum_detectable_change(values: Sequence[float], *, rules: Mapping[str, Rule]) -> float | None:
    """1.96 sqrt(2) SEM, the smallest difference between two sessions that is not noise (decision 14).

    The standard error of measurement is the standard deviation of repeated sessions.

    Parameters
    ----------
    values : sequence of float
        One per session, all of the same prescription, placement and sensor.
    rules : mapping
        `change-sessions` is read: with fewer sessions the change is unknown.

    Examples
    --------
    >>> from loadsense import evidence
    >>> round(minimum_detectable_change([2.0, 2.2, 1.8, 2.1, 1.9], rules=evidence.rules()), 3)
    0.438
    """
    rule = rules["change-sessions"]
    if not rule.on or rule.value is None or len(values) < max(2, rule.value):
        return None
    return 1.96 * math.sqrt(2.0) * stdev(values)


def change_word(before: float, after: float, detectable: float | None) -> Literal["up", "down"] | None:
    """Up or down only beyond the minimum detectable change; None within it, or where it is unknown."""
    if detectable is None or abs(after - before) <= detectable:
        return None
    return "up" if after > before else "down"
