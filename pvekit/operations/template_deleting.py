"""``template delete``: what stands in the way is found first, then the templates go for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pvekit.errors import Conflict
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.operations.carrying import Report, carry, end, finish, held
from pvekit.operations.desk import Desk
from pvekit.operations.template_choice import chosen
from pvekit.plan import Guard, Plan, Step
from pvekit.pve import goals, qm
from pvekit.pve.stored import CSI_VMID
from pvekit.templates.decide import linked_clones

KIND = "template delete"


@dataclass(frozen=True)
class Doomed:
    """A copy of a template that is to go; ``digest`` is its config's as it was looked at."""

    node: str
    vmid: int
    name: str
    digest: str

    @property
    def subject(self) -> str:
        """What the plan's steps call it."""
        return f"template/{self.name}@{self.node}/{self.vmid}"

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that remove it."""
        guard = Guard("template", self.vmid, self.name, digest=self.digest)
        gone = goals.removed(self.node, self.vmid, self.name)
        lasting = "the template does not come back; `pvekit template build` makes another"
        destroy = (qm.destroy(guard),)
        return (Step(self.subject, "destroy", self.node, gone, destroy, lasting=lasting),)


def decided(desk: Desk, wanted: Sequence[str]) -> list[Doomed]:
    """Find the templates; sends no change.

    Raises :class:`NotFound`, :class:`Conflict` for one that linked clones need or that is
    protected, and :class:`Transient` for one that somebody is at work on.
    """
    inventory = desk.inventory()
    found = chosen(inventory, wanted)
    for vm in found:
        _check(vm, inventory)
    return [Doomed(inventory.alias_of(vm), vm.vmid, vm.name, vm.config.digest) for vm in found]


def plan(doomed: Sequence[Doomed]) -> Plan:
    """Return the plan for all of them."""
    return Plan(tuple(step for each in doomed for step in each.steps()))


def carry_out(desk: Desk, doomed: Sequence[Doomed]) -> Report:
    """Delete the templates. A run that fails has nothing to go on with: the command looks again."""
    journal = desk.begin(KIND, {"what": [each.subject for each in doomed]})
    with held(desk, journal):
        report = finish(desk, journal, carry(desk, plan(doomed), journal))
        if report.open:
            end(desk, journal, report.status)
        return replace(report, open=False)


def _check(vm: Vm, inventory: Inventory) -> None:
    title = f"Template {vm.name} (VM {vm.vmid} on {inventory.alias_of(vm)})"
    check_unlocked(vm)
    if vm.vmid == CSI_VMID:
        raise Conflict(
            f"{title} has the vmid under which the volumes of Kubernetes are booked.",
            hint="pvekit never changes it: with it, all of them could go.",
            id="VMID-RESERVED",
        )
    if vm.config.values.get("protection") == "1":
        raise Conflict(
            f"{title} is protected against removal.",
            hint=f"If it may go: `qm set {vm.vmid} --protection 0` on {vm.node}.",
            id="VM-PROTECTED",
        )
    if clones := linked_clones(vm, inventory):
        raise Conflict(
            f"{title} cannot go: linked clones need its disk.",
            details="\n".join(f"VM {each.vmid} ({each.name}) on {each.node}" for each in clones),
            hint="Delete them first, or make them full with `qm disk move`.",
            id="TEMPLATE-IN-USE",
        )
