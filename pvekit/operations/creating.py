"""``vm create``: read, decide, claim, carry out; decide again where a race was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from pvekit.errors import IdTaken, PvekitError
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import part, thaw
from pvekit.operations import passwords, placement_rules, vm_wishes
from pvekit.operations.carrying import Report, carry, finish, held, take_back
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request, data
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.run.context import Event
from pvekit.vms import create, decide
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.spec import Placement, VmSpec

KIND = "vm create"
ROUNDS = 40
"""How often a lost race for a name, address or vmid is tried again before giving up."""


@dataclass(frozen=True)
class Decided:
    """Machines with their places, and whether and how they are waited for.

    ``touched`` are the steps that an unfinished run has begun.
    """

    decisions: tuple[Decision, ...]
    wait: Wait | None
    run: str = ""
    touched: frozenset[str] = frozenset()

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all of them."""
        return _steps(desk, self.decisions, self.wait, self.touched)


def decided(desk: Desk, request: Request) -> Decided:
    """Read the site and decide; changes nothing."""
    return Decided(_decide(desk, request, "preview"), vm_wishes.wait(desk.config, request))


def unfinished(desk: Desk, request: Request) -> Journal | None:
    """Return the unfinished run of an identical request, if there is one."""
    return desk.store.unfinished(KIND, data(request, desk.config))


def begin(desk: Desk, request: Request) -> Journal:
    """Start a run; the configured password must be there."""
    passwords.check(desk)
    return desk.begin(KIND, data(request, desk.config))


def foresee(desk: Desk, request: Request, journal: Journal | None) -> tuple[Decided, Preview]:
    """Return what creating would do, or going on with an unfinished run; changes nothing."""
    if journal is None:
        found = decided(desk, request)
    else:
        with closing(journal):
            found = pinned(desk, journal)
    return found, preview(found.plan(desk), desk.site)


def carry_out(desk: Desk, request: Request, journal: Journal) -> tuple[Decided, Report]:
    """Create what is asked for, in a new run or one that is gone on with.

    Claims are settled first, in as many rounds as it takes; a vmid that a stranger took between
    its claim and the clone brings that one machine back to the start.
    """
    with held(desk, journal):
        passwords.check(desk)
        wait = vm_wishes.wait(desk.config, request)
        fresh = _pinned(journal) or _pin(journal, _decide(desk, request, journal.run))
        decisions: dict[str, Decision] = {}
        outcomes: dict[str, Outcome] = {}
        for left in reversed(range(ROUNDS)):
            claimed, fresh = _claimed(desk, request, journal, fresh)
            won = [each for each in fresh if claimed[each[0].subject].error is None]
            plan = _plan(desk, won, wait, journal)
            outcomes |= claimed | carry(_forgetting(desk, won), plan, journal, last=True)
            decisions |= {spec.subject: (spec, at) for spec, at in fresh}
            lost = [decisions[name] for name in _lost(outcomes, request) if name in decisions]
            fresh, failed = _anew(desk, request, journal, lost if left else ())
            outcomes |= failed
            if not fresh:
                break
            for spec, _at in lost:
                del decisions[spec.subject]
        ordered = {name: outcomes[name] for name in decisions}
        report = finish(
            desk,
            journal,
            ordered,
            lambda names: _plan(desk, [decisions[name] for name in names], None, journal),
        )
        return Decided(tuple(decisions.values()), wait, journal.run), report


def _forgetting(desk: Desk, decisions: Sequence[Decision]) -> Desk:
    """Return the desk at which a VM's pinned host key is forgotten as soon as it is cloned anew."""
    places = {spec.subject: at for spec, at in decisions}

    def watch(event: Event) -> None:
        if (event.step.verb, event.state) == ("clone", "done"):
            at = places[event.step.subject]
            desk.forget_guest(at.vmid, at.run)
        desk.watch(event)

    return replace(desk, watch=watch)


def _claimed(
    desk: Desk, request: Request, journal: Journal, fresh: tuple[Decision, ...]
) -> tuple[dict[str, Outcome], tuple[Decision, ...]]:
    """Claim what was decided, and decide anew what others were faster to claim."""
    settled: tuple[Decision, ...] = ()
    outcomes: dict[str, Outcome] = {}
    for left in reversed(range(ROUNDS)):
        outcomes |= carry(desk, _claims(desk, fresh), journal)
        lost_names = _lost({spec.subject: outcomes[spec.subject] for spec, _ in fresh}, request)
        lost = [each for each in fresh if each[0].subject in lost_names]
        anew, failed = _anew(desk, request, journal, lost if left else ())
        if not anew:
            return outcomes | failed, (*settled, *fresh)
        settled += tuple(each for each in fresh if each not in lost)
        for spec, _at in lost:
            del outcomes[spec.subject]
        fresh = anew
    return outcomes, settled


def _lost(outcomes: Mapping[str, Outcome], request: Request) -> list[str]:
    """Return for which subjects a race was lost for something that pvekit was free to choose."""
    asked_for = {
        "name": bool(request.name),
        "vmid": request.vmid is not None,
        "ip": request.network == "static" and request.count == 1,
    }
    return [
        name
        for name, outcome in outcomes.items()
        if isinstance(outcome.error, IdTaken) and not asked_for.get(outcome.error.what, False)
    ]


