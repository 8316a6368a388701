"""The verb `plan`: what is asked of somebody, and what speaks against it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError
from loadsense.people_cli import asking
from loadsense.people_cli.asking import (
    FolderAt,
    Pseudonym,
    StoreAt,
    day_of,
    made_app,
    person_of,
    print_json,
    reading_of,
    writing_to,
)

if TYPE_CHECKING:
    from loadsense.review.facts import AskedFrom, PersonFacts
    from loadsense.store import Reading
    from loadsense.store.opening import Writing
    from loadsense.store.prescribing import Asked


plan = made_app("What is asked of somebody: show, set, check a plan file.")


@plan.command("show", epilog="Example: loadsense plan show p017")
def show_plan(
    person: Annotated[str | None, typer.Argument(metavar="[PERSON]", help="Without one, the plans there are.")] = None,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what is asked of somebody, what could come next and why; without her, list the plans."""
    from loadsense.review import reading
    from loadsense.review.planning import plan_page
    from loadsense.store.prescribing import plan_names

    with reading_of(store, folder) as db:
        if person is None:
            names = plan_names(db)
            typer.echo(json.dumps(names) if as_json else "\n".join(names))
            return
        facts = person_of(db, person)
    today = reading.today_of(facts.group, asking.now())
    page = plan_page(facts, today=today, limits=reading.limits())
    if as_json:
        print_json(page)
        return
    typer.echo(f"{person}  {_asked_words(page.asked) if page.asked else 'no plan yet: loadsense plan set ' + person}")
    for line in [f"locked: {page.locked}"] if page.locked else [one.sentence for one in page.suggestions]:
        typer.echo(f"  {line}")


@plan.command("set", epilog="Example: loadsense plan set p017 --stage stage-2 --load deadlift=40")
def set_plan(  # each option is a parameter: that is how Typer reads them
    person: Pseudonym,
    name: Annotated[str | None, typer.Option("--plan", metavar="NAME", help="hirit, or one of your own.")] = None,
    stage: Annotated[str | None, typer.Option(help="Step of the plan; the whole prescription by default.")] = None,
    from_day: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Local day; today by default.")] = None,
    sessions_per_week: Annotated[int | None, typer.Option(help="Her own number; the plan's by default.")] = None,
    target_landings: options.Target = None,
    min_net_g: Annotated[float | None, typer.Option(help="Least NET peak of a landing, in g.")] = None,
    ceiling_net_g: Annotated[float | None, typer.Option(help="Most NET peak of a landing, in g.")] = None,
    load: options.Loads = None,
    reason: Annotated[str, typer.Option(help="Why; needed where something speaks against it.")] = "",
    store: StoreAt = None,
    folder: FolderAt = None,
) -> None:
    """Ask something of somebody from a day on; what is not given stays as it is asked now."""
    from loadsense.review import reading

    given = options.given(
        sessions_per_week=sessions_per_week,
        target_landings=target_landings,
        min_net_g=min_net_g,
        ceiling_net_g=ceiling_net_g,
        loads_kg=options.pairs("--load", load, "deadlift=60") if load else None,
    )
    with writing_to(store, folder) as tx:
        facts = person_of(tx.db, person)
        today = reading.today_of(facts.group, asking.now())
        day = day_of("--from", from_day) or today
        asked = _asked(tx.db, facts.id, day, (name, stage), given)
        _prescribe(tx, facts, asked, reason=reason, today=today)
    typer.echo(f"{person} from {day.isoformat()}: {asked.plan}, {asked.stage or 'full'}")


@plan.command("check", epilog="Example: loadsense plan check my-plan.toml")
def check_plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of a plan of your own.")],
) -> None:
    """Read a plan file and say what it asks, or what is wrong with it."""
    from loadsense.evidence.prescribing import read_plan

    read = read_plan(file, error=OptionError)
    stages = ", ".join(one.name for one in read.stages)
    typer.echo(f"{file}: a good plan, {read.name}: {read.sessions_per_week} sessions a week, stages {stages}")


def _asked(
    db: Reading, person_id: str, day: date, named: tuple[str | None, str | None], given: dict[str, Any]
) -> Asked:
    """What is asked on a day with what was given on top; another stage brings its own band."""
    from loadsense.store.prescribing import Asked, prescription_at

    name, stage = named
    row = prescription_at(db, person_id, day)
    if row is None and name is None:
        raise OptionError(f"nothing is asked of {person_id} yet; say which plan, such as --plan hirit")
    if row is None or (name is not None and name != row.plan):
        return Asked(from_day=day, plan=name or "", stage=stage, **given)
    now = replace(Asked.of(row), from_day=day)
    if stage is not None and stage != now.stage:
        now = replace(now, stage=stage, min_net_g=None, ceiling_net_g=None)
    loads_kg = {**now.loads_kg, **given.pop("loads_kg", {})}
    return replace(now, loads_kg=loads_kg, **given)


def _prescribe(tx: Writing, facts: PersonFacts, asked: Asked, *, reason: str, today: date) -> None:
    """Write it; what speaks against it is said first, and needs a reason."""
    from loadsense.review import reading
    from loadsense.review.objections import objections
    from loadsense.store import flags, prescribing

    row = prescribing.prescribe(tx, facts.id, asked, reason=reason)  # checks it; nothing is kept if what follows fails
    after = reading.asked_from(row, prescribing.plan_named(tx.db, asked.plan))
    against = objections(facts, after, today=today, limits=reading.limits())
    for one in against:
        typer.echo(f"note: {one.sentence}", err=True)
    if against and not reason.strip():
        raise OptionError("something speaks against this change (above); nothing was changed: give --reason to make it")
    for raised in flags.raise_flags(tx, facts.id, [one.flag for one in against if one.flag is not None]):
        flags.acknowledge(tx, raised.id, reason, version=raised.version)


def _asked_words(asked: AskedFrom) -> str:
    landings = f", {asked.landings} landings" if asked.landings else ""
    loads = "".join(f", {exercise} {kg:g} kg" for exercise, kg in sorted(asked.loads_kg.items()))
    return f"{asked.plan.name}, {asked.stage.name}, {asked.sessions_per_week} sessions a week{landings}{loads}"
