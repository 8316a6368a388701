"""The sampling clock from arrival times: drift found, jitter gone, in the face of stalls, loss and late packets."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

import loadsense as ls
from loadsense.live.sensor import LiveSensor, Wearing
from loadsense.session import judging
from loadsense.sources.clock import SampleClock
from loadsense.sources.link import Connected, Payload
from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings

RATE_HZ, N, INTERVAL_S = 200.0, 5, 0.03


def arrivals(seconds: float, ppm: float, *, lost: float = 0.01, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Ends of packets in samples, and when they arrive: connection events, stalls, loss."""
    rng = np.random.default_rng(seed)
    true_hz = RATE_HZ * (1 + ppm * 1e-6)
    ends = np.arange(N, int(seconds * true_hz), N)
    ready = ends / true_hz
    arrive = np.ceil(ready / INTERVAL_S) * INTERVAL_S + rng.gamma(2, 0.0007, ends.size)
    for start in rng.uniform(0.1 * seconds, seconds, int(seconds / 24)):
        end = start + rng.uniform(0.1, 1.5)
        held = (arrive > start) & (arrive < end)
        arrive[held] = end + np.arange(held.sum()) * 0.0005
    arrive = np.maximum.accumulate(arrive)
    kept = rng.random(ends.size) >= lost
    return ends[kept], arrive[kept]


@pytest.mark.parametrize("ppm", [-200.0, 0.0, 80.0, 20000.0])
def test_drift_is_found_and_times_lose_their_jitter(ppm):
    clock = SampleClock(RATE_HZ)
    errors = []
    for end, arrival in zip(*arrivals(400.0, ppm), strict=True):
        clock.push(int(end), float(arrival))
        at_s = clock.host_s(int(end)) if end % 50 == 0 else None
        if at_s is not None and end > 120 * RATE_HZ:
            errors.append(at_s - end / (RATE_HZ * (1 + ppm * 1e-6)))
    fit = clock.fit
    assert fit.drift_ppm == pytest.approx(ppm, abs=25.0)
    assert fit.measured_rate_hz == pytest.approx(RATE_HZ * (1 + ppm * 1e-6), rel=3e-5)
    assert 0.1 < fit.longest_stall_s < 4.0  # stalls may follow each other
    assert np.std(errors) < 0.006
    assert -0.01 < np.median(errors) < INTERVAL_S


def test_nothing_is_said_in_the_first_seconds_and_a_new_segment_begins_anew():
    clock = SampleClock(RATE_HZ)
    for end, arrival in zip(*arrivals(9.0, 0.0), strict=True):
        clock.push(int(end), float(arrival))
    assert clock.fit.measured_rate_hz is None
    assert clock.host_s(100) is None
    for end, arrival in zip(*arrivals(60.0, 0.0), strict=True):
        clock.push(int(end) + 9 * 200, float(arrival) + 9.0)
    assert clock.fit.measured_rate_hz is not None
    clock.new_segment()
    assert clock.fit.measured_rate_hz is None


def uncounted(ppm: float = 0.0, *, holes: tuple[tuple[float, float], ...] = (), lost: float = 0.0) -> SampleClock:
    """400 s of a sensor without number or time: what comes is counted, and what is lost is not seen."""
    ends, arrive = arrivals(400.0, ppm, lost=lost)
    kept = np.full(ends.size, True)
    for start, length in holes:
        kept &= (ends / RATE_HZ < start) | (ends / RATE_HZ >= start + length)
    clock = SampleClock(RATE_HZ)
    for k, arrival in enumerate(arrive[kept], 1):
        clock.push(N * k, float(arrival))
    return clock


@pytest.mark.parametrize("ppm", [-15000.0, -200.0, 0.0, 80.0, 15000.0])
def test_a_stray_clock_and_stalls_are_no_loss(ppm):
    assert uncounted(ppm).estimated_missing_s == 0.0


