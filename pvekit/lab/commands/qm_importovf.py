"""``qm importovf``."""

from __future__ import annotations

import posixpath

from pvekit.lab.api.serial import pretty
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drives import default_boot
from pvekit.lab.commands.qm_create import reserve
from pvekit.lab.commands.qm_disk import import_file
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.ovf import Manifest, read_manifest
from pvekit.lab.vmconfig import VmConfig

_TAKEN = ("name", "memory", "cores")


async def import_ovf(call: Call) -> None:
    """Make a VM from a manifest and the images beside it; it gets no network cards."""
    given = call.values["manifest"]
    path = posixpath.normpath(posixpath.join(call.process.cwd, given))
    if not call.node.machine.files.is_file(path):
        raise Failure(f"{given}: non-existent or non-regular file", 2)
    call.node.storages.enabled(call.values["storage"])
    manifest = read_manifest(call.node.machine.files, path)
    for line in manifest.warnings:
        await call.process.complain(f"{line}\n")
    if call.on("dryrun"):
        await call.process.say(pretty(manifest.shown()))
        return
    try:
        await reserve(call)
    except Failure as failure:
        head = f"Reserving empty config for OVF import to VM {call.vmid} failed"
        raise Failure(f"{head}: {failure.message}") from failure
    await _import(call, manifest)


async def _import(call: Call, manifest: Manifest) -> None:
    node, made = call.node, list[str]()
    config = node.config(call.vmid)
    config.values |= {k: manifest.values[k] for k in _TAKEN if k in manifest.values}
    config.values |= {"vmgenid": node.new_uuid(), "smbios1": f"uuid={node.new_uuid()}"}
    try:
        node.save(call.vmid, config)
        for disk in manifest.disks:
            _, volid = await import_file(
                call, disk.path, call.values["storage"], call.get("format"), disk.slot, locked=True
            )
            made.append(volid)
        config = node.config(call.vmid)
        config.values["boot"] = default_boot(config)
        config.values.pop("lock", None)
        node.save(call.vmid, config)
    except Failure as failure:
        await _clean_up(call, made)
        raise Failure(f"import failed - {failure.message}") from failure


async def _clean_up(call: Call, made: list[str]) -> None:
    await call.process.complain("error during import, cleaning up created resources...\n")
    volumes = Volumes(call.node, call.process.say)
    for volid in made:
        await volumes.free(volid)
    call.node.save(call.vmid, VmConfig({"lock": "create"}))
    call.node.forget(call.vmid)
