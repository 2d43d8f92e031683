"""The shell put together: the program ``sh``."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from pvekit.lab.descriptors import descriptors_of
from pvekit.lab.process import Process
from pvekit.lab.shell import bash
from pvekit.lab.shell.builtins_flow import FLOW, read_options
from pvekit.lab.shell.builtins_jobs import JOBS
from pvekit.lab.shell.builtins_state import STATE
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.interpreter import execute, whole
from pvekit.lab.shell.state import Language, Shell

_SPECIAL = (": . break continue eval exec exit export readonly return set shift times trap unset",)
DASH = Language(execute, {**FLOW, **STATE, **JOBS}, frozenset(_SPECIAL[0].split()))
BASH = Language(execute, bash.BUILTINS, frozenset(), bash=True, words=bash.words)


@dataclass(frozen=True)
class _Invocation:
    options: list[str]
    name: str
    arguments: list[str]
    text: str
    command: bool


async def sh(process: Process) -> int:
    """``sh [-aefuxC] [-c TEXT [NAME]] [-s] [FILE] [ARGUMENT]...``."""
    return await _run(process, DASH)


async def run_bash(process: Process) -> int:
    """``bash``, with the options of ``sh``."""
    words = [word for word in process.argv[1:] if word not in {"--norc", "--noprofile", "-l"}]
    return await _run(replace(process, argv=(process.argv[0], *words)), BASH)


async def _run(process: Process, language: Language) -> int:
    shell = Shell(process, language, process.argv[0], ())
    shell.streams = {number: stream.share() for number, stream in descriptors_of(process).items()}
    if shell.live is not None:
        shell.live.on_signal = shell.take_signal
    try:
        invocation = await _invocation(process)
        read_options(shell, invocation.options)
        shell.name, shell.arguments = invocation.name, invocation.arguments
        shell.from_option = invocation.command
        return await whole(shell, invocation.text, tail=invocation.command)
    except ShellError as error:
        await process.complain(f"{process.argv[0]}: 0: {error.message}\n")
        return error.status
    finally:
        shell.release()


async def _invocation(process: Process) -> _Invocation:
    rest = list(process.argv[1:])
    options: list[str] = []
    flags = ""
    while rest and rest[0][:1] in {"-", "+"} and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        flags += "".join(letter for letter in word[1:] if letter in "cs") if word[0] == "-" else ""
        letters = "".join(letter for letter in word[1:] if letter not in "cs")
        options += [word[0] + letters] if letters else []
        if letters.endswith("o") and rest:
            options.append(rest.pop(0))
    name = process.argv[0]
    if "c" in flags:
        if not rest:
            raise ShellError("-c requires an argument")
        text, *rest = rest
        if rest:
            name, *rest = rest
        return _Invocation(options, name, rest, text, command=True)
    if rest and "s" not in flags:
        name, *rest = rest
        return _Invocation(options, name, rest, _script(process, name), command=False)
    data = await process.stdin.read()
    text = data.decode(errors="surrogateescape")
    return _Invocation(options, name, rest, text, command=False)


def _script(process: Process, name: str) -> str:
    path = posixpath.join(process.cwd, name)
    if not process.machine.files.is_file(path):
        raise ShellError(f"cannot open {name}: No such file")
    return process.machine.files.read(path).decode(errors="surrogateescape")
