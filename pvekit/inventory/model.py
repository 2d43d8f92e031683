"""The inventory: PVE clusters and standalone hosts, nodes, storages, guests and claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pvekit.inventory.vm import Vm, VmKey
from pvekit.pve.claims import Claim

__all__ = [
    "DEFAULT_VMID_RANGE",
    "Domain",
    "Inventory",
    "Member",
    "NodeState",
    "Storage",
    "StorageState",
    "Vm",
    "VmKey",
]

_Key = tuple[str, str]
"""A domain, and the name of something in it."""

DEFAULT_VMID_RANGE = (100, 1_000_000)
"""PVE's ``next-id`` where datacenter.cfg has none: from the first on, below the second."""


@dataclass(frozen=True)
class Member:
    """A node as the PVE cluster knows it."""

    name: str
    online: bool
    address: str = ""


@dataclass(frozen=True)
class Domain:
    """One PVE cluster or one standalone host: what shares vmids and a cluster file system.

    ``key`` is the PVE cluster's name, or ``host:ALIAS`` for a standalone host. ``vmid_range`` is
    PVE's ``next-id``: the lower bound belongs to it, the upper does not.
    """

    key: str
    clustered: bool
    quorate: bool
    members: tuple[Member, ...]
    vmid_range: tuple[int, int] = DEFAULT_VMID_RANGE


@dataclass(frozen=True)
class NodeState:
    """One node, figures in MiB and bytes; None is what nobody told.

    A member of a PVE cluster that the config does not name has its own name as alias and is not
    ``configured``. ``domain`` is empty for a node that was not reached and is no known member.
    ``maintenance`` is HA's: the node gives its guests away.
    """

    alias: str
    name: str
    domain: str
    online: bool
    configured: bool = True
    writable: bool = False
    cpus: int | None = None
    memory_mb: int | None = None
    memory_free_mb: int | None = None
    bridges: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    boot_id: str = ""
    image_dir_free_bytes: int | None = None
    maintenance: bool = False


@dataclass(frozen=True)
class StorageState:
    """An active storage on one node, in bytes."""

    total: int
    used: int

    @property
    def free(self) -> int:
        """What is left, in bytes."""
        return max(0, self.total - self.used)


@dataclass(frozen=True)
class Storage:
    """A storage's definition, and its state by node name on the nodes where it is active."""

    domain: str
    id: str
    type: str
    content: frozenset[str]
    nodes: frozenset[str] | None
    shared: bool
    disabled: bool
    states: Mapping[str, StorageState] = field(default_factory=dict)

    def is_on(self, node: str) -> bool:
        """Whether the definition names this node (by its PVE name)."""
        return self.nodes is None or node in self.nodes


