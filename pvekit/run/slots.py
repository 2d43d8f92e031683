"""How many steps of a kind may run at once: fewer after a lock time-out, more after successes."""

from __future__ import annotations

from dataclasses import dataclass

GROW_AFTER = 5


@dataclass
class Slots:
    """The places of one slot: additive increase, halved when crowded."""

    limit: int
    most: int
    taken: int = 0
    good: int = 0

    def free(self) -> bool:
        """Whether one more may enter."""
        return self.taken < self.limit

    def enter(self) -> None:
        """Take a place."""
        self.taken += 1

    def leave(self, *, crowded: bool) -> None:
        """Give a place back and adapt the limit to how it went."""
        self.taken -= 1
        if crowded:
            self.limit, self.good = max(1, self.limit // 2), 0
            return
        self.good += 1
        if self.good >= GROW_AFTER:
            self.limit, self.good = min(self.most, self.limit + 1), 0