def _anew(
    desk: Desk, request: Request, journal: Journal, lost: Sequence[Decision]
) -> tuple[tuple[Decision, ...], dict[str, Outcome]]:
    """Decide lost machines anew, or return why that cannot be: the others go on without them."""
    if not lost or desk.stop.asked:
        return (), {}
    try:
        return _again(desk, request, journal, lost), {}
    except PvekitError as error:
        return (), {spec.subject: Outcome(error) for spec, _ in lost}


def _again(
    desk: Desk, request: Request, journal: Journal, lost: Sequence[Decision]
) -> tuple[Decision, ...]:
    """Take back what lost machines had touched and decide them anew."""
    undone = take_back(desk, _plan(desk, lost, None, journal), journal)
    for error in (outcome.error for outcome in undone.values()):
        if error is not None:
            raise error
    desk.clock.sleep(desk.policy.jitter() * 0.2)
    # A vmid under which a stranger's disk lies looks free in the inventory.
    avoid = frozenset(at.vmid for _, at in lost)
    anew = _decide(desk, request, journal.run, len(lost), avoid)
    return _pin(journal, anew, instead_of=lost)


def _pin(
    journal: Journal, decisions: tuple[Decision, ...], instead_of: Sequence[Decision] = ()
) -> tuple[Decision, ...]:
    pinned = {spec.subject: {"spec": asdict(spec), "at": asdict(at)} for spec, at in decisions}
    journal.decided(pinned, [spec.subject for spec, _ in instead_of])
    return decisions


def _pinned(account: Account) -> tuple[Decision, ...]:
    return tuple(
        (thaw(VmSpec, part(decision, "spec")), thaw(Placement, part(decision, "at")))
        for decision in account.decisions().values()
    )


def asked_for(account: Account) -> Request:
    """Return the request that a run was begun with."""
    return thaw(Request, part(part(account.request, "request"), "asked"))


def pinned(desk: Desk, account: Account) -> Decided:
    """Return what a run has decided and begun, and whether it is waited for."""
    wait = vm_wishes.wait(desk.config, asked_for(account))
    return Decided(_pinned(account), wait, account.run, account.touched())


def resumed(desk: Desk, account: Account) -> Plan:
    """Return the plan of the decisions that a run has pinned, up to the start."""
    return _plan(desk, _pinned(account), None, account)


def _plan(desk: Desk, decisions: Iterable[Decision], wait: Wait | None, account: Account) -> Plan:
    return _steps(desk, decisions, wait, account.touched())


def _steps(
    desk: Desk, decisions: Iterable[Decision], wait: Wait | None, touched: frozenset[str]
) -> Plan:
    owner, password = desk.owner(), passwords.hashing(desk)
    plans = [
        create.create(
            spec, at, wait, owner, begun=f"{spec.subject}/clone" in touched, password=password
        )
        for spec, at in decisions
    ]
    return Plan(tuple(step for plan in plans for step in plan))


def _claims(desk: Desk, decisions: Iterable[Decision]) -> Plan:
    owner = desk.owner()
    return Plan(tuple(s for spec, at in decisions for s in create.claims(spec, at, owner)))


def _decide(
    desk: Desk,
    request: Request,
    run: str,
    count: int = 0,
    avoid: frozenset[int] = frozenset(),
) -> tuple[Decision, ...]:
    """Read the site and decide on it: on so many of the asked-for machines, if not on all."""
    inventory = desk.inventory()
    rules = placement_rules.rules(desk.config, request.policy)
    wishes = vm_wishes.wishes(desk.config, inventory, request)
    wishes = replace(wishes, count=count or wishes.count, avoid=wishes.avoid | avoid)
    at = decide.placed(wishes, inventory, rules)
    for warning in at.found.warnings:
        desk.warn(warning)
    return decide.machines(wishes, inventory, at, run)


def result(spec: VmSpec, at: Placement, report: Report) -> dict[str, Any]:
    """Return what became of one machine, as data: seconds in all and per stage, and why."""
    outcome = report.outcomes[spec.subject]
    seen = {stage.verb: stage.seen for stage in outcome.stages}
    return {
        "name": spec.name,
        "vmid": at.vmid,
        "node": at.node,
        "address": spec.address or seen.get("address", ""),
        "size": f"{spec.cpus}/{spec.memory_mb}/{spec.disk_gb}",
        "cpus": spec.cpus,
        "memory_mb": spec.memory_mb,
        "disk_gb": spec.disk_gb,
        "because": spec.because,
        "role": spec.role,
        "placement": list(at.reasons),
        "state": _state(outcome),
        "error": outcome.error.brief if outcome.error else None,
        "error_id": outcome.error.id if outcome.error else None,
        "taken_back": None if outcome.undone is None else [each.verb for each in outcome.undone],
        "seconds": outcome.seconds,
        "stages": {stage.verb: round(stage.seconds, 3) for stage in outcome.stages},
    }


def _state(outcome: Outcome) -> str:
    if outcome.state != "done":
        return outcome.state
    return "ready" if any(stage.verb == "ssh" for stage in outcome.stages) else "started"
