"""Samples of unequal intervals, laid out in equal steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST = 50_000
"""So many steps are laid out at most: what lies further back is left out."""


@dataclass(frozen=True)
class Timeline:
    """Equal steps of some seconds; the last one begins at ``end``, in seconds since the epoch."""

    step: int
    end: int
    count: int

    @classmethod
    def over(cls, step: int, first: int, last: int) -> Timeline:
        """Return the steps up to one that begins at ``last``, the first reaches to ``first``."""
        return cls(step, last, max(1, min((last - first) // step + 1, MOST)))

    @property
    def begin(self) -> int:
        """When the first step begins."""
        return self.end - (self.count - 1) * self.step

    def highest(
        self, samples: Iterable[tuple[float, float, float | None]]
    ) -> tuple[float | None, ...]:
        """Return the highest value of each step; a sample is from when, until when, and how much.

        None is a step that no sample reaches into.
        """
        values: list[float | None] = [None] * self.count
        begin, step, count = self.begin, self.step, self.count
        for since, until, value in samples:
            if value is None:
                continue
            first = int((since - begin) // step)
            last = max(first + 1, -int((begin - until) // step))
            for index in range(max(0, first), min(count, last)):
                known = values[index]
                if known is None or value > known:
                    values[index] = value
        return tuple(values)
