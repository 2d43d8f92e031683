"""Whole shells: running a body to its end, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

from pvekit.lab.processes import LiveProcess
from pvekit.lab.shell.control import Exit, Jump, Return, ShellError
from pvekit.lab.shell.parser import parse
from pvekit.lab.shell.state import Shell
from pvekit.lab.shell.syntax import Script
from pvekit.lab.streams import BytesWriter, Stream

BROKEN_PIPE = 128 + signal.SIGPIPE
Body = Callable[[Shell], Awaitable[int]]


async def finish(shell: Shell, body: Body) -> int:
    """Run a body as a whole shell and return its status: errors end it, then its EXIT trap runs."""
    status = await _contained(shell, body)
    action = shell.traps.pop(0, "")
    if not action:
        return status
    shell.status = status
    try:
        await shell.run(parse(action, bash=shell.language.bash))
    except Exit as end:
        return end.status
    except (ShellError, Jump, Return, BrokenPipeError):
        return 2
    return status


async def _contained(shell: Shell, body: Body) -> int:
    try:
        return await body(shell)
    except (Exit, Return) as end:
        return end.status
    except Jump:
        return 0
    except BrokenPipeError:
        return BROKEN_PIPE
    except ShellError as error:
        await shell.complain(error.message)
        plain = shell.language.bash and not error.message.startswith("Syntax error")
        return 1 if plain and error.status == 2 else error.status


async def inside(shell: Shell, body: Body, streams: Mapping[int, Stream]) -> int:
    """Run a body in a subshell within the present process."""
    child = shell.fork(streams)
    try:
        return await finish(child, body)
    finally:
        child.release()


def start(shell: Shell, body: Body, streams: Mapping[int, Stream]) -> LiveProcess:
    """Start a body in a subshell that is a process of its own."""
    processes = shell.machine.processes
    parent = shell.live
    live = processes.add(
        (shell.name,),
        parent=shell.pid,
        group=parent.group if parent else 0,
        user=shell.process.user,
    )
    live.ignored = parent.ignored if parent else frozenset()
    child = shell.fork(streams)
    child.live = live
    live.on_signal = child.take_signal

    async def whole() -> int:
        try:
            return await finish(child, body)
        except asyncio.CancelledError:
            return 128 + (live.signal or signal.SIGTERM)

    def bury(_: asyncio.Task[int]) -> None:
        child.release()
        processes.discard(live)

    live.task = asyncio.get_running_loop().create_task(whole())
    live.task.add_done_callback(bury)
    return live


async def substitute(shell: Shell, script: Script) -> str:
    """Return what a command substitution stands for."""
    output = BytesWriter()
    released = asyncio.Event()
    stream = Stream(writer=output, release=released.set)

    async def body(child: Shell) -> int:
        child.tested = 0  # unlike ( ... ), it obeys `set -e` even where failure is expected
        if child.language.bash:
            child.options.discard("e")
        return await child.run(script)

    shell.substituted = await inside(shell, body, {**shell.streams, 1: stream})
    stream.close()
    await released.wait()
    return output.data.replace(b"\0", b"").decode(errors="surrogateescape").rstrip("\n")
