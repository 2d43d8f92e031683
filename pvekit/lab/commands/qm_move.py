"""``qm disk move``: to another storage, or to another VM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from pvekit.lab import snapshots
from pvekit.lab.commands import drives
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drivecopy import DriveCopy
from pvekit.lab.commands.guards import check_lock, check_unmodified
from pvekit.lab.commands.qm_set import set_values
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.features import has_feature
from pvekit.lab.options import table
from pvekit.lab.storages.naming import image_name, parent_of
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import UNUSED_NAME, Drive, VmConfig


async def move_disk(call: Call) -> None:
    """Move a volume to another storage or to another VM."""
    to_vm, to_storage = "target-vmid" in call.values, "storage" in call.values
    if to_vm and to_storage:
        _refuse_both(call, "either set 'storage' or 'target-vmid', but not both")
    if not to_vm and not to_storage:
        _refuse_both(call, "both 'storage' and 'target-vmid' missing, either needs to be set")
    if to_vm:
        await _to_vm(call)
    else:
        await _to_storage(call)


def _refuse_both(call: Call, why: str) -> None:
    raise call.refuse(**{"storage": why, "target-vmid": why})


# To another storage


async def _to_storage(call: Call) -> None:
    call.node.storages.get(call.values["storage"])
    _check_move(call)
    async with call.worker("qmmove") as say, call.node.locking.config(call.vmid, say):
        config, drive, snapshotted = _check_move(call)
        if snapshotted:
            await say("moving disk with snapshots, snapshots will not be moved!\n")
        volumes = Volumes(call.node, say)
        try:
            await _copy(call, config, drive, volumes)
        except Failure as failure:
            await _take_back(volumes, say)
            raise Failure(f"storage migration failed: {failure.message}") from failure
        if call.on("delete"):
            await _free(volumes, drive.file, say)


def _check_move(call: Call) -> tuple[VmConfig, Drive, bool]:
    """Return the configuration, the drive, and whether snapshots use its volume."""
    text, slot = call.node.config_text(call.vmid), call.values["disk"]
    config = call.node.parsed(text)
    check_lock(config)
    check_unmodified(call.get("digest"), text)
    if not config.values.get(slot):
        raise Failure(f"disk '{slot}' does not exist")
    drive = Drive.parse(config.values[slot])
    if drive.is_cdrom and not drive.is_cloudinit:
        raise Failure("you can't move a cdrom")
    call.node.storages.split(drive.file)
    old, _, name = drive.file.partition(":")
    suffix = re.search(r"\.(raw|qcow2|vmdk)$", name)
    same = not call.get("format") or not suffix or suffix[1] == call.get("format")
    if old == call.values["storage"] and same:
        raise Failure("you can't move to the same storage with same format")
    snapshotted = bool(snapshots.users(config, drive.file))
    if snapshotted and call.on("delete"):
        raise Failure("you can't move a disk with snapshots and delete the source")
    return config, drive, snapshotted


async def _copy(call: Call, config: VmConfig, drive: Drive, volumes: Volumes) -> None:
    node, slot = call.node, call.values["disk"]
    node.storages.usable(drive.file.partition(":")[0])
    if not node.storages.exists(drive.file):
        raise Failure(f"volume '{drive.file}' does not exist")
    copy = DriveCopy(call, config, volumes)
    new = await copy.run(slot, drive, call.values["storage"], call.get("format"))
    if config.is_template:
        new = replace(new, file=await volumes.make_base(new.file))
    config.values[slot] = str(new)
    if not call.on("delete"):
        config.add_unused(drive.file)
    node.save(call.vmid, config)


async def _take_back(volumes: Volumes, say: Say) -> None:
    made = list(volumes.made)
    volumes.made.clear()
    for volid in made:
        if volumes.node.storages.find(volid) is not None:
            await _free(volumes, volid, say)


async def _free(volumes: Volumes, volid: str, say: Say) -> None:
    try:
        await volumes.free(volid)
    except Failure as failure:
        await say(f"{failure.message}\n")


# To another VM


async def _to_vm(call: Call) -> None:
    target, slot = int(call.values["target-vmid"]), call.values["disk"]
    if target == call.vmid:
        why = "must be different than source VMID to reassign disk"
        raise call.refuse(**{"target-vmid": why})
    _check_reassign(call, target)
    new_slot = call.get("target-disk", slot)
    subject = f"{call.vmid}-{slot}>{target}-{new_slot}"
    locking = call.node.locking
    async with (
        call.worker("qmmove", subject) as say,
        locking.config(call.vmid, say),
        locking.config(target, say),
    ):
        source, receiver, drive = _check_reassign(call, target)
        await say(f"moving disk '{slot}' from VM '{call.vmid}' to '{target}'\n")
        drive = replace(drive, file=_rename(call, drive.file, target))
        await _leave(call, source, slot, say)
        if UNUSED_NAME.fullmatch(new_slot):
            receiver.values[new_slot] = drive.file
            call.node.save(target, receiver)
        else:
            values = {new_slot: str(drive), "digest": call.get("target-digest")}
            await set_values(call, target, values, say)


def _check_reassign(call: Call, target: int) -> tuple[VmConfig, VmConfig, Drive]:
    node, slot = call.node, call.values["disk"]
    new_slot = call.get("target-disk", slot)
    source, receiver = _check_pair(call, target)
    if slot not in source.values:
        raise Failure(f"Disk '{slot}' for VM '{call.vmid}' does not exist")
    if receiver.values.get(new_slot):
        raise Failure(f"Target disk key '{new_slot}' is already in use for VM '{target}'")
    drive = Drive.parse(source.values[slot])
    if drive.is_cdrom and not drive.is_cloudinit:
        raise Failure("CD drive contents can't be moved to another VM")
    if not drive.has_volume:
        raise Failure(f"Volume '{drive.file}' not managed by PVE")
    if snapshots.users(source, drive.file):
        raise Failure("Can't move disk used by a snapshot to another VM")
    if not has_feature(node.storages, "rename", drive.file):
        raise Failure("Storage does not support moving of this disk to another VM")
    if node.guest(call.vmid) and not UNUSED_NAME.fullmatch(slot):
        why = "while the source VM is running - detach first"
        raise Failure(f"Cannot move disk to another VM {why}")
    return source, receiver, _fitting(call, new_slot, drive)


def _check_pair(call: Call, target: int) -> tuple[VmConfig, VmConfig]:
    node, digests = call.node, {call.vmid: "digest", target: "target-digest"}
    owners = {vmid: node.cluster.owner(vmid) for vmid in digests}
    for vmid, kind in ((call.vmid, ""), (target, "target ")):
        if owners[vmid] is None:
            raise Failure(f"could not find {kind}VM {vmid}")
    here, there = ((owners[vmid] or ("",))[0] for vmid in digests)
    if here != there:
        raise Failure(f"Both VMs need to be on the same node ({here} != {there})")
    texts = {vmid: node.config_text(vmid) for vmid in digests}
    configs = {vmid: node.parsed(text) for vmid, text in texts.items()}
    for config in configs.values():
        check_lock(config)
    if any(config.is_template for config in configs.values()):
        raise Failure("Can't move disks from or to template VMs")
    _check_digests(call, texts, digests)
    return configs[call.vmid], configs[target]


def _check_digests(call: Call, texts: Mapping[int, str], names: Mapping[int, str]) -> None:
    for vmid, name in names.items():
        try:
            check_unmodified(call.get(name), texts[vmid])
        except Failure as failure:
            raise Failure(f"VM {vmid}: {failure.message}") from failure


def _fitting(call: Call, slot: str, drive: Drive) -> Drive:
    """Return the drive as it can be in another kind of slot; the program dies if it cannot."""
    if UNUSED_NAME.fullmatch(slot):
        return Drive(drive.file)
    spec = table("qm", call.node.capacity.pve).commands["set"].names[slot]
    if drive.properties.keys() - spec.properties.keys():
        raise Failure("failed to parse source disk for target disk format -")
    return drive


def _rename(call: Call, volid: str, target: int) -> str:
    """Give a volume to another VM, under that VM's next free name; returns its new id."""
    storages = call.node.storages
    storage = volid.partition(":")[0]
    volume = storages.remove(volid)
    if volume is None:
        raise Failure(f"volume '{volid}' does not exist")
    created, parent = volume.created, parent_of(volume.name)
    definition = storages.get(storage)
    name = image_name(definition, target, storages.free_name(storage, target), volume.format)
    keeps = bool(parent) and definition.kind.family in {"files", "rbd", "zfs"}
    moved = replace(volume, name=f"{parent}/{name}" if keeps else name, vmid=target)
    new = storages.add(storage, moved)
    moved.created = created
    return new


async def _leave(call: Call, source: VmConfig, slot: str, say: Say) -> None:
    order = source.boot_order() or []
    if slot in order:
        await say(f"removing disk '{slot}' from boot order config\n")
        source.values["boot"] = drives.boot_text(device for device in order if device != slot)
    del source.values[slot]
    await say(f"removing disk '{slot}' from VM '{call.vmid}' config\n")
    call.node.save(call.vmid, source)
