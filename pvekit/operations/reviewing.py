"""``size review``: whether VMs have the sizes that they need, by what they used and ran out of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.inventory.model import Inventory, Vm, VmKey
from pvekit.operations import workload_classes
from pvekit.operations.desk import Desk
from pvekit.operations.listing import rows, vm_of
from pvekit.operations.reviewing_effects import Effect, effects
from pvekit.operations.reviewing_reading import Told, read
from pvekit.operations.selecting import ALL, Selection, find
from pvekit.pve.signs import Signs
from pvekit.sizing.demand import DAY_SECONDS, Allocation, Demand
from pvekit.sizing.review import Review, Reviewable, review
from pvekit.sizing.size import Size
from pvekit.sizing.workload import Catalogue, of_role
from pvekit.vms.power import Target


@dataclass(frozen=True)
class LeftOut:
    """A VM that was not reviewed, and why; ``silent``: nobody told whether it runs."""

    name: str
    vmid: int
    node: str
    why: str
    silent: bool = False


@dataclass(frozen=True)
class Finding:
    """What a review found of one VM, and what following it would do.

    ``signs`` is None where its agent does not answer.
    """

    target: Target
    vm: Vm
    lately: Demand
    signs: Signs | None
    review: Review
    effect: Effect


@dataclass(frozen=True)
class Found:
    """A review of several VMs: of the last ``seconds``, as far as anybody told.

    ``silent_nodes`` may have further VMs that are meant; ``problems`` say what others left out.
    """

    seconds: int
    inventory: Inventory
    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...]
    problems: tuple[str, ...]
    silent_nodes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all that was meant could be looked at."""
        silent = self.silent_nodes or any(each.silent for each in self.left_out)
        return not (silent or self.problems)


def look(desk: Desk, wanted: Selection, seconds: int) -> Found:
    """Review the VMs of ours that run; those that do not are left out. Sends no change.

    Raises what :func:`find` raises; a site without a VM of ours is no error if all are meant.
    """
    inventory = desk.inventory()
    if wanted.terms == (ALL,) and not rows(inventory):
        return Found(seconds, inventory, (), (), (), _silent(inventory))
    targets = find(inventory, wanted)
    pairs = [(each, vm_of(inventory, each)) for each in targets]
    running = [(each, vm) for each, vm in pairs if vm.running]
    told = read(desk, inventory, [vm for _, vm in running], seconds)
    known = workload_classes.known(desk.config)
    reviews = [review(_reviewable(vm, told, known)) for _, vm in running]
    after = effects(desk, inventory, [vm for _, vm in running], reviews)
    findings = tuple(
        Finding(target, vm, _of(told.lately, vm), told.signs.get(vm.key), fitted, effect)
        for (target, vm), (fitted, effect) in zip(running, after, strict=True)
    )
    left = tuple(_left_out(each, vm) for each, vm in pairs if not vm.running)
    silent = _silent(inventory) if wanted.terms else ()
    return Found(seconds, inventory, findings, left, told.problems, silent)


def _silent(inventory: Inventory) -> tuple[str, ...]:
    return tuple(node.alias for node in inventory.nodes if node.configured and not node.online)


def _left_out(target: Target, vm: Vm) -> LeftOut:
    why = "its node does not answer" if vm.running is None else "it is stopped"
    return LeftOut(target.name, target.vmid, target.node, why, silent=vm.running is None)


def _reviewable(vm: Vm, told: Told, known: Catalogue) -> Reviewable:
    limit = _limit(vm)
    return Reviewable(
        has=Allocation(min(vm.cpus, limit or vm.cpus), vm.memory_mb),
        lately=_of(told.lately, vm),
        demand=_of(told.long, vm),
        signs=told.signs.get(vm.key),
        floor=_floor(vm, known),
        behind_limit=vm.cpus if 0 < limit < vm.cpus else 0,
        sized_days=told.sized_seconds.get(vm.key, math.inf) / DAY_SECONDS,
    )


def _limit(vm: Vm) -> float:
    """Return the limit on a VM's CPUs, 0 if there is none."""
    try:
        return max(0.0, float(vm.config.values.get("cpulimit", "0")))
    except ValueError:
        return 0.0


def _floor(vm: Vm, known: Catalogue) -> Size:
    workload = known.get(vm.own.workload)
    return (workload or of_role(known, vm.own.role)).floor


def _of(demands: Mapping[VmKey, Demand], vm: Vm) -> Demand:
    return demands.get(vm.key, Demand())
