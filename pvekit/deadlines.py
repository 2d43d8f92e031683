"""Calls that nobody can end: they go on in a daemon thread, and are waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begun(call: Callable[[], T]) -> Future[T]:
    """Begin a call in a daemon thread, and return what will hold its result or its error.

    A thread that does not come back is left behind: name servers, SSH agents, imports and answers
    that drip can take minutes, nothing in their interfaces says how long to wait, and the process
    ends without them. No pool of threads does that: its threads are waited for at the end.
    """
    future: Future[T] = Future()

    def answer() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised by the one who waits
            future.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return future


def bounded(call: Callable[[], T], seconds: float) -> T:
    """Return what a call returns, or raise ``TimeoutError`` if it has not ended by then."""
    return begun(call).result(seconds)
