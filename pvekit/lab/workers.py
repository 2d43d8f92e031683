"""The processes that run tasks: how they are started, how they end, and what a signal does.

A program such as ``qm`` starts a worker, which leads a process group of its own, and passes its
output on. A signal to the program is passed on as well; without the program, or without anybody
who reads, the worker dies at the next line it prints.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pvekit.lab.failure import Failure
from pvekit.lab.locks import elapse
from pvekit.lab.machine import Machine
from pvekit.lab.process import Process
from pvekit.lab.processes import LiveProcess
from pvekit.lab.tasks import Say, Task, TaskList

INTERRUPTED = "interrupted by signal"
_NO_MESSAGE = "got unexpected control message"
_FORK_SECONDS = 0.05  # from the checks of a program to the first step of its worker
_PATIENCE = 5  # seconds between the signals TERM and KILL


@asynccontextmanager
async def worker(
    tasks: TaskList, process: Process, kind: str, subject: str, started: list[Task]
) -> AsyncIterator[Say]:
    """Run the body as a task, added to ``started``; what it says goes to stdout and its log.

    Progress that nobody reads any more raises :class:`BrokenPipeError` in the body, which then
    must not print again: the real worker is killed by that signal.
    """
    live = process.machine.processes.add((f"task {kind}",), parent=process.pid)
    task = tasks.start(kind, subject, live.pid)
    live.argv = (f"task {task.upid}",)
    live.task = asyncio.current_task()
    started.append(task)

    async def say(text: str) -> None:
        tasks.say(task, text)
        await process.say(text)

    end = _End()
    try:
        with end.watching(process, live):
            await process.machine.clock.sleep(_FORK_SECONDS)
            yield say
    finally:
        process.machine.processes.discard(live)
        tasks.finish(task, end.status, silent=end.silent)


@dataclass
class _End:
    """How a task ended."""

    status: str = "unexpected status"
    silent: bool = False

    @contextmanager
    def watching(self, process: Process, live: LiveProcess) -> Iterator[None]:
        try:
            yield
            self.status = "OK"
        except Failure as failure:
            self.status = " ".join(failure.message.strip().splitlines())
            raise
        except BrokenPipeError:
            self.status = "broken pipe "
            raise
        except asyncio.CancelledError:
            killed = was_killed(process)
            self.silent = killed
            self.status = "unexpected status" if killed else INTERRUPTED
            if live.signal:
                # Only the worker was signalled: the program lives, and says so.
                raise Failure(_NO_MESSAGE if killed else INTERRUPTED) from None
            raise


def was_killed(process: Process) -> bool:
    """Return whether the cancelled process may not even clean up: SIGKILL, or the power is gone."""
    live = process.machine.processes.get(process.pid)
    if live is None or live.signal == signal.SIGKILL:
        return True
    return any(child.signal == signal.SIGKILL for child in _workers(process))


def _workers(process: Process) -> list[LiveProcess]:
    table = process.machine.processes
    return [live for live in table.values() if live.parent == process.pid and _is_worker(live)]


def _is_worker(live: LiveProcess) -> bool:
    return live.argv[0].startswith("task UPID:")


@contextmanager
def helper(process: Process, argv: tuple[str, ...]) -> Iterator[LiveProcess]:
    """Show a tool that the process's worker runs among the processes, during the body.

    A signal to the tool alone hits the worker, too: it waits for nothing else.
    """
    workers = _workers(process)
    parent = workers[-1] if workers else process.machine.processes.get(process.pid)
    live = process.machine.processes.add(
        argv, parent=parent.pid if parent else 1, group=parent.group if parent else 0
    )
    live.task = asyncio.current_task()
    try:
        yield live
    finally:
        process.machine.processes.discard(live)


async def stop(machine: Machine, task: Task) -> None:
    """End a running task as the API does: TERM for its group, and KILL after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        live = machine.processes.get(task.pid)
        if live is None or _ended(task):
            return
        live.deliver(number)
        for _ in range(_PATIENCE * 10):
            await elapse(machine.clock, 0.1)
            if _ended(task):
                return


def _ended(task: Task) -> bool:
    return bool(task.endtime)
