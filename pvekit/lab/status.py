"""What Proxmox VE reports of VMs, storages and nodes, computed from their present state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pvekit.lab.node import Node
from pvekit.lab.storage import Definition
from pvekit.lab.vmconfig import VmConfig

_LAG = 10.0  # seconds until pvestatd reports a new VM
_OWN_MEMORY = 2 << 30  # bytes that a node needs for itself


def vm(node: Node, vmid: int, config: VmConfig) -> dict[str, Any]:
    """Return the figures of one VM, as ``qm status --verbose`` lists them."""
    guest = node.guest(vmid)
    disk = config.boot_disk()
    facts: dict[str, Any] = {
        "cpus": config.cpus,
        "disk": 0,
        "maxdisk": disk.size_bytes if disk else 0,
        "maxmem": config.memory_mb << 20,
        "mem": (config.memory_mb << 20) // 4 if guest else 0,
        "name": config.name or f"VM {vmid}",
        "netin": 0,
        "netout": 0,
        "qmpstatus": "running" if guest else "stopped",
        "status": "running" if guest else "stopped",
        "uptime": node.uptime(vmid) if guest else 0,
        "vmid": vmid,
    }
    if guest:
        facts["pid"] = node.pid(vmid)
    if "serial0" in config.values:
        facts["serial"] = 1
    if config.is_template:
        facts["template"] = 1
    return facts | {k: config.values[k] for k in ("lock", "tags") if k in config.values}


def storage(node: Node, definition: Definition) -> dict[str, Any]:
    """Return the figures of one storage as a node sees it, in bytes."""
    usable = not definition.disabled and definition.on(node.name)
    pool = node.storages.pool(definition.id)
    used = pool.used + sum(size for _, _, size in node.storages.files(definition))
    return {
        "active": int(usable),
        "avail": pool.total - used if usable else 0,
        "content": ",".join(sorted(definition.content)),
        "enabled": int(not definition.disabled),
        "shared": int(definition.shared),
        "storage": definition.id,
        "total": pool.total if usable else 0,
        "type": definition.type,
        "used": used if usable else 0,
    }


def memory_used(node: Node) -> int:
    """Return the bytes of memory in use on a node."""
    guests = sum(node.config(vmid).memory_mb << 20 for vmid in node.guests)
    return _OWN_MEMORY + guests


def node_entry(node: Node) -> dict[str, Any]:
    """Return one node as ``/nodes`` and ``/cluster/resources`` list it."""
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
    config = node.config(vmid)
    entry: dict[str, Any] = {"id": f"qemu/{vmid}", "node": node.name, "type": "qemu", "vmid": vmid}
    entry |= {key: config.values[key] for key in ("lock", "tags") if key in config.values}
    if node.cluster.age(vmid) < _LAG:
        return entry | {"status": "unknown"}
    facts = vm(node, vmid, config)
    kept = ("disk", "maxdisk", "maxmem", "mem", "name", "netin", "netout", "status", "uptime")
    rates = {"cpu": 0, "diskread": 0, "diskwrite": 0, "maxcpu": config.cpus}
    template = {"template": int(config.is_template)}
    return entry | {key: facts[key] for key in kept} | rates | template


def rrd(nodes: Iterable[Node], version: str) -> Iterator[str]:
    """Return the lines of ``/etc/pve/.rrd``; PVE 9 names its keys otherwise."""
    nine = version.startswith("9")
    keys = ("pve-vm-9.0", "pve-node-9.0", "pve-storage-9.0") if nine else _RRD_8
    for node in nodes:
        for vmid in node.vmids():
            yield f"{keys[0]}/{vmid}:{_vm_figures(node, vmid)}"
        yield f"{keys[1]}/{node.name}:{_node_figures(node)}"
        for definition in node.storages.active():
            facts = storage(node, definition)
            now = int(node.machine.clock.now())
            figures = f"{now}:{facts['total']}:{facts['used']}"
            yield f"{keys[2]}/{node.name}/{definition.id}:{figures}"


_RRD_8 = ("pve2.3-vm", "pve2-node", "pve2-storage")


def _vm_figures(node: Node, vmid: int) -> str:
    config = node.config(vmid)
    facts = vm(node, vmid, config)
    running = facts["status"] == "running"
    now = int(node.machine.clock.now())
    head = (facts["uptime"], facts["name"], facts["status"], int(config.is_template), now)
    memory = facts["mem"] if running else "U"
    load = 0 if running else "U"
    disk = (facts["maxdisk"], 0, *([load] * 4))
    return ":".join(map(str, (*head, config.cpus, load, facts["maxmem"], memory, *disk)))


def _node_figures(node: Node) -> str:
    entry = node_entry(node)
    now = int(node.machine.clock.now())
    return (
        f"{entry['uptime']}::{now}:0.1:{entry['maxcpu']}:{entry['cpu']}:0:{entry['maxmem']}:"
        f"{entry['mem']}:0:0:{entry['maxdisk']}:{entry['disk']}:0:0"
    )
