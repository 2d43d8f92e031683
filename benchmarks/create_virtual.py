"""A lab and pvekit in one process, on one clock that jumps on while nobody has anything to do.

What is measured so does not depend on the processor: only what the lab lets take time takes time.
"""

from __future__ import annotations

import asyncio
import math
import queue
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pvekit.run.scheduler
from pvekit.lab.clock import Clock as LabClock
from pvekit.lab.figures import Figures, realistic
from pvekit.lab.inprocess import LabLoop, LabShell
from pvekit.lab.site import Site, SiteSpec
from pvekit.plan import Guest, Place
from pvekit.run.clock import Clock
from pvekit.shell import Command, LinkLost, Result, Unreachable

T = TypeVar("T")

CONNECTION = 0.3
"""Seconds that a new SSH connection takes (the lab's figure ``node_connection``)."""

ROUND_TRIP = 0.002
"""Seconds that a command over a connection takes besides its own work."""

EPOCH = 1_800_000_000.0


class Time:
    """The common time. ``_busy`` counts who has something to do: only when none has, time jumps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()
        self._busy = 1  # the main thread
        self._wake: tuple[float, queue.SimpleQueue[Any]] | None = None
        self.kick: Callable[[], object] = lambda: None

    def add(self, count: int) -> None:
        """Count some more, or fewer, who have something to do."""
        with self._lock:
            self._busy += count
            idle = not self._busy
        if idle:
            self.kick()

    @property
    def idle(self) -> bool:
        """Whether nobody has anything to do; what was handed to the loop was so before that."""
        with self._lock:
            return not self._busy

    def jump(self, timer: float | None) -> bool:
        """Go on to the next event, and return whether that is the loop's timer."""
        with self._lock:
            due = math.inf if timer is None else self.now + timer
            wake = self._wake[0] if self._wake else math.inf
            if min(due, wake) == math.inf:
                raise RuntimeError("everybody waits for ever")
            self.now = max(self.now, min(due, wake))
            if self._wake and wake <= due:
                self._wake[1].put(None)
                self._wake = None
                self._busy += 1
            return due <= wake

    def receive(self, messages: queue.SimpleQueue[Any], seconds: float | None) -> Any:
        """Wait for a message, on the main thread; ``None`` is one that says that it is time."""
        with self._lock:
            if seconds is not None:
                self._wake = (self.now + seconds, messages)
            self._busy -= 1
            idle = not self._busy
        if idle:
            self.kick()
        message = messages.get()
        with self._lock:
            if message is not None:
                # Its sender's turn is the main thread's now, unless the time has come as well.
                self._busy -= self._wake is None and seconds is not None
                self._wake = None
        return message

    def sleep(self, seconds: float) -> None:
        """Let time pass on the main thread."""
        if seconds > 0:
            self.receive(queue.SimpleQueue(), seconds)


class _Selector(selectors.DefaultSelector):
    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[Any]:
        while True:
            idle = self._time.idle
            ready = super().select(0)
            if ready or timeout == 0:
                return ready
            if not idle:
                super().select(None)
            elif self._time.jump(timeout):
                return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, time: Time) -> None:
        self._common = time
        super().__init__(_Selector(time))
        time.kick = lambda: self.call_soon_threadsafe(lambda: None)

    def time(self) -> float:
        return self._common.now


class _LabLoop(LabLoop):
    def __init__(self, time: Time) -> None:
        self._time = time
        self._runner = asyncio.Runner(loop_factory=lambda: _Loop(time))
        self._loop = self._runner.get_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lab", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], timeout_seconds: float | None = None) -> T:
        del timeout_seconds  # it would be one of real time

        async def counted() -> T:
            try:
                return await work
            finally:
                self._time.add(1)

        future = asyncio.run_coroutine_threadsafe(counted(), self._loop)
        self._time.add(-1)
        return future.result()


