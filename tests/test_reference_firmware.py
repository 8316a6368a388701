"""The reference board's sketch, compiled for this computer and run against a simulated accelerometer and radio.

What it sends goes through the decoder and the packet grid, and must be the samples that the accelerometer made. The
stubs (`tests/board`) have the signatures of ArduinoBLE and of the mbed core, and the registers of ST's data sheet; what
they cannot show is that the real ones behave so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from loadsense.devices import command_bytes, profile
from loadsense.samples import Gap, Item
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import Packet, StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

HERE = Path(__file__).parent
FIRMWARE = HERE.parent / "firmware_config" / "reference_firmware"
BOARD = HERE / "board"
CC, CXX = shutil.which("cc") or shutil.which("gcc"), shutil.which("c++") or shutil.which("g++")
pytestmark = pytest.mark.skipif(CC is None or CXX is None, reason="no C and C++ compiler on this machine")

SECOND_US = 1_000_000
#: Of the simulated accelerometer: sample k has (k * step + offset) % 31000 - 15500 milli-g on each axis.
STEPS, OFFSETS, TURN = np.array([37, 91, 53]), np.array([0, 7000, 21000]), 31000


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The program; warnings are errors, as everywhere here."""
    folder = tmp_path_factory.mktemp("board")
    strict = ["-Wall", "-Wextra", "-Werror", "-O1", "-I", str(BOARD), "-I", str(FIRMWARE)]
    cpp = [CXX, "-std=gnu++14", *strict, "-include", "Arduino.h", "-x", "c++", "-c"]
    for command in (
        [CC, "-std=c99", "-pedantic", *strict, "-c", str(FIRMWARE / "loadsense_packet.c"), "-o", "packet.o"],
        [*cpp, "-Wconversion", str(FIRMWARE / "loadsense_xiao.ino"), "-o", "sketch.o"],
        [*cpp, str(BOARD / "board.cpp"), "-o", "board.o"],
        [CXX, "packet.o", "sketch.o", "board.o", "-o", "board"],
    ):
        subprocess.run(command, check=True, cwd=folder)
    return folder / "board"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the board did."""

    settings: StreamSettings
    packets: list[Packet]
    at_s: list[float]
    told: str

    def milli_g(self) -> np.ndarray:
        return np.concatenate([packet.accel_g for packet in self.packets]) * 1000.0

    def sequences(self) -> list[int]:
        return [packet.sequence for packet in self.packets]

    def on_grid(self, *, new_link_at_s: float = 1e9) -> tuple[PacketGrid, list[Item]]:
        grid, items = PacketGrid(self.settings.sampling_rate_hz), []
        for packet, at_s in zip(self.packets, self.at_s, strict=True):
            if at_s >= new_link_at_s:
                grid.connected()
                new_link_at_s = 1e9
            items += grid.push(packet, at_s)
        return grid, items


def run(board: Path, *script: str, clock: int = 0, faster: float = 1.0, who: str = "0x6A") -> str:
    done = subprocess.run(
        [str(board), str(clock), str(faster), who],
        input="\n".join(script), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def heard(out: str) -> Run:
    """The board's output through the decoder, as the last information read says."""
    info = re.findall(r"^info \d+ (\w+)$", out, re.MULTILINE)[-1]
    reply = loadsense_packet.parse_reply(bytes.fromhex(info))
    settings = StreamSettings(sampling_rate_hz=reply.sampling_rate_hz, range_g=reply.range_g)
    decoder = make_decoder("loadsense", settings)
    sent = re.findall(r"^notify (\d+) (\w+)$", out, re.MULTILINE)
    packets = [packet for _, payload in sent for packet in decoder.decode(bytes.fromhex(payload))]
    assert decoder.faults == 0
    assert len(packets) == len(sent)
    return Run(settings=settings, packets=packets, at_s=[int(at) / SECOND_US for at, _ in sent], told=out)


