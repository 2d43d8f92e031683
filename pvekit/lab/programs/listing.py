"""Programs about processes: ``kill``, ``ps`` and ``pgrep``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.processes import LiveProcess
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import options
from pvekit.lab.shell.builtins_flow import signal_number


async def kill(process: Process) -> int:
    """Send a signal, as the shell's own ``kill`` does."""
    line = shlex.join(["kill", *process.argv[1:]])
    return await process.machine.spawn(process, ["sh", "-c", line])


_Shown = Callable[[Process, LiveProcess], str]


def _clock(process: Process, live: LiveProcess) -> str:
    started = process.machine.booted + live.started
    now = process.machine.clock.now()
    form = "%H:%M" if now - started < 86400 else "%b%d"
    return datetime.fromtimestamp(started, UTC).strftime(form)


def _elapsed(process: Process, live: LiveProcess) -> str:
    seconds = int(process.machine.uptime() - live.started)
    days, rest = divmod(seconds, 86400)
    hours, minutes = rest // 3600, rest // 60 % 60
    before = f"{days}-{hours:02}:" if days else f"{hours:02}:" if hours else ""
    return f"{before}{minutes:02}:{seconds % 60:02}"


def _name(live: LiveProcess) -> str:
    return live.argv[0].rpartition("/")[2][:15] if live.argv else ""


def _line(_: Process, live: LiveProcess) -> str:
    return " ".join(live.argv)


def _seconds(process: Process, live: LiveProcess) -> str:
    return str(int(process.machine.uptime() - live.started))


def _started(process: Process, live: LiveProcess) -> str:
    moment = datetime.fromtimestamp(process.machine.booted + live.started, UTC)
    return moment.strftime("%a %b %e %H:%M:%S %Y")


# name -> (title, width; negative ones stand to the left, 0 is the rest of the line, text)
_COLUMNS: dict[str, tuple[str, int, _Shown]] = {
    "pid": ("PID", 7, lambda _, live: str(live.pid)),
    "ppid": ("PPID", 7, lambda _, live: str(live.parent)),
    "pgid": ("PGID", 7, lambda _, live: str(live.group)),
    "sid": ("SID", 7, lambda _, live: str(live.group)),
    "user": ("USER", -8, lambda _, live: live.user),
    "uid": ("UID", -8, lambda _, live: live.user),
    "stat": ("STAT", -4, lambda _, live: "Ss" if live.group == live.pid else "S"),
    "state": ("S", -1, lambda *_: "S"),
    "tty": ("TTY", -8, lambda *_: "?"),
    "tt": ("TT", -8, lambda *_: "?"),
    "time": ("TIME", 8, lambda *_: "00:00:00"),
    "bsdtime": ("TIME", 6, lambda *_: "0:00"),
    "etime": ("ELAPSED", 11, _elapsed),
    "etimes": ("ELAPSED", 7, _seconds),
    "lstart": ("STARTED", 24, _started),
    "start": ("START", -5, _clock),
    "stime": ("STIME", -5, _clock),
    "c": ("C", 2, lambda *_: "0"),
    "%cpu": ("%CPU", 4, lambda *_: "0.0"),
    "%mem": ("%MEM", 4, lambda *_: "0.0"),
    "vsz": ("VSZ", 6, lambda *_: "0"),
    "rss": ("RSS", 5, lambda *_: "0"),
    "comm": ("COMMAND", -15, lambda _, live: _name(live)),
    "ucmd": ("CMD", -15, lambda _, live: _name(live)),
    "args": ("COMMAND", 0, _line),
    "command": ("COMMAND", 0, _line),
    "cmd": ("CMD", 0, _line),
}
_FORMS = {
    "plain": "pid,tty,time,ucmd",
    "f": "uid,pid,ppid,c,stime,tty,time,cmd",
    "x": "pid,tty,stat,bsdtime,args",
    "u": "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,bsdtime,args",
}


async def ps(process: Process) -> int:
    """List processes; one that was asked for and is not there makes the status 1."""
    words = list(process.argv[1:])
    bsd = words.pop(0) if words and re.fullmatch(r"[axuwf]+", words[0]) else ""
    given = options(words, "e f A w", "o p C u format pid", least=0)
    if given.operands or "f" in bsd:
        raise NotSimulated(" ".join(process.argv[1:]))
    form = "u" if "u" in bsd else "x" if bsd else "f" if given.has("f") else "plain"
    asked = [spec for text in given.repeated.get("o", []) for spec in text.split(",")]
    columns = [_column(spec) for spec in asked or _FORMS[form].split(",")]
    chosen = _chosen(process, given.value("p", "pid"), given.value("C"))
    rows = [[show(process, live) for _, _, show in columns] for live in chosen]
    titles = [title for title, _, _ in columns]
    shown = [titles, *rows] if any(titles) else rows
    await process.say("".join(_row(row, columns) for row in shown))
    return 0 if rows else 1


def _column(spec: str) -> tuple[str, int, _Shown]:
    name, sign, title = spec.partition("=")
    if name not in _COLUMNS:
        raise NotSimulated(f"column {name}")
    own, width, show = _COLUMNS[name]
    return (title if sign else own), width, show


def _chosen(process: Process, pids: str | None, name: str | None) -> list[LiveProcess]:
    found = sorted(process.machine.processes.values(), key=lambda live: live.pid)
    if pids is not None:
        found = [live for live in found if str(live.pid) in re.split(r"[,\s]+", pids)]
    return [live for live in found if name in {None, _name(live)}]


def _row(cells: Sequence[str], columns: Sequence[tuple[str, int, _Shown]]) -> str:
    shown = []
    for number, (cell, (_, width, _)) in enumerate(zip(cells, columns, strict=True)):
        last = number == len(cells) - 1
        shown.append(cell if last and width <= 0 else _fitted(cell, width))
    return " ".join(shown).rstrip() + "\n" if shown[-1:] == [""] else " ".join(shown) + "\n"


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(-width or 27) if width <= 0 else cell.rjust(width)


async def pgrep(process: Process) -> int:
    """Find processes by a pattern (``pgrep``), or send them a signal (``pkill``)."""
    words = list(process.argv[1:])
    number: int | None = 15
    sends = process.argv[0].endswith("pkill")
    if sends and words and re.fullmatch(r"-([A-Z]+|\d+)", words[0]):
        number = signal_number(words.pop(0)[1:])
    given = options(words, "f x l a o n c", "u s signal", least=1)
    if number is None:
        return await fail(process, "unknown signal", 2)
    matches = re.compile(given.operands[0]).fullmatch if given.has("x") else None
    search = matches or re.compile(given.operands[0]).search
    found = [
        live
        for live in _chosen(process, None, None)
        if live.pid != process.pid
        and search(" ".join(live.argv) if given.has("f") else _name(live))
    ]
    for live in found:
        if sends:
            live.deliver(number)
    if not sends:
        await process.say("".join(_found(live, given.flags) for live in found))
    return 0 if found else 1


def _found(live: LiveProcess, flags: frozenset[str]) -> str:
    after = f" {' '.join(live.argv)}" if "a" in flags else f" {_name(live)}" if "l" in flags else ""
    return f"{live.pid}{after}\n"


LISTING: dict[str, Program] = {"kill": kill, "ps": ps, "pgrep": pgrep, "pkill": pgrep}
