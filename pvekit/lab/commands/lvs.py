"""``lvs``, as far as it tells how full the thin pools are, or what lies in a volume group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.storages.lvmtools import group

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_KNOWN = (
    *("--noheadings", "--separator", ":", "-o"),
    *("vg_name,lv_name,data_percent,metadata_percent", "-S", "segtype=thin-pool"),
)
_NAMES = ("--noheadings", "-o", "lv_name")
_CHUNK = 64 << 10
_ENTRY = 64
_BASE = 1.0
_SHARE = 100


async def _names(node: Node, process: Process, name: str) -> int:
    """Tell what is in a volume group: pools, and the volumes of all storages in it."""
    found = [
        definition
        for definition in node.storages.defined().values()
        if definition.type in {"lvm", "lvmthin"} and group(definition) == name
    ]
    if not any(map(node.storages.exists_here, found)):
        why = f'  Volume group "{name}" not found\n  Cannot process volume group {name}\n'
        await process.complain(why)
        return 5
    pools = {each.options["thinpool"] for each in found if "thinpool" in each.options}
    volumes = {volume for each in found for volume in node.storages.pool(each.id).volumes}
    await process.say("".join(f"  {each}\n" for each in sorted(pools | volumes)))
    return 0


def lvs(node: Node) -> Program:
    """Return the program as it is on a node.

    Metadata take a hundredth of their pool, as the installer lays them out, and fill by the chunk.
    """

    async def run(process: Process) -> int:
        if process.argv[1:-1] == _NAMES:
            return await _names(node, process, process.argv[-1])
        if process.argv[1:] != _KNOWN:
            raise NotSimulated(" ".join(process.argv))
        for key in sorted(node.storages.pools):
            kind, _, name = key.partition(":")
            pool = node.storages.pools[key]
            if kind != "lvmthin" or not pool.total:
                continue
            data = 100 * pool.used / pool.total
            entries = pool.used / _CHUNK * _ENTRY
            metadata = _BASE + 100 * entries / (pool.total / _SHARE)
            await process.say(f"  {name.replace('/', ':', 1)}:{data:.2f}:{metadata:.2f}\n")
        return 0

    return run