def asked(rate_hz: float = 200, range_g: float = 16, n: int = 10, at_s: float = 0.2) -> tuple[str, ...]:
    """The host's words at a connection, from the profile."""
    from dataclasses import replace

    made = profile("loadsense-nrf52")
    choice = replace(made.chosen(rate_hz, range_g), samples_per_packet=n)
    commands = [command_bytes(c, choice, made.codes).hex() for c in (*made.setup, *made.start)]
    at = round(at_s * SECOND_US)
    return (f"{at} connect", *(f"{at + 100_000 * (k + 1)} write {word}" for k, word in enumerate(commands)))


def indices(milli_g: np.ndarray) -> np.ndarray:
    """Numbers of the samples since the sensor began, unwrapped, from the x axis; the other axes must agree."""
    known = np.round(milli_g).astype(int) + TURN // 2
    k = (known[:, 0] - OFFSETS[0]) * pow(int(STEPS[0]), -1, TURN) % TURN
    assert ((k[:, None] * STEPS + OFFSETS) % TURN == known % TURN).all()
    return np.concatenate([[0], np.cumsum(np.diff(k) % TURN)])


def test_the_decoder_gives_the_samples_that_the_accelerometer_made(board):
    got = heard(run(board, *asked(), f"{20 * SECOND_US} end"))
    assert (got.settings.sampling_rate_hz, got.settings.range_g) == (208.0, 16.0)  # the step nearest to 200 Hz
    assert np.abs(got.milli_g()).max() > 15_400  # the whole of +-16 g arrives uncut
    assert (np.diff(indices(got.milli_g())) == 1).all()
    assert (np.diff(got.sequences()) == 1).all()
    assert {len(packet) for packet in got.packets} == {10}
    assert len(got.packets) == pytest.approx(19.6 * 20.8, abs=2)
    device_s = np.array([packet.device_ns for packet in got.packets]) * 1e-9
    assert np.ptp(device_s - np.array(got.at_s)) < 0.002


