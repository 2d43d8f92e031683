"""What following a review would do to each VM, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pvekit.errors import NoCapacity, PvekitError
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.resizing import check_room
from pvekit.plan import Ask
from pvekit.pve import ha
from pvekit.run.gather import gather
from pvekit.sizing.review import Review
from pvekit.vms import resize
from pvekit.vms.resize import Resizing

How = Literal["none", "hot-plug", "restart"]


@dataclass(frozen=True)
class Effect:
    """How a VM gets the size that is recommended; ``left_out`` says why it would not.

    ``aim`` is what would be done, if anything is.
    """

    how: How
    aim: Resizing | None = None
    left_out: str = ""


def effects(
    desk: Desk, inventory: Inventory, vms: Sequence[Vm], reviews: Sequence[Review]
) -> list[tuple[Review, Effect]]:
    """Return each review as far as its node can give it, and what following it would do.

    What grows has to find room beside all that is there now: what shrinks may be left out.
    """
    fitted = [_fitted(vm, review, inventory) for vm, review in zip(vms, reviews, strict=True)]
    changing = [vm for vm, review in zip(vms, fitted, strict=True) if _changes(vm, review)]
    managed = gather(desk.site, _asks(inventory, changing), desk.clock)
    accepted: list[tuple[Vm, Resizing]] = []
    found = []
    for vm, review in zip(vms, fitted, strict=True):
        effect = _effect(vm, review, managed) if _changes(vm, review) else Effect("none")
        if effect.aim is not None and not effect.left_out and _grows(vm, review):
            grown = (vm, effect.aim)
            why = _no_room(desk, inventory, [*accepted, grown])
            accepted += [] if why else [grown]
            effect = replace(effect, left_out=why)
        found.append((review, effect))
    return found


def _changes(vm: Vm, review: Review) -> bool:
    return (review.cpus, review.memory_mb) != (vm.cpus, vm.memory_mb)


def _grows(vm: Vm, review: Review) -> bool:
    return review.cpus > vm.cpus or review.memory_mb > vm.memory_mb


def _fitted(vm: Vm, review: Review, inventory: Inventory) -> Review:
    """Return CPUs that sockets share equally, and no more than the node has."""
    node = inventory.node_of(vm)
    most = max(vm.cpus, node.cpus if node and node.cpus else review.cpus)
    sockets = _sockets(vm)
    cpus = min(-(-review.cpus // sockets) * sockets, most // sockets * sockets)
    if review.cpus == vm.cpus or (review.cpus < vm.cpus) != (cpus < vm.cpus):
        cpus = vm.cpus
    return replace(review, cpus=cpus)


def _sockets(vm: Vm) -> int:
    text = vm.config.values.get("sockets", "1")
    return max(1, int(text)) if text.isdecimal() else 1


def _effect(vm: Vm, review: Review, managed: Mapping[str, frozenset[int] | PvekitError]) -> Effect:
    cpus = review.cpus if review.cpus != vm.cpus else None
    memory_mb = review.memory_mb if review.memory_mb != vm.memory_mb else None
    try:
        aim = resize.decide(vm, cpus, memory_mb, ())
    except PvekitError as error:
        return Effect("restart", left_out=error.brief)
    how: How = "restart" if aim.restart else "hot-plug"
    return Effect(how, aim, "; ".join(_in_the_way(vm, managed)))


def _in_the_way(vm: Vm, managed: Mapping[str, frozenset[int] | PvekitError]) -> Iterator[str]:
    if vm.lock:
        yield f"it is locked ({vm.lock})"
    there = managed.get(vm.domain, frozenset())
    if isinstance(there, PvekitError):
        yield f"nobody tells whether high availability looks after it: {there.brief}"
    elif vm.vmid in there:
        yield "high availability looks after it"


def _asks(inventory: Inventory, vms: Sequence[Vm]) -> dict[str, Ask[frozenset[int]]]:
    """Return for each PVE cluster that VMs are of the question whom high availability keeps."""
    nodes = {vm.domain: node.alias for vm in vms if (node := inventory.node_of(vm))}
    return {domain: ha.managed(alias) for domain, alias in nodes.items()}


def _no_room(desk: Desk, inventory: Inventory, grown: Sequence[tuple[Vm, Resizing]]) -> str:
    """Return why nodes cannot give all of it; empty if they can."""
    try:
        check_room(desk, inventory, grown)
    except NoCapacity as error:
        return error.brief
    return ""
