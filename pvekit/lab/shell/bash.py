"""What is bash's own: its words for mistakes, its statuses, and its further commands."""

from __future__ import annotations

import re

from pvekit.lab.process import NotSimulated
from pvekit.lab.shell.builtins_flow import FLOW
from pvekit.lab.shell.builtins_jobs import JOBS
from pvekit.lab.shell.builtins_state import STATE
from pvekit.lab.shell.control import Exit
from pvekit.lab.shell.printf import escaped_words, plain_words, shell_quoted
from pvekit.lab.shell.printf import printf as print_format
from pvekit.lab.shell.state import Builtin, Shell

# dash's message (a pattern) -> bash's
_WORDS: tuple[tuple[str, str], ...] = (
    (r"((?:exec|type): .*): not found", r"\1: not found"),
    (r"(\S*/.*): not found", r"\1: No such file or directory"),
    (r"(.*): not found", r"\1: command not found"),
    (r"cannot create (.*): Directory nonexistent", r"\1: No such file or directory"),
    (r"cannot create (.*): File exists", r"\1: cannot overwrite existing file"),
    (r"cannot open (.*): No such file", r"\1: No such file or directory"),
    (r"\.: cannot open (.*): No such file", r"\1: No such file or directory"),
    (r"cannot (?:create|open) (.*)", r"\1"),
    (r"cd: can't cd to (.*)", r"cd: \1: No such file or directory"),
    (r"(\[|test): Illegal number: (.*)", r"\1: \2: integer expression expected"),
    (r"\[: missing \]", "[: missing `]'"),
    (r"(.*): is read only", r"\1: readonly variable"),
    (r"(exit|return|shift|break|continue): Illegal number: (.*)",
     r"\1: \2: numeric argument required"),
    (r"local: not in a function", "local: can only be used in a function"),
    (r"printf: (.*): expected numeric value", r"printf: \1: invalid number"),
    (r"printf: (.*): not completely converted", r"printf: \1: invalid number"),
    (r"(export|unset|readonly|local): (.*): bad variable name",
     r"\1: `\2': not a valid identifier"),
    (r"trap: (.*): bad trap", r"trap: \1: invalid signal specification"),
    (r"set: Illegal option -o (.*)", r"set: \1: invalid option name"),
    (r"(set|read): Illegal option (.*)", r"\1: \2: invalid option"),
    (r"umask: Illegal mode: (.*)", r"umask: \1: octal number out of range"),
    (r"wait: No such job: (.*)", r"wait: `\1': not a pid or valid job spec"),
    (r"kill: Illegal number: (.*)", r"kill: \1: arguments must be process or job IDs"),
    (r"arithmetic expression: division by zero: \"(.*?([^/%]*))\"",
     r'\1: division by 0 (error token is "\2")'),
)  # fmt: skip


def words(message: str) -> str:
    """Return dash's message as bash says it."""
    for pattern, said in _WORDS:
        match = re.fullmatch(pattern, message, re.DOTALL)
        if match is not None:
            return match.expand(said)
    return message


async def echo(shell: Shell, given: list[str]) -> int:
    """``echo``: escapes stay as they are unless ``-e`` is given."""
    rest = given[1:]
    flags = ""
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        flags += rest.pop(0)[1:]
    data, goes_on = plain_words(rest), True
    if flags.rfind("e") > flags.rfind("E"):
        data, goes_on = escaped_words(rest)
    return await _output(shell, data + b"\n" if goes_on and "n" not in flags else data)


async def _output(shell: Shell, data: bytes) -> int:
    if 1 not in shell.streams:
        raise OSError(9, "write error: Bad file descriptor")
    if data:
        await shell.streams[1].write(data)
    return 0


async def printf(shell: Shell, given: list[str]) -> int:
    """``printf``, also into a variable (``-v``)."""
    rest = given[1:]
    name = ""
    if rest[:1] == ["-v"] and len(rest) > 1:
        name, rest = rest[1], rest[2:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest:
        await shell.write("printf: usage: printf [-v var] format [arguments]\n", 2)
        return 2
    outcome = print_format(_quoting(rest), _quoted(rest))
    if name:
        shell.assign(name, outcome.output.decode(errors="surrogateescape"))
    else:
        await _output(shell, outcome.output)
    for complaint in outcome.complaints:
        await shell.complain(f"printf: {complaint}")
    return 1 if outcome.complaints else 0


def _quoting(rest: list[str]) -> str:
    return rest[0].replace("%q", "%s")


def _quoted(rest: list[str]) -> list[str]:
    """Return the arguments, those for ``%q`` quoted for a shell."""
    kinds = re.findall(r"%[-+ 0#]*\d*(?:\.\d*)?([a-zA-Z])", rest[0].replace("%%", ""))
    if "q" not in kinds:
        return rest[1:]
    return [
        shell_quoted(word) if kinds[number % len(kinds)] == "q" else word
        for number, word in enumerate(rest[1:])
    ]


async def declare(shell: Shell, given: list[str]) -> int:
    """``declare`` and ``typeset``: plain, exported and read-only variables."""
    flags = [word for word in given[1:] if word.startswith("-")]
    if not set("".join(flags)) <= set("-xrg"):
        raise NotSimulated(" ".join(flags))
    command = "local" if shell.variables.in_function and "-g" not in flags else ":"
    names = [word for word in given[1:] if not word.startswith("-")]
    if command == "local":
        await STATE["local"](shell, ["local", *names])
    for word in names:
        name, sign, value = word.partition("=")
        if sign:
            shell.assign(name, value)
    for flag, marking in (("x", "export"), ("r", "readonly")):
        if flag in "".join(flags):
            bare = [word.partition("=")[0] for word in names]
            await STATE["export"](shell, [marking, *bare])
    return 0


async def refuse(shell: Shell, given: list[str]) -> int:
    """Commands of bash that the lab does not have."""
    del shell
    raise NotSimulated(" ".join(given[1:]))


async def leave(shell: Shell, given: list[str]) -> int:
    """``exit``, with bash's status for a number that is none."""
    if given[1:] and not re.fullmatch(r"-?\d+", given[1]):
        await shell.complain(f"exit: {given[1]}: numeric argument required")
        raise Exit(2)
    return await FLOW["exit"](shell, given)


BUILTINS: dict[str, Builtin] = {
    **FLOW,
    **STATE,
    **JOBS,
    "echo": echo,
    "printf": printf,
    "declare": declare,
    "typeset": declare,
    "exit": leave,
    "source": FLOW["."],
    **dict.fromkeys(
        ("let", "shopt", "mapfile", "readarray", "complete", "compgen", "pushd", "popd", "dirs"),
        refuse,
    ),
}
"""All of bash's own commands by name."""
