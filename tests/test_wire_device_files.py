"""Decoders of device files, from bytes to samples: exact counts, times, gaps, damage, and independence of the cuts."""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import device_encoders as enc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense.errors import ContentError, FormatError
from loadsense.samples import Gap, SampleBlock
from loadsense.wire.axivity_wav import WavDecoder, read_wav_facts
from loadsense.wire.cwa import CwaDecoder, read_cwa_facts
from loadsense.wire.device_file import DAMAGED, StampedGrid, first_rate_hz
from loadsense.wire.genea import GeneaDecoder, read_genea_facts
from loadsense.wire.geneactiv import GeneactivDecoder, read_geneactiv_facts
from loadsense.wire.gt3x import ActivityDecoder, LogDecoder, at_offset, read_gt3x_facts
from loadsense.wire.matrix import MatrixDecoder, read_matrix_facts


def decode(decoder, data: bytes, cuts: list[int] | None = None):
    """Samples in order and gaps, each checked to lie on the grid without holes."""
    edges = [0, *sorted(cuts or []), len(data)]
    items = []
    for begin, end in pairwise(edges):
        items += decoder.push(data[begin:end])
    items += decoder.flush()
    at = 0
    for item in items:
        assert item.first_sample == at
        at += item.n_missing if isinstance(item, Gap) else len(item)
    blocks = [item.accel_g for item in items if isinstance(item, SampleBlock)]
    assert all(block.flags.c_contiguous and block.dtype == np.float64 for block in blocks)
    return np.concatenate(blocks) if blocks else np.empty((0, 3)), [item for item in items if isinstance(item, Gap)]


def cwa(data: bytes) -> CwaDecoder:
    return CwaDecoder(read_cwa_facts(data, "a.cwa"))


def gt3x(more: str = "Acceleration Scale: 256.0\r\n", *, rate: int = 30) -> LogDecoder:
    return LogDecoder(read_gt3x_facts(enc.gt3x_info(rate=rate, more=more).encode(), "a.gt3x"))


def geneactiv(data: bytes) -> GeneactivDecoder:
    return GeneactivDecoder(read_geneactiv_facts(data, "a.bin"))


def genea(data: bytes) -> GeneaDecoder:
    return GeneaDecoder(read_genea_facts(data, "a.bin"))


def matrix(data: bytes) -> MatrixDecoder:
    return MatrixDecoder(read_matrix_facts(data, "a.bin"))


def wav(data: bytes) -> WavDecoder:
    return WavDecoder(read_wav_facts(data, "a.wav"))


LAYOUTS = {
    "cwa": (cwa, enc.cwa_file(enc.walk_counts(1100, per_g=256))),
    "ax6": (cwa, enc.ax6_file(enc.walk_counts(600, per_g=2048))),
    "gt3x 12 bit": (lambda _: gt3x(), enc.gt3x_log(enc.walk_counts(1800, per_g=256), asleep=range(20, 40))),
    "gt3x 16 bit": (lambda _: gt3x(), enc.gt3x_log(enc.walk_counts(900, per_g=256), kind=26)),
    "gt3x odd": (lambda _: gt3x(rate=33), enc.gt3x_log(enc.walk_counts(990, per_g=256), rate=33)),
    "geneactiv": (geneactiv, enc.geneactiv_file(enc.walk_counts(1500, per_g=255))),
    "genea": (genea, enc.genea_file(enc.walk_counts(1500, per_g=341))),
    "matrix": (matrix, enc.matrix_file(enc.walk_counts(3000, per_g=4096), n_gyro=5)),
    "wav": (wav, enc.wav_file(enc.walk_counts(700, per_g=4096))),
}


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_samples_and_gaps_do_not_depend_on_where_the_bytes_were_cut(name, data):
    make, whole = LAYOUTS[name]
    expected, gaps = decode(make(whole), whole)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    found, found_gaps = decode(make(whole), whole, cuts)
    assert np.array_equal(found, expected)
    assert found_gaps == gaps


