"""``vm wait``: until VMs are ready, run, are off or gone. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pvekit.errors import NotFound, NotReady, Transient
from pvekit.guest.ready import stages
from pvekit.operations.desk import Desk
from pvekit.operations.listing import one, seen
from pvekit.operations.selecting import Selection, find
from pvekit.plan import Asking, Check, Step, Verdict, with_symptoms
from pvekit.pve import goals
from pvekit.run.apply import Outcome, Stage
from pvekit.run.context import Event
from pvekit.run.scheduler import Scheduler
from pvekit.run.wants import Pause
from pvekit.vms.power import Target

For = Literal["ready", "agent", "ssh", "running", "stopped", "deleted"]
LONGEST = 10.0
"""The longest pause between two looks, in seconds."""


@dataclass(frozen=True)
class Awaited:
    """The VMs that were waited for and what became of each; names that mean none any more."""

    targets: tuple[Target, ...]
    outcomes: dict[str, Outcome]
    gone: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0, 4 if only some were waited for in vain, else that of the first."""
        errors = [each.error for each in self.outcomes.values() if each.error]
        if not errors:
            return 0
        return errors[0].exit_status if len(errors) == len(self.outcomes) else 4


def wait(desk: Desk, wanted: Selection, until: For, seconds: float) -> Awaited:
    """Wait until all VMs are as wanted, for so many seconds in all.

    A name may mean a VM that is not ours; a selection never does. What does not exist is deleted.
    """
    targets, gone = _targets(desk, wanted, absent=until == "deleted")
    deadline = desk.clock.now() + seconds
    outcomes = {vm.subject: Outcome() for vm in targets}
    tasks = {
        vm.subject: _await(steps(desk, vm, until, seconds), desk, deadline, outcomes[vm.subject])
        for vm in targets
    }
    for name, error in Scheduler(desk.site, desk.clock, stop=desk.stop).run(tasks).items():
        outcomes[name].error = error
    return Awaited(tuple(targets), outcomes, tuple(gone))


def _targets(desk: Desk, wanted: Selection, *, absent: bool) -> tuple[list[Target], list[str]]:
    inventory = desk.inventory()
    if wanted.terms:
        return find(inventory, wanted), []
    found: dict[Target, None] = {}
    gone = []
    for name in wanted.names:
        try:
            found[seen(inventory, one(inventory, name))] = None
        except NotFound:
            if not absent:
                raise
            gone.append(name)
    return list(found), gone


def steps(desk: Desk, vm: Target, until: For, seconds: float) -> tuple[Step, ...]:
    """Return the steps, none of which changes anything, that a VM has to get past."""
    if until in ("ready", "agent", "ssh"):
        pause = desk.config.readiness.ssh_check_interval_seconds
        listed = stages(vm.subject, vm.wanted, timeout=seconds, interval=pause)
        last = {"ready": "cloud-init"}.get(until, until)
        verbs = [step.verb for step in listed]
        return listed[: verbs.index(last) + 1]
    if until == "deleted":
        return (_step(vm, until, goals.vanished(vm.node, vm.vmid, vm.name)),)
    return (_step(vm, until, goals.running(vm.node, vm.vmid, wanted=until == "running")),)


def _step(vm: Target, verb: str, goal: Check) -> Step:
    return Step(vm.subject, verb, vm.node, goal, late=NotReady, late_id="WAIT-TIMEOUT")


def _await(listed: Sequence[Step], desk: Desk, deadline: float, outcome: Outcome) -> Asking[None]:
    for step in listed:
        began, rest = desk.clock.now(), step.interval
        while not (verdict := (yield from _looked(step))).holds:
            now = desk.clock.now()
            desk.watch(Event(step, "waiting", now - began, verdict.seen))
            if now >= deadline:
                desk.watch(Event(step, "failed", now - began, verdict.seen))
                raise (yield from with_symptoms(step, _late(step, verdict)))
            yield Pause(min(rest, deadline - now))
            rest = min(rest * 1.25, max(LONGEST, step.interval))
        took = desk.clock.now() - began
        desk.watch(Event(step, "held", took, verdict.seen))
        outcome.stages.append(Stage(step.verb, "held", took, verdict.seen))


def _looked(step: Step) -> Asking[Verdict]:
    """Look at a goal; what may pass is no answer yet."""
    try:
        return (yield from step.goal.look())
    except Transient as error:
        return Verdict(holds=False, seen=error.brief.rstrip("."))


def _late(step: Step, verdict: Verdict) -> NotReady:
    seen_now = f" Seen: {verdict.seen}." if verdict.seen else ""
    return NotReady(
        f"{step.subject.partition('/')[2]}: waited in vain until {step.goal.says}.{seen_now}",
        hint="The same command goes on waiting; --timeout gives it longer.",
        id=step.late_id or "WAIT-TIMEOUT",
    )
