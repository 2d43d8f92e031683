"""``vm reboot``: shut down and started again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvekit.errors import Conflict
from pvekit.guest.ready import stages
from pvekit.inventory.unlocked import check_unlocked
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.orders import AnyOrder, Work
from pvekit.plan import Plan
from pvekit.pve import goals, state
from pvekit.run.gather import told
from pvekit.vms import power
from pvekit.vms.power import Target

WAY_ON = "It was started again. The same command goes on waiting for it."


@dataclass(frozen=True)
class Rebooting:
    """The process in which a VM ran before."""

    process: str


@dataclass(frozen=True)
class Reboot(AnyOrder[Rebooting]):
    """``seconds`` is a guest's time to shut down; with ``force`` its power is cut after that.

    ``ready`` is its time to get ready again in seconds (0: as configured).
    """

    seconds: int = 120
    force: bool = False
    wait: bool = True
    ready: float = 0.0

    aim = Rebooting
    verb = "reboot"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Rebooting]]:
        """Note in which process each VM runs; raises :class:`Conflict` for one that does not."""
        inventory = desk.inventory()
        for vm in found:
            check_unlocked(vm_of(inventory, vm))
        asked = {vm.subject: state.asked(vm.node, vm.vmid) for vm in found}
        states = told(desk.site, asked)
        works = [Work(vm, Rebooting(states[vm.subject].processes.get(vm.vmid, ""))) for vm in found]
        stopped = [work.vm for work in works if not work.aim.process]
        if stopped:
            raise Conflict(
                f"Not running: {', '.join(vm.told for vm in stopped)}.",
                hint="`pvekit vm start` starts them. Nothing was sent.",
                id="VM-STOPPED",
            )
        return works

    def plan(self, desk: Desk, work: Work[Rebooting]) -> Plan:
        """Return the plan for one VM."""
        vm = work.vm
        again = goals.restarted(vm.node, vm.vmid, work.aim.process)
        steps = power.restart(vm, again, again=again, seconds=self.seconds, force=self.force)
        if not self.wait:
            return Plan(steps)
        readiness = desk.config.readiness
        timeout = self.ready or readiness.timeout_seconds
        pause = readiness.ssh_check_interval_seconds
        waits = stages(vm.subject, vm.wanted, timeout=timeout, interval=pause, hint=WAY_ON)
        return Plan((*steps, *waits))
