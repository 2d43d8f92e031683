"""``vm create``: read, decide, claim, carry out; decide again where a race was lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from pvekit.errors import IdTaken
from pvekit.journal import Account, Journal
from pvekit.journal.frozen import thaw
from pvekit.operations import passwords, placement_rules, settling, size_links, vm_wishes
from pvekit.operations.carrying import Report, finish, held
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request, data
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.vms import decide
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.spec import Placement, VmSpec

KIND = "vm create"


@dataclass(frozen=True)
class Decided:
    """VMs with their places, and whether and how they are waited for.

    ``touched`` are the steps that an unfinished run has begun.
    """

    decisions: tuple[Decision, ...]
    wait: Wait | None
    run: str = ""
    touched: frozenset[str] = frozenset()

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all of them."""
        return settling.steps(desk, self.decisions, self.wait, self.touched)


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
        return found, preview(found.plan(desk), desk.site)
    with closing(journal):
        found = pinned(desk, journal)
    try:
        return found, preview(found.plan(desk), desk.site)
    except IdTaken:
        found = _without_lost(desk, request, found)
        return found, preview(found.plan(desk), desk.site)


def _without_lost(desk: Desk, request: Request, found: Decided) -> Decided:
    """Decide those VMs anew, as going on would, whose vmid a stranger has taken since."""
    maker = _Maker(desk, request)
    lost = []
    for decision in found.decisions:
        try:
            preview(replace(found, decisions=(decision,)).plan(desk), desk.site)
        except IdTaken as error:
            if maker.insists(error.what):
                raise
            lost.append(decision)
    if not lost:
        return found
    gone = tuple(f"{spec.subject}/" for spec, _ in lost)
    kept = tuple(each for each in found.decisions if each not in lost)
    return replace(
        found,
        decisions=(*kept, *maker.again(found.run, lost)),
        touched=frozenset(key for key in found.touched if not key.startswith(gone)),
    )


def carry_out(desk: Desk, request: Request, journal: Journal) -> tuple[Decided, Report]:
    """Create what is asked for, in a new run or one that is gone on with.

    Claims are settled first, in as many rounds as it takes; a vmid that a stranger took between
    its claim and the clone brings that one VM back to the start.
    """
    with held(desk, journal):
        passwords.check(desk)
        maker = _Maker(desk, request)
        fresh = settling.pinned(journal) or settling.pin(journal, maker.decide(journal.run))
        decisions, outcomes = settling.settle(desk, journal, maker, fresh)
        report = finish(
            desk,
            journal,
            outcomes,
            lambda names: settling.plan(desk, [decisions[name] for name in names], None, journal),
        )
        return Decided(tuple(decisions.values()), maker.wait, journal.run), report


@dataclass(frozen=True)
class _Maker:
    """Decides what a request asks for."""

    desk: Desk
    request: Request

    @property
    def wait(self) -> Wait | None:
        """How the VMs are waited for."""
        return vm_wishes.wait(self.desk.config, self.request)

    def decide(self, run: str) -> tuple[Decision, ...]:
        """Decide all VMs."""
        return _decide(self.desk, self.request, run)

    def again(self, run: str, lost: Sequence[Decision]) -> tuple[Decision, ...]:
        """Decide as many again as were lost."""
        return _decide(self.desk, self.request, run, lost)

    def insists(self, what: str) -> bool:
        """Whether a name, vmid or address was asked for, and no other will do."""
        asked_for = {
            "name": bool(self.request.name),
            "vmid": self.request.vmid is not None,
            "ip": self.request.network == "static" and self.request.count == 1,
        }
        return asked_for.get(what, False)


def asked_for(account: Account) -> Request:
    """Return the request that a run was begun with."""
    return thaw(Request, {**account.asked, **account.manner})


def pinned(desk: Desk, account: Account) -> Decided:
    """Return what a run has decided and begun, and whether it is waited for."""
    wait = vm_wishes.wait(desk.config, asked_for(account))
    return Decided(settling.pinned(account), wait, account.run, account.touched())


def resumed(desk: Desk, account: Account) -> Plan:
    """Return the plan of the decisions that a run has pinned, up to the start."""
    return settling.plan(desk, settling.pinned(account), None, account)


def _decide(
    desk: Desk,
    request: Request,
    run: str,
    lost: Sequence[Decision] = (),
) -> tuple[Decision, ...]:
    """Read the site and decide on it: on as many VMs as were lost, if not on all."""
    inventory = desk.inventory()
    # A vmid under which a stranger's disk lies looks free in the inventory.
    avoid = frozenset(at.vmid for _, at in lost)
    # What the run still claims for a lost VM, it gives up before it decides.
    theirs = (each for each in inventory.claims if each.run != run or each.vmid not in avoid)
    inventory = replace(inventory, claims=tuple(theirs))
    rules = placement_rules.rules(desk.config, request.policy)
    links = size_links.links(desk, inventory)
    wishes = vm_wishes.wishes(desk.config, inventory, request, links)
    wishes = replace(wishes, count=len(lost) or wishes.count, avoid=wishes.avoid | avoid)
    at = decide.placed(wishes, inventory, rules)
    for warning in at.found.warnings:
        desk.warn(warning)
    return decide.decisions(wishes, inventory, at, run)


def result(spec: VmSpec, at: Placement, report: Report) -> dict[str, Any]:
    """Return what became of one VM, as data: seconds in all and per stage, and why."""
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
        "source": spec.source,
        "evidence": list(spec.evidence),
        "confidence": spec.confidence,
        "workload": spec.workload,
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
