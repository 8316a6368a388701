"""Three axes at once: the resultant, the direction of gravity, and whether an axis is clipped.

Gravity is estimated as the direction of the mean acceleration over a closed window. The mean of what an accelerometer
feels over a time T is g plus the change of velocity over T, divided by T: exact where the wearer ends as she began
(standing to standing, or whole strides), and within 6 % of g for the whole speed of a jump landing over four seconds.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loadsense.samples import BoolArray, FloatArray

#: A mean acceleration shorter than this points nowhere (free fall, a dead axis, a window much too short).
SHORTEST_MEAN_G: Final = 0.3

#: An axis at or beyond this share of its range is clipped: quantization and gain keep it from reading the full range.
CLIPPED_SHARE: Final = 0.98


def resultant_g(axes_g: FloatArray) -> FloatArray:
    """|a| of each sample.

    Parameters
    ----------
    axes_g : ndarray, shape (3, n)
        Axes x, y, z, RAW g.

    Returns
    -------
    ndarray, shape (n,)
        RAW g.

    Examples
    --------
    >>> resultant_g(np.array([[3.0], [4.0], [0.0]]))
    array([5.])
    """
    total: FloatArray = axes_g[0] * axes_g[0]
    total += axes_g[1] * axes_g[1]
    total += axes_g[2] * axes_g[2]
    return np.sqrt(total, out=total)


def gravity_direction(mean_g: FloatArray) -> FloatArray:
    """Unit vectors along mean accelerations; NaN where one is no direction (shorter than 0.3 g).

    Parameters
    ----------
    mean_g : ndarray, shape (k, 3)
        Mean acceleration over closed windows, RAW g.

    Returns
    -------
    ndarray, shape (k, 3)
    """
    length = resultant_g(mean_g.T)
    length[~(length > SHORTEST_MEAN_G)] = np.nan
    return np.asarray(mean_g / length[:, None])


def clipped_rows(accel_g: FloatArray, range_g: float) -> BoolArray:
    """Whether any axis of a sample is clipped.

    Parameters
    ----------
    accel_g : ndarray, shape (n, 3)
        RAW g.
    range_g : float
        Full scale of each axis, RAW g.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> clipped_rows(np.array([[0.0, -1.0, 7.9], [0.0, -1.0, 7.8]]), 8.0)
    array([ True, False])
    """
    return np.asarray((np.abs(accel_g) >= CLIPPED_SHARE * range_g).any(axis=1))
