"""Whether the guests of any one node would find room on the others if it died (N+1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.inventory.model import Inventory, NodeState
from pvekit.placement.loads import Load
from pvekit.placement.rules import Rules


@dataclass(frozen=True)
class Loss:
    """A node whose guests would not all find room elsewhere.

    ``guests`` would not, with ``short_mb`` MiB in all.
    """

    node: NodeState
    guests: int
    short_mb: int

    def __str__(self) -> str:
        one = "1 guest" if self.guests == 1 else f"{self.guests} guests"
        return (
            f"if {self.node.alias} died, {one} with {self.short_mb} MiB would find no room on "
            "the other nodes"
        )


def losses(loads: Mapping[NodeState, Load], inventory: Inventory, rules: Rules) -> list[Loss]:
    """Return which nodes the PVE clusters could not do without, the worst first.

    Standalone hosts are left out: nobody takes over from them.
    """
    found = (_loss(node, loads, rules) for node in loads if _counts(node, inventory))
    return sorted(
        (each for each in found if each is not None),
        key=lambda loss: (-loss.short_mb, loss.node.alias),
    )


def _counts(node: NodeState, inventory: Inventory) -> bool:
    domain = inventory.domain(node.domain)
    return node.online and domain is not None and domain.clustered


def _loss(dead: NodeState, loads: Mapping[NodeState, Load], rules: Rules) -> Loss | None:
    """Move the largest guests first, each to where most room is left."""
    room = [
        rules.limit_mb(node.memory_mb) - load.given_mb
        for node, load in loads.items()
        if node.domain == dead.domain and node != dead and node.online and node.memory_mb
    ]
    left = []
    for memory_mb in sorted(loads[dead].guests, reverse=True):
        best = max(range(len(room)), key=room.__getitem__, default=None)
        if best is None or room[best] < memory_mb:
            left.append(memory_mb)
        else:
            room[best] -= memory_mb
    return Loss(dead, len(left), sum(left)) if left else None
