"""``vm migrate``: our VMs move to another node of their PVE cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvekit.errors import Conflict, NoCapacity, NotFound
from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.orders import AnyOrder, Work
from pvekit.placement import Rules
from pvekit.plan import Plan
from pvekit.pve import ha
from pvekit.run.gather import told
from pvekit.vms import migrate
from pvekit.vms.migrate import Migrating
from pvekit.vms.power import Target


@dataclass(frozen=True)
class Migrate(AnyOrder[Migrating]):
    """Move VMs to the node ``to``: ``online`` while they run (None: if they do)."""

    to: str
    online: bool | None = None
    with_local_disks: bool = False

    aim = Migrating
    verb = "migrate"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Migrating]]:
        """See that each VM can go there; one that is there already is left as it is.

        Raises :class:`Conflict` for what is in the way, :class:`NoCapacity` for too little room.
        """
        inventory = desk.inventory()
        home = _home(inventory, self.to)
        managed = told(desk.site, {vm.node: ha.managed(vm.node) for vm in found})
        works = []
        for target in found:
            vm = vm_of(inventory, target)
            local: tuple[str, ...] = ()
            if (vm.domain, vm.node) != (home.domain, home.name):
                _check_place(vm, target, home, inventory)
                _check_ha(target, home, managed[target.node])
                local = self._check(desk, inventory, vm, target, home)
            aim = Migrating(home.alias, home.name, vm.running is True, local)
            works.append(Work(target, aim))
        return works

    def _check(
        self, desk: Desk, inventory: Inventory, vm: Vm, target: Target, home: NodeState
    ) -> tuple[str, ...]:
        """Return the disks that are to be copied; raise what stands in the way."""
        check_unlocked(vm)
        self._check_power(vm, target)
        local = migrate.local_disks(vm, inventory)
        if local and not self.with_local_disks:
            raise Conflict(
                f"{target.told} has disks on storage of its node alone: they would be copied.",
                details="\n".join(local),
                hint="Nothing was sent. Say --with-local-disks if that is wanted.",
                id="VM-HAS-LOCAL-DISKS",
            )
        if missing := [*migrate.obstacles(vm, home, inventory)]:
            raise _impossible(target, home, "\n".join(missing))
        placement = desk.config.placement
        rules = Rules(placement.memory_ratio, placement.memory_reserve_mb)
        if short := [*migrate.no_room(vm, home, inventory, rules)]:
            raise NoCapacity(
                f"{target.told} has no room on {home.alias}.",
                details="\n".join(short),
                hint="Nothing was sent.",
            )
        return local

    def _check_power(self, vm: Vm, target: Target) -> None:
        if self.online is False and vm.running:
            raise Conflict(
                f"{target.told} runs: it cannot move --offline.",
                hint="Stop it first, or say --online. Nothing was sent.",
                id="VM-CANNOT-MIGRATE",
            )

    def plan(self, desk: Desk, work: Work[Migrating]) -> Plan:  # noqa: ARG002
        """Return the plan for one VM."""
        return migrate.plan(work.vm, work.aim)

    def leaves(self, work: Work[Migrating]) -> str:
        """Return the PVE name of the node that it moves a VM to."""
        return work.aim.pve_node


def _home(inventory: Inventory, name: str) -> NodeState:
    home = inventory.node(name)
    if home is None:
        names = ", ".join(node.alias for node in inventory.nodes if node.configured)
        raise NotFound(
            f"There is no node {name!r}.", hint=f"Configured: {names}.", id="NODE-NOT-FOUND"
        )
    if not home.configured:
        raise Conflict(
            f"The configuration does not name the node {name}.",
            hint="Add it to `proxmox_nodes`: pvekit could not reach the VM there.",
            id="NODE-NOT-CONFIGURED",
        )
    return home


def _check_place(vm: Vm, target: Target, home: NodeState, inventory: Inventory) -> None:
    domain = inventory.domain(vm.domain)
    if domain is None or not domain.clustered or home.domain != vm.domain:
        raise _impossible(
            target, home, f"{target.node} and {home.alias} are not in the same PVE cluster"
        )
    if not (home.online and home.writable):
        raise _impossible(target, home, f"{home.alias} is not online, or without quorum")


def _check_ha(target: Target, home: NodeState, managed: frozenset[int]) -> None:
    if target.vmid in managed:
        raise Conflict(
            f"{target.told} is an HA resource: high availability decides where it runs.",
            hint=f"Ask it: `ha-manager migrate vm:{target.vmid} {home.name}` on {target.node}. "
            "Nothing was sent.",
            id="VM-IN-HA",
        )


def _impossible(target: Target, home: NodeState, why: str) -> Conflict:
    return Conflict(
        f"{target.told} cannot move to {home.alias}.",
        details=why,
        hint="Nothing was sent.",
        id="VM-CANNOT-MIGRATE",
    )
