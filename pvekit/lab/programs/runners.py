"""Programs that run another program."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
from dataclasses import replace

from pvekit.lab.layout import PATH
from pvekit.lab.locks import elapse
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.processes import LiveProcess
from pvekit.lab.programs.basic import duration
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.inputs import decoded
from pvekit.lab.programs.options import options
from pvekit.lab.shell.builtins_flow import signal_number
from pvekit.lab.streams import BytesReader, Stream


async def missing(process: Process, name: str, form: str = "'{name}'") -> bool:
    """Complain if there is no such program."""
    if process.machine.locate(name, process.env.get("PATH", PATH), process.cwd):
        return False
    await fail(process, f"{form.format(name=name)}: No such file or directory")
    return True


async def _become(process: Process, argv: tuple[str, ...]) -> int:
    """Run another program in this process's place."""
    live = process.machine.processes.get(process.pid)
    if live is not None:
        live.argv = argv
    return await process.machine.call(replace(process, argv=argv))


async def env(process: Process) -> int:
    """Run a program with other variables, or print them."""
    given = options(process.argv[1:], "i ignore-environment", "u unset C", permute=False)
    variables = {} if given.has("i", "ignore-environment") else dict(process.env)
    for name in given.repeated.get("u", []) + given.repeated.get("unset", []):
        variables.pop(name, None)
    words = list(given.operands)
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if not words:
        await process.say("".join(f"{name}={value}\n" for name, value in variables.items()))
        return 0
    inside = replace(process, env=variables, cwd=given.value("C") or process.cwd)
    if await missing(inside, words[0]):
        return 127
    return await _become(inside, tuple(words))


async def nohup(process: Process) -> int:
    """Run a program that does not mind a hangup."""
    words = process.argv[1:]
    if not words:
        return await fail(process, "missing operand", 125)
    live = process.machine.processes.get(process.pid)
    if live is not None:
        live.ignored |= {signal.SIGHUP}
    if await missing(process, words[0], "failed to run command '{name}'"):
        return 127
    return await _become(process, words)


async def nice(process: Process) -> int:
    """Run a program with another priority (``nice``, ``ionice``, ``stdbuf``): here, just run it."""
    given = options(process.argv[1:], "", "n c o i e", permute=False, least=1)
    if await missing(process, given.operands[0]):
        return 127
    return await _become(process, given.operands)


async def setsid(process: Process) -> int:
    """Run a program in a session of its own; the leader of a group has to leave it to a child."""
    given = options(process.argv[1:], "w wait f fork c", "", permute=False)
    if not given.operands:
        return await fail(process, "no command specified")
    machine = process.machine
    live = machine.processes.get(process.pid)
    leads = live is not None and live.group == live.pid
    if await missing(process, given.operands[0], "failed to execute {name}"):
        return 127
    if not leads and not given.has("f", "fork") and live is not None:
        live.group = live.pid
        return await _become(process, given.operands)
    child = machine.start(replace(process, argv=given.operands))
    return await child.wait() if given.has("w", "wait") else 0


async def timeout(process: Process) -> int:
    """Run a program and end it after a while."""
    given = options(process.argv[1:], "foreground preserve-status v", "s k signal", permute=False)
    if len(given.operands) < 2:
        return await fail(process, "missing operand", 125)
    limit, *words = given.operands
    seconds = duration(limit)
    number = signal_number(given.value("s", "signal") or "TERM")
    if seconds is None or number is None:
        return await fail(process, f"invalid time interval '{limit}'", 125)
    if await missing(process, words[0], "failed to run command '{name}'"):
        return 127
    live = process.machine.start(replace(process, argv=tuple(words)))
    if await _ends_within(process, live, seconds):
        return await live.wait()
    live.deliver(number)
    if not await _ends_within(process, live, duration(given.value("k") or "0") or 0):
        live.deliver(signal.SIGKILL if given.value("k") else number)
    status = await live.wait()
    return status if given.has("preserve-status") or number == signal.SIGKILL else 124


async def _ends_within(process: Process, live: LiveProcess, seconds: float) -> bool:
    """Tell whether a process ends within simulated seconds (0: no limit)."""
    ended = asyncio.ensure_future(live.wait())
    if not seconds:
        await asyncio.sleep(0)
        await ended
        return True
    late = asyncio.ensure_future(_pass(process, seconds))
    try:
        await asyncio.wait([ended, late], return_when=asyncio.FIRST_COMPLETED)
        return ended.done()
    finally:
        ended.cancel()
        late.cancel()


async def _pass(process: Process, seconds: float) -> None:
    step = max(0.1, seconds / 100)
    passed = 0.0
    while passed < seconds:
        await elapse(process.machine.clock, min(step, seconds - passed))
        passed += step


async def xargs(process: Process) -> int:
    """Run a program with words read from stdin."""
    given = options(process.argv[1:], "r 0 no-run-if-empty null", "n I d L P", permute=False)
    text = decoded(await process.stdin.read())
    words = list(given.operands) or ["echo"]
    placeholder = given.value("I")
    if given.has("0", "null"):
        items = [item for item in text.split("\0") if item]
    elif given.value("d") or given.value("L"):
        raise NotSimulated("options -d and -L")
    else:
        items = text.splitlines() if placeholder else shlex.split(text)
    if placeholder is not None:
        runs = [[word.replace(placeholder, item) for word in words] for item in items if item]
    else:
        size = max(given.number("n", default=len(items)), 1)
        runs = [[*words, *items[at : at + size]] for at in range(0, len(items), size)]
    if not items and placeholder is None and not given.has("r", "no-run-if-empty"):
        runs = [words]
    return await _run_each(process, runs)


async def _run_each(process: Process, runs: list[list[str]]) -> int:
    nothing = Stream(reader=BytesReader())
    status = 0
    for run in runs:
        if await missing(process, run[0], "{name}"):
            return 127
        ended = await process.machine.spawn(process, run, stdin=nothing)
        if ended == 255:
            await fail(process, f"{run[0]}: exited with status 255; aborting")
            return 124
        status = 123 if ended else status
    return status


RUNNERS: dict[str, Program] = {
    "env": env,
    "ionice": nice,
    "nice": nice,
    "nohup": nohup,
    "setsid": setsid,
    "timeout": timeout,
    "xargs": xargs,
}