@pytest.mark.parametrize("name", ["cwa", "gt3x 12 bit", "matrix", "wav"])
def test_byte_by_byte_gives_the_same(name):
    make, whole = LAYOUTS[name]
    whole = whole[:6000]
    if name == "matrix":
        whole = enc.matrix_file(enc.walk_counts(200, per_g=4096), seconds_each=2)
    expected = decode(make(whole), whole)
    found = decode(make(whole), whole, list(range(1, len(whole))))
    assert np.array_equal(found[0], expected[0])
    assert found[1] == expected[1]


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=25, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 7)), min_size=1, max_size=6), end=st.floats(0.3, 1)
)
def test_damage_raises_only_our_errors_and_keeps_the_grid(name, flips, end):
    make, whole = LAYOUTS[name]
    octets = bytearray(whole[: int(len(whole) * end)])
    for place, bit in flips:
        octets[int(place * len(octets))] ^= 1 << bit
    with suppress(FormatError, ContentError):
        decode(make(bytes(octets)), bytes(octets))


# -- cwa ---------------------------------------------------------------------------------------------------------------
def test_packed_sectors_give_back_their_counts_with_every_exponent():
    counts = enc.walk_counts(240, per_g=256)
    counts[10] = [511, -512, 0]
    counts[11] = [1022, -1024, 2]
    counts[12] = [2044, -2048, 4]
    counts[13] = [4088, -4096, 8]
    top = np.abs(counts).max(axis=1)
    step = np.select([top < 512, top < 1024, top < 2048], [1, 2, 4], 8)[:, None]
    accel_g, gaps = decode(cwa(enc.cwa_file(counts)), enc.cwa_file(counts))
    assert np.array_equal(accel_g, counts // step * step / 256.0)
    assert gaps == []


def test_the_accelerometer_of_an_ax6_is_what_follows_the_gyroscope():
    counts = enc.walk_counts(200, per_g=2048)
    data = enc.ax6_file(counts)
    facts = read_cwa_facts(data, "a.cwa")
    assert (facts.device, facts.sampling_rate_hz, facts.range_g) == ("Axivity AX6", 100.0, 16.0)
    assert np.array_equal(decode(CwaDecoder(facts), data)[0], counts / 2048.0)


def test_cwa_facts():
    facts = read_cwa_facts(enc.cwa_file(enc.walk_counts(2400, per_g=256), clock_hz=97.5), "a.cwa")
    assert facts.start == enc.START
    assert (facts.nominal_rate_hz, facts.range_g, facts.serial, facts.firmware) == (100.0, 8.0, "12345", "0")
    assert facts.measured_rate_hz == pytest.approx(97.5, rel=1e-4)
    assert facts.notes == ("session 99", "at the start 20.0 degrees C, battery 4.17 V", "annotation: _sc=001")


def test_a_slow_sampling_clock_is_told_and_is_no_gap():
    data = enc.cwa_file(enc.walk_counts(12000, per_g=256), clock_hz=97.5)
    decoder = cwa(data)
    accel_g, gaps = decode(decoder, data)
    assert (len(accel_g), gaps) == (12000, [])
    assert decoder.quality().measured_rate_hz == pytest.approx(97.5, rel=1e-4)
    assert decoder.quality().jitter_p99_ms < 1.0
    assert "97.50 Hz by the stamps, the grid counts 100 Hz: times stray by 90 s an hour" in decoder.quality().notes[0]


def test_a_sector_with_a_wrong_checksum_is_a_gap_of_its_samples():
    counts = enc.walk_counts(1200, per_g=256)
    data = bytearray(enc.cwa_file(counts))
    data[1024 + 3 * 512 + 100] ^= 1
    decoder = cwa(bytes(data))
    accel_g, gaps = decode(decoder, bytes(data))
    assert gaps == [Gap(360, 120, DAMAGED)]
    assert len(accel_g) == 1080
    assert decoder.quality().notes == (
        "1 sector of 10 damaged (checksum, time or count wrong) and skipped; the samples are missing",
    )


def test_lost_sectors_are_a_gap_by_their_stamps_and_blank_ones_are_nothing():
    counts = enc.walk_counts(1200, per_g=256)
    data = enc.cwa_file(counts)
    lost = data[: 1024 + 2 * 512] + data[1024 + 5 * 512 :] + b"\xff" * 1024 + bytes(512)
    decoder = cwa(lost)
    assert decode(decoder, lost)[1] == [Gap(240, 360, "no samples")]
    assert decoder.quality().notes == ()


def test_sectors_of_another_rate_are_left_out_and_a_cut_end_is_told():
    counts = enc.walk_counts(240, per_g=256)
    data = enc.cwa_file(counts) + enc.cwa_sector(counts[:120], 2.4, rate_code=0x4B) + b"AX" * 50
    decoder = cwa(data)
    assert len(decode(decoder, data)[0]) == 240
    assert decoder.quality().notes == (
        "1 sector at another rate than 100 Hz and left out",
        "the file is cut short: its last 100 bytes are no whole sector",
    )


def test_an_impossible_time_or_count_with_a_right_checksum_is_damage():
    def sector(**change):
        raw = bytearray(enc.cwa_sector(enc.walk_counts(120, per_g=256), 1.2))
        for at, text in change.items():
            raw[int(at[1:]) : int(at[1:]) + len(text)] = text
        total = int(np.frombuffer(bytes(raw[:510]), "<u2").sum(dtype=np.uint64))
        return bytes(raw[:510]) + struct.pack("<H", -total & 0xFFFF)

    bad = sector(_14=struct.pack("<I", 0)) + sector(_28=b"\x79\0") + sector(_25=b"\x41") + sector(_24=b"\x40")
    data = enc.cwa_header() + enc.cwa_sector(enc.walk_counts(120, per_g=256), 0.0) + bad
    decoder = cwa(data)
    assert len(decode(decoder, data)[0]) == 120
    assert decoder.quality().notes[0].startswith("4 sectors of 5 damaged")


def test_what_is_no_cwa_is_refused():
    with pytest.raises(FormatError, match=r"a\.cwa: no Axivity header of 1024 bytes"):
        read_cwa_facts(b"MD\xfc\x03" + bytes(100), "a.cwa")
    with pytest.raises(ContentError, match="no sector with samples and a right checksum"):
        read_cwa_facts(enc.cwa_header() + bytes(5120), "a.cwa")


# -- the grid ----------------------------------------------------------------------------------------------------------
def placed(starts: list[float], *, n: int = 100, **options):
    grid = StampedGrid(grid_rate_hz=100.0, **options)
    start_s = np.array(starts)
    items = grid.place(start_s, start_s + n / 100.0, np.full(len(starts), n), np.zeros((n * len(starts), 3)))
    return [(item.first_sample, item.n_missing, item.reason) for item in items if isinstance(item, Gap)]


def test_a_hole_is_a_gap_when_it_is_longer_than_a_tenth_of_a_second_and_what_the_clock_may_stray():
    assert placed([0.0, 1.12]) == []
    assert placed([0.0, 1.14]) == [(100, 14, "no samples")]
    assert placed([0.0, 1.7], slack_s=1.0) == []


def test_a_step_back_keeps_the_samples_up_to_a_limit():
    assert placed([10.0, 10.5]) == [(100, 0, "clock stepped back 0.5 s")]
    assert placed([3600.0, 1.0]) == [(100, 0, "clock stepped back 3600.0 s")]
    with pytest.raises(ContentError, match=r"clock goes back 11\.0 s after sample 100; expected at most 2\.5 s"):
        placed([10.0, 0.0])
    with pytest.raises(ContentError, match="clock jumps ahead 500 days after sample 100"):
        placed([0.0, 500 * 86400.0])


def test_the_first_rate_leaves_out_what_does_not_follow():
    n = np.array([100, 100, 100, 100])
    assert first_rate_hz(np.array([0.0, 1.02, 60.0, 61.02]), n, 100.0) == pytest.approx(100 / 1.02)
    assert first_rate_hz(np.array([0.0, 50.0]), n[:2], 100.0) is None
    assert first_rate_hz(np.array([0.0]), n[:1], 100.0) is None


# -- gt3x --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [0, 26])
@pytest.mark.parametrize("rate", [30, 33, 100])
def test_records_give_back_their_counts(kind, rate):
    counts = enc.walk_counts(10 * rate, per_g=256)
    counts[5] = [2047, -2048, -1]
    accel_g, gaps = decode(gt3x(rate=rate), enc.gt3x_log(counts, rate=rate, kind=kind))
    assert np.array_equal(accel_g, counts / 256.0)
    assert gaps == []


def test_idle_sleep_is_a_gap_with_its_name():
    decoder = gt3x()
    accel_g, gaps = decode(decoder, enc.gt3x_log(enc.walk_counts(3000, per_g=256), asleep=range(30, 70)))
    assert gaps == [Gap(900, 1200, "idle sleep mode")]
    assert len(accel_g) == 1800
    assert decoder.quality().measured_rate_hz == pytest.approx(30.0)
    assert decoder.quality().jitter_p99_ms is None


def test_sleep_until_the_end_is_a_gap_too():
    last = 621_355_968_000_000_000 + (enc.UNIX + 100) * 10_000_000
    more = f"Acceleration Scale: 256.0\r\nLast Sample Time: {last}\r\n"
    _, gaps = decode(gt3x(more), enc.gt3x_log(enc.walk_counts(3000, per_g=256), asleep=range(60, 100)))
    assert gaps == [Gap(1800, 1200, "idle sleep mode")]


def test_a_record_with_a_wrong_checksum_is_skipped_and_counted():
    log = bytearray(enc.gt3x_log(enc.walk_counts(300, per_g=256)))
    log[-60] ^= 4
    log[300] ^= 4
    decoder = gt3x()
    accel_g, gaps = decode(decoder, bytes(log))
    assert len(accel_g) == 240
    assert [gap.reason for gap in gaps] == [DAMAGED]
    assert decoder.quality().notes == ("2 records with a wrong checksum skipped; the samples are missing",)


def test_after_a_damaged_size_the_chain_is_found_again():
    octets = np.random.default_rng(3).integers(0, 256, (10, 180)).astype(np.uint8)
    records = [enc.gt3x_record(26, enc.UNIX + s, octets[s].tobytes()) for s in range(10)]
    records[4] = records[4][:6] + struct.pack("<H", 170) + records[4][8:]
    records[7] = records[7][:6] + b"\xff\xff" + records[7][8:]
    decoder = gt3x()
    accel_g, gaps = decode(decoder, b"".join(records))
    assert [(gap.first_sample, gap.n_missing, gap.reason) for gap in gaps] == [(120, 30, DAMAGED), (210, 30, DAMAGED)]
    assert len(accel_g) == 240
    assert "bytes of log.bin are no records and were skipped" in decoder.quality().notes[0]


def test_a_cut_end_and_an_imu_stream_are_told():
    log = enc.gt3x_record(25, enc.UNIX, bytes(20)) + enc.gt3x_log(enc.walk_counts(300, per_g=256))
    decoder = gt3x()
    assert len(decode(decoder, log[:-20])[0]) == 270
    notes = decoder.quality().notes
    assert "log.bin is cut short" in notes[0]
    assert notes[1] == "the archive also holds an IMU stream, which is not read"


def test_info_txt_says_what_is_needed():
    facts = read_gt3x_facts(enc.gt3x_info().encode(), "a.gt3x")
    assert facts.start == datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=2)))
    assert (facts.body_mass_kg, facts.range_g, facts.counts_per_g, facts.serial) == (61.0, 8.0, 256.0, "MOS2E39180594")
    assert facts.notes == ("set up for: Waist", "battery 4.03 V at download")
    old = read_gt3x_facts(enc.gt3x_info(serial="CLE2B21130054", more="").encode(), "a.gt3x")
    assert (old.counts_per_g, old.range_g) == (341.0, 6.0)


