"""The command line: parse, call one function, render.

Nothing of weight is imported before a command runs, so that `loadsense --help` answers at once. Results go to standard
output, log and progress to standard error. Exit 0 is done, 2 the user's mistake, 1 the world's; both are one line.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense import __version__, export_cli, live_cli, people_cli, serve_cli
from loadsense.cli_options import (
    Activity,
    AsJson,
    BodyMass,
    Columns,
    End,
    File,
    Files,
    LandingBlock,
    Loads,
    Offsets,
    PersonFile,
    Placement,
    PlanName,
    Profile,
    Quiet,
    Range,
    Rate,
    SessionFiles,
    Start,
    Target,
    Together,
    Unit,
    Zone,
    given,
    judged_of,
    recordings_of,
    refuse_placement,
    together_of,
    told_of,
)
from loadsense.errors import LoadSenseError, OptionError

if TYPE_CHECKING:
    from loadsense.render.page import Fact
    from loadsense.render.progress import Progress
    from loadsense.results import SessionReport
    from loadsense.samples import Recording

app = typer.Typer(
    name="loadsense",
    help="Did this session load the skeleton hard enough and fast enough, and how do we know?",
    epilog="Example: loadsense analyze session.csv --placement hip --tz Europe/Madrid -o outputs/",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"loadsense {__version__}")
        raise typer.Exit


@app.callback()
def loadsense(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Did this session load the skeleton hard enough and fast enough, and how do we know?"""


