"""``vm delete``: everything that stands in the way is found first, then the VMs go for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from pvekit.errors import Conflict, Transient
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import thaw
from pvekit.operations import taking_over
from pvekit.operations.carrying import Report, carry, end, finish, held, may_pass, take_back
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.selecting import Selection, Wanted, find, selection, thawed
from pvekit.operations.taking_over import Taken
from pvekit.plan import Ask, Plan
from pvekit.pve import ha, storage_states
from pvekit.run.apply import Preview, preview
from pvekit.run.gather import told
from pvekit.vms import delete, fit
from pvekit.vms.delete import Doomed
from pvekit.vms.fit import Difference
from pvekit.vms.power import Target

T = TypeVar("T")

KIND = "vm delete"


@dataclass(frozen=True)
class Decided:
    """The VMs that are to go, and the words that mean them.

    ``run`` is the unfinished run that had begun to delete them, if any; ``stale`` are such that
    meant other VMs than are there by now; ``taken`` is what other dead runs give up for it.
    """

    doomed: tuple[Doomed, ...]
    run: str = ""
    wanted: Selection = field(default_factory=Selection)
    stale: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all of them."""
        owner = desk.owner()
        return Plan(tuple(step for each in self.doomed for step in delete.delete(each, owner)))


@dataclass(frozen=True)
class _Order:
    """How VMs are deleted: ``seconds`` is a guest's time to shut down."""

    seconds: int
    verb: str = "delete"


def decided(desk: Desk, wanted: Wanted, seconds: int) -> Decided:
    """Find the VMs and all that stands in the way of deleting them; sends no change.

    Raises :class:`Conflict` for what is not ours, is protected or in the hands of a run at work,
    :class:`Transient` for a VM that is locked and for a storage that does not answer.
    """
    inventory = desk.inventory()
    begun, stale = _begun(desk, wanted, inventory)
    doomed = pinned(begun) if begun else []
    doomed = [replace(each, seconds=seconds) for each in doomed or _found(inventory, wanted)]
    check(desk, inventory, doomed)
    run = begun.run if begun else ""
    taken = taking_over.found(desk, inventory, doomed, (run, *stale))
    return Decided(_with_ha(desk, doomed), run, selection(wanted), tuple(stale), taken)


def foresee(desk: Desk, found: Decided) -> Preview:
    """Return what deleting would send."""
    first = Plan(tuple(step for each in found.taken for step in each.steps))
    return preview(first + found.plan(desk), desk.site)


def carry_out(desk: Desk, found: Decided) -> Report:
    """Delete the VMs, in a new run or in the unfinished one that had begun it."""
    for run in found.stale:
        _give_up(desk, run)
    for taken in found.taken:
        taking_over.take_over(desk, taken)
    if found.run:
        return carry_on(desk, found, desk.store.open(found.run))
    seconds = max(each.seconds for each in found.doomed)
    asked = {"asked": found.wanted.data(), "order": asdict(_Order(seconds))}
    return carry_on(desk, found, desk.begin(KIND, asked))


def carry_on(desk: Desk, found: Decided, journal: Journal) -> Report:
    """Delete the VMs in this run.

    One that failed for good has nothing to go on with, if the VMs that it failed at are whole:
    their claims are given up. What is left of a VM is not let go of.
    """
    doomed = tuple(replace(each, run=journal.run) for each in found.doomed)
    with held(desk, journal):
        journal.decided({each.subject: {"target": asdict(each)} for each in doomed})
        plan = Decided(doomed, journal.run).plan(desk)
        report = finish(desk, journal, carry(desk, plan, journal, last=True))
        for each in doomed:
            if report.outcomes[each.subject].error is None:
                desk.forget_guest(each.vmid, each.maker)
        if report.open and not may_pass(report):
            failed = [each for each in doomed if report.outcomes[each.subject].error]
            inventory = desk.inventory()
            if all(_is_whole(inventory, each) for each in failed):
                _end(desk, journal, failed, report.status)
                report = replace(report, open=False)
        return report


