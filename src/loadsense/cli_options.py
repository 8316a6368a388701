"""Options that several verbs of the command line share, and what their words mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadsense.errors import OptionError

if TYPE_CHECKING:
    from loadsense.samples import Recording

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
LandingBlock = Annotated[
    bool, typer.Option("--landing-block", help="All of it is a block of landings: drops of 5 to 8 cm count too.")
]
Together = Annotated[
    bool, typer.Option("--together", help="The files are sensors of one person: hip=A.csv wrist=B.csv.")
]
Offsets = Annotated[
    list[str] | None,
    typer.Option(
        "--offset", metavar="SENSOR=SECONDS", help="Start of a sensor's file in the session, when clocks cannot tell."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the machine form instead of the words.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict line alone, and no progress.")]


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """Files of one session by sensor, "" for a file on its own; and where each starts, when that was given."""

    files: dict[str, str]
    offsets_s: dict[str, float] = field(default_factory=dict)


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def judged_of(
    plan: str | None, person: str | None, profile: str | None, target_landings: int | None, load: list[str] | None
) -> dict[str, Any]:
    """What a session is judged by, as `session.judging` takes it."""
    loads_kg = pairs("--load", load, "deadlift=60") if load else None
    return given(plan=plan, person=person, profile=profile, target_landings=target_landings, loads_kg=loads_kg)


def told_of(options: Mapping[str, Any], *, together: list[str] | None) -> tuple[tuple[str, str], ...]:
    """The command's options as they go into `summary.json`."""
    told = {
        name: ", ".join(f"{k}={v:g}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        for name, value in options.items()
    }
    if together:
        told["together"] = " ".join(together)
    return tuple(sorted(told.items()))


def pairs(option: str, words: Iterable[str], example: str) -> dict[str, float]:
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


def together_of(words: list[str], offset: list[str]) -> SessionFiles:
    """Sensors by name with their files and offsets; the name is the placement.

    `--offset hip=0 wrist=2.5` reads as people type it, though only the first word belongs to the option.
    """
    files = [word for word in words if not (offset and _is_offset(word))]
    named = {name: path for name, _, path in (word.partition("=") for word in files)}
    if len(named) < len(files):
        raise OptionError("--together: a sensor is named twice; one session takes one sensor from each placement")
    if len(named) < 2 or not all(named.values()):
        raise OptionError("--together needs two or more sensors as SENSOR=FILE, such as hip=A.csv wrist=B.csv")
    offsets_s = pairs("--offset", [*offset, *(word for word in words if word not in files)], "wrist=2.5")
    stray = [name for name in offsets_s if name not in named]
    if stray:
        raise OptionError(f"--offset names {stray[0]}, which is none of the sensors {', '.join(named)}")
    return SessionFiles(named, offsets_s)


def _is_offset(word: str) -> bool:
    """Whether a word is SENSOR=SECONDS."""
    try:
        float(word.partition("=")[2])
    except ValueError:
        return False
    return True


def recordings_of(sensors: SessionFiles, reading: dict[str, Any], person: str | None) -> dict[str, Recording]:
    """Files opened; a sensor's name is its placement, and the person's file knows the body mass."""
    from loadsense import evidence, readers
    from loadsense.samples import checked_body_mass_kg

    checked_body_mass_kg(reading.get("body_mass_kg"))  # a file of recordings may say 0 for unknown, a person may not
    if person is not None and "body_mass_kg" not in reading:
        reading = reading | given(body_mass_kg=evidence.load_person(person).body_mass_kg)
    return {
        name: readers.read(path, **(reading | ({"placement": name} if name else {})))
        for name, path in sensors.files.items()
    }


def played_of(files: list[str], offset: list[str], *, together: bool, placement: str | None) -> SessionFiles:
    """The files of one session: several sensors with `--together`, else one recording.

    Raises
    ------
    OptionError
        Words that are no sensors, several files without `--together`, or a placement that the names say already.
    """
    if not together and len(files) > 1:
        raise OptionError("replay plays one session: one file, or --together hip=A.csv wrist=B.csv")
    if not together:
        return SessionFiles({"": files[0]})
    refuse_placement(placement)
    return together_of(files, offset)


def refuse_placement(placement: str | None) -> None:
    """Raise an `OptionError` where a placement is given beside names that say it."""
    if placement is not None:
        raise OptionError(
            "--placement has no meaning with --together: the names before the equals signs are placements"
        )


def check_store_installed() -> None:
    """Refuse to go on without the packages of the store.

    Raises
    ------
    OptionError
        They are not installed.
    """
    if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
        raise OptionError("people need a store, whose packages are not installed: pip install 'loadsense[dashboard]'")
