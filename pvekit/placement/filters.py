"""What keeps a guest off a node: each filter returns its objection in words, or None."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.inventory.model import Inventory, NodeState, Storage, Vm
from pvekit.sizing.size import Size

GIB = 1 << 30


@dataclass(frozen=True)
class Need:
    """What one guest needs of a node: its size, a storage, a bridge, and a template to clone.

    Any of ``templates`` will do. ``disk_gb`` (GiB) is the room that it takes on the storage,
    which is less than its size for a linked clone; None means the size's.
    """

    name: str
    size: Size
    storage: str
    bridge: str
    templates: tuple[Vm, ...]
    disk_gb: int | None = None

    @property
    def room_bytes(self) -> int:
        """The room that must be free on the storage."""
        return (self.size.disk_gb if self.disk_gb is None else self.disk_gb) * GIB


@dataclass(frozen=True)
class Rules:
    """How much of a node's memory may be given away: total x ratio - reserve.

    The reserve is in MiB; None means 12 % of the node's memory, but at most 4096.
    """

    memory_ratio: float = 1.0
    memory_reserve_mb: int | None = None

    def reserve_mb(self, memory_mb: int) -> int:
        """Return the reserve in MiB of a node with this much memory."""
        if self.memory_reserve_mb is not None:
            return self.memory_reserve_mb
        return min(4096, memory_mb * 12 // 100)

    def limit_mb(self, memory_mb: int) -> int:
        """Return how many MiB of a node's memory may be given away."""
        return int(memory_mb * self.memory_ratio) - self.reserve_mb(memory_mb)


@dataclass(frozen=True)
class Candidate:
    """A node as it stands for one need; memory in MiB.

    ``template`` is what a clone would come from, ``room`` the free bytes on the wanted storage;
    both are None where there is none.
    """

    node: NodeState
    quorate: bool
    template: Vm | None
    storage: Storage | None
    room: int | None
    vms: int
    memory_given_mb: int
    memory_free_mb: int


def objection(candidate: Candidate, need: Need, rules: Rules) -> str | None:
    """Return why a guest cannot go to a node, or None if it can."""
    return (
        _state(candidate)
        or _template(candidate)
        or _storage(candidate, need)
        or _bridge(candidate, need)
        or _cpus(candidate, need)
        or _memory(candidate, need, rules)
    )


def template_for(node: NodeState, need: Need, inventory: Inventory) -> Vm | None:
    """Return the template that a clone on this node would come from: its own copy first.

    A copy on another node serves too if all its disks and the destination are on shared storage:
    the clone then runs on that node.
    """
    in_domain = sorted(
        (vm for vm in need.templates if vm.domain == node.domain), key=lambda vm: vm.vmid
    )
    own = [vm for vm in in_domain if vm.node == node.name]
    destination = inventory.storage(node.domain, need.storage)
    shared = destination is not None and destination.shared
    others = [vm for vm in in_domain if shared and _serves_others(vm, inventory)]
    return next(iter((*own, *others)), None)


def _serves_others(vm: Vm, inventory: Inventory) -> bool:
    node = inventory.node_of(vm)
    return node is not None and node.configured and node.online and inventory.is_shared(vm)


def _state(candidate: Candidate) -> str | None:
    node = candidate.node
    if not node.configured:
        return "not named in the config (proxmox_nodes)"
    if not node.online:
        return "not online"
    if not (candidate.quorate and node.writable):
        return "no quorum, nothing can be changed there"
    return None


def _template(candidate: Candidate) -> str | None:
    return None if candidate.template else "no copy of the template that could be cloned to it"


def _storage(candidate: Candidate, need: Need) -> str | None:
    storage = candidate.storage
    if storage is None or not storage.is_on(candidate.node.name):
        return f"has no storage {need.storage}"
    if storage.disabled:
        return f"storage {need.storage} is disabled"
    if "images" not in storage.content:
        return (
            f"storage {need.storage} does not take disk images (its content: {_content(storage)})"
        )
    if candidate.room is None:
        return f"storage {need.storage} is not active"
    if candidate.room < need.room_bytes:
        return (
            f"storage {need.storage} has {candidate.room / GIB:.1f} GiB free, "
            f"{need.room_bytes / GIB:.1f} GiB are wanted"
        )
    return None


def _content(storage: Storage) -> str:
    return ", ".join(sorted(storage.content))


def _bridge(candidate: Candidate, need: Need) -> str | None:
    if need.bridge in candidate.node.bridges:
        return None
    known = ", ".join(sorted(candidate.node.bridges)) or "none"
    return f"has no bridge {need.bridge} (there are: {known})"


def _cpus(candidate: Candidate, need: Need) -> str | None:
    cpus = candidate.node.cpus
    if cpus is None or need.size.cpus <= cpus:
        return None
    return f"has {cpus} CPUs, and PVE starts no guest with more ({need.size.cpus} are wanted)"


def _memory(candidate: Candidate, need: Need, rules: Rules) -> str | None:
    total = candidate.node.memory_mb
    if total is None:
        return "its memory is not known (pvestatd reports nothing)"
    given, wanted, limit = candidate.memory_given_mb, need.size.memory_mb, rules.limit_mb(total)
    if given + wanted <= limit:
        return None
    return (
        f"memory: {given} MiB given to guests + {wanted} MiB wanted is more than {limit} MiB "
        f"({total} MiB x placement.memory_ratio {rules.memory_ratio:g} - "
        f"placement.memory_reserve_mb {rules.reserve_mb(total)})"
    )