@pytest.mark.parametrize(
    ("offset", "hours"),
    [("-05:00:00", -5), ("02:00:00", 2), ("+01:00:00", 1), (None, None), ("x", None), ("99:00", None)],
)
def test_the_offset_from_utc_of_info_txt(offset, hours):
    tzinfo = None if hours is None else timezone(timedelta(hours=hours))
    assert at_offset(enc.UNIX, offset) == enc.START.replace(tzinfo=tzinfo)


def test_info_txt_without_rate_or_scale_is_refused():
    with pytest.raises(FormatError, match="no usable Sample Rate and Start Date"):
        read_gt3x_facts(b"Serial Number: MOS1\r\n", "a.gt3x")
    with pytest.raises(FormatError, match="serial number 'XYZ1' is of no known family"):
        read_gt3x_facts(enc.gt3x_info(serial="XYZ1", more="").encode(), "a.gt3x")
    with pytest.raises(ContentError, match=r"info\.txt, Sample Rate 'thirty' is no number"):
        read_gt3x_facts(enc.gt3x_info().replace("Rate: 30", "Rate: thirty").encode(), "a.gt3x")


@pytest.mark.parametrize("n", [500, 501])
def test_the_older_activity_file_is_samples_alone(n):
    counts = enc.walk_counts(n, per_g=341)
    facts = read_gt3x_facts(enc.gt3x_info(serial="NEO1C04110003", more="").encode(), "a.gt3x")
    data = enc.packed_12_bit(counts[:, [1, 0, 2]])
    assert np.array_equal(decode(ActivityDecoder(facts), data, [10, 11, 500])[0], counts / 341.0)


