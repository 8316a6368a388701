"""The contract of every stage of the engine: push and flush, and nothing hangs on where the samples were cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from loadsense.samples import Gap, SampleBlock

Out = TypeVar("Out", covariant=True)


class Stage(Protocol[Out]):
    """Samples in, facts out.

    What comes out over the whole life of a stage depends on the samples and gaps alone: whole, sample by sample and
    randomly cut pushes give the same facts, bit for bit. A stage keeps bounded memory and does linear work. Work may be
    done in hops, aligned to absolute sample indices.
    """

    def push(self, block: SampleBlock) -> Sequence[Out]:
        """Take the next samples; return what has become known."""
        ...

    def gap(self, gap: Gap) -> Sequence[Out]:
        """Samples are missing here: filters restart, no event spans its flight to its peak across the gap."""
        ...

    def flush(self) -> Sequence[Out]:
        """No more samples will come; return what is left."""
        ...
