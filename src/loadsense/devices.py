"""Device profiles: what each sensor is called, offers, and must be told; one TOML file each, with how it is known.

A profile says everything that differs between sensors of one packet format: names, services, commands, rates, ranges.
Every field carries how it is known; a field that says nothing about that is refused. Commands are written in a small
language: bytes in hexadecimal, text in quotes, and `{name:kind}` for what depends on the rate and the range::

    FF AA 03 {rate:code} 00        the code that the profile's table gives for the rate
    02 {rate:u16} {range:u8}       little-endian numbers
    01 63 '/Meas/Acc/{rate:text}' 00
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from loadsense.errors import ContentError, OptionError, unknown_name
from loadsense.evidence.fields import Fields, read_fields
from loadsense.wire.packets import DECODERS

Mark = Literal["vendor source", "third party", "arithmetic", "unverified", "own format"]
LossSeen = Literal["sequence number", "device time", "nothing"]

_MARKS: Final[tuple[Mark, ...]] = ("vendor source", "third party", "arithmetic", "unverified", "own format")
_LOSS: Final[tuple[LossSeen, ...]] = ("sequence number", "device time", "nothing")
_TIERS: Final = ("A", "B", "C")
#: Fields that must say how they are known.
_KNOWN: Final = (
    "names", "service", "notify", "command", "rates_hz", "ranges_g", "loss_seen_by", "min_mtu", "setup", "start",
    "stop", "readback",
)  # fmt: skip
#: The same, of profiles that have them.
_KNOWN_WHERE_USED: Final = ("read", "codes", "chip", "start_confirms", "notify_socket")
_TOKEN: Final = re.compile(r"'([^']*)'|\{(\w+):(\w+)\}|([0-9A-Fa-f]{2})|(\S+)")
_NUMBER_BYTES: Final = {"u8": 1, "u16": 2}
_PLACE: Final = re.compile(r"\{(\w+):text\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One write to the sensor.

    Attributes
    ----------
    text : str
        In the language of the module.
    to : str or None
        Characteristic; the profile's command characteristic when None.
    response : bool
        Whether the write is acknowledged.
    wait_s : float
        Pause afterwards.
    """

    text: str
    to: str | None = None
    response: bool = True
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfile:
    """One sensor.

    Attributes
    ----------
    name, title, tier : str
        Key, name for people, and how well it serves for landings (A, B, C).
    decoder : str
        Packet format, one of `loadsense.wire.packets.DECODERS`.
    names : tuple of str
        Beginnings of the advertised name.
    service : str
        UUID of the advertised or main service.
    service_is_own : bool
        Nothing else has this service: a sensor with another name is known by it.
    notify : tuple of str
        Characteristics to subscribe to.
    command : str or None
        Characteristic that takes commands.
    rates_hz, ranges_g : tuple of float
        What can be chosen.
    rate_hz, range_g : float
        What is chosen unless the user says otherwise.
    loss_seen_by : {"sequence number", "device time", "nothing"}
        What would show a lost packet.
    min_mtu : int
        Smallest MTU that carries a packet whole.
    notify_socket : bool
        On Linux, packets are taken from a socket instead of D-Bus signals: less work for the system, but some sensors
        do not bear it.
    samples_per_packet : int
        As configured, for formats in which it can be.
    setup, start, stop, readback : tuple of Command
        In order; `readback` asks what the sensor really uses.
    read : str or None
        Characteristic that says what the sensor really uses, where one is read.
    start_confirms : bool
        The sensor refuses a start with settings that it does not take.
    chip : int or None
        The accelerometer inside, by the vendor's number, where sensors of one name hold different ones.
    codes : mapping of str to mapping of str to str
        Hexadecimal codes of rates and ranges.
    quirks : tuple of str
        Sentences for the user.
    known : mapping of str to Mark
        How each field is known.
    sources : tuple of str
    """

    name: str
    title: str
    tier: str
    decoder: str
    names: tuple[str, ...]
    service: str
    service_is_own: bool
    notify: tuple[str, ...]
    command: str | None
    rates_hz: tuple[float, ...]
    ranges_g: tuple[float, ...]
    rate_hz: float
    range_g: float
    loss_seen_by: LossSeen
    min_mtu: int
    notify_socket: bool
    samples_per_packet: int
    setup: tuple[Command, ...]
    start: tuple[Command, ...]
    stop: tuple[Command, ...]
    readback: tuple[Command, ...]
    read: str | None
    start_confirms: bool
    chip: int | None
    codes: Mapping[str, Mapping[str, str]]
    quirks: tuple[str, ...]
    known: Mapping[str, Mark]
    sources: tuple[str, ...]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Fields that nobody read in the vendor's own source."""
        return tuple(field for field, mark in self.known.items() if mark in ("unverified", "third party"))

    def matches(self, name: str | None, services: Iterable[str] = ()) -> bool:
        """Whether an advertisement is of this sensor: by its name, or by the service where that is its own."""
        return bool(name and name.startswith(self.names)) or (self.service_is_own and self.service in services)

    def chosen(self, rate_hz: float | None, range_g: float | None) -> Choice:
        """Rate and range to ask for.

        Raises
        ------
        OptionError
            The sensor does not offer one of them; those that it offers are named.
        """
        rate, range_ = rate_hz or self.rate_hz, range_g or self.range_g
        for asked, offered, unit in ((rate, self.rates_hz, "Hz"), (range_, self.ranges_g, "g")):
            if asked not in offered:
                known = ", ".join(f"{value:g}" for value in offered)
                raise OptionError(f"{self.title} does not offer {asked:g} {unit}; it offers {known} {unit}")
        return Choice(rate_hz=rate, range_g=range_, samples_per_packet=self.samples_per_packet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a sensor is asked for."""

    rate_hz: float
    range_g: float
    samples_per_packet: int = 1


def command_bytes(command: Command, choice: Choice, codes: Mapping[str, Mapping[str, str]]) -> bytes:
    """The bytes of a command.

    Raises
    ------
    ContentError
        The text is not in the language, or a table lacks a code.

    Examples
    --------
    >>> choice = Choice(rate_hz=200.0, range_g=16.0)
    >>> command_bytes(Command(text="FF AA 03 {rate:code} 00"), choice, {"rate": {"200": "0B"}}).hex(" ")
    'ff aa 03 0b 00'
    """
    values = {"rate": choice.rate_hz, "range": choice.range_g, "samples": float(choice.samples_per_packet)}
    out = b""
    for quoted, name, kind, byte, other in _TOKEN.findall(command.text):
        if other:
            raise ContentError(f"command '{command.text}': '{other}' is not a byte, a quoted text or {{name:kind}}")
        if name:
            out += _placed(name, kind, values, codes)
        else:
            out += bytes.fromhex(byte) if byte else _with_values(quoted, values).encode("utf-8")
    return out


def _with_values(text: str, values: Mapping[str, float]) -> str:
    try:
        text = text.encode().decode("unicode_escape")
    except UnicodeDecodeError as fault:
        raise ContentError(f"command text '{text}': {fault.reason}; write a backslash twice") from None
    for name in _PLACE.findall(text):
        if name not in values:
            raise unknown_name("value in a command", name, values)
    return _PLACE.sub(lambda found: f"{values[found[1]]:g}", text)


def _placed(name: str, kind: str, values: Mapping[str, float], codes: Mapping[str, Mapping[str, str]]) -> bytes:
    if name not in values:
        raise unknown_name("value in a command", name, values)
    key = f"{values[name]:g}"
    if kind in _NUMBER_BYTES:
        number, n = round(values[name]), _NUMBER_BYTES[kind]
        if number >= 256**n:
            raise ContentError(f"a {name} of {key} does not fit in {{{name}:{kind}}}; use a wider number or a code")
        return number.to_bytes(n, "little")
    table = codes.get(name if kind == "code" else f"{name}_{kind}", {})
    if key not in table:
        raise ContentError(f"no code for a {name} of {key} in [codes.{name if kind == 'code' else f'{name}_{kind}'}]")
    return bytes.fromhex(table[key])


@cache
def folder() -> Path:
    """Where the profiles lie: inside the installed package, or beside the sources of a clone."""
    packed = Path(__file__).parent / "firmware_config"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "firmware_config"


@cache
def profiles() -> Mapping[str, DeviceProfile]:
    """Every profile that comes with loadsense, by name."""
    found = (read_profile(path) for path in sorted(folder().glob("*.toml")))
    return {profile.name: profile for profile in found}


def profile(name_or_path: str | Path) -> DeviceProfile:
    """One profile, by name or by the path of one's own file.

    Raises
    ------
    OptionError
        No such profile.
    ContentError
        The file is faulty; file and key are named.
    """
    text = str(name_or_path)
    if text in profiles():
        return profiles()[text]
    if text.endswith(".toml"):
        return read_profile(Path(text), error=OptionError)
    raise unknown_name("sensor profile", text, [*profiles(), "or the path of a .toml file"])


def profile_of(name: str | None, services: Iterable[str] = ()) -> DeviceProfile | None:
    """The profile of what advertises itself so; None for no sensor of ours."""
    offered = tuple(services)
    by_name = (p for p in profiles().values() if p.matches(name))
    by_service = (p for p in profiles().values() if p.matches(None, offered))
    return next(by_name, None) or next(by_service, None)


def read_profile(path: Path, *, error: type[ContentError | OptionError] = ContentError) -> DeviceProfile:
    """One profile from its file.

    Raises
    ------
    ContentError
        A key is missing, misspelt or has a value that cannot be; file and key are named.
    """
    fields = read_fields(path, error=error)
    made = _profile(fields)
    fields.done()
    _check(made, path.name)
    return made


def _profile(fields: Fields) -> DeviceProfile:
    link, stream, commands = fields.table("link"), fields.table("stream"), fields.table("commands")
    known = fields.table("known")
    used = [key for key in _KNOWN_WHERE_USED if any(key in table for table in (fields, link, stream))]
    made = DeviceProfile(
        name=fields.text("name"),
        title=fields.text("title"),
        tier=fields.choice("tier", _TIERS),
        decoder=fields.choice("decoder", tuple(DECODERS)),
        names=link.texts("names"),
        service=_uuid(link, "service"),
        service_is_own=link.flag("service_is_own", default=True),
        notify=tuple(_checked_uuid(link, "notify", text) for text in link.texts("notify")),
        command=_uuid(link, "command") if "command" in link else None,
        rates_hz=_positive(stream, "rates_hz"),
        ranges_g=_positive(stream, "ranges_g"),
        rate_hz=stream.number("rate_hz", low=0.5, high=10000),
        range_g=stream.number("range_g", low=1, high=1000),
        loss_seen_by=stream.choice("loss_seen_by", _LOSS),
        min_mtu=link.whole("min_mtu", low=23, high=517),
        notify_socket=link.flag("notify_socket", default=False),
        samples_per_packet=stream.optional_whole("samples_per_packet", low=1, high=255) or 1,
        setup=_commands(commands, "setup"),
        start=_commands(commands, "start"),
        stop=_commands(commands, "stop"),
        readback=_commands(commands, "readback"),
        read=_uuid(link, "read") if "read" in link else None,
        start_confirms=stream.flag("start_confirms", default=False),
        chip=stream.optional_whole("chip", low=0, high=255),
        codes=_codes(fields.table("codes")),
        quirks=fields.texts("quirks"),
        known={key: known.choice(key, _MARKS) for key in (*_KNOWN, *used)},
        sources=fields.texts("sources"),
    )
    for table in (link, stream, commands, known):
        table.expect(["command", "read"])
        table.done()
    return made


def _positive(fields: Fields, key: str) -> tuple[float, ...]:
    """What can be chosen: at least one number above 0."""
    if key not in fields:
        raise ContentError(f"{fields.where}: key '{key}' is missing; expected a list of numbers above 0")
    values = fields.numbers(key)
    if not values or not all(0 < value < float("inf") for value in values):
        raise fields.fail(key, list(values), "a list of numbers above 0")
    return values


def _commands(fields: Fields, key: str) -> tuple[Command, ...]:
    found = []
    for one in fields.tables(key):
        command = Command(
            text=one.text("bytes"),
            to=_uuid(one, "to") if "to" in one else None,
            response=one.flag("response", default=True),
            wait_s=one.optional_number("wait_s", low=0.0, high=10.0) or 0.0,
        )
        one.expect(["to"])
        one.done()
        found.append(command)
    return tuple(found)


def _codes(fields: Fields) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for name in fields.names():
        table = fields.table(name)
        tables[name] = {key: _hexadecimal(table, key) for key in table.names()}
    return tables


def _hexadecimal(table: Fields, key: str) -> str:
    text = table.text(key)
    try:
        bytes.fromhex(text)
    except ValueError:
        raise table.fail(key, text, "bytes in hexadecimal") from None
    return text


def _uuid(fields: Fields, key: str) -> str:
    return _checked_uuid(fields, key, fields.text(key))


def _checked_uuid(fields: Fields, key: str, text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise fields.fail(key, text, "a 128-bit UUID such as 6e400001-b5a3-f393-e0a9-e50e24dcca9e") from None


def _check(made: DeviceProfile, name: str) -> None:
    """Refuse what would fail only when a sensor is there."""
    if not made.names or not made.notify:
        raise ContentError(f"{name}: [link] needs at least one of 'names' and one of 'notify'")
    if made.rate_hz not in made.rates_hz or made.range_g not in made.ranges_g:
        raise ContentError(f"{name}: [stream] 'rate_hz' and 'range_g' must be among 'rates_hz' and 'ranges_g'")
    written = (*made.setup, *made.start, *made.stop, *made.readback)
    if made.command is None and any(command.to is None for command in written):
        raise ContentError(f"{name}: a command has no 'to' and [link] has no 'command' characteristic")
    for rate_hz in made.rates_hz:
        for range_g in made.ranges_g:
            choice = made.chosen(rate_hz, range_g)
            try:
                for command in written:
                    command_bytes(command, choice, made.codes)
            except (ContentError, OptionError) as fault:
                raise ContentError(f"{name}: {fault}") from None
