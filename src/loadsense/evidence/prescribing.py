"""Plans and persons from TOML into frozen prescriptions.

A plan is a file of `plans/`, or one of the user's own by its path. A person's file holds a pseudonym, never a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from loadsense.criteria import Source
from loadsense.errors import ContentError, OptionError, unknown_name
from loadsense.evidence.fields import Fields, read_fields
from loadsense.evidence.loader import FOLDER
from loadsense.prescriptions import Answer, LiftPrescription, OneRepMax, Person, Plan, PlanStage, Screening

_ANSWERS: Final[tuple[Answer, ...]] = ("yes", "no", "unknown")


@cache
def plans() -> Mapping[str, Plan]:
    """The plans that come with loadsense, by name."""
    read = (read_plan(path) for path in sorted((FOLDER / "plans").glob("*.toml")))
    return MappingProxyType({plan.name: plan for plan in read})


def plan(name_or_path: str | Path) -> Plan:
    """One plan: by name, or the user's own by the path of its TOML file.

    Raises
    ------
    OptionError
        No such plan and no such file.
    ContentError
        The file is faulty; file and key are named.

    Examples
    --------
    >>> plan("hirit").sessions_per_week
    2
    """
    text = str(name_or_path)
    if text in plans():
        return plans()[text]
    if text.endswith(".toml"):
        return read_plan(Path(text), error=OptionError)
    raise unknown_name("plan", text, [*plans(), "or the path of a .toml file"])


def read_plan(path: Path, *, error: type[ContentError | OptionError] = ContentError) -> Plan:
    """One plan from its file.

    Raises
    ------
    ContentError
        A key is missing, misspelt or has a value that cannot be; file and key are named.
    """
    fields = read_fields(path, error=error)
    source_fields = fields.table("source")
    source = source_fields.source()
    source_fields.done()
    stages = tuple(_stage(entry, source) for entry in fields.tables("stage"))
    _check_stages(fields, stages)
    made = Plan(
        name=fields.text("name"),
        title=fields.text("title"),
        sessions_per_week=fields.whole("sessions_per_week", low=1, high=14),
        min_hours_between=fields.optional_number("min_hours_between", low=0, high=168),
        supervised=fields.flag("supervised"),
        needs_screening=fields.flag("needs_screening"),
        max_rpe=_max_rpe(fields.table("max_rpe")),
        stages=stages,
        source=source,
    )
    fields.done()
    return made


def _check_stages(fields: Fields, stages: tuple[PlanStage, ...]) -> None:
    if not stages:
        raise ContentError(f"{fields.where}: key 'stage' is missing; expected at least one [[stage]]")
    names = [stage.name for stage in stages]
    for name in names:
        if names.count(name) > 1:
            raise fields.fail("stage", name, "stage names that are used only once")


def _max_rpe(fields: Fields) -> tuple[tuple[str, float], ...]:
    limits = tuple((scale, fields.number(scale, low=0, high=20)) for scale in fields.names() if scale in _SCALES)
    fields.expect(_SCALES)
    fields.done()
    return limits


#: Scales of exertion that a limit may be stated on.
_SCALES: Final = ("borg", "0-10")


def _stage(fields: Fields, shared: Source) -> PlanStage:
    stage = PlanStage(
        name=fields.text("name"),
        description=fields.text("description"),
        landings=fields.optional_whole("landings", low=1, high=1000),
        min_net_g=fields.optional_number("min_net_g", low=0, high=50),
        ceiling_net_g=fields.optional_number("ceiling_net_g", low=0, high=50),
        lifts=tuple(_lift(entry) for entry in fields.tables("lifts")),
        source=fields.source(shared),
    )
    fields.done()
    _check_band(fields, stage.min_net_g, stage.ceiling_net_g)
    return stage


def _check_band(fields: Fields, low: float | None, ceiling: float | None) -> None:
    if low is not None and ceiling is not None and low > ceiling:
        raise fields.fail("min_net_g", low, f"a minimum below the ceiling of {ceiling:g} g net")


def _lift(fields: Fields) -> LiftPrescription:
    lift = LiftPrescription(
        exercise=fields.text("exercise"),
        sets=fields.whole("sets", low=1, high=50),
        repetitions=fields.whole("repetitions", low=1, high=200),
        min_pct_1rm=fields.optional_number("min_pct_1rm", low=1, high=100),
    )
    fields.done()
    return lift


def load_person(path: str | Path) -> Person:
    """One person from her TOML file: body mass, one-repetition maxima with dates, stage, band, ceiling, screening.

    Raises
    ------
    OptionError
        The file cannot be opened.
    ContentError
        A key is misspelt or has a value that cannot be; file and key are named.
    """
    fields = read_fields(Path(path), error=OptionError)
    band = fields.table("band")
    person = Person(
        id=fields.optional_text("id") or None,
        body_mass_kg=fields.optional_number("body_mass_kg", low=20, high=300),
        plan=fields.optional_text("plan") or None,
        stage=fields.optional_text("stage") or None,
        target_landings=fields.optional_whole("target_landings", low=1, high=1000),
        min_net_g=band.optional_number("min_net_g", low=0, high=50),
        ceiling_net_g=band.optional_number("ceiling_net_g", low=0, high=50),
        one_rms=_one_rms(fields.table("one_rm")),
        screening=_screening(fields.table("screening")) if "screening" in fields else None,
    )
    band.done()
    _check_band(band, person.min_net_g, person.ceiling_net_g)
    fields.expect(("screening",))
    fields.done()
    return person


def _one_rms(fields: Fields) -> tuple[OneRepMax, ...]:
    found = []
    for exercise in fields.names():
        entry = fields.table(exercise)
        found.append(
            OneRepMax(
                exercise=exercise,
                kg=entry.number("kg", low=1, high=1000),
                measured_on=entry.needed_date("date"),
                method=entry.text("method"),
            )
        )
        entry.done()
    return tuple(found)


def _screening(fields: Fields) -> Screening:
    def answer(key: str) -> Answer:
        return fields.optional_choice(key, _ANSWERS) or "unknown"

    screening = Screening(
        screened_on=fields.optional_date("date"),
        review_date=fields.optional_date("review_date"),
        vertebral_fracture=answer("vertebral_fracture"),
        low_trauma_fractures=fields.optional_whole("low_trauma_fractures", high=50),
        last_fracture_on=fields.optional_date("last_fracture_date"),
        current_back_pain=answer("current_back_pain"),
        joint_or_limb_injury=answer("joint_or_limb_injury"),
        falls_12_months=fields.optional_whole("falls_12_months", high=1000),
        balance=fields.optional_text("balance"),
        uncontrolled_heart_or_blood_pressure=answer("uncontrolled_heart_or_blood_pressure"),
        pregnancy=answer("pregnancy"),
        cleared_by=fields.optional_text("cleared_by"),
        ended_by=fields.optional_text("ended_by"),
        landings_unlocked_by=fields.optional_text("landings_unlocked_by"),
        landings_unlocked_on=fields.optional_date("landings_unlocked_date"),
    )
    fields.done()
    return screening
