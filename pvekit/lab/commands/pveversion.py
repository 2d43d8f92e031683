"""``pveversion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab import installed
from pvekit.lab.api.version import VERSIONS
from pvekit.lab.process import NotSimulated, Process, Program

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_KERNELS = {"8.4": "6.8.12-15-pve", "9.2": "7.0.2-1-pve"}
_FIRST = ("proxmox-ve", "pve-manager")
# What a repository has and the node has not is shown as broken; these come from Debian too.
_ALWAYS = frozenset({"ceph-fuse", "glusterfs-client"})
_OTHERS = frozenset(
    {"corosync", "ifupdown2", "libknet1", "libpve-storage-perl", "qemu-server", *_ALWAYS}
)


def pveversion(node: Node) -> Program:
    """Return the program as it is on a node."""
    full, repository = VERSIONS[node.capacity.pve]
    kernel = _KERNELS[node.capacity.pve]
    manager = f"{full}/{repository}"
    notes = {
        "proxmox-ve": f" (running kernel: {kernel})",
        "pve-manager": f" (running version: {manager})",
    }

    async def run(process: Process) -> int:
        given = process.argv[1:]
        if not given:
            await process.say(f"pve-manager/{manager} (running kernel: {kernel})\n")
        elif node.capacity.pve == "8.4" and given in (("-v",), ("-verbose",), ("--verbose",)):
            for name, version in _packages(node):
                await process.say(f"{name}: {version}{notes.get(name, '')}\n")
        else:
            raise NotSimulated(" ".join(given))
        return 0

    return run


def _packages(node: Node) -> list[tuple[str, str]]:
    files = node.machine.files
    text = files.read(installed.FILE).decode() if files.is_file(installed.FILE) else ""
    found = installed.versions(text)
    return [
        (name, found.get(name, "not correctly installed"))
        for name in (*_FIRST, *sorted(_OTHERS))
        if name in found or name in _ALWAYS
    ]
