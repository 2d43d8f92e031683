"""What programs do with volumes, and the lines that the tools below them print meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.commands import volume_checks as checks
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import written
from pvekit.lab.storage import Definition, Volume, image_name, parent_of, short_name
from pvekit.lab.storages import lvmtools, qemutools
from pvekit.lab.storages.lvmtools import Told
from pvekit.lab.tasks import Copy, Say

if TYPE_CHECKING:
    from pvekit.lab.node import Node

CLOUDINIT_SIZE = 4 << 20


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

    ``made`` collects the ids of new volumes, from the moment that they exist. ``warn`` takes what
    the tools print on stderr; a task has only one stream for both.
    """

    node: Node
    say: Say
    made: list[str] = field(default_factory=list)
    warn: Say | None = None

    async def _tell(self, told: Told) -> None:
        if told.out:
            await self.say(told.out)
        if told.err:
            await (self.warn or self.say)(told.err)

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
        image_format = wish.format or definition.default_format
        async with self.node.locking.storage(definition, self.say):
            checks.check_alive(self.node, definition)
            name = wish.name or self.node.storages.free_name(definition.id, wish.vmid)
            checks.check_new(definition, wish.vmid, name, image_format)
            full_name = image_name(definition, wish.vmid, name, image_format)
            made = checks.rounded(definition, size)
            pool = self.node.storages.pool(definition.id)
            checks.check_room(definition, pool, name, made)
            volume = Volume(full_name, wish.vmid, made, image_format, disk)
            volid = self.node.storages.add(definition.id, volume)
            self.made.append(volid)
        await self._tell(self._created(definition, volid, volume, size))
        return volid

    def _created(self, definition: Definition, volid: str, volume: Volume, asked: int) -> Told:
        family = definition.kind.family
        if family == "files":
            path = self.node.storages.path(volid)
            return Told(qemutools.formatting(definition, path, volume.format, volume.size))
        if family in {"lvm", "lvmthin"}:
            pool = self.node.storages.pool(definition.id)
            return lvmtools.created(definition, pool, volume.name, asked)
        return Told()

    async def copy(self, source: Source, wish: Wish, limit: int = 0) -> str:
        """Create a volume with the content of another, or nothing if the copying fails.

        ``limit`` is a bandwidth in bytes per second. Returns the new volume's id.
        """
        disk = source.disk.copy()
        volid = await self.allocate(wish, disk.size_bytes, Disk(disk.size_bytes))
        volume = self.get(volid)
        definition = self.node.storages.get(wish.storage)
        try:
            await self._fill(source, definition, volid, limit)
        except Failure:
            if self.node.storages.remove(volid) and definition.kind.family in {"lvm", "lvmthin"}:
                await self.say(lvmtools.removed(volume.name))
            raise
        disk.size_bytes = volume.size
        volume.disk = disk
        return volid

    async def _fill(self, source: Source, definition: Definition, volid: str, limit: int) -> None:
        """Let the copying take its time; the program dies when the storage is full."""
        volume, pool = self.get(volid), self.node.storages.pool(definition.id)
        fault = self.node.world.faults.take("storage-full", definition.id)
        thin = not pool.thick
        needed = min(written(source.disk), volume.size) if thin else 0
        room = self.node.storages.figures(definition).free
        if fault is not None:
            room = min(room, int(fault.detail.get("bytes", "0")))
        if fault is not None or needed > room:
            place = room // 512 * 512
            await self.say(
                f"qemu-img: error while writing at byte {place}: No space left on device\n"
            )
            target = self.node.storages.path(volid)
            words = f"-p -n -f {source.format} -O {volume.format} {source.path} {target}"
            command = f"/usr/bin/qemu-img convert {words}"
            raise Failure(f"copy failed: command '{command}' failed: exit code 1")
        await Copy(self.node.machine.clock, pool, limit).run(volume.size, self.say)

    async def link(self, volid: str, vmid: int, snapname: str = "") -> str:
        """Create a linked clone of a base image, or of a snapshot; returns its id."""
        base, (storage, _, base_name) = self.get(volid), volid.partition(":")
        definition = self.node.storages.usable(storage)
        if not snapname:
            checks.check_linkable(definition, base)
        async with self.node.locking.storage(definition, self.say):
            name = self.node.storages.free_name(storage, vmid)
            shape = "qcow2" if definition.path else "raw"
            origin = base.snapshot(snapname) or base
            disk = origin.disk.copy() if origin.disk else None
            full_name = name if snapname else checks.linked_name(definition, base, vmid, name)
            volume = Volume(full_name, vmid, origin.size, shape, disk)
            clone = self.node.storages.add(storage, volume)
            self.made.append(clone)
        await self._tell(self._linked(definition, base_name, clone, volume, snapname))
        return clone

    def _linked(
        self, definition: Definition, base: str, clone: str, volume: Volume, snapname: str
    ) -> Told:
        short = short_name(volume.name)
        if definition.type == "lvmthin":
            pool = self.node.storages.pool(definition.id)
            return lvmtools.created(definition, pool, short, volume.size)
        if definition.type == "rbd":
            image = base.rpartition("/")[2]
            return Told(f"clone {base}: {image} snapname {snapname or '__base__'} to {short}\n")
        if definition.type == "zfspool":
            return Told()
        path = self.node.storages.path(clone)
        return Told(qemutools.overlay(base, path, volume))

    async def free(self, volid: str) -> None:
        """Remove a volume; the program dies if linked clones live on it."""
        storage, _, name = volid.partition(":")
        definition = self.node.storages.usable(storage)
        checks.check_alive(self.node, definition)
        async with self.node.locking.storage(definition, self.say):
            if self.node.storages.children(volid):
                raise Failure(f"base volume '{name}' is still in use by linked clones")
            self.node.storages.check_name(definition, name)
            gone = self.node.storages.remove(volid)
        if gone is None:
            await self._tell(checks.missing(definition, name))
        else:
            await self.say(self._removed(definition, gone))

    def _removed(self, definition: Definition, volume: Volume) -> str:
        if definition.kind.family in {"lvm", "lvmthin"}:
            kept = [f"snap_{volume.name}_{snapshot.name}" for snapshot in volume.snapshots]
            return "".join(map(lvmtools.removed, [*kept, volume.name]))
        return "Removing image: 100% complete...done.\n" if definition.type == "rbd" else ""

    async def make_base(self, volid: str) -> str:
        """Turn a volume into a base image for linked clones; returns its new id."""
        volume, (storage, _, name) = self.get(volid), volid.partition(":")
        definition = self.node.storages.usable(storage)
        checks.check_template(definition, volume)
        short = short_name(name)
        base = short.replace("vm-", "base-", 1).replace("subvol-", "basevol-", 1)
        async with self.node.locking.storage(definition, self.say):
            self.node.storages.remove(volid)
            volume.name = name.removeprefix(f"{parent_of(name)}/").replace(short, base)
            new = self.node.storages.add(storage, volume)
        if definition.type == "lvmthin":
            await self._tell(lvmtools.based(definition, short, base))
        return new

    async def _immutable(self, volid: str, image_format: str, size: int) -> None:
        path = self.node.storages.path(volid)
        why = f"Could not open '{path}'"
        await (self.warn or self.say)(f"qemu-img: {why}: {why}: Operation not permitted\n")
        command = f"/usr/bin/qemu-img resize -f {image_format} {path} {size}"
        raise Failure(f"command '{command}' failed: exit code 1")

    async def resize(self, volid: str, size: int, *, running: bool) -> int:
        """Grow a volume to ``size`` bytes or the next step; returns the size it has then."""
        volume, storage = self.get(volid), volid.partition(":")[0]
        definition = self.node.storages.usable(storage)
        if definition.path and short_name(volume.name).startswith("base-"):
            await self._immutable(volid, volume.format, size)
        old, pool = volume.size, self.node.storages.pool(storage)
        made = checks.rounded(definition, size)
        checks.check_room(definition, pool, volume.name, made - old)
        volume.size = made
        if volume.disk is not None:
            volume.disk.size_bytes = made
        if definition.kind.family in {"lvm", "lvmthin"}:
            await self._tell(lvmtools.extended(definition, pool, volume.name, old, made))
        elif definition.type == "rbd" and not running:
            await self.say("Resizing image: 100% complete...done.\n")
        elif definition.path and not running:
            await self.say("Image resized.\n")
        return made
