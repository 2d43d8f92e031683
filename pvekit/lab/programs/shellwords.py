"""The shell's own words as programs."""

from __future__ import annotations

from pvekit.lab.process import Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.shell.conditions import Condition, ConditionError
from pvekit.lab.shell.printf import echo as echo_words
from pvekit.lab.shell.printf import printf as print_format


async def true(process: Process) -> int:
    """Succeed."""
    del process
    return 0


async def false(process: Process) -> int:
    """Fail."""
    del process
    return 1


async def echo(process: Process) -> int:
    """Print words; unlike the shell's own, escapes stay as they are."""
    words = process.argv[1:]
    end = b"\n"
    if words[:1] == ("-n",):
        words, end = words[1:], b""
    if words[:1] == ("-e",):
        await process.stdout.write(echo_words(words[1:]))
        return 0
    await process.stdout.write(" ".join(words).encode(errors="surrogateescape") + end)
    return 0


async def printf(process: Process) -> int:
    """Print after a format."""
    words = list(process.argv[1:])
    if not words:
        return await fail(process, "missing operand")
    outcome = print_format(words[0], words[1:])
    await process.stdout.write(outcome.output)
    for complaint in outcome.complaints:
        await fail(process, complaint)
    return 1 if outcome.complaints else 0


async def test(process: Process) -> int:
    """Tell whether a condition holds."""
    words = list(process.argv[1:])
    if process.argv[0].endswith("["):
        if words[-1:] != ["]"]:
            return await fail(process, "missing ']'", 2)
        words.pop()
    try:
        held = Condition(process.machine, process.cwd, process.user, words).holds()
    except ConditionError as error:
        return await fail(process, str(error), 2)
    return 0 if held else 1


async def pwd(process: Process) -> int:
    """Print the working directory."""
    await process.say(f"{process.machine.files.resolve(process.cwd)}\n")
    return 0


SHELLWORDS: dict[str, Program] = {
    "[": test,
    "echo": echo,
    "false": false,
    "printf": printf,
    "pwd": pwd,
    "sync": true,
    "test": test,
    "true": true,
}
