"""A line that transfers share: a site's way to the internet, or a node's to the other nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pvekit.lab.clock import Clock
from pvekit.lab.figures import Figures
from pvekit.lab.guests.disk import IMAGE_MAGIC

_STEP = 0.25  # simulated seconds after which it is looked who else is on the line
_MIB = 1 << 20


@dataclass(frozen=True)
class Speed:
    """What goes over a line in MiB per second: one transfer alone, and all of them together."""

    alone: float
    together: float


@dataclass
class Line:
    """Transfers that share a line evenly."""

    busy: int = 0

    async def carry(self, clock: Clock, size: int, speed: Speed, within: float = math.inf) -> int:
        """Let the time pass that bytes take; return how many come within so many seconds."""
        self.busy += 1
        done = passed = 0.0
        try:
            await clock.sleep(0)  # others may begin at the same moment
            while done < size and passed < within:
                pace = min(speed.alone, speed.together / self.busy) * _MIB
                step = min((size - done) / pace, within - passed)
                if clock.scale:
                    step = min(step, _STEP)
                await clock.sleep(step)
                done += step * pace
                passed += step
        finally:
            self.busy -= 1
        return min(size, round(done))


def internet_speed(figures: Figures) -> Speed:
    """Return what goes over a site's way to the internet."""
    return Speed(figures.download_one, figures.download_all)


def node_speed(figures: Figures) -> Speed:
    """Return what goes from a node to others through SSH."""
    return Speed(figures.volume_migration, figures.node_link)


def weight(data: bytes, figures: Figures) -> int:
    """Return how many bytes go over a line: an image is small in the lab only."""
    if data.startswith(IMAGE_MAGIC):
        return max(len(data), int(figures.image_size * _MIB))
    return len(data)
