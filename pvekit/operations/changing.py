"""Starting, stopping and deleting our VMs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pvekit.operations.carrying import Report, carry, finish, held
from pvekit.operations.desk import Desk
from pvekit.operations.listing import target
from pvekit.plan import Plan
from pvekit.vms.power import Target

Planner = Callable[[Target], Plan]


def plan_for(desk: Desk, wanted: Sequence[str], planner: Planner) -> tuple[list[Target], Plan]:
    """Find VMs that are ours and return them with the plan for all; a stranger's ends it here.

    A VM that is named twice, by its name and by its vmid say, is meant once.
    """
    inventory = desk.inventory()
    targets = list(dict.fromkeys(target(inventory, name) for name in wanted))
    return targets, Plan(tuple(step for each in targets for step in planner(each)))


def carry_out(desk: Desk, verb: str, targets: Sequence[Target], plan: Plan) -> Report:
    """Carry a plan out as a run of its own."""
    journal = desk.begin(f"vm {verb}", {"vms": [vm.vmid for vm in targets]})
    with held(journal):
        report = finish(desk, journal, carry(desk, plan, journal))
        if report.status:
            journal.finished(report.status)  # there is nothing to go on with: its goals say it all
        return replace(report, open=False)
