"""Deciding anew where new VMs of a fleet go that lost a race."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pvekit.fleet.model import Fleet
from pvekit.inventory.model import Inventory
from pvekit.operations import fleet_wishes
from pvekit.operations.desk import Desk
from pvekit.placement import names
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.spec import Placement, VmSpec


@dataclass(frozen=True)
class Maker:
    """Decides anew what lost a race: by the fleet's rules or, without it, only the vmid."""

    desk: Desk
    wait: Wait | None
    fleet: Fleet | None

    def insists(self, what: str) -> bool:
        """Whether no other name, vmid or address will do."""
        return what == "name" or (what == "ip" and self.fleet is None)

    def again(self, run: str, lost: Sequence[Decision]) -> tuple[Decision, ...]:
        """Decide lost VMs anew."""
        inventory = self.desk.inventory()
        avoid = frozenset(at.vmid for _, at in lost)
        if self.fleet is None:
            return tuple(_elsewhere(each, inventory, avoid) for each in lost)
        wanted = fleet_wishes.wanted(self.desk.config, self.fleet, inventory)
        called = {spec.name for spec, _ in lost}
        missing = [each for each in wanted if each.name in called]
        ips = fleet_wishes.decided_addresses(self.fleet.name, missing, inventory)
        return fleet_wishes.decisions(
            self.desk.config, self.fleet, missing, ips, inventory, run, avoid
        )[0]


def _elsewhere(
    lost: Decision, inventory: Inventory, avoid: frozenset[int]
) -> tuple[VmSpec, Placement]:
    spec, at = lost
    node = inventory.node(at.node)
    domain = node.domain if node else ""
    vmid = names.next_vmids(inventory, domain, avoid=avoid)[0]
    return spec, replace(at, vmid=vmid)
