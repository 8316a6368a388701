"""Checks of the values that need the whole file: beyond the range, or the same all along."""

from __future__ import annotations

import numpy as np

from loadsense.errors import ContentError
from loadsense.samples import FloatArray

#: A sample may exceed the full scale by this factor (offset and gain of a sensor) before the range is called wrong.
_BEYOND = 1.02


class ValueCheck:
    """Looks at every block before calibration.

    Parameters
    ----------
    range_g : float or None
        Full scale that the user declared; None leaves the range unchecked.
    """

    def __init__(self, range_g: float | None) -> None:
        self._range_g = range_g
        self._first: FloatArray | None = None
        self._varies = False
        self._n = 0
        self.largest_g = 0.0

    def see(self, accel_g: FloatArray, first_row: int) -> None:
        """Take the next rows.

        Raises
        ------
        ContentError
            A value is beyond the declared range.
        """
        self._n += len(accel_g)
        if not self._varies:
            self._first = accel_g[0].copy() if self._first is None else self._first
            self._varies = bool((accel_g != self._first).any())
        largest_g = max(float(accel_g.max()), -float(accel_g.min()))
        self.largest_g = max(self.largest_g, largest_g)
        if self._range_g is not None and largest_g > _BEYOND * self._range_g:
            raise _beyond(self._range_g, accel_g, first_row)

    def finish(self) -> None:
        """No more rows.

        Raises
        ------
        ContentError
            All rows were equal.
        """
        if self._n > 1 and not self._varies:
            raise ContentError(ALL_EQUAL)


def _beyond(range_g: float, accel_g: FloatArray, first_row: int) -> ContentError:
    """Name the first value beyond the range."""
    beyond = np.abs(accel_g) > _BEYOND * range_g
    row = int(beyond.any(axis=1).argmax())
    axis = int(beyond[row].argmax())
    return ContentError(
        f"row {first_row + row}: axis {'xyz'[axis]} reads {accel_g[row, axis]:.2f} g, beyond the declared range of "
        f"+-{range_g:g} g; correct --range-g (or --unit)"
    )


ALL_EQUAL = (
    "all samples are equal on all axes: the sensor did not record; check that it was started, and export the file again"
)
