"""``qm clone``: a stub with a lock first, the disks then, the finished configuration at the end."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.nets import with_identity, with_new_mac
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Source, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import was_killed
from pvekit.lab.vmconfig import UNUSED_NAME, Drive, VmConfig, format_size

_STUB = "# qmclone temporary file\nlock: clone\n"
_NOT_COPIED = frozenset({"template", "lock", "parent", "snaptime", "description"})


async def clone(call: Call) -> None:
    """Clone a VM or template; what a lost link or SIGKILL leaves behind stays."""
    _check_request(call)
    call.node.check_quorum()
    new = int(call.values["newid"])
    async with call.worker("qmclone") as say:
        shared = not call.node.guest(call.vmid)
        async with call.node.locking.config(call.vmid, say, seconds=1, shared=shared):
            plan = _plan(call)
            async with call.node.locking.config(new, say, seconds=1):
                _check_new(call, new)
                await _Clone(call, plan, Volumes(call.node, say), new).run()


def _check_request(call: Call) -> None:
    node, new = call.node, int(call.values["newid"])
    if "snapname" in call.values:
        raise Failure(f"snapshot '{call.get('snapname')}' does not exist", 2)
    storage = call.get("storage")
    if storage and "images" not in node.storages.get(storage).content:
        raise call.refuse(storage=f"storage '{storage}' does not support vm images")
    if (pool := call.get("pool")) and pool not in node.pools():
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)", 2)
    if (target := call.get("target")) and target not in {m.name for m in node.cluster.members}:
        raise Failure(f"no such cluster node '{target}'", 2)
    if call.vmid not in node.vmids():
        where = f"on node '{node.name}'"
        raise Failure(f"unable to find configuration file for VM {call.vmid} {where}", 2)
    _plan(call)
    _check_new(call, new)


def _check_new(call: Call, new: int) -> None:
    if call.node.machine.files.exists(call.node.config_path(new)):
        raise Failure(f"unable to create VM {new}: config file already exists", 2)


@dataclass(frozen=True)
class _Plan:
    source: VmConfig
    full: bool


def _plan(call: Call) -> _Plan:
    """Decide how every drive is cloned; the program dies where that is impossible."""
    source = call.node.config(call.vmid)
    check_lock(source)
    full = call.on("full") or ("full" not in call.values and not source.is_template)
    if not full:
        for option in ("storage", "format"):
            if option in call.values:
                raise Failure(f"parameter '{option}' not allowed for linked clones", 2)
        _check_linkable(source)
    _check_target(call, source)
    return _Plan(source, full)


def _check_linkable(source: VmConfig) -> None:
    for slot, drive in source.drives():
        base = re.search(r"[:/]base-\d+-disk-\d+(\.\w+)?$", drive.file)
        if drive.has_volume and not drive.is_cdrom and not base:
            raise Failure(f"Linked clone feature is not supported for '{drive.file}' ({slot})")


def _check_target(call: Call, source: VmConfig) -> None:
    target = call.get("target")
    if not target or target == call.node.name:
        return
    storages = {drive.file.partition(":")[0] for _, drive in source.drives() if drive.has_volume}
    if call.get("storage"):
        storages.add(call.get("storage"))
    if not all(call.node.storages.get(storage).shared for storage in storages):
        raise Failure(f"can't clone VM to node '{target}' (VM uses local storage)", 2)


@dataclass
class _Clone:
    call: Call
    plan: _Plan
    volumes: Volumes
    new: int

    @property
    def _path(self) -> str:
        return self.call.node.config_path(self.new)

    async def run(self) -> None:
        self.call.node.write(self._path, _STUB)
        try:
            config = await self._copy()
            self.call.node.save(self.new, config)
            self._move()
        except Failure as failure:
            self._roll_back()
            raise Failure(f"clone failed: {failure.message}") from failure
        except asyncio.CancelledError:
            if not was_killed(self.call.process):
                self._roll_back()
                await self._complain_of_signal()
            raise

    async def _complain_of_signal(self) -> None:
        try:
            await self.call.process.complain("clone failed: copy failed: interrupted by signal\n")
        except BrokenPipeError:
            return

    def _roll_back(self) -> None:
        node = self.call.node
        self.volumes.undo()
        # Without quorum the stub cannot be removed either: it is left behind.
        if node.cluster.quorate() and node.machine.files.exists(self._path):
            node.forget(self.new)

    def _move(self) -> None:
        target = self.call.get("target")
        if target and target != self.call.node.name:
            place = self._path.replace(f"/{self.call.node.name}/", f"/{target}/")
            self.call.node.machine.files.rename(self._path, place)

    async def _copy(self) -> VmConfig:
        source = self.plan.source
        config = self._base()
        for slot, drive in source.drives():
            config.values[slot] = str(await self._clone_drive(slot, drive))
        if source.pending:
            keys = ",".join(source.pending)
            await self.volumes.say(f"found pending changes for '{keys}', discarding for clone\n")
        return config

    def _base(self) -> VmConfig:
        node, source = self.call.node, self.plan.source
        values = {
            key: with_new_mac(node, value) if re.fullmatch(r"net\d+", key) else value
            for key, value in source.values.items()
            if key not in _NOT_COPIED and not UNUSED_NAME.fullmatch(key)
        }
        values["name"] = self.call.get("name") or f"Copy-of-VM-{source.name or self.call.vmid}"
        description = self.call.get("description", source.description)
        return VmConfig(with_identity(node, values), description.removesuffix("\n"))

    async def _clone_drive(self, slot: str, drive: Drive) -> Drive:
        if not drive.has_volume or (drive.is_cdrom and not drive.is_cloudinit):
            return drive
        say = self.volumes.say
        if drive.is_cloudinit:
            await say(f"create full clone of drive {slot} ({drive.file})\n")
            volid = await self._clone_cloudinit(drive)
        elif self.plan.full:
            await say(f"create full clone of drive {slot} ({drive.file})\n")
            volid = await self._clone_full(drive)
        else:
            await say(f"create linked clone of drive {slot} ({drive.file})\n")
            volid = await self.volumes.link(drive.file, self.new)
        size = format_size(self.volumes.get(volid).size)
        return Drive(volid, drive.properties).having(size=size)

    def _storage(self, drive: Drive) -> str:
        return self.call.get("storage") or drive.file.partition(":")[0]

    async def _clone_cloudinit(self, drive: Drive) -> str:
        storage = self._storage(drive)
        has_files = bool(self.call.node.storages.get(storage).path)
        wish = Wish(storage, self.new, "qcow2" if has_files else "raw", f"vm-{self.new}-cloudinit")
        return await self.volumes.allocate(wish, CLOUDINIT_SIZE)

    async def _clone_full(self, drive: Drive) -> str:
        node, volume = self.call.node, self.volumes.get(drive.file)
        if guest := node.guest(self.call.vmid):
            guest.flush()
        if volume.disk is None:
            raise Failure(f"volume '{drive.file}' does not exist")
        if node.world.faults.take("clone-fails", f"{self.call.vmid} {self.new}"):
            await self.volumes.say("qemu-img: error while reading at byte 0: Input/output error\n")
            raise Failure("copy failed: command '/usr/bin/qemu-img convert' failed: exit code 1")
        storage = self._storage(drive)
        default = volume.format if node.storages.get(storage).path else ""
        wish = Wish(storage, self.new, self.call.get("format") or default)
        source = Source(node.storages.path(drive.file), volume.format, volume.disk)
        limit = int(self.call.get("bwlimit", "0")) << 10
        return await self.volumes.copy(source, wish, limit)
