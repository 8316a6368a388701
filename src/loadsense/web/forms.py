"""What forms send, checked before any of it is believed; an empty field is unknown and not zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from loadsense.store.corrections import SessionChanges
from loadsense.store.prescribing import Asked


def _unknown(value: Any) -> Any:
    """An empty field says nothing."""
    return None if isinstance(value, str) and not value.strip() else value


Number = Annotated[float | None, BeforeValidator(_unknown), Field(ge=0, le=1000)]
Count = Annotated[int | None, BeforeValidator(_unknown), Field(ge=1, le=1000)]
Key = Annotated[str | None, BeforeValidator(_unknown), Field(max_length=60)]


class Form(BaseModel):
    """A form; a field that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PlanForm(Form):
    """What is asked of somebody from a day on."""

    from_day: date
    plan: str = Field(max_length=60)
    stage: Key = None
    sessions_per_week: Count = None
    target_landings: Count = None
    min_net_g: Number = None
    ceiling_net_g: Number = None
    drop_height_cm: Number = None
    reason: str = Field(default="", max_length=500)

    def asked(self, loads_kg: Mapping[str, float]) -> Asked:
        """For the store, with the loads that are asked already."""
        return Asked(**self.model_dump(exclude={"reason"}), loads_kg=loads_kg)


class CorrectionForm(Form):
    """What the detector got wrong: by the event, or by sensor and second for one that it missed."""

    kind: Literal["not a landing", "landing", "not a set", "exercise", "load"]
    sensor: str = Field(max_length=40)
    event_id: Key = None
    at_s: Annotated[float | None, BeforeValidator(_unknown), Field(ge=0, le=7 * 86_400)] = None
    reason: str = Field(min_length=1, max_length=300)
    exercise: Key = None
    load_kg: Number = None


class SessionForm(Form):
    """What was lifted, and how hard it felt; `version` is that of the page it was typed on."""

    version: int
    deadlift_kg: Number = None
    back_squat_kg: Number = None
    overhead_press_kg: Number = None
    rpe: Annotated[float | None, BeforeValidator(_unknown), Field(ge=0, le=20)] = None
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
