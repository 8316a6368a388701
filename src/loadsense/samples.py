"""What flows into the engine: the facts about a stream, its samples and its gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from loadsense.placement import Placement

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Per-axis gain and offset: calibrated = (recorded + offset_g) * gain; already applied to the samples of a block.

    Attributes
    ----------
    method : {"none", "still seconds", "van Hees 2014"}
        How gain and offset were found; "none" leaves the samples as recorded.
    error_before_g, error_after_g : float or None
        Mean absolute distance of |a| from 1 g while still; None where no still second was seen.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset_g: tuple[float, float, float] = (0.0, 0.0, 0.0)
    method: Literal["none", "still seconds", "van Hees 2014"] = "none"
    error_before_g: float | None = None
    error_after_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a recording came from, for the record: shown in outputs, never used in a computation."""

    file: str | None = None
    sha256: str | None = None
    format: str | None = None
    columns: tuple[str, ...] = ()
    unit_in: str | None = None
    device: str | None = None
    serial: str | None = None
    firmware: str | None = None
    participant: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the coach said of the samples from one on: it holds until the next word.

    Attributes
    ----------
    first_sample : int
        On the grid of the stream.
    exercise : str or None
        The lift that is due: a prior for the name of a set, never for its count.
    landing_block : bool
        Landings are due: drops of 5 to 8 cm are looked for too.
    """

    first_sample: int
    exercise: str | None = None
    landing_block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDone:
    """The coach called a set done while it was recorded, whether a sensor saw it or not.

    Attributes
    ----------
    at_sample : int
        On the grid of the stream: where it was said, after the set.
    exercise : str
        The lift, by the name that the plan gives it.
    """

    at_sample: int
    exercise: str


def declared_from(declared: Sequence[Declaration], first_sample: int) -> tuple[Declaration, ...]:
    """Declarations of a part that begins at a sample, counted from there; the one that holds there begins it."""
    begun = [one for one in declared if one.first_sample <= first_sample][-1:]
    later = [one for one in declared if one.first_sample > first_sample]
    return tuple(replace(one, first_sample=max(0, one.first_sample - first_sample)) for one in (*begun, *later))


def sets_done_within(sets_done: Sequence[SetDone], first_sample: int, end_sample: int | None) -> tuple[SetDone, ...]:
    """Sets that were called done in a part of a recording, up to and with its end, counted from its first sample."""
    end = max((one.at_sample for one in sets_done), default=0) if end_sample is None else end_sample
    kept = [one for one in sets_done if first_sample <= one.at_sample <= end]
    return tuple(replace(one, at_sample=one.at_sample - first_sample) for one in kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """The facts about a stream, complete before its first sample.

    Attributes
    ----------
    sampling_rate_hz : float
        Rate of the sample grid: the nominal rate where the file states it, else the measured one.
    nominal_rate_hz, measured_rate_hz : float or None
        What was stated, and what the first time stamps say.
    placement : Placement
        Where the sensor is worn.
    range_g : float or None
        Full scale of each axis in RAW g; None where nobody stated it.
    start : datetime or None
        Time of sample 0. Aware where the zone is known; naive where only the device's own clock is.
    tz : str or None
        IANA zone in which days and weeks are counted.
    body_mass_kg : float or None
        Needed for forces; None leaves them unknown.
    activity : str or None
        What the wearer declared for the whole recording ("jumping", "walking", "running"), else classified.
    declared : tuple of Declaration
        What the coach said was due while it was recorded, in order.
    sets_done : tuple of SetDone
        What the coach called done, in order: for the record, no detector hears of it.
    calibration : Calibration
        Applied to every sample before it reaches the engine.
    loss_observable : bool
        Whether a lost sample would have been noticed (time stamps or sequence numbers exist).
    origin : Origin
        File, device and format, for the record.
    """

    sampling_rate_hz: float
    nominal_rate_hz: float | None = None
    measured_rate_hz: float | None = None
    placement: Placement = Placement.UNKNOWN
    range_g: float | None = None
    start: datetime | None = None
    tz: str | None = None
    body_mass_kg: float | None = None
    activity: str | None = None
    declared: tuple[Declaration, ...] = ()
    sets_done: tuple[SetDone, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)
    loss_observable: bool = True
    origin: Origin = field(default_factory=Origin)

    def without_last_done(self, exercise: str) -> StreamInfo:
        """The same facts, the last set of this exercise that was called done taken back."""
        last = max((i for i, one in enumerate(self.sets_done) if one.exercise == exercise), default=None)
        return replace(self, sets_done=tuple(one for i, one in enumerate(self.sets_done) if i != last))


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Consecutive samples on the grid of the stream.

    Attributes
    ----------
    first_sample : int
        Index of the first row, counted from the start of the recording.
    accel_g : ndarray, shape (n, 3)
        Axes x, y, z in RAW g, float64, C order, calibrated.
    """

    first_sample: int
    accel_g: FloatArray

    def __len__(self) -> int:
        return len(self.accel_g)


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that are missing, longer than may be interpolated.

    Attributes
    ----------
    first_sample : int
        Index at which samples stop.
    n_missing : int
        Samples missing on the grid; 0 for a cut with no known length (a clock that stepped back).
    reason : str
        In the reader's words: "no samples", "clock stepped back 1.2 s", "packet lost".
    """

    first_sample: int
    n_missing: int
    reason: str = "no samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockQuality:
    """What reading the whole recording said about its clock and its rows; known only at the end.

    Attributes
    ----------
    measured_rate_hz : float or None
        Samples over the time they span, gaps left out; None without time stamps.
    jitter_p99_ms : float or None
        99th percentile of |interval - 1 / rate|, after packet repair; None without time stamps.
    n_interpolated : int
        Samples filled over holes too short to be a Gap.
    notes : tuple of str
        Sentences about what was repaired: packets, equal stamps, steps back, repeated headers.
    """

    measured_rate_hz: float | None = None
    jitter_p99_ms: float | None = None
    n_interpolated: int = 0
    notes: tuple[str, ...] = ()


Item = SampleBlock | Gap


class Recording:
    """A recording that can be read again and again: facts, and blocks on demand.

    Parameters
    ----------
    info : StreamInfo
        Complete before the first block.
    open_items : callable
        Opens the recording from its start and yields SampleBlock and Gap in order, of the reader's own sizes.
    clock_quality : callable, optional
        What the last complete pass of `open_items` learned about the clock.
    """

    def __init__(
        self,
        info: StreamInfo,
        open_items: Callable[[], Iterator[Item]],
        clock_quality: Callable[[], ClockQuality] = ClockQuality,
    ) -> None:
        self.info = info
        self._open_items = open_items
        self._clock_quality = clock_quality

    def __repr__(self) -> str:
        return (
            f"Recording({self.info.origin.file or 'memory'}, {self.info.sampling_rate_hz:g} Hz, {self.info.placement})"
        )

    @property
    def n_bytes(self) -> int:
        """Bytes of the file it lies in; 0 where it lies in none."""
        return 0

    @property
    def clock_quality(self) -> ClockQuality:
        """What the last complete pass over the blocks learned about the clock."""
        return self._clock_quality()

    def blocks(self, n: int | None = None) -> Iterator[Item]:
        """Samples and gaps from the start.

        Parameters
        ----------
        n : int, optional
            Samples in each block, the last before a gap or the end excepted; the reader's own size when None.
        """
        if n is None:
            return self._open_items()
        return _cut(self._open_items(), n)

    @classmethod
    def from_arrays(
        cls,
        accel_g: npt.ArrayLike,
        *,
        sampling_rate_hz: float,
        placement: str = "unknown",
        range_g: float | None = None,
        body_mass_kg: float | None = None,
        start: datetime | None = None,
        tz: str | None = None,
        activity: str | None = None,
    ) -> Recording:
        """Make a recording from memory.

        Parameters
        ----------
        accel_g : array_like, shape (n, 3)
            RAW g, axes x, y, z, regularly sampled.
        sampling_rate_hz : float
            Samples per second.
        placement, range_g, body_mass_kg, start, tz, activity
            As in `StreamInfo`.

        Raises
        ------
        ContentError
            The array is not (n, 3), is empty, or holds NaN or infinity.
        OptionError
            A rate, range, mass or placement that cannot be.
        """
        from loadsense.placement import parse_placement

        samples = checked_samples(accel_g)
        info = StreamInfo(
            sampling_rate_hz=checked_rate_hz(sampling_rate_hz),
            nominal_rate_hz=float(sampling_rate_hz),
            placement=parse_placement(placement),
            range_g=range_g,
            body_mass_kg=checked_body_mass_kg(body_mass_kg),
            start=start,
            tz=tz,
            activity=activity,
            loss_observable=False,
            origin=Origin(format="memory", unit_in="g"),
        )
        return cls(info, lambda: iter((SampleBlock(0, samples),)))


#: Slowest rate at which anything is said at all (SCIENCE.md 8.1 asks for 200 Hz; 12.5 Hz carries the lifts).
SLOWEST_RATE_HZ = 12.0


def checked_samples(accel_g: npt.ArrayLike) -> FloatArray:
    """Contiguous float64 (n, 3) samples, or a `ContentError` that says what is wrong."""
    from loadsense.errors import ContentError

    samples = np.ascontiguousarray(accel_g, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != 3 or not len(samples):
        raise ContentError(
            f"samples have shape {samples.shape}; expected (n, 3) with n > 0: one row per instant, axes x, y, z"
        )
    bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
    if len(bad):
        raise ContentError(f"row {bad[0] + 1}: a value is NaN or infinite; leave such rows out, they become a gap")
    return samples


def checked_rate_hz(sampling_rate_hz: float) -> float:
    """Return the rate, or raise an `OptionError` below the slowest one that carries anything."""
    from loadsense.errors import OptionError

    if not np.isfinite(sampling_rate_hz) or sampling_rate_hz < SLOWEST_RATE_HZ:
        raise OptionError(
            f"sampling rate {sampling_rate_hz:g} Hz; expected at least {SLOWEST_RATE_HZ:g} Hz: "
            "lifts need 12.5 Hz and landings 50 Hz, record faster"
        )
    return float(sampling_rate_hz)


def checked_body_mass_kg(body_mass_kg: float | None) -> float | None:
    """Return the body mass, or raise an `OptionError` outside 20 to 300 kg."""
    from loadsense.errors import OptionError

    if body_mass_kg is not None and not 20.0 <= body_mass_kg <= 300.0:
        raise OptionError(
            f"body mass {body_mass_kg:g} kg; expected 20 to 300 kg: give it in kilograms, or leave it out"
        )
    return body_mass_kg


def _cut(items: Iterator[Item], n: int) -> Iterator[Item]:
    """Blocks of exactly n samples, the last before a gap or the end excepted."""
    held: list[FloatArray] = []
    n_held = first = 0
    for item in items:
        if isinstance(item, Gap):
            if n_held:
                yield SampleBlock(first, np.concatenate(held))
                held, n_held = [], 0
            yield item
            continue
        if not n_held:
            first = item.first_sample
        held.append(item.accel_g)
        n_held += len(item)
        if n_held < n:
            continue
        whole = np.concatenate(held)
        n_full = n_held // n * n
        for start in range(0, n_full, n):
            yield SampleBlock(first + start, whole[start : start + n])
        first, n_held, held = first + n_full, n_held - n_full, [whole[n_full:]]
    if n_held:
        yield SampleBlock(first, np.concatenate(held))
