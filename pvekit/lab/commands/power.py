"""Turning VMs on and off."""

from __future__ import annotations

import re
from dataclasses import replace

from pvekit.lab.commands import ha_request, hooks
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.presence import agent_answers, check_on, is_on, is_paused
from pvekit.lab.commands.starting import start as start  # noqa: PLC0414 - others start VMs from here
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.streams import BytesWriter
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig

_SHUTDOWN_TIMEOUT = 60.0  # seconds, without --timeout
_INCOMING = ("stateuri", "migratedfrom", "migration_type", "migration_network", "nets-host-mtu")


async def qm_start(call: Call) -> None:
    """``qm start``: as a task, under the configuration lock."""
    if "targetstorage" in call.values and "migratedfrom" not in call.values:
        raise call.refuse(targetstorage="targetstorage can only by used with migratedfrom.")
    if call.values.keys() & set(_INCOMING):
        raise NotSimulated("incoming migration")
    call.node.check_quorum()
    if ha_request.managed(call):
        await ha_request.ask(call, "start", _ha("set", call, "--state", "started"))
        return
    async with call.worker("qmstart") as say, call.node.locking.config(call.vmid, say):
        await start(call, say)


def _ha(verb: str, call: Call, *more: str) -> tuple[str, ...]:
    return ("ha-manager", *verb.split(), f"vm:{call.vmid}", *more)


async def stop(call: Call) -> None:
    """``qm stop``: cut the power; a VM that is off is fine."""
    if "migratedfrom" in call.values:
        raise NotSimulated("--migratedfrom")
    if ha_request.managed(call):
        words = _ha("crm-command stop", call, call.get("timeout", "0"))
        await ha_request.ask(call, "stop", words)
        return
    async with call.worker("qmstop") as say:
        if call.on("overrule-shutdown"):
            await _overrule(call, say)
        async with call.node.locking.config(call.vmid, say):
            await _stop(call, say)


async def _overrule(call: Call, say: Say) -> None:
    """End the shutdown tasks of the VM that still wait for its guest."""
    processes, ended = call.node.machine.processes, []
    for task in call.node.tasks.all:
        if task.kind != "qmshutdown" or task.id != str(call.vmid) or task.endtime:
            continue
        ended.append(task.upid)
        if live := processes.get(task.pid):
            live.deliver(15)
    if ended:
        await say(f"overruled qmshutdown tasks: {', '.join(ended)}\n")


async def _stop(call: Call, say: Say) -> None:
    if not is_on(call):
        return
    config = call.node.config(call.vmid)
    check_lock(config, skip=call.on("skiplock"))
    await hooks.run(call, config, "pre-stop", say)
    call.node.power_off(call.vmid)
    await hooks.stopped(call, config)


async def shutdown(call: Call) -> None:
    """``qm shutdown``: ask the guest, and wait."""
    politely = True
    if await is_paused(call):
        if not call.on("forceStop"):
            raise Failure("VM is paused - cannot shutdown")
        await call.process.complain("VM is paused - stop instead of shutdown\n")
        politely = False
    if ha_request.managed(call):
        words = _ha("crm-command stop", call, call.get("timeout", "60"))
        await ha_request.ask(call, "stop", words)
        return
    async with call.worker("qmshutdown") as say, call.node.locking.config(call.vmid, say):
        if politely:
            await _shut_down(call, say, force=call.on("forceStop"))
        else:
            await _stop(call, say)


async def _shut_down(call: Call, say: Say, *, force: bool = False) -> None:
    if not is_on(call):
        return
    config = call.node.config(call.vmid)
    check_lock(config, skip=call.on("skiplock"))
    await hooks.run(call, config, "pre-stop", say)
    guest = call.node.guests[call.vmid]
    by_agent = guest.hardware.agent and await agent_answers(call, say)
    if not await guest.shutdown(_patience(call, config), by_agent=by_agent):
        if not force:
            raise Failure("VM quit/powerdown failed - got timeout")
        await say("VM still running - terminating now with SIGTERM\n")
        call.node.power_off(call.vmid)
    await hooks.stopped(call, config)


def _patience(call: Call, config: VmConfig) -> float:
    down = re.search(r"(?:^|,)down=(\d+)", config.values.get("startup", ""))
    ordered = float(down[1]) if down else 0.0
    return float(call.values.get("timeout", ordered or _SHUTDOWN_TIMEOUT))


async def reboot(call: Call) -> None:
    """``qm reboot``: shut down and start again, which applies pending changes."""
    if await is_paused(call):
        raise Failure("VM is paused - cannot shutdown")
    check_on(call)
    async with call.worker("qmreboot") as say, call.node.locking.config(call.vmid, say):
        await _shut_down(call, say)
    await _start_again(call)


async def _start_again(call: Call) -> None:
    """Start the VM as the node's event daemon does once it is off: a task that nobody hears."""
    unheard = replace(call.process, stdout=BytesWriter(), stderr=BytesWriter())
    values = {key: call.values[key] for key in ("vmid", "node") if key in call.values}
    try:
        await qm_start(replace(call, process=unheard, values=values, tasks=[]))
    except Failure:
        return  # it is in the task's log


async def reset(call: Call) -> None:
    """``qm reset``: press the button."""
    check_on(call)
    async with call.worker("qmreset") as say, call.node.locking.config(call.vmid, say):
        check_lock(call.node.config(call.vmid), skip=call.on("skiplock"))
        call.node.guests[call.vmid].reset()


async def unlock(call: Call) -> None:
    """``qm unlock``: remove the lock property, whoever set it."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        config.values.pop("lock", None)
        call.node.save(call.vmid, config)
