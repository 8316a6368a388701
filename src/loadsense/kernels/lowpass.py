"""The low-pass: two second-order sections, three axes side by side."""

from __future__ import annotations

from typing import Final

from loadsense.kernels.family import Kernel
from loadsense.samples import FloatArray

#: g, 2 g, a1, a2 of the first section, whose zeros are g (1, 2, 1); a1, a2 of the second, whose zeros are (1, 2, 1).
Sections = tuple[tuple[float, float, float, float], tuple[float, float]]
#: z0 and z1 of the first section for x, y and z, then of the second.
_State = tuple[float, float, float, float, float, float, float, float, float, float, float, float]


def first_section(x: float, c: tuple[float, float, float, float], z0: float, z1: float) -> tuple[float, float, float]:
    """One sample through the first section: the output and the new state."""
    gained = c[0] * x
    y = gained + z0
    return y, c[1] * x - c[2] * y + z1, gained - c[3] * y


def second_section(x: float, c: tuple[float, float], z0: float, z1: float) -> tuple[float, float, float]:
    """One sample through the second section, of which 1 x and 2 x need no rounding."""
    y = x + z0
    return y, 2.0 * x - c[0] * y + z1, x - c[1] * y


def three_axes(x: float, y: float, z: float, sections: Sections, s: _State) -> tuple[float, float, float, _State]:
    """One sample of three signals through both sections: the outputs and the new state."""
    one, two = sections
    x, a0, a1 = first_section(x, one, s[0], s[1])
    y, b0, b1 = first_section(y, one, s[2], s[3])
    z, c0, c1 = first_section(z, one, s[4], s[5])
    x, d0, d1 = second_section(x, two, s[6], s[7])
    y, e0, e1 = second_section(y, two, s[8], s[9])
    z, f0, f1 = second_section(z, two, s[10], s[11])
    return x, y, z, (a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1)


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
    h = state.reshape(12)
    s = (h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11])
    for i in range(signals.shape[1]):
        x, y, z, s = three_axes(signals[0, i], signals[1, i], signals[2, i], sections, s)
        out[0, i], out[1, i], out[2, i] = x, y, z
    h[0], h[1], h[2], h[3], h[4], h[5] = s[0], s[1], s[2], s[3], s[4], s[5]
    h[6], h[7], h[8], h[9], h[10], h[11] = s[6], s[7], s[8], s[9], s[10], s[11]


def _settled(values: FloatArray, steady: FloatArray) -> _State:
    x, y, z = values[0], values[1], values[2]
    a, b, c, d = steady[0, 0], steady[0, 1], steady[1, 0], steady[1, 1]
    return (a * x, b * x, a * y, b * y, a * z, b * z, c * x, d * x, c * y, d * y, c * z, d * z)


def _two_hops(
    first: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray], sections: Sections, steady: FloatArray
) -> None:
    """Filter two hops backwards side by side: each is mostly waiting for its own last value."""
    (f, f_out), (g, g_out) = first, other
    n, hop = f.shape[1], f_out.shape[1]
    s, t = _settled(f[:, n - 1], steady), _settled(g[:, n - 1], steady)
    for i in range(n - 1, hop - 1, -1):
        _, _, _, s = three_axes(f[0, i], f[1, i], f[2, i], sections, s)
        _, _, _, t = three_axes(g[0, i], g[1, i], g[2, i], sections, t)
    for i in range(hop - 1, -1, -1):
        f_out[0, i], f_out[1, i], f_out[2, i], s = three_axes(f[0, i], f[1, i], f[2, i], sections, s)
        g_out[0, i], g_out[1, i], g_out[2, i], t = three_axes(g[0, i], g[1, i], g[2, i], sections, t)


def low_pass_hops(forward: FloatArray, sections: Sections, steady: FloatArray, ahead: int, out: FloatArray) -> None:
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
    for k in range(0, n_hops, 2):
        j = min(k + 1, n_hops - 1)  # an odd last hop is its own neighbour, which costs next to nothing
        first = forward[:, k * hop : (k + 1) * hop + ahead], out[:, k]
        other = forward[:, j * hop : (j + 1) * hop + ahead], out[:, j]
        _two_hops(first, other, sections, steady)


INNER: Final[tuple[Kernel, ...]] = (first_section, second_section, three_axes, low_pass, _settled, _two_hops)
_SECTIONS: Final = "Tuple((UniTuple(float64, 4), UniTuple(float64, 2)))"
OUTER: Final[dict[Kernel, str]] = {
    low_pass: f"void(Array(float64, 2, 'A', readonly=True), {_SECTIONS}, float64[:, :, ::1], float64[:, :])",
    low_pass_hops: f"void(float64[:, :], {_SECTIONS}, float64[:, ::1], int64, float64[:, :, :])",
}
