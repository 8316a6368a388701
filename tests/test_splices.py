"""Lost packets that the clock does not show."""

import numpy as np
import pytest

from loadsense.detection.splices import RawTail, find_splices
from loadsense.samples import SampleBlock


def swing(n, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 50
    return np.column_stack([np.sin(2 * np.pi * 0.4 * t), np.cos(2 * np.pi * 0.4 * t), 0 * t]) + rng.normal(
        0, 0.01, (n, 3)
    )


def spliced(packet, lost, n, start=0):
    whole = swing(n * (packet + lost))
    parts = [whole[k : k + packet] for k in range(0, len(whole), packet + lost)]
    return np.concatenate(parts)[start:]


@pytest.mark.parametrize("packet", [80, 112, 150])
def test_packets_lost_between_are_found_with_their_length(packet):
    found = find_splices(spliced(packet, 40, 12), 50.0, from_start=True, to_end=True)
    assert found.spacing_samples == packet
    assert found.first_sample == packet
    assert found.step_ratio > 2


def test_the_first_border_is_found_when_the_recording_began_earlier():
    found = find_splices(spliced(112, 40, 14, start=30), 50.0)
    assert (found.spacing_samples, found.first_sample) == (112, 82)


@pytest.mark.parametrize("seed", range(5))
def test_whole_signals_are_not_accused(seed):
    assert find_splices(swing(1344, seed), 50.0, from_start=True, to_end=True) is None
    assert find_splices(swing(1344, seed), 50.0) is None


def test_too_little_says_nothing():
    assert find_splices(swing(10), 50.0, from_start=True) is None


def test_the_tail_joins_blocks_forgets_old_ones_and_stays_silent_over_holes():
    accel_g = spliced(112, 40, 12)
    tail = RawTail(50.0)
    for start in range(0, len(accel_g), 100):
        tail.push(SampleBlock(start, accel_g[start : start + 100]))
    assert tail.end == len(accel_g)
    assert tail.splices(0, tail.end, to_end=True).spacing_samples == 112
    later = tail.splices(112, tail.end, to_end=False)
    assert later is None or (later.first_sample - 112) % 112 == 0
    tail.drop_before(250)
    assert tail.splices(0, tail.end, to_end=True) is None  # its beginning is gone
    tail.push(SampleBlock(tail.end + 5, accel_g[:100]))
    assert tail.splices(300, tail.end, to_end=False) is None  # a hole lies inside
    tail.clear()
    assert tail.end == 0
    assert tail.splices(0, 10, to_end=True) is None
