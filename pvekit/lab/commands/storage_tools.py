"""The tools below the storages, which a real node has: the lab says aloud that it has not."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.process import NotSimulated, Process, Program

_NAMES = (
    *("vgs", "pvs", "lvcreate", "lvremove", "lvextend", "lvrename", "lvchange", "vgcreate"),
    *("pvcreate", "zfs", "zpool", "rbd", "ceph", "rados", "qemu-nbd", "showmount", "mount.nfs"),
)


async def _refuse(process: Process) -> int:
    raise NotSimulated(" ".join(process.argv))


PROGRAMS: Mapping[str, Program] = dict.fromkeys(_NAMES, _refuse)
