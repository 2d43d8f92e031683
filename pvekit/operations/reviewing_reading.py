"""What nodes and guests say of VMs that are reviewed: one command per node for each question."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvekit.inventory.model import Inventory, Vm, VmKey
from pvekit.operations import size_history
from pvekit.operations.desk import Desk
from pvekit.operations.per_node import answers
from pvekit.operations.reviewing_resized import made_of, resized
from pvekit.pve import signs
from pvekit.pve.signs import Signs
from pvekit.pve.use import WEEK
from pvekit.sizing.demand import Demand
from pvekit.sizing.review import lately


@dataclass(frozen=True)
class Told:
    """What nodes and guests said of VMs, and what some nodes did not.

    ``lately`` is of the time that is looked at, ``long`` of a week, ``signs`` of the size that a VM
    has. ``sized_seconds`` says for how long it has had that, if runs of this machine gave it.
    """

    lately: Mapping[VmKey, Demand]
    long: Mapping[VmKey, Demand]
    signs: Mapping[VmKey, Signs]
    sized_seconds: Mapping[VmKey, float]
    problems: tuple[str, ...]


def read(desk: Desk, inventory: Inventory, vms: Sequence[Vm], seconds: int) -> Told:
    """Ask each node what its VMs used, and what their kernels say, each in one command.

    A second command tells of a week, where another time is looked at: that is what fits by.
    """
    uses, problems = size_history.read(desk, inventory, vms, seconds)
    long, more = (
        size_history.read(desk, inventory, vms, WEEK) if seconds != WEEK else (uses, problems)
    )
    said, silent = _signs(desk, inventory, vms, seconds)
    has = {vm.key: vm.memory_mb for vm in vms}
    recent = {key: size_history.demand(each, has[key]) for key, each in uses.items()}
    sized = _sized_seconds(desk, vms)
    return Told(
        {key: lately(each, seconds) for key, each in recent.items()},
        {key: size_history.demand(each, has[key]) for key, each in long.items()},
        {key: each.within(sized.get(key, seconds)) for key, each in said.items()},
        sized,
        tuple(dict.fromkeys((*problems, *more, *silent))),
    )


def _sized_seconds(desk: Desk, vms: Sequence[Vm]) -> Mapping[VmKey, float]:
    since, now = resized(desk.store, vms), time.time()
    return {vm.key: max(0.0, now - since[made_of(vm)]) for vm in vms if made_of(vm) in since}


def _signs(
    desk: Desk, inventory: Inventory, vms: Sequence[Vm], seconds: int
) -> tuple[Mapping[VmKey, Signs], tuple[str, ...]]:
    told = answers(
        desk,
        inventory,
        [vm for vm in vms if vm.has_agent],
        lambda _, there: signs.query(tuple(vm.vmid for vm in there), seconds),
    )
    problems = (f"no signs from guests on {alias}: {why}" for alias, why in told.failed.items())
    return told.found, tuple(problems)
