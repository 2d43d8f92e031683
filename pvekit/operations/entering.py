"""Finding a guest's SSH server, with its pinned host key."""

from __future__ import annotations

from pvekit.errors import PvekitError, Transient
from pvekit.guest.sight import Sight, Wanted
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.listing import one
from pvekit.plan import Guest
from pvekit.run.gather import answered


def locate(desk: Desk, wanted: str, user: str = "", *, accept_new: bool = False) -> Guest:
    """Return where a VM's SSH server is; raises why it cannot be found out."""
    inventory = desk.inventory()
    vm = one(inventory, wanted)
    meant = _wanted(inventory, vm, user, accept_new=accept_new)
    try:
        return answered(desk.site, Sight(meant).located())
    except Transient as error:
        raise _not_yet(vm, meant.node, error) from error


def _wanted(inventory: Inventory, vm: Vm, user: str, *, accept_new: bool) -> Wanted:
    """Return what the guest is found by; raises why it cannot be reached at all."""
    node, mac = inventory.node_of(vm), vm.macs.get("net0")
    if vm.running is False:
        hint = f"Start it: pvekit vm start {vm.name}"
        raise PvekitError(f"VM {vm.vmid} ({vm.name}) is stopped.", hint=hint, id="VM-STOPPED")
    if node is None or not node.configured or mac is None:
        raise PvekitError(
            f"VM {vm.vmid} has no net0, or its node is not configured.", id="VM-NOT-REACHABLE"
        )
    name = user or vm.config.values.get("ciuser") or "root"
    return Wanted(node.alias, vm.vmid, mac, name, accept_new=accept_new, run=vm.own.run)


def _not_yet(vm: Vm, node: str, error: Transient) -> Transient:
    return Transient(
        f"VM {vm.vmid} ({vm.name} on {node}): {error.brief.rstrip('.')}.",
        details=error.details,
        hint=error.hint
        or f"`pvekit vm wait {vm.name} --for ssh` waits; `pvekit vm console-log {vm.name}` "
        "says what it does.",
        id=error.id,
    )
