"""The live verbs of the command line: scan, stream, replay, devices.

`register(app)` adds them; nothing of weight is imported before one of them runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from loadsense.errors import LoadSenseError, OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.live.finish import Plan, Said
    from loadsense.live.floor import Shown
    from loadsense.live.sensor import LiveEvent, LiveSensor, Wearing
    from loadsense.results import SessionReport
    from loadsense.sources.link import Source
    from loadsense.summary import Judging

#: Address that stands for a sensor that is simulated; a scenario may follow a colon.
VIRTUAL: Final = "virtual"

Sensors = Annotated[
    list[str] | None,
    typer.Option(
        "--sensor", metavar="PERSON:PLACEMENT=ADDRESS", help="Once for each sensor; virtual is a simulated one."
    ),
]
People = Annotated[
    list[str] | None, typer.Option("--person", metavar="FILE", help="TOML file of a person; once for each.")
]
PlanName = Annotated[str | None, typer.Option("--plan", help="What was prescribed: hirit, or the path of a plan file.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone in which days are counted, such as Europe/Madrid.")]
RangeG = Annotated[float | None, typer.Option("--range-g", help="Range to ask the sensors for; theirs by default.")]
RateHz = Annotated[float | None, typer.Option("--sampling-rate-hz", help="Rate to ask for; the profile's by default.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Sensor profile, when the name does not tell it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print events as JSON lines instead of the screen.")]
Bell = Annotated[bool, typer.Option("--bell", help="Ring once inside the band, twice above the ceiling.")]
Output = Annotated[str, typer.Option("--output", "-o", help="Folder for the recordings and results.")]


def register(app: typer.Typer) -> None:
    """Add the live verbs to the command line."""
    app.command(epilog="Example: loadsense scan --seconds 5")(scan)
    app.command(epilog="Example: loadsense stream --plan hirit --sensor p017:hip=C4:11:22:33:44:55 -o outputs/")(stream)
    app.command(epilog="Example: loadsense replay p017_hip.csv --placement hip --speed 10")(replay)
    app.command(epilog="Example: loadsense devices check my-sensor.toml")(devices)


def scan(
    seconds: Annotated[float, typer.Option(help="How long to listen.")] = 8.0,
    every: Annotated[bool, typer.Option("--all", help="List devices that are no sensor of ours too.")] = False,
    battery: Annotated[bool, typer.Option("--battery/--no-battery", help="Connect to each to read it.")] = True,
    as_json: AsJson = False,
) -> None:
    """List the sensors in reach: name, address, signal, battery, profile, rates and ranges."""
    from loadsense.live.floor import in_reach
    from loadsense.live.listing import found_json, found_lines

    found = in_reach(seconds, every=every, battery=battery)
    if as_json:
        _print_json([found_json(one) for one in found])
        return
    if not found:
        typer.echo("no sensor in reach: is it on, charged, and not connected to another app? (--all lists everything)")
        return
    typer.echo("\n".join(found_lines(found)))


def devices(
    action: Annotated[str | None, typer.Argument(metavar="[check]", help="check: read a profile of your own.")] = None,
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="The profile to check.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the sensor profiles with how each field is known; `check FILE` tries one of your own."""
    from loadsense import devices as known
    from loadsense.live.listing import profile_json, profile_lines

    if action not in (None, "check") or (action == "check") != (file is not None):
        raise OptionError("loadsense devices takes nothing, or check and the path of a profile")
    if file is not None:
        made = known.read_profile(Path(file), error=OptionError)
        typer.echo(f"{file}: a good profile of {made.title}, packet format {made.decoder}")
        return
    profiles = known.profiles().values()
    if as_json:
        _print_json([profile_json(one) for one in profiles])
        return
    for one in profiles:
        typer.echo("\n".join(profile_lines(one)))


