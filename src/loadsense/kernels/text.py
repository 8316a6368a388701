"""Text to numbers and times.

Nearly all numbers of a file have one digit before the decimals and as many decimals as the number before: such a
number is read by its eight bytes at once, without a branch that a processor could guess wrong. Any other one is read
digit by digit. A time stamp is compared with the one before it down to the second, eight bytes at a time; only where
they differ is the date looked at. Whatever is not plainly a number or a time is left to the other parser.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray, IntArray

ByteArray = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
#: Eight bytes from each byte on: unaligned, the lowest byte first.
WordArray = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

#: Places of columns: 0, 1 and 2 are x, y and z.
TIME: Final = 3
STAMP: Final = 4
PASSED_OVER: Final = -1

#: Up to these a whole number and a power of ten are both exact, so that their quotient is the nearest double.
_MOST_VALUE: Final = 2**53
_MOST_POWER: Final = 22
_MOST_DIGITS: Final = 18
#: Digits that eight bytes hold behind the first digit and the decimal point.
_MOST_PLACES: Final = 6
_POWERS: Final[FloatArray] = np.array([10.0**n for n in range(_MOST_POWER + 1)])
_TENS: Final = np.array([10**n for n in range(10)], dtype=np.uint64)
_NEWLINE, _RETURN, _QUOTE, _MINUS, _PLUS, _ZERO, _NINE, _POINT, _COLON, _T, _SPACE, _Z, _E = b'\n\r"-+09.:T Ze'

#: Where a loop keeps what it expects of the next number: its decimals, those of the last one that had others.
_PLACES, _MISSED = 0, 1
_NO_SECOND: Final = -(10**18)

_ZEROS: Final = np.uint64(0x3030303030303030)
_SEVENS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_TO_TEN: Final = np.uint64(0x7676767676767676)
_TOPS: Final = np.uint64(0x8080808080808080)
_PAIRS: Final = np.uint64(0x00FF00FF00FF00FF)
_FOURS: Final = np.uint64(0x0000FFFF0000FFFF)
_EIGHT: Final = np.uint64(0xFFFFFFFF)
_FIRST_TWO: Final = np.uint64(0xFFFF)
_U8, _U9, _U10, _U16, _U32, _U100, _U10000 = (np.uint64(n) for n in (8, 9, 10, 16, 32, 100, 10_000))
_NONE: Final = np.uint64(0)

#: Where days are counted from: 1970-01-01 on the scale of `_days`.
_DAYS_AT_1970: Final = 719_468
_YEARS: Final = (1900, 2200)
_MONTH_DAYS: Final = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def words_of(data: ByteArray) -> WordArray:
    """The eight bytes from each byte of the data on; no copy."""
    n = max(0, len(data) - 7)
    return np.ndarray((n,), np.uint64, data.data, strides=(1,)) if n else np.empty(0, np.uint64)


def _are_digits(word: np.uint64) -> bool:
    """Whether all eight bytes are 0 to 9."""
    return bool((((word & _SEVENS) + _TO_TEN) | word) & _TOPS == _NONE)


def _value(word: np.uint64) -> np.uint64:
    """Number of eight digits, each a byte of 0 to 9, the first one lowest."""
    word = (word * _U10 + (word >> _U8)) & _PAIRS
    word = (word * _U100 + (word >> _U16)) & _FOURS
    return (word * _U10000 + (word >> _U32)) & _EIGHT


def _short(word: np.uint64, mark: np.uint64, n: int) -> np.int64:
    """One digit, the decimal point and n decimals as a whole number; -1 where they are none."""
    head, rest = (word & _FIRST_TWO) ^ mark, (word >> _U16) << np.uint64(64 - 8 * n)
    if head > _U9 or not _are_digits(rest):
        return np.int64(-1)
    return np.int64(head * _TENS[n] + _value(rest))


def _plain(data: ByteArray, at: int, decimal: int) -> tuple[int, int, int]:
    """Digits as a whole number, the power of ten to divide it by, and where the number ends; 0 where it is unusual."""
    first, value, power = at, 0, 0
    while _ZERO <= data[at] <= _NINE:
        value = 10 * value + (int(data[at]) - _ZERO)
        at += 1
        if at - first > _MOST_DIGITS:
            return 0, 0, 0
    n_digits = at - first
    if data[at] == decimal:
        at += 1
        while _ZERO <= data[at] <= _NINE:
            value = 10 * value + (int(data[at]) - _ZERO)
            at += 1
            power += 1
            if n_digits + power > _MOST_DIGITS:
                return 0, 0, 0
        n_digits *= power > 0
    if n_digits == 0 or value > _MOST_VALUE:
        return 0, 0, 0
    if data[at] | 0x20 == _E:
        exponent, at = _exponent(data, at + 1)
        power -= exponent
    return (value, power, at) if -_MOST_POWER <= power <= _MOST_POWER else (0, 0, 0)


def _exponent(data: ByteArray, at: int) -> tuple[int, int]:
    """Exponent of up to three digits, and where it ends; 0 where it is unusual."""
    is_negative, exponent = data[at] == _MINUS, 0
    at += is_negative or data[at] == _PLUS
    first = at
    while _ZERO <= data[at] <= _NINE and at - first < 4:
        exponent = 10 * exponent + (int(data[at]) - _ZERO)
        at += 1
    return -exponent if is_negative else exponent, at if 0 < at - first < 4 else 0


def _pair(data: ByteArray, at: int) -> int:
    """Number of two digits; -1000 where they are none."""
    tens, ones = int(data[at]) - _ZERO, int(data[at + 1]) - _ZERO
    return 10 * tens + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1000


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 of a date of the Gregorian calendar; -1_000_000 where there is no such day."""
    if not (_YEARS[0] <= year < _YEARS[1] and 1 <= month <= 12):
        return -1_000_000
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _MONTH_DAYS[month - 1] + (is_leap and month == 2):
        return -1_000_000
    years = year if month > 2 else year - 1  # a year that begins in March has its odd day at the end
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return 365 * years + years // 4 - years // 100 + years // 400 + day_of_year - _DAYS_AT_1970


