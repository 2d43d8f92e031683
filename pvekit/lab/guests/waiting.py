"""Waiting in a guest's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pvekit.lab.clock import Clock

_TICK = 0.25


async def until(clock: Clock, condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Wait for a condition in simulated time; an immediate lab still gives others a chance."""
    for _ in range(max(1, int(timeout_seconds / _TICK))):
        if condition():
            return True
        await clock.sleep(_TICK)
        await asyncio.sleep(0.001)
    return condition()
