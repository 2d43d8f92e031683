"""What LVM's tools print."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.lab.storages.definition import Definition
from pvekit.lab.storages.pool import Pool

EXTENT = 4 << 20
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_UNPROTECTED = (
    "  WARNING: You have not turned on protection against thin pools running out of space.\n"
    "  WARNING: Set activation/thin_pool_autoextend_threshold below 100 to trigger automatic "
    "extension of thin pools before they get full.\n"
)


@dataclass(frozen=True)
class Told:
    """What a tool prints on stdout and on stderr."""

    out: str = ""
    err: str = ""


def display(size: int) -> str:
    """Write a size as LVM does: two digits, with a mark where they are too many."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    if unit == 0:
        return f"{size} B"
    mark = "<" if float(f"{value:.2f}") > value else ""
    return f"{mark}{value:.2f} {_UNITS[unit]}"


def group(definition: Definition) -> str:
    """Return a storage's volume group."""
    return definition.options.get("vgname", "pve")


def created(definition: Definition, pool: Pool, name: str, asked: int) -> Told:
    """Return what lvcreate prints for a volume of ``asked`` bytes."""
    rounded = -(-asked // EXTENT) * EXTENT
    note = ""
    if rounded != asked:
        note = f"  Rounding up size to full physical extent {display(rounded)}\n"
    plain = f'  Logical volume "{name}" created.\n'
    if definition.type != "lvmthin" or pool.promised <= pool.total:
        return Told(note + plain)
    return Told(note + _UNPROTECTED + plain, _overcommitted(definition, pool))


def _overcommitted(definition: Definition, pool: Pool) -> str:
    """Return the warning that the thin volumes would not fit into their pool."""
    name = f"{group(definition)}/{definition.options['thinpool']}"
    whole, free = group_size(pool), FREE
    what, size = "the amount of free space in volume group", free
    if pool.promised > whole:
        what, size = "the size of whole volume group", whole
    elif pool.promised <= free:
        what = ""
    total = display(pool.promised)
    if not what:
        return (
            f"  WARNING: Sum of all thin volume sizes ({total}) exceeds the size of thin pool "
            f"{name} ({display(pool.total)}).\n"
        )
    return (
        f"  WARNING: Sum of all thin volume sizes ({total}) exceeds the size of thin pool {name} "
        f"and {what} ({display(size)}).\n"
    )


FREE = 16 << 30  # what an installation leaves free in the volume group


def group_size(pool: Pool) -> int:
    """Return the size of the volume group that holds a thin pool, the root disk included."""
    return pool.total + (96 << 30) + (8 << 30) + FREE


def extended(definition: Definition, pool: Pool, name: str, old: int, new: int) -> Told:
    """Return what lvextend prints."""
    full = f"{group(definition)}/{name}"
    before, after = (f"{display(size)} ({size // EXTENT} extents)" for size in (old, new))
    text = (
        f"  Size of logical volume {full} changed from {before} to {after}.\n"
        f"  Logical volume {full} successfully resized.\n"
    )
    if definition.type != "lvmthin" or pool.promised <= pool.total:
        return Told(text)
    return Told(_UNPROTECTED + text, _overcommitted(definition, pool))


def removed(name: str) -> str:
    """Return what lvremove prints."""
    return f'  Logical volume "{name}" successfully removed.\n'


def based(definition: Definition, old: str, new: str) -> Told:
    """Return what renaming a volume to a base image and making it read-only prints."""
    place = group(definition)
    return Told(
        f'  Renamed "{old}" to "{new}" in volume group "{place}"\n'
        f"  Logical volume {place}/{new} changed.\n",
        "  WARNING: Combining activation change with other commands is not advised.\n",
    )


def no_room(definition: Definition, pool: Pool, name: str, size: int) -> str:
    """Return why lvcreate failed for want of space."""
    place = group(definition)
    free = (pool.total - pool.used) // EXTENT
    why = f"insufficient free space ({free} extents): {-(-size // EXTENT)} required."
    return f"lvcreate '{place}/{name}' error:   Volume group \"{place}\" has {why}"
