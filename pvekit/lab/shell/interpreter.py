"""Runs the commands of a syntax tree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pvekit.lab import patterns
from pvekit.lab.processes import LiveProcess
from pvekit.lab.shell import arithmetic, expansion, subshells
from pvekit.lab.shell.bracket import bracket
from pvekit.lab.shell.commands import simple
from pvekit.lab.shell.control import Jump, ShellError
from pvekit.lab.shell.parser import parse
from pvekit.lab.shell.redirection import Redirection, RedirectionError
from pvekit.lab.shell.state import Shell
from pvekit.lab.shell.syntax import (
    AndOr,
    Background,
    Bracket,
    Calculation,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Invalid,
    Loop,
    Pipeline,
    Redirected,
    Script,
    Simple,
    Subshell,
)
from pvekit.lab.streams import BytesReader, Stream, pipe


async def execute(shell: Shell, command: Command) -> int:
    """Run one command; its status is also ``$?`` afterwards."""
    shell.steps += 1
    if shell.steps % 32 == 0:
        await asyncio.sleep(0)
    shell.status = await _RUNNERS[type(command)](shell, command)
    if shell.pending:
        await run_traps(shell)
    return shell.status


async def _calculate(shell: Shell, command: Calculation) -> int:
    shell.line = command.line
    expression = await expansion.text(shell, command.expression)
    return shell.check(
        int(not arithmetic.evaluate(expression, shell.variables, bash=shell.language.bash))
    )


async def run_traps(shell: Shell) -> None:
    """Run the actions of the signals that arrived."""
    while shell.pending:
        action = shell.traps.get(shell.pending.pop(0))
        before = shell.status
        if action:
            await shell.run(parse(action, bash=shell.language.bash))
        shell.status = before


async def replace(command: Command, shell: Shell) -> int:
    """Run the only command of a process: a program takes the shell's place in it."""
    if isinstance(command, Simple):
        return await simple(shell, command, last=True)
    if isinstance(command, Redirected):
        return await _redirected(shell, command, last=True)
    if isinstance(command, Subshell):
        return await shell.run(command.body)
    return await execute(shell, command)


async def whole(shell: Shell, text: str, *, tail: bool) -> int:
    """Run a text as the shell's whole script; ``tail`` as ``sh -c`` does (see :func:`replace`)."""
    script = parse(text, bash=shell.language.bash)
    if tail and len(script) == 1:
        return await subshells.finish(shell, partial(replace, script[0]))
    return await subshells.finish(shell, lambda one: one.run(script))


async def _and_or(shell: Shell, command: AndOr) -> int:
    parts = [("", command.first), *command.rest]
    status = 0
    for number, (operator, part) in enumerate(parts):
        if (operator == "&&" and status) or (operator == "||" and not status):
            continue
        if number < len(parts) - 1:
            status = await shell.test(execute(shell, part))
        else:
            status = await execute(shell, part)
    return status


async def _pipeline(shell: Shell, command: Pipeline) -> int:
    if len(command.commands) == 1:
        status = await shell.test(execute(shell, command.commands[0]))
        return int(not status)
    elements = []
    source: Stream | None = shell.streams.get(0)
    for part in command.commands[:-1]:
        reader, writer = pipe()
        elements.append(_element(shell, part, source, writer))
        writer.close()
        if elements[1:] and source is not None:
            source.close()
        source = reader
    elements.append(_element(shell, command.commands[-1], source, shell.streams.get(1)))
    if source is not None:
        source.close()
    statuses = [await element.wait() for element in elements]
    status = statuses[-1]
    if "pipefail" in shell.options:
        status = next((one for one in reversed(statuses) if one), 0)
    return int(not status) if command.negated else shell.check(status)


def _element(
    shell: Shell, command: Command, source: Stream | None, target: Stream | None
) -> LiveProcess:
    ends = {0: source, 1: target}
    streams = shell.streams | {number: end for number, end in ends.items() if end is not None}
    return subshells.start(shell, partial(replace, command), streams)


async def _background(shell: Shell, command: Background) -> int:
    nothing = Stream(reader=BytesReader(), path="/dev/null")
    body = partial(replace, command.command)
    live = subshells.start(shell, body, {**shell.streams, 0: nothing})
    nothing.close()
    shell.jobs[live.pid] = live
    shell.last_background = live.pid
    return 0


async def _if(shell: Shell, command: If) -> int:
    for condition, body in command.branches:
        if await shell.test(shell.run(condition)) == 0:
            return await shell.run(body)
    return await shell.run(command.otherwise)


async def _loop(shell: Shell, command: Loop) -> int:
    status = 0
    shell.loops += 1
    try:
        while bool(await shell.test(shell.run(command.condition))) == command.negated:
            status, ended = await _turn(shell, command.body)
            if ended:
                break
    except Jump as jump:
        # A break or continue in the condition itself.
        if jump.levels > 1 or jump.again:
            raise
    finally:
        shell.loops -= 1
    return status


async def _turn(shell: Shell, body: Script) -> tuple[int, bool]:
    """Run a loop's body once and tell (status, whether the loop is over)."""
    try:
        return await shell.run(body), False
    except Jump as jump:
        if jump.levels > 1:
            raise Jump(jump.levels - 1, jump.again) from None
        return 0, not jump.again


async def _for(shell: Shell, command: For) -> int:
    if command.words is None:
        words = list(shell.arguments)
    else:
        words = await expansion.fields(shell, command.words)
    status = 0
    shell.loops += 1
    try:
        for word in words:
            shell.assign(command.name, word)
            status, ended = await _turn(shell, command.body)
            if ended:
                break
    finally:
        shell.loops -= 1
    return status


async def _case(shell: Shell, command: Case) -> int:
    text = await expansion.text(shell, command.word)
    for choices, body in command.branches:
        for choice in choices:
            pattern = await expansion.pattern(shell, choice)
            if patterns.compiled(pattern).fullmatch(text):
                return await shell.run(body)
    return 0


async def _group(shell: Shell, command: Group) -> int:
    return await shell.run(command.body)


async def _subshell(shell: Shell, command: Subshell) -> int:
    status = await subshells.inside(shell, lambda child: child.run(command.body), shell.streams)
    return shell.check(status)


async def _redirected(shell: Shell, command: Redirected, *, last: bool = False) -> int:
    shell.line = command.line
    try:
        async with Redirection(shell, command.redirects, last=last):
            run = replace(command.command, shell) if last else execute(shell, command.command)
            return await run
    except RedirectionError as error:
        await shell.complain(error.message)
        return shell.check(1 if shell.language.bash else error.status)


async def _define(shell: Shell, command: Function) -> int:
    shell.functions[command.name] = command.body
    return 0


async def _refuse(shell: Shell, command: Invalid) -> int:
    shell.line = command.line
    raise ShellError(command.message)


_RUNNERS: dict[type, Callable[[Shell, Any], Awaitable[int]]] = {
    Simple: simple,
    AndOr: _and_or,
    Pipeline: _pipeline,
    Background: _background,
    If: _if,
    Loop: _loop,
    For: _for,
    Case: _case,
    Group: _group,
    Subshell: _subshell,
    Redirected: _redirected,
    Function: _define,
    Bracket: bracket,
    Calculation: _calculate,
    Invalid: _refuse,
}
