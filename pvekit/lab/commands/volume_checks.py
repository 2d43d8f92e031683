"""What types of storage demand of new volumes, and what they say of those they cannot make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.storage import Definition, Pool, Volume, short_name
from pvekit.lab.storages import lvmtools, reach
from pvekit.lab.storages.lvmtools import EXTENT, Told
from pvekit.lab.storages.naming import parse_name, path_of

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_MIB = 1 << 20


def rounded(definition: Definition, size: int) -> int:
    """Return the size that a volume gets: full extents, full megabytes, or as asked."""
    family = definition.kind.family
    step = EXTENT if family in {"lvm", "lvmthin"} else 1 if family == "files" else _MIB
    return -(-size // step) * step


def check_alive(node: Node, definition: Definition) -> None:
    """Die if the storage does not answer, or holds no images at all."""
    exists = node.storages.exists_here(definition)
    if not exists and definition.type == "lvm":
        raise Failure(f"no such volume group '{definition.options['vgname']}'")
    reach.check_list(definition, node.storages, exists=exists)
    if definition.kind.family in {"backup", "none"}:
        raise Failure(f"can't allocate space in {definition.type} storage")


def check_new(definition: Definition, vmid: int, name: str, image_format: str) -> None:
    """Die unless a volume of this name and format can be made."""
    if image_format not in definition.kind.formats:
        raise Failure(f"unsupported format '{image_format}'")
    if definition.kind.family == "files":
        return
    prefix = "subvol" if image_format == "subvol" else "vm"
    if not name.startswith(f"{prefix}-{vmid}-"):
        raise Failure(f"illegal name '{name}' - should be '{prefix}-{vmid}-*'")


def check_room(definition: Definition, pool: Pool, name: str, size: int) -> None:
    """Die if a volume that takes its whole size does not fit."""
    if not pool.thick or pool.used + size <= pool.total:
        return
    if definition.type == "zfspool":
        place = f"{definition.options['pool']}/{name}"
        raise Failure(f"zfs error: cannot create '{place}': out of space")
    raise Failure(lvmtools.no_room(definition, pool, name, size))


def check_linkable(definition: Definition, base: Volume) -> None:
    """Die unless a linked clone of a volume can be made."""
    if definition.type == "lvm":
        raise Failure("can't clone images in lvm storage")
    if not definition.kind.can("clone", "base", base.format):
        raise Failure(f"clone_image on wrong format {base.format}")


def check_template(definition: Definition, volume: Volume) -> None:
    """Die unless a volume can become a base image."""
    if definition.type == "lvm":
        raise Failure("can't create base images in lvm storage")
    if parse_name(definition, volume.name).is_base:
        raise Failure("create_base not possible with base image")


def linked_name(definition: Definition, base: Volume, vmid: int, name: str) -> str:
    """Return the name of a linked clone, which tells its base image on most types of storage."""
    if definition.path:
        return f"{base.file}/{vmid}/{name}.qcow2"
    if definition.type == "lvmthin":
        return name
    return f"{base.name.rpartition('/')[2]}/{name}"


def missing(definition: Definition, name: str) -> Told:
    """Return what is said when a volume to be removed is not there; the program may die of it."""
    short = name.rpartition("/")[2]
    if definition.path:
        return Told(err=f"disk image '{path_of(definition, name)}' does not exist\n")
    if definition.type == "rbd":
        why = f"rbd: error opening image {short_name(name)}: (2) No such file or directory"
        raise Failure(f"rbd error: {why}")
    if definition.type == "lvm":
        full = f"{definition.options['vgname']}/{short}"
        raise Failure(f"lvremove '{full}' error:   Failed to find logical volume \"{full}\"")
    return Told()
