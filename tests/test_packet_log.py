"""The log of a live session: killed, cut, flipped, full; what was safe comes back and nothing is invented."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import loadsense as ls
from loadsense.errors import FormatError, OptionError, WorldError
from loadsense.placement import Placement
from loadsense.readers.live_log import DAMAGED, LogHeader, Row, decoded_again, read_log
from loadsense.samples import Gap, Origin, SampleBlock, StreamInfo
from loadsense.sources.packet_log import PacketLog
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

INFO = StreamInfo(
    sampling_rate_hz=200.0,
    nominal_rate_hz=200.0,
    placement=Placement.HIP,
    range_g=16.0,
    start=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    tz="UTC",
    origin=Origin(format="live", device="LS-01", notes=("a note",)),
)
HEADER = LogHeader(
    person="p017", sensor="hip", device="LS-01", profile="loadsense-nrf52", began="2026-11-20T09:30:00+00:00"
)
SETTINGS = {"sampling_rate_hz": 200.0, "range_g": 16.0, "factor": 1.0}


def payload(k, n=10):
    counts = (np.arange(3 * n).reshape(n, 3) * 37 + 1000 * k) % 30000 - 15000
    return loadsense_packet.encode(k, k * n * 5000, counts)


def write_packets(log, numbers, *, batch=10, grid=None, link=1):
    """Packets as a live session writes them; a batch after every `batch` packets."""
    grid = grid or PacketGrid(200.0)
    grid.connected()
    log.link(numbers[0] * 0.05, "connected", number=link, settings=SETTINGS)
    decoder = make_decoder("loadsense", StreamSettings(sampling_rate_hz=200.0, range_g=16.0))
    for i, k in enumerate(numbers, 1):
        at_s = (k + 1) * 0.05
        log.packet(at_s, link, payload(k))
        for packet in decoder.decode(payload(k)):
            before = grid.counts.n_filled
            for item in grid.push(packet, at_s):
                log.item(at_s, item, n_filled=grid.counts.n_filled - before if isinstance(item, SampleBlock) else 0)
        if i % batch == 0:
            log.write()
    return grid


def made(path, numbers=tuple(range(100)), **how):
    log = PacketLog(path, INFO, HEADER)
    write_packets(log, list(numbers), **how)
    log.close()
    return path


def flat(items):
    """Items as (first sample, values or gap), neighbours joined, so that block sizes do not matter."""
    out = []
    for item in items:
        if isinstance(item, Gap):
            out.append((item.first_sample, "gap", item.n_missing))
        elif out and out[-1][1] is not None and not isinstance(out[-1][1], str):
            out[-1] = (out[-1][0], np.concatenate([out[-1][1], item.accel_g]), None)
        else:
            out.append((item.first_sample, item.accel_g, None))
    return out


def same(a, b):
    a, b = flat(a), flat(b)
    assert [x[0] for x in a] == [x[0] for x in b]
    assert all((isinstance(x[1], str) and x == y) or np.array_equal(x[1], y[1]) for x, y in zip(a, b, strict=True))


def test_a_log_gives_back_its_facts_its_samples_and_its_packets(tmp_path):
    contents = read_log(made(tmp_path / "hip.live.arrows", [*range(40), *range(41, 50), *range(60, 100)]))
    assert (contents.info, contents.header, contents.notes) == (INFO, HEADER, ())
    assert contents.next_batch == 10
    parts = flat(contents.items())
    assert [(p[0], p[2]) for p in parts] == [(0, None), (500, 100), (600, None)]
    assert contents.quality.n_interpolated == 10
    packets = [row for row in contents.rows if row.kind is Row.PACKET]
    assert [row.body for row in packets[:3]] == [payload(0), payload(1), payload(2)]
    same(decoded_again(contents), contents.items())


def test_a_log_is_read_like_any_recording(tmp_path):
    path = made(tmp_path / "hip.live.arrows")
    recording = ls.read(path)
    assert recording.info.placement is Placement.HIP
    assert recording.info.range_g == 16.0
    assert sum(len(b) for b in recording.blocks()) == 1000
    assert ls.read(path, start=1.0, end=2.0).info.start.second == 1
    with pytest.raises(OptionError, match="200"):
        ls.read(path, sampling_rate_hz=50)
    assert ls.inspect(path) is not None


def test_a_log_is_never_written_over(tmp_path):
    path = made(tmp_path / "hip.live.arrows")
    with pytest.raises(WorldError, match=r"hip.live.arrows: cannot be recorded any longer \(file exists\)"):
        PacketLog(path, INFO, HEADER)
    assert not read_log(path).notes


def test_cut_at_any_byte_every_whole_batch_comes_back(tmp_path):
    data = made(tmp_path / "whole.live.arrows", range(30), batch=5).read_bytes()
    sizes, cut = [], tmp_path / "cut.live.arrows"
    whole = read_log(tmp_path / "whole.live.arrows")
    for length in [*range(1500, len(data), 97), len(data) - 1]:
        cut.write_bytes(data[:length])
        try:
            contents = read_log(cut)
        except FormatError:
            sizes.append(-1)
            continue
        assert contents.rows == whole.rows[: len(contents.rows)]
        sizes.append(len(contents.rows))
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(whole.rows)
    cut.write_bytes(data + bytes(4096))  # a file that grew before its content was there
    assert read_log(cut).rows == whole.rows


def test_a_cut_tail_is_told(tmp_path):
    path = made(tmp_path / "hip.live.arrows", range(30), batch=5)
    data = path.read_bytes()
    path.write_bytes(data[:-300])
    contents = read_log(path)
    assert contents.notes == ("the last batch of the log was cut off (up to 1 s)",)
    assert contents.quality.notes == contents.notes


def test_a_damaged_batch_is_left_out_and_becomes_a_gap_with_its_reason(tmp_path):
    path = made(tmp_path / "hip.live.arrows", range(100), batch=10)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    contents = read_log(path)
    assert len(contents.notes) == 1
    assert "of the log are damaged" in contents.notes[0]
    (gap,) = [item for item in contents.items() if isinstance(item, Gap)]
    assert gap.n_missing == 100
    assert gap.reason == DAMAGED
    assert sum(len(i) for i in contents.items() if isinstance(i, SampleBlock)) == 900


def test_no_flipped_bit_gives_wrong_samples(tmp_path):
    path = made(tmp_path / "hip.live.arrows", range(40), batch=5)
    whole, rows = path.read_bytes(), set(read_log(path).rows)
    rng = np.random.default_rng(3)
    lost = refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(0, len(data)))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(data)
        try:
            contents = read_log(path)
        except FormatError:
            refused += 1
            continue
        assert set(contents.rows) <= rows
        lost += len(contents.rows) < len(rows)
    assert lost > 100
    assert refused < 150  # only where the header was hit


def test_a_log_whose_beginning_is_damaged_says_so(tmp_path):
    path = made(tmp_path / "hip.live.arrows", range(10))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:100])
    with pytest.raises(FormatError, match="the beginning of this live log is damaged"):
        read_log(path)
    with pytest.raises(OptionError, match="no such file"):
        read_log(tmp_path / "none.live.arrows")


def test_a_session_that_broke_off_goes_on_in_the_same_log(tmp_path):
    path = made(tmp_path / "hip.live.arrows", range(50), batch=10)
    path.write_bytes(path.read_bytes()[:-700])
    log, contents = PacketLog.resumed(path)
    assert contents.notes
    grid = PacketGrid(200.0)
    last = max(row.at_s for row in contents.rows if row.kind is Row.PACKET)
    *_, final = contents.items()
    after = final.first_sample + len(final)
    grid.skip_to(after, last)
    log.link(last, "resumed", number=after, last_arrival_s=last)
    write_packets(log, list(range(80, 100)), grid=grid, link=2)
    log.close()
    again = read_log(path)
    assert again.notes == ()
    assert path.with_name("hip.live.arrows.damaged").exists()
    gaps = [item for item in again.items() if isinstance(item, Gap)]
    assert [(g.first_sample, g.n_missing) for g in gaps] == [(400, 400)]
    same(decoded_again(again), again.items())


def test_a_full_disk_stops_the_log_with_a_sentence_and_keeps_what_was_written(tmp_path):
    log = PacketLog(tmp_path / "hip.live.arrows", INFO, HEADER)
    write_packets(log, list(range(20)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.n_bytes + 1000, hard))
    try:
        log.link(1.0, "note", text="x" * 3000)
        with pytest.raises(
            WorldError, match=r"cannot be recorded any longer \(file too large\); what came before is safe"
        ):
            log.write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.stopped is not None
    log.packet(2.0, 1, b"more")
    log.write()  # takes nothing more, and says nothing again
    log.close()
    contents = read_log(log.path)
    assert contents.notes == ()
    assert sum(len(i) for i in contents.items()) == 200


# -- kill -9 -----------------------------------------------------------

WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_packet_log import *
log = PacketLog(Path(sys.argv[1]), INFO, HEADER)
grid = PacketGrid(200.0)
log.link(0.0, "connected", number=1, settings=SETTINGS)
decoder = make_decoder("loadsense", StreamSettings(**SETTINGS))
print(0, flush=True)
for k in range(100000):
    log.packet((k + 1) * 0.05, 1, payload(k))
    for packet in decoder.decode(payload(k)):
        for item in grid.push(packet, (k + 1) * 0.05):
            log.item((k + 1) * 0.05, item)
    if k % 20 == 19:
        log.write()
        print(grid.next_sample, flush=True)
"""


