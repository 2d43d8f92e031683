"""Small programs: who, where and when."""

from __future__ import annotations

import asyncio
import itertools
import math
import posixpath
import re
from datetime import UTC, datetime

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import options


async def hostname(process: Process) -> int:
    """Print the host's name."""
    given = options(process.argv[1:], "s f d short fqdn")
    if given.operands:
        raise NotSimulated("setting the host name")
    name = process.machine.hostname
    if given.has("f", "d", "fqdn"):
        await process.say(_full_name(process, name, domain=given.has("d")))
        return 0
    await process.say(f"{name.partition('.')[0] if given.has('s', 'short') else name}\n")
    return 0


def _full_name(process: Process, name: str, *, domain: bool) -> str:
    """Return the first name that ``/etc/hosts`` gives for the host."""
    files = process.machine.files
    text = files.read("/etc/hosts").decode() if files.exists("/etc/hosts") else ""
    rows = [line.partition("#")[0].split() for line in text.splitlines()]
    full = next((row[1] for row in rows if name in row[1:]), name)
    return f"{full.partition('.')[2]}\n" if domain else f"{full}\n"


async def uname(process: Process) -> int:
    """Print facts of the kernel."""
    given = options(process.argv[1:], "a s n r v m o")
    machine = process.machine
    facts = {
        "s": "Linux",
        "n": machine.hostname,
        "r": machine.kernel,
        "v": "#1 SMP PREEMPT_DYNAMIC",
        "m": "x86_64",
        "o": "GNU/Linux",
    }
    wanted = facts if given.has("a") else given.flags or {"s"}
    await process.say(" ".join(facts[key] for key in facts if key in wanted) + "\n")
    return 0


async def whoami(process: Process) -> int:
    """Print the user's name."""
    await process.say(f"{process.user}\n")
    return 0


async def identity(process: Process) -> int:
    """Print the user's numbers and names (``id``)."""
    given = options(process.argv[1:], "u g n G")
    user = given.operands[0] if given.operands else process.user
    account = process.machine.account(user)
    if account is None:
        return await fail(process, f"'{user}': no such user")
    uid, gid, _ = account
    if given.has("n"):
        text = user
    elif given.has("u"):
        text = str(uid)
    elif given.has("g", "G"):
        text = str(gid)
    else:
        text = f"uid={uid}({user}) gid={gid}({user}) groups={gid}({user})"
    await process.say(f"{text}\n")
    return 0


async def date(process: Process) -> int:
    """Print a time; the lab's clocks run in UTC."""
    given = options(process.argv[1:], "u utc R", "d date")
    wanted = given.value("d", "date")
    if wanted is None:
        seconds = process.machine.clock.now()
    elif re.fullmatch(r"@-?\d+(\.\d+)?", wanted):
        seconds = float(wanted[1:])
    else:
        raise NotSimulated(f"date {wanted!r}")
    if given.operands and not given.operands[0].startswith("+"):
        return await fail(process, f"invalid date '{given.operands[0]}'")
    form = given.operands[0][1:] if given.operands else "%a %b %e %H:%M:%S UTC %Y"
    await process.say(_formatted(form, seconds) + "\n")
    return 0


def _formatted(form: str, seconds: float) -> str:
    fraction, whole = math.modf(seconds)
    moment = datetime.fromtimestamp(whole, UTC)

    def one(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "s":
            return str(int(whole))
        if letter.endswith("N"):
            return f"{int(fraction * 1e9):09d}"[: int(letter[:-1] or 9)]
        if letter not in "aAbBdeFHIjmMnpSTtuYyZzwRD%":
            raise NotSimulated(f"format %{letter}")
        return moment.strftime(f"%{letter}")

    return re.sub(r"%(\d?N|.)", one, form)


async def sleep(process: Process) -> int:
    """Let simulated time pass."""
    words = process.argv[1:]
    if not words:
        return await fail(process, "missing operand")
    total = 0.0
    for word in words:
        seconds = duration(word)
        if seconds is None:
            return await fail(process, f"invalid time interval '{word}'")
        total += seconds
    if math.isinf(total):
        await asyncio.Event().wait()
    await process.machine.clock.sleep(total)
    return 0


def duration(text: str) -> float | None:
    """Return the seconds that a text such as ``1.5m`` stands for, or None."""
    if text in {"inf", "infinity"}:
        return math.inf
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smhd]?)", text)
    if match is None:
        return None
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


async def nproc(process: Process) -> int:
    """Print the number of processors."""
    options(process.argv[1:], "all")
    await process.say(f"{process.machine.cpus}\n")
    return 0


async def basename(process: Process) -> int:
    """Print a path's last part."""
    given = options(process.argv[1:], "a", "s")
    suffix = given.value("s") or ""
    names: tuple[str, ...] = given.operands
    if not names:
        return await fail(process, "missing operand")
    if not given.has("a") and suffix == "" and len(names) > 1:
        suffix, names = names[1], names[:1]
    for path in names:
        name = posixpath.basename(path.rstrip("/")) or "/" * bool(path)
        await process.say(f"{name.removesuffix(suffix) if name != suffix else name}\n")
    return 0


async def dirname(process: Process) -> int:
    """Print a path without its last part."""
    for path in options(process.argv[1:]).operands:
        head = posixpath.dirname(path.rstrip("/")) if path.strip("/") else "/"
        await process.say(f"{head.rstrip('/') or ('/' if path.startswith('/') else '.')}\n")
    return 0


async def seq(process: Process) -> int:
    """Print numbers."""
    given = options(process.argv[1:], "w", "s", permute=False)
    try:
        numbers = [int(word) for word in given.operands]
    except ValueError:
        raise NotSimulated("numbers that are not whole") from None
    if not 1 <= len(numbers) <= 3:
        return await fail(process, "missing operand")
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) > 2 else 1
    values = [str(value) for value in range(first, numbers[-1] + (1 if step > 0 else -1), step)]
    if given.has("w"):
        width = max(map(len, values), default=0)
        values = [value.zfill(width) for value in values]
    if values:
        await process.say((given.value("s") or "\n").join(values) + "\n")
    return 0


async def yes(process: Process) -> int:
    """Print a word until nobody reads any more."""
    line = (" ".join(process.argv[1:]) or "y") + "\n"
    for turn in itertools.count():
        if turn % 64 == 0:
            await asyncio.sleep(0)
        await process.say(line)
    return 0


async def printenv(process: Process) -> int:
    """Print variables of the environment."""
    names = process.argv[1:]
    if not names:
        await process.say("".join(f"{name}={value}\n" for name, value in process.env.items()))
        return 0
    for name in names:
        if name in process.env:
            await process.say(f"{process.env[name]}\n")
    return 0 if all(name in process.env for name in names) else 1


async def logger(process: Process) -> int:
    """Add a line to the system's log."""
    given = options(process.argv[1:], "i s", "t p")
    text = " ".join(given.operands) or (await process.stdin.read()).decode(errors="replace")
    line = f"{given.value('t') or process.user}: {text.rstrip()}\n"
    process.machine.files.write("/var/log/syslog", line.encode(), append=True)
    return 0


BASIC: dict[str, Program] = {
    "basename": basename,
    "date": date,
    "dirname": dirname,
    "hostname": hostname,
    "id": identity,
    "logger": logger,
    "nproc": nproc,
    "printenv": printenv,
    "seq": seq,
    "sleep": sleep,
    "uname": uname,
    "whoami": whoami,
    "yes": yes,
}
