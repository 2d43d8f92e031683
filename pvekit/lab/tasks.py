"""Tasks of a node: their ids and logs, what their output goes to, and how long copying takes."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from pvekit.lab.clock import Clock
from pvekit.lab.failure import Failure
from pvekit.lab.process import Process
from pvekit.lab.storage import Pool

Say = Callable[[str], Awaitable[None]]

PROGRAM_SECONDS = 0.8  # one start of a Perl program, measured idle
# Bytes per second, measured: 2 GiB alone in 3.7 s, eight such copies at once in 12 to 18 s.
BANDWIDTH = 1200 << 20
ONE_COPY = 600 << 20
_STEPS = 20
_SMALLEST_STEP = 8 << 20
_UPID = re.compile(r"UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s]+:[^:\s]*:[^:\s]+:")


@dataclass
class Task:
    """One task; times are seconds since the epoch, ``status`` is empty while it runs."""

    upid: str
    node: str
    kind: str
    id: str
    pid: int
    pstart: int
    starttime: int
    endtime: int = 0
    status: str = ""
    lines: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return what ``/nodes/NODE/tasks`` shows of it."""
        shown: dict[str, Any] = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.starttime,
            "type": self.kind,
            "id": self.id,
            "user": "root@pam",
        }
        if self.endtime:
            shown |= {"endtime": self.endtime, "status": self.status}
        return shown


def is_upid(text: str) -> bool:
    """Return whether a text is a task's id."""
    return _UPID.fullmatch(text) is not None


class TaskList:
    """All tasks of one node, oldest first."""

    def __init__(self, node: str, now: Callable[[], float], uptime: Callable[[], float]) -> None:
        self._node = node
        self._now = now
        self._uptime = uptime
        self.all: list[Task] = []

    def start(self, kind: str, subject: str, pid: int) -> Task:
        """Enter a new task."""
        pstart, starttime = int(self._uptime() * 100), int(self._now())
        # The pid alone tells two tasks of one second apart, as on a real node.
        upid = (
            f"UPID:{self._node}:{pid:08X}:{pstart:08X}:{starttime:08X}:{kind}:{subject}:root@pam:"
        )
        task = Task(upid, self._node, kind, subject, pid, pstart, starttime)
        self.all.append(task)
        return task

    def finish(self, task: Task, status: str) -> None:
        """Note how a task ended: ``OK`` or its error."""
        task.endtime, task.status = int(self._now()), status
        task.lines.append("TASK OK" if status == "OK" else f"TASK ERROR: {status}")

    def find(self, upid: str) -> Task | None:
        """Return a task by its id."""
        return next((task for task in self.all if task.upid == upid), None)

    def to_data(self) -> list[dict[str, Any]]:
        """Return the finished tasks as JSON data."""
        return [asdict(task) for task in self.all if task.endtime]

    def restore(self, data: list[Mapping[str, Any]]) -> None:
        """Take over the tasks from :meth:`to_data`."""
        self.all = [Task(**entry) for entry in data]


@asynccontextmanager
async def worker(
    tasks: TaskList, process: Process, kind: str, subject: str, started: list[Task]
) -> AsyncIterator[Say]:
    """Run the body as a task, added to ``started``; what it says goes to stdout and its log.

    Progress that nobody reads any more raises :class:`BrokenPipeError` in the body, which then
    must not clean up: the real worker is killed by that signal.
    """
    live = process.machine.processes.add(process.argv)
    task = tasks.start(kind, subject, live.pid)
    started.append(task)

    async def say(text: str) -> None:
        task.lines.extend(text.splitlines())
        await process.say(text)

    status = "unexpected status"
    try:
        yield say
        status = "OK"
    except Failure as failure:
        status = failure.message.strip()
        raise
    except BrokenPipeError:
        status = "broken pipe"
        raise
    except asyncio.CancelledError:
        status = "interrupted by signal"
        raise
    finally:
        process.machine.processes.discard(live)
        tasks.finish(task, status)


def was_killed(process: Process) -> bool:
    """Return whether the cancelled process may not even clean up: SIGKILL, or the power is gone."""
    live = process.machine.processes.get(process.pid)
    return live is None or live.signal == signal.SIGKILL


def render_bytes(size: int) -> str:
    """Write bytes as progress lines do: ``2.0 GiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


@dataclass
class Copy:
    """The copying of a disk onto a storage, at the pace that all copies there leave each other.

    ``limit`` is a bandwidth in bytes per second, or 0.
    """

    clock: Clock
    pool: Pool
    limit: int = 0

    async def run(self, size: int, say: Say) -> None:
        """Let the time pass, with the progress lines of ``qemu-img convert``."""
        step = max(_SMALLEST_STEP, size // _STEPS, 1)
        self.pool.copies += 1
        try:
            for done in range(0, size, step):
                await say(_progress(done, size))
                await self.clock.sleep(min(step, size - done) / self._pace())
        finally:
            self.pool.copies -= 1
        await say(_progress(size, size) * 2)

    def _pace(self) -> float:
        pace = min(ONE_COPY, BANDWIDTH / self.pool.copies)
        return min(pace, self.limit) if self.limit else pace


def _progress(done: int, size: int) -> str:
    percent = 100 * done / size if size else 100.0
    return f"transferred {render_bytes(done)} of {render_bytes(size)} ({percent:.2f}%)\n"