def killed_once(folder: Path, wait_s: float) -> None:
    path = folder / "hip.live.arrows"
    arguments = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_s)
        os.kill(child.pid, signal.SIGKILL)
        told = [int(line) for line in child.stdout.read().splitlines() if line.strip()]
    contents = read_log(path)
    n = sum(len(i) for i in contents.items())
    safe = told[-1] if told else 0
    assert safe <= n <= safe + 200  # at most the batch that was being acknowledged
    expected = np.concatenate(
        [
            p.accel_g
            for k in range(n // 10)
            for p in make_decoder("loadsense", StreamSettings(**SETTINGS)).decode(payload(k))
        ]
        or [np.zeros((0, 3))]
    )
    got = np.concatenate([i.accel_g for i in contents.items()] or [np.zeros((0, 3))])
    assert np.array_equal(got, expected)
    path.unlink()


def test_killed_at_random_moments_every_acknowledged_second_is_there(tmp_path):
    rng = np.random.default_rng(5)
    for _ in range(3):
        killed_once(tmp_path, float(rng.uniform(0.0, 0.25)))


@pytest.mark.soak
def test_killed_at_fifty_random_moments(tmp_path):
    rng = np.random.default_rng(6)
    for _ in range(50):
        killed_once(tmp_path, float(rng.uniform(0.0, 0.5)))


def test_facts_without_a_start_are_kept_too(tmp_path):
    log = PacketLog(tmp_path / "x.live.arrows", replace(INFO, start=None, tz=None), HEADER)
    log.write()
    log.close()
    assert read_log(log.path).info.start is None
    assert list(read_log(log.path).items()) == []
