"""Plans of the coach's own: as TOML, checked by the loader of the evidence, each version kept."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.orm import Session as Reading
from starlette.responses import Response

from loadsense import evidence
from loadsense.errors import Conflict, ContentError, OptionError
from loadsense.evidence.loader import FOLDER
from loadsense.store import prescribing
from loadsense.store.tables import PlanRow, User
from loadsense.web.context import dashboard, go_to, page, visitor
from loadsense.web.forms import OwnPlanForm

router = APIRouter(include_in_schema=False)

#: What copies are called until somebody names them.
_COPY: Final = "my-{name}"


@router.get("/plans", name="own_plans")
def own_plans(request: Request) -> Response:
    """Every plan: those that come with loadsense, and one's own with their versions."""
    with dashboard(request).store.reading() as db:
        chosen = select(PlanRow, User.login).outerjoin(User, User.id == PlanRow.by_user)
        rows = db.execute(chosen.order_by(PlanRow.name, PlanRow.version.desc())).all()
        versions = [(row, login or "import") for row, login in rows]
        newest = {row.name: prescribing.plan_from(row.toml) for row, _ in reversed(versions)}
    templates = [evidence.plan(name) for name in evidence.plans()]
    return page(request, "own_plans.html.j2", templates=templates, versions=versions, newest=newest)


@router.get("/plans/edit", name="own_plan")
def own_plan(request: Request, name: str | None = None, copy: str | None = None) -> Response:
    """The editor: of one's own plan, or of a copy of any."""
    with dashboard(request).store.reading() as db:
        row = _newest(db, name) if name else None
        if name and row is None:
            raise HTTPException(404)
        toml = row.toml if row else _copied(db, copy or "hirit")
    return page(request, "own_plan.html.j2", toml=toml, name=name or "", version_=row.version if row else None)


def _newest(db: Reading, name: str) -> PlanRow | None:
    return db.scalars(select(PlanRow).where(PlanRow.name == name).order_by(PlanRow.version.desc()).limit(1)).first()


def _copied(db: Reading, name: str) -> str:
    """The text of a plan under another name."""
    plan = prescribing.plan_named(db, name)  # refuses an unknown name with the known ones
    row = _newest(db, name)
    toml = row.toml if row else (FOLDER / "plans" / f"{name}.toml").read_text(encoding="utf-8")
    return toml.replace(f'name = "{plan.name}"', f'name = "{_COPY.format(name=plan.name)}"', 1)


@router.post("/plans", name="save_plan")
def save_plan(request: Request, said: Annotated[OwnPlanForm, Form()]) -> Response:
    """Keep a plan or a new version; what was typed is shown again beside whatever is wrong with it."""
    try:
        _check_name(said)
        with dashboard(request).store.writing(by_user=visitor(request).user_id) as tx:
            row = prescribing.save_plan(tx, said.toml, version=said.version)
            name = row.name
    except (ContentError, OptionError, Conflict) as problem:
        return _again(request, said, problem)
    return go_to(f"/plans#{name}")


def _check_name(said: OwnPlanForm) -> None:
    """A plan that was opened keeps its name.

    Raises
    ------
    OptionError
        The text has another one.
    """
    typed = prescribing.plan_from(said.toml).name
    if said.name is not None and typed != said.name:
        raise OptionError(
            f"the plan '{said.name}' is called '{typed}' in the text; keep its name, or save a copy of it"
        )


def _again(request: Request, said: OwnPlanForm, problem: ContentError | OptionError | Conflict) -> Response:
    with dashboard(request).store.reading() as db:
        newest = _newest(db, said.name) if said.name and isinstance(problem, Conflict) else None
    return page(
        request,
        "own_plan.html.j2",
        status=409 if isinstance(problem, Conflict) else 422,
        toml=said.toml,
        name=said.name or "",
        version_=newest.version if newest else said.version,
        sentence=str(problem),
        theirs=newest.toml if newest else "",
    )
