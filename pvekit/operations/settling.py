"""Making decided VMs: claim, carry out, and decide again what a race was lost for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol

from pvekit.errors import IdTaken, PvekitError
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import thaw
from pvekit.operations import passwords
from pvekit.operations.carrying import carry, take_back
from pvekit.operations.desk import Desk
from pvekit.plan import Asking, Plan
from pvekit.pve.stored import Listing, listing
from pvekit.run.apply import Outcome
from pvekit.run.context import Event
from pvekit.vms import create
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.spec import Placement, VmSpec

ROUNDS = 40
"""How often a lost race for a name, address or vmid is tried again before giving up."""


class Maker(Protocol):
    """Decides the VMs of a run, and anew those that lost a race."""

    @property
    def wait(self) -> Wait | None:
        """How they are waited for."""

    def again(self, run: str, lost: Sequence[Decision]) -> tuple[Decision, ...]:
        """Decide lost VMs anew; raises why that cannot be."""

    def insists(self, what: str) -> bool:
        """Whether a ``name``, ``vmid`` or ``ip`` was asked for, and no other will do."""


def settle(
    desk: Desk,
    journal: Journal,
    maker: Maker,
    fresh: tuple[Decision, ...],
    beside: Plan | None = None,
) -> tuple[dict[str, Decision], dict[str, Outcome]]:
    """Make VMs, and carry out a plan ``beside`` them; return what was decided in the end.

    Claims are settled first, in as many rounds as it takes; a vmid that a stranger took between
    its claim and the clone brings that one VM back to the start.
    """
    decisions: dict[str, Decision] = {}
    outcomes: dict[str, Outcome] = {}
    others = beside or Plan(())
    for left in reversed(range(ROUNDS)):
        listed: Listing = {}
        claimed, fresh = _claimed(desk, journal, maker, fresh, listed)
        won = [each for each in fresh if claimed[each[0].subject].error is None]
        whole = steps(desk, won, maker.wait, journal.touched(), listed) + others
        outcomes |= claimed | carry(_forgetting(desk, won), whole, journal, last=True)
        decisions |= {spec.subject: (spec, at) for spec, at in fresh}
        others = Plan(())
        lost = [decisions[name] for name in _lost(outcomes, maker) if name in decisions]
        fresh, failed = _anew(desk, journal, maker, lost if left else ())
        outcomes |= failed
        if not fresh:
            break
        for spec, _at in lost:
            del decisions[spec.subject]
    besides = beside.subjects() if beside else {}
    return decisions, {name: outcomes[name] for name in (*decisions, *besides)}


def _forgetting(desk: Desk, decisions: Sequence[Decision]) -> Desk:
    """Return the desk at which a VM's pinned host key is forgotten as soon as it is cloned anew."""
    places = {spec.subject: at for spec, at in decisions}

    def watch(event: Event) -> None:
        if (event.step.verb, event.state) == ("clone", "done"):
            at = places[event.step.subject]
            desk.forget_guest(at.vmid, at.run)
        desk.watch(event)

    return replace(desk, watch=watch)


def plan(desk: Desk, decisions: Iterable[Decision], wait: Wait | None, account: Account) -> Plan:
    """Return the plan of VMs, by what a run has begun of them."""
    return steps(desk, decisions, wait, account.touched())


def steps(
    desk: Desk,
    decisions: Iterable[Decision],
    wait: Wait | None,
    touched: frozenset[str],
    listed: Listing | None = None,
) -> Plan:
    """Return the plan of VMs.

    ``touched`` are the steps that a run has begun, ``listed`` is what was just seen on storages.
    """
    owner, password = desk.owner(), passwords.hashing(desk)
    plans = [
        create.create(
            spec,
            at,
            wait,
            owner,
            begun=f"{spec.subject}/clone" in touched,
            password=password,
            listed=listed,
        )
        for spec, at in decisions
    ]
    return Plan(tuple(step for plan in plans for step in plan))


def pin(
    journal: Journal, decisions: tuple[Decision, ...], instead_of: Sequence[Decision] = ()
) -> tuple[Decision, ...]:
    """Write decisions down, in place of lost ones."""
    journal.decided(frozen(decisions), [spec.subject for spec, _ in instead_of])
    return decisions


def frozen(decisions: Iterable[Decision]) -> dict[str, dict[str, object]]:
    """Return decisions as a journal holds them."""
    return {spec.subject: {"spec": asdict(spec), "at": asdict(at)} for spec, at in decisions}


def pinned(account: Account) -> tuple[Decision, ...]:
    """Return the VMs that a run has decided to make."""
    return tuple(
        (thaw(VmSpec, each.part("spec")), thaw(Placement, each.part("at")))
        for each in account.pinned().values()
        if each.makes
    )


def _claimed(
    desk: Desk, journal: Journal, maker: Maker, fresh: tuple[Decision, ...], listed: Listing
) -> tuple[dict[str, Outcome], tuple[Decision, ...]]:
    """Claim what was decided, and decide anew what others were faster to claim.

    Meanwhile it is ``listed`` what lies on the storages: that takes half a second itself.
    """
    settled: tuple[Decision, ...] = ()
    outcomes: dict[str, Outcome] = {}
    for left in reversed(range(ROUNDS)):
        beside = _listings(fresh, listed)
        outcomes |= carry(desk, _claims(desk, fresh), journal, beside=beside)
        lost_names = _lost({spec.subject: outcomes[spec.subject] for spec, _ in fresh}, maker)
        lost = [each for each in fresh if each[0].subject in lost_names]
        anew, failed = _anew(desk, journal, maker, lost if left else ())
        if not anew:
            return outcomes | failed, (*settled, *fresh)
        settled += tuple(each for each in fresh if each not in lost)
        for spec, _at in lost:
            del outcomes[spec.subject]
        fresh = anew
    return outcomes, settled


def _lost(outcomes: Mapping[str, Outcome], maker: Maker) -> list[str]:
    """Return for which subjects a race was lost for something that pvekit was free to choose."""
    return [
        name
        for name, outcome in outcomes.items()
        if isinstance(outcome.error, IdTaken) and not maker.insists(outcome.error.what)
    ]


def _anew(
    desk: Desk, journal: Journal, maker: Maker, lost: Sequence[Decision]
) -> tuple[tuple[Decision, ...], dict[str, Outcome]]:
    """Decide lost VMs anew, or return why that cannot be: the others go on without them."""
    if not lost or desk.stop.asked:
        return (), {}
    try:
        return _again(desk, journal, maker, lost), {}
    except PvekitError as error:
        return (), {spec.subject: Outcome(error) for spec, _ in lost}


def _again(
    desk: Desk, journal: Journal, maker: Maker, lost: Sequence[Decision]
) -> tuple[Decision, ...]:
    """Take back what lost VMs had touched and decide them anew."""
    undone = take_back(desk, plan(desk, lost, None, journal), journal)
    for error in (outcome.error for outcome in undone.values()):
        if error is not None:
            raise error
    desk.clock.sleep(desk.policy.jitter() * 0.2)
    return pin(journal, maker.again(journal.run, lost), instead_of=lost)


def _listings(decisions: Iterable[Decision], listed: Listing) -> dict[str, Asking[None]]:
    places = {
        (at.template_node, storage)
        for spec, at in decisions
        for storage in create.storages_of(spec, at)
    }
    return {f"{node} {storage}": listing(listed, node, storage) for node, storage in places}


def _claims(desk: Desk, decisions: Iterable[Decision]) -> Plan:
    owner = desk.owner()
    return Plan(tuple(s for spec, at in decisions for s in create.claims(spec, at, owner)))
