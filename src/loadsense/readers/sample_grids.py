"""Which counts a recording's samples are: the grid on which a few bits hold every sample exactly.

A sensor's samples are whole counts, whatever they were turned into: RAW g = count / divisor * factor. With the right
grid the counts of a recording are stored in 16 bits and give back the same floating-point numbers, bit for bit. Which
grid it is, is not believed but tried, on every block that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import frexp
from typing import Final, Literal

import numpy as np

from loadsense import kernels
from loadsense.readers.scale import calibrate
from loadsense.samples import Calibration, FloatArray, StreamInfo
from loadsense.units import G_PER_UNIT

Kind = Literal["int16", "int32", "float32", "float64"]

#: Counts per g of sensors, and decimals of text.
_SENSORS: Final = (32.0, 64.0, 128.0, 256.0, 341.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0)
_DECIMALS: Final = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How samples are stored.

    Attributes
    ----------
    kind : {"int16", "int32", "float32", "float64"}
        Type of a stored value.
    divisor, factor : float
        Recorded RAW g = stored / divisor * factor; 1 for floating-point kinds.
    recorded : bool
        Whether the stored values are those before the calibration of the stream, which is then applied on reading.
    """

    kind: Kind
    divisor: float = 1.0
    factor: float = 1.0
    recorded: bool = False

    def stored(self, accel_g: FloatArray, calibration: Calibration) -> np.ndarray:
        """Values to store for calibrated samples: the nearest ones; saturated where the kind ends."""
        if self.kind in ("float32", "float64"):
            return accel_g.astype(self.kind)  # a copy, always
        recorded_g = accel_g
        if self.recorded:
            recorded_g = accel_g / np.array(calibration.gain) - np.array(calibration.offset_g)
        limits = np.iinfo(self.kind)
        return np.clip(np.rint(recorded_g / self.factor * self.divisor), limits.min, limits.max).astype(self.kind)

    def restored(self, stored: np.ndarray, calibration: Calibration) -> FloatArray:
        """Calibrated samples of stored values; an array of float64 is used up."""
        accel_g = stored.astype(np.float64, copy=False)
        if frexp(self.divisor)[0] == 0.5:
            accel_g *= 1.0 / self.divisor  # a power of two: the same result, sooner
        else:
            accel_g /= self.divisor
        if self.factor != 1.0:
            accel_g *= self.factor
        return self._calibrated(accel_g, calibration)

    def of_columns(self, columns: Sequence[np.ndarray], calibration: Calibration) -> FloatArray:
        """Calibrated samples of stored values, one contiguous array of this kind for each axis."""
        loops = kernels.compiled()
        if loops is not None and self.kind == "int16":
            inverse = 1.0 / self.divisor if frexp(self.divisor)[0] == 0.5 else 0.0
            return self._calibrated(loops.of_counts(*columns, (self.divisor, inverse, self.factor)), calibration)
        stored = np.empty((len(columns[0]), 3))  # wide at once: every kind fits, and no second copy is made
        for axis, column in enumerate(columns):
            stored[:, axis] = column
        return self.restored(stored, calibration)

    def _calibrated(self, accel_g: FloatArray, calibration: Calibration) -> FloatArray:
        if self.recorded:
            calibrate(accel_g, calibration)
        return accel_g

    def change_g(self, accel_g: FloatArray, calibration: Calibration) -> float:
        """Largest difference that storing makes to these samples; 0 where it is exact."""
        if not len(accel_g):
            return 0.0
        return float(np.abs(self.restored(self.stored(accel_g, calibration), calibration) - accel_g).max())


def exact_grids(info: StreamInfo, counts_per_g: float | None = None) -> Iterator[Grid]:
    """Grids worth trying for an exact copy, the smallest first; the last one holds anything."""
    recorded = info.calibration.method != "none"
    scales = [(counts_per_g, 1.0)] if counts_per_g else []
    scales += [(divisor, 1.0) for divisor in _SENSORS]
    if info.range_g:
        scales += [(32768.0 / info.range_g, 1.0), (1.0, info.range_g / 32768.0)]
    scales += [(divisor, factor) for factor in (1.0, *G_PER_UNIT.values()) for divisor in _DECIMALS]
    kinds: tuple[Kind, ...] = ("int16", "int32")
    for kind in kinds:
        for divisor, factor in dict.fromkeys(scales):
            yield Grid(kind=kind, divisor=divisor, factor=factor, recorded=recorded)
    yield Grid(kind="float32")
    yield Grid(kind="float64")


def near_grids(info: StreamInfo, counts_per_g: float) -> Sequence[Grid]:
    """Grids of a given scale, for a copy within half a count."""
    recorded = info.calibration.method != "none"
    return (
        Grid(kind="int16", divisor=counts_per_g, recorded=recorded),
        Grid(kind="int32", divisor=counts_per_g, recorded=recorded),
    )