def _second(data: ByteArray, at: int) -> int:
    """Seconds since 1970 of a time such as 2026-11-20T10:00:00; `_NO_SECOND` where it is unusual."""
    dashes = data[at + 4] == _MINUS and data[at + 7] == _MINUS
    between = data[at + 10] == _T or data[at + 10] == _SPACE
    colons = data[at + 13] == _COLON and data[at + 16] == _COLON
    century, years = _pair(data, at), _pair(data, at + 2)
    days = _days(100 * century + years, _pair(data, at + 5), _pair(data, at + 8))
    hour, minute, second = _pair(data, at + 11), _pair(data, at + 14), _pair(data, at + 17)
    clock = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60
    if not (dashes and between and colons and clock) or years < 0 or days == -1_000_000:
        return _NO_SECOND
    return 86400 * days + 3600 * hour + 60 * minute + second


def _fraction_ns(data: ByteArray, at: int) -> tuple[int, int]:
    """Nanoseconds of a decimal fraction, if there is one, and where it ends; 0 if it is unusual."""
    if data[at] != _POINT:
        return 0, at
    at, nanoseconds, n = at + 1, 0, 0
    while _ZERO <= data[at] <= _NINE and n < 10:
        nanoseconds = 10 * nanoseconds + (int(data[at]) - _ZERO)
        at, n = at + 1, n + 1
    return (nanoseconds * int(_TENS[9 - n]), at) if 1 <= n <= 9 else (0, 0)


def _offset_s(data: ByteArray, at: int) -> tuple[int, int]:
    """Seconds east of UTC written as Z or +01:00, and where they end; 0 if unusual."""
    if data[at] == _Z:
        return 0, at + 1
    if (data[at] != _PLUS and data[at] != _MINUS) or at + 6 >= len(data) or data[at + 3] != _COLON:
        return 0, 0
    hours, minutes = _pair(data, at + 1), _pair(data, at + 4)
    if not (0 <= hours < 24 and 0 <= minutes < 60):
        return 0, 0
    east_s = 3600 * hours + 60 * minutes
    return -east_s if data[at] == _MINUS else east_s, at + 6


def _n_lines(data: ByteArray) -> int:
    n = 0
    for i in range(len(data)):
        n += data[i] == _NEWLINE
    return n


def _number(data: ByteArray, at: int, decimal: int, expected: IntArray) -> tuple[float, int]:
    """A number digit by digit, and where it ends, 0 if it is unusual; notes how many decimals to expect."""
    is_negative = data[at] == _MINUS
    value, power, end = _plain(data, at + is_negative, decimal)
    number = value / _POWERS[power] if power >= 0 else value * _POWERS[-power]
    if 1 <= power <= _MOST_PLACES:
        if power == expected[_MISSED]:  # twice the same: from now on it is that
            expected[_PLACES] = power
        expected[_MISSED] = power
    return -number if is_negative else number, end


