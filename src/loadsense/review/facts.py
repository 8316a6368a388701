"""What the store knows of a person, frozen: the input of every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from loadsense.prescriptions import OneRepMax, Plan, PlanStage, Screening
from loadsense.protocol.weeks import WeekPrescription


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """People who train together: on these weekdays (0 is Monday), in this time zone."""

    id: int
    name: str
    weekdays: tuple[int, ...]
    tz: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFrom:
    """What is asked of a person from a local day on.

    Attributes
    ----------
    from_day : date
        First day.
    plan : Plan
        With its stages.
    stage : PlanStage
        The one she is in; its band and number unless she has her own.
    sessions_per_week : int
        Her own, or the plan's.
    landings : int or None
        In a session.
    min_net_g, ceiling_net_g : float or None
        Band of a landing, NET g.
    drop_height_cm : float or None
        Where it was written down.
    loads_kg : mapping of str to float
        To lift, by exercise.
    decision, reason : str
        "set", "accepted" or "kept", and why.
    by, at : str, datetime
        Who decided, and when.
    about : str
        Exercise of the suggestion that it answers; empty where it answers none.
    """

    from_day: date
    plan: Plan
    stage: PlanStage
    sessions_per_week: int
    landings: int | None
    min_net_g: float | None
    ceiling_net_g: float | None
    drop_height_cm: float | None = None
    loads_kg: Mapping[str, float] = field(default_factory=dict)
    decision: str = "set"
    reason: str = ""
    by: str = ""
    at: datetime | None = None
    about: str = ""

    @property
    def lift_sets(self) -> int | None:
        """Sets of a session; None where the stage has no lifts."""
        return sum(lift.sets for lift in self.stage.lifts) or None

    @property
    def week(self) -> WeekPrescription:
        """What a whole week asks for."""
        sessions = self.sessions_per_week
        return WeekPrescription(
            sessions=sessions,
            landings=None if self.landings is None else sessions * self.landings,
            lift_sets=None if self.lift_sets is None else sessions * self.lift_sets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFacts:
    """A safety rule that fired, and what was done about it.

    `is_open`: red and not cleared, or amber and not acknowledged.
    """

    id: int
    version: int
    session_id: int | None
    rule: str
    severity: str
    sentence: str
    source: str
    raised_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_note: str = ""
    cleared_by: str = ""
    cleared_on: date | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        if self.severity == "red":
            return not self.cleared_by
        return self.severity == "amber" and self.acknowledged_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """One row of prescribed against done, as the current analysis has it."""

    exercise: str
    met: bool | None
    load_kg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneSession:
    """One session by its current analysis; doses are None where nothing could see them."""

    id: int
    day: date
    start: datetime | None
    status: str
    judged: str
    cannot_say: str
    landings_in_band: int | None
    landings_at_least: bool
    lift_sets_met: int | None
    lift_sets_at_least: bool
    median_peak_net_g: float | None = None
    placement: str = ""
    rpe: float | None = None
    rpe_scale: str | None = None
    rows: tuple[RowFacts, ...] = ()
    flags: tuple[FlagFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DxaFacts:
    """One bone density result."""

    measured_on: date
    site: str
    bmd_g_per_cm2: float
    t_score: float | None
    machine: str
    centre: str
    least_significant_change_g_per_cm2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that began or ended on a day; drawn, never interpreted."""

    day: date
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """Everything a person's pages are made from; rows in order of time."""

    id: str
    group: GroupFacts | None
    asked: tuple[AskedFrom, ...] = ()
    sessions: tuple[DoneSession, ...] = ()
    flags: tuple[FlagFacts, ...] = ()
    screening: Screening | None = None
    one_rms: tuple[OneRepMax, ...] = ()
    dxa: tuple[DxaFacts, ...] = ()
    markers: tuple[Marker, ...] = ()
    last_day: date | None = None
    is_archived: bool = False

    @property
    def tz(self) -> str:
        """Zone of her group; UTC without one."""
        return self.group.tz if self.group else "UTC"

    def day_of(self, at: datetime) -> date:
        """Her local day at an instant."""
        return at.astimezone(ZoneInfo(self.tz)).date()

    def asked_on(self, day: date) -> AskedFrom | None:
        """What was asked of her on a day; None before her first prescription."""
        return next((asked for asked in reversed(self.asked) if asked.from_day <= day), None)
