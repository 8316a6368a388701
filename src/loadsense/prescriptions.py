"""Prescriptions in frozen form: plans with their stages, the person they are for, and the rules that guard them.

`loadsense.evidence` makes these from its data files and from the user's own; the pure rooms receive them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from loadsense.criteria import Source

Answer = Literal["yes", "no", "unknown"]
Severity = Literal["red", "amber", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One safety or progression rule; without a value it is off, and outputs say "not set".

    Attributes
    ----------
    name : str
        Key, for instance "hours-between-sessions".
    value : float or None
        The number of the rule; None when nobody has set it.
    unit : str
        Unit of the value; empty for a rule that is an event.
    severity : {"red", "amber", "note"}
        Red locks the next session until a named clearance; amber is acknowledged; a note only explains.
    on : bool
        Whether the rule is applied; a numeric rule without a value is off.
    sentence : str
        Plain words.
    source : Source
        With its mark.
    """

    name: str
    value: float | None
    unit: str
    severity: Severity
    on: bool
    sentence: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftPrescription:
    """One lift of a plan: sets x repetitions at a share of the one-repetition maximum (None: no load is asked)."""

    exercise: str
    sets: int
    repetitions: int
    min_pct_1rm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStage:
    """One step of a plan, from first exposure to the full prescription.

    Attributes
    ----------
    name, description : str
        Key, and what is done in it.
    landings : int or None
        Landings in a session; None when the stage has none.
    min_net_g, ceiling_net_g : float or None
        Band of a landing in NET g; None leaves that side open.
    lifts : tuple of LiftPrescription
        In the order of the plan.
    source : Source
        Where the stage comes from.
    """

    name: str
    description: str
    landings: int | None
    min_net_g: float | None
    ceiling_net_g: float | None
    lifts: tuple[LiftPrescription, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A prescription that sessions are compared with.

    Attributes
    ----------
    name, title : str
        Key, and a line for people.
    sessions_per_week : int
        Asked for.
    min_hours_between : float or None
        Shortest time between two sessions.
    supervised, needs_screening : bool
        Whether somebody must stand by, and whether decision 12's screening must be complete.
    max_rpe : tuple of (str, float)
        Limit of exertion by scale, for progression: (("borg", 16.0), ("0-10", 7.0)).
    stages : tuple of PlanStage
        In order; the last is the full prescription.
    source : Source
        The trial.
    """

    name: str
    title: str
    sessions_per_week: int
    min_hours_between: float | None
    supervised: bool
    needs_screening: bool
    max_rpe: tuple[tuple[str, float], ...]
    stages: tuple[PlanStage, ...]
    source: Source

    @property
    def full(self) -> PlanStage:
        """The whole prescription, after the ramp."""
        return self.stages[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRepMax:
    """Most that was lifted once, or estimated so: kilograms, when, and how ("tested", "estimated from 5 of 60 kg")."""

    exercise: str
    kg: float
    measured_on: date
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Answers before anyone is loaded; None and "unknown" are not "no".

    Attributes
    ----------
    screened_on, review_date : date or None
        When it was done, and when it must be looked at again.
    vertebral_fracture, current_back_pain, joint_or_limb_injury : {"yes", "no", "unknown"}
        As asked.
    uncontrolled_heart_or_blood_pressure, pregnancy : {"yes", "no", "unknown"}
        As asked.
    low_trauma_fractures, falls_12_months : int or None
        Counts; None is unknown.
    last_fracture_on : date or None
        Of the latest low-trauma fracture.
    balance : str
        In the screener's words; empty is unknown.
    cleared_by : str
        Who cleared her; empty is nobody.
    ended_by : str
        "fall", "fracture" or "new back pain" since the screening; empty is none.
    landings_unlocked_by, landings_unlocked_on
        A clinician may unlock landings after a fracture, by name and date.
    """

    screened_on: date | None = None
    review_date: date | None = None
    vertebral_fracture: Answer = "unknown"
    low_trauma_fractures: int | None = None
    last_fracture_on: date | None = None
    current_back_pain: Answer = "unknown"
    joint_or_limb_injury: Answer = "unknown"
    falls_12_months: int | None = None
    balance: str = ""
    uncontrolled_heart_or_blood_pressure: Answer = "unknown"
    pregnancy: Answer = "unknown"
    cleared_by: str = ""
    ended_by: str = ""
    landings_unlocked_by: str = ""
    landings_unlocked_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known about the wearer that changes how a session is read; a pseudonym, never a name.

    Attributes
    ----------
    id : str or None
        Pseudonym.
    body_mass_kg : float or None
        For force equations.
    plan, stage : str or None
        Prescription and its stage.
    target_landings : int or None
        Her own number; the plan's when None.
    min_net_g, ceiling_net_g : float or None
        Her own band; the stage's when None.
    one_rms : tuple of OneRepMax
        With dates.
    screening : Screening or None
        None: never screened.
    """

    id: str | None = None
    body_mass_kg: float | None = None
    plan: str | None = None
    stage: str | None = None
    target_landings: int | None = None
    min_net_g: float | None = None
    ceiling_net_g: float | None = None
    one_rms: tuple[OneRepMax, ...] = ()
    screening: Screening | None = None
