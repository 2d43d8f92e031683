"""What programs do with volumes, and the lines that the tools below them print meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.storage import Definition, Volume, image_name, parent_of, short_name
from pvekit.lab.tasks import Copy, Say

if TYPE_CHECKING:
    from pvekit.lab.node import Node

CLOUDINIT_SIZE = 4 << 20
_EXTENT = 4 << 20
_QCOW2 = (
    "fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib "
    "size={} lazy_refcounts=off refcount_bits=16"
)
_LINKED = (
    "fmt=qcow2 cluster_size=65536 extended_l2=off compression_type=zlib size={} "
    "backing_file={} backing_fmt=raw lazy_refcounts=off refcount_bits=16"
)


@dataclass(frozen=True)
class Source:
    """What is copied: where QEMU reads it, its format and its content."""

    path: str
    format: str
    disk: Disk


@dataclass(frozen=True)
class Wish:
    """The volume that is wanted: whose, where and in which format (empty: the storage's own)."""

    storage: str
    vmid: int
    format: str = ""
    name: str = ""


@dataclass(frozen=True)
class Volumes:
    """Works on the storages of one node and says what the tools print.

    ``made`` collects the ids of new volumes, from the moment that they exist.
    """

    node: Node
    say: Say
    made: list[str] = field(default_factory=list)

    def undo(self) -> None:
        """Remove what was made, after a failure."""
        while self.made:
            self.node.storages.remove(self.made.pop())

    def get(self, volid: str) -> Volume:
        """Return a volume; the program dies if it does not exist."""
        volume = self.node.storages.find(volid)
        if volume is None:
            raise Failure(f"volume '{volid}' does not exist")
        return volume

    async def allocate(self, wish: Wish, size: int, disk: Disk | None = None) -> str:
        """Create a volume of ``size`` bytes, holding its storage's lock; returns its id."""
        definition = self.node.storages.usable(wish.storage)
        image_format = _format(definition, wish.format)
        async with self.node.locking.storage(definition, self.say):
            name = wish.name or self.node.storages.free_name(definition.id, wish.vmid)
            if not definition.path:
                size = -(-size // _EXTENT) * _EXTENT
            full_name = image_name(definition, wish.vmid, name, image_format)
            volume = Volume(full_name, wish.vmid, size, image_format, disk)
            volid = self.node.storages.add(definition.id, volume)
            self.made.append(volid)
        await self.say(self._created(definition, volid, volume))
        return volid

    def _created(self, definition: Definition, volid: str, volume: Volume) -> str:
        if definition.path:
            shape = _QCOW2 if volume.format == "qcow2" else "fmt=raw size={} preallocation=off"
            path = self.node.storages.path(volid)
            return f"Formatting '{path}', {shape.format(volume.size)}\n"
        if definition.type == "lvmthin":
            return f'  Logical volume "{volume.name}" created.\n'
        return ""

    async def copy(self, source: Source, wish: Wish, limit: int = 0) -> str:
        """Create a volume with the content of another; what was made stays if this fails.

        ``limit`` is a bandwidth in bytes per second. Returns the new volume's id.
        """
        disk = source.disk.copy()
        volid = await self.allocate(wish, disk.size_bytes, Disk(disk.size_bytes))
        volume = self.get(volid)
        pool = self.node.storages.pool(wish.storage)
        try:
            needed = min(1 << 30, volume.size) if disk.files else 0
            full = self.node.world.faults.take("storage-full", wish.storage) is not None
            if full or pool.used + needed > pool.total:
                await self._no_space(source, volid, volume)
            await Copy(self.node.machine.clock, pool, limit).run(volume.size, self.say)
        except Failure:
            self.node.storages.remove(volid)
            raise
        disk.size_bytes = volume.size
        volume.disk = disk
        return volid

    async def _no_space(self, source: Source, volid: str, volume: Volume) -> None:
        await self.say("qemu-img: error while writing at byte 0: No space left on device\n")
        target = self.node.storages.path(volid)
        words = f"-p -n -f {source.format} -O {volume.format} {source.path} {target}"
        raise Failure(
            f"copy failed: command '/usr/bin/qemu-img convert {words}' failed: exit code 1"
        )

    async def link(self, volid: str, vmid: int) -> str:
        """Create a linked clone of a base image; returns its id."""
        base, (storage, _, base_name) = self.get(volid), volid.partition(":")
        definition = self.node.storages.usable(storage)
        async with self.node.locking.storage(definition, self.say):
            name = self.node.storages.free_name(storage, vmid)
            full_name = name
            if definition.path:
                full_name = f"{base_name}/{vmid}/{name}.qcow2"
            elif definition.type == "rbd":
                full_name = f"{base_name}/{name}"
            image_format = "qcow2" if definition.path else "raw"
            disk = base.disk.copy() if base.disk else None
            volume = Volume(full_name, vmid, base.size, image_format, disk)
            clone = self.node.storages.add(storage, volume)
            self.made.append(clone)
        await self.say(self._linked(definition, base_name, clone, volume))
        return clone

    def _linked(self, definition: Definition, base: str, clone: str, volume: Volume) -> str:
        short = short_name(volume.name)
        if definition.type == "lvmthin":
            return f'  Logical volume "{short}" created.\n'
        if definition.type == "rbd":
            return f"clone {base}: {base} to {short}\n"
        file = f"{short}.qcow2"
        shape = _LINKED.format(volume.size, f"../{base}")
        return (
            f"clone {base}: images, {file}, {volume.vmid} to {file} (base=../{base})\n"
            f"Formatting '{self.node.storages.path(clone)}', {shape}\n"
        )

    async def free(self, volid: str) -> None:
        """Remove a volume; the program dies if linked clones live on it."""
        storage, _, name = volid.partition(":")
        definition = self.node.storages.usable(storage)
        if self.node.storages.children(volid):
            raise Failure(f"base volume '{volid}' is still in use by linked cloned")
        async with self.node.locking.storage(definition, self.say):
            gone = self.node.storages.remove(volid)
        if gone is None and definition.path:
            path = self.node.storages.path(volid)
            await self.say(f"disk image '{path}' does not exist\n")
        elif definition.type == "lvmthin":
            await self.say(f'  Logical volume "{name}" successfully removed.\n')
        elif definition.type == "rbd":
            await self.say("Removing image: 100% complete...done.\n")

    async def make_base(self, volid: str) -> str:
        """Turn a volume into a base image for linked clones; returns its new id."""
        volume, (storage, _, name) = self.get(volid), volid.partition(":")
        definition = self.node.storages.usable(storage)
        short = short_name(name)
        base = short.replace("vm-", "base-", 1)
        async with self.node.locking.storage(definition, self.say):
            self.node.storages.remove(volid)
            volume.name = name.removeprefix(f"{parent_of(name)}/").replace(short, base)
            new = self.node.storages.add(storage, volume)
        if definition.type == "lvmthin":
            group = definition.options.get("vgname", "pve")
            await self.say(
                f'  Renamed "{short}" to "{base}" in volume group "{group}"\n'
                f"  Logical volume {group}/{base} changed.\n"
            )
        return new

    async def _immutable(self, volid: str, size: int) -> None:
        path = self.node.storages.path(volid)
        why = f"Could not open '{path}'"
        await self.say(f"qemu-img: {why}: {why}: Operation not permitted\n")
        command = f"/usr/bin/qemu-img resize -f raw {path} {size}"
        raise Failure(f"command '{command}' failed: exit code 1")

    async def resize(self, volid: str, size: int, *, running: bool) -> int:
        """Grow a volume to ``size`` bytes or the next extent; returns the size it has then."""
        volume, storage = self.get(volid), volid.partition(":")[0]
        definition = self.node.storages.usable(storage)
        if definition.path and short_name(volume.name).startswith("base-"):
            await self._immutable(volid, size)
        old = volume.size
        volume.size = size if definition.path else -(-size // _EXTENT) * _EXTENT
        if volume.disk is not None:
            volume.disk.size_bytes = volume.size
        if definition.type == "lvmthin":
            group = definition.options.get("vgname", "pve")
            await self.say(_lvextend(f"{group}/{volume.name}", old, volume.size))
        elif definition.type == "rbd":
            await self.say("Resizing image: 100% complete...done.\n")
        elif not running:
            await self.say("Image resized.\n")
        return volume.size


def _format(definition: Definition, wanted: str) -> str:
    if not definition.path and wanted not in {"", "raw"}:
        raise Failure(f"unsupported format '{wanted}'")
    return wanted or "raw"


def _lvextend(name: str, old: int, new: int) -> str:
    def told(size: int) -> str:
        return f"{size / (1 << 30):.2f} GiB ({size // _EXTENT} extents)"

    return (
        f"  Size of logical volume {name} changed from {told(old)} to {told(new)}.\n"
        f"  Logical volume {name} successfully resized.\n"
    )
