"""A script of things a person does, performed and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loadsense.errors import OptionError
from loadsense.samples import FloatArray, checked_rate_hz
from loadsense.simulate.motion import FINE_RATE_HZ, SITES, Doing, Motion, Scene, Site, fine, join
from loadsense.simulate.sensor import Sensor, Simulated, checked_sensor, kept_samples, recorded, seen_g, stamps
from loadsense.simulate.truth import TrueLanding, TrueMoment, TrueSet, TrueStretch, Truth

#: Seconds after contact in which the peak of a landing is looked for.
PEAK_WITHIN_S = 0.26


def simulate_session(script: Sequence[Doing], *, sensor: Sensor | None = None, seed: int = 0) -> Simulated:
    """Perform a script and record it.

    Parameters
    ----------
    script : sequence of Doing
        `Stand`, `Walk`, `Run`, `Jump`, `Hops`, `DropLanding`, `BarbellSet`, ... in order.
    sensor : Sensor, optional
        Placement, rate, range and faults; a hip sensor of 100 Hz and 16 g when left out.
    seed : int
        The same script, sensor and seed give the same bits; the same script and seed give the same body to every
        placement, so that sensors of one session agree to the millisecond.

    Raises
    ------
    OptionError
        An empty script, a placement that cannot be simulated, a rate outside 12 to 500 Hz.

    Examples
    --------
    >>> from loadsense.simulate import Jump, Stand
    >>> made = simulate_session([Stand(duration_s=1.0), Jump(height_m=0.1)], seed=1)
    >>> made.accel_g.shape[1], len(made.truth.landings)
    (3, 1)
    """
    worn = checked_sensor(sensor or Sensor())
    _check(script, worn)
    motion = _performed(script, SITES[worn.placement], seed)
    seen = seen_g(motion.felt_g(), worn)
    rng = np.random.default_rng([seed, 0, list(SITES).index(worn.placement)])
    accel_g = recorded(seen, worn, rng)
    numbers = kept_samples(len(accel_g), worn)
    if not len(numbers):
        raise OptionError("the gaps leave no sample of the recording: shorten them")
    return Simulated(
        sensor=worn,
        seed=seed,
        sample_numbers=numbers,
        stamps_s=stamps(numbers, worn, rng),
        accel_g=accel_g[numbers],
        truth=_truth(motion, seen, worn),
    )


def _check(script: Sequence[Doing], sensor: Sensor) -> None:
    if not script:
        raise OptionError("the script is empty: give at least one thing to do, for example Stand(duration_s=5)")
    if sensor.placement not in SITES:
        known = ", ".join(SITES)
        raise OptionError(f"placement '{sensor.placement}' cannot be simulated: choose one of {known}")
    if checked_rate_hz(sensor.sampling_rate_hz) > FINE_RATE_HZ / 2.0:
        raise OptionError(
            f"sampling rate {sensor.sampling_rate_hz:g} Hz; motions are made at {FINE_RATE_HZ:g} Hz: "
            f"ask for at most {FINE_RATE_HZ / 2.0:g} Hz"
        )


def _performed(script: Sequence[Doing], site: Site, seed: int) -> Motion:
    motions: list[Motion] = []
    start_s = 0.0
    for number, doing in enumerate(script, start=1):
        timing = np.random.default_rng([seed, number, 0])
        local = np.random.default_rng([seed, number, 1 + list(Site).index(site)])
        motions.append(doing.perform(Scene(site, start_s, timing, local)))
        start_s = round(start_s + len(motions[-1]) / FINE_RATE_HZ, 3)
    return join(motions)


def _truth(motion: Motion, seen: FloatArray, sensor: Sensor) -> Truth:
    return Truth(
        duration_s=len(motion) / FINE_RATE_HZ,
        landings=tuple(_peaked(e, seen, sensor) for e in motion.events if isinstance(e, TrueLanding)),
        sets=tuple(
            replace(e, in_gap=_lost(e.start_s, e.end_s, sensor)) for e in motion.events if isinstance(e, TrueSet)
        ),
        stretches=tuple(e for e in motion.events if isinstance(e, TrueStretch)),
        moments=tuple(e for e in motion.events if isinstance(e, TrueMoment)),
    )


def _peaked(landing: TrueLanding, seen: FloatArray, sensor: Sensor) -> TrueLanding:
    first = fine(landing.landing_s)
    resultant = np.linalg.norm(seen[first : first + fine(PEAK_WITHIN_S)], axis=1)
    peak = int(resultant.argmax())
    return replace(
        landing,
        peak_s=round((first + peak) / FINE_RATE_HZ, 3),
        peak_g=round(float(resultant[peak]), 4),
        in_gap=_lost(landing.flight_start_s, landing.landing_s + PEAK_WITHIN_S, sensor),
    )


def _lost(start_s: float, end_s: float, sensor: Sensor) -> bool:
    return any(start_s < gap_s + length_s and gap_s < end_s for gap_s, length_s in sensor.gaps_s)