def going_on(desk: Desk, account: Account) -> Decided:
    """Return what an unfinished run still has to do; sends no change."""
    doomed = pinned(account)
    if not doomed:  # it ended before it had found them
        wanted = thawed(account.asked)
        seconds = thaw(_Order, account.order).seconds
        inventory = desk.inventory()
        doomed = [replace(each, seconds=seconds) for each in _found(inventory, wanted)]
        check(desk, inventory, doomed)
    return Decided(_with_ha(desk, doomed), account.run)


def resumed(account: Account) -> Decided:
    """Return what a run has decided."""
    return Decided(tuple(pinned(account)), account.run)


def pinned(account: Account) -> list[Doomed]:
    """Return the VMs that a run was to delete, among others that it makes or changes."""
    return [
        thaw(Doomed, each.part("target"))
        for each in account.pinned().values()
        if each.stands and not each.alters
    ]


def differences(account: Account, inventory: Inventory) -> Iterator[Difference]:
    """Yield which VMs are neither those that a run means, nor what it has left of them."""
    for doomed in pinned(account):
        home = fit.configured(doomed.node, inventory)
        if home is None:
            yield from fit.node(doomed.node, doomed.node, inventory)
            continue
        vm, what = inventory.vm(home.domain, doomed.vmid), f"VM {doomed.vmid}"
        if vm and not any(fit.made_by(vm, run, inventory) for run in (doomed.maker, account.run)):
            yield Difference(what, f"{doomed.name} of run {doomed.maker}", fit.told(vm))
        elif vm and vm.node != home.name:
            yield Difference(what, f"on {home.name}", f"on {vm.node}")
        yield from fit.claimed(doomed.vmid, account.run, home.domain, inventory)


def doomed(desk: Desk, inventory: Inventory, wanted: Wanted, seconds: int) -> tuple[Doomed, ...]:
    """Return our VMs that are to go, with all that has to be known for it; sends no change.

    Raises what stands in the way, as :func:`decided` does.
    """
    found = [replace(each, seconds=seconds) for each in _found(inventory, wanted)]
    check(desk, inventory, found)
    return _with_ha(desk, found)


def check(desk: Desk, inventory: Inventory, doomed: Sequence[Doomed]) -> None:
    """Raise an error for what stands in the way of deleting those that are there yet."""
    _check(desk, inventory, [vm for each in doomed if (vm := _still(inventory, each)) is not None])


def check_back(desk: Desk, account: Account) -> None:
    """Raise :class:`Conflict` where half a VM would be left, and no claim to tell whose it is."""
    inventory = desk.inventory()
    for doomed in pinned(account):
        home = inventory.node(doomed.node)
        vm = inventory.vm(home.domain, doomed.vmid) if home else None
        if vm is not None and vm.config.is_stub and fit.made_by(vm, account.run, inventory):
            raise Conflict(
                f"VM {doomed.vmid} ({doomed.name}) on {doomed.node} is half destroyed.",
                hint=f"The rest has to go, too: pvekit run resume {account.run}",
                id="VM-HALF-DESTROYED",
            )


def _begun(desk: Desk, wanted: Wanted, inventory: Inventory) -> tuple[Account | None, list[str]]:
    """Return the unfinished run that was to delete all of these, and those that do not fit."""
    stale: list[str] = []
    meant = selection(wanted)
    for found in desk.store.all():
        account = found.account
        if found.fault or found.running or account.kind != KIND:
            continue
        if account.standing != "unfinished" or not desk.store.is_ours(account):
            continue
        named = meant.names and set(meant.names) <= _words(pinned(account))
        if meant.data() != account.asked and not named:
            continue
        if not any(differences(account, inventory)):
            return account, stale
        stale.append(account.run)
    return None, stale