@pytest.mark.parametrize(
    ("holes", "least_s", "most_s"),
    [
        (((100.0, 3.0),), 2.6, 3.1),
        (((60.0, 1.0), (130.0, 2.0), (200.0, 5.0)), 7.2, 8.2),
        (((395.0, 3.0),), 0.0, 0.0),  # too near the end to be in the estimate
    ],
)
def test_what_a_sensor_without_numbers_lost_is_estimated_from_the_host_s_span(holes, least_s, most_s):
    assert least_s <= uncounted(holes=holes).estimated_missing_s <= most_s


def test_an_even_loss_is_estimated_beyond_the_drift_that_a_clock_may_have():
    assert uncounted(lost=0.01).estimated_missing_s < 0.1
    # of the received time, 0.1 / 0.9 is missing, and 2 % is left to a stray clock
    assert uncounted(lost=0.10).estimated_missing_s == pytest.approx(360.0 * (0.1 / 0.9 - 0.02), rel=0.08)


def test_samples_that_are_only_late_are_not_missing_in_the_end():
    clock = SampleClock(RATE_HZ)
    for k in range(1, 12_001):
        at_s = N * k / RATE_HZ
        clock.push(N * k, 113.0 if 100.0 <= at_s < 113.0 else at_s)  # thirteen seconds in one burst
    assert clock.estimated_missing_s == pytest.approx(0.0, abs=0.25)


def test_a_new_connection_is_no_loss_of_this_kind():
    clock = SampleClock(RATE_HZ)
    for k in range(1, 4001):
        clock.push(N * k, N * k / RATE_HZ + (0.0 if k < 2000 else 41.0))
        if k == 1999:
            clock.new_segment()
    assert clock.estimated_missing_s == 0.0


def test_memory_is_bounded():
    clock = SampleClock(RATE_HZ)
    for k in range(1, 20000):
        clock.push(100 * k, 0.5 * k)
    assert len(clock._minima) == 600


# -- what a session says of it -------------------------------------------


def worn(folder, decoder: str, payload, *, loss_observable: bool) -> LiveSensor:
    """A minute of a still sensor of which the twentieth to the twenty-third second never came."""
    sensor = LiveSensor(
        Wearing(person="p017", sensor="hip"), judging(), began=datetime(2026, 11, 20, tzinfo=UTC), folder=folder
    )
    settings = StreamSettings(sampling_rate_hz=RATE_HZ, range_g=16.0)
    sensor.take(Connected(at_s=0.0, link=1, settings=settings, decoder=decoder, loss_observable=loss_observable))
    for k in range(4000):
        at_s = 3 * (k + 1) / RATE_HZ
        if not 20.0 <= at_s < 23.0:
            sensor.take(Payload(at_s, 1, payload(k)))
    sensor.finish(60.0)
    return sensor


def test_a_session_says_the_estimate_and_counts_nothing(tmp_path):
    still = bytes.fromhex("0305") + np.tile([0, 0, 2048], 3).astype("<i2").tobytes()
    sensor = worn(tmp_path, "metamotion", lambda _: still, loss_observable=False)
    (note,) = sensor.quality_notes()
    assert note.startswith("about 2.8 s of samples never came: an estimate from arrival times and no count")
    assert sensor.state.lost_s == 0.0
    assert "packets seem to be missing, by their arrival times: the dose may be a lower bound" in sensor.state.notes
    recording = ls.read(sensor.log_path)
    assert list(recording.clock_quality.notes) == [note]
    assert not recording.info.loss_observable
    assert sum(len(block) for block in recording.blocks()) == 57 * 200


def test_a_sensor_that_numbers_its_packets_gets_no_estimate_beside_the_count(tmp_path):
    counts = np.tile([0, 0, 2048], (3, 1))
    sensor = worn(tmp_path, "loadsense", lambda k: loadsense_packet.encode(k, k * 15_000, counts), loss_observable=True)
    (note,) = sensor.quality_notes()
    assert note.startswith("600 samples")
    assert sensor.state.lost_s == 3.0
