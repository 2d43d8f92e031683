"""Guests and claims from the files of the PVE cluster file system."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pvekit.inventory.reading import NodeReading
from pvekit.inventory.vm import Vm, VmKind
from pvekit.pve import claims, conf
from pvekit.pve.claims import Claim

_CONFIG = re.compile(r"/etc/pve/nodes/([^/]+)/(qemu-server|lxc)/([0-9]{1,9})\.conf")
_PID_FILE = re.compile(r"/run/qemu-server/([0-9]{1,9})\.pid")


def vms(domain: str, view: NodeReading, readings: Iterable[NodeReading]) -> tuple[Vm, ...]:
    """Return a domain's guests as one of its nodes sees them; all its readings tell what runs."""
    live = {reading.node: running_vmids(reading) for reading in readings}
    found: dict[int, Vm] = {}
    for vmid, (node, kind) in view.guests.items():
        found[vmid] = _vm(domain, node, vmid, "lxc" if kind == "lxc" else "qemu", "", live)
    # `.vmlist` also knows a guest whose file is still empty, or was being moved when it was read.
    for path, text in view.files.items():
        if place := _CONFIG.fullmatch(path):
            vmid = int(place[3])
            found[vmid] = _vm(
                domain, place[1], vmid, "lxc" if place[2] == "lxc" else "qemu", text, live
            )
    return tuple(found[vmid] for vmid in sorted(found))


def running_vmids(reading: NodeReading) -> frozenset[int]:
    """Return the vmids whose pid file names a live emulator that was started for this vmid."""
    return frozenset(
        int(found[1])
        for path, pid in reading.files.items()
        if (found := _PID_FILE.fullmatch(path))
        and reading.files.get(f"/proc/{pid.strip()}/cmdline", "").endswith(f"\0{found[1]}\n")
    )


def claims_in(domain: str, view: NodeReading) -> tuple[Claim, ...]:
    """Return the claims on a domain's cluster file system."""
    paths = sorted(view.facts.get("claim", ()))
    found = (claims.parse(domain, path, view.files.get(path, "")) for path in paths)
    return tuple(claim for claim in found if claim)


def _vm(
    domain: str, node: str, vmid: int, kind: VmKind, text: str, live: dict[str, frozenset[int]]
) -> Vm:
    running = vmid in live[node] if kind == "qemu" and node in live else None
    return Vm(domain, node, vmid, kind, conf.parse(text), running)
