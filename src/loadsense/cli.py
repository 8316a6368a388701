"""The command line: parse, call one function, render.

Nothing of weight is imported before a command runs, so that `loadsense --help` answers at once. Results go to standard
output, log and progress to standard error. Exit 0 is done, 2 the user's mistake, 1 the world's; both are one line.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense import __version__, live_cli
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

# -- options that several verbs share
Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Recordings; with --together, SENSOR=FILE for each.")
]
File = Annotated[str, typer.Argument(metavar="FILE", help="A recording.")]
Placement = Annotated[
    str | None,
    typer.Option(
        help="Where the sensor was worn: waist, hip, lower_back, sacrum, chest, wrist, ankle, pocket, hand, bag."
    ),
]
Activity = Annotated[
    str | None,
    typer.Option(help="What the wearer did all the time: jumping, walking or running; else it is classified."),
]
BodyMass = Annotated[float | None, typer.Option("--body-mass-kg", help="Body mass in kg, for forces.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of the recording's clock, such as Europe/Madrid.")]
Range = Annotated[float | None, typer.Option("--range-g", help="Full scale of each axis: 16 means +-16 g.")]
Unit = Annotated[str | None, typer.Option(help="Unit of the columns: g, mg, m/s2 or counts; else found and said.")]
Rate = Annotated[
    float | None, typer.Option("--sampling-rate-hz", help="Samples per second, when the file does not say.")
]
Columns = Annotated[str | None, typer.Option(help="Names or numbers from 1 of the columns: time,x,y,z or x,y,z.")]
Start = Annotated[
    str | None, typer.Option(help="Keep what comes from here on: ISO 8601, or seconds from the first sample.")
]
End = Annotated[str | None, typer.Option(help="Keep what comes before: ISO 8601, or seconds from the first sample.")]
PlanName = Annotated[str | None, typer.Option("--plan", help="What was prescribed: hirit, or the path of a plan file.")]
Loads = Annotated[
    list[str] | None,
    typer.Option("--load", metavar="EXERCISE=KG", help="What was lifted, such as deadlift=60; once for each exercise."),
]
Profile = Annotated[
    str | None, typer.Option("--thresholds", metavar="NAME", help="Profile of studied levels to judge by.")
]
Target = Annotated[int | None, typer.Option("--target-landings", help="Landings asked for in this session.")]
PersonFile = Annotated[
    str | None, typer.Option("--person", metavar="FILE", help="TOML file: body mass, 1RMs with dates, stage, ceiling.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the machine form instead of the words.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict line alone, and no progress.")]


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
    together: Annotated[
        bool, typer.Option("--together", help="The files are sensors of one person: hip=A.csv wrist=B.csv.")
    ] = False,
    offset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SENSOR=SECONDS", help="Start of a sensor's file in the session, when clocks cannot tell."
        ),
    ] = None,
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
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read, condition, detect, measure, judge; print the verdict and write the report."""
    from loadsense.render import check_writable, write_outputs
    from loadsense.render.progress import Progress

    check_writable(output)
    reading = _given(
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
    judged = _judged(plan, person, thresholds, target_landings, load)
    told = _told(reading | judged, together=files if together else None)
    sessions = [_together(files, offset or [])] if together else [_Sensors({"": path}) for path in files]
    if together and placement is not None:
        raise OptionError(
            "--placement has no meaning with --together: the names before the equals signs are placements"
        )

    def analyzed(sensors: _Sensors, stem: str) -> None:
        recordings = _recordings(sensors, reading, person)
        with Progress(quiet=quiet) as progress:
            report = replace(_report(recordings, sensors.offsets_s, judged, progress), arguments=told)
        folder = write_outputs(report, output, stem=stem)
        _show(report, folder, as_json=as_json, quiet=quiet)

    _each(sessions, analyzed)


@dataclass(frozen=True, slots=True)
class _Sensors:
    """Files of one session by sensor, "" for a file on its own; and where each starts, when that was given."""

    files: dict[str, str]
    offsets_s: dict[str, float] = field(default_factory=dict)


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

    reading = _given(
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
    judged = _judged(plan, person, thresholds, target_landings, load)
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

    judged = _judged(plan, person, thresholds, target_landings, load)
    if judged:
        from loadsense import session

        session.judging(**judged)  # an unknown plan is refused here as well as by analyze
    found = readers.inspect(
        file,
        **_given(
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
) -> None:
    """Make a recording whose true landings and repetitions are known, beside a file that holds them."""
    if sensor:
        live_cli.practise(name, output)
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


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _judged(
    plan: str | None, person: str | None, profile: str | None, target_landings: int | None, load: list[str] | None
) -> dict[str, Any]:
    """What a session is judged by, as `session.judging` takes it."""
    loads_kg = _pairs("--load", load, "deadlift=60") if load else None
    return _given(plan=plan, person=person, profile=profile, target_landings=target_landings, loads_kg=loads_kg)


def _told(options: Mapping[str, Any], *, together: list[str] | None) -> tuple[tuple[str, str], ...]:
    """The command's options as they go into `summary.json`."""
    told = {
        name: ", ".join(f"{k}={v:g}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        for name, value in options.items()
    }
    if together:
        told["together"] = " ".join(together)
    return tuple(sorted(told.items()))


def _pairs(option: str, words: Iterable[str], example: str) -> dict[str, float]:
    """NAME=NUMBER words as a mapping."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise OptionError(f"{option} '{word}': expected a name, an equals sign and a number, such as {example}")
    return found


def _together(words: list[str], offset: list[str]) -> _Sensors:
    """Sensors by name with their files and offsets; the name is the placement.

    `--offset hip=0 wrist=2.5` reads as people type it, though only the first word belongs to the option.
    """
    files = [word for word in words if not (offset and _is_offset(word))]
    named = {name: path for name, _, path in (word.partition("=") for word in files)}
    if len(named) < len(files):
        raise OptionError("--together: a sensor is named twice; one session takes one sensor from each placement")
    if len(named) < 2 or not all(named.values()):
        raise OptionError("--together needs two or more sensors as SENSOR=FILE, such as hip=A.csv wrist=B.csv")
    offsets_s = _pairs("--offset", [*offset, *(word for word in words if word not in files)], "wrist=2.5")
    stray = [name for name in offsets_s if name not in named]
    if stray:
        raise OptionError(f"--offset names {stray[0]}, which is none of the sensors {', '.join(named)}")
    return _Sensors(named, offsets_s)


def _is_offset(word: str) -> bool:
    """Whether a word is SENSOR=SECONDS."""
    try:
        float(word.partition("=")[2])
    except ValueError:
        return False
    return True


def _recordings(sensors: _Sensors, reading: dict[str, Any], person: str | None) -> dict[str, Recording]:
    """Files opened; a sensor's name is its placement, and the person's file knows the body mass."""
    from loadsense import evidence, readers
    from loadsense.samples import checked_body_mass_kg

    checked_body_mass_kg(reading.get("body_mass_kg"))  # a file of recordings may say 0 for unknown, a person may not
    if person is not None and "body_mass_kg" not in reading:
        reading = reading | _given(body_mass_kg=evidence.load_person(person).body_mass_kg)
    return {
        name: readers.read(path, **(reading | ({"placement": name} if name else {})))
        for name, path in sensors.files.items()
    }


def _report(
    recordings: dict[str, Recording], offsets_s: dict[str, float], judged: dict[str, Any], progress: Progress
) -> SessionReport:
    """One session, of one sensor or of several."""
    from loadsense import session

    if "" in recordings:
        return session.analyze(recordings[""], progress=progress, **judged)
    return session.Session(recordings, offsets_s=offsets_s, **judged).report(progress)


def _each(sessions: Sequence[_Sensors], work: Callable[[_Sensors, str], None]) -> None:
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


def _stems(sessions: Sequence[_Sensors]) -> list[str]:
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
