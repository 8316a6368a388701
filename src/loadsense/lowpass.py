"""The one low-pass of the house: Butterworth of order 4 forwards and backwards, over a stream or a closed window.

Zero phase means that the filter runs forwards and then backwards, and a stream has no end to turn round at. Here the
forward pass runs as the samples come, and the backward pass runs over hops: hop k covers the samples [k H, (k + 1) H)
of its segment, and its backward pass begins a fixed look-ahead L behind the hop's end, from the steady state of the
value found there. What the start did wrong has died away by a factor of 1e-11 when the hop begins, so the result is
that of filtering the whole record to better than 1e-9 g: 0.7 s at 100 Hz and above, longer at slow rates.

Three things make it the same bits whatever pieces the samples came in: the forward pass is a recursion that carries its
state, seeded by the first *sample* of the segment; hops are counted from that sample; and a hop is filtered from the
same L + H forward values whether one or a thousand hops are ready. A gap, or the end, closes the segment: what is left
of it is filtered backwards from its last value.

The filter runs in compiled loops where they are loaded (`kernels/`), else in scipy's: the same bits. All of
`scipy.signal` costs most of a second to import, and one loop of it is needed: that loop is loaded from its own file,
with the first samples that need it.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.samples import FloatArray, Gap, SampleBlock

ORDER: Final = 4
#: The backward pass begins at least this long behind the hop it is for ...
LOOK_AHEAD_S: Final = 0.7
#: ... and late enough for its start to have died away by this factor.
LEFT_OF_START: Final = 1e-11
HOP_S: Final = 2.0
#: A digital low-pass cannot be steep near half the sampling rate: no cut-off is set above this share of the rate.
HIGHEST_CUTOFF_SHARE: Final = 0.4
#: Long pushes are worked off in pieces that stay in the cache.
_PIECE_SAMPLES: Final = 16_384


def possible_cutoff_hz(wanted_hz: float, sampling_rate_hz: float) -> float:
    """The cut-off that is used where one is wanted: at most 0.4 of the sampling rate.

    Examples
    --------
    >>> possible_cutoff_hz(20.0, 100.0), possible_cutoff_hz(20.0, 25.0)
    (20.0, 10.0)
    """
    return min(wanted_hz, HIGHEST_CUTOFF_SHARE * sampling_rate_hz)


def look_ahead_samples(cutoff_hz: float, sampling_rate_hz: float) -> int:
    """Samples behind a hop at which its backward pass has to begin.

    The slowest of the filter's poles, (1 + s) / (1 - s) for the analogue poles s, says how fast its start dies away.

    Examples
    --------
    >>> look_ahead_samples(20.0, 100.0), look_ahead_samples(20.0, 50.0)
    (70, 111)
    """
    warped = math.tan(math.pi * cutoff_hz / sampling_rate_hz)
    analogue = [warped * cmath.exp(1j * math.pi * (2 * k + ORDER + 1) / (2 * ORDER)) for k in range(ORDER)]
    slowest = max(abs((1 + s) / (1 - s)) for s in analogue)
    return max(math.ceil(LOOK_AHEAD_S * sampling_rate_hz), math.ceil(math.log(LEFT_OF_START) / math.log(slowest)))


@dataclass(frozen=True, slots=True)
class FilteredBlock:
    """Consecutive low-passed samples.

    Attributes
    ----------
    first_sample : int
        Index of the first column, counted from the start of the recording.
    axes_g : ndarray, shape (3, n)
        Axes x, y, z in RAW g, one contiguous row each.
    """

    first_sample: int
    axes_g: FloatArray


class _Filter:
    """Two second-order sections with their steady state, run by compiled loops where they are loaded."""

    def __init__(self, cutoff_hz: float, sampling_rate_hz: float) -> None:
        self._sos, self._steady = _design(cutoff_hz, sampling_rate_hz)
        one, two = self._sos.tolist()
        self._sections = (one[0], one[1], one[4], one[5]), (two[4], two[5])

    def settled_at(self, values: FloatArray) -> FloatArray:
        """State of the filter after having seen each value for ever; shape (sections, *values.shape, 2)."""
        steady = self._steady.reshape(len(self._sos), *([1] * values.ndim), 2)
        return np.asarray(steady * values[None, ..., None], dtype=np.float64)

    def run(self, signals: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Filter along the last axis from `state`; return the output and the state behind it."""
        out = np.empty(signals.shape)
        return out, self.run_into(out, signals, state)

    def run_into(self, out: FloatArray, signals: FloatArray, state: FloatArray) -> FloatArray:
        """Filter along the last axis from `state` into `out`; return the state behind it."""
        loops = kernels.compiled()
        if loops is None or signals.ndim != 2 or len(signals) != 3:
            out[...], after = _sosfilt(self._sos, signals, state)
            return after
        after = state.copy()
        loops.low_pass(signals, self._sections, after, out)
        return after

    def run_backward(self, signals: FloatArray) -> FloatArray:
        """Filter along the last axis from its end to its start, from the steady state of the last value."""
        turned = signals[..., ::-1]
        return self.run(turned, self.settled_at(turned[..., 0]))[0][..., ::-1]

    def run_backward_in_hops(self, forward: FloatArray, ahead: int, out: FloatArray) -> None:
        """Whole hops of a forward-filtered signal (3, n) into `out` (3, hops, hop), each begun `ahead` behind it."""
        loops = kernels.compiled()
        if loops is not None:
            loops.low_pass_hops(forward, self._sections, self._steady, ahead, out)
            return
        n_hops, hop = out.shape[1:]
        every = np.lib.stride_tricks.sliding_window_view(forward, hop + ahead, axis=1)
        out[...] = self.run_backward(every[:, : n_hops * hop : hop])[..., :hop]


