"""socat, in the one form that matters here: it prints what a VM says on its serial console."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pvekit.lab.process import NotSimulated, Process, Program

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_SOCKET = re.compile(r"UNIX-CONNECT:/(?:var/)?run/qemu-server/(\d+)\.serial0")
_TICK = 0.5


def socat(node: Node) -> Program:
    """Return a node's ``socat``."""

    async def run(process: Process) -> int:
        words = process.argv[1:]
        socket = _SOCKET.fullmatch(words[1]) if len(words) == 3 else None
        if socket is None or words[0] != "-u" or words[2] not in ("STDOUT", "-"):
            raise NotSimulated("socat but for -u UNIX-CONNECT:/run/qemu-server/ID.serial0 STDOUT")
        return await _follow(node, process, int(socket[1]))

    return run


async def _follow(node: Node, process: Process, vmid: int) -> int:
    """Print what the guest says until it is powered off."""
    guest = node.guest(vmid)
    if guest is None:
        await process.complain("socat[1] E connect: No such file or directory\n")
        return 1
    said = 0
    while True:
        runs = guest.running
        text = guest.console_text()
        await process.stdout.write(text[said:])
        said = len(text)
        if not runs:
            return 0
        await node.machine.clock.sleep(_TICK)
