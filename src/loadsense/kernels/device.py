"""Bytes of device files to samples, and stored counts to samples."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from loadsense.kernels.family import Kernel
from loadsense.samples import BoolArray, FloatArray, IntArray

ByteArray = npt.NDArray[np.uint8]

#: ActiGraph: 1E, type, time, size of the payload, payload, checksum.
_GT3X_MARK: Final = 0x1E
_GT3X_HEADER: Final = 8
_GT3X_12_BIT: Final = 0
#: Axivity: where samples begin in a sector.
_CWA_DATA: Final = 30


def _in_g(counts: Any, per_g: float, inverse: float) -> float:
    """Counts / per_g; by its inverse where that is exact."""
    in_g: float = counts * inverse if inverse else counts / per_g
    return in_g


# -- ActiGraph .gt3x


def chain(data: ByteArray, here: int, most_payload: int) -> IntArray:
    """Whole records that follow each other.

    Parameters
    ----------
    data : ndarray of uint8
    here : int
        Where the first one begins.
    most_payload : int
        Bytes of a payload from which on it is no record.

    Returns
    -------
    ndarray, shape (records, 4)
        Where each begins, its type, size of its payload, and its time.
    """
    n, first = 0, here
    rows = np.empty((0, 4), np.int64)
    for counting in (True, False):
        if not counting:
            rows = np.empty((n, 4), np.int64)
        n, here = 0, first
        while here + _GT3X_HEADER < len(data) and data[here] == _GT3X_MARK:
            size: Any = np.int64(data[here + 6]) | np.int64(data[here + 7]) << 8
            if size > most_payload or here + _GT3X_HEADER + size >= len(data):
                break
            if not counting:
                stamp = np.int64(data[here + 2]) | np.int64(data[here + 3]) << 8 | np.int64(data[here + 4]) << 16
                rows[n, 0], rows[n, 1] = here, np.int64(data[here + 1])
                rows[n, 2], rows[n, 3] = size, stamp | np.int64(data[here + 5]) << 24
            n, here = n + 1, here + _GT3X_HEADER + size + 1
    return rows


def activity(
    data: ByteArray, at: IntArray, form: tuple[int, int], scale: tuple[float, float]
) -> tuple[FloatArray, BoolArray]:
    """Samples of records of activity of one type and size, those with a wrong checksum left out.

    Parameters
    ----------
    data : ndarray of uint8
    at : ndarray of int, shape (records,)
        Where each record begins.
    form : tuple of int
        Type, and size of the payload.
    scale : tuple of float
        Counts per g, and its inverse where that is exact, else 0.

    Returns
    -------
    tuple of ndarray, shapes (samples, 3) and (records,)
        Samples in RAW g, and whether each record's checksum is right.
    """
    kind, size = form
    n_each = size * 2 // 9 if kind == _GT3X_12_BIT else size // 6
    right, n_right = np.empty(len(at), np.bool_), 0
    for k in range(len(at)):
        folded = np.uint8(0)
        for octet in data[at[k] : at[k] + _GT3X_HEADER + size + 1]:
            folded ^= octet
        right[k] = folded == 0xFF
        n_right += right[k]
    out, first = np.empty((n_right * n_each, 3)), 0
    for k in range(len(at)):
        if right[k]:
            payload = data[at[k] + _GT3X_HEADER : at[k] + _GT3X_HEADER + size]
            if kind == _GT3X_12_BIT:
                _of_12_bits(payload, scale[0], scale[1], out[first : first + n_each])
            else:
                _of_16_bits(payload, scale[0], scale[1], out[first : first + n_each])
            first += n_each
    return out, right


def _of_12_bits(payload: ByteArray, per_g: float, inverse: float, out: FloatArray) -> None:
    """Packed y, x, z, most significant bits first: two samples in nine bytes."""
    for i in range(len(out)):
        at = 9 * (i // 2) + 4 * (i % 2)
        if i % 2 == 0:
            y = np.int64(payload[at]) << 4 | np.int64(payload[at + 1]) >> 4
            x = (np.int64(payload[at + 1]) & 15) << 8 | np.int64(payload[at + 2])
            z = np.int64(payload[at + 3]) << 4 | np.int64(payload[at + 4]) >> 4
        else:
            y = (np.int64(payload[at]) & 15) << 8 | np.int64(payload[at + 1])
            x = np.int64(payload[at + 2]) << 4 | np.int64(payload[at + 3]) >> 4
            z = (np.int64(payload[at + 3]) & 15) << 8 | np.int64(payload[at + 4])
        out[i, 0] = _in_g((x ^ 2048) - 2048, per_g, inverse)
        out[i, 1] = _in_g((y ^ 2048) - 2048, per_g, inverse)
        out[i, 2] = _in_g((z ^ 2048) - 2048, per_g, inverse)


def _of_16_bits(payload: ByteArray, per_g: float, inverse: float, out: FloatArray) -> None:
    """Samples x, y, z, lowest byte first."""
    for i in range(len(out)):
        for axis in range(3):
            count = np.int64(payload[6 * i + 2 * axis]) | np.int64(payload[6 * i + 2 * axis + 1]) << 8
            out[i, axis] = _in_g((count ^ 32768) - 32768, per_g, inverse)


# -- Axivity .cwa


def sector_sums(sectors: ByteArray) -> IntArray:
    """Sum of the 16-bit words of each sector, the lowest 16 bits of it.

    Parameters
    ----------
    sectors : ndarray of uint8, shape (n, 512)

    Returns
    -------
    ndarray of int, shape (n,)
    """
    sums = np.empty(len(sectors), np.int64)
    for k in range(len(sectors)):
        low = high = np.int32(0)
        for i in range(sectors.shape[1] // 2):
            low += np.int32(sectors[k, 2 * i])
            high += np.int32(sectors[k, 2 * i + 1])
        sums[k] = (low + (high << 8)) & 0xFFFF
    return sums


def sector_samples(sectors: ByteArray, n_each: int, columns: tuple[int, int], g_per_count: float) -> FloatArray:
    """Samples of sectors of one form.

    Parameters
    ----------
    sectors : ndarray of uint8, shape (n, 512)
    n_each : int
        Samples in each sector.
    columns : tuple of int
        16-bit values in each sample, and which of them is x, before y and z; 0 and 0 where a sample is three times ten
        bits and an exponent.
    g_per_count : float
        A power of two.

    Returns
    -------
    ndarray, shape (n * n_each, 3)
        RAW g.
    """
    out, (n_values, first) = np.empty((len(sectors) * n_each, 3)), columns
    for k in range(len(sectors)):
        for i in range(n_each):
            row = k * n_each + i
            if n_values == 0:
                at = _CWA_DATA + 4 * i
                word = np.int64(sectors[k, at]) | np.int64(sectors[k, at + 1]) << 8 | np.int64(sectors[k, at + 2]) << 16
                exponent, word = np.int64(sectors[k, at + 3]) >> 6, word | (np.int64(sectors[k, at + 3]) & 63) << 24
                for axis in range(3):
                    count = ((word >> (10 * axis)) & 1023 ^ 512) - 512
                    out[row, axis] = (count << exponent) * g_per_count
            else:
                at = _CWA_DATA + 2 * (n_values * i + first)
                for axis in range(3):
                    count = np.int64(sectors[k, at + 2 * axis]) | np.int64(sectors[k, at + 2 * axis + 1]) << 8
                    out[row, axis] = ((count ^ 32768) - 32768) * g_per_count
    return out


# -- LoadSense's own recordings


def of_counts(
    x: npt.NDArray[Any], y: npt.NDArray[Any], z: npt.NDArray[Any], scale: tuple[float, float, float]
) -> FloatArray:
    """Stored 16-bit counts of each axis to samples.

    Parameters
    ----------
    x, y, z : ndarray of int16, shape (n,)
    scale : tuple of float
        Divisor, its inverse where that is exact, else 0, and factor: RAW g = counts / divisor * factor.

    Returns
    -------
    ndarray, shape (n, 3)
        RAW g, before calibration.
    """
    out = np.empty((len(x), 3))
    divisor, inverse, factor = scale
    for i in range(len(x)):
        out[i, 0] = _in_g(x[i], divisor, inverse) * factor
        out[i, 1] = _in_g(y[i], divisor, inverse) * factor
        out[i, 2] = _in_g(z[i], divisor, inverse) * factor
    return out


INNER: Final[tuple[Kernel, ...]] = (_in_g, _of_12_bits, _of_16_bits)
_BYTES: Final = "Array(uint8, 1, 'C', readonly=True)"
_SECTORS: Final = "Array(uint8, 2, 'C', readonly=True)"
_COUNTS: Final = "Array(int16, 1, 'C', readonly=True)"
OUTER: Final[dict[Kernel, str]] = {
    chain: f"int64[:, ::1]({_BYTES}, int64, int64)",
    activity: f"Tuple((float64[:, ::1], boolean[::1]))({_BYTES}, int64[:], UniTuple(int64, 2), UniTuple(float64, 2))",
    sector_sums: f"int64[::1]({_SECTORS})",
    sector_samples: f"float64[:, ::1]({_SECTORS}, int64, UniTuple(int64, 2), float64)",
    of_counts: f"float64[:, ::1]({_COUNTS}, {_COUNTS}, {_COUNTS}, UniTuple(float64, 3))",
}
