"""``qm snapshot``, ``rollback``, ``delsnapshot``, ``listsnapshot``, and the API's same methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvekit.lab import snapshots
from pvekit.lab.commands import power
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.snapshot_removal import Removal
from pvekit.lab.commands.snapshot_taking import Taking
from pvekit.lab.commands.volume_snapshots import VolumeSnapshots
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.dates import stamp
from pvekit.lab.failure import Failure
from pvekit.lab.snapshots import Snapshot
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import Drive, VmConfig, digest


async def create(call: Call) -> None:
    """Take a snapshot of all disks, with ``--vmstate`` of a running VM's memory too."""
    name = call.values["snapname"]
    if name == "current" or name.lower() == "pending":
        raise Failure(f"unable to use snapshot name '{name.lower()}' (reserved name)")
    call.node.config(call.vmid)
    async with call.worker("qmsnapshot") as say:
        await Taking(call, Volumes(call.node, say), name).run()


async def delete(call: Call) -> None:
    """Remove a snapshot."""
    async with call.worker("qmdelsnapshot") as say:
        removal = Removal(call, Volumes(call.node, say), call.values["snapname"])
        if call.on("force"):
            await removal.run(force=True)
            return
        async with call.node.locking.migration(call.vmid, say):
            await removal.run()


async def rollback(call: Call) -> None:
    """Bring a VM back to a snapshot; its memory too, if that was saved."""
    async with (
        call.worker("qmrollback") as say,
        call.node.locking.migration(call.vmid, say),
    ):
        snapshot = await _go_back(call, say)
        if snapshot.vmstate or call.on("start"):
            await power.start(call, say)


async def _go_back(call: Call, say: Say) -> Snapshot:
    node, vmid, volumes = call.node, call.vmid, Volumes(call.node, say)
    async with node.locking.config(vmid, say):
        config = node.config(vmid)
        snapshot = _wanted(call, config)
        for drive in _disks(snapshot):
            VolumeSnapshots(volumes, drive.file).check_rollback(snapshot.name)
        _check_whole(snapshot)
        check_lock(config)
        node.power_off(vmid)
        config.values["lock"] = "rollback"
        node.save(vmid, config)
    for drive in _disks(snapshot):
        await VolumeSnapshots(volumes, drive.file).rollback(snapshot.name)
    async with node.locking.config(vmid, say):
        config = node.config(vmid)
        snapshot = _wanted(call, config)
        if config.lock != "rollback":
            raise Failure("got wrong lock")
        _apply(call, config, snapshot)
        node.save(vmid, config)
    return snapshot


def _wanted(call: Call, config: VmConfig) -> Snapshot:
    if config.is_template:
        raise Failure("you can't rollback if vm is a template")
    return existing(config, call.values["snapname"])


def existing(config: VmConfig, name: str) -> Snapshot:
    """Return a snapshot; the program dies if there is none of that name."""
    snapshot = snapshots.find(config, name)
    if snapshot is None:
        raise Failure(f"snapshot '{name}' does not exist")
    return snapshot


def _check_whole(snapshot: Snapshot) -> None:
    if snapshot.state:
        state = f"(snapstate = {snapshot.state})"
        raise Failure(f"unable to rollback to incomplete snapshot {state}")


def _disks(snapshot: Snapshot) -> list[Drive]:
    return [drive for _, drive in snapshot.drives() if drive.has_volume and not drive.is_cdrom]


def _apply(call: Call, config: VmConfig, snapshot: Snapshot) -> None:
    """Give a configuration back its options of then; disks that are newer become unused."""
    kept = {drive.file for drive in _disks(snapshot)}
    newer = [drive.file for _, drive in config.drives() if drive.has_volume]
    unused = {k: v for k, v in config.values.items() if k.startswith("unused") and v not in kept}
    newer = [d for d in newer if d not in kept and not Drive(d).is_cloudinit]
    cds = {drive.file for _, drive in config.drives() if drive.is_cdrom}
    config.values = {**snapshots.restored(snapshot), **unused, "parent": snapshot.name}
    config.pending = {}
    for volid in newer:
        if volid not in cds:
            config.add_unused(volid)
    if "vmgenid" in config.values:
        config.values["vmgenid"] = call.node.new_uuid()


# What only reads


def rows(call: Call) -> list[dict[str, Any]]:
    """Return all snapshots and, last, the VM as it is now."""
    text = call.node.config_text(call.vmid)
    config = VmConfig.parse(text)
    found: list[dict[str, Any]] = []
    for name, snapshot in snapshots.parse(config).items():
        row: dict[str, Any] = {
            "name": name,
            "snaptime": snapshot.time,
            "vmstate": int(bool(snapshot.vmstate)),
            "description": snapshot.description,
        }
        row |= {"parent": snapshot.parent} if snapshot.parent else {}
        found.append(row | ({"snapstate": snapshot.state} if snapshot.state else {}))
    now: dict[str, Any] = {
        "name": "current",
        "digest": digest(text),
        "running": int(call.node.guest(call.vmid) is not None),
        "description": "You are here!",
    }
    parent = config.values.get("parent")
    return [*found, now | ({"parent": parent} if parent else {})]


async def show(call: Call) -> None:
    """``qm listsnapshot``: the snapshots as a tree, oldest first."""
    await call.process.say(tree(rows(call)))


def tree(found: Sequence[Mapping[str, Any]]) -> str:
    """Write snapshots as a tree; what has no time comes last."""
    names = {row["name"] for row in found}
    below: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(found, key=lambda row: row.get("snaptime", float("inf"))):
        parent = row.get("parent", "")
        below.setdefault(parent if parent in names else "", []).append(row)
    lines: list[str] = []
    ready = [("`->", row) for row in reversed(below.get("", []))]
    while ready:
        prefix, row = ready.pop()
        lines.append(_line(prefix, row))
        ready += [(f" {prefix}", child) for child in reversed(below.get(row["name"], []))]
    return "".join(lines)


def _line(prefix: str, row: Mapping[str, Any]) -> str:
    width = max(0, 30 - len(prefix))
    told = stamp(row["snaptime"]) if "snaptime" in row else ""
    text = (row["description"] or "no-description").partition("\n")[0]
    return f"{prefix} {row['name']:<{width}} {told:<23} {text}\n"


async def list_all(call: Call) -> list[dict[str, Any]]:
    """``/nodes/NODE/qemu/VMID/snapshot``."""
    return rows(call)


async def index(_: Call) -> list[dict[str, Any]]:
    """``…/snapshot/NAME``: what is below it."""
    return [{"cmd": "rollback"}, {"cmd": "config"}]


async def config_of(call: Call) -> dict[str, Any]:
    """``…/snapshot/NAME/config``."""
    snapshot = existing(call.node.config(call.vmid), call.values["snapname"])
    values: dict[str, Any] = dict(snapshot.values)
    if snapshot.description:
        values["description"] = snapshot.description
    if "cipassword" in values:
        values["cipassword"] = "**********"
    return values


async def describe(call: Call) -> None:
    """Change a snapshot's description."""
    if "description" not in call.values:
        return
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        check_lock(config)
        kept = snapshots.parse(config)
        existing(config, call.values["snapname"])
        kept[call.values["snapname"]].description = call.values["description"]
        snapshots.store(config, kept)
        call.node.save(call.vmid, config)


HANDLERS: Mapping[str, Handler] = {
    "delsnapshot": delete,
    "listsnapshot": show,
    "rollback": rollback,
    "snapshot": create,
}
