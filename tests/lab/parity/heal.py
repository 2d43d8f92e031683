"""After a disagreement the lab takes over the recorded state, so that it counts only once."""

from __future__ import annotations

import re
from urllib.parse import unquote

from pvekit.lab.site import Site
from tests.lab.parity.recordings import Entry

_CONFIG = re.compile(r"(?:^|\s)qm config (\d+)$")
_GONE = re.compile(r"Configuration file 'nodes/(\w+)/qemu-server/(\d+)\.conf' does not exist")


def heal(site: Site, entry: Entry) -> None:
    """Take over what the recorded answer shows of a VM: its configuration, or its absence."""
    if (found := _CONFIG.search(entry.cmd)) and entry.succeeded:
        _take_over(site, entry, int(found[1]))
    elif (found := _GONE.search(entry.stderr)) and found[1] == entry.node:
        _remove(site, found[1], int(found[2]))


def _take_over(site: Site, entry: Entry, vmid: int) -> None:
    lines = [_line(line) for line in entry.stdout.splitlines() if ": " in line]
    text = "\n".join(lines) + "\n"
    path = f"/etc/pve/nodes/{entry.node}/qemu-server/{vmid}.conf"
    files = site.nodes[entry.node].machine.files
    if not files.exists(path) and vmid in site.clusters[0].guests():
        return
    before = files.read(path).decode() if files.exists(path) else ""
    digests = re.findall(r"(?m)^cipassword: .*$", before)
    text = re.sub(r"(?m)^cipassword: .*$", digests[0] if digests else "cipassword: $5$a$b", text)
    files.write(path, text.encode())


def _line(line: str) -> str:
    key, _, value = line.partition(": ")
    return f"#{unquote(value)}" if key == "description" else line


def _remove(site: Site, node: str, vmid: int) -> None:
    files = site.nodes[node].machine.files
    path = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf"
    if files.exists(path) and not site.nodes[node].guest(vmid):
        files.unlink(path)