# -- GENEActiv, GENEA --------------------------------------------------------------------------------------------------
def test_geneactiv_pages_are_calibrated_by_the_header():
    counts = enc.walk_counts(900, per_g=255)
    data = enc.geneactiv_file(counts)
    facts = read_geneactiv_facts(data, "a.bin")
    expected = (counts * 100.0 - [272, -1129, 101]) / [25522, 25457, 24829]
    assert np.array_equal(decode(GeneactivDecoder(facts), data)[0], expected)
    assert facts.start == enc.START.replace(tzinfo=timezone(timedelta(hours=-4)))
    assert (facts.sampling_rate_hz, facts.range_g, facts.serial, facts.body_mass_kg) == (50.0, 8.0, "051386", 63.5)
    assert facts.notes == ("set up for: left wrist", "at the start 28.2 degrees C, battery 4.16 V")


def test_a_damaged_geneactiv_page_is_a_gap():
    counts = enc.walk_counts(1500, per_g=255)
    data = enc.geneactiv_file(counts)
    second = data.index(b"Recorded Data", data.index(b"Recorded Data") + 10)
    damaged = data[: second + 400] + b"?" + data[second + 401 :]
    decoder = geneactiv(damaged)
    accel_g, gaps = decode(decoder, damaged)
    assert gaps == [Gap(300, 300, DAMAGED)]
    assert len(accel_g) == 1200
    assert decoder.quality().notes[0].startswith("1 page of 5 damaged")


