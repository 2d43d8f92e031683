"""What Proxmox VE reports of VMs, storages and nodes, computed from their present state."""

from __future__ import annotations

from typing import Any

from pvekit.lab.guests.guest import Guest
from pvekit.lab.node import Node
from pvekit.lab.qemu import QEMU, machine_of
from pvekit.lab.reports import reported
from pvekit.lab.statistics import SUPPORT, blocks
from pvekit.lab.storage import Definition, Figures
from pvekit.lab.storages.report import facts as storage_facts
from pvekit.lab.vmconfig import VmConfig

_OWN_MEMORY = 2 << 30  # bytes that a node needs for itself
_MIB = 1 << 20


def vm(node: Node, vmid: int, config: VmConfig) -> dict[str, Any]:
    """Return the figures of one VM, as ``qm status --verbose`` lists them of one that is off."""
    facts = configured(vmid, config, node.capacity.cpus)
    guest = node.guest(vmid)
    if guest is None:
        return facts
    return facts | {
        "mem": facts["maxmem"] // 4,
        "pid": node.pid(vmid),
        "qmpstatus": guest.state,
        "status": "running",
        "uptime": node.uptime(vmid),
    }


def configured(vmid: int, config: VmConfig, cpus: int) -> dict[str, Any]:
    """Return what a configuration alone tells of a VM, on a node with so many processors."""
    disk = config.boot_disk()
    facts: dict[str, Any] = {
        "cpus": int(config.values.get("vcpus", "0")) or min(config.cpus, cpus),
        "disk": 0,
        "maxdisk": disk.size_bytes if disk else 0,
        "maxmem": config.memory_mb << 20,
        "mem": 0,
        "name": config.name or f"VM {vmid}",
        "netin": 0,
        "netout": 0,
        "qmpstatus": "stopped",
        "status": "stopped",
        "uptime": 0,
        "vmid": vmid,
    }
    if any(f"serial{number}" in config.values for number in range(4)):
        facts["serial"] = 1
    if config.is_template:
        facts["template"] = 1
    given = {key: config.values[key] for key in ("lock", "tags") if key in config.values}
    return facts | _balloon(config) | given


def _balloon(config: VmConfig) -> dict[str, int]:
    least = int(config.values.get("balloon", "0"))
    if not least:
        return {}
    return {"balloon_min": least * _MIB, "shares": int(config.values.get("shares", "1000"))}


def full(node: Node, vmid: int, config: VmConfig) -> dict[str, Any]:
    """Return the figures of one VM with those that only its emulator knows."""
    facts = vm(node, vmid, config)
    guest = node.guest(vmid)
    if guest is None:
        return facts
    shown = blocks(slot for slot, drive in config.drives() if _is_attached(slot, drive.file))
    facts |= {
        "blockstat": shown,
        "diskread": sum(entry["rd_bytes"] for entry in shown.values()),
        "diskwrite": sum(entry["wr_bytes"] for entry in shown.values()),
        "nics": {
            f"tap{vmid}i{nic.index}": {"netin": 0, "netout": 0} for nic in guest.hardware.nics
        },
        "proxmox-support": SUPPORT,
        "running-machine": machine_of(node.capacity.pve, config.values),
        "running-qemu": QEMU[node.capacity.pve],
    }
    return facts | _memory(node, guest, config)


def _is_attached(slot: str, file: str) -> bool:
    return file != "none" and not slot.startswith(("efidisk", "tpmstate"))


def _memory(node: Node, guest: Guest, config: VmConfig) -> dict[str, Any]:
    """Return what the balloon tells: more once the guest has booted and has its driver."""
    if config.values.get("balloon") == "0":
        return {}
    size = config.memory_mb << 20
    told = {"actual": size, "max_mem": size}
    if not guest.system.booted:
        return {"balloon": size, "ballooninfo": told}
    free = size * 3 // 4
    driver = {
        "free_mem": free,
        "last_update": int(node.machine.clock.now()),
        "major_page_faults": 0,
        "mem_swapped_in": 0,
        "mem_swapped_out": 0,
        "minor_page_faults": 0,
        "total_mem": size,
    }
    return {"balloon": size, "ballooninfo": told | driver, "freemem": free}


def listed(node: Node, vmid: int, *, everything: bool = False) -> dict[str, Any]:
    """Return one VM as ``/nodes/NODE/qemu`` lists it, read live."""
    config = node.config(vmid)
    if everything:
        return {**full(node, vmid, config), "cpu": 0}
    facts = vm(node, vmid, config)
    del facts["qmpstatus"]
    return {**facts, "cpu": 0}


def storage(node: Node, definition: Definition) -> dict[str, Any]:
    """Return the figures of one storage as a node sees it, in bytes."""
    enabled = not definition.disabled and definition.on(node.name)
    figures = node.storages.figures(definition) if enabled else Figures()
    return storage_facts(definition, figures, enabled=enabled)


def memory_used(node: Node) -> int:
    """Return the bytes of memory in use on a node."""
    guests = sum(node.config(vmid).memory_mb << 20 for vmid in node.guests)
    return _OWN_MEMORY + guests


def node_entry(node: Node) -> dict[str, Any]:
    """Return the figures of one node."""
    local = storage(node, node.storages.get("local"))
    return {
        "cpu": 0.01,
        "disk": local["used"],
        "id": f"node/{node.name}",
        "level": "",
        "maxcpu": node.capacity.cpus,
        "maxdisk": local["total"],
        "maxmem": node.capacity.memory_mb << 20,
        "mem": memory_used(node),
        "node": node.name,
        "status": "online",
        "type": "node",
        "uptime": int(node.machine.uptime()),
    }


def vm_resource(node: Node, vmid: int) -> dict[str, Any]:
    """Return one VM as ``/cluster/resources`` lists it: without figures while it is new."""
    return reported(node.cluster).vm(vmid, node.name)
