"""Where a person is in her plan, as the coach says it: block by block, and sets that are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: The block of landings in a plan.
LANDINGS = "landings"


@dataclass(slots=True)
class PlanWalk:
    """Goes through the blocks of a plan; nothing is declared before the coach's first word.

    Attributes
    ----------
    names : sequence of str
        Blocks in order: lifts by name, and landings.
    at : int
        The block that is declared; -1 before the first, `len(names)` after the last.
    ticked : dict of str to int
        Sets that the coach called done, by block.
    """

    names: Sequence[str]
    at: int = -1
    ticked: dict[str, int] = field(default_factory=dict)

    @property
    def block(self) -> str | None:
        """The block that is declared."""
        return self.names[self.at] if 0 <= self.at < len(self.names) else None

    @property
    def word(self) -> tuple[str | None, bool]:
        """What the engines are told: the lift that is due, and whether landings are."""
        return None if self.block == LANDINGS else self.block, self.block == LANDINGS

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
        self.ticked[name] = self.ticked.get(name, 0) + 1
        return name

    def recall(self, links: Iterable[Mapping[str, Any]]) -> None:
        """Be where the coach was when the session broke off."""
        for link in links:
            if link["event"] == "set done":
                self.ticked[link["block"]] = self.ticked.get(link["block"], 0) + 1
                continue
            name = LANDINGS if link["landing_block"] else link["exercise"]
            self.at = self.names.index(name) if name in self.names else self.at
