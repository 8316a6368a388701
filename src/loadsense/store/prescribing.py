"""What is asked of a person from a day on, who decided it, and the coach's own plans by version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from loadsense import evidence
from loadsense.errors import Conflict, OptionError, unknown_name
from loadsense.evidence.prescribing import plans, read_plan
from loadsense.prescriptions import Plan
from loadsense.store.changing import conflict
from loadsense.store.opening import Writing
from loadsense.store.tables import PersonRow, PlanRow, PrescriptionRow, User

#: Who or what changed a prescription: a coach by herself, or her answer to a suggestion.
DECISIONS: Final = ("set", "accepted", "kept")
#: Of a plan of one's own: as wide as its column.
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked from a local day on, until the next row; None leaves it to plan and stage."""

    from_day: date
    plan: str
    stage: str | None = None
    sessions_per_week: int | None = None
    target_landings: int | None = None
    min_net_g: float | None = None
    ceiling_net_g: float | None = None
    drop_height_cm: float | None = None
    loads_kg: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, row: PrescriptionRow) -> Asked:
        """What a row asks."""
        return cls(**{one.name: getattr(row, one.name) for one in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the coach made of a suggestion; one that was kept as it is needs a reason.

    Attributes
    ----------
    suggestion : dict
        As it was shown.
    decision : {"accepted", "kept", "set"}
    reason : str
    from_day : date
        From which local day on.
    """

    suggestion: dict[str, Any]
    decision: str
    reason: str
    from_day: date


def prescribe(tx: Writing, person_id: str, asked: Asked, *, reason: str = "") -> PrescriptionRow:
    """Ask something of her from a day on.

    Raises
    ------
    OptionError
        Nobody has this pseudonym, an unknown plan or stage, or a number or band that cannot be.
    """
    return _append(tx, person_id, asked, {"decision": "set", "reason": reason.strip(), "suggestion": None})


def decide(tx: Writing, person_id: str, decision: Decision, *, asked: Asked | None = None) -> PrescriptionRow:
    """Answer a suggestion: with what is asked now, or, for one that is kept, with what was asked before.

    Raises
    ------
    OptionError
        As for `prescribe`; an unknown decision, one without the reason it needs, or nothing that could be kept.
    """
    if decision.decision not in DECISIONS:
        raise unknown_name("decision", decision.decision, DECISIONS)
    if decision.decision == "kept" and not decision.reason.strip():
        raise OptionError("kept without a reason; expected why, in a few words: the next coach will want to know")
    if asked is None:
        now = prescription_at(tx.db, person_id, decision.from_day)
        if now is None:
            raise OptionError(
                f"nothing is prescribed for {person_id} on {decision.from_day}; prescribe something first"
            )
        asked = Asked.of(now)
    values = {"decision": decision.decision, "reason": decision.reason.strip(), "suggestion": decision.suggestion}
    return _append(tx, person_id, _from(asked, decision.from_day), values)


def _from(asked: Asked, day: date) -> Asked:
    return Asked(**{**{one.name: getattr(asked, one.name) for one in fields(asked)}, "from_day": day})


def _append(tx: Writing, person_id: str, asked: Asked, values: dict[str, Any]) -> PrescriptionRow:
    if tx.db.get(PersonRow, person_id) is None:
        raise OptionError(f"nobody has the pseudonym '{person_id}'; expected one of the roster: create her first")
    _check(tx.db, asked)
    facts = {one.name: getattr(asked, one.name) for one in fields(asked)} | {"loads_kg": dict(asked.loads_kg)}
    row = PrescriptionRow(person_id=person_id, at=tx.at, by_user=tx.by_user, **facts, **values)
    tx.add(row)
    tx.audit("prescribed", f"person {person_id}", person_id=person_id, prescription=row.id, decision=row.decision)
    return row


def _check(db: Session, asked: Asked) -> None:
    plan = plan_named(db, asked.plan)
    names = [stage.name for stage in plan.stages]
    if asked.stage is not None and asked.stage not in names:
        raise unknown_name(f"stage of plan {plan.name}", asked.stage, names)
    stage = next((one for one in plan.stages if one.name == asked.stage), plan.full)
    low = stage.min_net_g if asked.min_net_g is None else asked.min_net_g
    ceiling = stage.ceiling_net_g if asked.ceiling_net_g is None else asked.ceiling_net_g
    if low is not None and ceiling is not None and low > ceiling:
        raise OptionError(
            f"the band asks for at least {low:g} g net and its ceiling is {ceiling:g} g net; "
            "expected a minimum below the ceiling"
        )
    for name, number in (("sessions per week", asked.sessions_per_week), ("landings", asked.target_landings)):
        if number is not None and not 1 <= number <= 1000:
            raise OptionError(f"{number} {name}; expected 1 to 1000, or nothing to follow the plan")
    for exercise, load in asked.loads_kg.items():
        if not 0 < load <= 1000:
            raise OptionError(f"{exercise} at {load:g} kg; expected more than 0 and up to 1000 kg")


def prescription_at(db: Session, person_id: str, day: date) -> PrescriptionRow | None:
    """What was asked of her on a day; None where nothing was."""
    chosen = select(PrescriptionRow).where(PrescriptionRow.person_id == person_id, PrescriptionRow.from_day <= day)
    return db.scalars(chosen.order_by(PrescriptionRow.from_day.desc(), PrescriptionRow.id.desc()).limit(1)).first()


def latest_id(db: Session, person_id: str) -> int:
    """Of the newest row about her; 0 before any. A form that was filled in on its page names it."""
    chosen = select(PrescriptionRow.id).where(PrescriptionRow.person_id == person_id)
    return db.scalar(chosen.order_by(PrescriptionRow.id.desc()).limit(1)) or 0


def check_seen(db: Session, person_id: str, seen: int) -> None:
    """Refuse to decide on what nobody has looked at.

    Parameters
    ----------
    db : Session
    person_id : str
    seen : int
        `latest_id` when the page was opened.

    Raises
    ------
    Conflict
        Somebody decided in the meantime; the sentence says who and what.
    """
    chosen = select(PrescriptionRow, User.login).outerjoin(User, User.id == PrescriptionRow.by_user)
    chosen = chosen.where(PrescriptionRow.person_id == person_id, PrescriptionRow.id > seen)
    told = "; ".join(
        f"{login or 'loadsense'} on {row.at:%Y-%m-%d %H:%M} UTC ({row.plan}, {row.stage or 'full'}, {row.decision})"
        for row, login in db.execute(chosen.order_by(PrescriptionRow.id))
    )
    if told:
        raise Conflict(
            f"the plan of {person_id} was changed after you opened it: {told}; nothing was overwritten and nothing is "
            "lost: look at it again, then repeat your change"
        )


# -- plans of the coach's own


def save_plan(tx: Writing, toml: str, *, version: int | None = None) -> PlanRow:
    """Keep a plan, or a new version of one.

    Parameters
    ----------
    tx : Writing
    toml : str
        As in the plans that come with loadsense.
    version : int, optional
        Version that was edited; None for a new plan.

    Raises
    ------
    ContentError
        The TOML is faulty; the key is named.
    OptionError
        The name belongs to a plan that comes with loadsense or is too long, or a stage is gone that somebody was in.
    Conflict
        Somebody saved a newer version in the meantime, or a plan of that name exists already.
    """
    plan = plan_from(toml)
    if plan.name in plans():
        raise OptionError(f"'{plan.name}' comes with loadsense; expected a name of your own: change 'name' in the plan")
    if len(plan.name) > _LONGEST_NAME:
        raise OptionError(f"a plan name of {len(plan.name)} characters; expected {_LONGEST_NAME} at most: shorten it")
    _check_stages_kept(tx.db, plan)
    newest = _newest(tx.db, plan.name)
    here = newest.version if newest else 0
    if here != (version or 0):
        if version is None:
            raise Conflict(f"a plan '{plan.name}' exists already; nothing was overwritten: open and edit it, or rename")
        raise conflict(tx.db, f"plan {plan.name}", version)
    row = PlanRow(name=plan.name, version=here + 1, toml=toml, at=tx.at, by_user=tx.by_user)
    tx.add(row)
    tx.audit("saved", f"plan {plan.name}", version=row.version)
    return row


def _check_stages_kept(db: Session, plan: Plan) -> None:
    """Whoever was prescribed a stage would silently be in the last one if it were gone."""
    chosen = select(PrescriptionRow.stage, PrescriptionRow.person_id).where(PrescriptionRow.plan == plan.name)
    names = [stage.name for stage in plan.stages]
    for stage, person_id in db.execute(chosen.where(PrescriptionRow.stage.not_in(names)).distinct()):
        raise OptionError(
            f"stage '{stage}' is gone and {person_id} was prescribed it; expected every stage that somebody was in: "
            "put it back, or save under another name"
        )


@lru_cache(maxsize=64)
def plan_from(toml: str) -> Plan:
    """A plan from its TOML.

    Raises
    ------
    ContentError
        The TOML is faulty; the key is named.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.toml"
        path.write_text(toml, encoding="utf-8")
        return read_plan(path)


def plan_named(db: Session, name: str) -> Plan:
    """One of the plans that come with loadsense, or the newest version of one's own.

    Raises
    ------
    OptionError
        There is no such plan.
    """
    if name in plans():
        return evidence.plan(name)
    row = _newest(db, name)
    if row is None:
        raise unknown_name("plan", name, plan_names(db))
    return plan_from(row.toml)


def plan_names(db: Session) -> tuple[str, ...]:
    """Names of all plans, those that come with loadsense first."""
    own = db.scalars(select(PlanRow.name).distinct().order_by(PlanRow.name))
    return (*plans(), *own)


def _newest(db: Session, name: str) -> PlanRow | None:
    chosen = select(PlanRow).where(PlanRow.name == name).order_by(PlanRow.version.desc()).limit(1)
    return db.scalars(chosen).first()
