"""Text to numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray, IntArray

ByteArray = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

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


INNER: Final[tuple[Kernel, ...]] = ()
_BYTES: Final = "Array(uint8, 1, 'C', readonly=True)"
OUTER: Final[dict[Kernel, str]] = {
    numbers: f"float64[:, ::1]({_BYTES}, int64, int64, int64[::1], int64)",
}
