"""Plans that start and stop one of our VMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvekit.plan import Guard, Plan, Step
from pvekit.pve import qm, state

Verb = Literal["start", "stop"]


@dataclass(frozen=True)
class Target:
    """One of our VMs: the alias of its node, its vmid and name, and the run that made it."""

    node: str
    vmid: int
    name: str
    run: str = ""

    @property
    def subject(self) -> str:
        """What the plan's steps call this VM."""
        return f"vm/{self.name}"

    @property
    def guard(self) -> Guard:
        """What must be true of it whenever it is changed."""
        return Guard("vm", self.vmid, self.name)


def plan(verb: Verb, vm: Target, seconds: int, *, force: bool = False) -> Plan:
    """Return the plan of a verb."""
    return start(vm) if verb == "start" else stop(vm, seconds=seconds, force=force)


def start(vm: Target) -> Plan:
    """Return the plan that starts a VM."""
    goal = state.running(vm.node, vm.vmid)
    return Plan((Step(vm.subject, "start", vm.node, goal, (qm.start(vm.guard),), patience=60.0),))


def stop(vm: Target, *, seconds: int = 120, force: bool = False) -> Plan:
    """Return the plan that stops a VM: gracefully within seconds, or by cutting its power."""
    goal = state.running(vm.node, vm.vmid, wanted=False)
    change = qm.stop(vm.guard) if force else qm.shutdown(vm.guard, seconds)
    return Plan((Step(vm.subject, "stop", vm.node, goal, (change,), patience=30.0),))
