"""The work of ``qm clone``: a stub with a lock first, then one drive after the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pvekit.lab.access.store import add_vm_to_pool
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.conversion import Conversion
from pvekit.lab.commands.drivemaking import fixed_size
from pvekit.lab.commands.mirror import Mirrors
from pvekit.lab.commands.nets import with_identity, with_new_mac
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Source, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.features import format_of
from pvekit.lab.guests.disk import Disk
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.vmconfig import UNUSED_NAME, Drive, VmConfig, format_size
from pvekit.lab.workers import INTERRUPTED, was_killed

_STUB = "# qmclone temporary file\nlock: clone\n"
_NOT_COPIED = frozenset(
    {"template", "lock", "parent", "snaptime", "snapstate", "vmstate", "description"}
)
_OF_THE_RUN = frozenset({"runningcpu", "runningmachine"})
# What removes a volume there prints: nobody reads it, so it is killed, and so is the worker.
_TALKATIVE = frozenset({"lvm", "lvmthin", "rbd"})


@dataclass(frozen=True)
class Plan:
    """What is cloned: a VM or its snapshot, and whether each drive is copied in full."""

    source: VmConfig
    snapname: str
    running: bool
    whole: Mapping[str, bool]


@dataclass
class Clone:
    """One clone under way; ``config`` is what the new VM's file holds after the first drive."""

    call: Call
    plan: Plan
    volumes: Volumes
    new: int
    config: VmConfig = field(default_factory=VmConfig)
    mirrors: Mirrors | None = None

    @property
    def _path(self) -> str:
        return self.call.node.config_path(self.new)

    async def run(self) -> None:
        """Make the new VM; after a failure nothing of it stays, unless nobody could clean up."""
        self.config = self._base()
        self.call.node.write(self._path, _STUB)
        try:
            await self._work()
        except Failure as failure:
            await self._roll_back()
            raise Failure(f"clone failed: {failure.message}") from failure
        except BrokenPipeError:
            self._roll_back_unheard()
            raise
        except asyncio.CancelledError:
            if was_killed(self.call.process):
                raise
            await self._roll_back()
            raise Failure(f"clone failed: {INTERRUPTED}") from None

    async def _work(self) -> None:
        guest = self.call.node.guest(self.call.vmid)
        if guest is not None and not self.plan.snapname:
            self.mirrors = Mirrors(guest, self.volumes.say, hardware(self.plan.source.values).agent)
        for slot, whole in self.plan.whole.items():
            drive = Drive.parse(self.plan.source.values[slot])
            made = await self._clone_drive(slot, drive, whole=whole)
            clock = self.call.node.machine.clock
            await clock.sleep(clock.figures.new_volume)
            self.config.values[slot] = str(made)
            self.call.node.save(self.new, self.config)
        await self._finish()

    async def _finish(self) -> None:
        call = self.call
        del self.config.values["lock"]
        if pending := self.plan.source.pending:
            keys = ",".join(pending)
            await self.volumes.say(f"found pending changes for '{keys}', discarding for clone\n")
        call.node.save(self.new, self.config)
        self._move()
        if pool := call.get("pool"):
            await add_vm_to_pool(call.node, self.new, pool, self.volumes.say)

    def _move(self) -> None:
        node, target = self.call.node, self.call.get("target")
        if target and target not in {node.name, "localhost"}:
            place = self._path.replace(f"/{node.name}/", f"/{target}/")
            node.machine.files.rename(self._path, place)

    # What goes back

    async def _roll_back(self) -> None:
        """Remove what was made, telling what the tools print."""
        while self.volumes.made:
            volid = self.volumes.made.pop(0)
            try:
                if self.call.node.storages.find(volid) is not None:
                    await self.volumes.free(volid)
            except Failure as failure:
                await self.volumes.say(f"{failure.message}\n")
        self._remove_stub()

    def _roll_back_unheard(self) -> None:
        """Remove what was made, where that needs no word: a worker that prints now is killed."""
        storages = self.call.node.storages
        kinds = {storages.get(volid.partition(":")[0]).type for volid in self.volumes.made}
        if not kinds & _TALKATIVE:
            self.volumes.undo()
            self._remove_stub()

    def _remove_stub(self) -> None:
        node = self.call.node
        # Without quorum the stub cannot be removed either: it is left behind.
        if node.cluster.quorate(node.name) and node.machine.files.exists(self._path):
            node.forget(self.new)

    # What is made

    def _base(self) -> VmConfig:
        node, source = self.call.node, self.plan.source
        left = set(self.plan.whole) | _NOT_COPIED
        if node.capacity.pve.startswith("9"):
            left |= _OF_THE_RUN
        values = {
            key: with_new_mac(node, value) if re.fullmatch(r"net\d+", key) else value
            for key, value in source.values.items()
            if key not in left and not UNUSED_NAME.fullmatch(key)
        }
        values["name"] = self.call.get("name") or f"Copy-of-VM-{source.name or self.call.vmid}"
        values = with_identity(node, values)
        if "vmgenid" not in source.values:
            del values["vmgenid"]
        description = self.call.get("description") or source.description
        return VmConfig(values | {"lock": "clone"}, description.removesuffix("\n"))

    async def _clone_drive(self, slot: str, drive: Drive, *, whole: bool) -> Drive:
        kind = "full" if whole else "linked"
        await self.volumes.say(f"create {kind} clone of drive {slot} ({drive.file})\n")
        if not whole:
            volid = await self.volumes.link(drive.file, self.new, self.plan.snapname)
        elif drive.is_cloudinit:
            volid = await self._clone_cloudinit(drive)
            await self._end_mirrors(slot)
        elif self.mirrors is not None and slot != "efidisk0":
            volid = await self._mirror(slot, drive, self.mirrors)
        else:
            volid = await self._convert(slot, drive)
        size = format_size(self.volumes.get(volid).size)
        kept = {key: value for key, value in drive.properties.items() if key != "format"}
        return Drive(volid, kept).having(size=size)

    def _storage(self, drive: Drive) -> str:
        return self.call.get("storage") or drive.file.partition(":")[0]

    def _format(self, drive: Drive) -> str:
        """Return the new volume's format: as asked for, or like the old, or what the place can."""
        if not self.call.node.storages.get(self._storage(drive)).path:
            return ""
        source = self.call.node.storages.get(drive.file.partition(":")[0])
        return self.call.get("format") or (format_of(drive.file) if source.path else "raw")

    async def _clone_cloudinit(self, drive: Drive) -> str:
        wish = Wish(self._storage(drive), self.new, self._format(drive), f"vm-{self.new}-cloudinit")
        return await self.volumes.allocate(wish, CLOUDINIT_SIZE)

    async def _convert(self, slot: str, drive: Drive) -> str:
        storages, name = self.call.node.storages, self.plan.snapname
        volume = self.volumes.get(drive.file)
        snapshot = volume.snapshot(name) if name else None
        disk = (snapshot.disk if snapshot else volume.disk) or Disk(volume.size)
        if slot in {"efidisk0", "tpmstate0"}:
            disk = disk.copy(fixed_size(slot, drive))
        wish = Wish(self._storage(drive), self.new, self._format(drive))
        source = Source(storages.path(drive.file), volume.format, disk)
        self._check_fault()
        return await Conversion(self.volumes, self.call.process, name).run(
            source, wish, self.call.bandwidth
        )

    def _check_fault(self) -> None:
        if self.call.node.world.faults.take("clone-fails", f"{self.call.vmid} {self.new}"):
            raise Failure("copy failed: command '/usr/bin/qemu-img convert' failed: exit code 1")

    async def _mirror(self, slot: str, drive: Drive, mirrors: Mirrors) -> str:
        volume = self.volumes.get(drive.file)
        wish = Wish(self._storage(drive), self.new, self._format(drive))
        volid = await self.volumes.allocate(wish, volume.size, Disk(volume.size))
        self._check_fault()
        pool = self.call.node.storages.pool(wish.storage)
        await mirrors.start(slot, volume.size, pool, self.call.bandwidth)
        await mirrors.ready()
        await self._end_mirrors(slot)
        mirrors.guest.flush()
        made = self.volumes.get(volid)
        made.disk = (volume.disk or Disk(volume.size)).copy(made.size)
        return volid

    async def _end_mirrors(self, slot: str) -> None:
        last = slot == list(self.plan.whole)[-1]
        if last and self.mirrors is not None and self.mirrors.jobs:
            if slot not in {job.removeprefix("drive-") for job in self.mirrors.jobs}:
                await self.mirrors.ready()
            await self.mirrors.finish(self.call.vmid)
