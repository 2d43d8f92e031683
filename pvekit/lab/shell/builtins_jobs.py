"""Builtins that print, test, look up commands, and handle processes."""

from __future__ import annotations

import asyncio

from pvekit.lab.layout import PATH
from pvekit.lab.process import NotSimulated
from pvekit.lab.processes import LiveProcess
from pvekit.lab.shell.builtins_flow import signal_number
from pvekit.lab.shell.commands import builtin, program
from pvekit.lab.shell.conditions import Condition, ConditionError
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.printf import echo, printf
from pvekit.lab.shell.state import Builtin, Shell
from pvekit.lab.shell.tokens import RESERVED


async def _output(shell: Shell, data: bytes) -> int:
    if 1 not in shell.streams:
        raise OSError(9, "I/O error")
    if data:
        await shell.streams[1].write(data)
    return 0


async def print_words(shell: Shell, words: list[str]) -> int:
    """``echo``."""
    return await _output(shell, echo(words[1:]))


async def print_format(shell: Shell, words: list[str]) -> int:
    """``printf``."""
    rest = words[2:] if words[1:2] == ["--"] else words[1:]
    if not rest:
        raise ShellError("printf: usage: printf format [arg ...]")
    outcome = printf(rest[0], rest[1:])
    await _output(shell, outcome.output)
    for complaint in outcome.complaints:
        await shell.complain(f"printf: {complaint}")
    return 1 if outcome.complaints else 0


async def condition(shell: Shell, words: list[str]) -> int:
    """``test`` and ``[``."""
    rest = words[1:]
    if words[0] == "[":
        if rest[-1:] != ["]"]:
            await shell.complain("[: missing ]")
            return 2
        rest = rest[:-1]
    try:
        held = Condition(shell.machine, shell.cwd, shell.process.user, rest).holds()
    except ConditionError as error:
        odd = _odd(rest) if shell.language.bash and "number" not in str(error) else str(error)
        await shell.complain(f"{words[0]}: {odd}")
        return 2
    return 0 if held else 1


def _odd(words: list[str]) -> str:
    """Return bash's words for what is no condition."""
    if len(words) == 2:
        return f"{words[0]}: unary operator expected"
    return f"{words[1]}: binary operator expected" if len(words) == 3 else "too many arguments"


async def command(shell: Shell, words: list[str]) -> int:
    """``command``: run without functions, or (``-v``, ``-V``) look up."""
    rest = words[1:]
    while rest[:1] in (["--"], ["-p"]):
        rest = rest[1:]
    if rest[:1] == ["-v"]:
        # Like dash, it looks at the first name only.
        return await _tell_meaning(shell, rest[1:])
    if rest[:1] == ["-V"]:
        return await describe(shell, ["type", *rest[1:]])
    if not rest:
        return 0
    if rest[0] in shell.language.builtins:
        return await builtin(shell, rest)
    return await program(shell, rest)


async def _tell_meaning(shell: Shell, names: list[str]) -> int:
    place = meaning(shell, names[0]) if names else None
    if place is not None:
        await shell.write(f"{place}\n")
        return 0
    missing = 1 if shell.language.bash else 127
    return missing if names else 2


def meaning(shell: Shell, name: str) -> str | None:
    """Return what a command's name stands for: itself, or a program's path; None if nothing."""
    known = name in shell.functions or name in shell.language.builtins or name in RESERVED
    if known or name == "exec":
        return name
    return shell.machine.locate(name, shell.variables.get("PATH", PATH), shell.cwd)


async def describe(shell: Shell, words: list[str]) -> int:
    """``type``."""
    status = 0
    for name in words[1:]:
        place = meaning(shell, name)
        if place is None and shell.language.bash:
            await shell.complain(f"type: {name}: not found")
            status = 1
            continue
        if name in RESERVED:
            text = "is a shell keyword"
        elif name in shell.functions:
            text = "is a shell function"
        elif name in shell.language.special or name == "exec":
            text = "is a special shell builtin"
        elif name in shell.language.builtins:
            text = "is a shell builtin"
        elif place is not None:
            text = f"is {place}"
        else:
            text, status = "not found", 127
        await shell.write(f"{name}{':' if status == 127 and place is None else ''} {text}\n")
    return status


async def wait(shell: Shell, words: list[str]) -> int:
    """``wait``: for given background processes, or for all of them."""
    status = 0
    if not words[1:]:
        for live in list(shell.jobs.values()):
            if await _wait_for(shell, live) is None:
                return 128 + shell.pending[0]
        shell.jobs.clear()
        return 0
    for word in words[1:]:
        if not word.isdigit():
            await shell.complain(f"wait: No such job: {word}")
            return 2
        live_or_none = shell.jobs.get(int(word))
        if live_or_none is None:
            status = await _no_child(shell, word)
            continue
        ended = await _wait_for(shell, live_or_none)
        if ended is None:
            return 128 + shell.pending[0]
        status = ended
    return status


async def _no_child(shell: Shell, word: str) -> int:
    if shell.language.bash:
        await shell.complain(f"wait: pid {word} is not a child of this shell")
    return 127


async def _wait_for(shell: Shell, live: LiveProcess) -> int | None:
    """Return a process's status, or None if a signal with a trap came first."""
    shell.interrupted.clear()
    ended = asyncio.ensure_future(live.wait())
    trapped = asyncio.ensure_future(shell.interrupted.wait())
    try:
        await asyncio.wait([ended, trapped], return_when=asyncio.FIRST_COMPLETED)
        return ended.result() if ended.done() else None
    finally:
        ended.cancel()
        trapped.cancel()


async def kill(shell: Shell, words: list[str]) -> int:
    """``kill``."""
    rest = words[1:]
    number: int | None = 15
    if rest[:1] == ["-l"]:
        raise NotSimulated("kill -l")
    if rest[:1] == ["-s"] and len(rest) > 1:
        number, rest = signal_number(rest[1]), rest[2:]
    elif rest and rest[0].startswith("-") and rest[0] != "--":
        number, rest = signal_number(rest[0][1:]), rest[1:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if number is None or not rest:
        raise ShellError(f"kill: Illegal option {words[1] if len(words) > 1 else ''}")
    status = 0
    for target in rest:
        status |= await _kill_one(shell, number, target)
    return status


async def _kill_one(shell: Shell, number: int, target: str) -> int:
    try:
        pid = int(target)
    except ValueError:
        raise ShellError(f"kill: Illegal number: {target}") from None
    processes = shell.machine.processes
    found = [processes[pid]] if pid in processes else processes.group(-pid) if pid < -1 else []
    if not found:
        bash = f"kill: ({pid}) - No such process"
        await shell.complain(bash if shell.language.bash else "kill: No such process\n")
        return 1
    for live in found:
        live.deliver(number)
    # A cancelled task only notices when the loop comes round to it.
    await asyncio.sleep(0)
    return 0


async def refuse(shell: Shell, words: list[str]) -> int:
    """Commands of dash that the lab does not have."""
    del shell
    raise NotSimulated(" ".join(words[1:]))


JOBS: dict[str, Builtin] = {
    "echo": print_words,
    "printf": print_format,
    "test": condition,
    "[": condition,
    "command": command,
    "type": describe,
    "wait": wait,
    "kill": kill,
    **dict.fromkeys(
        ("alias", "unalias", "bg", "fg", "fc", "hash", "jobs", "times", "ulimit"), refuse
    ),
}