@app.command(
    epilog="Example: loadsense analyze p017_hip.csv --placement hip --tz Europe/Madrid --plan hirit -o outputs/"
)
def analyze(  # each option is a parameter: that is how Typer reads them
    files: Files,
    together: Together = False,
    offset: Offsets = None,
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the results.")] = "outputs",
    placement: Placement = None,
    activity: Activity = None,
    body_mass_kg: BodyMass = None,
    tz: Zone = None,
    range_g: Range = None,
    unit: Unit = None,
    sampling_rate_hz: Rate = None,
    columns: Columns = None,
    start: Start = None,
    end: End = None,
    plan: PlanName = None,
    load: Loads = None,
    thresholds: Profile = None,
    target_landings: Target = None,
    person: PersonFile = None,
    landing_block: LandingBlock = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read, condition, detect, measure, judge; print the verdict and write the report."""
    from loadsense.render import check_writable, write_outputs
    from loadsense.render.progress import Progress

    check_writable(output)
    reading = given(
        placement=placement,
        activity=activity,
        landing_block=landing_block or None,
        body_mass_kg=body_mass_kg,
        tz=tz,
        range_g=range_g,
        unit=unit,
        sampling_rate_hz=sampling_rate_hz,
        columns=columns,
        start=start,
        end=end,
    )
    judged = judged_of(plan, person, thresholds, target_landings, load)
    told = told_of(reading | judged, together=files if together else None)
    sessions = [together_of(files, offset or [])] if together else [SessionFiles({"": path}) for path in files]
    if together:
        refuse_placement(placement)

    def analyzed(sensors: SessionFiles, stem: str) -> None:
        recordings = recordings_of(sensors, reading, person)
        with Progress(quiet=quiet) as progress:
            report = replace(_report(recordings, sensors.offsets_s, judged, progress), arguments=told)
        folder = write_outputs(report, output, stem=stem)
        _show(report, folder, as_json=as_json, quiet=quiet)

    _each(sessions, analyzed)


@app.command(epilog="Example: loadsense batch data/ --manifest people.csv --jobs 2 -o out/")
def batch(  # each option is a parameter: that is how Typer reads them
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Folders, globs, files, object-store URLs.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the results.")] = "outputs",
    manifest: Annotated[
        str | None, typer.Option(metavar="CSV", help="participant, file, tz, placement, body_mass_kg: a row per file.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler to send the work to.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is done.")] = False,
    placement: Placement = None,
    activity: Activity = None,
    body_mass_kg: BodyMass = None,
    tz: Zone = None,
    range_g: Range = None,
    unit: Unit = None,
    sampling_rate_hz: Rate = None,
    columns: Columns = None,
    start: Start = None,
    end: End = None,
    plan: PlanName = None,
    load: Loads = None,
    thresholds: Profile = None,
    target_landings: Target = None,
    person: PersonFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Analyze many files into one dataset; one bad file never stops the rest, and a second start goes on."""
    from loadsense import batch_cli
    from loadsense.cohort import BatchOptions

    reading = given(
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
    judged = judged_of(plan, person, thresholds, target_landings, load)
    options = BatchOptions(
        manifest=manifest, jobs=jobs, scheduler=scheduler, force=force, reading=_pinned(reading), judged=_pinned(judged)
    )
    batch_cli.run(paths, output, options, as_json=as_json, quiet=quiet)


def _pinned(options: dict[str, Any]) -> tuple[tuple[str, object], ...]:
    """Options as pairs that can be hashed and sent to another process."""
    return tuple((name, tuple(v.items()) if isinstance(v, dict) else v) for name, v in sorted(options.items()))


@app.command(epilog="Example: loadsense inspect p017_hip.csv --tz Europe/Madrid")
def inspect(
    file: File,
    placement: Placement = None,
    activity: Activity = None,
    body_mass_kg: BodyMass = None,
    tz: Zone = None,
    range_g: Range = None,
    unit: Unit = None,
    sampling_rate_hz: Rate = None,
    columns: Columns = None,
    start: Start = None,
    end: End = None,
    plan: PlanName = None,
    load: Loads = None,
    thresholds: Profile = None,
    target_landings: Target = None,
    person: PersonFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a file is: format, columns, unit, rate, range, gaps, start, and what it cannot tell."""
    from loadsense import readers
    from loadsense.render import listing

    judged = judged_of(plan, person, thresholds, target_landings, load)
    if judged:
        from loadsense import session

        session.judging(**judged)  # an unknown plan is refused here as well as by analyze
    found = readers.inspect(
        file,
        **given(
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
        ),
    )
    if as_json:
        _print_json(listing.inspection_json(found))
    else:
        _print_facts(listing.inspection_facts(found))


@app.command(epilog="Example: loadsense thresholds --json")
def thresholds(as_json: AsJson = False) -> None:
    """Print every level, band, equation, rule and plan that is used, with its source and how it is known."""
    from loadsense import evidence
    from loadsense.render import listing

    rows = evidence.table()
    if as_json:
        _print_json(listing.evidence_json(rows))
    else:
        typer.echo("\n".join(listing.evidence_lines(rows)))


@app.command(epilog="Example: loadsense simulate hip-session -o recordings/")
def simulate(
    name: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="What to simulate; without it, the list.")
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the recording and its truth.")] = ".",
    seed: Annotated[int | None, typer.Option(help="Another seed makes another recording of the same script.")] = None,
    sensor: Annotated[
        bool, typer.Option("--sensor", help="Stream it as a virtual sensor, in real time, to practise a live session.")
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="With --sensor: advertise it there, for scan and stream --radio."),
    ] = None,
) -> None:
    """Make a recording whose true landings and repetitions are known, beside a file that holds them."""
    if listen is not None and not sensor:
        raise OptionError("--listen belongs to --sensor: loadsense simulate hip-session --sensor --listen HOST:PORT")
    if sensor:
        live_cli.practise(name, output) if listen is None else live_cli.advertise(name, listen)
        return
    from loadsense import simulate as simulator
    from loadsense.render import check_writable, listing

    if name is None:
        _print_facts(listing.scenario_facts(simulator.SCENARIOS.values()))
        return
    check_writable(output)
    for path in simulator.write_scenario(name, output, seed=seed):
        typer.echo(path)


live_cli.register(app)
export_cli.register(app)
serve_cli.register(app)
people_cli.register(app)


def _report(
    recordings: dict[str, Recording], offsets_s: dict[str, float], judged: dict[str, Any], progress: Progress
) -> SessionReport:
    """One session, of one sensor or of several."""
    from loadsense import session

    if "" in recordings:
        return session.analyze(recordings[""], progress=progress, **judged)
    return session.Session(recordings, offsets_s=offsets_s, **judged).report(progress)


def _each(sessions: Sequence[SessionFiles], work: Callable[[SessionFiles, str], None]) -> None:
    """Every session in turn; one that fails is said on standard error and does not stop the others."""
    worst = 0
    for n, (sensors, stem) in enumerate(zip(sessions, _stems(sessions), strict=True)):
        if n:
            typer.echo()
        try:
            work(sensors, stem)
        except LoadSenseError as error:
            typer.echo(f"error: {error}", err=True)
            worst = max(worst, error.exit_code)
    if worst:
        raise typer.Exit(worst)


def _stems(sessions: Sequence[SessionFiles]) -> list[str]:
    """A folder name for each session: its first file's, numbered when two files share it."""
    from loadsense.render import file_stem

    stems: list[str] = []
    for sensors in sessions:
        stem = file_stem(next(iter(sensors.files.values())))
        names = [stem, *(f"{stem}-{n}" for n in range(2, len(sessions) + 1))]
        stems.append(next(name for name in names if name not in stems))
    return stems


def _show(report: SessionReport, folder: str, *, as_json: bool, quiet: bool) -> None:
    """Print the session, in words or for a program."""
    from loadsense.render import json_page, terminal
    from loadsense.render.page import session_page

    if as_json:
        typer.echo(json_page.text(report), nl=False)
    else:
        terminal.show(terminal.lines(session_page(report), folder=folder)[-1 if quiet else 0 :], sys.stdout)


def _print_json(content: object) -> None:
    """Facts for a program, on standard output."""
    import json

    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def _print_facts(facts: Sequence[Fact]) -> None:
    """Labels and texts, aligned."""
    width = max(len(fact.label) for fact in facts) + 2
    typer.echo("\n".join(f"{fact.label:<{width}}{fact.line}" for fact in facts))


def main(arguments: list[str] | None = None) -> None:
    """Entry point: every error that is not ours is one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without a sign for +- shows a question mark
    if (arguments or sys.argv[1:])[:1] == ["analyze"]:
        gc.disable()  # one file and out: looking for cycles among a million small facts costs a tenth and finds none
    sys.exit(_code(arguments))


def _code(arguments: list[str] | None) -> int:
    """Run the command; return its exit code."""
    try:
        return int(app(arguments, prog_name="loadsense", standalone_mode=False) or 0)
    except LoadSenseError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error)
    except typer.Abort:
        typer.echo("\nstopped", err=True)  # Ctrl-C, or nobody there to answer a question
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; so do we, without a word
        return 1


def _usage(error: typer.TyperException) -> int:
    """A wrong command line in one line; no arguments at all is the help."""
    text = error.format_message()
    if text.startswith("Usage:"):
        typer.echo(text)
        return 0
    typer.echo(f"error: {text.rstrip('.')}; see loadsense --help", err=True)
    return error.exit_code
