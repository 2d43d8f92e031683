"""``/pools``: named sets of VMs and storages."""

from __future__ import annotations

from typing import Any

from pvekit.lab import status as figures
from pvekit.lab.access import store
from pvekit.lab.access.model import ResourcePool, UserConfig
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.node import Node
from pvekit.lab.process import NotSimulated

Data = dict[str, Any]


def _pool(config: UserConfig, name: str) -> ResourcePool:
    if name not in config.pools:
        raise Failure(f"pool '{name}' does not exist")
    return config.pools[name]


async def list_pools(call: Call) -> list[Data]:
    """``GET /pools``: all in short, or one with its members."""
    config = await store.read(call)
    wanted = call.get("poolid")
    if "type" in call.values and not wanted:
        raise call.refuse(poolid="'type' requires the parameter 'poolid'")
    if wanted:
        _pool(config, wanted)
    return [
        {
            "poolid": name,
            **({"comment": pool.comment} if pool.comment else {}),
            **({"members": _members(call, pool)} if wanted else {}),
        }
        for name, pool in sorted(config.pools.items())
        if wanted in ("", name)
    ]


async def read_pool(call: Call) -> Data:
    """``GET /pools/POOL``."""
    pool = _pool(await store.read(call), call.values["poolid"])
    comment = {"comment": pool.comment} if pool.comment else {}
    return {"members": _members(call, pool), "poolid": call.values["poolid"], **comment}


def _members(call: Call, pool: ResourcePool) -> list[Data]:
    kind = call.get("type")
    owners = call.node.cluster.guests()
    found = []
    for vmid in sorted(pool.vms, key=str):
        if vmid not in owners or kind not in ("", owners[vmid][1]):
            continue
        if owners[vmid][1] != "qemu":
            raise NotSimulated("containers")
        found.append(figures.vm_resource(call.node.peers[owners[vmid][0]], vmid))
    if kind in ("", "storage"):
        found += [entry for name in sorted(pool.storages) for entry in _storage(call.node, name)]
    return found


def _storage(node: Node, name: str) -> list[Data]:
    definition = node.storages.defined().get(name)
    if definition is None:
        return []
    at = next((peer for peer in sorted(node.peers) if definition.on(peer)), node.name)
    at = node.name if definition.on(node.name) else at
    facts = figures.storage(node.peers[at], definition)
    return [
        {
            "content": facts["content"],
            "disk": facts["used"],
            "id": f"storage/{at}/{name}",
            "maxdisk": facts["total"],
            "node": at,
            "plugintype": definition.type,
            "shared": facts["shared"],
            "status": "available",
            "storage": name,
            "type": "storage",
        }
    ]


async def create_pool(call: Call) -> None:
    """Make an empty pool; a nested one needs the one above."""
    name = call.values["poolid"]
    async with store.update(call, "create pool failed") as config:
        if name in config.pools:
            raise Failure(f"pool '{name}' already exists")
        parent = name.rpartition("/")[0]
        if parent and parent not in config.pools:
            raise Failure(f"parent '{parent}' of pool '{name}' does not exist")
        config.pools[name] = ResourcePool(comment=call.get("comment"))


async def update_pool(call: Call) -> None:
    """Change a pool's comment, and add or remove members."""
    name = call.values["poolid"]
    async with store.update(call, "update pools failed") as config:
        pool = _pool(config, name)
        pool.comment = call.get("comment", pool.comment)
        for vmid in map(int, split_list(call.get("vms"))):
            _change_vm(call, config, name, vmid)
        for storage in split_list(call.get("storage")):
            _change_storage(call, pool, storage)


def _change_vm(call: Call, config: UserConfig, name: str, vmid: int) -> None:
    members, present = config.pools[name].vms, config.pool_of(vmid)
    if call.on("delete"):
        if vmid not in members:
            raise Failure(f"VM {vmid} is not a pool member")
        members.discard(vmid)
        return
    if vmid in members:
        raise Failure(f"VM {vmid} is already a pool member")
    if present and not call.on("allow-move"):
        why = f"VM {vmid} belongs already to pool '{present}' and 'allow-move' is not set"
        raise Failure(why)
    if present:
        config.pools[present].vms.discard(vmid)
    members.add(vmid)


def _change_storage(call: Call, pool: ResourcePool, storage: str) -> None:
    if call.on("delete"):
        if storage not in pool.storages:
            raise Failure(f"Storage '{storage}' is not a pool member")
        pool.storages.discard(storage)
        return
    if storage in pool.storages:
        raise Failure(f"Storage '{storage}' is already a pool member")
    pool.storages.add(storage)


async def delete_pool(call: Call) -> None:
    """Remove a pool that has no members any more; those that were destroyed do not count."""
    name = call.values["poolid"]
    async with store.update(call, "delete pool failed") as config:
        pool = _pool(config, name)
        for other in sorted(config.pools):
            if other.startswith(f"{name}/"):
                raise Failure(f"pool '{name}' is not empty (contains pool '{other}')")
        owners = call.node.cluster.guests()
        for vmid in sorted(pool.vms, key=str):
            if vmid in owners:
                raise Failure(f"pool '{name}' is not empty (contains VM {vmid})")
        for storage in sorted(pool.storages & call.node.storages.defined().keys()):
            raise Failure(f"pool '{name}' is not empty (contains storage '{storage}')")
        del config.pools[name]
        config.acl.forget_path(f"/pool/{name}")


ROUTES = (
    Route("get", "/pools", list_pools),
    Route("create", "/pools", create_pool),
    Route("set", "/pools", update_pool),
    Route("delete", "/pools", delete_pool),
    Route("get", "/pools/{poolid}", read_pool),
    Route("set", "/pools/{poolid}", update_pool),
    Route("delete", "/pools/{poolid}", delete_pool),
)
