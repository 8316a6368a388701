"""Sums as numpy adds them up: eight lanes side by side, then halves."""

from __future__ import annotations

from typing import Final

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray

#: Sums of more values than this are left to numpy.
LONGEST_SUM: Final = 1700


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


INNER: Final[tuple[Kernel, ...]] = (_sum_128, _sum_256, _sum_512, _sum_1024, sum_in_order)
