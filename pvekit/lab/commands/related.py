"""The configurations besides its own that name a VM: backup and replication jobs, firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.access.store import text_of
from pvekit.lab.backup import jobs
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Layout, Sections
from pvekit.lab.tasks import Say

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_REPLICATION = "/etc/pve/replication.cfg"
_LAYOUTS = {"local": Layout(frozenset({"target"}))}


def replication_jobs(node: Node, vmid: int) -> list[str]:
    """Return the ids of a VM's replication jobs."""
    known = Sections.parse(text_of(node, _REPLICATION)).ids
    return [name for name in known if name.startswith(f"{vmid}-")]


def check_replication(node: Node, vmid: int) -> None:
    """Die if a VM has replication jobs."""
    if names := replication_jobs(node, vmid):
        raise Failure(f"There is still a replication job '{names[0]}' for guest '{vmid}'")


async def purge_jobs(node: Node, vmid: int, say: Say) -> None:
    """Take a VM out of replication and backup jobs; a backup job without any VM vanishes."""
    if names := replication_jobs(node, vmid):
        async with cfs_lock(node, file_lock("replication.cfg"), "", say):
            sections = Sections.parse(text_of(node, _REPLICATION))
            for name in names:
                del sections.ids[name]
            node.write(_REPLICATION, sections.text(_LAYOUTS))
    if any(str(vmid) in _vmids(values) for values in _backups(jobs.load(node)).values()):
        async with jobs.changing(node, say) as sections:
            _drop(sections, str(vmid))


def _vmids(values: dict[str, str]) -> list[str]:
    return split_list(values.get("vmid", ""))


def _backups(sections: Sections) -> dict[str, dict[str, str]]:
    return {name: one.values for name, one in sections.ids.items() if one.type == "vzdump"}


def _drop(sections: Sections, vmid: str) -> None:
    for name, values in _backups(sections).items():
        left = [other for other in _vmids(values) if other != vmid]
        if left == _vmids(values):
            continue
        values["vmid"] = ",".join(left)
        if not left:
            del sections.ids[name]


def remove_firewall(node: Node, vmid: int) -> None:
    """Remove a VM's firewall rules."""
    path = f"/etc/pve/firewall/{vmid}.fw"
    if node.machine.files.exists(path):
        node.machine.files.unlink(path)
