"""The table of live processes and what signals do to them."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(eq=False)
class LiveProcess:
    """A process while it lives. ``started`` counts seconds since boot.

    ``on_signal`` may take a signal upon itself by returning True; otherwise the process is ended
    (its task is cancelled) and ``signal`` tells the program which signal that was. ``cpu_seconds``
    returns how long it has used a processor; most are taken to use none.
    """

    pid: int
    argv: tuple[str, ...]
    parent: int = 1
    group: int = 0
    user: str = "root"
    started: float = 0.0
    task: asyncio.Task[int] | None = None
    on_signal: Callable[[int], bool] | None = None
    signal: int = 0
    ignored: frozenset[int] = frozenset()
    cpu_seconds: Callable[[], float] = lambda: 0.0

    def deliver(self, number: int) -> None:
        """Send it a signal; 0 only asks whether it lives."""
        if number in {0, signal.SIGCHLD, signal.SIGCONT} or number in self.ignored:
            return
        if number != signal.SIGKILL and self.on_signal is not None and self.on_signal(number):
            return
        self.signal = number
        if self.task is not None:
            self.task.cancel()

    async def wait(self) -> int:
        """Wait for its end and return its status; a waiter that is cancelled leaves it alive."""
        if self.task is None:
            return 0
        await asyncio.wait([self.task])
        if self.task.cancelled():
            return 128 + (self.signal or signal.SIGTERM)
        return self.task.result()


class ProcessTable(Mapping[int, LiveProcess]):
    """Live processes by pid; pids are never used twice between two boots."""

    def __init__(self, uptime: Callable[[], float]) -> None:
        self._uptime = uptime
        self._pids = itertools.count(1000)
        self._live: dict[int, LiveProcess] = {}

    def __getitem__(self, pid: int) -> LiveProcess:
        return self._live[pid]

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def add(
        self, argv: tuple[str, ...], *, parent: int = 1, group: int = 0, user: str = "root"
    ) -> LiveProcess:
        """Enter a process, the leader of its own group unless told otherwise."""
        pid = next(self._pids)
        live = LiveProcess(pid, argv, parent, group or pid, user, self._uptime())
        self._live[pid] = live
        return live

    def discard(self, live: LiveProcess) -> None:
        """Strike a process off; one that is gone already is no error."""
        if self._live.get(live.pid) is live:
            del self._live[live.pid]

    def group(self, number: int) -> list[LiveProcess]:
        """Return the members of a process group."""
        return [live for live in self._live.values() if live.group == number]

    def kill_all(self) -> None:
        """End every process at once, as a loss of power does."""
        for live in tuple(self._live.values()):
            live.on_signal = None
            live.ignored = frozenset()
            live.deliver(signal.SIGKILL)
        self._live.clear()
