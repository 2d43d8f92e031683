"""``qm create``."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace

from pvekit.lab.access.store import add_vm_to_pool
from pvekit.lab.backup.restore import restore
from pvekit.lab.commands import drives, power
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drivemaking import DriveMaker
from pvekit.lab.commands.inputs import check_keys
from pvekit.lab.commands.nets import clamped_shares, net_text
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.qemu import QEMU, machine_series
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import DRIVE_NAME, Drive, VmConfig
from pvekit.lab.workers import was_killed

_NOT_STORED = frozenset(
    {"vmid", "node", "start", "storage", "pool", "unique", "force", "bwlimit"}
    | {"live-restore", "import-working-storage", "archive", "ha-managed"}
)
_NOT_SIMULATED = ("import-working-storage", "live-restore", "ha-managed")


async def create(call: Call) -> None:
    """Make a new VM with its disks; on a failure nothing of it stays."""
    check_keys(call.get("sshkeys"))
    call.node.check_quorum()
    check_pool(call)
    for option in _NOT_SIMULATED:
        if option in call.values:
            raise NotSimulated(f"--{option}")
    if "archive" in call.values:
        await restore(call)
        return
    values = drives.without_alias(call.values)
    wanted = await drives.wanted(call, values)
    drives.check_storages(call, wanted)
    wanted = drives.checked(call, wanted)
    try:
        await reserve(call)
    except Failure as failure:
        raise Failure(f"unable to create VM {call.vmid} - {failure.message}") from failure
    async with call.worker("qmcreate") as say:
        # The id is ours already; nobody else writes a configuration that is locked so.
        async with call.node.locking.config(call.vmid, say, seconds=1):
            await _make(call, _base(call, values), wanted, say)
        if call.on("start"):
            await _start(call, say)


async def reserve(call: Call) -> None:
    """Make the new VM's id ours, for all nodes of the PVE cluster."""
    async with call.node.locking.config(call.vmid, call.process.complain, seconds=5):
        owner = call.node.cluster.owner(call.vmid)
        if owner is not None:
            kind = "VM" if owner[1] == "qemu" else "CT"
            raise Failure(f"{kind} {call.vmid} already exists on node '{owner[0]}'")
        call.node.save(call.vmid, VmConfig({"lock": "create"}))


def check_pool(call: Call) -> None:
    """Refuse a pool that does not exist."""
    pool = call.get("pool")
    if pool and pool not in call.node.pools():
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)")


async def _make(call: Call, config: VmConfig, wanted: dict[str, Drive], say: Say) -> None:
    maker = DriveMaker(Volumes(call.node, say), call.vmid, call.process)
    try:
        for slot, drive in wanted.items():
            config.values[slot] = str(await maker.make(slot, drive, config))
        _complete(call, config)
        call.node.save(call.vmid, config)
    except Failure as failure:
        await maker.take_back()
        call.node.forget(call.vmid)
        raise Failure(f"unable to create VM {call.vmid} - {failure.message}") from failure
    except asyncio.CancelledError:
        if not was_killed(call.process):
            maker.volumes.undo()
            call.node.forget(call.vmid)
        raise
    if pool := call.get("pool"):
        await add_vm_to_pool(call.node, call.vmid, pool, say)


def _base(call: Call, values: dict[str, str]) -> VmConfig:
    """Return the configuration without drives."""
    stored = {
        key: value
        for key, value in values.items()
        if key not in _NOT_STORED | {"description"} and not DRIVE_NAME.fullmatch(key)
    }
    for key in [key for key in stored if re.fullmatch(r"net\d+", key)]:
        stored[key] = net_text(call.node, key, stored[key])
    if "cpuunits" in stored:
        stored["cpuunits"] = clamped_shares(stored["cpuunits"])
    ctime = int(call.node.machine.clock.now())
    stored["meta"] = f"creation-qemu={QEMU[call.node.capacity.pve]},ctime={ctime}"
    return VmConfig(stored, call.get("description").rstrip("\n"))


def _complete(call: Call, config: VmConfig) -> None:
    """Add what every new VM has."""
    values = config.values
    if not values.get("boot"):
        values["boot"] = drives.default_boot(config)
    values.setdefault("smbios1", f"uuid={call.node.new_uuid()}")
    if values.get("vmgenid", "1") == "1" and values.get("arch") != "aarch64":
        values["vmgenid"] = call.node.new_uuid()
    if values.get("ostype", "").startswith("w"):
        values["machine"] = _pinned(values.get("machine", ""), call.node.capacity.pve)
    drives.check_machine(call.node.capacity.pve, values)


def _pinned(machine: str, release: str) -> str:
    """Return a machine type with its version: Windows wants always the same."""
    head, comma, rest = machine.partition(",")
    kind = head.removeprefix("type=")
    names = {"": "pc-i440fx", "pc": "pc-i440fx", "q35": "pc-q35"}
    if kind not in names:
        return machine
    return f"{names[kind]}-{machine_series(release)}{comma}{rest}"


@dataclass(frozen=True)
class _Into:
    """A stream into a task: its log takes what a task within it prints."""

    say: Say

    async def write(self, data: bytes) -> None:
        """Write to the task."""
        await self.say(data.decode(errors="surrogateescape"))


async def _start(call: Call, say: Say) -> None:
    """Start the new VM by a task of its own: a failure is told, and the status stays 0."""
    await say("Execute autostart\n")
    into = _Into(say)
    process = replace(call.process, stdout=into, stderr=into)
    values = {key: call.values[key] for key in ("vmid", "node") if key in call.values}
    try:
        await power.qm_start(replace(call, process=process, values=values, tasks=[]))
    except Failure as failure:
        await say(f"{failure.message}\n")
