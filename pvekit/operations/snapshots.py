"""``vm snapshot``: taking, listing and removing snapshots of our VMs, and going back to one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pvekit.errors import Conflict, NotFound
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.operations.desk import Desk
from pvekit.operations.listing import one, vm_of
from pvekit.operations.orders import AnyOrder, Work
from pvekit.plan import Plan
from pvekit.vms import snapshot
from pvekit.vms.power import Target
from pvekit.vms.snapshot import Snapping


@dataclass(frozen=True)
class Take(AnyOrder[Snapping]):
    """Take a snapshot; without a name it gets one of the present time."""

    snap: str = ""
    vmstate: bool = False
    description: str = ""

    aim = Snapping
    verb = "snapshot create"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Snapping]]:
        """Decide on the name; raises :class:`Conflict` for a VM that cannot have it."""
        snap = self.snap or datetime.fromtimestamp(time.time(), UTC).strftime("at-%Y%m%d-%H%M%S")
        snapshot.check_name(snap)
        inventory = desk.inventory()
        works = []
        for target in found:
            vm = vm_of(inventory, target)
            check_unlocked(vm)
            if snap in vm.config.snapshots:
                raise Conflict(
                    f"{target.told} has a snapshot {snap!r} already.", id="SNAPSHOT-EXISTS"
                )
            if obstacles := [*snapshot.obstacles(vm, inventory)]:
                raise Conflict(
                    f"{target.told} cannot have snapshots.",
                    details="\n".join(obstacles),
                    hint="Nothing was sent. Move the disk to a storage that has them: "
                    "`qm disk move`.",
                    id="SNAPSHOT-NOT-POSSIBLE",
                )
            works.append(Work(target, Snapping(snap, self.vmstate and vm.running is True)))
        return works

    def plan(self, desk: Desk, work: Work[Snapping]) -> Plan:  # noqa: ARG002
        """Return the plan for one VM."""
        return snapshot.take(work.vm, work.aim, self.description)


@dataclass(frozen=True)
class Remove(AnyOrder[Snapping]):
    """Remove a snapshot."""

    snap: str

    aim = Snapping
    verb = "snapshot delete"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Snapping]]:
        """See that each VM has the snapshot; what is left of a broken one is removed, too."""
        inventory = desk.inventory()
        for target in found:
            _existing(inventory, target, self.snap)
        return [Work(target, Snapping(self.snap)) for target in found]

    def plan(self, desk: Desk, work: Work[Snapping]) -> Plan:  # noqa: ARG002
        """Return the plan for one VM."""
        return snapshot.remove(work.vm, work.aim)


@dataclass(frozen=True)
class RollBack(AnyOrder[Snapping]):
    """Bring VMs back to a snapshot; ``start`` says whether they run then (None: as before)."""

    snap: str
    start: bool | None = None

    aim = Snapping
    verb = "snapshot rollback"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Snapping]]:
        """See that each VM can go back, and note what it is now."""
        inventory = desk.inventory()
        works = []
        for target in found:
            vm = _existing(inventory, target, self.snap)
            _check_back(vm, target, self.snap, inventory)
            start = vm.running is True if self.start is None else self.start
            genid = vm.config.values["vmgenid"]
            works.append(Work(target, Snapping(self.snap, start=start, genid=genid)))
        return works

    def plan(self, desk: Desk, work: Work[Snapping]) -> Plan:  # noqa: ARG002
        """Return the plan for one VM."""
        return snapshot.roll_back(work.vm, work.aim)


def _existing(inventory: Inventory, target: Target, snap: str) -> Vm:
    vm = vm_of(inventory, target)
    check_unlocked(vm)
    if snap not in vm.config.snapshots:
        there = ", ".join(vm.config.snapshots) or "none"
        raise NotFound(
            f"{target.told} has no snapshot {snap!r}.",
            hint=f"There are: {there}.",
            id="SNAPSHOT-NOT-FOUND",
        )
    return vm


def _check_back(vm: Vm, target: Target, snap: str, inventory: Inventory) -> None:
    found = vm.config.snapshots[snap]
    why = hint = ""
    if not found.is_whole:
        why, hint = "it is not whole", f"Remove it: pvekit vm snapshot delete {vm.name} {snap}"
    elif vm.config.values.get("vmgenid", "0") == "0":
        why = "the VM has no vmgenid by which it could be seen that it went back"
        hint = f"Give it one while it is off: qm set {vm.vmid} --vmgenid 1"
    elif found.values.get("name", vm.name) != vm.name:
        why = f"the VM was called {found.values['name']} then: it would not be known as ours"
        hint = f"On its node, then rename it: qm rollback {vm.vmid} {snap}"
    elif newer := snapshot.later(vm, snap, inventory):
        why = f"ZFS only goes back to the last snapshot, and later ones are {', '.join(newer)}"
        hint = "Remove those first."
    if why:
        raise Conflict(
            f"{target.told} cannot go back to {snap!r}: {why}.",
            hint=f"Nothing was sent. {hint}",
            id="SNAPSHOT-NOT-POSSIBLE",
        )


@dataclass(frozen=True)
class Listed:
    """A snapshot as it is listed; ``current`` is the one that the VM has gone on from."""

    name: str
    taken: str
    parent: str
    vmstate: bool
    current: bool
    whole: bool
    description: str


def listed(desk: Desk, wanted: str) -> list[Listed]:
    """Return the snapshots of a VM, whosever it is, oldest first."""
    vm = one(desk.inventory(), wanted)
    found = sorted(vm.config.snapshots.items(), key=lambda item: (item[1].time, item[0]))
    return [
        Listed(
            name=name,
            taken=datetime.fromtimestamp(each.time, UTC).isoformat(timespec="seconds"),
            parent=each.values.get("parent", ""),
            vmstate="vmstate" in each.values,
            current=vm.config.values.get("parent") == name,
            whole=each.is_whole,
            description=each.description,
        )
        for name, each in found
    ]
