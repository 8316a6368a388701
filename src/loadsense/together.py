"""Several sensors, one person, one session: who stands where in time, and whether that can be true.

Recordings are aligned by their clocks, or by offsets that a person gives. Then the movement itself is asked: one body
moves all its sensors at the same moments, so the busy seconds of two recordings must coincide. Where they coincide far
better at another shift, a clock is wrong, and the session says so rather than pairing the wrong minutes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Final

import numpy as np

from loadsense.errors import OptionError
from loadsense.placement import CAPABILITIES
from loadsense.results import RecordingResult
from loadsense.samples import FloatArray, StreamInfo

#: A pseudonym between the separators of a file name.
_PSEUDONYM: Final = re.compile(r"(?:^|[_. -])(p\d{2,})(?=[_. -])", re.IGNORECASE)
#: Shift that the check of the clocks looks for, and the smallest one it speaks of.
_WIDEST_SHIFT_S: Final = 120
_SMALLEST_SHIFT_S: Final = 3
#: Correlation of the busy seconds at the better shift, and by how much it must be better.
_SURE_CORRELATION: Final = 0.6
_CLEARLY_BETTER: Final = 0.3
#: Share of the largest spread above which sums of squares keep the digits by which the best shifts are chosen.
_SURE_SPREAD: Final = 1e-4
_SURE_DIGITS: Final = 1e-6
#: Shared time below which the movement says nothing.
_SHORTEST_OVERLAP_S: Final = 60
#: Body masses of one person agree within this.
_SAME_MASS_KG: Final = 0.5


def offsets_s(infos: Mapping[str, StreamInfo], given: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the session's start to sample 0 of each recording.

    Parameters
    ----------
    infos : mapping of str to StreamInfo
        By sensor name.
    given : mapping of str to float
        Offsets that a person gave; they win over clocks.

    Raises
    ------
    OptionError
        A recording has neither a clock nor an offset, or only some clocks have a zone.
    """
    if len(infos) == 1:
        return dict.fromkeys(infos, 0.0)
    found = {name: given[name] if name in given else _clock_s(name, info, infos) for name, info in infos.items()}
    first = min(found.values())
    return {name: start - first for name, start in found.items()}


def _clock_s(name: str, info: StreamInfo, infos: Mapping[str, StreamInfo]) -> float:
    """Start of a recording on the clock that all recordings share."""
    if info.start is None:
        raise OptionError(f"{name}: the recording has no start time; give --offset {name}=SECONDS to place it")
    starts = [i.start for i in infos.values() if i.start is not None]
    if len({start.tzinfo is None for start in starts}) > 1:
        raise OptionError(
            "only some of the recordings have a time zone; pass --tz so that their clocks can be compared"
        )
    return (info.start - _epoch(info.start)).total_seconds()


def _epoch(like: datetime) -> datetime:
    """One instant for every zone: clocks in two zones, or across a change of the clocks, differ by what passed."""
    return datetime(2000, 1, 1, tzinfo=None if like.tzinfo is None else UTC)


def refuse_what_cannot_be(infos: Mapping[str, StreamInfo]) -> None:
    """Refuse recordings that cannot be one session of one person.

    Raises
    ------
    OptionError
        Two sensors at one placement, one file given twice, or recordings of different people.
    """
    for one, other in combinations(infos.items(), 2):
        _refuse_pair(one, other)


def _person(info: StreamInfo) -> str | None:
    """Who wore the sensor: as the device says, else the pseudonym in a file name such as 2026-11-20_p017_hip.csv."""
    if info.origin.participant:
        return info.origin.participant
    found = _PSEUDONYM.search(re.split(r"[/\\]", info.origin.file or "")[-1])
    return found.group(1).lower() if found else None


def refuse_apart(results: Sequence[RecordingResult]) -> None:
    """Refuse recordings whose clocks share no second.

    Raises
    ------
    OptionError
        Two recordings do not overlap.
    """
    for a, b in combinations(results, 2):
        if max(a.offset_s, b.offset_s) >= min(_end_s(a), _end_s(b)):
            raise OptionError(
                f"{a.sensor} and {b.sensor} do not overlap: their clocks are {_duration(abs(a.offset_s - b.offset_s))} "
                f"apart; set the clocks, or give --offset {a.sensor}=SECONDS {b.sensor}=SECONDS"
            )


def _end_s(result: RecordingResult) -> float:
    return result.offset_s + result.n_grid_samples / result.info.sampling_rate_hz


