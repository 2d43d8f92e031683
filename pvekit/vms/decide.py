"""From a wish and an inventory to decided VMs: names, nodes, vmids, addresses, MACs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvekit.errors import NotFound, Transient, UsageError
from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.placement import Choice, Need, Pass, Rules, names, place
from pvekit.pve.stored import CSI_VMID
from pvekit.pve.volumes import disk_slots
from pvekit.vms import sources
from pvekit.vms.spec import Placement, VmSpec
from pvekit.vms.wishes import Wishes

Decision = tuple[VmSpec, Placement]


@dataclass(frozen=True)
class Placed:
    """What VMs need, by name, and the nodes chosen for them."""

    needs: tuple[Need, ...]
    found: Pass


def decide(wishes: Wishes, inventory: Inventory, rules: Rules, run: str) -> tuple[Decision, ...]:
    """Decide all wished VMs in one pass.

    Raises :class:`NotFound` without a template, :class:`NoCapacity` if they do not fit, and what
    :mod:`pvekit.placement.names` raises.
    """
    return decisions(wishes, inventory, placed(wishes, inventory, rules), run)


def placed(wishes: Wishes, inventory: Inventory, rules: Rules) -> Placed:
    """Choose names and nodes; raises what :func:`decide` does."""
    names.check_labels(wishes.role, wishes.tags)
    needs = needs_of(wishes, inventory, _names(wishes, inventory))
    return Placed(needs, place(needs, inventory, rules, wishes.node))


def decisions(wishes: Wishes, inventory: Inventory, at: Placed, run: str) -> tuple[Decision, ...]:
    """Decide the rest of VMs that have their nodes: vmids, addresses, MACs."""
    ips = _addresses(wishes, inventory)
    return all_decisions([wishes] * len(at.needs), ips, inventory, at, run)


def all_decisions(
    wishes: Sequence[Wishes], ips: Sequence[str], inventory: Inventory, at: Placed, run: str
) -> tuple[Decision, ...]:
    """Decide vmids and MACs of VMs of several kinds; ``wishes`` and ``ips`` are of each."""
    named = bool(wishes) and all(each.name for each in wishes)
    deciding = _Deciding(inventory, run, named=named)
    rows = zip(wishes, at.needs, ips, at.found.choices, strict=True)
    return tuple(deciding.one(wish, need.name, ip, choice) for wish, need, ip, choice in rows)


def claim_nodes(inventory: Inventory, *, named: bool) -> tuple[str, ...]:
    """Return one writable node of each PVE cluster and standalone host, in a fixed order.

    Raises :class:`Transient` if part of the site does not answer, unless the name was given: what
    is in use there is not known.
    """
    first: dict[str, str] = {}
    nodes = sorted((n for n in inventory.nodes if n.configured), key=lambda node: node.alias)
    for node in nodes:
        if node.online and node.writable:
            first.setdefault(node.domain, node.alias)
    silent = [node.alias for node in nodes if node.domain not in first]
    if silent and not named:
        raise Transient(
            f"Cannot tell which names are in use: {', '.join(silent)} cannot be read or changed.",
            details="\n".join(inventory.problems),
            hint="Give --name (and --ip, if not DHCP) to go on without.",
            id="NODE-SILENT",
        )
    return tuple(first[domain] for domain in sorted(first))


def _names(wishes: Wishes, inventory: Inventory) -> tuple[str, ...]:
    if wishes.name:
        names.check_name(wishes.name)
        return (wishes.name,)
    return names.next_names(inventory, wishes.prefix, wishes.role, wishes.count)


def _addresses(wishes: Wishes, inventory: Inventory) -> tuple[str, ...]:
    if wishes.ip == "dhcp":
        return ("dhcp",) * wishes.count
    gateway = wishes.gateway or None
    found = names.consecutive_addresses(
        inventory, wishes.ip, gateway, wishes.count, exact=wishes.exact_ip
    )
    return tuple(map(str, found))


def needs_of(wishes: Wishes, inventory: Inventory, called: tuple[str, ...]) -> tuple[Need, ...]:
    """Return what VMs of these names need; raises :class:`NotFound` without a template."""
    found = sources.templates(inventory, wishes.template)
    if not found:
        raise NotFound(
            f"There is no template {wishes.template} on the site.",
            hint=f"Build it: pvekit template build {wishes.template}",
            id="TEMPLATE-NOT-BUILT",
        )
    storage = wishes.storage or sources.storage(found[0])
    bridge = wishes.bridge or sources.bridge(found[0])
    room = None if wishes.full else 0
    return tuple(
        Need(
            name,
            wishes.size,
            storage,
            bridge,
            found,
            room,
            groups=wishes.groups,
            pin=wishes.pin,
            avoid=wishes.shun,
            labels=wishes.labels,
        )
        for name in called
    )


def _storages(wishes: Wishes, template: Vm) -> tuple[str, ...]:
    """Return where the volumes of a clone lie: a linked clone's stay where its template's are."""
    if wishes.full:
        return (wishes.storage or sources.storage(template),)
    return tuple(sorted({each.storage for each in template.volumes.values() if each.storage}))


def _copied(wishes: Wishes, template: Vm) -> int:
    """Return how many disks are copied for a clone, and tell how far that is."""
    return len(disk_slots(template.config)) if wishes.full else 0


def _spec(wishes: Wishes, name: str, ip: str, choice: Choice) -> VmSpec:
    bridge = wishes.bridge or sources.bridge(choice.template)
    return VmSpec(
        name=name,
        role=wishes.role,
        cpus=wishes.size.cpus,
        memory_mb=wishes.size.memory_mb,
        disk_gb=wishes.size.disk_gb,
        because=wishes.because,
        source=wishes.source,
        evidence=wishes.evidence,
        confidence=wishes.confidence,
        workload=wishes.workload,
        user=wishes.user,
        keys=wishes.keys,
        bridge=bridge,
        storage=wishes.storage or sources.storage(choice.template),
        tags=tuple(sorted({"pvekit", wishes.role, *wishes.tags})),
        ip=ip,
        gateway=wishes.gateway,
        nameservers=wishes.nameservers,
        searchdomain=wishes.searchdomain,
        vlan=wishes.vlan if wishes.bridge or wishes.vlan else sources.tag(choice.template),
        upgrade=wishes.upgrade,
        full=wishes.full,
        onboot=wishes.onboot,
        fleet=wishes.fleet,
        notes=wishes.notes,
        start=wishes.start,
        template=wishes.template,
    )


class _Deciding:
    """Decides VM after VM; what one got, the next does not get again."""

    def __init__(self, inventory: Inventory, run: str, *, named: bool) -> None:
        self._inventory = inventory
        self._run = run
        self._claimers = claim_nodes(inventory, named=named)
        self._vmids: set[int] = set()
        self._free: dict[tuple[str, frozenset[int]], Iterator[int]] = {}
        self._macs = set(names.used_macs(inventory))

    def one(self, wishes: Wishes, name: str, ip: str, choice: Choice) -> Decision:
        """Return one VM and its place."""
        slot, size_gb = sources.disk(choice.template)
        source = self._inventory.node_of(choice.template)
        mark = choice.template.own
        placement = Placement(
            run=self._run,
            node=choice.node.alias,
            pve_node=choice.node.name,
            vmid=self._vmid(wishes, choice),
            mac=self._mac(name),
            template=choice.template.vmid,
            template_name=choice.template.name,
            template_node=source.alias if source else choice.node.alias,
            template_pve_node=choice.template.node,
            disk_slot=slot,
            template_disk_gb=size_gb,
            claim_nodes=self._claimers,
            template_digest=mark.digest,
            template_run=mark.run,
            target=_target(choice.node, choice.template),
            home=_home(choice.node, self._inventory, self._claimers),
            reasons=tuple(f"{each.node}: {each.because}" for each in choice.reasons),
            storages=_storages(wishes, choice.template),
            template_disks=_copied(wishes, choice.template),
        )
        return _spec(wishes, name, ip, choice), placement

    def _vmid(self, wishes: Wishes, choice: Choice) -> int:
        if wishes.vmid == CSI_VMID:
            raise UsageError(
                f"{CSI_VMID} is the vmid of the volumes of Kubernetes: it never is a VM's.",
                hint="Choose another --vmid.",
                id="VMID-RESERVED",
            )
        if wishes.vmid is not None:
            return wishes.vmid
        domain = choice.node.domain
        for vmid in self._free_vmids(domain, wishes.avoid):
            if vmid not in self._vmids:
                self._vmids.add(vmid)
                return vmid
        return names.next_vmids(self._inventory, domain, avoid=wishes.avoid | self._vmids)[0]

    def _free_vmids(self, domain: str, avoid: frozenset[int]) -> Iterator[int]:
        """Return what goes on where the last VM of the kind has taken its vmid."""
        key = (domain, avoid)
        if key not in self._free:
            self._free[key] = names.free_vmids(self._inventory, domain, avoid)
        return self._free[key]

    def _mac(self, name: str) -> str:
        mac = names.mac(self._run, name, self._macs)
        self._macs.add(mac)
        return mac


def _target(node: NodeState, template: Vm) -> str:
    """Return the node to clone to, where that is not the template's own."""
    return "" if node.name == template.node else node.name


def _home(node: NodeState, inventory: Inventory, claimers: tuple[str, ...]) -> str:
    """Return which of the claiming nodes belongs to the PVE cluster of the chosen node."""
    domains = {alias: found.domain for alias in claimers if (found := inventory.node(alias))}
    return next((alias for alias, domain in domains.items() if domain == node.domain), "")
