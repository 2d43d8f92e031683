"""Making one of our VMs what is wanted: size, settings, description, power. The plan is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.plan import Plan, Step
from pvekit.pve import goals, qm
from pvekit.vms import power, resize
from pvekit.vms.create import Wait
from pvekit.vms.power import Target
from pvekit.vms.resize import Resizing


@dataclass(frozen=True)
class Alteration(Resizing):
    """What one VM gets beside its size; ``keys`` and ``values`` are further settings.

    An empty ``description`` leaves the one that is there; ``start`` is for a VM that is off.
    """

    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    description: str = ""
    start: bool = False

    @property
    def settings(self) -> Mapping[str, str | int | None]:
        """The options that it sets; None is one that goes."""
        return {**super().settings, **dict(zip(self.keys, self.values, strict=True))}


def plan(vm: Target, aim: Alteration, seconds: int, wait: Wait | None) -> Plan:
    """Return the plan: the description, then what a resize does, then the start if it is off."""
    steps = list(_description(vm, aim))
    steps += resize.plan(vm, aim, seconds, wait)
    if aim.start:
        steps += power.start(vm)
    return Plan(tuple(steps))


def _description(vm: Target, aim: Alteration) -> tuple[Step, ...]:
    if not aim.description:
        return ()
    goal = goals.configured(vm.node, vm.vmid, {"description": aim.description})
    change = qm.describe(vm.guard, aim.description)
    return (Step(vm.subject, "describe", vm.node, goal, (change,)),)