def _refuse_pair(one: tuple[str, StreamInfo], other: tuple[str, StreamInfo]) -> None:
    (a, info_a), (b, info_b) = one, other
    if info_a.placement is info_b.placement:
        raise OptionError(
            f"{a} and {b} are both from the {info_a.placement.value}; one session takes one sensor from each "
            "placement: analyze them one by one"
        )
    if info_a.origin.sha256 and info_a.origin.sha256 == info_b.origin.sha256:
        raise OptionError(
            f"{a} and {b} are the same recording ({info_a.origin.file}); one sensor is at one place: "
            f"give the file of the {b} sensor"
        )
    if CAPABILITIES[info_a.placement].grades_landings and CAPABILITIES[info_b.placement].grades_landings:
        raise OptionError(
            f"{a} and {b} both see landings, and one landing is counted once; give the one worn nearer the hip, "
            "and analyze the other by itself"
        )
    person_a, person_b = _person(info_a), _person(info_b)
    if person_a and person_b and person_a != person_b:
        raise OptionError(
            f"{a} is from {person_a} and {b} from {person_b}; a session is of one person: pair recordings of one person"
        )
    masses = (info_a.body_mass_kg, info_b.body_mass_kg)
    if None not in masses and abs(masses[0] - masses[1]) > _SAME_MASS_KG:  # type: ignore[operator]
        raise OptionError(
            f"{a} has a body mass of {masses[0]:g} kg and {b} of {masses[1]:g} kg; a session is of one person: "
            "pair recordings of one person"
        )


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02d} min" if hours else f"{rest // 60} min {rest % 60:02d} s"


def clock_notes(results: Sequence[RecordingResult]) -> tuple[str, ...]:
    """Sentences about clocks that the movement contradicts; empty when the busy seconds coincide or say nothing."""
    first = results[0]
    return tuple(note for other in results[1:] if (note := _clock_note(first, other)))


def _clock_note(a: RecordingResult, b: RecordingResult) -> str | None:
    shift_s = better_shift_s(_busy_seconds(a), _busy_seconds(b))
    if shift_s is None:
        return None
    return (
        f"{a.sensor} and {b.sensor} move at the same moments only if the clock of {b.sensor} is shifted by "
        f"{shift_s:+d} s: check the clocks, or give --offset {b.sensor}={b.offset_s + shift_s:g}"
    )


def better_shift_s(a: FloatArray, b: FloatArray) -> int | None:
    """Whole seconds by which b must be shifted so that its busy seconds fall on those of a.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        Movement in each second of the session, NaN where a sensor has none.

    Returns
    -------
    int or None
        None where they coincide already, or nothing can be said.
    """
    now = _correlation(a, b, 0)
    if now is None or 1.0 - now < _CLEARLY_BETTER:
        return None  # nothing can be so much better
    known = {shift: r for shift in _best_shifts(a, b) if (r := _correlation(a, b, shift)) is not None}
    if not known:
        return None
    best = max(known, key=lambda shift: known[shift])
    clear = known[best] >= _SURE_CORRELATION and known[best] - now >= _CLEARLY_BETTER
    return best if clear and abs(best) >= _SMALLEST_SHIFT_S else None


def _best_shifts(a: FloatArray, b: FloatArray) -> list[int]:
    """Shifts, ascending, among which the best one is: those whose correlation by sums is as high as any, within doubt.

    Sums over all shifts at once cost a hundredth of as many correlations and lose some digits, more of them where a
    trace hardly varies; so they only choose, and `_correlation` judges.
    """
    n, x, xx, y, yy, xy = _sums(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_x, spread_y = xx - x * x / n, yy - y * y / n
        r = (xy - x * y / n) / np.sqrt(spread_x * spread_y)
    is_enough = n >= _SHORTEST_OVERLAP_S
    is_sure = is_enough & (spread_x > _SURE_SPREAD * xx.max()) & (spread_y > _SURE_SPREAD * yy.max())
    highest = r[is_sure].max(initial=-1.0)
    chosen = is_enough & ~(is_sure & (r < highest - _SURE_DIGITS))
    return [int(at) - _WIDEST_SHIFT_S for at in np.flatnonzero(chosen)]


def _sums(a: FloatArray, b: FloatArray) -> tuple[FloatArray, ...]:
    """For every shift over the seconds that both know: how many, and the sums of a, a^2, b, b^2 and a b."""
    known_a, known_b = np.isfinite(a), np.isfinite(b)
    x = np.where(known_a, a - a[known_a].mean(), 0.0)
    y = np.where(known_b, b - b[known_b].mean(), 0.0)
    room = np.zeros((3, len(b) + 2 * _WIDEST_SHIFT_S))
    n = min(len(a), len(b) + _WIDEST_SHIFT_S)
    for row, values in zip(room, (known_a, x, x * x), strict=True):
        row[_WIDEST_SHIFT_S : _WIDEST_SHIFT_S + n] = values[:n]
    one = known_b.astype(np.float64)
    pairs = ((0, one), (1, one), (2, one), (0, y), (0, y * y), (1, y))
    return tuple(np.correlate(room[row], values, "valid") for row, values in pairs)


def _correlation(a: FloatArray, b: FloatArray, shift: int) -> float | None:
    """Rank-free correlation of two movement traces with b moved by whole seconds; None with too little in common."""
    n = min(len(a), len(b) + shift)
    first = max(0, shift)
    if n - first < _SHORTEST_OVERLAP_S:
        return None
    x, y = a[first:n], b[first - shift : n - shift]
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < _SHORTEST_OVERLAP_S or x[both].std() == 0 or y[both].std() == 0:
        return None
    return float(np.corrcoef(x[both], y[both])[0, 1])


def _busy_seconds(result: RecordingResult) -> FloatArray:
    """Logarithm of the movement in each second of the session, from the envelope; NaN where there is none."""
    envelope = result.envelope
    if envelope is None:
        return np.empty(0)
    low, high = (np.array(values, dtype=np.float64) for values in (envelope.low_g, envelope.high_g))  # None is NaN
    bucket_s = envelope.bucket_samples / result.info.sampling_rate_hz
    middle_s = result.offset_s + (np.arange(len(low)) + 0.5) * bucket_s
    second = np.floor(middle_s).astype(int)
    busy = np.full(int(second[-1]) + 1, np.nan)
    spread = np.log(np.maximum(high - low, 1e-3))
    np.fmax.at(busy, second, spread)
    return busy


def placed(results: Sequence[RecordingResult], starts_s: Mapping[str, float]) -> tuple[RecordingResult, ...]:
    """The results with their offsets."""
    return tuple(replace(result, offset_s=starts_s[result.sensor]) for result in results)
