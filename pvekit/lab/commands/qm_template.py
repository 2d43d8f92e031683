"""``qm template``."""

from __future__ import annotations

from pvekit.lab import snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock, check_off
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.features import has_feature
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import Drive, VmConfig


async def template(call: Call) -> None:
    """Turn a VM into a template: marked first, its disks converted one by one after that.

    What fails in the task is told with status 0: the program does not look at its result.
    """
    _check(call, call.node.config(call.vmid))
    try:
        async with (
            call.worker("qmtemplate") as say,
            call.node.locking.config(call.vmid, say),
        ):
            config = call.node.config(call.vmid)
            _check(call, config)
            await _convert(call, config, say)
    except Failure as failure:
        if not call.tasks:
            raise
        await call.process.complain(f"{failure.message}\n")


async def _convert(call: Call, config: VmConfig, say: Say) -> None:
    config.values["template"] = "1"
    call.node.save(call.vmid, config)
    volumes = Volumes(call.node, say)
    for slot, drive in list(config.drives()):
        wanted = call.get("disk") in {"", slot} and not drive.is_cdrom
        if wanted and has_feature(call.node.storages, "template", drive.file):
            base = await volumes.make_base(drive.file)
            config.values[slot] = str(Drive(base, drive.properties))
            call.node.save(call.vmid, config)


def _check(call: Call, config: VmConfig) -> None:
    check_lock(config)
    if snapshots.parse(config):
        raise Failure("unable to create template, because VM contains snapshots")
    if config.is_template and "disk" not in call.values:
        raise Failure("you can't convert a template to a template")
    check_off(call, "you can't convert a VM to template if VM is running")
