"""The plan that deletes one of our VMs: out of HA, off, destroyed, its disks seen to be gone.

Its vmid is claimed meanwhile. So what is left of it if the run breaks off is known to be ours, and
nobody takes the vmid before the last disk is gone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.inventory.model import Vm
from pvekit.plan import Guard, Plan, Step
from pvekit.pve import claiming, goals, ha, qm, stored
from pvekit.pve.claims import Claim
from pvekit.vms.create import Owner


@dataclass(frozen=True)
class Doomed:
    """One of our VMs that is to go: the alias of its node, its own disks, whether HA has it.

    ``run`` is the one that deletes it, ``maker`` the one that made it.
    ``seconds`` is how long its guest may take to shut down before its power is cut. ``label`` is
    what it is called where its name alone could mean another one, too. ``uuid`` is what tells it
    from a VM that somebody else makes under its vmid.
    """

    run: str
    node: str
    vmid: int
    name: str
    volumes: tuple[str, ...] = ()
    ha: bool = False
    seconds: int = 60
    maker: str = ""
    label: str = ""
    uuid: str = ""

    @property
    def subject(self) -> str:
        """What the plan's steps and the journal call this VM."""
        return f"vm/{self.label or self.name}"


def own_volumes(vm: Vm) -> tuple[str, ...]:
    """Return the volumes in a VM's config that are its own, and not lent by another vmid."""
    own = re.compile(rf"(?:^|/){vm.vmid}/|(?:^|/)(?:vm|base)-{vm.vmid}-")
    found = (volume.volid for volume in vm.volumes.values() if volume.storage)
    return tuple(sorted({volid for volid in found if own.search(volid.partition(":")[2])}))


def delete(vm: Doomed, owner: Owner | None = None) -> Plan:
    """Return the plan; whatever is gone already is passed over."""
    ours = Guard("vm", vm.vmid, vm.name, vm.maker)
    claim = _claim(vm, owner or Owner())
    removed = goals.removed(vm.node, vm.vmid, vm.name, vm.run, vm.uuid)
    stopped = goals.running(vm.node, vm.vmid, wanted=False)
    steps = [claiming.take(vm.subject, vm.node, claim, unless=removed)]
    if vm.ha:
        alone = ha.alone(vm.node, vm.vmid)
        steps.append(Step(vm.subject, "leave-ha", vm.node, alone, (ha.remove(ours),)))
    shutdown = qm.shutdown(ours, vm.seconds, force=True)
    steps.append(Step(vm.subject, "stop", vm.node, stopped, (shutdown,), patience=30.0))
    destroy = qm.destroy(Guard("deleting", vm.vmid, vm.name, vm.run, maker=vm.maker))
    lasting = "the VM and its disks do not come back"
    steps.append(Step(vm.subject, "destroy", vm.node, removed, (destroy,), lasting=lasting))
    if vm.volumes:
        steps.append(_disks(vm))
    files = claiming.names(claim)
    steps.append(claiming.give_up(vm.subject, vm.node, vm.run, files))
    return Plan(tuple(steps))


def _disks(vm: Doomed) -> Step:
    """See that no disk is left, and free what is: a destruction goes on past one that it cannot."""
    gone = stored.absent(vm.node, vm.vmid, vm.volumes)
    shown = f"free what should be left of {', '.join(vm.volumes)}"
    change = stored.free(vm.run, vm.vmid, vm.volumes, shown=shown)
    return Step(vm.subject, "disks", vm.node, gone, (change,))


def _claim(vm: Doomed, owner: Owner) -> Claim:
    return Claim(
        domain="",
        what="vmid",
        value=str(vm.vmid),
        run=vm.run,
        vmid=vm.vmid,
        name=vm.name,
        host=owner.host,
        pid=owner.pid,
        time=owner.time,
    )
