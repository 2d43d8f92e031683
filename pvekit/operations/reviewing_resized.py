"""When VMs got the size that they have: what ran out of memory before says nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pvekit.inventory.model import Vm
from pvekit.journal import Account, Store

Made = tuple[int, str]
"""A VM by its vmid and the run that made it."""


def resized(store: Store, vms: Iterable[Vm]) -> Mapping[Made, float]:
    """Return when runs of this machine last changed CPUs or memory of these VMs.

    In seconds since the epoch; VMs that none has changed are left out.
    """
    wanted = {made_of(vm) for vm in vms}
    found: dict[Made, float] = {}
    if not wanted:
        return found
    for each in store.all():
        if not each.fault:
            for made, at in _resized(each.account):
                if made in wanted:
                    found[made] = max(at, found.get(made, 0.0))
    return found


def made_of(vm: Vm) -> Made:
    """Return what tells a VM from a later one of the same vmid."""
    return vm.vmid, vm.own.run


def _resized(account: Account) -> Iterator[tuple[Made, float]]:
    for subject, pinned in account.pinned().items():
        at = account.passed_at(f"{subject}/resize")
        if at is not None and pinned.stands and pinned.vmid is not None:
            yield (pinned.vmid, pinned.maker), at
