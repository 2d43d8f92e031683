"""``lvs``, as far as it tells how full the thin pools are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.process import NotSimulated, Process, Program

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_KNOWN = (
    *("--noheadings", "--separator", ":", "-o"),
    *("vg_name,lv_name,data_percent,metadata_percent", "-S", "segtype=thin-pool"),
)
_CHUNK = 64 << 10
_ENTRY = 64
_BASE = 1.0
_SHARE = 100


def lvs(node: Node) -> Program:
    """Return the program as it is on a node.

    Metadata take a hundredth of their pool, as the installer lays them out, and fill by the chunk.
    """

    async def run(process: Process) -> int:
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