def test_geneactiv_page_times_may_be_half_a_second_off():
    counts = enc.walk_counts(300, per_g=255)
    pages = b"".join(enc.geneactiv_page(counts, at) for at in (0.0, 6.5, 12.0, 18.5, 24.0))
    assert decode(geneactiv(enc.geneactiv_header() + pages), enc.geneactiv_header() + pages)[1] == []


def test_a_geneactiv_page_without_end_is_let_go():
    data = enc.geneactiv_file(enc.walk_counts(600, per_g=255))
    decoder = geneactiv(data)
    decode(
        decoder, data + b"Recorded Data" + b"0" * 40000 + data[data.index(b"Recorded Data") :][:10], [len(data) + 20000]
    )
    assert "damaged" in decoder.quality().notes[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"Device Identity", b"Another Identity", "no GENEActiv header and first page"),
        (b"Measurement Frequency:50 Hz", b"Measurement Frequency:? Hz", "no Measurement Frequency or calibration"),
        (b"x gain:25522", b"x gain:0", "no Measurement Frequency or calibration"),
        (b"Page Time:2026", b"Page Time:????", "no whole page of samples"),
        (b"Page Time:2026-11", b"Page Time:2026-13", "no whole page of samples"),
    ],
)
def test_what_is_no_geneactiv_file_is_refused(old, new, words):
    data = enc.geneactiv_file(enc.walk_counts(300, per_g=255)).replace(old, new)
    with pytest.raises(FormatError, match=words):
        read_geneactiv_facts(data, "a.bin")


