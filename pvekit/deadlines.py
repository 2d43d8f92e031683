"""Calls that nobody can end: they go on in a daemon thread, and are waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

_running: set[threading.Thread] = set()


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
        finally:
            _running.discard(threading.current_thread())

    thread = threading.Thread(target=answer, daemon=True)
    _running.add(thread)
    thread.start()
    return future


def left_behind() -> bool:
    """Whether calls still go on that nobody waits for.

    A process where that is so must end without the interpreter's own end: whatever that runs may
    need a lock that a thread holds which is never run again, such as that of an import.
    """
    return bool(_running)


def bounded(call: Callable[[], T], seconds: float) -> T:
    """Return what a call returns, or raise ``TimeoutError`` if it has not ended by then."""
    return begun(call).result(seconds)
