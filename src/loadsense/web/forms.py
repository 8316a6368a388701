"""What forms send, checked before any of it is believed; an empty field is unknown and not zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from loadsense.letters.clinician import MOST_QUESTION, MOST_TYPED, Typed
from loadsense.letters.exporting import Choice
from loadsense.prescriptions import Answer, OneRepMax, Screening
from loadsense.store.corrections import SessionChanges
from loadsense.store.prescribing import Asked
from loadsense.store.wellbeing import AdverseFacts, DxaFacts, PainFacts


def _unknown(value: Any) -> Any:
    """An empty field says nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def _whole(value: Any) -> Any:
    """A number of a closed list, from its digits."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


# Limits stand inside "or None": outside of it they would be asked of None too.
Number = Annotated[Annotated[float, Field(ge=0, le=1000)] | None, BeforeValidator(_unknown)]
Count = Annotated[Annotated[int, Field(ge=1, le=1000)] | None, BeforeValidator(_unknown)]
Key = Annotated[Annotated[str, Field(max_length=60)] | None, BeforeValidator(_unknown)]
Day = Annotated[date | None, BeforeValidator(_unknown)]
Score = Annotated[Annotated[int, Field(ge=0, le=10)] | None, BeforeValidator(_unknown)]
TScore = Annotated[Annotated[float, Field(ge=-10, le=10)] | None, BeforeValidator(_unknown)]
Row = Annotated[Annotated[int, Field(ge=1, le=2**62)] | None, BeforeValidator(_unknown)]
Words = Annotated[str, Field(max_length=500)]


class Form(BaseModel):
    """A form; a field that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nul(cls, said: Any) -> Any:
        """PostgreSQL keeps no NUL, and nobody types one."""
        if isinstance(said, Mapping) and any("\0" in one for one in said.values() if isinstance(one, str)):
            raise ValueError("a NUL character, which is no text")
        return said


class VersionForm(Form):
    """A change that needs no more than the version of the page it was made on."""

    version: int


class PlanForm(Form):
    """What is asked of somebody from a day on.

    `seen` is the newest prescription on the page it was typed on; `exercise` and `load_kg` go together, one by one.
    `confirmed`: what speaks against it was shown.
    """

    seen: int | None = None
    confirmed: bool = False
    from_day: date
    plan: str = Field(max_length=60)
    stage: Key = None
    sessions_per_week: Count = None
    target_landings: Count = None
    min_net_g: Number = None
    ceiling_net_g: Number = None
    drop_height_cm: Number = None
    exercise: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list, max_length=40)
    load_kg: list[Number] = Field(default_factory=list, max_length=40)
    reason: Words = ""

    def asked(self, loads_kg: Mapping[str, float]) -> Asked:
        """For the store; loads of exercises that the form does not show stay as they are."""
        typed = dict(zip(self.exercise, self.load_kg, strict=False))
        kept = {exercise: kg for exercise, kg in loads_kg.items() if exercise not in typed}
        loads = kept | {exercise: kg for exercise, kg in typed.items() if kg is not None}
        not_asked = {"reason", "seen", "confirmed", "exercise", "load_kg"}
        return Asked(**self.model_dump(exclude=not_asked), loads_kg=loads)


class DecisionForm(Form):
    """The answer to a suggestion: accepted with the load or height that was typed, or kept with a reason."""

    exercise: str = Field(max_length=40)
    decision: Literal["accepted", "kept"]
    reason: Words = ""
    load_kg: Number = None
    drop_height_cm: Number = None
    seen: int | None = None
    confirmed: bool = False


class StageForm(Form):
    """Another stage of the ramp."""

    stage: str = Field(max_length=60)
    reason: Words = ""
    seen: int | None = None
    confirmed: bool = False


class OwnPlanForm(Form):
    """A plan of the coach's own as TOML; `name` and `version` are those of the plan that was opened, if one was."""

    toml: str = Field(min_length=1, max_length=60_000)
    name: Key = None
    version: Row = None


