"""The verb `export`: people and sessions of the store as files, or, with `--bids`, recordings in the form of others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadsense import cli_options as options
from loadsense.errors import OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.cohort.exporting import Exported
    from loadsense.letters.exporting import Choice
    from loadsense.store import Store


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(
        epilog="Example: loadsense export p017 -o exports/; loadsense export --group 'Tue/Thu' --since 2026-09-01 -o "
        "sessions.csv; loadsense export --bids data/ --task hirit -o bids/"
    )(export)


def export(  # each option is a parameter: that is how Typer reads them
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="PERSON...|FILE...", help="Pseudonyms; with --bids recordings, folders, globs, URLs."),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Sessions of people who train together.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DAY", help="Sessions of this local day and later ones.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="Sessions up to this local day, with it.")
    ] = None,
    bids: Annotated[bool, typer.Option("--bids", help="Write recordings and their events as a BIDS dataset.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder: `exports`, or `bids` for a dataset, by default.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="PATH|URL", envvar="LOADSENSE_STORE", help="Database of the people."),
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="DIR", help="Folder of the recordings; beside the database.")
    ] = None,
    manifest: Annotated[
        str | None, typer.Option(metavar="CSV", help="participant, file, tz, placement: a row per file.")
    ] = None,
    task: Annotated[str, typer.Option(metavar="LABEL", help="What was done, as a BIDS label.")] = "session",
    subject: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Who; else the manifest's participant, or the file's name.")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="LABEL", help="Which session; else the local day.")] = None,
    placement: options.Placement = None,
    activity: options.Activity = None,
    body_mass_kg: options.BodyMass = None,
    tz: options.Zone = None,
    range_g: options.Range = None,
    unit: options.Unit = None,
    sampling_rate_hz: options.Rate = None,
    columns: options.Columns = None,
    start: options.Start = None,
    end: options.End = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write everything about a person, sessions of a group or some days, or recordings in a form that others read."""
    if (group, since, until) != (None, None, None):
        choices = _choices(what or (), group, (since, until))
        _export_sessions(choices, output, (store, folder), form="bids" if bids else "json" if as_json else None)
        return
    if not what:
        raise OptionError("nothing was named; give a pseudonym, a group (--group), or recordings with --bids")
    if not bids:
        _export_people(what, output or "exports", (store, folder), as_json=as_json)
        return
    from loadsense.cohort.exporting import BidsOptions, export_files
    from loadsense.render import check_writable

    output = output or "bids"
    check_writable(output)
    reading = options.given(
        placement=placement,
        activity=activity,
        body_mass_kg=body_mass_kg,
        tz=tz,
        range_g=range_g,
        unit=unit,
        sampling_rate_hz=sampling_rate_hz,
        columns=columns,
        start=start,
        end=end,
    )
    named = BidsOptions(
        task=task, subject=subject, session=session, manifest=manifest, reading=tuple(sorted(reading.items()))
    )
    _say(export_files(what, output, named), output, as_json=as_json, quiet=quiet)


def _export_people(people: Iterable[str], output: str, where: tuple[str | None, str | None], *, as_json: bool) -> None:
    """A folder for each person with every row, session and recording of hers."""
    options.check_store_installed()
    from loadsense.store import open_store
    from loadsense.store.erasure import export_person
    from loadsense.store.places import existing

    named = list(people)
    stray = next((one for one in named if Path(one).exists() or "." in one or "/" in one), None)
    if stray is not None:
        raise OptionError(f"{stray} is no pseudonym; for a BIDS dataset of recordings give --bids")
    opened = open_store(*existing(*where))
    try:
        written = [export_person(opened, one, output) for one in named]
    finally:
        opened.close()
    if as_json:
        typer.echo(json.dumps([{"person": one.name, "folder": one.as_posix()} for one in written], indent=2))
    else:
        typer.echo("\n".join(str(one) for one in written))


# -- sessions of a group or of some days


def _choices(people: Sequence[str], group: str | None, days: tuple[str | None, str | None]) -> list[Choice]:
    """Whose sessions, and of which days."""
    options.check_store_installed()
    from loadsense.letters.exporting import Choice

    if people and group is not None:
        raise OptionError(f"{people[0]} and a group were named; expected people or a group: leave one out")
    first, last = _day("--since", days[0]), _day("--until", days[1])
    if people:
        return [Choice(person_id=one, first=first, last=last) for one in dict.fromkeys(people)]
    return [Choice(group=group, first=first, last=last)]


def _day(option: str, words: str | None) -> date | None:
    try:
        return None if words is None else date.fromisoformat(words)
    except ValueError:
        raise OptionError(f"{option} '{words}': expected a day such as 2026-11-23") from None


def _export_sessions(
    choices: Sequence[Choice], output: str | None, where: tuple[str | None, str | None], *, form: str | None
) -> None:
    """A table on standard output or in a file, whose ending says which form; a BIDS dataset is a folder."""
    from loadsense.store import open_store
    from loadsense.store.places import existing

    form = form or _form_of(output)
    opened = open_store(*existing(*where))
    try:
        if form == "bids":
            _write_bids(opened, choices, output or "bids")
        else:
            _write_table(opened, choices, output, as_json=form == "json")
    finally:
        opened.close()


def _form_of(output: str | None) -> str:
    form = "csv" if output is None else Path(output).suffix.removeprefix(".")
    if form not in ("csv", "json"):
        raise OptionError(f"{output}: expected a file name that ends with .csv or .json; or give --bids for a folder")
    return form


def _write_table(store: Store, choices: Sequence[Choice], output: str | None, *, as_json: bool) -> None:
    from loadsense.letters import exporting

    at = datetime.now(UTC)
    with store.reading() as db:
        rows = [row for one in choices for row in exporting.session_rows(db, one, at=at)]
    text = exporting.as_json(rows, at=at) if as_json else exporting.as_csv(rows)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as fault:
        raise WorldError(f"{output}: cannot be written ({fault.strerror}); choose another place with -o") from None
    typer.echo(output)


def _write_bids(store: Store, choices: Sequence[Choice], output: str) -> None:
    from loadsense.letters import exporting
    from loadsense.render import check_writable

    check_writable(output)
    n = sum(exporting.as_bids(store, one, Path(output)) for one in choices)
    typer.echo(f"EXPORTED {n} {'recording' if n == 1 else 'recordings'} to {output}")


# -- recordings


def _say(exported: Iterable[Exported], output: str, *, as_json: bool, quiet: bool) -> None:
    """A line for each file as it is written; those that failed on standard error, and in the exit code."""
    done, worst = [], 0
    for one in exported:
        if one.error is not None:
            worst = max(worst, one.error.exit_code)
            typer.echo(f"error: {_told(one)}", err=True)
        done.append(one)
        if one.motion is not None and not (as_json or quiet):
            typer.echo(str(one.motion))
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in done], indent=2, ensure_ascii=False))
    else:
        typer.echo(f"EXPORTED {sum(one.error is None for one in done)} of {len(done)} files to {output}")
    if worst:
        raise typer.Exit(worst)


def _told(one: Exported) -> str:
    """The error, with the file in front where its own words do not name it."""
    name = one.file.rsplit("/", 1)[-1]
    return str(one.error) if name in str(one.error) else f"{one.file}: {one.error}"


def _as_json(one: Exported) -> dict[str, str | None]:
    return {
        "file": one.file,
        "motion": None if one.motion is None else one.motion.as_posix(),
        "error": None if one.error is None else str(one.error),
    }
