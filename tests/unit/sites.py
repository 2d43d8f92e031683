"""Inventories for tests, from a short description of each node."""

from dataclasses import replace

from pvekit.inventory.model import Domain, Inventory, Member, NodeState, Storage, StorageState, Vm
from pvekit.pve.claims import Claim
from pvekit.pve.conf import GuestConfig

GIB = 1 << 30


def guest(vmid, node="pve1", domain="bench", kind="qemu", **values):
    values = {key: str(value) for key, value in values.items()}
    return Vm(domain, node, vmid, kind, GuestConfig(values))


def site(nodes, storage=None, quorate=True):
    """Build an inventory of one PVE cluster; a node's keys are those of `_node` and `_guests`."""
    storage = {"type": "lvmthin", "content": ["images"], "nodes": None, "disabled": False} | (
        storage or {}
    )
    vmid = iter(range(100, 10_000))
    vms, claims = [], []
    for name, node in nodes.items():
        vms += _guests(name, node, vmid, "ceph" if storage["type"] == "rbd" else "local-lvm")
        claims += [_claim(name, next(vmid), memory) for memory in node.get("claims", ())]
    return Inventory(
        domains=(Domain("bench", True, quorate, tuple(Member(name, True) for name in nodes)),),
        nodes=tuple(_node(name, node) for name, node in nodes.items()),
        storages=(_storage(storage, nodes), _local(nodes)),
        vms=tuple(vms),
        claims=tuple(claims),
    )


def with_vms(inventory, *vms):
    return replace(inventory, vms=(*inventory.vms, *vms))


def _node(name, node):
    memory = node.get("memory", 65536)
    return NodeState(
        alias=name,
        name=name,
        domain="bench",
        online=node.get("online", True),
        configured=node.get("configured", True),
        writable=node.get("writable", True),
        cpus=node.get("cpus", 16),
        memory_mb=memory,
        memory_free_mb=node.get("free", memory),
        bridges=frozenset(node.get("bridges", ["vmbr0"])),
        tools=frozenset(node.get("tools", ())),
        image_dir_free_bytes=node.get("image_free"),
        maintenance=node.get("maintenance", False),
    )


def _guests(name, node, vmid, storage):
    template = {"template": 1, "name": "base", "scsi0": f"{storage}:base-disk,size=16G"}
    guests = [{"memory": 512}] * node.get("vms", 0) + list(node.get("guests", ()))
    if node.get("has_template", True):
        guests.append(template)
    for values in guests:
        yield guest(next(vmid), name, **values)


def _claim(node, vmid, memory_mb):
    return Claim("bench", "vmid", str(vmid), vmid=vmid, node=node, memory_mb=memory_mb)


def _storage(settings, nodes):
    shared = settings["type"] == "rbd"
    return Storage(
        domain="bench",
        id="ceph" if shared else "local-lvm",
        type=settings["type"],
        content=frozenset(settings["content"]),
        nodes=None if settings["nodes"] is None else frozenset(settings["nodes"]),
        shared=shared,
        disabled=settings["disabled"],
        states={
            name: StorageState(1000 * GIB, (1000 - free) * GIB)
            for name, node in nodes.items()
            if (free := node.get("disk_free", 500)) is not None
        },
    )


def _local(nodes):
    states = {name: StorageState(500 * GIB, 0) for name in nodes}
    return Storage("bench", "local", "dir", frozenset(["images"]), None, False, False, states)
