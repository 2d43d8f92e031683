"""Looking at VMs: all of the site, or one by its name or vmid."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pvekit.config.nearest import did_you_mean
from pvekit.errors import Conflict, NotFound
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unread import check_seen, unread_at
from pvekit.masking import HIDDEN

if TYPE_CHECKING:
    from pvekit.vms.power import Target


@dataclass(frozen=True)
class Row:
    """A VM as it is listed: memory in MiB, disk in GiB."""

    name: str
    vmid: int
    node: str
    status: str
    cpus: int
    memory_mb: int
    disk_gb: int
    role: str
    tags: str
    ours: bool


def rows(inventory: Inventory, *, role: str = "", every: bool = False) -> list[Row]:
    """Return our VMs, or with ``every`` all VMs of the site; templates are not among them."""
    found = [vm for vm in inventory.vms if vm.kind == "qemu" and not vm.is_template]
    listed = [row(vm, inventory) for vm in found if every or vm.ours]
    return sorted((r for r in listed if not role or r.role == role), key=lambda r: (r.node, r.vmid))


def row(vm: Vm, inventory: Inventory) -> Row:
    """Return one VM as it is listed."""
    disks = (volume.size_gb for volume in vm.volumes.values() if volume.media != "cdrom")
    return Row(
        name=vm.name,
        vmid=vm.vmid,
        node=inventory.alias_of(vm),
        status=_status(vm),
        cpus=vm.cpus,
        memory_mb=vm.memory_mb,
        disk_gb=sum(disks),
        role=vm.own.role,
        tags=";".join(vm.tags),
        ours=vm.ours,
    )


def one(inventory: Inventory, wanted: str) -> Vm:
    """Return the VM of this name or vmid, or ``NODE/NAME`` or ``NODE/VMID``.

    Raises :class:`NotFound`, :class:`Transient` where it may be on a node that does not answer, or
    :class:`Conflict` with all candidates where there are several.
    """
    place, _, word = wanted.rpartition("/")
    named = [vm for vm in inventory.find(word) if vm.kind == "qemu"]
    found = [vm for vm in named if not place or place in (vm.node, inventory.alias_of(vm))]
    if len(found) == 1:
        return found[0]
    if not found:
        on = f" on {place}" if place else ""
        check_seen(inventory, f"a VM {word!r}{on}", unread_at(inventory, place))
        elsewhere = [f"{vm.name}: VM {vm.vmid} on {inventory.alias_of(vm)}" for vm in named]
        details = f"Elsewhere there is {'; '.join(elsewhere)}." if elsewhere else ""
        raise NotFound(
            f"There is no VM {word!r}{on}.",
            details=details,
            hint=_meant(word, inventory) or "See `pvekit vm list --all`.",
            id="VM-NOT-FOUND",
        )
    ways = {f"{inventory.alias_of(vm)}/{vm.vmid}": vm for vm in found}
    raise Conflict(
        f"{wanted!r} is the name or vmid of several VMs.",
        details="\n".join(
            f"{way}: {vm.name or 'without a name'}{'' if vm.ours else ', not ours'}"
            for way, vm in ways.items()
        ),
        hint=f"Say which by its node and vmid, such as {next(iter(ways))}.",
        id="VM-AMBIGUOUS",
    )


def _meant(word: str, inventory: Inventory) -> str:
    """Say what may have been meant by a word that names no VM; empty if nothing is like it."""
    if "*" in word or "?" in word:
        return f"A pattern selects: -l 'name={word}'."
    hint = did_you_mean(word, [vm.name for vm in inventory.vms if vm.name and not vm.is_template])
    return hint[:1].upper() + hint[1:]


def target(inventory: Inventory, wanted: str) -> Target:
    """Return one of our VMs as the target of a change; a stranger's is refused with the reason."""
    from pvekit.pve.stored import CSI_VMID

    vm = one(inventory, wanted)
    node = inventory.node_of(vm)
    if node is None or not node.configured:
        raise Conflict(
            f"VM {vm.vmid} is on {vm.node}, which the configuration does not name.",
            id="NODE-NOT-CONFIGURED",
        )
    if vm.vmid == CSI_VMID:
        raise Conflict(
            f"VM {vm.vmid} has the vmid under which the volumes of Kubernetes are booked.",
            hint="pvekit never changes it: with it, all of them could go.",
            id="VMID-RESERVED",
        )
    if vm.is_template or not vm.ours:
        raise Conflict(
            f"VM {vm.vmid} ({vm.name}) on {node.alias} is not ours: {missing(vm)}.",
            hint="pvekit only ever changes what it made itself.",
            id="VM-NOT-OURS",
        )
    return seen(inventory, vm)


def seen(inventory: Inventory, vm: Vm) -> Target:
    """Return a VM, whosever it is, as a target to look at."""
    from pvekit.vms.power import Target

    return Target(
        inventory.alias_of(vm),
        vm.vmid,
        vm.name,
        vm.own.run,
        mac=vm.macs.get("net0", ""),
        user=vm.config.values.get("ciuser", ""),
        address=str(vm.addresses_configured[0].ip) if vm.addresses_configured else "",
    )


def vm_of(inventory: Inventory, target: Target) -> Vm:
    """Return the VM of a target; raises :class:`NotFound` if it has just gone."""
    node = inventory.node(target.node)
    vm = inventory.vm(node.domain, target.vmid) if node else None
    if vm is None:
        raise NotFound(f"{target.told} is not there any more.", id="VM-NOT-FOUND")
    return vm


def missing(vm: Vm) -> str:
    """Say why a VM does not count as ours."""
    if vm.is_template:
        return "it is a template"
    if vm.mark is None:
        return "its description does not end with a line `pvekit:v1 kind=vm ...`"
    return (
        f"the mark in its description speaks of VM {vm.mark.vmid} ({vm.mark.name}): "
        "it is a copy that somebody made"
    )


def _status(vm: Vm) -> str:
    if vm.lock:
        return f"locked ({vm.lock})"
    return {True: "running", False: "stopped", None: "unknown"}[vm.running]


def detail(inventory: Inventory, wanted: str) -> dict[str, object]:
    """Return one VM with its configuration and mark, as data."""
    vm = one(inventory, wanted)
    shown = {**asdict(row(vm, inventory)), "why_not_ours": "" if vm.ours else missing(vm)}
    if vm.ours:
        shown |= {"run": vm.own.run, "need": vm.own.need}
    config = dict(sorted(vm.config.values.items()))
    if "cipassword" in config:  # it is a hash, or even the password where somebody else set it
        config["cipassword"] = HIDDEN
    return {**shown, "config": config}
