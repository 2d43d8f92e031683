"""The start of a VM: what is applied and checked before its emulator runs."""

from __future__ import annotations

import re

from pvekit.lab.commands import hooks, hotplug
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cichanges import settle
from pvekit.lab.commands.cloudinit import generate
from pvekit.lab.commands.emulator import check_emulator, check_hardware
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.pending import Applier
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Iso
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig

_OF_STATE = ("lock", "vmstate", "runningmachine", "runningcpu")


async def start(call: Call, say: Say) -> None:
    """Power a VM on with its pending changes applied, or wake it from its saved state."""
    node, vmid = call.node, call.vmid
    config = node.config(vmid)
    if config.is_template:
        raise Failure("you can't start a vm if it's a template")
    guest = node.guest(vmid)
    if guest is not None and config.lock == "backup":
        guest.resume()
        return
    suspended = config.lock == "suspended"
    check_lock(config, skip=suspended or call.on("skiplock"))
    if guest is not None:
        raise Failure(f"VM {vmid} already running")
    await _start(call, config, say, resume=suspended or "vmstate" in config.values)


async def _start(call: Call, config: VmConfig, say: Say, *, resume: bool) -> None:
    node = call.node
    if config.pending:
        await Applier(node, call.vmid, config, Volumes(node, say), say, say).apply()
    iso = await _cloudinit(call, config, say)
    await hooks.run(call, config, "pre-start", say, must=True)
    if resume:
        await say("Resuming suspended VM\n")
    await check_hardware(call, config, say)
    _check_volumes(call, config)
    await node.machine.clock.sleep(node.machine.clock.figures.vm_start)
    await check_emulator(call, config, say)
    await _check_bridges(call, config, say)
    if node.world.faults.take("start-fails", str(call.vmid)):
        raise Failure("start failed: QEMU exited with code 1")
    node.power_on(call.vmid, config, iso, resume=resume)
    if config.values.get("freeze") == "1" and not resume:
        node.guests[call.vmid].hold()
    if resume:
        await _drop_state(call, config, say)
    await hooks.run(call, config, "post-start", say)


async def _cloudinit(call: Call, config: VmConfig, say: Say) -> Iso | None:
    iso = await generate(call.node, call.vmid, config, say)
    if settle(config):
        call.node.save(call.vmid, config)
    return iso


async def _drop_state(call: Call, config: VmConfig, say: Say) -> None:
    await say("Resumed VM, removing state\n")
    if volid := config.values.get("vmstate"):
        call.node.storages.remove(volid)
    for key in _OF_STATE:
        config.values.pop(key, None)
    call.node.save(call.vmid, config)


def _check_volumes(call: Call, config: VmConfig) -> None:
    for _, drive in config.drives():
        if not drive.has_volume:
            continue
        call.node.storages.usable(drive.file.partition(":")[0])
        if not call.node.storages.exists(drive.file):
            raise Failure(f"volume '{drive.file}' does not exist")


async def _check_bridges(call: Call, config: VmConfig, say: Say) -> None:
    for key, text in sorted(config.values.items()):
        if not re.fullmatch(r"net\d+", key) or not (bridge := hotplug.missing_bridge(call, text)):
            continue
        scripts = "/usr/libexec/qemu-server/pve-bridge"
        await say(
            f"bridge '{bridge}' does not exist\nqemu-system-x86_64: -netdev type=tap,id={key},"
            f"ifname=tap{call.vmid}i{key[3:]},script={scripts},downscript={scripts}down: "
            f"network script {scripts} failed with status 512\n"
        )
        raise Failure("start failed: QEMU exited with code 1")
