"""``qm template``."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock, check_off
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.vmconfig import Drive, VmConfig


async def template(call: Call) -> None:
    """Turn a VM into a template: marked first, its disks converted one by one after that."""
    if "disk" in call.values:
        raise NotSimulated("--disk")
    _check(call, call.node.config(call.vmid))
    async with (
        call.worker("qmtemplate") as say,
        call.node.locking.config(call.vmid, say, seconds=1),
    ):
        config = call.node.config(call.vmid)
        _check(call, config)
        config.values["template"] = "1"
        call.node.save(call.vmid, config)
        volumes = Volumes(call.node, say)
        for slot, drive in list(config.drives()):
            if drive.has_volume and not drive.is_cdrom:
                base = await volumes.make_base(drive.file)
                config.values[slot] = str(Drive(base, drive.properties))
                call.node.save(call.vmid, config)


def _check(call: Call, config: VmConfig) -> None:
    check_lock(config)
    if config.sections:
        raise Failure("unable to create template, because VM contains snapshots")
    if config.is_template:
        raise Failure("you can't convert a template to a template")
    check_off(call, "you can't convert a VM to template if VM is running")
