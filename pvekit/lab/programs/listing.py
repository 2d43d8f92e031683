"""Programs about processes: ``kill`` and ``ps``."""

from __future__ import annotations

import shlex

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.processes import LiveProcess
from pvekit.lab.programs.options import options


async def kill(process: Process) -> int:
    """Send a signal, as the shell's own ``kill`` does."""
    line = shlex.join(["kill", *process.argv[1:]])
    return await process.machine.spawn(process, ["sh", "-c", line])


def _facts(live: LiveProcess) -> dict[str, str]:
    return {
        "pid": f"{live.pid:>7}",
        "ppid": f"{live.parent:>7}",
        "pgid": f"{live.group:>7}",
        "user": live.user,
        "stat": "S",
        "comm": live.argv[0].rpartition("/")[2],
        "args": " ".join(live.argv),
        "cmd": " ".join(live.argv),
    }


async def ps(process: Process) -> int:
    """List processes; one that was asked for and is not there makes the status 1."""
    words = [word for word in process.argv[1:] if word not in {"aux", "ax"}]
    given = options(words, "e f A", "o p")
    text = given.value("o") or "pid,user,args"
    columns = text.replace("=", "").split(",")
    asked = given.value("p")
    rows: list[str] = []
    for pid, live in process.machine.processes.items():
        facts = _facts(live)
        if not set(columns) <= set(facts):
            raise NotSimulated(f"columns {text}")
        if asked is None or str(pid) in asked.split(","):
            rows.append(" ".join(facts[column] for column in columns))
    title = [] if "=" in text else [" ".join(column.upper() for column in columns)]
    await process.say("".join(f"{row}\n" for row in [*title, *rows]))
    return 0 if rows else 1


LISTING: dict[str, Program] = {"kill": kill, "ps": ps}
