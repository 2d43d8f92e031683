"""High availability: which VMs it looks after, and letting it let go of one."""

from __future__ import annotations

from pvekit.plan import Ask, Change, Check, Guard, Verdict, check
from pvekit.pve import ending
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Command, Query


def managed(node: str) -> Ask[frozenset[int]]:
    """Ask for the vmids that high availability looks after in a node's PVE cluster."""
    return Ask(node, Query(script("ha"), _read))


def _read(out: str) -> frozenset[int]:
    words = (line.split() for line in ending.lines(out))
    found = (whole(each[1]) for each in words if len(each) > 1 and each[0] == "ha")
    return frozenset(vmid for vmid in found if vmid is not None)


def alone(node: str, vmid: int) -> Check:
    """Check that high availability does not look after a VM."""
    says = f"VM {vmid} is no HA resource"
    return check(says, managed(node), lambda found: Verdict(vmid not in found))


def remove(vm: Guard) -> Change:
    """Take our VM out of high availability, which would start it again and again."""
    return Change(Command(("ha-manager", "remove", f"vm:{vm.vmid}"), timeout=120.0), guard=vm)
