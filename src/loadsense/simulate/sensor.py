"""What a sensor makes of a motion: bandwidth, mounting, noise, counts, full scale, losses and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from loadsense.placement import Placement, parse_placement
from loadsense.samples import FloatArray, Gap, IntArray, Item, Origin, Recording, SampleBlock, StreamInfo
from loadsense.simulate.motion import FINE_RATE_HZ, rotate
from loadsense.simulate.truth import Truth

#: Cut-off (-3 dB) of the sensor's own low-pass, as a share of its sampling rate.
BANDWIDTH_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A triaxial accelerometer and its faults.

    Attributes
    ----------
    placement : Placement
        Where it is worn.
    sampling_rate_hz, range_g, counts_per_g : float
        Rate, full scale of each axis and resolution (256 counts per g is a 12-bit sensor at +-8 g).
    noise_g : float
        Standard deviation of its white noise on each axis.
    mounting_deg : tuple of float
        Rotations about x, y and z, in this order, between the wearer's axes and the sensor's.
    offset_g, gain : tuple of float
        Faults of calibration on each axis.
    gaps_s : tuple of (float, float)
        Start and length of stretches whose samples are lost.
    jitter_s : float
        Standard deviation of its time stamps.
    packet_samples : int
        Samples that share one time stamp, that of the packet's last.
    """

    placement: Placement = Placement.HIP
    sampling_rate_hz: float = 100.0
    range_g: float = 16.0
    counts_per_g: float = 256.0
    noise_g: float = 0.004
    mounting_deg: tuple[float, float, float] = (4.0, -6.0, 10.0)
    offset_g: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gaps_s: tuple[tuple[float, float], ...] = ()
    jitter_s: float = 0.0
    packet_samples: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A simulated recording with what truly happened.

    Attributes
    ----------
    sensor : Sensor
        What recorded it.
    seed : int
        Makes it again, bit for bit.
    sample_numbers : ndarray of int64, shape (n,)
        Which samples of the grid were kept; holes are the gaps.
    stamps_s : ndarray, shape (n,)
        Time stamp of each kept sample, seconds from sample 0, with jitter and packets.
    accel_g : ndarray, shape (n, 3)
        RAW g in the sensor's axes.
    truth : Truth
        Landings, sets, stretches and moments.
    """

    sensor: Sensor
    seed: int
    sample_numbers: IntArray = field(repr=False)
    stamps_s: FloatArray = field(repr=False)
    accel_g: FloatArray = field(repr=False)
    truth: Truth = field(repr=False)

    def recording(self, *, start: datetime | None = None, body_mass_kg: float | None = None) -> Recording:
        """As a `Recording` in memory: blocks between gaps, on the true grid."""
        info = StreamInfo(
            sampling_rate_hz=self.sensor.sampling_rate_hz,
            nominal_rate_hz=self.sensor.sampling_rate_hz,
            placement=self.sensor.placement,
            range_g=self.sensor.range_g,
            start=start,
            body_mass_kg=body_mass_kg,
            origin=Origin(format="simulated", unit_in="g", device="simulated sensor"),
        )
        return Recording(info, self._items)

    def _items(self) -> Iterator[Item]:
        """Blocks of consecutive samples with the gaps between them."""
        cuts = np.flatnonzero(np.diff(self.sample_numbers) > 1) + 1
        for part in np.split(np.arange(len(self.sample_numbers)), cuts):
            first = int(self.sample_numbers[part[0]])
            before = int(self.sample_numbers[part[0] - 1]) + 1 if part[0] else 0
            if first > before:
                yield Gap(before, first - before)
            yield SampleBlock(first, self.accel_g[part])


def checked_sensor(sensor: Sensor) -> Sensor:
    """The sensor with its placement as a `Placement`; a name is accepted and checked."""
    from dataclasses import replace

    return replace(sensor, placement=parse_placement(str(sensor.placement)))


def seen_g(felt_g: FloatArray, sensor: Sensor) -> FloatArray:
    """What is left of the motion within the sensor's bandwidth, still at 1000 Hz and without faults."""
    cutoff_hz = BANDWIDTH_SHARE * sensor.sampling_rate_hz
    sigma = np.sqrt(np.log(2.0)) / (2.0 * np.pi * cutoff_hz) * FINE_RATE_HZ
    half = int(np.ceil(4.0 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(felt_g[:1], half, axis=0), felt_g, np.repeat(felt_g[-1:], half, axis=0)])
    axes = [np.convolve(padded[:, axis], kernel, mode="valid") for axis in range(3)]
    return np.stack(axes, axis=1)


def recorded(seen: FloatArray, sensor: Sensor, rng: np.random.Generator) -> FloatArray:
    """Samples on the sensor's grid: turned, faulty, noisy, in whole counts and cut at full scale."""
    times_s = np.arange(int(len(seen) * sensor.sampling_rate_hz / FINE_RATE_HZ)) / sensor.sampling_rate_hz
    fine_s = np.arange(len(seen)) / FINE_RATE_HZ
    accel_g = np.stack([np.interp(times_s, fine_s, seen[:, axis]) for axis in range(3)], axis=1)
    for axis, angle_deg in enumerate(sensor.mounting_deg):
        accel_g = rotate(accel_g, float(np.radians(angle_deg)), np.eye(3)[axis])
    accel_g = accel_g * np.asarray(sensor.gain) + np.asarray(sensor.offset_g)
    accel_g += rng.normal(0.0, 1.0, accel_g.shape) * sensor.noise_g
    full_scale = round(sensor.range_g * sensor.counts_per_g)
    counts = np.clip(np.round(accel_g * sensor.counts_per_g), -full_scale, full_scale - 1)
    return np.asarray(counts / sensor.counts_per_g)


def kept_samples(n: int, sensor: Sensor) -> IntArray:
    """Numbers of the samples outside the gaps."""
    times_s = np.arange(n) / sensor.sampling_rate_hz
    lost = np.zeros(n, dtype=np.bool_)
    for start_s, length_s in sensor.gaps_s:
        lost |= (times_s >= start_s) & (times_s < start_s + length_s)
    return np.flatnonzero(~lost)


def stamps(numbers: IntArray, sensor: Sensor, rng: np.random.Generator) -> FloatArray:
    """Time stamps of the kept samples: jitter never turns the clock back, a packet has one stamp."""
    times_s: FloatArray = numbers / sensor.sampling_rate_hz
    if sensor.packet_samples > 1:
        last = np.minimum((np.arange(len(numbers)) // sensor.packet_samples + 1) * sensor.packet_samples, len(numbers))
        times_s = times_s[last - 1]
    if sensor.jitter_s:
        jitter = rng.normal(0.0, 1.0, len(numbers)) * sensor.jitter_s
        jitter = jitter[np.arange(len(numbers)) // sensor.packet_samples * sensor.packet_samples]
        times_s = np.maximum.accumulate(times_s + np.clip(jitter, -3.0 * sensor.jitter_s, 3.0 * sensor.jitter_s))
    return np.asarray(np.round(np.maximum(times_s, 0.0), 4), dtype=np.float64)
