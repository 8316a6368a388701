"""As people were known on a day: what was said of them, read at once for all whose sessions are judged together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense.errors import OptionError
from loadsense.prescriptions import OneRepMax, Person, Plan, Screening
from loadsense.store.packing import made
from loadsense.store.prescribing import plan_named
from loadsense.store.tables import (
    AdverseEventRow,
    OneRepMaxRow,
    PainRow,
    PersonRow,
    PrescriptionRow,
    ScreeningRow,
    Table,
)

#: What ends a screening, by the kind of an adverse event, in the words of `Screening.ended_by`.
_ENDS: Final = {"fall": "fall", "suspected fracture": "fracture", "fracture": "fracture"}
#: A site whose name holds one of these is the back.
_OF_THE_BACK: Final = ("back", "spine", "spinal", "lumbar", "vertebra", "sacr")

Row = TypeVar("Row", bound=Table)


class Known:
    """What is known of some people at this moment; it asks the database once, and a plan once for each name.

    Parameters
    ----------
    db : Session
    person_ids : iterable of str
        Pseudonyms; one that nobody has is told where she is asked for.
    """

    def __init__(self, db: Session, person_ids: Iterable[str]) -> None:
        ids = sorted(set(person_ids))
        self._db = db
        self._plans: dict[str, Plan] = {}
        self._people = {row.id: row for row in db.scalars(select(PersonRow).where(PersonRow.id.in_(ids)))}
        self._asked = _by_person(db, ids, PrescriptionRow, (PrescriptionRow.from_day, PrescriptionRow.id))
        self._one_rms = _by_person(db, ids, OneRepMaxRow, (OneRepMaxRow.measured_on, OneRepMaxRow.id))
        self._screenings = _by_person(db, ids, ScreeningRow, (ScreeningRow.screened_on, ScreeningRow.id))
        self._adverse = _by_person(db, ids, AdverseEventRow, (AdverseEventRow.day, AdverseEventRow.id))
        self._pains = _by_person(db, ids, PainRow, (PainRow.id,))

    def row(self, person_id: str) -> PersonRow:
        """Her row.

        Raises
        ------
        OptionError
            Nobody has this pseudonym.
        """
        row = self._people.get(person_id)
        if row is None:
            raise nobody(person_id)
        return row

    def person(self, person_id: str, day: date) -> Person:
        """What was known of her that changes how a session of a local day is judged; errors as for `row`.

        Prescription and screening are the latest up to that day; a fall, a fracture or new back pain between the
        screening and the day has ended it. Body mass is today's.
        """
        row, asked = self.row(person_id), self.asked(person_id, day)
        return Person(
            id=person_id,
            body_mass_kg=row.body_mass_kg,
            plan=asked.plan if asked else None,
            stage=asked.stage if asked else None,
            target_landings=asked.target_landings if asked else None,
            min_net_g=asked.min_net_g if asked else None,
            ceiling_net_g=asked.ceiling_net_g if asked else None,
            one_rms=tuple(_one_rm(one) for one in self._one_rms[person_id] if one.measured_on <= day),
            screening=self.screening(person_id, day),
        )

    def asked(self, person_id: str, day: date) -> PrescriptionRow | None:
        """What was asked of her on a day; None where nothing was."""
        return next((row for row in reversed(self._asked[person_id]) if row.from_day <= day), None)

    def screening(self, person_id: str, day: date) -> Screening | None:
        """The screening that holds on a day; the first one where all are later, which unlocks nothing."""
        rows = self._screenings[person_id]
        if not rows:
            return None
        row = next((one for one in reversed(rows) if one.screened_on <= day), rows[0])
        screening = screening_from(row.answers)
        return screening if screening.ended_by else replace(screening, ended_by=self._ended_by(row, day))

    def _ended_by(self, row: ScreeningRow, day: date) -> str:
        """What happened between a screening and the day before a session."""
        events = [one for one in self._adverse[row.person_id] if one.day < day and _is_after(one, row)]
        pains = [one for one in self._pains[row.person_id] if one.day < day and _is_after(one, row)]
        ends = [_ENDS[one.kind] for one in events if one.kind in _ENDS]
        ends += ["new back pain" for one in pains if is_new_back_pain(one.site, one.onset)]
        return ends[0] if ends else ""

    def plan(self, name: str) -> Plan:
        """A plan by its name, in its newest version.

        Raises
        ------
        OptionError
            There is no such plan.
        """
        if name not in self._plans:
            self._plans[name] = plan_named(self._db, name)
        return self._plans[name]


def _by_person(db: Session, ids: Sequence[str], kind: type[Row], order: Sequence[Any]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    column = kind.__table__.c.person_id
    for row in db.scalars(select(kind).where(column.in_(ids)).order_by(*order)):
        found[getattr(row, "person_id")].append(row)  # noqa: B009  # every table that comes here has it
    return found


def nobody(person_id: str) -> OptionError:
    """The error for a pseudonym that nobody has."""
    return OptionError(f"nobody has the pseudonym '{person_id}'; expected one of the roster: create her first")


def screening_from(answers: Mapping[str, Any]) -> Screening:
    """The screening that a row's answers hold."""
    return made(Screening, dict(answers))


def is_new_back_pain(site: str, onset: str) -> bool:
    """Whether a pain is one that ends a screening and locks: in the back, and new or sudden."""
    return onset in ("new", "sudden") and any(word in site.lower() for word in _OF_THE_BACK)


def _one_rm(row: OneRepMaxRow) -> OneRepMax:
    return OneRepMax(exercise=row.exercise, kg=row.kg, measured_on=row.measured_on, method=row.method)


def _is_after(said: AdverseEventRow | PainRow, screened: ScreeningRow) -> bool:
    return said.day > screened.screened_on or (said.day == screened.screened_on and said.at > screened.at)
