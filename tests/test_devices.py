"""Sensor profiles: the schema and the loader agree, commands are the bytes of the documents, faults are named."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from loadsense import devices
from loadsense.devices import Choice, Command, command_bytes, profile, profile_of, profiles, read_profile
from loadsense.errors import ContentError, OptionError
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings
from loadsense.wire.packets import DECODERS, make_decoder

FOLDER = Path(__file__).parents[1] / "firmware_config"
FILES = sorted(FOLDER.glob("*.toml"))
SCHEMA = json.loads((FOLDER / "devices.schema.json").read_text(encoding="utf-8"))


def bytes_of(name: str, part: str, **asked: float) -> list[str]:
    one = profile(name)
    choice = one.chosen(asked.get("rate_hz"), asked.get("range_g"))
    return [command_bytes(command, choice, one.codes).hex(" ") for command in getattr(one, part)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_profile_keeps_the_schema_and_loads(path):
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), SCHEMA)
    made = read_profile(path)
    assert made.name == path.stem
    assert made.sources
    assert set(made.known) >= set(SCHEMA["properties"]["known"]["required"])
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for key, part in (("read", "link"), ("chip", "stream"), ("start_confirms", "stream")):
        assert (key in made.known) == (key in table[part])
    assert ("codes" in made.known) == ("codes" in table)


def test_the_schema_is_one_and_knows_every_decoder():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert sorted(SCHEMA["properties"]["decoder"]["enum"]) == sorted(DECODERS)
    assert {one.decoder for one in profiles().values()} == set(DECODERS)


def test_commands_are_the_documented_bytes():
    assert bytes_of("polar-h10", "start") == ["02 02 02 01 08 00 00 01 c8 00 01 01 10 00"]
    assert bytes_of("polar-verity-sense", "start") == ["02 02 00 01 d0 00 01 01 10 00 02 01 10 00 04 01 03"]
    assert bytes_of("polar-verity-sense", "setup") == ["02 09"]
    assert bytes_of("movesense", "start", rate_hz=104) == [(b"\x01\x63/Meas/Acc/104\x00").hex(" ")]
    assert bytes_of("witmotion-bwt901ble", "setup") == [
        "ff aa 69 88 b5", "ff aa 03 0b 00", "ff aa 1f 02 00", "ff aa 00 00 00",
    ]  # fmt: skip
    assert bytes_of("metamotion-r", "setup", rate_hz=100, range_g=8) == ["03 03 28 08"]
    assert bytes_of("metamotion-s", "setup") == ["03 03 a9 03"]
    assert bytes_of("metamotion-r", "start") == ["03 1c 01", "03 02 01 00", "03 01 01"]
    assert bytes_of("movella-dot", "start") == ["01 01 14"]
    assert bytes_of("movella-dot", "setup")[0].split()[24:26] == ["3c", "00"]
    assert bytes_of("loadsense-nrf52", "setup") == ["02 c8 00 10 0a"]
    assert bytes_of("espruino-bangle", "start")[0].startswith("03 10 69 66 28 31 29 7b")


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("Polar H10 A1B2C3D4", "polar-h10"),
        ("Polar Sense 12345678", "polar-verity-sense"),
        ("Movesense 214530001234", "movesense"),
        ("WT901BLE67", "witmotion-bwt901ble"),
        ("MetaWear", "metamotion-r"),
        ("LS-0042", "loadsense-nrf52"),
    ],
)
def test_a_sensor_is_known_by_its_name(name, want):
    assert profile_of(name).name == want


def test_a_sensor_is_known_by_its_service_and_a_stranger_is_not():
    assert profile_of(None, ["a3c70001-8b1f-4f2a-9d3e-0c1b2d3e4f50"]).name == "loadsense-nrf52"
    assert profile_of("Heart Rate Strap", ["0000180d-0000-1000-8000-00805f9b34fb"]) is None


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("Toy robot", "6e400001-b5a3-f393-e0a9-e50e24dcca9e"),  # Nordic's UART: anything at all
        ("Puck.js ab12", "6e400001-b5a3-f393-e0a9-e50e24dcca9e"),  # it knows no Bangle.on
        ("Polar 360 12345678", "fb005c80-02e7-f387-1cad-8acd2d8df0c8"),  # other rates and ranges
    ],
)
def test_a_service_that_others_have_too_makes_no_sensor_of_ours(name, service):
    assert profile_of(name, [service]) is None


def test_what_a_sensor_does_not_offer_is_refused_by_name():
    with pytest.raises(OptionError, match=r"Polar H10 does not offer 16 g; it offers 2, 4, 8 g"):
        profile("polar-h10").chosen(None, 16)
    with pytest.raises(OptionError, match=r"does not offer 300 Hz; it offers 100, 104"):
        profile("loadsense-nrf52").chosen(300, None)
    with pytest.raises(OptionError, match="unknown sensor profile 'polar-h1'"):
        profile("polar-h1")
    with pytest.raises(OptionError, match=r"none\.toml: No such file"):
        profile("none.toml")


def test_only_what_nobody_read_in_the_vendor_s_source_is_called_unverified():
    assert "ranges_g" in profile("movesense").unverified
    assert "service" not in profile("movesense").unverified


def spoilt(tmp_path: Path, old: str, new: str, name: str = "witmotion-bwt901ble") -> Path:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("min_mtu = 23", "min_mtuu = 23", r"key 'min_mtu' is missing"),
        ("loss_seen_by =", "los_seen_by =", r"\[stream\]: key 'loss_seen_by' is missing"),
        ('service = "0000ffe5-', 'service = "ffe5-', r"key 'service' is 'ffe5-.*expected a 128-bit UUID"),
        ('decoder = "witmotion"', 'decoder = "wit"', r"key 'decoder' is 'wit'; expected one of espruino"),
        ('200 = "0B"', '200 = "XY"', r"\[rate\]: key '200' is 'XY'; expected bytes in hexadecimal"),
        ('200 = "0B"\n', "", r"no code for a rate of 200 in \[codes.rate\]"),
        ("FF AA 1F 02 00", "FF AA 1F 2 00", r"'2' is not a byte"),
        ("{rate:code}", "{speed:code}", r"unknown value in a command 'speed'"),
        ("rate_hz = 200", "rate_hz = 250", r"'rate_hz' and 'range_g' must be among"),
        ('names = ["WT901BLE", "BWT901BLE"]', "names = []", r"needs at least one of 'names'"),
        ('command = "0000ffe9-0000-1000-8000-00805f9a34fb"\n', "", r"a command has no 'to'"),
        ('stop = "unverified"', 'stop = "sure"', r"key 'stop' is 'sure'; expected one of vendor source"),
        ('stop = "unverified"\n', "", r"\[known\]: key 'stop' is missing"),
        ('tier = "A"', 'tier = "A"\ncolour = "red"', r"key 'colour' is not known here"),
        ("[stream]", "[stream", "not valid TOML"),
        ("ranges_g = [16]\n", "", r"\[stream\]: key 'ranges_g' is missing; expected a list of numbers above 0"),
        ("ranges_g = [16]", "ranges_g = []", r"key 'ranges_g' is \[\]; expected a list of numbers above 0"),
        ("ranges_g = [16]", "ranges_g = [-16]", r"key 'ranges_g' is \[-16.0\]; expected a list of numbers above 0"),
        ("ranges_g = [16]", 'ranges_g = "16"', r"key 'ranges_g' is '16'; expected a list of numbers"),
        ("range_g = 16", 'range_g = "16"', r"key 'range_g' is '16'; expected a number from 1 to 1000"),
        ("range_g = 16", "range_g = 0", r"key 'range_g' is 0; expected a number from 1 to 1000"),
        ("min_mtu = 23", "min_mtu = 23.5", r"key 'min_mtu' is 23.5; expected a whole number"),
        ("response = false", 'response = "no"', r"key 'response' is 'no'; expected true or false"),
        ("response = false", "respond = false", r"key 'respond' is not known here; did you mean 'response'"),
        ('codes = "vendor source"\n', "", r"\[known\]: key 'codes' is missing; expected one of vendor source"),
        ('stop = "unverified"', 'stop = "unverified"\nread = "unverified"', r"\[known\]: key 'read' is not known here"),
        (
            "rates_hz = [1, 5, 10, 50, 100, 200]",
            "rates_hz = [1, 5, 10, 50, 100, 200, 400]",
            r"no code for a rate of 400",
        ),
        ("FF AA 00 00 00", r"FF 'a\\x'", r"command text .* write a backslash twice"),
        ("FF AA 00 00 00", "FF '{speed:text}'", r"unknown value in a command 'speed'"),
    ],
)
def test_a_faulty_profile_is_refused_with_file_and_key(tmp_path, old, new, words):
    with pytest.raises(ContentError, match=f"mine.toml.*{words}"):
        read_profile(spoilt(tmp_path, old, new))


def test_a_number_too_large_for_its_place_is_refused(tmp_path):
    with pytest.raises(ContentError, match=r"mine.toml: a rate of 400 does not fit in \{rate:u8\}; use a wider number"):
        read_profile(spoilt(tmp_path, "{rate:u16} {range:u8}", "{rate:u8} 00 {range:u8}", "loadsense-nrf52"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_whatever_is_wrong_in_a_profile_is_one_sentence(path, tmp_path):
    """Each line left out, doubled, or with another value: read, or refused in our words, never a traceback."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    mine, refusals = tmp_path / "mine.toml", []
    for k, line in enumerate(lines):
        key = line.partition("=")[0]
        others = (
            [],
            [line, line],
            [f"{key}= -7\n"],
            [f"{key}= 'x'\n"],
            [f"{key}= [1, 'a']\n"],
            [f"{key}= {{a = 1}}\n"],
        )
        for other in others:
            mine.write_text("".join([*lines[:k], *other, *lines[k + 1 :]]), encoding="utf-8")
            try:
                read_profile(mine)
            except (ContentError, OptionError) as fault:
                refusals.append(str(fault))
    assert len(refusals) > 2 * len(lines)
    assert all(words.startswith("mine.toml") and "\n" not in words for words in refusals)


