"""What placement respects: how full a node may get, and how guests keep together or apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.sizing.size import Size

GIB = 1 << 30

Policy = Literal["count", "memory", "balanced", "pack"]
"""Which of the nodes that can take a guest gets it.

``count``: the one with the fewest VMs; ``memory``: the one that may still give away the most
memory; ``balanced``: the one where CPUs and memory stay the most even over all nodes; ``pack``: the
fullest.
"""

Loss = Literal["ignore", "warn", "refuse"]
"""What is done where the guests of a node would find no place on the others if it died."""

GroupRule = Literal["apart", "spread", "together"]

Guest = tuple[str, int]
"""A guest's PVE cluster or host, and its vmid."""


@dataclass(frozen=True)
class Group:
    """Guests that keep apart or together; ``members`` are those of them that are there already.

    ``apart`` is about failure domains: at most one guest in each. ``spread`` lets no failure domain
    have more than one guest more than another. ``together`` is about nodes. What is not ``hard`` is
    a wish, which comes before the policy.
    """

    name: str
    rule: GroupRule
    hard: bool = False
    members: frozenset[Guest] = frozenset()


@dataclass(frozen=True)
class Need:
    """What one guest needs of a node: its size, a storage, a bridge, and a template to clone.

    Any of ``templates`` will do. ``disk_gb`` (GiB) is the room that it takes on the storage,
    which is less than its size for a linked clone; None means the size's. ``pin`` are the only
    nodes that it may go to, ``avoid`` those that it may not, by alias. It counts for
    the groups that ``labels`` names; without them, for its own ``groups``.
    """

    name: str
    size: Size
    storage: str
    bridge: str
    templates: tuple[Vm, ...]
    disk_gb: int | None = None
    groups: tuple[Group, ...] = ()
    pin: frozenset[str] = frozenset()
    avoid: frozenset[str] = frozenset()
    labels: tuple[str, ...] = ()

    @property
    def room_bytes(self) -> int:
        """The room that must be free on the storage."""
        return (self.size.disk_gb if self.disk_gb is None else self.disk_gb) * GIB


@dataclass(frozen=True)
class Rules:
    """How much of a node may be given away, and which node gets a guest.

    Memory: total x ratio - reserve; the reserve is in MiB, None means 12 % of the node's memory,
    but at most 4096. Virtual CPUs: ``cpu_ratio`` for each CPU of the node; None sets no limit.
    ``domains`` are failure domains by alias; a node that has none is one by itself.
    """

    memory_ratio: float = 1.0
    memory_reserve_mb: int | None = None
    policy: Policy = "count"
    cpu_ratio: float | None = None
    max_vms: int | None = None
    loss: Loss = "ignore"
    domains: Mapping[str, str] = field(default_factory=dict)

    def reserve_mb(self, memory_mb: int) -> int:
        """Return the reserve in MiB of a node with this much memory."""
        if self.memory_reserve_mb is not None:
            return self.memory_reserve_mb
        return min(4096, memory_mb * 12 // 100)

    def limit_mb(self, memory_mb: int) -> int:
        """Return how many MiB of a node's memory may be given away."""
        return int(memory_mb * self.memory_ratio) - self.reserve_mb(memory_mb)

    def domain_of(self, node: NodeState) -> str:
        """Return a node's failure domain."""
        return self.domains.get(node.alias, node.alias)


def of_role(inventory: Inventory, role: str) -> frozenset[Guest]:
    """Return our VMs of a role, and those that are about to come."""
    there = {
        vm.key
        for vm in inventory.vms
        if vm.ours and not vm.is_template and vm.mark is not None and vm.mark.role == role
    }
    claimed = {
        (claim.domain, claim.vmid)
        for claim in inventory.claims
        if claim.what == "vmid" and claim.role == role
    }
    return frozenset(there | claimed)
