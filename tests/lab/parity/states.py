"""Gives the lab a VM as a recorded answer shows it: its configuration, and the disks in that."""

from __future__ import annotations

import re
from urllib.parse import unquote

from pvekit.lab.guests.disk import Disk, read_image
from pvekit.lab.node import Node
from pvekit.lab.site import Site
from pvekit.lab.storage import Volume
from pvekit.lab.vmconfig import VmConfig

_VMID = re.compile(r"(?:vm|base)-(\d+)-")


def impose(site: Site, node: str, vmid: int, shown: str) -> None:
    """Make a VM what ``qm config`` has shown, unless its vmid lives on another node."""
    lines = [_line(line) for line in shown.splitlines() if ": " in line]
    text = "".join(f"{line}\n" for line in lines)
    path = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf"
    files = site.nodes[node].machine.files
    if not files.exists(path) and vmid in site.clusters[0].guests():
        return
    before = files.read(path).decode() if files.exists(path) else ""
    kept = re.findall(r"(?m)^cipassword: .*$", before)
    text = re.sub(r"(?m)^cipassword: .*$", kept[0] if kept else "cipassword: $5$a$b", text)
    files.write(path, text.encode())
    _add_volumes(site.nodes[node], text)


def _line(line: str) -> str:
    key, _, value = line.partition(": ")
    if key != "description":
        return line
    return "\n".join(f"#{part}" for part in unquote(value).splitlines())


def _content(node: Node, config: str, size: int) -> Disk:
    """Return the recorded guest's system for a VM that has an agent, else an empty disk."""
    guest = node.machine.files.read("/mnt/guest/debian-cloud-agent-chroot.qcow2")
    disk = read_image(guest) if "agent:" in config and node.name == "pve1" else None
    if disk is None or disk.size_bytes > size:
        return Disk(size)
    disk.size_bytes = size
    return disk


def _add_volumes(node: Node, text: str) -> None:
    for _, drive in VmConfig.parse(text).drives():
        if not drive.has_volume or "/" not in drive.file or node.storages.exists(drive.file):
            continue
        storage, _, name = drive.file.partition(":")
        owner = _VMID.search(name)
        if owner is None:
            continue
        size = drive.size_bytes or 4 << 20
        disk = None if drive.is_cloudinit else _content(node, text, size)
        form = name.rpartition(".")[2]
        node.storages.add(storage, Volume(name, int(owner[1]), size, form, disk))
