"""What applying a fleet file would do: to which VMs, in which fields, and to the nodes' loads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pvekit.errors import Transient
from pvekit.fleet.compare import Comparison, Differing, Field, compare
from pvekit.fleet.model import Fleet
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unread import unread
from pvekit.operations import fleet_wishes
from pvekit.operations.desk import Desk
from pvekit.operations.fleet_wishes import as_altered
from pvekit.vms.decide import Decision

Action = Literal["create", "change", "remove", "keep"]


@dataclass(frozen=True)
class Item:
    """What would become of one VM; ``keep`` is one that only ``--prune`` would remove."""

    action: Action
    name: str
    group: str
    node: str
    vmid: int
    fields: tuple[Field, ...] = ()
    told: str = ""

    @property
    def restart(self) -> bool:
        """Whether it takes a restart."""
        return any(field.how == "restart" for field in self.fields)


@dataclass(frozen=True)
class Load:
    """Memory (MiB) and CPUs of a node: what there is, what is given away before and after."""

    node: str
    memory_mb: int | None
    memory_before_mb: int
    memory_after_mb: int
    cpus: int | None
    cpus_before: int
    cpus_after: int


@dataclass(frozen=True)
class Foreseen:
    """What a fleet file means for a site as it is now."""

    fleet: Fleet
    inventory: Inventory
    comparison: Comparison
    decisions: tuple[Decision, ...]
    items: tuple[Item, ...]
    loads: tuple[Load, ...]
    warnings: tuple[str, ...]

    @property
    def gist(self) -> frozenset[tuple[str, str, tuple[Field, ...]]]:
        """What would be done to which VM, whatever the places of new ones."""
        return frozenset((item.action, item.name, item.fields) for item in self.items)

    @property
    def pending(self) -> tuple[Item, ...]:
        """What would be done."""
        return tuple(item for item in self.items if item.action != "keep")


def foresee(desk: Desk, fleet: Fleet, *, prune: bool, run: str = "preview") -> Foreseen:
    """Read the site and compare it with a fleet; sends no change.

    Raises :class:`Transient` if part of the site does not answer: what is there is not known. And
    what :func:`compare` and :func:`fleet_wishes.decisions` raise.
    """
    inventory = desk.inventory()
    check_whole(inventory)
    vms = fleet_wishes.wanted(desk.config, fleet, inventory)
    ips = fleet_wishes.decided_addresses(fleet.name, vms, inventory)
    found = compare(fleet.name, vms, ips, inventory)
    altered = as_altered(inventory, found.differing)
    decisions, warnings = fleet_wishes.decisions(
        desk.config, fleet, found.missing, ips, altered, run
    )
    surplus: Action = "remove" if prune else "keep"
    items = (
        *(_created(fleet, spec_at) for spec_at in decisions),
        *(_changed(each, inventory) for each in found.differing),
        *(_surplus(vm, surplus, inventory) for vm in found.surplus),
    )
    gone = found.surplus if prune else ()
    loads = _loads(inventory, altered, decisions, gone)
    return Foreseen(fleet, inventory, found, decisions, items, loads, warnings)


def check_whole(inventory: Inventory) -> None:
    """Raise :class:`Transient` if a part of the site could not be read."""
    if silent := unread(inventory):
        raise Transient(
            f"Cannot tell which VMs are there: {', '.join(silent)} does not answer.",
            details="\n".join(inventory.problems),
            hint="Nothing was sent. A VM that is only not seen must not be made twice.",
            id="NODE-SILENT",
        )


def _created(fleet: Fleet, decision: Decision) -> Item:
    spec, at = decision
    group = next(group.name for group in fleet.groups if spec.name in group.names)
    told = f"{spec.cpus} vCPU, {spec.memory_mb} MiB, {spec.disk_gb} GiB, {spec.ip}"
    return Item("create", spec.name, group, at.node, at.vmid, told=told)


def _changed(each: Differing, inventory: Inventory) -> Item:
    node = inventory.alias_of(each.vm)
    return Item("change", each.vm.name, each.wanted.group.name, node, each.vm.vmid, each.fields)


def _surplus(vm: Vm, action: Action, inventory: Inventory) -> Item:
    told = "with all its disks" if action == "remove" else "not in the file; --prune removes it"
    return Item(action, vm.name, "", inventory.alias_of(vm), vm.vmid, told=told)


def _loads(
    before: Inventory, altered: Inventory, decisions: Sequence[Decision], gone: Sequence[Vm]
) -> tuple[Load, ...]:
    memory: dict[str, int] = defaultdict(int)
    cpus: dict[str, int] = defaultdict(int)
    for spec, at in decisions:
        memory[at.node] += spec.memory_mb
        cpus[at.node] += spec.cpus
    for vm in gone:
        memory[before.alias_of(vm)] -= vm.memory_mb
        cpus[before.alias_of(vm)] -= vm.cpus
    return tuple(
        Load(
            node.alias,
            node.memory_mb,
            before.memory_given_mb(node),
            altered.memory_given_mb(node) + memory[node.alias],
            node.cpus,
            _cpus(before, node.alias),
            _cpus(altered, node.alias) + cpus[node.alias],
        )
        for node in sorted(before.nodes, key=lambda node: node.alias)
        if node.configured
    )


def _cpus(inventory: Inventory, alias: str) -> int:
    node = inventory.node(alias)
    there = inventory.guests_on(node) if node else ()
    return sum(vm.cpus for vm in there if not vm.is_template)
