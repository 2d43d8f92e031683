"""Templates as what VMs are cloned from: which there are, and what a clone takes from its own."""

from __future__ import annotations

import re

from pvekit.inventory.model import Inventory, Vm
from pvekit.pve.volumes import boot_slot


def templates(inventory: Inventory, name: str) -> tuple[Vm, ...]:
    """Return our templates of this name, on each node only the newest."""
    newest: dict[tuple[str, str], Vm] = {}
    for vm in sorted(inventory.templates(), key=made_at):
        if vm.mark is not None and vm.mark.name == name and not vm.lock:
            newest[vm.domain, vm.node] = vm
    return tuple(newest.values())


def template_disk_gb(found: tuple[Vm, ...]) -> int:
    """Return the largest boot disk of these templates in GiB; a clone cannot be smaller."""
    return max((disk(vm)[1] for vm in found), default=0)


def made_at(vm: Vm) -> int:
    """Return when Proxmox VE made a VM, in seconds since the epoch, or 0."""
    found = re.search(r"ctime=(\d+)", vm.config.values.get("meta", ""))
    return int(found[1]) if found else 0


def disk(vm: Vm) -> tuple[str, int]:
    """Return the slot and the size in GiB of the disk that a VM boots from."""
    slot = boot_slot(vm.config) or "scsi0"
    volume = vm.volumes.get(slot)
    return slot, volume.size_gb if volume else 0


def storage(template: Vm) -> str:
    """Return the storage of a template's boot disk; empty where it has none."""
    volume = template.volumes.get(disk(template)[0])
    return volume.storage if volume else ""


def bridge(template: Vm) -> str:
    """Return the bridge of a template's first network card; empty where it has none."""
    found = re.search(r"bridge=([^,]+)", template.config.values.get("net0", ""))
    return found[1] if found else ""


def tag(template: Vm) -> int | None:
    """Return the VLAN of a template's first network card, None where it has none."""
    found = re.search(r"tag=(\d+)", template.config.values.get("net0", ""))
    return int(found[1]) if found else None
