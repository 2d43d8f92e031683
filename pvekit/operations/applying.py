"""``apply``: makes a site what a fleet file says, under one journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from pvekit.errors import Conflict, PvekitError, UsageError
from pvekit.fleet.compare import Differing
from pvekit.fleet.model import Fleet
from pvekit.inventory.model import Inventory, Vm
from pvekit.journal import Account, Found, Journal
from pvekit.journal.frozen import thaw
from pvekit.operations import changing, deleting, passwords, settling
from pvekit.operations.carrying import Report, carry, finish, held, letting_go
from pvekit.operations.desk import Desk
from pvekit.operations.fleet_making import Maker
from pvekit.operations.foreseeing import Foreseen, foresee
from pvekit.operations.listing import target
from pvekit.operations.orders import Work
from pvekit.operations.resizing import WAY_ON, check_restarts, check_room
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.vms import alter, fit
from pvekit.vms.alter import Alteration
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.delete import Doomed
from pvekit.vms.fit import Difference
from pvekit.vms.power import Target

KIND = "apply"

Altered = Work[Alteration]


@dataclass(frozen=True)
class Order:
    """How a fleet is applied.

    ``seconds`` is a guest's time to shut down, ``ready`` its time to get ready (0: as configured).
    """

    prune: bool = False
    wait: bool = True
    seconds: int = 120
    ready: float = 0.0


@dataclass(frozen=True)
class Applied:
    """What a run made, changed and removed, and how it went."""

    report: Report
    made: tuple[Decision, ...]
    altered: tuple[Altered, ...]
    removed: tuple[Doomed, ...]


def unfinished(desk: Desk, fleet: Fleet, order: Order) -> Journal | None:
    """Return the unfinished run of the same file and order, if there is one.

    Raises :class:`Conflict` for an unfinished run of the same fleet by another file: what it has
    begun is to be finished or taken back first.
    """
    journal = desk.store.unfinished(KIND, _data(fleet, order))
    if journal is not None and journal.decisions():
        return journal
    if journal is not None:  # it ended before it had decided anything
        journal.finished(Conflict.exit_status)
        journal.close()
    for other in unfinished_of(desk, fleet.name):
        run = other.account.run
        if other.running or other.account.touched():
            raise Conflict(
                f"Run {run} of the fleet {fleet.name} is unfinished, by another file or other "
                "options.",
                hint=f"Finish it: pvekit run resume {run}; or take back what it has made: "
                f"pvekit run rollback {run}",
                id="FLEET-UNFINISHED",
            )
        _end_untouched(desk, run)
    return None


def unfinished_of(desk: Desk, fleet: str) -> Iterator[Found]:
    """Yield the unfinished runs of a fleet of this name, by whatever file."""
    for found in desk.store.all():
        account = found.account
        if found.fault or account.kind != KIND or account.standing != "unfinished":
            continue
        if desk.store.is_ours(account) and fleet_of(account) == fleet:
            yield found


def check(found: Foreseen, desk: Desk, *, allow_restart: bool) -> None:
    """Raise :class:`Conflict` for restarts that are not allowed, :class:`NoCapacity` without room.

    Sends nothing.
    """
    pairs = [(each.vm, each.aim) for each in found.comparison.differing]
    if not allow_restart:
        check_restarts(pairs)
    check_room(desk, found.inventory, pairs)


def commands(desk: Desk, found: Foreseen, order: Order) -> Preview:
    """Return what applying would send."""
    altered = _altered(found)
    gone = _gone(desk, found, order)
    made = settling.steps(desk, found.decisions, wait(desk, order), frozenset())
    return preview(made + _alterations(desk, altered, order) + _removal(desk, gone), desk.site)


def begin(desk: Desk, shown: Foreseen, order: Order, *, allow_restart: bool) -> Journal:
    """Start a run: read the site again, decide, and pin it all.

    Raises :class:`Conflict` if that is not what was shown before: nobody has agreed to it.
    """
    journal = desk.begin(KIND, _data(shown.fleet, order))
    try:
        with letting_go(journal):
            _decide(desk, journal, shown, order, allow_restart=allow_restart)
    except PvekitError as error:
        _end_untouched(desk, journal.run, error.exit_status)
        raise
    return journal


def carry_out(desk: Desk, journal: Journal, fleet: Fleet | None = None) -> Applied:
    """Carry out what a run has decided, or go on with it; removals come last, if all went well.

    With the ``fleet`` lost races are decided anew by its rules. Raises :class:`UsageError` for a
    run that had not decided anything yet.
    """
    with held(desk, journal):
        if not journal.decisions():
            raise UsageError(
                f"Run {journal.run} had decided nothing yet.", hint="Apply the file again."
            )
        passwords.check(desk)
        order = order_of(journal)
        altered, gone = works(journal), tuple(deleting.pinned(journal))
        beside = _alterations(desk, altered, order)
        maker = Maker(desk, wait(desk, order), fleet)
        made, outcomes = settling.settle(desk, journal, maker, settling.pinned(journal), beside)
        outcomes |= _removed(desk, journal, gone, outcomes)
        report = finish(
            desk,
            journal,
            outcomes,
            lambda subjects: settling.plan(
                desk, [made[each] for each in subjects if each in made], None, journal
            ),
        )
        return Applied(report, tuple(made.values()), altered, gone)


def plan(desk: Desk, account: Account) -> Plan:
    """Return the plan of what a run has decided."""
    order = order_of(account)
    made = settling.plan(desk, settling.pinned(account), wait(desk, order), account)
    removal = _removal(desk, deleting.pinned(account))
    return made + _alterations(desk, works(account), order) + removal


def differences(account: Account, inventory: Inventory) -> Iterator[Difference]:
    """Yield which decisions of a run do not fit the site any more."""
    for spec, at in settling.pinned(account):
        yield from fit.site(spec, at, inventory, done=account.is_done(f"{spec.subject}/clone"))
    for work in works(account):
        yield from changing.differences_of(work.vm, inventory)
    yield from deleting.differences(account, inventory)


def order_of(account: Account) -> Order:
    """Return how a run was begun."""
    return thaw(Order, account.order)


def works(account: Account) -> tuple[Altered, ...]:
    """Return the VMs that a run changes, and how."""
    return tuple(
        Work(thaw(Target, each.part("target")), thaw(Alteration, each.part("aim")))
        for each in account.pinned().values()
        if each.alters
    )


def wait(desk: Desk, order: Order) -> Wait | None:
    """Return how VMs are waited for, or None if they are not."""
    if not order.wait:
        return None
    readiness = desk.config.readiness
    timeout = order.ready or readiness.timeout_seconds
    return Wait(timeout, readiness.ssh_check_interval_seconds, hint=WAY_ON)


def fleet_of(account: Account) -> object:
    """Return which fleet a run applies."""
    return account.asked.get("fleet")


def _data(fleet: Fleet, order: Order) -> dict[str, object]:
    digest = hashlib.sha256(repr(fleet).encode()).hexdigest()
    return {"asked": {"fleet": fleet.name, "digest": digest}, "order": asdict(order)}


def _end_untouched(desk: Desk, run: str, status: int = Conflict.exit_status) -> None:
    journal = desk.store.open(run)
    journal.finished(status)
    journal.close()


def _decide(
    desk: Desk, journal: Journal, shown: Foreseen, order: Order, *, allow_restart: bool
) -> None:
    found = foresee(desk, shown.fleet, prune=order.prune, run=journal.run)
    if found.gist != shown.gist:
        raise Conflict(
            "The site has changed since the plan was made: nothing was sent.",
            hint="Look at the new plan: the same command again.",
            id="FLEET-SITE-CHANGED",
        )
    check(found, desk, allow_restart=allow_restart)
    altered, gone = _altered(found), _gone(desk, found, order, journal.run)
    journal.decided(
        {
            **settling.frozen(found.decisions),
            **{each.vm.subject: _frozen(each) for each in altered},
            **{each.subject: {"target": asdict(each)} for each in gone},
        }
    )


def _frozen(work: Altered) -> dict[str, object]:
    return {"target": asdict(work.vm), "aim": asdict(work.aim)}


def _altered(found: Foreseen) -> tuple[Altered, ...]:
    return tuple(
        Work(_target(found.inventory, each), each.aim) for each in found.comparison.differing
    )


def _target(inventory: Inventory, each: Differing) -> Target:
    """Return the VM that is changed; its guest is waited for at the address that it gets."""
    vm = target(inventory, _word(inventory, each.vm))
    address = "" if each.address == "dhcp" else each.address.partition("/")[0]
    return replace(vm, address=address)


def _gone(desk: Desk, found: Foreseen, order: Order, run: str = "") -> tuple[Doomed, ...]:
    if not order.prune or not found.comparison.surplus:
        return ()
    words = [_word(found.inventory, vm) for vm in found.comparison.surplus]
    gone = deleting.doomed(desk, found.inventory, words, order.seconds)
    return tuple(replace(each, run=run) for each in gone)


def _word(inventory: Inventory, vm: Vm) -> str:
    return f"{inventory.alias_of(vm)}/{vm.vmid}"


def _alterations(desk: Desk, altered: Sequence[Altered], order: Order) -> Plan:
    waits = wait(desk, order)
    plans = [alter.plan(each.vm, each.aim, order.seconds, waits) for each in altered]
    return Plan(tuple(step for plan in plans for step in plan))


def _removal(desk: Desk, gone: Sequence[Doomed]) -> Plan:
    return deleting.Decided(tuple(gone)).plan(desk)


def _removed(
    desk: Desk, journal: Journal, gone: Sequence[Doomed], before: dict[str, Outcome]
) -> dict[str, Outcome]:
    """Remove what left the file, unless something has gone wrong before."""
    if not gone:
        return {}
    if desk.stop.asked or any(outcome.error for outcome in before.values()):
        why = "It was not removed yet: first, all else has to go well."
        error = {each.subject: PvekitError(why, id="FLEET-NOT-REMOVED") for each in gone}
        return {subject: Outcome(each) for subject, each in error.items()}
    outcomes = carry(desk, _removal(desk, gone), journal, last=True)
    for each in gone:
        if outcomes[each.subject].error is None:
            desk.forget_guest(each.vmid, each.maker)
    return outcomes
