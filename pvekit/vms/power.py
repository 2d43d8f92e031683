"""Plans that start and stop one of our VMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvekit.guest.sight import Wanted
from pvekit.plan import Check, Guard, Plan, Step, either
from pvekit.pve import goals, qm

Verb = Literal["start", "stop"]

HEED = 60.0
"""Seconds that high availability may take to heed a wish: ``qm`` only hands it on, and returns."""


@dataclass(frozen=True)
class Target:
    """One of our VMs: the alias of its node, its vmid and name, and the run that made it.

    ``mac``, ``user`` and ``address`` are how its guest is found, ``label`` what it is called where
    its name alone could mean another one, too.
    """

    node: str
    vmid: int
    name: str
    run: str = ""
    mac: str = ""
    user: str = ""
    address: str = ""
    label: str = ""

    @property
    def subject(self) -> str:
        """What the plan's steps call this VM."""
        return f"vm/{self.label or self.name}"

    @property
    def told(self) -> str:
        """Which VM it is, in words for a question."""
        return f"VM {self.vmid} ({self.name} on {self.node})"

    @property
    def wanted(self) -> Wanted:
        """How to find its guest."""
        user = self.user or "root"
        return Wanted(self.node, self.vmid, self.mac, user, self.address, run=self.run)

    @property
    def guard(self) -> Guard:
        """What must be true of it whenever it is changed."""
        return Guard("vm", self.vmid, self.name, self.run)


def plan(verb: Verb, vm: Target, seconds: int, *, force: bool = False) -> Plan:
    """Return the plan of a verb."""
    return start(vm) if verb == "start" else stop(vm, seconds=seconds, force=force)


def start(vm: Target) -> Plan:
    """Return the plan that starts a VM."""
    goal = goals.running(vm.node, vm.vmid)
    return Plan((Step(vm.subject, "start", vm.node, goal, (qm.start(vm.guard),), patience=HEED),))


def stop(vm: Target, *, seconds: int = 120, force: bool = False) -> Plan:
    """Return the plan that stops a VM: gracefully within seconds, or by cutting its power."""
    goal = goals.running(vm.node, vm.vmid, wanted=False)
    change = qm.stop(vm.guard) if force else qm.shutdown(vm.guard, seconds)
    patience = (0 if force else seconds) + HEED
    return Plan((Step(vm.subject, "stop", vm.node, goal, (change,), patience=patience),))


def restart(
    vm: Target,
    unless: Check,
    *,
    again: Check | None = None,
    seconds: int = 120,
    force: bool = False,
) -> tuple[Step, Step]:
    """Return the steps that shut a VM down, unless what that is for holds, and start it ``again``.

    Two steps, and not ``qm reboot``: that ends before the node's event daemon has started the VM,
    and nobody hears of it if that fails. ``force`` cuts the power of a guest that does not heed.
    """
    off = either(unless, goals.running(vm.node, vm.vmid, wanted=False))
    shutdown = qm.shutdown(vm.guard, seconds, force=force)
    goal = again or goals.running(vm.node, vm.vmid)
    patience = seconds + HEED
    return (
        Step(vm.subject, "stop", vm.node, off, (shutdown,), patience=patience),
        Step(vm.subject, "start", vm.node, goal, (qm.start(vm.guard),), patience=HEED),
    )
