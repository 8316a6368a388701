"""The low-pass: two second-order sections, three axes side by side."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray

#: g, 2 g, a1, a2 of the first section, whose zeros are g (1, 2, 1); a1, a2 of the second, whose zeros are (1, 2, 1).
Sections = tuple[tuple[float, float, float, float], tuple[float, float]]


def first_section(x: float, c: tuple[float, float, float, float], z0: float, z1: float) -> tuple[float, float, float]:
    """One sample through the first section: the output and the new state."""
    gained = c[0] * x
    y = gained + z0
    return y, c[1] * x - c[2] * y + z1, gained - c[3] * y


def second_section(x: float, c: tuple[float, float], z0: float, z1: float) -> tuple[float, float, float]:
    """One sample through the second section, of which 1 x and 2 x need no rounding."""
    y = x + z0
    return y, 2.0 * x - c[0] * y + z1, x - c[1] * y


def low_pass(signals: FloatArray, sections: Sections, state: FloatArray, out: FloatArray) -> None:
    """`scipy.signal.sosfilt` of three signals by two sections.

    Parameters
    ----------
    signals, out : ndarray, shape (3, n)
        Any strides: backwards in time, or the transpose of rows.
    sections : tuple
        Coefficients of each section.
    state : ndarray, shape (2, 3, 2)
        Of each section and signal; replaced by the one behind the last sample.
    """
    one, two = sections
    held = state.reshape(12)
    a0, a1, b0, b1, c0, c1 = held[0], held[1], held[2], held[3], held[4], held[5]
    d0, d1, e0, e1, f0, f1 = held[6], held[7], held[8], held[9], held[10], held[11]
    for i in range(signals.shape[1]):
        x, a0, a1 = first_section(signals[0, i], one, a0, a1)
        y, b0, b1 = first_section(signals[1, i], one, b0, b1)
        z, c0, c1 = first_section(signals[2, i], one, c0, c1)
        x, d0, d1 = second_section(x, two, d0, d1)
        y, e0, e1 = second_section(y, two, e0, e1)
        z, f0, f1 = second_section(z, two, f0, f1)
        out[0, i], out[1, i], out[2, i] = x, y, z
    held[0], held[1], held[2], held[3], held[4], held[5] = a0, a1, b0, b1, c0, c1
    held[6], held[7], held[8], held[9], held[10], held[11] = d0, d1, e0, e1, f0, f1


def low_pass_hops(
    forward: FloatArray,
    sections: Sections,
    steady: FloatArray,
    ahead: int,
    out: FloatArray,
) -> None:
    """Filter hops of a forward-filtered signal backwards, each from `ahead` samples behind its end.

    Parameters
    ----------
    forward : ndarray, shape (3, n)
        From the first sample of the first hop on.
    steady : ndarray, shape (2, 2)
        State of each section after a long 1.
    out : ndarray, shape (3, hops, hop)
        The hops to filter.
    """
    n_hops, hop = out.shape[1:]
    state, left = np.empty((2, 3, 2)), np.empty((3, ahead))
    for k in range(n_hops):
        end = (k + 1) * hop
        for section in range(2):
            for axis in range(3):
                for part in range(2):
                    state[section, axis, part] = steady[section, part] * forward[axis, end + ahead - 1]
        low_pass(forward[:, end : end + ahead][:, ::-1], sections, state, left)
        low_pass(forward[:, k * hop : end][:, ::-1], sections, state, out[:, k, ::-1])


INNER: Final[tuple[Kernel, ...]] = (first_section, second_section, low_pass)
_SECTIONS: Final = "Tuple((UniTuple(float64, 4), UniTuple(float64, 2)))"
OUTER: Final[dict[Kernel, str]] = {
    low_pass: f"void(Array(float64, 2, 'A', readonly=True), {_SECTIONS}, float64[:, :, ::1], float64[:, :])",
    low_pass_hops: f"void(float64[:, :], {_SECTIONS}, float64[:, ::1], int64, float64[:, :, :])",
}
