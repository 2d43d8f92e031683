"""Changing VMs that are there and ours, by an order, under a journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pvekit.errors import Conflict
from pvekit.inventory.model import Inventory
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import thaw
from pvekit.operations import snapshots
from pvekit.operations.carrying import Report, carry, end, finish, held, letting_go, may_pass
from pvekit.operations.desk import Desk
from pvekit.operations.migrating import Migrate
from pvekit.operations.orders import AnyOrder, AnyWork, Work
from pvekit.operations.rebooting import Reboot
from pvekit.operations.resizing import Resize
from pvekit.operations.reviewing_order import KIND as SIZE_REVIEW
from pvekit.operations.reviewing_order import Follow
from pvekit.operations.selecting import Wanted, find, selection, thawed
from pvekit.plan import Plan
from pvekit.run.apply import Preview, preview
from pvekit.vms import fit, power
from pvekit.vms.fit import Difference
from pvekit.vms.power import Target, Verb


@dataclass(frozen=True)
class Order(AnyOrder[None]):
    """Starting or stopping VMs: ``seconds`` is a guest's time to shut down."""

    verb: Verb
    seconds: int = 0
    force: bool = False

    def plan(self, desk: Desk, work: Work[None]) -> Plan:  # noqa: ARG002
        """Return the plan for one VM."""
        return power.plan(self.verb, work.vm, self.seconds, force=self.force)


ORDERS: Mapping[str, type[AnyOrder[Any]]] = {
    "vm start": Order,
    "vm stop": Order,
    "vm migrate": Migrate,
    "vm reboot": Reboot,
    "vm resize": Resize,
    SIZE_REVIEW: Follow,
    "vm snapshot create": snapshots.Take,
    "vm snapshot delete": snapshots.Remove,
    "vm snapshot rollback": snapshots.RollBack,
}
KINDS = frozenset(ORDERS)


def targets(desk: Desk, wanted: Wanted) -> list[Target]:
    """Find VMs that are ours; a stranger's ends it here.

    A VM that is named twice, by its name and by its vmid say, is meant once.
    """
    return find(desk.inventory(), wanted)


def unfinished(desk: Desk, order: AnyOrder[Any], wanted: Wanted) -> Journal | None:
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
    ordered = order(account)
    for work in works(account):
        yield from differences_of(work.vm, inventory, ordered.leaves(work))


def differences_of(vm: Target, inventory: Inventory, leaves: str = "") -> Iterator[Difference]:
    """Yield what became of one VM; ``leaves`` is a node that it may have gone to."""
    home = fit.configured(vm.node, inventory)
    if home is None:
        yield from fit.node(vm.node, vm.node, inventory)
        return
    yield from fit.guest((vm.vmid, vm.name, vm.run), home.domain, inventory, done=True)
    found = inventory.vm(home.domain, vm.vmid)
    places = (home.name, leaves)
    if found and fit.made_by(found, vm.run, inventory) and found.node not in places:
        yield Difference(f"VM {vm.vmid}", f"on {home.name}", f"on {found.node}")


def decided(desk: Desk, order: AnyOrder[Any], wanted: Wanted) -> list[AnyWork]:
    """Find the VMs and decide what is to be done with each; raises what stands in the way."""
    return order.decide(desk, targets(desk, wanted))


def foresee(desk: Desk, order: AnyOrder[Any], wanted: Wanted) -> tuple[str, list[AnyWork], Preview]:
    """Return which unfinished run would be gone on with, if any, for what, and what it would do."""
    journal = unfinished(desk, order, wanted)
    if journal is None:
        run, found = "", decided(desk, order, wanted)
    else:
        with letting_go(journal):
            run, found = journal.run, works(journal) or decided(desk, order, wanted)
        journal.close()
    return run, found, preview(_plan(desk, order, found), desk.site)


def begin(
    desk: Desk, order: AnyOrder[Any], wanted: Wanted, found: Sequence[Target | AnyWork]
) -> Journal:
    """Start a run and pin which VMs it means, and what was decided for them."""
    pins = [each for each in found if isinstance(each, Work)]
    if len(pins) < len(found):
        pins = order.decide(desk, [each for each in found if isinstance(each, Target)])
    journal = desk.begin(order.kind, _data(order, wanted))
    with letting_go(journal):
        _pin(journal, order, pins)
    return journal


def _pin(journal: Journal, order: AnyOrder[Any], found: Sequence[AnyWork]) -> None:
    journal.decided({each.vm.subject: order.frozen(each) for each in found})


def _data(order: AnyOrder[Any], wanted: Wanted) -> dict[str, Any]:
    return {"asked": selection(wanted).data(), "order": asdict(order)}  # type: ignore[call-overload]


def _plan(desk: Desk, order: AnyOrder[Any], found: Sequence[AnyWork]) -> Plan:
    return Plan(tuple(step for each in found for step in order.plan(desk, each)))


def carry_out(desk: Desk, journal: Journal) -> tuple[list[Target], Report]:
    """Carry out a run, or go on with it.

    One that failed for good before a step of it was done has nothing to go on with: its goals say
    it all.
    """
    with held(desk, journal):
        ordered = order(journal)
        if not journal.decisions():  # it ended before it had found them
            asked = thawed(journal.asked)
            _pin(journal, ordered, decided(desk, ordered, asked))
        elif journal.touched():
            _look_again(desk, journal, ordered)
        whole = plan(desk, journal)
        report = finish(desk, journal, carry(desk, whole, journal))
        if report.open and not may_pass(report) and not _half_done(journal, whole, report):
            end(desk, journal, report.status)
            report = replace(report, open=False)
        return pinned(journal), report


def _look_again(desk: Desk, journal: Journal, ordered: AnyOrder[Any]) -> None:
    """Pin anew what a run had decided for VMs that have become another sort of case since."""
    before = works(journal)
    now = ordered.again(desk, before)
    if now != before:
        _pin(journal, ordered, now)


def _half_done(account: Account, whole: Plan, report: Report) -> bool:
    failed = {subject for subject, each in report.outcomes.items() if each.error}
    return any(step.subject in failed and account.is_done(step.key) for step in whole)


def plan(desk: Desk, account: Account) -> Plan:
    """Return the plan of what a run has decided."""
    return _plan(desk, order(account), works(account))


def order(account: Account) -> AnyOrder[Any]:
    """Return what a run was begun to do."""
    kind: Any = ORDERS[account.kind]
    found: AnyOrder[Any] = thaw(kind, account.order)
    return found


def works(account: Account) -> list[AnyWork]:
    """Return the VMs that a run means, and what it has decided for them."""
    ordered = order(account)
    return [ordered.thawed(each) for each in account.pinned().values()]


def pinned(account: Account) -> list[Target]:
    """Return the VMs that a run means."""
    return [each.vm for each in works(account)]
