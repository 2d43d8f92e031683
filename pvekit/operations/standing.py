"""A wish by name or vmid: whether what it speaks of is there already, ours and as asked for."""

from __future__ import annotations

from typing import Any

from pvekit.config.model import AUTO_SIZE
from pvekit.errors import Conflict
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.listing import Row, missing, row
from pvekit.operations.vm_wishes import Request, sized
from pvekit.sizing.size import Size


def standing(desk: Desk, request: Request) -> Row | None:
    """Return the VM that a wish by name or vmid speaks of, if it is there, ours and as wished.

    Raises :class:`Conflict` for a stranger's, and for ours with the differences.
    """
    if not request.name and request.vmid is None:
        return None
    inventory = desk.inventory()
    vm = next(iter(inventory.find(request.name or str(request.vmid))), None)
    return None if vm is None else _as_wished(desk, inventory, request, vm)


def _as_wished(desk: Desk, inventory: Inventory, request: Request, vm: Vm) -> Row:
    if not vm.ours or vm.is_template:
        raise Conflict(
            f"VM {vm.vmid} ({vm.name}) on {vm.node} is not ours: {missing(vm)}.",
            hint="Choose another name or vmid; pvekit leaves it alone.",
            id="VM-NOT-OURS",
        )
    named = request.size not in ("", AUTO_SIZE)
    size = sized(desk.config, inventory, request).size if named else None
    found = row(vm, inventory)
    if differences := _differences(request, size, vm, found.node):
        raise Conflict(
            f"VM {vm.vmid} ({vm.name}) is ours, but is not what is asked for.",
            details="\n".join(differences),
            id="VM-DIFFERS",
        )
    run = vm.own.run
    if run and desk.store.is_dead(run):
        desk.warn(
            f"Run {run}, which made {vm.name}, is unfinished: the VM need not be ready. "
            f"`pvekit run resume {run}` goes on."
        )
    return found


def unchanged(row: Row) -> dict[str, Any]:
    """Return such a VM as data, in the shape of what became of a new VM."""
    return {
        "name": row.name,
        "vmid": row.vmid,
        "node": row.node,
        "address": "",
        "size": f"{row.cpus}/{row.memory_mb}/{row.disk_gb}",
        "cpus": row.cpus,
        "memory_mb": row.memory_mb,
        "disk_gb": row.disk_gb,
        "because": "it was there already",
        "source": "",
        "evidence": [],
        "confidence": "",
        "workload": "",
        "role": row.role,
        "placement": [],
        "state": "unchanged",
        "error": None,
        "error_id": None,
        "taken_back": None,
        "seconds": 0.0,
        "stages": {},
    }


def _differences(request: Request, size: Size | None, vm: Vm, node: str) -> list[str]:
    disk = vm.boot_disk
    asked: dict[str, tuple[object, object]] = {
        "name": (request.name or None, vm.name),
        "vmid": (request.vmid, vm.vmid),
        "cpus": (size.cpus if size else request.cpus, vm.cpus),
        "memory_mb": (size.memory_mb if size else request.memory_mb, vm.memory_mb),
        "disk_gb": (size.disk_gb if size else request.disk_gb, disk.size_gb if disk else 0),
        "role": (request.role, vm.own.role),
        "node": (request.node, node),
        "ip": (request.ip or None, _address(vm)),
    }
    return [
        f"{key}: asked for {wanted}, is {actual}"
        for key, (wanted, actual) in asked.items()
        if wanted is not None and wanted != actual
    ]


def _address(vm: Vm) -> str:
    return str(next(iter(vm.addresses_configured), "dhcp"))