@dataclass(frozen=True)
class Inventory:
    """All that was read, and what could not be: ``problems``, in words for the reader."""

    domains: tuple[Domain, ...] = ()
    nodes: tuple[NodeState, ...] = ()
    storages: tuple[Storage, ...] = ()
    vms: tuple[Vm, ...] = ()
    claims: tuple[Claim, ...] = ()
    problems: tuple[str, ...] = ()

    def domain(self, key: str) -> Domain | None:
        """Return the PVE cluster or standalone host of this key."""
        return next((domain for domain in self.domains if domain.key == key), None)

    def node(self, alias: str) -> NodeState | None:
        """Return the node of this alias or, where only one has it, of this PVE name."""
        configured = [node for node in self.nodes if node.configured and node.alias == alias]
        found = configured or [node for node in self.nodes if node.name == alias]
        return found[0] if len(found) == 1 else None

    def node_of(self, vm: Vm) -> NodeState | None:
        """Return the node that a guest is on."""
        return self.node_in(vm.domain, vm.node)

    def alias_of(self, vm: Vm) -> str:
        """Return what the command line calls the node that a guest is on."""
        node = self.node_of(vm)
        return node.alias if node else vm.node

    def node_in(self, domain: str, name: str) -> NodeState | None:
        """Return the node of this PVE name in a domain."""
        return self._nodes.get((domain, name))

    def storage(self, domain: str, storage: str) -> Storage | None:
        """Return a storage of a domain."""
        return self._storages.get((domain, storage))

    def is_shared(self, vm: Vm) -> bool:
        """Whether all of a guest's volumes are on storage that every node of its domain sees."""
        storages = [self.storage(vm.domain, volume.storage) for volume in vm.volumes.values()]
        return bool(storages) and all(storage and storage.shared for storage in storages)

    def find(self, name_or_vmid: str | int) -> tuple[Vm, ...]:
        """Return the guests of this name or vmid; several domains may have one each."""
        wanted = str(name_or_vmid)
        return tuple(vm for vm in self.vms if wanted in (vm.name, str(vm.vmid)))

    def vm(self, domain: str, vmid: int) -> Vm | None:
        """Return the guest of this vmid in a domain."""
        return self._vms.get((domain, vmid))

    def templates(self) -> tuple[Vm, ...]:
        """Return the templates that are ours."""
        return tuple(vm for vm in self.vms if vm.is_template and vm.ours)

    def pending_claims(self) -> Iterator[Claim]:
        """Yield the claims of vmids whose guest does not show yet."""
        for claim in self.claims:
            if claim.what == "vmid" and (claim.domain, claim.vmid) not in self._vms:
                yield claim

    def guests_on(self, node: NodeState) -> tuple[Vm, ...]:
        """Return the guests of a node, templates and containers too."""
        return self._guests.get((node.domain, node.name), ())

    def vm_count(self, node: NodeState) -> int:
        """Count a node's virtual machines and those about to come, but no templates."""
        there = (vm.kind == "qemu" and not vm.is_template for vm in self.guests_on(node))
        return sum(there) + len(self._pending_on(node))

    def memory_given_mb(self, node: NodeState) -> int:
        """Sum up the memory in MiB that a node's guests have or have been promised.

        Stopped ones and containers count, templates do not. Until a clone is configured it still
        shows its template's memory, therefore the claim's counts where that is more.
        """
        there = (
            max(vm.memory_mb, self._promised.get(vm.key, 0))
            for vm in self.guests_on(node)
            if not vm.is_template
        )
        return sum(there) + self.memory_pending_mb(node)

    def memory_pending_mb(self, node: NodeState) -> int:
        """Sum up the memory in MiB promised to guests that do not show yet."""
        return sum(claim.memory_mb for claim in self._pending_on(node))

    def _pending_on(self, node: NodeState) -> list[Claim]:
        return self._pending.get((node.domain, node.name), [])

    # A site may have very many guests: what is looked up for each of them is put in order once.

    @cached_property
    def _nodes(self) -> Mapping[_Key, NodeState]:
        return {(node.domain, node.name): node for node in reversed(self.nodes)}

    @cached_property
    def _storages(self) -> Mapping[_Key, Storage]:
        return {(each.domain, each.id): each for each in reversed(self.storages)}

    @cached_property
    def _vms(self) -> Mapping[VmKey, Vm]:
        return {vm.key: vm for vm in reversed(self.vms)}

    @cached_property
    def _guests(self) -> Mapping[_Key, tuple[Vm, ...]]:
        found: defaultdict[_Key, list[Vm]] = defaultdict(list)
        for vm in self.vms:
            found[vm.domain, vm.node].append(vm)
        return {place: tuple(there) for place, there in found.items()}

    @cached_property
    def _promised(self) -> Mapping[VmKey, int]:
        return {(c.domain, c.vmid): c.memory_mb for c in self.claims if c.what == "vmid"}

    @cached_property
    def _pending(self) -> Mapping[_Key, list[Claim]]:
        found: defaultdict[_Key, list[Claim]] = defaultdict(list)
        for claim in self.pending_claims():
            found[claim.domain, claim.node].append(claim)
        return dict(found)
