"""Moving one of our VMs to another node of its PVE cluster: what is in the way, and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.placement import Rules
from pvekit.plan import Plan, Step
from pvekit.pve import goals, properties, qm, settled
from pvekit.pve.qm import Options
from pvekit.vms.power import HEED, Target


@dataclass(frozen=True)
class Migrating:
    """Where one VM goes: the alias and the PVE name of the node; whether it ``runs`` meanwhile.

    ``local`` are its disks that are copied, because their storage is the node's own.
    """

    node: str
    pve_node: str
    runs: bool = False
    local: tuple[str, ...] = ()


def local_disks(vm: Vm, inventory: Inventory) -> tuple[str, ...]:
    """Return the disks on storage that other nodes do not see; a cloud-init drive is made anew."""
    found = []
    for volume in vm.volumes.values():
        storage = inventory.storage(vm.domain, volume.storage)
        if storage is not None and not storage.shared and not volume.is_cloud_init:
            found.append(volume.volid)
    return tuple(sorted(set(found)))


def obstacles(vm: Vm, home: NodeState, inventory: Inventory) -> Iterator[str]:
    """Yield what a node lacks that a VM needs, but for room."""
    yield from _missing_storages(vm, home, inventory)
    if vm.config.snapshots and vm.running and local_disks(vm, inventory):
        yield f"it runs and has snapshots ({', '.join(vm.config.snapshots)}), which do not move"
    for key, text in sorted(vm.config.values.items()):
        bridge = properties.parse(text).get("bridge", "") if key.startswith("net") else ""
        if bridge and bridge not in home.bridges:
            yield f"{home.alias} has no bridge {bridge} ({key})"
        if _is_device(key, text):
            yield f"{key} is a device of {vm.node}"


def _missing_storages(vm: Vm, home: NodeState, inventory: Inventory) -> Iterator[str]:
    for name in sorted({volume.storage for volume in vm.volumes.values() if volume.storage}):
        storage = inventory.storage(vm.domain, name)
        if storage is None or storage.disabled or not storage.is_on(home.name):
            yield f"{home.alias} has no storage {name}"


def _is_device(key: str, text: str) -> bool:
    """Whether an option hands a device of this very node through to the VM."""
    return key.startswith(("hostpci", "usb")) and "mapping=" not in text and "spice" not in text


def no_room(vm: Vm, home: NodeState, inventory: Inventory, rules: Rules) -> Iterator[str]:
    """Yield what a node has too little of for a VM."""
    if home.cpus is not None and vm.cpus > home.cpus:
        yield f"{home.alias} has {home.cpus} CPUs, {vm.cpus} are wanted"
    if home.memory_mb is not None:
        given, limit = inventory.memory_given_mb(home), rules.limit_mb(home.memory_mb)
        if given + vm.memory_mb > limit:
            yield (
                f"memory of {home.alias}: {given} MiB given to guests + {vm.memory_mb} MiB is more "
                f"than {limit} MiB"
            )
    yield from _full_storages(vm, home, inventory)


def _full_storages(vm: Vm, home: NodeState, inventory: Inventory) -> Iterator[str]:
    wanted: dict[str, int] = {}
    for volid in local_disks(vm, inventory):
        size = next(each.size_bytes for each in vm.volumes.values() if each.volid == volid)
        name = volid.partition(":")[0]
        wanted[name] = wanted.get(name, 0) + size
    for name, size in wanted.items():
        storage = inventory.storage(vm.domain, name)
        there = storage.states.get(home.name) if storage else None
        if there is not None and there.free < size:
            yield (
                f"storage {name} on {home.alias} has {there.free / (1 << 30):.1f} GiB free, "
                f"{size / (1 << 30):.1f} GiB are wanted"
            )


def plan(vm: Target, aim: Migrating) -> Plan:
    """Return the plan: moved, and seen to run there if it ran before."""
    options: Options = {"online": 1} if aim.runs else {}
    if aim.local and aim.runs:
        options = {**options, "with-local-disks": 1}
    goal = settled.moved(vm.node, vm.vmid, aim.pve_node)
    change = qm.migrate(vm.guard, aim.pve_node, options)
    steps = [Step(vm.subject, "migrate", vm.node, goal, (change,), patience=HEED)]
    if aim.runs:
        runs = goals.running(aim.node, vm.vmid)
        steps.append(Step(vm.subject, "arrived", aim.node, runs, patience=HEED))
    return Plan(tuple(steps))
