"""Packet decoders against byte strings by hand and from documents, damaged ones, and packets placed on the grid."""

from __future__ import annotations

import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import OptionError
from loadsense.samples import Gap, SampleBlock
from loadsense.wire import espruino, loadsense_packet, metamotion, movella, movesense, polar, thingy, witmotion
from loadsense.wire.packet import Packet, StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import DECODERS, make_decoder, reply_parser

AT_200 = StreamSettings(sampling_rate_hz=200.0, range_g=16.0)
ROOT = Path(__file__).parents[1]


def only(packets):
    (packet,) = packets
    return packet


# -- LoadSense ---------------------------------------------------------


def test_a_loadsense_packet_by_hand():
    payload = bytes.fromhex("0201 40420f00 02 0008 00f8 ff7f 0100 0000 0080".replace(" ", ""))
    packet = only(make_decoder("loadsense", AT_200).decode(payload))
    assert packet.sequence == 0x0102
    assert packet.device_ns == 1_000_000_000  # 0x000f4240 us
    assert packet.accel_g.tolist() == [[1.0, -1.0, 32767 * 16 / 32768], [16 / 32768, 0.0, -16.0]]


@pytest.mark.parametrize("cut", [0, 3, 6, 7, 12, 18])
def test_a_loadsense_packet_that_was_cut_is_counted_and_left_out(cut):
    payload = loadsense_packet.encode(5, 1000, np.ones((2, 3), dtype=np.int16))
    decoder = make_decoder("loadsense", AT_200)
    assert decoder.decode(payload[:cut]) == ()
    assert decoder.faults == 1


def test_a_loadsense_packet_of_no_samples_or_with_a_tail_is_a_fault():
    decoder = make_decoder("loadsense", AT_200)
    assert decoder.decode(bytes(7)) == () == decoder.decode(loadsense_packet.encode(1, 1, np.ones((1, 3))) + b"\0")
    assert decoder.faults == 2