def _give_up(desk: Desk, run: str) -> None:
    """End a run that means other VMs than are there: its words mean those that are there."""
    journal = desk.store.open(run)
    with held(desk, journal):
        _end(desk, journal, pinned(journal), Conflict.exit_status)


def _end(desk: Desk, journal: Journal, doomed: Sequence[Doomed], status: int) -> None:
    """Give up what a run has claimed; once that is done there is nothing to go on with."""
    plan = Decided(tuple(doomed), journal.run).plan(desk)
    undone = take_back(desk, plan, journal)
    if not any(outcome.error for outcome in undone.values()):
        end(desk, journal, status)


def _is_whole(inventory: Inventory, doomed: Doomed) -> bool:
    """Whether nothing of a VM is destroyed yet, whosever it is."""
    home = inventory.node(doomed.node)
    vm = inventory.vm(home.domain, doomed.vmid) if home else None
    return vm is not None and not vm.config.is_stub


def _found(inventory: Inventory, wanted: Wanted) -> list[Doomed]:
    """Return those of our VMs that the words mean; one that is named twice is meant once."""
    return [_doomed(each, vm_of(inventory, each)) for each in find(inventory, wanted)]


def _doomed(target: Target, vm: Vm) -> Doomed:
    return Doomed(
        "",
        target.node,
        target.vmid,
        target.name,
        delete.own_volumes(vm),
        maker=target.run,
        label=target.label,
        uuid=vm.config.uuid,
    )


def _with_ha(desk: Desk, doomed: Sequence[Doomed]) -> tuple[Doomed, ...]:
    in_ha = _told(desk, {each.node: ha.managed(each.node) for each in doomed})
    return tuple(replace(d, ha=d.ha or d.vmid in in_ha[d.node]) for d in doomed)


def _words(doomed: Iterable[Doomed]) -> set[str]:
    words = {word for each in doomed for word in (each.name, str(each.vmid))}
    return words | {f"{each.node}/{word}" for each in doomed for word in (each.name, each.vmid)}


def _still(inventory: Inventory, doomed: Doomed) -> Vm | None:
    """Return the VM if it is still there and ours; what is left of it needs no check."""
    node = inventory.node(doomed.node)
    vm = inventory.vm(node.domain, doomed.vmid) if node else None
    return vm if vm is not None and vm.ours and vm.name == doomed.name else None


def _check(desk: Desk, inventory: Inventory, there: Sequence[Vm]) -> None:
    for vm in there:
        title = f"VM {vm.vmid} ({vm.name}) on {vm.node}"
        if vm.config.values.get("protection") == "1":
            raise Conflict(
                f"{title} is protected against removal.",
                hint=f"If it may go: `qm set {vm.vmid} --protection 0` on {vm.node}.",
                id="VM-PROTECTED",
            )
        check_unlocked(vm)
    placed = [(vm, node.alias) for vm in there if (node := inventory.node_of(vm))]
    states = _told(desk, {alias: storage_states.asked(alias) for _, alias in placed})
    for vm, alias in placed:
        _check_storages(vm, alias, states[alias])


def _check_storages(vm: Vm, node: str, states: Mapping[str, str]) -> None:
    """Name a dead storage before anything is sent: PVE would end half-way at it."""
    own = delete.own_volumes(vm)
    for volid in own:
        storage = volid.partition(":")[0]
        status = states.get(storage, "unknown")
        if status != "active":
            raise Transient(
                f"Cannot delete VM {vm.vmid} ({vm.name}): storage {storage} is {status} on {node}.",
                details=f"Its disk {volid} lies there. Nothing was sent.",
                hint=f"Bring the storage back; `pvesm status` on {node} tells how it stands.",
                id="STORAGE-DOWN",
            )


def _told(desk: Desk, questions: Mapping[str, Ask[T]]) -> dict[str, T]:
    return told(desk.site, questions, desk.clock, desk.policy)
