"""How many steps of a kind may run at once: half as many after each lock time-out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Slots:
    """The places of one slot. What was too much once in a run is not tried again in it."""

    limit: int
    taken: int = 0

    def free(self) -> bool:
        """Whether one more may enter."""
        return self.taken < self.limit

    def enter(self) -> None:
        """Take a place."""
        self.taken += 1

    def leave(self, *, crowded: bool) -> None:
        """Give a place back; ``crowded`` says that there were too many."""
        self.taken -= 1
        if crowded:
            self.limit = max(1, self.limit // 2)
