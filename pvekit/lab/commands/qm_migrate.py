"""``qm migrate``: what is checked before the task, and what can be known of it beforehand."""

from __future__ import annotations

from typing import Any

from pvekit.lab.commands import related
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.ha_request import ask, managed
from pvekit.lab.commands.migration import Migration
from pvekit.lab.commands.migration_plan import (
    StorageMap,
    check_content,
    local_resources,
    referenced,
)
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.vmconfig import VmConfig


async def migrate(call: Call) -> None:
    """Move a VM to another node of the PVE cluster; one under HA is only asked to move."""
    target = call.values["target"]
    if target == call.node.name:
        raise call.refuse(target="target is local node.")
    call.node.check_quorum()
    if target not in call.node.peers:
        raise Failure(f"no such cluster node '{target}'")
    config = call.node.config(call.vmid)
    check_lock(config)
    online = await _check_power(call)
    _check_storages(call, config)
    if managed(call):
        words = ("ha-manager", "migrate", f"vm:{call.vmid}", target)
        await ask(call, "migrate", words, f"migration for VM {call.vmid} to node {target}")
        return
    async with (
        call.worker("qmigrate") as say,
        call.node.locking.migration(call.vmid, say),
    ):
        await Migration(call, say, online=online).run()


async def _check_power(call: Call) -> bool:
    """Return whether the VM is moved while it runs."""
    online = call.on("online")
    if call.node.guest(call.vmid) is None:
        if online:
            await call.process.complain("VM isn't running. Doing offline migration instead.\n")
        return False
    if not online:
        raise Failure("can't migrate running VM without --online")
    jobs = related.replication_jobs(call.node, call.vmid)
    if jobs and not call.on("force"):
        target = call.values["target"]
        why = "not a replication target. Use 'force' to override."
        raise Failure(f"Cannot live-migrate replicated VM to node '{target}' - {why}")
    return True


def _check_storages(call: Call, config: VmConfig) -> None:
    """Die unless the target has the storages: those that are mapped to, or those that are used."""
    here, there = call.node.storages, call.node.peers[call.values["target"]].storages
    if "targetstorage" in call.values:
        mapping = _mapping(call)
        for storage in mapping.all_targets():
            if "images" not in there.enabled(storage).content:
                raise call.refuse(storage=f"storage '{storage}' does not support vm images")
        if not mapping.identity:
            return
    for volid in referenced(config):
        storage = volid.partition(":")[0]
        here.enabled(storage)
        check_content(call.node.peers[call.values["target"]], volid, storage)


def _mapping(call: Call) -> StorageMap:
    try:
        return StorageMap.parse(call.get("targetstorage"))
    except ValueError as error:
        raise call.refuse(targetstorage=f"failed to parse storage map: {error}\n") from error


async def preconditions(call: Call) -> dict[str, Any]:
    """``/nodes/NODE/qemu/VMID/migrate``: where the VM could go, and what stands against it."""
    node = call.node
    node.check_quorum()
    config = node.config(call.vmid)
    check_lock(config)
    missing = {name: _missing(call, config, name) for name in node.peers if name != node.name}
    allowed = [name for name, storages in missing.items() if not storages]
    found: dict[str, Any] = {
        "running": int(node.guest(call.vmid) is not None),
        "allowed_nodes": allowed,
        "not_allowed_nodes": {
            name: {"unavailable_storages": storages}
            for name, storages in missing.items()
            if storages
        },
        "local_disks": _local_disks(call, config),
        "local_resources": local_resources(config),
        "mapped-resources": [],
        "mapped-resource-info": {},
    }
    return found


def _missing(call: Call, config: VmConfig, target: str) -> list[str]:
    storages = sorted({volid.partition(":")[0] for volid in referenced(config)})
    return [name for name in storages if not _is_there(call, name, target)]


def _is_there(call: Call, storage: str, target: str) -> bool:
    definition = call.node.storages.defined().get(storage)
    return definition is not None and not definition.disabled and definition.on(target)


def _local_disks(call: Call, config: VmConfig) -> list[dict[str, Any]]:
    found = []
    for slot, drive in config.drives():
        if drive.has_volume and not call.node.storages.get(drive.file.partition(":")[0]).shared:
            size = {"size": drive.size_bytes} if "size" in drive.properties else {}
            facts = {"drivename": slot, "is_attached": 1, "replicate": 1, "shared": 0}
            cdrom = {"cdrom": int(drive.is_cdrom)}
            found.append({"volid": drive.file, **facts, **cdrom, **size})
    return found


async def remote(call: Call) -> None:
    """``qm remote-migrate``: to another PVE cluster."""
    raise NotSimulated(f"remote migration of VM {call.vmid}")
