"""Time, replaceable in tests."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Messages = queue.SimpleQueue[Any]


def _receive(messages: Messages, seconds: float | None) -> Any:  # noqa: ANN401
    return messages.get(timeout=seconds)


@dataclass(frozen=True)
class Clock:
    """``now`` gives monotonic seconds, ``sleep`` lets seconds pass.

    ``receive`` waits for a message, or raises ``queue.Empty`` after so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    receive: Callable[[Messages, float | None], Any] = _receive