def test_one_s_own_profile_is_read_by_its_path(tmp_path):
    path = spoilt(tmp_path, 'name = "witmotion-bwt901ble"', 'name = "mine"')
    assert profile(path).name == "mine"


def test_a_command_with_text_and_numbers():
    choice = Choice(rate_hz=12.5, range_g=8.0, samples_per_packet=3)
    command = Command(text=r"03 'a{rate:text}\n' {samples:u8} {range:u16}")
    assert command_bytes(command, choice, {}) == b"\x03a12.5\n\x03\x08\x00"


# -- the reference firmware's packet code, compiled on this machine -----

FIRMWARE = FOLDER / "reference_firmware"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    target = tmp_path_factory.mktemp("firmware") / "packet_test"
    sources = [str(FIRMWARE / "loadsense_packet.c"), str(FIRMWARE / "test_loadsense_packet.c")]
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1"]
    subprocess.run([COMPILER, *flags, "-o", str(target), *sources], check=True)
    return target


@needs_compiler
def test_the_firmware_s_own_tests_pass(program):
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout


@needs_compiler
def test_the_decoder_reads_what_the_firmware_packs(program):
    done = subprocess.run([str(program), "stream", "70000", "10"], capture_output=True, text=True, check=True)
    decoder = make_decoder("loadsense", StreamSettings(sampling_rate_hz=208.0, range_g=16.0))
    lines = done.stdout.splitlines()
    assert len(lines) > 5
    for line in lines:
        payload, number = line.split()
        (packet,) = decoder.decode(bytes.fromhex(payload))
        k = int(number)
        assert packet.sequence == k % 65536
        assert packet.device_ns == (k * 10 * 4807 % 2**32) * 1000
        wanted = [((k * 31 + i * 7 + axis * 1000 + 32768) % 65536) - 32768 for i in range(10) for axis in range(3)]
        assert (np.round(packet.accel_g * 2048).astype(int).ravel() == wanted).all()
    assert decoder.faults == 0


@needs_compiler
@pytest.mark.parametrize(
    ("command", "want"), [("02c800100a", "208 16 10"), ("0264000214", "104 2 20"), ("02e8030805", "416 8 5")]
)
def test_the_firmware_takes_the_nearest_it_can_and_says_so(program, command, want):
    done = subprocess.run([str(program), "configure", command], capture_output=True, text=True, check=True)
    info, *words = done.stdout.split()
    assert " ".join(words) == want
    reply = loadsense_packet.parse_reply(bytes.fromhex(info))
    assert f"{reply.sampling_rate_hz:g} {reply.range_g:g}" == " ".join(want.split()[:2])


def test_profiles_are_found_in_the_clone():
    assert devices.folder().name == "firmware_config"