def table(  # noqa: C901 - one loop: a call for each field would cost more than the field
    data: ByteArray, words: WordArray, signs: tuple[int, int, int], wanted: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Columns of a table of plain numbers, each the double nearest to what is written, and where its stamps stand.

    Parameters
    ----------
    data : ndarray of uint8
        Whole lines: the last byte ends one.
    words : ndarray of uint64
        `words_of` the data.
    signs : tuple of int
        Bytes between columns, before decimals, and most probably behind the last column.
    wanted : ndarray of int, shape (columns,)
        0, 1 and 2 for x, y and z, `TIME` for a time that is a number, `STAMP` for one that is not, `PASSED_OVER`.

    Returns
    -------
    tuple of ndarray, shapes (rows, 3), (rows,) and (rows, 2)
        Values, times, and first byte of each stamp and the one behind it, unread; of a time that the table does not
        have, no rows. No rows at all where anything is unusual: signs, blanks, quotes, more than 18 digits, a value
        that no double holds, other columns.
    """
    at, n_rows, last, length, expected = 0, _n_lines(data), len(wanted) - 1, 0, np.array([3, 0])
    none = np.empty((0, 3)), np.empty(0), np.empty((0, 2), np.int64)
    stamps = np.empty((n_rows * (STAMP in wanted), 2), np.int64)
    out = np.empty(n_rows * (3 + (TIME in wanted)))  # the times behind all values
    mark = np.uint64(signs[1] ^ _ZERO) << _U8
    for row in range(n_rows):
        for field in range(len(wanted)):
            place, ends = wanted[field], signs[0] if field < last else signs[2]
            if place == STAMP and at + length < len(data) and data[at + length] == signs[0]:
                stamps[row, 0], stamps[row, 1], at = at, at + length, at + length
            elif place < 0 or place == STAMP:
                first = at
                while data[at] != signs[0] and data[at] != _NEWLINE and data[at] != _QUOTE:
                    at += 1
                if place == STAMP:
                    stamps[row, 0], stamps[row, 1], length = first, at, at - first
            else:
                slot, start, n = 3 * row + place if place < TIME else 3 * n_rows + row, at, expected[_PLACES]
                at += data[at] == _MINUS
                is_inside = at + 9 < len(words)
                while is_inside and n > 1 and data[at + 2 + n] != ends:
                    n -= 1
                word = words[at] ^ _ZEROS if is_inside else _TOPS
                whole = _short(word, mark, 3) if n == 3 else _short(word, mark, 6) if n == 6 else _short(word, mark, n)
                if whole >= 0 and data[at + 2 + n] == ends:
                    number = float(whole) / _POWERS[n]
                    out[slot], at = -number if at > start else number, at + 2 + n
                    if ends != _RETURN:
                        at += 1
                        continue
                else:
                    out[slot], at = _number(data, start, signs[1], expected)
            at += field == last and data[at] == _RETURN
            if at == 0 or data[at] != (signs[0] if field < last else _NEWLINE):
                return none
            at += 1
    return out[: 3 * n_rows].reshape(n_rows, 3), out[3 * n_rows :], stamps


def moments(data: ByteArray, words: WordArray, stamps: IntArray, has_offset: bool, base_ns: int) -> FloatArray:
    """Seconds from a first stamp of stamps in ISO 8601.

    Parameters
    ----------
    data, words
        As for `table`.
    stamps : ndarray of int, shape (rows, 2)
        First byte of each stamp and the one behind it.
    has_offset : bool
        Whether each ends in its offset from UTC, Z or +01:00; else none does.
    base_ns : int
        The first stamp, in nanoseconds since 1970.

    Returns
    -------
    ndarray, shape (rows,)
        No rows where one is not of this kind, from 1900 to 2199.
    """
    times_s, second, z = np.empty(len(stamps)), 0, int(has_offset)
    one, two, three = _NONE, _NONE, _NONE
    for row in range(len(stamps)):
        at, end = stamps[row, 0], stamps[row, 1]
        n = end - at - 20 - z
        if 1 <= n <= 8 and at + 20 < len(words) and (not has_offset or data[end - 1] == _Z):
            rest = (words[at + 20] ^ _ZEROS) << np.uint64(64 - 8 * n)
            same = words[at] == one and words[at + 8] == two and words[at + 11] == three
            if same and data[at + 19] == _POINT and _are_digits(rest):
                stamp = 1_000_000_000 * second + np.int64(_value(rest) * _TENS[9 - n])
                times_s[row] = (stamp - base_ns) * 1e-9
                continue
        if end - at < 19:
            return np.empty(0)
        second, east_s = _second(data, at), 0
        nanoseconds, stop = _fraction_ns(data, at + 19)
        if has_offset:
            east_s, stop = _offset_s(data, stop)
        if second == _NO_SECOND or stop != end:
            return np.empty(0)
        times_s[row] = (1_000_000_000 * (second - east_s) + nanoseconds - base_ns) * 1e-9
        if at + 20 < len(words):
            one, two, three = words[at], words[at + 8], words[at + 11]
    return times_s


INNER: Final[tuple[Kernel, ...]] = (
    *(
        _are_digits,
        _value,
        _short,
        _plain,
        _exponent,
        _pair,
        _days,
        _second,
        _fraction_ns,
        _offset_s,
        _number,
        _n_lines,
    ),
)
_BYTES: Final = "Array(uint8, 1, 'C', readonly=True)"
_WORDS: Final = "Array(uint64, 1, 'A', readonly=True, aligned=False)"
OUTER: Final[dict[Kernel, str]] = {
    table: f"Tuple((float64[:, ::1], float64[::1], int64[:, ::1]))({_BYTES}, {_WORDS}, UniTuple(int64, 3), int64[::1])",
    moments: f"float64[::1]({_BYTES}, {_WORDS}, int64[:, ::1], boolean, int64)",
}
