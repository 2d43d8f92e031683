"""Which copies of a template are missing, where they go, and what stands in the way.

Everything is found out before anything is downloaded, and all problems are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvekit.errors import NoCapacity
from pvekit.inventory.model import Inventory, NodeState, Storage, Vm
from pvekit.placement.names import next_vmids
from pvekit.templates.spec import Way

GIB = 1 << 30
IMAGE_GIB = 3
"""What a cloud image may take in the image directory; a customised copy takes as much again."""

THIN = frozenset(("lvmthin", "rbd", "zfspool", "btrfs"))
THIN_GIB = 4


@dataclass(frozen=True)
class Wish:
    """A template as it is wanted.

    ``roomy``: its recipe installs more than a cloud image has room for before it is grown, which
    only a first boot does. ``reserved`` are ids that other templates want.
    """

    name: str
    recipe: str
    digest: str
    vmid: int
    storage: str
    bridges: tuple[str, ...]
    disk_gb: int
    customize: str = "auto"
    roomy: bool = False
    reserved: frozenset[int] = frozenset()


def found(wish: Wish, inventory: Inventory, node: NodeState, image: str = "") -> Vm | None:
    """Return the template that makes a copy on this node unnecessary, if there is one.

    With ``image`` only one that was made of the image with this checksum (its first 16 digits).
    """
    for vm in inventory.templates():
        same = vm.mark is not None and (vm.mark.name, vm.mark.digest) == (wish.name, wish.digest)
        fits = same and vm.mark is not None and image in ("", vm.mark.image)
        if fits and vm.domain == node.domain and _serves(vm, inventory, node):
            return vm
    return None


def linked_clones(template: Vm, inventory: Inventory) -> tuple[Vm, ...]:
    """Return the VMs whose disks rest on a template's."""
    base = re.compile(rf"(?:^|/)base-{template.vmid}-")
    return tuple(
        other
        for other in inventory.vms
        if (other.domain, other.vmid) != (template.domain, template.vmid)
        and other.domain == template.domain
        and any(base.search(v.volid.partition(":")[2]) for v in other.volumes.values())
    )


def _serves(vm: Vm, inventory: Inventory, node: NodeState) -> bool:
    return vm.node == node.name or inventory.is_shared(vm)


def missing(
    wish: Wish,
    inventory: Inventory,
    only: Sequence[str] = (),
    *,
    rebuild: bool = False,
    image: str = "",
) -> list[NodeState]:
    """Return the nodes on which a copy is to be built: each, or one per PVE cluster if shared."""
    nodes = [n for n in inventory.nodes if n.configured and (not only or n.alias in only)]
    nodes.sort(key=lambda node: not (node.online and node.writable))  # one that can serve the rest
    wanted: list[NodeState] = []
    served: set[str] = set()
    for node in nodes:
        storage = inventory.storage(node.domain, wish.storage)
        shared = storage is not None and storage.shared
        if (shared and node.domain in served) or (
            not rebuild and found(wish, inventory, node, image)
        ):
            continue
        served.add(node.domain)
        wanted.append(node)
    return wanted


def vmids(wish: Wish, inventory: Inventory, nodes: Sequence[NodeState]) -> tuple[int, ...]:
    """Return a vmid for each copy: the configured id first, then free ones after it.

    Ids that anything on the site has, has claimed, or that other templates want, are passed over.
    """
    if not nodes:
        return ()
    avoid = wish.reserved
    return next_vmids(inventory, nodes[0].domain, len(nodes), avoid=avoid, first=wish.vmid)


def way(wish: Wish, node: NodeState) -> tuple[Way, str]:
    """Return how a copy is customised on a node, and why; see :func:`problems` for neither."""
    if wish.customize == "virt-customize":
        return "virt-customize", "the configuration says so"
    if wish.customize == "boot":
        return "boot", "the configuration says so"
    if "virt-customize" not in node.tools:
        return "boot", "virt-customize is not on the node, genisoimage is"
    if wish.roomy and "genisoimage" in node.tools:
        return "boot", "the recipe needs more room than the image has before it is grown"
    return "virt-customize", "virt-customize is on the node"


def check(wish: Wish, inventory: Inventory, nodes: Sequence[NodeState]) -> None:
    """Raise :class:`NoCapacity` with everything that stands in the way of these copies."""
    found = [f"{node.alias}: {text}" for node in nodes for text in problems(wish, inventory, node)]
    if found:
        raise NoCapacity(
            f"Cannot build template {wish.name}.",
            details="\n".join(found),
            hint="Nothing was sent. Mend that, or name the nodes to build on with --node.",
            id="TEMPLATE-CANNOT-BE-BUILT",
        )


def problems(wish: Wish, inventory: Inventory, node: NodeState) -> Iterator[str]:
    """Yield what stands in the way of a copy on one node."""
    if not node.online:
        yield "the node is not online: off, unreachable, or cut off from its PVE cluster"
        return
    if not node.writable:
        yield "the PVE cluster has no quorum: nothing can be changed"
    yield from _storage_problems(wish, inventory.storage(node.domain, wish.storage), node)
    for bridge in dict.fromkeys(wish.bridges):
        if bridge not in node.bridges:
            there = ", ".join(sorted(node.bridges)) or "none"
            yield f"there is no bridge {bridge} (there: {there})"
    yield from _tool_problems(wish, node)
    free = node.image_dir_free_bytes
    need = IMAGE_GIB * (2 if way(wish, node)[0] == "virt-customize" else 1)
    if free is not None and free < need * GIB:
        yield f"the image directory has {free // GIB} GiB free, {need} GiB are needed (image_dir)"


def _storage_problems(wish: Wish, storage: Storage | None, node: NodeState) -> Iterator[str]:
    if storage is None or not storage.is_on(node.name):
        yield f"there is no storage {wish.storage}"
        return
    if storage.disabled:
        yield f"storage {wish.storage} is disabled"
    if "images" not in storage.content:
        content = ",".join(sorted({*storage.content, "images"}))
        yield (
            f"storage {wish.storage} does not hold disk images; "
            f"`pvesm set {wish.storage} --content {content}` allows it"
        )
    state = storage.states.get(node.name)
    need = min(wish.disk_gb, THIN_GIB) if storage.type in THIN else wish.disk_gb
    if state is None:
        yield f"storage {wish.storage} is not active"
    elif state.free < need * GIB:
        yield f"storage {wish.storage} has {state.free // GIB} GiB free, {need} GiB are needed"


def _tool_problems(wish: Wish, node: NodeState) -> Iterator[str]:
    if not node.tools & {"wget", "curl"}:
        yield "neither wget nor curl is there; `apt-get install -y wget` brings one"
    if wish.customize == "virt-customize" and "virt-customize" not in node.tools:
        yield "virt-customize is not there; `apt-get install -y libguestfs-tools` brings it"
    elif way(wish, node)[0] == "boot" and "genisoimage" not in node.tools:
        yield "genisoimage is not there; `apt-get install -y genisoimage` brings it"
