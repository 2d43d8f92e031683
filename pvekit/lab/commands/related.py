"""The configurations besides its own that name a VM: backup and replication jobs, HA, firewall."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure

if TYPE_CHECKING:
    from pvekit.lab.node import Node

HA_RESOURCES = "/etc/pve/ha/resources.cfg"
_HA_RULES = "/etc/pve/ha/rules.cfg"
_JOBS = "/etc/pve/jobs.cfg"
_REPLICATION = "/etc/pve/replication.cfg"


def ha_managed(node: Node, vmid: int) -> bool:
    """Return whether a VM is a resource of the HA stack."""
    heads = (section.partition("\n")[0] for section in _sections(_text(node, HA_RESOURCES)))
    return any(re.fullmatch(rf"vm:\s*{vmid}\s*", head) for head in heads)


def replication_jobs(node: Node, vmid: int) -> list[str]:
    """Return the ids of a VM's replication jobs."""
    heads = (section.partition("\n")[0] for section in _sections(_text(node, _REPLICATION)))
    found = (re.fullmatch(rf"local:\s*({vmid}-\d+)\s*", head) for head in heads)
    return [head[1] for head in found if head]


def check_replication(node: Node, vmid: int) -> None:
    """Die if a VM has replication jobs."""
    if jobs := replication_jobs(node, vmid):
        raise Failure(f"There is still a replication job '{jobs[0]}' for guest '{vmid}'")


def purge_jobs(node: Node, vmid: int) -> None:
    """Take a VM out of replication and backup jobs; a backup job without any VM vanishes."""
    _rewrite(node, _REPLICATION, lambda text: _without_replication(text, vmid))
    _rewrite(node, _JOBS, lambda text: _without_member(text, "vmid", str(vmid)))


def purge_ha(node: Node, vmid: int) -> None:
    """Take a VM out of the HA stack's resources and rules."""
    _rewrite(node, HA_RESOURCES, lambda text: _without_resource(text, vmid))
    _rewrite(node, _HA_RULES, lambda text: _without_member(text, "resources", f"vm:{vmid}"))


def remove_firewall(node: Node, vmid: int) -> None:
    """Remove a VM's firewall rules."""
    path = f"/etc/pve/firewall/{vmid}.fw"
    if node.machine.files.exists(path):
        node.machine.files.unlink(path)


def copy_firewall(node: Node, vmid: int, new: int) -> None:
    """Copy a VM's firewall rules to another VM."""
    if text := _text(node, f"/etc/pve/firewall/{vmid}.fw"):
        node.write(f"/etc/pve/firewall/{new}.fw", text)


def _text(node: Node, path: str) -> str:
    files = node.machine.files
    return files.read(path).decode() if files.is_file(path) else ""


def _rewrite(node: Node, path: str, change: Callable[[str], str]) -> None:
    before = _text(node, path)
    after = change(before)
    if after != before:
        node.write(path, after)


def _sections(text: str) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", text):
        if part.strip():
            yield part.strip("\n")


def _joined(sections: Iterator[str]) -> str:
    return "".join(f"{section}\n\n" for section in sections)


def _without_replication(text: str, vmid: int) -> str:
    gone = re.compile(rf"local:\s*{vmid}-\d+\s*(\n|$)")
    return _joined(section for section in _sections(text) if not gone.match(section))


def _without_resource(text: str, vmid: int) -> str:
    gone = re.compile(rf"vm:\s*{vmid}\s*(\n|$)")
    return _joined(section for section in _sections(text) if not gone.match(section))


def _without_member(text: str, key: str, member: str) -> str:
    """Take one member out of the lists under a key; a section whose list is empty then goes."""
    if not re.search(rf"\b{re.escape(member)}\b", text):
        return text
    kept = (_section_without(section, key, member) for section in _sections(text))
    return _joined(section for section in kept if section)


def _section_without(section: str, key: str, member: str) -> str:
    found = re.search(rf"(?m)^(\s+{key} )(.*)$", section)
    if found is None:
        return section
    members = [name for name in re.split(r"[,;\s]+", found[2]) if name]
    left = [name for name in members if name != member]
    if left == members:
        return section
    if not left:
        return ""
    return f"{section[: found.start()]}{found[1]}{','.join(left)}{section[found.end() :]}"
