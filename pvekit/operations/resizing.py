"""``vm resize``: other CPUs, memory or bigger disks for VMs that are there and ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pvekit.errors import Conflict, NoCapacity, PvekitError
from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.orders import AnyOrder, Work
from pvekit.placement import Rules
from pvekit.plan import Plan
from pvekit.sizing.size import parse_disk
from pvekit.vms import resize
from pvekit.vms.create import Wait
from pvekit.vms.power import Target
from pvekit.vms.resize import Growth, Resizing

_GIB = 1 << 30
WAY_ON = "It has its new size. The same command goes on waiting for it."


@dataclass(frozen=True)
class Resize(AnyOrder[Resizing]):
    """What VMs are to become; None stays as it is. Memory in MiB.

    ``disks``: ``SLOT=MIB`` or ``SLOT=+MIB``, the boot disk without its slot. ``seconds`` is a
    guest's time to shut down, ``ready`` its time to get ready again (0: as configured).
    """

    cpus: int | None = None
    memory_mb: int | None = None
    disks: tuple[str, ...] = ()
    allow_restart: bool = False
    wait: bool = True
    seconds: int = 120
    ready: float = 0.0

    aim = Resizing
    verb = "resize"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Resizing]]:
        """Decide for each VM what it needs, and whether its node can give it.

        Raises :class:`NoCapacity` if not, :class:`Conflict` where a restart would be needed that
        is not allowed, and what :func:`resize.decide` raises.
        """
        inventory = desk.inventory()
        vms = [vm_of(inventory, each) for each in found]
        growths = tuple(map(_growth, self.disks))
        aims = [resize.decide(vm, self.cpus, self.memory_mb, growths) for vm in vms]
        for vm in vms:
            check_unlocked(vm)
        if not self.allow_restart:
            check_restarts(list(zip(vms, aims, strict=True)))
        check_room(desk, inventory, list(zip(vms, aims, strict=True)))
        return [Work(vm, aim) for vm, aim in zip(found, aims, strict=True)]

    def again(self, desk: Desk, begun: Sequence[Work[Resizing]]) -> list[Work[Resizing]]:
        """Have a VM that was off and runs by now restarted, if that is allowed."""
        if not self.allow_restart or all(work.aim.restart for work in begun):
            return list(begun)
        inventory = desk.inventory()
        return [self._as_it_is_now(inventory, work) for work in begun]

    def _as_it_is_now(self, inventory: Inventory, work: Work[Resizing]) -> Work[Resizing]:
        vm = vm_of(inventory, work.vm)
        now = resize.decide(vm, self.cpus, self.memory_mb, ())
        return replace(work, aim=replace(work.aim, restart=work.aim.restart or now.restart))

    def plan(self, desk: Desk, work: Work[Resizing]) -> Plan:
        """Return the plan for one VM."""
        readiness = desk.config.readiness
        timeout = self.ready or readiness.timeout_seconds
        wait = Wait(timeout, readiness.ssh_check_interval_seconds, hint=WAY_ON)
        return resize.plan(work.vm, work.aim, self.seconds, wait if self.wait else None)


def growth(slot: str, size: str) -> str:
    """Return a disk of an order: ``SLOT`` (empty: the boot disk) to be of, or grow by, a size.

    Raises :class:`UsageError` for a size that makes no sense.
    """
    plus = "+" if size.startswith("+") else ""
    return f"{slot}={plus}{parse_disk(size.removeprefix('+')) * 1024}"


def _growth(text: str) -> Growth:
    slot, _, size = text.rpartition("=")
    return Growth(int(size.removeprefix("+")), size.startswith("+"), slot)


def check_restarts(decided: Sequence[tuple[Vm, Resizing]]) -> None:
    """Raise :class:`Conflict` with those that a restart is needed for."""
    needing = [(vm, aim) for vm, aim in decided if aim.restart]
    if not needing:
        return
    lines = [
        f"{vm.name}: VM {vm.vmid} on {vm.node}, {', '.join(aim.told)} (live it takes: "
        f"{', '.join(resize.features(vm)) or 'nothing'})"
        for vm, aim in needing
    ]
    raise Conflict(
        "It takes a restart: a running VM cannot be changed so.",
        details="\n".join(lines),
        hint="Nothing was sent. --allow-restart shuts down, changes and starts again; or stop the "
        "VM first.",
        id="VM-NEEDS-RESTART",
    )


def check_room(desk: Desk, inventory: Inventory, decided: Sequence[tuple[Vm, Resizing]]) -> None:
    """Raise :class:`NoCapacity` where nodes and storages cannot give all of it."""
    memory: dict[str, int] = defaultdict(int)
    nodes: dict[str, NodeState] = {}
    wanted: dict[tuple[str, str], int] = defaultdict(int)
    for vm, aim in decided:
        node = inventory.node_of(vm)
        if node is None or not node.online:
            raise PvekitError(
                f"The node of VM {vm.vmid} ({vm.name}) does not answer.", id="NODE-SILENT"
            )
        nodes[node.alias] = node
        _check_cpus(vm, aim, node)
        if aim.memory_mb:
            memory[node.alias] += aim.memory_mb - vm.memory_mb
        for slot, size in aim.grows.items():
            wanted[node.alias, vm.volumes[slot].storage] += (size << 20) - vm.volumes[
                slot
            ].size_bytes
    for alias, more in memory.items():
        _check_memory(desk, inventory, nodes[alias], more)
    for (alias, storage), more in wanted.items():
        _check_storage(inventory, nodes[alias], storage, more)


def _check_cpus(vm: Vm, aim: Resizing, node: NodeState) -> None:
    sockets = int(vm.config.values.get("sockets", "1"))
    cpus = aim.vcpus or aim.cores * sockets
    if node.cpus is not None and cpus > node.cpus:
        raise NoCapacity(
            f"VM {vm.vmid} ({vm.name}) cannot have {cpus} CPUs: {node.alias} has {node.cpus}, and "
            "PVE starts no guest with more.",
            hint="Nothing was sent.",
        )


def _check_memory(desk: Desk, inventory: Inventory, node: NodeState, more_mb: int) -> None:
    if more_mb <= 0 or node.memory_mb is None:
        return
    placement = desk.config.placement
    rules = Rules(placement.memory_ratio, placement.memory_reserve_mb)
    given, limit = inventory.memory_given_mb(node), rules.limit_mb(node.memory_mb)
    if given + more_mb > limit:
        raise NoCapacity(
            f"{node.alias} has no room for {more_mb} MiB of memory more.",
            details=f"{given} MiB are given to guests already, {limit} MiB may be given "
            f"({node.memory_mb} MiB x placement.memory_ratio {rules.memory_ratio:g} - "
            f"placement.memory_reserve_mb {rules.reserve_mb(node.memory_mb)}).",
            hint="Nothing was sent.",
        )


def _check_storage(inventory: Inventory, node: NodeState, name: str, more_bytes: int) -> None:
    storage = inventory.storage(node.domain, name)
    state = storage.states.get(node.name) if storage else None
    if state is not None and state.free < more_bytes:
        raise NoCapacity(
            f"Storage {name} on {node.alias} has {state.free / _GIB:.1f} GiB free, "
            f"{more_bytes / _GIB:.1f} GiB more are wanted.",
            hint="Nothing was sent.",
            id="STORAGE-FULL",
        )