@pytest.mark.parametrize(("rate_hz", "range_g", "n", "uses"), [(100, 8, 2, 104), (416, 2, 20, 416), (208, 4, 40, 208)])
def test_rate_and_range_reach_the_accelerometer(board, rate_hz, range_g, n, uses):
    got = heard(run(board, *asked(rate_hz, range_g, n), f"{6 * SECOND_US} end"))
    assert (got.settings.sampling_rate_hz, got.settings.range_g) == (uses, range_g)
    packets = [packet for packet in got.packets if len(packet) == n]
    assert len(packets) == pytest.approx(5.5 * uses / n, abs=0.12 * uses / n + 2)
    milli_g = np.concatenate([packet.accel_g for packet in packets]) * 1000.0
    whole = (np.abs(milli_g) < 1000.0 * range_g - 1.0).all(axis=1)  # a smaller range cuts what is beyond it
    k = (np.round(milli_g[whole, 0]).astype(int) + TURN // 2) * pow(37, -1, TURN) % TURN
    assert len(k) > 5
    assert ((k[:, None] * STEPS + OFFSETS) % TURN - TURN // 2 == np.round(milli_g[whole])).all()
    assert np.abs(milli_g).max() <= 1000.0 * range_g


def test_number_and_time_wrap_without_a_hole(board):
    out = run(board, *asked(400, 16, 1), f"{170 * SECOND_US} end", clock=2**32 - 5 * SECOND_US, faster=1.02)
    got = heard(out)
    assert len(got.packets) > 65536 + 3000
    assert (np.diff(got.sequences()) % 65536 == 1).all()
    grid, items = got.on_grid()
    assert not any(isinstance(item, Gap) for item in items)
    assert grid.counts.n_missing == grid.counts.n_duplicates == 0
    ns = np.array([packet.device_ns for packet in got.packets])
    assert (np.diff(ns) < 0).sum() == 1  # the microseconds began anew once
    assert (np.diff(indices(got.milli_g())) == 1).all()


def test_a_link_that_stalls_for_three_seconds_costs_nothing(board):
    script = (*asked(), f"{5 * SECOND_US} stall {8 * SECOND_US}", f"{15 * SECOND_US} end")
    got = heard(run(board, *script))
    assert max(np.diff(got.at_s)) > 2.9
    assert (np.diff(indices(got.milli_g())) == 1).all()
    assert got.on_grid()[0].counts.n_missing == 0


@pytest.mark.parametrize("faster", [0.97, 1.0, 1.03])
def test_a_stall_that_overflows_the_buffer_is_a_hole_of_its_true_length(board, faster):
    script = (*asked(), f"{5 * SECOND_US} stall {11 * SECOND_US}", f"{20 * SECOND_US} end")
    got = heard(run(board, *script, faster=faster))
    true = indices(got.milli_g())
    grid, items = got.on_grid()
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [gap.reason for gap in gaps] == ["packets lost"]
    lost = int((np.diff(true) - 1).sum())
    assert lost == pytest.approx(6 * 208 * faster, abs=30)
    assert gaps[0].n_missing == pytest.approx(lost, abs=10 + abs(1 - faster) * lost)
    assert grid.counts.n_missing == gaps[0].n_missing
    assert grid.counts.n_restarts == 0


def test_the_count_goes_on_while_nobody_is_connected(board):
    script = (*asked(), f"{5 * SECOND_US} disconnect", *asked(at_s=46.0), f"{50 * SECOND_US} end")
    got = heard(run(board, *script))
    assert len(re.findall("^info", got.told, re.MULTILINE)) == 1  # the same settings change nothing
    true = indices(got.milli_g())
    grid, items = got.on_grid(new_link_at_s=45.0)
    (gap,) = (item for item in items if isinstance(item, Gap))
    assert gap.reason == "link lost 41 s"
    assert gap.n_missing == int((np.diff(true) - 1).sum())
    assert grid.next_sample == true[-1] + 1


def test_new_settings_while_a_notification_waits_do_not_mix_two_packets(board):
    script = (
        *asked(), f"{5 * SECOND_US} stall {6 * SECOND_US}", f"{5.5 * SECOND_US} write 02a0010805",
        f"{10 * SECOND_US} end",
    )  # fmt: skip
    out = run(board, *script)
    info = re.findall(r"^info \d+ (\w+)$", out, re.MULTILINE)
    assert info == ["01d000100aff", "01a0010805ff"]
    sizes = [int(payload[12:14], 16) for payload in re.findall(r"^notify \d+ (\w+)$", out, re.MULTILINE)]
    change = sizes.index(5)
    assert set(sizes[:change]) == {10}
    assert set(sizes[change:]) == {5}
    payloads = re.findall(r"^notify \d+ (\w+)$", out, re.MULTILINE)
    assert payloads[change].startswith("0000")  # it counts anew, and the host sees a new start
    decoder = make_decoder("loadsense", StreamSettings(sampling_rate_hz=416.0, range_g=8.0))
    rows = np.concatenate([decoder.decode(bytes.fromhex(p))[0].accel_g for p in payloads[change:]]) * 1000
    assert (np.abs(rows).max(axis=0) <= 8000).all()
    assert (np.abs(np.diff(rows[:, 0])[np.abs(np.diff(rows[:, 0])) < 100]) <= 38).all()


def test_it_stops_when_told(board):
    out = run(board, *asked(), f"{3 * SECOND_US} write 00", f"{6 * SECOND_US} end")
    assert max(heard(out).at_s) == pytest.approx(3.0, abs=0.06)


def test_a_board_without_its_accelerometer_lights_the_red_lamp(board):
    out = run(board, f"{2 * SECOND_US} end", who="0x69")
    assert out.splitlines() == ["lamp 11 1", "lamp 11 0"]
