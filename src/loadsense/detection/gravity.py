"""Which way is up, for a stream in hops: causal, and the same whatever number of hops is at hand."""

from __future__ import annotations

import numpy as np

from loadsense.samples import FloatArray, IntArray
from loadsense.vectors import gravity_direction, resultant_g


class TrailingGravity:
    """Gravity of each hop: the mean acceleration of the hop itself and of the hops before it.

    Parameters
    ----------
    hop_samples : int
        Length of a hop.
    n_hops : int
        Hops in the mean, fewer at the start of a segment.

    Attributes
    ----------
    before : ndarray, shape (n_hops - 1, 4)
        Sums of the three axes over each of the last hops, and its samples; zeros before the start of a segment.
    """

    def __init__(self, *, hop_samples: int, n_hops: int) -> None:
        self._hop = hop_samples
        self._n_before = n_hops - 1
        self.restart()

    def restart(self) -> None:
        """Forget the hops before."""
        self.before: FloatArray = np.zeros((self._n_before, 4))

    def split(self, axes_g: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Part along gravity of each sample, and the length of the mean acceleration that each hop was told by.

        Parameters
        ----------
        axes_g : ndarray, shape (3, n)
            Whole hops, or the shorter end of a segment; RAW g.

        Returns
        -------
        vertical_g : ndarray, shape (n,)
            NaN where gravity has no direction.
        mean_g, n_samples : ndarray, shape (hops,)
            Length of the mean, 1 g where the wearer ends as she began, and samples of the hop.
        """
        hops = _hop_sums(axes_g, self._hop)
        n, table = len(hops), np.concatenate((self.before, hops))
        total = table[:n].copy()
        for shift in range(1, self._n_before + 1):
            total += table[shift : shift + n]
        self.before = table[n:]
        mean_g, lengths = total[:, :3] / total[:, 3:], hops[:, 3].astype(np.int64)
        towards = np.repeat(gravity_direction(mean_g).T, lengths, axis=1)
        vertical: FloatArray = axes_g[0] * towards[0]
        vertical += axes_g[1] * towards[1]
        vertical += axes_g[2] * towards[2]
        return vertical, resultant_g(mean_g.T), lengths


def _hop_sums(axes_g: FloatArray, hop: int) -> FloatArray:
    """Sums of the axes and length of each hop, the last one perhaps shorter; shape (hops, 4).

    Each sum runs over contiguous values, so that the number of hops at hand changes no bit of it.
    """
    n_hops, left = divmod(axes_g.shape[1], hop)
    table = np.full((n_hops + (left > 0), 4), float(hop))
    table[:n_hops, :3] = np.ascontiguousarray(axes_g[:, : n_hops * hop]).reshape(3, n_hops, hop).sum(axis=2).T
    if left:
        table[n_hops] = [*np.ascontiguousarray(axes_g[:, n_hops * hop :]).sum(axis=1), left]
    return table