def stream(  # each option is a parameter: that is how Typer reads them
    sensor: Sensors = None,
    plan: PlanName = None,
    person: People = None,
    tz: Zone = None,
    range_g: RangeG = None,
    sampling_rate_hz: RateHz = None,
    profile: Profile = None,
    output: Output = "outputs",
    resume: Annotated[str | None, typer.Option(metavar="FOLDER", help="Go on with a session that broke off.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
    as_json: AsJson = False,
    bell: Bell = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, before or after.")] = False,
) -> None:
    """Stream from sensors with live feedback, recorded so that a crash costs a second at most."""
    from loadsense.live import finish
    from loadsense.live.floor import Shown

    if resume is not None:
        folder, plan_file = Path(resume), finish.read_plan(Path(resume))
    else:
        folder, plan_file = _new_session(output, sensor, _files_by_person(person), (plan, tz, profile))
    judgings = _judgings(plan_file)
    shown = Shown(as_json=as_json, bell=bell, seconds=seconds, title=f"LoadSense  {folder}  (Ctrl-C ends)")
    asked = (sampling_rate_hz, range_g)
    _warn_if_locked(judgings, ask=not yes and not as_json)
    sensors = _sensors(folder, plan_file, judgings)
    _stream(sensors, plan_file, asked, shown, resumed=resume is not None)
    said = {} if yes or as_json or not sys.stdin.isatty() else _asked_after(plan_file)
    finish.write_plan(folder, plan_file, said)
    _write_reports(folder, plan_file, judgings, said, as_json=as_json)


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A recording, or the log of a live session.")],
    speed: Annotated[
        str, typer.Option(help="1 is the time it took, 10 ten times as fast, max as fast as it goes.")
    ] = "1",
    placement: Annotated[str, typer.Option(help="Where the sensor was worn.")] = "unknown",
    body_mass_kg: Annotated[float | None, typer.Option("--body-mass-kg", help="Body mass in kg, for forces.")] = None,
    tz: Zone = None,
    range_g: RangeG = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the columns: g, mg, m/s2 or counts.")] = None,
    sampling_rate_hz: RateHz = None,
    columns: Annotated[str | None, typer.Option(help="Names or numbers of time,x,y,z.")] = None,
    start: Annotated[str | None, typer.Option(help="Keep what comes from here on.")] = None,
    end: Annotated[str | None, typer.Option(help="Keep what comes before.")] = None,
    activity: Annotated[str | None, typer.Option(help="What the wearer did all the time.")] = None,
    plan: PlanName = None,
    person: Annotated[str | None, typer.Option("--person", metavar="FILE", help="TOML file of the person.")] = None,
    target_landings: Annotated[int | None, typer.Option("--target-landings", help="Landings asked for.")] = None,
    load: Annotated[list[str] | None, typer.Option("--load", metavar="EXERCISE=KG", help="What was lifted.")] = None,
    thresholds: Annotated[str | None, typer.Option(metavar="NAME", help="Profile of studied levels.")] = None,
    as_json: AsJson = False,
    bell: Bell = False,
) -> None:
    """Play a recording as if it were live: the same screen, the same result."""
    from loadsense import readers, session
    from loadsense.live.floor import Shown, run_floor
    from loadsense.live.sensor import LiveSensor, Wearing
    from loadsense.live.session import Feed
    from loadsense.sources.replay import ReplaySource

    judged_by = session.judging(
        plan=plan, person=person, profile=thresholds, target_landings=target_landings, loads_kg=_loads_kg(load)
    )
    mass_kg = body_mass_kg or (judged_by.person.body_mass_kg if judged_by.person else None)
    recording = readers.read(
        file,
        placement=placement,
        body_mass_kg=mass_kg,
        tz=tz,
        range_g=range_g,
        unit=unit,
        sampling_rate_hz=sampling_rate_hz,
        columns=columns,
        start=start,
        end=end,
        activity=activity,
    )
    source = ReplaySource(recording, speed=_speed(speed))
    name = (judged_by.person.id if judged_by.person else None) or Path(file).name
    wearing = Wearing(person=name, sensor=recording.info.placement.value)
    sensor = LiveSensor(wearing, judged_by, began=datetime.now().astimezone(), folder=None)
    run_floor(
        [Feed(sensor, source)],
        source.now,
        {name: judged_by},
        Shown(as_json=as_json, bell=bell, title=f"Replay of {file}"),
    )
    if sensor.engine is None:
        raise WorldError(f"{file}: no samples to replay")
    if not as_json:
        _print_report(sensor.engine.report(recording.clock_quality))


def practise(scenario: str | None, output: str) -> None:
    """A session with a simulated sensor, in real time: the whole way without hardware.

    Raises
    ------
    LoadSenseError
        As `stream`.
    """
    from loadsense import simulate

    name = scenario or "hip-session"
    placement = simulate.scenario(name).sensor.placement
    stream(sensor=[f"practice:{placement}={VIRTUAL}:{name}"], output=output, yes=True)


def _loads_kg(words: list[str] | None) -> dict[str, float] | None:
    """EXERCISE=KG words as numbers; None without any."""
    if not words:
        return None
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise OptionError(f"--load '{word}': expected EXERCISE=KG such as deadlift=60") from None
    return found


def _speed(text: str) -> float | None:
    """A number above 0, or None for max."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise OptionError(f"--speed '{text}': expected a number above 0 such as 1 or 10, or max")
    return speed


# -- a session: before


def _new_session(
    output: str, sensor: list[str] | None, people: dict[str, str], told: tuple[str | None, str | None, str | None]
) -> tuple[Path, Plan]:
    """The folder of a new session, and what it remembers."""
    from loadsense.live import finish

    plan, tz, profile = told
    wearings = _wearings(sensor, people, tz)
    began = datetime.now().astimezone()
    folder = Path(output) / began.strftime("live-%Y%m%d-%H%M%S")
    made = finish.Plan(
        began=began,
        wearings=wearings,
        plan=plan,
        people=people,
        profiles={wearing.address: profile for wearing in wearings if profile},
    )
    _judgings(made)  # an unknown plan or a faulty person file is refused before anything is made
    try:
        folder.mkdir(parents=True)
    except OSError as fault:
        raise OptionError(f"output folder {folder}: cannot be made ({fault.strerror}); give another with -o") from None
    finish.write_plan(folder, made)
    return folder, made


def _wearings(sensor: list[str] | None, people: dict[str, str], tz: str | None) -> tuple[Wearing, ...]:
    """Who wears what, from PERSON:PLACEMENT=ADDRESS."""
    from loadsense import evidence
    from loadsense.live.sensor import Wearing
    from loadsense.placement import parse_placement

    if not sensor:
        raise OptionError("give a sensor: --sensor p017:hip=ADDRESS, with an address that loadsense scan lists")
    found: list[Wearing] = []
    for text in sensor:
        who, equals, address = text.partition("=")
        person, colon, placement = who.partition(":")
        if not (equals and colon and person and placement and address):
            raise OptionError(
                f"--sensor '{text}': expected PERSON:PLACEMENT=ADDRESS such as p017:hip=C4:11:22:33:44:55"
            )
        if any(c in person for c in "/\\") or person.startswith("."):
            raise OptionError(f"--sensor '{text}': a person's name becomes a file's; use letters and digits")
        _check_virtual(address)
        mass_kg = evidence.load_person(people[person]).body_mass_kg if person in people else None
        made = Wearing(
            person=person, sensor=parse_placement(placement).value, address=address, body_mass_kg=mass_kg, tz=tz
        )
        if any((one.person, one.sensor) == (person, made.sensor) for one in found):
            raise OptionError(f"--sensor '{text}': {person} wears two sensors at the {made.sensor}; name them apart")
        if address.partition(":")[0] != VIRTUAL and any(one.address == address for one in found):
            raise OptionError(f"--sensor '{text}': the sensor at {address} is worn twice")
        found.append(made)
    return tuple(found)


def _check_virtual(address: str) -> None:
    """Refuse a scenario that does not exist."""
    kind, _, scenario = address.partition(":")
    if kind == VIRTUAL and scenario:
        from loadsense import simulate

        simulate.scenario(scenario)


def _files_by_person(files: list[str] | None) -> dict[str, str]:
    """Person files by the pseudonym that they hold."""
    from loadsense import evidence

    found = {}
    for path in files or []:
        person = evidence.load_person(path)
        found[person.id or Path(path).stem] = path
    return found


def _judgings(plan: Plan) -> dict[str, Judging]:
    """What each person is judged by."""
    from loadsense import session

    names = dict.fromkeys(wearing.person for wearing in plan.wearings)
    return {name: session.judging(plan=plan.plan, person=plan.people.get(name)) for name in names}


def _warn_if_locked(judgings: dict[str, Judging], *, ask: bool) -> None:
    """Say before the start whose plan may not be graded, and why."""
    from loadsense.live.view import landing_target

    today = datetime.now().astimezone().date()
    locked = {name: landing_target(judging, today).locked for name, judging in judgings.items()}
    for name, why in locked.items():
        if why:
            typer.echo(f"{name}: LOCKED - {why}", err=True)
    if not (ask and any(locked.values()) and sys.stdin.isatty()):
        return
    if not typer.confirm("Stream all the same? Nothing of a locked plan is graded.", err=True):
        raise OptionError("not started: complete the screening in the person's file, or leave --plan out")


# -- a session: while it runs


def _sensors(folder: Path, plan: Plan, judgings: dict[str, Judging]) -> list[LiveSensor]:
    from loadsense.live.sensor import LiveSensor

    return [LiveSensor(wearing, judgings[wearing.person], began=plan.began, folder=folder) for wearing in plan.wearings]


def _stream(
    sensors: list[LiveSensor], plan: Plan, asked: tuple[float | None, float | None], shown: Shown, *, resumed: bool
) -> None:
    """Sources for the sensors, and the session to its end."""
    from loadsense.live.floor import run_floor
    from loadsense.live.session import Feed

    started_s = (datetime.now().astimezone() - plan.began).total_seconds()
    now = _monotonic_from(max(0.0, started_s))
    earlier: list[LiveEvent] = []
    for sensor in sensors:
        if resumed and sensor.log_path is not None and sensor.log_path.exists():
            earlier += sensor.resume(sensor.log_path, now())
    feeds = [Feed(sensor, _source(sensor.wearing, plan, asked, now)) for sensor in sensors]
    run_floor(feeds, now, {s.wearing.person: s.judging for s in sensors}, shown, earlier=earlier)


def _source(wearing: Wearing, plan: Plan, asked: tuple[float | None, float | None], now: Callable[[], float]) -> Source:
    """The radio, or a simulated sensor for practice."""
    from loadsense import devices as known

    kind, _, scenario = wearing.address.partition(":")
    if kind == VIRTUAL:
        return _simulated(scenario, wearing, now)
    from loadsense.sources.ble import BleSensor

    name = plan.profiles.get(wearing.address)
    return BleSensor(
        wearing.address, now=now, profile=known.profile(name) if name else None, asked=asked, radio=_shared_radio()
    )


def _simulated(scenario: str, wearing: Wearing, now: Callable[[], float]) -> Source:
    from loadsense import simulate
    from loadsense.sources.replay import SimulatedSource

    default = "hirit-wrist" if wearing.sensor == "wrist" else "hip-session"
    made = simulate.perform(simulate.scenario(scenario or default)).recording()
    return SimulatedSource(made, now=now)


_RADIO: list[Any] = []


def _shared_radio() -> Any:
    """One radio for the whole process: sensors take turns on it."""
    from loadsense.sources.ble import Radio

    if not _RADIO:
        _RADIO.append(Radio())
    return _RADIO[0]


def _monotonic_from(seconds: float) -> Callable[[], float]:
    import time

    offset_s = seconds - time.monotonic()
    return lambda: time.monotonic() + offset_s


# -- a session: after


def _asked_after(plan: Plan) -> dict[str, Said]:
    """Pain with site and onset, exertion with its scale, from everybody; Enter leaves a question out."""
    from loadsense.live.finish import checked_said

    answers: dict[str, Said] = {}
    for name in dict.fromkeys(wearing.person for wearing in plan.wearings):
        typer.echo(f"{name}:")
        while name not in answers:
            try:
                answers[name] = checked_said(_one_asked())
            except (OptionError, ValueError) as fault:
                typer.echo(f"  {fault}")
    return answers


def _one_asked() -> Said:
    from loadsense.live.finish import Said

    pain = _answer("  pain now, 0 to 10")
    site = _answer("  where") if pain and int(pain) > 0 else ""
    onset = _answer("  new or known") if site else ""
    rpe = _answer("  how hard was it, a number")
    scale = _answer("  on which scale, borg (6-20) or 0-10") if rpe else ""
    return Said(
        pain=int(pain) if pain else None,
        pain_site=site,
        pain_onset="new" if onset.startswith("n") else "known" if onset else "",
        rpe=float(rpe) if rpe else None,
        rpe_scale="borg" if scale.startswith("b") else "0-10" if scale else None,
    )


def _answer(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False)).strip().lower()


def _write_reports(
    folder: Path, plan: Plan, judgings: dict[str, Judging], said: dict[str, Said], *, as_json: bool
) -> None:
    """Outputs of everybody; one that fails is said and does not stop the others."""
    from loadsense.live import finish

    worst = 0
    for name, judging in judgings.items():
        try:
            recordings = finish.recordings_of(folder, [w for w in plan.wearings if w.person == name])
            if not recordings:
                raise WorldError(f"{name}: no sample was recorded")
            report, where = finish.write_report(recordings, judging, folder=folder, stem=name, said=said.get(name))
        except LoadSenseError as error:
            typer.echo(f"error: {error}", err=True)
            worst = max(worst, error.exit_code)
            continue
        if not as_json:
            typer.echo("")
            _print_report(report, where)
    if worst:
        raise typer.Exit(worst)


def _print_report(report: SessionReport, folder: str | None = None) -> None:
    from loadsense.render import terminal
    from loadsense.render.page import session_page

    typer.echo("\n".join(line.plain for line in terminal.lines(session_page(report), folder=folder)))


def _print_json(content: object) -> None:
    import json

    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
