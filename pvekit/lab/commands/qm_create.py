"""``qm create``."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack

from pvekit.lab.commands import drives, power
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drives import DriveMaker
from pvekit.lab.commands.nets import net_text
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.tasks import Say, was_killed
from pvekit.lab.vmconfig import DRIVE_NAME, VmConfig

_NOT_STORED = frozenset({"vmid", "start", "storage", "pool", "unique", "force", "bwlimit"})
_NOT_SIMULATED = ("archive", "import-working-storage", "live-restore", "hookscript", "args")
_QEMU = "10.0.13"


async def create(call: Call) -> None:
    """Make a new VM with its disks; on a failure nothing of it stays."""
    for option in _NOT_SIMULATED:
        if option in call.values:
            raise NotSimulated(f"--{option}")
    _check_pool(call)
    wanted = drives.wanted(call.values)
    drives.check(call, wanted)
    _check_unused(call)
    prefix = f"unable to create VM {call.vmid} - "
    call.node.check_quorum()
    async with AsyncExitStack() as stack:
        try:
            lock = call.node.locking.config(call.vmid, call.process.complain, seconds=5)
            await stack.enter_async_context(lock)
        except Failure as failure:
            raise Failure(f"{prefix}{failure.message}") from failure
        _check_unused(call)
        # The id is ours from here on, for all nodes of the PVE cluster.
        call.node.save(call.vmid, VmConfig({"lock": "create"}))
        async with call.worker("qmcreate") as say:
            await _make(call, say)
    if call.on("start"):
        await _start(call)


def _check_unused(call: Call) -> None:
    owner = call.node.cluster.guests().get(call.vmid)
    if owner is not None:
        kind = "VM" if owner[1] == "qemu" else "CT"
        taken = f"{kind} {call.vmid} already exists on node '{owner[0]}'"
        raise Failure(f"unable to create VM {call.vmid} - {taken}")


def _check_pool(call: Call) -> None:
    pool = call.get("pool")
    if pool and pool not in call.node.pools():
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)")


async def _make(call: Call, say: Say) -> None:
    config = _base(call)
    volumes = Volumes(call.node, say)
    maker = DriveMaker(volumes, call.vmid)
    try:
        for slot, drive in drives.wanted(call.values).items():
            config.values[slot] = str(await maker.make(slot, drive, config))
        config.values.setdefault("boot", drives.default_boot(config))
        call.node.save(call.vmid, config)
    except Failure as failure:
        volumes.undo()
        call.node.forget(call.vmid)
        raise Failure(f"unable to create VM {call.vmid} - {failure.message}") from failure
    except asyncio.CancelledError:
        if not was_killed(call.process):
            volumes.undo()
            call.node.forget(call.vmid)
        raise


def _base(call: Call) -> VmConfig:
    values = {
        key: value
        for key, value in call.values.items()
        if key not in _NOT_STORED | {"description"} and not DRIVE_NAME.fullmatch(key)
    }
    for key in [key for key in values if re.fullmatch(r"net\d+", key)]:
        values[key] = net_text(call.node, call.command.names[key], values[key])
    ctime = int(call.node.machine.clock.now())
    values["meta"] = f"creation-qemu={_QEMU},ctime={ctime}"
    values.setdefault("smbios1", f"uuid={call.node.new_uuid()}")
    values.setdefault("vmgenid", call.node.new_uuid())
    return VmConfig(values, call.get("description").removesuffix("\n"))


async def _start(call: Call) -> None:
    # As recorded: a start that fails is told on stdout only, and the status stays 0.
    await call.process.say("Execute autostart\n")
    try:
        await power.start(call, call.process.say)
    except Failure as failure:
        await call.process.say(f"{failure.message}\n")
