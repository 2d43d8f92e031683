"""Tasks of a node: their ids and logs, what their output goes to, and how long copying takes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from pvekit.lab.amounts import render_bytes
from pvekit.lab.clock import Clock
from pvekit.lab.files import FileSystem
from pvekit.lab.storage import Pool
from pvekit.lab.tasklog import Row, TaskFiles

Say = Callable[[str], Awaitable[None]]

_STEPS = 20
_SMALLEST_STEP = 8 << 20
_TELLING_SECONDS = 2  # how long nothing is told at most
_SHOWN = 25  # finished tasks in the list of the last ones
_LOOK_BACK = 500
_ENDED_WELL = re.compile(r"OK$|WARNINGS: ")
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
    """All tasks of one node, oldest first; ``files`` is where they are logged."""

    def __init__(
        self,
        node: str,
        now: Callable[[], float],
        uptime: Callable[[], float],
        files: FileSystem | None = None,
    ) -> None:
        self._node = node
        self._now = now
        self._uptime = uptime
        self._files = TaskFiles(files) if files is not None else None
        self.all: list[Task] = []
        self.announce: Callable[[int, str, bool], None] = lambda _pid, _text, _failed: None
        """Called with (pid, text, whether it failed) where a task begins or ends."""

    def start(self, kind: str, subject: str, pid: int) -> Task:
        """Enter a new task."""
        pstart, starttime = int(self._uptime() * 100), int(self._now())
        # The pid alone tells two tasks of one second apart, as on a real node.
        upid = (
            f"UPID:{self._node}:{pid:08X}:{pstart:08X}:{starttime:08X}:{kind}:{subject}:root@pam:"
        )
        task = Task(upid, self._node, kind, subject, pid, pstart, starttime)
        self.all.append(task)
        self.announce(pid, f"starting task {upid}", False)  # noqa: FBT003
        if self._files:
            self._files.begin(upid)
            self._show()
        return task

    def say(self, task: Task, text: str) -> None:
        """Add a text to a task's log."""
        task.lines.extend(text.splitlines())
        if self._files:
            self._files.note(task.upid, text)

    def finish(self, task: Task, status: str, *, silent: bool = False) -> None:
        """Note how a task ended: ``OK`` or its error; a killed one could log nothing more."""
        task.endtime, task.status = int(self._now()), status
        if not silent:
            ending = f"TASK {status}" if _ENDED_WELL.match(status) else f"TASK ERROR: {status}"
            self.say(task, f"{ending}\n")
            failed = _ENDED_WELL.match(status) is None
            self.announce(task.pid, f"end task {task.upid} {status}", failed)
        if self._files:
            self._files.end(_row(task))
            self._show()

    def _show(self) -> None:
        running = [task for task in self.all[-_LOOK_BACK:] if not task.endtime]
        ended = [task for task in self.all[-_SHOWN:] if task.endtime]
        rows = map(_row, sorted(running + ended, key=lambda task: -task.starttime))
        if self._files:
            self._files.show(rows)

    def find(self, upid: str) -> Task | None:
        """Return a task by its id."""
        return next((task for task in self.all if task.upid == upid), None)

    def to_data(self) -> list[dict[str, Any]]:
        """Return the finished tasks as JSON data."""
        return [asdict(task) for task in self.all if task.endtime]

    def restore(self, data: list[Mapping[str, Any]]) -> None:
        """Take over the tasks from :meth:`to_data`."""
        self.all = [Task(**entry) for entry in data]


def _row(task: Task) -> Row:
    return Row(task.upid, bool(task.endtime), task.endtime, task.status)


class Telling(Protocol):
    """How the progress of a copy is told."""

    def at(self, done: int, size: int) -> str:
        """Return the lines at some point on the way."""
        ...

    def end(self, size: int) -> str:
        """Return the lines at the end."""
        ...


class Converting:
    """The progress lines of ``qemu-img convert``."""

    def at(self, done: int, size: int) -> str:
        """Return the line at some point on the way."""
        percent = 100 * done / size if size else 100.0
        return f"transferred {render_bytes(done, 1)} of {render_bytes(size, 1)} ({percent:.2f}%)\n"

    def end(self, size: int) -> str:
        """Return the last line, which is told twice."""
        return self.at(size, size) * 2


@dataclass
class Copy:
    """The copying of a disk onto a storage, at the pace that all copies there leave each other.

    ``limit`` is a bandwidth in bytes per second, or 0.
    """

    clock: Clock
    pool: Pool
    limit: int = 0

    async def run(self, size: int, say: Say, telling: Telling | None = None) -> None:
        """Let the time pass, with the progress lines of ``qemu-img convert`` or others."""
        telling = telling or Converting()
        step = min(max(_SMALLEST_STEP, -(-size // _STEPS)), int(self.pace() * _TELLING_SECONDS) + 1)
        self.pool.copies += 1
        late = 0.0
        try:
            for done in range(0, size, step):
                await say(telling.at(done, size))
                seconds = min(step, size - done) / self.pace()
                # What took too long is made up for: a copy is as long as it is, in all.
                rest = max(0.0, seconds - late)
                late += rest + await self.clock.sleep(rest) - seconds
        finally:
            self.pool.copies -= 1
        await say(telling.end(size))

    def pace(self) -> float:
        """Return how fast it goes now, in bytes per second."""
        figures = self.clock.figures
        together = figures.copy_all / max(1, self.pool.copies)
        pace = min(figures.copy_one, together) * (1 << 20)
        return min(pace, self.limit) if self.limit else pace
