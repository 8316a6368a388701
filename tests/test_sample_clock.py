"""The sampling clock from arrival times: drift found, jitter gone, in the face of stalls, loss and late packets."""

from __future__ import annotations

import numpy as np
import pytest

from loadsense.sources.clock import SampleClock

RATE_HZ, N, INTERVAL_S = 200.0, 5, 0.03


def arrivals(seconds: float, ppm: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Ends of packets in samples, and when they arrive: connection events, stalls, 1 % loss."""
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
    kept = rng.random(ends.size) > 0.01
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


def test_memory_is_bounded():
    clock = SampleClock(RATE_HZ)
    for k in range(1, 20000):
        clock.push(100 * k, 0.5 * k)
    assert len(clock._minima) == 600
