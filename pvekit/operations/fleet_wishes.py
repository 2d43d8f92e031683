"""What a fleet file asks for, with the configuration's defaults; and where what is missing goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pvekit.config.model import Config
from pvekit.fleet import addresses
from pvekit.fleet.compare import Differing, Wanted, find
from pvekit.fleet.model import Fleet, Group
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations import placement_rules, vm_wishes
from pvekit.operations.vm_wishes import Request
from pvekit.placement import Group as Kept
from pvekit.placement import place
from pvekit.placement.rules import Guest
from pvekit.vms import decide
from pvekit.vms.decide import Decision, Placed
from pvekit.vms.wishes import Wishes


def wanted(config: Config, fleet: Fleet, inventory: Inventory) -> list[Wanted]:
    """Return every VM of a fleet, with what configuration and file together make of it."""
    return [
        Wanted(group, wishes)
        for group in fleet.groups
        for wishes in _wishes(config, fleet, group, inventory)
    ]


def decided_addresses(fleet: str, vms: Sequence[Wanted], inventory: Inventory) -> dict[str, str]:
    """Return the address of each VM by name; who has a fitting one keeps it."""
    found = {each.name: find(fleet, each.name, inventory) for each in vms}
    there = {name: vm for name, vm in found.items() if vm is not None}
    return addresses.decide(vms, there, inventory)


def decisions(
    config: Config,
    fleet: Fleet,
    missing: Sequence[Wanted],
    ips: Mapping[str, str],
    inventory: Inventory,
    run: str,
    avoid: frozenset[int] = frozenset(),
) -> tuple[tuple[Decision, ...], tuple[str, ...]]:
    """Decide what is missing in one pass; return it, and what is doubtful about it.

    ``avoid`` are vmids. Raises what :func:`decide.decide` raises.
    """
    ordered = sorted(missing, key=_first)
    groups = {group.name: _members(fleet.name, group, inventory) for group in fleet.groups}
    wishes = [_with_groups(config, each, groups, avoid) for each in ordered]
    needs = [need for each in wishes for need in decide.needs_of(each, inventory, (each.name,))]
    rules = placement_rules.rules(config, fleet.policy)
    found = place(needs, inventory, rules)
    called = [ips[each.name] for each in ordered]
    made = decide.all_decisions(wishes, called, inventory, Placed(tuple(needs), found), run)
    by_name = {spec.name: (spec, at) for spec, at in made}
    return tuple(by_name[name] for name in sorted(by_name)), found.warnings


def as_altered(inventory: Inventory, differing: Sequence[Differing]) -> Inventory:
    """Return an inventory in which VMs have their new sizes already, for what is placed beside."""
    new = {each.vm.key: each for each in differing}
    return replace(
        inventory,
        vms=tuple(_resized(vm, new[vm.key]) if vm.key in new else vm for vm in inventory.vms),
    )


def _resized(vm: Vm, to: Differing) -> Vm:
    size = to.wanted.wishes.size
    values = {**vm.config.values, "memory": str(size.memory_mb), "cores": str(size.cpus)}
    for key in ("sockets", "vcpus"):
        values.pop(key, None)
    return replace(vm, config=replace(vm.config, values=values))


def _wishes(config: Config, fleet: Fleet, group: Group, inventory: Inventory) -> list[Wishes]:
    network, rules = group.network, group.placement
    request = Request(
        role=group.role,
        size=group.size,
        cpus=group.cpus,
        memory_mb=group.memory_mb,
        disk_gb=group.disk_gb,
        gateway="",
        dns=network.dns,
        template=group.template,
        storage=group.storage,
        bridge=network.bridge,
        vlan=network.vlan,
        tags=group.tags,
        full=group.full,
        avoid=rules.avoid,
    )
    kind = vm_wishes.wishes(config, inventory, request)
    kind = replace(
        kind,
        count=1,
        workload=group.workload or kind.workload,
        source=group.source or kind.source,
        gateway=network.gateway,
        groups=(),
        pin=frozenset(rules.pin),
        labels=(_title(group.name),),
        onboot=kind.onboot if group.onboot is None else group.onboot,
        fleet=fleet.name,
        notes=group.description or "",
        start=group.start,
    )
    return [replace(kind, name=name) for name in group.names]


def _with_groups(
    config: Config,
    each: Wanted,
    members: Mapping[str, frozenset[Guest]],
    avoid: frozenset[int],
) -> Wishes:
    group, rules = each.group, each.group.placement
    title, own = _title(group.name), members[group.name]
    kept = []
    if rules.near:
        kept.append(Kept(_title(rules.near), "together", hard=True, members=members[rules.near]))
    apart = placement_rules.firmness(config, group.role, rules.anti_affinity)
    if apart != "none":
        kept.append(Kept(title, "apart", hard=apart == "hard", members=own))
    if rules.spread:
        kept.append(Kept(title, "spread", hard=rules.spread == "hard", members=own))
    return replace(each.wishes, groups=tuple(kept), avoid=each.wishes.avoid | avoid)


def _title(group: str) -> str:
    return f"group {group}"


def _members(fleet: str, group: Group, inventory: Inventory) -> frozenset[Guest]:
    found = (find(fleet, name, inventory) for name in group.names)
    return frozenset(vm.key for vm in found if vm is not None)


def _first(each: Wanted) -> tuple[object, ...]:
    """Order what is placed: who follows others last, who has least choice and is largest first."""
    rules, size = each.group.placement, each.wishes.size
    hard = "hard" in (rules.anti_affinity, rules.spread)
    master = each.group.role == placement_rules.KEPT_APART
    largest = (-size.memory_mb, -size.cpus)
    return (bool(rules.near), not rules.pin, not hard, not master, *largest, each.name)
