"""VMs that nobody is at work on."""

from __future__ import annotations

from pvekit.errors import Transient
from pvekit.inventory.model import Vm


def check_unlocked(vm: Vm) -> None:
    """Raise :class:`Transient` for a VM that somebody is at work on."""
    if vm.lock:
        raise Transient(
            f"VM {vm.vmid} ({vm.name}) on {vm.node} is locked ({vm.lock}): somebody is at work on "
            "it.",
            hint="Wait for its end; `qm unlock` only if nothing runs any more.",
            id="VM-LOCKED",
        )
