"""The verb `athlete`: people under pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError
from loadsense.people_cli import asking
from loadsense.people_cli.asking import (
    FolderAt,
    GroupName,
    Pseudonym,
    StoreAt,
    Weeks,
    check_group,
    made_app,
    person_of,
    print_json,
    print_table,
    reading_of,
    writing_to,
)

if TYPE_CHECKING:
    from loadsense.review.person import PersonPage


athlete = made_app("People under pseudonyms: list, add, show, import, archive.")


@athlete.command("list", epilog="Example: loadsense athlete list --group 'Tue/Thu'")
def list_(
    group: GroupName = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those who were archived instead.")] = False,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """List who trains: pseudonym, group, body mass, last session."""
    from loadsense.review.people import people_page

    with reading_of(store, folder) as db:
        page = people_page(db)
    if group is not None:
        check_group(group, [one.name for one in page.groups])
    lines = [one for one in (page.archived if archived else page.active) if group in (None, one.group)]
    if as_json:
        print_json(lines)
        return
    rows = [(one.person_id, one.group or "-", _kg(one.body_mass_kg), _day(one.last_day)) for one in lines]
    print_table(("person", "group", "body mass", "last session"), rows, nobody="nobody is on this list yet")


@athlete.command("add", epilog="Example: loadsense athlete add p017 --group 'Tue/Thu' --body-mass-kg 63.1")
def add(
    person: Pseudonym,
    group: GroupName = None,
    body_mass_kg: options.BodyMass = None,
    store: StoreAt = None,
    folder: FolderAt = None,
) -> None:
    """Add somebody under a pseudonym, never under a name."""
    from loadsense.review.reading import group_facts
    from loadsense.store import people

    with writing_to(store, folder, make=True) as tx:
        groups = {one.name: one.id for one in group_facts(tx.db)}
        if group is not None:
            check_group(group, groups)
        people.create(tx, person, group_id=groups[group] if group else None, body_mass_kg=body_mass_kg)
    typer.echo(f"added {person}; her screening is next: on her record in the dashboard, or by loadsense athlete import")


@athlete.command("show", epilog="Example: loadsense athlete show p017 --weeks 8")
def show(
    person: Pseudonym,
    weeks: Weeks = 12,
    store: StoreAt = None,
    folder: FolderAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Show somebody's weeks: attendance, landings and lifting sets against what was asked, open flags."""
    from loadsense.review import reading
    from loadsense.review.person import person_page

    if not 4 <= weeks <= 52:
        raise OptionError(f"--weeks {weeks}: expected 4 to 52")
    with reading_of(store, folder) as db:
        facts = person_of(db, person)
    today = reading.today_of(facts.group, asking.now())
    page = person_page(facts, today=today, n_weeks=weeks, limits=reading.limits())
    if as_json:
        print_json(page)
    else:
        typer.echo("\n".join(_person_lines(page)))


@athlete.command("import", epilog="Example: loadsense athlete import p017.toml")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of a person, as --person takes it.")],
    store: StoreAt = None,
    folder: FolderAt = None,
) -> None:
    """Take in a person's file: create her, or add what it says to what is known."""
    from loadsense.store import people

    with writing_to(store, folder, make=True) as tx:
        person = people.import_person(tx, file)
    typer.echo(f"{person} is as {file.name} says")


@athlete.command("archive", epilog="Example: loadsense athlete archive p017")
def archive(
    person: Pseudonym,
    back: Annotated[bool, typer.Option("--back", help="On the roster again.")] = False,
    store: StoreAt = None,
    folder: FolderAt = None,
) -> None:
    """Take somebody off the roster, or back onto it; everything about her stays."""
    from loadsense.store import people

    with writing_to(store, folder) as tx:
        version = people.the_person(tx.db, person).version
        (people.bring_back if back else people.archive)(tx, person, version=version)
    typer.echo(f"{person} is {'on' if back else 'off'} the roster; everything about her stays")


def _kg(value: float | None) -> str:
    return "-" if value is None else f"{value:g} kg"


def _day(value: date | None) -> str:
    return "-" if value is None else value.isoformat()


def _person_lines(page: PersonPage) -> Iterator[str]:
    """Weeks against what was asked; the two doses side by side and never added."""
    percent = page.attendance.percent
    attended = f"{page.attendance.attended} of {page.attendance.offered} sessions attended"
    yield f"{page.person_id}  {page.plan or 'no plan yet'}"
    yield attended + ("" if percent is None else f" ({percent:.0f} %)")
    if page.next_session:
        yield f"next session {page.next_session.isoformat()}"
    if page.locked:
        yield f"LOCKED: {page.locked}"
    for flag in page.flags:
        if flag.is_open:
            yield f"{flag.severity}: {flag.sentence}"
    for landings, lifting in zip(page.landings, page.lifting, strict=True):
        yield f"{landings.week}  {landings.words:<28}  {lifting.words}"
