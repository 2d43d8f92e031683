"""Turning VMs on and off."""

from __future__ import annotations

import re

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cloudinit import drive_iso
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.nets import bridge_of
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig

_START_SECONDS = 1.5
_SHUTDOWN_TIMEOUT = 60.0  # seconds, without --timeout


def _require_running(call: Call) -> None:
    if not call.node.guest(call.vmid):
        raise Failure(f"VM {call.vmid} not running", 2)


async def qm_start(call: Call) -> None:
    """``qm start``: as a task, under the configuration lock."""
    if {"stateuri", "migratedfrom"} & call.values.keys():
        raise NotSimulated("incoming migration")
    async with (
        call.worker("qmstart") as say,
        call.node.locking.config(call.vmid, say),
    ):
        await start(call, say)


async def start(call: Call, say: Say) -> None:
    """Power a VM on with its pending changes applied."""
    node, vmid = call.node, call.vmid
    config = node.config(vmid)
    if config.is_template:
        raise Failure("you can't start a vm if it's a template")
    check_lock(config, skip=call.on("skiplock"))
    if node.guest(vmid):
        raise Failure(f"VM {vmid} already running")
    node.check_quorum()
    config = apply_pending(call, config)
    _check_volumes(call, config)
    if config.cloudinit_slot():
        await say("generating cloud-init ISO\n")
    iso = drive_iso(node, vmid, config)
    await node.machine.clock.sleep(_START_SECONDS)
    await _check_bridges(call, config, say)
    if node.world.faults.take("start-fails", str(vmid)):
        raise Failure("start failed: QEMU exited with code 1")
    node.power_on(vmid, config, iso)


def apply_pending(call: Call, config: VmConfig) -> VmConfig:
    """Write the configuration with its pending changes applied, and return it."""
    if not config.pending:
        return config
    config.values = config.effective()
    config.pending = {}
    call.node.save(call.vmid, config)
    return config


def _check_volumes(call: Call, config: VmConfig) -> None:
    for _, drive in config.drives():
        if not drive.has_volume:
            continue
        call.node.storages.usable(drive.file.partition(":")[0])
        if not call.node.storages.exists(drive.file):
            raise Failure(f"volume '{drive.file}' does not exist")


async def _check_bridges(call: Call, config: VmConfig, say: Say) -> None:
    for key, text in sorted(config.values.items()):
        bridge = bridge_of(text)
        if not re.fullmatch(r"net\d+", key) or not bridge:
            continue
        if not call.node.machine.files.is_dir(f"/sys/class/net/{bridge}/bridge"):
            scripts = "/usr/libexec/qemu-server/pve-bridge"
            await say(
                f"bridge '{bridge}' does not exist\nqemu-system-x86_64: -netdev type=tap,id={key},"
                f"ifname=tap{call.vmid}i{key[3:]},script={scripts},downscript={scripts}down: "
                f"network script {scripts} failed with status 512\n"
            )
            raise Failure("start failed: QEMU exited with code 1")


async def stop(call: Call) -> None:
    """``qm stop``: cut the power; a VM that is off is fine."""
    node, vmid = call.node, call.vmid
    if vmid not in node.vmids():
        raise Failure(f"unable to find configuration file for VM {vmid} on node '{node.name}'")
    async with call.worker("qmstop") as say:
        if not node.guest(vmid):
            return
        async with node.locking.config(vmid, say):
            node.power_off(vmid)


async def shutdown(call: Call) -> None:
    """``qm shutdown``: ask the guest, and wait."""
    node, vmid = call.node, call.vmid
    node.config(vmid)
    async with call.worker("qmshutdown"):
        if not node.guest(vmid):
            # As recorded: status 0, and the words on stderr.
            await call.process.complain(f"VM {vmid} not running\n\n")
            return
        await _shut_down(call)


async def _shut_down(call: Call) -> None:
    guest = call.node.guests[call.vmid]
    if await guest.shutdown(float(call.get("timeout", str(_SHUTDOWN_TIMEOUT)))):
        return
    if not call.on("forceStop"):
        raise Failure("VM quit/powerdown failed - got timeout")
    call.node.power_off(call.vmid)


async def reboot(call: Call) -> None:
    """``qm reboot``: shut down and start again, which applies pending changes."""
    call.node.config(call.vmid)
    if not call.node.guest(call.vmid):
        raise Failure(f"VM {call.vmid} not running\n\nVM {call.vmid} not running", 2)
    async with call.worker("qmreboot"):
        await _shut_down(call)
        await start(call, _silence)


async def reset(call: Call) -> None:
    """``qm reset``: press the button."""
    call.node.config(call.vmid)
    _require_running(call)
    async with call.worker("qmreset"):
        call.node.guests[call.vmid].reset()


async def _silence(_: str) -> None:
    """Say nothing: the start within a reboot is not heard."""


async def unlock(call: Call) -> None:
    """``qm unlock``: remove the lock property, whoever set it."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        config.values.pop("lock", None)
        call.node.save(call.vmid, config)
