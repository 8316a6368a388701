"""What the engine keeps of the stream: the unfinished beat, and the last seconds of raw samples."""

from __future__ import annotations

import numpy as np

from loadsense.samples import FloatArray, Gap, SampleBlock


class Beats:
    """Collects samples and hands them on in whole beats, cut at absolute multiples of the beat.

    Parameters
    ----------
    beat_samples : int
        Length of a beat.
    """

    def __init__(self, beat_samples: int) -> None:
        self._beat = beat_samples
        self._held: list[FloatArray] = []
        self._n_held = 0
        self._next_sample = 0

    @property
    def end(self) -> int:
        """Sample that comes next."""
        return self._next_sample

    def push(self, block: SampleBlock) -> SampleBlock | None:
        """Take samples; return those of the beats that are now whole, or None.

        Raises
        ------
        ValueError
            The block does not start where the one before it, or the gap before it, ended.
        """
        if block.first_sample != self._next_sample:
            raise ValueError(
                f"block starts at sample {block.first_sample}, expected {self._next_sample}: push in order"
            )
        self._next_sample += len(block)
        if not self._n_held and self._next_sample % self._beat == 0:
            return block if len(block) else None
        self._held.append(block.accel_g)
        self._n_held += len(block)
        n_whole = self._n_held - self._next_sample % self._beat
        return self._take(n_whole) if n_whole > 0 else None

    def flush(self) -> SampleBlock | None:
        """The samples that no whole beat holds yet, or None."""
        return self._take(self._n_held) if self._n_held else None

    def skip(self, gap: Gap) -> None:
        """Go on behind a gap.

        Raises
        ------
        ValueError
            The gap does not start where the samples ended.
        """
        if gap.first_sample != self._next_sample:
            raise ValueError(f"gap starts at sample {gap.first_sample}, expected {self._next_sample}: push in order")
        self._next_sample += gap.n_missing

    def _take(self, n: int) -> SampleBlock:
        first = self._next_sample - self._n_held
        whole = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        self._held, self._n_held = [whole[n:]], self._n_held - n
        if not self._n_held:
            self._held = []
        return SampleBlock(first, whole[:n])


class RawHistory:
    """The last raw samples, in stretches between gaps.

    Parameters
    ----------
    keep_samples : int
        How far back of the newest sample a window may reach once `forget` was called.
    """

    def __init__(self, keep_samples: int) -> None:
        self._keep = keep_samples
        self._stretches: list[list[SampleBlock]] = [[]]
        self.end = 0

    def append(self, block: SampleBlock) -> None:
        """Take the next samples."""
        self._stretches[-1].append(block)
        self.end = block.first_sample + len(block)

    def cut(self, gap: Gap) -> None:
        """Begin a new stretch: no window reaches over the gap."""
        self._stretches.append([])
        self.end = gap.first_sample + gap.n_missing

    def forget(self) -> None:
        """Drop blocks that end before everything a window may still ask for."""
        oldest = self.end - self._keep
        for stretch in self._stretches:
            while stretch and stretch[0].first_sample + len(stretch[0]) <= oldest:
                del stretch[0]
        if len(self._stretches) > 1:
            self._stretches[:-1] = [stretch for stretch in self._stretches[:-1] if stretch]

    def window(self, first: int, end: int, *, around: int) -> SampleBlock:
        """Samples of [first, end) that lie in the stretch of sample `around`, as one block.

        Raises
        ------
        ValueError
            The stretch is not kept any more: something asked too late.
        """
        for stretch in reversed(self._stretches):
            if stretch and stretch[0].first_sample <= around < stretch[-1].first_sample + len(stretch[-1]):
                return _window(stretch, first, end)
        raise ValueError(f"sample {around} is not kept any more: {self._keep} samples are")


def _window(stretch: list[SampleBlock], first: int, end: int) -> SampleBlock:
    parts = [
        block.accel_g[max(0, first - block.first_sample) : end - block.first_sample]
        for block in stretch
        if block.first_sample < end and block.first_sample + len(block) > first
    ]
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return SampleBlock(max(first, stretch[0].first_sample), whole)
