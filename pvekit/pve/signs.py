"""Signs of too little memory, as guests' kernels tell them. A guest may lie: all is bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pvekit.pve import printed
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
_MESSAGE = re.compile(rf"\[ {{0,12}}{_TIME}\] (?:\S{{1,64}} kernel: )?(.*)")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/+-]")
_KILLED = re.compile(
    r"(Out of memory|Memory cgroup out of memory): Kill(?:ed)? process [0-9]{1,10} \((.{1,15}?)\)"
)


@dataclass(frozen=True)
class Kill:
    """A process that a kernel killed because its machine's memory was used up."""

    seconds_ago: float
    name: str = ""


@dataclass(frozen=True)
class Signs:
    """What a guest's kernel says, of this boot.

    ``cgroup_kills`` is how many processes were killed because a limit inside the guest was reached.
    ``pressure`` is the part of the last five minutes in which all tasks waited for memory, in
    percent, None where the kernel does not tell.
    """

    uptime_seconds: float
    killed: tuple[Kill, ...] = ()
    cgroup_kills: int = 0
    pressure: float | None = None

    @property
    def kills(self) -> int:
        """How many processes were killed because the guest's memory was used up."""
        return len(self.killed)

    @property
    def names(self) -> tuple[str, ...]:
        """What some of them were called."""
        return tuple(dict.fromkeys(each.name for each in self.killed if each.name))[:_MOST_NAMES]

    def within(self, seconds: float) -> Signs:
        """Return the same without those that were killed longer ago."""
        return replace(self, killed=tuple(e for e in self.killed if e.seconds_ago <= seconds))


def query(vmids: tuple[int, ...], seconds: int) -> Query[Mapping[int, Signs]]:
    """Return the question what these VMs' kernels say of so many seconds, one for a whole node."""
    patience = _PATIENCE + (len(vmids) // _AT_ONCE) * _SECONDS_EACH
    command = script("signs", *vmids, timeout=patience)
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
        signs = _signs(printed.text(data).split("\n")[:_MOST_LINES], seconds)
        if signs is not None:
            found[number] = signs
    return found


def _signs(lines: list[str], seconds: int) -> Signs | None:
    """Return what lines say; None if a kernel does not even tell how long it has been up."""
    up = next((found for line in lines if (found := _UPTIME.fullmatch(line))), None)
    if up is None:
        return None
    uptime = float(up[1])
    waits = next((found for line in lines if (found := _PRESSURE.fullmatch(line))), None)
    told = (found for line in lines if (found := _MESSAGE.fullmatch(line)))
    ages = [(max(0.0, uptime - float(each[1])), each[2]) for each in told]
    recent = [(ago, text) for ago, text in ages if ago <= seconds]
    return Signs(
        uptime,
        killed=_killed(recent, "Out of memory", of_all=True),
        cgroup_kills=len(_killed(recent, "Memory cgroup out of memory", of_all=False)),
        pressure=min(100.0, float(waits[3])) if waits else None,
    )


def _killed(messages: Iterable[tuple[float, str]], what: str, *, of_all: bool) -> tuple[Kill, ...]:
    """Return the processes that were killed, of all or of a cgroup's.

    A line may be cut off or be lost, so what the kernel said before it killed counts, too.
    """
    killed: list[Kill] = []
    announced: list[Kill] = []
    for ago, message in messages:
        told = _KILLED.match(message)
        if told and told[1] == what:
            killed.append(Kill(ago, _UNSAFE.sub("?", told[2])))
        elif message.startswith("oom-kill:") and (",global_oom" in message) is of_all:
            announced.append(Kill(ago))
    return tuple(killed if len(killed) >= len(announced) else announced)
