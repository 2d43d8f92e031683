"""Points in time after which nobody waits any longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


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


def bounded(call: Callable[[], T], seconds: float) -> T:
    """Return what a call without a deadline of its own returns, or raise ``TimeoutError``.

    It runs in a daemon thread, which is left behind when it does not come back: name servers and
    SSH agents can hang for minutes, and nothing in their interfaces says how long to wait.
    """
    future: Future[T] = Future()

    def answer() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised by the one who waits
            future.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return future.result(seconds)
