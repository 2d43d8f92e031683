"""``qm disk resize``, ``import``, ``rescan`` and ``unlink``."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Iterator

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.conversion import Conversion
from pvekit.lab.commands.drivemaking import file_source, supported
from pvekit.lab.commands.guards import check_digest, check_lock
from pvekit.lab.commands.pending import Applier
from pvekit.lab.commands.qm_set import remove_options
from pvekit.lab.commands.volumes import Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import UNUSED_NAME, Drive, VmConfig, format_size, parse_size


async def resize(call: Call) -> None:
    """Grow a disk. Every failure ends with status 0: the program does not look at its task."""
    try:
        async with call.worker("resize") as say, call.node.locking.config(call.vmid, say):
            await _resize(call, say)
    except Failure as failure:
        await call.process.complain(f"{failure.message}\n")


async def _resize(call: Call, say: Say) -> None:
    slot, size = call.values["disk"], call.values["size"]
    text = call.node.config_text(call.vmid)
    config = call.node.parsed(text)
    check_digest(call.get("digest"), text)
    check_lock(config, skip=call.on("skiplock"))
    if not config.values.get(slot):
        raise Failure(f"disk '{slot}' does not exist")
    drive = Drive.parse(config.values[slot])
    definition, name = call.node.storages.split(drive.file)
    call.node.storages.check_name(definition, name)
    if drive.is_cdrom:
        raise Failure("you can't resize a cdrom")
    volumes = Volumes(call.node, say)
    old = volumes.get(drive.file).size
    new = parse_size(size.removeprefix("+")) + (old if size.startswith("+") else 0)
    if new < old:
        raise Failure("shrinking disks is not supported")
    if new == old:
        return
    if definition.path and not re.search(r"\.(raw|qcow2)$", name):
        raise Failure("can't resize this image format")
    running = call.node.guest(call.vmid) is not None
    made = await volumes.resize(drive.file, new, running=running)
    config.values[slot] = str(drive.having(size=format_size(made)))
    call.node.save(call.vmid, config)


async def import_disk(call: Call) -> None:
    """Copy an image file to a storage and add it to the VM as an unused disk, or as a drive."""
    source, storage = call.values["source"], call.values["storage"]
    path = posixpath.join(call.process.cwd, source)
    check_lock(call.node.config(call.vmid))
    if not call.node.machine.files.is_file(path):
        raise Failure(f"{source}: non-existent or non-regular file", 2)
    definition = call.node.storages.enabled(storage)
    if "images" not in definition.content:
        raise Failure(f"storage {storage} does not support vm images")
    await call.process.say(f"importing disk '{source}' to VM {call.vmid} ...\n")
    key, volid = await import_file(call, path, storage, call.get("format"), call.get("target-disk"))
    await call.process.say(f"{key}: successfully imported disk '{volid}'\n")


async def import_file(
    call: Call, path: str, storage: str, image_format: str, slot: str, *, locked: bool = False
) -> tuple[str, str]:
    """Copy an image file into a VM; returns the option that names the new volume, and its id.

    ``locked`` is for a VM whose configuration has the caller's own lock property.
    """
    volumes = Volumes(call.node, call.process.say)
    wish = Wish(storage, call.vmid, supported(call.node, storage, image_format))
    volid = ""
    try:
        volid = await Conversion(volumes, call.process).run(file_source(call.node, path), wish)
        async with call.node.locking.config(call.vmid, call.process.complain):
            return await _note(call, volumes, slot, volid, locked=locked), volid
    except Failure:
        if volid:
            await volumes.free(volid)
        raise


async def _note(call: Call, volumes: Volumes, slot: str, volid: str, *, locked: bool) -> str:
    config = call.node.config(call.vmid)
    check_lock(config, skip=locked)
    if not slot or UNUSED_NAME.fullmatch(slot):
        key = config.add_unused(volid)
        call.node.save(call.vmid, config)
        return key
    say, warn = call.process.say, call.process.complain
    config.pending[slot] = volid
    await Applier(call.node, call.vmid, config, volumes, say, warn).apply()
    return slot


async def rescan(call: Call) -> None:
    """Bring sizes up to date and note volumes that no configuration names."""
    dry = call.on("dryrun")
    if dry:
        await call.process.say("NOTE: running in dry-run mode, won't write changes out!\n")
    await call.process.say("rescan volumes...\n")
    vmids = [call.vmid] if "vmid" in call.values else call.node.vmids()
    for vmid in vmids:
        async with call.node.locking.config(vmid, call.process.complain):
            config = call.node.config(vmid)
            check_lock(config)
            if lines := list(_rescanned(call, vmid, config)):
                await call.process.say("".join(lines))
                if not dry:
                    call.node.save(vmid, config)
        await asyncio.sleep(0)


def _rescanned(call: Call, vmid: int, config: VmConfig) -> Iterator[str]:
    found = {
        volid
        for definition in call.node.storages.active()
        if "images" in definition.content
        for volid in call.node.storages.owned(definition.id, vmid)
    }
    named = {drive.file for _, drive in config.drives()}
    yield from _sized(call, vmid, config)
    for key in sorted(filter(UNUSED_NAME.fullmatch, config.values)):
        volid = Drive.parse(config.values[key]).file
        if volid in named:
            yield f"VM {vmid} remove entry '{key}', its volume '{volid}' is in use\n"
            del config.values[key]
        named.add(volid)
    for volid in sorted(found - named):
        if f"vm-{vmid}-state-" not in volid:
            key = config.add_unused(volid)
            yield f"VM {vmid} add unreferenced volume '{volid}' as '{key}' to config\n"


def _sized(call: Call, vmid: int, config: VmConfig) -> Iterator[str]:
    for slot, drive in list(config.drives()):
        volume = call.node.storages.find(drive.file) if drive.has_volume else None
        if volume is None or drive.is_cdrom or volume.vmid != vmid:
            continue
        if drive.size_bytes != volume.size:
            old, new = format_size(drive.size_bytes), format_size(volume.size)
            told = f"size of disk '{drive.file}' updated from {old} to {new}"
            yield f"VM {vmid} ({slot}): {told}\n"
            config.values[slot] = str(drive.having(size=new))


async def unlink(call: Call) -> None:
    """Detach disks, or remove them with ``--force`` or when they are unused already."""
    await remove_options(call, call.values["idlist"])