class AcknowledgeForm(VersionForm):
    """That an amber flag was seen."""

    note: Words = ""


class ClearForm(Form):
    """Who cleared her, and on which day."""

    version: int
    by: str = Field(min_length=1, max_length=120)
    on: date


# -- people and groups


class NewPersonForm(Form):
    """Somebody new."""

    pseudonym: str = Field(max_length=60)
    group_id: Row = None
    body_mass_kg: Number = None


class PersonForm(Form):
    """What may be changed of a person; an empty field is unknown."""

    version: int
    group_id: Row = None
    body_mass_kg: Number = None


class EraseForm(Form):
    """Her pseudonym, typed by whoever erases her."""

    pseudonym: str = Field(max_length=60)


class GroupForm(Form):
    """A group; `version` for one that is there already."""

    name: str = Field(max_length=60)
    weekdays: list[int] = Field(default_factory=list, max_length=7)
    tz: str = Field(max_length=60)
    version: Row = None


# -- what is said of a person


class MassForm(Form):
    """Her body mass."""

    version: int
    body_mass_kg: Number = None


class PainForm(Form):
    """Pain of 0 to 10; an empty score was not asked."""

    day: date
    site: str = Field(max_length=40)
    other_site: str = Field(default="", max_length=40)
    onset: Literal["usual", "new", "sudden"]
    before: Score = None
    after: Score = None
    after_24h: Score = None
    session_id: Row = None

    def facts(self) -> PainFacts:
        """For the store."""
        site = self.other_site if self.site == "other" and self.other_site else self.site
        return PainFacts(**self.model_dump(exclude={"site", "other_site"}), site=site)


class LaterPainForm(Form):
    """Pain 24 h after."""

    score: int = Field(ge=0, le=10)


class AdverseForm(Form):
    """A fall, or anything else that must stand first in a letter."""

    day: date
    kind: str = Field(max_length=40)
    words: Words = ""
    session_id: Row = None

    def facts(self) -> AdverseFacts:
        """For the store."""
        return AdverseFacts(**self.model_dump())


class ScreeningForm(Form):
    """Decision 12's questions; what is not answered is unknown, and not no."""

    screened_on: date
    review_date: Day = None
    vertebral_fracture: Answer = "unknown"
    low_trauma_fractures: Annotated[Annotated[int, Field(ge=0, le=50)] | None, BeforeValidator(_unknown)] = None
    last_fracture_on: Day = None
    current_back_pain: Answer = "unknown"
    joint_or_limb_injury: Answer = "unknown"
    falls_12_months: Annotated[Annotated[int, Field(ge=0, le=1000)] | None, BeforeValidator(_unknown)] = None
    balance: str = Field(default="", max_length=200)
    uncontrolled_heart_or_blood_pressure: Answer = "unknown"
    pregnancy: Answer = "unknown"
    cleared_by: str = Field(default="", max_length=120)

    def screening(self) -> Screening:
        """For the store."""
        return Screening(**self.model_dump())


class UnlockForm(Form):
    """A clinician who unlocks landings, and the day."""

    by: str = Field(min_length=1, max_length=120)
    on: date


class OneRepMaxForm(Form):
    """A one-repetition maximum, and how it came about."""

    exercise: str = Field(max_length=40)
    kg: float = Field(ge=1, le=1000)
    measured_on: date
    method: Literal["tested", "estimated"]
    detail: str = Field(default="", max_length=100)

    def one_rm(self) -> OneRepMax:
        """For the store."""
        method = f"{self.method} {self.detail}".strip()
        return OneRepMax(exercise=self.exercise, kg=self.kg, measured_on=self.measured_on, method=method)