@dataclass(frozen=True)
class _LabClock(LabClock):
    scale: float = 1.0
    time: Time = field(default_factory=Time)

    def now(self) -> float:
        return EPOCH + self.time.now


@dataclass
class _Shell:
    site: VirtualSite
    place: Place

    def run(self, command: Command) -> Result:
        line, stdin, place, lab = command.line(), command.input(), self.place, self.site.lab
        self.site.delay(place)
        try:
            if isinstance(place, str):
                status, out, err = lab.run_line(place, line, stdin)
            else:
                status, out, err = lab.run_guest_line(place.address, line, stdin, user=place.user)
        except ConnectionRefusedError as error:
            raise Unreachable(f"nobody answers at {error}") from error
        except ConnectionError as error:
            raise LinkLost(f"{command.words[0]}: {error}") from error
        return Result(command, status, out.decode(errors="replace"), err.decode(errors="replace"))


class VirtualSite:
    """Implements pvekit.run.site.Site over a lab on the common time."""

    def __init__(self, lab: LabShell, time: Time) -> None:
        self.lab = lab
        self.time = time
        self._known: set[object] = set()

    def delay(self, place: object) -> None:
        """Let pass what a connection or a round trip takes."""
        seconds = ROUND_TRIP if place in self._known else CONNECTION
        self._known.add(place)

        async def passed() -> None:
            await asyncio.sleep(seconds)

        self.lab.loop.call(passed())

    def shell(self, place: Place) -> _Shell:
        return _Shell(self, place)

    def reach(self, guest: Guest) -> str:
        self.delay(("port", guest.node))
        found = self.lab.loop.do(lambda: self.lab.site.guest_at(guest.address))
        if found is None or not self.lab.loop.do(lambda: found.ssh_ready):
            raise Unreachable(f"{guest.address} does not answer")
        return "SSH-2.0-lab"

    def is_behind(self, node: str) -> bool:
        return not node

    @property
    def clock(self) -> Clock:
        """Return the clock for pvekit."""
        return Clock(lambda: self.time.now, self.time.sleep, self.time.receive)

    def on(self, node: str, line: str) -> str:
        """Return what a line prints on a node."""
        return self.lab.run_line(node, line)[1].decode()

    def forget_connections(self) -> None:
        """Let the next command to each machine need a connection of its own."""
        self._known.clear()


def _pool_on(time: Time) -> Callable[..., ThreadPoolExecutor]:
    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int, **kwargs: Any) -> None:
            super().__init__(workers, **kwargs)
            self._turn = threading.Lock()
            self._free, self._queued = workers, 0

        def submit(self, work: Callable[[], Any]) -> Future[Any]:  # type: ignore[override]
            """Run some work; it counts as busy from when there is a thread for it."""
            with self._turn:
                if self._free:
                    self._free -= 1
                    time.add(1)
                else:
                    self._queued += 1
            return super().submit(self._run, work)

        def _run(self, work: Callable[[], Any]) -> Any:
            try:
                return work()
            finally:
                with self._turn:
                    if self._queued:
                        self._queued -= 1
                        time.add(1)
                    else:
                        self._free += 1

    return Pool


@contextmanager
def virtual_site(spec: SiteSpec, figures: Figures | None = None) -> Iterator[VirtualSite]:
    """Have a site on a time of its own; things take as long there as the figures say."""
    time = Time()
    loop = _LabLoop(time)
    usual = pvekit.run.scheduler.ThreadPoolExecutor
    pvekit.run.scheduler.ThreadPoolExecutor = _pool_on(time)  # type: ignore[assignment,misc]
    try:
        site = loop.do(
            lambda: Site(spec, clock=_LabClock(figures=figures or realistic(), time=time))
        )
        yield VirtualSite(LabShell(site, loop), time)
    finally:
        pvekit.run.scheduler.ThreadPoolExecutor = usual  # type: ignore[misc]
        loop.end()
