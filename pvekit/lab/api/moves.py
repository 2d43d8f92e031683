"""Snapshots and migration of VMs, and what their storages can do."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands import qm_migrate, snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.features import has_feature

_VM = "/nodes/{node}/qemu/{vmid}"
_SNAPSHOTS = f"{_VM}/snapshot"
_SNAPSHOT = f"{_SNAPSHOTS}/{{snapname}}"


async def feature(call: Call) -> dict[str, Any]:
    """Return whether a VM can be cloned, copied or snapshotted, and to which nodes."""
    config = call.node.config(call.vmid)
    name = call.get("snapname")
    if name:
        config = snapshots.existing(config, name).config()
    storages = call.node.storages
    disks = [drive.file for _, drive in config.drives() if not drive.is_cdrom]
    able = all(has_feature(storages, call.values["feature"], volid, name) for volid in disks)
    used = {volid.partition(":")[0] for volid in disks if ":" in volid}
    shared = all(storages.get(storage).shared for storage in used)
    nodes = sorted(call.node.peers) if shared else [call.node.name]
    return {"hasFeature": int(able), "nodes": nodes}


ROUTES = (
    Route("get", f"{_VM}/feature", feature),
    Route("get", f"{_VM}/migrate", qm_migrate.preconditions),
    Route("create", f"{_VM}/migrate", qm_migrate.migrate),
    Route("create", f"{_VM}/remote_migrate", qm_migrate.remote),
    Route("get", _SNAPSHOTS, snapshots.list_all),
    Route("create", _SNAPSHOTS, snapshots.create),
    Route("get", _SNAPSHOT, snapshots.index),
    Route("delete", _SNAPSHOT, snapshots.delete),
    Route("get", f"{_SNAPSHOT}/config", snapshots.config_of),
    Route("set", f"{_SNAPSHOT}/config", snapshots.describe),
    Route("create", f"{_SNAPSHOT}/rollback", snapshots.rollback),
)
