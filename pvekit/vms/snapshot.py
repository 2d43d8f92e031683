"""Snapshots of one of our VMs: what can have them, and the plans to take, remove, go back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvekit.errors import UsageError
from pvekit.inventory.model import Inventory, Vm
from pvekit.plan import Plan, Step
from pvekit.pve import goals, qm, settled
from pvekit.pve.qm import Options
from pvekit.vms.power import HEED, Target

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,39}")
_RESERVED = frozenset(("current", "pending"))

# Types of storage whose images are files: of these only qcow2 can have snapshots.
_FILES = frozenset(("dir", "nfs", "cifs", "glusterfs"))
_NEVER = frozenset(("iscsi", "iscsidirect"))


@dataclass(frozen=True)
class Snapping:
    """What is done to one VM's snapshot: ``snap`` is its name.

    ``vmstate``: the memory is saved, too. ``start``: the VM is started after going back.
    ``genid`` is the ``vmgenid`` that the VM had before; going back gives it another.
    """

    snap: str
    vmstate: bool = False
    start: bool = False
    genid: str = ""


def check_name(snap: str) -> None:
    """Raise :class:`UsageError` for a name that Proxmox VE does not take."""
    if not _NAME.fullmatch(snap) or snap.lower() in _RESERVED:
        raise UsageError(
            f"{snap!r} is no name for a snapshot.",
            hint="It begins with a letter and has 2 to 40 letters, digits, - and _; `current` and "
            "`pending` are Proxmox VE's own.",
            id="NAME-INVALID",
        )


def obstacles(vm: Vm, inventory: Inventory) -> Iterator[str]:
    """Yield which disks of a VM cannot have snapshots, and why."""
    for slot, volume in vm.volumes.items():
        if volume.media == "cdrom" or slot.startswith("unused"):
            continue
        storage = inventory.storage(vm.domain, volume.storage)
        if storage is None:
            yield f"{slot} ({volume.volid}) is on no storage that is known"
            continue
        qcow2 = volume.volid.endswith(".qcow2")
        if storage.type in _NEVER or (storage.type in _FILES | {"lvm"} and not qcow2):
            how = "has none" if storage.type in _NEVER else "has them for qcow2 only"
            yield f"{slot} ({volume.volid}): storage {storage.id} of type {storage.type} {how}"


def later(vm: Vm, snap: str, inventory: Inventory) -> list[str]:
    """Return the snapshots that stand in the way of going back: ZFS goes back to its last only."""
    storages = (inventory.storage(vm.domain, each.storage) for each in vm.volumes.values())
    if not any(each and each.type == "zfspool" for each in storages):
        return []
    found = vm.config.snapshots
    return [name for name, each in found.items() if each.time > found[snap].time]


def take(vm: Target, aim: Snapping, description: str) -> Plan:
    """Return the plan that takes a snapshot."""
    options: Options = {"description": description} if description else {}
    if aim.vmstate:
        options = {**options, "vmstate": 1}
    gone = settled.snapshot_gone(vm.node, vm.vmid, aim.snap)
    removed = (qm.remove_snapshot(vm.guard, aim.snap),)
    return Plan(
        (
            Step(
                vm.subject,
                "snapshot",
                vm.node,
                goal=settled.snapshot_taken(vm.node, vm.vmid, aim.snap),
                changes=(qm.snapshot(vm.guard, aim.snap, options),),
                undo=(Step(vm.subject, "undo-snapshot", vm.node, gone, removed),),
            ),
        )
    )


def remove(vm: Target, aim: Snapping) -> Plan:
    """Return the plan that removes a snapshot."""
    goal = settled.snapshot_gone(vm.node, vm.vmid, aim.snap)
    lasting = "a removed snapshot does not come back"
    change = qm.remove_snapshot(vm.guard, aim.snap)
    return Plan((Step(vm.subject, "delsnapshot", vm.node, goal, (change,), lasting=lasting),))


def roll_back(vm: Target, aim: Snapping) -> Plan:
    """Return the plan that brings a VM back to a snapshot, and perhaps starts it."""
    goal = settled.rolled_back(vm.node, vm.vmid, aim.snap, aim.genid)
    lasting = "what has changed since the snapshot is lost"
    change = qm.roll_back(vm.guard, aim.snap)
    steps = [Step(vm.subject, "rollback", vm.node, goal, (change,), lasting=lasting)]
    if aim.start:
        runs = goals.running(vm.node, vm.vmid)
        start = qm.start(vm.guard)
        steps.append(Step(vm.subject, "start", vm.node, runs, (start,), patience=HEED))
    return Plan(tuple(steps))
