"""Whether somebody asked a run to end: set by a signal, heeded where work is handed out."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pvekit.errors import Interrupted


class Stop:
    """A wish to end that a signal handler may tell at any moment.

    While steps run, the scheduler heeds it: nothing new begins, what is under way comes to its
    end. Anywhere else (reading, deciding, asking a person) the wish ends the command at once.
    """

    def __init__(self) -> None:
        self.number = 0
        self._wakers: list[Callable[[], None]] = []
        # A queue of this kind may be put into while the same thread waits on it; an event may not.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return bool(self.number)

    def ask(self, number: int) -> None:
        """Ask for the end, by a signal of this number; raises it where nobody heeds it."""
        self.number = self.number or number
        self._woken.put(None)
        for wake in self._wakers:
            wake()
        if not self._wakers:
            raise Interrupted(self.number)

    def check(self) -> None:
        """Raise :class:`Interrupted` if the end was asked for."""
        if self.number:
            raise Interrupted(self.number)

    @contextmanager
    def heeded(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have ``wake`` called when the end is asked for, instead of an exception raised."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)

    def sleep(self, seconds: float) -> None:
        """Let seconds pass, or fewer if the end is asked for."""
        with suppress(queue.Empty):
            self._woken.get(timeout=max(0.0, seconds))
