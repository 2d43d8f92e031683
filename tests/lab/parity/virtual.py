"""Time that passes only while everybody waits: long lab times, at once and in their order."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from pvekit.lab.clock import Clock

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Does not wait: the time until the next timer has passed then."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits for ever")
            self.passed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed


@dataclass(frozen=True)
class VirtualClock(Clock):
    """The lab's clock on such a loop: all durations are real ones, none is waited for."""

    scale: float = 1.0
    start: float = time.time()

    def now(self) -> float:
        try:
            return self.start + asyncio.get_running_loop().time()
        except RuntimeError:
            return self.start


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
