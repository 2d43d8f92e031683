"""The lab's time: how long things take there, under a profile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

LEAST = 0.001
"""What a simulated pause takes at least: who polls in a loop must not outrun what it waits for."""


@dataclass(frozen=True)
class Clock:
    """Wall time, and durations multiplied by ``scale``: 0 is immediate, 1 realistic."""

    scale: float = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass; always gives way to others, even when immediate."""
        await asyncio.sleep(max(seconds * self.scale, LEAST if seconds else 0.0))


PROFILES = {"immediate": Clock(0.0), "realistic": Clock(1.0)}
