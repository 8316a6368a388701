"""Numbers as words: one place where digits are rounded, units are set and the unknown becomes a dash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Stands for what is not known; the reason stands beside it.
DASH: Final = "–"

FOOTER: Final = "Not a medical device. Low bone mass or a past fracture: train only under qualified supervision."

_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A rounded number with its unit, or a dash.

    Examples
    --------
    >>> number(2.649, 1, "g net"), number(None, 1, "g")
    ('2.6 g net', '–')
    """
    if value is None or value != value:
        return DASH
    text = f"{value:.{digits}f}"
    return f"{text} {unit}" if unit else text


def plain(value: float) -> str:
    """A number without needless zeros.

    Examples
    --------
    >>> plain(200.0), plain(12.5), plain(3.9)
    ('200', '12.5', '3.9')
    """
    return f"{value:g}"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> counted(1, "gap"), counted(3, "repetition"), counted(0, "gap")
    ('1 gap', '3 repetitions', 'no gaps')
    """
    return f"{count or 'no'} {noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A length of time in the two units that matter.

    Examples
    --------
    >>> duration(0.8), duration(41), duration(1864), duration(7260), duration(604800)
    ('0.8 s', '41 s', '31 min 04 s', '2 h 01 min', '7 d 00 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def clock(seconds: float) -> str:
    """A position in the session as minutes and seconds, with hours when there are any.

    Examples
    --------
    >>> clock(99.95), clock(3725), clock(0)
    ('1:39.9', '1:02:05.0', '0:00.0')
    """
    tenths = int(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    text = f"{minutes % 60:02d}:{rest // 10:02d}.{rest % 10}"
    return f"{minutes // 60}:{text}" if minutes >= 60 else text.removeprefix("0")


def axis_time(seconds: float) -> str:
    """A label on the time axis.

    Examples
    --------
    >>> axis_time(90), axis_time(5400), axis_time(172800)
    ('1:30', '1:30:00', '2 d')
    """
    whole = round(seconds)
    if whole and whole % 86400 == 0:
        return f"{whole // 86400} d"
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def axis_steps(span_s: float, most: int = 6) -> tuple[float, ...]:
    """Round positions on a time axis, from 0, at most `most` intervals.

    Examples
    --------
    >>> axis_steps(600)
    (0, 120, 240, 360, 480, 600)
    """
    days = max(1, round(span_s / 86400 / most + 0.499))
    step = next((s for s in _STEPS_S if span_s / s <= most), days * 86400)
    return tuple(step * k for k in range(int(span_s // step) + 1))


def listed(words: Iterable[str]) -> str:
    """Words in a row: commas, and "and" before the last.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', '')
    """
    *rest, last = [*words] or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def name(key: str) -> str:
    """A key as words.

    Examples
    --------
    >>> name("back_squat")
    'back squat'
    """
    return key.replace("_", " ")
