"""More small programs: ``which``, ``tac``, ``cmp``, ``paste``, ``nl``, ``uptime``, ``getent``."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import zip_longest

from pvekit.lab.layout import PATH
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import Inputs, content, decoded, lines
from pvekit.lab.programs.options import options


async def which(process: Process) -> int:
    """Print where programs are."""
    given = options(process.argv[1:], "a s")
    status = 0 if given.operands else 1
    for name in given.operands:
        path = process.env.get("PATH", PATH)
        place = process.machine.locate(name, path, process.cwd)
        if place is None:
            status = 1
        elif not given.has("s"):
            await process.say(f"{place}\n")
    return status


async def tac(process: Process) -> int:
    """Print lines in reverse."""
    inputs = Inputs(process, options(process.argv[1:]).operands)
    async for _, data in inputs:
        await process.stdout.write(b"".join(reversed(data.splitlines(keepends=True))))
    return inputs.status


async def cmp(process: Process) -> int:
    """Compare two files byte by byte."""
    given = options(process.argv[1:], "s silent quiet", least=2)
    first, second, *_ = given.operands
    data: list[bytes] = []
    for name in (first, second):
        try:
            data.append(await content(process, name))
        except OSError as error:
            return await fail(process, f"{name}: {reason(error)}", 2)
    if data[0] == data[1]:
        return 0
    if not given.has("s", "silent", "quiet"):
        await _tell_difference(process, (first, second), data)
    return 1


async def _tell_difference(process: Process, names: tuple[str, str], data: list[bytes]) -> None:
    least = min(map(len, data))
    at = next((n for n in range(least) if data[0][n] != data[1][n]), least)
    line = data[0][:at].count(b"\n") + 1
    if at < least:
        await process.say(f"{names[0]} {names[1]} differ: byte {at + 1}, line {line}\n")
        return
    short = names[0] if len(data[0]) == least else names[1]
    whole = data[0][:least].endswith(b"\n")
    where = f"after byte {least}, line {line - whole}"
    await process.complain(f"cmp: EOF on {short} {where}\n")


async def paste(process: Process) -> int:
    """Put lines side by side, or (``-s``) one file's lines into one."""
    given = options(process.argv[1:], "s", "d")
    between = given.value("d") or "\t"
    inputs = Inputs(process, given.operands)
    columns = [[decoded(line) for line in lines(data)] async for _, data in inputs]
    rows = columns if given.has("s") else list(zip_longest(*columns, fillvalue=""))
    await process.say("".join(f"{between.join(row)}\n" for row in rows))
    return inputs.status


async def nl(process: Process) -> int:
    """Print lines with their numbers; empty ones have none."""
    given = options(process.argv[1:], "", "b")
    every = given.value("b") == "a"
    inputs = Inputs(process, given.operands)
    number = 0
    async for _, data in inputs:
        for line in lines(data):
            counted = bool(line) or every
            number += counted
            await process.say(f"{number:6}\t{decoded(line)}\n" if counted else "       \n")
    return inputs.status


async def uptime(process: Process) -> int:
    """Print for how long the machine has been up."""
    given = options(process.argv[1:], "s p")
    machine = process.machine
    if given.has("p"):
        raise NotSimulated("option -p")
    if given.has("s"):
        moment = datetime.fromtimestamp(machine.booted, UTC)
        await process.say(f"{moment:%Y-%m-%d %H:%M:%S}\n")
        return 0
    days, rest = divmod(int(machine.uptime()), 86400)
    hours, minutes = rest // 3600, rest // 60 % 60
    day = f"{days} day{'s' * (days != 1)}, " if days else ""
    clock = f"{hours:2}:{minutes:02}" if hours else f"{minutes} min"
    now = datetime.fromtimestamp(machine.clock.now(), UTC)
    load = "load average: 0.00, 0.00, 0.00"
    await process.say(f" {now:%H:%M:%S} up {day}{clock},  0 users,  {load}\n")
    return 0


async def getent(process: Process) -> int:
    """Look up a host in ``/etc/hosts`` or a user in ``/etc/passwd``."""
    given = options(process.argv[1:], least=1)
    database, *keys = given.operands
    if database not in {"hosts", "ahosts", "passwd"}:
        raise NotSimulated(database)
    files = process.machine.files
    path = "/etc/passwd" if database == "passwd" else "/etc/hosts"
    rows = decoded(files.read(path)).splitlines() if files.exists(path) else []
    found = [_entry(rows, key, ":" if database == "passwd" else None) for key in keys]
    if not keys:
        found = list(rows)
    await process.say("".join(f"{row}\n" for row in found if row))
    return 0 if all(found) else 2


def _entry(rows: list[str], key: str, separator: str | None) -> str:
    for row in rows:
        words = row.split(separator)
        if separator and words[0] == key:
            return row
        if not separator and key in words:
            return f"{words[0]:15} {' '.join(words[1:])}"
    return ""


SMALL: dict[str, Program] = {
    "cmp": cmp,
    "getent": getent,
    "nl": nl,
    "paste": paste,
    "tac": tac,
    "uptime": uptime,
    "which": which,
}
