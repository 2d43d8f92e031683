"""Advisory locks on paths after ``flock(2)``: many may share one, or one holds it alone."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from pvekit.lab.clock import Clock

_TICK = 0.1  # simulated seconds between two looks
_GRACE = 0.003  # real seconds per look, so that holders get on even when time is immediate


@dataclass(eq=False)
class Handle:
    """A lock that is held until :meth:`release`."""

    path: str
    shared: bool
    _holders: list[Handle] = field(repr=False)

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        if self in self._holders:
            self._holders.remove(self)


class Locks:
    """The locks of one machine, by path without symbolic links."""

    def __init__(self, clock: Clock, resolve: Callable[[str], str]) -> None:
        self._clock = clock
        self._resolve = resolve
        self._held: dict[str, list[Handle]] = {}

    def held(self, path: str) -> bool:
        """Tell whether anybody holds the lock in any way."""
        return bool(self._held.get(self._resolve(path)))

    def try_acquire(self, path: str, *, shared: bool = False) -> Handle | None:
        """Take the lock if it is free for that, at once."""
        holders = self._held.setdefault(self._resolve(path), [])
        if any(not (shared and other.shared) for other in holders):
            return None
        handle = Handle(path, shared, holders)
        holders.append(handle)
        return handle

    async def acquire(
        self, path: str, *, shared: bool = False, timeout: float | None = None
    ) -> Handle | None:
        """Wait for the lock up to ``timeout`` simulated seconds (None: for ever)."""
        looks = math.inf if timeout is None else math.ceil(timeout / _TICK)
        while True:
            handle = self.try_acquire(path, shared=shared)
            if handle is not None or looks <= 0:
                return handle
            looks -= 1
            await elapse(self._clock, _TICK)

    def release(self, handle: Handle) -> None:
        """Give a lock back."""
        handle.release()

    def clear(self) -> None:
        """Forget all locks: the machine lost its power."""
        for holders in self._held.values():
            holders.clear()


async def elapse(clock: Clock, seconds: float) -> None:
    """Let simulated seconds pass, but give others a fair chance to get on meanwhile."""
    await clock.sleep(seconds)
    await asyncio.sleep(_GRACE if clock.scale == 0 else 0)