class DxaForm(Form):
    """A bone density result, as printed by the machine."""

    measured_on: date
    site: str = Field(min_length=1, max_length=40)
    bmd_g_per_cm2: float = Field(ge=0, le=1000)
    t_score: TScore = None
    machine: str = Field(min_length=1, max_length=100)
    centre: str = Field(min_length=1, max_length=100)
    least_significant_change_g_per_cm2: Annotated[
        Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_unknown)
    ] = None

    def facts(self) -> DxaFacts:
        """For the store."""
        return DxaFacts(**self.model_dump())


class NoteForm(Form):
    """Something that began or ended on a day."""

    day: date
    words: str = Field(max_length=1000)


# -- sessions


class Stretch(BaseModel):
    """What to draw of a recording: from second to second of it (to its end for None), in so many buckets."""

    t0: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] = 0.0
    t1: Annotated[float | None, Field(gt=0, le=1e7, allow_inf_nan=False)] = None
    n: Annotated[int, Field(ge=16, le=8000)] = 2000


class SessionAsked(BaseModel):
    """What the page of a session shows: an older version, another session beside it, the form of an event's row."""

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    compare: int | None = None
    correct: Annotated[str, Field(max_length=120)] = ""


class CorrectionForm(Form):
    """What the detector got wrong: by the event, or by sensor and second for one that it missed."""

    kind: Literal["not a landing", "landing", "not a set", "exercise", "load"]
    sensor: str = Field(max_length=40)
    event_id: Key = None
    at_s: Annotated[Annotated[float, Field(ge=0, le=7 * 86_400)] | None, BeforeValidator(_unknown)] = None
    reason: str = Field(min_length=1, max_length=300)
    exercise: Key = None
    load_kg: Number = None


class SessionForm(Form):
    """What was lifted, and how hard it felt; `version` is that of the page it was typed on."""

    version: int
    deadlift_kg: Number = None
    back_squat_kg: Number = None
    overhead_press_kg: Number = None
    rpe: Annotated[Annotated[float, Field(ge=0, le=20)] | None, BeforeValidator(_unknown)] = None
    rpe_scale: Literal["borg", "0-10"] = "borg"
    note: str = Field(default="", max_length=2000)
    block_confirmed: bool = False

    def changes(self) -> SessionChanges:
        """For the store; a load that was not typed is not known."""
        typed = {
            "deadlift": self.deadlift_kg,
            "back_squat": self.back_squat_kg,
            "overhead_press": self.overhead_press_kg,
        }
        return {
            "loads_kg": {exercise: kg for exercise, kg in typed.items() if kg is not None},
            "rpe": self.rpe,
            "rpe_scale": self.rpe_scale if self.rpe is not None else None,
            "note": self.note,
            "block_confirmed": self.block_confirmed,
        }


# -- paper


class LetterForm(Form):
    """Who a letter is about and from, typed when it is printed; it goes onto paper and nowhere else."""

    weeks: Annotated[Literal[8, 12], BeforeValidator(_whole)] = 12
    since: Day = None
    patient: str = Field(default="", max_length=MOST_TYPED)
    born: str = Field(default="", max_length=MOST_TYPED)
    patient_number: str = Field(default="", max_length=MOST_TYPED)
    to: str = Field(default="", max_length=MOST_TYPED)
    sender: str = Field(default="", max_length=MOST_TYPED)
    sender_role: str = Field(default="", max_length=MOST_TYPED)
    contact: str = Field(default="", max_length=MOST_TYPED)
    question: str = Field(default="", max_length=MOST_QUESTION)
    make: Literal["page", "pdf", "form"] = "page"

    def typed(self) -> Typed:
        """For the letter."""
        return Typed(**self.model_dump(exclude={"weeks", "since", "make"}))


class ExportForm(Form):
    """Whose sessions, and of which days; a person goes before her group."""

    person: Key = None
    group: Annotated[str | None, BeforeValidator(_unknown), Field(max_length=200)] = None
    first: Day = None
    last: Day = None
    form: Literal["csv", "json", "bids"] = "csv"

    def choice(self) -> Choice:
        """For the export."""
        return Choice(
            person_id=self.person, group=None if self.person else self.group, first=self.first, last=self.last
        )
