"""The beginning of a live session: who wears what, what each is judged by, and where the packets come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from loadsense import devices, evidence, session, simulate
from loadsense.errors import OptionError
from loadsense.live.finish import Plan
from loadsense.live.state import Wearing
from loadsense.placement import parse_placement
from loadsense.samples import FloatArray
from loadsense.sources.link import Source
from loadsense.sources.replay import SimulatedSource
from loadsense.summary import Judging

if TYPE_CHECKING:
    from loadsense.sources.ble import Radio

#: Address that stands for a sensor that is simulated; a scenario may follow a colon.
VIRTUAL: Final = "virtual"
#: What `--radio` begins with where the radio is a virtual link on a socket.
_SOCKET: Final = "tcp:"


def wearings_of(words: Sequence[str], people: dict[str, str], tz: str | None) -> tuple[Wearing, ...]:
    """Who wears what, from PERSON:PLACEMENT=ADDRESS.

    Raises
    ------
    OptionError
        No sensor, a word that is none of these, or two that cannot be worn at once.
    """
    if not words:
        raise OptionError("give a sensor: --sensor p017:hip=ADDRESS, with an address that loadsense scan lists")
    found: list[Wearing] = []
    for text in words:
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
        simulate.scenario(scenario)


def files_by_person(files: Sequence[str]) -> dict[str, str]:
    """Person files by the pseudonym that they hold."""
    found = {}
    for path in files:
        person = evidence.load_person(path)
        found[person.id or Path(path).stem] = path
    return found


def judgings_of(plan: Plan) -> dict[str, Judging]:
    """What each person is judged by."""
    names = dict.fromkeys(wearing.person for wearing in plan.wearings)
    return {name: session.judging(plan=plan.plan, person=plan.people.get(name)) for name in names}


def radio_of(place: str | None) -> Radio:
    """The system's radio, or a virtual one at `tcp:HOST:PORT`.

    Raises
    ------
    OptionError
        No such place, or the package for virtual radios is not installed.
    """
    from loadsense.sources.ble import Radio

    if place is None:
        return Radio()
    host, _, port = place.removeprefix(_SOCKET).rpartition(":")
    if not (place.startswith(_SOCKET) and host and port.isdigit()):
        raise OptionError(f"--radio '{place}': expected tcp:HOST:PORT, as loadsense simulate --sensor --listen prints")
    return practice_room("virtual_radio").virtual_radio(f"{host}:{port}")  # type: ignore[no-any-return]


def practice_room(name: str) -> ModuleType:
    """A module of the virtual link, which needs a package that only practice needs.

    Raises
    ------
    OptionError
        It is not installed.
    """
    try:
        return import_module(f"loadsense.sources.{name}")
    except ModuleNotFoundError:
        raise OptionError(
            "virtual sensors that advertise need one more package: pip install 'loadsense[practice]'"
        ) from None


def source_of(
    wearing: Wearing, plan: Plan, *, asked: tuple[float | None, float | None], now: Callable[[], float], radio: Radio
) -> Source:
    """The radio, or a simulated sensor for practice."""
    kind, _, scenario = wearing.address.partition(":")
    if kind == VIRTUAL:
        return _simulated(scenario, wearing, now)
    from loadsense.sources.ble import BleSensor

    name = plan.profiles.get(wearing.address)
    profile = devices.profile(name) if name else None
    return BleSensor(wearing.address, now=now, profile=profile, asked=asked, radio=radio)


def _simulated(scenario: str, wearing: Wearing, now: Callable[[], float]) -> Source:
    default = "hirit-wrist" if wearing.sensor == "wrist" else "hip-session"
    made = simulate.perform(simulate.scenario(scenario or default)).recording()
    return SimulatedSource(made, now=now)


def motion_of(name: str) -> Callable[[float], FloatArray]:
    """What a virtual sensor feels in a scenario, at whatever rate it is set to.

    Raises
    ------
    OptionError
        No such scenario.
    """
    chosen = simulate.scenario(name)

    def at(rate_hz: float) -> FloatArray:
        sensor = replace(chosen.sensor, sampling_rate_hz=rate_hz, range_g=16.0, counts_per_g=2048.0, gaps_s=())
        return simulate.simulate_session(chosen.script, sensor=sensor, seed=chosen.seed).accel_g

    return at
