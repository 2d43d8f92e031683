"""``vzdump``: which VMs are to be backed up where, and the backups one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pvekit.lab.backup import jobs
from pvekit.lab.backup.target import Target
from pvekit.lab.backup.task import GuestBackup
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.workers import stop, worker

if TYPE_CHECKING:
    from pvekit.lab.commands.call import Call
    from pvekit.lab.node import Node
    from pvekit.lab.storage import Definition
    from pvekit.lab.tasks import Say
    from pvekit.lab.vmconfig import Drive, VmConfig

DEFAULTS = {
    "compress": "0",
    "mode": "snapshot",
    "ionice": "7",
    "lockwait": "180",
    "stopwait": "10",
    "bwlimit": "0",
    "pigz": "0",
    "zstd": "1",
    "remove": "1",
    "protected": "0",
    "stdexcludes": "1",
    "all": "0",
    "quiet": "0",
    "stop": "0",
    "mailnotification": "always",
    "notification-mode": "auto",
    "prune-backups": "keep-all=1",
}
_LOCK = "/var/run/vzdump.lock"
_NOT_TOLD = frozenset(
    {"vmid", "id", "starttime", "dow", "stdout", "enabled", "api_path", "noproxy", "output-format"}
)
_NOT_SIMULATED = ("stdout", "script", "fleecing")


def is_option(call: Call, name: str) -> bool:
    """Return whether ``vzdump`` knows an option, as the API's method for jobs has it."""
    return name in call.command.names and name not in ("id", "delete", "digest")


def fault_of(values: Mapping[str, str], *, missing: bool = False) -> tuple[str, str] | None:
    """Return the option that contradicts another one, and why, or nothing."""
    conflict = "option conflicts with option 'vmid'"
    if values.get("vmid"):
        if values.get("all") == "1":
            return "all", conflict
        for name in ("exclude", "pool"):
            if values.get(name):
                return name, conflict
    if "prune-backups" in values and "maxfiles" in values:
        return "prune-backups", "option conflicts with option 'maxfiles'"
    if "\n" in values.get("notes-template", ""):
        return "notes-template", "contains a line feed"
    chosen = values.get("all") == "1" or values.get("stop") == "1" or "exclude" in values
    if missing and not (chosen or values.get("pool") or values.get("vmid")):
        return "vmid", "property is missing"
    return None


def disks(config: VmConfig) -> Iterator[tuple[str, Drive, str]]:
    """Return the disks of a VM, and why each is part of its backups or not."""
    for slot, drive in config.drives():
        if drive.is_cdrom or drive.is_cloudinit or not drive.has_volume:
            continue
        if drive.properties.get("backup", "1") in ("0", "no", "off"):
            yield slot, drive, "backup=no"
        elif slot == "efidisk0" and config.values.get("bios") != "ovmf":
            yield slot, drive, "efidisk but no OMVF BIOS"
        else:
            yield slot, drive, "backup=yes"


def storage_for_backups(node: Node, storage: str) -> Definition:
    """Return a storage that may hold backups; the program dies if it may not."""
    definition = node.storages.get(storage)
    if "backup" not in definition.content:
        raise Failure(f"can't use storage '{storage}' for backups - wrong content type")
    return definition


def _command_line(values: Mapping[str, str]) -> str:
    words = ["vzdump", *values.get("vmid", "").replace(",", " ").split()]
    for name in sorted(values.keys() - _NOT_TOLD):
        if values[name]:
            words += [f"--{name}", shlex.quote(values[name])]
    return " ".join(words)


async def vzdump(call: Call) -> str | None:
    """Back VMs up, as one task; what fails of it is told at the end."""
    for name in _NOT_SIMULATED:
        if call.get(name) not in ("", "0"):
            raise NotSimulated(f"--{name}")
    if fault := fault_of(call.values, missing=True):
        raise call.refuse(**{fault[0].replace("-", "_"): fault[1]})
    wanted = {k: v for k, v in call.values.items() if k != "node"}
    node = call.node
    if call.get("node", node.name) != node.name:
        return "OK"
    if "exclude" in wanted and "pool" not in wanted:
        wanted["all"] = "1"
    owners = node.cluster.guests()
    chosen = jobs.covered(node, wanted)
    mine = [vmid for vmid in chosen if vmid not in owners or owners[vmid][0] == node.name]
    if wanted.get("stop") == "1":
        await _stop_running(node)
    if not mine and wanted.get("all") != "1":
        return "OK"
    subject = str(mine[0]) if len(mine) == 1 else ""
    async with worker(node.tasks, call.process, "vzdump", subject, call.tasks) as say:
        quiet = wanted.get("quiet") == "1" and call.command.program == "vzdump"
        await _run(call, wanted, mine, sorted({*chosen} - {*mine}), _silence if quiet else say)
    return None


async def _stop_running(node: Node) -> None:
    running = [task for task in node.tasks.all if task.kind == "vzdump" and not task.endtime]
    for task in running:
        await stop(node.machine, task)
        if not task.endtime:
            raise Failure(f"stopping backup process {task.pid} failed")


async def _silence(_: str) -> None:
    """Say nothing, as was asked for."""


async def _run(
    call: Call, wanted: Mapping[str, str], mine: list[int], others: list[int], say: Say
) -> None:
    options = {**DEFAULTS, **wanted}
    if call.node.machine.locate("sendmail") is None:
        raise Failure("unable to find command 'sendmail'")
    target = Target.of(call.node, wanted)
    async with _lock(call, int(options["lockwait"]), say):
        await say(f"INFO: starting new backup job: {_command_line(wanted)}\n")
        if others:
            await say(f"INFO: skip external VMs: {', '.join(map(str, others))}\n")
        failed = 0
        for vmid in mine:
            backup = GuestBackup(call, vmid, options, target, say)
            failed += not await backup.run()
        end = "with errors" if failed else "successfully"
        await say(f"INFO: Backup job finished {end}\n")
    if failed:
        raise Failure("job errors")


class _lock:  # noqa: N801 - used as a function
    """The node's one backup at a time."""

    def __init__(self, call: Call, minutes: int, say: Say) -> None:
        self._machine = call.node.machine
        self._minutes = minutes
        self._say = say

    async def __aenter__(self) -> None:
        self._machine.files.write(_LOCK, b"", append=True)
        handle = self._machine.locks.try_acquire(_LOCK)
        if handle is None:
            await self._say("INFO: trying to get global lock - waiting...\n")
            handle = await self._machine.locks.acquire(_LOCK, timeout=self._minutes * 60)
            if handle is None:
                why = f"can't acquire lock '{_LOCK}' - got timeout"
                await self._say(f"ERROR: {why}\n")
                raise Failure(why)
            await self._say("INFO: got global lock\n")
        self._handle = handle

    async def __aexit__(self, *_: object) -> None:
        self._handle.release()
