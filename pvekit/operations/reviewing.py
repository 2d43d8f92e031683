"""``size review``: whether VMs have the sizes that they need, by what they used and ran out of."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations import size_history, workload_classes
from pvekit.operations.desk import Desk
from pvekit.operations.listing import rows, vm_of
from pvekit.operations.reviewing_effects import Effect, effects
from pvekit.operations.reviewing_resized import made_of, resized
from pvekit.operations.selecting import ALL, Selection, find
from pvekit.plan import Ask
from pvekit.pve import signs
from pvekit.pve.signs import Signs
from pvekit.pve.use import WEEK
from pvekit.run.gather import gather
from pvekit.sizing.demand import Allocation, Demand
from pvekit.sizing.review import Review, Reviewable, lately, review
from pvekit.sizing.size import Size
from pvekit.sizing.workload import Catalogue, of_role
from pvekit.vms.power import Target

Key = tuple[str, int]
"""A VM by its domain and vmid."""


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


@dataclass(frozen=True)
class _Told:
    """What nodes and guests said of VMs, and what some nodes did not."""

    lately: Mapping[Key, Demand]
    long: Mapping[Key, Demand]
    signs: Mapping[Key, Signs]
    problems: tuple[str, ...]


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
    told = _told(desk, inventory, [vm for _, vm in running], seconds)
    known = workload_classes.known(desk.config)
    reviews = [review(_reviewable(vm, told, known)) for _, vm in running]
    after = effects(desk, inventory, [vm for _, vm in running], reviews)
    findings = tuple(
        Finding(target, vm, _of(told.lately, vm), told.signs.get(_key(vm)), fitted, effect)
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


def _told(desk: Desk, inventory: Inventory, vms: Sequence[Vm], seconds: int) -> _Told:
    """Ask each node what its VMs used, and what their kernels say, each in one command.

    A second command tells of a week, where another time is looked at: that is what fits by.
    """
    uses, problems = size_history.read(desk, inventory, vms, seconds)
    long, more = (
        size_history.read(desk, inventory, vms, WEEK) if seconds != WEEK else (uses, problems)
    )
    said, silent = _signs(desk, inventory, vms, seconds)
    has = {_key(vm): vm.memory_mb for vm in vms}
    recent = {key: size_history.demand(each, has[key]) for key, each in uses.items()}
    return _Told(
        {key: lately(each, seconds) for key, each in recent.items()},
        {key: size_history.demand(each, has[key]) for key, each in long.items()},
        said,
        tuple(dict.fromkeys((*problems, *more, *silent))),
    )


def _signs(
    desk: Desk, inventory: Inventory, vms: Sequence[Vm], seconds: int
) -> tuple[Mapping[Key, Signs], tuple[str, ...]]:
    by_node: dict[tuple[str, str], list[int]] = defaultdict(list)
    for vm in vms:
        node = inventory.node_of(vm)
        if node is not None and node.configured and node.online and vm.has_agent:
            by_node[node.alias, vm.domain].append(vm.vmid)
    asks = {
        alias: Ask(alias, signs.query(tuple(vmids), seconds))
        for (alias, _), vmids in by_node.items()
    }
    answers = gather(desk.site, asks, desk.clock, once=True)
    found: dict[Key, Signs] = {}
    problems: list[str] = []
    for alias, domain in by_node:
        answer = answers[alias]
        if isinstance(answer, PvekitError):
            problems.append(f"no signs from guests on {alias}: {answer}")
        else:
            found |= {(domain, vmid): each for vmid, each in answer.items()}
    return _of_these_sizes(desk, vms, found), tuple(problems)


def _of_these_sizes(
    desk: Desk, vms: Sequence[Vm], told: Mapping[Key, Signs]
) -> Mapping[Key, Signs]:
    """Return what kernels said since their machines have the size that they have."""
    suffering = [vm for vm in vms if _key(vm) in told and told[_key(vm)].kills]
    since, now = resized(desk.store, suffering), time.time()
    kept = dict(told)
    for vm in suffering:
        kept[_key(vm)] = told[_key(vm)].within(now - since.get(made_of(vm), 0.0))
    return kept


def _reviewable(vm: Vm, told: _Told, known: Catalogue) -> Reviewable:
    limit = _limit(vm)
    return Reviewable(
        has=Allocation(min(vm.cpus, limit or vm.cpus), vm.memory_mb),
        lately=_of(told.lately, vm),
        demand=_of(told.long, vm),
        signs=told.signs.get(_key(vm)),
        floor=_floor(vm, known),
        behind_limit=vm.cpus if 0 < limit < vm.cpus else 0,
    )


def _limit(vm: Vm) -> float:
    """Return the limit on a VM's CPUs, 0 if there is none."""
    try:
        return max(0.0, float(vm.config.values.get("cpulimit", "0")))
    except ValueError:
        return 0.0


def _floor(vm: Vm, known: Catalogue) -> Size:
    mark = vm.mark
    if mark is not None and mark.workload in known:
        return known[mark.workload].floor
    return of_role(known, mark.role if mark else "").floor


def _key(vm: Vm) -> Key:
    return vm.domain, vm.vmid


def _of(demands: Mapping[Key, Demand], vm: Vm) -> Demand:
    return demands.get(_key(vm), Demand())
