"""Who holds a lock that Proxmox VE waited for in vain, as far as the node can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pvekit.errors import LockTimeout, PvekitError
from pvekit.plan import Ask, Asking, ask
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Query

_UPID = re.compile(
    r"UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8,9}:(?P<time>[0-9A-F]{8}):"
    r"(?P<kind>[^:\s]+):(?P<id>[^:\s]*):(?P<user>[^:\s]+):"
)
_VMIDS = re.compile(r"lock-([0-9]{1,9})\.conf|\bVM ([0-9]{1,9})\b|qemu-server/([0-9]{1,9})\.conf")
_WRITING = re.compile(
    r"clone|create|restore|destroy|del|move|resize|img|template|migrate|dump|snap"
)
SHOWN = 3
"""How many tasks are named in one line."""


@dataclass(frozen=True)
class Holders:
    """The locks in VMs' configurations by vmid, and the ids of the tasks at work on a node."""

    locks: tuple[tuple[int, str], ...] = ()
    tasks: tuple[str, ...] = ()

    def says(self, vmids: tuple[int, ...], text: str) -> str:
        """Return in words who may hold what a text of Proxmox VE speaks of; empty if unknown."""
        said = [f"VM {vmid} has `lock: {value}`" for vmid, value in self.locks if vmid in vmids]
        tasks = [found for upid in self.tasks if (found := _UPID.fullmatch(upid))]
        of_storage = "storage" in text
        fitting = [
            _said(task)
            for task in tasks
            if task["id"] in map(str, vmids) or (of_storage and _WRITING.search(task["kind"]))
        ]
        more = [f"and {len(fitting) - SHOWN} more"] if len(fitting) > SHOWN else []
        return "; ".join([*said, *fitting[:SHOWN], *more])


def _said(task: re.Match[str]) -> str:
    since = datetime.fromtimestamp(int(task["time"], 16), UTC).isoformat(timespec="seconds")
    of = f" of {task['id']}" if task["id"] else ""
    return f"task {task['kind']}{of} by {task['user']} since {since} ({task[0]})"


def read(out: str) -> Holders:
    """Read the answer of the script ``holders``."""
    locks, tasks = [], []
    for line in out.splitlines():
        kind, _, rest = line.partition(" ")
        vmid, _, value = rest.partition(" ")
        number = whole(vmid)
        if kind == "lock" and number is not None:
            locks.append((number, value))
        elif kind == "task":
            tasks.append(rest)
    return Holders(tuple(locks), tuple(tasks))


def told(error: PvekitError, node: str) -> Asking[PvekitError]:
    """Return an error; that of a lock names who holds it, where the node can tell."""
    if not isinstance(error, LockTimeout):
        return error
    text = f"{error.brief}\n{error.details}"
    vmids = tuple({int(next(filter(None, found))): None for found in _VMIDS.findall(text)})
    try:
        holders = yield from ask(Ask(node, Query(script("holders", *vmids, timeout=15.0), read)))
    except PvekitError:
        return error  # who holds it is worth a question, but no further error
    said = holders.says(vmids, text)
    if not said:
        return error
    brief = f"{error.brief} Held by: {said}."
    return LockTimeout(brief, details=error.details, hint=error.hint, id=error.id)
