"""Signs of too little memory, as guests' kernels tell them. A guest may lie: all is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Query

_PATIENCE = 30.0
_AT_ONCE = 8
_SECONDS_EACH = 9.0
_LONGEST_ANSWER = 40_000
_MOST_LINES = 60
_MOST_NAMES = 3

_TIME = r"([0-9]{1,12}\.[0-9]{1,9})"
_UPTIME = re.compile(rf"{_TIME} {_TIME}")
_PRESSURE = re.compile(rf"full avg10={_TIME} avg60={_TIME} avg300={_TIME} total=[0-9]{{1,20}}")
_JOURNAL = re.compile(rf"{_TIME} \S{{1,64}} kernel: (.*)")
_DMESG = re.compile(rf"\[ {{0,12}}{_TIME}\] (.*)")
_KILLED = re.compile(
    r"(Out of memory|Memory cgroup out of memory): Kill(?:ed)? process [0-9]{1,10} \((.{1,15}?)\)"
)


@dataclass(frozen=True)
class Signs:
    """What a guest's kernel says.

    ``kills`` is how many processes it killed because the guest's memory was used up, ``killed``
    are names of some; ``cgroup_kills`` how many because a limit inside the guest was reached.
    ``pressure`` is the part of the last five minutes in which all tasks waited for memory, in
    percent, None where the kernel does not tell.
    """

    uptime_seconds: float
    kills: int = 0
    cgroup_kills: int = 0
    killed: tuple[str, ...] = ()
    pressure: float | None = None


def query(vmids: tuple[int, ...], seconds: int) -> Query[Mapping[int, Signs]]:
    """Return the question what these VMs' kernels say of so many seconds, one for a whole node."""
    patience = _PATIENCE + (len(vmids) // _AT_ONCE) * _SECONDS_EACH
    command = script("signs", seconds, *vmids, timeout=patience)
    return Query(command, lambda out: parse(out, seconds))


def parse(text: str, seconds: int) -> Mapping[int, Signs]:
    """Read the script's answer; a VM whose agent does not answer is left out."""
    found: dict[int, Signs] = {}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        vmid, _, data = rest.partition(" ")
        number = whole(vmid)
        if kind != "signs" or number is None or len(data) > _LONGEST_ANSWER:
            continue
        signs = _signs(_said(data), seconds)
        if signs is not None:
            found[number] = signs
    return found


def _said(data: str) -> list[str]:
    """Return the lines that a guest printed."""
    try:
        answer: Any = json.loads(data)
    except (ValueError, RecursionError):
        return []
    text = answer.get("out-data") if isinstance(answer, dict) else None
    return text.split("\n")[:_MOST_LINES] if isinstance(text, str) else []


def _signs(lines: list[str], seconds: int) -> Signs | None:
    """Return what lines say; None if a kernel does not even tell how long it has been up."""
    up = next((found for line in lines if (found := _UPTIME.fullmatch(line))), None)
    if up is None:
        return None
    uptime = float(up[1])
    waits = next((found for line in lines if (found := _PRESSURE.fullmatch(line))), None)
    kills, of_cgroups, names = _kills(_messages(lines, uptime - seconds))
    pressure = min(100.0, float(waits[3])) if waits else None
    return Signs(uptime, kills, of_cgroups, names, pressure)


def _messages(lines: Iterable[str], after: float) -> list[str]:
    """Return the kernel's messages; those of ``dmesg`` are from the boot on, and may be older."""
    found = []
    for line in lines:
        recent = _JOURNAL.fullmatch(line)
        since_boot = _DMESG.fullmatch(line)
        if since_boot and float(since_boot[1]) >= after:
            recent = since_boot
        if recent:
            found.append(recent[2])
    return found


def _kills(messages: Iterable[str]) -> tuple[int, int, tuple[str, ...]]:
    """Count processes killed for the guest's memory, and for a cgroup's; some names of the first.

    A line may be cut off or be lost, so what the kernel said before it killed counts, too.
    """
    kills = announced = of_cgroups = announced_of_cgroups = 0
    names: dict[str, None] = {}
    for message in messages:
        if killed := _KILLED.match(message):
            if killed[1] == "Out of memory":
                kills += 1
                names[re.sub(r"[^A-Za-z0-9_.:/+-]", "?", killed[2])] = None
            else:
                of_cgroups += 1
        elif message.startswith("oom-kill:"):
            whole_guest = ",global_oom" in message
            announced += whole_guest
            announced_of_cgroups += not whole_guest
    kept = tuple(names)[:_MOST_NAMES]
    return max(kills, announced), max(of_cgroups, announced_of_cgroups), kept
