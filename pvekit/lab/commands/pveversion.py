"""``pveversion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.api.version import VERSIONS
from pvekit.lab.process import NotSimulated, Process, Program

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_KERNELS = {"8.4": "6.8.12-15-pve", "9.2": "7.0.2-1-pve"}


def pveversion(node: Node) -> Program:
    """Return the program as it is on a node."""
    full, repository = VERSIONS[node.capacity.pve]
    kernel = _KERNELS[node.capacity.pve]

    async def run(process: Process) -> int:
        if len(process.argv) > 1:
            raise NotSimulated(" ".join(process.argv[1:]))
        await process.say(f"pve-manager/{full}/{repository} (running kernel: {kernel})\n")
        return 0

    return run
