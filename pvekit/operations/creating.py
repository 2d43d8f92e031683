"""``vm create``: read, decide, claim, carry out; decide again where a race was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pvekit.errors import IdTaken
from pvekit.journal import Journal
from pvekit.operations import vm_wishes
from pvekit.operations.carrying import Report, carry, finish, held, take_back
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request
from pvekit.placement import Rules
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.vms import create, decide
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision
from pvekit.vms.spec import Placement, VmSpec, freeze, thaw

KIND = "vm create"
ROUNDS = 40
"""How often a lost race for a name, address or vmid is tried again before giving up."""


@dataclass(frozen=True)
class Decided:
    """Machines with their places, and whether and how they are waited for."""

    decisions: tuple[Decision, ...]
    wait: Wait | None
    run: str = ""

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all of them."""
        return _plan(desk, self.decisions, self.wait)


def decided(desk: Desk, request: Request, run: str = "preview") -> Decided:
    """Read the site and decide; changes nothing."""
    return Decided(_decide(desk, request, run), vm_wishes.wait(desk.config, request), run)


def foresee(desk: Desk, request: Request) -> tuple[Decided, Preview]:
    """Return what creating would do; changes nothing."""
    found = decided(desk, request)
    return found, preview(found.plan(desk), desk.site)


def carry_out(desk: Desk, request: Request, journal: Journal) -> tuple[Decided, Report]:
    """Create what is asked for, in a new run or one that is gone on with."""
    with held(journal):
        wait = vm_wishes.wait(desk.config, request)
        outcomes: dict[str, Outcome] = {}
        decisions: dict[str, Decision] = {}
        fresh = _pinned(journal) or _pin(journal, _decide(desk, request, journal.run))
        for _ in range(ROUNDS):
            decisions |= {spec.subject: (spec, at) for spec, at in fresh}
            outcomes |= _round(desk, fresh, journal, wait)
            lost = [decisions[name] for name, each in outcomes.items() if _lost(each, request)]
            if not lost:
                break
            for spec, _at in lost:
                del decisions[spec.subject], outcomes[spec.subject]
            fresh = _again(desk, request, journal, lost)
        ordered = {name: outcomes[name] for name in decisions}
        report = finish(desk, journal, ordered)
        return Decided(tuple(decisions.values()), wait, journal.run), report


def _round(
    desk: Desk, fresh: Sequence[Decision], journal: Journal, wait: Wait | None
) -> dict[str, Outcome]:
    """Claim what was decided, then make those machines whose claims were all won."""
    claimed = carry(desk, _claims(desk, fresh), journal)
    won = [each for each in fresh if claimed[each[0].subject].error is None]
    failed = {name: each for name, each in claimed.items() if each.error is not None}
    return failed | carry(desk, _plan(desk, won, wait), journal)


def _lost(outcome: Outcome, request: Request) -> bool:
    """Whether a race was lost for something that pvekit was free to choose."""
    return isinstance(outcome.error, IdTaken) and not request.name and request.vmid is None


def _again(
    desk: Desk, request: Request, journal: Journal, lost: Sequence[Decision]
) -> tuple[Decision, ...]:
    """Take back what lost machines had touched and decide them anew."""
    take_back(desk, _plan(desk, lost, None), journal)
    for spec, _ in lost:
        journal.dropped(spec.subject)
    desk.clock.sleep(desk.policy.jitter() * 0.2)
    fewer = replace(request, count=len(lost))
    return _pin(journal, _decide(desk, fewer, journal.run))


def _pin(journal: Journal, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    for spec, at in decisions:
        journal.decided(spec.subject, {"spec": freeze(spec), "at": freeze(at)})
    return decisions


def _pinned(journal: Journal) -> tuple[Decision, ...]:
    return tuple(
        (thaw(VmSpec, decision["spec"]), thaw(Placement, decision["at"]))
        for decision in journal.decisions().values()
    )


def resumed(desk: Desk, journal: Journal) -> Plan:
    """Return the plan of the decisions that a run has pinned."""
    return _plan(desk, _pinned(journal), None)


def _plan(desk: Desk, decisions: Iterable[Decision], wait: Wait | None) -> Plan:
    owner = desk.owner()
    plans = [create.create(spec, at, wait, owner) for spec, at in decisions]
    return Plan(tuple(step for plan in plans for step in plan))


def _claims(desk: Desk, decisions: Iterable[Decision]) -> Plan:
    owner = desk.owner()
    return Plan(tuple(s for spec, at in decisions for s in create.claims(spec, at, owner)))


def _decide(desk: Desk, request: Request, run: str) -> tuple[Decision, ...]:
    """Read the site and decide on it."""
    inventory = desk.inventory()
    placement = desk.config.placement
    rules = Rules(placement.memory_ratio, placement.memory_reserve_mb)
    return decide.decide(vm_wishes.wishes(desk.config, inventory, request), inventory, rules, run)


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
        "state": "failed" if outcome.error else "ready" if "ssh" in seen else "started",
        "error": outcome.error.brief if outcome.error else None,
        "seconds": round(sum(stage.seconds for stage in outcome.stages), 1),
        "stages": {stage.verb: round(stage.seconds, 3) for stage in outcome.stages},
    }
