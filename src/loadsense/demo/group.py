"""Who is in the made-up group: what is asked of each, and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from loadsense.demo.training import Days
from loadsense.prescriptions import OneRepMax, Screening
from loadsense.store import Writing, flags, people, prescribing, wellbeing
from loadsense.store.prescribing import Asked, Decision
from loadsense.store.tables import SessionRow
from loadsense.store.wellbeing import DxaFacts, PainFacts

GROUP: Final = "Tue/Thu"
CLINICIAN: Final = "a made-up clinician"

#: A plan of the coach's own, for those who do not lift yet.
OWN_PLAN: Final = """\
name = "first-landings"
title = "First landings: 25 soft drops from a low step, twice a week, before any barbell"
sessions_per_week = 2
min_hours_between = 48
supervised = true
needs_screening = true
max_rpe = { borg = 16, "0-10" = 7 }
[source]
citation = "made up for the demonstration"
known = "convention"
[[stage]]
name = "low-step"
description = "10 cm, both feet, soft knees"
landings = 25
min_net_g = 0.5
ceiling_net_g = 4.0
known = "convention"
citation = "made up for the demonstration"
[[stage]]
name = "step"
description = "20 cm, both feet"
landings = 25
min_net_g = 1.0
ceiling_net_g = 6.0
known = "convention"
citation = "made up for the demonstration"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the group.

    Attributes
    ----------
    id : str
        Pseudonym.
    body_mass_kg : float
    stages : tuple of (int, str)
        From which group day of the twelve weeks on she is in which stage of `plan`.
    one_rms_kg : dict of str to float
        Tested in the last fortnight.
    """

    id: str
    body_mass_kg: float
    plan: str = "hirit"
    stages: tuple[tuple[int, str], ...] = ((0, "stage-2"),)
    one_rms_kg: dict[str, float] = field(default_factory=dict)
    band_net_g: tuple[float | None, float | None] = (None, None)


MEMBERS: Final = (
    Member(
        id="p017",
        body_mass_kg=63.1,
        stages=((0, "stage-2"), (8, "stage-3"), (16, "full")),
        one_rms_kg={"deadlift": 70.0, "back_squat": 60.0, "overhead_press": 30.0},
        band_net_g=(3.0, 8.0),
    ),
    Member(
        id="p021",
        body_mass_kg=58.4,
        stages=((0, "stage-1"), (8, "stage-2")),
        one_rms_kg={"deadlift": 50.0, "back_squat": 42.5, "overhead_press": 20.0},
    ),
    Member(
        id="p026",
        body_mass_kg=71.0,
        stages=((0, "stage-2"), (8, "stage-3")),
        one_rms_kg={"deadlift": 75.0, "back_squat": 62.5, "overhead_press": 32.5},
    ),
    Member(id="p030", body_mass_kg=66.5, plan="first-landings", stages=((0, "low-step"), (14, "step"))),
    Member(id="p034", body_mass_kg=54.9, plan="first-landings", stages=((0, "low-step"), (18, "step"))),
    Member(id="p041", body_mass_kg=68.2, plan="first-landings", stages=((0, "low-step"),)),
    Member(
        id="p048",
        body_mass_kg=60.7,
        stages=((0, "stage-1"),),
        one_rms_kg={"deadlift": 42.5, "back_squat": 37.5, "overhead_press": 17.5},
    ),
    Member(id="p052", body_mass_kg=62.3, plan="first-landings", stages=((0, "low-step"), (10, "step"))),
)


def create(tx: Writing, days: Days) -> None:
    """Everybody, screened and with what is asked of her week by week."""
    prescribing.save_plan(tx, OWN_PLAN)
    made = people.create_group(tx, GROUP, weekdays=days.weekdays, tz=days.tz)
    for one in MEMBERS:
        people.create(tx, one.id, group_id=made.id, body_mass_kg=one.body_mass_kg)
        people.screen(tx, one.id, _screening(one, days))
        low, high = one.band_net_g
        for number, stage in one.stages:
            is_last = number == one.stages[-1][0]
            asked = Asked(
                from_day=days.all[number] - timedelta(days=1),
                plan=one.plan,
                stage=stage,
                min_net_g=low if is_last else None,
                ceiling_net_g=high if is_last else None,
                drop_height_cm=20.0 if stage in ("stage-3", "full", "step") else 10.0,
            )
            prescribing.prescribe(tx, one.id, asked, reason="the next stage of the ramp" if number else "")
        for exercise, kg in one.one_rms_kg.items():
            for weeks, share in ((11, 0.85), (8, 0.9), (5, 0.95), (2, 1.0)):
                tested = OneRepMax(
                    exercise=exercise,
                    kg=round(kg * share / 2.5) * 2.5,
                    measured_on=days.all[-1] - timedelta(weeks=weeks),
                    method="tested",
                )
                people.add_one_rm(tx, one.id, tested)


def _screening(one: Member, days: Days) -> Screening:
    """p048 was not asked everything yet, which is not a no."""
    first = days.all[0] - timedelta(days=5)
    return Screening(
        screened_on=first,
        review_date=first + timedelta(days=365),
        vertebral_fracture="no",
        low_trauma_fractures=1 if one.id == "p034" else 0,
        last_fracture_on=first - timedelta(days=900) if one.id == "p034" else None,
        current_back_pain="no",
        joint_or_limb_injury="no",
        falls_12_months=0,
        balance="stands on one leg for 15 s",
        uncontrolled_heart_or_blood_pressure="unknown" if one.id == "p048" else "no",
        pregnancy="no",
        cleared_by="" if one.id == "p048" else CLINICIAN,
    )


def say(tx: Writing, days: Days) -> None:
    """What came after the sessions: pain, bone density, markers, and decisions."""
    last = days.all[-1]
    _acknowledge(tx, before=days.all[-2])
    wellbeing.report_pain(tx, "p041", PainFacts(day=last, site="lower back", onset="new", before=0, after=3))
    wellbeing.report_pain(tx, "p026", PainFacts(day=days.all[-5], site="knee", onset="usual", before=1, after=2))
    for on, bmd, t_score in ((last - timedelta(days=420), 0.842, -1.9), (last - timedelta(days=40), 0.861, -1.7)):
        _density(tx, on, bmd, t_score)
    wellbeing.add_note(tx, "p017", days.all[6], "therapy started")
    wellbeing.add_note(tx, "p034", days.all[15], "new shoes")
    prescribing.decide(
        tx,
        "p026",
        Decision(
            suggestion={"exercise": "back_squat", "action": "step up"},
            decision="kept",
            reason="knee sore: the same weight for another week",
            from_day=days.all[-4],
        ),
    )


def _acknowledge(tx: Writing, *, before: date) -> None:
    """What the weeks before raised was seen by the coach."""
    for member in MEMBERS:
        for flag in flags.open_flags(tx.db, member.id):
            session = tx.db.get(SessionRow, flag.session_id) if flag.session_id is not None else None
            if session is not None and session.day < before and flag.severity == "amber":
                flags.acknowledge(tx, flag.id, "seen with her", version=flag.version)


def _density(tx: Writing, on: date, bmd_g_per_cm2: float, t_score: float) -> None:
    made = DxaFacts(
        measured_on=on,
        site="lumbar spine",
        bmd_g_per_cm2=bmd_g_per_cm2,
        t_score=t_score,
        machine="a made-up scanner",
        centre="a made-up clinic",
        least_significant_change_g_per_cm2=0.03,
    )
    wellbeing.add_dxa(tx, "p017", made)