def test_genea_records_are_calibrated_and_other_sensors_left_out():
    counts = enc.walk_counts(1000, per_g=341)
    data = enc.genea_file(counts)
    facts = read_genea_facts(data, "a.bin")
    expected = (counts - [1, -3, -13]) * np.array([8144, 8132, 8004]) / 8192 / (2048 / 6)
    accel_g, gaps = decode(GeneaDecoder(facts), data)
    assert np.allclose(accel_g, expected, atol=1e-12)
    assert gaps == []
    assert facts.start == enc.START - timedelta(seconds=48 / 80)
    assert (facts.sampling_rate_hz, facts.range_g, facts.serial) == (80.0, 6.0, "01275")


def test_genea_records_with_a_wrong_crc_and_a_cut_end_are_told():
    data = bytearray(enc.genea_file(enc.walk_counts(2000, per_g=341)))
    begin = data.index(b"\r\n\r\n") + 4
    for at in range(begin + 2048, begin + 2048 + 1200, 6):
        data[at] ^= 1
    decoder = genea(bytes(data[:-100]))
    _, gaps = decode(decoder, bytes(data[:-100]))
    assert any(gap.reason == DAMAGED for gap in gaps)
    assert "200 records" in decoder.quality().notes[0]
    assert decoder.quality().notes[1] == "the file is cut short: its last page is not whole"


def test_what_is_no_genea_file_is_refused():
    data = enc.genea_file(enc.walk_counts(400, per_g=341))
    with pytest.raises(FormatError, match="no GENEA header"):
        read_genea_facts(data[1:], "a.bin")
    with pytest.raises(FormatError, match="no Sample-Rate, Accel-Gains or Accel-Offsets"):
        read_genea_facts(data.replace(b"Gains:8144", b"Gains:81x4"), "a.bin")
    with pytest.raises(ContentError, match="no time among the first"):
        read_genea_facts(data[: data.index(b"\r\n\r\n") + 4] + bytes(4096), "a.bin")


# -- Matrix ------------------------------------------------------------------------------------------------------------
def test_matrix_packets_give_back_their_counts():
    counts = enc.walk_counts(3000, per_g=4096)
    data = enc.matrix_file(counts, n_gyro=7)
    facts = read_matrix_facts(data, "a.bin")
    decoder = MatrixDecoder(facts)
    accel_g, gaps = decode(decoder, data)
    assert np.array_equal(accel_g, counts / 4096.0)
    assert gaps == []
    assert (facts.sampling_rate_hz, facts.range_g) == (100.0, 8.0)
    assert facts.start == enc.START.replace(tzinfo=UTC)
    assert decoder.quality().measured_rate_hz == 100.0


@pytest.mark.parametrize(
    ("victim", "gap"), [(0, Gap(0, 1000, DAMAGED)), (1, Gap(1000, 1000, DAMAGED)), (2, Gap(2000, 1000, DAMAGED))]
)
def test_a_matrix_packet_that_fails_its_crc_is_a_gap_of_its_samples(victim, gap):
    counts = enc.walk_counts(3000, per_g=4096)
    data = bytearray(enc.matrix_file(counts))
    size = (len(data) - 524) // 3
    del data[524 + victim * size + 200 : 524 + victim * size + 202]
    decoder = matrix(bytes(data))
    accel_g, gaps = decode(decoder, bytes(data))
    assert gaps == [gap]
    assert len(accel_g) == 2000
    assert decoder.quality().notes == (
        f"1 packet of 3 damaged and skipped: packet {victim + 1} of 1000 samples fails its CRC",
    )


