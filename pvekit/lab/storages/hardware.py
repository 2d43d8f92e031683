"""What storage a site's nodes have: the disks, and the definitions that go with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pvekit.lab.storages.pool import Pool

StorageKind = Literal["lvmthin", "dir", "rbd", "nfs", "zfspool", "lvm", "cephfs"]
STORAGE_KINDS: tuple[str, ...] = get_args(StorageKind)

_GIB = 1 << 30
_ALL_FILES = "images,rootdir,iso,vztmpl,backup,snippets,import"
_LOCAL = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\n"
_THIN = "lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n\n"
_DIR = "dir: local-lvm\n\tpath /var/lib/local-lvm\n\tcontent images,rootdir\n\n"
_RBD = "rbd: ceph\n\tcontent images,rootdir\n\tkrbd 0\n\tpool ceph\n\n"
_NFS = (
    "nfs: nas\n\texport /srv/nas\n\tpath /mnt/pve/nas\n\tserver 192.168.64.200\n"
    f"\tcontent {_ALL_FILES}\n\n"
)
_ZFS = "zfspool: local-zfs\n\tpool rpool/data\n\tcontent images,rootdir\n\tsparse 1\n\n"
_LVM = "lvm: san\n\tvgname san\n\tcontent images,rootdir\n\tshared 1\n\n"
_CEPHFS = (
    "cephfs: cephfs\n\tpath /mnt/pve/cephfs\n\tcontent backup,iso,snippets,vztmpl\n"
    "\tfs-name cephfs\n\n"
)
CONFIGS: Mapping[str, str] = {
    "lvmthin": _LOCAL + _THIN,
    "dir": _LOCAL + _DIR,
    "rbd": _LOCAL + _THIN + _RBD,
    "nfs": _LOCAL + _THIN + _NFS,
    "zfspool": _LOCAL + _ZFS,
    "lvm": _LOCAL + _THIN + _LVM,
    "cephfs": _LOCAL + _THIN + _RBD + _CEPHFS,
}


def local_pools(kind: str, gigabytes: int) -> dict[str, Pool]:
    """Return the spaces that one node has for itself, by what they are."""
    size = gigabytes * _GIB
    thin = 32 * _GIB if kind == "dir" else size
    pools = {"lvmthin:pve/data": Pool(thin), "lvm:pve": Pool(16 * _GIB, thick=True)}
    if kind == "dir":
        pools["dir:/var/lib/local-lvm"] = Pool(size)
    if kind == "zfspool":
        pools |= {"zfs:rpool/data": Pool(size), "zfs:rpool": Pool(size)}
    return pools


def shared_pools(kind: str, gigabytes: int) -> dict[str, Pool]:
    """Return the spaces that all nodes of a PVE cluster see, by what they are."""
    size = gigabytes * _GIB
    if kind == "rbd":
        return {"rbd::ceph": Pool(size)}
    if kind == "cephfs":
        return {"rbd::ceph": Pool(size), "cephfs:": Pool(size)}
    if kind == "nfs":
        return {"nfs:192.168.64.200:/srv/nas": Pool(size)}
    if kind == "lvm":
        return {"lvm:san": Pool(size, thick=True)}
    return {}


def to_data(seen: Iterable[tuple[str, Mapping[str, Pool]]]) -> list[dict[str, Any]]:
    """Return every pool once as JSON data, with the nodes that see it."""
    found: dict[int, dict[str, Any]] = {}
    for node, pools in seen:
        for name, pool in pools.items():
            if not (pool.total or pool.volumes):
                continue  # a directory without images: it comes by itself
            if id(pool) not in found:
                found[id(pool)] = {"storage": name, "nodes": [], **pool.to_data()}
            found[id(pool)]["nodes"].append(node)
    return list(found.values())


def restore(pools: Mapping[str, dict[str, Pool]], data: Iterable[Mapping[str, Any]]) -> None:
    """Take over what :func:`to_data` gave, into the pools of each node."""
    for entry in data:
        first = pools[entry["nodes"][0]]
        pool = first.setdefault(entry["storage"], Pool(0))
        pool.restore(entry)
        for node in entry["nodes"]:
            pools[node][entry["storage"]] = pool
