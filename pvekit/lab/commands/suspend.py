"""Pausing a VM, saving its memory to a disk, and going on."""

from __future__ import annotations

import re

from pvekit.lab.commands import ha_request, vmstate
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.presence import check_on, is_on
from pvekit.lab.commands.starting import start
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.dates import day
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig


async def suspend(call: Call) -> None:
    """``qm suspend``: pause the VM, or save its memory and turn it off with ``--todisk``."""
    check_on(call)
    to_disk = call.on("todisk")
    if to_disk:
        if ha_request.managed(call):
            raise Failure("Cannot suspend HA managed VM to disk")
        _check_devices(call.node.config(call.vmid))
    async with call.worker("qmsuspend" if to_disk else "qmpause") as say:
        if to_disk:
            await _hibernate(call, say)
        else:
            await _pause(call, say)


def _check_devices(config: VmConfig) -> None:
    if any(re.fullmatch(r"hostpci\d+", key) for key in config.values):
        why = "which lack the possibility to save/restore their internal state"
        raise Failure(f"cannot suspend VM to disk due to passed-through PCI device(s), {why}")


async def _pause(call: Call, say: Say) -> None:
    async with call.node.locking.config(call.vmid, say):
        config = call.node.config(call.vmid)
        check_lock(config, skip=call.on("skiplock") or config.lock == "backup")
        check_on(call)
        call.node.guests[call.vmid].pause()


async def _hibernate(call: Call, say: Say) -> None:
    node, vmid = call.node, call.vmid
    async with node.locking.config(vmid, say):
        config = node.config(vmid)
        if config.lock == "backup":
            raise Failure("cannot suspend to disk during backup")
        check_lock(config, skip=call.on("skiplock"))
        name = f"suspend-{day(node.machine.clock.now())}"
        volumes, storage = Volumes(node, say), call.get("statestorage")
        state = await vmstate.allocate(call, volumes, config, name, storage)
        config.values |= {"lock": "suspending", **state}
        node.save(vmid, config)
    clock = node.machine.clock
    await clock.sleep(config.memory_mb / clock.figures.suspend_to_disk)
    await say("State saved, quitting\n")
    async with node.locking.config(vmid, say):
        config = node.config(vmid)
        if config.lock != "suspending":
            raise Failure("lock changed unexpectedly")
        node.put_aside(vmid)
        config.values["lock"] = "suspended"
        node.save(vmid, config)


async def resume(call: Call) -> None:
    """``qm resume``: go on, or start with the memory that was saved."""
    suspended = await _is_suspended(call)
    if not suspended and not is_on(call):
        raise Failure(f"VM {call.vmid} not running", 2)
    async with call.worker("qmresume") as say, call.node.locking.config(call.vmid, say):
        if suspended:
            await start(call, say)
        else:
            _go_on(call)


async def _is_suspended(call: Call) -> bool:
    try:
        async with call.node.locking.config(call.vmid, call.process.complain):
            return call.node.config(call.vmid).lock == "suspended"
    except Failure:
        return False


def _go_on(call: Call) -> None:
    check_on(call)
    config, guest = call.node.config(call.vmid), call.node.guests[call.vmid]
    if config.is_template:
        raise Failure(f"VM {call.vmid} is a template and cannot be resumed!")
    if guest.state == "running":
        return
    check_lock(config, skip=call.on("skiplock") or config.lock == "backup")
    guest.resume()
