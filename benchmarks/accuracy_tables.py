"""Intervals for small counts, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import chi2

#: Two-sided 95 %.
NORMAL_QUANTILE = 1.959964
TAIL = 0.025
BOOTSTRAPS = 2000


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson's score interval).

    Examples
    --------
    >>> [round(x, 4) for x in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        return 0.0, 1.0
    z2, share = NORMAL_QUANTILE**2, hits / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_QUANTILE * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def poisson(events: int) -> tuple[float, float]:
    """95 % interval of the number of events to be expected (exact, Garwood).

    Examples
    --------
    >>> [round(x, 2) for x in poisson(0)]
    [0.0, 3.69]
    """
    low = float(chi2.ppf(TAIL, 2 * events)) / 2 if events else 0.0
    return low, float(chi2.ppf(1 - TAIL, 2 * events + 2)) / 2


def bootstrap_mean(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean, by drawing again with a fixed seed."""
    rng, x = np.random.default_rng(4), np.asarray(values, dtype=float)
    means = rng.choice(x, (BOOTSTRAPS, len(x))).mean(axis=1)
    return float(np.quantile(means, TAIL)), float(np.quantile(means, 1 - TAIL))


def share(hits: int, n: int) -> str:
    """A share with its counts and interval: `0.988 (168 of 170; 0.958 to 0.997)`."""
    if n == 0:
        return "-"
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} ({hits} of {n}; {low:.3f} to {high:.3f})"


def percent(hits: int, n: int) -> str:
    """A share in percent with its counts and interval."""
    if n == 0:
        return "-"
    low, high = wilson(hits, n)
    return f"{100 * hits / n:.0f} % ({hits} of {n}; {100 * low:.0f} to {100 * high:.0f})"


def rate(events: int, hours: float) -> str:
    """Events per hour with their interval: `4.2 (0.51 to 15)`."""
    if hours <= 0:
        return "-"
    low, high = poisson(events)
    return f"{_short(events / hours)} ({_short(low / hours)} to {_short(high / hours)})"


def _short(value: float) -> str:
    """Two figures that count, no exponent."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def mean(values: Sequence[float], *, scale: float = 1.0, digits: int = 2) -> str:
    """A mean with its interval."""
    if not len(values):
        return "-"
    low, high = bootstrap_mean(values)
    return f"{scale * float(np.mean(values)):.{digits}f} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join("-" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
