"""The nodes' loads while guests are being placed one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pvekit.inventory.model import Inventory, NodeState, Storage, Vm
from pvekit.placement.rules import Group, Need, Rules


@dataclass(frozen=True)
class Standing:
    """How many guests of a group are on a node, in its failure domain, and anywhere.

    ``least`` is the smallest number that a failure domain has which the guest may go to.
    """

    group: Group
    on_node: int
    in_domain: int
    least: int
    anywhere: int
    where: str = ""


@dataclass(frozen=True)
class Candidate:
    """A node as it stands for one need; memory in MiB.

    ``template`` is what a clone would come from, ``room`` the free bytes on the wanted storage;
    both are None where there is none. ``domain`` is the failure domain.
    """

    node: NodeState
    quorate: bool
    template: Vm | None
    storage: Storage | None
    room: int | None
    vms: int
    memory_given_mb: int
    memory_free_mb: int
    cpus_given: int = 0
    domain: str = ""
    standings: tuple[Standing, ...] = ()

    @property
    def writable(self) -> bool:
        """Whether anything can be changed there."""
        return self.node.online and self.quorate and self.node.writable


@dataclass(frozen=True)
class Load:
    """What a node carries; memory in MiB. Free is what the node measured, less what is promised.

    ``guests`` is the memory of each guest, ``groups`` the names of the groups of those that were
    placed there.
    """

    vms: int
    given_mb: int
    free_mb: int
    cpus: int
    guests: tuple[int, ...]
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: NodeState, inventory: Inventory) -> Load:
        """Return what a node carries before anything is placed."""
        pending = inventory.memory_pending_mb(node)
        there = [vm for vm in inventory.guests_on(node) if not vm.is_template]
        given = inventory.memory_given_mb(node)
        known = [vm.memory_mb for vm in there]
        return cls(
            vms=inventory.vm_count(node),
            given_mb=given,
            free_mb=(node.memory_free_mb or 0) - pending,
            cpus=sum(vm.cpus for vm in there),
            # What is promised beyond what shows counts as one guest more.
            guests=tuple(known) + ((given - sum(known),) if given > sum(known) else ()),
        )

    def plus(self, need: Need) -> Load:
        """Return what the node carries with one guest more."""
        return replace(
            self,
            vms=self.vms + 1,
            given_mb=self.given_mb + need.size.memory_mb,
            free_mb=self.free_mb - need.size.memory_mb,
            cpus=self.cpus + need.size.cpus,
            guests=(*self.guests, need.size.memory_mb),
            groups=(*self.groups, *(need.labels or (group.name for group in need.groups))),
        )


class Loads:
    """All nodes of a site, and what is placed on them."""

    def __init__(self, inventory: Inventory, rules: Rules) -> None:
        self._inventory = inventory
        self._rules = rules
        self._loads = {node: Load.of(node, inventory) for node in inventory.nodes}
        self._taken: Counter[tuple[str, str, str]] = Counter()
        self._templates: dict[
            tuple[int, str], tuple[tuple[Vm, ...], dict[NodeState, Vm | None]]
        ] = {}
        self._places = {
            **{(each.domain, each.vmid): (each.domain, each.node) for each in inventory.claims},
            **{vm.key: (vm.domain, vm.node) for vm in inventory.vms},
        }

    def candidates(self, need: Need, nodes: Sequence[NodeState]) -> tuple[Candidate, ...]:
        """Return nodes as they stand for a need."""
        standings = [self._standings(group, need) for group in need.groups]
        return tuple(
            self._candidate(node, need, tuple(each[node] for each in standings)) for node in nodes
        )

    def take(self, need: Need, node: NodeState) -> None:
        """Count a placed guest."""
        self._loads[node] = self._loads[node].plus(need)
        storage = self._inventory.storage(node.domain, need.storage)
        if storage is not None:
            self._taken[_pool(storage, node)] += need.room_bytes

    def after(self, need: Need, node: NodeState) -> dict[NodeState, Load]:
        """Return the loads as they would be with one guest more."""
        return {**self._loads, node: self._loads[node].plus(need)}

    @property
    def now(self) -> dict[NodeState, Load]:
        """The loads as they are."""
        return dict(self._loads)

    def counts(self, group: Group) -> Counter[NodeState]:
        """Return how many guests of a group each node has."""
        there = Counter(self._places[each] for each in group.members if each in self._places)
        return Counter(
            {
                node: load.groups.count(group.name) + there[node.domain, node.name]
                for node, load in self._loads.items()
            }
        )

    def _standings(self, group: Group, need: Need) -> dict[NodeState, Standing]:
        counts = self.counts(group)
        domains: Counter[str] = Counter()
        for node, count in counts.items():
            domains[self._rules.domain_of(node)] += count
        open_to = {
            self._rules.domain_of(node)
            for node in self._loads
            if node.configured and self._writable(node) and admits(need, node)
        }
        least = min((domains[domain] for domain in open_to), default=0)
        where = ", ".join(sorted(node.alias for node, count in counts.items() if count))
        return {
            node: Standing(
                group,
                counts[node],
                domains[self._rules.domain_of(node)],
                least,
                counts.total(),
                where,
            )
            for node in self._loads
        }

    def _writable(self, node: NodeState) -> bool:
        domain = self._inventory.domain(node.domain)
        return node.online and node.writable and domain is not None and domain.quorate

    def _candidate(self, node: NodeState, need: Need, standings: tuple[Standing, ...]) -> Candidate:
        load = self._loads[node]
        domain = self._inventory.domain(node.domain)
        storage = self._inventory.storage(node.domain, need.storage)
        state = storage.states.get(node.name) if storage else None
        taken = self._taken[_pool(storage, node)] if storage else 0
        return Candidate(
            node=node,
            quorate=domain is not None and domain.quorate,
            template=self._template(node, need),
            storage=storage,
            room=state.free - taken if state else None,
            vms=load.vms,
            memory_given_mb=load.given_mb,
            memory_free_mb=load.free_mb,
            cpus_given=load.cpus,
            domain=self._rules.domain_of(node),
            standings=standings,
        )

    def _template(self, node: NodeState, need: Need) -> Vm | None:
        """Return what :func:`template_for` does; many guests are clones of the same templates."""
        # By identity: to compare templates would cost more than to look for one.
        key = (id(need.templates), need.storage)
        if key not in self._templates:
            at = {each: template_for(each, need, self._inventory) for each in self._loads}
            self._templates[key] = (need.templates, at)
        return self._templates[key][1][node]


def admits(need: Need, node: NodeState) -> bool:
    """Whether a need's pins and avoidances let it go to a node."""
    return (not need.pin or node.alias in need.pin) and node.alias not in need.avoid


def template_for(node: NodeState, need: Need, inventory: Inventory) -> Vm | None:
    """Return the template that a clone on this node would come from: its own copy first.

    A copy on another node serves too if all its disks and the destination are on shared storage:
    the clone then runs on that node.
    """
    in_domain = sorted(
        (vm for vm in need.templates if vm.domain == node.domain), key=lambda vm: vm.vmid
    )
    own = [vm for vm in in_domain if vm.node == node.name]
    destination = inventory.storage(node.domain, need.storage)
    shared = destination is not None and destination.shared
    others = [vm for vm in in_domain if shared and _serves_others(vm, inventory)]
    return next(iter((*own, *others)), None)


def _serves_others(vm: Vm, inventory: Inventory) -> bool:
    node = inventory.node_of(vm)
    return node is not None and node.configured and node.online and inventory.is_shared(vm)


def _pool(storage: Storage, node: NodeState) -> tuple[str, str, str]:
    """Return what identifies the room: a shared storage is one, a local one is one per node."""
    return (storage.domain, "" if storage.shared else node.name, storage.id)
