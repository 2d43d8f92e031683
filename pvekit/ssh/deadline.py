"""Points in time after which nobody waits any longer."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How long each stage of reaching a machine may take, in seconds."""

    connect: float = 10.0
    handshake: float = 15.0
    auth: float = 20.0
    channel: float = 15.0
    agent: float = 5.0
    user_timeout: float = 30.0


@dataclass(frozen=True)
class Deadline:
    """A point on the monotonic clock, so that setting the machine's time changes nothing."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that passes in so many seconds."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """The seconds that are left, never less than 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0.0
