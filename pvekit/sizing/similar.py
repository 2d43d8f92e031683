"""Which VMs of a site are like one that is to be sized."""

from __future__ import annotations

from collections.abc import Iterable

from pvekit.inventory.model import Vm
from pvekit.sizing.choice import Need
from pvekit.sizing.workload import OTHER

MOST = 6
"""So many VMs are looked at: each costs a call of Proxmox VE's API on its node."""


def similar(need: Need, vms: Iterable[Vm]) -> tuple[Vm, ...]:
    """Return the running VMs of ours that are most like what is to be sized, best first.

    Where a text names a workload class, only VMs of that class are like it; else those of
    the same role, or of the role's class. Tags that they share and the same template tell more.
    """
    scored = [(likeness_of(need, vm), vm) for vm in vms if _is_known(vm)]
    found = [(score, vm) for score, vm in scored if score]
    found.sort(key=lambda each: (-each[0], -each[1].vmid))
    return tuple(vm for _, vm in found[:MOST])


def _is_known(vm: Vm) -> bool:
    return vm.kind == "qemu" and vm.ours and not vm.is_template and bool(vm.running) and not vm.lock


def likeness(
    need: Need, role: str, workload: str, tags: Iterable[str] = (), template: str = ""
) -> int:
    """Return how much a VM is like what is to be sized: 0 for one that says nothing of it."""
    request = need.request
    same_role = role == request.role
    same_class = need.workload.name != OTHER and workload == need.workload.name
    if not same_class and (need.described.workload is not None or not same_role):
        return 0
    shared = len({*request.tags} & {*tags})
    same_template = bool(template) and template == request.template
    return 16 * same_class + 8 * same_role + min(shared, 3) + 2 * same_template


def likeness_of(need: Need, vm: Vm) -> int:
    """Return how much a VM of the site is like what is to be sized."""
    return likeness(need, vm.own.role, vm.own.workload, vm.tags, vm.own.template)
