"""The live verbs of the command line: scan, stream, replay, devices.

`register(app)` adds them; nothing of weight is imported before one of them runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense import cli_options as options
from loadsense.errors import LoadSenseError, OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.live.finish import Plan, Said
    from loadsense.live.floor import Shown
    from loadsense.live.posting import Posting
    from loadsense.live.sensor import LiveSensor
    from loadsense.live.state import LiveEvent
    from loadsense.results import SessionReport
    from loadsense.samples import Recording
    from loadsense.sources.ble import Radio
    from loadsense.summary import Judging

Sensors = Annotated[
    list[str] | None,
    typer.Option(
        "--sensor", metavar="PERSON:PLACEMENT=ADDRESS", help="Once for each sensor; virtual is a simulated one."
    ),
]
People = Annotated[
    list[str] | None, typer.Option("--person", metavar="FILE", help="TOML file of a person; once for each.")
]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone in which days are counted, such as Europe/Madrid.")]
RangeG = Annotated[float | None, typer.Option("--range-g", help="Range to ask the sensors for; theirs by default.")]
RateHz = Annotated[float | None, typer.Option("--sampling-rate-hz", help="Rate to ask for; the profile's by default.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Sensor profile, when the name does not tell it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print events as JSON lines instead of the screen.")]
Bell = Annotated[bool, typer.Option("--bell", help="Ring once inside the band, twice above the ceiling.")]
Output = Annotated[str, typer.Option("--output", "-o", help="Folder for the recordings and results.")]
RadioPlace = Annotated[
    str | None,
    typer.Option("--radio", metavar="tcp:HOST:PORT", help="A virtual radio, as simulate --sensor --listen serves it."),
]


def register(app: typer.Typer) -> None:
    """Add the live verbs to the command line."""
    app.command(epilog="Example: loadsense scan --seconds 5")(scan)
    app.command(epilog="Example: loadsense stream --plan hirit --sensor p017:hip=C4:11:22:33:44:55 -o outputs/")(stream)
    app.command(epilog="Example: loadsense replay --together hip=A.csv wrist=B.csv --plan hirit --speed 10")(replay)
    app.command(epilog="Example: loadsense devices check my-sensor.toml")(devices)


def scan(
    seconds: Annotated[float, typer.Option(help="How long to listen.")] = 8.0,
    every: Annotated[bool, typer.Option("--all", help="List devices that are no sensor of ours too.")] = False,
    battery: Annotated[bool, typer.Option("--battery/--no-battery", help="Connect to each to read it.")] = True,
    radio: RadioPlace = None,
    as_json: AsJson = False,
) -> None:
    """List the sensors in reach: name, address, signal, battery, profile, rates and ranges."""
    from loadsense.live.beginning import radio_of
    from loadsense.live.floor import in_reach
    from loadsense.live.listing import found_json, found_lines

    found = in_reach(seconds, every=every, battery=battery, radio=radio_of(radio))
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
    plan: options.PlanName = None,
    person: People = None,
    tz: Zone = None,
    range_g: RangeG = None,
    sampling_rate_hz: RateHz = None,
    profile: Profile = None,
    radio: RadioPlace = None,
    output: Output = "outputs",
    resume: Annotated[str | None, typer.Option(metavar="FOLDER", help="Go on with a session that broke off.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
    as_json: AsJson = False,
    bell: Bell = False,
    post: Annotated[
        str | None, typer.Option(metavar="URL", help="Tell a dashboard live, such as http://127.0.0.1:8000.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(metavar="KEY", help="Its key of the scope live; LOADSENSE_TOKEN by default.")
    ] = None,
    send: Annotated[
        bool | None, typer.Option("--send/--no-send", help="Send it the recordings at the end; asked by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, before or after.")] = False,
) -> None:
    """Stream from sensors with live feedback, recorded so that a crash costs a second at most."""
    from loadsense.live import beginning, finish
    from loadsense.live.asking import asked_after
    from loadsense.live.floor import Shown

    if resume is not None:
        folder, plan_file = Path(resume), finish.read_plan(Path(resume))
        posting = _posting(post, token, [one.person for one in plan_file.wearings], as_json=as_json)
    else:
        posting = _posting(post, token, [text.partition(":")[0] for text in sensor or []], as_json=as_json)
        folder, plan_file = _new_session(output, sensor or [], person or [], plan=plan, tz=tz)
        plan_file = replace(
            plan_file, radio=radio, profiles={w.address: profile for w in plan_file.wearings if profile}
        )
        finish.write_plan(folder, plan_file)
    judgings = beginning.judgings_of(plan_file)
    title = f"LoadSense  {folder}  (Ctrl-C ends)"
    shown = Shown(as_json=as_json, bell=bell, seconds=seconds, title=title, posting=posting)
    asked = (sampling_rate_hz, range_g)
    _warn_if_locked(judgings, ask=not yes and not as_json)
    sensors = _sensors(folder, plan_file, judgings)
    _stream(sensors, plan_file, asked, shown, resumed=resume is not None)
    said = {} if yes or as_json or not sys.stdin.isatty() else asked_after(plan_file)
    finish.write_plan(folder, plan_file, said)
    try:
        _write_reports(folder, plan_file, judgings, said, as_json=as_json)
    finally:
        if post is not None and _is_to_send(send, ask=not yes and not as_json):
            _send((post, token), folder, plan_file)


def replay(
    files: options.Files,
    together: options.Together = False,
    offset: options.Offsets = None,
    speed: Annotated[
        str, typer.Option(help="1 is the time it took, 10 ten times as fast, max as fast as it goes.")
    ] = "1",
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder for the files that analyze writes; none without it.")
    ] = None,
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
    plan: options.PlanName = None,
    load: options.Loads = None,
    thresholds: options.Profile = None,
    target_landings: options.Target = None,
    person: options.PersonFile = None,
    landing_block: options.LandingBlock = False,
    as_json: AsJson = False,
    bell: Bell = False,
) -> None:
    """Play recordings of one person as if they were live: the same screen, the same result."""
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
        landing_block=landing_block or None,
    )
    judged = options.judged_of(plan, person, thresholds, target_landings, load)
    sensors = options.played_of(files, offset or [], together=together, placement=placement)
    told = options.told_of(reading | judged, together=files if together else None)
    recordings = options.recordings_of(sensors, reading, person)
    _replay(sensors, recordings, judged, (speed, output, told), as_json=as_json, bell=bell)


def _replay(
    sensors: options.SessionFiles,
    recordings: Mapping[str, Recording],
    judged: dict[str, Any],
    how: tuple[str, str | None, tuple[tuple[str, str], ...]],
    *,
    as_json: bool,
    bell: bool,
) -> None:
    """Play, print the report, and write what `analyze` writes where a folder was given."""
    from loadsense.live.floor import Shown
    from loadsense.live.replaying import replayed, speed_of
    from loadsense.render import check_writable, file_stem, write_outputs
    from loadsense.session import judging

    speed, output, told = how
    if output is not None:
        check_writable(output)
    shown = Shown(as_json=as_json, bell=bell, title=f"Replay of {' '.join(sensors.files.values())}")
    report = replayed(recordings, judging(**judged), shown, speed=speed_of(speed), offsets_s=sensors.offsets_s)
    folder = None
    if output is not None:
        stem = file_stem(next(iter(sensors.files.values())))
        folder = write_outputs(replace(report, arguments=told), output, stem=stem)
    if not as_json:
        _print_report(report, folder)


def practise(scenario: str | None, output: str) -> None:
    """A session with a simulated sensor, in real time: the whole way without hardware.

    Raises
    ------
    LoadSenseError
        As `stream`.
    """
    from loadsense import simulate
    from loadsense.live.beginning import VIRTUAL

    name = scenario or "hip-session"
    placement = simulate.scenario(name).sensor.placement
    stream(sensor=[f"practice:{placement}={VIRTUAL}:{name}"], output=output, yes=True)


def advertise(scenarios: str | None, place: str) -> None:
    """Virtual sensors on a link of their own, found and streamed by other programs, until Ctrl-C.

    Parameters
    ----------
    scenarios : str or None
        Names with commas between them: a sensor for each.
    place : str
        HOST:PORT to listen at.

    Raises
    ------
    OptionError
        An unknown scenario, a place that cannot be listened at, or a package that is not there.
    """
    import asyncio

    from loadsense.live.beginning import motion_of, practice_room

    names = (scenarios or "hip-session").split(",")

    def ready(where: str, sensors: Any) -> None:
        for name, sensor in zip(names, sensors, strict=True):
            typer.echo(f"{sensor.name} at {sensor.address} plays {name} over and over")
        typer.echo(f"find and stream with --radio tcp:{where}; Ctrl-C switches off")
        sys.stdout.flush()

    served = practice_room("virtual_sensor").serve(place, [motion_of(name) for name in names], ready=ready)
    try:
        asyncio.run(served)
    except KeyboardInterrupt:
        typer.echo("")


# -- a session: before


def _new_session(
    output: str, sensor: list[str], people_files: list[str], *, plan: str | None, tz: str | None
) -> tuple[Path, Plan]:
    """The folder of a new session, and what it remembers."""
    from loadsense.live import beginning, finish

    people = beginning.files_by_person(people_files)
    wearings = beginning.wearings_of(sensor, people, tz)
    began = datetime.now().astimezone()
    folder = Path(output) / began.strftime("live-%Y%m%d-%H%M%S")
    made = finish.Plan(began=began, wearings=wearings, plan=plan, people=people, profiles={})
    beginning.judgings_of(made)  # an unknown plan or a faulty person file is refused before anything is made
    try:
        folder.mkdir(parents=True)
    except OSError as fault:
        raise OptionError(f"output folder {folder}: cannot be made ({fault.strerror}); give another with -o") from None
    return folder, made


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


def _posting(url: str | None, token: str | None, people: list[str], *, as_json: bool) -> Posting | None:
    """Where the session is told to, if anywhere; on a screen its troubles stand below the rows."""
    if url is None:
        return None
    from loadsense.live.posting import posting_of

    has_screen = sys.stdout.isatty() and not as_json
    say = (lambda _: None) if has_screen else lambda sentence: typer.echo(sentence, err=True)
    return posting_of(url, token, tuple(dict.fromkeys(people)), say)


def _sensors(folder: Path, plan: Plan, judgings: dict[str, Judging]) -> list[LiveSensor]:
    from loadsense.live.sensor import LiveSensor

    return [LiveSensor(wearing, judgings[wearing.person], began=plan.began, folder=folder) for wearing in plan.wearings]


def _stream(
    sensors: list[LiveSensor], plan: Plan, asked: tuple[float | None, float | None], shown: Shown, *, resumed: bool
) -> None:
    """Sources for the sensors, and the session to its end."""
    from loadsense.live.beginning import source_of
    from loadsense.live.floor import run_floor
    from loadsense.live.session import Feed

    started_s = (datetime.now().astimezone() - plan.began).total_seconds()
    now = _monotonic_from(max(0.0, started_s))
    earlier: list[LiveEvent] = []
    for sensor in sensors:
        if resumed and sensor.log_path is not None and sensor.log_path.exists():
            earlier += sensor.resume(sensor.log_path, now())
    radio = _shared_radio(plan.radio)
    feeds = [Feed(one, source_of(one.wearing, plan, asked=asked, now=now, radio=radio)) for one in sensors]
    run_floor(feeds, now, {s.wearing.person: s.judging for s in sensors}, shown, earlier=earlier)
    if shown.posting is not None and shown.posting.left_behind:
        typer.echo(shown.posting.left_behind, err=True)


_RADIO: list[Radio] = []


def _shared_radio(place: str | None) -> Radio:
    """One radio for the whole process: sensors take turns on it."""
    from loadsense.live.beginning import radio_of

    if place is not None:
        return radio_of(place)
    if not _RADIO:
        _RADIO.append(radio_of(None))
    return _RADIO[0]


def _monotonic_from(seconds: float) -> Callable[[], float]:
    import time

    offset_s = seconds - time.monotonic()
    return lambda: time.monotonic() + offset_s


# -- a session: after


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


def _is_to_send(send: bool | None, *, ask: bool) -> bool:
    """Whether the recordings go to the dashboard: as was said, or as is answered; nobody to ask means no."""
    if send is not None or not (ask and sys.stdin.isatty()):
        return bool(send)
    return typer.confirm("Send the recordings to the dashboard?", default=True)


def _send(where: tuple[str, str | None], folder: Path, plan: Plan) -> None:
    from loadsense.live.posting import key_of
    from loadsense.live.sending import send_recordings

    url, token = where
    send_recordings(url, key_of(token), folder, plan.wearings, say=lambda line: typer.echo(line, err=True))


def _print_report(report: SessionReport, folder: str | None = None) -> None:
    from loadsense.render import terminal
    from loadsense.render.page import session_page

    terminal.show(terminal.lines(session_page(report), folder=folder), sys.stdout)


def _print_json(content: object) -> None:
    import json

    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
