"""Starting and stopping our VMs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pvekit.errors import Conflict
from pvekit.inventory.model import Inventory
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import part, thaw
from pvekit.operations.carrying import Report, carry, end, finish, held, letting_go, may_pass
from pvekit.operations.desk import Desk
from pvekit.operations.listing import target
from pvekit.plan import Plan
from pvekit.vms import fit, power
from pvekit.vms.fit import Difference
from pvekit.vms.power import Target, Verb

VERBS: tuple[Verb, ...] = ("start", "stop")
KINDS = frozenset(f"vm {verb}" for verb in VERBS)


@dataclass(frozen=True)
class Order:
    """What is to be done with VMs: ``seconds`` is a guest's time to shut down."""

    verb: Verb
    seconds: int = 0
    force: bool = False

    @property
    def kind(self) -> str:
        """What the journal calls such a run."""
        return f"vm {self.verb}"

    def plan(self, targets: Sequence[Target]) -> Plan:
        """Return the plan for all of these VMs."""
        plans = (power.plan(self.verb, vm, self.seconds, force=self.force) for vm in targets)
        return Plan(tuple(step for plan in plans for step in plan))


def targets(desk: Desk, wanted: Sequence[str]) -> list[Target]:
    """Find VMs that are ours; a stranger's ends it here.

    A VM that is named twice, by its name and by its vmid say, is meant once.
    """
    inventory = desk.inventory()
    return list(dict.fromkeys(target(inventory, name) for name in wanted))


def unfinished(desk: Desk, order: Order, wanted: Sequence[str]) -> Journal | None:
    """Return the unfinished run of an identical request, if there is one.

    One that means other VMs than are there by now is ended: the words mean those that are there.
    """
    journal = desk.store.unfinished(order.kind, _data(order, wanted))
    if journal is None:
        return None
    with letting_go(journal):
        if not any(differences(journal, desk.inventory())):
            return journal
        end(desk, journal, Conflict.exit_status)
    journal.close()
    return None


def differences(account: Account, inventory: Inventory) -> Iterator[Difference]:
    """Yield which VMs are not those any more that a run means."""
    for vm in pinned(account):
        home = fit.configured(vm.node, inventory)
        if home is None:
            yield from fit.node(vm.node, vm.node, inventory)
            continue
        yield from fit.guest((vm.vmid, vm.name, vm.run), home.domain, inventory, done=True)
        found = inventory.vm(home.domain, vm.vmid)
        if found and fit.made_by(found, vm.run, inventory) and found.node != home.name:
            yield Difference(f"VM {vm.vmid}", f"on {home.name}", f"on {found.node}")


def begin(desk: Desk, order: Order, wanted: Sequence[str], found: Sequence[Target]) -> Journal:
    """Start a run and pin which VMs it means."""
    journal = desk.begin(order.kind, _data(order, wanted))
    with letting_go(journal):
        _pin(journal, found)
    return journal


def _pin(journal: Journal, found: Sequence[Target]) -> None:
    journal.decided({vm.subject: {"target": asdict(vm)} for vm in found})


def _data(order: Order, wanted: Sequence[str]) -> dict[str, Any]:
    return {"asked": {"vms": sorted(wanted)}, "order": asdict(order)}


def carry_out(desk: Desk, journal: Journal) -> tuple[list[Target], Report]:
    """Carry out a run, or go on with it.

    One that failed for good has nothing to go on with: its goals say it all.
    """
    with held(desk, journal):
        if not journal.decisions():  # it ended before it had found them
            _pin(journal, targets(desk, part(part(journal.request, "request"), "asked")["vms"]))
        found = pinned(journal)
        report = finish(desk, journal, carry(desk, order(journal).plan(found), journal))
        if report.open and not may_pass(report):
            end(desk, journal, report.status)
            report = replace(report, open=False)
        return found, report


def order(account: Account) -> Order:
    """Return what a run was begun to do."""
    return thaw(Order, part(part(account.request, "request"), "order"))


def pinned(account: Account) -> list[Target]:
    """Return the VMs that a run means."""
    return [thaw(Target, part(each, "target")) for each in account.decisions().values()]
