"""Simple commands: assignments, builtins, functions and programs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pvekit.lab import machine
from pvekit.lab.layout import PATH
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.shell import expansion
from pvekit.lab.shell.control import Exit, Return, ShellError
from pvekit.lab.shell.redirection import Redirection, RedirectionError
from pvekit.lab.shell.state import Shell
from pvekit.lab.shell.syntax import Assignment, Command, Simple
from pvekit.lab.streams import Stream


async def simple(shell: Shell, command: Simple, *, last: bool = False) -> int:
    """Run a simple command; as the ``last`` of its process, a program takes the shell's place."""
    shell.line = command.line
    shell.substituted = 0
    words = await expansion.fields(shell, command.words)
    if "x" in shell.options:
        await _trace(shell, command, words)
    if words[:1] == ["exec"]:
        return await _exec(shell, command, words[1:])
    try:
        async with Redirection(shell, command.redirects, last=last):
            if not words:
                await assign(shell, command.assignments)
                return shell.check(shell.substituted)
            return shell.check(await _invoke(shell, command.assignments, words, last=last))
    except RedirectionError as error:
        if words and words[0] in shell.language.special:
            raise
        await shell.complain(error.message)
        return shell.check(1 if shell.language.bash else error.status)


async def assign(shell: Shell, assignments: Sequence[Assignment]) -> None:
    """Carry out assignments."""
    for item in assignments:
        shell.assign(item.name, await expansion.text(shell, item.value, assignment=True))


async def _trace(shell: Shell, command: Simple, words: Sequence[str]) -> None:
    before = [
        f"{item.name}={await expansion.text(shell, item.value)}" for item in command.assignments
    ]
    await shell.write(f"+ {' '.join([*before, *words])}\n", 2)


async def _exec(shell: Shell, command: Simple, words: list[str]) -> int:
    """``exec``: keep the redirections, or put a program in the shell's place."""
    redirection = Redirection(shell, command.redirects)
    await redirection.apply()
    redirection.keep()
    await assign(shell, command.assignments)
    if not words:
        return 0
    for item in command.assignments:
        shell.variables.exported.add(item.name)
    path = shell.variables.get("PATH", PATH)
    if shell.language.bash and shell.machine.locate(words[0], path, shell.cwd) is None:
        await shell.complain(f"exec: {words[0]}: not found")
        raise Exit(127)
    raise Exit(await program(shell, words, replace=True))


async def _invoke(
    shell: Shell, assignments: Sequence[Assignment], words: list[str], *, last: bool
) -> int:
    name = words[0]
    if name in shell.language.special:
        await assign(shell, assignments)
        return await builtin(shell, words)
    with _temporary(shell, assignments):
        await assign(shell, assignments)
        if name in shell.functions:
            return await _function(shell, shell.functions[name], words[1:])
        if name in shell.language.builtins:
            return await builtin(shell, words)
        shell.variables.exported.update(item.name for item in assignments)
        return await program(shell, words, replace=last and 0 not in shell.traps)


def _temporary(shell: Shell, assignments: Sequence[Assignment]) -> ExitStack:
    """Return a context after which the assigned variables are what they were."""
    stack = ExitStack()
    for item in assignments:
        stack.callback(
            _restore,
            shell,
            item.name,
            shell.variables.get(item.name),
            exported=item.name in shell.variables.exported,
        )
    return stack


def _restore(shell: Shell, name: str, value: str | None, *, exported: bool) -> None:
    if value is None:
        shell.variables.pop(name, None)
        return
    shell.variables[name] = value
    if not exported:
        shell.variables.exported.discard(name)


async def builtin(shell: Shell, words: list[str]) -> int:
    """Run one of the shell's own commands."""
    try:
        return await shell.language.builtins[words[0]](shell, words)
    except BrokenPipeError:
        raise
    except NotSimulated as refusal:
        await shell.complain(f"lab: not simulated: {words[0]}: {refusal}")
        raise Exit(machine.NOT_SIMULATED) from None
    except ShellError as error:
        # Only dash ends the whole shell for a mistake in a call of its own commands.
        if not shell.language.bash:
            raise
        await shell.complain(error.message)
        return 2 if words[0] == "set" else 1
    except OSError as error:
        await shell.complain(f"{words[0]}: {error.strerror}")
        return 2 if words[0] in shell.language.special else 1


async def _function(shell: Shell, body: Command, arguments: list[str]) -> int:
    before, shell.arguments = shell.arguments, arguments
    loops, shell.loops = shell.loops, 0
    shell.variables.enter()
    try:
        return await shell.language.execute(shell, body)
    except Return as end:
        return end.status
    finally:
        shell.variables.leave()
        shell.arguments, shell.loops = before, loops


async def program(shell: Shell, words: list[str], *, replace: bool = False) -> int:
    """Run a program: as a process of its own, or in the place of this shell's process."""
    path = shell.variables.get("PATH", PATH)
    if shell.machine.locate(words[0], path, shell.cwd) is None:
        return await _missing(shell, words[0])
    process = process_for(shell, words)
    live = shell.live
    if replace and live is not None:
        live.argv = process.argv
        live.on_signal = None
        process.pid = live.pid
        return await shell.machine.call(process)
    group = live.group if live else 0
    return await shell.machine.start(process, group=group).wait()


def process_for(shell: Shell, words: Sequence[str]) -> Process:
    """Return a program's surroundings as the shell's present ones."""
    closed = Stream()
    return Process(
        machine=shell.machine,
        argv=tuple(words),
        stdin=shell.streams.get(0, closed),
        stdout=shell.streams.get(1, closed),
        stderr=shell.streams.get(2, closed),
        env=shell.variables.environment(),
        cwd=shell.cwd,
        user=shell.process.user,
        pid=shell.pid,
        umask=shell.umask,
        descriptors=shell.streams,
    )


async def _missing(shell: Shell, name: str) -> int:
    if "/" in name and shell.machine.files.exists(expansion.absolute(shell, name)):
        if shell.language.bash and shell.machine.files.is_dir(expansion.absolute(shell, name)):
            await shell.complain(f"{name}: Is a directory")
            return 126
        await shell.complain(f"{name}: Permission denied")
        return 126
    await shell.complain(f"{name}: not found")
    return 127