def _sosfilt(sos: FloatArray, signals: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`scipy.signal.sosfilt` along the last axis: the output and the state behind it."""
    loop = _loop_of_scipy()
    if loop is None:
        from scipy.signal import sosfilt

        return sosfilt(sos, signals, axis=-1, zi=state)
    out, after = np.array(signals, order="C"), np.array(np.moveaxis(state, 0, -2), order="C")
    loop(sos, out.reshape(-1, out.shape[-1]), after.reshape(-1, *after.shape[-2:]))
    return out, np.moveaxis(after, -2, 0)


@lru_cache(maxsize=1)
def _loop_of_scipy() -> Callable[[FloatArray, FloatArray, FloatArray], None] | None:
    """What runs inside `sosfilt`, in place, from its own file; None where a later scipy keeps or calls it otherwise."""
    import scipy

    found = PathFinder.find_spec("scipy.signal._sosfilt", [f"{folder}/signal" for folder in scipy.__path__])
    if found is None or found.loader is None:
        return None
    module = module_from_spec(found)
    try:
        found.loader.exec_module(module)
        loop: Callable[[FloatArray, FloatArray, FloatArray], None] = module._sosfilt
        return loop if _works_in_place(loop) else None
    except (ImportError, AttributeError, TypeError, ValueError):
        return None


def _works_in_place(loop: Callable[[FloatArray, FloatArray, FloatArray], None]) -> bool:
    """Whether y[n] = x[n] / 2 + x[n - 1] / 4 + y[n - 1] / 2 comes out, with its state: both private and by hand."""
    signals, state = np.array([[1.0, 2.0]]), np.array([[[1.0, 0.0]]])
    loop(np.array([[0.5, 0.25, 0.0, 1.0, -0.5, 0.0]]), signals, state)
    return np.array_equal(signals, [[1.5, 2.0]]) and np.array_equal(state, [[[1.5, 0.0]]])


def _design(cutoff_hz: float, sampling_rate_hz: float) -> tuple[FloatArray, FloatArray]:
    """What `scipy.signal.butter(4, ..., output="sos")` and `sosfilt_zi` say, bit for bit, without a second of import.

    The poles of the analogue filter lie on a circle; the bilinear transform brings them into the unit circle and puts
    every zero at -1. The section with the poles nearest the unit circle comes last, the first one carries the gain.
    """
    warped = 4.0 * np.tan(np.pi * (2.0 * cutoff_hz / sampling_rate_hz) / 2.0)
    analogue = warped * -np.exp(1j * np.pi * np.arange(1 - ORDER, ORDER, 2, dtype=np.float64) / (2 * ORDER))
    gain = warped**ORDER * np.real(1.0 / np.prod(4.0 - analogue))
    poles = (4.0 + analogue) / (4.0 - analogue)
    poles = poles[poles.imag > 0.0]
    poles = poles[np.argsort(-np.abs(1.0 - np.abs(poles)))]
    sos = np.array([[1.0, 2.0, 1.0, 1.0, -2.0 * p.real, (p * p.conjugate()).real] for p in poles])
    sos[0, :3] *= gain
    steady, scale = np.empty((len(sos), 2)), 1.0
    for section, row in enumerate(sos):
        b, a = row[:3], row[3:]
        steady[section] = scale * np.linalg.solve(np.array([[1.0 + a[1], -1.0], [a[2], 1.0]]), b[1:] - a[1:] * b[0])
        scale *= b.sum() / a.sum()
    return sos, steady


@lru_cache(maxsize=32)
def _designed(cutoff_hz: float, sampling_rate_hz: float) -> _Filter:
    return _Filter(cutoff_hz, sampling_rate_hz)


def zero_phase(axes_g: FloatArray, *, cutoff_hz: float, sampling_rate_hz: float) -> FloatArray:
    """Low-pass a closed window forwards and backwards, each pass from the steady state of its first value.

    Parameters
    ----------
    axes_g : ndarray, shape (..., n)
        Signals along the last axis.
    cutoff_hz : float
        -3 dB frequency of one pass (-6 dB of both), below half the sampling rate.

    Returns
    -------
    ndarray, shape (..., n)
    """
    low_pass = _designed(cutoff_hz, sampling_rate_hz)
    forward, _ = low_pass.run(axes_g, low_pass.settled_at(axes_g[..., 0]))
    return np.ascontiguousarray(low_pass.run_backward(forward))


class ZeroPhaseLowPass:
    """Stage that low-passes a stream without shifting it in time.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    cutoff_hz : float
        -3 dB frequency of one pass; lowered to 0.4 of the rate where it is above.
    lasting : bool
        Whether each block owns its samples; else they hold until the next block is taken, and no memory is asked for.

    Attributes
    ----------
    cutoff_hz : float
        The cut-off in use.
    hop_samples, look_ahead_samples : int
        Every block that comes out is a whole number of hops, the last of a segment excepted.
    """

    def __init__(self, *, sampling_rate_hz: float, cutoff_hz: float, lasting: bool = True) -> None:
        self.sampling_rate_hz = sampling_rate_hz
        self.cutoff_hz = possible_cutoff_hz(cutoff_hz, sampling_rate_hz)
        self.look_ahead_samples = look_ahead_samples(self.cutoff_hz, sampling_rate_hz)
        self.hop_samples = round(HOP_S * sampling_rate_hz)
        self._filter: _Filter | None = None
        self._state: FloatArray | None = None
        self._waiting: list[FloatArray] = []
        self._n_waiting = 0
        self._first = 0
        self._forward: FloatArray = np.empty((3, 0))
        self._n_forward = 0
        self._work: FloatArray | None = None if lasting else np.empty(0)

    def push(self, block: SampleBlock) -> list[FilteredBlock]:
        """Take the next samples; return the hops whose look-ahead is complete."""
        return list(self.each(block))

    def each(self, block: SampleBlock) -> Iterator[FilteredBlock]:
        """Take the next samples; give the hops as they are ready, to be taken to the end."""
        for start in range(0, len(block), _PIECE_SAMPLES):
            piece = block.accel_g[start : start + _PIECE_SAMPLES]
            if self._state is None and not self._n_waiting:
                self._first = block.first_sample + start
            self._waiting.append(piece)
            self._n_waiting += len(piece)
            if self._n_waiting + self._n_forward >= self.hop_samples + self.look_ahead_samples:
                yield self._filter_hops()

    def gap(self, gap: Gap) -> list[FilteredBlock]:  # noqa: ARG002 - any gap closes the segment alike
        """Close the segment: the rest of it, filtered backwards from its last sample."""
        return self.flush()

    def flush(self) -> list[FilteredBlock]:
        """Close the segment; the next samples begin another."""
        filtered = list(self._filter_rest())
        self._state = None
        return filtered

    def _run_forward(self) -> _Filter:
        if self._filter is None:
            self._filter = _designed(self.cutoff_hz, self.sampling_rate_hz)
        rows = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        kernels.prepare(self._first + len(rows))
        self._waiting, self._n_waiting = [], 0
        if self._state is None:
            self._state = self._filter.settled_at(rows[0])
        start, end = self._n_forward, self._n_forward + len(rows)
        if end > self._forward.shape[1]:
            longer = np.empty((3, end + self.hop_samples))
            longer[:, :start] = self._forward[:, :start]
            self._forward = longer
        self._state = self._filter.run_into(self._forward[:, start:end], rows.T, self._state)
        self._n_forward = end
        return self._filter

    def _filter_hops(self) -> FilteredBlock:
        low_pass, forward = self._run_forward(), self._forward[:, : self._n_forward]
        hop, ahead = self.hop_samples, self.look_ahead_samples
        n_hops = (self._n_forward - ahead) // hop
        axes_g = self._empty(n_hops * hop)
        low_pass.run_backward_in_hops(forward, ahead, axes_g.reshape(3, n_hops, hop))
        return self._emit(axes_g)

    def _empty(self, n: int) -> FloatArray:
        if self._work is None:
            return np.empty((3, n))
        if len(self._work) < 3 * n:
            self._work = np.empty(3 * n)
        return self._work[: 3 * n].reshape(3, n)

    def _filter_rest(self) -> Iterator[FilteredBlock]:
        if self._n_waiting:
            self._run_forward()
        if self._filter is not None and self._n_forward:
            rest = self._forward[:, : self._n_forward]
            yield self._emit(np.ascontiguousarray(self._filter.run_backward(rest)))

    def _emit(self, axes_g: FloatArray) -> FilteredBlock:
        block, n = FilteredBlock(self._first, axes_g), axes_g.shape[1]
        self._first += n
        self._forward[:, : self._n_forward - n] = self._forward[:, n : self._n_forward]
        self._n_forward -= n
        return block
