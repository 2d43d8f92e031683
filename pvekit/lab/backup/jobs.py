"""The backup jobs in ``jobs.cfg``, and the VMs that each of them covers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pvekit.lab.access import store
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Layout, Section, Sections
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig

if TYPE_CHECKING:
    from pvekit.lab.node import Node

FILE = "/etc/pve/jobs.cfg"
STATES = "/var/lib/pve-manager/jobs"
_LAYOUTS = {
    "vzdump": Layout(frozenset({"schedule"})),
    "realm-sync": Layout(frozenset({"schedule"})),
}
_NUMBERS = frozenset(
    {
        *("all", "enabled", "protected", "quiet", "remove", "stdexcludes", "stop", "pigz", "zstd"),
        *("bwlimit", "ionice", "lockwait", "stopwait", "maxfiles", "repeat-missed"),
        *("enable-new",),
    }
)
_STRINGS = frozenset({"prune-backups", "performance", "fleecing"})


def load(node: Node) -> Sections:
    """Read all jobs."""
    return Sections.parse(store.text_of(node, FILE))


@asynccontextmanager
async def changing(node: Node, complain: Say) -> AsyncIterator[Sections]:
    """Give all jobs to the body, and write what that made of them."""
    async with cfs_lock(node, file_lock("jobs.cfg"), "", complain):
        sections = load(node)
        yield sections
        node.write(FILE, sections.text(_LAYOUTS))


def note_state(node: Node, kind: str, name: str) -> None:
    """Leave the first state of a new job where the scheduler of the node looks for it."""
    text = json.dumps({"state": "created", "time": int(node.machine.clock.now())})
    node.write(f"{STATES}/{kind}-{name}.json", text)


def forget_state(node: Node, kind: str, name: str) -> None:
    """Remove a job's state."""
    path = f"{STATES}/{kind}-{name}.json"
    if node.machine.files.exists(path):
        node.machine.files.unlink(path)


def shown(name: str, section: Section) -> dict[str, Any]:
    """Return a job as the API shows it."""
    found: dict[str, Any] = {"id": name, "type": section.type}
    for key, value in section.values.items():
        if key in _STRINGS:
            found[key] = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
        else:
            found[key] = int(value) if key in _NUMBERS else value
    return found


def covered(node: Node, values: Mapping[str, str]) -> list[int]:
    """Return the VMs that a job, or a call of ``vzdump``, is about; some may be gone."""
    owners = node.cluster.guests()
    if pool := values.get("pool"):
        known = store.load(node).pools
        if pool not in known:
            raise Failure(f"pool '{pool}' does not exist")
        members = known[pool].vms & owners.keys()
        excluded = set(map(int, split_list(values.get("exclude", ""))))
        wanted = sorted(members - excluded)
    elif values.get("vmid"):
        wanted = sorted(map(int, split_list(values["vmid"])))
    elif values.get("all") == "1":
        excluded = set(map(int, split_list(values.get("exclude", ""))))
        wanted = sorted(owners.keys() - excluded)
    else:
        wanted = []
    only = values.get("node")
    return [v for v in wanted if not only or v not in owners or owners[v][0] == only]


def not_covered(node: Node) -> list[int]:
    """Return the VMs that no job covers."""
    found = set(node.cluster.guests())
    for section in load(node).ids.values():
        if section.type == "vzdump":
            found -= set(covered(node, section.values))
    return sorted(found)


def name_of(node: Node, vmid: int) -> tuple[str, str]:
    """Return a guest's name and its type."""
    owner, kind = node.cluster.guests()[vmid]
    config = node.peers[owner].config(vmid) if kind == "qemu" else VmConfig()
    return config.name or f"VM {vmid}", kind
