"""After a disagreement the lab takes over the recorded state, so that it counts only once."""

from __future__ import annotations

import re

from pvekit.lab.site import Site
from tests.lab.parity.recordings import Entry
from tests.lab.parity.states import impose

_CONFIG = re.compile(r"(?:^|\s)qm config (\d+)$")
_GONE = re.compile(r"Configuration file 'nodes/(\w+)/qemu-server/(\d+)\.conf' does not exist")


def heal(site: Site, entry: Entry) -> None:
    """Take over what the recorded answer shows of a VM: its configuration, or its absence."""
    if (found := _CONFIG.search(entry.cmd)) and entry.succeeded:
        impose(site, entry.node, int(found[1]), entry.stdout)
    elif (found := _GONE.search(entry.stderr)) and found[1] == entry.node:
        _remove(site, found[1], int(found[2]))


def _remove(site: Site, node: str, vmid: int) -> None:
    files = site.nodes[node].machine.files
    path = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf"
    if files.exists(path) and not site.nodes[node].guest(vmid):
        files.unlink(path)
