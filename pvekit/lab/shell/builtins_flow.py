"""Builtins that steer a script: jumps, ``eval``, ``.``, ``set``, ``trap``."""

from __future__ import annotations

import signal

from pvekit.lab.process import NotSimulated
from pvekit.lab.shell.control import Exit, Jump, Return, ShellError
from pvekit.lab.shell.parser import parse
from pvekit.lab.shell.state import Builtin, Shell

_OPTIONS = {
    "errexit": "e",
    "nounset": "u",
    "noglob": "f",
    "noclobber": "C",
    "xtrace": "x",
    "allexport": "a",
}


async def nothing(shell: Shell, words: list[str]) -> int:
    """``:`` and ``true``."""
    del shell, words
    return 0


async def false(shell: Shell, words: list[str]) -> int:
    """Fail: ``false``."""
    del shell, words
    return 1


def _count(words: list[str], default: int) -> int:
    if len(words) < 2:
        return default
    if not words[1].isdigit():
        raise ShellError(f"{words[0]}: Illegal number: {words[1]}")
    return int(words[1])


async def leave(shell: Shell, words: list[str]) -> int:
    """``exit``."""
    raise Exit(_count(words, shell.status) & 255)


async def give_back(shell: Shell, words: list[str]) -> int:
    """``return``."""
    if shell.language.bash and not (shell.variables.in_function or shell.sourcing):
        why = "can only `return' from a function or sourced script"
        await shell.complain(f"return: {why}")
        return 2
    raise Return(_count(words, shell.status) & 255)


async def jump(shell: Shell, words: list[str]) -> int:
    """``break`` and ``continue``; outside a loop they do nothing."""
    levels = _count(words, 1)
    if levels < 1:
        raise ShellError(f"{words[0]}: Illegal number: {words[1]}")
    if not shell.loops:
        if shell.language.bash:
            loops = "only meaningful in a `for', `while', or `until' loop"
            await shell.complain(f"{words[0]}: {loops}")
        return 0
    raise Jump(min(levels, shell.loops), again=words[0] == "continue")


async def evaluate(shell: Shell, words: list[str]) -> int:
    """``eval``."""
    return await shell.run(parse(" ".join(words[1:]), bash=shell.language.bash))


async def source(shell: Shell, words: list[str]) -> int:
    """``.``: run a file in this shell."""
    if len(words) < 2:
        return 0
    path = words[1]
    found = path if "/" in path else shell.machine.locate(path, shell.variables.get("PATH", ""))
    place = f"{shell.cwd}/{found}" if found and not found.startswith("/") else found
    files = shell.machine.files
    if place is None or not files.exists(place) or files.is_dir(place):
        raise ShellError(f".: cannot open {path}: No such file")
    text = files.read(place).decode(errors="surrogateescape")
    shell.sourcing += 1
    try:
        return await shell.run(parse(text, bash=shell.language.bash))
    except Return as end:
        return end.status
    finally:
        shell.sourcing -= 1


async def shift(shell: Shell, words: list[str]) -> int:
    """``shift``."""
    count = _count(words, 1)
    if count > len(shell.arguments) and shell.language.bash:
        return 1
    if count > len(shell.arguments):
        raise ShellError("shift: can't shift that many")
    del shell.arguments[:count]
    return 0


async def set_options(shell: Shell, words: list[str]) -> int:
    """``set``: options and positional parameters; without any it lists the variables."""
    rest = words[1:]
    if not rest:
        for name, value in sorted(shell.variables.items()):
            await shell.write(f"{name}={quoted(value)}\n")
        return 0
    left = read_options(shell, rest)
    if left is not None:
        shell.arguments = left
    return 0


def read_options(shell: Shell, words: list[str]) -> list[str] | None:
    """Apply options and return the operands, or None if there are none and no ``--``."""
    left = list(words)
    while left and left[0][:1] in {"-", "+"} and left[0] not in {"-", "+"}:
        word = left.pop(0)
        if word == "--":
            return left
        for letter in word[1:]:
            if letter == "o" and left[:1] == ["pipefail"] and shell.language.bash:
                (shell.options.add if word[0] == "-" else shell.options.discard)(left.pop(0))
            elif letter == "o":
                _set_option(shell, word[0], _long_option(left))
            else:
                _set_option(shell, word[0], letter)
    return left or None


def _long_option(left: list[str]) -> str:
    if not left:
        raise NotSimulated("set -o without a name")
    name = left.pop(0)
    if name not in _OPTIONS:
        raise ShellError(f"set: Illegal option -o {name}")
    return _OPTIONS[name]


def _set_option(shell: Shell, sign: str, letter: str) -> None:
    if letter in "vnmbIVE":
        raise NotSimulated(f"set {sign}{letter}")
    if letter not in "aefuxC":
        raise ShellError(f"set: Illegal option {sign}{letter}")
    (shell.options.add if sign == "-" else shell.options.discard)(letter)


def quoted(value: str) -> str:
    """Return a value quoted as dash lists it."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def signal_number(text: str) -> int | None:
    """Return a signal's number by number or name (with or without SIG), 0 for EXIT."""
    if text.isdigit():
        return int(text)
    name = text.upper().removeprefix("SIG")
    if name == "EXIT":
        return 0
    return next((one.value for one in signal.Signals if one.name == f"SIG{name}"), None)


async def trap(shell: Shell, words: list[str]) -> int:
    """``trap``: set, reset or list what signals do."""
    rest = [word for word in words[1:] if word != "--"]
    if not rest:
        for number, text in sorted(shell.traps.items()):
            await shell.write(f"trap -- {quoted(text)} {_signal_name(number)}\n")
        return 0
    action: str | None = rest.pop(0)
    if not rest or action == "-" or (action and action.isdigit()):
        rest = rest if action == "-" else [action or "", *rest]
        action = None
    for word in rest:
        found = signal_number(word)
        if found is None:
            raise ShellError(f"trap: {word}: bad trap")
        _set_trap(shell, found, action)
    return 0


def _signal_name(number: int) -> str:
    return "EXIT" if number == 0 else signal.Signals(number).name.removeprefix("SIG")


def _set_trap(shell: Shell, number: int, action: str | None) -> None:
    if action is None:
        shell.traps.pop(number, None)
    else:
        shell.traps[number] = action
    if number and shell.live is not None:
        ignored = set(shell.live.ignored) - {number}
        shell.live.ignored = frozenset(ignored | ({number} if action == "" else set()))


FLOW: dict[str, Builtin] = {
    ":": nothing,
    "true": nothing,
    "false": false,
    "exit": leave,
    "return": give_back,
    "break": jump,
    "continue": jump,
    "eval": evaluate,
    ".": source,
    "shift": shift,
    "set": set_options,
    "trap": trap,
}
