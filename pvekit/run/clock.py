"""Time, replaceable in tests."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Messages = queue.SimpleQueue[Any]

AT_A_TIME = 0.5
"""The longest wait, in seconds, in which a signal may go unheard.

Python runs a handler between two of its own steps: one whose signal comes just before a wait has
begun runs only when that has ended.
"""


def _receive(messages: Messages, seconds: float | None) -> Any:  # noqa: ANN401
    until = math.inf if seconds is None else time.monotonic() + seconds
    while (left := until - time.monotonic()) > AT_A_TIME:
        with suppress(queue.Empty):
            return messages.get(timeout=AT_A_TIME)
    return messages.get(timeout=max(0.0, left))


@dataclass(frozen=True)
class Clock:
    """``now`` gives monotonic seconds, ``sleep`` lets seconds pass.

    ``receive`` waits for a message, or raises ``queue.Empty`` after so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    receive: Callable[[Messages, float | None], Any] = _receive
