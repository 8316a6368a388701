"""Where a person is in her plan, as the coach says it: block by block, and sets that are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadsense.samples import StreamInfo

#: The block of landings in a plan.
LANDINGS = "landings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of the coach, as the facts of a stream keep it.

    Attributes
    ----------
    at_sample : int
    block : str or None
        The block that is due from here on, or of which a set is done; None is none.
    is_done : bool
        A set is done.
    """

    at_sample: int
    block: str | None
    is_done: bool = False


def words_of(info: StreamInfo) -> list[Word]:
    """Everything that the coach said, in order; a set is done before the next block is due."""
    done = [Word(at_sample=one.at_sample, block=one.exercise, is_done=True) for one in info.sets_done]
    due = [
        Word(at_sample=one.first_sample, block=LANDINGS if one.landing_block else one.exercise) for one in info.declared
    ]
    return sorted([*done, *due], key=lambda word: word.at_sample)


@dataclass(slots=True)
class PlanWalk:
    """Goes through the blocks of a plan; nothing is declared before the coach's first word.

    Attributes
    ----------
    names : sequence of str
        Blocks in order: lifts by name, and landings.
    at : int
        The block that is declared; -1 before the first, `len(names)` after the last.
    ticked : list of str
        Blocks of which the coach called a set done, in order.
    """

    names: Sequence[str]
    at: int = -1
    ticked: list[str] = field(default_factory=list)

    @property
    def block(self) -> str | None:
        """The block that is declared."""
        return self.names[self.at] if 0 <= self.at < len(self.names) else None

    @property
    def word(self) -> tuple[str | None, bool]:
        """What the engines are told: the lift that is due, and whether landings are."""
        return None if self.block == LANDINGS else self.block, self.block == LANDINGS

    @property
    def done(self) -> Counter[str]:
        """Sets that the coach called done, by block."""
        return Counter(self.ticked)

    def move(self, steps: int) -> bool:
        """To the next or the previous block; returns whether there is one."""
        to = min(max(self.at + steps, -1), len(self.names))
        moved, self.at = to != self.at, to
        return moved

    def tick(self, shown: str | None) -> str | None:
        """A set of the declared block, or of the one that is shown, is done; returns its name."""
        name = self.block or shown
        if name is None or name == LANDINGS:
            return None
        self.ticked.append(name)
        return name

    def untick(self) -> str | None:
        """The set that was called done last was none; returns its name, None where nothing was called done."""
        return self.ticked.pop() if self.ticked else None

    def recall(self, words: Iterable[Word]) -> None:
        """Be where the coach was when she said this."""
        for word in words:
            if word.is_done and word.block is not None:
                self.ticked.append(word.block)
            elif word.block in self.names:
                self.at = self.names.index(word.block)
            elif word.block is None:  # before the first block, or behind the last
                self.at = len(self.names) if self.at >= len(self.names) - 1 else -1