def test_a_matrix_packet_with_a_damaged_head_is_a_gap_by_its_neighbours():
    data = bytearray(enc.matrix_file(enc.walk_counts(3000, per_g=4096)))
    size = (len(data) - 524) // 3
    struct.pack_into("<I", data, 524 + size + 20, 123)
    assert decode(matrix(bytes(data)), bytes(data))[1] == [Gap(1000, 1000, DAMAGED)]
    data[524 + size : 524 + size + 8] = b"MDTCPUCK"
    assert decode(matrix(bytes(data)), bytes(data))[1] == [Gap(1000, 1000, DAMAGED)]


def test_what_is_no_matrix_file_is_refused():
    data = enc.matrix_file(enc.walk_counts(1000, per_g=4096))
    with pytest.raises(FormatError, match="no Matrix header at byte 512"):
        read_matrix_facts(data[1:], "a.bin")
    with pytest.raises(FormatError, match="states a range of 0 g"):
        read_matrix_facts(data[:520] + b"\0\0" + data[522:], "a.bin")
    with pytest.raises(ContentError, match="no packet with a right CRC"):
        read_matrix_facts(data[:-1], "a.bin")


def test_a_matrix_rate_near_none_of_the_device_is_the_measured_one():
    counts = enc.walk_counts(700, per_g=4096)
    data = enc.matrix_header(1) + enc.matrix_packet(counts, 0, 10)
    facts = read_matrix_facts(data, "a.bin")
    assert (facts.sampling_rate_hz, facts.nominal_rate_hz) == (70.0, None)


# -- wav ---------------------------------------------------------------------------------------------------------------
def test_wav_samples_scale_and_words():
    counts = enc.walk_counts(500, per_g=4096)
    data = enc.wav_file(counts)
    facts = read_wav_facts(data, "a.wav")
    assert np.array_equal(decode(WavDecoder(facts), data)[0], counts / 4096.0)
    assert facts.start == datetime(2026, 11, 20, 10, 0, 0, 250000)
    assert (facts.sampling_rate_hz, facts.range_g, facts.serial, facts.firmware) == (100.0, 8.0, "37727", "44")


def test_wav_frames_marked_as_no_data_are_gaps():
    flags = np.zeros(500, np.int64)
    flags[100:160] = 0x8000
    flags[450:] = 0x8000
    flags[20] = 0x4000
    data = enc.wav_file(enc.walk_counts(500, per_g=4096), flags=flags)
    decoder = wav(data)
    accel_g, gaps = decode(decoder, data)
    assert [(gap.first_sample, gap.n_missing) for gap in gaps] == [(100, 60), (450, 50)]
    assert len(accel_g) == 390
    assert decoder.quality().notes == ("1 samples marked as clipped when it was exported",)


def test_a_wav_cut_short_is_told_and_what_follows_the_samples_is_left_out():
    counts = enc.walk_counts(500, per_g=4096)
    data = enc.wav_file(counts, n_declared=900)
    decoder = wav(data)
    decode(decoder, data)
    assert decoder.quality().notes == ("the file is cut short: 500 of 900 samples are there",)
    more = enc.wav_file(counts) + b"LIST\0\0\0\0" * 9
    assert len(decode(wav(more), more, [700])[0]) == 500


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"RIFF", b"RIFX", "not a WAV file"),
        (b"fmt ", b"fmt?", "no format or no samples"),
        (b"data", b"dato", "no format or no samples"),
        (b"Scale-2: 8", b"Scale-2: ?", "4 channels, 16 bits, 100 Hz without scales in g"),
    ],
)
def test_what_is_no_axivity_wav_is_refused(old, new, words):
    data = enc.wav_file(enc.walk_counts(100, per_g=4096)).replace(old, new)
    with pytest.raises(FormatError, match=words):
        read_wav_facts(data, "a.wav")
