"""Waiting in a guest's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pvekit.lab.clock import Clock


async def until(
    clock: Clock, condition: Callable[[], bool], timeout_seconds: float, *, every: float = 0.25
) -> bool:
    """Wait for a condition in simulated time, looking ``every`` so many seconds.

    An immediate lab still gives others a chance.
    """
    for _ in range(max(1, int(timeout_seconds / every))):
        if condition():
            return True
        await clock.sleep(every)
        await asyncio.sleep(0.004 * every)
    return condition()
