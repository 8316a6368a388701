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
    """

    def __init__(self, *, hop_samples: int, n_hops: int) -> None:
        self._hop = hop_samples
        self._n_before = n_hops - 1
        self.restart()

    def restart(self) -> None:
        """Forget the hops before."""
        self._sums: FloatArray = np.zeros((self._n_before, 3))
        self._counts: FloatArray = np.zeros(self._n_before)

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
        sums, counts = _hop_sums(axes_g, self._hop)
        self._sums = np.concatenate((self._sums, sums))
        self._counts = np.concatenate((self._counts, counts))
        n = len(sums)
        total, count = self._sums[:n].copy(), self._counts[:n].copy()
        for shift in range(1, self._n_before + 1):
            total += self._sums[shift : shift + n]
            count += self._counts[shift : shift + n]
        self._sums, self._counts = self._sums[n:], self._counts[n:]
        mean_g, lengths = total / count[:, None], counts.astype(np.int64)
        towards = np.repeat(gravity_direction(mean_g).T, lengths, axis=1)
        vertical: FloatArray = axes_g[0] * towards[0]
        vertical += axes_g[1] * towards[1]
        vertical += axes_g[2] * towards[2]
        return vertical, resultant_g(mean_g.T), lengths


def _hop_sums(axes_g: FloatArray, hop: int) -> tuple[FloatArray, FloatArray]:
    """Sum (hops, 3) and length of each hop, the last one perhaps shorter.

    Each sum runs over contiguous values, so that the number of hops at hand changes no bit of it.
    """
    n_hops, left = divmod(axes_g.shape[1], hop)
    sums = np.ascontiguousarray(axes_g[:, : n_hops * hop]).reshape(3, n_hops, hop).sum(axis=2).T
    counts = np.full(n_hops, float(hop))
    if left:
        rest = np.ascontiguousarray(axes_g[:, n_hops * hop :]).sum(axis=1)
        sums, counts = np.concatenate((sums, rest[None])), np.append(counts, float(left))
    return np.asarray(sums), counts
