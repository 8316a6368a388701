"""The inner loops that numpy is slow at, written as plain loops and compiled by numba where that is installed.

Every loop here has a definition elsewhere in numpy or scipy, and gives the same bits as it: sums are added up in the
order in which numpy adds them (eight lanes, then halves), filters run section by section as scipy's do, and nothing is
contracted or reordered. So it does not matter which of the two runs, or when one takes over from the other:
`tests/test_kernels.py` holds them together, and `LOADSENSE_COMPILE=0` switches the compiler off.

Loading compiled code costs half a second, and compiling it for the first time some ten: it is loaded at once where it
was compiled before (`scipy.signal`, which it makes superfluous, costs more), else only for a long stream, which wins
the time back. `LOADSENSE_COMPILE=1` loads it in any case.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from loadsense.samples import FloatArray, IntArray

#: Streams longer than this are worth the compiler's time (the compiled code is kept on disk for the next run).
WORTH_COMPILING_SAMPLES: Final = 2_000_000
#: Sums of more values than this are left to numpy.
LONGEST_SUM: Final = 1700

#: Keeps a correlation of two still signals finite, g^2.
TINY: Final = 1e-9

Kernel = Callable[..., Any]
ByteArray = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


# -- sums in numpy's order


def _sum_128(a: FloatArray, first: int, n: int) -> float:
    """Up to 128 values: eight lanes side by side, what is left over behind them."""
    if n < 8:
        few = 0.0
        for i in range(first, first + n):
            few += a[i]
        return few
    r0, r1, r2, r3 = a[first], a[first + 1], a[first + 2], a[first + 3]
    r4, r5, r6, r7 = a[first + 4], a[first + 5], a[first + 6], a[first + 7]
    whole = first + n - n % 8
    for i in range(first + 8, whole, 8):
        r0 += a[i]
        r1 += a[i + 1]
        r2 += a[i + 2]
        r3 += a[i + 3]
        r4 += a[i + 4]
        r5 += a[i + 5]
        r6 += a[i + 6]
        r7 += a[i + 7]
    total: float = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, first + n):
        total += a[i]
    return total


def _sum_256(a: FloatArray, first: int, n: int) -> float:
    if n <= 128:
        return _sum_128(a, first, n)
    half = n // 2 - n // 2 % 8
    return _sum_128(a, first, half) + _sum_128(a, first + half, n - half)


def _sum_512(a: FloatArray, first: int, n: int) -> float:
    if n <= 128:
        return _sum_128(a, first, n)
    half = n // 2 - n // 2 % 8
    return _sum_256(a, first, half) + _sum_256(a, first + half, n - half)


def _sum_1024(a: FloatArray, first: int, n: int) -> float:
    if n <= 128:
        return _sum_128(a, first, n)
    half = n // 2 - n // 2 % 8
    return _sum_512(a, first, half) + _sum_512(a, first + half, n - half)


def sum_in_order(a: FloatArray, n: int) -> float:
    """Sum of the first n values of a contiguous array, n at most `LONGEST_SUM`, as `numpy.sum` has it."""
    if n <= 128:
        return 0.0 + _sum_128(a, 0, n)
    half = n // 2 - n // 2 % 8
    return 0.0 + (_sum_1024(a, 0, half) + _sum_1024(a, half, n - half))


# -- likeness of a signal to itself


def autocorrelations(signal: FloatArray, lags: IntArray) -> FloatArray:
    """`detection.rhythm.autocorrelations` of at most `LONGEST_SUM` values."""
    n = len(signal)
    mean = sum_in_order(signal, n) / n
    x, total, square = np.empty(n), np.empty(n + 1), np.empty(n + 1)
    total[0] = square[0] = 0.0
    for i in range(n):
        x[i] = signal[i] - mean
        total[i + 1] = total[i] + x[i]
        square[i + 1] = square[i] + x[i] * x[i]
    products, out = np.zeros(n), np.empty(len(lags))
    for j in range(len(lags)):
        lag = lags[j]
        for i in range(n - lag):
            products[i] = x[i + lag] * x[i]
        for i in range(n - lag, n):
            products[i] = 0.0
        early, late = total[n - lag], total[n] - total[lag]
        cross = sum_in_order(products, n) - early * late / (n - lag)
        first = square[n - lag] - early * early / (n - lag)
        second = square[n] - square[lag] - late * late / (n - lag)
        out[j] = cross / math.sqrt(max(first, 0.0) * max(second, 0.0) + TINY)
    return out


def likeness(rows: FloatArray, lag: int) -> float:
    """`detection.rhythm.likeness` of at most `LONGEST_SUM` / 3 rows."""
    n = len(rows) - lag
    early, late, product = np.empty(3 * n), np.empty(3 * n), np.empty(3 * n)
    for axis in range(3):
        sum_early = sum_late = 0.0
        for i in range(n):
            sum_early += rows[i, axis]
            sum_late += rows[i + lag, axis]
        for i in range(n):
            early[3 * i + axis] = rows[i, axis] - sum_early / n
            late[3 * i + axis] = rows[i + lag, axis] - sum_late / n
    for i in range(3 * n):
        product[i] = early[i] * early[i]
    power = sum_in_order(product, 3 * n)
    for i in range(3 * n):
        product[i] = late[i] * late[i]
    power *= sum_in_order(product, 3 * n)
    for i in range(3 * n):
        product[i] = early[i] * late[i]
    return sum_in_order(product, 3 * n) / math.sqrt(power + TINY)


# -- four seconds of movement


def _deviation(values: FloatArray) -> float:
    """Standard deviation as `numpy.std` has it."""
    n = len(values)
    mean = sum_in_order(values, n) / n
    squares = np.empty(n)
    for i in range(n):
        away = values[i] - mean
        squares[i] = away * away
    return math.sqrt(sum_in_order(squares, n) / n)


def _highest(r: FloatArray, lags: IntArray, first_lag: int, last_lag: int) -> tuple[int, float]:
    """Lag and height of the highest local maximum with a lag of that range; 0 and 0 where there is none."""
    lag, height = 0, 0.0
    for i in range(1, len(r) - 1):
        is_peak = r[i] >= r[i - 1] and r[i] > r[i + 1] and first_lag <= lags[i] <= last_lag
        if is_peak and (lag == 0 or r[i] > height):
            lag, height = int(lags[i]), float(r[i])
    return lag, height


def _rhythms(rows: FloatArray, g: FloatArray, lags: IntArray, longest_step: int, measured: FloatArray) -> None:
    """Columns 5 to 8 of `movements` from means of three samples each."""
    n = len(g) // 3
    slow, axes = np.empty(n), np.empty((n, 3))
    for i in range(n):
        slow[i] = min((g[3 * i] + g[3 * i + 1] + g[3 * i + 2]) / 3, 4.0)
        for axis in range(3):
            mean = (rows[3 * i, axis] + rows[3 * i + 1, axis] + rows[3 * i + 2, axis]) / 3
            axes[i, axis] = min(max(mean, -4.0), 4.0)
    near = lags[: max(0, n - 20 - lags[0])]
    if len(near) > 2:
        r = autocorrelations(slow, near)
        lag, measured[6] = _highest(r, near, 0, longest_step)
        _, measured[7] = _highest(r, near, longest_step + 1, lags[-1])
        measured[5] = lag
        if lag:
            measured[8] = likeness(axes, lag)


def movements(rows: FloatArray, edges: IntArray, lags: IntArray, longest_step: int, still_below_g: float) -> FloatArray:
    """`detection.activity.movement` of many windows; zeros where it deviates by less than `still_below_g`.

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        RAW g at 100 Hz.
    edges : ndarray of int, shape (k, 2)
        First row of each window and the one behind its last.
    lags, longest_step
        In means of three samples.

    Returns
    -------
    ndarray, shape (k, 9)
        Standard deviation, 95 % quantile and maximum of |a|, shares below 0.5 g and within 0.15 g of 1 g, step lag
        (0 where none) and rhythm, stride rhythm, likeness one step later.
    """
    table, size_g = np.zeros((len(edges), 9)), np.empty(len(rows))
    for i in range(len(rows)):
        size_g[i] = math.sqrt(rows[i, 0] * rows[i, 0] + rows[i, 1] * rows[i, 1] + rows[i, 2] * rows[i, 2])
    for k in range(len(edges)):
        part, g = rows[edges[k, 0] : edges[k, 1]], size_g[edges[k, 0] : edges[k, 1]]
        n, low_g, high_g = len(part), g[0], g[0]
        for i in range(n):
            low_g, high_g = min(low_g, g[i]), max(high_g, g[i])
        if high_g - low_g < still_below_g:  # no values deviate by more than half their range
            continue
        table[k, 0] = _deviation(g)
        if table[k, 0] < still_below_g:
            table[k, 0] = 0.0
            continue
        n_free = n_calm = 0
        for i in range(n):
            n_free += g[i] < 0.5
            n_calm += abs(g[i] - 1.0) < 0.15
        at = int(0.95 * n)
        table[k, 1], table[k, 2] = np.partition(g, at)[at], g.max()
        table[k, 3], table[k, 4] = n_free / n, n_calm / n
        _rhythms(part, g, lags, longest_step, table[k])
    return table


# -- seconds


def seconds(rows: FloatArray, per_second: int) -> FloatArray:
    """`conditioning.seconds.seconds_of`: mean, variance, smallest and largest value of each second and axis.

    Parameters
    ----------
    rows : ndarray, shape (n, 3)
        From the first sample of a second on.
    per_second : int
        At most `LONGEST_SUM`.

    Returns
    -------
    ndarray, shape (4, 3, seconds)
    """
    n = len(rows) // per_second
    out, values = np.empty((4, 3, n)), np.empty(per_second)
    for second in range(n):
        part = rows[second * per_second : (second + 1) * per_second]
        for axis in range(3):
            low = high = part[0, axis]
            for i in range(per_second):
                value = part[i, axis]
                values[i] = value
                low, high = min(low, value), max(high, value)
            mean = sum_in_order(values, per_second) / per_second
            for i in range(per_second):
                away = values[i] - mean
                values[i] = away * away
            out[0, axis, second], out[1, axis, second] = mean, sum_in_order(values, per_second) / per_second
            out[2, axis, second], out[3, axis, second] = low, high
    return out


# -- low-pass: two second-order sections, three axes side by side


def _section(x: float, c: tuple[float, ...], z0: float, z1: float) -> tuple[float, float, float]:
    """One sample through one section: the output and the new state."""
    y = c[0] * x + z0
    return y, c[1] * x - c[3] * y + z1, c[2] * x - c[4] * y


def low_pass(
    signals: FloatArray, sections: tuple[tuple[float, ...], tuple[float, ...]], state: FloatArray, out: FloatArray
) -> None:
    """`scipy.signal.sosfilt` of three signals by two sections.

    Parameters
    ----------
    signals, out : ndarray, shape (3, n)
        Any strides: backwards in time, or the transpose of rows.
    sections : tuple
        b0, b1, b2, a1, a2 of each section.
    state : ndarray, shape (2, 3, 2)
        Of each section and signal; replaced by the one behind the last sample.
    """
    one, two = sections
    held = state.reshape(12)
    a0, a1, b0, b1, c0, c1 = held[0], held[1], held[2], held[3], held[4], held[5]
    d0, d1, e0, e1, f0, f1 = held[6], held[7], held[8], held[9], held[10], held[11]
    for i in range(signals.shape[1]):
        x, a0, a1 = _section(signals[0, i], one, a0, a1)
        y, b0, b1 = _section(signals[1, i], one, b0, b1)
        z, c0, c1 = _section(signals[2, i], one, c0, c1)
        x, d0, d1 = _section(x, two, d0, d1)
        y, e0, e1 = _section(y, two, e0, e1)
        z, f0, f1 = _section(z, two, f0, f1)
        out[0, i], out[1, i], out[2, i] = x, y, z
    held[0], held[1], held[2], held[3], held[4], held[5] = a0, a1, b0, b1, c0, c1
    held[6], held[7], held[8], held[9], held[10], held[11] = d0, d1, e0, e1, f0, f1


def low_pass_hops(
    forward: FloatArray, sections: tuple[tuple[float, ...], tuple[float, ...]], steady: FloatArray, hop: int, ahead: int
) -> FloatArray:
    """Filter the whole hops of a forward-filtered signal backwards, each from `ahead` samples behind its end.

    Parameters
    ----------
    forward : ndarray, shape (3, n)
        From the first sample of the first hop on.
    steady : ndarray, shape (2, 2)
        State of each section after a long 1.

    Returns
    -------
    ndarray, shape (3, hops * hop)
    """
    n_hops = (forward.shape[1] - ahead) // hop
    out, state, left = np.empty((3, n_hops * hop)), np.empty((2, 3, 2)), np.empty((3, ahead))
    for k in range(n_hops):
        end = (k + 1) * hop
        for section in range(2):
            for axis in range(3):
                for part in range(2):
                    state[section, axis, part] = steady[section, part] * forward[axis, end + ahead - 1]
        low_pass(forward[:, end : end + ahead][:, ::-1], sections, state, left)
        low_pass(forward[:, k * hop : end][:, ::-1], sections, state, out[:, k * hop : end][:, ::-1])
    return out


# -- text to numbers

#: Digits up to which a number and a power of ten are both exact, so that their quotient is the nearest double.
_MOST_DIGITS: Final = 15
_POWERS: Final[FloatArray] = np.array([10.0**n for n in range(_MOST_DIGITS + 1)])
_NEWLINE, _RETURN, _QUOTE, _MINUS, _ZERO, _NINE = b'\n\r"-09'


def numbers(  # noqa: C901 - one loop: a call for each number would cost more than the number
    data: ByteArray, separator: int, decimal: int, wanted: IntArray, n_wanted: int
) -> FloatArray:
    """Columns of a table of plain numbers, each the double nearest to what is written.

    Parameters
    ----------
    data : ndarray of uint8
        Whole lines: the last byte ends one.
    separator, decimal : int
        Bytes between columns, and before decimals.
    wanted : ndarray of int, shape (columns,)
        Place of each column in the result; -1 where it is passed over.

    Returns
    -------
    ndarray, shape (rows, n_wanted)
        Without a row where anything is unusual: exponents, signs, blanks, quotes, more than 15 digits, other columns.
    """
    end, at, n_rows, none = len(data), 0, 0, np.empty((0, n_wanted))
    for i in range(end):
        n_rows += data[i] == _NEWLINE
    out = np.empty((n_rows, n_wanted))
    for row in range(n_rows):
        for field in range(len(wanted)):
            if field:
                if data[at] != separator:
                    return none
                at += 1
            if wanted[field] < 0:
                while data[at] != separator and data[at] != _NEWLINE and data[at] != _QUOTE:
                    at += 1
                continue
            is_negative = data[at] == _MINUS
            at += is_negative
            first, value, n_decimals = at, 0, 0
            while _ZERO <= data[at] <= _NINE:
                value = 10 * value + (int(data[at]) - _ZERO)
                at += 1
            n_digits = at - first
            if data[at] == decimal:
                at += 1
                while _ZERO <= data[at] <= _NINE:
                    value = 10 * value + (int(data[at]) - _ZERO)
                    at += 1
                    n_decimals += 1
                n_digits = n_digits + n_decimals if n_digits and n_decimals else 0
            if n_digits == 0 or n_digits > _MOST_DIGITS:
                return none
            number = value / _POWERS[n_decimals]
            out[row, wanted[field]] = -number if is_negative else number
        at += data[at] == _RETURN
        if data[at] != _NEWLINE:
            return none
        at += 1
    return out


# -- which of the two runs

_INNER: Final[tuple[Kernel, ...]] = (
    *(_sum_128, _sum_256, _sum_512, _sum_1024, sum_in_order),
    *(_deviation, _highest, _rhythms, _section),
    *(autocorrelations, likeness, low_pass),
)
_BYTES: Final = "Array(uint8, 1, 'C', readonly=True)"
_SECTIONS: Final = "UniTuple(UniTuple(float64, 5), 2)"
#: What is compiled, and for which arguments: every axis contiguous where it says ::1.
_OUTER: Final[dict[Kernel, str]] = {
    autocorrelations: "float64[::1](float64[::1], int64[::1])",
    likeness: "float64(float64[:, ::1], int64)",
    movements: "float64[:, ::1](float64[:, ::1], int64[:, ::1], int64[::1], int64, float64)",
    numbers: f"float64[:, ::1]({_BYTES}, int64, int64, int64[::1], int64)",
    seconds: "float64[:, :, ::1](Array(float64, 2, 'C', readonly=True), int64)",
    low_pass: f"void(Array(float64, 2, 'A', readonly=True), {_SECTIONS}, float64[:, :, ::1], float64[:, :])",
    low_pass_hops: f"float64[:, ::1](float64[:, :], {_SECTIONS}, float64[:, ::1], int64, int64)",
}


class _Choice:
    """What has been loaded; `kernels` is None where the definitions in numpy and scipy run."""

    def __init__(self) -> None:
        self.kernels: Kernels | None = None
        self.wanted = os.environ.get("LOADSENSE_COMPILE", "")
        self.is_settled = self.wanted == "0"


class Kernels:
    """The compiled loops, by name."""

    autocorrelations: Kernel
    likeness: Kernel
    movements: Kernel
    seconds: Kernel
    numbers: Kernel
    low_pass: Kernel
    low_pass_hops: Kernel

    def __init__(self) -> None:
        import numba
        from numba.extending import register_jitable

        for inner in _INNER:
            register_jitable(inner)
        for outer, signature in _OUTER.items():
            setattr(self, outer.__name__, numba.njit(signature, cache=True, nogil=True)(outer))


_choice = _Choice()


def compiled() -> Kernels | None:
    """The compiled loops where they are loaded; None where numpy and scipy do the work."""
    return _choice.kernels


def force(loops: Kernels | None) -> None:
    """Use these loops from now on, or none: for whoever compares the two."""
    _choice.kernels, _choice.is_settled = loops, True


def prepare(n_samples: int) -> Kernels | None:
    """Load the compiled loops if that is worth it for a stream that has come to so many samples."""
    if _choice.is_settled:
        return _choice.kernels
    if not (_choice.wanted or n_samples > WORTH_COMPILING_SAMPLES or _was_compiled()):
        return None
    _choice.is_settled = True
    try:
        _choice.kernels = Kernels()
    except ImportError:  # numba is the extra `fast`
        _choice.kernels = None
    return _choice.kernels


def _was_compiled() -> bool:
    """Whether the compiler's files of this module lie beside it and are newer than it."""
    folder = os.path.dirname(__file__) + "/__pycache__"  # noqa: PTH120 - what runs behind the engine knows no pathlib
    try:
        written = os.stat(__file__).st_mtime  # noqa: PTH116 - as above
        indices = [e for e in os.scandir(folder) if e.name.startswith("kernels.") and e.name.endswith(".nbi")]
    except OSError:  # read-only or zipped: the compiler keeps its files elsewhere
        return False
    return sum(entry.stat().st_mtime > written for entry in indices) >= len(_OUTER)
