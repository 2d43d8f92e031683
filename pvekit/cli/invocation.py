"""One command line, what asks it to end, and the time that it lives in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from pvekit.run.clock import Clock
from pvekit.run.stop import Stop

Time = Callable[[Stop], Clock]
"""Gives the clock by which a command goes until it is asked to end."""


def real_time(stop: Stop) -> Clock:
    """Give the machine's own clock; a pause ends early when the end is asked for."""
    return Clock(sleep=stop.sleep)


@dataclass(frozen=True)
class Invocation:
    """The words that were given, and whether a signal asked for the end.

    ``lock_wait`` is how many seconds to wait for another command of this kind on the site, None
    where it does not matter whether there is one.
    """

    words: tuple[str, ...] = ()
    stop: Stop = field(default_factory=Stop)
    lock_wait: float | None = None
    time: Time = real_time

    @cached_property
    def clock(self) -> Clock:
        """The clock of this command."""
        return self.time(self.stop)
