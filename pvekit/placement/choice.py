"""Choosing the node: of those that no filter objects to, the one with the fewest VMs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pvekit.errors import NoCapacity, NotFound
from pvekit.inventory.model import Inventory, NodeState, Storage, Vm
from pvekit.placement.filters import Candidate, Need, Rules, objection, template_for


@dataclass(frozen=True)
class Reason:
    """Why a node was or was not accepted, by its alias; figures as they stood before the pick."""

    node: str
    accepted: bool
    because: str
    vms: int
    memory_given_mb: int
    memory_free_mb: int


@dataclass(frozen=True)
class Choice:
    """The chosen node, the template that is cloned for it, and the reason for each node."""

    node: NodeState
    template: Vm
    reasons: tuple[Reason, ...]


def choose(need: Need, inventory: Inventory, rules: Rules, only: str | None = None) -> Choice:
    """Choose a node for one guest; ``only`` admits a single node, by alias or PVE name.

    Raises :class:`NoCapacity` with the numbers of each node, :class:`NotFound` if ``only`` is
    none.
    """
    return place_all((need,), inventory, rules, only)[0]


def place_all(
    needs: Sequence[Need], inventory: Inventory, rules: Rules, only: str | None = None
) -> tuple[Choice, ...]:
    """Choose nodes for several guests in one pass; each pick counts for those after it."""
    site = _Site(inventory, _admitted(inventory, only))
    choices = []
    for need in needs:
        choices.append(_choose(need, site.candidates(need), rules))
        site.take(need, choices[-1].node)
    return tuple(choices)


def _admitted(inventory: Inventory, only: str | None) -> tuple[NodeState, ...]:
    if only is None:
        return inventory.nodes
    node = inventory.node(only)
    if node is None:
        known = ", ".join(node.alias for node in inventory.nodes if node.configured)
        raise NotFound(
            f"There is no node {only!r} on the site; the config names {known}.", id="NODE-NOT-FOUND"
        )
    return (node,)


def _choose(need: Need, candidates: Sequence[Candidate], rules: Rules) -> Choice:
    objections = [(candidate, objection(candidate, need, rules)) for candidate in candidates]
    fitting = [candidate for candidate, objects in objections if objects is None]
    reasons = tuple(_reason(candidate, objects) for candidate, objects in objections)
    best = min(fitting, key=_rank, default=None)
    if best is None or best.template is None:
        raise NoCapacity(
            f"No node can take {need.name} ({need.size}).",
            details="\n".join(f"{reason.node}: {reason.because}" for reason in reasons),
            id="PLACEMENT-IMPOSSIBLE",
        )
    return Choice(best.node, best.template, reasons)


def _rank(candidate: Candidate) -> tuple[int, int, str, str]:
    node = candidate.node
    return (candidate.vms, -candidate.memory_free_mb, node.name, node.alias)


def _reason(candidate: Candidate, objects: str | None) -> Reason:
    figures = f"{candidate.vms} VMs, {candidate.memory_free_mb} MiB free"
    return Reason(
        node=candidate.node.alias,
        accepted=objects is None,
        because=objects or figures,
        vms=candidate.vms,
        memory_given_mb=candidate.memory_given_mb,
        memory_free_mb=candidate.memory_free_mb,
    )


class _Site:
    """The nodes' loads while guests are being placed one after another."""

    def __init__(self, inventory: Inventory, nodes: Sequence[NodeState]) -> None:
        self._inventory = inventory
        self._loads = {node: _Load.of(node, inventory) for node in nodes}
        self._taken: Counter[tuple[str, str, str]] = Counter()

    def candidates(self, need: Need) -> tuple[Candidate, ...]:
        """Return every node as it stands for a need."""
        return tuple(self._candidate(node, load, need) for node, load in self._loads.items())

    def take(self, need: Need, node: NodeState) -> None:
        """Count a placed guest."""
        self._loads[node] = self._loads[node].plus(need.size.memory_mb)
        storage = self._inventory.storage(node.domain, need.storage)
        if storage is not None:
            self._taken[_pool(storage, node)] += need.room_bytes

    def _candidate(self, node: NodeState, load: _Load, need: Need) -> Candidate:
        domain = self._inventory.domain(node.domain)
        storage = self._inventory.storage(node.domain, need.storage)
        state = storage.states.get(node.name) if storage else None
        taken = self._taken[_pool(storage, node)] if storage else 0
        return Candidate(
            node=node,
            quorate=domain is not None and domain.quorate,
            template=template_for(node, need, self._inventory),
            storage=storage,
            room=state.free - taken if state else None,
            vms=load.vms,
            memory_given_mb=load.given_mb,
            memory_free_mb=load.free_mb,
        )


@dataclass(frozen=True)
class _Load:
    """What a node carries; memory in MiB. Free is what the node measured, less what is promised."""

    vms: int
    given_mb: int
    free_mb: int

    @classmethod
    def of(cls, node: NodeState, inventory: Inventory) -> _Load:
        pending = inventory.memory_pending_mb(node)
        return cls(
            vms=inventory.vm_count(node),
            given_mb=inventory.memory_given_mb(node),
            free_mb=(node.memory_free_mb or 0) - pending,
        )

    def plus(self, memory_mb: int) -> _Load:
        return replace(
            self,
            vms=self.vms + 1,
            given_mb=self.given_mb + memory_mb,
            free_mb=self.free_mb - memory_mb,
        )


def _pool(storage: Storage, node: NodeState) -> tuple[str, str, str]:
    """Return what identifies the room: a shared storage is one, a local one is one per node."""
    return (storage.domain, "" if storage.shared else node.name, storage.id)
