"""``qm destroy``."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock, check_off
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig


async def destroy(call: Call) -> None:
    """Remove a VM with all volumes that its configuration names and that are its own."""
    _check(call, call.node.config(call.vmid))
    async with (
        call.worker("qmdestroy") as say,
        call.node.locking.config(call.vmid, say),
    ):
        config = call.node.config(call.vmid)
        _check(call, config)
        await _destroy(call, config, say)


def _check(call: Call, config: VmConfig) -> None:
    if config.values.get("protection") == "1":
        raise Failure(f"can't remove VM {call.vmid} - protection mode enabled")
    check_lock(config, skip=call.on("skiplock"))
    check_off(call, f"VM {call.vmid} is running - destroy failed")


async def _destroy(call: Call, config: VmConfig, say: Say) -> None:
    node, vmid = call.node, call.vmid
    node.check_quorum()
    volumes = Volumes(node, say)
    own = {volid for _, volid in config.volumes() if is_own(call, volid)}
    for volid in sorted(own):
        if node.storages.children(volid):
            raise Failure(f"base volume '{volid}' is still in use by linked cloned")
    node.save(vmid, VmConfig(config.values | {"lock": "destroyed"}, config.description))
    for volid in sorted(own):
        await volumes.free(volid)
    if call.on("destroy-unreferenced-disks"):
        for definition in node.storages.active():
            for volid in node.storages.owned(definition.id, vmid):
                await volumes.free(volid)
    node.forget(vmid)
    if call.on("purge"):
        await say(f"purging VM {vmid} from related configurations..\n")


def is_own(call: Call, volid: str) -> bool:
    """Return whether a volume carries the VM's id; others' volumes and ISO files are left alone."""
    volume = call.node.storages.find(volid)
    return volume is not None and volume.vmid == call.vmid