@settings(deadline=None)
@given(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_what_is_encoded_is_decoded(sequence, microseconds, n, seed):
    counts = np.random.default_rng(seed).integers(-32768, 32768, (n, 3))
    packet = only(make_decoder("loadsense", AT_200).decode(loadsense_packet.encode(sequence, microseconds, counts)))
    assert (packet.sequence, packet.device_ns) == (sequence, microseconds * 1000)
    assert (packet.accel_g * 2048 == counts).all()


def test_the_information_of_a_loadsense_sensor():
    reply = loadsense_packet.parse_reply(bytes.fromhex("01 d000 10 0a 57".replace(" ", "")))
    assert (reply.sampling_rate_hz, reply.range_g, reply.battery_percent) == (208.0, 16.0, 87)
    assert loadsense_packet.parse_reply(bytes.fromhex("01d000100aff")).battery_percent is None
    assert "version 9" in loadsense_packet.parse_reply(bytes.fromhex("09d000100a57")).refused
    assert loadsense_packet.parse_reply(b"") is None
    assert loadsense_packet.encode_info(AT_200, samples_per_packet=10, battery_percent=87) == bytes.fromhex(
        "01c800100a57"
    )


# -- Polar -------------------------------------------------------------


def polar_frame(frame_type, body, last_ns=599_618_640_000_000_000):
    return struct.pack("<BQB", 2, last_ns, frame_type) + body


def test_a_raw_polar_frame_is_milli_g_and_its_time_is_the_last_sample_s():
    body = struct.pack("<6h", -20, 1003, 7, 8000, -8000, 0)
    packet = only(make_decoder("polar", AT_200).decode(polar_frame(0x01, body)))
    assert packet.accel_g == pytest.approx(np.array([[-0.02, 1.003, 0.007], [8.0, -8.0, 0.0]]))
    assert packet.device_ns == 599_618_640_000_000_000 - 5_000_000


def test_polar_values_of_8_and_24_bits():
    decoder = make_decoder("polar", AT_200)
    assert only(decoder.decode(polar_frame(0x00, b"\x80\x7f\xff"))).accel_g == pytest.approx(
        np.array([[-0.128, 0.127, -0.001]])
    )
    wide = b"\xff\xff\xff\x00\x00\xff\xe8\x03\x00"
    assert only(decoder.decode(polar_frame(0x02, wide))).accel_g == pytest.approx(np.array([[-0.001, -65.536, 1.0]]))
    assert decoder.decode(polar_frame(0x02, b"\0\0\x80" * 3)) == ()  # -8388 g


def test_a_polar_delta_frame_by_hand():
    # reference (100, -50, 1000); one block of 5-bit deltas, two samples: (+3, -1, 0) and (-16, 15, 2)
    deltas = [3, -1, 0, -16, 15, 2]
    packed = sum((d & 31) << (5 * i) for i, d in enumerate(deltas)).to_bytes(4, "little")
    body = struct.pack("<3h", 100, -50, 1000) + bytes([5, 2]) + packed
    assert polar.delta_values(body).tolist() == [[100, -50, 1000], [103, -51, 1000], [87, -36, 1002]]
    decoder = make_decoder("polar", StreamSettings(sampling_rate_hz=208.0, range_g=16.0, factor=0.5))
    assert only(decoder.decode(polar_frame(0x81, body))).accel_g[1] == pytest.approx([0.0515, -0.0255, 0.5])


def test_the_factor_of_a_delta_frame_of_type_0_is_in_g():
    decoder = make_decoder("polar", StreamSettings(sampling_rate_hz=52.0, factor=2.44140625e-4))
    accel_g = only(decoder.decode(polar_frame(0x80, struct.pack("<3h", 4096, 0, -4096)))).accel_g
    assert accel_g == pytest.approx(np.array([[1.0, 0.0, -1.0]]))


#: Acceleration of the tests in polar-ble-sdk (AccDataTest.kt, iOSCommunicationsTests.swift), with what it holds.
_TEN_BITS = (
    "71 07 F0 6A 9E 8D 0A 38 BE 5C BE BA 2F 96 B3 EE 4B E5 AD FB 42 B9 EB BE 4C FE BA 2F 92 BF EE 4B E4 B1 FB 12 B9 EC "
    "BD 3C 3E BB 2F 8F D3 DE 4B E3 B5 F7 D2 B8 ED BD 30 7E 7B 2F 8B E3 CE 8B E2 BA F7 A2 B8 EE BC 20 BE 7B 2F 88 F3 CE "
    "CB E1 BD EF 52 F8 EF BC 18 FE 3B 2F 84 03 BF CB E0 C2 EF 32 B8 F0 BB 04 4E BC 2E 81 13 AF 0B E0 C6 EF F2 F7 F1 B9 "
    "FC 7D BC 2E 7D 27 9F 4B DF CA EB C2 F7 F2 B8 EC CD 7C 2E 7B 37 8F 4B DE CE E3 92 F7 F3 B8 E0 0D FD 2D 77 4B 7F CB "
    "DD D2 DF 62 37 F5 B7 D4 4D BD 2D 74 5B 6F CB DC D7 D7 32 37 F6 B5 C8 8D 7D 2D 71 6B 4F 4B DC DC D3 F2 36 F7 B4 BC "
    "DD FD 2C 6F 7B 3F 4B DB E0 CF D2 36 F8 B2 B0 2D BE 2C 6C 8F 1F CB DA E3 C7 A2 76 F9"
)


@pytest.mark.parametrize(
    ("body", "first", "n"),
    [
        (
            "FF FF FF FF FF FF 03 03 AA AA CC CF 03 02 AA AA CC",
            [[-1, -1, -1], [1, -4, 1], [-2, -2, 2], [1, -4, 1], [3, -7, 3], [0, -5, 4]],
            6,
        ),
        ("F1 FF 14 00 F0 03 06 01 7B 0F 08", [[-15, 20, 1008], [-20, 17, 1008]], 2),
        (_TEN_BITS, [[1905, 27376, -29282], [1905 + 190, 27376 - 105, -29282 - 85]], 57),
    ],
    ids=["3 bits, two blocks", "6 bits", "10 bits"],
)
def test_delta_frames_of_polar_s_own_tests(body, first, n):
    values = polar.delta_values(bytes.fromhex(body))
    assert values[: len(first)].tolist() == first
    assert len(values) == n


def test_frames_of_polar_s_own_tests():
    scaled = make_decoder("polar", StreamSettings(sampling_rate_hz=52.0, factor=2.44e-4))
    packet = only(scaled.decode(bytes.fromhex("02 0094357700000000 80" + _TEN_BITS)))
    assert packet.accel_g[0] == pytest.approx(np.array([1905, 27376, -29282]) * 2.44e-4)
    assert np.abs(packet.accel_g).max() <= 8.0
    raw = "02 0094357700000000 01 F7FF FFFF E703 F8FF FEFF E503 F9FF FFFF E503"
    packet = only(make_decoder("polar", StreamSettings(sampling_rate_hz=52.0)).decode(bytes.fromhex(raw)))
    assert packet.accel_g == pytest.approx(np.array([[-9, -1, 999], [-8, -2, 997], [-7, -1, 997]]) / 1000)
    assert packet.device_ns == 2_000_000_000 - round(2 / 52 * 1e9)  # the frame's time is its last sample's


def pack_deltas(values, bits):
    """Blocks of deltas as a sensor packs them, written from the layout and not from the decoder."""
    out = struct.pack("<3h", *values[0])
    steps = np.diff(values, axis=0)
    for first in range(0, len(steps), 7):
        block = steps[first : first + 7].ravel()
        number = sum((int(d) & ((1 << bits) - 1)) << (bits * i) for i, d in enumerate(block))
        out += bytes([bits, len(block) // 3]) + number.to_bytes((bits * len(block) + 7) // 8, "little")
    return out


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.sampled_from([6, 11, 16, 17]))
def test_delta_frames_of_every_width_give_back_their_values(n, seed, bits):
    rng = np.random.default_rng(seed)
    reach = 2 ** (bits - 2)
    values = np.clip(np.cumsum(rng.integers(-reach // 4, reach // 4 + 1, (n, 3)), axis=0), -32000, 32000)
    assert (polar.delta_values(pack_deltas(values, bits)) == values).all()


def test_polar_frames_that_cannot_be_are_counted_and_others_passed_over():
    decoder = make_decoder("polar", AT_200)
    reference = struct.pack("<3h", 1, 2, 3)
    for body in (reference[:4], reference + b"\x05", reference + b"\x05\x09\x00", reference + b"\x40\x01" + bytes(24)):
        assert decoder.decode(polar_frame(0x81, body)) == ()
    assert decoder.decode(polar_frame(0x01, b"\0" * 7)) == () == decoder.decode(polar_frame(0x07, b"\0" * 6))
    assert decoder.decode(b"\x02\x00") == () == decoder.decode(polar_frame(0x01, b""))
    assert decoder.faults == 8
    assert decoder.decode(struct.pack("<BQB", 0, 1, 0) + b"\0" * 9) == ()  # another measurement
    assert decoder.decode(b"\xf0\x02\x02\x00\x00") == ()  # an answer
    assert decoder.faults == 8


def test_answers_of_polar_s_control_point():
    started = polar.parse_reply(bytes.fromhex("f0 02 02 00 00 05 01 0000803f".replace(" ", "")))
    assert (started.factor, started.refused) == (1.0, "")
    assert polar.parse_reply(bytes.fromhex("f00202 08 00".replace(" ", ""))).refused == "answered 'invalid sample rate'"
    assert polar.parse_reply(bytes.fromhex("f0020206")).refused == ""  # already in that state
    assert polar.parse_reply(bytes.fromhex("f002020000 0501 0000c07f".replace(" ", ""))).factor is None
    # setting 1 (u16 resolution) first, as a list of two; an unknown setting ends the list
    told = polar.parse_reply(bytes.fromhex("f00202 00 00 0102 1000 1800 0001 d000 0201 1000 09".replace(" ", "")))
    assert (told.sampling_rate_hz, told.range_g, told.factor) == (208.0, 16.0, None)
    assert polar.parse_reply(bytes.fromhex("0f05")) is None
    assert polar.parse_reply(bytes.fromhex("f001020000 0001 d000".replace(" ", ""))).sampling_rate_hz is None


# -- Movesense ---------------------------------------------------------


def movesense_data(ms, values, ref=0x63):
    return bytes([2, ref]) + struct.pack("<I", ms) + np.asarray(values, "<f4").tobytes()


def test_a_movesense_payload_in_one_part_and_in_two():
    values = np.arange(24, dtype=float).reshape(8, 3)
    whole = movesense_data(5000, values)
    packet = only(make_decoder("movesense", StreamSettings(sampling_rate_hz=208.0)).decode(whole))
    assert packet.accel_g == pytest.approx(values / 9.80665)
    assert packet.device_ns == 5_000_000_000
    for cut in range(6, len(whole)):
        decoder = make_decoder("movesense", StreamSettings(sampling_rate_hz=208.0))
        parts = [*decoder.decode(whole[:cut]), *decoder.decode(b"\x03\x63" + whole[cut:])]
        assert np.concatenate([p.accel_g for p in parts]) == pytest.approx(packet.accel_g)
        assert parts[-1].device_ns - 5_000_000_000 == pytest.approx((8 - len(parts[-1])) / 208.0 * 1e9, abs=2)
        assert decoder.faults == 0


def test_movesense_parts_that_do_not_fit_together_are_counted():
    decoder = make_decoder("movesense", StreamSettings(sampling_rate_hz=208.0))
    assert decoder.decode(b"\x03\x63" + bytes(12)) == ()  # a second part without a first
    assert len(decoder.decode(movesense_data(1, np.ones((2, 3)))[:-5])) == 1  # one sample whole, one cut
    assert len(decoder.decode(movesense_data(20, np.ones((2, 3))))) == 1  # its second part never came
    assert decoder.decode(movesense_data(30, np.full((1, 3), np.nan))) == ()
    assert decoder.decode(b"\x09\x63\x00") == () == decoder.decode(b"\x02\x63\x00")
    assert len(decoder.decode(movesense_data(40, np.ones((1, 3)))[:-1])) == 0
    assert decoder.decode(b"\x03\x63") == ()
    assert decoder.faults == 6
    assert decoder.decode(b"\x01\x63\xc8\x00") == ()
    assert decoder.faults == 6


def test_answers_of_movesense():
    assert movesense.parse_reply(b"\x01\x61\xc8\x00\x10").range_g == 16.0
    assert movesense.parse_reply(b"\x01\x61\xc8\x00").refused == ""
    assert "429" in movesense.parse_reply(b"\x01\x61\xad\x01").refused
    assert movesense.parse_reply(b"\x02\x61\xc8\x00") is None


# -- WitMotion ---------------------------------------------------------


def wit_frame(x, y, z, second=b"\x61"):
    return b"\x55" + second + struct.pack("<9h", x, y, z, 0, 0, 0, 0x6155 if z % 3 == 0 else 0, 0, 0)


def test_witmotion_frames_however_they_are_cut():
    frames = [wit_frame(2048 * k, -2048, 32767) for k in range(5)] + [wit_frame(1, 2, 3, b"\x71")]
    stream = b"".join(frames)
    want = np.array([[k, -1.0, 32767 / 2048] for k in range(5)])
    for size in (1, 7, 20, 21, 33, 120):
        decoder = make_decoder("witmotion", AT_200)
        got = [p.accel_g for i in range(0, len(stream), size) for p in decoder.decode(stream[i : i + size])]
        assert np.concatenate(got) == pytest.approx(want)
        assert decoder.faults == 0


@pytest.mark.parametrize("lost", [1, 2, 9, 19, 20, 27])
def test_witmotion_finds_its_step_again_after_lost_bytes(lost):
    stream = b"".join(wit_frame(2048, 0, k) for k in range(12))
    decoder = make_decoder("witmotion", AT_200)
    got = [p.accel_g for p in decoder.decode(stream[:45] + stream[45 + lost :])]
    rows = np.concatenate(got)
    assert len(rows) >= 12 - 4
    assert set(np.round(rows[:, 2] * 2048).astype(int)) <= set(range(12))
    assert (np.round(rows[-6:, 2] * 2048) == np.arange(6, 12)).all()
    assert decoder.faults == (1 if lost % 20 else 0)


def test_witmotion_does_not_join_a_piece_of_a_frame_with_the_next_whole_one():
    decoder = make_decoder("witmotion", AT_200)
    assert decoder.decode(wit_frame(1, 2, 3)[:9]) == ()
    assert only(decoder.decode(wit_frame(2048, 0, 0))).accel_g.tolist() == [[1.0, 0.0, 0.0]]
    assert decoder.faults == 1


def test_the_rate_register_of_witmotion():
    assert witmotion.parse_reply(bytes.fromhex("5571 0300 0b00").ljust(20, b"\0")).sampling_rate_hz == 200.0
    assert witmotion.parse_reply(b"\x55\x71\x04\x00\x01\x00").sampling_rate_hz is None
    assert witmotion.parse_reply(wit_frame(1, 2, 3)) is None


# -- MetaMotion --------------------------------------------------------


def test_metamotion_packets_of_both_chips():
    # Bosch scale of the vendor's own tests: 16384 counts are 2 g / 2 = 1 g at +-2 g
    decoder = make_decoder("metamotion", StreamSettings(sampling_rate_hz=100.0, range_g=2.0))
    assert only(decoder.decode(bytes.fromhex("0304 0040 00c0 0000"))).accel_g.tolist() == [[1.0, -1.0, 0.0]]
    for kind in ("031c", "0305"):
        packed = bytes.fromhex(kind) + struct.pack("<9h", *range(0, 9 * 2048, 2048))
        assert len(only(decoder.decode(packed))) == 3
    assert decoder.faults == 0
    assert decoder.decode(bytes.fromhex("0304 0040")) == () == decoder.decode(b"\x03")
    assert decoder.faults == 2
    assert decoder.decode(bytes.fromhex("0383280c")) == () == decoder.decode(bytes.fromhex("13050102"))
    assert decoder.faults == 2


@pytest.mark.parametrize(
    ("range_g", "payload", "want"),
    [
        (4.0, "03 04 16c4 94a2 2ad0", [[-1.872, -2.919, -1.495]]),
        (8.0, "03 1c 62b7 530d e9fd 16d0 4d0e 5702 8aff a105 0a01", None),
        (8.0, "03 05 62b7 530d e9fd 16d0 4d0e 5702 8aff a105 0a01", None),
    ],
)
def test_packets_of_mbientlab_s_own_tests(range_g, payload, want):
    # MetaWear-SDK-Cpp, test_accelerometer_bmi160.py and test_accelerometer_bmi270.py, to three decimals
    want = want or [[-4.539, 0.833, -0.131], [-2.995, 0.894, 0.146], [-0.029, 0.352, 0.065]]
    decoder = make_decoder("metamotion", StreamSettings(sampling_rate_hz=200.0, range_g=range_g))
    packet = only(decoder.decode(bytes.fromhex(payload)))
    assert packet.accel_g == pytest.approx(np.array(want), abs=6e-4)


def test_answers_of_metamotion():
    assert metamotion.parse_reply(bytes.fromhex("03800101")).chip == 1
    assert "accelerometer 7" in metamotion.parse_reply(bytes.fromhex("03800700")).refused
    bmi160, bmi270 = (
        metamotion.parse_reply(bytes.fromhex("0383290c")),
        metamotion.parse_reply(bytes.fromhex("0383a903")),
    )
    assert (bmi160.sampling_rate_hz, bmi160.range_g) == (200.0, 16.0) == (bmi270.sampling_rate_hz, bmi270.range_g)
    assert metamotion.parse_reply(bytes.fromhex("0304")) is None


# -- Movella, Thingy, Espruino -----------------------------------------


def test_a_movella_sample():
    payload = struct.pack("<I3f3f3h", 16_667, 9.80665, 0.0, -19.6133, 0.0, 0.0, 0.0, 0, 0, 0)
    decoder = make_decoder("movella", StreamSettings(sampling_rate_hz=60.0))
    packet = only(decoder.decode(payload))
    assert packet.accel_g == pytest.approx(np.array([[1.0, 0.0, -2.0]]))
    assert packet.device_ns == 16_667_000
    assert decoder.decode(payload[:-1]) == ()
    assert decoder.decode(struct.pack("<I3f3f3h", 1, np.inf, 0, 0, 0, 0, 0, 0, 0, 0)) == ()
    assert decoder.faults == 2
    assert movella.parse_reply(bytes(24) + b"\x3c\x00" + bytes(6)).sampling_rate_hz == 60.0
    assert movella.parse_reply(b"") is None


def test_a_thingy_sample():
    decoder = make_decoder("thingy", AT_200)
    assert only(decoder.decode(struct.pack("<9h", 1024, -2048, 512, *range(6)))).accel_g.tolist() == [[1.0, -2.0, 0.5]]
    assert decoder.decode(b"\0" * 17) == ()
    assert decoder.faults == 1
    assert thingy.parse_reply(bytes.fromhex("8813 8813 8813 c800 00")).sampling_rate_hz == 200.0
    assert thingy.parse_reply(b"") is None


def test_espruino_lines_however_they_are_split():
    text = b"\x1b[J>\r\nA,12,-1003,98\r\nUncaught ReferenceError\r\nA,0,1000,0\r\nA,x\r\n"
    for size in (1, 3, 20, 100):
        decoder = make_decoder("espruino", AT_200)
        got = [p.accel_g for i in range(0, len(text), size) for p in decoder.decode(text[i : i + size])]
        assert np.concatenate(got) == pytest.approx(np.array([[0.012, -1.003, 0.098], [0.0, 1.0, 0.0]]))
        assert decoder.faults == 1
    assert decoder.decode(b"x" * 600) == ()
    assert decoder.faults == 2
    assert espruino.parse_reply(b"A,1,2,3") is None


# -- all of them -------------------------------------------------------


@pytest.mark.parametrize("name", DECODERS)
@given(payloads=st.lists(st.binary(max_size=80), max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_bytes_break_a_decoder(name, payloads):
    decoder, reply = make_decoder(name, AT_200), reply_parser(name)
    for payload in payloads:
        for packet in decoder.decode(payload):
            assert len(packet) > 0
            assert packet.accel_g.shape == (len(packet), 3)
            assert np.isfinite(packet.accel_g).all()
        reply(payload)
    assert 0 <= decoder.faults <= sum(map(len, payloads)) + len(payloads)


def test_an_unknown_packet_format_is_named():
    with pytest.raises(OptionError, match="unknown packet format 'polarr': did you mean 'polar'"):
        make_decoder("polarr", AT_200)


def test_the_fuzzer_runs():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "fuzz_packets.py"), "--packets", "1500"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in DECODERS)


@pytest.mark.soak
def test_a_hundred_thousand_mutated_packets_per_decoder():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "fuzz_packets.py"), "--packets", "100000"],
        capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# -- the grid ----------------------------------------------------------


def made(first, n=5, *, sequence=None, device_ns=None, period=None):
    values = np.arange(first, first + n, dtype=float)[:, None] * [1e-3, 1e-3, 1e-3]
    return Packet(accel_g=values, sequence=sequence, device_ns=device_ns, device_period_ns=period)


def run(grid, packets, *, rate=200.0, start_s=10.0):
    """Push (packet number, packet) as they would arrive, one packet period apart by number."""
    items = []
    for k, packet in packets:
        items += grid.push(packet, start_s + (k + 1) * len(packet) / rate)
    return items


def check_contiguous(items):
    at = 0
    for item in items:
        assert item.first_sample == at
        at += item.n_missing if isinstance(item, Gap) else len(item)
    return at


def test_packets_in_order_are_one_stretch_across_the_wrap_of_the_number():
    grid = PacketGrid(200.0)
    items = run(grid, [(k, made(5 * k, sequence=(65530 + k) % 65536)) for k in range(20)])
    assert all(isinstance(item, SampleBlock) for item in items)
    assert check_contiguous(items) == 100
    assert grid.counts.lost_share == 0.0
    assert grid.next_sample == 100


def test_a_short_hole_is_a_straight_line_and_counted_and_a_long_one_a_gap():
    grid = PacketGrid(200.0)
    kept = [k for k in range(30) if k not in (7, 8, *range(15, 21))]
    items = run(grid, [(k, made(5 * k, sequence=k)) for k in kept])
    assert check_contiguous(items) == 150
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [(g.first_sample, g.n_missing, g.reason) for g in gaps] == [(75, 30, "packets lost")]
    assert (grid.counts.n_missing, grid.counts.n_filled) == (40, 10)
    assert grid.counts.lost_share == pytest.approx(40 / 150)
    filled = next(item for item in items if len(getattr(item, "accel_g", ())) == 15)
    assert filled.accel_g[:, 0] == pytest.approx(np.arange(35, 50) * 1e-3)  # a ramp is its own straight line


def test_doubled_and_late_packets_are_dropped():
    grid = PacketGrid(200.0)
    order = [0, 0, 1, 1, 2, 4, 3, 5, 5, 2, 6]
    items = run(grid, [(k, made(5 * k, sequence=k)) for k in order])
    assert check_contiguous(items) == 35
    assert grid.counts.n_duplicates == 5
    assert grid.counts.n_missing == 5  # number 3 came after its place had been filled


def test_device_time_shows_what_is_missing_and_what_came_twice():
    grid = PacketGrid(208.0)
    ns = [round(36 * k / 208.0 * 1e9 * 1.02) for k in range(10)]  # a crystal 2 % slow
    order = [0, 1, 2, 2, 3, 6, 7, 8]
    items = run(grid, [(k, made(36 * k, 36, device_ns=ns[k])) for k in order], rate=208.0)
    assert grid.counts.n_duplicates == 1
    assert grid.counts.n_missing == pytest.approx(72, abs=3)
    assert check_contiguous(items) == 36 * 7 + grid.counts.n_missing


def test_a_device_time_that_wraps_is_no_hole():
    period = 2**32 * 1000
    grid = PacketGrid(60.0)
    step = round(1e9 / 60)
    stamps = [(period - 5 * step + k * step) % period for k in range(12)]
    items = run(grid, [(k, made(k, 1, device_ns=s, period=period)) for k, s in enumerate(stamps)], rate=60.0)
    assert check_contiguous(items) == 12
    assert grid.counts.n_missing == 0


def test_a_sensor_that_went_on_counting_while_the_link_was_lost_says_exactly_what_is_missing():
    grid = PacketGrid(200.0)
    items = run(grid, [(k, made(5 * k, sequence=k)) for k in range(10)])
    grid.connected()
    back = 10 + 41 * 40
    items += run(grid, [(k, made(5 * k, sequence=k)) for k in range(back, back + 5)])
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [(g.n_missing, g.reason) for g in gaps] == [(41 * 200, "link lost 41 s")]
    assert check_contiguous(items) == 5 * (back + 5)


def test_a_packet_that_comes_again_with_the_new_link_is_dropped():
    grid = PacketGrid(200.0)
    run(grid, [(k, made(5 * k, sequence=k)) for k in range(10)])
    grid.connected()
    assert grid.push(made(45, sequence=9), 10.3) == []
    (block,) = grid.push(made(50, sequence=10), 10.31)
    assert block.first_sample == 50


@pytest.mark.parametrize("kind", ["sequence", "time"])
def test_a_sensor_that_started_anew_gets_a_new_segment_by_the_arrival_times(kind):
    def packet(k):
        return made(5 * k, sequence=k) if kind == "sequence" else made(5 * k, device_ns=k * 25_000_000)

    grid = PacketGrid(200.0)
    items = run(grid, [(k, packet(k)) for k in range(500, 520)], start_s=0.0)
    grid.connected()
    items += grid.push(packet(0), 520 * 0.025 + 20.0)
    gap = items[-2]
    assert isinstance(gap, Gap)
    assert (gap.n_missing, gap.reason) == (20 * 200 - 5, "sensor started anew")
    assert grid.counts.n_restarts == 1


def test_a_sensor_that_starts_anew_without_a_lost_link_is_believed_after_eight_packets():
    grid = PacketGrid(200.0)
    run(grid, [(k, made(5 * k, sequence=k)) for k in range(100)])
    items = run(grid, [(100 + k, made(5 * k, sequence=k)) for k in range(12)])
    assert isinstance(items[0], Gap)
    assert items[0].reason == "sensor started anew"
    assert grid.counts.n_duplicates == 7


def test_a_number_that_jumps_further_than_time_passed_is_a_new_start():
    grid = PacketGrid(200.0)
    run(grid, [(k, made(5 * k, sequence=k)) for k in range(4)])
    gap, _ = grid.push(made(0, sequence=20_000), 10.0 + 5 * 0.025)
    assert (gap.n_missing, gap.reason) == (0, "sensor started anew")


@pytest.mark.parametrize("kind", ["sequence", "time"])
def test_a_queue_that_a_stalled_link_gives_away_late_may_end_in_a_long_hole(kind):
    """The sensor kept what fitted and dropped the rest: the last of the queue is six seconds old."""

    def packet(k):
        return made(5 * k, sequence=k) if kind == "sequence" else made(5 * k, device_ns=k * 25_000_000)

    grid = PacketGrid(200.0)
    items = run(grid, [(k, packet(k)) for k in range(40)])
    for k in range(40, 60):
        items += grid.push(packet(k), 10.0 + 46 * 0.025 + 6.0)
    items += run(grid, [(k, packet(k)) for k in range(300, 320)])
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [(gap.n_missing, gap.reason) for gap in gaps] == [(240 * 5, "packets lost")]
    assert check_contiguous(items) == 320 * 5
    (gap, _) = grid.push(packet(1000), 10.0 + 321 * 0.025)  # and nothing is late any more
    assert gap.reason == "sensor started anew"


def test_without_number_and_time_samples_follow_each_other_and_only_a_lost_link_shows():
    grid = PacketGrid(100.0)
    items = run(grid, [(k, made(3 * k, 3)) for k in (0, 1, 2, 3, 9)], rate=100.0)
    assert check_contiguous(items) == 15
    grid.connected()
    gap, block = grid.push(made(0, 3), 10.0 + 0.30 + 5.03)
    assert (gap.first_sample, gap.n_missing, gap.reason) == (15, 500, "link lost 5 s")
    assert block.first_sample == 515


def test_a_session_that_goes_on_after_a_crash_starts_with_a_gap():
    grid = PacketGrid(200.0)
    grid.skip_to(1000, 50.0)
    gap, block = grid.push(made(0, sequence=77), 60.0)
    assert (gap.first_sample, gap.n_missing) == (1000, 1995)
    assert block.first_sample == 2995


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 3), st.booleans()), max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_the_numbers_are_items_follow_each_other(steps):
    grid, items, now = PacketGrid(200.0), [], 5.0
    for sequence, wait, link in steps:
        now += wait
        if link:
            grid.connected()
        items += grid.push(made(0, sequence=sequence), now)
    assert check_contiguous(items) == grid.next_sample
    for one, other in pairwise(items):
        assert not (isinstance(one, Gap) and isinstance(other, Gap))
