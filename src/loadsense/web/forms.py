"""What forms send, checked before any of it is believed; an empty field is unknown and not zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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
