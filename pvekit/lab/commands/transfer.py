"""One volume copied to a storage of another node, and what the tools at both ends print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.features import format_of
from pvekit.lab.storage import Volume, image_name, parent_of, short_name
from pvekit.lab.tasks import Copy

if TYPE_CHECKING:
    from pvekit.lab.commands.migration import Migration
    from pvekit.lab.commands.migration_plan import Local
    from pvekit.lab.node import Node

_TELLING_SECONDS = 3
_FILE_BLOCK = 4 << 10
_BLOCK = 64 << 10
_ON_ZFS = "full send of {pool}/{name}@__migration__ estimated size is {size}"
_SHAPES = {
    "raw": "fmt=raw size={} preallocation=off",
    "qcow2": (
        "fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib "
        "size={} lazy_refcounts=off refcount_bits=16"
    ),
    "vmdk": "fmt=vmdk size={} compat6=off hwversion=undefined",
}


@dataclass
class DdTelling:
    """The progress lines of ``dd``, one every few seconds; ``pace`` is in bytes per second."""

    block: int
    pace: float
    _told: int = 0

    def at(self, done: int, size: int) -> str:
        """Return the line at some point on the way, if it is time for one."""
        moment = int(done / self.pace / _TELLING_SECONDS)
        if done >= size or moment == self._told:
            return ""
        self._told = moment
        return f"{self._copied(done)}\n"

    def end(self, size: int) -> str:
        """Return the lines at the end: of the reading side, then of the writing side."""
        blocks = -(-size // self.block)
        return f"{blocks}+0 records in\n{blocks}+0 records out\n{self._copied(size)}\n"

    def _copied(self, done: int) -> str:
        seconds = max(0.001, done / self.pace)
        decimal, binary = (
            _units(done, 1000, "B kB MB GB TB"),
            _units(done, 1024, "B KiB MiB GiB TiB"),
        )
        rate = _units(int(done / seconds), 1000, "B kB MB GB TB")
        return f"{done} bytes ({decimal}, {binary}) copied, {seconds:.6g} s, {rate}/s"


def _units(size: float, base: int, names: str) -> str:
    units = names.split()
    place = 0
    while size >= base and place + 1 < len(units):
        size /= base
        place += 1
    return f"{size:.1f} {units[place]}" if size < 10 and place else f"{size:.0f} {units[place]}"


@dataclass(frozen=True)
class Transfer:
    """The copying of one volume."""

    migration: Migration
    local: Local

    async def run(self) -> str:
        """Copy it and return its id on the target."""
        here, there = self._nodes
        source = here.storages.find(self.local.volid)
        if source is None:
            raise Failure(f"volume '{self.local.volid}' does not exist")
        self._check_types()
        await self._tell_start(source)
        volid = make_alike(there, source, self.local)
        await self.migration.log(self._created(volid))
        try:
            await self._pass_time(source)
        except BaseException:
            there.storages.remove(volid)
            raise
        await self.migration.log(f"successfully imported '{volid}'")
        await self._tell_end(source)
        return volid

    @property
    def _nodes(self) -> tuple[Node, Node]:
        call = self.migration.call
        return call.node, call.node.peers[call.values["target"]]

    def _kinds(self) -> tuple[str, str]:
        here, there = self._nodes
        source = here.storages.get(self.local.volid.partition(":")[0])
        return source.type, there.storages.get(self.local.target).type

    def _check_types(self) -> None:
        source, target = self._kinds()
        stream = "zfs" if source == "zfspool" else format_of(self.local.volid)
        takes = {"zfspool": {"zfs"}, "lvm": {"raw"}, "lvmthin": {"raw"}}
        if stream not in takes.get(target, {"raw", "qcow2", "vmdk"}):
            raise Failure(f"cannot migrate from storage type '{source}' to '{target}'")

    def _created(self, volid: str) -> str:
        """Return what the target's tools print of the new volume."""
        there = self._nodes[1]
        kind, volume = self._kinds()[1], there.storages.find(volid)
        if volume is None or kind == "zfspool":
            return ""
        if kind in {"lvm", "lvmthin"}:
            return f'  Logical volume "{volume.name}" created.'
        shape = _SHAPES.get(volume.format, _SHAPES["raw"])
        return f"Formatting '{there.storages.path(volid)}', {shape.format(volume.size)}"

    async def _tell_start(self, source: Volume) -> None:
        if self._kinds()[0] != "zfspool":
            return
        here = self._nodes[0]
        definition = here.storages.get(self.local.volid.partition(":")[0])
        size = _units(source.used, 1024, "B K M G T").replace(" ", "")
        pool = definition.options.get("pool", "rpool")
        told = _ON_ZFS.format(pool=pool, name=short_name(source.name), size=size)
        await self.migration.log(f"{told}\ntotal estimated size is {size}")

    async def _pass_time(self, source: Volume) -> None:
        here, there = self._nodes
        block = (
            _FILE_BLOCK if here.storages.get(self.local.volid.partition(":")[0]).path else _BLOCK
        )
        network = self._network
        limit = self.migration.call.bandwidth or int(network)
        copy = Copy(here.machine.clock, there.storages.pool(self.local.target), limit)
        telling = DdTelling(block, min(copy.pace(), network))
        quiet = self._kinds()[0] == "zfspool"
        await copy.run(source.size, _silence if quiet else self.migration.log, telling)

    async def _tell_end(self, source: Volume) -> None:
        if self._kinds()[0] != "zfspool":
            await self.migration.log(DdTelling(_BLOCK, self._network).end(source.size))

    @property
    def _network(self) -> float:
        """The bytes per second that pass through ssh between two nodes."""
        return self.migration.call.node.machine.clock.figures.volume_migration * (1 << 20)


def make_alike(there: Node, source: Volume, local: Local) -> str:
    """Make the volume that takes another one's place on a node, and return its id.

    It has the same content object: nobody writes to the old one any more.
    """
    storage = there.storages.usable(local.target)
    name = source.name.removeprefix(f"{parent_of(source.name)}/")
    short = short_name(name)
    image_format = source.format if storage.path else "raw"
    full = image_name(storage, source.vmid, short, image_format)
    if there.storages.find(f"{storage.id}:{full}") is not None:
        short = there.storages.free_name(storage.id, source.vmid)
        full = image_name(storage, source.vmid, short, image_format)
    copied = replace(source, name=full, format=image_format, snapshots=list(source.snapshots))
    return there.storages.add(storage.id, copied)


async def _silence(_: str) -> None:
    """Say nothing."""
