"""``qm disk resize``, ``import``, ``rescan`` and ``unlink``."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drives import file_source
from pvekit.lab.commands.guards import check_digest, check_lock
from pvekit.lab.commands.qm_set import remove_options
from pvekit.lab.commands.volumes import Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import (
    DRIVE_NAME,
    UNUSED_NAME,
    Drive,
    VmConfig,
    format_size,
    parse_size,
)


async def resize(call: Call) -> None:
    """Grow a disk. Every failure ends with status 0: the program does not look at its task."""
    try:
        async with call.worker("resize") as say:
            call.node.config(call.vmid)
            async with call.node.locking.config(call.vmid, say):
                await _resize(call, say)
    except Failure as failure:
        await call.process.complain(f"{failure.message}\n")


async def _resize(call: Call, say: Say) -> None:
    slot, size = call.values["disk"], call.values["size"]
    text = call.node.config_text(call.vmid)
    config = VmConfig.parse(text)
    check_digest(call, text)
    check_lock(config, skip=call.on("skiplock"))
    if slot not in config.values:
        raise Failure(f"disk '{slot}' does not exist")
    drive = Drive.parse(config.values[slot])
    if drive.is_cdrom:
        raise Failure("you can't resize a cdrom")
    volumes = Volumes(call.node, say)
    old = volumes.get(drive.file).size
    new = old + parse_size(size[1:]) if size.startswith("+") else parse_size(size)
    if new < old:
        raise Failure("shrinking disks is not supported")
    if new == old:
        return
    running = call.node.guest(call.vmid) is not None
    made = await volumes.resize(drive.file, new, running=running)
    config.values[slot] = str(drive.having(size=format_size(made)))
    call.node.save(call.vmid, config)


async def import_disk(call: Call) -> None:
    """Copy an image file to a storage and add it to the VM as an unused disk, or as a drive."""
    source, storage = call.values["source"], call.values["storage"]
    if not call.node.machine.files.is_file(source) or not source.startswith("/"):
        raise Failure(f"{source}: non-existent or non-regular file", 2)
    definition = call.node.storages.get(storage)
    if "images" not in definition.content:
        raise Failure(f"storage '{storage}' does not support content type 'images'")
    check_lock(call.node.config(call.vmid))
    say = call.process.say
    await say(f"importing disk '{source}' to VM {call.vmid} ...\n")
    # Not a task: nothing is cleaned up when its output breaks off.
    async with call.node.locking.config(call.vmid, call.process.complain):
        wish = Wish(storage, call.vmid, call.get("format"))
        volid = await Volumes(call.node, say).copy(file_source(call.node, source), wish)
        config = call.node.config(call.vmid)
        if target := call.get("target-disk"):
            key, text = target, volid
            if target in config.values:
                config.add_unused(Drive.parse(config.values[target]).file)
            config.values[target] = text
        else:
            key = config.add_unused(volid)
        call.node.save(call.vmid, config)
    await say(f"{key}: successfully imported disk '{volid}'\n")


async def rescan(call: Call) -> None:
    """Bring sizes up to date and note volumes that no configuration names."""
    dry = call.on("dryrun")
    if dry:
        await call.process.say("NOTE: running in dry-run mode, won't write changes out!\n")
    await call.process.say("rescan volumes...\n")
    vmids = [call.vmid] if "vmid" in call.values else call.node.vmids()
    for vmid in vmids:
        config = call.node.config(vmid)
        if lines := _rescanned(call, vmid, config):
            await call.process.say("".join(lines))
            if not dry:
                call.node.save(vmid, config)


def _rescanned(call: Call, vmid: int, config: VmConfig) -> list[str]:
    lines = []
    for slot, drive in list(config.drives()):
        volume = call.node.storages.find(drive.file)
        if volume is None or drive.is_cloudinit or drive.size_bytes == volume.size:
            continue
        old, new = format_size(drive.size_bytes), format_size(volume.size)
        told = f"size of disk '{drive.file}' updated from {old} to {new}"
        lines.append(f"VM {vmid} ({slot}): {told}\n")
        config.values[slot] = str(drive.having(size=new))
    named = {volid for _, volid in config.volumes()}
    for definition in call.node.storages.active():
        for volid in call.node.storages.owned(definition.id, vmid):
            if volid not in named:
                key = config.add_unused(volid)
                lines.append(f"VM {vmid} add unreferenced volume '{volid}' as '{key}' to config\n")
    return lines


async def unlink(call: Call) -> None:
    """Detach disks, or remove them with ``--force`` or when they are unused already."""
    names = [name for name in call.values["idlist"].split(",") if name]
    for name in names:
        if not (DRIVE_NAME.fullmatch(name) or UNUSED_NAME.fullmatch(name)):
            raise call.refuse(delete=f"unknown option '{name}'")
    await remove_options(call, names)
