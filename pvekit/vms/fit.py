"""Whether a site and its configuration are still what a pinned decision was made for. Pure.

Each difference names both: what was decided, and what is there now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.vms.spec import Placement, VmSpec
from pvekit.vms.wishes import Wishes

# What has been used since, or what a model says now, takes nothing back.
_MEASURED = ("history", "model")


@dataclass(frozen=True)
class Difference:
    """Something that was decided, and what it has become."""

    what: str
    decided: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: decided was {self.decided}, now it is {self.now}"


def node(alias: str, pve_node: str, inventory: Inventory) -> Iterator[Difference]:
    """Yield what became of a node: not configured any more, or another host."""
    found = configured(alias, inventory)
    if found is None:
        names = ", ".join(node.alias for node in inventory.nodes if node.configured)
        yield Difference("node", alias, f"not in the configuration, which names {names}")
    elif found.online and found.name != pve_node:
        yield Difference(f"node {alias}", f"{pve_node} in Proxmox VE", found.name)


def configured(alias: str, inventory: Inventory) -> NodeState | None:
    """Return the node that the configuration calls so."""
    return next((n for n in inventory.nodes if n.configured and n.alias == alias), None)


def guest(
    made: tuple[int, str, str], domain: str, inventory: Inventory, *, done: bool
) -> Iterator[Difference]:
    """Yield what became of a vmid that a run decided on: (vmid, name, run).

    ``done``: the run had made its VM.
    """
    vmid, name, run = made
    vm = inventory.vm(domain, vmid)
    if vm is not None and not made_by(vm, run, inventory):
        yield Difference(f"VM {vmid}", f"{name} of run {run}", told(vm))
    if vm is None and done:
        yield Difference(f"VM {vmid}", f"{name} of run {run}", "gone")
    yield from claimed(vmid, run, domain, inventory)


def claimed(vmid: int, run: str, domain: str, inventory: Inventory) -> Iterator[Difference]:
    """Yield which other run claims a vmid."""
    for claim in inventory.claims:
        if (claim.domain, claim.what, claim.vmid) == (domain, "vmid", vmid) and claim.run != run:
            yield Difference(f"vmid {vmid}", f"for run {run}", f"claimed by run {claim.run or '?'}")


def made_by(vm: Vm, run: str, inventory: Inventory) -> bool:
    """Whether a VM is the work of this run, finished or not."""
    if vm.mark is not None:
        return (vm.mark.run, vm.mark.vmid, vm.mark.name) == (run, vm.vmid, vm.name)
    return vm.config.is_stub and any(
        (claim.domain, claim.what, claim.vmid, claim.run) == (vm.domain, "vmid", vm.vmid, run)
        for claim in inventory.claims
    )


def told(vm: Vm) -> str:
    """Say in a few words which VM it is and whose."""
    if vm.mark is None:
        return f"{vm.name or 'a VM without a name'} on {vm.node}, which pvekit did not make"
    if (vm.mark.vmid, vm.mark.name) != (vm.vmid, vm.name):
        return f"{vm.name} on {vm.node}, marked as VM {vm.mark.vmid} ({vm.mark.name})"
    return f"{vm.name} of run {vm.mark.run} on {vm.node}"


def site(spec: VmSpec, at: Placement, inventory: Inventory, *, done: bool) -> Iterator[Difference]:
    """Yield what on the site is not as it was when this VM was decided.

    Template, storage, bridge, name and address count only until the VM has them.
    """
    moved = [*node(at.node, at.pve_node, inventory)]
    if at.template_node != at.node:
        moved += node(at.template_node, at.template_pve_node, inventory)
    home = configured(at.node, inventory)
    yield from moved
    if home is None or moved:
        return
    yield from guest((at.vmid, spec.name, at.run), home.domain, inventory, done=done)
    vm = inventory.vm(home.domain, at.vmid)
    if vm is None or vm.config.is_stub:
        if not done:
            yield from _source(at, inventory)
            yield from place(home, spec.storage, spec.bridge, inventory)
            yield from _taken(spec, at, home, inventory)
    elif done and made_by(vm, at.run, inventory) and vm.node != at.pve_node:
        yield Difference(f"VM {at.vmid}", f"on {at.pve_node}", f"on {vm.node}")


def _source(at: Placement, inventory: Inventory) -> Iterator[Difference]:
    source = configured(at.template_node, inventory)
    vm = inventory.vm(source.domain, at.template) if source else None
    what = f"template VM {at.template} on {at.template_node}"
    if vm is None:
        yield Difference(what, at.template_name, "gone")
        return
    mark = vm.mark
    if mark is None or not (vm.is_template and vm.ours) or vm.name != at.template_name:
        yield Difference(what, at.template_name, told(vm))
    elif at.template_digest and mark.digest != at.template_digest:
        yield Difference(what, f"of digest {at.template_digest}", f"of digest {mark.digest}")
    elif at.template_run and mark.run != at.template_run:
        yield Difference(what, f"of run {at.template_run}", f"of run {mark.run}")
    elif vm.node != at.template_pve_node:
        yield Difference(what, f"on {at.template_pve_node}", f"on {vm.node}")


def place(home: NodeState, storage: str, bridge: str, inventory: Inventory) -> Iterator[Difference]:
    """Yield whether a node has no such storage or bridge any more."""
    there = [
        each.id
        for each in inventory.storages
        if each.domain == home.domain and each.is_on(home.name) and not each.disabled
    ]
    if storage and storage not in there:
        yield Difference(f"storage on {home.alias}", storage, f"gone; there are {', '.join(there)}")
    if bridge and home.online and bridge not in home.bridges:
        bridges = ", ".join(sorted(home.bridges)) or "none"
        yield Difference(f"bridge on {home.alias}", bridge, f"gone; there are {bridges}")


def _taken(
    spec: VmSpec, at: Placement, home: NodeState, inventory: Inventory
) -> Iterator[Difference]:
    for vm in inventory.vms:
        if vm.key == (home.domain, at.vmid):
            continue
        if vm.name == spec.name:
            yield Difference(f"name {spec.name}", f"for VM {at.vmid}", f"that of VM {vm.vmid}")
        if spec.address and spec.address in {str(each.ip) for each in vm.addresses_configured}:
            whose = f"that of VM {vm.vmid} ({vm.name})"
            yield Difference(f"address {spec.address}", f"for VM {at.vmid}", whose)


def wishes(spec: VmSpec, at: Placement, wanted: Wishes) -> Iterator[Difference]:
    """Yield what the configuration would decide otherwise now."""
    pairs: dict[str, tuple[object, object]] = {
        "template": (at.template_name, wanted.template),
        "user": (spec.user, wanted.user),
        "keys": (spec.keys, wanted.keys),
        "storage": (spec.storage, wanted.storage or spec.storage),
        "bridge": (spec.bridge, wanted.bridge or spec.bridge),
        "vlan": (spec.vlan, wanted.vlan if wanted.bridge or wanted.vlan else spec.vlan),
        "nameservers": (spec.nameservers, wanted.nameservers),
        "searchdomain": (spec.searchdomain, wanted.searchdomain),
        "tags": (spec.tags, tuple(sorted({"pvekit", wanted.role, *wanted.tags}))),
        "upgrade": (spec.upgrade, wanted.upgrade),
        "full": (spec.full, wanted.full),
        "onboot": (spec.onboot, wanted.onboot),
    }
    if spec.source not in _MEASURED:
        pairs |= {
            "cpus": (spec.cpus, wanted.size.cpus),
            "memory_mb": (spec.memory_mb, wanted.size.memory_mb),
            "disk_gb": (spec.disk_gb, wanted.size.disk_gb),
        }
    for what, (decided, now) in pairs.items():
        if decided != now:
            yield Difference(f"{what} of {spec.name}", _shown(decided), _shown(now))
    prefix = f"{wanted.prefix}-{wanted.role}-"
    if not wanted.name and not spec.name.startswith(prefix):
        yield Difference("name", spec.name, f"{prefix}NUMBER")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value not in (None, "") else "none"
