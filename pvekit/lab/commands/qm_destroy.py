"""``qm destroy``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pvekit.lab import snapshots
from pvekit.lab.access.store import remove_vm_access
from pvekit.lab.commands import related
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock, check_off
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config as ha
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import DRIVE_NAME, UNUSED_NAME, Drive, VmConfig

_BUSES = ("ide", "scsi", "virtio", "sata", "efidisk", "tpmstate", "unused", "vmstate")


async def destroy(call: Call) -> None:
    """Remove a VM with all volumes that its configuration names and that are its own."""
    _check(call, call.node.config(call.vmid))
    async with (
        call.worker("qmdestroy") as say,
        call.node.locking.config(call.vmid, say),
    ):
        config = call.node.config(call.vmid)
        in_ha = _check(call, config)
        await _destroy(call, config, say)
        await _forget(call, say, in_ha=in_ha)


def _check(call: Call, config: VmConfig) -> bool:
    """Return whether the VM is under HA; the program dies if it may not be removed."""
    node, vmid = call.node, call.vmid
    if config.values.get("protection") == "1":
        raise Failure(f"can't remove VM {vmid} - protection mode enabled")
    in_ha = ha.configured(node, vmid)
    if not call.on("purge"):
        if in_ha:
            why = "used in HA resources and purge parameter not set."
            raise Failure(f"unable to remove VM {vmid} - {why}")
        related.check_replication(node, vmid)
    check_off(call, f"VM {vmid} is running - destroy failed")
    return in_ha


async def _destroy(call: Call, config: VmConfig, say: Say) -> None:
    node, vmid = call.node, call.vmid
    if config.lock != "suspended":
        check_lock(config, skip=call.on("skiplock"))
    if config.is_template:
        _check_children(call, config)
    await _free_own(call, config, say)
    if call.on("destroy-unreferenced-disks"):
        await _free_unreferenced(call, say)
    node.save(vmid, VmConfig({"lock": "destroyed"}))


def _check_children(call: Call, config: VmConfig) -> None:
    for volid in _volumes(config):
        if ":" in volid and call.node.storages.children(volid):
            raise Failure(f"base volume '{volid}' is still in use by linked cloned")


async def _free_own(call: Call, config: VmConfig, say: Say) -> None:
    volumes = Volumes(call.node, say)
    done: set[str] = set()
    for volid in [*_volumes(config), *_states(config), *_volumes(VmConfig(config.pending))]:
        if volid in done or not is_own(call, volid):
            continue
        done.add(volid)
        try:
            await volumes.free(volid)
        except Failure as failure:
            await say(f"Could not remove disk '{volid}', check manually: {failure.message}\n")


async def _free_unreferenced(call: Call, say: Say) -> None:
    """Scan all storages that are on: one that does not answer breaks everything off."""
    volumes = Volumes(call.node, say)
    for volid in [volid for volid in _scan(call) if is_own(call, volid)]:
        try:
            await volumes.free(volid)
        except Failure as failure:
            await say(f"{failure.message}\n")


def _scan(call: Call) -> list[str]:
    node, found = call.node, list[str]()
    for definition in node.storages.active():
        if "images" in definition.content:
            found += node.storages.owned(definition.id, call.vmid)
    return found


async def _forget(call: Call, say: Say, *, in_ha: bool) -> None:
    node, vmid = call.node, call.vmid
    await remove_vm_access(node, vmid, say)
    related.remove_firewall(node, vmid)
    if call.on("purge"):
        await say(f"purging VM {vmid} from related configurations..\n")
        await related.purge_jobs(node, vmid, say)
        if in_ha:
            await ha.forget(node, vmid, say)
            await say(f"NOTE: removed VM {vmid} from HA resource configuration.\n")
    node.forget(vmid)


def _volumes(config: VmConfig) -> Iterator[str]:
    """Return the volumes that a configuration names, in the order in which they are removed."""
    keys = [key for key in config.values if DRIVE_NAME.fullmatch(key) or UNUSED_NAME.fullmatch(key)]
    keys += ["vmstate"] if "vmstate" in config.values else []
    for key in sorted(keys, key=_rank):
        drive = Drive.parse(config.values[key])
        if drive.has_volume and (drive.is_cloudinit or not drive.is_cdrom):
            yield drive.file


def _rank(key: str) -> tuple[int, int]:
    found = re.fullmatch(r"([a-z]+)(\d*)", key)
    bus, number = (found[1], found[2]) if found else (key, "")
    return _BUSES.index(bus), int(number or "0")


def _states(config: VmConfig) -> Iterator[str]:
    for snapshot in snapshots.parse(config).values():
        if snapshot.vmstate:
            yield snapshot.vmstate


def is_own(call: Call, volid: str) -> bool:
    """Return whether a volume carries the VM's id; others' volumes and ISO files are left alone."""
    name = volid.partition(":")[2]
    if not name or volid.startswith("/"):
        return False
    call.node.storages.path(volid)  # the program dies if its storage is not defined
    return owner_of(name) == call.vmid


def owner_of(name: str) -> int:
    """Return the vmid in a volume's name, without its storage, or 0."""
    found = re.fullmatch(r"(?:\d+/base-[^/]+/)?(\d+)/[^/]+", name)
    found = found or re.fullmatch(r"(?:base-\d+-[^/]+/)?(?:vm|base|subvol)-(\d+)-[^/]+", name)
    return int(found[1]) if found else 0
