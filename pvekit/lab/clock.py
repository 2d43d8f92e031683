"""The lab's time: how long things take there, under a profile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from pvekit.lab.figures import Figures, read, realistic

LEAST = 0.001
"""What a simulated pause takes at least: who polls in a loop must not outrun what it waits for."""


@dataclass(frozen=True)
class Clock:
    """Wall time, and durations multiplied by ``scale``: 0 is immediate, 1 realistic."""

    scale: float = 0.0
    figures: Figures = field(default_factory=realistic)

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> float:
        """Let simulated seconds pass; always gives way to others, even when immediate.

        Returns how many more have passed, for this process had other things to do.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(max(seconds * self.scale, LEAST if seconds else 0.0))
        return max(0.0, (loop.time() - began) / self.scale - seconds) if self.scale else 0.0


@dataclass(frozen=True)
class SkewedClock(Clock):
    """The clock of one machine, which may be wrong: ``ahead`` seconds before the true time."""

    true: Clock = field(default_factory=Clock)
    ahead: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> float:
        """Return what the machine takes for the time."""
        return self.true.now() + self.ahead[0]

    async def sleep(self, seconds: float) -> float:
        """Let simulated seconds pass: they pass alike everywhere."""
        return await self.true.sleep(seconds)


PROFILES = {"immediate": Clock(0.0), "realistic": Clock(1.0)}
"""The built-in profiles by name."""


def clock_of(profile: str) -> Clock:
    """Return the clock of a profile: a built-in one, or that of a file.

    Raises :class:`pvekit.lab.figures.ProfileError`.
    """
    if profile in PROFILES:
        return PROFILES[profile]
    found = read(Path(profile))
    return Clock(found.scale, found.figures)
