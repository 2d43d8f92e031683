"""How many steps of a kind may run at once: half as many after a lock time-out, then more again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["well", "crowded", "failed"]
"""How a step left its place; ``crowded``: a lock timed out, so there were too many."""

GROWS_AFTER = 5
"""After so many that went well in a row one more is let in, up to as many as at first."""


@dataclass
class Slots:
    """The places of one slot.

    ``even``: those who come share something that fewer can use up as well. All who are left are
    let in evenly, in as few rounds as it takes: so none is alone with it in the end.
    """

    limit: int
    even: bool = False
    taken: int = 0
    most: int = field(init=False)
    well: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Remember how many there may be at most."""
        self.most = self.limit

    def free(self, waiting: int = 1) -> bool:
        """Whether one more may enter, of so many that wait."""
        if not self.even:
            return self.taken < self.limit
        left = self.taken + waiting
        rounds = math.ceil(left / self.limit)
        return self.taken < math.ceil(left / rounds)

    def enter(self) -> None:
        """Take a place."""
        self.taken += 1

    def hand_over(self) -> None:
        """Give a place back before the end."""
        self.taken -= 1

    def leave(self, how: Ending, *, handed: bool = False) -> None:
        """Give a place back, unless it was handed over, and learn from how it went."""
        if not handed:
            self.taken -= 1
        if how == "crowded":
            self.limit, self.well = max(1, self.limit // 2), 0
        elif how == "well":
            self.well += 1
            if self.well % GROWS_AFTER == 0:
                self.limit = min(self.most, self.limit + 1)
